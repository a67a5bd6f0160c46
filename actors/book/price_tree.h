/* price_tree.h - levels ordered by price, for prices that lie anywhere: a treap of the pool's far
 * levels, whose shape is a function of the prices in it.
 *
 * Thread:  owner only (the market shard).
 * Roots:   a tree is its root, 0 when it is empty; a level is its number in the pool.
 */
#ifndef PRICE_TREE_H
#define PRICE_TREE_H

#include "actors/book/order_pool.h"

/* The level at the price, or 0. */
uint32_t price_tree_find(const struct order_pool *pool, uint32_t root, int64_t price);

/* Adds an empty level at a price that has none. The caller checked the room. O(log levels). */
uint32_t price_tree_insert(struct order_pool *pool, uint32_t *root, int64_t price);

/* Takes out the level at the price, which is there, and gives it back; returns its number. */
uint32_t price_tree_remove(struct order_pool *pool, uint32_t *root, int64_t price);

/* The level of the lowest, the highest price, or 0. */
uint32_t price_tree_lowest(const struct order_pool *pool, uint32_t root);
uint32_t price_tree_highest(const struct order_pool *pool, uint32_t root);

/* Lowest price >= `price`, highest price < `price`; false when there is none. */
bool price_tree_lowest_from(const struct order_pool *pool, uint32_t root, int64_t price,
                            int64_t *found);
bool price_tree_highest_below(const struct order_pool *pool, uint32_t root, int64_t price,
                              int64_t *found);

#endif
