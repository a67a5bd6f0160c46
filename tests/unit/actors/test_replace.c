/* A Replace, and an Amend, between an account shard and a market shard that run on cores of their
 * own, turned by hand, so that either can be ahead of the other. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/gateway.h"
#include "actors/market_shard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNITS(n)     ((int64_t)(n)*MONEY_ATOMS_PER_UNIT)

enum { ACCOUNTS, MARKETS, CORES }; /* the cores: accounts and ingress; markets */
enum { BASE, QUOTE };
enum { ALICE = 1, BOB };
enum { PARTS_MAX = 4 };

/* A request and what came back: each part's half, reject and order. */
struct asked {
    uint32_t parts;
    bool done;
    uint16_t half[PARTS_MAX], reject[PARTS_MAX];
    struct order_view order[PARTS_MAX];
    uint32_t fills;
};

static struct exchange ex;
static struct arena arena;
static struct gateway gateway;
static int64_t clock_us;

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

static void on_market(void *self, const struct msg *msg)
{
    (void)self;
    (void)msg;
}

static void on_reply(void *self, void *context, const struct msg *msg)
{
    struct asked *asked = context;
    struct reply *reply = msg->reply.block;
    (void)self;
    cr_assert(!asked->done && asked->parts < PARTS_MAX);
    uint32_t part = asked->parts++;
    asked->done = msg->flags & MSG_LAST;
    asked->half[part] = msg->reply.half;
    asked->reject[part] = msg->reply.reject;
    if (reply && reply->kind == REPLY_AMENDED)
        asked->order[part] = reply_amended(reply)->order;
    if (reply && reply->kind == REPLY_ORDERS) {
        bool by_block = msg->reply.half == HALF_CANCEL || reply->order.order_id == 0;
        asked->order[part] = by_block ? reply_orders(reply)[0] : reply->order;
        asked->fills += by_block ? 0 : reply->count;
    }
}

static void poll_replies(void)
{
    const struct gateway_sink sink = {.market = on_market, .reply = on_reply};
    gateway_poll(&gateway, &sink);
}

/* One turn of a core; what it published is durable at once. `tell`: its messages leave. */
static bool turn(uint16_t id, bool tell)
{
    struct core *core = ex.rt.core[id];
    uint64_t durable[CORES_MAX];
    core_begin(core);
    if (tell)
        core_release(core);
    uint32_t took = core_take(core, 64);
    core_publish(core);
    if (tell)
        core_release(core);
    for (uint16_t c = 0; c < CORES; c++) {
        durable[c] = atomic_load(&ex.rt.core[c]->published);
        atomic_store(&ex.rt.core[c]->chunks_taken, durable[c]);
    }
    runtime_set_durable(&ex.rt, durable);
    return took > 0;
}

static void settle(void)
{
    for (int quiet = 0; quiet < 3; quiet++)
        for (uint16_t c = 0; c < CORES; c++)
            if (turn(c, true))
                quiet = 0;
    poll_replies();
    cr_assert(exchange_quiet(&ex));
    exchange_verify(&ex);
}

static struct request *request_of(uint8_t type, uint32_t user)
{
    struct request *request = gateway_request(&gateway);
    cr_assert(request != NULL);
    request->type = type;
    request->user = user;
    return request;
}

static void send(struct request *request, struct asked *asked)
{
    *asked = (struct asked){0};
    cr_assert_eq(gateway_send(&gateway, request, asked, NULL), GATEWAY_SENT);
}

static void ask(struct request *request)
{
    struct asked asked;
    send(request, &asked);
    settle();
    cr_assert(asked.done && asked.reject[0] == REJECT_NONE, "%s", reject_text(asked.reject[0]));
}

static void add_symbol(void)
{
    struct request *request = request_of(REQUEST_SYMBOL_ADD, 0);
    request->symbol_add = (struct symbol_config){.tick_atoms = UNITS(1),
                                                 .step_atoms = UNITS(1),
                                                 .min_qty = UNITS(1),
                                                 .min_notional = UNITS(10),
                                                 .max_orders = 50,
                                                 .name = "BASEQUOTE",
                                                 .base_name = "BASE",
                                                 .quote_name = "QUOTE"};
    ask(request);
}

static void give(uint32_t user, uint16_t asset, int64_t amount)
{
    static uint64_t ids;
    struct request *request = request_of(REQUEST_DEPOSIT, user);
    request->deposit.asset = asset;
    request->deposit.amount = amount;
    memcpy(request->deposit.request_id, &(uint64_t){++ids}, sizeof ids);
    ask(request);
}

