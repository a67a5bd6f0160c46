/* directory.h - what an ingress core knows of users, API keys and symbols: its copy of the control
 * shard's configuration, changed only by what is durable.
 *
 * Thread:  the ingress core's; `version` may be read by any.
 * Memory:  grows with users and keys, off the order path.
 */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actors/msg/request.h"
#include "http/public_key.h"
#include "http/secrets.h"

enum { SIGNATURE_BYTES = 32 };

struct directory_user {
    uint32_t id, trade_group; /* trade_group: 0, none */
    uint8_t length;
    char name[NAME_MAX_BYTES];
};

struct directory_key {
    bool used, gone;
    uint8_t kind, permissions, ranges_count;
    uint32_t user;
    int64_t created_us, expires_us; /* expires_us: INT64_MAX is never */
    char text[API_KEY_BYTES];
    struct signer *signer;         /* of HMAC: its own memory, wiped when it goes; */
    struct public_key *public_key; /* of the others */
    struct network *range;         /* where it may be used from; none: anywhere */
    uint32_t next;                 /* of its bucket, or of those that are gone */
};

struct directory {
    const struct secrets *secrets;
    struct directory_user *users; /* by id */
    struct directory_key *keys;   /* from 1 */
    struct symbol_config *symbols;
    uint16_t *symbol_buckets, *symbol_next; /* of symbols, by name; SYMBOL_ANY ends a chain */
    char (*assets)[SYMBOL_NAME_MAX];
    struct exchange_limits exchange;
    uint32_t users_count, users_room, keys_count, keys_room, buckets_count;
    uint32_t *buckets;  /* of keys, by text */
    uint32_t keys_gone; /* slots to use again, by next; 0: none */
    uint16_t symbols_count, symbols_max, assets_count;
    bool unseal_failed;
    _Atomic uint32_t version;
};

void directory_init(struct directory *directory, const struct secrets *secrets,
                    uint32_t symbols_max);
void directory_fini(struct directory *directory);
void directory_apply(struct directory *directory, const struct config_change *change);

/* The key, or NULL when unknown or deleted. */
const struct directory_key *directory_key(const struct directory *directory, const char *text,
                                          size_t length);

/* Whether the key may be used from there, at this time, for one of the permissions. */
bool directory_key_serves(const struct directory_key *key, const struct address *from,
                          uint8_t permissions, int64_t now_us);

/* SYMBOL_ANY when unknown. */
uint16_t directory_symbol(const struct directory *directory, const char *name, size_t length);
/* ASSET_NONE when unknown. */
uint16_t directory_asset(const struct directory *directory, const char *name, size_t length);

/* HMAC-SHA256 under the key, which is of that kind, over the pieces of text one after the other. */
void directory_sign(const struct directory_key *key, const char *const part[],
                    const size_t length[], uint32_t parts, uint8_t signature[SIGNATURE_BYTES]);

#endif
