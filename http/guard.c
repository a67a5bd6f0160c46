#include "http/guard.h"

#include <string.h>
#include <strings.h>

#include "runtime/check.h"
#include "runtime/hash.h"

/* ---- at the door ---- */

void guard_init(struct guard *guard, uint32_t connections_max, uint32_t per_address_max,
                uint64_t seed)
{
    guard->connections_max = connections_max;
    guard->per_address_max = per_address_max;
    guard->seed = seed;
}

static _Atomic uint32_t *cell(struct guard *guard, uint64_t address, uint32_t row)
{
    return &guard->cells[row][hash_fold(guard->seed + row, address) % GUARD_CELLS];
}

static bool is_capped(const struct guard *guard, uint64_t address)
{
    return guard->per_address_max && address;
}

enum guard_entry guard_enter(struct guard *guard, uint64_t address)
{
    if (atomic_fetch_add(&guard->connections, 1) >= guard->connections_max) {
        atomic_fetch_sub(&guard->connections, 1);
        return GUARD_FULL;
    }
    if (!is_capped(guard, address))
        return GUARD_ENTERED;
    uint32_t before = UINT32_MAX;
    for (uint32_t row = 0; row < GUARD_ROWS; row++) {
        uint32_t had = atomic_fetch_add(cell(guard, address, row), 1);
        before = had < before ? had : before;
    }
    if (before < guard->per_address_max)
        return GUARD_ENTERED;
    guard_leave(guard, address);
    return GUARD_ADDRESS_FULL;
}

void guard_leave(struct guard *guard, uint64_t address)
{
    for (uint32_t row = 0; row < GUARD_ROWS && is_capped(guard, address); row++)
        ASSERT(atomic_fetch_sub(cell(guard, address, row), 1) > 0);
    ASSERT(atomic_fetch_sub(&guard->connections, 1) > 0);
}

/* ---- one connection ---- */

bool guard_request(struct guard_link *link)
{
    if (link->unanswered >= GUARD_UNANSWERED_MAX || link->untaken >= GUARD_UNTAKEN_MAX)
        return false;
    link->unanswered++;
    return true;
}

void guard_answered(struct guard_link *link)
{
    ASSERT(link->unanswered > 0);
    link->unanswered--;
}

bool guard_ended(struct guard_link *link, bool given_up, int64_t now_us)
{
    uint64_t *word = &link->window[link->window_at / 64], bit = 1ull << link->window_at % 64;
    link->window_given_up = (uint16_t)(link->window_given_up - ((*word & bit) != 0) + given_up);
    *word = given_up ? *word | bit : *word & ~bit;
    link->window_at = (uint16_t)((link->window_at + 1) % GUARD_WINDOW);
    if (link->window_count < GUARD_WINDOW)
        link->window_count++;
    if (!given_up)
        return false;
    if (now_us - link->minute_us >= GUARD_MINUTE_US) {
        link->minute_us = now_us;
        link->given_up_minute = 0;
    }
    link->given_up_minute++;
    return link->given_up_minute >= GUARD_GIVEN_UP_MAX ||
           (link->window_count == GUARD_WINDOW && link->window_given_up > GUARD_WINDOW / 2);
}

enum guard_fault guard_look(struct guard_link *link, const struct guard_view *view,
                            const struct guard_times *times, int64_t now_us)
{
    /* A peer that speaks HTTP/2 is told our settings as soon as it has said so: then it may take
     * its time with the first request. */
    bool silent = view->requests == 0 && view->written == 0;
    if (silent)
        link->partial_us = view->accepted_us;
    else if (!view->partial)
        link->partial_us = 0;
    else if (!link->partial_us || view->requests != link->requests)
        link->partial_us = now_us;
    if (!view->writing)
        link->writing_us = 0;
    else if (!link->writing_us || view->written != link->written)
        link->writing_us = now_us;
    link->requests = view->requests;
    link->written = view->written;
    if (link->partial_us && now_us - link->partial_us > times->request_us)
        return GUARD_SLOW;
    if (link->writing_us && now_us - link->writing_us > times->idle_us)
        return GUARD_STALLED;
    return GUARD_GOOD;
}

/* ---- HTTP/1 heads ---- */

struct line {
    const char *data;
    size_t length;
};

/* Takes one line off; false where it does not end in CR LF. */
static bool take_line(struct line *text, struct line *line)
{
    const char *end = memchr(text->data, '\n', text->length);
    if (!end || end == text->data || end[-1] != '\r')
        return false;
    *line = (struct line){text->data, (size_t)(end - text->data) - 1};
    text->length -= (size_t)(end + 1 - text->data);
    text->data = end + 1;
    return true;
}

static bool is(const char *data, size_t length, const char *word)
{
    return length == strlen(word) && strncasecmp(data, word, length) == 0;
}

enum guard_head guard_head(const char *bytes, size_t length)
{
    uint32_t lengths = 0, codings = 0;
    struct line text = {bytes, length}, line;
    if (!take_line(&text, &line) || (!line.length && !take_line(&text, &line)))
        return GUARD_HEAD_AMBIGUOUS; /* h2o skips one empty line before the request line */
    for (;;) {
        if (!take_line(&text, &line) || (line.length && (*line.data == ' ' || *line.data == '\t')))
            return GUARD_HEAD_AMBIGUOUS;
        if (!line.length)
            break;
        const char *colon = memchr(line.data, ':', line.length);
        size_t name = colon ? (size_t)(colon - line.data) : line.length;
        lengths += is(line.data, name, "content-length");
        if (!is(line.data, name, "transfer-encoding"))
            continue;
        const char *value = line.data + name + 1, *end = line.data + line.length;
        while (value < end && (*value == ' ' || *value == '\t'))
            value++;
        if (value >= end || !is(value, (size_t)(end - value), "chunked"))
            return GUARD_HEAD_AMBIGUOUS;
        codings++;
    }
    if (lengths + codings > 1)
        return GUARD_HEAD_AMBIGUOUS;
    return codings ? GUARD_HEAD_CHUNKED : GUARD_HEAD_PLAIN;
}
