/* Goal: what is asked for of a list comes to the exchange as request.h has it. Method: a call
 * without a transport, each kind of list as a query string, and the whole request. (What is refused
 * is in tests/e2e/test_list_params.py.) */
#include "http/rest/list_fields.h"

#include <criterion/criterion.h>
#include <string.h>

#include "actors/book/kinds.h"

#define UNITS(n) ((int64_t)((n)*1e8 + 0.5))

static struct exchange ex;
static struct core core = {.now_us = 1700000000000000};
static struct view_symbol symbols[1] = {{.last_price_ticks = 2000}};
static struct ingress ingress = {
    .ex = &ex, .core = &core, .view = {.symbols = symbols, .symbols_max = 1}};
static struct secrets secrets;
static struct request request;

static void setup(void)
{
    struct config_change change = {
        .kind = CONFIG_SYMBOL, .symbol = {.tick_atoms = UNITS(1), .default_stp = STP_EXPIRE_MAKER}};
    strcpy(change.symbol.name, "ETHUSDT");
    ex.rt.env = env_real();
    directory_init(&ingress.directory, &secrets, 100);
    directory_apply(&ingress.directory, &change);
}

TestSuite(list_fields, .init = setup);

static void refused(void *transport, int status, const char *body, size_t length)
{
    (void)transport;
    cr_assert_fail("%d %.*s", status, (int)length, body);
}

static const struct request_list *
read_list(bool (*read)(struct call *call, struct request *request), const char *query)
{
    struct call *call = call_new(&ingress);
    call->respond = refused;
    call->transport = &request;
    request = (struct request){0};
    cr_assert_eq(params_read(&ingress.params, query, strlen(query), "", 0), PARAMS_OK);
    cr_assert(read(call, &request));
    cr_expect_eq(request.symbol, 0);
    return &request.list;
}

static void expect_id(const char *id, uint8_t length, const char *text)
{
    cr_expect(length == strlen(text) && memcmp(id, text, length) == 0, "%.*s", length, id);
}

struct expected {
    uint8_t side, type, tif;
    double price, qty, stop, iceberg;
    uint32_t trail_bips;
    const char *client_id;
};

static void expect(const struct request_order *order, struct expected expected)
{
    cr_expect(order->side == expected.side && order->type == expected.type &&
                  order->tif == expected.tif,
              "side %u, type %u, time %u", order->side, order->type, order->tif);
    cr_expect_eq(order->price, UNITS(expected.price));
    cr_expect_eq(order->qty, UNITS(expected.qty));
    cr_expect_eq(order->stop, UNITS(expected.stop));
    cr_expect_eq(order->iceberg, UNITS(expected.iceberg));
    cr_expect_eq(order->trail_bips, expected.trail_bips);
    cr_expect_eq(order->hint, UNITS(2000), "the last price");
    cr_expect(!order->by_quote && order->quote == 0);
    expect_id(order->client_id, order->client_length, expected.client_id);
}

/* Goal: the stop loss comes first, wherever it stands. Method: both sides; what is sent once holds
 * for both orders. */
