#include "actors/market_view.h"

#include <stdlib.h>
#include <string.h>

#include "actors/control_shard.h"
#include "actors/market_shard.h"
#include "actors/msg/msg.h"
#include "runtime/check.h"

void market_view_init(struct market_view *view, uint32_t symbols_max)
{
    view->symbols = calloc(symbols_max, sizeof *view->symbols);
    ASSERT(view->symbols != NULL);
    view->symbols_max = symbols_max;
}

void market_view_fini(struct market_view *view)
{
    for (uint32_t i = 0; i < view->symbols_max; i++) {
        free(view->symbols[i].side[0].level);
        free(view->symbols[i].side[1].level);
        free(view->symbols[i].trades.slot);
        market_stats_free(view->symbols[i].stats);
    }
    free(view->symbols);
    view->symbols = NULL;
}

/* Where the price is, or where it would be put: the first place that is not worse. */
static uint32_t place_of(const struct view_side *levels, uint32_t side, int64_t price)
{
    uint32_t low = 0, high = levels->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        int64_t at = levels->level[mid].price_ticks;
        bool worse = side == SIDE_BUY ? at < price : at > price;
        if (worse)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void level_set(struct view_side *levels, uint32_t side, int64_t price, int64_t qty)
{
    uint32_t at = place_of(levels, side, price);
    bool there = at < levels->count && levels->level[at].price_ticks == price;
    size_t behind = (levels->count - at) * sizeof *levels->level;
    if (there && qty) {
        levels->level[at].qty_lots = qty;
    } else if (there) {
        memmove(levels->level + at, levels->level + at + 1, behind - sizeof *levels->level);
        levels->count--;
    } else if (qty) {
        if (levels->count == levels->room) {
            levels->room = levels->room ? 2 * levels->room : 64;
            levels->level = realloc(levels->level, levels->room * sizeof *levels->level);
            ASSERT(levels->level != NULL);
        }
        memmove(levels->level + at + 1, levels->level + at, behind);
        levels->level[at] = (struct view_level){.price_ticks = price, .qty_lots = qty};
        levels->count++;
    }
}

/* The slots and statistics of a symbol that has traded. */
static struct trade_ring *ring_of(struct view_symbol *symbol)
{
    if (!symbol->trades.slot) {
        symbol->trades.slot = calloc(TRADES_KEPT, sizeof *symbol->trades.slot);
        ASSERT(symbol->trades.slot != NULL);
        symbol->stats = market_stats_new();
    }
    return &symbol->trades;
}

/* Trades of the oldest aggregate trade in a ring may have left it: it is not shown. */
static uint64_t shown_agg(const struct trade_ring *ring, const struct recent_trade *trade)
{
    uint64_t oldest = ring->newest - trade_ring_count(ring) + 1;
    return oldest > 1 && trade->agg_id == trade_ring_at(ring, oldest)->agg_id ? 0 : trade->agg_id;
}

void market_view_catch_up(struct market_view *view, uint16_t symbol, const struct money_spec *spec)
{
    const struct view_symbol *self = &view->symbols[symbol];
    const struct trade_ring *ring = &self->trades;
    if (!ring->newest)
        return;
    uint64_t id = ring->newest - trade_ring_count(ring) + 1;
    uint64_t known = market_stats_newest_trade(self->stats);
    for (id = known < id ? id : known + 1; id <= ring->newest; id++) {
        const struct recent_trade *trade = trade_ring_at(ring, id);
        struct stats_trade stats = {.trade_id = id,
                                    .agg_id = shown_agg(ring, trade),
                                    .price_ticks = trade->price_ticks,
                                    .qty_lots = trade->qty_lots,
                                    .ts_us = trade->ts_us,
                                    .buyer_is_maker = trade->buyer_is_maker};
        ASSERT(money_quote_floor(spec, trade->price_ticks, trade->qty_lots, &stats.quote_atoms));
        market_stats_fold(self->stats, &stats);
    }
}

void market_view_load(struct market_view *view, const struct exchange *ex)
{
    for (uint16_t s = 0; s < ex->control->symbols_count; s++) {
        uint16_t id = exchange_symbol_shard(ex, ex->control->symbols[s].name);
        const struct market_shard *shard = ex->market[id - exchange_market_id(ex, 0)];
        const struct book *book = market_shard_book(shard, s);
        const struct trade_ring *trades = &shard->symbols[s].trades;
        struct view_symbol *symbol = &view->symbols[s];
        if (!book) /* its configuration is still on the way */
            continue;
        symbol->update_id = book_update_id(book);
        symbol->last_price_ticks = book_last_price(book);
        if (trades->newest) {
            memcpy(ring_of(symbol)->slot, trades->slot, TRADES_KEPT * sizeof *trades->slot);
            symbol->trades.newest = trades->newest;
            market_view_catch_up(view, s, &shard->symbols[s].spec);
        }
        for (uint32_t side = 0; side < 2; side++) {
            int64_t price = book_first_price(side), qty;
            symbol->side[side].count = 0;
            while (book_next_level(book, side, &price, &qty))
                level_set(&symbol->side[side], side, price, qty);
        }
    }
}

static void fold_trade(struct view_symbol *symbol, const struct msg *msg)
{
    struct trade_ring *ring = ring_of(symbol);
    const struct recent_trade trade = {
        .id = msg->trade.trade_id,
        .agg_id = trade_ring_agg(ring, msg->trade.taker_order_id, msg->trade.price_ticks),
        .taker_order_id = msg->trade.taker_order_id,
        .price_ticks = msg->trade.price_ticks,
        .qty_lots = msg->trade.qty_lots,
        .ts_us = msg->ts_us,
        .buyer_is_maker = !(msg->flags & MSG_BUY),
    };
    symbol->last_price_ticks = trade.price_ticks;
    trade_ring_push(ring, &trade);
    market_stats_fold(symbol->stats, &(struct stats_trade){
                                         .trade_id = trade.id,
                                         .agg_id = trade.agg_id,
                                         .price_ticks = trade.price_ticks,
                                         .qty_lots = trade.qty_lots,
                                         .quote_atoms = msg->trade.quote_atoms,
                                         .ts_us = trade.ts_us,
                                         .buyer_is_maker = trade.buyer_is_maker,
                                     });
}

void market_view_fold(struct market_view *view, const struct msg *msg)
{
    ASSERT(msg->symbol < view->symbols_max);
    struct view_symbol *symbol = &view->symbols[msg->symbol];
    if (msg->type == MSG_TRADE) {
        fold_trade(symbol, msg);
        return;
    }
    ASSERT(msg->type == MSG_LEVEL);
    ASSERT(msg->level.update_id == symbol->update_id + 1);
    symbol->update_id = msg->level.update_id;
    level_set(&symbol->side[msg->level.side], msg->level.side, msg->level.price_ticks,
              msg->level.qty_lots);
}

const struct view_level *market_view_level(const struct market_view *view, uint16_t symbol,
                                           uint32_t side, uint32_t i)
{
    const struct view_side *levels = &view->symbols[symbol].side[side];
    return i < levels->count ? &levels->level[levels->count - 1 - i] : NULL;
}

int64_t market_view_qty(const struct market_view *view, uint16_t symbol, uint32_t side,
                        int64_t price_ticks)
{
    const struct view_side *levels = &view->symbols[symbol].side[side];
    uint32_t at = place_of(levels, side, price_ticks);
    bool there = at < levels->count && levels->level[at].price_ticks == price_ticks;
    return there ? levels->level[at].qty_lots : 0;
}

int64_t market_view_hint(const struct market_view *view, uint16_t symbol, uint32_t taker_side)
{
    const struct view_level *best = market_view_level(view, symbol, !taker_side, 0);
    return best ? best->price_ticks : view->symbols[symbol].last_price_ticks;
}
