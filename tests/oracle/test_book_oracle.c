/* test_book_oracle.c - the fast book against the naive one: same seeded commands, every event
 * compared.
 *
 * Use:     test_book_oracle [SEED] [COMMANDS]; COMMANDS (1,000,000) are dealt out over the
 *          settings. Exit 1 with seed, setting and command number at the first difference.
 * Method:  swarm: each setting turns other screws (window size, price walk, users, units, room).
 *          Two fast books run beside the naive one, with different windows and slices, so that a
 *          result which depends on either shows as a difference too. Every command: reject, order
 *          id and events, field by field. Every 1,000: whole book, levels, best prices, counters,
 *          book_verify, book_hash. Every 5,000 one of the fast books goes on from its snapshot.
 * Thread:  one. A plain program: it runs under every sanitizer.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/book.h"
#include "tests/oracle/draw.h"
#include "tests/oracle/naive_book.h"

enum { FILLS_MAX = 7, EVENTS_MAX = 1 << 16, REFS_KEPT = 256, CHECK_EVERY = 1000 };

enum walk {
    WALK_NARROW, /* a few ticks around a price that creeps */
    WALK_WIDE,   /* thousands of ticks */
    WALK_JUMP,   /* the market leaps far away and its old orders stay behind */
    WALK_TAIL,   /* most near, some at any distance (log-uniform) */
    WALK_FLOOR,  /* at the lowest prices there are */
};

struct setting {
    const char *name;
    uint32_t window_ticks, twin_window_ticks;
    enum walk walk;
    int64_t start_ticks, tick_atoms, lot_atoms;
    uint32_t users, orders_max;
    int64_t qty_max;
};

static const struct setting settings[] = {
    {"narrow", 64, 4096, WALK_NARROW, 1000, 1000000, 100000, 50, 2000, 1000},
    {"narrow, two users", 4096, 64, WALK_NARROW, 50000, 1000000, 100000, 2, 2000, 1000},
    {"narrow, one user", 64, 64, WALK_NARROW, 1000, 1000000, 100000, 1, 2000, 50},
    {"narrow, single lots", 4096, 64, WALK_NARROW, 700, 100000000, 100000000, 9, 500, 3},
    {"narrow, awkward units", 64, 4096, WALK_NARROW, 12345679, 7, 3, 20, 2000, 100000000},
    {"narrow, little room", 64, 4096, WALK_NARROW, 1000, 1000000, 100000, 50, 40, 1000},
    {"wide", 4096, 64, WALK_WIDE, 100000, 1000000, 100000, 50, 3000, 1000},
    {"wide, small window", 64, 4096, WALK_WIDE, 20000, 1000, 100000, 5, 1500, 100000},
    {"wide, big window", 262144, 4096, WALK_WIDE, 3000000, 10000, 100000, 50, 3000, 1000},
    {"wide, awkward units", 64, 4096, WALK_WIDE, 9999991, 7, 3, 20, 2000, 1000000000},
    {"jump", 64, 4096, WALK_JUMP, 1000000, 1000, 100000, 50, 2000, 1000},
    {"jump, few users", 4096, 64, WALK_JUMP, 1000000, 1000, 100000, 4, 2000, 1000},
    {"jump, big window", 262144, 64, WALK_JUMP, 1000000, 1000, 100000, 50, 2000, 1000},
    {"jump, little room", 64, 4096, WALK_JUMP, 1000000, 7, 100000, 50, 60, 100000},
    {"jump, awkward units", 64, 262144, WALK_JUMP, 500000, 7, 3, 3, 1000, 100000000},
    {"tail", 64, 4096, WALK_TAIL, 1000000, 1000, 100000, 50, 3000, 1000},
    {"tail, medium window", 4096, 64, WALK_TAIL, 5000000, 1000, 3, 10, 3000, 100000000},
    {"tail, little room", 64, 128, WALK_TAIL, 1000000, 1000, 100000, 50, 100, 1000},
    {"floor", 64, 4096, WALK_FLOOR, 20, 7, 100000, 10, 1000, 10000000},
    {"floor, window over it", 262144, 64, WALK_FLOOR, 1, 100000000, 3, 10, 1000, 100000000},
    {"ceiling", 64, 4096, WALK_NARROW, INT64_MAX - 1000000, 1, 1, 10, 1000, 1000},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

struct fast {
    struct order_pool *pool;
    struct book *book;
    void *pool_block, *book_block;
    struct book_events out;
};

/* What the run has seen; a kind that never came up was not tested. */
static struct {
    uint64_t events[7], done[6], rejects[REJECT_COUNT], commands, orders_max, far_max;
    uint64_t own_makers[STP_COUNT], own_takers[STP_COUNT]; /* ended by each mode */
    uint64_t fok_past_own, held_all_past_own, kept_ids;
    uint64_t icebergs, waits[TYPE_COUNT], trails, waiting_max, fired_max;
} seen;

static struct {
    uint64_t seed, number; /* number: of the command, over the whole run */
    const struct setting *setting;
    struct fast fast[2];
    struct naive_book *naive;
    struct book_cmd cmd, leg;        /* leg: of a pair */
    struct book_more more, leg_more; /* theirs */
    struct book_event *want;
    uint32_t want_count;
    int64_t middle_ticks;
    int aggressive, canceling; /* percent; drawn anew now and then, so that books grow and shrink */
    uint64_t refs, dead[REFS_KEPT];
    uint64_t order_id;    /* that the command's order gets, or the second one of a pair */
    uint64_t kept_ids[2]; /* of orders to come, or 0 */
} run;

static const char *const event_name[] = {"ACCEPTED", "FILL",      "DONE",     "LEVEL",
                                         "REDUCED",  "TRIGGERED", "PREVENTED"};
static const char *const stp_name[] = {"NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH",
                                       "DECREMENT"};
static const char *const done_name[] = {"FILLED", "CANCELED", "EXPIRED",
                                        "STP",    "REPLACED", "SIBLING"};

static void print_event(const char *who, const struct book_event *e)
{
    fprintf(
        stderr,
        "  %s %s side=%u reason=%u flags=%u user=%u ref=%" PRIx64 " order_id=%" PRIu64
        " id=%" PRIu64 " price=%" PRId64 " qty=%" PRId64 " left=%" PRId64 " taker=%" PRIu64 "\n",
        who, e->type < 7 ? event_name[e->type] : "?", e->side, e->reason, e->flags, e->user, e->ref,
        e->order_id, e->id, e->price_ticks, e->qty_lots, e->left_lots, e->taker_order_id);
}

static void print_events(const char *who, const struct book_event *event, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        print_event(who, &event[i]);
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    const struct book_cmd *c = &run.cmd;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "test_book_oracle: seed %" PRIu64 ", setting \"%s\", command %" PRIu64 ": ",
            run.seed, run.setting->name, run.number);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr,
            "\n  cmd type=%u side=%u order_type=%u tif=%u stp=%u flags=%u status=%u user=%u "
            "seq=%" PRIu64 " ref=%" PRIx64 " new_ref=%" PRIx64 " price=%" PRId64 " qty=%" PRId64
            " quote=%" PRId64 " display=%" PRId64 " stop=%" PRId64 " trail=%u\n",
            c->type, c->side, c->order_type, c->tif, c->stp, c->flags, c->status, c->user, c->seq,
            c->ref, c->new_ref, c->price_ticks, c->qty_lots, c->quote_atoms, run.more.display_lots,
            run.more.stop_ticks, run.more.trail_bips);
    exit(1);
}

