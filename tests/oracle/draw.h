/* draw.h - what the oracles' programs draw, all of it from one word that the seed set (draw_from),
 * and memory as the exchange gives it out.
 *
 * Thread:  one; a program includes it once.
 */
#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/hash.h"

static uint64_t draw_from;

static inline uint64_t random_word(void)
{
    return hash_mix(draw_from += 0x9E3779B97F4A7C15ull);
}

/* 0 .. bound - 1 */
static inline int64_t below(int64_t bound)
{
    return (int64_t)(random_word() % (uint64_t)bound);
}

static inline bool chance(int percent)
{
    return below(100) < percent;
}

/* 1 .. bound, small ones as likely as large ones. */
static inline int64_t any_size(int64_t bound)
{
    int64_t reach = bound >> below(64 - __builtin_clzll((uint64_t)bound));
    return 1 + below(reach);
}

/* A zeroed block on a cache line. */
static inline void *zeroed(size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    if (!block)
        abort();
    return memset(block, 0, bytes);
}

#endif
