#include "storage/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"

/* A batch is at most this long (journal.c); a torn one cannot reach further. */
enum { TORN_REACH = 4 << 20 };

struct segment_list {
    uint64_t *number;
    uint32_t count, room;
};

static void list_segment(void *arg, const char *name)
{
    struct segment_list *list = arg;
    uint64_t number = segment_number(name);
    if (!number)
        return;
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->number = realloc(list->number, list->room * sizeof *list->number);
        ASSERT(list->number != NULL);
    }
    list->number[list->count++] = number;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static enum recovery_status fail(struct recovery *found, enum recovery_status status,
                                 const char *name, uint64_t offset, const char *what)
{
    snprintf(found->text, sizeof found->text, "%s at offset %" PRIu64 ": %s", name, offset, what);
    return status;
}

/* The whole file in memory, or NULL with `found->text` set. */
static unsigned char *load(struct disk *disk, const char *name, uint64_t *bytes,
                           struct recovery *found)
{
    int file = disk->ops->open(disk->self, name, false);
    int64_t size = file < 0 ? file : disk->ops->size(disk->self, file);
    unsigned char *data = size > 0 ? malloc((size_t)size) : NULL;
    int64_t got = data ? disk->ops->read(disk->self, file, data, (size_t)size, 0) : size;
    if (file >= 0)
        disk->ops->close(disk->self, file);
    if (got != size || size < 0 || (size > 0 && !data)) {
        free(data);
        snprintf(found->text, sizeof found->text, "%s: cannot be read: %s", name,
                 strerror(got < 0 ? (int)-got : EIO));
        return NULL;
    }
    *bytes = (uint64_t)size;
    return data ? data : calloc(1, 1);
}

/* Whether a whole, valid chunk of batch `batch` or a later one begins on a block boundary at or
 * behind `from`. Such a chunk is the first of its batch: the writer ends a batch that reaches a
 * boundary. */
