#include "http/ws/stream.h"

#include <jansson.h>
#include <stdio.h>

#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/exchange.h"
#include "actors/market_shard.h"
#include "http/render.h"
#include "http/ws/frame.h"
#include "http/ws/names.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_streams.h"
#include "tests/sim/sim_told.h"
#include "tests/unit/ws_api/ws_messages.h"

enum {
    LISTENERS = 3,           /* of a core */
    UNREAD_BYTES = 16 << 10, /* that a frame counts: 16 of them are a slow client */
    UNREAD_MAX = 512,
    DEPTH_LIMIT = 5000,
};

static const int64_t unit = MONEY_ATOMS_PER_UNIT;

struct follow { /* of one symbol by one listener */
    bool synced;
    struct copy book;
    uint64_t depth_id[PACES]; /* the last event's u, by the stream's pace; 0: none yet */
    uint64_t trade, agg, agg_last;
};

struct ws { /* one who listens */
    struct ingress *ingress;
    void *data;
    bool open, closed, micro, paused;
    char query[2048];
    json_t *unread[UNREAD_MAX]; /* a ring */
    uint32_t head, count;
    struct follow follow[SYMBOLS_MAX];
};

static struct {
    bool on; /* in this seed */
    uint64_t rng, trace;
    struct exchange *ex;
} listening;

static struct ingress *ingresses; /* [CORES_MAX] */
static struct ws listener[CORES_MAX][LISTENERS];
static struct {
    uint64_t frames, snapshots, conflated, candles, tickers;
} counts;

/* ---- lives ---- */

struct ingress *sim_ingress(uint16_t core)
{
    return &ingresses[core];
}

void sim_streams_seed(uint64_t seed)
{
    if (!ingresses)
        ingresses = calloc(CORES_MAX, sizeof *ingresses);
    ASSERT(ingresses != NULL);
    memset(&listening, 0, sizeof listening);
    told_forget();
    listening.rng = hash_mix(seed ^ 0x73747265);
    listening.on = draw_below(&listening.rng, 100) < 40;
}

void sim_streams_init(struct exchange *ex)
{
    listening.ex = ex;
    for (uint16_t c = 0; c < ex->config.cores; c++) {
        struct ingress *ingress = &ingresses[c];
        ingress->ex = ex;
        ingress->core = ex->rt.core[c];
        market_view_init(&ingress->view, ex->config.symbols_max);
        directory_init(&ingress->directory, NULL, ex->config.symbols_max);
        ingress->streams = streams_new(ingress);
    }
}

static void forget_unread(struct ws *ws)
{
    for (; ws->count; ws->count--)
        json_decref(ws->unread[ws->head++ % UNREAD_MAX]);
}

static void hang_up(struct ws *ws)
{
    if (ws->open)
        stream_kind.closed(ws);
    forget_unread(ws);
    ws->open = false;
}

void sim_streams_fini(void)
{
    for (uint16_t c = 0; c < listening.ex->config.cores; c++) {
        for (uint32_t i = 0; i < LISTENERS; i++)
            hang_up(&listener[c][i]);
        streams_free(ingresses[c].streams);
        market_view_fini(&ingresses[c].view);
        directory_fini(&ingresses[c].directory);
    }
}

static void load_change(void *arg, const struct config_change *change)
{
    directory_apply(arg, change);
}

void sim_streams_load(struct exchange *ex)
{
    told_load(ex);
    for (uint16_t c = 0; c < ex->config.cores; c++) {
        control_shard_each(ex->control, load_change, &ingresses[c].directory);
        market_view_load(&ingresses[c].view, ex);
    }
}

void sim_streams_market(uint16_t core, const struct msg *msg)
{
    struct ingress *ingress = &ingresses[core];
    if (msg->type == MSG_CONFIG) {
        directory_apply(&ingress->directory, msg->change.block);
        return;
    }
    told_message(core, &ingress->directory.symbols[msg->symbol], msg);
    market_view_fold(&ingress->view, msg);
    streams_market(ingress->streams, msg);
}

