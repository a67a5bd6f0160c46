/* json.h - reading JSON texts of clients: a flat list of nodes over the text, nothing allocated.
 *
 * Thread:  any; text and nodes are the caller's.
 * Memory:  the nodes point into the text, which is changed in place: escapes are resolved.
 * Refused: what RFC 8259 does not allow, broken UTF-8, lone surrogates, \u0000, a name twice in one
 * object, more than JSON_MEMBERS_MAX of them, and more than JSON_DEPTH_MAX containers in each
 * other.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 16, JSON_MEMBERS_MAX = 64 };

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* In document order: a container is followed by all that is in it, an object's members are name (a
 * STRING), value, name, value. */
struct json_node {
    enum json_type type;
    const char
        *text; /* NUMBER: as sent; STRING: unescaped, without a NUL; containers: where they
                * stand (strings in them are unescaped already: for their names, read nodes) */
    uint32_t length;
    uint32_t count; /* containers: elements, or members */
    uint32_t next;  /* index right behind this node and all in it */
};

/* Parses one JSON text in place; nodes[0] is its value. Returns the number of nodes, 0 when it is
 * not JSON as above or has more than `max` of them.
 * Cost: O(length). */
uint32_t json_parse(char *text, size_t length, struct json_node *nodes, uint32_t max);

/* The value of a member of `object`, which is one of `nodes`, or NULL. */
const struct json_node *json_member(const struct json_node *nodes, const struct json_node *object,
                                    const char *name);

/* Whether the node is a string of this text. */
bool json_is(const struct json_node *node, const char *text);

#endif
