/* sampler.h - picks the events whose times are taken: all of them while few come, every 64th while
 * many do.
 *
 * Thread:  one.
 * Fair:    events are picked by count, so one that is slow is picked as often as its share.
 */
#ifndef SAMPLER_H
#define SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SAMPLER_WINDOW_US = 100000,
    SAMPLER_ALL = 128, /* events of a window that are all picked in the next one */
    SAMPLER_EVERY_MAX = 64,
};

struct sampler { /* zeroed: picks from the first event on */
    int64_t window_us;
    uint32_t seen, every, left;
};

/* Whether this event is picked. */
static inline bool sampler_pick(struct sampler *sampler, int64_t now_us)
{
    if (now_us - sampler->window_us >= SAMPLER_WINDOW_US) {
        uint32_t every = 1 + sampler->seen / SAMPLER_ALL;
        sampler->every = every < SAMPLER_EVERY_MAX ? every : SAMPLER_EVERY_MAX;
        if (sampler->left > sampler->every)
            sampler->left = sampler->every;
        sampler->window_us = now_us;
        sampler->seen = 0;
    }
    sampler->seen++;
    if (sampler->left > 1) {
        sampler->left--;
        return false;
    }
    sampler->left = sampler->every;
    return true;
}

#endif
