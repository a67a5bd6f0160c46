/* test_book_slice.c - a command carried on in slices: how much each may do and say.
 *
 * The contract (book.h): a step of `fills_max` makers says at most 2 * fills_max + 4 events. Market
 * shards reserve their room by it (PROTOCOL C3), so one event too many stops the process there.
 */
#include "actors/book/book.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MAKERS = 5000, FILLS_MAX = 32, ROOM = 2 * FILLS_MAX + 4, BEHIND = 4 };

static struct order_pool *pool;
static struct book *book;
static uint64_t refs;

static void *zeroed(size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    cr_assert(block != NULL);
    return memset(block, 0, bytes);
}

static void tear_down(void)
{
    free(book);
    free(pool);
    book = NULL;
    pool = NULL;
}

static void open_book(void)
{
    struct book_config config = {.spec = {10000, 10000}, .symbol = 3, .window_ticks = 4096};
    tear_down();
    pool =
        order_pool_init(zeroed(order_pool_size(MAKERS + 2, MAKERS + 64)), MAKERS + 2, MAKERS + 64);
    book = book_init(zeroed(book_size(4096)), pool, &config);
    refs = 0;
}

TestSuite(book_slice, .fini = tear_down);

static struct book_cmd order(enum book_side side, uint32_t user, int64_t price, int64_t qty)
{
    return (struct book_cmd){.type = CMD_NEW,
                             .side = (uint8_t)side,
                             .order_type = TYPE_LIMIT,
                             .ref = ++refs,
                             .user = user,
                             .price_ticks = price,
                             .qty_lots = qty};
}

struct told { /* by one command */
    uint32_t steps, makers, expired, fills, levels, events_max;
    uint64_t update_id;
};

static void count_event(const struct book_event *event, struct told *told, uint32_t *makers)
{
    if (event->type == EVENT_LEVEL) {
        cr_assert_eq(event->id, ++told->update_id, "update ids are dense");
        told->levels++;
    }
    bool expired = event->type == EVENT_PREVENTED && event->flags & BOOK_MAKER_DONE;
    told->expired += expired;
    told->fills += event->type == EVENT_FILL;
    *makers += expired || event->type == EVENT_FILL;
}

/* Runs a command in slices of `fills_max`, each into room of its own with poison behind it. */
static struct told run(struct book_cmd cmd, uint32_t fills_max)
{
    static struct book_event event[ROOM + BEHIND], poison;
    struct told told = {.update_id = book_update_id(book)};
    enum book_step step = BOOK_MORE;
    uint32_t room = 2 * fills_max + 4;
    cmd.seq = book_seq(book) + 1;
    memset(&poison, 0xA5, sizeof poison);
    cr_assert_eq(book_begin(book, &cmd), REJECT_NONE);
    while (step == BOOK_MORE) {
        struct book_events out = {.event = event};
        uint32_t makers = 0;
        cr_assert(book_busy(book));
        memset(event, 0xA5, sizeof event);
        step = book_step(book, fills_max, &out);
        cr_assert_leq(out.count, room, "%u events from a step of %u", out.count, fills_max);
        for (uint32_t i = out.count; i < ROOM + BEHIND; i++)
            cr_assert_eq(memcmp(&event[i], &poison, sizeof poison), 0, "wrote behind its room");
        for (uint32_t i = 0; i < out.count; i++)
            count_event(&event[i], &told, &makers);
        cr_assert_leq(makers, fills_max);
        cr_assert(step == BOOK_DONE || makers == fills_max, "a slice ended early");
        told.steps++;
        told.makers += makers;
        told.events_max = out.count > told.events_max ? out.count : told.events_max;
    }
    book_verify(book);
    return told;
}

/* Goal: thousands of own makers do not make one step long. Method: a taker through 5,000 of them,
 * at one price and at a price each; then again with every other one another user's. */
Test(book_slice, a_taker_that_meets_thousands_of_own_makers_is_sliced)
{
    static const uint32_t slices[] = {1, 2, 7, FILLS_MAX};
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t fills_max = slices[i % 4], levels = i & 4 ? MAKERS : 1, users = i & 8 ? 2 : 1;
        open_book();
        for (uint32_t k = 0; k < MAKERS; k++)
            run(order(SIDE_SELL, 1 + k % users, 100 + (levels == 1 ? 0 : k), 1), 1);
        struct book_cmd taker = order(SIDE_BUY, 1, 100 + MAKERS, 2 * MAKERS);
        taker.stp = STP_EXPIRE_MAKER;
        struct told told = run(taker, fills_max);
        cr_assert_eq(told.expired, MAKERS / users);
        cr_assert_eq(told.fills, MAKERS - MAKERS / users);
        cr_assert_eq(told.levels, levels + 1, "one a level, and the taker's own");
        cr_assert_eq(told.steps, (MAKERS + fills_max - 1) / fills_max);
        cr_assert_eq(book_orders(book), 1);
        cr_assert_eq(pool->count, 1);
    }
}

/* Goal: the room of the contract is enough, and no larger than it must be. Method: every way for
 * one step of 4 to begin (a new order, a move) and to end (whole, resting, at an own
 * order), over none to seven makers, own and others', a price each or one price. */
Test(book_slice, a_step_says_no_more_than_its_room)
{
    enum { F = 4 };
    uint32_t most = 0;
    for (uint32_t way = 0; way < 512 * STP_COUNT; way++) {
        uint32_t makers = way & 7, own = way >> 3 & 7;
        bool each_its_level = way & 64, moves = way & 128, whole = way & 256;
        int64_t sum = 0;
        open_book();
        for (uint32_t k = 0; k < makers; k++, sum += 2)
            run(order(SIDE_SELL, own >> k % 3 & 1 ? 1 : 2, 100 + (each_its_level ? k : 0), 2), F);
        run(order(SIDE_BUY, 1, 50, 1), F);
        struct book_cmd taker = order(SIDE_BUY, 1, 110, whole && makers ? sum - 1 : sum + 1);
        taker.stp = (uint8_t)(way / 512);
        if (moves) {
            taker.type = CMD_MOVE;
            taker.new_ref = taker.ref--;
        }
        struct told told = run(taker, F);
        most = told.events_max > most ? told.events_max : most;
    }
    cr_assert_eq(most, 2 * F + 4);
}
