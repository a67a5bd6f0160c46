#include "http/operation.h"

#include <stdio.h>
#include <string.h>

#include "http/fields.h"
#include "http/page.h"
#include "http/rest/rest.h"
#include "http/ws/api.h"
#include "runtime/check.h"

enum {
    SIGNED = 3,      /* recvWindow, timestamp, signature */
    LATER = 1 << 15, /* of a weight: the handler charges once it knows better, or else the answer */
};

#define PATH(text) text, sizeof text - 1
#define WS_ONLY    NULL, 0, METHOD_OTHER

/* What an answer of 200 may be kept for, by whom. All else is nobody's to keep. */
enum keep { KEEP_NONE, KEEP_SECOND, KEEP_SECOND_TIMED, KEEP_MINUTE, KEEP_MINUTE_TIMED };
static const struct cache_rule keeps[] = {
    [KEEP_NONE] = {.control = "no-store"},
    [KEEP_SECOND] = {.control = "public, max-age=1"},
    [KEEP_SECOND_TIMED] = {.control = "public, max-age=1", .timed = true},
    [KEEP_MINUTE] = {.control = "public, max-age=60"},
    [KEEP_MINUTE_TIMED] = {.control = "public, max-age=60", .timed = true},
};

static const struct route {
    const char *path; /* NULL: none */
    size_t length;
    enum method method;
    void (*start)(struct call *call);
    uint16_t weight;  /* with LATER: what it costs when it is refused before (API §1.1) */
    uint8_t params;   /* how many Binance documents: more are too many */
    bool free_of_use; /* costs nothing when it succeeds: trading */
    enum keep keep;
    const char *ws; /* the method of the WebSocket API; NULL: it has none */
} routes[] = {
    {PATH("/api/v3/order"), METHOD_POST, rest_post_order, 1, 18 + SIGNED, true, KEEP_NONE,
     "order.place"},
    {PATH("/api/v3/order"), METHOD_DELETE, rest_delete_order, 1, 5 + SIGNED, true, KEEP_NONE,
     "order.cancel"},
    {PATH("/api/v3/order"), METHOD_GET, rest_get_order, 4, 3 + SIGNED, false, KEEP_NONE,
     "order.status"},
    {PATH("/api/v3/order/cancelReplace"), METHOD_POST, rest_post_cancel_replace, 1, 24 + SIGNED,
     true, KEEP_NONE, "order.cancelReplace"},
    {PATH("/api/v3/order/amend/keepPriority"), METHOD_PUT, rest_put_amend, LATER + 4, 5 + SIGNED,
     false, KEEP_NONE, "order.amend.keepPriority"},
    {PATH("/api/v3/order/amendments"), METHOD_GET, rest_get_amendments, 4, 4 + SIGNED, false,
     KEEP_NONE, "order.amendments"},
    {PATH("/api/v3/order/test"), METHOD_POST, rest_post_order_test, LATER + 1, 19 + SIGNED, false,
     KEEP_NONE, "order.test"},
    {PATH("/api/v3/orderList/oco"), METHOD_POST, rest_post_oco, 1, 30 + SIGNED, true, KEEP_NONE,
     "orderList.place.oco"},
    {PATH("/api/v3/order/oco"), METHOD_POST, rest_post_old_oco, 1, 19 + SIGNED, true, KEEP_NONE,
     "orderList.place"},
    {PATH("/api/v3/orderList/oto"), METHOD_POST, rest_post_oto, 1, 30 + SIGNED, true, KEEP_NONE,
     "orderList.place.oto"},
    {PATH("/api/v3/orderList/otoco"), METHOD_POST, rest_post_otoco, 1, 42 + SIGNED, true, KEEP_NONE,
     "orderList.place.otoco"},
    {PATH("/api/v3/orderList"), METHOD_DELETE, rest_delete_list, 1, 4 + SIGNED, true, KEEP_NONE,
     "orderList.cancel"},
    {PATH("/api/v3/orderList"), METHOD_GET, rest_get_list, 4, 2 + SIGNED, false, KEEP_NONE,
     "orderList.status"},
    {PATH("/api/v3/allOrderList"), METHOD_GET, rest_get_all_lists, 20, 4 + SIGNED, false, KEEP_NONE,
     "allOrderLists"},
    {PATH("/api/v3/openOrderList"), METHOD_GET, rest_get_open_lists, 6, 0 + SIGNED, false,
     KEEP_NONE, "openOrderLists.status"},
    {PATH("/api/v3/depth"), METHOD_GET, rest_get_depth, LATER + 5, 3, false, KEEP_SECOND, "depth"},
    {PATH("/api/v3/openOrders"), METHOD_GET, rest_get_open_orders, LATER + 80, 1 + SIGNED, false,
     KEEP_NONE, "openOrders.status"},
    {PATH("/api/v3/openOrders"), METHOD_DELETE, rest_delete_open_orders, 1, 1 + SIGNED, true,
     KEEP_NONE, "openOrders.cancelAll"},
    {PATH("/api/v3/account"), METHOD_GET, rest_get_account, 20, 1 + SIGNED, false, KEEP_NONE,
     "account.status"},
    {PATH("/api/v3/account/commission"), METHOD_GET, rest_get_commission, 20, 1 + SIGNED, false,
     KEEP_NONE, "account.commission"},
    {PATH("/api/v3/rateLimit/order"), METHOD_GET, rest_get_order_limits, 40, 0 + SIGNED, false,
     KEEP_NONE, "account.rateLimits.orders"},
    {PATH("/api/v3/myFilters"), METHOD_GET, rest_get_my_filters, 40, 1 + SIGNED, false, KEEP_NONE,
     "myFilters"},
    {PATH("/api/v3/myTrades"), METHOD_GET, rest_get_my_trades, LATER + 20, 6 + SIGNED, false,
     KEEP_NONE, "myTrades"},
    {PATH("/api/v3/myPreventedMatches"), METHOD_GET, rest_get_my_prevented_matches, LATER + 2,
     5 + SIGNED, false, KEEP_NONE, "myPreventedMatches"},
    {PATH("/api/v3/allOrders"), METHOD_GET, rest_get_all_orders, 20, 5 + SIGNED, false, KEEP_NONE,
     "allOrders"},
    {PATH("/api/v3/exchangeInfo"), METHOD_GET, rest_get_exchange_info, 20, 5, false,
     KEEP_MINUTE_TIMED, "exchangeInfo"},
    {PATH("/api/v3/ticker/price"), METHOD_GET, rest_get_ticker_price, LATER + 4, 3, false,
     KEEP_SECOND, "ticker.price"},
    {PATH("/api/v3/ticker/bookTicker"), METHOD_GET, rest_get_ticker_book, LATER + 4, 3, false,
     KEEP_SECOND, "ticker.book"},
    {PATH("/api/v3/ticker/24hr"), METHOD_GET, rest_get_ticker_day, LATER + 80, 4, false,
     KEEP_SECOND_TIMED, "ticker.24hr"},
    {PATH("/api/v3/ticker"), METHOD_GET, rest_get_ticker_window, LATER + 4, 5, false,
     KEEP_SECOND_TIMED, "ticker"},
    {PATH("/api/v3/ticker/tradingDay"), METHOD_GET, rest_get_ticker_trading_day, LATER + 4, 5,
     false, KEEP_SECOND_TIMED, "ticker.tradingDay"},
    {PATH("/api/v3/avgPrice"), METHOD_GET, rest_get_avg_price, 2, 1, false, KEEP_SECOND_TIMED,
     "avgPrice"},
    {PATH("/api/v3/klines"), METHOD_GET, rest_get_klines, 2, 6, false, KEEP_SECOND_TIMED, "klines"},
    {PATH("/api/v3/uiKlines"), METHOD_GET, rest_get_klines, 2, 6, false, KEEP_SECOND_TIMED,
     "uiKlines"},
    {PATH("/api/v3/aggTrades"), METHOD_GET, rest_get_agg_trades, 4, 5, false, KEEP_SECOND_TIMED,
     "trades.aggregate"},
    {PATH("/api/v3/trades"), METHOD_GET, rest_get_trades, 25, 2, false, KEEP_SECOND_TIMED,
     "trades.recent"},
    {PATH("/api/v3/historicalTrades"), METHOD_GET, rest_get_historical_trades, 25, 3, false,
     KEEP_SECOND_TIMED, "trades.historical"},
    {PATH("/api/v3/ping"), METHOD_GET, rest_get_ping, 1, 0, false, KEEP_NONE, "ping"},
    {PATH("/api/v3/time"), METHOD_GET, rest_get_time, 1, 0, false, KEEP_NONE, "time"},
    {PATH("/openapi.json"), METHOD_GET, rest_get_openapi, 1, 0, false, KEEP_MINUTE, NULL},
    {PATH("/sapi/v1/system/status"), METHOD_GET, rest_get_system_status, 1, 0, false, KEEP_NONE,
     NULL},
    {PATH("/sapi/v1/asset/tradeFee"), METHOD_GET, rest_get_trade_fee, 1, 1 + SIGNED, false,
     KEEP_NONE, NULL},
    {PATH("/sapi/v1/capital/config/getall"), METHOD_GET, rest_get_coins, 1, 0 + SIGNED, false,
     KEEP_NONE, NULL},
    {PATH("/sapi/v1/margin/allPairs"), METHOD_GET, rest_get_margin_pairs, 1, 1 + SIGNED, false,
     KEEP_NONE, NULL},
    {PATH("/sapi/v1/margin/isolated/allPairs"), METHOD_GET, rest_get_isolated_pairs, 1, 1 + SIGNED,
     false, KEEP_NONE, NULL},
    {PATH("/sapi/v1/spot/delist-schedule"), METHOD_GET, rest_get_delistings, 1, 0 + SIGNED, false,
     KEEP_NONE, NULL},
    {PATH("/fapi/v1/exchangeInfo"), METHOD_GET, rest_get_futures_info, 1, 0, false,
     KEEP_MINUTE_TIMED, NULL},
    {PATH("/dapi/v1/exchangeInfo"), METHOD_GET, rest_get_futures_info, 1, 0, false,
     KEEP_MINUTE_TIMED, NULL},
    {WS_ONLY, ws_api_session_status, 2, 0, false, KEEP_NONE, "session.status"},
    {WS_ONLY, ws_api_session_logon, 2, 0 + SIGNED, false, KEEP_NONE, "session.logon"},
    {WS_ONLY, ws_api_session_logout, 2, 0, false, KEEP_NONE, "session.logout"},
    {WS_ONLY, ws_api_session_subscriptions, 2, 0, false, KEEP_NONE, "session.subscriptions"},
    {WS_ONLY, ws_api_subscribe, 2, 0, false, KEEP_NONE, "userDataStream.subscribe"},
    {WS_ONLY, ws_api_subscribe_signature, 2, 0 + SIGNED, false, KEEP_NONE,
     "userDataStream.subscribe.signature"},
    {WS_ONLY, ws_api_unsubscribe, 2, 1, false, KEEP_NONE, "userDataStream.unsubscribe"},
};

