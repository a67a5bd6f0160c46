/* Goal: every field of every event is there, in Binance's order and with its meaning. Method: a
 * table of what an account shard says and the whole text of it. */
#include "http/render_event.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/ledger/ledger.h"

#define UNITS(n) ((int64_t)((n)*1e8 + 0.5))
#define TIME(n)  (1700000000000000 + (n))

static struct directory directory;
static struct secrets secrets;
static struct user_texts texts;

static void setup(void)
{
    struct config_change change = {.kind = CONFIG_SYMBOL, .symbol = {.symbol = 3, .base = 1}};
    change.symbol.quote = 2;
    strcpy(change.symbol.name, "ETHBTC");
    strcpy(change.symbol.base_name, "ETH");
    strcpy(change.symbol.quote_name, "BTC");
    directory_init(&directory, &secrets, 10);
    directory_apply(&directory, &change);
}

TestSuite(render_event, .init = setup);

/* A limit order to buy 1.5 at 0.1, seen at 1 ms and last changed at 2.3456 ms. */
static struct order_view order_of(uint8_t status)
{
    struct order_view order = {
        .order_id = 42,
        .price = UNITS(0.1),
        .qty = UNITS(1.5),
        .time_us = TIME(1000),
        .working_us = TIME(1000),
        .updated_us = TIME(2345),
        .symbol = 3,
        .side = SIDE_BUY,
        .type = TYPE_LIMIT,
        .tif = TIF_GTC,
        .stp = STP_EXPIRE_MAKER,
        .status = status,
        .client_length = 3,
        .client_id = "own",
    };
    return order;
}

static struct user_event event_of(const struct order_event *order)
{
    struct user_event event = {.user = 1, .orders = 1, .ts_us = TIME(3999)};
    event.order[0] = *order;
    return event;
}

/* `text` has ' where the event has a quote, and ^ for an escaped one. */
static void expect(const struct user_event *event, bool micro, const char *text)
{
    static char wanted[4096];
    json_error_t wrong;
    char *at = wanted;
    for (const char *from = text; *from; from++)
        if (*from == '^')
            at = stpcpy(at, "\\\"");
        else
            *at++ = *from == '\'' ? '"' : *from;
    *at = '\0';
    render_user_event(&directory, event, micro, &texts);
    cr_assert_gt(texts.count, 0);
    text_add(&texts.text, "", 1);
    cr_assert_str_eq(texts.text.data, wanted, "%s\nnot\n%s", texts.text.data, wanted);
    for (size_t i = 0, from = 0; i < texts.count; from = texts.end[i++]) {
        json_t *json =
            json_loadb(texts.text.data + from, texts.end[i] - from, JSON_REJECT_DUPLICATES, &wrong);
        cr_assert(json != NULL, "%s", wrong.text);
        json_decref(json);
    }
}

Test(render_event, an_order_that_came_to_the_book)
{
    struct order_event order = {.order = order_of(ORDER_NEW), .id = 77, .execution = EXECUTION_NEW};
    struct user_event event = event_of(&order);
    event.order[0].order.updated_us = event.order[0].order.time_us;
    expect(&event, false,
           "{'e':'executionReport','E':1700000000003,'s':'ETHBTC','c':'own',"
           "'S':'BUY','o':'LIMIT','f':'GTC','q':'1.50000000','p':'0.10000000',"
           "'P':'0.00000000','F':'0.00000000','g':-1,"
           "'C':'','x':'NEW','X':'NEW','r':'NONE','i':42,"
           "'l':'0.00000000','z':'0.00000000','L':'0.00000000','n':'0','N':null,"
           "'T':1700000000001,'t':-1,'I':77,'w':true,'m':false,'M':false,'O':1700000000001,"
           "'Z':'0.00000000','Y':'0.00000000','Q':'0.00000000',"
           "'W':1700000000001,'V':'EXPIRE_MAKER'}");
}

/* Goal: a stop that trails and shows a part is told with its terms, and does not work before it is
 * triggered. Method: before and after. */
