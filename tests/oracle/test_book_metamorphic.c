/* test_book_metamorphic.c - the book against itself: what must be so without knowing what is right.
 *
 * Use:     test_book_metamorphic [SEED] [COMMANDS] [BREAK]; COMMANDS (300,000) are dealt out over
 *          the settings. Exit 1 with seed, setting and command number at the first difference.
 *          BREAK 1 .. 5 spoils one relation's image a little: it must fail (broken_relations.sh).
 * Method:  a random stream goes to one book, its image under a relation to another one, which has
 *          another window and other slices. After each command rejects and events, every 500 whole
 *          books, must be each other's image:
 *
 *   mirror   Sides are swapped, prices p are C - p. Without orders by quote amount, whose lots
 *            depend on the price itself, without holds that end, which only buyers have, and
 *            without trailing deltas, which are parts of the price. Orders wait only once something
 *            has traded: what the first trade of a book wakes on both sides comes in an order that
 *            is not symmetric (trigger.h); any later one wakes the orders of one way alone.
 *   scale    Prices and budgets are k times as high; a step of quantity at a tick is a whole
 *            number of atoms. Deltas are as they were, so this has what the mirror leaves out.
 *   dead leg A pair, one leg of which no price of the stream reaches, is its other leg alone. The
 *            dead leg is open as long as the other one has neither traded, nor fired, nor ended;
 *            that one is not moved or reduced meanwhile, which pairs refuse. Where limit legs are
 *            dead, nobody takes their side at any price.
 *   alone    An iceberg that is the only order at its price and side fills as its plain twin does,
 *            but in parts: fills of one maker and taker are added up. Whatever is done to it.
 *   shared   At a price that many share, each taker trades as many lots per price as with their
 *            plain twins, and so many are left of each price; who trades is another matter, so no
 *            request names an order, and nobody meets orders of their own.
 *
 * Thread:  one. A plain program: it runs under every sanitizer.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/book.h"
#include "tests/oracle/draw.h"

enum { EVENTS_MAX = 1 << 16, OPEN_MAX = 1 << 14, CHECK_EVERY = 500, LOOK_EVERY = 20 };
enum { TICK_ATOMS = 1000000, LOT_ATOMS = 100000, LOT_COST = 1000 /* atoms a tick and lot */ };
/* Prices are this far from the setting's middle at most, so that none is twice another one. */
enum { SPAN = 2000 };
#define HELD_ENOUGH (INT64_MAX / 2)
#define REF_DEAD    ((uint64_t)1 << 62) /* the dead leg's ref is the living one's and this */
#define REF_LIVING  ((uint64_t)1 << 61)

enum relation { MIRROR, SCALE, DEAD_LEG, ALONE, SHARED, RELATIONS };
enum dead { DEAD_STOP, DEAD_BUY_LIMIT, DEAD_SELL_LIMIT };

struct setting {
    const char *name;
    enum relation relation;
    int64_t screw; /* SCALE: k; DEAD_LEG: which is dead; ALONE, SHARED: shown lots, 0: any */
    uint32_t window_ticks, image_window_ticks;
    int64_t middle, reach; /* prices around which, and how far from there they usually are */
    uint32_t users, orders_max;
    int64_t qty_max;
};

