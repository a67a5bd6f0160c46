/* test_book_match.c - the matching rules, one test a rule: commands in, events out as text.
 *
 * Text of events, joined by "; ":
 *     rest #3 r7 u1 buy 100x5                   ACCEPTED: order id, ref, user, side, price, lots
 *     fill t1 #2 r6 u1 sell 100x3 left 2 by #3  FILL of maker #2; then "maker done", "taker done"
 *     done #3 r7 u1 buy 100 left 4 expired      DONE
 *     less #3 r7 u1 buy 100 by 2 left 3         REDUCED
 *     level 9 sell 100 = 2                      LEVEL: update id, side, price, sum
 * Every rule is tried with one fill a step and with many, in a small and in a large window: neither
 * may show.
 */
#include "actors/book/book.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define B            SIDE_BUY
#define S            SIDE_SELL

enum { ORDERS_MAX = 8, EVENTS_MAX = 256, TEXT_MAX = 8192 };

static struct {
    struct order_pool *pool;
    struct book *book;
    uint32_t fills_max;
    int64_t clock_us;
    char text[TEXT_MAX];
    uint64_t prevented; /* matches, but those of DECREMENT */
} test;

static void *zeroed(size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    cr_assert(block != NULL);
    return memset(block, 0, bytes);
}

static void close_book(void)
{
    free(test.book);
    free(test.pool);
    test.book = NULL;
    test.pool = NULL;
}

/* One lot at one tick is worth one atom, unless a test wants it otherwise. */
static void open_book(struct money_spec spec, uint32_t window_ticks, uint32_t fills_max)
{
    struct book_config config = {.spec = spec, .symbol = 3, .window_ticks = window_ticks};
    close_book();
    test.pool = order_pool_init(zeroed(order_pool_size(ORDERS_MAX, ORDERS_MAX + 64)), ORDERS_MAX,
                                ORDERS_MAX + 64);
    test.book = book_init(zeroed(book_size(window_ticks)), test.pool, &config);
    test.fills_max = fills_max;
    test.prevented = 0;
}

static const struct money_spec atom_a_lot = {10000, 10000};

TestSuite(book_match, .fini = close_book);

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list args;
    size_t length = strlen(test.text);
    va_start(args, format);
    vsnprintf(test.text + length, TEXT_MAX - length, format, args);
    va_end(args);
}

/* What DECREMENT took of both. */
static void say_decremented(const struct book_event *e, const char *side)
{
    cr_assert(e->qty_lots == e->left_lots || e->qty_lots == 0, "both give up the same");
    say("own m%" PRIu64 " #%" PRIu64 " r%" PRIu64 " u%u %s %" PRId64 "x%" PRId64 " by #%" PRIu64
        "%s%s",
        e->id, e->order_id, e->ref, e->user, side, e->price_ticks, e->qty_lots, e->taker_order_id,
        e->flags & BOOK_MAKER_DONE ? " maker done" : "",
        e->flags & BOOK_TAKER_DONE ? " taker done" : "");
}

static void say_event(const struct book_event *e)
{
    static const char *const done[] = {"filled", "canceled", "expired", "stp", "replaced"};
    const char *side = e->side == SIDE_BUY ? "buy" : "sell";
    if (e->type == EVENT_PREVENTED && e->reason == STP_DECREMENT) {
        say_decremented(e, side);
        return;
    }
    if (e->type == EVENT_PREVENTED) { /* as the end of the maker; the taker's is said last */
        say("done #%" PRIu64 " r%" PRIu64 " u%u %s %" PRId64 " left %" PRId64 " stp", e->order_id,
            e->ref, e->user, side, e->price_ticks, e->qty_lots);
        cr_assert_eq(e->id, ++test.prevented);
        return;
    }
    struct book_event rest = *e; /* what is not said must be 0 */
    rest.type = rest.side = 0;
    rest.price_ticks = 0;
    if (e->type == EVENT_LEVEL) {
        say("level %" PRIu64 " %s %" PRId64 " = %" PRId64, e->id, side, e->price_ticks,
            e->qty_lots);
        rest.id = 0;
        rest.qty_lots = 0;
    } else {
        rest.user = 0;
        rest.ref = rest.order_id = 0;
        rest.left_lots = 0;
    }
    if (e->type == EVENT_ACCEPTED) {
        say("rest #%" PRIu64 " r%" PRIu64 " u%u %s %" PRId64 "x%" PRId64, e->order_id, e->ref,
            e->user, side, e->price_ticks, e->left_lots);
        cr_assert_eq(e->qty_lots, e->left_lots);
        rest.qty_lots = 0;
    } else if (e->type == EVENT_FILL) {
        say("fill t%" PRIu64 " #%" PRIu64 " r%" PRIu64 " u%u %s %" PRId64 "x%" PRId64
            " left %" PRId64 " by #%" PRIu64 "%s%s",
            e->id, e->order_id, e->ref, e->user, side, e->price_ticks, e->qty_lots, e->left_lots,
            e->taker_order_id, e->flags & BOOK_MAKER_DONE ? " maker done" : "",
            e->flags & BOOK_TAKER_DONE ? " taker done" : "");
        rest.id = rest.taker_order_id = 0;
        rest.qty_lots = 0;
        rest.flags &= (uint8_t) ~(BOOK_MAKER_DONE | BOOK_TAKER_DONE);
    } else if (e->type == EVENT_DONE) {
        say("done #%" PRIu64 " r%" PRIu64 " u%u %s %" PRId64 " left %" PRId64 " %s", e->order_id,
            e->ref, e->user, side, e->price_ticks, e->left_lots,
            e->reason < COUNT(done) ? done[e->reason] : "?");
        rest.reason = 0;
    } else if (e->type == EVENT_REDUCED) {
        say("less #%" PRIu64 " r%" PRIu64 " u%u %s %" PRId64 " by %" PRId64 " left %" PRId64,
            e->order_id, e->ref, e->user, side, e->price_ticks, e->qty_lots, e->left_lots);
        rest.qty_lots = 0;
    }
    static const struct book_event nothing;
    cr_assert_eq(memcmp(&rest, &nothing, sizeof rest), 0, "a field that has no meaning in \"%s\"",
                 test.text);
}

static void say_events(const struct book_cmd *cmd, const struct book_event *event, uint32_t count)
{
    const struct book_event *last = NULL; /* the prevented match that was the taker's end */
    for (uint32_t i = 0; i < count; i++) {
        const struct book_event *e = &event[i];
        bool prevented = e->type == EVENT_PREVENTED && e->reason != STP_DECREMENT;
        if (prevented && e->flags & BOOK_TAKER_DONE)
            last = e;
        if (prevented && !(e->flags & BOOK_MAKER_DONE)) {
            cr_assert_eq(e->id, ++test.prevented);
            cr_assert_eq(e->qty_lots, 0);
            continue;
        }
        say("%s", test.text[0] ? "; " : "");
        say_event(e);
    }
    if (last)
        say("%sdone #%" PRIu64 " r%" PRIu64 " u%u %s %" PRId64 " left %" PRId64 " stp",
            test.text[0] ? "; " : "", last->taker_order_id,
            cmd->type == CMD_MOVE ? cmd->new_ref : cmd->ref, last->user,
            last->side == SIDE_BUY ? "sell" : "buy",
            cmd->order_type == TYPE_MARKET ? 0 : cmd->price_ticks, last->left_lots);
}

/* Runs a command and says what came of it. */
static const char *outcome(struct book_cmd cmd)
{
    struct book_event event[EVENTS_MAX];
    struct book_events out = {event, 0};
    memset(event, 0xA5, sizeof event);
    test.text[0] = 0;
    cmd.seq = book_seq(test.book) + 1;
    cmd.ts_us = ++test.clock_us;
    enum reject reject = book_begin(test.book, &cmd);
    cr_assert_eq(book_seq(test.book), cmd.seq, "a command did not advance the seq by one");
    if (reject != REJECT_NONE) {
        say("reject: %s", reject_text(reject));
    } else {
        while (book_step(test.book, test.fills_max, &out) == BOOK_MORE)
            cr_assert(book_busy(test.book));
        say_events(&cmd, event, out.count);
    }
    cr_assert(!book_busy(test.book));
    book_verify(test.book);
    return test.text;
}

#define EXPECT(cmd, want)                                                                          \
    do {                                                                                           \
        outcome(cmd);                                                                              \
        cr_expect(strcmp(test.text, want) == 0, "\n  got  %s\n  want %s", test.text, want);        \
    } while (0)

/* Runs the test body with one fill a step and with many, over a small window and over a large
 * one. */
#define EACH_WAY                                                                                   \
    for (uint32_t way = 0; way < 4; way++)                                                         \
        if (open_book(atom_a_lot, way & 1 ? 64 : 4096, way & 2 ? 1 : 20), true)

static struct book_cmd limit(enum book_side side, uint64_t ref, uint32_t user, int64_t price,
                             int64_t qty)
{
    return (struct book_cmd){.type = CMD_NEW,
                             .side = (uint8_t)side,
                             .order_type = TYPE_LIMIT,
                             .ref = ref,
                             .user = user,
                             .price_ticks = price,
                             .qty_lots = qty};
}

