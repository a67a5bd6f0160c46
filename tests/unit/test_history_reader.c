/* Goal: candles read from the history are the sums of their trades, in every time zone. Method: a
 * store that sums random trades anew for each question, beside sums of the same trades by the
 * candle. */
#include "history_reader.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/control_shard.h"
#include "actors/ledger/ledger.h"
#include "actors/msg/msg.h"
#include "history_feed.h"

enum { TRADES = 600, WEEK_TRADES = 1500 };

#define BEGIN_US (INT64_C(1700000000) * SECOND_US)

static struct history_candle trade[WEEK_TRADES]; /* each as the candle that it makes alone */
static uint32_t trades, stored;                  /* there were so many; the store has so many... */
static uint32_t unstored, gap;                   /* ...without so many from there on... */
static uint32_t grows_in;                        /* ...and one more once it was read so often */
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
    stored += grows_in == 1;
    grows_in -= grows_in > 0;
    for (uint32_t i = 0; i < stored; i++) {
        int64_t open_us = trade[i].open_us - trade[i].open_us % width_us;
        if (open_us < ask->start_us || (ask->end_us && open_us > ask->end_us))
            continue;
        if (i >= gap && i - gap < unstored)
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

/* Goal: there are no candles after the end of time. Method: the latest start that can be asked for,
 * which every reckoning of what comes behind it overflows. */
Test(history_reader, no_candle_begins_after_the_end_of_time)
{
    static const struct history_ops ops = {.candles = candles};
    struct history store = {.ops = &ops};
    make_trades(TRADES, false);
    for (uint32_t k = 0; k < CANDLE_INTERVALS; k++) {
        struct past_job *job = calloc(1, sizeof *job + PAST_ROWS_MAX * sizeof *job->candle);
        job->kind = PAST_CANDLES;
        job->tick_atoms = job->step_atoms = 1;
        job->candle = (struct candle *)job->rows;
        job->candles.candles = (struct candle_query){.interval = (enum candle_interval)k,
                                                     .zone_minutes = 840,
                                                     .start_us = INT64_MAX,
                                                     .end_us = INT64_MAX,
                                                     .now_us = trade[trades - 1].open_us,
                                                     .limit = 10};
        cr_assert(history_read(&store, job));
        cr_expect_eq(job->count, 0u, "%s", candle_name((enum candle_interval)k));
        free(job);
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

/* The ingress has the one symbol, and asks this file for its past. */
static void attach(void)
{
    shared.journal_lsn = journal_lsn;
    shared.past = take_job;
    ingress.directory.symbols = &symbol;
    ingress.directory.symbols_count = 1;
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
    attach();
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

/* Goal: the month is whole once what was missing has been read, however much is traded meanwhile.
 * Method: a market of months, whose store gets another trade before each of the first readings of a
 * week. */
Test(history_reader, a_month_is_whole_although_the_store_grows_while_it_is_read)
{
    static const struct history_ops ops = {.candles = candles};
    struct history store = {.ops = &ops};
    make_trades(WEEK_TRADES, false);
    attach();
    core.now_us = trade[1399].open_us + SECOND_US;
    for (grows_in = 1; grows_in < 12; grows_in++) {
        uint32_t reads = grows_in;
        begin_view(1300);
        give(1300, 1400);
        stored = 1399;
        cr_assert(mend(&store));
        for (uint32_t zone = 0; zone < 2; zone++) {
            int32_t minutes = zone ? STATS_ZONE_MINUTES : 0;
            int64_t open_us = candle_open_us(CANDLE_1MO, core.now_us, minutes);
            struct candle month, want;
            trades = 1400;
            want = sum_of(open_us, INT64_MAX);
            cr_expect(market_stats_candle(ingress.view.symbols[0].stats, CANDLE_1MO, minutes,
                                          open_us, &month));
            cr_expect_eq(month.trades, want.trades, "read %u: %lu trades, not %lu", reads,
                         month.trades, want.trades);
        }
        grows_in = reads;
        core.now_us += 11 * SECOND_US;
        market_view_fini(&ingress.view);
    }
}

/* Goal: statistics never know less than before, and are not read again, when the history will never
 * have what they lack: its journal was trimmed before it was made. Method: stores that begin within
 * the trades that a view keeps, or have such a gap. */
Test(history_reader, a_history_with_a_gap_takes_nothing_away)
{
    static const struct history_ops ops = {.candles = candles};
    static const uint32_t gaps[][2] = {{0, 1399}, {0, 1200}, {200, 1200}}; /* from, to */
    struct history store = {.ops = &ops};
    make_trades(WEEK_TRADES, true);
    attach();
    core.now_us = trade[WEEK_TRADES - 1].open_us + SECOND_US;
    for (uint32_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        begin_view(1300);
        give(1300, 1400);
        uint64_t known = trades_of_a_week();
        stored = 1400;
        gap = gaps[i][0];
        unstored = gaps[i][1] - gap;
        cr_assert(mend(&store));
        cr_expect_geq(trades_of_a_week(), known, "case %u", i);
        core.now_us += 11 * SECOND_US;
        cr_expect_not(mend(&store), "case %u", i);
        core.now_us += 11 * SECOND_US;
        market_view_fini(&ingress.view);
    }
}

/* ---- what the feed writes ---- */

static const uint8_t id[HISTORY_ID] = "a data directory";
static char directory[64];
static struct control_shard control = {.symbols = &symbol};
static struct exchange ex = {.config.symbols_max = 1, .control = &control};
static struct history_feed feed;

static void begin_feed(void)
{
    char wrong[256];
    struct history *store = history_sqlite_open(directory, id, true, wrong);
    cr_assert_not_null(store, "%s", wrong);
    cr_assert(history_feed_begin(&feed, store, &ex));
}

static void feed_setup(void)
{
    strcpy(directory, "/tmp/castle-feed-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    begin_feed();
}

static void feed_teardown(void)
{
    history_feed_end(&feed);
    cr_assert_eq(history_sqlite_remove(directory), 0);
    cr_assert_eq(rmdir(directory), 0);
}

TestSuite(history_feed, .init = feed_setup, .fini = feed_teardown);

static struct list_view list_of(uint64_t list_id)
{
    struct list_view list = {.list_id = list_id,
                             .time_us = 1000 * (int64_t)list_id,
                             .symbol = 0,
                             .kind = list_id % 2 ? LIST_OTOCO : LIST_OTO,
                             .count = list_id % 2 ? 3 : 2,
                             .client_length = CLIENT_ID_BYTES,
                             .done = true};
    memset(list.client_id, 'A' + (int)list_id, CLIENT_ID_BYTES);
    for (uint32_t i = 0; i < list.count; i++)
        list.order[i] = (struct list_order){
            .order_id = 10 * list_id + i, .client_length = 1, .client_id = {(char)('a' + i)}};
    return list;
}

/* What a list that ends makes: its last order, that order's fill, and itself. */
static void tell_list(uint64_t list_id)
{
    const struct rows *rows = &feed.rows;
    const struct list_view list = list_of(list_id);
    const struct order_view order = {.order_id = 10 * list_id + 1,
                                     .qty = 4,
                                     .executed = 1,
                                     .trades = 1,
                                     .status = ORDER_EXPIRED,
                                     .client_length = 1,
                                     .client_id = "b",
                                     .list_id = list_id,
                                     .expiry = EXPIRY_OCO};
    const struct trade_view fill = {
        .trade_id = list_id, .order_id = order.order_id, .list_id = list_id, .qty = 1, .quote = 1};
    history_feed_record(&feed, list_id);
    rows->fill(rows->self, 7, &fill);
    rows->order(rows->self, 7, &order);
    rows->list(rows->self, 7, &list);
}

/* What is found for a request of user 7. The caller frees it. */
static struct past_job *read_job(enum past_kind kind, uint8_t type, struct request_find find)
{
    struct past_job *job = calloc(1, sizeof *job + PAST_ROWS_MAX * sizeof *job->list);
    job->kind = kind;
    job->order = (struct order_view *)job->rows;
    job->request = (struct request){.type = type, .user = 7, .find = find};
    if (kind == PAST_LISTS) /* they are asked for without one */
        job->request.symbol = SYMBOL_ANY;
    cr_assert(history_read(feed.store, job), "%s", history_error(feed.store));
    return job;
}

static bool same_list(const struct list_view *a, const struct list_view *b)
{
    bool same = a->list_id == b->list_id && a->time_us == b->time_us && a->symbol == b->symbol &&
                a->kind == b->kind && a->count == b->count && a->done == b->done &&
                a->client_length == b->client_length &&
                memcmp(a->client_id, b->client_id, a->client_length) == 0;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = a->order[i].order_id == b->order[i].order_id &&
               a->order[i].client_length == b->order[i].client_length &&
               memcmp(a->order[i].client_id, b->order[i].client_id, a->order[i].client_length) == 0;
    return same;
}

/* The ids of the lists that are found, as text; each is as it was told. */
static const char *lists(uint8_t type, struct request_find find)
{
    static char text[256];
    struct past_job *job = read_job(PAST_LISTS, type, find);
    text[0] = '\0';
    for (uint32_t i = 0; i < job->count; i++) {
        const struct list_view want = list_of(job->list[i].list_id);
        cr_assert(same_list(&job->list[i], &want), "list %lu", job->list[i].list_id);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%lu", i ? " " : "",
                 job->list[i].list_id);
    }
    free(job);
    return text;
}

/* Goal: what is told of a list is found again as it was, once, whatever happened between; its
 * orders and fills say which list they are of. Method: the feed ends before it has committed, and
 * is told the same again from its cursor on. */
Test(history_feed, lists_are_found_as_they_were_told)
{
    tell_list(1);
    tell_list(2);
    cr_assert(history_feed_commit(&feed, 2));
    tell_list(3);
    history_feed_end(&feed);
    begin_feed();
    cr_assert_eq(feed.cursor, 2u);
    cr_assert_str_eq(lists(REQUEST_ALL_LISTS, (struct request_find){.limit = 9}), "1 2");
    tell_list(3);
    tell_list(4);
    cr_assert(history_feed_commit(&feed, 4));
    static const struct {
        uint8_t type;
        struct request_find find;
        const char *found;
    } table[] = {
        {REQUEST_ALL_LISTS, {.limit = 9}, "1 2 3 4"},
        {REQUEST_ALL_LISTS, {.limit = 2}, "3 4"},
        {REQUEST_ALL_LISTS, {.limit = 2, .has_from_id = true}, "1 2"},
        {REQUEST_ALL_LISTS, {.limit = 9, .has_from_id = true, .from_id = 3}, "3 4"},
        {REQUEST_ALL_LISTS, {.limit = 9, .start_us = 2000, .end_us = 3000}, "2 3"},
        {REQUEST_ALL_LISTS, {.limit = 9, .end_us = 2000}, "1 2"},
        {REQUEST_GET_LIST, {.limit = 1, .has_order_id = true, .order_id = 3}, "3"},
        {REQUEST_GET_LIST, {.limit = 1, .has_order_id = true, .order_id = 5}, ""},
        {REQUEST_GET_LIST, {.limit = 1, .has_order_id = true}, ""},
        {REQUEST_GET_LIST,
         {.limit = 1,
          .client_length = CLIENT_ID_BYTES,
          .client_id = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"},
         "2"},
        {REQUEST_GET_LIST, {.limit = 1, .client_length = 1, .client_id = "C"}, ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_expect_str_eq(lists(table[i].type, table[i].find), table[i].found, "row %zu: %s", i,
                         lists(table[i].type, table[i].find));
    struct past_job *job =
        read_job(PAST_ORDERS, REQUEST_ALL_ORDERS, (struct request_find){.limit = 9});
    cr_assert_eq(job->count, 4);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert(job->order[i].list_id == i + 1 && job->order[i].expiry == EXPIRY_OCO);
    free(job);
    job = read_job(PAST_FILLS, REQUEST_TRADES, (struct request_find){.limit = 9});
    cr_assert_eq(job->count, 4);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert(job->fill[i].list_id == i + 1 && job->fill[i].order_id == 10 * (i + 1) + 1);
    free(job);
}

/* Goal: order number 0 is nobody's, and not the question for all orders. Method: an order and its
 * fill are there; 0 is asked for. */
Test(history_feed, order_0_is_nobodys)
{
    const struct request_find find = {.limit = 1, .has_order_id = true};
    tell_list(1);
    cr_assert(history_feed_commit(&feed, 1));
    struct past_job *job = read_job(PAST_ORDERS, REQUEST_GET_ORDER, find);
    cr_assert_eq(job->count, 0);
    free(job);
    job = read_job(PAST_FILLS, REQUEST_TRADES, find);
    cr_assert_eq(job->count, 0);
    free(job);
}
