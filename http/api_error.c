#include "http/api_error.h"

#include "http/limits.h"
#include "runtime/check.h"

#define BUSY_TEXT                                                                                  \
    "Server is currently overloaded with other requests. Please try again in a few minutes."

#define ORDERS_TEXT(limit) "Too many new orders; current limit is " LIMIT_TEXT(limit) " orders per "

static const struct api_error api_errors[] = {
    [REJECT_NONE] = {0, 200, ""},
    [REJECT_PRICE_FILTER] = {-1013, 400, "Filter failure: PRICE_FILTER"},
    [REJECT_LOT_SIZE] = {-1013, 400, "Filter failure: LOT_SIZE"},
    [REJECT_MARKET_LOT_SIZE] = {-1013, 400, "Filter failure: MARKET_LOT_SIZE"},
    [REJECT_NOTIONAL] = {-1013, 400, "Filter failure: NOTIONAL"},
    [REJECT_MAX_NUM_ORDERS] = {-1013, 400, "Filter failure: MAX_NUM_ORDERS"},
    [REJECT_DUPLICATE_ORDER] = {-2010, 400, "Duplicate order sent."},
    [REJECT_NO_FUNDS] = {-2010, 400, "Account has insufficient balance for requested action."},
    [REJECT_UNKNOWN_SYMBOL] = {-1121, 400, "Invalid symbol."},
    [REJECT_UNKNOWN_USER] = {-2015, 401, "Invalid API-key, IP, or permissions for action."},
    [REJECT_UNKNOWN_ORDER] = {-2011, 400, "Unknown order sent."},
    [REJECT_NO_SUCH_ORDER] = {-2013, 400, "Order does not exist."},
    [REJECT_NOT_KEPT] = {-2013, 400, "Order does not exist."},
    [REJECT_MARKET_CLOSED] = {-2010, 400, "Market is closed."},
    [REJECT_WOULD_MATCH] = {-2010, 400, "Order would immediately match and take."},
    [REJECT_BUSY] = {-1008, 503, BUSY_TEXT},
    [REJECT_BOOK_FULL] = {-1008, 503, BUSY_TEXT},
    [REJECT_OVERFLOW] = {-1013, 400, "Price * QTY is too large."},
    [REJECT_REQUEST_ID_REUSED] = {-1130, 409, "The requestId was used with other content."},
    [REJECT_NAME_TAKEN] = {-1130, 409, "The name is taken."},
    [REJECT_UNKNOWN_KEY] = {-1121, 404, "There is no such API key."},
    [REJECT_LIMIT] = {-1008, 503, BUSY_TEXT},
    [REJECT_TIMESTAMP] = {-1021, 400, "Timestamp for this request is outside of the recvWindow."},
    [REJECT_IDS_DISAGREE] = {-2039, 400, "Client order ID is not correct for this order ID."},
    [REJECT_QTY_INCREASE] = {-2038, 400, "Order amend (quantity increase) is not supported."},
    [REJECT_NO_CHANGE] = {-2038, 400, "The requested action would change no state; rejecting"},
    [REJECT_NO_AMEND] = {-2038, 400, "Order amend is not supported for this order."},
    [REJECT_PAIR_PRICES] = {-2010, 400,
                            "The relationship of the prices for the orders is not correct."},
    [REJECT_WOULD_TRIGGER] = {-2010, 400, "Order would trigger immediately."},
    [REJECT_TRAILING_DELTA] = {-1013, 400, "Filter failure: TRAILING_DELTA"},
    [REJECT_ICEBERG_PARTS] = {-1013, 400, "Filter failure: ICEBERG_PARTS"},
    [REJECT_MAX_NUM_ALGO_ORDERS] = {-1013, 400, "Filter failure: MAX_NUM_ALGO_ORDERS"},
    [REJECT_MAX_NUM_ICEBERG_ORDERS] = {-1013, 400, "Filter failure: MAX_NUM_ICEBERG_ORDERS"},
    [REJECT_MAX_NUM_AMENDS] = {-2038, 400, "Filter failure: MAX_NUM_ORDER_AMENDS"},
    [REJECT_MIN_NOTIONAL] = {-1013, 400, "Filter failure: MIN_NOTIONAL"},
    [REJECT_PERCENT_PRICE] = {-1013, 400, "Filter failure: PERCENT_PRICE"},
    [REJECT_PERCENT_PRICE_BY_SIDE] = {-1013, 400, "Filter failure: PERCENT_PRICE_BY_SIDE"},
    [REJECT_MAX_POSITION] = {-1013, 400, "Filter failure: MAX_POSITION"},
    [REJECT_EXCHANGE_MAX_NUM_ORDERS] = {-1013, 400, "Filter failure: EXCHANGE_MAX_NUM_ORDERS"},
    [REJECT_EXCHANGE_MAX_NUM_ALGO_ORDERS] = {-1013, 400,
                                             "Filter failure: EXCHANGE_MAX_NUM_ALGO_ORDERS"},
    [REJECT_EXCHANGE_MAX_NUM_ICEBERG_ORDERS] = {-1013, 400,
                                                "Filter failure: EXCHANGE_MAX_NUM_ICEBERG_ORDERS"},
    [REJECT_CHANGED_MEANWHILE] = {-1130, 409,
                                  "Somebody else changed it meanwhile, and nothing of this was "
                                  "done. Send it again."},
    [REJECT_UNKNOWN_LIST] = {-2011, 400, "Unknown order list sent."},
    [REJECT_NO_SUCH_LIST] = {-2018, 400, "Order list does not exist."},
    [REJECT_MAX_NUM_ORDER_LISTS] = {-1013, 400, "Filter failure: MAX_NUM_ORDER_LISTS"},
    [REJECT_EXCHANGE_MAX_NUM_ORDER_LISTS] = {-1013, 400,
                                             "Filter failure: EXCHANGE_MAX_NUM_ORDER_LISTS"},
    [REJECT_ORDERS_10S] = {-1015, 429, ORDERS_TEXT(LIMIT_ORDERS_10S) "10 SECOND."},
    [REJECT_ORDERS_1D] = {-1015, 429, ORDERS_TEXT(LIMIT_ORDERS_1D) "1 DAY."},
    [REJECT_GRID] = {-1130, 409,
                     "'tickSize' and 'stepSize' must be multiples of those that the symbol was "
                     "listed with."},
    [REJECT_DELISTED] = {-1130, 409, "The symbol is delisted."},
    [REJECT_RESTRICTED] = {-2011, 400, "Order was not canceled due to cancel restrictions."},
};
_Static_assert(sizeof(api_errors) / sizeof(api_errors[0]) == REJECT_COUNT, "spell every reject");

struct api_error api_error_of(enum reject reject, int cancel)
{
    ASSERT(reject < REJECT_COUNT);
    struct api_error error = api_errors[reject];
    if (cancel && reject == REJECT_MARKET_CLOSED)
        error.code = -2011;
    return error;
}
