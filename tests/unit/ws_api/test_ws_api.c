/* Goal: what is asked over a WebSocket connection is answered as documented, and nothing of a
 * connection outlives it. Method: a whole exchange on one thread (tests/fuzz/world.h) and a
 * connection that only keeps what is sent (fake_ws.h). */
#include "http/ws/api.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/text.h"
#include "tests/fuzz/world.h"
#include "tests/unit/ws_api/fake_ws.h"
#include "tests/unit/ws_api/ws_request.h"

static struct world *world;
static struct ws ws;

#define LIMITS(count)                                                                              \
    "\"rateLimits\":[{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\","               \
    "\"intervalNum\":1,\"limit\":6000,\"count\":" count "}]"

static void open_with(const char *query)
{
    ws = (struct ws){.ingress = world_ingress(world), .query = query, .client = {{77}}};
    ws_api_open(&ws);
}

static void setup(void)
{
    world = world_init(NULL, NULL);
    world_open(world);
    open_with("returnRateLimits=false");
}

static void close_ws(void)
{
    ws_api_kind.closed(&ws);
    fake_ws_fini(&ws);
}

static void teardown(void)
{
    close_ws();
    world_check(world);
    world_fini(world);
}

TestSuite(ws_api, .init = setup, .fini = teardown);

static void send_text(const char *text)
{
    size_t length = strlen(text);
    char *copy = malloc(length ? length : 1); /* gone after the call, as the transport's is */
    memcpy(copy, text, length);
    ws_api_kind.text(&ws, copy, length);
    free(copy);
}

/* The next message that was sent, awaited. */
static const char *next_message(void)
{
    for (int turns = 0; ws.taken == ws.count; turns++) {
        cr_assert_lt(turns, 200000, "nothing comes");
        world_turn(world);
    }
    return ws.sent[ws.taken++];
}

static const char *ask(const char *text)
{
    send_text(text);
    return next_message();
}

static const char *signed_request(uint32_t nth, const char *method, const char *params)
{
    return ws_signed_request(world, nth, method, params);
}

static const char *ask_signed(uint32_t nth, const char *method, const char *params)
{
    return ask(signed_request(nth, method, params));
}

#define STARTS_WITH(text, start) cr_expect_eq(strncmp(text, start, strlen(start)), 0, "%s", text)

/* ---- requests ---- */

/* Goal: an id goes back as it was sent, if it is one; else null. Method: a table. */
Test(ws_api, ids_are_echoed_as_sent)
{
    static const struct {
        const char *sent, *echoed; /* NULL: refused */
    } table[] = {
        {"1", "1"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"18446744073709551616", "18446744073709551616"},
        {"0", "0"},
        {"null", "null"},
        {"\"1\"", "\"1\""},
        {"\"\\u0061-B_9\"", "\"a-B_9\""},
        {"\"123456789012345678901234567890123456\"", "\"123456789012345678901234567890123456\""},
        {"\"1234567890123456789012345678901234567\"", NULL},
        {"1234567890123456789012345678901234567", NULL},
        {"\"\"", NULL},
        {"\"a b\"", NULL},
        {"\"\\\"\"", NULL},
        {"\"\\u20ac\"", NULL},
        {"1.5", NULL},
        {"1e3", NULL},
        {"true", NULL},
        {"[]", NULL},
        {"{}", NULL},
    };
    static const char refused[] =
        "{\"id\":null,\"status\":400,\"error\":{\"code\":-1135,\"msg\":\"Invalid 'id' in JSON "
        "request; expected an integer, a string matching '^[a-zA-Z0-9-_]{1,36}$', or null.\"}}";
    char text[256], expect[256];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(text, sizeof text, "{\"id\":%s,\"method\":\"ping\"}", table[i].sent);
        snprintf(expect, sizeof expect, "{\"id\":%s,\"status\":200,\"result\":{}}",
                 table[i].echoed);
        cr_expect_str_eq(ask(text), table[i].echoed ? expect : refused, "%s", table[i].sent);
    }
    cr_expect_str_eq(ask("{\"method\":\"ping\"}"), refused);
}

/* Goal: what is no request is refused with its reason, and the id if there is one. Method: a table.
 */
