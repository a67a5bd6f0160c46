#include "http/rest/rest.h"

#include <string.h>

#include "actors/ledger/ledger.h"
#include "http/auth.h"
#include "http/fields.h"
#include "http/history.h"
#include "http/render.h"
#include "http/rest/order_fields.h"

static void on_new(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    call_tell_orders(call, msg->reply.block);
    render_new_order(call, &call->out, msg->reply.block);
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_post_order(struct call *call)
{
    struct request request = {.type = REQUEST_NEW};
    call->type = REQUEST_NEW;
    if (!authenticate(call, PERMISSION_TRADE, &request) || !order_read_new(call, &request) ||
        !order_has_space(call))
        return;
    call->resp = request.order.resp;
    call_send(call, &request, on_new);
}

static void on_order_test(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    if (call->flags)
        render_order_commission(&call->out, &reply_rates(msg->reply.block)[0]);
    else
        text_str(&call->out, "{}");
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_post_order_test(struct call *call)
{
    struct request request = {.type = REQUEST_ORDER_TEST};
    bool rates;
    if (!call_charge(call, field_true(call, "computeCommissionRates") ? 20 : 1) ||
        !authenticate(call, PERMISSION_TRADE, &request) ||
        !field_bool(call, "computeCommissionRates", false, &rates) ||
        !order_read_new(call, &request))
        return;
    call->flags = rates;
    call_send(call, &request, on_order_test);
}

static void on_cancel(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    render_cancelled(call, &call->out, msg->reply.block);
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_delete_order(struct call *call)
{
    struct request request = {.type = REQUEST_CANCEL};
    call->type = REQUEST_CANCEL;
    if (!authenticate(call, PERMISSION_TRADE, &request) || !order_read_which(call, &request) ||
        !order_read_restriction(call, &request.find.restriction) ||
        !field_client_id(call, "newClientOrderId", &call->client_length, call->client_id) ||
        !fields_all_read(call))
        return;
    order_name_cancel(call, &request.find);
    call_send(call, &request, on_cancel);
}

/* Parts of a list come one by one; the last one ends it. */
static void on_cancel_all(struct call *call, const struct msg *msg)
{
    if (!call->parts && (msg->flags & MSG_LAST) && !msg->reply.block) {
        call_reject(call, msg->reply.reject ? msg->reply.reject : REJECT_UNKNOWN_ORDER);
        return;
    }
    if (msg->reply.block) {
        text_str(&call->out, call->parts ? "," : "[");
        call->parts = 1;
        render_cancelled(call, &call->out, msg->reply.block);
    }
    if (!(msg->flags & MSG_LAST))
        return;
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_delete_open_orders(struct call *call)
{
    struct request request = {.type = REQUEST_CANCEL_ALL};
    call->type = REQUEST_CANCEL_ALL;
    if (!authenticate(call, PERMISSION_TRADE, &request) ||
        !field_symbol(call, MANDATORY, &request.symbol) || !fields_all_read(call))
        return;
    order_name_cancel(call, &request.find);
    call_send(call, &request, on_cancel_all);
}

void rest_get_order(struct call *call)
{
    struct request request = {.type = REQUEST_GET_ORDER};
    if (!authenticate(call, PERMISSION_USER_DATA, &request) || !order_read_which(call, &request) ||
        !fields_all_read(call))
        return;
    history_send(call, &request);
}

static void render_row_order(const struct call *call, struct text *out, struct reply *reply,
                             uint32_t row)
{
    render_query(call, out, &reply_orders(reply)[row]);
}

static void on_orders(struct call *call, const struct msg *msg)
{
    call_told_rows(call, msg, render_row_order);
}

void rest_get_open_orders(struct call *call)
{
    struct request request = {.type = REQUEST_OPEN_ORDERS};
    if (!call_charge(call, field_sent(call, "symbol") ? 6 : 80) ||
        !authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_symbol(call, OPTIONAL, &request.symbol) || !fields_all_read(call))
        return;
    call_send(call, &request, on_orders);
}

void rest_get_all_orders(struct call *call)
{
    struct request request = {.type = REQUEST_ALL_ORDERS};
    if (!authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_symbol(call, MANDATORY, &request.symbol) ||
        !field_number(call, "orderId", OPTIONAL, &request.find.has_order_id,
                      &request.find.order_id) ||
        !field_times(call, &request) || !field_limit(call, 500, 1000, &request.find.limit) ||
        !fields_all_read(call))
        return;
    history_send(call, &request);
}

void rest_get_my_trades(struct call *call)
{
    struct request request = {.type = REQUEST_TRADES};
    if (!call_charge(call, field_sent(call, "orderId") ? 5 : 20) ||
        !authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_symbol(call, MANDATORY, &request.symbol) ||
        !field_number(call, "orderId", OPTIONAL, &request.find.has_order_id,
                      &request.find.order_id) ||
        !field_number(call, "fromId", OPTIONAL, &request.find.has_from_id, &request.find.from_id) ||
        !field_times(call, &request) || !field_limit(call, 500, 1000, &request.find.limit) ||
        !fields_all_read(call))
        return;
    if ((request.find.has_from_id || request.find.has_order_id) &&
        (request.find.start_us || request.find.end_us)) {
        call_refuse(call, -1128, "Combination of optional parameters invalid.");
        return;
    }
    history_send(call, &request);
}

/* One match, or those of an order. */
void rest_get_my_prevented_matches(struct call *call)
{
    struct request request = {0};
    struct request_find *find = &request.find;
    uint64_t match_id = 0;
    bool one, limit = field_sent(call, "limit");
    if (!call_charge(call, field_sent(call, "orderId") ? 20 : 2) ||
        !authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_symbol(call, MANDATORY, &request.symbol) ||
        !field_number(call, "preventedMatchId", OPTIONAL, &one, &match_id) ||
        !field_number(call, "orderId", OPTIONAL, &find->has_order_id, &find->order_id) ||
        !field_number(call, "fromPreventedMatchId", OPTIONAL, &find->has_from_id, &find->from_id) ||
        !field_limit(call, 500, 1000, &find->limit) || !fields_all_read(call))
        return;
    if (!one && !find->has_order_id) {
        call_refuse(
            call, -1102,
            "Param 'preventedMatchId' or 'orderId' must be sent, but both were empty/null!");
        return;
    }
    if (one && (find->has_order_id || find->has_from_id || limit)) {
        call_refuse(call, -1128, "Combination of optional parameters invalid.");
        return;
    }
    if (one)
        find->from_id = match_id;
    else if (!find->order_id) /* nobody's, and 0 asks for a match */
        find->order_id = UINT64_MAX;
    history_prevented(call, &request);
}
