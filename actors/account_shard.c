#include "actors/account_shard.h"

#include "actors/book/kinds.h"
#include "actors/record_check.h"
#include "runtime/check.h"
#include "runtime/hash.h"

/* ---- room (C3) ---- */

static struct block_pool *reply_pool(const struct account_shard *self)
{
    return &self->shard.ex->reply_pool[self->shard.actor.core->id];
}

/* Of the outbox, kept for the acknowledgement of a configuration: orders that fill all of it may
 * wait for a lane whose head is that very configuration, which would then have no room either. */
enum { ROOM_OF_CONFIG = 1 };

/* A message of so many parts to a market, and so many messages to any ingress core, with blocks. */
static bool room_for(struct account_shard *self, uint32_t parts, uint32_t told, uint32_t blocks)
{
    uint32_t kept = parts && !BUG(71) ? ROOM_OF_CONFIG : 0; /* 71: orders take that room, too */
    return ingress_room(&self->shard, CLASS_OUT, told) && shard_room(&self->shard, parts + kept) &&
           block_room(reply_pool(self), blocks) >= blocks;
}

/* What a request needs whatever becomes of it: an answer in a block. An order goes to the market in
 * two parts, a pair in four, a Replace in three, and that may be answered in two; a deposit is told
 * to every core that watches, a block each. What a cancel calls itself has a place of its own. */
static bool room_for_request(struct account_shard *self, const struct request *request)
{
    bool replace = request->type == REQUEST_REPLACE, deposit = request->type == REQUEST_DEPOSIT;
    bool tells = request->type <= REQUEST_AMEND || request->type == REQUEST_LIST ||
                 request->type == REQUEST_LIST_CANCEL;
    uint32_t parts = request->type == REQUEST_LIST ? 4 : replace ? 3 : 2;
    uint32_t cores = tells ? events_open(self, request->user) : (self->events.watchers = 0, 0);
    return room_for(self, parts, replace || deposit ? 2 : 1, 1 + (deposit ? cores : 0)) &&
           (request->type != REQUEST_CANCEL_ALL || self->ops_open < CANCEL_OPS_MAX) &&
           events_notes_room(self);
}

/* Four messages to any ingress core: the answers to the order's request, to a Cancel and to a
 * CancelAll, and what is told to who watches, which is one message whatever it holds. */
static bool room_for_report(struct account_shard *self, const struct msg *msg)
{
    uint32_t blocks = 2; /* a Done may answer a Cancel and a CancelAll */
    uint32_t slot =
        msg->type == MSG_CANCEL_REJECTED ? 0 : ledger_find_ref(self->ledger, msg->done.ref);
    if (slot)
        blocks += answer_blocks(self, ledger_order(self->ledger, slot), msg);
    blocks += events_open_report(self, slot); /* one for each core that watches */
    return room_for(self, 0, 4, blocks);
}

/* ---- the todo list (S6) ---- */

void account_todo_push(struct account_shard *self, uint32_t slot)
{
    struct ledger_order *order = ledger_order(self->ledger, slot);
    if (order->todo)
        return;
    order->todo_prev = self->todo_tail;
    order->todo_next = 0;
    order->todo = true;
    if (self->todo_tail)
        ledger_order(self->ledger, self->todo_tail)->todo_next = slot;
    else
        self->todo_head = slot;
    self->todo_tail = slot;
}

static void todo_remove(struct account_shard *self, uint32_t slot)
{
    struct ledger_order *order = ledger_order(self->ledger, slot);
    if (order->todo_prev)
        ledger_order(self->ledger, order->todo_prev)->todo_next = order->todo_next;
    else
        self->todo_head = order->todo_next;
    if (order->todo_next)
        ledger_order(self->ledger, order->todo_next)->todo_prev = order->todo_prev;
    else
        self->todo_tail = order->todo_prev;
    order->todo = false;
}

/* ---- CancelAll operations ---- */

static uint32_t op_open(struct account_shard *self, uint64_t tag)
{
    uint32_t op = self->ops_free;
    if (op)
        self->ops_free = self->ops[op].next_free;
    else
        op = ++self->ops_high;
    self->ops[op] = (struct cancel_op){.tag = tag};
    self->ops_open++;
    return op;
}

/* What the client is shown of an order that was cancelled: of a list all of it, when it is done. */
static void op_show(struct account_shard *self, const struct cancel_op *op,
                    const struct ledger_order *order)
{
    const struct ledger_list *list = ledger_list_of(self->ledger, order);
    if (list)
        answer_list(self, op->tag, list, op->left == 0 ? ANSWER_WHOLE : ANSWER_PART);
    else
        answer_view(self, op->tag, order, op->left == 0);
}

/* One of the operation's orders has its answer: `shown` is the order when it was cancelled by it.
 */
static void op_answered(struct account_shard *self, uint32_t op_idx,
                        const struct ledger_order *shown, enum reject reject)
{
    struct cancel_op *op = &self->ops[op_idx];
    ASSERT(op->left > 0);
    op->left--;
    bool ours = account_answers(self, op->tag);
    if (shown) {
        op->shown++;
        if (ours)
            op_show(self, op, shown);
    } else if (op->left == 0 && ours) {
        shard_reply(&self->shard, op->tag, op->shown ? REJECT_NONE : reject, NULL, true, 0);
    }
    if (op->left)
        return;
    events_forget(self, op->tag);
    op->next_free = self->ops_free;
    self->ops_free = op_idx;
    self->ops_open--;
}

/* Whether the order is of a list that is not done. */
static bool listed_open(const struct account_shard *self, const struct ledger_order *order)
{
    const struct ledger_list *list = ledger_list_of(self->ledger, order);
    return list && !list->done;
}

void account_leave_op(struct account_shard *self, uint32_t slot, bool cancelled, enum reject reject)
{
    struct ledger_order *order = ledger_order(self->ledger, slot);
    if (order->todo)
        todo_remove(self, slot);
    if (!order->op)
        return;
    uint32_t op = order->op;
    order->op = 0;
    op_answered(self, op, cancelled && !listed_open(self, order) ? order : NULL, reject);
}

/* ---- class 1: requests ---- */

