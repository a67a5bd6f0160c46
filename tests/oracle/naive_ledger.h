/* naive_ledger.h - the ledger again, as simply as it can be said: the oracle of
 * test_ledger_oracle.c.
 *
 * Thread:  one.
 * Memory:  malloc; flat arrays that are searched from end to end.
 * Method:  what a balance is, is computed anew from first principles whenever it is asked for: a
 * user's total of an asset is what came in less what went out; an order's hold is what O1 and O2
 * say it must be now, that of a pair what the two of them say; free is the total less the holds of
 * the open orders. Nothing is kept twice.
 * Source:  PROTOCOL §2.9, O1, O2, O5, O6 and the comments of ledger.h; not ledger.c. Its arithmetic
 * is its own (128 bit), not money.c's.
 */
#ifndef NAIVE_LEDGER_H
#define NAIVE_LEDGER_H

#include "actors/ledger/ledger.h"

struct naive_order {
    struct ledger_new asked;
    uint64_t ref, order_id;
    uint32_t user; /* index, 0.. */
    int64_t price_ticks, qty_lots, executed_lots, cum_quote;
    int64_t first_hold, spent; /* market orders: the hold at the beginning, what fills took of it */
    int64_t due;               /* what its hold waits for from the order it replaces */
    int64_t time_us, updated_us, working_us; /* working_us: of one that has been triggered */
    enum order_status status;
    enum order_expiry expiry;
    uint8_t flags;
    bool open;
    uint64_t list, other; /* of its list; the ref of the other one of its pair; 0: none */
    uint32_t trades, amends;
    int64_t prevented_lots;
    uint64_t prevented_id;
};

static inline int64_t naive_order_left(const struct naive_order *order)
{
    return order->qty_lots - order->executed_lots - order->prevented_lots;
}

struct naive_amend { /* under way */
    uint64_t ref;
    uint32_t user;
    int64_t qty_atoms;
    uint8_t client_length;
    char client_id[CLIENT_ID_MAX];
};

struct naive_trade {
    uint64_t trade_id, order_id, ref;
    uint32_t user;
    uint16_t symbol;
    uint8_t side;
    bool maker;
    int64_t price_ticks, qty_lots, quote_atoms, fee_atoms, ts_us;
    uint64_t list;
};

struct naive_list {
    struct ledger_new_list asked;
    uint64_t id;
    uint32_t user; /* index, 0.. */
    enum list_phase phase;
    bool started, done;
    int64_t time_us, price_atoms;
    struct ledger_list_order order[LIST_ORDERS_MAX]; /* ids: of those whose order is forgotten */
};

/* What a new order would mean. An estimate (O1) has no rounding rule, so it is a range: the hold is
 * anything from hold_min to hold_max, and held_all says whether that was all the free funds. */
struct naive_plan {
    enum reject reject, or_else; /* or_else: also right, where the estimate may round to nothing */
    int64_t price_ticks, qty_lots, hold_min, hold_max, free;
    int64_t free_alone, from_old; /* the two parts of free, when an order is replaced */
    uint16_t hold_asset;
    uint8_t flags; /* without ORDER_HELD_ALL */
    bool estimate;
};

struct naive_ledger;

struct naive_ledger *naive_ledger_new(const struct ledger_limits *limits);
void naive_ledger_free(struct naive_ledger *ledger);
void naive_ledger_user_add(struct naive_ledger *ledger, uint32_t user_id);
struct ledger_symbol *naive_ledger_symbol(struct naive_ledger *ledger, uint16_t symbol);

void naive_ledger_set_rates(struct naive_ledger *ledger, uint32_t user, uint16_t symbol,
                            const struct ledger_rates *rates);
struct exchange_limits *naive_ledger_exchange(struct naive_ledger *ledger);

struct naive_plan naive_ledger_check_new(const struct naive_ledger *ledger, uint32_t user,
                                         const struct ledger_new *order);
/* The same for an order that replaces the open order `old`, a ref; 0: none. */
struct naive_plan naive_ledger_check_replace(const struct naive_ledger *ledger, uint32_t user,
                                             const struct ledger_new *order, uint64_t old);
/* `plan` as the other ledger gave it, where naive_plan leaves a choice. Returns the ref. */
uint64_t naive_ledger_place(struct naive_ledger *ledger, uint32_t user,
                            const struct ledger_new *order, const struct ledger_plan *plan);
void naive_ledger_accepted(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                           int64_t ts_us);
void naive_ledger_triggered(struct naive_ledger *ledger, uint64_t ref, int64_t ts_us);
void naive_ledger_fill(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                       uint64_t trade_id, int64_t price_ticks, int64_t qty_lots, bool maker,
                       bool done, int64_t ts_us);
void naive_ledger_prevented(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                            uint64_t match_id, int64_t lots, bool done, int64_t ts_us);
void naive_ledger_done(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                       enum order_status status, int64_t ts_us);
void naive_ledger_replaced(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                           uint64_t new_ref, int64_t moved, int64_t ts_us);
void naive_ledger_refused(struct naive_ledger *ledger, uint64_t ref);

/* ---- lists of orders ---- */

/* What is to be held for each order by itself, and what a list is refused with. */
struct naive_list_plan {
    enum reject reject;
    struct naive_plan order[LIST_ORDERS_MAX];
};

