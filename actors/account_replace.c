/* A Replace at the account shard (PROTOCOL O4): an open order is cancelled and another takes its
 * place, in one message to the market. Filters are looked at first and refuse it whole. What only
 * the new order's id or funds stand against is known here too: then a plain cancel goes out, and
 * the new order's half is answered at once. An answer has two parts, one for each order; the first
 * says which half it is. */
#include "actors/account_shard.h"

#include "actors/book/kinds.h"
#include "runtime/check.h"

struct replace {
    struct ledger_new order;
    struct ledger_plan plan;
    uint32_t old;     /* slot; 0: there is nothing to cancel */
    enum reject made; /* what stands against the new order once the old one is gone */
    bool places;      /* the new one is tried */
    bool limited;     /* it is not, for its account has too many unfilled orders */
};

/* What is to be done; a reject refuses all of it. Changes nothing. */
static enum reject plan_replace(const struct account_shard *self, const struct request *request,
                                uint32_t user, struct replace *plan)
{
    bool alone = request->replace.mode == REPLACE_ALLOW_FAILURE;
    plan->limited = false;
    if (request->symbol >= self->shard.ex->config.symbols_max)
        return REJECT_UNKNOWN_SYMBOL;
    account_new_order(request, &request->replace.order, &plan->order);
    plan->old = account_find_open(self, &request->replace.cancel, request->symbol, user);
    if (plan->old && account_pending(self, ledger_order(self->ledger, plan->old)))
        plan->old = 0; /* not at the market, and what it would hold is not known */
    if (plan->old && account_lost(self, ledger_order(self->ledger, plan->old)))
        return REJECT_MARKET_CLOSED;
    plan->made =
        ledger_check_replace(self->ledger, user, &plan->order, plan->old, alone, &plan->plan);
    plan->places = plan->made == REJECT_NONE && (plan->old || alone);
    if (plan->made != REJECT_DUPLICATE_ORDER && plan->made != REJECT_NO_FUNDS)
        return plan->made;
    return REJECT_NONE;
}

static void answer_half(struct account_shard *self, uint64_t tag, enum reply_half half,
                        enum reject reject, bool last)
{
    if (account_answers(self, tag))
        shard_reply_half(&self->shard, tag, half, reject, NULL, last);
}

/* Both orders in one message of two parts. */
static void send_replace(struct account_shard *self, const struct request *request, uint32_t user,
                         const struct replace *plan, int64_t ts_us)
{
    const struct ledger_order *old = ledger_order(self->ledger, plan->old);
    struct msg msg = {.type = MSG_REPLACE_OLD, .symbol = old->symbol, .ts_us = ts_us};
    msg.to = self->symbol_shard[old->symbol];
    msg.replace.ref = old->ref;
    msg.replace.due = plan->plan.due_atoms;
    msg.replace.mode = request->replace.mode;
    msg.replace.restriction = request->replace.cancel.restriction;
    const struct ledger_amend *amend = ledger_amending(self->ledger, old->ref);
    msg.replace.same_id =
        order_is_named(old, plan->order.client_id, plan->order.client_length) ||
        (amend && amend->client_length == plan->order.client_length &&
         memcmp(amend->client_id, plan->order.client_id, amend->client_length) == 0);
    shard_send(&self->shard, &msg);
    account_send_place(self, ledger_place(self->ledger, user, &plan->order, &plan->plan, ts_us),
                       MSG_REPLACE_NEW, ts_us);
}

static void apply_replace(struct account_shard *self, const struct request *request, uint32_t user,
                          const struct replace *plan, int64_t ts_us)
{
    if (plan->old && plan->places) {
        send_replace(self, request, user, plan, ts_us);
    } else if (plan->old) {
        account_cancel(self, plan->old, request->tag, request->replace.cancel.restriction, ts_us);
        answer_half(self, request->tag, HALF_NEW, plan->made, false);
    } else {
        account_place(self, user, &plan->order, &plan->plan, ts_us);
        answer_half(self, request->tag, HALF_CANCEL, REJECT_UNKNOWN_ORDER, false);
    }
}

