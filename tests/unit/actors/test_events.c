/* What a user's watchers are told of each step of an order's life: an account shard and a market
 * shard on cores of their own, both with ingress, turned by hand. What is told is written as text,
 * a line an event: user, execution, ids, status, and the figures of the execution. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/gateway.h"

#define UNITS(n) ((int64_t)(n)*MONEY_ATOMS_PER_UNIT)

enum { ACCOUNTS, MARKETS, CORES }; /* the cores: accounts and ingress; markets and ingress */
enum { BASE, QUOTE };
enum { ALICE = 1, BOB };
enum { ANSWERS_MAX = 8 };

static struct exchange ex;
static struct arena arena;
static struct gateway gateway[CORES];
static int64_t clock_us;
static char told[CORES][8192]; /* by each core, since the last look */
static size_t told_length[CORES];
static uint64_t last_id[BOB + 1], last_seq;
static uint16_t answer[ANSWERS_MAX];
static uint32_t answers;
static struct prevented_view prevented[FULL_PREVENTED_MAX]; /* of the last answer */
static uint32_t prevented_count;

static int64_t test_now(void *self)
{
    (void)self;
    return ++clock_us;
}

static void test_random(void *self, void *out, size_t bytes)
{
    (void)self;
    memset(out, 7, bytes);
}

static const struct env_ops test_env_ops = {.now_us = test_now, .random = test_random};

/* ---- what is told, as text ---- */

__attribute__((format(printf, 2, 3))) static void say(uint32_t core, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    told_length[core] += (size_t)vsnprintf(told[core] + told_length[core],
                                           sizeof told[core] - told_length[core], format, args);
    va_end(args);
    cr_assert_lt(told_length[core], sizeof told[core]);
}

static const char *units(int64_t atoms)
{
    static char text[8][32];
    static uint32_t at;
    char *out = text[at++ % 8];
    snprintf(out, 32, "%g", (double)atoms / MONEY_ATOMS_PER_UNIT);
    return out;
}

static void say_order(uint32_t core, uint32_t user, const struct order_event *event)
{
    static const char *const execution[] = {"NEW",   "CANCELED", "REJECTED",
                                            "TRADE", "EXPIRED",  "PREVENTED"};
    static const char *const status[] = {"sent",   "new",     "partial",         "filled",
                                         "cancel", "expired", "expired_in_match"};
    const struct order_view *order = &event->order;
    say(core, "%c %s %.*s", "?ab"[user], execution[event->execution], order -> client_length,
        order -> client_id);
    if (event->execution == EXECUTION_CANCELED)
        say(core, " by %.*s", event->cancel_length, event->cancel_id);
    if (event->execution == EXECUTION_REJECTED)
        say(core, " %s", event->reject == REJECT_NO_FUNDS ? "funds" : "other");
    else
        say(core, " #%lu %s", order->order_id, status[order->status]);
    say(core, " q%s z%s Z%s", units(order->qty), units(order->executed), units(order->cum_quote));
    if (event->execution == EXECUTION_TRADE)
        say(core, " t%lu %s at %s fee %s %s%s", event->trade.trade_id, units(event->trade.qty),
            units(event->trade.price), units(event->trade.fee),
            event->trade.fee_asset == BASE ? "BASE" : "QUOTE", event->trade.maker ? " maker" : "");
    if (event->execution == EXECUTION_TRADE_PREVENTION)
        say(core, " prevented %s", units(event->prevented));
    say(core, "\n");
}

static void on_event(void *self, const struct msg *msg)
{
    uint32_t core = (uint32_t)(uintptr_t)self;
    const struct user_event *event = msg->event.block;
    for (uint32_t i = 0; i < event->orders; i++) {
        if (core == ACCOUNTS)
            cr_expect_gt(event->order[i].id, last_id[event->user]);
        last_id[event->user] = event->order[i].id;
        say_order(core, event->user, &event->order[i]);
    }
    if (event->moved)
        say(core, "%c moved %s\n", "?ab"[event->user], units(event->amount));
    for (uint32_t i = 0; i < event->balances; i++)
        say(core, "%c %s %s %s\n", "?ab"[event->user],
            event -> balance[i].asset == BASE ? "BASE" : "QUOTE", units(event->balance[i].free),
            units(event->balance[i].locked));
    if (core == ACCOUNTS)
        cr_expect_gt(event->shard_seq, last_seq, "an input twice, or out of order");
    last_seq = event->shard_seq;
}

static void on_market(void *self, const struct msg *msg)
{
    (void)self;
    (void)msg;
}

