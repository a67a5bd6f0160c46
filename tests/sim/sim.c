/* sim.c - the real shards, links, lanes and journal on one thread, under a seeded scheduler.
 *
 * A run draws its world from the seed (cores, shards, lanes of one step's room, slices of 1-3
 * fills, journal lanes of 1-3 chunks), then plays steps in random order: each core's turn is split
 * into take, publish and release, the journal's batch into collect and sync; clients send pipelined
 * requests and read gated answers. Crashes lose what was not synced and tear what was being
 * written. After each recovery, and at rest, the checks below must hold; a failure prints the seed,
 * and `./dev sim --seed N` repeats it.
 *
 * Checks (PROTOCOL §4): conservation per asset on every recovered cut and at rest; what was exposed
 * is recovered (no shard behind a position that an answer or market datum showed); acknowledged
 * orders, cancels, replaces and deposits are there, once, and refused ones are not; nothing is
 * cancelled that nobody cancelled; one answer a request;
 * answers and reads agree (read-your-writes); order ids of one user and symbol grow in the order of
 * sending; views equal books; replay equals life after every record; holds and orders one to one,
 * no crossed book; everything finishes when the crashes stop. Watchers come and go on any core:
 * what they are told, folded, is what reads show and at rest what the ledgers hold, each execution
 * once and in the order of the shard's inputs. Of market data: sim_streams.h; of the history, after
 * each crash and in between: sim_history.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/gateway.h"
#include "actors/market_shard.h"
#include "actors/market_view.h"
#include "actors/msg/user_event.h"
#include "storage/fold.h"
#include "storage/journal.h"
#include "storage/seal.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_history.h"
#include "tests/sim/sim_streams.h"
#include "tests/sim/sim_told.h"

enum {
    WATCHERS = 2, /* of a user, each on a core of its own */
    ORDER_IDS_MAX = 3 * OPS_MAX,
    SEQ_MAX = 1 << 16,
    SHARDS_MAX = 16,
};

/* What clients ask for, and how often; a seed gives each a factor of its own. */
static const struct {
    uint8_t type, share;
} mix[] = {
    {REQUEST_NEW, 45},        {REQUEST_REPLACE, 15},   {REQUEST_CANCEL, 15},
    {REQUEST_DEPOSIT, 7},     {REQUEST_GET_ORDER, 6},  {REQUEST_CANCEL_ALL, 3},
    {REQUEST_OPEN_ORDERS, 3}, {REQUEST_ALL_ORDERS, 3}, {REQUEST_ACCOUNT, 3},
    {REQUEST_AMEND, 12},      {REQUEST_LIST, 12},      {REQUEST_LIST_CANCEL, 4},
};
enum { MIX = sizeof mix / sizeof *mix };

enum op_state { OP_FREE, OP_SENT, OP_ACKED, OP_REFUSED, OP_UNKNOWN }; /* UNKNOWN: lost in a crash */

struct op { /* one request of a client */
    uint8_t state, type;
    uint32_t user; /* index */
    uint16_t symbol;
    struct request request;
    uint16_t reject;
    struct order_view view; /* last order shown */
    int64_t deposit_free;
    uint32_t target; /* CANCEL, REPLACE, AMEND, GET_ORDER: the op of the order meant */
    uint32_t answers;
    /* REPLACE: how the first part of the answer named itself, and what became of the cancel; state,
     * reject and view are the new order's */
    uint16_t half, cancel_reject;
    bool cancelled, placed;
    struct list_view list; /* LIST: as it was last shown */
    /* Of a new order that was answered: its id, and what the answer showed of prevented matches. */
    bool answered;
    uint64_t made_id;
    struct sim_prevented prevented;
};

/* A client that watches a user: it keeps the orders and balances that events tell of, and reads
 * them as clients do, behind its subscription. */
enum { ASK_WATCH, ASK_BALANCES, ASK_ORDERS, ASKS = ASK_ORDERS + SYMBOLS_MAX };

struct watcher {
    bool on;
    uint16_t core;
    uint32_t user, which; /* index; the how many-eth of the user */
    struct watch_ask {
        struct watcher *watcher;
        uint32_t what;
        bool sent, under_way, answered;
    } ask[ASKS];
    uint64_t last_seq, last_id; /* of the shard's inputs; of executions */
    uint64_t new_id;            /* of the last one that told a new order */
    struct balance_view balance[2];
    bool balance_there[2];
};

struct told_order { /* as a watcher has it */
    bool there;
    uint32_t user;
    uint64_t trade_id; /* the newest that was told */
    struct order_view view;
};

struct sim {
    uint64_t seed, rng, steps, crashes, answers, fills, replayed, compared, expired_makers;
    uint64_t trace; /* hash of all that happened: a seed must always give the same */
    uint64_t snapshots, loaded, rotten, removed; /* made, begun from, spoilt; segments trimmed */
    uint64_t poisoned;                           /* messages skipped */
    uint64_t prevented_told;                     /* in answers to new orders */
    uint64_t changes, delisted; /* that the operator made while all went on; orders they ended */
    bool meddles;               /* it makes any */
    uint64_t segment_bytes;
    uint32_t snapshot_share;       /* of 10000 steps */
    uint32_t weight[MIX], weights; /* and their sum */
    uint64_t replaces[2][2];       /* [cancelled][placed] */
    uint64_t amends, amended_away; /* made; of them, that left nothing */
    /* by kind: lists that are done; of them, that traded, an OTO or OTOCO in its second phase */
    uint64_t lists[LIST_KINDS], acted[LIST_KINDS];
    uint64_t not_placed; /* pending orders that could not be */
    struct watcher watcher[USERS_MAX][WATCHERS];
    uint64_t events, watched, compared_orders; /* told; watchers compared at rest; their orders */
    struct exchange_config config;
    struct exchange ex;
    struct sim_disk disk;
    struct journal journal;
    struct arena arena;
    struct gateway gateway[CORES_MAX];
    uint32_t phase[CORES_MAX], taken_left[CORES_MAX];
    bool batch_open, alive, admin_waiting;
    bool regrouping; /* it is a regroup_step() that is waited for */
    int64_t now_us;
    uint32_t users, symbols, admin_done;
    uint32_t
        journal_share; /* of 100 steps: a slow disk has few, and then many chunks wait for it */
    uint16_t user_core[USERS_MAX];
    struct op *op;
    uint32_t ops;
    uint64_t (
        *digest)[SEQ_MAX]; /* [shard][seq]: state hash after that record, 0 = not comparable */
    uint64_t exposed[SHARDS_MAX];
    struct told_order (*told)[SYMBOLS_MAX][ORDER_IDS_MAX + 1]; /* [WATCHERS][symbol][order id] */
    uint8_t (*told_list)[OPS_MAX + 1]; /* [WATCHERS][op]: 1: begun, 2: done */
    uint64_t deposit_counter;
    void *audit_memory;
};

static struct sim sim;

/* What is not at rest: printed with a failure. */
static void dump(void)
{
    for (uint16_t id = 0; id < sim.ex.shards; id++) {
        const struct shard *shard = exchange_shard(&sim.ex, id);
        fprintf(stderr, "  shard %u on core %u: seq %lu, outbox room %u\n", id,
                shard->actor.core->id, shard->seq, shard->free_count);
        for (uint16_t p = 0; p < sim.ex.shards; p++)
            if (shard->out[p].head)
                fprintf(stderr, "    to %u: sent %lu, taken %lu, durable %lu, unsent from %lu\n", p,
                        shard->out[p].out_seq, exchange_shard(&sim.ex, p)->in[id].in_seq,
                        exchange_shard(&sim.ex, p)->in[id].durable_seq,
                        shard->out[p].unsent ? shard->out[p].unsent->msg.seq : 0);
    }
    for (uint16_t c = 0; c < sim.config.cores; c++) {
        const struct core *core = sim.ex.rt.core[c];
        fprintf(stderr,
                "  core %u roles %u: published %lu, durable %lu, phase %u, requests under way %lu, "
                "reply blocks %u\n",
                c, sim.config.roles[c], core->published, sim.ex.rt.durable[c], sim.phase[c],
                sim.gateway[c].busy, sim.ex.reply_pool[c].free_count);
        for (uint32_t k = 0; k < CLASS_COUNT; k++)
            for (uint16_t f = 0; f < sim.config.cores; f++)
                if (lane_depth(core->in[k][f]))
                    fprintf(stderr, "    lane class %u from core %u: %u waiting\n", k, f,
                            lane_depth(core->in[k][f]));
    }
}

void fail(const char *what)
{
    if (sim.ex.arena.base)
        dump();
    fprintf(stderr, "sim: seed %lu: %s (step %lu, crash %lu)\n", sim.seed, what, sim.steps,
            sim.crashes);
    exit(1);
}

static uint64_t rnd(void)
{
    return draw(&sim.rng);
}

static uint32_t below(uint32_t n)
{
    return draw_below(&sim.rng, n);
}

static bool chance(uint32_t percent)
{
    return below(100) < percent;
}

/* ---- the world ---- */

static int64_t sim_now(void *self)
{
    (void)self;
    return sim.now_us;
}

static void sim_random(void *self, void *out, size_t bytes)
{
    (void)self;
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)rnd();
}

static const struct env_ops sim_env_ops = {.now_us = sim_now, .random = sim_random};

static void draw_config(void)
{
    struct exchange_config *config = &sim.config;
    uint16_t cores = (uint16_t)(1 + below(3));
    exchange_config_default(config, cores);
    config->account_shards = (uint16_t)(1 + below(4));
    config->market_shards = (uint16_t)(1 + below(3));
    for (uint16_t c = 1; c < cores && chance(50); c++)
        config->roles[c] = (uint8_t)(1 + below(7)); /* core 0 has every role */
    config->users_max = 16;
    config->symbols_max = 4;
    config->orders_max = 4096;
    config->done_orders = OPS_MAX;
    config->slice_fills = 1 + below(3);
    config->window_ticks = 64;
    config->link_max = 1 + below(8);
    config->account_outbox = 5 + below(8); /* a pair of four parts, and a config */
    config->market_outbox = 2 * config->slice_fills + 4 + below(4);
    config->control_outbox = SYMBOL_PARTS * (config->account_shards + 1u) + below(4);
    config->request_blocks = 64;
    config->reply_blocks = 24 + below(8);
    if (sim.seed % 4 == 3) /* the others leave users as many orders as they like */
        config->orders_limit[ORDERS_10S] = 2 + below(20);
    config->limits =
        (struct core_limits){.lane = {1 + below(5), 1 + below(5), 1 + below(5), 4 + below(3),
                                      4 * config->slice_fills + 4 + below(3)},
                             .chunk_slots = 1 + below(3),
                             .chunk_bytes = RECORD_BYTES_MAX * (1 + below(4)),
                             .inputs_max = 1 + below(4)};
    sim.journal_share = 1 + below(20);
    sim.snapshot_share = chance(20) ? 0 : 1 + below(40);
    sim.segment_bytes = (64u + 32 * below(8)) << 10;
    sim.meddles = chance(30);
    for (uint32_t i = 0; i < MIX; i++) { /* a swarm: each seed has its own mix */
        static const uint32_t factor[] = {0, 1, 1, 1, 4};
        sim.weight[i] = mix[i].share * (i ? factor[below(5)] : 1 + below(3));
        sim.weights += sim.weight[i];
    }
    sim.users = 1 + below(USERS_MAX);
    sim.symbols = 1 + below(3);
    for (uint32_t u = 0; u < sim.users; u++)
        do
            sim.user_core[u] = (uint16_t)below(cores);
        while (!(config->roles[sim.user_core[u]] & ROLE_INGRESS));
}

