#include "actors/ledger/ledger.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "runtime/hash.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNITS(n)     ((int64_t)(n)*MONEY_ATOMS_PER_UNIT)
#define CENTS(n)     ((int64_t)(n) * (MONEY_ATOMS_PER_UNIT / 100))
#define MILLIS(n)    ((int64_t)(n) * (MONEY_ATOMS_PER_UNIT / 1000))

/* Assets, symbols and users of every test. */
enum { BTC, USD, ODD, ASSETS };
enum { PLAIN, AWKWARD, FREE, ASLEEP, SYMBOLS };
enum { ALICE_ID = 7001, BOB_ID = 7002, USERS_MAX = 4 };

static const struct ledger_limits default_limits = {
    .shard = 5,
    .users = USERS_MAX,
    .symbols = SYMBOLS,
    .assets = ASSETS,
    .open_orders = 50,
    .done_orders = 20,
    .balances = 20,
    .deposits = 60,
    .user_symbols = 12,
    .history = 60,
};

static struct ledger *ledger;
static uint32_t alice, bob;
static uint32_t requests; /* makes request ids that differ */
static uint64_t order_ids, trade_ids;
#define NOON_US INT64_C(1800014400000000) /* of some day, UTC */
static int64_t placed_us;                 /* when place() does it */

static void set_symbols(struct ledger *of)
{
    *ledger_symbol(of, PLAIN) = (struct ledger_symbol){
        .active = true,
        .spec = {.tick_atoms = CENTS(1), .lot_atoms = MILLIS(1)},
        .base = BTC,
        .quote = USD,
        .min_price_ticks = 10, /* 0.10 */
        .max_price_ticks = 100000,
        .min_lots = 2, /* 0.002 */
        .max_lots = 1000000,
        .market_min_lots = 5,
        .market_max_lots = 100000,
        .min_notional = UNITS(10),
        .max_notional = UNITS(5000),
        .max_orders = 2,
        .maker_ppm = 1000,
        .taker_ppm = 2000,
    };
    *ledger_symbol(of, AWKWARD) = (struct ledger_symbol){
        .active = true,
        .spec = {.tick_atoms = 7, .lot_atoms = 3},
        .base = ODD,
        .quote = USD,
        .maker_ppm = 333,
        .taker_ppm = 777777,
    };
    *ledger_symbol(of, FREE) = (struct ledger_symbol){
        .active = true,
        .spec = {.tick_atoms = CENTS(1), .lot_atoms = MILLIS(1)},
        .base = BTC,
        .quote = USD,
    };
}

static struct ledger *open_ledger(const struct ledger_limits *limits)
{
    void *block = calloc(1, ledger_size(limits));
    cr_assert(block != NULL);
    struct ledger *made = ledger_init(block, limits);
    set_symbols(made);
    ledger_user_add(made, ALICE_ID);
    ledger_user_add(made, BOB_ID);
    alice = ledger_user_find(made, ALICE_ID);
    bob = ledger_user_find(made, BOB_ID);
    requests = 0;
    order_ids = trade_ids = 100;
    placed_us = NOON_US;
    return made;
}

static void setup(void)
{
    ledger = open_ledger(&default_limits);
}

static void teardown(void)
{
    ledger_verify(ledger);
    free(ledger);
}

TestSuite(ledger_check, .init = setup, .fini = teardown);
TestSuite(ledger_hold, .init = setup, .fini = teardown);
TestSuite(ledger_fills, .init = setup, .fini = teardown);
TestSuite(ledger_ends, .init = setup, .fini = teardown);
TestSuite(ledger_replace, .init = setup, .fini = teardown);
TestSuite(ledger_ids, .init = setup, .fini = teardown);
TestSuite(ledger_deposits, .init = setup, .fini = teardown);
TestSuite(ledger_history, .init = setup, .fini = teardown);
TestSuite(ledger_unfilled, .init = setup, .fini = teardown);
TestSuite(ledger_looks, .init = setup, .fini = teardown);

/* ---- helpers ---- */

static int64_t free_of(uint32_t user, uint16_t asset)
{
    return ledger_balance(ledger, ledger_find_balance(ledger, user, asset))->free;
}

static int64_t locked_of(uint32_t user, uint16_t asset)
{
    return ledger_balance(ledger, ledger_find_balance(ledger, user, asset))->locked;
}

static void give(uint32_t user, uint16_t asset, int64_t amount)
{
    uint8_t id[REQUEST_ID_BYTES] = {0};
    memcpy(id, &(uint32_t){++requests}, sizeof requests);
    const struct ledger_deposit *done;
    cr_assert_eq(ledger_check_deposit(ledger, user, asset, amount, id, &done), REJECT_NONE);
    cr_assert(done == NULL);
    ledger_apply_deposit(ledger, user, asset, amount, id);
}

/* An order with a client id of its own. */
static struct ledger_new order_of(uint16_t symbol, uint8_t side, uint8_t type, uint8_t tif,
                                  int64_t price, int64_t qty)
{
    static uint32_t numbers;
    struct ledger_new order = {.symbol = symbol,
                               .side = side,
                               .type = type,
                               .tif = tif,
                               .price_atoms = price,
                               .qty_atoms = qty};
    order.client_length = (uint8_t)snprintf(order.client_id, CLIENT_ID_MAX, "id-%u", ++numbers);
    return order;
}

static struct ledger_new limit(uint8_t side, int64_t price, int64_t qty)
{
    return order_of(FREE, side, TYPE_LIMIT, TIF_GTC, price, qty);
}

static void name(struct ledger_new *order, const char *id)
{
    order->client_length = (uint8_t)strlen(id);
    memcpy(order->client_id, id, order->client_length);
}

static enum reject check(uint32_t user, const struct ledger_new *order)
{
    struct ledger_plan plan;
    return ledger_check_new(ledger, user, order, &plan);
}

/* Places it and returns its ref. */
static uint64_t place(uint32_t user, const struct ledger_new *order)
{
    struct ledger_plan plan;
    enum reject reject = ledger_check_new(ledger, user, order, &plan);
    cr_assert_eq(reject, REJECT_NONE, "%s", reject_text(reject));
    return ledger_order(ledger, ledger_place(ledger, user, order, &plan, placed_us))->ref;
}

static struct ledger_order *by_ref(uint64_t ref)
{
    uint32_t slot = ledger_find_ref(ledger, ref);
    cr_assert_neq(slot, 0, "the order is not open");
    return ledger_order(ledger, slot);
}

/* A maker's fill of an order at 10; the last one when it fills what is left. */
static void fill(uint64_t ref, int64_t lots)
{
    struct ledger_order *order = by_ref(ref);
    uint64_t id = order->order_id ? order->order_id : ++order_ids;
    ledger_fill(ledger, ref, id, ++trade_ids, 1000, lots, true,
                order->executed_lots + lots == order->qty_lots, 1000);
}

static uint64_t accept(uint64_t ref)
{
    ledger_accepted(ledger, ref, ++order_ids, 1000);
    return order_ids;
}

static __int128 product(const struct ledger_order *order, int64_t price_ticks, int64_t lots)
{
    const struct money_spec *spec = &ledger_symbol(ledger, order->symbol)->spec;
    return (__int128)price_ticks * spec->tick_atoms * lots * spec->lot_atoms;
}

static int64_t floor_cost(const struct ledger_order *order, int64_t price_ticks, int64_t lots)
{
    return (int64_t)(product(order, price_ticks, lots) / UNITS(1));
}

static int64_t ceil_cost(const struct ledger_order *order, int64_t price_ticks, int64_t lots)
{
    return (int64_t)((product(order, price_ticks, lots) + UNITS(1) - 1) / UNITS(1));
}

static int64_t fee_of(int64_t amount, int64_t ppm)
{
    return (int64_t)(((__int128)amount * ppm + 999999) / 1000000);
}

/* ---- ledger_check_new ---- */

/* Goal: each filter refuses what it must and no more. Method: one order per row; a rich user. */
Test(ledger_check, refuses_by_each_filter_at_its_edges)
{
    enum { M = TYPE_MARKET, L = TYPE_LIMIT, P = TYPE_LIMIT_MAKER };
    static const struct {
        const char *what;
        int64_t price, qty, quote, hint;
        uint16_t symbol;
        uint8_t side, type;
        bool by_quote;
        enum reject want;
    } rows[] = {
        {"good buy", CENTS(1000), MILLIS(2000), 0, 0, PLAIN, SIDE_BUY, L, 0, REJECT_NONE},
        {"good sell", CENTS(1000), MILLIS(2000), 0, 0, PLAIN, SIDE_SELL, L, 0, REJECT_NONE},
        {"good maker", CENTS(1000), MILLIS(2000), 0, 0, PLAIN, SIDE_BUY, P, 0, REJECT_NONE},
        {"inactive symbol", CENTS(1000), MILLIS(2000), 0, 0, ASLEEP, 0, L, 0,
         REJECT_UNKNOWN_SYMBOL},
        {"no symbol", CENTS(1000), MILLIS(2000), 0, 0, SYMBOLS, 0, L, 0, REJECT_UNKNOWN_SYMBOL},
        {"symbol 65535", CENTS(1000), MILLIS(2000), 0, 0, 65535, 0, L, 0, REJECT_UNKNOWN_SYMBOL},
        {"price 0", 0, MILLIS(2000), 0, 0, PLAIN, 0, L, 0, REJECT_PRICE_FILTER},
        {"price < 0", -CENTS(1000), MILLIS(2000), 0, 0, PLAIN, 0, L, 0, REJECT_PRICE_FILTER},
        {"off tick by 1", CENTS(1000) + 1, MILLIS(2000), 0, 0, PLAIN, 0, L, 0, REJECT_PRICE_FILTER},
        {"off tick by -1", CENTS(1000) - 1, MILLIS(2000), 0, 0, PLAIN, 0, L, 0,
         REJECT_PRICE_FILTER},
        {"under the price range", CENTS(9), MILLIS(200000), 0, 0, PLAIN, 0, L, 0,
         REJECT_PRICE_FILTER},
        {"at its bottom", CENTS(10), MILLIS(100000), 0, 0, PLAIN, 0, L, 0, REJECT_NONE},
        {"at its top", CENTS(100000), MILLIS(10), 0, 0, PLAIN, 0, L, 0, REJECT_NONE},
        {"over the price range", CENTS(100001), MILLIS(10), 0, 0, PLAIN, 0, L, 0,
         REJECT_PRICE_FILTER},
        {"maker off tick", CENTS(1000) + 1, MILLIS(2000), 0, 0, PLAIN, 1, P, 0,
         REJECT_PRICE_FILTER},
        {"quantity 0", CENTS(1000), 0, 0, 0, PLAIN, 0, L, 0, REJECT_LOT_SIZE},
        {"quantity < 0", CENTS(1000), -MILLIS(2000), 0, 0, PLAIN, 1, L, 0, REJECT_LOT_SIZE},
        {"off step by 1", CENTS(1000), MILLIS(2000) + 1, 0, 0, PLAIN, 0, L, 0, REJECT_LOT_SIZE},
        {"off step by -1", CENTS(1000), MILLIS(2000) - 1, 0, 0, PLAIN, 1, L, 0, REJECT_LOT_SIZE},
        {"less than a step", CENTS(1000), 1, 0, 0, PLAIN, 0, L, 0, REJECT_LOT_SIZE},
        {"under min lots", CENTS(100000), MILLIS(1), 0, 0, PLAIN, 0, L, 0, REJECT_LOT_SIZE},
        {"over max lots", CENTS(10), MILLIS(1000001), 0, 0, PLAIN, 0, L, 0, REJECT_LOT_SIZE},
        {"at max lots", CENTS(100), MILLIS(1000000), 0, 0, PLAIN, 0, L, 0, REJECT_NONE},
        {"notional 9.99", CENTS(999), MILLIS(1000), 0, 0, PLAIN, 0, L, 0, REJECT_NOTIONAL},
        {"notional 10", CENTS(1000), MILLIS(1000), 0, 0, PLAIN, 1, L, 0, REJECT_NONE},
        {"notional 5000", CENTS(100000), MILLIS(5000), 0, 0, PLAIN, 1, L, 0, REJECT_NONE},
        {"notional 5001", CENTS(100000), MILLIS(5001), 0, 0, PLAIN, 1, L, 0, REJECT_NOTIONAL},
        {"maker notional", CENTS(999), MILLIS(1000), 0, 0, PLAIN, 0, P, 0, REJECT_NOTIONAL},
        {"market sell", 0, MILLIS(2000), 0, 0, PLAIN, SIDE_SELL, M, 0, REJECT_NONE},
        {"market has no price", 1, MILLIS(2000), 0, 0, PLAIN, SIDE_SELL, M, 0, REJECT_NONE},
        {"market notional is the market's", 0, MILLIS(5), 0, 1, PLAIN, 1, M, 0, REJECT_NONE},
        {"market off step", 0, MILLIS(2000) + 1, 0, UNITS(1), PLAIN, 0, M, 0, REJECT_LOT_SIZE},
        {"market under min lots", 0, MILLIS(1), 0, UNITS(1), PLAIN, 0, M, 0, REJECT_LOT_SIZE},
        {"market over max lots", 0, MILLIS(1000001), 0, 1, PLAIN, 0, M, 0, REJECT_LOT_SIZE},
        {"under market lots", 0, MILLIS(4), 0, UNITS(1), PLAIN, 0, M, 0, REJECT_MARKET_LOT_SIZE},
        {"at market min", 0, MILLIS(5), 0, UNITS(1), PLAIN, 0, M, 0, REJECT_NONE},
        {"at market max", 0, MILLIS(100000), 0, UNITS(1), PLAIN, 0, M, 0, REJECT_NONE},
        {"over market lots", 0, MILLIS(100001), 0, 1, PLAIN, 0, M, 0, REJECT_MARKET_LOT_SIZE},
        {"limit in market range only", CENTS(1000), MILLIS(100001), 0, 0, PLAIN, 1, L, 0,
         REJECT_NONE},
        {"quote 0", 0, 0, 0, UNITS(1), PLAIN, 0, M, 1, REJECT_NOTIONAL},
        {"quote < 0", 0, 0, -UNITS(20), UNITS(1), PLAIN, 1, M, 1, REJECT_NOTIONAL},
        {"quote under notional", 0, 0, UNITS(10) - 1, UNITS(1), PLAIN, 0, M, 1, REJECT_NOTIONAL},
        {"quote at notional", 0, 0, UNITS(10), UNITS(1), PLAIN, 0, M, 1, REJECT_NONE},
        {"quote at max", 0, 0, UNITS(5000), UNITS(1), PLAIN, 1, M, 1, REJECT_NONE},
        {"quote over max", 0, 0, UNITS(5000) + 1, UNITS(1), PLAIN, 0, M, 1, REJECT_NOTIONAL},
        {"quote needs no quantity", 0, 1, UNITS(20), UNITS(1), PLAIN, 0, M, 1, REJECT_NONE},
        {"no limits: anything on the grid", 7, 3, 0, 0, AWKWARD, 0, L, 0, REJECT_NONE},
        {"no limits: off tick", 8, 3, 0, 0, AWKWARD, 0, L, 0, REJECT_PRICE_FILTER},
        {"no limits: off step", 7, 4, 0, 0, AWKWARD, 0, L, 0, REJECT_LOT_SIZE},
        {"no limits: 1 atom by quote", 0, 0, 1, 0, AWKWARD, 0, M, 1, REJECT_NONE},
        {"does not fit", INT64_MAX / 7 * 7, INT64_MAX / 3 * 3, 0, 0, AWKWARD, 0, L, 0,
         REJECT_OVERFLOW},
        {"does not fit, sell", INT64_MAX / 7 * 7, UNITS(3), 0, 0, AWKWARD, 1, L, 0,
         REJECT_OVERFLOW},
        {"just fits, no funds", INT64_MAX / 7 * 7, UNITS(1) / 3 * 3, 0, 0, AWKWARD, 0, L, 0,
         REJECT_NO_FUNDS},
    };
    give(alice, USD, UNITS(1000000));
    give(alice, BTC, UNITS(1000000));
    give(alice, ODD, UNITS(1000000));
    uint64_t before = ledger_hash(ledger);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_new order = order_of(rows[i].symbol, rows[i].side, rows[i].type, TIF_GTC,
                                           rows[i].price, rows[i].qty);
        order.by_quote = rows[i].by_quote;
        order.quote_atoms = rows[i].quote;
        order.hint_atoms = rows[i].hint;
        enum reject got = check(alice, &order);
        cr_assert_eq(got, rows[i].want, "%s: %s", rows[i].what, reject_text(got));
    }
    cr_assert_eq(ledger_hash(ledger), before, "a check changed something");
}

