#include "tests/oracle/naive_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "actors/book/kinds.h"

enum { UNIT = 100000000 };

struct naive_deposit {
    uint8_t id[REQUEST_ID_BYTES];
    uint32_t user;
    uint16_t asset;
    int64_t amount, free_after;
};

struct naive_ledger {
    struct ledger_limits limits;
    struct ledger_symbol *symbols;
    struct exchange_limits exchange;
    struct ledger_rates *rates; /* [user][symbol], and [user] behind them for all symbols */
    uint32_t *user_ids, users;
    int64_t *total;             /* [user][asset]: free and locked together */
    __int128 *fees;             /* [asset] */
    struct naive_order *orders; /* in the order of their making */
    uint32_t order_count, order_room;
    uint64_t *ended; /* refs of kept done orders in the order of their ending */
    uint32_t ended_count, ended_room;
    struct naive_trade *trades;
    uint32_t trade_count, trade_room;
    struct naive_deposit *deposits;
    uint32_t deposit_count, deposit_room;
    struct naive_amend amends[LEDGER_AMENDS_MAX];
    uint32_t amend_count;
    struct naive_list
        *lists; /* those open in the order of making; done ones of ending, among them */
    uint32_t list_count, list_room;
    uint64_t refs, list_ids, evicted_orders, evicted_trades, evicted_lists;
};

static void *grow(void *array, uint32_t count, uint32_t *room, size_t each)
{
    if (count < *room)
        return array;
    *room = *room ? 2 * *room : 64;
    array = realloc(array, *room * each);
    if (!array)
        abort();
    return array;
}

struct naive_ledger *naive_ledger_new(const struct ledger_limits *limits)
{
    struct naive_ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger)
        abort();
    ledger->limits = *limits;
    ledger->symbols = calloc(limits->symbols, sizeof *ledger->symbols);
    ledger->user_ids = calloc(limits->users, sizeof *ledger->user_ids);
    ledger->total = calloc((size_t)limits->users * limits->assets, sizeof *ledger->total);
    ledger->fees = calloc(limits->assets, sizeof *ledger->fees);
    ledger->rates = calloc((size_t)limits->users * (limits->symbols + 1), sizeof *ledger->rates);
    if (!ledger->symbols || !ledger->rates || !ledger->user_ids || !ledger->total || !ledger->fees)
        abort();
    return ledger;
}

void naive_ledger_free(struct naive_ledger *ledger)
{
    free(ledger->symbols);
    free(ledger->rates);
    free(ledger->user_ids);
    free(ledger->total);
    free(ledger->fees);
    free(ledger->orders);
    free(ledger->ended);
    free(ledger->trades);
    free(ledger->deposits);
    free(ledger->lists);
    free(ledger);
}

void naive_ledger_user_add(struct naive_ledger *ledger, uint32_t user_id)
{
    ledger->user_ids[ledger->users++] = user_id;
}

struct ledger_symbol *naive_ledger_symbol(struct naive_ledger *ledger, uint16_t symbol)
{
    return &ledger->symbols[symbol];
}

/* The last place of a user's row is for all symbols. */
static struct ledger_rates *rates_of(const struct naive_ledger *ledger, uint32_t user,
                                     uint16_t symbol)
{
    uint32_t places = ledger->limits.symbols + 1;
    return &ledger->rates[(size_t)user * places + (symbol == SYMBOL_NONE ? places - 1 : symbol)];
}

void naive_ledger_set_rates(struct naive_ledger *ledger, uint32_t user, uint16_t symbol,
                            const struct ledger_rates *rates)
{
    *rates_of(ledger, user, symbol) = *rates;
}

/* The narrowest that is set. */
static int32_t rate(const struct naive_ledger *ledger, const struct naive_order *order, bool maker)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->asked.symbol];
    const struct ledger_rates *found = rates_of(ledger, order->user, order->asked.symbol);
    if (!found->set)
        found = rates_of(ledger, order->user, SYMBOL_NONE);
    if (!found->set)
        return maker ? symbol->maker_ppm : symbol->taker_ppm;
    return maker ? found->maker_ppm : found->taker_ppm;
}

struct exchange_limits *naive_ledger_exchange(struct naive_ledger *ledger)
{
    return &ledger->exchange;
}

/* ---- arithmetic ---- */

/* price x quantity in quote atoms times 1e8. */
static __int128 exact(const struct ledger_symbol *symbol, int64_t price_ticks, int64_t lots)
{
    return (__int128)price_ticks * symbol->spec.tick_atoms *
           ((__int128)lots * symbol->spec.lot_atoms);
}

__int128 naive_ledger_cost(const struct naive_ledger *ledger, uint16_t symbol, int64_t price_ticks,
                           int64_t lots)
{
    return exact(&ledger->symbols[symbol], price_ticks, lots) / UNIT;
}

static __int128 round_up(__int128 amount, __int128 by)
{
    return amount / by + (amount % by != 0);
}

/* ---- kinds of orders ---- */

static bool waits(const struct ledger_new *order)
{
    return order->type == TYPE_STOP_LOSS || order->type == TYPE_STOP_LOSS_LIMIT ||
           order->type == TYPE_TAKE_PROFIT || order->type == TYPE_TAKE_PROFIT_LIMIT;
}

static bool at_market(const struct ledger_new *order)
{
    return order->type == TYPE_MARKET || order->type == TYPE_STOP_LOSS ||
           order->type == TYPE_TAKE_PROFIT;
}

/* Its stop is above the market. */
static bool from_below(const struct ledger_new *order)
{
    bool loss = order->type == TYPE_STOP_LOSS || order->type == TYPE_STOP_LOSS_LIMIT;
    return order->side == SIDE_BUY ? loss : !loss;
}

/* ---- balances, from first principles ---- */

static bool is_estimate(const struct ledger_new *order)
{
    return order->type == TYPE_MARKET && ((order->side == SIDE_BUY) != order->by_quote);
}

static uint16_t pays_with(const struct naive_ledger *ledger, const struct ledger_new *order)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    return order->side == SIDE_BUY ? symbol->quote : symbol->base;
}

/* What is left of it needs, O2; at market, what it began with and has not spent. */
static int64_t needs(const struct naive_ledger *ledger, const struct naive_order *order)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->asked.symbol];
    if (at_market(&order->asked))
        return order->first_hold - order->spent; /* what is due is not yet in it */
    int64_t leaves = naive_order_left(order);
    if (order->asked.side == SIDE_SELL)
        return leaves * symbol->spec.lot_atoms - order->due;
    return (int64_t)round_up(exact(symbol, order->price_ticks, leaves), UNIT) - order->due;
}

static const struct naive_order *other_of(const struct naive_ledger *ledger,
                                          const struct naive_order *order)
{
    const struct naive_order *other =
        order->other ? naive_ledger_by_ref(ledger, order->other) : NULL;
    return other && other->open ? other : NULL;
}

