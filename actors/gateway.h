/* gateway.h - an ingress core's door to the exchange: requests in, gated replies and market data
 * out.
 *
 * Thread:  the ingress core's.
 * Slots:   each request under way has one; its tag names core, boot, slot and generation (PROTOCOL
 * S5). A slot is freed by the answer alone: a client that goes away only loses its context. Gate:
 * nothing is handed out before the chunk it rests on is durable (§2.5); market data that is durable
 * is folded before any reply that may rest on it (DESIGN §6). Full:    gateway_send answers
 * GATEWAY_BUSY; nothing was recorded (C6).
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#include "actors/exchange.h"

enum { GATEWAY_STEPS = 3 }; /* 0 is the gateway's own */

enum gateway_sent { GATEWAY_SENT, GATEWAY_BUSY };

struct gateway_slot {
    void *context; /* NULL: the client has gone, or the deadline has told it so */
    uint32_t generation, next_free;
    bool busy;
};

struct gateway {
    struct exchange *ex;
    struct core *core;
    struct gateway_slot *slots;
    uint32_t slots_max, free_head;
    counter busy; /* slots in use */
    counter requests, refused, unknown;
};

struct gateway_sink {
    void *self;
    /* A trade, level or configuration change that is durable. */
    void (*market)(void *self, const struct msg *msg);
    /* A part of an answer; `last` is in msg->flags. The context is NULL when nobody waits. The
     * block, and what is chained to it, is given back after the call. */
    void (*reply)(void *self, void *context, const struct msg *msg);
    /* The reply to `context` comes soon: fetches what it will touch, first (1) what the context
     * itself holds, then (2) what that leads to, and changes nothing. Optional. */
    void (*soon)(const void *context, uint32_t step, const struct msg *msg);
    /* What an input did to a user whose bit of this core is set (exchange.h, `watched`), in order
     * with the replies of the user's shard; NULL: nobody watches here. The block as above. */
    void (*event)(void *self, const struct msg *msg);
};

size_t gateway_bytes(const struct exchange_config *config);
void gateway_init(struct gateway *gateway, struct exchange *ex, struct arena *arena, uint16_t core);

/* A zeroed request block, or NULL when all are under way. */
struct request *gateway_request(struct gateway *gateway);
/* Gives one back that was not sent. */
void gateway_discard(struct gateway *gateway, struct request *request);

/* Sends the request to the shard it is for and takes it over in any case. `tag` (may be NULL) gets
 * the tag by which gateway_abandon() knows it. */
enum gateway_sent gateway_send(struct gateway *gateway, struct request *request, void *context,
                               uint64_t *tag);

/* The client of this request is gone: its answer will be dropped. */
void gateway_abandon(struct gateway *gateway, uint64_t tag);

/* Hands out the market data that is durable, and no reply: before a request looks at a view, so
 * that it sees what any answer on another core has told. Returns how many messages. */
uint32_t gateway_fold_market(struct gateway *gateway, const struct gateway_sink *sink);

/* Hands out what is durable; returns how many messages. */
uint32_t gateway_poll(struct gateway *gateway, const struct gateway_sink *sink);

/* Whether gateway_poll() may have something: for the sleep check. */
bool gateway_has_output(const struct gateway *gateway);

#endif
