/* socket.h - one WebSocket connection (RFC 6455): messages in, a bounded queue of frames out.
 *
 * Thread:  the ingress core's, every call.
 * In:      wslay reads frames, puts fragments together, checks masks, lengths and UTF-8, and
 *          answers pings and closes.
 * Out:     frames are encoded once (struct ws_frame), shared by all whom they go to, and written
 *          in one vectored call a turn; one write is in flight. What waits behind a write that the
 *          peer does not take counts against a budget of bytes: whoever is over it is closed.
 * Leaving: a connection ends between two turns, never inside a call; its kind is told once.
 */
#ifndef WS_SOCKET_H
#define WS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/ingress.h"
#include "http/ws/frame.h"

struct ws;

struct ws_kind { /* what is spoken on a connection */
    const char *name;
    /* How many streams or user data it is subscribed to. Thread: any, at a standstill. */
    uint32_t (*subscriptions)(const struct ws *ws);
    /* One whole text message, UTF-8 checked; may be changed in place; valid during the call. */
    void (*text)(struct ws *ws, char *text, size_t length);
    /* The connection is gone: forget it. Called exactly once. */
    void (*closed)(struct ws *ws);
    /* The server is about to shut down: say so. */
    void (*drain)(struct ws *ws);
    size_t message_max; /* bytes of an incoming message, 0: 16 KiB; longer ones close it, 1009 */
    /* Bytes that may wait to be taken; 0: WS_BUDGET_BYTES behind a write, WS_QUEUE_BYTES in all. */
    size_t waiting_max;
    bool limits_text; /* text messages count as frames: 5 a second (API §1.5), as pings do */
};

enum {
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_UNSUPPORTED = 1003,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
};

struct ingress *ws_ingress(const struct ws *ws);
void *ws_data(const struct ws *ws);
void ws_set_data(struct ws *ws, void *data);
/* Path and query of the URL that it was opened with; they stay as long as the connection. */
struct slice ws_path(const struct ws *ws);
struct slice ws_query(const struct ws *ws);
/* The client's address as call->client has it. */
const struct address *ws_client(const struct ws *ws);

/* Sends one text message, which is copied. False: it is over its budget of bytes, and is being
 * closed, or it is being closed already. */
bool ws_send(struct ws *ws, const char *text, size_t length);

/* Sends a frame that others may get, too; takes a reference of its own. Returns as ws_send(). */
bool ws_send_frame(struct ws *ws, struct ws_frame *frame);

/* Sends a close frame behind what waits, and ends the connection when the peer has answered it, or
 * after a deadline. Nothing is taken in or sent after that. `reason`: at most 123 bytes. */
void ws_close(struct ws *ws, uint16_t code, const char *reason);

/* Bytes that wait while a write is under way that the peer has not taken; 0: it keeps up. */
size_t ws_backlog(const struct ws *ws);
/* All bytes that wait, a write under way or not: what was sent in this turn is among them. */
size_t ws_waiting(const struct ws *ws);

#endif
