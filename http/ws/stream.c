#include "http/ws/stream.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "actors/msg/msg.h"
#include "http/ws/control.h"
#include "http/ws/events.h"
#include "runtime/check.h"
#include "runtime/hash.h"

enum {
    CONFLATE_BYTES = 256 << 10, /* a backlog of this much: depth waits */
    BUCKETS = 32,               /* of a client's subscriptions, by name */
    FILLS_A_SLICE = 32,         /* a match goes on in later turns (PROTOCOL C4) */
    GRID_US = 100000,
    AFTER_US = 100000, /* candles are told so long after their end, when their trades are durable */
};

struct subscription {
    struct subscription *newer, *older; /* of the client, as they came */
    struct subscription *same;          /* of its bucket */
    struct stream_client *client;
    struct stream *stream; /* NULL: nothing has this name */
    uint32_t at;           /* in stream->subs */
    bool fresh;            /* has not been told anything */
    uint64_t missed_id;    /* depth: the first update not told, 0: all were */
    uint32_t length;
    char name[];
};

struct stream_client {
    struct ws *ws;
    struct streams *streams;
    struct subscription *oldest, *newest, *bucket[BUCKETS];
    uint32_t count;
    bool combined, micro;
};

struct stream {
    struct stream *next, **link;       /* of its symbol, in one of two lists */
    struct stream *next_due, **due_at; /* of its pace */
    struct stream_name name;
    uint16_t symbol;
    struct subscription **subs;
    uint32_t count, room;
    uint32_t fresh, missing; /* subscriptions that were told nothing yet; that missed something */
    uint64_t told_id, told_trade; /* the newest update and trade that were told */
    int64_t told_minute;
    struct diff_list changes; /* depth: since told_id */
    struct diff_log log;      /* depth: what somebody missed */
    int64_t open_us;          /* kline: the candle told last */
    int64_t closed_us;        /* kline: the one closed last, with how many trades */
    uint64_t closed_trades;
    uint64_t *told; /* all mini tickers: by symbol */
};

struct listened {         /* a symbol that somebody listens to */
    struct stream *first; /* those that each trade or level concerns: at most five */
    struct stream *other; /* those that the grid alone tells */
    struct listened *next_touched;
    uint16_t symbol;
    bool touched;
    struct view_level best[2]; /* as they were told */
    uint64_t agg_told;         /* aggregate trades up to here are told... */
    uint64_t agg_last_trade;   /* ...and up to this trade of the last one */
    uint64_t taker;            /* of the newest trade, and how many fills it had in a row */
    uint32_t fills;
};

struct streams {
    struct ingress *ingress;
    struct listened **listened; /* by symbol */
    struct listened *touched;   /* in this turn */
    struct stream *all_minis;
    struct stream *due[PACES];
    int64_t grid_us; /* the next moment of the grid */
    int64_t second, two_seconds;
    struct text text;
    struct diff_list missed; /* scratch */
};

static struct ws_counts *counts_of(const struct streams *streams)
{
    return &streams->ingress->counts.ws;
}

/* ---- telling ---- */

struct frames { /* an event in the forms that were asked for so far: [us][combined] */
    struct ws_frame *frame[2][2];
};

static void frames_release(struct frames *frames)
{
    for (uint32_t i = 0; i < 4; i++)
        if (frames->frame[i / 2][i % 2])
            ws_frame_release(frames->frame[i / 2][i % 2]);
}

static struct ws_frame *frame_for(struct streams *streams, struct frames *frames,
                                  const struct subscription *sub, event_render *render,
                                  const struct event *event)
{
    bool micro = sub->client->micro, combined = sub->client->combined;
    struct ws_frame **frame = &frames->frame[micro][combined];
    struct text *text = &streams->text;
    if (*frame)
        return *frame;
    text->length = 0;
    if (combined) {
        text_str(text, "{\"stream\":");
        text_quoted(text, sub->name, sub->length);
        text_str(text, ",\"data\":");
    }
    render(text, event, micro);
    if (combined)
        text_str(text, "}");
    counter_add(&counts_of(streams)->events, 1);
    return *frame = ws_frame_new(text->data, text->length);
}

static struct event event_of(const struct streams *streams, const struct stream *stream)
{
    return (struct event){.ingress = streams->ingress,
                          .symbol = stream->symbol,
                          .now_us = streams->ingress->core->now_us,
                          .levels = stream->name.levels,
                          .interval = stream->name.interval,
                          .zone_minutes = stream->name.zone_minutes};
}

