/* What an account shard shows: views of orders, trades and balances, and reads that take many
 * blocks. */
#include "actors/account_shard.h"

#include "actors/book/kinds.h"
#include "actors/rows.h"
#include "runtime/check.h"

_Static_assert(ORDER_INTERVALS == sizeof((struct reply){0}.unfilled) / sizeof(uint32_t),
               "all of them");

static struct reply *reply_get(struct account_shard *self, enum reply_kind kind)
{
    struct core *core = self->shard.actor.core;
    struct reply *reply = block_get(&self->shard.ex->reply_pool[core->id]);
    ASSERT(reply != NULL); /* the room was checked */
    memset(reply, 0, REPLY_HEAD_BYTES);
    reply->kind = (uint16_t)kind;
    return reply;
}

void order_view(const struct account_shard *self, const struct ledger_order *order,
                struct order_view *view)
{
    const struct ledger_symbol *symbol = ledger_symbol(self->ledger, order->symbol);
    /* An order by amount has a quantity when it ends: until then a sell's is what its hold is for.
     */
    bool unknown = (order->flags & ORDER_BY_QUOTE) && order_is_open(order);
    memset(view, 0, sizeof *view);
    view->order_id = order->order_id;
    view->price = order->price_ticks * symbol->spec.tick_atoms;
    view->qty = unknown ? 0 : order->qty_lots * symbol->spec.lot_atoms;
    view->executed = order->executed_lots * symbol->spec.lot_atoms;
    view->quote_qty = order->quote_atoms;
    view->cum_quote = order->cum_quote;
    view->time_us = order->time_us;
    view->updated_us = order->updated_us;
    if (order->flags & ORDER_TERMS) {
        const struct ledger_terms *terms = ledger_terms(self->ledger, order);
        view->stop = terms->stop_ticks * symbol->spec.tick_atoms;
        view->iceberg = terms->iceberg_lots * symbol->spec.lot_atoms;
        view->trail_bips = terms->trail_bips;
        view->strategy = terms->strategy;
    }
    bool later = type_waits(order->type) || (order->flags & ORDER_PENDED);
    view->working_us = later ? ledger_terms(self->ledger, order)->working_us : order->time_us;
    view->symbol = order->symbol;
    view->side = order->side;
    view->type = order->type;
    view->tif = order->tif;
    view->stp = order->stp;
    view->status = order->status;
    view->trades = order->trades;
    view->prevented = order->prevented_lots * symbol->spec.lot_atoms;
    view->prevented_id = order->prevented_id;
    view->list_id = order->list_id;
    view->expiry = order->expiry;
    view->client_length = order->client_length;
    memcpy(view->client_id, order->client_id, order->client_length);
}

void list_view(const struct ledger_list *list, struct list_view *view)
{
    memset(view, 0, sizeof *view);
    view->list_id = list->id;
    view->time_us = list->time_us;
    view->symbol = list->symbol;
    view->kind = list->kind;
    view->count = (uint8_t)list_orders(list->kind);
    view->done = list->done;
    view->client_length = list->client_length;
    memcpy(view->client_id, list->client_id, list->client_length);
    for (uint32_t i = 0; i < view->count; i++) {
        view->order[i].order_id = list->order[i].order_id;
        view->order[i].client_length = list->order[i].client_length;
        memcpy(view->order[i].client_id, list->order[i].client_id, list->order[i].client_length);
    }
}

void trade_view(const struct account_shard *self, const struct ledger_trade *trade,
                struct trade_view *view)
{
    const struct ledger_symbol *symbol = ledger_symbol(self->ledger, trade->symbol);
    *view = (struct trade_view){
        .trade_id = trade->trade_id,
        .order_id = trade->order_id,
        .list_id = trade->list_id,
        .price = trade->price_ticks * symbol->spec.tick_atoms,
        .qty = trade->qty_lots * symbol->spec.lot_atoms,
        .quote = trade->quote_atoms,
        .fee = trade->fee_atoms,
        .time_us = trade->ts_us,
        .symbol = trade->symbol,
        .fee_asset = trade->side == SIDE_BUY ? symbol->base : symbol->quote,
        .side = trade->side,
        .maker = trade->maker,
    };
}

