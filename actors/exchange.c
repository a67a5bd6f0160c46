#include "actors/exchange.h"

#include <stdlib.h>

#include "actors/account_shard.h"
#include "actors/book/book.h"
#include "actors/control_shard.h"
#include "actors/market_shard.h"
#include "runtime/check.h"
#include "runtime/hash.h"

enum { REPLAY_AHEAD = 32 };

void exchange_config_default(struct exchange_config *config, uint16_t cores)
{
    *config = (struct exchange_config){
        .cores = cores,
        .account_shards = 64,
        .market_shards = 256,
        .users_max = 100000,
        .symbols_max = 1000,
        .orders_max = 4000000,
        .done_orders = 1000,
        .slice_fills = 32,
        .window_ticks = 262144,
        .link_max = 1024,
        .account_outbox = 4096,
        .market_outbox = 8192,
        .control_outbox = 8192,
        .request_blocks = 16384,
        .reply_blocks = 8192,
        .limits = {.lane = {1024, 1024, 4096, 8192, 8192},
                   .chunk_slots = 8,
                   .chunk_bytes = 128 * 1024,
                   .inputs_max = 512},
    };
    memset(config->roles, ROLE_ALL, cores);
}

/* ---- placement ---- */

static uint16_t core_with_role(const struct exchange *ex, uint8_t role, uint32_t nth)
{
    uint16_t with[CORES_MAX], count = 0;
    for (uint16_t c = 0; c < ex->config.cores; c++)
        if (ex->config.roles[c] & role)
            with[count++] = c;
    ASSERT(count > 0);
    return with[nth % count];
}

uint16_t exchange_user_shard(const struct exchange *ex, uint32_t user)
{
    return exchange_account_id((uint16_t)(hash_mix(user) % ex->config.account_shards));
}

uint16_t exchange_ref_shard(uint64_t ref)
{
    return exchange_account_id((uint16_t)(ref >> 54));
}

uint16_t exchange_symbol_shard(const struct exchange *ex, const char name[static SYMBOL_NAME_MAX])
{
    uint64_t hash = hash_bytes(0, name, strnlen(name, SYMBOL_NAME_MAX));
    return exchange_market_id(ex, (uint16_t)(hash % ex->config.market_shards));
}

uint16_t exchange_core_of(const struct exchange *ex, uint16_t shard)
{
    return ex->rt.actor[shard]->core->id;
}

uint32_t exchange_assets_max(const struct exchange *ex)
{
    return 2 * ex->config.symbols_max;
}

void *exchange_book_block(const struct exchange *ex, uint16_t symbol)
{
    return ex->books + (size_t)symbol * arena_bytes(book_size(ex->config.window_ticks));
}

static size_t trade_block_bytes(void)
{
    return arena_bytes(TRADES_KEPT * sizeof(struct recent_trade));
}

void *exchange_trade_block(const struct exchange *ex, uint16_t symbol)
{
    return ex->trades + symbol * trade_block_bytes();
}

/* The request that follows is released behind these stores, and its taker acquires it. */
void exchange_watch(struct exchange *ex, uint32_t user, uint16_t core, bool watched)
{
    uint64_t bit = 1ull << core, before;
    ASSERT(user <= ex->config.users_max);
    if (watched)
        before = atomic_fetch_or(&ex->watched[user], bit);
    else
        before = atomic_fetch_and(&ex->watched[user], ~bit);
    if (watched && !(before & bit))
        atomic_fetch_add(&ex->watched_bits, 1);
    else if (!watched && (before & bit))
        atomic_fetch_sub(&ex->watched_bits, 1);
}

/* ---- building ---- */

static size_t pools_bytes(const struct exchange *ex)
{
    const struct exchange_config *config = &ex->config;
    return config->cores *
           (block_pool_bytes(config->request_blocks, REQUEST_BLOCK_BYTES, config->cores) +
            block_pool_bytes(config->reply_blocks, REPLY_BLOCK_BYTES, config->cores));
}

