/* json_twin.h - our reader of JSON against jansson, an independent one.
 *
 * Thread:  any.
 */
#ifndef JSON_TWIN_H
#define JSON_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;

enum json_twin { JSON_TWIN_REFUSES, JSON_TWIN_READS, JSON_TWIN_CANNOT /* hold such a number */ };

struct json_twin_size {
    uint32_t nodes, depth, members; /* members: of the object that has most */
};

/* What jansson reads, written to `out` value by value, and how much that is. The names of its types
 * are those of json.h, so the two live in files of their own. */
enum json_twin json_twin_read(const char *text, size_t length, struct text *out,
                              struct json_twin_size *size);

/* Both read the text; stops the process when they do not agree on whether it is JSON, or on what it
 * says. Returns whether it is. */
bool json_check(const char *text, size_t length);

#endif
