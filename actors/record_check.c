#include "actors/record_check.h"

#include "actors/book/kinds.h"

static bool product_fits(int64_t count, int64_t unit)
{
    int64_t product;
    return count >= 0 && !__builtin_mul_overflow(count, unit, &product);
}

static bool ppm_sound(int64_t ppm)
{
    return ppm >= 0 && ppm < 1000000;
}

/* ---- control ---- */

static bool symbol_sound(const struct symbol_config *symbol)
{
    const int64_t amounts[] = {symbol->min_price,    symbol->max_price,      symbol->min_qty,
                               symbol->max_qty,      symbol->market_min_qty, symbol->market_max_qty,
                               symbol->min_notional, symbol->max_notional,   symbol->tick_shown,
                               symbol->step_shown};
    for (uint32_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
        if (amounts[i] < 0)
            return false;
    return symbol->tick_atoms > 0 && symbol->step_atoms > 0 && ppm_sound(symbol->maker_ppm) &&
           ppm_sound(symbol->taker_ppm) && symbol->status < STATUS_COUNT &&
           symbol->default_stp < STP_COUNT && symbol_limits_sound(&symbol->limits);
}

bool control_request_sound(const struct request *request)
{
    switch (request->type) {
    case REQUEST_KEY_ADD:
        return key_credential_sound(&request->key) && key_rules_sound(&request->key);
    case REQUEST_KEY_CHANGE:
        return key_rules_sound(&request->key);
    case REQUEST_USER_ADD:
    case REQUEST_USER_GROUP:
    case REQUEST_KEY_DELETE:
        return true;
    case REQUEST_SYMBOL_ADD:
        return symbol_sound(&request->symbol_add);
    case REQUEST_SYMBOL_STATUS:
        return request->symbol_add.status < STATUS_COUNT;
    case REQUEST_SYMBOL_UPDATE:
        return symbol_sound(&request->symbol_add);
    case REQUEST_SYMBOL_DELIST:
    case REQUEST_EXCHANGE_LIMITS:
        return true;
    default:
        return false;
    }
}

/* ---- accounts ---- */

/* Amounts below zero are the ledger's filters to refuse. */
static bool order_sound(const struct request_order *order)
{
    return order->side <= SIDE_SELL && order->type < TYPE_COUNT && order->tif < TIF_COUNT &&
           order->stp < STP_COUNT && order->resp <= RESPONSE_FULL && order->hint >= 0 &&
           (!order->by_quote || order->type == TYPE_MARKET) && order->stop >= 0 &&
           order->iceberg >= 0 && order->trail_bips <= UINT16_MAX &&
           type_waits(order->type) == (order->stop || order->trail_bips);
}

/* One of each kind; which prices they need is asked of each alone. */
static bool pair_types(uint8_t stop, uint8_t other)
{
    return type_stops_loss(stop) && (other == TYPE_TAKE_PROFIT || other == TYPE_TAKE_PROFIT_LIMIT ||
                                     other == TYPE_LIMIT_MAKER);
}

static bool list_sound(const struct request_list *list)
{
    uint32_t count = list_orders(list->kind); /* decoded, so the kind is one */
    const struct request_order *order = list->order, *last = &order[count - 1];
    for (uint32_t i = 0; i < count; i++)
        if (!order_sound(&order[i]) || order[i].by_quote)
            return false;
    if (list_has_phases(list->kind) && order->type != TYPE_LIMIT && order->type != TYPE_LIMIT_MAKER)
        return false;
    return list->kind == LIST_OTO ||
           (pair_types(last[-1].type, last->type) && last[-1].side == last->side);
}

bool account_request_sound(const struct account_shard *self, const struct request *request)
{
    const struct exchange *ex = self->shard.ex;
    switch (request->type) {
    case REQUEST_NEW:
        return request->symbol < ex->config.symbols_max && order_sound(&request->order);
    case REQUEST_LIST:
        return request->symbol < ex->config.symbols_max && list_sound(&request->list);
    case REQUEST_CANCEL:
    case REQUEST_LIST_CANCEL:
        return request->find.restriction < RESTRICT_COUNT;
    case REQUEST_REPLACE:
        return request->symbol < ex->config.symbols_max && order_sound(&request->replace.order) &&
               request->replace.cancel.restriction < RESTRICT_COUNT &&
               request->replace.mode <= REPLACE_ALLOW_FAILURE;
    case REQUEST_AMEND:
        return request->amend.find.restriction == RESTRICT_NONE;
    case REQUEST_COMMISSION:
        return ppm_sound(request->commission.maker_ppm) && ppm_sound(request->commission.taker_ppm);
    case REQUEST_DEPOSIT:
        return request->deposit.asset < exchange_assets_max(ex);
    default:
        return true;
    }
}

static bool fill_sound(const struct account_shard *self, const struct msg *msg)
{
    return msg->fill.price_ticks > 0 && msg->fill.qty_lots > 0 &&
           product_fits(msg->fill.qty_lots,
                        ledger_symbol(self->ledger, msg->symbol)->spec.lot_atoms);
}

/* A market's word on one of our open orders. */
static bool report_sound(const struct account_shard *self, const struct msg *msg)
{
    uint32_t slot = ledger_find_ref(self->ledger, msg->accepted.ref);
    if (!slot || ledger_order(self->ledger, slot)->symbol != msg->symbol ||
        account_pending(self, ledger_order(self->ledger, slot)))
        return false;
    if (msg->type == MSG_FILL)
        return fill_sound(self, msg);
    if (msg->type == MSG_TRIGGERED)
        return ledger_order(self->ledger, slot)->flags & ORDER_WAITING;
    return msg->type == MSG_ACCEPTED ||
           (msg->done.reason <= DONE_REASON_SIBLING && msg->done.reject < REJECT_COUNT);
}

/* What became of a Replace: of the new order always, of the old one if it was cancelled. */
static bool replaced_sound(const struct account_shard *self, const struct msg *msg)
{
    uint32_t old = ledger_find_ref(self->ledger, msg->replaced.ref);
    uint32_t made = ledger_find_ref(self->ledger, msg->replaced.new_ref);
    return made && ledger_order(self->ledger, made)->symbol == msg->symbol &&
           msg->replaced.reject < REJECT_COUNT &&
           (msg->replaced.reject != REJECT_NONE ||
            (old && old != made && ledger_order(self->ledger, old)->symbol == msg->symbol &&
             !account_pending(self, ledger_order(self->ledger, old))));
}

/* A prevented match of one of our open orders. */
static bool prevented_sound(const struct account_shard *self, const struct msg *msg)
{
    uint32_t slot = ledger_find_ref(self->ledger, msg->prevented.ref);
    if (!slot || ledger_order(self->ledger, slot)->symbol != msg->symbol ||
        account_pending(self, ledger_order(self->ledger, slot)))
        return false;
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    const struct prevented_ids ids = msg_prevented_ids(msg);
    int64_t lots = msg->prevented.lots;
    if ((order->order_id && order->order_id != ids.order_id) || !ids.order_id || order->due ||
        msg->prevented.price_ticks <= 0 ||
        !product_fits(lots, ledger_symbol(self->ledger, msg->symbol)->spec.lot_atoms))
        return false;
    if (order->flags & ORDER_BY_QUOTE)
        return true;
    return msg->flags & MSG_LAST ? lots == order_left(order) : lots > 0 && lots < order_left(order);
}

/* What became of an Amend that is under way. */
static bool amended_sound(const struct account_shard *self, const struct msg *msg)
{
    const struct ledger_amend *amend = ledger_amending(self->ledger, msg->amended.ref);
    uint32_t slot = ledger_find_ref(self->ledger, msg->amended.ref);
    if (!amend || msg->amended.reject >= REJECT_COUNT)
        return false;
    if (msg->amended.reject != REJECT_NONE)
        return true;
    const struct ledger_order *order = slot ? ledger_order(self->ledger, slot) : NULL;
    int64_t lots = msg->amended.lots;
    if (!order || order->symbol != msg->symbol || !order->order_id || order->due || lots <= 0)
        return false;
    int64_t left = order_left(order);
    return msg->flags & MSG_LAST ? lots == left && lots <= amend->lots
                                 : lots < left && lots == amend->lots;
}

static bool exchange_limits_sound(const int64_t value[4])
{
    for (uint32_t i = 0; i < 4; i++)
        if (value[i] < 0 || value[i] > UINT32_MAX)
            return false;
    return true;
}

bool account_link_sound(const struct account_shard *self, uint8_t type, const struct msg *msg)
{
    const struct exchange *ex = self->shard.ex;
    const int64_t *value = msg->config.value;
    if (msg->symbol >= ex->config.symbols_max)
        return false;
    if (type == RECORD_SKIP)
        return msg->type != MSG_FILL || fill_sound(self, msg);
    if (symbol_part_is(msg->type))
        return symbol_part_sound(&self->parts, msg, ledger_symbol(self->ledger, msg->symbol),
                                 exchange_assets_max(ex)) &&
               (msg->type != MSG_SYMBOL_FEES ||
                (value[3] >= exchange_market_id(ex, 0) && value[3] < ex->shards));
    switch (msg->type) {
    case MSG_USER_GROUP:
        return value[0] > 0 && value[0] <= ex->config.users_max && value[1] >= 0 &&
               value[1] <= UINT32_MAX && ledger_user_find(self->ledger, (uint32_t)value[0]);
    case MSG_USER_ADD:
        return value[0] > 0 && value[0] <= ex->config.users_max &&
               !ledger_user_find(self->ledger, (uint32_t)value[0]);
    case MSG_ACCEPTED:
    case MSG_TRIGGERED:
    case MSG_FILL:
    case MSG_DONE:
        return report_sound(self, msg);
    case MSG_REPLACED:
        return replaced_sound(self, msg);
    case MSG_PREVENTED:
        return prevented_sound(self, msg);
    case MSG_AMENDED:
        return amended_sound(self, msg);
    case MSG_DELISTED:
        return ledger_symbol(self->ledger, msg->symbol)->active;
    case MSG_EXCHANGE_LIMITS:
        return exchange_limits_sound(value);
    case MSG_CANCEL_REJECTED:
        return msg->done.reject < REJECT_COUNT;
    default:
        return false;
    }
}

/* ---- markets ---- */

/* Whether there is the account shard that would have given it: who answers sends there. */
static bool ref_sound(const struct exchange *ex, uint64_t ref)
{
    return exchange_ref_shard(ref) <= ex->config.account_shards;
}

static bool place_sound(const struct money_spec *spec, const struct msg *msg)
{
    bool market = type_is_market(msg->place.order_type);
    return (market || msg->place.price_ticks > 0) && msg->place.held >= 0 &&
           product_fits(msg->place.price_ticks, spec->tick_atoms) &&
           product_fits(msg->place.qty_lots, spec->lot_atoms) && msg->place.side <= SIDE_SELL &&
           msg->place.order_type < TYPE_COUNT && msg->place.tif < TIF_COUNT &&
           msg->place.stp < STP_COUNT;
}

static bool terms_sound(const struct msg *terms, const struct msg *place)
{
    bool group_only =
        !terms->terms.stop_ticks && !terms->terms.trail_bips && !terms->terms.iceberg_lots;
    return terms->terms.stop_ticks >= 0 && terms->terms.iceberg_lots >= 0 &&
           terms->terms.trail_bips <= UINT16_MAX && (group_only || place->place.qty_lots > 0) &&
           type_waits(place->place.order_type) ==
               (terms->terms.stop_ticks || terms->terms.trail_bips);
}

/* An order, and what it has of terms before it. */
static bool order_part_sound(const struct exchange *ex, const struct money_spec *spec,
                             const struct msg *terms, const struct msg *place)
{
    return (terms ? terms_sound(terms, place) : !type_waits(place->place.order_type)) &&
           ref_sound(ex, place->place.ref) && place_sound(spec, place);
}

/* Of one user and side, and one of each kind. */
static bool pair_sound(const struct msg *leg, const struct msg *pair)
{
    return pair_types(leg->place.order_type, pair->place.order_type) &&
           leg->place.side == pair->place.side && leg->place.user == pair->place.user &&
           leg->place.qty_lots > 0 && pair->place.qty_lots > 0 &&
           leg->place.ref != pair->place.ref && !leg->flags && !pair->flags;
}

/* market_parts_fit() has seen them. */
static bool parts_sound(const struct exchange *ex, const struct money_spec *spec,
                        const struct msg *part, uint32_t parts)
{
    const struct msg *order[2] = {NULL, NULL}; /* the last two */
    if (part->type == MSG_REPLACE_OLD &&
        !(ref_sound(ex, part->replace.ref) && part->replace.due >= 0 &&
          part->replace.mode <= REPLACE_ALLOW_FAILURE &&
          part->replace.restriction < RESTRICT_COUNT))
        return false;
    uint32_t i = part->type == MSG_REPLACE_OLD;
    for (; part[i].type == MSG_PENDING; i++) /* which is looked at, and no more */
        if (!ref_sound(ex, part[i].place.ref) || !place_sound(spec, &part[i]))
            return false;
    for (; i < parts; i++) {
        const struct msg *terms = part[i].type == MSG_TERMS ? &part[i++] : NULL;
        order[0] = order[1];
        order[1] = &part[i];
        if (!order_part_sound(ex, spec, terms, order[1]))
            return false;
    }
    return order[1]->type != MSG_PAIR || pair_sound(order[0], order[1]);
}

/* The book keeps the grid that it was made with. */
static bool market_part_sound(const struct market_shard *self, const struct msg *msg)
{
    const struct market_symbol *symbol = &self->symbols[msg->symbol];
    const int64_t *grid = msg->config.value;
    if (msg->type == MSG_SYMBOL_GRID && symbol->active &&
        (grid[0] != symbol->spec.tick_atoms || grid[1] != symbol->spec.lot_atoms))
        return false;
    return symbol_part_sound(&self->config, msg, &(struct ledger_symbol){0},
                             exchange_assets_max(self->shard.ex));
}

bool market_link_sound(const struct market_shard *self, uint8_t type, const struct msg *part,
                       uint32_t parts)
{
    const struct exchange *ex = self->shard.ex;
    const int64_t *value = part->config.value;
    if (part->symbol >= ex->config.symbols_max)
        return false;
    if (type == RECORD_SKIP)
        return true;
    const struct market_symbol *symbol = &self->symbols[part->symbol];
    if (parts > 1)
        return parts_sound(ex, &symbol->spec, part, parts);
    if (symbol_part_is(part->type))
        return market_part_sound(self, part);
    switch (part->type) {
    case MSG_PLACE:
        return ref_sound(ex, part->place.ref) && place_sound(&symbol->spec, part) &&
               !type_waits(part->place.order_type);
    case MSG_CANCEL:
        return ref_sound(ex, part->cancel.ref) && part->cancel.restriction < RESTRICT_COUNT;
    case MSG_AMEND:
        return ref_sound(ex, part->amend.ref) && part->amend.lots > 0;
    case MSG_SYMBOL_DELIST:
        return symbol->active;
    case MSG_SYMBOL_STATUS:
        return symbol->active && value[0] >= 0 && value[0] < STATUS_COUNT;
    default:
        return false;
    }
}
