#include "http/json.h"

#include <string.h>

#include "http/text.h"
#include "runtime/check.h"

struct parser {
    char *at, *end;
    struct json_node *nodes;
    uint32_t count, max, depth;
};

static bool read_value(struct parser *parser);

static void skip_space(struct parser *parser)
{
    while (parser->at < parser->end && (*parser->at == ' ' || *parser->at == '\t' ||
                                        *parser->at == '\n' || *parser->at == '\r'))
        parser->at++;
}

/* Whether `c` comes next; it is taken then. */
static bool take(struct parser *parser, char c)
{
    if (parser->at == parser->end || *parser->at != c)
        return false;
    parser->at++;
    return true;
}

/* The next node; NULL when there are too many. */
static struct json_node *add_node(struct parser *parser, enum json_type type)
{
    if (parser->count == parser->max)
        return NULL;
    struct json_node *node = &parser->nodes[parser->count++];
    *node = (struct json_node){.type = type, .text = parser->at};
    return node;
}

static void close_node(struct parser *parser, struct json_node *node)
{
    node->length = (uint32_t)(parser->at - node->text);
    node->next = parser->count;
}

/* ---- strings ---- */

/* Four hexadecimal digits; -1 when they are not there. */
static int32_t read_unit(struct parser *parser)
{
    int32_t unit = 0;
    if (parser->end - parser->at < 4)
        return -1;
    for (uint32_t i = 0; i < 4; i++) {
        int digit = hex_digit(*parser->at++);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The character behind \u, of two units when it begins with a high surrogate; 0 when it is none. */
static uint32_t read_code_point(struct parser *parser)
{
    int32_t high = read_unit(parser);
    if (high < 0 || (high >= 0xDC00 && high < 0xE000))
        return 0;
    if (high < 0xD800 || high >= 0xE000)
        return (uint32_t)high;
    if (!take(parser, '\\') || !take(parser, 'u'))
        return 0;
    int32_t low = read_unit(parser);
    if (low < 0xDC00 || low >= 0xE000)
        return 0;
    return 0x10000 + ((uint32_t)(high - 0xD800) << 10 | (uint32_t)(low - 0xDC00));
}

/* Never longer than the escape that it was. */
static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

/* What stands behind a backslash, resolved at `to`; NULL when it is no escape. */
static char *read_escape(struct parser *parser, char *to)
{
    static const char from[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    if (parser->at == parser->end)
        return NULL;
    char c = *parser->at++;
    if (c == 'u') {
        uint32_t point = read_code_point(parser);
        return point ? put_utf8(to, point) : NULL;
    }
    const char *found = memchr(from, c, sizeof from - 1);
    if (!found)
        return NULL;
    *to++ = means[found - from];
    return to;
}

/* From behind the opening quote to behind the closing one. */
static bool read_string(struct parser *parser)
{
    struct json_node *node = add_node(parser, JSON_STRING);
    char *to = parser->at;
    if (!node)
        return false;
    while (parser->at < parser->end && *parser->at != '"') {
        size_t bytes = text_utf8(parser->at, (size_t)(parser->end - parser->at));
        if (bytes == 0 || (unsigned char)*parser->at < 0x20)
            return false;
        if (*parser->at == '\\') {
            parser->at++;
            to = read_escape(parser, to);
            if (!to)
                return false;
            continue;
        }
        if (to != parser->at)
            memmove(to, parser->at, bytes);
        to += bytes;
        parser->at += bytes;
    }
    node->length = (uint32_t)(to - node->text);
    node->next = parser->count;
    return take(parser, '"');
}

/* ---- numbers and words ---- */

/* One digit or more. */
static bool skip_digits(struct parser *parser)
{
    const char *begin = parser->at;
    while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9')
        parser->at++;
    return parser->at > begin;
}

static bool read_number(struct parser *parser)
{
    struct json_node *node = add_node(parser, JSON_NUMBER);
    if (!node)
        return false;
    take(parser, '-');
    if (!take(parser, '0') && !skip_digits(parser))
        return false;
    if (take(parser, '.') && !skip_digits(parser))
        return false;
    if (take(parser, 'e') || take(parser, 'E')) {
        if (!take(parser, '+'))
            take(parser, '-');
        if (!skip_digits(parser))
            return false;
    }
    close_node(parser, node);
    return true;
}

static bool read_word(struct parser *parser, enum json_type type, const char *word)
{
    struct json_node *node = add_node(parser, type);
    size_t length = strlen(word);
    if (!node || (size_t)(parser->end - parser->at) < length ||
        memcmp(parser->at, word, length) != 0)
        return false;
    parser->at += length;
    close_node(parser, node);
    return true;
}

/* ---- containers ---- */

/* Whether an earlier member of the object, whose first one is at `first`, has the name too. */
static bool name_taken(const struct json_node *nodes, uint32_t first, uint32_t name)
{
    for (uint32_t i = first; i < name; i = nodes[i + 1].next)
        if (nodes[i].length == nodes[name].length &&
            memcmp(nodes[i].text, nodes[name].text, nodes[i].length) == 0)
            return true;
    return false;
}

/* A name, which nothing before it in the object has, and its colon. */
static bool read_name(struct parser *parser, uint32_t first)
{
    uint32_t name = parser->count;
    skip_space(parser);
    if (!take(parser, '"') || !read_string(parser) || name_taken(parser->nodes, first, name))
        return false;
    skip_space(parser);
    return take(parser, ':');
}

static bool read_container(struct parser *parser, enum json_type type, char close)
{
    struct json_node *node = add_node(parser, type);
    if (!node || ++parser->depth > JSON_DEPTH_MAX)
        return false;
    uint32_t first = parser->count;
    parser->at++; /* the opening bracket */
    skip_space(parser);
    while (!take(parser, close)) {
        if (node->count && !take(parser, ','))
            return false;
        if (type == JSON_OBJECT && (node->count == JSON_MEMBERS_MAX || !read_name(parser, first)))
            return false;
        if (!read_value(parser))
            return false;
        node->count++;
    }
    parser->depth--;
    close_node(parser, node);
    return true;
}

/* A value and the space around it. */
static bool read_value(struct parser *parser)
{
    bool good;
    skip_space(parser);
    if (parser->at == parser->end)
        return false;
    switch (*parser->at) {
    case '{':
        good = read_container(parser, JSON_OBJECT, '}');
        break;
    case '[':
        good = read_container(parser, JSON_ARRAY, ']');
        break;
    case '"':
        parser->at++;
        good = read_string(parser);
        break;
    case 'n':
        good = read_word(parser, JSON_NULL, "null");
        break;
    case 't':
        good = read_word(parser, JSON_TRUE, "true");
        break;
    case 'f':
        good = read_word(parser, JSON_FALSE, "false");
        break;
    default:
        good = read_number(parser);
    }
    skip_space(parser);
    return good;
}

uint32_t json_parse(char *text, size_t length, struct json_node *nodes, uint32_t max)
{
    struct parser parser = {.at = text, .end = text + length, .nodes = nodes, .max = max};
    if (length > UINT32_MAX || !read_value(&parser) || parser.at != parser.end)
        return 0;
    ASSERT(parser.depth == 0 && nodes[0].next == parser.count);
    return parser.count;
}

const struct json_node *json_member(const struct json_node *nodes, const struct json_node *object,
                                    const char *name)
{
    ASSERT(object->type == JSON_OBJECT);
    for (uint32_t i = (uint32_t)(object - nodes) + 1; i < object->next; i = nodes[i + 1].next)
        if (json_is(&nodes[i], name))
            return &nodes[i + 1];
    return NULL;
}

bool json_is(const struct json_node *node, const char *text)
{
    return node->type == JSON_STRING && node->length == strlen(text) &&
           memcmp(node->text, text, node->length) == 0;
}
