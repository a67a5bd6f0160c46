/* Goal: candles read from the history are the sums of their trades, in every time zone. Method: a
 * store that sums random trades anew for each question, beside sums of the same trades by the
 * candle. */
#include "history_reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "actors/msg/msg.h"

enum { TRADES = 600, WEEK_TRADES = 1500 };

#define BEGIN_US (INT64_C(1700000000) * SECOND_US)

static struct history_candle trade[WEEK_TRADES]; /* each as the candle that it makes alone */
static uint32_t trades, stored;                  /* there were so many; the store has so many */
static uint64_t state = 88172645463325252u;

static uint32_t pick(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

/* Hours apart and sometimes days, or of the last days. */
static void make_trades(uint32_t count, bool close)
{
    int64_t at = BEGIN_US;
    trades = stored = count;
    for (uint64_t i = 0; i < count; i++) {
        if (close)
            at += pick(600) * SECOND_US;
        else
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
    static struct history_candle all[WEEK_TRADES];
    uint32_t found = 0;
    int64_t width_us = ask->width * SECOND_US;
    (void)self;
    for (uint32_t i = 0; i < stored; i++) {
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
    for (uint32_t i = 0; i < trades && trade[i].open_us < next_us; i++) {
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
    int64_t now_us = trade[trades - 1].open_us + 90 * MINUTE_US;
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
    make_trades(TRADES, false);
    for (uint32_t k = CANDLE_1H; k < CANDLE_INTERVALS; k++)
        for (uint32_t z = 0; z < sizeof zones / sizeof *zones; z++) {
            enum candle_interval interval = (enum candle_interval)k;
            check_candles(&store, interval, zones[z], INT64_MIN, 1000);
            check_candles(&store, interval, zones[z], INT64_MIN, 7);
            check_candles(&store, interval, zones[z], BEGIN_US + 86400 * SECOND_US, 50);
        }
}

/* ---- statistics that began with too little ---- */

static struct symbol_config symbol = {.tick_atoms = 1, .step_atoms = 1};
static struct ingress_shared shared;
static struct core core = {.waker.fd = -1};
static struct ingress ingress = {.shared = &shared, .core = &core};
static struct past_job *asked;

static uint64_t journal_lsn(void)
{
    return 77;
}

static bool take_job(struct past_job *job)
{
    cr_assert(!asked && job->kind == PAST_WEEK && job->min_lsn == 77);
    asked = job;
    return true;
}

static void give(uint32_t from, uint32_t to)
{
    struct msg msg = {.type = MSG_TRADE};
    for (uint32_t i = from; i < to; i++) {
        msg.ts_us = trade[i].open_us;
        msg.trade.trade_id = i + 1;
        msg.trade.price_ticks = trade[i].open;
        msg.trade.qty_lots = (int64_t)trade[i].base;
        msg.trade.taker_order_id = i + 1;
        market_view_fold(&ingress.view, &msg);
    }
}

/* A view that is loaded with so many trades: its statistics begin with those it keeps. */
static void begin_view(uint32_t given)
{
    const struct money_spec spec = {.tick_atoms = 1, .lot_atoms = 1};
    market_view_init(&ingress.view, 1);
    give(0, given);
    struct view_symbol *view = ingress.view.symbols;
    market_stats_free(view->stats);
    view->stats = market_stats_new();
    market_view_catch_up(&ingress.view, 0, &spec);
    cr_assert(market_stats_gap(view->stats) == (given > TRADES_KEPT));
}

/* Whether a week was asked for; if so it was read and delivered. */
static bool mend(struct history *store)
{
    history_mend(&ingress);
    struct past_job *job = asked;
    history_mend(&ingress); /* one at a time */
    if (!job)
        return false;
    job->failed = !history_read(store, job);
    past_done(job);
    asked = NULL;
    cr_assert_eq(past_deliver(&ingress), 1u);
    history_mend(&ingress); /* there is no other symbol: it rests */
    return true;
}

static uint64_t trades_of_a_week(void)
{
    struct candle week;
    market_stats_window(ingress.view.symbols[0].stats, core.now_us - 7 * DAY_US, core.now_us,
                        &week);
    return week.trades;
}

static bool is_whole(uint32_t given)
{
    const struct market_stats *stats = ingress.view.symbols[0].stats;
    for (int64_t minutes = 1; minutes <= 7 * 1440; minutes *= 3) {
        struct candle window, want;
        int64_t from_us = (core.now_us / MINUTE_US - minutes) * MINUTE_US;
        market_stats_window(stats, from_us, core.now_us, &window);
        trades = given;
        want = sum_of(from_us, INT64_MAX);
        window.quote_atoms = want.quote_atoms; /* of no price and quantity here */
        if (want.trades && !same(&window, &want))
            return false;
    }
    return !market_stats_gap(stats);
}

/* Goal: statistics that began where the history lagged behind are whole once it does not, and never
 * know less than before. Method: a store that ends too early, in time, and later than what the view
 * was given; a market of five days of which the view keeps two thirds, and its statistics a bit
 * more. */
Test(history_reader, what_was_missing_at_the_start_is_read_later)
{
    static const struct history_ops ops = {.candles = candles};
    struct history store = {.ops = &ops};
    make_trades(WEEK_TRADES, true);
    shared.journal_lsn = journal_lsn;
    shared.past = take_job;
    ingress.directory.symbols = &symbol;
    ingress.directory.symbols_count = 1;
    core.now_us = trade[WEEK_TRADES - 1].open_us + SECOND_US;
    begin_view(1300);
    give(1300, 1400);
    cr_assert_not(is_whole(1400));
    static const struct {
        uint32_t stored;
        bool whole;
    } cases[] = {{0, false},           {50, false},   {399, false},
                 {WEEK_TRADES, false}, {1401, false}, {400, true}};
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t known = trades_of_a_week();
        stored = cases[i].stored;
        cr_assert(mend(&store));
        cr_assert_geq(trades_of_a_week(), known);
        cr_assert_eq(is_whole(1400), cases[i].whole, "%u stored", stored);
        cr_assert_not(mend(&store), "it waits before it tries again");
        core.now_us += 11 * SECOND_US;
    }
    cr_assert_not(mend(&store), "nothing is missing");
    market_view_fini(&ingress.view);
    begin_view(TRADES_KEPT);
    core.now_us += 11 * SECOND_US;
    cr_assert_not(mend(&store), "nothing was missing");
    market_view_fini(&ingress.view);
}
