/* Goal: timers fire in the order of their deadlines, once, whatever was set, moved and cleared
 * between. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "runtime/timer.h"

enum { ROOM = 64 };

static struct timers timers;
static struct timer *heap[ROOM + 1];
static struct timer timer[ROOM + 1];
static int64_t fired[1000];
static uint32_t fired_count;

static void note(struct timer *one, int64_t now_us)
{
    cr_assert_leq(one->due_us, now_us);
    cr_assert_eq(one->place, 0u, "a timer is cleared before it fires");
    fired[fired_count++] = one->due_us;
}

static void open_timers(void)
{
    timers_init(&timers, heap, ROOM);
    for (int i = 0; i <= ROOM; i++)
        timer[i] = (struct timer){.fire = note};
    fired_count = 0;
}

Test(timer_run, fires_what_is_due_earliest_first, .init = open_timers)
{
    static const int64_t due[] = {50, 10, 40, 10, 30, 20, 60};
    for (int i = 0; i < 7; i++)
        cr_assert(timer_set(&timers, &timer[i], due[i]));
    cr_assert_eq(timers_next(&timers), 10);
    cr_assert_eq(timers_run(&timers, 9, 100), 0u);
    cr_assert_eq(timers_run(&timers, 50, 100), 6u);
    static const int64_t expect[] = {10, 10, 20, 30, 40, 50};
    for (int i = 0; i < 6; i++)
        cr_assert_eq(fired[i], expect[i]);
    cr_assert_eq(timers_next(&timers), 60);
    cr_assert_eq(timers_run(&timers, 1000, 100), 1u);
    cr_assert_eq(timers_next(&timers), INT64_MAX);
}

Test(timer_run, fires_at_most_as_many_as_asked, .init = open_timers)
{
    for (int i = 0; i < 10; i++)
        cr_assert(timer_set(&timers, &timer[i], i));
    cr_assert_eq(timers_run(&timers, 100, 3), 3u);
    cr_assert_eq(timers.count, 7u);
}

Test(timer_set, says_when_the_heap_is_full, .init = open_timers)
{
    for (int i = 0; i < ROOM; i++)
        cr_assert(timer_set(&timers, &timer[i], i));
    cr_assert_not(timer_set(&timers, &timer[ROOM], 0));
    cr_assert(timer_set(&timers, &timer[0], 99), "one that is set can be moved");
    timer_clear(&timers, &timer[1]);
    cr_assert(timer_set(&timers, &timer[ROOM], 0));
}

/* Method: random sets, moves, clears and runs beside a plain array. */
Test(timer_random, agrees_with_a_plain_array, .init = open_timers)
{
    int64_t model[ROOM], now = 0; /* -1: not set */
    for (int i = 0; i < ROOM; i++)
        model[i] = -1;
    srand(7);
    for (int step = 0; step < 20000; step++) {
        int i = rand() % ROOM;
        if (rand() % 3) {
            model[i] = now + rand() % 100;
            cr_assert(timer_set(&timers, &timer[i], model[i]));
        } else {
            model[i] = -1;
            timer_clear(&timers, &timer[i]);
        }
        if (rand() % 10 == 0) {
            uint32_t due = 0;
            now += rand() % 60;
            for (int k = 0; k < ROOM; k++)
                if (model[k] >= 0 && model[k] <= now) {
                    model[k] = -1;
                    due++;
                }
            fired_count = 0;
            cr_assert_eq(timers_run(&timers, now, 1000), due);
            for (uint32_t k = 1; k < fired_count; k++)
                cr_assert_leq(fired[k - 1], fired[k]);
        }
        int64_t next = INT64_MAX;
        for (int k = 0; k < ROOM; k++)
            if (model[k] >= 0 && model[k] < next)
                next = model[k];
        cr_assert_eq(timers_next(&timers), next);
    }
}