bool naive_ledger_shares(const struct naive_ledger *ledger, const struct naive_order *order)
{
    const struct naive_order *other = other_of(ledger, order);
    return order->open && (order->flags & ORDER_SHARED) && other && (other->flags & ORDER_SHARED);
}

/* The larger of both needs; one at market may come to need all that they began with. */
static int64_t pair_needs(const struct naive_ledger *ledger, const struct naive_order *one,
                          const struct naive_order *other)
{
    if (at_market(&one->asked) || at_market(&other->asked))
        return one->first_hold;
    int64_t a = needs(ledger, one), b = needs(ledger, other);
    return a > b ? a : b;
}

static bool is_funded(const struct naive_ledger *ledger, const struct naive_order *order)
{
    return !(order->flags & ORDER_PENDED) ||
           naive_ledger_find_list(ledger, order->list)->phase == LIST_SECOND;
}

int64_t naive_ledger_held(const struct naive_ledger *ledger, const struct naive_order *order)
{
    if (!order->open || !is_funded(ledger, order))
        return 0;
    if (naive_ledger_shares(ledger, order))
        return pair_needs(ledger, order, other_of(ledger, order));
    return order->flags & ORDER_SHARED ? 0 : needs(ledger, order); /* 0: the other one has acted */
}

int64_t naive_ledger_held_alone(const struct naive_ledger *ledger, const struct naive_order *order)
{
    int64_t held = naive_ledger_held(ledger, order);
    if (!naive_ledger_shares(ledger, order) || at_market(&order->asked))
        return held;
    int64_t alone = needs(ledger, order);
    return alone < held ? alone : held;
}

int64_t naive_ledger_locked_atoms(const struct naive_ledger *ledger, uint32_t user, uint16_t asset)
{
    int64_t locked = 0;
    for (uint32_t i = 0; i < ledger->order_count; i++) {
        const struct naive_order *order = &ledger->orders[i];
        bool counted = naive_ledger_shares(ledger, order) && order->other < order->ref;
        if (order->open && order->user == user && !counted &&
            pays_with(ledger, &order->asked) == asset)
            locked += naive_ledger_held(ledger, order);
    }
    return locked;
}

static int64_t *total_of(const struct naive_ledger *ledger, uint32_t user, uint16_t asset)
{
    return &ledger->total[(size_t)user * ledger->limits.assets + asset];
}

int64_t naive_ledger_free_atoms(const struct naive_ledger *ledger, uint32_t user, uint16_t asset)
{
    return *total_of(ledger, user, asset) - naive_ledger_locked_atoms(ledger, user, asset);
}

/* ---- a new order ---- */

static bool outside(int64_t value, int64_t min, int64_t max)
{
    return (min != 0 && value < min) || (max != 0 && value > max);
}

/* Between steps of a filter that has its own. */
static bool between(int64_t atoms, int64_t step)
{
    return step != 0 && atoms / step * step != atoms;
}

static bool bad_notional(const struct ledger_symbol *symbol, bool market, int64_t notional)
{
    bool min_counts = !(market && symbol->limits.min_spares_market);
    bool max_counts = !(market && symbol->limits.max_spares_market);
    return (min_counts && outside(notional, symbol->min_notional, 0)) ||
           (max_counts && outside(notional, 0, symbol->max_notional));
}

/* A buy at market that waits costs at most this much a unit when it fires; 0: nobody knows. */
static __int128 worst_price(const struct ledger_new *order)
{
    __int128 from = order->stop_atoms ? order->stop_atoms : order->hint_atoms;
    return from * (10000 + order->trail_bips) / 10000;
}

/* The filters, one after another in Binance's order. */
static enum reject filters(const struct ledger_symbol *symbol, const struct ledger_new *order)
{
    int64_t tick = symbol->spec.tick_atoms, lot = symbol->spec.lot_atoms;
    bool market = at_market(order);
    enum reject notional_fails =
        symbol->limits.min_notional_alone ? REJECT_MIN_NOTIONAL : REJECT_NOTIONAL;
    if (!market &&
        (order->price_atoms <= 0 || order->price_atoms % tick != 0 ||
         between(order->price_atoms, symbol->limits.tick_atoms) ||
         outside(order->price_atoms / tick, symbol->min_price_ticks, symbol->max_price_ticks)))
        return REJECT_PRICE_FILTER;
    if (order->stop_atoms != 0 &&
        (order->stop_atoms < 0 || order->stop_atoms % tick != 0 ||
         between(order->stop_atoms, symbol->limits.tick_atoms) ||
         outside(order->stop_atoms / tick, symbol->min_price_ticks, symbol->max_price_ticks)))
        return REJECT_PRICE_FILTER;
    if (!order->by_quote && (order->qty_atoms <= 0 || order->qty_atoms % lot != 0 ||
                             between(order->qty_atoms, symbol->limits.step_atoms) ||
                             outside(order->qty_atoms / lot, symbol->min_lots, symbol->max_lots)))
        return REJECT_LOT_SIZE;
    if (market && !order->by_quote &&
        (between(order->qty_atoms, symbol->limits.market_step_atoms) ||
         outside(order->qty_atoms / lot, symbol->market_min_lots, symbol->market_max_lots)))
        return REJECT_MARKET_LOT_SIZE;
    if (order->iceberg_atoms != 0 &&
        (order->iceberg_atoms % lot != 0 ||
         between(order->iceberg_atoms, symbol->limits.step_atoms) ||
         outside(order->iceberg_atoms / lot, symbol->min_lots, symbol->max_lots)))
        return REJECT_LOT_SIZE;
    if (order->iceberg_atoms != 0 && symbol->limits.iceberg_parts != 0 &&
        round_up(order->qty_atoms, order->iceberg_atoms) > symbol->limits.iceberg_parts)
        return REJECT_ICEBERG_PARTS;
    bool above = from_below(order);
    if (order->trail_bips != 0 &&
        outside(order->trail_bips, above ? symbol->limits.above_min : symbol->limits.below_min,
                above ? symbol->limits.above_max : symbol->limits.below_max))
        return REJECT_TRAILING_DELTA;
    if (order->by_quote && order->quote_atoms <= 0)
        return REJECT_NOTIONAL;
    if (order->by_quote && bad_notional(symbol, true, order->quote_atoms))
        return notional_fails;
    if (!market) {
        __int128 notional = exact(symbol, order->price_atoms / tick, order->qty_atoms / lot);
        if (round_up(notional, UNIT) > INT64_MAX)
            return REJECT_OVERFLOW;
        if (bad_notional(symbol, false, (int64_t)(notional / UNIT)))
            return notional_fails;
    }
    if (waits(order) && market && order->side == SIDE_BUY && worst_price(order) > INT64_MAX)
        return REJECT_OVERFLOW;
    return REJECT_NONE;
}

