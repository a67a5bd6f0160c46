/* A book in a snapshot: counters, where the window stands (so that the pool of far levels fills up
 * exactly as in life), and the orders in priority order. */
#include "actors/book/book_impl.h"

static void order_fields(struct wire *wire, struct order_node *node)
{
    wire_u64(wire, &node->ref);
    wire_u64(wire, &node->order_id);
    wire_i64(wire, &node->price_ticks);
    wire_i64(wire, &node->left_lots);
    wire_u32(wire, &node->user);
    wire_u32(wire, &node->group);
    wire_u8(wire, &node->flags);
}

/* An iceberg's two numbers, behind its order. */
static void iceberg_fields(struct wire *wire, struct order_terms *terms)
{
    wire_i64(wire, &terms->display_lots);
    wire_i64(wire, &terms->hidden_lots);
}

struct writing {
    struct wire *wire;
    const struct book *book;
};

static void write_order(void *arg, const struct order_node *order)
{
    const struct writing *to = arg;
    struct order_node copy = *order;
    copy.flags &= (uint8_t)~NODE_PAIRED; /* wire_pairs() */
    order_fields(to->wire, &copy);
    if (!(order->flags & NODE_ICEBERG))
        return;
    struct order_terms terms = to->book->pool->terms[order - to->book->pool->nodes];
    iceberg_fields(to->wire, &terms);
}

static uint32_t orders_of(const struct book *book, enum book_side side)
{
    int64_t price = book_first_price(side);
    uint32_t count = 0;
    const struct level *level;
    while ((level = level_behind(book, side, price, &price)))
        for (uint32_t at = level->head; at; at = book->pool->nodes[at].next)
            count++;
    return count;
}

/* Whether an order of which these are the fields can be there. */
static bool order_fits(struct wire *wire, const struct book *book, const struct order_node *fields)
{
    const struct order_pool *pool = book->pool;
    return wire_expect(wire, fields->ref != 0 && fields->left_lots > 0 &&
                                 pool->count < pool->capacity &&
                                 order_pool_find(pool, fields->ref) == 0);
}

/* Whether its price has a level, or there is room for one: all that is asked of the last order that
 * came, whatever more life asks of the next. */
static bool level_fits(struct book *book, enum book_side side, int64_t price)
{
    uint32_t far;
    return in_window(book, price) || order_pool_far_room(book->pool) > 0 ||
           level_find(book, side, price, &far);
}

static void read_order(struct wire *wire, struct book *book, enum book_side side)
{
    struct order_node fields = {.side = (uint8_t)side, .symbol = book->symbol};
    struct order_terms terms = {0};
    int64_t best, sum;
    order_fields(wire, &fields);
    bool iceberg = fields.flags & NODE_ICEBERG;
    if (iceberg)
        iceberg_fields(wire, &terms);
    if (!order_fits(wire, book, &fields) ||
        !wire_expect(wire, fields.price_ticks > 0 && level_fits(book, side, fields.price_ticks) &&
                               !(fields.flags & ~(NODE_TRADED | NODE_ICEBERG)) &&
                               (!iceberg || (terms.display_lots > 0 && terms.hidden_lots >= 0))) ||
        !wire_expect(wire, !__builtin_add_overflow(terms.hidden_lots, fields.left_lots, &sum)) ||
        !wire_expect(wire, !__builtin_add_overflow(book->side_qty[side], sum, &sum)) ||
        !wire_expect(wire, !book_best(book, !side, &best) ||
                               price_better(!side, fields.price_ticks, best)))
        return;
    uint32_t slot = order_pool_get(book->pool, fields.ref);
    book->pool->nodes[slot] = fields;
    if (iceberg)
        book->pool->terms[slot] = terms;
    order_rest(book, slot);
}

static void wire_side(struct wire *wire, struct book *book, enum book_side side)
{
    bool reading = wire_is_reading(wire);
    uint32_t count = reading ? 0 : orders_of(book, side);
    count = wire_count(wire, count, book->pool->capacity);
    struct writing to = {.wire = wire, .book = book};
    if (!reading)
        book_each_order(book, side, write_order, &to);
    for (uint32_t i = 0; reading && i < count && wire->ok; i++)
        read_order(wire, book, side);
}

/* ---- orders that wait ---- */

static void waiting_fields(struct wire *wire, struct order_node *node, struct order_terms *terms,
                           int64_t *extreme)
{
    wire_u8(wire, &node->side);
    order_fields(wire, node);
    wire_i64(wire, &terms->display_lots);
    wire_i64(wire, &terms->stop_ticks);
    wire_i64(wire, &terms->hold_atoms);
    wire_u16(wire, &terms->trail_bips);
    wire_u8(wire, &terms->type);
    wire_u8(wire, &terms->tif);
    wire_u8(wire, &terms->stp);
    wire_i64(wire, extreme);
}

static void write_waiting(void *arg, const struct order_node *order,
                          const struct order_terms *terms, int64_t extreme)
{
    struct order_node node = *order;
    struct order_terms copy = *terms;
    node.flags = 0; /* where it waits says the rest */
    waiting_fields(arg, &node, &copy, &extreme);
}

