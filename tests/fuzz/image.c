#include "tests/fuzz/image.h"

#include <string.h>

#include "actors/msg/msg.h"
#include "runtime/crc32c.h"

static size_t block_up(size_t at)
{
    return (at + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
}

/* Whether a whole chunk, by what its header says, begins here. */
static bool chunk_at(const uint8_t *data, size_t size, size_t at, struct chunk_head *head)
{
    return size - at >= CHUNK_HEAD_BYTES && chunk_head_decode(data + at, head) &&
           head->bytes <= size - at - CHUNK_HEAD_BYTES;
}

void image_read(struct image *image, const uint8_t *data, size_t size)
{
    unsigned char block[SEGMENT_BLOCK] = {0};
    struct chunk_head chunk;
    uint64_t batch = 0;
    memcpy(block, data, size < IMAGE_HEAD_BYTES ? size : IMAGE_HEAD_BYTES);
    put_u32(block + 12, crc32c(0, block + 16, SEGMENT_BLOCK - 16));
    segment_decode(block, &image->head);
    image->count = 0;
    for (size_t at = IMAGE_HEAD_BYTES; at < size && chunk_at(data, size, at, &chunk);
         at += CHUNK_HEAD_BYTES + chunk.bytes) {
        bool first = true;
        const uint8_t *from = data + at + CHUNK_HEAD_BYTES;
        for (size_t done = 0;
             chunk.bytes - done >= RECORD_HEAD_BYTES && image->count < IMAGE_RECORDS_MAX;) {
            struct image_record *record = &image->record[image->count];
            record_head_decode(from + done, &record->head);
            size_t left = chunk.bytes - done - RECORD_HEAD_BYTES;
            if (record->head.bytes > left || record->head.bytes > IMAGE_PAYLOAD_MAX)
                break;
            memcpy(record->payload, from + done + RECORD_HEAD_BYTES, record->head.bytes);
            record->begins_chunk = first;
            record->begins_batch = first && chunk.batch != batch;
            record->ts_us = chunk.ts_us;
            record->boot = chunk.boot;
            first = false;
            done += RECORD_HEAD_BYTES + record->head.bytes;
            image->count++;
        }
        batch = chunk.batch;
    }
}

/* ---- numbers as life would have given them ---- */

enum { SHARDS = 8 };

static void renumber(struct image *image)
{
    uint64_t seq[SHARDS] = {0}, link[SHARDS][SHARDS] = {{0}};
    for (uint32_t i = 0; i < image->count; i++) {
        struct image_record *record = &image->record[i];
        uint16_t to = record->head.shard % SHARDS;
        record->head.shard_seq = ++seq[to];
        record->head.flags &= (uint8_t)~RECORD_CHECKED;
        record->head.check = 0;
        if (record->head.type >= RECORD_REQUEST || record->head.type == RECORD_SELF)
            continue;
        for (uint32_t at = 0; at + MSG_ENCODED_BYTES <= record->head.bytes;
             at += MSG_ENCODED_BYTES) { /* link messages, as msg_encode() puts them */
            uint16_t from = get_u16(record->payload + at + 2) % SHARDS;
            put_u64(record->payload + at + 6, ++link[from][to]);
        }
    }
}

static void write_head(const struct image *image, uint8_t *data, uint64_t file_bytes)
{
    unsigned char block[SEGMENT_BLOCK];
    struct segment_head head = image->head;
    head.version = SEGMENT_VERSION;
    head.number = 1;
    head.bytes = file_bytes;
    segment_encode(&head, block);
    memcpy(data, block, IMAGE_HEAD_BYTES);
}

size_t image_write(struct image *image, uint8_t *data, size_t room, bool number)
{
    static unsigned char file[IMAGE_FILE_MAX];
    size_t at = IMAGE_HEAD_BYTES;
    uint64_t lsn = image->head.first_lsn, batch = image->head.first_batch - 1;
    uint32_t crc = image->head.prev_crc;
    if (number)
        renumber(image);
    if (room < IMAGE_HEAD_BYTES)
        return 0;
    write_head(image, data, 0);
    for (uint32_t i = 0; i < image->count;) {
        const struct image_record *first = &image->record[i];
        size_t start = at;
        struct chunk_head head = {
            .prev_crc = crc, .first_lsn = lsn, .ts_us = first->ts_us, .boot = first->boot};
        batch += i == 0 || first->begins_batch;
        head.batch = batch;
        at += CHUNK_HEAD_BYTES;
        for (; i < image->count && (&image->record[i] == first || !image->record[i].begins_chunk);
             i++) {
            const struct image_record *record = &image->record[i];
            if (at + RECORD_HEAD_BYTES + record->head.bytes > room)
                break;
            record_head_encode(data + at, &record->head);
            memcpy(data + at + RECORD_HEAD_BYTES, record->payload, record->head.bytes);
            at += RECORD_HEAD_BYTES + record->head.bytes;
            head.records++;
        }
        if (head.records == 0) {
            at = start;
            break;
        }
        head.bytes = (uint32_t)(at - start - CHUNK_HEAD_BYTES);
        chunk_head_encode(data + start, &head);
        crc = head.crc;
        lsn += head.records;
    }
    write_head(image, data, image_expand(data, at, file));
    return at;
}

void image_refit(uint8_t *data, size_t size)
{
    static unsigned char file[IMAGE_FILE_MAX];
    unsigned char block[SEGMENT_BLOCK] = {0};
    struct chunk_head head;
    if (size < IMAGE_HEAD_BYTES)
        return;
    uint64_t lsn = get_u64(data + 32);
    uint32_t crc = get_u32(data + 48);
    for (size_t at = IMAGE_HEAD_BYTES; at < size && chunk_at(data, size, at, &head);
         at += CHUNK_HEAD_BYTES + head.bytes) {
        head.prev_crc = crc;
        head.first_lsn = lsn;
        chunk_head_encode(data + at, &head);
        crc = head.crc;
        lsn += head.records;
    }
    put_u64(data + 16, 1);
    put_u64(data + 24, image_expand(data, size, file));
    memcpy(block, data, IMAGE_HEAD_BYTES);
    put_u32(data + 12, crc32c(0, block + 16, SEGMENT_BLOCK - 16));
}

size_t image_expand(const uint8_t *data, size_t size, unsigned char *file)
{
    size_t head_bytes = size < IMAGE_HEAD_BYTES ? size : IMAGE_HEAD_BYTES, at = head_bytes;
    size_t to = SEGMENT_BLOCK;
    struct chunk_head head;
    uint64_t batch = 0;
    if (size > IMAGE_FILE_MAX / 16) /* what grows by a block a chunk still fits */
        size = IMAGE_FILE_MAX / 16;
    memset(file, 0, SEGMENT_BLOCK);
    memcpy(file, data, head_bytes);
    while (at < size && chunk_at(data, size, at, &head)) {
        size_t bytes = CHUNK_HEAD_BYTES + head.bytes;
        size_t begin = head.batch == batch ? to : block_up(to);
        if (begin + bytes + (size - at) + 2 * SEGMENT_BLOCK > IMAGE_FILE_MAX)
            break;
        memset(file + to, 0, begin - to);
        memcpy(file + begin, data + at, bytes);
        batch = head.batch;
        to = begin + bytes;
        at += bytes;
    }
    if (at < size) /* the tail */
        memcpy(file + to, data + at, size - at);
    to += size - at;
    memset(file + to, 0,
           block_up(to) + SEGMENT_BLOCK - to); /* and a block that was never written */
    return block_up(to) + SEGMENT_BLOCK;
}