/* Neither order goes anywhere: both halves are known, or only the cancel was to be tried, which is
 * answered otherwise when the account has too many unfilled orders. */
static void answer_nothing_done(struct account_shard *self, const struct request *request,
                                const struct replace *plan)
{
    bool tried = request->replace.mode == REPLACE_ALLOW_FAILURE || plan->limited;
    answer_half(self, request->tag, HALF_CANCEL, REJECT_UNKNOWN_ORDER, !tried);
    if (tried)
        answer_half(self, request->tag, HALF_NEW, plan->made, true);
}

/* In the journal a Replace whose new order is not tried for the limit is a Cancel: the limit is
 * not asked when it is replayed. */
static void record_cancel(struct account_shard *self, const struct request *request)
{
    struct request cancel = *request;
    cancel.type = REQUEST_CANCEL;
    cancel.find = request->replace.cancel;
    account_record(self, &cancel);
}

enum reject account_take_replace(struct account_shard *self, const struct request *request,
                                 uint32_t user, int64_t ts_us)
{
    struct replace plan;
    enum reject limited = account_orders_limited(self, user, 1, ts_us);
    if (limited != REJECT_NONE && !request->replace.cancel_only)
        return limited;
    enum reject reject = plan_replace(self, request, user, &plan);
    if (reject != REJECT_NONE)
        return reject;
    if (limited != REJECT_NONE) {
        plan.limited = true;
        plan.places = false;
        plan.made = limited;
    }
    if (!plan.old && !plan.places) {
        answer_nothing_done(self, request, &plan);
        return REJECT_NONE;
    }
    if (account_market_busy(self, request->symbol))
        return REJECT_BUSY;
    if (plan.limited && !BUG(34)) /* 34: the limit on orders is asked on replay */
        record_cancel(self, request);
    else
        account_record(self, request);
    if (plan.old)
        events_note_cancel(self, request->tag, &request->replace.cancel);
    if (plan.old && !plan.places && !plan.limited)
        events_note_refused(self, request->tag, user, &plan.order, &plan.plan, plan.made);
    apply_replace(self, request, user, &plan, shard_stamp(&self->shard, ts_us, 0));
    return REJECT_NONE;
}

bool account_replay_replace(struct account_shard *self, const struct request *request,
                            uint32_t user, int64_t ts_us)
{
    struct replace plan;
    if (plan_replace(self, request, user, &plan) != REJECT_NONE || (!plan.old && !plan.places))
        return false;
    apply_replace(self, request, user, &plan, ts_us);
    return true;
}

void account_replaced(struct account_shard *self, const struct msg *msg)
{
    uint32_t slot = ledger_find_ref(self->ledger, msg->replaced.new_ref);
    ASSERT(slot != 0); /* what becomes of it is told behind this */
    struct ledger_order *made = ledger_order(self->ledger, slot);
    uint64_t tag = made->tag;
    if (msg->replaced.reject != REJECT_NONE) {
        if (type_is_market(made->type)) /* nothing comes, and an estimate does with what it has */
            made->due = 0;
        events_forget(self, tag);
        answer_half(self, tag, msg->replaced.whole ? HALF_NONE : HALF_CANCEL, msg->replaced.reject,
                    msg->replaced.whole);
        if (msg->replaced.whole)
            made->tag = 0;
        return;
    }
    slot = ledger_replaced(self->ledger, msg->replaced.ref, msg->replaced.order_id,
                           msg->replaced.new_ref, msg->replaced.moved, msg->ts_us);
    account_row_order(self, slot);
    events_replaced(self, ledger_order(self->ledger, slot), tag, msg);
    if (ledger_order(self->ledger, slot)->list_id)
        account_listed_replaced(self, slot, tag); /* and answers when all of it has ended */
    else if (account_answers(self, tag))
        answer_cancelled(self, tag, ledger_order(self->ledger, slot));
    if (!ledger_order(self->ledger, slot)->list_id)
        events_forget(self, tag);
    account_leave_op(self, slot, true, REJECT_NONE);
}
