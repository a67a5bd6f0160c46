#include "runtime/lane.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "runtime/hash.h"

static struct lane *open_lane(uint32_t capacity, bool inlined)
{
    void *block = aligned_alloc(64, lane_size(capacity));
    cr_assert(block != NULL);
    memset(block, 0xA5, lane_size(capacity)); /* lane_init needs no zeros for what it reads */
    return lane_init(block, capacity, inlined);
}

static bool stage(struct lane *lane, uint64_t number)
{
    unsigned char message[LANE_SLOT_BYTES];
    for (uint32_t i = 0; i < LANE_SLOT_BYTES / 8; i++)
        memcpy(message + 8 * i, &(uint64_t){hash_fold(number, i)}, 8);
    memcpy(message, &number, 8);
    return lane_stage(lane, message);
}

/* The number at the head, 0 when there is none; all 64 bytes must be what was staged. */
static uint64_t head(struct lane *lane)
{
    const unsigned char *message = lane_peek(lane);
    if (!message)
        return 0;
    uint64_t number, word;
    memcpy(&number, message, 8);
    for (uint32_t i = 1; i < LANE_SLOT_BYTES / 8; i++) {
        memcpy(&word, message + 8 * i, 8);
        cr_assert_eq(word, hash_fold(number, i), "word %u of message %lu", i, number);
    }
    return number;
}

/* Goal: a lane of n holds n, whatever n is. Method: fill lanes of 1 to 40, twice around. */
Test(lane_bounds, a_lane_of_n_holds_n)
{
    for (uint32_t capacity = 1; capacity <= 40; capacity++) {
        struct lane *lane = open_lane(capacity, false);
        uint64_t in = 0, out = 0;
        for (int round = 0; round < 3; round++) {
            for (uint32_t i = 0; i < capacity; i++) {
                cr_assert_eq(lane_room(lane, capacity), capacity - i);
                cr_assert(stage(lane, ++in));
            }
            cr_assert_eq(lane_room(lane, 1), 0);
            cr_assert(!stage(lane, in + 1), "capacity %u", capacity);
            cr_assert(lane_release(lane));
            cr_assert_eq(lane_depth(lane), capacity);
            for (uint32_t i = 0; i < capacity; i++) {
                cr_assert_eq(head(lane), ++out);
                lane_drop(lane);
            }
            cr_assert_eq(head(lane), 0);
            cr_assert(!stage(lane, in + 1), "dropped is not handed back yet");
            lane_return(lane);
            cr_assert_eq(lane_depth(lane), 0);
        }
        free(lane);
    }
}

/* Goal: "full" changes nothing but a counter. Method: stage on, then read all back. */
Test(lane_bounds, a_message_refused_by_a_full_lane_leaves_no_trace)
{
    struct lane *lane = open_lane(3, false);
    for (uint64_t i = 1; i <= 3; i++)
        cr_assert(stage(lane, i));
    for (uint64_t i = 4; i <= 9; i++)
        cr_assert(!stage(lane, i));
    cr_assert_eq(lane->full, 6);
    cr_assert_eq(lane->sent, 3);
    cr_assert(lane_release(lane));
    for (uint64_t i = 1; i <= 3; i++) {
        cr_assert_eq(head(lane), i);
        lane_drop(lane);
    }
    cr_assert_eq(head(lane), 0);
    cr_assert_eq(lane->taken, 3);
    free(lane);
}

/* Goal: a batch is seen whole or not at all. Method: look between staging and release. */
Test(lane_batch, staged_messages_are_invisible_until_release)
{
    struct lane *lane = open_lane(8, false);
    cr_assert(!lane_release(lane), "nothing was staged");
    cr_assert(stage(lane, 1));
    cr_assert(stage(lane, 2));
    cr_assert(lane_peek(lane) == NULL);
    cr_assert_eq(lane_ready(lane), 0);
    cr_assert_eq(lane_depth(lane), 0);
    cr_assert(lane_release(lane));
    cr_assert(!lane_release(lane), "nothing more");
    cr_assert_eq(lane_ready(lane), 2);
    cr_assert(stage(lane, 3));
    cr_assert_eq(lane_refresh(lane), 2);
    cr_assert_eq(head(lane), 1);
    cr_assert_eq(head(lane), 1, "a look takes nothing");
    free(lane);
}

/* Goal: lane_ready may be old, lane_refresh may not. Method: release behind a first look. */
Test(lane_batch, refresh_sees_what_was_released_since)
{
    struct lane *lane = open_lane(8, false);
    cr_assert(stage(lane, 1) && lane_release(lane));
    cr_assert_eq(lane_ready(lane), 1);
    cr_assert(stage(lane, 2) && lane_release(lane));
    cr_assert_eq(lane_ready(lane), 1, "still what it saw");
    cr_assert_eq(lane_refresh(lane), 2);
    free(lane);
}

