#include "history_feed.h"

#include <stdlib.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "runtime/check.h"
#include "runtime/log.h"

enum { WIDTHS = 4 };

static const uint32_t widths[WIDTHS] = {HISTORY_SECOND, HISTORY_MINUTE, HISTORY_HOUR, HISTORY_DAY};

struct feed_candles {
    struct history_candle candle[WIDTHS];
    bool known; /* read from the store, or begun here */
    bool touched;
};

/* Every write goes through here: after the first that fails, none is tried. */
static void check(struct history_feed *feed, bool ok)
{
    if (ok || feed->failed)
        return;
    feed->failed = true;
    log_error("history_failed", "The history cannot be written; trading goes on without it.",
              log_text("error", history_error(feed->store)),
              log_number("cursor", (int64_t)atomic_load(&feed->cursor)));
}

static void wrote(struct history_feed *feed, bool ok)
{
    check(feed, ok);
    atomic_fetch_add_explicit(&feed->rows_written, ok, memory_order_relaxed);
}

/* Whether rows may be written; opens the transaction. */
static bool ready(struct history_feed *feed)
{
    if (!feed->open && !feed->failed) {
        check(feed, feed->store->ops->begin(feed->store));
        feed->open = !feed->failed;
    }
    return !feed->failed;
}

/* ---- candles ---- */

/* The newest candle of each width, as the store has them. */
static void candles_load(struct history_feed *feed, uint16_t symbol, struct feed_candles *candles)
{
    candles->known = true;
    if (BUG(51)) /* 51: a candle that the store has the beginning of begins anew */
        return;
    for (uint32_t i = 0; i < WIDTHS; i++) {
        const struct history_ask ask = {.symbol = symbol, .width = widths[i], .limit = 1};
        uint32_t count;
        candles->candle[i] = (struct history_candle){0};
        check(feed, feed->store->ops->candles(feed->store, &ask, &candles->candle[i], &count));
    }
}

static void candle_trade(struct history_candle *candle, uint32_t width, const struct row_trade *row)
{
    int64_t width_us = (int64_t)width * 1000000, open_us = row->time_us / width_us * width_us;
    if (candle->trades == 0 || candle->open_us != open_us)
        *candle = (struct history_candle){.open_us = open_us,
                                          .open = row->price,
                                          .high = row->price,
                                          .low = row->price,
                                          .first_trade = row->trade_id,
                                          .width = width,
                                          .symbol = row->symbol};
    if (row->price > candle->high)
        candle->high = row->price;
    if (row->price < candle->low)
        candle->low = row->price;
    candle->close = row->price;
    candle->base += row->qty;
    candle->quote += row->quote;
    candle->taker_base += row->buyer_is_maker ? 0 : row->qty;
    candle->taker_quote += row->buyer_is_maker ? 0 : row->quote;
    candle->last_trade = row->trade_id;
    candle->trades++;
}

static void candles_put(struct history_feed *feed, struct feed_candles *candles)
{
    for (uint32_t i = 0; i < WIDTHS && !feed->failed; i++)
        wrote(feed, feed->store->ops->put_candle(feed->store, &candles->candle[i]));
}

/* A trade that begins a new candle of some width writes those that it ends. */
static void candles_trade(struct history_feed *feed, const struct row_trade *row)
{
    struct feed_candles *candles = &feed->candles[row->symbol];
    if (!candles->known)
        candles_load(feed, row->symbol, candles);
    int64_t second_us = HISTORY_SECOND * 1000000ll;
    if (candles->touched && candles->candle[0].open_us != row->time_us / second_us * second_us)
        candles_put(feed, candles);
    for (uint32_t i = 0; i < WIDTHS; i++)
        candle_trade(&candles->candle[i], widths[i], row);
    if (!candles->touched)
        feed->touched[feed->touched_count++] = row->symbol;
    candles->touched = true;
}

/* ---- rows ---- */

static void on_trade(void *self, const struct row_trade *row)
{
    struct history_feed *feed = self;
    if (!ready(feed))
        return;
    wrote(feed, feed->store->ops->add_trade(
                    feed->store, &(struct history_trade){.trade_id = row->trade_id,
                                                         .agg_id = row->agg_id,
                                                         .maker_order_id = row->maker_order_id,
                                                         .taker_order_id = row->taker_order_id,
                                                         .price = row->price,
                                                         .qty = row->qty,
                                                         .quote = row->quote,
                                                         .time_us = row->time_us,
                                                         .symbol = row->symbol,
                                                         .buyer_is_maker = row->buyer_is_maker}));
    candles_trade(feed, row);
}

static void entry(struct history_feed *feed, struct history_entry row)
{
    row.lsn = feed->lsn;
    row.number = feed->entries++;
    if (row.amount && !feed->failed)
        wrote(feed, feed->store->ops->add_entry(feed->store, &row));
}

