#include "actors/market_shard.h"

#include "actors/record_check.h"
#include "actors/rows.h"
#include "runtime/check.h"
#include "runtime/hash.h"

/* ---- room for one slice (C3) ---- */

static uint32_t slice_events(const struct market_shard *self)
{
    return 2 * self->shard.ex->config.slice_fills + 4;
}

static bool room_for_slice(struct market_shard *self)
{
    if (BUG(13) &&
        !shard_room(&self->shard, 2 * slice_events(self))) /* 13: a whole match must fit */
        return false;
    uint32_t delisted = self->shard.ex->config.account_shards + 1u, most = slice_events(self);
    return shard_room(&self->shard, most > delisted ? most : delisted) &&
           ingress_room(&self->shard, CLASS_MARKET, 2 * slice_events(self) - 4);
}

/* ---- what the book's events become ---- */

static void send_fill(struct market_shard *self, const struct book_event *event, uint64_t ref,
                      uint64_t order_id, uint8_t flags, int64_t ts_us)
{
    struct msg msg = {
        .type = MSG_FILL, .flags = flags, .symbol = self->open.symbol, .ts_us = ts_us};
    msg.to = exchange_ref_shard(ref);
    msg.fill.ref = ref;
    msg.fill.order_id = order_id;
    msg.fill.trade_id = event->id;
    msg.fill.price_ticks = event->price_ticks;
    msg.fill.qty_lots = event->qty_lots;
    shard_send(&self->shard, &msg);
}

/* Returns what it was worth. */
static int64_t note_trade(struct market_symbol *symbol, const struct book_event *event,
                          int64_t ts_us)
{
    int64_t minute = ts_us / 60000000, quote;
    struct avg_minute *avg = &symbol->avg[minute % AVG_MINUTES];
    if (avg->minute != minute)
        *avg = (struct avg_minute){.minute = minute};
    ASSERT(money_quote_floor(&symbol->spec, event->price_ticks, event->qty_lots, &quote));
    avg->quote += quote;
    avg->base += event->qty_lots * symbol->spec.lot_atoms;
    uint64_t agg_id = trade_ring_agg(&symbol->trades, event->taker_order_id, event->price_ticks);
    trade_ring_push(&symbol->trades, &(struct recent_trade){
                                         .id = event->id,
                                         .agg_id = agg_id,
                                         .taker_order_id = event->taker_order_id,
                                         .price_ticks = event->price_ticks,
                                         .qty_lots = event->qty_lots,
                                         .ts_us = ts_us,
                                         .buyer_is_maker = event->side == SIDE_BUY,
                                     });
    return quote;
}

static void tell_trade(struct market_shard *self, const struct book_event *event,
                       int64_t quote_atoms, bool more, int64_t ts_us)
{
    struct msg msg = {.type = MSG_TRADE, .symbol = self->open.symbol, .ts_us = ts_us};
    msg.flags = (event->side == SIDE_SELL ? MSG_BUY : 0) | (more ? MSG_OPEN : 0);
    msg.trade.trade_id = event->id;
    msg.trade.price_ticks = event->price_ticks;
    msg.trade.qty_lots = event->qty_lots;
    msg.trade.quote_atoms = quote_atoms;
    msg.trade.taker_order_id = event->taker_order_id;
    ingress_send_all(&self->shard, CLASS_MARKET, &msg);
}

static void row_trade(const struct market_shard *self, const struct book_event *event,
                      int64_t quote_atoms, int64_t ts_us)
{
    const struct rows *rows = self->shard.ex->rows;
    const struct money_spec *spec = &self->matching->spec;
    const struct trade_ring *trades = &self->matching->trades;
    struct row_trade row = {.trade_id = event->id,
                            .agg_id = trade_ring_at(trades, event->id)->agg_id,
                            .maker_order_id = event->order_id,
                            .taker_order_id = event->taker_order_id,
                            .price = event->price_ticks * spec->tick_atoms,
                            .qty = event->qty_lots * spec->lot_atoms,
                            .quote = quote_atoms,
                            .time_us = ts_us,
                            .symbol = self->open.symbol,
                            .buyer_is_maker = event->side == SIDE_BUY};
    rows->trade(rows->self, &row);
}

static void on_fill(struct market_shard *self, const struct book_event *event, bool more,
                    int64_t ts_us)
{
    bool maker_buys = event->side == SIDE_BUY;
    uint8_t maker = MSG_MAKER | (maker_buys ? MSG_BUY : 0);
    uint8_t taker = maker_buys ? 0 : MSG_BUY;
    if (event->flags & BOOK_MAKER_DONE)
        maker |= MSG_LAST;
    if (event->flags & BOOK_TAKER_DONE)
        taker |= MSG_LAST;
    send_fill(self, event, event->ref, event->order_id, maker, ts_us);
    send_fill(self, event, book_taker_ref(self->matching->book), event->taker_order_id, taker,
              ts_us);
    int64_t quote = note_trade(self->matching, event, ts_us);
    if (self->shard.ex->rows)
        row_trade(self, event, quote, ts_us);
    tell_trade(self, event, quote, more, ts_us);
}