/* ---- rows for projections ---- */

void account_row_fill(const struct account_shard *self, uint32_t slot, const struct msg *msg)
{
    const struct rows *rows = self->shard.ex->rows;
    struct trade_view view;
    if (!rows)
        return;
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    bool maker = msg->flags & MSG_MAKER;
    const struct ledger_amounts moved =
        ledger_fill_amounts(self->ledger, order, msg->fill.price_ticks, msg->fill.qty_lots, maker);
    const struct ledger_trade trade = {.trade_id = msg->fill.trade_id,
                                       .order_id = order->order_id,
                                       .list_id = order->list_id,
                                       .price_ticks = msg->fill.price_ticks,
                                       .qty_lots = msg->fill.qty_lots,
                                       .quote_atoms = moved.quote,
                                       .fee_atoms = moved.fee,
                                       .ts_us = msg->ts_us,
                                       .symbol = order->symbol,
                                       .side = order->side,
                                       .maker = maker};
    trade_view(self, &trade, &view); /* not the one that is kept: there may be no room for it */
    rows->fill(rows->self, ledger_user(self->ledger, order->user)->id, &view);
}

void account_row_order(const struct account_shard *self, uint32_t slot)
{
    const struct rows *rows = self->shard.ex->rows;
    struct order_view view;
    if (!rows)
        return;
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    order_view(self, order, &view);
    rows->order(rows->self, ledger_user(self->ledger, order->user)->id, &view);
}

void account_row_list(const struct account_shard *self, const struct ledger_list *list)
{
    const struct rows *rows = self->shard.ex->rows;
    struct list_view view;
    if (!rows)
        return;
    list_view(list, &view);
    rows->list(rows->self, ledger_user(self->ledger, list->user)->id, &view);
}

void account_row_money(const struct account_shard *self, uint32_t user_id,
                       const struct ledger_deposit *deposit, int64_t time_us)
{
    const struct rows *rows = self->shard.ex->rows;
    if (rows)
        rows->money(rows->self, &(struct row_money){.amount = deposit->amount,
                                                    .free = deposit->free_after,
                                                    .time_us = time_us,
                                                    .user = user_id,
                                                    .asset = deposit->asset});
}

/* ---- the answer to a New ---- */

static struct account_prevented *prevented_by(const struct account_shard *self, uint16_t market)
{
    ASSERT(market >= exchange_market_id(self->shard.ex, 0) && market < self->shard.ex->shards);
    return &self->prevented[market - exchange_market_id(self->shard.ex, 0)];
}

void answer_prevented(struct account_shard *self, const struct msg *msg)
{
    const struct prevented_ids ids = msg_prevented_ids(msg);
    bool maker = msg->flags & MSG_MAKER;
    uint64_t taker_order_id = maker ? ids.counter_order_id : ids.order_id;
    if (self->shard.ex->replaying)
        return;
    struct account_prevented *list = prevented_by(self, msg->from);
    if (list->taker_order_id != taker_order_id || list->symbol != msg->symbol) {
        list->taker_order_id = taker_order_id;
        list->symbol = msg->symbol;
        list->count = 0;
    }
    struct prevented_match *match = list->count ? &list->match[list->count - 1] : NULL;
    if (!match || match->match_id != ids.match_id) {
        if (list->count == FULL_PREVENTED_MAX)
            return;
        match = &list->match[list->count++];
        *match =
            (struct prevented_match){.match_id = ids.match_id,
                                     .maker_order_id = maker ? ids.order_id : ids.counter_order_id,
                                     .price_ticks = msg->prevented.price_ticks};
    }
    if (maker) {
        uint32_t slot = ledger_find_ref(self->ledger, msg->prevented.ref);
        match->maker_user = ledger_order(self->ledger, slot)->user;
        match->maker_lots = msg->prevented.lots;
    } else {
        match->taker_told = true;
        match->taker_lots = msg->prevented.lots;
    }
}

/* Of the taker and of its other orders all is told here. What an order of another account of its
 * group has lost is known where both lose the same; a match that took nothing of the taker is not
 * known at all. */