static const struct setting settings[] = {
    {"mirror", MIRROR, 0, 64, 4096, 10000, 8, 30, 2000, 1000},
    {"mirror, wide", MIRROR, 0, 4096, 64, 50000, 500, 30, 3000, 1000},
    {"mirror, two users", MIRROR, 0, 64, 64, 3000, 8, 2, 2000, 50},
    {"mirror, little room", MIRROR, 0, 64, 4096, 10000, 8, 30, 40, 1000},
    {"scale, twice", SCALE, 2, 64, 64, 7477, 8, 30, 2000, 1000},
    {"scale, out of the window", SCALE, 1000, 64, 4096, 13331, 300, 5, 2000, 1000},
    {"scale, little room", SCALE, 3, 64, 64, 8923, 8, 30, 40, 50},
    {"dead stop", DEAD_LEG, DEAD_STOP, 64, 4096, 10000, 8, 30, OPEN_MAX, 1000},
    {"dead stop, one user", DEAD_LEG, DEAD_STOP, 4096, 64, 8000, 4, 1, OPEN_MAX, 50},
    {"dead stop, wide", DEAD_LEG, DEAD_STOP, 4096, 64, 20000, 300, 3, OPEN_MAX, 100},
    {"dead limit to buy", DEAD_LEG, DEAD_BUY_LIMIT, 64, 4096, 10000, 8, 30, OPEN_MAX, 1000},
    {"dead limit to sell", DEAD_LEG, DEAD_SELL_LIMIT, 4096, 64, 10000, 30, 4, OPEN_MAX, 1000},
    {"alone", ALONE, 0, 64, 4096, 10000, 8, 30, 2000, 1000},
    {"alone, wide", ALONE, 0, 4096, 64, 10000, 200, 5, 2000, 100},
    {"alone, one user", ALONE, 0, 64, 64, 10000, 8, 1, 2000, 60},
    {"alone, 1 lot", ALONE, 1, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 2 lots", ALONE, 2, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 3 lots", ALONE, 3, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 4 lots", ALONE, 4, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 5 lots", ALONE, 5, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 6 lots", ALONE, 6, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 7 lots", ALONE, 7, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 8 lots", ALONE, 8, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 9 lots", ALONE, 9, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, 10 lots", ALONE, 10, 64, 4096, 10000, 8, 9, 2000, 10},
    {"alone, all and more", ALONE, 11, 64, 4096, 10000, 8, 9, 2000, 10},
    {"shared", SHARED, 0, 64, 4096, 10000, 8, 30, OPEN_MAX, 1000},
    {"shared, wide", SHARED, 0, 4096, 64, 10000, 300, 30, OPEN_MAX, 100},
    {"shared, 1 lot", SHARED, 1, 64, 4096, 10000, 4, 9, OPEN_MAX, 10},
    {"shared, 3 lots", SHARED, 3, 64, 4096, 10000, 4, 9, OPEN_MAX, 10},
    {"shared, 7 lots", SHARED, 7, 64, 4096, 10000, 4, 9, OPEN_MAX, 10},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

struct order { /* of a book, as it is compared */
    uint64_t ref, order_id;
    int64_t price, left, hidden, stop, extreme, shown;
    uint32_t user, trail;
    uint8_t side, waits;
};

struct twin {
    struct order_pool *pool;
    struct book *book;
    void *pool_block, *book_block;
    struct book_events out;
    uint64_t order_id;        /* that the last command took; of a pair the other leg's */
    struct book_event *event; /* of the last command, as they are compared */
    uint32_t events;
    struct order order[OPEN_MAX]; /* likewise, all that are open */
    uint32_t orders;
};

/* A command with all that it points to. */
struct whole {
    struct book_cmd cmd, leg;
    struct book_more more, leg_more;
};

/* What the run has seen; a kind that never came up was not tested. */
static struct {
    uint64_t commands, events[RELATIONS][7], siblings[RELATIONS], parts[RELATIONS];
    uint64_t own[RELATIONS][STP_COUNT], trails[RELATIONS], rejects, pairs, orphans, refused;
} seen;

static struct {
    uint64_t seed, number; /* number: of the command, over the whole run */
    int broken;
    const struct setting *setting;
    struct twin twin[2]; /* the book, and its image */
    struct whole drawn, image;
    int64_t middle;
    int aggressive, canceling; /* percent */
    uint64_t refs;
    uint64_t open[OPEN_MAX]; /* refs that were open at the last look */
    uint32_t opens;
    int64_t lots[2];                 /* of those of a side that rest */
    uint64_t claim[2][2 * SPAN + 1]; /* ALONE: whose a price is */
    /* DEAD_LEG: of the image's order ids, by those of the book; by the ref's number, whether the
     * leg that lives has done something, and whether the dead one has gone */
    uint64_t *image_id;
    bool *stirred, *gone;
    uint64_t dead_updates;
    uint32_t standing;
} run;

static const char *const event_name[] = {"ACCEPTED", "FILL",      "DONE",     "LEVEL",
                                         "REDUCED",  "TRIGGERED", "PREVENTED"};
static const char *const relation_name[] = {"mirror", "scale", "dead leg", "alone", "shared"};

static void print_events(const char *who, const struct book_event *event, uint32_t count)
{
    for (const struct book_event *e = event; e < event + count; e++)
        fprintf(stderr,
                "  %s %s side=%u reason=%u flags=%u user=%u ref=%" PRIx64 " order_id=%" PRIu64
                " id=%" PRIu64 " price=%" PRId64 " qty=%" PRId64 " left=%" PRId64 " taker=%" PRIu64
                "\n",
                who, event_name[e->type], e->side, e->reason, e->flags, e->user, e->ref,
                e->order_id, e->id, e->price_ticks, e->qty_lots, e->left_lots, e->taker_order_id);
}

static void print_cmd(const char *who, const struct book_cmd *c)
{
    const struct book_more none = {0}, *more = c->more ? c->more : &none;
    fprintf(stderr,
            "  %s cmd type=%u side=%u order_type=%u tif=%u stp=%u flags=%u status=%u user=%u "
            "ref=%" PRIx64 " new_ref=%" PRIx64 " price=%" PRId64 " qty=%" PRId64 " quote=%" PRId64
            " display=%" PRId64 " stop=%" PRId64 " trail=%u\n",
            who, c->type, c->side, c->order_type, c->tif, c->stp, c->flags, c->status, c->user,
            c->ref, c->new_ref, c->price_ticks, c->qty_lots, c->quote_atoms, more->display_lots,
            more->stop_ticks, more->trail_bips);
    if (c->type == CMD_PAIR)
        print_cmd("   other", more->other);
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr,
            "test_book_metamorphic: seed %" PRIu64 ", setting \"%s\", command %" PRIu64 ": ",
            run.seed, run.setting->name, run.number);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    print_cmd("book ", &run.drawn.cmd);
    print_cmd("image", &run.image.cmd);
    exit(1);
}

/* ---- the two books ---- */

static void twin_open(struct twin *twin, uint32_t window_ticks)
{
    uint32_t orders_max = run.setting->orders_max, far_max = 2 * orders_max + 1024;
    struct book_config config = {
        .spec = {TICK_ATOMS, LOT_ATOMS}, .symbol = 5, .window_ticks = window_ticks};
    twin->pool_block = zeroed(order_pool_size(orders_max, far_max));
    twin->pool = order_pool_init(twin->pool_block, orders_max, far_max);
    twin->book_block = zeroed(book_size(window_ticks));
    twin->book = book_init(twin->book_block, twin->pool, &config);
    twin->out.event = zeroed(EVENTS_MAX * sizeof(struct book_event));
    twin->event = zeroed(EVENTS_MAX * sizeof(struct book_event));
}

static void twin_close(struct twin *twin)
{
    free(twin->pool_block);
    free(twin->book_block);
    free(twin->out.event);
    free(twin->event);
}

/* Runs the whole command in slices; what it tells is in twin->out. */
static enum reject twin_apply(struct twin *twin, struct book_cmd *cmd)
{
    cmd->seq = book_seq(twin->book) + 1;
    twin->out.count = 0;
    enum reject reject = book_begin(twin->book, cmd);
    twin->order_id = book_taker_order_id(twin->book);
    while (reject == REJECT_NONE) {
        uint32_t fills = 1 + (uint32_t)below(9);
        if (twin->out.count + 2 * fills + 4 > EVENTS_MAX)
            fail("more than %d events", EVENTS_MAX);
        if (book_step(twin->book, fills, &twin->out) == BOOK_DONE)
            break;
    }
    return reject;
}

static bool is_open(const struct twin *twin, uint64_t ref)
{
    return order_pool_find(twin->pool, ref) != 0;
}

static void add_order(void *arg, const struct order_node *node)
{
    struct twin *twin = arg;
    int64_t hidden = book_hidden(twin->book, node);
    if (twin->orders == OPEN_MAX)
        fail("more than %d orders", OPEN_MAX);
    twin->order[twin->orders++] = (struct order){.ref = node->ref,
                                                 .order_id = node->order_id,
                                                 .price = node->price_ticks,
                                                 .left = node->left_lots + hidden,
                                                 .hidden = hidden,
                                                 .shown = node->left_lots,
                                                 .user = node->user,
                                                 .side = node->side};
}

static void add_wait(void *arg, const struct order_node *node, const struct order_terms *terms,
                     int64_t extreme)
{
    struct twin *twin = arg;
    add_order(twin, node);
    struct order *order = &twin->order[twin->orders - 1];
    order->waits = 1;
    order->stop = terms->stop_ticks;
    order->trail = terms->trail_bips;
    order->extreme = extreme;
}

static int by_ref(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    return x->ref < y->ref ? -1 : x->ref > y->ref;
}

/* All that is open: bids, asks, in priority, and what waits, by ref. In the mirror asks come first.
 */
static void look(struct twin *twin, enum book_side first)
{
    twin->orders = 0;
    book_each_order(twin->book, first, add_order, twin);
    book_each_order(twin->book, !first, add_order, twin);
    uint32_t resting = twin->orders;
    book_each_waiting(twin->book, add_wait, twin);
    qsort(twin->order + resting, twin->orders - resting, sizeof *twin->order, by_ref);
}

/* ---- the stream ---- */

static enum relation relation(void)
{
    return run.setting->relation;
}

static int64_t clamp_price(int64_t price)
{
    int64_t low = run.setting->middle - SPAN, high = run.setting->middle + SPAN;
    return price < low ? low : price > high ? high : price;
}

/* Moves the middle of the market, and draws anew how the crowd is, so that books grow and shrink.
 */
static void walk_middle(void)
{
    static const int moods[] = {1, 3, 10, 30, 50};
    if (run.aggressive == 0 || below(700) == 0) {
        run.aggressive = moods[below(5)];
        run.canceling = chance(60) ? 6 : 30;
    }
    int64_t step = run.setting->reach / 4 + 3;
    if (chance(20))
        run.middle = clamp_price(run.middle + below(step) - step / 2);
}

static int64_t any_price(uint8_t side)
{
    int64_t away = chance(95) ? below(run.setting->reach) : below(SPAN);
    if (chance(run.aggressive))
        away = -away;
    return clamp_price(side == SIDE_BUY ? run.middle - away : run.middle + away);
}

/* What requests name: an order that was open a while ago, seldom none. */
static uint64_t any_ref(void)
{
    if (run.opens == 0 || chance(2))
        return run.refs + 1000;
    return run.open[below(run.opens)];
}

static uint64_t fresh_ref(void)
{
    return ++run.refs;
}

static uint64_t number_of(uint64_t ref)
{
    return ref & ~(REF_DEAD | REF_LIVING);
}

static int64_t any_budget(int64_t lots)
{
    int64_t exact = run.middle * lots * LOT_COST;
    switch (below(5)) {
    case 0:
        return exact - 1;
    case 1:
        return exact / 2 + below(3);
    case 2:
        return any_size(exact);
    default:
        return exact + any_size(exact);
    }
}

/* What a market buy by quantity has to spend. */
static int64_t any_hold(uint8_t side, int64_t lots)
{
    if (side == SIDE_SELL)
        return 0;
    return relation() == MIRROR ? HELD_ENOUGH : any_budget(lots);
}

static int64_t any_display(int64_t lots)
{
    return run.setting->screw && (relation() == ALONE || relation() == SHARED)
               ? run.setting->screw
               : lots / 20 + any_size(lots);
}

/* Nobody takes the side at any price on which limit legs are dead. */
static bool may_take_any_price(uint8_t side)
{
    return relation() != DEAD_LEG || run.setting->screw == DEAD_STOP ||
           (run.setting->screw == DEAD_BUY_LIMIT ? side == SIDE_BUY : side == SIDE_SELL);
}

static bool may_wait(void)
{
    return relation() != MIRROR || book_last_price(run.twin[0].book);
}

/* ALONE: the price becomes the order's own; false when it is another one's. */
static bool claim(uint8_t side, int64_t price, uint64_t ref)
{
    if (relation() != ALONE || run.broken == 4)
        return true;
    uint64_t *owner = &run.claim[side][price - (run.setting->middle - SPAN)];
    if (is_open(&run.twin[0], *owner))
        return false;
    *owner = ref;
    return true;
}

static int64_t any_stop(const struct book_cmd *cmd)
{
    bool above = type_waits_above(cmd->order_type, cmd->side);
    int64_t last = book_last_price(run.twin[0].book), away = 1 + any_size(run.setting->reach);
    return clamp_price((last ? last : run.middle) + (above != chance(3) ? away : -away));
}

static void any_wait(struct book_cmd *cmd, struct book_more *more, int64_t type)
{
    static const uint32_t deltas[] = {1, 10, 50, 300, 2000};
    cmd->order_type = (uint8_t)type;
    if (!may_take_any_price(cmd->side))
        cmd->order_type += type_is_market(cmd->order_type);
    if (relation() != MIRROR && chance(35))
        more->trail_bips = deltas[below(5)];
    if (!more->trail_bips || chance(50))
        more->stop_ticks = any_stop(cmd);
    cmd->tif = (uint8_t)below(TIF_COUNT);
    if (type_is_market(cmd->order_type)) {
        cmd->quote_atoms = any_hold(cmd->side, cmd->qty_lots);
        return;
    }
    cmd->price_ticks = any_price(cmd->side);
    if (cmd->tif == TIF_GTC && chance(40))
        more->display_lots = any_display(cmd->qty_lots);
}

static void any_market(struct book_cmd *cmd)
{
    cmd->order_type = TYPE_MARKET;
    cmd->quote_atoms = any_hold(cmd->side, cmd->qty_lots);
    if (relation() == MIRROR)
        return;
    if (chance(40)) {
        cmd->flags = CMD_QUOTE_QTY;
        cmd->quote_atoms = any_budget(cmd->qty_lots);
    } else if (cmd->side == SIDE_BUY && chance(50)) {
        cmd->flags = CMD_HELD_ALL;
    }
}

static void any_new(struct book_cmd *cmd, struct book_more *more)
{
    int64_t kind = below(100);
    cmd->type = CMD_NEW;
    cmd->ref = fresh_ref();
    cmd->more = more;
    cmd->side = (uint8_t)below(2);
    cmd->user = 1 + (uint32_t)below(run.setting->users);
    if (relation() != SHARED) {
        cmd->group = chance(70) ? 0 : 1 + (uint32_t)below(3);
        cmd->stp = (uint8_t)(chance(60) ? 1 + below(STP_COUNT - 1) : STP_NONE);
    }
    cmd->qty_lots = any_size(run.setting->qty_max * (chance(10) ? 5 : 1));
    if (relation() == SHARED && run.opens > 300 && chance(5)) { /* others have cancels */
        cmd->order_type = TYPE_MARKET;
        cmd->qty_lots = 1 + run.lots[!cmd->side] / 2;
        cmd->quote_atoms = HELD_ENOUGH;
        return;
    }
    if (kind < 14 && may_wait()) {
        any_wait(cmd, more, TYPE_STOP_LOSS + below(4));
    } else if (kind < 24 && may_take_any_price(cmd->side)) {
        any_market(cmd);
    } else {
        cmd->order_type = kind < 32 ? TYPE_LIMIT_MAKER : TYPE_LIMIT;
        cmd->tif = kind < 32 ? TIF_GTC : kind < 37 ? TIF_IOC : kind < 47 ? TIF_FOK : TIF_GTC;
        cmd->price_ticks = any_price(cmd->side);
        if (cmd->tif == TIF_GTC && chance(40))
            more->display_lots = any_display(cmd->qty_lots);
    }
    bool rests = !type_is_market(cmd->order_type) && cmd->tif == TIF_GTC;
    if (rests && !claim(cmd->side, cmd->price_ticks, cmd->ref))
        cmd->tif = TIF_IOC, cmd->order_type = TYPE_LIMIT, *more = (struct book_more){0};
}

/* A leg that no price of the stream reaches. */
static void any_dead_leg(struct book_cmd *cmd, struct book_more *more, int64_t type)
{
    int64_t low = 1 + below(3), high = 4 * run.setting->middle + below(3);
    cmd->order_type = (uint8_t)type;
    cmd->tif = (uint8_t)below(TIF_COUNT);
    bool above = type_waits_above(cmd->order_type, cmd->side);
    if (type == TYPE_LIMIT_MAKER) {
        cmd->price_ticks = cmd->side == SIDE_BUY ? low : high;
        cmd->tif = TIF_GTC;
        return;
    }
    more->stop_ticks = above ? high : low;
    if (chance(30))
        more->trail_bips = 9999;
    if (more->trail_bips && chance(50))
        more->stop_ticks = 0;
    if (run.broken == 3 && !more->trail_bips)
        more->stop_ticks = any_stop(cmd);
    cmd->price_ticks = type_is_market(cmd->order_type) ? 0 : any_price(cmd->side);
    cmd->quote_atoms =
        type_is_market(cmd->order_type) && cmd->side == SIDE_BUY ? any_hold(SIDE_BUY, 1) : 0;
}

/* A limit maker or a take profit, and a stop loss; with `dead` one of them is. */
static void any_pair(struct whole *whole, bool dead)
{
    struct book_cmd *cmd = &whole->cmd;
    int64_t last = book_last_price(run.twin[0].book);
    *cmd = (struct book_cmd){.type = CMD_PAIR,
                             .side = (uint8_t)below(2),
                             .stp = (uint8_t)below(STP_COUNT),
                             .user = 1 + (uint32_t)below(run.setting->users),
                             .qty_lots = any_size(run.setting->qty_max),
                             .ts_us = cmd->ts_us};
    if (dead && run.setting->screw != DEAD_STOP)
        cmd->side = run.setting->screw == DEAD_BUY_LIMIT ? SIDE_BUY : SIDE_SELL;
    whole->leg = *cmd;
    cmd->more = &whole->more;
    cmd->ref = fresh_ref();
    whole->leg.ref = fresh_ref();
    whole->leg.type = CMD_NEW;
    whole->leg.more = &whole->leg_more;
    whole->more.other = &whole->leg;
    bool second = dead && (run.setting->screw == DEAD_STOP ? chance(50) : true);
    int64_t first = chance(60) ? TYPE_LIMIT_MAKER : TYPE_TAKE_PROFIT + below(2);
    if (dead && second) { /* the second one lives */
        if (run.setting->screw == DEAD_STOP)
            any_dead_leg(cmd, &whole->more, TYPE_TAKE_PROFIT + below(2));
        else
            any_dead_leg(cmd, &whole->more, TYPE_LIMIT_MAKER);
        any_wait(&whole->leg, &whole->leg_more, TYPE_STOP_LOSS + below(2));
        whole->leg.ref |= REF_LIVING;
        cmd->ref = number_of(whole->leg.ref) | REF_DEAD;
        return;
    }
    if (first == TYPE_LIMIT_MAKER) {
        int64_t away = 1 + any_size(run.setting->reach);
        cmd->order_type = TYPE_LIMIT_MAKER;
        cmd->price_ticks =
            clamp_price((last ? last : run.middle) + (cmd->side == SIDE_SELL ? away : -away));
        whole->more.display_lots = chance(30) ? any_display(cmd->qty_lots) : 0;
    } else {
        any_wait(cmd, &whole->more, first);
    }
    if (!dead) {
        any_wait(&whole->leg, &whole->leg_more, TYPE_STOP_LOSS + below(2));
        return;
    }
    any_dead_leg(&whole->leg, &whole->leg_more, TYPE_STOP_LOSS + below(2));
    cmd->ref |= REF_LIVING;
    whole->leg.ref = number_of(cmd->ref) | REF_DEAD;
}

static bool pair_may_rest(const struct whole *whole)
{
    const struct book_cmd *cmd = &whole->cmd, *leg = &whole->leg;
    bool first = !type_is_market(cmd->order_type), second = !type_is_market(leg->order_type);
    if (first && second && cmd->price_ticks == leg->price_ticks)
        return relation() != ALONE;
    return (!first || claim(cmd->side, cmd->price_ticks, cmd->ref)) &&
           (!second || claim(leg->side, leg->price_ticks, leg->ref));
}

/* A request that names an order. */
static void any_change(struct book_cmd *cmd)
{
    cmd->ref = any_ref();
    bool stands = (cmd->ref & REF_LIVING) && !run.gone[number_of(cmd->ref)];
    uint32_t slot = order_pool_find(run.twin[0].pool, cmd->ref);
    const struct order_node *node = &run.twin[0].pool->nodes[slot];
    int64_t left = slot ? node->left_lots + book_hidden(run.twin[0].book, node) : 1;
    cmd->type = CMD_CANCEL;
    cmd->restriction = (uint8_t)(chance(70) ? RESTRICT_NONE : 1 + below(2));
    if (stands || chance(run.canceling))
        return;
    cmd->restriction = 0;
    if (chance(50)) {
        cmd->type = CMD_REDUCE;
        cmd->qty_lots = chance(90) ? any_size(left + chance(10)) : -below(2);
        return;
    }
    cmd->type = CMD_MOVE;
    cmd->new_ref = fresh_ref();
    cmd->qty_lots = any_size(run.setting->qty_max);
    cmd->price_ticks = any_price(slot ? node->side : SIDE_BUY);
    cmd->stp = (uint8_t)below(STP_COUNT);
    if (slot && !claim(node->side, cmd->price_ticks, cmd->new_ref))
        cmd->type = CMD_CANCEL;
}

static void draw(struct whole *whole)
{
    *whole = (struct whole){.cmd.ts_us = (int64_t)run.number};
    struct book_cmd *cmd = &whole->cmd;
    bool trading = book_status(run.twin[0].book) == STATUS_TRADING;
    if (trading ? below(1500) == 0 : chance(10)) {
        cmd->type = CMD_STATUS;
        cmd->status = (uint8_t)(chance(40) ? STATUS_TRADING : below(STATUS_COUNT));
        return;
    }
    if (relation() != SHARED && chance(run.canceling + 5)) {
        any_change(cmd);
        return;
    }
    if (relation() != SHARED && may_wait() && chance(relation() == DEAD_LEG ? 25 : 8)) {
        any_pair(whole, relation() == DEAD_LEG && chance(80));
        if (pair_may_rest(whole))
            return;
        *whole = (struct whole){.cmd.ts_us = (int64_t)run.number};
    }
    any_new(cmd, &whole->more);
}

/* ---- images ---- */

/* No order has the price 0: that is none. */
static int64_t image_price(int64_t price)
{
    if (price == 0)
        return 0;
    if (relation() == MIRROR)
        return 2 * run.setting->middle + 11 - price;
    return relation() == SCALE ? run.setting->screw * price : price;
}

static uint8_t image_side(uint8_t side)
{
    return relation() == MIRROR ? !side : side;
}

static void image_order(struct book_cmd *cmd, struct book_more *more)
{
    cmd->side = image_side(cmd->side);
    cmd->price_ticks = image_price(cmd->price_ticks);
    more->stop_ticks = image_price(more->stop_ticks);
    if (relation() == MIRROR && type_is_market(cmd->order_type))
        cmd->quote_atoms = cmd->side == SIDE_BUY ? HELD_ENOUGH : 0;
    if (relation() == SCALE)
        cmd->quote_atoms *= run.setting->screw;
    if (run.broken == 1 && relation() == MIRROR && more->stop_ticks)
        more->stop_ticks++;
    if (run.broken == 2 && relation() == SCALE)
        more->trail_bips += more->trail_bips > 0;
    if (run.broken == 5 && relation() == SHARED && more->display_lots &&
        more->display_lots < cmd->qty_lots)
        cmd->qty_lots--;
    if (relation() == ALONE || relation() == SHARED)
        more->display_lots = 0;
}

static bool is_half_dead(const struct whole *whole)
{
    return whole->cmd.type == CMD_PAIR && ((whole->cmd.ref | whole->leg.ref) & REF_DEAD);
}

static void make_image(const struct whole *drawn, struct whole *image)
{
    *image = *drawn;
    bool second = is_half_dead(drawn) && (drawn->cmd.ref & REF_DEAD);
    if (second) {
        image->cmd = drawn->leg;
        image->more = drawn->leg_more;
    }
    if (is_half_dead(drawn))
        image->cmd.type = CMD_NEW;
    image_order(&image->cmd, &image->more);
    if (image->cmd.type == CMD_PAIR)
        image_order(&image->leg, &image->leg_more);
    image->leg.more = &image->leg_more;
    image->more.other = image->cmd.type == CMD_PAIR ? &image->leg : NULL;
    image->cmd.more = drawn->cmd.more ? &image->more : NULL;
}

/* The event as the image's book has to tell it. */
static struct book_event image_event(const struct book_event *event)
{
    struct book_event image = *event;
    image.side = image_side(event->side);
    image.price_ticks = image_price(event->price_ticks);
    if (event->type == EVENT_DONE && relation() == SCALE)
        image.id *= (uint64_t)run.setting->screw; /* the hold */
    if (relation() == DEAD_LEG) {
        image.order_id = run.image_id[event->order_id];
        image.taker_order_id = run.image_id[event->taker_order_id];
        if (event->type == EVENT_LEVEL)
            image.id -= run.dead_updates;
    }
    return image;
}

/* ---- what of the events is compared ---- */

/* Whether it is about a dead leg, which the image has not. */
static bool is_of_dead(const struct book_event *event)
{
    int64_t low = run.setting->middle - SPAN, high = run.setting->middle + SPAN;
    if (event->type != EVENT_LEVEL)
        return event->ref & REF_DEAD;
    return relation() == DEAD_LEG && (event->price_ticks < low || event->price_ticks > high);
}

static void note_dead(const struct book_event *event)
{
    run.dead_updates += event->type == EVENT_LEVEL;
    if (event->type == EVENT_LEVEL || event->type == EVENT_ACCEPTED)
        return;
    if (event->type != EVENT_DONE ||
        (event->reason != DONE_SIBLING && event->reason != DONE_CANCELED))
        fail("a dead leg did something");
    run.gone[number_of(event->ref)] = true;
    run.standing--;
    seen.orphans += event->reason == DONE_SIBLING;
}

/* A fill or a prevented match of the same two orders; at a shared price of the same taker. */
static bool same_match(const struct book_event *a, const struct book_event *b)
{
    return a->type == b->type && a->taker_order_id == b->taker_order_id &&
           a->price_ticks == b->price_ticks && (a->ref == b->ref || relation() == SHARED);
}

/* Adds the parts of one match up. What comes between them, the end of a pair's other leg, comes
 * behind the whole match for the plain twin. */
static void add_up(struct twin *twin, const struct book_event *event)
{
    struct book_event e = *event;
    e.id = 0; /* trades, matches and updates are more for the iceberg */
    if (e.type == EVENT_LEVEL) {
        if (run.drawn.cmd.type == CMD_REDUCE) /* what does not show changes no level */
            return;
        e.qty_lots = e.qty_lots != 0;
    }
    if (e.type == EVENT_FILL && relation() == SHARED) {
        e.ref = e.order_id = 0;
        e.user = 0;
        e.left_lots = 0;
        e.flags &= BOOK_TAKER_DONE;
    }
    if (e.type == EVENT_FILL || e.type == EVENT_PREVENTED)
        for (uint32_t i = twin->events; i-- > 0;) {
            struct book_event *before = &twin->event[i];
            if (before->type == EVENT_TRIGGERED || before->type == EVENT_ACCEPTED)
                break;
            if (!same_match(before, &e))
                continue;
            before->qty_lots += e.qty_lots;
            before->flags |= e.flags;
            before->left_lots =
                e.type == EVENT_FILL ? e.left_lots : before->left_lots + e.left_lots;
            seen.parts[relation()]++;
            return;
        }
    twin->event[twin->events++] = e;
}

static bool comes_before(const struct book_event *a, const struct book_event *b)
{
    bool level = a->type == EVENT_LEVEL;
    if (!level || b->type != EVENT_LEVEL)
        return !level && b->type == EVENT_LEVEL;
    return a->side != b->side ? a->side < b->side : a->price_ticks < b->price_ticks;
}

/* Levels to the end, each price's in their order: a level is told when the last part of its order
 * is gone, which may be behind the end of a pair's other leg. */
static void sort_levels(struct book_event *event, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t k = i; k > 0 && comes_before(&event[k], &event[k - 1]); k--) {
            struct book_event swap = event[k];
            event[k] = event[k - 1];
            event[k - 1] = swap;
        }
}

