/* seal.h - segments that will never change again, compressed: "journal-00000001.seg.zst".
 *
 * Thread:  any one at a time.
 * Format:  zstd (RFC 8878): a skippable frame with a copy of the segment's header block, so that it
 * can be read alone; one frame with a content checksum, which is the whole .seg file; a skippable
 * frame of zeros up to the next 4096 bytes. `zstd -d` gives the .seg file back.
 */
#ifndef SEAL_H
#define SEAL_H

#include "runtime/env.h"
#include "storage/segment.h"

/* Compresses segment `number` and removes the plain file. Crash at any point: one whole file is
 * there, or both. 0 or -errno. */
int seal_segment(struct disk *disk, uint64_t number);

/* The whole segment in memory (malloc), plain or sealed; NULL with -errno in *error (-EBADMSG: a
 * sealed one that does not decompress). `name` gets the file's name. */
unsigned char *segment_load(struct disk *disk, uint64_t number, uint64_t *bytes,
                            char name[static DISK_NAME_MAX], int *error);

/* The first bytes of a segment, at most SEGMENT_BLOCK, plain or sealed, and what the whole segment
 * measures: bytes read, or -errno. */
int64_t segment_peek(struct disk *disk, uint64_t number, unsigned char out[static SEGMENT_BLOCK],
                     uint64_t *bytes, char name[static DISK_NAME_MAX]);

/* The same decoded: 0, or -errno (-EBADMSG: not a whole header). */
int segment_look(struct disk *disk, uint64_t number, struct segment_head *head, uint64_t *bytes,
                 char name[static DISK_NAME_MAX]);

#endif
