#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "http/admin.h"
#include "http/guard.h"
#include "http/h2o_quiet.h"
#include "http/operation.h"
#include "http/page.h"
#include "http/ws/api.h"
#include "http/ws/handshake.h"
#include "http/ws/hub.h"
#include "http/ws/stream.h"
#include "runtime/check.h"
#include "runtime/log.h"

enum {
    HANDSHAKE_MS = 5000,   /* a TLS handshake is two round trips */
    HTTP2_IDLE_MS = 30000, /* without a frame; its clients ping to stay, HTTP/1.1 ones cannot */
    /* A body up to here is answered with our own 413; beyond, h2o's 413 or stream reset comes
     * before the body is read. */
    BODY_READ_MAX = 2 * CALL_BODY_MAX,
    /* h2o reads whatever the kernel holds into memory, so this bounds what a peer makes us keep. */
    RECEIVE_BYTES = 128 << 10,
    ADMIN_CONNECTIONS_MAX =
        1000,           /* apart from the public ones, which must not lock the operator out */
    ANSWER_HEADERS = 8, /* room for them is taken at once */
    FILES_BESIDE = 256, /* open files that are not connections */
    LOOK_US = 100000,
    LOOKS_MAX = 512,  /* connections looked at every 100 ms: 10,000 take 2 s */
    STREAM_LOOKS = 10 /* HTTP/2 streams: every tenth time */
};

struct site { /* one listener's side of h2o: the public API, or the admin one */
    struct server *server;
    h2o_globalconf_t conf;
    h2o_context_t ctx;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    struct guard *guard; /* the public one is shared with the other servers' sites */
    int fd;
    bool used, admin;
};

/* A connection, from accept until it is closed and the exchange has answered all its requests: so
 * long it counts. h2o's socket holds it as on_close.data. */
struct link {
    h2o_linklist_t looked; /* in server->links while open: the longest not looked at is first */
    struct server *server;
    struct site *site;
    h2o_socket_t *sock; /* NULL: closed */
    SSL_CTX *tls;       /* held: h2o keeps the bare pointer until the first bytes come */
    struct guard_link guard;
    struct address peer;
    uint64_t address, requests; /* address: what it counts as; 0: it is a trusted proxy's */
    int64_t accepted_us;
    bool condemned; /* its socket is shut down: h2o closes it at its next read or write */
};

struct castle_handler {
    h2o_handler_t super; /* first */
    struct site *site;
};

struct server {
    struct ingress *ingress;
    h2o_loop_t *loop;
    struct site site[2];
    h2o_socket_t *wake;
    struct ws_hub *ws;
    bool entered; /* its thread has come in */
    h2o_linklist_t links;
    uint32_t open;   /* of them */
    int64_t look_us; /* when the next look at them is due */
    uint64_t looks;
    struct guard_times times;
    const struct proxies *proxies;
    _Atomic(SSL_CTX *) tls_next; /* from server_tls(), for the ingress thread to take */
};

static struct listener_counts *counts_of(const struct site *site)
{
    return &site->server->ingress->counts.listener[site->admin];
}

static void count(const struct site *site, enum edge_act act)
{
    counter_add(&counts_of(site)->act[act], 1);
}

