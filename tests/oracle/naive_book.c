#include "tests/oracle/naive_book.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"

struct naive_side {
    struct naive_order *order; /* best first, then oldest first */
    uint32_t count;
};

struct naive_book {
    struct money_spec spec;
    struct naive_side sides[2];
    struct naive_wait *wait; /* oldest first */
    uint32_t waits;
    uint64_t fires; /* counts what fires and what begins to follow: their order */
    uint32_t orders_max;
    enum book_status status;
    uint64_t seq, order_id, trade_id, update_id, prevented_id;
    int64_t last_price;
    int64_t touched;        /* the level of the match that is not yet told, or 0 */
    struct book_event *out; /* of the command that runs */
    uint32_t *out_count, out_max;
};

struct taker {
    enum book_side side;
    uint32_t user, group;
    uint64_t ref, order_id;
    int64_t price_ticks; /* 0: any price */
    int64_t left_lots;   /* INT64_MAX: no limit by quantity */
    bool by_quote, has_budget;
    enum book_stp stp;
    int64_t budget_atoms;
    int64_t fill_price; /* of its last fill, 0: none */
    int64_t display_lots;
    bool waited; /* it was accepted when it began to wait */
};

enum stop { STOP_NO_LOTS_LEFT, STOP_NO_MAKER, STOP_OWN_MAKER, STOP_BUDGET_SPENT };

struct naive_book *naive_book_new(const struct money_spec *spec, uint32_t orders_max)
{
    struct naive_book *book = calloc(1, sizeof *book);
    ASSERT(book != NULL);
    book->spec = *spec;
    book->orders_max = orders_max;
    book->wait = calloc((size_t)orders_max + 1, sizeof(struct naive_wait));
    ASSERT(book->wait != NULL);
    for (int side = 0; side < 2; side++) {
        book->sides[side].order = calloc((size_t)orders_max + 1, sizeof(struct naive_order));
        ASSERT(book->sides[side].order != NULL);
    }
    return book;
}

void naive_book_free(struct naive_book *book)
{
    free(book->sides[SIDE_BUY].order);
    free(book->sides[SIDE_SELL].order);
    free(book->wait);
    free(book);
}

/* What the command says of its order beyond what all have. */
static const struct book_more *more_of(const struct book_cmd *cmd)
{
    static const struct book_more none;
    return cmd->more ? cmd->more : &none;
}

static enum book_side other(enum book_side side)
{
    return side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
}

/* Whether `price` of an order on `side` goes before `than` on the same side. */
static bool better(enum book_side side, int64_t price, int64_t than)
{
    return side == SIDE_BUY ? price > than : price < than;
}

/* Whether an order of `side` limited to `limit` (0: any price) may trade at `price`. */
static bool crosses(enum book_side side, int64_t limit, int64_t price)
{
    return limit == 0 || (side == SIDE_BUY ? price <= limit : price >= limit);
}

static __int128 cost_floor(const struct naive_book *book, int64_t price, int64_t lots)
{
    return (__int128)price * book->spec.tick_atoms * ((__int128)lots * book->spec.lot_atoms) /
           MONEY_ATOMS_PER_UNIT;
}

/* The most of `wanted` lots whose floor cost is within `budget`, by bisection: the cost is
 * monotonic. */
static int64_t affordable(const struct naive_book *book, int64_t price, int64_t wanted,
                          int64_t budget)
{
    int64_t yes = 0, no = wanted;
    if (cost_floor(book, price, wanted) <= budget)
        return wanted;
    while (no - yes > 1) { /* `yes` lots are affordable, `no` lots are not */
        int64_t middle = yes + (no - yes) / 2;
        if (cost_floor(book, price, middle) <= budget)
            yes = middle;
        else
            no = middle;
    }
    return yes;
}

static struct book_event *emit(struct naive_book *book, enum book_event_type type,
                               enum book_side side)
{
    ASSERT(*book->out_count < book->out_max);
    struct book_event *event = &book->out[(*book->out_count)++];
    memset(event, 0, sizeof *event);
    event->type = (uint8_t)type;
    event->side = (uint8_t)side;
    return event;
}

static void emit_level(struct naive_book *book, enum book_side side, int64_t price)
{
    const struct naive_side *half = &book->sides[side];
    struct book_event *event = emit(book, EVENT_LEVEL, side);
    event->price_ticks = price;
    event->id = ++book->update_id;
    for (uint32_t i = 0; i < half->count; i++)
        if (half->order[i].price_ticks == price)
            event->qty_lots += half->order[i].left_lots;
}

static void emit_done(struct naive_book *book, const struct taker *taker, int64_t left,
                      enum book_done reason)
{
    struct book_event *event = emit(book, EVENT_DONE, taker->side);
    event->user = taker->user;
    event->ref = taker->ref;
    event->order_id = taker->order_id;
    event->price_ticks = taker->price_ticks;
    event->left_lots = taker->by_quote ? 0 : left;
    event->reason = (uint8_t)reason;
}