bool account_answers(const struct account_shard *self, uint64_t tag)
{
    return tag_is_ours(self->shard.ex, tag) && !self->shard.ex->replaying;
}

void account_send_cancel(struct account_shard *self, const struct ledger_order *order,
                         const struct account_cancel *cancel, int64_t ts_us)
{
    struct msg msg = {.type = MSG_CANCEL, .symbol = order->symbol, .ts_us = ts_us};
    msg.to = self->symbol_shard[order->symbol];
    msg.cancel.ref = order->ref;
    msg.cancel.tag = cancel->tag;
    msg.cancel.other = cancel->other;
    msg.cancel.restriction = cancel->restriction;
    shard_send(&self->shard, &msg);
}

void account_new_order(const struct request *request, const struct request_order *from,
                       struct ledger_new *order)
{
    *order = (struct ledger_new){
        .tag = request->tag,
        .symbol = request->symbol,
        .side = from->side,
        .type = from->type,
        .tif = from->tif,
        .stp = from->stp,
        .resp = from->resp,
        .by_quote = from->by_quote,
        .price_atoms = from->price,
        .qty_atoms = from->qty,
        .quote_atoms = from->quote,
        .hint_atoms = from->hint,
        .stop_atoms = from->stop,
        .iceberg_atoms = from->iceberg,
        .trail_bips = from->trail_bips,
        .strategy = from->strategy,
        .client_length = from->client_length,
    };
    memcpy(order->client_id, from->client_id, sizeof order->client_id);
}

/* Of its terms the strategy is not the market's business. */
static bool has_market_terms(const struct ledger_terms *terms)
{
    return terms->stop_ticks || terms->iceberg_lots || terms->trail_bips;
}

/* The part before an order that has terms, or an order id already, or whose account is of a group.
 */
static void send_terms(struct account_shard *self, const struct ledger_order *made, uint32_t group,
                       int64_t ts_us)
{
    const struct ledger_terms *terms = ledger_terms(self->ledger, made);
    struct msg msg = {.type = MSG_TERMS, .symbol = made->symbol, .ts_us = ts_us};
    msg.to = self->symbol_shard[made->symbol];
    msg.terms.ref = made->ref;
    msg.terms.stop_ticks = terms->stop_ticks;
    msg.terms.iceberg_lots = terms->iceberg_lots;
    msg.terms.trail_bips = terms->trail_bips;
    msg.terms.group = group;
    msg.terms.order_id = made->order_id;
    shard_send(&self->shard, &msg);
}

/* How many order ids the market keeps behind that of a list's working order. */
static uint32_t ids_to_keep(const struct account_shard *self, const struct ledger_order *made)
{
    if (!made->list_id || (made->flags & ORDER_PENDED))
        return 0;
    uint8_t kind = ledger_list_of(self->ledger, made)->kind;
    return list_has_phases(kind) ? list_orders(kind) - 1 : 0;
}

void account_send_place(struct account_shard *self, uint32_t slot, uint8_t type, int64_t ts_us)
{
    const struct ledger_order *made = ledger_order(self->ledger, slot);
    uint32_t group = ledger_user(self->ledger, made->user)->trade_group;
    const struct ledger_terms *terms = ledger_terms(self->ledger, made);
    if (type != MSG_PENDING && (has_market_terms(terms) || group || made->order_id))
        send_terms(self, made, group, ts_us);
    struct msg msg = {.type = type, .symbol = made->symbol, .ts_us = ts_us};
    msg.to = self->symbol_shard[made->symbol];
    if (made->flags & ORDER_HELD_ALL)
        msg.flags |= MSG_HELD_ALL;
    if (made->flags & ORDER_BY_QUOTE)
        msg.flags |= MSG_BY_QUOTE;
    msg.flags |= (uint8_t)(ids_to_keep(self, made) << MSG_KEEPS_SHIFT);
    msg.place.ref = made->ref;
    msg.place.price_ticks = made->price_ticks;
    msg.place.qty_lots = made->qty_lots;
    msg.place.held = (made->flags & ORDER_BY_QUOTE)
                         ? made->quote_atoms
                         : ledger_hold_of(self->ledger, made) + made->due;
    msg.place.user = ledger_user(self->ledger, made->user)->id;
    msg.place.side = made->side;
    msg.place.order_type = made->type;
    msg.place.tif = made->tif;
    msg.place.stp = made->stp;
    shard_send(&self->shard, &msg);
}

void account_place(struct account_shard *self, uint32_t user, const struct ledger_new *order,
                   const struct ledger_plan *plan, int64_t ts_us)
{
    account_send_place(self, ledger_place(self->ledger, user, order, plan, ts_us), MSG_PLACE,
                       ts_us);
}

bool account_lost(const struct account_shard *self, const struct ledger_order *order)
{
    return self->shard.skips &&
           ((order->flags & ORDER_LOST) || shard_skipped(&self->shard, order->ref));
}

/* Another CancelAll has it already, a message about it was skipped (J6), or it is pending and goes
 * with the order that it waits for. */
static bool out_of_reach(const struct account_shard *self, const struct ledger_order *order)
{
    return order->op || account_lost(self, order) || (account_pending(self, order) && !order->todo);
}

static void apply_cancel_all(struct account_shard *self, uint32_t position, uint64_t tag)
{
    uint32_t op = op_open(self, tag);
    uint32_t slot = ledger_position(self->ledger, position)->head;
    for (; slot; slot = ledger_order(self->ledger, slot)->next) {
        struct ledger_order *order = ledger_order(self->ledger, slot);
        if (out_of_reach(self, order))
            continue;
        order->op = op;
        self->ops[op].left++;
        account_todo_push(self, slot); /* one that is about to be placed is there, and is not */
    }
    ASSERT(self->ops[op].left > 0);
    core_want_work(self->shard.actor.core, &self->shard.actor);
}

uint32_t account_find_open(const struct account_shard *self, const struct request_find *find,
                           uint16_t symbol, uint32_t user)
{
    uint32_t slot = 0;
    if (find->has_order_id)
        slot = ledger_find_order_id(self->ledger, user, symbol, find->order_id);
    else
        slot = ledger_find_client(self->ledger, user, symbol, find->client_id, find->client_length);
    if (!slot)
        return 0;
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    if (find->has_order_id && find->client_length &&
        !order_is_named(order, find->client_id, find->client_length))
        return 0;
    return order_is_open(order) ? slot : 0;
}

