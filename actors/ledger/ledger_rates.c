/* What a user pays: the rates set for them in a symbol, else those set for them, else the symbol's.
 */
#include "actors/ledger/ledger_impl.h"

enum reject ledger_check_rates(const struct ledger *ledger, uint32_t user, uint16_t symbol)
{
    if (symbol == SYMBOL_NONE)
        return REJECT_NONE;
    if (symbol >= ledger->limits.symbols || !ledger->symbols[symbol].active)
        return REJECT_UNKNOWN_SYMBOL;
    bool room = ledger->position_pool.count < ledger->position_pool.capacity ||
                ledger_find_position(ledger, user, symbol);
    return room ? REJECT_NONE : REJECT_LIMIT;
}

void ledger_set_rates(struct ledger *ledger, uint32_t user, uint16_t symbol,
                      const struct ledger_rates *rates)
{
    if (symbol == SYMBOL_NONE)
        ledger->users[user].rates = *rates;
    else
        ledger->positions[ledger_position_make(ledger, user, symbol)].rates = *rates;
}

struct ledger_rates ledger_rates(const struct ledger *ledger, uint32_t user, uint32_t position,
                                 uint16_t symbol)
{
    const struct ledger_symbol *of = &ledger->symbols[symbol];
    if (position && ledger->positions[position].rates.set)
        return ledger->positions[position].rates;
    if (ledger->users[user].rates.set)
        return ledger->users[user].rates;
    return (struct ledger_rates){.maker_ppm = of->maker_ppm, .taker_ppm = of->taker_ppm};
}
