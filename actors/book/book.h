/* book.h - the limit order book of one symbol: price-time priority, nothing else.
 *
 * Thread:  owner only. A book belongs to the market shard that built it; no call takes a lock.
 * Memory:  one block from the caller, sized by book_size(), and the shard's order pool; no call
 *          allocates after book_init().
 * Pure:    no clock, random number, I/O or log. Time arrives in cmd->ts_us, order in cmd->seq.
 * Holds:   between commands best bid < best ask, and a level's qty is the sum of its orders' qty.
 * Units:   price_ticks = price / tick size, qty_lots = quantity / step size, quote in atoms (1e-8).
 * Shape:   a window of ticks (a flat array with a bitmap hierarchy) around the market; prices
 * outside it live in a treap; the window follows the market (book_window.c). No result depends on
 *          where the window is.
 * Icebergs: rest with what they show in front; what does not show comes to the end of the queue, a
 *          part at a time. left is always the whole.
 * Stops:   wait (ACCEPTED) for a trade at their price, then are takers one after the other, when
 *          the match that woke them is over, and before any other command (trigger.h).
 * Pairs:   with its first trade, its trigger or its end an order ends the other one of its pair.
 * Life:    NEW -> fills -> rests (ACCEPTED) or ends. An order ends by exactly one event: the FILL
 *          or the PREVENTED that takes its last lot (BOOK_MAKER_DONE, BOOK_TAKER_DONE), or a DONE
 *          with the reason. A command ends other orders than its own by fills, by self-trade
 *          prevention and as the other one of a pair only.
 * Source:  docs/MATCHING.md, which cites the Binance Spot documentation it follows.
 */
#ifndef BOOK_H
#define BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/book/order_pool.h"
#include "actors/book/reject.h"
#include "runtime/wire.h"

enum book_cmd_type {
    CMD_NEW,
    CMD_CANCEL, /* by ref */
    CMD_MOVE,   /* cancel `ref` and place a limit order under `new_ref`, in one command */
    CMD_STATUS, /* `status` */
    /* Takes qty_lots off the order `ref`, which keeps its place; one that has no more expires. A
     * difference, because it means the same whatever fills pass it on its way: a new left or a new
     * quantity would not. */
    CMD_REDUCE,
    /* Two orders of one user and side, of which only one may trade: a LIMIT_MAKER or
     * TAKE_PROFIT(_LIMIT) and, as `other`, a STOP_LOSS(_LIMIT), both at rest when it is done. */
    CMD_PAIR,
};

enum { /* book_cmd.flags */
       CMD_QUOTE_QTY =
           1, /* MARKET: quote_atoms is what to spend or to receive, qty_lots is not used */
       CMD_HELD_ALL = 2, /* MARKET buy by qty: quote_atoms was all the user's free funds (O1) */
       /* NEW: how many order ids behind its own are kept for orders that come later, 0 to 3 */
       CMD_KEEPS_SHIFT = 6,
};

struct book_cmd;

struct book_more {
    int64_t display_lots;         /* 0, or what an iceberg shows at a time, once it rests */
    int64_t stop_ticks;           /* of a type that waits; 0 when it only trails */
    uint32_t trail_bips;          /* 0, or the delta of an order that trails the price */
    uint64_t order_id;            /* NEW, PAIR: that was kept for it; 0: the next one */
    const struct book_cmd *other; /* PAIR: the stop-loss leg */
};

struct book_cmd {
    uint8_t type, side, order_type, tif, stp, flags, status, restriction; /* the last: CMD_CANCEL */
    uint32_t user;
    uint32_t group;        /* of accounts that do not trade with each other; 0: none */
    uint64_t seq;          /* book_seq(book) + 1 */
    uint64_t ref, new_ref; /* new_ref: CMD_MOVE */
    int64_t price_ticks;   /* LIMIT, LIMIT_MAKER, MOVE */
    int64_t qty_lots;      /* REDUCE: may be <= 0, which is refused */
    /* MARKET: a buy by quantity stops when this hold is spent; with CMD_QUOTE_QTY the amount to
     * spend (buy) or to receive at most (sell), for a sell together with qty_lots, the lots held.
     * Of a type that waits and then buys at market, what it may spend. */
    int64_t quote_atoms;
    int64_t ts_us;
    const struct book_more
        *more; /* what few orders have, or NULL; needed until book_begin() returns */
};

enum book_event_type {
    EVENT_ACCEPTED, /* the taker rests, or waits: ref, order_id, price, qty = its lots, left = the
                     * same; not told of one that has waited */
    EVENT_FILL,     /* ref, order_id, user, left: the maker's; price, qty; id = trade id */
    EVENT_DONE, /* ref, order_id, left, reason; id = the hold of one that waited to buy at market */
    EVENT_LEVEL,     /* side, price, qty = new sum (0: gone); id = update id */
    EVENT_REDUCED,   /* ref, order_id, user, price, qty = lots taken off, left = what rests now */
    EVENT_TRIGGERED, /* ref, order_id, user, price, left: the order waits no longer; it is the taker
                      */
    /* Two orders of one owner did not trade: ref, order_id, user: the maker's; price; qty = lots
     * that the maker gives up, left = those of the taker, 0 for what is counted in quote; id = of
     * the prevented match; reason = the taker's mode, enum book_stp. */
    EVENT_PREVENTED,
};

