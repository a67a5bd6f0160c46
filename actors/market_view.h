/* market_view.h - what one ingress core knows of the markets: levels, best prices, last trade.
 * Folded from durable changes only, so nothing it shows can vanish (PROTOCOL §2.5).
 *
 * Thread:  the ingress core's.
 * Memory:  grows with the number of levels, off the order path.
 * Holds:   lastUpdateId is the id of the last change folded, and ids of a symbol have no gap.
 */
#ifndef MARKET_VIEW_H
#define MARKET_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/market_stats.h"
#include "actors/trade_ring.h"

struct msg;
struct exchange;
struct money_spec;

struct view_level {
    int64_t price_ticks, qty_lots;
};

struct view_side { /* sorted, the best price last: most changes are near it */
    struct view_level *level;
    uint32_t count, room;
};

struct view_symbol {
    struct view_side side[2];
    struct trade_ring trades;   /* its slots come with the first trade */
    struct market_stats *stats; /* NULL: never traded */
    uint64_t update_id;
    int64_t last_price_ticks; /* 0: never traded */
};

struct market_view {
    struct view_symbol *symbols;
    uint32_t symbols_max;
};

void market_view_init(struct market_view *view, uint32_t symbols_max);
void market_view_fini(struct market_view *view);

/* Takes over what the recovered books hold, and their newest trades. Thread: the starting one. */
void market_view_load(struct market_view *view, const struct exchange *ex);

/* Folds one MSG_LEVEL or MSG_TRADE. Asserts that no update id is missing. */
void market_view_fold(struct market_view *view, const struct msg *msg);

/* Gives the statistics what the view has of trades behind the newest that they know. After
 * market_view_load() they know the trades that are state of the market shard; to start from
 * history, which reaches further back, call market_stats_seed(), market_stats_seed_candle() and
 * then this, for each symbol that has stats. `spec` is the symbol's. Thread: the starting one. */
void market_view_catch_up(struct market_view *view, uint16_t symbol, const struct money_spec *spec);

/* The i-th best level of a side, or NULL. */
const struct view_level *market_view_level(const struct market_view *view, uint16_t symbol,
                                           uint32_t side, uint32_t i);

/* What rests at a price; 0: nothing. */
int64_t market_view_qty(const struct market_view *view, uint16_t symbol, uint32_t side,
                        int64_t price_ticks);

/* Best ask for a buyer, best bid for a seller, else the last price; 0: none (PROTOCOL O1). */
int64_t market_view_hint(const struct market_view *view, uint16_t symbol, uint32_t taker_side);

#endif
