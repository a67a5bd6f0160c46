#include "actors/ledger/ledger_impl.h"

#include <string.h>

#include "actors/book/kinds.h"

static uint32_t history_max(const struct ledger_limits *limits)
{
    ASSERT(limits->history + limits->open_orders < UINT32_MAX / 4);
    return (uint32_t)limits->history;
}

/* A list that is open has two open orders, or one that was placed with one that has ended. */
static uint32_t lists_max(const struct ledger_limits *limits)
{
    return limits->open_orders + history_max(limits);
}

/* Where each array begins; the same walk computes the size (base = NULL) and hands out the parts.
 */
static size_t carve(struct ledger *ledger, char *base, const struct ledger_limits *limits)
{
    size_t at = (sizeof(struct ledger) + 63) & ~(size_t)63;
    uint32_t history = history_max(limits), orders = limits->open_orders + history;
#define CARVE(field, count)                                                                        \
    do {                                                                                           \
        if (base)                                                                                  \
            ledger->field = (void *)(base + at);                                                   \
        at += ((size_t)(count) * sizeof(*ledger->field) + 63) & ~(size_t)63;                       \
    } while (0)
#define CARVE_INDEX(field, max)                                                                    \
    do {                                                                                           \
        if (base)                                                                                  \
            slot_index_init(&ledger->field, base + at, base + at + slot_index_region(max), max);   \
        at += 2 * slot_index_region(max);                                                          \
    } while (0)
    CARVE(symbols, limits->symbols);
    CARVE(totals, limits->assets);
    CARVE(orders, (size_t)orders + 1);
    CARVE(terms, (size_t)orders + 1);
    CARVE(trades, (size_t)history + 1);
    CARVE(balances, (size_t)limits->balances + 1);
    CARVE(positions, (size_t)limits->user_symbols + 1);
    CARVE(users, (size_t)limits->users + 1);
    CARVE(deposits, (size_t)limits->deposits + 1);
    CARVE(lists, (size_t)lists_max(limits) + 1);
    CARVE_INDEX(by_ref, limits->open_orders);
    CARVE_INDEX(by_client, orders);
    CARVE_INDEX(by_order_id, orders);
    CARVE_INDEX(by_balance, limits->balances);
    CARVE_INDEX(by_position, limits->user_symbols);
    CARVE_INDEX(by_user, limits->users);
    CARVE_INDEX(by_deposit, limits->deposits);
    CARVE_INDEX(by_list, lists_max(limits));
#undef CARVE
#undef CARVE_INDEX
    return at;
}

size_t ledger_size(const struct ledger_limits *limits)
{
    struct ledger *none = NULL;
    return carve(none, NULL, limits);
}

struct ledger *ledger_init(void *block, const struct ledger_limits *limits)
{
    ASSERT(limits->shard < 1024);
    struct ledger *ledger = block;
    ledger->limits = *limits;
    ledger->done_least = limits->done_orders;
    carve(ledger, block, limits);
    uint32_t history = history_max(limits);
    ledger->order_pool.capacity = limits->open_orders + history;
    ledger->trade_pool.capacity = history;
    ledger->balance_pool.capacity = limits->balances;
    ledger->position_pool.capacity = limits->user_symbols;
    ledger->user_pool.capacity = limits->users;
    ledger->deposit_pool.capacity = limits->deposits;
    ledger->list_pool.capacity = lists_max(limits);
    return ledger;
}

void pool_put(struct pool *pool, uint32_t slot, uint32_t *next)
{
    *next = pool->free;
    pool->free = slot;
    pool->count--;
}

/* ---- finding ---- */

uint32_t ledger_user_find(const struct ledger *ledger, uint32_t user_id)
{
    uint32_t slot;
    SLOT_INDEX_EACH(&ledger->by_user, (uint32_t)hash_mix(user_id), slot)
    {
        if (ledger->users[slot].id == user_id)
            break;
    }
    return slot;
}

uint32_t ledger_find_balance(const struct ledger *ledger, uint32_t user, uint16_t asset)
{
    uint32_t slot;
    SLOT_INDEX_EACH(&ledger->by_balance, hash_pair(user, asset), slot)
    {
        if (ledger->balances[slot].user == user && ledger->balances[slot].asset == asset)
            break;
    }
    return slot;
}

uint32_t ledger_find_position(const struct ledger *ledger, uint32_t user, uint16_t symbol)
{
    uint32_t slot;
    SLOT_INDEX_EACH(&ledger->by_position, hash_pair(user, symbol), slot)
    {
        if (ledger->positions[slot].user == user && ledger->positions[slot].symbol == symbol)
            break;
    }
    return slot;
}

uint32_t ledger_find_ref(const struct ledger *ledger, uint64_t ref)
{
    uint32_t slot;
    SLOT_INDEX_EACH(&ledger->by_ref, (uint32_t)hash_mix(ref), slot)
    {
        if (ledger->orders[slot].ref == ref)
            break;
    }
    return slot;
}

uint32_t ledger_find_order_id(const struct ledger *ledger, uint32_t user, uint16_t symbol,
                              uint64_t order_id)
{
    uint32_t slot;
    SLOT_INDEX_EACH(&ledger->by_order_id, hash_pair(symbol, order_id), slot)
    {
        const struct ledger_order *order = &ledger->orders[slot];
        if (order->order_id == order_id && order->symbol == symbol && order->user == user)
            break;
    }
    return slot;
}

/* Several done orders may have had the id; the open one is preferred, then the newest. */
static uint32_t find_client(const struct ledger *ledger, uint32_t user, uint16_t symbol,
                            const char *id, uint8_t length, bool shown)
{
    uint32_t slot, best = 0;
    SLOT_INDEX_EACH(&ledger->by_client, hash_client(user, id, length), slot)
    {
        const struct ledger_order *order = &ledger->orders[slot];
        if (order->user != user || !order_is_named(order, id, length) ||
            (symbol != UINT16_MAX && order->symbol != symbol) ||
            (shown && order->status == ORDER_SENT))
            continue;
        const struct ledger_order *than = &ledger->orders[best];
        bool open = order_is_open(order);
        if (!best || (open == order_is_open(than) ? order->ref > than->ref : open))
            best = slot;
    }
    return best;
}

uint32_t ledger_find_client(const struct ledger *ledger, uint32_t user, uint16_t symbol,
                            const char *id, uint8_t length)
{
    return find_client(ledger, user, symbol, id, length, false);
}

uint32_t ledger_find_shown(const struct ledger *ledger, uint32_t user, uint16_t symbol,
                           const char *id, uint8_t length)
{
    return find_client(ledger, user, symbol, id, length, true);
}

bool ledger_client_id_open(const struct ledger *ledger, uint32_t user, const char *id,
                           uint8_t length, uint32_t old)
{
    uint32_t slot;
    SLOT_INDEX_EACH(&ledger->by_client, hash_client(user, id, length), slot)
    {
        const struct ledger_order *other = &ledger->orders[slot];
        if (slot != old && order_is_open(other) && other->user == user &&
            order_is_named(other, id, length))
            return true;
    }
    return ledger_amend_claims(ledger, user, id, length, old ? ledger->orders[old].ref : 0);
}

/* ---- users, balances, positions ---- */

bool ledger_user_room(const struct ledger *ledger)
{
    return !pool_full(&ledger->user_pool, 1);
}

