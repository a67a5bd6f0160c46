#include "http/lookup.h"

#include "http/render.h"

/* Ids first..last of what a view has; empty when first > last. */
struct range {
    uint64_t first, last;
    bool whole;
};

/* By id, or the newest, of the ids oldest..newest that there are. */
static struct range range_of(const struct trades_query *query, uint64_t oldest, uint64_t newest)
{
    struct range range = {.first = oldest, .last = newest, .whole = oldest == 1};
    if (query->by_id) {
        range.whole |= query->from_id >= oldest;
        if (query->from_id > oldest)
            range.first = query->from_id;
        if (range.first <= newest && newest - range.first >= query->limit)
            range.last = range.first + query->limit - 1;
    } else if (newest - oldest + 1 >= query->limit) {
        range.first = newest - query->limit + 1;
        range.whole = true;
    }
    return range;
}

static void between(struct text *out, bool *first)
{
    if (!*first)
        text_str(out, ",");
    *first = false;
}

bool lookup_trades(struct call *call, const struct trades_query *query)
{
    const struct trade_ring *ring = &call->ingress->view.symbols[query->symbol].trades;
    struct range range = {.first = 1, .whole = true};
    bool first = true;
    if (ring->newest)
        range = range_of(query, ring->newest - trade_ring_count(ring) + 1, ring->newest);
    text_str(&call->out, "[");
    for (uint64_t id = range.first; id <= range.last; id++) {
        between(&call->out, &first);
        render_public_trade(call, &call->out, query->symbol, trade_ring_at(ring, id));
    }
    text_str(&call->out, "]");
    return range.whole;
}

/* The same by time: aggregate trades are in its order. */
static struct range range_by_time(const struct market_stats *stats,
                                  const struct trades_query *query)
{
    uint64_t oldest = market_stats_oldest_agg(stats), newest = market_stats_newest_agg(stats);
    struct range range = {.first = oldest, .last = newest, .whole = oldest == 1};
    while (range.last >= oldest && market_stats_agg(stats, range.last)->ts_us > query->end_us)
        range.last--;
    if (query->start_us == INT64_MIN) {
        if (range.last - oldest + 1 >= query->limit) {
            range.first = range.last - query->limit + 1;
            range.whole = true;
        }
        return range;
    }
    range.whole |= query->start_us > market_stats_agg(stats, oldest)->ts_us;
    while (range.first <= range.last &&
           market_stats_agg(stats, range.first)->ts_us < query->start_us)
        range.first++;
    if (range.last - range.first + 1 > query->limit)
        range.last = range.first + query->limit - 1;
    return range;
}

bool lookup_agg_trades(struct call *call, const struct trades_query *query)
{
    const struct market_stats *stats = call->ingress->view.symbols[query->symbol].stats;
    struct range range = {.first = 1, .whole = !stats};
    bool first = true;
    if (stats && market_stats_newest_agg(stats))
        range = query->by_id ? range_of(query, market_stats_oldest_agg(stats),
                                        market_stats_newest_agg(stats))
                             : range_by_time(stats, query);
    text_str(&call->out, "[");
    for (uint64_t id = range.first; id <= range.last; id++) {
        between(&call->out, &first);
        render_agg_trade(call, &call->out, query->symbol, market_stats_agg(stats, id));
    }
    text_str(&call->out, "]");
    return range.whole;
}

bool lookup_candles(struct call *call, const struct candles_query *query)
{
    const struct market_stats *stats = call->ingress->view.symbols[query->symbol].stats;
    struct candle candles[CANDLES_MOST];
    uint32_t count = 0;
    bool whole = true, first = true;
    if (stats)
        whole = market_stats_candles(stats, &query->candles, candles, &count);
    text_str(&call->out, "[");
    for (uint32_t i = 0; i < count; i++) {
        between(&call->out, &first);
        render_candle(call, &call->out, &query->candles, query->symbol, &candles[i]);
    }
    text_str(&call->out, "]");
    return whole;
}