static void on_reply(void *self, void *context, const struct msg *msg)
{
    (void)self;
    (void)context;
    if (answers < ANSWERS_MAX)
        answer[answers] = msg->reply.reject;
    answers++;
    prevented_count = 0;
    for (struct reply *block = msg->reply.block; block; block = block->more)
        for (uint32_t i = 0; block->kind == REPLY_PREVENTED && i < block->count; i++) {
            cr_assert_lt(prevented_count, FULL_PREVENTED_MAX);
            prevented[prevented_count++] = reply_prevented(block)[i];
        }
}

/* ---- turns ---- */

static bool turn(uint16_t id)
{
    struct core *core = ex.rt.core[id];
    uint64_t durable[CORES_MAX];
    core_begin(core);
    core_release(core);
    uint32_t took = core_take(core, 64);
    core_publish(core);
    core_release(core);
    for (uint16_t c = 0; c < CORES; c++) {
        durable[c] = atomic_load(&ex.rt.core[c]->published);
        atomic_store(&ex.rt.core[c]->chunks_taken, durable[c]);
    }
    runtime_set_durable(&ex.rt, durable);
    return took > 0;
}

static void poll(void)
{
    for (uint32_t c = 0; c < CORES; c++) {
        const struct gateway_sink sink = {.self = (void *)(uintptr_t)c,
                                          .market = on_market,
                                          .reply = on_reply,
                                          .event = on_event};
        gateway_poll(&gateway[c], &sink);
    }
}

static void settle(void)
{
    for (int quiet = 0; quiet < 3; quiet++)
        for (uint16_t c = 0; c < CORES; c++)
            if (turn(c))
                quiet = 0;
    poll();
    cr_assert(exchange_quiet(&ex));
    exchange_verify(&ex);
}

static struct request *request_of(uint8_t type, uint32_t user)
{
    struct request *request = gateway_request(&gateway[ACCOUNTS]);
    cr_assert(request != NULL);
    request->type = type;
    request->user = user;
    return request;
}

static void send(struct request *request)
{
    cr_assert_eq(gateway_send(&gateway[ACCOUNTS], request, NULL, NULL), GATEWAY_SENT);
}

/* Sends it and waits until all is at rest; the first answer. */
static enum reject ask(struct request *request)
{
    answers = 0;
    send(request);
    settle();
    cr_assert_gt(answers, 0);
    return answer[0];
}

static void give(uint32_t user, uint16_t asset, int64_t amount)
{
    static uint64_t ids;
    struct request *request = request_of(REQUEST_DEPOSIT, user);
    request->deposit.asset = asset;
    request->deposit.amount = amount;
    memcpy(request->deposit.request_id, &(uint64_t){++ids}, sizeof ids);
    cr_assert_eq(ask(request), REJECT_NONE);
}

static void watch(uint32_t user, uint16_t core)
{
    exchange_watch(&ex, user, core, true);
}

static void setup_blocks(uint32_t blocks)
{
    struct exchange_config config;
    exchange_config_default(&config, CORES);
    config.roles[ACCOUNTS] = ROLE_INGRESS | ROLE_ACCOUNT;
    config.roles[MARKETS] = ROLE_INGRESS | ROLE_MATCH;
    config.account_shards = config.market_shards = 1;
    config.users_max = config.symbols_max = 4;
    config.orders_max = 1000;
    config.slice_fills = 2;
    config.window_ticks = 64;
    config.request_blocks = config.reply_blocks = blocks;
    exchange_init(&ex, (struct env){.ops = &test_env_ops}, &config);
    arena_init(&arena, CORES * gateway_bytes(&config));
    for (uint16_t c = 0; c < CORES; c++)
        gateway_init(&gateway[c], &ex, &arena, c);
    ex.boot = 1;
    struct request *request = request_of(REQUEST_SYMBOL_ADD, 0);
    request->symbol_add = (struct symbol_config){.tick_atoms = UNITS(1),
                                                 .step_atoms = UNITS(1),
                                                 .min_qty = UNITS(1),
                                                 .max_orders = 50,
                                                 .maker_ppm = 10000,
                                                 .taker_ppm = 20000,
                                                 .name = "BASEQUOTE",
                                                 .base_name = "BASE",
                                                 .quote_name = "QUOTE"};
    cr_assert_eq(ask(request), REJECT_NONE);
    for (uint32_t user = ALICE; user <= BOB; user++) {
        request = request_of(REQUEST_USER_ADD, 0);
        request->user_add.length = 1;
        request->user_add.name[0] = (char)('a' + user);
        cr_assert_eq(ask(request), REJECT_NONE);
    }
    give(ALICE, QUOTE, UNITS(1000));
    give(BOB, BASE, UNITS(100));
    cr_assert_str_eq(told[ACCOUNTS], "");
    watch(ALICE, ACCOUNTS);
    watch(BOB, ACCOUNTS);
}

static void setup(void)
{
    setup_blocks(64);
}