static void setup_lanes(uint32_t lane)
{
    struct exchange_config config;
    exchange_config_default(&config, CORES);
    config.roles[ACCOUNTS] = ROLE_INGRESS | ROLE_ACCOUNT;
    config.roles[MARKETS] = ROLE_MATCH;
    config.account_shards = config.market_shards = 1;
    config.users_max = config.symbols_max = 4;
    config.orders_max = 1000;
    config.slice_fills = 2;
    config.window_ticks = 64;
    config.request_blocks = config.reply_blocks = 64;
    config.limits.lane[CLASS_ORDER] = lane;
    exchange_init(&ex, (struct env){.ops = &test_env_ops}, &config);
    arena_init(&arena, gateway_bytes(&config));
    gateway_init(&gateway, &ex, &arena, ACCOUNTS);
    ex.boot = 1;
    add_symbol();
    for (uint32_t user = ALICE; user <= BOB; user++) {
        struct request *request = request_of(REQUEST_USER_ADD, 0);
        request->user_add.length = 1;
        request->user_add.name[0] = (char)('a' + user);
        ask(request);
    }
    give(ALICE, QUOTE, UNITS(1000));
    give(BOB, BASE, UNITS(100));
}

static void setup(void)
{
    setup_lanes(64);
}

static void teardown(void)
{
    settle();
    arena_fini(&arena);
    exchange_fini(&ex);
}

TestSuite(actors_replace, .init = setup, .fini = teardown);
TestSuite(actors_amend, .init = setup, .fini = teardown);

/* ---- orders ---- */

static void name(struct request_order *order, const char *id)
{
    order->client_length = (uint8_t)strlen(id);
    memcpy(order->client_id, id, order->client_length);
}

static struct request *limit(uint32_t user, uint8_t side, int64_t price, int64_t qty,
                             const char *id)
{
    struct request *request = request_of(REQUEST_NEW, user);
    request->order.side = side;
    request->order.price = UNITS(price);
    request->order.qty = UNITS(qty);
    request->order.resp = RESPONSE_FULL;
    name(&request->order, id);
    return request;
}

/* Alice's buy `id` gives way to one of that price and quantity. */
static struct request *replace(const char *old, int64_t price, int64_t qty, const char *id)
{
    struct request *request = limit(ALICE, SIDE_BUY, price, qty, id);
    request->type = REQUEST_REPLACE;
    request->replace.cancel.client_length = (uint8_t)strlen(old);
    memcpy(request->replace.cancel.client_id, old, strlen(old));
    return request;
}

static const struct ledger_order *order_of(const char *id)
{
    struct ledger *ledger = ex.account[0]->ledger;
    uint32_t slot =
        ledger_find_client(ledger, ledger_user_find(ledger, ALICE), 0, id, (uint8_t)strlen(id));
    return slot ? ledger_order(ledger, slot) : NULL;
}

static int64_t locked(void)
{
    struct ledger *ledger = ex.account[0]->ledger;
    uint32_t user = ledger_user_find(ledger, ALICE);
    return ledger_balance(ledger, ledger_find_balance(ledger, user, QUOTE))->locked;
}

static int64_t free_funds(void)
{
    struct ledger *ledger = ex.account[0]->ledger;
    uint32_t user = ledger_user_find(ledger, ALICE);
    return ledger_balance(ledger, ledger_find_balance(ledger, user, QUOTE))->free;
}

static uint32_t resting(void)
{
    return book_orders(ex.market[0]->symbols[0].book);
}

/* Bob sells into the book, and the accounts have not heard of it yet. */
static void trade_unseen(int64_t price, int64_t qty, struct asked *asked)
{
    send(limit(BOB, SIDE_SELL, price, qty, "bob"), asked);
    turn(ACCOUNTS, true);
    turn(MARKETS, false);
}

#define EXPECT_HALF(asked, part, h, r)                                                             \
    do {                                                                                           \
        cr_expect_eq((asked).half[part], (h), "part %d: half %u", part, (asked).half[part]);       \
        cr_expect_eq((asked).reject[part], (r), "part %d: %s", part,                               \
                     reject_text((asked).reject[part]));                                           \
    } while (0)

/* Goal: one order takes the other's place, with its hold. Method: all funds in the old one; a
 * smaller, then a larger one that takes every atom. */
