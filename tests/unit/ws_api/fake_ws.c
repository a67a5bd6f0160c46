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
    const char *path = ws->path ? ws->path : "/ws-api/v3";
    return (struct slice){path, strlen(path)};
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

size_t ws_waiting(const struct ws *ws)
{
    return ws->backlog;
}

/* Message by message. */
bool ws_send_frame(struct ws *ws, struct ws_frame *frame)
{
    const unsigned char *at = (const unsigned char *)frame->bytes, *end = at + frame->length;
    uint32_t messages = 0;
    for (; at < end; messages++) {
        uint32_t more = at[1] < 126 ? 0 : at[1] == 126 ? 2 : 8;
        size_t length = more ? 0 : at[1];
        for (uint32_t i = 0; i < more; i++)
            length = length << 8 | at[2 + i];
        at += 2 + more;
        if (!ws_send(ws, (const char *)at, length))
            return false;
        at += length;
    }
    ASSERT(messages == frame->messages);
    return true;
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
