#include "http/filters.h"

#include <stddef.h>
#include <string.h>

#include "http/render_keys.h"

#define AT(field)    offsetof(struct symbol_config, field)
#define LIMIT(field) offsetof(struct symbol_config, limits.field)
const struct filter symbol_filters[SYMBOL_FILTERS] = {
    [PRICE_FILTER] = {"PRICE_FILTER",
                      {{"minPrice", FILTER_AMOUNT, AT(min_price)},
                       {"maxPrice", FILTER_AMOUNT, AT(max_price)},
                       {"tickSize", FILTER_AMOUNT, AT(tick_shown)}}},
    [LOT_SIZE] = {"LOT_SIZE",
                  {{"minQty", FILTER_AMOUNT, AT(min_qty)},
                   {"maxQty", FILTER_AMOUNT, AT(max_qty)},
                   {"stepSize", FILTER_AMOUNT, AT(step_shown)}}},
    [ICEBERG_PARTS] = {"ICEBERG_PARTS", {{"limit", FILTER_COUNT, LIMIT(iceberg_parts)}}},
    [MARKET_LOT_SIZE] = {"MARKET_LOT_SIZE",
                         {{"minQty", FILTER_AMOUNT, AT(market_min_qty)},
                          {"maxQty", FILTER_AMOUNT, AT(market_max_qty)},
                          {"stepSize", FILTER_AMOUNT, LIMIT(market_step_atoms)}}},
    [TRAILING_DELTA] = {"TRAILING_DELTA",
                        {{"minTrailingAboveDelta", FILTER_COUNT, LIMIT(above_min)},
                         {"maxTrailingAboveDelta", FILTER_COUNT, LIMIT(above_max)},
                         {"minTrailingBelowDelta", FILTER_COUNT, LIMIT(below_min)},
                         {"maxTrailingBelowDelta", FILTER_COUNT, LIMIT(below_max)}}},
    [PERCENT_PRICE] = {"PERCENT_PRICE",
                       {{"multiplierUp", FILTER_PERCENT, LIMIT(bid_up)},
                        {"multiplierDown", FILTER_PERCENT, LIMIT(bid_down)},
                        {"avgPriceMins", FILTER_MINUTES, LIMIT(percent_short)}}},
    [PERCENT_PRICE_BY_SIDE] = {"PERCENT_PRICE_BY_SIDE",
                               {{"bidMultiplierUp", FILTER_PERCENT, LIMIT(bid_up)},
                                {"bidMultiplierDown", FILTER_PERCENT, LIMIT(bid_down)},
                                {"askMultiplierUp", FILTER_PERCENT, LIMIT(ask_up)},
                                {"askMultiplierDown", FILTER_PERCENT, LIMIT(ask_down)},
                                {"avgPriceMins", FILTER_MINUTES, LIMIT(percent_short)}}},
    [NOTIONAL] = {"NOTIONAL",
                  {{"minNotional", FILTER_AMOUNT, AT(min_notional)},
                   {"applyMinToMarket", FILTER_SPARES, LIMIT(min_spares_market)},
                   {"maxNotional", FILTER_AMOUNT, AT(max_notional)},
                   {"applyMaxToMarket", FILTER_SPARES, LIMIT(max_spares_market)},
                   {"avgPriceMins", FILTER_MINUTES, LIMIT(notional_short)}}},
    [MIN_NOTIONAL] = {"MIN_NOTIONAL",
                      {{"minNotional", FILTER_AMOUNT, AT(min_notional)},
                       {"applyToMarket", FILTER_SPARES, LIMIT(min_spares_market)},
                       {"avgPriceMins", FILTER_MINUTES, LIMIT(notional_short)}}},
    [MAX_POSITION] = {"MAX_POSITION", {{"maxPosition", FILTER_AMOUNT, LIMIT(position_atoms)}}},
    [MAX_NUM_ORDERS] = {"MAX_NUM_ORDERS", {{"maxNumOrders", FILTER_COUNT, AT(max_orders)}}},
    [MAX_NUM_ORDER_LISTS] = {"MAX_NUM_ORDER_LISTS",
                             {{"maxNumOrderLists", FILTER_COUNT, LIMIT(order_lists)}}},
    [MAX_NUM_ALGO_ORDERS] = {"MAX_NUM_ALGO_ORDERS",
                             {{"maxNumAlgoOrders", FILTER_COUNT, LIMIT(algo_orders)}}},
    [MAX_NUM_ICEBERG_ORDERS] = {"MAX_NUM_ICEBERG_ORDERS",
                                {{"maxNumIcebergOrders", FILTER_COUNT, LIMIT(iceberg_orders)}}},
    [MAX_NUM_ORDER_AMENDS] = {"MAX_NUM_ORDER_AMENDS",
                              {{"maxNumOrderAmends", FILTER_COUNT, LIMIT(order_amends)}}},
};
#undef AT
#undef LIMIT