Test(actors_replace, an_order_takes_the_place_and_the_hold_of_another)
{
    struct asked asked;
    ask(limit(ALICE, SIDE_BUY, 100, 10, "old"));
    send(replace("old", 99, 10, "new"), &asked);
    settle();
    cr_assert_eq(asked.parts, 2);
    EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_NONE);
    EXPECT_HALF(asked, 1, HALF_NONE, REJECT_NONE);
    cr_expect_eq(asked.order[0].status, ORDER_CANCELED);
    cr_expect_eq(asked.order[0].order_id, 1);
    cr_expect_eq(asked.order[1].status, ORDER_NEW);
    cr_expect_eq(asked.order[1].order_id, 2);
    cr_expect_eq(locked(), UNITS(990));
    cr_expect_eq(free_funds(), UNITS(10));
    send(replace("new", 100, 10, "new"), &asked); /* under its own id */
    settle();
    cr_expect_eq(asked.order[1].status, ORDER_NEW);
    cr_expect_eq(locked(), UNITS(1000));
    cr_expect_eq(resting(), 1);
}

/* Goal: what is told when the new order cannot be paid, and the old one is cancelled all the same.
 * Method: one unit more than there is. */
Test(actors_replace, funds_that_do_not_reach_leave_the_cancel_alone)
{
    struct asked asked;
    ask(limit(ALICE, SIDE_BUY, 100, 9, "old"));
    send(replace("old", 1001, 1, "new"), &asked);
    settle();
    cr_assert_eq(asked.parts, 2);
    EXPECT_HALF(asked, 0, HALF_NEW, REJECT_NO_FUNDS);
    EXPECT_HALF(asked, 1, HALF_NONE, REJECT_NONE);
    cr_expect_eq(asked.order[1].status, ORDER_CANCELED);
    cr_expect_eq(free_funds(), UNITS(1000));
    cr_expect_eq(resting(), 0);
}

/* Goal: the market decides with what is really left. Method: a fill that the account has not seen
 * takes a tenth of the old hold; a limit order that needs all of it, and a market order that takes
 * what there is. */
Test(actors_replace, a_fill_unseen_by_the_account_counts)
{
    for (int market = 0; market < 2; market++) {
        struct asked asked, trade;
        struct request *request = replace("old", 100, 10, "new");
        ask(limit(ALICE, SIDE_BUY, 100, 10, "old"));
        if (market) {
            request->order.type = TYPE_MARKET;
            request->order.hint = UNITS(100);
            request->order.price = 0;
        }
        trade_unseen(100, 1, &trade);
        cr_assert_eq(order_of("old")->executed_lots, 0);
        send(request, &asked);
        settle();
        cr_assert_eq(asked.parts, 2);
        EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_NONE);
        cr_expect_eq(asked.order[0].executed, UNITS(1));
        cr_expect_eq(asked.reject[1], market ? REJECT_NONE : REJECT_NO_FUNDS);
        if (market) /* nobody sells: it expires; its hold was what the old one had left */
            cr_expect_eq(asked.order[1].status, ORDER_EXPIRED);
        cr_expect_eq(free_funds(), UNITS(900));
        cr_expect_eq(resting(), 0);
        give(ALICE, QUOTE, UNITS(100));
    }
}

/* Goal: a market order whose hold shrank does not spend more. Method: 300 held, of which a fill
 * unseen took 100; ask for three at 100. */
Test(actors_replace, an_estimate_that_shrank_is_refused_or_spent_as_held)
{
    struct asked asked, trade, behind;
    give(ALICE, QUOTE, -UNITS(700));
    ask(limit(ALICE, SIDE_BUY, 100, 3, "old"));
    trade_unseen(100, 1, &trade);
    struct request *request = replace("old", 0, 2, "new");
    request->order.type = TYPE_MARKET;
    request->order.hint = UNITS(100);
    send(request, &asked);
    send(limit(BOB, SIDE_SELL, 120, 2, "ask"), &behind);
    settle();
    EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_NONE);
    cr_expect_eq(asked.order[1].status, ORDER_EXPIRED, "the ask came behind it");
    cr_expect_eq(free_funds(), UNITS(200));
    ask(limit(ALICE, SIDE_BUY, 100, 2, "old"));
    request = replace("old", 0, 2, "new");
    request->order.type = TYPE_MARKET;
    request->order.hint = UNITS(100);
    send(request, &asked);
    settle();
    EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_NONE);
    EXPECT_HALF(asked, 1, HALF_NONE, REJECT_NO_FUNDS); /* 240 asked, 200 held: all there is */
    cr_expect_eq(free_funds(), UNITS(200));
}

