#include "history_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/control_shard.h"
#include "actors/market_stats.h"
#include "runtime/check.h"
#include "runtime/log.h"

enum { WAIT_MS = 5, PAGE = HISTORY_ROWS_MAX, HOUR_MINUTES = 60, WEEK_TRIES = 5 };

_Static_assert((int)PAST_ROWS_MAX <= (int)HISTORY_ROWS_MAX, "an answer is at most one page");

static struct history_reader *running; /* one a process */

/* ---- trades ---- */

/* 0 asks for no beginning, and nothing was traded then. */
static int64_t from_time(int64_t us)
{
    return us == INT64_MIN ? 0 : us > 0 ? us : 1;
}

static int64_t to_time(int64_t us)
{
    return us == INT64_MAX ? 0 : us;
}

static bool read_trades(struct history *store, struct past_job *job)
{
    struct history_trade rows[PAGE];
    const struct trades_query *query = &job->trades;
    const struct history_ask ask = {.symbol = query->symbol,
                                    .limit = query->limit,
                                    .from_id = query->by_id ? query->from_id + !query->from_id : 0};
    if (!store->ops->trades(store, &ask, rows, &job->count))
        return false;
    for (uint32_t i = 0; i < job->count; i++)
        job->trade[i] = (struct recent_trade){.id = rows[i].trade_id,
                                              .agg_id = rows[i].agg_id,
                                              .taker_order_id = rows[i].taker_order_id,
                                              .price_ticks = rows[i].price / job->tick_atoms,
                                              .qty_lots = rows[i].qty / job->step_atoms,
                                              .ts_us = rows[i].time_us,
                                              .buyer_is_maker = rows[i].buyer_is_maker};
    return true;
}

/* Adds a trade to the aggregates found so far; false when it would be one too many. */
static bool agg_add(struct past_job *job, const struct history_trade *row)
{
    struct agg_trade *last = job->count ? &job->agg[job->count - 1] : NULL;
    int64_t lots = row->qty / job->step_atoms;
    if (last && last->id == row->agg_id) {
        last->last_trade = row->trade_id;
        last->qty_lots += lots;
        return true;
    }
    if (job->count == job->trades.limit || job->count == PAST_ROWS_MAX)
        return false;
    job->agg[job->count++] = (struct agg_trade){.id = row->agg_id,
                                                .first_trade = row->trade_id,
                                                .last_trade = row->trade_id,
                                                .price_ticks = row->price / job->tick_atoms,
                                                .qty_lots = lots,
                                                .ts_us = row->time_us,
                                                .buyer_is_maker = row->buyer_is_maker};
    return true;
}

/* The aggregate to begin with; 0: there is none. */
static bool first_agg(struct history *store, const struct trades_query *query, uint64_t *agg_id)
{
    struct history_trade row;
    uint32_t count;
    struct history_ask ask = {.symbol = query->symbol,
                              .limit = 1,
                              .start_us = from_time(query->start_us),
                              .end_us = to_time(query->end_us)};
    *agg_id = query->from_id;
    if (query->by_id)
        return true;
    if (!store->ops->trades(store, &ask, &row, &count))
        return false;
    *agg_id = count ? row.agg_id : 0;
    if (count && query->start_us == INT64_MIN) /* the newest: ids are dense */
        *agg_id = row.agg_id > query->limit ? row.agg_id - query->limit + 1 : 1;
    return true;
}

static bool read_agg_trades(struct history *store, struct past_job *job)
{
    struct history_trade rows[PAGE];
    const struct trades_query *query = &job->trades;
    struct history_ask ask = {.symbol = query->symbol, .limit = PAGE};
    uint32_t count;
    bool more = true;
    if (!first_agg(store, query, &ask.from_id))
        return false;
    if (!ask.from_id && !query->by_id)
        return true;
    if (!store->ops->agg_trades(store, &ask, rows, &count))
        return false;
    while (count && more) {
        for (uint32_t i = 0; i < count && more; i++)
            more = rows[i].time_us <= query->end_us && agg_add(job, &rows[i]);
        ask.from_id = rows[count - 1].trade_id + 1;
        if (more && !store->ops->trades(store, &ask, rows, &count))
            return false;
    }
    return true;
}

/* ---- candles ---- */