/* Goal: Binance's order of precedence (PROTOCOL §2.9). Method: an order with every fault at once;
 * mend one after another and watch the next appear. */
Test(ledger_check, names_the_first_fault_in_binances_order)
{
    struct ledger_new first = order_of(PLAIN, SIDE_BUY, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(1));
    name(&first, "mine");
    ledger_symbol(ledger, PLAIN)->max_orders = 1;
    give(alice, USD, UNITS(10));
    place(alice, &first);
    struct ledger_new bad = first;
    bad.symbol = ASLEEP;
    bad.price_atoms = CENTS(100) + 1;
    bad.qty_atoms = MILLIS(100) + 1;
    cr_assert_eq(check(alice, &bad), REJECT_UNKNOWN_SYMBOL);
    bad.symbol = PLAIN;
    cr_assert_eq(check(alice, &bad), REJECT_PRICE_FILTER);
    bad.price_atoms = CENTS(100);
    cr_assert_eq(check(alice, &bad), REJECT_LOT_SIZE);
    bad.qty_atoms = MILLIS(100);
    cr_assert_eq(check(alice, &bad), REJECT_NOTIONAL);
    bad.qty_atoms = UNITS(10);
    cr_assert_eq(check(alice, &bad), REJECT_DUPLICATE_ORDER);
    name(&bad, "another");
    cr_assert_eq(check(alice, &bad), REJECT_MAX_NUM_ORDERS);
    bad.tif = TIF_IOC;
    cr_assert_eq(check(alice, &bad), REJECT_NO_FUNDS);
    give(alice, USD, UNITS(10));
    cr_assert_eq(check(alice, &bad), REJECT_NONE);
}

/* Goal: the same for market orders. Method: as above; both lot filters, then the rest. */
Test(ledger_check, names_the_first_fault_of_a_market_order)
{
    struct ledger_new first = order_of(PLAIN, SIDE_BUY, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(1));
    name(&first, "mine");
    give(alice, USD, UNITS(10));
    place(alice, &first);
    struct ledger_new bad = order_of(PLAIN, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, 1);
    name(&bad, "mine");
    bad.hint_atoms = UNITS(10);
    cr_assert_eq(check(alice, &bad), REJECT_LOT_SIZE);
    bad.qty_atoms = MILLIS(4);
    cr_assert_eq(check(alice, &bad), REJECT_MARKET_LOT_SIZE);
    bad.qty_atoms = MILLIS(1000);
    cr_assert_eq(check(alice, &bad), REJECT_DUPLICATE_ORDER);
    name(&bad, "another");
    cr_assert_eq(check(alice, &bad), REJECT_NO_FUNDS, "the free funds are nought");
    bad.by_quote = true;
    bad.quote_atoms = 1;
    name(&bad, "mine");
    cr_assert_eq(check(alice, &bad), REJECT_NOTIONAL);
    bad.quote_atoms = UNITS(20);
    cr_assert_eq(check(alice, &bad), REJECT_DUPLICATE_ORDER);
    name(&bad, "another");
    cr_assert_eq(check(alice, &bad), REJECT_NO_FUNDS);
    bad.side = SIDE_SELL;
    cr_assert_eq(check(alice, &bad), REJECT_NO_FUNDS, "no base at all");
}

/* Goal: funds decide to the atom. Method: one atom too few, then exactly enough, for each hold. */
Test(ledger_check, decides_on_funds_to_the_atom)
{
    struct ledger_new rows[] = {
        order_of(AWKWARD, SIDE_BUY, TYPE_LIMIT, TIF_GTC, 7 * 12345679, 3 * 1000003),
        order_of(AWKWARD, SIDE_SELL, TYPE_LIMIT, TIF_IOC, 7 * 12345679, 3 * 1000003),
        order_of(AWKWARD, SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, 3 * 1000003),
        order_of(AWKWARD, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, 0),
    };
    rows[3].by_quote = true;
    rows[3].quote_atoms = 123457;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_plan plan;
        uint32_t user = alice;
        uint16_t asset = rows[i].side == SIDE_BUY ? USD : ODD;
        cr_assert_eq(ledger_check_new(ledger, user, &rows[i], &plan), REJECT_NO_FUNDS);
        cr_assert_eq(plan.hold_asset, asset);
        give(user, asset, plan.hold_atoms - 1);
        cr_assert_eq(check(user, &rows[i]), REJECT_NO_FUNDS, "row %zu", i);
        give(user, asset, 1);
        cr_assert_eq(check(user, &rows[i]), REJECT_NONE, "row %zu", i);
        place(user, &rows[i]);
        cr_assert_eq(free_of(user, asset), 0);
        cr_assert_eq(locked_of(user, asset), plan.hold_atoms);
        ledger_refused(ledger, ledger_order(ledger, ledger_find_client(ledger, user, AWKWARD,
                                                                       rows[i].client_id,
                                                                       rows[i].client_length))
                                   ->ref);
        give(user, asset, -plan.hold_atoms);
    }
}

/* Goal: only what can rest counts against MAX_NUM_ORDERS (2 here). Method: each type and time in
 * force, at one below the limit and at it. */
Test(ledger_check, max_num_orders_counts_only_what_can_rest)
{
    static const struct {
        const char *what;
        uint8_t type, tif;
        bool counts;
    } rows[] = {
        {"GTC", TYPE_LIMIT, TIF_GTC, true},
        {"IOC", TYPE_LIMIT, TIF_IOC, false},
        {"FOK", TYPE_LIMIT, TIF_FOK, false},
        {"maker", TYPE_LIMIT_MAKER, TIF_GTC, true},
        {"maker, IOC", TYPE_LIMIT_MAKER, TIF_IOC, true},
        {"market", TYPE_MARKET, TIF_GTC, false},
    };
    give(alice, BTC, UNITS(1000));
    uint64_t ref[2];
    struct ledger_new gtc = order_of(PLAIN, SIDE_SELL, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(2));
    ref[0] = place(alice, &gtc);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_new order =
            order_of(PLAIN, SIDE_SELL, rows[i].type, rows[i].tif, CENTS(1000), UNITS(2));
        struct ledger_new next =
            order_of(PLAIN, SIDE_SELL, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(2));
        uint64_t made = place(alice, &order);
        cr_assert_eq(check(alice, &next), rows[i].counts ? REJECT_MAX_NUM_ORDERS : REJECT_NONE,
                     "one open and a %s", rows[i].what);
        ledger_refused(ledger, made);
        cr_assert_eq(check(alice, &next), REJECT_NONE, "the slot of a refused %s", rows[i].what);
    }
    gtc = order_of(PLAIN, SIDE_SELL, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(2));
    ref[1] = place(alice, &gtc);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_new order =
            order_of(PLAIN, SIDE_SELL, rows[i].type, rows[i].tif, CENTS(1000), UNITS(2));
        cr_assert_eq(check(alice, &order), rows[i].counts ? REJECT_MAX_NUM_ORDERS : REJECT_NONE,
                     "%s", rows[i].what);
    }
    give(bob, BTC, UNITS(1000));
    gtc = order_of(PLAIN, SIDE_SELL, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(2));
    cr_assert_eq(check(bob, &gtc), REJECT_NONE, "another user's orders counted");
    gtc.symbol = FREE;
    cr_assert_eq(check(alice, &gtc), REJECT_NONE, "another symbol's orders counted");
    gtc.symbol = PLAIN;
    ledger_fill(ledger, ref[1], 51, 1, 1000, 1999, true, false, 1);
    cr_assert_eq(check(alice, &gtc), REJECT_MAX_NUM_ORDERS, "a part of a fill freed the slot");
    ledger_fill(ledger, ref[1], 51, 2, 1000, 1, true, true, 1);
    cr_assert_eq(check(alice, &gtc), REJECT_NONE, "the last fill did not");
    place(alice, &gtc);
    gtc = order_of(PLAIN, SIDE_SELL, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(2));
    cr_assert_eq(check(alice, &gtc), REJECT_MAX_NUM_ORDERS);
    ledger_done(ledger, ref[0], 52, ORDER_CANCELED, 1);
    cr_assert_eq(check(alice, &gtc), REJECT_NONE, "a cancel did not free the slot");
}