/* To all who listen, or to those who were told nothing yet. */
static void tell(struct streams *streams, struct stream *stream, event_render *render,
                 const struct event *event, bool fresh_only)
{
    struct frames frames = {0};
    for (uint32_t i = 0; i < stream->count; i++) {
        struct subscription *sub = stream->subs[i];
        if (fresh_only && !sub->fresh)
            continue;
        sub->fresh = false;
        ws_send_frame(sub->client->ws, frame_for(streams, &frames, sub, render, event));
    }
    stream->fresh = 0;
    frames_release(&frames);
}

/* ---- at once: trades and best prices ---- */

static void tell_aggs(struct streams *streams, struct stream *stream, uint64_t first, uint64_t last)
{
    const struct market_stats *stats = streams->ingress->view.symbols[stream->symbol].stats;
    struct event event = event_of(streams, stream);
    uint64_t oldest = market_stats_oldest_agg(stats);
    for (uint64_t id = first > oldest ? first : oldest; id <= last; id++) {
        event.agg = market_stats_agg(stats, id);
        tell(streams, stream, event_agg_trade, &event, false);
    }
}

/* Whether the aggregate trade that was told last has more trades by now. */
static bool agg_has_grown(const struct market_stats *stats, const struct listened *listened)
{
    uint64_t told = listened->agg_told;
    return told && told >= market_stats_oldest_agg(stats) &&
           market_stats_agg(stats, told)->last_trade != listened->agg_last_trade;
}

/* Tells the aggregate trades that were not told: all but the newest when that one is `open`. One
 * that was told and has grown since then is told again, whole. */
static void settle_aggs(struct streams *streams, struct listened *listened, bool open)
{
    const struct market_stats *stats = streams->ingress->view.symbols[listened->symbol].stats;
    uint64_t newest = stats ? market_stats_newest_agg(stats) : 0;
    if (!newest)
        return;
    uint64_t last = open ? newest - 1 : newest;
    bool grown = agg_has_grown(stats, listened) && !BUG(62); /* 62: what came later is not told */
    uint64_t first = listened->agg_told + !grown;
    if (first > last || last < market_stats_oldest_agg(stats))
        return;
    for (struct stream *stream = listened->first; stream; stream = stream->next)
        if (stream->name.type == STREAM_AGG_TRADE)
            tell_aggs(streams, stream, first, last);
    listened->agg_told = last;
    listened->agg_last_trade = market_stats_agg(stats, last)->last_trade;
}

static void on_trade(struct streams *streams, struct listened *listened, const struct msg *msg)
{
    listened->fills = msg->trade.taker_order_id == listened->taker ? listened->fills + 1 : 1;
    listened->taker = msg->trade.taker_order_id;
    for (struct stream *stream = listened->first; stream; stream = stream->next) {
        if (stream->name.type != STREAM_TRADE)
            continue;
        struct event event = event_of(streams, stream);
        event.trade = msg;
        tell(streams, stream, event_trade, &event, false);
    }
    settle_aggs(streams, listened, true);
}

static void on_level(struct listened *listened, const struct msg *msg)
{
    for (struct stream *stream = listened->first; stream; stream = stream->next)
        if (stream->name.type == STREAM_DEPTH)
            diff_add(&stream->changes, msg->level.side, msg->level.price_ticks);
}

void streams_market(struct streams *streams, const struct msg *msg)
{
    struct listened *listened = streams->listened[msg->symbol];
    if (!listened || !listened->first)
        return;
    if (!listened->touched) {
        listened->touched = true;
        listened->next_touched = streams->touched;
        streams->touched = listened;
    }
    if (msg->type == MSG_TRADE)
        on_trade(streams, listened, msg);
    else
        on_level(listened, msg);
}

static struct view_level best_of(const struct streams *streams, uint16_t symbol, uint32_t side)
{
    const struct view_level *best = market_view_level(&streams->ingress->view, symbol, side, 0);
    return best ? *best : (struct view_level){0};
}

/* Whether the best prices are others than were told; they are noted as told. */
static bool best_changed(struct streams *streams, struct listened *listened)
{
    bool changed = false;
    for (uint32_t side = 0; side < 2; side++) {
        struct view_level best = best_of(streams, listened->symbol, side),
                          *told = &listened->best[side];
        changed |= best.price_ticks != told->price_ticks || best.qty_lots != told->qty_lots;
        *told = best;
    }
    return changed;
}