/* The peer's address, for the log. */
static void name_peer(h2o_socket_t *sock, char out[static PEER_TEXT_BYTES])
{
    struct sockaddr_storage address;
    char host[INET6_ADDRSTRLEN], port[8];
    socklen_t length = h2o_socket_getpeername(sock, (struct sockaddr *)&address);
    if (length && getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port,
                              sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(out, PEER_TEXT_BYTES, "%s:%s", host, port);
}

/* ---- connections that end ---- */

static void link_free(struct link *link)
{
    guard_leave(link->site->guard, link->address);
    free(link);
}

static void on_connection_gone(void *memory)
{
    struct link *link = memory;
    counter *open = &counts_of(link->site)->open;
    counter_set(open, counter_get(open) - 1);
    link->server->open--;
    h2o_linklist_unlink(&link->looked);
    SSL_CTX_free(link->tls);
    link->sock = NULL;
    if (!link->guard.unanswered)
        link_free(link);
}

/* Ends a connection from outside. h2o 2.2.5 exports no way to close an HTTP/2 connection, so the
 * socket is shut down and h2o meets its end by itself: safe at any moment, also inside a callback
 * of h2o. The price is that the peer sees no GOAWAY. What it has not taken is not kept for it. */
static void condemn(struct link *link, enum edge_act act)
{
    static const char *const reasons[EDGE_ACTS] = {
        [EDGE_SLOW] = "slow", [EDGE_STALLED] = "stalled", [EDGE_RESETS] = "resets"};
    const struct linger none = {.l_onoff = 1};
    int fd = h2o_socket_get_fd(link->sock);
    char peer[PEER_TEXT_BYTES] = "";
    if (link->condemned)
        return;
    link->condemned = true;
    count(link->site, act);
    name_peer(link->sock, peer);
    log_info("connection_closed", "The guard closes a connection.", log_text("peer", peer),
             log_text("reason", reasons[act]));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    shutdown(fd, SHUT_RDWR);
}

/* Ties a request to its call: lives in the request's pool, dies with it. */
struct tie {
    h2o_req_t *req;
    struct call *call;
    struct link *link;
    struct body *body; /* held: its answer, when it is one that is shared */
    size_t untaken;    /* bytes of its answer */
    char usage[1 + ORDER_INTERVALS][10], retry[10]; /* the digits of its headers */
};

/* A request is over for its client, answered or not. */
static void request_ended(struct tie *tie, bool given_up)
{
    if (guard_ended(&tie->link->guard, given_up, tie->link->server->ingress->core->now_us))
        condemn(tie->link, EDGE_RESETS);
}

static void on_request_gone(void *memory)
{
    struct tie *tie = memory;
    if (tie->call) {
        call_abandon(tie->call);
        request_ended(tie, true);
    }
    tie->link->guard.untaken -= tie->untaken;
    if (tie->body)
        body_drop(tie->body);
    tie->body = NULL;
    tie->call = NULL;
    tie->req = NULL;
}

/* The exchange has answered, whether or not somebody still listens. */
static void on_call_over(void *owner)
{
    struct link *link = owner;
    guard_answered(&link->guard);
    if (!link->sock && !link->guard.unanswered)
        link_free(link);
}

/* ---- answers ---- */

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 304:
        return "Not Modified";
    case 401:
        return "Unauthorized";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Payload Too Large";
    case 418:
        return "I'm a teapot";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Bad Request";
    }
}

static h2o_iovec_t decimal(char out[static 10], uint32_t value)
{
    char *at = out + 10;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    return h2o_iovec_init(at, (size_t)(out + 10 - at));
}

/* h2o takes a name that is none of its own tokens as it comes; given like this neither it nor the
 * spelling of HTTP/1.1 is copied for every answer. */
struct header_name {
    h2o_token_t lower;
    const char *name;
};

static void add_usage_header(h2o_req_t *req, const struct header_name *name, h2o_iovec_t value)
{
    h2o_headers_t *headers = &req->res.headers;
    h2o_add_header(&req->pool, headers, &name->lower, NULL, value.base, value.len);
    headers->entries[headers->size - 1].orig_name = name->name;
}

/* What the client has used (API §1.5). */
static void add_usage(struct tie *tie, const struct call *call)
{
    static const struct header_name
        weights[] = {{{.buf = {H2O_STRLIT("x-mbx-used-weight")}}, "X-MBX-USED-WEIGHT"},
                     {{.buf = {H2O_STRLIT("x-mbx-used-weight-1m")}}, "X-MBX-USED-WEIGHT-1M"}},
        counts[] = {{{.buf = {H2O_STRLIT("x-mbx-order-count-10s")}}, "X-MBX-ORDER-COUNT-10S"},
                    {{.buf = {H2O_STRLIT("x-mbx-order-count-1d")}}, "X-MBX-ORDER-COUNT-1D"}};
    if (!call->address)
        return;
    const h2o_iovec_t weight = decimal(tie->usage[0], call->used_weight);
    for (uint32_t i = 0; i < 2; i++)
        add_usage_header(tie->req, &weights[i], weight);
    for (uint32_t i = 0; call->tells_orders && i < ORDER_INTERVALS; i++)
        add_usage_header(tie->req, &counts[i], decimal(tie->usage[1 + i], call->unfilled[i]));
}

