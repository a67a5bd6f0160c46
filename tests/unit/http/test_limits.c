/* Goal: an address gets its weight and its requests in each window of the clock and no more, is
 * banned when it goes on, and no crowd of others changes that. Method: a clock of our own. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http/address.h"
#include "http/limits.h"
#include "runtime/hash.h"

enum { SECOND = 1000000, MINUTE = 60 * SECOND };
#define NOON INT64_C(1700049600000000) /* 12:00:00 UTC: all windows begin */

static struct limits limits;
static struct limit_told told;
static void *block;

static void setup(void)
{
    block = aligned_alloc(4096, (limits_bytes() + 4095) / 4096 * 4096);
    cr_assert(block != NULL);
    memset(block, 0, limits_bytes());
    limits_init(&limits, block);
}

static void teardown(void)
{
    free(block);
}

TestSuite(limits, .init = setup, .fini = teardown);

/* One request of this weight. */
static bool ask(uint64_t address, uint32_t weight, int64_t now_us)
{
    uint32_t used;
    told = (struct limit_told){.why = LIMIT_NONE};
    return limits_enter(&limits, address, now_us, &told) &&
           limits_charge(&limits, address, now_us, weight, &used, &told);
}

static uint32_t used(uint64_t address, int64_t now_us)
{
    return limits_add(&limits, address, now_us, 0);
}

Test(limits, give_each_address_its_weight_in_each_minute)
{
    int64_t last = NOON + MINUTE - 1;
    for (uint32_t i = 0; i < 24; i++)
        cr_assert(ask(7, 250, NOON + i * SECOND), "request %u", i);
    cr_assert_eq(used(7, last), 6000);
    cr_assert(!ask(7, 1, last) && told.why == LIMIT_BY_WEIGHT);
    cr_assert_eq(told.until_us, NOON + MINUTE, "the end of the minute");
    cr_assert_eq(used(7, last), 6000, "what is refused costs nothing");
    cr_assert(ask(8, 6000, last), "another address");
    cr_assert(ask(7, 1, NOON + MINUTE), "the next minute");
    cr_assert_eq(used(7, NOON + MINUTE), 1);
}

Test(limits, refuse_what_is_too_heavy_and_take_what_still_fits)
{
    cr_assert(ask(7, 5990, NOON));
    cr_assert(!ask(7, 11, NOON) && told.why == LIMIT_BY_WEIGHT);
    cr_assert(ask(7, 10, NOON));
    cr_assert_not(ask(7, 1, NOON));
}

/* Trading is charged when it has failed, and may then carry an address over its limit: by no more
 * than was under way. */
Test(limits, count_what_is_known_late_whatever_is_left)
{
    cr_assert(ask(7, 5999, NOON));
    cr_assert(limits_enter(&limits, 7, NOON, &told) && limits_enter(&limits, 7, NOON, &told));
    cr_assert_eq(limits_add(&limits, 7, NOON, 1), 6000);
    cr_assert_eq(limits_add(&limits, 7, NOON, 1), 6001);
    cr_assert_not(limits_enter(&limits, 7, NOON, &told), "and nothing more comes in");
    cr_assert_eq(told.why, LIMIT_BY_WEIGHT);
}

Test(limits, give_each_address_its_requests_in_each_five_minutes)
{
    int64_t last = NOON + 5 * MINUTE - 1;
    for (uint32_t i = 0; i < LIMIT_REQUESTS; i++)
        cr_assert(ask(7, 0, NOON + i), "request %u", i);
    cr_assert(!ask(7, 0, last) && told.why == LIMIT_BY_REQUESTS);
    cr_assert_eq(told.until_us, NOON + 5 * MINUTE);
    cr_assert(ask(8, 0, last));
    cr_assert(ask(7, 0, NOON + 5 * MINUTE));
}

/* Uses up the minute, then goes on until it is banned; returns the ban's length in seconds. */
static int64_t get_banned(uint64_t address, int64_t now_us)
{
    cr_assert(ask(address, LIMIT_WEIGHT - used(address, now_us), now_us));
    for (uint32_t i = 0; i < LIMIT_REFUSALS; i++)
        cr_assert(!ask(address, 1, now_us) && told.why == LIMIT_BY_WEIGHT, "refusal %u", i);
    cr_assert(!ask(address, 1, now_us) && told.why == LIMIT_BY_BAN);
    cr_assert_eq(told.until_us, now_us + (int64_t)told.new_ban * SECOND);
    return told.new_ban;
}

Test(limits, ban_who_goes_on_until_the_bans_end)
{
    int64_t banned = NOON + 30 * SECOND;
    cr_assert_eq(get_banned(7, banned), 120);
    cr_assert(!ask(7, 1, banned + 120 * SECOND - 1) && told.why == LIMIT_BY_BAN);
    cr_assert(told.until_us == banned + 120 * SECOND && told.new_ban == 0, "it does not grow");
    cr_assert(ask(8, 1, banned + SECOND), "others are not");
    cr_assert(ask(7, 1, banned + 120 * SECOND));
}

