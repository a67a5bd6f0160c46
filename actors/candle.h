/* candle.h - candles of the 16 intervals: when they begin and how they add up.
 *
 * Thread:  any. Memory: none. Pure: no clock.
 * Units:   prices in ticks, quantities in lots, quote amounts in atoms, times in Unix us.
 * Source:  Binance's klines: weeks begin on Monday, months by the calendar, 3d is counted from
 *          1970-01-01; each in a time zone of so many minutes east of UTC.
 */
#ifndef CANDLE_H
#define CANDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum candle_interval {
    CANDLE_1S,
    CANDLE_1M,
    CANDLE_3M,
    CANDLE_5M,
    CANDLE_15M,
    CANDLE_30M,
    CANDLE_1H,
    CANDLE_2H,
    CANDLE_4H,
    CANDLE_6H,
    CANDLE_8H,
    CANDLE_12H,
    CANDLE_1D,
    CANDLE_3D,
    CANDLE_1W,
    CANDLE_1MO,
    CANDLE_INTERVALS
};

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

/* What was traded from open_us on. With trades == 0 it is empty: then all its prices are those of
 * the last trade before it, where that is known, else 0. */
struct candle {
    int64_t open_us, open, high, low, close;
    uint64_t first_trade, last_trade, trades;
    __int128 base_lots, quote_atoms, taker_base_lots, taker_quote_atoms; /* taker: a buyer's */
};
_Static_assert(sizeof(struct candle) == 128, "two cache lines: views keep thousands a symbol");

/* "1s", ..., "1w", "1M". */
const char *candle_name(enum candle_interval interval);
bool candle_of_name(const char *text, size_t length, enum candle_interval *out);

/* Beginning of the candle that holds ts_us. Expects: zone_minutes within a day. */
int64_t candle_open_us(enum candle_interval interval, int64_t ts_us, int32_t zone_minutes);
/* Beginning of the one behind the candle that begins at open_us. */
int64_t candle_next_us(enum candle_interval interval, int64_t open_us, int32_t zone_minutes);

/* Adds what was traded later, within the same candle; an empty `more` adds nothing. */
void candle_add(struct candle *into, const struct candle *more);

#endif
