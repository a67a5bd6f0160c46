#include "storage/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"
#include "storage/seal.h"

/* A batch is at most this long (journal.c); a torn one cannot reach further. */
enum { TORN_REACH = 4 << 20, RECORDS_AHEAD = 32 };

static enum recovery_status fail(struct recovery *found, enum recovery_status status,
                                 const char *name, uint64_t offset, const char *what)
{
    snprintf(found->text, sizeof found->text, "%s at offset %" PRIu64 ": %s", name, offset, what);
    return status;
}

/* The whole segment in memory, or NULL with `found->text` and *status set. */
static unsigned char *load(struct disk *disk, uint64_t number, uint64_t *bytes,
                           char name[static DISK_NAME_MAX], struct recovery *found,
                           enum recovery_status *status)
{
    int error;
    unsigned char *data = segment_load(disk, number, bytes, name, &error);
    if (data)
        return data;
    *status = error == -EBADMSG ? RECOVERY_DAMAGED : RECOVERY_IO;
    snprintf(found->text, sizeof found->text, "%s: %s", name,
             error == -EBADMSG ? "does not decompress to a segment" : strerror(-error));
    return NULL;
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

/* Shows the sink up to RECORDS_AHEAD records from `at` on. */
static void show_ahead(const unsigned char *at, uint32_t left, const struct recovery_sink *sink)
{
    struct record_ahead record[RECORDS_AHEAD];
    uint32_t count = 0;
    for (; count < left && count < RECORDS_AHEAD; count++) {
        record_head_decode(at, &record[count].head);
        record[count].payload = at + RECORD_HEAD_BYTES;
        at += RECORD_HEAD_BYTES + record[count].head.bytes;
    }
    sink->ahead(sink->self, record, count);
}

/* The chunk's records within the range. */
static const char *hand_over(const unsigned char *records, const struct chunk_head *head,
                             struct recovery_range range, const struct recovery_sink *sink,
                             struct recovery *found)
{
    const unsigned char *at = records;
    for (uint32_t i = 0; i < head->records; i++) {
        struct record_head record;
        uint64_t lsn = head->first_lsn + i;
        if (sink->ahead && i % RECORDS_AHEAD == 0)
            show_ahead(at, head->records - i, sink);
        record_head_decode(at, &record);
        if (lsn > range.after && lsn <= range.until) {
            found->records++;
            const char *wrong = sink->record
                                    ? sink->record(sink->self, &record, at + RECORD_HEAD_BYTES,
                                                   (int64_t)head->ts_us, lsn)
                                    : NULL;
            if (wrong)
                return wrong;
        }
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
                                         const char *name, struct recovery_range range,
                                         const struct recovery_sink *sink, struct recovery *found)
{
    uint64_t at = SEGMENT_BLOCK;
    while (at + CHUNK_HEAD_BYTES <= bytes && found->next_lsn <= range.until) {
        struct chunk_head head;
        if (is_padding(data, at)) {
            at = (at + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
            continue;
        }
        if (!chunk_follows(data, bytes, at, found, &head))
            break;
        const char *wrong = hand_over(data + at + CHUNK_HEAD_BYTES, &head, range, sink, found);
        if (wrong)
            return fail(found, RECOVERY_DAMAGED, name, at, wrong);
        at += CHUNK_HEAD_BYTES + head.bytes;
        found->prev_crc = head.crc;
        found->next_lsn += head.records;
        found->next_batch = head.batch + 1;
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

static enum recovery_status list_segments(struct disk *disk, struct segment_list *list,
                                          struct recovery *found)
{
    int listed = segment_list(disk, list);
    if (listed == 0)
        return list->count ? RECOVERY_OK : RECOVERY_EMPTY;
    /* not to be taken for an empty directory */
    snprintf(found->text, sizeof found->text, "cannot list the data directory: %s",
             strerror(-listed));
    return RECOVERY_IO;
}

/* The header of one segment. */
static enum recovery_status read_head(struct disk *disk, uint64_t number, struct recovery *found)
{
    unsigned char block[SEGMENT_BLOCK];
    char name[DISK_NAME_MAX];
    uint64_t bytes;
    int64_t got = segment_peek(disk, number, block, &bytes, name);
    if (got < 0)
        return fail(found, RECOVERY_IO, name, 0, strerror((int)-got));
    return check_head(block, got < SEGMENT_BLOCK ? (uint64_t)got : bytes, name, number, found);
}

enum recovery_status recovery_peek(struct disk *disk, struct segment_head *head, char text[256])
{
    struct segment_list list = {0};
    struct recovery found = {0};
    enum recovery_status status = list_segments(disk, &list, &found);
    if (status == RECOVERY_OK)
        status = read_head(disk, list.number[0], &found);
    free(list.number);
    *head = found.head;
    memcpy(text, found.text, sizeof found.text);
    return status;
}

/* The place in the list of the last segment that begins at or before `lsn`. */
static enum recovery_status find_first(struct disk *disk, const struct segment_list *list,
                                       uint64_t lsn, uint32_t *first, struct recovery *found)
{
    for (uint32_t i = list->count; i-- > 0;) {
        struct recovery look = {0};
        enum recovery_status status = read_head(disk, list->number[i], &look);
        if (status != RECOVERY_OK) {
            memcpy(found->text, look.text, sizeof look.text);
            return status;
        }
        *first = i;
        if (look.head.first_lsn <= lsn)
            return RECOVERY_OK;
        if (i == 0) {
            snprintf(found->text, sizeof found->text,
                     "the journal begins at LSN %" PRIu64 ", and no good snapshot reaches there",
                     look.head.first_lsn);
            return RECOVERY_DAMAGED;
        }
    }
    return RECOVERY_OK;
}

static enum recovery_status read_one(struct disk *disk, uint64_t number, bool last,
                                     struct recovery_range range, const struct recovery_sink *sink,
                                     struct recovery *found)
{
    char name[DISK_NAME_MAX], plain[DISK_NAME_MAX];
    uint64_t bytes;
    enum recovery_status status = RECOVERY_OK;
    unsigned char *data = load(disk, number, &bytes, name, found, &status);
    if (!data)
        return status;
    segment_name(number, plain);
    status = check_head(data, bytes, name, number, found);
    if (status == RECOVERY_OK)
        status = read_segment(data, bytes, name, range, sink, found);
    if (status == RECOVERY_OK && found->next_lsn <= range.until) {
        status = judge_tail(data, bytes, name, found);
        if (status == RECOVERY_OK && !last && found->torn_bytes)
            status = fail(found, RECOVERY_DAMAGED, name, found->offset,
                          "bad chunk, and a later segment follows");
        if (status == RECOVERY_OK && last && strcmp(name, plain) != 0)
            status = fail(found, RECOVERY_DAMAGED, name, 0,
                          "the last segment is sealed: the one after it is missing");
    }
    free(data);
    return status;
}

enum recovery_status recovery_read_range(struct disk *disk, struct recovery_range range,
                                         const struct recovery_sink *sink, struct recovery *found)
{
    struct segment_list list = {0};
    uint32_t first = 0;
    *found = (struct recovery){.next_lsn = 1, .next_batch = 1};
    enum recovery_status status = list_segments(disk, &list, found);
    if (status == RECOVERY_OK)
        status = find_first(disk, &list, range.after + 1, &first, found);
    for (uint32_t i = first; status == RECOVERY_OK && i < list.count; i++) {
        if (i > first && found->next_lsn > range.until)
            break;
        char name[DISK_NAME_MAX];
        segment_name(list.number[i], name);
        if (i > first && list.number[i] != list.number[i - 1] + 1)
            status = fail(found, RECOVERY_DAMAGED, name, 0, "the segment before it is missing");
        else
            status = read_one(disk, list.number[i], i + 1 == list.count, range, sink, found);
    }
    if (status == RECOVERY_OK && range.until == UINT64_MAX && found->next_lsn <= range.after) {
        snprintf(found->text, sizeof found->text,
                 "the journal ends at LSN %" PRIu64 ", behind the snapshot at %" PRIu64
                 ": its last segments are missing",
                 found->next_lsn - 1, range.after);
        status = RECOVERY_DAMAGED;
    }
    free(list.number);
    return status;
}

enum recovery_status recovery_read(struct disk *disk, const struct recovery_sink *sink,
                                   struct recovery *found)
{
    return recovery_read_range(disk, (struct recovery_range){.until = UINT64_MAX}, sink, found);
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
