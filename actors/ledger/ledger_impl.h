/* ledger_impl.h - the inside of a ledger, shared by ledger.c and ledger_amend.c (what happens) and
 * ledger_snapshot.c (what is kept).
 *
 * Thread:  owner only.
 */
#ifndef LEDGER_IMPL_H
#define LEDGER_IMPL_H

#include "actors/ledger/ledger.h"
#include "runtime/check.h"
#include "runtime/hash.h"
#include "runtime/slot_index.h"

struct pool { /* slots 1..capacity of some struct; LIFO of freed ones */
    uint32_t capacity, high, free, count;
};

struct ledger {
    struct ledger_limits limits;
    struct ledger_symbol *symbols;
    struct ledger_totals
        *totals; /* by asset: deposits, withdrawals and fees; free, locked unused */
    struct ledger_order *orders;
    struct ledger_terms *terms; /* by the slots of orders */
    struct ledger_trade *trades;
    struct ledger_balance *balances;
    struct ledger_position *positions;
    struct ledger_user *users;
    struct ledger_deposit *deposits;
    struct ledger_list *lists;
    struct pool list_pool, order_pool, trade_pool, balance_pool, position_pool, user_pool,
        deposit_pool;
    struct slot_index by_ref, by_client, by_order_id, by_balance, by_position, by_user, by_deposit,
        by_list;
    struct ledger_amend amends[LEDGER_AMENDS_MAX]; /* in the order of their making */
    uint32_t amend_count;
    uint64_t ref_counter, list_counter, digest;
    uint32_t trade_serial, open, lists_open;
    uint32_t done_least; /* of each user so many done orders have been kept all the time; not state
                          */
    struct exchange_limits exchange;
};

/* A fresh slot: a freed one (the caller keeps the LIFO in the struct's `next`), or a new one. */
static inline uint32_t pool_get(struct pool *pool, uint32_t next_of_free)
{
    ASSERT(pool->count < pool->capacity);
    pool->count++;
    if (!pool->free)
        return ++pool->high;
    uint32_t slot = pool->free;
    pool->free = next_of_free;
    return slot;
}

static inline uint32_t hash_pair(uint32_t a, uint64_t b)
{
    return (uint32_t)hash_fold(a, b);
}

static inline uint32_t hash_client(uint32_t user, const char *id, uint8_t length)
{
    return (uint32_t)hash_bytes(user, id, length);
}

static inline uint32_t hash_request(uint32_t user, const uint8_t id[REQUEST_ID_BYTES])
{
    return (uint32_t)hash_bytes(user, id, REQUEST_ID_BYTES);
}

/* An order of a list: whether it is pending, and how many of each kind come before it. */
struct list_part {
    bool pending;
    uint32_t rests, algo, iceberg;
};

/* MAX_NUM_ORDERS, MAX_POSITION, EXCHANGE_MAX_NUM_ORDERS, in this order. `position`: the user's in
 * the symbol, 0: none yet. */
enum reject ledger_check_counts(const struct ledger *ledger, uint32_t user, uint32_t position,
                                const struct ledger_new *order, const struct ledger_plan *plan,
                                const struct list_part *part);

/* LOT_SIZE of what an iceberg shows, and ICEBERG_PARTS; TRAILING_DELTA. */
enum reject ledger_check_iceberg(const struct ledger_symbol *symbol, const struct ledger_new *order,
                                 struct ledger_plan *plan);
enum reject ledger_check_trail(const struct ledger_symbol *symbol, const struct ledger_new *order);

/* ---- making things, and putting them behind the others in the lists they belong to ---- */
struct ledger_balance *ledger_balance_make(struct ledger *ledger, uint32_t user, uint16_t asset);
uint32_t ledger_position_make(struct ledger *ledger, uint32_t user, uint16_t symbol);
/* An order with its client id and order id indexed, in no list yet. */
uint32_t ledger_order_make(struct ledger *ledger, const struct ledger_order *values);
void ledger_open_push(struct ledger *ledger, uint32_t slot);
void ledger_done_append(struct ledger *ledger, uint32_t slot);
/* `order` may be NULL: it has been evicted. */
void ledger_trade_append(struct ledger *ledger, struct ledger_user *user,
                         struct ledger_order *order, const struct ledger_trade *values);