static size_t exchange_bytes(const struct exchange *ex)
{
    const struct exchange_config *config = &ex->config;
    return control_shard_bytes(ex) + config->account_shards * account_shard_bytes(ex) +
           config->market_shards * market_shard_bytes(ex) + pools_bytes(ex) +
           arena_bytes(config->account_shards * sizeof(void *)) +
           arena_bytes(config->market_shards * sizeof(void *)) +
           config->symbols_max * arena_bytes(book_size(config->window_ticks)) +
           arena_bytes(config->cores * sizeof(struct stages)) +
           arena_bytes((config->users_max + 1) * sizeof(_Atomic uint64_t)) +
           config->symbols_max * trade_block_bytes() +
           arena_bytes(exchange_assets_max(ex) * sizeof(_Atomic int64_t));
}

void exchange_init(struct exchange *ex, struct env env, const struct exchange_config *config)
{
    memset(ex, 0, sizeof *ex);
    ex->config = *config;
    ex->shards = 1u + config->account_shards + config->market_shards;
    runtime_init(&ex->rt, env, config->cores, &config->limits, ex->shards);
    for (uint16_t c = 0; c < config->cores; c++)
        if (config->roles[c] & ROLE_INGRESS)
            ex->ingress[ex->ingress_count++] = c;
    arena_init(&ex->arena, exchange_bytes(ex));
    for (uint16_t c = 0; c < config->cores; c++) {
        block_pool_init(&ex->request_pool[c], &ex->arena, config->request_blocks,
                        REQUEST_BLOCK_BYTES, c, config->cores);
        block_pool_init(&ex->reply_pool[c], &ex->arena, config->reply_blocks, REPLY_BLOCK_BYTES, c,
                        config->cores);
    }
    ex->stages = arena_alloc(&ex->arena, config->cores * sizeof(struct stages));
    ex->watched = arena_alloc(&ex->arena, (config->users_max + 1) * sizeof(_Atomic uint64_t));
    ex->account = arena_alloc(&ex->arena, config->account_shards * sizeof(void *));
    ex->market = arena_alloc(&ex->arena, config->market_shards * sizeof(void *));
    ex->control = control_shard_init(ex, &ex->arena, core_with_role(ex, ROLE_ACCOUNT, 0));
    for (uint16_t i = 0; i < config->account_shards; i++)
        ex->account[i] = account_shard_init(ex, &ex->arena, i, core_with_role(ex, ROLE_ACCOUNT, i));
    for (uint16_t i = 0; i < config->market_shards; i++)
        ex->market[i] = market_shard_init(ex, &ex->arena, i, core_with_role(ex, ROLE_MATCH, i));
    ex->supply = arena_alloc(&ex->arena, exchange_assets_max(ex) * sizeof(_Atomic int64_t));
    ex->trades = arena_alloc(&ex->arena, config->symbols_max * trade_block_bytes());
    ex->books =
        arena_alloc(&ex->arena, config->symbols_max * arena_bytes(book_size(config->window_ticks)));
}

/* Outbox entries that replay took from malloc. */
static void free_entry(struct shard *shard)
{
    for (uint32_t peer = 0; peer < shard->ex->shards; peer++)
        for (struct out_entry *entry = shard->out[peer].head, *next; entry; entry = next) {
            next = entry->next;
            if (entry < shard->entries || entry >= shard->entries + shard->entries_max)
                free(entry);
        }
}

void exchange_fini(struct exchange *ex)
{
    for (uint16_t id = 0; id < ex->shards; id++)
        free_entry(exchange_shard(ex, id));
    for (uint16_t c = 0; c < ex->config.cores; c++) {
        block_pool_fini(&ex->request_pool[c]);
        block_pool_fini(&ex->reply_pool[c]);
    }
    arena_fini(&ex->arena);
    runtime_fini(&ex->rt);
}

/* ---- recovery ---- */

static bool is_account(const struct exchange *ex, uint16_t shard)
{
    return shard >= 1 && shard <= ex->config.account_shards;
}

