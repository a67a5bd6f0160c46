#define _GNU_SOURCE /* memmem */
#include "bench/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "runtime/check.h"

enum { HEAD_BYTES_MAX = 64 * 1024, READ_BYTES = 64 * 1024, ERROR_BYTES = 256 };
static const size_t BODY_BYTES_MAX = (size_t)256 * 1024 * 1024;

struct buffer {
    char *bytes;
    size_t begin, end, room; /* live bytes are [begin, end) */
};

struct http_client {
    struct http_address address;
    int socket; /* -1 between connections */
    uint32_t in_flight;
    bool failed, closing; /* closing: the server said "Connection: close" */
    struct buffer out, in;
    char error[ERROR_BYTES];
};

/* ---- buffers ---- */

static void buffer_reserve(struct buffer *buffer, size_t bytes)
{
    size_t live = buffer->end - buffer->begin;
    if (buffer->begin > 0 && (live == 0 || buffer->room - buffer->end < bytes)) {
        memmove(buffer->bytes, buffer->bytes + buffer->begin, live);
        buffer->begin = 0;
        buffer->end = live;
    }
    if (buffer->room - buffer->end >= bytes)
        return;
    size_t room = (live + bytes) * 2;
    buffer->bytes = realloc(buffer->bytes, room);
    ASSERT(buffer->bytes != NULL);
    buffer->room = room;
}

static void buffer_append(struct buffer *buffer, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    buffer_reserve(buffer, length);
    memcpy(buffer->bytes + buffer->end, bytes, length);
    buffer->end += length;
}

/* ---- addresses ---- */

bool http_address_parse(const char *text, struct http_address *address)
{
    static const char scheme[] = "http://";
    if (strncasecmp(text, scheme, sizeof(scheme) - 1) == 0)
        text += sizeof(scheme) - 1;
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '/')
        length--;
    const char *colon = memrchr(text, ':', length);
    if (colon == NULL || colon == text)
        return false;
    const char *host = text, *host_end = colon;
    if (*host == '[' && host_end[-1] == ']') {
        host++;
        host_end--;
    }
    size_t host_bytes = (size_t)(host_end - host);
    size_t port_bytes = (size_t)(text + length - colon - 1);
    if (host_bytes == 0 || host_bytes >= HTTP_HOST_MAX || memchr(host, '/', host_bytes) != NULL ||
        (host == text && memchr(host, ':', host_bytes) != NULL))
        return false;
    if (port_bytes == 0 || port_bytes > 5 || strspn(colon + 1, "0123456789") < port_bytes)
        return false;
    address->from[0] = '\0';
    memcpy(address->host, host, host_bytes);
    address->host[host_bytes] = '\0';
    memcpy(address->port, colon + 1, port_bytes);
    address->port[port_bytes] = '\0';
    long port = strtol(address->port, NULL, 10);
    return port >= 1 && port <= 65535;
}

/* ---- the connection ---- */

__attribute__((format(printf, 2, 3))) static enum http_client_status
fail(struct http_client *client, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(client->error, sizeof(client->error), format, args);
    va_end(args);
    client->failed = true;
    return HTTP_CLIENT_FAILED;
}

static void disconnect(struct http_client *client)
{
    if (client->socket >= 0)
        close(client->socket);
    client->socket = -1;
    client->closing = false;
    client->in.begin = client->in.end = 0;
}

/* Whether the socket has the address that it shall come from. */
static bool bind_from(int fd, int family, const char *from)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    if (from[0] == '\0' || family != AF_INET)
        return true;
    if (inet_pton(AF_INET, from, &own.sin_addr) == 1)
        return bind(fd, (const struct sockaddr *)&own, sizeof(own)) == 0;
    errno = EINVAL;
    return false;
}