static bool prevented_view(const struct ledger_order *order, const struct money_spec *spec,
                           const struct prevented_match *match, struct prevented_view *view)
{
    bool own = match->maker_user == order->user;
    int64_t maker_lots = own                           ? match->maker_lots
                         : order->stp == STP_DECREMENT ? match->taker_lots
                                                       : 0;
    if (!match->taker_told && !own)
        return false;
    *view = (struct prevented_view){.match_id = match->match_id,
                                    .taker_order_id = order->order_id,
                                    .maker_order_id = match->maker_order_id,
                                    .price = match->price_ticks * spec->tick_atoms,
                                    .taker_qty = match->taker_lots * spec->lot_atoms,
                                    .maker_qty = maker_lots * spec->lot_atoms,
                                    .symbol = order->symbol,
                                    .stp = order->stp};
    return true;
}

/* Puts blocks with the order's prevented matches behind `last`. */
static void add_prevented(struct account_shard *self, const struct ledger_order *order,
                          struct reply *last)
{
    const struct account_prevented *list = prevented_by(self, self->symbol_shard[order->symbol]);
    const struct money_spec *spec = &ledger_symbol(self->ledger, order->symbol)->spec;
    struct prevented_view view;
    struct reply *block = NULL;
    if (list->taker_order_id != order->order_id || list->symbol != order->symbol)
        return;
    for (uint32_t i = 0; i < list->count; i++) {
        if (!prevented_view(order, spec, &list->match[i], &view))
            continue;
        if (!block || block->count == REPLY_PREVENTED_MAX)
            last = last->more = block = reply_get(self, REPLY_PREVENTED);
        reply_prevented(block)[block->count++] = view;
    }
}

/* How many there are when the report has been applied. */
static uint32_t prevented_max(const struct account_shard *self, const struct ledger_order *order,
                              const struct msg *msg)
{
    const struct account_prevented *list = prevented_by(self, self->symbol_shard[order->symbol]);
    bool more = msg->type == MSG_PREVENTED;
    uint64_t order_id = more ? msg_prevented_ids(msg).order_id : msg->accepted.order_id;
    bool ours = list->taker_order_id == order_id && list->symbol == order->symbol;
    return (ours ? list->count : 0) + more;
}

uint32_t answer_blocks(const struct account_shard *self, const struct ledger_order *order,
                       const struct msg *msg)
{
    if (!order->tag)
        return 0;
    if (order->resp != RESPONSE_FULL)
        return 1;
    uint32_t fills = order->trades + 1; /* the report at hand may be one more */
    uint32_t prevented = prevented_max(self, order, msg);
    if (fills > FULL_FILLS_MAX)
        fills = FULL_FILLS_MAX;
    return (order->list_id != 0) + (fills + REPLY_TRADES_MAX - 1) / REPLY_TRADES_MAX +
           (prevented + REPLY_PREVENTED_MAX - 1) / REPLY_PREVENTED_MAX;
}

static void count_orders(const struct account_shard *self, uint32_t user, int64_t ts_us,
                         struct reply *reply)
{
    for (uint32_t i = 0; i < ORDER_INTERVALS; i++)
        reply->unfilled[i] = ledger_unfilled(self->ledger, user, i, ts_us);
}

struct reply *order_counts(struct account_shard *self, uint32_t user)
{
    struct reply *reply = reply_get(self, REPLY_ORDERS);
    int64_t now_us = self->shard.actor.core->now_us, last_us = self->shard.last_ts_us;
    count_orders(self, user, now_us > last_us ? now_us : last_us, reply);
    return reply;
}

/* The order's fills, in this block and those that it takes behind it. They are chained newest first
 * and shown oldest first, so the chain is filled from its end. What the user's history has lost (a
 * maker's trades between) is missing from the list. Behind them: the matches that were prevented.
 */
