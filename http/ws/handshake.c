#include "http/ws/handshake.h"

#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "runtime/check.h"

enum { KEY_BYTES = 24 }; /* 16 bytes in base64 */

/* Whether a comma-separated list names the token, in any case. */
static bool names(struct handshake_field list, const char *token)
{
    const char *at = list.data, *end = at + list.length;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma ? comma : end;
        while (at < stop && (*at == ' ' || *at == '\t'))
            at++;
        size_t length = (size_t)(stop - at);
        while (length && (at[length - 1] == ' ' || at[length - 1] == '\t'))
            length--;
        if (length == strlen(token) && strncasecmp(at, token, length) == 0)
            return true;
        at = comma ? comma + 1 : end;
    }
    return false;
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* 16 bytes are 22 characters and two of padding. */
static bool is_key(struct handshake_field key)
{
    if (key.length != KEY_BYTES || memcmp(key.data + KEY_BYTES - 2, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < KEY_BYTES - 2; i++)
        if (!is_base64(key.data[i]))
            return false;
    return true;
}

const char *handshake_wrong(const struct handshake *asked)
{
    if (!asked->http11)
        return "A WebSocket is opened over HTTP/1.1.";
    if (!asked->get)
        return "A WebSocket is opened by GET.";
    if (!asked->upgrade.data || !names(asked->upgrade, "websocket"))
        return "This path speaks WebSocket: the header Upgrade must be websocket.";
    if (!asked->connection.data || !names(asked->connection, "upgrade"))
        return "The header Connection must name Upgrade.";
    if (!asked->version.data || asked->version.length != 2 ||
        memcmp(asked->version.data, "13", 2) != 0)
        return "The header Sec-WebSocket-Version must be 13.";
    if (!asked->key.data || !is_key(asked->key))
        return "The header Sec-WebSocket-Key must be 16 bytes in base64.";
    if (asked->body)
        return "A request for a WebSocket has no body.";
    return NULL;
}

void handshake_accept(const char key[static 24], char out[static HANDSHAKE_ACCEPT_BYTES])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 §1.3 */
    unsigned char text[KEY_BYTES + sizeof guid - 1], digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    memcpy(text, key, KEY_BYTES);
    memcpy(text + KEY_BYTES, guid, sizeof guid - 1);
    ASSERT(EVP_Digest(text, sizeof text, digest, &length, EVP_sha1(), NULL) == 1 && length == 20);
    EVP_EncodeBlock((unsigned char *)out, digest, (int)length);
}
