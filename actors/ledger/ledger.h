/* ledger.h - the accounts of one account shard: balances, holds, orders, dedup. The pure core.
 *
 * Thread:  owner only (the account shard).
 * Memory:  one arena from the caller, sized by ledger_size(); no call allocates later. Pages become
 *          resident as users and orders come.
 * Pure:    no clock, random number, I/O or log: time is an argument. Everything below is state, and
 * a function of the calls made, in order. Holds:   for every balance free >= 0 and locked = sum of
 * its open orders' holds; a hold is resolved only by the market shard it was made for (PROTOCOL O1,
 * §2.9); per asset free + locked + fees changes only by deposits, withdrawals and fills. Units:
 * atoms (1e-8) for money, ticks and lots in orders, microseconds for time. Source:  PROTOCOL §2.9
 * (O1, O2, O5, O6); docs/MATCHING.md for the Binance rules.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/book/reject.h"
#include "actors/book/strategy.h"
#include "actors/book/symbol_limits.h"
#include "runtime/wire.h"

enum {
    CLIENT_ID_MAX = 36,
    REQUEST_ID_BYTES = 16,
    ASSET_NONE = UINT16_MAX,
    ORDER_AMENDS_MAX = 10,    /* of a symbol without the filter MAX_NUM_ORDER_AMENDS */
    LEDGER_AMENDS_MAX = 64,   /* under way at a time */
    SYMBOL_NONE = UINT16_MAX, /* all symbols, where that is possible */
};

enum order_status {
    ORDER_SENT, /* held, on its way to the market; not shown */
    ORDER_NEW,
    ORDER_PARTIALLY_FILLED,
    ORDER_FILLED,
    ORDER_CANCELED,
    ORDER_EXPIRED,
    ORDER_EXPIRED_IN_MATCH,
    ORDER_PENDING, /* open: of a list's second phase, which has not begun */
    ORDER_STATUS_COUNT
};

/* Why an order of a list is EXPIRED, where that is not its own doing. */
enum order_expiry {
    EXPIRY_OWN,
    EXPIRY_OCO,      /* the other one of its pair has acted */
    EXPIRY_OTO,      /* its working order was not filled */
    EXPIRY_REJECTED, /* its second phase came, and it could not be placed */
};

enum {                     /* ledger_order.flags */
       ORDER_BY_QUOTE = 1, /* MARKET with quoteOrderQty */
       ORDER_HELD_ALL = 2, /* the hold was all the free funds (O1) */
       ORDER_CAN_REST = 4, /* counts against MAX_NUM_ORDERS */
       ORDER_LOST = 8,     /* its hold never came: the account shard skips what is told of it */
       ORDER_TERMS = 16,   /* it has ledger_terms */
       ORDER_WAITING = 32, /* TERMS: its trigger has not fired yet */
       ORDER_SHARED = 64,  /* of a pair of which none has traded: one hold, which either has; or one
                              whose other one has: it holds nothing, and ends next */
       ORDER_PENDED = 128, /* TERMS: of a list's second phase; it works since its terms say */
};

struct ledger_symbol {
    bool active, delisted; /* delisted: no order is taken any more */
    uint8_t default_stp;
    struct money_spec spec;
    uint16_t base, quote; /* asset numbers */
    int64_t min_price_ticks, max_price_ticks;
    int64_t min_lots, max_lots, market_min_lots, market_max_lots;
    int64_t min_notional, max_notional; /* atoms; 0: none */
    uint32_t max_orders;
    int32_t maker_ppm, taker_ppm;
    struct symbol_limits limits;
};

struct ledger_rates { /* of commission, millionths of what is received */
    bool set;         /* for the user, who else pays what others pay */
    int32_t maker_ppm, taker_ppm;
};

struct ledger_limits {
    uint16_t shard; /* account shard number: the top 10 bits of every ref */
    uint32_t users, symbols, assets, open_orders, done_orders; /* done_orders: of each user */
    uint32_t balances, deposits, user_symbols;
    uint64_t history; /* done orders, and trades, of all users together */
};

