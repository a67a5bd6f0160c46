#include "runtime/block.h"

#include <string.h>

#include "runtime/check.h"
#include "runtime/lane.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

static uint32_t return_slots(uint32_t count)
{
    uint32_t size = 4;
    while (size <= count) /* a ck_ring of n slots holds n - 1 */
        size <<= 1;
    return size;
}

size_t block_pool_bytes(uint32_t count, uint32_t block_bytes, uint16_t cores)
{
    return arena_bytes((size_t)count * block_bytes) + arena_bytes(count * sizeof(uint32_t)) +
           arena_bytes(cores * sizeof(struct block_return)) +
           cores * arena_bytes(return_slots(count) * sizeof(ck_ring_buffer_t));
}

void block_pool_init(struct block_pool *pool, struct arena *arena, uint32_t count,
                     uint32_t block_bytes, uint16_t owner, uint16_t cores)
{
    ASSERT(count > 0);
    ASSERT(owner < cores);
    *pool = (struct block_pool){
        .block_bytes = block_bytes, .count = count, .owner = owner, .cores = cores};
    pool->base = arena_alloc(arena, (size_t)count * block_bytes);
    pool->free = arena_alloc(arena, count * sizeof(uint32_t));
    pool->returns = arena_alloc(arena, cores * sizeof(struct block_return));
    for (uint16_t c = 0; c < cores; c++) {
        pool->returns[c].slots = arena_alloc(arena, return_slots(count) * sizeof(ck_ring_buffer_t));
        ck_ring_init(&pool->returns[c].ring, return_slots(count));
    }
    for (uint32_t i = 0; i < count; i++)
        pool->free[i] = count - 1 - i;
    pool->free_count = count;
    POISON(pool->base, (size_t)count * block_bytes);
}

void block_pool_fini(struct block_pool *pool)
{
    UNPOISON(pool->base, (size_t)pool->count * pool->block_bytes);
}

static void put_home(struct block_pool *pool, void *block)
{
    size_t offset = (size_t)((char *)block - pool->base);
    ASSERT(offset % pool->block_bytes == 0);
    ASSERT(offset / pool->block_bytes < pool->count);
    ASSERT(pool->free_count < pool->count);
    POISON(block, pool->block_bytes);
    pool->free[pool->free_count++] = (uint32_t)(offset / pool->block_bytes);
}

static void reclaim(struct block_pool *pool)
{
    for (uint16_t c = 0; c < pool->cores; c++) {
        struct block_return *home = &pool->returns[c];
        void *block;
        while (ck_ring_dequeue_spsc(&home->ring, home->slots, &block)) {
            LANE_ACQUIRE(block);
            put_home(pool, block);
        }
    }
}

uint32_t block_room(struct block_pool *pool, uint32_t want)
{
    if (pool->free_count < want)
        reclaim(pool);
    return pool->free_count;
}

void *block_get(struct block_pool *pool)
{
    if (block_room(pool, 1) == 0)
        return NULL;
    void *block = pool->base + (size_t)pool->free[--pool->free_count] * pool->block_bytes;
    UNPOISON(block, pool->block_bytes);
    return block;
}

void block_put(struct block_pool *pool, uint16_t from, void *block)
{
    if (from == pool->owner) {
        put_home(pool, block);
        return;
    }
    LANE_RELEASE(block);
    struct block_return *home = &pool->returns[from];
    ASSERT(ck_ring_enqueue_spsc(&home->ring, home->slots, block));
}