static void put_fills(struct account_shard *self, const struct ledger_order *order,
                      struct reply *first)
{
    uint32_t fills = 0, at;
    for (at = ledger_order_last_trade(self->ledger, order); at && fills < FULL_FILLS_MAX;
         at = ledger_trade_before(self->ledger, at))
        fills++;
    struct reply *last = first, *chain[32] = {first};
    uint32_t blocks = fills ? (fills + REPLY_TRADES_MAX - 1) / REPLY_TRADES_MAX : 1;
    ASSERT(blocks <= 32);
    for (uint32_t i = 1; i < blocks; i++)
        last = last->more = chain[i] = reply_get(self, REPLY_ORDERS);
    at = ledger_order_last_trade(self->ledger, order);
    for (uint32_t i = fills; i-- > 0; at = ledger_trade_before(self->ledger, at)) {
        struct reply *block = chain[i / REPLY_TRADES_MAX];
        trade_view(self, ledger_trade(self->ledger, at),
                   &reply_trades(block)[i % REPLY_TRADES_MAX]);
        block->count++;
    }
    add_prevented(self, order, last);
}

void answer_order(struct account_shard *self, const struct ledger_order *order)
{
    struct reply *reply = reply_get(self, REPLY_ORDERS);
    order_view(self, order, &reply->order);
    count_orders(self, order->user, self->shard.last_ts_us, reply);
    if (order->resp == RESPONSE_FULL)
        put_fills(self, order, reply);
    shard_reply(&self->shard, order->tag, REJECT_NONE, reply, true, 0);
}

static struct reply *reply_view(struct account_shard *self, const struct ledger_order *order)
{
    struct reply *reply = reply_get(self, REPLY_ORDERS);
    reply->count = 1;
    order_view(self, order, &reply_orders(reply)[0]);
    return reply;
}

void answer_view(struct account_shard *self, uint64_t tag, const struct ledger_order *order,
                 bool last)
{
    shard_reply(&self->shard, tag, REJECT_NONE, reply_view(self, order), last, 0);
}

/* An order that the account keeps no more is among the list's ids alone. */
static struct reply *reply_list(struct account_shard *self, const struct ledger_list *list)
{
    struct reply *reply = reply_get(self, REPLY_LIST);
    list_view(list, reply_lists(reply));
    count_orders(self, list->user, self->shard.last_ts_us, reply);
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        uint32_t slot =
            ledger_find_order_id(self->ledger, list->user, list->symbol, list->order[i].order_id);
        if (slot)
            order_view(self, ledger_order(self->ledger, slot),
                       &reply_list_orders(reply)[reply->count++]);
    }
    return reply;
}

void answer_list(struct account_shard *self, uint64_t tag, const struct ledger_list *list,
                 enum answer_part part)
{
    struct reply *reply = reply_list(self, list);
    if (part == ANSWER_HALF)
        shard_reply_half(&self->shard, tag, HALF_CANCEL, REJECT_NONE, reply, false);
    else
        shard_reply(&self->shard, tag, REJECT_NONE, reply, part == ANSWER_WHOLE, 0);
}

void answer_new_list(struct account_shard *self, const struct ledger_list *list,
                     const struct ledger_order *order)
{
    struct reply *reply = reply_list(self, list);
    if (order->resp == RESPONSE_FULL) {
        reply->more = reply_get(self, REPLY_ORDERS);
        put_fills(self, order, reply->more);
    }
    shard_reply(&self->shard, order->tag, REJECT_NONE, reply, true, 0);
}

void answer_cancelled(struct account_shard *self, uint64_t tag, const struct ledger_order *order)
{
    shard_reply_half(&self->shard, tag, HALF_CANCEL, REJECT_NONE, reply_view(self, order), false);
}

void answer_amended(struct account_shard *self, uint64_t tag, const struct amend_view *view,
                    const struct ledger_list *list)
{
    struct reply *reply = reply_get(self, REPLY_AMENDED);
    reply->count = 1;
    *reply_amended(reply) = *view;
    reply_amended_list(reply)->list_id = 0;
    if (list)
        list_view(list, reply_amended_list(reply));
    shard_reply(&self->shard, tag, REJECT_NONE, reply, true, 0);
}

static void rates_view(const struct account_shard *self, uint32_t user, uint16_t symbol,
                       struct rates_view *view)
{
    const struct ledger_rates rates =
        ledger_rates(self->ledger, user, ledger_find_position(self->ledger, user, symbol), symbol);
    *view = (struct rates_view){
        .maker_ppm = rates.maker_ppm, .taker_ppm = rates.taker_ppm, .symbol = symbol};
}

