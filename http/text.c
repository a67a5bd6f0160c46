#include "http/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/money.h"
#include "runtime/check.h"

static void reserve(struct text *text, size_t more)
{
    if (text->room - text->length >= more)
        return;
    while (text->room - text->length < more)
        text->room = text->room ? 2 * text->room : 1024;
    text->data = realloc(text->data, text->room);
    ASSERT(text->data != NULL);
}

void text_add(struct text *text, const char *data, size_t length)
{
    reserve(text, length);
    if (length)
        memcpy(text->data + text->length, data, length);
    text->length += length;
}

void text_str(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
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
    char digits[MONEY_TEXT_MAX];
    text_add(text, "\"", 1);
    text_add(text, digits, money_format(atoms, digits));
    text_add(text, "\"", 1);
}

/* Bytes of the UTF-8 character at `at`, 0 when there is none (RFC 3629: nothing overlong, no
 * surrogate, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *at, size_t left)
{
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

void text_quoted(struct text *text, const char *data, size_t length)
{
    text_add(text, "\"", 1);
    for (size_t i = 0, more; i < length; i += more ? more : 1) {
        unsigned char c = (unsigned char)data[i];
        more = utf8_length((const unsigned char *)data + i, length - i);
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
