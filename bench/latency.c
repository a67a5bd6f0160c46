/* latency.c - a small, smooth, open-loop client: one signed order posted over and over.
 *
 * Use:     latency --to HOST:PORT --body FILE [--path /api/v3/order] [--api-key KEY] --rate N
 *          [--seconds 5] [--warm-up 1] [--connections 4] [--stop PID] [--wait 0|1]
 *          [--burst N] [--json FILE] [--first-trade ID --trades TARGET --reports FILE]
 * Method:  request i is meant to start at start + i / rate, whatever became of those before it; its
 *          latency is completion - intended start ("corrected"). Beside it completion - moment of
 *          sending ("raw"), which a slow server can hide behind. HTTP/2 by prior knowledge on a few
 *          connections; what finds every stream taken waits here, and its clock runs. The thread
 *          spins, so no timer is between the due time and the write; with --wait 1 it sleeps until
 *          then, for when others run on its core. With --burst N always N are due at once.
 * Answers: only 200 counts; any other, or a reset, is a failure.
 * Stop:    --stop PID stops that process for a second in the middle of the run: the self-check of
 *          open loop. The corrected latencies must show it, or the program says so with 1.
 * Events:  with --trades and --reports each order must trade once, the first one in trade ID. One
 *          connection keeps orders in order, so order i is trade ID + i: its way to the "trade"
 *          event on the market stream TARGET, and to the "executionReport" on a WebSocket API
 *          connection that sends FILE's message first, is measured like its way to the answer.
 * Wire:    no HTTP/2 library is among the project's parts, and this needs little of one: constant
 *          header blocks out, and of the answers the first byte of theirs, which is 0x88 for
 *          :status 200 in any encoding (RFC 7541 §6.1, entry 8 of the static table).
 * Thread:  one, not pinned (taskset).
 * Exit:    0; 1 when an answer was not 200 or missing, an event was missing or out of order, or a
 *          connection failed; 2 for bad arguments.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/http_client.h"
#include "bench/measure.h"
#include "bench/ws_client.h"
#include "runtime/check.h"
#include "runtime/hist.h"

enum {
    CONNECTIONS_MAX = 64,
    STREAMS = 1024,      /* slots of a connection: ids in flight may lie this far apart */
    REQUEST_MAX = 4096,  /* bytes of one request on the wire */
    OUT_BYTES = 1 << 20, /* bytes of a connection's output: far beyond its streams' requests */
    IN_BYTES = 1 << 18,  /* its input: whole frames of 16 KiB */
    FRAME_HEAD = 9,
    WINDOW = 65535,  /* HTTP/2's own, until the peer says otherwise */
    PATIENCE_S = 15, /* for the last answers; the server gives up after 10 s */
};

enum frame { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, HAS_PRIORITY = 32 };

struct options {
    struct http_address to;
    const char *body, *path, *api_key, *json;
    double rate, seconds, warm_up;
    uint32_t connections, burst;
    pid_t stop;
    bool wait;
    const char *trades, *reports; /* both or neither */
    uint64_t first_trade;
};

struct stream {
    uint64_t due_ns, sent_ns;
    uint32_t id; /* 0: free */
    bool measured, ok;
};

struct connection {
    int socket;
    uint32_t next_id, in_flight, streams_max;
    int64_t window; /* bytes of DATA that the server will take */
    uint64_t unacknowledged;
    bool greeted; /* its first request carries the names, later ones their indexes */
    unsigned char *out, *in;
    uint32_t out_begin, out_end, in_end;
    struct stream stream[STREAMS];
};

struct watch { /* a WebSocket on which the orders' trades are told */
    struct ws_client ws;
    uint64_t told;
    struct hist corrected, raw;
};

enum { TRADES, REPORTS, WATCHES };

