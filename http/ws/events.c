#include "http/ws/events.h"

#include <string.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/msg/msg.h"
#include "http/render.h"
#include "runtime/check.h"

static void put_time(struct text *out, int64_t us, bool micro)
{
    text_u64(out, (uint64_t)(micro ? us : us / 1000));
}

static const struct symbol_config *config_of(const struct event *event)
{
    return &event->ingress->directory.symbols[event->symbol];
}

static const struct view_symbol *view_of(const struct event *event)
{
    return &event->ingress->view.symbols[event->symbol];
}

/* {"e":"...","E":...,"s":"..." */
static void begin(struct text *out, const struct event *event, const char *type, bool micro)
{
    const char *name = config_of(event)->name;
    text_str(out, "{\"e\":\"");
    text_str(out, type);
    text_str(out, "\",\"E\":");
    put_time(out, event->now_us, micro);
    text_str(out, ",\"s\":");
    text_quoted(out, name, strnlen(name, SYMBOL_NAME_MAX));
}

/* `start` is ,"name": */
static void put_price(struct text *out, const char *start, const struct symbol_config *config,
                      int64_t ticks)
{
    text_str(out, start);
    text_amount(out, ticks * config->tick_atoms);
}

static void put_lots(struct text *out, const char *start, const struct symbol_config *config,
                     __int128 lots)
{
    text_str(out, start);
    render_lots(out, config, lots);
}

static void put_number(struct text *out, const char *start, uint64_t number)
{
    text_str(out, start);
    text_u64(out, number);
}

/* ---- trades ---- */

static void put_maker(struct text *out, bool buyer_is_maker)
{
    text_str(out, buyer_is_maker ? ",\"m\":true,\"M\":true}" : ",\"m\":false,\"M\":true}");
}

void event_trade(struct text *out, const struct event *event, bool micro)
{
    const struct symbol_config *config = config_of(event);
    const struct msg *msg = event->trade;
    begin(out, event, "trade", micro);
    put_number(out, ",\"t\":", msg->trade.trade_id);
    put_price(out, ",\"p\":", config, msg->trade.price_ticks);
    put_lots(out, ",\"q\":", config, msg->trade.qty_lots);
    text_str(out, ",\"T\":");
    put_time(out, msg->ts_us, micro);
    put_maker(out, !(msg->flags & MSG_BUY));
}

void event_agg_trade(struct text *out, const struct event *event, bool micro)
{
    const struct symbol_config *config = config_of(event);
    const struct agg_trade *agg = event->agg;
    begin(out, event, "aggTrade", micro);
    put_number(out, ",\"a\":", agg->id);
    put_price(out, ",\"p\":", config, agg->price_ticks);
    put_lots(out, ",\"q\":", config, agg->qty_lots);
    put_number(out, ",\"f\":", agg->first_trade);
    put_number(out, ",\"l\":", agg->last_trade);
    text_str(out, ",\"T\":");
    put_time(out, agg->ts_us, micro);
    put_maker(out, agg->buyer_is_maker);
}

/* ---- the book ---- */

/* The best price and quantity of a side, zeros when it is empty. */
static void put_best(struct text *out, const struct event *event, uint32_t side, const char *price,
                     const char *qty)
{
    const struct symbol_config *config = config_of(event);
    const struct view_level *best =
        market_view_level(&event->ingress->view, event->symbol, side, 0);
    put_price(out, price, config, best ? best->price_ticks : 0);
    put_lots(out, qty, config, best ? best->qty_lots : 0);
}

void event_book_ticker(struct text *out, const struct event *event, bool micro)
{
    const char *name = config_of(event)->name;
    (void)micro; /* it has no time */
    put_number(out, "{\"u\":", view_of(event)->update_id);
    text_str(out, ",\"s\":");
    text_quoted(out, name, strnlen(name, SYMBOL_NAME_MAX));
    put_best(out, event, SIDE_BUY, ",\"b\":", ",\"B\":");
    put_best(out, event, SIDE_SELL, ",\"a\":", ",\"A\":");
    text_str(out, "}");
}

