/* Order lists: two or three orders of which one cancels the other, or one triggers what follows. */
#include "http/rest/rest.h"

#include "http/auth.h"
#include "http/fields.h"
#include "http/history.h"
#include "http/render.h"
#include "http/rest/list_fields.h"
#include "http/rest/order_fields.h"

static void on_new(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    call_tell_orders(call, msg->reply.block);
    render_new_list(call, &call->out, msg->reply.block);
    call_respond(call, 200, call->out.data, call->out.length);
}

static void place(struct call *call, bool (*read)(struct call *call, struct request *request))
{
    struct request request = {.type = REQUEST_LIST};
    call->type = REQUEST_LIST;
    if (!authenticate(call, PERMISSION_TRADE, &request) || !read(call, &request) ||
        !order_has_space(call))
        return;
    call->resp = request.list.order[0].resp;
    call_send(call, &request, on_new);
}

void rest_post_oco(struct call *call)
{
    place(call, list_read_oco);
}

void rest_post_old_oco(struct call *call)
{
    place(call, list_read_old_oco);
}

void rest_post_oto(struct call *call)
{
    place(call, list_read_oto);
}

void rest_post_otoco(struct call *call)
{
    place(call, list_read_otoco);
}

static void on_cancel(struct call *call, const struct msg *msg)
{
    if (call_told_reject(call, msg))
        return;
    render_cancelled(call, &call->out, msg->reply.block);
    call_respond(call, 200, call->out.data, call->out.length);
}

void rest_delete_list(struct call *call)
{
    struct request request = {.type = REQUEST_LIST_CANCEL};
    call->type = REQUEST_LIST_CANCEL;
    if (!authenticate(call, PERMISSION_TRADE, &request) ||
        !field_symbol(call, MANDATORY, &request.symbol) ||
        !order_read_ids(call, "orderListId", "listClientOrderId", &request.find) ||
        !field_client_id(call, "newClientOrderId", &call->client_length, call->client_id) ||
        !fields_all_read(call))
        return;
    order_name_cancel(call, &request.find);
    call_send(call, &request, on_cancel);
}

/* Of both ids the client's counts, as on Binance. */
void rest_get_list(struct call *call)
{
    struct request request = {.type = REQUEST_GET_LIST};
    struct request_find *find = &request.find;
    if (!authenticate(call, PERMISSION_USER_DATA, &request) ||
        !order_read_ids(call, "orderListId", "origClientOrderId", find) || !fields_all_read(call))
        return;
    if (find->client_length) {
        find->has_order_id = false;
        find->order_id = 0;
    }
    history_send(call, &request);
}

void rest_get_all_lists(struct call *call)
{
    struct request request = {.type = REQUEST_ALL_LISTS};
    struct request_find *find = &request.find;
    if (!authenticate(call, PERMISSION_USER_DATA, &request) ||
        !field_number(call, "fromId", OPTIONAL, &find->has_from_id, &find->from_id) ||
        !field_times(call, &request) || !field_limit(call, 500, 1000, &find->limit) ||
        !fields_all_read(call))
        return;
    if (find->has_from_id && (find->start_us || find->end_us)) {
        call_refuse(call, -1128, "Combination of optional parameters invalid.");
        return;
    }
    history_send(call, &request);
}

static void render_row_list(const struct call *call, struct text *out, struct reply *reply,
                            uint32_t row)
{
    render_list(call, out, &reply_lists(reply)[row]);
}

static void on_lists(struct call *call, const struct msg *msg)
{
    call_told_rows(call, msg, render_row_list);
}

void rest_get_open_lists(struct call *call)
{
    struct request request = {.type = REQUEST_OPEN_LISTS, .symbol = SYMBOL_ANY};
    if (!authenticate(call, PERMISSION_USER_DATA, &request) || !fields_all_read(call))
        return;
    call_send(call, &request, on_lists);
}