/* What the image's book told, or, of the book itself, what its image has to tell. */
static void gather(struct twin *twin, bool of_book)
{
    twin->events = 0;
    for (uint32_t i = 0; i < twin->out.count; i++) {
        const struct book_event *event = &twin->out.event[i];
        if (of_book && is_of_dead(event))
            note_dead(event);
        else if (relation() == ALONE || relation() == SHARED)
            add_up(twin, event);
        else
            twin->event[twin->events++] = of_book ? image_event(event) : *event;
    }
    if (relation() == ALONE || relation() == SHARED)
        sort_levels(twin->event, twin->events);
}

static bool same_event(const struct book_event *want, const struct book_event *have)
{
    struct book_event w = *want;
    if (relation() == MIRROR && w.type == EVENT_DONE && w.id != have->id)
        w.id = HELD_ENOUGH - w.id; /* the hold: the one who buys has it */
    return w.type == have->type && w.side == have->side && w.reason == have->reason &&
           w.flags == have->flags && w.user == have->user && w.ref == have->ref &&
           w.order_id == have->order_id && w.id == have->id && w.price_ticks == have->price_ticks &&
           w.qty_lots == have->qty_lots && w.left_lots == have->left_lots &&
           w.taker_order_id == have->taker_order_id;
}

static void compare_events(void)
{
    struct twin *book = &run.twin[0], *image = &run.twin[1];
    gather(book, true);
    gather(image, false);
    bool same = book->events == image->events;
    for (uint32_t i = 0; same && i < book->events; i++)
        same = same_event(&book->event[i], &image->event[i]);
    if (same)
        return;
    print_events("told ", book->out.event, book->out.count);
    print_events("image", image->out.event, image->out.count);
    fail("events are not each other's image");
}

