#include "actors/book/symbol_limits.h"

#include "runtime/check.h"
#include "runtime/hash.h"

void symbol_limits_wire(struct wire *wire, struct symbol_limits *limits)
{
    int64_t *const amounts[] = {&limits->tick_atoms, &limits->step_atoms,
                                &limits->market_step_atoms, &limits->position_atoms};
    uint32_t *const counts[] = {
        &limits->algo_orders, &limits->iceberg_orders, &limits->iceberg_parts,
        &limits->order_lists, &limits->order_amends,   &limits->above_min,
        &limits->above_max,   &limits->below_min,      &limits->below_max,
        &limits->bid_up,      &limits->bid_down,       &limits->ask_up,
        &limits->ask_down,
    };
    bool *const flags[] = {&limits->by_side, &limits->min_spares_market, &limits->max_spares_market,
                           &limits->min_notional_alone};
    for (uint32_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
        wire_i64(wire, amounts[i]);
    for (uint32_t i = 0; i < sizeof counts / sizeof *counts; i++)
        wire_u32(wire, counts[i]);
    for (uint32_t i = 0; i < sizeof flags / sizeof *flags; i++)
        wire_bool(wire, flags[i]);
    wire_u8(wire, &limits->percent_short);
    wire_u8(wire, &limits->notional_short);
}

/* Field by field, so that no padding counts. */
static void limits_bytes(const struct symbol_limits *limits, unsigned char out[SYMBOL_LIMITS_BYTES])
{
    struct symbol_limits copy = *limits;
    struct wire wire = {.out = out, .ok = true};
    symbol_limits_wire(&wire, &copy);
    ASSERT(wire.at == SYMBOL_LIMITS_BYTES);
}

bool symbol_limits_none(const struct symbol_limits *limits)
{
    unsigned char bytes[SYMBOL_LIMITS_BYTES];
    uint8_t any = 0;
    limits_bytes(limits, bytes);
    for (uint32_t i = 0; i < sizeof bytes; i++)
        any |= bytes[i];
    return any == 0;
}

bool symbol_limits_sound(const struct symbol_limits *limits)
{
    return limits->tick_atoms >= 0 && limits->step_atoms >= 0 && limits->market_step_atoms >= 0 &&
           limits->position_atoms >= 0 && limits->bid_up <= PERCENT_MAX &&
           limits->bid_down <= PERCENT_MAX && limits->ask_up <= PERCENT_MAX &&
           limits->ask_down <= PERCENT_MAX && limits->percent_short <= AVG_MINUTES &&
           limits->notional_short <= AVG_MINUTES;
}

uint64_t symbol_limits_hash(uint64_t hash, const struct symbol_limits *limits)
{
    unsigned char bytes[SYMBOL_LIMITS_BYTES];
    limits_bytes(limits, bytes);
    return hash_bytes(hash, bytes, sizeof bytes);
}

const struct symbol_limits symbol_limits_usual = {.algo_orders = 5,
                                                  .iceberg_parts = 10,
                                                  .order_lists = 20,
                                                  .order_amends = 10,
                                                  .above_min = 10,
                                                  .above_max = 2000,
                                                  .below_min = 10,
                                                  .below_max = 2000};

void exchange_limits_wire(struct wire *wire, struct exchange_limits *limits)
{
    wire_u32(wire, &limits->orders);
    wire_u32(wire, &limits->algo_orders);
    wire_u32(wire, &limits->iceberg_orders);
    wire_u32(wire, &limits->order_lists);
}

uint64_t exchange_limits_hash(uint64_t hash, const struct exchange_limits *limits)
{
    hash = hash_fold(hash, (uint64_t)limits->orders << 32 | limits->algo_orders);
    return hash_fold(hash, (uint64_t)limits->iceberg_orders << 32 | limits->order_lists);
}
