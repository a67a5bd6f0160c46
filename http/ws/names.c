#include "http/ws/names.h"

#include <string.h>

#include "actors/market_stats.h"

static const struct {
    const char *text;
    enum stream_type type;
    enum stream_pace pace;
    uint32_t levels;
} kinds[] = {
    {"trade", STREAM_TRADE, PACE_NOW, 0},
    {"aggTrade", STREAM_AGG_TRADE, PACE_NOW, 0},
    {"bookTicker", STREAM_BOOK_TICKER, PACE_NOW, 0},
    {"depth", STREAM_DEPTH, PACE_1S, 0},
    {"depth@100ms", STREAM_DEPTH, PACE_100MS, 0},
    {"depth@1000ms", STREAM_DEPTH, PACE_1S, 0},
    {"depth5", STREAM_PARTIAL, PACE_1S, 5},
    {"depth10", STREAM_PARTIAL, PACE_1S, 10},
    {"depth20", STREAM_PARTIAL, PACE_1S, 20},
    {"depth5@100ms", STREAM_PARTIAL, PACE_100MS, 5},
    {"depth10@100ms", STREAM_PARTIAL, PACE_100MS, 10},
    {"depth20@100ms", STREAM_PARTIAL, PACE_100MS, 20},
    {"depth5@1000ms", STREAM_PARTIAL, PACE_1S, 5},
    {"depth10@1000ms", STREAM_PARTIAL, PACE_1S, 10},
    {"depth20@1000ms", STREAM_PARTIAL, PACE_1S, 20},
    {"miniTicker", STREAM_MINI_TICKER, PACE_1S, 0},
    {"ticker", STREAM_TICKER, PACE_1S, 0},
    {"avgPrice", STREAM_AVG_PRICE, PACE_1S, 0},
};

/* Symbols are in small letters here and in capitals elsewhere; bytes beyond ASCII stay. */
static bool read_symbol(const char *text, size_t length, char out[SYMBOL_NAME_MAX])
{
    if (length == 0 || length > SYMBOL_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] >= 'A' && text[i] <= 'Z')
            return false;
        out[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
    }
    return true;
}

/* "kline_1m", "kline_1m@+08:00": that is the one time zone there is, or who asks could have a
 * stream for each minute of the day. */
static bool read_kline(const char *text, size_t length, struct stream_name *out)
{
    static const char start[] = "kline_";
    size_t begin = sizeof start - 1;
    if (length <= begin || memcmp(text, start, begin) != 0)
        return false;
    const char *zone = memchr(text, '@', length);
    size_t end = zone ? (size_t)(zone - text) : length;
    if (!candle_of_name(text + begin, end - begin, &out->interval))
        return false;
    out->type = STREAM_KLINE;
    out->pace = out->interval == CANDLE_1S ? PACE_1S : PACE_2S;
    out->zone_minutes = zone ? STATS_ZONE_MINUTES : 0;
    return !zone || (length - end == 7 && memcmp(zone, "@+08:00", 7) == 0);
}

/* "ticker_1h": there are these widths, beside the 24 hours of "ticker". */
static bool read_window(const char *text, size_t length, struct stream_name *out)
{
    static const struct {
        const char *text;
        uint32_t hours;
    } widths[] = {{"ticker_1h", 1}, {"ticker_4h", 4}, {"ticker_1d", 24}};
    out->type = STREAM_WINDOW;
    out->pace = PACE_1S;
    for (uint32_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if (length == strlen(widths[i].text) && memcmp(text, widths[i].text, length) == 0)
            out->hours = widths[i].hours;
    return out->hours != 0;
}

/* "!miniTicker@arr", "!ticker_1h@arr": of all symbols. */
static bool read_all(const char *text, size_t length, struct stream_name *out)
{
    static const char minis[] = "!miniTicker", end[] = "@arr";
    if (length < sizeof end || *text != '!' ||
        memcmp(text + length - (sizeof end - 1), end, sizeof end - 1) != 0)
        return false;
    length -= sizeof end - 1;
    bool is_window = read_window(text + 1, length - 1, out);
    out->type = is_window ? STREAM_ALL_WINDOWS : STREAM_ALL_MINI_TICKERS;
    return is_window || (length == sizeof minis - 1 && memcmp(text, minis, length) == 0);
}

bool stream_name_read(const char *text, size_t length, struct stream_name *out)
{
    const char *at = memchr(text, '@', length);
    *out = (struct stream_name){0};
    if (read_all(text, length, out))
        return true;
    if (!at || !read_symbol(text, (size_t)(at - text), out->symbol))
        return false;
    const char *kind = at + 1;
    size_t left = length - (size_t)(kind - text);
    for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strlen(kinds[i].text) != left || memcmp(kinds[i].text, kind, left) != 0)
            continue;
        out->type = kinds[i].type;
        out->pace = kinds[i].pace;
        out->levels = kinds[i].levels;
        out->spelling = i;
        return true;
    }
    return read_window(kind, left, out) || read_kline(kind, left, out);
}
