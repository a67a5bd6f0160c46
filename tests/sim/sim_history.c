#include "follower.c" /* its moments, one by one */

#include <stdio.h>
#include <stdlib.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/market_shard.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_history.h"
#include "tests/sim/sim_told.h"

enum table_name {
    TRADES,
    FILLS,
    ORDERS,
    AMENDMENTS,
    PREVENTED,
    LISTS,
    ENTRIES,
    CANDLES,
    SYMBOLS,
    ASSETS,
    TABLES
};

struct table { /* rows in the order of their writing */
    char *rows;
    uint32_t count, room;
};

struct named { /* a symbol or an asset */
    uint16_t number, base, quote;
    char name[HISTORY_NAME];
};

static const size_t row_bytes[TABLES] = {sizeof(struct history_trade),
                                         sizeof(struct history_fill),
                                         sizeof(struct history_order),
                                         sizeof(struct history_amendment),
                                         sizeof(struct history_prevented),
                                         sizeof(struct history_list),
                                         sizeof(struct history_entry),
                                         sizeof(struct history_candle),
                                         sizeof(struct named),
                                         sizeof(struct named)};

struct transaction { /* as they were committed */
    uint64_t lsn;
    uint32_t count[TABLES];
};

struct store {
    struct history super; /* first */
    bool there;           /* in this seed */
    bool opened, open, broken;
    uint32_t fail_in; /* calls; 0: none fails */
    uint64_t synced;  /* no crash takes more */
    struct table table[TABLES];
    struct table done; /* struct transaction */
    uint64_t rng;
};

static const uint32_t widths_kept[] = {HISTORY_SECOND, HISTORY_MINUTE, HISTORY_HOUR, HISTORY_DAY};
enum { WIDTHS_KEPT = sizeof widths_kept / sizeof *widths_kept };

static struct store store;
static struct follower follower;
static bool following;
static uint64_t read_rng; /* of when the disk does not give the follower what it wants */
static uint64_t nothing;  /* the hash of an empty twin */
static struct {
    uint64_t checks, rows, lost, failures, unread, snapshots;
    uint64_t of_two; /* prevented matches of two accounts of a group */
} counts;

/* ---- the store ---- */

static void *append(struct table *table, size_t bytes, const void *row)
{
    if (table->count == table->room) {
        table->room = table->room ? 2 * table->room : 256;
        table->rows = realloc(table->rows, table->room * bytes);
        ASSERT(table->rows != NULL);
    }
    return memcpy(table->rows + bytes * table->count++, row, bytes);
}

static const void *row_at(enum table_name which, uint32_t i)
{
    return i < store.table[which].count ? store.table[which].rows + row_bytes[which] * i : NULL;
}

static struct transaction newest(void)
{
    if (!store.done.count)
        return (struct transaction){0};
    return ((struct transaction *)store.done.rows)[store.done.count - 1];
}

/* What is not committed goes. */
static void take_back(void)
{
    struct transaction last = newest();
    for (uint32_t i = 0; i < TABLES; i++)
        store.table[i].count = last.count[i];
    store.open = false;
}

static bool works(void)
{
    if (store.broken)
        fail("the history's store is written to after it has failed");
    if (store.fail_in && --store.fail_in == 0) {
        store.broken = true;
        snprintf(store.super.error, sizeof store.super.error, "the simulator has no room for it");
        counts.failures++;
    }
    return !store.broken;
}

static bool add(enum table_name which, const void *row)
{
    if (!store.open)
        fail("a row is written outside a transaction");
    if (!works())
        return false;
    append(&store.table[which], row_bytes[which], row);
    return true;
}

static bool store_begin(struct history *self)
{
    (void)self;
    if (store.open)
        fail("a transaction is begun within another");
    return store.open = works();
}

/* What is named already is left, as the others leave it. */
static bool add_named(enum table_name which, const struct named *row)
{
    for (uint32_t i = 0; i < store.table[which].count; i++)
        if (((const struct named *)row_at(which, i))->number == row->number)
            return works();
    return add(which, row);
}

