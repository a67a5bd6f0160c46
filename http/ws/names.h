/* names.h - the names of market streams (API §1.6), and what they ask for.
 *
 * Thread:  any. Pure.
 */
#ifndef WS_NAMES_H
#define WS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/candle.h"
#include "actors/msg/request.h"

enum stream_type {
    STREAM_TRADE,
    STREAM_AGG_TRADE,
    STREAM_BOOK_TICKER,
    STREAM_DEPTH,   /* differences */
    STREAM_PARTIAL, /* the best levels */
    STREAM_KLINE,
    STREAM_MINI_TICKER,
    STREAM_TICKER,
    STREAM_WINDOW, /* a ticker of some hours */
    STREAM_AVG_PRICE,
    STREAM_ALL_MINI_TICKERS, /* of all symbols: these have none themselves */
    STREAM_ALL_WINDOWS,
};

enum stream_pace { PACE_NOW, PACE_100MS, PACE_1S, PACE_2S, PACES };

enum { STREAM_NAME_MAX = 64 }; /* bytes; the longest known one has about 40 */

struct stream_name {
    enum stream_type type;
    enum stream_pace pace;
    char symbol[SYMBOL_NAME_MAX];  /* in capitals, as symbols are named elsewhere */
    uint32_t levels;               /* STREAM_PARTIAL */
    uint32_t hours;                /* STREAM_WINDOW, STREAM_ALL_WINDOWS */
    enum candle_interval interval; /* STREAM_KLINE */
    int32_t zone_minutes;
    uint32_t spelling; /* tells names of the same stream apart, which its events repeat */
};

/* Reads a name; false when no stream is called so. Whether the symbol exists is not asked. */
bool stream_name_read(const char *text, size_t length, struct stream_name *out);

#endif
