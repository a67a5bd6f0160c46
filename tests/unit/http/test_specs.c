/* Goal: docs/openapi.yaml, as the server gives it, has the routes that the server has, and
 * docs/asyncapi.yaml the methods of its WebSocket API: all of them and no other. Method: the files
 * are read beside the table itself. (What they say of them is tested in tests/e2e/test_openapi.py
 * and test_asyncapi.py.)
 */
#include "http/operation.c"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdbool.h>

#include "http/rest/openapi.h"

extern const char asyncapi_json[];
extern const size_t asyncapi_length;

static const char *const methods[] = {
    [METHOD_GET] = "get", [METHOD_POST] = "post", [METHOD_PUT] = "put", [METHOD_DELETE] = "delete"};
static json_t *openapi, *asyncapi;

static json_t *read_json(const char *text, size_t length)
{
    json_error_t error;
    json_t *file = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(file, "%s", error.text);
    return file;
}

static void read_files(void)
{
    openapi = read_json(openapi_json, openapi_length);
    asyncapi = read_json(asyncapi_json, asyncapi_length);
}

static void drop_files(void)
{
    json_decref(openapi);
    json_decref(asyncapi);
}

TestSuite(specs, .init = read_files, .fini = drop_files);

static bool is_route(const char *path, const char *method)
{
    for (uint32_t i = 0; i < ROUTES; i++)
        if (routes[i].path && strcmp(routes[i].path, path) == 0 &&
            strcmp(methods[routes[i].method], method) == 0)
            return true;
    return false;
}

static bool is_ws_method(const char *name)
{
    for (uint32_t i = 0; i < ROUTES; i++)
        if (routes[i].ws && strcmp(routes[i].ws, name) == 0)
            return true;
    return false;
}

Test(specs, every_route_is_described)
{
    json_t *paths = json_object_get(openapi, "paths");
    for (uint32_t i = 0; i < ROUTES; i++) {
        if (!routes[i].path)
            continue;
        const char *method = methods[routes[i].method];
        json_t *operations = json_object_get(paths, routes[i].path);
        cr_expect_not_null(json_object_get(operations, method), "%s %s", method, routes[i].path);
    }
}

Test(specs, every_described_operation_is_a_route)
{
    json_t *paths = json_object_get(openapi, "paths"), *operations, *operation;
    const char *path, *method;
    json_object_foreach(paths, path, operations)
    {
        json_object_foreach(operations, method, operation)
        {
            cr_expect(is_route(path, method), "%s %s", method, path);
        }
    }
}

Test(specs, every_method_is_described)
{
    json_t *operations = json_object_get(asyncapi, "operations");
    for (uint32_t i = 0; i < ROUTES; i++)
        if (routes[i].ws)
            cr_expect_not_null(json_object_get(operations, routes[i].ws), "%s", routes[i].ws);
}

Test(specs, every_described_method_is_one)
{
    static const char api[] = "#/channels/api";
    json_t *operations = json_object_get(asyncapi, "operations"), *operation;
    const char *name;
    json_object_foreach(operations, name, operation)
    {
        json_t *channel = json_object_get(json_object_get(operation, "channel"), "$ref");
        json_t *action = json_object_get(operation, "action");
        if (strcmp(json_string_value(channel), api) == 0 &&
            strcmp(json_string_value(action), "receive") == 0)
            cr_expect(is_ws_method(name), "%s", name);
    }
}
