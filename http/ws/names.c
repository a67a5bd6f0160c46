#include "http/ws/names.h"

#include <string.h>

static const struct {
    const char *text;
    enum stream_type type;
    enum stream_pace pace;
    uint32_t levels;
} kinds[] = {
    {"trade", STREAM_TRADE, PACE_NOW, 0},
    {"bookTicker", STREAM_BOOK_TICKER, PACE_NOW, 0},
    {"depth", STREAM_DEPTH, PACE_1S, 0},
    {"depth@100ms", STREAM_DEPTH, PACE_100MS, 0},
    {"depth5", STREAM_PARTIAL, PACE_1S, 5},
    {"depth10", STREAM_PARTIAL, PACE_1S, 10},
    {"depth20", STREAM_PARTIAL, PACE_1S, 20},
    {"depth5@100ms", STREAM_PARTIAL, PACE_100MS, 5},
    {"depth10@100ms", STREAM_PARTIAL, PACE_100MS, 10},
    {"depth20@100ms", STREAM_PARTIAL, PACE_100MS, 20},
};

/* Symbols are in small letters here and in capitals elsewhere; bytes beyond ASCII stay. */
static bool read_symbol(const char *text, size_t length, char out[SYMBOL_NAME_MAX])
{
    if (length == 0 || length >= SYMBOL_NAME_MAX)
        return false;
    memset(out, 0, SYMBOL_NAME_MAX);
    for (size_t i = 0; i < length; i++) {
        if (text[i] >= 'A' && text[i] <= 'Z')
            return false;
        out[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
    }
    return true;
}

bool stream_name_read(const char *text, size_t length, struct stream_name *out)
{
    const char *at = memchr(text, '@', length);
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
        return true;
    }
    return false;
}
