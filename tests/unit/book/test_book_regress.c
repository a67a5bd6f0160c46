/* test_book_regress.c - bugs that matching engines have had: each would fail its test. */
#include "actors/book/book.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/hash.h"

enum { ORDERS_MAX = 8, EVENTS_MAX = 256 };

static struct order_pool *pool;
static struct book *books[2]; /* both live in the one pool, as the books of a shard do */
static struct book_event event[EVENTS_MAX];
static uint32_t event_count;

static void *zeroed(size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    cr_assert(block != NULL);
    return memset(block, 0, bytes);
}

static void set_up(void)
{
    pool = order_pool_init(zeroed(order_pool_size(ORDERS_MAX, ORDERS_MAX + 64)), ORDERS_MAX,
                           ORDERS_MAX + 64);
    for (uint16_t i = 0; i < 2; i++) {
        struct book_config config = {
            .spec = {10000, 10000}, .symbol = (uint16_t)(i + 1), .window_ticks = 64};
        books[i] = book_init(zeroed(book_size(64)), pool, &config);
    }
}

static void tear_down(void)
{
    free(books[0]);
    free(books[1]);
    free(pool);
}

TestSuite(book_regress, .init = set_up, .fini = tear_down);

/* Runs a command on a book; its events are in event[0 .. event_count - 1]. */
static enum reject apply_to(struct book *book, struct book_cmd cmd)
{
    struct book_events out = {event, 0};
    event_count = 0;
    cmd.seq = book_seq(book) + 1;
    cmd.ts_us = (int64_t)cmd.seq;
    enum reject reject = book_begin(book, &cmd);
    if (reject == REJECT_NONE)
        while (book_step(book, 3, &out) == BOOK_MORE)
            ;
    event_count = out.count;
    book_verify(book);
    return reject;
}

static enum reject apply(struct book_cmd cmd)
{
    return apply_to(books[0], cmd);
}

static struct book_cmd limit(enum book_side side, uint64_t ref, int64_t price, int64_t qty)
{
    return (struct book_cmd){.type = CMD_NEW,
                             .side = (uint8_t)side,
                             .order_type = TYPE_LIMIT,
                             .ref = ref,
                             .user = (uint32_t)ref,
                             .price_ticks = price,
                             .qty_lots = qty};
}

static struct book_cmd market(enum book_side side, uint64_t ref, int64_t qty, int64_t quote_atoms,
                              uint8_t flags)
{
    struct book_cmd cmd = limit(side, ref, 0, qty);
    cmd.order_type = TYPE_MARKET;
    cmd.quote_atoms = quote_atoms;
    cmd.flags = flags;
    return cmd;
}

static struct book_cmd cancel(uint64_t ref)
{
    return (struct book_cmd){.type = CMD_CANCEL, .ref = ref};
}

static struct book_cmd move(uint64_t ref, uint64_t new_ref, int64_t price, int64_t qty)
{
    return (struct book_cmd){
        .type = CMD_MOVE, .ref = ref, .new_ref = new_ref, .price_ticks = price, .qty_lots = qty};
}

/* The i-th FILL of the last command, or NULL. */
static const struct book_event *fill(uint32_t i)
{
    for (uint32_t k = 0; k < event_count; k++)
        if (event[k].type == EVENT_FILL && i-- == 0)
            return &event[k];
    return NULL;
}

/* What the fills of the last command cost. */
static int64_t spent(void)
{
    struct money_spec spec = {10000, 10000};
    int64_t sum = 0, cost = 0;
    for (uint32_t i = 0; fill(i); i++) {
        cr_assert(money_quote_floor(&spec, fill(i)->price_ticks, fill(i)->qty_lots, &cost));
        sum += cost;
    }
    return sum;
}

static bool best_is(enum book_side side, int64_t price)
{
    int64_t best = 0;
    return book_best(books[0], side, &best) && best == price;
}

/* Goal: the maker's price, not the taker's. Method: takers that offer much more and ask much
 * less. */
Test(book_regress, a_trade_is_printed_at_the_price_of_the_maker)
{
    apply(limit(SIDE_SELL, 1, 100, 5));
    cr_assert_eq(apply(limit(SIDE_BUY, 2, 150, 2)), REJECT_NONE);
    cr_assert_eq(fill(0)->price_ticks, 100);
    cr_assert_eq(book_last_price(books[0]), 100);
    apply(cancel(1));
    apply(limit(SIDE_BUY, 3, 90, 5));
    cr_assert_eq(apply(limit(SIDE_SELL, 4, 10, 2)), REJECT_NONE);
    cr_assert_eq(fill(0)->price_ticks, 90);
    cr_assert_eq(book_last_price(books[0]), 90);
}

