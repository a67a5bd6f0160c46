/* auth.h - who asks: API key, permission, timestamp and signature of a signed call.
 *
 * Thread:  the ingress core's, while the call is being started.
 */
#ifndef AUTH_H
#define AUTH_H

#include "http/ingress.h"

/* Checks key, timestamp and signature, in this order, and fills user, timestamp and window of
 * `request`; false when the call was refused (answered). */
bool authenticate(struct call *call, uint8_t permission, struct request *request);

#endif
