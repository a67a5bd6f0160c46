#include "actors/book/order_pool.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 100, FAR_ROOM = 80, WAITING_ROOM = FAR_ROOM / 2 };

static struct order_pool *pool;

static void set_up(void)
{
    size_t bytes = (order_pool_size(ROOM, FAR_ROOM) + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    cr_assert(block != NULL);
    pool = order_pool_init(memset(block, 0, bytes), ROOM, FAR_ROOM);
}

static void tear_down(void)
{
    free(pool); /* it lies at the start of its block */
}

TestSuite(order_pool, .init = set_up, .fini = tear_down);

static uint64_t ref_of(uint64_t i)
{
    return (1 + i % 3) << 54 | (i + 1);
}

/* Goal: all the room is usable. Method: fill it, find every ref in its own slot. */
Test(order_pool, holds_as_many_orders_as_it_was_built_for)
{
    for (uint64_t i = 0; i < ROOM; i++) {
        uint32_t slot = order_pool_get(pool, ref_of(i));
        cr_assert(slot > 0 && slot <= ROOM, "slot 0 is \"none\"");
        cr_assert_eq(pool->nodes[slot].ref, ref_of(i));
    }
    cr_assert_eq(pool->count, ROOM);
    for (uint64_t i = 0; i < ROOM; i++)
        cr_assert_eq(pool->nodes[order_pool_find(pool, ref_of(i))].ref, ref_of(i));
}

Test(order_pool, finds_nothing_under_an_unknown_ref)
{
    cr_assert_eq(order_pool_find(pool, ref_of(7)), 0);
    order_pool_get(pool, ref_of(7));
    cr_assert_eq(order_pool_find(pool, ref_of(8)), 0);
    cr_assert_eq(order_pool_find(pool, 1), 0);
    cr_assert_eq(order_pool_find(pool, UINT64_MAX), 0);
}

Test(order_pool, forgets_a_ref_that_was_put_back)
{
    uint32_t slot = order_pool_get(pool, ref_of(1));
    order_pool_get(pool, ref_of(2));
    order_pool_put(pool, slot);
    cr_assert_eq(order_pool_find(pool, ref_of(1)), 0);
    cr_assert_neq(order_pool_find(pool, ref_of(2)), 0);
    cr_assert_eq(pool->count, 1);
}

Test(order_pool, finds_a_renamed_order_under_its_new_ref_only)
{
    uint32_t slot = order_pool_get(pool, ref_of(1));
    order_pool_rename(pool, slot, ref_of(9));
    cr_assert_eq(order_pool_find(pool, ref_of(1)), 0);
    cr_assert_eq(order_pool_find(pool, ref_of(9)), slot);
    cr_assert_eq(pool->nodes[slot].ref, ref_of(9));
    cr_assert_eq(pool->count, 1);
}

/* Goal: slots are used again. Method: many more orders than room, in rounds. */
Test(order_pool, never_runs_out_while_orders_come_and_go)
{
    uint32_t slots[ROOM];
    for (uint64_t round = 0; round < 50; round++) {
        for (uint64_t i = 0; i < ROOM; i++)
            slots[i] = order_pool_get(pool, ref_of(round * ROOM + i));
        for (uint64_t i = 0; i < ROOM; i++)
            order_pool_put(pool, slots[(i * 37 + round) % ROOM]);
        cr_assert_eq(pool->count, 0);
    }
}

/* Goal: who waits is found as all are, and does not make the index of the others larger. */
Test(order_pool, finds_orders_that_wait_and_keeps_them_apart)
{
    uint32_t resting = order_pool_get(pool, ref_of(0));
    for (uint64_t i = 1; i <= WAITING_ROOM; i++) {
        uint32_t slot = order_pool_get_waiting(pool, ref_of(i));
        cr_assert_eq(pool->nodes[slot].flags, NODE_WAITING);
        cr_assert_eq(order_pool_find(pool, ref_of(i)), slot);
    }
    cr_assert_eq(order_pool_find(pool, ref_of(0)), resting);
    cr_assert_eq(order_pool_find(pool, ref_of(WAITING_ROOM + 1)), 0);
    cr_assert_eq(pool->count, WAITING_ROOM + 1);
    cr_assert_eq(pool->index.count, 1);
    cr_assert_eq(pool->index.now.mask, SLOT_INDEX_FIRST - 1);
    for (uint64_t i = 1; i <= WAITING_ROOM; i++)
        order_pool_put(pool, order_pool_find(pool, ref_of(i)));
    cr_assert_eq(order_pool_find(pool, ref_of(1)), 0);
    cr_assert_eq(order_pool_find(pool, ref_of(0)), resting);
    cr_assert_eq(pool->waiting_index.count, 0);
    cr_assert_eq(pool->count, 1);
}

Test(order_pool, moves_an_order_that_waits_no_longer_over_to_those_that_rest)
{
    uint32_t slot = order_pool_get_waiting(pool, ref_of(1));
    order_pool_get_waiting(pool, ref_of(2));
    order_pool_wake(pool, slot);
    cr_assert_eq(pool->nodes[slot].flags, 0);
    cr_assert_eq(order_pool_find(pool, ref_of(1)), slot);
    cr_assert_eq(order_pool_guess(pool, ref_of(1)), slot);
    cr_assert_eq(pool->index.count, 1);
    cr_assert_eq(pool->waiting_index.count, 1);
    order_pool_rename(pool, slot, ref_of(3));
    order_pool_put(pool, slot);
    cr_assert_eq(order_pool_find(pool, ref_of(3)), 0);
    cr_assert_eq(pool->count, 1);
}

/* Goal: all that may wait find room, be they all the orders there are. Method: pools of odd shapes;
 * a far level too few for one more. */
Test(order_pool, has_room_for_as_many_that_wait_as_there_are_far_levels_for)
{
    static const struct {
        uint32_t orders, far, waiting;
    } shapes[] = {{1, 2, 1}, {1, 100, 1}, {100, 65, 32}, {100, 1000, 100}, {1000, 200, 100}};
    for (size_t shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
        uint32_t orders = shapes[shape].orders, far = shapes[shape].far;
        size_t bytes = (order_pool_size(orders, far) + 63) & ~(size_t)63;
        void *block = aligned_alloc(64, bytes);
        cr_assert(block != NULL);
        struct order_pool *other = order_pool_init(memset(block, 0, bytes), orders, far);
        for (int round = 0; round < 2; round++) {
            for (uint64_t i = 0; i < shapes[shape].waiting; i++)
                order_pool_get_waiting(other, ref_of(i));
            for (uint64_t i = 0; i < shapes[shape].waiting; i++) {
                uint32_t slot = order_pool_find(other, ref_of(i));
                cr_assert_eq(other->nodes[slot].ref, ref_of(i));
                if (i % 2)
                    order_pool_wake(other, slot);
                order_pool_put(other, slot);
            }
            cr_assert_eq(other->count, 0);
        }
        free(block);
    }
}

/* Goal: deletion breaks no probe chain. Method: random gets, renames, wakes and puts at every fill
 * level, against a plain array; after each, every live ref is found and a dead one is not. */
Test(order_pool, finds_exactly_the_live_refs_after_any_history)
{
    uint64_t live[ROOM], next = 0, word = 42;
    uint32_t count = 0;
    for (int step = 0; step < 4000; step++) {
        word = hash_mix(word + 0x9E3779B97F4A7C15ull);
        uint32_t target = (uint32_t)step / 20 % (ROOM + 1); /* fill levels come and go */
        uint64_t dead = 0;
        uint32_t at = (uint32_t)(word >> 32) % (count + 1);
        uint32_t slot = at < count ? order_pool_find(pool, live[at]) : 0;
        if (slot && word % 5 == 0) {
            if (pool->nodes[slot].flags & NODE_WAITING)
                order_pool_wake(pool, slot);
            dead = live[at];
            live[at] = ref_of(next++);
            order_pool_rename(pool, slot, live[at]);
        } else if (slot && (count > target || count == ROOM)) {
            dead = live[at];
            order_pool_put(pool, slot);
            live[at] = live[--count];
        } else if (count < ROOM) {
            live[count++] = ref_of(next);
            if (word % 3 == 0 && pool->waiting_index.count < WAITING_ROOM)
                order_pool_get_waiting(pool, ref_of(next++));
            else
                order_pool_get(pool, ref_of(next++));
        }
        cr_assert_eq(pool->count, count);
        if (dead)
            cr_assert_eq(order_pool_find(pool, dead), 0, "step %d", step);
        for (uint32_t i = 0; i < count; i++) {
            slot = order_pool_find(pool, live[i]);
            cr_assert(slot != 0 && pool->nodes[slot].ref == live[i], "step %d", step);
        }
    }
}

/* Goal: prefetching changes nothing. Method: guess and prefetch live and unknown refs, then
 * look. */
Test(order_pool, guesses_the_slot_of_a_live_ref_and_changes_nothing)
{
    uint32_t slot = order_pool_get(pool, ref_of(3));
    order_pool_prefetch_index(pool, ref_of(3));
    order_pool_prefetch_index(pool, ref_of(4));
    cr_assert_eq(order_pool_guess(pool, ref_of(3)), slot, "the only order there is");
    cr_assert_leq(order_pool_guess(pool, ref_of(4)), pool->high);
    cr_assert_eq(order_pool_guess_waiting(pool, ref_of(3)), 0);
    uint32_t waiting = order_pool_get_waiting(pool, ref_of(5));
    order_pool_prefetch_waiting(pool, ref_of(5));
    order_pool_prefetch_waiting(pool, ref_of(3));
    cr_assert_eq(order_pool_guess_waiting(pool, ref_of(5)), waiting);
    cr_assert_eq(order_pool_guess(pool, ref_of(5)), 0);
    cr_assert_eq(order_pool_find(pool, ref_of(3)), slot);
    cr_assert_eq(order_pool_find(pool, ref_of(5)), waiting);
    cr_assert_eq(pool->count, 2);
}

Test(order_pool, hands_out_every_far_level_once_and_takes_it_back)
{
    uint32_t taken[FAR_ROOM];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < FAR_ROOM; i++) {
            taken[i] = far_level_get(pool);
            cr_assert(taken[i] > 0 && taken[i] <= FAR_ROOM);
            for (int k = 0; k < i; k++)
                cr_assert_neq(taken[i], taken[k]);
        }
        cr_assert_eq(pool->far_count, FAR_ROOM);
        for (int i = 0; i < FAR_ROOM; i++)
            far_level_put(pool, taken[i]);
        cr_assert_eq(pool->far_count, 0);
    }
}