struct candles { /* what is being made of rows */
    struct history *store;
    struct past_job *job;
    int64_t end_us, next_us; /* of the last opening; where the open candle ends */
    struct candle open;
    int64_t close; /* before it, in ticks; 0: not known */
    bool full;
};

static struct candle candle_of(const struct past_job *job, const struct history_candle *row)
{
    return (struct candle){.open_us = row->open_us,
                           .open = row->open / job->tick_atoms,
                           .high = row->high / job->tick_atoms,
                           .low = row->low / job->tick_atoms,
                           .close = row->close / job->tick_atoms,
                           .base_lots = row->base / job->step_atoms,
                           .quote_atoms = row->quote,
                           .taker_base_lots = row->taker_base / job->step_atoms,
                           .taker_quote_atoms = row->taker_quote,
                           .first_trade = row->first_trade,
                           .last_trade = row->last_trade,
                           .trades = row->trades};
}

/* The widest candles that are kept of which these are made: whole ones, but where a zone's hour
 * begins within one of UTC. */
static uint32_t width_of(enum candle_interval interval, int32_t zone_minutes)
{
    if (interval == CANDLE_1S)
        return HISTORY_SECOND;
    if (interval >= CANDLE_1D && zone_minutes == 0)
        return HISTORY_DAY;
    return interval >= CANDLE_1H ? HISTORY_HOUR : HISTORY_MINUTE;
}

/* The open candle is whole: it is kept, and the next one opened behind it. */
static void next_candle(struct candles *self)
{
    const struct candle_query *query = &self->job->candles.candles;
    if (self->open.trades)
        self->close = self->open.close;
    else
        self->open.open = self->open.high = self->open.low = self->open.close = self->close;
    self->job->candle[self->job->count++] = self->open;
    self->open = (struct candle){.open_us = self->next_us};
    self->next_us = candle_next_us(query->interval, self->next_us, query->zone_minutes);
    self->full = self->job->count == query->limit || self->job->count == PAST_ROWS_MAX ||
                 self->open.open_us > self->end_us;
}

static void add_row(struct candles *self, const struct history_candle *row)
{
    const struct candle more = candle_of(self->job, row);
    while (!self->full && more.open_us >= self->next_us)
        next_candle(self);
    if (self->full)
        return;
    int64_t open_us = self->open.open_us;
    if (self->open.trades)
        candle_add(&self->open, &more);
    else
        self->open = more;
    self->open.open_us = open_us;
}