static bool add_symbol(struct history *self, uint16_t number, const char *name, uint16_t base,
                       uint16_t quote)
{
    struct named row = {.number = number, .base = base, .quote = quote};
    (void)self;
    memcpy(row.name, name, strnlen(name, HISTORY_NAME));
    return add_named(SYMBOLS, &row);
}

static bool add_asset(struct history *self, uint16_t number, const char *name)
{
    struct named row = {.number = number};
    (void)self;
    memcpy(row.name, name, strnlen(name, HISTORY_NAME));
    return add_named(ASSETS, &row);
}

static bool add_trade(struct history *self, const struct history_trade *row)
{
    (void)self;
    return add(TRADES, row);
}

static bool add_fill(struct history *self, const struct history_fill *row)
{
    (void)self;
    return add(FILLS, row);
}

static bool add_order(struct history *self, const struct history_order *row)
{
    (void)self;
    return add(ORDERS, row);
}

static bool add_amendment(struct history *self, const struct history_amendment *row)
{
    (void)self;
    return add(AMENDMENTS, row);
}

static bool add_prevented(struct history *self, const struct history_prevented *row)
{
    (void)self;
    return add(PREVENTED, row);
}

static bool add_list(struct history *self, const struct history_list *row)
{
    (void)self;
    return add(LISTS, row);
}

static bool add_entry(struct history *self, const struct history_entry *row)
{
    (void)self;
    return add(ENTRIES, row);
}

/* The last row of a key is the one that counts. */
static bool put_candle(struct history *self, const struct history_candle *row)
{
    (void)self;
    return add(CANDLES, row);
}

static bool store_commit(struct history *self, uint64_t lsn)
{
    struct transaction now = {.lsn = lsn};
    (void)self;
    if (!store.open || lsn < newest().lsn)
        fail("the history's cursor goes back, or moves outside a transaction");
    if (!works())
        return false;
    for (uint32_t i = 0; i < TABLES; i++)
        now.count[i] = store.table[i].count;
    append(&store.done, sizeof now, &now);
    store.open = false;
    return true;
}

static void store_rollback(struct history *self)
{
    (void)self;
    take_back();
}

static bool store_sync(struct history *self)
{
    (void)self;
    if (!works())
        return false;
    store.synced = newest().lsn;
    return true;
}

static bool store_cursor(struct history *self, uint64_t *lsn)
{
    (void)self;
    *lsn = newest().lsn;
    return !store.broken && works();
}

/* All that the feed asks: the newest one. */
static bool store_candles(struct history *self, const struct history_ask *ask,
                          struct history_candle *out, uint32_t *count)
{
    (void)self;
    if (store.broken)
        return false;
    ASSERT(ask->limit == 1 && !ask->start_us && !ask->end_us);
    *count = 0;
    for (uint32_t i = store.table[CANDLES].count; i-- > 0 && !*count;) {
        const struct history_candle *candle = row_at(CANDLES, i);
        if (candle->symbol != ask->symbol || candle->width != ask->width)
            continue;
        *out = *candle;
        *count = 1;
    }
    return works();
}

static void store_close(struct history *self)
{
    (void)self;
    take_back();
    store.opened = false;
}

static const struct history_ops store_ops = {.begin = store_begin,
                                             .add_symbol = add_symbol,
                                             .add_asset = add_asset,
                                             .add_trade = add_trade,
                                             .add_fill = add_fill,
                                             .add_order = add_order,
                                             .add_amendment = add_amendment,
                                             .add_prevented = add_prevented,
                                             .add_list = add_list,
                                             .add_entry = add_entry,
                                             .put_candle = put_candle,
                                             .commit = store_commit,
                                             .rollback = store_rollback,
                                             .sync = store_sync,
                                             .cursor = store_cursor,
                                             .candles = store_candles,
                                             .close = store_close};

/* In the place of storage/history_sqlite.c. */
struct history *history_sqlite_open(const char *directory, const uint8_t id[static HISTORY_ID],
                                    bool writer, char wrong[static 256])
{
    (void)directory, (void)id;
    ASSERT(writer && !store.opened);
    store.super.ops = &store_ops;
    store.opened = true;
    store.broken = false;
    store.fail_in = draw_below(&store.rng, 4) ? 0 : 1 + draw_below(&store.rng, 400);
    snprintf(wrong, 256, "%s", "");
    return &store.super;
}