Test(render_event, an_order_that_waits)
{
    struct order_event order = {.order = order_of(ORDER_NEW), .id = 77, .execution = EXECUTION_NEW};
    order.order.type = TYPE_STOP_LOSS_LIMIT;
    order.order.iceberg = UNITS(0.5);
    order.order.trail_bips = 100;
    order.order.updated_us = order.order.time_us;
    order.order.working_us = 0;
    struct user_event event = event_of(&order);
    static const char head[] = "{'e':'executionReport','E':1700000000003,'s':'ETHBTC','c':'own',"
                               "'S':'BUY','o':'STOP_LOSS_LIMIT','f':'GTC','q':'1.50000000',"
                               "'p':'0.10000000','P':'%s','F':'0.50000000','g':-1,"
                               "'C':'','x':'NEW','X':'NEW','r':'NONE','i':42,"
                               "'l':'0.00000000','z':'0.00000000','L':'0.00000000','n':'0',"
                               "'N':null,'T':1700000000001,'t':-1,'I':77,'d':100,'D':%s,'w':%s,"
                               "'m':false,'M':false,'O':1700000000001,'Z':'0.00000000',"
                               "'Y':'0.00000000','Q':'0.00000000',%s'V':'EXPIRE_MAKER'}";
    char text[1024];
    snprintf(text, sizeof text, head, "0.00000000", "1700000000001", "false", "");
    expect(&event, false, text);
    event.order[0].order.stop = UNITS(0.25);
    event.order[0].order.working_us = TIME(2345);
    snprintf(text, sizeof text, head, "0.25000000", "-1", "true", "'W':1700000000002,");
    expect(&event, false, text);
}

/* Goal: what the client called an order is told where it was sent, an id of 0, too. Method: each
 * label alone, and both. */
Test(render_event, an_order_of_a_strategy)
{
    static const struct {
        struct strategy strategy;
        const char *text;
    } table[] = {
        {{.has_id = true}, ",'j':0"},
        {{.type = 1000000}, ",'J':1000000"},
        {{.id = INT64_MAX, .type = INT32_MAX, .has_id = true},
         ",'j':9223372036854775807,'J':2147483647"},
    };
    struct order_event order = {.order = order_of(ORDER_NEW), .id = 77, .execution = EXECUTION_NEW};
    order.order.updated_us = order.order.time_us;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct user_event event = event_of(&order);
        event.order[0].order.strategy = table[i].strategy;
        char text[1024];
        snprintf(text, sizeof text,
                 "{'e':'executionReport','E':1700000000003,'s':'ETHBTC','c':'own',"
                 "'S':'BUY','o':'LIMIT','f':'GTC','q':'1.50000000','p':'0.10000000',"
                 "'P':'0.00000000','F':'0.00000000','g':-1,"
                 "'C':'','x':'NEW','X':'NEW','r':'NONE','i':42,"
                 "'l':'0.00000000','z':'0.00000000','L':'0.00000000','n':'0','N':null,"
                 "'T':1700000000001,'t':-1,'I':77%s,'w':true,'m':false,'M':false,"
                 "'O':1700000000001,'Z':'0.00000000','Y':'0.00000000','Q':'0.00000000',"
                 "'W':1700000000001,'V':'EXPIRE_MAKER'}",
                 table[i].text);
        expect(&event, false, text);
    }
}

Test(render_event, a_fill_of_a_maker_in_microseconds)
{
    struct order_event order = {.order = order_of(ORDER_PARTIALLY_FILLED),
                                .id = 78,
                                .execution = EXECUTION_TRADE,
                                .trade = {.trade_id = 9,
                                          .order_id = 42,
                                          .price = UNITS(0.1),
                                          .qty = UNITS(0.5),
                                          .quote = UNITS(0.05),
                                          .fee = UNITS(0.0005),
                                          .time_us = TIME(2345),
                                          .symbol = 3,
                                          .fee_asset = 1,
                                          .maker = true}};
    struct user_event event = event_of(&order);
    event.order[0].order.executed = UNITS(0.75);
    event.order[0].order.cum_quote = UNITS(0.075);
    expect(&event, true,
           "{'e':'executionReport','E':1700000000003999,'s':'ETHBTC','c':'own',"
           "'S':'BUY','o':'LIMIT','f':'GTC','q':'1.50000000','p':'0.10000000',"
           "'P':'0.00000000','F':'0.00000000','g':-1,"
           "'C':'','x':'TRADE','X':'PARTIALLY_FILLED','r':'NONE','i':42,"
           "'l':'0.50000000','z':'0.75000000','L':'0.10000000','n':'0.00050000','N':'ETH',"
           "'T':1700000000002345,'t':9,'I':78,'w':true,'m':true,'M':false,'O':1700000000001000,"
           "'Z':'0.07500000','Y':'0.05000000','Q':'0.00000000',"
           "'W':1700000000001000,'V':'EXPIRE_MAKER'}");
}

