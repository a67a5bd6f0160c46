#include "bench/request_signer.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "runtime/check.h"

enum { DIGEST_BYTES = 32 };

struct request_signer {
    EVP_MAC_CTX *mac;
};

struct request_signer *request_signer_new(const char *secret)
{
    struct request_signer *signer = calloc(1, sizeof *signer);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end()};
    ASSERT(signer != NULL);
    signer->mac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    if (signer->mac != NULL &&
        EVP_MAC_init(signer->mac, (const unsigned char *)secret, strlen(secret), params) == 1)
        return signer;
    request_signer_free(signer);
    return NULL;
}

void request_signer_free(struct request_signer *signer)
{
    if (signer != NULL)
        EVP_MAC_CTX_free(signer->mac);
    free(signer);
}

size_t request_signer_sign(struct request_signer *signer, char *text, size_t length, size_t room,
                           int64_t now_ms)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t digest_bytes = 0;
    ASSERT(length + REQUEST_SIGNER_ADDS <= room);
    length +=
        (size_t)snprintf(text + length, room - length, "%srecvWindow=60000&timestamp=%" PRId64,
                         length > 0 ? "&" : "", now_ms);
    bool ok = EVP_MAC_init(signer->mac, NULL, 0, NULL) == 1 &&
              EVP_MAC_update(signer->mac, (const unsigned char *)text, length) == 1 &&
              EVP_MAC_final(signer->mac, digest, &digest_bytes, sizeof(digest)) == 1;
    ASSERT(ok && digest_bytes == DIGEST_BYTES);
    length += (size_t)snprintf(text + length, room - length, "&signature=");
    for (size_t i = 0; i < digest_bytes; i++)
        length += (size_t)snprintf(text + length, room - length, "%02x", digest[i]);
    ASSERT(length < room);
    return length;
}
