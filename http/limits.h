/* limits.h - what one client address may ask for: request weight and requests in windows that are
 * aligned to the clock, and the bans of those who go on after they were refused.
 *
 * Thread:  any: all ingress cores share one. No lock but for the making of a ban.
 * Memory:  one zeroed block from the caller, sized by limits_bytes(): it does not grow, whoever
 *          comes. Of more addresses than it has room for, those that asked for least are forgotten,
 *          and of bans those that ended, then those that end first.
 * Pure:    no clock: time is an argument, in microseconds, and decides the window.
 * Source:  Binance's rest-api.md "LIMITS"; where it gives no numbers (how many refusals make a ban,
 *          how bans grow, when they are forgotten) docs/API.md says what we chose.
 */
#ifndef LIMITS_H
#define LIMITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/tally.h"

/* As they are told, too: LIMIT_TEXT(LIMIT_WEIGHT) is "6000". */
#define LIMIT_WEIGHT      6000   /* a minute and address */
#define LIMIT_REQUESTS    300000 /* five minutes and address */
#define LIMIT_ORDERS_10S  100 /* unfilled ones of an account: its shard counts and refuses them */
#define LIMIT_ORDERS_1D   200000
#define LIMIT_DIGITS(n)   #n
#define LIMIT_TEXT(limit) LIMIT_DIGITS(limit)

enum {
    LIMIT_WEIGHT_US = 60000000,
    LIMIT_REQUESTS_US = 300000000,
    /* In a minute, before the address is banned: as many as an HTTP/2 connection may have under way
     * when the first is refused. */
    LIMIT_REFUSALS = 100,
    LIMIT_BAN_S = 120,            /* the first ban, each further one twice as long... */
    LIMIT_BAN_MAX_S = 3 * 86400,  /* ... up to here */
    LIMIT_BAN_KEPT_S = 3 * 86400, /* after so long without one, the next is a first one again */
    LIMIT_SLOTS = 65536,          /* addresses; bans: a quarter of them */
};

struct limit_ban {
    _Atomic uint64_t address; /* 0: free */
    _Atomic uint64_t ban;     /* when it ends, in seconds << 32 | its length in seconds */
};

struct limits {
    struct tally weights, requests, refusals;
    struct limit_ban *bans;
    _Atomic uint32_t last_end_s; /* no ban ends later */
    atomic_flag making;          /* a ban */
};

enum limit {
    LIMIT_NONE,
    LIMIT_BY_WEIGHT,
    LIMIT_BY_REQUESTS,
    LIMIT_BY_BAN,
    LIMIT_BY_ORDERS, /* of an account: not told here */
    LIMIT_KINDS
};

struct limit_told { /* why not */
    enum limit why;
    int64_t until_us; /* from then on it may ask again */
    uint32_t new_ban; /* seconds; 0: none was made by this refusal */
};

size_t limits_bytes(void);
void limits_init(struct limits *limits, void *block);

/* Counts a request of the address, which is not 0, before anything is done for it; false: it is
 * banned, or has used up its requests or its weight. */
bool limits_enter(struct limits *limits, uint64_t address, int64_t now_us, struct limit_told *told);

/* Counts its weight; false when that is more than what is left: then it costs nothing. *used: the
 * minute's weight. */
bool limits_charge(struct limits *limits, uint64_t address, int64_t now_us, uint32_t weight,
                   uint32_t *used, struct limit_told *told);

/* Counts weight that is known when the work is done, whatever is left; 0 only looks. Returns the
 * minute's weight. */
uint32_t limits_add(struct limits *limits, uint64_t address, int64_t now_us, uint32_t weight);

#endif