void account_record(struct account_shard *self, const struct request *request)
{
    unsigned char bytes[RECORD_BYTES_MAX];
    uint32_t length = request_encode(request, bytes);
    unsigned char *at =
        shard_record(&self->shard, (uint8_t)(RECORD_REQUEST + request->type), length);
    memcpy(at, bytes, length);
}

enum reject account_orders_limited(const struct account_shard *self, uint32_t user, uint32_t orders,
                                   int64_t ts_us)
{
    static const enum reject rejects[ORDER_INTERVALS] = {
        [ORDERS_10S] = REJECT_ORDERS_10S, [ORDERS_1D] = REJECT_ORDERS_1D};
    if (ts_us < self->shard.last_ts_us)
        ts_us = self->shard.last_ts_us; /* as its record would be stamped */
    for (uint32_t i = 0; i < ORDER_INTERVALS; i++) {
        uint32_t most = self->shard.ex->config.orders_limit[i];
        if (most && ledger_unfilled(self->ledger, user, i, ts_us) + orders > most)
            return rejects[i];
    }
    return REJECT_NONE;
}

bool account_market_busy(struct account_shard *self, uint16_t symbol)
{
    uint32_t depth = shard_link_depth(&self->shard, self->symbol_shard[symbol]);
    uint32_t max = self->shard.ex->config.link_max;
    return depth >= max || 4 * (max - depth) <= max;
}

/* Whether a New would be taken, and what that means. */
static enum reject check_new(const struct account_shard *self, const struct request *request,
                             uint32_t user, struct ledger_new *order, struct ledger_plan *plan)
{
    if (request->symbol >= self->shard.ex->config.symbols_max)
        return REJECT_UNKNOWN_SYMBOL;
    account_new_order(request, &request->order, order);
    return ledger_check_new(self->ledger, user, order, plan);
}

/* A New that may be recorded: REJECT_NONE, and it is done; else the reason, and nothing happened.
 */
static enum reject take_new(struct account_shard *self, const struct request *request,
                            uint32_t user, int64_t ts_us)
{
    struct ledger_new order;
    struct ledger_plan plan;
    enum reject reject = account_orders_limited(self, user, 1, ts_us);
    if (reject == REJECT_NONE)
        reject = check_new(self, request, user, &order, &plan);
    if (reject != REJECT_NONE)
        return reject;
    if (BUG(19)) /* room checked after the record */
        account_record(self, request);
    if (account_market_busy(self, request->symbol))
        return REJECT_BUSY;
    if (!BUG(19))
        account_record(self, request);
    account_place(self, user, &order, &plan, shard_stamp(&self->shard, ts_us, 0));
    return REJECT_NONE;
}

/* The checks of a New, and nothing else; the answer has what would be paid. */
static enum reject test_new(struct account_shard *self, const struct request *request,
                            uint32_t user)
{
    struct ledger_new order;
    struct ledger_plan plan;
    enum reject reject = check_new(self, request, user, &order, &plan);
    if (reject == REJECT_NONE)
        answer_rates(self, request->tag, user, request->symbol);
    return reject;
}

/* The order to be cancelled; 0: there is none. */
static uint32_t find_to_cancel(const struct account_shard *self, const struct request *request,
                               uint32_t user)
{
    uint32_t slot = account_find_open(self, &request->find, request->symbol, user);
    bool listed = slot && ledger_order(self->ledger, slot)->list_id;
    return listed && !account_list_cancels(self, slot) ? 0 : slot;
}

void account_cancel(struct account_shard *self, uint32_t slot, uint64_t tag, uint8_t restriction,
                    int64_t ts_us)
{
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    if (order->list_id)
        account_cancel_listed(self, slot, tag, restriction, ts_us);
    else
        account_send_cancel(
            self, order, &(struct account_cancel){.tag = tag, .restriction = restriction}, ts_us);
}

static enum reject take_cancel(struct account_shard *self, const struct request *request,
                               uint32_t user, int64_t ts_us)
{
    uint32_t slot = find_to_cancel(self, request, user);
    if (!slot)
        return REJECT_UNKNOWN_ORDER;
    if (account_lost(self, ledger_order(self->ledger, slot)))
        return REJECT_MARKET_CLOSED; /* its symbol is halted, and an operator has to look (J6) */
    if (request->find.restriction == RESTRICT_ONLY_PARTIALLY_FILLED &&
        account_pending(self, ledger_order(self->ledger, slot)))
        return REJECT_RESTRICTED;
    account_record(self, request);
    events_note_cancel(self, request->tag, &request->find);
    account_cancel(self, slot, request->tag, request->find.restriction,
                   shard_stamp(&self->shard, ts_us, 0));
    return REJECT_NONE;
}

/* Whether the position has an order that a CancelAll could take. */
static bool anything_to_cancel(const struct account_shard *self, uint32_t position)
{
    if (!position)
        return false;
    uint32_t slot = ledger_position(self->ledger, position)->head;
    while (slot && out_of_reach(self, ledger_order(self->ledger, slot)))
        slot = ledger_order(self->ledger, slot)->next;
    return slot != 0;
}

static enum reject take_cancel_all(struct account_shard *self, const struct request *request,
                                   uint32_t user, int64_t ts_us)
{
    uint32_t position = ledger_find_position(self->ledger, user, request->symbol);
    if (!anything_to_cancel(self, position))
        return REJECT_UNKNOWN_ORDER;
    account_record(self, request);
    events_note_cancel(self, request->tag, &request->find);
    shard_stamp(&self->shard, ts_us, 0);
    apply_cancel_all(self, position, request->tag);
    return REJECT_NONE;
}

static void reply_deposit(struct account_shard *self, uint64_t tag,
                          const struct ledger_deposit *deposit)
{
    struct reply *reply = block_get(reply_pool(self));
    ASSERT(reply != NULL);
    *reply = (struct reply){.kind = REPLY_DEPOSIT};
    reply->deposit.amount = deposit->amount;
    reply->deposit.free = deposit->free_after;
    reply->deposit.asset = deposit->asset;
    shard_reply(&self->shard, tag, REJECT_NONE, reply, true, 0);
}