/* Goal: the old order's state is asked where it is known. Method: restrictions, with and without a
 * fill that the account has not seen. */
Test(actors_replace, a_restriction_is_asked_of_the_book)
{
    static const struct {
        uint8_t restriction, mode;
        bool trades;
        enum reject cancel, made;
    } rows[] = {
        {RESTRICT_ONLY_NEW, REPLACE_STOP_ON_FAILURE, false, REJECT_NONE, REJECT_NONE},
        {RESTRICT_ONLY_NEW, REPLACE_STOP_ON_FAILURE, true, REJECT_RESTRICTED, REJECT_RESTRICTED},
        {RESTRICT_ONLY_NEW, REPLACE_ALLOW_FAILURE, true, REJECT_RESTRICTED, REJECT_NONE},
        {RESTRICT_ONLY_PARTIALLY_FILLED, REPLACE_STOP_ON_FAILURE, true, REJECT_NONE, REJECT_NONE},
        {RESTRICT_ONLY_PARTIALLY_FILLED, REPLACE_STOP_ON_FAILURE, false, REJECT_RESTRICTED,
         REJECT_RESTRICTED},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct asked asked, trade;
        struct request *request = replace("old", 100, 2, "new");
        request->replace.cancel.restriction = rows[i].restriction;
        request->replace.mode = rows[i].mode;
        ask(limit(ALICE, SIDE_BUY, 100, 3, "old"));
        if (rows[i].trades)
            trade_unseen(100, 1, &trade);
        send(request, &asked);
        settle();
        cr_assert_eq(asked.parts, 2, "row %zu", i);
        EXPECT_HALF(asked, 0, HALF_CANCEL, rows[i].cancel);
        EXPECT_HALF(asked, 1, HALF_NONE, rows[i].made);
        cr_expect_eq(resting(), (rows[i].cancel != REJECT_NONE) + (rows[i].made == REJECT_NONE),
                     "row %zu", i);
        teardown();
        setup();
    }
}

/* Goal: an order that filled on the way is not cancelled; the mode says what becomes of the other.
 * Method: a fill of all of it that the account has not seen. */
Test(actors_replace, an_old_order_that_has_just_filled)
{
    for (uint8_t mode = REPLACE_STOP_ON_FAILURE; mode <= REPLACE_ALLOW_FAILURE; mode++) {
        struct asked asked, trade;
        struct request *request = replace("old", 90, 3, "new");
        request->replace.mode = mode;
        ask(limit(ALICE, SIDE_BUY, 100, 3, "old"));
        trade_unseen(100, 3, &trade);
        send(request, &asked);
        settle();
        cr_assert_eq(asked.parts, 2);
        EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_UNKNOWN_ORDER);
        cr_expect_eq(asked.reject[1], mode ? REJECT_NONE : REJECT_UNKNOWN_ORDER);
        cr_expect_eq(resting(), mode);
        teardown();
        setup();
    }
}

/* Goal: two open orders never share a client id. Method: ALLOW_FAILURE under the old one's id,
 * whose cancel is refused. */
Test(actors_replace, the_id_of_an_order_that_stays_is_not_given_twice)
{
    struct asked asked;
    struct request *request = replace("one", 90, 3, "one");
    request->replace.mode = REPLACE_ALLOW_FAILURE;
    request->replace.cancel.restriction = RESTRICT_ONLY_PARTIALLY_FILLED;
    ask(limit(ALICE, SIDE_BUY, 100, 3, "one"));
    send(request, &asked);
    settle();
    EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_RESTRICTED);
    EXPECT_HALF(asked, 1, HALF_NONE, REJECT_DUPLICATE_ORDER);
    cr_expect_eq(resting(), 1);
    cr_expect_eq(locked(), UNITS(300));
}

/* Goal: a filter refuses a replace whole, wherever it is. Method: one that the account shard
 * checks, and NOTIONAL of a market order, which needs the last price. */
