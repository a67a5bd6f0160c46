/* Goal: the edge counts peers right, closes only those that misbehave, and trusts only heads that
 * every reader reads alike. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "http/guard.h"

static struct guard guard;

Test(guard_enter, caps_connections_in_all)
{
    guard_init(&guard, 3, 0, 1);
    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(guard_enter(&guard, i), GUARD_ENTERED);
    cr_assert_eq(guard_enter(&guard, 9), GUARD_FULL);
    cr_assert_eq(guard_enter(&guard, 9), GUARD_FULL, "a refused one does not count");
    guard_leave(&guard, 1);
    cr_assert_eq(guard_enter(&guard, 9), GUARD_ENTERED);
    cr_assert_eq(guard_enter(&guard, 9), GUARD_FULL);
}

Test(guard_enter, caps_each_address_and_leaves_others_alone)
{
    guard_init(&guard, 100000, 5, 42);
    for (uint64_t address = 1; address <= 1000; address++)
        for (uint32_t i = 0; i < 4; i++)
            cr_assert_eq(guard_enter(&guard, address), GUARD_ENTERED, "address %lu, connection %u",
                         address, i);
    cr_assert_eq(guard_enter(&guard, 7), GUARD_ENTERED);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(guard_enter(&guard, 7), GUARD_ADDRESS_FULL,
                     "and a refused one does not count");
    cr_assert_eq(guard_enter(&guard, 8), GUARD_ENTERED);
    guard_leave(&guard, 7);
    cr_assert_eq(guard_enter(&guard, 7), GUARD_ENTERED);
    cr_assert_eq(atomic_load(&guard.connections), 4002u);
}

Test(guard_enter, caps_no_proxy_by_its_address)
{
    guard_init(&guard, 50, 2, 42);
    for (uint32_t i = 0; i < 50; i++)
        cr_assert_eq(guard_enter(&guard, 0), GUARD_ENTERED);
    cr_assert_eq(guard_enter(&guard, 0), GUARD_FULL, "all together are");
    for (uint32_t i = 0; i < 50; i++)
        guard_leave(&guard, 0);
    cr_assert_eq(atomic_load(&guard.connections), 0u);
}

/* Method: everybody leaves; no cell may keep anything. */
Test(guard_enter, counts_are_zero_again_when_all_have_left)
{
    guard_init(&guard, 20, 3, 7);
    uint64_t inside[20];
    uint32_t count = 0, refused = 0;
    for (uint64_t address = 0; address < 40; address++)
        if (guard_enter(&guard, 1 + address % 11) == GUARD_ENTERED)
            inside[count++] = 1 + address % 11;
        else
            refused++;
    cr_assert_eq(count, 20u);
    cr_assert_eq(refused, 20u);
    while (count)
        guard_leave(&guard, inside[--count]);
    cr_assert_eq(atomic_load(&guard.connections), 0u);
    for (uint32_t row = 0; row < GUARD_ROWS; row++)
        for (uint32_t i = 0; i < GUARD_CELLS; i++)
            cr_assert_eq(atomic_load(&guard.cells[row][i]), 0u);
}

static void *come_and_go(void *arg)
{
    uint64_t *entered = arg;
    for (uint32_t i = 0; i < 200000; i++)
        if (guard_enter(&guard, 1 + i % 3) == GUARD_ENTERED) {
            cr_assert_leq(atomic_load(&guard.connections),
                          8u); /* 4 in, and 4 about to be refused */
            (*entered)++;
            guard_leave(&guard, 1 + i % 3);
        }
    return NULL;
}

Test(guard_enter, holds_when_cores_share_it)
{
    pthread_t thread[4];
    uint64_t entered[4] = {0};
    guard_init(&guard, 4, 2, 3);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, come_and_go, &entered[i]), 0);
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(thread[i], NULL), 0);
        cr_assert_gt(entered[i], 0u);
    }
    cr_assert_eq(atomic_load(&guard.connections), 0u);
    for (uint64_t address = 1; address <= 3; address++)
        cr_assert_eq(guard_enter(&guard, address), GUARD_ENTERED);
}

Test(guard_request, counts_until_the_exchange_answers)
{
    struct guard_link link = {0};
    for (uint32_t i = 0; i < GUARD_UNANSWERED_MAX; i++) {
        cr_assert(guard_request(&link), "request %u", i);
        cr_assert_not(guard_ended(&link, i % 3 == 0, 0), "given up, but still under way");
    }
    cr_assert_not(guard_request(&link));
    cr_assert_not(guard_request(&link));
    guard_answered(&link);
    cr_assert(guard_request(&link));
    cr_assert_not(guard_request(&link));
}

