#include "actors/book/trigger.h"

#include "actors/book/book_impl.h"
#include "actors/book/price_tree.h"

enum { BIPS = 10000 };

/* Who trails follows first, so that one that begins at this trade is the least extreme. */
enum fire_phase { FIRE_FOLLOW, FIRE_ABOVE, FIRE_BELOW, FIRE_TRAILS, FIRE_DONE };

void triggers_init(struct triggers *triggers)
{
    triggers->quiet_low = INT64_MIN;
    triggers->quiet_high = INT64_MAX;
}

/* ---- lists: by prev and next of the nodes ---- */

static void list_append(struct order_pool *pool, uint32_t *head, uint32_t *tail, uint32_t slot)
{
    pool->nodes[slot].prev = *tail;
    pool->nodes[slot].next = 0;
    if (*tail)
        pool->nodes[*tail].next = slot;
    else
        *head = slot;
    *tail = slot;
}

static void list_remove(struct order_pool *pool, uint32_t *head, uint32_t *tail, uint32_t slot)
{
    struct order_node *node = &pool->nodes[slot];
    if (node->prev)
        pool->nodes[node->prev].next = node->next;
    else
        *head = node->next;
    if (node->next)
        pool->nodes[node->next].prev = node->prev;
    else
        *tail = node->prev;
}

/* ---- stops ---- */

static enum trigger_way way_of(const struct order_node *node, const struct order_terms *terms)
{
    bool above = terms->stop_ticks == 0 || type_waits_above(terms->type, node->side);
    return above ? TRIGGER_ABOVE : TRIGGER_BELOW;
}

static void stop_add(struct book *book, uint32_t slot)
{
    struct order_pool *pool = book->pool;
    struct order_node *node = &pool->nodes[slot];
    const struct order_terms *terms = &pool->terms[slot];
    uint32_t *root = &book->triggers.stops[way_of(node, terms)];
    node->far = price_tree_find(pool, *root, terms->stop_ticks);
    if (!node->far) {
        node->far = price_tree_insert(pool, root, terms->stop_ticks);
        pool->triggers++;
    }
    struct level *level = &pool->far[node->far].level;
    list_append(pool, &level->head, &level->tail, slot);
}

static void stop_remove(struct book *book, uint32_t slot)
{
    struct order_pool *pool = book->pool;
    struct order_node *node = &pool->nodes[slot];
    const struct order_terms *terms = &pool->terms[slot];
    struct level *level = &pool->far[node->far].level;
    list_remove(pool, &level->head, &level->tail, slot);
    if (!level->head) {
        price_tree_remove(pool, &book->triggers.stops[way_of(node, terms)], terms->stop_ticks);
        pool->triggers--;
    }
    node->far = 0;
}

/* ---- trails ---- */

/* The side that follows the price upwards sells. */
static bool more_extreme(uint32_t side, int64_t price, int64_t than)
{
    return side == SIDE_SELL ? price > than : price < than;
}

/* Whether an order with this extreme fires at the price. */
static bool trail_met(uint32_t side, int64_t extreme, uint16_t bips, int64_t price)
{
    __int128 scaled = (__int128)price * BIPS;
    return side == SIDE_SELL ? scaled <= (__int128)extreme * (BIPS - bips)
                             : scaled >= (__int128)extreme * (BIPS + bips);
}

/* The first whole tick at which it does. */
static int64_t trail_stop(uint32_t side, int64_t extreme, uint16_t bips)
{
    if (side == SIDE_SELL)
        return (int64_t)((__int128)extreme * (BIPS - bips) / BIPS);
    __int128 stop = ((__int128)extreme * (BIPS + bips) + BIPS - 1) / BIPS;
    return stop > INT64_MAX ? INT64_MAX : (int64_t)stop;
}

static int64_t extreme_of(const struct order_pool *pool, uint32_t bucket)
{
    return pool->far[bucket].price_ticks;
}