const char *recover_text(enum recover result)
{
    static const char *const texts[] = {
        [RECOVER_OK] = NULL,
        [RECOVER_GAP] = "a record's shard sequence has a gap",
        [RECOVER_BAD_RECORD] = "a record does not apply to the state before it",
        [RECOVER_DIVERGED] = "replay differs from life: the shard came to another state before "
                             "this record",
    };
    return texts[result];
}

enum recover exchange_replay(struct exchange *ex, const struct record_head *head,
                             const unsigned char *payload, int64_t ts_us)
{
    if (!ex->replaying)
        ex->replaying = true;
    if (head->shard >= ex->shards)
        return RECOVER_BAD_RECORD;
    struct shard *shard = exchange_shard(ex, head->shard);
    if (head->shard_seq <= shard->seq)
        return RECOVER_OK;
    if (head->shard_seq != shard->seq + 1)
        return RECOVER_GAP;
    if (!shard_agrees(shard, head))
        return RECOVER_DIVERGED;
    if (head->shard == CONTROL_SHARD)
        return control_shard_replay(ex->control, head, payload, ts_us);
    if (is_account(ex, head->shard))
        return account_shard_replay(ex->account[head->shard - 1], head, payload, ts_us);
    return market_shard_replay(ex->market[head->shard - exchange_market_id(ex, 0)], head, payload,
                               ts_us);
}

/* Shows each market shard its own orders among them. */
static void show_markets(const struct exchange *ex, const struct msg *msg, uint32_t count)
{
    const struct message *run[REPLAY_AHEAD];
    for (uint32_t first = 0; first < count; first++) {
        uint32_t same = 0, before = 0;
        while (before < first && msg[before].to != msg[first].to)
            before++;
        for (uint32_t i = first; i < count && before == first; i++)
            if (msg[i].to == msg[first].to)
                run[same++] = (const struct message *)&msg[i];
        if (same)
            ex->rt.actor[msg[first].to]->ops->prefetch(ex->rt.actor[msg[first].to], run, same);
    }
}

void exchange_replay_ahead(const struct exchange *ex, const struct record_ahead *record,
                           uint32_t count)
{
    struct ledger_ahead account[REPLAY_AHEAD];
    struct msg order[REPLAY_AHEAD];
    uint32_t accounts = 0, orders = 0;
    for (uint32_t i = 0; i < count && i < REPLAY_AHEAD; i++) {
        const struct record_head *head = &record[i].head;
        if (is_account(ex, head->shard)) {
            accounts +=
                account_shard_ahead(ex->account[head->shard - 1], &record[i], &account[accounts]);
        } else if (head->shard != CONTROL_SHARD && head->shard < ex->shards &&
                   head->type == RECORD_LINK && head->bytes == MSG_ENCODED_BYTES) {
            msg_decode(record[i].payload, head->shard, &order[orders]);
            orders += order[orders].symbol < ex->config.symbols_max;
        }
    }
    for (uint32_t stage = 0; stage < LEDGER_AHEAD_STAGES; stage++)
        for (uint32_t i = 0; i < accounts; i++)
            ledger_prefetch(&account[i], stage);
    show_markets(ex, order, orders);
}

const char *exchange_recovered(struct exchange *ex, uint32_t boot)
{
    const char *wrong = NULL;
    for (uint16_t id = 0; id < ex->shards && !wrong; id++)
        wrong = shard_recovered(exchange_shard(ex, id));
    for (uint16_t i = 0; i < ex->config.account_shards; i++) {
        const struct ledger *ledger = ex->account[i]->ledger;
        counter_set(&ex->account[i]->open_orders, ledger_open_orders(ledger));
        counter_set(&ex->account[i]->money_moves, ledger_deposits(ledger));
    }
    ex->boot = boot;
    ex->replaying = false;
    return wrong;
}

void exchange_kept(struct exchange *ex, uint32_t done_orders)
{
    for (uint16_t i = 0; i < ex->config.account_shards; i++)
        ledger_kept(ex->account[i]->ledger, done_orders);
}

