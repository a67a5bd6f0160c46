/* render_keys.h - members of JSON objects: `"name":value` behind a comma where one is due.
 *
 * Thread:  the owner's of the text. Only for the files that render.
 */
#ifndef RENDER_KEYS_H
#define RENDER_KEYS_H

#include "http/render.h"

/* `name` is a literal wherever it is called from: inlined, its length and its bytes are known. */
__attribute__((always_inline)) static inline void key(struct text *out, const char *name)
{
    size_t length = strlen(name);
    text_reserve(out, length + 4);
    char *at = out->data + out->length;
    if (out->length && at[-1] != '{')
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name, length);
    memcpy(at + length, "\":", 2);
    out->length = (size_t)(at + length + 2 - out->data);
}

__attribute__((always_inline)) static inline void key_text(struct text *out, const char *name,
                                                           const char *value)
{
    key(out, name);
    text_add(out, "\"", 1);
    text_str(out, value);
    text_add(out, "\"", 1);
}

__attribute__((always_inline)) static inline void key_amount(struct text *out, const char *name,
                                                             int64_t atoms)
{
    key(out, name);
    text_amount(out, atoms);
}

__attribute__((always_inline)) static inline void key_u64(struct text *out, const char *name,
                                                          uint64_t value)
{
    key(out, name);
    text_u64(out, value);
}

__attribute__((always_inline)) static inline void key_bool(struct text *out, const char *name,
                                                           bool value)
{
    key(out, name);
    text_str(out, value ? "true" : "false");
}

__attribute__((always_inline)) static inline void
key_time(const struct call *call, struct text *out, const char *name, int64_t us)
{
    key(out, name);
    render_time(call, out, us);
}

__attribute__((always_inline)) static inline void key_name(struct text *out, const char *name,
                                                           const char value[SYMBOL_NAME_MAX])
{
    key(out, name);
    text_quoted(out, value, strnlen(value, SYMBOL_NAME_MAX));
}

#endif