/* Goal: bounded tables are refusals, not crashes. Method: fill the open orders. */
Test(ledger_check, refuses_when_the_shard_has_no_room_for_orders)
{
    give(alice, BTC, UNITS(1000));
    for (uint32_t i = 0; i < default_limits.open_orders; i++) {
        struct ledger_new order = limit(SIDE_SELL, CENTS(1), MILLIS(1));
        place(alice, &order);
    }
    struct ledger_new one_more = limit(SIDE_SELL, CENTS(1), MILLIS(1));
    cr_assert_eq(check(alice, &one_more), REJECT_LIMIT);
    one_more.qty_atoms = UNITS(10000);
    cr_assert_eq(check(alice, &one_more), REJECT_NO_FUNDS, "funds come first");
    ledger_verify(ledger);
}

/* Goal: a full table of balances or positions stops who needs a new one. Method: tiny tables. */
Test(ledger_check, refuses_when_a_new_balance_or_position_has_no_room)
{
    struct ledger_limits limits = default_limits;
    free(ledger);
    limits.balances = 2; /* alice's USD, and one more */
    ledger = open_ledger(&limits);
    give(alice, USD, UNITS(100));
    give(bob, USD, UNITS(100));
    struct ledger_new order = limit(SIDE_BUY, CENTS(100), UNITS(1));
    cr_assert_eq(check(alice, &order), REJECT_LIMIT);
    free(ledger);
    limits = default_limits;
    limits.user_symbols = 1;
    ledger = open_ledger(&limits);
    give(alice, USD, UNITS(100));
    order = limit(SIDE_BUY, CENTS(100), UNITS(1));
    place(alice, &order);
    order = order_of(AWKWARD, SIDE_BUY, TYPE_LIMIT, TIF_GTC, 7, 3);
    cr_assert_eq(check(alice, &order), REJECT_LIMIT);
}

/* Goal: ... and does not stop who needs none. Method: all balances and positions exist. */
Test(ledger_check, full_tables_do_not_stop_who_is_in_them)
{
    struct ledger_limits limits = default_limits;
    free(ledger);
    limits.balances = 2;
    limits.user_symbols = 1;
    ledger = open_ledger(&limits);
    give(alice, USD, UNITS(100));
    struct ledger_new order = limit(SIDE_BUY, CENTS(100), UNITS(1));
    struct ledger_plan plan;
    cr_assert_eq(ledger_check_new(ledger, alice, &order, &plan), REJECT_NONE, "BTC fits");
    ledger_place(ledger, alice, &order, &plan, placed_us);
    order = limit(SIDE_BUY, CENTS(100), UNITS(1));
    cr_assert_eq(check(alice, &order), REJECT_NONE, "both balances and the position are there");
    give(alice, USD, UNITS(1));
}

/* ---- O1: holds ---- */

/* Goal: a limit buy holds the ceiling, a sell its quantity, whatever the units. Method: prices and
 * quantities around whole atoms. */
Test(ledger_hold, a_limit_order_holds_the_ceiling_or_its_quantity)
{
    static const int64_t ticks[] = {1, 2, 14285714, 14285715, 12345679, 100000007};
    static const int64_t lots[] = {1, 33333333, 33333334, 1000003, 999999937};
    give(alice, USD, UNITS(1000000000));
    give(alice, ODD, UNITS(1000000000));
    for (size_t t = 0; t < COUNT(ticks); t++)
        for (size_t l = 0; l < COUNT(lots); l++) {
            struct ledger_new order =
                order_of(AWKWARD, SIDE_BUY, TYPE_LIMIT, TIF_GTC, 7 * ticks[t], 3 * lots[l]);
            uint64_t ref = place(alice, &order);
            __int128 exact = (__int128)ticks[t] * 7 * lots[l] * 3;
            int64_t held = by_ref(ref)->held;
            cr_assert(held * (__int128)UNITS(1) >= exact &&
                      (held - 1) * (__int128)UNITS(1) < exact);
            cr_assert_eq(locked_of(alice, USD), held);
            cr_assert_eq(free_of(alice, USD), UNITS(1000000000) - held);
            cr_assert_eq(by_ref(ref)->price_ticks, ticks[t]);
            cr_assert_eq(by_ref(ref)->qty_lots, lots[l]);
            ledger_refused(ledger, ref);
            order.side = SIDE_SELL;
            ref = place(alice, &order);
            cr_assert_eq(by_ref(ref)->held, 3 * lots[l]);
            cr_assert_eq(locked_of(alice, ODD), 3 * lots[l]);
            cr_assert_eq(locked_of(alice, USD), 0);
            ledger_refused(ledger, ref);
        }
}

/* Goal: a market buy by quantity holds hint x quantity x 1.05, or all there is (O1). Method: free
 * funds from far below to far above that. */
Test(ledger_hold, a_market_buy_by_quantity_holds_five_percent_more_or_all)
{
    static const struct {
        int64_t free, held;
        bool all;
    } rows[] = {
        /* 2.000 at a hint of 10.00: 21.00 and an atom or two of rounding */
        {UNITS(1000), UNITS(21), false},
        {UNITS(22), UNITS(21), false},
        {UNITS(21), UNITS(21), true},
        {UNITS(21) - 1, UNITS(21) - 1, true},
        {UNITS(20), UNITS(20), true},
        {UNITS(1), UNITS(1), true},
        {1, 1, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_new order = order_of(FREE, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, UNITS(2));
        order.hint_atoms = UNITS(10);
        give(alice, USD, rows[i].free);
        uint64_t ref = place(alice, &order);
        int64_t held = by_ref(ref)->held;
        cr_assert(held >= rows[i].held && held <= rows[i].held + 2, "free %ld: held %ld",
                  rows[i].free, held);
        cr_assert_leq(held, rows[i].free);
        cr_assert_eq((by_ref(ref)->flags & ORDER_HELD_ALL) != 0, rows[i].all, "free %ld",
                     rows[i].free);
        if (rows[i].all)
            cr_assert_eq(free_of(alice, USD), 0);
        cr_assert_eq(by_ref(ref)->flags & ORDER_CAN_REST, 0);
        ledger_refused(ledger, ref);
        give(alice, USD, -rows[i].free);
    }
    struct ledger_new order = order_of(FREE, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, UNITS(2));
    order.hint_atoms = UNITS(10);
    cr_assert_eq(check(alice, &order), REJECT_NO_FUNDS, "all of nothing");
}

/* Goal: the estimate never overflows. Method: the dearest hint and the largest quantity. */
Test(ledger_hold, a_huge_estimate_holds_all)
{
    struct ledger_new order =
        order_of(AWKWARD, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, INT64_MAX / 3 * 3);
    order.hint_atoms = INT64_MAX;
    give(alice, USD, INT64_MAX);
    uint64_t ref = place(alice, &order);
    cr_assert_eq(by_ref(ref)->held, INT64_MAX);
    cr_assert(by_ref(ref)->flags & ORDER_HELD_ALL);
    ledger_refused(ledger, ref);
    order = order_of(AWKWARD, SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, 0);
    order.by_quote = true;
    order.quote_atoms = INT64_MAX;
    order.hint_atoms = 1;
    give(alice, ODD, INT64_MAX);
    ref = place(alice, &order);
    cr_assert_eq(by_ref(ref)->held, INT64_MAX / 3 * 3);
    ledger_refused(ledger, ref);
}

/* Goal: with neither ask nor last price an estimate holds nothing, and is accepted: the market lets
 * it expire (O1). Method: hint 0, with and without funds. */
Test(ledger_hold, without_a_hint_nothing_is_held)
{
    struct ledger_new order = order_of(FREE, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, UNITS(2));
    uint64_t ref = place(alice, &order);
    cr_assert_eq(by_ref(ref)->held, 0);
    cr_assert_eq(by_ref(ref)->flags & ORDER_HELD_ALL, 0);
    ledger_done(ledger, ref, 1, ORDER_EXPIRED, 1);
    order = order_of(FREE, SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, 0);
    order.by_quote = true;
    order.quote_atoms = UNITS(20);
    ref = place(alice, &order);
    cr_assert_eq(by_ref(ref)->held, 0);
    cr_assert_eq(by_ref(ref)->flags, ORDER_BY_QUOTE);
    ledger_done(ledger, ref, 2, ORDER_EXPIRED, 1);
    cr_assert_eq(locked_of(alice, USD), 0);
    cr_assert_eq(locked_of(alice, BTC), 0);
}

/* Goal: a market buy by quote holds that amount, hint or not. Method: both. */
Test(ledger_hold, a_market_buy_by_quote_holds_its_amount)
{
    give(alice, USD, UNITS(100));
    for (int64_t hint = 0; hint <= UNITS(10); hint += UNITS(10)) {
        struct ledger_new order = order_of(FREE, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, 0);
        order.by_quote = true;
        order.quote_atoms = UNITS(20) + 1;
        order.hint_atoms = hint;
        uint64_t ref = place(alice, &order);
        cr_assert_eq(by_ref(ref)->held, UNITS(20) + 1);
        cr_assert_eq(by_ref(ref)->quote_atoms, UNITS(20) + 1);
        cr_assert_eq(by_ref(ref)->flags, ORDER_BY_QUOTE);
        cr_assert_eq(by_ref(ref)->qty_lots, 0);
        ledger_refused(ledger, ref);
    }
}

/* Goal: a market sell by quote holds quote / hint x 1.05 in whole lots, or what there is. Method:
 * 20 at 10.00: 2.100; then less and less base. */
Test(ledger_hold, a_market_sell_by_quote_holds_whole_lots)
{
    static const struct {
        int64_t free, held;
    } rows[] = {
        {UNITS(100), MILLIS(2100)},       {MILLIS(2100), MILLIS(2100)},
        {MILLIS(2100) - 1, MILLIS(2099)}, {MILLIS(1999) + 7, MILLIS(1999)},
        {MILLIS(1), MILLIS(1)},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_new order = order_of(FREE, SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, 0);
        order.by_quote = true;
        order.quote_atoms = UNITS(20);
        order.hint_atoms = UNITS(10);
        give(alice, BTC, rows[i].free);
        uint64_t ref = place(alice, &order);
        cr_assert_eq(by_ref(ref)->held, rows[i].held, "free %ld: held %ld", rows[i].free,
                     by_ref(ref)->held);
        cr_assert_eq(by_ref(ref)->qty_lots, rows[i].held / MILLIS(1));
        cr_assert_eq(by_ref(ref)->flags & ORDER_HELD_ALL, 0,
                     "a sell cannot spend more than it holds");
        ledger_refused(ledger, ref);
        give(alice, BTC, -rows[i].free);
    }
    struct ledger_new order = order_of(FREE, SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, 0);
    order.by_quote = true;
    order.quote_atoms = UNITS(20);
    order.hint_atoms = UNITS(10);
    give(alice, BTC, MILLIS(1) - 1);
    cr_assert_eq(check(alice, &order), REJECT_NO_FUNDS, "less than a lot");
}

/* Goal: a placed order is what was asked for. Method: every field. */
Test(ledger_hold, the_order_has_the_fields_of_the_request)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    name(&order, "0123456789abcdefghijklmnopqrstuvwxyz");
    order.tag = 0xFEEDFACE;
    order.stp = STP_EXPIRE_TAKER;
    order.resp = 2;
    give(alice, USD, UNITS(100));
    const struct ledger_order *made = by_ref(place(alice, &order));
    cr_assert_eq(made->ref >> 54, default_limits.shard);
    cr_assert_eq(made->ref & 0xFFFF, 1, "the shard's first");
    cr_assert_eq(made->order_id, 0);
    cr_assert_eq(made->tag, 0xFEEDFACE);
    cr_assert_eq(made->price_ticks, 1000);
    cr_assert_eq(made->qty_lots, 2000);
    cr_assert_eq(made->executed_lots, 0);
    cr_assert_eq(made->user, alice);
    cr_assert_eq(made->symbol, FREE);
    cr_assert_eq(made->side, SIDE_BUY);
    cr_assert_eq(made->type, TYPE_LIMIT);
    cr_assert_eq(made->tif, TIF_GTC);
    cr_assert_eq(made->stp, STP_EXPIRE_TAKER);
    cr_assert_eq(made->resp, 2);
    cr_assert_eq(made->status, ORDER_SENT);
    cr_assert_eq(made->flags, ORDER_CAN_REST);
    cr_assert_eq(made->client_length, 36);
    cr_assert_eq(memcmp(made->client_id, order.client_id, 36), 0);
    order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    cr_assert_eq(by_ref(place(alice, &order))->ref, made->ref + 1, "dense");
}