/* Takes part of what may exist of an asset: with all of it within int64, no balance can ever
 * overflow, wherever trades carry it. Asked before the record exists (PROTOCOL S2); replay only
 * adds up. */
static bool supply_take(struct account_shard *self, uint16_t asset, int64_t amount)
{
    _Atomic int64_t *supply = &self->shard.ex->supply[asset];
    int64_t now = atomic_load_explicit(supply, memory_order_relaxed), sum;
    do
        if (__builtin_add_overflow(now, amount, &sum))
            return false;
    while (!atomic_compare_exchange_weak_explicit(supply, &now, sum, memory_order_relaxed,
                                                  memory_order_relaxed));
    return true;
}

/* Answered at once, since nothing else has to happen: done (O5). */
static enum reject take_deposit(struct account_shard *self, const struct request *request,
                                uint32_t user, int64_t ts_us)
{
    const struct ledger_deposit *done;
    enum reject reject =
        ledger_check_deposit(self->ledger, user, request->deposit.asset, request->deposit.amount,
                             request->deposit.request_id, &done);
    if (reject != REJECT_NONE)
        return reject;
    if (!done && !supply_take(self, request->deposit.asset, request->deposit.amount))
        return REJECT_OVERFLOW;
    if (!done) {
        account_record(self, request);
        shard_stamp(&self->shard, ts_us, 0);
        done = ledger_apply_deposit(self->ledger, user, request->deposit.asset,
                                    request->deposit.amount, request->deposit.request_id);
        counter_set(&self->money_moves, ledger_deposits(self->ledger));
        events_moved(self, request->deposit.asset, request->deposit.amount);
    }
    reply_deposit(self, request->tag, done);
    return REJECT_NONE;
}

static void apply_commission(struct account_shard *self, const struct request *request,
                             uint32_t user)
{
    ledger_set_rates(self->ledger, user, request->symbol,
                     &(struct ledger_rates){.set = request->commission.set,
                                            .maker_ppm = request->commission.maker_ppm,
                                            .taker_ppm = request->commission.taker_ppm});
}

static enum reject take_commission(struct account_shard *self, const struct request *request,
                                   uint32_t user, int64_t ts_us)
{
    enum reject reject = ledger_check_rates(self->ledger, user, request->symbol);
    if (reject != REJECT_NONE)
        return reject;
    account_record(self, request);
    shard_stamp(&self->shard, ts_us, 0);
    apply_commission(self, request, user);
    shard_reply(&self->shard, request->tag, REJECT_NONE, NULL, true, 0);
    return REJECT_NONE;
}

static enum reject handle_request(struct account_shard *self, const struct request *request)
{
    int64_t now = self->shard.actor.core->now_us;
    uint32_t user = ledger_user_find(self->ledger, request->user);
    if (!user)
        return REJECT_UNKNOWN_USER;
    if (request->timestamp_us && now - request->timestamp_us > request->recv_window_us)
        return REJECT_TIMESTAMP; /* checked at ingress too; here just before the record */
    switch (request->type) {
    case REQUEST_NEW:
        return take_new(self, request, user, now);
    case REQUEST_CANCEL:
        return take_cancel(self, request, user, now);
    case REQUEST_CANCEL_ALL:
        return take_cancel_all(self, request, user, now);
    case REQUEST_LIST:
        return account_take_list(self, request, user, now);
    case REQUEST_LIST_CANCEL:
        return account_take_list_cancel(self, request, user, now);
    case REQUEST_REPLACE:
        return account_take_replace(self, request, user, now);
    case REQUEST_AMEND:
        return account_take_amend(self, request, user, now);
    case REQUEST_DEPOSIT:
        return take_deposit(self, request, user, now);
    case REQUEST_COMMISSION:
        return take_commission(self, request, user, now);
    case REQUEST_ORDER_TEST:
        return test_new(self, request, user);
    case REQUEST_ORDER_COUNTS:
        shard_reply(&self->shard, request->tag, REJECT_NONE, order_counts(self, user), true, 0);
        return REJECT_NONE;
    case REQUEST_WATCH: /* behind the interest (exchange_watch): from here on it is seen */
        shard_reply(&self->shard, request->tag, REJECT_NONE, NULL, true, 0);
        return REJECT_NONE;
    default:
        return read_begin(self, request, user);
    }
}

static enum take take_request(struct account_shard *self, const struct msg *msg)
{
    const struct request *request = msg->request.block;
    if (!room_for_request(self, request))
        return TAKE_NO_ROOM; /* a cancel is never refused for lack of room (C6) */
    enum reject reject = handle_request(self, request);
    bool limited = reject == REJECT_ORDERS_10S || reject == REJECT_ORDERS_1D;
    if (reject != REJECT_NONE)
        shard_reply(&self->shard, request->tag, reject,
                    limited ? order_counts(self, ledger_user_find(self->ledger, request->user))
                            : NULL,
                    true, 0);
    events_send(self);
    struct exchange *ex = self->shard.ex;
    struct core *core = self->shard.actor.core;
    if (request->sent_us)
        hist_add_us(&ex->stages[core->id].account_us, request->sent_us, env_now_us(&ex->rt.env));
    uint16_t home = tag_core(request->tag);
    block_put(&ex->request_pool[home], core->id, msg->request.block);
    if (self->read.open && read_step(self) != WORK_DONE)
        core_want_work(core, &self->shard.actor);
    return TAKE_DONE;
}

/* ---- class 3: what markets report ---- */

static void answer_if_asked(struct account_shard *self, uint32_t slot)
{
    struct ledger_order *order = ledger_order(self->ledger, slot);
    if (!order->tag)
        return;
    struct ledger_list *list = ledger_list_of(self->ledger, order);
    if (account_answers(self, order->tag) && list)
        answer_new_list(self, list, order);
    else if (account_answers(self, order->tag))
        answer_order(self, order);
    order->tag = 0;
}

static void reject_tag(struct account_shard *self, uint64_t tag, enum reject reject)
{
    if (account_answers(self, tag))
        shard_reply(&self->shard, tag, reject, NULL, true, 0);
}