Test(list_fields, an_oco)
{
    const struct request_list *list = read_list(
        list_read_oco,
        "symbol=ETHUSDT&side=SELL&quantity=1.5&listClientOrderId=pair&aboveType=LIMIT_MAKER&"
        "abovePrice=2500&aboveIcebergQty=0.5&aboveClientOrderId=up&belowType=STOP_LOSS_LIMIT&"
        "belowStopPrice=1500&belowPrice=1400&belowTimeInForce=IOC&belowClientOrderId=down&"
        "newOrderRespType=FULL&selfTradePreventionMode=DECREMENT");
    cr_expect_eq(list->kind, LIST_OCO);
    expect_id(list->client_id, list->client_length, "pair");
    expect(&list->order[0], (struct expected){SIDE_SELL, TYPE_STOP_LOSS_LIMIT, TIF_IOC, 1400, 1.5,
                                              1500, 0, 0, "down"});
    expect(&list->order[1],
           (struct expected){SIDE_SELL, TYPE_LIMIT_MAKER, TIF_GTC, 2500, 1.5, 0, 0.5, 0, "up"});
    for (uint32_t i = 0; i < 2; i++)
        cr_expect(list->order[i].resp == RESPONSE_FULL && list->order[i].stp == STP_DECREMENT);
    list = read_list(list_read_oco,
                     "symbol=ETHUSDT&side=BUY&quantity=1&aboveType=STOP_LOSS&aboveStopPrice=2500&"
                     "aboveTrailingDelta=100&aboveClientOrderId=up&belowType=TAKE_PROFIT&"
                     "belowStopPrice=1500&belowClientOrderId=down");
    expect(&list->order[0],
           (struct expected){SIDE_BUY, TYPE_STOP_LOSS, TIF_GTC, 0, 1, 2500, 0, 100, "up"});
    expect(&list->order[1],
           (struct expected){SIDE_BUY, TYPE_TAKE_PROFIT, TIF_GTC, 0, 1, 1500, 0, 0, "down"});
    for (uint32_t i = 0; i < 2; i++)
        cr_expect(list->order[i].resp == RESPONSE_RESULT && list->order[i].stp == STP_EXPIRE_MAKER,
                  "what is there unless asked");
}

Test(list_fields, an_oco_in_its_older_form)
{
    const struct request_list *list = read_list(
        list_read_old_oco, "symbol=ETHUSDT&side=BUY&quantity=1&price=1500&stopPrice=2500&"
                           "limitClientOrderId=limit&stopClientOrderId=stop&limitIcebergQty=0.5");
    cr_expect_eq(list->kind, LIST_OCO);
    expect(&list->order[0],
           (struct expected){SIDE_BUY, TYPE_STOP_LOSS, TIF_GTC, 0, 1, 2500, 0, 0, "stop"});
    expect(&list->order[1],
           (struct expected){SIDE_BUY, TYPE_LIMIT_MAKER, TIF_GTC, 1500, 1, 0, 0.5, 0, "limit"});
    list = read_list(list_read_old_oco,
                     "symbol=ETHUSDT&side=SELL&quantity=1&price=2500&trailingDelta=200&"
                     "stopLimitPrice=1400&stopLimitTimeInForce=FOK&limitClientOrderId=limit&"
                     "stopClientOrderId=stop");
    expect(&list->order[0],
           (struct expected){SIDE_SELL, TYPE_STOP_LOSS_LIMIT, TIF_FOK, 1400, 1, 0, 0, 200, "stop"});
}

Test(list_fields, an_oto)
{
    const struct request_list *list = read_list(
        list_read_oto, "symbol=ETHUSDT&workingType=LIMIT&workingSide=BUY&workingPrice=1500&"
                       "workingQuantity=1&workingTimeInForce=FOK&workingClientOrderId=first&"
                       "pendingType=MARKET&pendingSide=SELL&pendingQuantity=2&"
                       "pendingClientOrderId=then");
    cr_expect_eq(list->kind, LIST_OTO);
    expect(&list->order[0],
           (struct expected){SIDE_BUY, TYPE_LIMIT, TIF_FOK, 1500, 1, 0, 0, 0, "first"});
    expect(&list->order[1],
           (struct expected){SIDE_SELL, TYPE_MARKET, TIF_GTC, 0, 2, 0, 0, 0, "then"});
}