static void put_changes(struct text *out, const struct event *event, uint32_t side)
{
    const struct symbol_config *config = config_of(event);
    bool first = true;
    for (uint32_t i = 0; i < event->changes->count; i++) {
        const struct diff_change *change = &event->changes->change[i];
        if (change->side != side)
            continue;
        put_price(out, first ? "[" : ",[", config, change->price_ticks);
        put_lots(out, ",", config,
                 market_view_qty(&event->ingress->view, event->symbol, side, change->price_ticks));
        text_str(out, "]");
        first = false;
    }
}

void event_depth(struct text *out, const struct event *event, bool micro)
{
    begin(out, event, "depthUpdate", micro);
    put_number(out, ",\"U\":", event->first_id);
    put_number(out, ",\"u\":", view_of(event)->update_id);
    text_str(out, ",\"b\":[");
    put_changes(out, event, SIDE_BUY);
    text_str(out, "],\"a\":[");
    put_changes(out, event, SIDE_SELL);
    text_str(out, "]}");
}

void event_partial(struct text *out, const struct event *event, bool micro)
{
    (void)micro; /* it has no time */
    render_depth(event->ingress, out, event->symbol, event->levels);
}

/* ---- candles and tickers ---- */

static void put_volumes(struct text *out, const struct symbol_config *config,
                        const struct candle *candle)
{
    put_lots(out, ",\"v\":", config, candle->base_lots);
    text_str(out, ",\"q\":");
    text_sum(out, candle->quote_atoms);
}

/* No trades: Binance shows -1 for the ids. */
static void put_trade_ids(struct text *out, const struct candle *candle, const char *first,
                          const char *last)
{
    if (candle->trades) {
        put_number(out, first, candle->first_trade);
        put_number(out, last, candle->last_trade);
        return;
    }
    text_str(out, first);
    text_str(out, "-1");
    text_str(out, last);
    text_str(out, "-1");
}

void event_kline(struct text *out, const struct event *event, bool micro)
{
    const struct symbol_config *config = config_of(event);
    const struct candle *candle = event->candle;
    begin(out, event, "kline", micro);
    text_str(out, ",\"k\":{\"t\":");
    put_time(out, candle->open_us, micro);
    text_str(out, ",\"T\":");
    put_time(out, candle_next_us(event->interval, candle->open_us, event->zone_minutes) - 1, micro);
    text_str(out, ",\"s\":");
    text_quoted(out, config->name, strnlen(config->name, SYMBOL_NAME_MAX));
    text_str(out, ",\"i\":\"");
    text_str(out, candle_name(event->interval));
    text_str(out, "\"");
    put_trade_ids(out, candle, ",\"f\":", ",\"L\":");
    put_price(out, ",\"o\":", config, candle->open);
    put_price(out, ",\"c\":", config, candle->close);
    put_price(out, ",\"h\":", config, candle->high);
    put_price(out, ",\"l\":", config, candle->low);
    put_number(out, ",\"n\":", candle->trades);
    text_str(out, event->closed ? ",\"x\":true" : ",\"x\":false");
    put_volumes(out, config, candle);
    put_lots(out, ",\"V\":", config, candle->taker_base_lots);
    text_str(out, ",\"Q\":");
    text_sum(out, candle->taker_quote_atoms);
    text_str(out, ",\"B\":\"0\"}}");
}

void event_mini_ticker(struct text *out, const struct event *event, bool micro)
{
    const struct symbol_config *config = config_of(event);
    const struct stats_day day = market_day(event->ingress, event->symbol, event->now_us);
    begin(out, event, "24hrMiniTicker", micro);
    put_price(out, ",\"c\":", config, day.sum.close);
    put_price(out, ",\"o\":", config, day.sum.open);
    put_price(out, ",\"h\":", config, day.sum.high);
    put_price(out, ",\"l\":", config, day.sum.low);
    put_volumes(out, config, &day.sum);
    text_str(out, "}");
}

