/* POST order/cancelReplace: two orders in one answer. The exchange answers each by itself, the
 * first part saying which half it is; here they are put together. */
#include "http/rest/rest.h"

#include <string.h>

#include "http/api_error.h"
#include "http/auth.h"
#include "http/fields.h"
#include "http/render.h"
#include "http/rest/order_fields.h"

static void render_half(struct call *call, struct text *out, enum reply_half half,
                        const struct msg *msg)
{
    if (msg->reply.reject != REJECT_NONE) {
        struct api_error error = api_error_of(msg->reply.reject, half == HALF_CANCEL);
        text_format(out, "{\"code\":%d,\"msg\":", error.code);
        text_quoted(out, error.text, strlen(error.text));
        text_str(out, "}");
    } else if (half == HALF_CANCEL) {
        render_cancelled(call, out, msg->reply.block);
    } else {
        call_tell_orders(call, msg->reply.block);
        render_new_order(call, out, msg->reply.block);
    }
}

static const char *result_name(bool done)
{
    return done ? "SUCCESS" : "FAILURE";
}

/* The half that came first is in call->out, the other in `msg`; NULL: it was not tried. */
static void respond(struct call *call, const struct msg *msg)
{
    struct text *out = &call->ingress->text;
    bool cancel_first = call->parts == HALF_CANCEL, first = call->first_reject == REJECT_NONE;
    bool second = msg && msg->reply.reject == REJECT_NONE, both = first && second;
    bool cancelled = cancel_first ? first : second, placed = cancel_first ? second : first;
    bool stops = call->flags != REPLACE_ALLOW_FAILURE, tried = cancelled || !stops;
    bool limited = stops && (call_note_orders_limit(call, call->first_reject) ||
                             (msg && call_note_orders_limit(call, msg->reply.reject)));
    out->length = 0;
    if (!both)
        text_format(out, "{\"code\":%d,\"msg\":\"Order cancel-replace %s.\",\"data\":",
                    first || second ? -2021 : -2022,
                    first || second ? "partially failed" : "failed");
    text_format(out, "{\"cancelResult\":\"%s\",\"newOrderResult\":\"%s\",\"cancelResponse\":",
                result_name(cancelled), tried ? result_name(placed) : "NOT_ATTEMPTED");
    if (cancel_first)
        text_add(out, call->out.data, call->out.length);
    else
        render_half(call, out, HALF_CANCEL, msg);
    text_str(out, ",\"newOrderResponse\":");
    if (!tried)
        text_str(out, "null");
    else if (cancel_first)
        render_half(call, out, HALF_NEW, msg);
    else
        text_add(out, call->out.data, call->out.length);
    text_str(out, both ? "}" : "}}");
    int status = both ? 200 : limited ? 429 : first || second ? 409 : 400;
    call_respond(call, status, out->data, out->length);
}

static void on_replace(struct call *call, const struct msg *msg)
{
    if (call->parts) {
        respond(call, msg);
        return;
    }
    if (msg->reply.half == HALF_NONE) { /* refused before anything was tried */
        call_told_reject(call, msg);
        return;
    }
    call->parts = (uint8_t)msg->reply.half;
    call->first_reject = msg->reply.reject;
    render_half(call, &call->out, msg->reply.half, msg);
    if (msg->flags & MSG_LAST)
        respond(call, NULL);
}

/* One of two words; false when the call was refused. */
static bool read_mode(struct call *call, const char *name, enum need need,
                      const char *const word[2], uint8_t *mode)
{
    const struct param *param;
    *mode = 0;
    if (!field_get(call, name, need, &param))
        return false;
    if (!param || field_is(param, word[0]))
        return true;
    *mode = 1;
    if (!field_is(param, word[1]))
        call_refuse(call, -1130, "Data sent for parameter '%s' is not valid.", name);
    return field_is(param, word[1]);
}

void rest_post_cancel_replace(struct call *call)
{
    static const char *const modes[] = {
        [REPLACE_STOP_ON_FAILURE] = "STOP_ON_FAILURE", [REPLACE_ALLOW_FAILURE] = "ALLOW_FAILURE"};
    static const char *const exceeded[] = {"DO_NOTHING", "CANCEL_ONLY"};
    struct request request = {.type = REQUEST_REPLACE};
    uint8_t cancel_only;
    call->type = REQUEST_REPLACE;
    if (!authenticate(call, PERMISSION_TRADE, &request) ||
        !read_mode(call, "cancelReplaceMode", MANDATORY, modes, &request.replace.mode) ||
        !order_read_replaced(call, &request.replace.cancel) ||
        !order_read_restriction(call, &request.replace.cancel.restriction) ||
        !field_client_id(call, "cancelNewClientOrderId", &call->client_length, call->client_id) ||
        !read_mode(call, "orderRateLimitExceededMode", OPTIONAL, exceeded, &cancel_only) ||
        !order_read_new(call, &request) || !order_has_space(call))
        return;
    order_name_cancel(call, &request.replace.cancel);
    request.replace.cancel_only = cancel_only;
    call->resp = request.order.resp;
    call->flags = request.replace.mode;
    call_send(call, &request, on_replace);
}
