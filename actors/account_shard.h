/* account_shard.h - owns the balances, holds, orders and client order ids of a set of users.
 *
 * In:      class 1 requests from ingress; class 3 reports from markets; class 2 configuration from
 * control. Out:     class 2 orders to markets; class 3 acknowledgements to control; class 4 replies
 * to ingress. Thread:  its core's. Order:   take an input only with room for all it can cause
 * (PROTOCOL C2, C3) -> check -> record -> apply
 *          -> the core publishes its chunk (J1) -> then messages go.
 * Full:    a report or cancel without room stays in its lane; a New is refused with REJECT_BUSY
 * while the market's link is 3/4 full, before any record (C6). Files:   account_shard.c (orders and
 * money), account_replace.c (a cancel and an order in one), account_amend.c (a
 * smaller quantity), account_lists.c (lists of orders), account_reads.c (what is shown: views
 * and long reads).
 */
#ifndef ACCOUNT_SHARD_H
#define ACCOUNT_SHARD_H

#include "actors/ledger/ledger.h"
#include "actors/msg/user_event.h"
#include "actors/shard.h"
#include "actors/symbol_parts.h"

enum { CANCEL_OPS_MAX = 256, CANCEL_NOTES_MAX = 1024 };

struct cancel_op { /* a CancelAll under way: state */
    uint64_t tag;
    uint32_t left, shown; /* orders whose end is awaited; cancels shown so far, or to be shown */
    uint32_t next_free;
};

struct account_read { /* an open read: a continuation, not state; no input is taken meanwhile */
    bool open;
    uint64_t tag;
    uint32_t user;
    uint16_t kind; /* enum reply_kind */
    bool older;    /* there may be older ones that are evicted */
    uint32_t count, at;
    uint32_t *slot; /* what to show, in order; RATES: numbers of symbols; LISTS: of lists */
};

/* Who hears what the input at hand does, and what it has done so far. Not state: interest is asked
 * once an input, before its room, and decides what is told and nothing else. */
struct account_events {
    uint64_t watchers; /* bits of ingress cores; 0: nobody, and nothing is made */
    bool first;        /* the order at hand has not been told of */
    struct user_event event;
    struct cancel_notes *notes; /* by request tag: what cancels under way call themselves */
    uint64_t *
        replaced; /* [shards]: from each, the new order of the last Replace whose cancel was done */
    struct late_told {
        uint64_t ref;
        int64_t executed_lots;
    } * late; /* [shards]: by each, the newest fill held back that was told, by what it came to */
};

/* The matches that were prevented of the taker a market is about, for the answer to its request. A
 * market tells of one taker at a time, so the newest is enough. Not state: nobody is answered about
 * what happened in another life. */
struct account_prevented {
    uint64_t taker_order_id;
    uint16_t symbol;
    uint32_t count;
    struct prevented_match {
        uint64_t match_id, maker_order_id;
        int64_t price_ticks, taker_lots, maker_lots;
        uint32_t maker_user; /* slot; 0: nothing was told of the maker here */
        bool taker_told;
    } match[FULL_PREVENTED_MAX]; /* the first ones */
};

struct account_shard {
    struct shard shard; /* first */
    struct ledger *ledger;
    uint16_t number; /* 0 .. account_shards - 1 */
    struct cancel_op ops[CANCEL_OPS_MAX + 1];
    uint32_t ops_free, ops_high, ops_open;
    /* Orders for which a self-input is to do something, in order (S6): those pending, with what is
     * pending beside them, are to be placed, the others cancelled. */
    uint32_t todo_head, todo_tail;
    uint16_t *symbol_shard;    /* [symbols_max]: which market shard has a symbol */
    struct symbol_parts parts; /* of the configuration that is on its way: state */
    counter open_orders;       /* what ledger_open_orders() says, for any thread */
    counter money_moves;       /* deposits and withdrawals kept, for any thread */
    struct account_read read;
    struct account_events events;
    struct account_prevented *prevented; /* [market_shards] */
    __int128 *skipped_sum; /* [assets]: what fills that were skipped (J6) would have done: state */
};

