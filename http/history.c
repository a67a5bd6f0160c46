#include "http/history.h"

#include <stdlib.h>
#include <string.h>

#include "actors/book/money.h"
#include "actors/book/reject.h"
#include "http/render.h"
#include "runtime/check.h"

enum { MEND_EVERY_US = 10000000 };
enum { UNDER_WAY = 1 }; /* call->tag of a call that a job is for: no slot of the gateway */

/* ---- jobs ---- */

static size_t row_bytes(enum past_kind kind)
{
    static const size_t bytes[] = {[PAST_TRADES] = sizeof(struct recent_trade),
                                   [PAST_AGG_TRADES] = sizeof(struct agg_trade),
                                   [PAST_CANDLES] = sizeof(struct candle),
                                   [PAST_ORDERS] = sizeof(struct order_view),
                                   [PAST_FILLS] = sizeof(struct trade_view),
                                   [PAST_AMENDMENTS] = sizeof(struct amend_view),
                                   [PAST_PREVENTED] = sizeof(struct prevented_view),
                                   [PAST_LISTS] = sizeof(struct list_view),
                                   [PAST_WEEK] = sizeof(struct past_week)};
    return bytes[kind];
}

/* Off the order path. With room for `most` rows, and for `kept` of memory's. Lists are asked for
 * without a symbol, and have no need of its grid. */
static struct past_job *job_new(struct ingress *ingress, enum past_kind kind, uint16_t symbol,
                                uint32_t most, uint32_t kept, void (*answer)(struct past_job *job))
{
    size_t rows = (most * row_bytes(kind) + 15) & ~(size_t)15;
    struct past_job *job = malloc(sizeof *job + rows + kept * row_bytes(kind));
    ASSERT(job != NULL);
    memset(job, 0, sizeof *job);
    job->ingress = ingress;
    job->answer = answer;
    job->kind = kind;
    if (kind != PAST_LISTS) {
        job->tick_atoms = ingress->directory.symbols[symbol].tick_atoms;
        job->step_atoms = ingress->directory.symbols[symbol].step_atoms;
    }
    job->order = (struct order_view *)job->rows;
    job->kept_order = (struct order_view *)(job->rows + rows);
    return job;
}

static struct past_job *call_job_new(struct call *call, enum past_kind kind, uint16_t symbol,
                                     uint32_t most, uint32_t kept,
                                     void (*answer)(struct past_job *job))
{
    struct past_job *job = job_new(call->ingress, kind, symbol, most, kept, answer);
    job->call = call;
    return job;
}

static void submit(struct past_job *job)
{
    struct call *call = job->call;
    call->out.length = 0;
    job->min_lsn = call->ingress->shared->journal_lsn();
    /* A read of the account has set it already: both have one deadline. */
    if (!call->deadline.place && !call_deadline(call)) { /* it was answered */
        free(job);
        return;
    }
    int64_t left_us = call->deadline.due_us - call->ingress->core->now_us;
    job->until_ns = env_mono_ns() + (left_us > 0 ? (uint64_t)left_us * 1000 : 0);
    call->tag = UNDER_WAY;
    if (call->ingress->shared->past(job))
        return;
    free(job);
    call->tag = 0;
    call_reject(call, REJECT_BUSY);
}

void past_done(struct past_job *job)
{
    struct ingress *ingress = job->ingress;
    job->next = atomic_load_explicit(&ingress->past_done, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&ingress->past_done, &job->next, job,
                                                  memory_order_release, memory_order_relaxed))
        ;
    waker_wake(&ingress->core->waker);
}

static void answer(struct past_job *job)
{
    struct call *call = job->call;
    if (!call) {
        job->answer(job);
        return;
    }
    call->tag = 0;
    if (!call->transport)
        call_respond(call, 200, NULL, 0); /* nobody waits: the call is freed */
    else if (job->failed)
        call_error(call, 503, -1008, "The history cannot be read now; please try again later.");
    else
        job->answer(job);
}

uint32_t past_deliver(struct ingress *ingress)
{
    uint32_t done = 0;
    if (!atomic_load_explicit(&ingress->past_done, memory_order_relaxed))
        return 0;
    struct past_job *job =
        atomic_exchange_explicit(&ingress->past_done, NULL, memory_order_acquire);
    for (struct past_job *next; job; job = next, done++) {
        next = job->next;
        answer(job);
        free(job);
    }
    return done;
}

/* ---- a week for statistics ---- */

enum candle_interval past_long_interval(uint32_t i)
{
    static const enum candle_interval longs[] = {CANDLE_1D, CANDLE_3D, CANDLE_1W, CANDLE_1MO};
    return longs[i / 2];
}