#define SAME(fast, want, what)                                                                     \
    ((fast) == (want)                                                                              \
         ? (void)0                                                                                 \
         : fail("%s: fast %" PRId64 ", naive %" PRId64, what, (int64_t)(fast), (int64_t)(want)))

static void fast_open(struct fast *fast, uint32_t window_ticks)
{
    const struct setting *s = run.setting;
    struct book_config config = {
        .spec = {s->tick_atoms, s->lot_atoms}, .symbol = 5, .window_ticks = window_ticks};
    fast->pool_block = zeroed(order_pool_size(s->orders_max, 2 * s->orders_max + 1024));
    fast->pool = order_pool_init(fast->pool_block, s->orders_max, 2 * s->orders_max + 1024);
    fast->book_block = zeroed(book_size(window_ticks));
    fast->book = book_init(fast->book_block, fast->pool, &config);
    fast->out.event = zeroed(EVENTS_MAX * sizeof(struct book_event));
}

static void fast_close(struct fast *fast)
{
    free(fast->pool_block);
    free(fast->book_block);
    free(fast->out.event);
}

/* Poisons the room the contract names and two events behind it, so that a field that is never
 * written and a write too far both show. */
static enum book_step fast_step(struct fast *fast, uint32_t fills_max)
{
    uint32_t room = 2 * fills_max + 4, from = fast->out.count, fills = 0;
    struct book_event *event = fast->out.event + from;
    if (from + room + 2 > EVENTS_MAX)
        fail("more than %d events", EVENTS_MAX);
    memset(event, 0xA5, (room + 2) * sizeof *event);
    enum book_step step = book_step(fast->book, fills_max, &fast->out);
    uint32_t count = fast->out.count - from;
    if (count > room)
        fail("%u events from a step of %u fills", count, fills_max);
    for (size_t i = 0; i < (room + 2 - count) * sizeof *event; i++)
        if (((unsigned char *)(event + count))[i] != 0xA5)
            fail("a step of %u fills wrote behind its %u events", fills_max, count);
    for (uint32_t i = 0; i < count; i++)
        fills += event[i].type == EVENT_FILL || event[i].type == EVENT_PREVENTED;
    if (fills > fills_max)
        fail("%u makers from a step of %u", fills, fills_max);
    return step;
}

