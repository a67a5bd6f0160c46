/* The EVP interface allocates and frees for every copy of a state, twice a signature. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "http/directory.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "actors/ledger/ledger.h"
#include "http/address.h"
#include "runtime/check.h"
#include "runtime/hash.h"

enum { KEY_HASHED = 16 }; /* letters of a key that place it: keys are random */

/* HMAC-SHA256 (RFC 2104) after the two padded keys; the key is one block exactly (64 bytes). */
struct signer {
    SHA256_CTX inner, outer;
};

void directory_init(struct directory *directory, const struct secrets *secrets,
                    uint32_t symbols_max)
{
    memset(directory, 0, sizeof *directory);
    directory->secrets = secrets;
    directory->symbols_max = (uint16_t)symbols_max;
    directory->symbols = calloc(symbols_max, sizeof *directory->symbols);
    size_t buckets_bytes = 2 * (size_t)symbols_max * sizeof *directory->symbol_buckets;
    directory->symbol_buckets = malloc(buckets_bytes);
    directory->symbol_next = calloc(symbols_max, sizeof *directory->symbol_next);
    directory->assets = calloc(2 * (size_t)symbols_max, SYMBOL_NAME_MAX);
    directory->buckets_count = 4096;
    directory->buckets = calloc(directory->buckets_count, sizeof *directory->buckets);
    ASSERT(directory->symbols && directory->symbol_buckets && directory->symbol_next &&
           directory->assets && directory->buckets);
    memset(directory->symbol_buckets, 0xFF, buckets_bytes);
}

static void wipe_key(struct directory_key *key)
{
    OPENSSL_clear_free(key->signer, sizeof *key->signer);
    public_key_free(key->public_key);
    free(key->range);
    key->signer = NULL;
    key->public_key = NULL;
    key->range = NULL;
    key->gone = true;
}

void directory_fini(struct directory *directory)
{
    for (uint32_t i = 1; i <= directory->keys_count; i++)
        wipe_key(&directory->keys[i]);
    free(directory->users);
    free(directory->keys);
    free(directory->symbols);
    free(directory->symbol_buckets);
    free(directory->symbol_next);
    free(directory->assets);
    free(directory->buckets);
}

static uint32_t *bucket_of(const struct directory *directory, const char *text)
{
    return &directory->buckets[hash_bytes(3, text, KEY_HASHED) % directory->buckets_count];
}

/* Room for index `want` in a growing array. */
static void *grow(void *array, uint32_t *room, uint32_t want, size_t size)
{
    if (want < *room)
        return array;
    uint32_t more = *room ? 2 * *room : 64;
    while (more <= want)
        more *= 2;
    array = realloc(array, more * size);
    ASSERT(array != NULL);
    memset((char *)array + *room * size, 0, (more - *room) * size);
    *room = more;
    return array;
}

static void keyed_state(SHA256_CTX *state, const char secret[SECRET_BYTES], uint8_t pad)
{
    uint8_t block[64];
    for (uint32_t i = 0; i < 64; i++)
        block[i] = (uint8_t)secret[i] ^ pad;
    ASSERT(SHA256_Init(state) == 1 && SHA256_Update(state, block, sizeof block) == 1);
    OPENSSL_cleanse(block, sizeof block);
}

/* False when it was sealed with another key file. */
static bool open_secret(const struct directory *directory, struct directory_key *key,
                        const uint8_t sealed[SEALED_BYTES])
{
    char secret[SECRET_BYTES];
    if (!secrets_unseal(directory->secrets, key->text, sealed, secret))
        return false;
    key->signer = OPENSSL_malloc(sizeof *key->signer);
    ASSERT(key->signer != NULL);
    keyed_state(&key->signer->inner, secret, 0x36);
    keyed_state(&key->signer->outer, secret, 0x5C);
    OPENSSL_cleanse(secret, sizeof secret);
    return true;
}

/* What may change of a key. */
static void set_rules(struct directory_key *key, const struct key_config *config)
{
    size_t bytes = config->ranges_count * sizeof *key->range;
    key->permissions = config->permissions;
    key->expires_us = config->expires_us ? config->expires_us : INT64_MAX;
    key->ranges_count = config->ranges_count;
    free(key->range);
    key->range = NULL;
    if (bytes == 0)
        return;
    key->range = malloc(bytes);
    ASSERT(key->range != NULL);
    memcpy(key->range, config->range, bytes);
}

static uint32_t key_slot(struct directory *directory)
{
    uint32_t slot = directory->keys_gone;
    if (slot) {
        directory->keys_gone = directory->keys[slot].next;
        return slot;
    }
    slot = ++directory->keys_count;
    directory->keys = grow(directory->keys, &directory->keys_room, slot, sizeof *directory->keys);
    return slot;
}

static void forget_key(struct directory *directory, uint32_t slot)
{
    struct directory_key *key = &directory->keys[slot];
    uint32_t *at = bucket_of(directory, key->text);
    while (*at != slot)
        at = &directory->keys[*at].next;
    *at = key->next;
    wipe_key(key);
    key->next = directory->keys_gone;
    directory->keys_gone = slot;
}

