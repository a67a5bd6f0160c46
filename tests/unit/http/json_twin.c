#include "tests/unit/http/json_twin.h"

#include <jansson.h>

#include "http/text.h"
#include "runtime/check.h"

static void show_string(struct text *out, const char *string, size_t length)
{
    text_format(out, "s%zu:", length);
    text_add(out, string, length);
}

static void show(struct text *out, struct json_twin_size *size, const json_t *value, uint32_t depth)
{
    size_t index;
    const char *key;
    json_t *each;
    bool container = json_is_array(value) || json_is_object(value);
    size->nodes++;
    if (container && ++depth > size->depth)
        size->depth = depth;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        text_format(out, "o%zu ", json_object_size(value));
        if (json_object_size(value) > size->members)
            size->members = (uint32_t)json_object_size(value);
        json_object_foreach((json_t *)value, key, each)
        {
            size->nodes++;
            show_string(out, key, strlen(key));
            show(out, size, each, depth);
        }
        return;
    case JSON_ARRAY:
        text_format(out, "a%zu ", json_array_size(value));
        json_array_foreach(value, index, each) show(out, size, each, depth);
        return;
    case JSON_STRING:
        show_string(out, json_string_value(value), json_string_length(value));
        return;
    case JSON_INTEGER:
        text_format(out, "i%lld ", json_integer_value(value));
        return;
    case JSON_REAL:
        text_format(out, "r%.17g ", json_real_value(value));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        text_str(out, json_is_true(value) ? "t" : "f");
        return;
    default:
        text_str(out, "n");
    }
}

enum json_twin json_twin_read(const char *text, size_t length, struct text *out,
                              struct json_twin_size *size)
{
    json_error_t error;
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return json_error_code(&error) == json_error_numeric_overflow ? JSON_TWIN_CANNOT
                                                                      : JSON_TWIN_REFUSES;
    show(out, size, value, 0);
    json_decref(value);
    return JSON_TWIN_READS;
}
