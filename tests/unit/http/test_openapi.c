/* Goal: docs/openapi.yaml, as the server gives it, has the routes that the server has: all of them
 * and no other. Method: both are read here. (What it says of them is tested in
 * tests/e2e/test_openapi.py.)
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "http/operation.h"
#include "http/rest/openapi.h"

static const char *const methods[] = {
    [METHOD_GET] = "get", [METHOD_POST] = "post", [METHOD_PUT] = "put", [METHOD_DELETE] = "delete"};

static json_t *file, *paths;

static void read_file(void)
{
    json_error_t error;
    file = json_loadb(openapi_json, openapi_length, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(file, "%s", error.text);
    paths = json_object_get(file, "paths");
}

static void drop_file(void)
{
    json_decref(file);
}

TestSuite(openapi, .init = read_file, .fini = drop_file);

static bool is_route(const char *path, const char *method)
{
    for (uint16_t route = 1; route <= operation_routes(); route++)
        if (strcmp(operation_route_path(route), path) == 0 &&
            strcmp(methods[operation_route_method(route)], method) == 0)
            return true;
    return false;
}

Test(openapi, every_route_is_described)
{
    for (uint16_t route = 1; route <= operation_routes(); route++) {
        const char *path = operation_route_path(route);
        if (*path != '/') /* of the WebSocket API alone */
            continue;
        const char *method = methods[operation_route_method(route)];
        json_t *operations = json_object_get(paths, path);
        cr_expect_not_null(json_object_get(operations, method), "%s %s", method, path);
    }
}

Test(openapi, every_described_operation_is_a_route)
{
    const char *path, *method;
    json_t *operations, *operation;

    json_object_foreach(paths, path, operations)
    {
        json_object_foreach(operations, method, operation)
        {
            cr_expect(is_route(path, method), "%s %s", method, path);
        }
    }
}