/* Goal: the best price follows a cancel. Method: cancel the top level, near and far; then the last
 * one. */
Test(book_regress, cancelling_the_top_level_leaves_no_phantom_best_price)
{
    apply(limit(SIDE_SELL, 1, 100, 5));
    apply(limit(SIDE_SELL, 2, 103, 5));
    apply(limit(SIDE_SELL, 3, 90000, 5));
    cr_assert(best_is(SIDE_SELL, 100));
    apply(cancel(1));
    cr_assert(best_is(SIDE_SELL, 103));
    apply(cancel(2));
    cr_assert(best_is(SIDE_SELL, 90000));
    cr_assert_eq(apply(limit(SIDE_BUY, 4, 103, 1)), REJECT_NONE);
    cr_assert(fill(0) == NULL, "traded at a price where nothing is");
    apply(cancel(3));
    int64_t price;
    cr_assert(!book_best(books[0], SIDE_SELL, &price));
}

/* Goal: a queue survives losing its head, its middle and its tail. Method: cancel each of five, in
 * turn. */
Test(book_regress, a_cancel_inside_a_queue_keeps_the_rest_in_order)
{
    for (uint64_t gone = 1; gone <= 5; gone++) {
        for (uint64_t i = 1; i <= 5; i++)
            apply(limit(SIDE_SELL, 10 * gone + i, 100, (int64_t)i));
        cr_assert_eq(apply(cancel(10 * gone + gone)), REJECT_NONE);
        cr_assert_eq(apply(market(SIDE_BUY, 9, 15, 1000000, 0)), REJECT_NONE);
        uint32_t n = 0;
        for (uint64_t i = 1; i <= 5; i++)
            if (i != gone) {
                cr_assert(fill(n) != NULL && fill(n)->ref == 10 * gone + i);
                cr_assert_eq(fill(n++)->qty_lots, (int64_t)i);
            }
        cr_assert(fill(n) == NULL);
        cr_assert_eq(book_orders(books[0]), 0);
    }
}

Test(book_regress, a_move_that_crosses_matches)
{
    int64_t ask = 0, bid = 0;
    apply(limit(SIDE_SELL, 1, 100, 5));
    apply(limit(SIDE_BUY, 2, 90, 8));
    cr_assert_eq(apply(move(2, 3, 100, 8)), REJECT_NONE);
    cr_assert(fill(0) != NULL && fill(0)->qty_lots == 5);
    apply(limit(SIDE_SELL, 4, 101, 1));
    cr_assert(book_best(books[0], SIDE_SELL, &ask) && book_best(books[0], SIDE_BUY, &bid));
    cr_assert_lt(bid, ask);
}

/* Goal: nothing that ended is found again. Method: end orders in every way, then cancel and move
 * them. */
Test(book_regress, an_order_that_ended_cannot_be_cancelled_again)
{
    apply(limit(SIDE_SELL, 1, 100, 5)); /* filled as maker */
    apply(limit(SIDE_BUY, 2, 100, 5));  /* filled as taker */
    apply(limit(SIDE_SELL, 3, 100, 5)); /* cancelled */
    apply(cancel(3));
    apply(limit(SIDE_SELL, 4, 100, 5)); /* moved away */
    apply(move(4, 5, 101, 5));
    apply(limit(SIDE_SELL, 6, 102, 5)); /* moved into a whole fill, under ref 7 */
    apply(limit(SIDE_BUY, 8, 90, 5));
    apply(move(6, 7, 90, 5));
    apply(market(SIDE_BUY, 9, 1, 1000000, 0));
    for (uint64_t ref = 1; ref <= 9; ref++) {
        if (ref == 5)
            continue;
        cr_expect_eq(apply(cancel(ref)), REJECT_UNKNOWN_ORDER, "ref %d", (int)ref);
        cr_expect_eq(apply(move(ref, 100 + ref, 95, 1)), REJECT_UNKNOWN_ORDER, "ref %d", (int)ref);
    }
    cr_assert_eq(book_orders(books[0]), 1);
    cr_assert_eq(apply(cancel(5)), REJECT_NONE);
}

Test(book_regress, an_ioc_remainder_does_not_rest)
{
    struct book_cmd ioc = limit(SIDE_BUY, 2, 100, 5);
    int64_t price;
    ioc.tif = TIF_IOC;
    apply(limit(SIDE_SELL, 1, 100, 3));
    cr_assert_eq(apply(ioc), REJECT_NONE);
    cr_assert_eq(event[event_count - 1].type, EVENT_DONE);
    cr_assert_eq(event[event_count - 1].left_lots, 2);
    cr_assert(!book_best(books[0], SIDE_BUY, &price));
    cr_assert_eq(book_orders(books[0]), 0);
    cr_assert_eq(pool->count, 0);
}

