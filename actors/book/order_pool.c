#include "actors/book/order_pool.h"

#include <string.h>

static size_t round_line(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static uint32_t groups_max(uint32_t orders_max)
{
    return orders_max / 64 + 1024;
}

/* Each keeps two far levels, order_pool_far_room(). */
static uint32_t waiting_max(uint32_t orders_max, uint32_t far_max)
{
    return far_max / 2 < orders_max ? far_max / 2 : orders_max;
}

size_t order_pool_size(uint32_t orders_max, uint32_t far_max)
{
    return round_line(sizeof(struct order_pool)) +
           round_line(((size_t)orders_max + 1) * sizeof(struct order_node)) +
           2 * slot_index_region(orders_max) +
           2 * slot_index_region(waiting_max(orders_max, far_max)) +
           round_line(((size_t)far_max + 1) * sizeof(struct far_level)) +
           round_line(((size_t)orders_max + 1) * sizeof(struct order_terms)) +
           round_line(((size_t)groups_max(orders_max) + 1) * sizeof(struct trail_group));
}

struct order_pool *order_pool_init(void *block, uint32_t orders_max, uint32_t far_max)
{
    ASSERT(((uintptr_t)block & 63) == 0);
    ASSERT(orders_max > 0 && orders_max < UINT32_MAX / 4);
    uint32_t waiting = waiting_max(orders_max, far_max);
    char *at = block;
    struct order_pool *pool = block;
    at += round_line(sizeof *pool);
    pool->nodes = (struct order_node *)at;
    at += round_line(((size_t)orders_max + 1) * sizeof(struct order_node));
    slot_index_init(&pool->index, at, at + slot_index_region(orders_max), orders_max);
    at += 2 * slot_index_region(orders_max);
    slot_index_init(&pool->waiting_index, at, at + slot_index_region(waiting), waiting);
    at += 2 * slot_index_region(waiting);
    pool->far = (struct far_level *)at;
    at += round_line(((size_t)far_max + 1) * sizeof(struct far_level));
    pool->terms = (struct order_terms *)at;
    at += round_line(((size_t)orders_max + 1) * sizeof(struct order_terms));
    pool->groups = (struct trail_group *)at;
    pool->groups_capacity = groups_max(orders_max);
    pool->capacity = orders_max;
    pool->far_capacity = far_max;
    return pool;
}

static uint32_t node_get(struct order_pool *pool, uint64_t ref, bool waits)
{
    ASSERT(pool->count < pool->capacity);
    VERIFY(order_pool_find(pool, ref) == 0);
    uint32_t slot = pool->free_head;
    if (slot)
        pool->free_head = pool->nodes[slot].next;
    else
        slot = ++pool->high;
    pool->count++;
    pool->nodes[slot].ref = ref;
    pool->nodes[slot].flags = waits ? NODE_WAITING : 0;
    return slot;
}

uint32_t order_pool_get(struct order_pool *pool, uint64_t ref)
{
    uint32_t slot = node_get(pool, ref, false);
    slot_index_insert(&pool->index, order_pool_hash(ref), slot);
    return slot;
}

uint32_t order_pool_get_waiting(struct order_pool *pool, uint64_t ref)
{
    uint32_t slot = node_get(pool, ref, true);
    slot_index_insert(&pool->waiting_index, order_pool_hash(ref), slot);
    return slot;
}

void order_pool_wake(struct order_pool *pool, uint32_t slot)
{
    struct order_node *node = &pool->nodes[slot];
    uint32_t hash = order_pool_hash(node->ref);
    ASSERT(node->flags & NODE_WAITING);
    slot_index_remove(&pool->waiting_index, hash, slot);
    slot_index_insert(&pool->index, hash, slot);
    node->flags &= (uint8_t)~NODE_WAITING;
}

void order_pool_put(struct order_pool *pool, uint32_t slot)
{
    ASSERT(slot > 0 && slot <= pool->high);
    struct order_node *node = &pool->nodes[slot];
    bool waits = node->flags & NODE_WAITING;
    slot_index_remove(waits ? &pool->waiting_index : &pool->index, order_pool_hash(node->ref),
                      slot);
    node->ref = 0;
    node->next = pool->free_head;
    pool->free_head = slot;
    pool->count--;
}

void order_pool_rename(struct order_pool *pool, uint32_t slot, uint64_t ref)
{
    struct order_node *node = &pool->nodes[slot];
    ASSERT(!(node->flags & NODE_WAITING));
    slot_index_remove(&pool->index, order_pool_hash(node->ref), slot);
    node->ref = ref;
    slot_index_insert(&pool->index, order_pool_hash(ref), slot);
}

uint32_t far_level_get(struct order_pool *pool)
{
    ASSERT(pool->far_count < pool->far_capacity);
    uint32_t far = pool->far_free;
    if (far)
        pool->far_free = pool->far[far].left;
    else
        far = ++pool->far_high;
    pool->far_count++;
    return far;
}

void far_level_put(struct order_pool *pool, uint32_t far)
{
    ASSERT(far > 0 && far <= pool->far_high);
    pool->far[far].left = pool->far_free;
    pool->far_free = far;
    pool->far_count--;
}

uint32_t trail_group_get(struct order_pool *pool)
{
    ASSERT(pool->groups_count < pool->groups_capacity);
    uint32_t group = pool->groups_free;
    if (group)
        pool->groups_free = pool->groups[group].next;
    else
        group = ++pool->groups_high;
    pool->groups_count++;
    return group;
}

void trail_group_put(struct order_pool *pool, uint32_t group)
{
    ASSERT(group > 0 && group <= pool->groups_high);
    pool->groups[group].next = pool->groups_free;
    pool->groups_free = group;
    pool->groups_count--;
}
