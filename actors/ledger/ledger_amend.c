/* Amendments: an open order's quantity goes down and it gets another client id. The hold follows
 * when the market has said so, since only there fills and amendments have one order. */
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/ledger/ledger_impl.h"

const struct ledger_amend *ledger_amending(const struct ledger *ledger, uint64_t ref)
{
    for (uint32_t i = 0; i < ledger->amend_count; i++)
        if (ledger->amends[i].ref == ref)
            return &ledger->amends[i];
    return NULL;
}

bool ledger_amend_claims(const struct ledger *ledger, uint32_t user, const char *id, uint8_t length,
                         uint64_t but)
{
    for (uint32_t i = 0; i < ledger->amend_count; i++) {
        const struct ledger_amend *amend = &ledger->amends[i];
        if (amend->user == user && amend->ref != but && amend->client_length == length &&
            memcmp(amend->client_id, id, length) == 0)
            return true;
    }
    return false;
}

/* What filters say of the quantity, as of a new order's. */
static enum reject check_qty(const struct ledger *ledger, const struct ledger_order *order,
                             int64_t qty_atoms, int64_t *qty_lots)
{
    const struct ledger_symbol *symbol = &ledger->symbols[order->symbol];
    struct ledger_new asked = {.type = order->type, .qty_atoms = qty_atoms};
    struct ledger_plan plan;
    int64_t notional;
    enum reject reject = ledger_check_lots(symbol, &asked, &plan);
    if (reject != REJECT_NONE)
        return reject;
    *qty_lots = plan.qty_lots;
    if (plan.qty_lots >= order->qty_lots)
        return plan.qty_lots > order->qty_lots ? REJECT_QTY_INCREASE : REJECT_NO_CHANGE;
    /* Less than what was taken at this price, so it fits. */
    ASSERT(money_quote_floor(&symbol->spec, order->price_ticks, plan.qty_lots, &notional));
    return ledger_check_notional(symbol, false, notional);
}

enum reject ledger_check_amend(const struct ledger *ledger, uint32_t slot, int64_t qty_atoms,
                               const char *id, uint8_t length, int64_t *lots)
{
    const struct ledger_order *order = &ledger->orders[slot];
    int64_t qty_lots;
    if (!order_is_open(order) || !(order->flags & ORDER_CAN_REST))
        return REJECT_UNKNOWN_ORDER; /* an IOC or a FOK on its way: it will not rest */
    if (type_is_market(order->type) || order->status == ORDER_PENDING)
        return REJECT_NO_AMEND; /* what it holds is an estimate; it holds nothing yet */
    enum reject reject = check_qty(ledger, order, qty_atoms, &qty_lots);
    if (reject != REJECT_NONE)
        return reject;
    uint32_t most = ledger->symbols[order->symbol].limits.order_amends;
    if (order->amends >= (most && most < UINT8_MAX ? most : ORDER_AMENDS_MAX))
        return REJECT_MAX_NUM_AMENDS;
    if (ledger_client_id_open(ledger, order->user, id, length, slot))
        return REJECT_DUPLICATE_ORDER;
    if (ledger_amending(ledger, order->ref) || ledger->amend_count >= LEDGER_AMENDS_MAX)
        return REJECT_BUSY;
    *lots = order->qty_lots - qty_lots;
    return REJECT_NONE;
}

void ledger_amend(struct ledger *ledger, uint32_t slot, uint64_t tag, int64_t lots, const char *id,
                  uint8_t length)
{
    const struct ledger_order *order = &ledger->orders[slot];
    ASSERT(ledger->amend_count < LEDGER_AMENDS_MAX && length <= CLIENT_ID_MAX);
    struct ledger_amend *amend = &ledger->amends[ledger->amend_count++];
    *amend = (struct ledger_amend){
        .ref = order->ref, .tag = tag, .lots = lots, .user = order->user, .client_length = length};
    memcpy(amend->client_id, id, length);
}

static void forget(struct ledger *ledger, uint64_t ref)
{
    const struct ledger_amend *amend = ledger_amending(ledger, ref);
    ASSERT(amend != NULL);
    uint32_t at = (uint32_t)(amend - ledger->amends);
    ledger->amend_count--;
    memmove(&ledger->amends[at], &ledger->amends[at + 1],
            (ledger->amend_count - at) * sizeof *ledger->amends);
}

uint32_t ledger_amended(struct ledger *ledger, uint64_t ref, int64_t lots, bool done, int64_t ts_us)
{
    const struct ledger_amend *amend = ledger_amending(ledger, ref);
    uint32_t slot = ledger_find_ref(ledger, ref);
    ASSERT(amend != NULL && slot != 0);
    struct ledger_order *order = &ledger->orders[slot];
    int64_t left = order_left(order) - lots;
    ASSERT(lots > 0 && lots <= amend->lots && left >= 0 && (left == 0) == done);
    ASSERT(order->due == 0); /* what it replaced was told before */
    order->qty_lots -= lots;
    order->updated_us = ts_us;
    order->amends++;
    ledger_order_rename(ledger, slot, amend->client_id, amend->client_length);
    forget(ledger, ref);
    if (done) {
        ledger_end_order(ledger, slot, ORDER_EXPIRED);
        return slot;
    }
    ledger_hold_left(ledger, order);
    return slot;
}

void ledger_amend_refused(struct ledger *ledger, uint64_t ref)
{
    forget(ledger, ref);
}