static void build(void)
{
    exchange_init(&sim.ex, (struct env){.ops = &sim_env_ops}, &sim.config);
    arena_init(&sim.arena, sim.config.cores * gateway_bytes(&sim.config));
    for (uint16_t c = 0; c < sim.config.cores; c++) {
        gateway_init(&sim.gateway[c], &sim.ex, &sim.arena, c);
        sim.phase[c] = 0;
    }
    sim_streams_init(&sim.ex);
    sim.batch_open = false;
    memset(sim.watcher, 0, sizeof sim.watcher); /* who watched has to come again */
    for (uint32_t i = 0; i < sim.users * WATCHERS; i++) {
        struct watcher *watcher = &sim.watcher[i / WATCHERS][i % WATCHERS];
        watcher->user = i / WATCHERS;
        watcher->which = i % WATCHERS;
        watcher->core = sim.ex.ingress[i % sim.ex.ingress_count];
        for (uint32_t k = 0; k < ASKS; k++)
            watcher->ask[k] = (struct watch_ask){.watcher = watcher, .what = k};
    }
}

static void tear_down(void)
{
    sim_streams_fini();
    arena_fini(&sim.arena);
    exchange_fini(&sim.ex);
    journal_fini(&sim.journal);
}

/* ---- digests: replay equals life ---- */

static void note_digests(uint16_t core)
{
    for (uint16_t id = 0; id < sim.ex.shards; id++) {
        if (exchange_core_of(&sim.ex, id) != core)
            continue;
        uint64_t seq = exchange_shard_seq(&sim.ex, id);
        if (seq < SEQ_MAX)
            sim.digest[id][seq] =
                exchange_shard_busy(&sim.ex, id) ? 0 : exchange_shard_hash(&sim.ex, id) | 1;
    }
}

static const char *replay_record(void *self, const struct record_head *head,
                                 const unsigned char *payload, int64_t ts_us, uint64_t lsn)
{
    (void)self;
    (void)lsn;
    const char *wrong = recover_text(exchange_replay(&sim.ex, head, payload, ts_us));
    if (wrong)
        return wrong;
    sim.replayed++;
    if (head->shard_seq < SEQ_MAX && sim.digest[head->shard][head->shard_seq]) {
        sim.compared++;
        if (sim.digest[head->shard][head->shard_seq] !=
            (exchange_shard_hash(&sim.ex, head->shard) | 1)) {
            fprintf(stderr, "sim: shard %u, seq %lu, record type %u\n", head->shard,
                    head->shard_seq, head->type);
            return "replay differs from life";
        }
    }
    return NULL;
}

/* ---- answers ---- */

static void expose(uint16_t shard, uint64_t seq)
{
    sim.trace = hash_fold(sim.trace, (uint64_t)shard << 48 | seq);
    if (seq > sim.exposed[shard])
        sim.exposed[shard] = seq;
}

static void on_market(void *self, const struct msg *msg)
{
    const uint16_t *core = self;
    if (msg->type == MSG_LEVEL)
        expose(msg->from, msg->level.shard_seq);
    sim.fills += msg->type == MSG_TRADE;
    sim_streams_market(*core, msg);
}

static bool makes_order(const struct op *op)
{
    return op->type == REQUEST_NEW || op->type == REQUEST_REPLACE;
}

/* Whether another request may have made an order with this client id. */
static bool id_is_unique(const struct op *op)
{
    for (uint32_t i = 0; i < sim.ops; i++)
        if (&sim.op[i] != op && makes_order(&sim.op[i]) && sim.op[i].user == op->user &&
            sim.op[i].request.order.client_length == op->request.order.client_length &&
            memcmp(sim.op[i].request.order.client_id, op->request.order.client_id,
                   op->request.order.client_length) == 0)
            return false;
    return true;
}

/* An answer shows the order that the op has made. */
static void take_view(struct op *order, const struct order_view *view)
{
    if (view->client_length != order->request.order.client_length ||
        memcmp(view->client_id, order->request.order.client_id, view->client_length) != 0)
        fail("an answer shows another order");
    if ((view->executed < order->view.executed && id_is_unique(order)) || view->order_id == 0)
        fail("an order lost fills that were shown");
    if (id_is_unique(order) && !strategies_agree(&view->strategy, &order->request.order.strategy))
        fail("an answer shows another strategy than was sent");
    order->view = *view;
}

/* The matches that were prevented of a new order: in order, and what the order has lost is what
 * they took of it. */
static void check_prevented(struct op *op, struct reply *reply)
{
    const struct order_view *order = &reply->order;
    uint64_t last = 0;
    int64_t lost = 0, gained = 0;
    uint32_t count = 0;
    for (struct reply *block = reply->more; block; block = block->more)
        for (uint32_t i = 0; block->kind == REPLY_PREVENTED && i < block->count; i++, count++) {
            const struct prevented_view *match = &reply_prevented(block)[i];
            if (match->match_id <= last || match->taker_order_id != order->order_id ||
                match->symbol != order->symbol || match->stp != op->request.order.stp ||
                match->stp == STP_NONE || match->price <= 0)
                fail("an answer shows another order's prevented match");
            if ((match->stp == STP_EXPIRE_TAKER && match->maker_qty) ||
                (match->stp == STP_EXPIRE_MAKER && match->taker_qty) ||
                (match->stp == STP_DECREMENT && match->taker_qty != match->maker_qty))
                fail("an answer shows a prevented match of another mode");
            last = match->match_id;
            lost += match->taker_qty;
            gained += match->maker_qty;
        }
    op->answered = true;
    op->made_id = order->order_id;
    op->prevented = (struct sim_prevented){count, lost, gained, false};
    if (count && op->request.order.resp != RESPONSE_FULL)
        fail("an answer shows prevented matches that was not asked for them");
    if (op->request.order.resp == RESPONSE_FULL &&
        (lost != order->prevented || (order->prevented_id && order->prevented_id != last &&
                                      op->request.order.stp != STP_EXPIRE_MAKER)))
        fail("an answer lacks a prevented match");
    sim.prevented_told += count;
}

/* The op of the list that an order, or a list, says by its client id it is of; OPS_MAX: of none. */
static uint32_t list_of_name(const char *id, uint8_t length)
{
    char text[CLIENT_ID_BYTES + 1] = "";
    memcpy(text, id, length);
    uint32_t number = text[0] == 'L' ? (uint32_t)strtoul(text + 1, NULL, 10) : OPS_MAX;
    return number < sim.ops ? number : OPS_MAX;
}

/* A list and its orders, as an answer to the op shows them. */
static void take_list(struct op *op, struct reply *reply)
{
    const struct list_view *list = &reply_lists(reply)[0];
    const struct order_view *order = reply_list_orders(reply);
    if (reply->kind != REPLY_LIST || reply->count != list_orders(op->request.list.kind) ||
        list->count != reply->count || list->kind != op->request.list.kind || !list->list_id ||
        (op->list.list_id && op->list.list_id != list->list_id))
        fail("an answer shows another list");
    for (uint32_t i = 0; i < list->count; i++) {
        const struct request_order *asked = &op->request.list.order[i];
        if (order[i].order_id != list->order[0].order_id + i || order[i].list_id != list->list_id ||
            order[i].status == ORDER_SENT || order[i].type != asked->type ||
            order[i].qty != asked->qty || order[i].client_length != asked->client_length ||
            !strategies_agree(&order[i].strategy, &asked->strategy) ||
            memcmp(order[i].client_id, asked->client_id, asked->client_length) != 0)
            fail("an answer shows another order than the list's");
        if (list->done && status_is_open(order[i].status))
            fail("a list is done that has an open order");
    }
    op->list = *list;
}

static void take_cancelled(struct op *op, struct reply *reply)
{
    struct op *target = &sim.op[op->target];
    if (target->type == REQUEST_LIST) {
        take_list(target, reply);
        if (!target->list.done)
            fail("a list was cancelled that is not done");
        return;
    }
    const struct order_view *view = reply_orders(reply);
    take_view(&sim.op[op->target], view);
    if (view->status != ORDER_CANCELED)
        fail("a cancel was acknowledged for an order that is not cancelled");
}

/* One of those that a CancelAll has ended: an order, or a list. */
static void take_cancelled_part(struct reply *reply)
{
    if (!reply || reply->kind != REPLY_LIST)
        return;
    const struct list_view *list = &reply_lists(reply)[0];
    uint32_t op = list_of_name(list->client_id, list->client_length);
    if (op == OPS_MAX || !list->done)
        fail("all was cancelled, and a list is not done");
    take_list(&sim.op[op], reply);
}

static void on_refused(struct op *op, const struct msg *msg)
{
    op->reject = msg->reply.reject;
    op->state = OP_REFUSED;
    struct op *order = &sim.op[op->target];
    if (op->target != OPS_MAX && order->type == REQUEST_LIST)
        return;
    if (op->type == REQUEST_GET_ORDER && order->state == OP_ACKED &&
        op->request.timestamp_us >= 0 && order->answers)
        fail("read-your-writes: an acknowledged order is unknown");
    if (op->type == REQUEST_CANCEL && order->state == OP_ACKED &&
        op->reject == REJECT_UNKNOWN_ORDER && order->view.status <= ORDER_PARTIALLY_FILLED)
        order->request.order.resp = 0xFF; /* must not be found resting: checked at rest */
}

static void take_amended(struct op *op, const struct amend_view *amend)
{
    const struct order_view *order = &amend->order;
    take_view(&sim.op[op->target], order);
    bool away = order->status == ORDER_EXPIRED;
    if (amend->orig_qty <= order->qty || order->qty < order->executed ||
        order->qty != (away ? order->executed + order->prevented : op->request.amend.qty))
        fail("an amended order has another quantity than was asked for");
    sim.amends++;
    sim.amended_away += away;
}

/* One part of the answer to a Replace: a half, or all of it. */
static void on_replace_part(struct op *op, const struct msg *msg)
{
    struct reply *reply = msg->reply.block;
    uint16_t reject = msg->reply.reject, half = msg->reply.half;
    bool last = msg->flags & MSG_LAST, stop = op->request.replace.mode == REPLACE_STOP_ON_FAILURE;
    if (op->half) /* the other one */
        half = op->half == HALF_CANCEL ? HALF_NEW : HALF_CANCEL;
    if (half == HALF_NONE && (!last || reject == REJECT_NONE))
        fail("a replace was answered whole, and not refused");
    if (half == HALF_CANCEL && reject == REJECT_NONE) {
        op->cancelled = true;
        take_cancelled(op, reply);
    } else if (half == HALF_CANCEL) {
        op->cancel_reject = reject;
    } else if (reject == REJECT_NONE) {
        op->placed = true;
        take_view(op, &reply->order);
        check_prevented(op, reply);
    } else {
        op->reject = reject;
    }
    op->half = half;
    if (!last)
        return;
    bool tried = half != HALF_NONE && (op->cancelled || !stop);
    sim.replaces[op->cancelled][op->placed]++;
    if (tried && !op->reject != op->placed)
        fail("a replace did not say what became of the new order");
    if (!tried && op->placed)
        fail("a replace placed its order although the cancel failed");
    if (!tried || op->reject)
        op->state = OP_REFUSED;
}

/* ---- watchers ---- */

static struct told_order *told_of(const struct watcher *watcher, uint16_t symbol, uint64_t id)
{
    ASSERT(symbol < SYMBOLS_MAX);
    if (id == 0 || id > ORDER_IDS_MAX)
        fail("an order id that cannot be");
    return &sim.told[watcher->which][symbol][id];
}

static void watch_stop(struct watcher *watcher)
{
    exchange_watch(&sim.ex, watcher->user + 1, watcher->core, false);
    watcher->on = false;
    for (uint32_t i = 0; i < ASKS; i++)
        watcher->ask[i].sent = watcher->ask[i].answered = false;
}

static bool views_agree(const struct order_view *a, const struct order_view *b)
{
    return a->order_id == b->order_id && a->status == b->status && a->executed == b->executed &&
           a->cum_quote == b->cum_quote && a->qty == b->qty && a->price == b->price &&
           a->time_us == b->time_us && a->updated_us == b->updated_us && a->side == b->side &&
           a->trades == b->trades && a->working_us == b->working_us && a->stop == b->stop &&
           a->iceberg == b->iceberg && a->trail_bips == b->trail_bips &&
           strategies_agree(&a->strategy, &b->strategy) && a->client_length == b->client_length &&
           memcmp(a->client_id, b->client_id, a->client_length) == 0;
}

/* A fill of an order by quote amount is told with what comes behind it: until then the watcher is
 * one fill late, and its quantity is not known. */
static bool may_be_late(const struct order_view *view)
{
    return view->quote_qty != 0;
}

