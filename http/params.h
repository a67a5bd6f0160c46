/* params.h - the parameters of a request: query string and form body, or the `params` object of a
 * WebSocket request, decoded once, duplicates known.
 *
 * Thread:  any; a struct params is its caller's.
 * Rules:   the query wins over the body; the same name twice in one part is an error; names and
 * values are percent-decoded ('+' is a space), broken escapes are an error. What was signed is the
 * raw text, query directly followed by body, without the `signature` pair (API §1.9); of a
 * WebSocket request, name=value sorted by name and joined with '&', without `signature` (API §1.8).
 */
#ifndef PARAMS_H
#define PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PARAMS_MAX = 48, PARAMS_TEXT_MAX = 20480 };

struct param {
    const char *name, *value;
    uint16_t name_length, value_length;
    bool in_body, read;
};

enum params_status {
    PARAMS_OK,
    PARAMS_TOO_MANY,
    PARAMS_DUPLICATE,
    PARAMS_BAD_ENCODING,
    PARAMS_TOO_LONG,
    PARAMS_BAD_VALUE
};

struct json_node;

struct params {
    struct param item[PARAMS_MAX];
    uint32_t count;
    uint64_t marks; /* params_mark() of each name there has been: most absent ones cost one look */
    const char *wrong; /* DUPLICATE, BAD_VALUE: the name */
    uint16_t wrong_length;
    /* the signed text: up to four pieces */
    const char *piece[4];
    size_t piece_length[4];
    uint32_t pieces;
    char text[PARAMS_TEXT_MAX];
    uint32_t text_length;
};

/* Reads query (without '?') and body. Both stay the caller's and must outlive the params. */
enum params_status params_read(struct params *params, const char *query, size_t query_length,
                               const char *body, size_t body_length);

/* Reads the object (json.h), one of `nodes`; NULL: no parameters. A value is its text: a string's
 * content, a number as it was sent, true or false, nothing for null; an array of those is written
 * as a query would have it, ["A","B"], and what holds containers is PARAMS_BAD_VALUE. Nodes and
 * their text must outlive the params. */
enum params_status params_read_json(struct params *params, const struct json_node *nodes,
                                    const struct json_node *object);

/* Takes the parameter out, as if it had not been sent; false when it was not. */
bool params_take(struct params *params, const char *name, struct param *taken);

static inline uint64_t params_mark(const char *name, size_t length)
{
    unsigned ends = length ? (unsigned char)name[0] + 5u * (unsigned char)name[length - 1] : 0;
    return UINT64_C(1) << (ends + 11 * length) % 64;
}

/* The parameter, marked as read, or NULL. */
const struct param *params_find(struct params *params, const char *name, size_t length);

static inline const struct param *params_get(struct params *params, const char *name)
{
    size_t length = strlen(name);
    return params->marks & params_mark(name, length) ? params_find(params, name, length) : NULL;
}

/* How many parameters nobody asked for. */
uint32_t params_unread(const struct params *params);

#endif
