/* Goal: frames are encoded as RFC 6455 says, queues are bounded, a connection's life has its
 * limits, handshakes are judged rightly, and names of streams are read as Binance spells them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "http/ws/frame.h"
#include "http/ws/handshake.h"
#include "http/ws/life.h"
#include "http/ws/names.h"

/* ---- frames ---- */

/* Goal: the length takes as few bytes as it can (§5.2). Method: lengths at both sides of each
 * bound, against heads written by hand. */
Test(ws_frame, has_the_shortest_head)
{
    static const struct {
        size_t length;
        uint32_t head;
        unsigned char bytes[10];
    } cases[] = {
        {0, 2, {0x81, 0}},
        {125, 2, {0x81, 125}},
        {126, 4, {0x81, 126, 0, 126}},
        {65535, 4, {0x81, 126, 0xFF, 0xFF}},
        {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
    };
    static char text[65536];
    memset(text, 'x', sizeof text);
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ws_frame *frame = ws_frame_new(text, cases[i].length);
        cr_assert_eq(frame->length, cases[i].head + cases[i].length);
        cr_assert_eq(memcmp(frame->bytes, cases[i].bytes, cases[i].head), 0, "%zu",
                     cases[i].length);
        cr_assert_eq(memcmp(frame->bytes + cases[i].head, text, cases[i].length), 0);
        ws_frame_release(frame);
    }
}

/* Goal: a queue gives back what it was given, in order, and one block serves all queues. Method:
 * frames pushed and dropped around the ring's end, in two queues. */
Test(ws_queue, keeps_the_order_and_shares_frames)
{
    struct ws_queue queue = {0}, other = {0};
    uint32_t in = 0, out = 0;
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < round % 7 + 1; i++, in++) {
            char text[16];
            struct ws_frame *frame =
                ws_frame_new(text, (size_t)snprintf(text, sizeof text, "%u", in));
            cr_assert(ws_queue_push(&queue, frame, 1 << 20));
            cr_assert(ws_queue_push(&other, frame, 1 << 20));
            cr_assert_eq(frame->refs, 3u);
            ws_frame_release(frame);
        }
        for (uint32_t i = 0; i < queue.count; i++) {
            char text[16];
            int length = snprintf(text, sizeof text, "%u", out + i);
            struct ws_frame *frame = ws_queue_at(&queue, i);
            cr_assert_eq(frame->length, 2u + (uint32_t)length);
            cr_assert_eq(memcmp(frame->bytes + 2, text, (size_t)length), 0);
            cr_assert_eq(frame, ws_queue_at(&other, out + i));
        }
        uint32_t drop = queue.count / 2;
        ws_queue_drop(&queue, drop);
        out += drop;
    }
    cr_assert_eq(other.count, in);
    ws_queue_fini(&queue);
    cr_assert_eq(queue.bytes, 0u);
    cr_assert_eq(ws_queue_at(&other, 0)->refs, 1u);
    ws_queue_fini(&other);
}

/* Goal: a queue holds so many bytes and no more. Method: fill it; the next one is refused, and
 * dropping makes room again. */
Test(ws_queue, is_bounded_by_bytes)
{
    struct ws_queue queue = {0};
    struct ws_frame *frame = ws_frame_new("0123456789", 10);
    size_t cost = frame->length + WS_FRAME_COST;
    for (uint32_t i = 0; i < 10; i++)
        cr_assert(ws_queue_push(&queue, frame, 10 * cost));
    cr_assert_not(ws_queue_push(&queue, frame, 10 * cost));
    cr_assert_eq(queue.count, 10u);
    cr_assert_eq(queue.bytes, 10 * cost);
    cr_assert_eq(frame->refs, 11u);
    ws_queue_drop(&queue, 1);
    cr_assert(ws_queue_push(&queue, frame, 10 * cost));
    ws_queue_keep(&queue, 3);
    cr_assert_eq(queue.count, 3u);
    cr_assert_eq(queue.bytes, 3 * cost);
    ws_queue_fini(&queue);
    cr_assert_eq(frame->refs, 1u);
    ws_frame_release(frame);
}

/* ---- lives ---- */