static bool can_rest(const struct ledger_new *order)
{
    return order->type == TYPE_LIMIT_MAKER || waits(order) ||
           (order->type == TYPE_LIMIT && order->tif == TIF_GTC);
}

static __int128 least(__int128 a, __int128 b)
{
    return a < b ? a : b;
}

/* O1: min(free, 1.05 x what the hint says), give or take two atoms of rounding. */
static void estimate(const struct ledger_symbol *symbol, const struct ledger_new *order,
                     struct naive_plan *plan)
{
    int64_t lot = symbol->spec.lot_atoms;
    plan->estimate = true;
    if (order->hint_atoms == 0) {
        plan->hold_min = plan->hold_max = 0;
        return;
    }
    __int128 exactly = order->side == SIDE_BUY
                           ? (__int128)order->hint_atoms * order->qty_atoms / UNIT
                           : (__int128)order->quote_atoms * UNIT / order->hint_atoms;
    __int128 wanted = exactly + exactly / 20;
    plan->hold_min = (int64_t)least(wanted, plan->free);
    plan->hold_max = (int64_t)least(wanted + 2, plan->free);
    if (order->side == SIDE_SELL) { /* whole lots */
        plan->hold_min = plan->hold_min / lot * lot;
        plan->hold_max = plan->hold_max / lot * lot;
    }
    if (plan->hold_max <= 0)
        plan->reject = REJECT_NO_FUNDS;
    else if (plan->hold_min <= 0)
        plan->or_else = REJECT_NO_FUNDS;
}

/* A buy at market that waits: what it costs at the worst price that makes it fire, with 5 % on top
 * if there is so much. */
static void hold_for_stop(const struct ledger_new *order, struct naive_plan *plan)
{
    __int128 price = worst_price(order), cost = round_up(price * order->qty_atoms, UNIT);
    if (plan->free == 0 || cost > plan->free)
        plan->reject = REJECT_NO_FUNDS;
    plan->hold_min = plan->hold_max =
        (int64_t)(price == 0 ? plan->free : least(cost + cost / 20, plan->free));
}

static void hold(const struct ledger_symbol *symbol, const struct ledger_new *order,
                 struct naive_plan *plan)
{
    __int128 amount;
    if (is_estimate(order)) {
        estimate(symbol, order, plan);
        return;
    }
    if (order->side == SIDE_BUY && waits(order) && at_market(order)) {
        hold_for_stop(order, plan);
        return;
    }
    if (order->side == SIDE_SELL)
        amount = order->qty_atoms;
    else if (order->by_quote)
        amount = order->quote_atoms;
    else
        amount = round_up(exact(symbol, plan->price_ticks, plan->qty_lots), UNIT);
    plan->hold_min = plan->hold_max = (int64_t)amount;
    if (amount > plan->free)
        plan->reject = REJECT_NO_FUNDS;
}

static bool id_in_use(const struct naive_ledger *ledger, uint32_t user, const char *id,
                      uint8_t length, uint64_t but)
{
    for (uint32_t i = 0; i < ledger->amend_count; i++) {
        const struct naive_amend *amend = &ledger->amends[i];
        if (amend->ref != but && amend->user == user && amend->client_length == length &&
            memcmp(amend->client_id, id, length) == 0)
            return true;
    }
    for (uint32_t i = 0; i < ledger->order_count; i++) {
        const struct naive_order *other = &ledger->orders[i];
        if (other->open && other->ref != but && other->user == user &&
            other->asked.client_length == length && memcmp(other->asked.client_id, id, length) == 0)
            return true;
    }
    return false;
}

/* Of one symbol, or of all (UINT16_MAX). */
static uint32_t resting(const struct naive_ledger *ledger, uint32_t user, uint16_t symbol)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->order_count; i++) {
        const struct naive_order *order = &ledger->orders[i];
        count += order->open && order->user == user &&
                 (symbol == UINT16_MAX || order->asked.symbol == symbol) && can_rest(&order->asked);
    }
    return count;
}

/* How many of them wait, or did, or are icebergs. Of one symbol, or of all. */
static uint32_t of_kind(const struct naive_ledger *ledger, uint32_t user, uint16_t symbol,
                        bool icebergs)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->order_count; i++) {
        const struct naive_order *order = &ledger->orders[i];
        count += order->open && order->user == user &&
                 (symbol == UINT16_MAX || order->asked.symbol == symbol) &&
                 (icebergs ? order->asked.iceberg_atoms != 0 : waits(&order->asked));
    }
    return count;
}

static bool full(uint32_t count, uint32_t most)
{
    return most != 0 && count >= most;
}

/* Where an order is in a list that is not placed yet; of none: zeros. */
struct place {
    const struct ledger_new *first;
    uint32_t before; /* so many of the list come before it, and count as if they were open */
    bool pending;
};

static uint32_t resting_before(const struct place *place)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < place->before; i++)
        count += can_rest(&place->first[i]);
    return count;
}

static uint32_t of_kind_before(const struct place *place, bool icebergs)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < place->before; i++)
        count += icebergs ? place->first[i].iceberg_atoms != 0 : waits(&place->first[i]);
    return count;
}

static enum reject check_kinds(const struct naive_ledger *ledger, uint32_t user,
                               const struct ledger_new *order, const struct place *place)
{
    const struct symbol_limits *here = &ledger->symbols[order->symbol].limits;
    const struct exchange_limits *all = &ledger->exchange;
    bool iceberg = order->iceberg_atoms != 0;
    uint32_t algos = of_kind_before(place, false), icebergs = of_kind_before(place, true);
    if (waits(order) &&
        full(algos + of_kind(ledger, user, order->symbol, false), here->algo_orders))
        return REJECT_MAX_NUM_ALGO_ORDERS;
    if (iceberg &&
        full(icebergs + of_kind(ledger, user, order->symbol, true), here->iceberg_orders))
        return REJECT_MAX_NUM_ICEBERG_ORDERS;
    if (waits(order) && full(algos + of_kind(ledger, user, UINT16_MAX, false), all->algo_orders))
        return REJECT_EXCHANGE_MAX_NUM_ALGO_ORDERS;
    if (iceberg && full(icebergs + of_kind(ledger, user, UINT16_MAX, true), all->iceberg_orders))
        return REJECT_EXCHANGE_MAX_NUM_ICEBERG_ORDERS;
    return REJECT_NONE;
}

/* What the user would have of the base asset if all their buys of the symbol filled. */
static __int128 position(const struct naive_ledger *ledger, uint32_t user,
                         const struct ledger_new *order)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    __int128 sum = *total_of(ledger, user, symbol->base);
    for (uint32_t i = 0; i < ledger->order_count; i++) {
        const struct naive_order *open = &ledger->orders[i];
        if (open->open && open->user == user && open->asked.symbol == order->symbol &&
            open->asked.side == SIDE_BUY && !open->asked.by_quote)
            sum += (__int128)naive_order_left(open) * symbol->spec.lot_atoms;
    }
    if (!order->by_quote)
        return sum + order->qty_atoms;
    return order->hint_atoms ? sum + (__int128)order->quote_atoms * UNIT / order->hint_atoms : sum;
}

