/* Goal: who is slow, comes and goes, or listens to a match that takes many turns is told all of it,
 * once. Method: a whole exchange on one thread (tests/fuzz/world.h) and connections that only keep
 * what is sent (fake_ws.h); its clock moves by hand where the grid must come. */
#include "http/ws/stream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/world.h"
#include "tests/unit/ws_api/fake_ws.h"

enum { TURNS = 50 };

static struct world *world;
static struct ingress *ingress;

static void setup(void)
{
    world = world_init(NULL, NULL);
    world_open(world);
    ingress = world_ingress(world);
    ingress->streams = streams_new(ingress);
}

static void teardown(void)
{
    world_check(world);
    streams_free(ingress->streams);
    ingress->streams = NULL;
    world_fini(world);
}

TestSuite(stream, .init = setup, .fini = teardown);

static void open_ws(struct ws *ws, const char *path)
{
    *ws = (struct ws){.ingress = ingress, .path = path, .query = "", .client = {{7}}};
    stream_open(ws);
}

static void close_ws(struct ws *ws)
{
    stream_kind.closed(ws);
    fake_ws_fini(ws);
}

static void order(const char *side, const char *qty, uint32_t price)
{
    char line[256];
    int length = snprintf(line, sizeof line,
                          ",aP/api/v3/order?symbol=BTCUSDT&side=%s&type=LIMIT&timeInForce=GTC"
                          "&quantity=%s&price=%u|\n",
                          side, qty, price);
    world_play(world, line, (size_t)length);
    for (uint32_t turn = 0; turn < TURNS; turn++) { /* a match takes several of them */
        world_turn(world);
        streams_turn(ingress->streams, true);
    }
}

/* The grid's next moment. */
static void tick(void)
{
    world_play(world, "!t\n", 3);
    world_turn(world);
    streams_turn(ingress->streams, true);
}

/* The number behind `name` in the message. */
static uint64_t number(const char *message, const char *name)
{
    const char *at = strstr(message, name);
    cr_assert_not_null(at, "%s in %s", name, message);
    return strtoull(at + strlen(name), NULL, 10);
}

static uint64_t told_up_to(struct ws *ws, uint64_t first)
{
    for (; ws->taken < ws->count; ws->taken++) {
        const char *message = ws->sent[ws->taken];
        if (first)
            cr_assert_eq(number(message, "\"U\":"), first, "a gap before %s", message);
        first = number(message, "\"u\":") + 1;
    }
    return first;
}

Test(stream, one_who_is_slow_again_after_coming_anew_is_told_all)
{
    struct ws slow, other;
    open_ws(&slow, "/ws/btcusdt@depth@100ms");
    open_ws(&other, "/ws/btcusdt@depth@100ms");
    order("BUY", "1", 100);
    tick();
    cr_assert_eq(slow.count, 1u);
    uint64_t all = told_up_to(&other, 0), from;
    slow.backlog = 1 << 20;
    order("BUY", "1", 101);
    tick(); /* it misses this */
    stream_unsubscribe(stream_client(&slow), "btcusdt@depth@100ms", 19);
    stream_subscribe(stream_client(&slow), "btcusdt@depth@100ms", 19);
    from = told_up_to(&other, all);
    slow.taken = slow.count;
    for (uint32_t price = 102; price < 105; price++) {
        order("BUY", "1", price);
        tick(); /* and these */
    }
    slow.backlog = 0;
    tick();
    cr_assert_eq(slow.count, slow.taken + 1, "what was missed comes as one event");
    cr_assert_eq(told_up_to(&slow, from), told_up_to(&other, from));
    cr_assert_eq(slow.closed, 0);
    close_ws(&slow);
    close_ws(&other);
}

