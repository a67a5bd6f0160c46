/* What a user's watchers hear of an input (class 4, MSG_EVENT): one block for each ingress core
 * that has a watcher, made while the input is applied and sent at its end. Nothing here is state,
 * and nothing is made while nobody watches.
 *
 * Binance tells NEW before what else becomes of an order, so the first report on an order that was
 * on its way gives two. The last fill of an order by quote amount is known only by what comes
 * behind it: such a fill is told with the next report on its order, as the ledger has it. */
#include "actors/account_shard.h"

#include "actors/book/kinds.h"
#include "runtime/check.h"
#include "runtime/hash.h"

/* ---- what cancels under way call themselves ---- */

struct cancel_note {
    uint64_t tag; /* of the request */
    uint32_t next;
    uint16_t refused; /* of a Replace: why its new order is not tried; then its view is here */
    uint8_t length;
    char id[CLIENT_ID_BYTES];
    struct order_view order;
};

struct cancel_notes {
    uint32_t bucket[CANCEL_NOTES_MAX]; /* by tag */
    struct cancel_note note[CANCEL_NOTES_MAX + 1];
    uint32_t free, high, count;
};

static uint32_t *note_bucket(struct cancel_notes *notes, uint64_t tag)
{
    return &notes->bucket[hash_mix(tag) % CANCEL_NOTES_MAX];
}

static struct cancel_note *note_find(const struct account_shard *self, uint64_t tag)
{
    struct cancel_notes *notes = self->events.notes;
    uint32_t slot = notes->count ? *note_bucket(notes, tag) : 0;
    while (slot && notes->note[slot].tag != tag)
        slot = notes->note[slot].next;
    return slot ? &notes->note[slot] : NULL;
}

bool events_notes_room(const struct account_shard *self)
{
    return !self->events.watchers || self->events.notes->count < CANCEL_NOTES_MAX;
}

void events_note_cancel(struct account_shard *self, uint64_t tag, const struct request_find *cancel)
{
    struct cancel_notes *notes = self->events.notes;
    if (!self->events.watchers || !cancel->own_length)
        return;
    uint32_t slot = notes->free;
    if (slot)
        notes->free = notes->note[slot].next;
    else
        slot = ++notes->high;
    ASSERT(slot <= CANCEL_NOTES_MAX); /* the room was checked */
    notes->count++;
    uint32_t *bucket = note_bucket(notes, tag);
    struct cancel_note *note = &notes->note[slot];
    *note = (struct cancel_note){.tag = tag, .next = *bucket, .length = cancel->own_length};
    memcpy(note->id, cancel->own_id, cancel->own_length);
    *bucket = slot;
}

void events_note_refused(struct account_shard *self, uint64_t tag, uint32_t user,
                         const struct ledger_new *order, const struct ledger_plan *plan,
                         enum reject reject)
{
    struct cancel_note *note = note_find(self, tag);
    if (!note)
        return;
    struct ledger_order made = {.price_ticks = plan->price_ticks,
                                .qty_lots = order->by_quote ? 0 : plan->qty_lots,
                                .quote_atoms = order->by_quote ? order->quote_atoms : 0,
                                .user = user,
                                .symbol = order->symbol,
                                .side = order->side,
                                .type = order->type,
                                .tif = order->tif,
                                .stp = order->stp,
                                .client_length = order->client_length};
    memcpy(made.client_id, order->client_id, order->client_length);
    note->refused = (uint16_t)reject;
    order_view(self, &made, &note->order);
    note->order.strategy = order->strategy;
}

void events_forget(struct account_shard *self, uint64_t tag)
{
    struct cancel_notes *notes = self->events.notes;
    const struct cancel_note *note = tag ? note_find(self, tag) : NULL;
    if (!note)
        return;
    uint32_t slot = (uint32_t)(note - notes->note), *at = note_bucket(notes, tag);
    while (*at != slot)
        at = &notes->note[*at].next;
    *at = note->next;
    notes->note[slot].next = notes->free;
    notes->free = slot;
    notes->count--;
}

uint32_t events_notes(const struct account_shard *self)
{
    return self->events.notes->count;
}

/* ---- the input's events ---- */

uint32_t events_open(struct account_shard *self, uint32_t user)
{
    struct account_events *events = &self->events;
    events->watchers = exchange_watchers(self->shard.ex, user);
    if (!events->watchers)
        return 0;
    events->event.user = user;
    events->event.orders = events->event.balances = events->event.lists = 0;
    events->event.moved = events->first = false;
    return (uint32_t)__builtin_popcountll(events->watchers);
}

