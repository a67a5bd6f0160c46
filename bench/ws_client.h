/* ws_client.h - the client's side of a WebSocket (RFC 6455) on plain TCP, for loads: text in, pings
 * answered.
 *
 * Ten thousand of them fit: one has memory of its own only while a frame has not come whole. A
 * close is noted and ends the reading; fragments and binary frames are mistakes here.
 *
 * Thread:  owner only; all clients of a process have one owner, whose buffer they share.
 */
#ifndef WS_CLIENT_H
#define WS_CLIENT_H

#include "bench/http_client.h"

struct ws_client {
    int socket;          /* -1 when closed */
    uint16_t close_code; /* as the server said it; 0: it did not */
    char *kept;          /* the beginning of a frame */
    size_t kept_bytes;
};

/* One text message: not terminated, valid during the call. */
typedef void ws_client_text(void *user, const char *text, size_t length);

/* Connects and shakes hands, waiting for both. False: *why says it. */
bool ws_client_open(struct ws_client *client, const struct http_address *to, const char *target,
                    const char **why);

/* Sends one text message of at most 64 KiB, waiting for room. False when the connection is broken.
 */
bool ws_client_send(struct ws_client *client, const char *text, size_t length);

/* Reads once what is there, without waiting, and tells each whole text message. False when the
 * connection has ended; it is closed then. */
bool ws_client_receive(struct ws_client *client, ws_client_text *on_text, void *user);

void ws_client_close(struct ws_client *client);

/* The number behind `name`, such as "\"t\":", in a message; UINT64_MAX when it has none. */
uint64_t ws_client_number(const char *text, size_t length, const char *name);

#endif
