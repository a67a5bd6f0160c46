#define _GNU_SOURCE
#include "demo_bots.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "actors/book/money.h"
#include "bench/request_signer.h"
#include "runtime/check.h"
#include "runtime/env.h"
#include "runtime/log.h"

enum {
    TURN_MS = 250,
    OPS_A_TURN = 2,    /* of a maker, and of the first turn as many as there are levels */
    ORDERS_10S = 90,   /* of an account, out of 100 */
    LOOK_MS = 3000,    /* a maker at its open orders */
    FUNDS_MS = 60000,  /* each bot at its funds */
    SILENT_MS = 10000, /* after 429 or 418 */
    AGAIN_MS = 1000,   /* after a connection broke */
    ANSWERS_MS = 2000, /* a turn waits so long for all of its answers */
    TELL_MS = 5000,    /* the ladders stand, or it is told all the same */
    LOW_PART = 20,     /* less than 1/20 of what it began with: that asset is not given */
    RESTING_MAX = 64,
    EXPECT_MAX = 64,
    BOTS = DEMO_USERS - DEMO_MAKERS,
    ASSETS = 3,
};

enum asset { USDT, BTC, ETH };
static const char *const asset_names[ASSETS] = {"USDT", "BTC", "ETH"};
static const struct {
    enum asset base, quote;
} assets_of[DEMO_SYMBOLS] = {
    [DEMO_BTCUSDT] = {BTC, USDT}, [DEMO_ETHUSDT] = {ETH, USDT}, [DEMO_ETHBTC] = {ETH, BTC}};

struct resting {       /* an order of a maker, as far as it knows */
    uint64_t order_id; /* 0: its answer has not come yet... */
    uint32_t number;   /* ... by which it is known until then; 0: placed by an earlier run */
    struct demo_quote quote;
    uint8_t side;
};

enum expect { EXPECT_PLACED, EXPECT_RESTING, EXPECT_FUNDS, EXPECT_PRICE, EXPECT_NOTHING };

struct expected { /* an answer that has not come yet */
    enum expect what;
    uint32_t number; /* PLACED: of the order; 0: of one that will not rest */
    int64_t *price;  /* PRICE */
};

struct bot {
    struct demo_bots *bots;
    uint32_t user;
    enum demo_symbol symbol; /* a maker's */
    struct http_client *http;
    struct request_signer *signer;
    char get_headers[128], post_headers[192];
    struct expected expected[EXPECT_MAX]; /* the answers come in this order */
    uint32_t expect_head, expect_count;
    struct resting resting[RESTING_MAX];
    uint32_t resting_count, number; /* number: of the newest order */
    bool known;                     /* `resting` is what the exchange has said */
    bool low[ASSETS];
    int64_t look_ms, funds_ms, again_ms;
    int64_t window; /* of ten seconds, and the orders sent in it */
    uint32_t orders;
};

struct market {
    struct demo_bots *bots;
    struct demo_model model;
    struct bot bot[BOTS];
    int64_t now_ms, silent_ms;
    bool first; /* the ladders have not been put up yet */
};

static int64_t mono_ms(void)
{
    return (int64_t)(env_mono_ns() / 1000000);
}

/* ---- asking ---- */

static struct expected *expect(struct bot *bot, enum expect what)
{
    ASSERT(bot->expect_count < EXPECT_MAX); /* a turn waits for its answers */
    struct expected *next = &bot->expected[(bot->expect_head + bot->expect_count++) % EXPECT_MAX];
    *next = (struct expected){.what = what};
    return next;
}

static bool is_maker(const struct bot *bot)
{
    return bot->user < DEMO_TAKERS;
}

/* The connection is of no use any more; what was in flight has an unknown fate. */
static void drop(struct bot *bot, int64_t now_ms)
{
    log_debug("demo_connection", "A bot's connection broke: another one is made.",
              log_text("error", http_client_error(bot->http)));
    http_client_close(bot->http);
    bot->http = http_client_open(&bot->bots->to);
    bot->expect_count = 0;
    bot->known = false;
    bot->look_ms = 0;
    bot->again_ms = now_ms + AGAIN_MS;
}