int history_sqlite_remove(const char *directory)
{
    (void)directory;
    fail("the history is ahead of the durable journal");
}

/* ---- the follower's moments ---- */

void sim_history_seed(uint64_t seed)
{
    store.rng = hash_mix(seed ^ 0x68697374);
    read_rng = hash_mix(seed ^ 0x72656164);
    store.there = draw_below(&store.rng, 100) < 50;
    store.synced = 0;
    store.done.count = 0;
    take_back();
}

bool sim_history_on(void)
{
    return store.there;
}

void sim_history_start(struct disk disk, const struct exchange *ex, const struct folded *recovered,
                       uint64_t (*durable_lsn)(void))
{
    if (!store.there)
        return;
    memset(&follower, 0, sizeof follower);
    follower.records_max = UINT64_MAX;
    follower.seconds_max = UINT32_MAX;
    follower.durable_lsn = durable_lsn;
    follower.build = "sim";
    follower.history = "in memory";
    follower.recovered = *recovered;
    set_up(&follower, disk, &ex->config);
    follower.commit_records = 1 + draw_below(&store.rng, 60);
    begin(&running, &follower, ex->rt.env);
    nothing = exchange_state_hash(&running.twin);
    following = true;
}

/* All that is due now: a history that has failed is due again, too, and so is what came to nothing
 * because the disk did not give a file, once. */
static const char *go_on(void)
{
    struct sim_disk *disk = follower.disk.self;
    running.history_us = 0;
    disk->reads_left = draw_below(&read_rng, 3) ? 0 : 1 + (uint32_t)draw_below(&read_rng, 12);
    bool fails = disk->reads_left;
    const char *wrong = follow(&running);
    fails = fails && !disk->reads_left;
    disk->reads_left = 0;
    counts.unread += fails;
    if (wrong && !running.loaded && exchange_state_hash(&running.twin) != nothing)
        fail("what could not be read leaves half of it in the twin");
    if (wrong && fails && !disk->dead)
        wrong = follow(&running);
    if (atomic_load(&follower.diverged))
        fail("the follower gives up");
    uint64_t base = running.base_lsn ? running.base_lsn : 1; /* the first record makes no rows */
    if (follower.feed.store && running.loaded && running.folded.snapshot_lsn > base)
        fail("the history has a gap");
    return wrong;
}

/* Until the store has what is durable: it may fail some times. */
static void catch_up(void)
{
    uint64_t durable = follower.durable_lsn();
    for (uint32_t tries = 0; tries < 20; tries++) {
        const char *wrong = go_on();
        if (wrong)
            fail(wrong);
        if (follower.feed.store && atomic_load(&follower.feed.cursor) == durable)
            return;
    }
    fail("the history does not catch up");
}

static void check_all(const struct exchange *ex, bool at_rest);

void sim_history_step(void)
{
    if (!following || draw_below(&store.rng, 1000) >= 4)
        return;
    if (running.loaded && draw_below(&store.rng, 2)) { /* and does not come to the commit */
        uint64_t durable = follower.durable_lsn();
        if (durable > running.folded.lsn && advance(&running, durable))
            fail(running.folded.found.text);
        return;
    }
    const char *wrong = go_on();
    if (wrong)
        fail(wrong);
    bool committed = follower.feed.store && newest().lsn == running.folded.lsn;
    if (committed && draw_below(&store.rng, 4) == 0)
        check_all(&running.twin, false);
}

/* What was passed over does not stay beside a snapshot that is good. */
static void check_bad_gone(const struct folded *passed)
{
    for (uint32_t i = 0; i < passed->bad_count; i++) {
        char name[DISK_NAME_MAX];
        snapshot_name(passed->bad[i], name);
        int file = follower.disk.ops->open(follower.disk.self, name, false);
        if (file >= 0 && passed->bad[i] != running.folded.lsn)
            fail("a bad snapshot is kept");
        if (file >= 0)
            follower.disk.ops->close(follower.disk.self, file);
    }
}