/* A cancel calls itself x and the number of its request, or nobody watched when it began. */
static void check_cancel_id(const struct watcher *watcher, const struct order_event *event)
{
    char id[CLIENT_ID_BYTES + 1] = "";
    memcpy(id, event->cancel_id, event->cancel_length);
    if (event->cancel_length == event->order.client_length &&
        memcmp(id, event->order.client_id, event->cancel_length) == 0)
        return;
    uint32_t number = (uint32_t)strtoul(id + 1, NULL, 10);
    const struct op *op = &sim.op[number < sim.ops ? number : 0];
    if (id[0] != 'x' || number >= sim.ops || op->user != watcher->user ||
        (op->type != REQUEST_CANCEL && op->type != REQUEST_CANCEL_ALL &&
         op->type != REQUEST_REPLACE && op->type != REQUEST_LIST_CANCEL))
        fail("a cancelled order's event has the id of no cancel");
    if (op->target != OPS_MAX && sim.op[op->target].type == REQUEST_LIST) {
        if (list_of_name(event->order.client_id, event->order.client_length) != op->target)
            fail("an order is cancelled with a list that it is not of");
        return;
    }
    if (op->type != REQUEST_CANCEL_ALL && op->target != OPS_MAX &&
        (event->order.client_length != sim.op[op->target].request.order.client_length ||
         memcmp(event->order.client_id, sim.op[op->target].request.order.client_id,
                event->order.client_length) != 0))
        fail("a cancelled order's event has the id of another's cancel");
}

static void fold_order(struct watcher *watcher, const struct order_event *event)
{
    const struct order_view *view = &event->order;
    if (event->id <= watcher->last_id)
        fail("executions are told twice or out of order");
    watcher->last_id = event->id;
    if (event->execution == EXECUTION_REJECTED)
        return;
    if (event->execution == EXECUTION_CANCELED)
        check_cancel_id(watcher, event);
    struct told_order *told = told_of(watcher, view->symbol, view->order_id);
    /* pending, and its working order ended at once: in the input that told that it is new */
    bool stillborn = view->list_id && !view->working_us &&
                     event->id / USER_EVENT_ORDERS == watcher->new_id / USER_EVENT_ORDERS;
    if (event->execution == EXECUTION_NEW)
        watcher->new_id = event->id;
    if (!told->there && event->execution != EXECUTION_NEW && !stillborn &&
        watcher->ask[ASK_ORDERS + view->symbol].answered)
        fail("an order is told of that was never new");
    bool pended = told->there && told->view.status == ORDER_PENDING;
    bool fires = told->there && type_waits(view->type) && !told->view.working_us && !pended;
    if (told->there && event->execution == EXECUTION_NEW && !pended &&
        (!fires || !view->working_us))
        fail("an order is new twice");
    if (pended && event->execution == EXECUTION_TRADE)
        fail("an order that was pending trades, and nobody was told that it works");
    if (fires && event->execution != EXECUTION_NEW && view->working_us)
        fail("an order has been triggered, and nobody was told");
    if (told->there && !status_is_open(told->view.status) && !may_be_late(view))
        fail("an order is told of behind its end");
    bool trade = event->execution == EXECUTION_TRADE;
    if (told->there && !may_be_late(view) &&
        (view->executed != told->view.executed + (trade ? event->trade.qty : 0) ||
         view->cum_quote != told->view.cum_quote + (trade ? event->trade.quote : 0)))
        fail("an order's executions do not add up");
    if (!told->there && event->execution == EXECUTION_NEW && view->executed)
        fail("a new order is told as filled");
    uint64_t newest = told->there ? told->trade_id : 0;
    if (trade && event->trade.trade_id) { /* else the history has lost it */
        if (event->trade.trade_id <= newest)
            fail("a fill is told twice");
        newest = event->trade.trade_id;
    }
    *told = (struct told_order){
        .there = true, .user = watcher->user, .trade_id = newest, .view = *view};
}

/* A list begins once, and is done once, behind that. */
static void fold_list(struct watcher *watcher, const struct list_view *list)
{
    uint32_t op = list_of_name(list->client_id, list->client_length);
    if (op == OPS_MAX || sim.op[op].type != REQUEST_LIST || sim.op[op].user != watcher->user ||
        list->kind != sim.op[op].request.list.kind)
        fail("a list is told of that nobody has asked for");
    uint8_t *state = &sim.told_list[watcher->which][op];
    if (list->updated) /* may be the first that is heard of it */
        return;
    if (*state > list->done)
        fail("a list is told of out of order");
    *state = 1 + list->done;
}

static void fold_event(struct watcher *watcher, const struct user_event *event)
{
    if (event->shard_seq <= watcher->last_seq)
        fail("events come in another order than the shard's inputs");
    watcher->last_seq = event->shard_seq;
    if (!event->orders && !event->balances && !event->lists)
        fail("an event says nothing");
    for (uint32_t i = 0; i < event->lists; i++)
        fold_list(watcher, &event->list[i]);
    for (uint32_t i = 0; i < event->orders; i++)
        fold_order(watcher, &event->order[i]);
    for (uint32_t i = 0; i < event->balances; i++) {
        watcher->balance[event->balance[i].asset] = event->balance[i];
        watcher->balance_there[event->balance[i].asset] = true;
    }
    sim.events++;
}

static void on_event(void *self, const struct msg *msg)
{
    uint16_t core = *(uint16_t *)self;
    const struct user_event *event = msg->event.block;
    expose(msg->from, event->shard_seq);
    for (uint32_t i = 0; i < WATCHERS; i++) {
        struct watcher *watcher = &sim.watcher[event->user - 1][i];
        if (watcher->on && watcher->core == core)
            fold_event(watcher, event);
    }
}

/* What a read shows and what events have told since the watch began are the same: both come by one
 * lane. */
static void read_order(struct watcher *watcher, const struct order_view *view)
{
    struct told_order *told = told_of(watcher, view->symbol, view->order_id);
    if (told->there && !views_agree(&told->view, view) && !may_be_late(view))
        fail("a read shows an order as its events do not");
    uint64_t newest = told->there ? told->trade_id : 0;
    *told = (struct told_order){
        .there = true, .user = watcher->user, .trade_id = newest, .view = *view};
}

static bool balances_agree(const struct balance_view *a, int64_t free, int64_t locked)
{
    return a->free == free && a->locked == locked;
}

static void read_balance(struct watcher *watcher, const struct balance_view *balance)
{
    struct balance_view *told = &watcher->balance[balance->asset];
    bool event_made = watcher->balance_there[balance->asset];
    /* Money that is on hold for an order on its way is told with the order. */
    if (event_made && told->free + told->locked != balance->free + balance->locked)
        fail("a read shows a balance as its events do not");
    *told = *balance;
    watcher->balance_there[balance->asset] = true;
}

static void on_watch_reply(struct watch_ask *ask, const struct msg *msg)
{
    struct reply *reply = msg->reply.block;
    struct watcher *watcher = ask->watcher;
    bool wanted = ask->sent, refused = msg->reply.reject != REJECT_NONE;
    if (msg->flags & MSG_LAST)
        ask->under_way = false;
    if (!wanted)
        return;
    if (refused) { /* the user is not there yet */
        watch_stop(watcher);
        return;
    }
    if (ask->what == ASK_WATCH)
        watcher->on = true;
    for (uint32_t i = 0; ask->what != ASK_WATCH && i < reply->count; i++)
        if (ask->what == ASK_BALANCES)
            read_balance(watcher, &reply_balances(reply)[i]);
        else
            read_order(watcher, &reply_orders(reply)[i]);
    ask->answered = msg->flags & MSG_LAST;
}

static bool watch_send(struct watcher *watcher, uint32_t what)
{
    struct gateway *gateway = &sim.gateway[watcher->core];
    struct watch_ask *ask = &watcher->ask[what];
    struct request *request = gateway_request(gateway);
    if (!request)
        return false;
    request->user = watcher->user + 1;
    request->type = what == ASK_WATCH      ? REQUEST_WATCH
                    : what == ASK_BALANCES ? REQUEST_ACCOUNT
                                           : REQUEST_ALL_ORDERS;
    request->symbol = (uint16_t)(what < ASK_ORDERS ? 0 : what - ASK_ORDERS);
    if (gateway_send(gateway, request, ask, NULL) == GATEWAY_BUSY)
        return false;
    ask->sent = ask->under_way = true;
    return true;
}

static void watch_forget(struct watcher *watcher)
{
    for (uint32_t s = 0; s < SYMBOLS_MAX; s++)
        for (uint32_t id = 1; id <= ORDER_IDS_MAX; id++)
            if (sim.told[watcher->which][s][id].user == watcher->user)
                sim.told[watcher->which][s][id].there = false;
    for (uint32_t op = 0; op < sim.ops; op++)
        if (sim.op[op].user == watcher->user)
            sim.told_list[watcher->which][op] = 0;
    watcher->last_seq = watcher->last_id = watcher->new_id = 0;
    memset(watcher->balance_there, 0, sizeof watcher->balance_there);
}

/* The interest, then the request behind it, which says when it is seen. */
static void watch_start(struct watcher *watcher)
{
    if (watcher->which > 0 && sim.ex.ingress_count == 1)
        return; /* the other one has the core */
    for (uint32_t i = 0; i < ASKS; i++)
        if (watcher->ask[i].under_way)
            return;
    watch_forget(watcher);
    exchange_watch(&sim.ex, watcher->user + 1, watcher->core, true);
    if (!watch_send(watcher, ASK_WATCH))
        watch_stop(watcher);
}

/* A watcher begins, reads what it has not read, or leaves. */
static void watch_step(void)
{
    struct watcher *watcher = &sim.watcher[below(sim.users)][below(WATCHERS)];
    if (!watcher->ask[ASK_WATCH].sent) {
        watch_start(watcher);
        return;
    }
    for (uint32_t what = ASK_BALANCES; what < ASK_ORDERS + sim.symbols && watcher->on; what++)
        if (!watcher->ask[what].sent) {
            watch_send(watcher, what);
            return;
        }
    if (watcher->on && chance(1))
        watch_stop(watcher);
}

/* Most are there again as soon as the exchange is. */
static void watch_all(void)
{
    for (uint32_t i = 0; i < sim.users * WATCHERS; i++)
        if (chance(80))
            watch_start(&sim.watcher[i / WATCHERS][i % WATCHERS]);
}

static bool is_watch_ask(const void *context)
{
    const char *first = (const char *)&sim.watcher, *at = context;
    return at >= first && at < first + sizeof sim.watcher;
}

static char operator_asks; /* what the requests of operator_step() are known by */

static void on_reply(void *self, void *context, const struct msg *msg)
{
    (void)self;
    struct op *op = context;
    expose(msg->from, msg->reply.shard_seq);
    if (is_watch_ask(context)) {
        on_watch_reply(context, msg);
        return;
    }
    if (context == &operator_asks)
        return; /* also when there was nothing to change any more */
    if (!op) {
        sim.admin_waiting = sim.regrouping = false;
        if (msg->reply.reject != REJECT_NONE)
            fail("an admin request was refused");
        return;
    }
    if (op->state != OP_SENT)
        fail("a second answer to a request");
    const struct reply *reply = msg->reply.block;
    if (op->type == REQUEST_REPLACE) {
        on_replace_part(op, msg);
    } else if (msg->reply.reject != REJECT_NONE) {
        on_refused(op, msg);
    } else if (op->type == REQUEST_NEW) {
        take_view(op, &reply->order);
        check_prevented(op, (struct reply *)reply);
    } else if (op->type == REQUEST_LIST) {
        take_list(op, (struct reply *)reply);
    } else if (op->type == REQUEST_LIST_CANCEL) {
        take_cancelled(op, (struct reply *)reply);
    } else if (op->type == REQUEST_CANCEL_ALL) {
        take_cancelled_part((struct reply *)reply);
    } else if (op->type == REQUEST_CANCEL) {
        take_cancelled(op, (struct reply *)reply);
    } else if (op->type == REQUEST_AMEND) {
        take_amended(op, reply_amended((struct reply *)reply));
    } else if (op->type == REQUEST_GET_ORDER) {
        take_view(&sim.op[op->target], reply_orders((struct reply *)reply));
    } else if (op->type == REQUEST_DEPOSIT) {
        op->deposit_free = reply->deposit.free;
    }
    if (!(msg->flags & MSG_LAST))
        return;
    op->answers++;
    if (op->state == OP_SENT)
        op->state = OP_ACKED;
    sim.answers++;
}