static struct book_cmd with_tif(struct book_cmd cmd, enum book_tif tif)
{
    cmd.tif = (uint8_t)tif;
    return cmd;
}

static struct book_cmd with_mode(struct book_cmd cmd, enum book_stp stp)
{
    cmd.stp = (uint8_t)stp;
    return cmd;
}

static struct book_cmd with_stp(struct book_cmd cmd)
{
    return with_mode(cmd, STP_EXPIRE_TAKER);
}

static struct book_cmd post_only(struct book_cmd cmd)
{
    cmd.order_type = TYPE_LIMIT_MAKER;
    return cmd;
}

static struct book_cmd market(enum book_side side, uint64_t ref, uint32_t user, int64_t qty,
                              int64_t quote_atoms, uint8_t flags)
{
    struct book_cmd cmd = limit(side, ref, user, 0, qty);
    cmd.order_type = TYPE_MARKET;
    cmd.quote_atoms = quote_atoms;
    cmd.flags = flags;
    return cmd;
}

static struct book_cmd cancel(uint64_t ref)
{
    return (struct book_cmd){.type = CMD_CANCEL, .ref = ref};
}

static struct book_cmd restricted(struct book_cmd cmd, enum book_restriction restriction)
{
    cmd.restriction = (uint8_t)restriction;
    return cmd;
}

static struct book_cmd move(uint64_t ref, uint64_t new_ref, int64_t price, int64_t qty)
{
    return (struct book_cmd){
        .type = CMD_MOVE, .ref = ref, .new_ref = new_ref, .price_ticks = price, .qty_lots = qty};
}

static struct book_cmd reduce(uint64_t ref, int64_t lots)
{
    return (struct book_cmd){.type = CMD_REDUCE, .ref = ref, .qty_lots = lots};
}

static struct book_cmd status(enum book_status status)
{
    return (struct book_cmd){.type = CMD_STATUS, .status = (uint8_t)status};
}

static const char closed[] = "reject: the symbol's status does not allow this";
static const char unknown[] = "reject: no such open order to cancel";
static const char not_in_state[] =
    "reject: the order is not in the state that the cancel asked for";
static const char full[] = "reject: the book has no room for another resting order";
static const char would_match[] = "reject: a post-only order would trade at once";
static const char no_funds[] = "reject: free balance is below what the order would lock";
static const char increase[] = "reject: an amended order's quantity must not grow";
static const char no_change[] = "reject: the request would change nothing";
/* Three sell levels: 100x5 (u1), 100x3 (u2), 101x4 (u3), 105x6 (u4); order ids 1-4, update ids
 * 1-4. */
static void lay_asks(void)
{
    outcome(limit(S, 11, 1, 100, 5));
    outcome(limit(S, 12, 2, 100, 3));
    outcome(limit(S, 13, 3, 101, 4));
    outcome(limit(S, 14, 4, 105, 6));
}

/* The mirror: 100x5 (u1), 100x3 (u2), 99x4 (u3), 95x6 (u4). */
static void lay_bids(void)
{
    outcome(limit(B, 11, 1, 100, 5));
    outcome(limit(B, 12, 2, 100, 3));
    outcome(limit(B, 13, 3, 99, 4));
    outcome(limit(B, 14, 4, 95, 6));
}

Test(book_match, a_new_book_is_empty_and_trading)
{
    EACH_WAY
    {
        int64_t price, qty;
        for (int side = 0; side < 2; side++) {
            cr_assert(!book_best(test.book, side, &price));
            price = book_first_price(side);
            cr_assert(!book_next_level(test.book, side, &price, &qty));
        }
        cr_assert_eq(book_status(test.book), STATUS_TRADING);
        cr_assert_eq(book_orders(test.book), 0);
        cr_assert_eq(book_seq(test.book), 0);
        cr_assert_eq(book_update_id(test.book), 0);
        cr_assert_eq(book_last_price(test.book), 0);
    }
}

Test(book_match, a_limit_order_that_does_not_cross_rests_and_tells_its_level)
{
    EACH_WAY
    {
        EXPECT(limit(B, 7, 1, 100, 5), "rest #1 r7 u1 buy 100x5; level 1 buy 100 = 5");
        cr_assert_eq(book_taker_order_id(test.book), 1);
        EXPECT(limit(B, 8, 2, 100, 2), "rest #2 r8 u2 buy 100x2; level 2 buy 100 = 7");
        EXPECT(limit(S, 9, 2, 101, 4), "rest #3 r9 u2 sell 101x4; level 3 sell 101 = 4");
        cr_assert_eq(book_orders(test.book), 3);
        cr_assert_eq(book_last_price(test.book), 0);
        cr_assert_eq(book_update_id(test.book), 3);
    }
}

/* Goal: price, then time. Method: a buy through two and a half levels, and its mirror. */
Test(book_match, fills_go_to_the_best_price_and_then_to_the_oldest_order)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(limit(B, 20, 9, 105, 13),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; "
               "fill t2 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
               "fill t3 #3 r13 u3 sell 101x4 left 0 by #5 maker done; level 6 sell 101 = 0; "
               "fill t4 #4 r14 u4 sell 105x1 left 5 by #5 taker done; level 7 sell 105 = 5");
        cr_assert_eq(book_last_price(test.book), 105);
        cr_assert_eq(book_orders(test.book), 1);
        open_book(atom_a_lot, 64, test.fills_max);
        lay_bids();
        EXPECT(limit(S, 20, 9, 95, 13),
               "fill t1 #1 r11 u1 buy 100x5 left 0 by #5 maker done; "
               "fill t2 #2 r12 u2 buy 100x3 left 0 by #5 maker done; level 5 buy 100 = 0; "
               "fill t3 #3 r13 u3 buy 99x4 left 0 by #5 maker done; level 6 buy 99 = 0; "
               "fill t4 #4 r14 u4 buy 95x1 left 5 by #5 taker done; level 7 buy 95 = 5");
        cr_assert_eq(book_last_price(test.book), 95);
    }
}

Test(book_match, a_partly_filled_maker_keeps_its_place_in_the_queue)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(limit(B, 20, 9, 100, 2), "fill t1 #1 r11 u1 sell 100x2 left 3 by #5 taker done; "
                                        "level 5 sell 100 = 6");
        EXPECT(limit(B, 21, 9, 100, 4),
               "fill t2 #1 r11 u1 sell 100x3 left 0 by #6 maker done; "
               "fill t3 #2 r12 u2 sell 100x1 left 2 by #6 taker done; level 6 sell 100 = 2");
    }
}

Test(book_match, what_a_limit_order_cannot_trade_within_its_price_rests)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(limit(B, 20, 9, 101, 15),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; "
               "fill t2 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
               "fill t3 #3 r13 u3 sell 101x4 left 0 by #5 maker done; level 6 sell 101 = 0; "
               "rest #5 r20 u9 buy 101x3; level 7 buy 101 = 3");
    }
}

Test(book_match, an_order_that_takes_exactly_what_is_there_leaves_an_empty_book)
{
    EACH_WAY
    {
        outcome(limit(S, 1, 1, 100, 5));
        EXPECT(limit(B, 2, 2, 100, 5), "fill t1 #1 r1 u1 sell 100x5 left 0 by #2 maker done "
                                       "taker done; level 2 sell 100 = 0");
        cr_assert_eq(book_orders(test.book), 0);
        cr_assert_eq(test.pool->count, 0);
    }
}

Test(book_match, ioc_remainder_expires_instead_of_resting)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_tif(limit(B, 20, 9, 100, 10), TIF_IOC),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; "
               "fill t2 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
               "done #5 r20 u9 buy 100 left 2 expired");
        EXPECT(with_tif(limit(B, 21, 9, 100, 10), TIF_IOC),
               "done #6 r21 u9 buy 100 left 10 expired");
        EXPECT(with_tif(limit(B, 22, 9, 101, 4), TIF_IOC),
               "fill t3 #3 r13 u3 sell 101x4 left 0 by #7 maker done taker done; "
               "level 6 sell 101 = 0");
        EXPECT(cancel(20), unknown);
    }
}

Test(book_match, fok_fills_whole_or_not_at_all)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_tif(limit(B, 20, 9, 101, 13), TIF_FOK),
               "done #5 r20 u9 buy 101 left 13 expired");
        EXPECT(with_tif(limit(B, 21, 9, 99, 1), TIF_FOK), "done #6 r21 u9 buy 99 left 1 expired");
        EXPECT(with_tif(limit(B, 22, 9, 101, 12), TIF_FOK),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #7 maker done; "
               "fill t2 #2 r12 u2 sell 100x3 left 0 by #7 maker done; level 5 sell 100 = 0; "
               "fill t3 #3 r13 u3 sell 101x4 left 0 by #7 maker done taker done; "
               "level 6 sell 101 = 0");
    }
}

/* Goal: an own maker before the quantity is complete ends a FOK untraded; one behind it does not
 * matter. */