void ledger_user_add(struct ledger *ledger, uint32_t user_id)
{
    ASSERT(ledger_user_find(ledger, user_id) == 0);
    uint32_t slot = pool_get(&ledger->user_pool, 0);
    ledger->users[slot] = (struct ledger_user){.id = user_id};
    slot_index_insert(&ledger->by_user, (uint32_t)hash_mix(user_id), slot);
}

void ledger_user_group(struct ledger *ledger, uint32_t user, uint32_t trade_group)
{
    ledger->users[user].trade_group = trade_group;
}

struct ledger_symbol *ledger_symbol(struct ledger *ledger, uint16_t symbol)
{
    ASSERT(symbol < ledger->limits.symbols);
    return &ledger->symbols[symbol];
}

struct ledger_balance *ledger_balance_make(struct ledger *ledger, uint32_t user, uint16_t asset)
{
    uint32_t slot = ledger_find_balance(ledger, user, asset);
    if (slot)
        return &ledger->balances[slot];
    slot = pool_get(&ledger->balance_pool, 0);
    ledger->balances[slot] = (struct ledger_balance){.user = user, .asset = asset};
    slot_index_insert(&ledger->by_balance, hash_pair(user, asset), slot);
    struct ledger_user *owner = &ledger->users[user];
    if (owner->balances_tail)
        ledger->balances[owner->balances_tail].next = slot;
    else
        owner->balances = slot;
    owner->balances_tail = slot;
    return &ledger->balances[slot];
}

uint32_t ledger_position_make(struct ledger *ledger, uint32_t user, uint16_t symbol)
{
    uint32_t slot = ledger_find_position(ledger, user, symbol);
    if (slot)
        return slot;
    slot = pool_get(&ledger->position_pool, 0);
    ledger->positions[slot] = (struct ledger_position){.user = user, .symbol = symbol};
    slot_index_insert(&ledger->by_position, hash_pair(user, symbol), slot);
    struct ledger_user *owner = &ledger->users[user];
    if (owner->positions_tail)
        ledger->positions[owner->positions_tail].next = slot;
    else
        owner->positions = slot;
    owner->positions_tail = slot;
    return slot;
}

static void free_add(struct ledger_balance *balance, int64_t atoms)
{
    ASSERT(atoms >= 0);
    ASSERT(!__builtin_add_overflow(balance->free, atoms, &balance->free));
}

static void unlock(struct ledger_balance *balance, int64_t atoms)
{
    ASSERT(atoms >= 0 && balance->locked >= atoms);
    balance->locked -= atoms;
}

/* Folds what a balance came to into the running digest: what replay must agree with. */
static void note(struct ledger *ledger, const struct ledger_balance *balance)
{
    ledger->digest = hash_mix(ledger->digest + (uint64_t)balance->free * 0x9E3779B97F4A7C15ull +
                              (uint64_t)balance->locked);
}

/* The asset that an order gives. */
uint16_t ledger_pays_with(const struct ledger *ledger, const struct ledger_order *order)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    return order->side == SIDE_BUY ? symbol->quote : symbol->base;
}

int64_t ledger_free(const struct ledger *ledger, uint32_t user, uint16_t asset)
{
    uint32_t slot = ledger_find_balance(ledger, user, asset);
    return slot ? ledger->balances[slot].free : 0;
}

/* ---- a new order: checks, then the hold ---- */

/* Whether a filter's own step, where it is coarser than the grid, refuses the amount. */
static bool off_step(int64_t atoms, int64_t step)
{
    return step && atoms % step != 0;
}

static enum reject check_price(const struct ledger_symbol *symbol, int64_t atoms, int64_t *ticks)
{
    int64_t tick = symbol->spec.tick_atoms;
    if (atoms <= 0 || atoms % tick != 0 || off_step(atoms, symbol->limits.tick_atoms))
        return REJECT_PRICE_FILTER;
    *ticks = atoms / tick;
    if ((symbol->min_price_ticks && *ticks < symbol->min_price_ticks) ||
        (symbol->max_price_ticks && *ticks > symbol->max_price_ticks))
        return REJECT_PRICE_FILTER;
    return REJECT_NONE;
}

bool ledger_lots_fit(const struct ledger_symbol *symbol, int64_t atoms, int64_t *lots)
{
    int64_t lot = symbol->spec.lot_atoms;
    if (atoms <= 0 || atoms % lot != 0 || off_step(atoms, symbol->limits.step_atoms))
        return false;
    *lots = atoms / lot;
    return (!symbol->min_lots || *lots >= symbol->min_lots) &&
           (!symbol->max_lots || *lots <= symbol->max_lots);
}

enum reject ledger_check_lots(const struct ledger_symbol *symbol, const struct ledger_new *order,
                              struct ledger_plan *plan)
{
    if (!ledger_lots_fit(symbol, order->qty_atoms, &plan->qty_lots))
        return REJECT_LOT_SIZE;
    if (type_is_market(order->type) &&
        (off_step(order->qty_atoms, symbol->limits.market_step_atoms) ||
         (symbol->market_min_lots && plan->qty_lots < symbol->market_min_lots) ||
         (symbol->market_max_lots && plan->qty_lots > symbol->market_max_lots)))
        return REJECT_MARKET_LOT_SIZE;
    return REJECT_NONE;
}

enum reject ledger_check_notional(const struct ledger_symbol *symbol, bool market, int64_t notional)
{
    const struct symbol_limits *limits = &symbol->limits;
    bool spares_min = market && limits->min_spares_market;
    bool spares_max = market && limits->max_spares_market;
    if ((symbol->min_notional && !spares_min && notional < symbol->min_notional) ||
        (symbol->max_notional && !spares_max && notional > symbol->max_notional))
        return limits->min_notional_alone ? REJECT_MIN_NOTIONAL : REJECT_NOTIONAL;
    return REJECT_NONE;
}

/* Smaller of the free funds and the estimate plus 5 % (O1). */
static int64_t hold_with_margin(__int128 estimate, int64_t free, uint8_t *flags)
{
    __int128 wanted = estimate + estimate / 20;
    if (wanted < free)
        return (int64_t)wanted;
    *flags |= ORDER_HELD_ALL;
    return free;
}

static enum reject plan_market(const struct ledger_symbol *symbol, const struct ledger_new *order,
                               int64_t free, struct ledger_plan *plan)
{
    int64_t hint = order->hint_atoms;
    if (order->side == SIDE_SELL && !order->by_quote) {
        plan->hold_atoms = order->qty_atoms;
        return REJECT_NONE;
    }
    if (order->side == SIDE_BUY && order->by_quote) {
        plan->hold_atoms = order->quote_atoms;
        return REJECT_NONE;
    }
    if (hint == 0) /* nothing to estimate with: it will expire unfilled, and nothing is held (O1) */
        return REJECT_NONE;
    if (order->side == SIDE_BUY) {
        __int128 cost = (__int128)hint * order->qty_atoms / MONEY_ATOMS_PER_UNIT + 1;
        plan->hold_atoms = hold_with_margin(cost, free, &plan->flags);
    } else {
        __int128 base = (__int128)order->quote_atoms * MONEY_ATOMS_PER_UNIT / hint;
        plan->hold_atoms = hold_with_margin(base, free, &plan->flags);
        plan->qty_lots = plan->hold_atoms / symbol->spec.lot_atoms;
        plan->hold_atoms = plan->qty_lots * symbol->spec.lot_atoms;
        plan->flags &= (uint8_t)~ORDER_HELD_ALL; /* a sell cannot spend more than it holds */
    }
    return plan->hold_atoms == 0 ? REJECT_NO_FUNDS : REJECT_NONE;
}