static void tell_touched(struct streams *streams, struct listened *listened)
{
    bool changed = best_changed(streams, listened);
    listened->touched = false;
    /* a match that has filled its slices may go on in a later turn, at the same price */
    settle_aggs(streams, listened, listened->fills && listened->fills % FILLS_A_SLICE == 0);
    for (struct stream *stream = listened->first; stream; stream = stream->next) {
        struct event event = event_of(streams, stream);
        if (stream->name.type == STREAM_BOOK_TICKER && changed)
            tell(streams, stream, event_book_ticker, &event, false);
    }
}

/* ---- on the grid: depth ---- */

/* What the client missed, now that it keeps up; false when that is forgotten. */
static bool tell_missed(struct streams *streams, struct stream *stream, struct subscription *sub,
                        struct event event)
{
    struct frames frames = {0};
    if (!diff_log_since(&stream->log, sub->missed_id, &streams->missed))
        return false;
    event.first_id = sub->missed_id;
    event.changes = &streams->missed;
    ws_send_frame(sub->client->ws, frame_for(streams, &frames, sub, event_depth, &event));
    frames_release(&frames);
    return true;
}

static void log_tick(struct stream *stream, const struct event *event)
{
    uint64_t update_id = event->ingress->view.symbols[event->symbol].update_id;
    diff_log_add(&stream->log, event->first_id, update_id, event->changes);
}

static void depth_to(struct streams *streams, struct stream *stream, struct subscription *sub,
                     struct frames *frames, const struct event *event)
{
    bool slow = ws_backlog(sub->client->ws) > CONFLATE_BYTES, news = event->changes->count > 0;
    if (slow && news) {
        counter_add(&counts_of(streams)->conflated, 1);
        if (!sub->missed_id) {
            sub->missed_id = event->first_id;
            stream->missing++;
            if (!stream->log.count)
                log_tick(stream, event);
        }
    } else if (!slow && sub->missed_id) {
        if (!tell_missed(streams, stream, sub, *event))
            ws_close(sub->client->ws, WS_POLICY, "Too slow: more was missed than we keep.");
        sub->missed_id = 0;
        stream->missing--;
    } else if (!slow && news) {
        ws_send_frame(sub->client->ws, frame_for(streams, frames, sub, event_depth, event));
    }
}

/* The log is kept while somebody misses something, and has the event under way then. */
static void depth_due(struct streams *streams, struct stream *stream)
{
    struct event event = event_of(streams, stream);
    struct frames frames = {0};
    uint64_t update_id = streams->ingress->view.symbols[stream->symbol].update_id;
    if (!stream->changes.count && !stream->missing)
        return;
    diff_settle(&stream->changes);
    event.changes = &stream->changes;
    event.first_id = stream->told_id + 1;
    if (stream->missing && stream->changes.count)
        log_tick(stream, &event);
    for (uint32_t i = 0; i < stream->count; i++)
        depth_to(streams, stream, stream->subs[i], &frames, &event);
    frames_release(&frames);
    if (!stream->missing)
        diff_log_fini(&stream->log);
    diff_clear(&stream->changes);
    stream->told_id = update_id;
}

/* Each event has all of it: a client that does not keep up is told the next one. */
static void partial_due(struct streams *streams, struct stream *stream)
{
    struct event event = event_of(streams, stream);
    struct frames frames = {0};
    uint64_t update_id = streams->ingress->view.symbols[stream->symbol].update_id;
    bool news = update_id != stream->told_id;
    if (!news && !stream->fresh)
        return;
    stream->fresh = 0;
    for (uint32_t i = 0; i < stream->count; i++) {
        struct subscription *sub = stream->subs[i];
        if (!news && !sub->fresh)
            continue;
        sub->fresh = ws_backlog(sub->client->ws) > CONFLATE_BYTES;
        stream->fresh += sub->fresh;
        if (sub->fresh)
            counter_add(&counts_of(streams)->conflated, 1);
        else
            ws_send_frame(sub->client->ws, frame_for(streams, &frames, sub, event_partial, &event));
    }
    frames_release(&frames);
    stream->told_id = update_id;
}

/* ---- on the grid: candles and tickers ---- */

