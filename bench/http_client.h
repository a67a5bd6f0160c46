/* http_client.h - a small HTTP/1.1 client on one plain TCP connection, for load and replay tools.
 *
 * Keep-alive and pipelining: requests leave in the order of http_client_send() and answers come
 * back in that order, which is the only thing that ties the two together. Answers need a
 * Content-Length; a chunked one is refused in words. No TLS, no redirects, no proxies.
 *
 * Thread:  owner only.
 * Memory:  two buffers that grow to the largest burst; freed by http_client_close().
 * Closing: a server may close a connection on which nothing is in flight, and the next send
 * connects again. One that closes with requests in flight leaves their fate unknown: an error,
 * never a silent second try.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_HOST_MAX = 256, HTTP_PORT_MAX = 8, HTTP_FROM_MAX = 16 };

struct http_address {
    char host[HTTP_HOST_MAX], port[HTTP_PORT_MAX]; /* host without the brackets of an IPv6 one */
    char from[HTTP_FROM_MAX]; /* our own IPv4 address, where it matters; "": the kernel's choice */
};

enum http_client_status {
    HTTP_CLIENT_OK,
    HTTP_CLIENT_TIMEOUT, /* nothing complete within the time; the connection stays usable */
    HTTP_CLIENT_FAILED,  /* http_client_error() says why; nothing more will come */
};

struct http_answer {
    int status;
    const char *body; /* the client's: valid until the next call on it; not terminated */
    size_t body_bytes;
};

struct http_client; /* opaque */

/* Reads "http://host:port", "http://host:port/" or "host:port". False for anything else: another
 * scheme, a path, no port. `from` is empty then. Thread:
 * any. */
bool http_address_parse(const char *text, struct http_address *address);

/* A connected TCP socket that does not wait for more to send; -1 with *why set. Thread: any. */
int http_connect(const struct http_address *to, const char **why);

/* Makes a client; the first send connects. Never NULL: out of memory stops the tool. */
struct http_client *http_client_open(const struct http_address *address);
void http_client_close(struct http_client *client);

/* Queues one request; http_client_flush() or a receive puts it on the wire. `headers` is NULL or
 * whole lines ending in CRLF; Host and Content-Length are added here. Thread: owner. */
enum http_client_status http_client_send(struct http_client *client, const char *method,
                                         const char *target, const char *headers, const char *body,
                                         size_t body_bytes);

/* Writes what the socket takes now, without waiting. Thread: owner. */
enum http_client_status http_client_flush(struct http_client *client);

/* Waits at most timeout_ms for the answer to the oldest request in flight, writing what is queued
 * meanwhile (a server that stops reading until its answers are read cannot lock us out).
 * Expects:  http_client_in_flight() > 0. Thread: owner. */
enum http_client_status http_client_receive(struct http_client *client, int timeout_ms,
                                            struct http_answer *answer);

uint32_t http_client_in_flight(const struct http_client *client);
const char *http_client_error(const struct http_client *client);

/* The length of the first whole answer in `bytes`, with *answer pointing into it; 0 when more bytes
 * are needed; -1 when it is no answer this client understands, with *why set. `*close` says that
 * the server will close after it. Interim (1xx) answers have their status, no body. Thread: any. */
ptrdiff_t http_answer_parse(const char *bytes, size_t length, struct http_answer *answer,
                            bool *close, const char **why);

#endif
