/* tally.h - sums per key within a window of time, for all threads: a bounded table in which keys of
 * past windows make room.
 *
 * Thread:  any; lock-free (one compare-and-swap of 16 bytes, and none to look).
 * Memory:  one zeroed block from the caller, sized by tally_bytes(); pages come when they are used.
 * Exact:   as long as no TALLY_PROBES keys with neighbouring hashes add in one window; then the
 *          smallest of their sums is lost.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TALLY_PROBES = 16 };

struct tally_slot {
    _Alignas(16) uint64_t word[2]; /* key; window << 32 | sum */
};

struct tally {
    struct tally_slot *slot;
    uint32_t mask;
};

/* `slots`: a power of two. */
size_t tally_bytes(uint32_t slots);
void tally_init(struct tally *tally, void *block, uint32_t slots);

/* Adds to the key's sum in `window` and returns the sum, which stops at UINT32_MAX. Adding 0 only
 * looks. Windows count upwards from 1; one that is past for the key counts as the key's newest.
 * Expects: key != 0. */
uint32_t tally_add(struct tally *tally, uint64_t key, uint32_t window, uint32_t add);

/* The same, but for what would carry the sum above `most`: then nothing is added, and it is false.
 * *sum: the sum, whatever became of it. */
bool tally_take(struct tally *tally, uint64_t key, uint32_t window, uint32_t add, uint32_t most,
                uint32_t *sum);

#endif
