/* secrets.h - API secrets at rest: sealed under AES-256-GCM with the data directory's key file.
 *
 * Thread:  secrets_open from the starting thread; seal and unseal from any (each call has its own
 * context). File:    DIR/secrets.key, 32 random bytes, mode 0600. Its loss makes every key
 * unusable.
 */
#ifndef SECRETS_H
#define SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/msg/request.h"

struct secrets {
    uint8_t key[32];
};

/* Reads the key file, or makes it when `create`. NULL or what is wrong. */
const char *secrets_open(struct secrets *secrets, const char *path, bool create);

/* Seals SECRET_BYTES of text for this API key (which is authenticated with it). */
void secrets_seal(const struct secrets *secrets, const char api_key[API_KEY_BYTES],
                  const char secret[SECRET_BYTES], uint8_t sealed[SEALED_BYTES]);

/* False when the key file is not the one it was sealed with. */
bool secrets_unseal(const struct secrets *secrets, const char api_key[API_KEY_BYTES],
                    const uint8_t sealed[SEALED_BYTES], char secret[SECRET_BYTES]);

/* 64 random letters and digits. */
void secrets_token(char out[64]);

#endif