/* A stop, or the turn that it waits for, at the worst price that can make it fire; 0: nothing says
 * which. */
static __int128 worst_trigger(const struct ledger_new *order)
{
    __int128 from = order->stop_atoms ? order->stop_atoms : order->hint_atoms;
    return from * (10000 + order->trail_bips) / 10000;
}

/* A buy at market that waits holds what it would cost there plus 5 %, and at least without that;
 * all the free funds when nothing says what that is. */
static enum reject plan_stop_market(const struct ledger_new *order, int64_t free,
                                    struct ledger_plan *plan)
{
    uint8_t all = 0;
    if (order->side == SIDE_SELL) {
        plan->hold_atoms = order->qty_atoms;
        return REJECT_NONE;
    }
    __int128 price = worst_trigger(order), cost;
    if (price > INT64_MAX)
        return REJECT_OVERFLOW;
    cost = (price * order->qty_atoms + MONEY_ATOMS_PER_UNIT - 1) / MONEY_ATOMS_PER_UNIT;
    plan->hold_atoms = price ? hold_with_margin(cost, free, &all) : free;
    return plan->hold_atoms == 0 || plan->hold_atoms < cost ? REJECT_NO_FUNDS : REJECT_NONE;
}

static enum reject plan_limit(const struct ledger_symbol *symbol, const struct ledger_new *order,
                              struct ledger_plan *plan)
{
    int64_t notional, ceiled;
    if (!money_quote_floor(&symbol->spec, plan->price_ticks, plan->qty_lots, &notional) ||
        !money_quote_ceil(&symbol->spec, plan->price_ticks, plan->qty_lots, &ceiled))
        return REJECT_OVERFLOW;
    enum reject reject = ledger_check_notional(symbol, false, notional);
    if (reject != REJECT_NONE)
        return reject;
    plan->hold_atoms = order->side == SIDE_BUY ? ceiled : order->qty_atoms;
    if (order->type == TYPE_LIMIT_MAKER || order->tif == TIF_GTC)
        plan->flags |= ORDER_CAN_REST;
    return REJECT_NONE;
}

enum reject ledger_plan_hold(const struct ledger_symbol *symbol, const struct ledger_new *order,
                             int64_t funds, struct ledger_plan *plan)
{
    if (type_waits(order->type))
        plan->flags |= ORDER_CAN_REST; /* it waits, whatever it does then */
    if (order->type == TYPE_MARKET)
        return plan_market(symbol, order, funds, plan);
    return type_is_market(order->type) ? plan_stop_market(order, funds, plan)
                                       : plan_limit(symbol, order, plan);
}

/* Filters that need neither the user's orders nor balance (PROTOCOL §2.9, Binance's order). */
static enum reject check_filters(const struct ledger_symbol *symbol, const struct ledger_new *order,
                                 struct ledger_plan *plan)
{
    enum reject reject = REJECT_NONE;
    if (!type_is_market(order->type))
        reject = check_price(symbol, order->price_atoms, &plan->price_ticks);
    if (reject == REJECT_NONE && order->stop_atoms)
        reject = check_price(symbol, order->stop_atoms, &plan->stop_ticks);
    if (reject == REJECT_NONE && !order->by_quote)
        reject = ledger_check_lots(symbol, order, plan);
    if (reject == REJECT_NONE && order->iceberg_atoms)
        reject = ledger_check_iceberg(symbol, order, plan);
    if (reject == REJECT_NONE && order->trail_bips)
        reject = ledger_check_trail(symbol, order);
    if (reject == REJECT_NONE && order->by_quote)
        reject = order->quote_atoms > 0 ? ledger_check_notional(symbol, true, order->quote_atoms)
                                        : REJECT_NOTIONAL;
    return reject;
}

/* What the order's hold can get from the one it replaces: what that has now, and what that waits
 * for itself; of a pair's, what it needs of both's. The market knows how much of it is left. */
static int64_t hold_of_old(const struct ledger *ledger, uint32_t old, uint16_t asset)
{
    const struct ledger_order *order = &ledger->orders[old];
    if (!old || ledger_pays_with(ledger, order) != asset)
        return 0;
    int64_t held = ledger_hold_of(ledger, order) + order->due;
    int64_t needed = order->flags & ORDER_SHARED ? ledger_hold_needed(ledger, order) : INT64_MAX;
    return held < needed ? held : needed;
}

/* It holds nothing yet: what it needs is asked when it is placed. */
static void plan_pending(struct ledger_plan *plan)
{
    plan->hold_atoms = 0;
    plan->flags |= ORDER_TERMS | ORDER_PENDED;
    plan->flags &= (uint8_t)~ORDER_HELD_ALL;
}

static enum reject check_order(const struct ledger *ledger, uint32_t user,
                               const struct ledger_new *order, uint32_t old, bool alone,
                               const struct list_part *part, struct ledger_plan *plan)
{
    *plan = (struct ledger_plan){0};
    if (order->symbol >= ledger->limits.symbols || !ledger->symbols[order->symbol].active)
        return REJECT_UNKNOWN_SYMBOL;
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    if (symbol->delisted)
        return REJECT_MARKET_CLOSED;
    plan->hold_asset = order->side == SIDE_BUY ? symbol->quote : symbol->base;
    if (order->by_quote)
        plan->flags |= ORDER_BY_QUOTE;
    if (type_waits(order->type))
        plan->flags |= ORDER_TERMS | ORDER_WAITING;
    if (order->iceberg_atoms || !strategy_none(&order->strategy))
        plan->flags |= ORDER_TERMS;
    enum reject reject = check_filters(symbol, order, plan);
    if (reject != REJECT_NONE)
        return reject;
    int64_t free = part->pending ? INT64_MAX : ledger_free(ledger, user, plan->hold_asset);
    int64_t from_old = hold_of_old(ledger, old, plan->hold_asset), funds;
    if (__builtin_add_overflow(free, from_old, &funds))
        funds = INT64_MAX; /* the old order's may be spent already, and be among the free ones */
    reject = ledger_plan_hold(symbol, order, funds, plan);
    if (part->pending) {
        plan_pending(plan);
        reject = reject == REJECT_NO_FUNDS ? REJECT_NONE : reject;
    }
    if (reject != REJECT_NONE && reject != REJECT_NO_FUNDS)
        return reject;
    bool duplicate =
        ledger_client_id_open(ledger, user, order->client_id, order->client_length, old);
    if (duplicate && !old)
        return REJECT_DUPLICATE_ORDER;
    uint32_t position = ledger_find_position(ledger, user, order->symbol);
    enum reject counts = ledger_check_counts(ledger, user, position, order, plan, part);
    if (counts != REJECT_NONE)
        return counts;
    if (duplicate) /* not a filter: behind them all when there is something to cancel */
        return REJECT_DUPLICATE_ORDER;
    if (reject != REJECT_NONE || plan->hold_atoms > funds)
        return REJECT_NO_FUNDS;
    if (!alone || plan->hold_atoms > free)
        plan->due_atoms = plan->hold_atoms < from_old ? plan->hold_atoms : from_old;
    uint32_t balances = !ledger_find_balance(ledger, user, symbol->base) +
                        !ledger_find_balance(ledger, user, symbol->quote);
    if (ledger->open >= ledger->limits.open_orders || pool_full(&ledger->order_pool, 1) ||
        pool_full(&ledger->balance_pool, balances) || pool_full(&ledger->position_pool, !position))
        return REJECT_LIMIT;
    return REJECT_NONE;
}

