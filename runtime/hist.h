/* hist.h - a log-linear histogram of non-negative values: 32 sub-buckets per power of two (3 %).
 *
 * Thread:  hist_add by one thread; reading by any, which may miss the newest values.
 */
#ifndef HIST_H
#define HIST_H

#include "runtime/counter.h"

enum { HIST_SUB = 32, HIST_BUCKETS = HIST_SUB * 40 };

struct hist {
    counter count, sum, max;
    counter bucket[HIST_BUCKETS];
};

/* Thread: the histogram's owner. */
static inline void hist_add(struct hist *hist, uint64_t value)
{
    uint32_t idx = (uint32_t)value;
    if (value >= HIST_SUB) {
        uint32_t shift = 58 - (uint32_t)__builtin_clzll(value); /* 0 for [32, 64) */
        idx = (shift + 1) * HIST_SUB + (uint32_t)((value >> shift) - HIST_SUB);
        if (idx >= HIST_BUCKETS)
            idx = HIST_BUCKETS - 1;
    }
    counter_add(&hist->bucket[idx], 1);
    counter_add(&hist->count, 1);
    counter_add(&hist->sum, value);
    if (value > counter_get(&hist->max))
        counter_set(&hist->max, value);
}

/* The time from `from_us` to `to_us`; clocks that a restart set back count as none. Thread: the
 * owner. */
static inline void hist_add_us(struct hist *hist, int64_t from_us, int64_t to_us)
{
    hist_add(hist, to_us > from_us ? (uint64_t)(to_us - from_us) : 0);
}

/* The smallest bucket bound that `q` (0..1) of the values do not exceed; 0 when empty. */
uint64_t hist_quantile(const struct hist *hist, double q);

/* Adds what `from` counted. */
void hist_merge(struct hist *into, const struct hist *from);

/* Adds to below[i] the values that surely do not exceed bound[i] (ascending; a bound inside a
 * bucket leaves that bucket out: 3 % at most), and returns how many values there are in all. */
uint64_t hist_below(const struct hist *hist, const uint64_t *bound, uint32_t bounds,
                    uint64_t *below);

#endif
