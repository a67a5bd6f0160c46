/* What is answered from memory, and what is left to history: a view that folds trades, asked behind
 * every one of more than it keeps. */
#include "http/lookup.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "actors/msg/msg.h"

enum { TRADES = 2500, PER_ORDER = 2 }; /* two trades of each taker order make one aggregate trade */

static struct ingress ingress;
static struct symbol_config symbol = {.name = "AB", .tick_atoms = 100, .step_atoms = 1000000};
static struct call call;
static uint64_t traded;

static void setup(void)
{
    market_view_init(&ingress.view, 1);
    ingress.directory.symbols = &symbol;
    call.ingress = &ingress;
    call.micro = true;
}

static void teardown(void)
{
    market_view_fini(&ingress.view);
    free(call.out.data);
}

TestSuite(lookup, .init = setup, .fini = teardown);

/* When a trade was: the trades of one order at once, orders a millisecond apart. */
static int64_t time_of(uint64_t id)
{
    return INT64_C(1700000000000000) + (int64_t)((id - 1) / PER_ORDER) * 1000;
}

static void trade(void)
{
    traded++;
    struct msg msg = {.type = MSG_TRADE, .ts_us = time_of(traded)};
    msg.trade.trade_id = traded;
    msg.trade.price_ticks = 1000;
    msg.trade.qty_lots = 1;
    msg.trade.quote_atoms = 1000;
    msg.trade.taker_order_id = (traded - 1) / PER_ORDER + 1;
    market_view_fold(&ingress.view, &msg);
}

/* How many objects were written, and what stands first behind `key`. */
static uint32_t written(const char *key, uint64_t *first)
{
    uint32_t count = 0;
    text_add(&call.out, "", 1);
    for (const char *at = call.out.data; (at = strstr(at, key)) != NULL; at++, count++)
        if (count == 0)
            *first = strtoull(at + strlen(key), NULL, 10);
    return count;
}

static struct trades_query query_of(uint64_t from_id, bool by_id, uint32_t limit)
{
    return (struct trades_query){.by_id = by_id,
                                 .from_id = from_id,
                                 .start_us = INT64_MIN,
                                 .end_us = INT64_MAX,
                                 .limit = limit};
}

static bool ask(bool aggregate, const struct trades_query *query, uint32_t *count, uint64_t *first)
{
    call.out.length = 0;
    *first = 0;
    bool whole = aggregate ? lookup_agg_trades(&call, query) : lookup_trades(&call, query);
    *count = written(aggregate ? "\"a\":" : "\"id\":", first);
    return whole;
}

/* Goal: memory answers by id exactly what it has all of; the newest are always there. Method: all
 * kinds of ids behind every trade, against what ids there are and were. */
static void check_ids(bool aggregate, uint64_t newest, uint64_t kept)
{
    uint64_t oldest = newest > kept ? newest - kept + 1 : 1, first;
    const uint64_t ids[] = {0, 1, oldest - 1, oldest, oldest + 1, newest, newest + 1, newest + 9};
    uint32_t count;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        for (uint32_t limit = 1; limit <= 1000; limit += 333) {
            struct trades_query query = query_of(ids[i], true, limit);
            bool whole = ask(aggregate, &query, &count, &first);
            cr_assert_eq(whole, oldest == 1 || ids[i] >= oldest, "id %lu of %lu..%lu", ids[i],
                         oldest, newest);
            uint64_t from = ids[i] > oldest ? ids[i] : oldest;
            uint64_t there = from > newest ? 0 : newest - from + 1;
            cr_assert_eq(count, there < limit ? there : limit);
            cr_assert_eq(first, count ? from : 0);
        }
    struct trades_query query = query_of(0, false, 500);
    cr_assert(ask(aggregate, &query, &count, &first));
    cr_assert_eq(count, newest < 500 ? newest : 500);
    cr_assert_eq(first, newest - count + 1);
}

Test(lookup, trades_and_aggregate_trades_by_id)
{
    for (uint32_t i = 0; i < TRADES; i++) {
        trade();
        if (i % 97 && i > 6)
            continue;
        check_ids(false, traded, TRADES_KEPT);
        check_ids(true, (traded + 1) / PER_ORDER, AGGS_KEPT);
    }
}

/* Goal: a time at or before the oldest aggregate trade kept is history's, for others of that time
 * may have gone. Method: times around the oldest and the newest, against the times of the ids. */
Test(lookup, aggregate_trades_by_time)
{
    uint32_t count;
    uint64_t first;
    for (uint32_t i = 0; i < TRADES; i++)
        trade();
    uint64_t newest = TRADES / PER_ORDER, oldest = newest - AGGS_KEPT + 1;
    for (uint64_t id = oldest - 2; id <= newest + 2;
         id += id == oldest + 2 ? newest - oldest - 4 : 1)
        for (int64_t off = -1; off <= 1; off++) {
            struct trades_query query = query_of(0, false, 3);
            query.start_us = time_of(PER_ORDER * id) + off;
            bool whole = ask(true, &query, &count, &first);
            cr_assert_eq(whole, query.start_us > time_of(PER_ORDER * oldest), "id %lu%+ld", id,
                         off);
            uint64_t from = off > 0 ? id + 1 : id;
            from = from < oldest ? oldest : from;
            uint64_t there = from > newest ? 0 : newest - from + 1;
            cr_assert_eq(count, there < 3 ? there : 3);
            cr_assert_eq(first, count ? from : 0);
            query = query_of(0, false, 3); /* and the last three up to then */
            query.end_us = time_of(PER_ORDER * id) + off;
            whole = ask(true, &query, &count, &first);
            uint64_t last = off < 0 ? id - 1 : id;
            last = last > newest ? newest : last;
            cr_assert_eq(whole, last >= oldest + 2, "up to %lu%+ld", id, off);
            cr_assert_eq(count, last < oldest ? 0 : last - oldest + 1 < 3 ? last - oldest + 1 : 3);
        }
}

/* Goal: of a symbol that never traded memory knows all: nothing. */
Test(lookup, a_symbol_that_never_traded)
{
    uint32_t count;
    uint64_t first;
    struct trades_query query = query_of(5, true, 10);
    cr_assert(ask(false, &query, &count, &first) && count == 0);
    cr_assert(ask(true, &query, &count, &first) && count == 0);
    struct candles_query candles = {
        .candles = {.interval = CANDLE_1D, .start_us = INT64_MIN, .end_us = INT64_MAX, .limit = 5}};
    call.out.length = 0;
    cr_assert(lookup_candles(&call, &candles));
    cr_assert(call.out.length == 2 && memcmp(call.out.data, "[]", 2) == 0);
}