/* Sends one request; signed, unless `format` is of a public one. */
__attribute__((format(printf, 5, 6))) static struct expected *
send_request(struct bot *bot, enum expect what, const char *method, const char *path,
             const char *format, ...)
{
    char text[768], params[512];
    bool post = strcmp(method, "POST") == 0, public = what == EXPECT_PRICE;
    const struct env env = env_real(); /* the server's clock: we are in its process */
    va_list args;
    va_start(args, format);
    int length = vsnprintf(params, sizeof params - REQUEST_SIGNER_ADDS, format, args);
    va_end(args);
    ASSERT(length >= 0 && (size_t)length < sizeof params - REQUEST_SIGNER_ADDS);
    size_t bytes = (size_t)length;
    if (!public)
        bytes =
            request_signer_sign(bot->signer, params, bytes, sizeof params, env_now_us(&env) / 1000);
    snprintf(text, sizeof text, "%s%s%s", path, post ? "" : "?", post ? "" : params);
    atomic_fetch_add_explicit(&bot->bots->requests, 1, memory_order_relaxed);
    struct expected *expected = expect(bot, what);
    enum http_client_status sent =
        http_client_send(bot->http, method, text, post ? bot->post_headers : bot->get_headers,
                         post ? params : NULL, post ? bytes : 0);
    (void)sent; /* a failed client fails again when its answer is asked for */
    return expected;
}

static const char *decimal(int64_t atoms, char text[static MONEY_TEXT_MAX + 1])
{
    text[money_format(atoms, text)] = '\0';
    return text;
}

/* ---- answers ---- */

static int64_t atoms_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    int64_t atoms = 0;
    uint32_t decimals;
    if (json_is_string(value) &&
        !money_parse(json_string_value(value), (uint32_t)json_string_length(value), &atoms,
                     &decimals))
        atoms = 0;
    return atoms;
}

static void add_resting(struct bot *bot, const struct resting *rest)
{
    if (bot->resting_count < RESTING_MAX)
        bot->resting[bot->resting_count++] = *rest;
}

static void forget(struct bot *bot, uint32_t i)
{
    bot->resting[i] = bot->resting[--bot->resting_count];
}

/* Of an order, or of an order that replaces another, whatever became of that one. */
static void placed(struct bot *bot, uint32_t number, const json_t *body)
{
    const json_t *data = json_object_get(body, "data");
    const json_t *order = json_object_get(data ? data : body, "newOrderResponse");
    const json_t *id = json_object_get(order ? order : body, "orderId");
    for (uint32_t i = 0; i < bot->resting_count; i++) {
        if (bot->resting[i].number != number || bot->resting[i].order_id)
            continue;
        if (json_is_integer(id))
            bot->resting[i].order_id = (uint64_t)json_integer_value(id);
        else
            forget(bot, i);
        return;
    }
}

static void all_resting(struct bot *bot, const json_t *body)
{
    const struct demo_market *market = &demo_markets[bot->symbol];
    const json_t *order;
    size_t i;
    if (!json_is_array(body))
        return;
    bot->resting_count = 0;
    bot->known = true;
    json_array_foreach(body, i, order)
    {
        int64_t left = atoms_of(order, "origQty") - atoms_of(order, "executedQty");
        const char *side = json_string_value(json_object_get(order, "side"));
        add_resting(bot,
                    &(struct resting){
                        .order_id = (uint64_t)json_integer_value(json_object_get(order, "orderId")),
                        .quote = {.price_ticks = atoms_of(order, "price") / market->tick_atoms,
                                  .qty_lots = left / market->lot_atoms},
                        .side = side && strcmp(side, "BUY") == 0 ? SIDE_BUY : SIDE_SELL});
    }
}

static void funds(struct bot *bot, const json_t *body)
{
    const json_t *list = json_object_get(body, "balances"), *balance;
    const struct demo_user *user = &demo_users[bot->user];
    const int64_t began[ASSETS] = {user->usdt, user->btc, user->eth};
    size_t i;
    if (json_is_array(list)) /* an asset that is not listed is all gone */
        memset(bot->low, true, sizeof bot->low);
    json_array_foreach(list, i, balance)
    {
        const char *name = json_string_value(json_object_get(balance, "asset"));
        int64_t atoms = atoms_of(balance, "free") + atoms_of(balance, "locked");
        for (uint32_t a = 0; name && a < ASSETS; a++)
            if (strcmp(name, asset_names[a]) == 0)
                bot->low[a] = atoms / MONEY_ATOMS_PER_UNIT < began[a] / LOW_PART;
    }
}

