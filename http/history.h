/* history.h - lookups that reach behind what views keep.
 *
 * Thread:  the ingress core's. Each call is answered exactly once, now or when history has read;
 *          what lookup.c had written to call->out before is dropped.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "http/lookup.h"

void history_trades(struct call *call, const struct trades_query *query);
void history_agg_trades(struct call *call, const struct trades_query *query);
void history_candles(struct call *call, const struct candles_query *query);

#endif