struct ledger_order {
    uint64_t ref, order_id;
    uint64_t tag; /* the request that still waits for its answer, 0 = none */
    int64_t price_ticks, qty_lots, executed_lots;
    int64_t quote_atoms; /* ORDER_BY_QUOTE: what was asked for */
    int64_t cum_quote, held;
    int64_t due; /* what the hold still waits for, from the order that this one replaces (O4) */
    int64_t prevented_lots;        /* what self-trade prevention took */
    uint64_t prevented_id;         /* the last such match; 0: none */
    uint64_t list_id;              /* 0: it is of no list */
    int64_t time_us, updated_us;   /* the market's record, the last change */
    uint32_t user, position;       /* slots */
    uint32_t prev, next;           /* open: of the position, oldest first; done: of the user */
    uint32_t todo_prev, todo_next; /* the account shard's list of cancels to send */
    uint32_t last_trade, last_trade_serial, trades, op; /* last_trade: its newest, unless evicted */
    uint16_t symbol;
    uint8_t side, type, tif, stp, status, flags, resp, client_length;
    uint8_t amends; /* that were made */
    uint8_t expiry; /* of EXPIRED: enum order_expiry */
    bool todo;
    char client_id[CLIENT_ID_MAX];
};

/* What few orders have: beside them, by the same slot (ORDER_TERMS). */
struct ledger_terms {
    int64_t stop_ticks, iceberg_lots; /* 0: none */
    int64_t working_us;               /* when its trigger fired, or, PENDED and of a type that does
                                         not wait, it came to the book; 0: it waits, or never did */
    uint32_t trail_bips;
    struct strategy strategy;
};

enum list_phase {              /* what becomes of its pending orders; of an OCO nothing */
                  LIST_FIRST,  /* they wait for the working one */
                  LIST_TODO,   /* that is filled: they are on the account shard's todo list */
                  LIST_SECOND, /* they were placed */
};

struct ledger_list { /* orders of which one's end means something to the others */
    uint64_t id;
    int64_t time_us;           /* of its placing; of its end, when it is done */
    int64_t price_atoms;       /* TODO: at which the working order was filled */
    uint64_t cancel_tag;       /* the request that ended it, or is about to; 0: none */
    uint32_t user, prev, next; /* prev, next: open, or done, of the user */
    uint16_t symbol;
    uint8_t kind, phase, open; /* open: of its orders */
    uint8_t client_length;
    bool started, done; /* started: the market has taken it */
    bool cancel_half;   /* the cancel's request is a Replace, and has another half */
    char client_id[CLIENT_ID_MAX];
    struct ledger_list_order {
        uint64_t ref, order_id;
        uint8_t client_length;
        char client_id[CLIENT_ID_MAX];
    } order[LIST_ORDERS_MAX];
};

struct ledger_amend { /* on its way to the market; of an order at most one */
    uint64_t ref, tag;
    int64_t lots;  /* to take off */
    uint32_t user; /* slot */
    uint8_t client_length;
    char client_id[CLIENT_ID_MAX]; /* the order's, once it is made */
};

struct ledger_trade {
    uint64_t trade_id, order_id, list_id; /* list_id: the order's */
    int64_t price_ticks, qty_lots, quote_atoms, fee_atoms, ts_us;
    uint32_t next;              /* of the user, oldest first */
    uint32_t serial;            /* of the shard; tells whether `prev` is still that trade */
    uint32_t prev, prev_serial; /* the order's trade before this one */
    uint16_t symbol;
    uint8_t side;
    bool maker;
};

struct ledger_balance {
    int64_t free, locked;
    uint32_t user, next; /* next of the user, in order of first use */
    uint16_t asset;
};

/* What a user has in one symbol: the open orders, in the order of their making. */
struct ledger_position {
    uint32_t user, next, head, tail, open, can_rest;
    uint16_t symbol;
    struct ledger_rates rates; /* before those of all symbols */
};

enum order_interval { ORDERS_10S, ORDERS_1D, ORDER_INTERVALS };

struct order_count { /* in the newest interval that had an order */
    uint32_t interval, count;
};

