#include "tests/sim/sim_told.h"

#include <stdio.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/market_shard.h"
#include "actors/msg/msg.h"
#include "tests/sim/sim.h"

enum { IDS_MAX = 1 << 15 };

static struct told {
    uint64_t trades[SYMBOLS_MAX];  /* the newest one */
    uint64_t told_id[SYMBOLS_MAX]; /* the newest update that anybody was told */
    uint64_t seen_id[SYMBOLS_MAX]; /* that the shard was last looked at */
    uint64_t newest_id[SYMBOLS_MAX];
    uint64_t book[SYMBOLS_MAX][IDS_MAX]; /* hash | 1, by update id; 0: not known */
    struct told_trade trade[SYMBOLS_MAX][OPS_MAX + 1];
    struct copy copy[CORES_MAX][SYMBOLS_MAX]; /* of all that was told to a core */
} told;

static struct {
    uint64_t books, unseen;
} counts;

/* ---- books ---- */

static uint64_t level_hash(uint32_t side, int64_t price, int64_t qty)
{
    return qty ? hash_mix(hash_mix((uint64_t)price * 2 + side) + (uint64_t)qty) : 0;
}

void copy_set(struct copy *copy, uint32_t side, int64_t price, int64_t qty)
{
    uint32_t i = 0, *count = &copy->count[side];
    while (i < *count && copy->level[side][i].price != price)
        i++;
    int64_t before = i < *count ? copy->level[side][i].qty : 0;
    copy->hash += level_hash(side, price, qty) - level_hash(side, price, before);
    if (i == *count && qty) {
        ASSERT(*count < COPY_LEVELS);
        copy->level[side][(*count)++].price = price;
    }
    if (qty)
        copy->level[side][i].qty = qty;
    else if (i < *count)
        copy->level[side][i] = copy->level[side][--*count];
}

int64_t copy_qty(const struct copy *copy, uint32_t side, int64_t price)
{
    for (uint32_t i = 0; i < copy->count[side]; i++)
        if (copy->level[side][i].price == price)
            return copy->level[side][i].qty;
    return 0;
}

int64_t copy_next(const struct copy *copy, uint32_t side, int64_t price)
{
    int64_t best = 0;
    for (uint32_t i = 0; i < copy->count[side]; i++) {
        int64_t at = copy->level[side][i].price;
        bool behind = !price || (side == SIDE_BUY ? at < price : at > price);
        if (behind && (!best || (side == SIDE_BUY ? at > best : at < best)))
            best = at;
    }
    return best;
}

static const struct market_shard *shard_of(const struct exchange *ex, uint16_t symbol)
{
    uint16_t id = exchange_symbol_shard(ex, ex->control->symbols[symbol].name);
    return ex->market[id - exchange_market_id(ex, 0)];
}

/* A level is told when the match leaves it: until then the book is between two update ids. */
static bool in_match(const struct market_shard *shard, uint16_t symbol)
{
    return shard->matching == &shard->symbols[symbol];
}

static uint64_t book_digest(const struct book *book, const struct money_spec *spec)
{
    uint64_t hash = 0;
    for (uint32_t side = 0; side < 2; side++) {
        int64_t price = book_first_price(side), qty;
        while (book_next_level(book, side, &price, &qty))
            hash += level_hash(side, price * spec->tick_atoms, qty * spec->lot_atoms);
    }
    return hash | 1;
}

/* The book at an update id is one book, whoever has it. */
static void note_book(uint16_t symbol, uint64_t id, uint64_t hash, const char *wrong)
{
    uint64_t *known = &told.book[symbol][id];
    if (id >= IDS_MAX)
        fail("more updates than the simulator keeps");
    if (*known && *known != hash)
        fail(wrong);
    *known = hash;
    if (id > told.newest_id[symbol])
        told.newest_id[symbol] = id;
}

void told_books(const struct exchange *ex, uint16_t core)
{
    for (uint16_t i = 0; i < ex->config.market_shards; i++) {
        const struct market_shard *shard = ex->market[i];
        if (shard->shard.actor.core->id != core)
            continue;
        for (uint16_t k = 0; k < shard->listed_count; k++) {
            uint16_t s = shard->listed[k];
            const struct book *book = shard->symbols[s].book;
            if (!book || book_update_id(book) == told.seen_id[s] || in_match(shard, s))
                continue;
            told.seen_id[s] = book_update_id(book);
            note_book(s, told.seen_id[s], book_digest(book, &shard->symbols[s].spec),
                      "a book is told otherwise than its shard has it");
        }
    }
}

/* ---- trades ---- */

static void note_trade(uint16_t symbol, uint64_t id, struct told_trade trade)
{
    if (id == 0 || id > OPS_MAX || id > told.trades[symbol] + 1)
        fail("a trade is told before the one before it");
    struct told_trade *known = &told.trade[symbol][id], *last = known - 1;
    bool same =
        last->there && last->taker_order_id == trade.taker_order_id && last->price == trade.price;
    trade.agg_id = last->agg_id + !same;
    trade.there = true;
    if (known->there &&
        (known->price != trade.price || known->qty != trade.qty || known->quote != trade.quote ||
         known->time_us != trade.time_us || known->taker_order_id != trade.taker_order_id ||
         known->buyer_is_maker != trade.buyer_is_maker))
        fail("a trade is told again, and otherwise");
    *known = trade;
    if (id > told.trades[symbol])
        told.trades[symbol] = id;
}