/* Goal: slots come back with lane_return, all at once. Method: count the room before and after. */
Test(lane_batch, dropped_slots_are_free_only_after_return)
{
    struct lane *lane = open_lane(4, false);
    for (uint64_t i = 1; i <= 4; i++)
        cr_assert(stage(lane, i));
    cr_assert(lane_release(lane));
    for (int i = 0; i < 3; i++) {
        cr_assert(head(lane) != 0);
        lane_drop(lane);
    }
    cr_assert_eq(lane_room(lane, 1), 0);
    cr_assert_eq(lane_depth(lane), 4);
    lane_return(lane);
    cr_assert_eq(lane_room(lane, 4), 3);
    cr_assert_eq(lane_depth(lane), 1);
    cr_assert_eq(head(lane), 4);
    free(lane);
}

/* Goal: FIFO, nothing lost, nothing twice. Method: a seeded mix of all calls against a count. */
Test(lane_batch, any_mix_of_calls_keeps_the_order)
{
    for (uint32_t capacity = 1; capacity <= 16; capacity += 3) {
        struct lane *lane = open_lane(capacity, false);
        uint64_t staged = 0, released = 0, dropped = 0, returned = 0;
        for (uint64_t i = 0; i < 50000; i++) {
            uint64_t word = hash_mix(i + capacity * 1000003);
            switch (word % 5) {
            case 0:
            case 1: {
                bool fits = staged - returned < capacity;
                cr_assert_eq(stage(lane, staged + 1), fits);
                staged += fits;
                break;
            }
            case 2:
                cr_assert_eq(lane_release(lane), staged != released);
                released = staged;
                break;
            case 3:
                cr_assert_eq(lane_refresh(lane), released - dropped);
                cr_assert_eq(head(lane), released == dropped ? 0 : dropped + 1);
                if (released != dropped) {
                    lane_drop(lane);
                    dropped++;
                }
                break;
            default:
                lane_return(lane);
                returned = dropped;
            }
            cr_assert_eq(lane_depth(lane), released - returned);
            cr_assert_eq(lane_room(lane, capacity + 1), capacity - (staged - returned));
        }
        cr_assert_gt(dropped, 1000);
        free(lane);
    }
}

/* Goal: the counters may wrap. Method: begin just below 2^32. */
Test(lane_batch, works_across_the_wrap_of_its_counters)
{
    struct lane *lane = open_lane(5, false);
    lane->ring.c_head = lane->ring.p_tail = lane->staged = lane->head_seen = lane->next =
        lane->tail_seen = UINT32_MAX - 7;
    uint64_t in = 0, out = 0;
    for (int i = 0; i < 10; i++) {
        while (stage(lane, in + 1))
            in++;
        cr_assert_eq(in - out, 5);
        cr_assert(lane_release(lane));
        cr_assert_eq(lane_depth(lane), 5);
        for (int n = 0; n < 3; n++) {
            cr_assert_eq(head(lane), ++out);
            lane_drop(lane);
        }
        lane_return(lane);
    }
    free(lane);
}

/* Goal: a core sees its own messages in the turn that makes them (J1). Method: no release at all.
 */
Test(lane_inlined, messages_are_visible_at_once)
{
    struct lane *lane = open_lane(4, true);
    for (uint64_t i = 1; i <= 20; i++) {
        cr_assert(stage(lane, i));
        cr_assert_eq(lane_depth(lane), 1);
        cr_assert_eq(head(lane), i);
        lane_drop(lane);
        lane_return(lane);
        cr_assert(!lane_release(lane), "there is nothing left to publish");
    }
    for (uint64_t i = 1; i <= 4; i++)
        cr_assert(stage(lane, i));
    cr_assert(!stage(lane, 5), "it is as bounded as any other");
    cr_assert_eq(lane_ready(lane), 4);
    free(lane);
}

/* Goal: taking off an empty lane is a bug. Method: the assert fires, in a child process. */
Test(lane_bounds, dropping_from_an_empty_lane_is_a_bug, .signal = SIGABRT)
{
    lane_drop(open_lane(4, false));
}

/* Goal: a message that was staged and not released cannot be dropped. Method: as above. */
Test(lane_bounds, dropping_what_was_not_released_is_a_bug, .signal = SIGABRT)
{
    struct lane *lane = open_lane(4, false);
    if (stage(lane, 1))
        lane_drop(lane);
}

/* Goal: a lane of nothing is a bug in the limits. Method: as above. */
Test(lane_bounds, a_lane_for_no_message_is_a_bug, .signal = SIGABRT)
{
    static _Alignas(64) unsigned char block[1024];
    lane_init(block, 0, false);
}
