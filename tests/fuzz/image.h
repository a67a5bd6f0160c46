/* image.h - a journal segment as a short text of bytes, which a fuzzer can change and which is
 * still a segment.
 *
 * Thread:  one.
 *
 * Format:  the first 128 bytes of the header block, then the chunks one behind the other, then
 * anything. As a file each batch begins on a block boundary, as the writer would have put it
 * (image_expand).
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/core.h"
#include "runtime/record.h"
#include "storage/segment.h"

enum {
    IMAGE_HEAD_BYTES = 128,
    IMAGE_RECORDS_MAX = 300,
    IMAGE_PAYLOAD_MAX = RECORD_BYTES_MAX - RECORD_HEAD_BYTES,
    IMAGE_FILE_MAX = 1 << 20,
};

struct image_record {
    struct record_head head;
    unsigned char payload[IMAGE_PAYLOAD_MAX];
    bool begins_chunk, begins_batch;
    uint64_t ts_us; /* of its chunk */
    uint32_t boot;
};

struct image {
    struct segment_head head;
    struct image_record record[IMAGE_RECORDS_MAX];
    uint32_t count;
};

/* Reads what can be read: records as far as chunks and records are whole. */
void image_read(struct image *image, const uint8_t *data, size_t size);

/* Writes it with all that must be right: CRCs, LSNs, batch numbers. With `renumber`, shards' and
 * links' numbers too, and without the digests of what the records once did. Returns the bytes, at
 * most `room`: records that do not fit are left out. */
size_t image_write(struct image *image, uint8_t *data, size_t room, bool renumber);

/* Puts CRCs, sizes and LSNs right wherever something looks like a chunk. */
void image_refit(uint8_t *data, size_t size);

/* The segment file: IMAGE_FILE_MAX bytes of room; returns its size. */
size_t image_expand(const uint8_t *data, size_t size, unsigned char *file);

#endif
