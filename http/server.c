#define H2O_USE_LIBUV 0
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <h2o.h>
#pragma GCC diagnostic pop

#include "http/admin.h"
#include "http/operation.h"
#include "runtime/check.h"
#include "runtime/hash.h"

struct site { /* one listener's side of h2o: the public API, or the admin one */
    struct server *server;
    h2o_globalconf_t conf;
    h2o_context_t ctx;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    int fd;
    bool used, admin;
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
    uint32_t connections, connections_max;
};

/* Ties a request to its call: lives in the request's pool, dies with it. */
struct tie {
    h2o_req_t *req;
    struct call *call;
};

static void on_request_gone(void *memory)
{
    struct tie *tie = memory;
    if (tie->call)
        call_abandon(tie->call);
    tie->call = NULL;
    tie->req = NULL;
}

/* ---- answers ---- */

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
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
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Bad Request";
    }
}

static h2o_iovec_t decimal(h2o_mem_pool_t *pool, uint32_t value)
{
    char digits[10], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    return h2o_strdup(pool, at, (size_t)(digits + sizeof digits - at));
}

/* What the client has used (API §1.5). */
static void add_usage(h2o_req_t *req, const struct call *call)
{
    static const struct {
        const char *name, *lower;
    } headers[] = {{"X-MBX-USED-WEIGHT", "x-mbx-used-weight"},
                   {"X-MBX-USED-WEIGHT-1M", "x-mbx-used-weight-1m"},
                   {"X-MBX-ORDER-COUNT-10S", "x-mbx-order-count-10s"},
                   {"X-MBX-ORDER-COUNT-1D", "x-mbx-order-count-1d"}};
    const uint32_t counts[] = {call->used_weight, call->used_weight, call->unfilled[ORDERS_10S],
                               call->unfilled[ORDERS_1D]};
    uint32_t tells = !call->address ? 0 : call->tells_orders ? 4 : 2;
    for (uint32_t i = 0; i < tells; i++) {
        h2o_iovec_t value = decimal(&req->pool, counts[i]);
        h2o_add_header_by_str(&req->pool, &req->res.headers, headers[i].lower,
                              strlen(headers[i].lower), 0, headers[i].name, value.base, value.len);
    }
}

static void respond(void *transport, int status, const char *body, size_t length)
{
    static h2o_generator_t generator;
    struct tie *tie = transport;
    h2o_req_t *req = tie->req;
    const char *type = tie->call->content_type;
    if (!type)
        type = "application/json;charset=UTF-8";
    add_usage(req, tie->call);
    tie->call = NULL; /* h2o_send may dispose of the request, and so of the tie */
    h2o_iovec_t data = h2o_strdup(&req->pool, body, length);
    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.content_length = length;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_start_response(req, &generator);
    h2o_send(req, &data, 1, H2O_SEND_STATE_FINAL);
}

/* ---- requests ---- */

static enum method method_of(const h2o_iovec_t *method)
{
    static const char *const names[] = {"GET", "POST", "PUT", "DELETE"};
    for (uint32_t i = 0; i < 4; i++)
        if (h2o_memis(method->base, method->len, names[i], strlen(names[i])))
            return (enum method)i;
    return METHOD_OTHER;
}

