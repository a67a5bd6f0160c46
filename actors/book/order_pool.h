/* order_pool.h - the open orders of one market shard: nodes, and the indexes that find them by ref.
 *
 * Thread:  owner only (the market shard).
 * Memory:  one block from the caller, sized by order_pool_size(); shared by all books of the shard,
 *          so a symbol that is quiet today costs nothing. Slot 0 is "none".
 * Index:   runtime/slot_index.h; a hit is confirmed by the node's own ref.
 * Waiting: orders that wait for their triggers may be many and lie still for long, while those that
 *          rest come and go all over their index. So they have one of their own: 100,000 of them
 *          among 1,000 that rest made it 4 MB instead of 64 KB, and every command 25 to 40 ns
 *          longer. Their nodes need no place of their own: the LIFO keeps those in use warm.
 */
#ifndef ORDER_POOL_H
#define ORDER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/check.h"
#include "runtime/hash.h"
#include "runtime/slot_index.h"

enum {                    /* order_node.flags */
       NODE_TRADED = 1,   /* has traded, as taker before it rested or as maker */
       NODE_ICEBERG = 2,  /* shows terms.display_lots at a time; left_lots is what shows now */
       NODE_WAITING = 4,  /* for its trigger: in no level (trigger.h) */
       NODE_TRACKING = 8, /* WAITING, and follows the price */
       NODE_FIRST = 16,   /* TRACKING, and the first of its bucket, which `far` is */
       NODE_PAIRED = 32,  /* one of two of which only one may trade: `sibling` is the other */
};

struct order_node { /* one cache line */
    uint64_t ref, order_id;
    int64_t price_ticks, left_lots;
    uint32_t user, prev, next, far; /* far: the far level it rests or waits in, 0 = the window */
    uint8_t side, flags;
    uint16_t symbol;
    uint32_t sibling; /* PAIRED: a slot */
    uint32_t group;   /* accounts of one group trade with each other as with themselves; 0: none */
    uint32_t spare;
};
_Static_assert(sizeof(struct order_node) == 64, "one cache line");

/* What few orders have: beside their nodes, by the same slot. Meaningful for icebergs and for those
 * that wait. */
struct order_terms {
    int64_t display_lots,
        hidden_lots;        /* ICEBERG: at a time; what does not show, of those that rest */
    int64_t stop_ticks;     /* WAITING: 0 when only the trailing counts */
    int64_t hold_atoms;     /* WAITING, to buy at market: what it may spend */
    uint32_t group;         /* WAITING and trailing: its trail_group */
    uint16_t trail_bips;    /* 0: not trailing */
    uint8_t type, tif, stp; /* WAITING */
    uint8_t spare[3];
};
_Static_assert(sizeof(struct order_terms) == 48, "no padding");

/* The trailing orders of a book that have one side and delta (trigger.h). */
struct trail_group {
    uint32_t head, tail;    /* orders that track, oldest first */
    uint32_t first, last;   /* buckets, the most extreme first */
    uint32_t next, members; /* of the book, by delta; members: those not yet tracking included */
    uint16_t bips;
};

struct level {
    uint32_t head, tail; /* oldest and newest order */
    int64_t qty_lots;    /* sum over the level */
};

/* A level outside the window: a node of a treap ordered by price. */
struct far_level {
    struct level level;
    int64_t price_ticks;
    uint32_t left, right, priority, spare;
};

struct order_pool {
    struct order_node *nodes;
    struct slot_index index;         /* of those that rest */
    struct slot_index waiting_index; /* of those that wait, until they are takers */
    struct far_level *far;
    struct order_terms *terms; /* [orders_max + 1], like the nodes */
    struct trail_group *groups;
    uint32_t capacity, far_capacity, groups_capacity;
    uint32_t count, high, free_head;        /* nodes in use, ever touched, LIFO of free ones */
    uint32_t far_count, far_high, far_free; /* the same for far levels */
    uint32_t groups_count, groups_high, groups_free;
    uint32_t waiting;  /* orders that wait, or have been triggered and not come to rest yet */
    uint32_t triggers; /* far levels that those are in */
};

size_t order_pool_size(uint32_t orders_max, uint32_t far_max);

/* Builds an empty pool in a zeroed block. Thread: the owner-to-be. */
struct order_pool *order_pool_init(void *block, uint32_t orders_max, uint32_t far_max);

/* Takes a node for `ref`, which must not be there, and indexes it, among those that rest or among
 * those that wait. The caller checked the room, and leaves NODE_WAITING as it is. */
uint32_t order_pool_get(struct order_pool *pool, uint64_t ref);
uint32_t order_pool_get_waiting(struct order_pool *pool, uint64_t ref);

/* The order of the slot waits no longer: from now on it is found among those that rest.
 * NODE_WAITING is taken off. */
void order_pool_wake(struct order_pool *pool, uint32_t slot);

/* Takes the order out of the index that its NODE_WAITING tells, and gives its node back. */
void order_pool_put(struct order_pool *pool, uint32_t slot);

/* Re-indexes a node that does not wait under a new ref (a move). */
void order_pool_rename(struct order_pool *pool, uint32_t slot, uint64_t ref);

uint32_t trail_group_get(struct order_pool *pool);
void trail_group_put(struct order_pool *pool, uint32_t group);

/* Far levels that nobody counts on: an order that waits may need one to wait in, and one to rest
 * in. */
static inline uint32_t order_pool_far_room(const struct order_pool *pool)
{
    uint32_t used = pool->far_count - pool->triggers + 2 * pool->waiting;
    return used < pool->far_capacity ? pool->far_capacity - used : 0;
}

uint32_t far_level_get(struct order_pool *pool);
void far_level_put(struct order_pool *pool, uint32_t far);

static inline uint32_t order_pool_hash(uint64_t ref)
{
    return (uint32_t)hash_mix(ref);
}

static inline uint32_t order_pool_find_in(const struct order_pool *pool,
                                          const struct slot_index *index, uint64_t ref)
{
    uint32_t slot;
    SLOT_INDEX_EACH(index, order_pool_hash(ref), slot)
    {
        if (pool->nodes[slot].ref == ref)
            break;
    }
    return slot;
}

/* The slot of `ref`, or 0. */
static inline uint32_t order_pool_find(const struct order_pool *pool, uint64_t ref)
{
    uint32_t slot = order_pool_find_in(pool, &pool->index, ref);
    if (!slot && pool->waiting_index.count)
        slot = order_pool_find_in(pool, &pool->waiting_index, ref);
    return slot;
}

/* Starts to fetch the index line of `ref`, among those that rest or those that wait; changes
 * nothing. */
static inline void order_pool_prefetch_index(const struct order_pool *pool, uint64_t ref)
{
    slot_index_prefetch(&pool->index, order_pool_hash(ref));
}

static inline void order_pool_prefetch_waiting(const struct order_pool *pool, uint64_t ref)
{
    slot_index_prefetch(&pool->waiting_index, order_pool_hash(ref));
}

/* The first slot there whose hash fits, without touching a node: for prefetching. */
static inline uint32_t order_pool_guess(const struct order_pool *pool, uint64_t ref)
{
    uint32_t at = 0, table = 0;
    return slot_index_next(&pool->index, order_pool_hash(ref), &at, &table);
}

static inline uint32_t order_pool_guess_waiting(const struct order_pool *pool, uint64_t ref)
{
    uint32_t at = 0, table = 0;
    return slot_index_next(&pool->waiting_index, order_pool_hash(ref), &at, &table);
}

#endif
