/* fake_ws.h - a WebSocket connection without a network, for what is spoken on one: it keeps what is
 * sent.
 *
 * Thread:  one. Takes the place of http/ws/socket.c in a link.
 */
#ifndef FAKE_WS_H
#define FAKE_WS_H

#include "http/ws/socket.h"

enum { FAKE_SENT_MAX = 512 };

struct ws {
    struct ingress *ingress;
    void *data;
    const char *path, *query; /* path NULL: the API's */
    struct address client;
    char *sent[FAKE_SENT_MAX]; /* messages, terminated */
    uint32_t count, taken;     /* taken: how many the test has looked at */
    size_t backlog;            /* bytes that its peer does not take */
    uint16_t closed;           /* the code that it was closed with; 0: it is open */
    bool full;                 /* its budget is used up: what is sent is dropped */
    void (*on_sent)(struct ws *ws, const char *text, size_t length); /* instead of keeping it */
};

/* Forgets what was sent; the connection itself is the test's. */
void fake_ws_fini(struct ws *ws);

#endif