static void fast_apply(struct fast *fast, enum reject want)
{
    fast->out.count = 0;
    if (chance(10)) {
        const struct book_cmd *cmd = &run.cmd;
        book_prefetch(fast->book, &cmd, 1);
    }
    enum reject reject = book_begin(fast->book, &run.cmd);
    if (reject != want)
        fail("fast: %s; naive: %s", reject_text(reject), reject_text(want));
    if (reject == REJECT_NONE) {
        if (run.cmd.type == CMD_NEW || run.cmd.type == CMD_MOVE || run.cmd.type == CMD_PAIR)
            SAME(book_taker_order_id(fast->book), run.order_id, "order id");
        while (fast_step(fast, 1 + (uint32_t)below(FILLS_MAX)) != BOOK_DONE)
            if (!book_busy(fast->book))
                fail("BOOK_MORE of a book that is not busy");
    }
    if (book_busy(fast->book))
        fail("busy after the command");
    SAME(book_seq(fast->book), naive_book_seq(run.naive), "seq");
}

static bool same_event(const struct book_event *a, const struct book_event *b)
{
    return a->type == b->type && a->side == b->side && a->reason == b->reason &&
           a->flags == b->flags && a->user == b->user && a->ref == b->ref &&
           a->order_id == b->order_id && a->id == b->id && a->price_ticks == b->price_ticks &&
           a->qty_lots == b->qty_lots && a->left_lots == b->left_lots &&
           a->taker_order_id == b->taker_order_id;
}

static void compare_events(const struct fast *fast)
{
    bool same = fast->out.count == run.want_count;
    for (uint32_t i = 0; same && i < run.want_count; i++)
        same = same_event(&fast->out.event[i], &run.want[i]);
    if (same)
        return;
    print_events("fast ", fast->out.event, fast->out.count);
    print_events("naive", run.want, run.want_count);
    fail("events differ (book %td)", fast - run.fast);
}

struct walk_orders {
    const struct fast *fast;
    enum book_side side;
    uint32_t index;
};

static void compare_order(void *arg, const struct order_node *order)
{
    struct walk_orders *walk = arg;
    const struct naive_order *want = naive_book_each(run.naive, walk->side, walk->index++);
    if (!want)
        fail("side %d: the fast book has more than %u orders", walk->side, walk->index - 1);
    SAME(order->ref, want->ref, "ref of a resting order");
    SAME(order->order_id, want->order_id, "id of a resting order");
    SAME(order->price_ticks, want->price_ticks, "price of a resting order");
    SAME(order->left_lots, want->left_lots, "lots of a resting order");
    SAME(book_hidden(walk->fast->book, order), want->hidden_lots, "hidden lots of an order");
    SAME(order->user, want->user, "user of a resting order");
    SAME(order->side, walk->side, "side of a resting order");
}

static void compare_side(const struct fast *fast, enum book_side side)
{
    struct walk_orders walk = {.fast = fast, .side = side};
    book_each_order(fast->book, side, compare_order, &walk);
    if (naive_book_each(run.naive, side, walk.index))
        fail("side %d: the fast book has only %u orders", side, walk.index);

    const struct naive_order *first = naive_book_each(run.naive, side, 0);
    int64_t best = 0, price = book_first_price(side), qty = 0;
    SAME(book_best(fast->book, side, &best), first != NULL, "has a best price");
    if (first)
        SAME(best, first->price_ticks, "best price");

    for (uint32_t index = 0;;) {
        const struct naive_order *order = naive_book_each(run.naive, side, index);
        bool more = book_next_level(fast->book, side, &price, &qty);
        SAME(more, order != NULL, "has a next level");
        if (!order)
            break;
        int64_t want_price = order->price_ticks, want_qty = 0;
        for (; order && order->price_ticks == want_price;
             order = naive_book_each(run.naive, side, ++index))
            want_qty += order->left_lots;
        SAME(price, want_price, "price of a level");
        SAME(qty, want_qty, "lots of a level");
    }
}

static const struct naive_wait *find_wait(uint64_t ref)
{
    const struct naive_wait *wait;
    for (uint32_t i = 0; (wait = naive_book_waiting(run.naive, i)) != NULL; i++)
        if (wait->cmd.ref == ref)
            return wait;
    return NULL;
}

