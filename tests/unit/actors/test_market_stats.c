/* test_market_stats.c - what a view keeps of trades, against the trades themselves.
 *
 * Method of most: trades at random times, some in one order's run, are folded and kept in a list;
 * every answer is computed again from the list, as slowly and plainly as can be.
 */
#include "actors/market_stats.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/hash.h"

enum { TRADES_MAX = 60000 };

static struct stats_trade trades[TRADES_MAX];
static uint32_t count;
static struct market_stats *stats;
static uint64_t rng;
static struct candle found[CANDLES_MOST], expected[CANDLES_MOST];
static int64_t now_us;

static uint64_t below(uint64_t n)
{
    return hash_mix(++rng) % n;
}

static void setup(void)
{
    stats = market_stats_new();
    count = 0;
    rng = 1;
    now_us = INT64_C(1700000000000000) + (int64_t)below(DAY_US);
}

static void teardown(void)
{
    market_stats_free(stats);
}

TestSuite(market_stats, .init = setup, .fini = teardown);

/* A trade at now_us; of the run before, or not. */
static struct stats_trade draw(void)
{
    const struct stats_trade *last = count ? &trades[count - 1] : NULL;
    bool same = last && last->ts_us == now_us && below(2);
    int64_t price = same ? last->price_ticks : 900 + (int64_t)below(200);
    int64_t qty = 1 + (int64_t)below(50);
    return (struct stats_trade){.trade_id = last ? last->trade_id + 1 : 1,
                                .agg_id = !last ? 1 : last->agg_id + !same,
                                .price_ticks = price,
                                .qty_lots = qty,
                                .quote_atoms = price * qty / 7,
                                .ts_us = now_us,
                                .buyer_is_maker = same ? last->buyer_is_maker : below(2)};
}

static void trade_once(void)
{
    cr_assert_lt(count, TRADES_MAX);
    trades[count] = draw();
    market_stats_fold(stats, &trades[count++]);
}

/* Time goes on a bit, sometimes by hours. */
static void wait_a_bit(void)
{
    static const int64_t most[] = {1, SECOND_US, 20 * SECOND_US, 3 * MINUTE_US};
    int64_t step = most[below(4)];
    if (below(200) == 0)
        step = 200 * MINUTE_US;
    now_us += (int64_t)below((uint64_t)step);
}

static void trade_for(uint32_t more)
{
    for (uint32_t i = 0; i < more; i++) {
        wait_a_bit();
        for (uint64_t run = 1 + below(4); run; run--)
            trade_once();
    }
}

/* ---- the plain answers ---- */

static struct candle sum_of(int64_t from_us, int64_t to_us)
{
    struct candle sum = {.open_us = from_us};
    for (uint32_t i = 0; i < count; i++) {
        const struct stats_trade *trade = &trades[i];
        if (trade->ts_us < from_us || trade->ts_us >= to_us)
            continue;
        if (!sum.trades++) {
            sum.open = sum.high = sum.low = trade->price_ticks;
            sum.first_trade = trade->trade_id;
        }
        sum.high = trade->price_ticks > sum.high ? trade->price_ticks : sum.high;
        sum.low = trade->price_ticks < sum.low ? trade->price_ticks : sum.low;
        sum.close = trade->price_ticks;
        sum.last_trade = trade->trade_id;
        sum.base_lots += trade->qty_lots;
        sum.quote_atoms += trade->quote_atoms;
        if (!trade->buyer_is_maker) {
            sum.taker_base_lots += trade->qty_lots;
            sum.taker_quote_atoms += trade->quote_atoms;
        }
    }
    return sum;
}

/* The last price before then; 0: none. */
static int64_t price_before(int64_t us)
{
    int64_t price = 0;
    for (uint32_t i = 0; i < count && trades[i].ts_us < us; i++)
        price = trades[i].price_ticks;
    return price;
}

static struct candle naive_candle(enum candle_interval interval, int32_t zone, int64_t open_us)
{
    struct candle candle = sum_of(open_us, candle_next_us(interval, open_us, zone));
    if (!candle.trades)
        candle.open = candle.high = candle.low = candle.close = price_before(open_us);
    return candle;
}