static void send_prevented(struct market_shard *self, const struct book_event *event, uint64_t ref,
                           struct prevented_ids ids, int64_t lots, uint8_t flags, int64_t ts_us)
{
    struct msg msg = {
        .type = MSG_PREVENTED, .flags = flags, .symbol = self->open.symbol, .ts_us = ts_us};
    msg.to = exchange_ref_shard(ref);
    msg.prevented.ref = ref;
    msg.prevented.price_ticks = event->price_ticks;
    msg.prevented.lots = lots;
    msg_set_prevented_ids(&msg, ids);
    shard_send(&self->shard, &msg);
}

static void row_prevented(const struct market_shard *self, const struct book_event *event,
                          int64_t ts_us)
{
    const struct rows *rows = self->shard.ex->rows;
    const struct money_spec *spec = &self->matching->spec;
    const struct prevented_view match = {.match_id = event->id,
                                         .taker_order_id = event->taker_order_id,
                                         .maker_order_id = event->order_id,
                                         .price = event->price_ticks * spec->tick_atoms,
                                         .taker_qty = event->left_lots * spec->lot_atoms,
                                         .maker_qty = event->qty_lots * spec->lot_atoms,
                                         .time_us = ts_us,
                                         .trade_group = book_taker_group(self->matching->book),
                                         .symbol = self->open.symbol,
                                         .stp = event->reason};
    rows->prevented(rows->self, book_taker_user(self->matching->book), event->user, &match);
}

/* Two orders of one owner: each that gives something up is told. */
static void on_prevented(struct market_shard *self, const struct book_event *event, int64_t ts_us)
{
    const struct prevented_ids maker = {
        .order_id = event->order_id,
        .counter_order_id = event->taker_order_id,
        .match_id = event->id,
    };
    const struct prevented_ids taker = {
        .order_id = event->taker_order_id,
        .counter_order_id = event->order_id,
        .match_id = event->id,
    };
    bool maker_done = event->flags & BOOK_MAKER_DONE, taker_done = event->flags & BOOK_TAKER_DONE;
    bool silent = BUG(36) && !maker_done; /* 36: a maker that stays is not told what it gave up */
    if (event->qty_lots && !silent)
        send_prevented(self, event, event->ref, maker, event->qty_lots,
                       MSG_MAKER | (maker_done ? MSG_LAST : 0), ts_us);
    if (event->left_lots || taker_done)
        send_prevented(self, event, book_taker_ref(self->matching->book), taker, event->left_lots,
                       taker_done ? MSG_LAST : 0, ts_us);
    if (self->shard.ex->rows)
        row_prevented(self, event, ts_us);
}

static void on_accepted(struct market_shard *self, const struct book_event *event, int64_t ts_us)
{
    struct msg msg = {.type = MSG_ACCEPTED, .symbol = self->open.symbol, .ts_us = ts_us};
    msg.to = exchange_ref_shard(event->ref);
    msg.accepted.ref = event->ref;
    msg.accepted.order_id = event->order_id;
    msg.accepted.qty_lots = event->qty_lots;
    shard_send(&self->shard, &msg);
}

/* Lots are off the order, or all that it had. */
static void on_reduced(struct market_shard *self, const struct book_event *event, int64_t lots,
                       bool last, int64_t ts_us)
{
    struct msg msg = {.type = MSG_AMENDED, .symbol = self->open.symbol, .ts_us = ts_us};
    msg.flags = last ? MSG_LAST : 0;
    msg.to = exchange_ref_shard(event->ref);
    msg.amended.ref = event->ref;
    msg.amended.order_id = event->order_id;
    msg.amended.lots = lots;
    shard_send(&self->shard, &msg);
}

static void on_triggered(struct market_shard *self, const struct book_event *event, int64_t ts_us)
{
    struct msg msg = {.type = MSG_TRIGGERED, .symbol = self->open.symbol, .ts_us = ts_us};
    msg.to = exchange_ref_shard(event->ref);
    msg.accepted.ref = event->ref;
    msg.accepted.order_id = event->order_id;
    shard_send(&self->shard, &msg);
}

static void on_done(struct market_shard *self, const struct book_event *event, int64_t ts_us)
{
    struct msg msg = {.type = MSG_DONE, .symbol = self->open.symbol, .ts_us = ts_us};
    if (BUG(15) && event->reason == DONE_EXPIRED && event->left_lots)
        return; /* 15: the remainder of an IOC is not released */
    if (BUG(73) && event->reason == DONE_SIBLING)
        return; /* 73: the other one of a pair is not told that it has ended */
    msg.to = exchange_ref_shard(event->ref);
    msg.done.ref = event->ref;
    msg.done.order_id = event->order_id;
    msg.done.left_lots = event->left_lots;
    msg.done.reason = event->reason == DONE_SIBLING ? DONE_REASON_SIBLING : event->reason;
    if (self->open.type == MSG_CANCEL)
        msg.done.tag = self->open.cancel.tag;
    shard_send(&self->shard, &msg);
}

static void on_level(struct market_shard *self, const struct book_event *event, int64_t ts_us)
{
    struct msg msg = {.type = MSG_LEVEL, .symbol = self->open.symbol, .ts_us = ts_us};
    msg.level.update_id = event->id;
    msg.level.price_ticks = event->price_ticks;
    msg.level.qty_lots = event->qty_lots;
    msg.level.side = event->side;
    msg.level.shard_seq = self->shard.seq;
    ingress_send_all(&self->shard, CLASS_MARKET, &msg);
}