/* ---- numbers of an event ---- */

static uint64_t number(const json_t *event, const char *name)
{
    const json_t *value = json_object_get(event, name);
    if (!json_is_integer(value))
        fail("an event lacks a number");
    return (uint64_t)json_integer_value(value);
}

static int64_t atoms_of(const json_t *value)
{
    const char *text = json_string_value(value);
    int64_t sum = 0;
    uint32_t decimals = 0;
    bool below_zero = text && *text == '-', point = false;
    if (!text)
        fail("an event lacks an amount");
    for (const char *at = text + below_zero; *at; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        sum = 10 * sum + (*at - '0');
        decimals += point;
    }
    if (decimals != 8)
        fail("an amount has not 8 decimals");
    return below_zero ? -sum : sum;
}

static int64_t amount(const json_t *event, const char *name)
{
    return atoms_of(json_object_get(event, name));
}

static bool is_true(const json_t *event, const char *name)
{
    return json_is_true(json_object_get(event, name));
}

/* ---- what an event must say when it is sent ---- */

static bool time_is(const struct ws *ws, uint64_t shown, int64_t us)
{
    return shown == (uint64_t)(ws->micro ? us : us / 1000);
}

static void check_trade(const struct ws *ws, const json_t *event, uint16_t symbol)
{
    const struct told_trade *trade = told_trade(symbol, number(event, "t"));
    if (!trade || amount(event, "p") != trade->price || amount(event, "q") != trade->qty ||
        !time_is(ws, number(event, "T"), trade->time_us) ||
        is_true(event, "m") != trade->buyer_is_maker)
        fail("a stream tells another trade");
}

static void check_agg(const struct ws *ws, const json_t *event, uint16_t symbol)
{
    uint64_t first = number(event, "f"), last = number(event, "l");
    const struct told_trade *trade = told_trade(symbol, first);
    const struct told_trade *before = first > 1 ? told_trade(symbol, first - 1) : NULL;
    int64_t qty = 0;
    if (!trade || trade->agg_id != number(event, "a") || amount(event, "p") != trade->price ||
        !time_is(ws, number(event, "T"), trade->time_us) ||
        is_true(event, "m") != trade->buyer_is_maker || (before && before->agg_id == trade->agg_id))
        fail("a stream tells another aggregate trade");
    for (uint64_t id = first; id <= last; id++) {
        const struct told_trade *part = told_trade(symbol, id);
        if (!part || part->agg_id != trade->agg_id)
            fail("an aggregate trade has a trade that is not its own");
        qty += part->qty;
    }
    if (amount(event, "q") != qty)
        fail("an aggregate trade's quantity is not its trades'");
}

/* The quantities told are those that are; true for the levels of one side of an event. */
static void check_levels(const struct copy *copy, const json_t *levels, uint32_t side)
{
    size_t i;
    const json_t *level;
    json_array_foreach(levels, i, level)
    {
        int64_t price = atoms_of(json_array_get(level, 0));
        if (atoms_of(json_array_get(level, 1)) != copy_qty(copy, side, price))
            fail("a stream tells another quantity than rests there");
    }
}

static void check_depth(const struct copy *copy, const json_t *event)
{
    if (number(event, "u") != copy->id || number(event, "U") > copy->id)
        fail("a depth event ends elsewhere than the book");
    check_levels(copy, json_object_get(event, "b"), SIDE_BUY);
    check_levels(copy, json_object_get(event, "a"), SIDE_SELL);
}

static void check_best(const struct copy *copy, const json_t *event, uint32_t side,
                       const char *price, const char *qty)
{
    int64_t best = copy_next(copy, side, 0);
    if (amount(event, price) != best || amount(event, qty) != copy_qty(copy, side, best))
        fail("a stream tells another best price than the book's");
}

static void check_book_ticker(const struct copy *copy, const json_t *event)
{
    if (number(event, "u") != copy->id)
        fail("best prices are told at another update");
    check_best(copy, event, SIDE_BUY, "b", "B");
    check_best(copy, event, SIDE_SELL, "a", "A");
}

