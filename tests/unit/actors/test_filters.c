/* The filters that only a market can check: those that need its mean price. And changes of symbols
 * as the shards take them. */
#include <criterion/criterion.h>
#include <string.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "actors/exchange.h"
#include "actors/market_shard.h"

enum { ACCOUNT = 1, MARKET = 2 }; /* one shard of each kind */
#define TICK        (MONEY_ATOMS_PER_UNIT / 100)
#define LOT         (MONEY_ATOMS_PER_UNIT / 1000)
#define MINUTE      INT64_C(60000000)
#define UNITS_OF(n) ((n)*MONEY_ATOMS_PER_UNIT)

static struct exchange ex;
static uint64_t refs;

static int64_t no_time(void *self)
{
    (void)self;
    return 1;
}

static void open_exchange(void)
{
    static const struct env_ops ops = {.now_us = no_time};
    struct exchange_config config;
    exchange_config_default(&config, 1);
    config.account_shards = config.market_shards = 1;
    config.users_max = 4;
    config.symbols_max = 2;
    config.orders_max = 64;
    config.window_ticks = 64;
    exchange_init(&ex, (struct env){.ops = &ops}, &config);
}

static void close_exchange(void)
{
    exchange_fini(&ex);
}

TestSuite(market_filters, .init = open_exchange, .fini = close_exchange);

/* The next message on its link. */
static enum recover take_at(uint16_t to, struct msg msg, int64_t ts_us)
{
    unsigned char bytes[MSG_ENCODED_BYTES];
    const struct record_head head = {.type = RECORD_LINK,
                                     .bytes = sizeof bytes,
                                     .shard = to,
                                     .shard_seq = exchange_shard_seq(&ex, to) + 1};
    msg.seq = exchange_shard(&ex, to)->in[msg.from].in_seq + 1;
    msg_encode(&msg, bytes);
    return exchange_replay(&ex, &head, bytes, ts_us);
}

static enum recover take(struct msg msg, int64_t ts_us)
{
    return take_at(MARKET, msg, ts_us);
}

static void take_symbol(uint16_t to, const struct symbol_config *symbol)
{
    struct symbol_parts parts;
    symbol_parts_make(&parts, symbol, MARKET);
    for (uint32_t part = 0; part < SYMBOL_PARTS; part++) {
        struct msg msg = {.type = symbol_part_type(part), .from = CONTROL_SHARD};
        memcpy(msg.config.value, parts.value[part], sizeof msg.config.value);
        if (parts.seen >> part & 1)
            cr_assert_eq(take_at(to, msg, 1), RECOVER_OK);
    }
}

/* Lists symbol 0, or changes it, with these limits. */
static void list(const struct symbol_limits *limits, int64_t min_notional, int64_t max_notional)
{
    const struct symbol_config symbol = {.tick_atoms = TICK,
                                         .step_atoms = LOT,
                                         .tick_shown = TICK,
                                         .step_shown = LOT,
                                         .min_notional = min_notional,
                                         .max_notional = max_notional,
                                         .limits = *limits};
    take_symbol(MARKET, &symbol);
    cr_assert_not_null(market_shard_book(ex.market[0], 0));
}

/* What the market says to an order: REJECT_NONE when it took it. */
static enum reject place(uint8_t side, uint8_t type, uint8_t tif, int64_t price, int64_t lots,
                         int64_t ts_us)
{
    struct msg msg = {.type = MSG_PLACE, .from = ACCOUNT};
    msg.place.ref = ++refs;
    msg.place.price_ticks = price;
    msg.place.qty_lots = lots;
    msg.place.held = INT32_MAX;
    msg.place.user = 1;
    msg.place.side = side;
    msg.place.order_type = type;
    msg.place.tif = tif;
    cr_assert_eq(take(msg, ts_us), RECOVER_OK);
    const struct msg *said = &ex.market[0]->shard.out[ACCOUNT].tail->msg;
    return said->type == MSG_DONE && said->done.reason == DONE_REASON_REJECTED ? said->done.reject
                                                                               : REJECT_NONE;
}

static enum reject limit(uint8_t side, int64_t price, int64_t ts_us)
{
    return place(side, TYPE_LIMIT, TIF_IOC, price, 1, ts_us);
}

/* Trades without a filter in the way; then the limits are in force. */
static void traded(const int64_t (*trades)[3], uint32_t count, const struct symbol_limits *limits,
                   int64_t min_notional, int64_t max_notional)
{
    list(&(struct symbol_limits){0}, 0, 0);
    for (uint32_t i = 0; i < count; i++) {
        const int64_t *trade = trades[i]; /* minute, price, lots */
        place(SIDE_SELL, TYPE_LIMIT, TIF_GTC, trade[1], trade[2], trade[0] * MINUTE);
        place(SIDE_BUY, TYPE_LIMIT, TIF_GTC, trade[1], trade[2], trade[0] * MINUTE);
    }
    cr_assert_eq(book_orders(market_shard_book(ex.market[0], 0)), 0);
    list(limits, min_notional, max_notional);
}

