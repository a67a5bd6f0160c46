/* Goal: what is said of order lists is what Binance says. Method: whole texts of a list as it is
 * asked for, placed, and cancelled. */
#include "http/render.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/ledger/ledger.h"

#define UNITS(n) ((int64_t)((n)*1e8 + 0.5))
#define TIME(n)  (1700000000000000 + (n))

static struct secrets secrets;
static struct ingress *ingress;
static struct call call;
static struct reply *reply, *fills;
static struct text out;

static void setup(void)
{
    struct config_change change = {.kind = CONFIG_SYMBOL, .symbol = {.symbol = 3, .base = 1}};
    change.symbol.quote = 2;
    strcpy(change.symbol.name, "ETHBTC");
    strcpy(change.symbol.base_name, "ETH");
    strcpy(change.symbol.quote_name, "BTC");
    ingress = calloc(1, sizeof *ingress);
    directory_init(&ingress->directory, &secrets, 10);
    directory_apply(&ingress->directory, &change);
    call = (struct call){.ingress = ingress, .client_length = 4, .client_id = "over"};
    reply = calloc(1, REPLY_BLOCK_BYTES);
    fills = calloc(1, REPLY_BLOCK_BYTES);
    out.length = 0;
}

static void teardown(void)
{
    directory_fini(&ingress->directory);
    free(ingress);
    free(reply);
    free(fills);
}

TestSuite(render_list, .init = setup, .fini = teardown);

/* `text` has ' where the answer has a quote. */
static void expect(const char *text)
{
    static char wanted[4096];
    char *at = wanted;
    for (const char *from = text; *from; from++)
        *at++ = *from == '\'' ? '"' : *from;
    *at = '\0';
    text_add(&out, "", 1);
    cr_assert_str_eq(out.data, wanted, "%s\nnot\n%s", out.data, wanted);
    out.length = 0;
}

/* An OCO to sell 1.5: a stop loss at 0.05 that waits, and a LIMIT_MAKER at 0.1 that works. */
static void fill_oco(uint8_t status)
{
    reply->kind = REPLY_LIST;
    reply->count = 2;
    *reply_lists(reply) = (struct list_view){
        .list_id = 17,
        .time_us = TIME(1000),
        .symbol = 3,
        .kind = LIST_OCO,
        .count = 2,
        .client_length = 4,
        .client_id = "pair",
        .done = status == ORDER_CANCELED,
        .order = {{42, 1, "a"}, {43, 1, "b"}},
    };
    struct order_view stop = {
        .order_id = 42,
        .list_id = 17,
        .qty = UNITS(1.5),
        .stop = UNITS(0.05),
        .time_us = TIME(1000),
        .updated_us = TIME(2345),
        .symbol = 3,
        .side = SIDE_SELL,
        .type = TYPE_STOP_LOSS,
        .status = status,
        .client_length = 1,
        .client_id = "a",
    };
    struct order_view limit = stop;
    limit.order_id = 43;
    limit.type = TYPE_LIMIT_MAKER;
    limit.price = UNITS(0.1);
    limit.stop = 0;
    limit.working_us = TIME(1000);
    limit.client_id[0] = 'b';
    reply_list_orders(reply)[0] = stop;
    reply_list_orders(reply)[1] = limit;
}

#define HEAD(type, status)                                                                         \
    "{'orderListId':17,'contingencyType':'OCO','listStatusType':'" type                            \
    "','listOrderStatus':'" status "','listClientOrderId':'pair','transactionTime':1700000000001," \
    "'symbol':'ETHBTC','orders':[{'symbol':'ETHBTC','orderId':42,'clientOrderId':'a'},"            \
    "{'symbol':'ETHBTC','orderId':43,'clientOrderId':'b'}]"
#define IDS(id, client)                                                                            \
    "'orderId':" id ",'orderListId':17,'clientOrderId':'" client "','transactTime':1700000000002"
#define MIDDLE(price, status, type)                                                                \
    ",'price':'" price "','origQty':'1.50000000','executedQty':'0.00000000',"                      \
    "'origQuoteOrderQty':'0.00000000','cummulativeQuoteQty':'0.00000000','status':'" status        \
    "','timeInForce':'GTC','type':'" type "','side':'SELL'"