#define AT(field) offsetof(struct exchange_limits, field)
const struct filter exchange_filters[EXCHANGE_FILTERS] = {
    {"EXCHANGE_MAX_NUM_ORDERS", {{"maxNumOrders", FILTER_COUNT, AT(orders)}}},
    {"EXCHANGE_MAX_NUM_ALGO_ORDERS", {{"maxNumAlgoOrders", FILTER_COUNT, AT(algo_orders)}}},
    {"EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
     {{"maxNumIcebergOrders", FILTER_COUNT, AT(iceberg_orders)}}},
    {"EXCHANGE_MAX_NUM_ORDER_LISTS", {{"maxNumOrderLists", FILTER_COUNT, AT(order_lists)}}},
};
#undef AT

/* ---- showing ---- */

static void key_percent(struct text *out, const char *name, uint32_t percent)
{
    key(out, name);
    text_format(out, "\"%u.%04u\"", percent / PERCENT_ONE, percent % PERCENT_ONE);
}

static void render_member(struct text *out, const struct filter_member *member, const void *from)
{
    const void *at = (const char *)from + member->at;
    switch (member->kind) {
    case FILTER_AMOUNT:
        key_amount(out, member->name, *(const int64_t *)at);
        break;
    case FILTER_COUNT:
        key_u64(out, member->name, *(const uint32_t *)at);
        break;
    case FILTER_SPARES:
        key_bool(out, member->name, !*(const bool *)at);
        break;
    case FILTER_PERCENT:
        key_percent(out, member->name, *(const uint32_t *)at);
        break;
    default:
        key_u64(out, member->name, AVG_MINUTES - *(const uint8_t *)at);
    }
}

static void render_filter(struct text *out, const struct filter *filter, const void *from)
{
    if (out->data[out->length - 1] == '}')
        text_str(out, ",");
    text_str(out, "{");
    key_text(out, "filterType", filter->type);
    for (uint32_t m = 0; m < FILTER_MEMBERS_MAX && filter->member[m].name; m++)
        render_member(out, &filter->member[m], from);
    text_str(out, "}");
}

static bool has_filter(const struct symbol_config *symbol, enum symbol_filter filter)
{
    const struct symbol_limits *limits = &symbol->limits;
    bool percent = limits->bid_up || limits->bid_down || limits->ask_up || limits->ask_down;
    switch (filter) {
    case ICEBERG_PARTS:
        return limits->iceberg_parts;
    case TRAILING_DELTA:
        return limits->above_max || limits->below_max || limits->above_min || limits->below_min;
    case PERCENT_PRICE:
        return percent && !limits->by_side;
    case PERCENT_PRICE_BY_SIDE:
        return percent && limits->by_side;
    case NOTIONAL:
        return !limits->min_notional_alone;
    case MIN_NOTIONAL:
        return limits->min_notional_alone;
    case MAX_POSITION:
        return limits->position_atoms;
    case MAX_NUM_ORDER_LISTS:
        return limits->order_lists;
    case MAX_NUM_ALGO_ORDERS:
        return limits->algo_orders;
    case MAX_NUM_ICEBERG_ORDERS:
        return limits->iceberg_orders;
    case MAX_NUM_ORDER_AMENDS:
        return limits->order_amends;
    default:
        return true;
    }
}

void render_filters(struct text *out, const struct symbol_config *symbol)
{
    struct symbol_config shown = *symbol;
    if (!shown.limits.market_step_atoms)
        shown.limits.market_step_atoms = shown.step_shown;
    if (!shown.max_notional) { /* Binance has no word for none */
        shown.max_notional = INT64_MAX;
        shown.limits.max_spares_market = true;
    }
    text_str(out, "[");
    for (uint32_t i = 0; i < SYMBOL_FILTERS; i++)
        if (has_filter(symbol, i))
            render_filter(out, &symbol_filters[i], &shown);
    text_str(out, "]");
}

void render_exchange_filters(struct text *out, const struct exchange_limits *exchange)
{
    text_str(out, "[");
    for (uint32_t i = 0; i < EXCHANGE_FILTERS; i++)
        if (*(const uint32_t *)((const char *)exchange + exchange_filters[i].member[0].at))
            render_filter(out, &exchange_filters[i], exchange);
    text_str(out, "]");
}