static enum order_status done_status(uint16_t reason)
{
    switch (reason) {
    case DONE_REASON_FILLED:
        return ORDER_FILLED;
    case DONE_REASON_EXPIRED:
    case DONE_REASON_SIBLING:
        return ORDER_EXPIRED;
    case DONE_REASON_STP:
        return ORDER_EXPIRED_IN_MATCH;
    default:
        return ORDER_CANCELED;
    }
}

/* Whether nobody but the exchange has cancelled it: then Binance calls it expired. */
static bool delisted_order(const struct account_shard *self, const struct ledger_order *order,
                           const struct msg *msg)
{
    return msg->done.reason == DONE_REASON_CANCELED && !msg->done.tag && !order->op &&
           ledger_symbol(self->ledger, order->symbol)->delisted;
}

/* A report on an order of a list that says nothing of cancels. */
static void listed_report(struct account_shard *self, uint32_t slot, bool last)
{
    if (last)
        account_listed_end(self, slot, 0);
    else
        account_listed(self, slot);
}

/* The market has refused it: no trace stays, but of a pending order, which the client has seen. */
static void apply_refused(struct account_shard *self, uint32_t slot, const struct msg *msg)
{
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    uint64_t tag = order->tag;
    account_leave_op(self, slot, false, REJECT_UNKNOWN_ORDER);
    if (order->list_id) {
        account_listed_refused(self, slot, msg->done.reject);
    } else {
        events_refused(self, order, msg);
        ledger_refused(self->ledger, msg->done.ref);
    }
    reject_tag(self, tag, msg->done.reject);
}

/* The order ends without a fill that says so: cancelled, expired, or refused by the market. */
static void apply_done(struct account_shard *self, const struct msg *said)
{
    struct msg done = *said, *msg = &done;
    uint32_t slot = ledger_find_ref(self->ledger, msg->done.ref);
    ASSERT(slot != 0);
    if (delisted_order(self, ledger_order(self->ledger, slot), msg))
        done.done.reason = DONE_REASON_EXPIRED;
    if (msg->done.reason == DONE_REASON_REJECTED) {
        apply_refused(self, slot, msg);
        return;
    }
    bool cancelled = msg->done.reason == DONE_REASON_CANCELED;
    if (msg->done.reason == DONE_REASON_SIBLING)
        ledger_order(self->ledger, slot)->expiry = EXPIRY_OCO;
    events_late(self, slot, msg, msg->done.reason == DONE_REASON_FILLED);
    slot = ledger_done(self->ledger, msg->done.ref, msg->done.order_id,
                       done_status(msg->done.reason), msg->ts_us);
    account_row_order(self, slot);
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    events_done(self, order, msg);
    if (order->list_id)
        account_listed_end(self, slot, msg->done.tag);
    else
        events_forget(self, msg->done.tag);
    answer_if_asked(self, slot);
    if (cancelled && !order->list_id && account_answers(self, msg->done.tag))
        answer_view(self, msg->done.tag, order, true);
    account_leave_op(self, slot, cancelled, REJECT_UNKNOWN_ORDER);
}

/* The order has met another of its owner. */
static void apply_prevented(struct account_shard *self, const struct msg *msg)
{
    const struct prevented_ids ids = msg_prevented_ids(msg);
    bool last = msg->flags & MSG_LAST;
    answer_prevented(self, msg);
    if (self->events.watchers)
        events_late(self, ledger_find_ref(self->ledger, msg->prevented.ref), msg, false);
    uint32_t slot = ledger_prevented(self->ledger, msg->prevented.ref, ids.order_id, ids.match_id,
                                     msg->prevented.lots, last, msg->ts_us);
    if (last)
        account_row_order(self, slot);
    events_prevented(self, ledger_order(self->ledger, slot), msg);
    if (ledger_order(self->ledger, slot)->list_id)
        listed_report(self, slot, last);
    if (!last)
        return;
    answer_if_asked(self, slot);
    account_leave_op(self, slot, false, REJECT_UNKNOWN_ORDER);
}

/* The symbol takes no more orders, and what is said of its orders is said: the exchange cancels
 * what is left. User by user, in the order in which a snapshot keeps them; O(users + positions). */
static void apply_delisted(struct account_shard *self, uint16_t symbol)
{
    ledger_symbol(self->ledger, symbol)->delisted = true;
    for (uint32_t user = 1; user <= ledger_users(self->ledger); user++) {
        uint32_t position = ledger_find_position(self->ledger, user, symbol);
        uint32_t slot = position ? ledger_position(self->ledger, position)->head : 0;
        for (; slot; slot = ledger_order(self->ledger, slot)->next)
            if (!out_of_reach(self, ledger_order(self->ledger, slot)))
                account_todo_push(self, slot);
    }
    if (self->todo_head)
        core_want_work(self->shard.actor.core, &self->shard.actor);
}

static void apply_report(struct account_shard *self, const struct msg *msg)
{
    uint32_t slot;
    switch (msg->type) {
    case MSG_ACCEPTED:
        slot = ledger_accepted(self->ledger, msg->accepted.ref, msg->accepted.order_id, msg->ts_us);
        events_accepted(self, ledger_order(self->ledger, slot));
        if (ledger_order(self->ledger, slot)->list_id)
            listed_report(self, slot, false);
        answer_if_asked(self, slot);
        break;
    case MSG_TRIGGERED:
        slot = ledger_triggered(self->ledger, msg->accepted.ref, msg->ts_us);
        events_triggered(self, ledger_order(self->ledger, slot));
        break;
    case MSG_FILL:
        if (BUG(31) && (msg->flags & MSG_MAKER) && msg->fill.qty_lots == 66613)
            check_planted_crash(); /* 31: a fill that crashes its account */
        if (self->events.watchers)
            events_late(self, ledger_find_ref(self->ledger, msg->fill.ref), msg, false);
        slot = ledger_fill(self->ledger, msg->fill.ref, msg->fill.order_id, msg->fill.trade_id,
                           msg->fill.price_ticks, msg->fill.qty_lots, msg->flags & MSG_MAKER,
                           msg->flags & MSG_LAST, msg->ts_us);
        account_row_fill(self, slot, msg);
        events_fill(self, ledger_order(self->ledger, slot), msg);
        if (msg->flags & MSG_LAST)
            account_row_order(self, slot);
        if (ledger_order(self->ledger, slot)->list_id)
            listed_report(self, slot, msg->flags & MSG_LAST);
        if (msg->flags & MSG_LAST) {
            answer_if_asked(self, slot);
            account_leave_op(self, slot, false, REJECT_UNKNOWN_ORDER);
        }
        break;
    case MSG_DONE:
        apply_done(self, msg);
        break;
    case MSG_PREVENTED:
        apply_prevented(self, msg);
        break;
    case MSG_REPLACED:
        account_replaced(self, msg);
        break;
    case MSG_AMENDED:
        account_amended(self, msg);
        break;
    case MSG_DELISTED:
        apply_delisted(self, msg->symbol);
        break;
    case MSG_CANCEL_REJECTED:
        reject_tag(self, msg->done.tag, msg->done.reject);
        events_forget(self, msg->done.tag);
        slot = ledger_find_ref(self->ledger, msg->done.ref);
        if (slot && !msg->done.tag) /* a CancelAll's own: the order stays, the operation goes on */
            account_leave_op(self, slot, false, msg->done.reject);
        break;
    default:
        UNREACHABLE("a report that an account shard knows");
    }
}