/* ---- books ---- */

/* Dead legs are not there; at shared prices one order stands for all of its price. */
static uint32_t boil_down(struct order *order, uint32_t orders)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < orders; i++) {
        struct order *last = kept ? &order[kept - 1] : NULL;
        if (order[i].ref & REF_DEAD)
            continue;
        if (relation() == ALONE && order[i].hidden && order[i].shown == 0)
            fail("an iceberg shows nothing");
        bool joins = relation() == SHARED && last && !last->waits && !order[i].waits &&
                     last->side == order[i].side && last->price == order[i].price;
        if (joins) {
            last->left += order[i].left;
            continue;
        }
        order[kept] = order[i];
        if (relation() == SHARED && !order[i].waits)
            order[kept].ref = order[kept].order_id = order[kept].user = 0;
        kept++;
    }
    return kept;
}

static bool same_order(const struct order *want, const struct order *have)
{
    bool plain = relation() == ALONE || relation() == SHARED; /* the image hides nothing */
    uint64_t id = relation() == DEAD_LEG ? run.image_id[want->order_id] : want->order_id;
    return want->ref == have->ref && id == have->order_id &&
           image_price(want->price) == have->price && want->left == have->left &&
           (plain ? 0 : want->hidden) == have->hidden && image_price(want->stop) == have->stop &&
           image_price(want->extreme) == have->extreme && want->user == have->user &&
           want->trail == have->trail && image_side(want->side) == have->side &&
           want->waits == have->waits;
}