/* ---- O2: fills ---- */

/* Goal: O2 for a buyer: the floor moves, ceil(limit x leaves) stays held, price improvement comes
 * back at each fill, the fee is taken from the base, rounded up. Method: seeded fills at prices up
 * to the limit, in awkward units; the sums are the test's own. */
static void buy_by_fills(uint64_t seed)
{
    enum { DEPOSIT = 2000000000 };
    struct ledger_new order =
        order_of(AWKWARD, SIDE_BUY, TYPE_LIMIT, TIF_GTC, 7 * 12345679, 3 * 10007);
    free(ledger);
    setup();
    give(alice, USD, DEPOSIT);
    uint64_t ref = place(alice, &order), trade = 0;
    int64_t left = 10007, spent = 0, got = 0, fees = 0;
    while (left > 0) {
        uint64_t word = hash_mix(seed * 1000 + ++trade);
        int64_t lots = 1 + (int64_t)(word % 2000),
                price = 12345679 - (int64_t)(word >> 20) % 5000000;
        if (lots > left)
            lots = left;
        left -= lots;
        bool maker = word >> 60 & 1;
        struct ledger_order *made = by_ref(ref);
        int64_t fee = fee_of(3 * lots, maker ? 333 : 777777);
        spent += floor_cost(made, price, lots);
        got += 3 * lots - fee;
        fees += fee;
        uint32_t slot = ledger_fill(ledger, ref, 9, trade, price, lots, maker, left == 0, 50);
        made = ledger_order(ledger, slot);
        int64_t hold = left ? ceil_cost(made, 12345679, left) : 0;
        cr_assert_eq(made->held, hold, "%ld lots left", left);
        cr_assert_eq(made->cum_quote, spent);
        cr_assert_eq(made->executed_lots, 10007 - left);
        cr_assert_eq(made->status, left ? ORDER_PARTIALLY_FILLED : ORDER_FILLED);
        cr_assert_eq(locked_of(alice, USD), hold);
        cr_assert_eq(free_of(alice, USD), DEPOSIT - spent - hold);
        cr_assert_eq(free_of(alice, ODD), got);
        struct ledger_totals totals[ASSETS] = {0};
        ledger_totals(ledger, totals);
        cr_assert(totals[ODD].fees == fees && totals[USD].fees == 0);
        ledger_verify(ledger);
    }
    cr_assert_eq(ledger_find_ref(ledger, ref), 0);
}

Test(ledger_fills, a_buyer_pays_floors_and_holds_the_ceiling_of_what_is_left)
{
    for (uint64_t seed = 0; seed < 50; seed++)
        buy_by_fills(seed);
}

/* Goal: the same for a seller: the hold is what is left, the fee comes out of the quote. Method: as
 * above, at prices from the limit upward. */
Test(ledger_fills, a_seller_gets_floors_less_a_fee_rounded_up)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct ledger_new order =
            order_of(AWKWARD, SIDE_SELL, TYPE_LIMIT, TIF_GTC, 7 * 12345679, 3 * 10007);
        free(ledger);
        setup();
        give(alice, ODD, 3 * 10007 + 5);
        uint64_t ref = place(alice, &order), trade = 0;
        int64_t left = 10007, got = 0, fees = 0;
        while (left > 0) {
            uint64_t word = hash_mix(seed * 1000 + ++trade);
            int64_t lots = 1 + (int64_t)(word % 2000),
                    price = 12345679 + (int64_t)(word >> 20) % 99;
            if (lots > left)
                lots = left;
            left -= lots;
            int64_t quote = floor_cost(by_ref(ref), price, lots), fee = fee_of(quote, 777777);
            got += quote - fee;
            fees += fee;
            uint32_t slot = ledger_fill(ledger, ref, 9, trade, price, lots, false, left == 0, 50);
            cr_assert_eq(ledger_order(ledger, slot)->held, 3 * left);
            cr_assert_eq(locked_of(alice, ODD), 3 * left);
            cr_assert_eq(free_of(alice, ODD), 5);
            cr_assert_eq(free_of(alice, USD), got);
            struct ledger_totals totals[ASSETS] = {0};
            ledger_totals(ledger, totals);
            cr_assert(totals[USD].fees == fees && totals[ODD].fees == 0);
        }
    }
}

/* Goal: fees are rounded up, and are never more than what was received. Method: a table of rates
 * and amounts, by fills of one lot. */
Test(ledger_fills, fees_are_rounded_up)
{
    static const struct {
        int32_t ppm;
        int64_t got, fee;
    } rows[] = {
        {0, 300, 0},    {1, 300, 1},    {1, 3, 1},       {1000000, 300, 300}, {333333, 3, 1},
        {333334, 3, 2}, {999999, 3, 3}, {10000, 300, 3}, {10001, 300, 4},     {9999, 300, 3},
    };
    give(alice, USD, UNITS(1));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_new order = order_of(AWKWARD, SIDE_BUY, TYPE_LIMIT, TIF_GTC, 7, rows[i].got);
        ledger_symbol(ledger, AWKWARD)->maker_ppm = rows[i].ppm;
        ledger_symbol(ledger, AWKWARD)->taker_ppm = 0;
        uint64_t ref = place(alice, &order);
        int64_t before = free_of(alice, ODD);
        ledger_fill(ledger, ref, ++order_ids, ++trade_ids, 1, rows[i].got / 3, true, true, 1);
        cr_assert_eq(free_of(alice, ODD) - before, rows[i].got - rows[i].fee, "%d ppm of %ld",
                     rows[i].ppm, rows[i].got);
        cr_assert_eq(ledger_trade(ledger, ledger_user(ledger, alice)->trade_tail)->fee_atoms,
                     rows[i].fee);
    }
}

/* Goal: a trade of less than an atom of quote moves nothing and breaks nothing. Method: fill the
 * cheapest order lot by lot: every floor is 0, the ceiling stays 1. */
Test(ledger_fills, fills_below_an_atom_cost_nothing)
{
    struct ledger_new order = order_of(AWKWARD, SIDE_BUY, TYPE_LIMIT, TIF_GTC, 7, 30);
    give(alice, USD, 1);
    uint64_t ref = place(alice, &order);
    for (int64_t left = 9; left >= 0; left--) {
        cr_assert_eq(locked_of(alice, USD), 1);
        ledger_fill(ledger, ref, 5, (uint64_t)(10 - left), 1, 1, true, left == 0, 1);
    }
    cr_assert_eq(free_of(alice, USD), 1);
    cr_assert_eq(locked_of(alice, USD), 0);
}

/* Goal: a market buy keeps its hold between fills and gives the rest back at the end. Method: two
 * fills and an expiry, then one that is filled in full. */
Test(ledger_fills, a_market_buy_gets_the_rest_of_its_hold_back_at_the_end)
{
    struct ledger_new order = order_of(FREE, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, UNITS(2));
    order.hint_atoms = UNITS(10);
    give(alice, USD, UNITS(100));
    uint64_t ref = place(alice, &order);
    int64_t held = by_ref(ref)->held;
    ledger_fill(ledger, ref, 1, 1, 1000, 500, false, false, 1);
    ledger_fill(ledger, ref, 1, 2, 1010, 500, false, false, 1);
    cr_assert_eq(by_ref(ref)->held, held - CENTS(1005));
    uint32_t slot = ledger_done(ledger, ref, 1, ORDER_EXPIRED, 2);
    cr_assert_eq(ledger_order(ledger, slot)->qty_lots, 2000, "the quantity is what was asked for");
    cr_assert_eq(ledger_order(ledger, slot)->held, 0);
    cr_assert_eq(free_of(alice, USD), UNITS(100) - CENTS(1005));
    cr_assert_eq(locked_of(alice, USD), 0);
    order = order_of(FREE, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, UNITS(2));
    order.hint_atoms = UNITS(10);
    ref = place(alice, &order);
    ledger_fill(ledger, ref, 2, 3, 1000, 2000, false, true, 1);
    cr_assert_eq(free_of(alice, USD), UNITS(100) - CENTS(3005));
    cr_assert_eq(locked_of(alice, USD), 0);
}

/* Goal: an order by quote has as its quantity what it came to. Method: a buy and a sell, ended
 * FILLED and EXPIRED. */
Test(ledger_fills, an_order_by_quote_ends_with_the_quantity_it_got)
{
    for (uint8_t side = SIDE_BUY; side <= SIDE_SELL; side++) {
        struct ledger_new order = order_of(FREE, side, TYPE_MARKET, TIF_GTC, 0, 0);
        order.by_quote = true;
        order.quote_atoms = UNITS(20);
        order.hint_atoms = UNITS(10);
        give(alice, USD, UNITS(100));
        give(alice, BTC, UNITS(100));
        uint64_t ref = place(alice, &order);
        ledger_fill(ledger, ref, side + 1u, 1, 1000, 700, false, false, 1);
        ledger_fill(ledger, ref, side + 1u, 2, 1000, 800, false, false, 1);
        uint32_t slot = ledger_done(ledger, ref, side + 1u, side ? ORDER_FILLED : ORDER_EXPIRED, 2);
        const struct ledger_order *made = ledger_order(ledger, slot);
        cr_assert_eq(made->qty_lots, 1500);
        cr_assert_eq(made->executed_lots, 1500);
        cr_assert_eq(made->cum_quote, UNITS(15));
        cr_assert_eq(made->status, side ? ORDER_FILLED : ORDER_EXPIRED);
        cr_assert_eq(locked_of(alice, USD), 0);
        cr_assert_eq(locked_of(alice, BTC), 0);
    }
}

/* Goal: what one side pays the other gets: nothing is made or lost but fees. Method: a trade
 * between two users in awkward units; add up. */
Test(ledger_fills, a_trade_moves_money_and_makes_none)
{
    struct ledger_new buy =
        order_of(AWKWARD, SIDE_BUY, TYPE_LIMIT, TIF_GTC, 7 * 12345679, 3 * 10007);
    struct ledger_new sell =
        order_of(AWKWARD, SIDE_SELL, TYPE_LIMIT, TIF_GTC, 7 * 12345000, 3 * 10007);
    give(alice, USD, UNITS(10));
    give(bob, ODD, UNITS(10));
    uint64_t buyer = place(alice, &buy), seller = place(bob, &sell);
    for (int i = 0; i < 10; i++) {
        ledger_fill(ledger, buyer, 1, (uint64_t)i, 12345679, 1000, true, false, 1);
        ledger_fill(ledger, seller, 2, (uint64_t)i, 12345679, 1000, false, false, 1);
        struct ledger_totals totals[ASSETS] = {0};
        ledger_totals(ledger, totals);
        for (uint16_t asset = 0; asset < ASSETS; asset++)
            cr_assert(totals[asset].free + totals[asset].locked + totals[asset].fees ==
                      totals[asset].deposits - totals[asset].withdrawals);
    }
}

/* Goal: a trade is remembered as it was. Method: every field of one. */
Test(ledger_fills, a_trade_has_the_fields_of_the_fill)
{
    struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(2));
    ledger_symbol(ledger, FREE)->maker_ppm = 1000;
    give(alice, BTC, UNITS(100));
    uint64_t ref = place(alice, &order);
    uint32_t slot = ledger_fill(ledger, ref, 41, 42, 1005, 700, true, false, 43);
    const struct ledger_order *made = ledger_order(ledger, slot);
    const struct ledger_trade *trade = ledger_trade(ledger, ledger_order_last_trade(ledger, made));
    cr_assert_eq(trade->trade_id, 42);
    cr_assert_eq(trade->order_id, 41);
    cr_assert_eq(trade->price_ticks, 1005);
    cr_assert_eq(trade->qty_lots, 700);
    cr_assert_eq(trade->quote_atoms, 703500000);
    cr_assert_eq(trade->fee_atoms, 703500);
    cr_assert_eq(trade->ts_us, 43);
    cr_assert_eq(trade->symbol, FREE);
    cr_assert_eq(trade->side, SIDE_SELL);
    cr_assert(trade->maker);
    cr_assert_eq(made->order_id, 41);
    cr_assert_eq(made->time_us, 43);
    cr_assert_eq(made->updated_us, 43);
    cr_assert_eq(made->trades, 1);
}

