#include "http/ingress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/control_shard.h"
#include "http/api_error.h"
#include "http/history.h"
#include "http/ws/api.h"
#include "http/ws/stream.h"
#include "runtime/check.h"
#include "runtime/log.h"

enum {
    TEXT_KEPT_BYTES = 64 << 10, /* of a call's text; a longer one is freed with its answer */
    ANSWER_BYTES = 512,         /* about what an order's answer takes */
    OWN_BYTES = offsetof(struct call, peer) /* of a call that is no operator's */
};

const char *const method_names[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "OTHER"};

/* A call that waits holds a gateway slot, or is an operator's that waits for its change to be in
 * force. */
static uint32_t deadlines_max(const struct exchange_config *config)
{
    return config->request_blocks + 1024;
}

size_t ingress_bytes(const struct exchange_config *config)
{
    return gateway_bytes(config) + user_streams_bytes(config->users_max) +
           arena_bytes((deadlines_max(config) + 1) * sizeof(struct timer *));
}

void ingress_init(struct ingress *ingress, struct ingress_shared *shared, struct exchange *ex,
                  struct arena *arena, uint16_t core)
{
    memset(ingress, 0, sizeof *ingress);
    ingress->shared = shared;
    ingress->ex = ex;
    ingress->core = ex->rt.core[core];
    ingress->key_expires_us = INT64_MAX;
    gateway_init(&ingress->gateway, ex, arena, core);
    uint32_t waiting = deadlines_max(&ex->config);
    timers_init(&ingress->deadlines, arena_alloc(arena, (waiting + 1) * sizeof(struct timer *)),
                waiting);
    market_view_init(&ingress->view, ex->config.symbols_max);
    user_streams_init(&ingress->user_streams, arena, ex->config.users_max);
    ingress->hot = hot_new(ex->config.symbols_max);
    directory_init(&ingress->directory, &shared->secrets, ex->config.symbols_max);
    if (!shared->count) {
        limits_init(&shared->limits, mem_reserve(limits_bytes()));
        tally_init(&shared->opened, mem_reserve(tally_bytes(OPENED_SLOTS)), OPENED_SLOTS);
    }
    shared->ingress[shared->count++] = ingress;
}

static void load_change(void *arg, const struct config_change *change)
{
    directory_apply(arg, change);
}

void ingress_load(struct ingress *ingress)
{
    control_shard_each(ingress->ex->control, load_change, &ingress->directory);
    atomic_store(&ingress->directory.version, ingress->ex->control->version);
    market_view_load(&ingress->view, ingress->ex);
}

/* ---- calls ---- */

static void on_deadline(struct timer *timer, int64_t now_us)
{
    struct call *call = (struct call *)((char *)timer - offsetof(struct call, deadline));
    (void)now_us;
    call_error(call, 504, -1007,
               "Timeout waiting for response from backend server. Send status unknown; "
               "execution status unknown.");
}

struct call *call_new(struct ingress *ingress)
{
    struct call *call = ingress->free_calls;
    if (call) {
        ingress->free_calls = call->newer;
    } else {
        call = calloc(1, sizeof *call);
        ASSERT(call != NULL);
    }
    struct text out = call->out;
    memset(call, 0, OWN_BYTES);
    call->ingress = ingress;
    call->out = (struct text){.data = out.data, .room = out.room};
    call->deadline.fire = on_deadline;
    call->weight = 1;
    call->older = ingress->newest;
    if (ingress->newest)
        ingress->newest->newer = call;
    else
        ingress->oldest = call;
    ingress->newest = call;
    ingress->calls++;
    if (sampler_pick(&ingress->timed, ingress->core->now_us))
        call->begun_us = env_now_us(&ingress->ex->rt.env);
    return call;
}

static void call_free(struct call *call)
{
    struct ingress *ingress = call->ingress;
    if (call->older)
        call->older->newer = call->newer;
    else
        ingress->oldest = call->newer;
    if (call->newer)
        call->newer->older = call->older;
    else
        ingress->newest = call->older;
    timer_clear(&ingress->deadlines, &call->deadline);
    if (call->over)
        call->over(call->owner);
    if (call->kind == CALL_ADMIN)
        memset((char *)call + OWN_BYTES, 0, sizeof *call - OWN_BYTES);
    if (call->out.room > TEXT_KEPT_BYTES) {
        free(call->out.data);
        call->out = (struct text){0};
    }
    free(call->kept);
    free(call->past);
    call->kept = NULL;
    call->past = NULL;
    call->newer = ingress->free_calls;
    ingress->free_calls = call;
    ingress->calls--;
}