static void teardown(void)
{
    settle();
    cr_expect_eq(events_notes(ex.account[0]), 0, "every cancel has ended");
    for (uint16_t c = 0; c < CORES; c++)
        cr_expect_eq(block_room(&ex.reply_pool[c], ex.config.reply_blocks), ex.config.reply_blocks,
                     "every block is home");
    arena_fini(&arena);
    exchange_fini(&ex);
    memset(told_length, 0, sizeof told_length);
    memset(told, 0, sizeof told);
    memset(last_id, 0, sizeof last_id);
    last_seq = 0;
}

TestSuite(actors_events, .init = setup, .fini = teardown);

static void expect_on(uint32_t core, const char *text)
{
    cr_assert_str_eq(told[core], text, "told:\n%s\nnot:\n%s", told[core], text);
    told_length[core] = 0;
    told[core][0] = '\0';
}

static void expect(const char *text)
{
    expect_on(ACCOUNTS, text);
}

static struct request *order(uint32_t user, uint8_t side, int64_t price, int64_t qty,
                             const char *id)
{
    struct request *request = request_of(REQUEST_NEW, user);
    request->order.side = side;
    request->order.price = UNITS(price);
    request->order.qty = UNITS(qty);
    request->order.resp = RESPONSE_FULL;
    request->order.client_length = (uint8_t)strlen(id);
    memcpy(request->order.client_id, id, strlen(id));
    return request;
}

static struct request *market(uint32_t user, uint8_t side, int64_t qty, int64_t quote,
                              const char *id)
{
    struct request *request = order(user, side, 0, qty, id);
    request->order.type = TYPE_MARKET;
    request->order.hint = UNITS(100);
    request->order.by_quote = quote != 0;
    request->order.quote = UNITS(quote);
    return request;
}

static void name_cancel(struct request_find *find, const char *id, const char *own)
{
    find->client_length = (uint8_t)strlen(id);
    memcpy(find->client_id, id, strlen(id));
    find->own_length = (uint8_t)strlen(own);
    memcpy(find->own_id, own, strlen(own));
}

static struct request *cancel(uint32_t user, const char *id, const char *own)
{
    struct request *request = request_of(REQUEST_CANCEL, user);
    name_cancel(&request->find, id, own);
    return request;
}

static struct request *replace(const char *old, int64_t price, int64_t qty, const char *id,
                               const char *own)
{
    struct request *request = order(ALICE, SIDE_BUY, price, qty, id);
    request->type = REQUEST_REPLACE;
    name_cancel(&request->replace.cancel, old, own);
    return request;
}

static struct request *own_taker(uint8_t stp, int64_t qty, const char *id)
{
    struct request *request = order(ALICE, SIDE_SELL, 90, qty, id);
    request->order.stp = stp;
    request->order.tif = TIF_IOC;
    return request;
}

/* What the last answer shows of prevented matches: maker, price, what each gave up. */
static const char *matches(void)
{
    static char text[512];
    int at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < prevented_count; i++) {
        const struct prevented_view *match = &prevented[i];
        cr_expect(i == 0 || match->match_id == match[-1].match_id + 1);
        at += snprintf(text + at, sizeof text - (size_t)at, "#%lu at %s: %s %s\n",
                       match->maker_order_id, units(match->price), units(match->taker_qty),
                       units(match->maker_qty));
    }
    return text;
}

/* ---- prevented matches in answers ---- */

/* Goal: the answer to a taker has each match with its owner's orders that was prevented, and what
 * each gave up; a later taker has its own alone. Method: two own orders of 3 and 2 lots, and a
 * taker of 4, in each mode. */
Test(actors_events, an_answer_has_the_matches_that_were_prevented)
{
    static const struct {
        uint8_t stp;
        const char *text;
    } table[] = {
        {STP_EXPIRE_TAKER, "#1 at 100: 4 0\n"},
        {STP_EXPIRE_BOTH, "#1 at 100: 4 3\n"},
        {STP_EXPIRE_MAKER, "#2 at 99: 0 2\n"},
        {STP_DECREMENT, "#6 at 100: 3 3\n#7 at 99: 1 1\n"},
        {STP_NONE, ""},
    };
    give(ALICE, BASE, UNITS(100));
    cr_assert_eq(ask(order(ALICE, SIDE_BUY, 100, 3, "m1")), REJECT_NONE);
    cr_assert_eq(ask(order(ALICE, SIDE_BUY, 99, 2, "m2")), REJECT_NONE);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].stp == STP_DECREMENT) {
            cr_assert_eq(ask(order(ALICE, SIDE_BUY, 100, 3, "m3")), REJECT_NONE);
            cr_assert_eq(ask(order(ALICE, SIDE_BUY, 99, 2, "m4")), REJECT_NONE);
        }
        cr_assert_eq(ask(own_taker(table[i].stp, 4, "t")), REJECT_NONE);
        cr_expect_str_eq(matches(), table[i].text, "row %zu: %s", i, matches());
    }
    struct request *request = own_taker(STP_EXPIRE_TAKER, 4, "result");
    cr_assert_eq(ask(order(ALICE, SIDE_BUY, 100, 3, "m5")), REJECT_NONE);
    request->order.resp = RESPONSE_RESULT;
    cr_assert_eq(ask(request), REJECT_NONE);
    cr_expect_str_eq(matches(), "", "only FULL has them");
    told_length[ACCOUNTS] = 0;
}

