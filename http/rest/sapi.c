/* What clients ask beside the Spot API before they trade (API.md §2.3): wallet, margin and futures.
 * Castle has a wallet by its operator, no margin and no futures, and says so. */
#include "http/rest/rest.h"

#include "http/auth.h"
#include "http/fields.h"
#include "http/render.h"

static void respond_text(struct call *call, const char *body)
{
    if (fields_all_read(call))
        call_respond(call, 200, body, strlen(body));
}

void rest_get_system_status(struct call *call)
{
    respond_text(call, "{\"status\":0,\"msg\":\"normal\"}");
}

/* Needs no signature, but clients sign it (ccxt). */
void rest_get_margin_pairs(struct call *call)
{
    static const char *const ignored[] = {"symbol", "timestamp", "recvWindow", "signature"};
    for (uint32_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        field_sent(call, ignored[i]);
    respond_text(call, "[]");
}

void rest_get_isolated_pairs(struct call *call)
{
    struct request request = {0};
    if (!authenticate(call, PERMISSION_USER_DATA, &request))
        return;
    field_sent(call, "symbol");
    respond_text(call, "[]");
}

/* An operator delists at once: nothing is ever announced. */
void rest_get_delistings(struct call *call)
{
    struct request request = {0};
    if (authenticate(call, PERMISSION_USER_DATA, &request))
        respond_text(call, "[]");
}

void rest_get_futures_info(struct call *call)
{
    if (!fields_all_read(call))
        return;
    text_str(&call->out, "{\"timezone\":\"UTC\",\"serverTime\":");
    render_time(call, &call->out, env_now_us(&call->ingress->ex->rt.env));
    text_str(&call->out, ",\"rateLimits\":[],\"exchangeFilters\":[],\"assets\":[],\"symbols\":[]}");
    call_respond(call, 200, call->out.data, call->out.length);
}

static void add_coin(struct call *call, const struct balance_view *balance)
{
    text_str(&call->out, call->parts ? "," : "[");
    call->parts = 1;
    render_coin(&call->out, call->ingress->directory.assets[balance->asset], balance->free,
                balance->locked);
}

static void on_coins(struct call *call, const struct msg *msg)
{
    if (!rest_told_balances(call, msg, add_coin))
        return;
    text_str(&call->out, call->parts ? "]" : "[]");
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_get_coins(struct call *call)
{
    struct request request = {.type = REQUEST_ACCOUNT};
    if (authenticate(call, PERMISSION_USER_DATA, &request) && fields_all_read(call))
        call_send(call, &request, on_coins);
}
