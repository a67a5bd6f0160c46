/* Goal: parameters are read as Binance reads them, and what was signed is found exactly. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "http/json.h"
#include "http/params.h"

static struct params params;

static enum params_status read_both(const char *query, const char *body)
{
    return params_read(&params, query, strlen(query), body, strlen(body));
}

static bool value_is(const char *name, const char *value)
{
    const struct param *param = params_get(&params, name);
    return param && param->value_length == strlen(value) &&
           memcmp(param->value, value, param->value_length) == 0;
}

/* The signed pieces, joined. */
static const char *signed_text(void)
{
    static char text[1024];
    size_t at = 0;
    for (uint32_t i = 0; i < params.pieces; i++) {
        memcpy(text + at, params.piece[i], params.piece_length[i]);
        at += params.piece_length[i];
    }
    text[at] = '\0';
    return text;
}

/* Method: one line per spelling of query and body; the text that the signature must cover. */
Test(params_signed, is_query_then_body_without_the_signature_pair)
{
    static const struct {
        const char *query, *body, *expect;
    } table[] = {
        {"a=1&b=2&signature=ff", "", "a=1&b=2"},
        {"signature=ff&a=1&b=2", "", "a=1&b=2"},
        {"a=1&signature=ff&b=2", "", "a=1&b=2"},
        {"", "a=1&b=2&signature=ff", "a=1&b=2"},
        {"a=1", "b=2&signature=ff", "a=1b=2"},
        {"a=1&signature=ff", "b=2", "a=1b=2"},
        {"a=%31", "", "a=%31"},
        {"signature=ff", "a=1", "a=1"},
        {"asignature=1&signature=ff", "", "asignature=1"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cr_assert_eq(read_both(table[i].query, table[i].body), PARAMS_OK);
        cr_assert_str_eq(signed_text(), table[i].expect, "row %zu", i);
    }
}

Test(params_values, are_percent_decoded_and_plus_is_a_space)
{
    cr_assert_eq(read_both("a=%41%2b+x&b=&c", ""), PARAMS_OK);
    cr_assert(value_is("a", "A+ x"));
    cr_assert(value_is("b", ""));
    cr_assert(value_is("c", ""));
}

Test(params_values, of_the_query_win_over_the_body)
{
    cr_assert_eq(read_both("a=1", "a=2&b=3"), PARAMS_OK);
    cr_assert(value_is("a", "1"));
    cr_assert(value_is("b", "3"));
}

Test(params_refusals, are_told_apart)
{
    static const struct {
        const char *query, *body;
        enum params_status expect;
    } table[] = {
        {"a=1&a=2", "", PARAMS_DUPLICATE},
        {"", "a=1&a=1", PARAMS_DUPLICATE},
        {"%61=1&a=2", "", PARAMS_DUPLICATE},
        {"a=%", "", PARAMS_BAD_ENCODING},
        {"a=%4", "", PARAMS_BAD_ENCODING},
        {"a=%ZZ", "", PARAMS_BAD_ENCODING},
        {"a=%00", "", PARAMS_BAD_ENCODING},
        {"a%=1", "", PARAMS_BAD_ENCODING},
        {"a=%41", "", PARAMS_OK},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_assert_eq(read_both(table[i].query, table[i].body), table[i].expect, "row %zu", i);
}

Test(params_refusals, come_at_the_limits)
{
    static char text[PARAMS_TEXT_MAX + 2];
    memset(text, 'a', sizeof text - 1);
    cr_assert_eq(read_both(text, ""), PARAMS_TOO_LONG);
    size_t at = 0;
    for (int i = 0; i <= PARAMS_MAX; i++)
        at += (size_t)sprintf(text + at, "&p%d=1", i);
    cr_assert_eq(read_both(text, ""), PARAMS_TOO_MANY);
}

Test(params_unread, counts_what_nobody_asked_for)
{
    cr_assert_eq(read_both("a=1&b=2&c=3", ""), PARAMS_OK);
    params_get(&params, "b");
    cr_assert_eq(params_unread(&params), 2u);
}

/* ---- of JSON ---- */

static struct json_node nodes[256];
static char message[4096];

static enum params_status read_json(const char *text)
{
    size_t length = strlen(text);
    memcpy(message, text, length + 1);
    cr_assert_gt(json_parse(message, length, nodes, 256), 0u, "%s", text);
    return params_read_json(&params, nodes, nodes);
}

/* Goal: a JSON value is the text that a query would have. Method: one of each kind. */
Test(params_json, values_are_their_text)
{
    cr_assert_eq(
        read_json("{\"s\":\"a\\u20ac\\\"b\",\"n\":10000,\"d\":0.00010,\"e\":1E-7,\"t\":true,"
                  "\"f\":false,\"z\":null,\"l\":[ \"A\" , \"B\" ],\"m\":[],\"x\":[1,true,null]}"),
        PARAMS_OK);
    cr_expect(value_is("s", "a\xE2\x82\xAC\"b"));
    cr_expect(value_is("n", "10000"));
    cr_expect(value_is("d", "0.00010"));
    cr_expect(value_is("e", "1E-7"));
    cr_expect(value_is("t", "true"));
    cr_expect(value_is("f", "false"));
    cr_expect(value_is("z", ""));
    cr_expect(value_is("l", "[\"A\",\"B\"]"));
    cr_expect(value_is("m", "[]"));
    cr_expect(value_is("x", "[1,true,null]"));
    cr_expect_eq(params_unread(&params), 0u);
}

/* Goal: the signature covers the sorted parameters, never its own. Method: a table; the first is
 * the documentation's example (web-socket-api.md, "SIGNED request example"), in another order. */
Test(params_json, signed_text_is_sorted_and_without_the_signature)
{
    static const struct {
        const char *json, *expect;
    } table[] = {
        {"{\"symbol\":\"BTCUSDT\",\"side\":\"SELL\",\"type\":\"LIMIT\",\"timeInForce\":\"GTC\","
         "\"quantity\":\"0.01000000\",\"price\":\"52000.00\",\"recvWindow\":100,"
         "\"timestamp\":1645423376532,\"apiKey\":\"vmPU\",\"signature\":\"aa1b\"}",
         "apiKey=vmPU&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&"
         "timeInForce=GTC&timestamp=1645423376532&type=LIMIT"},
        {"{}", ""},
        {"{\"signature\":\"x\"}", ""},
        {"{\"b\":1,\"a\":2,\"ab\":3,\"B\":4,\"signatures\":5}", "B=4&a=2&ab=3&b=1&signatures=5"},
        {"{\"symbol\":\"\\uff11\\uff12\",\"a\":\"x&y=z %\"}",
         "a=x&y=z %&symbol=\xEF\xBC\x91\xEF\xBC\x92"},
        {"{\"l\":[\"A\", \"B\"],\"n\":null}", "l=[\"A\",\"B\"]&n="},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cr_assert_eq(read_json(table[i].json), PARAMS_OK);
        cr_expect_str_eq(signed_text(), table[i].expect, "row %zu", i);
    }
    cr_assert_eq(params_read_json(&params, NULL, NULL), PARAMS_OK);
    cr_expect_eq(params.count, 0u);
    cr_expect_str_eq(signed_text(), "");
}

/* Goal: what no parameter can be is told, with its name. Method: containers, and text that an array
 * of names could not hold; too many, and too long. */
Test(params_json, refusals_are_told_apart)
{
    static const char *const bad[] = {"{\"ok\":1,\"bad\":{}}", "{\"bad\":[[]]}",
                                      "{\"bad\":[{}]}",        "{\"bad\":[\"A\\\",\\\"B\"]}",
                                      "{\"bad\":[\"\\\\\"]}",  "{\"bad\":[\"\\n\"]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(read_json(bad[i]), PARAMS_BAD_VALUE, "row %zu", i);
        cr_expect_eq(params.wrong_length, 3);
        cr_expect_eq(memcmp(params.wrong, "bad", 3), 0);
    }
    char text[2048] = "{\"p\":1";
    for (int i = 0; i < PARAMS_MAX; i++)
        sprintf(text + strlen(text), ",\"p%d\":1", i);
    strcat(text, "}");
    cr_expect_eq(read_json(text), PARAMS_TOO_MANY);
    static char longest[PARAMS_TEXT_MAX + 16];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "{\"a\":\"", 6);
    memcpy(longest + sizeof longest - 2, "\"}", 2);
    cr_assert_gt(json_parse(longest, sizeof longest, nodes, 256), 0u);
    cr_expect_eq(params_read_json(&params, nodes, nodes), PARAMS_TOO_LONG);
}

/* Goal: a parameter that was taken is not there any more, for counting and reading, but was signed.
 * Method: take one of three. */
Test(params_json, taken_parameters_are_not_counted)
{
    struct param taken;
    cr_assert_eq(read_json("{\"apiKey\":\"k\",\"b\":1,\"a\":2}"), PARAMS_OK);
    cr_assert(params_take(&params, "apiKey", &taken));
    cr_expect_eq(taken.value[0], 'k');
    cr_expect_not(params_take(&params, "apiKey", &taken));
    cr_expect_eq(params.count, 2u);
    cr_expect(value_is("a", "2") && value_is("b", "1"));
    cr_expect_str_eq(signed_text(), "a=2&apiKey=k&b=1");
}