/* When the client that was refused may come again, in whole seconds. */
static void add_retry_after(struct tie *tie, const struct call *call)
{
    int64_t wait_us = call->retry_us - call->ingress->core->now_us;
    if (!call->retry_us)
        return;
    h2o_iovec_t value =
        decimal(tie->retry, wait_us > 0 ? (uint32_t)((wait_us + 999999) / 1000000) : 1);
    h2o_add_header_by_str(&tie->req->pool, &tie->req->res.headers, H2O_STRLIT("retry-after"), 1,
                          "Retry-After", value.base, value.len);
}

/* Whether somebody between here and the client may keep the answer. Nobody keeps the answer to
 * another method that does not say so (RFC 9110 9.3). */
static void add_cache_control(h2o_req_t *req, const struct call *call, int status)
{
    if (call->method != METHOD_GET)
        return;
    const struct cache_rule *rule = operation_cache(call->route, status);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, rule->control,
                   strlen(rule->control));
    if (rule->timed)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_VARY, NULL,
                       H2O_STRLIT("x-mbx-time-unit"));
}

/* What may be asked at a path that the method is not for (RFC 9110 15.5.6). */
static void add_allow(h2o_req_t *req, const struct call *call)
{
    char methods[OPERATION_ALLOW_BYTES];
    size_t length = operation_allow(call->path, methods);
    if (!length)
        return;
    h2o_iovec_t value = h2o_strdup(&req->pool, methods, length);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("allow"), 1, "Allow",
                          value.base, value.len);
}

/* What a browser is told of a file of the page, beside what all are told. */
static void add_page_headers(h2o_req_t *req, const struct call *call)
{
    static const struct page_header {
        const char *name, *value;
    } headers[] = {
        {"cache-control", "no-cache"}, /* it may be kept, and is asked for by its ETag */
        {"content-security-policy", page_policy},
        {"referrer-policy", "no-referrer"},
        {"vary", "accept-encoding"},
        {"x-content-type-options", "nosniff"},
    };
    for (uint32_t i = 0; i < sizeof headers / sizeof *headers; i++)
        h2o_add_header_by_str(&req->pool, &req->res.headers, headers[i].name,
                              strlen(headers[i].name), 1, NULL, headers[i].value,
                              strlen(headers[i].value));
    const struct page_form *form = call->page_form;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ETAG, NULL, form->etag,
                   strlen(form->etag));
    if (form == &call->page->gzip)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_ENCODING, NULL,
                       H2O_STRLIT("gzip"));
}

/* The answer's bytes, for as long as the request lives. */
static h2o_iovec_t answer_of(struct tie *tie, const char *body, size_t length)
{
    if (tie->call->page) /* part of the program */
        return h2o_iovec_init(body, length);
    if (!tie->call->shared)
        return h2o_strdup(&tie->req->pool, body, length);
    tie->body = body_hold(tie->call->shared);
    return h2o_iovec_init(tie->body->data, tie->body->length);
}

static void respond(void *transport, int status, const char *body, size_t length)
{
    static h2o_generator_t generator;
    struct tie *tie = transport;
    h2o_req_t *req = tie->req;
    const char *type = tie->call->content_type;
    if (!type)
        type = "application/json;charset=UTF-8";
    h2o_vector_reserve(&req->pool, &req->res.headers, ANSWER_HEADERS);
    add_usage(tie, tie->call);
    add_retry_after(tie, tie->call);
    if (tie->call->page)
        add_page_headers(req, tie->call);
    else
        add_cache_control(req, tie->call, status);
    if (status == 405)
        add_allow(req, tie->call);
    request_ended(tie, false);
    bool bare = tie->call->method == METHOD_HEAD || status == 304; /* its head speaks of a body */
    tie->link->guard.untaken += tie->untaken = bare ? 0 : length;
    h2o_iovec_t data = answer_of(tie, body, length);
    tie->call = NULL; /* h2o_send may dispose of the request, and so of the tie */
    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.content_length = status == 304 ? SIZE_MAX : length; /* SIZE_MAX: it is not said */
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_start_response(req, &generator);
    h2o_send(req, &data, bare ? 0 : 1, H2O_SEND_STATE_FINAL);
}

/* ---- requests ---- */

static enum method method_of(const h2o_iovec_t *method)
{
    enum method i = METHOD_GET;
    while (i < METHOD_OTHER &&
           !h2o_memis(method->base, method->len, method_names[i], strlen(method_names[i])))
        i++;
    return i;
}