/* Goal: more than the hold cannot be spent. Method: a fill above the limit price; the assert fires.
 */
Test(ledger_fills, paying_more_than_was_held_is_a_bug, .signal = SIGABRT)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    give(alice, USD, UNITS(100));
    ledger_fill(ledger, place(alice, &order), 1, 1, 1001, 2000, true, true, 1);
}

/* Goal: "done" means all of it. Method: a last fill that leaves lots; the assert fires. */
Test(ledger_fills, a_last_fill_that_leaves_something_is_a_bug, .signal = SIGABRT)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    give(alice, USD, UNITS(100));
    ledger_fill(ledger, place(alice, &order), 1, 1, 1000, 1999, true, true, 1);
}

/* Goal: an order keeps its number. Method: a second word with another; the assert fires. */
Test(ledger_fills, another_order_id_for_the_same_ref_is_a_bug, .signal = SIGABRT)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    give(alice, USD, UNITS(100));
    uint64_t ref = place(alice, &order);
    ledger_accepted(ledger, ref, 1, 1);
    ledger_fill(ledger, ref, 2, 1, 1000, 1, true, false, 1);
}

/* ---- how many orders have not traded ---- */

/* Goal: API.md §1.5, and the examples of Binance's page on unfilled orders with one unit an order
 * given back. Method: a script of one letter a step, and the two counts after each: P places an
 * order, f fills a part of the oldest that has not traded, F all of it, c cancels it, r refuses it;
 * + goes to the next 10 s, > to the next day. */
Test(ledger_unfilled, orders_count_until_they_trade)
{
    static const struct {
        const char *steps;
        uint32_t in_10s[12], in_day[12];
    } rows[] = {
        {"PPfPfFP", {1, 2, 1, 2, 1, 1, 2}, {1, 2, 1, 2, 1, 1, 2}},
        {"PcPrP", {1, 1, 2, 1, 2}, {1, 1, 2, 1, 2}},
        {"PP+PfF>PfP", {1, 2, 0, 1, 0, 0, 0, 1, 0, 1}, {1, 2, 2, 3, 2, 2, 0, 1, 0, 1}},
        {"PPP+fPff", {1, 2, 3, 0, 0, 1, 0, 0}, {1, 2, 3, 3, 2, 3, 2, 1}},
    };
    for (size_t r = 0; r < COUNT(rows); r++) {
        uint64_t refs[12] = {0};
        uint32_t first = 0, count = 0;
        free(ledger);
        ledger = open_ledger(&default_limits);
        give(alice, BTC, UNITS(100));
        for (size_t s = 0; rows[r].steps[s]; s++) {
            struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(1));
            char step = rows[r].steps[s];
            if (step == 'P')
                refs[count++] = place(alice, &order);
            else if (step == 'f')
                fill(refs[first++], 10);
            else if (step == 'F')
                fill(refs[first - 1], 990);
            else if (step == 'c')
                ledger_done(ledger, refs[first++], ++order_ids, ORDER_CANCELED, placed_us);
            else if (step == 'r')
                ledger_refused(ledger, refs[first++]);
            else
                placed_us += step == '+' ? 10000000 : INT64_C(86400000000);
            cr_assert_eq(ledger_unfilled(ledger, alice, ORDERS_10S, placed_us), rows[r].in_10s[s],
                         "%s, step %zu: %u", rows[r].steps, s,
                         ledger_unfilled(ledger, alice, ORDERS_10S, placed_us));
            cr_assert_eq(ledger_unfilled(ledger, alice, ORDERS_1D, placed_us), rows[r].in_day[s],
                         "%s, step %zu", rows[r].steps, s);
        }
        cr_assert_eq(ledger_unfilled(ledger, bob, ORDERS_1D, placed_us), 0, "another's count");
    }
}

/* Goal: the intervals are those of the clock. Method: an order in the last microsecond of one. */
Test(ledger_unfilled, intervals_are_aligned_to_the_clock)
{
    struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(1));
    give(alice, BTC, UNITS(100));
    placed_us = NOON_US + 9999999;
    place(alice, &order);
    cr_assert_eq(ledger_unfilled(ledger, alice, ORDERS_10S, NOON_US), 1);
    cr_assert_eq(ledger_unfilled(ledger, alice, ORDERS_10S, NOON_US + 9999999), 1);
    cr_assert_eq(ledger_unfilled(ledger, alice, ORDERS_10S, NOON_US + 10000000), 0);
    cr_assert_eq(ledger_unfilled(ledger, alice, ORDERS_1D, NOON_US + 43199999999), 1);
    cr_assert_eq(ledger_unfilled(ledger, alice, ORDERS_1D, NOON_US + 43200000000), 0);
}

/* ---- how orders end ---- */

/* Goal: statuses follow the market's words. Method: the words and the status after each: "a"
 * accepted, "f" part of a fill, "F" the last one, or how it ends. */
Test(ledger_ends, statuses_follow_the_markets_words)
{
    static const struct {
        const char *words;
        enum order_status end, want[4];
    } rows[] = {
        {"a", 0, {ORDER_NEW}},
        {"aa", 0, {ORDER_NEW, ORDER_NEW}},
        {"fa", 0, {ORDER_PARTIALLY_FILLED, ORDER_PARTIALLY_FILLED}},
        {"aff", 0, {ORDER_NEW, ORDER_PARTIALLY_FILLED, ORDER_PARTIALLY_FILLED}},
        {"F", 0, {ORDER_FILLED}},
        {"aF", 0, {ORDER_NEW, ORDER_FILLED}},
        {"fafF",
         0,
         {ORDER_PARTIALLY_FILLED, ORDER_PARTIALLY_FILLED, ORDER_PARTIALLY_FILLED, ORDER_FILLED}},
        {"ad", ORDER_CANCELED, {ORDER_NEW, ORDER_CANCELED}},
        {"d", ORDER_EXPIRED, {ORDER_EXPIRED}},
        {"fd", ORDER_EXPIRED, {ORDER_PARTIALLY_FILLED, ORDER_EXPIRED}},
        {"d", ORDER_EXPIRED_IN_MATCH, {ORDER_EXPIRED_IN_MATCH}},
        {"fad", ORDER_CANCELED, {ORDER_PARTIALLY_FILLED, ORDER_PARTIALLY_FILLED, ORDER_CANCELED}},
    };
    give(alice, USD, UNITS(10000));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
        uint64_t ref = place(alice, &order), id = ++order_ids;
        uint32_t open = ledger_open_orders(ledger);
        int64_t left = 2000, locked = locked_of(alice, USD);
        cr_assert_eq(by_ref(ref)->status, ORDER_SENT);
        for (size_t w = 0; rows[i].words[w]; w++) {
            int64_t now = (int64_t)(100 + w);
            uint32_t slot = 0;
            char word = rows[i].words[w];
            if (word == 'a')
                slot = ledger_accepted(ledger, ref, id, now);
            else if (word == 'd')
                slot = ledger_done(ledger, ref, id, rows[i].end, now);
            else
                slot = ledger_fill(ledger, ref, id, ++trade_ids, 1000, word == 'F' ? left : 100,
                                   true, word == 'F', now);
            left -= word == 'f' ? 100 : word == 'F' ? left : 0;
            const struct ledger_order *made = ledger_order(ledger, slot);
            bool ended = word == 'd' || word == 'F';
            cr_assert_eq(made->ref, ref);
            cr_assert_eq(made->status, rows[i].want[w], "\"%s\", word %zu", rows[i].words, w);
            cr_assert_eq(order_is_open(made), !ended);
            cr_assert_eq(made->time_us, 100, "the market's first record");
            cr_assert_eq(made->updated_us, now);
            cr_assert_eq(ledger_find_ref(ledger, ref) != 0, !ended);
            cr_assert_eq(ledger_open_orders(ledger), open - ended);
            cr_assert_eq(ledger_find_order_id(ledger, alice, FREE, id), slot);
            if (ended)
                cr_assert_eq(locked_of(alice, USD), locked - UNITS(20));
        }
    }
}

/* Goal: a market's refusal leaves no trace. Method: every look before and after. */
Test(ledger_ends, a_refused_order_leaves_no_trace)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2)),
                      keep = limit(SIDE_BUY, 1000000, UNITS(1));
    give(alice, USD, UNITS(100));
    place(alice, &keep);
    int64_t free_before = free_of(alice, USD), locked_before = locked_of(alice, USD);
    uint64_t ref = place(alice, &order);
    ledger_refused(ledger, ref);
    cr_assert_eq(free_of(alice, USD), free_before);
    cr_assert_eq(locked_of(alice, USD), locked_before);
    cr_assert_eq(ledger_find_ref(ledger, ref), 0);
    cr_assert_eq(ledger_find_client(ledger, alice, FREE, order.client_id, order.client_length), 0);
    cr_assert_eq(ledger_open_orders(ledger), 1);
    cr_assert_eq(ledger_user(ledger, alice)->done, 0);
    cr_assert_neq(place(alice, &order), ref, "refs are never given twice");
}

/* Goal: a hold is resolved once. Method: end an order twice; the assert fires. */
Test(ledger_ends, ending_an_order_twice_is_a_bug, .signal = SIGABRT)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    give(alice, USD, UNITS(100));
    uint64_t ref = place(alice, &order);
    ledger_done(ledger, ref, 1, ORDER_CANCELED, 1);
    ledger_done(ledger, ref, 1, ORDER_CANCELED, 1);
}

/* Goal: a refusal comes before any fill. Method: refuse an order that has one; the assert fires. */
Test(ledger_ends, refusing_an_order_that_traded_is_a_bug, .signal = SIGABRT)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    give(alice, USD, UNITS(100));
    uint64_t ref = place(alice, &order);
    ledger_fill(ledger, ref, 1, 1, 1000, 1, true, false, 1);
    ledger_refused(ledger, ref);
}

/* Goal: an unknown ref is never taken for another. Method: a fill for it; the assert fires. */
Test(ledger_ends, a_fill_of_an_unknown_ref_is_a_bug, .signal = SIGABRT)
{
    ledger_fill(ledger, 12345, 1, 1, 1000, 1, true, false, 1);
}

/* ---- an order in the place of another (O4) ---- */

static enum reject check_replace(const struct ledger_new *order, uint64_t old, bool alone,
                                 struct ledger_plan *plan)
{
    return ledger_check_replace(ledger, alice, order, ledger_find_ref(ledger, old), alone, plan);
}

static uint64_t place_instead(const struct ledger_new *order, uint64_t old, bool alone)
{
    struct ledger_plan plan;
    enum reject reject = check_replace(order, old, alone, &plan);
    cr_assert_eq(reject, REJECT_NONE, "%s", reject_text(reject));
    return ledger_order(ledger, ledger_place(ledger, alice, order, &plan, placed_us))->ref;
}

/* Goal: what free funds hold at first, and what is due. Method: an old buy of 20 USD and 7 free;
 * one new order per row. */
