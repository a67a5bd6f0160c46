#include "storage/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"
#include "storage/apply.h"
#include "storage/seal.h"
#include "storage/snapshot.h"

/* A batch is at most this long (journal.c); a torn one cannot reach further. */
enum { TORN_REACH = 4 << 20 };

/* How much is read at a time from where the last reading ended; the great one holds any chunk. */
enum { WINDOW_BYTES = 64 << 10, WINDOW_BYTES_MAX = 4 << 20 };

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

/* How many of the chunk's records are in the range. */
static uint64_t in_range(const struct chunk_head *head, struct recovery_range range)
{
    uint64_t first = head->first_lsn, last = head->first_lsn + head->records - 1;
    first = first > range.after ? first : range.after + 1;
    last = last < range.until ? last : range.until;
    return head->records && last >= first ? last - first + 1 : 0;
}

/* Checks the chunks of a segment, or of a part of one that begins on a block, from data + at on,
 * and hands them over. found->offset becomes where the valid data ends. */
static void read_chunks(const unsigned char *data, uint64_t bytes, uint64_t at, struct apply *apply,
                        struct recovery *found)
{
    const struct recovery_range range = apply->range;
    struct apply_span span = {.segment = data, .from = at};
    bool good = true;
    while (good && at + CHUNK_HEAD_BYTES <= bytes && found->next_lsn <= range.until) {
        struct chunk_head head;
        if (is_padding(data, at)) {
            at = (at + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
            continue;
        }
        if (!chunk_follows(data, bytes, at, found, &head))
            break;
        at += CHUNK_HEAD_BYTES + head.bytes;
        found->prev_crc = head.crc;
        found->next_lsn += head.records;
        found->next_batch = head.batch + 1;
        found->records += in_range(&head, range);
        found->chunks++;
        found->bytes += CHUNK_HEAD_BYTES + head.bytes;
        found->boot = head.boot > found->boot ? head.boot : found->boot;
        found->last_ts_us = (int64_t)head.ts_us;
        span.to = at;
        if (span.to - span.from < APPLY_SPAN_BYTES)
            continue;
        good = apply_give(apply, span);
        span.from = at;
    }
    if (span.to > span.from)
        apply_give(apply, span);
    found->offset = at < bytes ? at : bytes;
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
    if (head.number != number)
        return fail(found, RECOVERY_DAMAGED, name, 16, "the header is another file's");
    if (head.bytes != bytes) {
        snprintf(what, sizeof what, "the file has %" PRIu64 " bytes, by its header %" PRIu64, bytes,
                 head.bytes);
        return fail(found, RECOVERY_DAMAGED, name, 16, what);
    }
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

/* Without a segment: a new directory, unless snapshots say that there was a journal. A new exchange
 * beside them would not start a second time: its journal ends behind theirs. */
static enum recovery_status judge_empty(struct disk *disk, struct recovery *found)
{
    uint64_t *lsn;
    uint32_t count;
    enum recovery_status status = snapshot_list(disk, &lsn, &count);
    if (status != RECOVERY_OK) {
        snprintf(found->text, sizeof found->text, "cannot list the data directory");
    } else if (count == 0) {
        status = RECOVERY_EMPTY;
    } else {
        snprintf(found->text, sizeof found->text,
                 "there is a snapshot at LSN %" PRIu64 ", and no segment: all of them are missing",
                 lsn[0]);
        status = RECOVERY_DAMAGED;
    }
    free(lsn);
    return status;
}

static enum recovery_status list_segments(struct disk *disk, struct segment_list *list,
                                          struct recovery *found)
{
    int listed = segment_list(disk, list);
    if (listed == 0)
        return list->count ? RECOVERY_OK : judge_empty(disk, found);
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

struct loaded { /* a segment in memory */
    unsigned char *data;
    uint64_t bytes;
    char name[DISK_NAME_MAX];
};

/* Waits until the segment is applied, and gives its memory back. A record that was refused comes
 * before whatever is wrong behind it. */
static enum recovery_status settle(struct loaded *segment, struct apply *apply,
                                   enum recovery_status status, struct recovery *found)
{
    struct apply_fault fault = apply_wait(apply);
    if (segment->data && fault.text)
        status = fail(found, RECOVERY_DAMAGED, segment->name, fault.offset, fault.text);
    free(segment->data);
    segment->data = NULL;
    return status;
}

static enum recovery_status read_one(const struct loaded *segment, uint64_t number, bool last,
                                     struct apply *apply, struct recovery *found)
{
    char plain[DISK_NAME_MAX];
    const unsigned char *data = segment->data;
    uint64_t bytes = segment->bytes;
    segment_name(number, plain);
    enum recovery_status status = check_head(data, bytes, segment->name, number, found);
    if (status != RECOVERY_OK)
        return status;
    read_chunks(data, bytes, SEGMENT_BLOCK, apply, found);
    if (found->next_lsn > apply->range.until)
        return RECOVERY_OK;
    status = judge_tail(data, bytes, segment->name, found);
    if (status == RECOVERY_OK && !last && found->torn_bytes)
        return fail(found, RECOVERY_DAMAGED, segment->name, found->offset,
                    "bad chunk, and a later segment follows");
    if (status == RECOVERY_OK && last && strcmp(segment->name, plain) != 0)
        return fail(found, RECOVERY_DAMAGED, segment->name, 0,
                    "the last segment is sealed: the one after it is missing");
    return status;
}

/* The segments from list->number[first] on: one is read from the disk while the workers apply the
 * one before it. */
static enum recovery_status read_segments(struct disk *disk, const struct segment_list *list,
                                          uint32_t first, struct apply *apply,
                                          struct recovery *found)
{
    struct loaded now = {0}, next;
    enum recovery_status status = RECOVERY_OK;
    for (uint32_t i = first; status == RECOVERY_OK && i < list->count; i++) {
        if (i > first && found->next_lsn > apply->range.until)
            break;
        if (i > first && list->number[i] != list->number[i - 1] + 1) {
            segment_name(list->number[i], next.name);
            status =
                fail(found, RECOVERY_DAMAGED, next.name, 0, "the segment before it is missing");
            break;
        }
        if (apply->workers == 1)
            status = settle(&now, apply, status, found);
        if (status != RECOVERY_OK)
            break;
        next.data = load(disk, list->number[i], &next.bytes, next.name, found, &status);
        status = settle(&now, apply, status, found);
        now = next;
        if (status == RECOVERY_OK)
            status = read_one(&now, list->number[i], i + 1 == list->count, apply, found);
    }
    return settle(&now, apply, status, found);
}

enum recovery_status recovery_read_range(struct disk *disk, struct recovery_range range,
                                         const struct recovery_sink *sink, struct recovery *found)
{
    struct segment_list list = {0};
    struct apply apply;
    uint32_t first = 0;
    *found = (struct recovery){.next_lsn = 1, .next_batch = 1};
    enum recovery_status status = list_segments(disk, &list, found);
    if (status == RECOVERY_OK)
        status = find_first(disk, &list, range.after + 1, &first, found);
    if (status == RECOVERY_OK) {
        apply_start(&apply, sink, range);
        status = read_segments(disk, &list, first, &apply, found);
        apply_stop(&apply);
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

/* ---- reading on ---- */

/* Hands over the chunks from found->offset on that lie in so many bytes. */
static enum recovery_status read_window(struct disk *disk, uint64_t window, struct apply *apply,
                                        struct recovery *found)
{
    char name[DISK_NAME_MAX];
    uint64_t base = found->offset / SEGMENT_BLOCK * SEGMENT_BLOCK;
    uint64_t bytes = found->head.bytes - base < window ? found->head.bytes - base : window;
    enum recovery_status status = RECOVERY_OK;
    segment_name(found->head.number, name);
    int file = disk->ops->open(disk->self, name, false);
    unsigned char *data = NULL;
    if (file >= 0) {
        data = malloc(bytes);
        ASSERT(data != NULL);
        int64_t got = disk->ops->read(disk->self, file, data, bytes, base);
        disk->ops->close(disk->self, file);
        if (got != (int64_t)bytes)
            status = fail(found, RECOVERY_IO, name, base,
                          got < 0 ? strerror((int)-got) : "shorter than its header says");
    } else if (file == -ENOENT) { /* sealed meanwhile */
        base = 0;
        data = load(disk, found->head.number, &bytes, name, found, &status);
    } else {
        status = fail(found, RECOVERY_IO, name, base, strerror(-file));
    }
    if (status == RECOVERY_OK) {
        read_chunks(data, bytes, found->offset - base, apply, found);
        found->offset += base;
        struct apply_fault fault = apply_wait(apply);
        if (fault.text)
            status = fail(found, RECOVERY_DAMAGED, name, base + fault.offset, fault.text);
    }
    free(data);
    return status;
}

enum recovery_status recovery_read_on(struct disk *disk, uint64_t until,
                                      const struct recovery_sink *sink, struct recovery *found)
{
    struct apply apply;
    const struct recovery_range range = {.after = found->next_lsn - 1, .until = until};
    ASSERT(sink->workers <= 1);
    apply_start(&apply, sink, range);
    enum recovery_status status = RECOVERY_OK;
    uint64_t window = WINDOW_BYTES;
    while (status == RECOVERY_OK && found->next_lsn <= until) {
        uint64_t before = found->next_lsn;
        status = read_window(disk, window, &apply, found);
        bool more = found->next_lsn > before;
        if (!more && window == WINDOW_BYTES_MAX && status == RECOVERY_OK) {
            status = read_head(disk, found->head.number + 1, found);
            found->offset = SEGMENT_BLOCK;
        }
        window = more || window == WINDOW_BYTES ? WINDOW_BYTES_MAX : WINDOW_BYTES;
    }
    apply_stop(&apply);
    return status;
}

/* ---- cutting ---- */

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