Test(ws_api, malformed_requests_are_told_why)
{
#define INVALID(id, text)                                                                          \
    "{\"id\":" id ",\"status\":400,\"error\":{\"code\":-1135,\"msg\":\"" text "\"}}"
    static const struct {
        const char *text, *answer;
    } table[] = {
        {"", INVALID("null", "Invalid JSON Request")},
        {"{", INVALID("null", "Invalid JSON Request")},
        {"[]", INVALID("null", "Invalid JSON Request")},
        {"\"ping\"", INVALID("null", "Invalid JSON Request")},
        {"{\"id\":1,\"method\":\"ping\"}}", INVALID("null", "Invalid JSON Request")},
        {"{\"id\":1,\"id\":2,\"method\":\"ping\"}", INVALID("null", "Invalid JSON Request")},
        {"{\"id\":1}", INVALID("1", "Invalid 'method' in JSON request; expected a string.")},
        {"{\"id\":1,\"method\":5}",
         INVALID("1", "Invalid 'method' in JSON request; expected a string.")},
        {"{\"id\":1,\"method\":\"ping\",\"params\":[]}",
         INVALID("1", "Invalid 'params' in JSON request; expected an object.")},
        {"{\"id\":1,\"method\":\"ping\",\"params\":null}",
         INVALID("1", "Invalid 'params' in JSON request; expected an object.")},
        {"{\"id\":1,\"method\":\"depth\",\"params\":{\"symbol\":{}}}",
         INVALID("1", "JSON sent for parameter 'symbol' is not valid")},
        {"{\"id\":\"x\",\"method\":\"nothing\"}",
         "{\"id\":\"x\",\"status\":400,\"error\":{\"code\":-1020,\"msg\":\"This operation is not "
         "supported.\"}}"},
        {"{\"id\":\"x\",\"method\":\"v3/\"}",
         "{\"id\":\"x\",\"status\":400,\"error\":{\"code\":-1020,\"msg\":\"This operation is not "
         "supported.\"}}"},
        {"{\"id\":1,\"method\":\"ping\",\"params\":{\"a\":1}}",
         "{\"id\":1,\"status\":400,\"error\":{\"code\":-1101,\"msg\":\"Too many parameters; "
         "expected '0' and received '1'.\"}}"},
        {"{\"id\":1,\"method\":\"v3/"
         "ping\",\"params\":{\"returnRateLimits\":false,\"apiKey\":\"x\"}}",
         "{\"id\":1,\"status\":200,\"result\":{}}"},
        {"{\"id\":1,\"method\":\"ping\",\"params\":{\"returnRateLimits\":5}}",
         "{\"id\":1,\"status\":400,\"error\":{\"code\":-1130,\"msg\":\"Data sent for parameter "
         "'returnRateLimits' is not valid.\"}}"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_expect_str_eq(ask(table[i].text), table[i].answer, "%s", table[i].text);
}

/* Goal: the limits are told unless the URL or the request says no, and counts go on over REST and
 * WebSocket together. Method: both spellings of both; each ping weighs 1, depth 5. */
Test(ws_api, limits_are_told_as_asked)
{
    static const char plain[] = "{\"id\":1,\"method\":\"ping\"}",
                      yes[] =
                          "{\"id\":1,\"method\":\"ping\",\"params\":{\"returnRateLimits\":true}}",
                      no[] =
                          "{\"id\":1,\"method\":\"ping\",\"params\":{\"returnRateLimits\":false}}",
                      answer[] = "{\"id\":1,\"status\":200,\"result\":{}}";
    cr_expect_str_eq(ask(plain), answer);
    cr_expect_str_eq(ask(yes), "{\"id\":1,\"status\":200,\"result\":{}," LIMITS("2") "}");
    close_ws();
    open_with("");
    cr_expect_str_eq(ask(plain), "{\"id\":1,\"status\":200,\"result\":{}," LIMITS("3") "}");
    cr_expect_str_eq(ask(no), answer);
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"depth\",\"params\":{\"symbol\":\"NO\"}}"),
                     "{\"id\":1,\"status\":400,\"error\":{\"code\":-1121,\"msg\":\"Invalid "
                     "symbol.\"}," LIMITS("9") "}");
}

/* Goal: a signed request is let in only with key, time and signature of its own. Method: an account
 * query with each of them wrong. */
