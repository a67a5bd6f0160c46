#include "http/render_keys.h"
#include "runtime/check.h"

static const char *const contingency_names[LIST_KINDS] = {
    [LIST_OCO] = "OCO", [LIST_OTO] = "OTO", [LIST_OTOCO] = "OTO"};

const char *list_contingency(uint8_t kind)
{
    return kind < LIST_KINDS ? contingency_names[kind] : "?";
}

const char *list_status_type(const struct list_view *list)
{
    return list->done ? "ALL_DONE" : list->updated ? "UPDATED" : "EXEC_STARTED";
}

const char *list_order_status(bool done)
{
    return done ? "ALL_DONE" : "EXECUTING";
}

static void put_orders(struct text *out, const struct list_view *list, const char *symbol)
{
    text_str(out, ",\"orders\":[");
    for (uint32_t i = 0; i < list->count; i++) {
        text_str(out, i ? ",{" : "{");
        key_name(out, "symbol", symbol);
        key_u64(out, "orderId", list->order[i].order_id);
        key(out, "clientOrderId");
        text_quoted(out, list->order[i].client_id, list->order[i].client_length);
        text_str(out, "}");
    }
    text_str(out, "]");
}

/* What is between the braces; `beside`: of what an amendment tells beside its order. */
static void put_list(const struct call *call, struct text *out, const struct list_view *list,
                     bool beside)
{
    const char *symbol = call->ingress->directory.symbols[list->symbol].name;
    ASSERT(list->count <= LIST_ORDERS_MAX);
    key_u64(out, "orderListId", list->list_id);
    key_text(out, "contingencyType", list_contingency(list->kind));
    if (!beside)
        key_text(out, "listStatusType", list_status_type(list));
    key_text(out, "listOrderStatus", list_order_status(list->done));
    key(out, "listClientOrderId");
    text_quoted(out, list->client_id, list->client_length);
    if (!beside)
        key_time(call, out, "transactionTime", list->time_us);
    key_name(out, "symbol", symbol);
    put_orders(out, list, symbol);
}

void render_list(const struct call *call, struct text *out, const struct list_view *list)
{
    text_str(out, "{");
    put_list(call, out, list, false);
    text_str(out, "}");
}

void render_list_status(const struct call *call, struct text *out, const struct list_view *list)
{
    text_str(out, ",\"listStatus\":{");
    put_list(call, out, list, true);
    text_str(out, "}");
}

/* The list, and a report of each of its orders: of what became of a new one, or of its end. */
static void put_reported(const struct call *call, struct text *out, struct reply *reply, bool made)
{
    ASSERT(reply->kind == REPLY_LIST && reply->count <= LIST_ORDERS_MAX);
    text_str(out, "{");
    put_list(call, out, reply_lists(reply), false);
    text_str(out, ",\"orderReports\":[");
    for (uint32_t i = 0; i < reply->count; i++) {
        const struct order_view *order = &reply_list_orders(reply)[i];
        text_str(out, i ? "," : "");
        if (made)
            render_report(call, out, order, reply->more);
        else
            render_cancel(call, out, order, call->client_id, call->client_length);
    }
    text_str(out, "]}");
}

void render_new_list(const struct call *call, struct text *out, struct reply *reply)
{
    put_reported(call, out, reply, true);
}

void render_cancelled(const struct call *call, struct text *out, struct reply *reply)
{
    if (reply->kind == REPLY_LIST)
        put_reported(call, out, reply, false);
    else
        render_cancel(call, out, &reply_orders(reply)[0], call->client_id, call->client_length);
}
