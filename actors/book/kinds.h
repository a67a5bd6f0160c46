/* kinds.h - the small enums of an order: side, type, time in force, self-trade prevention, what a
 * cancel asks of it, and a symbol's status. Their values are in the journal: append, never
 * renumber.
 *
 * Thread:  any.
 */
#ifndef KINDS_H
#define KINDS_H

#include <stdbool.h>
#include <stdint.h>

enum book_side { SIDE_BUY, SIDE_SELL };
enum book_type {
    TYPE_LIMIT,
    TYPE_MARKET,
    TYPE_LIMIT_MAKER,
    TYPE_STOP_LOSS, /* from here on: they wait for a price, then are MARKET or LIMIT orders */
    TYPE_STOP_LOSS_LIMIT,
    TYPE_TAKE_PROFIT,
    TYPE_TAKE_PROFIT_LIMIT,
    TYPE_COUNT
};
enum book_tif { TIF_GTC, TIF_IOC, TIF_FOK, TIF_COUNT };
enum book_stp {
    STP_NONE,
    STP_EXPIRE_TAKER,
    STP_EXPIRE_MAKER,
    STP_EXPIRE_BOTH,
    STP_DECREMENT, /* both give up what they would have traded */
    STP_COUNT
};
/* Which of its states an order may be in to be cancelled (Binance: cancelRestrictions). */
enum book_restriction {
    RESTRICT_NONE,
    RESTRICT_ONLY_NEW,
    RESTRICT_ONLY_PARTIALLY_FILLED,
    RESTRICT_COUNT
};
enum book_status { STATUS_TRADING, STATUS_HALT, STATUS_CANCEL_ONLY, STATUS_BREAK, STATUS_COUNT };

static inline bool type_waits(uint8_t type)
{
    return type >= TYPE_STOP_LOSS;
}

/* Takes any price, at once or when its trigger fires. */
static inline bool type_is_market(uint8_t type)
{
    return type == TYPE_MARKET || type == TYPE_STOP_LOSS || type == TYPE_TAKE_PROFIT;
}

static inline bool type_stops_loss(uint8_t type)
{
    return type == TYPE_STOP_LOSS || type == TYPE_STOP_LOSS_LIMIT;
}

/* Whether a type that waits is met by a price at or above its stop, not by one at or below. */
static inline bool type_waits_above(uint8_t type, uint8_t side)
{
    return type_stops_loss(type) == (side == SIDE_BUY);
}

/* Journaled. Of an OTO the orders are the working and the pending one; of an OCO the stop-loss leg
 * and the other one; of an OTOCO the working one, then the two pending as of an OCO. */
enum list_kind { LIST_OCO, LIST_OTO, LIST_OTOCO, LIST_KINDS };

enum { LIST_ORDERS_MAX = 3 };

static inline uint32_t list_orders(uint8_t kind)
{
    return kind == LIST_OTOCO ? 3 : 2;
}

/* Whether all but its first order wait until that is filled. */
static inline bool list_has_phases(uint8_t kind)
{
    return kind != LIST_OCO;
}

#endif
