/* Filters that a symbol or the exchange may have beside its grid, ranges and notional; commissions
 * of users. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/book/kinds.h"
#include "actors/ledger/ledger.h"

#define UNITS(n) ((n)*MONEY_ATOMS_PER_UNIT)

enum { BASE, QUOTE, ASSETS };

static const struct ledger_limits limits = {.users = 2,
                                            .symbols = 2,
                                            .assets = ASSETS,
                                            .open_orders = 16,
                                            .done_orders = 4,
                                            .balances = 8,
                                            .deposits = 8,
                                            .user_symbols = 8,
                                            .history = 16};
static struct ledger *ledger;
static uint32_t user;

static void give(uint16_t asset, int64_t atoms)
{
    static uint32_t requests;
    uint8_t id[REQUEST_ID_BYTES] = {(uint8_t)++requests, (uint8_t)asset};
    ledger_apply_deposit(ledger, user, asset, atoms, id);
}

static void open_ledger(void)
{
    ledger = ledger_init(calloc(1, ledger_size(&limits)), &limits);
    for (uint16_t i = 0; i < 2; i++)
        *ledger_symbol(ledger, i) = (struct ledger_symbol){
            .active = true,
            .spec = {.tick_atoms = UNITS(1) / 100, .lot_atoms = UNITS(1) / 1000},
            .base = BASE,
            .quote = QUOTE,
            .min_notional = UNITS(10),
            .max_notional = UNITS(1000),
        };
    ledger_user_add(ledger, 1);
    user = ledger_user_find(ledger, 1);
    give(QUOTE, UNITS(100000));
}

static void close_ledger(void)
{
    free(ledger);
}

TestSuite(ledger_filters, .init = open_ledger, .fini = close_ledger);

static struct ledger_new limit(uint16_t symbol, uint8_t side, int64_t price, int64_t qty)
{
    static uint32_t names;
    struct ledger_new order = {
        .symbol = symbol, .side = side, .type = TYPE_LIMIT, .price_atoms = price, .qty_atoms = qty};
    order.client_length = (uint8_t)snprintf(order.client_id, CLIENT_ID_MAX, "order-%u", ++names);
    return order;
}

static struct ledger_new market(uint8_t side, int64_t qty, int64_t quote)
{
    struct ledger_new order = limit(0, side, 0, qty);
    order.type = TYPE_MARKET;
    order.by_quote = quote > 0;
    order.quote_atoms = quote;
    order.hint_atoms = UNITS(10);
    return order;
}

static enum reject check(const struct ledger_new *order)
{
    struct ledger_plan plan;
    return ledger_check_new(ledger, user, order, &plan);
}

static uint64_t place(const struct ledger_new *order)
{
    struct ledger_plan plan;
    cr_assert_eq(ledger_check_new(ledger, user, order, &plan), REJECT_NONE);
    return ledger_order(ledger, ledger_place(ledger, user, order, &plan, 1))->ref;
}

/* Goal: a filter's own step refuses what the grid allows. Method: on it, and one of the grid off.
 */
Test(ledger_filters, steps_coarser_than_the_grid)
{
    struct symbol_limits *own = &ledger_symbol(ledger, 0)->limits;
    own->tick_atoms = UNITS(1) / 20;
    own->step_atoms = UNITS(1) / 500;
    own->market_step_atoms = UNITS(1) / 10;
    struct ledger_new order = limit(0, SIDE_BUY, UNITS(10) + UNITS(1) / 20, UNITS(2));
    cr_expect_eq(check(&order), REJECT_NONE);
    order.price_atoms += UNITS(1) / 100;
    cr_expect_eq(check(&order), REJECT_PRICE_FILTER);
    order = limit(0, SIDE_BUY, UNITS(10), UNITS(2) + UNITS(1) / 1000);
    cr_expect_eq(check(&order), REJECT_LOT_SIZE);
    order = market(SIDE_BUY, UNITS(2) + UNITS(1) / 10, 0);
    cr_expect_eq(check(&order), REJECT_NONE);
    order = market(SIDE_BUY, UNITS(2) + UNITS(1) / 500, 0);
    cr_expect_eq(check(&order), REJECT_MARKET_LOT_SIZE);
}

/* Goal: notional limits bind market orders as they say, and have the name they were given. Method:
 * one atom below, at and one above, by the amount to spend; then spared. */
Test(ledger_filters, notional_of_market_orders)
{
    struct symbol_limits *own = &ledger_symbol(ledger, 0)->limits;
    const struct {
        int64_t quote;
        enum reject bound, spared;
    } rows[] = {{UNITS(10) - 1, REJECT_NOTIONAL, REJECT_NONE},
                {UNITS(10), REJECT_NONE, REJECT_NONE},
                {UNITS(1000), REJECT_NONE, REJECT_NONE},
                {UNITS(1000) + 1, REJECT_NOTIONAL, REJECT_NONE}};
    for (uint32_t i = 0; i < 4; i++) {
        struct ledger_new order = market(SIDE_BUY, 0, rows[i].quote);
        own->min_spares_market = own->max_spares_market = false;
        cr_expect_eq(check(&order), rows[i].bound, "row %u", i);
        own->min_spares_market = own->max_spares_market = true;
        cr_expect_eq(check(&order), rows[i].spared, "row %u", i);
    }
    struct ledger_new order = limit(0, SIDE_BUY, UNITS(1), UNITS(1));
    cr_expect_eq(check(&order), REJECT_NOTIONAL, "a limit order is never spared");
    own->min_notional_alone = true;
    cr_expect_eq(check(&order), REJECT_MIN_NOTIONAL);
}

