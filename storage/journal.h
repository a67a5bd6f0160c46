/* journal.h - the one writer of the journal: takes chunks in dependency order, writes, syncs,
 * tells.
 *
 * Thread:  one (the journal thread, or the simulator). journal_spare() may run on another.
 * Order:   a head chunk is taken when every chunk it depends on has been (PROTOCOL J3); LSNs are
 * given here. journal_collect() and journal_sync() are one batch; the next begins with what has
 *          queued meanwhile (no timer).
 * Error:   a failed write is told once, with -errno; nothing is retried: the caller stops the
 * process. Tells:   rt->durable[core], then wakes who sleeps.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/core.h"
#include "storage/recovery.h"
#include "storage/segment.h"

enum {
    JOURNAL_BATCH_BYTES = 1 << 20, /* or a quarter of a segment, if that is less */
    JOURNAL_BATCH_CHUNKS = 4096,
};

struct journal {
    struct runtime *rt;
    struct disk disk;
    int file;
    struct segment_head head;
    uint64_t segment_bytes, offset, next_lsn, batch;
    uint32_t prev_crc, boot;
    unsigned char *buffer; /* batch_bytes and one chunk more, 4096-aligned */
    uint32_t filled, batch_bytes, buffer_bytes, chunks;
    int64_t published_us[JOURNAL_BATCH_CHUNKS]; /* of the batch's chunks */
    uint64_t taken[CORES_MAX];
    counter batches, bytes, records, segment; /* `segment`: the number of the one written */
    struct hist sync_ns, batch_size;          /* batch_size: bytes */
    struct hist durable_us;                   /* from a chunk's publication until it is durable */
    _Atomic uint64_t lsn_durable;
    pthread_mutex_t spare_lock; /* who makes the spare segment: off the order path */
    _Atomic bool spare_ready, spare_failed;
};

/* Starts a journal in an empty directory: segment 1. `limits` are users, symbols and orders, or
 * NULL. 0 or -errno. */
int journal_create(struct disk *disk, uint64_t segment_bytes, uint16_t account_shards,
                   uint16_t market_shards, const uint32_t limits[3],
                   const uint8_t id[static SEGMENT_ID_BYTES], struct recovery *found);

/* Opens for appending where recovery ended. 0 or -errno. */
int journal_init(struct journal *journal, struct runtime *rt, struct disk disk,
                 uint64_t segment_bytes, const struct recovery *found);
void journal_fini(struct journal *journal);

/* The disk, which synced nothing so far, does from now on (disk_posix.h, `durable`): makes all that
 * was written durable. 0 or -errno. */
int journal_harden(struct journal *journal);

/* Takes what has queued, up to a batch; returns the bytes of the batch. */
uint32_t journal_collect(struct journal *journal);

/* Writes the batch and makes it durable. 0 or -errno. */
int journal_sync(struct journal *journal);

/* Prepares the next segment ahead of need. 0 or -errno. Thread: any one. */
int journal_spare(struct journal *journal);

#endif