/* ---- clients ---- */

static void client_id(struct request *request, uint32_t op)
{
    request->order.client_length =
        (uint8_t)snprintf(request->order.client_id, CLIENT_ID_BYTES, "c%u", op);
}

static void name_cancel(struct request_find *cancel, uint32_t op)
{
    cancel->own_length = (uint8_t)snprintf(cancel->own_id, CLIENT_ID_BYTES, "x%u", op);
}

static int64_t view_hint(uint16_t symbol, uint8_t side, uint32_t user)
{
    return market_view_hint(&sim_ingress(sim.user_core[user])->view, symbol, side) * 1000000;
}

static struct strategy draw_strategy(void)
{
    struct strategy strategy = {.has_id = chance(20)};
    strategy.id = strategy.has_id ? (int64_t)below(3) : 0;
    strategy.type = chance(20) ? STRATEGY_TYPE_MIN + (int32_t)below(3) : 0;
    return strategy;
}

/* By a stop, a delta or both. */
static void draw_wait(struct request_order *order, uint16_t symbol, uint32_t user)
{
    order->type = (uint8_t)(TYPE_STOP_LOSS + below(4));
    order->trail_bips = chance(40) ? 50 + below(400) : 0;
    if (!order->trail_bips || chance(50))
        order->stop = (95 + below(10)) * MONEY_ATOMS_PER_UNIT;
    order->hint = view_hint(symbol, order->side, user);
    order->tif = (uint8_t)below(TIF_COUNT);
    if (type_is_market(order->type))
        order->price = 0;
    else if (order->tif == TIF_GTC && chance(30))
        order->iceberg = 1000;
}

static void draw_new(struct request *request, uint32_t idx)
{
    request->order.side = (uint8_t)below(2);
    request->order.resp = (uint8_t)below(3);
    request->order.stp = (uint8_t)(chance(50) ? 1 + below(STP_COUNT - 1) : STP_NONE);
    request->order.qty = (1 + below(5)) * 1000;
    request->order.price = (95 + below(10)) * MONEY_ATOMS_PER_UNIT;
    request->order.strategy = draw_strategy();
    client_id(request, idx);
    if (chance(5) && idx > 0 && makes_order(&sim.op[idx - 1]) &&
        sim.op[idx - 1].user == sim.op[idx].user)
        client_id(request, idx - 1); /* a duplicate, perhaps */
    uint32_t kind = below(16);
    request->order.tif = kind == 0 ? TIF_IOC : kind == 1 ? TIF_FOK : TIF_GTC;
    if (kind == 2) {
        request->order.type = TYPE_LIMIT_MAKER;
    } else if (kind == 3 || kind == 4) {
        request->order.type = TYPE_MARKET;
        request->order.price = 0;
        request->order.by_quote = kind == 4;
        request->order.quote = (1 + below(30)) * 100000;
        request->order.hint = view_hint(request->symbol, request->order.side, sim.op[idx].user);
        if (request->order.by_quote)
            request->order.qty = 0;
    } else if (kind == 5) { /* a big taker: many makers, many slices */
        request->order.qty = 40000;
        request->order.price = (request->order.side == SIDE_BUY ? 110 : 90) * MONEY_ATOMS_PER_UNIT;
        request->order.tif = TIF_IOC;
    } else if (kind < 9) {
        draw_wait(&request->order, request->symbol, sim.op[idx].user);
    } else if (kind == 9) {
        request->order.iceberg = 1000;
    }
}

/* The two of a pair, around the prices that trade. */
static void draw_pair(struct request_order *pair, uint16_t symbol, uint32_t user)
{
    uint8_t side = (uint8_t)below(2), kind = (uint8_t)below(3);
    int64_t loss = (side == SIDE_SELL ? -1 : 1) * (int64_t)below(6);
    int64_t gain = (side == SIDE_SELL ? 1 : -1) * (int64_t)(1 + below(5));
    struct request_order *stop = &pair[0], *other = &pair[1];
    stop->side = other->side = side;
    stop->qty = other->qty = (1 + below(5)) * 1000;
    stop->type = (uint8_t)(TYPE_STOP_LOSS + below(2));
    stop->stop = (100 + loss) * MONEY_ATOMS_PER_UNIT;
    stop->trail_bips = chance(20) ? 50 + below(400) : 0;
    stop->tif = (uint8_t)below(TIF_COUNT);
    if (stop->trail_bips && chance(50))
        stop->stop = 0;
    if (!type_is_market(stop->type))
        stop->price = (100 + loss + (int64_t)below(3) - 1) * MONEY_ATOMS_PER_UNIT;
    other->type = kind == 0   ? TYPE_TAKE_PROFIT
                  : kind == 1 ? TYPE_TAKE_PROFIT_LIMIT
                              : TYPE_LIMIT_MAKER;
    if (other->type != TYPE_LIMIT_MAKER)
        other->stop = (100 + gain) * MONEY_ATOMS_PER_UNIT;
    if (other->type != TYPE_TAKE_PROFIT)
        other->price = (100 + gain) * MONEY_ATOMS_PER_UNIT;
    other->tif = other->type == TYPE_TAKE_PROFIT_LIMIT ? (uint8_t)below(TIF_COUNT) : TIF_GTC;
    stop->hint = other->hint = view_hint(symbol, side, user);
}

static void draw_pending(struct request_order *order, const struct request_order *working,
                         uint16_t symbol, uint32_t user)
{
    static const uint8_t types[] = {TYPE_LIMIT, TYPE_LIMIT, TYPE_MARKET, TYPE_LIMIT_MAKER};
    order->side = chance(70) ? !working->side : working->side;
    order->qty = chance(60) ? working->qty : (1 + below(100)) * 1000;
    order->type = types[below(4)];
    order->hint = view_hint(symbol, order->side, user);
    if (order->type == TYPE_LIMIT)
        order->tif = (uint8_t)below(TIF_COUNT);
    order->price = (95 + below(10)) * MONEY_ATOMS_PER_UNIT;
    if (chance(30))
        draw_wait(order, symbol, user);
    if (type_is_market(order->type))
        order->price = 0;
}

static void draw_working(struct request_order *order)
{
    order->side = (uint8_t)below(2);
    order->qty = (1 + below(5)) * 1000;
    order->price = (95 + below(10)) * MONEY_ATOMS_PER_UNIT;
    order->type = chance(20) ? TYPE_LIMIT_MAKER : TYPE_LIMIT;
    order->tif = (uint8_t)(order->type == TYPE_LIMIT && chance(20) ? 1 + below(2) : TIF_GTC);
}

static void draw_list(struct request *request, uint32_t idx)
{
    struct request_list *list = &request->list;
    uint32_t user = sim.op[idx].user;
    struct request_order *order = list->order;
    uint8_t resp = (uint8_t)below(3), stp = (uint8_t)(chance(30) ? 1 + below(STP_COUNT - 1) : 0);
    list->kind = (uint8_t)below(LIST_KINDS);
    if (list->kind != LIST_OCO)
        draw_working(&order[0]);
    if (list->kind == LIST_OTO)
        draw_pending(&order[1], &order[0], request->symbol, user);
    else
        draw_pair(&order[list->kind == LIST_OTOCO], request->symbol, user);
    list->client_length = (uint8_t)snprintf(list->client_id, CLIENT_ID_BYTES, "L%u", idx);
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        order[i].resp = resp;
        order[i].stp = stp;
        order[i].strategy = draw_strategy();
        order[i].client_length =
            (uint8_t)snprintf(order[i].client_id, CLIENT_ID_BYTES, "L%u.%u", idx, i);
    }
}

/* A list of this user; OPS_MAX when there is none. */
static uint32_t some_list(uint32_t user, uint32_t before)
{
    uint32_t back = chance(60) ? 1 : 1 + below(8);
    for (uint32_t i = before; i-- > 0;)
        if (sim.op[i].type == REQUEST_LIST && sim.op[i].user == user && --back == 0)
            return i;
    return OPS_MAX;
}

/* A list, or one of its orders. */
static bool draw_of_list(struct op *op, struct request *request, struct request_find *find,
                         uint32_t idx)
{
    op->target = some_list(op->user, idx);
    if (op->target == OPS_MAX)
        return false;
    const struct op *target = &sim.op[op->target];
    const struct request_list *list = &target->request.list;
    const struct request_order *order = &list->order[below(list_orders(list->kind))];
    bool whole = op->type == REQUEST_LIST_CANCEL;
    request->symbol = op->symbol = target->symbol;
    if (whole && target->list.list_id && chance(50)) {
        find->has_order_id = true;
        find->order_id = target->list.list_id;
        return true;
    }
    find->client_length = whole ? list->client_length : order->client_length;
    memcpy(find->client_id, whole ? list->client_id : order->client_id, CLIENT_ID_BYTES);
    return true;
}

/* An order of this user, its newest or an older one; OPS_MAX when there is none. */
static uint32_t some_order(uint32_t user, uint32_t before)
{
    uint32_t back = chance(60) ? 1 : 1 + below(20);
    for (uint32_t i = before; i-- > 0;)
        if (makes_order(&sim.op[i]) && sim.op[i].user == user && --back == 0)
            return i;
    return OPS_MAX;
}

/* The newest order of this user that was seen resting; OPS_MAX when there is none. */
static uint32_t resting_order(uint32_t user, uint32_t before)
{
    for (uint32_t i = before; i-- > 0;)
        if (makes_order(&sim.op[i]) && sim.op[i].user == user && sim.op[i].state == OP_ACKED &&
            sim.op[i].view.order_id && sim.op[i].view.status <= ORDER_PARTIALLY_FILLED)
            return i;
    return OPS_MAX;
}

static bool draw_find(struct op *op, struct request *request, struct request_find *find,
                      uint32_t idx)
{
    if (op->type == REQUEST_REPLACE && chance(15))
        return draw_of_list(op, request, find, idx);
    bool rests = (op->type == REQUEST_REPLACE || op->type == REQUEST_AMEND) && chance(60);
    op->target = rests ? resting_order(op->user, idx) : some_order(op->user, idx);
    if (op->target == OPS_MAX)
        return false;
    const struct op *order = &sim.op[op->target];
    request->symbol = op->symbol = order->symbol;
    find->client_length = order->request.order.client_length;
    memcpy(find->client_id, order->request.order.client_id, CLIENT_ID_BYTES);
    return true;
}

/* Less of an order, which keeps its client id: by that it is known here. */
static bool draw_amend(struct op *op, struct request *request, uint32_t idx)
{
    struct request_find *find = &request->amend.find;
    if (!draw_find(op, request, find, idx))
        return false;
    const struct op *order = &sim.op[op->target];
    int64_t qty = order->view.order_id ? order->view.qty : order->request.order.qty;
    request->amend.qty = qty - (int64_t)below(5) * 1000;
    find->own_length = find->client_length;
    memcpy(find->own_id, find->client_id, CLIENT_ID_BYTES);
    if (chance(30) && order->view.order_id) {
        find->has_order_id = true;
        find->order_id = order->view.order_id;
    }
    return true;
}

/* Another price or size for an order, or any new order in its place. */
static bool draw_replace(struct op *op, struct request *request, uint32_t idx)
{
    if (!draw_find(op, request, &request->replace.cancel, idx))
        return false;
    const struct op *order = &sim.op[op->target];
    if (makes_order(order) && chance(60)) {
        request->order = order->request.order;
        if (!request->order.by_quote)
            request->order.qty += (int64_t)below(3) * 1000 - 1000;
        if (!type_is_market(request->order.type))
            request->order.price += (int64_t)below(3) * 1000000 - 1000000;
        if (chance(20)) /* about as much as a user has */
            request->order.qty = (1 + below(600)) * 1000;
        if (!chance(40))
            client_id(request, idx);
    } else {
        draw_new(request, idx);
    }
    request->order.resp = (uint8_t)below(3);
    request->replace.cancel_only = idx & 1;
    request->replace.mode = chance(60) ? REPLACE_STOP_ON_FAILURE : REPLACE_ALLOW_FAILURE;
    request->replace.cancel.restriction = (uint8_t)(chance(80) ? RESTRICT_NONE : 1 + below(2));
    if (chance(30) && order->view.order_id) {
        request->replace.cancel.has_order_id = true;
        request->replace.cancel.order_id = order->view.order_id;
        request->replace.cancel.client_length = 0;
    }
    return true;
}

