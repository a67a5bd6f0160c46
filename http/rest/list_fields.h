/* list_fields.h - the parameters of a new order list, read into a request.
 *
 * Thread:  the ingress core's, while the call is being started.
 * Returns: false when the call was refused (answered).
 */
#ifndef LIST_FIELDS_H
#define LIST_FIELDS_H

#include "http/ingress.h"

/* All parameters of the list; nothing may be left unread. Makes the client ids that did not come.
 */
bool list_read_oco(struct call *call, struct request *request);
/* As it was before the legs were called above and below: a LIMIT_MAKER and a STOP_LOSS(_LIMIT). */
bool list_read_old_oco(struct call *call, struct request *request);
bool list_read_oto(struct call *call, struct request *request);
bool list_read_otoco(struct call *call, struct request *request);

#endif