const struct ledger_deposit *ledger_deposit_append(struct ledger *ledger,
                                                   const struct ledger_deposit *values);

/* ---- ledger_list.c, for ledger.c ---- */

/* An order has got its order id, or another client id: so has its list. */
void ledger_list_learn(struct ledger *ledger, const struct ledger_order *order);
/* The order of a pair acts, and the hold that it shared is its own. */
void ledger_share_take(struct ledger *ledger, struct ledger_order *order);
/* It ends: what it shared is the other one's, as far as that needs it. */
void ledger_share_leave(struct ledger *ledger, struct ledger_order *order);
/* Neither has acted, but one needs less now. */
void ledger_share_trim(struct ledger *ledger, struct ledger_order *order);
/* The order is not open any more. */
void ledger_list_left(struct ledger *ledger, const struct ledger_order *order);
bool ledger_share_is_right(const struct ledger *ledger, const struct ledger_order *order);
void ledger_lists_verify(const struct ledger *ledger, uint32_t user);
uint64_t ledger_list_hash(uint64_t hash, const struct ledger_list *list);
/* For a snapshot: puts it behind the user's other open, or done, ones. */
void ledger_list_append(struct ledger *ledger, const struct ledger_list *values);

/* ---- ledger.c, for ledger_list.c and ledger_amend.c ---- */

enum reject ledger_check_part(const struct ledger *ledger, uint32_t user,
                              const struct ledger_new *order, const struct list_part *part,
                              struct ledger_plan *plan);
enum reject ledger_plan_hold(const struct ledger_symbol *symbol, const struct ledger_new *order,
                             int64_t funds, struct ledger_plan *plan);
/* What an order of a type that is no estimate needs for what is left of it; INT64_MAX: all it has.
 */
int64_t ledger_hold_needed(const struct ledger *ledger, const struct ledger_order *order);
void ledger_hold_take(struct ledger *ledger, struct ledger_order *order, int64_t atoms);
void ledger_order_learn_id(struct ledger *ledger, uint32_t slot, uint64_t order_id, int64_t ts_us);
uint16_t ledger_pays_with(const struct ledger *ledger, const struct ledger_order *order);
int64_t ledger_free(const struct ledger *ledger, uint32_t user, uint16_t asset);
void pool_put(struct pool *pool, uint32_t slot, uint32_t *next);

static inline bool pool_full(const struct pool *pool, uint32_t want)
{
    return pool->capacity - pool->count < want;
}

/* LOT_SIZE: whether the amount is on the steps and in the range; then it is so many lots. */
bool ledger_lots_fit(const struct ledger_symbol *symbol, int64_t atoms, int64_t *lots);
enum reject ledger_check_lots(const struct ledger_symbol *symbol, const struct ledger_new *order,
                              struct ledger_plan *plan);
enum reject ledger_check_notional(const struct ledger_symbol *symbol, bool market,
                                  int64_t notional);
/* Whether an open order other than the slot `old` has the client id, or is about to get it. */
bool ledger_client_id_open(const struct ledger *ledger, uint32_t user, const char *id,
                           uint8_t length, uint32_t old);
void ledger_order_rename(struct ledger *ledger, uint32_t slot, const char *id, uint8_t length);
/* What is left of the hold, but `keep`, goes back to the free funds. */
void ledger_hold_release(struct ledger *ledger, struct ledger_order *order, int64_t keep);
void ledger_hold_left(struct ledger *ledger, struct ledger_order *order);
void ledger_end_order(struct ledger *ledger, uint32_t slot, enum order_status status);

/* ---- ledger_amend.c, for ledger.c ---- */

/* Whether an amendment under way, but that of the order `but`, will give this client id. */
bool ledger_amend_claims(const struct ledger *ledger, uint32_t user, const char *id, uint8_t length,
                         uint64_t but);

#endif