/* Goal: the ids of a cancel are where clients look for them; an order that has left the book is not
 * working. Method: a cancel with an id of its own that needs escapes. */
Test(render_event, a_cancel)
{
    struct order_event order = {.order = order_of(ORDER_CANCELED),
                                .id = 79,
                                .execution = EXECUTION_CANCELED,
                                .cancel_length = 3,
                                .cancel_id = "c\"1"};
    struct user_event event = event_of(&order);
    event.order[0].order.side = SIDE_SELL;
    event.order[0].order.type = TYPE_LIMIT_MAKER;
    expect(&event, false,
           "{'e':'executionReport','E':1700000000003,'s':'ETHBTC','c':'c^1',"
           "'S':'SELL','o':'LIMIT_MAKER','f':'GTC','q':'1.50000000','p':'0.10000000',"
           "'P':'0.00000000','F':'0.00000000','g':-1,"
           "'C':'own','x':'CANCELED','X':'CANCELED','r':'NONE','i':42,"
           "'l':'0.00000000','z':'0.00000000','L':'0.00000000','n':'0','N':null,"
           "'T':1700000000002,'t':-1,'I':79,'w':false,'m':false,'M':false,'O':1700000000001,"
           "'Z':'0.00000000','Y':'0.00000000','Q':'0.00000000',"
           "'W':1700000000001,'V':'EXPIRE_MAKER'}");
}

Test(render_event, self_trade_prevention)
{
    struct order_event order = {.order = order_of(ORDER_EXPIRED_IN_MATCH),
                                .id = 80,
                                .prevented = UNITS(1.25),
                                .prevented_price = UNITS(0.1),
                                .counter_order_id = 41,
                                .execution = EXECUTION_TRADE_PREVENTION};
    struct user_event event = event_of(&order);
    event.order[0].order.executed = UNITS(0.25);
    event.order[0].order.cum_quote = UNITS(0.025);
    event.order[0].order.prevented = UNITS(1.25);
    event.order[0].order.prevented_id = 7;
    expect(&event, false,
           "{'e':'executionReport','E':1700000000003,'s':'ETHBTC','c':'own',"
           "'S':'BUY','o':'LIMIT','f':'GTC','q':'1.50000000','p':'0.10000000',"
           "'P':'0.00000000','F':'0.00000000','g':-1,"
           "'C':'','x':'TRADE_PREVENTION','X':'EXPIRED_IN_MATCH','r':'NONE','i':42,"
           "'l':'0.00000000','z':'0.25000000','L':'0.00000000','n':'0','N':null,"
           "'T':1700000000002,'t':-1,'v':7,'A':'1.25000000','B':'1.25000000','U':41,"
           "'Cs':'ETHBTC','pl':'1.25000000','pL':'0.10000000','pY':'0.12500000','I':80,'w':false,"
           "'m':false,'M':false,'O':1700000000001,"
           "'Z':'0.02500000','Y':'0.00000000','Q':'0.00000000',"
           "'W':1700000000001,'V':'EXPIRE_MAKER'}");
}

/* Goal: the new order of a cancelReplace that came to nothing has no order id and no working time.
 * Method: a market order by quote amount without funds. */
Test(render_event, a_rejected_order)
{
    struct order_event order = {.order = order_of(ORDER_NEW),
                                .id = 81,
                                .reject = REJECT_NO_FUNDS,
                                .execution = EXECUTION_REJECTED};
    struct user_event event = event_of(&order);
    event.order[0].order.order_id = 0;
    event.order[0].order.type = TYPE_MARKET;
    event.order[0].order.price = event.order[0].order.qty = 0;
    event.order[0].order.quote_qty = UNITS(20);
    event.order[0].order.stp = STP_NONE;
    expect(&event, false,
           "{'e':'executionReport','E':1700000000003,'s':'ETHBTC','c':'own',"
           "'S':'BUY','o':'MARKET','f':'GTC','q':'0.00000000','p':'0.00000000',"
           "'P':'0.00000000','F':'0.00000000','g':-1,"
           "'C':'','x':'REJECTED','X':'REJECTED','r':'INSUFFICIENT_BALANCES','i':-1,"
           "'l':'0.00000000','z':'0.00000000','L':'0.00000000','n':'0','N':null,"
           "'T':1700000000002,'t':-1,'I':81,'w':false,'m':false,'M':false,'O':1700000000001,"
           "'Z':'0.00000000','Y':'0.00000000','Q':'20.00000000','V':'NONE'}");
}