static void refused(struct market *market, const struct http_answer *answer, const json_t *body)
{
    const char *text = json_string_value(json_object_get(body, "msg"));
    atomic_fetch_add_explicit(&market->bots->refused, 1, memory_order_relaxed);
    log_debug("demo_refused", "A bot was refused.", log_number("status", answer->status),
              log_text("text", text ? text : ""));
    if (answer->status == 429 || answer->status == 418)
        market->silent_ms = market->now_ms + SILENT_MS;
}

static void take_answer(struct market *market, struct bot *bot, const struct http_answer *answer)
{
    ASSERT(bot->expect_count > 0);
    struct expected expected = bot->expected[bot->expect_head];
    bot->expect_head = (bot->expect_head + 1) % EXPECT_MAX;
    bot->expect_count--;
    json_t *body = json_loadb(answer->body, answer->body_bytes, 0, NULL);
    if (answer->status != 200)
        refused(market, answer, body);
    if (expected.what == EXPECT_PLACED)
        placed(bot, expected.number, body);
    else if (expected.what == EXPECT_RESTING && answer->status == 200)
        all_resting(bot, body);
    else if (expected.what == EXPECT_FUNDS)
        funds(bot, body);
    else if (expected.what == EXPECT_PRICE)
        *expected.price = atoms_of(body, "price");
    json_decref(body);
}

/* What does not come in time is waited for in the next turn. */
static void take_answers(struct market *market)
{
    int64_t until_ms = mono_ms() + ANSWERS_MS;
    for (uint32_t i = 0; i < BOTS; i++)
        if (market->bot[i].expect_count && http_client_flush(market->bot[i].http))
            drop(&market->bot[i], market->now_ms);
    for (uint32_t i = 0; i < BOTS; i++) {
        struct bot *bot = &market->bot[i];
        while (bot->expect_count) {
            struct http_answer answer;
            int64_t left_ms = until_ms - mono_ms();
            enum http_client_status got =
                http_client_in_flight(bot->http)
                    ? http_client_receive(bot->http, left_ms > 0 ? (int)left_ms : 0, &answer)
                    : HTTP_CLIENT_FAILED; /* it could not even be sent */
            if (got == HTTP_CLIENT_FAILED)
                drop(bot, market->now_ms);
            if (got != HTTP_CLIENT_OK)
                break;
            take_answer(market, bot, &answer);
        }
    }
}

/* ---- orders ---- */

static bool may_order(struct bot *bot)
{
    const struct env env = env_real();
    int64_t window = env_now_us(&env) / 10000000;
    if (bot->window != window) {
        bot->window = window;
        bot->orders = 0;
    }
    return bot->orders < ORDERS_10S;
}

/* Whether the bot has enough of what an order of this side gives. */
static bool affords(const struct bot *bot, enum demo_symbol symbol, uint8_t side)
{
    return !bot->low[side == SIDE_BUY ? assets_of[symbol].quote : assets_of[symbol].base];
}

/* Quotes; in the place of `old` when there is one. Whoever of its own is in the way ends: prices
 * move, and its stale quotes on the other side are not to trade with it. */
static void place(struct bot *bot, uint8_t side, struct demo_quote quote, const struct resting *old)
{
    const struct demo_market *market = &demo_markets[bot->symbol];
    char price[MONEY_TEXT_MAX + 1], qty[MONEY_TEXT_MAX + 1], cancel[96] = "";
    if (old)
        snprintf(cancel, sizeof cancel, "&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=%" PRIu64,
                 old->order_id);
    struct expected *expected = send_request(
        bot, EXPECT_PLACED, "POST", old ? "/api/v3/order/cancelReplace" : "/api/v3/order",
        "symbol=%s&side=%s&type=LIMIT&timeInForce=GTC&quantity=%s&price=%s"
        "&selfTradePreventionMode=EXPIRE_MAKER&newOrderRespType=ACK%s",
        market->symbol, side == SIDE_BUY ? "BUY" : "SELL",
        decimal(quote.qty_lots * market->lot_atoms, qty),
        decimal(quote.price_ticks * market->tick_atoms, price), cancel);
    expected->number = ++bot->number;
    add_resting(bot, &(struct resting){.number = bot->number, .quote = quote, .side = side});
    bot->orders++;
}

