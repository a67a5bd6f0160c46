#include "http/operation.h"

#include <string.h>

#include "http/rest/rest.h"
#include "runtime/check.h"

enum { SIGNED = 3 }; /* recvWindow, timestamp, signature */

#define PATH(text) text, sizeof text - 1

/* What an answer of 200 may be kept for, by whom. All else is nobody's to keep. */
enum keep { KEEP_NONE, KEEP_SECOND, KEEP_SECOND_TIMED, KEEP_MINUTE_TIMED };
static const struct cache_rule keeps[] = {
    [KEEP_NONE] = {.control = "no-store"},
    [KEEP_SECOND] = {.control = "public, max-age=1"},
    [KEEP_SECOND_TIMED] = {.control = "public, max-age=1", .timed = true},
    [KEEP_MINUTE_TIMED] = {.control = "public, max-age=60", .timed = true},
};

static const struct route {
    const char *path;
    size_t length;
    enum method method;
    void (*start)(struct call *call);
    uint8_t weight;   /* unless the handler knows better (API §1.1) */
    uint8_t params;   /* how many Binance documents: more are too many */
    bool free_of_use; /* costs nothing when it succeeds: trading */
    enum keep keep;
} routes[] = {
    {PATH("/api/v3/order"), METHOD_POST, rest_post_order, 1, 18 + SIGNED, true, KEEP_NONE},
    {PATH("/api/v3/order"), METHOD_DELETE, rest_delete_order, 1, 5 + SIGNED, true, KEEP_NONE},
    {PATH("/api/v3/order"), METHOD_GET, rest_get_order, 4, 3 + SIGNED, false, KEEP_NONE},
    {PATH("/api/v3/order/cancelReplace"), METHOD_POST, rest_post_cancel_replace, 1, 24 + SIGNED,
     true, KEEP_NONE},
    {PATH("/api/v3/order/test"), METHOD_POST, rest_post_order_test, 1, 19 + SIGNED, false,
     KEEP_NONE},
    {PATH("/api/v3/depth"), METHOD_GET, rest_get_depth, 5, 3, false, KEEP_SECOND},
    {PATH("/api/v3/openOrders"), METHOD_GET, rest_get_open_orders, 80, 1 + SIGNED, false,
     KEEP_NONE},
    {PATH("/api/v3/openOrders"), METHOD_DELETE, rest_delete_open_orders, 1, 1 + SIGNED, true,
     KEEP_NONE},
    {PATH("/api/v3/account"), METHOD_GET, rest_get_account, 20, 1 + SIGNED, false, KEEP_NONE},
    {PATH("/api/v3/account/commission"), METHOD_GET, rest_get_commission, 20, 1 + SIGNED, false,
     KEEP_NONE},
    {PATH("/api/v3/myTrades"), METHOD_GET, rest_get_my_trades, 20, 6 + SIGNED, false, KEEP_NONE},
    {PATH("/api/v3/allOrders"), METHOD_GET, rest_get_all_orders, 20, 5 + SIGNED, false, KEEP_NONE},
    {PATH("/api/v3/exchangeInfo"), METHOD_GET, rest_get_exchange_info, 20, 5, false,
     KEEP_MINUTE_TIMED},
    {PATH("/api/v3/ticker/price"), METHOD_GET, rest_get_ticker_price, 4, 3, false, KEEP_SECOND},
    {PATH("/api/v3/ticker/bookTicker"), METHOD_GET, rest_get_ticker_book, 4, 3, false, KEEP_SECOND},
    {PATH("/api/v3/ticker/24hr"), METHOD_GET, rest_get_ticker_day, 80, 4, false, KEEP_SECOND_TIMED},
    {PATH("/api/v3/avgPrice"), METHOD_GET, rest_get_avg_price, 2, 1, false, KEEP_SECOND_TIMED},
    {PATH("/api/v3/klines"), METHOD_GET, rest_get_klines, 2, 6, false, KEEP_SECOND_TIMED},
    {PATH("/api/v3/uiKlines"), METHOD_GET, rest_get_klines, 2, 6, false, KEEP_SECOND_TIMED},
    {PATH("/api/v3/aggTrades"), METHOD_GET, rest_get_agg_trades, 4, 5, false, KEEP_SECOND_TIMED},
    {PATH("/api/v3/trades"), METHOD_GET, rest_get_trades, 25, 2, false, KEEP_SECOND_TIMED},
    {PATH("/api/v3/historicalTrades"), METHOD_GET, rest_get_historical_trades, 25, 3, false,
     KEEP_SECOND_TIMED},
    {PATH("/api/v3/ping"), METHOD_GET, rest_get_ping, 1, 0, false, KEEP_NONE},
    {PATH("/api/v3/time"), METHOD_GET, rest_get_time, 1, 0, false, KEEP_NONE},
    {PATH("/sapi/v1/system/status"), METHOD_GET, rest_get_system_status, 1, 0, false, KEEP_NONE},
    {PATH("/sapi/v1/asset/tradeFee"), METHOD_GET, rest_get_trade_fee, 1, 1 + SIGNED, false,
     KEEP_NONE},
    {PATH("/sapi/v1/capital/config/getall"), METHOD_GET, rest_get_coins, 1, 0 + SIGNED, false,
     KEEP_NONE},
    {PATH("/sapi/v1/margin/allPairs"), METHOD_GET, rest_get_margin_pairs, 1, 1 + SIGNED, false,
     KEEP_NONE},
    {PATH("/sapi/v1/margin/isolated/allPairs"), METHOD_GET, rest_get_isolated_pairs, 1, 1 + SIGNED,
     false, KEEP_NONE},
    {PATH("/fapi/v1/exchangeInfo"), METHOD_GET, rest_get_futures_info, 1, 0, false,
     KEEP_MINUTE_TIMED},
    {PATH("/dapi/v1/exchangeInfo"), METHOD_GET, rest_get_futures_info, 1, 0, false,
     KEEP_MINUTE_TIMED},
};