/* A resting order as a taker that ends: so that all ends are told alike. */
static struct taker as_taker(const struct naive_order *order, enum book_side side)
{
    return (struct taker){.side = side,
                          .user = order->user,
                          .group = order->group,
                          .ref = order->ref,
                          .order_id = order->order_id,
                          .price_ticks = order->price_ticks};
}

static void remove_at(struct naive_side *half, uint32_t index)
{
    half->count--;
    memmove(&half->order[index], &half->order[index + 1],
            (half->count - index) * sizeof half->order[0]);
}

/* An iceberg that shows all it has shows its next part instead. */
static void show(struct naive_order *order)
{
    int64_t whole = order->left_lots + order->hidden_lots;
    if (!order->display_lots)
        return;
    order->left_lots = order->display_lots < whole ? order->display_lots : whole;
    order->hidden_lots = whole - order->left_lots;
}

/* The best order of a side goes behind the others of its price. */
static void to_the_end(struct naive_side *half)
{
    struct naive_order order = half->order[0];
    uint32_t at = 0;
    for (; at + 1 < half->count && half->order[at + 1].price_ticks == order.price_ticks; at++)
        half->order[at] = half->order[at + 1];
    half->order[at] = order;
}

/* Behind every order that is as good or better. */
static void rest(struct naive_book *book, const struct taker *taker)
{
    struct naive_side *half = &book->sides[taker->side];
    uint32_t at = half->count;
    while (at > 0 && better(taker->side, taker->price_ticks, half->order[at - 1].price_ticks))
        at--;
    ASSERT(taker->waited || naive_book_orders(book) + book->waits < book->orders_max);
    memmove(&half->order[at + 1], &half->order[at], (half->count - at) * sizeof half->order[0]);
    half->count++;
    half->order[at] = (struct naive_order){.ref = taker->ref,
                                           .order_id = taker->order_id,
                                           .price_ticks = taker->price_ticks,
                                           .left_lots = taker->left_lots,
                                           .display_lots = taker->display_lots,
                                           .user = taker->user,
                                           .group = taker->group,
                                           .traded = taker->fill_price != 0};
    show(&half->order[at]);
    if (taker->waited) {
        emit_level(book, taker->side, taker->price_ticks);
        return;
    }
    struct book_event *event = emit(book, EVENT_ACCEPTED, taker->side);
    event->user = taker->user;
    event->ref = taker->ref;
    event->order_id = taker->order_id;
    event->price_ticks = taker->price_ticks;
    event->qty_lots = event->left_lots = taker->left_lots;
    emit_level(book, taker->side, taker->price_ticks);
}

/* ---- orders that wait ---- */

static bool is_at_market(const struct book_cmd *cmd)
{
    return cmd->order_type == TYPE_STOP_LOSS || cmd->order_type == TYPE_TAKE_PROFIT;
}

static bool waits_above(const struct naive_wait *wait)
{
    return wait->more.stop_ticks == 0 ||
           (wait->cmd.side == SIDE_BUY) == (wait->cmd.order_type == TYPE_STOP_LOSS ||
                                            wait->cmd.order_type == TYPE_STOP_LOSS_LIMIT);
}

/* Whether the extreme of a wait is met by the price turning back. */
static bool turned(const struct naive_wait *wait, int64_t price)
{
    __int128 all = 10000, delta = wait->more.trail_bips;
    if (wait->cmd.side == SIDE_SELL)
        return price * all <= wait->extreme * (all - delta);
    return price * all >= wait->extreme * (all + delta);
}

static void forget_wait(struct naive_book *book, struct naive_wait *wait)
{
    book->waits--;
    memmove(wait, wait + 1, (size_t)(&book->wait[book->waits] - wait) * sizeof *wait);
}

/* Takes the order of the ref out of where it rests or waits, and tells its end. */
static void take_away(struct naive_book *book, uint64_t ref, enum book_done reason)
{
    for (uint32_t i = 0; i < book->waits; i++) {
        struct naive_wait *wait = &book->wait[i];
        const struct book_cmd placed = wait->cmd;
        if (placed.ref != ref)
            continue;
        struct book_event *event = emit(book, EVENT_DONE, placed.side);
        event->user = placed.user;
        event->ref = placed.ref;
        event->order_id = wait->order_id;
        event->price_ticks = is_at_market(&placed) ? 0 : placed.price_ticks;
        event->left_lots = placed.qty_lots;
        event->reason = (uint8_t)reason;
        event->id =
            is_at_market(&placed) && placed.side == SIDE_BUY ? (uint64_t)placed.quote_atoms : 0;
        forget_wait(book, wait);
        return;
    }
    for (enum book_side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        struct naive_side *half = &book->sides[side];
        for (uint32_t i = 0; i < half->count; i++) {
            struct naive_order order = half->order[i];
            struct taker ended = as_taker(&order, side);
            if (order.ref != ref)
                continue;
            remove_at(half, i);
            emit_done(book, &ended, order.left_lots + order.hidden_lots, reason);
            emit_level(book, side, order.price_ticks);
            if (book->touched == order.price_ticks)
                book->touched = 0;
            return;
        }
    }
}