Test(ledger_replace, holds_what_the_old_order_cannot_pay)
{
    enum { M = TYPE_MARKET, L = TYPE_LIMIT };
    static const struct {
        const char *what;
        int64_t price, qty, quote, hint;
        uint8_t side, type;
        bool by_quote, alone;
        enum reject want;
        int64_t hold, due;
    } rows[] = {
        {"the same again", CENTS(1000), UNITS(2), 0, 0, SIDE_BUY, L, 0, 0, 0, UNITS(20), UNITS(20)},
        {"smaller", CENTS(1000), UNITS(1), 0, 0, SIDE_BUY, L, 0, 0, 0, UNITS(10), UNITS(10)},
        {"larger", CENTS(1000), CENTS(270), 0, 0, SIDE_BUY, L, 0, 0, 0, UNITS(27), UNITS(20)},
        {"too large", CENTS(1000), CENTS(270) + MILLIS(1), 0, 0, SIDE_BUY, L, 0, 0, REJECT_NO_FUNDS,
         0, 0},
        {"alone", CENTS(1000), CENTS(70), 0, 0, SIDE_BUY, L, 0, true, 0, UNITS(7), 0},
        {"alone, but free funds do not reach", CENTS(1000), CENTS(70) + MILLIS(1), 0, 0, SIDE_BUY,
         L, 0, true, 0, UNITS(7) + CENTS(1), UNITS(7) + CENTS(1)},
        {"alone, with all there is", CENTS(1000), CENTS(270), 0, 0, SIDE_BUY, L, 0, true, 0,
         UNITS(27), UNITS(20)},
        {"the other asset", CENTS(1000), UNITS(3), 0, 0, SIDE_SELL, L, 0, 0, 0, UNITS(3), 0},
        {"the other asset, too much", CENTS(1000), UNITS(4), 0, 0, SIDE_SELL, L, 0, 0,
         REJECT_NO_FUNDS, 0, 0},
        {"market by amount", 0, 0, UNITS(27), 0, SIDE_BUY, M, true, 0, 0, UNITS(27), UNITS(20)},
        {"market by amount, too much", 0, 0, UNITS(27) + 1, 0, SIDE_BUY, M, true, 0,
         REJECT_NO_FUNDS, 0, 0},
        {"market by quantity", 0, UNITS(2), 0, UNITS(5), SIDE_BUY, M, 0, 0, 0,
         UNITS(10) + UNITS(10) / 20 + 1, UNITS(10) + UNITS(10) / 20 + 1},
        {"market by quantity, all there is", 0, UNITS(9), 0, UNITS(5), SIDE_BUY, M, 0, 0, 0,
         UNITS(27), UNITS(20)},
        {"market without a hint", 0, UNITS(9), 0, 0, SIDE_BUY, M, 0, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2)), made;
        struct ledger_plan plan;
        teardown();
        setup();
        give(alice, USD, UNITS(27));
        give(alice, BTC, UNITS(3));
        uint64_t old = place(alice, &order);
        made = order_of(FREE, rows[i].side, rows[i].type, TIF_GTC, rows[i].price, rows[i].qty);
        made.by_quote = rows[i].by_quote;
        made.quote_atoms = rows[i].quote;
        made.hint_atoms = rows[i].hint;
        enum reject got = check_replace(&made, old, rows[i].alone, &plan);
        cr_assert_eq(got, rows[i].want, "%s: %s", rows[i].what, reject_text(got));
        if (got != REJECT_NONE)
            continue;
        cr_assert_eq(plan.hold_atoms, rows[i].hold, "%s: hold %ld", rows[i].what, plan.hold_atoms);
        cr_assert_eq(plan.due_atoms, rows[i].due, "%s: due %ld", rows[i].what, plan.due_atoms);
        uint32_t slot = ledger_place(ledger, alice, &made, &plan, placed_us);
        cr_assert_eq(ledger_order(ledger, slot)->held, rows[i].hold - rows[i].due, "%s",
                     rows[i].what);
        cr_assert_eq(ledger_order(ledger, slot)->due, rows[i].due, "%s", rows[i].what);
        ledger_verify(ledger);
    }
}

/* Goal: the hold goes over within what is locked, and the rest is freed. Method: a larger, an equal
 * and a smaller order; free and locked before and after. */
Test(ledger_replace, the_hold_moves_and_the_rest_is_freed)
{
    static const int64_t cents[] = {270, 200, 50};
    for (size_t i = 0; i < COUNT(cents); i++) {
        struct ledger_new first = limit(SIDE_BUY, CENTS(1000), UNITS(2)),
                          second = limit(SIDE_BUY, CENTS(1000), CENTS(cents[i]));
        teardown();
        setup();
        give(alice, USD, UNITS(27));
        uint64_t old = place(alice, &first), id = accept(old), made;
        made = place_instead(&second, old, false);
        int64_t due = by_ref(made)->due, hold = CENTS(1000 * cents[i] / 100);
        cr_assert_eq(locked_of(alice, USD), UNITS(20) + hold - due);
        uint32_t slot = ledger_replaced(ledger, old, id, made, due, 77);
        cr_assert_eq(ledger_order(ledger, slot)->status, ORDER_CANCELED);
        cr_assert_eq(ledger_order(ledger, slot)->updated_us, 77);
        cr_assert_eq(by_ref(made)->held, hold);
        cr_assert_eq(by_ref(made)->due, 0);
        cr_assert_eq(locked_of(alice, USD), hold);
        cr_assert_eq(free_of(alice, USD), UNITS(27) - hold);
        ledger_verify(ledger);
        accept(made);
        ledger_done(ledger, made, order_ids, ORDER_CANCELED, 78);
        cr_assert_eq(free_of(alice, USD), UNITS(27));
    }
}

/* Goal: what the market does not give leaves both holds as they were. Method: nothing moved, then
 * the new one refused. */
Test(ledger_replace, a_hold_that_does_not_come_is_given_up)
{
    struct ledger_new first = limit(SIDE_BUY, CENTS(1000), UNITS(2)),
                      second = limit(SIDE_BUY, CENTS(1000), CENTS(270));
    give(alice, USD, UNITS(27));
    uint64_t old = place(alice, &first), id = accept(old), made = place_instead(&second, old, 0);
    ledger_fill(ledger, old, id, ++trade_ids, 1000, 1, true, false, 1);
    ledger_replaced(ledger, old, id, made, 0, 77);
    ledger_verify(ledger);
    cr_assert_eq(locked_of(alice, USD), UNITS(7));
    ledger_refused(ledger, made);
    cr_assert_eq(locked_of(alice, USD), 0);
    cr_assert_eq(free_of(alice, USD), UNITS(27) - CENTS(1));
}

/* Goal: an estimate takes what there is. Method: a market order by quantity, half of what was due.
 */
Test(ledger_replace, an_estimate_takes_what_is_left)
{
    struct ledger_new first = limit(SIDE_BUY, CENTS(1000), UNITS(2)),
                      second = order_of(FREE, SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, UNITS(9));
    second.hint_atoms = UNITS(5);
    give(alice, USD, UNITS(27));
    uint64_t old = place(alice, &first), id = accept(old), made = place_instead(&second, old, 0);
    ledger_fill(ledger, old, id, ++trade_ids, 1000, 1000, true, false, 1);
    ledger_replaced(ledger, old, id, made, UNITS(10), 77);
    cr_assert_eq(by_ref(made)->held, UNITS(17));
    cr_assert_eq(by_ref(made)->due, 0);
    cr_assert_eq(free_of(alice, USD), 0);
}

/* Goal: a replace of an order that waits for its own hold counts on that. Method: three in a row,
 * with every atom in the first. */
Test(ledger_replace, pipelined_replaces_count_on_each_other)
{
    struct ledger_new order[3];
    uint64_t ref[3];
    give(alice, USD, UNITS(20));
    for (int i = 0; i < 3; i++) {
        order[i] = limit(SIDE_BUY, CENTS(1000 - i), i ? UNITS(1) : UNITS(2));
        ref[i] = i ? place_instead(&order[i], ref[i - 1], i == 2) : place(alice, &order[0]);
    }
    accept(ref[0]);
    for (int i = 1; i < 3; i++) {
        ledger_replaced(ledger, ref[i - 1], order_ids, ref[i], by_ref(ref[i])->due, 9);
        accept(ref[i]);
        cr_assert_eq(locked_of(alice, USD), CENTS(1000 - i));
        ledger_verify(ledger);
    }
    cr_assert_eq(free_of(alice, USD), UNITS(20) - CENTS(998));
}

/* Goal: filters come before the cancel, ids and funds behind it. Method: one order per row. */
Test(ledger_replace, the_old_order_counts_against_the_filters_but_not_against_the_ids)
{
    struct ledger_new order[3];
    struct ledger_plan plan;
    uint64_t ref[2];
    give(alice, BTC, UNITS(100));
    for (int i = 0; i < 3; i++) {
        order[i] = order_of(PLAIN, SIDE_SELL, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(2));
        if (i < 2)
            ref[i] = place(alice, &order[i]);
    }
    cr_assert_eq(check_replace(&order[2], ref[0], false, &plan), REJECT_MAX_NUM_ORDERS);
    order[2].client_length = order[1].client_length;
    memcpy(order[2].client_id, order[1].client_id, order[1].client_length);
    cr_assert_eq(check_replace(&order[2], ref[0], false, &plan), REJECT_MAX_NUM_ORDERS);
    ledger_symbol(ledger, PLAIN)->max_orders = 3;
    cr_assert_eq(check_replace(&order[2], ref[0], false, &plan), REJECT_DUPLICATE_ORDER);
    cr_assert_eq(check_replace(&order[2], ref[1], false, &plan), REJECT_NONE, "the old one's id");
    order[2].qty_atoms = UNITS(101);
    cr_assert_eq(check_replace(&order[2], ref[0], false, &plan), REJECT_DUPLICATE_ORDER);
    cr_assert_eq(check_replace(&order[2], ref[1], false, &plan), REJECT_NO_FUNDS);
    order[2].price_atoms++;
    cr_assert_eq(check_replace(&order[2], ref[1], false, &plan), REJECT_PRICE_FILTER);
}

/* Goal: more than was due never moves. Method: an atom more; the assert fires. */
Test(ledger_replace, moving_another_amount_than_is_due_is_a_bug, .signal = SIGABRT)
{
    struct ledger_new first = limit(SIDE_BUY, CENTS(1000), UNITS(2)),
                      second = limit(SIDE_BUY, CENTS(1000), UNITS(1));
    give(alice, USD, UNITS(20));
    uint64_t old = place(alice, &first), id = accept(old), made = place_instead(&second, old, 0);
    ledger_replaced(ledger, old, id, made, UNITS(10) - 1, 77);
}

/* ---- client order ids ---- */

/* Goal: a client id is unique among the user's open orders, in every symbol, and free again when
 * the order ends in any way. Method: end it in four ways. */
Test(ledger_ids, a_client_id_is_unique_among_open_orders_and_reusable_afterwards)
{
    give(alice, BTC, UNITS(1000));
    give(bob, BTC, UNITS(1000));
    for (int way = 0; way < 4; way++) {
        struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(1));
        name(&order, "again");
        uint64_t ref = place(alice, &order);
        struct ledger_new other = order;
        cr_assert_eq(check(alice, &other), REJECT_DUPLICATE_ORDER, "SENT");
        cr_assert_eq(check(bob, &other), REJECT_NONE, "another user's id is another id");
        other.symbol = PLAIN;
        other.qty_atoms = UNITS(2);
        cr_assert_eq(check(alice, &other), REJECT_DUPLICATE_ORDER, "another symbol");
        other.symbol = FREE;
        other.client_length--;
        cr_assert_eq(check(alice, &other), REJECT_NONE, "a shorter id is another id");
        if (way)
            accept(ref);
        if (way)
            cr_assert_eq(check(alice, &order), REJECT_DUPLICATE_ORDER, "NEW");
        switch (way) {
        case 0:
            ledger_refused(ledger, ref);
            break;
        case 1:
            ledger_done(ledger, ref, order_ids, ORDER_CANCELED, 1);
            break;
        case 2:
            ledger_fill(ledger, ref, order_ids, ++trade_ids, 1000, 10, true, false, 1);
            cr_assert_eq(check(alice, &order), REJECT_DUPLICATE_ORDER, "PARTIALLY_FILLED");
            ledger_fill(ledger, ref, order_ids, ++trade_ids, 1000, 990, true, true, 1);
            break;
        default:
            ledger_done(ledger, ref, order_ids, ORDER_EXPIRED_IN_MATCH, 1);
        }
        cr_assert_eq(check(alice, &order), REJECT_NONE, "way %d", way);
    }
}

/* Goal: of several orders with one id the newest is found. Method: three done, one open, then done.
 */
Test(ledger_ids, the_newest_order_with_a_client_id_is_found)
{
    give(alice, BTC, UNITS(1000));
    struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(1));
    name(&order, "again");
    for (int i = 0; i < 4; i++) {
        uint64_t ref = place(alice, &order);
        uint32_t slot = ledger_find_client(ledger, alice, FREE, "again", 5);
        cr_assert_eq(ledger_order(ledger, slot)->ref, ref);
        ledger_done(ledger, ref, ++order_ids, ORDER_CANCELED, 1);
        cr_assert_eq(ledger_find_client(ledger, alice, FREE, "again", 5), slot);
        cr_assert_eq(ledger_find_client(ledger, alice, UINT16_MAX, "again", 5), slot, "any symbol");
    }
    uint64_t shown = ledger_find_shown(ledger, alice, FREE, "again", 5);
    cr_assert_eq(shown, ledger_find_client(ledger, alice, FREE, "again", 5));
    uint64_t ref = place(alice, &order); /* one on its way is found, and not shown */
    cr_assert_eq(ledger_find_client(ledger, alice, FREE, "again", 5), ledger_find_ref(ledger, ref));
    cr_assert_eq(ledger_find_shown(ledger, alice, FREE, "again", 5), shown);
    cr_assert_eq(ledger_find_client(ledger, alice, PLAIN, "again", 5), 0);
    cr_assert_eq(ledger_find_client(ledger, bob, FREE, "again", 5), 0);
    cr_assert_eq(ledger_find_client(ledger, alice, FREE, "agai", 4), 0);
    cr_assert_eq(ledger_find_client(ledger, alice, FREE, "again!", 6), 0);
}

