#include "actors/book/book.h"

#include <string.h>

#include "actors/book/book_impl.h"

/* The few functions that every order goes through are one; what is rare is kept out of it. */
#define HOT  __attribute__((always_inline)) static inline
#define RARE __attribute__((noinline, cold)) static

enum open_stage {
    STAGE_REMOVE,
    STAGE_REDUCE,
    STAGE_WAIT,
    STAGE_PAIR,
    STAGE_MATCH,
    STAGE_WAKE, /* what the last trade wakes; then the match goes on */
    STAGE_NEXT, /* the next order that has fired is the taker */
    STAGE_END
};

size_t book_size(uint32_t window_ticks)
{
    return ((sizeof(struct book) + 63) & ~(size_t)63) + window_bytes(window_ticks);
}

struct book *book_init(void *block, struct order_pool *pool, const struct book_config *config)
{
    ASSERT(((uintptr_t)block & 63) == 0);
    ASSERT(config->window_ticks >= 64 && config->window_ticks <= 262144);
    ASSERT((config->window_ticks & (config->window_ticks - 1)) == 0);
    ASSERT(config->spec.tick_atoms > 0 && config->spec.lot_atoms > 0);
    struct book *book = block;
    book->pool = pool;
    book->spec = config->spec;
    book->symbol = config->symbol;
    book->status = STATUS_TRADING;
    triggers_init(&book->triggers);
    window_init(book, (char *)block + ((sizeof(struct book) + 63) & ~(size_t)63),
                config->window_ticks);
    return book;
}

/* ---- accessors ---- */

bool book_busy(const struct book *book)
{
    return book->busy;
}

uint64_t book_taker_order_id(const struct book *book)
{
    return book->open.order_id;
}

uint64_t book_taker_ref(const struct book *book)
{
    return book->open.cmd.ref;
}

uint32_t book_taker_user(const struct book *book)
{
    return book->open.cmd.user;
}

uint32_t book_taker_group(const struct book *book)
{
    return book->open.cmd.group;
}

uint64_t book_seq(const struct book *book)
{
    return book->seq;
}

enum book_status book_status(const struct book *book)
{
    return book->status;
}

uint64_t book_update_id(const struct book *book)
{
    return book->update_id;
}

int64_t book_last_price(const struct book *book)
{
    return book->last_price;
}

uint32_t book_orders(const struct book *book)
{
    return book->orders;
}

uint32_t book_waiting(const struct book *book)
{
    return book->triggers.waiting;
}

int64_t book_hidden(const struct book *book, const struct order_node *order)
{
    return order->flags & NODE_ICEBERG ? book->pool->terms[order - book->pool->nodes].hidden_lots
                                       : 0;
}

void book_each_waiting(const struct book *book,
                       void (*each)(void *arg, const struct order_node *order,
                                    const struct order_terms *terms, int64_t extreme),
                       void *arg)
{
    trigger_each(book, each, arg);
}

bool book_best(const struct book *book, enum book_side side, int64_t *price_ticks)
{
    uint32_t far;
    return level_best((struct book *)book, side, price_ticks, &far) != NULL;
}

int64_t book_first_price(enum book_side side)
{
    return side == SIDE_BUY ? INT64_MAX : -1;
}

bool book_next_level(const struct book *book, enum book_side side, int64_t *price_ticks,
                     int64_t *qty_lots)
{
    const struct level *level = level_behind(book, side, *price_ticks, price_ticks);
    if (level)
        *qty_lots = level->qty_lots;
    return level != NULL;
}

void book_each_order(const struct book *book, enum book_side side,
                     void (*each)(void *arg, const struct order_node *order), void *arg)
{
    int64_t price = book_first_price(side);
    const struct level *level;
    while ((level = level_behind(book, side, price, &price)))
        for (uint32_t at = level->head; at; at = book->pool->nodes[at].next)
            each(arg, &book->pool->nodes[at]);
}

/* ---- events ---- */

static struct book_event *event_add(struct book_events *out, enum book_event_type type)
{
    struct book_event *event = &out->event[out->count++];
    *event = (struct book_event){.type = (uint8_t)type};
    return event;
}

/* An event about a resting order as it is now. */
static struct book_event *tell_order(const struct book *book, struct book_events *out,
                                     enum book_event_type type, const struct order_node *node)
{
    struct book_event *event = event_add(out, type);
    event->side = node->side;
    event->user = node->user;
    event->ref = node->ref;
    event->order_id = node->order_id;
    event->price_ticks = node->price_ticks;
    event->left_lots = node->left_lots + book_hidden(book, node);
    return event;
}

static void tell_level(struct book *book, struct book_events *out, enum book_side side,
                       int64_t price, int64_t qty)
{
    struct book_event *event = event_add(out, EVENT_LEVEL);
    event->side = (uint8_t)side;
    event->price_ticks = price;
    event->qty_lots = qty;
    event->id = ++book->update_id;
}

/* ---- orders in levels ---- */

void order_rest(struct book *book, uint32_t slot)
{
    struct order_node *node = &book->pool->nodes[slot];
    struct level *level = level_make(book, node->side, node->price_ticks, &node->far);
    node->prev = level->tail;
    node->next = 0;
    if (level->tail)
        book->pool->nodes[level->tail].next = slot;
    else
        level->head = slot;
    level->tail = slot;
    level->qty_lots += node->left_lots;
    book->side_qty[node->side] += node->left_lots + book_hidden(book, node);
    book->orders++;
    book->icebergs += (node->flags & NODE_ICEBERG) != 0;
}

static struct level *order_level(struct book *book, const struct order_node *node)
{
    return node->far ? &book->pool->far[node->far].level
                     : &book->levels[node->price_ticks - book->base];
}

/* Takes the order out of its level's queue; returns what the level has left. */
static int64_t order_unlink(struct book *book, struct order_node *node)
{
    struct level *level = order_level(book, node);
    if (node->prev)
        book->pool->nodes[node->prev].next = node->next;
    else
        level->head = node->next;
    if (node->next)
        book->pool->nodes[node->next].prev = node->prev;
    else
        level->tail = node->prev;
    level->qty_lots -= node->left_lots;
    book->side_qty[node->side] -= node->left_lots + book_hidden(book, node);
    book->orders--;
    book->icebergs -= (node->flags & NODE_ICEBERG) != 0;
    int64_t left = level->qty_lots;
    if (!level->head) {
        ASSERT(left == 0);
        level_gone(book, node->side, node->price_ticks, node->far);
    }
    return left;
}