Test(book_match, fok_ends_by_stp_only_when_it_would_reach_its_own_maker)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_stp(with_tif(limit(B, 20, 2, 101, 6), TIF_FOK)),
               "done #5 r20 u2 buy 101 left 6 stp");
        EXPECT(with_stp(with_tif(limit(B, 21, 2, 101, 99), TIF_FOK)),
               "done #6 r21 u2 buy 101 left 99 stp");
        EXPECT(with_stp(with_tif(limit(B, 22, 4, 101, 13), TIF_FOK)),
               "done #7 r22 u4 buy 101 left 13 expired");
        EXPECT(with_stp(with_tif(limit(B, 23, 2, 101, 5), TIF_FOK)),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #8 maker done taker done; "
               "level 5 sell 100 = 3");
        EXPECT(with_tif(limit(B, 24, 2, 100, 3), TIF_FOK),
               "fill t2 #2 r12 u2 sell 100x3 left 0 by #9 maker done taker done; "
               "level 6 sell 100 = 0");
    }
}

Test(book_match, stp_expires_the_taker_before_its_own_maker)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_stp(limit(B, 20, 1, 101, 2)), "done #5 r20 u1 buy 101 left 2 stp");
        EXPECT(with_stp(limit(B, 21, 2, 101, 9)),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #6 maker done; level 5 sell 100 = 3; "
               "done #6 r21 u2 buy 101 left 4 stp");
        EXPECT(with_stp(limit(B, 22, 3, 101, 9)),
               "fill t2 #2 r12 u2 sell 100x3 left 0 by #7 maker done; level 6 sell 100 = 0; "
               "done #7 r22 u3 buy 101 left 6 stp");
        EXPECT(with_stp(limit(B, 23, 3, 99, 1)), "rest #8 r23 u3 buy 99x1; level 7 buy 99 = 1");
        EXPECT(with_stp(market(S, 24, 3, 5, 0, 0)), "done #9 r24 u3 sell 0 left 5 stp");
    }
}

Test(book_match, an_order_filled_just_before_its_own_maker_is_not_expired_by_stp)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_stp(limit(B, 20, 2, 101, 5)),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done taker done; "
               "level 5 sell 100 = 3");
    }
}

/* Goal: EXPIRE_MAKER ends what the taker would have met of its own, and nothing else. Method: an
 * own order before, between and behind others; the first two takers are the FAQ's scenario B. */
Test(book_match, stp_expires_own_makers_and_the_taker_goes_on)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(limit(B, 20, 1, 101, 10), STP_EXPIRE_MAKER),
               "done #1 r11 u1 sell 100 left 5 stp; "
               "fill t1 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
               "fill t2 #3 r13 u3 sell 101x4 left 0 by #5 maker done; level 6 sell 101 = 0; "
               "rest #5 r20 u1 buy 101x3; level 7 buy 101 = 3");
        EXPECT(cancel(11), unknown);
        EXPECT(with_mode(limit(S, 21, 1, 101, 1), STP_EXPIRE_MAKER),
               "done #5 r20 u1 buy 101 left 3 stp; level 8 buy 101 = 0; "
               "rest #6 r21 u1 sell 101x1; level 9 sell 101 = 1");
        EXPECT(with_mode(limit(B, 22, 4, 104, 2), STP_EXPIRE_MAKER), /* its own is at 105 */
               "fill t3 #6 r21 u1 sell 101x1 left 0 by #7 maker done; level 10 sell 101 = 0; "
               "rest #7 r22 u4 buy 104x1; level 11 buy 104 = 1");
        cr_assert_eq(test.pool->count, 2);
    }
    EACH_WAY
    {
        lay_asks();
        outcome(limit(B, 20, 9, 100, 6)); /* of #2 one lot is gone */
        EXPECT(with_mode(limit(B, 21, 2, 101, 1), STP_EXPIRE_MAKER),
               "done #2 r12 u2 sell 100 left 2 stp; level 6 sell 100 = 0; "
               "fill t3 #3 r13 u3 sell 101x1 left 3 by #6 taker done; level 7 sell 101 = 3");
    }
    EACH_WAY
    {
        lay_asks();
        outcome(limit(S, 15, 1, 100, 2));
        EXPECT(with_mode(limit(B, 20, 2, 101, 6), STP_EXPIRE_MAKER), /* between two of another's */
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #6 maker done; "
               "done #2 r12 u2 sell 100 left 3 stp; "
               "fill t2 #5 r15 u1 sell 100x1 left 1 by #6 taker done; level 6 sell 100 = 1");
        EXPECT(with_mode(limit(B, 21, 3, 101, 1), STP_EXPIRE_MAKER), /* done before it meets #3 */
               "fill t3 #5 r15 u1 sell 100x1 left 0 by #7 maker done taker done; "
               "level 7 sell 100 = 0");
        EXPECT(with_tif(with_mode(limit(B, 22, 3, 101, 1), STP_EXPIRE_MAKER), TIF_IOC),
               "done #3 r13 u3 sell 101 left 4 stp; level 8 sell 101 = 0; "
               "done #8 r22 u3 buy 101 left 1 expired");
    }
}

/* Goal: EXPIRE_BOTH ends the maker, then the taker, after the fills already made; the FAQ's
 * scenario D first. */
Test(book_match, stp_expires_both_the_own_maker_and_the_taker)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(limit(B, 20, 1, 101, 2), STP_EXPIRE_BOTH),
               "done #1 r11 u1 sell 100 left 5 stp; level 5 sell 100 = 3; "
               "done #5 r20 u1 buy 101 left 2 stp");
        EXPECT(with_mode(limit(B, 21, 3, 105, 9), STP_EXPIRE_BOTH),
               "fill t1 #2 r12 u2 sell 100x3 left 0 by #6 maker done; level 6 sell 100 = 0; "
               "done #3 r13 u3 sell 101 left 4 stp; level 7 sell 101 = 0; "
               "done #6 r21 u3 buy 105 left 6 stp");
        outcome(limit(S, 15, 5, 105, 2));
        EXPECT(with_mode(limit(B, 22, 5, 105, 9), STP_EXPIRE_BOTH),
               "fill t2 #4 r14 u4 sell 105x6 left 0 by #8 maker done; "
               "done #7 r15 u5 sell 105 left 2 stp; level 9 sell 105 = 0; "
               "done #8 r22 u5 buy 105 left 3 stp");
        cr_assert_eq(test.pool->count, 0);
    }
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(limit(B, 20, 2, 100, 5), STP_EXPIRE_BOTH), /* filled just before */
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done taker done; "
               "level 5 sell 100 = 3");
        EXPECT(with_mode(market(S, 21, 2, 5, 0, 0), STP_EXPIRE_BOTH),
               "done #6 r21 u2 sell 0 left 5 expired");
    }
}

/* Goal: the taker's mode decides. Method: a maker of each mode, a taker of another. */
Test(book_match, the_mode_of_a_maker_does_not_matter)
{
    for (enum book_stp stp = STP_NONE; stp < STP_COUNT; stp++)
        EACH_WAY
        {
            outcome(with_mode(limit(S, 11, 1, 100, 5), stp));
            EXPECT(with_mode(limit(B, 20, 1, 100, 1), STP_NONE),
                   "fill t1 #1 r11 u1 sell 100x1 left 4 by #2 taker done; level 2 sell 100 = 4");
            EXPECT(with_mode(limit(B, 21, 1, 100, 1), STP_EXPIRE_TAKER),
                   "done #3 r21 u1 buy 100 left 1 stp");
            EXPECT(with_mode(limit(B, 22, 1, 100, 1), STP_EXPIRE_BOTH),
                   "done #1 r11 u1 sell 100 left 4 stp; level 3 sell 100 = 0; "
                   "done #4 r22 u1 buy 100 left 1 stp");
        }
}

/* Goal: a FOK fills whole, past own makers that expire, or nothing at all changes but itself. */
Test(book_match, fok_passes_over_own_makers_only_when_the_others_fill_it_whole)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(with_tif(limit(B, 20, 2, 101, 10), TIF_FOK), STP_EXPIRE_MAKER),
               "done #5 r20 u2 buy 101 left 10 expired"); /* 5 and 4 of others */
        EXPECT(with_mode(with_tif(limit(B, 21, 2, 101, 6), TIF_FOK), STP_EXPIRE_BOTH),
               "done #6 r21 u2 buy 101 left 6 stp"); /* the maker stays */
        cr_assert_eq(book_orders(test.book), 4);
        cr_assert_eq(book_update_id(test.book), 4);
        EXPECT(with_mode(with_tif(limit(B, 22, 4, 101, 13), TIF_FOK), STP_EXPIRE_BOTH),
               "done #7 r22 u4 buy 101 left 13 expired"); /* its own is behind its limit */
        EXPECT(with_mode(with_tif(limit(B, 23, 2, 101, 9), TIF_FOK), STP_EXPIRE_MAKER),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #8 maker done; "
               "done #2 r12 u2 sell 100 left 3 stp; level 5 sell 100 = 0; "
               "fill t2 #3 r13 u3 sell 101x4 left 0 by #8 maker done taker done; "
               "level 6 sell 101 = 0");
    }
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(with_tif(limit(B, 20, 2, 101, 5), TIF_FOK), STP_EXPIRE_MAKER),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done taker done; "
               "level 5 sell 100 = 3"); /* whole before it meets its own */
        outcome(limit(B, 21, 7, 99, 2));
        EXPECT(with_mode(with_tif(limit(S, 22, 7, 99, 2), TIF_FOK), STP_EXPIRE_MAKER),
               "done #7 r22 u7 sell 99 left 2 expired"); /* nobody else is there */
        EXPECT(with_mode(with_tif(limit(B, 23, 2, 101, 1), TIF_FOK), STP_EXPIRE_BOTH),
               "done #8 r23 u2 buy 101 left 1 stp");
    }
}