bool sim_history_snapshot(void)
{
    const struct folded recovered = follower.recovered, before = running.folded;
    uint64_t made = atomic_load(&follower.made);
    follower.records_max = 1;
    const char *wrong = go_on();
    follower.records_max = UINT64_MAX;
    if (atomic_load(&follower.made) > made) {
        check_bad_gone(&recovered);
        if (!before.unreadable) /* else it may be good the next time */
            check_bad_gone(&before);
        counts.snapshots++;
    }
    return !wrong;
}

struct exchange *sim_history_twin(void)
{
    return &running.twin;
}

void sim_history_crash(void)
{
    if (!following)
        return;
    end(&running);
    following = false;
    take_back();
    while (store.done.count && draw_below(&store.rng, 100) < 40) {
        struct transaction *done = (struct transaction *)store.done.rows;
        uint64_t before = store.done.count > 1 ? done[store.done.count - 2].lsn : 0;
        if (before < store.synced)
            break;
        store.done.count--;
        counts.lost++;
    }
    take_back();
}

/* ---- checks ---- */

struct seen {                                                    /* of the rows of one check */
    const struct history_trade *trade[SYMBOLS_MAX][OPS_MAX + 1]; /* by id */
    const struct history_order *order[SYMBOLS_MAX][OPS_MAX + 1];
    const struct history_amendment *amendment[SYMBOLS_MAX][OPS_MAX + 1]; /* the order's newest */
    uint8_t amendments[SYMBOLS_MAX][OPS_MAX + 1];
    uint64_t prevented[SYMBOLS_MAX];            /* the newest */
    int64_t given_up[SYMBOLS_MAX][OPS_MAX + 1]; /* by the order, in all */
    bool fill[SYMBOLS_MAX][OPS_MAX + 1][2];     /* [side] */
    uint64_t trades[SYMBOLS_MAX];
};

static struct seen seen;

/* Ids are dense, and a trade is what it was told to be. */
static void check_trade_row(const struct history_trade *row)
{
    const struct history_trade *last = seen.trade[row->symbol][seen.trades[row->symbol]];
    const struct told_trade *told = told_trade(row->symbol, row->trade_id);
    if (row->trade_id != ++seen.trades[row->symbol] || row->trade_id > OPS_MAX)
        fail("the history lacks a trade, or has it twice");
    bool same = last && last->taker_order_id == row->taker_order_id && last->price == row->price;
    if (row->agg_id != (last ? last->agg_id : 0) + !same)
        fail("the history has another aggregate trade");
    if (told && (told->price != row->price || told->qty != row->qty || told->quote != row->quote ||
                 told->taker_order_id != row->taker_order_id || told->time_us != row->time_us ||
                 told->buyer_is_maker != row->buyer_is_maker))
        fail("the history has another trade than was told");
    seen.trade[row->symbol][row->trade_id] = row;
}

static int64_t fee_of(const struct symbol_config *symbol, const struct history_fill *fill)
{
    int64_t got = fill->side == SIDE_BUY ? fill->qty : fill->quote;
    uint32_t ppm = fill->maker ? symbol->maker_ppm : symbol->taker_ppm;
    return (int64_t)(((__int128)got * ppm + 999999) / 1000000);
}

/* A fill is one side of its trade. */
static void check_fill_row(const struct exchange *ex, const struct history_fill *row)
{
    const struct symbol_config *symbol = &ex->control->symbols[row->symbol];
    const struct history_trade *trade =
        row->trade_id <= OPS_MAX ? seen.trade[row->symbol][row->trade_id] : NULL;
    if (!trade)
        fail("the history has a fill without its trade");
    bool maker = (row->side == SIDE_BUY) == trade->buyer_is_maker;
    if (seen.fill[row->symbol][row->trade_id][row->side])
        fail("the history has a fill twice");
    seen.fill[row->symbol][row->trade_id][row->side] = true;
    if (row->price != trade->price || row->qty != trade->qty || row->quote != trade->quote ||
        row->time_us < trade->time_us || row->maker != maker ||
        row->order_id != (maker ? trade->maker_order_id : trade->taker_order_id))
        fail("the history has a fill that is not its trade's");
    if (row->fee != fee_of(symbol, row) ||
        row->fee_asset != (row->side == SIDE_BUY ? symbol->base : symbol->quote))
        fail("the history has another fee");
}