static uint32_t naive_candles(const struct candle_query *query)
{
    enum candle_interval interval = query->interval;
    int32_t zone = query->zone_minutes;
    int64_t end = query->end_us < query->now_us ? query->end_us : query->now_us;
    static int64_t open[40 * 86400];
    uint32_t n = 0;
    for (int64_t at = candle_open_us(interval, trades[0].ts_us, zone); at <= end;
         at = candle_next_us(interval, at, zone))
        if (at >= query->start_us)
            open[n++] = at;
    uint32_t shown = n < query->limit ? n : query->limit;
    uint32_t first = query->start_us == INT64_MIN ? n - shown : 0;
    for (uint32_t i = 0; i < shown; i++)
        expected[i] = naive_candle(interval, zone, open[first + i]);
    return shown;
}

static void same(const struct candle *a, const struct candle *b, const char *what)
{
    cr_assert(a->open_us == b->open_us && a->open == b->open && a->high == b->high &&
                  a->low == b->low && a->close == b->close && a->base_lots == b->base_lots &&
                  a->quote_atoms == b->quote_atoms && a->taker_base_lots == b->taker_base_lots &&
                  a->taker_quote_atoms == b->taker_quote_atoms &&
                  a->first_trade == b->first_trade && a->last_trade == b->last_trade &&
                  a->trades == b->trades,
              "%s: at %ld/%ld open %ld/%ld high %ld/%ld low %ld/%ld close %ld/%ld trades %lu/%lu",
              what, a->open_us, b->open_us, a->open, b->open, a->high, b->high, a->low, b->low,
              a->close, b->close, a->trades, b->trades);
}

/* ---- candles ---- */

static struct candle_query draw_query(void)
{
    static const int32_t zones[] = {0, 0, 345, -210, 840, -720, 60};
    struct candle_query query = {.interval = (enum candle_interval)below(CANDLE_INTERVALS),
                                 .zone_minutes = zones[below(7)],
                                 .start_us = INT64_MIN,
                                 .end_us = INT64_MAX,
                                 .now_us = now_us,
                                 .limit = 1 + (uint32_t)below(below(2) ? 5 : CANDLES_MOST)};
    int64_t span = now_us - trades[0].ts_us + MINUTE_US;
    if (below(2))
        query.start_us = now_us - (int64_t)below((uint64_t)span);
    if (below(2))
        query.end_us = now_us + MINUTE_US - (int64_t)below((uint64_t)span);
    return query;
}

/* Compares what is said to be whole; returns whether it was. */
static bool check_query(const struct candle_query *query)
{
    uint32_t n;
    if (!market_stats_candles(stats, query, found, &n))
        return false;
    uint32_t wanted = naive_candles(query);
    cr_assert_eq(n, wanted, "%s zone %d start %ld end %ld limit %u: %u candles, not %u",
                 candle_name(query->interval), query->zone_minutes, query->start_us, query->end_us,
                 query->limit, n, wanted);
    for (uint32_t i = 0; i < n; i++)
        same(&found[i], &expected[i], candle_name(query->interval));
    return true;
}

/* Goal: candles of every interval and zone are what the trades make of them. Method: random queries
 * while a random market of several days goes on; what memory answers must be right, and it must
 * answer whatever lies in the last day. */
Test(market_stats, candles_are_what_the_trades_make)
{
    uint32_t answered[CANDLE_INTERVALS] = {0};
    for (uint32_t round = 0; round < 150; round++) {
        trade_for(1 + (uint32_t)below(60));
        if (below(3) == 0) /* a while without trades */
            now_us += (int64_t)below(90 * MINUTE_US);
        for (uint32_t i = 0; i < 10; i++) {
            struct candle_query query = draw_query();
            bool whole = check_query(&query);
            answered[query.interval] += whole;
            int64_t kept = trades[count - 1].ts_us - DAY_US + 2 * MINUTE_US;
            if (query.interval != CANDLE_1S && query.start_us > kept)
                cr_assert(whole, "%s", candle_name(query.interval));
        }
    }
    cr_assert_gt(now_us - trades[0].ts_us, 2 * DAY_US);
    for (uint32_t k = 0; k < CANDLE_INTERVALS; k++)
        cr_assert_gt(answered[k], 5, "%s", candle_name((enum candle_interval)k));
}

/* Goal: the current candle of UTC and the one before it are there for streams, however long they
 * are. Method: both of every interval, behind every few trades, against the trades. */
