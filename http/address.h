/* address.h - addresses of clients: from a socket or from text, as a key to count by, in networks;
 * and which of the addresses in X-Forwarded-For is the client's.
 *
 * Thread:  any. Pure.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/msg/request.h"

struct sockaddr;

enum { ADDRESS_TEXT_BYTES = 46, NETWORK_TEXT_BYTES = ADDRESS_TEXT_BYTES + 4, PROXIES_MAX = 64 };

struct address address_of(const struct sockaddr *sockaddr);

/* "1.2.3.4", "2001:db8::1", and as proxies write them, with a port: "1.2.3.4:80",
 * "[2001:db8::1]:80". False when it is none of them. */
bool address_read(const char *text, size_t length, struct address *address);

void address_text(const struct address *address, char out[static ADDRESS_TEXT_BYTES]);

/* What an address is counted as: IPv4 whole, IPv6 by its /64, which is what one customer gets.
 * Never 0. */
uint64_t address_key(const struct address *address);

/* ---- networks ---- */

/* "10.0.0.0/8", "2001:db8::/32", or an address alone. False when it is neither. */
bool network_read(const char *text, size_t length, struct network *network);

/* Writes it as network_read() reads it. */
void network_text(const struct network *network, char out[static NETWORK_TEXT_BYTES]);

bool network_has(const struct network *network, const struct address *address);

/* ---- trusted proxies ---- */

struct proxies {
    struct network network[PROXIES_MAX];
    uint32_t count;
};

/* Reads "10.0.0.0/8,2001:db8::1": networks, or addresses alone. False: *wrong is the first that is
 * none, or one too many. */
bool proxies_read(struct proxies *proxies, const char *text, const char **wrong, size_t *length);

bool proxies_trust(const struct proxies *proxies, const struct address *address);

/* Goes through one X-Forwarded-For field from its right end, as long as `client`, which begins as
 * the peer's, is a trusted proxy: each entry is who the proxy after it was asked by. True when the
 * field before this one, if there is one, goes on. What cannot be read ends it: what stands left of
 * it is nobody's word. */
bool proxies_step(const struct proxies *proxies, const char *field, size_t length,
                  struct address *client);

#endif
