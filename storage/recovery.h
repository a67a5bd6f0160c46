/* recovery.h - reads a journal from its beginning: every chunk checked, every record handed over.
 *
 * Thread:  the caller's, and the sink's workers (apply.h) while a reading lasts; nothing else uses
 * the journal meanwhile.
 * Tail:    reading stops at the first bad chunk. If any chunk of a later batch stands behind it,
 * that is damage and recovery refuses (PROTOCOL J3); else it was the torn last batch, which is cut.
 * The very last batch cannot be told from a torn one: docs/DURABILITY.md.
 */
#ifndef RECOVERY_H
#define RECOVERY_H

#include "runtime/record.h"
#include "storage/segment.h"

enum recovery_status {
    RECOVERY_OK,
    RECOVERY_EMPTY,   /* no journal here */
    RECOVERY_DAMAGED, /* `text` says where */
    RECOVERY_IO,
};

struct recovery {             /* what was found; where appending goes on */
    struct segment_head head; /* of the last segment */
    uint64_t offset;          /* in it: the next write */
    uint64_t next_lsn, next_batch, records, chunks, bytes, torn_bytes, segments;
    uint32_t prev_crc, boot; /* boot: highest seen */
    int64_t last_ts_us;
    char text[256]; /* of a failure */
};

struct recovery_sink {
    /* One record; returns NULL, or what is wrong with it, which ends recovery as damage. */
    const char *(*record)(void *self, const struct record_head *head, const unsigned char *payload,
                          int64_t ts_us, uint64_t lsn);
    /* Optional: records that record() will see next, in order. Fetches what they need, changes
     * nothing. */
    void (*ahead)(void *self, const struct record_ahead *record, uint32_t count);
    /* Above 1: record() and ahead() are called by so many threads, for the records of a shard by
     * the one that worker() names (below `workers`). */
    uint16_t workers;
    uint16_t (*worker)(void *self, uint16_t shard);
    void *self;
};

/* The first segment's header: what the directory was made with. */
enum recovery_status recovery_peek(struct disk *disk, struct segment_head *head, char text[256]);

/* Which records to hand over: after < lsn <= until. With an `until` the reading ends there and
 * judges no tail: so it may run beside the writer, up to what is durable. */
struct recovery_range {
    uint64_t after, until;
};

/* Reads from the segment that holds `after` on. Changes nothing on the disk. */
enum recovery_status recovery_read_range(struct disk *disk, struct recovery_range range,
                                         const struct recovery_sink *sink, struct recovery *found);

/* Reads everything. */
enum recovery_status recovery_read(struct disk *disk, const struct recovery_sink *sink,
                                   struct recovery *found);

/* Goes on where a good reading with the same sink ended, up to `until`, which must be durable and
 * the last record of its chunk. So it may run beside the writer, again and again. */
enum recovery_status recovery_read_on(struct disk *disk, uint64_t until,
                                      const struct recovery_sink *sink, struct recovery *found);

/* Cuts the torn tail: zeros from found->offset's exact end to where a torn batch could reach, then
 * syncs the file, since what was read may have been in the page cache only (PROTOCOL §2.8 step 3).
 */
enum recovery_status recovery_cut(struct disk *disk, struct recovery *found);

#endif