/* Where the order keeps the ref of the other one of its pair. */
static uint64_t *pair_of(struct naive_book *book, uint64_t ref)
{
    for (uint32_t i = 0; i < book->waits; i++)
        if (book->wait[i].cmd.ref == ref)
            return &book->wait[i].pair;
    for (enum book_side side = SIDE_BUY; side <= SIDE_SELL; side++)
        for (uint32_t i = 0; i < book->sides[side].count; i++)
            if (book->sides[side].order[i].ref == ref)
                return &book->sides[side].order[i].pair;
    return NULL;
}

/* Dissolves the order's pair, if it has one; returns the ref of the other one, or 0. */
static uint64_t unpair(struct naive_book *book, uint64_t ref)
{
    uint64_t *pair = pair_of(book, ref), sibling = *pair;
    if (!sibling)
        return 0;
    *pair_of(book, sibling) = 0;
    *pair = 0;
    return sibling;
}

static void end_sibling(struct naive_book *book, uint64_t ref)
{
    if (ref)
        take_away(book, ref, DONE_SIBLING);
}

/* The best order of a side is no more; with the last one its level is told. */
static void first_gone(struct naive_book *book, enum book_side side)
{
    struct naive_side *half = &book->sides[side];
    int64_t price = half->order[0].price_ticks;
    remove_at(half, 0);
    if (half->count && half->order[0].price_ticks == price)
        return;
    emit_level(book, side, price);
    book->touched = 0;
}

/* What order the two are woken in: below zero when `a` comes first. */
static int compare_stops(const struct naive_wait *a, const struct naive_wait *b)
{
    if (waits_above(a) != waits_above(b))
        return waits_above(a) ? -1 : 1;
    if (a->more.stop_ticks != b->more.stop_ticks)
        return (a->more.stop_ticks < b->more.stop_ticks) == waits_above(a) ? -1 : 1;
    return a->since < b->since ? -1 : 1;
}

static int compare_trails(const struct naive_wait *a, const struct naive_wait *b)
{
    if (a->cmd.side != b->cmd.side)
        return a->cmd.side == SIDE_SELL ? -1 : 1;
    if (a->more.trail_bips != b->more.trail_bips)
        return a->more.trail_bips < b->more.trail_bips ? -1 : 1;
    if (a->extreme != b->extreme)
        return (a->extreme > b->extreme) == (a->cmd.side == SIDE_SELL) ? -1 : 1;
    return a->since < b->since ? -1 : 1;
}

/* The first of those whose stops the price meets, or NULL. */
static struct naive_wait *first_stop(struct naive_book *book, int64_t price)
{
    struct naive_wait *first = NULL;
    for (uint32_t i = 0; i < book->waits; i++) {
        struct naive_wait *wait = &book->wait[i];
        bool met =
            waits_above(wait) ? price >= wait->more.stop_ticks : price <= wait->more.stop_ticks;
        if (!wait->fired && !wait->extreme && met && (!first || compare_stops(wait, first) < 0))
            first = wait;
    }
    return first;
}

static struct naive_wait *first_trail(struct naive_book *book, int64_t price)
{
    struct naive_wait *first = NULL;
    for (uint32_t i = 0; i < book->waits; i++) {
        struct naive_wait *wait = &book->wait[i];
        if (!wait->fired && wait->extreme && turned(wait, price) &&
            (!first || compare_trails(wait, first) < 0))
            first = wait;
    }
    return first;
}

/* It is to be a taker: the other one of its pair ends. */
static void fire(struct naive_book *book, struct naive_wait *wait)
{
    wait->fired = true;
    end_sibling(book, unpair(book, wait->cmd.ref));
}

/* What a trade does to those that wait. */
static void wake(struct naive_book *book, int64_t price)
{
    struct naive_wait *wait;
    for (uint32_t i = 0; i < book->waits; i++) {
        wait = &book->wait[i];
        bool further = wait->cmd.side == SIDE_SELL ? price > wait->extreme : price < wait->extreme;
        if (wait->extreme && further)
            wait->extreme = price;
    }
    while ((wait = first_stop(book, price))) {
        wait->since = ++book->fires;
        if (wait->more.trail_bips)
            wait->extreme = price;
        else
            fire(book, wait);
    }
    while ((wait = first_trail(book, price))) {
        wait->since = ++book->fires;
        fire(book, wait);
    }
}

