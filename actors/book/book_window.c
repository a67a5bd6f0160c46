/* Levels: the window's array and bitmaps, the tree of far prices, and how the window follows the
 * market. Nothing here shows in an event: where a level lives is a matter of speed alone. */
#include "actors/book/book_impl.h"

#include <string.h>

/* ---- bitmap of 64^3 levels ---- */

static void bit_set(struct bitmap3 *bits, uint32_t idx)
{
    bits->l0[idx >> 6] |= 1ull << (idx & 63);
    bits->l1[idx >> 12] |= 1ull << (idx >> 6 & 63);
    bits->l2[0] |= 1ull << (idx >> 12);
}

static void bit_clear(struct bitmap3 *bits, uint32_t idx)
{
    if (bits->l0[idx >> 6] &= ~(1ull << (idx & 63)))
        return;
    if (bits->l1[idx >> 12] &= ~(1ull << (idx >> 6 & 63)))
        return;
    bits->l2[0] &= ~(1ull << (idx >> 12));
}

static uint64_t bits_from(uint64_t word, uint32_t bit) /* bit and above; none for bit 64 */
{
    return bit > 63 ? 0 : word & (~0ull << bit);
}

static uint64_t bits_below(uint64_t word, uint32_t bit) /* strictly below bit */
{
    return bit > 63 ? word : word & ((1ull << bit) - 1);
}

/* Lowest set index >= from, or LEVEL_NONE. */
static int32_t bit_next(const struct bitmap3 *bits, uint32_t ticks, uint32_t from)
{
    if (from >= ticks)
        return LEVEL_NONE;
    uint64_t word = bits_from(bits->l0[from >> 6], from & 63);
    uint32_t i0 = from >> 6, i1 = from >> 12;
    if (!word) {
        uint64_t up = bits_from(bits->l1[i1], (i0 & 63) + 1);
        if (!up) {
            uint64_t top = bits_from(bits->l2[0], i1 + 1);
            if (!top)
                return LEVEL_NONE;
            i1 = (uint32_t)__builtin_ctzll(top);
            up = bits->l1[i1];
        }
        i0 = i1 * 64 + (uint32_t)__builtin_ctzll(up);
        word = bits->l0[i0];
    }
    return (int32_t)(i0 * 64 + (uint32_t)__builtin_ctzll(word));
}

static uint32_t high_bit(uint64_t word)
{
    return 63 - (uint32_t)__builtin_clzll(word);
}

/* Highest set index < before, or LEVEL_NONE. */
static int32_t bit_prev(const struct bitmap3 *bits, uint32_t before)
{
    if (before == 0)
        return LEVEL_NONE;
    uint32_t last = before - 1, i0 = last >> 6, i1 = last >> 12;
    uint64_t word = bits_below(bits->l0[i0], (last & 63) + 1);
    if (!word) {
        uint64_t up = bits_below(bits->l1[i1], i0 & 63);
        if (!up) {
            uint64_t top = bits_below(bits->l2[0], i1);
            if (!top)
                return LEVEL_NONE;
            i1 = high_bit(top);
            up = bits->l1[i1];
        }
        i0 = i1 * 64 + high_bit(up);
        word = bits->l0[i0];
    }
    return (int32_t)(i0 * 64 + high_bit(word));
}

/* ---- far levels ---- */

static struct far_level *far_at(const struct book *book, uint32_t node)
{
    return &book->pool->far[node];
}

static uint32_t far_find(const struct book *book, enum book_side side, int64_t price)
{
    return price_tree_find(book->pool, book->far_root[side], price);
}

static void far_best_refresh(struct book *book, enum book_side side)
{
    uint32_t root = book->far_root[side], at;
    at = side == SIDE_BUY ? price_tree_highest(book->pool, root)
                          : price_tree_lowest(book->pool, root);
    book->far_best[side] = at;
    book->far_best_price[side] = at ? far_at(book, at)->price_ticks : 0;
}

static uint32_t far_insert(struct book *book, enum book_side side, int64_t price)
{
    uint32_t fresh = price_tree_insert(book->pool, &book->far_root[side], price);
    if (!book->far_best[side] || price_better(side, price, book->far_best_price[side])) {
        book->far_best[side] = fresh;
        book->far_best_price[side] = price;
    }
    return fresh;
}

static void far_remove(struct book *book, enum book_side side, int64_t price)
{
    uint32_t gone = price_tree_remove(book->pool, &book->far_root[side], price);
    if (book->far_best[side] == gone)
        far_best_refresh(book, side);
}

/* ---- the window ---- */

