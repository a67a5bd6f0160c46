#include "http/rest/rest.h"

#include "actors/book/kinds.h"
#include "http/fields.h"
#include "http/filters.h"
#include "http/render.h"
#include "http/rest/openapi.h"

enum { WINDOW_SYMBOLS_MAX = 100, WINDOW_WEIGHT_SYMBOLS = 50 }; /* of a request; that cost more */

void rest_get_ping(struct call *call)
{
    if (fields_all_read(call))
        call_respond(call, 200, "{}", 2);
}

void rest_get_openapi(struct call *call)
{
    if (fields_all_read(call))
        call_respond(call, 200, openapi_json, openapi_length);
}

void rest_get_time(struct call *call)
{
    if (!fields_all_read(call))
        return;
    text_str(&call->out, "{\"serverTime\":");
    render_time(call, &call->out, env_now_us(&call->ingress->ex->rt.env));
    text_str(&call->out, "}");
    call_respond(call, 200, call->out.data, call->out.length);
}

static void render_hot(struct call *call, uint16_t symbol, enum hot_kind kind)
{
    if (kind == HOT_TICKER_BOOK)
        render_ticker_book(call, &call->out, symbol, NULL);
    else
        render_depth(call->ingress, &call->out, symbol, hot_limit(kind));
}

/* Answers what depends on the book alone: rendered once for each of its versions. `learn` when the
 * request's text means just this. */
static void respond_hot(struct call *call, uint16_t symbol, enum hot_kind kind, bool learn)
{
    struct hot *hot = call->ingress->hot;
    uint64_t version = call->ingress->view.symbols[symbol].update_id;
    struct body *body = hot_body(hot, symbol, kind, version);
    if (!body) {
        render_hot(call, symbol, kind);
        body = hot_keep(hot, symbol, kind, version, call->out.data, call->out.length);
    }
    const struct hot_request request = {
        .symbol = symbol, .route = call->route, .weight = call->weight, .kind = (uint8_t)kind};
    if (learn)
        hot_learn(hot, call->path.data, call->path.length, call->query.data, call->query.length,
                  &request);
    call_respond_shared(call, body);
}

void rest_get_depth(struct call *call)
{
    uint32_t limit;
    uint16_t symbol;
    uint8_t status;
    if (!field_limit(call, 100, 5000, &limit) || /* first: what is refused for the symbol costs */
        !call_charge(call, limit <= 100    ? 5
                           : limit <= 500  ? 25
                           : limit <= 1000 ? 50
                                           : 250) ||
        !field_symbol(call, MANDATORY, &symbol) || !field_symbol_status(call, &status) ||
        !fields_all_read(call) || !field_status_agrees(call, symbol, status))
        return;
    enum hot_kind kind;
    if (hot_depth(limit, &kind)) {
        respond_hot(call, symbol, kind, status == STATUS_COUNT);
        return;
    }
    render_depth(call->ingress, &call->out, symbol, limit);
    call_respond(call, 200, call->out.data, call->out.length);
}