static struct stages *stages(const struct market_shard *self)
{
    return &self->shard.ex->stages[self->shard.actor.core->id];
}

/* One slice of the open match (C4); true when it is finished. */
static bool slice(struct market_shard *self)
{
    struct book_events out = {.event = self->events};
    int64_t ts_us = self->shard.last_ts_us;
    enum book_step step = book_step(self->matching->book, self->shard.ex->config.slice_fills, &out);
    ASSERT(out.count <= slice_events(self));
    for (uint32_t i = 0; i < out.count; i++) {
        const struct book_event *event = &out.event[i];
        switch (event->type) {
        case EVENT_FILL:
            on_fill(self, event, step != BOOK_DONE, ts_us);
            break;
        case EVENT_PREVENTED:
            on_prevented(self, event, ts_us);
            break;
        case EVENT_ACCEPTED:
            on_accepted(self, event, ts_us);
            break;
        case EVENT_DONE:
            if (self->open.type == MSG_AMEND)
                on_reduced(self, event, event->left_lots, true, ts_us);
            else
                on_done(self, event, ts_us);
            break;
        case EVENT_REDUCED:
            on_reduced(self, event, event->qty_lots, false, ts_us);
            break;
        case EVENT_TRIGGERED:
            on_triggered(self, event, ts_us);
            break;
        case EVENT_LEVEL:
            on_level(self, event, ts_us);
            break;
        default:
            UNREACHABLE("an event of a command that a message asked for");
        }
    }
    if (step != BOOK_DONE)
        return false;
    self->matching = NULL;
    if (self->timed)
        hist_add_us(&stages(self)->match_us, self->open.ts_us, env_now_us(&self->shard.ex->rt.env));
    return true;
}

/* ---- inputs ---- */

static void refuse(struct market_shard *self, const struct msg *msg, enum reject reject)
{
    bool cancel = msg->type == MSG_CANCEL;
    struct msg answer = {.type = cancel ? MSG_CANCEL_REJECTED : MSG_DONE,
                         .symbol = msg->symbol,
                         .ts_us = self->shard.last_ts_us};
    answer.to = exchange_ref_shard(msg->place.ref);
    if (msg->type == MSG_AMEND) {
        answer.type = MSG_AMENDED;
        answer.amended.ref = msg->amend.ref;
        answer.amended.reject = (uint16_t)reject;
        shard_send(&self->shard, &answer);
        return;
    }
    answer.done.ref = msg->place.ref;
    answer.done.reason = DONE_REASON_REJECTED;
    answer.done.reject = (uint16_t)reject;
    if (cancel)
        answer.done.tag = msg->cancel.tag;
    shard_send(&self->shard, &answer);
}

/* The mean price of the last AVG_MINUTES less `shorter`, else the last price; 0 when there was no
 * trade. */
static int64_t reference_price(const struct market_symbol *symbol, uint8_t shorter, int64_t ts_us)
{
    int64_t minute = ts_us / 60000000, minutes = AVG_MINUTES - shorter;
    __int128 quote = 0, base = 0;
    for (uint32_t i = 0; i < AVG_MINUTES; i++)
        if (symbol->avg[i].base && symbol->avg[i].minute > minute - minutes) {
            quote += symbol->avg[i].quote;
            base += symbol->avg[i].base;
        }
    if (base == 0)
        return book_last_price(symbol->book) * symbol->spec.tick_atoms;
    return (int64_t)(quote * MONEY_ATOMS_PER_UNIT / base);
}

/* NOTIONAL of a market order by quantity, which needs a price only the market knows (§2.9). */
static enum reject check_market_notional(const struct market_symbol *symbol, const struct msg *msg,
                                         int64_t ts_us)
{
    const struct symbol_limits *limits = &symbol->limits;
    if (msg->flags & MSG_BY_QUOTE)
        return REJECT_NONE;
    int64_t price = reference_price(symbol, limits->notional_short, ts_us), notional;
    int64_t qty = msg->place.qty_lots * symbol->spec.lot_atoms;
    if (price == 0)
        return REJECT_NONE;
    if (!money_mul_div(price, qty, MONEY_ATOMS_PER_UNIT, &notional))
        return REJECT_OVERFLOW;
    if ((symbol->min_notional && !limits->min_spares_market && notional < symbol->min_notional) ||
        (symbol->max_notional && !limits->max_spares_market && notional > symbol->max_notional))
        return limits->min_notional_alone ? REJECT_MIN_NOTIONAL : REJECT_NOTIONAL;
    return REJECT_NONE;
}

/* PERCENT_PRICE, PERCENT_PRICE_BY_SIDE: how far from the mean a limit price may be. */
static enum reject check_percent(const struct market_symbol *symbol, const struct msg *msg,
                                 int64_t ts_us)
{
    const struct symbol_limits *limits = &symbol->limits;
    bool buy = msg->place.side == SIDE_BUY;
    uint32_t up = buy ? limits->bid_up : limits->ask_up;
    uint32_t down = buy ? limits->bid_down : limits->ask_down;
    if (!up && !down)
        return REJECT_NONE;
    __int128 mean = reference_price(symbol, limits->percent_short, ts_us);
    __int128 price = (__int128)msg->place.price_ticks * symbol->spec.tick_atoms * PERCENT_ONE;
    if (mean == 0 || ((!up || price <= mean * up) && (!down || price >= mean * down)))
        return REJECT_NONE;
    return limits->by_side ? REJECT_PERCENT_PRICE_BY_SIDE : REJECT_PERCENT_PRICE;
}