enum { ROUTES = sizeof routes / sizeof *routes };

static bool is_at(const struct route *route, struct slice path)
{
    return route->path && path.length == route->length &&
           memcmp(path.data, route->path, route->length) == 0;
}

/* Refuses parameters that could not be read, or are more than `most`. */
static bool params_good(struct call *call, enum params_status status, uint8_t most)
{
    const struct params *params = &call->ingress->params;
    int wrong_length = params->wrong_length > 64 ? 64 : params->wrong_length;
    switch (status) {
    case PARAMS_OK:
        if (params->count > most)
            call_refuse(call, -1101, "Too many parameters; expected '%u' and received '%u'.", most,
                        params->count);
        return params->count <= most;
    case PARAMS_DUPLICATE:
        call_refuse(call, -1101, "Duplicate values for parameter '%.*s' detected.", wrong_length,
                    params->wrong);
        return false;
    case PARAMS_TOO_MANY:
        call_refuse(call, -1101, "Too many parameters sent for this endpoint.");
        return false;
    case PARAMS_TOO_LONG:
        call_error(call, 413, -1101, "Too many parameters sent for this endpoint.");
        return false;
    case PARAMS_BAD_VALUE:
        call_refuse(call, -1135, "JSON sent for parameter '%.*s' is not valid", wrong_length,
                    params->wrong);
        return false;
    default:
        call_refuse(call, -1100, "Illegal characters found in a parameter.");
        return false;
    }
}