/* The FAQ's scenario F first: the own maker is EXPIRED_IN_MATCH, the order EXPIRED. */
Test(book_match, a_market_order_expires_own_makers_and_takes_from_others)
{
    EACH_WAY
    {
        outcome(limit(B, 11, 1, 100, 1));
        EXPECT(with_mode(market(S, 20, 1, 1, 0, 0), STP_EXPIRE_MAKER),
               "done #1 r11 u1 buy 100 left 1 stp; level 2 buy 100 = 0; "
               "done #2 r20 u1 sell 0 left 1 expired");
        lay_asks(); /* order ids 3-6, update ids 3-6 */
        EXPECT(with_mode(market(B, 21, 1, 4, 1000, 0), STP_EXPIRE_MAKER),
               "done #3 r11 u1 sell 100 left 5 stp; "
               "fill t1 #4 r12 u2 sell 100x3 left 0 by #7 maker done; level 7 sell 100 = 0; "
               "fill t2 #5 r13 u3 sell 101x1 left 3 by #7 taker done; level 8 sell 101 = 3");
        EXPECT(with_mode(market(B, 22, 4, 4, 1000, 0), STP_EXPIRE_BOTH),
               "fill t3 #5 r13 u3 sell 101x3 left 0 by #8 maker done; level 9 sell 101 = 0; "
               "done #6 r14 u4 sell 105 left 6 stp; level 10 sell 105 = 0; "
               "done #8 r22 u4 buy 0 left 1 stp");
    }
}

/* Goal: budgets are spent on trades only. Method: own makers that the budget would not pay in full
 * are passed over like others and the budget is whole behind them; one that it would not buy a lot
 * of is not met at all. */
Test(book_match, a_budget_is_not_touched_by_makers_that_expire)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(market(B, 20, 1, 0, 250, CMD_QUOTE_QTY), STP_EXPIRE_MAKER),
               "done #1 r11 u1 sell 100 left 5 stp; "
               "fill t1 #2 r12 u2 sell 100x2 left 1 by #5; level 5 sell 100 = 1; "
               "done #5 r20 u1 buy 0 left 0 filled");
        EXPECT(with_mode(market(B, 21, 2, 0, 99, CMD_QUOTE_QTY), STP_EXPIRE_MAKER),
               "done #6 r21 u2 buy 0 left 0 expired");
        EXPECT(with_mode(market(B, 22, 2, 5, 99, 0), STP_EXPIRE_BOTH),
               "done #7 r22 u2 buy 0 left 5 expired");
        EXPECT(with_mode(market(B, 23, 2, 5, 303, 0), STP_EXPIRE_MAKER),
               "done #2 r12 u2 sell 100 left 1 stp; level 6 sell 100 = 0; "
               "fill t2 #3 r13 u3 sell 101x3 left 1 by #8; level 7 sell 101 = 1; "
               "done #8 r23 u2 buy 0 left 2 expired");
        EXPECT(with_mode(market(B, 24, 3, 0, 700, CMD_QUOTE_QTY), STP_EXPIRE_BOTH),
               "done #3 r13 u3 sell 101 left 1 stp; level 8 sell 101 = 0; "
               "done #9 r24 u3 buy 0 left 0 stp");
        EXPECT(with_mode(market(B, 25, 4, 0, 700, CMD_QUOTE_QTY), STP_EXPIRE_MAKER),
               "done #4 r14 u4 sell 105 left 6 stp; level 9 sell 105 = 0; "
               "done #10 r25 u4 buy 0 left 0 expired");
    }
    EACH_WAY
    {
        lay_bids();
        EXPECT(with_mode(market(S, 20, 1, 50, 250, CMD_QUOTE_QTY), STP_EXPIRE_MAKER),
               "done #1 r11 u1 buy 100 left 5 stp; "
               "fill t1 #2 r12 u2 buy 100x2 left 1 by #5; level 5 buy 100 = 1; "
               "done #5 r20 u1 sell 0 left 0 filled");
    }
}

/* Goal: whether all free funds reach is asked of what the order would take: own makers cost
 * nothing. u2 wants 10: 500 + 404 + 105 without its own; 500 up to its own. */
Test(book_match, own_makers_are_not_paid_for_by_a_market_buy_that_held_all_funds)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(market(B, 20, 2, 10, 1008, CMD_HELD_ALL), STP_EXPIRE_MAKER), no_funds);
        EXPECT(with_mode(market(B, 21, 2, 10, 499, CMD_HELD_ALL), STP_EXPIRE_TAKER), no_funds);
        EXPECT(with_mode(market(B, 22, 2, 10, 499, CMD_HELD_ALL), STP_EXPIRE_BOTH), no_funds);
        EXPECT(with_mode(market(B, 23, 2, 10, 1001, CMD_HELD_ALL), STP_NONE), no_funds);
        cr_assert_eq(book_update_id(test.book), 4);
        EXPECT(with_mode(market(B, 24, 2, 10, 1009, CMD_HELD_ALL), STP_EXPIRE_MAKER),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; "
               "done #2 r12 u2 sell 100 left 3 stp; level 5 sell 100 = 0; "
               "fill t2 #3 r13 u3 sell 101x4 left 0 by #5 maker done; level 6 sell 101 = 0; "
               "fill t3 #4 r14 u4 sell 105x1 left 5 by #5 taker done; level 7 sell 105 = 5");
        EXPECT(with_mode(market(B, 25, 4, 9, 0, CMD_HELD_ALL), STP_EXPIRE_MAKER), /* all its own */
               "done #6 r25 u4 buy 0 left 9 expired");
    }
    for (enum book_stp stp = STP_EXPIRE_TAKER; stp < STP_COUNT; stp++)
        EACH_WAY
        {
            lay_asks();
            outcome(with_mode(market(B, 20, 2, 10, 500, CMD_HELD_ALL), stp));
            cr_expect_eq(strcmp(test.text, no_funds) == 0,
                         stp == STP_EXPIRE_MAKER || stp == STP_DECREMENT);
        }
}

Test(book_match, without_stp_a_user_trades_with_himself)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(limit(B, 20, 1, 100, 1), "fill t1 #1 r11 u1 sell 100x1 left 4 by #5 taker done; "
                                        "level 5 sell 100 = 7");
    }
}

Test(book_match, a_post_only_order_rests_or_is_refused_but_never_takes)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(post_only(limit(B, 20, 9, 100, 1)), would_match);
        EXPECT(post_only(limit(B, 21, 9, 200, 1)), would_match);
        for (enum book_stp stp = STP_NONE; stp < STP_COUNT; stp++) /* an own order is one too */
            EXPECT(with_mode(post_only(limit(B, 22, 1, 100, 1)), stp), would_match);
        EXPECT(post_only(limit(B, 23, 9, 99, 1)), "rest #5 r23 u9 buy 99x1; level 5 buy 99 = 1");
        EXPECT(post_only(limit(S, 24, 9, 99, 1)), would_match);
        EXPECT(post_only(limit(S, 25, 9, 100, 1)),
               "rest #6 r25 u9 sell 100x1; level 6 sell 100 = 9");
    }
}

Test(book_match, a_market_order_by_quantity_takes_any_price_and_never_rests)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(market(B, 20, 9, 9, 1000000, 0),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; "
               "fill t2 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
               "fill t3 #3 r13 u3 sell 101x1 left 3 by #5 taker done; level 6 sell 101 = 3");
        EXPECT(with_tif(market(B, 21, 9, 10, 1000000, 0), TIF_FOK),
               "fill t4 #3 r13 u3 sell 101x3 left 0 by #6 maker done; level 7 sell 101 = 0; "
               "fill t5 #4 r14 u4 sell 105x6 left 0 by #6 maker done; level 8 sell 105 = 0; "
               "done #6 r21 u9 buy 0 left 1 expired");
        EXPECT(market(B, 22, 9, 1, 1000000, 0), "done #7 r22 u9 buy 0 left 1 expired");
        EXPECT(market(S, 23, 9, 1, 0, 0), "done #8 r23 u9 sell 0 left 1 expired");
    }
}

