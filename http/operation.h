/* operation.h - every request of the public API, for whatever transport brought it.
 *
 * Thread:  the ingress core's.
 * Order:   key (-2014, -2015), timestamp (-1102, -1021), signature (-1022), parameters (-11xx),
 * then the exchange: Binance's order of precedence.
 */
#ifndef OPERATION_H
#define OPERATION_H

#include "http/ingress.h"

/* Starts the call; its answer comes now or later through call->respond. Sets call->route. */
void operation_start(struct call *call);

enum { OPERATION_ALLOW_BYTES = 32 };

struct json_node;

/* Starts the call of the WebSocket API's method `name`, which may begin with "v3/"; its parameters
 * are the object `params`, one of `nodes`, or none for NULL. All is read before it returns. Else as
 * operation_start(). */
void operation_start_method(struct call *call, const char *name, size_t length,
                            const struct json_node *nodes, const struct json_node *params);

/* What Cache-Control says of an answer (RFC 9111). */
struct cache_rule {
    const char *control;
    bool timed; /* it has times, which X-MBX-TIME-UNIT changes */
};
/* Of a call's route, whatever it is. Thread: any. */
const struct cache_rule *operation_cache(uint16_t route, int status);

/* Writes the methods of the public routes at a path, as Allow lists them ("GET, POST"); returns the
 * length, 0 when there is nothing at it. Thread: any. */
size_t operation_allow(struct slice path, char out[static OPERATION_ALLOW_BYTES]);

/* Routes are 1 to operation_routes(); 0 is a call of no route. Thread: any. */
uint16_t operation_routes(void);
/* Its path; the method's name of those that only the WebSocket API has. */
const char *operation_route_path(uint16_t route);
enum method operation_route_method(uint16_t route);

#endif