static void compare_books(void)
{
    struct twin *book = &run.twin[0], *image = &run.twin[1];
    book_verify(book->book);
    book_verify(image->book);
    look(book, SIDE_BUY);
    look(image, image_side(SIDE_BUY));
    book->orders = boil_down(book->order, book->orders);
    image->orders = boil_down(image->order, image->orders);
    if (book->orders != image->orders)
        fail("%u orders, and %u in the image", book->orders, image->orders);
    for (uint32_t i = 0; i < book->orders; i++)
        if (!same_order(&book->order[i], &image->order[i]))
            fail("order %u, ref %" PRIx64 " and %" PRIx64 " in the image, differs", i,
                 book->order[i].ref, image->order[i].ref);
    if (image_price(book_last_price(book->book)) != book_last_price(image->book))
        fail("the last price differs");
}

/* ---- dead legs ---- */

/* The leg has traded, fired or ended: alone it is the taker only once it has fired. */
static void note_stirred(const struct book_event *event)
{
    bool ends = event->type == EVENT_FILL || event->type == EVENT_TRIGGERED ||
                event->type == EVENT_DONE ||
                (event->type == EVENT_PREVENTED && (event->flags & BOOK_MAKER_DONE));
    if ((event->ref & REF_LIVING) && ends)
        run.stirred[number_of(event->ref)] = true;
}