/* Goal: an order id is found by its user in its symbol only. Method: the same number in two symbols
 * (ids are dense per symbol). */
Test(ledger_ids, an_order_id_is_found_in_its_symbol_by_its_user)
{
    give(alice, BTC, UNITS(1000));
    struct ledger_new one = limit(SIDE_SELL, CENTS(1000), UNITS(2));
    struct ledger_new two = order_of(PLAIN, SIDE_SELL, TYPE_LIMIT, TIF_GTC, CENTS(1000), UNITS(2));
    uint64_t ref[2] = {place(alice, &one), place(alice, &two)};
    cr_assert_eq(ledger_find_order_id(ledger, alice, FREE, 0), 0, "no id yet is not id 0");
    ledger_accepted(ledger, ref[0], 5, 1);
    ledger_accepted(ledger, ref[1], 5, 1);
    cr_assert_eq(ledger_order(ledger, ledger_find_order_id(ledger, alice, FREE, 5))->ref, ref[0]);
    cr_assert_eq(ledger_order(ledger, ledger_find_order_id(ledger, alice, PLAIN, 5))->ref, ref[1]);
    cr_assert_eq(ledger_find_order_id(ledger, bob, FREE, 5), 0);
    cr_assert_eq(ledger_find_order_id(ledger, alice, AWKWARD, 5), 0);
    cr_assert_eq(ledger_find_order_id(ledger, alice, FREE, 6), 0);
    ledger_done(ledger, ref[0], 5, ORDER_CANCELED, 1);
    cr_assert_neq(ledger_find_order_id(ledger, alice, FREE, 5), 0, "done orders are found too");
}

/* ---- O5: deposits ---- */

static const uint8_t some_id[REQUEST_ID_BYTES] = "request number 1";
static const struct ledger_deposit *done;

static enum reject deposit(uint32_t user, uint16_t asset, int64_t amount)
{
    return ledger_check_deposit(ledger, user, asset, amount, some_id, &done);
}

/* Goal: a repeat is told the first answer and changes nothing. Method: repeat, after other changes.
 */
Test(ledger_deposits, a_repeat_gets_the_first_answer)
{
    cr_assert_eq(deposit(alice, USD, 100), REJECT_NONE);
    cr_assert(done == NULL);
    const struct ledger_deposit *made = ledger_apply_deposit(ledger, alice, USD, 100, some_id);
    cr_assert_eq(made->free_after, 100);
    give(alice, USD, 900);
    cr_assert_eq(deposit(alice, USD, 100), REJECT_NONE);
    cr_assert_eq(done, made);
    cr_assert_eq(done->free_after, 100, "the answer of then");
    cr_assert_eq(done->amount, 100);
    cr_assert_eq(free_of(alice, USD), 1000);
}

/* Goal: the same id with other content is refused. Method: other amount, sign, asset; and another
 * user, for whom it is a new id. */
Test(ledger_deposits, an_id_with_other_content_is_refused)
{
    ledger_apply_deposit(ledger, alice, USD, 100, some_id);
    cr_assert_eq(deposit(alice, USD, 101), REJECT_REQUEST_ID_REUSED);
    cr_assert_eq(deposit(alice, USD, -100), REJECT_REQUEST_ID_REUSED);
    cr_assert_eq(deposit(alice, BTC, 100), REJECT_REQUEST_ID_REUSED);
    cr_assert_eq(deposit(bob, USD, 100), REJECT_NONE);
    cr_assert(done == NULL);
}

/* Goal: a withdrawal takes free funds only. Method: with a part locked, to the atom. */
Test(ledger_deposits, a_withdrawal_takes_free_funds_only)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    cr_assert_eq(deposit(alice, USD, -1), REJECT_NO_FUNDS, "no balance at all");
    give(alice, USD, UNITS(100));
    place(alice, &order);
    cr_assert_eq(deposit(alice, USD, -UNITS(80) - 1), REJECT_NO_FUNDS);
    cr_assert_eq(deposit(alice, USD, -UNITS(80)), REJECT_NONE);
    cr_assert_eq(ledger_apply_deposit(ledger, alice, USD, -UNITS(80), some_id)->free_after, 0);
    cr_assert_eq(locked_of(alice, USD), UNITS(20));
    cr_assert_eq(deposit(alice, USD, -UNITS(80)), REJECT_NONE, "a repeat needs no funds");
    cr_assert(done != NULL);
    struct ledger_totals totals[ASSETS] = {0};
    ledger_totals(ledger, totals);
    cr_assert(totals[USD].deposits == UNITS(100) && totals[USD].withdrawals == UNITS(80));
}

/* Goal: no balance, and no sum of balances, passes an int64. Method: the last atom that fits. */
Test(ledger_deposits, a_supply_that_does_not_fit_is_refused)
{
    give(alice, USD, INT64_MAX - 10);
    cr_assert_eq(deposit(alice, USD, 11), REJECT_OVERFLOW);
    cr_assert_eq(deposit(bob, USD, 11), REJECT_OVERFLOW, "the shard's supply");
    cr_assert_eq(deposit(bob, BTC, INT64_MAX), REJECT_NONE, "another asset");
    cr_assert_eq(deposit(bob, USD, 10), REJECT_NONE);
    give(alice, USD, -1000);
    cr_assert_eq(deposit(bob, USD, 1010), REJECT_NONE);
}

/* Goal: the lowest amount there is cannot be withdrawn either. Method: INT64_MIN. */
Test(ledger_deposits, the_lowest_amount_is_refused)
{
    cr_assert_eq(deposit(alice, USD, INT64_MIN), REJECT_NO_FUNDS);
}

/* Goal: the table of ids is bounded, and its last sixteenth is for withdrawals. Method: fill it; a
 * repeat still gets its answer. */
Test(ledger_deposits, a_full_table_refuses_new_ids_only)
{
    uint32_t kept_back = default_limits.deposits / 16;
    cr_assert_gt(kept_back, 0);
    ledger_apply_deposit(ledger, alice, USD, 100, some_id);
    for (uint32_t i = 1; i < default_limits.deposits - kept_back; i++)
        give(alice, USD, 1);
    uint8_t other[REQUEST_ID_BYTES] = "another request";
    cr_assert_eq(ledger_check_deposit(ledger, alice, USD, 1, other, &done), REJECT_LIMIT);
    for (uint8_t i = 0; i < kept_back; i++) {
        other[0] = i;
        cr_assert_eq(ledger_check_deposit(ledger, alice, USD, -1, other, &done), REJECT_NONE);
        ledger_apply_deposit(ledger, alice, USD, -1, other);
    }
    other[0]++;
    cr_assert_eq(ledger_check_deposit(ledger, alice, USD, -1, other, &done), REJECT_LIMIT);
    cr_assert_eq(deposit(alice, USD, 100), REJECT_NONE);
    cr_assert(done != NULL);
}

/* ---- O6: history ---- */

static uint64_t place_and_cancel(uint32_t user, const char *id)
{
    struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(1));
    name(&order, id);
    uint64_t ref = place(user, &order);
    ledger_done(ledger, ref, ++order_ids, ORDER_CANCELED, 1);
    return ref;
}

static void small_history(uint32_t done_orders, uint64_t history)
{
    struct ledger_limits limits = default_limits;
    free(ledger);
    limits.done_orders = done_orders;
    limits.history = history;
    ledger = open_ledger(&limits);
    give(alice, BTC, UNITS(1000));
    give(bob, BTC, UNITS(1000));
}

/* Goal: a user keeps the newest done orders, oldest first; older ones are gone from every index.
 * Method: 10 orders where 3 are kept. */
Test(ledger_history, the_oldest_done_orders_go_first)
{
    small_history(3, 60);
    uint64_t ref[10];
    for (int i = 0; i < 10; i++) {
        char id[] = {'d', (char)('0' + i), 0};
        ref[i] = place_and_cancel(alice, id);
        const struct ledger_user *user = ledger_user(ledger, alice);
        int first = i < 3 ? 0 : i - 2;
        uint32_t at = user->done_head;
        cr_assert_eq(user->done, (uint32_t)(i < 3 ? i + 1 : 3));
        for (int k = first; k <= i; k++, at = ledger_order(ledger, at)->next)
            cr_assert_eq(ledger_order(ledger, at)->ref, ref[k]);
        cr_assert_eq(at, 0);
        for (int k = 0; k <= i; k++) {
            char old[] = {'d', (char)('0' + k), 0};
            cr_assert_eq(ledger_find_client(ledger, alice, FREE, old, 2) != 0, k >= first);
            cr_assert_eq(ledger_find_order_id(ledger, alice, FREE, order_ids - (uint64_t)(i - k)) !=
                             0,
                         k >= first);
        }
    }
    place_and_cancel(bob, "x");
    cr_assert_eq(ledger_user(ledger, alice)->done, 3, "another user's order evicted one");
    ledger_verify(ledger);
}

/* Goal: the history of all is bounded too, and each keeps at least the newest. Method: 4 for all.
 */
Test(ledger_history, all_users_together_keep_what_the_shard_has_room_for)
{
    small_history(3, 4);
    for (int i = 0; i < 3; i++)
        place_and_cancel(alice, "a");
    cr_assert_eq(ledger_user(ledger, alice)->done, 3);
    for (int i = 0; i < 5; i++) {
        uint64_t ref = place_and_cancel(bob, "b");
        cr_assert_eq(ledger_user(ledger, bob)->done, 1);
        cr_assert_eq(ledger_order(ledger, ledger_user(ledger, bob)->done_head)->ref, ref);
    }
    ledger_verify(ledger);
}

static uint64_t fill_one(uint64_t ref, uint64_t order_id)
{
    ledger_fill(ledger, ref, order_id, ++trade_ids, 1000, 1, true, false, 1);
    return trade_ids;
}

/* Goal: the same of trades. Method: 10 where 3 are kept. */
Test(ledger_history, the_oldest_trades_go_first)
{
    small_history(3, 60);
    struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(1));
    uint64_t ref = place(alice, &order);
    for (uint64_t i = 0; i < 10; i++) {
        fill_one(ref, 7);
        const struct ledger_user *user = ledger_user(ledger, alice);
        uint64_t kept = i < 3 ? i + 1 : 3;
        uint32_t at = user->trade_head;
        cr_assert_eq(user->trades, kept);
        for (uint64_t k = 0; k < kept; k++, at = ledger_trade(ledger, at)->next)
            cr_assert_eq(ledger_trade(ledger, at)->trade_id, trade_ids - kept + 1 + k);
        cr_assert_eq(at, 0);
    }
    cr_assert_eq(by_ref(ref)->trades, 10, "the order counts them all");
}

/* Goal: an order's own trades can be walked, newest first, to where they were evicted. Method: two
 * orders trade in turn; 4 are kept. */
Test(ledger_history, the_trades_of_an_order_are_walked_newest_first)
{
    small_history(4, 60);
    struct ledger_new one = limit(SIDE_SELL, CENTS(1000), UNITS(1));
    struct ledger_new two = limit(SIDE_SELL, CENTS(1000), UNITS(1));
    uint64_t ref[2] = {place(alice, &one), place(alice, &two)}, id[20];
    cr_assert_eq(ledger_order_last_trade(ledger, by_ref(ref[0])), 0, "it has none");
    for (int i = 0; i < 20; i++) {
        id[i] = fill_one(ref[i % 2], 1 + (uint64_t)(i % 2));
        for (int which = 0; which < 2; which++) {
            int k = i - (i % 2 != which); /* its newest */
            uint32_t at = ledger_order_last_trade(ledger, by_ref(ref[which]));
            for (; k >= 0 && k > i - 4; k -= 2, at = ledger_trade_before(ledger, at)) {
                cr_assert_neq(at, 0, "trade %d, order %d", i, which);
                cr_assert_eq(ledger_trade(ledger, at)->trade_id, id[k]);
            }
            cr_assert_eq(at, 0, "trade %d, order %d", i, which);
        }
    }
}