Test(limits, do_not_ban_who_stays_below_so_many_refusals_a_minute)
{
    for (uint32_t minute = 0; minute < 10; minute++) {
        cr_assert(ask(7, 6000, NOON + (int64_t)minute * MINUTE));
        for (uint32_t i = 0; i < LIMIT_REFUSALS; i++)
            cr_assert(!ask(7, 1, NOON + (int64_t)minute * MINUTE) && told.why == LIMIT_BY_WEIGHT);
    }
}

Test(limits, let_bans_grow_from_two_minutes_to_three_days)
{
    static const int64_t minutes[] = {2,   4,   8,    16,   32,   64,   128,
                                      256, 512, 1024, 2048, 4096, 4320, 4320};
    int64_t now = NOON;
    for (uint32_t i = 0; i < sizeof minutes / sizeof *minutes; i++) {
        int64_t seconds = get_banned(7, now);
        cr_assert_eq(seconds, 60 * minutes[i], "ban %u: %ld s", i, seconds);
        now += (seconds + 3600) * SECOND;
        now += MINUTE - now % MINUTE;
    }
    now += 3 * INT64_C(86400) * SECOND;
    cr_assert_eq(get_banned(7, now), 120, "after three days without one");
}

Test(limits, ban_by_the_64_of_an_ipv6_customer)
{
    struct address one, same, other;
    address_read("2001:db8:1:2::1", 15, &one);
    address_read("2001:db8:1:2:ffff::9", 20, &same);
    address_read("2001:db8:1:3::1", 15, &other);
    get_banned(address_key(&one), NOON);
    cr_assert_not(ask(address_key(&same), 1, NOON));
    cr_assert(ask(address_key(&other), 1, NOON));
}

/* Goal: a flood of addresses costs no memory, unbans nobody and frees nobody of what he used.
 * Method: a million addresses, each asking once, in one minute: 15 for each slot. */
Test(limits, stand_a_flood_of_a_million_addresses)
{
    uint32_t refused = 0;
    cr_assert(ask(7, 5990, NOON));
    get_banned(8, NOON);
    for (uint64_t i = 0; i < 1000000; i++)
        refused += !ask(hash_mix(i + 1000) | 1ull << 63, 1, NOON + (int64_t)i);
    cr_assert_eq(refused, 0, "%u of those who asked once", refused);
    cr_assert(!ask(7, 11, NOON + SECOND) && told.why == LIMIT_BY_WEIGHT);
    cr_assert(!ask(8, 1, NOON + SECOND) && told.why == LIMIT_BY_BAN);
}

/* Goal: a ban goes for another only when none beside it has ended, and then the one that ends
 * first. Method: one ban of 4 minutes, then as many of 2 as there are slots, and a quarter as many
 * when those have ended. */
Test(limits, forget_bans_that_ended_first)
{
    get_banned(7, NOON);
    int64_t again = NOON + 3 * MINUTE, after = again + 3 * MINUTE;
    cr_assert_eq(get_banned(7, again), 240);
    for (uint64_t i = 0; i < LIMIT_SLOTS / 4; i++)
        get_banned(hash_mix(i + 1000), again);
    cr_assert(!ask(7, 1, again + SECOND) && told.why == LIMIT_BY_BAN);
    for (uint64_t i = 0; i < LIMIT_SLOTS / 16; i++)
        get_banned(hash_mix(i + 1000000), after);
    cr_assert(!ask(7, 1, after + SECOND) && told.why == LIMIT_BY_BAN, "it has not ended");
    cr_assert(ask(7, 1, again + 4 * MINUTE));
}

enum { THREADS = 4, ASKS = 5000 };
static _Atomic uint32_t taken, bans;

static void *ask_many(void *arg)
{
    (void)arg;
    struct limit_told mine = {.why = LIMIT_NONE};
    for (uint32_t i = 0, sum; i < ASKS; i++) {
        if (limits_enter(&limits, 7, NOON, &mine) &&
            limits_charge(&limits, 7, NOON, 1, &sum, &mine))
            atomic_fetch_add(&taken, 1);
        else if (mine.new_ban)
            atomic_fetch_add(&bans, 1);
    }
    return NULL;
}

/* Method: four threads for one address, each with nearly all of its weight. */
Test(limits, are_of_all_cores_together)
{
    pthread_t thread[THREADS];
    for (uint32_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, ask_many, NULL), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    cr_assert_eq(taken, LIMIT_WEIGHT, "%u taken", taken);
    cr_assert_eq(bans, 1, "%u bans", bans);
}