struct ledger_user {
    uint32_t trade_group; /* 0: none */
    uint32_t id, balances, balances_tail, positions, positions_tail;
    uint32_t done_head, done_tail, done, trade_head, trade_tail, trades;
    uint32_t lists_head, lists_tail, list_done_head, list_done_tail; /* oldest first */
    uint32_t lists, lists_done;
    uint32_t can_rest; /* open orders that count against EXCHANGE_MAX_NUM_ORDERS */
    struct order_count unfilled[ORDER_INTERVALS];
    struct ledger_rates rates; /* in all symbols */
};

/* A new order as the client asked for it; amounts in atoms, so that the filters can be checked
 * here. */
struct ledger_new {
    uint64_t tag;
    uint16_t symbol;
    uint8_t side, type, tif, stp, resp;
    bool by_quote;
    int64_t price_atoms, qty_atoms, quote_atoms;
    int64_t hint_atoms; /* best ask or last price when the request came; 0: neither (O1) */
    int64_t stop_atoms, iceberg_atoms; /* 0: none */
    uint32_t trail_bips;
    struct strategy strategy;
    uint8_t client_length;
    char client_id[CLIENT_ID_MAX];
};

struct ledger_new_list {
    uint8_t kind, client_length;
    char client_id[CLIENT_ID_MAX];
    struct ledger_new order[LIST_ORDERS_MAX];
};

/* What accepting it means. */
struct ledger_plan {
    int64_t price_ticks, qty_lots, hold_atoms;
    int64_t stop_ticks, iceberg_lots;
    int64_t due_atoms; /* of hold_atoms: comes from the order to be replaced, not from free funds */
    uint16_t hold_asset;
    uint8_t flags;
};

struct ledger; /* opaque but for the accessors below */

size_t ledger_size(const struct ledger_limits *limits);
struct ledger *ledger_init(void *block, const struct ledger_limits *limits);

/* ---- configuration, told by the control shard ---- */

/* Makes the account; asserts when the shard is full or has it. */
void ledger_user_add(struct ledger *ledger, uint32_t user_id);
/* Orders made from here on are of this group; 0: of none. */
void ledger_user_group(struct ledger *ledger, uint32_t user, uint32_t trade_group);
bool ledger_user_room(const struct ledger *ledger);
/* The user's slot, or 0. */
uint32_t ledger_user_find(const struct ledger *ledger, uint32_t user_id);
struct ledger_symbol *ledger_symbol(struct ledger *ledger, uint16_t symbol);
struct exchange_limits *ledger_exchange(struct ledger *ledger);

/* ---- commissions ---- */

/* Whether the rates of a symbol, or of all (SYMBOL_NONE), can be set for the user. */
enum reject ledger_check_rates(const struct ledger *ledger, uint32_t user, uint16_t symbol);
/* Fills from here on pay them; those that are not `set` are none. */
void ledger_set_rates(struct ledger *ledger, uint32_t user, uint16_t symbol,
                      const struct ledger_rates *rates);
/* What the user pays; `position` is theirs in the symbol, 0: none. */
struct ledger_rates ledger_rates(const struct ledger *ledger, uint32_t user, uint32_t position,
                                 uint16_t symbol);

/* ---- orders ---- */

/* Whether the order would be accepted, in Binance's order of precedence, and with what hold.
 * Changes nothing. */
enum reject ledger_check_new(const struct ledger *ledger, uint32_t user,
                             const struct ledger_new *order, struct ledger_plan *plan);

/* The same for an order that takes the place of the open order `old` (O4), whose client id it may
 * have and whose hold it may use, as far as both are of one asset. `alone`: not its hold, where the
 * free funds reach by themselves. `old` counts against MAX_NUM_ORDERS: Binance looks at the filters
 * before the cancel. Every reject but REJECT_DUPLICATE_ORDER and REJECT_NO_FUNDS is a filter's, or
 * says that nothing of this kind can be taken. */
