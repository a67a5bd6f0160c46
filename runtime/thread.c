#define _GNU_SOURCE
#include "runtime/thread.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/check.h"
#include "runtime/log.h"

enum { SPIN_MAX_NS = 50000, PARK_MS = 100, SLOW_TURN_NS = 10000000 };

uint32_t thread_cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    ASSERT(sched_getaffinity(0, sizeof set, &set) == 0);
    return (uint32_t)CPU_COUNT(&set);
}

int thread_cpu(uint32_t n)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    ASSERT(sched_getaffinity(0, sizeof set, &set) == 0);
    n %= (uint32_t)CPU_COUNT(&set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set) && n-- == 0)
            return cpu;
    return 0;
}

void thread_short_slice(void)
{
    struct { /* sched_setattr(2); glibc has no wrapper */
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = 48, .policy = SCHED_OTHER, .runtime = 100000};
    syscall(SYS_sched_setattr, 0, &attr, 0); /* older kernels refuse or ignore it: no harm */
}

static void park(struct core *core, int32_t ms)
{
    struct pollfd wake = {.fd = core->waker.fd, .events = POLLIN};
    if (poll(&wake, 1, ms) > 0) {
        uint64_t count;
        ssize_t got = read(wake.fd, &count, sizeof count);
        (void)got;
    }
}

static bool anything(const struct core_thread *self)
{
    return core_has_input(self->core) ||
           (self->hooks.pending && self->hooks.pending(self->hooks.self)) ||
           atomic_load_explicit(&self->threads->halt, memory_order_acquire) ||
           atomic_load_explicit(&self->threads->stop, memory_order_acquire);
}

/* Looks for work for up to *spin_ns; what it finds, or not, sets the next budget. */
static bool spin(const struct core_thread *self, uint64_t *spin_ns)
{
    uint64_t until = env_mono_ns() + *spin_ns;
    while (*spin_ns && env_mono_ns() < until)
        if (anything(self)) {
            *spin_ns = 2 * *spin_ns < SPIN_MAX_NS ? 2 * *spin_ns : SPIN_MAX_NS;
            return true;
        }
    *spin_ns /= 2;
    return false;
}

static void wait_for_work(struct core_thread *self, bool blocked, uint64_t *spin_ns)
{
    struct core *core = self->core;
    int32_t ms = 0;
    if (!spin(self, spin_ns)) {
        atomic_store_explicit(&core->waker.sleeping, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst); /* pairs with waker_wake() */
        /* An input that found no room stays in its lane: then wait a moment for the room. */
        ms = blocked ? 1 : anything(self) ? 0 : PARK_MS;
    }
    uint64_t began = env_mono_ns();
    if (self->hooks.wait)
        self->hooks.wait(self->hooks.self, ms);
    else if (ms)
        park(core, ms);
    atomic_store_explicit(&core->waker.sleeping, 0, memory_order_relaxed);
    if (ms && *spin_ns < 2000 && env_mono_ns() - began < 20000)
        *spin_ns = 2000; /* the wait was short: a spin would have been cheaper */
}

static void stand_still(struct threads *threads)
{
    atomic_fetch_add_explicit(&threads->halted, 1, memory_order_acq_rel);
    while (atomic_load_explicit(&threads->halt, memory_order_acquire))
        sched_yield();
    atomic_fetch_sub_explicit(&threads->halted, 1, memory_order_acq_rel);
}

static void note_turn(struct core *core, uint64_t ns)
{
    hist_add(&core->turn_ns, ns);
    if (ns >= SLOW_TURN_NS)
        log_warn("slow_turn", "A turn took long: its inputs, or the scheduler took the core away.",
                 log_number("core", core->id), log_number("us", (int64_t)(ns / 1000)),
                 log_number("inputs", core->taken_now));
}

static void *core_main(void *arg)
{
    struct core_thread *self = arg;
    struct core *core = self->core;
    uint64_t spin_ns = 0;
    if (self->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(self->cpu, &set);
        pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    }
    thread_short_slice();
    while (!atomic_load_explicit(&self->threads->stop, memory_order_acquire)) {
        uint64_t began = env_mono_ns(), refused = counter_get(&core->no_room);
        bool busy = core_turn(core);
        if (self->hooks.work)
            busy |= self->hooks.work(self->hooks.self) > 0;
        if (busy)
            note_turn(core, env_mono_ns() - began);
        if (atomic_load_explicit(&self->threads->halt, memory_order_acquire))
            stand_still(self->threads);
        if (!busy)
            wait_for_work(self,
                          counter_get(&core->no_room) != refused || core->work.count ||
                              core->pump.count,
                          &spin_ns);
        else if (self->hooks.wait)
            self->hooks.wait(self->hooks.self, 0);
    }
    atomic_fetch_add_explicit(&self->threads->halted, 1,
                              memory_order_acq_rel); /* it stands still for good */
    return NULL;
}

void threads_start(struct threads *threads, struct runtime *rt, const struct core_hooks hooks[],
                   bool pin)
{
    threads->rt = rt;
    for (uint16_t c = 0; c < rt->cores; c++) {
        struct core_thread *thread = &threads->core[c];
        *thread = (struct core_thread){.threads = threads, .core = rt->core[c], .hooks = hooks[c]};
        thread->cpu = pin ? thread_cpu(c) : -1;
        if (rt->core[c]->waker.fd < 0)
            rt->core[c]->waker.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        ASSERT(rt->core[c]->waker.fd >= 0);
    }
    for (uint16_t c = 0; c < rt->cores; c++)
        ASSERT(pthread_create(&threads->core[c].thread, NULL, core_main, &threads->core[c]) == 0);
}

void threads_stop(struct threads *threads)
{
    atomic_store_explicit(&threads->stop, true, memory_order_release);
    for (uint16_t c = 0; c < threads->rt->cores; c++)
        waker_wake(&threads->rt->core[c]->waker);
    for (uint16_t c = 0; c < threads->rt->cores; c++)
        pthread_join(threads->core[c].thread, NULL);
}

void threads_standstill(struct threads *threads, void (*act)(void *arg), void *arg)
{
    uint32_t others = threads->rt->cores - 1u;
    atomic_store_explicit(&threads->halt, 1, memory_order_release);
    for (uint16_t c = 0; c < threads->rt->cores; c++)
        waker_wake(&threads->rt->core[c]->waker);
    while (atomic_load_explicit(&threads->halted, memory_order_acquire) < others)
        sched_yield();
    act(arg);
    atomic_store_explicit(&threads->halt, 0, memory_order_release);
    while (atomic_load_explicit(&threads->halted, memory_order_acquire) != 0 &&
           !atomic_load_explicit(&threads->stop, memory_order_acquire))
        sched_yield();
}
