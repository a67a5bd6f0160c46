#include "http/operation.h"

#include <string.h>

#include "http/rest/rest.h"
#include "runtime/check.h"

static const struct route {
    const char *path;
    enum method method;
    void (*start)(struct call *call);
} routes[] = {
    {"/api/v3/order", METHOD_POST, rest_post_order},
    {"/api/v3/order", METHOD_DELETE, rest_delete_order},
    {"/api/v3/order", METHOD_GET, rest_get_order},
    {"/api/v3/order/cancelReplace", METHOD_POST, rest_post_cancel_replace},
    {"/api/v3/depth", METHOD_GET, rest_get_depth},
    {"/api/v3/openOrders", METHOD_GET, rest_get_open_orders},
    {"/api/v3/openOrders", METHOD_DELETE, rest_delete_open_orders},
    {"/api/v3/account", METHOD_GET, rest_get_account},
    {"/api/v3/myTrades", METHOD_GET, rest_get_my_trades},
    {"/api/v3/allOrders", METHOD_GET, rest_get_all_orders},
    {"/api/v3/exchangeInfo", METHOD_GET, rest_get_exchange_info},
    {"/api/v3/ping", METHOD_GET, rest_get_ping},
    {"/api/v3/time", METHOD_GET, rest_get_time},
};

enum { ROUTES = sizeof routes / sizeof *routes };

static bool path_is(const struct call *call, const char *path)
{
    return call->path.length == strlen(path) &&
           memcmp(call->path.data, path, call->path.length) == 0;
}

static bool read_params(struct call *call)
{
    struct params *params = &call->ingress->params;
    bool get_only = call->method == METHOD_GET;
    switch (params_read(params, call->query.data, call->query.length,
                        get_only ? "" : call->body.data, get_only ? 0 : call->body.length)) {
    case PARAMS_OK:
        return true;
    case PARAMS_DUPLICATE:
        call_refuse(call, -1101, "Duplicate values for parameter '%.*s' detected.",
                    (int)(params->wrong_length > 64 ? 64 : params->wrong_length), params->wrong);
        return false;
    case PARAMS_TOO_MANY:
        call_refuse(call, -1101, "Too many parameters; expected '%u' at most.",
                    (unsigned)PARAMS_MAX);
        return false;
    case PARAMS_TOO_LONG:
        call_error(call, 413, -1101, "Too many parameters.");
        return false;
    default:
        call_refuse(call, -1100, "Illegal characters found in a parameter.");
        return false;
    }
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

void operation_start(struct call *call)
{
    bool known = false;
    for (uint32_t i = 0; i < ROUTES; i++) {
        if (!path_is(call, routes[i].path))
            continue;
        known = true;
        if (routes[i].method != call->method)
            continue;
        call->route = (uint16_t)(i + 1);
        if (read_params(call))
            routes[i].start(call);
        return;
    }
    if (known)
        call_error(call, 405, -1000, "This method is not supported here.");
    else
        call_error(call, 404, -1000, "There is nothing at this path.");
}