/* The level of the ladder that is not quoted, or hardly any more; the best one first. */
static bool find_missing(const struct market *market, const struct bot *bot, uint8_t side,
                         struct demo_quote *missing)
{
    for (uint32_t level = 0; level < DEMO_LEVELS; level++) {
        bool there = false;
        *missing = demo_model_quote(&market->model, bot->symbol, side, level);
        for (uint32_t i = 0; i < bot->resting_count; i++) {
            const struct resting *rest = &bot->resting[i];
            there |= rest->side == side && rest->quote.price_ticks == missing->price_ticks &&
                     rest->quote.qty_lots * 3 > missing->qty_lots;
        }
        if (!there)
            return true;
    }
    return false;
}

/* What the ladder has at the price of an order; false: nothing. */
static bool find_wanted(const struct market *market, const struct bot *bot,
                        const struct resting *rest, struct demo_quote *wanted)
{
    for (uint32_t level = 0; level < DEMO_LEVELS; level++) {
        *wanted = demo_model_quote(&market->model, bot->symbol, rest->side, level);
        if (wanted->price_ticks == rest->quote.price_ticks)
            return true;
    }
    return false;
}

/* Whether it is a quote of the ladder, and enough; of two at one price one is. */
static bool is_wanted(const struct market *market, const struct bot *bot,
                      const struct resting *rest)
{
    struct demo_quote wanted;
    for (const struct resting *other = bot->resting; other < rest; other++)
        if (other->side == rest->side && other->quote.price_ticks == rest->quote.price_ticks)
            return false;
    return find_wanted(market, bot, rest, &wanted) && rest->quote.qty_lots * 3 > wanted.qty_lots;
}

/* An order that is not of the ladder, the most daring one first; RESTING_MAX: there is none. */
static uint32_t find_stale(const struct market *market, const struct bot *bot, uint8_t side)
{
    uint32_t found = RESTING_MAX;
    for (uint32_t i = 0; i < bot->resting_count; i++) {
        const struct resting *rest = &bot->resting[i];
        if (rest->side != side || !rest->order_id || is_wanted(market, bot, rest))
            continue;
        int64_t ahead = found == RESTING_MAX
                            ? 1
                            : rest->quote.price_ticks - bot->resting[found].quote.price_ticks;
        if (found == RESTING_MAX || (side == SIDE_BUY ? ahead > 0 : ahead < 0))
            found = i;
    }
    return found;
}

/* One order for one side of the ladder; false when nothing is to be done there. */
static bool mend(const struct market *market, struct bot *bot, uint8_t side)
{
    struct demo_quote missing;
    uint32_t stale = find_stale(market, bot, side);
    bool want = affords(bot, bot->symbol, side) && find_missing(market, bot, side, &missing);
    struct resting old = stale < RESTING_MAX ? bot->resting[stale] : (struct resting){0};
    want = want && may_order(bot);
    if (stale < RESTING_MAX)
        forget(bot, stale);
    if (want)
        place(bot, side, missing, old.order_id ? &old : NULL);
    else if (old.order_id)
        send_request(bot, EXPECT_NOTHING, "DELETE", "/api/v3/order", "symbol=%s&orderId=%" PRIu64,
                     demo_markets[bot->symbol].symbol, old.order_id);
    return want || old.order_id;
}

/* While prices stand, some quote's amount changes: so that who watches sees the market live. */
static void stir(struct market *market, struct bot *bot)
{
    if (!bot->resting_count || !may_order(bot))
        return;
    uint32_t i = demo_model_draw(&market->model, bot->resting_count);
    struct resting old = bot->resting[i];
    struct demo_quote quote;
    if (!old.order_id || !find_wanted(market, bot, &old, &quote) ||
        !affords(bot, bot->symbol, old.side))
        return;
    quote.qty_lots = quote.qty_lots * (80 + demo_model_draw(&market->model, 41)) / 100;
    forget(bot, i);
    place(bot, old.side, quote, &old);
}