enum reject ledger_check_replace(const struct ledger *ledger, uint32_t user,
                                 const struct ledger_new *order, uint32_t old, bool alone,
                                 struct ledger_plan *plan);

/* Takes the hold and makes the order; returns its slot. The plan is from one of the checks. */
uint32_t ledger_place(struct ledger *ledger, uint32_t user, const struct ledger_new *order,
                      const struct ledger_plan *plan, int64_t ts_us);

/* Unfilled orders of the user in the clock-aligned interval (10 s, UTC day) of ts_us: those placed,
 * less those that traded for the first time, whenever they were placed; never below zero. What the
 * market refused is not counted. */
uint32_t ledger_unfilled(const struct ledger *ledger, uint32_t user, enum order_interval interval,
                         int64_t ts_us);

/* The market's word on an order, by ref; each returns the order's slot, which stays valid until the
 * next call that changes the ledger. */
uint32_t ledger_accepted(struct ledger *ledger, uint64_t ref, uint64_t order_id, int64_t ts_us);
/* Its trigger has fired: it works from now on. */
uint32_t ledger_triggered(struct ledger *ledger, uint64_t ref, int64_t ts_us);
uint32_t ledger_fill(struct ledger *ledger, uint64_t ref, uint64_t order_id, uint64_t trade_id,
                     int64_t price_ticks, int64_t qty_lots, bool maker, bool done, int64_t ts_us);
/* What a fill moves, before or after it is applied: what is paid, and of what is got, the fee. */
struct ledger_amounts {
    int64_t quote, paid, got, fee;
};
struct ledger_amounts ledger_fill_amounts(const struct ledger *ledger,
                                          const struct ledger_order *order, int64_t price_ticks,
                                          int64_t qty_lots, bool maker);
/* Self-trade prevention has taken lots of the order, all that were left when it is `done`. */
uint32_t ledger_prevented(struct ledger *ledger, uint64_t ref, uint64_t order_id, uint64_t match_id,
                          int64_t lots, bool done, int64_t ts_us);
/* Ends the order: releases the hold. */
uint32_t ledger_done(struct ledger *ledger, uint64_t ref, uint64_t order_id,
                     enum order_status status, int64_t ts_us);
/* Ends the order, cancelled; `moved` of its hold goes to the one that replaces it: all that this
 * one's hold waits for, or nothing (an estimate takes what there is). Returns the old one's slot.
 */
uint32_t ledger_replaced(struct ledger *ledger, uint64_t ref, uint64_t order_id, uint64_t new_ref,
                         int64_t moved, int64_t ts_us);
/* The market refused it: the hold goes back and no trace stays. */
void ledger_refused(struct ledger *ledger, uint64_t ref);

/* ---- amendments (ledger_amend.c) ---- */

/* Whether the open order may get this quantity, which is less, and this client id; *lots: what is
 * to be taken off. REJECT_BUSY while another amendment of it is under way. Changes nothing. */
enum reject ledger_check_amend(const struct ledger *ledger, uint32_t slot, int64_t qty_atoms,
                               const char *id, uint8_t length, int64_t *lots);
/* It is under way, and nobody else may take the client id. */
void ledger_amend(struct ledger *ledger, uint32_t slot, uint64_t tag, int64_t lots, const char *id,
                  uint8_t length);
/* What is under way for the order, until the market's word on it, also when the order ends before;
 * NULL: nothing. */
const struct ledger_amend *ledger_amending(const struct ledger *ledger, uint64_t ref);
/* The market's word: so many lots are off the order, which has its new client id; with `done` they
 * were all that was left, and it is EXPIRED. Returns its slot as the calls above do. */
uint32_t ledger_amended(struct ledger *ledger, uint64_t ref, int64_t lots, bool done,
                        int64_t ts_us);
void ledger_amend_refused(struct ledger *ledger, uint64_t ref);

/* ---- lists (ledger_list.c) ---- */

/* As ledger_check_new(), of all orders of a list: all, or none. The two of a pair share the larger
 * of their holds; what is pending holds nothing yet. */
enum reject ledger_check_list(const struct ledger *ledger, uint32_t user,
                              const struct ledger_new_list *list,
                              struct ledger_plan plan[static LIST_ORDERS_MAX]);
