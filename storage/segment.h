/* segment.h - one journal file: its name, its header block, its size.
 *
 * Thread:  any; pure functions.
 * Format:  version 1. Block 0 (4096 bytes) is the header; batches of chunks follow, each beginning
 * on a 4096-byte boundary and padded with zeros; what was never written is zero (RELIABILITY §4).
 *          tests/unit/storage/golden/ holds a file of each version.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/env.h"

enum { SEGMENT_BLOCK = 4096, SEGMENT_VERSION = 1, SEGMENT_ID_BYTES = 16 };
#define SEGMENT_SPARE     "spare.seg"
#define SEGMENT_BYTES_MAX (UINT64_C(1) << 30)

struct segment_head {
    uint32_t version;
    uint64_t number; /* 1, 2, 3... */
    uint64_t bytes;  /* of the file */
    uint64_t first_lsn, first_batch;
    uint32_t prev_crc; /* of the last chunk before this segment, 0 at the beginning */
    uint16_t account_shards, market_shards;
    uint32_t users_max, symbols_max, orders_max; /* what the state was built for; 0: not told */
    uint8_t id[SEGMENT_ID_BYTES];                /* of the data directory */
};

enum segment_check { SEGMENT_OK, SEGMENT_NOT_OURS, SEGMENT_UNKNOWN_VERSION, SEGMENT_BAD_CRC };

/* "journal-00000001.seg" */
void segment_name(uint64_t number, char out[static DISK_NAME_MAX]);
/* "journal-00000001.seg.zst": sealed (seal.h) */
void segment_sealed_name(uint64_t number, char out[static DISK_NAME_MAX]);
/* The number in a name, plain or sealed, or 0 when it is no segment's. */
uint64_t segment_number(const char *name);

struct segment_list {
    uint64_t *number; /* ascending, each once, plain or sealed; malloc */
    uint32_t count;
};

/* The segments of the directory. 0 or -errno; free(list->number) in any case. */
int segment_list(struct disk *disk, struct segment_list *list);

void segment_encode(const struct segment_head *head, unsigned char out[static SEGMENT_BLOCK]);
/* An unknown version is told with its number in head->version. */
enum segment_check segment_decode(const unsigned char in[static SEGMENT_BLOCK],
                                  struct segment_head *head);

/* Creates `name` with `bytes` zeros, synced: writes never change its size. 0 or -errno. */
int segment_create(struct disk *disk, const char *name, uint64_t bytes);

#endif