static struct slice value_at(const h2o_req_t *req, ssize_t at)
{
    if (at < 0)
        return (struct slice){"", 0};
    return (struct slice){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
}

static struct slice header_of(const h2o_req_t *req, const char *name, size_t length)
{
    return value_at(req, h2o_find_header_by_str(&req->headers, name, length, -1));
}

/* What an HTTP/1 head says about where its request ends. Until the answer is sent the raw request
 * stands at the beginning of the socket's input buffer (h2o lib/http1.c), decrypted if there is
 * TLS. */
static enum guard_head head_of(const h2o_req_t *req, const h2o_socket_t *sock)
{
    return req->version < 0x200 ? guard_head(sock->input->bytes, sock->input->size)
                                : GUARD_HEAD_PLAIN;
}

/* ---- WebSocket ---- */

static const struct endpoint {
    const char *path;
    bool below; /* also what lies below it */
    const struct ws_kind *kind;
    void (*opened)(struct ws *ws);
    uint8_t weight;
} endpoints[] = {
    {"/ws", true, &stream_kind, stream_open, 0},
    {"/stream", true, &stream_kind, stream_open, 0},
    {"/ws-api/v3", false, &ws_api_kind, ws_api_open, API_OPENING_WEIGHT},
};

static const struct endpoint *endpoint_of(struct slice path)
{
    for (uint32_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        const struct endpoint *endpoint = &endpoints[i];
        size_t length = strlen(endpoint->path);
        if (path.length >= length && memcmp(path.data, endpoint->path, length) == 0 &&
            (path.length == length || (endpoint->below && path.data[length] == '/')))
            return endpoint;
    }
    return NULL;
}

static struct handshake_field field_of(const h2o_req_t *req, const char *name, size_t length)
{
    struct slice value = header_of(req, name, length);
    return (struct handshake_field){value.length ? value.data : NULL, value.length};
}

/* The answer 101, as call->respond: from then on the connection is a WebSocket's. */
static void switch_protocols(void *transport, int status, const char *body, size_t length)
{
    struct tie *tie = transport;
    const struct endpoint *endpoint = endpoint_of(tie->call->path);
    if (status != 101) {
        respond(transport, status, body, length);
        return;
    }
    request_ended(tie, false);
    const struct address client = tie->call->client;
    tie->call = NULL;
    ws_hub_upgrade(tie->link->server->ws, tie->req,
                   header_of(tie->req, H2O_STRLIT("sec-websocket-key")).data, &client,
                   endpoint->kind, endpoint->opened);
}

static void open_ws(struct link *link, h2o_req_t *req, h2o_socket_t *sock, struct call *call)
{
    const struct handshake asked = {.get = call->method == METHOD_GET,
                                    .http11 = req->version == 0x101,
                                    .body =
                                        req->entity.len || head_of(req, sock) != GUARD_HEAD_PLAIN,
                                    .upgrade = {req->upgrade.base, req->upgrade.len},
                                    .connection = field_of(req, H2O_STRLIT("connection")),
                                    .version = field_of(req, H2O_STRLIT("sec-websocket-version")),
                                    .key = field_of(req, H2O_STRLIT("sec-websocket-key"))};
    const char *wrong = handshake_wrong(&asked);
    call->weight = endpoint_of(call->path)->weight;
    if (call->weight && (!call_enter(call) || !call_charge(call, call->weight)))
        return;
    if (wrong) {
        call_error(call, 400, -1000, "%s", wrong);
    } else if (call->path.length + call->query.length > WS_URL_MAX) {
        call_error(call, 400, -1000, "The URL is longer than %u bytes.", (unsigned)WS_URL_MAX);
    } else if (!ws_hub_admits(link->server->ws, call->address)) {
        counter_add(&call->ingress->counts.ws.limited, 1);
        call->retry_us = (call->ingress->core->now_us / WS_OPENED_US + 1) * WS_OPENED_US;
        call_error(call, 429, -1003, "Too many connections; the limit is %u in 5 minutes.",
                   WS_OPENED_MAX);
    } else {
        call->respond = switch_protocols;
        call_respond(call, 101, NULL, 0);
    }
}

/* ---- requests ---- */

/* Answers what the edge does not let in; false when the call may start. */
static bool refuse(struct link *link, h2o_req_t *req, h2o_socket_t *sock, struct call *call)
{
    struct site *site = link->site;
    if (link->condemned || !guard_request(&link->guard)) {
        if (!link->condemned)
            count(site, EDGE_BUSY);
        req->http1_is_persistent = 0;
        call_error(call, 503, -1008,
                   "Too many requests or answers of this connection are under way.");
        return true;
    }
    call->over = on_call_over;
    call->owner = link;
    if (!site->admin &&
        atomic_load_explicit(&call->ingress->shared->draining, memory_order_relaxed)) {
        req->http1_is_persistent = 0;
        call_error(call, 503, -1008, "The server is draining.");
        return true;
    }
    enum guard_head head = head_of(req, sock);
    if (head != GUARD_HEAD_PLAIN)
        req->http1_is_persistent = 0; /* what follows on this connection cannot be trusted */
    if (head == GUARD_HEAD_AMBIGUOUS) {
        count(site, EDGE_AMBIGUOUS);
        call_error(call, 400, -1100, "The request's length is ambiguous.");
        return true;
    }
    if (req->entity.len > CALL_BODY_MAX) {
        count(site, EDGE_LARGE);
        req->http1_is_persistent = 0;
        call_error(call, 413, -1101, "The body is longer than 16384 bytes.");
        return true;
    }
    return false;
}

/* Who asks: the connection's peer, or who the proxies that it comes through say they were asked by:
 * the last of them in the last header. */
static struct address client_of(const struct link *link, const h2o_req_t *req)
{
    struct address client = link->peer;
    bool more = link->address == 0;
    for (size_t i = req->headers.size; more && i-- > 0;) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (header->name == &H2O_TOKEN_X_FORWARDED_FOR->buf)
            more =
                proxies_step(link->server->proxies, header->value.base, header->value.len, &client);
    }
    return client;
}

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    struct site *site = ((struct castle_handler *)handler)->site;
    struct ingress *ingress = site->server->ingress;
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    struct link *link = sock->on_close.data;
    struct tie *tie = h2o_mem_alloc_shared(&req->pool, sizeof *tie, on_request_gone);
    struct call *call = call_new(ingress);
    *tie = (struct tie){.req = req, .call = call, .link = link};
    link->requests++;
    call->respond = respond;
    call->transport = tie;
    call->method = method_of(&req->method);
    size_t path = req->query_at == SIZE_MAX ? req->path.len : req->query_at;
    call->path = (struct slice){req->path.base, path};
    call->query = path < req->path.len
                      ? (struct slice){req->path.base + path + 1, req->path.len - path - 1}
                      : (struct slice){"", 0};
    call->body = (struct slice){req->entity.base ? req->entity.base : "", req->entity.len};
    counter_add(&ingress->counts.version[req->version >= 0x200], 1);
    if (page_may_be(call->path)) {
        call->if_none_match =
            value_at(req, h2o_find_header(&req->headers, H2O_TOKEN_IF_NONE_MATCH, -1));
        call->accept_encoding =
            value_at(req, h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT_ENCODING, -1));
    }
    if (!site->admin) {
        call->client = client_of(link, req);
        call->address = address_key(&call->client);
    }
    if (refuse(link, req, sock, call))
        return 0;
    if (site->admin) {
        call->api_key = header_of(req, H2O_STRLIT("authorization"));
        name_peer(sock, call->peer);
        admin_start(call);
        return 0;
    }
    if (endpoint_of(call->path)) {
        open_ws(link, req, sock, call);
        return 0;
    }
    if (!call_enter(call))
        return 0;
    call->api_key = header_of(req, H2O_STRLIT("x-mbx-apikey"));
    struct slice unit = header_of(req, H2O_STRLIT("x-mbx-time-unit"));
    call->micro = h2o_lcstris(unit.data, unit.length, H2O_STRLIT("microsecond"));
    operation_start(call);
    return 0;
}