/* Makes the list and its orders; returns its slot. */
uint32_t ledger_place_list(struct ledger *ledger, uint32_t user, const struct ledger_new_list *list,
                           const struct ledger_plan plan[static LIST_ORDERS_MAX], int64_t ts_us);
/* The market has taken its first order, and kept the order ids behind it for those pending. */
void ledger_list_start(struct ledger *ledger, uint32_t list, int64_t ts_us);
/* Its working order is filled: those pending are to be placed. */
void ledger_list_todo(struct ledger *ledger, uint32_t list);
/* Holds what those pending need; a reject, and nothing happened. */
enum reject ledger_list_fund(struct ledger *ledger, uint32_t list);
/* Ends a pending order, which holds nothing. */
void ledger_end_pending(struct ledger *ledger, uint32_t slot, enum order_status status,
                        enum order_expiry expiry, int64_t ts_us);
/* None of its orders is open: it is done, or, when it had not started, forgotten. */
void ledger_list_end(struct ledger *ledger, uint32_t list, int64_t ts_us);
/* The user's list; 0: there is none. By its client id the open one, else the newest. */
uint32_t ledger_find_list(const struct ledger *ledger, uint64_t id);
uint32_t ledger_find_list_named(const struct ledger *ledger, uint32_t user, const char *id,
                                uint8_t length);
struct ledger_list *ledger_list(struct ledger *ledger, uint32_t slot);
uint32_t ledger_list_slot(const struct ledger *ledger, const struct ledger_list *list);
/* The list that the order is of; NULL: it is of none, or of one that is no longer kept. */
struct ledger_list *ledger_list_of(struct ledger *ledger, const struct ledger_order *order);
bool ledger_list_is_named(const struct ledger_list *list, const char *id, uint8_t length);
/* The order's place in its list. */
uint32_t ledger_list_place(const struct ledger_list *list, const struct ledger_order *order);
/* What an order may spend of its hold: its own, or, shared, its pair's. */
int64_t ledger_hold_of(const struct ledger *ledger, const struct ledger_order *order);

struct ledger_order *ledger_order(struct ledger *ledger, uint32_t slot);
/* What the order has of them: zeros when it has none. */
const struct ledger_terms *ledger_terms(const struct ledger *ledger,
                                        const struct ledger_order *order);
uint32_t ledger_find_ref(const struct ledger *ledger, uint64_t ref);
/* Newest order with this client id, open or done; 0 if none. */
uint32_t ledger_find_client(const struct ledger *ledger, uint32_t user, uint16_t symbol,
                            const char *id, uint8_t length);
/* The same among the orders that are shown: one on its way to the market is not. */
uint32_t ledger_find_shown(const struct ledger *ledger, uint32_t user, uint16_t symbol,
                           const char *id, uint8_t length);
uint32_t ledger_find_order_id(const struct ledger *ledger, uint32_t user, uint16_t symbol,
                              uint64_t order_id);
static inline bool status_is_open(uint8_t status)
{
    return status <= ORDER_PARTIALLY_FILLED || status == ORDER_PENDING;
}

static inline bool order_is_open(const struct ledger_order *order)
{
    return status_is_open(order->status);
}

/* What there is to execute; of an order by quote amount nobody knows. */
static inline int64_t order_left(const struct ledger_order *order)
{
    return order->qty_lots - order->executed_lots - order->prevented_lots;
}

/* Whether `id`, of `length` bytes, is the order's client id. */
static inline bool order_is_named(const struct ledger_order *order, const char *id, uint8_t length)
{
    return order->client_length == length && memcmp(order->client_id, id, length) == 0;
}

/* ---- fetching ahead ---- */

/* What an input will touch: with a ref, a report on that order; else a user's request. */
struct ledger_ahead {
    const struct ledger *ledger;
    uint64_t ref, order_id;
    uint32_t user, slot;       /* the user's id; slot: found on the way, of the order or the user */
    uint32_t position, client; /* on the way: hashes, then the position's slot */
    uint16_t symbol;
    uint8_t client_length;
    const char *client_id; /* borrowed */
};