uint32_t events_open_report(struct account_shard *self, uint32_t slot)
{
    self->events.watchers = 0;
    if (!slot || !exchange_any_watched(self->shard.ex))
        return 0;
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    uint32_t cores = events_open(self, ledger_user(self->ledger, order->user)->id);
    self->events.first = order->status == ORDER_SENT || order->status == ORDER_PENDING;
    return cores;
}

/* The balance may have changed: it is told as it is at the end. */
static void touch(struct account_shard *self, uint16_t asset)
{
    struct user_event *event = &self->events.event;
    for (uint32_t i = 0; i < event->balances; i++)
        if (event->balance[i].asset == asset)
            return;
    ASSERT(event->balances < USER_EVENT_BALANCES);
    event->balance[event->balances++].asset = asset;
}

/* The asset that the order's hold is of. */
static void touch_hold(struct account_shard *self, const struct ledger_order *order)
{
    const struct ledger_symbol *symbol = ledger_symbol(self->ledger, order->symbol);
    touch(self, order->side == SIDE_BUY ? symbol->quote : symbol->base);
}

uint64_t events_first_id(const struct account_shard *self)
{
    return self->shard.seq * 4;
}

static struct order_event *add(struct account_shard *self, enum execution execution)
{
    struct user_event *event = &self->events.event;
    ASSERT(event->orders < USER_EVENT_ORDERS);
    struct order_event *added = &event->order[event->orders];
    *added = (struct order_event){.id = events_first_id(self) + event->orders,
                                  .execution = (uint8_t)execution};
    event->orders++;
    return added;
}

static struct order_event *add_order(struct account_shard *self, const struct ledger_order *order,
                                     enum execution execution)
{
    struct order_event *added = add(self, execution);
    order_view(self, order, &added->order);
    return added;
}

/* An order that was on its way is in the book, or was: as it came there. */
static void add_first(struct account_shard *self, const struct ledger_order *order)
{
    if (!self->events.first)
        return;
    self->events.first = false;
    struct order_view *view = &add_order(self, order, EXECUTION_NEW)->order;
    view->status = ORDER_NEW;
    view->executed = view->cum_quote = view->prevented = 0;
    view->prevented_id = 0;
    if (!(order->flags & ORDER_PENDED)) /* told of before */
        view->updated_us = view->time_us;
    view->trades = 0;
}

static void add_refused(struct account_shard *self, const struct order_view *view,
                        enum reject reject)
{
    struct order_event *added = add(self, EXECUTION_REJECTED);
    added->order = *view;
    added->order.updated_us = added->order.time_us = self->shard.last_ts_us;
    added->reject = (uint16_t)reject;
}

static void add_cancelled(struct account_shard *self, const struct ledger_order *order,
                          uint64_t tag)
{
    struct order_event *added = add_order(self, order, EXECUTION_CANCELED);
    struct cancel_note *note = tag ? note_find(self, tag) : NULL;
    if (!note) { /* it was under way before anybody watched */
        added->cancel_length = order->client_length;
        memcpy(added->cancel_id, order->client_id, order->client_length);
        return;
    }
    added->cancel_length = note->length;
    memcpy(added->cancel_id, note->id, note->length);
    if (note->refused == REJECT_NONE)
        return;
    add_refused(self, &note->order, note->refused);
    note->refused = REJECT_NONE; /* of a list more orders end, and it is told once */
}

void events_accepted(struct account_shard *self, const struct ledger_order *order)
{
    if (!self->events.watchers || !self->events.first)
        return;
    add_first(self, order);
    touch_hold(self, order);
}

void events_triggered(struct account_shard *self, const struct ledger_order *order)
{
    if (self->events.watchers)
        add_order(self, order, EXECUTION_NEW);
}

/* ---- fills ---- */

static bool told_late(const struct ledger_order *order)
{
    return order->flags & ORDER_BY_QUOTE;
}

/* Whether the order's newest fill is still held back; it is told of now. A market fills one such
 * order at a time. */
static bool take_late(struct account_shard *self, const struct ledger_order *order, uint16_t from)
{
    struct late_told *told = &self->events.late[from];
    if (told->ref == order->ref && told->executed_lots == order->executed_lots && !BUG(44))
        return false; /* 44: a fill that was held back is told twice */
    *told = (struct late_told){.ref = order->ref, .executed_lots = order->executed_lots};
    return true;
}