Test(guard_request, waits_for_a_peer_that_takes_no_answers)
{
    struct guard_link link = {.untaken = GUARD_UNTAKEN_MAX - 1};
    cr_assert(guard_request(&link));
    link.untaken++;
    cr_assert_not(guard_request(&link));
    cr_assert_eq(link.unanswered, 1u);
}

/* Method: patterns of ends as text, x given up and . answered, repeated; when is it told to close?
 */
Test(guard_ended, closes_who_gives_up_most_of_the_last_200)
{
    static const struct {
        const char *pattern;
        uint32_t times, closes_at; /* 0: never */
    } table[] = {
        {".", 5000, 0}, {"x", 199, 0},     {"x", 1000, 200},    {"x.", 2000, 0},
        {".x", 400, 0}, {"xx.", 400, 200}, {"xxx..", 100, 201}, {"x..", 2000, 0},
    };
    for (size_t row = 0; row < sizeof table / sizeof *table; row++) {
        struct guard_link link = {0};
        uint32_t ends = 0, closed_at = 0;
        int64_t now_us = 5 * GUARD_MINUTE_US; /* each end a minute later: only the window counts */
        for (uint32_t i = 0; i < table[row].times && !closed_at; i++)
            for (const char *c = table[row].pattern; *c && !closed_at;
                 c++, now_us += GUARD_MINUTE_US)
                if (ends++, guard_ended(&link, *c == 'x', now_us))
                    closed_at = ends;
        cr_assert_eq(closed_at, table[row].closes_at, "%s: %u", table[row].pattern, closed_at);
    }
}

Test(guard_ended, forgets_what_is_older_than_200)
{
    struct guard_link link = {0};
    int64_t now_us = GUARD_MINUTE_US;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 100; i++, now_us += GUARD_MINUTE_US)
            cr_assert_not(guard_ended(&link, true, now_us), "round %u", round);
        for (uint32_t i = 0; i < 100; i++, now_us += GUARD_MINUTE_US)
            cr_assert_not(guard_ended(&link, false, now_us));
    }
    for (uint32_t i = 0; i < 100; i++)
        cr_assert_not(guard_ended(&link, true, now_us));
    cr_assert(guard_ended(&link, true, now_us), "101 of the last 200");
}

Test(guard_ended, closes_who_gives_up_a_thousand_in_a_minute)
{
    struct guard_link link = {0};
    int64_t now_us = 7 * GUARD_MINUTE_US;
    for (uint32_t i = 1; i < GUARD_GIVEN_UP_MAX; i++) {
        cr_assert_not(guard_ended(&link, true, now_us), "%u", i);
        for (uint32_t good = 0; good < 2; good++)
            guard_ended(&link, false, now_us);
    }
    now_us += GUARD_MINUTE_US; /* the next minute begins at nothing */
    for (uint32_t i = 1; i < GUARD_GIVEN_UP_MAX; i++) {
        cr_assert_not(guard_ended(&link, true, now_us + i * (GUARD_MINUTE_US / 1001)), "%u", i);
        for (uint32_t good = 0; good < 2; good++)
            guard_ended(&link, false, now_us);
    }
    cr_assert(guard_ended(&link, true, now_us + GUARD_MINUTE_US - 1));
}

static const struct guard_times times = {.request_us = 1000, .idle_us = 5000};

/* Method: one line per life of a connection: what is seen at which moment, and the verdict at the
 * last. */