/* The group, or 0; *link is where it hangs, or would. */
static uint32_t group_find(struct book *book, uint32_t side, uint16_t bips, uint32_t **link)
{
    struct order_pool *pool = book->pool;
    *link = &book->triggers.groups[side];
    while (**link && pool->groups[**link].bips < bips)
        *link = &pool->groups[**link].next;
    return **link && pool->groups[**link].bips == bips ? **link : 0;
}

static void group_join(struct book *book, uint32_t slot)
{
    struct order_pool *pool = book->pool;
    struct order_terms *terms = &pool->terms[slot];
    uint32_t *link, group = group_find(book, pool->nodes[slot].side, terms->trail_bips, &link);
    if (!group) {
        group = trail_group_get(pool);
        pool->groups[group] = (struct trail_group){.next = *link, .bips = terms->trail_bips};
        *link = group;
    }
    pool->groups[group].members++;
    terms->group = group;
}

static void group_quit(struct book *book, uint32_t slot)
{
    struct order_pool *pool = book->pool;
    uint32_t group = pool->terms[slot].group, *link;
    if (--pool->groups[group].members)
        return;
    ASSERT(group_find(book, pool->nodes[slot].side, pool->groups[group].bips, &link) == group);
    *link = pool->groups[group].next;
    trail_group_put(pool, group);
}

static void bucket_put(struct order_pool *pool, uint32_t bucket)
{
    far_level_put(pool, bucket);
    pool->triggers--;
}

/* The order begins to trail, with the price as its extreme; none in its group has a lesser one. */
static void trail_begin(struct book *book, uint32_t slot, int64_t extreme)
{
    struct order_pool *pool = book->pool;
    struct order_node *node = &pool->nodes[slot];
    struct trail_group *group = &pool->groups[pool->terms[slot].group];
    node->flags |= NODE_TRACKING;
    node->far = 0;
    list_append(pool, &group->head, &group->tail, slot);
    if (group->last && extreme_of(pool, group->last) == extreme)
        return;
    ASSERT(!group->last || more_extreme(node->side, extreme_of(pool, group->last), extreme));
    uint32_t bucket = far_level_get(pool);
    pool->triggers++;
    pool->far[bucket] =
        (struct far_level){.price_ticks = extreme, .level.head = slot, .left = group->last};
    if (group->last)
        pool->far[group->last].right = bucket;
    else
        group->first = bucket;
    group->last = bucket;
    node->far = bucket;
    node->flags |= NODE_FIRST;
}

static void bucket_unlink(struct order_pool *pool, struct trail_group *group, uint32_t bucket)
{
    const struct far_level *gone = &pool->far[bucket];
    if (gone->left)
        pool->far[gone->left].right = gone->right;
    else
        group->first = gone->right;
    if (gone->right)
        pool->far[gone->right].left = gone->left;
    else
        group->last = gone->left;
    bucket_put(pool, bucket);
}

/* The bucket loses its first order: the next one is that now, unless it begins another bucket. */
static void bucket_shift(struct order_pool *pool, struct trail_group *group, uint32_t slot)
{
    struct order_node *node = &pool->nodes[slot];
    uint32_t bucket = node->far, next = node->next;
    if (next && !(pool->nodes[next].flags & NODE_FIRST)) {
        pool->far[bucket].level.head = next;
        pool->nodes[next].far = bucket;
        pool->nodes[next].flags |= NODE_FIRST;
        return;
    }
    bucket_unlink(pool, group, bucket);
}

static void trail_end(struct book *book, uint32_t slot)
{
    struct order_pool *pool = book->pool;
    struct order_node *node = &pool->nodes[slot];
    struct trail_group *group = &pool->groups[pool->terms[slot].group];
    if (node->flags & NODE_FIRST)
        bucket_shift(pool, group, slot);
    list_remove(pool, &group->head, &group->tail, slot);
    node->far = 0;
    node->flags &= (uint8_t) ~(NODE_TRACKING | NODE_FIRST);
}

/* ---- when the next trade matters ---- */

static void quiet_limit(struct triggers *triggers, bool above, int64_t price)
{
    if (above && price < triggers->quiet_high)
        triggers->quiet_high = price;
    if (!above && price > triggers->quiet_low)
        triggers->quiet_low = price;
}

