/* hub.h - the WebSocket connections of one ingress core, for server.c: how they are opened, their
 * turn, their end.
 *
 * Thread:  the ingress core's.
 */
#ifndef WS_HUB_H
#define WS_HUB_H

#include "http/ws/socket.h"

enum {
    /* What may wait behind a write that the peer does not take: as much as the answers of an HTTP
     * connection would be too much, divided by four, since a subscriber asks for it without end. */
    WS_BUDGET_BYTES = 1 << 20,
    /* What may wait in all, which one turn can bring: a large sweep of a book. */
    WS_QUEUE_BYTES = 4 << 20,
    WS_URL_MAX = 68 << 10,      /* of path and query, which are kept: 1,024 names fit */
    WS_FRAGMENTS_MAX = 128,     /* of one message: each costs memory beside its bytes */
    WS_END_US = 5000000,        /* a peer that does not answer a close frame is not waited for */
    WS_OPENED_MAX = 300,        /* connections an address may open... */
    WS_OPENED_US = 300000000,   /* ... in five minutes, aligned to the clock */
    WS_SEND_BUFFER = 128 << 10, /* the kernel's, or it would hide a slow peer for megabytes */
};

struct ws_hub;
struct st_h2o_req_t;
struct st_h2o_socket_t;
struct st_h2o_evloop_t;

struct ws_hub *ws_hub_new(struct ingress *ingress, struct st_h2o_evloop_t *loop);

/* Answers a request whose handshake is good with 101 and makes a connection of it, which speaks
 * `kind` from then on; `opened` is called when it does. The request is h2o's until then. */
void ws_hub_upgrade(struct ws_hub *hub, struct st_h2o_req_t *req, const char *key,
                    const struct address *client, const struct ws_kind *kind,
                    void (*opened)(struct ws *ws));

/* Makes a connection of a socket whose handshake is over: for tests. */
void ws_hub_adopt(struct ws_hub *hub, struct st_h2o_socket_t *sock, struct slice path,
                  struct slice query, const struct ws_kind *kind, void (*opened)(struct ws *ws));

/* Whether the address may open another one; counts it. */
bool ws_hub_admits(struct ws_hub *hub, uint64_t address);

/* Pings, closes what is to be closed, writes what was sent since the last turn. Then h2o's
 * callbacks of writes that are complete have run, those of HTTP, too. True when there is more to
 * do, so that h2o's loop is not to wait. Expects: not called from inside that loop. */
bool ws_hub_turn(struct ws_hub *hub);

/* Tells all that the server shuts down; they are closed when no call is under way. */
void ws_hub_drain(struct ws_hub *hub);

struct ws_row { /* a connection as an operator sees it */
    struct address client;
    const char *kind;
    int64_t opened_us;
    uint64_t waiting, budget; /* bytes that wait for it, and of which it is closed */
    uint32_t subscriptions;
    uint16_t core;
    bool behind; /* a write is under way that it has not taken */
};

/* Puts those with the most bytes waiting among `count` rows, most first, of which there is room for
 * `room`; returns how many there are then. Thread: any, at a standstill. */
uint32_t ws_hub_slowest(const struct ws_hub *hub, struct ws_row *rows, uint32_t count,
                        uint32_t room);

/* Whether all are closed. */
bool ws_hub_idle(const struct ws_hub *hub);

#endif
