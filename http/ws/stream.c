#include "http/ws/stream.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "actors/msg/msg.h"
#include "http/ws/control.h"
#include "http/ws/events.h"
#include "runtime/check.h"
#include "runtime/hash.h"

enum {
    CONFLATE_BYTES = 256 << 10, /* a backlog of this much: depth waits... */
    CAUGHT_UP_BYTES = 16 << 10, /* ...until there is room for what was missed */
    BUCKETS = 32,               /* of a client's subscriptions, by name */
    GRID_US = 100000,
    TOGETHER_BYTES = 64 << 10, /* events of a stream that are sent as one */
    FORMS = 4,                 /* of an event: ms or us, raw or combined */
    REST_FROM_NS = 200000,     /* what is written faster needs no rest */
    REST_MOST_NS = 50000000,
    CLOSED_MOST = 60,  /* candles told as over at once, after a standstill */
    AFTER_US = 100000, /* candles are told so long after their end, when their trades are durable */
};

#define NEVER_TOLD UINT64_MAX

enum { FORM_COMBINED = 1, FORM_MICRO = 2 };

struct subscription {
    struct subscription *newer, *older; /* of the client, as they came */
    struct subscription *same;          /* of its bucket */
    struct stream_client *client;
    struct stream *stream; /* NULL: nothing has this name */
    uint32_t at;           /* in stream->subs */
    uint32_t form;         /* in which it is told, while it is in stream->subs */
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
    uint32_t forms[FORMS]; /* subscriptions by form */
    struct together {
        struct text bytes; /* encoded */
        uint32_t messages;
    } together[FORMS]; /* told in this turn, and not sent yet */
    struct stream *next_together;
    bool has_together;
    uint32_t fresh, missing; /* subscriptions that were told nothing yet; that missed something */
    uint64_t told_id, told_trade; /* the newest update and trade that were told */
    int64_t told_minute;
    struct diff_list changes; /* depth: since told_id */
    struct diff_log log;      /* depth: what somebody missed */
    int64_t open_us;          /* kline: the candle told last */
    int64_t closed_us;        /* kline: the one closed last, with how many trades */
    uint64_t closed_trades;   /* NEVER_TOLD: it was not */
    uint64_t *told;           /* of all symbols: by symbol */
};

struct listened {         /* a symbol that somebody listens to */
    struct stream *first; /* those that each trade or level concerns: at most five */
    struct stream *other; /* those that the grid alone tells */
    struct listened *next_touched;
    uint16_t symbol;
    bool touched;
    struct view_level best[2]; /* as they were told */
    uint64_t agg_told;         /* aggregate trades up to here are told... */
    uint64_t agg_last_trade;   /* ...this one up to here */
    bool match_open;           /* the newest trade's match goes on in a later turn */
};

struct streams {
    struct ingress *ingress;
    struct listened **listened;              /* by symbol */
    struct listened *touched;                /* in this turn */
    struct stream *all;                      /* those of all symbols */
    struct stream *together, **together_end; /* those that have something to send, in order */
    struct stream *due[PACES];
    int64_t grid_us;  /* the next moment of the grid */
    uint64_t rest_ns; /* on the monotonic clock: until then nothing is told; 0: now */
    int64_t second, two_seconds;
    struct text text;
    struct diff_list missed; /* scratch */
    uint64_t seed;           /* of the hashes of names, which clients choose */
};

static struct ws_counts *counts_of(const struct streams *streams)
{
    return &streams->ingress->counts.ws;
}

/* ---- telling ---- */

/* Renders an event in a form into streams->text; all who listen spell the stream's name alike. */
static const struct text *render_form(struct streams *streams, const struct stream *stream,
                                      uint32_t form, event_render *render,
                                      const struct event *event)
{
    struct text *text = &streams->text;
    bool micro = form & FORM_MICRO, combined = form & FORM_COMBINED;
    text->length = 0;
    if (combined) {
        text_str(text, "{\"stream\":");
        text_quoted(text, stream->subs[0]->name, stream->subs[0]->length);
        text_str(text, ",\"data\":");
    }
    render(text, event, micro);
    if (combined)
        text_str(text, "}");
    counter_add(&counts_of(streams)->events, 1);
    return text;
}

