#include "http/ws/api.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "http/auth.h"
#include "http/fields.h"
#include "http/json.h"
#include "http/operation.h"
#include "http/render.h"
#include "http/user_stream.h"
#include "runtime/check.h"

#define LEGAL_ID "^[a-zA-Z0-9-_]{1,36}$"

enum { NODES_MAX = 8192 + 16, ID_LENGTH_MAX = 36 }; /* as many as a message can hold */

struct subscription { /* to one account's events */
    struct user_watch watch;
    struct api_session *session;
    struct asked *asked; /* until it is on: the request that asked for it */
    struct subscription *next;
    uint32_t id;
    bool by_logon; /* ends with it */
    char key[API_KEY_BYTES];
};

struct asked { /* a request whose answer has not gone yet; the transport of its call */
    struct api_session *session;
    struct call *call;
    struct subscription *subscription; /* what it asks for, if that waits for the exchange */
    struct asked *next, *prev;         /* in the session; `next` also links free ones */
    bool tells_limits;
    uint8_t id_length;
    char id[ID_LENGTH_MAX + 2]; /* as it goes back: JSON */
};

struct api_session { /* a connection, and longer when the exchange still has requests of it */
    struct ws *ws;   /* NULL: closed */
    struct ingress *ingress;
    struct api_session *next, *prev; /* in the ingress, while open */
    struct asked *asked, *free_asked;
    struct subscription *subscriptions;
    uint32_t under_way; /* calls that the exchange has not answered yet */
    uint32_t watches, watches_ever;
    int64_t connected_us;
    struct logon logon;       /* since_us 0: nobody has logged on */
    bool micro, tells_limits; /* as the URL says */
};

/* ---- requests under way ---- */

static struct asked *asked_get(struct api_session *session)
{
    struct asked *asked = session->free_asked;
    if (asked)
        session->free_asked = asked->next;
    else
        asked = malloc(sizeof *asked);
    ASSERT(asked != NULL);
    *asked = (struct asked){.session = session,
                            .next = session->asked,
                            .tells_limits = session->tells_limits,
                            .id_length = 4,
                            .id = "null"};
    if (session->asked)
        session->asked->prev = asked;
    session->asked = asked;
    return asked;
}

static void asked_put(struct asked *asked)
{
    struct api_session *session = asked->session;
    if (asked->prev)
        asked->prev->next = asked->next;
    else
        session->asked = asked->next;
    if (asked->next)
        asked->next->prev = asked->prev;
    asked->next = session->free_asked;
    session->free_asked = asked;
}

static void session_free(struct api_session *session)
{
    ASSERT(!session->ws && !session->asked && !session->subscriptions);
    while (session->free_asked) {
        struct asked *asked = session->free_asked;
        session->free_asked = asked->next;
        free(asked);
    }
    free(session);
}

/* The exchange has answered a call, whether or not somebody still listens. */
static void on_call_over(void *owner)
{
    struct api_session *session = owner;
    if (--session->under_way == 0 && !session->ws)
        session_free(session);
}

/* ---- subscriptions ---- */

/* Takes it out of the session and the registry; nothing is told any more. */
static void subscription_drop(struct subscription *subscription)
{
    struct api_session *session = subscription->session;
    struct subscription **at = &session->subscriptions;
    while (*at != subscription)
        at = &(*at)->next;
    *at = subscription->next;
    session->watches--;
    user_watch_remove(session->ingress, &subscription->watch);
    if (subscription->asked)
        subscription->asked->subscription = NULL;
    free(subscription);
}

/* Opens a message of the session in the ingress core's scratch text. */
static struct text *message_begin(struct api_session *session, const char *begin)
{
    struct text *out = &session->ingress->frame;
    out->length = 0;
    text_str(out, begin);
    return out;
}

static void on_event(struct user_watch *watch, const char *json, size_t length)
{
    struct subscription *subscription = (struct subscription *)watch;
    struct api_session *session = subscription->session;
    struct text *out = message_begin(session, "{\"subscriptionId\":");
    text_u64(out, subscription->id);
    text_str(out, ",\"event\":");
    text_add(out, json, length);
    text_str(out, "}");
    ws_send(session->ws, out->data, out->length);
}
_Static_assert(offsetof(struct subscription, watch) == 0, "a watch is its subscription");