static void add_key(struct directory *directory, const struct config_change *change)
{
    const struct key_config *config = &change->key;
    uint32_t slot = key_slot(directory);
    struct directory_key *key = &directory->keys[slot];
    *key = (struct directory_key){
        .used = true, .kind = config->kind, .user = change->user, .created_us = config->created_us};
    memcpy(key->text, config->api_key, API_KEY_BYTES);
    set_rules(key, config);
    if (key->kind != KEY_HMAC) {
        key->public_key = public_key_open(config->credential, config->credential_bytes);
        key->gone = !key->public_key; /* a forged journal: it was read when it was made */
    } else if (!open_secret(directory, key, config->credential)) {
        directory->unseal_failed = key->gone = true;
    }
    if (key->gone)
        return;
    uint32_t *bucket = bucket_of(directory, key->text);
    key->next = *bucket;
    *bucket = slot;
}

static void add_user(struct directory *directory, const struct config_change *change)
{
    directory->users =
        grow(directory->users, &directory->users_room, change->user, sizeof *directory->users);
    struct directory_user *user = &directory->users[change->user];
    user->id = change->user;
    user->trade_group = change->trade_group;
    user->length = change->name_length;
    memcpy(user->name, change->name, NAME_MAX_BYTES);
    if (change->user > directory->users_count)
        directory->users_count = change->user;
}

static uint16_t *symbol_bucket(const struct directory *directory, const char name[SYMBOL_NAME_MAX])
{
    return &directory->symbol_buckets[hash_bytes(0, name, SYMBOL_NAME_MAX) %
                                      (2 * (uint32_t)directory->symbols_max)];
}

/* A symbol comes once and keeps its name; what else is known of it changes. */
static void set_symbol(struct directory *directory, const struct symbol_config *symbol)
{
    uint16_t slot = symbol->symbol, *bucket = symbol_bucket(directory, symbol->name);
    ASSERT(slot < directory->symbols_max);
    if (!directory->symbols[slot].name[0]) {
        directory->symbol_next[slot] = *bucket;
        *bucket = slot;
    }
    directory->symbols[slot] = *symbol;
    if (slot >= directory->symbols_count)
        directory->symbols_count = (uint16_t)(slot + 1);
}

static void set_asset(struct directory *directory, uint16_t asset, const char *name)
{
    memcpy(directory->assets[asset], name, SYMBOL_NAME_MAX);
    if (asset >= directory->assets_count)
        directory->assets_count = (uint16_t)(asset + 1);
}

void directory_apply(struct directory *directory, const struct config_change *change)
{
    const struct symbol_config *symbol = &change->symbol;
    struct directory_key *key;
    switch (change->kind) {
    case CONFIG_USER:
        add_user(directory, change);
        break;
    case CONFIG_KEY:
        add_key(directory, change);
        break;
    case CONFIG_KEY_CHANGED:
    case CONFIG_KEY_GONE:
        key = (struct directory_key *)directory_key(directory, change->key.api_key, API_KEY_BYTES);
        if (key && change->kind == CONFIG_KEY_CHANGED)
            set_rules(key, &change->key);
        else if (key)
            forget_key(directory, (uint32_t)(key - directory->keys));
        break;
    case CONFIG_EXCHANGE:
        directory->exchange = change->exchange;
        break;
    default:
        set_symbol(directory, symbol);
        set_asset(directory, symbol->base, symbol->base_name);
        set_asset(directory, symbol->quote, symbol->quote_name);
    }
    atomic_store_explicit(&directory->version, change->version, memory_order_release);
}

const struct directory_key *directory_key(const struct directory *directory, const char *text,
                                          size_t length)
{
    if (length != API_KEY_BYTES)
        return NULL;
    for (uint32_t slot = *bucket_of(directory, text); slot; slot = directory->keys[slot].next)
        if (memcmp(directory->keys[slot].text, text, API_KEY_BYTES) == 0)
            return directory->keys[slot].gone ? NULL : &directory->keys[slot];
    return NULL;
}

bool directory_key_serves(const struct directory_key *key, const struct address *from,
                          uint8_t permissions, int64_t now_us)
{
    uint32_t i = 0;
    while (i < key->ranges_count && !network_has(&key->range[i], from))
        i++;
    return (key->permissions & permissions) && now_us < key->expires_us &&
           (i < key->ranges_count || key->ranges_count == 0);
}

static bool name_is(const char name[SYMBOL_NAME_MAX], const char *text, size_t length)
{
    return length > 0 && length <= SYMBOL_NAME_MAX && memcmp(name, text, length) == 0 &&
           (length == SYMBOL_NAME_MAX || name[length] == '\0');
}

uint16_t directory_symbol(const struct directory *directory, const char *name, size_t length)
{
    char whole[SYMBOL_NAME_MAX] = "";
    if (length == 0 || length > sizeof whole)
        return SYMBOL_ANY;
    memcpy(whole, name, length);
    uint16_t slot = *symbol_bucket(directory, whole);
    while (slot != SYMBOL_ANY && memcmp(directory->symbols[slot].name, whole, sizeof whole) != 0)
        slot = directory->symbol_next[slot];
    return slot;
}

uint16_t directory_asset(const struct directory *directory, const char *name, size_t length)
{
    for (uint16_t i = 0; i < directory->assets_count; i++)
        if (name_is(directory->assets[i], name, length))
            return i;
    return ASSET_NONE;
}

void directory_sign(const struct directory_key *key, const char *const part[],
                    const size_t length[], uint32_t parts, uint8_t signature[SIGNATURE_BYTES])
{
    SHA256_CTX state = key->signer->inner;
    for (uint32_t i = 0; i < parts; i++)
        SHA256_Update(&state, part[i], length[i]);
    SHA256_Final(signature, &state);
    state = key->signer->outer;
    SHA256_Update(&state, signature, SIGNATURE_BYTES);
    SHA256_Final(signature, &state);
}
