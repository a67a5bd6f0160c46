#include "http/params.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into the params' own text; false for a broken escape, a NUL, or no room. */
static bool decode(struct params *params, const char *in, size_t length, const char **out,
                   uint16_t *out_length)
{
    char *to = params->text + params->text_length, *start = to;
    if (length > PARAMS_TEXT_MAX - params->text_length)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = in[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < length ? hex_digit(in[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(in[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return false;
        *to++ = c;
    }
    *out = start;
    *out_length = (uint16_t)(to - start);
    params->text_length += (uint32_t)(to - start);
    return true;
}

static struct param *find(struct params *params, const char *name, size_t length)
{
    for (uint32_t i = 0; i < params->count; i++)
        if (params->item[i].name_length == length &&
            memcmp(params->item[i].name, name, length) == 0)
            return &params->item[i];
    return NULL;
}

static enum params_status add_pair(struct params *params, const char *pair, size_t length,
                                   bool in_body)
{
    const char *equals = memchr(pair, '=', length);
    size_t name_length = equals ? (size_t)(equals - pair) : length;
    struct param param = {.in_body = in_body};
    if (!decode(params, pair, name_length, &param.name, &param.name_length))
        return PARAMS_BAD_ENCODING;
    const char *value = equals ? equals + 1 : pair + length;
    if (!decode(params, value, (size_t)(pair + length - value), &param.value, &param.value_length))
        return PARAMS_BAD_ENCODING;
    struct param *other = find(params, param.name, param.name_length);
    if (other && other->in_body == in_body) {
        params->wrong = param.name;
        params->wrong_length = param.name_length;
        return PARAMS_DUPLICATE;
    }
    if (other)
        return PARAMS_OK; /* the query came first, and wins */
    if (params->count == PARAMS_MAX)
        return PARAMS_TOO_MANY;
    params->item[params->count++] = param;
    return PARAMS_OK;
}

static void add_piece(struct params *params, const char *text, size_t length)
{
    if (!length)
        return;
    params->piece[params->pieces] = text;
    params->piece_length[params->pieces++] = length;
}

/* One part: its pairs, and its signed text around the signature pair. */
static enum params_status add_part(struct params *params, const char *text, size_t length,
                                   bool in_body)
{
    static const char name[] = "signature=";
    const char *end = text + length, *cut = NULL, *cut_end = NULL;
    for (const char *pair = text; pair < end;) {
        const char *amp = memchr(pair, '&', (size_t)(end - pair));
        const char *pair_end = amp ? amp : end;
        if (pair_end > pair) {
            enum params_status status = add_pair(params, pair, (size_t)(pair_end - pair), in_body);
            if (status != PARAMS_OK)
                return status;
            if ((size_t)(pair_end - pair) >= sizeof name - 1 && !cut &&
                memcmp(pair, name, sizeof name - 1) == 0) {
                cut =
                    pair > text ? pair - 1 : pair; /* with the '&' before it, else the one after */
                cut_end = pair > text || !amp ? pair_end : pair_end + 1;
            }
        }
        pair = amp ? amp + 1 : end;
    }
    add_piece(params, text, cut ? (size_t)(cut - text) : length);
    if (cut)
        add_piece(params, cut_end, (size_t)(end - cut_end));
    return PARAMS_OK;
}

enum params_status params_read(struct params *params, const char *query, size_t query_length,
                               const char *body, size_t body_length)
{
    params->count = params->pieces = params->text_length = 0;
    if (query_length + body_length > PARAMS_TEXT_MAX)
        return PARAMS_TOO_LONG;
    enum params_status status = add_part(params, query, query_length, false);
    return status == PARAMS_OK ? add_part(params, body, body_length, true) : status;
}

const struct param *params_get(struct params *params, const char *name)
{
    struct param *param = find(params, name, strlen(name));
    if (param)
        param->read = true;
    return param;
}

uint32_t params_unread(const struct params *params)
{
    uint32_t unread = 0;
    for (uint32_t i = 0; i < params->count; i++)
        unread += !params->item[i].read;
    return unread;
}
