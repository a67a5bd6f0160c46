/* control_shard.h - owns users, API keys, symbols and their status (PROTOCOL S1).
 *
 * In:      class 1 requests from the admin listener; class 3 acknowledgements from the other
 * shards. Out:     class 2 configuration to the shards it concerns; class 4 changes to every
 * ingress core, and replies. Thread:  its core's. In force: the answer to a change leaves when
 * every shard it concerns has taken it; it carries the configuration's version, and ingress tells
 * it when every ingress core has that version. Secrets: kept as they came, sealed under AES-256-GCM
 * by http/; this shard cannot read them.
 */
#ifndef CONTROL_SHARD_H
#define CONTROL_SHARD_H

#include "actors/shard.h"
#include "runtime/slot_index.h"

enum { CONTROL_OPS_MAX = 64 };

struct control_user {
    uint8_t length;
    char name[NAME_MAX_BYTES];
    int64_t created_us;
    uint32_t trade_group; /* 0: none */
};

struct control_key {
    uint32_t user;
    bool gone;
    struct key_config config; /* of a deleted one without its credential */
};

struct control_op { /* a change that waits for acknowledgements */
    uint64_t op, tag, id;
    uint32_t acks_left, version;
};

struct control_shard {
    struct shard shard;         /* first */
    struct control_user *users; /* by number, from 1 */
    struct control_key *keys;
    struct symbol_config *symbols; /* by number, from 0 */
    char (*assets)[SYMBOL_NAME_MAX];
    struct slot_index user_by_name, key_by_text;
    uint32_t users_count, keys_count, keys_max, keys_gone; /* keys_gone: among keys_count */
    uint16_t symbols_count, assets_count;
    struct exchange_limits exchange;
    uint32_t version; /* of the configuration */
    struct control_op ops[CONTROL_OPS_MAX];
    uint32_t ops_count;
};

size_t control_shard_bytes(const struct exchange *ex);
struct control_shard *control_shard_init(struct exchange *ex, struct arena *arena, uint16_t core);
enum recover control_shard_replay(struct control_shard *self, const struct record_head *head,
                                  const unsigned char *payload, int64_t ts_us);
uint64_t control_shard_hash(const struct control_shard *self);

/* Makes a user, a key findable. */
void control_user_index(struct control_shard *self, uint32_t number);
void control_key_index(struct control_shard *self, uint32_t slot);

/* Calls `each` with the whole configuration as changes, in an order in which they can be applied:
 * how an ingress core's directory begins. Thread: the starting one. */
void control_shard_each(const struct control_shard *self,
                        void (*each)(void *arg, const struct config_change *change), void *arg);

#endif