/* Goal: a market order never spends more than its limit, the hold. Method: every hold up to the
 * whole book. */
Test(book_regress, a_market_order_does_not_walk_through_its_own_limit)
{
    for (int64_t hold = 0; hold < 800; hold += 7)
        for (uint8_t flags = 0; flags <= CMD_QUOTE_QTY; flags++) {
            for (uint64_t i = 1; i <= 3; i++)
                apply(limit(SIDE_SELL, i, 100 + (int64_t)i, 2));
            cr_assert_eq(apply(market(SIDE_BUY, 9, 6, hold, flags)), REJECT_NONE);
            cr_assert_leq(spent(), hold);
            for (uint64_t i = 1; i <= 3; i++)
                apply(cancel(i));
            cr_assert_eq(book_orders(books[0]), 0);
        }
}

Test(book_regress, a_limit_order_does_not_trade_behind_its_limit)
{
    apply(limit(SIDE_SELL, 1, 100, 1));
    apply(limit(SIDE_SELL, 2, 101, 1));
    apply(limit(SIDE_SELL, 3, 99999, 1));
    cr_assert_eq(apply(limit(SIDE_BUY, 4, 101, 9)), REJECT_NONE);
    cr_assert(fill(1) != NULL && fill(1)->price_ticks == 101);
    cr_assert(fill(2) == NULL);
    cr_assert(best_is(SIDE_SELL, 99999));
    cr_assert(best_is(SIDE_BUY, 101));
}

/* Goal: no trade of nothing. Method: budgets below one lot, and orders that end just at a maker's
 * end. */
Test(book_regress, no_trade_has_a_quantity_of_zero)
{
    static const int64_t holds[] = {0, 1, 99, 100, 101, 199, 200, 201, 299, 300, 301, 100000};
    for (size_t i = 0; i < sizeof holds / sizeof holds[0]; i++)
        for (uint8_t flags = 0; flags <= CMD_QUOTE_QTY; flags++) {
            apply(limit(SIDE_SELL, 1, 100, 1));
            apply(limit(SIDE_SELL, 2, 100, 1));
            apply(limit(SIDE_SELL, 3, 101, 1));
            cr_assert_eq(apply(market(SIDE_BUY, 9, 2, holds[i], flags)), REJECT_NONE);
            for (uint32_t k = 0; fill(k); k++)
                cr_assert_gt(fill(k)->qty_lots, 0);
            for (uint64_t ref = 1; ref <= 3; ref++)
                apply(cancel(ref));
        }
}

/* Goal: an order id names one order for ever. Method: slots are reused many times, ids must go up
 * by one. */
Test(book_regress, an_order_id_is_never_used_twice)
{
    uint64_t last = 0;
    for (uint64_t i = 1; i <= 500; i++) {
        cr_assert_eq(apply(limit(SIDE_SELL, i, 100, 2)), REJECT_NONE);
        cr_assert_eq(book_taker_order_id(books[0]), last + 1);
        cr_assert_eq(event[0].order_id, last + 1);
        last++;
        switch (i % 4) {
        case 0:
            apply(cancel(i));
            break;
        case 1:
            apply(market(SIDE_BUY, 1000 + i, 2, 1000, 0));
            cr_assert_eq(fill(0)->order_id, last);
            cr_assert_eq(fill(0)->taker_order_id, last + 1);
            last++;
            break;
        case 2:
            apply(move(i, 1000 + i, 101, 1));
            cr_assert_eq(book_taker_order_id(books[0]), ++last);
            apply(cancel(1000 + i));
            break;
        default:
            apply(limit(SIDE_BUY, 1000 + i, 100, 2));
            last++;
            break;
        }
        cr_assert_eq(book_orders(books[0]), 0);
    }
}

Test(book_regress, an_order_beyond_capacity_is_refused_and_not_dropped)
{
    for (uint64_t i = 1; i <= ORDERS_MAX; i++)
        cr_assert_eq(apply(limit(SIDE_SELL, i, 100, 1)), REJECT_NONE);
    cr_assert_eq(apply(limit(SIDE_SELL, 100, 100, 1)), REJECT_BOOK_FULL);
    cr_assert_eq(event_count, 0);
    cr_assert_eq(apply(cancel(100)), REJECT_UNKNOWN_ORDER);
    cr_assert_eq(book_orders(books[0]), ORDERS_MAX);
    for (uint64_t i = 1; i <= ORDERS_MAX; i++)
        cr_assert_eq(apply(cancel(i)), REJECT_NONE, "order %d was dropped", (int)i);
}

