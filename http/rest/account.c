#include "http/rest/rest.h"

#include <string.h>

#include "http/auth.h"
#include "http/fields.h"
#include "http/filters.h"
#include "http/render.h"

static void account_head(struct call *call, const struct reply *reply)
{
    enum { PPM_PER_BASIS_POINT = 100 };
    int32_t maker = reply->rates.maker_ppm, taker = reply->rates.taker_ppm;
    text_format(&call->out,
                "{\"makerCommission\":%d,\"takerCommission\":%d,\"buyerCommission\":0,"
                "\"sellerCommission\":0",
                maker / PPM_PER_BASIS_POINT, taker / PPM_PER_BASIS_POINT);
    render_rates(&call->out, "commissionRates", &reply->rates, true);
    text_str(&call->out, ",\"canTrade\":true,\"canWithdraw\":true,\"canDeposit\":true,"
                         "\"brokered\":false,\"requireSelfTradePrevention\":false,"
                         "\"preventSor\":false,\"updateTime\":");
    render_time(call, &call->out, reply->update_us);
    text_str(&call->out, ",\"accountType\":\"SPOT\",\"balances\":[");
}

static void on_account(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    struct reply *reply = msg->reply.block;
    if (!(call->flags & 2))
        account_head(call, reply);
    call->flags |= 2;
    for (uint32_t i = 0; i < reply->count; i++) {
        const struct balance_view *balance = &reply_balances(reply)[i];
        if ((call->flags & 1) && balance->free == 0 && balance->locked == 0)
            continue; /* omitZeroBalances */
        const char *name = call->ingress->directory.assets[balance->asset];
        text_str(&call->out, call->parts ? ",{\"asset\":" : "{\"asset\":");
        call->parts = 1;
        text_quoted(&call->out, name, strnlen(name, SYMBOL_NAME_MAX));
        text_str(&call->out, ",\"free\":");
        text_amount(&call->out, balance->free);
        text_str(&call->out, ",\"locked\":");
        text_amount(&call->out, balance->locked);
        text_str(&call->out, "}");
    }
    if (!(msg->flags & MSG_LAST))
        return;
    text_str(&call->out, "],\"permissions\":[\"SPOT\"],\"uid\":");
    text_u64(&call->out, call->user);
    uint32_t group = call->ingress->directory.users[call->user].trade_group;
    if (group)
        render_group(&call->out, group);
    text_str(&call->out, "}");
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_get_account(struct call *call)
{
    struct request request = {.type = REQUEST_ACCOUNT};
    bool omit;
    if (!authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_bool(call, "omitZeroBalances", false, &omit) || !fields_all_read(call))
        return;
    call->flags = omit ? 1 : 0;
    call_send(call, &request, on_account);
}

static void on_order_limits(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    text_str(&call->out, "[");
    render_orders_limits(&call->out, ((const struct reply *)msg->reply.block)->unfilled);
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_get_order_limits(struct call *call)
{
    struct request request = {.type = REQUEST_ORDER_COUNTS};
    if (authenticate(call, PERMISSION_USER_DATA, &request) && fields_all_read(call))
        call_send(call, &request, on_order_limits);
}

/* All accounts have the same filters, and no asset has one. */
void rest_get_my_filters(struct call *call)
{
    const struct directory *directory = &call->ingress->directory;
    struct request request = {0};
    if (!authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_symbol(call, MANDATORY, &request.symbol) || !fields_all_read(call))
        return;
    text_str(&call->out, "{\"exchangeFilters\":");
    render_exchange_filters(&call->out, &directory->exchange);
    text_str(&call->out, ",\"symbolFilters\":");
    render_filters(&call->out, &directory->symbols[request.symbol]);
    text_str(&call->out, ",\"assetFilters\":[]}");
    call_respond(call, 200, call->out.data, call->out.length);
}
