/* Lists of orders: OCO, OTO, OTOCO. A list is taken or refused whole, and is done when none of its
 * orders is open. Two orders of a pair have one hold, the larger of what they need, which either
 * may have until one acts: then it is that one's. What is pending holds nothing until the working
 * order is filled. */
#include <string.h>

#include "actors/ledger/ledger_impl.h"

enum { LIST_SHARD_BITS = 10 }; /* of an id: queries name no symbol, so it is unique over shards */

/* ---- finding ---- */

uint32_t ledger_find_list(const struct ledger *ledger, uint64_t id)
{
    uint32_t slot;
    SLOT_INDEX_EACH(&ledger->by_list, (uint32_t)hash_mix(id), slot)
    {
        if (ledger->lists[slot].id == id)
            break;
    }
    return slot;
}

bool ledger_list_is_named(const struct ledger_list *list, const char *id, uint8_t length)
{
    return list->client_length == length && memcmp(list->client_id, id, length) == 0;
}

/* The last one of a chain of lists that has the client id. */
static uint32_t find_in(const struct ledger *ledger, uint32_t at, const char *id, uint8_t length)
{
    uint32_t found = 0;
    for (; at; at = ledger->lists[at].next)
        if (ledger_list_is_named(&ledger->lists[at], id, length))
            found = at;
    return found;
}

uint32_t ledger_find_list_named(const struct ledger *ledger, uint32_t user, const char *id,
                                uint8_t length)
{
    const struct ledger_user *owner = &ledger->users[user];
    uint32_t open = find_in(ledger, owner->lists_head, id, length);
    return open ? open : find_in(ledger, owner->list_done_head, id, length);
}

struct ledger_list *ledger_list(struct ledger *ledger, uint32_t slot)
{
    ASSERT(slot > 0 && slot <= ledger->list_pool.high);
    return &ledger->lists[slot];
}

uint32_t ledger_list_slot(const struct ledger *ledger, const struct ledger_list *list)
{
    return (uint32_t)(list - ledger->lists);
}

struct ledger_list *ledger_list_of(struct ledger *ledger, const struct ledger_order *order)
{
    uint32_t slot = order->list_id ? ledger_find_list(ledger, order->list_id) : 0;
    return slot ? ledger_list(ledger, slot) : NULL;
}

uint32_t ledger_list_place(const struct ledger_list *list, const struct ledger_order *order)
{
    uint32_t place = 0;
    while (place < list_orders(list->kind) && list->order[place].ref != order->ref)
        place++;
    ASSERT(place < list_orders(list->kind));
    return place;
}

/* ---- a new list: checks, then its orders ---- */

/* Where the order would begin to act; 0: nobody can say, for it trails the price. */
static int64_t acts_at(const struct ledger_new *order)
{
    return type_waits(order->type) ? order->stop_atoms : order->price_atoms;
}

/* Of a pair: the stop-loss leg is to be reached by a price that moves against the user, the other
 * one by one that moves for them. */
static bool prices_apart(const struct ledger_new *stop, const struct ledger_new *other)
{
    int64_t loss = acts_at(stop), gain = acts_at(other);
    return !loss || !gain || (stop->side == SIDE_SELL ? gain > loss : gain < loss);
}

static bool names_differ(const struct ledger_new_list *list)
{
    for (uint32_t i = 1; i < list_orders(list->kind); i++)
        for (uint32_t j = 0; j < i; j++)
            if (list->order[i].client_length == list->order[j].client_length &&
                memcmp(list->order[i].client_id, list->order[j].client_id,
                       list->order[i].client_length) == 0)
                return false;
    return true;
}

/* MAX_NUM_ORDER_LISTS and the exchange's. O(open lists of the user). */
static enum reject check_lists(const struct ledger *ledger, uint32_t user, uint16_t symbol)
{
    uint32_t most = ledger->symbols[symbol].limits.order_lists, here = 0;
    uint32_t at = most ? ledger->users[user].lists_head : 0;
    for (; at; at = ledger->lists[at].next)
        here += ledger->lists[at].symbol == symbol;
    if (most && here >= most)
        return REJECT_MAX_NUM_ORDER_LISTS;
    if (ledger->exchange.order_lists && ledger->users[user].lists >= ledger->exchange.order_lists)
        return REJECT_EXCHANGE_MAX_NUM_ORDER_LISTS;
    return REJECT_NONE;
}

