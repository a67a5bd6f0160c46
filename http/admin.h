/* admin.h - the admin listener: users, keys, money, symbols, status, audit, health (DESIGN §10).
 *
 * Thread:  the first ingress core's; an audit stops the other cores for its duration.
 * Auth:    `Authorization: Bearer TOKEN`, compared in constant time; health needs none.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include "http/ingress.h"

void admin_start(struct call *call);

/* Set by the program: runs `act` while every core stands still at a turn's end (PROTOCOL O7). */
extern void (*admin_at_standstill)(void (*act)(void *arg), void *arg);
/* LSN of the last record published on any core, valid at a standstill. */
extern uint64_t (*admin_published_lsn)(void);

#endif