enum { ROUTES = sizeof routes / sizeof *routes };

static bool read_params(struct call *call, uint8_t most)
{
    struct params *params = &call->ingress->params;
    bool get_only = call->method == METHOD_GET;
    switch (params_read(params, call->query.data, call->query.length,
                        get_only ? "" : call->body.data, get_only ? 0 : call->body.length)) {
    case PARAMS_OK:
        if (params->count > most)
            call_refuse(call, -1101, "Too many parameters; expected '%u' and received '%u'.", most,
                        params->count);
        return params->count <= most;
    case PARAMS_DUPLICATE:
        call_refuse(call, -1101, "Duplicate values for parameter '%.*s' detected.",
                    (int)(params->wrong_length > 64 ? 64 : params->wrong_length), params->wrong);
        return false;
    case PARAMS_TOO_MANY:
        call_refuse(call, -1101, "Too many parameters sent for this endpoint.");
        return false;
    case PARAMS_TOO_LONG:
        call_error(call, 413, -1101, "Too many parameters sent for this endpoint.");
        return false;
    default:
        call_refuse(call, -1100, "Illegal characters found in a parameter.");
        return false;
    }
}

const struct cache_rule *operation_cache(uint16_t route, int status)
{
    bool ours = route >= 1 && route <= ROUTES; /* or an operator's */
    return &keeps[ours && status == 200 ? routes[route - 1].keep : KEEP_NONE];
}

uint16_t operation_routes(void)
{
    return ROUTES;
}

const char *operation_route_path(uint16_t route)
{
    ASSERT(route >= 1 && route <= ROUTES);
    return routes[route - 1].path;
}

enum method operation_route_method(uint16_t route)
{
    ASSERT(route >= 1 && route <= ROUTES);
    return routes[route - 1].method;
}

/* Answers a request whose text was understood before, if its body is of the newest state. */
static bool start_hot(struct call *call)
{
    struct ingress *ingress = call->ingress;
    if (call->method != METHOD_GET)
        return false;
    const struct hot_request *request = hot_recall(ingress->hot, call->path.data, call->path.length,
                                                   call->query.data, call->query.length);
    if (!request)
        return false;
    struct hot_request known = *request; /* what is folded now may forget it */
    ingress_see_market(ingress);
    struct body *body = hot_body(ingress->hot, known.symbol, (enum hot_kind)known.kind,
                                 ingress->view.symbols[known.symbol].update_id);
    if (!body)
        return false;
    call->route = known.route;
    call->weight = known.weight;
    call_respond_shared(call, body);
    return true;
}

void operation_start(struct call *call)
{
    bool known = false;
    if (start_hot(call))
        return;
    for (uint32_t i = 0; i < ROUTES; i++) {
        if (call->path.length != routes[i].length ||
            memcmp(call->path.data, routes[i].path, routes[i].length) != 0)
            continue;
        known = true;
        if (routes[i].method != call->method)
            continue;
        call->route = (uint16_t)(i + 1);
        call->weight = routes[i].weight;
        call->free_of_use = routes[i].free_of_use;
        ingress_see_market(call->ingress);
        if (read_params(call, routes[i].params))
            routes[i].start(call);
        return;
    }
    if (known)
        call_error(call, 405, -1000, "This method is not supported here.");
    else
        call_error(call, 404, -1000, "There is nothing at this path.");
}