uint32_t naive_ledger_open_count(const struct naive_ledger *ledger)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->order_count; i++)
        count += ledger->orders[i].open;
    return count;
}

struct naive_plan naive_ledger_check_new(const struct naive_ledger *ledger, uint32_t user,
                                         const struct ledger_new *order)
{
    return naive_ledger_check_replace(ledger, user, order, 0);
}

static struct naive_plan check(const struct naive_ledger *ledger, uint32_t user,
                               const struct ledger_new *order, uint64_t old,
                               const struct place *place)
{
    const struct naive_order *replaced = old ? naive_ledger_by_ref(ledger, old) : NULL;
    struct naive_plan plan = {.or_else = REJECT_NONE};
    if (order->symbol >= ledger->limits.symbols || !ledger->symbols[order->symbol].active) {
        plan.reject = plan.or_else = REJECT_UNKNOWN_SYMBOL;
        return plan;
    }
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    plan.reject = filters(symbol, order);
    plan.hold_asset = pays_with(ledger, order);
    plan.free_alone = naive_ledger_free_atoms(ledger, user, plan.hold_asset);
    if (replaced && pays_with(ledger, &replaced->asked) == plan.hold_asset)
        plan.from_old = naive_ledger_held_alone(ledger, replaced) + replaced->due;
    plan.free = (int64_t)least((__int128)plan.free_alone + plan.from_old, INT64_MAX);
    uint32_t ahead = resting_before(place);
    bool duplicate = id_in_use(ledger, user, order->client_id, order->client_length, old);
    if (plan.reject == REJECT_NONE && duplicate && !replaced)
        plan.reject = REJECT_DUPLICATE_ORDER;
    if (plan.reject == REJECT_NONE && can_rest(order) && symbol->max_orders &&
        ahead + resting(ledger, user, order->symbol) >= symbol->max_orders)
        plan.reject = REJECT_MAX_NUM_ORDERS;
    if (plan.reject == REJECT_NONE && order->side == SIDE_BUY && symbol->limits.position_atoms &&
        position(ledger, user, order) > symbol->limits.position_atoms)
        plan.reject = REJECT_MAX_POSITION;
    if (plan.reject == REJECT_NONE && can_rest(order) && ledger->exchange.orders &&
        ahead + resting(ledger, user, UINT16_MAX) >= ledger->exchange.orders)
        plan.reject = REJECT_EXCHANGE_MAX_NUM_ORDERS;
    if (plan.reject == REJECT_NONE)
        plan.reject = check_kinds(ledger, user, order, place);
    if (plan.reject == REJECT_NONE && duplicate)
        plan.reject = REJECT_DUPLICATE_ORDER;
    if (plan.reject == REJECT_NONE) {
        plan.price_ticks = at_market(order) ? 0 : order->price_atoms / symbol->spec.tick_atoms;
        plan.qty_lots = order->by_quote ? 0 : order->qty_atoms / symbol->spec.lot_atoms;
        plan.flags = (uint8_t)(place->pending ? ORDER_TERMS | ORDER_PENDED : 0);
        plan.flags |= (uint8_t)((order->by_quote ? ORDER_BY_QUOTE : 0) |
                                (can_rest(order) ? ORDER_CAN_REST : 0) |
                                (waits(order) || order->iceberg_atoms || order->strategy.has_id ||
                                         order->strategy.type
                                     ? ORDER_TERMS
                                     : 0) |
                                (waits(order) ? ORDER_WAITING : 0));
        if (!place->pending) /* else nothing is held yet */
            hold(symbol, order, &plan);
    }
    uint32_t open = naive_ledger_open_count(ledger);
    if (plan.reject == REJECT_NONE &&
        (open >= ledger->limits.open_orders ||
         open + ledger->ended_count >= ledger->limits.open_orders + ledger->limits.history))
        plan.reject = REJECT_LIMIT;
    if (plan.or_else == REJECT_NONE)
        plan.or_else = plan.reject;
    return plan;
}

struct naive_plan naive_ledger_check_replace(const struct naive_ledger *ledger, uint32_t user,
                                             const struct ledger_new *order, uint64_t old)
{
    return check(ledger, user, order, old, &(struct place){0});
}

uint64_t naive_ledger_place(struct naive_ledger *ledger, uint32_t user,
                            const struct ledger_new *order, const struct ledger_plan *plan)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    ledger->orders =
        grow(ledger->orders, ledger->order_count, &ledger->order_room, sizeof *ledger->orders);
    struct naive_order *made = &ledger->orders[ledger->order_count++];
    *made = (struct naive_order){.asked = *order,
                                 .ref = (uint64_t)ledger->limits.shard << 54 | ++ledger->refs,
                                 .user = user,
                                 .open = true,
                                 .status = ORDER_SENT,
                                 .flags = plan->flags,
                                 .first_hold = plan->hold_atoms - plan->due_atoms,
                                 .due = plan->due_atoms};
    if (!at_market(order))
        made->price_ticks = order->price_atoms / symbol->spec.tick_atoms;
    if (!order->by_quote)
        made->qty_lots = order->qty_atoms / symbol->spec.lot_atoms;
    else if (order->side == SIDE_SELL)
        made->qty_lots = plan->hold_atoms / symbol->spec.lot_atoms;
    return made->ref;
}

/* ---- the market's word ---- */

static struct naive_order *open_order(struct naive_ledger *ledger, uint64_t ref)
{
    for (uint32_t i = 0; i < ledger->order_count; i++)
        if (ledger->orders[i].open && ledger->orders[i].ref == ref)
            return &ledger->orders[i];
    abort(); /* the test asks for what is not legal */
}

static struct naive_list *list_at(struct naive_ledger *ledger, uint64_t id)
{
    for (uint32_t i = 0; i < ledger->list_count; i++)
        if (ledger->lists[i].id == id)
            return &ledger->lists[i];
    return NULL;
}

static struct ledger_list_order ids_of(const struct naive_order *order)
{
    struct ledger_list_order ids = {.ref = order->ref,
                                    .order_id = order->order_id,
                                    .client_length = order->asked.client_length};
    memcpy(ids.client_id, order->asked.client_id, ids.client_length);
    return ids;
}

/* The order is about to be forgotten: its list knows its ids for longer. */
static void tell_list(struct naive_ledger *ledger, const struct naive_order *order)
{
    struct naive_list *list = order->list ? list_at(ledger, order->list) : NULL;
    for (uint32_t i = 0; list && i < list_orders(list->asked.kind); i++)
        if (list->order[i].ref == order->ref)
            list->order[i] = ids_of(order);
}

