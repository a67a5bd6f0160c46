/* fuzz_address.c - X-Forwarded-For and lists of networks, against naive twins.
 *
 * Input:   lines: a list of trusted networks, the peer's address, and fields, the last one first.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "http/address.h"
#include "runtime/check.h"
#include "tests/fuzz/fuzz.h"

enum { FIELDS_MAX = 8 };

/* The grammar of address_read(), by trying each of its four shapes. */
static bool naive_read(const char *text, size_t length, struct address *address)
{
    char copy[64] = "", host[64] = "", rest[64] = "";
    unsigned port = 0;
    struct in_addr in;
    if (length >= sizeof copy || memchr(text, 0, length))
        return false;
    memcpy(copy, text, length);
    int at = 0;
    bool six = false;
    if (sscanf(copy, "[%63[0-9a-fA-F:.]]%n", host, &at) == 1 && at > 0) {
        six = true;
        snprintf(rest, sizeof rest, "%s", copy + at);
        if (!strchr(host, ':'))
            return false;
    } else if (strchr(copy, ':') && strchr(copy, ':') == strrchr(copy, ':')) {
        snprintf(rest, sizeof rest, "%s", strchr(copy, ':'));
        snprintf(host, sizeof host, "%.*s", (int)(strchr(copy, ':') - copy), copy);
    } else {
        snprintf(host, sizeof host, "%s", copy);
    }
    at = 0;
    if (rest[0] && (strspn(rest + 1, "0123456789") != strlen(rest) - 1 ||
                    sscanf(rest, ":%5u%n", &port, &at) != 1 || rest[at]))
        return false;
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    if (!six && inet_pton(AF_INET, host, &in) == 1) {
        memcpy(address->byte, mapped, sizeof mapped);
        memcpy(address->byte + sizeof mapped, &in, sizeof in);
        return true;
    }
    return inet_pton(AF_INET6, host, address->byte) == 1;
}

static void check_read(const char *text, size_t length)
{
    struct address got, naive, again;
    char shown[ADDRESS_TEXT_BYTES];
    char *copy = fuzz_copy(text, length); /* of its own, so that reading past the end is seen */
    bool good = address_read(copy, length, &got);
    free(copy);
    ASSERT(good == naive_read(text, length, &naive));
    if (!good)
        return;
    ASSERT(memcmp(&got, &naive, sizeof got) == 0 && address_key(&got) != 0);
    address_text(&got, shown);
    ASSERT(address_read(shown, strlen(shown), &again) && memcmp(&got, &again, sizeof got) == 0);
}

/* Bit by bit. */
static bool naive_trust(const struct proxies *proxies, const struct address *address)
{
    for (uint32_t i = 0; i < proxies->count; i++) {
        bool same = true;
        for (uint32_t bit = 0; bit < proxies->network[i].bits; bit++)
            same &= !((proxies->network[i].base.byte[bit / 8] ^ address->byte[bit / 8]) >>
                          (7 - bit % 8) &
                      1);
        if (same)
            return true;
    }
    return false;
}

/* Splits off the last entry, without the blanks around it; *length is what stays. */
static const char *last_entry(const char *field, size_t *length, size_t *entry_length)
{
    size_t end = *length, begin = end;
    while (begin && field[begin - 1] != ',')
        begin--;
    *length = begin ? begin - 1 : SIZE_MAX; /* none is left */
    while (begin < end && strchr(" \t", field[begin]) && field[begin])
        begin++;
    while (end > begin && strchr(" \t", field[end - 1]) && field[end - 1])
        end--;
    *entry_length = end - begin;
    return field + begin;
}

static bool naive_step(const struct proxies *proxies, const char *field, size_t length,
                       struct address *client)
{
    while (length != SIZE_MAX) {
        struct address before;
        size_t entry_length;
        if (!naive_trust(proxies, client))
            return false;
        const char *entry = last_entry(field, &length, &entry_length);
        if (!naive_read(entry, entry_length, &before))
            return false;
        *client = before;
    }
    return true;
}

/* A line of the input, terminated; NULL: there is none. */
static char *take_line(const uint8_t **data, size_t *size)
{
    if (!*size)
        return NULL;
    const uint8_t *end = memchr(*data, '\n', *size);
    size_t length = end ? (size_t)(end - *data) : *size;
    char *line = malloc(length + 1);
    ASSERT(line != NULL);
    memcpy(line, *data, length);
    line[length] = '\0';
    *data += length + (end != NULL);
    *size -= length + (end != NULL);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct proxies proxies;
    struct address client, naive;
    const char *wrong;
    size_t length;
    char *list = take_line(&data, &size), *peer = take_line(&data, &size), *field;
    bool good = list && peer && proxies_read(&proxies, list, &wrong, &length);
    if (good && naive_read(peer, strlen(peer), &client)) {
        naive = client;
        bool more = true, naive_more = true;
        for (uint32_t i = 0; i < FIELDS_MAX && (field = take_line(&data, &size)); i++) {
            check_read(field, strlen(field));
            char *copy = fuzz_copy(field, strlen(field));
            if (more)
                more = proxies_step(&proxies, copy, strlen(field), &client);
            if (naive_more)
                naive_more = naive_step(&proxies, field, strlen(field), &naive);
            free(copy);
            free(field);
            ASSERT(more == naive_more && memcmp(&client, &naive, sizeof client) == 0);
        }
    }
    if (peer)
        check_read(peer, strlen(peer));
    free(list);
    free(peer);
    return 0;
}