Test(ws_api, signatures_cover_the_sorted_parameters)
{
    STARTS_WITH(ask_signed(0, "account.status", ""),
                "{\"id\":1,\"status\":200,\"result\":{\"maker");
    STARTS_WITH(ask_signed(0, "account.status", "zzz=1"),
                "{\"id\":1,\"status\":400,\"error\":{\"code\":-1104,");
    STARTS_WITH(ask("{\"id\":1,\"method\":\"account.status\"}"),
                "{\"id\":1,\"status\":400,\"error\":{\"code\":-1102,\"msg\":\"Mandatory parameter "
                "'apiKey' was not sent");
    STARTS_WITH(ask("{\"id\":1,\"method\":\"account.status\",\"params\":{\"apiKey\":\"x\"}}"),
                "{\"id\":1,\"status\":401,\"error\":{\"code\":-2014,");
    char *request = strdup(signed_request(0, "account.status", "")),
         *signature = strstr(request, "\"signature\":\"") + 13;
    for (char *at = signature; *at != '"'; at++) /* in any case */
        if (*at >= 'a')
            *at = (char)(*at - 32);
    STARTS_WITH(ask(request), "{\"id\":1,\"status\":200,");
    signature[5] = signature[5] == '0' ? '1' : '0';
    STARTS_WITH(ask(request), "{\"id\":1,\"status\":400,\"error\":{\"code\":-1022,");
    free(request);
}

/* Goal: trading works over it, and tells the account's order counts. Method: place, look, replace
 * in part, cancel; numbers as JSON numbers where a client would send them so. */
Test(ws_api, orders_are_placed_and_cancelled)
{
    static const char order[] = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&"
                                "price=60000&newClientOrderId=mine&returnRateLimits=true";
    const char *answer = ask_signed(0, "order.place", order);
    STARTS_WITH(answer, "{\"id\":1,\"status\":200,\"result\":{\"symbol\":\"BTCUSDT\",");
    cr_expect_not_null(
        strstr(answer, "\"rateLimits\":[{\"rateLimitType\":\"ORDERS\",\"interval\":"
                       "\"SECOND\",\"intervalNum\":10,\"limit\":100,\"count\":1},"
                       "{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,"
                       "\"limit\":200000,\"count\":1},{\"rateLimitType\":\"REQUEST_WEIGHT\""),
        "%s", answer);
    answer = ask_signed(0, "order.status", "symbol=BTCUSDT&origClientOrderId=mine");
    cr_expect_not_null(strstr(answer, "\"status\":\"NEW\""), "%s", answer);
    answer =
        ask_signed(0, "order.cancelReplace",
                   "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=900&price=60000&"
                   "cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=mine");
    STARTS_WITH(answer, "{\"id\":1,\"status\":409,\"error\":{\"code\":-2021,\"msg\":\"Order "
                        "cancel-replace partially failed.\",\"data\":{\"cancelResult\":\"SUCCESS\","
                        "\"newOrderResult\":\"FAILURE\",\"cancelResponse\":{\"symbol\"");
    answer = ask_signed(0, "order.cancel", "symbol=BTCUSDT&origClientOrderId=mine");
    STARTS_WITH(answer, "{\"id\":1,\"status\":400,\"error\":{\"code\":-2011,");
}

/* ---- limits ---- */

static void expect_limited(const char *answer, const char *status, const char *begin)
{
    char text[256];
    snprintf(text, sizeof text, "{\"id\":1,\"status\":%s,\"error\":{\"code\":%s", status, begin);
    STARTS_WITH(answer, text);
    const char *data = strstr(answer, "\"data\":{\"serverTime\":");
    long long server = 0, retry = 0;
    cr_assert(data != NULL, "%s", answer);
    cr_assert_eq(
        sscanf(data, "\"data\":{\"serverTime\":%lld,\"retryAfter\":%lld}}", &server, &retry), 2,
        "%s", answer);
    cr_expect(server == world_now_ms(world) && retry > server && retry % 1000 == 0, "%s", answer);
}

/* Goal: an address that has used its weight is told 429, and 418 when it goes on; whoever comes
 * from elsewhere is not. Method: all of a minute's weight in the largest pieces. */
Test(ws_api, an_address_is_refused_and_then_banned)
{
    static const char ping[] =
        "{\"id\":1,\"method\":\"ping\",\"params\":{\"returnRateLimits\":true}}";
    for (int i = 0; i < 24; i++)
        STARTS_WITH(ask("{\"id\":1,\"method\":\"depth\",\"params\":{\"symbol\":\"BTCUSDT\","
                        "\"limit\":5000}}"),
                    "{\"id\":1,\"status\":200,");
    for (int i = 0; i < LIMIT_REFUSALS; i++)
        expect_limited(
            ask("{\"id\":1,\"method\":\"ping\"}"), "429",
            "-1003,\"msg\":\"Too much request weight used; current limit is 6000 request "
            "weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid "
            "polling the API.\"");
    const char *answer = ask(ping);
    expect_limited(answer, "418",
                   "-1003,\"msg\":\"Way too much request weight used; IP banned until ");
    STARTS_WITH(ask("nothing"), "{\"id\":null,\"status\":418,");
    expect_limited(ask("{\"id\":1,\"method\":\"none\"}"), "418", "-1003,");
    close_ws();
    open_with("");
    ws.client.byte[0] = 78;
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"ping\"}"),
                     "{\"id\":1,\"status\":200,\"result\":{}," LIMITS("1") "}");
}

