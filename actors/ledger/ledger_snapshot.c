/* A ledger in a snapshot: everything that is state, list by list, in the order of the lists. Slots
 * are not kept: nothing that leaves a ledger depends on them. */
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/ledger/ledger_impl.h"

static void symbol_fields(struct wire *wire, struct ledger_symbol *symbol)
{
    wire_bool(wire, &symbol->delisted);
    wire_u8(wire, &symbol->default_stp);
    wire_u16(wire, &symbol->base);
    wire_u16(wire, &symbol->quote);
    int64_t *const values[] = {&symbol->spec.tick_atoms, &symbol->spec.lot_atoms,
                               &symbol->min_price_ticks, &symbol->max_price_ticks,
                               &symbol->min_lots,        &symbol->max_lots,
                               &symbol->market_min_lots, &symbol->market_max_lots,
                               &symbol->min_notional,    &symbol->max_notional};
    for (uint32_t i = 0; i < sizeof values / sizeof *values; i++)
        wire_i64(wire, values[i]);
    wire_u32(wire, &symbol->max_orders);
    wire_i32(wire, &symbol->maker_ppm);
    wire_i32(wire, &symbol->taker_ppm);
    symbol_limits_wire(wire, &symbol->limits);
}

static void order_fields(struct wire *wire, struct ledger_order *order)
{
    wire_u64(wire, &order->ref);
    wire_u64(wire, &order->order_id);
    wire_u64(wire, &order->tag);
    int64_t *const values[] = {&order->price_ticks,   &order->qty_lots,  &order->executed_lots,
                               &order->quote_atoms,   &order->cum_quote, &order->held,
                               &order->due,           &order->time_us,   &order->updated_us,
                               &order->prevented_lots};
    for (uint32_t i = 0; i < sizeof values / sizeof *values; i++)
        wire_i64(wire, values[i]);
    wire_u64(wire, &order->prevented_id);
    wire_u64(wire, &order->list_id);
    wire_u32(wire, &order->trades);
    wire_u32(wire, &order->op);
    wire_u16(wire, &order->symbol);
    uint8_t *const kinds[] = {&order->side, &order->type,   &order->tif,
                              &order->stp,  &order->status, &order->flags,
                              &order->resp, &order->amends, &order->expiry};
    for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        wire_u8(wire, kinds[i]);
    wire_text(wire, &order->client_length, order->client_id, CLIENT_ID_MAX);
}

/* Behind the order that has them. */
static void terms_fields(struct wire *wire, struct ledger_terms *terms)
{
    wire_i64(wire, &terms->stop_ticks);
    wire_i64(wire, &terms->iceberg_lots);
    wire_i64(wire, &terms->working_us);
    wire_u32(wire, &terms->trail_bips);
    strategy_wire(wire, &terms->strategy);
}

static void order_whole(struct wire *wire, struct ledger_order *order, struct ledger_terms *terms)
{
    order_fields(wire, order);
    if (order->flags & ORDER_TERMS)
        terms_fields(wire, terms);
}

static void trade_fields(struct wire *wire, struct ledger_trade *trade)
{
    wire_u64(wire, &trade->trade_id);
    wire_u64(wire, &trade->order_id);
    wire_u64(wire, &trade->list_id);
    int64_t *const values[] = {&trade->price_ticks, &trade->qty_lots, &trade->quote_atoms,
                               &trade->fee_atoms, &trade->ts_us};
    for (uint32_t i = 0; i < sizeof values / sizeof *values; i++)
        wire_i64(wire, values[i]);
    wire_u16(wire, &trade->symbol);
    wire_u8(wire, &trade->side);
    wire_bool(wire, &trade->maker);
}

/* ---- what is there by number: symbols, totals ---- */

