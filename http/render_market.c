/* The shapes of market data. */
#include "http/render.h"

#include <string.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "http/render_keys.h"
#include "runtime/check.h"

static const struct symbol_config *symbol_of(const struct call *call, uint16_t symbol)
{
    return &call->ingress->directory.symbols[symbol];
}

/* ---- the book ---- */

void render_lots(struct text *out, const struct symbol_config *config, __int128 lots)
{
    __int128 atoms = lots * config->step_atoms;
    if (atoms <= INT64_MAX)
        text_amount(out, (int64_t)atoms); /* it is quicker */
    else
        text_sum(out, atoms);
}

static void depth_side(struct ingress *ingress, struct text *out, uint16_t symbol, uint32_t side,
                       uint32_t limit)
{
    const struct symbol_config *config = &ingress->directory.symbols[symbol];
    for (uint32_t i = 0; i < limit; i++) {
        const struct view_level *level = market_view_level(&ingress->view, symbol, side, i);
        if (!level)
            break;
        text_str(out, i ? ",[" : "[");
        text_amount(out, level->price_ticks * config->tick_atoms);
        text_str(out, ",");
        render_lots(out, config, level->qty_lots);
        text_str(out, "]");
    }
}

void render_depth(struct ingress *ingress, struct text *out, uint16_t symbol, uint32_t limit)
{
    text_str(out, "{\"lastUpdateId\":");
    text_u64(out, ingress->view.symbols[symbol].update_id);
    text_str(out, ",\"bids\":[");
    depth_side(ingress, out, symbol, SIDE_BUY, limit);
    text_str(out, "],\"asks\":[");
    depth_side(ingress, out, symbol, SIDE_SELL, limit);
    text_str(out, "]}");
}

/* ---- trades ---- */

void render_public_trade(const struct call *call, struct text *out, uint16_t symbol,
                         const struct recent_trade *trade)
{
    const struct symbol_config *config = symbol_of(call, symbol);
    const struct money_spec spec = {.tick_atoms = config->tick_atoms,
                                    .lot_atoms = config->step_atoms};
    int64_t quote;
    ASSERT(money_quote_floor(&spec, trade->price_ticks, trade->qty_lots, &quote));
    text_str(out, "{");
    key_u64(out, "id", trade->id);
    key_amount(out, "price", trade->price_ticks * config->tick_atoms);
    key_amount(out, "qty", trade->qty_lots * config->step_atoms);
    key_amount(out, "quoteQty", quote);
    key_time(call, out, "time", trade->ts_us);
    key_bool(out, "isBuyerMaker", trade->buyer_is_maker);
    key_bool(out, "isBestMatch", true);
    text_str(out, "}");
}

void render_agg_trade(const struct call *call, struct text *out, uint16_t symbol,
                      const struct agg_trade *trade)
{
    const struct symbol_config *config = symbol_of(call, symbol);
    text_str(out, "{");
    key_u64(out, "a", trade->id);
    key_amount(out, "p", trade->price_ticks * config->tick_atoms);
    key_amount(out, "q", trade->qty_lots * config->step_atoms);
    key_u64(out, "f", trade->first_trade);
    key_u64(out, "l", trade->last_trade);
    key_time(call, out, "T", trade->ts_us);
    key_bool(out, "m", trade->buyer_is_maker);
    key_bool(out, "M", true);
    text_str(out, "}");
}

/* ---- candles ---- */

void render_candle(const struct call *call, struct text *out, const struct candle_query *query,
                   uint16_t symbol, const struct candle *candle)
{
    const struct symbol_config *config = symbol_of(call, symbol);
    const int64_t prices[] = {candle->open, candle->high, candle->low, candle->close};
    text_str(out, "[");
    render_time(call, out, candle->open_us);
    for (uint32_t i = 0; i < 4; i++) {
        text_str(out, ",");
        text_amount(out, prices[i] * config->tick_atoms);
    }
    text_str(out, ",");
    text_sum(out, candle->base_lots * config->step_atoms);
    text_str(out, ",");
    render_time(call, out,
                candle_next_us(query->interval, candle->open_us, query->zone_minutes) - 1);
    text_str(out, ",");
    text_sum(out, candle->quote_atoms);
    text_str(out, ",");
    text_u64(out, candle->trades);
    text_str(out, ",");
    text_sum(out, candle->taker_base_lots * config->step_atoms);
    text_str(out, ",");
    text_sum(out, candle->taker_quote_atoms);
    text_str(out, ",\"0\"]");
}