static enum reject check_orders(const struct ledger *ledger, uint32_t user,
                                const struct ledger_new_list *list, struct ledger_plan *plan)
{
    struct list_part part = {0};
    enum reject funds = REJECT_NONE;
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        part.pending = list_has_phases(list->kind) && i > 0;
        enum reject reject = ledger_check_part(ledger, user, &list->order[i], &part, &plan[i]);
        if (reject != REJECT_NONE && reject != REJECT_NO_FUNDS)
            return reject;
        if (reject != REJECT_NONE)
            funds = reject;
        part.rests += (plan[i].flags & ORDER_CAN_REST) != 0;
        part.algo += type_waits(list->order[i].type);
        part.iceberg += list->order[i].iceberg_atoms != 0;
    }
    return funds;
}

enum reject ledger_check_list(const struct ledger *ledger, uint32_t user,
                              const struct ledger_new_list *list,
                              struct ledger_plan plan[static LIST_ORDERS_MAX])
{
    uint32_t count = list_orders(list->kind);
    enum reject funds = check_orders(ledger, user, list, plan), counts;
    if (funds != REJECT_NONE && funds != REJECT_NO_FUNDS)
        return funds;
    if (list->kind != LIST_OTO && !prices_apart(&list->order[count - 2], &list->order[count - 1]))
        return REJECT_PAIR_PRICES;
    if (!names_differ(list) ||
        find_in(ledger, ledger->users[user].lists_head, list->client_id, list->client_length))
        return REJECT_DUPLICATE_ORDER;
    counts = check_lists(ledger, user, list->order[0].symbol);
    if (counts != REJECT_NONE)
        return counts;
    if (ledger->limits.open_orders - ledger->open < count ||
        pool_full(&ledger->order_pool, count) || pool_full(&ledger->list_pool, 1))
        return REJECT_LIMIT;
    return funds;
}

static void push_open(struct ledger *ledger, uint32_t slot)
{
    struct ledger_list *list = &ledger->lists[slot];
    struct ledger_user *user = &ledger->users[list->user];
    list->prev = user->lists_tail;
    list->next = 0;
    if (user->lists_tail)
        ledger->lists[user->lists_tail].next = slot;
    else
        user->lists_head = slot;
    user->lists_tail = slot;
    user->lists++;
    ledger->lists_open++;
}

static void push_done(struct ledger *ledger, uint32_t slot)
{
    struct ledger_list *list = &ledger->lists[slot];
    struct ledger_user *user = &ledger->users[list->user];
    list->prev = list->next = 0;
    if (user->list_done_tail)
        ledger->lists[user->list_done_tail].next = slot;
    else
        user->list_done_head = slot;
    user->list_done_tail = slot;
    user->lists_done++;
}

static uint32_t make(struct ledger *ledger, const struct ledger_list *values)
{
    uint32_t slot = pool_get(&ledger->list_pool, ledger->lists[ledger->list_pool.free].next);
    ledger->lists[slot] = *values;
    slot_index_insert(&ledger->by_list, (uint32_t)hash_mix(values->id), slot);
    return slot;
}

void ledger_list_append(struct ledger *ledger, const struct ledger_list *values)
{
    uint32_t slot = make(ledger, values);
    if (values->done)
        push_done(ledger, slot);
    else
        push_open(ledger, slot);
}

