/* order_fields.h - the parameters that orders have, read into a request.
 *
 * Thread:  the ingress core's, while the call is being started.
 * Returns: false when the call was refused (answered).
 */
#ifndef ORDER_FIELDS_H
#define ORDER_FIELDS_H

#include "http/ingress.h"

/* All parameters of a new order; nothing may be left unread. Makes a client order id if none came.
 */
bool order_read_new(struct call *call, struct request *request);
/* The symbol, and orderId and/or the client order id, into request->find. */
bool order_read_which(struct call *call, struct request *request);
/* The same without the symbol, of the order that a new one replaces. */
bool order_read_replaced(struct call *call, struct request_find *find);
/* cancelRestrictions, as enum book_restriction. */
bool order_read_restriction(struct call *call, uint8_t *restriction);
/* -1008 when there is no disk left for a next segment (DESIGN §5): cancels still find room. */
bool order_has_space(struct call *call);
/* A client order id of ours: letters and digits. */
void order_make_client_id(struct call *call, uint8_t *length, char id[CLIENT_ID_BYTES]);
/* The cancel's own id, which its answer and its event tell: call->client_id, or one of ours. */
void order_name_cancel(struct call *call, struct request_find *cancel);

#endif
