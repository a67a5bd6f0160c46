/* counter.h - a number that one thread counts up and any thread may read: what metrics are made of.
 *
 * Thread:  counter_add and counter_set by the one writer; counter_get by any, which sees the value
 *          of a moment ago.
 * Cost:    a load, an add and a store; no locked instruction and no fence.
 */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

static inline void counter_set(counter *count, uint64_t value)
{
    atomic_store_explicit(count, value, memory_order_relaxed);
}

static inline uint64_t counter_get(const counter *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

static inline void counter_add(counter *count, uint64_t more)
{
    counter_set(count, counter_get(count) + more);
}

#endif
