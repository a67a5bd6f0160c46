/* Trades, aggregate trades and candles: from memory when it has all of them, else from history. */
#include "http/rest/rest.h"

#include "http/fields.h"
#include "http/history.h"

static void respond_all(struct call *call)
{
    call_respond(call, 200, call->out.data, call->out.length);
}

static struct trades_query any_trades(void)
{
    return (struct trades_query){.start_us = INT64_MIN, .end_us = INT64_MAX};
}

void rest_get_trades(struct call *call)
{
    struct trades_query query = any_trades();
    if (!field_symbol(call, MANDATORY, &query.symbol) ||
        !field_limit(call, 500, 1000, &query.limit) || !fields_all_read(call))
        return;
    lookup_trades(call, &query); /* as many as there are kept, and no older ones */
    respond_all(call);
}

void rest_get_historical_trades(struct call *call)
{
    struct trades_query query = any_trades();
    if (!field_symbol(call, MANDATORY, &query.symbol) ||
        !field_number(call, "fromId", OPTIONAL, &query.by_id, &query.from_id) ||
        !field_limit(call, 500, 1000, &query.limit) || !fields_all_read(call))
        return;
    if (lookup_trades(call, &query))
        respond_all(call);
    else
        history_trades(call, &query);
}

void rest_get_agg_trades(struct call *call)
{
    struct trades_query query = any_trades();
    if (!field_symbol(call, MANDATORY, &query.symbol) ||
        !field_number(call, "fromId", OPTIONAL, &query.by_id, &query.from_id) ||
        !field_range(call, &query.start_us, &query.end_us) ||
        !field_limit(call, 500, 1000, &query.limit) || !fields_all_read(call))
        return;
    if (query.by_id && (query.start_us != INT64_MIN || query.end_us != INT64_MAX))
        call_refuse(call, -1128, "Combination of optional parameters invalid.");
    else if (lookup_agg_trades(call, &query))
        respond_all(call);
    else
        history_agg_trades(call, &query);
}

void rest_get_klines(struct call *call)
{
    struct candles_query query = {.candles.now_us = env_now_us(&call->ingress->ex->rt.env)};
    struct candle_query *candles = &query.candles;
    if (!field_symbol(call, MANDATORY, &query.symbol) ||
        !field_interval(call, &candles->interval) ||
        !field_range(call, &candles->start_us, &candles->end_us) ||
        !field_zone(call, &candles->zone_minutes) ||
        !field_limit(call, 500, CANDLES_MOST, &candles->limit) || !fields_all_read(call))
        return;
    if (lookup_candles(call, &query))
        respond_all(call);
    else
        history_candles(call, &query);
}