static void best_after_removal(struct book *book, enum book_side side, uint32_t idx)
{
    if (book->best[side] != (int32_t)idx)
        return;
    book->best[side] = side == SIDE_BUY ? bit_prev(&book->bits[side], idx)
                                        : bit_next(&book->bits[side], book->window_ticks, idx + 1);
}

static void window_insert(struct book *book, enum book_side side, uint32_t idx)
{
    bit_set(&book->bits[side], idx);
    book->window_levels++;
    if (book->best[side] == LEVEL_NONE || price_better(side, idx, book->best[side]))
        book->best[side] = (int32_t)idx;
}

static void window_remove(struct book *book, enum book_side side, uint32_t idx)
{
    bit_clear(&book->bits[side], idx);
    book->window_levels--;
    best_after_removal(book, side, idx);
}

/* Points a level's orders at where the level now lives. */
static void level_tell_orders(struct book *book, const struct level *level, uint32_t far)
{
    for (uint32_t at = level->head; at; at = book->pool->nodes[at].next)
        book->pool->nodes[at].far = far;
}

static void window_to_far(struct book *book, enum book_side side, uint32_t idx)
{
    uint32_t far = far_insert(book, side, book->base + idx);
    far_at(book, far)->level = book->levels[idx];
    level_tell_orders(book, &book->levels[idx], far);
    window_remove(book, side, idx);
    book->levels[idx] = (struct level){0};
}

static void far_to_window(struct book *book, enum book_side side, int64_t price)
{
    uint32_t idx = (uint32_t)(price - book->base), far = far_find(book, side, price);
    book->levels[idx] = far_at(book, far)->level;
    level_tell_orders(book, &book->levels[idx], 0);
    far_remove(book, side, price);
    window_insert(book, side, idx);
}

static bool far_lowest_from(const struct book *book, enum book_side side, int64_t price,
                            int64_t *found)
{
    return price_tree_lowest_from(book->pool, book->far_root[side], price, found);
}

static bool far_highest_below(const struct book *book, enum book_side side, int64_t price,
                              int64_t *found)
{
    return price_tree_highest_below(book->pool, book->far_root[side], price, found);
}

static void window_move(struct book *book, int64_t base)
{
    for (uint32_t side = 0; side < 2; side++)
        for (int32_t idx = bit_next(&book->bits[side], book->window_ticks, 0); idx != LEVEL_NONE;
             idx = bit_next(&book->bits[side], book->window_ticks, (uint32_t)idx + 1))
            if (book->base + idx < base || book->base + idx >= base + book->window_ticks)
                window_to_far(book, side, (uint32_t)idx);
    /* What stays shifts through the treap too: moves are rare, and one path is simpler than two. */
    for (uint32_t side = 0; side < 2; side++)
        for (int32_t idx = bit_next(&book->bits[side], book->window_ticks, 0); idx != LEVEL_NONE;
             idx = bit_next(&book->bits[side], book->window_ticks, (uint32_t)idx + 1))
            window_to_far(book, side, (uint32_t)idx);
    book->base = base;
    for (uint32_t side = 0; side < 2; side++) {
        int64_t price = base, from = base;
        while (far_lowest_from(book, side, from, &price) && in_window(book, price)) {
            far_to_window(book, side, price);
            from = price + 1;
        }
    }
    book->credit = 0;
}

/* A new price outside the window: move there if it pays. It pays when the price would be its side's
 * best, both best prices then fit well inside, the far pool can take what leaves, and as many
 * commands have passed as levels must move, so the cost of moving stays O(1) a command whatever
 * anyone sends. */
static void window_consider(struct book *book, enum book_side side, int64_t price)
{
    int64_t best, other;
    if (book->pinned)
        return;
    if (book_best(book, side, &best) && !price_better(side, price, best))
        return;
    int64_t mid = price;
    if (book_best(book, !side, &other)) {
        if ((price > other ? price - other : other - price) > book->window_ticks / 2)
            return;
        mid = other + (price - other) / 2;
    }
    if (book->credit < book->window_levels)
        return;
    if (order_pool_far_room(book->pool) < book->window_levels)
        return;
    int64_t base = mid - book->window_ticks / 2, highest = INT64_MAX - book->window_ticks;
    window_move(book, base < 0 ? 0 : base > highest ? highest : base);
}

size_t window_bytes(uint32_t ticks)
{
    size_t words = ticks / 64, l1 = (words + 63) / 64;
    return ticks * sizeof(struct level) + 2 * ((words + l1 + 1) * sizeof(uint64_t));
}