enum { LEDGER_AHEAD_STAGES = 4 };

/* Fetches the cache lines of one stage, 0 first; each finds its way over what the one before has
 * fetched, so give the many inputs of a batch one stage before the next. Changes nothing but
 * `ahead`. */
void ledger_prefetch(struct ledger_ahead *ahead, uint32_t stage);

/* ---- money from outside (O5) ---- */

struct ledger_deposit { /* amount < 0: a withdrawal */
    uint8_t request_id[REQUEST_ID_BYTES];
    int64_t amount, free_after;
    uint32_t user;
    uint16_t asset;
};

/* REJECT_NONE: may be applied. *done is set (and nothing to apply) when the id was used before with
 * the same content; with other content REJECT_REQUEST_ID_REUSED. */
enum reject ledger_check_deposit(const struct ledger *ledger, uint32_t user, uint16_t asset,
                                 int64_t amount, const uint8_t request_id[REQUEST_ID_BYTES],
                                 const struct ledger_deposit **done);
const struct ledger_deposit *ledger_apply_deposit(struct ledger *ledger, uint32_t user,
                                                  uint16_t asset, int64_t amount,
                                                  const uint8_t request_id[REQUEST_ID_BYTES]);

/* ---- looking in ---- */

const struct ledger_user *ledger_user(const struct ledger *ledger, uint32_t user);
const struct ledger_balance *ledger_balance(const struct ledger *ledger, uint32_t slot);
const struct ledger_position *ledger_position(const struct ledger *ledger, uint32_t slot);
const struct ledger_trade *ledger_trade(const struct ledger *ledger, uint32_t slot);
/* Slot of the balance, position; 0 = none yet. */
uint32_t ledger_find_balance(const struct ledger *ledger, uint32_t user, uint16_t asset);
uint32_t ledger_find_position(const struct ledger *ledger, uint32_t user, uint16_t symbol);
/* The order's trade before `trade`, 0 when there is none or it has been evicted. */
uint32_t ledger_trade_before(const struct ledger *ledger, uint32_t trade);
uint32_t ledger_order_last_trade(const struct ledger *ledger, const struct ledger_order *order);
/* Of a ledger that was loaded: there was a time when only so many done orders, trades and lists of
 * each user were kept. */
void ledger_kept(struct ledger *ledger, uint32_t done_orders);
/* Whether done orders, or trades, of the user may have been evicted: history has them. */
bool ledger_may_lack(const struct ledger *ledger, uint32_t user, bool trades);
bool ledger_may_lack_lists(const struct ledger *ledger, uint32_t user);
uint32_t ledger_open_orders(const struct ledger *ledger);
/* Deposits and withdrawals, which are kept for good, and the room for them. */
uint32_t ledger_deposits(const struct ledger *ledger);
uint32_t ledger_deposits_max(const struct ledger *ledger);
uint32_t ledger_users(const struct ledger *ledger);

struct ledger_totals {
    __int128 deposits, withdrawals, free, locked, fees;
};

/* Adds this shard's totals of every asset to totals[asset]. O(balances). */
void ledger_totals(const struct ledger *ledger, struct ledger_totals *totals);

/* A digest of every balance change so far; state, and what a replay must agree with. O(1). */
const uint64_t *ledger_digest(const struct ledger *ledger);

/* Writes the whole state, or reads it into a fresh ledger of the same limits. What was read is
 * bounded by the limits and asserts nothing; wire->ok says whether it is whole. O(everything). */
void ledger_wire(struct wire *wire, struct ledger *ledger);

/* Hash of the logical state. O(everything). */
uint64_t ledger_hash(const struct ledger *ledger);

/* Checks holds against orders, lists against counts; asserts. O(everything). */
void ledger_verify(const struct ledger *ledger);

/* Calls `each` for every open order. */
void ledger_each_open(const struct ledger *ledger,
                      void (*each)(void *arg, const struct ledger_order *order), void *arg);

#endif