size_t account_shard_bytes(const struct exchange *ex);
struct account_shard *account_shard_init(struct exchange *ex, struct arena *arena, uint16_t number,
                                         uint16_t core);

/* Recovery: applies one record's payload. */
enum recover account_shard_replay(struct account_shard *self, const struct record_head *head,
                                  const unsigned char *payload, int64_t ts_us);
/* What the record will touch, for ledger_prefetch(); false when that is not worth it. */
bool account_shard_ahead(const struct account_shard *self, const struct record_ahead *record,
                         struct ledger_ahead *ahead);
uint64_t account_shard_hash(const struct account_shard *self);

/* Puts the order behind the others of the todo list, unless it is there (S6). */
void account_todo_push(struct account_shard *self, uint32_t slot);

/* ---- account_shard.c, for account_replace.c and account_amend.c ---- */

/* The order that is asked for, with what is the request's. */
void account_new_order(const struct request *request, const struct request_order *from,
                       struct ledger_new *order);

/* The open order meant by order id, by client order id, or by both; 0: there is none. */
uint32_t account_find_open(const struct account_shard *self, const struct request_find *find,
                           uint16_t symbol, uint32_t user);

/* Whether the user has so many unfilled orders that so many further ones are not taken. What is
 * refused leaves no record, so replay does not ask. */
enum reject account_orders_limited(const struct account_shard *self, uint32_t user, uint32_t orders,
                                   int64_t ts_us);

/* Whether the market's link is so full that a New is refused (C6). */
bool account_market_busy(struct account_shard *self, uint16_t symbol);

/* Writes the request's record: from here on it is taken. */
void account_record(struct account_shard *self, const struct request *request);

/* Sends the cancel of an open order; `tag`: the request that its end, or its refusal, answers.
 * `other`: the order to be cancelled where that one has gone; 0: none. */
struct account_cancel {
    uint64_t tag, other;
    uint8_t restriction;
};
void account_send_cancel(struct account_shard *self, const struct ledger_order *order,
                         const struct account_cancel *cancel, int64_t ts_us);

/* Cancels an order for a request; of a list, all of it. */
void account_cancel(struct account_shard *self, uint32_t slot, uint64_t tag, uint8_t restriction,
                    int64_t ts_us);

/* Whether a message about the order was not applied (J6): nothing that comes of it can be. */
bool account_lost(const struct account_shard *self, const struct ledger_order *order);

/* Makes the order and sends its Place; or sends that of one made, as a message of `type`. */
void account_place(struct account_shard *self, uint32_t user, const struct ledger_new *order,
                   const struct ledger_plan *plan, int64_t ts_us);
void account_send_place(struct account_shard *self, uint32_t slot, uint8_t type, int64_t ts_us);
/* Another core's, or another life's, request is not answered; nor is one of the past. */
bool account_answers(const struct account_shard *self, uint64_t tag);

/* The order leaves the CancelAll it was in, if any. */
void account_leave_op(struct account_shard *self, uint32_t slot, bool cancelled,
                      enum reject reject);

/* ---- account_lists.c ---- */

/* A list, or the cancel of one, that may be recorded: REJECT_NONE, and it is under way; else
 * nothing happened. */
enum reject account_take_list(struct account_shard *self, const struct request *request,
                              uint32_t user, int64_t ts_us);
enum reject account_take_list_cancel(struct account_shard *self, const struct request *request,
                                     uint32_t user, int64_t ts_us);
bool account_replay_list(struct account_shard *self, const struct request *request, uint32_t user,
                         int64_t ts_us);
bool account_replay_list_cancel(struct account_shard *self, const struct request *request,
                                uint32_t user, int64_t ts_us);

/* The user's list that is asked for, by its id, else by its client id; 0: the user has none such.
 */
uint32_t account_find_list(const struct account_shard *self, const struct request_find *find,
                           uint32_t user);