Test(stream, each_name_of_a_stream_is_told_as_it_was_asked_for)
{
    static const char *const queries[] = {"streams=btcusdt@depth", "streams=btcusdt@depth@1000ms",
                                          "streams=btcusdt@depth&timeUnit=MICROSECOND"};
    struct ws ws[3];
    for (uint32_t i = 0; i < 3; i++) {
        ws[i] = (struct ws){.ingress = ingress, .path = "/stream", .query = queries[i]};
        stream_open(&ws[i]);
    }
    order("BUY", "1", 100);
    tick();
    for (uint32_t i = 0; i < 3; i++) {
        char want[128], name[64];
        cr_assert_eq(ws[i].count, 1u);
        sscanf(queries[i], "streams=%63[^&]", name);
        snprintf(want, sizeof want, "{\"stream\":\"%s\",\"data\":{", name);
        cr_assert_eq(strncmp(ws[i].sent[0], want, strlen(want)), 0, "%s", ws[i].sent[0]);
    }
    cr_assert_gt(number(ws[2].sent[0], "\"E\":"), 999 * number(ws[0].sent[0], "\"E\":"));
    for (uint32_t i = 0; i < 3; i++)
        close_ws(&ws[i]);
}

Test(stream, aggregate_trades_of_a_long_match_are_whole)
{
    struct ws aggs, trades;
    uint64_t next = 1, agg = 1;
    open_ws(&trades, "/ws/btcusdt@trade");
    for (uint32_t i = 0; i < 7; i++)
        order("SELL", "0.1", 100 + i / 4); /* two fills a slice: four slices, two prices */
    order("BUY", "0.1", 100);              /* before anybody asks for aggregates */
    open_ws(&aggs, "/ws/btcusdt@aggTrade");
    order("BUY", "0.6", 101);
    tick();
    order("SELL", "0.1", 110);
    order("BUY", "0.1", 110);
    tick();
    cr_assert_eq(trades.count, 8u);
    cr_assert_eq(aggs.count, 3u, "one of each price, and the last one: %u", aggs.count);
    for (uint32_t i = 0; i < aggs.count; i++) {
        const char *message = aggs.sent[i];
        cr_assert_eq(number(message, "\"a\":"), ++agg);
        cr_assert_eq(number(message, "\"f\":"), ++next, "a hole before %s", message);
        next = number(message, "\"l\":");
    }
    cr_assert_eq(next, 8u);
    close_ws(&aggs);
    close_ws(&trades);
}

/* Goal: a window of an hour begins with a minute, is told with the trades that are in it, and
 * without them once they have left it; among all symbols only after a trade. Method: one trade, and
 * a clock that goes on for more than an hour. */
Test(stream, a_window_forgets_what_leaves_it)
{
    struct ws one, all;
    open_ws(&one, "/ws/btcusdt@ticker_1h");
    open_ws(&all, "/ws/!ticker_1h@arr");
    order("SELL", "0.1", 100);
    order("BUY", "0.1", 100);
    tick();
    cr_assert_eq(all.count, 1u);
    cr_assert_eq(strncmp(all.sent[0], "[{\"e\":\"1hTicker\",", 17), 0, "%s", all.sent[0]);
    uint64_t traded_ms = number(all.sent[0], "\"C\":"), told = 0;
    bool there = true;
    one.taken = one.count;                           /* what it was told when it came */
    for (uint32_t ticks = 0; ticks < 360; ticks++) { /* 11 s each */
        tick();
        for (; one.taken < one.count; one.taken++, told++) {
            const char *message = one.sent[one.taken];
            uint64_t from = number(message, "\"O\":"), to = number(message, "\"C\":");
            cr_assert(from % 60000 == 0 && to - from >= 3600000 && to - from < 3660000);
            there = number(message, "\"n\":");
            cr_assert_eq(there, from <= traded_ms, "%s", message);
        }
    }
    cr_assert_not(there);
    cr_assert_geq(told, 60, "each minute at least: %lu", told);
    cr_assert_eq(all.count, 1u, "nothing was traded");
    order("SELL", "0.1", 105);
    order("BUY", "0.1", 105);
    tick();
    cr_assert_eq(all.count, 2u);
    cr_assert_eq(number(all.sent[1], "\"F\":"), 2);
    close_ws(&one);
    close_ws(&all);
}