/* ---- a turn ---- */

static void quote(struct market *market, struct bot *bot)
{
    uint32_t most = market->first ? 2 * DEMO_LEVELS : OPS_A_TURN, done = 0;
    uint8_t side = (uint8_t)demo_model_draw(&market->model, 2);
    if (!bot->known)
        return;
    for (uint32_t idle = 0; done < most && idle < 2; side ^= 1) {
        bool any = mend(market, bot, side);
        done += any;
        idle = any ? 0 : idle + 1;
    }
    if (!done)
        stir(market, bot);
}

static void take(struct market *market, enum demo_symbol symbol)
{
    const struct demo_market *what = &demo_markets[symbol];
    struct demo_taker taker;
    char qty[MONEY_TEXT_MAX + 1];
    if (!demo_model_taker(&market->model, symbol, DEMO_TAKERS_PER_HOUR, &taker))
        return;
    struct bot *bot = &market->bot[DEMO_TAKERS - DEMO_MAKERS +
                                   demo_model_draw(&market->model, DEMO_USERS - DEMO_TAKERS)];
    if (!affords(bot, symbol, taker.side))
        taker.side ^= 1;
    if (bot->expect_count || bot->again_ms > market->now_ms || !may_order(bot))
        return;
    send_request(bot, EXPECT_NOTHING, "POST", "/api/v3/order",
                 "symbol=%s&side=%s&type=MARKET&quantity=%s&newOrderRespType=ACK", what->symbol,
                 taker.side == SIDE_BUY ? "BUY" : "SELL",
                 decimal(taker.qty_lots * what->lot_atoms, qty));
    bot->orders++;
}

/* What each bot has to know, when it is time; and what it does then. */
static void turn(struct market *market)
{
    market->now_ms = mono_ms();
    demo_model_step(&market->model);
    if (market->silent_ms > market->now_ms)
        return;
    for (uint32_t i = 0; i < BOTS; i++) {
        struct bot *bot = &market->bot[i];
        if (bot->expect_count || bot->again_ms > market->now_ms)
            continue; /* an answer is late, or a connection has just broken */
        if (market->now_ms >= bot->funds_ms) {
            send_request(bot, EXPECT_FUNDS, "GET", "/api/v3/account", "omitZeroBalances=true");
            bot->funds_ms = market->now_ms + FUNDS_MS + i * AGAIN_MS;
        }
        if (is_maker(bot) && market->now_ms >= bot->look_ms) {
            send_request(bot, EXPECT_RESTING, "GET", "/api/v3/openOrders", "symbol=%s",
                         demo_markets[bot->symbol].symbol);
            bot->look_ms = market->now_ms + LOOK_MS;
        } else if (is_maker(bot)) {
            quote(market, bot);
        }
    }
    for (uint32_t s = 0; s < DEMO_SYMBOLS; s++)
        take(market, s);
    take_answers(market);
}

/* ---- the thread ---- */

static void open_bots(struct market *market, struct demo_bots *bots)
{
    for (uint32_t i = 0; i < BOTS; i++) {
        struct bot *bot = &market->bot[i];
        const struct demo_key *key = &bots->demo->keys[DEMO_MAKERS + i];
        bot->bots = bots;
        bot->user = DEMO_MAKERS + i;
        bot->symbol = i < DEMO_SYMBOLS ? (enum demo_symbol)i : DEMO_BTCUSDT;
        bot->http = http_client_open(&bots->to);
        bot->signer = request_signer_new(key->secret);
        ASSERT(bot->signer != NULL);
        snprintf(bot->get_headers, sizeof bot->get_headers, "X-MBX-APIKEY: %s\r\n", key->key);
        snprintf(bot->post_headers, sizeof bot->post_headers,
                 "X-MBX-APIKEY: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n",
                 key->key);
    }
}

/* The model goes on where the market has stopped. */
static void start_model(struct market *market)
{
    int64_t btcusdt = 0, ethbtc = 0;
    demo_model_init(&market->model, market->bots->seed, TURN_MS);
    market->now_ms = mono_ms();
    send_request(&market->bot[0], EXPECT_PRICE, "GET", "/api/v3/ticker/price", "symbol=BTCUSDT")
        ->price = &btcusdt;
    send_request(&market->bot[0], EXPECT_PRICE, "GET", "/api/v3/ticker/price", "symbol=ETHBTC")
        ->price = &ethbtc;
    take_answers(market);
    if (market->bot[0].expect_count) /* they come late, and would be taken for others */
        drop(&market->bot[0], market->now_ms);
    if (btcusdt > 0 && ethbtc > 0)
        demo_model_start_at(&market->model, btcusdt, ethbtc);
}