uint32_t ledger_place_list(struct ledger *ledger, uint32_t user,
                           const struct ledger_new_list *asked,
                           const struct ledger_plan plan[static LIST_ORDERS_MAX], int64_t ts_us)
{
    struct ledger_list list = {.id =
                                   ++ledger->list_counter << LIST_SHARD_BITS | ledger->limits.shard,
                               .user = user,
                               .symbol = asked->order[0].symbol,
                               .kind = asked->kind,
                               .client_length = asked->client_length};
    struct ledger_plan plans[LIST_ORDERS_MAX];
    memcpy(plans, plan, sizeof plans);
    memcpy(list.client_id, asked->client_id, asked->client_length);
    if (!list_has_phases(asked->kind)) {
        if (plans[0].hold_atoms < plans[1].hold_atoms)
            plans[0].hold_atoms = plans[1].hold_atoms;
        plans[1].hold_atoms = 0;
        plans[0].flags |= ORDER_SHARED;
        plans[1].flags |= ORDER_SHARED;
    }
    for (uint32_t i = 0; i < list_orders(asked->kind); i++) {
        uint32_t slot = ledger_place(ledger, user, &asked->order[i], &plans[i], ts_us);
        struct ledger_order *order = &ledger->orders[slot];
        order->list_id = list.id;
        list.order[i].ref = order->ref;
        list.order[i].client_length = order->client_length;
        memcpy(list.order[i].client_id, order->client_id, order->client_length);
        list.open++;
    }
    uint32_t slot = make(ledger, &list);
    push_open(ledger, slot);
    return slot;
}

/* ---- what becomes of it ---- */

void ledger_list_learn(struct ledger *ledger, const struct ledger_order *order)
{
    uint32_t slot = order->list_id ? ledger_find_list(ledger, order->list_id) : 0;
    if (!slot)
        return;
    struct ledger_list *list = &ledger->lists[slot];
    struct ledger_list_order *of = &list->order[ledger_list_place(list, order)];
    of->order_id = order->order_id;
    of->client_length = order->client_length;
    memcpy(of->client_id, order->client_id, order->client_length);
}

void ledger_list_left(struct ledger *ledger, const struct ledger_order *order)
{
    uint32_t slot = ledger_find_list(ledger, order->list_id);
    ASSERT(slot != 0 && ledger->lists[slot].open > 0);
    ledger->lists[slot].open--;
}

void ledger_list_start(struct ledger *ledger, uint32_t slot, int64_t ts_us)
{
    struct ledger_list *list = &ledger->lists[slot];
    ASSERT(!list->started);
    list->started = true;
    list->time_us = ts_us;
    if (!list_has_phases(list->kind))
        return;
    uint32_t working =
        ledger_find_order_id(ledger, list->user, list->symbol, list->order[0].order_id);
    ASSERT(working != 0);
    for (uint32_t i = 1; i < list_orders(list->kind); i++) {
        uint32_t pending = ledger_find_ref(ledger, list->order[i].ref);
        ASSERT(pending != 0);
        /* Of the market's time, as its id is: a page by time is one by id, too. */
        ledger_order_learn_id(ledger, pending, list->order[0].order_id + i,
                              ledger->orders[working].time_us);
        ledger->orders[pending].status = ORDER_PENDING;
    }
}

void ledger_list_todo(struct ledger *ledger, uint32_t slot)
{
    struct ledger_list *list = &ledger->lists[slot];
    uint32_t at = ledger_find_order_id(ledger, list->user, list->symbol, list->order[0].order_id);
    ASSERT(at != 0 && list->phase == LIST_FIRST);
    const struct ledger_order *working = &ledger->orders[at];
    __int128 base = (__int128)working->executed_lots * ledger->symbols[list->symbol].spec.lot_atoms;
    if (base) /* a forged journal may fill an order without a trade */
        list->price_atoms = (int64_t)((__int128)working->cum_quote * MONEY_ATOMS_PER_UNIT / base);
    list->phase = LIST_TODO;
}

/* The pending order as it was asked for. */
static struct ledger_new asked_for(const struct ledger *ledger, const struct ledger_list *list,
                                   const struct ledger_order *order)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    const struct ledger_terms *terms = ledger_terms(ledger, order);
    return (struct ledger_new){.symbol = order->symbol,
                               .side = order->side,
                               .type = order->type,
                               .tif = order->tif,
                               .price_atoms = order->price_ticks * symbol->spec.tick_atoms,
                               .qty_atoms = order->qty_lots * symbol->spec.lot_atoms,
                               .hint_atoms = list->price_atoms,
                               .stop_atoms = terms->stop_ticks * symbol->spec.tick_atoms,
                               .trail_bips = terms->trail_bips};
}

