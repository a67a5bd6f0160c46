/* diff.h - which levels of a book have changed: for diff depth events, and for those that a slow
 * client missed.
 *
 * Thread:  the owner's. Memory: grows with the number of levels that change; see diff_log.
 * Why:     an event tells the quantities that are, not how they came, so several events make one:
 *          the union of their levels, from the first one's U to the last one's u. Levels too many
 *          do no harm, levels too few would.
 */
#ifndef WS_DIFF_H
#define WS_DIFF_H

#include <stdbool.h>
#include <stdint.h>

struct diff_change {
    int64_t price_ticks;
    uint32_t side;
};

struct diff_list {
    struct diff_change *change;
    uint32_t count, room;
    uint32_t settled; /* the first of them are in order, and each is there once */
};

/* Notes that a level has changed. Cost: amortized O(log n); memory for twice as many levels as are
 * different. */
void diff_add(struct diff_list *list, uint32_t side, int64_t price_ticks);

/* Puts them in order, bids before asks and the best first, each level once. */
void diff_settle(struct diff_list *list);

/* Adds what the other, settled one has. */
void diff_join(struct diff_list *list, const struct diff_list *other);

void diff_clear(struct diff_list *list); /* keeps the memory */
void diff_fini(struct diff_list *list);

/* ---- what was told while somebody did not listen ---- */

enum { DIFF_TICKS = 16, DIFF_CHANGES_MAX = 20000 }; /* levels: one event of less than a MB */

struct diff_tick {
    uint64_t first_id, last_id;
    struct diff_list list;
};

/* Older ticks are joined in pairs when there are too many; who missed a part of a pair is told all
 * of it. Beyond DIFF_CHANGES_MAX the oldest are forgotten. */
struct diff_log {
    struct diff_tick tick[DIFF_TICKS]; /* the oldest first */
    uint32_t count;
    uint64_t forgotten_id; /* up to which update id */
};

/* Notes a tick; takes a copy of its list, which is settled. */
void diff_log_add(struct diff_log *log, uint64_t first_id, uint64_t last_id,
                  const struct diff_list *list);

/* Fills `out` with all that changed from `first_id` on, settled; false when some of it is
 * forgotten. */
bool diff_log_since(const struct diff_log *log, uint64_t first_id, struct diff_list *out);

void diff_log_fini(struct diff_log *log); /* empties it: it may be used again */

#endif
