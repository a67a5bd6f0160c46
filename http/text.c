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

void text_quoted(struct text *text, const char *data, size_t length)
{
    text_add(text, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '"' || c == '\\')
            text_format(text, "\\%c", c);
        else if (c < 0x20)
            text_format(text, "\\u%04x", c);
        else
            text_add(text, data + i, 1);
    }
    text_add(text, "\"", 1);
}
