/* shard.h - what every shard is made of: its input sequence, its links, its clock (PROTOCOL §2.1,
 * §2.6).
 *
 * Thread:  the shard's core; `durable_seq` of a link is written by the receiver's core and read by
 * the sender's. State:   seq, last_ts_us, in_seq and out_seq of every link. The outbox is not: it
 * is regenerated (L1). Memory:  outbox entries come from one pool a shard; replay may need more
 * than life had room for (an unfinished match is replayed whole), and takes those from malloc.
 */
#ifndef SHARD_H
#define SHARD_H

#include "actors/exchange.h"

struct out_entry {
    struct msg msg;
    struct out_entry *next;
};

struct link_out {
    uint64_t out_seq; /* state */
    struct out_entry *head, *tail,
        *unsent; /* not yet durably taken, in order; first not in a lane */
    uint32_t count;
    bool active, pumping;
};

enum { LINK_MARKS = 16 };

struct link_mark { /* up to `seq` was taken by the end of the receiver's chunk `chunk` */
    uint64_t seq, chunk;
};

struct link_in {
    uint64_t in_seq;                   /* state: the last number taken */
    struct link_mark mark[LINK_MARKS]; /* a ring: chunks that took messages and are not durable */
    uint32_t oldest, marks;
    bool dirty;
    _Atomic uint64_t durable_seq; /* taken, and that is durable: the sender trims up to here (L3) */
};

enum { SKIPS_MAX = 32 }; /* orders, and poison messages at one start */

struct peer_list {
    uint16_t *peer;
    uint32_t count;
};

struct shard {
    struct actor actor; /* first: an actor is cast to its shard */
    struct exchange *ex;
    uint16_t id;
    uint64_t seq;
    int64_t last_ts_us;
    uint64_t digest; /* of every link message sent so far; state, and replay must agree with it */
    const uint64_t *digest_more; /* of what else the shard's effects are, or NULL */
    struct link_out *out;        /* [shards], by peer */
    struct link_in *in;
    struct out_entry *entries, *free;
    uint32_t entries_max, free_count;
    struct peer_list active, pumping, dirty;
    uint64_t skipped_ref[SKIPS_MAX]; /* orders about which a poison message was not applied (J6),
                                        each once: state */
    uint32_t skips;
    struct {
        uint16_t from;
        uint64_t seq;
    } poison[SKIPS_MAX]; /* what must not be applied when it comes: told at start, not state */
    uint32_t poisons;
};

/* Arena bytes of the common part. */
size_t shard_bytes(uint32_t shards, uint32_t outbox);
void shard_init(struct shard *shard, struct exchange *ex, struct arena *arena, uint16_t id,
                uint16_t core, const struct actor_ops *ops, uint32_t outbox);

/* Stamps an input (S3): max of the clock, the message's time and the last one. */
int64_t shard_stamp(struct shard *shard, int64_t clock_us, int64_t message_us);

/* Opens a record for the next input and returns where its payload goes; NULL while replaying. */
unsigned char *shard_record(struct shard *shard, uint8_t type, uint32_t bytes);

/* Whether `want` messages fit the outbox; trims first if need be. */
bool shard_room(struct shard *shard, uint32_t want);

/* Messages on the link to `peer` that are not durably taken. */
uint32_t shard_link_depth(struct shard *shard, uint16_t peer);

/* Numbers the message and puts it in the outbox of msg->to. The room was checked. */
void shard_send(struct shard *shard, struct msg *msg);

/* A link message arrives: false when it was taken before (L2). Otherwise it must be the next one,
 * behind `parts` of its own that wait for it (C8). */
bool shard_is_next(const struct shard *shard, const struct msg *msg, uint32_t parts);

/* It is taken: in_seq moves. Call after its record is written, for each part. */
void shard_took(struct shard *shard, const struct msg *msg);

/* The link message is told to be poison (exchange_poison). */
bool shard_must_skip(const struct shard *shard, const struct msg *msg);

/* It is taken and not applied; its order is remembered. Call after its record is written. */
void shard_skip(struct shard *shard, const struct msg *msg);

/* Whether a message about the order was skipped here. */
bool shard_skipped(const struct shard *shard, uint64_t ref);

/* The ops that all shards share. */
bool shard_pump(struct actor *actor);
bool shard_durable(struct actor *actor, uint64_t chunk);

/* Recovery. */
const char *shard_recovered(struct shard *shard);
bool shard_quiet(const struct shard *shard);
uint64_t shard_hash(const struct shard *shard);

/* Whether the record of an input belongs to what this shard came to: its check against the digest.
 */
bool shard_agrees(const struct shard *shard, const struct record_head *head);

/* Writes sequence numbers, links and outboxes, or reads them into a fresh shard (PROTOCOL N1). */
void shard_wire(struct wire *wire, struct shard *shard);

/* Calls `each` for every message sent to a shard and not yet taken by it. */
void shard_each_in_flight(const struct shard *shard, void (*each)(void *arg, const struct msg *msg),
                          void *arg);

struct shard *exchange_shard(const struct exchange *ex, uint16_t id);

/* ---- class 4 ---- */

/* Room for `want` messages in the lanes of `class` to every ingress core (C3). */
bool ingress_room(const struct shard *shard, enum lane_class class, uint32_t want);

/* Sends to one ingress core, or to all of them; gated by the shard's chunk. Nothing while
 * replaying. */
void ingress_send(struct shard *shard, enum lane_class class, uint16_t core, struct msg *msg);
void ingress_send_all(struct shard *shard, enum lane_class class, struct msg *msg);

/* The answer to a request: a code, and a chain of blocks of this core's reply pool or NULL. */
void shard_reply(struct shard *shard, uint64_t tag, enum reject reject, struct reply *block,
                 bool last, uint32_t version);

/* One half of the answer to a Replace; the other half is yet to come unless it is the last. */
void shard_reply_half(struct shard *shard, uint64_t tag, enum reply_half half, enum reject reject,
                      struct reply *block, bool last);

#endif
