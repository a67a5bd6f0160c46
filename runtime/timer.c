#include "runtime/timer.h"

#include "runtime/check.h"

void timers_init(struct timers *timers, struct timer **heap, uint32_t room)
{
    *timers = (struct timers){.heap = heap, .room = room};
}

static void put(struct timers *timers, uint32_t place, struct timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void rise(struct timers *timers, struct timer *timer)
{
    uint32_t at = timer->place;
    for (; at > 1 && timers->heap[at / 2]->due_us > timer->due_us; at /= 2)
        put(timers, at, timers->heap[at / 2]);
    put(timers, at, timer);
}

static void sink(struct timers *timers, struct timer *timer)
{
    uint32_t at = timer->place, child;
    for (; (child = 2 * at) <= timers->count; at = child) {
        if (child < timers->count && timers->heap[child + 1]->due_us < timers->heap[child]->due_us)
            child++;
        if (timers->heap[child]->due_us >= timer->due_us)
            break;
        put(timers, at, timers->heap[child]);
    }
    put(timers, at, timer);
}

bool timer_set(struct timers *timers, struct timer *timer, int64_t due_us)
{
    ASSERT(timer->fire);
    if (!timer->place && timers->count == timers->room)
        return false;
    if (!timer->place)
        put(timers, ++timers->count, timer);
    timer->due_us = due_us;
    rise(timers, timer);
    sink(timers, timer);
    return true;
}

void timer_clear(struct timers *timers, struct timer *timer)
{
    uint32_t place = timer->place;
    if (!place)
        return;
    ASSERT(timers->heap[place] == timer);
    struct timer *last = timers->heap[timers->count--];
    timer->place = 0;
    if (last == timer)
        return;
    put(timers, place, last);
    rise(timers, last);
    sink(timers, last);
}

uint32_t timers_run(struct timers *timers, int64_t now_us, uint32_t most)
{
    uint32_t fired = 0;
    for (; fired < most && timers->count && timers->heap[1]->due_us <= now_us; fired++) {
        struct timer *timer = timers->heap[1];
        timer_clear(timers, timer);
        timer->fire(timer, now_us);
    }
    return fired;
}

int64_t timers_next(const struct timers *timers)
{
    return timers->count ? timers->heap[1]->due_us : INT64_MAX;
}
