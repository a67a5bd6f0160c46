/* market_shard.h - owns the books of one shard; the only writer of their state.
 *
 * In:      class 2 orders and cancels from account shards, configuration from control.
 * Out:     class 3 reports to account shards; class 4 trades and level changes to every ingress
 * core. Thread:  its core's. Order:   take an input only with room for all a slice can cause
 * (PROTOCOL C2-C4) -> record -> apply -> the core publishes (J1) -> then messages go. An unfinished
 * match is carried on by work(), and while it is open the shard takes no other input, not even a
 * cancel (C4).
 */
#ifndef MARKET_SHARD_H
#define MARKET_SHARD_H

#include "actors/book/book.h"
#include "actors/shard.h"
#include "actors/symbol_parts.h"
#include "actors/trade_ring.h"

struct avg_minute {
    int64_t minute; /* ts_us / 60e6 */
    __int128 quote; /* atoms */
    __int128 base;
};

struct market_symbol { /* one symbol of this shard: state */
    bool active;
    struct money_spec spec;
    int64_t min_notional, max_notional;
    struct symbol_limits limits;
    struct book *book;
    struct avg_minute
        avg[AVG_MINUTES]; /* by minute % AVG_MINUTES: the price of market orders' NOTIONAL */
    struct trade_ring trades;
};

enum { MARKET_PARTS_MAX = 4 }; /* TERMS, LEG, TERMS, PAIR */

struct market_parts {
    struct msg part[MARKET_PARTS_MAX];
    uint32_t count;
};

/* Whether they are one input, one behind another on a link: REPLACE_OLD, REPLACE_NEW; LEG, PAIR; or
 * [PENDING] [PENDING] PLACE; before each order but those pending its TERMS if it has any. */
bool market_parts_fit(const struct msg *part, uint32_t parts);

struct market_shard {
    struct shard shard; /* first */
    struct order_pool *pool;
    struct market_symbol *symbols; /* [symbols_max]; most are not of this shard */
    uint16_t *listed;              /* those that are */
    uint16_t listed_count;
    struct symbol_parts config;     /* that is on its way: state */
    struct book_event *events;      /* [2F + 4] */
    struct market_symbol *matching; /* the open match, or NULL (C4) */
    struct msg open;                /* the input it came from */
    bool timed;                     /* and how long it takes goes to metrics: not state */
    /* [account shards + 1], by sender: parts whose last one is on its way (C8). Not state: nothing
     * is taken, and no record made, before all are here. */
    struct market_parts *parts;
};

size_t market_shard_bytes(const struct exchange *ex);
struct market_shard *market_shard_init(struct exchange *ex, struct arena *arena, uint16_t number,
                                       uint16_t core);
enum recover market_shard_replay(struct market_shard *self, const struct record_head *head,
                                 const unsigned char *payload, int64_t ts_us);
uint64_t market_shard_hash(const struct market_shard *self);

/* Gives a configured symbol its book. */
void market_symbol_open(struct market_shard *self, uint16_t number);

/* The book of a symbol of this shard, or NULL. */
struct book *market_shard_book(const struct market_shard *self, uint16_t symbol);

#endif
