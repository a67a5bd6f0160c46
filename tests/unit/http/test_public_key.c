/* Goal: a signature is good if the holder of the private key made it of this text, in the one
 * base64 text there is for it, and never else. Method: the vectors of RFC 8032, one of RSA that
 * openssl(1) made, and every change of a bit. */
#include "http/public_key.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/text.h"

static const char rsa_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmiQNMXxIJEpE79fBQl9Z\n"
                              "+VgU92aQsCllaWjaNItT05uLSFakuf3ZUu03M8NMf1IQYaNezxHLkf3NdF0a67HL\n"
                              "APniJdNEDP86DUT9Wc6LF5e+QF8aB16VZSVbS7YzR7ObsVBOKYAIoGPZjhhJRdlj\n"
                              "YMVt1x/VFNsPkfYlezKeURzfdjo4U0hVzds5+sjDSQMh1d6iCotXAiDWIoei6Jru\n"
                              "OgU/3aL2YYsZN2eMCbBoNjy6temlNV+KvcMVZ+ka+Jwl039tPUWNdxIQMukeo/5y\n"
                              "+LmCjIMbgpx0Oqa3soJ+BotkYSMLPTPruN+kBWTkItWmUBStsppLLWCvBknrPwXv\n"
                              "zwIDAQAB\n"
                              "-----END PUBLIC KEY-----\n";
static const char rsa_signature[] =
    "GtCQc3IspvBb9PspS4ngBsUKKrlxdXUTnYLKSkcRnytxFt4YIOfMqCGAHwd4E+5UXZs1238Nip9F"
    "j75TSDt+ksk7EE9D/+H+FI7Xlg5AatIyd8v8APGUz2fQymd9/ftiRgCRfHZqc4xE9KcCpnwiZTUQ"
    "fp+7y17titSkg86F38HesLz6Oj8f/ZY+AUUg3s5fiqRtui7SJeOVcU+l+6bZS1aUvw/hNDwM1y1T"
    "ImRNFDoTV07zpatHL6nIXOuvUAf71HphCeCdKdHkw3ys75GWIRD0hLA5SieF+sCKh54ybpHayXxI"
    "ynnFep3j+QXXYbGN/jSXnNdWLVPVEBnDalblGw==";
static const char rsa_text[] = "symbol=BTCUSDT&side=BUY&timestamp=1";

/* RFC 8032 section 7.1, tests 1 to 3. */
static const struct {
    const char *key, *text, *signature;
} vectors[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
};

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t bytes = strlen(hex) / 2;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    return bytes;
}

static struct public_key *ed25519(const char *hex)
{
    uint8_t der[44] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    from_hex(hex, der + 12);
    struct public_key *key = public_key_open(der, sizeof der);
    cr_assert_not_null(key);
    return key;
}

static struct public_key *rsa(void)
{
    uint8_t der[PUBLIC_KEY_MAX];
    uint16_t bytes;
    cr_assert_null(public_key_read(rsa_pem, strlen(rsa_pem), KEY_RSA, der, &bytes));
    struct public_key *key = public_key_open(der, bytes);
    cr_assert_not_null(key);
    return key;
}

static bool verify(struct public_key *key, const char *text, size_t length, const char *signature)
{
    return public_key_verify(key, &text, &length, 1, signature, strlen(signature));
}

Test(public_key, ed25519_signatures_are_those_of_rfc_8032)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct public_key *key = ed25519(vectors[i].key);
        uint8_t text[8], raw[64];
        char signature[89];
        size_t length = from_hex(vectors[i].text, text);
        from_hex(vectors[i].signature, raw);
        EVP_EncodeBlock((uint8_t *)signature, raw, sizeof raw);
        cr_expect(verify(key, (char *)text, length, signature), "vector %zu", i);
        for (uint32_t bit = 0; bit < 8 * sizeof raw; bit++) {
            raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
            EVP_EncodeBlock((uint8_t *)signature, raw, sizeof raw);
            cr_expect_not(verify(key, (char *)text, length, signature), "bit %u", bit);
            raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        EVP_EncodeBlock((uint8_t *)signature, raw, sizeof raw);
        text[length] = 'x';
        cr_expect_not(verify(key, (char *)text, length + 1, signature), "another text");
        public_key_free(key);
    }
}

Test(public_key, rsa_signatures_are_those_of_openssl)
{
    struct public_key *key = rsa();
    uint8_t raw[258]; /* with what the padding decodes to */
    char signature[345];
    cr_assert(verify(key, rsa_text, strlen(rsa_text), rsa_signature));
    cr_assert_eq(EVP_DecodeBlock(raw, (const uint8_t *)rsa_signature, 344), 258);
    for (uint32_t bit = 0; bit < 8 * 256; bit++) {
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EVP_EncodeBlock((uint8_t *)signature, raw, 256);
        cr_expect_not(verify(key, rsa_text, strlen(rsa_text), signature), "bit %u", bit);
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t i = 0; i < strlen(rsa_text); i++)
        cr_expect_not(verify(key, rsa_text, i, rsa_signature), "%zu bytes of the text", i);
    public_key_free(key);
}