/* One object for `symbol`, else a list of them. */
static void tickers(struct call *call, const struct symbol_choice *choice, ticker_render *render,
                    const struct ticker_window *window)
{
    struct ingress *ingress = call->ingress;
    bool first = true;
    if (choice->one != SYMBOL_ANY) {
        if (!field_status_agrees(call, choice->one, choice->status))
            return;
        render(call, &call->out, choice->one, window);
        call_respond(call, 200, call->out.data, call->out.length);
        return;
    }
    text_str(&call->out, "[");
    for (uint16_t i = 0; i < ingress->directory.symbols_count; i++) {
        if (!symbol_chosen(&ingress->directory, choice, i))
            continue;
        if (!first)
            text_str(&call->out, ",");
        first = false;
        render(call, &call->out, i, window);
    }
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

static bool field_ticker(struct call *call, struct symbol_choice *choice)
{
    return call_charge(call, field_sent(call, "symbol") ? 2 : 4) &&
           field_symbol_choice(call, choice) && fields_all_read(call);
}

void rest_get_ticker_price(struct call *call)
{
    struct symbol_choice choice;
    if (field_ticker(call, &choice))
        tickers(call, &choice, render_ticker_price, NULL);
}

void rest_get_ticker_book(struct call *call)
{
    struct symbol_choice choice;
    if (!field_ticker(call, &choice))
        return;
    if (choice.one == SYMBOL_ANY)
        tickers(call, &choice, render_ticker_book, NULL);
    else if (field_status_agrees(call, choice.one, choice.status))
        respond_hot(call, choice.one, HOT_TICKER_BOOK, choice.status == STATUS_COUNT);
}

/* FULL, unless MINI is asked for. */
static bool field_shape(struct call *call, bool *mini)
{
    const struct param *param;
    *mini = false;
    if (!field_get(call, "type", OPTIONAL, &param))
        return false;
    *mini = param && field_is(param, "MINI");
    if (!param || *mini || field_is(param, "FULL"))
        return true;
    call_refuse(call, -1130, "Data sent for parameter 'type' is not valid.");
    return false;
}

static int64_t now_of(const struct call *call)
{
    return env_now_us(&call->ingress->ex->rt.env);
}

void rest_get_ticker_day(struct call *call)
{
    struct symbol_choice choice;
    const struct ticker_window window = {.now_us = now_of(call)};
    bool mini;
    if (field_sent(call, "symbol") || field_sent(call, "symbols"))
        call->weight = 2;
    if (!field_symbol_choice(call, &choice))
        return;
    uint16_t weight = choice.count > 100 ? 80 : choice.count > 20 ? 40 : call->weight;
    if (call_charge(call, weight) && field_shape(call, &mini) && fields_all_read(call))
        tickers(call, &choice, mini ? render_day_mini : render_day_full, &window);
}

/* ---- windows of any size, and days of any time zone ---- */

/* The symbols, of which there must be some, and not too many. */
static bool field_window_symbols(struct call *call, struct symbol_choice *choice)
{
    if (!field_symbol_choice(call, choice))
        return false;
    uint16_t weighed =
        choice->count < WINDOW_WEIGHT_SYMBOLS ? choice->count : WINDOW_WEIGHT_SYMBOLS;
    if (!call_charge(call, weighed > 1 ? 4 * weighed : 4))
        return false;
    if (choice->all) {
        call_refuse(call, -1102,
                    "Param 'symbol' or 'symbols' must be sent, but both were empty/null!");
        return false;
    }
    if (choice->count > WINDOW_SYMBOLS_MAX) {
        call_refuse(call, -1101,
                    "Too many values sent for parameter 'symbols', maximum allowed up to %d.",
                    WINDOW_SYMBOLS_MAX);
        return false;
    }
    return true;
}

/* Whether every symbol asked for has ever traded: else there is no window of it. */
static bool all_traded(struct call *call, const struct symbol_choice *choice)
{
    const struct ingress *ingress = call->ingress;
    for (uint16_t i = 0; i < ingress->directory.symbols_count; i++)
        if (symbol_chosen(&ingress->directory, choice, i) && !ingress->view.symbols[i].stats) {
            call_refuse(call, -2016,
                        "No trading window could be found for the symbol. Try ticker/24hrs "
                        "instead.");
            return false;
        }
    return true;
}

static void window_tickers(struct call *call, const struct symbol_choice *choice, bool mini,
                           const struct ticker_window *window)
{
    if (fields_all_read(call) && all_traded(call, choice))
        tickers(call, choice, mini ? render_window_mini : render_window_full, window);
}

void rest_get_ticker_window(struct call *call)
{
    struct symbol_choice choice;
    struct ticker_window window = {.now_us = now_of(call)};
    int64_t width_us;
    bool mini;
    if (!field_window_symbols(call, &choice) || !field_window(call, &width_us) ||
        !field_shape(call, &mini))
        return;
    window.from_us = window.now_us - width_us;
    window.close_us = window.now_us;
    window_tickers(call, &choice, mini, &window);
}

void rest_get_ticker_trading_day(struct call *call)
{
    struct symbol_choice choice;
    struct ticker_window window = {.now_us = now_of(call)};
    int32_t zone_minutes;
    bool mini;
    if (!field_window_symbols(call, &choice) || !field_zone(call, &zone_minutes) ||
        !field_shape(call, &mini))
        return;
    window.from_us = candle_open_us(CANDLE_1D, window.now_us, zone_minutes);
    window.close_us = candle_next_us(CANDLE_1D, window.from_us, zone_minutes) - 1;
    window_tickers(call, &choice, mini, &window);
}

void rest_get_avg_price(struct call *call)
{
    uint16_t symbol;
    if (!field_symbol(call, MANDATORY, &symbol) || !fields_all_read(call))
        return;
    render_avg_price(call, &call->out, symbol);
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_get_exchange_info(struct call *call)
{
    struct directory *directory = &call->ingress->directory;
    struct symbol_choice choice;
    bool first = true, spot, sets;
    if (!field_symbol_choice(call, &choice) || !field_permissions(call, &spot) ||
        !field_bool(call, "showPermissionSets", true, &sets) || !fields_all_read(call))
        return;
    if (!choice.all && (field_sent(call, "permissions") || choice.status != STATUS_COUNT)) {
        call_refuse(call, -1128, "Combination of optional parameters invalid.");
        return;
    }
    text_str(&call->out, "{\"timezone\":\"UTC\",\"serverTime\":");
    render_time(call, &call->out, env_now_us(&call->ingress->ex->rt.env));
    text_str(&call->out, ",");
    render_limits(&call->out);
    text_str(&call->out, ",\"exchangeFilters\":");
    render_exchange_filters(&call->out, &directory->exchange);
    text_str(&call->out, ",\"symbols\":[");
    for (uint16_t i = 0; i < directory->symbols_count; i++) {
        if (!spot || !symbol_chosen(directory, &choice, i))
            continue;
        if (!first)
            text_str(&call->out, ",");
        first = false;
        render_symbol(&call->out, &directory->symbols[i], sets);
    }
    text_str(&call->out, "]}");
    call_respond(call, 200, call->out.data, call->out.length);
}
