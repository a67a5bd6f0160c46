#define _GNU_SOURCE /* timegm */
#include "actors/candle.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "runtime/hash.h"

static const int32_t zones[] = {0, 60, -60, 345, -210, 480, 840, -720}; /* +05:45, -03:30 too */
enum { ZONES = sizeof zones / sizeof *zones };

/* The beginning by the C library's calendar and by counting down. */
static int64_t naive_open(enum candle_interval interval, int64_t ts_us, int32_t zone)
{
    static const int32_t minutes[] = {0, 1, 3, 5, 15, 30, 60, 120, 240, 360, 480, 720, 1440};
    int64_t local = ts_us / 1000000 + zone * 60; /* as if it were UTC */
    time_t at = (time_t)local;
    struct tm tm;
    gmtime_r(&at, &tm);
    if (interval == CANDLE_1S)
        return local * 1000000 - zone * MINUTE_US;
    if (interval <= CANDLE_1D) {
        int32_t of_day = tm.tm_hour * 60 + tm.tm_min;
        of_day -= of_day % minutes[interval];
        tm.tm_hour = of_day / 60;
        tm.tm_min = of_day % 60;
        tm.tm_sec = 0;
        return ((int64_t)timegm(&tm) - zone * 60) * 1000000;
    }
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    if (interval == CANDLE_1W)
        tm.tm_mday -= (tm.tm_wday + 6) % 7;
    else if (interval == CANDLE_1MO)
        tm.tm_mday = 1;
    int64_t day = timegm(&tm);
    while (interval == CANDLE_3D && day / 86400 % 3 != 0)
        day -= 86400;
    return (day - zone * 60) * 1000000;
}

/* Goal: a candle begins where the calendar says, in every zone. Method: random times between 1971
 * and 2099, all intervals, against the C library's calendar. */
Test(candle, begins_where_the_calendar_says)
{
    for (uint64_t i = 0; i < 20000; i++) {
        int64_t ts = (int64_t)(365 * DAY_US + hash_mix(i) % (uint64_t)(128 * 365 * DAY_US));
        int32_t zone = zones[i % ZONES];
        for (uint32_t k = 0; k < CANDLE_INTERVALS; k++) {
            enum candle_interval interval = (enum candle_interval)k;
            int64_t open = candle_open_us(interval, ts, zone);
            cr_assert_eq(open, naive_open(interval, ts, zone), "%s of %ld in %d", candle_name(k),
                         ts, zone);
        }
    }
}

/* Goal: candles touch and do not overlap. Method: the next one's beginning is a beginning, and the
 * microsecond before it belongs to this one. */
Test(candle, ends_where_the_next_begins)
{
    for (uint64_t i = 0; i < 20000; i++) {
        int64_t ts = (int64_t)(hash_mix(i) % (uint64_t)(80 * 365 * DAY_US));
        int32_t zone = zones[i % ZONES];
        for (uint32_t k = 0; k < CANDLE_INTERVALS; k++) {
            enum candle_interval interval = (enum candle_interval)k;
            int64_t open = candle_open_us(interval, ts, zone);
            int64_t next = candle_next_us(interval, open, zone);
            cr_assert(open <= ts && ts < next);
            cr_assert_eq(candle_open_us(interval, next, zone), next);
            cr_assert_eq(candle_open_us(interval, next - 1, zone), open);
        }
    }
}

/* Goal: names are Binance's, in their case. Method: all of them there and back, and others. */
Test(candle, names)
{
    enum candle_interval found;
    for (uint32_t k = 0; k < CANDLE_INTERVALS; k++) {
        const char *name = candle_name((enum candle_interval)k);
        cr_assert(candle_of_name(name, strlen(name), &found));
        cr_assert_eq(found, k);
    }
    cr_assert(candle_of_name("1M", 2, &found) && found == CANDLE_1MO);
    cr_assert(candle_of_name("1m", 2, &found) && found == CANDLE_1M);
    cr_assert_not(candle_of_name("1W", 2, &found));
    cr_assert_not(candle_of_name("", 0, &found));
    cr_assert_not(candle_of_name("1mo", 3, &found));
}

/* Goal: adding keeps the beginning and the open, an empty one adds nothing. */
Test(candle, adds_up)
{
    struct candle sum = {.open_us = 5};
    const struct candle empty = {.open_us = 7, .open = 9, .high = 9, .low = 9, .close = 9};
    const struct candle first = {.open_us = 10,
                                 .open = 4,
                                 .high = 6,
                                 .low = 3,
                                 .close = 5,
                                 .base_lots = 7,
                                 .quote_atoms = 8,
                                 .taker_base_lots = 1,
                                 .taker_quote_atoms = 2,
                                 .first_trade = 1,
                                 .last_trade = 2,
                                 .trades = 2};
    struct candle second = first;
    second.high = 9;
    second.close = 1;
    second.low = 1;
    second.first_trade = second.last_trade = 3;
    second.trades = 1;
    candle_add(&sum, &empty);
    cr_assert_eq(sum.open, 0);
    candle_add(&sum, &first);
    candle_add(&sum, &empty);
    candle_add(&sum, &second);
    cr_assert_eq(sum.open_us, 5);
    cr_assert(sum.open == 4 && sum.high == 9 && sum.low == 1 && sum.close == 1);
    cr_assert(sum.base_lots == 14 && sum.quote_atoms == 16 && sum.taker_base_lots == 2 &&
              sum.taker_quote_atoms == 4);
    cr_assert(sum.first_trade == 1 && sum.last_trade == 3 && sum.trades == 3);
}
