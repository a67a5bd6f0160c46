/* thread.h - a pinned thread for each core: turns, adaptive spin, parking; and the standstill.
 *
 * Thread:  threads_start and threads_stop from the starting thread; threads_standstill from a
 * core's. Park:    a sleeper sets `sleeping`, fences, looks at its lanes again, then waits on its
 * eventfd; a waker releases its lane, fences, and writes only if the sleeper slept (PARTS §4).
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>

#include "runtime/core.h"

struct core_hooks { /* what else lives on a core: an event loop, or nothing */
    void *self;
    uint32_t (*work)(void *self);         /* after the turn; how much was done */
    void (*wait)(void *self, int32_t ms); /* runs its events, waits at most that long */
    bool (*pending)(void *self);          /* looked at before sleeping */
};

struct core_thread {
    struct threads *threads;
    struct core *core;
    struct core_hooks hooks;
    pthread_t thread;
    int cpu; /* -1: not pinned */
};

struct threads {
    struct runtime *rt;
    struct core_thread core[CORES_MAX];
    _Atomic bool stop;
    _Atomic uint32_t halt, halted;
};

/* Starts one thread per core. Hooks without `wait` get a plain park on the core's eventfd. */
void threads_start(struct threads *threads, struct runtime *rt, const struct core_hooks hooks[],
                   bool pin);

/* Lets every core finish its turn and joins the threads. */
void threads_stop(struct threads *threads);

/* Runs act(arg) while every other core stands still at the end of a turn (PROTOCOL O7). Thread: a
 * core's, between turns. */
void threads_standstill(struct threads *threads, void (*act)(void *arg), void *arg);

/* Asks the scheduler for short slices (PARTS §6): the calling thread, where the kernel honours it.
 */
void thread_short_slice(void);

/* The n-th CPU of this process's affinity mask, wrapping round. */
int thread_cpu(uint32_t n);
uint32_t thread_cpus(void);

#endif
