#include "runtime/hist.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/hash.h"

enum { VALUES = 20000 };

static struct hist hist;
static uint64_t value[VALUES];

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The value that a sorted list has at the rank of q. */
static uint64_t exact(uint32_t count, double q)
{
    uint64_t rank = (uint64_t)(q * count + 0.5);
    return value[rank ? rank - 1 : 0];
}

static void check_quantiles(uint32_t count, const char *what)
{
    static const double q[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};
    memset(&hist, 0, sizeof hist);
    for (uint32_t i = 0; i < count; i++)
        hist_add(&hist, value[i]);
    qsort(value, count, sizeof value[0], by_value);
    for (size_t i = 0; i < sizeof q / sizeof q[0]; i++) {
        uint64_t want = exact(count, q[i]), got = hist_quantile(&hist, q[i]);
        cr_assert_geq(got, want, "%s, q %g: %lu below %lu", what, q[i], got, want);
        cr_assert_leq((double)(got - want), 0.032 * (double)want, "%s, q %g: %lu for %lu", what,
                      q[i], got, want);
    }
    cr_assert_eq(hist_quantile(&hist, 1), value[count - 1]);
    cr_assert_eq(hist.max, value[count - 1]);
    cr_assert_eq(hist.count, count);
}

/* Goal: no quantile is too low, or too high by more than 3.2 %. Method: uniform, log-uniform,
 * constant and few values, against a sorted list. */
Test(hist_quantile, is_within_3_2_percent)
{
    for (uint32_t bits = 1; bits <= 43; bits++) {
        for (uint32_t i = 0; i < VALUES; i++)
            value[i] = hash_mix(i * 64 + bits) >> (64 - bits);
        check_quantiles(VALUES, "uniform");
    }
    for (uint32_t i = 0; i < VALUES; i++)
        value[i] = hash_mix(i) >> (64 - 1 - hash_mix(i + VALUES) % 43);
    check_quantiles(VALUES, "log-uniform");
    for (uint32_t bits = 0; bits < 43; bits++) {
        for (uint32_t i = 0; i < 100; i++)
            value[i] = (1ull << bits) - (bits > 0 && i % 2);
        check_quantiles(100, "around a power of two");
    }
    for (uint32_t count = 1; count < 12; count++) {
        for (uint32_t i = 0; i < count; i++)
            value[i] = 1000 * i;
        check_quantiles(count, "a few");
    }
}

/* Goal: small values are exact. Method: 0 to 63, one of each. */
Test(hist_quantile, is_exact_below_64)
{
    memset(&hist, 0, sizeof hist);
    for (uint64_t i = 0; i < 64; i++)
        hist_add(&hist, i);
    for (uint64_t i = 0; i < 64; i++)
        cr_assert_eq(hist_quantile(&hist, (double)(i + 1) / 64), i);
}

/* Goal: an empty histogram says 0. Method: ask. */
Test(hist_quantile, of_nothing_is_zero)
{
    memset(&hist, 0, sizeof hist);
    cr_assert_eq(hist_quantile(&hist, 0), 0);
    cr_assert_eq(hist_quantile(&hist, 0.5), 0);
    cr_assert_eq(hist_quantile(&hist, 1), 0);
}

/* Goal: no value falls outside the buckets. Method: the largest ones; the sum of counts is right.
 */
Test(hist_add, has_a_bucket_for_every_value)
{
    memset(&hist, 0, sizeof hist);
    for (uint32_t shift = 0; shift < 64; shift++) {
        hist_add(&hist, UINT64_MAX >> shift);
        hist_add(&hist, 1ull << shift);
    }
    hist_add(&hist, 0);
    uint64_t counted = 0;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++)
        counted += hist.bucket[i];
    cr_assert_eq(counted, 129);
    cr_assert_eq(hist.count, 129);
    cr_assert_eq(hist.max, UINT64_MAX);
}

/* Goal: a larger value never falls into a lower bucket. Method: walk up and watch the bucket. */
Test(hist_add, keeps_the_order_of_values)
{
    uint32_t last = 0;
    for (uint64_t v = 0; v < 1ull << 45; v += 1 + v / 300) {
        memset(&hist, 0, sizeof hist);
        hist_add(&hist, v);
        uint32_t at = 0;
        while (!hist.bucket[at])
            at++;
        cr_assert(at == last || at == last + 1, "%lu went from bucket %u to %u", v, last, at);
        last = at;
    }
    cr_assert_eq(last, HIST_BUCKETS - 1);
}

/* Goal: two merged are one that saw all. Method: split a stream, merge, compare. */
Test(hist_merge, equals_one_histogram_of_all_values)
{
    static struct hist whole, half[2];
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t v = hash_mix(i) >> (i % 60);
        hist_add(&whole, v);
        hist_add(&half[hash_mix(i + 99) % 2], v);
    }
    hist_merge(&half[0], &half[1]);
    cr_assert_eq(memcmp(&half[0], &whole, sizeof whole), 0);
}

/* Goal: what is counted below a bound surely is, and what is not is at most one bucket (3 %) above.
 * Method: random values and bounds against counting by hand; a second histogram adds to the first.
 */
Test(hist_below, counts_what_does_not_exceed_the_bounds)
{
    enum { BOUNDS = 6, COUNT = 20000 };
    static struct hist whole;
    static const uint64_t bound[BOUNDS] = {0, 31, 1000, 65535, 1000000, 1ull << 42};
    uint64_t below[BOUNDS] = {0}, sure[BOUNDS] = {0}, most[BOUNDS] = {0};
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t v = hash_mix(i) >> (i % 64);
        hist_add(&whole, v);
        for (uint32_t b = 0; b < BOUNDS; b++) {
            sure[b] += v <= bound[b] - bound[b] / 32;
            most[b] += v <= bound[b];
        }
    }
    cr_assert_eq(hist_below(&whole, bound, BOUNDS, below), COUNT);
    for (uint32_t b = 0; b < BOUNDS; b++)
        cr_assert(below[b] >= sure[b] && below[b] <= most[b], "bound %lu: %lu of %lu to %lu",
                  bound[b], below[b], sure[b], most[b]);
    cr_assert_eq(below[1], most[1], "a bound on a bucket's edge is exact");
    cr_assert_eq(below[3], most[3], "a bound on a bucket's edge is exact");
    cr_assert_eq(hist_below(&whole, bound, BOUNDS, below), COUNT);
    cr_assert_eq(below[3], 2 * most[3], "it adds");
}

Test(hist_add_us, counts_a_clock_that_was_set_back_as_no_time)
{
    memset(&hist, 0, sizeof hist);
    hist_add_us(&hist, 100, 130);
    hist_add_us(&hist, 100, 70);
    cr_assert_eq(hist.count, 2);
    cr_assert_eq(hist.sum, 30);
}