static void check_pairs(void)
{
    const struct twin *book = &run.twin[0], *image = &run.twin[1];
    for (uint32_t i = 0; i < image->out.count; i++)
        note_stirred(&image->out.event[i]);
    for (uint32_t i = 0; i < image->out.count; i++) {
        uint64_t ref = image->out.event[i].ref;
        if ((ref & REF_LIVING) && run.stirred[number_of(ref)] != run.gone[number_of(ref)])
            fail("the dead leg of %" PRIx64 " has %s", ref,
                 run.gone[number_of(ref)] ? "gone too early" : "not gone");
    }
    if (book_orders(book->book) + book_waiting(book->book) !=
        book_orders(image->book) + book_waiting(image->book) + run.standing)
        fail("not as many dead legs as pairs stand");
}

/* What order ids the two books gave. */
static void note_ids(bool half_dead)
{
    uint64_t id = run.twin[0].order_id, image = run.twin[1].order_id;
    bool behind = half_dead && !(run.drawn.cmd.ref & REF_DEAD); /* the other leg's comes first */
    if (run.drawn.cmd.type != CMD_NEW && run.drawn.cmd.type != CMD_MOVE &&
        run.drawn.cmd.type != CMD_PAIR)
        return;
    run.image_id[id + behind] = image;
    if (run.image.cmd.type == CMD_PAIR)
        run.image_id[id + 1] = image + 1;
    run.standing += half_dead;
    seen.pairs += half_dead;
}