void events_late(struct account_shard *self, uint32_t slot, const struct msg *msg, bool filled)
{
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    if (!self->events.watchers || !told_late(order) || !order->executed_lots || BUG(43))
        return; /* 43: the fill that was held back is forgotten */
    bool held_back = take_late(self, order, msg->from);
    if (!held_back && !filled)
        return;
    /* Behind a match that was prevented what is left may buy nothing: that is the end, and no fill.
     */
    struct order_event *added =
        add_order(self, order, held_back ? EXECUTION_TRADE : EXECUTION_EXPIRED);
    uint32_t trade = held_back ? ledger_order_last_trade(self->ledger, order) : 0;
    if (trade) /* else the history is full, and has lost it */
        trade_view(self, ledger_trade(self->ledger, trade), &added->trade);
    if (!filled)
        return;
    added->order.status = ORDER_FILLED;
    added->order.qty = added->order.executed;
}

void events_fill(struct account_shard *self, const struct ledger_order *order,
                 const struct msg *msg)
{
    bool maker = msg->flags & MSG_MAKER;
    if (!self->events.watchers || (BUG(41) && maker)) /* 41: makers are not told */
        return;
    const struct ledger_symbol *symbol = ledger_symbol(self->ledger, order->symbol);
    touch(self, symbol->base);
    touch(self, symbol->quote);
    add_first(self, order);
    if (told_late(order))
        return;
    const struct ledger_amounts moved =
        ledger_fill_amounts(self->ledger, order, msg->fill.price_ticks, msg->fill.qty_lots, maker);
    add_order(self, order, EXECUTION_TRADE)->trade = (struct trade_view){
        .trade_id = msg->fill.trade_id,
        .order_id = order->order_id,
        .price = msg->fill.price_ticks * symbol->spec.tick_atoms,
        .qty = msg->fill.qty_lots * symbol->spec.lot_atoms,
        .quote = moved.quote,
        .fee = moved.fee,
        .time_us = msg->ts_us,
        .symbol = order->symbol,
        .fee_asset = order->side == SIDE_BUY ? symbol->base : symbol->quote,
        .side = order->side,
        .maker = maker,
    };
}

/* ---- ends ---- */

/* The request that cancelled it. The market does not name that of a Replace for the other one of a
 * pair, which went with its list. */
static uint64_t cancelled_by(const struct account_shard *self, const struct ledger_order *order,
                             uint64_t tag)
{
    const struct ledger_list *list = ledger_list_of(self->ledger, order);
    if (tag)
        return tag;
    if (list && list->cancel_tag)
        return list->cancel_tag;
    return order->op ? self->ops[order->op].tag : 0;
}

void events_done(struct account_shard *self, const struct ledger_order *order,
                 const struct msg *msg)
{
    if (!self->events.watchers)
        return;
    add_first(self, order);
    touch_hold(self, order);
    switch (msg->done.reason) {
    case DONE_REASON_FILLED: /* its last fill said so */
        break;
    case DONE_REASON_EXPIRED:
    case DONE_REASON_SIBLING:
        add_order(self, order, EXECUTION_EXPIRED);
        break;
    case DONE_REASON_STP:
        add_order(self, order, EXECUTION_TRADE_PREVENTION)->prevented =
            msg->done.left_lots * ledger_symbol(self->ledger, order->symbol)->spec.lot_atoms;
        break;
    default:
        add_cancelled(self, order, cancelled_by(self, order, msg->done.tag));
        break;
    }
}

void events_prevented(struct account_shard *self, const struct ledger_order *order,
                      const struct msg *msg)
{
    if (!self->events.watchers)
        return;
    const struct money_spec *spec = &ledger_symbol(self->ledger, order->symbol)->spec;
    add_first(self, order);
    touch_hold(self, order);
    struct order_event *added = add_order(self, order, EXECUTION_TRADE_PREVENTION);
    added->prevented = msg->prevented.lots * spec->lot_atoms;
    added->prevented_price = msg->prevented.price_ticks * spec->tick_atoms;
    added->counter_order_id = msg_prevented_ids(msg).counter_order_id;
}

void events_replaced(struct account_shard *self, const struct ledger_order *old, uint64_t tag,
                     const struct msg *msg)
{
    self->events.replaced[msg->from] = msg->replaced.new_ref;
    if (!self->events.watchers)
        return;
    add_first(self, old);
    touch_hold(self, old);
    add_cancelled(self, old, tag);
}

