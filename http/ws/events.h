/* events.h - the JSON of market stream events (API §1.6).
 *
 * Thread:  the ingress core's: figures come from its view.
 * Units:   prices, quantities and sums are shown with 8 decimals; times in ms, or in us.
 */
#ifndef WS_EVENTS_H
#define WS_EVENTS_H

#include "actors/market_stats.h"
#include "http/ingress.h"
#include "http/ws/diff.h"
#include "http/ws/names.h"

struct event { /* what one is made of: symbol and time, and what its type needs */
    struct ingress *ingress;
    uint16_t symbol;
    int64_t now_us;
    const struct msg *trade;
    const struct agg_trade *agg;
    const struct diff_list *changes; /* depth: settled */
    uint64_t first_id;               /* depth: U */
    uint32_t levels;                 /* partial depth */
    uint32_t hours;                  /* tickers of a window */
    const struct candle *candle;
    enum candle_interval interval;
    int32_t zone_minutes;
    bool closed;            /* the candle is over */
    const uint64_t *told;   /* of all symbols: per symbol, the newest trade told before */
    uint16_t symbols_count; /* of all symbols */
};

/* Writes one event's JSON behind what `out` has. */
typedef void event_render(struct text *out, const struct event *event, bool micro);

event_render event_trade, event_agg_trade, event_book_ticker, event_depth, event_partial;
event_render event_kline, event_mini_ticker, event_ticker, event_window, event_avg_price;
event_render event_all_mini_tickers, event_all_windows;

/* {"e":"serverShutdown","E":...} */
void event_shutdown(struct text *out, int64_t now_us, bool micro);

#endif