/* Goal: there is one text for a signature. Method: each letter in turn as any other byte, and every
 * other length. */
Test(public_key, base64_is_taken_literally)
{
    struct public_key *key = ed25519(vectors[1].key);
    uint8_t raw[64];
    char signature[128], longer[128];
    from_hex(vectors[1].signature, raw);
    size_t length = (size_t)EVP_EncodeBlock((uint8_t *)signature, raw, sizeof raw);
    cr_assert(verify(key, "\x72", 1, signature));
    for (size_t i = 0; i < length; i++) {
        char was = signature[i];
        for (int byte = 1; byte < 256; byte++) {
            signature[i] = (char)byte;
            if (signature[i] != was)
                cr_expect_not(verify(key, "\x72", 1, signature), "%zu: %d", i, byte);
        }
        signature[i] = was;
    }
    for (size_t i = 0; i < length; i++) {
        const char *text = "\x72";
        const size_t one = 1;
        cr_expect_not(public_key_verify(key, &text, &one, 1, signature, i), "cut to %zu", i);
    }
    static const char *const around[] = {"%s ", " %s", "%s\n", "\n%s", "%s=", "%sAAAA", "%s%s"};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        snprintf(longer, sizeof longer, around[i], signature, signature);
        cr_expect_not(verify(key, "\x72", 1, longer), "%s", around[i]);
    }
    public_key_free(key);
}

/* Goal: a text in pieces is the text. Method: cut the signed one at every two places. */
Test(public_key, pieces_of_text_are_one_text)
{
    struct public_key *key = rsa();
    size_t all = strlen(rsa_text);
    for (size_t x = 0; x <= all; x++)
        for (size_t y = x; y <= all; y += 7) {
            const char *part[] = {rsa_text, rsa_text + x, rsa_text + y};
            size_t length[] = {x, y - x, all - y};
            cr_expect(
                public_key_verify(key, part, length, 3, rsa_signature, strlen(rsa_signature)));
            length[1] ^= 1;
            cr_expect_not(
                public_key_verify(key, part, length, 3, rsa_signature, strlen(rsa_signature)));
        }
    cr_expect_not(public_key_verify(key, NULL, NULL, 0, rsa_signature, strlen(rsa_signature)));
    public_key_free(key);
}

/* ---- reading ---- */

static char *pem_of(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *copy;
    cr_assert(key && PEM_write_bio_PUBKEY(bio, key) == 1);
    long length = BIO_get_mem_data(bio, &data);
    copy = strndup(data, (size_t)length);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return copy;
}

static EVP_PKEY *rsa_of(uint32_t bits, uint64_t exponent)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    EVP_PKEY *key = NULL;
    BIGNUM *e = BN_new();
    cr_assert(BN_set_word(e, exponent) == 1 && EVP_PKEY_keygen_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1 &&
              EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1 && EVP_PKEY_keygen(ctx, &key) == 1);
    BN_free(e);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static const char *read_wrong(const char *pem, enum key_kind kind)
{
    uint8_t der[PUBLIC_KEY_MAX];
    uint16_t bytes = 0;
    const char *wrong = public_key_read(pem, strlen(pem), kind, der, &bytes);
    if (wrong)
        return wrong;
    struct public_key *key = public_key_open(der, bytes);
    cr_assert_not_null(key, "what is read can be opened");
    public_key_free(key);
    return "";
}

#define SAYS(wrong, text) cr_expect(strstr(wrong, text), "%s", wrong)

Test(public_key, keys_are_read_or_told_what_is_wrong)
{
    struct {
        char *pem;
        enum key_kind kind;
        const char *says;
    } table[] = {
        {pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")), KEY_ED25519, ""},
        {pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")), KEY_RSA, "not an RSA key"},
        {pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED448")), KEY_ED25519, "not an Ed25519 key"},
        {pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "X25519")), KEY_ED25519, "not an Ed25519 key"},
        {pem_of(rsa_of(2048, 65537)), KEY_RSA, ""},
        {pem_of(rsa_of(2048, UINT64_C(0xFFFFFFFF00000001))), KEY_RSA, ""},
        {pem_of(rsa_of(2048, 65537)), KEY_ED25519, "not an Ed25519 key"},
        {pem_of(rsa_of(2040, 65537)), KEY_RSA, "2048 to 4096"},
        {strdup(""), KEY_RSA, "in PEM"},
        {strdup("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"), KEY_RSA, "in PEM"},
        {strdup("-----BEGIN PRIVATE KEY-----"), KEY_RSA, "a private key"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *wrong = read_wrong(table[i].pem, table[i].kind);
        if (table[i].says[0])
            SAYS(wrong, table[i].says);
        else
            cr_expect_str_empty(wrong, "row %zu", i);
        free(table[i].pem);
    }
}

Test(public_key, what_is_no_key_is_not_opened)
{
    uint8_t der[PUBLIC_KEY_MAX];
    uint16_t bytes;
    cr_assert_null(public_key_read(rsa_pem, strlen(rsa_pem), KEY_RSA, der, &bytes));
    for (size_t length = 0; length < bytes; length++)
        cr_expect_null(public_key_open(der, length), "%zu bytes", length);
}