const struct told_trade *told_trade(uint16_t symbol, uint64_t id)
{
    bool there = id <= OPS_MAX && told.trade[symbol][id].there;
    return there ? &told.trade[symbol][id] : NULL;
}

static int64_t quote_of(int64_t price, int64_t qty)
{
    return (int64_t)((__int128)price * qty / MONEY_ATOMS_PER_UNIT);
}

/* What of trades the recovered market knows: all that were told, and those that nobody was. */
static void load_trades(uint16_t symbol, const struct market_symbol *market)
{
    const struct trade_ring *ring = &market->trades;
    if (ring->newest < told.trades[symbol])
        fail("a trade that was told is gone");
    for (uint64_t id = ring->newest - trade_ring_count(ring) + 1; id <= ring->newest; id++) {
        const struct recent_trade *trade = trade_ring_at(ring, id);
        int64_t price = trade->price_ticks * market->spec.tick_atoms;
        int64_t qty = trade->qty_lots * market->spec.lot_atoms;
        note_trade(symbol, id,
                   (struct told_trade){.price = price,
                                       .qty = qty,
                                       .quote = quote_of(price, qty),
                                       .time_us = trade->ts_us,
                                       .taker_order_id = trade->taker_order_id,
                                       .buyer_is_maker = trade->buyer_is_maker});
    }
}

/* ---- lives ---- */

void told_forget(void)
{
    memset(&told, 0, sizeof told);
}

/* What was told of the book is in the one that was recovered, and what was not is forgotten. */
static void load_id(uint16_t symbol, uint64_t id)
{
    if (id < told.told_id[symbol])
        fail("an update that was told is gone");
    for (uint64_t gone = id + 1; gone <= told.newest_id[symbol]; gone++)
        told.book[symbol][gone] = 0; /* that life did not happen */
    told.seen_id[symbol] = told.newest_id[symbol] = id;
}

static void load_book(const struct exchange *ex, uint16_t symbol)
{
    const struct market_shard *shard = shard_of(ex, symbol);
    const struct market_symbol *market = &shard->symbols[symbol];
    uint64_t id = market->book ? book_update_id(market->book) : 0;
    load_id(symbol, id);
    if (!market->book)
        return;
    if (!in_match(shard, symbol))
        note_book(symbol, id, book_digest(market->book, &market->spec),
                  "a recovered book differs from what was told");
    load_trades(symbol, market);
    for (uint16_t c = 0; c < ex->config.cores; c++) {
        struct copy *copy = &told.copy[c][symbol];
        copy->id = id;
        for (uint32_t side = 0; side < 2; side++) {
            int64_t price = book_first_price(side), qty;
            while (book_next_level(market->book, side, &price, &qty))
                copy_set(copy, side, price * market->spec.tick_atoms, qty * market->spec.lot_atoms);
        }
    }
}

void told_load(const struct exchange *ex)
{
    memset(told.copy, 0, ex->config.cores * sizeof *told.copy);
    for (uint16_t s = 0; s < SYMBOLS_MAX; s++)
        if (s < ex->control->symbols_count)
            load_book(ex, s);
        else
            load_id(s, 0);
}

static void fold_level(uint16_t core, const struct symbol_config *config, const struct msg *msg)
{
    struct copy *copy = &told.copy[core][msg->symbol];
    uint64_t id = msg->level.update_id;
    if (id != copy->id + 1)
        fail("an update is told out of order");
    copy->id = id;
    copy_set(copy, msg->level.side, msg->level.price_ticks * config->tick_atoms,
             msg->level.qty_lots * config->step_atoms);
    counts.unseen += !told.book[msg->symbol][id < IDS_MAX ? id : 0];
    counts.books++;
    note_book(msg->symbol, id, copy->hash | 1, "what is told does not make the book of its shard");
    if (id > told.told_id[msg->symbol])
        told.told_id[msg->symbol] = id;
}

void told_message(uint16_t core, const struct symbol_config *config, const struct msg *msg)
{
    if (msg->type == MSG_LEVEL)
        fold_level(core, config, msg);
    else
        note_trade(msg->symbol, msg->trade.trade_id,
                   (struct told_trade){.price = msg->trade.price_ticks * config->tick_atoms,
                                       .qty = msg->trade.qty_lots * config->step_atoms,
                                       .quote = msg->trade.quote_atoms,
                                       .time_us = msg->ts_us,
                                       .taker_order_id = msg->trade.taker_order_id,
                                       .buyer_is_maker = !(msg->flags & MSG_BUY)});
}

const struct copy *told_copy(uint16_t core, uint16_t symbol)
{
    return &told.copy[core][symbol];
}

bool told_is_book(uint16_t symbol, const struct copy *copy)
{
    return told.book[symbol][copy->id] == (copy->hash | 1);
}

bool told_print(void)
{
    printf("sim: told: %lu books compared at their ids, %lu of them told before they were seen\n",
           counts.books, counts.unseen);
    return counts.books > counts.unseen;
}
