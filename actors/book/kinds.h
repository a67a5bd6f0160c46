/* kinds.h - the small enums of an order: side, type, time in force, self-trade prevention, what a
 * cancel asks of it, and a symbol's status. Their values are in the journal: append, never
 * renumber.
 *
 * Thread:  any.
 */
#ifndef KINDS_H
#define KINDS_H

enum book_side { SIDE_BUY, SIDE_SELL };
enum book_type { TYPE_LIMIT, TYPE_MARKET, TYPE_LIMIT_MAKER, TYPE_COUNT };
enum book_tif { TIF_GTC, TIF_IOC, TIF_FOK, TIF_COUNT };
enum book_stp { STP_NONE, STP_EXPIRE_TAKER, STP_EXPIRE_MAKER, STP_EXPIRE_BOTH, STP_COUNT };
/* Which of its states an order may be in to be cancelled (Binance: cancelRestrictions). */
enum book_restriction {
    RESTRICT_NONE,
    RESTRICT_ONLY_NEW,
    RESTRICT_ONLY_PARTIALLY_FILLED,
    RESTRICT_COUNT
};
enum book_status { STATUS_TRADING, STATUS_HALT, STATUS_CANCEL_ONLY, STATUS_BREAK, STATUS_COUNT };

#endif
