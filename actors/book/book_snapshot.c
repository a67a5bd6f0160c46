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
    wire_u8(wire, &node->flags);
}

static void write_order(void *arg, const struct order_node *order)
{
    struct order_node copy = *order;
    order_fields(arg, &copy);
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

static void read_order(struct wire *wire, struct book *book, enum book_side side)
{
    struct order_pool *pool = book->pool;
    struct order_node fields = {.side = (uint8_t)side, .symbol = book->symbol};
    int64_t best, sum;
    order_fields(wire, &fields);
    if (!wire_expect(wire, fields.ref != 0 && fields.price_ticks > 0 && fields.left_lots > 0 &&
                               pool->count < pool->capacity &&
                               pool->far_count < pool->far_capacity &&
                               order_pool_find(pool, fields.ref) == 0) ||
        !wire_expect(wire, !__builtin_add_overflow(book->side_qty[side], fields.left_lots, &sum)) ||
        !wire_expect(wire, !book_best(book, !side, &best) ||
                               price_better(!side, fields.price_ticks, best)))
        return;
    uint32_t slot = order_pool_get(pool, fields.ref);
    pool->nodes[slot] = fields;
    order_rest(book, slot);
}

static void wire_side(struct wire *wire, struct book *book, enum book_side side)
{
    bool reading = wire_is_reading(wire);
    uint32_t count = reading ? 0 : orders_of(book, side);
    count = wire_count(wire, count, book->pool->capacity);
    if (!reading)
        book_each_order(book, side, write_order, wire);
    for (uint32_t i = 0; reading && i < count && wire->ok; i++)
        read_order(wire, book, side);
}

void book_wire(struct wire *wire, struct book *book)
{
    ASSERT(!book->busy);
    wire_u8(wire, &book->status);
    wire_u64(wire, &book->seq);
    wire_u64(wire, &book->order_id);
    wire_u64(wire, &book->trade_id);
    wire_u64(wire, &book->update_id);
    wire_i64(wire, &book->last_price);
    wire_i64(wire, &book->base);
    wire_u64(wire, &book->credit);
    if (!wire_expect(wire, book->status < STATUS_COUNT && book->base >= 0 &&
                               book->base <= INT64_MAX - book->window_ticks))
        return;
    book->pinned = true; /* the window stays where it was */
    wire_side(wire, book, SIDE_BUY);
    wire_side(wire, book, SIDE_SELL);
    book->pinned = false;
}