static void remove_order(struct naive_ledger *ledger, uint64_t ref)
{
    uint32_t at = 0;
    while (ledger->orders[at].ref != ref)
        at++;
    tell_list(ledger, &ledger->orders[at]);
    ledger->order_count--;
    memmove(&ledger->orders[at], &ledger->orders[at + 1],
            (ledger->order_count - at) * sizeof *ledger->orders);
}

static void market_says(struct naive_order *order, uint64_t order_id, int64_t ts_us)
{
    if (order->order_id == 0)
        order->time_us = ts_us;
    order->order_id = order_id;
    order->updated_us = ts_us;
}

/* It is in the book, or was: one that was pending begins to work there. */
static void in_the_book(struct naive_order *order, int64_t ts_us)
{
    if ((order->flags & ORDER_PENDED) && !waits(&order->asked) && order->working_us == 0)
        order->working_us = ts_us;
}

void naive_ledger_accepted(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                           int64_t ts_us)
{
    struct naive_order *order = open_order(ledger, ref);
    market_says(order, order_id, ts_us);
    in_the_book(order, ts_us);
    if (order->executed_lots == 0)
        order->status = ORDER_NEW;
}

/* Of a pair it is the one that does something: what they held together is its own. */
static void acts(const struct naive_ledger *ledger, struct naive_order *order)
{
    if (naive_ledger_shares(ledger, order))
        order->flags &= (uint8_t)~ORDER_SHARED;
}

void naive_ledger_triggered(struct naive_ledger *ledger, uint64_t ref, int64_t ts_us)
{
    struct naive_order *order = open_order(ledger, ref);
    acts(ledger, order);
    order->flags &= (uint8_t)~ORDER_WAITING;
    order->updated_us = order->working_us = ts_us;
}

/* Done orders of the user, or of all (UINT32_MAX). */
static uint32_t done_count(const struct naive_ledger *ledger, uint32_t user)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->ended_count; i++)
        count += user == UINT32_MAX || naive_ledger_by_ref(ledger, ledger->ended[i])->user == user;
    return count;
}

static void forget_oldest_order(struct naive_ledger *ledger, uint32_t user)
{
    uint32_t at = 0;
    while (naive_ledger_by_ref(ledger, ledger->ended[at])->user != user)
        at++;
    remove_order(ledger, ledger->ended[at]);
    ledger->ended_count--;
    memmove(&ledger->ended[at], &ledger->ended[at + 1],
            (ledger->ended_count - at) * sizeof *ledger->ended);
    ledger->evicted_orders++;
}

/* O6: the newest of each user are kept; all users together no more than the history, but each one.
 */
static void end(struct naive_ledger *ledger, struct naive_order *order, enum order_status status)
{
    uint32_t user = order->user;
    if (naive_ledger_shares(ledger, order)) /* the other one has what both had */
        open_order(ledger, order->other)->flags &= (uint8_t)~ORDER_SHARED;
    order->flags &= (uint8_t)~ORDER_SHARED;
    order->open = false;
    order->status = status;
    ledger->ended =
        grow(ledger->ended, ledger->ended_count, &ledger->ended_room, sizeof *ledger->ended);
    ledger->ended[ledger->ended_count++] = order->ref;
    while (done_count(ledger, user) > ledger->limits.done_orders)
        forget_oldest_order(ledger, user);
    while (done_count(ledger, user) > 1 && ledger->ended_count > ledger->limits.history)
        forget_oldest_order(ledger, user);
}

static uint32_t trades_of(const struct naive_ledger *ledger, uint32_t user)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->trade_count; i++)
        count += ledger->trades[i].user == user;
    return count;
}

static void remember(struct naive_ledger *ledger, const struct naive_trade *trade)
{
    for (;;) {
        uint32_t mine = trades_of(ledger, trade->user), at = 0;
        bool full = ledger->trade_count >= ledger->limits.history;
        if (mine < ledger->limits.done_orders && !full)
            break;
        if (mine == 0)
            return;
        while (ledger->trades[at].user != trade->user)
            at++;
        ledger->trade_count--;
        memmove(&ledger->trades[at], &ledger->trades[at + 1],
                (ledger->trade_count - at) * sizeof *ledger->trades);
        ledger->evicted_trades++;
    }
    ledger->trades =
        grow(ledger->trades, ledger->trade_count, &ledger->trade_room, sizeof *ledger->trades);
    ledger->trades[ledger->trade_count++] = *trade;
}

void naive_ledger_fill(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                       uint64_t trade_id, int64_t price_ticks, int64_t qty_lots, bool maker,
                       bool done, int64_t ts_us)
{
    struct naive_order *order = open_order(ledger, ref);
    const struct ledger_symbol *symbol = &ledger->symbols[order->asked.symbol];
    bool buy = order->asked.side == SIDE_BUY;
    int64_t quote = (int64_t)(exact(symbol, price_ticks, qty_lots) / UNIT);
    int64_t base = qty_lots * symbol->spec.lot_atoms;
    int64_t got = buy ? base : quote, paid = buy ? quote : base;
    int64_t fee = (int64_t)round_up((__int128)got * rate(ledger, order, maker), 1000000);
    uint16_t got_asset = buy ? symbol->base : symbol->quote;
    market_says(order, order_id, ts_us);
    in_the_book(order, ts_us);
    acts(ledger, order);
    order->executed_lots += qty_lots;
    order->cum_quote += quote;
    order->spent += paid;
    order->status = ORDER_PARTIALLY_FILLED;
    order->trades++;
    *total_of(ledger, order->user, pays_with(ledger, &order->asked)) -= paid;
    *total_of(ledger, order->user, got_asset) += got - fee;
    ledger->fees[got_asset] += fee;
    remember(ledger, &(struct naive_trade){.trade_id = trade_id,
                                           .order_id = order_id,
                                           .ref = ref,
                                           .user = order->user,
                                           .symbol = order->asked.symbol,
                                           .side = order->asked.side,
                                           .maker = maker,
                                           .price_ticks = price_ticks,
                                           .qty_lots = qty_lots,
                                           .quote_atoms = quote,
                                           .fee_atoms = fee,
                                           .ts_us = ts_us,
                                           .list = order->list});
    if (done)
        end(ledger, order, ORDER_FILLED);
}

void naive_ledger_prevented(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                            uint64_t match_id, int64_t lots, bool done, int64_t ts_us)
{
    struct naive_order *order = open_order(ledger, ref);
    market_says(order, order_id, ts_us);
    order->prevented_lots += lots;
    order->prevented_id = match_id;
    in_the_book(order, ts_us);
    if (order->status == ORDER_SENT || order->status == ORDER_PENDING)
        order->status = ORDER_NEW;
    if (done && order->asked.by_quote)
        order->qty_lots = order->executed_lots;
    if (done)
        end(ledger, order, ORDER_EXPIRED_IN_MATCH);
}