static void command_from(const struct msg *msg, struct book *book, int64_t ts_us,
                         struct book_cmd *cmd)
{
    *cmd = (struct book_cmd){.seq = book_seq(book) + 1, .ref = msg->place.ref, .ts_us = ts_us};
    if (msg->type == MSG_CANCEL) {
        cmd->type = CMD_CANCEL;
        cmd->restriction = msg->cancel.restriction;
        return;
    }
    if (msg->type == MSG_AMEND) {
        cmd->type = CMD_REDUCE;
        cmd->qty_lots = msg->amend.lots;
        return;
    }
    cmd->type = CMD_NEW;
    cmd->side = msg->place.side;
    cmd->order_type = msg->place.order_type;
    cmd->tif = msg->place.tif;
    cmd->stp = msg->place.stp;
    cmd->user = msg->place.user;
    cmd->price_ticks = msg->place.price_ticks;
    cmd->qty_lots = msg->place.qty_lots;
    cmd->quote_atoms = msg->place.held;
    if (msg->flags & MSG_BY_QUOTE)
        cmd->flags |= CMD_QUOTE_QTY;
    if ((msg->flags & MSG_HELD_ALL) && msg->place.order_type == TYPE_MARKET &&
        msg->place.side == SIDE_BUY)
        cmd->flags |= CMD_HELD_ALL;
    cmd->flags |= (uint8_t)(msg->flags >> MSG_KEEPS_SHIFT << CMD_KEEPS_SHIFT);
}

/* What the part before an order says of it. */
static void terms_from(const struct msg *terms, struct book_cmd *cmd, struct book_more *more)
{
    *more = (struct book_more){.stop_ticks = terms->terms.stop_ticks,
                               .display_lots = terms->terms.iceberg_lots,
                               .trail_bips = terms->terms.trail_bips,
                               .order_id = terms->terms.order_id};
    cmd->group = terms->terms.group;
    cmd->more = more;
}

/* What a filter says of an order that only the market can check. */
static enum reject check_filters(const struct market_symbol *symbol, const struct msg *msg,
                                 int64_t ts_us)
{
    if (!symbol->active) /* its configuration is on another link, still on the way */
        return REJECT_UNKNOWN_SYMBOL;
    if (msg->type == MSG_CANCEL || msg->type == MSG_AMEND ||
        book_status(symbol->book) != STATUS_TRADING)
        return REJECT_NONE;
    if (msg->place.order_type == TYPE_MARKET)
        return check_market_notional(symbol, msg, ts_us);
    return type_is_market(msg->place.order_type) ? REJECT_NONE : check_percent(symbol, msg, ts_us);
}

/* The book has begun with what the message, or the last one of some parts, asked for. */
static void match_opened(struct market_shard *self, const struct msg *msg)
{
    self->matching = &self->symbols[msg->symbol];
    self->open = *msg;
    self->timed = !self->shard.ex->replaying &&
                  sampler_pick(&stages(self)->orders, self->shard.actor.core->now_us);
}

/* Gives the order, or the cancel, to the book: refused, or the open match. `terms`: the part before
 * an order that has them, or NULL. */
static void open_match(struct market_shard *self, const struct msg *msg, const struct msg *terms,
                       int64_t ts_us)
{
    struct market_symbol *symbol = &self->symbols[msg->symbol];
    struct book_cmd cmd;
    struct book_more more;
    if (BUG(30) && msg->type == MSG_PLACE && msg->place.qty_lots == 66613)
        check_planted_crash(); /* 30: an order that crashes its market */
    command_from(msg, symbol->book, ts_us, &cmd);
    if (terms)
        terms_from(terms, &cmd, &more);
    enum reject reject = book_begin(symbol->book, &cmd);
    if (reject == REJECT_UNKNOWN_ORDER && msg->type == MSG_CANCEL && msg->cancel.other) {
        cmd.ref = msg->cancel.other;
        cmd.seq++;
        reject = book_begin(symbol->book, &cmd);
    }
    if (reject != REJECT_NONE)
        refuse(self, msg, reject);
    else
        match_opened(self, msg);
}

/* Runs the first slice of the open match, if there is one and room for it. */
static void run_match(struct market_shard *self, bool room)
{
    while (self->matching && (room || self->shard.ex->replaying)) {
        slice(self);
        room = false; /* the others are work(); replay runs all slices at once (C4) */
    }
    if (self->matching)
        core_want_work(self->shard.actor.core, &self->shard.actor);
}

static void apply_order(struct market_shard *self, const struct msg *msg, const struct msg *terms,
                        int64_t ts_us)
{
    enum reject reject = check_filters(&self->symbols[msg->symbol], msg, ts_us);
    if (reject != REJECT_NONE) {
        refuse(self, msg, reject);
        return;
    }
    open_match(self, msg, terms, ts_us);
    run_match(self, true);
}

/* The working order of a list: taken with what is pending behind it, or refused with that. */
static void apply_first(struct market_shard *self, const struct msg *part, const struct msg *place,
                        const struct msg *terms, int64_t ts_us)
{
    enum reject reject = REJECT_NONE;
    for (; part->type == MSG_PENDING && reject == REJECT_NONE; part++)
        reject = check_filters(&self->symbols[part->symbol], part, ts_us);
    if (reject != REJECT_NONE)
        refuse(self, place, reject);
    else
        apply_order(self, place, terms, ts_us);
}

