/* timer.h - deadlines of one core: a heap of timers that live in what they are for.
 *
 * Thread:  the core's. Time is an argument: the core's clock, or a test's.
 * Memory:  the heap is the caller's, sized once; a full one is an answer.
 * Cost:    setting, clearing and firing are O(log n); asking for the next is O(1).
 */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer { /* zeroed: not set */
    int64_t due_us;
    uint32_t place; /* in the heap, from 1; 0: not set */
    void (*fire)(struct timer *timer, int64_t now_us);
};

struct timers {
    struct timer **heap; /* [1..room] */
    uint32_t count, room;
};

/* `heap` has room + 1 pointers. */
void timers_init(struct timers *timers, struct timer **heap, uint32_t room);

/* Sets, or moves, a timer; false when the heap is full. */
__attribute__((warn_unused_result)) bool timer_set(struct timers *timers, struct timer *timer,
                                                   int64_t due_us);

/* Clears it; one that is not set stays so. */
void timer_clear(struct timers *timers, struct timer *timer);

/* Fires what is due, earliest first, at most `most`; each is cleared before it fires and may be set
 * again. Returns how many. */
uint32_t timers_run(struct timers *timers, int64_t now_us, uint32_t most);

/* When the next one is due; INT64_MAX when none is set. */
int64_t timers_next(const struct timers *timers);

#endif
