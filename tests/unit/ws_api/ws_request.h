/* ws_request.h - signed requests of the WebSocket API in the world of tests/fuzz/world.h.
 *
 * Thread:  one.
 */
#ifndef WS_REQUEST_H
#define WS_REQUEST_H

#include <stdint.h>

struct world;

enum { WS_REQUEST_PARAMS = 2048 };

/* A request of the n-th key, id 1. `params` as a query string without key, timestamp and signature;
 * what is too long is cut off. Valid until the next call. */
const char *ws_signed_request(struct world *world, uint32_t nth, const char *method,
                              const char *params);

#endif
