/* Goal: parameters are read as Binance reads them, and what was signed is found exactly. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

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
