/* The arithmetic of the clock, which only its own file can reach: a copy of it under other names.
 */
#define env_real       env_copy_real
#define env_clock_slew env_copy_clock_slew
#define env_mono_ns    env_copy_mono_ns
#include "runtime/env.c"

#include <criterion/criterion.h>

enum { BASE = 1000000000, BASE_MONO = 5000000 };

static int64_t at(int64_t passed_ns, int64_t rate_ppm)
{
    return clock_at(BASE_MONO + passed_ns, BASE, BASE_MONO, rate_ppm);
}

/* Goal: the clock never goes back, however it is slewed (env.h). Method: every 100 ns of 5 ms, and
 * every 37 us of 2 s, at each rate. */
Test(env_slew, never_goes_back)
{
    static const int64_t rates[] = {0, 1, -1, 500, -500, SLEW_MAX_PPM, -SLEW_MAX_PPM};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        int64_t last = at(0, rates[r]);
        for (int64_t ns = 0; ns < 5000000; ns += 100) {
            int64_t now = at(ns, rates[r]);
            cr_assert_geq(now, last, "rate %ld ppm, after %ld ns: %ld ns back", rates[r], ns,
                          last - now);
            last = now;
        }
        for (int64_t ns = 5000000; ns < 2000000000; ns += 37000) {
            int64_t now = at(ns, rates[r]);
            cr_assert_geq(now, last, "rate %ld ppm, after %ld ns", rates[r], ns);
            last = now;
        }
    }
}

/* Goal: a change of the rate is continuous (see the comment on top of env.c). Method: what
 * env_clock_slew() does, at 1000 moments; another thread reads before and after. */
Test(env_slew, a_change_of_the_rate_takes_nothing_back)
{
    for (int64_t ns = 0; ns < 1000; ns++) {
        int64_t mono = BASE_MONO + ns, now = clock_at(mono, BASE, BASE_MONO, 0);
        int64_t before = clock_at(mono + 1000, BASE, BASE_MONO, 0);
        int64_t after = clock_at(mono + 1000, now, mono, 0);
        cr_assert_geq(after, before, "set %ld ns after a nanosecond 0", ns);
        mono += 100; /* the other thread reads a moment before the change, at any part of a us */
        cr_assert_geq(clock_at(mono, now, mono - 100, 0), clock_at(mono, BASE, BASE_MONO, 0),
                      "%ld ns after a nanosecond 0", ns);
    }
}

/* Goal: a slew makes up what it was set for. Method: after a second, rate ppm are as many us, a
 * thousand ns each. */
Test(env_slew, gains_its_rate_in_a_second)
{
    static const int64_t rates[] = {0, 1, -1, 500, -500, SLEW_MAX_PPM, -SLEW_MAX_PPM};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++)
        cr_assert_eq(at(1000000000, rates[r]), BASE + 1000000000 + rates[r] * 1000);
}

/* Goal: a year without a slew does not overflow. Method: compare with the exact value. */
Test(env_slew, lasts_for_years)
{
    int64_t ten_years_ns = (int64_t)10 * 366 * 86400 * 1000000000;
    cr_assert_eq(at(ten_years_ns, SLEW_MAX_PPM),
                 BASE + ten_years_ns + ten_years_ns / 1000000 * SLEW_MAX_PPM);
}

/* Goal: the copy works at all. Method: it tells a time. */
Test(env_slew, the_copy_tells_a_time)
{
    struct env env = env_real();
    int64_t before = env_now_us(&env);
    env_clock_slew();
    cr_assert_geq(env_now_us(&env), before);
}