static void compare_wait(void *arg, const struct order_node *order, const struct order_terms *terms,
                         int64_t extreme)
{
    const struct naive_wait *want = find_wait(order->ref);
    uint32_t *count = arg;
    (*count)++;
    if (!want)
        fail("ref %" PRIx64 " waits", order->ref);
    SAME(order->order_id, want->order_id, "id of an order that waits");
    SAME(order->left_lots, want->cmd.qty_lots, "lots of an order that waits");
    SAME(order->side, want->cmd.side, "side of an order that waits");
    SAME(terms->stop_ticks, want->more.stop_ticks, "stop of an order that waits");
    SAME(terms->trail_bips, want->more.trail_bips, "delta of an order that waits");
    SAME(extreme, want->extreme, "extreme of an order that trails");
}

static void compare_waits(const struct fast *fast)
{
    uint32_t count = 0, want = 0;
    book_each_waiting(fast->book, compare_wait, &count);
    while (naive_book_waiting(run.naive, want))
        want++;
    SAME(count, want, "orders that wait");
    SAME(book_waiting(fast->book), want, "count of orders that wait");
    SAME(fast->pool->count, naive_book_orders(run.naive) + want, "nodes in use");
    SAME(fast->pool->waiting, want, "orders that the pool keeps levels for");
    if (seen.waiting_max < want)
        seen.waiting_max = want;
}

static void compare_books(void)
{
    for (int i = 0; i < 2; i++) {
        const struct fast *fast = &run.fast[i];
        book_verify(fast->book);
        SAME(book_orders(fast->book), naive_book_orders(run.naive), "orders");
        compare_waits(fast);
        SAME(book_status(fast->book), naive_book_status(run.naive), "status");
        SAME(book_update_id(fast->book), naive_book_update_id(run.naive), "update id");
        SAME(book_last_price(fast->book), naive_book_last_price(run.naive), "last price");
        compare_side(fast, SIDE_BUY);
        compare_side(fast, SIDE_SELL);
    }
    if (book_hash(run.fast[0].book) != book_hash(run.fast[1].book))
        fail("book_hash depends on the window or on the slices");
}

/* What a snapshot keeps is the whole book: from here on the one read back is tested. */
static void read_back(struct fast *fast, uint32_t window_ticks)
{
    enum { BYTES = 4 << 20 };
    static unsigned char kept[BYTES];
    struct wire out = {.out = kept, .ok = true};
    struct fast back = {0};
    book_wire(&out, fast->book);
    if (!out.ok || out.at > BYTES)
        fail("a book of %u bytes does not fit its snapshot", out.at);
    fast_open(&back, window_ticks);
    struct wire in = {.in = kept, .end = out.at, .ok = true};
    book_wire(&in, back.book);
    if (!in.ok || in.at != in.end)
        fail("a snapshot is refused at byte %u of %u", in.at, in.end);
    book_verify(back.book);
    if (book_hash(back.book) != book_hash(fast->book))
        fail("a book is not the same behind its snapshot");
    fast_close(fast);
    *fast = back;
}

static int64_t price_max(void)
{
    return INT64_MAX / run.setting->tick_atoms;
}

static int64_t clamp_price(int64_t price)
{
    return price < 1 ? 1 : price > price_max() ? price_max() : price;
}

/* Moves the middle of the market, seldom far. */
static void walk_middle(void)
{
    static const int moods[] = {1, 3, 10, 30, 50};
    if (run.aggressive == 0 || below(1500) == 0) {
        run.aggressive = moods[below(5)];
        run.canceling = chance(60) ? 4 : 25;
    }
    switch (run.setting->walk) {
    case WALK_JUMP:
        if (below(700) == 0)
            run.middle_ticks = any_size(20000000);
        break;
    case WALK_TAIL:
        if (below(3000) == 0)
            run.middle_ticks = any_size(20000000);
        break;
    case WALK_FLOOR:
        run.middle_ticks += below(21) == 0 ? below(5) - 2 : 0;
        if (run.middle_ticks > 100)
            run.middle_ticks = 1;
        break;
    case WALK_NARROW:
    case WALK_WIDE:
        break;
    }
    int64_t reach = run.setting->walk == WALK_WIDE ? 41 : 3;
    if (chance(20))
        run.middle_ticks += below(reach) - reach / 2;
    run.middle_ticks = clamp_price(run.middle_ticks);
}

/* Mostly on the passive side of the middle, sometimes across it. */
static int64_t any_price(enum book_side side)
{
    int64_t away = below(8);
    switch (run.setting->walk) {
    case WALK_WIDE:
        away = any_size(6000);
        break;
    case WALK_TAIL:
        away = chance(80) ? below(30) : any_size(10000000);
        break;
    case WALK_JUMP:
        away = chance(80) ? below(30) : any_size(3000);
        break;
    case WALK_FLOOR:
        away = any_size(300);
        break;
    case WALK_NARROW:
        if (chance(2))
            away = below(200);
        break;
    }
    if (chance(run.aggressive))
        away = -away;
    return clamp_price(side == SIDE_BUY ? run.middle_ticks - away : run.middle_ticks + away);
}