void answer_rates(struct account_shard *self, uint64_t tag, uint32_t user, uint16_t symbol)
{
    struct reply *reply = reply_get(self, REPLY_RATES);
    reply->count = 1;
    rates_view(self, user, symbol, &reply_rates(reply)[0]);
    shard_reply(&self->shard, tag, REJECT_NONE, reply, true, 0);
}

/* ---- reads: first which slots to show, then block by block ---- */

static void read_add(struct account_read *read, uint32_t slot)
{
    read->slot[read->count++] = slot;
}

static bool time_in(const struct request *request, int64_t time_us)
{
    return (!request->find.start_us || time_us >= request->find.start_us) &&
           (!request->find.end_us || time_us <= request->find.end_us);
}

/* Keeps `limit` of the slots: the first from an id or a start time on, else the newest. */
static void read_limit(struct account_read *read, const struct request *request, bool from_front)
{
    uint32_t limit = request->find.limit;
    if (!limit || read->count <= limit)
        return;
    if (!from_front)
        memmove(read->slot, read->slot + (read->count - limit), limit * sizeof *read->slot);
    read->count = limit;
}

/* What rows are sorted by: list ids, or order ids, which are unique in a symbol. */
static uint64_t key_of(const struct account_shard *self, uint32_t slot)
{
    return self->read.kind == REPLY_LISTS ? ledger_list(self->ledger, slot)->id
                                          : ledger_order(self->ledger, slot)->order_id;
}

/* Sifts the heap [at, count) down. */
static void sift(struct account_shard *self, uint32_t *slot, uint32_t at, uint32_t count)
{
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && key_of(self, slot[child]) < key_of(self, slot[child + 1]))
            child++;
        if (key_of(self, slot[at]) >= key_of(self, slot[child]))
            return;
        uint32_t swap = slot[at];
        slot[at] = slot[child];
        slot[child] = swap;
    }
}

/* Heap sort: in place, since a turn does not allocate. */
static void sort_rows(struct account_shard *self, uint32_t *slot, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift(self, slot, i, count);
    for (uint32_t end = count; end > 1;) {
        uint32_t swap = slot[--end];
        slot[end] = slot[0];
        slot[0] = swap;
        sift(self, slot, 0, end);
    }
}

static void collect_open(struct account_shard *self, uint32_t position)
{
    uint32_t slot = ledger_position(self->ledger, position)->head;
    for (; slot; slot = ledger_order(self->ledger, slot)->next)
        if (ledger_order(self->ledger, slot)->status != ORDER_SENT)
            read_add(&self->read, slot);
}

static void collect_open_orders(struct account_shard *self, const struct request *request,
                                uint32_t user)
{
    uint32_t position = ledger_user(self->ledger, user)->positions;
    for (; position; position = ledger_position(self->ledger, position)->next) {
        uint32_t from = self->read.count;
        if (request->symbol != SYMBOL_ANY &&
            ledger_position(self->ledger, position)->symbol != request->symbol)
            continue;
        collect_open(self, position);
        sort_rows(self, self->read.slot + from, self->read.count - from);
    }
}

static void collect_all_orders(struct account_shard *self, const struct request *request,
                               uint32_t user)
{
    uint32_t position = ledger_find_position(self->ledger, user, request->symbol), kept = 0;
    uint32_t slot = ledger_user(self->ledger, user)->done_head;
    for (; slot; slot = ledger_order(self->ledger, slot)->next)
        if (ledger_order(self->ledger, slot)->symbol == request->symbol)
            read_add(&self->read, slot);
    if (position)
        collect_open(self, position);
    for (uint32_t i = 0; i < self->read.count; i++) {
        const struct ledger_order *order = ledger_order(self->ledger, self->read.slot[i]);
        if (request->find.has_order_id ? order->order_id >= request->find.order_id
                                       : time_in(request, order->time_us))
            self->read.slot[kept++] = self->read.slot[i];
    }
    self->read.count = kept;
    sort_rows(self, self->read.slot, kept);
    read_limit(&self->read, request, request->find.has_order_id || request->find.start_us);
}

