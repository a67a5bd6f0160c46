/* text.h - a growing text that answers are written into, JSON mostly.
 *
 * Thread:  the owner's. Memory: kept and reused; grows by doubling, off the order path's shards.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    char *data;
    size_t length, room;
};

/* Makes room for `more` bytes behind what is there. */
void text_grow(struct text *text, size_t more);

static inline void text_reserve(struct text *text, size_t more)
{
    if (__builtin_expect(text->room - text->length < more, 0))
        text_grow(text, more);
}

/* Inline, so that copying a literal is a store or two. */
static inline void text_add(struct text *text, const char *data, size_t length)
{
    text_reserve(text, length);
    if (length)
        memcpy(text->data + text->length, data, length);
    text->length += length;
}

/* A terminated string. */
static inline void text_str(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

__attribute__((format(printf, 2, 3))) void text_format(struct text *text, const char *format, ...);
void text_u64(struct text *text, uint64_t value);
/* An amount with all 8 decimals, in quotes. */
void text_amount(struct text *text, int64_t atoms);
/* The same for a sum of amounts, which may be below zero and pass int64. */
void text_sum(struct text *text, __int128 atoms);
/* The same with so many decimals, 1 to 20: value / 10^decimals. */
void text_decimal(struct text *text, __int128 value, uint32_t decimals);
/* A JSON string with quotes and escapes; U+FFFD stands for each byte that is no UTF-8. */
void text_quoted(struct text *text, const char *data, size_t length);
/* 0 to 15, or -1. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the URL escape at the front, "%41", stands for; -1 when there is none. */
static inline int percent_byte(const char *at, size_t left)
{
    int high = left > 2 && *at == '%' ? hex_digit(at[1]) : -1;
    int low = high >= 0 ? hex_digit(at[2]) : -1;
    return low >= 0 ? high << 4 | low : -1;
}

/* Bytes of the UTF-8 character at `at`, where at least one is left; 0 when there is none (RFC 3629:
 * nothing overlong, no surrogate, nothing above U+10FFFF). Thread: any. */
size_t text_utf8(const char *at, size_t left);

#endif
