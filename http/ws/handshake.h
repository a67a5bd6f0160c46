/* handshake.h - whether a request asks for a WebSocket as RFC 6455 §4.2.1 wants it.
 *
 * Thread:  any. Pure.
 */
#ifndef WS_HANDSHAKE_H
#define WS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

struct handshake_field { /* a header's value, borrowed; NULL: it is not there */
    const char *data;
    size_t length;
};

struct handshake {
    bool get, http11, body;
    struct handshake_field upgrade, connection, version, key;
};

/* What is wrong with it, as a sentence for the client, or NULL. */
const char *handshake_wrong(const struct handshake *asked);

enum { HANDSHAKE_ACCEPT_BYTES = 29 }; /* with the zero behind it */

/* What Sec-WebSocket-Accept says to the key, which handshake_wrong() has let in. */
void handshake_accept(const char key[static 24], char out[static HANDSHAKE_ACCEPT_BYTES]);

#endif