void events_amended(struct account_shard *self, const struct ledger_order *order,
                    const struct amend_view *amend)
{
    if (!self->events.watchers)
        return;
    bool open = order_is_open(order);
    touch_hold(self, order);
    struct order_event *added =
        add_order(self, order, open ? EXECUTION_REPLACED : EXECUTION_EXPIRED);
    added->cancel_length = amend->orig_length;
    memcpy(added->cancel_id, amend->orig_client_id, amend->orig_length);
}

/* The market's next word behind a Replace's old order is on the new one, so one ref is enough. */
void events_refused(struct account_shard *self, const struct ledger_order *order,
                    const struct msg *msg)
{
    if (!self->events.watchers ||
        BUG(42)) /* 42: the hold of a refused order comes back in silence */
        return;
    touch_hold(self, order);
    if (self->events.replaced[msg->from] != order->ref)
        return;
    struct order_view view;
    order_view(self, order, &view);
    add_refused(self, &view, msg->done.reject);
}

/* ---- lists ---- */

void events_hold(struct account_shard *self, const struct ledger_order *order)
{
    if (self->events.watchers)
        touch_hold(self, order);
}

void events_pending(struct account_shard *self, const struct ledger_order *order)
{
    if (self->events.watchers)
        add_order(self, order, EXECUTION_NEW);
}

void events_with(struct account_shard *self, const struct ledger_order *order, uint64_t tag,
                 enum reject reject)
{
    if (!self->events.watchers)
        return;
    if (order->status == ORDER_CANCELED)
        add_cancelled(self, order, tag);
    else
        add_order(self, order, EXECUTION_EXPIRED)->reject = (uint16_t)reject;
}

void events_list(struct account_shard *self, const struct ledger_list *list)
{
    struct user_event *event = &self->events.event;
    if (!self->events.watchers)
        return;
    ASSERT(event->lists < USER_EVENT_LISTS);
    list_view(list, &event->list[event->lists++]);
}

void events_list_updated(struct account_shard *self, const struct ledger_list *list)
{
    struct user_event *event = &self->events.event;
    if (!self->events.watchers)
        return;
    events_list(self, list);
    event->list[event->lists - 1].updated = true;
}

void events_moved(struct account_shard *self, uint16_t asset, int64_t amount)
{
    if (!self->events.watchers)
        return;
    touch(self, asset);
    self->events.event.moved = true;
    self->events.event.amount = amount;
}

/* ---- sending ---- */

static void send_to(struct account_shard *self, uint16_t core)
{
    uint16_t own = self->shard.actor.core->id;
    struct user_event *block = block_get(&self->shard.ex->reply_pool[own]);
    ASSERT(block != NULL); /* the room was checked */
    const struct user_event *event = &self->events.event;
    memcpy(block, event,
           offsetof(struct user_event, order) + event->orders * sizeof event->order[0]);
    struct msg msg = {.type = MSG_EVENT, .ts_us = self->shard.last_ts_us};
    msg.event.block = block;
    msg.event.block_core = own;
    ingress_send(&self->shard, CLASS_OUT, core, &msg);
}

void events_send(struct account_shard *self)
{
    struct user_event *event = &self->events.event;
    const struct exchange *ex = self->shard.ex;
    if (!self->events.watchers || (!event->orders && !event->balances && !event->lists))
        return;
    uint32_t user = ledger_user_find(self->ledger, event->user);
    for (uint32_t i = 0; i < event->balances; i++) {
        uint32_t slot = ledger_find_balance(self->ledger, user, event->balance[i].asset);
        const struct ledger_balance *balance = ledger_balance(self->ledger, slot);
        event->balance[i].free = balance->free;
        event->balance[i].locked = balance->locked;
    }
    event->ts_us = self->shard.last_ts_us;
    event->shard_seq = self->shard.seq;
    for (uint16_t i = 0; i < ex->ingress_count; i++)
        if (self->events.watchers >> ex->ingress[i] & 1)
            send_to(self, ex->ingress[i]);
}

/* ---- building ---- */

size_t events_bytes(const struct exchange *ex)
{
    return arena_bytes(sizeof(struct cancel_notes)) + arena_bytes(ex->shards * sizeof(uint64_t)) +
           arena_bytes(ex->shards * sizeof(struct late_told));
}

void events_init(struct account_shard *self, struct arena *arena)
{
    self->events.notes = arena_alloc(arena, sizeof(struct cancel_notes));
    self->events.replaced = arena_alloc(arena, self->shard.ex->shards * sizeof(uint64_t));
    self->events.late = arena_alloc(arena, self->shard.ex->shards * sizeof(struct late_told));
}
