#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"

static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};

static bool is_four(const struct address *address)
{
    return memcmp(address->byte, mapped, sizeof mapped) == 0;
}

static struct address four(const void *bytes)
{
    struct address address;
    memcpy(address.byte, mapped, sizeof mapped);
    memcpy(address.byte + sizeof mapped, bytes, 4);
    return address;
}

struct address address_of(const struct sockaddr *sockaddr)
{
    struct address address = {0};
    if (sockaddr->sa_family == AF_INET)
        return four(&((const struct sockaddr_in *)sockaddr)->sin_addr);
    if (sockaddr->sa_family == AF_INET6)
        memcpy(address.byte, &((const struct sockaddr_in6 *)sockaddr)->sin6_addr, 16);
    return address;
}

static bool is_port(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return length >= 1 && length <= 5;
}

/* Takes brackets and port off; false when they are wrong. */
static bool take_off_port(const char **text, size_t *length)
{
    const char *colon = memchr(*text, ':', *length), *end = *text + *length;
    if (*length && **text == '[') {
        const char *close = memchr(*text, ']', *length);
        if (!close || (close + 1 < end &&
                       (close[1] != ':' || !is_port(close + 2, (size_t)(end - close) - 2))))
            return false;
        ++*text;
        *length = (size_t)(close - *text);
        return memchr(*text, ':', *length) != NULL;
    }
    if (!colon || memchr(colon + 1, ':', (size_t)(end - colon) - 1))
        return true; /* IPv6 without brackets has no port */
    *length = (size_t)(colon - *text);
    return is_port(colon + 1, (size_t)(end - colon) - 1);
}

bool address_read(const char *text, size_t length, struct address *address)
{
    char copy[ADDRESS_TEXT_BYTES];
    struct in_addr in;
    if (!take_off_port(&text, &length) || length >= sizeof copy || memchr(text, 0, length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, &in) == 1) {
        *address = four(&in);
        return true;
    }
    return inet_pton(AF_INET6, copy, address->byte) == 1;
}

void address_text(const struct address *address, char out[static ADDRESS_TEXT_BYTES])
{
    bool v4 = is_four(address);
    ASSERT(inet_ntop(v4 ? AF_INET : AF_INET6, address->byte + (v4 ? 12 : 0), out,
                     ADDRESS_TEXT_BYTES) != NULL);
}

uint64_t address_key(const struct address *address)
{
    uint64_t key = 0;
    for (uint32_t i = 0; i < 8; i++)
        key = key << 8 | address->byte[is_four(address) ? 8 + i : i];
    return key | UINT64_C(1) << 63; /* which no address of a client has */
}

/* ---- networks ---- */

bool network_has(const struct network *network, const struct address *address)
{
    uint32_t bytes = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->base.byte, address->byte, bytes) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xFF00 >> rest);
    return rest == 0 || ((network->base.byte[bytes] ^ address->byte[bytes]) & mask) == 0;
}

bool network_read(const char *text, size_t length, struct network *network)
{
    const char *slash = memchr(text, '/', length);
    size_t host = slash ? (size_t)(slash - text) : length;
    uint32_t bits = 0;
    if (memchr(text, '[', host) || !address_read(text, host, &network->base))
        return false;
    bool v4 = is_four(&network->base);
    if (v4 && memchr(text, ':', host) && text[0] != ':')
        return false; /* a port */
    bool wide = v4 && text[0] != ':';
    network->bits = 128;
    if (!slash)
        return true;
    size_t digits = length - host - 1;
    if (digits > 3 || !is_port(slash + 1, digits))
        return false;
    for (size_t i = 0; i < digits; i++)
        bits = 10 * bits + (uint32_t)(slash[1 + i] - '0');
    if (bits > (wide ? 32 : 128))
        return false;
    network->bits = (uint8_t)(bits + (wide ? 96 : 0));
    return true;
}

void network_text(const struct network *network, char out[static NETWORK_TEXT_BYTES])
{
    bool v4 = is_four(&network->base) && network->bits >= 96;
    ASSERT(inet_ntop(v4 ? AF_INET : AF_INET6, network->base.byte + (v4 ? 12 : 0), out,
                     ADDRESS_TEXT_BYTES) != NULL);
    size_t length = strlen(out);
    if (network->bits < 128)
        snprintf(out + length, NETWORK_TEXT_BYTES - length, "/%u", network->bits - (v4 ? 96u : 0));
}

/* ---- trusted proxies ---- */

/* Takes spaces and tabs off both ends. */
static void trim(const char **text, size_t *length)
{
    while (*length && (**text == ' ' || **text == '\t')) {
        ++*text;
        --*length;
    }
    while (*length && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t'))
        --*length;
}

bool proxies_read(struct proxies *proxies, const char *text, const char **wrong, size_t *length)
{
    *proxies = (struct proxies){.count = 0};
    for (const char *at = text, *end; *at; at = end + (*end == ',')) {
        end = at + strcspn(at, ",");
        *wrong = at;
        *length = (size_t)(end - at);
        trim(wrong, length);
        if (proxies->count == PROXIES_MAX ||
            !network_read(*wrong, *length, &proxies->network[proxies->count]))
            return false;
        proxies->count++;
    }
    return true;
}

bool proxies_trust(const struct proxies *proxies, const struct address *address)
{
    for (uint32_t i = 0; i < proxies->count; i++)
        if (network_has(&proxies->network[i], address))
            return true;
    return false;
}

bool proxies_step(const struct proxies *proxies, const char *field, size_t length,
                  struct address *client)
{
    while (proxies_trust(proxies, client)) {
        size_t at = length;
        while (at && field[at - 1] != ',')
            at--;
        const char *entry = field + at;
        size_t entry_length = length - at;
        trim(&entry, &entry_length);
        if (!address_read(entry, entry_length, client))
            return false;
        if (at == 0)
            return true;
        length = at - 1;
    }
    return false;
}