/* The candle as it is now; false when there is nothing to tell of it. */
static bool candle_at(const struct streams *streams, const struct stream *stream, int64_t open_us,
                      struct candle *candle)
{
    const struct market_stats *stats = streams->ingress->view.symbols[stream->symbol].stats;
    if (!stats || !open_us)
        return false;
    market_stats_candle(stats, stream->name.interval, stream->name.zone_minutes, open_us, candle);
    return candle->close != 0;
}

/* The candle that was told last is over. Trades that became durable later are told once more. */
static void tell_closed(struct streams *streams, struct stream *stream, struct event event)
{
    struct candle candle;
    event.candle = &candle;
    event.closed = true;
    if (stream->closed_us && candle_at(streams, stream, stream->closed_us, &candle) &&
        candle.trades != stream->closed_trades)
        tell(streams, stream, event_kline, &event, false);
    if (!candle_at(streams, stream, stream->open_us, &candle))
        return;
    tell(streams, stream, event_kline, &event, false);
    stream->closed_us = candle.open_us;
    stream->closed_trades = candle.trades;
}

static void kline_due(struct streams *streams, struct stream *stream)
{
    struct event event = event_of(streams, stream);
    struct candle candle;
    uint64_t trade = streams->ingress->view.symbols[stream->symbol].trades.newest;
    int64_t open_us =
        candle_open_us(stream->name.interval, event.now_us, stream->name.zone_minutes);
    bool news = trade != stream->told_trade || open_us != stream->open_us;
    if (open_us != stream->open_us)
        tell_closed(streams, stream, event);
    stream->open_us = open_us;
    stream->told_trade = trade;
    if ((!news && !stream->fresh) || !candle_at(streams, stream, open_us, &candle))
        return;
    event.candle = &candle;
    tell(streams, stream, event_kline, &event, !news);
}

/* Figures of a window change with trades, and as minutes leave it. */
static void window_due(struct streams *streams, struct stream *stream)
{
    struct event event = event_of(streams, stream);
    const struct view_symbol *view = &streams->ingress->view.symbols[stream->symbol];
    bool ticker = stream->name.type == STREAM_TICKER;
    int64_t minute = view->trades.newest ? event.now_us / MINUTE_US : 0;
    bool news = view->trades.newest != stream->told_trade || minute != stream->told_minute ||
                (ticker && view->update_id != stream->told_id);
    stream->told_trade = view->trades.newest;
    stream->told_minute = minute;
    stream->told_id = view->update_id;
    event_render *render = ticker                                    ? event_ticker
                           : stream->name.type == STREAM_MINI_TICKER ? event_mini_ticker
                                                                     : event_avg_price;
    if (news || stream->fresh)
        tell(streams, stream, render, &event, !news);
}

static void all_minis_due(struct streams *streams, struct stream *stream)
{
    struct event event = event_of(streams, stream);
    const struct ingress *ingress = streams->ingress;
    bool news = false;
    event.symbols_count = ingress->directory.symbols_count;
    event.told = stream->told;
    for (uint16_t s = 0; s < event.symbols_count; s++)
        news |= ingress->view.symbols[s].trades.newest > stream->told[s];
    if (!news)
        return;
    tell(streams, stream, event_all_mini_tickers, &event, false);
    for (uint16_t s = 0; s < event.symbols_count; s++)
        stream->told[s] = ingress->view.symbols[s].trades.newest;
}

static void tell_due(struct streams *streams, enum stream_pace pace)
{
    for (struct stream *stream = streams->due[pace]; stream; stream = stream->next_due)
        switch (stream->name.type) {
        case STREAM_DEPTH:
            depth_due(streams, stream);
            break;
        case STREAM_PARTIAL:
            partial_due(streams, stream);
            break;
        case STREAM_KLINE:
            kline_due(streams, stream);
            break;
        case STREAM_ALL_MINI_TICKERS:
            all_minis_due(streams, stream);
            break;
        case STREAM_AGG_TRADE: /* one whose match did not go on */
            settle_aggs(streams, streams->listened[stream->symbol], false);
            break;
        default:
            window_due(streams, stream);
        }
}

/* The grid of each interval is the clock's, shifted a little for what must be durable by then. */
static void run_grid(struct streams *streams, int64_t now_us)
{
    int64_t second = (now_us - AFTER_US) / SECOND_US, two_seconds = second / 2;
    if (now_us < streams->grid_us)
        return;
    streams->grid_us = (now_us / GRID_US + 1) * GRID_US;
    tell_due(streams, PACE_100MS);
    if (second != streams->second)
        tell_due(streams, PACE_1S);
    if (two_seconds != streams->two_seconds)
        tell_due(streams, PACE_2S);
    streams->second = second;
    streams->two_seconds = two_seconds;
}