Test(market_stats, current_and_last_candle_of_every_interval)
{
    for (uint32_t round = 0; round < 600; round++) {
        trade_for(10);
        for (uint32_t k = 0; k < CANDLE_INTERVALS; k++) {
            enum candle_interval interval = (enum candle_interval)k;
            int64_t open = candle_open_us(interval, trades[count - 1].ts_us, 0);
            int64_t first = candle_open_us(interval, trades[0].ts_us, 0);
            struct candle candle, naive;
            cr_assert(market_stats_candle(stats, interval, 0, open, &candle));
            naive = naive_candle(interval, 0, open);
            same(&candle, &naive, candle_name(interval));
            int64_t before = candle_open_us(interval, open - 1, 0);
            if (before < first)
                continue;
            cr_assert(market_stats_candle(stats, interval, 0, before, &candle), "%s",
                      candle_name(interval));
            naive = naive_candle(interval, 0, before);
            same(&candle, &naive, candle_name(interval));
        }
    }
    cr_assert_gt(now_us - trades[0].ts_us, 3 * DAY_US);
}

/* Goal: an empty candle behind the last trade carries its price. */
Test(market_stats, an_empty_candle_carries_the_last_close)
{
    struct candle candle;
    trade_once();
    int64_t open = candle_open_us(CANDLE_5M, now_us, 0) + 15 * MINUTE_US;
    cr_assert(market_stats_candle(stats, CANDLE_5M, 0, open, &candle));
    cr_assert(candle.trades == 0 && candle.base_lots == 0);
    cr_assert(candle.open == trades[0].price_ticks && candle.high == candle.open &&
              candle.low == candle.open && candle.close == candle.open);
    cr_assert_not(market_stats_candle(stats, CANDLE_5M, 0, open - DAY_US, &candle));
}

/* ---- the last day, and other windows ---- */

/* A window as it is asked for: the minutes since the one that holds from_us. */
static void check_window(int64_t from_us)
{
    struct candle window, naive = sum_of(from_us / MINUTE_US * MINUTE_US, now_us + 1);
    market_stats_window(stats, from_us, now_us, &window);
    same(&window, &naive, "window");
}

static void check_day(void)
{
    struct stats_day day;
    int64_t from = (now_us - DAY_US) / MINUTE_US * MINUTE_US;
    market_stats_day(stats, now_us, &day);
    struct candle naive = sum_of(from, now_us + 1);
    same(&day.sum, &naive, "day");
    int64_t before = price_before(from);
    cr_assert_eq(day.previous_close_ticks, before ? before : naive.open);
    cr_assert_eq(day.close_us, now_us);
}

/* Goal: the last 24 hours are summed up right at any moment, and so is any window of up to a week,
 * also when there was no trade for longer than anything is kept. */
Test(market_stats, the_last_day)
{
    check_day();
    for (uint32_t round = 0; round < 1500; round++) {
        trade_for(1 + (uint32_t)below(12));
        check_day();
        if (below(100) == 0)
            now_us += (int64_t)below(below(3) ? 30 * 60 * MINUTE_US : 9 * DAY_US);
        else
            wait_a_bit();
        check_day();
        check_window(now_us - (int64_t)below(below(2) ? DAY_US : 7 * DAY_US));
    }
    cr_assert_gt(now_us - trades[0].ts_us, 20 * DAY_US);
}

/* Goal: a window begins with a minute: what was traded at its first moment is in it, what was a
 * moment before is not, and it is as wide as a week at most. Method: a trade at each of those
 * moments of every window that can be asked for, and the clock at both ends of the last minute. */
Test(market_stats, the_edges_of_every_window)
{
    int64_t end = now_us / MINUTE_US * MINUTE_US + 8 * DAY_US;
    for (int32_t minutes = 7 * 1440; minutes > 0; minutes -= minutes > 1440 ? 1440 : 1) {
        now_us = end - minutes * MINUTE_US - 1;
        trade_once();
        now_us++;
        trade_once();
    }
    for (int32_t minutes = 1; minutes <= 7 * 1440; minutes += minutes < 1440 ? 1 : 1440) {
        struct candle window;
        for (now_us = end; now_us < end + MINUTE_US; now_us += MINUTE_US - 1) {
            market_stats_window(stats, now_us - minutes * MINUTE_US, now_us, &window);
            struct candle naive = sum_of(end - minutes * MINUTE_US, now_us + 1);
            same(&window, &naive, "window");
        }
        cr_assert_eq(window.open_us, end - minutes * MINUTE_US);
    }
}