/* Goal: a trade whose place was given to another is not taken for the order's own. Method: order
 * one trades, order two until that is evicted, then order one again: it has nothing before it. */
Test(ledger_history, an_evicted_trade_is_nobodys_last_one)
{
    small_history(3, 60);
    struct ledger_new one = limit(SIDE_SELL, CENTS(1000), UNITS(1));
    struct ledger_new two = limit(SIDE_SELL, CENTS(1000), UNITS(1));
    uint64_t ref[2] = {place(alice, &one), place(alice, &two)};
    fill_one(ref[0], 1);
    for (int i = 0; i < 4; i++)
        fill_one(ref[1], 2);
    cr_assert_eq(ledger_order_last_trade(ledger, by_ref(ref[0])), 0, "its place is another's");
    uint64_t id = fill_one(ref[0], 1);
    uint32_t at = ledger_order_last_trade(ledger, by_ref(ref[0]));
    cr_assert_eq(ledger_trade(ledger, at)->trade_id, id);
    cr_assert_eq(ledger_trade_before(ledger, at), 0, "trade %lu of order %lu",
                 ledger_trade(ledger, ledger_trade_before(ledger, at))->trade_id,
                 ledger_trade(ledger, ledger_trade_before(ledger, at))->order_id);

    for (int i = 0; i < 2; i++) /* its newest is now the oldest of the three */
        fill_one(ref[1], 2);
    fill_one(ref[0], 1); /* takes its place */
    at = ledger_order_last_trade(ledger, by_ref(ref[0]));
    cr_assert_neq(ledger_trade_before(ledger, at), at, "it is its own predecessor");
    cr_assert_eq(ledger_trade_before(ledger, at), 0);
}

/* Goal: with the shard's history of trades full nobody loses another's. Method: room for 2. */
Test(ledger_history, a_user_without_trades_records_none_when_the_shard_is_full)
{
    small_history(3, 2);
    struct ledger_new one = limit(SIDE_SELL, CENTS(1000), UNITS(1)), two = one;
    uint64_t ref[2] = {place(alice, &one), place(bob, &two)};
    fill_one(ref[0], 1);
    fill_one(ref[0], 1);
    fill_one(ref[1], 2);
    cr_assert_eq(ledger_user(ledger, alice)->trades, 2);
    cr_assert_eq(ledger_user(ledger, bob)->trades, 0);
    cr_assert_eq(ledger_order_last_trade(ledger, by_ref(ref[1])), 0);
    cr_assert_eq(by_ref(ref[1])->executed_lots, 1, "the fill itself counts");
    uint64_t id = fill_one(ref[0], 1);
    cr_assert_eq(ledger_trade(ledger, ledger_user(ledger, alice)->trade_tail)->trade_id, id);
}

/* ---- looking in ---- */

/* Goal: users are found by id and the table is bounded. Method: add up to the limit. */
Test(ledger_looks, users_are_found_by_their_id)
{
    cr_assert_eq(ledger_users(ledger), 2);
    cr_assert_eq(ledger_user(ledger, alice)->id, ALICE_ID);
    cr_assert_eq(ledger_user_find(ledger, 1), 0);
    cr_assert_neq(alice, bob);
    ledger_user_add(ledger, UINT32_MAX);
    cr_assert(ledger_user_room(ledger));
    ledger_user_add(ledger, 0);
    cr_assert(!ledger_user_room(ledger));
    cr_assert_neq(ledger_user_find(ledger, 0), 0);
    cr_assert_eq(ledger_user(ledger, ledger_user_find(ledger, UINT32_MAX))->id, UINT32_MAX);
    cr_assert_eq(ledger_users(ledger), USERS_MAX);
}

/* Goal: adding a user twice is a bug. Method: the assert fires, in a child process. */
Test(ledger_looks, adding_a_user_twice_is_a_bug, .signal = SIGABRT)
{
    ledger_user_add(ledger, ALICE_ID);
}

/* Goal: balances and positions are found, and listed in the order of their first use. Method: use
 * three assets, two symbols. */
Test(ledger_looks, balances_and_positions_come_in_the_order_of_first_use)
{
    static const uint16_t assets[] = {ODD, BTC, USD};
    static const uint16_t symbols[] = {AWKWARD, FREE};
    cr_assert_eq(ledger_find_balance(ledger, alice, ODD), 0);
    give(alice, ODD, 10);
    give(bob, USD, 10);
    give(alice, BTC, UNITS(1));
    give(alice, ODD, 20);
    struct ledger_new one = order_of(AWKWARD, SIDE_SELL, TYPE_LIMIT, TIF_GTC, 7, 3);
    struct ledger_new two = limit(SIDE_SELL, CENTS(1), MILLIS(1));
    cr_assert_eq(ledger_find_position(ledger, alice, AWKWARD), 0);
    place(alice, &one);
    place(alice, &two);
    uint32_t at = ledger_user(ledger, alice)->balances;
    for (size_t i = 0; i < COUNT(assets); i++, at = ledger_balance(ledger, at)->next) {
        cr_assert_eq(ledger_balance(ledger, at)->asset, assets[i]);
        cr_assert_eq(ledger_find_balance(ledger, alice, assets[i]), at);
    }
    cr_assert_eq(at, 0);
    at = ledger_user(ledger, alice)->positions;
    for (size_t i = 0; i < COUNT(symbols); i++, at = ledger_position(ledger, at)->next) {
        cr_assert_eq(ledger_position(ledger, at)->symbol, symbols[i]);
        cr_assert_eq(ledger_find_position(ledger, alice, symbols[i]), at);
        cr_assert_eq(ledger_position(ledger, at)->open, 1);
    }
    cr_assert_eq(at, 0);
    cr_assert_eq(ledger_find_position(ledger, bob, FREE), 0);
}

static uint32_t counted;

static void count_order(void *arg, const struct ledger_order *order)
{
    cr_assert(order_is_open(order));
    counted++;
    *(uint64_t *)arg += order->ref;
}

/* Goal: open orders are listed in the order of their making, whichever ends in between. Method: end
 * the first, one in the middle and the last of a list. */
Test(ledger_looks, open_orders_are_listed_in_the_order_of_their_making)
{
    give(alice, BTC, UNITS(100));
    uint64_t ref[7];
    for (int i = 0; i < 7; i++) {
        struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(1));
        ref[i] = place(alice, &order);
    }
    static const int ends[] = {0, 3, 6}, left[] = {1, 2, 4, 5};
    for (int i = 0; i < 3; i++)
        ledger_done(ledger, ref[ends[i]], ++order_ids, ORDER_CANCELED, 1);
    uint32_t position = ledger_find_position(ledger, alice, FREE);
    uint32_t at = ledger_position(ledger, position)->head, before = 0;
    uint64_t sum = 0, want = 0;
    for (size_t i = 0; i < COUNT(left); i++) {
        cr_assert_eq(ledger_order(ledger, at)->ref, ref[left[i]]);
        cr_assert_eq(ledger_order(ledger, at)->prev, before);
        want += ref[left[i]];
        before = at;
        at = ledger_order(ledger, at)->next;
    }
    cr_assert_eq(at, 0);
    cr_assert_eq(ledger_position(ledger, position)->tail, before);
    cr_assert_eq(ledger_open_orders(ledger), 4);
    counted = 0;
    ledger_each_open(ledger, count_order, &sum);
    cr_assert_eq(counted, 4);
    cr_assert_eq(sum, want);
}

/* Goal: totals are added to what is there (all shards into one table). Method: non-zero table. */
Test(ledger_looks, totals_are_added_up)
{
    struct ledger_totals totals[ASSETS] = {[USD] = {1, 2, 3, 4, 5}};
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    give(alice, USD, UNITS(50));
    give(bob, USD, UNITS(50));
    give(bob, USD, -UNITS(10));
    place(alice, &order);
    ledger_totals(ledger, totals);
    cr_assert(totals[USD].deposits == UNITS(100) + 1);
    cr_assert(totals[USD].withdrawals == UNITS(10) + 2);
    cr_assert(totals[USD].free == UNITS(70) + 3);
    cr_assert(totals[USD].locked == UNITS(20) + 4);
    cr_assert(totals[USD].fees == 5);
}

/* A history of about everything; `change` makes one call differ, or leaves it out. */
static uint64_t hash_of_history(int change)
{
    free(ledger);
    ledger = open_ledger(&default_limits);
    give(alice, USD, UNITS(100) + (change == 1));
    give(bob, BTC, UNITS(100));
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    name(&order, change == 2 ? "other" : "order");
    order.stp = change == 3;
    order.symbol = change == 14 ? PLAIN : FREE;
    order.strategy = (struct strategy){.has_id = change != 16 && change != 17,
                                       .type = change != 16 && change != 18 ? 1000000 : 0};
    uint64_t ref = place(alice, &order), sold;
    ledger_accepted(ledger, ref, change == 4 ? 2 : 1, change == 5 ? 2 : 1);
    order = limit(SIDE_SELL, CENTS(change == 6 ? 999 : 1000), UNITS(2));
    name(&order, "sell");
    sold = place(bob, &order);
    ledger_fill(ledger, sold, 3, change == 7 ? 8 : 7, 1000, 500, change == 8, false, 9);
    if (change != 9)
        ledger_done(ledger, sold, 3, change == 10 ? ORDER_EXPIRED : ORDER_CANCELED, 9);
    if (change == 11)
        ledger_user_add(ledger, 5);
    if (change == 12)
        ledger_symbol(ledger, FREE)->taker_ppm++;
    if (change == 13)
        give(alice, USD, 0);
    if (change == 15)
        placed_us += 10000000;
    order = limit(SIDE_BUY, CENTS(1000), UNITS(1));
    name(&order, "last");
    place(alice, &order);
    return ledger_hash(ledger);
}

/* Goal: equal histories hash alike, others do not. Method: one history, and eighteen that differ
 * in one thing. */
Test(ledger_looks, equal_histories_have_equal_hashes_and_others_do_not)
{
    uint64_t same = hash_of_history(0);
    cr_assert_eq(hash_of_history(0), same);
    for (int change = 1; change <= 18; change++)
        cr_assert_neq(hash_of_history(change), same, "change %d", change);
    cr_assert_eq(hash_of_history(0), same);
}

/* Goal: an order keeps what its client called it, to its end, and in the slot of one that has ended
 * the next order has none. Method: place, end, place again until the slot comes back. */
Test(ledger_looks, a_strategy_stays_with_its_order)
{
    const struct strategy strategy = {.id = 7, .type = 1000000, .has_id = true};
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(1));
    give(alice, USD, UNITS(100));
    order.strategy = strategy;
    uint64_t ref = place(alice, &order);
    uint32_t slot = ledger_find_ref(ledger, ref), again = 0;
    cr_assert(ledger_order(ledger, slot)->flags & ORDER_TERMS);
    ledger_accepted(ledger, ref, ++order_ids, 1);
    slot = ledger_done(ledger, ref, order_ids, ORDER_CANCELED, 2);
    cr_assert(
        strategies_agree(&ledger_terms(ledger, ledger_order(ledger, slot))->strategy, &strategy));
    order.strategy = (struct strategy){0};
    for (uint32_t i = 0; i < 1000 && again != slot; i++) {
        ref = place(alice, &order);
        again = ledger_find_ref(ledger, ref);
        const struct ledger_order *made = ledger_order(ledger, again);
        cr_assert_not(made->flags & ORDER_TERMS);
        cr_assert(strategy_none(&ledger_terms(ledger, made)->strategy));
        ledger_done(ledger, ref, ++order_ids, ORDER_CANCELED, 3);
    }
    cr_assert_eq(again, slot, "its slot comes back");
}

/* Goal: ledger_verify bites. Method: touch a hold through the accessor; the assert fires. */
Test(ledger_looks, verify_sees_a_hold_that_is_wrong, .signal = SIGABRT)
{
    struct ledger_new order = limit(SIDE_BUY, CENTS(1000), UNITS(2));
    give(alice, USD, UNITS(100));
    by_ref(place(alice, &order))->held++;
    ledger_verify(ledger);
}

/* Goal: as above. Method: a status that contradicts the list. */
Test(ledger_looks, verify_sees_a_done_order_among_the_open_ones, .signal = SIGABRT)
{
    struct ledger_new order = limit(SIDE_SELL, CENTS(1000), UNITS(2));
    give(alice, BTC, UNITS(100));
    by_ref(place(alice, &order))->status = ORDER_CANCELED;
    ledger_verify(ledger);
}
