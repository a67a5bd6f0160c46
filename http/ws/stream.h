/* stream.h - market streams: who listens to what on this ingress core, and what they are told when
 * (API §1.6).
 *
 * Thread:  the ingress core's.
 * Cost:    a symbol without listeners costs a look at a pointer a message. An event is rendered
 *          once for all who get it in the same form (raw or combined, ms or us), never per client.
 * Pace:    trades and best prices go out in the turn in which the view was given them, or when the
 *          core has rested from writing (streams_rest()); the rest on
 *          the grid of its interval by the core's clock, when something has changed.
 * Slow:    depth is conflated for a client that does not keep up: what it missed comes in one event
 *          as soon as it does, with U where it left off. Everything else closes it, by its budget.
 * Memory:  a stream exists while somebody listens to it. Bounded by connections and by
 *          STREAMS_PER_CLIENT.
 */
#ifndef WS_STREAM_H
#define WS_STREAM_H

#include "http/ws/socket.h"

enum { STREAMS_PER_CLIENT = 1024 };

struct streams;

struct streams *streams_new(struct ingress *ingress);
/* Expects: no client is connected. */
void streams_free(struct streams *streams);

extern const struct ws_kind stream_kind;
/* A connection was opened at /ws... or /stream...: subscribes it to what its URL names. */
void stream_open(struct ws *ws);

/* The view has just folded this trade or level. */
void streams_market(struct streams *streams, const struct msg *msg);

/* Tells what has changed, and what is due; true when it told something. Once a turn, before the
 * sockets' own. `idle`: the core has nothing else to do. */
bool streams_turn(struct streams *streams, bool idle);

/* Writing what was told took so long: a core that is not idle has as much time for orders before
 * more is told, so that however many listen, they take half of it at most. What happens meanwhile
 * is told together. */
void streams_rest(struct streams *streams, uint64_t took_ns);

/* How long a core may sleep: at most `most_ms`, and until something is due. */
int32_t streams_wait_ms(const struct streams *streams, int32_t most_ms);

/* ---- what a client asks for; for control.c ---- */

struct stream_client;

struct stream_client *stream_client(const struct ws *ws);
/* Whether the client has this name, and how many more it may have. */
bool stream_has(struct stream_client *client, const char *name, size_t length);
uint32_t stream_room(const struct stream_client *client);
/* Unknown names are kept, and nothing comes of them; one that is there already is left. False when
 * the name is too long, or one too many. */
bool stream_subscribe(struct stream_client *client, const char *name, size_t length);
/* Names that are not there are left. */
void stream_unsubscribe(struct stream_client *client, const char *name, size_t length);
/* ["name",...] */
void stream_list(const struct stream_client *client, struct text *out);
bool stream_combined(const struct stream_client *client);
void stream_set_combined(struct stream_client *client, bool combined);

#endif