void streams_turn(struct streams *streams)
{
    while (streams->touched) {
        struct listened *listened = streams->touched;
        streams->touched = listened->next_touched;
        tell_touched(streams, listened);
    }
    run_grid(streams, streams->ingress->core->now_us);
}

int32_t streams_wait_ms(const struct streams *streams, int32_t most_ms)
{
    bool due = false;
    for (uint32_t pace = 0; pace < PACES; pace++)
        due |= streams->due[pace] != NULL;
    if (!due)
        return most_ms;
    int64_t ms = (streams->grid_us - streams->ingress->core->now_us + 999) / 1000;
    return ms < 0 ? 0 : ms < most_ms ? (int32_t)ms : most_ms;
}

/* ---- streams come and go ---- */

static bool same_stream(const struct stream_name *a, const struct stream_name *b)
{
    return a->type == b->type && a->pace == b->pace && a->levels == b->levels &&
           a->interval == b->interval && a->zone_minutes == b->zone_minutes;
}

static struct listened *listened_of(struct streams *streams, uint16_t symbol)
{
    struct listened **listened = &streams->listened[symbol];
    if (!*listened) {
        *listened = calloc(1, sizeof **listened);
        ASSERT(*listened != NULL);
        (*listened)->symbol = symbol;
    }
    return *listened;
}

/* What a new stream does not tell any more: all that was before it. */
static void start_now(struct streams *streams, struct stream *stream)
{
    const struct view_symbol *view = &streams->ingress->view.symbols[stream->symbol];
    stream->told_id = view->update_id;
    stream->told_trade = view->trades.newest;
    stream->told_minute = stream->told_trade ? streams->ingress->core->now_us / MINUTE_US : 0;
    if (stream->name.type == STREAM_KLINE)
        stream->open_us = candle_open_us(stream->name.interval, streams->ingress->core->now_us,
                                         stream->name.zone_minutes);
}

/* The first listener of a symbol finds it as it is. */
static void listen_now(struct streams *streams, struct listened *listened)
{
    const struct market_stats *stats = streams->ingress->view.symbols[listened->symbol].stats;
    best_changed(streams, listened);
    listened->agg_told = stats ? market_stats_newest_agg(stats) : 0;
    listened->agg_last_trade =
        listened->agg_told ? market_stats_agg(stats, listened->agg_told)->last_trade : 0;
    listened->fills = 0;
}

static void insert(struct stream **head, struct stream *stream)
{
    stream->next = *head;
    stream->link = head;
    if (*head)
        (*head)->link = &stream->next;
    *head = stream;
}

static void insert_due(struct stream **head, struct stream *stream)
{
    stream->next_due = *head;
    stream->due_at = head;
    if (*head)
        (*head)->due_at = &stream->next_due;
    *head = stream;
}

static struct stream *stream_new(struct streams *streams, struct stream **head,
                                 const struct stream_name *name, uint16_t symbol)
{
    struct stream *stream = calloc(1, sizeof *stream);
    ASSERT(stream != NULL);
    stream->name = *name;
    stream->symbol = symbol;
    insert(head, stream);
    /* an aggregate trade held back for its match is told by the grid, if nothing else tells it */
    enum stream_pace pace = name->type == STREAM_AGG_TRADE ? PACE_100MS : name->pace;
    if (pace != PACE_NOW)
        insert_due(&streams->due[pace], stream);
    return stream;
}

static struct stream *all_minis(struct streams *streams, const struct stream_name *name)
{
    const struct ingress *ingress = streams->ingress;
    if (streams->all_minis)
        return streams->all_minis;
    struct stream *stream = stream_new(streams, &streams->all_minis, name, 0);
    stream->told = calloc(ingress->view.symbols_max, sizeof *stream->told);
    ASSERT(stream->told != NULL);
    for (uint16_t s = 0; s < ingress->directory.symbols_count; s++)
        stream->told[s] = ingress->view.symbols[s].trades.newest;
    return stream;
}

/* Whether each trade or level of its symbol concerns it. */
static bool is_concerned(enum stream_type type)
{
    return type == STREAM_TRADE || type == STREAM_AGG_TRADE || type == STREAM_BOOK_TICKER ||
           type == STREAM_DEPTH;
}