enum reject ledger_check_new(const struct ledger *ledger, uint32_t user,
                             const struct ledger_new *order, struct ledger_plan *plan)
{
    return ledger_check_replace(ledger, user, order, 0, true, plan);
}

enum reject ledger_check_replace(const struct ledger *ledger, uint32_t user,
                                 const struct ledger_new *order, uint32_t old, bool alone,
                                 struct ledger_plan *plan)
{
    return check_order(ledger, user, order, old, alone, &(struct list_part){0}, plan);
}

enum reject ledger_check_part(const struct ledger *ledger, uint32_t user,
                              const struct ledger_new *order, const struct list_part *part,
                              struct ledger_plan *plan)
{
    return check_order(ledger, user, order, 0, true, part, plan);
}

/* ---- lists of orders ---- */

void ledger_open_push(struct ledger *ledger, uint32_t slot)
{
    struct ledger_order *order = &ledger->orders[slot];
    slot_index_insert(&ledger->by_ref, (uint32_t)hash_mix(order->ref), slot);
    struct ledger_position *position = &ledger->positions[order->position];
    order->prev = position->tail;
    order->next = 0;
    if (position->tail)
        ledger->orders[position->tail].next = slot;
    else
        position->head = slot;
    position->tail = slot;
    position->open++;
    if (order->flags & ORDER_CAN_REST)
        position->can_rest++, ledger->users[order->user].can_rest++;
    ledger->open++;
}

static void open_remove(struct ledger *ledger, uint32_t slot)
{
    struct ledger_order *order = &ledger->orders[slot];
    struct ledger_position *position = &ledger->positions[order->position];
    if (order->prev)
        ledger->orders[order->prev].next = order->next;
    else
        position->head = order->next;
    if (order->next)
        ledger->orders[order->next].prev = order->prev;
    else
        position->tail = order->prev;
    position->open--;
    if (order->flags & ORDER_CAN_REST)
        position->can_rest--, ledger->users[order->user].can_rest--;
    ledger->open--;
    slot_index_remove(&ledger->by_ref, (uint32_t)hash_mix(order->ref), slot);
}

static void order_forget(struct ledger *ledger, uint32_t slot)
{
    struct ledger_order *order = &ledger->orders[slot];
    slot_index_remove(&ledger->by_client,
                      hash_client(order->user, order->client_id, order->client_length), slot);
    if (order->order_id)
        slot_index_remove(&ledger->by_order_id, hash_pair(order->symbol, order->order_id), slot);
    order->ref = 0;
    pool_put(&ledger->order_pool, slot, &order->next);
}

/* The oldest done order of a user makes room (O6). */
static void done_evict(struct ledger *ledger, struct ledger_user *user)
{
    uint32_t oldest = user->done_head;
    user->done_head = ledger->orders[oldest].next;
    if (!user->done_head)
        user->done_tail = 0;
    user->done--;
    order_forget(ledger, oldest);
}

void ledger_done_append(struct ledger *ledger, uint32_t slot)
{
    struct ledger_order *order = &ledger->orders[slot];
    struct ledger_user *user = &ledger->users[order->user];
    order->prev = order->next = 0;
    if (user->done_tail)
        ledger->orders[user->done_tail].next = slot;
    else
        user->done_head = slot;
    user->done_tail = slot;
    user->done++;
}

static void done_push(struct ledger *ledger, uint32_t slot)
{
    struct ledger_user *user = &ledger->users[ledger->orders[slot].user];
    ledger_done_append(ledger, slot);
    /* The history of all users together is bounded too: then each keeps fewer, its own oldest go.
     */
    while (user->done > ledger->limits.done_orders ||
           (user->done > 1 && ledger->order_pool.count - ledger->open > ledger->limits.history))
        done_evict(ledger, user);
}

uint32_t ledger_order_make(struct ledger *ledger, const struct ledger_order *values)
{
    uint32_t slot = pool_get(&ledger->order_pool, ledger->orders[ledger->order_pool.free].next);
    ledger->orders[slot] = *values;
    slot_index_insert(&ledger->by_client,
                      hash_client(values->user, values->client_id, values->client_length), slot);
    if (values->order_id)
        slot_index_insert(&ledger->by_order_id, hash_pair(values->symbol, values->order_id), slot);
    return slot;
}

void ledger_order_rename(struct ledger *ledger, uint32_t slot, const char *id, uint8_t length)
{
    struct ledger_order *order = &ledger->orders[slot];
    slot_index_remove(&ledger->by_client,
                      hash_client(order->user, order->client_id, order->client_length), slot);
    order->client_length = length;
    memcpy(order->client_id, id, length);
    slot_index_insert(&ledger->by_client, hash_client(order->user, id, length), slot);
    ledger_list_learn(ledger, order);
}

/* ---- how many orders a user has placed that have not traded ---- */

static uint32_t interval_of(uint32_t interval, int64_t ts_us)
{
    static const int64_t length_us[ORDER_INTERVALS] = {
        [ORDERS_10S] = 10000000, [ORDERS_1D] = 86400000000};
    return (uint32_t)(ts_us / length_us[interval]);
}

static void count_placed(struct ledger_user *user, int64_t ts_us)
{
    for (uint32_t i = 0; i < ORDER_INTERVALS; i++) {
        struct order_count *unfilled = &user->unfilled[i];
        if (unfilled->interval != interval_of(i, ts_us))
            *unfilled = (struct order_count){.interval = interval_of(i, ts_us)};
        unfilled->count++;
    }
}

/* An order traded for the first time, or was refused. */
static void count_back(struct ledger_user *user)
{
    for (uint32_t i = 0; i < ORDER_INTERVALS; i++)
        user->unfilled[i].count -= user->unfilled[i].count > 0;
}

uint32_t ledger_unfilled(const struct ledger *ledger, uint32_t user, enum order_interval interval,
                         int64_t ts_us)
{
    const struct order_count *unfilled = &ledger->users[user].unfilled[interval];
    return unfilled->interval == interval_of(interval, ts_us) ? unfilled->count : 0;
}

static struct ledger_balance *hold_balance(struct ledger *ledger, const struct ledger_order *order)
{
    return ledger_balance_make(ledger, order->user, ledger_pays_with(ledger, order));
}

void ledger_hold_take(struct ledger *ledger, struct ledger_order *order, int64_t atoms)
{
    struct ledger_balance *balance = hold_balance(ledger, order);
    ASSERT(atoms >= 0 && balance->free >= atoms);
    balance->free -= atoms;
    balance->locked += atoms;
    order->held += atoms;
    note(ledger, balance);
}

uint32_t ledger_place(struct ledger *ledger, uint32_t user, const struct ledger_new *order,
                      const struct ledger_plan *plan, int64_t ts_us)
{
    struct ledger_order made = {
        .ref = (uint64_t)ledger->limits.shard << 54 | ++ledger->ref_counter,
        .tag = order->tag,
        .price_ticks = plan->price_ticks,
        .qty_lots = plan->qty_lots,
        .quote_atoms = order->by_quote ? order->quote_atoms : 0,
        .held = plan->hold_atoms - plan->due_atoms,
        .due = plan->due_atoms,
        .user = user,
        .position = ledger_position_make(ledger, user, order->symbol),
        .symbol = order->symbol,
        .side = order->side,
        .type = order->type,
        .tif = order->tif,
        .stp = order->stp,
        .status = ORDER_SENT,
        .flags = plan->flags,
        .resp = order->resp,
        .client_length = order->client_length,
    };
    memcpy(made.client_id, order->client_id, order->client_length);
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    ledger_balance_make(ledger, user, symbol->base); /* both now, so that no fill can lack a slot */
    ledger_balance_make(ledger, user, symbol->quote);
    int64_t hold = made.held;
    made.held = 0;
    uint32_t slot = ledger_order_make(ledger, &made);
    ledger_hold_take(ledger, &ledger->orders[slot], hold);
    if (plan->flags & ORDER_TERMS)
        ledger->terms[slot] = (struct ledger_terms){.stop_ticks = plan->stop_ticks,
                                                    .iceberg_lots = plan->iceberg_lots,
                                                    .trail_bips = order->trail_bips,
                                                    .strategy = order->strategy};
    ledger_open_push(ledger, slot);
    count_placed(&ledger->users[user], ts_us);
    return slot;
}

