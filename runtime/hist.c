#include "runtime/hist.h"

static uint64_t bucket_high(uint32_t idx)
{
    if (idx < HIST_SUB)
        return idx;
    uint32_t shift = idx / HIST_SUB - 1;
    return (((uint64_t)(idx % HIST_SUB) + HIST_SUB + 1) << shift) - 1;
}

uint64_t hist_quantile(const struct hist *hist, double q)
{
    uint64_t want = (uint64_t)(q * (double)counter_get(&hist->count) + 0.5), seen = 0;
    uint64_t max = counter_get(&hist->max);
    if (want == 0)
        want = 1;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        seen += counter_get(&hist->bucket[i]);
        if (seen >= want)
            return bucket_high(i) < max ? bucket_high(i) : max;
    }
    return max;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    for (uint32_t i = 0; i < HIST_BUCKETS; i++)
        counter_add(&into->bucket[i], counter_get(&from->bucket[i]));
    counter_add(&into->count, counter_get(&from->count));
    counter_add(&into->sum, counter_get(&from->sum));
    if (counter_get(&from->max) > counter_get(&into->max))
        counter_set(&into->max, counter_get(&from->max));
}

uint64_t hist_below(const struct hist *hist, const uint64_t *bound, uint32_t bounds,
                    uint64_t *below)
{
    uint64_t seen = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        uint64_t high = i + 1 < HIST_BUCKETS ? bucket_high(i) : UINT64_MAX;
        while (next < bounds && bound[next] < high)
            below[next++] += seen;
        seen += counter_get(&hist->bucket[i]);
    }
    while (next < bounds)
        below[next++] += seen;
    return seen;
}