static void read_waiting(struct wire *wire, struct book *book)
{
    struct order_node fields = {.symbol = book->symbol};
    struct order_terms terms = {0};
    int64_t extreme = 0, sum;
    waiting_fields(wire, &fields, &terms, &extreme);
    if (!order_fits(wire, book, &fields) || !wire_expect(wire, fields.side <= SIDE_SELL) ||
        !wire_expect(
            wire, !__builtin_add_overflow(book->side_qty[fields.side], fields.left_lots, &sum)) ||
        !wire_expect(
            wire,
            fields.flags == 0 && fields.price_ticks >= 0 && terms.display_lots >= 0 &&
                terms.stop_ticks >= 0 && terms.hold_atoms >= 0 && extreme >= 0 &&
                type_waits(terms.type) && terms.type < TYPE_COUNT && terms.tif < TIF_COUNT &&
                terms.stp < STP_COUNT && (type_is_market(terms.type) || fields.price_ticks > 0) &&
                (terms.trail_bips || (terms.stop_ticks && !extreme)) &&
                order_pool_far_room(book->pool) >= 2)) /* one to wait in, and one to rest in */
        return;
    uint32_t slot = order_pool_get_waiting(book->pool, fields.ref);
    fields.flags = NODE_WAITING;
    book->pool->nodes[slot] = fields;
    book->pool->terms[slot] = terms;
    book->side_qty[fields.side] = sum;
    wire_expect(wire, trigger_restore(book, slot, extreme));
}

static void wire_waiting(struct wire *wire, struct book *book)
{
    bool reading = wire_is_reading(wire);
    uint32_t count = wire_count(wire, book->triggers.waiting, book->pool->capacity);
    if (!reading)
        trigger_each(book, write_waiting, wire);
    for (uint32_t i = 0; reading && i < count && wire->ok; i++)
        read_waiting(wire, book);
    if (reading)
        trigger_restored(book);
}

/* ---- pairs: the refs of both, behind all orders ---- */

struct pairing {
    struct wire *wire; /* NULL: only to be counted */
    const struct book *book;
    uint32_t pairs;
};

static void write_pair(void *arg, const struct order_node *order)
{
    struct pairing *to = arg;
    uint64_t ref = order->ref, other = to->book->pool->nodes[order->sibling].ref;
    if (!(order->flags & NODE_PAIRED) || ref > other)
        return; /* each once */
    to->pairs++;
    if (!to->wire)
        return;
    wire_u64(to->wire, &ref);
    wire_u64(to->wire, &other);
}

static void write_waiting_pair(void *arg, const struct order_node *order,
                               const struct order_terms *terms, int64_t extreme)
{
    (void)terms, (void)extreme;
    write_pair(arg, order);
}

static uint32_t each_pair(const struct book *book, struct wire *wire)
{
    struct pairing to = {.wire = wire, .book = book};
    book_each_order(book, SIDE_BUY, write_pair, &to);
    book_each_order(book, SIDE_SELL, write_pair, &to);
    trigger_each(book, write_waiting_pair, &to);
    return to.pairs;
}

static void read_pair(struct wire *wire, struct book *book)
{
    const struct order_pool *pool = book->pool;
    uint64_t refs[2] = {0};
    wire_u64(wire, &refs[0]);
    wire_u64(wire, &refs[1]);
    uint32_t one = order_pool_find(pool, refs[0]), other = order_pool_find(pool, refs[1]);
    if (!wire_expect(wire, one && other && one != other))
        return;
    const struct order_node *a = &pool->nodes[one], *b = &pool->nodes[other];
    if (wire_expect(wire, a->symbol == book->symbol && b->symbol == book->symbol &&
                              a->user == b->user && a->side == b->side &&
                              !((a->flags | b->flags) & NODE_PAIRED) &&
                              ((a->flags | b->flags) & NODE_WAITING)))
        pair_make(book, one, other);
}

static void wire_pairs(struct wire *wire, struct book *book)
{
    bool reading = wire_is_reading(wire);
    uint32_t count = reading ? 0 : each_pair(book, NULL);
    count = wire_count(wire, count, book->pool->capacity);
    if (!reading)
        each_pair(book, wire);
    for (uint32_t i = 0; reading && i < count && wire->ok; i++)
        read_pair(wire, book);
}

void book_wire(struct wire *wire, struct book *book)
{
    ASSERT(!book->busy);
    wire_u8(wire, &book->status);
    wire_u64(wire, &book->seq);
    wire_u64(wire, &book->order_id);
    wire_u64(wire, &book->trade_id);
    wire_u64(wire, &book->update_id);
    wire_u64(wire, &book->prevented_id);
    wire_i64(wire, &book->last_price);
    wire_i64(wire, &book->base);
    wire_u64(wire, &book->credit);
    if (!wire_expect(wire, book->status < STATUS_COUNT && book->base >= 0 &&
                               book->base <= INT64_MAX - book->window_ticks))
        return;
    book->pinned = true; /* the window stays where it was */
    wire_side(wire, book, SIDE_BUY);
    wire_side(wire, book, SIDE_SELL);
    wire_waiting(wire, book);
    wire_pairs(wire, book);
    book->pinned = false;
}
