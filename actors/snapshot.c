/* The exchange in a snapshot (PROTOCOL N1): control, accounts, markets, in the order of their
 * numbers; each with its sequence numbers and outboxes, and all that is its state. */
#include <stdlib.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/market_shard.h"
#include "runtime/check.h"
#include "runtime/hash.h"

/* ---- control ---- */

static void wire_control_users(struct wire *wire, struct control_shard *self)
{
    bool reading = wire_is_reading(wire);
    uint32_t max = self->shard.ex->config.users_max;
    uint32_t count = wire_count(wire, self->users_count, max);
    for (uint32_t i = 1; i <= count && wire->ok; i++) {
        struct control_user *user = &self->users[i];
        wire_text(wire, &user->length, user->name, NAME_MAX_BYTES);
        wire_i64(wire, &user->created_us);
        wire_u32(wire, &user->trade_group);
        if (reading)
            control_user_index(self, i);
    }
    self->users_count = count;
}

static void wire_control_keys(struct wire *wire, struct control_shard *self)
{
    bool reading = wire_is_reading(wire);
    uint32_t count = wire_count(wire, self->keys_count, self->keys_max);
    for (uint32_t i = 1; i <= count && wire->ok; i++) {
        struct control_key *key = &self->keys[i];
        wire_u32(wire, &key->user);
        wire_bool(wire, &key->gone);
        key_config_wire(wire, &key->config);
        wire_expect(wire, key->user >= 1 && key->user <= self->users_count);
        if (!reading)
            continue;
        if (key->gone)
            self->keys_gone++;
        else
            control_key_index(self, i);
    }
    self->keys_count = count;
}

static void wire_control_symbols(struct wire *wire, struct control_shard *self)
{
    const struct exchange *ex = self->shard.ex;
    uint32_t assets = wire_count(wire, self->assets_count, exchange_assets_max(ex));
    for (uint32_t i = 0; i < assets; i++)
        wire_bytes(wire, self->assets[i], SYMBOL_NAME_MAX);
    self->assets_count = (uint16_t)assets;
    uint32_t count = wire_count(wire, self->symbols_count, ex->config.symbols_max);
    for (uint32_t i = 0; i < count && wire->ok; i++) {
        struct symbol_config *symbol = &self->symbols[i];
        symbol_config_wire(wire, symbol);
        symbol_limits_wire(wire, &symbol->limits);
        wire_bool(wire, &symbol->delisted);
        wire_u16(wire, &symbol->base);
        wire_u16(wire, &symbol->quote);
        symbol->symbol = (uint16_t)i;
        wire_expect(wire, symbol->base < assets && symbol->quote < assets &&
                              symbol->tick_atoms > 0 && symbol->step_atoms > 0 &&
                              symbol->status < STATUS_COUNT && symbol->default_stp < STP_COUNT &&
                              symbol_limits_sound(&symbol->limits));
    }
    self->symbols_count = (uint16_t)count;
}

static void wire_control(struct wire *wire, struct control_shard *self)
{
    shard_wire(wire, &self->shard);
    wire_u32(wire, &self->version);
    wire_control_users(wire, self);
    wire_control_keys(wire, self);
    wire_control_symbols(wire, self);
    exchange_limits_wire(wire, &self->exchange);
    self->ops_count = wire_count(wire, self->ops_count, CONTROL_OPS_MAX);
    for (uint32_t i = 0; i < self->ops_count; i++) {
        struct control_op *op = &self->ops[i];
        wire_u64(wire, &op->op);
        wire_u64(wire, &op->tag);
        wire_u64(wire, &op->id);
        wire_u32(wire, &op->acks_left);
        wire_u32(wire, &op->version);
    }
}

/* ---- accounts ---- */

static void wire_ops(struct wire *wire, struct account_shard *self)
{
    self->ops_high = wire_count(wire, self->ops_high, CANCEL_OPS_MAX);
    self->ops_open = wire_count(wire, self->ops_open, self->ops_high);
    self->ops_free = wire_count(wire, self->ops_free, self->ops_high);
    for (uint32_t i = 1; i <= self->ops_high; i++) {
        struct cancel_op *op = &self->ops[i];
        wire_u64(wire, &op->tag);
        wire_u32(wire, &op->left);
        wire_u32(wire, &op->shown);
        op->next_free = wire_count(wire, op->next_free, self->ops_high);
    }
}

