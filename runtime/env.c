#define _GNU_SOURCE
#include "runtime/env.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

#include "runtime/check.h"

/* One clock for all threads: now = base + (mono - base_mono) * (1 + rate / 1e6), in nanoseconds.
 * The parameters change under a sequence lock: odd while they do. The writer reads the monotonic
 * clock inside it and readers inside theirs, so no reader mixes old parameters with a time behind
 * the change: never back. */
static _Atomic uint32_t clock_version;
static _Atomic int64_t clock_base_ns, clock_base_mono_ns, clock_rate_ppm;

enum { SLEW_MAX_PPM = 5000 }; /* 0.5 % (DESIGN §10) */

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    ASSERT(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t env_mono_ns(void)
{
    return (uint64_t)clock_ns(CLOCK_MONOTONIC);
}

static int64_t clock_at(int64_t mono_ns, int64_t base_ns, int64_t base_mono_ns, int64_t rate_ppm)
{
    int64_t passed_ns = mono_ns - base_mono_ns;
    return base_ns + passed_ns + (int64_t)((__int128)passed_ns * rate_ppm / 1000000);
}

static int64_t real_now_us(void *self)
{
    (void)self;
    for (;;) {
        uint32_t version = atomic_load_explicit(&clock_version, memory_order_acquire);
        int64_t base_ns = atomic_load_explicit(&clock_base_ns, memory_order_relaxed);
        int64_t base_mono = atomic_load_explicit(&clock_base_mono_ns, memory_order_relaxed);
        int64_t rate = atomic_load_explicit(&clock_rate_ppm, memory_order_relaxed);
        int64_t mono = clock_ns(CLOCK_MONOTONIC);
        atomic_thread_fence(memory_order_acquire);
        if (!(version & 1) && version == atomic_load_explicit(&clock_version, memory_order_relaxed))
            return clock_at(mono, base_ns, base_mono, rate) / 1000;
    }
}

void env_clock_slew(void)
{
    atomic_fetch_add_explicit(&clock_version, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    int64_t mono = clock_ns(CLOCK_MONOTONIC), wall = clock_ns(CLOCK_REALTIME), now = wall, rate = 0;
    int64_t base_ns = atomic_load_explicit(&clock_base_ns, memory_order_relaxed);
    if (base_ns) { /* make the difference up within a second, at most at the slew limit */
        now =
            clock_at(mono, base_ns, atomic_load_explicit(&clock_base_mono_ns, memory_order_relaxed),
                     atomic_load_explicit(&clock_rate_ppm, memory_order_relaxed));
        int64_t ahead_us = (wall - now) / 1000;
        rate = ahead_us > SLEW_MAX_PPM    ? SLEW_MAX_PPM
               : ahead_us < -SLEW_MAX_PPM ? -SLEW_MAX_PPM
                                          : ahead_us;
    }
    atomic_store_explicit(&clock_base_ns, now, memory_order_relaxed);
    atomic_store_explicit(&clock_base_mono_ns, mono, memory_order_relaxed);
    atomic_store_explicit(&clock_rate_ppm, rate, memory_order_relaxed);
    atomic_fetch_add_explicit(&clock_version, 1, memory_order_release);
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
    if (atomic_load(&clock_base_ns) == 0)
        env_clock_slew();
    return (struct env){.ops = &ops};
}