enum book_done {
    DONE_FILLED, /* a market order whose rest cannot buy one step */
    DONE_CANCELED,
    DONE_EXPIRED,  /* IOC, FOK, market remainder; what a REDUCE has left nothing of */
    DONE_STP,      /* journals from before EVENT_PREVENTED have it */
    DONE_REPLACED, /* the old half of a move */
    DONE_SIBLING,  /* the other one of its pair traded, was triggered, or ended */
};

enum { BOOK_MAKER_DONE = 1, BOOK_TAKER_DONE = 2 }; /* book_event.flags of FILL and PREVENTED */

struct book_event {
    /* side: of the order or level; of a FILL or PREVENTED, the maker's */
    uint8_t type, side, reason, flags;
    uint32_t user;
    uint64_t ref, order_id, id;
    int64_t price_ticks, qty_lots, left_lots;
    uint64_t taker_order_id; /* FILL, PREVENTED */
};
_Static_assert(sizeof(struct book_event) == 64, "one cache line");

struct book_events {
    struct book_event *event;
    uint32_t count;
};

enum book_step { BOOK_MORE, BOOK_DONE };

struct book; /* opaque: look in with book_best(), book_hash(), book_verify() */

struct book_config {
    struct money_spec spec;
    uint16_t symbol;
    uint32_t window_ticks; /* a power of two, 64 .. 262144 */
};

size_t book_size(uint32_t window_ticks);

/* Builds an empty, TRADING book in a zeroed, 64-byte aligned block, which stays the caller's. The
 * pool outlives the book. Thread: the owner-to-be. */
struct book *book_init(void *block, struct order_pool *pool, const struct book_config *config);

/* Opens one command. The match it starts is carried on by book_step() until that says BOOK_DONE; in
 * between the book takes no other command, and no snapshot.
 * Expects:  cmd->seq == book_seq(book) + 1, prices and quantities > 0 and on the grid, ts_us not
 *           before the last command's, fresh refs.
 * Returns:  REJECT_NONE or the reason; after a reject only book_seq() has changed, and no step
 *           follows.
 * Cost:     O(1); FOK and market buys walk the levels they would take first, and their orders when
 *           they prevent self-trades.
 * Thread:   owner. */
enum reject book_begin(struct book *book, const struct book_cmd *cmd);

/* Carries the open command on by at most `fills_max` makers, filled or ended by self-trade
 * prevention, of one taker, and appends what happened to `out`. Slicing never changes what happens.
 * Expects:  room in `out` for 2 * fills_max + 4 events: a maker is one and its level at most one;
 *           the old half of a move is two, a trigger one, and a taker that rests two.
 * Cost:     O(log levels + fills_max). Thread: owner. */
enum book_step book_step(struct book *book, uint32_t fills_max, struct book_events *out);

/* Whether a command is open. */
bool book_busy(const struct book *book);

/* The order id that the command just begun has taken; of a PAIR, that of `other`, which comes
 * first.
 */
uint64_t book_taker_order_id(const struct book *book);

/* The ref, the user and the group of the taker whose slice the last step was. */
uint64_t book_taker_ref(const struct book *book);
uint32_t book_taker_user(const struct book *book);
uint32_t book_taker_group(const struct book *book);

/* Fetches the cache lines that `count` commands will need. Changes nothing. Thread: owner. */
void book_prefetch(const struct book *book, const struct book_cmd *const *cmds, uint32_t count);

uint64_t book_seq(const struct book *book);
enum book_status book_status(const struct book *book);
uint64_t book_update_id(const struct book *book);
int64_t book_last_price(const struct book *book); /* 0: never traded */
uint32_t book_orders(const struct book *book);    /* resting */
uint32_t book_waiting(const struct book *book);   /* waiting for their triggers */

/* Best price of a side; false when it is empty. */
bool book_best(const struct book *book, enum book_side side, int64_t *price_ticks);

/* The next level of a side behind `price_ticks` in priority; start with book_first_price(side). */
bool book_next_level(const struct book *book, enum book_side side, int64_t *price_ticks,
                     int64_t *qty_lots);
int64_t book_first_price(enum book_side side);

/* Lots of the order that do not show. */
int64_t book_hidden(const struct book *book, const struct order_node *order);

/* Calls `each` for every resting order, best level first, oldest first. */
void book_each_order(const struct book *book, enum book_side side,
                     void (*each)(void *arg, const struct order_node *order), void *arg);

/* The same for those that wait, in no order of importance. */
void book_each_waiting(const struct book *book,
                       void (*each)(void *arg, const struct order_node *order,
                                    const struct order_terms *terms, int64_t extreme),
                       void *arg);

/* Hash of the logical state: orders in priority order, counters, status. O(orders). */
uint64_t book_hash(const struct book *book);

/* Writes the whole state, or reads it into a book fresh from book_init(). What was read is bounded
 * by the pool and asserts nothing; wire->ok says whether it is whole. Expects: no command open.
 * O(orders). */
void book_wire(struct wire *wire, struct book *book);

/* Checks every invariant; asserts. O(orders). */
void book_verify(const struct book *book);

#endif