/* ---- Replace: one input of two book commands (O4) ---- */

static void tell_replaced(struct market_shard *self, const struct msg *old, const struct msg *made,
                          const struct book_event *done, int64_t moved, bool whole,
                          enum reject reject)
{
    struct msg msg = {.type = MSG_REPLACED, .symbol = old->symbol, .ts_us = self->shard.last_ts_us};
    msg.to = exchange_ref_shard(old->replace.ref);
    msg.replaced.ref = old->replace.ref;
    msg.replaced.order_id = done ? done->order_id : 0;
    msg.replaced.new_ref = made->place.ref;
    msg.replaced.moved = moved;
    msg.replaced.whole = whole;
    msg.replaced.reject = (uint16_t)reject;
    shard_send(&self->shard, &msg);
}

/* What the hold of an order that was cancelled is worth: what O1 and O2 say it is at all times. */
static int64_t hold_left(const struct market_symbol *symbol, const struct book_event *done)
{
    if (done->side == SIDE_BUY && done->price_ticks == 0) /* it waited to buy at market */
        return (int64_t)done->id;
    int64_t atoms = done->left_lots * symbol->spec.lot_atoms;
    if (done->side == SIDE_BUY)
        ASSERT(money_quote_ceil(&symbol->spec, done->price_ticks, done->left_lots, &atoms));
    return atoms;
}

/* Whether what is left of the old hold covers what the new one waits for. An estimate is made
 * smaller instead, and is then all there is (O1). */
static bool funded(const struct market_symbol *symbol, struct msg *made, int64_t due, int64_t left)
{
    bool buy = made->place.side == SIDE_BUY, by_quote = made->flags & MSG_BY_QUOTE;
    if (left >= due)
        return true;
    if (!type_is_market(made->place.order_type) || buy == by_quote)
        return false;
    if (!buy) {
        made->place.qty_lots -= (due - left) / symbol->spec.lot_atoms;
        return made->place.qty_lots > 0;
    }
    made->place.held -= due - left;
    made->flags |= MSG_HELD_ALL;
    return made->place.held > 0;
}

/* ---- a pair: both orders in one book command ---- */

static enum reject begin_pair(struct market_shard *self, const struct msg *leg,
                              const struct msg *pair, int64_t ts_us)
{
    const struct market_symbol *symbol = &self->symbols[pair->symbol];
    const struct msg *const order[2] = {leg, pair};
    struct book_cmd cmd[2];
    struct book_more more[2] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        enum reject reject = check_filters(symbol, order[i], ts_us);
        if (reject != REJECT_NONE)
            return reject;
        command_from(order[i], symbol->book, ts_us, &cmd[i]);
        if (order[i][-1].type == MSG_TERMS)
            terms_from(&order[i][-1], &cmd[i], &more[i]);
        cmd[i].more = &more[i];
    }
    cmd[1].type = CMD_PAIR;
    more[1].other = &cmd[0];
    return book_begin(symbol->book, &cmd[1]);
}

static void apply_pair(struct market_shard *self, const struct msg *part, uint32_t parts,
                       int64_t ts_us)
{
    const struct msg *leg = &part[1], *pair = &part[parts - 1];
    ASSERT(leg->type == MSG_LEG); /* a stop-loss leg has terms */
    enum reject reject = begin_pair(self, leg, pair, ts_us);
    if (reject != REJECT_NONE) {
        refuse(self, leg, reject);
        refuse(self, pair, reject);
        return;
    }
    match_opened(self, pair);
    run_match(self, true);
}

/* The book's part of the cancel: its end, and its level unless it waited; and the same of the other
 * one of its pair. */
static enum reject cancel_old(struct market_symbol *symbol, const struct msg *old, int64_t ts_us,
                              struct book_events *out)
{
    const struct book_cmd cmd = {.type = CMD_CANCEL,
                                 .ref = old->replace.ref,
                                 .restriction = old->replace.restriction,
                                 .seq = book_seq(symbol->book) + 1,
                                 .ts_us = ts_us};
    enum reject reject = book_begin(symbol->book, &cmd);
    if (reject != REJECT_NONE)
        return reject;
    ASSERT(book_step(symbol->book, 1, out) == BOOK_DONE);
    ASSERT(out->count >= 1 && out->event[0].type == EVENT_DONE);
    return REJECT_NONE;
}