static const int64_t two[][3] = {{10, 1000, 30}, {13, 2000, 10}};

/* Goal: the price to compare with is the mean by volume of the minutes that the filter names, the
 * one that runs included, and the last price without any. Method: two trades, a filter that lets
 * through that price alone; look on while they leave the window. */
Test(market_filters, percent_price_follows_the_mean_of_its_minutes)
{
    static const struct {
        uint8_t minutes;
        int64_t minute, want;
    } rows[] = {{5, 13, 1250}, {5, 14, 1250}, {5, 15, 2000}, {5, 17, 2000}, {5, 99, 2000},
                {4, 13, 1250}, {4, 14, 2000}, {3, 13, 2000}, {1, 13, 2000}, {0, 13, 2000}};
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct symbol_limits exact = {.bid_up = PERCENT_ONE,
                                            .bid_down = PERCENT_ONE,
                                            .ask_up = PERCENT_ONE,
                                            .ask_down = PERCENT_ONE,
                                            .percent_short =
                                                (uint8_t)(AVG_MINUTES - rows[i].minutes)};
        traded(two, 2, &exact, 0, 0);
        for (int64_t off = -1; off <= 1; off++)
            cr_expect_eq(limit(SIDE_BUY, rows[i].want + off, rows[i].minute * MINUTE),
                         off ? REJECT_PERCENT_PRICE : REJECT_NONE, "row %u, %ld", i, (long)off);
        close_exchange();
        open_exchange();
    }
}

/* Goal: each side has its own band, whose edges are in it; a multiplier of 0 is no edge; market
 * orders have none. Method: one tick below, at and above each edge. */
Test(market_filters, percent_price_by_side_at_its_edges)
{
    const struct symbol_limits limits = {.bid_up = 11000,
                                         .bid_down = 5000,
                                         .ask_up = 30000,
                                         .ask_down = 0,
                                         .by_side = true,
                                         .percent_short = AVG_MINUTES};
    static const struct {
        uint8_t side;
        int64_t price;
        bool good;
    } rows[] = {{SIDE_BUY, 999, false},  {SIDE_BUY, 1000, true}, {SIDE_BUY, 2200, true},
                {SIDE_BUY, 2201, false}, {SIDE_SELL, 1, true},   {SIDE_SELL, 6000, true},
                {SIDE_SELL, 6001, false}};
    traded(two, 2, &limits, 0, 0);
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(limit(rows[i].side, rows[i].price, 13 * MINUTE),
                     rows[i].good ? REJECT_NONE : REJECT_PERCENT_PRICE_BY_SIDE, "row %u", i);
    cr_expect_eq(place(SIDE_BUY, TYPE_LIMIT_MAKER, TIF_GTC, 999, 1, 13 * MINUTE),
                 REJECT_PERCENT_PRICE_BY_SIDE);
    cr_expect_eq(place(SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, 1, 13 * MINUTE), REJECT_NONE);
}

/* Goal: before the first trade there is nothing to be far from. Method: any price. */
Test(market_filters, a_symbol_that_never_traded_has_no_band)
{
    const struct symbol_limits exact = {
        .bid_up = PERCENT_ONE, .bid_down = PERCENT_ONE, .ask_up = 1, .ask_down = 1};
    list(&exact, UNITS_OF(1), UNITS_OF(2));
    cr_expect_eq(limit(SIDE_BUY, 1, MINUTE), REJECT_NONE);
    cr_expect_eq(limit(SIDE_SELL, 1000000, MINUTE), REJECT_NONE);
    cr_expect_eq(place(SIDE_BUY, TYPE_MARKET, TIF_GTC, 0, 1000000, MINUTE), REJECT_NONE);
}

/* Goal: a market order by quantity is worth the filter's own mean, and the filter has the name and
 * the sides that it was given. Method: its edges at the mean of 12.5 and at the last price of 20.
 */