/* ---- connections ---- */

static struct address peer_of(h2o_socket_t *sock)
{
    struct sockaddr_storage address = {0};
    h2o_socket_getpeername(sock, (struct sockaddr *)&address);
    return address_of((struct sockaddr *)&address);
}

/* Takes a connection in, or closes it. */
static void enter(struct site *site, h2o_socket_t *sock)
{
    struct server *server = site->server;
    struct address peer = peer_of(sock);
    bool trusted = !site->admin && proxies_trust(server->proxies, &peer);
    uint64_t address = trusted ? 0 : address_key(&peer);
    enum guard_entry entry = guard_enter(site->guard, address);
    if (entry != GUARD_ENTERED) {
        count(site, entry == GUARD_FULL ? EDGE_FULL : EDGE_ADDRESS_FULL);
        h2o_socket_close(sock);
        return;
    }
    struct link *link = calloc(1, sizeof *link);
    ASSERT(link != NULL);
    *link = (struct link){.server = server,
                          .site = site,
                          .sock = sock,
                          .tls = site->accept.ssl_ctx,
                          .peer = peer,
                          .address = address,
                          .accepted_us = server->ingress->core->now_us};
    if (link->tls)
        SSL_CTX_up_ref(link->tls);
    h2o_linklist_insert(&server->links, &link->looked);
    server->open++;
    counter_add(&counts_of(site)->accepted, 1);
    counter_add(&counts_of(site)->open, 1);
    sock->on_close.cb = on_connection_gone;
    sock->on_close.data = link;
    h2o_accept(&site->accept, sock);
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    if (err)
        return;
    for (uint32_t burst = 0; burst < 16; burst++) {
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (!sock)
            return;
        enter(listener->data, sock);
    }
}