/* An event object of name and time only. */
static void put_plain_event(struct api_session *session, struct text *out, const char *name)
{
    int64_t now_us = env_now_us(&session->ingress->ex->rt.env);
    text_str(out, "\"event\":{\"e\":\"");
    text_str(out, name);
    text_str(out, "\",\"E\":");
    text_u64(out, (uint64_t)(session->micro ? now_us : now_us / 1000));
    text_str(out, "}}");
}

/* Ends one that is on, and says so. */
static void subscription_end(struct subscription *subscription)
{
    struct api_session *session = subscription->session;
    struct text *out = message_begin(session, "{\"subscriptionId\":");
    text_u64(out, subscription->id);
    text_str(out, ",");
    put_plain_event(session, out, "eventStreamTerminated");
    subscription_drop(subscription);
    ws_send(session->ws, out->data, out->length);
}

/* ---- keys that go ---- */

/* Somebody goes by the key: when it expires, all sessions are looked at again. */
static void await_expiry(struct ingress *ingress, const struct directory_key *key)
{
    if (key->expires_us < ingress->key_expires_us)
        ingress->key_expires_us = key->expires_us;
}

/* Whether the key still serves the session's client for one of the permissions. */
static bool key_serves(struct api_session *session, const char key[API_KEY_BYTES],
                       uint8_t permissions)
{
    struct ingress *ingress = session->ingress;
    const struct directory_key *known = directory_key(&ingress->directory, key, API_KEY_BYTES);
    if (!known || !directory_key_serves(known, ws_client(session->ws), permissions,
                                        env_now_us(&ingress->ex->rt.env)))
        return false;
    await_expiry(ingress, known);
    return true;
}

static bool logged_on(const struct api_session *session)
{
    return session->logon.since_us && !session->logon.revoked;
}

static void check_session(struct api_session *session)
{
    struct subscription *next;
    if (logged_on(session) && !key_serves(session, session->logon.key, PERMISSION_ANY))
        session->logon.revoked = true;
    for (struct subscription *at = session->subscriptions; at; at = next) {
        next = at->next;
        if (key_serves(session, at->key, PERMISSION_USER_DATA))
            continue;
        if (at->asked) /* its answer drops it */
            call_refuse(at->asked->call, -2015, "Invalid API-key, IP, or permissions for action.");
        else
            subscription_end(at);
    }
}

void ws_api_check_keys(struct ingress *ingress)
{
    ingress->key_expires_us = INT64_MAX;
    for (struct api_session *session = ingress->sessions; session; session = session->next)
        check_session(session);
}

/* ---- answers ---- */

static void put_limits(struct text *out, const struct call *call)
{
    text_str(out, ",\"rateLimits\":[");
    if (call->tells_orders) {
        render_orders_limits(out, call->unfilled);
        text_str(out, ",");
    }
    render_weight_limit(out, call->used_weight);
    text_str(out, "]");
}

/* An error that ends by itself says when: a member more than over HTTP, where a header says it.
 * What a Replace says of both its halves is in the same place, and goes on. */
static void put_body(struct text *out, const struct call *call, const char *body, size_t length)
{
    static const char halves[] = "}}";
    bool has_data = length > 2 && memcmp(body + length - 2, halves, 2) == 0;
    if (!call->retry_us) {
        text_add(out, body, length);
        return;
    }
    text_add(out, body, length - (has_data ? 2 : 1));
    text_str(out, has_data ? ",\"serverTime\":" : ",\"data\":{\"serverTime\":");
    render_time(call, out, env_now_us(&call->ingress->ex->rt.env));
    text_str(out, ",\"retryAfter\":");
    render_time(call, out, call->retry_us);
    text_str(out, "}}");
}

static void respond(void *transport, int status, const char *body, size_t length)
{
    struct asked *asked = transport;
    struct api_session *session = asked->session;
    struct text *out = message_begin(session, "{\"id\":");
    text_add(out, asked->id, asked->id_length);
    text_str(out, ",\"status\":");
    text_u64(out, (uint64_t)status);
    text_str(out, status == 200 ? ",\"result\":" : ",\"error\":");
    put_body(out, asked->call, body, length);
    if (asked->tells_limits)
        put_limits(out, asked->call);
    text_str(out, "}");
    if (asked->subscription) /* the exchange did not take it, or not in time */
        subscription_drop(asked->subscription);
    asked_put(asked);
    ws_send(session->ws, out->data, out->length);
    if (status == 418)
        ws_close(session->ws, WS_POLICY, "The address is banned.");
}