/* ---- the market's word ---- */

static uint32_t order_by_ref(struct ledger *ledger, uint64_t ref)
{
    uint32_t slot = ledger_find_ref(ledger, ref);
    ASSERT(slot != 0); /* a hold is resolved by its market alone, and once */
    return slot;
}

void ledger_order_learn_id(struct ledger *ledger, uint32_t slot, uint64_t order_id, int64_t ts_us)
{
    struct ledger_order *order = &ledger->orders[slot];
    order->updated_us = ts_us;
    if (order->order_id) {
        ASSERT(order->order_id == order_id);
        return;
    }
    order->order_id = order_id;
    order->time_us = ts_us;
    slot_index_insert(&ledger->by_order_id, hash_pair(order->symbol, order_id), slot);
    if (order->list_id)
        ledger_list_learn(ledger, order);
}

static bool on_its_way(const struct ledger_order *order)
{
    return order->status == ORDER_SENT || order->status == ORDER_PENDING;
}

/* An order of a list's second phase begins to work when the market first tells of it, unless it
 * waits for a trigger. */
static void works_now(struct ledger *ledger, const struct ledger_order *order, int64_t ts_us)
{
    struct ledger_terms *terms = &ledger->terms[order - ledger->orders];
    if ((order->flags & ORDER_PENDED) && !type_waits(order->type) && !terms->working_us)
        terms->working_us = ts_us;
}

uint32_t ledger_accepted(struct ledger *ledger, uint64_t ref, uint64_t order_id, int64_t ts_us)
{
    uint32_t slot = order_by_ref(ledger, ref);
    struct ledger_order *order = &ledger->orders[slot];
    ledger_order_learn_id(ledger, slot, order_id, ts_us);
    if (on_its_way(order))
        order->status = ORDER_NEW;
    works_now(ledger, order, ts_us);
    return slot;
}

uint32_t ledger_triggered(struct ledger *ledger, uint64_t ref, int64_t ts_us)
{
    uint32_t slot = order_by_ref(ledger, ref);
    struct ledger_order *order = &ledger->orders[slot];
    ASSERT(order->flags & ORDER_WAITING);
    order->flags &= (uint8_t)~ORDER_WAITING;
    order->updated_us = ts_us;
    ledger->terms[slot].working_us = ts_us;
    if (order->flags & ORDER_SHARED)
        ledger_share_take(ledger, order);
    return slot;
}

void ledger_hold_release(struct ledger *ledger, struct ledger_order *order, int64_t keep)
{
    ASSERT(order->held >= keep && keep >= 0);
    struct ledger_balance *balance = hold_balance(ledger, order);
    unlock(balance, order->held - keep);
    free_add(balance, order->held - keep);
    order->held = keep;
    note(ledger, balance);
}

static void trade_evict(struct ledger *ledger, struct ledger_user *user)
{
    uint32_t oldest = user->trade_head;
    struct ledger_trade *trade = &ledger->trades[oldest];
    user->trade_head = trade->next;
    if (!user->trade_head)
        user->trade_tail = 0;
    user->trades--;
    trade->serial = 0;
    pool_put(&ledger->trade_pool, oldest, &trade->next);
}

void ledger_trade_append(struct ledger *ledger, struct ledger_user *user,
                         struct ledger_order *order, const struct ledger_trade *values)
{
    uint32_t slot = pool_get(&ledger->trade_pool, ledger->trades[ledger->trade_pool.free].next);
    struct ledger_trade *trade = &ledger->trades[slot];
    *trade = *values;
    if (++ledger->trade_serial == 0)
        ledger->trade_serial = 1;
    trade->serial = ledger->trade_serial;
    trade->prev = trade->prev_serial = 0;
    if (order) {
        trade->prev = order->last_trade;
        trade->prev_serial = order->last_trade_serial;
        order->last_trade = slot;
        order->last_trade_serial = trade->serial;
    }
    if (user->trade_tail)
        ledger->trades[user->trade_tail].next = slot;
    else
        user->trade_head = slot;
    user->trade_tail = slot;
    user->trades++;
}

static void trade_add(struct ledger *ledger, struct ledger_order *order,
                      const struct ledger_trade *values)
{
    struct ledger_user *user = &ledger->users[order->user];
    /* With the shard's history full, a user makes room from their own trades first; one who has
     * none records none. */
    while (user->trades >= ledger->limits.done_orders ||
           (user->trades && pool_full(&ledger->trade_pool, 1)))
        trade_evict(ledger, user);
    if (!pool_full(&ledger->trade_pool, 1))
        ledger_trade_append(ledger, user, order, values);
}

/* The order is open no more: its hold goes back, or, shared, to the other one of its pair. */
static void order_leave(struct ledger *ledger, uint32_t slot)
{
    struct ledger_order *order = &ledger->orders[slot];
    if (order->flags & ORDER_SHARED)
        ledger_share_leave(ledger, order);
    ledger_hold_release(ledger, order, 0);
    open_remove(ledger, slot);
    if (order->list_id)
        ledger_list_left(ledger, order);
}

void ledger_end_order(struct ledger *ledger, uint32_t slot, enum order_status status)
{
    struct ledger_order *order = &ledger->orders[slot];
    order_leave(ledger, slot);
    order->status = (uint8_t)status;
    done_push(ledger, slot);
}

struct ledger_amounts ledger_fill_amounts(const struct ledger *ledger,
                                          const struct ledger_order *order, int64_t price_ticks,
                                          int64_t qty_lots, bool maker)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    int64_t quote, base = qty_lots * symbol->spec.lot_atoms;
    ASSERT(money_quote_floor(&symbol->spec, price_ticks, qty_lots, &quote));
    bool buy = order->side == SIDE_BUY;
    int64_t paid = buy ? quote : base, got = buy ? base : quote;
    const struct ledger_rates rates =
        ledger_rates(ledger, order->user, order->position, order->symbol);
    int64_t fee = money_fee(got, maker ? rates.maker_ppm : rates.taker_ppm);
    return (struct ledger_amounts){.quote = quote, .paid = paid, .got = got, .fee = fee};
}