static void check_side(const struct copy *copy, const json_t *levels, uint32_t side, size_t most)
{
    int64_t price = 0;
    size_t count = json_array_size(levels);
    for (size_t i = 0; i < count; i++) {
        const json_t *level = json_array_get(levels, i);
        price = copy_next(copy, side, price);
        if (atoms_of(json_array_get(level, 0)) != price ||
            atoms_of(json_array_get(level, 1)) != copy_qty(copy, side, price))
            fail("a book is shown with another level");
    }
    if (count > most || (count < most && count != copy->count[side]))
        fail("a book is shown with too many levels, or too few");
}

static void check_partial(const struct copy *copy, const json_t *event, size_t most)
{
    if (number(event, "lastUpdateId") != copy->id)
        fail("a book is shown at another update");
    check_side(copy, json_object_get(event, "bids"), SIDE_BUY, most);
    check_side(copy, json_object_get(event, "asks"), SIDE_SELL, most);
}

struct sum { /* of the trades in a span; amounts */
    uint64_t first, last, count;
    int64_t open, high, low, close, base, quote, taker_base, taker_quote;
};

static struct sum sum_of(const struct ingress *ingress, uint16_t symbol, int64_t from_us,
                         int64_t to_us)
{
    struct sum sum = {0};
    for (uint64_t id = 1; id <= ingress->view.symbols[symbol].trades.newest; id++) {
        const struct told_trade *trade = told_trade(symbol, id);
        if (trade->time_us < from_us || trade->time_us > to_us)
            continue;
        if (!sum.count++) {
            sum.first = id;
            sum.open = sum.high = sum.low = trade->price;
        }
        sum.last = id;
        sum.close = trade->price;
        sum.high = trade->price > sum.high ? trade->price : sum.high;
        sum.low = trade->price < sum.low ? trade->price : sum.low;
        sum.base += trade->qty;
        sum.quote += trade->quote;
        sum.taker_base += trade->buyer_is_maker ? 0 : trade->qty;
        sum.taker_quote += trade->buyer_is_maker ? 0 : trade->quote;
    }
    return sum;
}

/* A view that began with a market's ring knows no older trades. */
static bool knows_all(const struct ingress *ingress, uint16_t symbol)
{
    return ingress->view.symbols[symbol].trades.newest <= TRADES_KEPT;
}

static void check_prices(const json_t *event, const struct sum *sum)
{
    if (sum->count && (amount(event, "o") != sum->open || amount(event, "h") != sum->high ||
                       amount(event, "l") != sum->low || amount(event, "c") != sum->close))
        fail("a stream tells other prices than its trades have");
    if (amount(event, "v") != sum->base || amount(event, "q") != sum->quote)
        fail("a stream tells other volumes than its trades have");
}

static void check_kline(const struct ws *ws, const json_t *event, uint16_t symbol)
{
    const json_t *candle = json_object_get(event, "k");
    int64_t scale = ws->micro ? 1 : 1000;
    int64_t from_us = (int64_t)number(candle, "t") * scale;
    int64_t to_us = (int64_t)number(candle, "T") * scale + scale - 1;
    struct sum sum = sum_of(ws->ingress, symbol, from_us, to_us);
    const struct trade_ring *trades = &ws->ingress->view.symbols[symbol].trades;
    if (to_us - from_us < SECOND_US && /* a clock that jumped so far has none of those seconds */
        trade_ring_at(trades, trades->newest)->ts_us - from_us >= SECONDS_KEPT * SECOND_US)
        return;
    check_prices(candle, &sum);
    if (number(candle, "n") != sum.count || amount(candle, "V") != sum.taker_base ||
        amount(candle, "Q") != sum.taker_quote ||
        (sum.count && (number(candle, "f") != sum.first || number(candle, "L") != sum.last)))
        fail("a stream tells another candle than its trades make");
    counts.candles++;
}