/* ---- requests ---- */

static bool legal_in_id(char c, bool string)
{
    char letter = (char)(c | 0x20);
    return (c >= '0' && c <= '9') || c == '-' ||
           (string && ((letter >= 'a' && letter <= 'z') || c == '_'));
}

/* Whether the id is one that can be sent back; it is kept for the answer then. */
static bool read_id(struct asked *asked, const struct json_node *id)
{
    bool string = id && id->type == JSON_STRING;
    if (id && id->type == JSON_NULL)
        return true;
    if (!id || (!string && id->type != JSON_NUMBER) || !id->length || id->length > ID_LENGTH_MAX)
        return false;
    for (uint32_t i = 0; i < id->length; i++)
        if (!legal_in_id(id->text[i], string))
            return false;
    if (string)
        asked->id[0] = asked->id[id->length + 1] = '"';
    memcpy(asked->id + string, id->text, id->length);
    asked->id_length = (uint8_t)(id->length + 2u * string);
    return true;
}

/* `returnRateLimits` of the request itself, which operation.c checks. */
static void read_limits(struct asked *asked, const struct json_node *nodes,
                        const struct json_node *params)
{
    const struct json_node *value = json_member(nodes, params, "returnRateLimits");
    if (value && (value->type == JSON_TRUE || json_is(value, "true")))
        asked->tells_limits = true;
    if (value && (value->type == JSON_FALSE || json_is(value, "false")))
        asked->tells_limits = false;
}

/* Starts the operation that the request asks for. */
static void start(struct asked *asked, const struct json_node *nodes)
{
    struct call *call = asked->call;
    const struct json_node *method = json_member(nodes, nodes, "method"),
                           *params = json_member(nodes, nodes, "params");
    if (!method || method->type != JSON_STRING) {
        call_refuse(call, -1135, "Invalid 'method' in JSON request; expected a string.");
    } else if (params && params->type != JSON_OBJECT) {
        call_refuse(call, -1135, "Invalid 'params' in JSON request; expected an object.");
    } else {
        if (params)
            read_limits(asked, nodes, params);
        operation_start_method(call, method->text, method->length, nodes, params);
    }
}

/* Whether the session may have one more under way; it counts from here on. */
static bool take_in(struct api_session *session, struct call *call)
{
    if (session->under_way == API_UNDER_WAY_MAX || ws_waiting(session->ws) > API_UNTAKEN_MAX) {
        call_error(call, 503, -1008,
                   "Too many requests or answers of this connection are under way.");
        return false;
    }
    session->under_way++;
    call->over = on_call_over;
    call->owner = session;
    if (!atomic_load_explicit(&call->ingress->shared->draining, memory_order_relaxed))
        return true;
    call_error(call, 503, -1008, "The server is draining.");
    return false;
}

static void on_text(struct ws *ws, char *text, size_t length)
{
    struct api_session *session = ws_data(ws);
    static _Thread_local struct json_node nodes[NODES_MAX];
    bool object = json_parse(text, length, nodes, NODES_MAX) > 0 && nodes->type == JSON_OBJECT;
    struct asked *asked = asked_get(session);
    struct call *call = call_new(session->ingress);
    asked->call = call;
    call->respond = respond;
    call->transport = asked;
    call->client = *ws_client(ws);
    call->address = address_key(&call->client);
    call->micro = session->micro;
    call->logon = session->logon.since_us ? &session->logon : NULL;
    bool has_id = object && read_id(asked, json_member(nodes, nodes, "id")); /* refusals tell it */
    if (!take_in(session, call) || !call_enter(call))
        return;
    if (!object)
        call_refuse(call, -1135, "Invalid JSON Request");
    else if (!has_id)
        call_refuse(call, -1135,
                    "Invalid 'id' in JSON request; expected an integer, a string matching "
                    "'" LEGAL_ID "', or null.");
    else
        start(asked, nodes);
}

/* ---- connections ---- */

/* A query that cannot be read asks for nothing. */
static void read_url(struct api_session *session)
{
    struct params *params = &session->ingress->params;
    struct slice query = ws_query(session->ws);
    if (params_read(params, query.data, query.length, "", 0) != PARAMS_OK)
        return;
    const struct param *unit = params_get(params, "timeUnit");
    const struct param *limits = params_get(params, "returnRateLimits");
    session->micro = unit && (field_is(unit, "MICROSECOND") || field_is(unit, "microsecond"));
    session->tells_limits = !limits || !field_is(limits, "false");
}