/* ---- pairs ---- */

void pair_make(struct book *book, uint32_t slot, uint32_t other)
{
    struct order_node *nodes = book->pool->nodes;
    nodes[slot].flags |= NODE_PAIRED;
    nodes[other].flags |= NODE_PAIRED;
    nodes[slot].sibling = other;
    nodes[other].sibling = slot;
}

/* Dissolves the pair; returns the other one. */
static uint32_t pair_undo(struct book *book, uint32_t slot)
{
    struct order_node *nodes = book->pool->nodes;
    uint32_t other = nodes[slot].sibling;
    ASSERT(nodes[other].sibling == slot && (nodes[other].flags & NODE_PAIRED));
    nodes[slot].flags &= (uint8_t)~NODE_PAIRED;
    nodes[other].flags &= (uint8_t)~NODE_PAIRED;
    return other;
}

/* Takes an order out of where it rests or waits, and tells its end, and its level if it rested. Its
 * node stays. */
HOT void take_away(struct book *book, struct book_events *out, uint32_t slot, enum book_done reason)
{
    struct book_open *open = &book->open;
    struct order_node *node = &book->pool->nodes[slot];
    struct book_event *event = tell_order(book, out, EVENT_DONE, node);
    event->reason = (uint8_t)reason;
    if (node->flags & NODE_WAITING) {
        event->id = (uint64_t)book->pool->terms[slot].hold_atoms;
        book->side_qty[node->side] -= node->left_lots;
        trigger_leave(book, slot);
        return;
    }
    if (open->touched && open->touched_price == node->price_ticks)
        open->touched = NULL; /* it is told here */
    int64_t left = order_unlink(book, node);
    tell_level(book, out, node->side, node->price_ticks, left);
}

RARE void take_other(struct book *book, struct book_events *out, uint32_t slot,
                     enum book_done reason)
{
    take_away(book, out, slot, reason);
    order_pool_put(book->pool, slot);
}

__attribute__((noinline, cold)) void pair_break(struct book *book, struct book_events *out,
                                                uint32_t slot)
{
    take_other(book, out, pair_undo(book, slot), DONE_SIBLING);
}

/* ---- checks before a command changes anything ---- */

static bool crosses(const struct book *book, enum book_side side, int64_t price)
{
    int64_t best;
    return book_best(book, !side, &best) && !price_better(!side, price, best);
}

/* Whether an order of its own ends the taker at once. A FOK that meets one cannot trade whole. */
static bool ends_at_own(const struct book_cmd *cmd)
{
    bool fok = cmd->order_type == TYPE_LIMIT && cmd->tif == TIF_FOK;
    return cmd->stp == STP_EXPIRE_TAKER || cmd->stp == STP_EXPIRE_BOTH ||
           (cmd->stp == STP_DECREMENT && fok);
}

static bool is_own(const struct order_node *maker, const struct book_cmd *cmd)
{
    return cmd->stp != STP_NONE &&
           (maker->user == cmd->user || (cmd->group && maker->group == cmd->group));
}

struct level_look {
    int64_t lots;      /* that the level gives */
    int64_t prevented; /* that the taker gives up for its own orders there */
    uint32_t own;      /* the one of them at which it ends, or 0 */
};