/* Orders whose cancel is still to be sent, in order, by ref. */
static void wire_todo(struct wire *wire, struct account_shard *self)
{
    bool reading = wire_is_reading(wire);
    uint32_t count = 0, at = BUG(72) ? 0 : self->todo_head; /* 72: a snapshot without it */
    for (uint32_t slot = at; slot; slot = ledger_order(self->ledger, slot)->todo_next)
        count++;
    count = wire_count(wire, count, reading ? ledger_open_orders(self->ledger) : count);
    for (uint32_t i = 0; i < count && wire->ok; i++) {
        uint64_t ref = reading ? 0 : ledger_order(self->ledger, at)->ref;
        wire_u64(wire, &ref);
        if (!reading) {
            at = ledger_order(self->ledger, at)->todo_next;
            continue;
        }
        uint32_t slot = ledger_find_ref(self->ledger, ref);
        if (wire_expect(wire, slot != 0 && !ledger_order(self->ledger, slot)->todo))
            account_todo_push(self, slot);
    }
}

static void wire_skipped_sums(struct wire *wire, struct account_shard *self)
{
    uint32_t assets = self->shard.skips ? exchange_assets_max(self->shard.ex) : 0;
    for (uint32_t a = 0; a < assets; a++)
        wire_sum(wire, &self->skipped_sum[a]);
}

struct op_check {
    struct wire *wire;
    uint32_t ops;
};

static void check_op(void *arg, const struct ledger_order *order)
{
    struct op_check *check = arg;
    wire_expect(check->wire, order->op <= check->ops);
}

static void wire_account(struct wire *wire, struct account_shard *self)
{
    const struct exchange *ex = self->shard.ex;
    bool reading = wire_is_reading(wire);
    shard_wire(wire, &self->shard);
    ledger_wire(wire, self->ledger);
    wire_ops(wire, self);
    struct op_check check = {.wire = wire, .ops = self->ops_high};
    ledger_each_open(self->ledger, check_op, &check);
    wire_todo(wire, self);
    wire_skipped_sums(wire, self);
    symbol_parts_wire(wire, &self->parts);
    for (uint32_t i = 0; i < ex->config.symbols_max && wire->ok; i++) {
        if (!ledger_symbol(self->ledger, (uint16_t)i)->active)
            continue;
        wire_u16(wire, &self->symbol_shard[i]);
        wire_expect(wire, self->symbol_shard[i] >= exchange_market_id(ex, 0) &&
                              self->symbol_shard[i] < ex->shards);
    }
    if (reading && wire->ok && self->todo_head)
        core_want_work(self->shard.actor.core, &self->shard.actor);
}

/* ---- markets ---- */

/* Whether the trade can have come behind the newest of the ring. */
static bool trade_sound(const struct market_symbol *symbol, const struct recent_trade *trade)
{
    const struct trade_ring *ring = &symbol->trades;
    const struct recent_trade *last = &ring->slot[ring->newest % TRADES_KEPT];
    int64_t quote, atoms;
    if (trade->price_ticks <= 0 || trade->qty_lots <= 0 || trade->ts_us < 0 || !trade->agg_id ||
        trade->agg_id > trade->id ||
        __builtin_mul_overflow(trade->price_ticks, symbol->spec.tick_atoms, &atoms) ||
        __builtin_mul_overflow(trade->qty_lots, symbol->spec.lot_atoms, &atoms) ||
        !money_quote_floor(&symbol->spec, trade->price_ticks, trade->qty_lots, &quote))
        return false;
    return last->id != ring->newest || !last->id ||
           (trade->ts_us >= last->ts_us && trade->agg_id - last->agg_id <= 1);
}

