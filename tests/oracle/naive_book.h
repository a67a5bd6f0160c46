/* naive_book.h - the order book written the obvious way: what book.c must agree with.
 *
 * Thread:  owner only.
 * Memory:  malloc; naive_book_free() gives it back.
 * Shape:   one array a side, sorted by price then time; every step is O(n) and nothing is cached,
 *          so that the code reads like the rules. It shares types with book.h and no code at all:
 *          its money is its own too.
 * Source:  docs/MATCHING.md; the same rules as book.h.
 */
#ifndef NAIVE_BOOK_H
#define NAIVE_BOOK_H

#include <stdint.h>

#include "actors/book/book.h"

struct naive_book;

struct naive_order {
    uint64_t ref, order_id;
    int64_t price_ticks, left_lots; /* left_lots: what shows */
    int64_t hidden_lots, display_lots;
    uint64_t pair; /* the ref of the other one, of which only one may trade; 0: none */
    uint32_t user, group;
    bool traded;
};

/* An order that waits for its trigger: the command that placed it, and where it stands. */
struct naive_wait {
    struct book_cmd cmd; /* cmd.more is not to be used: what it was is `more` */
    struct book_more more;
    uint64_t order_id, since; /* since: when it began to wait, or to follow the price */
    int64_t extreme;          /* 0: does not follow the price yet */
    uint64_t pair;
    bool fired;
};

/* An empty, TRADING book that has room for `orders_max` resting orders. Thread: the owner-to-be. */
struct naive_book *naive_book_new(const struct money_spec *spec, uint32_t orders_max);
void naive_book_free(struct naive_book *book);

/* Runs a whole command and appends all its events to out[*out_count ...]. A rejected command
 * appends none. Running out of `out_max` stops the process. Thread: owner. */
enum reject naive_book_apply(struct naive_book *book, const struct book_cmd *cmd,
                             struct book_event *out, uint32_t *out_count, uint32_t out_max);

uint32_t naive_book_orders(const struct naive_book *book); /* resting */

/* The `index`th order that waits, oldest first; NULL behind the last. Thread: owner. */
const struct naive_wait *naive_book_waiting(const struct naive_book *book, uint32_t index);

/* The resting order at `index` in priority order of a side; NULL behind the last. Thread: owner. */
const struct naive_order *naive_book_each(const struct naive_book *book, enum book_side side,
                                          uint32_t index);

uint64_t naive_book_seq(const struct naive_book *book);
uint64_t naive_book_order_id(const struct naive_book *book); /* the last one given out */
uint64_t naive_book_update_id(const struct naive_book *book);
int64_t naive_book_last_price(const struct naive_book *book);
enum book_status naive_book_status(const struct naive_book *book);

#endif