Test(book_match, a_market_sell_by_quantity_needs_no_budget)
{
    EACH_WAY
    {
        lay_bids();
        EXPECT(market(S, 20, 9, 9, 0, 0),
               "fill t1 #1 r11 u1 buy 100x5 left 0 by #5 maker done; "
               "fill t2 #2 r12 u2 buy 100x3 left 0 by #5 maker done; level 5 buy 100 = 0; "
               "fill t3 #3 r13 u3 buy 99x1 left 3 by #5 taker done; level 6 buy 99 = 3");
    }
}

/* Goal: a hold that is too small ends the order, and is not exceeded. Method: 4 lots at 100, then
 * one atom less than another; then a hold that ends between two levels; then one below the first
 * lot. */
Test(book_match, a_market_buy_stops_when_its_hold_is_spent)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(market(B, 20, 9, 8, 499, 0),
               "fill t1 #1 r11 u1 sell 100x4 left 1 by #5; level 5 sell 100 = 4; "
               "done #5 r20 u9 buy 0 left 4 expired");
        EXPECT(market(B, 21, 9, 8, 500, 0),
               "fill t2 #1 r11 u1 sell 100x1 left 0 by #6 maker done; "
               "fill t3 #2 r12 u2 sell 100x3 left 0 by #6 maker done; level 6 sell 100 = 0; "
               "done #6 r21 u9 buy 0 left 4 expired");
        EXPECT(market(B, 22, 9, 1, 100, 0), "done #7 r22 u9 buy 0 left 1 expired");
        EXPECT(market(B, 23, 9, 1, 101, 0),
               "fill t4 #3 r13 u3 sell 101x1 left 3 by #8 taker done; level 7 sell 101 = 3");
    }
}

/* Goal: with all free funds held, a cost above them is refused whole. 8 x 100 + 2 x 101 = 1002. */
Test(book_match, a_market_buy_that_held_all_funds_is_refused_when_they_do_not_reach)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(market(B, 20, 9, 10, 1001, CMD_HELD_ALL), no_funds);
        cr_assert_eq(book_orders(test.book), 4);
        cr_assert_eq(book_update_id(test.book), 4);
        EXPECT(market(B, 21, 9, 10, 1002, CMD_HELD_ALL),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; "
               "fill t2 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
               "fill t3 #3 r13 u3 sell 101x2 left 2 by #5 taker done; level 6 sell 101 = 2");
        /* as far as the book reaches: 2 x 101 + 6 x 105 = 832 */
        EXPECT(market(B, 22, 9, 1000, 831, CMD_HELD_ALL), no_funds);
        EXPECT(market(B, 23, 9, 1000, 832, CMD_HELD_ALL),
               "fill t4 #3 r13 u3 sell 101x2 left 0 by #6 maker done; level 7 sell 101 = 0; "
               "fill t5 #4 r14 u4 sell 105x6 left 0 by #6 maker done; level 8 sell 105 = 0; "
               "done #6 r23 u9 buy 0 left 992 expired");
    }
}

/* Goal: DONE_FILLED when the rest buys no lot. The budgets end inside a level, at its end, behind
 * it. */
Test(book_match, a_market_buy_by_amount_is_filled_when_the_rest_buys_no_lot)
{
    static const struct {
        int64_t quote_atoms;
        const char *text;
    } rows[] = {
        {99, "done #5 r20 u9 buy 0 left 0 expired"}, /* nothing traded */
        {100, "fill t1 #1 r11 u1 sell 100x1 left 4 by #5; level 5 sell 100 = 7; "
              "done #5 r20 u9 buy 0 left 0 filled"},
        {299, "fill t1 #1 r11 u1 sell 100x2 left 3 by #5; level 5 sell 100 = 6; "
              "done #5 r20 u9 buy 0 left 0 filled"},
        {800, "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; "
              "fill t2 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
              "done #5 r20 u9 buy 0 left 0 filled"},
        {900, "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; " /* 100 left, 101 asked */
              "fill t2 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
              "done #5 r20 u9 buy 0 left 0 filled"},
        {901, "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; "
              "fill t2 #2 r12 u2 sell 100x3 left 0 by #5 maker done; level 5 sell 100 = 0; "
              "fill t3 #3 r13 u3 sell 101x1 left 3 by #5; level 6 sell 101 = 3; "
              "done #5 r20 u9 buy 0 left 0 filled"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        EACH_WAY
        {
            lay_asks();
            EXPECT(market(B, 20, 9, 777, rows[i].quote_atoms, CMD_QUOTE_QTY), rows[i].text);
        }
}

Test(book_match, a_market_buy_by_amount_expires_when_the_book_is_exhausted)
{
    EACH_WAY
    {
        outcome(limit(S, 11, 1, 100, 5));
        EXPECT(market(B, 20, 9, 0, 700, CMD_QUOTE_QTY),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #2 maker done; level 2 sell 100 = 0; "
               "done #2 r20 u9 buy 0 left 0 expired");
        EXPECT(market(B, 21, 9, 0, 700, CMD_QUOTE_QTY), "done #3 r21 u9 buy 0 left 0 expired");
        outcome(limit(S, 12, 1, 100, 5));
        EXPECT(market(B, 22, 9, 0, 599, CMD_QUOTE_QTY), /* exhausted, and the rest buys no lot */
               "fill t2 #4 r12 u1 sell 100x5 left 0 by #5 maker done; level 4 sell 100 = 0; "
               "done #5 r22 u9 buy 0 left 0 filled");
    }
}

Test(book_match, a_market_sell_by_amount_ends_at_the_amount_or_at_the_lots_it_holds)
{
    static const struct {
        int64_t qty_lots, quote_atoms;
        const char *text;
    } rows[] = {
        {50, 250,
         "fill t1 #1 r11 u1 buy 100x2 left 3 by #5; level 5 buy 100 = 6; "
         "done #5 r20 u9 sell 0 left 0 filled"},
        {50, 99, "done #5 r20 u9 sell 0 left 0 expired"},
        {3, 1000,
         "fill t1 #1 r11 u1 buy 100x3 left 2 by #5; level 5 buy 100 = 5; "
         "done #5 r20 u9 sell 0 left 0 expired"},
        {3, 399,
         "fill t1 #1 r11 u1 buy 100x3 left 2 by #5; level 5 buy 100 = 5; "
         "done #5 r20 u9 sell 0 left 0 filled"},
        {50, 899,
         "fill t1 #1 r11 u1 buy 100x5 left 0 by #5 maker done; " /* 99 left: the next */
         "fill t2 #2 r12 u2 buy 100x3 left 0 by #5 maker done; level 5 buy 100 = 0; "
         "fill t3 #3 r13 u3 buy 99x1 left 3 by #5; level 6 buy 99 = 3; "
         "done #5 r20 u9 sell 0 left 0 filled"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        EACH_WAY
        {
            lay_bids();
            EXPECT(market(S, 20, 9, rows[i].qty_lots, rows[i].quote_atoms, CMD_QUOTE_QTY),
                   rows[i].text);
        }
}

Test(book_match, a_market_order_by_amount_ends_by_stp_at_its_own_maker)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_stp(market(B, 20, 2, 0, 700, CMD_QUOTE_QTY)),
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #5 maker done; level 5 sell 100 = 3; "
               "done #5 r20 u2 buy 0 left 0 stp");
        EXPECT(with_stp(market(B, 21, 2, 0, 700, CMD_QUOTE_QTY)),
               "done #6 r21 u2 buy 0 left 0 stp");
    }
}

/* Goal: each fill's cost is floored by itself. Method: a lot costs 1.5 atoms; two makers of 1 and
 * 2 lots cost 1 + 3, so that 4 atoms buy all three. */
Test(book_match, budgets_shrink_by_the_floor_of_each_fill)
{
    for (uint32_t fills_max = 1; fills_max < 9; fills_max += 7) {
        open_book((struct money_spec){15000, 10000}, 64, fills_max);
        outcome(limit(S, 1, 1, 1, 1));
        outcome(limit(S, 2, 2, 1, 2));
        EXPECT(market(B, 3, 9, 3, 4, 0),
               "fill t1 #1 r1 u1 sell 1x1 left 0 by #3 maker done; "
               "fill t2 #2 r2 u2 sell 1x2 left 0 by #3 maker done taker done; level 3 sell 1 = 0");
        outcome(limit(S, 4, 1, 1, 1));
        outcome(limit(S, 5, 2, 1, 2));
        /* the look ahead floors the level as one: floor(3 x 1.5) = 4 */
        EXPECT(market(B, 6, 9, 3, 3, CMD_HELD_ALL), no_funds);
        EXPECT(market(B, 7, 9, 3, 4, CMD_HELD_ALL),
               "fill t3 #4 r4 u1 sell 1x1 left 0 by #6 maker done; "
               "fill t4 #5 r5 u2 sell 1x2 left 0 by #6 maker done taker done; level 6 sell 1 = 0");
    }
}

Test(book_match, a_cancel_ends_the_order_and_tells_its_level)
{
    EACH_WAY
    {
        lay_asks();
        struct book_cmd other = cancel(11);
        other.user = 99; /* not looked at, nor is the side */
        EXPECT(other, "done #1 r11 u1 sell 100 left 5 canceled; level 5 sell 100 = 3");
        EXPECT(cancel(11), unknown);
        EXPECT(cancel(12), "done #2 r12 u2 sell 100 left 3 canceled; level 6 sell 100 = 0");
        EXPECT(limit(B, 20, 9, 101, 1), "fill t1 #3 r13 u3 sell 101x1 left 3 by #5 taker done; "
                                        "level 7 sell 101 = 3");
        EXPECT(cancel(13), "done #3 r13 u3 sell 101 left 3 canceled; level 8 sell 101 = 0");
        EXPECT(cancel(12345), unknown);
    }
}

/* Goal: a cancel that asks for a state finds it, whichever side of its trades the order was on.
 * Method: an order that never traded, one that traded as maker, one that traded before it rested.
 */
Test(book_match, a_cancel_asks_for_an_order_that_has_or_has_not_traded)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(limit(B, 20, 9, 100, 2), "fill t1 #1 r11 u1 sell 100x2 left 3 by #5 taker done; "
                                        "level 5 sell 100 = 6");
        EXPECT(limit(B, 21, 9, 101, 11),
               "fill t2 #1 r11 u1 sell 100x3 left 0 by #6 maker done; "
               "fill t3 #2 r12 u2 sell 100x3 left 0 by #6 maker done; level 6 sell 100 = 0; "
               "fill t4 #3 r13 u3 sell 101x4 left 0 by #6 maker done; level 7 sell 101 = 0; "
               "rest #6 r21 u9 buy 101x1; level 8 buy 101 = 1");
        EXPECT(restricted(cancel(21), RESTRICT_ONLY_NEW), not_in_state);
        EXPECT(limit(B, 22, 9, 99, 2), "rest #7 r22 u9 buy 99x2; level 9 buy 99 = 2");
        EXPECT(restricted(cancel(22), RESTRICT_ONLY_PARTIALLY_FILLED), not_in_state);
        EXPECT(restricted(cancel(21), RESTRICT_ONLY_PARTIALLY_FILLED),
               "done #6 r21 u9 buy 101 left 1 canceled; level 10 buy 101 = 0");
        EXPECT(limit(S, 23, 8, 99, 1), "fill t5 #7 r22 u9 buy 99x1 left 1 by #8 taker done; "
                                       "level 11 buy 99 = 1");
        EXPECT(restricted(cancel(22), RESTRICT_ONLY_NEW), not_in_state);
        EXPECT(restricted(cancel(22), RESTRICT_ONLY_PARTIALLY_FILLED),
               "done #7 r22 u9 buy 99 left 1 canceled; level 12 buy 99 = 0");
        EXPECT(restricted(cancel(14), RESTRICT_ONLY_NEW),
               "done #4 r14 u4 sell 105 left 6 canceled; level 13 sell 105 = 0");
        EXPECT(restricted(cancel(14), RESTRICT_ONLY_NEW), unknown);
    }
}

