/* An Amend at the account shard: an open order's quantity goes down in its place in the book, and
 * it gets another client id. The market decides, since fills may pass the message on its way: what
 * is taken off is a difference. Its word answers the request; with nothing left the order has
 * expired.
 */
#include "actors/account_shard.h"

#include "actors/rows.h"
#include "runtime/check.h"

/* What is to be done; a reject, and nothing is. Changes nothing. */
static enum reject plan_amend(const struct account_shard *self, const struct request *request,
                              uint32_t user, uint32_t *slot, int64_t *lots)
{
    const struct request_find *find = &request->amend.find;
    *slot = account_find_open(self, find, request->symbol, user);
    if (!*slot)
        return REJECT_UNKNOWN_ORDER;
    if (account_lost(self, ledger_order(self->ledger, *slot)))
        return REJECT_MARKET_CLOSED; /* its symbol is halted, and an operator has to look (J6) */
    return ledger_check_amend(self->ledger, *slot, request->amend.qty, find->own_id,
                              find->own_length, lots);
}

static void apply_amend(struct account_shard *self, const struct request *request, uint32_t slot,
                        int64_t lots, int64_t ts_us)
{
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    struct msg msg = {.type = MSG_AMEND, .symbol = order->symbol, .ts_us = ts_us};
    msg.to = self->symbol_shard[order->symbol];
    msg.amend.ref = order->ref;
    msg.amend.lots = lots;
    ledger_amend(self->ledger, slot, request->tag, lots, request->amend.find.own_id,
                 request->amend.find.own_length);
    shard_send(&self->shard, &msg);
}

enum reject account_take_amend(struct account_shard *self, const struct request *request,
                               uint32_t user, int64_t ts_us)
{
    uint32_t slot;
    int64_t lots;
    enum reject reject = plan_amend(self, request, user, &slot, &lots);
    if (reject != REJECT_NONE)
        return reject;
    if (account_market_busy(self, ledger_order(self->ledger, slot)->symbol))
        return REJECT_BUSY;
    account_record(self, request);
    apply_amend(self, request, slot, lots, shard_stamp(&self->shard, ts_us, 0));
    return REJECT_NONE;
}

bool account_replay_amend(struct account_shard *self, const struct request *request, uint32_t user,
                          int64_t ts_us)
{
    uint32_t slot;
    int64_t lots;
    if (plan_amend(self, request, user, &slot, &lots) != REJECT_NONE)
        return false;
    apply_amend(self, request, slot, lots, ts_us);
    return true;
}

static void row_amend(const struct account_shard *self, uint32_t user,
                      const struct amend_view *view)
{
    const struct rows *rows = self->shard.ex->rows;
    if (rows)
        rows->amend(rows->self, ledger_user(self->ledger, user)->id, view);
}

static void amended(struct account_shard *self, uint64_t tag, const struct msg *msg)
{
    uint32_t slot = ledger_find_ref(self->ledger, msg->amended.ref);
    bool last = msg->flags & MSG_LAST;
    struct amend_view view = {.execution_id = events_first_id(self), .time_us = msg->ts_us};
    struct order_view before;
    order_view(self, ledger_order(self->ledger, slot), &before);
    slot = ledger_amended(self->ledger, msg->amended.ref, msg->amended.lots, last, msg->ts_us);
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    order_view(self, order, &view.order);
    view.orig_qty = before.qty;
    view.orig_length = before.client_length;
    memcpy(view.orig_client_id, before.client_id, sizeof view.orig_client_id);
    row_amend(self, order->user, &view);
    if (last)
        account_row_order(self, slot);
    events_amended(self, order, &view);
    const struct ledger_list *list = ledger_list_of(self->ledger, order);
    if (last && list)
        account_listed_end(self, slot, 0);
    else if (list && !order_is_named(order, view.orig_client_id, view.orig_length))
        events_list_updated(self, list);
    if (account_answers(self, tag))
        answer_amended(self, tag, &view, list);
    if (last)
        account_leave_op(self, slot, false, REJECT_UNKNOWN_ORDER);
}

void account_amended(struct account_shard *self, const struct msg *msg)
{
    const struct ledger_amend *amend = ledger_amending(self->ledger, msg->amended.ref);
    ASSERT(amend != NULL); /* it is told of once */
    uint64_t tag = amend->tag;
    if (msg->amended.reject == REJECT_NONE) {
        amended(self, tag, msg);
        return;
    }
    ledger_amend_refused(self->ledger, msg->amended.ref);
    if (account_answers(self, tag))
        shard_reply(&self->shard, tag, msg->amended.reject, NULL, true, 0);
}