/* Whether a request can cancel the open order of the slot, which is of a list; and does. */
bool account_list_cancels(const struct account_shard *self, uint32_t slot);
void account_cancel_listed(struct account_shard *self, uint32_t slot, uint64_t tag,
                           uint8_t restriction, int64_t ts_us);

/* Whether the order is of a list's second phase that has not begun. */
bool account_pending(const struct account_shard *self, const struct ledger_order *order);

/* What a report on an order of a list means to the others; all that follows is done here. Each is
 * called when the ledger has the report, and its own events are told: when it is open; when it has
 * ended, by the cancel of `tag` if that is not 0, or of a Replace; when the market has refused it,
 * before that. */
void account_listed(struct account_shard *self, uint32_t slot);
void account_listed_end(struct account_shard *self, uint32_t slot, uint64_t tag);
void account_listed_replaced(struct account_shard *self, uint32_t slot, uint64_t tag);
void account_listed_refused(struct account_shard *self, uint32_t slot, enum reject reject);

/* The self-input of a pending order (S6). */
void account_place_pending(struct account_shard *self, uint32_t slot, int64_t ts_us);

/* ---- account_replace.c ---- */

/* A Replace that may be recorded, or is answered without: REJECT_NONE, and it is done; else it is
 * refused whole, and nothing happened. */
enum reject account_take_replace(struct account_shard *self, const struct request *request,
                                 uint32_t user, int64_t ts_us);
bool account_replay_replace(struct account_shard *self, const struct request *request,
                            uint32_t user, int64_t ts_us);

/* The market's word on a Replace's old order. */
void account_replaced(struct account_shard *self, const struct msg *msg);

/* ---- account_amend.c ---- */

/* An Amend that may be recorded: REJECT_NONE, and it is under way; else nothing happened. */
enum reject account_take_amend(struct account_shard *self, const struct request *request,
                               uint32_t user, int64_t ts_us);
bool account_replay_amend(struct account_shard *self, const struct request *request, uint32_t user,
                          int64_t ts_us);

/* The market's word on an Amend. */
void account_amended(struct account_shard *self, const struct msg *msg);

/* ---- account_events.c: what is told to who watches a user ---- */

/* The id of the first execution that the input at hand tells of, whether anybody watches or not. */
uint64_t events_first_id(const struct account_shard *self);

/* Begins an input of this user, or one about this order (0: none). Returns how many blocks, one for
 * each ingress core with a watcher, telling it may take. */
uint32_t events_open(struct account_shard *self, uint32_t user);
uint32_t events_open_report(struct account_shard *self, uint32_t slot);

/* A cancel's own id is kept until its end, by the tag of its request, when somebody watches; one
 * that is refused the new order of its Replace keeps that too. */
bool events_notes_room(const struct account_shard *self);
void events_note_cancel(struct account_shard *self, uint64_t tag,
                        const struct request_find *cancel);
void events_note_refused(struct account_shard *self, uint64_t tag, uint32_t user,
                         const struct ledger_new *order, const struct ledger_plan *plan,
                         enum reject reject);
void events_forget(struct account_shard *self, uint64_t tag);
uint32_t events_notes(const struct account_shard *self);

/* What a report has done to an order: each after the ledger has it, except late (before it: a fill
 * held back is told, as the order's last or not) and refused (before the order goes). */
void events_triggered(struct account_shard *self, const struct ledger_order *order);
void events_accepted(struct account_shard *self, const struct ledger_order *order);
void events_late(struct account_shard *self, uint32_t slot, const struct msg *msg, bool filled);
void events_fill(struct account_shard *self, const struct ledger_order *order,
                 const struct msg *msg);
void events_done(struct account_shard *self, const struct ledger_order *order,
                 const struct msg *msg);
void events_prevented(struct account_shard *self, const struct ledger_order *order,
                      const struct msg *msg);
