#include "runtime/tally.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/hash.h"

enum { SLOTS = 1024 };

static struct tally tally;
static void *block;

static void setup_slots(uint32_t slots)
{
    block = aligned_alloc(64, tally_bytes(slots));
    cr_assert(block != NULL);
    memset(block, 0, tally_bytes(slots));
    tally_init(&tally, block, slots);
}

static void setup(void)
{
    setup_slots(SLOTS);
}

static void teardown(void)
{
    free(block);
}

TestSuite(tally_sums, .init = setup, .fini = teardown);

/* Method: what tally_add() says after each of a few additions, looks between them. */
Test(tally_sums, add_up_within_a_window)
{
    cr_assert_eq(tally_add(&tally, 7, 1, 0), 0, "nothing yet");
    cr_assert_eq(tally_add(&tally, 7, 1, 5), 5);
    cr_assert_eq(tally_add(&tally, 7, 1, 20), 25);
    cr_assert_eq(tally_add(&tally, 7, 1, 0), 25, "a look changes nothing");
    cr_assert_eq(tally_add(&tally, 8, 1, 1), 1, "another key has a sum of its own");
    cr_assert_eq(tally_add(&tally, 7, 1, 0), 25);
}

/* Method: a later window, a look at it, and an addition by somebody whose clock is behind. */
Test(tally_sums, begin_anew_in_the_next_window)
{
    tally_add(&tally, 7, 5, 100);
    cr_assert_eq(tally_add(&tally, 7, 6, 0), 0, "a new window has seen nothing");
    cr_assert_eq(tally_add(&tally, 7, 6, 3), 3);
    cr_assert_eq(tally_add(&tally, 7, 5, 4), 7, "what comes late counts in the newest window");
    cr_assert_eq(tally_add(&tally, 7, 900, 1), 1);
}

/* Method: more than 32 bits. */
Test(tally_sums, stop_at_their_largest)
{
    cr_assert_eq(tally_add(&tally, 7, 1, UINT32_MAX - 1), UINT32_MAX - 1);
    cr_assert_eq(tally_add(&tally, 7, 1, 1), UINT32_MAX);
    cr_assert_eq(tally_add(&tally, 7, 1, 1), UINT32_MAX);
}

/* Method: up to the most, beyond it, and what still fits; then the next window. */
Test(tally_sums, take_no_more_than_the_most)
{
    uint32_t sum;
    cr_assert(tally_take(&tally, 7, 1, 90, 100, &sum) && sum == 90);
    cr_assert(!tally_take(&tally, 7, 1, 11, 100, &sum) && sum == 90, "one too many");
    cr_assert(tally_take(&tally, 7, 1, 10, 100, &sum) && sum == 100, "just as many");
    cr_assert(!tally_take(&tally, 7, 1, 1, 100, &sum) && sum == 100);
    cr_assert(!tally_take(&tally, 7, 1, UINT32_MAX, 100, &sum) && sum == 100);
    cr_assert(!tally_take(&tally, 8, 1, 101, 100, &sum) && sum == 0, "nor at once");
    cr_assert(tally_take(&tally, 7, 2, 100, 100, &sum) && sum == 100);
}

/* Method: ten times as many keys as slots, but in ten windows: each window finds room, and every
 * sum of it is right at its end. */
Test(tally_sums, of_past_windows_make_room)
{
    for (uint32_t window = 1; window <= 10; window++) {
        for (uint32_t round = 1; round <= 3; round++)
            for (uint64_t key = 1; key <= SLOTS / 4; key++)
                cr_assert_eq(tally_add(&tally, key + window * SLOTS, window, 2), 2 * round);
    }
}

Test(tally_full, loses_the_smallest_sum, .fini = teardown)
{
    setup_slots(TALLY_PROBES);
    for (uint64_t key = 1; key <= TALLY_PROBES; key++)
        tally_add(&tally, key, 1, (uint32_t)key * 10);
    cr_assert_eq(tally_add(&tally, 99, 1, 1000), 1000, "a new key takes the place of the smallest");
    cr_assert_eq(tally_add(&tally, 1, 1, 0), 0);
    for (uint64_t key = 2; key <= TALLY_PROBES; key++)
        cr_assert_eq(tally_add(&tally, key, 1, 0), key * 10, "all others stay");
}

enum { THREADS = 4, ADDS = 10000, KEYS = 12, WINDOWS = 100 };

static uint64_t seeds[THREADS];
static uint32_t added[THREADS][KEYS], wrong;
static pthread_barrier_t barrier;

static void compare_sums(uint32_t window)
{
    for (uint32_t key = 0; key < KEYS; key++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < THREADS; i++)
            sum += added[i][key];
        wrong += tally_add(&tally, key + 1 + window, window, 0) != sum;
    }
    memset(added, 0, sizeof added);
}

static void *add_many(void *arg)
{
    uint64_t *seed = arg, thread = (uint64_t)(seed - seeds);
    for (uint32_t window = 1; window <= WINDOWS; window++) {
        pthread_barrier_wait(&barrier);
        for (uint32_t i = 0; i < ADDS; i++) {
            *seed = hash_fold(*seed, i);
            uint32_t key = (uint32_t)(*seed % KEYS), weight = (uint32_t)(*seed >> 32) % 50;
            tally_add(&tally, key + 1 + window, window, weight);
            added[thread][key] += weight;
        }
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            compare_sums(window);
    }
    return NULL;
}

/* Goal: threads that claim slots and add to the same keys lose nothing. Method: four threads, few
 * slots, and keys that are new in each window; all sums are compared at its end. */
Test(tally_threads, lose_nothing, .fini = teardown)
{
    pthread_t thread[THREADS];
    setup_slots(32);
    cr_assert_eq(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        cr_assert_eq(pthread_create(&thread[i], NULL, add_many, &seeds[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    cr_assert_eq(wrong, 0, "%u sums are wrong", wrong);
}
