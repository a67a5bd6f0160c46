/* demo_week.h - the past of a demo: its users, their money, and days of trading, through the
 * exchange itself on a clock of its own, before any listener is open.
 *
 * Thread:  the starting one, which plays all cores (PROTOCOL §2.8 step 9).
 * Clock:   begins that many days ago, on a whole minute, and ends before the real one's now: so the
 *          exchange goes on with the real clock, and time has never gone back.
 * Real:    every order is a request at a gateway, under the limits of an account; trades, candles
 *          and rows of the history are what the exchange makes of them. One seed is one past, but
 *          for when it was.
 */
#ifndef DEMO_WEEK_H
#define DEMO_WEEK_H

#include "actors/gateway.h"
#include "demo.h"
#include "http/secrets.h"

struct demo_week_host { /* who plays the cores */
    struct exchange *ex;
    struct gateway *gateway;
    const struct secrets *secrets;
    int (*turn)(void);         /* one turn of every core; enum exit_code */
    int (*come_to_rest)(void); /* turns until all is done and answered; enum exit_code */
};

/* The clock on which the exchange is built. */
struct env demo_week_clock(uint32_t days);

/* Makes the users, their keys and funds, and trades up to now. The symbols are there. */
int demo_week_make(const struct demo_week_host *host, const struct demo *demo, uint64_t seed);

#endif