/* The stream of this name, made if need be; NULL when nothing is called so. */
static struct stream *stream_of(struct streams *streams, const char *text, size_t length)
{
    struct stream_name name;
    if (!stream_name_read(text, length, &name))
        return NULL;
    if (name.type == STREAM_ALL_MINI_TICKERS)
        return all_minis(streams, &name);
    uint16_t symbol = directory_symbol(&streams->ingress->directory, name.symbol,
                                       strnlen(name.symbol, SYMBOL_NAME_MAX));
    if (symbol == SYMBOL_ANY)
        return NULL;
    struct listened *listened = listened_of(streams, symbol);
    struct stream **list = is_concerned(name.type) ? &listened->first : &listened->other;
    for (struct stream *stream = *list; stream; stream = stream->next)
        if (same_stream(&stream->name, &name))
            return stream;
    if (!listened->first)
        listen_now(streams, listened);
    struct stream *stream = stream_new(streams, list, &name, symbol);
    start_now(streams, stream);
    return stream;
}

static void stream_free(struct stream *stream)
{
    *stream->link = stream->next;
    if (stream->next)
        stream->next->link = stream->link;
    if (stream->due_at)
        *stream->due_at = stream->next_due;
    if (stream->next_due)
        stream->next_due->due_at = stream->due_at;
    diff_fini(&stream->changes);
    diff_log_fini(&stream->log);
    free(stream->told);
    free(stream->subs);
    free(stream);
}

static void join(struct stream *stream, struct subscription *sub)
{
    if (stream->count == stream->room) {
        stream->room = stream->room ? 2 * stream->room : 4;
        stream->subs = realloc(stream->subs, stream->room * sizeof *stream->subs);
        ASSERT(stream->subs != NULL);
    }
    sub->stream = stream;
    sub->at = stream->count;
    sub->fresh = true;
    stream->fresh++;
    stream->subs[stream->count++] = sub;
}

static void leave(struct subscription *sub)
{
    struct stream *stream = sub->stream;
    stream->fresh -= sub->fresh && stream->fresh;
    stream->missing -= sub->missed_id != 0;
    stream->subs[sub->at] = stream->subs[--stream->count];
    stream->subs[sub->at]->at = sub->at;
    if (!stream->missing && !BUG(61)) /* 61: who misses something next finds an older log */
        diff_log_fini(&stream->log);
    if (!stream->count)
        stream_free(stream);
}

/* ---- clients ---- */

static struct subscription **find(struct stream_client *client, const char *name, size_t length)
{
    struct subscription **at = &client->bucket[hash_bytes(0, name, length) % BUCKETS];
    while (*at && ((*at)->length != length || memcmp((*at)->name, name, length) != 0))
        at = &(*at)->same;
    return at;
}

bool stream_has(struct stream_client *client, const char *name, size_t length)
{
    return *find(client, name, length) != NULL;
}

uint32_t stream_room(const struct stream_client *client)
{
    return STREAMS_PER_CLIENT - client->count;
}

bool stream_subscribe(struct stream_client *client, const char *name, size_t length)
{
    struct subscription **at = find(client, name, length);
    if (*at)
        return true;
    if (length > STREAM_NAME_MAX || client->count == STREAMS_PER_CLIENT)
        return false;
    struct stream *stream = stream_of(client->streams, name, length);
    struct subscription *sub = calloc(1, sizeof *sub + length);
    ASSERT(sub != NULL);
    sub->client = client;
    sub->length = (uint32_t)length;
    memcpy(sub->name, name, length);
    sub->older = client->newest;
    *(client->newest ? &client->newest->newer : &client->oldest) = sub;
    client->newest = sub;
    client->count++;
    *at = sub;
    counter_add(&counts_of(client->streams)->subscriptions, 1);
    if (stream)
        join(stream, sub);
    return true;
}

void stream_unsubscribe(struct stream_client *client, const char *name, size_t length)
{
    struct subscription **at = find(client, name, length), *sub = *at;
    counter *subscriptions = &counts_of(client->streams)->subscriptions;
    if (!sub)
        return;
    *at = sub->same;
    *(sub->newer ? &sub->newer->older : &client->newest) = sub->older;
    *(sub->older ? &sub->older->newer : &client->oldest) = sub->newer;
    client->count--;
    counter_set(subscriptions, counter_get(subscriptions) - 1);
    if (sub->stream)
        leave(sub);
    free(sub);
}

