#include "http/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "runtime/check.h"

/* By rename: a start that fails half way leaves no half a key, which no later start could use. The
 * directory is synced with the journal's first segment, before any API key can be in it. */
static const char *make_key(struct secrets *secrets, const char *path)
{
    char temp[4096];
    ASSERT((size_t)snprintf(temp, sizeof temp, "%s.new", path) < sizeof temp);
    ASSERT(RAND_bytes(secrets->key, sizeof secrets->key) == 1);
    int file = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return "cannot create secrets.key";
    bool ok =
        write(file, secrets->key, sizeof secrets->key) == sizeof secrets->key && fsync(file) == 0;
    ok = close(file) == 0 && ok && rename(temp, path) == 0;
    return ok ? NULL : "cannot write secrets.key";
}

const char *secrets_open(struct secrets *secrets, const char *path, bool create)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT && create)
        return make_key(secrets, path);
    if (file < 0)
        return errno == ENOENT
                   ? "secrets.key is missing: without it the API keys in the journal cannot be used"
                   : "secrets.key cannot be opened: see whose it is, and its mode (0600)";
    ssize_t got = read(file, secrets->key, sizeof secrets->key);
    close(file);
    return got == sizeof secrets->key ? NULL : "secrets.key is not 32 bytes long";
}

enum { NONCE_BYTES = 12, TAG_BYTES = 16 };

void secrets_seal(const struct secrets *secrets, const char api_key[API_KEY_BYTES],
                  const char secret[SECRET_BYTES], uint8_t sealed[SEALED_BYTES])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int length;
    ASSERT(ctx && RAND_bytes(sealed, NONCE_BYTES) == 1);
    ASSERT(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, secrets->key, sealed) == 1);
    ASSERT(EVP_EncryptUpdate(ctx, NULL, &length, (const uint8_t *)api_key, API_KEY_BYTES) == 1);
    ASSERT(EVP_EncryptUpdate(ctx, sealed + NONCE_BYTES, &length, (const uint8_t *)secret,
                             SECRET_BYTES) == 1);
    ASSERT(EVP_EncryptFinal_ex(ctx, sealed + NONCE_BYTES + length, &length) == 1);
    ASSERT(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES,
                               sealed + NONCE_BYTES + SECRET_BYTES) == 1);
    EVP_CIPHER_CTX_free(ctx);
}

bool secrets_unseal(const struct secrets *secrets, const char api_key[API_KEY_BYTES],
                    const uint8_t sealed[SEALED_BYTES], char secret[SECRET_BYTES])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t tag[TAG_BYTES];
    int length;
    ASSERT(ctx != NULL);
    memcpy(tag, sealed + NONCE_BYTES + SECRET_BYTES, TAG_BYTES);
    bool ok = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, secrets->key, sealed) == 1 &&
              EVP_DecryptUpdate(ctx, NULL, &length, (const uint8_t *)api_key, API_KEY_BYTES) == 1 &&
              EVP_DecryptUpdate(ctx, (uint8_t *)secret, &length, sealed + NONCE_BYTES,
                                SECRET_BYTES) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
              EVP_DecryptFinal_ex(ctx, (uint8_t *)secret + length, &length) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

void secrets_token(char out[64])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t byte;
    for (uint32_t i = 0; i < 64;) {
        ASSERT(RAND_bytes(&byte, 1) == 1);
        if (byte < 248) /* 4 x 62: no letter is more likely than another */
            out[i++] = letters[byte % 62];
    }
}