static void quiet_refresh(struct book *book)
{
    struct order_pool *pool = book->pool;
    struct triggers *triggers = &book->triggers;
    triggers_init(triggers);
    uint32_t stop = price_tree_lowest(pool, triggers->stops[TRIGGER_ABOVE]);
    if (stop)
        quiet_limit(triggers, true, extreme_of(pool, stop));
    stop = price_tree_highest(pool, triggers->stops[TRIGGER_BELOW]);
    if (stop)
        quiet_limit(triggers, false, extreme_of(pool, stop));
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t at = triggers->groups[side]; at; at = pool->groups[at].next) {
            const struct trail_group *group = &pool->groups[at];
            bool sells = side == SIDE_SELL;
            if (!group->first)
                continue;
            int64_t last = extreme_of(pool, group->last);
            quiet_limit(triggers, sells, !sells ? last - 1 : last < INT64_MAX ? last + 1 : last);
            quiet_limit(triggers, !sells,
                        trail_stop(side, extreme_of(pool, group->first), group->bips));
        }
}

/* ---- waiting ---- */

bool trigger_is_met(const struct book *book, const struct book_cmd *cmd)
{
    int64_t stop = cmd_more(cmd)->stop_ticks;
    if (!stop || !book->last_price)
        return false;
    return type_waits_above(cmd->order_type, cmd->side) ? book->last_price >= stop
                                                        : book->last_price <= stop;
}

bool trigger_room(const struct book *book, const struct book_cmd *cmd)
{
    const struct order_pool *pool = book->pool;
    return pool->count < pool->capacity && order_pool_far_room(pool) > 2 &&
           (!cmd_more(cmd)->trail_bips || pool->groups_count < pool->groups_capacity);
}

static void enter(struct book *book, uint32_t slot)
{
    ASSERT(book->pool->nodes[slot].flags & NODE_WAITING);
    book->pool->waiting++;
    book->triggers.waiting++;
    if (book->pool->terms[slot].trail_bips)
        group_join(book, slot);
}

void trigger_wait(struct book *book, uint32_t slot)
{
    const struct order_terms *terms = &book->pool->terms[slot];
    enter(book, slot);
    if (terms->stop_ticks || !book->last_price)
        stop_add(book, slot);
    else
        trail_begin(book, slot, book->last_price);
    quiet_refresh(book);
}

/* Out of where it waits, but still counted among those that may need a level to rest in. */
static void take_out(struct book *book, uint32_t slot)
{
    if (book->pool->nodes[slot].flags & NODE_TRACKING)
        trail_end(book, slot);
    else
        stop_remove(book, slot);
    if (book->pool->terms[slot].trail_bips)
        group_quit(book, slot);
    book->triggers.waiting--;
}

void trigger_leave(struct book *book, uint32_t slot)
{
    take_out(book, slot);
    book->pool->waiting--;
    quiet_refresh(book);
}

bool trigger_restore(struct book *book, uint32_t slot, int64_t extreme)
{
    struct order_pool *pool = book->pool;
    uint32_t *link;
    uint16_t bips = pool->terms[slot].trail_bips;
    if (bips && pool->groups_count == pool->groups_capacity &&
        !group_find(book, pool->nodes[slot].side, bips, &link))
        return false;
    enter(book, slot);
    if (!extreme) {
        stop_add(book, slot);
        return true;
    }
    const struct trail_group *group = &pool->groups[pool->terms[slot].group];
    if (group->last && more_extreme(pool->nodes[slot].side, extreme, extreme_of(pool, group->last)))
        return false;
    trail_begin(book, slot, extreme);
    return true;
}

void trigger_restored(struct book *book)
{
    quiet_refresh(book);
}

/* ---- waking ---- */

/* Returns whether it was one of a pair, whose other one is then gone too. */
static bool fired(struct book *book, struct trigger_fire *fire, uint32_t slot,
                  struct book_events *out)
{
    bool paired = book->pool->nodes[slot].flags & NODE_PAIRED;
    take_out(book, slot);
    if (paired)
        pair_break(book, out, slot);
    list_append(book->pool, &fire->head, &fire->tail, slot);
    return paired;
}