/* The minutes of an hour, or of the end of one. */
static bool add_minutes(struct candles *self, int64_t from_us, int64_t to_us)
{
    struct history_candle rows[HOUR_MINUTES];
    const struct history_ask ask = {.symbol = self->job->candles.symbol,
                                    .width = HISTORY_MINUTE,
                                    .limit = HOUR_MINUTES,
                                    .start_us = from_us,
                                    .end_us = to_us - 1};
    uint32_t count;
    if (!self->store->ops->candles(self->store, &ask, rows, &count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        add_row(self, &rows[i]);
    return true;
}

/* Adds a row, or its minutes when a candle begins within it. */
static bool add_whole(struct candles *self, const struct history_candle *row)
{
    int64_t end_us = row->open_us + row->width * SECOND_US;
    while (!self->full && row->open_us >= self->next_us)
        next_candle(self);
    if (row->width == HISTORY_HOUR && self->next_us < end_us)
        return add_minutes(self, row->open_us, end_us);
    add_row(self, row);
    return true;
}

/* One row of the narrowest candles: the first there is, or the last before `before_us`. */
static bool one_row(struct candles *self, int64_t before_us, struct history_candle *row,
                    uint32_t *count)
{
    const struct history_ask ask = {.symbol = self->job->candles.symbol,
                                    .width = HISTORY_SECOND,
                                    .limit = 1,
                                    .start_us = before_us ? 0 : 1,
                                    .end_us = before_us ? before_us - 1 : 0};
    return self->store->ops->candles(self->store, &ask, row, count);
}

/* The first candle to show: not before the first trade. */
static int64_t first_candle(const struct candle_query *query, int64_t end_us, int64_t traded_us)
{
    enum candle_interval interval = query->interval;
    int32_t zone = query->zone_minutes;
    int64_t first = candle_open_us(interval, traded_us, zone), open;
    if (query->start_us != INT64_MIN) {
        open = candle_open_us(interval, query->start_us, zone);
        if (open < query->start_us)
            open = candle_next_us(interval, open, zone);
    } else {
        open = candle_open_us(interval, end_us, zone);
        for (uint32_t i = 1; i < query->limit && open > first; i++)
            open = candle_open_us(interval, open - 1, zone);
    }
    return open > first ? open : first;
}

static bool read_candles(struct history *store, struct past_job *job)
{
    const struct candle_query *query = &job->candles.candles;
    struct candles self = {.store = store, .job = job};
    struct history_candle rows[PAGE];
    uint32_t count;
    self.end_us = query->end_us < query->now_us ? query->end_us : query->now_us;
    if (query->start_us > self.end_us) /* it may be too late for any candle to begin after it */
        return true;
    if (!one_row(&self, 0, rows, &count))
        return false;
    if (!count)
        return true;
    int64_t from_us = first_candle(query, self.end_us, rows[0].open_us);
    if (from_us > self.end_us)
        return true;
    if (!one_row(&self, from_us, rows, &count))
        return false;
    self.close = count ? rows[0].close / job->tick_atoms : 0;
    self.open.open_us = from_us;
    self.next_us = candle_next_us(query->interval, from_us, query->zone_minutes);
    struct history_ask ask = {.symbol = job->candles.symbol,
                              .width = width_of(query->interval, query->zone_minutes),
                              .limit = PAGE,
                              .start_us = from_us};
    if (ask.width == HISTORY_HOUR && from_us % HOUR_US) { /* the end of its hour of UTC */
        ask.start_us += HOUR_US - from_us % HOUR_US;
        if (!add_minutes(&self, from_us, ask.start_us))
            return false;
    }
    do {
        if (!store->ops->candles(store, &ask, rows, &count))
            return false;
        for (uint32_t i = 0; i < count && !self.full; i++)
            if (!add_whole(&self, &rows[i]))
                return false;
        if (count)
            ask.start_us = rows[count - 1].open_us + 1;
    } while (count == PAGE && !self.full);
    while (!self.full) /* the one that is open, and empty ones up to now */
        next_candle(&self);
    return true;
}

/* ---- orders and fills ---- */

/* Number 0 is nobody's, and not asked for. */
static uint64_t exactly(uint64_t id)
{
    return id ? id : UINT64_MAX;
}

static struct history_ask users_ask(const struct past_job *job)
{
    const struct request_find *find = &job->request.find;
    bool orders = job->kind == PAST_ORDERS;
    bool one = job->request.type == REQUEST_GET_ORDER;
    struct history_ask ask = {.symbol = job->request.symbol,
                              .user = job->request.user,
                              .limit = find->limit,
                              .start_us = find->start_us,
                              .end_us = find->end_us};
    if (find->has_order_id && (one || !orders))
        ask.order_id = exactly(find->order_id);
    else if (find->has_order_id)
        ask.from_id = find->order_id + !find->order_id;
    if (find->has_from_id)
        ask.from_id = find->from_id + !find->from_id;
    if (one && !find->has_order_id) {
        ask.client_id = find->client_id;
        ask.client_length = find->client_length;
    }
    return ask;
}

static bool read_orders(struct history *store, struct past_job *job)
{
    struct history_order rows[PAGE];
    const struct history_ask ask = users_ask(job);
    if (!store->ops->orders(store, &ask, rows, &job->count))
        return false;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct history_order *row = &rows[i];
        job->order[i] = (struct order_view){.order_id = row->order_id,
                                            .price = row->price,
                                            .qty = row->qty,
                                            .executed = row->executed,
                                            .quote_qty = row->quote_qty,
                                            .cum_quote = row->cum_quote,
                                            .time_us = row->time_us,
                                            .updated_us = row->updated_us,
                                            .stop = row->stop,
                                            .iceberg = row->iceberg,
                                            .trail_bips = row->trail_bips,
                                            .working_us = row->working_us,
                                            .symbol = row->symbol,
                                            .side = row->side,
                                            .type = row->type,
                                            .tif = row->tif,
                                            .stp = row->stp,
                                            .status = row->status,
                                            .client_length = row->client_length,
                                            .trades = row->trades,
                                            .prevented = row->prevented,
                                            .prevented_id = row->prevented_id,
                                            .list_id = row->list_id,
                                            .expiry = row->expiry,
                                            .strategy = {.id = row->strategy_id,
                                                         .type = row->strategy_type,
                                                         .has_id = row->has_strategy_id}};
        memcpy(job->order[i].client_id, row->client_id, row->client_length);
    }
    return true;
}

static bool read_fills(struct history *store, struct past_job *job)
{
    struct history_fill rows[PAGE];
    const struct history_ask ask = users_ask(job);
    if (!store->ops->fills(store, &ask, rows, &job->count))
        return false;
    for (uint32_t i = 0; i < job->count; i++)
        job->fill[i] = (struct trade_view){.trade_id = rows[i].trade_id,
                                           .order_id = rows[i].order_id,
                                           .list_id = rows[i].list_id,
                                           .price = rows[i].price,
                                           .qty = rows[i].qty,
                                           .quote = rows[i].quote,
                                           .fee = rows[i].fee,
                                           .time_us = rows[i].time_us,
                                           .symbol = rows[i].symbol,
                                           .fee_asset = rows[i].fee_asset,
                                           .side = rows[i].side,
                                           .maker = rows[i].maker};
    return true;
}

/* One list, or those of a user. */
static struct history_ask lists_ask(const struct past_job *job)
{
    const struct request_find *find = &job->request.find;
    struct history_ask ask = {.user = job->request.user,
                              .limit = find->limit,
                              .start_us = find->start_us,
                              .end_us = find->end_us};
    if (find->has_from_id)
        ask.from_id = find->from_id + !find->from_id;
    if (job->request.type != REQUEST_GET_LIST)
        return ask;
    if (find->has_order_id) {
        ask.order_id = exactly(find->order_id);
    } else {
        ask.client_id = find->client_id;
        ask.client_length = find->client_length;
    }
    return ask;
}

static void list_of(const struct history_list *row, struct list_view *view)
{
    *view = (struct list_view){.list_id = row->list_id,
                               .time_us = row->time_us,
                               .symbol = row->symbol,
                               .kind = row->kind,
                               .count = row->count,
                               .client_length = row->client_length,
                               .done = true};
    memcpy(view->client_id, row->client_id, row->client_length);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct history_list_order *order = &row->order[i];
        view->order[i].order_id = order->order_id;
        view->order[i].client_length = order->client_length;
        memcpy(view->order[i].client_id, order->client_id, order->client_length);
    }
}