static struct {
    struct options options;
    struct connection *connection[CONNECTIONS_MAX];
    unsigned char request[2][REQUEST_MAX]; /* the first of a connection, and all others */
    uint32_t request_bytes[2], body_bytes;
    int epoll;
    uint32_t turn;
    uint64_t due, sent, done, failed;
    struct hist corrected, raw;
    uint64_t *sent_ns; /* of each request */
    struct watch watch[WATCHES];
} load;

static void die(const char *what)
{
    fprintf(stderr, "latency: %s\n", what);
    exit(1);
}

/* ---- the request's bytes ---- */

struct bytes {
    unsigned char *at;
    uint32_t length;
};

static void put(struct bytes *out, const void *data, size_t length)
{
    if (out->length + length > REQUEST_MAX)
        die("the request is longer than 4096 bytes");
    memcpy(out->at + out->length, data, length);
    out->length += (uint32_t)length;
}

static void put_byte(struct bytes *out, uint32_t byte)
{
    put(out, &(unsigned char){(unsigned char)byte}, 1);
}

static void put_frame(struct bytes *out, size_t length, enum frame type, uint32_t flags)
{
    put_byte(out, (uint32_t)(length >> 16));
    put_byte(out, (uint32_t)(length >> 8));
    put_byte(out, (uint32_t)length);
    put_byte(out, type);
    put_byte(out, flags);
    put(out, "\0\0\0\0", 4); /* the stream, set when it is sent */
}

static void put_string(struct bytes *out, const char *text)
{
    size_t length = strlen(text); /* RFC 7541 §5.1: a prefix of 7 bits, here without Huffman */
    if (length < 127) {
        put_byte(out, (uint32_t)length);
    } else {
        put_byte(out, 127);
        for (length -= 127; length >= 128; length /= 128)
            put_byte(out, (uint32_t)(128 | length % 128));
        put_byte(out, (uint32_t)length);
    }
    put(out, text, strlen(text));
}

/* The header block: names and values, entered in the server's table, or their indexes in it. */
static void put_headers(struct bytes *out, bool first, const char *authority)
{
    const struct options *options = &load.options;
    char length[16];
    snprintf(length, sizeof length, "%u", load.body_bytes);
    const struct {
        uint32_t name; /* in the static table; 0: spelt out */
        const char *text, *value;
    } fields[] = {{4, NULL, options->path},
                  {1, NULL, authority},
                  {31, NULL, "application/x-www-form-urlencoded"},
                  {28, NULL, length},
                  {0, "x-mbx-apikey", options->api_key}};
    enum { FIELDS = sizeof fields / sizeof *fields, DYNAMIC = 62 };
    put_byte(out, 0x83); /* :method POST */
    put_byte(out, 0x86); /* :scheme http */
    for (uint32_t i = 0; i < FIELDS; i++) {
        if (!first) {
            put_byte(out, 0x80 | (DYNAMIC + FIELDS - 1 - i)); /* the newest entry is first */
            continue;
        }
        put_byte(out, 0x40 | fields[i].name);
        if (fields[i].text)
            put_string(out, fields[i].text);
        put_string(out, fields[i].value);
    }
}

static void build_request(bool first, const char *body)
{
    char authority[HTTP_HOST_MAX + HTTP_PORT_MAX + 1];
    unsigned char block[REQUEST_MAX];
    struct bytes headers = {.at = block}, out = {.at = load.request[!first]};
    snprintf(authority, sizeof authority, "%s:%s", load.options.to.host, load.options.to.port);
    put_headers(&headers, first, authority);
    put_frame(&out, headers.length, HEADERS, END_HEADERS);
    put(&out, block, headers.length);
    put_frame(&out, load.body_bytes, DATA, END_STREAM);
    put(&out, body, load.body_bytes);
    load.request_bytes[!first] = out.length;
}

static void read_body(void)
{
    static char body[REQUEST_MAX];
    FILE *file = fopen(load.options.body, "re");
    load.body_bytes = file ? (uint32_t)fread(body, 1, sizeof body, file) : 0;
    if (file)
        fclose(file);
    if (load.body_bytes == 0)
        die("cannot read the body");
    build_request(true, body);
    build_request(false, body);
}