/* ---- tickers ---- */

/* "0.00000000" for a symbol that has not traded, as on Binance before a listing opens. */
void render_ticker_price(const struct call *call, struct text *out, uint16_t symbol,
                         const struct ticker_window *window)
{
    const struct symbol_config *config = symbol_of(call, symbol);
    (void)window; /* it is as of now */
    text_str(out, "{");
    key_name(out, "symbol", config->name);
    key_amount(out, "price",
               call->ingress->view.symbols[symbol].last_price_ticks * config->tick_atoms);
    text_str(out, "}");
}

/* Zeros where a side is empty. */
static void best_levels(struct ingress *ingress, struct text *out, uint16_t symbol)
{
    static const char *const price[] = {"bidPrice", "askPrice"}, *const qty[] = {"bidQty",
                                                                                 "askQty"};
    const struct symbol_config *config = &ingress->directory.symbols[symbol];
    for (uint32_t side = 0; side < 2; side++) { /* SIDE_BUY, SIDE_SELL */
        const struct view_level *best = market_view_level(&ingress->view, symbol, side, 0);
        key_amount(out, price[side], best ? best->price_ticks * config->tick_atoms : 0);
        key(out, qty[side]);
        render_lots(out, config, best ? best->qty_lots : 0);
    }
}

void render_ticker_book(const struct call *call, struct text *out, uint16_t symbol,
                        const struct ticker_window *window)
{
    (void)window; /* it is as of now */
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, symbol)->name);
    best_levels(call->ingress, out, symbol);
    text_str(out, "}");
}

/* A sum, which may be below zero. */
__attribute__((always_inline)) static inline void key_sum(struct text *out, const char *name,
                                                          __int128 atoms)
{
    key(out, name);
    text_sum(out, atoms);
}

int64_t candle_mean(const struct candle *candle, const struct symbol_config *config)
{
    __int128 base = candle->base_lots * config->step_atoms;
    if (base == 0)
        return 0;
    __int128 units = candle->quote_atoms / base, rest = candle->quote_atoms % base;
    return (int64_t)(units * MONEY_ATOMS_PER_UNIT + rest * MONEY_ATOMS_PER_UNIT / base);
}

/* From the smallest price to the greatest it passes int64. */
void render_percent(struct text *out, int64_t from, int64_t to)
{
    __int128 change = (__int128)(to - from) * 100000;
    __int128 size = change < 0 ? -change : change;
    __int128 thousandths = from ? (2 * size + from) / (2 * (__int128)from) : 0;
    text_decimal(out, change < 0 ? -thousandths : thousandths, 3);
}

struct stats_day market_day(const struct ingress *ingress, uint16_t symbol, int64_t now_us)
{
    struct market_stats *stats = ingress->view.symbols[symbol].stats;
    struct stats_day day = {.close_us = now_us};
    if (stats)
        market_stats_day(stats, now_us, &day);
    else
        day.sum.open_us = candle_open_us(CANDLE_1M, now_us - DAY_US, 0);
    return day;
}

struct candle market_window(const struct ingress *ingress, uint16_t symbol, int64_t from_us,
                            int64_t now_us)
{
    const struct market_stats *stats = ingress->view.symbols[symbol].stats;
    struct candle sum = {.open_us = candle_open_us(CANDLE_1M, from_us, 0)};
    if (stats)
        market_stats_window(stats, from_us, now_us, &sum);
    return sum;
}

/* {"symbol","priceChange","priceChangePercent","weightedAvgPrice" */
static void begin_full(struct text *out, const struct candle *sum,
                       const struct symbol_config *config)
{
    text_str(out, "{");
    key_name(out, "symbol", config->name);
    key_sum(out, "priceChange", (__int128)(sum->close - sum->open) * config->tick_atoms);
    key(out, "priceChangePercent");
    render_percent(out, sum->open, sum->close);
    key_amount(out, "weightedAvgPrice", candle_mean(sum, config));
}

static void window_prices(struct text *out, const struct candle *sum, int64_t tick)
{
    key_amount(out, "openPrice", sum->open * tick);
    key_amount(out, "highPrice", sum->high * tick);
    key_amount(out, "lowPrice", sum->low * tick);
}

