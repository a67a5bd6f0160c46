/* The filters that an operator gives, in Binance's form. */
#include <string.h>

#include "actors/book/money.h"
#include "http/admin_json.h"
#include "http/filters.h"

enum { COUNT_MAX = 1000000 };

static bool read_count(struct call *call, json_t *value, const char *name, int64_t most,
                       int64_t *count)
{
    *count = json_is_integer(value) ? json_integer_value(value) : -1;
    if (*count >= 0 && *count <= most)
        return true;
    call_refuse(call, -1130, "'%s' must be a number from 0 to %d.", name, (int)most);
    return false;
}

static bool read_percent(struct call *call, json_t *filter, const char *name, uint32_t *percent)
{
    enum { ATOMS = 10000 }; /* in one of PERCENT_ONE */
    int64_t atoms = 0;
    if (!admin_decimal(call, filter, name, &atoms))
        return false;
    if (atoms % ATOMS == 0 && atoms / ATOMS <= PERCENT_MAX) {
        *percent = (uint32_t)(atoms / ATOMS);
        return true;
    }
    call_refuse(call, -1130, "'%s' must be at most %d with at most 4 decimals.", name,
                PERCENT_MAX / PERCENT_ONE);
    return false;
}

static bool read_member(struct call *call, json_t *filter, const struct filter_member *member,
                        void *to)
{
    json_t *value = json_object_get(filter, member->name);
    void *at = (char *)to + member->at;
    int64_t count;
    if (!value)
        return true;
    switch (member->kind) {
    case FILTER_AMOUNT:
        return admin_decimal(call, filter, member->name, at);
    case FILTER_COUNT:
        if (!read_count(call, value, member->name, COUNT_MAX, &count))
            return false;
        *(uint32_t *)at = (uint32_t)count;
        return true;
    case FILTER_SPARES:
        *(bool *)at = !json_is_true(value);
        if (!json_is_boolean(value))
            call_refuse(call, -1130, "'%s' must be true or false.", member->name);
        return json_is_boolean(value);
    case FILTER_PERCENT:
        return read_percent(call, filter, member->name, at);
    default:
        if (!read_count(call, value, member->name, AVG_MINUTES, &count))
            return false;
        *(uint8_t *)at = (uint8_t)(AVG_MINUTES - count);
        return true;
    }
}

/* One filter of the list; which of `filters` it is, or `count` when the call was refused. */
static uint32_t read_filter(struct call *call, json_t *object, const struct filter *filters,
                            uint32_t count, void *to)
{
    const char *known[FILTER_MEMBERS_MAX + 2] = {"filterType"};
    const char *type = json_string_value(json_object_get(object, "filterType"));
    uint32_t i = 0;
    while (i < count && (!type || strcmp(type, filters[i].type) != 0))
        i++;
    if (i == count) {
        call_refuse(call, -1130, "The 'filterType' '%.40s' is not one of this list's.",
                    type ? type : "");
        return count;
    }
    for (uint32_t m = 0; m < FILTER_MEMBERS_MAX; m++)
        known[1 + m] = filters[i].member[m].name;
    if (!admin_only_keys(call, object, known))
        return count;
    for (uint32_t m = 0; m < FILTER_MEMBERS_MAX && filters[i].member[m].name; m++)
        if (!read_member(call, object, &filters[i].member[m], to))
            return count;
    return i;
}

static bool is_list(struct call *call, const json_t *list)
{
    if (!list || json_is_array(list))
        return true;
    call_refuse(call, -1130, "'filters' must be a list.");
    return false;
}

bool admin_filters(struct call *call, json_t *list, struct symbol_config *symbol)
{
    struct symbol_limits *limits = &symbol->limits;
    json_t *object;
    size_t i;
    if (!is_list(call, list))
        return false;
    json_array_foreach(list, i, object)
    {
        uint32_t filter = read_filter(call, object, symbol_filters, SYMBOL_FILTERS, symbol);
        if (filter == SYMBOL_FILTERS)
            return false;
        if (filter == NOTIONAL || filter == MIN_NOTIONAL) /* a symbol has one of the two */
            limits->min_notional_alone = filter == MIN_NOTIONAL;
        if (filter == MIN_NOTIONAL || symbol->max_notional == INT64_MAX) /* how "none" is shown */
            symbol->max_notional = 0;
        if (filter == PERCENT_PRICE || filter == PERCENT_PRICE_BY_SIDE)
            limits->by_side = filter == PERCENT_PRICE_BY_SIDE;
        if (filter == PERCENT_PRICE) {
            limits->ask_up = limits->bid_up;
            limits->ask_down = limits->bid_down;
        }
    }
    if (limits->order_amends >= UINT8_MAX) {
        call_refuse(call, -1130, "'maxNumOrderAmends' must be a number from 0 to %d.",
                    UINT8_MAX - 1);
        return false;
    }
    if (symbol->max_orders)
        return true;
    call_refuse(call, -1130, "'maxNumOrders' must be a number from 1 to %d.", COUNT_MAX);
    return false;
}

bool admin_filters_agree(struct call *call, const struct symbol_config *symbol)
{
    const struct symbol_limits *limits = &symbol->limits;
    const struct {
        const char *low_name;
        int64_t low, high;
    } pairs[] = {
        {"minQty of LOT_SIZE", symbol->min_qty, symbol->max_qty},
        {"minQty of MARKET_LOT_SIZE", symbol->market_min_qty, symbol->market_max_qty},
        {"minPrice", symbol->min_price, symbol->max_price},
        {"minNotional", symbol->min_notional, symbol->max_notional},
        {"minTrailingAboveDelta", limits->above_min, limits->above_max},
        {"minTrailingBelowDelta", limits->below_min, limits->below_max},
        {limits->by_side ? "bidMultiplierDown" : "multiplierDown", limits->bid_down,
         limits->bid_up},
        {"askMultiplierDown", limits->ask_down, limits->ask_up},
    };
    for (uint32_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].high && pairs[i].low > pairs[i].high) {
            call_refuse(call, -1130, "%s is above its maximum.", pairs[i].low_name);
            return false;
        }
    return true;
}

bool admin_exchange_filters(struct call *call, json_t *list, struct exchange_limits *exchange)
{
    json_t *object;
    size_t i;
    if (!is_list(call, list))
        return false;
    json_array_foreach(list, i, object)
    {
        if (read_filter(call, object, exchange_filters, EXCHANGE_FILTERS, exchange) ==
            EXCHANGE_FILTERS)
            return false;
    }
    return true;
}