/* The newest trades, oldest first. */
static void wire_trades(struct wire *wire, struct market_symbol *symbol)
{
    struct trade_ring *ring = &symbol->trades;
    uint64_t newest = ring->newest;
    wire_u64(wire, &newest);
    if (!wire_expect(wire, newest <= INT64_MAX))
        return;
    uint32_t count = newest < TRADES_KEPT ? (uint32_t)newest : TRADES_KEPT;
    if (wire_is_reading(wire))
        ring->newest = newest - count;
    for (uint64_t id = newest - count + 1; id <= newest && wire->ok; id++) {
        struct recent_trade trade = {.id = id};
        if (!wire_is_reading(wire))
            trade = *trade_ring_at(ring, id);
        wire_u64(wire, &trade.agg_id);
        wire_u64(wire, &trade.taker_order_id);
        wire_i64(wire, &trade.price_ticks);
        wire_i64(wire, &trade.qty_lots);
        wire_i64(wire, &trade.ts_us);
        wire_bool(wire, &trade.buyer_is_maker);
        if (wire_is_reading(wire) && wire_expect(wire, trade_sound(symbol, &trade)))
            trade_ring_push(ring, &trade);
    }
}

static void wire_market_symbol(struct wire *wire, struct market_shard *self, uint16_t number)
{
    struct market_symbol *symbol = &self->symbols[number];
    bool reading = wire_is_reading(wire);
    wire_i64(wire, &symbol->spec.tick_atoms);
    wire_i64(wire, &symbol->spec.lot_atoms);
    wire_i64(wire, &symbol->min_notional);
    wire_i64(wire, &symbol->max_notional);
    symbol_limits_wire(wire, &symbol->limits);
    if (!wire_expect(wire, symbol->spec.tick_atoms > 0 && symbol->spec.lot_atoms > 0 &&
                               symbol_limits_sound(&symbol->limits)))
        return;
    for (uint32_t m = 0; m < AVG_MINUTES; m++) {
        wire_i64(wire, &symbol->avg[m].minute);
        wire_sum(wire, &symbol->avg[m].quote);
        wire_sum(wire, &symbol->avg[m].base);
    }
    if (reading)
        market_symbol_open(self, number);
    book_wire(wire, symbol->book);
    wire_trades(wire, symbol);
}

static void wire_market(struct wire *wire, struct market_shard *self)
{
    uint32_t max = self->shard.ex->config.symbols_max;
    bool reading = wire_is_reading(wire);
    ASSERT(self->matching == NULL); /* C4: no snapshot inside a match */
    shard_wire(wire, &self->shard);
    symbol_parts_wire(wire, &self->config);
    uint32_t listed = wire_count(wire, self->listed_count, max);
    for (uint32_t i = 0; i < listed && wire->ok; i++) { /* in the order of their making */
        uint16_t number = reading ? 0 : self->listed[i];
        wire_u16(wire, &number);
        if (wire_expect(wire, number < max && (!reading || !self->symbols[number].active)))
            wire_market_symbol(wire, self, number);
        wire_expect(wire, self->listed_count >= i + 1);
    }
}

/* ---- all ---- */

/* What may exist of each asset follows from the ledgers (account_shard.c). */
static void count_supply(struct exchange *ex)
{
    struct exchange_audit audit;
    void *memory = malloc(exchange_audit_bytes(ex));
    ASSERT(memory != NULL);
    exchange_totals(ex, &audit, memory);
    for (uint32_t a = 0; a < exchange_assets_max(ex); a++)
        atomic_store_explicit(&ex->supply[a],
                              (int64_t)(audit.totals[a].deposits - audit.totals[a].withdrawals),
                              memory_order_relaxed);
    free(memory);
}

void exchange_wire(struct wire *wire, struct exchange *ex)
{
    ex->replaying = true;
    wire_control(wire, ex->control);
    for (uint16_t i = 0; i < ex->config.account_shards && wire->ok; i++)
        wire_account(wire, ex->account[i]);
    for (uint16_t i = 0; i < ex->config.market_shards && wire->ok; i++)
        wire_market(wire, ex->market[i]);
    if (wire_is_reading(wire) && wire->ok)
        count_supply(ex);
}
