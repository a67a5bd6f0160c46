#include "actors/book/money.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool parse(const char *text, int64_t *atoms, uint32_t *decimals)
{
    return money_parse(text, (uint32_t)strlen(text), atoms, decimals);
}

/* Goal: text becomes exact atoms. Method: a table of text, atoms and significant decimals. */
Test(money_parse, reads_decimals_exactly)
{
    static const struct {
        const char *text;
        int64_t atoms;
        uint32_t decimals;
    } rows[] = {
        {"0", 0, 0},
        {"0.0", 0, 0},
        {"5", 500000000, 0},
        {"0.10", 10000000, 1},
        {"1.00000000", 100000000, 0},
        {"0.00000001", 1, 8},
        {"0.00000010", 10, 7},
        {"12345.678", 1234567800000, 3},
        {"007", 700000000, 0},
        {"92233720368.54775807", INT64_MAX, 8},
        {"92233720368.54775800", INT64_MAX - 7, 6},
        {"92233720368", 9223372036800000000, 0},
        {"0.1000000000", 10000000, 1}, /* zeros behind the eighth decimal say nothing */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t atoms = -1;
        uint32_t decimals = 99;
        cr_assert(parse(rows[i].text, &atoms, &decimals), "\"%s\" was refused", rows[i].text);
        cr_assert_eq(atoms, rows[i].atoms, "\"%s\" read as %" PRId64, rows[i].text, atoms);
        cr_assert_eq(decimals, rows[i].decimals, "\"%s\" has %u decimals", rows[i].text, decimals);
    }
}

/* Goal: nothing but a plain decimal gets in. Method: a table of everything else. */
Test(money_parse, refuses_whatever_is_not_a_plain_decimal)
{
    static const char *const rows[] = {
        "",     ".",    "1.",       ".5",   "-1",           "+1",   "-0",  "1e5",   "1E5", "NaN",
        "nan",  "inf",  "-inf",     " 1",   "1 ",           "1 0",  "\t1", "1\n",   "1,5", "1_000",
        "0x10", "1..2", "1.2.3",    "..",   "1.-5",         "1.5.", "abc", "1a",    "a1",  "1.5f",
        "--1",  "1/2",  "\xc2\xb2", "0.-1", "\xef\xbc\x91", "1;",   "1:",  "1'000",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t atoms;
        uint32_t decimals;
        cr_assert(!parse(rows[i], &atoms, &decimals), "\"%s\" was accepted", rows[i]);
    }
}

/* Goal: precision is never dropped silently and nothing wraps. Method: one past each limit. */
Test(money_parse, refuses_what_does_not_fit)
{
    static const char *const rows[] = {
        "0.000000001", /* nine decimals */
        "1.123456789",
        "0.0000000010",
        "92233720368.54775808", /* INT64_MAX + 1 atoms */
        "92233720369",
        "100000000000",
        "184467440737.09551616", /* 2^64 atoms */
        "184467440737.09551617",
        "9223372036854775807",
        "18446744073709551616",
        "99999999999999999999",
        "340282366920938463463374607431768211457",
        "00000000000000000000000000000000000000000000000000000000000000001e",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t atoms;
        uint32_t decimals;
        cr_assert(!parse(rows[i], &atoms, &decimals), "\"%s\" was accepted", rows[i]);
    }
}

/* Goal: the length rules, not a terminator. Method: text with more behind it, and a NUL inside. */
Test(money_parse, reads_no_further_than_the_length)
{
    int64_t atoms = 0;
    uint32_t decimals = 0;
    cr_assert(money_parse("12345", 2, &atoms, &decimals));
    cr_assert_eq(atoms, 12 * MONEY_ATOMS_PER_UNIT);
    cr_assert(money_parse("1.5x", 3, &atoms, &decimals));
    cr_assert_eq(atoms, 150000000);
    cr_assert(!money_parse("1.5", 2, &atoms, &decimals));
    cr_assert(!money_parse("1\0", 2, &atoms, &decimals));
    cr_assert(!money_parse("1", 0, &atoms, &decimals));
}

