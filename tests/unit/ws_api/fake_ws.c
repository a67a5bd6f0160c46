#include "tests/unit/ws_api/fake_ws.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"

struct ingress *ws_ingress(const struct ws *ws)
{
    return ws->ingress;
}

void *ws_data(const struct ws *ws)
{
    return ws->data;
}

void ws_set_data(struct ws *ws, void *data)
{
    ws->data = data;
}

struct slice ws_query(const struct ws *ws)
{
    return (struct slice){ws->query, strlen(ws->query)};
}

struct slice ws_path(const struct ws *ws)
{
    (void)ws;
    return (struct slice){"/ws-api/v3", 10};
}

uint64_t ws_address(const struct ws *ws)
{
    return ws->address;
}

bool ws_send(struct ws *ws, const char *text, size_t length)
{
    if (ws->full)
        return false;
    if (ws->on_sent) {
        ws->on_sent(ws, text, length);
        return true;
    }
    ASSERT(ws->count < FAKE_SENT_MAX);
    char *copy = malloc(length + 1);
    ASSERT(copy != NULL && !memchr(text, 0, length));
    memcpy(copy, text, length);
    copy[length] = '\0';
    ws->sent[ws->count++] = copy;
    return true;
}

size_t ws_backlog(const struct ws *ws)
{
    return ws->backlog;
}

/* What market streams want of a connection; nobody here listens to any. */
bool ws_send_frame(struct ws *ws, struct ws_frame *frame)
{
    (void)ws, (void)frame;
    return false;
}

void ws_close(struct ws *ws, uint16_t code, const char *reason)
{
    (void)ws, (void)code, (void)reason;
    UNREACHABLE("nothing here closes");
}

void fake_ws_fini(struct ws *ws)
{
    while (ws->count > 0)
        free(ws->sent[--ws->count]);
    ws->taken = 0;
}
