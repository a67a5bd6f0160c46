/* lookup.h - what views keep of trades and candles, for whoever asks.
 *
 * Thread:  the ingress core's.
 * Returns: each lookup appends a JSON array of what the view has to call->out, and returns whether
 *          that is all that was asked for. When it is not, the rest is in history (history.h).
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "http/ingress.h"

struct trades_query {
    uint16_t symbol;
    bool by_id; /* from from_id on */
    uint64_t from_id;
    int64_t start_us, end_us; /* inclusive; INT64_MIN, INT64_MAX: open; open both for trades */
    uint32_t limit; /* the first ones from from_id or start_us on, without either the last */
};

struct candles_query {
    uint16_t symbol;
    struct candle_query candles;
};

bool lookup_trades(struct call *call, const struct trades_query *query);
bool lookup_agg_trades(struct call *call, const struct trades_query *query);
bool lookup_candles(struct call *call, const struct candles_query *query);

#endif
