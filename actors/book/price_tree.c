#include "actors/book/price_tree.h"

/* Splits `root` into prices < price and prices >= price. */
static void split(struct order_pool *pool, uint32_t root, int64_t price, uint32_t *low,
                  uint32_t *high)
{
    while (root) { /* top-down: hang each half at the place that waits for it */
        struct far_level *node = &pool->far[root];
        if (node->price_ticks < price) {
            *low = root;
            low = &node->right;
            root = node->right;
        } else {
            *high = root;
            high = &node->left;
            root = node->left;
        }
    }
    *low = *high = 0;
}

/* Where the search goes on from a node that is not the one. */
static uint32_t *towards(struct far_level *node, int64_t price)
{
    return price < node->price_ticks ? &node->left : &node->right;
}

uint32_t price_tree_find(const struct order_pool *pool, uint32_t root, int64_t price)
{
    while (root && pool->far[root].price_ticks != price)
        root = *towards(&pool->far[root], price);
    return root;
}

uint32_t price_tree_insert(struct order_pool *pool, uint32_t *root, int64_t price)
{
    uint32_t fresh = far_level_get(pool);
    struct far_level *node = &pool->far[fresh];
    *node =
        (struct far_level){.price_ticks = price, .priority = (uint32_t)hash_mix((uint64_t)price)};
    while (*root && pool->far[*root].priority >= node->priority)
        root = towards(&pool->far[*root], price);
    split(pool, *root, price, &node->left, &node->right);
    *root = fresh;
    return fresh;
}

uint32_t price_tree_remove(struct order_pool *pool, uint32_t *root, int64_t price)
{
    while (pool->far[*root].price_ticks != price) {
        root = towards(&pool->far[*root], price);
        ASSERT(*root != 0);
    }
    uint32_t gone = *root, left = pool->far[gone].left, right = pool->far[gone].right;
    while (left && right) { /* merge the halves, higher priority on top */
        if (pool->far[left].priority >= pool->far[right].priority) {
            *root = left;
            root = &pool->far[left].right;
            left = *root;
        } else {
            *root = right;
            root = &pool->far[right].left;
            right = *root;
        }
    }
    *root = left ? left : right;
    far_level_put(pool, gone);
    return gone;
}

uint32_t price_tree_lowest(const struct order_pool *pool, uint32_t root)
{
    while (root && pool->far[root].left)
        root = pool->far[root].left;
    return root;
}

uint32_t price_tree_highest(const struct order_pool *pool, uint32_t root)
{
    while (root && pool->far[root].right)
        root = pool->far[root].right;
    return root;
}

bool price_tree_lowest_from(const struct order_pool *pool, uint32_t root, int64_t price,
                            int64_t *found)
{
    bool any = false;
    while (root) {
        const struct far_level *node = &pool->far[root];
        if (node->price_ticks >= price) {
            *found = node->price_ticks;
            any = true;
            root = node->left;
        } else {
            root = node->right;
        }
    }
    return any;
}

bool price_tree_highest_below(const struct order_pool *pool, uint32_t root, int64_t price,
                              int64_t *found)
{
    bool any = false;
    while (root) {
        const struct far_level *node = &pool->far[root];
        if (node->price_ticks < price) {
            *found = node->price_ticks;
            any = true;
            root = node->right;
        } else {
            root = node->left;
        }
    }
    return any;
}