/* Tells the transport, once. */
static void tell(struct call *call, int status, const char *body, size_t length)
{
    void *transport = call->transport;
    call->transport = NULL;
    if (transport)
        call->respond(transport, status, body, length);
}

/* Once a call, at its answer, or when the client is found to have left. */
static void count(struct call *call, int status)
{
    struct ingress_counts *counts = &call->ingress->counts;
    call->counted = true;
    metrics_count(counts, call->route, call->method, call->transport ? status : STATUS_LEFT);
    if (!call->begun_us)
        return;
    int64_t now_us = env_now_us(&call->ingress->ex->rt.env);
    hist_add_us(&counts->total_us[call->kind], call->begun_us, now_us);
    if (call->durable_us)
        hist_add_us(&counts->reply_us, call->durable_us, now_us);
}

/* ---- limits ---- */

/* Successful trading costs nothing (API §1.5). */
static void count_weight(struct call *call, int status)
{
    uint32_t weight = call->free_of_use && status == 200 ? 0 : call->weight;
    call->used_weight = limits_add(&call->ingress->shared->limits, call->address,
                                   call->ingress->core->now_us, weight);
}

static void log_ban(const struct call *call, const struct limit_told *told)
{
    char address[ADDRESS_TEXT_BYTES];
    address_text(&call->client, address);
    log_warn("address_banned", "It went on asking after it was refused.",
             log_text("address", address), log_number("seconds", told->new_ban));
}

static void tell_limited(struct call *call, const struct limit_told *told)
{
    struct ingress *ingress = call->ingress;
    counter_add(&ingress->counts.limited[told->why], 1);
    counter_add(&ingress->counts.bans, told->new_ban > 0);
    if (told->new_ban)
        log_ban(call, told);
    call->charged = true;
    call->used_weight =
        limits_add(&ingress->shared->limits, call->address, ingress->core->now_us, 0);
    call->retry_us = told->until_us;
    if (told->why == LIMIT_BY_BAN)
        call_error(call, 418, -1003,
                   "Way too much request weight used; IP banned until %" PRId64
                   ". Please use WebSocket Streams for live updates to avoid bans.",
                   told->until_us / 1000);
    else if (told->why == LIMIT_BY_WEIGHT)
        call_error(call, 429, -1003,
                   "Too much request weight used; current limit is %d request weight per 1 MINUTE. "
                   "Please use WebSocket Streams for live updates to avoid polling the API.",
                   LIMIT_WEIGHT);
    else
        call_error(call, 429, -1003,
                   "Too many requests; current limit is %d requests per 5 MINUTE.", LIMIT_REQUESTS);
}

bool call_enter(struct call *call)
{
    struct ingress_shared *shared = call->ingress->shared;
    struct limit_told told;
    if (shared->unlimited || !call->address ||
        limits_enter(&shared->limits, call->address, call->ingress->core->now_us, &told))
        return true;
    tell_limited(call, &told);
    return false;
}

bool call_charge(struct call *call, uint16_t weight)
{
    struct ingress_shared *shared = call->ingress->shared;
    int64_t now_us = call->ingress->core->now_us;
    struct limit_told told;
    call->weight = weight;
    if (!call->address)
        return true;
    call->charged = true;
    if (shared->unlimited) {
        call->used_weight = limits_add(&shared->limits, call->address, now_us, weight);
        return true;
    }
    if (limits_charge(&shared->limits, call->address, now_us, weight, &call->used_weight, &told))
        return true;
    tell_limited(call, &told);
    return false;
}

/* ---- answers ---- */

void call_respond(struct call *call, int status, const char *body, size_t length)
{
    call->ingress->answered++;
    call->ingress->waiting -= call->waits;
    call->waits = false;
    if (!call->counted)
        count(call, status);
    if (call->address && !call->charged)
        count_weight(call, status);
    tell(call, status, body, length);
    call->address = 0;  /* an answer that comes after the deadline is not counted again */
    if (call->tag == 0) /* nothing is under way for it any more */
        call_free(call);
}