/* What a fill does to the user's two balances, and its fee. */
static void fill_entries(struct history_feed *feed, uint32_t user, const struct trade_view *fill)
{
    const struct symbol_config *symbol = &feed->ex->control->symbols[fill->symbol];
    bool buy = fill->side == SIDE_BUY;
    struct history_entry row = {.kind = HISTORY_TRADE,
                                .order_id = fill->order_id,
                                .trade_id = fill->trade_id,
                                .time_us = fill->time_us,
                                .user = user,
                                .symbol = fill->symbol};
    row.asset = symbol->base;
    row.amount = buy ? fill->qty : -fill->qty;
    entry(feed, row);
    row.asset = symbol->quote;
    row.amount = buy ? -fill->quote : fill->quote;
    entry(feed, row);
    row.kind = HISTORY_FEE;
    row.asset = fill->fee_asset;
    row.amount = -fill->fee;
    entry(feed, row);
}

static void on_fill(void *self, uint32_t user, const struct trade_view *fill)
{
    struct history_feed *feed = self;
    if (!ready(feed))
        return;
    wrote(feed, feed->store->ops->add_fill(feed->store,
                                           &(struct history_fill){.trade_id = fill->trade_id,
                                                                  .order_id = fill->order_id,
                                                                  .list_id = fill->list_id,
                                                                  .price = fill->price,
                                                                  .qty = fill->qty,
                                                                  .quote = fill->quote,
                                                                  .fee = fill->fee,
                                                                  .time_us = fill->time_us,
                                                                  .user = user,
                                                                  .symbol = fill->symbol,
                                                                  .fee_asset = fill->fee_asset,
                                                                  .side = fill->side,
                                                                  .maker = fill->maker}));
    fill_entries(feed, user, fill);
}

static void on_order(void *self, uint32_t user, const struct order_view *order)
{
    struct history_feed *feed = self;
    struct history_order row = {.order_id = order->order_id,
                                .price = order->price,
                                .qty = order->qty,
                                .executed = order->executed,
                                .quote_qty = order->quote_qty,
                                .cum_quote = order->cum_quote,
                                .time_us = order->time_us,
                                .updated_us = order->updated_us,
                                .stop = order->stop,
                                .iceberg = order->iceberg,
                                .trail_bips = order->trail_bips,
                                .working_us = order->working_us,
                                .user = user,
                                .trades = order->trades,
                                .symbol = order->symbol,
                                .side = order->side,
                                .type = order->type,
                                .tif = order->tif,
                                .stp = order->stp,
                                .status = order->status,
                                .client_length = order->client_length,
                                .prevented = order->prevented,
                                .prevented_id = order->prevented_id,
                                .list_id = order->list_id,
                                .expiry = order->expiry,
                                .has_strategy_id = order->strategy.has_id,
                                .strategy_id = order->strategy.id,
                                .strategy_type = order->strategy.type};
    _Static_assert(sizeof row.client_id == sizeof order->client_id, "the same ids");
    memcpy(row.client_id, order->client_id, sizeof row.client_id);
    if (ready(feed))
        wrote(feed, feed->store->ops->add_order(feed->store, &row));
}

static void on_list(void *self, uint32_t user, const struct list_view *list)
{
    struct history_feed *feed = self;
    struct history_list row = {.list_id = list->list_id,
                               .time_us = list->time_us,
                               .user = user,
                               .symbol = list->symbol,
                               .kind = list->kind,
                               .count = list->count,
                               .client_length = list->client_length};
    _Static_assert((int)HISTORY_LIST_ORDERS == (int)LIST_ORDERS_MAX, "as many orders");
    ASSERT(list->done && list->count <= LIST_ORDERS_MAX);
    memcpy(row.client_id, list->client_id, sizeof row.client_id);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct list_order *order = &list->order[i];
        row.order[i].order_id = order->order_id;
        row.order[i].client_length = order->client_length;
        memcpy(row.order[i].client_id, order->client_id, sizeof row.order[i].client_id);
    }
    if (ready(feed))
        wrote(feed, feed->store->ops->add_list(feed->store, &row));
}

static void on_prevented(void *self, uint32_t taker_user, uint32_t maker_user,
                         const struct prevented_view *match)
{
    struct history_feed *feed = self;
    const struct history_prevented row = {.match_id = match->match_id,
                                          .taker_order_id = match->taker_order_id,
                                          .maker_order_id = match->maker_order_id,
                                          .price = match->price,
                                          .taker_qty = match->taker_qty,
                                          .maker_qty = match->maker_qty,
                                          .time_us = match->time_us,
                                          .taker_user = taker_user,
                                          .maker_user = maker_user,
                                          .trade_group = match->trade_group,
                                          .symbol = match->symbol,
                                          .stp = match->stp};
    if (ready(feed))
        wrote(feed, feed->store->ops->add_prevented(feed->store, &row));
}