Test(book_match, a_move_gives_up_its_place_and_rests_under_the_new_ref)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(move(11, 21, 100, 5), "done #1 r11 u1 sell 100 left 5 replaced; level 5 sell 100 = "
                                     "3; rest #5 r21 u1 sell 100x5; level 6 sell 100 = 8");
        cr_assert_eq(book_taker_order_id(test.book), 5);
        EXPECT(cancel(11), unknown);
        EXPECT(move(11, 31, 100, 5), unknown);
        EXPECT(limit(B, 40, 9, 100, 4),
               "fill t1 #2 r12 u2 sell 100x3 left 0 by #6 maker done; "
               "fill t2 #5 r21 u1 sell 100x1 left 4 by #6 taker done; level 7 sell 100 = 4");
        EXPECT(move(21, 22, 103, 1), "done #5 r21 u1 sell 100 left 4 replaced; level 8 sell 100 = "
                                     "0; rest #7 r22 u1 sell 103x1; level 9 sell 103 = 1");
        EXPECT(cancel(22), "done #7 r22 u1 sell 103 left 1 canceled; level 10 sell 103 = 0");
    }
}

Test(book_match, a_move_across_the_market_trades)
{
    EACH_WAY
    {
        lay_asks();
        outcome(limit(B, 20, 9, 90, 2));
        EXPECT(move(20, 21, 100, 6),
               "done #5 r20 u9 buy 90 left 2 replaced; level 6 buy 90 = 0; "
               "fill t1 #1 r11 u1 sell 100x5 left 0 by #6 maker done; "
               "fill t2 #2 r12 u2 sell 100x1 left 2 by #6 taker done; level 7 sell 100 = 2");
        outcome(limit(B, 22, 9, 90, 2));
        EXPECT(move(22, 23, 100, 3),
               "done #7 r22 u9 buy 90 left 2 replaced; level 9 buy 90 = 0; "
               "fill t3 #2 r12 u2 sell 100x2 left 0 by #8 maker done; level 10 sell 100 = 0; "
               "rest #8 r23 u9 buy 100x1; level 11 buy 100 = 1");
        cr_assert_eq(book_orders(test.book), 3);
    }
}

Test(book_match, a_move_ends_by_stp_at_its_own_maker)
{
    EACH_WAY
    {
        lay_asks();
        outcome(limit(B, 20, 1, 90, 2));
        EXPECT(with_stp(move(20, 21, 100, 6)),
               "done #5 r20 u1 buy 90 left 2 replaced; level 6 buy 90 = 0; "
               "done #6 r21 u1 buy 100 left 6 stp");
        EXPECT(cancel(20), unknown);
        EXPECT(cancel(21), unknown);
        cr_assert_eq(test.pool->count, 4);
    }
}

Test(book_match, a_move_expires_own_makers)
{
    EACH_WAY
    {
        lay_asks();
        outcome(limit(B, 20, 1, 90, 2));
        EXPECT(with_mode(move(20, 21, 100, 6), STP_EXPIRE_MAKER),
               "done #5 r20 u1 buy 90 left 2 replaced; level 6 buy 90 = 0; "
               "done #1 r11 u1 sell 100 left 5 stp; "
               "fill t1 #2 r12 u2 sell 100x3 left 0 by #6 maker done; level 7 sell 100 = 0; "
               "rest #6 r21 u1 buy 100x3; level 8 buy 100 = 3");
        EXPECT(with_mode(move(13, 23, 99, 6), STP_EXPIRE_BOTH),
               "done #3 r13 u3 sell 101 left 4 replaced; level 9 sell 101 = 0; "
               "fill t2 #6 r21 u1 buy 100x3 left 0 by #7 maker done; level 10 buy 100 = 0; "
               "rest #7 r23 u3 sell 99x3; level 11 sell 99 = 3");
        outcome(limit(B, 24, 3, 90, 1));
        EXPECT(with_mode(move(24, 25, 99, 6), STP_EXPIRE_BOTH),
               "done #8 r24 u3 buy 90 left 1 replaced; level 13 buy 90 = 0; "
               "done #7 r23 u3 sell 99 left 3 stp; level 14 sell 99 = 0; "
               "done #9 r25 u3 buy 99 left 6 stp");
        cr_assert_eq(test.pool->count, 1);
    }
}

/* ---- DECREMENT ---- */

Test(book_match, decrement_takes_the_smaller_off_both)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(limit(B, 20, 1, 100, 2), STP_DECREMENT),
               "own m1 #1 r11 u1 sell 100x2 by #5 taker done; level 5 sell 100 = 6");
        EXPECT(with_mode(limit(B, 21, 1, 101, 5), STP_DECREMENT),
               "own m2 #1 r11 u1 sell 100x3 by #6 maker done; "
               "fill t1 #2 r12 u2 sell 100x2 left 1 by #6 taker done; level 6 sell 100 = 1");
        EXPECT(with_mode(limit(B, 22, 2, 100, 1), STP_DECREMENT),
               "own m3 #2 r12 u2 sell 100x1 by #7 maker done taker done; level 7 sell 100 = 0");
        EXPECT(with_mode(limit(B, 23, 3, 101, 6), STP_DECREMENT),
               "own m4 #3 r13 u3 sell 101x4 by #8 maker done; level 8 sell 101 = 0; "
               "rest #8 r23 u3 buy 101x2; level 9 buy 101 = 2");
        cr_assert_eq(book_orders(test.book), 2);
    }
}

Test(book_match, decrement_leaves_the_maker_its_place)
{
    EACH_WAY
    {
        lay_asks();
        outcome(with_mode(limit(B, 20, 1, 100, 2), STP_DECREMENT));
        EXPECT(limit(B, 21, 9, 100, 4), "fill t1 #1 r11 u1 sell 100x3 left 0 by #6 maker done; "
                                        "fill t2 #2 r12 u2 sell 100x1 left 2 by #6 taker done; "
                                        "level 6 sell 100 = 2");
    }
}

/* Goal: what is given up is given up in the unit that the order is counted in. Method: 100 a lot; a
 * buy by quantity that holds for 8 lots, buys by amount of 3, 5 and 9 lots' worth. */