/* Goal: every way for an order to end gives its node back. Method: rounds of each, in a pool of
 * eight. */
Test(book_regress, every_end_of_an_order_gives_its_node_back)
{
    for (uint64_t round = 0; round < 100; round++) {
        uint64_t ref = 1000 * (round + 1);
        for (uint64_t i = 0; i < ORDERS_MAX; i++)
            cr_assert_eq(apply(limit(i % 2 ? SIDE_SELL : SIDE_BUY, ref + i,
                                     i % 2 ? 5000 + (int64_t)(i * round) : 4000 - (int64_t)i, 3)),
                         REJECT_NONE);
        cr_assert_eq(pool->count, ORDERS_MAX);
        apply(cancel(ref));
        apply(market(SIDE_SELL, ref + 50, 4, 0, 0));
        apply(market(SIDE_BUY, ref + 51, 0, 20000, CMD_QUOTE_QTY));
        for (uint64_t i = 0; i < ORDERS_MAX; i++)
            apply(move(ref + i, ref + 100 + i, 4500, 3));
        apply(limit(SIDE_BUY, ref + 52, 9000, 1));
        for (uint64_t i = 0; i < 200; i++)
            apply(cancel(ref + i));
        cr_assert_eq(book_orders(books[0]), 0);
        cr_assert_eq(pool->count, 0);
        cr_assert_eq(pool->far_count, 0, "a far level was not given back");
    }
}

/* Goal: an unknown ref touches nothing. Method: refs that are near, old, huge, and of another
 * book. */
Test(book_regress, cancelling_an_unknown_ref_removes_no_other_order)
{
    static const uint64_t refs[] = {2, 9, 1 | 1ull << 54, 1ull << 32 | 1, UINT64_MAX};
    apply(limit(SIDE_SELL, 1, 100, 5));
    apply(limit(SIDE_SELL, 2, 100, 5));
    apply(cancel(2));
    uint64_t seq = book_seq(books[0]);
    for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
        cr_assert_eq(apply(cancel(refs[i])), REJECT_UNKNOWN_ORDER);
        cr_assert_eq(apply(move(refs[i], 77, 101, 1)), REJECT_UNKNOWN_ORDER);
        cr_assert_eq(book_orders(books[0]), 1);
    }
    cr_assert_eq(book_seq(books[0]), seq + 10);
    cr_assert_eq(apply(cancel(1)), REJECT_NONE);
}

/* Goal: a ref is known to its own book only, though the pool is shared. Method: end it through the
 * other. */
Test(book_regress, a_book_does_not_end_the_orders_of_another_book)
{
    apply(limit(SIDE_SELL, 1, 100, 5));
    cr_assert_eq(apply_to(books[1], limit(SIDE_SELL, 2, 100, 5)), REJECT_NONE);
    cr_assert_eq(apply_to(books[1], cancel(1)), REJECT_UNKNOWN_ORDER);
    cr_assert_eq(apply_to(books[1], move(1, 3, 90, 1)), REJECT_UNKNOWN_ORDER);
    struct book_cmd reduce = {.type = CMD_REDUCE, .ref = 1, .qty_lots = 1};
    cr_assert_eq(apply_to(books[1], reduce), REJECT_UNKNOWN_ORDER);
    cr_assert_eq(book_orders(books[0]), 1);
    cr_assert_eq(book_orders(books[1]), 1);
    book_verify(books[0]);
    cr_assert_eq(apply(cancel(1)), REJECT_NONE);
    cr_assert_eq(apply_to(books[1], cancel(2)), REJECT_NONE);
}

/* Goal: books of a shard share room, and the last room goes to whoever asks first. */
Test(book_regress, books_that_share_a_pool_share_its_room)
{
    for (uint64_t i = 1; i <= ORDERS_MAX; i++)
        cr_assert_eq(apply_to(books[i % 2], limit(SIDE_SELL, i, 100, 1)), REJECT_NONE);
    cr_assert_eq(apply_to(books[0], limit(SIDE_SELL, 50, 100, 1)), REJECT_BOOK_FULL);
    cr_assert_eq(apply_to(books[1], limit(SIDE_SELL, 51, 100, 1)), REJECT_BOOK_FULL);
    cr_assert_eq(apply_to(books[1], cancel(1)), REJECT_NONE);
    cr_assert_eq(apply_to(books[0], limit(SIDE_SELL, 52, 100, 1)), REJECT_NONE);
    cr_assert_eq(book_orders(books[0]) + book_orders(books[1]), ORDERS_MAX);
}

