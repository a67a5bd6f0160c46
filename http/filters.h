/* filters.h - Binance's lists of filters: what is in them and how clients are told; how an operator
 * gives them is in admin_filters.c.
 *
 * Thread:  the ingress core's.
 * Units:   amounts are decimal strings, multipliers too (four decimals), counts are numbers; 0
 *          switches a part off.
 */
#ifndef FILTERS_H
#define FILTERS_H

#include "actors/book/symbol_limits.h"
#include "http/ingress.h"

enum filter_kind {
    FILTER_AMOUNT,
    FILTER_COUNT,
    FILTER_SPARES,  /* a flag: that the limit applies to market orders; kept the other way round */
    FILTER_PERCENT, /* of the mean price: PERCENT_ONE */
    FILTER_MINUTES, /* kept as how many fewer than AVG_MINUTES */
};

enum { FILTER_MEMBERS_MAX = 5 };

struct filter {
    const char *type;
    struct filter_member {
        const char *name; /* NULL behind the last */
        enum filter_kind kind;
        size_t at; /* in struct symbol_config, or struct exchange_limits */
    } member[FILTER_MEMBERS_MAX];
};

enum symbol_filter {
    PRICE_FILTER, /* in the order in which they are shown */
    LOT_SIZE,
    ICEBERG_PARTS,
    MARKET_LOT_SIZE,
    TRAILING_DELTA,
    PERCENT_PRICE,
    PERCENT_PRICE_BY_SIDE,
    NOTIONAL,
    MIN_NOTIONAL,
    MAX_POSITION,
    MAX_NUM_ORDERS,
    MAX_NUM_ORDER_LISTS,
    MAX_NUM_ALGO_ORDERS,
    MAX_NUM_ICEBERG_ORDERS,
    MAX_NUM_ORDER_AMENDS,
    SYMBOL_FILTERS
};

enum { EXCHANGE_FILTERS = 4 };

extern const struct filter symbol_filters[SYMBOL_FILTERS];
extern const struct filter exchange_filters[EXCHANGE_FILTERS];

/* [...]: those in force. */
void render_filters(struct text *out, const struct symbol_config *symbol);
void render_exchange_filters(struct text *out, const struct exchange_limits *exchange);

#endif