static bool read_lists(struct history *store, struct past_job *job)
{
    struct history_list rows[PAGE];
    const struct history_ask ask = lists_ask(job);
    if (!store->ops->lists(store, &ask, rows, &job->count))
        return false;
    for (uint32_t i = 0; i < job->count; i++)
        list_of(&rows[i], &job->list[i]);
    return true;
}

/* What befell one order, or all of them. */
static struct history_ask orders_ask(const struct past_job *job)
{
    const struct request_find *find = &job->request.find;
    return (struct history_ask){.symbol = job->request.symbol,
                                .user = job->request.user,
                                .limit = find->limit,
                                .order_id = find->order_id,
                                .from_id = find->from_id};
}

static bool read_amendments(struct history *store, struct past_job *job)
{
    struct history_amendment rows[PAGE];
    const struct history_ask ask = orders_ask(job);
    if (!store->ops->amendments(store, &ask, rows, &job->count))
        return false;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct history_amendment *row = &rows[i];
        struct amend_view *view = &job->amend[i];
        *view = (struct amend_view){.order = {.order_id = row->order_id,
                                              .qty = row->qty,
                                              .symbol = row->symbol,
                                              .client_length = row->client_length},
                                    .execution_id = row->execution_id,
                                    .orig_qty = row->orig_qty,
                                    .time_us = row->time_us,
                                    .orig_length = row->orig_length};
        memcpy(view->order.client_id, row->client_id, row->client_length);
        memcpy(view->orig_client_id, row->orig_client_id, row->orig_length);
    }
    return true;
}