/* The oldest order of the stop that is met first. */
static void stop_met(struct book *book, struct trigger_fire *fire, uint32_t stop,
                     struct book_events *out)
{
    struct order_pool *pool = book->pool;
    uint32_t slot = pool->far[stop].level.head;
    if (!pool->terms[slot].trail_bips) {
        fired(book, fire, slot, out);
        return;
    }
    stop_remove(book, slot);
    trail_begin(book, slot, fire->price);
}

static bool wake_stops(struct book *book, struct trigger_fire *fire, enum trigger_way way,
                       uint32_t *steps, struct book_events *out)
{
    struct order_pool *pool = book->pool;
    const uint32_t *root = &book->triggers.stops[way];
    for (;;) {
        uint32_t stop =
            way == TRIGGER_ABOVE ? price_tree_lowest(pool, *root) : price_tree_highest(pool, *root);
        if (!stop || (way == TRIGGER_ABOVE ? fire->price < extreme_of(pool, stop)
                                           : fire->price > extreme_of(pool, stop)))
            return true;
        if (*steps == 0)
            return false;
        (*steps)--;
        stop_met(book, fire, stop, out);
    }
}

/* The price is a new extreme for the last buckets of a group: they become one. */
static bool follow(struct order_pool *pool, struct trail_group *group, uint32_t side, int64_t price,
                   uint32_t *steps)
{
    uint32_t last = group->last;
    if (!last || !more_extreme(side, price, extreme_of(pool, last)))
        return true;
    for (;;) {
        uint32_t before = pool->far[last].left;
        if (!before || more_extreme(side, extreme_of(pool, before), price))
            break;
        if (*steps == 0)
            return false;
        (*steps)--;
        struct order_node *first = &pool->nodes[pool->far[last].level.head];
        first->flags &= (uint8_t)~NODE_FIRST;
        first->far = 0;
        bucket_unlink(pool, group, last);
        last = before;
    }
    pool->far[last].price_ticks = price;
    return true;
}

static bool wake_followers(struct book *book, int64_t price, uint32_t *steps)
{
    struct order_pool *pool = book->pool;
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t at = book->triggers.groups[side]; at; at = pool->groups[at].next)
            if (!follow(pool, &pool->groups[at], side, price, steps))
                return false;
    return true;
}

/* A group may go with its last order, so the next one is asked first; a pair may take another group
 * with it, so all are looked at again. */
static bool wake_trails(struct book *book, struct trigger_fire *fire, uint32_t side,
                        uint32_t *steps, struct book_events *out)
{
    struct order_pool *pool = book->pool;
    for (uint32_t at = book->triggers.groups[side], next; at; at = next) {
        struct trail_group *group = &pool->groups[at];
        next = group->next;
        while (group->first &&
               trail_met(side, extreme_of(pool, group->first), group->bips, fire->price)) {
            if (*steps == 0)
                return false;
            (*steps)--;
            bool last = group->members == 1;
            bool paired = fired(book, fire, group->head, out);
            if (paired)
                next = book->triggers.groups[side];
            if (last || paired)
                break;
        }
    }
    return true;
}

bool trigger_wake(struct book *book, struct trigger_fire *fire, uint32_t *steps,
                  struct book_events *out)
{
    for (; fire->phase < FIRE_DONE; fire->phase++) {
        bool done = true;
        switch (fire->phase) {
        case FIRE_ABOVE:
            done = wake_stops(book, fire, TRIGGER_ABOVE, steps, out);
            break;
        case FIRE_BELOW:
            done = wake_stops(book, fire, TRIGGER_BELOW, steps, out);
            break;
        case FIRE_FOLLOW:
            done = wake_followers(book, fire->price, steps);
            break;
        default:
            done = wake_trails(book, fire, SIDE_SELL, steps, out) &&
                   wake_trails(book, fire, SIDE_BUY, steps, out);
        }
        if (!done)
            return false;
    }
    quiet_refresh(book);
    return true;
}