static bool read_params(struct call *call, uint8_t most)
{
    bool get_only = call->method == METHOD_GET;
    enum params_status status =
        params_read(&call->ingress->params, call->query.data, call->query.length,
                    get_only ? "" : call->body.data, get_only ? 0 : call->body.length);
    return params_good(call, status, most);
}

/* Those that every method takes are not its own: the key, and whether limits are told. */
static bool read_json_params(struct call *call, const struct json_node *nodes,
                             const struct json_node *object, uint8_t most)
{
    struct params *params = &call->ingress->params;
    struct param key, ignored;
    bool tells_limits;
    enum params_status status = params_read_json(params, nodes, object);
    if (status == PARAMS_OK && !field_bool(call, "returnRateLimits", true, &tells_limits))
        return false;
    if (status == PARAMS_OK && params_take(params, "apiKey", &key))
        call->api_key = (struct slice){key.value, key.value_length};
    if (status == PARAMS_OK)
        params_take(params, "returnRateLimits", &ignored);
    return params_good(call, status, most);
}

const struct cache_rule *operation_cache(uint16_t route, int status)
{
    bool ours = route >= 1 && route <= ROUTES; /* or an operator's */
    return &keeps[ours && status == 200 ? routes[route - 1].keep : KEEP_NONE];
}