static void wire_symbols(struct wire *wire, struct ledger *ledger)
{
    uint32_t active = 0, max = ledger->limits.symbols;
    for (uint32_t i = 0; i < max; i++)
        active += ledger->symbols[i].active;
    active = wire_count(wire, active, max);
    for (uint32_t i = 0, n = 0; n < active && wire->ok; n++, i++) {
        while (!wire_is_reading(wire) && !ledger->symbols[i].active)
            i++;
        wire_u32(wire, &i);
        if (!wire_expect(wire, i < max))
            return;
        struct ledger_symbol *symbol = &ledger->symbols[i];
        symbol->active = true;
        symbol_fields(wire, symbol);
        wire_expect(wire, symbol->spec.tick_atoms > 0 && symbol->spec.lot_atoms > 0 &&
                              symbol->base < ledger->limits.assets &&
                              symbol->quote < ledger->limits.assets &&
                              symbol_limits_sound(&symbol->limits));
    }
}

static bool no_totals(const struct ledger_totals *totals)
{
    return totals->deposits == 0 && totals->withdrawals == 0 && totals->fees == 0;
}

static void wire_totals(struct wire *wire, struct ledger *ledger)
{
    uint32_t count = 0, max = ledger->limits.assets;
    for (uint32_t i = 0; i < max; i++)
        count += !no_totals(&ledger->totals[i]);
    count = wire_count(wire, count, max);
    for (uint32_t i = 0, n = 0; n < count && wire->ok; n++, i++) {
        while (!wire_is_reading(wire) && no_totals(&ledger->totals[i]))
            i++;
        wire_u32(wire, &i);
        if (!wire_expect(wire, i < max))
            return;
        wire_sum(wire, &ledger->totals[i].deposits);
        wire_sum(wire, &ledger->totals[i].withdrawals);
        wire_sum(wire, &ledger->totals[i].fees);
    }
}

static void wire_rates(struct wire *wire, struct ledger_rates *rates)
{
    wire_bool(wire, &rates->set);
    wire_i32(wire, &rates->maker_ppm);
    wire_i32(wire, &rates->taker_ppm);
    wire_expect(wire, rates->maker_ppm >= 0 && rates->maker_ppm < 1000000 &&
                          rates->taker_ppm >= 0 && rates->taker_ppm < 1000000);
}

/* ---- a user: balances, positions with their open orders, done orders, trades ---- */

static void wire_balances(struct wire *wire, struct ledger *ledger, uint32_t user)
{
    uint32_t count = 0, room = ledger->balance_pool.capacity - ledger->balance_pool.count;
    uint32_t at = ledger->users[user].balances;
    bool reading = wire_is_reading(wire);
    for (uint32_t slot = at; slot; slot = ledger->balances[slot].next)
        count++;
    count = wire_count(wire, count, reading ? room : count);
    for (uint32_t i = 0; i < count && wire->ok; i++) {
        struct ledger_balance fields = {0}, *balance = reading ? &fields : &ledger->balances[at];
        wire_u16(wire, &balance->asset);
        wire_i64(wire, &balance->free);
        wire_i64(wire, &balance->locked);
        at = balance->next;
        if (!reading || !wire_expect(wire, fields.asset < ledger->limits.assets))
            continue;
        balance = ledger_balance_make(ledger, user, fields.asset);
        balance->free = fields.free;
        balance->locked = fields.locked;
    }
}

/* One order of the user: written from `slot`, or read and made. 0: what was read is wrong. */
static uint32_t wire_order(struct wire *wire, struct ledger *ledger, uint32_t user, uint32_t slot)
{
    if (!wire_is_reading(wire)) {
        order_whole(wire, &ledger->orders[slot], &ledger->terms[slot]);
        return slot;
    }
    struct ledger_order order = {.user = user};
    struct ledger_terms terms = {0};
    order_whole(wire, &order, &terms);
    if (!wire_expect(wire, order.ref != 0 && order.status < ORDER_STATUS_COUNT &&
                               order.side <= SIDE_SELL && order.type < TYPE_COUNT &&
                               order.tif < TIF_COUNT && order.stp < STP_COUNT &&
                               order.symbol < ledger->limits.symbols &&
                               ledger->order_pool.count < ledger->order_pool.capacity))
        return 0;
    slot = ledger_order_make(ledger, &order);
    if (order.flags & ORDER_TERMS)
        ledger->terms[slot] = terms;
    return slot;
}

