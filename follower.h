/* follower.h - the thread that folds the durable journal into an exchange of its own, all the time:
 * it feeds the history (DESIGN §7), makes snapshots every so many records or seconds (PROTOCOL §2.7
 * N4), seals full segments and trims what neither needs (docs/adr/0007).
 *
 * Thread:  its own, of low priority; start and stop from the main one. It shares nothing with the
 * shards but the files and one LSN.
 * Memory:  a second exchange.
 * Error:   a snapshot that fails is told and tried again, and so is the history, from its cursor
 * on; trading never waits for either. When replay differs from life that is told as an error, once,
 * and the thread does no more: the journal still has everything.
 */
#ifndef FOLLOWER_H
#define FOLLOWER_H

#include <pthread.h>
#include <stdatomic.h>

#include "actors/exchange.h"
#include "history_feed.h"
#include "storage/fold.h"

struct follower {
    struct disk disk;
    struct exchange_config config;
    uint64_t records_max, seconds_max;
    uint64_t commit_records; /* of the history's transactions while much is to be caught up with */
    uint64_t (*durable_lsn)(void);
    const char *build;
    const char *history;     /* the directory of the history's file; NULL: there is none */
    struct folded recovered; /* how recovery ended: where it began, and what it passed over */
    struct history_feed feed;
    pthread_t thread;
    _Atomic bool stop;
    /* counters; any thread may read them */
    _Atomic uint64_t made, failed, lsn, records, bytes, raw_bytes, took_us;
    _Atomic uint64_t segments_sealed, segments_removed;
    _Atomic uint64_t diverged;       /* 1: replay differed from life */
    _Atomic uint64_t history_failed; /* 1: the history is not being written */
    _Atomic uint64_t history_lag;    /* records that are durable and not in it */
};

/* `config` is the exchange's own. */
void follower_start(struct follower *follower, struct disk disk,
                    const struct exchange_config *config);
void follower_stop(struct follower *follower);

#endif