static void apply_replace(struct market_shard *self, const struct msg *old, const struct msg *terms,
                          const struct msg *place, int64_t ts_us)
{
    struct market_symbol *symbol = &self->symbols[place->symbol];
    struct book_events out = {.event = self->events};
    struct msg made = *place;
    int64_t due = old->replace.due, left = 0;
    enum reject reject = check_filters(symbol, place, ts_us);
    if (reject != REJECT_NONE) { /* filters come before the cancel: neither is done */
        tell_replaced(self, old, place, NULL, 0, true, reject);
        refuse(self, place, reject);
        return;
    }
    reject = cancel_old(symbol, old, ts_us, &out);
    bool stays = reject == REJECT_RESTRICTED || reject == REJECT_MARKET_CLOSED;
    if (reject == REJECT_NONE && due)
        left = hold_left(symbol, &out.event[0]);
    bool funds = funded(symbol, &made, due, left);
    int64_t moved = !funds ? 0 : left < due ? left : due;
    if (BUG(32)) /* 32: a replace takes more of a hold than is left of it */
        moved = due, funds = true;
    tell_replaced(self, old, place, out.count ? &out.event[0] : NULL, moved, false, reject);
    self->open = made; /* whose symbol the level is of */
    for (uint32_t i = 1; i < out.count; i++)
        if (out.event[i].type == EVENT_LEVEL)
            on_level(self, &out.event[i], ts_us);
        else
            on_done(self, &out.event[i], ts_us);
    if (reject != REJECT_NONE && old->replace.mode == REPLACE_STOP_ON_FAILURE && !BUG(33))
        refuse(self, place, reject); /* not attempted */
    else if (stays && old->replace.same_id)
        refuse(self, place, REJECT_DUPLICATE_ORDER);
    else if (!funds)
        refuse(self, place, REJECT_NO_FUNDS);
    else
        open_match(self, &made, terms, ts_us);
    run_match(self, room_for_slice(self));
}

static void run_status(struct market_symbol *symbol, uint8_t status, int64_t ts_us)
{
    struct book_event none[4];
    struct book_events out = {.event = none};
    struct book_cmd cmd = {
        .type = CMD_STATUS, .status = status, .seq = book_seq(symbol->book) + 1, .ts_us = ts_us};
    ASSERT(book_begin(symbol->book, &cmd) == REJECT_NONE);
    ASSERT(book_step(symbol->book, 1, &out) == BOOK_DONE);
}

void market_symbol_open(struct market_shard *self, uint16_t number)
{
    struct market_symbol *symbol = &self->symbols[number];
    const struct book_config config = {.spec = symbol->spec,
                                       .symbol = number,
                                       .window_ticks = self->shard.ex->config.window_ticks};
    symbol->book = book_init(exchange_book_block(self->shard.ex, number), self->pool, &config);
    symbol->trades.slot = exchange_trade_block(self->shard.ex, number);
    symbol->active = true;
    self->listed[self->listed_count++] = number;
}

/* The last part lists the symbol, or changes what it was listed with; nothing happens when one was
 * skipped (J6). */
static void apply_symbol(struct market_shard *self, uint16_t number)
{
    struct market_symbol *symbol = &self->symbols[number];
    struct ledger_symbol said;
    uint16_t market;
    if (!symbol_parts_read(&self->config, &said, &market))
        return;
    symbol->spec = said.spec;
    symbol->min_notional = said.min_notional;
    symbol->max_notional = said.max_notional;
    symbol->limits = said.limits;
    if (!symbol->active)
        market_symbol_open(self, number);
}

/* Takes cancels alone, and says so to the account shards, whose cancels of what is left can then
 * not be refused. */
static void apply_delist(struct market_shard *self, uint16_t number, int64_t ts_us)
{
    ASSERT(self->symbols[number].active);
    uint8_t status = BUG(70) ? STATUS_BREAK : STATUS_CANCEL_ONLY; /* 70: takes no cancels either */
    run_status(&self->symbols[number], status, ts_us);
    for (uint16_t i = 0; i < self->shard.ex->config.account_shards; i++) {
        struct msg msg = {.type = MSG_DELISTED, .symbol = number, .ts_us = ts_us};
        msg.to = exchange_account_id(i);
        shard_send(&self->shard, &msg);
    }
}

static void apply_config(struct market_shard *self, const struct msg *msg, int64_t ts_us)
{
    if (msg->type == MSG_SYMBOL_STATUS) {
        ASSERT(self->symbols[msg->symbol].active);
        run_status(&self->symbols[msg->symbol], (uint8_t)msg->config.value[0], ts_us);
    } else if (msg->type == MSG_SYMBOL_DELIST) {
        apply_delist(self, msg->symbol, ts_us);
    } else {
        if (!symbol_parts_take(&self->config, msg))
            return;
        apply_symbol(self, msg->symbol);
    }
    struct msg ack = {.type = MSG_CONFIG_ACK, .to = CONTROL_SHARD, .ts_us = msg->ts_us};
    ack.config.op = msg->config.op;
    shard_send(&self->shard, &ack);
}

/* One message about one order. */
static bool is_order(const struct msg *msg)
{
    return msg->type == MSG_PLACE || msg->type == MSG_CANCEL || msg->type == MSG_AMEND;
}

static void apply_link(struct market_shard *self, const struct msg *msg, int64_t ts_us)
{
    shard_took(&self->shard, msg);
    if (is_order(msg))
        apply_order(self, msg, NULL, ts_us);
    else
        apply_config(self, msg, ts_us);
}

/* Whether more parts of the same input follow. */
static bool is_first_part(const struct msg *msg)
{
    return msg->type == MSG_REPLACE_OLD || msg->type == MSG_TERMS || msg->type == MSG_LEG ||
           msg->type == MSG_PENDING;
}

/* Whether an order of this type, behind its terms if it has any, begins at part *at, which is then
 * the one behind it. */
static bool order_fits(const struct msg *part, uint32_t parts, uint32_t *at, uint8_t type)
{
    bool terms = *at + 1 < parts && part[*at].type == MSG_TERMS;
    if (terms && part[*at].terms.ref != part[*at + 1].place.ref)
        return false;
    *at += terms;
    return *at < parts && part[(*at)++].type == type;
}