/* One fill with the best maker; drops the maker when that takes its last lot. */
static void fill(struct naive_book *book, struct taker *taker, int64_t lots)
{
    struct naive_side *half = &book->sides[other(taker->side)];
    struct naive_order *maker = &half->order[0];
    uint64_t pair = unpair(book, maker->ref);
    maker->left_lots -= lots;
    maker->traded = true;
    taker->left_lots -= taker->left_lots == INT64_MAX ? 0 : lots;
    if (taker->has_budget)
        taker->budget_atoms -= (int64_t)cost_floor(book, maker->price_ticks, lots);
    taker->fill_price = book->last_price = maker->price_ticks;

    struct book_event *event = emit(book, EVENT_FILL, other(taker->side));
    event->user = maker->user;
    event->ref = maker->ref;
    event->order_id = maker->order_id;
    event->id = ++book->trade_id;
    event->price_ticks = maker->price_ticks;
    event->qty_lots = lots;
    event->left_lots = maker->left_lots + maker->hidden_lots;
    event->taker_order_id = taker->order_id;
    if (event->left_lots == 0)
        event->flags |= BOOK_MAKER_DONE;
    if (taker->left_lots == 0 && !taker->by_quote)
        event->flags |= BOOK_TAKER_DONE;
    if (event->left_lots == 0) {
        first_gone(book, other(taker->side));
    } else if (maker->left_lots == 0) {
        show(maker);
        to_the_end(half);
    }
    end_sibling(book, pair);
    wake(book, book->last_price);
}

/* Whether the order is of this account, or of its group. */
static bool owned(const struct naive_order *order, uint32_t user, uint32_t group)
{
    return order->user == user || (group != 0 && order->group == group);
}

/* Self-trade prevention: the maker and the taker give up so much. */
static void emit_prevented(struct naive_book *book, const struct taker *taker,
                           const struct naive_order *maker, int64_t maker_lots, int64_t taker_lots,
                           int flags)
{
    struct book_event *event = emit(book, EVENT_PREVENTED, other(taker->side));
    event->user = maker->user;
    event->ref = maker->ref;
    event->order_id = maker->order_id;
    event->price_ticks = maker->price_ticks;
    event->id = ++book->prevented_id;
    event->reason = (uint8_t)taker->stp;
    event->qty_lots = maker_lots;
    event->left_lots = taker_lots;
    event->taker_order_id = taker->order_id;
    event->flags = (uint8_t)flags;
}

/* The taker has met the best order of the other side, which is its own and would have traded so
 * many lots with it, as many as it `wanted` or as its budget reaches. True: the taker is no more.
 */
static bool prevent(struct naive_book *book, struct taker *taker, int64_t wanted, int64_t lots)
{
    struct naive_side *half = &book->sides[other(taker->side)];
    struct naive_order *maker = &half->order[0];
    int64_t whole = maker->left_lots + maker->hidden_lots;
    int64_t all = taker->by_quote ? 0 : taker->left_lots;
    uint64_t pair;
    if (taker->stp == STP_EXPIRE_TAKER) {
        emit_prevented(book, taker, maker, 0, all, BOOK_TAKER_DONE);
        return true;
    }
    if (taker->stp != STP_DECREMENT) {
        bool both = taker->stp == STP_EXPIRE_BOTH;
        emit_prevented(book, taker, maker, whole, both ? all : 0,
                       BOOK_MAKER_DONE | (both ? BOOK_TAKER_DONE : 0));
        pair = unpair(book, maker->ref);
        first_gone(book, other(taker->side));
        end_sibling(book, pair);
        return both;
    }
    if (!taker->by_quote) /* what is given up costs nothing */
        lots = wanted;
    bool no_more = taker->by_quote &&
                   lots == affordable(book, maker->price_ticks, INT64_MAX / 4, taker->budget_atoms);
    if (taker->by_quote)
        taker->budget_atoms -= (int64_t)cost_floor(book, maker->price_ticks, lots);
    taker->left_lots -= taker->left_lots == INT64_MAX ? 0 : lots;
    maker->left_lots -= lots;
    no_more |= taker->left_lots == 0;
    emit_prevented(book, taker, maker, lots, lots,
                   (lots == whole ? BOOK_MAKER_DONE : 0) | (no_more ? BOOK_TAKER_DONE : 0));
    if (lots == whole) {
        pair = unpair(book, maker->ref);
        first_gone(book, other(taker->side));
        end_sibling(book, pair);
    } else if (maker->left_lots == 0) {
        show(maker);
        to_the_end(half);
    }
    return no_more;
}