static uint64_t fresh_ref(void)
{
    uint64_t ref = (uint64_t)(1 + below(7)) << 54 | ++run.refs;
    run.dead[run.refs % REFS_KEPT] = ref;
    return ref;
}

/* The ref of an open order; sometimes one that is long gone, or never was. */
static uint64_t any_ref(void)
{
    const struct naive_wait *wait =
        chance(25) ? naive_book_waiting(run.naive, (uint32_t)below(100)) : NULL;
    if (wait)
        return wait->cmd.ref;
    if (naive_book_orders(run.naive) == 0 || chance(4))
        return chance(70) ? run.dead[below(REFS_KEPT)]
                          : (uint64_t)below(8) << 54 | (run.refs + 1 + (uint64_t)below(9));
    enum book_side side =
        naive_book_each(run.naive, SIDE_BUY, 0) && chance(50) ? SIDE_BUY : SIDE_SELL;
    if (!naive_book_each(run.naive, side, 0))
        side = SIDE_BUY;
    int64_t count = 1;
    while (naive_book_each(run.naive, side, (uint32_t)count))
        count *= 2;
    if (chance(50))
        count = count > 8 ? 8 : count; /* near the top, where things happen */
    const struct naive_order *order;
    do
        order = naive_book_each(run.naive, side, (uint32_t)below(count));
    while (!order);
    return order->ref;
}

/* What `lots` are worth around here: the scale for holds and budgets. */
static int64_t worth(int64_t lots)
{
    const struct setting *s = run.setting;
    const struct naive_order *order = naive_book_each(run.naive, SIDE_SELL, 0);
    int64_t price = order ? order->price_ticks : run.middle_ticks;
    __int128 exact = (__int128)price * s->tick_atoms * lots * s->lot_atoms / MONEY_ATOMS_PER_UNIT;
    return exact > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)exact;
}

static int64_t any_budget(int64_t lots)
{
    int64_t exact = worth(lots);
    switch (below(8)) {
    case 0:
        return exact;
    case 1:
        return exact > 0 ? exact - 1 : 0;
    case 2:
        return exact + below(3);
    case 3:
        return exact + exact / 20;
    case 4:
        return any_size(exact + 1);
    case 5:
        return worth(1) + below(3) - (worth(1) > 0);
    case 6:
        return chance(3) ? INT64_MAX : exact + any_size(exact + 1);
    default:
        return exact / 2;
    }
}

static uint8_t any_stp(void)
{
    return (uint8_t)(chance(60) ? 1 + below(STP_COUNT - 1) : STP_NONE);
}

/* Lots to take off: mostly some of what the order has, else what is refused. */
static int64_t any_reduction(uint64_t ref)
{
    for (enum book_side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        const struct naive_order *order;
        for (uint32_t i = 0; (order = naive_book_each(run.naive, side, i)) != NULL; i++)
            if (order->ref == ref && chance(80))
                return any_size(order->left_lots + (chance(50) ? order->hidden_lots : 0) +
                                chance(10)) -
                       chance(5);
    }
    const struct naive_wait *wait = find_wait(ref);
    if (wait && chance(80))
        return any_size(wait->cmd.qty_lots) - chance(5);
    return any_size(run.setting->qty_max) * (chance(20) ? -1 : 1);
}

/* What an iceberg of so many lots shows: of up to 20 parts. */
static int64_t any_display(int64_t lots)
{
    return lots / 20 + any_size(lots);
}

/* Of a command that is drawn. */
static struct book_more *more_of(const struct book_cmd *cmd)
{
    return cmd == &run.leg ? &run.leg_more : &run.more;
}

/* A stop near the market, mostly on the side where it waits, or a delta, or both. */
static void any_wait(struct book_cmd *cmd)
{
    static const uint32_t deltas[] = {1, 10, 50, 100, 300, 2000, 9999};
    cmd->order_type = (uint8_t)(TYPE_STOP_LOSS + below(4));
    bool above = type_waits_above(cmd->order_type, cmd->side);
    int64_t last = naive_book_last_price(run.naive), away = chance(80) ? below(6) : any_size(500);
    if (chance(35))
        more_of(cmd)->trail_bips = deltas[below(7)];
    if (!more_of(cmd)->trail_bips || chance(50))
        more_of(cmd)->stop_ticks = clamp_price((last ? last : run.middle_ticks) +
                                               (above != chance(5) ? away + 1 : -away - 1));
    cmd->tif = (uint8_t)below(TIF_COUNT);
    if (type_is_market(cmd->order_type))
        cmd->quote_atoms = cmd->side == SIDE_BUY ? any_budget(cmd->qty_lots) : 0;
    else
        cmd->price_ticks = any_price(cmd->side);
    if (!type_is_market(cmd->order_type) && cmd->tif == TIF_GTC && chance(20))
        more_of(cmd)->display_lots = any_display(cmd->qty_lots);
}

