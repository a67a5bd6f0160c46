/* book_impl.h - the inside of a book, shared by book.c (matching) and book_window.c (levels).
 *
 * Thread:  owner only.
 * Levels:  window: levels[price - base], one array for both sides, since at one price only one side
 * can rest; a bit per non-empty level in a three-level 64-ary bitmap per side. Elsewhere: a
 * price_tree per side.
 */
#ifndef BOOK_IMPL_H
#define BOOK_IMPL_H

#include "actors/book/book.h"
#include "actors/book/price_tree.h"
#include "actors/book/trigger.h"

struct bitmap3 { /* bit set = level not empty; l1 and l2 summarise 64 words below */
    uint64_t *l0, *l1, *l2;
};

enum { LEVEL_NONE = -1 };

struct book_open { /* the command under way */
    struct book_cmd cmd;
    int64_t left_lots, budget, last_fill_price;
    uint64_t order_id;
    struct level *touched; /* the maker level whose change is not yet told */
    int64_t touched_price;
    uint8_t stage; /* enum open_stage */
    bool budgeted, traded, stopped_by_budget, dead_on_arrival;
    bool triggered;   /* the taker waited for its trigger: it has its order id and a slot already */
    uint32_t dead_at; /* the own order that a FOK would end at, a slot; 0: it finds too little */
    uint32_t node;    /* MOVE, CANCEL, a triggered order: the order's slot */
    uint32_t orphan;  /* the other one of a maker that has traded: it ends next; or 0 */
    struct trigger_fire fire;
    struct book_more more, other_more; /* where cmd.more and other.more point */
    struct book_cmd other;             /* PAIR */
};

/* What the command says of its order beyond what all have. */
static inline const struct book_more *cmd_more(const struct book_cmd *cmd)
{
    static const struct book_more none;
    return cmd->more ? cmd->more : &none;
}

struct book {
    struct order_pool *pool;
    struct money_spec spec;
    uint16_t symbol;
    uint8_t status;
    uint32_t window_ticks;
    struct level *levels;
    struct bitmap3 bits[2];
    int64_t base;           /* price of levels[0]; the window is [base, base + window_ticks) */
    int32_t best[2];        /* window index of the best level, or LEVEL_NONE */
    uint32_t window_levels; /* non-empty levels in the window */
    uint32_t far_root[2], far_best[2]; /* treap and its best node, 0 = none */
    int64_t far_best_price[2];
    uint64_t credit; /* commands since the window last moved: pays for the next move */
    uint64_t seq, order_id, trade_id, update_id;
    int64_t last_price;
    int64_t side_qty[2]; /* all open lots: hidden ones, and those of orders that wait, included */
    uint32_t orders, icebergs; /* resting; icebergs: of those */
    bool busy, pinned;         /* pinned: the window must not move */
    struct book_open open;
    struct triggers triggers;
    uint64_t prevented_id;
};

/* The level at a price, or NULL when nothing rests there. `far` gets the treap node or 0. */
struct level *level_find(struct book *book, enum book_side side, int64_t price, uint32_t *far);

/* The level at a price, made if need be. May move the window. */
struct level *level_make(struct book *book, enum book_side side, int64_t price, uint32_t *far);

/* An emptied level leaves bitmap or treap. */
void level_gone(struct book *book, enum book_side side, int64_t price, uint32_t far);

/* Next non-empty level strictly behind `price` in priority, or NULL. */
const struct level *level_behind(const struct book *book, enum book_side side, int64_t price,
                                 int64_t *found);

/* The order of the slot may trade now: the other one of its pair ends, by at most two events. */
void pair_break(struct book *book, struct book_events *out, uint32_t slot);

/* Makes the two orders a pair. */
void pair_make(struct book *book, uint32_t slot, uint32_t other);

/* Puts the order behind the others of its level. */
void order_rest(struct book *book, uint32_t slot);

void window_init(struct book *book, char *at, uint32_t ticks);
size_t window_bytes(uint32_t ticks);
void window_verify(const struct book *book);

/* Price a is better than b for this side (a buyer pays more, a seller asks less). */
static inline bool price_better(enum book_side side, int64_t a, int64_t b)
{
    return side == SIDE_BUY ? a > b : a < b;
}

static inline bool in_window(const struct book *book, int64_t price)
{
    return (uint64_t)(price - book->base) < book->window_ticks;
}

/* The best level of a side, or NULL. */
static inline struct level *level_best(struct book *book, enum book_side side, int64_t *price,
                                       uint32_t *far)
{
    int32_t idx = book->best[side];
    uint32_t node = book->far_best[side];
    if (__builtin_expect(node != 0, 0)) {
        int64_t far_price = book->far_best_price[side];
        if (idx == LEVEL_NONE || price_better(side, far_price, book->base + idx)) {
            *price = far_price;
            *far = node;
            return &book->pool->far[node].level;
        }
    }
    if (idx == LEVEL_NONE)
        return NULL;
    *price = book->base + idx;
    *far = 0;
    return &book->levels[idx];
}

#endif
