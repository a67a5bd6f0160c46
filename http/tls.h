/* tls.h - the public port's certificate: loading it, and what a handshake may agree on.
 *
 * Thread:  any. A loaded context is read-only and shared by all ingress cores; OpenSSL counts who
 *          holds it (SSL_CTX_up_ref, SSL_CTX_free), so an old one lives as long as its connections.
 * Agrees:  TLS 1.2 with forward secrecy and AEAD ciphers, or TLS 1.3; h2 or http/1.1 by ALPN;
 *          resumption by stateless tickets only, which every core can read.
 */
#ifndef TLS_H
#define TLS_H

#include <stddef.h>

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

enum { TLS_TEXT_BYTES = 512 };

/* Reads a PEM chain (the server's own certificate first) and its PEM key, which must not need a
 * passphrase. The caller owns the reference that is returned; NULL with `wrong` set to the option,
 * the file and the reason. */
struct ssl_ctx_st *tls_load(const char *cert, const char *key, char wrong[static TLS_TEXT_BYTES]);

/* Gives a reference back. */
void tls_free(struct ssl_ctx_st *tls);

#endif