/* Volumes, times and ids; Binance's ids are -1 where there was no trade. */
static void window_rest(const struct call *call, struct text *out, const struct candle *sum,
                        int64_t close_us, const struct symbol_config *config)
{
    key_sum(out, "volume", sum->base_lots * config->step_atoms);
    key_sum(out, "quoteVolume", sum->quote_atoms);
    key_time(call, out, "openTime", sum->open_us);
    key_time(call, out, "closeTime", close_us);
    if (sum->trades) {
        key_u64(out, "firstId", sum->first_trade);
        key_u64(out, "lastId", sum->last_trade);
    } else {
        text_str(out, ",\"firstId\":-1,\"lastId\":-1");
    }
    key_u64(out, "count", sum->trades);
    text_str(out, "}");
}

static void render_mini(const struct call *call, struct text *out, const struct candle *sum,
                        int64_t close_us, const struct symbol_config *config)
{
    text_str(out, "{");
    key_name(out, "symbol", config->name);
    window_prices(out, sum, config->tick_atoms);
    key_amount(out, "lastPrice", sum->close * config->tick_atoms);
    window_rest(call, out, sum, close_us, config);
}

void render_day_mini(const struct call *call, struct text *out, uint16_t symbol,
                     const struct ticker_window *window)
{
    const struct stats_day day = market_day(call->ingress, symbol, window->now_us);
    render_mini(call, out, &day.sum, day.close_us, symbol_of(call, symbol));
}

void render_day_full(const struct call *call, struct text *out, uint16_t symbol,
                     const struct ticker_window *window)
{
    const struct symbol_config *config = symbol_of(call, symbol);
    const struct trade_ring *ring = &call->ingress->view.symbols[symbol].trades;
    const struct stats_day day = market_day(call->ingress, symbol, window->now_us);
    int64_t tick = config->tick_atoms, last_lots = 0;
    if (day.sum.trades)
        last_lots = trade_ring_at(ring, ring->newest)->qty_lots;
    begin_full(out, &day.sum, config);
    key_amount(out, "prevClosePrice", day.previous_close_ticks * tick);
    key_amount(out, "lastPrice", day.sum.close * tick);
    key_amount(out, "lastQty", last_lots * config->step_atoms);
    best_levels(call->ingress, out, symbol);
    window_prices(out, &day.sum, tick);
    window_rest(call, out, &day.sum, day.close_us, config);
}

void render_window_mini(const struct call *call, struct text *out, uint16_t symbol,
                        const struct ticker_window *window)
{
    const struct candle sum = market_window(call->ingress, symbol, window->from_us, window->now_us);
    render_mini(call, out, &sum, window->close_us, symbol_of(call, symbol));
}

void render_window_full(const struct call *call, struct text *out, uint16_t symbol,
                        const struct ticker_window *window)
{
    const struct symbol_config *config = symbol_of(call, symbol);
    const struct candle sum = market_window(call->ingress, symbol, window->from_us, window->now_us);
    begin_full(out, &sum, config);
    window_prices(out, &sum, config->tick_atoms);
    key_amount(out, "lastPrice", sum.close * config->tick_atoms);
    window_rest(call, out, &sum, window->close_us, config);
}

int64_t market_avg_price(const struct ingress *ingress, uint16_t symbol, int64_t now_us,
                         int64_t *traded_us)
{
    const struct symbol_config *config = &ingress->directory.symbols[symbol];
    const struct view_symbol *view = &ingress->view.symbols[symbol];
    struct candle window = {0};
    *traded_us = 0;
    if (view->stats)
        market_stats_window(view->stats, now_us - (AVG_PRICE_MINUTES - 1) * MINUTE_US, now_us,
                            &window);
    if (view->trades.newest)
        *traded_us = trade_ring_at(&view->trades, view->trades.newest)->ts_us;
    return window.trades ? candle_mean(&window, config)
                         : view->last_price_ticks * config->tick_atoms;
}

void render_avg_price(const struct call *call, struct text *out, uint16_t symbol)
{
    int64_t now_us = env_now_us(&call->ingress->ex->rt.env), traded_us;
    int64_t price = market_avg_price(call->ingress, symbol, now_us, &traded_us);
    text_format(out, "{\"mins\":%d", AVG_PRICE_MINUTES);
    key_amount(out, "price", price);
    key_time(call, out, "closeTime", traded_us);
    text_str(out, "}");
}