int32_t past_long_zone(uint32_t i)
{
    return i % 2 ? STATS_ZONE_MINUTES : 0;
}

/* From which trade on the week has each one: the history may begin behind a gap, or have one. */
static uint64_t whole_from(const struct past_week *week)
{
    uint64_t from = 0, next = 0;
    for (uint32_t i = 0; i < week->count; i++) {
        const struct candle *minute = &week->minute[i];
        from = minute->first_trade == next ? from : minute->first_trade;
        next = minute->last_trade + 1;
    }
    return from;
}

/* Whether the week has all that the statistics have, who know the trades that are kept. */
static bool has_more(const struct past_job *job, const struct market_stats *stats)
{
    int64_t now_us = job->candles.candles.now_us;
    struct candle known;
    market_stats_window(stats, now_us - 7 * DAY_US, now_us, &known);
    return job->week->count && (!known.trades || whole_from(job->week) <= known.first_trade);
}

bool past_week_seed(const struct past_job *job, struct market_view *view)
{
    const struct past_week *week = job->week;
    const struct money_spec spec = {.tick_atoms = job->tick_atoms, .lot_atoms = job->step_atoms};
    struct market_stats *stats = view->symbols[job->candles.symbol].stats;
    if (!has_more(job, stats))
        return false;
    market_stats_seed(stats, week->minute, week->count);
    for (uint32_t i = 0; i < WEEK_LONGS; i++)
        if (week->now[i].trades)
            market_stats_seed_candle(stats, past_long_interval(i), past_long_zone(i),
                                     &week->now[i]);
    market_view_catch_up(view, job->candles.symbol, &spec);
    return true;
}

/* The week may end before the oldest trade that the view keeps, for so many were durable meanwhile,
 * or behind the newest one that it has been given: then the next time will do. What it lacks before
 * its end, the history will never have. */
static void mended(struct past_job *job)
{
    struct ingress *ingress = job->ingress;
    const struct past_week *week = job->week;
    struct view_symbol *view = &ingress->view.symbols[job->candles.symbol];
    const struct trade_ring *ring = &view->trades;
    ingress->mend.asked = false;
    if (job->failed || !week->count)
        return;
    uint64_t last = week->minute[week->count - 1].last_trade;
    if (last > ring->newest || last < ring->newest - trade_ring_count(ring))
        return;
    if (!past_week_seed(job, &ingress->view))
        market_stats_settle(view->stats);
}

static void ask_week(struct ingress *ingress, uint16_t symbol)
{
    struct past_job *job = job_new(ingress, PAST_WEEK, symbol, 1, 0, mended);
    job->candles.symbol = symbol;
    job->candles.candles.now_us = ingress->core->now_us;
    job->min_lsn = ingress->shared->journal_lsn();
    job->until_ns = env_mono_ns() + MEND_EVERY_US * UINT64_C(1000);
    ingress->mend.asked = ingress->shared->past(job);
    if (!ingress->mend.asked)
        free(job);
}

void history_mend(struct ingress *ingress)
{
    if (!ingress->shared->past || ingress->mend.asked ||
        ingress->core->now_us < ingress->mend.next_us)
        return;
    while (ingress->mend.symbol < ingress->directory.symbols_count) {
        uint16_t symbol = ingress->mend.symbol++;
        const struct market_stats *stats = ingress->view.symbols[symbol].stats;
        if (stats && market_stats_gap(stats)) {
            ask_week(ingress, symbol);
            return;
        }
    }
    ingress->mend.symbol = 0;
    ingress->mend.next_us = ingress->core->now_us + MEND_EVERY_US;
}

/* ---- public lookups ---- */