/* ---- looking after connections ---- */

static void look(struct link *link)
{
    struct server *server = link->server;
    h2o_socket_t *sock = link->sock;
    /* HTTP/1 reads only while it wants a request, so what it holds then is an incomplete one; of
     * HTTP/2 it is an incomplete frame. */
    const struct guard_view view = {.accepted_us = link->accepted_us,
                                    .requests = link->requests,
                                    .partial = h2o_socket_is_reading(sock) ? sock->input->size : 0,
                                    .written = sock->bytes_written,
                                    .writing = h2o_socket_is_writing(sock)};
    enum guard_fault fault =
        guard_look(&link->guard, &view, &server->times, server->ingress->core->now_us);
    if (fault == GUARD_SLOW)
        condemn(link, EDGE_SLOW);
    else if (fault == GUARD_STALLED)
        condemn(link, EDGE_STALLED);
}

/* Whether more than `limit_us` lies between the two. h2o stamps requests by the wall's clock: one
 * that was set back by more than the limit says so of the few requests that were under way, too. */
static bool long_since(struct timeval *then, struct timeval *now, int64_t limit_us)
{
    int64_t since_us = h2o_timeval_subtract(then, now);
    return since_us > limit_us || since_us < -limit_us;
}

/* An HTTP/2 stream may be slow, or its window closed, beside others that are not. */
static int look_at_stream(h2o_req_t *req, void *memory)
{
    struct server *server = memory;
    const h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    if (!sock) /* an upgrade from HTTP/1.1 whose 101 is not taken yet: look() sees that */
        return 0;
    struct link *link = sock->on_close.data;
    struct timeval *now = h2o_get_timestamp(req->conn->ctx, NULL, NULL);
    struct timeval *begun = &req->timestamps.request_begin_at,
                   *answered = &req->timestamps.response_start_at;
    bool receiving = !h2o_timeval_is_null(begun) && !req->processed_at.at.tv_sec;
    bool sending =
        !h2o_timeval_is_null(answered) && h2o_timeval_is_null(&req->timestamps.response_end_at);
    if (receiving && long_since(begun, now, server->times.request_us))
        condemn(link, EDGE_SLOW);
    else if (sending && long_since(answered, now, server->times.idle_us))
        condemn(link, EDGE_STALLED);
    return 0;
}

/* By the core's clock, which never goes back: h2o's timers stand still when the wall's does. */
static void look_around(struct server *server)
{
    server->look_us = server->ingress->core->now_us + LOOK_US;
    for (uint32_t i = 0; i < server->open && i < LOOKS_MAX; i++) {
        struct link *link = H2O_STRUCT_FROM_MEMBER(struct link, looked, server->links.next);
        h2o_linklist_unlink(&link->looked);
        h2o_linklist_insert(&server->links, &link->looked); /* to the end */
        look(link);
    }
    if (server->looks++ % STREAM_LOOKS == 0)
        for (uint32_t i = 0; i < 2; i++)
            if (server->site[i].used)
                H2O_HTTP2_CALLBACKS.foreach_request(&server->site[i].ctx, look_at_stream, server);
}