static void draw_deposit(struct op *op, struct request *request)
{
    uint64_t id = ++sim.deposit_counter;
    request->deposit.asset = (uint16_t)below(2);
    request->deposit.amount =
        (1 + below(1000)) * (request->deposit.asset ? MONEY_ATOMS_PER_UNIT / 100 : 10000);
    if (chance(20))
        request->deposit.amount = -request->deposit.amount / 10;
    memcpy(request->deposit.request_id, &id, sizeof id);
    if (chance(30)) /* a repeat of an earlier one */
        for (uint32_t i = sim.ops; i-- > 0;)
            if (&sim.op[i] != op && sim.op[i].type == REQUEST_DEPOSIT &&
                sim.op[i].user == op->user) {
                request->deposit = sim.op[i].request.deposit;
                op->target = i;
                break;
            }
}

static uint8_t draw_type(void)
{
    uint32_t roll = below(sim.weights), i = 0;
    while (roll >= sim.weight[i])
        roll -= sim.weight[i++];
    return mix[i].type;
}

static void client_step(void)
{
    uint32_t idx = sim.ops, user = below(sim.users);
    if (idx >= OPS_MAX)
        return;
    struct gateway *gateway = &sim.gateway[sim.user_core[user]];
    struct request *request = gateway_request(gateway);
    if (!request)
        return;
    struct op *op = &sim.op[idx];
    *op = (struct op){.user = user, .state = OP_SENT, .target = OPS_MAX};
    sim.ops++;
    request->user = user + 1;
    request->symbol = op->symbol = (uint16_t)below(sim.symbols);
    op->type = request->type = draw_type();
    if (op->type == REQUEST_NEW)
        draw_new(request, idx);
    if (op->type == REQUEST_DEPOSIT)
        draw_deposit(op, request);
    if (op->type == REQUEST_LIST)
        draw_list(request, idx);
    bool listed = op->type == REQUEST_LIST_CANCEL || (op->type == REQUEST_CANCEL && chance(25));
    bool finds = !listed && (op->type == REQUEST_CANCEL || op->type == REQUEST_GET_ORDER);
    if ((listed && !draw_of_list(op, request, &request->find, idx)) ||
        (finds && !draw_find(op, request, &request->find, idx)) ||
        (op->type == REQUEST_AMEND && !draw_amend(op, request, idx)) ||
        (op->type == REQUEST_REPLACE && !draw_replace(op, request, idx))) {
        op->state = OP_FREE;
        op->type = REQUEST_ACCOUNT;
        gateway_discard(gateway, request);
        return;
    }
    if (op->type == REQUEST_REPLACE)
        name_cancel(&request->replace.cancel, idx);
    else if (op->type == REQUEST_CANCEL || op->type == REQUEST_CANCEL_ALL ||
             op->type == REQUEST_LIST_CANCEL)
        name_cancel(&request->find, idx);
    if (op->type == REQUEST_CANCEL && !listed && chance(15))
        request->find.restriction = (uint8_t)(1 + below(2));
    op->request = *request;
    if (op->type == REQUEST_GET_ORDER) /* was it answered when this was asked? */
        op->request.timestamp_us = sim.op[op->target].answers ? 1 : -1;
    if (gateway_send(gateway, request, op, NULL) == GATEWAY_BUSY) {
        op->state = OP_REFUSED;
        op->reject = REJECT_BUSY;
    }
}

/* ---- the operator: users, symbols, first deposits ---- */

static void admin_step(void)
{
    uint32_t n = sim.admin_done;
    struct gateway *gateway = &sim.gateway[0];
    if (sim.admin_waiting || n >= sim.symbols + sim.users + 2 * sim.users)
        return;
    struct request *request = gateway_request(gateway);
    if (!request)
        return;
    if (n < sim.symbols) {
        struct symbol_config *symbol = &request->symbol_add;
        request->type = REQUEST_SYMBOL_ADD;
        *symbol = (struct symbol_config){.tick_atoms = 1000000,
                                         .step_atoms = 1000,
                                         .min_qty = 1000,
                                         .max_orders = 50,
                                         .maker_ppm = 1000,
                                         .taker_ppm = 1000};
        snprintf(symbol->name, SYMBOL_NAME_MAX, "S%u", n);
        strcpy(symbol->base_name, "BASE");
        strcpy(symbol->quote_name, "QUOTE");
    } else if (n < sim.symbols + sim.users) {
        request->type = REQUEST_USER_ADD;
        request->user_add.length =
            (uint8_t)snprintf(request->user_add.name, NAME_MAX_BYTES, "user%u", n - sim.symbols);
    } else {
        uint32_t i = n - sim.symbols - sim.users;
        uint64_t id = 1000000 + i;
        request->type = REQUEST_DEPOSIT;
        request->user = 1 + i / 2;
        request->deposit.asset = (uint16_t)(i & 1);
        request->deposit.amount = i & 1 ? MONEY_ATOMS_PER_UNIT / 2 : 500000;
        memcpy(request->deposit.request_id, &id, sizeof id);
    }
    if (gateway_send(gateway, request, NULL, NULL) == GATEWAY_SENT) {
        sim.admin_waiting = true;
        sim.admin_done++;
    }
}

/* A user joins a group, or leaves it, while orders are under way. */
static void regroup_step(void)
{
    struct request *request = gateway_request(&sim.gateway[0]);
    if (!request)
        return;
    request->type = REQUEST_USER_GROUP;
    request->user = 1 + below(sim.users);
    request->trade_group = below(3);
    sim.admin_waiting = gateway_send(&sim.gateway[0], request, NULL, NULL) == GATEWAY_SENT;
    sim.regrouping = sim.admin_waiting;
}

static bool admin_finished(void)
{
    return !sim.admin_waiting && sim.admin_done == sim.symbols + 3 * sim.users;
}

/* ---- an operator who changes things while all goes on, and waits for nothing ---- */

/* Filters of a symbol that is traded: its fees and its grid stay. */
static void draw_limits(struct symbol_config *symbol)
{
    struct symbol_limits *limits = &symbol->limits;
    symbol->tick_shown = symbol->tick_atoms * (1 + below(2));
    symbol->step_shown = symbol->step_atoms * (chance(80) ? 1 : 2);
    symbol->max_orders = 5 + below(50);
    limits->position_atoms = chance(50) ? 0 : MONEY_ATOMS_PER_UNIT / 1000 * (1 + below(20));
    limits->by_side = chance(50);
    limits->bid_up = limits->ask_up = chance(50) ? 0 : PERCENT_ONE + below(500);
    limits->bid_down = limits->ask_down = chance(50) ? 0 : PERCENT_ONE - below(500);
    limits->percent_short = (uint8_t)below(AVG_MINUTES + 1);
    limits->min_spares_market = chance(50);
}

static void draw_change(struct request *request)
{
    static const uint8_t status[] = {STATUS_TRADING, STATUS_TRADING, STATUS_TRADING, STATUS_HALT,
                                     STATUS_CANCEL_ONLY};
    request->symbol = (uint16_t)below(sim.symbols);
    uint32_t what = below(100);
    if (what < 40) {
        request->type = REQUEST_SYMBOL_STATUS;
        request->symbol_add.status = status[below(sizeof status)];
    } else if (what < 70) {
        request->type = REQUEST_SYMBOL_UPDATE;
        request->symbol_add = sim.ex.control->symbols[request->symbol];
        draw_limits(&request->symbol_add);
    } else if (what < 85) {
        request->type = REQUEST_COMMISSION; /* what all pay: the history is checked against that */
        request->user = 1 + below(sim.users);
        request->commission.set = chance(70);
        request->commission.maker_ppm = request->commission.taker_ppm =
            request->commission.set ? 1000 : 0;
    } else if (what < 97) {
        request->type = REQUEST_EXCHANGE_LIMITS;
        request->exchange.orders = chance(50) ? 0 : 3 + below(30);
        request->exchange.order_lists = chance(50) ? 0 : 1 + below(5);
    } else {
        request->type = REQUEST_SYMBOL_DELIST;
    }
}

static void operator_step(void)
{
    struct request *request = sim.meddles ? gateway_request(&sim.gateway[0]) : NULL;
    if (!request)
        return;
    draw_change(request);
    if (gateway_send(&sim.gateway[0], request, &operator_asks, NULL) == GATEWAY_SENT)
        sim.changes++;
}

/* ---- steps ---- */

static void core_step(uint16_t c)
{
    struct core *core = sim.ex.rt.core[c];
    uint32_t publish = BUG(3) ? 3 : 2, release = BUG(3) ? 2 : 3; /* 3: sent before published */
    if (sim.phase[c] == 0) {
        core_begin(core);
        core_release(core);
        sim.taken_left[c] = sim.config.limits.inputs_max;
        sim.phase[c] = 1;
    } else if (sim.phase[c] == 1) {
        uint32_t took = core_take(core, 1);
        if (took) {
            note_digests(c);
            told_books(&sim.ex, c);
        }
        if (!took || --sim.taken_left[c] == 0 || chance(30))
            sim.phase[c] = 2;
    } else if (sim.phase[c] == publish) {
        core_publish(core);
        sim.phase[c] = publish == 3 ? 0 : 3;
    } else {
        ASSERT(sim.phase[c] == release);
        core_release(core);
        sim.phase[c] = release == 2 ? 3 : 0;
    }
}

static void journal_step(void)
{
    if (!sim.batch_open) {
        sim.batch_open = journal_collect(&sim.journal) > 0;
    } else {
        if (journal_sync(&sim.journal) != 0)
            fail("a write failed");
        sim.batch_open = false;
    }
}

/* ---- snapshots: a second exchange folds what is durable (PROTOCOL §2.7) ---- */

static void twin_init(struct exchange *twin)
{
    struct exchange_config config = sim.config;
    config.cores = 1; /* where a shard lives is not state */
    config.roles[0] = ROLE_ALL;
    exchange_init(twin, (struct env){.ops = &sim_env_ops}, &config);
}

static void fold_reset(void *self)
{
    exchange_fini(self);
    twin_init(self);
}

static void fold_wire(void *self, struct wire *wire)
{
    exchange_wire(wire, self);
}

static void show_ahead(void *self, const struct record_ahead *record, uint32_t count)
{
    exchange_replay_ahead(self, record, count);
}

static const char *fold_record(void *self, const struct record_head *head,
                               const unsigned char *payload, int64_t ts_us, uint64_t lsn)
{
    (void)lsn;
    return recover_text(exchange_replay(self, head, payload, ts_us));
}

static uint64_t fold_hash(void *self)
{
    return exchange_state_hash(self);
}

static void fold_remark(void *self, const char *text)
{
    (void)self;
    if (!sim.rotten)
        fail(text);
}

static void check_twin(struct exchange *twin)
{
    for (uint16_t id = 0; id < twin->shards; id++) {
        uint64_t seq = exchange_shard_seq(twin, id);
        uint64_t digest = seq < SEQ_MAX ? sim.digest[id][seq] : 0;
        if (digest && digest != (exchange_shard_hash(twin, id) | 1))
            fail("the fold of the durable journal differs from life");
    }
}

/* 8: a snapshot of what is not durable: of the living exchange itself. */
static void install_alive(struct disk *disk, struct folded *folded)
{
    struct fold fold = {.self = &sim.ex, .wire = fold_wire, .hash = fold_hash};
    for (uint16_t i = 0; i < sim.ex.config.market_shards; i++)
        if (sim.ex.market[i]->matching)
            return;
    fold_install(disk, &fold, folded, "sim", NULL);
    sim.ex.replaying = false;
}