struct frames { /* an event in the forms that were asked for so far */
    struct ws_frame *frame[FORMS];
};

static void frames_release(struct frames *frames)
{
    for (uint32_t form = 0; form < FORMS; form++)
        if (frames->frame[form])
            ws_frame_release(frames->frame[form]);
}

static struct ws_frame *frame_for(struct streams *streams, struct frames *frames,
                                  const struct subscription *sub, event_render *render,
                                  const struct event *event)
{
    struct ws_frame **frame = &frames->frame[sub->form];
    if (!*frame) {
        const struct text *text = render_form(streams, sub->stream, sub->form, render, event);
        *frame = ws_frame_new(text->data, text->length);
    }
    return *frame;
}

/* Sends what was told of a stream in this turn: one frame for all who get it in the same form. */
static void send_together(struct stream *stream)
{
    for (uint32_t form = 0; form < FORMS; form++) {
        struct together *together = &stream->together[form];
        if (!together->messages)
            continue;
        struct ws_frame *frame =
            ws_frame_encoded(together->bytes.data, together->bytes.length, together->messages);
        for (uint32_t i = 0; i < stream->count; i++)
            if (stream->subs[i]->form == form)
                ws_send_frame(stream->subs[i]->client->ws, frame);
        ws_frame_release(frame);
        together->bytes.length = together->messages = 0;
    }
}

/* Before anybody joins, leaves or changes the form: who listens now is who is told. */
static void send_all(struct streams *streams)
{
    while (streams->together) {
        struct stream *stream = streams->together;
        streams->together = stream->next_together;
        stream->has_together = false;
        send_together(stream);
    }
    streams->together_end = &streams->together;
}

static struct event event_of(const struct streams *streams, const struct stream *stream)
{
    return (struct event){.ingress = streams->ingress,
                          .symbol = stream->symbol,
                          .now_us = streams->ingress->core->now_us,
                          .levels = stream->name.levels,
                          .hours = stream->name.hours,
                          .interval = stream->name.interval,
                          .zone_minutes = stream->name.zone_minutes};
}

static void tell_fresh(struct streams *streams, struct stream *stream, event_render *render,
                       const struct event *event)
{
    struct frames frames = {0};
    for (uint32_t i = 0; i < stream->count; i++) {
        struct subscription *sub = stream->subs[i];
        if (!sub->fresh)
            continue;
        sub->fresh = false;
        ws_send_frame(sub->client->ws, frame_for(streams, &frames, sub, render, event));
    }
    frames_release(&frames);
}