/* ---- starting ---- */

/* Binds host:port; *port gets the port. -1 with `wrong` set. */
static int bind_listener(const char *host, uint16_t *port, bool shared, char wrong[static 256])
{
    char service[8];
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%u", *port);
    int result = getaddrinfo(host, service, &hints, &found);
    if (result) {
        snprintf(wrong, 256, "cannot listen on %s:%u: %s", host, *port, gai_strerror(result));
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    int receive = RECEIVE_BYTES; /* accepted sockets inherit it */
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
              setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive) == 0 &&
              bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1024) == 0;
    int error = errno;
    freeaddrinfo(found);
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    if (ok && getsockname(fd, (struct sockaddr *)&bound, &length) == 0) {
        *port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
        return fd;
    }
    snprintf(wrong, 256, "cannot listen on %s:%u: %s", host, *port, strerror(error));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Cores share the public port, and the kernel would share it with another process of the same user
 * as well: one that is in use is to be told. False with `wrong` set. */
static bool port_is_free(const char *host, uint16_t port, char wrong[static 256])
{
    int fd = port ? bind_listener(host, &port, false, wrong) : -1;
    if (fd >= 0)
        close(fd);
    return fd >= 0 || !port;
}

static bool site_init(struct server *server, const struct server_config *config, const char *host,
                      uint16_t *port, bool admin, char wrong[static 256])
{
    struct site *site = &server->site[admin];
    site->server = server;
    site->admin = admin;
    site->fd = bind_listener(host, port, !admin, wrong);
    if (site->fd < 0)
        return false;
    h2o_config_init(&site->conf);
    site->conf.server_name = h2o_iovec_init(H2O_STRLIT("castle"));
    site->conf.max_request_entity_size = BODY_READ_MAX;
    site->conf.handshake_timeout = HANDSHAKE_MS;
    site->conf.http1.req_timeout = config->idle_ms; /* h2o's covers waiting and receiving in one */
    site->conf.http2.idle_timeout =
        config->idle_ms < HTTP2_IDLE_MS ? config->idle_ms : HTTP2_IDLE_MS;
    h2o_hostconf_t *host_conf =
        h2o_config_register_host(&site->conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host_conf, "/", 0);
    struct castle_handler *handler =
        (struct castle_handler *)h2o_create_handler(path, sizeof *handler);
    handler->super.on_req = on_request;
    handler->site = site;
    h2o_context_init(&site->ctx, server->loop, &site->conf);
    site->accept = (h2o_accept_ctx_t){.ctx = &site->ctx, .hosts = site->conf.hosts};
    site->used = true;
    return true;
}

/* As many open files as the system grants; returns how many connections that is enough for. */
static uint32_t connections_allowed(uint32_t wanted)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return wanted;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur >= (rlim_t)wanted + FILES_BESIDE)
        return wanted;
    uint32_t allowed = files.rlim_cur > 2 * FILES_BESIDE ? (uint32_t)files.rlim_cur - FILES_BESIDE
                                                         : (uint32_t)files.rlim_cur / 2;
    log_warn("connections_lowered", "The system grants fewer open files than --max-connections.",
             log_number("wanted", wanted), log_number("files", (int64_t)files.rlim_cur),
             log_number("connections", allowed));
    return allowed;
}

static struct guard *guard_new(const struct ingress *ingress, uint32_t connections,
                               uint32_t per_address)
{
    struct guard *guard = calloc(1, sizeof *guard);
    uint64_t seed;
    ASSERT(guard != NULL);
    env_random(&ingress->ex->rt.env, &seed, sizeof seed);
    guard_init(guard, connections, per_address, seed);
    return guard;
}

static void on_wake(h2o_socket_t *sock, const char *err)
{
    uint64_t count;
    (void)err;
    ssize_t got = read(h2o_socket_get_fd(sock), &count, sizeof count);
    (void)got; /* empty already: another turn read it */
}