uint32_t ledger_fill(struct ledger *ledger, uint64_t ref, uint64_t order_id, uint64_t trade_id,
                     int64_t price_ticks, int64_t qty_lots, bool maker, bool done, int64_t ts_us)
{
    uint32_t slot = order_by_ref(ledger, ref);
    struct ledger_order *order = &ledger->orders[slot];
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    ledger_order_learn_id(ledger, slot, order_id, ts_us);
    works_now(ledger, order, ts_us);
    if (order->flags & ORDER_SHARED)
        ledger_share_take(ledger, order);
    const struct ledger_amounts moved =
        ledger_fill_amounts(ledger, order, price_ticks, qty_lots, maker);
    bool buy = order->side == SIDE_BUY;
    ASSERT(order->held >= moved.paid);
    order->held -= moved.paid;
    struct ledger_balance *balance = hold_balance(ledger, order);
    unlock(balance, moved.paid);
    note(ledger, balance);
    uint16_t got_asset = buy ? symbol->base : symbol->quote;
    balance = ledger_balance_make(ledger, order->user, got_asset);
    free_add(balance, moved.got - moved.fee);
    note(ledger, balance);
    ledger->totals[got_asset].fees += moved.fee;
    if (order->executed_lots == 0)
        count_back(&ledger->users[order->user]);
    order->executed_lots += qty_lots;
    order->cum_quote += moved.quote;
    order->status = ORDER_PARTIALLY_FILLED;
    trade_add(ledger, order,
              &(struct ledger_trade){.trade_id = trade_id,
                                     .order_id = order_id,
                                     .list_id = order->list_id,
                                     .price_ticks = price_ticks,
                                     .qty_lots = qty_lots,
                                     .quote_atoms = moved.quote,
                                     .fee_atoms = moved.fee,
                                     .ts_us = ts_us,
                                     .symbol = order->symbol,
                                     .side = order->side,
                                     .maker = maker});
    order->trades++;
    if (done) {
        ASSERT(order_left(order) == 0);
        ledger_end_order(ledger, slot, ORDER_FILLED);
    } else if (buy && !type_is_market(order->type)) {
        int64_t keep; /* O2: ceil(limit price x leaves) at all times; price improvement goes back */
        ASSERT(money_quote_ceil(&symbol->spec, order->price_ticks, order_left(order), &keep));
        ledger_hold_release(ledger, order, keep);
    }
    return slot;
}

int64_t ledger_hold_needed(const struct ledger *ledger, const struct ledger_order *order)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    int64_t left = order_left(order), needed;
    if (type_is_market(order->type))
        return INT64_MAX;
    ASSERT(!__builtin_mul_overflow(left, symbol->spec.lot_atoms, &needed));
    if (order->side == SIDE_BUY)
        ASSERT(money_quote_ceil(&symbol->spec, order->price_ticks, left, &needed));
    return needed;
}

/* O2: what is left keeps its hold; that of a market order is released at its end. */
void ledger_hold_left(struct ledger *ledger, struct ledger_order *order)
{
    if (order->flags & ORDER_SHARED)
        ledger_share_trim(ledger, order);
    else if (!type_is_market(order->type))
        ledger_hold_release(ledger, order, ledger_hold_needed(ledger, order));
}

uint32_t ledger_prevented(struct ledger *ledger, uint64_t ref, uint64_t order_id, uint64_t match_id,
                          int64_t lots, bool done, int64_t ts_us)
{
    uint32_t slot = order_by_ref(ledger, ref);
    struct ledger_order *order = &ledger->orders[slot];
    ledger_order_learn_id(ledger, slot, order_id, ts_us);
    order->prevented_lots += lots;
    order->prevented_id = match_id;
    if (on_its_way(order))
        order->status = ORDER_NEW;
    works_now(ledger, order, ts_us);
    if (!done) {
        ledger_hold_left(ledger, order);
        return slot;
    }
    if (order->flags & ORDER_BY_QUOTE)
        order->qty_lots = order->executed_lots;
    ledger_end_order(ledger, slot, ORDER_EXPIRED_IN_MATCH);
    return slot;
}

uint32_t ledger_done(struct ledger *ledger, uint64_t ref, uint64_t order_id,
                     enum order_status status, int64_t ts_us)
{
    uint32_t slot = order_by_ref(ledger, ref);
    ledger_order_learn_id(ledger, slot, order_id, ts_us);
    struct ledger_order *order = &ledger->orders[slot];
    if (order->flags & ORDER_BY_QUOTE) /* its quantity is what it came to */
        order->qty_lots = order->executed_lots;
    ledger_end_order(ledger, slot, status);
    return slot;
}

uint32_t ledger_replaced(struct ledger *ledger, uint64_t ref, uint64_t order_id, uint64_t new_ref,
                         int64_t moved, int64_t ts_us)
{
    struct ledger_order *old = &ledger->orders[order_by_ref(ledger, ref)];
    struct ledger_order *made = &ledger->orders[order_by_ref(ledger, new_ref)];
    bool estimate = type_is_market(made->type);
    if (moved && (old->flags & ORDER_SHARED)) /* the other one of its pair is on its end, too */
        ledger_share_take(ledger, old);
    ASSERT(moved >= 0 && moved <= old->held && moved <= made->due);
    ASSERT(moved == 0 || moved == made->due || estimate);
    ASSERT(moved == 0 || (old->user == made->user &&
                          ledger_pays_with(ledger, old) == ledger_pays_with(ledger, made)));
    old->held -= moved; /* of one balance: what is locked stays locked */
    made->held += moved;
    if (moved || estimate) /* with nothing moved, what was due is refused next */
        made->due = 0;
    return ledger_done(ledger, ref, order_id, ORDER_CANCELED, ts_us);
}

void ledger_refused(struct ledger *ledger, uint64_t ref)
{
    uint32_t slot = order_by_ref(ledger, ref);
    struct ledger_order *order = &ledger->orders[slot];
    ASSERT(order->executed_lots == 0 && order->order_id == 0);
    count_back(&ledger->users[order->user]);
    order_leave(ledger, slot);
    order_forget(ledger, slot);
}

/* ---- money from outside ---- */

enum reject ledger_check_deposit(const struct ledger *ledger, uint32_t user, uint16_t asset,
                                 int64_t amount, const uint8_t request_id[REQUEST_ID_BYTES],
                                 const struct ledger_deposit **done)
{
    uint32_t slot;
    *done = NULL;
    SLOT_INDEX_EACH(&ledger->by_deposit, hash_request(user, request_id), slot)
    {
        const struct ledger_deposit *deposit = &ledger->deposits[slot];
        if (deposit->user != user || memcmp(deposit->request_id, request_id, REQUEST_ID_BYTES) != 0)
            continue;
        *done = deposit;
        return deposit->asset == asset && deposit->amount == amount ? REJECT_NONE
                                                                    : REJECT_REQUEST_ID_REUSED;
    }
    uint32_t held = ledger_find_balance(ledger, user, asset);
    int64_t sum = 0, free = held ? ledger->balances[held].free : 0;
    int64_t locked = held ? ledger->balances[held].locked : 0;
    if (amount < 0 && (amount == INT64_MIN || free < -amount))
        return REJECT_NO_FUNDS;
    if (amount >
        0) { /* a shard's supply of an asset fits int64, so no balance of it can overflow */
        const struct ledger_totals *totals = &ledger->totals[asset];
        if (__builtin_add_overflow(free, amount, &sum) ||
            __builtin_add_overflow(sum, locked, &sum) ||
            totals->deposits - totals->withdrawals + amount > INT64_MAX)
            return REJECT_OVERFLOW;
    }
    /* The last of the room is for those who want their money back. */
    uint32_t want = amount > 0 ? 1 + ledger->limits.deposits / 16 : 1;
    if (pool_full(&ledger->deposit_pool, want) || pool_full(&ledger->balance_pool, !held))
        return REJECT_LIMIT;
    return REJECT_NONE;
}