/* Goal: of an order of another account of the group an answer shows what its account knows, whether
 * or not both live in one shard. Method: one of bob's orders, in each mode. */
Test(actors_events, of_another_account_an_answer_shows_what_its_own_knows)
{
    static const struct {
        uint8_t stp;
        const char *text;
    } table[] = {{STP_EXPIRE_TAKER, ": 1 0\n"},
                 {STP_DECREMENT, ": 1 1\n"},
                 {STP_EXPIRE_BOTH, ": 1 0\n"},
                 {STP_EXPIRE_MAKER, NULL}};
    give(ALICE, BASE, UNITS(100));
    give(BOB, QUOTE, UNITS(1000));
    for (uint32_t user = ALICE; user <= BOB; user++) {
        struct request *request = request_of(REQUEST_USER_GROUP, user);
        request->trade_group = 7;
        cr_assert_eq(ask(request), REJECT_NONE);
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cr_assert_eq(ask(order(BOB, SIDE_BUY, 100, 3, "maker")), REJECT_NONE);
        cr_assert_eq(ask(own_taker(table[i].stp, 1, "taker")), REJECT_NONE);
        const char *text = strchr(matches(), ':');
        cr_expect(text && table[i].text ? strcmp(text, table[i].text) == 0 : text == table[i].text,
                  "row %zu: %s", i, matches());
        struct request *request = cancel(BOB, "maker", "x");
        ask(request); /* gone already, or not */
    }
    told_length[ACCOUNTS] = 0;
}

/* Goal: an answer has a thousand of them, the first, in as many blocks as they need, and the blocks
 * come home. Method: an iceberg that shows 1 lot of 1,100. */
Test(actors_events, an_answer_has_a_thousand_prevented_matches_at_most)
{
    exchange_watch(&ex, ALICE, ACCOUNTS, false);
    give(ALICE, BASE, UNITS(2000));
    give(ALICE, QUOTE, UNITS(200000));
    struct request *request = order(ALICE, SIDE_BUY, 100, 1100, "iceberg");
    request->order.iceberg = UNITS(1);
    cr_assert_eq(ask(request), REJECT_NONE);
    cr_assert_eq(ask(own_taker(STP_DECREMENT, 70, "some")), REJECT_NONE);
    cr_assert_eq(prevented_count, 70);
    cr_assert_eq(ask(own_taker(STP_DECREMENT, 1010, "many")), REJECT_NONE);
    cr_assert_eq(prevented_count, FULL_PREVENTED_MAX);
    for (uint32_t i = 0; i < prevented_count; i++)
        cr_assert(prevented[i].match_id == 71 + i && prevented[i].maker_order_id == 1 &&
                  prevented[i].taker_qty == UNITS(1) && prevented[i].maker_qty == UNITS(1));
    cr_assert_eq(ask(own_taker(STP_DECREMENT, 1, "one")), REJECT_NONE);
    cr_assert_eq(prevented_count, 1);
    cr_assert_eq(prevented[0].match_id, 70 + 1010 + 1);
    told_length[ACCOUNTS] = 0;
}

/* ---- life cycles ---- */

/* Goal: a resting order is told as it comes to the book, its end with the cancel's own id; both
 * with the asset that changed. Method: a buy and its cancel. */
Test(actors_events, a_resting_order_and_its_cancel)
{
    cr_assert_eq(ask(order(ALICE, SIDE_BUY, 100, 3, "one")), REJECT_NONE);
    expect("a NEW one #1 new q3 z0 Z0\n"
           "a QUOTE 700 300\n");
    cr_assert_eq(ask(cancel(ALICE, "one", "stop")), REJECT_NONE);
    expect("a CANCELED one by stop #1 cancel q3 z0 Z0\n"
           "a QUOTE 1000 0\n");
}

/* Goal: NEW comes before the first fill, each fill is told to both sides with its own fee, and the
 * rest that comes to the book is told no second time. Method: a taker of 5 against 2 and 1. */
