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
        if (open->side == SIDE_BUY && open->qty_lots > open->executed_lots)
            sum += (__int128)(open->qty_lots - open->executed_lots) * symbol->spec.lot_atoms;
    }
    return sum <= symbol->limits.position_atoms;
}

enum reject ledger_check_counts(const struct ledger *ledger, uint32_t user, uint32_t position,
                                const struct ledger_new *order, const struct ledger_plan *plan)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    bool rests = plan->flags & ORDER_CAN_REST;
    if (rests && symbol->max_orders && position &&
        ledger->positions[position].can_rest >= symbol->max_orders)
        return REJECT_MAX_NUM_ORDERS;
    if (!position_fits(ledger, user, position, order))
        return REJECT_MAX_POSITION;
    if (rests && ledger->exchange.orders && ledger->users[user].can_rest >= ledger->exchange.orders)
        return REJECT_EXCHANGE_MAX_NUM_ORDERS;
    return REJECT_NONE;
}

struct exchange_limits *ledger_exchange(struct ledger *ledger)
{
    return &ledger->exchange;
}