/* Trades until something stops it. Each level it changed is reported when it leaves it. */
static enum stop match(struct naive_book *book, struct taker *taker)
{
    const struct naive_side *half = &book->sides[other(taker->side)];
    book->touched = 0;
    enum stop stop;
    for (;;) {
        const struct naive_order *maker = half->count ? &half->order[0] : NULL;
        stop = STOP_NO_LOTS_LEFT;
        if (taker->left_lots == 0)
            break;
        stop = STOP_NO_MAKER;
        if (!maker || !crosses(taker->side, taker->price_ticks, maker->price_ticks))
            break;
        int64_t wanted = taker->left_lots < maker->left_lots ? taker->left_lots : maker->left_lots;
        int64_t lots = wanted;
        if (taker->has_budget)
            lots = affordable(book, maker->price_ticks, wanted, taker->budget_atoms);
        stop = STOP_BUDGET_SPENT; /* how far the budget reaches is asked before who comes next */
        if (lots == 0 || (taker->has_budget && taker->budget_atoms == 0))
            break;
        stop = STOP_OWN_MAKER;
        bool own = taker->stp != STP_NONE && owned(maker, taker->user, taker->group);
        if (!own || taker->stp != STP_EXPIRE_TAKER)
            book->touched = maker->price_ticks;
        if (own && prevent(book, taker, wanted, lots))
            break;
        if (own)
            continue;
        fill(book, taker, lots);
        stop = STOP_BUDGET_SPENT; /* a fill that the budget cut short is the last: no free dust */
        if (lots < wanted)
            break;
    }
    if (book->touched)
        emit_level(book, other(taker->side), book->touched);
    return stop;
}

/* What keeps a FOK order from filling whole: STOP_NO_LOTS_LEFT when nothing does. Own makers that
 * would expire are as good as gone. */
static enum stop fok_look(const struct naive_book *book, const struct taker *taker,
                          const struct naive_order **met)
{
    const struct naive_side *half = &book->sides[other(taker->side)];
    int64_t need = taker->left_lots;
    for (uint32_t i = 0; i < half->count && need > 0; i++) {
        const struct naive_order *maker = &half->order[i];
        if (!crosses(taker->side, taker->price_ticks, maker->price_ticks))
            break;
        bool own = taker->stp != STP_NONE && owned(maker, taker->user, taker->group);
        if (own && taker->stp == STP_EXPIRE_MAKER)
            continue;
        *met = maker;
        if (own)
            return STOP_OWN_MAKER;
        int64_t whole = maker->left_lots + maker->hidden_lots;
        /* hidden lots come behind all of the price that show, so behind an own order too */
        bool own_behind = false;
        for (uint32_t j = i + 1;
             taker->stp != STP_NONE && taker->stp != STP_EXPIRE_MAKER && j < half->count &&
             half->order[j].price_ticks == maker->price_ticks;
             j++)
            own_behind |= owned(&half->order[j], taker->user, taker->group);
        int64_t gives = own_behind ? maker->left_lots : whole;
        need -= gives < need ? gives : need;
    }
    return need == 0 ? STOP_NO_LOTS_LEFT : STOP_NO_MAKER;
}

static void run_limit(struct naive_book *book, struct taker *taker, enum book_tif tif)
{
    if (tif == TIF_FOK) {
        const struct naive_order *met = NULL;
        enum stop look = fok_look(book, taker, &met);
        if (look == STOP_OWN_MAKER)
            emit_prevented(book, taker, met, 0, taker->left_lots, BOOK_TAKER_DONE);
        else if (look != STOP_NO_LOTS_LEFT)
            emit_done(book, taker, taker->left_lots, DONE_EXPIRED);
        if (look != STOP_NO_LOTS_LEFT)
            return;
    }
    enum stop stop = match(book, taker);
    if (stop == STOP_OWN_MAKER)
        return; /* the prevented match said so */
    if (taker->left_lots > 0 && tif == TIF_GTC)
        rest(book, taker);
    else if (taker->left_lots > 0)
        emit_done(book, taker, taker->left_lots, DONE_EXPIRED);
}

static void run_market(struct naive_book *book, struct taker *taker)
{
    enum stop stop = match(book, taker);
    enum book_done reason = DONE_EXPIRED;
    if (stop == STOP_OWN_MAKER || (!taker->by_quote && taker->left_lots == 0))
        return; /* the last fill, or the prevented match, said so */
    if (taker->by_quote && taker->fill_price != 0 &&
        (stop == STOP_BUDGET_SPENT ||
         affordable(book, taker->fill_price, 1, taker->budget_atoms) == 0))
        reason = DONE_FILLED;
    emit_done(book, taker, taker->left_lots, reason);
}

/* What a buy would cost at market, level by level, as far as the book reaches or, when an own maker
 * ends it, up to there. */
