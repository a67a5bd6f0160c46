/* trade_ring.h - the newest trades of a symbol: state of its market shard, and in every view.
 *
 * Thread:  the owner's.
 * Memory:  TRADES_KEPT slots of the owner; pages come when they are used.
 * Holds:   trade ids of a symbol are 1, 2, 3..., so an id names its slot. Aggregate trades count
 *          from 1 too: the newest trade's id is all that the next one's needs.
 */
#ifndef TRADE_RING_H
#define TRADE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/check.h"

enum { TRADES_KEPT = 1000 };

struct recent_trade {
    uint64_t id;
    uint64_t agg_id, taker_order_id; /* one aggregate trade per taker order and price */
    int64_t price_ticks, qty_lots, ts_us;
    bool buyer_is_maker;
};

struct trade_ring {
    struct recent_trade *slot; /* [TRADES_KEPT], by id % TRADES_KEPT */
    uint64_t newest;           /* 0: no trade yet */
};

static inline void trade_ring_push(struct trade_ring *ring, const struct recent_trade *trade)
{
    ASSERT(trade->id == ring->newest + 1);
    ring->slot[trade->id % TRADES_KEPT] = *trade;
    ring->newest = trade->id;
}

/* The aggregate trade that the next trade belongs to: the newest one's while one taker order goes
 * on at one price. */
static inline uint64_t trade_ring_agg(const struct trade_ring *ring, uint64_t taker_order_id,
                                      int64_t price_ticks)
{
    if (!ring->newest)
        return 1;
    const struct recent_trade *last = &ring->slot[ring->newest % TRADES_KEPT];
    bool same = last->taker_order_id == taker_order_id && last->price_ticks == price_ticks;
    return last->agg_id + !same;
}

/* How many there are to show, the newest at most TRADES_KEPT. */
static inline uint32_t trade_ring_count(const struct trade_ring *ring)
{
    return ring->newest < TRADES_KEPT ? (uint32_t)ring->newest : TRADES_KEPT;
}

/* The trade with this id: one of the newest trade_ring_count(). */
static inline const struct recent_trade *trade_ring_at(const struct trade_ring *ring, uint64_t id)
{
    ASSERT(id > ring->newest - trade_ring_count(ring) && id <= ring->newest);
    return &ring->slot[id % TRADES_KEPT];
}

#endif