Test(order_pool, works_with_room_for_a_single_order)
{
    size_t bytes = (order_pool_size(1, 1) + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    cr_assert(block != NULL);
    struct order_pool *one = order_pool_init(memset(block, 0, bytes), 1, 1);
    for (uint64_t i = 0; i < 100; i++) {
        uint32_t slot = order_pool_get(one, ref_of(i));
        cr_assert_eq(order_pool_find(one, ref_of(i)), slot);
        order_pool_put(one, slot);
        cr_assert_eq(order_pool_find(one, ref_of(i)), 0);
    }
    free(block);
}

/* Goal: an empty pool is the caller's check, not a wild slot. Method: the assert fires. */
Test(order_pool, taking_from_an_empty_pool_is_a_bug, .signal = SIGABRT)
{
    for (uint64_t i = 0; i <= ROOM; i++)
        order_pool_get(pool, ref_of(i));
}

Test(order_pool, renaming_an_order_that_waits_is_a_bug, .signal = SIGABRT)
{
    order_pool_rename(pool, order_pool_get_waiting(pool, ref_of(1)), ref_of(2));
}

Test(order_pool, waking_an_order_that_rests_is_a_bug, .signal = SIGABRT)
{
    order_pool_wake(pool, order_pool_get(pool, ref_of(1)));
}

Test(order_pool, putting_back_slot_0_is_a_bug, .signal = SIGABRT)
{
    order_pool_put(pool, 0);
}

Test(order_pool, taking_a_far_level_too_many_is_a_bug, .signal = SIGABRT)
{
    for (int i = 0; i <= FAR_ROOM; i++)
        far_level_get(pool);
}
