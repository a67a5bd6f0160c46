#include "actors/symbol_parts.h"

#include "runtime/check.h"

enum { PART_GRID, PART_RANGE, PART_MARKET, PART_LIMITS, PART_FEES = PART_LIMITS + 3 };
_Static_assert(PART_FEES + 1 == SYMBOL_PARTS, "all of them");
_Static_assert(SYMBOL_LIMITS_BYTES <= 3 * 32, "three messages hold them");

static const uint8_t types[SYMBOL_PARTS] = {
    [PART_GRID] = MSG_SYMBOL_GRID,           [PART_RANGE] = MSG_SYMBOL_RANGE,
    [PART_MARKET] = MSG_SYMBOL_MARKET,       [PART_LIMITS] = MSG_SYMBOL_LIMITS,
    [PART_LIMITS + 1] = MSG_SYMBOL_LIMITS_2, [PART_LIMITS + 2] = MSG_SYMBOL_LIMITS_3,
    [PART_FEES] = MSG_SYMBOL_FEES,
};

uint8_t symbol_part_type(uint32_t part)
{
    return types[part];
}

static uint32_t part_of(uint8_t type)
{
    uint32_t part = 0;
    while (part < SYMBOL_PARTS && types[part] != type)
        part++;
    return part;
}

bool symbol_part_is(uint8_t msg_type)
{
    return part_of(msg_type) < SYMBOL_PARTS;
}

/* ---- making ---- */

static void put_part(struct symbol_parts *parts, uint32_t part, int64_t a, int64_t b, int64_t c,
                     int64_t d)
{
    memcpy(parts->value[part], (int64_t[4]){a, b, c, d}, sizeof parts->value[part]);
    parts->seen |= (uint8_t)(1u << part);
}

/* atoms / unit, rounded up. */
static int64_t units_up(int64_t atoms, int64_t unit)
{
    return atoms / unit + (atoms % unit != 0);
}

static void put_limits(struct symbol_parts *parts, const struct symbol_config *symbol)
{
    struct symbol_limits limits = symbol->limits;
    unsigned char bytes[3 * 32] = {0};
    struct wire wire = {.out = bytes, .ok = true};
    if (symbol->tick_shown > symbol->tick_atoms)
        limits.tick_atoms = symbol->tick_shown;
    if (symbol->step_shown > symbol->step_atoms)
        limits.step_atoms = symbol->step_shown;
    if (symbol_limits_none(&limits))
        return;
    symbol_limits_wire(&wire, &limits);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t word = 0; word < 4; word++)
            parts->value[PART_LIMITS + i][word] = (int64_t)get_u64(bytes + 32 * i + 8 * word);
        parts->seen |= (uint8_t)(1u << (PART_LIMITS + i));
    }
}

void symbol_parts_make(struct symbol_parts *parts, const struct symbol_config *symbol,
                       uint16_t market)
{
    int64_t tick = symbol->tick_atoms, step = symbol->step_atoms;
    *parts = (struct symbol_parts){.number = symbol->symbol};
    put_part(parts, PART_GRID, tick, step, (int64_t)symbol->base << 16 | symbol->quote,
             symbol->default_stp);
    put_part(parts, PART_RANGE, units_up(symbol->min_price, tick), symbol->max_price / tick,
             units_up(symbol->min_qty, step), symbol->max_qty / step);
    put_part(parts, PART_MARKET, units_up(symbol->market_min_qty, step),
             symbol->market_max_qty / step, symbol->min_notional, symbol->max_notional);
    put_limits(parts, symbol);
    put_part(parts, PART_FEES, symbol->maker_ppm, symbol->taker_ppm, symbol->max_orders, market);
}

/* ---- collecting ---- */

bool symbol_parts_take(struct symbol_parts *parts, const struct msg *msg)
{
    uint32_t part = part_of(msg->type);
    ASSERT(part < SYMBOL_PARTS);
    if (part == PART_GRID)
        *parts = (struct symbol_parts){.number = msg->symbol};
    if (parts->number == msg->symbol) {
        memcpy(parts->value[part], msg->config.value, sizeof parts->value[part]);
        parts->seen |= (uint8_t)(1u << part);
    }
    return part == PART_FEES;
}