/* The whole minutes so far back, and the one that is not over. */
static struct sum window_of(const struct ws *ws, uint16_t symbol, int64_t minutes)
{
    const struct trade_ring *trades = &ws->ingress->view.symbols[symbol].trades;
    int64_t now_us = ws->ingress->core->now_us, newest_us = 0;
    if (trades->newest)
        newest_us = trade_ring_at(trades, trades->newest)->ts_us;
    if (newest_us > now_us)
        now_us = newest_us;
    return sum_of(ws->ingress, symbol, (now_us / MINUTE_US - minutes) * MINUTE_US, INT64_MAX);
}

/* "24hrTicker", "24hrMiniTicker", "1hTicker", ... */
static int64_t minutes_of(const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "e"));
    return strcmp(type, "1hTicker") == 0 ? 60 : strcmp(type, "4hTicker") == 0 ? 240 : 1440;
}

static void check_ticker(const struct ws *ws, const json_t *event, uint16_t symbol)
{
    struct sum sum = window_of(ws, symbol, minutes_of(event));
    check_prices(event, &sum);
    if (json_object_get(event, "n") &&
        (number(event, "n") != sum.count ||
         (sum.count && (number(event, "F") != sum.first || number(event, "L") != sum.last)) ||
         (sum.count && amount(event, "p") != sum.close - sum.open)))
        fail("a stream tells another ticker than its trades make");
    counts.tickers++;
}

static void check_average(const struct ws *ws, const json_t *event, uint16_t symbol)
{
    struct sum sum = window_of(ws, symbol, AVG_PRICE_MINUTES - 1);
    if (sum.count && amount(event, "w") != (int64_t)((__int128)sum.quote * unit / sum.base))
        fail("a stream tells another average price than its trades have");
    counts.tickers++;
}

static void check_minis(const struct ws *ws, const json_t *minis)
{
    size_t i;
    const json_t *mini;
    json_array_foreach(minis, i, mini)
    {
        uint16_t symbol = (uint16_t)(json_string_value(json_object_get(mini, "s"))[1] - '0');
        if (knows_all(ws->ingress, symbol))
            check_ticker(ws, mini, symbol);
    }
}

static bool is_called(const char *name, const char *kind)
{
    return strncmp(name + 3, kind, strlen(kind)) == 0; /* behind "s0@" */
}

static void check_frame(const struct ws *ws, const json_t *frame)
{
    const char *name = json_string_value(json_object_get(frame, "stream"));
    const json_t *event = json_object_get(frame, "data");
    if (!name || !event)
        fail("a frame is not of a combined stream");
    if (name[0] == '!') {
        check_minis(ws, event);
        return;
    }
    uint16_t symbol = (uint16_t)(name[1] - '0');
    ASSERT(symbol < SYMBOLS_MAX);
    const struct copy *copy = told_copy(ws->ingress->core->id, symbol);
    bool all = knows_all(ws->ingress, symbol);
    if (is_called(name, "trade"))
        check_trade(ws, event, symbol);
    else if (is_called(name, "aggTrade"))
        check_agg(ws, event, symbol);
    else if (is_called(name, "bookTicker"))
        check_book_ticker(copy, event);
    else if (is_called(name, "depth5"))
        check_partial(copy, event, 5);
    else if (is_called(name, "depth"))
        check_depth(copy, event);
    else if (is_called(name, "kline") && all)
        check_kline(ws, event, symbol);
    else if (is_called(name, "avgPrice") && all)
        check_average(ws, event, symbol);
    else if (all)
        check_ticker(ws, event, symbol);
}

/* ---- a connection that is no socket: in the place of http/ws/socket.c ---- */

struct ingress *ws_ingress(const struct ws *ws)
{
    return ws->ingress;
}

void *ws_data(const struct ws *ws)
{
    return ws->data;
}

void ws_set_data(struct ws *ws, void *data)
{
    ws->data = data;
}

struct slice ws_query(const struct ws *ws)
{
    return (struct slice){ws->query, strlen(ws->query)};
}

