/* mem.h - memory taken at start: reserved address space, carved by a bump arena, then sealed.
 *
 * Thread:  mem_* from the starting thread; an arena belongs to its owner.
 * Memory:  pages of a reservation become resident when first touched, or at once with mem_prefault.
 *          After mem_seal() a reservation is a bug: no turn of a shard allocates.
 */
#ifndef MEM_H
#define MEM_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed, page-aligned address space of `bytes`; stops the process when the kernel refuses. */
void *mem_reserve(size_t bytes);
void mem_release(void *base, size_t bytes);

/* From now on mem_reserve() asserts (`on`), or may be used again (tests and the simulator). */
void mem_seal(bool on);

/* The calling thread may reserve after the seal, and never prefaults: one that works beside the
 * shards and not in them. */
void mem_background(void);

/* Makes every later reservation resident at once (--prefault). */
void mem_prefault(bool on);

struct arena {
    char *base;
    size_t size, used;
};

/* Reserves an arena of `bytes`. arena_alloc() never fails: a short arena is a bug in a sum. */
void arena_init(struct arena *arena, size_t bytes);
void arena_fini(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t bytes);

/* What arena_alloc(bytes) takes: rounded up to a cache line. Used in the sums of worst cases. */
static inline size_t arena_bytes(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

#endif
