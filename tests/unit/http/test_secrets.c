#define _GNU_SOURCE
/* Goal: a secret comes back only with its key file and its API key; signing equals OpenSSL's HMAC.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "http/directory.h"
#include "http/secrets.h"

static struct secrets secrets;

static void open_key(void)
{
    char path[] = "/tmp/castle-secrets-XXXXXX";
    cr_assert_not_null(mkdtemp(path));
    char file[64];
    snprintf(file, sizeof file, "%s/secrets.key", path);
    cr_assert_not_null(secrets_open(&secrets, file, false), "no key is made unless asked for");
    cr_assert_null(secrets_open(&secrets, file, true));
    struct stat st;
    cr_assert_eq(stat(file, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600u);
    struct secrets again;
    cr_assert_null(secrets_open(&again, file, false));
    cr_assert_eq(memcmp(&again, &secrets, sizeof again), 0);
    char temp[80]; /* what a start leaves that fails while it makes the key */
    snprintf(temp, sizeof temp, "%s.new", file);
    cr_assert_eq(rename(file, temp), 0);
    cr_assert_eq(truncate(temp, 5), 0);
    cr_assert_null(secrets_open(&secrets, file, true));
    cr_assert_null(secrets_open(&again, file, false));
    cr_assert_eq(memcmp(&again, &secrets, sizeof again), 0);
    cr_assert_eq(truncate(file, 5), 0);
    cr_assert_not_null(secrets_open(&again, file, false), "a short key file is refused");
    unlink(file);
    cr_assert_eq(symlink(file, file), 0); /* it is there, and cannot be opened */
    const char *wrong = secrets_open(&again, file, true);
    cr_assert(wrong && !strstr(wrong, "missing"), "%s", wrong);
    unlink(file);
    rmdir(path);
}

Test(secrets_seal, opens_with_the_same_key_only, .init = open_key)
{
    char api_key[API_KEY_BYTES], secret[SECRET_BYTES], back[SECRET_BYTES];
    uint8_t sealed[SEALED_BYTES];
    secrets_token(api_key);
    secrets_token(secret);
    secrets_seal(&secrets, api_key, secret, sealed);
    cr_assert(secrets_unseal(&secrets, api_key, sealed, back));
    cr_assert_eq(memcmp(secret, back, SECRET_BYTES), 0);
    cr_assert_null(memmem(sealed, sizeof sealed, secret, 8));
    api_key[0] ^= 1;
    cr_assert_not(secrets_unseal(&secrets, api_key, sealed, back), "the API key is authenticated");
    api_key[0] ^= 1;
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        cr_assert_not(secrets_unseal(&secrets, api_key, sealed, back), "byte %zu", i);
        sealed[i] ^= 1;
    }
    secrets.key[0] ^= 1;
    cr_assert_not(secrets_unseal(&secrets, api_key, sealed, back), "another key file");
}

Test(directory_sign, equals_hmac_sha256, .init = open_key)
{
    struct directory directory;
    struct config_change change = {.kind = CONFIG_KEY, .version = 1, .user = 1};
    char secret[SECRET_BYTES];
    unsigned char signature[SIGNATURE_BYTES], digest[SIGNATURE_BYTES];
    secrets_token(change.key.api_key);
    secrets_token(secret);
    secrets_seal(&secrets, change.key.api_key, secret, change.key.credential);
    directory_init(&directory, &secrets, 4);
    directory_apply(&directory, &change);
    const struct directory_key *key = directory_key(&directory, change.key.api_key, API_KEY_BYTES);
    cr_assert_not_null(key);
    const char *part[] = {"symbol=BTCUSDT&", "side=BUY"};
    const size_t length[] = {15, 8};
    directory_sign(key, part, length, 2, signature);
    HMAC(EVP_sha256(), secret, SECRET_BYTES, (const unsigned char *)"symbol=BTCUSDT&side=BUY", 23,
         digest, NULL);
    cr_assert_eq(memcmp(signature, digest, sizeof digest), 0);
    change.kind = CONFIG_KEY_GONE;
    directory_apply(&directory, &change);
    cr_assert_null(directory_key(&directory, change.key.api_key, API_KEY_BYTES));
    directory_fini(&directory);
}