Test(actors_events, a_taker_and_its_makers)
{
    ask(order(BOB, SIDE_SELL, 100, 2, "m1"));
    ask(order(BOB, SIDE_SELL, 101, 1, "m2"));
    expect("b NEW m1 #1 new q2 z0 Z0\nb BASE 98 2\n"
           "b NEW m2 #2 new q1 z0 Z0\nb BASE 97 3\n");
    ask(order(ALICE, SIDE_BUY, 101, 5, "t"));
    expect("b TRADE m1 #1 filled q2 z2 Z200 t1 2 at 100 fee 2 QUOTE maker\n"
           "b BASE 97 1\nb QUOTE 198 0\n"
           "a NEW t #3 new q5 z0 Z0\n"
           "a TRADE t #3 partial q5 z2 Z200 t1 2 at 100 fee 0.04 BASE\n"
           "a BASE 1.96 0\na QUOTE 497 303\n"
           "b TRADE m2 #2 filled q1 z1 Z101 t2 1 at 101 fee 1.01 QUOTE maker\n"
           "b BASE 97 0\nb QUOTE 297.99 0\n"
           "a TRADE t #3 partial q5 z3 Z301 t2 1 at 101 fee 0.02 BASE\n"
           "a BASE 2.94 0\na QUOTE 497 202\n");
    ask(order(BOB, SIDE_SELL, 101, 1, "m3")); /* and as a maker, in part */
    expect("a TRADE t #3 partial q5 z4 Z402 t3 1 at 101 fee 0.01 BASE maker\n"
           "a BASE 3.93 0\na QUOTE 497 101\n"
           "b NEW m3 #4 new q1 z0 Z0\n"
           "b TRADE m3 #4 filled q1 z1 Z101 t3 1 at 101 fee 2.02 QUOTE\n"
           "b BASE 96 0\nb QUOTE 396.97 0\n");
    ask(cancel(ALICE, "t", "c"));
    expect("a CANCELED t by c #3 cancel q5 z4 Z402\na QUOTE 598 0\n");
}

/* Goal: what never rests is NEW and EXPIRED. Method: IOC and FOK without and with a counterpart,
 * a market order that finds too little. */
Test(actors_events, what_never_rests_expires)
{
    struct request *request = order(ALICE, SIDE_BUY, 100, 1, "ioc");
    request->order.tif = TIF_IOC;
    ask(request);
    expect("a NEW ioc #1 new q1 z0 Z0\na EXPIRED ioc #1 expired q1 z0 Z0\na QUOTE 1000 0\n");
    ask(order(BOB, SIDE_SELL, 100, 1, "m"));
    request = order(ALICE, SIDE_BUY, 100, 2, "fok");
    request->order.tif = TIF_FOK;
    ask(request);
    expect("b NEW m #2 new q1 z0 Z0\nb BASE 99 1\n"
           "a NEW fok #3 new q2 z0 Z0\na EXPIRED fok #3 expired q2 z0 Z0\na QUOTE 1000 0\n");
    ask(market(ALICE, SIDE_BUY, 2, 0, "mkt"));
    expect("b TRADE m #2 filled q1 z1 Z100 t1 1 at 100 fee 1 QUOTE maker\n"
           "b BASE 99 0\nb QUOTE 99 0\n"
           "a NEW mkt #4 new q2 z0 Z0\n"
           "a TRADE mkt #4 partial q2 z1 Z100 t1 1 at 100 fee 0.02 BASE\n"
           "a BASE 0.98 0\na QUOTE 790 110\n"
           "a EXPIRED mkt #4 expired q2 z1 Z100\na QUOTE 900 0\n");
}

/* Goal: the last fill of an order by quote amount says FILLED, those before it do not, and a rest
 * that finds nobody is EXPIRED. Method: 350 against 1 at 100 and 5 at 110 (two fit, 30 are left);
 * then 1000 against the three that remain. */
Test(actors_events, an_order_by_quote_amount_is_filled_by_its_last_fill)
{
    ask(order(BOB, SIDE_SELL, 100, 1, "m1"));
    ask(order(BOB, SIDE_SELL, 110, 4, "m2"));
    exchange_watch(&ex, BOB, ACCOUNTS, false);
    told_length[ACCOUNTS] = 0;
    ask(market(ALICE, SIDE_BUY, 0, 350, "q"));
    expect("a NEW q #3 new q0 z0 Z0\na BASE 0.98 0\na QUOTE 650 250\n"
           "a TRADE q #3 partial q0 z1 Z100 t1 1 at 100 fee 0.02 BASE\n"
           "a BASE 2.94 0\na QUOTE 650 30\n"
           "a TRADE q #3 filled q3 z3 Z320 t2 2 at 110 fee 0.04 BASE\n"
           "a QUOTE 680 0\n");
    ask(market(ALICE, SIDE_BUY, 0, 680, "r"));
    expect("a NEW r #4 new q0 z0 Z0\na BASE 4.9 0\na QUOTE 0 460\n"
           "a TRADE r #4 partial q0 z2 Z220 t3 2 at 110 fee 0.04 BASE\n"
           "a EXPIRED r #4 expired q2 z2 Z220\na QUOTE 460 0\n");
}

