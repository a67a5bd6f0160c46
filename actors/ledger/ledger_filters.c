/* The filters that look at what the user has: how many orders, how much of the base asset. */
#include "actors/book/kinds.h"
#include "actors/ledger/ledger_impl.h"

/* What the order would buy, in atoms; of one by quote amount, what its hint says. */
static __int128 bought(const struct ledger_new *order)
{
    if (!order->by_quote)
        return order->qty_atoms;
    return order->hint_atoms
               ? (__int128)order->quote_atoms * MONEY_ATOMS_PER_UNIT / order->hint_atoms
               : 0;
}

/* MAX_POSITION: what the user has of the base asset, what their open buys of the symbol may still
 * bring, and the order. O(open orders of the symbol), where the symbol has this filter. */
static bool position_fits(const struct ledger *ledger, uint32_t user, uint32_t position,
                          const struct ledger_new *order)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    if (!symbol->limits.position_atoms || order->side != SIDE_BUY)
        return true;
    __int128 sum = bought(order);
    uint32_t balance = ledger_find_balance(ledger, user, symbol->base);
    if (balance)
        sum += (__int128)ledger->balances[balance].free + ledger->balances[balance].locked;
    uint32_t at = position ? ledger->positions[position].head : 0;
    for (; at; at = ledger->orders[at].next) {
        const struct ledger_order *open = &ledger->orders[at];
        if (open->side == SIDE_BUY && order_left(open) > 0)
            sum += (__int128)order_left(open) * symbol->spec.lot_atoms;
    }
    return sum <= symbol->limits.position_atoms;
}

enum reject ledger_check_iceberg(const struct ledger_symbol *symbol, const struct ledger_new *order,
                                 struct ledger_plan *plan)
{
    if (!ledger_lots_fit(symbol, order->iceberg_atoms, &plan->iceberg_lots))
        return REJECT_LOT_SIZE;
    int64_t parts = plan->qty_lots / plan->iceberg_lots + (plan->qty_lots % plan->iceberg_lots > 0);
    return symbol->limits.iceberg_parts && parts > symbol->limits.iceberg_parts
               ? REJECT_ICEBERG_PARTS
               : REJECT_NONE;
}

enum reject ledger_check_trail(const struct ledger_symbol *symbol, const struct ledger_new *order)
{
    const struct symbol_limits *limits = &symbol->limits;
    bool above = type_waits_above(order->type, order->side);
    uint32_t least = above ? limits->above_min : limits->below_min;
    uint32_t most = above ? limits->above_max : limits->below_max;
    return order->trail_bips < least || (most && order->trail_bips > most) ? REJECT_TRAILING_DELTA
                                                                           : REJECT_NONE;
}

struct kinds { /* open orders of types that wait, also those that have been triggered; icebergs */
    uint32_t algo, iceberg;
};

static void count_kinds(const struct ledger *ledger, uint32_t position, struct kinds *kinds)
{
    uint32_t at = ledger->positions[position].head;
    for (; at; at = ledger->orders[at].next) {
        const struct ledger_order *order = &ledger->orders[at];
        kinds->algo += type_waits(order->type);
        kinds->iceberg += ledger_terms(ledger, order)->iceberg_lots != 0;
    }
}

static bool as_many(uint32_t count, uint32_t most)
{
    return most && count >= most;
}

/* MAX_NUM_ALGO_ORDERS, MAX_NUM_ICEBERG_ORDERS and the exchange's. O(open orders), for such orders
 * alone and where there are such limits. */
static enum reject check_kinds(const struct ledger *ledger, uint32_t user, uint32_t position,
                               const struct ledger_new *order, const struct list_part *part)
{
    const struct symbol_limits *limits = &ledger->symbols[order->symbol].limits;
    const struct exchange_limits *most = &ledger->exchange;
    bool algo = type_waits(order->type), iceberg = order->iceberg_atoms != 0;
    const struct kinds ahead = {.algo = part->algo, .iceberg = part->iceberg};
    struct kinds here = ahead, all = ahead;
    if ((algo && limits->algo_orders) || (iceberg && limits->iceberg_orders))
        count_kinds(ledger, position, &here); /* position 0 is empty */
    if (algo && as_many(here.algo, limits->algo_orders))
        return REJECT_MAX_NUM_ALGO_ORDERS;
    if (iceberg && as_many(here.iceberg, limits->iceberg_orders))
        return REJECT_MAX_NUM_ICEBERG_ORDERS;
    if ((algo && most->algo_orders) || (iceberg && most->iceberg_orders))
        for (uint32_t at = ledger->users[user].positions; at; at = ledger->positions[at].next)
            count_kinds(ledger, at, &all);
    if (algo && as_many(all.algo, most->algo_orders))
        return REJECT_EXCHANGE_MAX_NUM_ALGO_ORDERS;
    if (iceberg && as_many(all.iceberg, most->iceberg_orders))
        return REJECT_EXCHANGE_MAX_NUM_ICEBERG_ORDERS;
    return REJECT_NONE;
}

enum reject ledger_check_counts(const struct ledger *ledger, uint32_t user, uint32_t position,
                                const struct ledger_new *order, const struct ledger_plan *plan,
                                const struct list_part *part)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    bool rests = plan->flags & ORDER_CAN_REST;
    uint32_t resting = part->rests + (position ? ledger->positions[position].can_rest : 0);
    if (rests && as_many(resting, symbol->max_orders))
        return REJECT_MAX_NUM_ORDERS;
    if (!position_fits(ledger, user, position, order))
        return REJECT_MAX_POSITION;
    if (rests && as_many(ledger->users[user].can_rest + part->rests, ledger->exchange.orders))
        return REJECT_EXCHANGE_MAX_NUM_ORDERS;
    return type_waits(order->type) || order->iceberg_atoms
               ? check_kinds(ledger, user, position, order, part)
               : REJECT_NONE;
}

struct exchange_limits *ledger_exchange(struct ledger *ledger)
{
    return &ledger->exchange;
}
