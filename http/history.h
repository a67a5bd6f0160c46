/* history.h - lookups that reach behind what views and account shards keep: jobs for whoever reads
 * the history, and their answers.
 *
 * Thread:  the ingress core's; a job is the reader's from past_submit() until past_done().
 * Answer:  each call is answered exactly once, now or when the history has been read; what lookup.c
 *          had written to call->out before is dropped. Without a history the answer is what there
 *          is in memory.
 * Sees:    all that was durable when the call was started: the reader waits until the history has
 *          it.
 */
#ifndef HTTP_HISTORY_H
#define HTTP_HISTORY_H

#include "http/lookup.h"

enum { PAST_ROWS_MAX = 1000, PAST_JOBS_MAX = 256 }; /* jobs: of the process */

enum past_kind {
    PAST_TRADES,
    PAST_AGG_TRADES,
    PAST_CANDLES,
    PAST_ORDERS,
    PAST_FILLS,
    PAST_AMENDMENTS,
    PAST_PREVENTED,
    PAST_LISTS,
    PAST_WEEK
};

/* What statistics are seeded with. */
enum { WEEK_MINUTES_MAX = MINUTES_KEPT + 2, WEEK_LONGS = 8 };
struct past_week {
    uint32_t count;
    struct candle minute[WEEK_MINUTES_MAX]; /* the last one before the week, and those of it */
    struct candle now[WEEK_LONGS];          /* the candles that hold the last minute */
};
/* The interval and the zone of now[i]: those that may reach behind the minutes. */
enum candle_interval past_long_interval(uint32_t i);
int32_t past_long_zone(uint32_t i);

/* What is looked for, and what was found. Memory: one allocation, of the ingress core. */
struct past_job {
    struct past_job *next;
    struct ingress *ingress;
    struct call *call;                    /* NULL: a WEEK, which nobody waits for */
    void (*answer)(struct past_job *job); /* on the ingress core; the job is freed behind it */
    uint64_t min_lsn;                     /* what the history must have before it is read... */
    uint64_t until_ns; /* ... by then, on the monotonic clock; nobody waits any more */
    enum past_kind kind;
    int64_t tick_atoms, step_atoms;
    union {
        struct trades_query trades;
        struct candles_query candles; /* CANDLES; WEEK: its symbol and now_us */
        /* ORDERS, FILLS, AMENDMENTS, PREVENTED: find, user and symbol; LISTS: find and user */
        struct request request;
    };
    /* found */
    bool failed;
    uint32_t count;
    union { /* [PAST_ROWS_MAX]; of one order, one list and a week: [1] */
        struct recent_trade *trade;
        struct agg_trade *agg;
        struct candle *candle;
        struct order_view *order;
        struct trade_view *fill;
        struct amend_view *amend;
        struct past_week *week;
        struct prevented_view *prevented;
        struct list_view *list;
    };
    /* of memory, ORDERS, FILLS and LISTS: in the same order */
    uint32_t kept_count;
    union {
        struct order_view *kept_order;
        struct trade_view *kept_fill;
        struct list_view *kept_list;
    };
    _Alignas(16) unsigned char rows[]; /* a candle's sums want it */
};

/* What castle.c puts into ingress_shared: takes the job, or refuses it when there are too many. Its
 * thread gives it back with past_done(). */
typedef bool (*past_submit)(struct past_job *job);

/* The job is done, well or not: the ingress core will answer. Thread: the reader's. */
void past_done(struct past_job *job);

/* Answers what is done; returns how many. */
uint32_t past_deliver(struct ingress *ingress);

/* Seeds a view's statistics of the job's symbol with the week that was found, and folds the newer
 * trades that the view has. False when the week lacks what they know already: they stay. Expects:
 * the view has the week's last trade. */
bool past_week_seed(const struct past_job *job, struct market_view *view);

/* Statistics that began without some trades, because the history did not have them yet then or
 * could not be read, get them as soon as it can: reads the week of one symbol after the other, and
 * again every ten seconds where that was too early. Once a turn. */
void history_mend(struct ingress *ingress);

void history_trades(struct call *call, const struct trades_query *query);
void history_agg_trades(struct call *call, const struct trades_query *query);
void history_candles(struct call *call, const struct candles_query *query);

/* The amendments of one order (find.order_id) from find.from_id on. None without a history. */
void history_amendments(struct call *call, const struct request *request);

/* The prevented matches of one order (find.order_id) from find.from_id on, or with order_id 0 just
 * that one. None without a history. */
void history_prevented(struct call *call, const struct request *request);

/* Sends a read of orders, fills or order lists (request->type) to the account shard and joins its
 * answer with the history where the account does not keep all. Lists come by their numbers. */
void history_send(struct call *call, const struct request *request);

#endif
