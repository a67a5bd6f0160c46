/* admin_look.h - what an operator may look at: health, metrics, the audit, shards and cores, the
 * connections that are slow.
 *
 * Thread:  the first ingress core's. The audit stops the other cores while it adds up, and
 *          connections while it walks over them; nothing else stops anybody.
 */
#ifndef ADMIN_LOOK_H
#define ADMIN_LOOK_H

#include "http/ingress.h"

void admin_health(struct call *call);
void admin_ready(struct call *call);
void admin_metrics(struct call *call);
void admin_audit(struct call *call);
void admin_shards(struct call *call);
void admin_connections(struct call *call);

#endif