void window_init(struct book *book, char *at, uint32_t ticks)
{
    size_t words = ticks / 64, l1 = (words + 63) / 64;
    book->window_ticks = ticks;
    book->levels = (struct level *)at;
    at += ticks * sizeof(struct level);
    for (uint32_t side = 0; side < 2; side++) {
        book->bits[side] = (struct bitmap3){.l0 = (uint64_t *)at};
        book->bits[side].l1 = book->bits[side].l0 + words;
        book->bits[side].l2 = book->bits[side].l1 + l1;
        at += (words + l1 + 1) * sizeof(uint64_t);
        book->best[side] = LEVEL_NONE;
    }
}

/* ---- levels, wherever they live ---- */

struct level *level_find(struct book *book, enum book_side side, int64_t price, uint32_t *far)
{
    *far = 0;
    if (in_window(book, price)) {
        struct level *level = &book->levels[price - book->base];
        return level->head ? level : NULL;
    }
    *far = far_find(book, side, price);
    return *far ? &far_at(book, *far)->level : NULL;
}

struct level *level_make(struct book *book, enum book_side side, int64_t price, uint32_t *far)
{
    if (!in_window(book, price))
        window_consider(book, side, price);
    if (in_window(book, price)) {
        uint32_t idx = (uint32_t)(price - book->base);
        *far = 0;
        if (!book->levels[idx].head)
            window_insert(book, side, idx);
        return &book->levels[idx];
    }
    *far = far_find(book, side, price);
    if (!*far)
        *far = far_insert(book, side, price);
    return &far_at(book, *far)->level;
}

void level_gone(struct book *book, enum book_side side, int64_t price, uint32_t far)
{
    if (far)
        far_remove(book, side, price);
    else
        window_remove(book, side, (uint32_t)(price - book->base));
}

const struct level *level_behind(const struct book *book, enum book_side side, int64_t price,
                                 int64_t *found)
{
    int64_t window_price = 0, far_price = 0, end = book->base + book->window_ticks;
    int32_t idx;
    bool far_any;
    if (side == SIDE_BUY) {
        int64_t before = price < book->base ? 0
                         : price >= end     ? book->window_ticks
                                            : price - book->base;
        idx = bit_prev(&book->bits[side], (uint32_t)before);
        far_any = far_highest_below(book, side, price, &far_price);
    } else {
        int64_t from = price < book->base ? 0
                       : price >= end     ? book->window_ticks
                                          : price - book->base + 1;
        idx = bit_next(&book->bits[side], book->window_ticks, (uint32_t)from);
        far_any = price < INT64_MAX && far_lowest_from(book, side, price + 1, &far_price);
    }
    window_price = book->base + idx;
    if (idx != LEVEL_NONE && (!far_any || price_better(side, window_price, far_price))) {
        *found = window_price;
        return &book->levels[idx];
    }
    if (!far_any)
        return NULL;
    *found = far_price;
    return &far_at(book, far_find(book, side, far_price))->level;
}

/* ---- invariants ---- */

static uint32_t far_verify(const struct book *book, enum book_side side, uint32_t at, int64_t low,
                           int64_t high)
{
    if (!at)
        return 0;
    const struct far_level *node = far_at(book, at);
    ASSERT(node->price_ticks >= low && node->price_ticks <= high);
    ASSERT(!in_window(book, node->price_ticks));
    ASSERT(node->level.head != 0);
    ASSERT(!node->left || far_at(book, node->left)->priority <= node->priority);
    ASSERT(!node->right || far_at(book, node->right)->priority <= node->priority);
    return 1 + far_verify(book, side, node->left, low, node->price_ticks - 1) +
           far_verify(book, side, node->right, node->price_ticks + 1, high);
}

void window_verify(const struct book *book)
{
    uint32_t seen = 0;
    for (uint32_t side = 0; side < 2; side++) {
        int32_t first = LEVEL_NONE, last = LEVEL_NONE;
        for (uint32_t idx = 0; idx < book->window_ticks; idx++) {
            bool bit = book->bits[side].l0[idx >> 6] >> (idx & 63) & 1;
            ASSERT(!bit || book->levels[idx].head != 0);
            if (!bit)
                continue;
            ASSERT(book->pool->nodes[book->levels[idx].head].side == side);
            seen++;
            first = first == LEVEL_NONE ? (int32_t)idx : first;
            last = (int32_t)idx;
        }
        ASSERT(book->best[side] == (side == SIDE_BUY ? last : first));
        far_verify(book, side, book->far_root[side], INT64_MIN, INT64_MAX);
    }
    ASSERT(seen == book->window_levels);
}