/* The next entry that is not of money in or out. */
static const struct history_entry *next_of_fill(uint32_t *at)
{
    const struct history_entry *entry;
    while ((entry = row_at(ENTRIES, (*at)++)))
        if (entry->kind == HISTORY_TRADE || entry->kind == HISTORY_FEE)
            return entry;
    return NULL;
}

static void check_entry(const struct history_fill *fill, uint32_t *at, uint8_t kind, uint16_t asset,
                        int64_t amount)
{
    if (amount == 0)
        return;
    const struct history_entry *entry = next_of_fill(at);
    if (!entry || entry->user != fill->user || entry->trade_id != fill->trade_id ||
        entry->symbol != fill->symbol || entry->order_id != fill->order_id || entry->kind != kind ||
        entry->asset != asset || entry->amount != amount)
        fail("the history has other entries than its fills make");
}

static void check_entries_of_fills(const struct exchange *ex)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < store.table[FILLS].count; i++) {
        const struct history_fill *fill = row_at(FILLS, i);
        const struct symbol_config *symbol = &ex->control->symbols[fill->symbol];
        bool buy = fill->side == SIDE_BUY;
        check_entry(fill, &at, HISTORY_TRADE, symbol->base, buy ? fill->qty : -fill->qty);
        check_entry(fill, &at, HISTORY_TRADE, symbol->quote, buy ? -fill->quote : fill->quote);
        check_entry(fill, &at, HISTORY_FEE, fill->fee_asset, -fill->fee);
    }
    if (next_of_fill(&at))
        fail("the history has an entry of no fill");
}

static void check_balances(const struct exchange *ex)
{
    int64_t sum[USERS_MAX + 1][2] = {0};
    uint64_t last_lsn = 0;
    uint32_t last_number = 0;
    for (uint32_t i = 0; i < store.table[ENTRIES].count; i++) {
        const struct history_entry *entry = row_at(ENTRIES, i);
        if (entry->lsn < last_lsn || (entry->lsn == last_lsn && entry->number <= last_number && i))
            fail("the history has an entry twice");
        last_lsn = entry->lsn;
        last_number = entry->number;
        ASSERT(entry->user <= USERS_MAX && entry->asset < 2);
        sum[entry->user][entry->asset] += entry->amount;
    }
    for (uint32_t user = 1; user <= USERS_MAX; user++) {
        struct ledger *ledger = ex->account[exchange_user_shard(ex, user) - 1]->ledger;
        uint32_t slot = ledger_user_find(ledger, user);
        uint32_t at = slot ? ledger_user(ledger, slot)->balances : 0;
        for (; at; at = ledger_balance(ledger, at)->next) {
            const struct ledger_balance *balance = ledger_balance(ledger, at);
            sum[user][balance->asset] -= balance->free + balance->locked;
        }
        if (sum[user][0] || sum[user][1])
            fail("the history's entries do not add up to a balance");
    }
}

/* Each begins where the one before has ended. */
static void check_amendments(void)
{
    for (uint32_t i = 0; i < store.table[AMENDMENTS].count; i++) {
        const struct history_amendment *row = row_at(AMENDMENTS, i), **last;
        if (row->order_id == 0 || row->order_id > OPS_MAX || row->qty >= row->orig_qty)
            fail("the history has an amendment that is none");
        last = &seen.amendment[row->symbol][row->order_id];
        if (*last && ((*last)->user != row->user || (*last)->qty != row->orig_qty ||
                      (*last)->execution_id >= row->execution_id))
            fail("the history has an amendment twice, or lacks one");
        *last = row;
        seen.amendments[row->symbol][row->order_id]++;
    }
}