/* The follower makes one, and trims to what its history has. */
static bool follower_snapshot(void)
{
    uint32_t before = sim_history_removed();
    if (chance(25))
        sim.disk.calls_left = 1 + below(30);
    bool made = sim_history_snapshot();
    if (!made && !sim.disk.dead)
        fail("the follower cannot make a snapshot");
    if (made)
        check_twin(sim_history_twin());
    sim.snapshots += made;
    sim.removed += sim_history_removed() - before;
    if (sim.disk.dead)
        return false;
    sim.disk.calls_left = 0;
    return true;
}

/* Folds, installs, trims. False: the power went somewhere in it. */
static bool snapshot_step(void)
{
    if (sim_history_on())
        return follower_snapshot();
    struct disk disk = sim_disk(&sim.disk);
    struct exchange twin;
    struct folded folded;
    struct trimmed trimmed = {0};
    twin_init(&twin);
    struct fold fold = {.self = &twin,
                        .reset = fold_reset,
                        .wire = fold_wire,
                        .record = fold_record,
                        .ahead = show_ahead,
                        .hash = fold_hash,
                        .remark = fold_remark};
    uint64_t until = atomic_load(&sim.journal.lsn_durable);
    enum recovery_status status = fold_read(&disk, &fold, until, &folded);
    if (status != RECOVERY_OK)
        fail(folded.found.text);
    if (folded.lsn != until)
        fail("the fold does not reach what is durable");
    check_twin(&twin);
    sim.loaded += folded.snapshot_lsn != 0;
    if (chance(25)) /* the power goes somewhere in what follows, or right behind it */
        sim.disk.calls_left = 1 + below(30);
    int result = 0;
    if (BUG(8))
        install_alive(&disk, &folded);
    else
        result = fold_install(&disk, &fold, &folded, "sim", NULL);
    if (result == 0)
        result = fold_remove_bad(&disk, &folded);
    if (result == 0)
        result = fold_trim(&disk, UINT64_MAX, &trimmed);
    if (result && !sim.disk.dead)
        fail("a snapshot cannot be made");
    exchange_fini(&twin);
    sim.snapshots += result == 0;
    sim.removed += trimmed.segments_removed;
    bool dead = sim.disk.dead;
    if (!dead)
        sim.disk.calls_left = 0;
    return !dead;
}

static void ingress_step(void)
{
    uint16_t c = sim.ex.ingress[below(sim.ex.ingress_count)];
    const struct gateway_sink sink = {
        .self = &c, .market = on_market, .reply = on_reply, .event = on_event};
    gateway_poll(&sim.gateway[c], &sink);
    sim_streams_turn(c);
}

/* Some microseconds; at times so long that events and candles are due. */
static void pass_time(void)
{
    static const uint32_t pause_ms[] = {1, 20, 110, 110, 110, 1100, 2500, 70000, 4000000};
    sim.now_us += below(50);
    if (below(150) == 0)
        sim.now_us += pause_ms[below(sizeof pause_ms / sizeof *pause_ms)] * INT64_C(1000);
}

/* False: the power went. */
static bool any_step(bool clients)
{
    uint32_t roll = below(100);
    sim.steps++;
    pass_time();
    sim_history_step();
    if (below(10000) < sim.snapshot_share)
        return snapshot_step();
    if (roll < 60)
        core_step((uint16_t)below(sim.config.cores));
    else if (roll < 60 + sim.journal_share)
        journal_step();
    else if (roll < 88)
        ingress_step();
    else if (!admin_finished())
        admin_step();
    else if (clients && chance(1))
        regroup_step();
    else if (clients && chance(2))
        operator_step();
    else if (clients && chance(25))
        watch_step();
    else if (clients)
        client_step();
    return true;
}

static bool all_answered(void)
{
    for (uint16_t c = 0; c < sim.config.cores; c++)
        if (sim.gateway[c].busy)
            return false;
    return true;
}

static bool all_durable(void)
{
    for (uint16_t c = 0; c < sim.config.cores; c++)
        if (sim.phase[c] > 1 || /* what it has staged for other cores is not released yet */
            (sim.ex.rt.core[c]->open && sim.ex.rt.core[c]->open->records))
            return false;
        else if (!runtime_durable(&sim.ex.rt, c, sim.ex.rt.core[c]->published))
            return false;
    for (uint16_t c = 0; c < sim.config.cores; c++)
        if (gateway_has_output(&sim.gateway[c]))
            return false;
    return true;
}

/* Whether the account shards have sent every cancel that is theirs to send (S6). */
static bool nothing_to_do(void)
{
    for (uint16_t i = 0; i < sim.config.account_shards; i++)
        if (sim.ex.account[i]->todo_head)
            return false;
    return true;
}

static void run_to_rest(void)
{
    sim.snapshot_share = 0;
    for (uint64_t i = 0; i < 4000000; i++) {
        any_step(false);
        if (i % 64 == 0 && admin_finished() && all_answered() && nothing_to_do() &&
            exchange_quiet(&sim.ex) && all_durable())
            return;
    }
    fail("deadlock: not everything finishes after the crashes stop");
}

/* ---- checks ---- */

static const struct ledger_order *find_order(const struct op *op)
{
    uint16_t id = exchange_user_shard(&sim.ex, op->user + 1);
    struct ledger *ledger = sim.ex.account[id - 1]->ledger;
    uint32_t user = ledger_user_find(ledger, op->user + 1);
    uint32_t slot = user ? ledger_find_client(ledger, user, op->symbol, op->request.order.client_id,
                                              op->request.order.client_length)
                         : 0;
    return slot ? ledger_order(ledger, slot) : NULL;
}

static void check_listed(void *arg, const struct ledger_order *order)
{
    (void)arg;
    if (sim.ex.control->symbols[order->symbol].delisted && !(order->flags & ORDER_LOST))
        fail("an order is open in a symbol that is delisted");
}

/* At rest, what was delisted has no order any more. */
static void check_delisted(void)
{
    for (uint16_t i = 0; i < sim.config.account_shards && !sim.poisoned; i++)
        ledger_each_open(sim.ex.account[i]->ledger, check_listed, NULL);
    for (uint32_t i = 0; i < sim.ops; i++) {
        const struct order_view *view = &sim.op[i].view;
        const struct ledger_order *order =
            sim.op[i].type == REQUEST_NEW && sim.ex.control->symbols[sim.op[i].symbol].delisted
                ? find_order(&sim.op[i])
                : NULL;
        sim.delisted += order && order->status == ORDER_EXPIRED &&
                        view->status <= ORDER_PARTIALLY_FILLED && order->tif == TIF_GTC;
    }
}

static void check_acknowledged(void)
{
    for (uint32_t i = 0; i < sim.ops; i++) {
        struct op *op = &sim.op[i];
        if (makes_order(op) && op->state == OP_ACKED) {
            const struct ledger_order *order = find_order(op);
            if (!order)
                fail("an acknowledged order is gone");
            if (id_is_unique(op) && op->view.order_id && order->order_id != op->view.order_id)
                fail("an acknowledged order has another id");
            if (id_is_unique(op) && order->executed_lots * 1000 < op->view.executed)
                fail("an acknowledged fill is gone");
            if (op->view.status == ORDER_CANCELED && id_is_unique(op) &&
                order->status != ORDER_CANCELED)
                fail("an acknowledged cancel is gone");
        }
        if (makes_order(op) && op->state == OP_REFUSED && id_is_unique(op) && find_order(op))
            fail("a refused order is there");
    }
}

/* Orders that were shown open and then ended by self-trade prevention: they were makers. */
static void count_expired_makers(void)
{
    for (uint32_t i = 0; i < sim.ops; i++) {
        const struct op *op = &sim.op[i];
        const struct ledger_order *order =
            op->type == REQUEST_NEW && op->state == OP_ACKED ? find_order(op) : NULL;
        sim.expired_makers += order && id_is_unique(op) &&
                              op->view.status <= ORDER_PARTIALLY_FILLED &&
                              order->status == ORDER_EXPIRED_IN_MATCH;
    }
}

static void check_deposits(void)
{
    for (uint32_t i = 0; i < sim.ops; i++) {
        const struct op *op = &sim.op[i];
        if (op->type != REQUEST_DEPOSIT || op->state != OP_ACKED)
            continue;
        uint16_t id = exchange_user_shard(&sim.ex, op->user + 1);
        const struct ledger *ledger = sim.ex.account[id - 1]->ledger;
        const struct ledger_deposit *done;
        uint32_t user = ledger_user_find(ledger, op->user + 1);
        if (ledger_check_deposit(ledger, user, op->request.deposit.asset,
                                 op->request.deposit.amount, op->request.deposit.request_id,
                                 &done) != REJECT_NONE ||
            !done || done->free_after != op->deposit_free)
            fail("an acknowledged deposit is gone or differs");
    }
}

/* Orders of one user and symbol get their ids in the order in which they were sent. */
static void check_order_of_ids(void)
{
    for (uint32_t u = 0; u < sim.users; u++)
        for (uint16_t s = 0; s < sim.symbols; s++) {
            uint64_t last = 0;
            for (uint32_t i = 0; i < sim.ops; i++) {
                const struct op *op = &sim.op[i];
                if (!makes_order(op) || op->user != u || op->symbol != s || !op->view.order_id ||
                    !id_is_unique(op))
                    continue;
                if (op->view.order_id <= last)
                    fail("orders of one connection were overtaken");
                last = op->view.order_id;
            }
        }
}

/* Trades and aggregate ids that a view folded, through all crashes, are those of the shard. */
static void check_view_trades(const struct view_symbol *view, const struct trade_ring *ring)
{
    if (view->trades.newest != ring->newest)
        fail("a view misses trades");
    for (uint64_t id = ring->newest - trade_ring_count(ring) + 1; id <= ring->newest; id++) {
        const struct recent_trade *a = trade_ring_at(&view->trades, id);
        const struct recent_trade *b = trade_ring_at(ring, id);
        if (a->agg_id != b->agg_id || a->taker_order_id != b->taker_order_id ||
            a->price_ticks != b->price_ticks || a->qty_lots != b->qty_lots || a->ts_us != b->ts_us)
            fail("a view has another trade than its market");
        if (id == ring->newest && (market_stats_newest_trade(view->stats) != id ||
                                   (market_stats_newest_agg(view->stats) != b->agg_id)))
            fail("the statistics of a view miss trades");
    }
}

static void check_views(void)
{
    for (uint16_t i = 0; i < sim.ex.ingress_count; i++)
        for (uint16_t s = 0; s < sim.ex.control->symbols_count; s++) {
            const struct market_view *view = &sim_ingress(sim.ex.ingress[i])->view;
            uint16_t id = exchange_symbol_shard(&sim.ex, sim.ex.control->symbols[s].name);
            const struct market_shard *shard = sim.ex.market[id - exchange_market_id(&sim.ex, 0)];
            const struct book *book = market_shard_book(shard, s);
            check_view_trades(&view->symbols[s], &shard->symbols[s].trades);
            if (view->symbols[s].update_id != book_update_id(book))
                fail("a view misses updates");
            for (uint32_t side = 0; side < 2; side++) {
                int64_t price = book_first_price(side), qty;
                uint32_t n = 0;
                const struct view_level *level;
                while (book_next_level(book, side, &price, &qty)) {
                    level = market_view_level(view, s, side, n++);
                    if (!level || level->price_ticks != price || level->qty_lots != qty)
                        fail("a view differs from its book");
                }
                if (market_view_level(view, s, side, n))
                    fail("a view shows a level that is not there");
            }
        }
}

static void check_watched_order(const struct watcher *watcher, struct account_shard *account,
                                const struct ledger_order *order, uint32_t *count)
{
    struct order_view view;
    order_view(account, order, &view);
    const struct told_order *told = told_of(watcher, view.symbol, view.order_id);
    if (!told->there)
        fail("a watcher has not heard of an order");
    if (!views_agree(&told->view, &view))
        fail("a watcher was told otherwise of an order than the ledger has it");
    ++*count;
}