/* Goal: a fill of an order by quote amount is told once, before the prevented match that follows
 * it, whatever follows that. Method: a fill, two prevented matches, and another fill; then a fill,
 * a prevented match that leaves too little for a lot, and so the end. */
Test(actors_events, a_fill_before_prevented_matches_is_told_once)
{
    give(ALICE, BASE, UNITS(9));
    ask(order(BOB, SIDE_SELL, 100, 1, "m1"));
    ask(order(ALICE, SIDE_SELL, 101, 1, "o1"));
    ask(order(ALICE, SIDE_SELL, 102, 1, "o2"));
    ask(order(BOB, SIDE_SELL, 103, 2, "m2"));
    exchange_watch(&ex, BOB, ACCOUNTS, false);
    told_length[ACCOUNTS] = 0;
    struct request *request = market(ALICE, SIDE_BUY, 0, 409, "q");
    request->order.stp = STP_DECREMENT;
    ask(request);
    expect("a NEW q #5 new q0 z0 Z0\na BASE 7.98 2\na QUOTE 591 309\n"
           "a PREVENTED o1 #2 expired_in_match q1 z0 Z0 prevented 1\na BASE 8.98 1\n"
           "a TRADE q #5 partial q0 z1 Z100 t1 1 at 100 fee 0.02 BASE\n"
           "a PREVENTED q #5 partial q0 z1 Z100 prevented 1\na QUOTE 591 309\n"
           "a PREVENTED o2 #3 expired_in_match q1 z0 Z0 prevented 1\na BASE 9.98 0\n"
           "a PREVENTED q #5 partial q0 z1 Z100 prevented 1\na QUOTE 591 309\n"
           "a BASE 10.96 0\na QUOTE 591 206\n"
           "a TRADE q #5 filled q2 z2 Z203 t2 1 at 103 fee 0.02 BASE\na QUOTE 797 0\n");
    ask(order(ALICE, SIDE_SELL, 102, 1, "o3"));
    ask(order(BOB, SIDE_SELL, 101, 1, "m3"));
    told_length[ACCOUNTS] = 0;
    request = market(ALICE, SIDE_BUY, 0, 305, "r");
    request->order.stp = STP_DECREMENT;
    ask(request);
    expect("a NEW r #8 new q0 z0 Z0\na BASE 10.94 1\na QUOTE 492 204\n"
           "a PREVENTED o3 #6 expired_in_match q1 z0 Z0 prevented 1\na BASE 11.94 0\n"
           "a TRADE r #8 partial q0 z1 Z101 t3 1 at 101 fee 0.02 BASE\n"
           "a PREVENTED r #8 partial q0 z1 Z101 prevented 1\na QUOTE 492 204\n"
           "a EXPIRED r #8 filled q1 z1 Z101\na QUOTE 696 0\n");
}

/* Goal: self-trade prevention is told as such, with what it took, to maker and taker. Method: an
 * order that would meet the same user's. */