enum reject ledger_list_fund(struct ledger *ledger, uint32_t slot)
{
    struct ledger_list *list = &ledger->lists[slot];
    uint32_t count = list_orders(list->kind);
    struct ledger_order *order[LIST_ORDERS_MAX];
    int64_t hold = 0, free = 0;
    ASSERT(list->phase == LIST_TODO);
    for (uint32_t i = 1; i < count; i++) {
        order[i] = &ledger->orders[ledger_find_ref(ledger, list->order[i].ref)];
        const struct ledger_new asked = asked_for(ledger, list, order[i]);
        struct ledger_plan plan = {.price_ticks = order[i]->price_ticks,
                                   .qty_lots = order[i]->qty_lots};
        free = ledger_free(ledger, list->user, ledger_pays_with(ledger, order[i]));
        enum reject reject = ledger_plan_hold(&ledger->symbols[list->symbol], &asked, free, &plan);
        if (reject != REJECT_NONE)
            return reject;
        if (hold < plan.hold_atoms)
            hold = plan.hold_atoms;
        order[i]->flags |= plan.flags & ORDER_HELD_ALL;
    }
    if (hold > free)
        return REJECT_NO_FUNDS;
    for (uint32_t i = 1; count == 3 && i < count; i++)
        order[i]->flags |= ORDER_SHARED;
    ledger_hold_take(ledger, order[1], hold);
    list->phase = LIST_SECOND;
    return REJECT_NONE;
}

void ledger_end_pending(struct ledger *ledger, uint32_t slot, enum order_status status,
                        enum order_expiry expiry, int64_t ts_us)
{
    struct ledger_order *order = &ledger->orders[slot];
    ASSERT(order->held == 0 || expiry == EXPIRY_REJECTED);
    order->expiry = (uint8_t)expiry;
    order->updated_us = ts_us;
    ledger_end_order(ledger, slot, status);
}

static void forget(struct ledger *ledger, uint32_t slot)
{
    struct ledger_list *list = &ledger->lists[slot];
    slot_index_remove(&ledger->by_list, (uint32_t)hash_mix(list->id), slot);
    list->id = 0;
    pool_put(&ledger->list_pool, slot, &list->next);
}

static void evict(struct ledger *ledger, struct ledger_user *user)
{
    uint32_t oldest = user->list_done_head;
    user->list_done_head = ledger->lists[oldest].next;
    if (!user->list_done_head)
        user->list_done_tail = 0;
    user->lists_done--;
    forget(ledger, oldest);
}

void ledger_list_end(struct ledger *ledger, uint32_t slot, int64_t ts_us)
{
    struct ledger_list *list = &ledger->lists[slot];
    struct ledger_user *user = &ledger->users[list->user];
    ASSERT(list->open == 0 && !list->done);
    if (list->prev)
        ledger->lists[list->prev].next = list->next;
    else
        user->lists_head = list->next;
    if (list->next)
        ledger->lists[list->next].prev = list->prev;
    else
        user->lists_tail = list->prev;
    user->lists--;
    ledger->lists_open--;
    if (!list->started) {
        forget(ledger, slot);
        return;
    }
    list->done = true;
    list->time_us = ts_us;
    push_done(ledger, slot);
    while (user->lists_done > 1 &&
           (user->lists_done > ledger->limits.done_orders ||
            ledger->list_pool.count - ledger->lists_open > ledger->limits.history))
        evict(ledger, user);
}

/* ---- the hold of a pair ---- */

/* The other one of its pair while neither has acted, or NULL. */
static struct ledger_order *sharer(const struct ledger *ledger, const struct ledger_order *order)
{
    uint32_t slot = ledger_find_list(ledger, order->list_id);
    ASSERT(slot != 0);
    const struct ledger_list *list = &ledger->lists[slot];
    uint32_t last = list_orders(list->kind) - 1;
    uint32_t other = ledger_list_place(list, order) == last ? last - 1 : last;
    uint32_t at = ledger_find_ref(ledger, list->order[other].ref);
    return at && (ledger->orders[at].flags & ORDER_SHARED) ? &ledger->orders[at] : NULL;
}

