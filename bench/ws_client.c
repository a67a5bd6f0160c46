#define _GNU_SOURCE /* memmem */
#include "bench/ws_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/check.h"

enum { CLOSE = 8, PING = 9, PONG = 10, TEXT = 1, FINAL = 0x80, MASKED = 0x80, HEAD_MAX = 8 };
enum { READ_BYTES = 1 << 20, MESSAGE_MAX = 64 << 10 };

/* The example of RFC 6455 §1.3: the server's accept is known without SHA-1. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static char input[READ_BYTES]; /* of whoever is read */

static bool send_all(struct ws_client *client, const char *bytes, size_t length)
{
    while (length) {
        ssize_t put = send(client->socket, bytes, length, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

static void keep(struct ws_client *client, const char *bytes, size_t length)
{
    free(client->kept);
    client->kept = length ? malloc(length) : NULL;
    ASSERT(client->kept || !length);
    client->kept_bytes = length;
    if (length)
        memcpy(client->kept, bytes, length);
}

/* Reads the answer to the handshake; what came behind it is kept. */
static bool read_answer(struct ws_client *client, const char **why)
{
    char head[4096 + 1], *end;
    size_t have = 0;
    do {
        ssize_t got = have < sizeof head - 1
                          ? recv(client->socket, head + have, sizeof head - 1 - have, 0)
                          : 0;
        if (got <= 0) {
            *why = "the connection ended inside the handshake's answer";
            return false;
        }
        have += (size_t)got;
        head[have] = 0;
    } while (!(end = memmem(head, have, "\r\n\r\n", 4)));
    keep(client, end + 4, have - (size_t)(end + 4 - head));
    end[2] = 0;
    *why = "the handshake was not answered with 101 and the accept of its key";
    return strncmp(head, "HTTP/1.1 101 ", 13) == 0 && strstr(head, ": " ACCEPT "\r\n");
}

bool ws_client_open(struct ws_client *client, const struct http_address *to, const char *target,
                    const char **why)
{
    char request[2048];
    *client = (struct ws_client){.socket = http_connect(to, why)};
    if (client->socket < 0)
        return false;
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: " KEY "\r\n\r\n",
                          target, to->host, to->port);
    ASSERT(length > 0 && (size_t)length < sizeof request);
    *why = "the connection broke";
    if (send_all(client, request, (size_t)length) && read_answer(client, why))
        return true;
    ws_client_close(client);
    return false;
}

/* Masked with zeros, which leaves the payload as it is. */
static bool send_frame(struct ws_client *client, uint32_t opcode, const char *payload,
                       size_t length)
{
    char frame[HEAD_MAX + MESSAGE_MAX];
    size_t at = 0;
    ASSERT(length < MESSAGE_MAX);
    frame[at++] = (char)(FINAL | opcode);
    if (length < 126) {
        frame[at++] = (char)(MASKED | length);
    } else {
        frame[at++] = (char)(MASKED | 126);
        frame[at++] = (char)(length >> 8);
        frame[at++] = (char)length;
    }
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, payload, length);
    return send_all(client, frame, at + 4 + length);
}

bool ws_client_send(struct ws_client *client, const char *text, size_t length)
{
    return send_frame(client, TEXT, text, length);
}

/* The length of the frame's payload and of its head; false when the head has not come whole. */
static bool frame_size(const unsigned char *at, size_t have, size_t *head, size_t *payload)
{
    if (have < 2)
        return false;
    uint32_t more = at[1] == 127 ? 8 : at[1] == 126 ? 2 : 0;
    *head = 2 + more;
    *payload = more ? 0 : at[1];
    if (have < *head)
        return false;
    for (uint32_t i = 0; i < more; i++)
        *payload = *payload << 8 | at[2 + i];
    return true;
}

/* False: it was a close. */
static bool on_frame(struct ws_client *client, uint32_t first, const char *payload, size_t length,
                     ws_client_text *on_text, void *user)
{
    switch (first) {
    case FINAL | TEXT:
        on_text(user, payload, length);
        return true;
    case FINAL | PING:
        return send_frame(client, PONG, payload, length);
    case FINAL | PONG:
        return true;
    default:
        ASSERT(first == (FINAL | CLOSE)); /* Castle sends nothing else */
        if (length >= 2)
            client->close_code =
                (uint16_t)((unsigned char)payload[0] << 8 | (unsigned char)payload[1]);
        return false;
    }
}

bool ws_client_receive(struct ws_client *client, ws_client_text *on_text, void *user)
{
    size_t have = client->kept_bytes, at = 0, head, payload;
    if (have)
        memcpy(input, client->kept, have);
    ssize_t got = recv(client->socket, input + have, sizeof input - have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return true;
    bool open = got > 0;
    have += open ? (size_t)got : 0;
    while (open && frame_size((unsigned char *)input + at, have - at, &head, &payload)) {
        ASSERT(head + payload <= sizeof input);
        if (have - at < head + payload)
            break;
        open =
            on_frame(client, (unsigned char)input[at], input + at + head, payload, on_text, user);
        at += head + payload;
    }
    if (!open) {
        ws_client_close(client);
        return false;
    }
    if (at < have || client->kept_bytes)
        keep(client, input + at, have - at);
    return true;
}

void ws_client_close(struct ws_client *client)
{
    if (client->socket >= 0)
        close(client->socket);
    client->socket = -1;
    keep(client, NULL, 0);
}

uint64_t ws_client_number(const char *text, size_t length, const char *name)
{
    const char *at = memmem(text, length, name, strlen(name));
    uint64_t value = 0;
    if (!at)
        return UINT64_MAX;
    for (at += strlen(name); at < text + length && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    return value;
}
