#include "tests/unit/ws_api/fake_ws.h"

#include <stdlib.h>
#include <string.h>

#include "http/ws/hub.h"
#include "runtime/check.h"
#include "tests/unit/ws_api/ws_messages.h"

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
    const char *path = ws->path ? ws->path : "/ws-api/v3";
    return (struct slice){path, strlen(path)};
}

const struct address *ws_client(const struct ws *ws)
{
    return &ws->client;
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

size_t ws_waiting(const struct ws *ws)
{
    return ws->backlog;
}

bool ws_send_frame(struct ws *ws, struct ws_frame *frame)
{
    const char *text;
    size_t at = 0, length;
    bool sent = true;
    while (sent && ws_message_next(frame, &at, &text, &length))
        sent = ws_send(ws, text, length);
    return sent;
}

void ws_close(struct ws *ws, uint16_t code, const char *reason)
{
    (void)reason;
    ws->closed = code;
}

void fake_ws_fini(struct ws *ws)
{
    while (ws->count > 0)
        free(ws->sent[--ws->count]);
    ws->taken = 0;
}

uint32_t ws_hub_slowest(const struct ws_hub *hub, struct ws_row *rows, uint32_t count,
                        uint32_t room)
{
    (void)hub;
    (void)rows;
    (void)room;
    return count;
}
