/* Lists of orders at the account shard: OCO, OTO, OTOCO. The market sees a pair as one input, and
 * ends the two with each other; what waits for a working order is kept here, and placed by a
 * self-input when that is filled (PROTOCOL S6). Whatever cancels one of a list's orders cancels
 * all.
 */
#include "actors/account_shard.h"

#include "actors/book/kinds.h"
#include "runtime/check.h"

static struct ledger_list *list_of(const struct account_shard *self,
                                   const struct ledger_order *order)
{
    struct ledger_list *list = ledger_list_of(self->ledger, order);
    ASSERT(list);
    return list;
}

/* The open order at a place of the list; 0: it is not open. */
static uint32_t open_at(const struct account_shard *self, const struct ledger_list *list,
                        uint32_t place)
{
    return ledger_find_ref(self->ledger, list->order[place].ref);
}

bool account_pending(const struct account_shard *self, const struct ledger_order *order)
{
    if (!(order->flags & ORDER_PENDED))
        return false;
    const struct ledger_list *list = ledger_list_of(self->ledger, order);
    return !list || list->phase != LIST_SECOND;
}

/* ---- placing ---- */

struct placing {
    struct ledger_new_list list;
    struct ledger_plan plan[LIST_ORDERS_MAX];
};

static enum reject check_list(const struct account_shard *self, const struct request *request,
                              uint32_t user, struct placing *placing)
{
    const struct request_list *from = &request->list;
    uint32_t answers = from->kind == LIST_OCO; /* the order whose report answers the request */
    if (request->symbol >= self->shard.ex->config.symbols_max)
        return REJECT_UNKNOWN_SYMBOL;
    placing->list.kind = from->kind;
    placing->list.client_length = from->client_length;
    memcpy(placing->list.client_id, from->client_id, sizeof from->client_id);
    for (uint32_t i = 0; i < list_orders(from->kind); i++) {
        account_new_order(request, &from->order[i], &placing->list.order[i]);
        if (i != answers)
            placing->list.order[i].tag = 0;
    }
    return ledger_check_list(self->ledger, user, &placing->list, placing->plan);
}

/* The two of a pair, as one input of the market. */
static void send_pair(struct account_shard *self, const struct ledger_list *list, uint32_t first,
                      int64_t ts_us)
{
    account_send_place(self, open_at(self, list, first), MSG_LEG, ts_us);
    account_send_place(self, open_at(self, list, first + 1), MSG_PAIR, ts_us);
}

/* The working order, behind those pending, which a filter of the market may refuse now. */
static void send_first(struct account_shard *self, const struct ledger_list *list, int64_t ts_us)
{
    for (uint32_t i = 1; i < list_orders(list->kind); i++)
        account_send_place(self, open_at(self, list, i), MSG_PENDING, ts_us);
    account_send_place(self, open_at(self, list, 0), MSG_PLACE, ts_us);
}

static void apply_list(struct account_shard *self, uint32_t user, const struct placing *placing,
                       int64_t ts_us)
{
    uint32_t slot = ledger_place_list(self->ledger, user, &placing->list, placing->plan, ts_us);
    const struct ledger_list *list = ledger_list(self->ledger, slot);
    if (!list_has_phases(list->kind))
        send_pair(self, list, 0, ts_us);
    else
        send_first(self, list, ts_us);
}

enum reject account_take_list(struct account_shard *self, const struct request *request,
                              uint32_t user, int64_t ts_us)
{
    struct placing placing;
    enum reject reject = account_orders_limited(self, user, list_orders(request->list.kind), ts_us);
    if (reject == REJECT_NONE)
        reject = check_list(self, request, user, &placing);
    if (reject != REJECT_NONE)
        return reject;
    if (account_market_busy(self, request->symbol))
        return REJECT_BUSY;
    account_record(self, request);
    apply_list(self, user, &placing, shard_stamp(&self->shard, ts_us, 0));
    return REJECT_NONE;
}

bool account_replay_list(struct account_shard *self, const struct request *request, uint32_t user,
                         int64_t ts_us)
{
    struct placing placing;
    if (check_list(self, request, user, &placing) != REJECT_NONE)
        return false;
    apply_list(self, user, &placing, ts_us);
    return true;
}

/* ---- cancelling ---- */

/* The order whose cancel is the list's: one that the market knows. 0: none is there, but those
 * about to be placed. */
static uint32_t to_cancel(const struct account_shard *self, const struct ledger_list *list)
{
    uint32_t first = list->phase == LIST_SECOND, at = 0;
    if (list->phase == LIST_TODO)
        return 0;
    for (uint32_t i = first; i < list_orders(list->kind) && !at; i++)
        at = open_at(self, list, i);
    return at;
}

/* Those about to be placed can be cancelled once: they end where they would be placed. */
static bool can_cancel(const struct ledger_list *list)
{
    return !list->done && (list->phase != LIST_TODO || !list->cancel_tag);
}