Test(market_filters, notional_of_market_orders_by_their_mean)
{
    struct symbol_limits limits = {0};
    static const struct {
        uint8_t shorter;
        int64_t lots;
        bool good;
    } rows[] = {{0, 799, false}, {0, 800, true}, {0, 1600, true}, {0, 1601, false},
                {5, 499, false}, {5, 500, true}, {5, 1000, true}, {5, 1001, false}};
    traded(two, 2, &limits, UNITS_OF(10), UNITS_OF(20));
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool below = rows[i].lots < 900 && !rows[i].good, above = !rows[i].good && !below;
        limits = (struct symbol_limits){.notional_short = rows[i].shorter};
        list(&limits, UNITS_OF(10), UNITS_OF(20));
        cr_expect_eq(place(SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, rows[i].lots, 13 * MINUTE),
                     rows[i].good ? REJECT_NONE : REJECT_NOTIONAL, "row %u", i);
        limits.min_spares_market = true;
        list(&limits, UNITS_OF(10), UNITS_OF(20));
        cr_expect_eq(place(SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, rows[i].lots, 13 * MINUTE),
                     above ? REJECT_NOTIONAL : REJECT_NONE, "row %u without its least", i);
        limits.min_spares_market = false;
        limits.max_spares_market = limits.min_notional_alone = true;
        list(&limits, UNITS_OF(10), UNITS_OF(20));
        cr_expect_eq(place(SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, rows[i].lots, 13 * MINUTE),
                     below ? REJECT_MIN_NOTIONAL : REJECT_NONE, "row %u without its most", i);
    }
}

/* Goal: parts of which one is missing change nothing, and the next ones are whole again (J6).
 * Method: leave out each part of a change. */
Test(market_filters, a_change_that_is_not_whole_is_none)
{
    const struct symbol_limits before = {.bid_up = 1, .bid_down = 1}, after = {.bid_up = 20000};
    const struct symbol_config symbol = {
        .tick_atoms = TICK, .step_atoms = LOT, .min_notional = 7, .limits = after};
    struct symbol_parts parts;
    symbol_parts_make(&parts, &symbol, MARKET);
    for (uint32_t left_out = 0; left_out < SYMBOL_PARTS - 1; left_out++) {
        list(&before, 5, 0);
        for (uint32_t part = 0; part < SYMBOL_PARTS; part++) {
            struct msg msg = {.type = symbol_part_type(part), .from = CONTROL_SHARD};
            memcpy(msg.config.value, parts.value[part], sizeof msg.config.value);
            if (part != left_out)
                take(msg, 1);
        }
        const struct market_symbol *now = &ex.market[0]->symbols[0];
        bool changed = now->limits.bid_up == 20000;
        cr_expect_eq(changed, now->min_notional == 7, "part %u", left_out);
        cr_expect(!changed, "part %u", left_out);
        close_exchange();
        open_exchange();
    }
}

/* Goal: a delisting is for good, also where a change of the symbol comes behind it, on a link of
 * its own; what is left is cancelled then, and told as expired. Method: at the account shard, an
 * order, the market's word, a change, and what the market says of the order. */
Test(market_filters, a_delisting_outlives_a_change_on_its_way)
{
    const struct symbol_config symbol = {
        .tick_atoms = TICK, .step_atoms = LOT, .tick_shown = TICK, .step_shown = LOT, .quote = 1};
    struct msg user = {.type = MSG_USER_ADD, .from = CONTROL_SHARD};
    user.config.value[0] = 1;
    take_symbol(ACCOUNT, &symbol);
    cr_assert_eq(take_at(ACCOUNT, user, 1), RECOVER_OK);
    struct ledger *ledger = ex.account[0]->ledger;
    const uint8_t id[REQUEST_ID_BYTES] = {1};
    uint32_t slot = ledger_user_find(ledger, 1);
    ledger_apply_deposit(ledger, slot, 1, UNITS_OF(100), id);
    struct ledger_new order = {
        .side = SIDE_BUY, .price_atoms = UNITS_OF(1), .qty_atoms = UNITS_OF(1), .client_length = 1};
    struct ledger_plan plan;
    cr_assert_eq(ledger_check_new(ledger, slot, &order, &plan), REJECT_NONE);
    uint32_t placed = ledger_place(ledger, slot, &order, &plan, 1);
    uint64_t ref = ledger_order(ledger, placed)->ref;
    cr_assert_eq(take_at(ACCOUNT, (struct msg){.type = MSG_DELISTED, .from = MARKET}, 2),
                 RECOVER_OK);
    cr_expect_eq(ex.account[0]->todo_head, placed, "its cancel is to be sent");
    take_symbol(ACCOUNT, &symbol);
    order.client_id[0] = 'b';
    cr_expect_eq(ledger_check_new(ledger, slot, &order, &plan), REJECT_MARKET_CLOSED);
    struct msg done = {.type = MSG_DONE, .from = MARKET};
    done.done.ref = ref;
    done.done.order_id = 1;
    done.done.left_lots = 1000;
    done.done.reason = DONE_REASON_CANCELED;
    cr_assert_eq(take_at(ACCOUNT, done, 3), RECOVER_OK);
    cr_expect_eq(ledger_order(ledger, placed)->status, ORDER_EXPIRED);
    cr_expect_eq(ex.account[0]->todo_head, 0);
    cr_expect_eq(ledger_balance(ledger, ledger_find_balance(ledger, slot, 1))->free, UNITS_OF(100));
}
