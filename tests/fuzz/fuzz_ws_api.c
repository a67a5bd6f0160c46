/* fuzz_ws_api.c - any messages on a connection of the WebSocket API, in a whole exchange.
 *
 * Input:   a line each: what begins with a to h is a request that the n-th key signs, "METHOD
 * name=value&..."; ! is a command of world.h; '.' lets everything be answered; @ closes the
 * connection and opens another with the rest of the line as its query; all else is sent as it
 * stands. Checks:  what is sent is JSON, an answer or an event; every request of a connection that
 * stays is answered once; and world_check().
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "http/ws/api.h"
#include "runtime/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"
#include "tests/unit/ws_api/fake_ws.h"
#include "tests/unit/ws_api/ws_request.h"

enum { REQUESTS_MAX = 300, TURNS_MAX = 100000 };

static struct ws ws;
static uint32_t asked, answered;

static void on_sent(struct ws *to, const char *text, size_t length)
{
    json_error_t error;
    json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    ASSERT(to == &ws && json_is_object(message));
    if (json_object_get(message, "event")) {
        ASSERT(json_is_string(json_object_get(json_object_get(message, "event"), "e")));
    } else {
        json_t *result = json_object_get(message, "result"),
               *wrong = json_object_get(message, "error");
        ASSERT(json_object_get(message, "id") && (result != NULL) != (wrong != NULL));
        ASSERT((json_integer_value(json_object_get(message, "status")) == 200) == (result != NULL));
        ASSERT(!wrong || json_is_integer(json_object_get(wrong, "code")));
        answered++;
    }
    json_decref(message);
}

static void open_ws(struct world *world, const char *query)
{
    ws = (struct ws){
        .ingress = world_ingress(world), .query = query, .client = {{77}}, .on_sent = on_sent};
    asked = answered = 0;
    ws_api_open(&ws);
}

static void send_text(const char *text, size_t length)
{
    char *copy = fuzz_copy(text, length); /* gone after the call, as the transport's is */
    asked++;
    ws_api_kind.text(&ws, copy, length);
    free(copy);
}

static void settle(struct world *world)
{
    world_play(world, "!r", 2);
    for (uint32_t i = 0; answered < asked; i++) {
        ASSERT(i < TURNS_MAX);
        world_turn(world);
    }
    ASSERT(answered == asked);
}

/* `line` is terminated. */
static void play(struct world *world, char *line, size_t length)
{
    static char query[256];
    uint32_t nth = (uint32_t)(line[0] - 'a');
    char *space = strchr(line, ' ');
    if (line[0] == '!' && length == 2) {
        world_play(world, line, length);
    } else if (line[0] == '.') {
        settle(world);
    } else if (line[0] == '@') {
        ws_api_kind.closed(&ws);
        memcpy(query, line + 1, length < sizeof query ? length : sizeof query);
        query[sizeof query - 1] = '\0';
        open_ws(world, query);
    } else if (nth < 8 && world_key(world, nth)) {
        if (space)
            *space = '\0';
        const char *request = ws_signed_request(world, nth, line + 1, space ? space + 1 : "");
        send_text(request, strlen(request));
    } else {
        send_text(line, length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *world = world_init(NULL, NULL);
    char *text = malloc(size + 1);
    ASSERT(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    world_open(world);
    open_ws(world, "");
    uint32_t lines = 0;
    for (char *at = text, *end = text + size; at < end && lines < REQUESTS_MAX; lines++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        *stop = '\0';
        play(world, at, (size_t)(stop - at));
        at = stop + 1;
    }
    settle(world);
    ws_api_kind.closed(&ws);
    world_check(world);
    world_fini(world);
    free(text);
    return 0;
}
