#include "http/rest/rest.h"

#include <string.h>

#include "http/auth.h"
#include "http/fields.h"
#include "http/render.h"

static void account_head(struct call *call, int64_t update_us)
{
    text_str(&call->out, "{\"makerCommission\":10,\"takerCommission\":10,\"buyerCommission\":0,"
                         "\"sellerCommission\":0,\"commissionRates\":{\"maker\":\"0.00100000\","
                         "\"taker\":\"0.00100000\",\"buyer\":\"0.00000000\","
                         "\"seller\":\"0.00000000\"},\"canTrade\":true,\"canWithdraw\":true,"
                         "\"canDeposit\":true,\"brokered\":false,"
                         "\"requireSelfTradePrevention\":false,\"preventSor\":false,"
                         "\"updateTime\":");
    render_time(call, &call->out, update_us);
    text_str(&call->out, ",\"accountType\":\"SPOT\",\"balances\":[");
}

static void on_account(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    struct reply *reply = msg->reply.block;
    if (!(call->flags & 2))
        account_head(call, reply->update_us);
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
    text_str(&call->out, "}");
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_get_account(struct call *call)
{
    struct request request = {.type = REQUEST_ACCOUNT};
    const struct param *omit;
    if (!authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_get(call, "omitZeroBalances", OPTIONAL, &omit) || !fields_all_read(call))
        return;
    if (omit && !field_is(omit, "true") && !field_is(omit, "false")) {
        field_illegal(call, "omitZeroBalances", "true|false");
        return;
    }
    call->flags = omit && field_is(omit, "true") ? 1 : 0;
    call_send(call, &request, on_account);
}