/* A leg of a pair, which waits for a price on its side of the market. */
static void any_leg(struct book_cmd *cmd, int64_t type, int64_t middle)
{
    cmd->order_type = (uint8_t)type;
    bool above = type_waits_above(cmd->order_type, cmd->side);
    cmd->flags = 0;
    more_of(cmd)->display_lots = 0;
    cmd->tif = (uint8_t)below(TIF_COUNT);
    more_of(cmd)->trail_bips = chance(25) ? 100 : 0;
    more_of(cmd)->stop_ticks = clamp_price(middle + (above ? 1 : -1) * (any_size(20) - chance(3)));
    if (more_of(cmd)->trail_bips && chance(50))
        more_of(cmd)->stop_ticks = 0;
    cmd->price_ticks = type_is_market(cmd->order_type) ? 0 : any_price(cmd->side);
    cmd->quote_atoms =
        type_is_market(cmd->order_type) && cmd->side == SIDE_BUY ? any_budget(cmd->qty_lots) : 0;
}

static void any_new(struct book_cmd *cmd)
{
    cmd->type = CMD_NEW;
    cmd->ref = fresh_ref();
    cmd->side = (uint8_t)below(2);
    cmd->user = 1 + (uint32_t)below(run.setting->users);
    cmd->group = chance(70) ? 0 : 1 + (uint32_t)below(3);
    cmd->stp = any_stp();
    cmd->qty_lots = any_size(run.setting->qty_max * (chance(10) ? 5 : 1));
    cmd->order_type = TYPE_LIMIT;
    if (chance(12)) {
        any_wait(cmd);
        return;
    }
    int64_t kind = below(20);
    switch (kind) {
    case 0:
    case 1:
        cmd->order_type = TYPE_LIMIT_MAKER;
        cmd->tif = chance(20) ? TIF_IOC : TIF_GTC; /* it rests in any case */
        break;
    case 2:
        cmd->tif = TIF_IOC;
        break;
    case 3:
    case 4:
        cmd->tif = TIF_FOK;
        break;
    case 5:
        cmd->order_type = TYPE_MARKET;
        cmd->flags = chance(50) && cmd->side == SIDE_BUY ? CMD_HELD_ALL : 0;
        break;
    case 6:
        cmd->order_type = TYPE_MARKET;
        cmd->flags = CMD_QUOTE_QTY;
        break;
    default:
        break;
    }
    if (cmd->order_type == TYPE_MARKET) {
        cmd->tif = (uint8_t)below(3); /* nobody looks at it */
        cmd->quote_atoms = any_budget(cmd->qty_lots);
    } else {
        cmd->price_ticks = any_price(cmd->side);
        if ((cmd->tif == TIF_GTC || cmd->order_type == TYPE_LIMIT_MAKER) && chance(15))
            more_of(cmd)->display_lots = any_display(cmd->qty_lots);
    }
}

/* A LIMIT_MAKER or TAKE_PROFIT(_LIMIT) and a STOP_LOSS(_LIMIT), mostly around the last price. */
static void any_pair(struct book_cmd *cmd)
{
    int64_t last = naive_book_last_price(run.naive);
    int64_t middle = last && chance(95) ? last : run.middle_ticks;
    any_new(cmd);
    cmd->type = CMD_PAIR;
    run.leg = *cmd;
    run.leg_more = (struct book_more){0};
    run.leg.more = &run.leg_more;
    run.more.other = &run.leg;
    run.leg.ref = fresh_ref();
    any_leg(&run.leg, TYPE_STOP_LOSS + below(2), middle);
    if (chance(60)) {
        cmd->order_type = TYPE_LIMIT_MAKER;
        more_of(cmd)->trail_bips = 0;
        more_of(cmd)->stop_ticks = cmd->quote_atoms = 0;
        cmd->flags = 0;
        cmd->price_ticks =
            clamp_price(middle + (cmd->side == SIDE_SELL ? 1 : -1) * (any_size(20) - chance(3)));
    } else {
        any_leg(cmd, TYPE_TAKE_PROFIT + below(2), middle);
    }
}

/* Some orders keep ids for others to come; whoever uses one uses it up. */
static void any_kept_id(struct book_cmd *cmd, struct book_more *more)
{
    uint64_t *kept = run.kept_ids[0] ? &run.kept_ids[0] : &run.kept_ids[1];
    if (*kept && chance(30)) {
        more->order_id = *kept;
        *kept = 0;
        seen.kept_ids++;
    } else if (cmd->type == CMD_NEW && !*kept && chance(10)) {
        cmd->flags |= (uint8_t)((1 + below(2)) << CMD_KEEPS_SHIFT);
    }
}