const struct ledger_deposit *ledger_apply_deposit(struct ledger *ledger, uint32_t user,
                                                  uint16_t asset, int64_t amount,
                                                  const uint8_t request_id[REQUEST_ID_BYTES])
{
    struct ledger_balance *balance = ledger_balance_make(ledger, user, asset);
    if (amount > 0) {
        free_add(balance, amount);
        ledger->totals[asset].deposits += amount;
    } else {
        ASSERT(balance->free >= -amount);
        balance->free += amount;
        ledger->totals[asset].withdrawals += -amount;
    }
    note(ledger, balance);
    struct ledger_deposit deposit = {
        .amount = amount, .free_after = balance->free, .user = user, .asset = asset};
    memcpy(deposit.request_id, request_id, REQUEST_ID_BYTES);
    return ledger_deposit_append(ledger, &deposit);
}

const struct ledger_deposit *ledger_deposit_append(struct ledger *ledger,
                                                   const struct ledger_deposit *values)
{
    uint32_t slot = pool_get(&ledger->deposit_pool, 0);
    struct ledger_deposit *deposit = &ledger->deposits[slot];
    *deposit = *values;
    slot_index_insert(&ledger->by_deposit, hash_request(deposit->user, deposit->request_id), slot);
    return deposit;
}

/* ---- looking in ---- */

struct ledger_order *ledger_order(struct ledger *ledger, uint32_t slot)
{
    ASSERT(slot > 0 && slot <= ledger->order_pool.high);
    return &ledger->orders[slot];
}

const struct ledger_terms *ledger_terms(const struct ledger *ledger,
                                        const struct ledger_order *order)
{
    static const struct ledger_terms none;
    return order->flags & ORDER_TERMS ? &ledger->terms[order - ledger->orders] : &none;
}

const struct ledger_user *ledger_user(const struct ledger *ledger, uint32_t user)
{
    return &ledger->users[user];
}

const struct ledger_balance *ledger_balance(const struct ledger *ledger, uint32_t slot)
{
    return &ledger->balances[slot];
}

const struct ledger_position *ledger_position(const struct ledger *ledger, uint32_t slot)
{
    return &ledger->positions[slot];
}

const struct ledger_trade *ledger_trade(const struct ledger *ledger, uint32_t slot)
{
    return &ledger->trades[slot];
}

uint32_t ledger_trade_before(const struct ledger *ledger, uint32_t trade)
{
    const struct ledger_trade *from = &ledger->trades[trade];
    return from->prev && ledger->trades[from->prev].serial == from->prev_serial ? from->prev : 0;
}

uint32_t ledger_order_last_trade(const struct ledger *ledger, const struct ledger_order *order)
{
    uint32_t slot = order->last_trade;
    return slot && ledger->trades[slot].serial == order->last_trade_serial ? slot : 0;
}

void ledger_kept(struct ledger *ledger, uint32_t done_orders)
{
    if (done_orders < ledger->done_least)
        ledger->done_least = done_orders;
}

bool ledger_may_lack(const struct ledger *ledger, uint32_t user, bool trades)
{
    const struct ledger_user *owner = &ledger->users[user];
    uint32_t most = ledger->done_least;
    if (trades)
        return owner->trades >= most || ledger->trade_pool.count >= ledger->limits.history;
    return owner->done >= most || ledger->order_pool.count - ledger->open >= ledger->limits.history;
}

bool ledger_may_lack_lists(const struct ledger *ledger, uint32_t user)
{
    const struct ledger_user *owner = &ledger->users[user];
    return owner->lists_done >= ledger->done_least ||
           ledger->list_pool.count - ledger->lists_open >= ledger->limits.history;
}

uint32_t ledger_deposits(const struct ledger *ledger)
{
    return ledger->deposit_pool.count;
}

uint32_t ledger_deposits_max(const struct ledger *ledger)
{
    return ledger->limits.deposits;
}

uint32_t ledger_open_orders(const struct ledger *ledger)
{
    return ledger->open;
}

const uint64_t *ledger_digest(const struct ledger *ledger)
{
    return &ledger->digest;
}

uint32_t ledger_users(const struct ledger *ledger)
{
    return ledger->user_pool.count;
}

void ledger_totals(const struct ledger *ledger, struct ledger_totals *totals)
{
    for (uint32_t asset = 0; asset < ledger->limits.assets; asset++) {
        totals[asset].deposits += ledger->totals[asset].deposits;
        totals[asset].withdrawals += ledger->totals[asset].withdrawals;
        totals[asset].fees += ledger->totals[asset].fees;
    }
    for (uint32_t slot = 1; slot <= ledger->balance_pool.high; slot++) {
        const struct ledger_balance *balance = &ledger->balances[slot];
        totals[balance->asset].free += balance->free;
        totals[balance->asset].locked += balance->locked;
    }
}

void ledger_each_open(const struct ledger *ledger,
                      void (*each)(void *arg, const struct ledger_order *order), void *arg)
{
    for (uint32_t slot = 1; slot <= ledger->position_pool.high; slot++)
        for (uint32_t at = ledger->positions[slot].head; at; at = ledger->orders[at].next)
            each(arg, &ledger->orders[at]);
}

static uint64_t hash_order(const struct ledger *ledger, uint64_t hash,
                           const struct ledger_order *order)
{
    const uint64_t words[] = {
        order->ref,
        order->order_id,
        (uint64_t)order->price_ticks,
        (uint64_t)order->qty_lots,
        (uint64_t)order->executed_lots,
        (uint64_t)order->quote_atoms,
        (uint64_t)order->cum_quote,
        (uint64_t)order->held,
        (uint64_t)order->due,
        (uint64_t)order->time_us,
        (uint64_t)order->updated_us,
        (uint64_t)order->symbol << 48 | (uint64_t)order->side << 40 | (uint64_t)order->type << 32 |
            (uint64_t)order->tif << 24 | (uint64_t)order->stp << 16 | (uint64_t)order->status << 8 |
            order->flags,
        (uint64_t)order->expiry << 8 | order->amends,
        (uint64_t)order->prevented_lots,
        order->prevented_id,
        order->list_id,
    };
    hash = hash_bytes(hash, words, sizeof words);
    if (order->flags & ORDER_TERMS) {
        const struct ledger_terms *terms = ledger_terms(ledger, order);
        hash = hash_fold(hash, (uint64_t)terms->stop_ticks);
        hash = hash_fold(hash, (uint64_t)terms->iceberg_lots);
        hash = hash_fold(hash, (uint64_t)terms->working_us);
        hash = hash_fold(hash, terms->trail_bips);
        hash = hash_fold(hash, (uint64_t)terms->strategy.id);
        hash = hash_fold(hash, (uint64_t)terms->strategy.type << 1 | terms->strategy.has_id);
    }
    return hash_bytes(hash, order->client_id, order->client_length);
}

static uint64_t hash_rates(uint64_t hash, const struct ledger_rates *rates)
{
    hash = hash_fold(hash, rates->set);
    return hash_fold(hash, (uint64_t)(uint32_t)rates->maker_ppm << 32 | (uint32_t)rates->taker_ppm);
}

