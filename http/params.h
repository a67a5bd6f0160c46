/* params.h - the parameters of a request: query string and form body, decoded once, duplicates
 * known.
 *
 * Thread:  any; a struct params is its caller's.
 * Rules:   the query wins over the body; the same name twice in one part is an error; names and
 * values are percent-decoded ('+' is a space), broken escapes are an error. What was signed is the
 * raw text, query directly followed by body, without the `signature` pair (API §1.9).
 */
#ifndef PARAMS_H
#define PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    PARAMS_TOO_LONG
};

struct params {
    struct param item[PARAMS_MAX];
    uint32_t count;
    const char *wrong; /* DUPLICATE: the name */
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

/* The parameter, marked as read, or NULL. */
const struct param *params_get(struct params *params, const char *name);

/* How many parameters nobody asked for. */
uint32_t params_unread(const struct params *params);

#endif