bool exchange_poison(struct exchange *ex, uint16_t from, uint16_t to, uint64_t seq)
{
    if (from >= ex->shards || to >= ex->shards)
        return false;
    struct shard *shard = exchange_shard(ex, to);
    uint32_t refs =
        shard->skips + LIST_ORDERS_MAX * (shard->poisons + 1); /* an input is about so many */
    if (seq <= shard->in[from].in_seq || refs > SKIPS_MAX)
        return false;
    shard->poison[shard->poisons].from = from;
    shard->poison[shard->poisons++].seq = seq;
    return true;
}

bool exchange_quiet(const struct exchange *ex)
{
    for (uint16_t i = 0; i < ex->config.market_shards; i++)
        if (ex->market[i]->matching)
            return false;
    for (uint16_t i = 0; i < ex->config.account_shards; i++)
        if (ex->account[i]->todo_head || ex->account[i]->read.open)
            return false;
    for (uint16_t id = 0; id < ex->shards; id++)
        if (!shard_quiet(exchange_shard(ex, id)))
            return false;
    return true;
}

/* ---- audit ---- */

struct in_flight_sum {
    struct exchange *ex;
    __int128 *sum;
};

/* What a fill that was sent and not yet taken will do to free + locked + fees of its receiver. */
static void add_in_flight(void *arg, const struct msg *msg)
{
    struct in_flight_sum *flight = arg;
    if (msg->type != MSG_FILL)
        return;
    const struct symbol_config *symbol = &flight->ex->control->symbols[msg->symbol];
    struct money_spec spec = {.tick_atoms = symbol->tick_atoms, .lot_atoms = symbol->step_atoms};
    __int128 base = (__int128)msg->fill.qty_lots * symbol->step_atoms;
    int64_t quote;
    ASSERT(money_quote_floor(&spec, msg->fill.price_ticks, msg->fill.qty_lots, &quote));
    bool buy = msg->flags & MSG_BUY;
    flight->sum[symbol->base] += buy ? base : -base;
    flight->sum[symbol->quote] += buy ? -quote : quote;
}

size_t exchange_audit_bytes(const struct exchange *ex)
{
    return exchange_assets_max(ex) * (sizeof(struct ledger_totals) + sizeof(__int128));
}

uint64_t exchange_shard_hash(struct exchange *ex, uint16_t shard)
{
    if (shard == CONTROL_SHARD)
        return control_shard_hash(ex->control);
    if (is_account(ex, shard))
        return account_shard_hash(ex->account[shard - 1]);
    return market_shard_hash(ex->market[shard - exchange_market_id(ex, 0)]);
}

uint64_t exchange_shard_seq(struct exchange *ex, uint16_t shard)
{
    return __atomic_load_n(&exchange_shard(ex, shard)->seq, __ATOMIC_RELAXED);
}

bool exchange_shard_busy(struct exchange *ex, uint16_t shard)
{
    if (shard == CONTROL_SHARD || is_account(ex, shard))
        return false;
    return ex->market[shard - exchange_market_id(ex, 0)]->matching != NULL;
}

uint64_t exchange_state_hash(struct exchange *ex)
{
    uint64_t hash = 0;
    for (uint16_t id = 0; id < ex->shards; id++)
        if (exchange_shard(ex, id)->seq)
            hash = hash_fold(hash, exchange_shard_hash(ex, id));
    return hash;
}

void exchange_totals(struct exchange *ex, struct exchange_audit *audit, void *memory)
{
    uint32_t assets = exchange_assets_max(ex);
    memset(memory, 0, exchange_audit_bytes(ex));
    *audit = (struct exchange_audit){.totals = memory,
                                     .in_flight = (void *)((struct ledger_totals *)memory + assets),
                                     .assets = ex->control->assets_count};
    for (uint16_t i = 0; i < ex->config.account_shards; i++) {
        ledger_totals(ex->account[i]->ledger, audit->totals);
        audit->open_orders += ledger_open_orders(ex->account[i]->ledger);
    }
}