enum { BEGIN_S = 1700000000 };

static int64_t at(int64_t seconds)
{
    return (BEGIN_S + seconds) * 1000000;
}

static void pong(struct ws_life *life, int64_t of_us)
{
    char payload[24];
    life_pong(life, payload, life_payload(of_us, payload));
}

/* Goal: who answers each ping within 60 s lives, who does not is found at 60 s. Method: pings every
 * 20 s, some answered late, then none. */
Test(ws_life, wants_a_pong_within_a_minute)
{
    struct ws_life life = {.opened_us = at(0)};
    for (int64_t s = 20; s <= 400; s += 20) {
        cr_assert_eq(life_due(&life, at(s)), LIFE_PING);
        if (s >= 60)
            pong(&life, at(s - 40)); /* 40 s late: in time */
    }
    cr_assert_eq(life_due(&life, at(420)), LIFE_PING);
    cr_assert_eq(life_due(&life, at(440)), LIFE_SILENT, "the ping of 380 s is 60 s old");
}

/* Goal: only the payload of a ping answers it. Method: empty, foreign and old payloads do not help;
 * the newest one answers all before it. */
Test(ws_life, takes_a_pong_by_its_payload)
{
    struct ws_life life = {.opened_us = at(0)};
    cr_assert_eq(life_due(&life, at(20)), LIFE_PING);
    cr_assert_eq(life_due(&life, at(40)), LIFE_PING);
    life_pong(&life, "", 0);
    life_pong(&life, "12345", 5);
    pong(&life, at(30));
    cr_assert_eq(life.pings, 2u);
    pong(&life, at(40));
    cr_assert_eq(life.pings, 0u);
    pong(&life, at(20));
    cr_assert_eq(life_due(&life, at(60)), LIFE_PING);
    cr_assert_eq(life_due(&life, at(80)), LIFE_PING);
    cr_assert_eq(life_due(&life, at(100)), LIFE_PING);
    cr_assert_eq(life_due(&life, at(120)), LIFE_SILENT);
}

/* Goal: 24 hours, whatever is answered. */
Test(ws_life, ends_after_24_hours)
{
    struct ws_life life = {.opened_us = at(0)};
    for (int64_t s = 20; s < 86400; s += 20) {
        cr_assert_eq(life_due(&life, at(s)), LIFE_PING);
        pong(&life, at(s));
    }
    cr_assert_eq(life_due(&life, at(86400)), LIFE_OLD);
}

/* Goal: five frames in any second, not six. Method: five at once; the sixth when the first is a
 * second old, and not before. */
Test(ws_life, takes_five_frames_a_second)
{
    struct ws_life life = {.opened_us = at(0)};
    for (uint32_t i = 0; i < 5; i++)
        cr_assert(life_takes(&life, at(1) + i * 100000));
    cr_assert_not(life_takes(&life, at(1) + 999999));
    cr_assert(life_takes(&life, at(2)));
    cr_assert_not(life_takes(&life, at(2) + 99999));
    cr_assert(life_takes(&life, at(2) + 100000));
}

/* ---- handshakes ---- */

#define FIELD(text)                                                                                \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