/* Goal: what is written has 8 decimals. Method: a table, including both ends of the range. */
Test(money_format, writes_all_eight_decimals)
{
    static const struct {
        int64_t atoms;
        const char *text;
    } rows[] = {
        {0, "0.00000000"},
        {1, "0.00000001"},
        {-1, "-0.00000001"},
        {99999999, "0.99999999"},
        {100000000, "1.00000000"},
        {1234567800000, "12345.67800000"},
        {-1234567800000, "-12345.67800000"},
        {INT64_MAX, "92233720368.54775807"},
        {INT64_MIN, "-92233720368.54775808"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[MONEY_TEXT_MAX + 1];
        memset(text, 'x', sizeof text);
        uint32_t length = money_format(rows[i].atoms, text);
        cr_assert_eq(length, strlen(rows[i].text));
        cr_assert_eq(memcmp(text, rows[i].text, length), 0, "%s", rows[i].text);
        cr_assert_eq(text[MONEY_TEXT_MAX], 'x');
    }
}

/* Goal: no amount changes on its way out and in. Method: powers, their neighbours and mixed
 * words. */
Test(money_format, is_read_back_as_the_same_amount)
{
    uint64_t word = 1;
    for (int i = 0; i < 20000; i++) {
        word = word * 6364136223846793005ull + 1442695040888963407ull;
        int64_t atoms = (int64_t)(word >> (1 + i % 63)), back = -1;
        char text[MONEY_TEXT_MAX];
        uint32_t decimals = 0, length = money_format(atoms, text);
        cr_assert(money_parse(text, length, &back, &decimals));
        cr_assert_eq(back, atoms);
        cr_assert_leq(decimals, 8);
    }
}

/* Goal: the floor moves and the ceiling is held. Method: products at, above and below a whole
 * atom. */
Test(money_quote, rounds_down_when_it_moves_and_up_when_it_holds)
{
    static const struct {
        struct money_spec spec;
        int64_t price_ticks, qty_lots, floor, ceil;
    } rows[] = {
        {{1, 1}, 1, 1, 0, 1},
        {{1, 1}, 1, 99999999, 0, 1},
        {{1, 1}, 1, 100000000, 1, 1},
        {{1, 1}, 1, 100000001, 1, 2},
        {{7, 3}, 1000, 4761, 0, 1}, /* 99,981,000 of 1e8 */
        {{7, 3}, 1000, 4762, 1, 2}, /* 100,002,000 */
        {{7, 3}, 123457, 1000000, 25925, 25926},
        {{1000000, 100000}, 2500, 4, 10000000, 10000000},
        {{100000000, 100000000}, 3, 5, 1500000000, 1500000000},
        {{1, 1}, INT64_MAX, 100000000, INT64_MAX, INT64_MAX},
        {{1, 1}, INT64_MAX, 1, 92233720368, 92233720369},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t low = -1, high = -1;
        cr_assert(money_quote_floor(&rows[i].spec, rows[i].price_ticks, rows[i].qty_lots, &low));
        cr_assert(money_quote_ceil(&rows[i].spec, rows[i].price_ticks, rows[i].qty_lots, &high));
        cr_assert_eq(low, rows[i].floor, "row %zu: floor %" PRId64, i, low);
        cr_assert_eq(high, rows[i].ceil, "row %zu: ceil %" PRId64, i, high);
    }
}

/* Goal: a cost that does not fit is said, not wrapped. Method: one lot past INT64_MAX, and far
 * past. */
Test(money_quote, tells_when_the_cost_does_not_fit)
{
    struct money_spec spec = {1, 1};
    int64_t atoms;
    cr_assert(!money_quote_floor(&spec, INT64_MAX, 100000001, &atoms));
    cr_assert(!money_quote_ceil(&spec, INT64_MAX, 100000001, &atoms));
    cr_assert(!money_quote_floor(&spec, INT64_MAX, INT64_MAX, &atoms));
    cr_assert(!money_quote_ceil(&spec, INT64_MAX, INT64_MAX, &atoms));
}

/* Goal: holds cover fills however an order is cut up. Method: fill an order lot by lot at its
 * limit. */
Test(money_quote, the_sum_of_floors_never_exceeds_the_hold)
{
    struct money_spec spec = {7, 300000};
    int64_t spent = 0, hold = 0, left = 500;
    cr_assert(money_quote_ceil(&spec, 1237, left, &hold));
    for (int64_t lots = 1; left > 0; lots = lots % 7 + 1) {
        int64_t cost = 0, rest = 0, take = lots < left ? lots : left;
        cr_assert(money_quote_floor(&spec, 1237, take, &cost));
        spent += cost;
        left -= take;
        if (left > 0)
            cr_assert(money_quote_ceil(&spec, 1237, left, &rest));
        cr_assert_leq(spent + rest, hold);
    }
}

/* Goal: exactly the lots the money reaches for. Method: n lots cost at most the money, n + 1
 * more. */
Test(money_affordable, is_the_largest_quantity_within_the_amount)
{
    static const struct {
        struct money_spec spec;
        int64_t price_ticks;
    } rows[] = {{{1, 1}, 1},           {{7, 3}, 123457},          {{7, 3}, 12345679},
                {{1000, 100000}, 999}, {{1000000, 100000}, 2500}, {{100000000, 100000000}, 3}};
    static const int64_t amounts[] = {0, 1, 2, 3, 99, 100, 101, 10000000, 10000001, 12345678901};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t k = 0; k < COUNT(amounts); k++) {
            int64_t cost = -1, price = rows[i].price_ticks;
            int64_t lots = money_lots_affordable(&rows[i].spec, price, amounts[k]);
            if (lots > 0) {
                cr_assert(money_quote_floor(&rows[i].spec, price, lots, &cost));
                cr_assert_leq(cost, amounts[k], "row %zu amount %" PRId64, i, amounts[k]);
            }
            cr_assert(money_quote_floor(&rows[i].spec, price, lots + 1, &cost));
            cr_assert_gt(cost, amounts[k], "row %zu amount %" PRId64, i, amounts[k]);
        }
}