void ws_api_open(struct ws *ws)
{
    struct ingress *ingress = ws_ingress(ws);
    struct api_session *session = malloc(sizeof *session);
    ASSERT(session != NULL);
    *session = (struct api_session){.ws = ws,
                                    .ingress = ingress,
                                    .next = ingress->sessions,
                                    .connected_us = env_now_us(&ingress->ex->rt.env),
                                    .tells_limits = true};
    if (ingress->sessions)
        ingress->sessions->prev = session;
    ingress->sessions = session;
    ws_set_data(ws, session);
    read_url(session);
}

static void on_closed(struct ws *ws)
{
    struct api_session *session = ws_data(ws);
    if (session->prev)
        session->prev->next = session->next;
    else
        session->ingress->sessions = session->next;
    if (session->next)
        session->next->prev = session->prev;
    while (session->subscriptions)
        subscription_drop(session->subscriptions);
    while (session->asked) {
        call_abandon(session->asked->call);
        asked_put(session->asked);
    }
    session->ws = NULL;
    if (session->under_way == 0)
        session_free(session);
}

static void on_drain(struct ws *ws)
{
    struct api_session *session = ws_data(ws);
    struct text *out = message_begin(session, "{");
    put_plain_event(session, out, "serverShutdown");
    ws_send(ws, out->data, out->length);
}

static uint32_t subscriptions(const struct ws *ws)
{
    const struct api_session *session = ws_data(ws);
    return session->watches;
}

const struct ws_kind ws_api_kind = {.name = "api",
                                    .subscriptions = subscriptions,
                                    .text = on_text,
                                    .closed = on_closed,
                                    .drain = on_drain,
                                    .message_max = API_MESSAGE_MAX,
                                    .waiting_max = API_WAITING_MAX};

/* ---- what only a connection can be asked ---- */

static struct api_session *session_of(struct call *call)
{
    return ((struct asked *)call->transport)->session;
}

static void tell_status(struct call *call)
{
    struct api_session *session = session_of(call);
    bool active = false;
    for (struct subscription *at = session->subscriptions; at; at = at->next)
        active |= !at->asked;
    text_str(&call->out, "{\"apiKey\":");
    if (logged_on(session))
        text_quoted(&call->out, session->logon.key, API_KEY_BYTES);
    else
        text_str(&call->out, "null");
    text_str(&call->out, ",\"authorizedSince\":");
    if (logged_on(session))
        render_time(call, &call->out, session->logon.since_us);
    else
        text_str(&call->out, "null");
    text_str(&call->out, ",\"connectedSince\":");
    render_time(call, &call->out, session->connected_us);
    text_str(&call->out, ",\"returnRateLimits\":");
    text_str(&call->out, session->tells_limits ? "true" : "false");
    text_str(&call->out, ",\"serverTime\":");
    render_time(call, &call->out, env_now_us(&call->ingress->ex->rt.env));
    text_str(&call->out, ",\"userDataStream\":");
    text_str(&call->out, active ? "true}" : "false}");
    call_respond(call, 200, call->out.data, call->out.length);
}

void ws_api_session_status(struct call *call)
{
    if (fields_all_read(call))
        tell_status(call);
}

/* Forgets who logged on, and ends what was subscribed to by that. */
static void log_out(struct api_session *session)
{
    struct subscription *next;
    session->logon = (struct logon){0};
    for (struct subscription *at = session->subscriptions; at; at = next) {
        next = at->next;
        if (!at->by_logon)
            continue;
        if (at->asked) /* its answer drops it */
            call_error(at->asked->call, 401, -1002,
                       "You are not authorized to execute this request.");
        else
            subscription_end(at);
    }
}

void ws_api_session_logout(struct call *call)
{
    if (!fields_all_read(call))
        return;
    log_out(session_of(call));
    tell_status(call);
}