void naive_ledger_done(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                       enum order_status status, int64_t ts_us)
{
    struct naive_order *order = open_order(ledger, ref);
    market_says(order, order_id, ts_us);
    if (order->asked.by_quote)
        order->qty_lots = order->executed_lots;
    end(ledger, order, status);
}

void naive_ledger_replaced(struct naive_ledger *ledger, uint64_t ref, uint64_t order_id,
                           uint64_t new_ref, int64_t moved, int64_t ts_us)
{
    struct naive_order *made = open_order(ledger, new_ref);
    if (moved) /* the other one of its pair is left with nothing, and ends, too */
        acts(ledger, open_order(ledger, ref));
    made->first_hold += moved;
    if (moved || at_market(&made->asked))
        made->due = 0;
    naive_ledger_done(ledger, ref, order_id, ORDER_CANCELED, ts_us);
}

void naive_ledger_refused(struct naive_ledger *ledger, uint64_t ref)
{
    struct naive_order *order = open_order(ledger, ref);
    if (naive_ledger_shares(ledger, order))
        open_order(ledger, order->other)->flags &= (uint8_t)~ORDER_SHARED;
    remove_order(ledger, ref);
}

/* ---- lists of orders ---- */

static bool is_pair(const struct ledger_new_list *list)
{
    return list->kind == LIST_OCO || list->kind == LIST_OTOCO;
}

static bool is_pending(const struct ledger_new_list *list, uint32_t place)
{
    return list->kind != LIST_OCO && place > 0;
}

static bool same_name(const char *a, uint8_t a_length, const char *b, uint8_t b_length)
{
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

/* The stop loss is met when the price goes against the user, the other one when it goes with them;
 * where that is, is not known of one that only trails. */
static bool crossed(const struct ledger_new *loss, const struct ledger_new *gain)
{
    int64_t down = loss->stop_atoms, up = waits(gain) ? gain->stop_atoms : gain->price_atoms;
    if (down == 0 || up == 0)
        return false;
    return loss->side == SIDE_SELL ? up <= down : up >= down;
}

static bool two_of_one_name(const struct ledger_new_list *list)
{
    const struct ledger_new *a = list->order, *b = &list->order[1], *c = &list->order[2];
    return same_name(a->client_id, a->client_length, b->client_id, b->client_length) ||
           (list->kind == LIST_OTOCO &&
            (same_name(a->client_id, a->client_length, c->client_id, c->client_length) ||
             same_name(b->client_id, b->client_length, c->client_id, c->client_length)));
}

/* The user's open lists, in a symbol or in all (UINT16_MAX). */
static uint32_t open_lists(const struct naive_ledger *ledger, uint32_t user, uint16_t symbol)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->list_count; i++) {
        const struct naive_list *list = &ledger->lists[i];
        count += !list->done && list->user == user &&
                 (symbol == UINT16_MAX || list->asked.order[0].symbol == symbol);
    }
    return count;
}

static enum reject check_whole(const struct naive_ledger *ledger, uint32_t user,
                               const struct ledger_new_list *list)
{
    uint32_t count = list_orders(list->kind), open = naive_ledger_open_count(ledger);
    uint16_t symbol = list->order[0].symbol;
    uint64_t room = ledger->limits.open_orders + ledger->limits.history;
    const struct naive_list *named =
        naive_ledger_find_named(ledger, user, list->client_id, list->client_length);
    if (is_pair(list) && crossed(&list->order[count - 2], &list->order[count - 1]))
        return REJECT_PAIR_PRICES;
    if (two_of_one_name(list) || (named && !named->done))
        return REJECT_DUPLICATE_ORDER;
    if (full(open_lists(ledger, user, symbol), ledger->symbols[symbol].limits.order_lists))
        return REJECT_MAX_NUM_ORDER_LISTS;
    if (full(open_lists(ledger, user, UINT16_MAX), ledger->exchange.order_lists))
        return REJECT_EXCHANGE_MAX_NUM_ORDER_LISTS;
    if (open + count > ledger->limits.open_orders || open + ledger->ended_count + count > room ||
        ledger->list_count >= room)
        return REJECT_LIMIT;
    return REJECT_NONE;
}

/* Each order as a new one, then the list as a whole, and the funds last of all. */
struct naive_list_plan naive_ledger_check_list(const struct naive_ledger *ledger, uint32_t user,
                                               const struct ledger_new_list *list)
{
    struct naive_list_plan plan = {.reject = REJECT_NONE};
    bool poor = false;
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        struct place place = {.first = list->order, .before = i, .pending = is_pending(list, i)};
        plan.order[i] = check(ledger, user, &list->order[i], 0, &place);
        poor = poor || plan.order[i].reject == REJECT_NO_FUNDS;
        plan.reject = plan.order[i].reject;
        if (plan.reject != REJECT_NONE && plan.reject != REJECT_NO_FUNDS)
            return plan;
    }
    plan.reject = check_whole(ledger, user, list);
    if (plan.reject == REJECT_NONE && poor)
        plan.reject = REJECT_NO_FUNDS;
    return plan;
}

/* The last two of the list have one hold. */
static void share(struct naive_ledger *ledger, const struct naive_list *list, int64_t hold)
{
    uint32_t last = list_orders(list->asked.kind) - 1;
    for (uint32_t i = last - 1; i <= last; i++) {
        struct naive_order *order = open_order(ledger, list->order[i].ref);
        order->flags |= ORDER_SHARED;
        order->first_hold = hold;
        order->other = list->order[i == last ? last - 1 : last].ref;
    }
}

uint64_t naive_ledger_place_list(struct naive_ledger *ledger, uint32_t user,
                                 const struct ledger_new_list *asked,
                                 const struct naive_list_plan *plan)
{
    struct naive_list list = {
        .asked = *asked, .id = ++ledger->list_ids << 10 | ledger->limits.shard, .user = user};
    for (uint32_t i = 0; i < list_orders(asked->kind); i++) {
        const struct naive_plan *of = &plan->order[i];
        list.order[i].ref = naive_ledger_place(
            ledger, user, &asked->order[i],
            &(struct ledger_plan){.flags = of->flags, .hold_atoms = of->hold_min});
        open_order(ledger, list.order[i].ref)->list = list.id;
    }
    ledger->lists =
        grow(ledger->lists, ledger->list_count, &ledger->list_room, sizeof *ledger->lists);
    ledger->lists[ledger->list_count++] = list;
    if (asked->kind == LIST_OCO) {
        int64_t one = plan->order[0].hold_min, other = plan->order[1].hold_min;
        share(ledger, &list, one > other ? one : other);
    }
    return list.id;
}