Test(render_list, as_it_is_asked_for)
{
    fill_oco(ORDER_NEW);
    render_list(&call, &out, reply_lists(reply));
    expect(HEAD("EXEC_STARTED", "EXECUTING") "}");
    reply_lists(reply)->done = true;
    render_list(&call, &out, reply_lists(reply));
    expect(HEAD("ALL_DONE", "ALL_DONE") "}");
}

Test(render_list, placed_with_as_much_as_was_asked_for)
{
    fill_oco(ORDER_NEW);
    call.resp = RESPONSE_ACK;
    render_new_list(&call, &out, reply);
    expect(HEAD("EXEC_STARTED", "EXECUTING") ",'orderReports':[{'symbol':'ETHBTC'," IDS(
        "42", "a") "},{'symbol':'ETHBTC'," IDS("43", "b") "}]}");
    call.resp = RESPONSE_RESULT;
    render_new_list(&call, &out, reply);
    expect(HEAD("EXEC_STARTED", "EXECUTING") ",'orderReports':[{'symbol':'ETHBTC'," IDS("42", "a")
               MIDDLE("0.00000000", "NEW",
                      "STOP_LOSS") ",'stopPrice':'0.05000000','workingTime':-1,"
                                   "'selfTradePreventionMode':'NONE'},"
                                   "{'symbol':'ETHBTC'," IDS("43", "b")
                                       MIDDLE("0.10000000", "NEW",
                                              "LIMIT_MAKER") ",'workingTime':1700000000001,"
                                                             "'selfTradePreventionMode':'NONE'}]}");
}

/* Goal: what the client called an order is shown with that order, in whatever answer, but an ACK.
 * Method: an id of 0 alone, and both labels. */
Test(render_list, a_strategy_is_shown_where_it_was_sent)
{
    fill_oco(ORDER_NEW);
    struct order_view *order = reply_list_orders(reply);
    order[0].strategy = (struct strategy){.has_id = true};
    order[1].strategy = (struct strategy){.id = INT64_MAX, .type = INT32_MAX, .has_id = true};
    static const char *const labels[] = {
        "\"strategyId\":0,", "\"strategyId\":9223372036854775807,\"strategyType\":2147483647,"};
    call.resp = RESPONSE_RESULT;
    render_new_list(&call, &out, reply);
    text_add(&out, "", 1);
    const char *first = strstr(out.data, labels[0]), *second = strstr(out.data, labels[1]);
    cr_assert(first && second && first < second, "%s", out.data);
    cr_expect_null(strstr(first + 1, "\"strategyId\":0"));
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t way = 0; way < 4; way++) {
            out.length = 0;
            call.resp = way == 3 ? RESPONSE_ACK : RESPONSE_FULL;
            if (way == 0)
                render_query(&call, &out, &order[i]);
            else if (way == 1)
                render_cancel(&call, &out, &order[i], "x", 1);
            else
                render_report(&call, &out, &order[i], NULL);
            text_add(&out, "", 1);
            cr_expect_eq(strstr(out.data, labels[i]) != NULL, way != 3, "%s", out.data);
            cr_expect_eq(strstr(out.data, "strategyType") != NULL, way != 3 && i == 1);
        }
    }
}

/* Goal: FULL has the fills of each order with that order. Method: one fill, of the second. */
Test(render_list, full_has_the_fills_of_each)
{
    fill_oco(ORDER_NEW);
    call.resp = RESPONSE_FULL;
    reply->more = fills;
    fills->kind = REPLY_TRADES;
    fills->count = 1;
    reply_trades(fills)[0] = (struct trade_view){
        .trade_id = 9, .order_id = 43, .price = UNITS(0.1), .qty = UNITS(0.5), .fee_asset = 2};
    render_new_list(&call, &out, reply);
    text_add(&out, "", 1);
    const char *first = strstr(out.data, "\"fills\":[]"),
               *second = strstr(out.data, "\"fills\":[{");
    cr_assert(first && second && first < second, "%s", out.data);
    cr_expect(strncmp(second, "\"fills\":[{\"price\":\"0.10000000\",", 31) == 0, "%s", second);
    cr_expect_null(strstr(second + 1, "\"fills\""));
}

