#include "http/rest/rest.h"

#include <stdlib.h>
#include <string.h>

#include "http/auth.h"
#include "http/fields.h"
#include "http/filters.h"
#include "http/render.h"
#include "runtime/check.h"

/* Of an account's call. */
enum { OMITS_ZERO = 1, HAS_HEAD = 2 };

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

bool rest_told_balances(struct call *call, const struct msg *msg, rest_add_balance *add)
{
    if (call_told_reject(call, msg))
        return false;
    if (!call->kept) { /* marks what was shown */
        call->kept_length = call->ingress->directory.assets_count;
        call->kept = calloc(1, call->kept_length + 1);
        ASSERT(call->kept != NULL);
    }
    struct reply *reply = msg->reply.block;
    for (uint32_t i = 0; i < reply->count; i++) {
        const struct balance_view *balance = &reply_balances(reply)[i];
        add(call, balance);
        if (balance->asset < call->kept_length)
            call->kept[balance->asset] = 1;
    }
    if (!(msg->flags & MSG_LAST))
        return false;
    for (uint16_t asset = 0; asset < call->kept_length; asset++)
        if (!call->kept[asset])
            add(call, &(struct balance_view){.asset = asset});
    return true;
}

static void add_balance(struct call *call, const struct balance_view *balance)
{
    if ((call->flags & OMITS_ZERO) && balance->free == 0 && balance->locked == 0)
        return;
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

static void on_account(struct call *call, const struct msg *msg)
{
    if (msg->reply.reject == REJECT_NONE && !(call->flags & HAS_HEAD)) {
        account_head(call, msg->reply.block);
        call->flags |= HAS_HEAD;
    }
    if (!rest_told_balances(call, msg, add_balance))
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
    call->flags = omit ? OMITS_ZERO : 0;
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
