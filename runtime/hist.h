/* hist.h - a log-linear histogram of non-negative values: 32 sub-buckets per power of two (3 %).
 *
 * Thread:  hist_add by one thread; readers get a snapshot that may miss the newest values.
 */
#ifndef HIST_H
#define HIST_H

#include <stdint.h>

enum { HIST_SUB = 32, HIST_BUCKETS = HIST_SUB * 40 };

struct hist {
    uint64_t count, sum, max;
    uint64_t bucket[HIST_BUCKETS];
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
    hist->bucket[idx]++;
    hist->count++;
    hist->sum += value;
    if (value > hist->max)
        hist->max = value;
}

/* The smallest bucket bound that `q` (0..1) of the values do not exceed; 0 when empty. */
uint64_t hist_quantile(const struct hist *hist, double q);

/* Adds what `from` counted. */
void hist_merge(struct hist *into, const struct hist *from);

#endif
