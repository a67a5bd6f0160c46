/* symbol_limits.h - the filters of a symbol that not every symbol has, and those of the exchange:
 * what control, account and market shards keep of them, in one shape.
 *
 * Thread:  any; plain values.
 * Holds:   zero is what a symbol has that was made without them, in every field; so a symbol of a
 *          journal from before they were there is a symbol without them.
 * Source:  docs/MATCHING.md, Filters.
 */
#ifndef SYMBOL_LIMITS_H
#define SYMBOL_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/wire.h"

enum {
    AVG_MINUTES = 5,     /* the longest mean price that a filter may ask for */
    PERCENT_ONE = 10000, /* a multiplier of one */
    PERCENT_MAX = 10000 * PERCENT_ONE,
    SYMBOL_LIMITS_BYTES = 90,
};

struct symbol_limits {
    /* Coarser than the grid of ticks and lots that the symbol was listed with; 0: the grid. */
    int64_t tick_atoms, step_atoms, market_step_atoms;
    int64_t position_atoms; /* MAX_POSITION; 0: none, as for the counts */
    uint32_t algo_orders, iceberg_orders, iceberg_parts, order_lists, order_amends;
    uint32_t above_min, above_max, below_min, below_max; /* TRAILING_DELTA, basis points; 0: none */
    uint32_t bid_up, bid_down, ask_up, ask_down; /* of the reference price, PERCENT_ONE; 0: none */
    bool by_side; /* they are a PERCENT_PRICE_BY_SIDE, and the two sides may differ */
    /* By how many minutes the mean is shorter than AVG_MINUTES; at AVG_MINUTES it is the last
     * price. */
    uint8_t percent_short, notional_short;
    bool min_spares_market, max_spares_market; /* the notional limits are of limit orders alone */
    bool min_notional_alone;                   /* called MIN_NOTIONAL, and has no maximum */
};

/* The filters of the exchange, of each user over all symbols; 0: none. */
struct exchange_limits {
    uint32_t orders, algo_orders, iceberg_orders, order_lists;
};

/* Those of a symbol that is made and nothing is said of them: as on Binance. */
extern const struct symbol_limits symbol_limits_usual;

void exchange_limits_wire(struct wire *wire, struct exchange_limits *limits);

void symbol_limits_wire(struct wire *wire, struct symbol_limits *limits);

/* Whether they are those of a symbol that was made without any. */
bool symbol_limits_none(const struct symbol_limits *limits);

/* What the core may rely on. */
bool symbol_limits_sound(const struct symbol_limits *limits);

uint64_t exchange_limits_hash(uint64_t hash, const struct exchange_limits *limits);
uint64_t symbol_limits_hash(uint64_t hash, const struct symbol_limits *limits);

#endif
