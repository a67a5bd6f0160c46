#include "http/params.h"

#include <string.h>

#include "http/json.h"
#include "http/text.h"
#include "runtime/check.h"

/* Most parts need no decoding: names and values stay where they are. */
static bool is_plain(const char *in, size_t length)
{
    return !memchr(in, '%', length) && !memchr(in, '+', length) && !memchr(in, '\0', length);
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
            int byte = percent_byte(in + i, length - i);
            if (byte < 0)
                return false;
            c = (char)byte;
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
    if (!(params->marks & params_mark(name, length)))
        return NULL;
    for (uint32_t i = 0; i < params->count; i++)
        if (params->item[i].name_length == length && /* the first letter tells most apart */
            (length == 0 || params->item[i].name[0] == name[0]) &&
            memcmp(params->item[i].name, name, length) == 0)
            return &params->item[i];
    return NULL;
}

static enum params_status add_pair(struct params *params, const char *pair, size_t length,
                                   bool plain, bool in_body)
{
    const char *equals = memchr(pair, '=', length), *value = equals ? equals + 1 : pair + length;
    size_t name_length = equals ? (size_t)(equals - pair) : length;
    size_t value_length = (size_t)(pair + length - value);
    struct param param = {.name = pair,
                          .name_length = (uint16_t)name_length,
                          .value = value,
                          .value_length = (uint16_t)value_length,
                          .in_body = in_body};
    if (!plain && (!decode(params, pair, name_length, &param.name, &param.name_length) ||
                   !decode(params, value, value_length, &param.value, &param.value_length)))
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
    params->marks |= params_mark(param.name, param.name_length);
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
    bool plain = is_plain(text, length);
    for (const char *pair = text; pair < end;) {
        const char *amp = memchr(pair, '&', (size_t)(end - pair));
        const char *pair_end = amp ? amp : end;
        if (pair_end > pair) {
            enum params_status status =
                add_pair(params, pair, (size_t)(pair_end - pair), plain, in_body);
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
    params->marks = 0;
    if (query_length + body_length > PARAMS_TEXT_MAX)
        return PARAMS_TOO_LONG;
    enum params_status status = add_part(params, query, query_length, false);
    return status == PARAMS_OK ? add_part(params, body, body_length, true) : status;
}

/* ---- of JSON ---- */

static bool append(struct params *params, const char *text, size_t length)
{
    if (length > PARAMS_TEXT_MAX - params->text_length)
        return false;
    memcpy(params->text + params->text_length, text, length);
    params->text_length += (uint32_t)length;
    return true;
}

/* Whether the string stands between quotes as it is. */
static bool needs_no_escape(const struct json_node *string)
{
    for (uint32_t i = 0; i < string->length; i++)
        if ((unsigned char)string->text[i] < 0x20 || string->text[i] == '"' ||
            string->text[i] == '\\')
            return false;
    return true;
}

static enum params_status write_array(struct params *params, const struct json_node *array,
                                      struct param *param)
{
    uint32_t start = params->text_length;
    bool room = append(params, "[", 1);
    for (uint32_t i = 1; i <= array->count; i++) { /* plain values: each is one node */
        const struct json_node *value = array + i;
        bool string = value->type == JSON_STRING;
        if (value->type == JSON_ARRAY || value->type == JSON_OBJECT ||
            (string && !needs_no_escape(value)))
            return PARAMS_BAD_VALUE;
        room = room && (i == 1 || append(params, ",", 1)) && (!string || append(params, "\"", 1)) &&
               append(params, value->text, value->length) && (!string || append(params, "\"", 1));
    }
    if (!room || !append(params, "]", 1))
        return PARAMS_TOO_LONG;
    param->value = params->text + start;
    param->value_length = (uint16_t)(params->text_length - start);
    return PARAMS_OK;
}

static bool comes_before(const struct param *x, const struct param *y)
{
    uint16_t common = x->name_length < y->name_length ? x->name_length : y->name_length;
    int order = memcmp(x->name, y->name, common);
    return order < 0 || (order == 0 && x->name_length < y->name_length);
}

/* At its place in the order of names. They are few, and nothing is allocated. */
static void insert_sorted(struct params *params, const struct param *param)
{
    uint32_t at = params->count++;
    params->marks |= params_mark(param->name, param->name_length);
    for (; at > 0 && comes_before(param, &params->item[at - 1]); at--)
        params->item[at] = params->item[at - 1];
    params->item[at] = *param;
}

static enum params_status add_member(struct params *params, const struct json_node *name)
{
    const struct json_node *value = name + 1;
    enum params_status status = PARAMS_OK;
    if (name->length > UINT16_MAX || value->length > UINT16_MAX)
        return PARAMS_TOO_LONG;
    struct param param = {.name = name->text, .name_length = (uint16_t)name->length, .value = ""};
    if (value->type == JSON_ARRAY) {
        status = write_array(params, value, &param);
    } else if (value->type == JSON_OBJECT) {
        status = PARAMS_BAD_VALUE;
    } else if (value->type != JSON_NULL) {
        param.value = value->text;
        param.value_length = (uint16_t)value->length;
    }
    if (status == PARAMS_OK && params->count == PARAMS_MAX)
        status = PARAMS_TOO_MANY;
    if (status == PARAMS_OK)
        insert_sorted(params, &param);
    params->wrong = param.name;
    params->wrong_length = param.name_length;
    return status;
}

static bool is_signature(const struct param *param)
{
    static const char name[] = "signature";
    return param->name_length == sizeof name - 1 && memcmp(param->name, name, sizeof name - 1) == 0;
}

/* What must have been signed, of parameters that are sorted. */
static bool write_signed(struct params *params)
{
    uint32_t start = params->text_length;
    for (uint32_t i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        if (is_signature(param))
            continue;
        if ((params->text_length > start && !append(params, "&", 1)) ||
            !append(params, param->name, param->name_length) || !append(params, "=", 1) ||
            !append(params, param->value, param->value_length))
            return false;
    }
    add_piece(params, params->text + start, params->text_length - start);
    return true;
}

enum params_status params_read_json(struct params *params, const struct json_node *nodes,
                                    const struct json_node *object)
{
    params->count = params->pieces = params->text_length = 0;
    params->marks = 0;
    if (!object)
        return PARAMS_OK;
    ASSERT(object->type == JSON_OBJECT);
    for (uint32_t i = (uint32_t)(object - nodes) + 1; i < object->next; i = nodes[i + 1].next) {
        enum params_status status = add_member(params, &nodes[i]);
        if (status != PARAMS_OK)
            return status;
    }
    return write_signed(params) ? PARAMS_OK : PARAMS_TOO_LONG;
}

bool params_take(struct params *params, const char *name, struct param *taken)
{
    struct param *param = find(params, name, strlen(name));
    if (!param)
        return false;
    *taken = *param;
    size_t behind = (size_t)(&params->item[params->count] - (param + 1));
    memmove(param, param + 1, behind * sizeof *param);
    params->count--;
    return true;
}

const struct param *params_find(struct params *params, const char *name, size_t length)
{
    struct param *param = find(params, name, length);
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