/* ---- looking in ---- */

struct visit {
    const struct book *book;
    void (*each)(void *arg, const struct order_node *node, const struct order_terms *terms,
                 int64_t extreme);
    void *arg;
};

static void visit(const struct visit *visit, uint32_t slot, int64_t extreme)
{
    const struct order_pool *pool = visit->book->pool;
    visit->each(visit->arg, &pool->nodes[slot], &pool->terms[slot], extreme);
}

static void visit_stops(const struct visit *to, uint32_t root)
{
    const struct order_pool *pool = to->book->pool;
    int64_t from = 0, price;
    while (price_tree_lowest_from(pool, root, from, &price)) {
        uint32_t stop = price_tree_find(pool, root, price);
        for (uint32_t at = pool->far[stop].level.head; at; at = pool->nodes[at].next)
            visit(to, at, 0);
        if (price == INT64_MAX)
            break;
        from = price + 1;
    }
}

static void visit_group(const struct visit *to, const struct trail_group *group)
{
    const struct order_pool *pool = to->book->pool;
    int64_t extreme = 0;
    for (uint32_t at = group->head; at; at = pool->nodes[at].next) {
        if (pool->nodes[at].flags & NODE_FIRST)
            extreme = extreme_of(pool, pool->nodes[at].far);
        visit(to, at, extreme);
    }
}

void trigger_each(const struct book *book,
                  void (*each)(void *arg, const struct order_node *node,
                               const struct order_terms *terms, int64_t extreme),
                  void *arg)
{
    const struct visit to = {.book = book, .each = each, .arg = arg};
    for (uint32_t way = 0; way < TRIGGER_WAYS; way++)
        visit_stops(&to, book->triggers.stops[way]);
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t at = book->triggers.groups[side]; at; at = book->pool->groups[at].next)
            visit_group(&to, &book->pool->groups[at]);
}

struct count {
    const struct book *book;
    uint32_t orders, trailing;
};

static void verify_order(void *arg, const struct order_node *node, const struct order_terms *terms,
                         int64_t extreme)
{
    struct count *count = arg;
    const struct book *book = count->book;
    ASSERT(node->flags & NODE_WAITING);
    ASSERT(node->symbol == book->symbol && node->left_lots > 0);
    ASSERT(order_pool_find_in(book->pool, &book->pool->waiting_index, node->ref) ==
           (uint32_t)(node - book->pool->nodes));
    ASSERT(!!(node->flags & NODE_TRACKING) == (extreme != 0));
    ASSERT(!extreme || terms->trail_bips);
    ASSERT(type_waits(terms->type));
    if (terms->stop_ticks && !extreme && book->last_price && !book->busy)
        ASSERT(way_of(node, terms) == TRIGGER_ABOVE ? book->last_price < terms->stop_ticks
                                                    : book->last_price > terms->stop_ticks);
    count->orders++;
    count->trailing += terms->trail_bips != 0;
}

void trigger_verify(const struct book *book)
{
    const struct order_pool *pool = book->pool;
    struct count count = {.book = book};
    uint32_t members = 0;
    trigger_each(book, verify_order, &count);
    ASSERT(count.orders == book->triggers.waiting);
    ASSERT(pool->waiting_index.count <= pool->waiting);
    ASSERT(pool->index.count + pool->waiting_index.count == pool->count);
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t at = book->triggers.groups[side]; at; at = book->pool->groups[at].next) {
            const struct trail_group *group = &book->pool->groups[at];
            members += group->members;
            for (uint32_t bucket = group->first, next; bucket; bucket = next) {
                next = book->pool->far[bucket].right;
                ASSERT(book->pool->nodes[book->pool->far[bucket].level.head].far == bucket);
                ASSERT(!next || more_extreme(side, extreme_of(book->pool, bucket),
                                             extreme_of(book->pool, next)));
                ASSERT(next || group->last == bucket);
            }
        }
    ASSERT(members == count.trailing);
}