void ws_api_session_logon(struct call *call)
{
    struct api_session *session = session_of(call);
    struct request request = {0};
    call->logon = NULL; /* it does not vouch for another one */
    if (!authenticate(call, PERMISSION_ANY, &request) || !fields_all_read(call))
        return;
    const struct directory_key *key =
        directory_key(&call->ingress->directory, call->api_key.data, API_KEY_BYTES);
    if (key->kind != KEY_ED25519) {
        call_refuse(call, -4056, "%s API key is not supported.",
                    key->kind == KEY_RSA ? "RSA" : "HMAC_SHA256");
        return;
    }
    if (memcmp(session->logon.key, key->text, API_KEY_BYTES) != 0)
        log_out(session);
    session->logon = (struct logon){.since_us = env_now_us(&call->ingress->ex->rt.env)};
    memcpy(session->logon.key, key->text, API_KEY_BYTES);
    await_expiry(call->ingress, key);
    tell_status(call);
}

void ws_api_session_subscriptions(struct call *call)
{
    struct api_session *session = session_of(call);
    bool first = true;
    if (!fields_all_read(call))
        return;
    text_str(&call->out, "[");
    for (struct subscription *at = session->subscriptions; at; at = at->next) {
        if (at->asked)
            continue;
        text_str(&call->out, first ? "{\"subscriptionId\":" : ",{\"subscriptionId\":");
        text_u64(&call->out, at->id);
        text_str(&call->out, "}");
        first = false;
    }
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

static void on_subscribed(struct call *call)
{
    struct asked *asked = call->transport;
    struct subscription *subscription = asked->subscription;
    subscription->asked = NULL;
    asked->subscription = NULL;
    text_str(&call->out, "{\"subscriptionId\":");
    text_u64(&call->out, subscription->id);
    text_str(&call->out, "}");
    call_respond(call, 200, call->out.data, call->out.length);
}

static bool may_subscribe(struct call *call, struct api_session *session, uint32_t user)
{
    for (struct subscription *at = session->subscriptions; at; at = at->next)
        if (at->watch.user == user) {
            call_refuse(call, -2035, "User Data Stream subscription already active.");
            return false;
        }
    if (session->watches < API_WATCHES_MAX && session->watches_ever < API_WATCHES_EVER_MAX)
        return true;
    call_refuse(call, -1003, "Too many subscriptions; the limit is %d at a time and %d in all.",
                API_WATCHES_MAX, API_WATCHES_EVER_MAX);
    return false;
}

/* For an account whose key has been checked. */
static void subscribe(struct call *call, const struct request *request, bool by_logon)
{
    struct asked *asked = call->transport;
    struct api_session *session = asked->session;
    if (!fields_all_read(call) || !may_subscribe(call, session, request->user))
        return;
    struct subscription *subscription = malloc(sizeof *subscription), **end;
    ASSERT(subscription != NULL);
    *subscription = (struct subscription){.watch = {.event = on_event},
                                          .session = session,
                                          .asked = asked,
                                          .id = session->watches_ever++,
                                          .by_logon = by_logon};
    memcpy(subscription->key, call->api_key.data, API_KEY_BYTES);
    for (end = &session->subscriptions; *end;)
        end = &(*end)->next;
    *end = subscription;
    session->watches++;
    asked->subscription = subscription;
    await_expiry(call->ingress,
                 directory_key(&call->ingress->directory, subscription->key, API_KEY_BYTES));
    user_watch_begin(call, request, &subscription->watch, session->micro, on_subscribed);
}

void ws_api_subscribe(struct call *call)
{
    struct request request = {0};
    if (authenticate_session(call, PERMISSION_USER_DATA, &request))
        subscribe(call, &request, true);
}

void ws_api_subscribe_signature(struct call *call)
{
    struct request request = {0};
    call->logon = NULL; /* it has a signature of its own */
    if (authenticate(call, PERMISSION_USER_DATA, &request))
        subscribe(call, &request, false);
}

void ws_api_unsubscribe(struct call *call)
{
    struct api_session *session = session_of(call);
    struct subscription *next;
    uint64_t id = 0;
    bool one, found = false;
    if (!field_number(call, "subscriptionId", OPTIONAL, &one, &id) || !fields_all_read(call))
        return;
    for (struct subscription *at = session->subscriptions; at; at = next) {
        next = at->next;
        if (at->asked || (one && at->id != id))
            continue;
        found = true;
        subscription_end(at);
    }
    if (one && !found)
        call_refuse(call, -2036, "User Data Stream subscription not active.");
    else
        call_respond(call, 200, "{}", 2);
}