struct slice ws_path(const struct ws *ws)
{
    (void)ws;
    return (struct slice){"/stream", 7};
}

size_t ws_backlog(const struct ws *ws)
{
    return (size_t)ws->count * UNREAD_BYTES;
}

bool ws_send(struct ws *ws, const char *text, size_t length)
{
    json_error_t error;
    json_t *frame = json_loadb(text, length, 0, &error);
    if (!frame)
        fail("a frame is no JSON");
    check_frame(ws, frame);
    listening.trace = hash_bytes(listening.trace, text, length);
    counts.frames++;
    if (ws->count == UNREAD_MAX) { /* over its budget */
        ws->closed = true;
        json_decref(frame);
        return false;
    }
    ws->unread[(ws->head + ws->count++) % UNREAD_MAX] = frame;
    return true;
}

bool ws_send_frame(struct ws *ws, struct ws_frame *frame)
{
    const char *text;
    size_t at = 0, length;
    bool sent = true;
    while (sent && ws_message_next(frame, &at, &text, &length))
        sent = ws_send(ws, text, length);
    return sent;
}

void ws_close(struct ws *ws, uint16_t code, const char *reason)
{
    (void)code, (void)reason;
    ws->closed = true;
}

/* ---- what a client makes of what it reads ---- */

static void read_trade(struct follow *follow, const json_t *event)
{
    uint64_t id = number(event, "t");
    if (follow->trade && id != follow->trade + 1)
        fail("a client misses a trade");
    follow->trade = id;
}

/* Ids are dense; one whose match went on is told again, whole. */
static void read_agg(struct follow *follow, const json_t *event)
{
    uint64_t id = number(event, "a"), first = number(event, "f"), last = number(event, "l");
    bool again = id == follow->agg && last > follow->agg_last;
    bool next = id == follow->agg + 1 && first == follow->agg_last + 1;
    if (follow->agg && !again && !next)
        fail("a client misses an aggregate trade");
    follow->agg = id;
    follow->agg_last = last;
}

static void apply_side(struct copy *book, const json_t *levels, uint32_t side)
{
    size_t i;
    const json_t *level;
    json_array_foreach(levels, i, level) copy_set(book, side, atoms_of(json_array_get(level, 0)),
                                                  atoms_of(json_array_get(level, 1)));
}

/* Binance's rule for a local book: what the snapshot has is passed over, what follows has no gap.
 */
static void read_depth(struct follow *follow, uint16_t symbol, enum stream_pace pace,
                       const json_t *event)
{
    uint64_t first = number(event, "U"), last = number(event, "u");
    struct copy *book = &follow->book;
    if (follow->depth_id[pace] && first != follow->depth_id[pace] + 1)
        fail("a client misses a depth event");
    follow->depth_id[pace] = last;
    if (!follow->synced || last <= book->id)
        return;
    if (first > book->id + 1)
        fail("a client finds a gap between its snapshot and the stream");
    apply_side(book, json_object_get(event, "b"), SIDE_BUY);
    apply_side(book, json_object_get(event, "a"), SIDE_SELL);
    book->id = last;
    if (!told_is_book(symbol, book))
        fail("a client's book is not the shard's at that id");
}

static void read_frame(struct ws *ws, const json_t *frame)
{
    const char *name = json_string_value(json_object_get(frame, "stream"));
    const json_t *event = json_object_get(frame, "data");
    if (name[0] == '!')
        return;
    uint16_t symbol = (uint16_t)(name[1] - '0');
    struct follow *follow = &ws->follow[symbol];
    if (is_called(name, "trade"))
        read_trade(follow, event);
    else if (is_called(name, "aggTrade"))
        read_agg(follow, event);
    else if (is_called(name, "depth") && !is_called(name, "depth5"))
        read_depth(follow, symbol, is_called(name, "depth@") ? PACE_100MS : PACE_1S, event);
}

