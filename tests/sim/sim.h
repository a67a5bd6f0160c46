/* sim.h - what the parts of the simulator share: draws from a seed, and how a bad run ends.
 *
 * Thread:  one.
 */
#ifndef SIM_H
#define SIM_H

#include <stdint.h>

#include "runtime/hash.h"

enum { USERS_MAX = 6, SYMBOLS_MAX = 3, OPS_MAX = 4000 };

/* Says what was wrong, and where in which seed; ends the process. */
_Noreturn void fail(const char *what);

/* Those who look on draw from a state of their own, so that the run is the same without them. */
static inline uint64_t draw(uint64_t *state)
{
    return hash_mix(*state += 0x9E3779B97F4A7C15ull);
}

static inline uint32_t draw_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(draw(state) % n);
}

#endif