#define ORDER(id)                                                                                  \
    "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=60000&"                 \
    "newClientOrderId=" id
#define REPLACE(mode, old) ORDER("new") "&cancelReplaceMode=" mode "&cancelOrigClientOrderId=" old
#define COUNTS(count)                                                                              \
    "{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":100,"      \
    "\"count\":" count "},{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,"   \
    "\"limit\":200000,\"count\":" count "}"
#define TOO_MANY "-1015,\"msg\":\"Too many new orders; current limit is 100 orders per 10 SECOND.\""

/* Goal: an account with too many unfilled orders places none, says how many there are, and places
 * again when one has traded; a Replace does nothing, or its cancel alone, which replays as such.
 * Method: a limit of three; the world compares with what replay makes of the journal. */
Test(ws_api, an_account_places_only_so_many_orders)
{
    world_ingress(world)->ex->config.orders_limit[ORDERS_10S] = 3;
    STARTS_WITH(ask_signed(0, "order.place", ORDER("a")), "{\"id\":1,\"status\":200,");
    STARTS_WITH(ask_signed(0, "order.place", ORDER("b")), "{\"id\":1,\"status\":200,");
    STARTS_WITH(ask_signed(0, "order.place", ORDER("c")), "{\"id\":1,\"status\":200,");
    const char *answer = ask_signed(0, "order.place", ORDER("d") "&returnRateLimits=true");
    expect_limited(answer, "429", TOO_MANY);
    cr_expect_not_null(strstr(answer, "\"rateLimits\":[" COUNTS("3") ","), "%s", answer);
    STARTS_WITH(ask_signed(0, "order.test", ORDER("d")), "{\"id\":1,\"status\":200,");
    expect_limited(ask_signed(0, "order.cancelReplace", REPLACE("ALLOW_FAILURE", "a")), "429",
                   TOO_MANY);
    expect_limited(
        ask_signed(0, "order.cancelReplace",
                   REPLACE("STOP_ON_FAILURE", "a") "&orderRateLimitExceededMode=DO_NOTHING"),
        "429", TOO_MANY);
    answer = ask_signed(0, "order.cancelReplace",
                        REPLACE("STOP_ON_FAILURE", "a") "&orderRateLimitExceededMode=CANCEL_ONLY");
    STARTS_WITH(answer, "{\"id\":1,\"status\":429,\"error\":{\"code\":-2021,\"msg\":\"Order "
                        "cancel-replace partially failed.\",\"data\":{\"cancelResult\":\"SUCCESS\","
                        "\"newOrderResult\":\"FAILURE\",\"cancelResponse\":{\"symbol\"");
    const char *half =
        strstr(answer, "\"newOrderResponse\":{\"code\":" TOO_MANY "},\"serverTime\":");
    cr_assert_not_null(half, "%s", answer);
    cr_expect_not_null(strstr(half, ",\"retryAfter\":1700000010000}}}"), "%s", answer);
    answer = ask_signed(0, "order.cancelReplace",
                        REPLACE("ALLOW_FAILURE", "a") "&orderRateLimitExceededMode=CANCEL_ONLY");
    STARTS_WITH(answer, "{\"id\":1,\"status\":400,\"error\":{\"code\":-2022,");
    cr_expect_str_eq(ask_signed(0, "account.rateLimits.orders", ""),
                     "{\"id\":1,\"status\":200,\"result\":[" COUNTS("3") "]}");
    STARTS_WITH(ask_signed(1, "order.place", "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.05"),
                "{\"id\":1,\"status\":200,"); /* another's, and the first trade of one of them */
    cr_expect_str_eq(ask_signed(0, "account.rateLimits.orders", ""),
                     "{\"id\":1,\"status\":200,\"result\":[" COUNTS("2") "]}");
    STARTS_WITH(ask_signed(0, "order.place", ORDER("e")), "{\"id\":1,\"status\":200,");
    expect_limited(ask_signed(0, "order.place", ORDER("f")), "429", TOO_MANY);
    world_ingress(world)->ex->config.orders_limit[ORDERS_1D] = 3;
    world_ingress(world)->ex->config.orders_limit[ORDERS_10S] = 0;
    expect_limited(
        ask_signed(0, "order.place", ORDER("f")), "429",
        "-1015,\"msg\":\"Too many new orders; current limit is 200000 orders per 1 DAY.\"");
}