int64_t ledger_hold_of(const struct ledger *ledger, const struct ledger_order *order)
{
    const struct ledger_order *other = order->flags & ORDER_SHARED ? sharer(ledger, order) : NULL;
    return order->held + (other ? other->held : 0);
}

void ledger_share_take(struct ledger *ledger, struct ledger_order *order)
{
    struct ledger_order *other = sharer(ledger, order);
    if (!other) /* it has acted: this one is on its end */
        return;
    order->held += other->held;
    other->held = 0;
    order->flags &= (uint8_t)~ORDER_SHARED;
    ledger_hold_left(ledger, order);
}

void ledger_share_leave(struct ledger *ledger, struct ledger_order *order)
{
    struct ledger_order *other = sharer(ledger, order);
    order->flags &= (uint8_t)~ORDER_SHARED;
    if (!other)
        return;
    other->held += order->held;
    order->held = 0;
    other->flags &= (uint8_t)~ORDER_SHARED;
    ledger_hold_left(ledger, other);
}

void ledger_share_trim(struct ledger *ledger, struct ledger_order *order)
{
    struct ledger_order *other = sharer(ledger, order);
    int64_t needed = ledger_hold_needed(ledger, order), others;
    if (!other)
        return;
    others = ledger_hold_needed(ledger, other);
    needed = needed < others ? others : needed;
    order->held += other->held;
    other->held = 0;
    if (needed < order->held)
        ledger_hold_release(ledger, order, needed);
}

bool ledger_share_is_right(const struct ledger *ledger, const struct ledger_order *order)
{
    const struct ledger_order *other = sharer(ledger, order);
    if (!other)
        return order->held == 0;
    int64_t needed = ledger_hold_needed(ledger, order), others = ledger_hold_needed(ledger, other);
    int64_t most = needed < others ? others : needed;
    return order->due == 0 && (most == INT64_MAX || order->held + other->held == most);
}

/* ---- checks ---- */

static void verify_list(const struct ledger *ledger, uint32_t slot)
{
    const struct ledger_list *list = &ledger->lists[slot];
    uint32_t open = 0;
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        uint32_t at = ledger_find_ref(ledger, list->order[i].ref);
        if (!at)
            continue;
        const struct ledger_order *order = &ledger->orders[at];
        ASSERT(order->list_id == list->id && order->symbol == list->symbol &&
               order->user == list->user && order->order_id == list->order[i].order_id);
        open++;
    }
    ASSERT(open == list->open && list->done == (open == 0));
    ASSERT(ledger_find_list(ledger, list->id) == slot);
}

void ledger_lists_verify(const struct ledger *ledger, uint32_t user)
{
    const struct ledger_user *owner = &ledger->users[user];
    uint32_t open = 0, done = 0;
    for (uint32_t at = owner->lists_head; at; at = ledger->lists[at].next, open++)
        verify_list(ledger, at);
    for (uint32_t at = owner->list_done_head; at; at = ledger->lists[at].next, done++)
        verify_list(ledger, at);
    ASSERT(open == owner->lists && done == owner->lists_done);
}

uint64_t ledger_list_hash(uint64_t hash, const struct ledger_list *list)
{
    hash = hash_fold(hash_fold(hash, list->id), (uint64_t)list->time_us);
    hash = hash_fold(hash_fold(hash, (uint64_t)list->price_atoms), list->cancel_tag != 0);
    hash = hash_fold(hash, (uint64_t)list->symbol << 48 | (uint64_t)list->kind << 40 |
                               (uint64_t)list->phase << 32 | (uint64_t)list->open << 24 |
                               (uint64_t)list->cancel_half << 16 | (uint64_t)list->started << 8 |
                               list->done);
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        hash = hash_fold(hash_fold(hash, list->order[i].ref), list->order[i].order_id);
        hash = hash_bytes(hash, list->order[i].client_id, list->order[i].client_length);
    }
    return hash_bytes(hash, list->client_id, list->client_length);
}