bool market_parts_fit(const struct msg *part, uint32_t parts)
{
    bool replace = part[0].type == MSG_REPLACE_OLD, pair = part[parts - 1].type == MSG_PAIR;
    uint32_t at = replace;
    for (uint32_t i = 1; i < parts; i++)
        if (part[i].from != part[0].from || part[i].symbol != part[0].symbol ||
            part[i].seq != part[0].seq + i)
            return false;
    if (pair && !order_fits(part, parts, &at, MSG_LEG))
        return false;
    while (!replace && !pair && at < LIST_ORDERS_MAX - 1 && at < parts &&
           part[at].type == MSG_PENDING)
        at++;
    uint8_t last = replace ? MSG_REPLACE_NEW : pair ? MSG_PAIR : MSG_PLACE;
    return order_fits(part, parts, &at, last) && at == parts;
}

/* A poison message (J6): not applied, nothing sent, and its symbol takes no more orders. */
static void apply_skip(struct market_shard *self, const struct msg *part, uint32_t parts,
                       int64_t ts_us)
{
    for (uint32_t i = 0; i < parts; i++)
        shard_skip(&self->shard, &part[i]);
    if (self->symbols[part->symbol].active)
        run_status(&self->symbols[part->symbol], STATUS_HALT, ts_us);
}

/* One input: a message, or some parts (C8), whose link numbers are taken together. */
static void apply_input(struct market_shard *self, const struct msg *part, uint32_t parts,
                        bool skip, int64_t ts_us)
{
    const struct msg *last = &part[parts - 1];
    if (skip) {
        apply_skip(self, part, parts, ts_us);
        return;
    }
    if (parts == 1) {
        apply_link(self, part, ts_us);
        return;
    }
    for (uint32_t i = 0; i < parts; i++)
        shard_took(&self->shard, &part[i]);
    const struct msg *terms = last[-1].type == MSG_TERMS ? &last[-1] : NULL;
    if (part->type == MSG_REPLACE_OLD)
        apply_replace(self, part, terms, last, ts_us);
    else if (last->type == MSG_PAIR)
        apply_pair(self, part, parts, ts_us);
    else if (part->type == MSG_PENDING)
        apply_first(self, part, last, terms, ts_us);
    else
        apply_order(self, last, terms, ts_us);
}

/* One record for all parts: they are one input. */
static void take_input(struct market_shard *self, const struct msg *part, uint32_t parts)
{
    bool skip = false;
    for (uint32_t i = 0; i < parts; i++)
        skip = skip || shard_must_skip(&self->shard, &part[i]);
    uint8_t type = skip ? RECORD_SKIP : parts == 1 ? RECORD_LINK : RECORD_PARTS;
    unsigned char *at = shard_record(&self->shard, type, parts * MSG_ENCODED_BYTES);
    for (uint32_t i = 0; i < parts; i++)
        msg_encode(&part[i], at + i * MSG_ENCODED_BYTES);
    apply_input(self, part, parts, skip,
                shard_stamp(&self->shard, self->shard.actor.core->now_us, part[parts - 1].ts_us));
}

static enum take market_take(struct actor *actor, enum lane_class class,
                             const struct message *message)
{
    struct market_shard *self = (struct market_shard *)actor;
    const struct msg *msg = (const struct msg *)message;
    ASSERT(class == CLASS_ORDER);
    if (self->matching && !BUG(14)) /* 14: other input during a sliced match */
        return TAKE_NO_ROOM;
    if (self->matching && self->matching == &self->symbols[msg->symbol])
        return TAKE_NO_ROOM;
    struct market_parts *parts = &self->parts[msg->from];
    if (!shard_is_next(&self->shard, msg, parts->count))
        return TAKE_DONE;
    if (is_first_part(msg)) {
        ASSERT(parts->count + 1 < MARKET_PARTS_MAX);
        parts->part[parts->count++] = *msg;
        return TAKE_DONE;
    }
    if (!room_for_slice(self))
        return TAKE_NO_ROOM;
    if (!parts->count) {
        take_input(self, msg, 1);
        return TAKE_DONE;
    }
    parts->part[parts->count++] = *msg;
    ASSERT(market_parts_fit(parts->part, parts->count));
    take_input(self, parts->part, parts->count);
    parts->count = 0;
    return TAKE_DONE;
}

static void market_prefetch(struct actor *actor, const struct message *const *message,
                            uint32_t count)
{
    struct market_shard *self = (struct market_shard *)actor;
    struct book_cmd cmd[16];
    const struct book_cmd *cmds[16];
    const struct book *book = NULL;
    uint32_t run = 0;
    for (uint32_t i = 0; i < count && run < 16; i++) { /* one book at a time: the usual case */
        const struct msg *msg = (const struct msg *)message[i];
        const struct market_symbol *symbol = &self->symbols[msg->symbol];
        if (!is_order(msg) || !symbol->active || (book && symbol->book != book))
            break;
        book = symbol->book;
        command_from(msg, symbol->book, 0, &cmd[run]);
        cmds[run] = &cmd[run];
        run++;
    }
    if (book)
        book_prefetch(book, cmds, run);
}