static void collect_trades(struct account_shard *self, const struct request *request, uint32_t user)
{
    uint32_t slot = ledger_user(self->ledger, user)->trade_head;
    for (; slot; slot = ledger_trade(self->ledger, slot)->next) {
        const struct ledger_trade *trade = ledger_trade(self->ledger, slot);
        if (trade->symbol != request->symbol || !time_in(request, trade->ts_us) ||
            (request->find.has_order_id && trade->order_id != request->find.order_id) ||
            (request->find.has_from_id && trade->trade_id < request->find.from_id))
            continue;
        read_add(&self->read, slot);
    }
    read_limit(&self->read, request,
               request->find.has_order_id || request->find.has_from_id || request->find.start_us);
}

static enum reject collect_order(struct account_shard *self, const struct request *request,
                                 uint32_t user)
{
    uint32_t slot =
        request->find.has_order_id
            ? ledger_find_order_id(self->ledger, user, request->symbol, request->find.order_id)
            : ledger_find_shown(self->ledger, user, request->symbol, request->find.client_id,
                                request->find.client_length);
    if (!slot || ledger_order(self->ledger, slot)->status == ORDER_SENT)
        return self->read.older ? REJECT_NOT_KEPT : REJECT_NO_SUCH_ORDER;
    const struct ledger_order *order = ledger_order(self->ledger, slot);
    if (request->find.has_order_id && request->find.client_length &&
        !order_is_named(order, request->find.client_id, request->find.client_length))
        return REJECT_IDS_DISAGREE;
    read_add(&self->read, slot);
    return REJECT_NONE;
}

static enum reject collect_rates(struct account_shard *self, uint16_t symbol)
{
    for (uint16_t i = 0; i < self->shard.ex->config.symbols_max; i++)
        if (ledger_symbol(self->ledger, i)->active && (symbol == SYMBOL_ANY || symbol == i))
            read_add(&self->read, i);
    return self->read.count || symbol == SYMBOL_ANY ? REJECT_NONE : REJECT_UNKNOWN_SYMBOL;
}

/* ---- lists ---- */

static void add_lists(struct account_shard *self, uint32_t slot)
{
    for (; slot; slot = ledger_list(self->ledger, slot)->next)
        if (ledger_list(self->ledger, slot)->started)
            read_add(&self->read, slot);
}

static enum reject collect_list(struct account_shard *self, const struct request *request,
                                uint32_t user)
{
    const struct request_find *find = &request->find;
    uint32_t slot = account_find_list(self, find, user);
    const struct ledger_list *list = slot ? ledger_list(self->ledger, slot) : NULL;
    if (!list || !list->started)
        return self->read.older ? REJECT_NOT_KEPT : REJECT_NO_SUCH_LIST;
    if (find->has_order_id && find->client_length &&
        !ledger_list_is_named(list, find->client_id, find->client_length))
        return REJECT_IDS_DISAGREE;
    read_add(&self->read, slot);
    return REJECT_NONE;
}

static void collect_all_lists(struct account_shard *self, const struct request *request,
                              uint32_t user)
{
    struct account_read *read = &self->read;
    uint32_t kept = 0;
    add_lists(self, ledger_user(self->ledger, user)->list_done_head);
    add_lists(self, ledger_user(self->ledger, user)->lists_head);
    for (uint32_t i = 0; i < read->count; i++) {
        const struct ledger_list *list = ledger_list(self->ledger, read->slot[i]);
        if (request->find.has_from_id ? list->id >= request->find.from_id
                                      : time_in(request, list->time_us))
            read->slot[kept++] = read->slot[i];
    }
    read->count = kept;
    sort_rows(self, read->slot, kept);
    read_limit(read, request, request->find.has_from_id || request->find.start_us);
}

static bool reads_lists(uint8_t type)
{
    return type == REQUEST_GET_LIST || type == REQUEST_OPEN_LISTS || type == REQUEST_ALL_LISTS;
}