/* Goal: FULL has the matches that were prevented of a taker behind its fills, and what each order
 * gave up, where it did. Method: two blocks of them; RESULT has none. */
Test(render_list, full_has_the_prevented_matches_of_a_taker)
{
    static const struct prevented_view match[] = {
        {.match_id = 7, .maker_order_id = 40, .price = UNITS(0.1), .maker_qty = UNITS(2)},
        {.match_id = 8, .maker_order_id = 41, .price = UNITS(0.2), .taker_qty = UNITS(1)},
        {.match_id = 9,
         .maker_order_id = 42,
         .price = UNITS(0.3),
         .taker_qty = UNITS(3),
         .maker_qty = UNITS(3)}};
    struct reply *more = calloc(1, REPLY_BLOCK_BYTES);
    fill_oco(ORDER_NEW);
    reply->kind = REPLY_ORDERS;
    reply->count = 0;
    reply->order = reply_list_orders(reply)[1];
    reply->more = fills;
    fills->kind = more->kind = REPLY_PREVENTED;
    fills->count = 1;
    fills->more = more;
    more->count = 2;
    for (uint32_t i = 0; i < 3; i++) {
        struct prevented_view *to = &reply_prevented(i ? more : fills)[i ? i - 1 : 0];
        *to = match[i];
        to->symbol = 3;
        to->taker_order_id = 43;
    }
    call.resp = RESPONSE_FULL;
    render_new_order(&call, &out, reply);
    expect("{'symbol':'ETHBTC'," IDS("43", "b")
               MIDDLE("0.10000000", "NEW",
                      "LIMIT_MAKER") ",'workingTime':1700000000001,'fills':[],'preventedMatches':["
                                     "{'preventedMatchId':7,'makerSymbol':'ETHBTC','makerOrderId':"
                                     "40,'price':'0.10000000',"
                                     "'makerPreventedQuantity':'2.00000000'},"
                                     "{'preventedMatchId':8,'makerSymbol':'ETHBTC','makerOrderId':"
                                     "41,'price':'0.20000000',"
                                     "'takerPreventedQuantity':'1.00000000'},"
                                     "{'preventedMatchId':9,'makerSymbol':'ETHBTC','makerOrderId':"
                                     "42,'price':'0.30000000',"
                                     "'takerPreventedQuantity':'3.00000000','"
                                     "makerPreventedQuantity':'3.00000000'}],"
                                     "'selfTradePreventionMode':'NONE'}");
    call.resp = RESPONSE_RESULT;
    render_new_order(&call, &out, reply);
    text_add(&out, "", 1);
    cr_expect_null(strstr(out.data, "preventedMatches"));
    free(more);
}

Test(render_list, cancelled_as_a_list_or_as_an_order)
{
    fill_oco(ORDER_CANCELED);
    render_cancelled(&call, &out, reply);
    expect(HEAD(
        "ALL_DONE",
        "ALL_DONE") ",'orderReports':["
                    "{'symbol':'ETHBTC','origClientOrderId':'a'," IDS("42", "over") MIDDLE(
                        "0.00000000", "CANCELED",
                        "STOP_LOSS") ",'stopPrice':'0.05000000','selfTradePreventionMode':'NONE'},"
                                     "{'symbol':'ETHBTC','origClientOrderId':'b'," IDS("43", "over")
                                         MIDDLE(
                                             "0.10000000", "CANCELED",
                                             "LIMIT_MAKER") ",'selfTradePreventionMode':'NONE'}]}");
    reply->kind = REPLY_ORDERS;
    reply->count = 1;
    reply_orders(reply)[0] =
        (struct order_view){.order_id = 42, .symbol = 3, .client_length = 1, .client_id = "a"};
    render_cancelled(&call, &out, reply);
    cr_expect(strncmp(out.data, "{\"symbol\":\"ETHBTC\",\"origClientOrderId\":\"a\",", 42) == 0);
    cr_expect_not_null(strstr(out.data, "\"orderListId\":-1,"));
}