static enum work market_work(struct actor *actor)
{
    struct market_shard *self = (struct market_shard *)actor;
    if (!self->matching)
        return WORK_DONE;
    if (!room_for_slice(self))
        return WORK_NO_ROOM;
    return slice(self) ? WORK_DONE : WORK_MORE;
}

static const struct actor_ops market_ops = {.take = market_take,
                                            .prefetch = market_prefetch,
                                            .work = market_work,
                                            .pump = shard_pump,
                                            .durable = shard_durable};

/* ---- recovery ---- */

enum recover market_shard_replay(struct market_shard *self, const struct record_head *head,
                                 const unsigned char *payload, int64_t ts_us)
{
    struct msg part[MARKET_PARTS_MAX];
    uint32_t parts = head->bytes / MSG_ENCODED_BYTES;
    bool skip = head->type == RECORD_SKIP;
    if ((!skip && head->type != (parts == 1 ? RECORD_LINK : RECORD_PARTS)) || parts < 1 ||
        parts > MARKET_PARTS_MAX || head->bytes != parts * MSG_ENCODED_BYTES)
        return RECOVER_BAD_RECORD;
    shard_record(&self->shard, head->type, 0);
    for (uint32_t i = 0; i < parts; i++)
        msg_decode(payload + i * MSG_ENCODED_BYTES, head->shard, &part[i]);
    const struct msg *msg = &part[0];
    if (msg->from >= self->shard.ex->shards || msg->seq != self->shard.in[msg->from].in_seq + 1 ||
        (parts > 1 && !market_parts_fit(part, parts)) ||
        !market_link_sound(self, head->type, part, parts))
        return RECOVER_BAD_RECORD;
    apply_input(self, part, parts, skip, shard_stamp(&self->shard, ts_us, part[parts - 1].ts_us));
    return RECOVER_OK;
}

static uint64_t hash_trades(uint64_t hash, const struct trade_ring *ring)
{
    for (uint64_t id = ring->newest - trade_ring_count(ring) + 1; id <= ring->newest; id++) {
        const struct recent_trade *trade = trade_ring_at(ring, id);
        const uint64_t words[] = {id,
                                  trade->agg_id,
                                  trade->taker_order_id,
                                  (uint64_t)trade->price_ticks,
                                  (uint64_t)trade->qty_lots,
                                  (uint64_t)trade->ts_us,
                                  trade->buyer_is_maker};
        hash = hash_bytes(hash, words, sizeof words);
    }
    return hash;
}

uint64_t market_shard_hash(const struct market_shard *self)
{
    uint64_t hash = shard_hash(&self->shard);
    for (uint16_t i = 0; i < self->listed_count; i++) {
        const struct market_symbol *symbol = &self->symbols[self->listed[i]];
        hash = hash_fold(hash, book_hash(symbol->book));
        hash = hash_fold(hash, (uint64_t)symbol->min_notional);
        hash = hash_fold(hash, (uint64_t)symbol->max_notional);
        hash = symbol_limits_hash(hash, &symbol->limits);
        for (uint32_t m = 0; m < AVG_MINUTES; m++) {
            hash = hash_fold(hash, (uint64_t)symbol->avg[m].minute);
            hash = hash_fold(hash, (uint64_t)symbol->avg[m].quote);
            hash = hash_fold(hash, (uint64_t)symbol->avg[m].base);
        }
        hash = hash_trades(hash, &symbol->trades);
    }
    return hash;
}

struct book *market_shard_book(const struct market_shard *self, uint16_t symbol)
{
    return self->symbols[symbol].active ? self->symbols[symbol].book : NULL;
}

/* ---- building ---- */

static uint32_t far_max(const struct exchange *ex)
{
    return ex->config.orders_max / 4 + 1024; /* an order that waits keeps two */
}

size_t market_shard_bytes(const struct exchange *ex)
{
    const struct exchange_config *config = &ex->config;
    return arena_bytes(sizeof(struct market_shard)) +
           shard_bytes(ex->shards, config->market_outbox) +
           arena_bytes(order_pool_size(config->orders_max, far_max(ex))) +
           arena_bytes(config->symbols_max * sizeof(struct market_symbol)) +
           arena_bytes(config->symbols_max * sizeof(uint16_t)) +
           arena_bytes((config->account_shards + 1u) * sizeof(struct market_parts)) +
           arena_bytes((2 * config->slice_fills + 4) * sizeof(struct book_event));
}

struct market_shard *market_shard_init(struct exchange *ex, struct arena *arena, uint16_t number,
                                       uint16_t core)
{
    const struct exchange_config *config = &ex->config;
    struct market_shard *self = arena_alloc(arena, sizeof *self);
    shard_init(&self->shard, ex, arena, exchange_market_id(ex, number), core, &market_ops,
               config->market_outbox);
    size_t pool = order_pool_size(config->orders_max, far_max(ex));
    self->pool = order_pool_init(arena_alloc(arena, pool), config->orders_max, far_max(ex));
    self->symbols = arena_alloc(arena, config->symbols_max * sizeof(struct market_symbol));
    self->listed = arena_alloc(arena, config->symbols_max * sizeof(uint16_t));
    self->parts = arena_alloc(arena, (config->account_shards + 1u) * sizeof(struct market_parts));
    self->events = arena_alloc(arena, slice_events(self) * sizeof(struct book_event));
    return self;
}