/* Goal: a price is a number. Method: what IEEE and strtod call numbers. */
Test(book_regress, nan_is_not_a_price)
{
    static const char *const texts[] = {"NaN", "nan", "-nan", "inf", "Infinity", "0x1p3", "1e3"};
    int64_t atoms;
    uint32_t decimals;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert(!money_parse(texts[i], (uint32_t)strlen(texts[i]), &atoms, &decimals));
}

/* Goal: a price that leaps away and back costs neither orders nor order. Method: leave orders
 * behind on both sides while the market moves far up and down again, then trade with what was
 * left. */
Test(book_regress, orders_left_behind_by_a_leaping_price_are_found_again)
{
    apply(limit(SIDE_BUY, 1, 1000, 5));
    apply(limit(SIDE_SELL, 2, 1001, 5));
    apply(limit(SIDE_BUY, 3, 1001, 5)); /* takes 2 */
    for (uint64_t i = 0; i < 40; i++) {
        int64_t price = 2000 + (int64_t)(i % 2 ? 90000000 : 5) * (int64_t)i;
        apply(limit(SIDE_SELL, 10 + 2 * i, price, 1));
        apply(limit(SIDE_BUY, 11 + 2 * i, price, 1));
        cr_assert(fill(0) != NULL && fill(0)->price_ticks == price);
    }
    cr_assert(best_is(SIDE_BUY, 1000));
    apply(limit(SIDE_SELL, 200, 1000, 5));
    cr_assert(fill(0) != NULL && fill(0)->ref == 1);
    cr_assert_eq(pool->count, 0);
    cr_assert_eq(pool->far_count, 0);
}

/* ---- snapshots ---- */

/* A book with room for so little that it runs out of all of it. */
static struct book *small_book(struct order_pool **small)
{
    enum { ORDERS = 48, LEVELS = 24, WINDOW = 64 };
    const struct book_config config = {.spec = {10000, 10000}, .symbol = 1, .window_ticks = WINDOW};
    *small = order_pool_init(zeroed(order_pool_size(ORDERS, LEVELS)), ORDERS, LEVELS);
    return book_init(zeroed(book_size(WINDOW)), *small, &config);
}

/* An order that crosses none: it rests near the market or far from it, or waits for a stop, a turn
 * or both; or the cancel of one. */
static struct book_cmd draw(uint64_t number, struct book_more *more)
{
    uint64_t random = hash_mix(number);
    enum book_side side = random & 1;
    int64_t far = 100 * (int64_t)(random >> 16 & 63), near = (int64_t)(random >> 16 & 7);
    int64_t off = random >> 8 & 1 ? far : near;
    struct book_cmd cmd = limit(side, number, side == SIDE_BUY ? 10000 - off : 10001 + off, 1);
    if (random >> 4 & 1)
        return cancel(1 + (random >> 32) % number);
    if (random >> 5 & 1)
        return cmd;
    *more = (struct book_more){.stop_ticks = random >> 9 & 1 ? 1 + far : 0,
                               .trail_bips = random >> 9 & 2 ? 10 + (random >> 24 & 15) : 0};
    if (!more->trail_bips)
        more->stop_ticks = 1 + far;
    cmd.order_type = TYPE_STOP_LOSS_LIMIT;
    cmd.more = more;
    return cmd;
}

static void expect_read_back(struct book *book, uint64_t number)
{
    static unsigned char kept[1 << 16];
    struct order_pool *other;
    struct book *back = small_book(&other);
    struct wire out = {.out = kept, .ok = true};
    book_wire(&out, book);
    struct wire in = {.in = kept, .end = out.at, .ok = true};
    book_wire(&in, back);
    cr_assert(in.ok && in.at == in.end, "behind order %lu it is refused at byte %u of %u", number,
              in.at, in.end);
    book_verify(back);
    cr_assert_eq(book_hash(back), book_hash(book));
    free(back);
    free(other);
}

/* Goal: whatever a book holds its snapshot is read back, also where there is room for nothing more.
 * Method: a pool of few levels, orders of all kinds that come and go; after each the book is read
 * into a fresh one. */
Test(book_regress, a_book_without_any_room_left_is_read_back)
{
    struct order_pool *small;
    struct book *book = small_book(&small);
    uint32_t full = 0;
    for (uint64_t number = 1; number <= 5000; number++) {
        struct book_more more;
        apply_to(book, draw(number, &more));
        full += order_pool_far_room(small) == 0;
        expect_read_back(book, number);
    }
    cr_assert_gt(full, 100, "only %u times without room", full);
    free(book);
    free(small);
}