/* Goal: an absurd amount does not wrap into few lots. Method: INT64_MAX atoms at dust prices. */
Test(money_affordable, is_unbounded_when_no_quantity_is_too_much)
{
    struct money_spec dust = {1, 1}, coarse = {100000000, 100000000};
    cr_assert_eq(money_lots_affordable(&dust, 1, INT64_MAX), INT64_MAX);
    cr_assert_eq(money_lots_affordable(&dust, 100000000, INT64_MAX), INT64_MAX);
    cr_assert_eq(money_lots_affordable(&coarse, 1, INT64_MAX), INT64_MAX / 100000000);
    cr_assert_eq(money_lots_affordable(&dust, 1, 0), 99999999);
    cr_assert_eq(money_lots_affordable(&dust, 100000000, 0), 0);
}

/* Goal: commission is rounded up, and never above the amount. Method: a table at the edges. */
Test(money_fee, is_rounded_up_and_never_exceeds_the_amount)
{
    static const struct {
        int64_t amount;
        int32_t rate_ppm;
        int64_t fee;
    } rows[] = {
        {0, 1000, 0},
        {1, 0, 0},
        {1, 1, 1},
        {1, 1000000, 1},
        {999, 1000, 1},
        {1000, 1000, 1},
        {1001, 1000, 2},
        {1000000, 1, 1},
        {1000001, 1, 2},
        {123456789, 750, 92593},
        {INT64_MAX, 0, 0},
        {INT64_MAX, 1000000, INT64_MAX},
        {INT64_MAX, 1, 9223372036855},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t fee = money_fee(rows[i].amount, rows[i].rate_ppm);
        cr_assert_eq(fee, rows[i].fee, "row %zu: %" PRId64, i, fee);
        cr_assert_leq(fee, rows[i].amount);
    }
}

/* Goal: the product does not overflow on the way. Method: factors whose product needs 126 bits. */
Test(money_mul_div, keeps_the_whole_product_and_rounds_down)
{
    int64_t out = -1;
    cr_assert(money_mul_div(7, 3, 2, &out) && out == 10);
    cr_assert(money_mul_div(0, INT64_MAX, 1, &out) && out == 0);
    cr_assert(money_mul_div(INT64_MAX, INT64_MAX, INT64_MAX, &out) && out == INT64_MAX);
    cr_assert(money_mul_div(INT64_MAX, 105, 105, &out) && out == INT64_MAX);
    cr_assert(money_mul_div(INT64_MAX, 1, INT64_MAX, &out) && out == 1);
    cr_assert(money_mul_div(INT64_MAX - 1, 1, INT64_MAX, &out) && out == 0);
}

Test(money_mul_div, tells_when_the_result_does_not_fit)
{
    int64_t out;
    cr_assert(!money_mul_div(INT64_MAX, 2, 1, &out));
    cr_assert(!money_mul_div(INT64_MAX, INT64_MAX, 1, &out));
    cr_assert(!money_mul_div(INT64_MAX, 106, 105, &out));
}

/* Goal: a price of zero never reaches the arithmetic. Method: the assert fires, in a child
 * process. */
Test(money_quote, zero_price_is_a_bug, .signal = SIGABRT)
{
    struct money_spec spec = {1, 1};
    int64_t atoms;
    money_quote_floor(&spec, 0, 1, &atoms);
}

Test(money_quote, zero_quantity_is_a_bug, .signal = SIGABRT)
{
    struct money_spec spec = {1, 1};
    int64_t atoms;
    money_quote_ceil(&spec, 1, 0, &atoms);
}

Test(money_mul_div, division_by_zero_is_a_bug, .signal = SIGABRT)
{
    int64_t out;
    money_mul_div(1, 1, 0, &out);
}
