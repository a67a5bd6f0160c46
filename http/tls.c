#include "http/tls.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "runtime/check.h"

/* Chooses in our order. A client that offers neither gets the alert that RFC 7301 asks for. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *offered, unsigned offered_length, void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_length, ours, sizeof ours - 1, offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A server has nobody to ask: a key with a passphrase is an error, not a prompt. */
static int no_passphrase(char *out, int room, int writing, void *arg)
{
    (void)out;
    (void)room;
    (void)writing;
    (void)arg;
    return -1;
}

static SSL_CTX *context_new(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    ASSERT(tls != NULL);
    ASSERT(SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1);
    ASSERT(SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF); /* its lock would be shared by cores */
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS); /* 34 KiB less for an idle connection */
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    return tls;
}

static bool readable(const char *option, const char *path, char wrong[static TLS_TEXT_BYTES])
{
    FILE *file = fopen(path, "re");
    bool ok =
        file && (fgetc(file) != EOF || !ferror(file)); /* a directory opens, but cannot be read */
    if (!ok)
        snprintf(wrong, TLS_TEXT_BYTES, "option --%s: cannot read %s: %s", option, path,
                 strerror(errno));
    if (file)
        fclose(file);
    return ok;
}

/* Why OpenSSL refused a file: the last error it queued is the outermost. */
static void refused(const char *option, const char *path, const char *what,
                    char wrong[static TLS_TEXT_BYTES])
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(error);
    bool other =
        ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH;
    bool other_kind = ERR_GET_LIB(error) == ERR_LIB_SSL && /* EC beside RSA */
                      ERR_GET_REASON(error) == SSL_R_NO_CERTIFICATE_ASSIGNED;
    if (other || other_kind)
        reason = "it does not belong to the certificate";
    snprintf(wrong, TLS_TEXT_BYTES, "option --%s: %s holds no %s: %s", option, path, what,
             reason ? reason : "unknown error");
    ERR_clear_error();
}

SSL_CTX *tls_load(const char *cert, const char *key, char wrong[static TLS_TEXT_BYTES])
{
    if (!readable("tls-cert", cert, wrong) || !readable("tls-key", key, wrong))
        return NULL;
    SSL_CTX *tls = context_new();
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1)
        refused("tls-cert", cert, "usable PEM certificate", wrong);
    else if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(tls) != 1)
        refused("tls-key", key, "usable PEM key", wrong);
    else
        return tls;
    SSL_CTX_free(tls);
    return NULL;
}

void tls_free(SSL_CTX *tls)
{
    SSL_CTX_free(tls);
}