Test(actors_replace, a_filter_leaves_both_orders_alone)
{
    struct asked asked, trade;
    send(limit(BOB, SIDE_SELL, 2, 5, "bob"), &trade);
    ask(limit(ALICE, SIDE_BUY, 2, 5, "first")); /* the last price is 2 */
    ask(limit(ALICE, SIDE_BUY, 100, 3, "old"));
    for (int market = 0; market < 2; market++) {
        struct request *request = replace("old", 2, 4, "new"); /* 8: less than 10 */
        if (market) {
            request->order.type = TYPE_MARKET;
            request->order.price = 0;
            request->order.hint = UNITS(2);
        }
        send(request, &asked);
        settle();
        cr_assert_eq(asked.parts, 1);
        EXPECT_HALF(asked, 0, HALF_NONE, REJECT_NOTIONAL);
        cr_expect_eq(resting(), 1);
        cr_expect_eq(locked(), UNITS(300));
        cr_expect_eq(order_of("old")->status, ORDER_NEW);
        cr_expect(order_of("new") == NULL);
    }
}

/* Goal: when there is nothing to cancel no message goes out but a plain Place. Method: an unknown
 * id in both modes, with a new order that can be taken and one that cannot. */
Test(actors_replace, an_unknown_old_order)
{
    static const struct {
        uint8_t mode;
        int64_t price;
        uint32_t parts, rests;
        enum reject made;
    } rows[] = {
        {REPLACE_STOP_ON_FAILURE, 100, 1, 0, REJECT_NONE},
        {REPLACE_STOP_ON_FAILURE, 9999, 1, 0, REJECT_NONE},
        {REPLACE_ALLOW_FAILURE, 100, 2, 1, REJECT_NONE},
        {REPLACE_ALLOW_FAILURE, 9999, 2, 0, REJECT_NO_FUNDS},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct asked asked;
        struct request *request = replace("nobody", rows[i].price, 1, "new");
        request->replace.mode = rows[i].mode;
        uint64_t seq = exchange_shard_seq(&ex, 1);
        send(request, &asked);
        settle();
        cr_assert_eq(asked.parts, rows[i].parts, "row %zu", i);
        EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_UNKNOWN_ORDER);
        if (asked.parts > 1)
            cr_expect_eq(asked.reject[1], rows[i].made, "row %zu", i);
        cr_expect_eq(resting(), rows[i].rests, "row %zu", i);
        if (!rows[i].rests)
            cr_expect_eq(exchange_shard_seq(&ex, 1), seq, "row %zu: nothing was recorded", i);
        teardown();
        setup();
    }
}

/* Goal: the two parts are one input. Method: a lane of one slot; the market's core gets its turn
 * when only the first part has come. */
Test(actors_replace, the_first_part_alone_is_no_input)
{
    struct asked asked;
    teardown();
    setup_lanes(1);
    ask(limit(ALICE, SIDE_BUY, 100, 10, "old"));
    uint16_t market = exchange_market_id(&ex, 0);
    uint64_t seq = exchange_shard_seq(&ex, market), hash = exchange_shard_hash(&ex, market);
    send(replace("old", 99, 10, "new"), &asked);
    turn(ACCOUNTS, true);
    turn(MARKETS, true);
    cr_assert_eq(ex.market[0]->parts[1].count, 1);
    cr_expect_eq(exchange_shard_seq(&ex, market), seq);
    cr_expect_eq(exchange_shard_hash(&ex, market), hash);
    settle();
    cr_expect_eq(exchange_shard_seq(&ex, market), seq + 1);
    cr_expect_eq(asked.parts, 2);
    cr_expect_eq(asked.order[1].status, ORDER_NEW);
}

/* Goal: pipelined replaces of one order after the other all find their funds. Method: every atom in
 * the first, then a chain sent before any answer, with a cancel of the last. */
Test(actors_replace, a_chain_sent_at_once)
{
    struct asked asked[4];
    send(limit(ALICE, SIDE_BUY, 100, 10, "a"), &asked[0]);
    send(replace("a", 99, 10, "b"), &asked[1]);
    send(replace("b", 98, 10, "c"), &asked[2]);
    struct request *cancel = request_of(REQUEST_CANCEL, ALICE);
    cancel->find.client_length = 1;
    cancel->find.client_id[0] = 'c';
    send(cancel, &asked[3]);
    settle();
    for (int i = 1; i < 3; i++) {
        cr_assert_eq(asked[i].parts, 2);
        EXPECT_HALF(asked[i], 0, HALF_CANCEL, REJECT_NONE);
        EXPECT_HALF(asked[i], 1, HALF_NONE, REJECT_NONE);
        cr_expect_eq(asked[i].order[1].order_id, (uint64_t)i + 1);
    }
    EXPECT_HALF(asked[3], 0, HALF_NONE, REJECT_NONE);
    cr_expect_eq(asked[3].order[0].order_id, 3);
    cr_expect_eq(free_funds(), UNITS(1000));
}