static struct book_cmd any_command(void)
{
    struct book_cmd cmd = {.seq = naive_book_seq(run.naive) + 1, .ts_us = (int64_t)run.number};
    run.more = (struct book_more){0};
    bool trading = naive_book_status(run.naive) == STATUS_TRADING;
    if (trading ? below(2000) == 0 : chance(10)) {
        cmd.type = CMD_STATUS;
        cmd.status = (uint8_t)(chance(40) ? STATUS_TRADING : below(STATUS_COUNT));
    } else if (chance(run.canceling)) {
        cmd.type = CMD_CANCEL;
        cmd.ref = any_ref();
        cmd.restriction = (uint8_t)(chance(70) ? RESTRICT_NONE : 1 + below(2));
    } else if (chance(20)) {
        cmd.type = CMD_MOVE;
        cmd.ref = any_ref();
        cmd.new_ref = fresh_ref();
        cmd.price_ticks = any_price((enum book_side)below(2));
        cmd.qty_lots = any_size(run.setting->qty_max);
        cmd.stp = any_stp();
    } else if (chance(8)) {
        cmd.type = CMD_REDUCE;
        cmd.ref = any_ref();
        cmd.qty_lots = any_reduction(cmd.ref);
        cmd.price_ticks = (int64_t)below(3); /* nobody looks at it */
    } else if (chance(10)) {
        any_pair(&cmd);
    } else {
        any_new(&cmd);
    }
    if (cmd.type == CMD_NEW || cmd.type == CMD_PAIR)
        cmd.more = &run.more;
    if (cmd.more)
        any_kept_id(&cmd, &run.more);
    if (cmd.type == CMD_PAIR)
        any_kept_id(&run.leg, &run.leg_more);
    if (cmd.type != CMD_NEW && cmd.type != CMD_PAIR) { /* nobody looks at these */
        cmd.user = (uint32_t)below(run.setting->users + 1);
        cmd.group = (uint32_t)below(4);
        cmd.side = (uint8_t)below(2);
    }
    return cmd;
}

/* `taker`: the command that is, which an order that has waited becomes. */
static void count_event(const struct book_event *event, struct book_cmd *taker)
{
    seen.events[event->type]++;
    if (event->type == EVENT_TRIGGERED)
        *taker = (struct book_cmd){.type = CMD_NEW, .ref = event->ref};
    if (event->type == EVENT_DONE)
        seen.done[event->reason]++;
    if (event->type != EVENT_PREVENTED)
        return;
    seen.own_takers[event->reason] += (event->flags & BOOK_TAKER_DONE) != 0;
    if (!(event->flags & BOOK_MAKER_DONE))
        return;
    seen.own_makers[event->reason]++;
    seen.fok_past_own += taker->order_type == TYPE_LIMIT && taker->tif == TIF_FOK;
    seen.held_all_past_own += (taker->flags & CMD_HELD_ALL) != 0;
}

static void one_command(void)
{
    walk_middle();
    run.cmd = any_command();
    run.want_count = 0;
    uint64_t kept = run.cmd.type == CMD_PAIR ? run.leg_more.order_id : run.more.order_id;
    run.order_id = kept ? kept : naive_book_order_id(run.naive) + 1;
    enum reject reject =
        naive_book_apply(run.naive, &run.cmd, run.want, &run.want_count, EVENTS_MAX);
    for (int i = 0; i < 2; i++) {
        fast_apply(&run.fast[i], reject);
        compare_events(&run.fast[i]);
        if (seen.far_max < run.fast[i].pool->far_count)
            seen.far_max = run.fast[i].pool->far_count;
    }
    seen.commands++;
    if (seen.orders_max < naive_book_orders(run.naive))
        seen.orders_max = naive_book_orders(run.naive);
    seen.rejects[reject]++;
    uint8_t keeps = run.cmd.type == CMD_NEW ? run.cmd.flags >> CMD_KEEPS_SHIFT : 0;
    for (uint8_t i = 0; i < keeps && reject == REJECT_NONE; i++)
        run.kept_ids[i] = naive_book_order_id(run.naive) - i;
    if (run.cmd.type == CMD_NEW && reject == REJECT_NONE) {
        seen.waits[run.cmd.order_type]++;
        seen.trails += run.more.trail_bips != 0;
        seen.icebergs += run.more.display_lots != 0;
    }
    uint64_t fired = seen.events[EVENT_TRIGGERED];
    struct book_cmd taker = run.cmd;
    for (uint32_t i = 0; i < run.want_count; i++)
        count_event(&run.want[i], &taker);
    fired = seen.events[EVENT_TRIGGERED] - fired;
    if (seen.fired_max < fired)
        seen.fired_max = fired;
}

