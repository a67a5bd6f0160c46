/* sim_streams.h - those who listen to the market data that the simulator's exchange tells:
 * http/ws/stream.c itself on each ingress core, over connections that are no sockets.
 *
 * Thread:  one.
 * Clients: some read each frame at once, some now and then, some pause until depth is conflated for
 *          them; they leave, come back, and read GET /depth when they like, as Binance's rule for a
 *          local book has it.
 * Checks:  nobody misses a trade, an aggregate trade or a depth event; the book that a client folds
 *          from depth, conflated or not, is the one at that id (sim_told.h). Trades, aggregate
 *          trades, candles, tickers, best prices and partial books are what all trades and changes
 *          told so far make, computed naively.
 */
#ifndef SIM_STREAMS_H
#define SIM_STREAMS_H

#include "http/ingress.h"

/* View and directory of an ingress core; nothing else of it is in use. */
struct ingress *sim_ingress(uint16_t core);

/* A new seed: nothing was told. In some seeds nobody listens. */
void sim_streams_seed(uint64_t seed);
/* The exchange is built, or gone: all who listened are gone, too. */
void sim_streams_init(struct exchange *ex);
void sim_streams_fini(void);
/* It has recovered: views take the books over, which must have all that was told. */
void sim_streams_load(struct exchange *ex);
/* An ingress core is told of a change, as in http/ingress.c. */
void sim_streams_market(uint16_t core, const struct msg *msg);
/* What it does behind a turn's messages. */
void sim_streams_turn(uint16_t core);

/* Of all frames that were sent: the same for the same seed. */
uint64_t sim_streams_trace(void);

/* Says what was done in all seeds. False: some of it never. */
bool sim_streams_print(void);

#endif
