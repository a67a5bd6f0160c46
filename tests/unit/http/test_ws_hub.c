/* Goal: whatever a peer does not read, its frames come whole and in order, and only itself suffers.
 * Method: a connection over a socket pair, with h2o's loop and nothing of the exchange. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/h2o_quiet.h"
#include "http/ws/hub.h"

struct pair {
    struct ingress ingress;
    struct ingress_shared shared;
    struct core core;
    h2o_loop_t *loop;
    struct ws_hub *hub;
    struct ws *ws; /* NULL: closed */
    int peer;
};

static struct pair pair;

static void on_text(struct ws *ws, char *text, size_t length)
{
    cr_assert(ws_send(ws, text, length));
}

static void on_closed(struct ws *ws)
{
    cr_assert_eq(pair.ws, ws, "told once");
    pair.ws = NULL;
}

static void on_drain(struct ws *ws)
{
    ws_send(ws, "bye", 3);
}

static uint32_t subscriptions(const struct ws *ws)
{
    return ws == pair.ws ? 7 : 1;
}

static const struct ws_kind kind = {.name = "tests",
                                    .subscriptions = subscriptions,
                                    .text = on_text,
                                    .closed = on_closed,
                                    .drain = on_drain};

static void on_open(struct ws *ws)
{
    pair.ws = ws;
}

