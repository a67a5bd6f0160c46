/* request_signer.h - signs requests as a client does: HMAC SHA256 under an API key's secret.
 *
 * Thread:  owner only.
 * Source:  API.md §1.9.
 */
#ifndef REQUEST_SIGNER_H
#define REQUEST_SIGNER_H

#include <stddef.h>
#include <stdint.h>

struct request_signer; /* opaque */

/* NULL when OpenSSL cannot. */
struct request_signer *request_signer_new(const char *secret);
void request_signer_free(struct request_signer *signer);

/* Appends recvWindow, timestamp and the signature of all of it to the `length` bytes of parameters
 * in `text`, which has room for REQUEST_SIGNER_ADDS more; terminated. Returns the new length. */
enum { REQUEST_SIGNER_ADDS = 160 };
size_t request_signer_sign(struct request_signer *signer, char *text, size_t length, size_t room,
                           int64_t now_ms);

#endif