/* Goal: MAX_POSITION counts what the user has, free and held, what open buys may bring, and the
 * order. Method: fill it up in these three ways; an atom's step more is refused; sells never are.
 */
Test(ledger_filters, position_is_all_that_may_be_had)
{
    ledger_symbol(ledger, 0)->limits.position_atoms = UNITS(10);
    give(BASE, UNITS(3));
    struct ledger_new sell = limit(0, SIDE_SELL, UNITS(50), UNITS(1));
    place(&sell); /* held, and still had */
    struct ledger_new buy = limit(0, SIDE_BUY, UNITS(10), UNITS(4));
    uint64_t ref = place(&buy);
    ledger_accepted(ledger, ref, 1, 1);
    ledger_fill(ledger, ref, 1, 1, 1000, 1000, true, false, 1); /* one of the four has come */
    struct ledger_new more = limit(0, SIDE_BUY, UNITS(10), UNITS(3));
    cr_expect_eq(check(&more), REJECT_NONE);
    more.qty_atoms += UNITS(1) / 1000;
    cr_expect_eq(check(&more), REJECT_MAX_POSITION);
    struct ledger_new spend = market(SIDE_BUY, 0, UNITS(30)); /* three, as its hint says */
    cr_expect_eq(check(&spend), REJECT_NONE);
    spend.quote_atoms += UNITS(1);
    cr_expect_eq(check(&spend), REJECT_MAX_POSITION);
    more = limit(1, SIDE_BUY, UNITS(10), UNITS(50));
    cr_expect_eq(check(&more), REJECT_NONE, "a filter of another symbol");
    ledger_verify(ledger);
}

/* Goal: EXCHANGE_MAX_NUM_ORDERS is of all symbols together, and ends give room again. Method: one
 * in each symbol, a third, and one that cannot rest. */
Test(ledger_filters, the_exchange_counts_orders_of_all_symbols)
{
    ledger_exchange(ledger)->orders = 2;
    struct ledger_new order = limit(0, SIDE_BUY, UNITS(10), UNITS(2));
    uint64_t first = place(&order);
    order = limit(1, SIDE_BUY, UNITS(10), UNITS(2));
    place(&order);
    order = limit(1, SIDE_BUY, UNITS(10), UNITS(2));
    cr_expect_eq(check(&order), REJECT_EXCHANGE_MAX_NUM_ORDERS);
    ledger_symbol(ledger, 1)->max_orders = 1;
    cr_expect_eq(check(&order), REJECT_MAX_NUM_ORDERS, "the symbol's filter comes first");
    ledger_symbol(ledger, 1)->max_orders = 0;
    order.tif = TIF_IOC;
    cr_expect_eq(check(&order), REJECT_NONE);
    order.tif = TIF_GTC;
    ledger_refused(ledger, first);
    cr_expect_eq(check(&order), REJECT_NONE);
    ledger_verify(ledger);
}

/* Goal: a fill pays the rates of the user in the symbol, else of the user, else of the symbol.
 * Method: the same fill of one order, each time with one setting less. */
Test(ledger_filters, the_narrowest_rates_are_paid)
{
    struct ledger_new order = limit(0, SIDE_BUY, UNITS(10), UNITS(9));
    uint64_t ref = place(&order);
    const struct ledger_rates wide = {.set = true, .maker_ppm = 2000, .taker_ppm = 3000},
                              own = {.set = true, .maker_ppm = 0, .taker_ppm = 5000}, none = {0};
    ledger_symbol(ledger, 0)->maker_ppm = 1000;
    int64_t expected = 0;
    ledger_set_rates(ledger, user, SYMBOL_NONE, &wide);
    ledger_set_rates(ledger, user, 1, &own); /* another symbol */
    for (uint64_t trade = 1; trade <= 4; trade++) {
        ledger_fill(ledger, ref, 1, trade, 1000, 1000, trade != 2, false, 1);
        expected += trade == 1 ? 200000 : trade == 2 ? 500000 : trade == 3 ? 0 : 100000;
        struct ledger_totals totals[ASSETS] = {{0}};
        ledger_totals(ledger, totals);
        cr_expect_eq(totals[BASE].fees, expected, "fill %lu", (unsigned long)trade);
        if (trade == 1)
            ledger_set_rates(ledger, user, 0, &own);
        if (trade == 3) {
            ledger_set_rates(ledger, user, 0, &none);
            ledger_set_rates(ledger, user, SYMBOL_NONE, &none);
        }
    }
    ledger_verify(ledger);
}