static void wire_open(struct wire *wire, struct ledger *ledger, uint32_t user, uint32_t at)
{
    struct ledger_position *position = &ledger->positions[at];
    uint32_t slot = position->head, room = ledger->limits.open_orders - ledger->open;
    bool reading = wire_is_reading(wire);
    uint32_t count = wire_count(wire, position->open, reading ? room : position->open);
    for (uint32_t i = 0; i < count && wire->ok; i++) {
        uint32_t next = ledger->orders[slot].next;
        slot = wire_order(wire, ledger, user, slot);
        if (reading && slot) {
            struct ledger_order *order = &ledger->orders[slot];
            order->position = at;
            if (wire_expect(wire, order_is_open(order) && order->symbol == position->symbol &&
                                      ledger_find_ref(ledger, order->ref) == 0))
                ledger_open_push(ledger, slot);
        }
        slot = next;
    }
}

static void wire_positions(struct wire *wire, struct ledger *ledger, uint32_t user)
{
    uint32_t count = 0, room = ledger->position_pool.capacity - ledger->position_pool.count;
    uint32_t at = ledger->users[user].positions;
    bool reading = wire_is_reading(wire);
    for (uint32_t slot = at; slot; slot = ledger->positions[slot].next)
        count++;
    count = wire_count(wire, count, reading ? room : count);
    for (uint32_t i = 0; i < count && wire->ok; i++) {
        uint16_t symbol = ledger->positions[at].symbol;
        wire_u16(wire, &symbol);
        if (!wire_expect(wire, symbol < ledger->limits.symbols))
            return;
        if (reading)
            at = ledger_position_make(ledger, user, symbol);
        wire_rates(wire, &ledger->positions[at].rates);
        wire_open(wire, ledger, user, at);
        at = ledger->positions[at].next;
    }
}

static void wire_done(struct wire *wire, struct ledger *ledger, uint32_t user)
{
    bool reading = wire_is_reading(wire);
    uint32_t slot = ledger->users[user].done_head, count = ledger->users[user].done, i = 0;
    count = wire_count(wire, count, reading ? UINT32_MAX : count);
    /* With less history than the snapshot's, the oldest are left behind. */
    for (; reading && count - i > ledger->limits.done_orders && wire->ok; i++)
        order_whole(wire, &(struct ledger_order){0}, &(struct ledger_terms){0});
    for (; i < count && wire->ok; i++) {
        uint32_t next = ledger->orders[slot].next;
        slot = wire_order(wire, ledger, user, slot);
        if (reading && slot && wire_expect(wire, !order_is_open(&ledger->orders[slot])))
            ledger_done_append(ledger, slot);
        slot = next;
    }
}

static void wire_trades(struct wire *wire, struct ledger *ledger, uint32_t user)
{
    bool reading = wire_is_reading(wire);
    uint32_t slot = ledger->users[user].trade_head, count = ledger->users[user].trades, i = 0;
    count = wire_count(wire, count, reading ? UINT32_MAX : count);
    for (; reading && count - i > ledger->limits.done_orders && wire->ok; i++)
        trade_fields(wire, &(struct ledger_trade){0});
    for (; i < count && wire->ok; i++) {
        struct ledger_trade fields = {0};
        trade_fields(wire, reading ? &fields : &ledger->trades[slot]);
        if (!reading) {
            slot = ledger->trades[slot].next;
            continue;
        }
        if (!wire_expect(wire, fields.symbol < ledger->limits.symbols &&
                                   ledger->trade_pool.count < ledger->trade_pool.capacity))
            return;
        uint32_t order = ledger_find_order_id(ledger, user, fields.symbol, fields.order_id);
        ledger_trade_append(ledger, &ledger->users[user], order ? &ledger->orders[order] : NULL,
                            &fields);
    }
}