/* Goal: a new order that trades at once lists its fills behind the cancel. Method: five makers, two
 * fills a slice. */
Test(actors_replace, the_new_order_trades_in_slices)
{
    struct asked asked;
    char id[] = "ask0";
    for (int i = 0; i < 5; i++, id[3]++)
        ask(limit(BOB, SIDE_SELL, 101 + i, 1, id));
    ask(limit(ALICE, SIDE_BUY, 100, 9, "old"));
    send(replace("old", 110, 6, "new"), &asked);
    settle();
    cr_assert_eq(asked.parts, 2);
    EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_NONE);
    cr_expect_eq(asked.order[1].executed, UNITS(5));
    cr_expect_eq(asked.order[1].status, ORDER_PARTIALLY_FILLED);
    cr_expect_eq(asked.fills, 5);
    cr_expect_eq(locked(), UNITS(110));
    cr_expect_eq(free_funds(), UNITS(1000 - 101 - 102 - 103 - 104 - 105 - 110));
}

/* Goal: an order that is shown does not vanish behind one of the same id that is on its way.
 * Method: ask for it while the Replace is with the market. */
Test(actors_replace, the_old_order_is_shown_until_the_market_has_spoken)
{
    struct asked asked, shown;
    ask(limit(ALICE, SIDE_BUY, 100, 3, "one"));
    send(replace("one", 99, 3, "one"), &asked);
    turn(ACCOUNTS, true);
    struct request *read = request_of(REQUEST_GET_ORDER, ALICE);
    read->find.client_length = 3;
    memcpy(read->find.client_id, "one", 3);
    send(read, &shown);
    turn(ACCOUNTS, true);
    poll_replies();
    cr_assert(shown.done && !asked.done);
    cr_expect_eq(shown.reject[0], REJECT_NONE, "%s", reject_text(shown.reject[0]));
    cr_expect_eq(shown.order[0].order_id, 1);
    settle();
    cr_expect_eq(asked.order[1].order_id, 2);
}

/* Goal: a poison Replace is skipped with both its parts (J6). Method: either part is told to be
 * poison; the symbol halts, the old order still rests, and what comes next on the link is taken. */
Test(actors_replace, both_parts_are_skipped_when_one_is_poison)
{
    for (uint64_t part = 1; part <= 2; part++) {
        struct asked asked, cancel;
        uint16_t market = exchange_market_id(&ex, 0);
        ask(limit(ALICE, SIDE_BUY, 100, 3, "old"));
        uint64_t seq = exchange_shard_seq(&ex, market),
                 sent = ex.account[0]->shard.out[market].out_seq;
        cr_assert(exchange_poison(&ex, 1, market, sent + part));
        send(replace("old", 101, 3, "new"), &asked);
        struct request *request = request_of(REQUEST_CANCEL, ALICE);
        request->find.client_length = 3;
        memcpy(request->find.client_id, "old", 3);
        send(request, &cancel);
        settle();
        cr_expect_eq(asked.parts, 0, "nothing is said of it");
        EXPECT_HALF(cancel, 0, HALF_NONE, REJECT_MARKET_CLOSED);
        cr_expect_eq(exchange_shard_seq(&ex, market), seq + 2);
        cr_expect_eq(resting(), 1);
        cr_expect_eq(order_of("new")->due, UNITS(300));
        teardown();
        setup();
    }
}

/* Goal: an order whose hold was in a report that was skipped is lost with it, and so is one that
 * was to replace it: their money stays accounted for. Method: a chain, with the first MSG_REPLACED
 * poison. */
