/* trigger.h - the orders of a book that wait for a price: stops, and those that trail it.
 *
 * Thread:  owner only (the market shard).
 * Stops:   two trees of levels by stop price, those met from below and those met from above; oldest
 *          first within a level.
 * Trails:  an order that follows the price remembers the extreme since it began, the highest for a
 *          seller, the lowest for a buyer, and fires when the price turns back by its delta. Those
 *          of one side and delta are a group, oldest first: the older one has seen all that the
 *          younger has, so extremes only fall off along the group, and equal ones are a bucket. A
 *          new extreme joins the last buckets, and the first bucket is the first to fire.
 * Order:   of what one trade wakes: stops met from below, lowest first; stops met from above,
 *          highest first; oldest first at one price; then sellers that trail, then buyers, smaller
 *          delta first, more extreme first, oldest first. A stop with a delta begins to trail when
 * it is met, with that trade's price.
 */
#ifndef TRIGGER_H
#define TRIGGER_H

#include "actors/book/book.h"

enum trigger_way { TRIGGER_ABOVE, TRIGGER_BELOW, TRIGGER_WAYS };

struct triggers {
    uint32_t stops[TRIGGER_WAYS];  /* price_tree roots */
    uint32_t groups[2];            /* by side, then by delta */
    int64_t quiet_low, quiet_high; /* a trade between them, both excluded, changes nothing here */
    uint32_t waiting;
};

/* What a trade wakes, under way: kept by the open command. */
struct trigger_fire {
    int64_t price;
    uint32_t head, tail; /* orders that have fired, by node.next: the caller's from then on */
    uint8_t phase;
};

void triggers_init(struct triggers *triggers);

/* Whether the last price has met the order's stop already. */
bool trigger_is_met(const struct book *book, const struct book_cmd *cmd);

/* Whether one more such order can wait. */
bool trigger_room(const struct book *book, const struct book_cmd *cmd);

/* The order of the slot, whose terms are complete, begins to wait. */
void trigger_wait(struct book *book, uint32_t slot);

/* It waits no longer: cancelled. */
void trigger_leave(struct book *book, uint32_t slot);

/* Whether a trade at the price could wake anything. */
static inline bool trigger_sleeps(const struct triggers *triggers, int64_t price)
{
    return price > triggers->quiet_low && price < triggers->quiet_high;
}

/* Carries on what the trade wakes, by at most *steps orders and buckets, which it counts down; true
 * when all is done. What fires is appended to the list of `fire`, and the other one of its pair
 * ends: two events a step at most. O(groups + steps log levels). */
bool trigger_wake(struct book *book, struct trigger_fire *fire, uint32_t *steps,
                  struct book_events *out);

/* Calls `each` for every order that waits, in the order in which reading it back makes the same
 * state; `extreme` is 0 unless it trails. */
void trigger_each(const struct book *book,
                  void (*each)(void *arg, const struct order_node *node,
                               const struct order_terms *terms, int64_t extreme),
                  void *arg);

/* Puts an order where trigger_each() found it, behind those read before it; false when it cannot be
 * there. With the last one, trigger_restored(). The caller checked the room for levels. */
bool trigger_restore(struct book *book, uint32_t slot, int64_t extreme);
void trigger_restored(struct book *book);

void trigger_verify(const struct book *book);

#endif
