/* render_event.h - the JSON of user data events (Binance's user data stream).
 *
 * Thread:  the ingress core's. Amounts are atoms, times microseconds, shown in ms unless `micro`.
 */
#ifndef RENDER_EVENT_H
#define RENDER_EVENT_H

#include "http/directory.h"
#include "http/user_stream.h"

/* All events of one input, in the order in which they are told: executionReport for each order
 * event, listStatus for each list, balanceUpdate, outboundAccountPosition. Replaces what `out` has.
 */
void render_user_event(const struct directory *directory, const struct user_event *event,
                       bool micro, struct user_texts *out);

#endif