static int64_t add_up(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* What becomes of `left` lots of the taker at a level: what shows comes first, then what others
 * hide, then what its own orders hide. A taker that ends has met no hidden lots. */
static struct level_look level_look(const struct book *book, const struct level *level,
                                    const struct book_cmd *cmd, int64_t left)
{
    struct level_look look = {0};
    int64_t hidden = 0, own_hidden = 0;
    if (cmd->stp == STP_NONE && !book->icebergs) {
        look.lots = level->qty_lots < left ? level->qty_lots : left;
        return look;
    }
    for (uint32_t at = level->head; at && left > 0; at = book->pool->nodes[at].next) {
        const struct order_node *maker = &book->pool->nodes[at];
        int64_t lots = maker->left_lots < left ? maker->left_lots : left;
        if (!is_own(maker, cmd)) {
            look.lots += lots;
            hidden = add_up(hidden, book_hidden(book, maker));
        } else if (ends_at_own(cmd)) {
            look.own = at;
            return look;
        } else if (cmd->stp == STP_DECREMENT) {
            look.prevented += lots;
            own_hidden = add_up(own_hidden, book_hidden(book, maker));
        } else { /* EXPIRE_MAKER passes it over */
            lots = 0;
        }
        left -= lots;
    }
    hidden = hidden < left ? hidden : left;
    look.lots += hidden;
    left -= hidden;
    look.prevented += own_hidden < left ? own_hidden : left;
    return look;
}

/* Whether a FOK can trade whole; *own: the order at which self-trade prevention ends it first, or
 * 0.
 */
static bool fok_can_fill(const struct book *book, const struct book_cmd *cmd, uint32_t *own)
{
    enum book_side side = !cmd->side;
    int64_t price = book_first_price(side), left = cmd->qty_lots;
    const struct level *level;
    *own = 0;
    while (left > 0 && !*own && (level = level_behind(book, side, price, &price))) {
        if (price_better(side, cmd->price_ticks, price))
            break;
        const struct level_look look = level_look(book, level, cmd, left);
        left -= look.lots;
        *own = look.own;
    }
    return left == 0;
}

/* Whether the hold of a market buy by quantity covers what the book would ask for it (O1). */
static bool hold_covers(const struct book *book, const struct book_cmd *cmd)
{
    int64_t price = book_first_price(SIDE_SELL), left = cmd->qty_lots;
    int64_t budget = cmd->quote_atoms, cost;
    struct level_look look = {0};
    const struct level *level;
    while (left > 0 && !look.own && (level = level_behind(book, SIDE_SELL, price, &price))) {
        look = level_look(book, level, cmd, left);
        left -= look.lots + look.prevented;
        if (look.lots == 0) /* all its makers are the taker's own */
            continue;
        if (!money_quote_floor(&book->spec, price, look.lots, &cost) || cost > budget)
            return false;
        budget -= cost;
    }
    return true;
}

static bool can_rest(const struct book_cmd *cmd)
{
    return cmd->order_type == TYPE_LIMIT_MAKER ||
           (cmd->order_type == TYPE_LIMIT && cmd->tif == TIF_GTC);
}

/* What shows of an iceberg that rests. */
static int64_t shown_lots(const struct book_cmd *cmd, int64_t left)
{
    int64_t display = cmd->more->display_lots;
    return display && display < left ? display : left;
}

static bool room_to_rest(const struct book *book, enum book_side side, int64_t qty, bool has_node)
{
    const struct order_pool *pool = book->pool;
    int64_t sum;
    return (has_node || pool->count < pool->capacity) && order_pool_far_room(pool) > 0 &&
           !__builtin_add_overflow(book->side_qty[side], qty, &sum);
}

static bool pair_room(const struct book *book, const struct book_cmd *cmd)
{
    const struct order_pool *pool = book->pool;
    int64_t lots;
    return pool->capacity - pool->count >= 2 && order_pool_far_room(pool) > 4 &&
           pool->groups_capacity - pool->groups_count >= 2 &&
           !__builtin_add_overflow(cmd->qty_lots, cmd->more->other->qty_lots, &lots) &&
           room_to_rest(book, cmd->side, lots, false);
}

static enum reject check_new(const struct book *book, const struct book_cmd *cmd)
{
    if (book->status != STATUS_TRADING)
        return REJECT_MARKET_CLOSED;
    if (type_waits(cmd->order_type) && trigger_is_met(book, cmd))
        return REJECT_WOULD_TRIGGER;
    if (type_waits(cmd->order_type))
        return trigger_room(book, cmd) && room_to_rest(book, cmd->side, cmd->qty_lots, false)
                   ? REJECT_NONE
                   : REJECT_BOOK_FULL;
    if (cmd->order_type == TYPE_LIMIT_MAKER && crosses(book, cmd->side, cmd->price_ticks))
        return REJECT_WOULD_MATCH;
    if ((cmd->flags & CMD_HELD_ALL) && !hold_covers(book, cmd))
        return REJECT_NO_FUNDS;
    if (can_rest(cmd) && !room_to_rest(book, cmd->side, cmd->qty_lots, false))
        return REJECT_BOOK_FULL;
    return REJECT_NONE;
}

/* Both lie ahead of the last price, on its two sides. */
RARE enum reject check_pair(const struct book *book, const struct book_cmd *cmd)
{
    bool rests = !type_waits(cmd->order_type);
    int64_t last = book->last_price;
    ASSERT(type_waits(cmd->more->other->order_type));
    ASSERT(!rests || cmd->order_type == TYPE_LIMIT_MAKER);
    if (book->status != STATUS_TRADING)
        return REJECT_MARKET_CLOSED;
    if (trigger_is_met(book, cmd->more->other) || (!rests && trigger_is_met(book, cmd)) ||
        (rests && last && !price_better(!cmd->side, cmd->price_ticks, last)))
        return REJECT_PAIR_PRICES;
    if (rests && crosses(book, cmd->side, cmd->price_ticks))
        return REJECT_WOULD_MATCH;
    return pair_room(book, cmd) ? REJECT_NONE : REJECT_BOOK_FULL;
}

/* The id that was kept for the command's order, or the next one. */
HOT uint64_t take_order_id(struct book *book, const struct book_cmd *cmd)
{
    return cmd->more && cmd->more->order_id ? cmd->more->order_id : ++book->order_id;
}

HOT void open_taker(struct book *book, const struct book_cmd *cmd, uint64_t order_id)
{
    struct book_open *open = &book->open;
    open->order_id = order_id;
    open->left_lots = cmd->qty_lots;
    open->budgeted =
        cmd->order_type == TYPE_MARKET && (cmd->side == SIDE_BUY || (cmd->flags & CMD_QUOTE_QTY));
    open->budget = cmd->quote_atoms;
    if (open->budgeted && (cmd->flags & CMD_QUOTE_QTY) && cmd->side == SIDE_BUY)
        open->left_lots = INT64_MAX;
    open->last_fill_price = 0;
    open->touched = NULL;
    open->traded = open->stopped_by_budget = open->dead_on_arrival = false;
    if (cmd->order_type == TYPE_LIMIT && cmd->tif == TIF_FOK)
        open->dead_on_arrival = !fok_can_fill(book, cmd, &open->dead_at);
}

static enum reject check_reduce(int64_t lots)
{
    return lots > 0 ? REJECT_NONE : lots == 0 ? REJECT_NO_CHANGE : REJECT_QTY_INCREASE;
}

static enum reject begin_on_order(struct book *book, const struct book_cmd *cmd)
{
    if (book->status == STATUS_HALT || book->status == STATUS_BREAK ||
        (cmd->type != CMD_CANCEL && book->status != STATUS_TRADING))
        return REJECT_MARKET_CLOSED;
    uint32_t slot = order_pool_find(book->pool, cmd->ref);
    if (!slot || book->pool->nodes[slot].symbol != book->symbol)
        return REJECT_UNKNOWN_ORDER;
    const struct order_node *node = &book->pool->nodes[slot];
    if (cmd->restriction &&
        (cmd->restriction == RESTRICT_ONLY_NEW) == !!(node->flags & NODE_TRADED))
        return REJECT_RESTRICTED;
    if (cmd->type == CMD_MOVE && (node->flags & (NODE_WAITING | NODE_PAIRED)))
        return REJECT_UNKNOWN_ORDER;
    if (cmd->type == CMD_REDUCE && (node->flags & NODE_PAIRED))
        return REJECT_NO_AMEND;
    if (cmd->type == CMD_MOVE && !room_to_rest(book, node->side, cmd->qty_lots, true))
        return REJECT_BOOK_FULL;
    enum reject reject = cmd->type == CMD_REDUCE ? check_reduce(cmd->qty_lots) : REJECT_NONE;
    if (reject != REJECT_NONE)
        return reject;
    book->open.node = slot;
    book->open.order_id = book->order_id + 1; /* what a MOVE will take */
    bool stays =
        cmd->type == CMD_REDUCE && cmd->qty_lots < node->left_lots + book_hidden(book, node);
    book->open.stage = stays ? STAGE_REDUCE : STAGE_REMOVE;
    return REJECT_NONE;
}

enum reject book_begin(struct book *book, const struct book_cmd *cmd)
{
    ASSERT(!book->busy);
    ASSERT(cmd->seq == book->seq + 1);
    book->seq++;
    book->credit++;
    enum reject reject = REJECT_NONE;
    if (cmd->type == CMD_STATUS) {
        ASSERT(cmd->status < STATUS_COUNT);
        book->status = cmd->status;
        book->open.stage = STAGE_END;
    } else if (cmd->type == CMD_NEW) {
        ASSERT(type_is_market(cmd->order_type) || cmd->price_ticks > 0);
        reject = check_new(book, cmd);
        if (reject == REJECT_NONE) {
            open_taker(book, cmd, take_order_id(book, cmd));
            book->order_id += cmd->flags >> CMD_KEEPS_SHIFT;
            book->open.stage = type_waits(cmd->order_type) ? STAGE_WAIT : STAGE_MATCH;
        }
    } else if (cmd->type == CMD_PAIR) {
        reject = check_pair(book, cmd);
        if (reject == REJECT_NONE) {
            book->open.other = *cmd->more->other;
            book->open.other_more = *cmd_more(&book->open.other);
            book->open.other.more = &book->open.other_more;
            uint64_t kept = book->open.other_more.order_id;
            book->open.order_id = kept ? kept : book->order_id + 1;
            book->open.stage = STAGE_PAIR;
        }
    } else {
        reject = begin_on_order(book, cmd);
    }
    if (reject != REJECT_NONE)
        return reject;
    book->open.cmd = *cmd;
    if (cmd->more) {
        book->open.more = *cmd->more;
        book->open.cmd.more = &book->open.more;
    }
    book->busy = true;
    return REJECT_NONE;
}

/* ---- matching ---- */

static void tell_touched(struct book *book, struct book_events *out)
{
    struct book_open *open = &book->open;
    if (!open->touched)
        return;
    tell_level(book, out, !open->cmd.side, open->touched_price, open->touched->qty_lots);
    open->touched = NULL;
}

static void taker_done(struct book *book, struct book_events *out, enum book_done reason)
{
    const struct book_open *open = &book->open;
    struct book_event *event = event_add(out, EVENT_DONE);
    event->side = open->cmd.side;
    event->reason = (uint8_t)reason;
    event->user = open->cmd.user;
    event->ref = open->cmd.ref;
    event->order_id = open->order_id;
    event->price_ticks = open->cmd.order_type == TYPE_MARKET ? 0 : open->cmd.price_ticks;
    event->left_lots = (open->cmd.flags & CMD_QUOTE_QTY) ? 0 : open->left_lots;
}

/* The oldest maker of a level has ended; with its last order the level goes. */
static void maker_gone(struct book *book, struct book_events *out, struct level *level,
                       int64_t price, uint32_t far)
{
    uint32_t slot = level->head;
    const struct order_node *maker = &book->pool->nodes[slot];
    level->head = maker->next;
    if (maker->next)
        book->pool->nodes[maker->next].prev = 0;
    else
        level->tail = 0;
    book->orders--;
    book->icebergs -= (maker->flags & NODE_ICEBERG) != 0;
    order_pool_put(book->pool, slot);
    if (!level->head) {
        tell_touched(book, out);
        level_gone(book, !book->open.cmd.side, price, far);
    }
}

/* What the oldest maker of a level showed is gone: its next part goes to the end of the queue. */
RARE void show_more(struct book *book, struct level *level)
{
    uint32_t slot = level->head;
    struct order_node *maker = &book->pool->nodes[slot];
    struct order_terms *terms = &book->pool->terms[slot];
    int64_t lots =
        terms->hidden_lots < terms->display_lots ? terms->hidden_lots : terms->display_lots;
    terms->hidden_lots -= lots;
    maker->left_lots = lots;
    level->qty_lots += lots;
    if (!maker->next)
        return;
    level->head = maker->next;
    book->pool->nodes[level->head].prev = 0;
    book->pool->nodes[level->tail].next = slot;
    maker->prev = level->tail;
    maker->next = 0;
    level->tail = slot;
}

/* One fill between the taker and the oldest maker of a level. */
static void fill(struct book *book, struct book_events *out, struct level *level, int64_t price,
                 uint32_t far, int64_t lots)
{
    struct book_open *open = &book->open;
    struct order_node *maker = &book->pool->nodes[level->head];
    maker->left_lots -= lots;
    maker->flags |= NODE_TRADED;
    level->qty_lots -= lots;
    book->side_qty[maker->side] -= lots;
    open->left_lots -= lots;
    open->traded = true;
    open->last_fill_price = price;
    book->last_price = price;
    struct book_event *event = event_add(out, EVENT_FILL);
    event->side = maker->side;
    event->user = maker->user;
    event->ref = maker->ref;
    event->order_id = maker->order_id;
    event->id = ++book->trade_id;
    event->price_ticks = price;
    event->qty_lots = lots;
    int64_t hidden = book_hidden(book, maker);
    event->left_lots = maker->left_lots + hidden;
    event->taker_order_id = open->order_id;
    if (open->left_lots == 0 && !(open->cmd.flags & CMD_QUOTE_QTY))
        event->flags |= BOOK_TAKER_DONE;
    open->touched = level;
    open->touched_price = price;
    if (maker->flags & NODE_PAIRED)
        open->orphan = pair_undo(book, level->head);
    if (!trigger_sleeps(&book->triggers, price)) {
        open->fire.price = price;
        open->fire.phase = 0;
        open->stage = STAGE_WAKE;
    }
    if (maker->left_lots)
        return;
    if (hidden) {
        show_more(book, level);
        return;
    }
    event->flags |= BOOK_MAKER_DONE;
    maker_gone(book, out, level, price, far);
}

/* ---- self-trade prevention ---- */

RARE void tell_prevented(struct book *book, struct book_events *out, const struct order_node *maker,
                         int64_t maker_lots, int64_t taker_lots, bool maker_done, bool taker_done)
{
    struct book_event *event = tell_order(book, out, EVENT_PREVENTED, maker);
    event->id = ++book->prevented_id;
    event->reason = book->open.cmd.stp;
    event->qty_lots = maker_lots;
    event->left_lots = taker_lots;
    event->taker_order_id = book->open.order_id;
    event->flags = (maker_done ? BOOK_MAKER_DONE : 0) | (taker_done ? BOOK_TAKER_DONE : 0);
}

/* Both give up what they would have traded. Returns whether that was the taker's last. */
RARE bool decrement(struct book *book, struct book_events *out, struct level *level, int64_t price,
                    uint32_t far)
{
    struct book_open *open = &book->open;
    struct order_node *maker = &book->pool->nodes[level->head];
    bool by_quote = open->cmd.flags & CMD_QUOTE_QTY;
    int64_t most =
        by_quote ? money_lots_affordable(&book->spec, price, open->budget) : open->left_lots;
    int64_t lots = maker->left_lots < open->left_lots ? maker->left_lots : open->left_lots, cost;
    bool ends = most <= lots;
    lots = most < lots ? most : lots;
    if (by_quote) {
        ASSERT(money_quote_floor(&book->spec, price, lots, &cost) && cost <= open->budget);
        open->budget -= cost;
    }
    open->left_lots -= lots;
    ends |= open->left_lots == 0;
    maker->left_lots -= lots;
    level->qty_lots -= lots;
    book->side_qty[maker->side] -= lots;
    open->touched = level;
    open->touched_price = price;
    bool more = maker->left_lots > 0, hidden = book_hidden(book, maker) > 0;
    tell_prevented(book, out, maker, lots, lots, !more && !hidden, ends);
    if (!more && !hidden && (maker->flags & NODE_PAIRED))
        open->orphan = pair_undo(book, level->head);
    if (!more && hidden)
        show_more(book, level);
    else if (!more)
        maker_gone(book, out, level, price, far);
    return ends;
}

/* The taker has met an order of its own, the oldest of a level: as its mode says. Returns whether
 * the taker ends. */
static bool prevent(struct book *book, struct book_events *out, struct level *level, int64_t price,
                    uint32_t far)
{
    struct book_open *open = &book->open;
    const struct order_node *maker = &book->pool->nodes[level->head];
    int64_t taker_lots = open->cmd.flags & CMD_QUOTE_QTY ? 0 : open->left_lots;
    bool ends = open->cmd.stp != STP_EXPIRE_MAKER;
    if (open->cmd.stp == STP_DECREMENT)
        return decrement(book, out, level, price, far);
    if (open->cmd.stp == STP_EXPIRE_TAKER) {
        tell_prevented(book, out, maker, 0, taker_lots, false, true);
        return true;
    }
    int64_t whole = maker->left_lots + book_hidden(book, maker);
    if (maker->flags & NODE_PAIRED)
        open->orphan = pair_undo(book, level->head);
    tell_prevented(book, out, maker, whole, ends ? taker_lots : 0, true, ends);
    level->qty_lots -= maker->left_lots;
    book->side_qty[maker->side] -= whole;
    open->touched = level;
    open->touched_price = price;
    maker_gone(book, out, level, price, far);
    return ends;
}

/* Whether the taker would trade with an order of its own and prevents that. A budget that buys no
 * lot has ended the taker before it meets anyone. */
static bool meets_own(const struct book *book, const struct level *level, int64_t price)
{
    const struct book_open *open = &book->open;
    if (!is_own(&book->pool->nodes[level->head], &open->cmd))
        return false;
    return !open->budgeted ||
           (open->budget > 0 && money_lots_affordable(&book->spec, price, open->budget) > 0);
}

/* Lots that the oldest maker of the best level can give the taker now: 0 when the budget does not
 * reach. */
static int64_t fill_lots(struct book *book, const struct level *level, int64_t price)
{
    struct book_open *open = &book->open;
    const struct order_node *maker = &book->pool->nodes[level->head];
    int64_t lots = maker->left_lots < open->left_lots ? maker->left_lots : open->left_lots;
    if (!open->budgeted)
        return lots;
    int64_t most = open->budget ? money_lots_affordable(&book->spec, price, open->budget) : 0;
    if (most < lots) {
        lots = most;
        open->stopped_by_budget = true; /* this fill is the last: no free dust behind it */
    }
    if (lots) {
        int64_t cost;
        ASSERT(money_quote_floor(&book->spec, price, lots, &cost));
        ASSERT(cost <= open->budget);
        open->budget -= cost;
    }
    return lots;
}

static void tell_accepted(const struct book_open *open, struct book_events *out)
{
    struct book_event *event = event_add(out, EVENT_ACCEPTED);
    event->side = open->cmd.side;
    event->user = open->cmd.user;
    event->ref = open->cmd.ref;
    event->order_id = open->order_id;
    event->price_ticks = type_is_market(open->cmd.order_type) ? 0 : open->cmd.price_ticks;
    event->qty_lots = event->left_lots = open->left_lots;
}

/* The taker's node: the one it had, or a new one. `waits` is a constant at each call. */
HOT uint32_t taker_node(struct book *book, bool waits)
{
    const struct book_open *open = &book->open;
    uint32_t slot = open->node;
    if (!slot)
        slot = waits ? order_pool_get_waiting(book->pool, open->cmd.ref)
                     : order_pool_get(book->pool, open->cmd.ref);
    else if (!open->triggered)
        order_pool_rename(book->pool, slot, open->cmd.ref);
    struct order_node *node = &book->pool->nodes[slot];
    node->order_id = open->order_id;
    node->price_ticks = open->cmd.price_ticks;
    node->left_lots = open->left_lots;
    node->user = open->cmd.user;
    node->group = open->cmd.group;
    node->side = open->cmd.side;
    node->flags = waits ? NODE_WAITING : open->traded ? NODE_TRADED : 0;
    node->symbol = book->symbol;
    return slot;
}

/* Returns its slot. */
HOT uint32_t rest_taker(struct book *book, struct book_events *out)
{
    struct book_open *open = &book->open;
    const struct book_cmd *cmd = &open->cmd;
    uint32_t slot = taker_node(book, false);
    struct order_node *node = &book->pool->nodes[slot];
    if (cmd->more && cmd->more->display_lots) {
        struct order_terms *terms = &book->pool->terms[slot];
        node->flags |= NODE_ICEBERG;
        node->left_lots = shown_lots(cmd, open->left_lots);
        terms->display_lots = cmd->more->display_lots;
        terms->hidden_lots = open->left_lots - node->left_lots;
    }
    order_rest(book, slot);
    if (open->triggered)
        book->pool->waiting--;
    else
        tell_accepted(open, out);
    tell_level(book, out, cmd->side, cmd->price_ticks, order_level(book, node)->qty_lots);
    return slot;
}

/* The taker waits for its trigger. Returns its slot. */
RARE uint32_t wait_taker(struct book *book, struct book_events *out)
{
    const struct book_cmd *cmd = &book->open.cmd;
    const struct book_more *more = cmd_more(cmd);
    bool buys_at_market = cmd->side == SIDE_BUY && type_is_market(cmd->order_type);
    uint32_t slot = taker_node(book, true);
    book->pool->terms[slot] =
        (struct order_terms){.display_lots = more->display_lots,
                             .stop_ticks = more->stop_ticks,
                             .hold_atoms = buys_at_market ? cmd->quote_atoms : 0,
                             .trail_bips = (uint16_t)more->trail_bips,
                             .type = cmd->order_type,
                             .tif = cmd->tif,
                             .stp = cmd->stp};
    book->side_qty[cmd->side] += cmd->qty_lots;
    trigger_wait(book, slot);
    tell_accepted(&book->open, out);
    return slot;
}

RARE void step_wait(struct book *book, struct book_events *out)
{
    wait_taker(book, out);
    book->open.stage = STAGE_END;
}

/* Puts the open command's order where it rests or waits. Returns its slot. */
RARE uint32_t place_taker(struct book *book, struct book_events *out)
{
    struct book_open *open = &book->open;
    open_taker(book, &open->cmd, take_order_id(book, &open->cmd));
    return type_waits(open->cmd.order_type) ? wait_taker(book, out) : rest_taker(book, out);
}

RARE void step_pair(struct book *book, struct book_events *out)
{
    struct book_open *open = &book->open;
    const struct book_cmd cmd = open->cmd;
    open->cmd = open->other;
    uint32_t other = place_taker(book, out);
    open->cmd = cmd;
    pair_make(book, place_taker(book, out), other);
    open->stage = STAGE_END;
}

/* A taker that had a node and does not rest gives it back. */
static void drop_node(struct book *book)
{
    if (!book->open.node)
        return;
    order_pool_put(book->pool, book->open.node);
    book->pool->waiting -= book->open.triggered;
}

/* `told`: a prevented match was its end. */
static void end_taker(struct book *book, struct book_events *out, bool told)
{
    struct book_open *open = &book->open;
    const struct book_cmd *cmd = &open->cmd;
    tell_touched(book, out);
    open->stage = STAGE_NEXT;
    if (!told && open->left_lots > 0 && can_rest(cmd)) {
        rest_taker(book, out);
        return;
    }
    drop_node(book);
    if (told)
        return;
    if (cmd->flags & CMD_QUOTE_QTY) {
        bool spent = open->traded &&
                     (open->stopped_by_budget ||
                      money_lots_affordable(&book->spec, open->last_fill_price, open->budget) == 0);
        taker_done(book, out, spent ? DONE_FILLED : DONE_EXPIRED);
    } else if (open->left_lots > 0) {
        taker_done(book, out, DONE_EXPIRED);
    }
}

static bool taker_wants(const struct book_open *open, int64_t price)
{
    if (open->left_lots == 0)
        return false;
    return open->cmd.order_type == TYPE_MARKET ||
           !price_better(!open->cmd.side, open->cmd.price_ticks, price);
}

RARE bool step_wake(struct book *book, uint32_t *steps, struct book_events *out)
{
    if (!trigger_wake(book, &book->open.fire, steps, out))
        return false;
    book->open.stage = STAGE_MATCH;
    return true;
}

/* A maker has traded, or self-trade prevention has ended it: so does the other one of its pair. */
RARE void end_orphan(struct book *book, struct book_events *out)
{
    struct book_open *open = &book->open;
    uint32_t orphan = open->orphan;
    open->orphan = 0;
    take_other(book, out, orphan, DONE_SIBLING);
}

static enum book_step step_match(struct book *book, uint32_t fills_max, struct book_events *out)
{
    struct book_open *open = &book->open;
    bool told = false;
    if (open->dead_on_arrival) {
        open->stage = STAGE_NEXT;
        if (open->dead_at)
            tell_prevented(book, out, &book->pool->nodes[open->dead_at], 0, open->left_lots, false,
                           true);
        else
            taker_done(book, out, DONE_EXPIRED);
        drop_node(book);
        return BOOK_DONE;
    }
    for (;;) {
        int64_t price;
        uint32_t far;
        struct level *level = level_best(book, !open->cmd.side, &price, &far);
        if (!level || !taker_wants(open, price))
            break;
        if (open->stopped_by_budget)
            break;
        if (fills_max == 0)
            return BOOK_MORE;
        fills_max--;
        if (meets_own(book, level, price)) {
            told = prevent(book, out, level, price, far);
            if (told && open->orphan) /* nothing comes to rest now: there is room */
                end_orphan(book, out);
            if (told)
                break;
        } else {
            int64_t lots = fill_lots(book, level, price);
            if (lots == 0)
                break;
            fill(book, out, level, price, far, lots);
        }
        if (open->orphan && fills_max == 0)
            return BOOK_MORE;
        if (open->orphan) {
            fills_max--;
            end_orphan(book, out);
        }
        if (open->stage == STAGE_WAKE && !step_wake(book, &fills_max, out))
            return BOOK_MORE;
    }
    end_taker(book, out, told);
    return BOOK_DONE;
}

/* CANCEL, a REDUCE of all that is left, and the first half of a MOVE, whose node is kept for the
 * new order. */
static enum book_step step_remove(struct book *book, struct book_events *out)
{
    struct book_open *open = &book->open;
    struct order_node *node = &book->pool->nodes[open->node];
    bool move = open->cmd.type == CMD_MOVE, reduce = open->cmd.type == CMD_REDUCE;
    enum book_done reason = move ? DONE_REPLACED : reduce ? DONE_EXPIRED : DONE_CANCELED;
    uint32_t other = node->flags & NODE_PAIRED ? pair_undo(book, open->node) : 0;
    enum book_side side = node->side;
    take_away(book, out, open->node, reason);
    if (other)
        take_other(book, out, other, reason);
    if (!move) {
        order_pool_put(book->pool, open->node);
        open->stage = STAGE_END;
        return BOOK_DONE;
    }
    open->cmd.side = (uint8_t)side;
    open->cmd.user = node->user;
    open->cmd.group = node->group;
    open->cmd.ref = open->cmd.new_ref;
    open->cmd.order_type = TYPE_LIMIT;
    open->cmd.tif = TIF_GTC;
    open->cmd.flags = 0;
    open->cmd.more = NULL;
    open_taker(book, &open->cmd, ++book->order_id);
    open->stage = STAGE_MATCH;
    return BOOK_MORE;
}

/* What does not show goes first. */
static void step_reduce(struct book *book, struct book_events *out)
{
    struct book_open *open = &book->open;
    struct order_node *node = &book->pool->nodes[open->node];
    int64_t lots = open->cmd.qty_lots, hidden = book_hidden(book, node);
    ASSERT(lots > 0 && lots < node->left_lots + hidden);
    int64_t unseen = hidden < lots ? hidden : lots, seen = lots - unseen;
    if (unseen)
        book->pool->terms[open->node].hidden_lots -= unseen;
    node->left_lots -= seen;
    tell_order(book, out, EVENT_REDUCED, node)->qty_lots = lots;
    book->side_qty[node->side] -= lots;
    open->stage = STAGE_END;
    if (!seen || (node->flags & NODE_WAITING))
        return;
    struct level *level = order_level(book, node);
    level->qty_lots -= seen;
    tell_level(book, out, node->side, node->price_ticks, level->qty_lots);
}

/* The next order that has fired is the taker, as the market or limit order that it waited to be. */
RARE void step_next(struct book *book, struct book_events *out)
{
    struct book_open *open = &book->open;
    uint32_t slot = open->fire.head;
    struct order_node *node = &book->pool->nodes[slot];
    const struct order_terms *terms = &book->pool->terms[slot];
    open->fire.head = node->next;
    if (!node->next)
        open->fire.tail = 0;
    open->cmd =
        (struct book_cmd){.type = CMD_NEW,
                          .side = node->side,
                          .order_type = type_is_market(terms->type) ? TYPE_MARKET : TYPE_LIMIT,
                          .tif = terms->tif,
                          .stp = terms->stp,
                          .user = node->user,
                          .group = node->group,
                          .seq = open->cmd.seq,
                          .ref = node->ref,
                          .price_ticks = node->price_ticks,
                          .qty_lots = node->left_lots,
                          .quote_atoms = terms->hold_atoms,
                          .ts_us = open->cmd.ts_us};
    if (terms->display_lots) {
        open->more = (struct book_more){.display_lots = terms->display_lots};
        open->cmd.more = &open->more;
    }
    order_pool_wake(book->pool, slot);
    node->flags = 0;
    book->side_qty[node->side] -=
        node->left_lots; /* its room stays: nothing else rests meanwhile */
    tell_order(book, out, EVENT_TRIGGERED, node);
    open->node = slot;
    open->triggered = true;
    open_taker(book, &open->cmd, node->order_id);
    open->stage = STAGE_MATCH;
}

__attribute__((flatten)) enum book_step book_step(struct book *book, uint32_t fills_max,
                                                  struct book_events *out)
{
    struct book_open *open = &book->open;
    ASSERT(book->busy);
    ASSERT(fills_max > 0);
    enum book_step result = BOOK_DONE;
    if (open->stage == STAGE_REMOVE)
        result = step_remove(book, out);
    else if (open->stage == STAGE_REDUCE)
        step_reduce(book, out);
    else if (open->stage == STAGE_WAIT)
        step_wait(book, out);
    else if (open->stage == STAGE_PAIR)
        step_pair(book, out);
    else if (open->stage == STAGE_NEXT)
        step_next(book, out);
    if (open->orphan) {
        fills_max--;
        end_orphan(book, out);
    }
    if (open->stage == STAGE_WAKE && !step_wake(book, &fills_max, out))
        return BOOK_MORE;
    if (open->stage == STAGE_MATCH)
        result = step_match(book, fills_max, out);
    if (result == BOOK_DONE && open->fire.head)
        result = BOOK_MORE;
    if (result == BOOK_DONE) {
        book->busy = false;
        open->node = 0;
        open->triggered = false;
        VERIFY(!open->touched && !open->orphan && !open->fire.head);
        VERIFY(book->orders <= book->pool->count);
    }
    return result;
}

/* ---- prefetch: three passes, each finding what the one before it asked for ---- */

enum {
    PREFETCH_BATCH = 32,
    PREFETCH_ORDERS_MIN =
        12000, /* with fewer, nodes and index stay in a core's L2: then it only costs */
};

static bool needs_level(const struct book *book, const struct book_cmd *cmd)
{
    return cmd->type != CMD_CANCEL && cmd->type != CMD_REDUCE && in_window(book, cmd->price_ticks);
}

static void prefetch_batch(const struct book *book, const struct book_cmd *const *cmds,
                           uint32_t count)
{
    const struct order_pool *pool = book->pool;
    uint32_t slots[PREFETCH_BATCH];
    for (uint32_t i = 0; i < count; i++) {
        const struct book_cmd *cmd = cmds[i];
        order_pool_prefetch_index(pool, cmd->ref);
        if (cmd->type == CMD_MOVE)
            order_pool_prefetch_index(pool, cmd->new_ref);
        if (needs_level(book, cmd))
            __builtin_prefetch(&book->levels[cmd->price_ticks - book->base], 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct book_cmd *cmd = cmds[i];
        slots[i] = 0; /* node 0 is nobody's: fetching it is harmless */
        if (cmd->type == CMD_CANCEL || cmd->type == CMD_MOVE || cmd->type == CMD_REDUCE) {
            slots[i] = order_pool_guess(pool, cmd->ref);
            __builtin_prefetch(&pool->nodes[slots[i]], 1);
        }
        if (needs_level(book, cmd))
            __builtin_prefetch(&pool->nodes[book->levels[cmd->price_ticks - book->base].tail], 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!slots[i])
            continue;
        const struct order_node *node = &pool->nodes[slots[i]];
        __builtin_prefetch(&pool->nodes[node->prev], 1);
        __builtin_prefetch(&pool->nodes[node->next], 1);
        if (in_window(book, node->price_ticks))
            __builtin_prefetch(&book->levels[node->price_ticks - book->base], 1);
    }
}

/* The same for cancels of orders that wait: they are looked for only where none rests. */
static void prefetch_waiting(const struct book *book, const struct book_cmd *const *cmds,
                             uint32_t count)
{
    const struct order_pool *pool = book->pool;
    uint64_t refs[PREFETCH_BATCH];
    uint32_t cancels = 0, found = 0;
    for (uint32_t i = 0; i < count; i++) { /* no branch that would be guessed wrong */
        refs[cancels] = cmds[i]->ref;
        cancels += cmds[i]->type == CMD_CANCEL;
    }
    for (uint32_t i = 0; i < cancels; i++)
        if (!order_pool_guess(pool, refs[i])) {
            order_pool_prefetch_waiting(pool, refs[i]);
            refs[found++] = refs[i];
        }
    for (uint32_t i = 0; i < found; i++) {
        uint32_t slot = order_pool_guess_waiting(pool, refs[i]);
        __builtin_prefetch(&pool->nodes[slot], 1);
        __builtin_prefetch(&pool->terms[slot]);
    }
}

void book_prefetch(const struct book *book, const struct book_cmd *const *cmds, uint32_t count)
{
    bool resting = book->pool->index.count >= PREFETCH_ORDERS_MIN;
    bool waiting = book->pool->waiting_index.count >= PREFETCH_ORDERS_MIN;
    for (uint32_t at = 0; (resting || waiting) && at < count; at += PREFETCH_BATCH) {
        uint32_t batch = count - at < PREFETCH_BATCH ? count - at : PREFETCH_BATCH;
        if (resting)
            prefetch_batch(book, cmds + at, batch);
        if (waiting)
            prefetch_waiting(book, cmds + at, batch);
    }
}

/* ---- hash and invariants ---- */

struct hashing {
    const struct book *book;
    uint64_t hash;
};

static uint64_t hash_node(uint64_t hash, const struct order_node *order, uint8_t flags)
{
    hash = hash_fold(hash, order->ref);
    hash = hash_fold(hash, order->order_id);
    hash = hash_fold(hash, (uint64_t)order->price_ticks);
    hash = hash_fold(hash, (uint64_t)order->left_lots);
    hash = hash_fold(hash, order->group);
    return hash_fold(hash, (uint64_t)order->user << 16 | flags << 8 | order->side);
}

static void hash_order(void *arg, const struct order_node *order)
{
    struct hashing *to = arg;
    to->hash = hash_node(to->hash, order, order->flags);
    if (order->flags & NODE_PAIRED)
        to->hash = hash_fold(to->hash, to->book->pool->nodes[order->sibling].ref);
    if (!(order->flags & NODE_ICEBERG))
        return;
    const struct order_terms *terms = &to->book->pool->terms[order - to->book->pool->nodes];
    to->hash = hash_fold(to->hash, (uint64_t)terms->display_lots);
    to->hash = hash_fold(to->hash, (uint64_t)terms->hidden_lots);
}

static void hash_waiting(void *arg, const struct order_node *order, const struct order_terms *terms,
                         int64_t extreme)
{
    struct hashing *to = arg;
    to->hash = hash_node(to->hash, order, NODE_WAITING | (order->flags & NODE_PAIRED));
    if (order->flags & NODE_PAIRED)
        to->hash = hash_fold(to->hash, to->book->pool->nodes[order->sibling].ref);
    to->hash = hash_fold(to->hash, (uint64_t)terms->display_lots);
    to->hash = hash_fold(to->hash, (uint64_t)terms->stop_ticks);
    to->hash = hash_fold(to->hash, (uint64_t)terms->hold_atoms);
    to->hash = hash_fold(to->hash, (uint64_t)extreme);
    to->hash = hash_fold(to->hash, (uint64_t)terms->trail_bips << 24 | (uint64_t)terms->type << 16 |
                                       (uint64_t)terms->tif << 8 | terms->stp);
}

uint64_t book_hash(const struct book *book)
{
    uint64_t hash = book->symbol;
    hash = hash_fold(hash, book->seq);
    hash = hash_fold(hash, book->order_id);
    hash = hash_fold(hash, book->trade_id);
    hash = hash_fold(hash, book->update_id);
    hash = hash_fold(hash, book->prevented_id);
    hash = hash_fold(hash, (uint64_t)book->last_price);
    hash = hash_fold(hash, book->status);
    struct hashing to = {.book = book, .hash = hash};
    book_each_order(book, SIDE_BUY, hash_order, &to);
    book_each_order(book, SIDE_SELL, hash_order, &to);
    trigger_each(book, hash_waiting, &to);
    return to.hash;
}

static void pair_verify(const struct book *book, const struct order_node *node)
{
    const struct order_node *other = &book->pool->nodes[node->sibling];
    if (!(node->flags & NODE_PAIRED))
        return;
    ASSERT((other->flags & NODE_PAIRED) && &book->pool->nodes[other->sibling] == node);
    ASSERT(other->user == node->user && other->symbol == node->symbol && other->side == node->side);
    ASSERT((node->flags | other->flags) & NODE_WAITING);
}

struct seen {
    const struct book *book;
    uint32_t orders, icebergs;
    int64_t lots[2]; /* all that is open, by side */
};

static void see_waiting(void *arg, const struct order_node *order, const struct order_terms *terms,
                        int64_t extreme)
{
    struct seen *seen = arg;
    (void)terms, (void)extreme;
    seen->lots[order->side] += order->left_lots;
    pair_verify(seen->book, order);
}

static void verify_level(const struct book *book, enum book_side side, int64_t price,
                         const struct level *level, struct seen *seen)
{
    int64_t sum = 0;
    uint32_t prev = 0;
    for (uint32_t at = level->head; at; prev = at, at = book->pool->nodes[at].next) {
        const struct order_node *node = &book->pool->nodes[at];
        ASSERT(node->prev == prev);
        ASSERT(node->side == side && node->price_ticks == price && node->symbol == book->symbol);
        ASSERT(node->left_lots > 0);
        ASSERT(order_pool_find_in(book->pool, &book->pool->index, node->ref) == at);
        ASSERT((node->far == 0) == in_window(book, price));
        ASSERT(!(node->flags & NODE_WAITING) && book_hidden(book, node) >= 0);
        pair_verify(book, node);
        sum += node->left_lots;
        seen->lots[side] += node->left_lots + book_hidden(book, node);
        seen->orders++;
        seen->icebergs += (node->flags & NODE_ICEBERG) != 0;
    }
    ASSERT(level->tail == prev);
    ASSERT(level->qty_lots == sum);
}

void book_verify(const struct book *book)
{
    int64_t bid, ask;
    struct seen seen = {.book = book};
    if (book_best(book, SIDE_BUY, &bid) && book_best(book, SIDE_SELL, &ask))
        ASSERT(book->busy || bid < ask);
    for (uint32_t side = 0; side < 2; side++) {
        int64_t price = book_first_price(side);
        const struct level *level;
        while ((level = level_behind(book, side, price, &price)))
            verify_level(book, side, price, level, &seen);
    }
    trigger_each(book, see_waiting, &seen);
    ASSERT(book->busy || (seen.lots[SIDE_BUY] == book->side_qty[SIDE_BUY] &&
                          seen.lots[SIDE_SELL] == book->side_qty[SIDE_SELL]));
    ASSERT(seen.orders == book->orders && seen.icebergs == book->icebergs);
    window_verify(book);
    trigger_verify(book);
}
