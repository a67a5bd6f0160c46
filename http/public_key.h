/* public_key.h - the keys that clients sign with and we only verify with: Ed25519, and RSA of 2048
 * to 4096 bits (PKCS#1 v1.5, SHA-256).
 *
 * Thread:  a key is its owner's; reading one is any thread's.
 * Memory:  of OpenSSL, for as long as the key, and for a moment in each verification.
 */
#ifndef PUBLIC_KEY_H
#define PUBLIC_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/msg/request.h"

struct public_key;

/* Reads PEM ("-----BEGIN PUBLIC KEY-----"), which must hold a key of this kind, into DER, whose
 * length it tells. NULL, or what is wrong with it. */
const char *public_key_read(const char *pem, size_t length, enum key_kind kind,
                            uint8_t der[static PUBLIC_KEY_MAX], uint16_t *der_bytes);

/* A key to verify with; NULL when that is no key. */
struct public_key *public_key_open(const uint8_t *der, size_t bytes);
void public_key_free(struct public_key *key); /* or NULL */

/* Whether `signature` is, in base64 with its padding and nothing else, what the holder of the
 * private key signed of the pieces of text, one after the other: PARAMS_TEXT_MAX bytes at most. */
bool public_key_verify(struct public_key *key, const char *const part[], const size_t length[],
                       uint32_t parts, const char *signature, size_t signature_length);

#endif