static bool read_prevented(struct history *store, struct past_job *job)
{
    struct history_prevented rows[PAGE];
    const struct history_ask ask = orders_ask(job);
    if (!store->ops->prevented(store, &ask, rows, &job->count))
        return false;
    for (uint32_t i = 0; i < job->count; i++)
        job->prevented[i] = (struct prevented_view){.match_id = rows[i].match_id,
                                                    .taker_order_id = rows[i].taker_order_id,
                                                    .maker_order_id = rows[i].maker_order_id,
                                                    .price = rows[i].price,
                                                    .taker_qty = rows[i].taker_qty,
                                                    .maker_qty = rows[i].maker_qty,
                                                    .time_us = rows[i].time_us,
                                                    .trade_group = rows[i].trade_group,
                                                    .symbol = rows[i].symbol,
                                                    .stp = rows[i].stp};
    return true;
}

/* ---- weeks ---- */

/* Reads a page behind the minutes there are; false when it fails. */
static bool week_page(struct history *store, const struct past_job *job,
                      const struct history_ask *ask, uint32_t *found)
{
    struct history_candle rows[PAGE];
    struct past_week *week = job->week;
    if (!store->ops->candles(store, ask, rows, found))
        return false;
    for (uint32_t i = 0; i < *found && week->count < WEEK_MINUTES_MAX; i++)
        week->minute[week->count++] = candle_of(job, &rows[i]);
    return true;
}

static bool week_minutes(struct history *store, const struct past_job *job)
{
    struct past_week *week = job->week;
    int64_t from_us = job->candles.candles.now_us - MINUTES_KEPT * MINUTE_US;
    struct history_ask ask = {
        .symbol = job->candles.symbol, .width = HISTORY_MINUTE, .limit = 1, .end_us = from_us - 1};
    uint32_t found;
    week->count = 0;
    if (!week_page(store, job, &ask, &found))
        return false;
    ask.limit = PAGE;
    ask.start_us = from_us;
    ask.end_us = 0;
    do {
        if (!week_page(store, job, &ask, &found))
            return false;
        if (found)
            ask.start_us = week->minute[week->count - 1].open_us + 1;
    } while (found == PAGE && week->count < WEEK_MINUTES_MAX);
    return true;
}

/* The candle that holds the last of the minutes, of the days or hours there are. */
static bool week_long(struct history *store, const struct past_job *job,
                      enum candle_interval interval, int32_t zone_minutes,
                      const struct candle *last, struct candle *out)
{
    struct history_candle rows[64];
    uint32_t count;
    int64_t open_us = candle_open_us(interval, last->open_us, zone_minutes);
    struct history_ask ask = {.symbol = job->candles.symbol,
                              .width = width_of(interval, zone_minutes),
                              .limit = sizeof rows / sizeof *rows,
                              .start_us = open_us};
    *out = (struct candle){0};
    do {
        if (!store->ops->candles(store, &ask, rows, &count))
            return false;
        for (uint32_t i = 0; i < count; i++) {
            const struct candle more = candle_of(job, &rows[i]);
            if (out->trades)
                candle_add(out, &more);
            else
                *out = more;
            ask.start_us = more.open_us + 1;
        }
    } while (count == ask.limit);
    out->open_us = open_us;
    return true;
}

/* Whether no trade was written between the minutes and the longer candles, or those would not end
 * where the minutes do, and be of no use. */
static bool week_agrees(const struct past_week *week)
{
    bool agrees = true;
    for (uint32_t i = 0; week->count && i < WEEK_LONGS; i++)
        agrees &= week->now[i].last_trade == week->minute[week->count - 1].last_trade;
    return agrees;
}

static bool read_week(struct history *store, struct past_job *job)
{
    struct past_week *week = job->week;
    bool agrees = false;
    for (uint32_t tries = 0; !agrees && tries < WEEK_TRIES; tries++) {
        if (!week_minutes(store, job))
            return false;
        for (uint32_t i = 0; week->count && i < WEEK_LONGS; i++)
            if (!week_long(store, job, past_long_interval(i), past_long_zone(i),
                           &week->minute[week->count - 1], &week->now[i]))
                return false;
        agrees = week_agrees(week);
    }
    return true;
}

/* ---- the thread ---- */

bool history_read(struct history *store, struct past_job *job)
{
    switch (job->kind) {
    case PAST_TRADES:
        return read_trades(store, job);
    case PAST_AGG_TRADES:
        return read_agg_trades(store, job);
    case PAST_CANDLES:
        return read_candles(store, job);
    case PAST_ORDERS:
        return read_orders(store, job);
    case PAST_FILLS:
        return read_fills(store, job);
    case PAST_AMENDMENTS:
        return read_amendments(store, job);
    case PAST_WEEK:
        return read_week(store, job);
    case PAST_PREVENTED:
        return read_prevented(store, job);
    case PAST_LISTS:
        return read_lists(store, job);
    }
    UNREACHABLE("a kind of job");
}