static uint64_t hash_user(const struct ledger *ledger, uint64_t hash,
                          const struct ledger_user *user)
{
    hash = hash_fold(hash, (uint64_t)user->trade_group << 32 | user->id);
    for (uint32_t i = 0; i < ORDER_INTERVALS; i++)
        hash =
            hash_fold(hash, (uint64_t)user->unfilled[i].interval << 32 | user->unfilled[i].count);
    hash = hash_rates(hash, &user->rates);
    for (uint32_t at = user->positions; at; at = ledger->positions[at].next)
        hash =
            hash_rates(hash_fold(hash, ledger->positions[at].symbol), &ledger->positions[at].rates);
    for (uint32_t at = user->balances; at; at = ledger->balances[at].next) {
        const struct ledger_balance *balance = &ledger->balances[at];
        hash = hash_fold(hash, balance->asset);
        hash = hash_fold(hash, (uint64_t)balance->free);
        hash = hash_fold(hash, (uint64_t)balance->locked);
    }
    for (uint32_t at = user->positions; at; at = ledger->positions[at].next)
        for (uint32_t order = ledger->positions[at].head; order; order = ledger->orders[order].next)
            hash = hash_order(ledger, hash, &ledger->orders[order]);
    for (uint32_t order = user->done_head; order; order = ledger->orders[order].next)
        hash = hash_order(ledger, hash, &ledger->orders[order]);
    for (uint32_t at = user->lists_head; at; at = ledger->lists[at].next)
        hash = ledger_list_hash(hash, &ledger->lists[at]);
    for (uint32_t at = user->list_done_head; at; at = ledger->lists[at].next)
        hash = ledger_list_hash(hash, &ledger->lists[at]);
    for (uint32_t at = user->trade_head; at; at = ledger->trades[at].next) {
        const struct ledger_trade *trade = &ledger->trades[at];
        const uint64_t words[] = {trade->trade_id,
                                  trade->order_id,
                                  trade->list_id,
                                  (uint64_t)trade->price_ticks,
                                  (uint64_t)trade->qty_lots,
                                  (uint64_t)trade->fee_atoms,
                                  (uint64_t)trade->ts_us,
                                  (uint64_t)trade->symbol << 8 | trade->maker};
        hash = hash_bytes(hash, words, sizeof words);
    }
    return hash;
}

static uint64_t hash_symbol(uint64_t hash, const struct ledger_symbol *symbol)
{
    const uint64_t words[] = {
        (uint64_t)symbol->spec.tick_atoms,
        (uint64_t)symbol->spec.lot_atoms,
        (uint64_t)symbol->base << 16 | symbol->quote,
        (uint64_t)symbol->min_price_ticks,
        (uint64_t)symbol->max_price_ticks,
        (uint64_t)symbol->min_lots,
        (uint64_t)symbol->max_lots,
        (uint64_t)symbol->market_min_lots,
        (uint64_t)symbol->market_max_lots,
        (uint64_t)symbol->min_notional,
        (uint64_t)symbol->max_notional,
        (uint64_t)symbol->max_orders << 16 | (uint64_t)symbol->delisted << 8 | symbol->default_stp,
        (uint64_t)(uint32_t)symbol->maker_ppm << 32 | (uint32_t)symbol->taker_ppm,
    };
    return symbol_limits_hash(hash_bytes(hash, words, sizeof words), &symbol->limits);
}

uint64_t ledger_hash(const struct ledger *ledger)
{
    uint64_t hash = hash_fold(ledger->limits.shard, ledger->ref_counter);
    hash = hash_fold(hash, ledger->list_counter);
    hash = exchange_limits_hash(hash, &ledger->exchange);
    for (uint32_t symbol = 0; symbol < ledger->limits.symbols; symbol++)
        if (ledger->symbols[symbol].active)
            hash = hash_symbol(hash_fold(hash, symbol), &ledger->symbols[symbol]);
    for (uint32_t asset = 0; asset < ledger->limits.assets; asset++) {
        const struct ledger_totals *totals = &ledger->totals[asset];
        if (totals->deposits || totals->fees) {
            hash = hash_bytes(hash, &totals->deposits, sizeof totals->deposits);
            hash = hash_bytes(hash, &totals->withdrawals, sizeof totals->withdrawals);
            hash = hash_bytes(hash, &totals->fees, sizeof totals->fees);
        }
    }
    for (uint32_t slot = 1; slot <= ledger->user_pool.high; slot++)
        hash = hash_user(ledger, hash, &ledger->users[slot]);
    for (uint32_t i = 0; i < ledger->amend_count; i++) {
        const struct ledger_amend *amend = &ledger->amends[i];
        hash = hash_fold(hash_fold(hash, amend->ref), (uint64_t)amend->lots);
        hash = hash_bytes(hash, amend->client_id, amend->client_length);
    }
    for (uint32_t slot = 1; slot <= ledger->deposit_pool.high; slot++) {
        const struct ledger_deposit *deposit = &ledger->deposits[slot];
        hash = hash_bytes(hash, deposit->request_id, REQUEST_ID_BYTES);
        hash = hash_fold(hash, (uint64_t)deposit->amount);
        hash = hash_fold(hash, (uint64_t)deposit->free_after);
        hash = hash_fold(hash, (uint64_t)deposit->user << 16 | deposit->asset);
    }
    return hash;
}

/* The hold an open order must have now. */
static bool hold_is_right(const struct ledger *ledger, const struct ledger_order *order)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    __int128 leaves = (__int128)order->qty_lots - order->executed_lots - order->prevented_lots;
    __int128 held = (__int128)order->held + order->due;
    int64_t want;
    if (order->held < 0 || order->due < 0)
        return false;
    if (order->flags & ORDER_SHARED)
        return ledger_share_is_right(ledger, order);
    if ((order->flags & ORDER_PENDED) && on_its_way(order) && !order->held)
        return true; /* nothing yet */
    if (type_is_market(order->type))
        return true; /* an estimate, spent as it trades */
    if (order->side == SIDE_SELL)
        return held == leaves * symbol->spec.lot_atoms;
    return leaves > 0 && leaves <= INT64_MAX &&
           money_quote_ceil(&symbol->spec, order->price_ticks, (int64_t)leaves, &want) &&
           held == want;
}

void ledger_verify(const struct ledger *ledger)
{
    uint32_t open = 0, done = 0;
    for (uint32_t slot = 1; slot <= ledger->balance_pool.high; slot++) {
        const struct ledger_balance *balance = &ledger->balances[slot];
        ASSERT(balance->free >= 0 && balance->locked >= 0);
        int64_t locked = 0;
        for (uint32_t at = ledger->users[balance->user].positions; at;
             at = ledger->positions[at].next)
            for (uint32_t o = ledger->positions[at].head; o; o = ledger->orders[o].next) {
                const struct ledger_order *order = &ledger->orders[o];
                if (ledger_pays_with(ledger, order) == balance->asset)
                    locked += order->held;
            }
        ASSERT(locked == balance->locked);
    }
    for (uint32_t slot = 1; slot <= ledger->position_pool.high; slot++) {
        uint32_t count = 0, can_rest = 0;
        for (uint32_t o = ledger->positions[slot].head; o; o = ledger->orders[o].next, count++) {
            const struct ledger_order *order = &ledger->orders[o];
            ASSERT(order_is_open(order) && order->position == slot);
            ASSERT(hold_is_right(ledger, order));
            ASSERT(ledger_find_ref(ledger, order->ref) == o);
            can_rest += (order->flags & ORDER_CAN_REST) != 0;
        }
        ASSERT(count == ledger->positions[slot].open);
        ASSERT(can_rest == ledger->positions[slot].can_rest);
        open += count;
    }
    for (uint32_t slot = 1; slot <= ledger->user_pool.high; slot++) {
        uint32_t can_rest = 0;
        for (uint32_t at = ledger->users[slot].positions; at; at = ledger->positions[at].next)
            can_rest += ledger->positions[at].can_rest;
        ASSERT(can_rest == ledger->users[slot].can_rest);
        ledger_lists_verify(ledger, slot);
        done += ledger->users[slot].done;
    }
    ASSERT(open == ledger->open);
    ASSERT(open + done == ledger->order_pool.count);
}
