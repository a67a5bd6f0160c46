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
    uint64_t want = (uint64_t)(q * (double)hist->count + 0.5), seen = 0;
    if (want == 0)
        want = 1;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        seen += hist->bucket[i];
        if (seen >= want)
            return bucket_high(i) < hist->max ? bucket_high(i) : hist->max;
    }
    return hist->max;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    for (uint32_t i = 0; i < HIST_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max)
        into->max = from->max;
}