/* ---- running ---- */

static void count_events(void)
{
    for (uint32_t i = 0; i < run.twin[0].out.count; i++) {
        const struct book_event *event = &run.twin[0].out.event[i];
        seen.events[relation()][event->type]++;
        seen.siblings[relation()] += event->type == EVENT_DONE && event->reason == DONE_SIBLING;
        if (event->type == EVENT_PREVENTED)
            seen.own[relation()][event->reason]++;
    }
    seen.trails[relation()] += run.drawn.more.trail_bips != 0;
}

/* A pair may be refused for its prices, which an order alone does not know. */
static bool pair_alone_is_refused(enum reject reject)
{
    return is_half_dead(&run.drawn) && reject == REJECT_PAIR_PRICES;
}

static void one_command(void)
{
    walk_middle();
    draw(&run.drawn);
    make_image(&run.drawn, &run.image);
    enum reject reject = twin_apply(&run.twin[0], &run.drawn.cmd);
    seen.commands++;
    seen.rejects += reject != REJECT_NONE;
    if (pair_alone_is_refused(reject)) {
        seen.refused++;
        return;
    }
    enum reject image = twin_apply(&run.twin[1], &run.image.cmd);
    if (reject != image)
        fail("%s; its image: %s", reject_text(reject), reject_text(image));
    if (reject == REJECT_BOOK_FULL && (relation() == DEAD_LEG || relation() == SHARED))
        fail("too little room for this relation");
    if (reject == REJECT_NONE && relation() == DEAD_LEG)
        note_ids(is_half_dead(&run.drawn));
    compare_events();
    if (relation() == DEAD_LEG)
        check_pairs();
    count_events();
}

