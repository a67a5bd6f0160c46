/* fold.h - state as a fold over the newest good snapshot and the journal behind it; the snapshots
 * that this makes, and what they make superfluous (PROTOCOL §2.7).
 *
 * Thread:  any one at a time; it may run beside the journal's writer, up to what is durable.
 * State:   storage/ knows no actor: castle.c, the tools and the simulator pass in how to walk one.
 * Life:    fold_read -> (check) -> fold_install -> fold_trim, every minute or 4 million records.
 */
#ifndef FOLD_H
#define FOLD_H

#include "storage/snapshot.h"

enum { SNAPSHOTS_KEPT = 2, SNAPSHOTS_BAD_MAX = 8 };

struct fold {
    void *self;
    uint32_t done_orders;  /* how much history each account keeps: with another number than the
                              snapshot's the hashes cannot be compared */
    uint64_t snapshot_max; /* 0: any; else only snapshots at or before it */
    /* Makes the state empty again: a snapshot that was bad half way may have filled it. */
    void (*reset)(void *self);
    /* Writes the state, or reads it into an empty one. */
    void (*wire)(void *self, struct wire *wire);
    const char *(*record)(void *self, const struct record_head *head, const unsigned char *payload,
                          int64_t ts_us, uint64_t lsn);
    /* As in struct recovery_sink; may be NULL. */
    void (*ahead)(void *self, const struct record_ahead *record, uint32_t count);
    uint16_t workers; /* and these two */
    uint16_t (*worker)(void *self, uint16_t shard);
    uint64_t (*hash)(void *self);
    /* Told of a snapshot that was passed over; may be NULL. */
    void (*remark)(void *self, const char *text);
};

struct folded {
    struct recovery found; /* found.records: applied from the journal */
    uint64_t lsn;          /* the state is the one after this record */
    uint64_t snapshot_lsn; /* where it began; 0: at the beginning of the journal */
    int64_t last_ts_us;
    /* Of the snapshots that it came of, and the fold's own: as many done orders each account has
     * kept all the time. */
    uint32_t done_least;
    uint64_t bad[SNAPSHOTS_BAD_MAX]; /* snapshots that were passed over */
    uint32_t bad_count;
    bool unreadable; /* one of them for the disk's sake */
};

/* Brings the empty state to `until` (UINT64_MAX: to the end, judging the tail): the newest snapshot
 * at or before it that is good, then the records behind it. A snapshot whose checksum, walk or
 * state hash is wrong is passed over for the older one; without any the journal must begin at 1. */
enum recovery_status fold_read(struct disk *disk, const struct fold *fold, uint64_t until,
                               struct folded *folded);

/* Makes the state of `folded` a snapshot, in place of one of the same position, which the fold
 * found bad. 0 or -errno; `head` (may be NULL) gets what was written. */
int fold_install(struct disk *disk, const struct fold *fold, const struct folded *folded,
                 const char *build, struct snapshot_head *head);

/* Removes the snapshots that were passed over, once fold_install() has made a better one at
 * folded->lsn: only good ones count as kept. Those that are gone are left. 0 or -errno. */
int fold_remove_bad(struct disk *disk, const struct folded *folded);

struct trimmed {
    uint32_t sealed, segments_removed, snapshots_removed;
};

/* Removes all but the newest two snapshots and the newest at or before `cursor` (what the slowest
 * projection has synced, UINT64_MAX: there is none), and the segments wholly below the oldest that
 * is kept; oldest first; and seals the segments before the last. With fewer than two snapshots, or
 * none at or before the cursor, no segment goes, and the oldest snapshot stays: a projection that
 * cannot say now what it has (cursor 0) may need it. 0 or -errno. */
int fold_trim(struct disk *disk, uint64_t cursor, struct trimmed *trimmed);

#endif