/* Numbers are dense, both orders have one owner, and each order gave up what it says. */
static void check_prevented(void)
{
    for (uint32_t i = 0; i < store.table[PREVENTED].count; i++) {
        const struct history_prevented *row = row_at(PREVENTED, i);
        if (row->match_id != ++seen.prevented[row->symbol])
            fail("the history has a prevented match twice, or lacks one");
        if (row->taker_user != row->maker_user && !row->trade_group)
            fail("the history has a prevented match of two owners");
        counts.of_two += row->taker_user != row->maker_user;
        if (row->taker_order_id > OPS_MAX || row->maker_order_id > OPS_MAX)
            fail("the history has a prevented match of no order");
        seen.given_up[row->symbol][row->taker_order_id] += row->taker_qty;
        seen.given_up[row->symbol][row->maker_order_id] += row->maker_qty;
    }
}

struct sim_prevented sim_history_prevented(uint16_t symbol, uint64_t taker_order_id)
{
    struct sim_prevented sum = {0};
    for (uint32_t i = 0; i < store.table[PREVENTED].count; i++) {
        const struct history_prevented *row = row_at(PREVENTED, i);
        if (row->symbol != symbol || row->taker_order_id != taker_order_id)
            continue;
        sum.count++;
        sum.taker_qty += row->taker_qty;
        sum.maker_qty += row->maker_qty;
        sum.of_two |= row->taker_user != row->maker_user;
    }
    return sum;
}

/* An order's are as many as it counts, and the last one has made its quantity. */
static void check_order_amended(const struct ledger_order *order, int64_t qty)
{
    const struct history_amendment *last = seen.amendment[order->symbol][order->order_id];
    if (seen.amendments[order->symbol][order->order_id] != order->amends ||
        (last && last->qty != qty))
        fail("the history has other amendments than an order");
}

/* What a done order's row must be. */
static void check_order_row(struct account_shard *account, const struct ledger_order *order)
{
    struct order_view view;
    order_view(account, order, &view);
    const struct history_order *row =
        view.order_id && view.order_id <= OPS_MAX ? seen.order[view.symbol][view.order_id] : NULL;
    if (!row)
        fail("the history lacks an order that is done");
    if (row->status != view.status || row->executed != view.executed ||
        row->cum_quote != view.cum_quote || row->qty != view.qty || row->price != view.price ||
        row->trades != view.trades || row->time_us != view.time_us ||
        row->updated_us != view.updated_us || row->working_us != view.working_us ||
        row->stop != view.stop || row->iceberg != view.iceberg ||
        row->trail_bips != view.trail_bips || row->side != view.side ||
        row->list_id != view.list_id || row->expiry != view.expiry ||
        row->has_strategy_id != view.strategy.has_id || row->strategy_id != view.strategy.id ||
        row->strategy_type != view.strategy.type || row->client_length != view.client_length ||
        memcmp(row->client_id, view.client_id, view.client_length) != 0)
        fail("the history has another order than its ledger");
    check_order_amended(order, view.qty);
    if (row->prevented != view.prevented || row->prevented_id != view.prevented_id ||
        seen.given_up[view.symbol][view.order_id] != view.prevented)
        fail("the history has other prevented matches than an order");
}

static void check_orders(const struct exchange *ex)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < store.table[ORDERS].count; i++) {
        const struct history_order *row = row_at(ORDERS, i);
        if (row->order_id == 0 || row->order_id > OPS_MAX || seen.order[row->symbol][row->order_id])
            fail("the history has an order twice");
        seen.order[row->symbol][row->order_id] = row;
    }
    for (uint32_t user = 1; user <= USERS_MAX; user++) {
        struct account_shard *account = ex->account[exchange_user_shard(ex, user) - 1];
        uint32_t slot = ledger_user_find(account->ledger, user);
        uint32_t at = slot ? ledger_user(account->ledger, slot)->done_head : 0;
        for (; at; at = ledger_order(account->ledger, at)->next, done++)
            check_order_row(account, ledger_order(account->ledger, at));
    }
    if (done != store.table[ORDERS].count)
        fail("the history has an order that is not done");
}

static const struct history_list *find_list(uint32_t user, uint64_t list_id)
{
    for (uint32_t i = 0; i < store.table[LISTS].count; i++) {
        const struct history_list *row = row_at(LISTS, i);
        if (row->user == user && row->list_id == list_id)
            return row;
    }
    return NULL;
}