static __int128 market_buy_cost(const struct naive_book *book, const struct book_cmd *cmd)
{
    const struct naive_side *half = &book->sides[SIDE_SELL];
    int64_t lots = cmd->qty_lots;
    __int128 cost = 0;
    bool ended = false;
    for (uint32_t i = 0; i < half->count && lots > 0 && !ended;) {
        int64_t price = half->order[i].price_ticks;
        __int128 sum = 0, hidden = 0, own_hidden = 0;
        for (; i < half->count && half->order[i].price_ticks == price && !ended; i++) {
            const struct naive_order *order = &half->order[i];
            bool own = cmd->stp != STP_NONE && owned(order, cmd->user, cmd->group);
            if (own && cmd->stp == STP_EXPIRE_MAKER)
                continue;
            if (own && cmd->stp != STP_DECREMENT) { /* unless filled before it is met */
                ended = sum < lots;
                continue;
            }
            __int128 there = order->left_lots < lots - sum ? order->left_lots : lots - sum;
            if (own) { /* given up, for nothing */
                lots -= (int64_t)there;
                own_hidden += order->hidden_lots;
                continue;
            }
            sum += there;
            hidden += order->hidden_lots;
        }
        sum += ended ? 0 : hidden;
        int64_t taken = sum < lots ? (int64_t)sum : lots;
        cost += cost_floor(book, price, taken);
        lots -= taken;
        lots -= ended ? 0 : (int64_t)(own_hidden < lots ? own_hidden : lots);
    }
    return cost;
}

/* The id that was kept for the order, or the next one; then those that it keeps for others. */
static uint64_t take_id(struct naive_book *book, const struct book_cmd *cmd)
{
    uint64_t id = more_of(cmd)->order_id;
    if (!id)
        id = ++book->order_id;
    book->order_id += cmd->flags >> CMD_KEEPS_SHIFT;
    return id;
}

static enum reject begin_wait(struct naive_book *book, const struct book_cmd *cmd)
{
    struct naive_wait wait = {.cmd = *cmd, .more = *more_of(cmd)};
    if (book->last_price && more_of(cmd)->stop_ticks &&
        (waits_above(&wait) ? book->last_price >= more_of(cmd)->stop_ticks
                            : book->last_price <= more_of(cmd)->stop_ticks))
        return REJECT_WOULD_TRIGGER;
    if (naive_book_orders(book) + book->waits == book->orders_max)
        return REJECT_BOOK_FULL;
    wait.order_id = take_id(book, cmd);
    wait.since = ++book->fires;
    if (!more_of(cmd)->stop_ticks)
        wait.extreme = book->last_price;
    book->wait[book->waits++] = wait;
    struct book_event *event = emit(book, EVENT_ACCEPTED, cmd->side);
    event->user = cmd->user;
    event->ref = cmd->ref;
    event->order_id = wait.order_id;
    event->price_ticks = is_at_market(cmd) ? 0 : cmd->price_ticks;
    event->qty_lots = event->left_lots = cmd->qty_lots;
    return REJECT_NONE;
}

/* The orders that have fired, one after the other, with those that they make fire behind them. */
static void run_fired(struct naive_book *book)
{
    for (;;) {
        struct naive_wait *first = NULL;
        for (uint32_t i = 0; i < book->waits; i++)
            if (book->wait[i].fired && (!first || book->wait[i].since < first->since))
                first = &book->wait[i];
        if (!first)
            return;
        const struct book_cmd cmd = first->cmd;
        bool market = is_at_market(&cmd);
        struct taker taker = {.side = cmd.side,
                              .user = cmd.user,
                              .group = cmd.group,
                              .ref = cmd.ref,
                              .order_id = first->order_id,
                              .price_ticks = market ? 0 : cmd.price_ticks,
                              .left_lots = cmd.qty_lots,
                              .has_budget = market && cmd.side == SIDE_BUY,
                              .stp = cmd.stp,
                              .budget_atoms = cmd.quote_atoms,
                              .display_lots = first->more.display_lots,
                              .waited = true};
        forget_wait(book, first);
        struct book_event *event = emit(book, EVENT_TRIGGERED, cmd.side);
        event->user = cmd.user;
        event->ref = cmd.ref;
        event->order_id = taker.order_id;
        event->price_ticks = taker.price_ticks;
        event->left_lots = cmd.qty_lots;
        if (market)
            run_market(book, &taker);
        else
            run_limit(book, &taker, cmd.tif);
    }
}

static enum reject run_new(struct naive_book *book, const struct book_cmd *cmd)
{
    enum book_side side = cmd->side;
    const struct naive_side *opposite = &book->sides[other(side)];
    bool market = cmd->order_type == TYPE_MARKET, maker = cmd->order_type == TYPE_LIMIT_MAKER;
    bool by_quote = market && (cmd->flags & CMD_QUOTE_QTY);
    if (book->status != STATUS_TRADING)
        return REJECT_MARKET_CLOSED;
    if (cmd->order_type >= TYPE_STOP_LOSS)
        return begin_wait(book, cmd);
    if (maker && opposite->count > 0 &&
        crosses(side, cmd->price_ticks, opposite->order[0].price_ticks))
        return REJECT_WOULD_MATCH;
    if (market && side == SIDE_BUY && !by_quote && (cmd->flags & CMD_HELD_ALL) &&
        market_buy_cost(book, cmd) > cmd->quote_atoms)
        return REJECT_NO_FUNDS;
    if ((maker || (!market && cmd->tif == TIF_GTC)) &&
        naive_book_orders(book) + book->waits == book->orders_max)
        return REJECT_BOOK_FULL;