static bool batch_behind(const unsigned char *data, uint64_t bytes, uint64_t from, uint64_t batch,
                         uint64_t *where)
{
    struct chunk_head head;
    for (uint64_t at = (from + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
         at + CHUNK_HEAD_BYTES <= bytes; at += SEGMENT_BLOCK)
        if (chunk_head_decode(data + at, &head) && head.batch >= batch &&
            head.bytes <= bytes - at - CHUNK_HEAD_BYTES && chunk_crc_ok(data + at, &head)) {
            *where = at;
            return true;
        }
    return false;
}

/* Whether the chunk at `at` is the one that must follow. */
static bool chunk_follows(const unsigned char *data, uint64_t bytes, uint64_t at,
                          const struct recovery *found, struct chunk_head *head)
{
    bool aligned = at % SEGMENT_BLOCK == 0;
    return chunk_head_decode(data + at, head) && head->bytes <= bytes - at - CHUNK_HEAD_BYTES &&
           head->prev_crc == found->prev_crc && head->first_lsn == found->next_lsn &&
           (head->batch == found->next_batch ? aligned : head->batch + 1 == found->next_batch) &&
           chunk_crc_ok(data + at, head) &&
           records_well_formed(data + at + CHUNK_HEAD_BYTES, head->bytes, head->records);
}

static const char *hand_over(const unsigned char *records, const struct chunk_head *head,
                             const struct recovery_sink *sink)
{
    const unsigned char *at = records;
    for (uint32_t i = 0; i < head->records; i++) {
        struct record_head record;
        record_head_decode(at, &record);
        const char *wrong = sink->record ? sink->record(sink->self, &record, at + RECORD_HEAD_BYTES,
                                                        (int64_t)head->ts_us, head->first_lsn + i)
                                         : NULL;
        if (wrong)
            return wrong;
        at += RECORD_HEAD_BYTES + record.bytes;
    }
    return NULL;
}

/* Whether a batch may have ended here: zeros up to the next block boundary, which is not here. */
static bool is_padding(const unsigned char *data, uint64_t at)
{
    uint64_t end = (at + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
    if (at == end)
        return false;
    while (at < end && data[at] == 0)
        at++;
    return at == end;
}

/* Reads one segment's chunks. found->offset becomes where its valid data ends. */
static enum recovery_status read_segment(const unsigned char *data, uint64_t bytes,
                                         const char *name, const struct recovery_sink *sink,
                                         struct recovery *found)
{
    uint64_t at = SEGMENT_BLOCK;
    while (at + CHUNK_HEAD_BYTES <= bytes) {
        struct chunk_head head;
        if (is_padding(data, at)) {
            at = (at + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
            continue;
        }
        if (!chunk_follows(data, bytes, at, found, &head))
            break;
        const char *wrong = hand_over(data + at + CHUNK_HEAD_BYTES, &head, sink);
        if (wrong)
            return fail(found, RECOVERY_DAMAGED, name, at, wrong);
        at += CHUNK_HEAD_BYTES + head.bytes;
        found->prev_crc = head.crc;
        found->next_lsn += head.records;
        found->next_batch = head.batch + 1;
        found->records += head.records;
        found->chunks++;
        found->bytes += CHUNK_HEAD_BYTES + head.bytes;
        found->boot = head.boot > found->boot ? head.boot : found->boot;
        found->last_ts_us = (int64_t)head.ts_us;
    }
    found->offset = at < bytes ? at : bytes;
    return RECOVERY_OK;
}

/* At the end of what could be read: a torn last batch, or damage? */
static enum recovery_status judge_tail(const unsigned char *data, uint64_t bytes, const char *name,
                                       struct recovery *found)
{
    /* In the middle of a batch the torn one is next_batch - 1; on a boundary it is next_batch,
     * whose first chunk is the bad one. Either way a first chunk of next_batch or later behind it
     * is proof. */
    uint64_t where;
    if (batch_behind(data, bytes, found->offset, found->next_batch, &where)) {
        char what[128];
        snprintf(what, sizeof what, "bad chunk, but a later batch stands at offset %" PRIu64,
                 where);
        return fail(found, RECOVERY_DAMAGED, name, found->offset, what);
    }
    uint64_t end = found->offset + TORN_REACH < bytes ? found->offset + TORN_REACH : bytes;
    for (uint64_t at = found->offset; at < end; at++)
        if (data[at])
            found->torn_bytes = at + 1 - found->offset;
    return RECOVERY_OK;
}

static enum recovery_status check_head(const unsigned char *data, uint64_t bytes, const char *name,
                                       uint64_t number, struct recovery *found)
{
    struct segment_head head;
    char what[96];
    if (bytes < SEGMENT_BLOCK)
        return fail(found, RECOVERY_DAMAGED, name, 0, "shorter than its header");
    switch (segment_decode(data, &head)) {
    case SEGMENT_OK:
        break;
    case SEGMENT_UNKNOWN_VERSION:
        snprintf(what, sizeof what,
                 "journal format version %u is not known here (this is version %u)", head.version,
                 (unsigned)SEGMENT_VERSION);
        return fail(found, RECOVERY_DAMAGED, name, 8, what);
    case SEGMENT_BAD_CRC:
        return fail(found, RECOVERY_DAMAGED, name, 0, "the header's checksum is wrong");
    default:
        return fail(found, RECOVERY_DAMAGED, name, 0, "not a journal segment");
    }
    if (head.number != number || head.bytes != bytes)
        return fail(found, RECOVERY_DAMAGED, name, 16, "the header is another file's");
    if (found->segments && memcmp(head.id, found->head.id, SEGMENT_ID_BYTES) != 0)
        return fail(found, RECOVERY_DAMAGED, name, 56, "the segment is of another data directory");
    if (!found->segments) {
        found->next_lsn = head.first_lsn;
        found->next_batch = head.first_batch;
        found->prev_crc = head.prev_crc;
    } else if (head.first_lsn != found->next_lsn || head.first_batch != found->next_batch ||
               head.prev_crc != found->prev_crc) {
        return fail(
            found, RECOVERY_DAMAGED, name, 32,
            "it does not continue the segment before it: chunks are missing or damaged there");
    }
    found->head = head;
    found->segments++;
    return RECOVERY_OK;
}

enum recovery_status recovery_peek(struct disk *disk, struct segment_head *head, char text[256])
{
    struct segment_list list = {0};
    struct recovery found = {0};
    char name[DISK_NAME_MAX];
    unsigned char block[SEGMENT_BLOCK];
    int listed = disk->ops->list(disk->self, list_segment, &list);
    *head = found.head;
    if (listed < 0) { /* not to be taken for an empty directory */
        free(list.number);
        snprintf(text, 256, "cannot list the data directory: %s", strerror(-listed));
        return RECOVERY_IO;
    }
    if (list.count == 0)
        return RECOVERY_EMPTY;
    qsort(list.number, list.count, sizeof *list.number, by_number);
    segment_name(list.number[0], name);
    uint64_t number = list.number[0];
    free(list.number);
    int file = disk->ops->open(disk->self, name, false);
    int64_t got = file < 0 ? file : disk->ops->read(disk->self, file, block, sizeof block, 0);
    int64_t size = file < 0 ? 0 : disk->ops->size(disk->self, file);
    if (file >= 0)
        disk->ops->close(disk->self, file);
    enum recovery_status status = RECOVERY_OK;
    if (got < 0)
        status = fail(&found, RECOVERY_IO, name, 0, strerror((int)-got));
    else
        status = check_head(block, got < SEGMENT_BLOCK ? (uint64_t)got : (uint64_t)size, name,
                            number, &found);
    *head = found.head;
    memcpy(text, found.text, sizeof found.text);
    return status;
}

enum recovery_status recovery_read(struct disk *disk, const struct recovery_sink *sink,
                                   struct recovery *found)
{
    struct segment_list list = {0};
    enum recovery_status status = RECOVERY_OK;
    *found = (struct recovery){.next_lsn = 1, .next_batch = 1};
    int listed = disk->ops->list(disk->self, list_segment, &list);
    if (listed < 0) {
        snprintf(found->text, sizeof found->text, "cannot list the data directory: %s",
                 strerror(-listed));
        status = RECOVERY_IO;
    } else if (list.count == 0) {
        status = RECOVERY_EMPTY;
    } else {
        qsort(list.number, list.count, sizeof *list.number, by_number);
    }
    for (uint32_t i = 0; status == RECOVERY_OK && i < list.count; i++) {
        char name[DISK_NAME_MAX];
        uint64_t bytes;
        segment_name(list.number[i], name);
        if (i && list.number[i] != list.number[i - 1] + 1) {
            status = fail(found, RECOVERY_DAMAGED, name, 0, "the segment before it is missing");
            break;
        }
        unsigned char *data = load(disk, name, &bytes, found);
        if (!data) {
            status = RECOVERY_IO;
            break;
        }
        status = check_head(data, bytes, name, list.number[i], found);
        if (status == RECOVERY_OK)
            status = read_segment(data, bytes, name, sink, found);
        if (status == RECOVERY_OK)
            status = judge_tail(data, bytes, name, found);
        if (status == RECOVERY_OK && i + 1 < list.count && found->torn_bytes)
            status = fail(found, RECOVERY_DAMAGED, name, found->offset,
                          "bad chunk, and a later segment follows");
        free(data);
    }
    free(list.number);
    return status;
}

enum recovery_status recovery_cut(struct disk *disk, struct recovery *found)
{
    char name[DISK_NAME_MAX];
    segment_name(found->head.number, name);
    int file = disk->ops->open(disk->self, name, false), result = file < 0 ? file : 0;
    unsigned char *block = aligned_alloc(SEGMENT_BLOCK, SEGMENT_BLOCK);
    ASSERT(block != NULL);
    uint64_t at = found->offset, end = at + found->torn_bytes;
    while (result == 0 && at < end) {
        uint64_t page = at / SEGMENT_BLOCK * SEGMENT_BLOCK;
        int64_t got = disk->ops->read(disk->self, file, block, SEGMENT_BLOCK, page);
        if (got != SEGMENT_BLOCK) {
            result = got < 0 ? (int)got : -EIO;
            break;
        }
        memset(block + (at - page), 0, SEGMENT_BLOCK - (at - page));
        result = disk->ops->write(disk->self, file, block, SEGMENT_BLOCK, page);
        at = page + SEGMENT_BLOCK;
    }
    if (result == 0)
        result = disk->ops->sync(disk->self, file);
    if (file >= 0)
        disk->ops->close(disk->self, file);
    free(block);
    found->offset = (found->offset + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
    if (result == 0)
        return RECOVERY_OK;
    snprintf(found->text, sizeof found->text, "%s: cannot cut the torn tail: %s", name,
             strerror(-result));
    return RECOVERY_IO;
}