static void run_setting(uint32_t index, uint64_t commands)
{
    run.setting = &settings[index];
    memset(run.kept_ids, 0, sizeof run.kept_ids);
    draw_from = hash_fold(run.seed, index);
    run.middle_ticks = run.setting->start_ticks;
    run.refs = 0;
    run.aggressive = 0;
    for (int i = 0; i < REFS_KEPT; i++)
        run.dead[i] = 1;
    struct money_spec spec = {run.setting->tick_atoms, run.setting->lot_atoms};
    run.naive = naive_book_new(&spec, run.setting->orders_max);
    fast_open(&run.fast[0], run.setting->window_ticks);
    fast_open(&run.fast[1], run.setting->twin_window_ticks);
    for (uint64_t i = 1; i <= commands; i++) {
        run.number++;
        one_command();
        if (i % CHECK_EVERY == 0 || i == commands)
            compare_books();
        if (i % (5 * CHECK_EVERY) == 0)
            read_back(&run.fast[0], run.setting->window_ticks);
    }
    fast_close(&run.fast[0]);
    fast_close(&run.fast[1]);
    naive_book_free(run.naive);
}

/* Prints the counts; false if a kind of event, and in a long run any kind at all, never came. */
static bool summary(void)
{
    static const enum reject rejects[] = {
        REJECT_NO_FUNDS,    REJECT_UNKNOWN_ORDER, REJECT_MARKET_CLOSED,
        REJECT_WOULD_MATCH, REJECT_BOOK_FULL,     REJECT_QTY_INCREASE,
        REJECT_NO_CHANGE,   REJECT_RESTRICTED,    REJECT_WOULD_TRIGGER};
    static const char *const reject_name[] = {"NO_FUNDS",    "UNKNOWN_ORDER", "MARKET_CLOSED",
                                              "WOULD_MATCH", "BOOK_FULL",     "QTY_INCREASE",
                                              "NO_CHANGE",   "RESTRICTED",    "WOULD_TRIGGER"};
    bool all = true, any_run_is_long = seen.commands >= 100000;
    printf("test_book_oracle: seed %" PRIu64 ", %" PRIu64 " commands, %d settings:", run.seed,
           seen.commands, SETTINGS);
    for (int i = 0; i < 7; i++) {
        printf(" %s %" PRIu64, event_name[i], seen.events[i]);
        all = all && seen.events[i] > 0;
    }
    printf("; DONE:");
    for (int i = 0; i < 6; i++) {
        printf(" %s %" PRIu64, done_name[i], seen.done[i]);
        all = all && (seen.done[i] > 0 || !any_run_is_long || i == DONE_STP);
    }
    printf("; rejects:");
    for (uint32_t i = 0; i < sizeof rejects / sizeof rejects[0]; i++) {
        printf(" %s %" PRIu64, reject_name[i], seen.rejects[rejects[i]]);
        all = all && (seen.rejects[rejects[i]] > 0 || !any_run_is_long);
    }
    printf("; ended by self-trade prevention, makers and takers:");
    for (int i = STP_EXPIRE_TAKER; i < STP_COUNT; i++) {
        printf(" %s %" PRIu64 " and %" PRIu64, stp_name[i], seen.own_makers[i], seen.own_takers[i]);
        all = all && (i == STP_EXPIRE_TAKER || seen.own_makers[i] > 0 || !any_run_is_long) &&
              (i == STP_EXPIRE_MAKER || seen.own_takers[i] > 0 || !any_run_is_long);
    }
    printf(", makers by a FOK %" PRIu64 ", by a buy that held all %" PRIu64, seen.fok_past_own,
           seen.held_all_past_own);
    all = all && (seen.kept_ids > 0 || !any_run_is_long);
    all = all && ((seen.fok_past_own > 0 && seen.held_all_past_own > 0) || !any_run_is_long);
    for (int i = TYPE_STOP_LOSS; i < TYPE_COUNT; i++)
        all = all && (seen.waits[i] > 0 || !any_run_is_long);
    all = all && ((seen.trails > 0 && seen.icebergs > 0 && seen.fired_max > 2) || !any_run_is_long);
    printf("; icebergs %" PRIu64 ", trailing %" PRIu64 ", at most %" PRIu64 " waiting and %" PRIu64
           " fired by one command",
           seen.icebergs, seen.trails, seen.waiting_max, seen.fired_max);
    printf("; at most %" PRIu64 " orders and %" PRIu64 " far levels", seen.orders_max,
           seen.far_max);
    all = all && seen.far_max > 0;
    printf("%s\n", all ? "" : " - SOME KIND NEVER CAME");
    return all;
}

int main(int argc, char **argv)
{
    uint64_t commands = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    run.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    run.want = zeroed(EVENTS_MAX * sizeof(struct book_event));
    for (uint32_t i = 0; i < SETTINGS; i++) {
        uint64_t from = commands * i / SETTINGS, to = commands * (i + 1) / SETTINGS;
        if (to > from)
            run_setting(i, to - from);
    }
    free(run.want);
    return summary() ? 0 : 1;
}
