/* api.h - the WebSocket API, /ws-api/v3: JSON requests in, the same operations as over REST, and
 * user data events of the accounts that the connection subscribed to.
 *
 * Thread:  the ingress core's.
 * Order:   requests of a connection are started as they come; answers may come in any order.
 * Memory:  a session for each connection; requests under way are bounded (API_UNDER_WAY_MAX, more
 *          are told -1008: reading goes on, so that pings are answered), and so are subscriptions
 *          and bytes that the peer does not take (more requests are told -1008 then, too). A
 * session stays until the exchange has answered its last request. Keys:    a session logs on with
 * an Ed25519 key, which then vouches for requests without a signature; each looks it up anew, and
 * it is gone for good once it does not serve. Events:  a subscription ends with its connection, by
 * userDataStream.unsubscribe, when its API key does not serve any more, or with the logon that it
 * was made by; all but the first say eventStreamTerminated.
 */
#ifndef WS_API_H
#define WS_API_H

#include "http/ws/socket.h"

enum {
    API_UNDER_WAY_MAX = 200,      /* as of an HTTP connection (http/README.md) */
    API_MESSAGE_MAX = 16384,      /* as a body */
    API_UNTAKEN_MAX = 1 << 20,    /* bytes that wait for the peer: nothing is begun then... */
    API_WAITING_MAX = 16 << 20,   /* ... and it is closed: exchangeInfo of 8,192 symbols fits */
    API_WATCHES_MAX = 1000,       /* subscriptions of a connection at a time... */
    API_WATCHES_EVER_MAX = 65535, /* ... and in its life */
    API_OPENING_WEIGHT = 2        /* which server.c counts */
};

extern const struct ws_kind ws_api_kind;

/* A connection of this kind has been opened. */
void ws_api_open(struct ws *ws);

/* Keys were deleted or changed, or one has expired: sessions that have logged on with one that does
 * not serve them any more are logged out, and its subscriptions end. Tells the ingress when the
 * next of those that serve them expires. */
void ws_api_check_keys(struct ingress *ingress);

/* Methods that only a WebSocket connection has; operation.c's. */
void ws_api_session_status(struct call *call);
void ws_api_session_logon(struct call *call);
void ws_api_session_logout(struct call *call);
void ws_api_session_subscriptions(struct call *call);
void ws_api_subscribe(struct call *call);
void ws_api_subscribe_signature(struct call *call);
void ws_api_unsubscribe(struct call *call);

#endif