static bool ladders_stand(const struct market *market)
{
    for (uint32_t i = 0; i < DEMO_SYMBOLS; i++)
        if (market->bot[i].resting_count < 2 * DEMO_LEVELS)
            return false;
    return true;
}

static void pause_until(int64_t due_ms)
{
    int64_t left_ms = due_ms - mono_ms();
    if (left_ms > 0)
        nanosleep(&(struct timespec){.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000},
                  NULL);
}

static void cancel_all(struct market *market)
{
    market->now_ms = mono_ms();
    for (uint32_t i = 0; i < DEMO_SYMBOLS; i++)
        if (!market->bot[i].expect_count)
            send_request(&market->bot[i], EXPECT_NOTHING, "DELETE", "/api/v3/openOrders",
                         "symbol=%s", demo_markets[i].symbol);
    take_answers(market);
}

static void *bots_main(void *arg)
{
    struct demo_bots *bots = arg;
    struct market *market = calloc(1, sizeof *market);
    ASSERT(market != NULL);
    market->bots = bots;
    market->first = true;
    open_bots(market, bots);
    start_model(market);
    int64_t begun_ms = mono_ms(), due_ms = begun_ms;
    bool told = false;
    while (!atomic_load(&bots->stop)) {
        turn(market);
        if (market->first && market->bot[0].known && market->bot[1].known && market->bot[2].known) {
            turn(market); /* every maker knows what it has: the ladders, at once */
            market->first = false;
        }
        if (!told && (ladders_stand(market) || mono_ms() - begun_ms > TELL_MS)) {
            demo_tell(bots->demo, bots->listen, bots->admin,
                      demo_model_fair(&market->model, DEMO_BTCUSDT));
            told = true;
        }
        due_ms = due_ms + TURN_MS > mono_ms() ? due_ms + TURN_MS : mono_ms();
        pause_until(due_ms);
    }
    cancel_all(market);
    log_info("demo_ended", "The bots have cancelled what they had.",
             log_number("requests", (int64_t)atomic_load(&bots->requests)),
             log_number("refused", (int64_t)atomic_load(&bots->refused)));
    for (uint32_t i = 0; i < BOTS; i++) {
        http_client_close(market->bot[i].http);
        request_signer_free(market->bot[i].signer);
    }
    free(market);
    atomic_store(&bots->ended, true);
    return NULL;
}

/* Where a client on this machine reaches a listener. */
static const char *reach(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "*") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static void write_address(char *out, size_t room, const char *host, uint16_t port)
{
    bool six = strchr(host, ':') != NULL;
    snprintf(out, room, "%s%s%s:%u", six ? "[" : "", host, six ? "]" : "", port);
}

void demo_bots_start(struct demo_bots *bots, const struct demo *demo, uint64_t seed,
                     const char *listen_host, uint16_t listen_port, const char *admin_host,
                     uint16_t admin_port)
{
    bots->demo = demo;
    bots->seed = seed;
    snprintf(bots->to.host, sizeof bots->to.host, "%s", reach(listen_host));
    snprintf(bots->to.port, sizeof bots->to.port, "%u", listen_port);
    if (strncmp(bots->to.host, "127.", 4) == 0 || strcmp(bots->to.host, "localhost") == 0)
        snprintf(bots->to.from, sizeof bots->to.from, "127.0.0.2");
    write_address(bots->listen, sizeof bots->listen, reach(listen_host), listen_port);
    write_address(bots->admin, sizeof bots->admin, reach(admin_host), admin_port);
    ASSERT(pthread_create(&bots->thread, NULL, bots_main, bots) == 0);
}

void demo_bots_stop(struct demo_bots *bots)
{
    atomic_store(&bots->stop, true);
}

bool demo_bots_ended(const struct demo_bots *bots)
{
    return atomic_load(&bots->ended);
}
