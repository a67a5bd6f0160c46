#include "actors/book/money.h"

#include "runtime/check.h"

/* price x qty in quote atoms times 1e8. Both factors fit int64_t (checked when a symbol and an
 * order are accepted), so the product fits 126 bits. */
static __int128 notional_exact(const struct money_spec *spec, int64_t price_ticks, int64_t qty_lots)
{
    ASSERT(price_ticks > 0);
    ASSERT(qty_lots > 0);
    __int128 price_atoms = (__int128)price_ticks * spec->tick_atoms;
    __int128 qty_atoms = (__int128)qty_lots * spec->lot_atoms;
    ASSERT(price_atoms <= INT64_MAX);
    ASSERT(qty_atoms <= INT64_MAX);
    return price_atoms * qty_atoms;
}

bool money_quote_floor(const struct money_spec *spec, int64_t price_ticks, int64_t qty_lots,
                       int64_t *quote_atoms)
{
    __int128 floored = notional_exact(spec, price_ticks, qty_lots) / MONEY_ATOMS_PER_UNIT;
    *quote_atoms = (int64_t)floored;
    return floored <= INT64_MAX;
}

bool money_quote_ceil(const struct money_spec *spec, int64_t price_ticks, int64_t qty_lots,
                      int64_t *quote_atoms)
{
    __int128 exact = notional_exact(spec, price_ticks, qty_lots);
    __int128 ceiled = (exact + MONEY_ATOMS_PER_UNIT - 1) / MONEY_ATOMS_PER_UNIT;
    *quote_atoms = (int64_t)ceiled;
    return ceiled <= INT64_MAX;
}

int64_t money_lots_affordable(const struct money_spec *spec, int64_t price_ticks,
                              int64_t quote_atoms)
{
    ASSERT(price_ticks > 0);
    ASSERT(quote_atoms >= 0);
    __int128 lot_cost = (__int128)price_ticks * spec->tick_atoms * spec->lot_atoms; /* x 1e-8 */
    /* floor(n * lot_cost / 1e8) <= quote  <=>  n * lot_cost < (quote + 1) * 1e8 */
    __int128 lots = (((__int128)quote_atoms + 1) * MONEY_ATOMS_PER_UNIT - 1) / lot_cost;
    return lots > INT64_MAX ? INT64_MAX : (int64_t)lots;
}

int64_t money_fee(int64_t amount_atoms, int32_t rate_ppm)
{
    ASSERT(amount_atoms >= 0);
    ASSERT(rate_ppm >= 0 && rate_ppm <= 1000000);
    __int128 exact = (__int128)amount_atoms * rate_ppm;
    return (int64_t)((exact + 999999) / 1000000);
}

bool money_mul_div(int64_t a, int64_t b, int64_t c, int64_t *out)
{
    ASSERT(a >= 0 && b >= 0);
    ASSERT(c > 0);
    __int128 result = (__int128)a * b / c;
    *out = (int64_t)result;
    return result <= INT64_MAX;
}

bool money_parse(const char *text, uint32_t length, int64_t *atoms, uint32_t *decimals)
{
    uint64_t value = 0;
    uint32_t at = 0, scale = 0, significant = 0;
    bool point = false;
    if (length == 0 || length > 40)
        return false;
    for (; at < length; at++) {
        char c = text[at];
        if (c == '.') {
            if (point || at == 0 || at + 1 == length)
                return false;
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        if (point && ++scale > MONEY_DECIMALS && c != '0') {
            *decimals = scale; /* tells "too many digits" from "not a number" */
            return false;
        }
        if (point && scale > MONEY_DECIMALS)
            continue; /* a trailing zero beyond the eighth decimal says nothing */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value) || value > INT64_MAX)
            return false;
        if (point && c != '0')
            significant = scale;
    }
    for (uint32_t i = scale < MONEY_DECIMALS ? scale : MONEY_DECIMALS; i < MONEY_DECIMALS; i++)
        if (__builtin_mul_overflow(value, 10, &value) || value > INT64_MAX)
            return false;
    *atoms = (int64_t)value;
    *decimals = significant;
    return true;
}

uint32_t money_format(int64_t atoms, char out[static MONEY_TEXT_MAX])
{
    uint64_t value = atoms < 0 ? 0 - (uint64_t)atoms : (uint64_t)atoms;
    uint64_t whole = value / MONEY_ATOMS_PER_UNIT;
    uint32_t part = (uint32_t)(value % MONEY_ATOMS_PER_UNIT), length = atoms < 0, digits = 1;
    for (uint64_t more = whole; more >= 10; more /= 10)
        digits++;
    out[0] = '-';
    for (uint32_t i = digits; i-- > 0; whole /= 10)
        out[length + i] = (char)('0' + whole % 10);
    length += digits;
    out[length++] = '.';
    for (uint32_t i = MONEY_DECIMALS; i-- > 0; part /= 10)
        out[length + i] = (char)('0' + part % 10);
    return length + MONEY_DECIMALS;
}
