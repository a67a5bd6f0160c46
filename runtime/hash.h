/* hash.h - mixing and hashing of 64-bit words: for indexes, placement and state hashes.
 *
 * Thread:  any; pure functions.
 * Stable:  placement (user -> shard) and state hashes are written down, so these never change.
 */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A bijective mix of one word (splitmix64's finaliser). Thread: any. */
static inline uint64_t hash_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

/* Folds `value` into `state`; order matters. Thread: any. */
static inline uint64_t hash_fold(uint64_t state, uint64_t value)
{
    return hash_mix(state ^ (value + 0x9E3779B97F4A7C15ull + (state << 6) + (state >> 2)));
}

/* Hash of `bytes` bytes at `data`, with a seed. Thread: any. */
static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint64_t state = hash_fold(seed, bytes);
    for (; bytes >= 8; bytes -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = hash_fold(state, word);
    }
    uint64_t tail = 0;
    for (size_t i = 0; i < bytes; i++)
        tail |= (uint64_t)p[i] << (8 * i);
    return hash_fold(state, tail);
}

#endif