/* Goal: sums that were made of a minute are not shown once its place is another's. Method: trades
 * in every minute of more than two weeks, so that each place is used again, and windows all along.
 */
Test(market_stats, a_fortnight_without_a_pause)
{
    for (uint32_t minute = 0; minute < 15 * 1440; minute++) {
        now_us += MINUTE_US;
        trade_once();
        if (minute % 400 == 0 || minute > 15 * 1440 - 100) {
            check_window(now_us - 7 * DAY_US);
            check_window(now_us - (int64_t)below(7 * DAY_US));
            check_day();
        }
    }
}

/* Goal: a trade that is folded after its minute was summed up is not lost. Method: the day is asked
 * for a minute later than the newest trade, then that trade's minute gets another. */
Test(market_stats, a_late_trade_is_in_the_day)
{
    struct stats_day day;
    now_us = INT64_C(1700000000000000) / MINUTE_US * MINUTE_US + 59 * SECOND_US;
    trade_once();
    market_stats_day(stats, now_us + 2 * SECOND_US, &day);
    cr_assert_eq(day.sum.trades, 1);
    trade_once();
    market_stats_day(stats, now_us + 2 * SECOND_US, &day);
    cr_assert_eq(day.sum.trades, 2);
}

/* Goal: a clock that is behind the newest trade's hides nothing. */
Test(market_stats, a_clock_that_is_behind)
{
    struct stats_day day;
    trade_once();
    market_stats_day(stats, now_us - 5 * MINUTE_US, &day);
    cr_assert_eq(day.sum.trades, 1);
    cr_assert_eq(day.close_us, now_us);
}

/* ---- aggregate trades ---- */

/* Goal: an aggregate trade is the sum of its trades, and the newest AGGS_KEPT are there. */
Test(market_stats, aggregate_trades)
{
    for (uint32_t round = 0; round < 40; round++) {
        trade_for(50);
        uint64_t newest = market_stats_newest_agg(stats), oldest = market_stats_oldest_agg(stats);
        cr_assert_eq(newest, trades[count - 1].agg_id);
        cr_assert_eq(oldest, newest > AGGS_KEPT ? newest - AGGS_KEPT + 1 : 1);
        uint32_t i = 0;
        for (uint64_t id = oldest; id <= newest; id++) {
            const struct agg_trade *agg = market_stats_agg(stats, id);
            while (trades[i].agg_id < id)
                i++;
            cr_assert(agg->id == id && agg->first_trade == trades[i].trade_id);
            cr_assert(agg->price_ticks == trades[i].price_ticks && agg->ts_us == trades[i].ts_us &&
                      agg->buyer_is_maker == trades[i].buyer_is_maker);
            int64_t qty = 0;
            for (; i < count && trades[i].agg_id == id; i++)
                qty += trades[i].qty_lots;
            cr_assert(agg->qty_lots == qty && agg->last_trade == trades[i - 1].trade_id);
        }
    }
}

/* Goal: an aggregate trade whose beginning is not known is not shown, nor one before a gap. */
Test(market_stats, aggregate_trades_that_began_before)
{
    struct stats_trade trade = draw();
    trade.trade_id = 7;
    trade.agg_id = 0;
    market_stats_fold(stats, &trade);
    cr_assert_eq(market_stats_newest_agg(stats), 0);
    trade.trade_id = 8;
    trade.agg_id = 5;
    market_stats_fold(stats, &trade);
    cr_assert(market_stats_oldest_agg(stats) == 5 && market_stats_newest_agg(stats) == 5);
}

/* ---- what is not known, and history ---- */

/* Goal: statistics that began with a later trade say that candles before it are not whole, and
 * answer those behind it. */