struct naive_list_plan naive_ledger_check_list(const struct naive_ledger *ledger, uint32_t user,
                                               const struct ledger_new_list *list);
/* Returns its id. */
uint64_t naive_ledger_place_list(struct naive_ledger *ledger, uint32_t user,
                                 const struct ledger_new_list *list,
                                 const struct naive_list_plan *plan);
void naive_ledger_list_start(struct naive_ledger *ledger, uint64_t id, int64_t ts_us);
void naive_ledger_list_todo(struct naive_ledger *ledger, uint64_t id);
/* What those pending need now, as one hold; then it is taken, as the other ledger gave it. */
struct naive_plan naive_ledger_check_fund(const struct naive_ledger *ledger, uint64_t id);
void naive_ledger_fund(struct naive_ledger *ledger, uint64_t id, const struct naive_plan *plan,
                       int64_t hold);
void naive_ledger_end_pending(struct naive_ledger *ledger, uint64_t ref, enum order_status status,
                              enum order_expiry expiry, int64_t ts_us);
/* Why the order will have expired. */
void naive_ledger_expiry(struct naive_ledger *ledger, uint64_t ref, enum order_expiry expiry);
void naive_ledger_list_end(struct naive_ledger *ledger, uint64_t id, int64_t ts_us);
/* NULL: there is none. */
const struct naive_list *naive_ledger_find_list(const struct naive_ledger *ledger, uint64_t id);
const struct naive_list *naive_ledger_find_named(const struct naive_ledger *ledger, uint32_t user,
                                                 const char *id, uint8_t length);
/* The user's lists, those open in the order of their making, those done of their ending. */
const struct naive_list *naive_ledger_user_list(const struct naive_ledger *ledger, uint32_t user,
                                                bool done, uint32_t index);
/* What the list says of one of its orders, which may be forgotten. */
struct ledger_list_order naive_ledger_list_order(const struct naive_ledger *ledger,
                                                 const struct naive_list *list, uint32_t place);
uint32_t naive_ledger_list_open(const struct naive_ledger *ledger, const struct naive_list *list);
uint64_t naive_ledger_evicted_lists(const struct naive_ledger *ledger);

/* Whether the order may get this quantity and id; then it is under way, and the market's word on
 * it, `reject` or none, comes once: it is told how many lots are off, and whether that was all. */
enum reject naive_ledger_check_amend(const struct naive_ledger *ledger,
                                     const struct naive_amend *amend);
void naive_ledger_amend(struct naive_ledger *ledger, const struct naive_amend *amend);
const struct naive_amend *naive_ledger_amending(const struct naive_ledger *ledger, uint32_t index);
void naive_ledger_amended(struct naive_ledger *ledger, uint64_t ref, bool refused, int64_t ts_us);

/* *repeat: it was made before, and *free_after is the answer of then. */
enum reject naive_ledger_check_deposit(const struct naive_ledger *ledger, uint32_t user,
                                       uint16_t asset, int64_t amount,
                                       const uint8_t id[REQUEST_ID_BYTES], bool *repeat,
                                       int64_t *free_after);
int64_t naive_ledger_apply_deposit(struct naive_ledger *ledger, uint32_t user, uint16_t asset,
                                   int64_t amount, const uint8_t id[REQUEST_ID_BYTES]);

/* ---- looking in ---- */

int64_t naive_ledger_free_atoms(const struct naive_ledger *ledger, uint32_t user, uint16_t asset);
int64_t naive_ledger_locked_atoms(const struct naive_ledger *ledger, uint32_t user, uint16_t asset);
/* Of what the order may spend: what it needs for itself where a pair shares one hold. */
int64_t naive_ledger_held_alone(const struct naive_ledger *ledger, const struct naive_order *order);
/* What the order may spend, alone or with the other one of its pair. */
int64_t naive_ledger_held(const struct naive_ledger *ledger, const struct naive_order *order);
/* Whether it has one hold with the other one of its pair, of which none has acted. */
bool naive_ledger_shares(const struct naive_ledger *ledger, const struct naive_order *order);
/* Fees of the whole shard in the asset. */
__int128 naive_ledger_fees(const struct naive_ledger *ledger, uint16_t asset);
__int128 naive_ledger_deposits(const struct naive_ledger *ledger, uint16_t asset);
__int128 naive_ledger_withdrawals(const struct naive_ledger *ledger, uint16_t asset);

/* Open, or the newest kept done one; NULL when unknown. */
const struct naive_order *naive_ledger_by_ref(const struct naive_ledger *ledger, uint64_t ref);
/* Every order ever made that is still known, oldest first; NULL behind the last. */
const struct naive_order *naive_ledger_order(const struct naive_ledger *ledger, uint32_t index);
const struct naive_trade *naive_ledger_trade(const struct naive_ledger *ledger, uint32_t index);
/* The user's done orders in the order of their ending. */
const struct naive_order *naive_ledger_done_order(const struct naive_ledger *ledger, uint32_t user,
                                                  uint32_t index);
uint32_t naive_ledger_open_count(const struct naive_ledger *ledger);
uint64_t naive_ledger_evicted_orders(const struct naive_ledger *ledger);
uint64_t naive_ledger_evicted_trades(const struct naive_ledger *ledger);
/* Floor of price times quantity in quote atoms. */
__int128 naive_ledger_cost(const struct naive_ledger *ledger, uint16_t symbol, int64_t price_ticks,
                           int64_t lots);

#endif