void naive_ledger_list_start(struct naive_ledger *ledger, uint64_t id, int64_t ts_us)
{
    struct naive_list *list = list_at(ledger, id);
    list->started = true;
    list->time_us = ts_us;
    const struct naive_order *working = naive_ledger_by_ref(ledger, list->order[0].ref);
    for (uint32_t i = 1; i < list_orders(list->asked.kind); i++) {
        if (!is_pending(&list->asked, i))
            continue;
        struct naive_order *order = open_order(ledger, list->order[i].ref);
        market_says(order, working->order_id + i, working->time_us);
        order->status = ORDER_PENDING;
    }
}

void naive_ledger_list_todo(struct naive_ledger *ledger, uint64_t id)
{
    struct naive_list *list = list_at(ledger, id);
    const struct naive_order *working = naive_ledger_by_ref(ledger, list->order[0].ref);
    const struct ledger_symbol *symbol = &ledger->symbols[working->asked.symbol];
    __int128 got = (__int128)working->executed_lots * symbol->spec.lot_atoms;
    list->price_atoms = (int64_t)((__int128)working->cum_quote * UNIT / got);
    list->phase = LIST_TODO;
}

struct naive_plan naive_ledger_check_fund(const struct naive_ledger *ledger, uint64_t id)
{
    const struct naive_list *list = naive_ledger_find_list(ledger, id);
    struct naive_plan all = {.reject = REJECT_NONE};
    for (uint32_t i = 1; i < list_orders(list->asked.kind); i++) {
        const struct naive_order *order = naive_ledger_by_ref(ledger, list->order[i].ref);
        struct ledger_new asked = order->asked;
        struct naive_plan one = {.price_ticks = order->price_ticks, .qty_lots = order->qty_lots};
        asked.hint_atoms = list->price_atoms;
        one.free = naive_ledger_free_atoms(ledger, list->user, pays_with(ledger, &asked));
        hold(&ledger->symbols[asked.symbol], &asked, &one);
        if (i == 1 || one.hold_max > all.hold_max) {
            all.hold_min = one.hold_min;
            all.hold_max = one.hold_max;
        }
        if (all.reject == REJECT_NONE)
            all.reject = one.reject;
        all.or_else = one.or_else;
        all.estimate = one.estimate && asked.hint_atoms && asked.side == SIDE_BUY;
        all.free = one.free;
    }
    if (all.or_else == REJECT_NONE)
        all.or_else = all.reject;
    return all;
}

void naive_ledger_fund(struct naive_ledger *ledger, uint64_t id, const struct naive_plan *plan,
                       int64_t hold)
{
    struct naive_list *list = list_at(ledger, id);
    struct naive_order *order = open_order(ledger, list->order[1].ref);
    list->phase = LIST_SECOND;
    order->first_hold = hold;
    if (plan->estimate && hold == plan->free)
        order->flags |= ORDER_HELD_ALL;
    if (list->asked.kind == LIST_OTOCO)
        share(ledger, list, hold);
}

void naive_ledger_end_pending(struct naive_ledger *ledger, uint64_t ref, enum order_status status,
                              enum order_expiry expiry, int64_t ts_us)
{
    struct naive_order *order = open_order(ledger, ref);
    order->updated_us = ts_us;
    order->expiry = expiry;
    end(ledger, order, status);
}

void naive_ledger_expiry(struct naive_ledger *ledger, uint64_t ref, enum order_expiry expiry)
{
    open_order(ledger, ref)->expiry = expiry;
}

static void forget_list(struct naive_ledger *ledger, uint64_t id)
{
    uint32_t at = (uint32_t)(list_at(ledger, id) - ledger->lists);
    ledger->list_count--;
    memmove(&ledger->lists[at], &ledger->lists[at + 1],
            (ledger->list_count - at) * sizeof *ledger->lists);
}

/* Of the user, or of all (UINT32_MAX). */
static uint32_t done_lists(const struct naive_ledger *ledger, uint32_t user)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->list_count; i++)
        count += ledger->lists[i].done && (user == UINT32_MAX || ledger->lists[i].user == user);
    return count;
}

/* Kept as done orders are. */
void naive_ledger_list_end(struct naive_ledger *ledger, uint64_t id, int64_t ts_us)
{
    struct naive_list list = *list_at(ledger, id);
    forget_list(ledger, id);
    if (!list.started)
        return;
    list.done = true;
    list.time_us = ts_us;
    ledger->lists[ledger->list_count++] = list;
    while (done_lists(ledger, list.user) > 1 &&
           (done_lists(ledger, list.user) > ledger->limits.done_orders ||
            done_lists(ledger, UINT32_MAX) > ledger->limits.history)) {
        forget_list(ledger, naive_ledger_user_list(ledger, list.user, true, 0)->id);
        ledger->evicted_lists++;
    }
}

const struct naive_list *naive_ledger_find_list(const struct naive_ledger *ledger, uint64_t id)
{
    for (uint32_t i = 0; i < ledger->list_count; i++)
        if (ledger->lists[i].id == id)
            return &ledger->lists[i];
    return NULL;
}

const struct naive_list *naive_ledger_find_named(const struct naive_ledger *ledger, uint32_t user,
                                                 const char *id, uint8_t length)
{
    const struct naive_list *found = NULL;
    for (uint32_t i = 0; i < ledger->list_count; i++) {
        const struct naive_list *list = &ledger->lists[i];
        if (list->user != user ||
            !same_name(list->asked.client_id, list->asked.client_length, id, length))
            continue;
        if (!found || found->done) /* of two that are open there is none */
            found = list;
    }
    return found;
}

const struct naive_list *naive_ledger_user_list(const struct naive_ledger *ledger, uint32_t user,
                                                bool done, uint32_t index)
{
    for (uint32_t i = 0; i < ledger->list_count; i++) {
        const struct naive_list *list = &ledger->lists[i];
        if (list->user == user && list->done == done && index-- == 0)
            return list;
    }
    return NULL;
}

struct ledger_list_order naive_ledger_list_order(const struct naive_ledger *ledger,
                                                 const struct naive_list *list, uint32_t place)
{
    const struct naive_order *order = naive_ledger_by_ref(ledger, list->order[place].ref);
    return order ? ids_of(order) : list->order[place];
}

uint32_t naive_ledger_list_open(const struct naive_ledger *ledger, const struct naive_list *list)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < ledger->order_count; i++)
        open += ledger->orders[i].open && ledger->orders[i].list == list->id;
    return open;
}

uint64_t naive_ledger_evicted_lists(const struct naive_ledger *ledger)
{
    return ledger->evicted_lists;
}

/* ---- amendments ---- */

