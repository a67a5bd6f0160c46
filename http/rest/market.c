#include "http/rest/rest.h"

#include "http/fields.h"
#include "http/render.h"

void rest_get_ping(struct call *call)
{
    if (fields_all_read(call))
        call_respond(call, 200, "{}", 2);
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

void rest_get_depth(struct call *call)
{
    uint32_t limit;
    uint16_t symbol;
    if (!field_symbol(call, MANDATORY, &symbol) || !field_limit(call, 100, 5000, &limit) ||
        !fields_all_read(call))
        return;
    render_depth(call->ingress, &call->out, symbol, limit);
    call_respond(call, 200, call->out.data, call->out.length);
}

static const char rate_limits[] =
    "\"rateLimits\":[{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":"
    "1,"
    "\"limit\":6000},{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,"
    "\"limit\":100},{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,"
    "\"limit\":200000},{\"rateLimitType\":\"RAW_REQUESTS\",\"interval\":\"MINUTE\",\"intervalNum\":"
    "5,"
    "\"limit\":300000}]";

void rest_get_exchange_info(struct call *call)
{
    struct directory *directory = &call->ingress->directory;
    const struct param *one, *many, *permissions, *sets, *status;
    bool wanted[UINT16_MAX / 8] = {false}, first = true;
    uint16_t symbol;
    if (!field_get(call, "symbol", OPTIONAL, &one) ||
        !field_get(call, "symbols", OPTIONAL, &many) ||
        !field_get(call, "permissions", OPTIONAL, &permissions) ||
        !field_get(call, "showPermissionSets", OPTIONAL, &sets) ||
        !field_get(call, "symbolStatus", OPTIONAL, &status) || !fields_all_read(call))
        return;
    if ((one != NULL) + (many != NULL) + (permissions != NULL) > 1 || ((one || many) && status)) {
        call_refuse(call, -1128, "Combination of optional parameters invalid.");
        return;
    }
    if (one && !field_symbol(call, MANDATORY, &symbol))
        return;
    if (many && !field_symbols(call, many, wanted))
        return;
    text_str(&call->out, "{\"timezone\":\"UTC\",\"serverTime\":");
    render_time(call, &call->out, env_now_us(&call->ingress->ex->rt.env));
    text_str(&call->out, ",");
    text_str(&call->out, rate_limits);
    text_str(&call->out, ",\"exchangeFilters\":[],\"symbols\":[");
    for (uint16_t i = 0; i < directory->symbols_count; i++) {
        if ((one && i != symbol) || (many && !wanted[i]) ||
            (status && !field_is(status, status_name(directory->symbols[i].status))))
            continue;
        if (!first)
            text_str(&call->out, ",");
        first = false;
        render_symbol(&call->out, &directory->symbols[i]);
    }
    text_str(&call->out, "]}");
    call_respond(call, 200, call->out.data, call->out.length);
}