/* Goal: a pending order that could not be placed is told with the id that it has, its list and why.
 * Method: one that found no funds. */
Test(render_event, a_pending_order_that_could_not_be_placed)
{
    struct order_event order = {.order = order_of(ORDER_EXPIRED),
                                .id = 82,
                                .reject = REJECT_NO_FUNDS,
                                .execution = EXECUTION_EXPIRED};
    struct user_event event = event_of(&order);
    event.order[0].order.expiry = EXPIRY_REJECTED;
    event.order[0].order.list_id = 17;
    event.order[0].order.working_us = 0;
    expect(
        &event, false,
        "{'e':'executionReport','E':1700000000003,'s':'ETHBTC','c':'own',"
        "'S':'BUY','o':'LIMIT','f':'GTC','q':'1.50000000','p':'0.10000000',"
        "'P':'0.00000000','F':'0.00000000','g':17,"
        "'C':'','x':'EXPIRED','X':'EXPIRED','r':'INSUFFICIENT_BALANCES','i':42,"
        "'l':'0.00000000','z':'0.00000000','L':'0.00000000','n':'0','N':null,"
        "'T':1700000000002,'t':-1,'I':82,'w':false,'m':false,'M':false,'O':1700000000001,"
        "'Z':'0.00000000','Y':'0.00000000','Q':'0.00000000','V':'EXPIRE_MAKER','eR':'REJECTED'}");
}

/* Goal: an order that waits for another one to be filled does not work yet, nor trail the price.
 * Method: a stop that has only a delta. */
Test(render_event, a_pending_order)
{
    struct order_event order = {
        .order = order_of(ORDER_PENDING), .id = 83, .execution = EXECUTION_NEW};
    struct user_event event = event_of(&order);
    event.order[0].order.list_id = 17;
    event.order[0].order.working_us = 0;
    event.order[0].order.type = TYPE_STOP_LOSS_LIMIT;
    event.order[0].order.trail_bips = 100;
    expect(&event, false,
           "{'e':'executionReport','E':1700000000003,'s':'ETHBTC','c':'own',"
           "'S':'BUY','o':'STOP_LOSS_LIMIT','f':'GTC','q':'1.50000000','p':'0.10000000',"
           "'P':'0.00000000','F':'0.00000000','g':17,"
           "'C':'','x':'NEW','X':'PENDING_NEW','r':'NONE','i':42,"
           "'l':'0.00000000','z':'0.00000000','L':'0.00000000','n':'0','N':null,"
           "'T':1700000000002,'t':-1,'I':83,'d':100,'D':-1,'w':false,'m':false,'M':false,'O':"
           "1700000000001,"
           "'Z':'0.00000000','Y':'0.00000000','Q':'0.00000000','V':'EXPIRE_MAKER'}");
}

static struct list_view list_of(uint8_t kind, bool done)
{
    struct list_view list = {
        .list_id = 17,
        .time_us = TIME(1000),
        .symbol = 3,
        .kind = kind,
        .count = kind == LIST_OTOCO ? 3 : 2,
        .client_length = 4,
        .done = done,
        .client_id = "pair",
        .order = {{42, 1, "a"}, {43, 1, "b"}, {44, 1, "c"}},
    };
    return list;
}

/* Goal: a list is told when it begins and when it ends. Method: both in one input, of two kinds. */
Test(render_event, lists)
{
    struct user_event event = {.user = 1, .lists = 2, .ts_us = TIME(3999)};
    event.list[0] = list_of(LIST_OCO, false);
    event.list[1] = list_of(LIST_OTOCO, true);
    expect(&event, false,
           "{'e':'listStatus','E':1700000000003,'s':'ETHBTC','g':17,'c':'OCO','l':'EXEC_STARTED',"
           "'L':'EXECUTING','r':'NONE','C':'pair','T':1700000000001,'O':["
           "{'s':'ETHBTC','i':42,'c':'a'},{'s':'ETHBTC','i':43,'c':'b'}]}"
           "{'e':'listStatus','E':1700000000003,'s':'ETHBTC','g':17,'c':'OTO','l':'ALL_DONE',"
           "'L':'ALL_DONE','r':'NONE','C':'pair','T':1700000000001,'O':["
           "{'s':'ETHBTC','i':42,'c':'a'},{'s':'ETHBTC','i':43,'c':'b'},"
           "{'s':'ETHBTC','i':44,'c':'c'}]}");
    cr_expect_eq(texts.count, 2);
}