Test(book_match, decrement_counts_as_the_taker_does)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(market(B, 20, 1, 7, 800, 0), STP_DECREMENT),
               "own m1 #1 r11 u1 sell 100x5 by #5 maker done; "
               "fill t1 #2 r12 u2 sell 100x2 left 1 by #5 taker done; level 5 sell 100 = 1");
        EXPECT(with_mode(market(B, 21, 2, 0, 350, CMD_QUOTE_QTY), STP_DECREMENT),
               "own m2 #2 r12 u2 sell 100x1 by #6 maker done; level 6 sell 100 = 0; "
               "fill t2 #3 r13 u3 sell 101x2 left 2 by #6; level 7 sell 101 = 2; "
               "done #6 r21 u2 buy 0 left 0 filled");
        EXPECT(with_mode(market(B, 22, 3, 0, 150, CMD_QUOTE_QTY), STP_DECREMENT),
               "own m3 #3 r13 u3 sell 101x1 by #7 taker done; level 8 sell 101 = 1");
        EXPECT(with_mode(market(B, 23, 3, 0, 101, CMD_QUOTE_QTY), STP_DECREMENT),
               "own m4 #3 r13 u3 sell 101x1 by #8 maker done taker done; level 9 sell 101 = 0");
        EXPECT(with_mode(market(S, 24, 3, 2, 0, 0), STP_DECREMENT), "done #9 r24 u3 sell 0 left 2 "
                                                                    "expired");
    }
}

/* Goal: a FOK that meets an own order cannot fill whole, and changes nothing but itself. */
Test(book_match, a_fok_under_decrement_ends_at_an_own_order)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(with_mode(with_tif(limit(B, 20, 1, 101, 5), TIF_FOK), STP_DECREMENT),
               "own m1 #1 r11 u1 sell 100x0 by #5 taker done");
    }
}

Test(book_match, a_reduced_order_keeps_its_place)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(reduce(11, 2), "less #1 r11 u1 sell 100 by 2 left 3; level 5 sell 100 = 6");
        EXPECT(reduce(14, 5), "less #4 r14 u4 sell 105 by 5 left 1; level 6 sell 105 = 1");
        EXPECT(limit(B, 20, 9, 100, 1), "fill t1 #1 r11 u1 sell 100x1 left 2 by #5 taker done; "
                                        "level 7 sell 100 = 5");
        EXPECT(reduce(11, 1), "less #1 r11 u1 sell 100 by 1 left 1; level 8 sell 100 = 4");
        EXPECT(limit(B, 21, 9, 100, 2),
               "fill t2 #1 r11 u1 sell 100x1 left 0 by #6 maker done; "
               "fill t3 #2 r12 u2 sell 100x1 left 2 by #6 taker done; level 9 sell 100 = 2");
        EXPECT(cancel(12), "done #2 r12 u2 sell 100 left 2 canceled; level 10 sell 100 = 0");
        cr_assert_eq(book_orders(test.book), 2);
    }
}

Test(book_match, a_reduction_that_is_none_is_refused)
{
    EACH_WAY
    {
        lay_asks();
        uint64_t hash = book_hash(test.book), seq = book_seq(test.book);
        EXPECT(reduce(99, 1), unknown);
        EXPECT(reduce(99, 0), unknown); /* which order comes before how much */
        EXPECT(reduce(11, 0), no_change);
        EXPECT(reduce(11, -1), increase);
        EXPECT(reduce(11, INT64_MIN), increase);
        cr_assert_eq(book_update_id(test.book), 4);
        cr_assert_eq(book_seq(test.book), seq + 5);
        EXPECT(reduce(11, 4), "less #1 r11 u1 sell 100 by 4 left 1; level 5 sell 100 = 4");
        cr_assert_neq(book_hash(test.book), hash);
    }
}

Test(book_match, an_order_that_is_reduced_to_nothing_expires)
{
    EACH_WAY
    {
        lay_asks();
        EXPECT(reduce(11, 5), "done #1 r11 u1 sell 100 left 5 expired; level 5 sell 100 = 3");
        EXPECT(reduce(11, 1), unknown);
        EXPECT(limit(B, 20, 9, 100, 1), "fill t1 #2 r12 u2 sell 100x1 left 2 by #5 taker done; "
                                        "level 6 sell 100 = 2");
        EXPECT(reduce(12, INT64_MAX),
               "done #2 r12 u2 sell 100 left 2 expired; level 7 sell 100 = 0");
        cr_assert_eq(book_orders(test.book), 2);
    }
}

/* Goal: reducing works wherever the level lives, and gives back what a side's sum had. Method: a
 * price far outside the window; then a quantity that only fits when the sum shrank. */
Test(book_match, a_far_order_is_reduced_too)
{
    EACH_WAY
    {
        lay_asks();
        outcome(limit(S, 15, 5, 900000000, INT64_MAX - 18));
        EXPECT(limit(S, 16, 5, 106, 1), full);
        EXPECT(reduce(15, INT64_MAX - 20),
               "less #5 r15 u5 sell 900000000 by 9223372036854775787 left 2; "
               "level 6 sell 900000000 = 2");
        EXPECT(limit(S, 17, 5, 106, 1), "rest #6 r17 u5 sell 106x1; level 7 sell 106 = 1");
    }
}

/* Goal: book_taker_order_id() answers as soon as the command has begun, for a move as for a new
 * order. */
Test(book_match, the_order_id_of_a_move_is_known_once_it_has_begun)
{
    EACH_WAY
    {
        struct book_event event[EVENTS_MAX];
        struct book_events out = {event, 0};
        outcome(limit(B, 20, 1, 90, 2));
        struct book_cmd cmd = move(20, 21, 91, 2);
        cmd.seq = book_seq(test.book) + 1;
        cmd.ts_us = ++test.clock_us;
        cr_assert_eq(book_begin(test.book, &cmd), REJECT_NONE);
        cr_expect_eq(book_taker_order_id(test.book), 2);
        while (book_step(test.book, test.fills_max, &out) == BOOK_MORE)
            ;
        cr_expect_eq(book_taker_order_id(test.book), 2);
    }
}

Test(book_match, a_status_allows_what_it_says_and_no_more)
{
    static const struct {
        enum book_status status;
        bool may_place, may_move, may_cancel; /* reducing is like moving */
    } rows[] = {{STATUS_TRADING, true, true, true},
                {STATUS_CANCEL_ONLY, false, false, true},
                {STATUS_HALT, false, false, false},
                {STATUS_BREAK, false, false, false}};
    for (size_t i = 0; i < COUNT(rows); i++)
        EACH_WAY
        {
            outcome(limit(S, 1, 1, 100, 5));
            outcome(limit(S, 2, 1, 100, 5));
            EXPECT(status(rows[i].status), "");
            cr_assert_eq(book_status(test.book), rows[i].status);
            cr_expect_eq(strcmp(outcome(limit(B, 3, 2, 90, 1)), closed) != 0, rows[i].may_place);
            cr_expect_eq(strcmp(outcome(market(B, 4, 2, 1, 1, 0)), closed) != 0, rows[i].may_place);
            cr_expect_eq(strcmp(outcome(reduce(1, 1)), closed) != 0, rows[i].may_move);
            cr_expect_eq(strcmp(outcome(move(1, 5, 101, 1)), closed) != 0, rows[i].may_move);
            cr_expect_eq(strcmp(outcome(cancel(2)), closed) != 0, rows[i].may_cancel);
            EXPECT(status(STATUS_TRADING), "");
            EXPECT(cancel(777), unknown);
        }
}

Test(book_match, a_status_is_checked_before_anything_else)
{
    EACH_WAY
    {
        lay_asks();
        outcome(status(STATUS_HALT));
        EXPECT(cancel(777), closed);
        EXPECT(reduce(11, 0), closed);
        EXPECT(move(777, 778, 1, 1), closed);
        EXPECT(post_only(limit(B, 20, 9, 100, 1)), closed);
        EXPECT(market(B, 20, 9, 10, 1, CMD_HELD_ALL), closed);
        outcome(status(STATUS_CANCEL_ONLY));
        EXPECT(cancel(777), unknown);
        EXPECT(move(777, 778, 1, 1), closed);
    }
}

Test(book_match, a_full_book_refuses_what_may_rest_and_takes_the_rest)
{
    EACH_WAY
    {
        for (uint64_t i = 0; i < ORDERS_MAX; i++)
            outcome(limit(S, 10 + i, 1, 100, 5));
        EXPECT(limit(B, 30, 9, 90, 1), full);
        EXPECT(limit(B, 31, 9, 100, 1), full); /* even if it would trade whole */
        EXPECT(post_only(limit(B, 32, 9, 90, 1)), full);
        EXPECT(post_only(limit(B, 33, 9, 100, 1)), would_match); /* room is asked last */
        EXPECT(market(B, 34, 9, 1, 1, CMD_HELD_ALL), no_funds);
        EXPECT(move(10, 20, 101, 1), "done #1 r10 u1 sell 100 left 5 replaced; level 9 sell 100 = "
                                     "35; rest #9 r20 u1 sell 101x1; level 10 sell 101 = 1");
        EXPECT(with_tif(limit(B, 35, 9, 99, 1), TIF_IOC), "done #10 r35 u9 buy 99 left 1 expired");
        EXPECT(with_tif(limit(B, 36, 9, 99, 1), TIF_FOK), "done #11 r36 u9 buy 99 left 1 expired");
        EXPECT(market(B, 37, 9, 5, 500, 0), "fill t1 #2 r11 u1 sell 100x5 left 0 by #12 maker done "
                                            "taker done; level 11 sell 100 = 30");
        EXPECT(limit(B, 38, 9, 90, 1), "rest #13 r38 u9 buy 90x1; level 12 buy 90 = 1");
        EXPECT(limit(B, 39, 9, 90, 1), full);
    }
}

