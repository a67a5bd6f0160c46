/* What an account pays: the account shard knows, since an operator may have set its own rates. */
#include "http/rest/rest.h"

#include "http/auth.h"
#include "http/fields.h"
#include "http/render.h"

static void on_commission(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    render_commission(call, &call->out, &reply_rates(msg->reply.block)[0]);
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_get_commission(struct call *call)
{
    struct request request = {.type = REQUEST_RATES};
    if (authenticate(call, PERMISSION_USER_DATA, &request) &&
        field_symbol(call, MANDATORY, &request.symbol) && fields_all_read(call))
        call_send(call, &request, on_commission);
}

/* The symbols in the order of their listing, part by part. */
static void on_trade_fee(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    struct reply *reply = msg->reply.block;
    if (!call->flags)
        text_str(&call->out, "[");
    call->flags = 1;
    for (uint32_t i = 0; i < reply->count; i++) {
        const struct rates_view *rates = &reply_rates(reply)[i];
        if (rates->symbol >= call->ingress->directory.symbols_count)
            continue; /* listed a moment ago: this core has yet to hear of it */
        if (call->parts)
            text_str(&call->out, ",");
        call->parts = 1;
        render_trade_fee(call, &call->out, rates);
    }
    if (!(msg->flags & MSG_LAST))
        return;
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_get_trade_fee(struct call *call)
{
    struct request request = {.type = REQUEST_RATES};
    if (authenticate(call, PERMISSION_USER_DATA, &request) &&
        field_symbol(call, OPTIONAL, &request.symbol) && fields_all_read(call))
        call_send(call, &request, on_trade_fee);
}
