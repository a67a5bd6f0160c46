/* Goal: candles read from the history are the sums of their trades, in every time zone. Method: a
 * store that sums random trades anew for each question, beside sums of the same trades by the
 * candle. */
#include "history_reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "actors/market_stats.h"

enum { TRADES = 600 };

#define BEGIN_US (INT64_C(1700000000) * SECOND_US)

static struct history_candle trade[TRADES]; /* each as the candle that it makes alone */
static uint64_t state = 88172645463325252u;

static uint32_t pick(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

static void make_trades(void)
{
    int64_t at = BEGIN_US;
    for (uint64_t i = 0; i < TRADES; i++) {
        at += pick(20) ? pick(3 * 3600) * SECOND_US : pick(5 * 86400) * SECOND_US;
        int64_t price = 1 + pick(100);
        trade[i] = (struct history_candle){.open_us = at,
                                           .open = price,
                                           .high = price,
                                           .low = price,
                                           .close = price,
                                           .base = 1 + pick(9),
                                           .quote = pick(1000),
                                           .first_trade = i + 1,
                                           .last_trade = i + 1,
                                           .trades = 1};
    }
}

static void add(struct history_candle *into, const struct history_candle *one)
{
    if (one->high > into->high)
        into->high = one->high;
    if (one->low < into->low)
        into->low = one->low;
    into->close = one->close;
    into->base += one->base;
    into->quote += one->quote;
    into->last_trade = one->last_trade;
    into->trades += one->trades;
}

/* As a store keeps them: by width in UTC. */
static bool candles(struct history *self, const struct history_ask *ask, struct history_candle *out,
                    uint32_t *count)
{
    static struct history_candle all[TRADES];
    uint32_t found = 0;
    int64_t width_us = ask->width * SECOND_US;
    (void)self;
    for (uint32_t i = 0; i < TRADES; i++) {
        int64_t open_us = trade[i].open_us - trade[i].open_us % width_us;
        if (open_us < ask->start_us || (ask->end_us && open_us > ask->end_us))
            continue;
        if (found && all[found - 1].open_us == open_us) {
            add(&all[found - 1], &trade[i]);
            continue;
        }
        all[found] = trade[i];
        all[found].open_us = open_us;
        all[found++].width = ask->width;
    }
    *count = found < ask->limit ? found : ask->limit;
    memcpy(out, ask->start_us ? all : all + found - *count, *count * sizeof *out);
    return true;
}

/* Of the trades from open_us on, before next_us; the close before them where there are none. */
static struct candle sum_of(int64_t open_us, int64_t next_us)
{
    struct history_candle sum = {0};
    int64_t close = 0;
    for (uint32_t i = 0; i < TRADES && trade[i].open_us < next_us; i++) {
        if (trade[i].open_us < open_us)
            close = trade[i].close;
        else if (sum.trades)
            add(&sum, &trade[i]);
        else
            sum = trade[i];
    }
    if (!sum.trades)
        sum.open = sum.high = sum.low = sum.close = close;
    return (struct candle){.open_us = open_us,
                           .open = sum.open,
                           .high = sum.high,
                           .low = sum.low,
                           .close = sum.close,
                           .base_lots = sum.base,
                           .quote_atoms = sum.quote,
                           .first_trade = sum.first_trade,
                           .last_trade = sum.last_trade,
                           .trades = sum.trades};
}

static bool same(const struct candle *a, const struct candle *b)
{
    return a->open_us == b->open_us && a->open == b->open && a->high == b->high &&
           a->low == b->low && a->close == b->close && a->base_lots == b->base_lots &&
           a->quote_atoms == b->quote_atoms && a->first_trade == b->first_trade &&
           a->last_trade == b->last_trade && a->trades == b->trades;
}

static void check_candles(struct history *store, enum candle_interval interval, int32_t zone,
                          int64_t start_us, uint32_t limit)
{
    struct past_job *job = calloc(1, sizeof *job + PAST_ROWS_MAX * sizeof *job->candle);
    int64_t now_us = trade[TRADES - 1].open_us + 90 * MINUTE_US;
    job->kind = PAST_CANDLES;
    job->tick_atoms = job->step_atoms = 1;
    job->candle = (struct candle *)job->rows;
    job->candles.candles = (struct candle_query){.interval = interval,
                                                 .zone_minutes = zone,
                                                 .start_us = start_us,
                                                 .end_us = INT64_MAX,
                                                 .now_us = now_us,
                                                 .limit = limit};
    cr_assert(history_read(store, job));
    cr_assert(job->count > 0 && job->count <= limit);
    int64_t open_us = job->candle[0].open_us;
    cr_assert_eq(open_us, candle_open_us(interval, open_us, zone));
    for (uint32_t i = 0; i < job->count; i++) {
        int64_t next_us = candle_next_us(interval, open_us, zone);
        const struct candle want = sum_of(open_us, next_us), *have = &job->candle[i];
        cr_assert(same(have, &want), "%s, zone %d, candle %u: %lu trades, not %lu",
                  candle_name(interval), zone, i, have->trades, want.trades);
        open_us = next_us;
    }
    if (job->count < limit || start_us == INT64_MIN)
        cr_assert_gt(open_us, now_us, "up to now");
    free(job);
}

Test(history_reader, candles_of_every_zone_are_the_sums_of_their_trades)
{
    static const struct history_ops ops = {.candles = candles};
    static const int32_t zones[] = {0, 480, -300, 330, 345, -210, 840};
    struct history store = {.ops = &ops};
    make_trades();
    for (uint32_t k = CANDLE_1H; k < CANDLE_INTERVALS; k++)
        for (uint32_t z = 0; z < sizeof zones / sizeof *zones; z++) {
            enum candle_interval interval = (enum candle_interval)k;
            check_candles(&store, interval, zones[z], INT64_MIN, 1000);
            check_candles(&store, interval, zones[z], INT64_MIN, 7);
            check_candles(&store, interval, zones[z], BEGIN_US + 86400 * SECOND_US, 50);
        }
}