/* A list that is done is there once, and its orders, under their names, are done. */
static void check_list_row(const struct history_list *row)
{
    if (!row->list_id || find_list(row->user, row->list_id) != row)
        fail("the history has an order list twice");
    if (row->kind >= LIST_KINDS || row->count != (row->kind == LIST_OTOCO ? 3 : 2))
        fail("the history has an order list of no kind");
    for (uint32_t i = 0; i < row->count; i++) {
        const struct history_list_order *part = &row->order[i];
        const struct history_order *order =
            part->order_id <= OPS_MAX ? seen.order[row->symbol][part->order_id] : NULL;
        if (!order || order->user != row->user || order->list_id != row->list_id ||
            order->client_length != part->client_length ||
            memcmp(order->client_id, part->client_id, part->client_length) != 0)
            fail("the history has an order list whose orders are not done, or others");
        if (order->updated_us > row->time_us)
            fail("the history has an order list that ended before an order of it");
    }
}

static bool is_part(const struct history_list *row, const struct history_order *order)
{
    for (uint32_t i = 0; i < row->count; i++)
        if (row->symbol == order->symbol && row->order[i].order_id == order->order_id)
            return true;
    return false;
}

/* Whether an order of the list is not done. */
static bool list_is_open(const struct exchange *ex, uint32_t user, uint64_t list_id)
{
    struct account_shard *account = ex->account[exchange_user_shard(ex, user) - 1];
    uint32_t at = ledger_user(account->ledger, ledger_user_find(account->ledger, user))->positions;
    for (; at; at = ledger_position(account->ledger, at)->next)
        for (uint32_t slot = ledger_position(account->ledger, at)->head; slot;
             slot = ledger_order(account->ledger, slot)->next) {
            struct order_view view;
            order_view(account, ledger_order(account->ledger, slot), &view);
            if (view.list_id == list_id)
                return true;
        }
    return false;
}

/* An order that is done is of a list that is, too, or that has another order. */
static void check_lists(const struct exchange *ex)
{
    for (uint32_t i = 0; i < store.table[LISTS].count; i++)
        check_list_row(row_at(LISTS, i));
    for (uint32_t i = 0; i < store.table[ORDERS].count; i++) {
        const struct history_order *row = row_at(ORDERS, i);
        const struct history_list *list = row->list_id ? find_list(row->user, row->list_id) : NULL;
        if (list && !is_part(list, row))
            fail("the history has an order of a list that does not name it");
        if (row->list_id && !list && !list_is_open(ex, row->user, row->list_id))
            fail("the history lacks an order list that is done");
    }
    for (uint32_t i = 0; i < store.table[FILLS].count; i++) {
        const struct history_fill *fill = row_at(FILLS, i);
        const struct history_order *order =
            fill->order_id <= OPS_MAX ? seen.order[fill->symbol][fill->order_id] : NULL;
        if (order && order->list_id != fill->list_id)
            fail("the history has a fill of another list than its order");
    }
}

/* The newest row of each candle, in the order of their times. */
static const struct history_candle *next_candle(uint16_t symbol, uint32_t width, uint32_t *at)
{
    const struct history_candle *row, *found = NULL;
    for (; (row = row_at(CANDLES, *at)); ++*at)
        if (row->symbol == symbol && row->width == width) {
            if (found && row->open_us != found->open_us)
                return found;
            found = row;
        }
    return found;
}

static void check_candle(const struct history_candle *want, uint32_t *at)
{
    if (!want->trades)
        return;
    const struct history_candle *got = next_candle(want->symbol, want->width, at);
    if (!got || got->open_us != want->open_us || got->open != want->open ||
        got->high != want->high || got->low != want->low || got->close != want->close ||
        got->base != want->base || got->quote != want->quote ||
        got->taker_base != want->taker_base || got->taker_quote != want->taker_quote ||
        got->first_trade != want->first_trade || got->last_trade != want->last_trade ||
        got->trades != want->trades)
        fail("the history has another candle than its trades make");
}