void events_replaced(struct account_shard *self, const struct ledger_order *old, uint64_t tag,
                     const struct msg *msg);
void events_amended(struct account_shard *self, const struct ledger_order *order,
                    const struct amend_view *amend);
/* An order of a list: pending from now on; ended beside the one that the report is on, or instead
 * of being placed, by the cancel of `tag` if that is not 0, because of `reject` if that is none.
 * And the list, which has begun, or is done. */
void events_pending(struct account_shard *self, const struct ledger_order *order);
void events_with(struct account_shard *self, const struct ledger_order *order, uint64_t tag,
                 enum reject reject);
void events_list(struct account_shard *self, const struct ledger_list *list);
void events_list_updated(struct account_shard *self, const struct ledger_list *list);
/* What the order holds has changed. */
void events_hold(struct account_shard *self, const struct ledger_order *order);
void events_refused(struct account_shard *self, const struct ledger_order *order,
                    const struct msg *msg);
void events_moved(struct account_shard *self, uint16_t asset, int64_t amount);

/* Ends the input: what it did leaves, behind the answers it gave. */
void events_send(struct account_shard *self);

size_t events_bytes(const struct exchange *ex);
void events_init(struct account_shard *self, struct arena *arena);

/* ---- account_reads.c ---- */

void order_view(const struct account_shard *self, const struct ledger_order *order,
                struct order_view *view);
void list_view(const struct ledger_list *list, struct list_view *view);
void trade_view(const struct account_shard *self, const struct ledger_trade *trade,
                struct trade_view *view);

/* Tell exchange->rows, if there is one: of the fill that has just been applied; of an order that is
 * done; of a deposit or withdrawal. */
void account_row_fill(const struct account_shard *self, uint32_t slot, const struct msg *msg);
void account_row_order(const struct account_shard *self, uint32_t slot);
void account_row_list(const struct account_shard *self, const struct ledger_list *list);
void account_row_money(const struct account_shard *self, uint32_t user_id,
                       const struct ledger_deposit *deposit, int64_t time_us);

/* Blocks that the answer to this order needs at its end, which the report at hand may be. */
uint32_t answer_blocks(const struct account_shard *self, const struct ledger_order *order,
                       const struct msg *msg);

/* A match that was prevented, as the market tells it of one of the two orders, the maker first. */
void answer_prevented(struct account_shard *self, const struct msg *msg);

/* Answers the request that made the order, in its response type. */
void answer_order(struct account_shard *self, const struct ledger_order *order);

/* Answers with one order and nothing else. */
void answer_view(struct account_shard *self, uint64_t tag, const struct ledger_order *order,
                 bool last);

/* Answers the request that made a list, once this order of it is in the book, or was. */
void answer_new_list(struct account_shard *self, const struct ledger_list *list,
                     const struct ledger_order *order);

/* Answers with a list and its orders: all that was asked for, one of several, or the cancel's half
 * of the answer to a Replace, whose other half follows. */
enum answer_part { ANSWER_WHOLE, ANSWER_PART, ANSWER_HALF };
void answer_list(struct account_shard *self, uint64_t tag, const struct ledger_list *list,
                 enum answer_part part);

/* The same as the cancel's half of the answer to a Replace, whose other half follows. */
void answer_cancelled(struct account_shard *self, uint64_t tag, const struct ledger_order *order);

/* Answers an Amend; `list`: of which the order is, or NULL. */
void answer_amended(struct account_shard *self, uint64_t tag, const struct amend_view *view,
                    const struct ledger_list *list);

/* How many unfilled orders the user has, in a block of its own. */
struct reply *order_counts(struct account_shard *self, uint32_t user);

/* Answers with what the user pays in the symbol. */
void answer_rates(struct account_shard *self, uint64_t tag, uint32_t user, uint16_t symbol);

/* Opens a read; read_step() sends its parts, one block each, until it is done. */
enum reject read_begin(struct account_shard *self, const struct request *request, uint32_t user);
enum work read_step(struct account_shard *self);

#endif
