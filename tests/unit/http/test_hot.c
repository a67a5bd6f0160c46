#include "http/hot.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYMBOLS = 40 };

static struct hot *hot;

static void setup(void)
{
    hot = hot_new(SYMBOLS);
}

static void teardown(void)
{
    hot_free(hot);
}

TestSuite(hot, .init = setup, .fini = teardown);

static bool is(const struct body *body, const char *text)
{
    return body && body->length == strlen(text) && memcmp(body->data, text, body->length) == 0;
}

/* Goal: a body is of its symbol, kind and version, or not there. */
Test(hot, a_body_is_of_one_version)
{
    cr_assert_null(hot_body(hot, 1, HOT_DEPTH_5, 0));
    cr_assert(is(hot_keep(hot, 1, HOT_DEPTH_5, 7, "seven", 5), "seven"));
    cr_assert(is(hot_body(hot, 1, HOT_DEPTH_5, 7), "seven"));
    cr_assert_null(hot_body(hot, 1, HOT_DEPTH_5, 8));
    cr_assert_null(hot_body(hot, 1, HOT_DEPTH_10, 7));
    cr_assert_null(hot_body(hot, 2, HOT_DEPTH_5, 7));
    hot_keep(hot, 1, HOT_DEPTH_5, 8, "eight", 5);
    cr_assert_null(hot_body(hot, 1, HOT_DEPTH_5, 7));
    cr_assert(is(hot_body(hot, 1, HOT_DEPTH_5, 8), "eight"));
}

/* Goal: what is being sent outlives its replacement. Method: held over a newer version and over
 * hot_forget(); ASan sees a use after free, and a leak. */
Test(hot, a_held_body_stays)
{
    struct body *body = body_hold(hot_keep(hot, 0, HOT_TICKER_BOOK, 1, "old", 3));
    hot_keep(hot, 0, HOT_TICKER_BOOK, 2, "new", 3);
    hot_forget(hot);
    cr_assert(is(body, "old"));
    cr_assert_null(hot_body(hot, 0, HOT_TICKER_BOOK, 2));
    body_drop(body);
}

/* Goal: bodies have a budget; the longest not asked for goes first. Method: bodies of a megabyte
 * for more symbols and kinds than fit, one of them asked for all the while. */
Test(hot, the_longest_not_asked_for_goes)
{
    enum { BYTES = 1 << 20, FIT = HOT_BYTES / (BYTES + sizeof(struct body)) };
    char *data = calloc(1, BYTES);
    uint32_t kept = 0, n = 0;
    for (uint16_t symbol = 0; symbol < SYMBOLS; symbol++)
        for (enum hot_kind kind = 0; kind < 4; kind++, n++) {
            hot_keep(hot, symbol, kind, 1, data, BYTES);
            cr_assert_not_null(hot_body(hot, 0, HOT_DEPTH_5, 1), "after %u", n);
        }
    cr_assert_gt(n, FIT);
    for (uint16_t symbol = 0; symbol < SYMBOLS; symbol++)
        for (enum hot_kind kind = 0; kind < 4; kind++)
            kept += hot_body(hot, symbol, kind, 1) != NULL;
    cr_assert_eq(kept, FIT);
    cr_assert_not_null(hot_body(hot, SYMBOLS - 1, 3, 1));
    cr_assert_null(hot_body(hot, 0, 1, 1));
    free(data);
}

/* Goal: each limit of Binance's depth has a kind, and no other. */
Test(hot, limits_of_depth)
{
    static const uint32_t known[] = {5, 10, 20, 50, 100, 500, 1000, 5000};
    enum hot_kind kind;
    uint32_t count = 0;
    for (uint32_t limit = 0; limit <= 5001; limit++)
        if (hot_depth(limit, &kind)) {
            cr_assert_eq(limit, known[count++]);
            cr_assert_eq(hot_limit(kind), limit);
        }
    cr_assert_eq(count, 8);
}

static void learn(const char *path, const char *query, uint16_t symbol)
{
    const struct hot_request request = {.symbol = symbol, .route = 3, .weight = 5};
    hot_learn(hot, path, strlen(path), query, strlen(query), &request);
}

static const struct hot_request *recall(const char *path, const char *query)
{
    return hot_recall(hot, path, strlen(path), query, strlen(query));
}

/* Goal: a text means what it was learnt to mean, and no other text does: not one that has the same
 * bytes cut elsewhere, nor one of another length. */
Test(hot, texts)
{
    char longer[HOT_TEXT_MAX + 1];
    memset(longer, 'x', sizeof longer);
    longer[HOT_TEXT_MAX] = '\0';
    learn("/depth", "symbol=A", 4);
    cr_assert(recall("/depth", "symbol=A") && recall("/depth", "symbol=A")->symbol == 4);
    cr_assert_null(recall("/depths", "ymbol=A"));
    cr_assert_null(recall("/dept", "hsymbol=A"));
    cr_assert_null(recall("/depth", "symbol=AB"));
    cr_assert_null(recall("/depth", "symbol=B"));
    cr_assert_null(recall("/depth", ""));
    learn("/depth", longer, 5);
    cr_assert_null(recall("/depth", longer));
    learn("/depth", "", 5);
    cr_assert_null(recall("/depth", ""));
    hot_forget(hot);
    cr_assert_null(recall("/depth", "symbol=A"));
}

/* Goal: more texts than there are places push each other out and are never mixed up. */
Test(hot, many_texts)
{
    char query[32];
    uint32_t known = 0;
    for (uint16_t i = 0; i < 4 * HOT_TEXTS; i++) {
        snprintf(query, sizeof query, "symbol=S%u", i);
        learn("/depth", query, i);
        cr_assert_eq(recall("/depth", query)->symbol, i);
    }
    for (uint16_t i = 0; i < 4 * HOT_TEXTS; i++) {
        snprintf(query, sizeof query, "symbol=S%u", i);
        const struct hot_request *request = recall("/depth", query);
        cr_assert(!request || request->symbol == i);
        known += request != NULL;
    }
    cr_assert(known > 0 && known <= HOT_TEXTS);
}