static void list_fields(struct wire *wire, struct ledger_list *list)
{
    wire_u64(wire, &list->id);
    wire_i64(wire, &list->time_us);
    wire_i64(wire, &list->price_atoms);
    wire_u64(wire, &list->cancel_tag);
    wire_u16(wire, &list->symbol);
    uint8_t *const kinds[] = {&list->kind, &list->phase, &list->open};
    for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        wire_u8(wire, kinds[i]);
    wire_bool(wire, &list->started);
    wire_bool(wire, &list->cancel_half);
    wire_text(wire, &list->client_length, list->client_id, CLIENT_ID_MAX);
    if (!wire_expect(wire, list->id != 0 && list->kind < LIST_KINDS && list->phase <= LIST_SECOND &&
                               list->open <= list_orders(list->kind)))
        return;
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        wire_u64(wire, &list->order[i].ref);
        wire_expect(wire, i == 0 || list->order[i].ref > list->order[i - 1].ref);
        wire_u64(wire, &list->order[i].order_id);
        wire_text(wire, &list->order[i].client_length, list->order[i].client_id, CLIENT_ID_MAX);
    }
}

/* The user's open lists, or those that are done: a chain, oldest first. */
static void wire_lists(struct wire *wire, struct ledger *ledger, uint32_t user, uint32_t slot,
                       uint32_t count, bool done)
{
    bool reading = wire_is_reading(wire);
    uint32_t i = 0;
    count = wire_count(wire, count, reading ? UINT32_MAX : count);
    for (; reading && done && count - i > ledger->limits.done_orders && wire->ok; i++)
        list_fields(wire, &(struct ledger_list){0});
    for (; i < count && wire->ok; i++) {
        struct ledger_list fields = {.user = user, .done = done};
        list_fields(wire, reading ? &fields : &ledger->lists[slot]);
        if (!reading)
            slot = ledger->lists[slot].next;
        else if (wire_expect(wire, fields.symbol < ledger->limits.symbols &&
                                       (fields.open == 0) == done &&
                                       !pool_full(&ledger->list_pool, 1) &&
                                       !ledger_find_list(ledger, fields.id)))
            ledger_list_append(ledger, &fields);
    }
}

/* Whether the open order and the list it says it is of know each other, as what the kind has there.
 */
static bool fits_list(const struct ledger_list *list, const struct ledger_order *order)
{
    uint32_t place = 0, count = list_orders(list->kind);
    while (place < count && list->order[place].ref != order->ref)
        place++;
    bool pended = list_has_phases(list->kind) && place > 0;
    bool paired = list->kind != LIST_OTO && place + 2 >= count;
    return place < count && !list->done && list->user == order->user &&
           list->symbol == order->symbol && list->order[place].order_id == order->order_id &&
           pended == !!(order->flags & ORDER_PENDED) && (paired || !(order->flags & ORDER_SHARED));
}

/* Whether each open order that says so is of a list, and no list counts more. */
static void expect_lists(struct wire *wire, const struct ledger *ledger, uint32_t user)
{
    for (uint32_t at = ledger->users[user].lists_head; at; at = ledger->lists[at].next) {
        const struct ledger_list *list = &ledger->lists[at];
        uint32_t open = 0;
        for (uint32_t i = 0; i < list_orders(list->kind); i++) {
            uint32_t slot = ledger_find_ref(ledger, list->order[i].ref);
            open += slot && ledger->orders[slot].list_id == list->id;
        }
        wire_expect(wire, open == list->open);
    }
    for (uint32_t at = ledger->users[user].positions; at; at = ledger->positions[at].next)
        for (uint32_t slot = ledger->positions[at].head; slot; slot = ledger->orders[slot].next) {
            const struct ledger_order *order = &ledger->orders[slot];
            uint32_t list = order->list_id ? ledger_find_list(ledger, order->list_id) : 0;
            wire_expect(wire, order->list_id ? list && fits_list(&ledger->lists[list], order)
                                             : !(order->flags & (ORDER_SHARED | ORDER_PENDED)));
        }
}

