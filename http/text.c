#include "http/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/money.h"
#include "runtime/check.h"

void text_grow(struct text *text, size_t more)
{
    while (text->room - text->length < more)
        text->room = text->room ? 2 * text->room : 1024;
    text->data = realloc(text->data, text->room);
    ASSERT(text->data != NULL);
}

void text_format(struct text *text, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ASSERT(length >= 0 && (size_t)length < sizeof line);
    text_add(text, line, (size_t)length);
}

void text_u64(struct text *text, uint64_t value)
{
    char digits[20];
    uint32_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    text_add(text, digits + at, sizeof digits - at);
}

void text_amount(struct text *text, int64_t atoms)
{
    text_reserve(text, MONEY_TEXT_MAX + 2);
    char *at = text->data + text->length;
    uint32_t length = money_format(atoms, at + 1);
    at[0] = at[length + 1] = '"';
    text->length += length + 2;
}

void text_decimal(struct text *text, __int128 value, uint32_t decimals)
{
    char digits[64];
    uint32_t at = sizeof digits, count = 0;
    unsigned __int128 left = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    digits[--at] = '"';
    for (; left || count <= decimals; count++, left /= 10) {
        if (count == decimals)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(left % 10));
    }
    if (value < 0)
        digits[--at] = '-';
    digits[--at] = '"';
    text_add(text, digits + at, sizeof digits - at);
}

void text_sum(struct text *text, __int128 atoms)
{
    text_decimal(text, atoms, MONEY_DECIMALS);
}

size_t text_utf8(const char *data, size_t left)
{
    const unsigned char *at = (const unsigned char *)data;
    unsigned char lead = at[0];
    size_t length = lead < 0x80                   ? 1
                    : lead >= 0xC2 && lead < 0xE0 ? 2
                    : lead >= 0xE0 && lead < 0xF0 ? 3
                    : lead >= 0xF0 && lead < 0xF5 ? 4
                                                  : 0;
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    bool bad = (lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] >= 0xA0) ||
               (lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] >= 0x90);
    return bad ? 0 : length;
}

/* How many bytes from the first on need neither an escape nor a look at UTF-8: in names and ids,
 * all.
 */
static size_t plain_length(const char *data, size_t length)
{
    size_t plain = 0;
    while (plain < length && data[plain] >= 0x20 && data[plain] < 0x7F && data[plain] != '"' &&
           data[plain] != '\\')
        plain++;
    return plain;
}

void text_quoted(struct text *text, const char *data, size_t length)
{
    size_t plain = plain_length(data, length);
    text_add(text, "\"", 1);
    text_add(text, data, plain);
    for (size_t i = plain, more; i < length; i += more ? more : 1) {
        unsigned char c = (unsigned char)data[i];
        more = text_utf8(data + i, length - i);
        if (more == 0)
            text_str(text, "\xEF\xBF\xBD");
        else if (c == '"' || c == '\\')
            text_format(text, "\\%c", c);
        else if (c < 0x20)
            text_format(text, "\\u%04x", c);
        else
            text_add(text, data + i, more);
    }
    text_add(text, "\"", 1);
}