enum reject read_begin(struct account_shard *self, const struct request *request, uint32_t user)
{
    struct account_read *read = &self->read;
    enum reject reject = REJECT_NONE;
    read->count = read->at = 0;
    read->tag = request->tag;
    read->user = user;
    bool lists = reads_lists(request->type);
    read->kind = lists ? REPLY_LISTS : REPLY_ORDERS;
    read->older = lists ? ledger_may_lack_lists(self->ledger, user)
                        : ledger_may_lack(self->ledger, user, request->type == REQUEST_TRADES);
    switch (request->type) {
    case REQUEST_GET_LIST:
        reject = collect_list(self, request, user);
        break;
    case REQUEST_OPEN_LISTS:
        add_lists(self, ledger_user(self->ledger, user)->lists_head);
        break;
    case REQUEST_ALL_LISTS:
        collect_all_lists(self, request, user);
        break;
    case REQUEST_GET_ORDER:
        reject = collect_order(self, request, user);
        break;
    case REQUEST_OPEN_ORDERS:
        collect_open_orders(self, request, user);
        break;
    case REQUEST_ALL_ORDERS:
        collect_all_orders(self, request, user);
        break;
    case REQUEST_TRADES:
        read->kind = REPLY_TRADES;
        collect_trades(self, request, user);
        break;
    case REQUEST_RATES:
        read->kind = REPLY_RATES;
        reject = collect_rates(self, request->symbol);
        break;
    case REQUEST_ACCOUNT:
        read->kind = REPLY_BALANCES;
        for (uint32_t slot = ledger_user(self->ledger, user)->balances; slot;
             slot = ledger_balance(self->ledger, slot)->next)
            read_add(read, slot);
        break;
    default:
        UNREACHABLE("a request that an account shard knows");
    }
    read->open = reject == REJECT_NONE;
    return reject;
}

/* Those of a user for whom none are set are a symbol's that was made without any. */
static struct rates_view general_rates(const struct account_shard *self, uint32_t user)
{
    const struct ledger_rates *rates = &ledger_user(self->ledger, user)->rates;
    return (struct rates_view){
        .maker_ppm = rates->set ? rates->maker_ppm : COMMISSION_PPM_DEFAULT,
        .taker_ppm = rates->set ? rates->taker_ppm : COMMISSION_PPM_DEFAULT,
        .symbol = SYMBOL_ANY,
    };
}

static void show(struct account_shard *self, struct reply *reply, uint32_t slot)
{
    if (reply->kind == REPLY_ORDERS) {
        order_view(self, ledger_order(self->ledger, slot), &reply_orders(reply)[reply->count++]);
    } else if (reply->kind == REPLY_TRADES) {
        trade_view(self, ledger_trade(self->ledger, slot), &reply_trades(reply)[reply->count++]);
    } else if (reply->kind == REPLY_RATES) {
        rates_view(self, self->read.user, (uint16_t)slot, &reply_rates(reply)[reply->count++]);
    } else if (reply->kind == REPLY_LISTS) {
        list_view(ledger_list(self->ledger, slot), &reply_lists(reply)[reply->count++]);
    } else {
        const struct ledger_balance *balance = ledger_balance(self->ledger, slot);
        reply_balances(reply)[reply->count++] = (struct balance_view){
            .free = balance->free, .locked = balance->locked, .asset = balance->asset};
    }
}

enum work read_step(struct account_shard *self)
{
    struct account_read *read = &self->read;
    struct core *core = self->shard.actor.core;
    static const uint16_t most[] = {[REPLY_ORDERS] = REPLY_ORDERS_MAX,
                                    [REPLY_TRADES] = REPLY_TRADES_MAX,
                                    [REPLY_BALANCES] = REPLY_BALANCES_MAX,
                                    [REPLY_RATES] = REPLY_RATES_MAX,
                                    [REPLY_LISTS] = REPLY_LISTS_MAX};
    if (!ingress_room(&self->shard, CLASS_OUT, 1) ||
        block_room(&self->shard.ex->reply_pool[core->id], 1) < 1)
        return WORK_NO_ROOM;
    struct reply *reply = reply_get(self, read->kind);
    reply->update_us = self->shard.last_ts_us;
    reply->older = read->older;
    if (read->kind == REPLY_BALANCES)
        reply->rates = general_rates(self, read->user);
    while (read->at < read->count && reply->count < most[read->kind])
        show(self, reply, read->slot[read->at++]);
    read->open = read->at < read->count;
    shard_reply(&self->shard, read->tag, REJECT_NONE, reply, !read->open, 0);
    return read->open ? WORK_MORE : WORK_DONE;
}