size_t operation_allow(struct slice path, char out[static OPERATION_ALLOW_BYTES])
{
    size_t length = 0;
    for (uint32_t i = 0; i < ROUTES; i++)
        if (is_at(&routes[i], path))
            length += (size_t)snprintf(out + length, OPERATION_ALLOW_BYTES - length, "%s%s",
                                       length ? ", " : "", method_names[routes[i].method]);
    if (!length && page_find(path, PAGE_PUBLIC | PAGE_ADMIN))
        length = (size_t)snprintf(out, OPERATION_ALLOW_BYTES, "GET, HEAD");
    ASSERT(length < OPERATION_ALLOW_BYTES);
    return length;
}

uint16_t operation_routes(void)
{
    return ROUTES;
}

const char *operation_route_path(uint16_t route)
{
    ASSERT(route >= 1 && route <= ROUTES);
    const struct route *found = &routes[route - 1];
    return found->path ? found->path : found->ws;
}

enum method operation_route_method(uint16_t route)
{
    ASSERT(route >= 1 && route <= ROUTES);
    return routes[route - 1].method;
}

/* Starts the call, unless what it weighs is too much: of trading that is known at its answer. */
static bool take_route(struct call *call, const struct route *route)
{
    call->route = (uint16_t)(route - routes + 1);
    call->weight = route->weight & (LATER - 1);
    call->free_of_use = route->free_of_use;
    ingress_see_market(call->ingress);
    return call->free_of_use || (route->weight & LATER) || call_charge(call, call->weight);
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
    if (call_charge(call, known.weight))
        call_respond_shared(call, body);
    return true;
}

void operation_start(struct call *call)
{
    bool known = false;
    if (start_hot(call))
        return;
    for (uint32_t i = 0; i < ROUTES; i++) {
        const struct route *route = &routes[i];
        if (!is_at(route, call->path))
            continue;
        known = true;
        if (route->method != call->method)
            continue;
        if (take_route(call, route) && read_params(call, route->params))
            route->start(call);
        return;
    }
    if (known)
        call_error(call, 405, -1000, "This method is not supported here.");
    else if (!page_start(call, PAGE_PUBLIC))
        call_error(call, 404, -1000, "There is nothing at this path.");
}

void operation_start_method(struct call *call, const char *name, size_t length,
                            const struct json_node *nodes, const struct json_node *params)
{
    static const char version[] = "v3/";
    if (length >= sizeof version - 1 && memcmp(name, version, sizeof version - 1) == 0) {
        name += sizeof version - 1;
        length -= sizeof version - 1;
    }
    for (uint32_t i = 0; i < ROUTES; i++) {
        const struct route *route = &routes[i];
        if (!route->ws || strlen(route->ws) != length || memcmp(route->ws, name, length) != 0)
            continue;
        call->method = route->method;
        if (take_route(call, route) && read_json_params(call, nodes, params, route->params))
            route->start(call);
        return;
    }
    call_refuse(call, -1020, "This operation is not supported.");
}
