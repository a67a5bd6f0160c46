#define _GNU_SOURCE
#include "runtime/env.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

#include "runtime/check.h"

/* One clock for all threads: now = base_us + (mono - base_mono) * (1 + rate / 1e6). The parameters
 * change under a sequence lock (odd while being written), and always so that `now` is continuous. */
static _Atomic uint32_t clock_version;
static _Atomic int64_t clock_base_us, clock_base_mono_ns, clock_rate_ppm;

enum { SLEW_MAX_PPM = 5000 }; /* 0.5 % (DESIGN §10) */

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    ASSERT(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t clock_at(int64_t mono_ns, int64_t base_us, int64_t base_mono_ns, int64_t rate_ppm)
{
    int64_t passed_ns = mono_ns - base_mono_ns;
    if (passed_ns < 0)
        passed_ns = 0; /* the base was set by another thread a moment ago */
    return base_us + (passed_ns + passed_ns / 1000000 * rate_ppm) / 1000;
}

static int64_t real_now_us(void *self)
{
    (void)self;
    for (;;) {
        uint32_t version = atomic_load_explicit(&clock_version, memory_order_acquire);
        int64_t base_us = atomic_load_explicit(&clock_base_us, memory_order_relaxed);
        int64_t base_mono = atomic_load_explicit(&clock_base_mono_ns, memory_order_relaxed);
        int64_t rate = atomic_load_explicit(&clock_rate_ppm, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (!(version & 1) && version == atomic_load_explicit(&clock_version, memory_order_relaxed))
            return clock_at(clock_ns(CLOCK_MONOTONIC), base_us, base_mono, rate);
    }
}

static void clock_set(int64_t base_us, int64_t base_mono_ns, int64_t rate_ppm)
{
    atomic_fetch_add_explicit(&clock_version, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&clock_base_us, base_us, memory_order_relaxed);
    atomic_store_explicit(&clock_base_mono_ns, base_mono_ns, memory_order_relaxed);
    atomic_store_explicit(&clock_rate_ppm, rate_ppm, memory_order_relaxed);
    atomic_fetch_add_explicit(&clock_version, 1, memory_order_release);
}

void env_clock_slew(void)
{
    int64_t mono = clock_ns(CLOCK_MONOTONIC);
    int64_t now = real_now_us(NULL), wall = clock_ns(CLOCK_REALTIME) / 1000;
    int64_t ahead_us = wall - now; /* make it up within a second, at most at the slew limit */
    int64_t rate = ahead_us > SLEW_MAX_PPM    ? SLEW_MAX_PPM
                   : ahead_us < -SLEW_MAX_PPM ? -SLEW_MAX_PPM
                                              : ahead_us;
    clock_set(now, mono, rate);
}

static void real_random(void *self, void *out, size_t bytes)
{
    (void)self;
    char *p = out;
    while (bytes) {
        ssize_t got = getrandom(p, bytes, 0);
        ASSERT(got > 0);
        p += got;
        bytes -= (size_t)got;
    }
}

struct env env_real(void)
{
    static const struct env_ops ops = {.now_us = real_now_us, .random = real_random};
    if (atomic_load(&clock_base_us) == 0)
        clock_set(clock_ns(CLOCK_REALTIME) / 1000, clock_ns(CLOCK_MONOTONIC), 0);
    return (struct env){.ops = &ops};
}