/* What a watcher has, by reading once and by listening, is what its user has. */
static void check_watcher(const struct watcher *watcher)
{
    struct account_shard *account =
        sim.ex.account[exchange_user_shard(&sim.ex, watcher->user + 1) - 1];
    struct ledger *ledger = account->ledger;
    uint32_t slot = ledger_user_find(ledger, watcher->user + 1), count = 0, there = 0;
    const struct ledger_user *user = ledger_user(ledger, slot);
    for (uint32_t at = user->done_head; at; at = ledger_order(ledger, at)->next)
        check_watched_order(watcher, account, ledger_order(ledger, at), &count);
    for (uint32_t p = user->positions; p; p = ledger_position(ledger, p)->next)
        for (uint32_t at = ledger_position(ledger, p)->head; at;
             at = ledger_order(ledger, at)->next)
            if (ledger_order(ledger, at)->status != ORDER_SENT) /* lost to a skip (J6) */
                check_watched_order(watcher, account, ledger_order(ledger, at), &count);
    for (uint32_t s = 0; s < SYMBOLS_MAX; s++)
        for (uint32_t id = 1; id <= ORDER_IDS_MAX; id++)
            there += sim.told[watcher->which][s][id].there &&
                     sim.told[watcher->which][s][id].user == watcher->user;
    if (there != count)
        fail("a watcher has heard of an order that is not there");
    for (uint32_t at = user->balances; at; at = ledger_balance(ledger, at)->next) {
        const struct ledger_balance *balance = ledger_balance(ledger, at);
        if (!watcher->balance_there[balance->asset] ||
            !balances_agree(&watcher->balance[balance->asset], balance->free, balance->locked))
            fail("a watcher was told otherwise of a balance than the ledger has it");
    }
    sim.watched++;
    sim.compared_orders += count;
}

static void check_watchers(void)
{
    for (uint32_t i = 0; i < sim.users * WATCHERS; i++) {
        const struct watcher *watcher = &sim.watcher[i / WATCHERS][i % WATCHERS];
        bool whole = watcher->on;
        for (uint32_t k = 0; k < ASK_ORDERS + sim.symbols; k++)
            whole &= watcher->ask[k].answered;
        if (whole)
            check_watcher(watcher);
    }
    for (uint16_t i = 0; i < sim.ex.config.account_shards; i++)
        if (events_notes(sim.ex.account[i]))
            fail("what a cancel calls itself is kept behind its end");
}

static void check_conservation(void)
{
    struct exchange_audit audit;
    const char *wrong = exchange_audit(&sim.ex, &audit, sim.audit_memory);
    if (wrong)
        fail(wrong);
}

static void check_place_then_cancel(void)
{
    for (uint32_t i = 0; i < sim.ops; i++) {
        const struct op *op = &sim.op[i];
        bool unknown = (op->type == REQUEST_CANCEL || op->type == REQUEST_AMEND) &&
                       op->state == OP_REFUSED && op->reject == REJECT_UNKNOWN_ORDER;
        if (op->type == REQUEST_REPLACE)
            unknown = op->cancel_reject == REJECT_UNKNOWN_ORDER;
        if (!unknown || op->target == OPS_MAX)
            continue;
        const struct op *target = &sim.op[op->target];
        const struct ledger_order *order = find_order(target);
        if (order && order_is_open(order) && id_is_unique(target) && target->state == OP_ACKED)
            fail("a cancel said 'unknown' for an order that rests");
    }
}

/* An order that is cancelled was cancelled by somebody: by a request that said so, or one whose
 * answer a crash took away. */
static void check_cancels_were_asked(void)
{
    for (uint32_t i = 0; i < sim.ops; i++) {
        const struct op *op = &sim.op[i];
        const struct ledger_order *order = makes_order(op) && id_is_unique(op) ? find_order(op) : 0;
        bool asked = !order || order->status != ORDER_CANCELED;
        for (uint32_t k = i + 1; k < sim.ops && !asked; k++) {
            const struct op *by = &sim.op[k];
            if (by->type == REQUEST_CANCEL_ALL)
                asked = by->user == op->user && by->symbol == op->symbol;
            else if (by->target == i && by->type == REQUEST_CANCEL)
                asked = by->state == OP_ACKED || by->state == OP_UNKNOWN;
            else if (by->target == i && by->type == REQUEST_REPLACE)
                asked = by->cancelled || by->state == OP_UNKNOWN;
        }
        if (!asked)
            fail("an order is cancelled that nobody cancelled");
    }
}

/* ---- lists ---- */

static bool list_cancel_was_asked(uint32_t i)
{
    const struct op *op = &sim.op[i];
    for (uint32_t k = i + 1; k < sim.ops; k++) {
        const struct op *by = &sim.op[k];
        bool names =
            by->target == i && (by->type == REQUEST_CANCEL || by->type == REQUEST_LIST_CANCEL);
        bool replaces = by->target == i && by->type == REQUEST_REPLACE &&
                        (by->cancelled || by->state == OP_UNKNOWN);
        if (replaces || (names && (by->state == OP_ACKED || by->state == OP_UNKNOWN)) ||
            (by->type == REQUEST_CANCEL_ALL && by->user == op->user && by->symbol == op->symbol))
            return true;
    }
    return false;
}

/* Of two orders of a pair at most one has acted: traded, or been triggered. */
static void check_pair(const struct ledger_order *const pair[2])
{
    bool acted[2];
    for (uint32_t i = 0; i < 2; i++)
        acted[i] = pair[i]->executed_lots > 0 ||
                   (type_waits(pair[i]->type) && !(pair[i]->flags & ORDER_WAITING));
    if (acted[0] && acted[1])
        fail("both orders of a pair have acted");
    for (uint32_t i = 0; i < 2; i++) {
        bool ended = pair[!i]->status == ORDER_EXPIRED && pair[!i]->expiry == EXPIRY_OCO;
        if (acted[i] && !ended)
            fail("one order of a pair has acted, and the other one has not ended for it");
        if (ended && !acted[i] && order_is_open(pair[i]))
            fail("an order of a pair ended for the other one, which has not acted");
    }
}

/* What became of a pending order follows from what became of the working one. */
static void check_phases(uint32_t op, const struct ledger_order *working,
                         const struct ledger_order *pending)
{
    uint8_t was = working->status, is = pending->status;
    if (order_is_open(working) && is != ORDER_PENDING)
        fail("an order is not pending whose working order is open");
    if (was == ORDER_FILLED && is == ORDER_PENDING)
        fail("an order is pending whose working order is filled");
    if (was == ORDER_CANCELED && is != ORDER_CANCELED)
        fail("a pending order is not cancelled with its working order");
    if ((was == ORDER_EXPIRED || was == ORDER_EXPIRED_IN_MATCH) &&
        (is != ORDER_EXPIRED || pending->expiry != EXPIRY_OTO))
        fail("a pending order has not expired with its working order");
    if (was != ORDER_FILLED && (pending->executed_lots || pending->held))
        fail("a pending order has acted before its working order was filled");
    if (is == ORDER_CANCELED && !list_cancel_was_asked(op))
        fail("a pending order is cancelled that nobody cancelled");
    sim.not_placed += pending->expiry == EXPIRY_REJECTED;
}

static void check_orders_of_list(uint32_t i, const struct ledger_list *list,
                                 const struct ledger_order *const order[LIST_ORDERS_MAX])
{
    uint32_t count = list_orders(list->kind);
    bool second = list->kind == LIST_OTOCO && list->phase == LIST_SECOND, acted = false;
    for (uint32_t k = 1; list->kind != LIST_OCO && k < count; k++)
        check_phases(i, order[0], order[k]);
    if (list->kind == LIST_OCO || (second && order[1]->expiry != EXPIRY_REJECTED))
        check_pair(&order[count - 2]);
    for (uint32_t k = list->kind != LIST_OCO; k < count; k++)
        acted |= order[k]->executed_lots > 0;
    sim.lists[list->kind] += list->done;
    sim.acted[list->kind] += list->done && acted;
}

static void check_list(uint32_t i)
{
    const struct op *op = &sim.op[i];
    struct ledger *ledger = sim.ex.account[exchange_user_shard(&sim.ex, op->user + 1) - 1]->ledger;
    uint32_t user = ledger_user_find(ledger, op->user + 1);
    const struct request_list *asked = &op->request.list;
    const struct ledger_order *order[LIST_ORDERS_MAX] = {NULL};
    uint32_t there = 0, open = 0, count = list_orders(asked->kind);
    uint32_t slot =
        user ? ledger_find_list_named(ledger, user, asked->client_id, asked->client_length) : 0;
    for (uint32_t k = 0; k < count && user; k++) {
        uint32_t at = ledger_find_client(ledger, user, op->symbol, asked->order[k].client_id,
                                         asked->order[k].client_length);
        order[k] = at ? ledger_order(ledger, at) : NULL;
        there += at != 0;
        open += at && order_is_open(order[k]);
    }
    if (sim.poisoned && there && !order[0])
        return; /* it was refused, and what was said of its second order was skipped (J6) */
    if ((there != 0 && there != count) || (there != 0) != (slot != 0))
        fail("a list is there in part");
    if (op->state == OP_ACKED && !there)
        fail("an acknowledged list is gone");
    if (op->state == OP_REFUSED && there)
        fail("a refused list is there");
    if (!there || order[0]->status == ORDER_SENT)
        return; /* the latter: lost to a skip (J6) */
    const struct ledger_list *list = ledger_list(ledger, slot);
    if (list->done != (open == 0) || (op->list.list_id && op->list.list_id != list->id) ||
        (op->list.done && !list->done))
        fail("a list is not what was shown of it");
    if (!sim.poisoned)
        check_orders_of_list(i, list, order);
}

static void check_lists(void)
{
    for (uint32_t i = 0; i < sim.ops; i++)
        if (sim.op[i].type == REQUEST_LIST)
            check_list(i);
}

/* The answer to a taker has shown all that was prevented within its account. One that waited was
 * answered before it was a taker. */
static void check_prevented_answers(void)
{
    for (uint32_t i = 0; i < sim.ops && sim_history_on() && !sim.poisoned; i++) {
        const struct op *op = &sim.op[i];
        if (!makes_order(op) || !op->answered || op->request.order.resp != RESPONSE_FULL ||
            type_waits(op->request.order.type))
            continue;
        const struct sim_prevented kept = sim_history_prevented(op->symbol, op->made_id);
        if (op->prevented.taker_qty != kept.taker_qty ||
            (!kept.of_two &&
             (op->prevented.count != kept.count || op->prevented.maker_qty != kept.maker_qty)))
            fail("the history has other prevented matches than an answer");
    }
}

/* A limit order has the quantity that it was placed with, or what somebody has amended it to. */
static void check_quantities(void)
{
    for (uint32_t i = 0; i < sim.ops; i++) {
        const struct op *op = &sim.op[i];
        const struct ledger_order *order = makes_order(op) && id_is_unique(op) ? find_order(op) : 0;
        if (!order || order->type == TYPE_MARKET)
            continue;
        int64_t asked = op->request.order.qty, have = order->qty_lots * 1000;
        bool there = have == asked;
        for (uint32_t k = i + 1; k < sim.ops; k++) {
            const struct op *by = &sim.op[k];
            if (by->type != REQUEST_AMEND || by->target != i)
                continue;
            bool made = by->state == OP_ACKED;
            there |= (made || by->state == OP_UNKNOWN) &&
                     (have == by->request.amend.qty || order_left(order) == 0);
            if (made && have > by->request.amend.qty && order_left(order) != 0)
                fail("an acknowledged amendment is gone");
        }
        if (!there)
            fail("an order has a quantity that nobody asked for");
    }
}

static uint64_t state_hash(void)
{
    struct exchange_audit audit;
    const char *wrong = exchange_audit(&sim.ex, &audit, sim.audit_memory);
    if (wrong)
        fail(wrong);
    return audit.state_hash;
}

/* ---- crash and recovery ---- */

/* A byte of the newest snapshot rots: recovery must pass it over for the older one. */
static void rot(void)
{
    struct disk disk = sim_disk(&sim.disk);
    uint64_t *lsn;
    uint32_t count;
    char name[DISK_NAME_MAX];
    ASSERT(snapshot_list(&disk, &lsn, &count) == RECOVERY_OK);
    if (count >= SNAPSHOTS_KEPT && !sim.rotten) {
        snapshot_name(lsn[0], name);
        struct sim_file *file = sim_disk_find(&sim.disk, name);
        struct snapshot_head head;
        char text[256];
        if (snapshot_peek(&disk, lsn[0], &head, text) != RECOVERY_OK)
            fail(text);
        file->data[SEGMENT_BLOCK + below((uint32_t)head.body_bytes)] ^= (uint8_t)(1 + below(255));
        sim.rotten++;
    }
    free(lsn);
}

