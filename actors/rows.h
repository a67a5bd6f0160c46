/* rows.h - what a projection is told of: every trade, every user's fills, prevented matches,
 * amendments, orders that are done, money in and out.
 *
 * Thread:  that of the exchange that has a sink: one that folds the durable journal beside the one
 * that serves, which has none, so the order path pays a comparison.
 * Holds:   rows are a function of the journal alone, so the same records give the same rows.
 */
#ifndef ROWS_H
#define ROWS_H

#include "actors/msg/request.h"

struct row_trade { /* of a market */
    uint64_t trade_id, agg_id, maker_order_id, taker_order_id;
    int64_t price, qty, quote, time_us; /* atoms */
    uint16_t symbol;
    bool buyer_is_maker;
};

struct row_money { /* a deposit, or a withdrawal (below zero) */
    int64_t amount, free, time_us;
    uint32_t user;
    uint16_t asset;
};

struct rows {
    void *self;
    void (*trade)(void *self, const struct row_trade *trade);
    void (*fill)(void *self, uint32_t user, const struct trade_view *fill);
    void (*order)(void *self, uint32_t user, const struct order_view *order); /* is done */
    void (*prevented)(void *self, uint32_t taker_user, uint32_t maker_user,
                      const struct prevented_view *match);
    void (*amend)(void *self, uint32_t user, const struct amend_view *amend);
    void (*list)(void *self, uint32_t user, const struct list_view *list); /* is done */
    void (*money)(void *self, const struct row_money *money);
};

#endif