static void tell_error(struct call *call, int status, int code, const char *format, va_list args)
{
    char message[256];
    int length = vsnprintf(message, sizeof message, format, args);
    struct text *text = &call->ingress->text;
    text->length = 0;
    text_format(text, "{\"code\":%d,\"msg\":", code);
    text_quoted(text, message,
                (size_t)length < sizeof message ? (size_t)length : sizeof message - 1);
    text_str(text, "}");
    call_respond(call, status, text->data, text->length);
}

void call_respond_shared(struct call *call, struct body *body)
{
    call->shared = body;
    call_respond(call, 200, body->data, body->length);
}

void call_error(struct call *call, int status, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell_error(call, status, code, format, args);
    va_end(args);
}

void call_refuse(struct call *call, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell_error(call, code == -2014 || code == -2015 ? 401 : 400, code, format, args);
    va_end(args);
}

bool call_note_orders_limit(struct call *call, enum reject reject)
{
    int64_t interval_us = reject == REJECT_ORDERS_10S  ? 10000000
                          : reject == REJECT_ORDERS_1D ? 86400000000
                                                       : 0;
    if (!interval_us)
        return false;
    counter_add(&call->ingress->counts.limited[LIMIT_BY_ORDERS], 1);
    call->retry_us = (call->ingress->core->now_us / interval_us + 1) * interval_us;
    return true;
}

void call_reject(struct call *call, enum reject reject)
{
    call_note_orders_limit(call, reject);
    bool cancel = call->type == REQUEST_CANCEL || call->type == REQUEST_CANCEL_ALL ||
                  call->type == REQUEST_LIST_CANCEL;
    struct api_error error = api_error_of(reject, cancel);
    if (call->type == REQUEST_AMEND && (error.code == -2010 || error.code == -2011))
        error.code = -2038; /* errors.md: one list of texts, a code for each kind of request */
    call_error(call, error.status, error.code, "%s", error.text);
}

void call_tell_orders(struct call *call, const struct reply *reply)
{
    memcpy(call->unfilled, reply->unfilled, sizeof call->unfilled);
    call->tells_orders = true;
}

bool call_told_reject(struct call *call, const struct msg *msg)
{
    if (msg->reply.reject == REJECT_NONE)
        return false;
    if (msg->reply.block) /* refused for how many they are */
        call_tell_orders(call, msg->reply.block);
    call_reject(call, msg->reply.reject);
    return true;
}