int http_connect(const struct http_address *to, const char **why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int code = getaddrinfo(to->host, to->port, &hints, &list), fd = -1, on = 1;
    if (code != 0) {
        *why = gai_strerror(code);
        return -1;
    }
    for (struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && bind_from(fd, at->ai_family, to->from) &&
            connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            break;
        *why = strerror(errno);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    if (fd >= 0) /* our requests are whole; waiting for more only delays them */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static enum http_client_status connect_now(struct http_client *client)
{
    const struct http_address *to = &client->address;
    const char *why = "it has no address";
    client->socket = http_connect(to, &why);
    if (client->socket < 0)
        return fail(client, "cannot connect to %s:%s: %s", to->host, to->port, why);
    return HTTP_CLIENT_OK;
}

struct http_client *http_client_open(const struct http_address *address)
{
    struct http_client *client = calloc(1, sizeof(*client));
    ASSERT(client != NULL);
    client->address = *address;
    client->socket = -1;
    return client;
}

void http_client_close(struct http_client *client)
{
    if (client == NULL)
        return;
    disconnect(client);
    free(client->out.bytes);
    free(client->in.bytes);
    free(client);
}

uint32_t http_client_in_flight(const struct http_client *client)
{
    return client->in_flight;
}

const char *http_client_error(const struct http_client *client)
{
    return client->error;
}

/* ---- sending ---- */

/* Nothing is in flight, so whatever is readable can only be the end of the connection. */
static bool closed_while_idle(const struct http_client *client)
{
    char byte;
    ssize_t got = recv(client->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

enum http_client_status http_client_send(struct http_client *client, const char *method,
                                         const char *target, const char *headers, const char *body,
                                         size_t body_bytes)
{
    if (client->failed)
        return HTTP_CLIENT_FAILED;
    if (client->in_flight == 0 && client->socket >= 0 &&
        (client->closing || closed_while_idle(client)))
        disconnect(client);
    if (client->socket < 0 && connect_now(client) != HTTP_CLIENT_OK)
        return HTTP_CLIENT_FAILED;
    char line[HTTP_HOST_MAX + 128];
    bool bracket = strchr(client->address.host, ':') != NULL;
    int length =
        snprintf(line, sizeof(line), " HTTP/1.1\r\nHost: %s%s%s:%s\r\nContent-Length: %zu\r\n",
                 bracket ? "[" : "", client->address.host, bracket ? "]" : "", client->address.port,
                 body_bytes);
    ASSERT(length > 0 && (size_t)length < sizeof(line));
    buffer_append(&client->out, method, strlen(method));
    buffer_append(&client->out, " ", 1);
    buffer_append(&client->out, target, strlen(target));
    buffer_append(&client->out, line, (size_t)length);
    if (headers != NULL)
        buffer_append(&client->out, headers, strlen(headers));
    buffer_append(&client->out, "\r\n", 2);
    buffer_append(&client->out, body, body_bytes);
    client->in_flight++;
    return HTTP_CLIENT_OK;
}

enum http_client_status http_client_flush(struct http_client *client)
{
    struct buffer *out = &client->out;
    if (client->failed)
        return HTTP_CLIENT_FAILED;
    while (out->end > out->begin) {
        ssize_t sent = send(client->socket, out->bytes + out->begin, out->end - out->begin,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return HTTP_CLIENT_OK;
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return fail(client, "write failed with %u requests in flight: %s", client->in_flight,
                        strerror(errno));
        out->begin += (size_t)sent;
    }
    return HTTP_CLIENT_OK;
}

/* ---- receiving ---- */

static bool header_is(const char *line, size_t length, const char *name, const char **value)
{
    size_t bytes = strlen(name);
    if (length <= bytes || line[bytes] != ':' || strncasecmp(line, name, bytes) != 0)
        return false;
    *value = line + bytes + 1;
    while (**value == ' ' || **value == '\t')
        (*value)++;
    return true;
}

/* Reads the header lines between the status line and the empty one. False when the body's length
 * cannot be known from them. */
static bool parse_headers(const char *at, const char *end, bool may_have_body, size_t *body_bytes,
                          bool *close, const char **why)
{
    bool has_length = false;
    *body_bytes = 0;
    while (at < end) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2), *value;
        ASSERT(line_end != NULL); /* the caller found the empty line */
        size_t length = (size_t)(line_end - at);
        if (header_is(at, length, "content-length", &value)) {
            char *digits_end;
            errno = 0;
            unsigned long long bytes = strtoull(value, &digits_end, 10);
            if (*value < '0' || *value > '9' || errno != 0 || bytes > BODY_BYTES_MAX ||
                *digits_end != '\r') {
                *why = "an answer with a Content-Length that is no length";
                return false;
            }
            *body_bytes = (size_t)bytes;
            has_length = true;
        } else if (header_is(at, length, "transfer-encoding", &value)) {
            *why = "an answer with a Transfer-Encoding, which this client does not read";
            return false;
        } else if (header_is(at, length, "connection", &value)) {
            *close = strncasecmp(value, "close", 5) == 0;
        }
        at = line_end + 2;
    }
    if (may_have_body && !has_length)
        *why = "an answer without a Content-Length";
    if (!may_have_body)
        *body_bytes = 0;
    return has_length || !may_have_body;
}

ptrdiff_t http_answer_parse(const char *bytes, size_t length, struct http_answer *answer,
                            bool *close, const char **why)
{
    static const char version[] = "HTTP/1.";
    const char *head_end = memmem(bytes, length, "\r\n\r\n", 4);
    *close = false;
    if (head_end == NULL) {
        *why = "an answer whose head does not end";
        return length > HEAD_BYTES_MAX ? -1 : 0;
    }
    size_t head_bytes = (size_t)(head_end - bytes) + 4;
    *why = "bytes that are no HTTP/1.1 answer";
    if (head_bytes < 16 || memcmp(bytes, version, sizeof(version) - 1) != 0 || bytes[8] != ' ')
        return -1;
    for (int i = 9; i < 12; i++)
        if (bytes[i] < '0' || bytes[i] > '9')
            return -1;
    answer->status = (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0');
    if (answer->status < 100)
        return -1;
    bool may_have_body = answer->status >= 200 && answer->status != 204 && answer->status != 304;
    const char *headers = (const char *)memmem(bytes, head_bytes, "\r\n", 2) + 2;
    if (headers > head_end)
        headers = head_end + 2; /* a status line alone */
    if (!parse_headers(headers, head_end + 2, may_have_body, &answer->body_bytes, close, why))
        return -1;
    answer->body = bytes + head_bytes;
    if (length - head_bytes < answer->body_bytes)
        return 0;
    return (ptrdiff_t)(head_bytes + answer->body_bytes);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Takes the first answer out of the input buffer, if it is whole. Interim answers are dropped. */
static enum http_client_status take_answer(struct http_client *client, struct http_answer *answer)
{
    struct buffer *in = &client->in;
    for (;;) {
        const char *why;
        bool closing;
        if (in->end == in->begin)
            return HTTP_CLIENT_TIMEOUT;
        ptrdiff_t taken =
            http_answer_parse(in->bytes + in->begin, in->end - in->begin, answer, &closing, &why);
        if (taken < 0)
            return fail(client, "the server sent %s", why);
        if (taken == 0)
            return HTTP_CLIENT_TIMEOUT;
        in->begin += (size_t)taken;
        if (answer->status < 200)
            continue;
        client->in_flight--;
        client->closing = closing;
        if (closing && client->in_flight > 0)
            return fail(client, "the server closes the connection with %u requests in flight",
                        client->in_flight);
        return HTTP_CLIENT_OK;
    }
}

static enum http_client_status read_more(struct http_client *client)
{
    buffer_reserve(&client->in, READ_BYTES);
    ssize_t got = recv(client->socket, client->in.bytes + client->in.end, READ_BYTES, MSG_DONTWAIT);
    if (got > 0)
        client->in.end += (size_t)got;
    else if (got == 0)
        return fail(client, "the server closed the connection with %u requests in flight",
                    client->in_flight);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return fail(client, "read failed with %u requests in flight: %s", client->in_flight,
                    strerror(errno));
    return HTTP_CLIENT_OK;
}

enum http_client_status http_client_receive(struct http_client *client, int timeout_ms,
                                            struct http_answer *answer)
{
    ASSERT(client->in_flight > 0);
    int64_t until_ms = now_ms() + timeout_ms;
    if (client->failed)
        return HTTP_CLIENT_FAILED;
    for (;;) {
        enum http_client_status taken = take_answer(client, answer);
        if (taken != HTTP_CLIENT_TIMEOUT)
            return taken;
        if (http_client_flush(client) != HTTP_CLIENT_OK)
            return HTTP_CLIENT_FAILED;
        int64_t left_ms = until_ms - now_ms();
        bool unsent = client->out.end > client->out.begin;
        struct pollfd wait = {.fd = client->socket,
                              .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN)};
        int ready = poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready < 0 && errno != EINTR)
            return fail(client, "poll failed: %s", strerror(errno));
        if (ready > 0 && (wait.revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
            read_more(client) != HTTP_CLIENT_OK)
            return HTTP_CLIENT_FAILED;
        if (ready == 0 && left_ms <= 0)
            return HTTP_CLIENT_TIMEOUT;
    }
}