/* Goal: more requests than the bound are refused, and those under way are answered. Method: hold
 * the disk, so that nothing is durable, and ask too often; the disk goes on. */
Test(ws_api, requests_beyond_the_room_are_refused)
{
    for (int i = 0; i < 30; i++)
        send_text(signed_request(0, "openOrders.status", "symbol=BTCUSDT"));
    uint32_t busy = ws.count;
    cr_expect_geq(busy, 1u);
    cr_expect_lt(busy, 30u);
    for (uint32_t i = 0; i < busy; i++)
        STARTS_WITH(ws.sent[i], "{\"id\":1,\"status\":503,\"error\":{\"code\":-1008,");
    ws.taken = busy;
    for (uint32_t i = busy; i < 30; i++)
        STARTS_WITH(next_message(), "{\"id\":1,\"status\":200,\"result\":[]}");
}

/* Goal: who does not take answers is given no more of them, until he does. Method: one byte more
 * than the bound waits, then the bound. */
Test(ws_api, nothing_is_begun_while_answers_are_not_taken)
{
    ws.backlog = API_UNTAKEN_MAX + 1;
    cr_expect_str_eq(ask("{\"id\":\"x\",\"method\":\"ping\"}"),
                     "{\"id\":\"x\",\"status\":503,\"error\":{\"code\":-1008,\"msg\":\"Too many "
                     "requests or answers of this connection are under way.\"}}");
    ws.backlog = API_UNTAKEN_MAX;
    cr_expect_str_eq(ask("{\"id\":\"x\",\"method\":\"ping\"}"),
                     "{\"id\":\"x\",\"status\":200,\"result\":{}}");
}

/* Goal: a connection may go at any time; nothing of it is touched afterwards. Method: close with
 * requests in the exchange, and let it answer; sanitizers look on, teardown() checks the rest. */
Test(ws_api, a_connection_goes_with_requests_under_way)
{
    for (int i = 0; i < 5; i++)
        send_text(signed_request(0, "order.place",
                                 "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&"
                                 "price=60000"));
    close_ws();
    open_with("");
    for (int i = 0; i < 100; i++)
        world_turn(world);
    cr_expect_eq(ws.count, 0u, "what the first one asked is not told to the second");
}

/* Goal: what is slow is told so, once. Method: an order's record is held from the disk, what is
 * asked behind it waits too, and the deadline passes. */
Test(ws_api, the_deadline_is_told)
{
    world_play(world, "!h", 2);
    send_text(signed_request(0, "order.place",
                             "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&"
                             "price=60000"));
    send_text(signed_request(0, "account.status", ""));
    send_text(signed_request(0, "userDataStream.subscribe.signature", ""));
    for (int i = 0; i < 100; i++) /* the exchange takes them in */
        world_turn(world);
    world_play(world, "!t", 2);
    for (int i = 0; i < 3; i++)
        STARTS_WITH(next_message(), "{\"id\":1,\"status\":504,\"error\":{\"code\":-1007,");
    world_play(world, "!r", 2);
    for (int i = 0; i < 100; i++)
        world_turn(world);
    cr_expect_eq(ws.count, 3u);
    cr_expect_str_eq(ask("{\"id\":2,\"method\":\"session.subscriptions\"}"),
                     "{\"id\":2,\"status\":200,\"result\":[]}");
}

/* ---- the session ---- */

/* Goal: the session tells of itself, in the unit of its URL. Method: ms, then us. */
Test(ws_api, session_status)
{
    char expect[512];
    long long now = (long long)world_now_ms(world);
    snprintf(expect, sizeof expect,
             "{\"id\":1,\"status\":200,\"result\":{\"apiKey\":null,\"authorizedSince\":null,"
             "\"connectedSince\":%lld,\"returnRateLimits\":false,\"serverTime\":%lld,"
             "\"userDataStream\":false}}",
             now, now);
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"session.status\"}"), expect);
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"session.logout\"}"), expect);
    close_ws();
    open_with("timeUnit=MICROSECOND");
    const char *answer = ask("{\"id\":1,\"method\":\"time\"}");
    long long us = atoll(strstr(answer, "serverTime\":") + 12);
    cr_expect_eq(us / 1000, now, "%s", answer);
}

