/* order/amend/keepPriority and order/amendments: a smaller quantity for an order that keeps its
 * place, and what was made of those. */
#include "http/rest/rest.h"

#include "actors/ledger/ledger.h"
#include "http/auth.h"
#include "http/fields.h"
#include "http/history.h"
#include "http/render.h"
#include "http/rest/order_fields.h"

static void on_amend(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    const struct amend_view *amend = reply_amended(msg->reply.block);
    call->free_of_use = amend->order.status == ORDER_EXPIRED;
    render_amended(call, &call->out, amend, reply_amended_list(msg->reply.block));
    call_respond(call, 200, call->out.data, call->out.length);
}

static bool read_qty(struct call *call, int64_t *qty)
{
    bool there;
    if (!field_amount(call, "newQty", MANDATORY, &there, qty))
        return false;
    if (*qty <= 0)
        call_refuse(call, -1013, "Invalid quantity.");
    return *qty > 0;
}

void rest_put_amend(struct call *call)
{
    struct request request = {.type = REQUEST_AMEND};
    struct request_find *find = &request.amend.find;
    call->type = REQUEST_AMEND;
    if (!authenticate(call, PERMISSION_TRADE, &request) || !order_read_which(call, &request) ||
        !field_client_id(call, "newClientOrderId", &find->own_length, find->own_id) ||
        !read_qty(call, &request.amend.qty) || !fields_all_read(call))
        return;
    if (!find->own_length)
        order_make_client_id(call, &find->own_length, find->own_id);
    call_send(call, &request, on_amend);
}

void rest_get_amendments(struct call *call)
{
    struct request request = {0};
    if (!authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_symbol(call, MANDATORY, &request.symbol) ||
        !field_number(call, "orderId", MANDATORY, &request.find.has_order_id,
                      &request.find.order_id) ||
        !field_number(call, "fromExecutionId", OPTIONAL, &request.find.has_from_id,
                      &request.find.from_id) ||
        !field_limit(call, 500, 1000, &request.find.limit) || !fields_all_read(call))
        return;
    history_amendments(call, &request);
}
