#include "http/ws/control.h"

#include <stdio.h>
#include <string.h>

#include "http/json.h"
#include "http/ws/names.h"

struct control {
    struct stream_client *client;
    struct text *out;
    const struct json_node *nodes, *params; /* params: NULL where there are none */
    const struct json_node *id;             /* NULL: it said none */
};

static void put_id(struct text *out, const struct json_node *id)
{
    text_str(out, ",\"id\":");
    if (!id || id->type == JSON_NULL)
        text_str(out, "null");
    else if (id->type == JSON_STRING)
        text_quoted(out, id->text, id->length);
    else
        text_add(out, id->text, id->length);
    text_str(out, "}");
}

static void refuse(struct control *control, const char *code, const char *message)
{
    text_str(control->out, "{\"code\":");
    text_str(control->out, code);
    text_str(control->out, ",\"msg\":");
    text_quoted(control->out, message, strlen(message));
    put_id(control->out, control->id);
}

static void answer(struct control *control, const char *result)
{
    text_str(control->out, "{\"result\":");
    text_str(control->out, result);
    put_id(control->out, control->id);
}

/* ---- the methods ---- */

/* Whether the parameters are a list of names; else it is refused. */
static bool are_names(struct control *control)
{
    const struct json_node *params = control->params;
    if (!params || params->type != JSON_ARRAY) {
        refuse(control, "2", "Invalid request: params must be an array of stream names");
        return false;
    }
    for (uint32_t i = 0; i < params->count; i++)
        if (params[1 + i].type != JSON_STRING) {
            refuse(control, "2", "Invalid request: a stream name must be a string");
            return false;
        }
    return true;
}

/* Whether all of the names can be subscribed to; else none is. */
static bool is_room(struct control *control)
{
    uint32_t more = 0;
    for (uint32_t i = 0; i < control->params->count; i++) {
        const struct json_node *name = &control->params[1 + i];
        if (name->length > STREAM_NAME_MAX) {
            refuse(control, "2", "Invalid request: a stream name is too long");
            return false;
        }
        more += !stream_has(control->client, name->text, name->length);
    }
    if (more > stream_room(control->client))
        refuse(control, "2", "Invalid request: too many streams, at most 1024 a connection");
    return more <= stream_room(control->client);
}

static void subscribe(struct control *control)
{
    if (!are_names(control) || !is_room(control))
        return;
    for (uint32_t i = 0; i < control->params->count; i++)
        stream_subscribe(control->client, control->params[1 + i].text,
                         control->params[1 + i].length);
    answer(control, "null");
}

static void unsubscribe(struct control *control)
{
    if (!are_names(control))
        return;
    for (uint32_t i = 0; i < control->params->count; i++)
        stream_unsubscribe(control->client, control->params[1 + i].text,
                           control->params[1 + i].length);
    answer(control, "null");
}

static void list(struct control *control)
{
    if (control->params && control->params->count) {
        refuse(control, "2", "Invalid request: too many parameters");
        return;
    }
    text_str(control->out, "{\"result\":");
    stream_list(control->client, control->out);
    put_id(control->out, control->id);
}

/* Whether the first parameter names the one property there is, and `count` are given. */
static bool is_property(struct control *control, uint32_t count)
{
    const struct json_node *params = control->params;
    bool named =
        params && params->type == JSON_ARRAY && params->count > 0 && params[1].type == JSON_STRING;
    if (!named)
        refuse(control, "2", "Invalid request: property name must be a string");
    else if (params->count > count)
        refuse(control, "2", "Invalid request: too many parameters");
    else if (!json_is(&params[1], "combined"))
        refuse(control, "0", "Unknown property");
    else
        return true;
    return false;
}

static void set_property(struct control *control)
{
    if (!is_property(control, 2))
        return;
    const struct json_node *value = &control->params[2];
    if (control->params->count < 2 || (value->type != JSON_TRUE && value->type != JSON_FALSE)) {
        refuse(control, "1", "Invalid value type: expected Boolean");
        return;
    }
    stream_set_combined(control->client, value->type == JSON_TRUE);
    answer(control, "null");
}

static void get_property(struct control *control)
{
    if (is_property(control, 1))
        answer(control, stream_combined(control->client) ? "true" : "false");
}

static const struct {
    const char *name;
    void (*act)(struct control *control);
} methods[] = {
    {"SUBSCRIBE", subscribe},       {"UNSUBSCRIBE", unsubscribe},   {"LIST_SUBSCRIPTIONS", list},
    {"SET_PROPERTY", set_property}, {"GET_PROPERTY", get_property},
};

/* ---- the message ---- */

/* 64-bit signed, by its text. */
static bool is_int64(const struct json_node *node)
{
    bool minus = node->length && node->text[0] == '-';
    uint64_t value = 0, most = (uint64_t)INT64_MAX + minus;
    if (node->type != JSON_NUMBER)
        return false;
    for (uint32_t i = minus; i < node->length; i++) {
        uint64_t digit = (uint64_t)(unsigned char)node->text[i] - '0';
        if (digit > 9 || value > (most - digit) / 10)
            return false;
        value = 10 * value + digit;
    }
    return true;
}

static bool is_id(const struct json_node *node)
{
    return node->type == JSON_NULL || is_int64(node) ||
           (node->type == JSON_STRING && node->length <= 36);
}

static void refuse_method(struct control *control, const struct json_node *method)
{
    char message[256], name[64] = "";
    size_t length = method->length < sizeof name - 1 ? method->length : sizeof name - 1;
    if (method->type == JSON_STRING)
        memcpy(name, method->text, length);
    snprintf(message, sizeof message,
             "Invalid request: unknown variant `%s`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, "
             "`LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`",
             name);
    refuse(control, "2", message);
}

void control_answer(struct stream_client *client, char *message, size_t length, struct text *out)
{
    static _Thread_local struct json_node nodes[CONTROL_NODES_MAX];
    struct control control = {.client = client, .out = out, .nodes = nodes};
    uint32_t count = json_parse(message, length, nodes, CONTROL_NODES_MAX);
    if (count == 0) {
        refuse(&control, "3", "Invalid JSON: expected value at line 1 column 1");
        return;
    }
    if (nodes->type != JSON_OBJECT) {
        refuse(&control, "2", "Invalid request: a request must be an object");
        return;
    }
    const struct json_node *id = json_member(nodes, nodes, "id"),
                           *method = json_member(nodes, nodes, "method");
    control.params = json_member(nodes, nodes, "params");
    if (id && !is_id(id)) {
        refuse(&control, "2", "Invalid request: request ID must be an unsigned integer");
        return;
    }
    control.id = id;
    if (!method) {
        refuse(&control, "2", "Invalid request: missing field `method`");
        return;
    }
    for (uint32_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (json_is(method, methods[i].name)) {
            methods[i].act(&control);
            return;
        }
    refuse_method(&control, method);
}
