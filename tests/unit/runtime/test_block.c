#include "runtime/block.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

enum { BLOCKS = 7, BLOCK_BYTES = 192, CORES = 3 };

static struct arena arena;
static struct block_pool pool;

static void open_pool(void)
{
    size_t bytes = block_pool_bytes(BLOCKS, BLOCK_BYTES, CORES);
    arena_init(&arena, bytes);
    block_pool_init(&pool, &arena, BLOCKS, BLOCK_BYTES, 1, CORES);
}

static void close_pool(void)
{
    block_pool_fini(&pool);
    arena_fini(&arena);
}

TestSuite(block_pool, .init = open_pool, .fini = close_pool);

/* Goal: the worst case names what is taken. Method: compare with the arena. */
Test(block_pool, takes_what_its_size_function_says)
{
    cr_assert_eq(arena.used, block_pool_bytes(BLOCKS, BLOCK_BYTES, CORES));
}

/* Goal: every block is given once, none overlaps another. Method: take all and write all. */
Test(block_pool, gives_each_block_once_and_then_none)
{
    unsigned char *block[BLOCKS];
    for (uint32_t i = 0; i < BLOCKS; i++) {
        cr_assert_eq(block_room(&pool, BLOCKS), BLOCKS - i);
        block[i] = block_get(&pool);
        cr_assert(block[i] != NULL);
        memset(block[i], (int)(i + 1), BLOCK_BYTES);
    }
    cr_assert_eq(block_room(&pool, 1), 0);
    cr_assert(block_get(&pool) == NULL);
    for (uint32_t i = 0; i < BLOCKS; i++)
        for (uint32_t b = 0; b < BLOCK_BYTES; b++)
            cr_assert_eq(block[i][b], i + 1);
}

/* Goal: a block comes home from any core, and at once from its own. Method: put from each. */
Test(block_pool, takes_blocks_back_from_every_core)
{
    void *block[BLOCKS];
    for (int round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < BLOCKS; i++)
            cr_assert((block[i] = block_get(&pool)) != NULL);
        cr_assert(block_get(&pool) == NULL);
        for (uint32_t i = 0; i < BLOCKS; i++)
            block_put(&pool, (uint16_t)((i + (uint32_t)round) % CORES), block[i]);
        cr_assert_eq(block_room(&pool, BLOCKS), BLOCKS);
    }
}

/* Goal: block_room asks the return lanes only when it must. Method: put from another core. */
Test(block_pool, fetches_returned_blocks_when_it_lacks_them)
{
    void *first = block_get(&pool), *second = block_get(&pool);
    block_put(&pool, 0, first);
    block_put(&pool, 2, second);
    cr_assert_eq(block_room(&pool, BLOCKS - 2), BLOCKS - 2);
    cr_assert_eq(block_room(&pool, BLOCKS - 1), BLOCKS);
}

/* Goal: a return lane holds every block (block_put never fails). Method: all from one core. */
Test(block_pool, one_core_may_return_all)
{
    void *block[BLOCKS];
    for (uint32_t i = 0; i < BLOCKS; i++)
        block[i] = block_get(&pool);
    for (uint32_t i = 0; i < BLOCKS; i++)
        block_put(&pool, 2, block[i]);
    for (uint32_t i = 0; i < BLOCKS; i++)
        cr_assert(block_get(&pool) != NULL);
    cr_assert(block_get(&pool) == NULL);
}

/* Goal: a pool of one works (the ring's size is special there). Method: out and home. */
Test(block_sizes, pools_of_every_small_size_give_all_they_have)
{
    for (uint32_t count = 1; count <= 20; count++) {
        arena_init(&arena, block_pool_bytes(count, 64, 2));
        block_pool_init(&pool, &arena, count, 64, 0, 2);
        void *block[20];
        for (int round = 0; round < 5; round++) {
            for (uint32_t i = 0; i < count; i++)
                cr_assert((block[i] = block_get(&pool)) != NULL);
            cr_assert(block_get(&pool) == NULL);
            for (uint32_t i = 0; i < count; i++)
                block_put(&pool, 1, block[i]);
        }
        block_pool_fini(&pool);
        arena_fini(&arena);
    }
}

/* Goal: a pointer into a block is not a block. Method: the assert fires, in a child process. */
Test(block_pool, giving_back_the_middle_of_a_block_is_a_bug, .signal = SIGABRT)
{
    block_put(&pool, 1, (char *)block_get(&pool) + 8);
}

/* Goal: nothing foreign enters. Method: the place behind the last block. */
Test(block_pool, giving_back_what_is_not_its_own_is_a_bug, .signal = SIGABRT)
{
    block_get(&pool);
    block_put(&pool, 1, pool.base + BLOCKS * BLOCK_BYTES);
}

/* Goal: more blocks at home than there are is a bug. Method: give one back twice. */
Test(block_pool, giving_back_more_than_was_taken_is_a_bug, .signal = SIGABRT)
{
    void *block = block_get(&pool);
    block_put(&pool, 1, block);
    block_put(&pool, 1, block);
}
