/* server.h - h2o around an ingress core: listeners, connections, requests in and answers out.
 *
 * Thread:  server_init from the starting thread; the rest from the ingress core's.
 * Leaving: h2o_req_t can die at any moment; the only notice is a shared allocation's dispose
 * callback. It runs for every request, also at its normal end: then the call has forgotten it
 * already.
 */
#ifndef SERVER_H
#define SERVER_H

#include "http/ingress.h"

struct guard;
struct ssl_ctx_st;
struct server; /* one per ingress core */

struct server_config {
    const char *listen_host, *admin_host;
    uint16_t listen_port, admin_port; /* 0: any free one, told by server_port() */
    uint32_t connections_max;         /* of all servers together, the admin's apart */
    uint32_t connections_per_address; /* 0: no cap */
    uint32_t request_ms, idle_ms;     /* a request is complete, an idle connection stays so long */
    struct ssl_ctx_st *tls;           /* NULL: the public port speaks plain HTTP; borrowed */
    const struct proxies *proxies;    /* whose X-Forwarded-For is believed; borrowed */
    struct guard *guard;              /* NULL for the first server, which makes it for all */
};

/* Binds the public listener (SO_REUSEPORT) and, when `admin`, the admin one. NULL with `wrong` set
 * on failure. With port 0 the first server picks, the others get its port in `config`, and its
 * guard. */
struct server *server_init(struct ingress *ingress, struct server_config *config, bool admin,
                           char wrong[static 256]);

/* Begins to accept. */
void server_open(struct server *server);

/* From the next accepted connection on; those that are open keep what they have. Takes a reference
 * of its own. Thread: any. */
void server_tls(struct server *server, struct ssl_ctx_st *tls);

/* Stops accepting and tells connections to go; answers under way still leave. */
void server_drain(struct server *server);

/* Writes what was answered since the last call, then waits for events at most `wait_ms`. */
void server_turn(struct server *server, int32_t wait_ms);

/* Whether a response is still being waited for or written. */
bool server_idle(const struct server *server);

#endif
