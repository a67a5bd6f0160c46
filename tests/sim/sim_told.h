/* sim_told.h - what the simulator's exchange has told of its markets since the seed began, by
 * update id and trade id, whoever was told and in whichever life.
 *
 * Thread:  one.
 * Checks:  a book that is folded from the changes told to a core is the matching shard's at each
 *          update id at which the shard was seen, and the same on every core; ids have no gap;
 *          nothing that was told is gone, or is other, after a crash.
 * Units:   atoms.
 */
#ifndef SIM_TOLD_H
#define SIM_TOLD_H

#include "actors/exchange.h"
#include "actors/msg/request.h"

enum { COPY_LEVELS = 256 };

/* A book as somebody has it who was told of changes. */
struct copy {
    uint64_t id, hash;
    uint32_t count[2];
    struct {
        int64_t price, qty;
    } level[2][COPY_LEVELS];
};

void copy_set(struct copy *copy, uint32_t side, int64_t price, int64_t qty);
int64_t copy_qty(const struct copy *copy, uint32_t side, int64_t price);
/* The best price behind `price` (0: of all); 0: there is none. */
int64_t copy_next(const struct copy *copy, uint32_t side, int64_t price);

struct told_trade {
    int64_t price, qty, quote, time_us;
    uint64_t taker_order_id, agg_id;
    bool there, buyer_is_maker;
};

/* A new seed. */
void told_forget(void);
/* The exchange has recovered: it must have all that was told. */
void told_load(const struct exchange *ex);
/* A core has taken an input: notes the books of its shards. */
void told_books(const struct exchange *ex, uint16_t core);
/* An ingress core is told of a level or a trade. */
void told_message(uint16_t core, const struct symbol_config *config, const struct msg *msg);

/* The book as that core was told. */
const struct copy *told_copy(uint16_t core, uint16_t symbol);
/* Whether it is the book that was told at that id. */
bool told_is_book(uint16_t symbol, const struct copy *copy);
/* A trade that was told or found recovered; NULL: there was none. */
const struct told_trade *told_trade(uint16_t symbol, uint64_t id);

/* Says what was compared in all seeds. False: nothing. */
bool told_print(void);

#endif