/* Whom requests may name from here on. */
static void look_around(void)
{
    struct twin *book = &run.twin[0];
    look(book, SIDE_BUY);
    run.opens = 0;
    run.lots[SIDE_BUY] = run.lots[SIDE_SELL] = 0;
    for (uint32_t i = 0; i < book->orders; i++) {
        const struct order *order = &book->order[i];
        if (!(order->ref & REF_DEAD))
            run.open[run.opens++] = order->ref;
        if (!order->waits)
            run.lots[order->side] += order->left;
    }
    if (run.opens > 400) /* the crowd leaves */
        run.canceling = 60;
}

static void run_setting(uint32_t index, uint64_t commands)
{
    run.setting = &settings[index];
    draw_from = hash_fold(run.seed, index);
    run.middle = run.setting->middle;
    run.refs = run.opens = run.standing = 0;
    run.aggressive = 0;
    run.dead_updates = 0;
    memset(run.claim, 0, sizeof run.claim);
    run.image_id = zeroed((2 * commands + 2) * sizeof *run.image_id);
    run.stirred = zeroed(2 * commands + 2);
    run.gone = zeroed(2 * commands + 2);
    twin_open(&run.twin[0], run.setting->window_ticks);
    twin_open(&run.twin[1], run.setting->image_window_ticks);
    for (uint64_t i = 1; i <= commands; i++) {
        run.number++;
        if (i % LOOK_EVERY == 0)
            look_around();
        one_command();
        if (i % CHECK_EVERY == 0 || i == commands)
            compare_books();
    }
    twin_close(&run.twin[0]);
    twin_close(&run.twin[1]);
    free(run.image_id);
    free(run.stirred);
    free(run.gone);
}

/* Prints the counts; false if in a long run a kind that a relation is about never came. */
static bool summary(void)
{
    bool all = true, long_run = seen.commands >= 100000;
    printf("test_book_metamorphic: seed %" PRIu64 ", %" PRIu64 " commands, %d settings, %" PRIu64
           " refused",
           run.seed, seen.commands, SETTINGS, seen.rejects);
    for (int r = 0; r < RELATIONS; r++) {
        printf("; %s:", relation_name[r]);
        for (int i = 0; i < 7; i++) {
            bool never = r == SHARED && (i == EVENT_REDUCED || i == EVENT_PREVENTED);
            printf(" %s %" PRIu64, event_name[i], seen.events[r][i]);
            all = all && (seen.events[r][i] > 0 || never);
        }
        for (int i = STP_EXPIRE_TAKER; i < STP_COUNT; i++)
            all = all && (seen.own[r][i] > 0 || r == SHARED);
        all = all && (seen.siblings[r] > 0 || r == SHARED) && (seen.trails[r] > 0 || r == MIRROR);
    }
    printf("; half dead pairs %" PRIu64 ", %" PRIu64 " refused, %" PRIu64 " ended by the other leg",
           seen.pairs, seen.refused, seen.orphans);
    printf("; parts added up %" PRIu64 " alone, %" PRIu64 " shared", seen.parts[ALONE],
           seen.parts[SHARED]);
    all = all && seen.orphans > 0 && seen.parts[ALONE] > 0 && seen.parts[SHARED] > 0;
    printf("%s\n", all || !long_run ? "" : " - SOME KIND NEVER CAME");
    return all || !long_run;
}

int main(int argc, char **argv)
{
    uint64_t commands = argc > 2 ? strtoull(argv[2], NULL, 10) : 300000;
    run.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    run.broken = argc > 3 ? atoi(argv[3]) : 0;
    for (uint32_t i = 0; i < SETTINGS; i++) {
        uint64_t from = commands * i / SETTINGS, to = commands * (i + 1) / SETTINGS;
        if (to > from)
            run_setting(i, to - from);
    }
    return summary() ? 0 : 1;
}