Test(guard_look, slow_is_a_request_that_does_not_get_complete)
{
    struct seen {
        int64_t at_us;
        uint64_t requests;
        size_t partial, written;
    };
    static const struct {
        const char *what;
        struct seen seen[6];
        enum guard_fault last;
    } table[] = {
        {"nothing sent, in time", {{100, 0, 0, 0}, {1000, 0, 0, 0}}, GUARD_GOOD},
        {"nothing sent, too late", {{100, 0, 0, 0}, {1001, 0, 0, 0}}, GUARD_SLOW},
        {"first request dribbles, seen late", {{1001, 0, 5, 0}}, GUARD_SLOW},
        {"idle after a request", {{900, 1, 0, 9}, {9000, 1, 0, 9}}, GUARD_GOOD},
        {"second request dribbles", {{900, 1, 0, 9}, {2000, 1, 5, 9}, {3001, 1, 6, 9}}, GUARD_SLOW},
        {"second request in time", {{900, 1, 0, 9}, {2000, 1, 5, 9}, {3000, 1, 6, 9}}, GUARD_GOOD},
        {"a busy one, always in the middle",
         {{500, 1, 5, 9}, {1400, 2, 5, 18}, {2300, 3, 5, 27}, {3200, 4, 5, 36}, {4200, 4, 5, 36}},
         GUARD_GOOD},
        {"whole in between",
         {{900, 1, 5, 9}, {1500, 1, 0, 9}, {2000, 1, 5, 9}, {2900, 1, 5, 9}},
         GUARD_GOOD},
        {"HTTP/2 that has said so, no request yet",
         {{500, 0, 0, 21}, {9000, 0, 0, 21}},
         GUARD_GOOD},
        {"HTTP/2, half a frame for ever", {{500, 0, 3, 21}, {1501, 0, 4, 21}}, GUARD_SLOW},
    };
    for (size_t row = 0; row < sizeof table / sizeof *table; row++) {
        struct guard_link link = {0};
        enum guard_fault fault = GUARD_GOOD;
        for (uint32_t i = 0; i < 6 && table[row].seen[i].at_us; i++) {
            const struct seen *seen = &table[row].seen[i];
            const struct guard_view view = {.accepted_us = 1000000,
                                            .requests = seen->requests,
                                            .partial = seen->partial,
                                            .written = seen->written};
            cr_assert_eq(fault, GUARD_GOOD, "%s: look %u", table[row].what, i);
            fault = guard_look(&link, &view, &times, 1000000 + seen->at_us);
        }
        cr_assert_eq(fault, table[row].last, "%s", table[row].what);
    }
}

Test(guard_look, stalled_is_a_peer_that_takes_nothing)
{
    struct guard_link link = {0};
    struct guard_view view = {.accepted_us = 1000, .requests = 1, .written = 500, .writing = true};
    cr_assert_eq(guard_look(&link, &view, &times, 2000), GUARD_GOOD);
    cr_assert_eq(guard_look(&link, &view, &times, 7000), GUARD_GOOD);
    view.written = 900; /* the last write was taken, another one waits */
    cr_assert_eq(guard_look(&link, &view, &times, 7500), GUARD_GOOD);
    cr_assert_eq(guard_look(&link, &view, &times, 12500), GUARD_GOOD);
    view.writing = false;
    cr_assert_eq(guard_look(&link, &view, &times, 20000), GUARD_GOOD);
    view.writing = true;
    cr_assert_eq(guard_look(&link, &view, &times, 30000), GUARD_GOOD);
    cr_assert_eq(guard_look(&link, &view, &times, 35001), GUARD_STALLED);
}

/* Method: one line per head; R is its request line. What follows a head is never looked at. */
#define R "POST /api/v3/order HTTP/1.1\r\nHost: a\r\n"

Test(guard_head, tells_plain_chunked_and_ambiguous_heads)
{
    static const struct {
        enum guard_head expect;
        const char *head;
    } table[] = {
        {GUARD_HEAD_PLAIN, R "\r\n"},
        {GUARD_HEAD_PLAIN, "GET / HTTP/1.1\r\n\r\n"},
        {GUARD_HEAD_PLAIN, "\r\n" R "\r\n"},
        {GUARD_HEAD_PLAIN, R "Content-Length: 5\r\n\r\nhello"},
        {GUARD_HEAD_PLAIN, R "content-length:5\r\n\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {GUARD_HEAD_PLAIN, R "X-Content-Length: 5\r\nX-Transfer-Encoding: x\r\n\r\n"},
        {GUARD_HEAD_PLAIN, R "X: a\tb  \r\n\r\n\n\n"},
        {GUARD_HEAD_CHUNKED, R "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {GUARD_HEAD_CHUNKED, R "TRANSFER-ENCODING:\t ChunkeD\r\n\r\n0\n\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, "\r\n" R "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Content-Length: 5\r\nX: y\r\nContent-Length: 5\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Content-Length: 5\r\ncontent-length: 0\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS,
         R "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Transfer-Encoding: identity\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Transfer-Encoding: gzip, chunked\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Transfer-Encoding: xchunked\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Transfer-Encoding: chunked \r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Transfer-Encoding: \x0b"
                                 "chunked\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Transfer-Encoding:\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Transfer-Encoding\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "Content-Length: 5\r\n 0\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "X: y\nContent-Length: 5\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "X: y\r\n\n"},
        {GUARD_HEAD_AMBIGUOUS, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {GUARD_HEAD_AMBIGUOUS, R "X: y"},
        {GUARD_HEAD_AMBIGUOUS, "\r\n"},
        {GUARD_HEAD_AMBIGUOUS, ""},
    };
    for (size_t row = 0; row < sizeof table / sizeof *table; row++)
        cr_assert_eq(guard_head(table[row].head, strlen(table[row].head)), table[row].expect,
                     "row %zu: %s", row, table[row].head);
}