static void respond(struct call *call)
{
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

static void answer_trades(struct past_job *job)
{
    struct call *call = job->call;
    for (uint32_t i = 0; i < job->count; i++) {
        text_str(&call->out, i ? "," : "[");
        render_public_trade(call, &call->out, job->trades.symbol, &job->trade[i]);
    }
    if (!job->count)
        text_str(&call->out, "[");
    respond(call);
}

static void answer_agg_trades(struct past_job *job)
{
    struct call *call = job->call;
    text_str(&call->out, "[");
    for (uint32_t i = 0; i < job->count; i++) {
        if (i)
            text_str(&call->out, ",");
        render_agg_trade(call, &call->out, job->trades.symbol, &job->agg[i]);
    }
    respond(call);
}

static void answer_candles(struct past_job *job)
{
    struct call *call = job->call;
    text_str(&call->out, "[");
    for (uint32_t i = 0; i < job->count; i++) {
        if (i)
            text_str(&call->out, ",");
        render_candle(call, &call->out, &job->candles.candles, job->candles.symbol,
                      &job->candle[i]);
    }
    respond(call);
}

/* Without a history: what is written there already. */
static bool in_memory_only(struct call *call)
{
    if (call->ingress->shared->past)
        return false;
    call_respond(call, 200, call->out.data, call->out.length);
    return true;
}

void history_trades(struct call *call, const struct trades_query *query)
{
    if (in_memory_only(call))
        return;
    struct past_job *job =
        call_job_new(call, PAST_TRADES, query->symbol, PAST_ROWS_MAX, 0, answer_trades);
    job->trades = *query;
    submit(job);
}

void history_agg_trades(struct call *call, const struct trades_query *query)
{
    if (in_memory_only(call))
        return;
    struct past_job *job =
        call_job_new(call, PAST_AGG_TRADES, query->symbol, PAST_ROWS_MAX, 0, answer_agg_trades);
    job->trades = *query;
    submit(job);
}

void history_candles(struct call *call, const struct candles_query *query)
{
    if (in_memory_only(call))
        return;
    struct past_job *job =
        call_job_new(call, PAST_CANDLES, query->symbol, PAST_ROWS_MAX, 0, answer_candles);
    job->candles = *query;
    submit(job);
}

/* ---- amendments and prevented matches ---- */

static void answer_of_order(struct past_job *job)
{
    struct call *call = job->call;
    text_str(&call->out, "[");
    for (uint32_t i = 0; i < job->count; i++) {
        text_str(&call->out, i ? "," : "");
        if (job->kind == PAST_AMENDMENTS)
            render_amendment(call, &call->out, &job->amend[i]);
        else
            render_prevented(call, &call->out, &job->prevented[i]);
    }
    respond(call);
}

static void ask_of_order(struct call *call, const struct request *request, enum past_kind kind)
{
    text_str(&call->out, "[]");
    if (in_memory_only(call))
        return;
    struct past_job *job =
        call_job_new(call, kind, request->symbol, PAST_ROWS_MAX, 0, answer_of_order);
    job->request = *request;
    submit(job);
}

void history_amendments(struct call *call, const struct request *request)
{
    ask_of_order(call, request, PAST_AMENDMENTS);
}

void history_prevented(struct call *call, const struct request *request)
{
    ask_of_order(call, request, PAST_PREVENTED);
}

/* ---- a user's orders, fills and lists ---- */

static void render_row(struct past_job *job, const void *row)
{
    struct call *call = job->call;
    if (job->kind == PAST_ORDERS)
        render_query(call, &call->out, row);
    else if (job->kind == PAST_FILLS)
        render_trade(call, &call->out, row);
    else
        render_list(call, &call->out, row);
}

static const void *row_at(const struct past_job *job, const void *rows, uint32_t i)
{
    return (const char *)rows + i * row_bytes(job->kind);
}

/* What rows are in order of; a user who trades with himself has two fills of one trade. */
static uint64_t row_key(const struct past_job *job, const void *row)
{
    const struct trade_view *fill = row;
    if (job->kind == PAST_ORDERS)
        return ((const struct order_view *)row)->order_id;
    if (job->kind == PAST_LISTS)
        return ((const struct list_view *)row)->list_id;
    return fill->trade_id * 2 + fill->side;
}

static int compare(const struct past_job *job, uint32_t old, uint32_t kept)
{
    uint64_t a = row_key(job, row_at(job, job->order, old));
    uint64_t b = row_key(job, row_at(job, job->kept_order, kept));
    return a < b ? -1 : a > b;
}

/* How many rows there are in both together, each once. */
static uint32_t joined_count(const struct past_job *job)
{
    uint32_t both = 0;
    for (uint32_t old = 0, kept = 0; old < job->count && kept < job->kept_count;) {
        int order = compare(job, old, kept);
        both += order == 0;
        old += order <= 0;
        kept += order >= 0;
    }
    return job->count + job->kept_count - both;
}

/* What both have, in order, each row once, and of them as many as were asked for: the first when
 * there is a place to begin, else the newest. What memory says of an order or a list is newer. */
static void answer_joined(struct past_job *job)
{
    const struct request_find *find = &job->request.find;
    bool first = find->start_us || find->has_order_id || find->has_from_id;
    uint32_t all = joined_count(job), shown = 0, at = 0;
    uint32_t skip = !first && all > find->limit ? all - find->limit : 0;
    text_str(&job->call->out, "[");
    for (uint32_t old = 0, kept = 0; shown < find->limit && at < all; at++) {
        int order = kept == job->kept_count ? -1 : old == job->count ? 1 : compare(job, old, kept);
        if (at >= skip) {
            text_str(&job->call->out, shown++ ? "," : "");
            render_row(job, order < 0 ? row_at(job, job->order, old)
                                      : row_at(job, job->kept_order, kept));
        }
        old += order <= 0;
        kept += order >= 0;
    }
    respond(job->call);
}

static bool is_named(const struct request_find *find, const char *client_id, uint8_t length)
{
    return !find->client_length || (length == find->client_length &&
                                    memcmp(client_id, find->client_id, find->client_length) == 0);
}

/* One order or list. */
static void answer_one(struct past_job *job)
{
    const struct request_find *find = &job->request.find;
    struct call *call = job->call;
    bool list = job->kind == PAST_LISTS;
    if (job->count == 0) {
        call_reject(call, list ? REJECT_NO_SUCH_LIST : REJECT_NO_SUCH_ORDER);
        return;
    }
    bool named = list ? is_named(find, job->list->client_id, job->list->client_length)
                      : is_named(find, job->order->client_id, job->order->client_length);
    if (find->has_order_id && !named) {
        call_reject(call, REJECT_IDS_DISAGREE);
        return;
    }
    render_row(job, job->order);
    call_respond(call, 200, call->out.data, call->out.length);
}

/* As compare() has them: of a trade with oneself memory has the maker's first. */
static void keep_fill(struct past_job *job, const struct trade_view *fill)
{
    struct trade_view *at = &job->kept_fill[job->kept_count++];
    if (job->kept_count > 1 && at[-1].trade_id == fill->trade_id && at[-1].side > fill->side) {
        at[0] = at[-1];
        at--;
    }
    *at = *fill;
}

/* The rows of one block, kept until the answer is whole. */
static void keep(struct past_job *job, struct reply *reply)
{
    for (uint32_t i = 0; i < reply->count && job->kept_count < PAST_ROWS_MAX; i++)
        if (job->kind == PAST_ORDERS)
            job->kept_order[job->kept_count++] = reply_orders(reply)[i];
        else if (job->kind == PAST_LISTS)
            job->kept_list[job->kept_count++] = reply_lists(reply)[i];
        else
            keep_fill(job, &reply_trades(reply)[i]);
}

static void on_many(struct call *call, const struct msg *msg)
{
    struct past_job *job = call->past;
    if (msg->reply.reject != REJECT_NONE) {
        call->past = NULL;
        free(job);
        call_reject(call, msg->reply.reject);
        return;
    }
    struct reply *reply = msg->reply.block;
    keep(job, reply);
    if (!(msg->flags & MSG_LAST))
        return;
    call->past = NULL;
    if (reply->older && call->ingress->shared->past) {
        submit(job);
        return;
    }
    answer_joined(job);
    free(job);
}

static void on_one(struct call *call, const struct msg *msg)
{
    struct past_job *job = call->past;
    bool list = job->kind == PAST_LISTS;
    call->past = NULL;
    if (msg->reply.reject == REJECT_NOT_KEPT && call->ingress->shared->past) {
        submit(job);
        return;
    }
    if (msg->reply.reject == REJECT_NOT_KEPT && list) {
        call_reject(call, REJECT_NO_SUCH_LIST);
    } else if (!call_told_reject(call, msg)) {
        render_row(job, list ? (const void *)reply_lists(msg->reply.block)
                             : reply_orders(msg->reply.block));
        call_respond(call, 200, call->out.data, call->out.length);
    }
    free(job);
}

static enum past_kind kind_of(const struct request *request)
{
    switch (request->type) {
    case REQUEST_TRADES:
        return PAST_FILLS;
    case REQUEST_GET_LIST:
    case REQUEST_ALL_LISTS:
        return PAST_LISTS;
    default:
        return PAST_ORDERS;
    }
}

void history_send(struct call *call, const struct request *request)
{
    bool one = request->type == REQUEST_GET_ORDER || request->type == REQUEST_GET_LIST;
    uint32_t most = one ? 1 : PAST_ROWS_MAX;
    call->past = call_job_new(call, kind_of(request), request->symbol, most, one ? 0 : most,
                              one ? answer_one : answer_joined);
    call->past->request = *request;
    if (one)
        call->past->request.find.limit = 1;
    call_send(call, request, one ? on_one : on_many);
}