/* Goal: HMAC keys cannot log on, and are told so only when they are right. Method: both. */
Test(ws_api, logon_wants_another_kind_of_key)
{
    cr_expect_str_eq(ask_signed(0, "session.logon", ""),
                     "{\"id\":1,\"status\":400,\"error\":{\"code\":-4056,\"msg\":\"HMAC_SHA256 API "
                     "key is not supported.\"}}");
    STARTS_WITH(ask("{\"id\":1,\"method\":\"session.logon\"}"),
                "{\"id\":1,\"status\":400,\"error\":{\"code\":-1102,");
}

/* Goal: a draining server takes nothing more, and says that it goes. Method: !d. */
Test(ws_api, draining)
{
    char expect[128];
    ws_api_kind.drain(&ws);
    snprintf(expect, sizeof expect, "{\"event\":{\"e\":\"serverShutdown\",\"E\":%lld}}",
             (long long)world_now_ms(world));
    cr_expect_str_eq(next_message(), expect);
    world_play(world, "!d", 2);
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"ping\"}"),
                     "{\"id\":1,\"status\":503,\"error\":{\"code\":-1008,\"msg\":\"The server is "
                     "draining.\"}}");
}

/* ---- user data ---- */

#define SUBSCRIBE   "userDataStream.subscribe.signature"
#define UNSUBSCRIBE "userDataStream.unsubscribe"

/* Goal: subscriptions have ids from 0 up, one for an account; they are listed and end as asked.
 * Method: two accounts, one twice; end one by id, an unknown one, then all. */
Test(ws_api, subscriptions_are_counted_up)
{
    cr_expect_str_eq(ask_signed(0, SUBSCRIBE, ""),
                     "{\"id\":1,\"status\":200,\"result\":{\"subscriptionId\":0}}");
    cr_expect_str_eq(
        ask_signed(0, SUBSCRIBE, ""),
        "{\"id\":1,\"status\":400,\"error\":{\"code\":-2035,\"msg\":\"User Data Stream "
        "subscription already active.\"}}");
    cr_expect_str_eq(ask_signed(1, SUBSCRIBE, ""),
                     "{\"id\":1,\"status\":200,\"result\":{\"subscriptionId\":1}}");
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"session.subscriptions\"}"),
                     "{\"id\":1,\"status\":200,\"result\":[{\"subscriptionId\":0},"
                     "{\"subscriptionId\":1}]}");
    cr_expect_not_null(
        strstr(ask("{\"id\":1,\"method\":\"session.status\"}"), "\"userDataStream\":true"));
    STARTS_WITH(ask("{\"id\":2,\"method\":\"" UNSUBSCRIBE "\",\"params\":{\"subscriptionId\":0}}"),
                "{\"subscriptionId\":0,\"event\":{\"e\":\"eventStreamTerminated\",\"E\":17");
    cr_expect_str_eq(next_message(), "{\"id\":2,\"status\":200,\"result\":{}}");
    cr_expect_str_eq(
        ask("{\"id\":2,\"method\":\"" UNSUBSCRIBE "\",\"params\":{\"subscriptionId\":0}}"),
        "{\"id\":2,\"status\":400,\"error\":{\"code\":-2036,\"msg\":\"User Data Stream "
        "subscription not active.\"}}");
    cr_expect_str_eq(ask_signed(0, SUBSCRIBE, ""),
                     "{\"id\":1,\"status\":200,\"result\":{\"subscriptionId\":2}}");
    STARTS_WITH(ask("{\"id\":3,\"method\":\"" UNSUBSCRIBE "\"}"), "{\"subscriptionId\":1,");
    STARTS_WITH(next_message(), "{\"subscriptionId\":2,");
    cr_expect_str_eq(next_message(), "{\"id\":3,\"status\":200,\"result\":{}}");
    cr_expect_str_eq(ask("{\"id\":3,\"method\":\"" UNSUBSCRIBE "\"}"),
                     "{\"id\":3,\"status\":200,\"result\":{}}");
}

/* Goal: a subscription hears of its account and of no other, in its id's envelope, and not before
 * its answer. Method: two accounts subscribe, one sells to the other. */