/* The text of one field. */
static const char *field(const struct user_event *event, const char *key)
{
    static char value[64];
    json_t *json;
    render_user_event(&directory, event, false, &texts);
    json = json_loadb(texts.text.data, texts.end[0], 0, NULL);
    cr_assert(json != NULL);
    const char *found = json_string_value(json_object_get(json, key));
    value[0] = '\0';
    if (found)
        strcpy(value, found);
    json_decref(json);
    return value;
}

/* Goal: why an order expired, and why one was rejected. Method: a table. */
Test(render_event, reasons)
{
    static const struct {
        uint8_t type, tif, expiry;
        const char *text;
    } expired[] = {
        {TYPE_LIMIT, TIF_IOC, EXPIRY_OWN, "UNFILLED_IOC_QUANTITY_EXPIRED"},
        {TYPE_LIMIT, TIF_FOK, EXPIRY_OWN, "UNFILLED_FOK_ORDER_EXPIRED"},
        {TYPE_MARKET, TIF_GTC, EXPIRY_OWN, "INSUFFICIENT_LIQUIDITY"},
        {TYPE_LIMIT_MAKER, TIF_GTC, EXPIRY_OCO, "OCO_TRIGGER"},
        {TYPE_STOP_LOSS_LIMIT, TIF_IOC, EXPIRY_OCO, "OCO_TRIGGER"},
        {TYPE_MARKET, TIF_GTC, EXPIRY_OTO, "OTO_PHASE_ONE_EXPIRED"},
    };
    static const struct {
        uint16_t reject;
        const char *text;
    } rejected[] = {
        {REJECT_NO_FUNDS, "INSUFFICIENT_BALANCES"},
        {REJECT_WOULD_MATCH, "WOULD_MATCH_IMMEDIATELY"},
        {REJECT_WOULD_TRIGGER, "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"},
        {REJECT_PAIR_PRICES, "OCO_BAD_PRICES"},
        {REJECT_DUPLICATE_ORDER, "NONE"},
        {REJECT_MARKET_CLOSED, "NONE"},
    };
    struct order_event order = {.order = order_of(ORDER_EXPIRED), .execution = EXECUTION_EXPIRED};
    struct user_event event = event_of(&order);
    for (size_t i = 0; i < sizeof expired / sizeof *expired; i++) {
        event.order[0].order.type = expired[i].type;
        event.order[0].order.tif = expired[i].tif;
        event.order[0].order.expiry = expired[i].expiry;
        cr_expect_str_eq(field(&event, "eR"), expired[i].text);
        cr_expect_str_eq(field(&event, "x"), "EXPIRED");
    }
    event.order[0].execution = EXECUTION_REJECTED;
    for (size_t i = 0; i < sizeof rejected / sizeof *rejected; i++) {
        event.order[0].reject = rejected[i].reject;
        cr_expect_str_eq(field(&event, "r"), rejected[i].text);
        cr_expect_str_eq(field(&event, "eR"), "");
    }
}

/* Goal: of one input the reports come first, then lists, then the delta, then the totals; each is
 * an event by itself. Method: all of them in one. */
Test(render_event, money_comes_behind_the_orders)
{
    struct order_event order = {.order = order_of(ORDER_NEW), .execution = EXECUTION_NEW};
    struct user_event event = event_of(&order);
    event.lists = 1;
    event.list[0] = list_of(LIST_OTO, false);
    event.moved = true;
    event.amount = -UNITS(2.5);
    event.balances = 2;
    event.balance[0] = (struct balance_view){.free = UNITS(1), .locked = UNITS(2), .asset = 1};
    event.balance[1] = (struct balance_view){.free = 3, .asset = 2};
    render_user_event(&directory, &event, false, &texts);
    cr_assert_eq(texts.count, 4);
    cr_expect(strncmp(texts.text.data, "{\"e\":\"executionReport\"", 22) == 0);
    cr_expect(strncmp(texts.text.data + texts.end[0], "{\"e\":\"listStatus\"", 17) == 0);
    event.orders = event.lists = 0;
    expect(&event, false,
           "{'e':'balanceUpdate','E':1700000000003,'a':'ETH','d':'-2.50000000','T':1700000000003}"
           "{'e':'outboundAccountPosition','E':1700000000003,'u':1700000000003,'B':["
           "{'a':'ETH','f':'1.00000000','l':'2.00000000'},"
           "{'a':'BTC','f':'0.00000003','l':'0.00000000'}]}");
}