/* To all who listen, with the turn's end; or at once to those who were told nothing yet. */
static void tell(struct streams *streams, struct stream *stream, event_render *render,
                 const struct event *event, bool fresh_only)
{
    if (fresh_only) {
        tell_fresh(streams, stream, render, event);
        stream->fresh = 0;
        return;
    }
    for (uint32_t form = 0; form < FORMS; form++) {
        struct together *together = &stream->together[form];
        if (!stream->forms[form])
            continue;
        const struct text *text = render_form(streams, stream, form, render, event);
        ws_frame_append(&together->bytes, text->data, text->length);
        together->messages++;
        if (together->bytes.length > TOGETHER_BYTES)
            send_together(stream);
    }
    for (uint32_t i = 0; stream->fresh && i < stream->count; i++)
        stream->subs[i]->fresh = false;
    stream->fresh = 0;
    if (!stream->has_together) {
        stream->has_together = true;
        stream->next_together = NULL;
        *streams->together_end = stream;
        streams->together_end = &stream->next_together;
    }
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

/* The trade up to which the aggregate trade goes; 0 when it is none, or not kept. */
static uint64_t agg_end(const struct market_stats *stats, uint64_t id)
{
    return id && id >= market_stats_oldest_agg(stats) ? market_stats_agg(stats, id)->last_trade : 0;
}

/* Tells the aggregate trades that were not told: all but the newest when that one is `open`. One
 * that has grown since it was told is told again, whole. */
static void settle_aggs(struct streams *streams, struct listened *listened, bool open)
{
    const struct market_stats *stats = streams->ingress->view.symbols[listened->symbol].stats;
    uint64_t newest = stats ? market_stats_newest_agg(stats) : 0;
    if (!newest)
        return;
    uint64_t end = agg_end(stats, listened->agg_told), last = newest - open;
    bool grown = end && end != listened->agg_last_trade && !BUG(62); /* 62: it is not told again */
    uint64_t first = listened->agg_told + !grown;
    if (first > last)
        return;
    for (struct stream *stream = listened->first; stream; stream = stream->next)
        if (stream->name.type == STREAM_AGG_TRADE)
            tell_aggs(streams, stream, first, last);
    listened->agg_told = last;
    listened->agg_last_trade = agg_end(stats, last);
}

static void on_trade(struct streams *streams, struct listened *listened, const struct msg *msg)
{
    listened->match_open = msg->flags & MSG_OPEN;
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
    settle_aggs(streams, listened, listened->match_open);
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
    bool news = event->changes->count > 0;
    bool slow = ws_backlog(sub->client->ws) > (sub->missed_id ? CAUGHT_UP_BYTES : CONFLATE_BYTES);
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

/* The candle as it is now, and whether all of it is known; false when there is nothing to tell. */
static bool candle_at(const struct streams *streams, const struct stream *stream, int64_t open_us,
                      struct candle *candle, bool *whole)
{
    const struct market_stats *stats = streams->ingress->view.symbols[stream->symbol].stats;
    if (!stats || !open_us)
        return false;
    *whole = market_stats_candle(stats, stream->name.interval, stream->name.zone_minutes, open_us,
                                 candle);
    return candle->close != 0;
}

/* Tells the candle that is over, and again when trades of it became durable later. */
static void tell_closed(struct streams *streams, struct stream *stream, struct event event)
{
    struct candle candle;
    bool whole;
    bool again = stream->closed_trades != NEVER_TOLD;
    if (!candle_at(streams, stream, stream->closed_us, &candle, &whole) || (again && !whole) ||
        candle.trades == stream->closed_trades)
        return;
    event.candle = &candle;
    event.closed = true;
    tell(streams, stream, event_kline, &event, false);
    stream->closed_trades = candle.trades;
}

static void kline_due(struct streams *streams, struct stream *stream)
{
    struct event event = event_of(streams, stream);
    struct candle candle;
    bool whole;
    uint64_t trade = streams->ingress->view.symbols[stream->symbol].trades.newest;
    enum candle_interval interval = stream->name.interval;
    int32_t zone = stream->name.zone_minutes;
    int64_t open_us = candle_open_us(interval, event.now_us, zone);
    bool news = trade != stream->told_trade || open_us > stream->open_us;
    if (trade != stream->told_trade)
        tell_closed(streams, stream, event); /* again, if it has grown */
    if (open_us - stream->open_us >
        CLOSED_MOST * (candle_next_us(interval, open_us, zone) - open_us))
        stream->open_us = open_us; /* the clock jumped, or nobody was here */
    for (; stream->open_us < open_us;
         stream->open_us = candle_next_us(interval, stream->open_us, zone)) {
        stream->closed_us = stream->open_us;
        stream->closed_trades = NEVER_TOLD;
        tell_closed(streams, stream, event);
    }
    open_us = stream->open_us;
    stream->told_trade = trade;
    if ((!news && !stream->fresh) || !candle_at(streams, stream, open_us, &candle, &whole))
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
                           : stream->name.type == STREAM_WINDOW      ? event_window
                           : stream->name.type == STREAM_MINI_TICKER ? event_mini_ticker
                                                                     : event_avg_price;
    if (news || stream->fresh)
        tell(streams, stream, render, &event, !news);
}

static void all_due(struct streams *streams, struct stream *stream)
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
    tell(streams, stream,
         stream->name.type == STREAM_ALL_WINDOWS ? event_all_windows : event_all_mini_tickers,
         &event, false);
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
        case STREAM_ALL_WINDOWS:
            all_due(streams, stream);
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

bool streams_turn(struct streams *streams, bool idle)
{
    if (!idle && streams->rest_ns && env_mono_ns() < streams->rest_ns)
        return false;
    streams->rest_ns = 0;
    while (streams->touched) {
        struct listened *listened = streams->touched;
        streams->touched = listened->next_touched;
        tell_touched(streams, listened);
    }
    run_grid(streams, streams->ingress->core->now_us);
    bool told = streams->together;
    send_all(streams);
    return told;
}

void streams_rest(struct streams *streams, uint64_t took_ns)
{
    if (took_ns >= REST_FROM_NS)
        streams->rest_ns = env_mono_ns() + (took_ns < REST_MOST_NS ? took_ns : REST_MOST_NS);
}

int32_t streams_wait_ms(const struct streams *streams, int32_t most_ms)
{
    bool due = false, rests = streams->rest_ns && (streams->touched || streams->together);
    for (uint32_t pace = 0; pace < PACES; pace++)
        due |= streams->due[pace] != NULL;
    int64_t ms = most_ms;
    if (due)
        ms = (streams->grid_us - streams->ingress->core->now_us + 999) / 1000;
    if (rests) {
        uint64_t now_ns = env_mono_ns(), rest_ns = streams->rest_ns;
        int64_t rest_ms = rest_ns > now_ns ? (int64_t)((rest_ns - now_ns + 999999) / 1000000) : 0;
        ms = rest_ms < ms ? rest_ms : ms;
    }
    return ms < 0 ? 0 : ms < most_ms ? (int32_t)ms : most_ms;
}

/* ---- streams come and go ---- */

static bool same_stream(const struct stream_name *a, const struct stream_name *b)
{
    return a->type == b->type && a->pace == b->pace && a->levels == b->levels &&
           a->hours == b->hours && a->interval == b->interval &&
           a->zone_minutes == b->zone_minutes && a->spelling == b->spelling;
}

static struct stream *find_stream(struct stream *list, const struct stream_name *name)
{
    while (list && !same_stream(&list->name, name))
        list = list->next;
    return list;
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
    best_changed(streams, listened);
    listened->match_open = false;
}

/* Aggregate trades are told from here on. */
static void aggs_from_now(struct streams *streams, struct listened *listened)
{
    const struct market_stats *stats = streams->ingress->view.symbols[listened->symbol].stats;
    listened->agg_told = stats ? market_stats_newest_agg(stats) : 0;
    listened->agg_last_trade = stats ? agg_end(stats, listened->agg_told) : 0;
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

static struct stream *all_of(struct streams *streams, const struct stream_name *name)
{
    const struct ingress *ingress = streams->ingress;
    struct stream *stream = find_stream(streams->all, name);
    if (stream)
        return stream;
    stream = stream_new(streams, &streams->all, name, 0);
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
    if (name.type == STREAM_ALL_MINI_TICKERS || name.type == STREAM_ALL_WINDOWS)
        return all_of(streams, &name);
    uint16_t symbol = directory_symbol(&streams->ingress->directory, name.symbol,
                                       strnlen(name.symbol, SYMBOL_NAME_MAX));
    if (symbol == SYMBOL_ANY)
        return NULL;
    struct listened *listened = listened_of(streams, symbol);
    struct stream **list = is_concerned(name.type) ? &listened->first : &listened->other;
    struct stream *stream = find_stream(*list, &name);
    if (stream)
        return stream;
    if (!listened->first)
        listen_now(streams, listened);
    if (name.type == STREAM_AGG_TRADE)
        aggs_from_now(streams, listened);
    stream = stream_new(streams, list, &name, symbol);
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
    for (uint32_t form = 0; form < FORMS; form++)
        free(stream->together[form].bytes.data);
    free(stream->told);
    free(stream->subs);
    free(stream);
}

static uint32_t form_of(const struct stream_client *client)
{
    return (client->micro ? FORM_MICRO : 0) | (client->combined ? FORM_COMBINED : 0);
}

static void join(struct stream *stream, struct subscription *sub)
{
    if (stream->count == stream->room) {
        stream->room = stream->room ? 2 * stream->room : 4;
        stream->subs = realloc(stream->subs, stream->room * sizeof *stream->subs);
        ASSERT(stream->subs != NULL);
    }
    send_all(sub->client->streams);
    sub->stream = stream;
    sub->form = form_of(sub->client);
    stream->forms[sub->form]++;
    sub->at = stream->count;
    sub->fresh = true;
    stream->fresh++;
    stream->subs[stream->count++] = sub;
}

static void leave(struct subscription *sub)
{
    struct stream *stream = sub->stream;
    send_all(sub->client->streams);
    stream->forms[sub->form]--;
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
    struct subscription **at =
        &client->bucket[hash_bytes(client->streams->seed, name, length) % BUCKETS];
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

static void set_form(struct stream_client *client, bool combined, bool micro)
{
    send_all(client->streams);
    client->combined = combined;
    client->micro = micro;
    for (struct subscription *sub = client->oldest; sub; sub = sub->newer)
        if (sub->stream) {
            sub->stream->forms[sub->form]--;
            sub->form = form_of(client);
            sub->stream->forms[sub->form]++;
        }
}

void stream_set_combined(struct stream_client *client, bool combined)
{
    set_form(client, combined, client->micro);
}

struct stream_client *stream_client(const struct ws *ws)
{
    return ws_data(ws);
}

/* ---- connections ---- */

/* Adds a part of the URL with its escapes resolved, %2F too; what is none stays as it is, and so
 * does the '+' of a time zone. */
static void add_decoded(struct text *out, const char *at, size_t length)
{
    for (const char *end = at + length; at < end; at++) {
        int byte = percent_byte(at, (size_t)(end - at));
        char c = *at;
        if (byte > 0) { /* no name has a NUL */
            c = (char)byte;
            at += 2;
        }
        text_add(out, &c, 1);
    }
}

static bool subscribe_decoded(struct stream_client *client, const char *names, size_t length)
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

/* Subscribes to "a/b/c" of the URL; false when one is refused. */
static bool subscribe_path(struct stream_client *client, const char *names, size_t length)
{
    struct text decoded = {0};
    add_decoded(&decoded, names, length);
    bool good = !decoded.length || subscribe_decoded(client, decoded.data, decoded.length);
    free(decoded.data);
    return good;
}

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
            set_form(client, client->combined,
                     length + 1 - sizeof unit == 11 &&
                         strncasecmp(at + sizeof unit - 1, "MICROSECOND", 11) == 0);
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

static uint32_t subscriptions(const struct ws *ws)
{
    const struct stream_client *client = ws_data(ws);
    return client->count;
}

const struct ws_kind stream_kind = {.name = "streams",
                                    .subscriptions = subscriptions,
                                    .text = on_text,
                                    .closed = on_closed,
                                    .drain = on_drain,
                                    .message_max = CONTROL_MESSAGE_MAX,
                                    .limits_text = true};

struct streams *streams_new(struct ingress *ingress)
{
    struct streams *streams = calloc(1, sizeof *streams);
    ASSERT(streams != NULL);
    streams->ingress = ingress;
    streams->together_end = &streams->together;
    ASSERT(getrandom(&streams->seed, sizeof streams->seed, 0) == sizeof streams->seed);
    streams->listened = calloc(ingress->view.symbols_max, sizeof *streams->listened);
    ASSERT(streams->listened != NULL);
    return streams;
}

void streams_free(struct streams *streams)
{
    ASSERT(!streams->all);
    for (uint32_t s = 0; s < streams->ingress->view.symbols_max; s++) {
        ASSERT(!streams->listened[s] || !streams->listened[s]->first);
        free(streams->listened[s]);
    }
    free(streams->listened);
    free(streams->text.data);
    diff_fini(&streams->missed);
    free(streams);
}