    struct taker taker = {.side = side,
                          .user = cmd->user,
                          .group = cmd->group,
                          .ref = cmd->ref,
                          .order_id = take_id(book, cmd),
                          .price_ticks = market ? 0 : cmd->price_ticks,
                          .left_lots = by_quote && side == SIDE_BUY ? INT64_MAX : cmd->qty_lots,
                          .by_quote = by_quote,
                          .has_budget = by_quote || (market && side == SIDE_BUY),
                          .stp = cmd->stp,
                          .budget_atoms = cmd->quote_atoms,
                          .display_lots = more_of(cmd)->display_lots};
    if (market)
        run_market(book, &taker);
    else
        run_limit(book, &taker, maker ? TIF_GTC : cmd->tif);
    run_fired(book);
    return REJECT_NONE;
}

/* Both at once, or neither. */
static enum reject run_pair(struct naive_book *book, const struct book_cmd *cmd)
{
    const struct book_cmd *legs[] = {cmd, cmd->more->other};
    const struct naive_side *opposite = &book->sides[other(cmd->side)];
    bool rests = cmd->order_type == TYPE_LIMIT_MAKER, crossing = false;
    if (book->status != STATUS_TRADING)
        return REJECT_MARKET_CLOSED;
    for (int i = rests; i < 2 && book->last_price; i++) {
        struct naive_wait wait = {.cmd = *legs[i], .more = *more_of(legs[i])};
        if (wait.more.stop_ticks && (waits_above(&wait) ? book->last_price >= wait.more.stop_ticks
                                                        : book->last_price <= wait.more.stop_ticks))
            return REJECT_PAIR_PRICES;
    }
    if (rests && book->last_price && !better(other(cmd->side), cmd->price_ticks, book->last_price))
        return REJECT_PAIR_PRICES;
    if (rests && opposite->count)
        crossing = crosses(cmd->side, cmd->price_ticks, opposite->order[0].price_ticks);
    if (crossing)
        return REJECT_WOULD_MATCH;
    if (naive_book_orders(book) + book->waits + 2 > book->orders_max)
        return REJECT_BOOK_FULL;
    for (int i = 1; i >= 0; i--) {
        struct taker taker = {.side = legs[i]->side,
                              .user = legs[i]->user,
                              .group = legs[i]->group,
                              .ref = legs[i]->ref,
                              .price_ticks = legs[i]->price_ticks,
                              .left_lots = legs[i]->qty_lots,
                              .display_lots = more_of(legs[i])->display_lots};
        if (i == 0 && rests) {
            taker.order_id = take_id(book, legs[i]);
            rest(book, &taker);
        } else {
            begin_wait(book, legs[i]);
        }
    }
    *pair_of(book, legs[0]->ref) = legs[1]->ref;
    *pair_of(book, legs[1]->ref) = legs[0]->ref;
    return REJECT_NONE;
}

static void run_reduce(struct naive_book *book, enum book_side side, struct naive_order *order,
                       int64_t lots)
{
    int64_t unseen = lots < order->hidden_lots ? lots : order->hidden_lots;
    order->hidden_lots -= unseen;
    order->left_lots -= lots - unseen;
    struct book_event *event = emit(book, EVENT_REDUCED, side);
    event->user = order->user;
    event->ref = order->ref;
    event->order_id = order->order_id;
    event->price_ticks = order->price_ticks;
    event->qty_lots = lots;
    event->left_lots = order->left_lots + order->hidden_lots;
    if (lots > unseen)
        emit_level(book, side, order->price_ticks);
}

/* CANCEL, and REDUCE of all: with the other one of its pair. */
static void end_whole(struct naive_book *book, uint64_t ref, enum book_done reason)
{
    uint64_t sibling = unpair(book, ref);
    take_away(book, ref, reason);
    if (sibling)
        take_away(book, sibling, reason);
}

/* REDUCE and CANCEL of an order that waits. */
static enum reject run_on_wait(struct naive_book *book, const struct book_cmd *cmd,
                               struct naive_wait *wait)
{
    struct book_cmd *placed = &wait->cmd;
    int64_t lots = cmd->qty_lots;
    bool reduce = cmd->type == CMD_REDUCE;
    if (cmd->restriction == RESTRICT_ONLY_PARTIALLY_FILLED)
        return REJECT_RESTRICTED;
    if (cmd->type == CMD_MOVE)
        return REJECT_UNKNOWN_ORDER;
    if (reduce && wait->pair)
        return REJECT_NO_AMEND;
    if (reduce && lots <= 0)
        return lots == 0 ? REJECT_NO_CHANGE : REJECT_QTY_INCREASE;
    if (!reduce || lots >= placed->qty_lots) {
        end_whole(book, placed->ref, reduce ? DONE_EXPIRED : DONE_CANCELED);
        return REJECT_NONE;
    }
    struct book_event *event = emit(book, EVENT_REDUCED, placed->side);
    event->user = placed->user;
    event->ref = placed->ref;
    event->order_id = wait->order_id;
    event->price_ticks = is_at_market(placed) ? 0 : placed->price_ticks;
    event->qty_lots = lots;
    event->left_lots = placed->qty_lots -= lots;
    return REJECT_NONE;
}