static struct slice header_of(const h2o_req_t *req, const char *name, size_t length)
{
    ssize_t at = h2o_find_header_by_str(&req->headers, name, length, -1);
    if (at < 0)
        return (struct slice){"", 0};
    return (struct slice){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
}

/* Takes one line off the request's head; false at its empty line, or where the text ends. */
static bool next_line(struct slice *head, struct slice *line)
{
    const char *end = memchr(head->data, '\n', head->length);
    if (!end)
        return false;
    size_t length = (size_t)(end - head->data);
    *line = (struct slice){head->data, length && end[-1] == '\r' ? length - 1 : length};
    head->data = end + 1;
    head->length -= length + 1;
    return line->length > 0;
}

/* Whether an HTTP/1 head says the body's length twice, or in a coding other than chunked: h2o 2.2.5
 * picks one and reads the rest as the next request. Until the answer is sent the raw request stands
 * at the beginning of the socket's input buffer (h2o lib/http1.c). */
static bool smells_of_smuggling(const h2o_req_t *req)
{
    uint32_t lengths = 0, codings = 0;
    const h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    struct slice head = {sock->input->bytes, sock->input->size}, line;
    if (!next_line(&head, &line))
        return false;
    while (next_line(&head, &line)) {
        const char *colon = memchr(line.data, ':', line.length);
        size_t name = colon ? (size_t)(colon - line.data) : 0;
        if (h2o_lcstris(line.data, name, H2O_STRLIT("content-length")))
            lengths++;
        if (!h2o_lcstris(line.data, name, H2O_STRLIT("transfer-encoding")))
            continue;
        struct slice value = {colon + 1, line.length - name - 1};
        while (value.length && (*value.data == ' ' || *value.data == '\t'))
            value.data++, value.length--;
        if (!h2o_lcstris(value.data, value.length, H2O_STRLIT("chunked")))
            return true;
        codings++;
    }
    return lengths + codings > 1;
}

/* The peer's address, for the log. */
static void name_peer(h2o_req_t *req, char out[static PEER_TEXT_BYTES])
{
    struct sockaddr_storage address;
    char host[INET6_ADDRSTRLEN], port[8];
    socklen_t length = req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&address);
    if (length && getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port,
                              sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(out, PEER_TEXT_BYTES, "%s:%s", host, port);
}

/* The address alone: its connections count together. IPv4 addresses never share a key. */
static uint64_t address_of(h2o_req_t *req)
{
    static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    struct sockaddr_storage peer;
    uint32_t v4 = 0;
    if (!req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&peer))
        return 1;
    if (peer.ss_family == AF_INET)
        v4 = ((struct sockaddr_in *)&peer)->sin_addr.s_addr;
    const struct in6_addr *v6 = &((struct sockaddr_in6 *)&peer)->sin6_addr;
    if (peer.ss_family == AF_INET6 && memcmp(v6, mapped, sizeof mapped) == 0)
        memcpy(&v4, v6->s6_addr + 12, sizeof v4);
    else if (peer.ss_family == AF_INET6)
        return hash_bytes(0, v6, sizeof *v6) | UINT64_C(1) << 63;
    return UINT64_C(1) << 32 | v4;
}

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    struct site *site = ((struct castle_handler *)handler)->site;
    struct ingress *ingress = site->server->ingress;
    struct tie *tie = h2o_mem_alloc_shared(&req->pool, sizeof *tie, on_request_gone);
    struct call *call = call_new(ingress);
    *tie = (struct tie){.req = req, .call = call};
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
    call->address = site->admin ? 0 : address_of(req);
    if (!site->admin && atomic_load_explicit(&ingress->shared->draining, memory_order_relaxed)) {
        req->http1_is_persistent = 0;
        call_error(call, 503, -1008, "The server is draining.");
        return 0;
    }
    if (req->version < 0x200 && smells_of_smuggling(req)) {
        req->http1_is_persistent = 0; /* what follows on this connection cannot be trusted */
        call_error(call, 400, -1100, "The request's length is ambiguous.");
        return 0;
    }
    if (req->entity.len > CALL_BODY_MAX) {
        call_error(call, 413, -1101, "The body is longer than 16384 bytes.");
        return 0;
    }
    if (site->admin) {
        call->api_key = header_of(req, H2O_STRLIT("authorization"));
        name_peer(req, call->peer);
        admin_start(call);
        return 0;
    }
    call->api_key = header_of(req, H2O_STRLIT("x-mbx-apikey"));
    struct slice unit = header_of(req, H2O_STRLIT("x-mbx-time-unit"));
    call->micro = h2o_lcstris(unit.data, unit.length, H2O_STRLIT("microsecond"));
    operation_start(call);
    return 0;
}

/* ---- connections ---- */

static struct listener_counts *counts_of(struct site *site)
{
    return &site->server->ingress->counts.listener[site->admin];
}

static void on_connection_gone(void *memory)
{
    struct site *site = memory;
    counter *open = &counts_of(site)->open;
    site->server->connections--;
    counter_set(open, counter_get(open) - 1);
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct site *site = listener->data;
    if (err)
        return;
    for (uint32_t burst = 0; burst < 16; burst++) {
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (!sock)
            return;
        if (site->server->connections >= site->server->connections_max) {
            counter_add(&counts_of(site)->refused, 1);
            h2o_socket_close(sock);
            continue;
        }
        site->server->connections++;
        counter_add(&counts_of(site)->accepted, 1);
        counter_add(&counts_of(site)->open, 1);
        sock->on_close.cb = on_connection_gone;
        sock->on_close.data = site;
        h2o_accept(&site->accept, sock);
    }
}

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
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
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

static bool site_init(struct server *server, struct site *site, const char *host, uint16_t *port,
                      bool admin, bool shared, char wrong[static 256])
{
    site->server = server;
    site->admin = admin;
    site->fd = bind_listener(host, port, shared, wrong);
    if (site->fd < 0)
        return false;
    h2o_config_init(&site->conf);
    site->conf.server_name = h2o_iovec_init(H2O_STRLIT("castle"));
    site->conf.max_request_entity_size = 4 * CALL_BODY_MAX; /* beyond: h2o's own 413 or reset */
    site->conf.http1.req_timeout = 5000;
    site->conf.http2.idle_timeout = 30000;
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
    server->connections_max = config->connections_max;
    server->loop = h2o_evloop_create();
    ingress->core->waker.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT(ingress->core->waker.fd >= 0);
    if (!site_init(server, &server->site[0], config->listen_host, &config->listen_port, false, true,
                   wrong))
        return NULL;
    if (admin && !site_init(server, &server->site[1], config->admin_host, &config->admin_port, true,
                            false, wrong))
        return NULL;
    return server;
}

void server_open(struct server *server)
{
    /* thread-local in h2o: small buffers instead of 8 KiB that are trimmed every turn (PARTS §4) */
    h2o_socket_buffer_prototype.allocator.max = 2048;
    h2o_socket_buffer_prototype._initial_buf.capacity = 1024;
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
}

void server_turn(struct server *server, int32_t wait_ms)
{
    if (server->ingress->answered) {
        server->ingress->answered = 0;
        for (uint32_t i = 0; i < 2; i++) /* HTTP/2 links a zero timeout to write: run it now */
            if (server->site[i].used)
                h2o_timeout_run(server->loop, &server->site[i].ctx.zero_timeout,
                                h2o_now(server->loop));
        wait_ms = 0; /* or HTTP/1.1 stalls (PARTS §4) */
    }
    h2o_evloop_run(server->loop, wait_ms);
}

bool server_idle(const struct server *server)
{
    return server->ingress->calls == 0 && server->ingress->answered == 0;
}