Test(actors_replace, an_order_whose_hold_never_came_is_lost)
{
    struct asked asked[3], cancel;
    uint16_t market = exchange_market_id(&ex, 0);
    send(limit(BOB, SIDE_SELL, 99, 1, "bob"), &asked[2]);
    ask(limit(ALICE, SIDE_BUY, 98, 10, "a"));
    cr_assert(exchange_poison(&ex, market, 1, ex.market[0]->shard.out[1].out_seq + 1));
    send(replace("a", 99, 10, "b"), &asked[0]); /* trades one with Bob */
    send(replace("b", 97, 9, "c"), &asked[1]);
    settle();
    cr_expect_eq(asked[0].parts + asked[1].parts, 0);
    cr_expect(!(order_of("a")->flags & ORDER_LOST), "the shard's table has it");
    cr_expect(order_of("b")->flags & ORDER_LOST);
    cr_expect(order_of("c")->flags & ORDER_LOST);
    cr_expect_eq(order_of("b")->executed_lots, 0);
    for (const char *id = "abc"; *id; id++) {
        struct request *request = request_of(REQUEST_CANCEL, ALICE);
        request->find.client_length = 1;
        request->find.client_id[0] = *id;
        send(request, &cancel);
        settle();
        EXPECT_HALF(cancel, 0, HALF_NONE, REJECT_MARKET_CLOSED);
    }
    struct exchange_audit audit;
    void *memory = malloc(exchange_audit_bytes(&ex));
    cr_assert(memory != NULL);
    cr_expect(exchange_audit(&ex, &audit, memory) == NULL);
    free(memory);
}

/* Goal: a CancelAll and a Replace of the same order do not lose each other's answer. Method: the
 * CancelAll first and the other way round, at once. */
Test(actors_replace, beside_a_cancel_of_all)
{
    for (int first = 0; first < 2; first++) {
        struct asked all, asked;
        ask(limit(ALICE, SIDE_BUY, 100, 2, "old"));
        struct request *cancel = request_of(REQUEST_CANCEL_ALL, ALICE);
        if (first)
            send(cancel, &all);
        send(replace("old", 99, 2, "new"), &asked);
        if (!first)
            send(cancel, &all);
        settle();
        cr_assert(all.done && asked.done);
        cr_expect_eq(all.order[0].status, ORDER_CANCELED);
        EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_NONE);
        cr_expect_eq(resting(), (uint32_t)first, "the new one came after the CancelAll");
        teardown();
        setup();
    }
}

/* ---- Amend ---- */

/* Alice's buy `old` gets another quantity and client id. */
static struct request *amend(const char *old, int64_t qty, const char *id)
{
    struct request *request = request_of(REQUEST_AMEND, ALICE);
    struct request_find *find = &request->amend.find;
    find->client_length = (uint8_t)strlen(old);
    memcpy(find->client_id, old, strlen(old));
    find->own_length = (uint8_t)strlen(id);
    memcpy(find->own_id, id, strlen(id));
    request->amend.qty = UNITS(qty);
    return request;
}

/* Goal: a quantity means the same whatever fills pass it on its way, and at or below what they took
 * it is the end. Method: fills that the account has not seen, then amendments of ten. */
Test(actors_amend, fills_unseen_by_the_account_count)
{
    static const struct {
        int64_t unseen, asked, left;
        uint8_t status;
    } table[] = {{0, 7, 7, ORDER_NEW},
                 {4, 7, 3, ORDER_PARTIALLY_FILLED},
                 {4, 5, 1, ORDER_PARTIALLY_FILLED},
                 {4, 4, 0, ORDER_EXPIRED},
                 {4, 1, 0, ORDER_EXPIRED},
                 {9, 9, 0, ORDER_EXPIRED}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct asked asked, trade;
        int64_t funds = free_funds();
        ask(limit(ALICE, SIDE_BUY, 100, 10, "old"));
        if (table[i].unseen)
            trade_unseen(100, table[i].unseen, &trade);
        send(amend("old", table[i].asked, "new"), &asked);
        settle();
        cr_assert(asked.done && asked.reject[0] == REJECT_NONE, "row %zu", i);
        int64_t qty = table[i].unseen + table[i].left;
        cr_expect_eq(asked.order[0].qty, UNITS(qty), "row %zu", i);
        cr_expect_eq(asked.order[0].executed, UNITS(table[i].unseen), "row %zu", i);
        cr_expect_eq(asked.order[0].status, table[i].status, "row %zu", i);
        cr_expect_null(order_of("old"));
        cr_expect_eq(order_of("new")->qty_lots, qty, "row %zu", i);
        cr_expect_eq(locked(), UNITS(100 * table[i].left), "row %zu", i);
        cr_expect_eq(resting(), table[i].left ? 1 : 0, "row %zu", i);
        cr_expect_eq(free_funds(), funds - UNITS(100 * qty), "row %zu", i);
        struct request *request = request_of(REQUEST_CANCEL_ALL, ALICE);
        send(request, &asked);
        settle();
        give(ALICE, QUOTE, UNITS(100 * table[i].unseen));
        cr_assert_eq(free_funds(), funds);
    }
}