/* ,"p":...,"P":...,"w":... */
static void put_change(struct text *out, const struct symbol_config *config,
                       const struct candle *sum)
{
    text_str(out, ",\"p\":");
    text_sum(out, (__int128)(sum->close - sum->open) * config->tick_atoms);
    text_str(out, ",\"P\":");
    render_percent(out, sum->open, sum->close);
    text_str(out, ",\"w\":");
    text_amount(out, candle_mean(sum, config));
}

/* ,"o":...,"h":...,"l":...,"v":...,"q":...,"O":...,"C":...,"F":...,"L":...,"n":...} */
static void put_window(struct text *out, const struct symbol_config *config,
                       const struct candle *sum, int64_t open_us, int64_t close_us, bool micro)
{
    put_price(out, ",\"o\":", config, sum->open);
    put_price(out, ",\"h\":", config, sum->high);
    put_price(out, ",\"l\":", config, sum->low);
    put_volumes(out, config, sum);
    text_str(out, ",\"O\":");
    put_time(out, open_us, micro);
    text_str(out, ",\"C\":");
    put_time(out, close_us, micro);
    put_trade_ids(out, sum, ",\"F\":", ",\"L\":");
    put_number(out, ",\"n\":", sum->trades);
    text_str(out, "}");
}

void event_ticker(struct text *out, const struct event *event, bool micro)
{
    const struct symbol_config *config = config_of(event);
    const struct trade_ring *trades = &view_of(event)->trades;
    const struct stats_day day = market_day(event->ingress, event->symbol, event->now_us);
    begin(out, event, "24hrTicker", micro);
    put_change(out, config, &day.sum);
    put_price(out, ",\"x\":", config, day.previous_close_ticks);
    put_price(out, ",\"c\":", config, day.sum.close);
    put_lots(out, ",\"Q\":", config,
             day.sum.trades ? trade_ring_at(trades, trades->newest)->qty_lots : 0);
    put_best(out, event, SIDE_BUY, ",\"b\":", ",\"B\":");
    put_best(out, event, SIDE_SELL, ",\"a\":", ",\"A\":");
    put_window(out, config, &day.sum, day.close_us - DAY_US, day.close_us, micro);
}

void event_window(struct text *out, const struct event *event, bool micro)
{
    const struct symbol_config *config = config_of(event);
    const struct candle sum = market_window(event->ingress, event->symbol,
                                            event->now_us - event->hours * HOUR_US, event->now_us);
    begin(out, event,
          event->hours == 1   ? "1hTicker"
          : event->hours == 4 ? "4hTicker"
                              : "1dTicker",
          micro);
    put_change(out, config, &sum);
    put_price(out, ",\"c\":", config, sum.close);
    put_window(out, config, &sum, sum.open_us, event->now_us, micro);
}

/* Those of all symbols that have traded since they were told. */
static void put_traded(struct text *out, const struct event *event, event_render *render,
                       bool micro)
{
    struct event one = *event;
    bool first = true;
    text_str(out, "[");
    for (one.symbol = 0; one.symbol < event->symbols_count; one.symbol++) {
        if (view_of(&one)->trades.newest <= event->told[one.symbol])
            continue;
        text_str(out, first ? "" : ",");
        render(out, &one, micro);
        first = false;
    }
    text_str(out, "]");
}

void event_all_mini_tickers(struct text *out, const struct event *event, bool micro)
{
    put_traded(out, event, event_mini_ticker, micro);
}

void event_all_windows(struct text *out, const struct event *event, bool micro)
{
    put_traded(out, event, event_window, micro);
}

/* As GET /avgPrice has it, and filters see it (API §1.3). */
void event_avg_price(struct text *out, const struct event *event, bool micro)
{
    int64_t traded_us;
    int64_t price = market_avg_price(event->ingress, event->symbol, event->now_us, &traded_us);
    begin(out, event, "avgPrice", micro);
    text_str(out, ",\"i\":\"5m\",\"w\":");
    text_amount(out, price);
    text_str(out, ",\"T\":");
    put_time(out, traded_us, micro);
    text_str(out, "}");
}

void event_shutdown(struct text *out, int64_t now_us, bool micro)
{
    text_str(out, "{\"e\":\"serverShutdown\",\"E\":");
    put_time(out, now_us, micro);
    text_str(out, "}");
}