Test(book_match, a_rejected_command_changes_only_the_seq)
{
    EACH_WAY
    {
        lay_asks();
        uint64_t update_id = book_update_id(test.book);
        outcome(post_only(limit(B, 20, 9, 100, 1)));
        outcome(market(B, 21, 9, 10, 1, CMD_HELD_ALL));
        outcome(cancel(777));
        cr_assert_eq(book_seq(test.book), 7);
        cr_assert_eq(book_update_id(test.book), update_id);
        cr_assert_eq(book_orders(test.book), 4);
        EXPECT(limit(B, 22, 9, 90, 1), "rest #5 r22 u9 buy 90x1; level 5 buy 90 = 1");
    }
}

/* Goal: a level anywhere is a level. Method: prices far outside the window, walked and then
 * taken. */
Test(book_match, prices_far_from_the_market_are_kept_in_order)
{
    static const int64_t asks[] = {1000, 1001, 5000, 900000, 40000000000, 800000000000000};
    EACH_WAY
    {
        int64_t price = book_first_price(S), qty = 0;
        for (size_t i = COUNT(asks); i-- > 0;)
            outcome(limit(S, 10 + i, 1, asks[i], 1 + (int64_t)i));
        for (size_t i = 0; i < COUNT(asks); i++) {
            cr_assert(book_next_level(test.book, S, &price, &qty));
            cr_assert_eq(price, asks[i]);
            cr_assert_eq(qty, 1 + (int64_t)i);
        }
        cr_assert(!book_next_level(test.book, S, &price, &qty));
        EXPECT(limit(B, 50, 2, 1, 1), "rest #7 r50 u2 buy 1x1; level 7 buy 1 = 1");
        for (size_t i = 0; i < COUNT(asks); i++) {
            cr_assert(book_best(test.book, S, &price) && price == asks[i]);
            outcome(with_tif(limit(B, 60 + i, 2, asks[i], 1 + (int64_t)i), TIF_FOK));
            cr_assert_eq(book_last_price(test.book), asks[i]);
        }
        cr_assert(!book_best(test.book, S, &price));
        cr_assert(book_best(test.book, B, &price) && price == 1);
    }
}

/* Goal: any price that money can hold works. Method: trade at both ends of the range in one book;
 * under UBSan a sum of two prices shows. */
Test(book_match, the_lowest_and_the_highest_price_trade)
{
    for (uint32_t fills_max = 1; fills_max < 9; fills_max += 7) {
        open_book((struct money_spec){1, 1}, 64, fills_max);
        EXPECT(limit(B, 1, 1, 1, 5), "rest #1 r1 u1 buy 1x5; level 1 buy 1 = 5");
        EXPECT(limit(S, 2, 2, INT64_MAX - 1, 5),
               "rest #2 r2 u2 sell 9223372036854775806x5; level 2 sell 9223372036854775806 = 5");
        EXPECT(limit(B, 3, 3, INT64_MAX - 2, 5),
               "rest #3 r3 u3 buy 9223372036854775805x5; level 3 buy 9223372036854775805 = 5");
        EXPECT(limit(S, 4, 4, INT64_MAX - 2, 5),
               "fill t1 #3 r3 u3 buy 9223372036854775805x5 left 0 by #4 maker done taker done; "
               "level 4 buy 9223372036854775805 = 0");
        EXPECT(limit(B, 5, 5, INT64_MAX - 1, 5),
               "fill t2 #2 r2 u2 sell 9223372036854775806x5 left 0 by #5 maker done taker done; "
               "level 5 sell 9223372036854775806 = 0");
        EXPECT(limit(S, 6, 6, 1, 5), "fill t3 #1 r1 u1 buy 1x5 left 0 by #6 maker done taker done; "
                                     "level 6 buy 1 = 0");
    }
}

static void count_order(void *arg, const struct order_node *order)
{
    uint64_t *refs = arg;
    *refs = *refs * 100 + order->ref;
}

Test(book_match, each_order_comes_in_priority)
{
    EACH_WAY
    {
        uint64_t refs = 0;
        lay_asks();
        book_each_order(test.book, S, count_order, &refs);
        cr_assert_eq(refs, 11121314);
        refs = 0;
        book_each_order(test.book, B, count_order, &refs);
        cr_assert_eq(refs, 0);
        open_book(atom_a_lot, 64, 1);
        lay_bids();
        book_each_order(test.book, B, count_order, &refs);
        cr_assert_eq(refs, 11121314);
    }
}

/* Goal: the hash is of the logical state. Method: the same commands every way give one hash, and
 * any difference in what rests gives another. */
Test(book_match, the_hash_tells_states_apart_and_nothing_else)
{
    uint64_t hash = 0;
    EACH_WAY
    {
        lay_asks();
        outcome(limit(B, 20, 9, 101, 11));
        if (way == 0)
            hash = book_hash(test.book);
        cr_assert_eq(book_hash(test.book), hash);
        outcome(status(STATUS_HALT));
        cr_assert_neq(book_hash(test.book), hash);
    }
    open_book(atom_a_lot, 64, 1);
    lay_asks();
    outcome(limit(B, 20, 9, 101, 10));
    cr_assert_neq(book_hash(test.book), hash);
}

/* Goal: prefetching is only a hint. Method: every kind of command, known and unknown refs, then
 * compare. */
Test(book_match, prefetching_changes_nothing)
{
    EACH_WAY
    {
        lay_asks();
        uint64_t hash = book_hash(test.book);
        struct book_cmd cmds[] = {limit(B, 20, 1, 100, 1),
                                  cancel(11),
                                  cancel(999),
                                  move(12, 22, 5, 5),
                                  reduce(13, 1),
                                  market(B, 21, 1, 1, 1, 0),
                                  status(STATUS_HALT),
                                  limit(S, 23, 1, INT64_MAX / 20000, 1)};
        const struct book_cmd *pointers[COUNT(cmds)];
        for (size_t i = 0; i < COUNT(cmds); i++)
            pointers[i] = &cmds[i];
        book_prefetch(test.book, pointers, COUNT(cmds));
        book_prefetch(test.book, pointers, 0);
        cr_assert_eq(book_hash(test.book), hash);
    }
}

/* Goal: the same where there are enough orders for it to begin. Method: many that rest, many that
 * wait, both; then cancels of each and of unknown ones, in more than one batch. */
Test(book_match, prefetching_among_many_orders_changes_nothing)
{
    enum { MANY = 12500, ROOM = 2 * MANY, FAR = 4 * MANY, ASKED = 80 };
    const struct book_more stop = {.stop_ticks = 100000};
    for (uint32_t kinds = 1; kinds <= 3; kinds++) {
        struct book_config config = {.spec = atom_a_lot, .symbol = 3, .window_ticks = 64};
        struct book_event event[4];
        close_book();
        test.pool = order_pool_init(zeroed(order_pool_size(ROOM, FAR)), ROOM, FAR);
        test.book = book_init(zeroed(book_size(64)), test.pool, &config);
        for (uint64_t i = 0; i < ROOM; i++) {
            bool waits = i & 1;
            struct book_cmd cmd = limit(B, i + 1, 1, 100, 1);
            struct book_events out = {event, 0};
            cmd.order_type = waits ? TYPE_STOP_LOSS_LIMIT : TYPE_LIMIT;
            cmd.more = waits ? &stop : NULL;
            cmd.seq = book_seq(test.book) + 1;
            if (!(kinds & (waits ? 2 : 1)))
                continue;
            cr_assert_eq(book_begin(test.book, &cmd), REJECT_NONE);
            cr_assert_eq(book_step(test.book, 1, &out), BOOK_DONE);
        }
        struct book_cmd cmds[ASKED];
        const struct book_cmd *pointers[ASKED];
        for (uint64_t i = 0; i < ASKED; i++) {
            uint64_t ref = i * 333 % (ROOM + 1000) + 1;
            cmds[i] = i % 5 == 0 ? move(ref, ROOM + 2000 + i, 5, 5) : cancel(ref);
            pointers[i] = &cmds[i];
        }
        uint64_t hash = book_hash(test.book);
        book_prefetch(test.book, pointers, ASKED);
        cr_assert_eq(book_hash(test.book), hash);
        book_verify(test.book);
    }
}
