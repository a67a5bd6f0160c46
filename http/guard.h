/* guard.h - what the edge lets a peer do: how many connections, how many requests without an
 * answer, how many given up, how long nothing may move; and which HTTP/1 heads are trusted.
 *
 * Thread:  struct guard is shared by all ingress cores (atomics); a struct guard_link belongs to
 * its connection's core. Pure:    no clock, no socket: server.c looks and acts. Time is an
 * argument, in microseconds. Why:     Debian's h2o 2.2.5 has no fix for rapid reset
 * (CVE-2023-44487), reads a 16 KiB body for as long as its sender likes over HTTP/2, and waits for
 * ever for a peer that reads nothing.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- at the door: connections, in all and by address ---- */

enum { GUARD_ROWS = 4, GUARD_CELLS = 32768 }; /* 512 KiB, resident where used */

/* Counts by address are a count-min sketch: an address has a cell in each row, and its count is the
 * smallest of them. It never counts too few, needs no entry to be found, evicted or locked, and
 * counts too many only where other addresses share all four cells: with 2,000 of them connected,
 * for about one in 70,000. The seed is secret, so nobody can aim at another's cells. */
struct guard {
    uint32_t connections_max, per_address_max; /* per_address_max 0: no cap by address */
    uint64_t seed;
    _Atomic uint32_t connections;
    _Atomic uint32_t cells[GUARD_ROWS][GUARD_CELLS];
};

enum guard_entry { GUARD_ENTERED, GUARD_FULL, GUARD_ADDRESS_FULL };

/* Expects zeroed memory. Thread: before it is shared. */
void guard_init(struct guard *guard, uint32_t connections_max, uint32_t per_address_max,
                uint64_t seed);

/* Counts a connection in, or says why not. `address`: address_key(), or 0, which has no cap of its
 * own. Thread: any. */
enum guard_entry guard_enter(struct guard *guard, uint64_t address);

/* Counts one out that had entered. Thread: any. */
void guard_leave(struct guard *guard, uint64_t address);

/* ---- inside: one connection ---- */

enum {
    /* Twice h2o's 100 streams: a client that resets nothing never has more than 100, and one whose
     * requests time out may have as many again that the exchange still works on. */
    GUARD_UNANSWERED_MAX = 200,
    /* An HTTP/2 client that opens no window makes us keep its answers: 100 of any size. */
    GUARD_UNTAKEN_MAX = 4 << 20,
    GUARD_GIVEN_UP_MAX = 1000, /* a minute */
    GUARD_WINDOW = 200,        /* requests; more than half of them given up is too many */
    GUARD_MINUTE_US = 60000000
};

struct guard_link {
    uint32_t unanswered; /* requests that the exchange has not answered, given up or not */
    size_t untaken;      /* bytes of answers that h2o still holds; kept by server.c */
    uint32_t given_up_minute;
    int64_t minute_us;                         /* the minute's beginning */
    uint64_t window[(GUARD_WINDOW + 63) / 64]; /* a bit a request: given up */
    uint16_t window_at, window_count, window_given_up;
    /* what guard_look() saw last */
    uint64_t requests;
    size_t written;
    int64_t partial_us, writing_us; /* since when; 0: not */
};

/* Takes a request, or says that too many of this connection wait for the exchange, or that it takes
 * too little of what it was answered. */
bool guard_request(struct guard_link *link);

/* The exchange has answered one; whether its client still listened does not matter. */
void guard_answered(struct guard_link *link);

/* A request was answered to its client, or given up by it (stream reset, connection lost). True
 * when this connection gives up too many and is to be closed. */
bool guard_ended(struct guard_link *link, bool given_up, int64_t now_us);

struct guard_view { /* a connection at this moment */
    int64_t accepted_us;
    uint64_t requests;       /* complete ones so far */
    size_t partial, written; /* bytes received of what is not complete; sent so far */
    bool writing;            /* h2o has more to write than the peer takes */
};

struct guard_times {
    int64_t request_us; /* a request is complete so long after its first byte */
    int64_t idle_us;    /* an answer is taken in so long */
};

enum guard_fault { GUARD_GOOD, GUARD_SLOW, GUARD_STALLED };

/* Looks at a connection every now and then; slow: its first request, or one under way, does not get
 * complete; stalled: its peer takes nothing of what was written to it. */
enum guard_fault guard_look(struct guard_link *link, const struct guard_view *view,
                            const struct guard_times *times, int64_t now_us);

/* ---- HTTP/1 heads ---- */

enum guard_head {
    GUARD_HEAD_PLAIN,
    GUARD_HEAD_CHUNKED,  /* good, but no request may follow on the connection */
    GUARD_HEAD_AMBIGUOUS /* two readers could see two different requests: refused, connection closed
                          */
};

/* Judges a head as it was received; `bytes` may go on with the body. Ambiguous (RFC 9112 §2.2,
 * §5.2, §6): lengths said twice, or beside a coding; a coding that is not "chunked"; a line that
 * ends in a bare LF, or goes on with a space. h2o 2.2.5 takes all of them. Its chunk decoder also
 * takes bare LFs and anything as an extension, hence GUARD_HEAD_CHUNKED. */
enum guard_head guard_head(const char *bytes, size_t length);

#endif
