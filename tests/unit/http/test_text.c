#include "http/text.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "http/render.h"

#define BAD "\xEF\xBF\xBD"

static char *quoted(const char *data, size_t length)
{
    struct text text = {0};
    text_quoted(&text, data, length);
    text_add(&text, "", 1);
    return text.data;
}

/* Goal: what is quoted is what JSON wants, and never malformed UTF-8, wherever a client's bytes
 * come from. Method: a table, edges of RFC 3629's ranges included. */
Test(text, quoted_text_is_json_whatever_bytes_it_was_given)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\x1f\x7f", "\"\\u000a\\u001f\x7f\""},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"\xFF", "\"" BAD "\""},
        {"x\x80y", "\"x" BAD "y\""},
        {"\xC3", "\"" BAD "\""},
        {"\xC3(", "\"" BAD "(\""},
        {"\xE2\x82", "\"" BAD BAD "\""},
        {"\xF0\x9F\x98", "\"" BAD BAD BAD "\""},
        {"\xC1\xBF", "\"" BAD BAD "\""},
        {"\xC2\x80\xDF\xBF", "\"\xC2\x80\xDF\xBF\""},
        {"\xE0\x9F\xBF", "\"" BAD BAD BAD "\""},
        {"\xE0\xA0\x80\xEF\xBF\xBF", "\"\xE0\xA0\x80\xEF\xBF\xBF\""},
        {"\xED\x9F\xBF", "\"\xED\x9F\xBF\""},
        {"\xED\xA0\x80", "\"" BAD BAD BAD "\""},
        {"\xF0\x8F\xBF\xBF", "\"" BAD BAD BAD BAD "\""},
        {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", "\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\""},
        {"\xF4\x90\x80\x80", "\"" BAD BAD BAD BAD "\""},
        {"\xF5\x80\x80\x80", "\"" BAD BAD BAD BAD "\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *got = quoted(table[i].in, strlen(table[i].in));
        cr_expect_str_eq(got, table[i].out, "row %zu", i);
        free(got);
    }
}

/* Goal: no pair of bytes gets through that a JSON reader refuses. Method: all of them, and jansson.
 */
Test(text, every_pair_of_bytes_is_readable_json)
{
    for (uint32_t pair = 0; pair < 65536; pair++) {
        const char in[2] = {(char)(pair >> 8), (char)pair};
        char *got = quoted(in, 2);
        json_t *json = json_loads(got, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        cr_assert(json != NULL, "bytes %04x", pair);
        json_decref(json);
        free(got);
    }
}

/* Goal: sums beyond int64 and below zero are told to the last atom; amounts as text_amount() tells
 * them. Method: a table. */
Test(text, sum_has_all_its_digits_and_its_sign)
{
    const __int128 unit = 100000000, max = INT64_MAX;
    const struct {
        __int128 atoms;
        const char *out;
    } table[] = {
        {0, "\"0.00000000\""},
        {1, "\"0.00000001\""},
        {-1, "\"-0.00000001\""},
        {unit - 1, "\"0.99999999\""},
        {unit, "\"1.00000000\""},
        {-12 * unit - 3400000, "\"-12.03400000\""},
        {max, "\"92233720368.54775807\""},
        {max + 1, "\"92233720368.54775808\""},
        {max * unit * -1, "\"-9223372036854775807.00000000\""},
        {-max * max * 2 - 4 * max - 2, "\"-1701411834604692317316873037158.84105728\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text text = {0};
        text_sum(&text, table[i].atoms);
        text_add(&text, "", 1);
        cr_expect_str_eq(text.data, table[i].out, "row %zu", i);
        free(text.data);
    }
}

/* Goal: a percentage of change has all its digits from the smallest price to the greatest, and
 * halves are rounded up. Method: a table. */
Test(text, percent_is_right_from_the_smallest_price_to_the_greatest)
{
    static const struct {
        int64_t from, to;
        const char *out;
    } table[] = {
        {0, 5, "\"0.000\""},
        {5, 5, "\"0.000\""},
        {8, 9, "\"12.500\""},
        {3, 4, "\"33.333\""},
        {3, 1, "\"-66.667\""},
        {200000, 200001, "\"0.001\""},
        {200000, 199999, "\"-0.001\""},
        {200001, 200000, "\"0.000\""},
        {INT64_MAX, 1, "\"-100.000\""},
        {1, 1000000000000000000, "\"99999999999999999900.000\""},
        {1, INT64_MAX, "\"922337203685477580600.000\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text text = {0};
        render_percent(&text, table[i].from, table[i].to);
        text_add(&text, "", 1);
        cr_expect_str_eq(text.data, table[i].out, "row %zu: %s", i, text.data);
        free(text.data);
    }
}