/* ---- connections ---- */

static uint32_t get_32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void set_32(unsigned char *p, uint32_t value)
{
    for (uint32_t i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void append(struct connection *conn, const void *data, uint32_t length)
{
    if (conn->out_end + length > OUT_BYTES) {
        memmove(conn->out, conn->out + conn->out_begin, conn->out_end - conn->out_begin);
        conn->out_end -= conn->out_begin;
        conn->out_begin = 0;
    }
    ASSERT(conn->out_end + length <= OUT_BYTES); /* streams_max requests, and small frames */
    memcpy(conn->out + conn->out_end, data, length);
    conn->out_end += length;
}

static void append_frame(struct connection *conn, enum frame type, uint32_t flags, uint32_t stream,
                         const void *payload, uint32_t length)
{
    unsigned char head[FRAME_HEAD] = {0, (unsigned char)(length >> 8), (unsigned char)length,
                                      (unsigned char)type, (unsigned char)flags};
    set_32(head + 5, stream);
    append(conn, head, sizeof head);
    if (length)
        append(conn, payload, length);
}

/* Lets the server send `more` bytes of DATA on all streams together. */
static void give_window(struct connection *conn, uint32_t more)
{
    unsigned char bytes[4];
    set_32(bytes, more);
    append_frame(conn, WINDOW_UPDATE, 0, 0, bytes, sizeof bytes);
}

static void flush(struct connection *conn)
{
    while (conn->out_begin < conn->out_end) {
        ssize_t put = send(conn->socket, conn->out + conn->out_begin,
                           conn->out_end - conn->out_begin, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (put < 0)
            die("the server closed a connection");
        conn->out_begin += (uint32_t)put;
    }
    conn->out_begin = conn->out_end = 0;
}

static struct connection *open_connection(void)
{
    struct connection *conn = calloc(1, sizeof *conn);
    const char *why = "cannot connect";
    ASSERT(conn != NULL);
    conn->out = malloc(OUT_BYTES);
    conn->in = malloc(IN_BYTES);
    ASSERT(conn->out && conn->in);
    conn->socket = http_connect(&load.options.to, &why);
    if (conn->socket < 0)
        die(why);
    conn->next_id = 1;
    conn->streams_max = 100;
    conn->window = WINDOW;
    append(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    append_frame(conn, SETTINGS, 0, 0, NULL, 0);
    give_window(conn, INT32_MAX - WINDOW);
    flush(conn);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    ASSERT(epoll_ctl(load.epoll, EPOLL_CTL_ADD, conn->socket, &event) == 0);
    return conn;
}

/* ---- answers ---- */

static struct stream *slot_of(struct connection *conn, uint32_t id)
{
    return &conn->stream[id / 2 % STREAMS];
}

static void finish(struct connection *conn, uint32_t id, bool ok, uint64_t now_ns)
{
    struct stream *stream = slot_of(conn, id);
    if (stream->id != id)
        die("an answer to no request");
    if (!ok)
        load.failed++;
    if (stream->measured) {
        hist_add(&load.corrected, now_ns - stream->due_ns);
        hist_add(&load.raw, now_ns - stream->sent_ns);
    }
    stream->id = 0;
    conn->in_flight--;
    load.done++;
}

static void on_headers(struct connection *conn, const unsigned char *payload, uint32_t length,
                       uint32_t flags, uint32_t id)
{
    uint32_t at = (flags & PADDED ? 1u : 0u) + (flags & HAS_PRIORITY ? 5u : 0u);
    while (at < length && (payload[at] & 0xE0) == 0x20) /* a table's new size: one byte here */
        at++;
    if (slot_of(conn, id)->id == id)
        slot_of(conn, id)->ok |= at < length && payload[at] == 0x88;
}

static void on_settings(struct connection *conn, const unsigned char *payload, uint32_t length)
{
    for (uint32_t at = 0; at + 6 <= length; at += 6)
        if (payload[at] == 0 && payload[at + 1] == 3) { /* MAX_CONCURRENT_STREAMS */
            uint32_t most = get_32(payload + at + 2);
            conn->streams_max = most < 256 ? most : 256;
        }
    append_frame(conn, SETTINGS, ACK, 0, NULL, 0);
}

static void on_frame(struct connection *conn, const unsigned char *frame, uint32_t length,
                     uint64_t now_ns)
{
    const unsigned char *payload = frame + FRAME_HEAD;
    uint32_t type = frame[3], flags = frame[4], id = get_32(frame + 5) & INT32_MAX;
    switch (type) {
    case HEADERS:
        on_headers(conn, payload, length, flags, id);
        break;
    case DATA:
        conn->unacknowledged += length;
        if (conn->unacknowledged > INT32_MAX / 2) {
            give_window(conn, (uint32_t)conn->unacknowledged);
            conn->unacknowledged = 0;
        }
        break;
    case RST_STREAM:
        finish(conn, id, false, now_ns);
        return;
    case SETTINGS:
        if (!(flags & ACK))
            on_settings(conn, payload, length);
        return;
    case PING:
        if (!(flags & ACK))
            append_frame(conn, PING, ACK, 0, payload, length);
        return;
    case WINDOW_UPDATE:
        if (id == 0)
            conn->window += get_32(payload) & INT32_MAX;
        return;
    case GOAWAY:
        die("the server said GOAWAY");
    default:
        return;
    }
    if (flags & END_STREAM)
        finish(conn, id, slot_of(conn, id)->ok, now_ns);
}

static void receive(struct connection *conn)
{
    ssize_t got =
        recv(conn->socket, conn->in + conn->in_end, IN_BYTES - conn->in_end, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        die("the server closed a connection");
    if (got < 0)
        return;
    uint64_t now_ns = measure_now_ns();
    conn->in_end += (uint32_t)got;
    uint32_t at = 0;
    while (conn->in_end - at >= FRAME_HEAD) {
        uint32_t length = get_32(conn->in + at) >> 8;
        ASSERT(length + FRAME_HEAD <= IN_BYTES);
        if (conn->in_end - at < FRAME_HEAD + length)
            break;
        on_frame(conn, conn->in + at, length, now_ns);
        at += FRAME_HEAD + length;
    }
    memmove(conn->in, conn->in + at, conn->in_end - at);
    conn->in_end -= at;
}

/* ---- requests ---- */

static bool can_send(struct connection *conn)
{
    return conn->in_flight < conn->streams_max && conn->window >= load.body_bytes &&
           slot_of(conn, conn->next_id)->id == 0;
}

static void send_one(struct connection *conn, uint64_t due_ns, bool measured)
{
    unsigned char bytes[REQUEST_MAX];
    uint32_t which = conn->greeted, length = load.request_bytes[which];
    memcpy(bytes, load.request[which], length);
    set_32(bytes + 5, conn->next_id);
    set_32(bytes + length - load.body_bytes - 4, conn->next_id);
    append(conn, bytes, length);
    load.sent_ns[load.sent] = measure_now_ns();
    *slot_of(conn, conn->next_id) = (struct stream){.due_ns = due_ns,
                                                    .sent_ns = load.sent_ns[load.sent],
                                                    .id = conn->next_id,
                                                    .measured = measured};
    conn->greeted = true;
    conn->window -= load.body_bytes;
    conn->next_id += 2;
    conn->in_flight++;
    load.sent++;
}

/* The next connection with a free stream, in turn; NULL when there is none. */
static struct connection *next_connection(void)
{
    for (uint32_t i = 0; i < load.options.connections; i++) {
        struct connection *conn = load.connection[load.turn++ % load.options.connections];
        if (can_send(conn))
            return conn;
    }
    return NULL;
}

/* ---- the run ---- */

struct schedule {
    uint64_t start_ns, count, warm_up; /* requests in all; not measured of them */
    uint64_t stop_ns, continue_ns;     /* of --stop; 0: not */
    double gap_ns;
};

static struct schedule schedule;

static uint64_t due_of(uint64_t i)
{
    uint64_t first = i - i % load.options.burst;
    return schedule.start_ns + (uint64_t)((double)first * schedule.gap_ns);
}

static void send_due(uint64_t now_ns)
{
    struct connection *conn;
    while (load.due < schedule.count && due_of(load.due) <= now_ns)
        load.due++;
    while (load.sent < load.due && (conn = next_connection()))
        send_one(conn, due_of(load.sent), load.sent >= schedule.warm_up);
}

static void stop_and_continue(uint64_t now_ns)
{
    if (schedule.stop_ns && now_ns >= schedule.stop_ns) {
        if (kill(load.options.stop, SIGSTOP) != 0)
            die("cannot stop the process of --stop");
        schedule.stop_ns = 0;
        schedule.continue_ns = now_ns + 1000000000;
    }
    if (schedule.continue_ns && now_ns >= schedule.continue_ns) {
        kill(load.options.stop, SIGCONT);
        schedule.continue_ns = 0;
    }
}

/* ---- events of the orders ---- */

static void on_traded(struct watch *watch, const char *text, size_t length)
{
    uint64_t now_ns = measure_now_ns(), i = watch->told++;
    if (ws_client_number(text, length, "\"t\":") != load.options.first_trade + i || i >= load.sent)
        die("an event tells another trade than the next order's");
    if (i < schedule.warm_up)
        return;
    hist_add(&watch->corrected, now_ns - due_of(i));
    hist_add(&watch->raw, now_ns - load.sent_ns[i]);
}

static bool has(const char *text, size_t length, const char *what)
{
    return memmem(text, length, what, strlen(what)) != NULL;
}

static void on_event(void *user, const char *text, size_t length)
{
    struct watch *watch = user;
    if (watch == &load.watch[TRADES] || has(text, length, "\"x\":\"TRADE\""))
        on_traded(watch, text, length);
}

/* The answer to the subscription. */
static void on_subscribed(void *user, const char *text, size_t length)
{
    if (!has(text, length, "\"status\":200"))
        die("the user's events cannot be subscribed to");
    *(bool *)user = true;
}

static void subscribe(struct ws_client *ws)
{
    char request[REQUEST_MAX];
    bool subscribed = false;
    FILE *file = fopen(load.options.reports, "re");
    size_t length = file ? fread(request, 1, sizeof request, file) : 0;
    if (file)
        fclose(file);
    if (!ws_client_send(ws, request, length))
        die("the server closed a connection");
    while (!subscribed) {
        struct pollfd ready = {.fd = ws->socket, .events = POLLIN};
        if (poll(&ready, 1, PATIENCE_S * 1000) != 1 ||
            !ws_client_receive(ws, on_subscribed, &subscribed))
            die("the subscription is not answered");
    }
}

static void open_watches(void)
{
    const char *why = NULL, *target[] = {load.options.trades, "/ws-api/v3"};
    for (uint32_t i = 0; i < WATCHES; i++) {
        struct watch *watch = &load.watch[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
        if (!ws_client_open(&watch->ws, &load.options.to, target[i], &why))
            die(why);
        ASSERT(epoll_ctl(load.epoll, EPOLL_CTL_ADD, watch->ws.socket, &event) == 0);
    }
    subscribe(&load.watch[REPORTS].ws);
}

static bool is_watch(const void *who)
{
    return who == &load.watch[TRADES] || who == &load.watch[REPORTS];
}

/* Everything that was due has been answered, and told. */
static bool is_done(void)
{
    bool done = load.done == schedule.count;
    for (uint32_t i = 0; load.options.trades && i < WATCHES; i++)
        done &= load.watch[i].told == schedule.count;
    return done;
}

/* Until something comes or is due. */
static void wait_for_more(uint64_t now_ns)
{
    uint64_t due = load.due < schedule.count ? due_of(load.due) : now_ns + 1000000000;
    uint64_t left = due > now_ns ? due - now_ns : 0;
    struct timespec most = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    struct pollfd ready = {.fd = load.epoll, .events = POLLIN};
    ppoll(&ready, 1, &most, NULL);
}

static void receive_ready(void)
{
    struct epoll_event ready[CONNECTIONS_MAX + WATCHES];
    int count = epoll_wait(load.epoll, ready, CONNECTIONS_MAX + WATCHES, 0);
    for (int i = 0; i < count; i++) {
        struct watch *watch = ready[i].data.ptr;
        if (!is_watch(watch))
            receive(ready[i].data.ptr);
        else if (!ws_client_receive(&watch->ws, on_event, watch))
            die("the server closed a stream");
    }
}

static void plan(void)
{
    const struct options *options = &load.options;
    schedule.gap_ns = 1e9 / options->rate;
    schedule.start_ns = measure_now_ns() + 1000000;
    schedule.count = (uint64_t)(options->rate * (options->warm_up + options->seconds));
    schedule.warm_up = (uint64_t)(options->rate * options->warm_up);
    if (options->stop)
        schedule.stop_ns = due_of((schedule.warm_up + schedule.count) / 2);
    load.sent_ns = calloc(schedule.count, sizeof *load.sent_ns);
    ASSERT(load.sent_ns != NULL);
}

static void run(void)
{
    const struct options *options = &load.options;
    uint64_t until_ns = due_of(schedule.count) + PATIENCE_S * UINT64_C(1000000000);
    while (!is_done()) {
        uint64_t now_ns = measure_now_ns();
        send_due(now_ns);
        stop_and_continue(now_ns);
        for (uint32_t i = 0; i < options->connections; i++)
            flush(load.connection[i]);
        if (options->wait)
            wait_for_more(now_ns);
        receive_ready();
        if (now_ns > until_ns)
            break;
    }
    load.failed += schedule.count - load.done;
}

/* Open loop: the requests that were due while the server stood still waited for it. Those of its
 * first half waited half a second and more. */
static bool stop_shows(void)
{
    uint64_t share = (uint64_t)(load.options.rate / 4), slow = 0;
    double q = 1 - (double)share / (double)load.corrected.count;
    slow = q > 0 ? hist_quantile(&load.corrected, q) : 0;
    bool shows = load.corrected.max >= 900000000 && slow >= 500000000;
    printf("  a stop of 1 s: the slowest quarter second's worth of requests took %.3f s and more "
           "corrected; raw p99 %.3f s: %s\n",
           (double)slow / 1e9, (double)hist_quantile(&load.raw, 0.99) / 1e9,
           shows ? "it shows" : "IT DOES NOT SHOW");
    return shows;
}

/* ---- output and arguments ---- */

static void put_json(FILE *file, const char *name, const struct hist *hist)
{
    fprintf(file, ",\n \"%s_us\": {\"p50\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f, \"max\": %.1f}",
            name, (double)hist_quantile(hist, 0.5) / 1e3, (double)hist_quantile(hist, 0.99) / 1e3,
            (double)hist_quantile(hist, 0.999) / 1e3, (double)hist->max / 1e3);
}

static bool write_json(const char *path)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return false;
    fprintf(file,
            "{\"bench\": \"latency\", \"rate\": %.0f, \"seconds\": %.1f, \"measured\": %lu, "
            "\"failed\": %lu",
            load.options.rate, load.options.seconds, load.corrected.count, load.failed);
    put_json(file, "corrected", &load.corrected);
    put_json(file, "raw", &load.raw);
    if (load.options.trades) {
        put_json(file, "trade", &load.watch[TRADES].corrected);
        put_json(file, "trade_raw", &load.watch[TRADES].raw);
        put_json(file, "report", &load.watch[REPORTS].corrected);
        put_json(file, "report_raw", &load.watch[REPORTS].raw);
    }
    fputs("}\n", file);
    return fclose(file) == 0;
}

static void print(const char *name, const struct hist *hist)
{
    printf("  %-9s  p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n", name,
           (double)hist_quantile(hist, 0.5) / 1e3, (double)hist_quantile(hist, 0.99) / 1e3,
           (double)hist_quantile(hist, 0.999) / 1e3, (double)hist->max / 1e3);
}

static bool report(void)
{
    printf("latency: %.0f requests/s on %u connections, %lu measured, %lu failed\n",
           load.options.rate, load.options.connections, load.corrected.count, load.failed);
    print("corrected", &load.corrected);
    print("raw", &load.raw);
    if (load.options.trades) {
        print("trade", &load.watch[TRADES].corrected);
        print("report", &load.watch[REPORTS].corrected);
    }
    if (load.options.json && !write_json(load.options.json)) {
        perror(load.options.json);
        return false;
    }
    return true;
}

/* Whether each order was told on each watch. */
static bool all_told(void)
{
    for (uint32_t i = 0; load.options.trades && i < WATCHES; i++)
        if (load.watch[i].told != schedule.count) {
            fprintf(stderr, "latency: %lu of %lu orders were told\n", load.watch[i].told,
                    schedule.count);
            return false;
        }
    return true;
}

static bool parse(int argc, char **argv, struct options *options)
{
    bool to = false;
    *options = (struct options){.path = "/api/v3/order",
                                .api_key = "none",
                                .seconds = 5,
                                .warm_up = 1,
                                .connections = 4,
                                .burst = 1};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--to") == 0)
            to = http_address_parse(value, &options->to);
        else if (strcmp(name, "--body") == 0)
            options->body = value;
        else if (strcmp(name, "--path") == 0)
            options->path = value;
        else if (strcmp(name, "--api-key") == 0)
            options->api_key = value;
        else if (strcmp(name, "--json") == 0)
            options->json = value;
        else if (strcmp(name, "--rate") == 0)
            options->rate = strtod(value, NULL);
        else if (strcmp(name, "--seconds") == 0)
            options->seconds = strtod(value, NULL);
        else if (strcmp(name, "--warm-up") == 0)
            options->warm_up = strtod(value, NULL);
        else if (strcmp(name, "--connections") == 0)
            options->connections = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--stop") == 0)
            options->stop = (pid_t)strtol(value, NULL, 10);
        else if (strcmp(name, "--burst") == 0)
            options->burst = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--wait") == 0)
            options->wait = strcmp(value, "1") == 0;
        else if (strcmp(name, "--first-trade") == 0)
            options->first_trade = strtoul(value, NULL, 10);
        else if (strcmp(name, "--trades") == 0)
            options->trades = value;
        else if (strcmp(name, "--reports") == 0)
            options->reports = value;
        else
            return false;
    }
    if (!options->trades != !options->reports || (options->trades && options->connections != 1))
        return false;
    return argc % 2 == 1 && to && options->body && options->rate > 0 && options->rate <= 1e7 &&
           options->seconds > 0 && options->warm_up >= 0 && options->connections > 0 &&
           options->connections <= CONNECTIONS_MAX && options->burst > 0 && options->stop >= 0;
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv, &load.options)) {
        fprintf(stderr, "usage: latency --to HOST:PORT --body FILE --rate N [--path P] "
                        "[--api-key KEY] [--seconds S] [--warm-up S] [--connections 1..64] "
                        "[--stop PID] [--wait 0|1] [--burst N] [--json FILE] [--connections 1 "
                        "--first-trade ID --trades TARGET --reports FILE]\n");
        return 2;
    }
    read_body();
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(load.epoll >= 0);
    for (uint32_t i = 0; i < load.options.connections; i++)
        load.connection[i] = open_connection();
    if (load.options.trades)
        open_watches();
    plan();
    run();
    bool ok = report() && all_told();
    if (load.options.stop)
        ok &= stop_shows();
    return ok && load.failed == 0 ? 0 : 1;
}
