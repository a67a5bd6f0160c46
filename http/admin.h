/* admin.h - the admin listener: users, keys, money, symbols, status, audit, health (DESIGN §10).
 *
 * Thread:  the first ingress core's; an audit stops the other cores for its duration.
 * Auth:    `Authorization: Bearer TOKEN`, compared in constant time; health and metrics need none.
 * Logs:    every change of users, keys and symbols, with who asked for it, and never a secret.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include "http/ingress.h"

void admin_start(struct call *call);

/* Routes are 1 to admin_routes(). Thread: any. */
uint16_t admin_routes(void);
const char *admin_route_path(uint16_t route);
enum method admin_route_method(uint16_t route);

/* Set by the program: runs `act` while every core stands still at a turn's end (PROTOCOL O7). */
extern void (*admin_at_standstill)(void (*act)(void *arg), void *arg);
/* LSN of the last record published on any core, exact at a standstill. Thread: any. */
extern uint64_t (*admin_published_lsn)(void);

#endif