static void check_candles(uint16_t symbol, uint32_t width)
{
    struct history_candle want = {0};
    uint32_t at = 0;
    for (uint64_t id = 1; id <= seen.trades[symbol]; id++) {
        const struct history_trade *trade = seen.trade[symbol][id];
        int64_t open_us = trade->time_us - trade->time_us % (width * 1000000ll);
        int64_t taker = trade->buyer_is_maker ? 0 : 1;
        if (!want.trades || want.open_us != open_us) {
            check_candle(&want, &at);
            want = (struct history_candle){.open_us = open_us,
                                           .open = trade->price,
                                           .high = trade->price,
                                           .low = trade->price,
                                           .first_trade = id,
                                           .width = width,
                                           .symbol = symbol};
        }
        want.high = trade->price > want.high ? trade->price : want.high;
        want.low = trade->price < want.low ? trade->price : want.low;
        want.close = trade->price;
        want.base += trade->qty;
        want.quote += trade->quote;
        want.taker_base += taker * trade->qty;
        want.taker_quote += taker * trade->quote;
        want.last_trade = id;
        want.trades++;
    }
    check_candle(&want, &at);
    if (next_candle(symbol, width, &at))
        fail("the history has a candle without trades");
}

static void check_names(const struct exchange *ex)
{
    const struct control_shard *control = ex->control;
    if (store.table[SYMBOLS].count != control->symbols_count ||
        store.table[ASSETS].count != control->assets_count)
        fail("the history does not name every symbol and asset once");
    for (uint16_t i = 0; i < control->symbols_count; i++) {
        const struct named *row = row_at(SYMBOLS, i);
        const struct symbol_config *symbol = &control->symbols[i];
        if (row->number != i || strncmp(row->name, symbol->name, HISTORY_NAME) != 0 ||
            row->base != symbol->base || row->quote != symbol->quote)
            fail("the history has another symbol");
    }
}

static void check_markets(const struct exchange *ex)
{
    for (uint16_t s = 0; s < ex->control->symbols_count; s++) {
        uint16_t id = exchange_symbol_shard(ex, ex->control->symbols[s].name);
        const struct market_shard *market = ex->market[id - exchange_market_id(ex, 0)];
        if (seen.trades[s] != market->symbols[s].trades.newest)
            fail("the history does not end at the newest trade");
        for (uint32_t i = 0; i < WIDTHS_KEPT; i++)
            check_candles(s, widths_kept[i]);
    }
}

/* The store against an exchange that is where its cursor is. At rest every trade has both fills. */
static void check_all(const struct exchange *ex, bool at_rest)
{
    memset(&seen, 0, sizeof seen);
    for (uint32_t i = 0; i < store.table[TRADES].count; i++)
        check_trade_row(row_at(TRADES, i));
    for (uint32_t i = 0; i < store.table[FILLS].count; i++)
        check_fill_row(ex, row_at(FILLS, i));
    if (at_rest && store.table[FILLS].count != 2 * store.table[TRADES].count)
        fail("the history lacks a fill");
    check_entries_of_fills(ex);
    check_balances(ex);
    check_amendments();
    check_prevented();
    check_orders(ex);
    check_lists(ex);
    check_markets(ex);
    check_names(ex);
    counts.checks++;
    for (uint32_t i = 0; i < TABLES; i++)
        counts.rows += store.table[i].count;
}

void sim_history_check(const struct exchange *ex, bool skipped)
{
    if (!following)
        return;
    catch_up();
    check_all(ex, !skipped);
}

uint32_t sim_history_removed(void)
{
    return (uint32_t)atomic_load(&follower.segments_removed);
}

bool sim_history_print(void)
{
    printf("sim: history: %lu times compared, %lu rows, %lu transactions lost in crashes, %lu "
           "failures of the store, %lu of the disk to read, %lu snapshots made, %lu times a match "
           "that a group prevented\n",
           counts.checks, counts.rows, counts.lost, counts.failures, counts.unread,
           counts.snapshots, counts.of_two);
    return counts.checks && counts.lost && counts.failures && counts.unread && counts.snapshots &&
           counts.of_two;
}