static void crash(void)
{
    sim.crashes++;
    if (sim.batch_open && !sim.disk.dead && chance(60)) {
        sim.disk.tear_seed = rnd() | 1;
        journal_sync(&sim.journal); /* torn: some of its sectors arrive */
    }
    sim_history_crash();
    sim_disk_crash(&sim.disk, rnd());
    if (chance(10))
        rot();
    tear_down();
    for (uint32_t i = 0; i < sim.ops; i++)
        if (sim.op[i].state == OP_SENT)
            sim.op[i].state = OP_UNKNOWN;
}

static void recover_reset(void *self)
{
    (void)self;
    sim_streams_fini();
    arena_fini(&sim.arena);
    exchange_fini(&sim.ex);
    build();
}

/* One of the messages in flight is said to have crashed its receiver twice (J6). */
static void draw_poison(void)
{
    for (uint32_t tries = 0; tries < 8; tries++) {
        uint16_t from = (uint16_t)below(sim.ex.shards), to = (uint16_t)below(sim.ex.shards);
        uint64_t sent = exchange_shard(&sim.ex, from)->out[to].out_seq;
        uint64_t taken = exchange_shard(&sim.ex, to)->in[from].in_seq;
        if (from == CONTROL_SHARD || to == CONTROL_SHARD || sent == taken)
            continue;
        if (!exchange_poison(&sim.ex, from, to, taken + 1 + below((uint32_t)(sent - taken))))
            fail("a poison message cannot be told");
        sim.poisoned++;
        return;
    }
}

static uint64_t durable_lsn(void)
{
    return atomic_load(&sim.journal.lsn_durable);
}

static void recover(bool first)
{
    struct folded folded;
    struct recovery *found = &folded.found;
    struct disk disk = sim_disk(&sim.disk);
    uint32_t boot = 0;
    if (first) {
        static const uint8_t id[SEGMENT_ID_BYTES] = "sim";
        ASSERT(journal_create(&disk, sim.segment_bytes, sim.config.account_shards,
                              sim.config.market_shards, NULL, id, found) == 0);
    }
    build();
    const struct fold fold = {.self = &sim.ex,
                              .reset = recover_reset,
                              .wire = fold_wire,
                              .record = replay_record,
                              .ahead = show_ahead,
                              .hash = fold_hash,
                              .remark = fold_remark};
    if (fold_read(&disk, &fold, UINT64_MAX, &folded) != RECOVERY_OK)
        fail(found->text);
    sim.loaded += folded.snapshot_lsn != 0;
    boot = found->boot + 1;
    const char *wrong = exchange_recovered(&sim.ex, boot);
    if (wrong)
        fail(wrong);
    for (uint16_t id = 0; id < sim.ex.shards; id++) {
        if (exchange_shard_seq(&sim.ex, id) < sim.exposed[id])
            fail("what was shown is lost: a shard is behind an exposed position");
        for (uint64_t seq = exchange_shard_seq(&sim.ex, id) + 1;
             seq < SEQ_MAX && sim.digest[id][seq]; seq++)
            sim.digest[id][seq] = 0; /* that life did not happen */
    }
    check_conservation();
    if (!first && chance(3))
        draw_poison();
    sim_streams_load(&sim.ex);
    if (recovery_cut(&disk, found) != RECOVERY_OK)
        fail(found->text);
    ASSERT(journal_init(&sim.journal, &sim.ex.rt, disk, sim.segment_bytes, found) == 0);
    for (uint64_t i = 0; !exchange_quiet(&sim.ex) || !all_durable(); i++) { /* §2.8 step 9 */
        uint32_t roll = below(100);
        sim.now_us += below(20);
        if (roll < 70)
            core_step((uint16_t)below(sim.config.cores));
        else if (roll < 90)
            journal_step();
        else
            ingress_step();
        if (i > 2000000)
            fail("stuck link: recovery does not come to rest");
    }
    exchange_verify(&sim.ex);
    check_acknowledged();
    check_deposits();
    sim_history_start(disk, &sim.ex, &folded, durable_lsn);
    sim_history_check(&sim.ex, sim.poisoned > 0);
    watch_all();
    if (sim.regrouping) /* it may have happened or not */
        sim.admin_waiting = sim.regrouping = false;
    if (sim.admin_waiting) { /* unknown: asked again when it left no trace */
        sim.admin_waiting = false;
        uint32_t n = sim.admin_done - 1;
        bool there = n < sim.symbols               ? sim.ex.control->symbols_count > n
                     : n < sim.symbols + sim.users ? sim.ex.control->users_count > n - sim.symbols
                                                   : false; /* a deposit may be repeated */
        if (!there)
            sim.admin_done--;
    }
}

static void run(uint64_t seed, uint32_t op_budget)
{
    memset(&sim, 0, offsetof(struct sim, op));
    sim.ops = 0;
    memset(sim.exposed, 0, sizeof sim.exposed);
    memset(sim.digest, 0, SHARDS_MAX * sizeof *sim.digest);
    memset(sim.told, 0, WATCHERS * sizeof *sim.told);
    memset(sim.told_list, 0, WATCHERS * sizeof *sim.told_list);
    sim.seed = seed;
    sim.rng = hash_mix(seed);
    sim.now_us = 1700000000000000;
    sim.deposit_counter = 0;
    draw_config();
    sim_streams_seed(seed);
    sim_history_seed(seed);
    recover(true);
    uint32_t crashes = 1 + below(8);
    for (uint32_t i = 0; i <= crashes; i++) {
        uint32_t steps = 200 + below(6000);
        for (uint32_t s = 0; s < steps && sim.ops < op_budget; s++)
            if (!any_step(true))
                break;
        if (sim.disk.dead && i == crashes) { /* the power went where no crash was planned */
            crash();
            recover(false);
        }
        if (i < crashes) {
            crash();
            recover(false);
        }
    }
    run_to_rest();
    check_conservation();
    exchange_verify(&sim.ex);
    check_delisted();
    check_acknowledged();
    check_deposits();
    check_order_of_ids();
    check_views();
    check_place_then_cancel();
    check_cancels_were_asked();
    check_quantities();
    check_lists();
    check_watchers();
    sim_history_check(&sim.ex, sim.poisoned > 0);
    check_prevented_answers();
    count_expired_makers();
    sim.trace = hash_fold(hash_fold(sim.trace, state_hash()), sim_streams_trace());
    uint64_t before = state_hash();
    crash();
    recover(false);
    if (state_hash() != before)
        fail("the state at rest changed across a restart");
    sim_history_crash();
    tear_down();
    sim_disk_fini(&sim.disk);
}

int main(int argc, char **argv)
{
    uint64_t first = 1, count = 300, ops = OPS_MAX;
    for (int i = 1; i < argc; i++) {
        bool value = i + 1 < argc;
        if (value && strcmp(argv[i], "--seed") == 0) {
            first = strtoull(argv[++i], NULL, 10);
            count = 1;
        } else if (value && strcmp(argv[i], "--first") == 0) {
            first = strtoull(argv[++i], NULL, 10);
        } else if (value && strcmp(argv[i], "--seeds") == 0) {
            count = strtoull(argv[++i], NULL, 10);
        } else if (value && strcmp(argv[i], "--ops") == 0) {
            ops = strtoull(argv[++i], NULL, 10);
#ifdef CASTLE_BUGS
        } else if (value && strcmp(argv[i], "--bug") == 0) {
            check_bug = atoi(argv[++i]);
#endif
        } else {
            fprintf(stderr, "usage: sim [--seed N | --first N --seeds N] [--ops N] [--bug N]\n");
            return 2;
        }
    }
    if (ops > OPS_MAX)
        ops = OPS_MAX;
    sim.op = calloc(OPS_MAX + 1, sizeof *sim.op);
    sim.digest = calloc(SHARDS_MAX, sizeof *sim.digest);
    sim.told = calloc(WATCHERS, sizeof *sim.told);
    sim.told_list = calloc(WATCHERS, sizeof *sim.told_list);
    sim.audit_memory = calloc(1, 1 << 16);
    ASSERT(sim.op && sim.digest && sim.told && sim.told_list && sim.audit_memory);
    uint64_t crashes = 0, answers = 0, fills = 0, replayed = 0, compared = 0, expired = 0;
    uint64_t replaces[4] = {0}, amends = 0, amended_away = 0, prevented = 0;
    uint64_t lists[LIST_KINDS] = {0}, acted[LIST_KINDS] = {0}, not_placed = 0;
    uint64_t snapshots = 0, loaded = 0, removed = 0, rotten = 0, repeated = 0, poisoned = 0;
    uint64_t events = 0, watched = 0, orders = 0, changes = 0, delisted = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        run(seed, (uint32_t)ops);
        if (seed % 20 == 0) { /* the same seed must give the same run */
            uint64_t trace = sim.trace, steps = sim.steps;
            run(seed, (uint32_t)ops);
            if (sim.trace != trace || sim.steps != steps)
                fail("the same seed gave another run");
            repeated++;
        }
        snapshots += sim.snapshots;
        loaded += sim.loaded;
        removed += sim.removed;
        rotten += sim.rotten;
        poisoned += sim.poisoned;
        crashes += sim.crashes;
        answers += sim.answers;
        fills += sim.fills;
        replayed += sim.replayed;
        compared += sim.compared;
        expired += sim.expired_makers;
        prevented += sim.prevented_told;
        events += sim.events;
        changes += sim.changes;
        delisted += sim.delisted;
        watched += sim.watched;
        orders += sim.compared_orders;
        amends += sim.amends;
        amended_away += sim.amended_away;
        not_placed += sim.not_placed;
        for (uint32_t i = 0; i < LIST_KINDS; i++) {
            lists[i] += sim.lists[i];
            acted[i] += sim.acted[i];
        }
        for (uint32_t i = 0; i < 4; i++)
            replaces[i] += sim.replaces[i / 2][i % 2];
    }
    printf(
        "sim: %lu seeds from %lu: %lu crashes, %lu answers, %lu fills seen, %lu makers expired, "
        "%lu prevented matches in answers, "
        "%lu records replayed, "
        "%lu digests compared, %lu snapshots made, %lu begun from, %lu spoilt, %lu segments "
        "trimmed, %lu messages skipped, %lu replaces whole, %lu cancels alone, %lu orders alone, "
        "%lu neither, %lu amendments, %lu of them to nothing, %lu user events told, %lu watchers "
        "with %lu orders compared, %lu changes by the operator, %lu orders ended by delisting, %lu "
        "seeds repeated, 0 violations\n",
        count, first, crashes, answers, fills, expired, prevented, replayed, compared, snapshots,
        loaded, rotten, removed, poisoned, replaces[3], replaces[2], replaces[1], replaces[0],
        amends, amended_away, events, watched, orders, changes, delisted, repeated);
    printf("sim: lists done, and of them filled: OCO %lu %lu, OTO %lu %lu, OTOCO %lu %lu; pending "
           "orders that could not be placed %lu\n",
           lists[LIST_OCO], acted[LIST_OCO], lists[LIST_OTO], acted[LIST_OTO], lists[LIST_OTOCO],
           acted[LIST_OTOCO], not_placed);
    bool listed = acted[LIST_OCO] && acted[LIST_OTO] && acted[LIST_OTOCO] && not_placed;
    bool streams = sim_streams_print(), history = sim_history_print();
    if (!streams || !history || !listed || answers == 0 || fills == 0 || compared == 0 ||
        expired == 0 || loaded == 0 || removed == 0 || events == 0 || watched == 0 || !prevented ||
        !replaces[0] || !replaces[1] || !replaces[2] || !replaces[3] || !amends || !amended_away) {
        fprintf(stderr, "sim: nothing happened\n");
        return count > 20 ? 1 : 0;
    }
    return 0;
}
