/* reject.h - why an exchange says no: one enum for the cores; only http/ knows how Binance spells
 * it.
 *
 * Thread:  any.
 */
#ifndef REJECT_H
#define REJECT_H

#define REJECT_MAP(X)                                                                              \
    X(REJECT_NONE, "accepted")                                                                     \
    X(REJECT_PRICE_FILTER, "price is off the tick, or outside the symbol's price range")           \
    X(REJECT_LOT_SIZE, "quantity is off the step, or outside the symbol's lot range")              \
    X(REJECT_MARKET_LOT_SIZE, "market quantity is off the step, or outside its range")             \
    X(REJECT_NOTIONAL, "price times quantity is outside the symbol's notional range")              \
    X(REJECT_MAX_NUM_ORDERS, "the account has as many open orders as the symbol allows")           \
    X(REJECT_DUPLICATE_ORDER, "an open order has this client order id")                            \
    X(REJECT_NO_FUNDS, "free balance is below what the order would lock")                          \
    X(REJECT_UNKNOWN_SYMBOL, "no such symbol")                                                     \
    X(REJECT_UNKNOWN_USER, "no such user")                                                         \
    X(REJECT_UNKNOWN_ORDER, "no such open order to cancel")                                        \
    X(REJECT_NO_SUCH_ORDER, "no such order to show")                                               \
    X(REJECT_MARKET_CLOSED, "the symbol's status does not allow this")                             \
    X(REJECT_WOULD_MATCH, "a post-only order would trade at once")                                 \
    X(REJECT_BUSY, "a bounded queue or pool is full; nothing was recorded")                        \
    X(REJECT_BOOK_FULL, "the book has no room for another resting order")                          \
    X(REJECT_OVERFLOW, "an amount does not fit")                                                   \
    X(REJECT_REQUEST_ID_REUSED, "the request id was used with other content")                      \
    X(REJECT_NAME_TAKEN, "the name is taken")                                                      \
    X(REJECT_UNKNOWN_KEY, "no such API key")                                                       \
    X(REJECT_LIMIT, "a configured limit is reached")                                               \
    X(REJECT_TIMESTAMP, "the request is outside its recvWindow")                                   \
    X(REJECT_IDS_DISAGREE, "order id and client order id name different orders")                   \
    X(REJECT_QTY_INCREASE, "an amended order's quantity must not grow")                            \
    X(REJECT_NO_CHANGE, "the request would change nothing")                                        \
    X(REJECT_MAX_NUM_AMENDS, "the order was amended as often as an order may be")                  \
    X(REJECT_RESTRICTED, "the order is not in the state that the cancel asked for")                \
    X(REJECT_NOT_KEPT, "no such order among those the account keeps; history may have it")         \
    X(REJECT_NO_AMEND, "an order at market has no place in the book to keep")                      \
    X(REJECT_PAIR_PRICES, "the prices of a pair are not on the two sides of the last price")       \
    X(REJECT_WOULD_TRIGGER, "a stop price that the last price has reached already")                \
    X(REJECT_TRAILING_DELTA, "trailing delta is outside the symbol's range")                       \
    X(REJECT_ICEBERG_PARTS, "an iceberg order has more parts than the symbol allows")              \
    X(REJECT_MAX_NUM_ALGO_ORDERS, "the account has as many stop orders as the symbol allows")      \
    X(REJECT_MAX_NUM_ICEBERG_ORDERS, "the account has as many icebergs as the symbol allows")      \
    X(REJECT_MIN_NOTIONAL, "price times quantity is below the symbol's least notional")            \
    X(REJECT_PERCENT_PRICE, "price is too far from the mean price")                                \
    X(REJECT_PERCENT_PRICE_BY_SIDE, "price is too far from the mean price for its side")           \
    X(REJECT_MAX_POSITION, "the account would have more of the base asset than is allowed")        \
    X(REJECT_EXCHANGE_MAX_NUM_ORDERS, "the account has as many open orders as the exchange "       \
                                      "allows")                                                    \
    X(REJECT_EXCHANGE_MAX_NUM_ALGO_ORDERS, "the account has as many stop orders as is allowed")    \
    X(REJECT_EXCHANGE_MAX_NUM_ICEBERG_ORDERS, "the account has as many icebergs as is allowed")    \
    X(REJECT_ORDERS_10S, "the account has too many unfilled orders of these 10 seconds")           \
    X(REJECT_ORDERS_1D, "the account has too many unfilled orders of this day")                    \
    X(REJECT_GRID, "tick and step must be multiples of those the symbol was listed with")          \
    X(REJECT_DELISTED, "the symbol is delisted")                                                   \
    X(REJECT_UNKNOWN_LIST, "no such open order list to cancel")                                    \
    X(REJECT_NO_SUCH_LIST, "no such order list to show")                                           \
    X(REJECT_MAX_NUM_ORDER_LISTS, "the account has as many order lists as the symbol allows")      \
    X(REJECT_EXCHANGE_MAX_NUM_ORDER_LISTS, "the account has as many order lists as is allowed")    \
    X(REJECT_CHANGED_MEANWHILE, "somebody else has changed the configuration meanwhile")

#define REJECT_ENUM(name, text) name,
enum reject { REJECT_MAP(REJECT_ENUM) REJECT_COUNT };
#undef REJECT_ENUM

/* The text for the log. Thread: any. */
const char *reject_text(enum reject reject);

#endif
