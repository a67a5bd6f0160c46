/* user_event.h - what one input of an account shard did to one user's orders and money: the pool
 * block that a class 4 message MSG_EVENT names.
 *
 * Thread:  written by the account shard's core, read by one ingress core, which gives it back.
 * Journal: never: events are output, made again by nobody.
 * Units:   atoms and microseconds.
 */
#ifndef USER_EVENT_H
#define USER_EVENT_H

#include "actors/msg/request.h"

enum execution { /* Binance's execution types that can occur */
                 EXECUTION_NEW,
                 EXECUTION_CANCELED,
                 EXECUTION_REJECTED, /* the new order of a Replace whose cancel succeeded */
                 EXECUTION_TRADE,
                 EXECUTION_EXPIRED,
                 EXECUTION_TRADE_PREVENTION,
                 EXECUTION_REPLACED, /* an Amend */
                 EXECUTION_COUNT
};

/* An order after one execution. Of REJECTED the view's order id is 0 and its status means nothing.
 */
struct order_event {
    struct order_view order;
    struct trade_view trade; /* TRADE */
    uint64_t id;             /* of the execution; grows with each of a user */
    /* TRADE_PREVENTION: what it took, at what price, and the order that was met */
    int64_t prevented, prevented_price;
    uint64_t counter_order_id;
    uint16_t reject; /* REJECTED; EXPIRED instead of being placed: enum reject */
    uint8_t execution, cancel_length;
    /* CANCELED: of the request that did it; of an amended order, REPLACED or EXPIRED: its id before
     */
    char cancel_id[CLIENT_ID_BYTES];
};

/* Reports of one input: NEW and TRADE of a taker's first fill; what a Replace's old order came to
 * and REJECTED of its new one; NEW and TRADE, or an end, of a list's working order, and what that
 * means to each of the two pending. Assets: the two of a symbol. Lists: one that begins and ends.
 */
enum { USER_EVENT_ORDERS = 4, USER_EVENT_BALANCES = 2, USER_EVENT_LISTS = 2 };

struct user_event {
    uint32_t user;
    uint8_t orders, balances, lists; /* how many of each follow */
    bool moved;                      /* by a deposit or withdrawal: `amount` of balance[0].asset */
    int64_t amount, ts_us;           /* ts_us: of the account shard's record */
    uint64_t shard_seq;              /* of that record: for the simulator's checks */
    struct balance_view balance[USER_EVENT_BALANCES]; /* as they are now */
    struct list_view list[USER_EVENT_LISTS];          /* begun, or ended; told behind the orders */
    struct order_event order[USER_EVENT_ORDERS];
};
_Static_assert(sizeof(struct user_event) <= REPLY_BLOCK_BYTES, "fits its block");

#endif
