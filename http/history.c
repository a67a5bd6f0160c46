/* A server without a history store: the answer is what views keep. */
#include "http/history.h"

void history_trades(struct call *call, const struct trades_query *query)
{
    call->out.length = 0;
    lookup_trades(call, query);
    call_respond(call, 200, call->out.data, call->out.length);
}

void history_agg_trades(struct call *call, const struct trades_query *query)
{
    call->out.length = 0;
    lookup_agg_trades(call, query);
    call_respond(call, 200, call->out.data, call->out.length);
}

void history_candles(struct call *call, const struct candles_query *query)
{
    call->out.length = 0;
    lookup_candles(call, query);
    call_respond(call, 200, call->out.data, call->out.length);
}