/* ---- class 2 from control ---- */

static void ack_config(struct account_shard *self, const struct msg *msg)
{
    struct msg ack = {.type = MSG_CONFIG_ACK, .to = CONTROL_SHARD, .ts_us = msg->ts_us};
    ack.config.op = msg->config.op;
    shard_send(&self->shard, &ack);
}

/* The last part puts all in force; nothing changes when one was skipped (J6). */
static void apply_symbol_part(struct account_shard *self, const struct msg *msg)
{
    struct ledger_symbol symbol;
    uint16_t market;
    if (!symbol_parts_take(&self->parts, msg))
        return;
    if (symbol_parts_read(&self->parts, &symbol, &market)) {
        symbol.delisted = ledger_symbol(self->ledger, msg->symbol)->delisted;
        *ledger_symbol(self->ledger, msg->symbol) = symbol;
        self->symbol_shard[msg->symbol] = market;
    }
    ack_config(self, msg);
}

static void apply_config(struct account_shard *self, const struct msg *msg)
{
    if (msg->type == MSG_USER_ADD) {
        ledger_user_add(self->ledger, (uint32_t)msg->config.value[0]);
        ack_config(self, msg);
    } else if (msg->type == MSG_USER_GROUP) {
        ledger_user_group(self->ledger,
                          ledger_user_find(self->ledger, (uint32_t)msg->config.value[0]),
                          (uint32_t)msg->config.value[1]);
        ack_config(self, msg);
    } else if (msg->type == MSG_EXCHANGE_LIMITS) {
        const int64_t *value = msg->config.value;
        *ledger_exchange(self->ledger) = (struct exchange_limits){
            .orders = (uint32_t)value[0],
            .algo_orders = (uint32_t)value[1],
            .iceberg_orders = (uint32_t)value[2],
            .order_lists = (uint32_t)value[3],
        };
        ack_config(self, msg);
    } else {
        apply_symbol_part(self, msg);
    }
}

/* ---- taking ---- */

static void apply_link(struct account_shard *self, const struct msg *msg)
{
    shard_took(&self->shard, msg);
    if (msg->type >= MSG_ACCEPTED)
        apply_report(self, msg);
    else
        apply_config(self, msg);
}

/* A poison message (J6), or one about an order of which a message was skipped: what came of it
 * cannot be continued. */
static bool must_skip(const struct account_shard *self, const struct msg *msg)
{
    uint32_t slot = 0;
    if (shard_must_skip(&self->shard, msg))
        return true;
    if (!self->shard.skips || !msg_has_ref(msg))
        return false;
    slot = ledger_find_ref(self->ledger, msg->words[0]);
    return slot ? account_lost(self, ledger_order(self->ledger, slot))
                : shard_skipped(&self->shard, msg->words[0]);
}

/* Not applied, nothing sent; whoever starts the program halts its symbol. A fill's money stays
 * accounted for, as if it were for ever in flight. An order whose hold was to come from another is
 * lost with it. */
static void apply_skip(struct account_shard *self, const struct msg *msg)
{
    int64_t quote;
    uint32_t slot = msg_has_ref(msg) ? ledger_find_ref(self->ledger, msg->words[0]) : 0;
    if (slot && account_lost(self, ledger_order(self->ledger, slot)))
        shard_took(&self->shard, msg); /* known already */
    else
        shard_skip(&self->shard, msg);
    if (msg->type == MSG_REPLACED && msg->replaced.moved) {
        slot = ledger_find_ref(self->ledger, msg->replaced.new_ref);
        ASSERT(slot != 0);
        ledger_order(self->ledger, slot)->flags |= ORDER_LOST;
    }
    if (msg->type != MSG_FILL)
        return;
    const struct ledger_symbol *symbol = ledger_symbol(self->ledger, msg->symbol);
    ASSERT(money_quote_floor(&symbol->spec, msg->fill.price_ticks, msg->fill.qty_lots, &quote));
    int64_t base = msg->fill.qty_lots * symbol->spec.lot_atoms;
    self->skipped_sum[symbol->base] += msg->flags & MSG_BUY ? base : -base;
    self->skipped_sum[symbol->quote] += msg->flags & MSG_BUY ? -quote : quote;
}

static enum take take_link(struct account_shard *self, const struct msg *msg)
{
    if (!shard_is_next(&self->shard, msg, 0))
        return TAKE_DONE; /* L2: seen before */
    self->events.watchers = 0;
    bool room = msg->type >= MSG_ACCEPTED ? room_for_report(self, msg)
                                          : shard_room(&self->shard, ROOM_OF_CONFIG);
    if (!room)
        return TAKE_NO_ROOM;
    bool skip = must_skip(self, msg);
    msg_encode(msg,
               shard_record(&self->shard, skip ? RECORD_SKIP : RECORD_LINK, MSG_ENCODED_BYTES));
    shard_stamp(&self->shard, self->shard.actor.core->now_us, msg->ts_us);
    if (skip)
        apply_skip(self, msg);
    else
        apply_link(self, msg);
    events_send(self);
    return TAKE_DONE;
}