Test(actors_events, self_trade_prevention_is_told)
{
    static const struct {
        uint8_t stp;
        const char *text;
    } rows[] = {
        {STP_EXPIRE_TAKER, "a NEW t #2 new q3 z0 Z0\n"
                           "a PREVENTED t #2 expired_in_match q3 z0 Z0 prevented 3\na BASE 5 0\n"},
        {STP_EXPIRE_MAKER, "a PREVENTED m #1 expired_in_match q2 z0 Z0 prevented 2\na QUOTE 1000 "
                           "0\na NEW t #2 new q3 z0 Z0\na BASE 2 3\n"},
        {STP_EXPIRE_BOTH, "a PREVENTED m #1 expired_in_match q2 z0 Z0 prevented 2\na QUOTE 1000 0\n"
                          "a NEW t #2 new q3 z0 Z0\n"
                          "a PREVENTED t #2 expired_in_match q3 z0 Z0 prevented 3\na BASE 5 0\n"},
        {STP_DECREMENT, "a PREVENTED m #1 expired_in_match q2 z0 Z0 prevented 2\na QUOTE 1000 0\n"
                        "a NEW t #2 new q3 z0 Z0\n"
                        "a PREVENTED t #2 new q3 z0 Z0 prevented 2\na BASE 4 1\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        give(ALICE, BASE, UNITS(5));
        ask(order(ALICE, SIDE_BUY, 100, 2, "m"));
        told_length[ACCOUNTS] = 0;
        struct request *request = order(ALICE, SIDE_SELL, 100, 3, "t");
        request->order.stp = rows[i].stp;
        ask(request);
        expect(rows[i].text);
        teardown();
        setup();
    }
}

/* Goal: what the market refuses is no order, but its hold's return is told. Method: a post-only
 * order that would trade. */
Test(actors_events, a_refused_order_tells_of_its_hold_alone)
{
    ask(order(BOB, SIDE_SELL, 100, 1, "m"));
    told_length[ACCOUNTS] = 0;
    struct request *request = order(ALICE, SIDE_BUY, 100, 1, "po");
    request->order.type = TYPE_LIMIT_MAKER;
    cr_assert_eq(ask(request), REJECT_WOULD_MATCH);
    expect("a QUOTE 1000 0\n");
    request = order(ALICE, SIDE_BUY, 100, 11, "dear"); /* and the account refuses in silence */
    cr_assert_eq(ask(request), REJECT_NO_FUNDS);
    cr_assert_eq(ask(cancel(ALICE, "none", "x")), REJECT_UNKNOWN_ORDER);
    expect("");
}

/* Goal: both halves of a Replace are told; REJECTED only of a new order whose old one was
 * cancelled, wherever it was refused. Method: one that works; one without funds, which the account
 * knows; one that would trade, which the market knows; one whose cancel the book refuses. */
Test(actors_events, both_halves_of_a_replace)
{
    ask(order(ALICE, SIDE_BUY, 100, 3, "one"));
    told_length[ACCOUNTS] = 0;
    ask(replace("one", 90, 3, "two", "c1"));
    expect("a CANCELED one by c1 #1 cancel q3 z0 Z0\na QUOTE 730 270\n"
           "a NEW two #2 new q3 z0 Z0\na QUOTE 730 270\n");
    ask(replace("two", 90, 100, "dear", "c2"));
    expect("a CANCELED two by c2 #2 cancel q3 z0 Z0\n"
           "a REJECTED dear funds q100 z0 Z0\na QUOTE 1000 0\n");
    ask(order(ALICE, SIDE_BUY, 90, 3, "three"));
    ask(order(BOB, SIDE_SELL, 95, 1, "m"));
    told_length[ACCOUNTS] = 0;
    struct request *request = replace("three", 95, 1, "po", "c3");
    request->order.type = TYPE_LIMIT_MAKER;
    ask(request);
    expect("a CANCELED three by c3 #3 cancel q3 z0 Z0\na QUOTE 905 95\n"
           "a REJECTED po other q1 z0 Z0\na QUOTE 1000 0\n");
    ask(order(ALICE, SIDE_BUY, 90, 3, "four"));
    told_length[ACCOUNTS] = 0;
    request = replace("four", 91, 1, "five", "c4");
    request->replace.cancel.restriction = RESTRICT_ONLY_PARTIALLY_FILLED;
    ask(request);
    expect("a QUOTE 730 270\n");
}

/* Goal: all orders of a CancelAll tell the one id of its request. Method: two orders. */
Test(actors_events, a_cancel_all_has_one_id)
{
    ask(order(ALICE, SIDE_BUY, 90, 1, "one"));
    ask(order(ALICE, SIDE_BUY, 91, 1, "two"));
    told_length[ACCOUNTS] = 0;
    struct request *request = request_of(REQUEST_CANCEL_ALL, ALICE);
    name_cancel(&request->find, "", "all");
    ask(request);
    expect("a CANCELED one by all #1 cancel q1 z0 Z0\na QUOTE 909 91\n"
           "a CANCELED two by all #2 cancel q1 z0 Z0\na QUOTE 1000 0\n");
}

/* Goal: a cancel that began before anybody watched has no id of its own to tell. Method: the
 * interest comes between the cancel's request and its end. */
Test(actors_events, a_cancel_from_before_the_watch_tells_the_orders_id)
{
    ask(order(ALICE, SIDE_BUY, 90, 1, "one"));
    exchange_watch(&ex, ALICE, ACCOUNTS, false);
    told_length[ACCOUNTS] = 0;
    answers = 0;
    send(cancel(ALICE, "one", "own"));
    turn(ACCOUNTS);
    watch(ALICE, ACCOUNTS);
    settle();
    expect("a CANCELED one by one #1 cancel q1 z0 Z0\na QUOTE 1000 0\n");
}

/* Goal: money from outside is told once. Method: a deposit, its repeat, a withdrawal, one too
 * large. */
Test(actors_events, deposits_and_withdrawals)
{
    static const int64_t amount[] = {7, 7, -2, -5000};
    for (uint64_t i = 0; i < 4; i++) {
        struct request *request = request_of(REQUEST_DEPOSIT, BOB);
        request->deposit.asset = BASE;
        request->deposit.amount = UNITS(amount[i]);
        request->deposit.request_id[0] = (uint8_t)(0xF0 + (i < 2 ? 0 : i));
        cr_assert_eq(ask(request), i == 3 ? REJECT_NO_FUNDS : REJECT_NONE);
    }
    expect("b moved 7\nb BASE 107 0\nb moved -2\nb BASE 105 0\n");
}

/* ---- who is told ---- */

/* Goal: each core hears of those it watches, and of nobody else; without a watcher nothing is
 * made. Method: Alice on both cores, Bob on one; then nobody. */
Test(actors_events, each_core_hears_of_whom_it_watches)
{
    watch(ALICE, MARKETS);
    ask(order(ALICE, SIDE_BUY, 100, 1, "a"));
    ask(order(BOB, SIDE_SELL, 105, 1, "b"));
    expect_on(MARKETS, "a NEW a #1 new q1 z0 Z0\na QUOTE 900 100\n");
    expect("a NEW a #1 new q1 z0 Z0\na QUOTE 900 100\nb NEW b #2 new q1 z0 Z0\nb BASE 99 1\n");
    exchange_watch(&ex, ALICE, ACCOUNTS, false);
    exchange_watch(&ex, ALICE, MARKETS, false);
    exchange_watch(&ex, BOB, ACCOUNTS, false);
    cr_expect(!exchange_any_watched(&ex));
    exchange_watch(&ex, BOB, ACCOUNTS, false); /* twice is once */
    cr_expect(!exchange_any_watched(&ex));
    ask(order(ALICE, SIDE_BUY, 100, 1, "c"));
    expect("");
    expect_on(MARKETS, "");
}

/* Goal: nothing is told that is not durable. Method: a published chunk that the journal has not. */
Test(actors_events, events_wait_for_their_record)
{
    struct core *core = ex.rt.core[ACCOUNTS];
    struct request *request = request_of(REQUEST_DEPOSIT, BOB);
    request->deposit.asset = BASE;
    request->deposit.amount = 1;
    request->deposit.request_id[0] = 0xEE;
    answers = 0;
    send(request);
    core_begin(core);
    core_release(core);
    cr_assert_gt(core_take(core, 64), 0);
    poll();
    expect("");
    core_publish(core);
    core_release(core);
    poll();
    expect("");
    cr_expect_eq(answers, 0);
    settle();
    expect("b moved 1e-08\nb BASE 100 0\n");
    cr_expect_eq(answers, 1);
}

/* Goal: an input waits for room for all that it tells. Method: the pool of blocks is almost taken;
 * a deposit that two cores hear needs three. */
Test(actors_events, telling_has_its_room_before_the_input_is_taken)
{
    void *taken[64];
    uint32_t count = 0;
    struct block_pool *pool = &ex.reply_pool[ACCOUNTS];
    watch(BOB, MARKETS);
    while (block_room(pool, 64) > 2)
        taken[count++] = block_get(pool);
    struct request *request = request_of(REQUEST_DEPOSIT, BOB);
    request->deposit.asset = BASE;
    request->deposit.amount = UNITS(1);
    request->deposit.request_id[0] = 0xEF;
    answers = 0;
    send(request);
    uint64_t seq = exchange_shard_seq(&ex, 1);
    turn(ACCOUNTS);
    poll();
    cr_expect_eq(exchange_shard_seq(&ex, 1), seq, "taken without room");
    block_put(pool, ACCOUNTS, taken[--count]);
    settle();
    expect("b moved 1\nb BASE 101 0\n");
    expect_on(MARKETS, "b moved 1\nb BASE 101 0\n");
    while (count)
        block_put(pool, ACCOUNTS, taken[--count]);
}

/* Goal: a cancel waits when too many keep their ids, and is refused by nobody. Method: more cancels
 * of one order than there is room for, while the market does not turn. */
Test(actors_events, cancels_wait_for_room_for_their_ids)
{
    enum { MORE = 20 };
    teardown();
    setup_blocks(2 * CANCEL_NOTES_MAX);
    ask(order(ALICE, SIDE_BUY, 100, 1, "one"));
    uint64_t seq = exchange_shard_seq(&ex, 1);
    told_length[ACCOUNTS] = answers = 0;
    for (uint32_t i = 0; i < CANCEL_NOTES_MAX + MORE; i++) {
        char own[16];
        snprintf(own, sizeof own, "x%u", i);
        send(cancel(ALICE, "one", own));
        turn(ACCOUNTS);
    }
    cr_expect_eq(events_notes(ex.account[0]), CANCEL_NOTES_MAX);
    cr_expect_eq(exchange_shard_seq(&ex, 1), seq + CANCEL_NOTES_MAX);
    settle();
    cr_expect_eq(answers, CANCEL_NOTES_MAX + MORE, "%u answers", answers);
    expect("a CANCELED one by x0 #1 cancel q1 z0 Z0\na QUOTE 1000 0\n");
}
