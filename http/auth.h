/* auth.h - who asks: API key, where from, permission, timestamp and signature of a signed call.
 *
 * Thread:  the ingress core's, while the call is being started.
 */
#ifndef AUTH_H
#define AUTH_H

#include "http/ingress.h"

/* Checks key, timestamp and signature, in this order, and fills user, timestamp and window of
 * `request`; false when the call was refused (answered). A call of a session that has logged on may
 * do without key and signature. */
bool authenticate(struct call *call, uint8_t permission, struct request *request);

/* Checks the key that the call's session has logged on with, and fills the user; false when the
 * call was refused (answered). */
bool authenticate_session(struct call *call, uint8_t permission, struct request *request);

#endif
