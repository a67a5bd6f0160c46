#include "http/hot.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"
#include "runtime/hash.h"

struct slot { /* in a ring, by when it was asked for */
    struct slot *older, *newer;
    struct body *body; /* NULL: not in the ring */
    uint64_t version;
};

struct known_text {
    struct hot_request request;
    uint8_t path_length, query_length;
    char text[HOT_TEXT_MAX]; /* path, query */
};

struct hot {
    struct slot **symbol; /* [symbols_max], each NULL or [HOT_KINDS] */
    uint32_t symbols_max;
    struct slot ring; /* its newer is the oldest, its older the newest */
    size_t bytes;
    struct known_text texts[HOT_TEXTS]; /* by hash: the last one wins */
};

static const uint32_t limits[HOT_KINDS] = {5, 10, 20, 50, 100, 500, 1000, 5000};

struct hot *hot_new(uint32_t symbols_max)
{
    struct hot *hot = calloc(1, sizeof *hot);
    ASSERT(hot != NULL);
    hot->symbol = calloc(symbols_max, sizeof *hot->symbol);
    ASSERT(hot->symbol != NULL);
    hot->symbols_max = symbols_max;
    hot->ring.older = hot->ring.newer = &hot->ring;
    return hot;
}

bool hot_depth(uint32_t limit, enum hot_kind *kind)
{
    for (uint32_t i = HOT_DEPTH_5; i <= HOT_DEPTH_5000; i++)
        if (limits[i] == limit) {
            *kind = (enum hot_kind)i;
            return true;
        }
    return false;
}

uint32_t hot_limit(enum hot_kind kind)
{
    return limits[kind];
}

/* ---- bodies ---- */

struct body *body_hold(struct body *body)
{
    body->holders++;
    return body;
}

void body_drop(struct body *body)
{
    ASSERT(body->holders > 0);
    if (--body->holders == 0)
        free(body);
}

static void unlink_slot(struct slot *slot)
{
    slot->older->newer = slot->newer;
    slot->newer->older = slot->older;
}

static void make_newest(struct hot *hot, struct slot *slot)
{
    slot->older = hot->ring.older;
    slot->newer = &hot->ring;
    slot->older->newer = slot;
    hot->ring.older = slot;
}

static void clear(struct hot *hot, struct slot *slot)
{
    unlink_slot(slot);
    hot->bytes -= sizeof *slot->body + slot->body->length;
    body_drop(slot->body);
    slot->body = NULL;
}

struct body *hot_body(struct hot *hot, uint16_t symbol, enum hot_kind kind, uint64_t version)
{
    ASSERT(symbol < hot->symbols_max && kind < HOT_KINDS);
    struct slot *slot = hot->symbol[symbol] ? &hot->symbol[symbol][kind] : NULL;
    if (!slot || !slot->body || slot->version != version)
        return NULL;
    if (hot->ring.older != slot) {
        unlink_slot(slot);
        make_newest(hot, slot);
    }
    return slot->body;
}

struct body *hot_keep(struct hot *hot, uint16_t symbol, enum hot_kind kind, uint64_t version,
                      const char *data, size_t length)
{
    ASSERT(symbol < hot->symbols_max && kind < HOT_KINDS && length <= UINT32_MAX);
    if (!hot->symbol[symbol]) {
        hot->symbol[symbol] = calloc(HOT_KINDS, sizeof *hot->symbol[symbol]);
        ASSERT(hot->symbol[symbol] != NULL);
    }
    struct slot *slot = &hot->symbol[symbol][kind];
    if (slot->body)
        clear(hot, slot);
    struct body *body = malloc(sizeof *body + length);
    ASSERT(body != NULL);
    body->holders = 1;
    body->length = (uint32_t)length;
    memcpy(body->data, data, length);
    slot->body = body;
    slot->version = version;
    make_newest(hot, slot);
    hot->bytes += sizeof *body + length;
    while (hot->bytes > HOT_BYTES && hot->ring.newer != slot)
        clear(hot, hot->ring.newer);
    return body;
}

/* ---- texts ---- */

static uint32_t text_slot(const char *path, size_t path_length, const char *query,
                          size_t query_length)
{
    return (uint32_t)(hash_bytes(hash_bytes(0, path, path_length), query, query_length) %
                      HOT_TEXTS);
}

void hot_learn(struct hot *hot, const char *path, size_t path_length, const char *query,
               size_t query_length, const struct hot_request *request)
{
    if (path_length + query_length > HOT_TEXT_MAX || query_length == 0)
        return;
    struct known_text *text = &hot->texts[text_slot(path, path_length, query, query_length)];
    text->request = *request;
    text->path_length = (uint8_t)path_length;
    text->query_length = (uint8_t)query_length;
    memcpy(text->text, path, path_length);
    memcpy(text->text + path_length, query, query_length);
}

const struct hot_request *hot_recall(const struct hot *hot, const char *path, size_t path_length,
                                     const char *query, size_t query_length)
{
    if (path_length + query_length > HOT_TEXT_MAX || query_length == 0)
        return NULL;
    const struct known_text *text = &hot->texts[text_slot(path, path_length, query, query_length)];
    bool same = text->path_length == path_length && text->query_length == query_length &&
                memcmp(text->text, path, path_length) == 0 &&
                memcmp(text->text + path_length, query, query_length) == 0;
    return same ? &text->request : NULL;
}

/* ---- the end of it ---- */

void hot_forget(struct hot *hot)
{
    while (hot->ring.newer != &hot->ring)
        clear(hot, hot->ring.newer);
    for (uint32_t i = 0; i < HOT_TEXTS; i++)
        hot->texts[i].query_length = 0; /* of no request */
}

void hot_free(struct hot *hot)
{
    hot_forget(hot);
    for (uint32_t i = 0; i < hot->symbols_max; i++)
        free(hot->symbol[i]);
    free(hot->symbol);
    free(hot);
}
