/* hot.h - lookups that many ask for: their rendered bodies, and what the texts of their requests
 * mean.
 *
 * A body is rendered once for each version of what it shows (the book's update id) and shared by
 * all answers; a request whose text was understood once is not read again.
 *
 * Thread:  the ingress core's: one table each, no atomics.
 * Memory:  at most HOT_BYTES of bodies, plus those still being sent; the longest not asked for
 * goes. Source:  DESIGN §6: a hot GET /depth costs about what a static file costs.
 */
#ifndef HOT_H
#define HOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hot_kind { /* depth by limit; then tickers */
                HOT_DEPTH_5,
                HOT_DEPTH_10,
                HOT_DEPTH_20,
                HOT_DEPTH_50,
                HOT_DEPTH_100,
                HOT_DEPTH_500,
                HOT_DEPTH_1000,
                HOT_DEPTH_5000,
                HOT_TICKER_BOOK,
                HOT_KINDS
};

enum { HOT_BYTES = 64 << 20, HOT_TEXTS = 1024, HOT_TEXT_MAX = 96 };

/* A rendered body, counted by who holds it. */
struct body {
    uint32_t holders;
    uint32_t length;
    char data[];
};

/* What a request's text means. */
struct hot_request {
    uint16_t symbol, route, weight;
    uint8_t kind; /* enum hot_kind */
};

struct hot;

struct hot *hot_new(uint32_t symbols_max);
void hot_free(struct hot *hot);

/* False when the limit is not one that is kept. */
bool hot_depth(uint32_t limit, enum hot_kind *kind);
/* The limit of a depth; 0 for what is none. */
uint32_t hot_limit(enum hot_kind kind);

/* The body of this version, borrowed until the next call, or NULL. */
struct body *hot_body(struct hot *hot, uint16_t symbol, enum hot_kind kind, uint64_t version);
/* Keeps a copy, in place of an older version's; returns it, borrowed as above. */
struct body *hot_keep(struct hot *hot, uint16_t symbol, enum hot_kind kind, uint64_t version,
                      const char *data, size_t length);

/* To send a body that may be replaced meanwhile. */
struct body *body_hold(struct body *body);
void body_drop(struct body *body);

/* Path and query of a request that has been read, with nothing in it but what `request` says; long
 * texts are not kept. */
void hot_learn(struct hot *hot, const char *path, size_t path_length, const char *query,
               size_t query_length, const struct hot_request *request);
/* What they mean, or NULL. */
const struct hot_request *hot_recall(const struct hot *hot, const char *path, size_t path_length,
                                     const char *query, size_t query_length);

/* A symbol's configuration has changed: nothing that was kept holds any more. */
void hot_forget(struct hot *hot);

#endif