Test(list_fields, an_otoco)
{
    const struct request_list *list = read_list(
        list_read_otoco,
        "symbol=ETHUSDT&workingType=LIMIT_MAKER&workingSide=BUY&workingPrice=1500&"
        "workingQuantity=1&workingIcebergQty=0.5&workingClientOrderId=first&pendingSide=SELL&"
        "pendingQuantity=2&pendingAboveType=TAKE_PROFIT_LIMIT&pendingAboveStopPrice=2400&"
        "pendingAbovePrice=2500&pendingAboveTimeInForce=GTC&pendingAboveClientOrderId=up&"
        "pendingBelowType=STOP_LOSS&pendingBelowTrailingDelta=300&pendingBelowClientOrderId=down");
    cr_expect_eq(list->kind, LIST_OTOCO);
    expect(&list->order[0],
           (struct expected){SIDE_BUY, TYPE_LIMIT_MAKER, TIF_GTC, 1500, 1, 0, 0.5, 0, "first"});
    expect(&list->order[1],
           (struct expected){SIDE_SELL, TYPE_STOP_LOSS, TIF_GTC, 0, 2, 0, 0, 300, "down"});
    expect(&list->order[2], (struct expected){SIDE_SELL, TYPE_TAKE_PROFIT_LIMIT, TIF_GTC, 2500, 2,
                                              2400, 0, 0, "up"});
}

/* Goal: ids that no client gave are there, and each is another one. */
/* Goal: each order gets the labels that are its own. Method: all of them, by the names of each kind
 * of list. */
Test(list_fields, strategies)
{
    static const struct {
        bool (*read)(struct call *call, struct request *request);
        const char *query;
        struct strategy strategy[3];
    } table[] = {
        {list_read_oco,
         "symbol=ETHUSDT&side=SELL&quantity=1&aboveType=LIMIT_MAKER&abovePrice=2500&"
         "aboveStrategyId=7&belowType=STOP_LOSS&belowStopPrice=1500&belowStrategyId=0&"
         "belowStrategyType=1000000",
         {{.type = 1000000, .has_id = true}, {.id = 7, .has_id = true}}},
        {list_read_old_oco,
         "symbol=ETHUSDT&side=SELL&quantity=1&price=2500&stopPrice=1500&limitStrategyType=1000001&"
         "stopStrategyId=9223372036854775807&stopStrategyType=2147483647",
         {{.id = INT64_MAX, .type = INT32_MAX, .has_id = true}, {.type = 1000001}}},
        {list_read_otoco,
         "symbol=ETHUSDT&workingType=LIMIT&workingSide=BUY&workingPrice=1500&workingQuantity=1&"
         "workingTimeInForce=GTC&workingStrategyId=1&pendingSide=SELL&pendingQuantity=1&"
         "pendingAboveType=LIMIT_MAKER&pendingAbovePrice=2500&pendingAboveStrategyId=2&"
         "pendingBelowType=STOP_LOSS&pendingBelowStopPrice=1500&pendingBelowStrategyId=3",
         {{.id = 1, .has_id = true}, {.id = 3, .has_id = true}, {.id = 2, .has_id = true}}},
        {list_read_oto,
         "symbol=ETHUSDT&workingType=LIMIT&workingSide=BUY&workingPrice=1500&workingQuantity=1&"
         "workingTimeInForce=GTC&workingStrategyType=1000003&pendingSide=SELL&pendingQuantity=1&"
         "pendingType=MARKET&pendingStrategyId=4&pendingStrategyType=1000004",
         {{.type = 1000003}, {.id = 4, .type = 1000004, .has_id = true}}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct request_list *list = read_list(table[i].read, table[i].query);
        for (uint32_t k = 0; k < list_orders(list->kind); k++)
            cr_expect(strategies_agree(&list->order[k].strategy, &table[i].strategy[k]),
                      "row %zu, order %u", i, k);
    }
}

Test(list_fields, ids_are_made)
{
    const struct request_list *list =
        read_list(list_read_oco, "symbol=ETHUSDT&side=SELL&quantity=1&aboveType=LIMIT_MAKER&"
                                 "abovePrice=2500&belowType=STOP_LOSS&belowStopPrice=1500");
    const struct request_order *order = list->order;
    cr_assert(list->client_length && order[0].client_length && order[1].client_length);
    cr_expect_neq(memcmp(list->client_id, order[0].client_id, CLIENT_ID_BYTES), 0);
    cr_expect_neq(memcmp(list->client_id, order[1].client_id, CLIENT_ID_BYTES), 0);
    cr_expect_neq(memcmp(order[0].client_id, order[1].client_id, CLIENT_ID_BYTES), 0);
}