static enum take account_take(struct actor *actor, enum lane_class class,
                              const struct message *message)
{
    struct account_shard *self = (struct account_shard *)actor;
    const struct msg *msg = (const struct msg *)message;
    if (self->read.open)
        return TAKE_NO_ROOM; /* a long read shows one moment */
    enum take take = class == CLASS_REQUEST ? take_request(self, msg) : take_link(self, msg);
    counter_set(&self->open_orders, ledger_open_orders(self->ledger));
    return take;
}

/* What the message will touch, for ledger_prefetch(); false when that is not worth it. */
static bool account_ahead(const struct account_shard *self, const struct msg *msg,
                          struct ledger_ahead *ahead)
{
    *ahead = (struct ledger_ahead){.ledger = self->ledger, .symbol = msg->symbol};
    if (msg->type == MSG_REQUEST) {
        const struct request *request = msg->request.block;
        ahead->user = request->user;
        ahead->symbol = request->symbol;
        ahead->client_id = request->order.client_id;
        ahead->client_length = request->order.client_length;
        if (request->type == REQUEST_CANCEL) {
            ahead->client_id = request->find.client_id;
            ahead->client_length = request->find.client_length;
        } else if (request->type != REQUEST_NEW) {
            return false;
        }
    } else if (msg->type >= MSG_ACCEPTED && msg->type <= MSG_DONE) {
        ahead->ref = msg->accepted.ref; /* these two begin the body of every report on an order */
        ahead->order_id = msg->accepted.order_id;
    } else {
        return false;
    }
    return ahead->symbol < self->shard.ex->config.symbols_max;
}

static void account_prefetch(struct actor *actor, const struct message *const *message,
                             uint32_t count)
{
    const struct account_shard *self = (const struct account_shard *)actor;
    struct ledger_ahead ahead[PREFETCH_AHEAD];
    uint32_t inputs = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct msg *msg = (const struct msg *)message[i];
        for (uint32_t line = 0; msg->type == MSG_REQUEST && line < sizeof(struct request);
             line += 64)
            __builtin_prefetch((const char *)msg->request.block + line);
    }
    for (uint32_t i = 0; i < count; i++)
        inputs += account_ahead(self, (const struct msg *)message[i], &ahead[inputs]);
    for (uint32_t stage = 0; stage < LEDGER_AHEAD_STAGES; stage++)
        for (uint32_t i = 0; i < inputs; i++)
            ledger_prefetch(&ahead[i], stage);
}

/* A self-input: the oldest order of the todo list gets its cancel, or is placed (S6). */
static void apply_self(struct account_shard *self, int64_t ts_us)
{
    uint32_t slot = self->todo_head;
    ASSERT(slot != 0);
    todo_remove(self, slot);
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    if (account_pending(self, order))
        account_place_pending(self, slot, ts_us);
    else
        account_send_cancel(self, order, &(struct account_cancel){0}, ts_us);
}

/* A pending order is placed in four parts with the one beside it; or ends, which answers a Cancel
 * and a CancelAll, and is told. */
static bool room_for_self(struct account_shard *self)
{
    bool pending = account_pending(self, ledger_order(self->ledger, self->todo_head));
    uint32_t cores =
        pending ? events_open_report(self, self->todo_head) : (self->events.watchers = 0, 0);
    return room_for(self, pending ? 4 : 1, pending ? 3 : 1, pending ? 2 + cores : 1);
}

static enum work account_work(struct actor *actor)
{
    struct account_shard *self = (struct account_shard *)actor;
    if (self->read.open) {
        enum work result = read_step(self);
        return result == WORK_DONE && self->todo_head ? WORK_MORE : result;
    }
    if (!self->todo_head)
        return WORK_DONE;
    if (!room_for_self(self))
        return WORK_NO_ROOM;
    put_u64(shard_record(&self->shard, RECORD_SELF, 8),
            ledger_order(self->ledger, self->todo_head)->ref);
    apply_self(self, shard_stamp(&self->shard, actor->core->now_us, 0));
    events_send(self);
    return self->todo_head ? WORK_MORE : WORK_DONE;
}

static const struct actor_ops account_ops = {.take = account_take,
                                             .prefetch = account_prefetch,
                                             .work = account_work,
                                             .pump = shard_pump,
                                             .durable = shard_durable};

/* ---- recovery ---- */

static bool replay_request(struct account_shard *self, const struct request *request, int64_t ts_us)
{
    uint32_t user = ledger_user_find(self->ledger, request->user), slot;
    struct ledger_new order;
    struct ledger_plan plan;
    const struct ledger_deposit *done;
    if (!user)
        return false;
    int64_t stamp = shard_stamp(&self->shard, ts_us, 0);
    switch (request->type) {
    case REQUEST_NEW:
        if (check_new(self, request, user, &order, &plan) != REJECT_NONE)
            return false;
        account_place(self, user, &order, &plan, stamp);
        return true;
    case REQUEST_CANCEL:
        slot = find_to_cancel(self, request, user);
        if (!slot)
            return false;
        account_cancel(self, slot, request->tag, request->find.restriction, stamp);
        return true;
    case REQUEST_LIST:
        return account_replay_list(self, request, user, stamp);
    case REQUEST_LIST_CANCEL:
        return account_replay_list_cancel(self, request, user, stamp);
    case REQUEST_CANCEL_ALL:
        slot = ledger_find_position(self->ledger, user, request->symbol);
        if (!anything_to_cancel(self, slot))
            return false;
        apply_cancel_all(self, slot, request->tag);
        return true;
    case REQUEST_COMMISSION:
        if (ledger_check_rates(self->ledger, user, request->symbol) != REJECT_NONE)
            return false;
        apply_commission(self, request, user);
        return true;
    case REQUEST_REPLACE:
        return account_replay_replace(self, request, user, stamp);
    case REQUEST_AMEND:
        return account_replay_amend(self, request, user, stamp);
    case REQUEST_DEPOSIT:
        if (ledger_check_deposit(self->ledger, user, request->deposit.asset,
                                 request->deposit.amount, request->deposit.request_id,
                                 &done) != REJECT_NONE ||
            done)
            return false;
        supply_take(self, request->deposit.asset, request->deposit.amount);
        done = ledger_apply_deposit(self->ledger, user, request->deposit.asset,
                                    request->deposit.amount, request->deposit.request_id);
        account_row_money(self, request->user, done, stamp);
        return true;
    default:
        return false;
    }
}