static void cancel_list(struct account_shard *self, struct ledger_list *list, uint32_t target,
                        const struct account_cancel *cancel, int64_t ts_us)
{
    if (target)
        account_send_cancel(self, ledger_order(self->ledger, target), cancel, ts_us);
    else
        list->cancel_tag = cancel->tag;
}

bool account_list_cancels(const struct account_shard *self, uint32_t slot)
{
    return can_cancel(list_of(self, ledger_order(self->ledger, slot)));
}

void account_cancel_listed(struct account_shard *self, uint32_t slot, uint64_t tag,
                           uint8_t restriction, int64_t ts_us)
{
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    struct ledger_list *list = list_of(self, order);
    bool pending = account_pending(self, order); /* then what is asked of its state holds */
    const struct account_cancel cancel = {
        .tag = tag,
        .restriction = pending ? RESTRICT_NONE : restriction,
    };
    cancel_list(self, list, pending ? to_cancel(self, list) : slot, &cancel, ts_us);
}

uint32_t account_find_list(const struct account_shard *self, const struct request_find *find,
                           uint32_t user)
{
    uint32_t slot = find->has_order_id ? ledger_find_list(self->ledger, find->order_id)
                                       : ledger_find_list_named(self->ledger, user, find->client_id,
                                                                find->client_length);
    return slot && ledger_list(self->ledger, slot)->user == user ? slot : 0;
}

/* The open list that the request means; 0: there is none that can be cancelled. */
static uint32_t find_to_cancel(const struct account_shard *self, const struct request *request,
                               uint32_t user)
{
    const struct request_find *find = &request->find;
    uint32_t slot = account_find_list(self, find, user);
    const struct ledger_list *list = slot ? ledger_list(self->ledger, slot) : NULL;
    if (!list || list->symbol != request->symbol || !can_cancel(list))
        return 0;
    bool named =
        !find->client_length || ledger_list_is_named(list, find->client_id, find->client_length);
    return named ? slot : 0;
}

static void apply_list_cancel(struct account_shard *self, const struct request *request,
                              uint32_t slot, int64_t ts_us)
{
    struct ledger_list *list = ledger_list(self->ledger, slot);
    uint32_t target = to_cancel(self, list), last = list_orders(list->kind) - 1;
    bool pair = target && (!list_has_phases(list->kind) || list->phase == LIST_SECOND);
    uint32_t other = pair ? open_at(self, list, last) : 0;
    const struct account_cancel cancel = {
        .tag = request->tag,
        .other = other && other != target ? list->order[last].ref : 0,
    };
    cancel_list(self, list, target, &cancel, ts_us);
}

static bool lost(const struct account_shard *self, const struct ledger_list *list)
{
    uint32_t target = to_cancel(self, list);
    return target && account_lost(self, ledger_order(self->ledger, target));
}

enum reject account_take_list_cancel(struct account_shard *self, const struct request *request,
                                     uint32_t user, int64_t ts_us)
{
    uint32_t slot = find_to_cancel(self, request, user);
    if (!slot)
        return REJECT_UNKNOWN_LIST;
    if (lost(self, ledger_list(self->ledger, slot)))
        return REJECT_MARKET_CLOSED; /* its symbol is halted, and an operator has to look (J6) */
    account_record(self, request);
    events_note_cancel(self, request->tag, &request->find);
    apply_list_cancel(self, request, slot, shard_stamp(&self->shard, ts_us, 0));
    return REJECT_NONE;
}

bool account_replay_list_cancel(struct account_shard *self, const struct request *request,
                                uint32_t user, int64_t ts_us)
{
    uint32_t slot = find_to_cancel(self, request, user);
    if (slot)
        apply_list_cancel(self, request, slot, ts_us);
    return slot != 0;
}

/* ---- what the market's word means to the others ---- */

/* When its last order has ended. */
static void end_if_over(struct account_shard *self, struct ledger_list *list)
{
    if (list->open)
        return;
    ledger_list_end(self->ledger, ledger_list_slot(self->ledger, list), self->shard.last_ts_us);
    if (!list->started)
        return;
    account_row_list(self, list);
    events_list(self, list);
    events_forget(self, list->cancel_tag);
    if (account_answers(self, list->cancel_tag))
        answer_list(self, list->cancel_tag, list, list->cancel_half ? ANSWER_HALF : ANSWER_WHOLE);
    list->cancel_tag = 0; /* nothing of it is left but what it did */
}

/* All that is pending ends with the order that it waited for, or where it would be placed: expired,
 * or, EXPIRY_OWN, cancelled, by the CancelAll `op` if that is not 0. */
