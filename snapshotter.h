/* snapshotter.h - the thread that makes snapshots of a serving exchange: it folds the durable
 * journal into an exchange of its own, every so many records or seconds (PROTOCOL §2.7 N4), seals
 * full segments and trims what no snapshot needs.
 *
 * Thread:  its own, of low priority; start and stop from the main one. It shares nothing with the
 * shards but the files and one LSN.
 * Memory:  a second exchange while it works, given back afterwards.
 * Error:   a snapshot that fails is told and tried again; trading never waits for it. When replay
 * differs from life that is told as an error, once, and no more snapshots are made: the journal
 * still has everything.
 */
#ifndef SNAPSHOTTER_H
#define SNAPSHOTTER_H

#include <pthread.h>
#include <stdatomic.h>

#include "actors/exchange.h"
#include "storage/fold.h"

struct snapshotter {
    struct disk disk;
    struct exchange_config config;
    uint64_t records_max, seconds_max;
    uint64_t (*durable_lsn)(void);
    const char *build;
    pthread_t thread;
    _Atomic bool stop;
    /* counters; any thread may read them */
    _Atomic uint64_t made, failed, lsn, records, bytes, raw_bytes, took_us;
    _Atomic uint64_t segments_sealed, segments_removed;
    _Atomic uint64_t diverged; /* 1: replay differed from life */
};

/* `config` is the exchange's own; `lsn` the position of the newest snapshot, 0: none. */
void snapshotter_start(struct snapshotter *snapshotter, struct disk disk,
                       const struct exchange_config *config, uint64_t lsn);
void snapshotter_stop(struct snapshotter *snapshotter);

#endif