void call_told_rows(struct call *call, const struct msg *msg, row_renderer *render)
{
    if (call_told_reject(call, msg))
        return;
    struct reply *reply = msg->reply.block;
    if (!call->parts)
        text_str(&call->out, "[");
    for (uint32_t i = 0; i < reply->count; i++) {
        if (call->parts || i)
            text_str(&call->out, ",");
        render(call, &call->out, reply, i);
    }
    call->parts |= reply->count > 0;
    if (!(msg->flags & MSG_LAST))
        return;
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

void call_abandon(struct call *call)
{
    call->transport = NULL;
}

bool call_deadline(struct call *call)
{
    struct ingress *ingress = call->ingress;
    if (timer_set(&ingress->deadlines, &call->deadline, ingress->core->now_us + CALL_DEADLINE_US))
        return true;
    call_reject(call, REJECT_BUSY);
    return false;
}

void call_send(struct call *call, const struct request *from,
               void (*on_reply)(struct call *call, const struct msg *msg))
{
    struct ingress *ingress = call->ingress;
    struct request *request = gateway_request(&ingress->gateway);
    if (!request) {
        call_reject(call, REJECT_BUSY);
        return;
    }
    *request = *from;
    call->type = request->type;
    call->on_reply = on_reply;
    if (!call_deadline(call)) {
        gateway_discard(&ingress->gateway, request);
        return;
    }
    int64_t sent_us = call->begun_us ? env_now_us(&ingress->ex->rt.env) : 0;
    request->sent_us = sent_us;
    if (gateway_send(&ingress->gateway, request, call, &call->tag) == GATEWAY_BUSY) {
        call->tag = 0;
        call_reject(call, REJECT_BUSY);
        return;
    }
    if (call->kind != CALL_ADMIN)
        call->kind = call->type < REQUEST_GET_ORDER ? CALL_ORDER : CALL_READ;
    if (sent_us)
        hist_add_us(&ingress->counts.parse_us, call->begun_us, sent_us);
}

/* ---- what is durable ---- */

static void on_market(void *self, const struct msg *msg)
{
    struct ingress *ingress = self;
    if (msg->type == MSG_CONFIG) {
        const struct config_change *change = msg->change.block;
        directory_apply(&ingress->directory, change);
        if (change->kind == CONFIG_KEY_GONE || change->kind == CONFIG_KEY_CHANGED)
            ws_api_check_keys(ingress);
        hot_forget(ingress->hot);
    } else {
        market_view_fold(&ingress->view, msg);
        if (ingress->streams)
            streams_market(ingress->streams, msg);
    }
}

/* The outcome was reached in a turn that began at ts_us, and told when its chunk was durable. */
static void note_durable(struct call *call, const struct msg *msg)
{
    struct exchange *ex = call->ingress->ex;
    int64_t durable_us = runtime_durable_us(&ex->rt, exchange_core_of(ex, msg->from), msg->seq);
    call->durable_us = durable_us > msg->ts_us ? durable_us : msg->ts_us;
}

static void on_reply(void *self, void *context, const struct msg *msg)
{
    struct call *call = context;
    (void)self;
    if (!call)
        return;
    if (msg->flags & MSG_LAST) {
        call->tag = 0;
        if (call->begun_us)
            note_durable(call, msg);
    }
    if (call->transport) {
        call->on_reply(call, msg);
    } else if (msg->flags & MSG_LAST) {
        /* nobody waits: the call is freed */
        call_respond(call, msg->reply.reject == REJECT_NONE ? 200 : 400, NULL, 0);
    }
}

static void fetch(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const void *)((uintptr_t)at + i), 1); /* at: NULL, too */
}

static void on_soon(const void *context, uint32_t step, const struct msg *msg)
{
    const struct call *call = context;
    if (step == 1) {
        fetch(call, OWN_BYTES);
        fetch(msg->reply.block, msg->reply.block ? REPLY_HEAD_BYTES : 0);
    } else {
        fetch(call->out.data, call->out.data ? ANSWER_BYTES : 0);
        fetch(call->transport, 1);
    }
}

static void on_event(void *self, const struct msg *msg)
{
    user_stream_tell(self, msg->event.block);
}

void call_wait(struct call *call, int status, uint32_t version, uint64_t lsn)
{
    call->waits = true;
    call->wait_status = status;
    call->version_wanted = version;
    call->lsn_wanted = lsn;
    call->ingress->waiting++;
}

static uint32_t finish_waiting(struct ingress *ingress)
{
    uint32_t done = 0;
    struct call *next;
    for (struct call *call = ingress->oldest; call && ingress->waiting > 0; call = next) {
        next = call->newer;
        if (!call->waits)
            continue;
        bool everywhere = call->lsn_wanted <= ingress->shared->journal_lsn();
        for (uint16_t i = 0; i < ingress->shared->count; i++)
            everywhere &= atomic_load_explicit(&ingress->shared->ingress[i]->directory.version,
                                               memory_order_acquire) >= call->version_wanted;
        if (!everywhere)
            continue;
        call_respond(call, call->wait_status, call->out.data, call->out.length);
        done++;
    }
    return done;
}

static struct gateway_sink sink_of(struct ingress *ingress)
{
    return (struct gateway_sink){.self = ingress,
                                 .market = on_market,
                                 .reply = on_reply,
                                 .soon = on_soon,
                                 .event = on_event};
}

void ingress_see_market(struct ingress *ingress)
{
    const struct gateway_sink sink = sink_of(ingress);
    gateway_fold_market(&ingress->gateway, &sink);
}

uint32_t ingress_work(struct ingress *ingress)
{
    const struct gateway_sink sink = sink_of(ingress);
    uint32_t done = gateway_poll(&ingress->gateway, &sink) + past_deliver(ingress);
    if (ingress->core->now_us >= ingress->key_expires_us)
        ws_api_check_keys(ingress);
    if (ingress->oldest) {
        done += timers_run(&ingress->deadlines, ingress->core->now_us, 256);
        done += finish_waiting(ingress);
    }
    history_mend(ingress);
    return done;
}