static void end_pending(struct account_shard *self, struct ledger_list *list,
                        enum order_expiry expiry, enum reject reject, uint32_t op)
{
    uint64_t tag = op && !list->cancel_tag ? self->ops[op].tag : list->cancel_tag;
    enum order_status status = expiry == EXPIRY_OWN ? ORDER_CANCELED : ORDER_EXPIRED;
    for (uint32_t i = 1; i < list_orders(list->kind); i++) {
        uint32_t slot = open_at(self, list, i);
        ASSERT(slot != 0);
        ledger_end_pending(self->ledger, slot, status, expiry, self->shard.last_ts_us);
        account_row_order(self, slot);
        const struct ledger_order *order = ledger_order(self->ledger, slot);
        events_with(self, order, tag, reject);
    }
}

static bool has_pending(const struct ledger_list *list)
{
    return list_has_phases(list->kind) && list->phase == LIST_FIRST && list->open > 0;
}

/* The list is the market's now; of an OCO, when both are. What is pending is told of unless it ends
 * at once. */
static void start(struct account_shard *self, struct ledger_list *list, bool ends_at_once)
{
    if (list->started || (!list_has_phases(list->kind) && !list->order[1].order_id))
        return;
    ledger_list_start(self->ledger, ledger_list_slot(self->ledger, list), self->shard.last_ts_us);
    for (uint32_t i = 1;
         list_has_phases(list->kind) && !ends_at_once && i < list_orders(list->kind); i++)
        events_pending(self, ledger_order(self->ledger, open_at(self, list, i)));
    events_list(self, list);
}

void account_listed_replaced(struct account_shard *self, uint32_t slot, uint64_t tag)
{
    list_of(self, ledger_order(self->ledger, slot))->cancel_half = true;
    account_listed_end(self, slot, tag);
}

void account_listed(struct account_shard *self, uint32_t slot)
{
    start(self, list_of(self, ledger_order(self->ledger, slot)), false);
}

/* The working order is filled: those pending are to be placed, unless all are being cancelled. */
static void working_filled(struct account_shard *self, struct ledger_list *list,
                           const struct ledger_order *working)
{
    if (working->op) {
        end_pending(self, list, EXPIRY_OWN, REJECT_NONE, working->op);
        return;
    }
    ledger_list_todo(self->ledger, ledger_list_slot(self->ledger, list));
    account_todo_push(self, open_at(self, list, 1));
    core_want_work(self->shard.actor.core, &self->shard.actor);
}

void account_listed_end(struct account_shard *self, uint32_t slot, uint64_t tag)
{
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    struct ledger_list *list = list_of(self, order);
    bool filled = order->status == ORDER_FILLED, cancelled = order->status == ORDER_CANCELED;
    if (cancelled && tag)
        list->cancel_tag = tag;
    start(self, list, !filled || order->op);
    bool pending = has_pending(list);
    if (pending && filled)
        working_filled(self, list, order);
    else if (pending)
        end_pending(self, list, cancelled ? EXPIRY_OWN : EXPIRY_OTO, REJECT_NONE, order->op);
    end_if_over(self, list);
    if (pending && filled && list->done) /* what the CancelAll could still cancel of it */
        account_leave_op(self, slot, true, REJECT_NONE);
}

/* Before its order has an id the client knows nothing of the list: none of it stays. */
void account_listed_refused(struct account_shard *self, uint32_t slot, enum reject reject)
{
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    struct ledger_list *list = list_of(self, order);
    if (order->flags & ORDER_PENDED) {
        events_hold(self, order);
        ledger_end_pending(self->ledger, slot, ORDER_EXPIRED, EXPIRY_REJECTED,
                           self->shard.last_ts_us);
        account_row_order(self, slot);
        events_with(self, ledger_order(self->ledger, slot), 0, reject);
        end_if_over(self, list);
        return;
    }
    uint32_t first = list->kind == LIST_OCO ? ledger_list_place(list, order) : 0;
    uint32_t last = list->kind == LIST_OCO ? first : list_orders(list->kind) - 1;
    events_hold(self, order);
    for (uint32_t i = first; i <= last; i++)
        ledger_refused(self->ledger, list->order[i].ref);
    end_if_over(self, list);
}

/* ---- the second phase ---- */

void account_place_pending(struct account_shard *self, uint32_t slot, int64_t ts_us)
{
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    struct ledger_list *list = list_of(self, order);
    enum reject reject = REJECT_NONE;
    bool cancelled = order->op || list->cancel_tag;
    if (!cancelled)
        reject = ledger_list_fund(self->ledger, ledger_list_slot(self->ledger, list));
    if (!cancelled && reject == REJECT_NONE) {
        events_hold(self, order);
        if (list->kind == LIST_OTO)
            account_send_place(self, slot, MSG_PLACE, ts_us);
        else
            send_pair(self, list, 1, ts_us);
        return;
    }
    end_pending(self, list, cancelled ? EXPIRY_OWN : EXPIRY_REJECTED, reject, order->op);
    end_if_over(self, list);
    account_leave_op(self, slot, cancelled, REJECT_UNKNOWN_ORDER);
}