Test(ws_api, events_come_to_their_subscription)
{
    ask_signed(0, SUBSCRIBE, "");
    ask_signed(1, SUBSCRIBE, "");
    send_text(signed_request(0, "order.place",
                             "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&"
                             "price=60000&newClientOrderId=hers"));
    uint32_t reports = 0, positions = 0, answers = 0;
    while (reports + positions + answers < 3) {
        const char *message = next_message();
        reports += strstr(message, "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\",") ==
                   message;
        positions += strstr(message, "{\"subscriptionId\":0,\"event\":{\"e\":"
                                     "\"outboundAccountPosition\",") == message;
        answers += strstr(message, "{\"id\":1,\"status\":200,") == message;
        cr_expect_eq(reports + positions + answers, ws.taken - 2, "%s", message);
    }
    send_text(
        signed_request(1, "order.place", "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.1"));
    uint32_t of[2] = {0, 0};
    while (of[0] < 2 || of[1] < 3) { /* a trade and a position; new, a trade and a position */
        const char *message = next_message();
        if (strncmp(message, "{\"subscriptionId\":", 18) == 0)
            of[message[18] - '0']++;
    }
    cr_expect_eq(of[0], 2u);
}

/* Goal: a key that is deleted hears nothing more: its subscriptions end and say so, one that is not
 * on yet is refused. Method: two subscriptions of two keys; delete one key. */
Test(ws_api, a_deleted_key_ends_its_subscriptions)
{
    char script[256];
    ask_signed(0, SUBSCRIBE, "");
    ask_signed(1, SUBSCRIBE, "");
    int length =
        snprintf(script, sizeof script, ".oD/admin/v1/users/1/keys/%.64s", world_key(world, 0));
    world_play(world, script, (size_t)length);
    STARTS_WITH(next_message(),
                "{\"subscriptionId\":0,\"event\":{\"e\":\"eventStreamTerminated\",\"E\":17");
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"session.subscriptions\"}"),
                     "{\"id\":1,\"status\":200,\"result\":[{\"subscriptionId\":1}]}");
    STARTS_WITH(ask_signed(0, SUBSCRIBE, ""),
                "{\"id\":1,\"status\":401,\"error\":{\"code\":-2015,");
}

/* Goal: what cannot be sent, over the byte budget, harms nothing. Method: a connection that takes
 * nothing while answers, events and the end of a subscription are due. */
Test(ws_api, a_client_that_takes_nothing_is_not_kept_for)
{
    ask_signed(0, SUBSCRIBE, "");
    ws.full = true;
    for (int i = 0; i < 5; i++)
        send_text(signed_request(0, "order.place",
                                 "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&"
                                 "price=60000"));
    send_text("{\"id\":1,\"method\":\"" UNSUBSCRIBE "\"}");
    for (int i = 0; i < 200; i++)
        world_turn(world);
    cr_expect_eq(ws.count, 1u);
    ws.full = false;
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"ping\"}"),
                     "{\"id\":1,\"status\":200,\"result\":{}}");
}

/* ---- logons ---- */

/* An Ed25519 key of alice's, made by the operator; `rules` is more of its JSON. */
static EVP_PKEY *make_key(const char *rules)
{
    static struct text script;
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    cr_assert(pair && bio && PEM_write_bio_PUBKEY(bio, pair) == 1);
    long length = BIO_get_mem_data(bio, &pem);
    script.length = 0;
    text_str(&script, ".oP/admin/v1/users/1/keys|{\"type\":\"ED25519\",\"publicKey\":");
    text_quoted(&script, pem, (size_t)length);
    text_str(&script, rules);
    text_str(&script, "}");
    world_play(world, script.data, script.length);
    BIO_free(bio);
    return pair;
}

/* The newest key. */
static const struct directory_key *newest_key(void)
{
    const struct directory *directory = &world_ingress(world)->directory;
    return &directory->keys[directory->keys_count];
}

static const char *log_on(EVP_PKEY *pair)
{
    static char request[512];
    char text[256];
    uint8_t signature[64], base64[89];
    size_t bytes = sizeof signature;
    long long now = world_now_ms(world);
    int length =
        snprintf(text, sizeof text, "apiKey=%.64s&timestamp=%lld", newest_key()->text, now);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    cr_assert(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pair) == 1 &&
              EVP_DigestSign(ctx, signature, &bytes, (uint8_t *)text, (size_t)length) == 1);
    EVP_MD_CTX_free(ctx);
    EVP_EncodeBlock(base64, signature, (int)bytes);
    snprintf(request, sizeof request,
             "{\"id\":1,\"method\":\"session.logon\",\"params\":{\"apiKey\":\"%.64s\","
             "\"timestamp\":%lld,\"signature\":\"%s\"}}",
             newest_key()->text, now, base64);
    return ask(request);
}