const char *exchange_conserved(struct exchange *ex, struct exchange_audit *audit, void *memory)
{
    uint32_t assets = exchange_assets_max(ex);
    exchange_totals(ex, audit, memory);
    struct in_flight_sum flight = {.ex = ex, .sum = audit->in_flight};
    for (uint16_t i = 0; i < ex->config.market_shards; i++)
        shard_each_in_flight(&ex->market[i]->shard, add_in_flight, &flight);
    for (uint16_t i = 0; i < ex->config.account_shards; i++) /* a skipped fill never arrives */
        for (uint32_t a = 0; a < assets; a++)
            audit->in_flight[a] += ex->account[i]->skipped_sum[a];
    for (uint32_t a = 0; a < assets; a++) {
        const struct ledger_totals *totals = &audit->totals[a];
        if (totals->free + totals->locked + totals->fees + audit->in_flight[a] !=
            totals->deposits - totals->withdrawals)
            return "free + locked + fees + inFlight differs from deposits - withdrawals";
    }
    return NULL;
}

const char *exchange_audit(struct exchange *ex, struct exchange_audit *audit, void *memory)
{
    const char *wrong = exchange_conserved(ex, audit, memory);
    audit->state_hash = exchange_state_hash(ex);
    return wrong;
}

struct holds_check {
    struct exchange *ex;
    const struct account_shard *account; /* whose orders are looked at */
    uint32_t resting, skips;             /* skips: orders about which a message was skipped (J6) */
};

/* Whether a message about this order was skipped (J6). */
static bool was_skipped(struct exchange *ex, uint64_t ref)
{
    for (uint16_t id = 0; id < ex->shards; id++)
        if (shard_skipped(exchange_shard(ex, id), ref))
            return true;
    return false;
}

/* At rest every open order lies or waits in its book with what is left of it (step 10); but one
 * that is pending in its list is in none, and holds nothing. */
static void check_hold(void *arg, const struct ledger_order *order)
{
    struct holds_check *check = arg;
    struct exchange *ex = check->ex;
    uint16_t id = exchange_symbol_shard(ex, ex->control->symbols[order->symbol].name);
    const struct market_shard *market = ex->market[id - exchange_market_id(ex, 0)];
    uint32_t slot = order_pool_find(market->pool, order->ref);
    if ((order->flags & ORDER_LOST) ||
        (check->skips && was_skipped(ex, order->ref))) { /* book and account parted there */
        check->resting += slot != 0;
        return;
    }
    if (account_pending(check->account, order)) {
        ASSERT(slot == 0 && order->held == 0);
        return;
    }
    ASSERT(slot != 0);
    const struct order_node *node = &market->pool->nodes[slot];
    int64_t left = node->left_lots + book_hidden(market->symbols[order->symbol].book, node);
    ASSERT(left == order_left(order));
    ASSERT(!(node->flags & NODE_WAITING) == !(order->flags & ORDER_WAITING));
    ASSERT(node->order_id == order->order_id);
    ASSERT(order->due == 0);
    check->resting++;
}

void exchange_verify(struct exchange *ex)
{
    struct holds_check check = {.ex = ex};
    uint32_t in_books = 0;
    for (uint16_t id = 0; id < ex->shards; id++)
        check.skips += exchange_shard(ex, id)->skips;
    for (uint16_t i = 0; i < ex->config.account_shards; i++) {
        VERIFY((ledger_verify(ex->account[i]->ledger), true));
        check.account = ex->account[i];
        ledger_each_open(ex->account[i]->ledger, check_hold, &check);
    }
    for (uint16_t i = 0; i < ex->config.market_shards; i++) {
        const struct market_shard *market = ex->market[i];
        for (uint16_t s = 0; s < market->listed_count; s++) {
            int64_t bid, ask;
            const struct book *book = market->symbols[market->listed[s]].book;
            VERIFY((book_verify(book), true));
            if (book_best(book, SIDE_BUY, &bid) && book_best(book, SIDE_SELL, &ask))
                ASSERT(bid < ask);
            in_books += book_orders(book) + book_waiting(book);
        }
    }
    ASSERT(in_books == check.resting);
}