/* One more connection; returns the peer's end. */
static int adopt(void)
{
    int fd[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    for (uint32_t i = 0; i < 2; i++)
        fcntl(fd[i], F_SETFL, O_NONBLOCK);
    ws_hub_adopt(pair.hub, h2o_evloop_socket_create(pair.loop, fd[0], 0), (struct slice){"/ws", 3},
                 (struct slice){"", 0}, &kind, on_open);
    return fd[1];
}

static void begin(void)
{
    pair.ingress.core = &pair.core;
    pair.ingress.shared = &pair.shared;
    pair.shared.unlimited = true;
    pair.core.now_us = 1700000000000000;
    pair.loop = h2o_evloop_create();
    pair.hub = ws_hub_new(&pair.ingress, pair.loop);
    pair.peer = adopt();
    cr_assert_not_null(pair.ws);
}

static void turn(void)
{
    pair.core.now_us += 100; /* never so long that a ping is due */
    ws_hub_turn(pair.hub);
    h2o_evloop_run(pair.loop, 0);
}

/* The bytes that frames of so many 'a', 'b', ... make: what the peer must read. */
struct stream {
    size_t sent, read; /* bytes */
    unsigned char *bytes;
};

static void send_one(struct stream *stream, size_t length)
{
    char *text = malloc(length);
    memset(text, 'a' + (int)(stream->sent % 26), length);
    struct ws_frame *frame = ws_frame_new(text, length);
    memcpy(stream->bytes + stream->sent, frame->bytes, frame->length);
    stream->sent += frame->length;
    cr_assert(ws_send_frame(pair.ws, frame));
    ws_frame_release(frame);
    free(text);
}

static void read_some(struct stream *stream, size_t most)
{
    static unsigned char in[1 << 20];
    ssize_t got = read(pair.peer, in, most < sizeof in ? most : sizeof in);
    if (got <= 0)
        return;
    cr_assert_leq(stream->read + (size_t)got, stream->sent);
    cr_assert_eq(memcmp(in, stream->bytes + stream->read, (size_t)got), 0, "at %zu", stream->read);
    stream->read += (size_t)got;
}

/* Goal: frames come whole and in order however they are read. Method: frames of random sizes,
 * turns, and readings of random sizes, so that the socket is full, and is not, at any moment.
 * (h2o 2.2.5 aborts when writes outside its loop are complete while it polls for an earlier one.)
 */
Test(ws_hub, frames_come_in_order_to_who_reads_in_bits)
{
    struct stream stream = {.bytes = malloc(600 << 20)};
    begin();
    srand(7);
    for (uint32_t i = 0; i < 30000 && stream.sent < 500u << 20; i++) {
        if (stream.sent - stream.read < 600000)
            for (int n = rand() % 4; n > 0; n--)
                send_one(&stream, (size_t)rand() % (rand() % 8 ? 2000 : 100000));
        if (rand() % 3)
            turn();
        read_some(&stream, (size_t)rand() % (rand() % 4 ? 5000 : 400000) + 1);
    }
    for (uint32_t i = 0; i < 10000 && stream.read < stream.sent; i++) {
        turn();
        read_some(&stream, 1 << 20);
    }
    cr_assert_eq(stream.read, stream.sent);
    cr_assert_gt(stream.sent, 10u << 20);
    cr_assert_eq(ws_backlog(pair.ws), 0u);
    close(pair.peer);
    for (uint32_t i = 0; i < 4; i++)
        turn();
    cr_assert_null(pair.ws);
    cr_assert(ws_hub_idle(pair.hub));
    free(stream.bytes);
}

/* Goal: who reads nothing is closed at its budget, told 1008, and gone after the deadline. Method:
 * frames without end; then the last one that can be read, and the clock. */
Test(ws_hub, who_reads_nothing_is_closed_with_1008)
{
    static unsigned char in[4 << 20];
    char text[10000];
    size_t length = 0;
    uint32_t sent = 0;
    begin();
    memset(text, 'x', sizeof text);
    while (ws_send(pair.ws, text, sizeof text)) {
        turn();
        cr_assert_lt(++sent, 1000u, "about 1 MiB and what the kernel takes");
    }
    cr_assert_eq(counter_get(&pair.ingress.counts.ws.slow), 1u);
    for (uint32_t i = 0; i < 1000; i++) {
        ssize_t got = read(pair.peer, in + length, sizeof in - length);
        length += got > 0 ? (size_t)got : 0;
        turn();
    }
    uint32_t frames = 0;
    size_t at = 0;
    while (at < length && in[at] == 0x81) {
        at += 4 + sizeof text;
        frames++;
    }
    cr_assert_lt(frames, sent, "what waited was dropped");
    cr_assert_lt(at + 4, length);
    cr_assert_eq(in[at], 0x88);
    cr_assert_eq(in[at + 2] << 8 | in[at + 3], WS_POLICY);
    cr_assert_eq(at + 2 + in[at + 1], length, "nothing behind it");
    cr_assert_not_null(pair.ws, "the peer may answer");
    pair.core.now_us += WS_END_US;
    turn();
    turn();
    cr_assert_null(pair.ws, "but it is not waited for without end");
    close(pair.peer);
}

/* Goal: an operator is told of those for which the most waits, most first, however many there are.
 * Method: nine connections, to each of which another amount is sent and read by nobody; room for
 * all, for four, and rows that are there already. */
Test(ws_hub, the_slowest_come_first)
{
    static const size_t sent[] = {300, 900, 0, 500, 100, 800, 200, 700, 400};
    enum { PEERS = sizeof sent / sizeof *sent };
    struct ws_row rows[PEERS + 1];
    char text[1000] = {0};
    begin();
    for (uint32_t i = 0; i < PEERS; i++) {
        if (i)
            adopt();
        if (sent[i])
            ws_send(pair.ws, text, sent[i]);
    }
    cr_assert_eq(ws_hub_slowest(pair.hub, rows, 0, PEERS + 1), PEERS);
    for (uint32_t i = 1; i < PEERS; i++)
        cr_assert_gt(rows[i - 1].waiting, rows[i].waiting);
    cr_expect_eq(rows[0].waiting, 900 + 4 + WS_FRAME_COST, "a frame, its head, what it costs");
    cr_expect_eq(rows[PEERS - 1].waiting, 0);
    cr_expect_str_eq(rows[0].kind, "tests");
    cr_expect_eq(rows[0].opened_us, 1700000000000000);
    cr_expect_eq(rows[0].budget, WS_BUDGET_BYTES);
    cr_expect_eq(rows[4].subscriptions, 7, "the newest, with 400");
    cr_expect_not(rows[0].behind, "no write is under way");
    rows[0] = (struct ws_row){.waiting = 850};
    cr_assert_eq(ws_hub_slowest(pair.hub, rows, 1, 4), 4, "no more than there is room for");
    cr_expect_gt(rows[0].waiting, 900);
    cr_expect_eq(rows[2].waiting, 850, "of another core");
    cr_expect_gt(rows[3].waiting, 700);
}

/* ---- pings and the clock ---- */

/* Lets 20 s pass, some turns, and reads what came; returns its first byte, or 0 for nothing. */
static unsigned char after_20_seconds(unsigned char in[static 256])
{
    memset(in, 0, 256);
    pair.core.now_us += INT64_C(20000000);
    for (uint32_t i = 0; i < 3; i++)
        turn();
    ssize_t got = read(pair.peer, in, 256);
    if (got <= 0)
        return 0;
    cr_assert_eq(2 + in[1], got, "one frame");
    return in[0];
}

/* A masked frame, with a mask of zeros. */
static void peer_sends(unsigned char first, const unsigned char *payload, size_t length)
{
    unsigned char out[6 + 125] = {first, (unsigned char)(0x80 | length)};
    memcpy(out + 6, payload, length);
    cr_assert_eq(write(pair.peer, out, 6 + length), (ssize_t)(6 + length));
}

static void closed_with(const unsigned char *in, int code, const char *reason)
{
    cr_assert_eq(in[0], 0x88);
    cr_assert_eq(in[2] << 8 | in[3], code);
    cr_assert_eq(in[1], 2 + strlen(reason));
    cr_assert_eq(memcmp(in + 4, reason, strlen(reason)), 0);
}

/* Goal: who does not answer a ping within 60 s is closed with 1008, whatever else it sends. Method:
 * the clock; the first ping is answered, and then there are pongs that answer none. */
Test(ws_hub, who_does_not_answer_a_ping_is_closed_with_1008)
{
    unsigned char in[256];
    begin();
    cr_assert_eq(after_20_seconds(in), 0x89);
    peer_sends(0x8A, in + 2, in[1]);
    for (uint32_t s = 40; s <= 80; s += 20) {
        cr_assert_eq(after_20_seconds(in), 0x89, "a ping at %u s", s);
        peer_sends(0x8A, (const unsigned char *)"hello", 5);
    }
    cr_assert_eq(after_20_seconds(in), 0x88, "the ping of 40 s is 60 s old");
    closed_with(in, WS_POLICY, "No pong within 60 seconds.");
    cr_assert_eq(counter_get(&pair.ingress.counts.ws.silent), 1u);
    close(pair.peer);
}

/* Goal: a connection that answers its pings lives for 24 hours, and no longer. Method: the clock.
 */
Test(ws_hub, who_answers_pings_lives_for_24_hours)
{
    unsigned char in[256];
    begin();
    for (uint32_t s = 20; s < 24 * 3600; s += 20) {
        cr_assert_eq(after_20_seconds(in), 0x89, "a ping at %u s", s);
        peer_sends(0x8A, in + 2, in[1]);
    }
    cr_assert_eq(after_20_seconds(in), 0x88, "24 hours");
    closed_with(in, WS_GOING_AWAY, "24 hours are over.");
    close(pair.peer);
}
