#include "actors/candle.h"

#include <string.h>

#include "runtime/check.h"

static const struct {
    const char *name;
    int64_t length_us; /* 0: a month */
} intervals[CANDLE_INTERVALS] = {
    [CANDLE_1S] = {"1s", SECOND_US},        [CANDLE_1M] = {"1m", MINUTE_US},
    [CANDLE_3M] = {"3m", 3 * MINUTE_US},    [CANDLE_5M] = {"5m", 5 * MINUTE_US},
    [CANDLE_15M] = {"15m", 15 * MINUTE_US}, [CANDLE_30M] = {"30m", 30 * MINUTE_US},
    [CANDLE_1H] = {"1h", 60 * MINUTE_US},   [CANDLE_2H] = {"2h", 120 * MINUTE_US},
    [CANDLE_4H] = {"4h", 240 * MINUTE_US},  [CANDLE_6H] = {"6h", 360 * MINUTE_US},
    [CANDLE_8H] = {"8h", 480 * MINUTE_US},  [CANDLE_12H] = {"12h", 720 * MINUTE_US},
    [CANDLE_1D] = {"1d", DAY_US},           [CANDLE_3D] = {"3d", 3 * DAY_US},
    [CANDLE_1W] = {"1w", 7 * DAY_US},       [CANDLE_1MO] = {"1M", 0},
};

const char *candle_name(enum candle_interval interval)
{
    ASSERT(interval < CANDLE_INTERVALS);
    return intervals[interval].name;
}

bool candle_of_name(const char *text, size_t length, enum candle_interval *out)
{
    for (uint32_t i = 0; i < CANDLE_INTERVALS; i++)
        if (strlen(intervals[i].name) == length && memcmp(intervals[i].name, text, length) == 0) {
            *out = (enum candle_interval)i;
            return true;
        }
    return false;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- months of the Gregorian calendar, by eras of 400 years of 146,097 days; a year is taken to
 * begin in March, so that the leap day is its last ---- */

/* The day, since 1970-01-01, on which month `month` (0 is January 1970) begins. */
static int64_t month_to_day(int64_t month)
{
    int64_t shifted = 12 * 1970 + month - 2; /* since March of the year 0 */
    int64_t year = floor_div(shifted, 12), of_year = shifted - 12 * year;
    int64_t era = floor_div(year, 400), of_era = year - 400 * era;
    return 146097 * era + 365 * of_era + of_era / 4 - of_era / 100 + (153 * of_year + 2) / 5 -
           719468; /* days from 0000-03-01 to 1970-01-01 */
}

static int64_t month_of_day(int64_t day)
{
    int64_t month = floor_div(day * 4800, 146097); /* months are that long in the mean */
    while (month_to_day(month) > day)
        month--;
    while (month_to_day(month + 1) <= day)
        month++;
    return month;
}

int64_t candle_open_us(enum candle_interval interval, int64_t ts_us, int32_t zone_minutes)
{
    ASSERT(interval < CANDLE_INTERVALS);
    int64_t zone = zone_minutes * MINUTE_US, length = intervals[interval].length_us;
    if (length == 0)
        return DAY_US * month_to_day(month_of_day(floor_div(ts_us + zone, DAY_US))) - zone;
    if (interval == CANDLE_1W) /* 1970-01-01 was a Thursday */
        zone += 3 * DAY_US;
    return floor_div(ts_us + zone, length) * length - zone;
}

int64_t candle_next_us(enum candle_interval interval, int64_t open_us, int32_t zone_minutes)
{
    int64_t zone = zone_minutes * MINUTE_US, length = intervals[interval].length_us;
    if (length)
        return open_us + length;
    return DAY_US * month_to_day(month_of_day(floor_div(open_us + zone, DAY_US)) + 1) - zone;
}

void candle_add(struct candle *into, const struct candle *more)
{
    if (!more->trades)
        return;
    if (!into->trades) {
        int64_t open_us = into->open_us;
        *into = *more;
        into->open_us = open_us;
        return;
    }
    into->high = more->high > into->high ? more->high : into->high;
    into->low = more->low < into->low ? more->low : into->low;
    into->close = more->close;
    into->base_lots += more->base_lots;
    into->quote_atoms += more->quote_atoms;
    into->taker_base_lots += more->taker_base_lots;
    into->taker_quote_atoms += more->taker_quote_atoms;
    into->last_trade = more->last_trade;
    into->trades += more->trades;
}
