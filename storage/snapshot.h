/* snapshot.h - one file that holds the state of every shard as of one LSN.
 *
 * Thread:  any one at a time.
 * Name:    "snapshot-00000000000000000042.snap" is the state after the record with LSN 42.
 * Format:  version 1. Block 0 (4096 bytes) is the header, written last; behind it one zstd frame
 * (RFC 8878) with a content checksum, padded with zeros to a block. What it holds is written by
 *          the state's own walk (runtime/wire.h); its version is the header's `state_version`.
 * Install: written whole under another name, synced, renamed, the directory synced: a file of this
 * name is whole, or it rotted and its checksums say so.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "runtime/wire.h"
#include "storage/recovery.h"

enum { SNAPSHOT_VERSION = 1, SNAPSHOT_STATE_VERSION = 4, SNAPSHOT_BUILD_BYTES = 64 };

struct snapshot_head {
    uint32_t version, state_version;
    uint64_t lsn, state_hash, body_bytes, raw_bytes; /* body: compressed */
    uint32_t body_crc, boot;
    int64_t ts_us; /* of the last record */
    uint16_t account_shards, market_shards;
    uint32_t users_max, symbols_max, orders_max, done_orders;
    uint8_t id[SEGMENT_ID_BYTES];
    char build[SNAPSHOT_BUILD_BYTES]; /* of the program that wrote it: for people */
    /* The least done_orders of all snapshots that it came of, and of its own; 0: written before
     * there was this field, and not known to be less than its own. */
    uint32_t done_least;
};

void snapshot_name(uint64_t lsn, char out[static DISK_NAME_MAX]);
/* The LSN in a name; false when it is no snapshot's. */
bool snapshot_lsn(const char *name, uint64_t *lsn);

/* Writes and installs it. `head` says everything but sizes and checksum, which are filled in.
 * `save` walks the state. 0 or -errno. */
int snapshot_write(struct disk *disk, struct snapshot_head *head,
                   void (*save)(void *self, struct wire *wire), void *self);

/* Reads the header. RECOVERY_DAMAGED: `text` says what is wrong. */
enum recovery_status snapshot_peek(struct disk *disk, uint64_t lsn, struct snapshot_head *head,
                                   char text[static 256]);

/* Reads header and body; `load` walks the state into place. RECOVERY_DAMAGED: it is not whole, or
 * the walk says so; what `load` has filled is then of no use. */
enum recovery_status snapshot_read(struct disk *disk, uint64_t lsn, struct snapshot_head *head,
                                   void (*load)(void *self, struct wire *wire), void *self,
                                   char text[static 256]);

/* The LSNs of the snapshots that are there, newest first (malloc). RECOVERY_OK or RECOVERY_IO. */
enum recovery_status snapshot_list(struct disk *disk, uint64_t **lsn, uint32_t *count);

#endif