/* REDUCE of a part; REDUCE of all, CANCEL, and the first half of a MOVE: the order ends and its
 * level is told. */
static enum reject run_on_order(struct naive_book *book, const struct book_cmd *cmd)
{
    bool open = book->status == STATUS_TRADING ||
                (book->status == STATUS_CANCEL_ONLY && cmd->type == CMD_CANCEL);
    if (!open)
        return REJECT_MARKET_CLOSED;
    for (uint32_t i = 0; i < book->waits; i++)
        if (book->wait[i].cmd.ref == cmd->ref)
            return run_on_wait(book, cmd, &book->wait[i]);
    for (enum book_side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        struct naive_side *half = &book->sides[side];
        for (uint32_t i = 0; i < half->count; i++) {
            struct naive_order found = half->order[i];
            if (found.ref != cmd->ref)
                continue;
            bool reduce = cmd->type == CMD_REDUCE;
            if (cmd->restriction && (cmd->restriction == RESTRICT_ONLY_NEW) == found.traded)
                return REJECT_RESTRICTED;
            if (cmd->type == CMD_MOVE && found.pair)
                return REJECT_UNKNOWN_ORDER;
            if (reduce && found.pair)
                return REJECT_NO_AMEND;
            if (reduce && cmd->qty_lots <= 0)
                return cmd->qty_lots < 0 ? REJECT_QTY_INCREASE : REJECT_NO_CHANGE;
            if (reduce && cmd->qty_lots < found.left_lots + found.hidden_lots) {
                run_reduce(book, side, &half->order[i], cmd->qty_lots);
                return REJECT_NONE;
            }
            book->touched = 0;
            end_whole(book, found.ref,
                      cmd->type == CMD_MOVE ? DONE_REPLACED
                      : reduce              ? DONE_EXPIRED
                                            : DONE_CANCELED);
            if (cmd->type == CMD_MOVE) {
                struct taker moved = {.side = side,
                                      .user = found.user,
                                      .group = found.group,
                                      .ref = cmd->new_ref,
                                      .order_id = ++book->order_id,
                                      .price_ticks = cmd->price_ticks,
                                      .left_lots = cmd->qty_lots,
                                      .stp = cmd->stp};
                run_limit(book, &moved, TIF_GTC);
                run_fired(book);
            }
            return REJECT_NONE;
        }
    }
    return REJECT_UNKNOWN_ORDER;
}

enum reject naive_book_apply(struct naive_book *book, const struct book_cmd *cmd,
                             struct book_event *out, uint32_t *out_count, uint32_t out_max)
{
    book->out = out;
    book->out_count = out_count;
    book->out_max = out_max;
    book->seq++;
    ASSERT(cmd->seq == book->seq);
    switch ((enum book_cmd_type)cmd->type) {
    case CMD_NEW:
        return run_new(book, cmd);
    case CMD_CANCEL:
    case CMD_MOVE:
    case CMD_REDUCE:
        return run_on_order(book, cmd);
    case CMD_PAIR:
        return run_pair(book, cmd);
    case CMD_STATUS:
        book->status = cmd->status;
        return REJECT_NONE;
    }
    UNREACHABLE("a command type");
    return REJECT_NONE;
}

uint32_t naive_book_orders(const struct naive_book *book)
{
    return book->sides[SIDE_BUY].count + book->sides[SIDE_SELL].count;
}

const struct naive_order *naive_book_each(const struct naive_book *book, enum book_side side,
                                          uint32_t index)
{
    const struct naive_side *half = &book->sides[side];
    return index < half->count ? &half->order[index] : NULL;
}

const struct naive_wait *naive_book_waiting(const struct naive_book *book, uint32_t index)
{
    return index < book->waits ? &book->wait[index] : NULL;
}

uint64_t naive_book_seq(const struct naive_book *book)
{
    return book->seq;
}

uint64_t naive_book_order_id(const struct naive_book *book)
{
    return book->order_id;
}

uint64_t naive_book_update_id(const struct naive_book *book)
{
    return book->update_id;
}

int64_t naive_book_last_price(const struct naive_book *book)
{
    return book->last_price;
}

enum book_status naive_book_status(const struct naive_book *book)
{
    return book->status;
}