static void wire_users(struct wire *wire, struct ledger *ledger)
{
    bool reading = wire_is_reading(wire);
    uint32_t count = wire_count(wire, ledger->user_pool.count, ledger->limits.users);
    for (uint32_t user = 1; user <= count && wire->ok; user++) {
        uint32_t id = ledger->users[user].id;
        wire_u32(wire, &id);
        if (reading && wire_expect(wire, ledger_user_find(ledger, id) == 0))
            ledger_user_add(ledger, id);
        if (!wire->ok)
            return;
        wire_u32(wire, &ledger->users[user].trade_group);
        for (uint32_t i = 0; i < ORDER_INTERVALS; i++) {
            wire_u32(wire, &ledger->users[user].unfilled[i].interval);
            wire_u32(wire, &ledger->users[user].unfilled[i].count);
        }
        wire_rates(wire, &ledger->users[user].rates);
        wire_balances(wire, ledger, user);
        wire_positions(wire, ledger, user);
        wire_done(wire, ledger, user);
        wire_trades(wire, ledger, user);
        const struct ledger_user *owner = &ledger->users[user];
        wire_lists(wire, ledger, user, owner->lists_head, owner->lists, false);
        wire_lists(wire, ledger, user, owner->list_done_head, owner->lists_done, true);
        if (reading)
            expect_lists(wire, ledger, user);
    }
}

static void wire_deposits(struct wire *wire, struct ledger *ledger)
{
    bool reading = wire_is_reading(wire);
    uint32_t count = wire_count(wire, ledger->deposit_pool.count, ledger->limits.deposits);
    for (uint32_t slot = 1; slot <= count && wire->ok; slot++) {
        struct ledger_deposit fields = {0};
        struct ledger_deposit *deposit = reading ? &fields : &ledger->deposits[slot];
        wire_bytes(wire, deposit->request_id, REQUEST_ID_BYTES);
        wire_i64(wire, &deposit->amount);
        wire_i64(wire, &deposit->free_after);
        wire_u32(wire, &deposit->user);
        wire_u16(wire, &deposit->asset);
        if (reading && wire->ok)
            ledger_deposit_append(ledger, &fields);
    }
}

/* By the id of their user: slots are not kept. */
static void wire_amends(struct wire *wire, struct ledger *ledger)
{
    bool reading = wire_is_reading(wire);
    ledger->amend_count = wire_count(wire, ledger->amend_count, LEDGER_AMENDS_MAX);
    for (uint32_t i = 0; i < ledger->amend_count && wire->ok; i++) {
        struct ledger_amend *amend = &ledger->amends[i];
        uint32_t user = reading ? 0 : ledger->users[amend->user].id;
        wire_u64(wire, &amend->ref);
        wire_u64(wire, &amend->tag);
        wire_i64(wire, &amend->lots);
        wire_u32(wire, &user);
        wire_text(wire, &amend->client_length, amend->client_id, CLIENT_ID_MAX);
        if (reading)
            amend->user = ledger_user_find(ledger, user);
        wire_expect(wire, amend->user != 0 && amend->lots > 0);
    }
}

void ledger_wire(struct wire *wire, struct ledger *ledger)
{
    wire_u64(wire, &ledger->ref_counter);
    wire_u64(wire, &ledger->list_counter);
    wire_u64(wire, &ledger->digest);
    exchange_limits_wire(wire, &ledger->exchange);
    wire_symbols(wire, ledger);
    wire_totals(wire, ledger);
    wire_users(wire, ledger);
    if (!BUG(35)) /* 35: an amendment under way is not in the snapshot */
        wire_amends(wire, ledger);
    if (!BUG(9)) /* 9: the table of deposits is not in the snapshot */
        wire_deposits(wire, ledger);
}