Test(market_stats, what_was_before_the_first_trade_known)
{
    uint32_t n;
    struct candle candle;
    for (uint32_t i = 0; i < 3000; i++) { /* nobody is told of these */
        wait_a_bit();
        trades[count] = draw();
        count++;
    }
    int64_t began = now_us + 1;
    now_us += 2 * MINUTE_US;
    trade_for(100);
    struct candle_query query = {.interval = CANDLE_1M,
                                 .start_us = INT64_MIN,
                                 .end_us = INT64_MAX,
                                 .now_us = now_us,
                                 .limit = CANDLES_MOST};
    cr_assert_not(market_stats_candles(stats, &query, found, &n));
    cr_assert_gt(n, 0, "what there is");
    query.start_us = began + 4 * MINUTE_US;
    cr_assert(check_query(&query));
    query.start_us = began - 4 * MINUTE_US;
    cr_assert_not(market_stats_candles(stats, &query, found, &n));
    int64_t month = candle_open_us(CANDLE_1MO, now_us, 0);
    cr_assert_not(market_stats_candle(stats, CANDLE_1MO, 0, month, &candle));
}

/* Seeds with the minutes since from_us and with all current candles. */
static void seed(int64_t from_us)
{
    static struct candle minutes[40 * 1440];
    uint32_t n = 0;
    int64_t last = candle_open_us(CANDLE_1M, trades[count - 1].ts_us, 0);
    for (int64_t at = candle_open_us(CANDLE_1M, from_us, 0); at <= last; at += MINUTE_US) {
        minutes[n] = sum_of(at, at + MINUTE_US);
        n += minutes[n].trades != 0;
    }
    market_stats_seed(stats, minutes, n);
    for (uint32_t k = 2 * CANDLE_3M; k < 2 * CANDLE_INTERVALS; k++) {
        enum candle_interval interval = (enum candle_interval)(k / 2);
        int32_t zone_minutes = k % 2 ? STATS_ZONE_MINUTES : 0;
        int64_t open = candle_open_us(interval, last, zone_minutes);
        struct candle current = sum_of(open, last + MINUTE_US);
        market_stats_seed_candle(stats, interval, zone_minutes, &current);
    }
}

/* Goal: what is seeded from history goes on as if it had been folded. Method: a market of several
 * days, of which statistics get the minutes of the last day and then the trades; current candles,
 * the day and the candles of the last day are compared behind each few trades. */
Test(market_stats, seeded_from_history)
{
    for (uint32_t round = 0; round < 30; round++) {
        trade_for(200);
        now_us += (int64_t)below(DAY_US / 2);
    }
    cr_assert_gt(now_us - trades[0].ts_us, 8 * DAY_US);
    for (uint32_t life = 0; life < 8; life++) {
        market_stats_free(stats);
        stats = market_stats_new();
        bool week = life % 2; /* with the last close before it, as of the day */
        for (uint32_t i = count - 500; life > 3 && i < count; i++) /* as a view is loaded */
            market_stats_fold(stats, &trades[i]);
        seed(now_us - (week ? 7 : 1) * DAY_US - 300 * MINUTE_US);
        cr_assert_eq(market_stats_newest_trade(stats), count);
        for (uint32_t round = 0; round < 60; round++) {
            check_day();
            check_window(now_us - (int64_t)below(week ? 7 * DAY_US : DAY_US));
            for (uint32_t k = 2 * CANDLE_1M; k < 2 * CANDLE_INTERVALS; k++) {
                enum candle_interval interval = (enum candle_interval)(k / 2);
                int32_t zone = k % 2 ? STATS_ZONE_MINUTES : 0;
                int64_t open = candle_open_us(interval, trades[count - 1].ts_us, zone);
                struct candle candle, naive = naive_candle(interval, zone, open);
                cr_assert(market_stats_candle(stats, interval, zone, open, &candle), "%s",
                          candle_name(interval));
                same(&candle, &naive, candle_name(interval));
            }
            struct candle_query query = draw_query();
            if (query.interval != CANDLE_1S)
                check_query(&query);
            trade_for(1 + (uint32_t)below(8));
        }
    }
}

/* Goal: seconds are not made up from minutes. */
Test(market_stats, seeded_minutes_have_no_seconds)
{
    uint32_t n;
    trade_for(300);
    seed(trades[0].ts_us);
    struct candle_query query = {.interval = CANDLE_1S,
                                 .start_us = INT64_MIN,
                                 .end_us = INT64_MAX,
                                 .now_us = now_us,
                                 .limit = 2};
    cr_assert_not(market_stats_candles(stats, &query, found, &n));
    now_us += 2 * MINUTE_US;
    trade_once();
    query.now_us = now_us;
    cr_assert_not(market_stats_candles(stats, &query, found, &n));
    now_us += 10 * SECOND_US;
    query.now_us = now_us;
    cr_assert(check_query(&query));
}