void stream_list(const struct stream_client *client, struct text *out)
{
    text_str(out, "[");
    for (const struct subscription *sub = client->oldest; sub; sub = sub->newer) {
        text_str(out, sub == client->oldest ? "" : ",");
        text_quoted(out, sub->name, sub->length);
    }
    text_str(out, "]");
}

bool stream_combined(const struct stream_client *client)
{
    return client->combined;
}

void stream_set_combined(struct stream_client *client, bool combined)
{
    client->combined = combined;
}

struct stream_client *stream_client(const struct ws *ws)
{
    return ws_data(ws);
}

/* ---- connections ---- */

/* Subscribes to "a/b/c"; false when one is refused. */
static bool subscribe_path(struct stream_client *client, const char *names, size_t length)
{
    const char *end = names + length;
    while (names < end) {
        const char *slash = memchr(names, '/', (size_t)(end - names)), *stop = slash ? slash : end;
        if (stop > names && !stream_subscribe(client, names, (size_t)(stop - names)))
            return false;
        names = slash ? slash + 1 : end;
    }
    return true;
}

/* Names and values of a query, as they are: names of streams are not escaped, or unknown. */
static bool read_query(struct stream_client *client, struct slice query)
{
    static const char streams[] = "streams=", unit[] = "timeUnit=";
    const char *at = query.data, *end = at + query.length;
    bool good = true;
    while (at < end) {
        const char *next = memchr(at, '&', (size_t)(end - at)), *stop = next ? next : end;
        size_t length = (size_t)(stop - at);
        if (length >= sizeof streams - 1 && memcmp(at, streams, sizeof streams - 1) == 0)
            good &= subscribe_path(client, at + sizeof streams - 1, length + 1 - sizeof streams);
        else if (length >= sizeof unit - 1 && memcmp(at, unit, sizeof unit - 1) == 0)
            client->micro = length + 1 - sizeof unit == 11 &&
                            strncasecmp(at + sizeof unit - 1, "MICROSECOND", 11) == 0;
        at = next ? next + 1 : end;
    }
    return good;
}

void stream_open(struct ws *ws)
{
    static const char below[] = "/ws/";
    struct slice path = ws_path(ws);
    struct stream_client *client = calloc(1, sizeof *client);
    ASSERT(client != NULL);
    client->ws = ws;
    client->streams = ws_ingress(ws)->streams;
    client->combined = path.length >= 2 && path.data[1] == 's'; /* /stream */
    ws_set_data(ws, client);
    bool good = read_query(client, ws_query(ws));
    if (path.length > sizeof below - 1 && !client->combined)
        good &=
            subscribe_path(client, path.data + sizeof below - 1, path.length + 1 - sizeof below);
    if (!good)
        ws_close(ws, WS_POLICY, "Too many streams, or a name that is too long.");
}

static void on_text(struct ws *ws, char *message, size_t length)
{
    struct stream_client *client = ws_data(ws);
    struct text *text = &client->streams->text;
    text->length = 0;
    control_answer(client, message, length, text);
    ws_send(ws, text->data, text->length);
}

static void on_closed(struct ws *ws)
{
    struct stream_client *client = ws_data(ws);
    while (client->oldest)
        stream_unsubscribe(client, client->oldest->name, client->oldest->length);
    free(client);
}

static void on_drain(struct ws *ws)
{
    struct stream_client *client = ws_data(ws);
    struct text *text = &client->streams->text;
    text->length = 0;
    text_str(text, client->combined ? "{\"stream\":\"!serverShutdown\",\"data\":" : "");
    event_shutdown(text, ws_ingress(ws)->core->now_us, client->micro);
    text_str(text, client->combined ? "}" : "");
    ws_send(ws, text->data, text->length);
}

const struct ws_kind stream_kind = {.text = on_text,
                                    .closed = on_closed,
                                    .drain = on_drain,
                                    .message_max = CONTROL_MESSAGE_MAX,
                                    .limits_text = true};

struct streams *streams_new(struct ingress *ingress)
{
    struct streams *streams = calloc(1, sizeof *streams);
    ASSERT(streams != NULL);
    streams->ingress = ingress;
    streams->listened = calloc(ingress->view.symbols_max, sizeof *streams->listened);
    ASSERT(streams->listened != NULL);
    return streams;
}
