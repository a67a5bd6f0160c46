/* block.h - fixed-size blocks for payloads that do not fit a 64-byte message.
 *
 * Thread:  block_get and block_reclaim by the owning core; block_put by the core that is done with
 *          the block (a lane of its own carries it home; PROTOCOL §2.3).
 * Memory:  from the caller's arena at start; no call allocates later.
 * Full:    block_get returns NULL; who needs a block checks block_room() before it takes an input.
 * ASan:    a block at home is poisoned, so a use after block_put is caught.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <ck_ring.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/mem.h"

struct block_pool {
    char *base;
    uint32_t block_bytes, count, free_count;
    uint16_t owner, cores;
    uint32_t *free; /* LIFO of indexes */
    struct block_return {
        ck_ring_t ring;
        ck_ring_buffer_t *slots;
    } * returns; /* [cores]: blocks on their way home */
};

/* What block_pool_init takes from an arena. */
size_t block_pool_bytes(uint32_t count, uint32_t block_bytes, uint16_t cores);

/* Builds a full pool. Thread: before the users start. */
void block_pool_init(struct block_pool *pool, struct arena *arena, uint32_t count,
                     uint32_t block_bytes, uint16_t owner, uint16_t cores);

/* Before the memory goes to another owner: a sanitizer build keeps what is at home untouchable. */
void block_pool_fini(struct block_pool *pool);

/* A block with undefined content, or NULL. Thread: owner. */
void *block_get(struct block_pool *pool);

/* Blocks that block_get can give now; asks the return lanes when fewer than `want`. Thread: owner.
 */
uint32_t block_room(struct block_pool *pool, uint32_t want);

/* Sends a block home from core `from`. Never fails: the lane holds every block. Thread: `from`. */
void block_put(struct block_pool *pool, uint16_t from, void *block);

#endif