static void on_amend(void *self, uint32_t user, const struct amend_view *amend)
{
    struct history_feed *feed = self;
    const struct order_view *order = &amend->order;
    struct history_amendment row = {.order_id = order->order_id,
                                    .execution_id = amend->execution_id,
                                    .orig_qty = amend->orig_qty,
                                    .qty = order->qty,
                                    .time_us = amend->time_us,
                                    .user = user,
                                    .symbol = order->symbol,
                                    .orig_length = amend->orig_length,
                                    .client_length = order->client_length};
    memcpy(row.orig_client_id, amend->orig_client_id, sizeof row.orig_client_id);
    memcpy(row.client_id, order->client_id, sizeof row.client_id);
    if (ready(feed))
        wrote(feed, feed->store->ops->add_amendment(feed->store, &row));
}

static void on_money(void *self, const struct row_money *money)
{
    struct history_feed *feed = self;
    struct history_entry row = {.kind = money->amount < 0 ? HISTORY_WITHDRAWAL : HISTORY_DEPOSIT,
                                .amount = money->amount,
                                .time_us = money->time_us,
                                .user = money->user,
                                .asset = money->asset};
    if (ready(feed))
        entry(feed, row);
}

/* ---- the transaction ---- */

/* Symbols and assets that the store does not name yet; those of the store may be more already. */
static void name_things(struct history_feed *feed)
{
    const struct control_shard *control = feed->ex->control;
    for (; feed->assets < control->assets_count && ready(feed); feed->assets++)
        check(feed, feed->store->ops->add_asset(feed->store, feed->assets,
                                                control->assets[feed->assets]));
    for (; feed->symbols < control->symbols_count && ready(feed); feed->symbols++) {
        const struct symbol_config *symbol = &control->symbols[feed->symbols];
        check(feed, feed->store->ops->add_symbol(feed->store, feed->symbols, symbol->name,
                                                 symbol->base, symbol->quote));
    }
}

bool history_feed_begin(struct history_feed *feed, struct history *store, const struct exchange *ex)
{
    uint64_t cursor = 0;
    uint32_t symbols = ex->config.symbols_max;
    free(feed->candles);
    free(feed->touched);
    feed->store = store;
    feed->ex = ex;
    feed->rows = (struct rows){.self = feed,
                               .trade = on_trade,
                               .fill = on_fill,
                               .order = on_order,
                               .prevented = on_prevented,
                               .amend = on_amend,
                               .list = on_list,
                               .money = on_money};
    feed->candles = calloc(symbols, sizeof *feed->candles);
    feed->touched = calloc(symbols, sizeof *feed->touched);
    feed->touched_count = 0;
    feed->symbols = feed->assets = 0;
    feed->open = feed->failed = false;
    ASSERT(feed->candles != NULL && feed->touched != NULL);
    if (store)
        check(feed, store->ops->cursor(store, &cursor));
    atomic_store(&feed->cursor, cursor);
    return !feed->failed;
}

void history_feed_record(struct history_feed *feed, uint64_t lsn)
{
    feed->lsn = lsn;
    feed->entries = 0;
}

bool history_feed_commit(struct history_feed *feed, uint64_t lsn)
{
    name_things(feed);
    for (; feed->touched_count && !feed->failed; feed->touched_count--) {
        struct feed_candles *candles = &feed->candles[feed->touched[feed->touched_count - 1]];
        candles_put(feed, candles);
        candles->touched = false;
    }
    if (BUG(50) && feed->open &&
        !feed->failed) /* 50: the rows in one transaction, their cursor in the next */
        check(feed, feed->store->ops->commit(feed->store, atomic_load(&feed->cursor)) &&
                        feed->store->ops->begin(feed->store));
    if (ready(feed))
        check(feed, feed->store->ops->commit(feed->store, lsn));
    if (feed->failed)
        return false;
    feed->open = false;
    atomic_store(&feed->cursor, lsn);
    return true;
}

bool history_feed_sync(struct history_feed *feed)
{
    uint64_t cursor = atomic_load(&feed->cursor);
    if (!BUG(53)) /* 53: the journal is trimmed to what of the history is not synced */
        check(feed, feed->store->ops->sync(feed->store));
    if (!feed->failed)
        feed->synced = cursor;
    return !feed->failed;
}

void history_feed_end(struct history_feed *feed)
{
    if (feed->store && feed->open)
        feed->store->ops->rollback(feed->store);
    if (feed->store)
        feed->store->ops->close(feed->store);
    free(feed->candles);
    free(feed->touched);
    feed->candles = NULL;
    feed->touched = NULL;
    feed->store = NULL;
    feed->open = false;
}