static const char *ask_by_logon(const char *method)
{
    static char request[256];
    snprintf(request, sizeof request,
             "{\"id\":1,\"method\":\"%s\",\"params\":{\"timestamp\":%lld}}", method,
             (long long)world_now_ms(world));
    return ask(request);
}

#define LOGOUT "{\"id\":1,\"method\":\"session.logout\"}"
#define FOLLOW "{\"id\":2,\"method\":\"userDataStream.subscribe\"}"
#define ENDS   "{\"subscriptionId\":0,\"event\":{\"e\":\"eventStreamTerminated\",\"E\":"

/* Goal: a session's key vouches for it from logon to logout. Method: the same request around both.
 */
Test(ws_api, a_logon_vouches_until_it_is_over)
{
    EVP_PKEY *pair = make_key("");
    STARTS_WITH(ask_by_logon("account.status"),
                "{\"id\":1,\"status\":400,\"error\":{\"code\":-1102,");
    STARTS_WITH(ask(FOLLOW), "{\"id\":2,\"status\":401,\"error\":{\"code\":-1002,");
    STARTS_WITH(log_on(pair), "{\"id\":1,\"status\":200,\"result\":{\"apiKey\":\"");
    STARTS_WITH(ask_by_logon("account.status"), "{\"id\":1,\"status\":200,\"result\":{");
    cr_expect_str_eq(ask(FOLLOW), "{\"id\":2,\"status\":200,\"result\":{\"subscriptionId\":0}}");
    STARTS_WITH(ask(LOGOUT), ENDS);
    STARTS_WITH(next_message(), "{\"id\":1,\"status\":200,\"result\":{\"apiKey\":null,");
    STARTS_WITH(ask_by_logon("account.status"),
                "{\"id\":1,\"status\":400,\"error\":{\"code\":-1102,");
    EVP_PKEY_free(pair);
}

/* Goal: what is being subscribed to when the logon ends is answered, once, and told nothing.
 * Method: a subscription and a logout, and a deletion, in one turn. */
Test(ws_api, a_subscription_under_way_ends_with_its_logon)
{
    EVP_PKEY *pair = make_key("");
    char script[128];
    log_on(pair);
    send_text(FOLLOW);
    STARTS_WITH(ask(LOGOUT), "{\"id\":2,\"status\":401,\"error\":{\"code\":-1002,");
    STARTS_WITH(next_message(), "{\"id\":1,\"status\":200,\"result\":{\"apiKey\":null,");
    log_on(pair);
    send_text(FOLLOW);
    int length =
        snprintf(script, sizeof script, ".oD/admin/v1/users/1/keys/%.64s", newest_key()->text);
    world_play(world, script, (size_t)length);
    const char *answer = next_message();
    if (strncmp(answer, "{\"id\":2,\"status\":200,", 21) ==
        0) /* it was on before the key was gone */
        STARTS_WITH(next_message(),
                    "{\"subscriptionId\":1,\"event\":{\"e\":\"eventStreamTerminated\"");
    else
        STARTS_WITH(answer, "{\"id\":2,\"status\":401,\"error\":{\"code\":-2015,");
    STARTS_WITH(ask_by_logon("account.status"),
                "{\"id\":1,\"status\":401,\"error\":{\"code\":-2015,");
    EVP_PKEY_free(pair);
}

/* Goal: a key that expires takes its session with it, without a request. Method: let time pass. */
Test(ws_api, an_expired_key_ends_what_goes_by_it)
{
    char rules[64];
    snprintf(rules, sizeof rules, ",\"expiresAt\":%lld", (long long)world_now_ms(world) + 5000);
    EVP_PKEY *pair = make_key(rules);
    log_on(pair);
    cr_expect_str_eq(ask(FOLLOW), "{\"id\":2,\"status\":200,\"result\":{\"subscriptionId\":0}}");
    ask_signed(1, SUBSCRIBE, "");
    world_play(world, "!t", 2); /* 11 s */
    STARTS_WITH(next_message(), ENDS);
    STARTS_WITH(ask("{\"id\":1,\"method\":\"session.status\"}"),
                "{\"id\":1,\"status\":200,\"result\":{\"apiKey\":null,\"authorizedSince\":null,");
    cr_expect_str_eq(ask("{\"id\":1,\"method\":\"session.subscriptions\"}"),
                     "{\"id\":1,\"status\":200,\"result\":[{\"subscriptionId\":1}]}");
    STARTS_WITH(ask_by_logon("account.status"),
                "{\"id\":1,\"status\":401,\"error\":{\"code\":-2015,");
    EVP_PKEY_free(pair);
}