/* GET /depth, as the server renders it. */
static void read_snapshot(struct ws *ws, uint16_t symbol)
{
    static struct text rendered; /* as large as it was ever needed */
    struct text *text = &rendered;
    struct copy *book = &ws->follow[symbol].book;
    json_error_t error;
    text->length = 0;
    render_depth(ws->ingress, text, symbol, DEPTH_LIMIT);
    json_t *shown = json_loadb(text->data, text->length, 0, &error);
    if (!shown)
        fail("a book is no JSON");
    check_partial(told_copy(ws->ingress->core->id, symbol), shown, DEPTH_LIMIT);
    *book = (struct copy){.id = number(shown, "lastUpdateId")};
    apply_side(book, json_object_get(shown, "bids"), SIDE_BUY);
    apply_side(book, json_object_get(shown, "asks"), SIDE_SELL);
    ws->follow[symbol].synced = true;
    json_decref(shown);
    counts.snapshots++;
}

/* ---- clients come, read and go ---- */

static void choose(struct ws *ws)
{
    static const char *const kinds[] = {"trade",        "aggTrade", "bookTicker", "depth",
                                        "depth@100ms",  "kline_1s", "kline_1m",   "kline_1d",
                                        "depth5@100ms", "ticker",   "miniTicker", "avgPrice",
                                        "ticker_1h",    "ticker_4h"};
    int at = snprintf(ws->query, sizeof ws->query,
                      "timeUnit=%s&streams=!miniTicker@arr/!ticker_1h@arr/!ticker_1d@arr",
                      ws->micro ? "MICROSECOND" : "MILLISECOND");
    for (uint16_t s = 0; s < ws->ingress->directory.symbols_count; s++)
        for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (draw_below(&listening.rng, 100) < 40)
                at +=
                    snprintf(ws->query + at, sizeof ws->query - (size_t)at, "/s%u@%s", s, kinds[i]);
}

static void come(struct ws *ws, struct ingress *ingress)
{
    memset(ws, 0, sizeof *ws);
    ws->ingress = ingress;
    ws->micro = draw_below(&listening.rng, 2);
    ws->open = true;
    choose(ws);
    stream_open(ws);
}

static void read_some(struct ws *ws, uint32_t most)
{
    for (; ws->count && most; ws->count--, most--) {
        json_t *frame = ws->unread[ws->head++ % UNREAD_MAX];
        read_frame(ws, frame);
        json_decref(frame);
    }
}

static void listener_turn(struct ws *ws)
{
    uint32_t roll = draw_below(&listening.rng, 1000);
    if (ws->closed || roll < 2) {
        hang_up(ws);
        return;
    }
    if (roll < 20)
        ws->paused = !ws->paused;
    uint16_t symbol = (uint16_t)draw_below(&listening.rng, SYMBOLS_MAX);
    if (roll >= 980 && symbol < ws->ingress->directory.symbols_count && !ws->follow[symbol].synced)
        read_snapshot(ws, symbol);
    if (!ws->paused)
        read_some(ws, draw_below(&listening.rng, 8));
}

void sim_streams_turn(uint16_t core)
{
    struct ingress *ingress = &ingresses[core];
    if (!listening.on)
        return;
    uint64_t before = counter_get(&ingress->counts.ws.conflated);
    for (uint32_t i = 0; i < LISTENERS; i++) {
        struct ws *ws = &listener[core][i];
        if (ws->open)
            listener_turn(ws);
        else if (draw_below(&listening.rng, 100) < 2)
            come(ws, ingress);
    }
    streams_turn(ingress->streams, true);
    counts.conflated += counter_get(&ingress->counts.ws.conflated) - before;
}

uint64_t sim_streams_trace(void)
{
    return listening.trace;
}

bool sim_streams_print(void)
{
    bool told = told_print();
    printf("sim: streams: %lu frames, %lu conflated, %lu books read, %lu candles, %lu tickers\n",
           counts.frames, counts.conflated, counts.snapshots, counts.candles, counts.tickers);
    return told && counts.conflated && counts.snapshots && counts.candles && counts.tickers;
}