/* All three, or none of them. */
static bool read_limits(const struct symbol_parts *parts, struct symbol_limits *limits)
{
    enum { ALL = 7 };
    unsigned char bytes[3 * 32];
    struct wire wire = {.in = bytes, .end = sizeof bytes, .ok = true};
    uint32_t seen = parts->seen >> PART_LIMITS & ALL;
    *limits = (struct symbol_limits){0};
    if (seen != ALL)
        return seen == 0;
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t word = 0; word < 4; word++)
            put_u64(bytes + 32 * i + 8 * word, (uint64_t)parts->value[PART_LIMITS + i][word]);
    symbol_limits_wire(&wire, limits);
    return wire.ok && symbol_limits_sound(limits);
}

bool symbol_parts_read(struct symbol_parts *parts, struct ledger_symbol *symbol, uint16_t *market)
{
    enum { MUST = 1 << PART_GRID | 1 << PART_RANGE | 1 << PART_MARKET | 1 << PART_FEES };
    const int64_t *grid = parts->value[PART_GRID], *range = parts->value[PART_RANGE];
    const int64_t *trade = parts->value[PART_MARKET], *fees = parts->value[PART_FEES];
    struct symbol_limits limits;
    bool whole = (parts->seen & MUST) == MUST && read_limits(parts, &limits);
    parts->seen = 0;
    if (!whole)
        return false;
    *symbol = (struct ledger_symbol){
        .active = true,
        .default_stp = (uint8_t)grid[3],
        .spec = {.tick_atoms = grid[0], .lot_atoms = grid[1]},
        .base = (uint16_t)(grid[2] >> 16),
        .quote = (uint16_t)grid[2],
        .min_price_ticks = range[0],
        .max_price_ticks = range[1],
        .min_lots = range[2],
        .max_lots = range[3],
        .market_min_lots = trade[0],
        .market_max_lots = trade[1],
        .min_notional = trade[2],
        .max_notional = trade[3],
        .max_orders = (uint32_t)fees[2],
        .maker_ppm = (int32_t)fees[0],
        .taker_ppm = (int32_t)fees[1],
        .limits = limits,
    };
    *market = (uint16_t)fees[3];
    return true;
}

static bool ppm_sound(int64_t ppm)
{
    return ppm >= 0 && ppm < 1000000;
}

/* The grid of a symbol stays as it was listed, and so do its assets. */
static bool grid_sound(const int64_t value[4], const struct ledger_symbol *now, uint32_t assets_max)
{
    if (now->active && (value[0] != now->spec.tick_atoms || value[1] != now->spec.lot_atoms ||
                        value[2] != ((int64_t)now->base << 16 | now->quote)))
        return false;
    return value[0] > 0 && value[1] > 0 && value[2] >= 0 && (uint64_t)value[2] >> 16 < assets_max &&
           (uint16_t)value[2] < assets_max;
}

bool symbol_part_sound(const struct symbol_parts *parts, const struct msg *msg,
                       const struct ledger_symbol *now, uint32_t assets_max)
{
    const int64_t *value = msg->config.value;
    struct symbol_limits limits;
    switch (part_of(msg->type)) {
    case PART_GRID:
        return grid_sound(value, now, assets_max);
    case PART_FEES:
        return ppm_sound(value[0]) && ppm_sound(value[1]) &&
               (parts->number != msg->symbol || read_limits(parts, &limits));
    default:
        return true;
    }
}

void symbol_parts_wire(struct wire *wire, struct symbol_parts *parts)
{
    wire_u16(wire, &parts->number);
    wire_u8(wire, &parts->seen);
    for (uint32_t part = 0; part < SYMBOL_PARTS; part++)
        for (uint32_t i = 0; i < 4; i++)
            wire_i64(wire, &parts->value[part][i]);
}