static void do_job(struct history_reader *self, struct past_job *job)
{
    char wrong[256];
    if (!self->store)
        self->store = history_sqlite_open(self->directory, self->id, false, wrong);
    bool late = job->min_lsn > atomic_load(self->cursor) ||
                env_mono_ns() >= job->until_ns; /* its client has been told */
    job->failed = late || !self->store || !history_read(self->store, job);
    atomic_fetch_add(&self->read, 1);
    if (job->failed && !late) {
        atomic_fetch_add(&self->failed, 1);
        log_warn("history_unread", "The history could not be read.",
                 log_text("error", self->store ? history_error(self->store) : wrong));
        if (self->store)
            self->store->ops->close(self->store);
        self->store = NULL;
    }
    past_done(job);
}

/* The first job whose records the history has, taken out; NULL: none. The caller holds the lock. */
static struct past_job *next_job(struct history_reader *self)
{
    uint64_t cursor = atomic_load(self->cursor);
    for (struct past_job **at = &self->first; *at; at = &(*at)->next) {
        struct past_job *job = *at;
        if (job->min_lsn > cursor && env_mono_ns() < job->until_ns)
            continue;
        *at = job->next;
        if (!*at)
            self->last = at;
        self->waiting--;
        return job;
    }
    return NULL;
}

static void *reader_main(void *arg)
{
    struct history_reader *self = arg;
    pthread_mutex_lock(&self->lock);
    while (!self->stop) {
        struct past_job *job = next_job(self);
        if (job) {
            pthread_mutex_unlock(&self->lock);
            do_job(self, job);
            pthread_mutex_lock(&self->lock);
        } else if (self->first) { /* the history is on its way there */
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_nsec += WAIT_MS * 1000000;
            until.tv_sec += until.tv_nsec / 1000000000;
            until.tv_nsec %= 1000000000;
            pthread_cond_timedwait(&self->more, &self->lock, &until);
        } else {
            pthread_cond_wait(&self->more, &self->lock);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

bool history_reader_submit(struct past_job *job)
{
    struct history_reader *self = running;
    pthread_mutex_lock(&self->lock);
    bool room = self->waiting < PAST_JOBS_MAX;
    if (room) {
        job->next = NULL;
        *self->last = job;
        self->last = &job->next;
        self->waiting++;
        pthread_cond_signal(&self->more);
    }
    pthread_mutex_unlock(&self->lock);
    return room;
}

void history_reader_start(struct history_reader *self)
{
    running = self;
    self->last = &self->first;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* the other one may be set back */
    pthread_cond_init(&self->more, &attributes);
    pthread_condattr_destroy(&attributes);
    ASSERT(pthread_create(&self->thread, NULL, reader_main, self) == 0);
}

void history_reader_stop(struct history_reader *self)
{
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->more);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    for (struct past_job *job = self->first, *next; job; job = next) {
        next = job->next;
        free(job);
    }
    if (self->store)
        self->store->ops->close(self->store);
    pthread_cond_destroy(&self->more);
    pthread_mutex_destroy(&self->lock);
}

/* ---- at start ---- */

void history_seed(struct history *store, struct ingress *ingress, uint16_t count,
                  const struct exchange *ex)
{
    struct past_job *job = calloc(1, sizeof *job + sizeof *job->week);
    ASSERT(job != NULL);
    job->week = (struct past_week *)job->rows;
    job->candles.candles.now_us = env_now_us(&ex->rt.env);
    for (uint16_t s = 0; s < ex->control->symbols_count; s++) {
        if (!ingress[0].view.symbols[s].stats) /* never traded, for any core */
            continue;
        job->candles.symbol = s;
        job->tick_atoms = ex->control->symbols[s].tick_atoms;
        job->step_atoms = ex->control->symbols[s].step_atoms;
        if (!read_week(store, job)) {
            log_warn("history_unread", "The history could not be read.",
                     log_text("error", history_error(store)));
            break;
        }
        for (uint16_t i = 0; i < count; i++)
            (void)past_week_seed(job, &ingress[i].view);
    }
    free(job);
}
