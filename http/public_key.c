#define _GNU_SOURCE /* memmem */
#include "http/public_key.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "http/params.h"
#include "runtime/check.h"

enum {
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 4096,
    RSA_EXPONENT_BITS_MAX = 64, /* a longer one makes verifying as dear as signing */
    SIGNATURE_MAX = RSA_BITS_MAX / 8,
    BASE64_MAX = (SIGNATURE_MAX + 2) / 3 * 4
};

struct public_key {
    EVP_PKEY *key;
    bool ed25519;
    size_t signature_bytes;
};

/* ---- reading ---- */

/* An encrypted one is no public key; OpenSSL would ask the terminal for its passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static bool is_named(const char *pem, size_t length, const char *name)
{
    return memmem(pem, length, name, strlen(name)) != NULL;
}

static const char *rsa_wrong(EVP_PKEY *key)
{
    BIGNUM *exponent = NULL;
    if (EVP_PKEY_get_bits(key) < RSA_BITS_MIN || EVP_PKEY_get_bits(key) > RSA_BITS_MAX)
        return "'publicKey' must be an RSA key of 2048 to 4096 bits.";
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    ASSERT(ctx != NULL);
    bool sound = EVP_PKEY_public_check(ctx) == 1 &&
                 EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
                 BN_num_bits(exponent) <= RSA_EXPONENT_BITS_MAX;
    BN_free(exponent);
    EVP_PKEY_CTX_free(ctx);
    return sound ? NULL : "'publicKey' is an RSA key that is not sound.";
}

static const char *wrong_with(EVP_PKEY *key, enum key_kind kind)
{
    if (EVP_PKEY_get_base_id(key) != (kind == KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_ED25519))
        return kind == KEY_RSA ? "'publicKey' is not an RSA key."
                               : "'publicKey' is not an Ed25519 key.";
    return kind == KEY_RSA ? rsa_wrong(key) : NULL;
}

const char *public_key_read(const char *pem, size_t length, enum key_kind kind,
                            uint8_t der[static PUBLIC_KEY_MAX], uint16_t *der_bytes)
{
    if (is_named(pem, length, "PRIVATE KEY"))
        return "'publicKey' holds a private key, which nobody else should have: make a new pair.";
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    ASSERT(bio != NULL);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (!key) {
        ERR_clear_error();
        return "'publicKey' must be a public key in PEM (-----BEGIN PUBLIC KEY-----).";
    }
    const char *wrong = wrong_with(key, kind);
    if (!wrong) {
        int bytes = i2d_PUBKEY(key, NULL);
        ASSERT(bytes > 0 && bytes <= PUBLIC_KEY_MAX);
        *der_bytes = (uint16_t)i2d_PUBKEY(key, &der);
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
    return wrong;
}

struct public_key *public_key_open(const uint8_t *der, size_t bytes)
{
    EVP_PKEY *key = d2i_PUBKEY(NULL, &der, (long)bytes);
    bool ed25519 = key && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    ERR_clear_error();
    if (!key || (!ed25519 && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) ||
        EVP_PKEY_get_size(key) > SIGNATURE_MAX) {
        EVP_PKEY_free(key);
        return NULL;
    }
    struct public_key *self = malloc(sizeof *self);
    ASSERT(self != NULL);
    *self = (struct public_key){
        .key = key, .ed25519 = ed25519, .signature_bytes = (size_t)EVP_PKEY_get_size(key)};
    return self;
}

void public_key_free(struct public_key *key)
{
    if (key)
        EVP_PKEY_free(key->key);
    free(key);
}

/* ---- verifying ---- */

/* The one text there is for so many bytes: what OpenSSL takes beside it, spaces and other ends, is
 * seen when it is written again. */
static bool read_base64(const char *text, size_t length, uint8_t *out, size_t bytes)
{
    uint8_t decoded[BASE64_MAX / 4 * 3], again[BASE64_MAX + 1];
    if (length != (bytes + 2) / 3 * 4 ||
        EVP_DecodeBlock(decoded, (const uint8_t *)text, (int)length) < 0 ||
        EVP_EncodeBlock(again, decoded, (int)bytes) != (int)length ||
        memcmp(again, text, length) != 0)
        return false;
    memcpy(out, decoded, bytes);
    return true;
}

/* Ed25519 takes the whole message at once. */
static const char *join(const char *const part[], const size_t length[], uint32_t parts,
                        size_t *joined)
{
    static _Thread_local char text[PARAMS_TEXT_MAX];
    *joined = parts ? length[0] : 0;
    if (parts <= 1)
        return parts ? part[0] : "";
    for (uint32_t i = 0, at = 0; i < parts; at += (uint32_t)length[i++]) {
        ASSERT(length[i] <= sizeof text - at);
        memcpy(text + at, part[i], length[i]);
        *joined = at + length[i];
    }
    return text;
}

bool public_key_verify(struct public_key *key, const char *const part[], const size_t length[],
                       uint32_t parts, const char *signature, size_t signature_length)
{
    uint8_t bytes[SIGNATURE_MAX];
    size_t text_length;
    if (!read_base64(signature, signature_length, bytes, key->signature_bytes))
        return false;
    const char *text = join(part, length, parts, &text_length);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(); /* 0.1 us, of 50 to 150 us that the rest takes */
    ASSERT(ctx && EVP_DigestVerifyInit(ctx, NULL, key->ed25519 ? NULL : EVP_sha256(), NULL,
                                       key->key) == 1);
    bool good =
        EVP_DigestVerify(ctx, bytes, key->signature_bytes, (const uint8_t *)text, text_length) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error(); /* h2o reads the queue of errors of this thread's TLS connections */
    return good;
}
