#include "actors/trade_ring.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct recent_trade slots[TRADES_KEPT];
static struct trade_ring ring;

static void setup(void)
{
    ring = (struct trade_ring){.slot = slots};
}

static void push(uint64_t id)
{
    trade_ring_push(&ring, &(struct recent_trade){.id = id, .qty_lots = (int64_t)id * 10});
}

TestSuite(trade_ring, .init = setup);

/* Method: after each of a good many trades, how many there are, and the oldest and newest. */
Test(trade_ring, keeps_the_newest)
{
    cr_assert_eq(trade_ring_count(&ring), 0);
    for (uint64_t id = 1; id <= 3 * TRADES_KEPT + 7; id++) {
        push(id);
        uint32_t count = id < TRADES_KEPT ? (uint32_t)id : TRADES_KEPT;
        cr_assert_eq(trade_ring_count(&ring), count);
        for (uint64_t shown = id - count + 1; shown <= id; shown += count > 1 ? count - 1 : 1) {
            cr_assert_eq(trade_ring_at(&ring, shown)->id, shown);
            cr_assert_eq(trade_ring_at(&ring, shown)->qty_lots, (int64_t)shown * 10);
        }
    }
}

/* Goal: trades in succession of one taker order at one price are one aggregate trade, and ids have
 * no gap. Method: a table of takers and prices, over more trades than the ring keeps. */
Test(trade_ring, aggregate_ids)
{
    static const struct {
        uint64_t taker;
        int64_t price;
        bool opens;
    } table[] = {{1, 5, true}, {1, 5, false}, {1, 6, true}, {1, 6, false}, {2, 6, true},
                 {3, 6, true}, {3, 5, true},  {3, 6, true}, {9, 7, true}};
    uint64_t agg = 0;
    for (uint64_t id = 1; id <= 2 * TRADES_KEPT + 5; id++) {
        size_t i = id % (sizeof table / sizeof *table);
        agg += table[i].opens || id == 1;
        struct recent_trade trade = {
            .id = id, .taker_order_id = table[i].taker, .price_ticks = table[i].price};
        trade.agg_id = trade_ring_agg(&ring, trade.taker_order_id, trade.price_ticks);
        cr_assert_eq(trade.agg_id, agg, "trade %lu", id);
        trade_ring_push(&ring, &trade);
    }
}

Test(trade_ring, a_gap_is_a_bug, .signal = SIGABRT)
{
    push(1);
    push(3);
}

Test(trade_ring, a_trade_that_is_gone_is_not_shown, .signal = SIGABRT)
{
    for (uint64_t id = 1; id <= TRADES_KEPT + 1; id++)
        push(id);
    trade_ring_at(&ring, 1);
}
