/* sim_history.h - the follower and its history in the simulator: follower.c itself, a moment at a
 * time, over the simulated disk; in SQLite's place a store in memory that loses what a crash takes.
 *
 * Thread:  one.
 * Crash:   the rows of an open transaction are gone, and at times the newest transactions, rows and
 *          cursor alike, as a power cut takes them from a WAL that is not synced. Calls of the
 *          store fail at times.
 * Checks:  whenever it is looked at, the store has what the exchange at its cursor says, each row
 *          once: trades dense and as they were told in life; aggregate ids; fills, fees and entries
 *          as the trades give them; candles as trades add up; done orders as the ledgers have them;
 *          entries add up to balances; a list is there once all of its orders are.
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "actors/exchange.h"
#include "storage/fold.h"

/* A new seed: an empty store, in some seeds none. */
void sim_history_seed(uint64_t seed);
/* The process has recovered: the follower starts. */
void sim_history_start(struct disk disk, const struct exchange *ex, const struct folded *recovered,
                       uint64_t (*durable_lsn)(void));
bool sim_history_on(void);
/* One of its moments, or none. */
void sim_history_step(void);
/* Has it make a snapshot and trim. False: it could not. */
bool sim_history_snapshot(void);
/* What the newest snapshot was made of. */
struct exchange *sim_history_twin(void);
/* Catches up with a quiet exchange, all of whose records are durable, and compares. `skipped`:
 * messages were (J6), so something may never have arrived. */
void sim_history_check(const struct exchange *ex, bool skipped);
/* What the store has of the matches that were prevented of a taker; at rest. */
struct sim_prevented {
    uint32_t count;
    int64_t taker_qty, maker_qty;
    bool of_two; /* some with an order of another account of its group */
};
struct sim_prevented sim_history_prevented(uint16_t symbol, uint64_t taker_order_id);
/* The process is gone; the store stays. */
void sim_history_crash(void);
/* How many segments the follower has removed. */
uint32_t sim_history_removed(void);
/* Says what was done in all seeds. False: some of it never. */
bool sim_history_print(void);

#endif
