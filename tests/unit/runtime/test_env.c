#include "runtime/env.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { CALLS = 100000 };

static int64_t wall_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Goal: the clock never goes back. Method: 100,000 calls in a row, with slews in between. */
Test(env_clock, never_goes_back_in_one_thread)
{
    struct env env = env_real();
    int64_t last = env_now_us(&env);
    for (int i = 0; i < CALLS; i++) {
        int64_t now = env_now_us(&env);
        cr_assert_geq(now, last, "call %d", i);
        last = now;
        if (i % 1000 == 0)
            env_clock_slew();
    }
}

/* Goal: it tells the wall's time. Method: compare. */
Test(env_clock, is_near_the_wall)
{
    struct env env = env_real();
    env_clock_slew();
    int64_t before = wall_us(), now = env_now_us(&env), after = wall_us();
    cr_assert_geq(now, before - 2000);
    cr_assert_leq(now, after + 2000);
}

/* Goal: asking twice for the environment does not set the clock again. Method: ask. */
Test(env_clock, is_one_clock_for_all)
{
    struct env one = env_real();
    int64_t before = env_now_us(&one);
    struct env two = env_real();
    cr_assert_geq(env_now_us(&two), before);
    cr_assert_geq(env_now_us(&one), before);
}

static _Atomic int64_t newest;
static _Atomic bool stop;
static _Atomic uint64_t back;

/* What one thread has seen, no thread may be told less of afterwards. */
static void *watch(void *arg)
{
    struct env env = env_real();
    (void)arg;
    for (int i = 0; i < CALLS && !atomic_load(&stop); i++) {
        int64_t seen = atomic_load(&newest), now = env_now_us(&env);
        if (now < seen)
            atomic_fetch_add(&back, 1);
        while (seen < now && !atomic_compare_exchange_weak(&newest, &seen, now))
            ;
    }
    return NULL;
}

/* Goal: nor between threads. Method: two threads, one newest time; nobody slews. */
Test(env_clock, never_goes_back_between_two_threads)
{
    pthread_t thread;
    env_real();
    cr_assert_eq(pthread_create(&thread, NULL, watch, NULL), 0);
    watch(NULL);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&back), 0, "%lu times", atomic_load(&back));
}

/* Goal: nor while the clock is being slewed. Method: two threads read, a third slews all the time
 * (a hundred thousand times more often than castle does). */
Test(env_clock, never_goes_back_while_it_is_slewed)
{
    pthread_t thread[2];
    env_real();
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, watch, NULL), 0);
    for (int i = 0; i < 20000; i++)
        env_clock_slew();
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    cr_assert_eq(atomic_load(&back), 0, "%lu times", atomic_load(&back));
}

/* Goal: secrets are not constant. Method: two draws of 32 bytes, and a long one that is no repeat.
 */
Test(env_random, gives_other_bytes_each_time)
{
    struct env env = env_real();
    unsigned char one[32] = {0}, two[32] = {0}, guard[40];
    env_random(&env, one, sizeof one);
    env_random(&env, two, sizeof two);
    cr_assert_neq(memcmp(one, two, sizeof one), 0);
    memset(guard, 0xA5, sizeof guard);
    env_random(&env, guard + 4, 0);
    env_random(&env, guard + 4, 32);
    for (int i = 0; i < 4; i++)
        cr_assert(guard[i] == 0xA5 && guard[36 + i] == 0xA5, "it wrote beside its bytes");
}
