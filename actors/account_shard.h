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
 * smaller quantity), account_reads.c (what is shown: views
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
    uint32_t left, shown; /* orders whose end is awaited; cancels shown so far */
    uint32_t next_free;
};

struct account_read { /* an open read: a continuation, not state; no input is taken meanwhile */
    bool open;
    uint64_t tag;
    uint32_t user;
    uint16_t kind; /* enum reply_kind */
    bool older;    /* there may be older ones that are evicted */
    uint32_t count, at;
    uint32_t *slot; /* what to show, in order; RATES: numbers of symbols */
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
};

struct account_shard {
    struct shard shard; /* first */
    struct ledger *ledger;
    uint16_t number; /* 0 .. account_shards - 1 */
    struct cancel_op ops[CANCEL_OPS_MAX + 1];
    uint32_t ops_free, ops_high, ops_open;
    uint32_t todo_head, todo_tail; /* orders to be cancelled by a self-input, in order (S6) */
    uint16_t *symbol_shard;        /* [symbols_max]: which market shard has a symbol */
    struct symbol_parts parts;     /* of the configuration that is on its way: state */
    counter open_orders;           /* what ledger_open_orders() says, for any thread */
    struct account_read read;
    struct account_events events;
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

/* Puts the order behind the others whose cancel is to be sent (S6). */
void account_todo_push(struct account_shard *self, uint32_t slot);

/* ---- account_shard.c, for account_replace.c and account_amend.c ---- */

/* The order that a New, or the new half of a Replace, asks for. */
void account_new_order(const struct request *request, struct ledger_new *order);

/* The open order meant by order id, by client order id, or by both; 0: there is none. */
uint32_t account_find_open(const struct account_shard *self, const struct request_find *find,
                           uint16_t symbol, uint32_t user);

/* Whether the user has so many unfilled orders that no further one is taken. What is refused leaves
 * no record, so replay does not ask. */
enum reject account_orders_limited(const struct account_shard *self, uint32_t user, int64_t ts_us);

/* Whether the market's link is so full that a New is refused (C6). */
bool account_market_busy(struct account_shard *self, uint16_t symbol);

/* Writes the request's record: from here on it is taken. */
void account_record(struct account_shard *self, const struct request *request);

/* Sends the cancel of an open order; `tag`: the request that its end, or its refusal, answers. */
void account_send_cancel(struct account_shard *self, const struct ledger_order *order, uint64_t tag,
                         uint8_t restriction, int64_t ts_us);

/* Whether a message about the order was not applied (J6): nothing that comes of it can be. */
bool account_lost(const struct account_shard *self, const struct ledger_order *order);

/* Makes the order and sends its Place; or sends that of one made, as a message of `type`. */
void account_place(struct account_shard *self, uint32_t user, const struct ledger_new *order,
                   const struct ledger_plan *plan, int64_t ts_us);
void account_send_place(struct account_shard *self, uint32_t slot, uint8_t type, int64_t ts_us);

/* The order leaves the CancelAll it was in, if any. */
void account_leave_op(struct account_shard *self, uint32_t slot, bool cancelled,
                      enum reject reject);

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
void events_late(struct account_shard *self, uint32_t slot, bool filled);
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
void trade_view(const struct account_shard *self, const struct ledger_trade *trade,
                struct trade_view *view);

/* Tell exchange->rows, if there is one: of the fill that has just been applied; of an order that is
 * done; of a deposit or withdrawal. */
void account_row_fill(const struct account_shard *self, uint32_t slot, const struct msg *msg);
void account_row_order(const struct account_shard *self, uint32_t slot);
void account_row_money(const struct account_shard *self, uint32_t user_id,
                       const struct ledger_deposit *deposit, int64_t time_us);

/* Blocks that the answer to this order needs at its end. */
uint32_t answer_blocks(const struct ledger_order *order);

/* Answers the request that made the order, in its response type. */
void answer_order(struct account_shard *self, const struct ledger_order *order);

/* Answers with one order and nothing else. */
void answer_view(struct account_shard *self, uint64_t tag, const struct ledger_order *order,
                 bool last);

/* The same as the cancel's half of the answer to a Replace, whose other half follows. */
void answer_cancelled(struct account_shard *self, uint64_t tag, const struct ledger_order *order);

/* Answers an Amend. */
void answer_amended(struct account_shard *self, uint64_t tag, const struct amend_view *view);

/* How many unfilled orders the user has, in a block of its own. */
struct reply *order_counts(struct account_shard *self, uint32_t user);

/* Answers with what the user pays in the symbol. */
void answer_rates(struct account_shard *self, uint64_t tag, uint32_t user, uint16_t symbol);

/* Opens a read; read_step() sends its parts, one block each, until it is done. */
enum reject read_begin(struct account_shard *self, const struct request *request, uint32_t user);
enum work read_step(struct account_shard *self);

#endif