/* Goal: §4.2.1, each point. Method: a good handshake with one thing changed a line. */
Test(handshake, is_judged_point_by_point)
{
    static const struct {
        const char *name;
        struct handshake asked;
        bool good;
    } cases[] = {
        {"good",
         {true, true, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("13"), FIELD(KEY)},
         true},
        {"any case, in lists",
         {true, true, false, FIELD("WebSocket"), FIELD("keep-alive ,\tupgrade "), FIELD("13"),
          FIELD(KEY)},
         true},
        {"POST",
         {false, true, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("13"), FIELD(KEY)},
         false},
        {"HTTP/1.0",
         {true, false, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("13"), FIELD(KEY)},
         false},
        {"a body",
         {true, true, true, FIELD("websocket"), FIELD("Upgrade"), FIELD("13"), FIELD(KEY)},
         false},
        {"no upgrade",
         {true, true, false, {NULL, 0}, FIELD("Upgrade"), FIELD("13"), FIELD(KEY)},
         false},
        {"another upgrade",
         {true, true, false, FIELD("websockets"), FIELD("Upgrade"), FIELD("13"), FIELD(KEY)},
         false},
        {"no connection",
         {true, true, false, FIELD("websocket"), {NULL, 0}, FIELD("13"), FIELD(KEY)},
         false},
        {"part of a token",
         {true, true, false, FIELD("websocket"), FIELD("Upgrades"), FIELD("13"), FIELD(KEY)},
         false},
        {"version 12",
         {true, true, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("12"), FIELD(KEY)},
         false},
        {"version 130",
         {true, true, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("130"), FIELD(KEY)},
         false},
        {"no version",
         {true, true, false, FIELD("websocket"), FIELD("Upgrade"), {NULL, 0}, FIELD(KEY)},
         false},
        {"no key",
         {true, true, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("13"), {NULL, 0}},
         false},
        {"a short key",
         {true, true, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("13"), FIELD("dGhl==")},
         false},
        {"17 bytes",
         {true, true, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("13"),
          FIELD("dGhlIHNhbXBsZSBub25jZQo=")},
         false},
        {"no base64",
         {true, true, false, FIELD("websocket"), FIELD("Upgrade"), FIELD("13"),
          FIELD("dGhlIHNhbXBsZSBub25j!Q==")},
         false},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(handshake_wrong(&cases[i].asked) == NULL, cases[i].good, "%s", cases[i].name);
}

/* Goal: the accept key. Method: the example of §1.3. */
Test(handshake, accepts_as_the_rfc_does)
{
    char accept[HANDSHAKE_ACCEPT_BYTES];
    handshake_accept(KEY, accept);
    cr_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* ---- names ---- */

/* Goal: every documented name is read. Method: a table of names and what they mean. */
Test(stream_name, is_read_as_documented)
{
    static const struct {
        const char *text;
        struct stream_name name;
    } cases[] = {
        {"btcusdt@trade", {.type = STREAM_TRADE, .symbol = "BTCUSDT"}},
        {"btcusdt@aggTrade", {.type = STREAM_AGG_TRADE, .symbol = "BTCUSDT"}},
        {"btcusdt@bookTicker", {.type = STREAM_BOOK_TICKER, .symbol = "BTCUSDT"}},
        {"x1@depth", {.type = STREAM_DEPTH, .pace = PACE_1S, .symbol = "X1"}},
        {"x1@depth@100ms", {.type = STREAM_DEPTH, .pace = PACE_100MS, .symbol = "X1"}},
        {"x1@depth@1000ms", {.type = STREAM_DEPTH, .pace = PACE_1S, .symbol = "X1"}},
        {"x@depth5", {.type = STREAM_PARTIAL, .pace = PACE_1S, .symbol = "X", .levels = 5}},
        {"x@depth10@100ms",
         {.type = STREAM_PARTIAL, .pace = PACE_100MS, .symbol = "X", .levels = 10}},
        {"x@depth20@100ms",
         {.type = STREAM_PARTIAL, .pace = PACE_100MS, .symbol = "X", .levels = 20}},
        {"x@depth5@1000ms", {.type = STREAM_PARTIAL, .pace = PACE_1S, .symbol = "X", .levels = 5}},
        {"x@depth10@1000ms",
         {.type = STREAM_PARTIAL, .pace = PACE_1S, .symbol = "X", .levels = 10}},
        {"x@depth20@1000ms",
         {.type = STREAM_PARTIAL, .pace = PACE_1S, .symbol = "X", .levels = 20}},
        {"x@kline_1s",
         {.type = STREAM_KLINE, .pace = PACE_1S, .symbol = "X", .interval = CANDLE_1S}},
        {"x@kline_1m",
         {.type = STREAM_KLINE, .pace = PACE_2S, .symbol = "X", .interval = CANDLE_1M}},
        {"x@kline_1M",
         {.type = STREAM_KLINE, .pace = PACE_2S, .symbol = "X", .interval = CANDLE_1MO}},
        {"x@kline_1d@+08:00",
         {.type = STREAM_KLINE,
          .pace = PACE_2S,
          .symbol = "X",
          .interval = CANDLE_1D,
          .zone_minutes = 480}},
        {"x@miniTicker", {.type = STREAM_MINI_TICKER, .pace = PACE_1S, .symbol = "X"}},
        {"x@ticker", {.type = STREAM_TICKER, .pace = PACE_1S, .symbol = "X"}},
        {"twentyletterssymbols@trade",
         {.type = STREAM_TRADE, .pace = PACE_NOW, .symbol = "TWENTYLETTERSSYMBOLS"}},
        {"x@avgPrice", {.type = STREAM_AVG_PRICE, .pace = PACE_1S, .symbol = "X"}},
        {"x@ticker_1h", {.type = STREAM_WINDOW, .pace = PACE_1S, .symbol = "X", .hours = 1}},
        {"x@ticker_4h", {.type = STREAM_WINDOW, .pace = PACE_1S, .symbol = "X", .hours = 4}},
        {"x@ticker_1d", {.type = STREAM_WINDOW, .pace = PACE_1S, .symbol = "X", .hours = 24}},
        {"!miniTicker@arr", {.type = STREAM_ALL_MINI_TICKERS, .pace = PACE_1S}},
        {"!ticker_1h@arr", {.type = STREAM_ALL_WINDOWS, .pace = PACE_1S, .hours = 1}},
        {"!ticker_4h@arr", {.type = STREAM_ALL_WINDOWS, .pace = PACE_1S, .hours = 4}},
        {"!ticker_1d@arr", {.type = STREAM_ALL_WINDOWS, .pace = PACE_1S, .hours = 24}},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stream_name name;
        const struct stream_name *want = &cases[i].name;
        cr_assert(stream_name_read(cases[i].text, strlen(cases[i].text), &name), "%s",
                  cases[i].text);
        cr_assert_eq(name.type, want->type, "%s", cases[i].text);
        cr_assert_eq(name.pace, want->pace, "%s", cases[i].text);
        cr_assert_eq(name.levels, want->levels, "%s", cases[i].text);
        cr_assert_eq(name.hours, want->hours, "%s", cases[i].text);
        cr_assert_eq(name.zone_minutes, want->zone_minutes, "%s", cases[i].text);
        cr_assert_eq(memcmp(name.symbol, want->symbol, sizeof name.symbol), 0, "%s", cases[i].text);
        if (name.type == STREAM_KLINE)
            cr_assert_eq(name.interval, want->interval, "%s", cases[i].text);
    }
}

/* Goal: nothing else is a name. Method: names that are nearly right. */
Test(stream_name, is_nothing_else)
{
    static const char *const names[] = {"",
                                        "0",
                                        "btcusdt",
                                        "@trade",
                                        "BTCUSDT@trade",
                                        "btcusdt@Trade",
                                        "btcusdt@trade ",
                                        "btcusdt@trade@100ms",
                                        "btcusdt@depth@250ms",
                                        "btcusdt@depth15",
                                        "btcusdt@depth@10000ms",
                                        "btcusdt@kline",
                                        "btcusdt@kline_",
                                        "btcusdt@kline_2m",
                                        "btcusdt@kline_1m@",
                                        "btcusdt@kline_1m@08:00",
                                        "btcusdt@kline_1m@+8:00",
                                        "btcusdt@kline_1m@+09:00",
                                        "btcusdt@kline_1m@-08:00",
                                        "btcusdt@kline_1m@+08:00x",
                                        "!ticker@arr",
                                        "!miniTicker@arr2",
                                        "!@arr",
                                        "!arr",
                                        "@arr",
                                        "!ticker_@arr",
                                        "!ticker_2h@arr",
                                        "!ticker_1h",
                                        "!ticker_1h@ar",
                                        "btcusdt@ticker_",
                                        "btcusdt@ticker_2h",
                                        "btcusdt@ticker_1H",
                                        "btcusdt@ticker_1h@arr",
                                        "!avgPrice@arr",
                                        "averyveryverylongsymbolnamethatcannotbe@trade"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stream_name name;
        cr_assert_not(stream_name_read(names[i], strlen(names[i]), &name), "%s", names[i]);
    }
}