struct server *server_init(struct ingress *ingress, struct server_config *config, bool admin,
                           char wrong[static 256])
{
    struct server *server = calloc(1, sizeof *server);
    ASSERT(server != NULL);
    server->ingress = ingress;
    server->times = (struct guard_times){.request_us = config->request_ms * 1000ll,
                                         .idle_us = config->idle_ms * 1000ll};
    server->proxies = config->proxies;
    server->loop = h2o_evloop_create();
    server->ws = ws_hub_new(ingress, server->loop);
    ingress->streams = streams_new(ingress);
    h2o_linklist_init_anchor(&server->links);
    ingress->core->waker.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT(ingress->core->waker.fd >= 0);
    if (!config->guard)
        config->guard = guard_new(ingress, connections_allowed(config->connections_max),
                                  config->connections_per_address);
    server->site[0].guard = config->guard;
    if (admin && !port_is_free(config->listen_host, config->listen_port, wrong))
        return NULL;
    if (!site_init(server, config, config->listen_host, &config->listen_port, false, wrong))
        return NULL;
    server->site[0].accept.ssl_ctx = config->tls;
    if (config->tls)
        SSL_CTX_up_ref(config->tls);
    if (!admin)
        return server;
    server->site[1].guard = guard_new(ingress, ADMIN_CONNECTIONS_MAX, 0);
    if (!site_init(server, config, config->admin_host, &config->admin_port, true, wrong))
        return NULL;
    return server;
}

void server_open(struct server *server)
{
    server->wake = h2o_evloop_socket_create(server->loop, server->ingress->core->waker.fd,
                                            H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(server->wake, on_wake);
    for (uint32_t i = 0; i < 2; i++) {
        struct site *site = &server->site[i];
        if (!site->used)
            continue;
        site->listener =
            h2o_evloop_socket_create(server->loop, site->fd, H2O_SOCKET_FLAG_DONT_READ);
        site->listener->data = site;
        h2o_socket_read_start(site->listener, on_accept);
    }
}

void server_tls(struct server *server, struct ssl_ctx_st *tls)
{
    SSL_CTX_up_ref(tls);
    SSL_CTX_free(atomic_exchange(&server->tls_next, tls)); /* one that was never taken */
    waker_wake(&server->ingress->core->waker);
}

static void take_tls(struct server *server)
{
    SSL_CTX *old = server->site[0].accept.ssl_ctx;
    server->site[0].accept.ssl_ctx = atomic_exchange(&server->tls_next, NULL);
    SSL_CTX_free(old);
}

void server_drain(struct server *server)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct site *site = &server->site[i];
        if (!site->used || !site->listener)
            continue;
        h2o_socket_read_stop(site->listener);
        h2o_socket_close(site->listener);
        site->listener = NULL;
        h2o_context_request_shutdown(&site->ctx);
    }
    ws_hub_drain(server->ws);
}

void server_turn(struct server *server, int32_t wait_ms)
{
    if (!server->entered) {
        server->entered = true;
        /* thread-local in h2o: small buffers instead of 8 KiB, trimmed every turn (PARTS §4) */
        h2o_socket_buffer_prototype.allocator.max = 2048;
        h2o_socket_buffer_prototype._initial_buf.capacity = 1024;
    }
    if (atomic_load_explicit(&server->tls_next, memory_order_relaxed))
        take_tls(server);
    if (server->ingress->core->now_us >= server->look_us)
        look_around(server);
    if (server->ingress->answered) {
        server->ingress->answered = 0;
        for (uint32_t i = 0; i < 2; i++) /* HTTP/2 links a zero timeout to write: run it now */
            if (server->site[i].used)
                h2o_timeout_run(server->loop, &server->site[i].ctx.zero_timeout,
                                h2o_now(server->loop));
        wait_ms = 0; /* or HTTP/1.1 stalls (PARTS §4) */
    }
    uint64_t told_ns = streams_turn(server->ingress->streams, wait_ms > 0) ? env_mono_ns() : 0;
    if (ws_hub_turn(server->ws) || server->ingress->answered)
        wait_ms = 0;
    if (told_ns)
        streams_rest(server->ingress->streams, env_mono_ns() - told_ns);
    h2o_evloop_run(server->loop, streams_wait_ms(server->ingress->streams, wait_ms));
}

bool server_idle(const struct server *server)
{
    return server->ingress->calls == 0 && server->ingress->answered == 0 && ws_hub_idle(server->ws);
}