enum reject naive_ledger_check_amend(const struct naive_ledger *ledger,
                                     const struct naive_amend *amend)
{
    const struct naive_order *order = naive_ledger_by_ref(ledger, amend->ref);
    struct ledger_new asked = order->asked;
    int64_t before = order->qty_lots * ledger->symbols[asked.symbol].spec.lot_atoms;
    if (!order->open || !can_rest(&asked))
        return REJECT_UNKNOWN_ORDER;
    if (at_market(&asked) || order->status == ORDER_PENDING)
        return REJECT_NO_AMEND;
    asked.iceberg_atoms = 0;
    asked.trail_bips = 0;
    asked.qty_atoms = amend->qty_atoms;
    enum reject filter = filters(&ledger->symbols[asked.symbol], &asked);
    if (filter == REJECT_LOT_SIZE)
        return filter;
    if (amend->qty_atoms >= before)
        return amend->qty_atoms > before ? REJECT_QTY_INCREASE : REJECT_NO_CHANGE;
    if (filter != REJECT_NONE)
        return filter;
    if (order->amends >= 10)
        return REJECT_MAX_NUM_AMENDS;
    if (id_in_use(ledger, order->user, amend->client_id, amend->client_length, order->ref))
        return REJECT_DUPLICATE_ORDER;
    for (uint32_t i = 0; i < ledger->amend_count; i++)
        if (ledger->amends[i].ref == order->ref)
            return REJECT_BUSY;
    return ledger->amend_count < LEDGER_AMENDS_MAX ? REJECT_NONE : REJECT_BUSY;
}

void naive_ledger_amend(struct naive_ledger *ledger, const struct naive_amend *amend)
{
    ledger->amends[ledger->amend_count++] = *amend;
}

const struct naive_amend *naive_ledger_amending(const struct naive_ledger *ledger, uint32_t index)
{
    return index < ledger->amend_count ? &ledger->amends[index] : NULL;
}

void naive_ledger_amended(struct naive_ledger *ledger, uint64_t ref, bool refused, int64_t ts_us)
{
    uint32_t at = 0;
    while (ledger->amends[at].ref != ref)
        at++;
    struct naive_amend amend = ledger->amends[at];
    ledger->amend_count--;
    memmove(&ledger->amends[at], &ledger->amends[at + 1],
            (ledger->amend_count - at) * sizeof *ledger->amends);
    if (refused)
        return;
    struct naive_order *order = open_order(ledger, ref);
    order->qty_lots = amend.qty_atoms / ledger->symbols[order->asked.symbol].spec.lot_atoms;
    int64_t gone = order->executed_lots + order->prevented_lots;
    if (order->qty_lots < gone) /* what was traded, or given up, stays so */
        order->qty_lots = gone;
    order->asked.client_length = amend.client_length;
    memcpy(order->asked.client_id, amend.client_id, amend.client_length);
    order->updated_us = ts_us;
    order->amends++;
    if (order->qty_lots == gone)
        end(ledger, order, ORDER_EXPIRED);
}

/* ---- money from outside ---- */

enum reject naive_ledger_check_deposit(const struct naive_ledger *ledger, uint32_t user,
                                       uint16_t asset, int64_t amount,
                                       const uint8_t id[REQUEST_ID_BYTES], bool *repeat,
                                       int64_t *free_after)
{
    *repeat = false;
    for (uint32_t i = 0; i < ledger->deposit_count; i++) {
        const struct naive_deposit *old = &ledger->deposits[i];
        if (old->user != user || memcmp(old->id, id, REQUEST_ID_BYTES) != 0)
            continue;
        *repeat = true;
        *free_after = old->free_after;
        return old->asset == asset && old->amount == amount ? REJECT_NONE
                                                            : REJECT_REQUEST_ID_REUSED;
    }
    if (naive_ledger_free_atoms(ledger, user, asset) + (__int128)amount < 0)
        return REJECT_NO_FUNDS;
    __int128 supply =
        naive_ledger_deposits(ledger, asset) - naive_ledger_withdrawals(ledger, asset);
    if (amount > 0 && (supply + amount > INT64_MAX ||
                       *total_of(ledger, user, asset) + (__int128)amount > INT64_MAX))
        return REJECT_OVERFLOW;
    uint32_t kept_back = amount > 0 ? ledger->limits.deposits / 16 : 0;
    return ledger->deposit_count + kept_back >= ledger->limits.deposits ? REJECT_LIMIT
                                                                        : REJECT_NONE;
}

int64_t naive_ledger_apply_deposit(struct naive_ledger *ledger, uint32_t user, uint16_t asset,
                                   int64_t amount, const uint8_t id[REQUEST_ID_BYTES])
{
    ledger->deposits = grow(ledger->deposits, ledger->deposit_count, &ledger->deposit_room,
                            sizeof *ledger->deposits);
    struct naive_deposit *made = &ledger->deposits[ledger->deposit_count++];
    *total_of(ledger, user, asset) += amount;
    *made = (struct naive_deposit){.user = user,
                                   .asset = asset,
                                   .amount = amount,
                                   .free_after = naive_ledger_free_atoms(ledger, user, asset)};
    memcpy(made->id, id, REQUEST_ID_BYTES);
    return made->free_after;
}

/* ---- looking in ---- */

__int128 naive_ledger_fees(const struct naive_ledger *ledger, uint16_t asset)
{
    return ledger->fees[asset];
}

__int128 naive_ledger_deposits(const struct naive_ledger *ledger, uint16_t asset)
{
    __int128 sum = 0;
    for (uint32_t i = 0; i < ledger->deposit_count; i++)
        if (ledger->deposits[i].asset == asset && ledger->deposits[i].amount > 0)
            sum += ledger->deposits[i].amount;
    return sum;
}

__int128 naive_ledger_withdrawals(const struct naive_ledger *ledger, uint16_t asset)
{
    __int128 sum = 0;
    for (uint32_t i = 0; i < ledger->deposit_count; i++)
        if (ledger->deposits[i].asset == asset && ledger->deposits[i].amount < 0)
            sum -= ledger->deposits[i].amount;
    return sum;
}

const struct naive_order *naive_ledger_by_ref(const struct naive_ledger *ledger, uint64_t ref)
{
    for (uint32_t i = 0; i < ledger->order_count; i++)
        if (ledger->orders[i].ref == ref)
            return &ledger->orders[i];
    return NULL;
}

const struct naive_order *naive_ledger_order(const struct naive_ledger *ledger, uint32_t index)
{
    return index < ledger->order_count ? &ledger->orders[index] : NULL;
}

const struct naive_trade *naive_ledger_trade(const struct naive_ledger *ledger, uint32_t index)
{
    return index < ledger->trade_count ? &ledger->trades[index] : NULL;
}

const struct naive_order *naive_ledger_done_order(const struct naive_ledger *ledger, uint32_t user,
                                                  uint32_t index)
{
    for (uint32_t i = 0; i < ledger->ended_count; i++) {
        const struct naive_order *order = naive_ledger_by_ref(ledger, ledger->ended[i]);
        if (order->user == user && index-- == 0)
            return order;
    }
    return NULL;
}

uint64_t naive_ledger_evicted_orders(const struct naive_ledger *ledger)
{
    return ledger->evicted_orders;
}

uint64_t naive_ledger_evicted_trades(const struct naive_ledger *ledger)
{
    return ledger->evicted_trades;
}