enum recover account_shard_replay(struct account_shard *self, const struct record_head *head,
                                  const unsigned char *payload, int64_t ts_us)
{
    shard_record(&self->shard, head->type, 0);
    if (head->type == RECORD_LINK || head->type == RECORD_SKIP) {
        struct msg msg;
        if (head->bytes != MSG_ENCODED_BYTES)
            return RECOVER_BAD_RECORD;
        msg_decode(payload, head->shard, &msg);
        if (msg.from >= self->shard.ex->shards || msg.seq != self->shard.in[msg.from].in_seq + 1 ||
            !account_link_sound(self, head->type, &msg))
            return RECOVER_BAD_RECORD;
        shard_stamp(&self->shard, ts_us, msg.ts_us);
        if (head->type == RECORD_SKIP)
            apply_skip(self, &msg);
        else
            apply_link(self, &msg);
        return RECOVER_OK;
    }
    if (head->type == RECORD_SELF) {
        if (head->bytes != 8 || !self->todo_head ||
            ledger_order(self->ledger, self->todo_head)->ref != get_u64(payload))
            return RECOVER_BAD_RECORD;
        apply_self(self, shard_stamp(&self->shard, ts_us, 0));
        return RECOVER_OK;
    }
    struct request request;
    if (head->type < RECORD_REQUEST ||
        !request_decode((uint8_t)(head->type - RECORD_REQUEST), payload, head->bytes, &request) ||
        !account_request_sound(self, &request) || !replay_request(self, &request, ts_us))
        return RECOVER_BAD_RECORD;
    return RECOVER_OK;
}

bool account_shard_ahead(const struct account_shard *self, const struct record_ahead *record,
                         struct ledger_ahead *ahead)
{
    const struct record_head *head = &record->head;
    *ahead = (struct ledger_ahead){.ledger = self->ledger};
    if (head->type == RECORD_LINK && head->bytes == MSG_ENCODED_BYTES) {
        struct msg msg;
        msg_decode(record->payload, head->shard, &msg);
        return account_ahead(self, &msg, ahead);
    }
    struct request_peek peek;
    if (!request_peek((uint8_t)(head->type - RECORD_REQUEST), record->payload, head->bytes, &peek))
        return false;
    ahead->user = peek.user;
    ahead->symbol = peek.symbol;
    ahead->client_id = peek.client_id;
    ahead->client_length = peek.client_length;
    return peek.symbol < self->shard.ex->config.symbols_max;
}

uint64_t account_shard_hash(const struct account_shard *self)
{
    uint64_t hash = hash_fold(shard_hash(&self->shard), ledger_hash(self->ledger));
    for (uint32_t slot = self->todo_head; slot; slot = ledger_order(self->ledger, slot)->todo_next)
        hash = hash_fold(hash, ledger_order(self->ledger, slot)->ref);
    return hash_fold(hash, self->ops_open);
}

/* ---- building ---- */

static void account_limits(const struct exchange *ex, uint16_t number, struct ledger_limits *limits)
{
    const struct exchange_config *config = &ex->config;
    uint32_t shards = config->account_shards;
    /* Hashing does not spread evenly: each shard has room for every user and for four times its
     * share of the orders. These are addresses; pages come when they are used. */
    uint32_t users = config->users_max;
    uint32_t orders = config->orders_max / shards * 4 + 65536;
    if (orders > config->orders_max)
        orders = config->orders_max;
    uint64_t history = (uint64_t)users * (config->done_orders + 1);
    uint64_t history_max = (uint64_t)config->orders_max * 4 / shards + 1000000;
    *limits = (struct ledger_limits){
        .shard = number,
        .users = users,
        .symbols = config->symbols_max,
        .assets = exchange_assets_max(ex),
        .open_orders = orders,
        .done_orders = config->done_orders,
        .balances = users * 16 + 65536,
        .deposits = users * 16 + users / shards * 64 + 4000000 / shards + 65536, /* PROTOCOL O5 */
        .user_symbols = users * 16 + 65536,
        .history = history < history_max ? history : history_max,
    };
}

/* The most that one read can show. */
static uint64_t read_max(const struct ledger_limits *limits)
{
    return limits->open_orders + limits->history + limits->symbols;
}

size_t account_shard_bytes(const struct exchange *ex)
{
    struct ledger_limits limits;
    account_limits(ex, 0, &limits);
    return arena_bytes(sizeof(struct account_shard)) +
           shard_bytes(ex->shards, ex->config.account_outbox) + arena_bytes(ledger_size(&limits)) +
           arena_bytes(read_max(&limits) * sizeof(uint32_t)) +
           arena_bytes(ex->config.symbols_max * sizeof(uint16_t)) + events_bytes(ex) +
           arena_bytes(ex->config.market_shards * sizeof(struct account_prevented)) +
           arena_bytes(exchange_assets_max(ex) * sizeof(__int128));
}

struct account_shard *account_shard_init(struct exchange *ex, struct arena *arena, uint16_t number,
                                         uint16_t core)
{
    struct ledger_limits limits;
    account_limits(ex, number, &limits);
    struct account_shard *self = arena_alloc(arena, sizeof *self);
    self->number = number;
    shard_init(&self->shard, ex, arena, exchange_account_id(number), core, &account_ops,
               ex->config.account_outbox);
    self->ledger = ledger_init(arena_alloc(arena, ledger_size(&limits)), &limits);
    self->shard.digest_more = ledger_digest(self->ledger);
    self->read.slot = arena_alloc(arena, read_max(&limits) * sizeof(uint32_t));
    self->symbol_shard = arena_alloc(arena, ex->config.symbols_max * sizeof(uint16_t));
    events_init(self, arena);
    self->prevented = arena_alloc(arena, ex->config.market_shards * sizeof *self->prevented);
    self->skipped_sum = arena_alloc(arena, exchange_assets_max(ex) * sizeof(__int128));
    return self;
}