/* Goal: what comes too late is refused, and its client id is free. Method: the whole order trades
 * unseen. */
Test(actors_amend, an_order_that_is_filled_is_unknown)
{
    struct asked asked, trade;
    ask(limit(ALICE, SIDE_BUY, 100, 5, "old"));
    trade_unseen(100, 5, &trade);
    send(amend("old", 3, "new"), &asked);
    settle();
    cr_assert(asked.done);
    cr_expect_eq(asked.reject[0], REJECT_UNKNOWN_ORDER);
    cr_expect_eq(order_of("old")->status, ORDER_FILLED);
    cr_expect_eq(order_of("old")->qty_lots, 5);
    ask(limit(ALICE, SIDE_BUY, 100, 1, "new"));
    cr_expect_eq(order_of("new")->status, ORDER_NEW);
}

/* Goal: of one order one amendment is under way, and its client id is nobody else's meanwhile.
 * Method: a second one, a new order of that id, and a cancel by the old id, all behind it. */
Test(actors_amend, one_is_under_way_at_a_time)
{
    struct asked first, second, taken, gone;
    ask(limit(ALICE, SIDE_BUY, 100, 5, "old"));
    send(amend("old", 4, "new"), &first);
    send(amend("old", 3, "other"), &second);
    send(limit(ALICE, SIDE_BUY, 100, 1, "new"), &taken);
    struct request *request = request_of(REQUEST_CANCEL, ALICE);
    request->find.client_length = 3;
    memcpy(request->find.client_id, "old", 3);
    send(request, &gone);
    settle();
    cr_expect(first.done && first.reject[0] == REJECT_NONE);
    cr_expect_eq(second.reject[0], REJECT_BUSY);
    cr_expect_eq(taken.reject[0], REJECT_DUPLICATE_ORDER);
    cr_expect(gone.done && gone.reject[0] == REJECT_NONE);
    cr_expect_eq(gone.order[0].qty, UNITS(4));
    cr_expect_eq(order_of("new")->status, ORDER_CANCELED);
    cr_expect_eq(locked(), 0);
}

/* Goal: what an amendment frees is not paid with twice. Method: a replace right behind it, that
 * counts on all of the hold; then one that needs what is left. */
Test(actors_amend, a_replace_behind_it_gets_what_is_left_of_the_hold)
{
    for (int64_t qty = 10; qty >= 5; qty -= 5) {
        struct asked amended, asked;
        ask(limit(ALICE, SIDE_BUY, 100, 10, "old"));
        send(amend("old", 5, "new"), &amended);
        send(replace("old", 100, qty, "next"), &asked);
        settle();
        cr_expect(amended.done && amended.reject[0] == REJECT_NONE);
        cr_assert_eq(asked.parts, 2);
        EXPECT_HALF(asked, 0, HALF_CANCEL, REJECT_NONE);
        EXPECT_HALF(asked, 1, HALF_NONE, qty == 10 ? REJECT_NO_FUNDS : REJECT_NONE);
        cr_expect_eq(locked(), qty == 10 ? 0 : UNITS(500));
        cr_expect_eq(locked() + free_funds(), UNITS(1000));
    }
}

/* Goal: the ten that an order may have. Method: eleven. */
Test(actors_amend, an_order_is_amended_ten_times)
{
    ask(limit(ALICE, SIDE_BUY, 10, 20, "o"));
    for (int64_t qty = 19; qty > 9; qty--)
        ask(amend("o", qty, "o"));
    struct asked asked;
    send(amend("o", 9, "o"), &asked);
    settle();
    cr_expect_eq(asked.reject[0], REJECT_MAX_NUM_AMENDS);
    cr_expect_eq(order_of("o")->qty_lots, 10);
    cr_expect_eq(locked(), UNITS(100));
}

/* Goal: an order that cannot rest is none to amend. Method: an IOC on its way. */
Test(actors_amend, an_order_that_will_not_rest_is_unknown)
{
    struct asked order, asked;
    struct request *request = limit(ALICE, SIDE_BUY, 100, 5, "ioc");
    request->order.tif = TIF_IOC;
    send(request, &order);
    send(amend("ioc", 3, "new"), &asked);
    settle();
    cr_expect_eq(asked.reject[0], REJECT_UNKNOWN_ORDER);
    cr_expect_eq(order.order[0].status, ORDER_EXPIRED);
}
