/* order_fields.h - the parameters that orders have, read into a request.
 *
 * Thread:  the ingress core's, while the call is being started.
 * Returns: false when the call was refused (answered).
 */
#ifndef ORDER_FIELDS_H
#define ORDER_FIELDS_H

#include "http/ingress.h"

/* What the parameters of one order are called. NULL: it has no such parameter; type, side and all
 * else a caller reads itself may be NULL too. */
struct order_names {
    const char *side, *type, *tif, *qty, *quote, *price, *stop, *trail, *iceberg, *client_id,
        *strategy_id, *strategy_type, *peg, *peg_offset, *peg_value;
    bool paired; /* of two orders of which one cancels the other */
};

bool order_read_side(struct call *call, const char *name, uint8_t *side);
bool order_read_type(struct call *call, const char *name, uint8_t *type);
/* All parameters of its own but these two, which order->type says the rules of: what it waits for,
 * amounts, labels, and a client order id if one came. */
bool order_read_terms(struct call *call, const struct order_names *names,
                      struct request_order *order);
/* newOrderRespType, `normal` when it is not there, and selfTradePreventionMode. */
bool order_read_resp(struct call *call, enum response_type normal, uint8_t *resp);
bool order_read_stp(struct call *call, uint16_t symbol, uint8_t *stp);
/* Gives the order a client order id unless it has one, and the price that an order at market is
 * reckoned with. */
void order_complete(struct call *call, uint16_t symbol, struct request_order *order);

/* All parameters of a new order; nothing may be left unread. Makes a client order id if none came.
 */
bool order_read_new(struct call *call, struct request *request);
/* The symbol, and orderId and/or the client order id, into request->find. */
bool order_read_which(struct call *call, struct request *request);
/* A number and/or a client's id, by these names: -1102 when neither is there. */
bool order_read_ids(struct call *call, const char *number, const char *text,
                    struct request_find *find);
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
