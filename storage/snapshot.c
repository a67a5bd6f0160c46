#include "storage/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "runtime/check.h"
#include "runtime/crc32c.h"

enum { STRIDE = 1 << 20, LEVEL = 1 };

static const char magic[8] = "CASTLES\n";
static const char temp_name[] = "snapshot.tmp";

void snapshot_name(uint64_t lsn, char out[static DISK_NAME_MAX])
{
    snprintf(out, DISK_NAME_MAX, "snapshot-%020" PRIu64 ".snap", lsn);
}

bool snapshot_lsn(const char *name, uint64_t *lsn)
{
    char again[DISK_NAME_MAX];
    if (sscanf(name, "snapshot-%" SCNu64 ".snap", lsn) != 1)
        return false;
    snapshot_name(*lsn, again);
    return strcmp(again, name) == 0;
}

/* ---- header ---- */

static void head_fields(struct wire *wire, struct snapshot_head *head)
{
    wire_u64(wire, &head->lsn);
    wire_u64(wire, &head->state_hash);
    wire_u64(wire, &head->body_bytes);
    wire_u64(wire, &head->raw_bytes);
    wire_u32(wire, &head->state_version);
    wire_u32(wire, &head->body_crc);
    wire_u32(wire, &head->boot);
    wire_i64(wire, &head->ts_us);
    wire_u16(wire, &head->account_shards);
    wire_u16(wire, &head->market_shards);
    wire_u32(wire, &head->users_max);
    wire_u32(wire, &head->symbols_max);
    wire_u32(wire, &head->orders_max);
    wire_u32(wire, &head->done_orders);
    wire_bytes(wire, head->id, SEGMENT_ID_BYTES);
    wire_bytes(wire, head->build, SNAPSHOT_BUILD_BYTES);
    wire_u32(wire, &head->done_least); /* headers from before it have zeros here */
}

static void head_encode(struct snapshot_head *head, unsigned char out[static SEGMENT_BLOCK])
{
    struct wire wire = {.out = out + 16, .ok = true};
    memset(out, 0, SEGMENT_BLOCK);
    memcpy(out, magic, sizeof magic);
    put_u32(out + 8, SNAPSHOT_VERSION);
    head_fields(&wire, head);
    put_u32(out + 12, crc32c(0, out + 16, SEGMENT_BLOCK - 16));
}

/* NULL, or what is wrong with it. */
static const char *head_decode(unsigned char in[static SEGMENT_BLOCK], struct snapshot_head *head)
{
    struct wire wire = {.in = in + 16, .end = SEGMENT_BLOCK - 16, .ok = true};
    *head = (struct snapshot_head){0};
    if (memcmp(in, magic, sizeof magic) != 0)
        return "not a snapshot";
    head->version = get_u32(in + 8);
    if (head->version != SNAPSHOT_VERSION)
        return "its format version is not known here";
    if (get_u32(in + 12) != crc32c(0, in + 16, SEGMENT_BLOCK - 16))
        return "the header's checksum is wrong";
    head_fields(&wire, head);
    head->build[SNAPSHOT_BUILD_BYTES - 1] = '\0';
    if (head->state_version != SNAPSHOT_STATE_VERSION)
        return "the version of its state is not known here";
    return NULL;
}

/* ---- writing: walk -> zstd -> blocks ---- */

struct writer {
    struct disk *disk;
    int file, result;
    ZSTD_CCtx *zstd;
    unsigned char *packed; /* [2 * STRIDE], aligned: what is not on the disk yet */
    size_t packed_length;
    uint64_t offset, body_bytes, raw_bytes;
    uint32_t crc;
};

/* Writes whole strides; with `all` the rest too, padded. */
static void drain(struct writer *writer, bool all)
{
    while (writer->result == 0 &&
           (writer->packed_length >= STRIDE || (all && writer->packed_length))) {
        size_t part = writer->packed_length < STRIDE ? writer->packed_length : STRIDE;
        size_t padded = (part + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
        writer->crc = crc32c(writer->crc, writer->packed, part);
        writer->body_bytes += part;
        memset(writer->packed + writer->packed_length, 0, padded - part);
        writer->result = writer->disk->ops->write(writer->disk->self, writer->file, writer->packed,
                                                  padded, writer->offset);
        writer->offset += padded;
        writer->packed_length -= part;
        memmove(writer->packed, writer->packed + part, writer->packed_length);
    }
}

static void compress(struct writer *writer, const void *data, size_t length, ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = {.src = data, .size = length};
    size_t left;
    writer->raw_bytes += length;
    do {
        ZSTD_outBuffer out = {.dst = writer->packed + writer->packed_length,
                              .size = 2 * STRIDE - SEGMENT_BLOCK - writer->packed_length};
        left = ZSTD_compressStream2(writer->zstd, &out, &in, end);
        ASSERT(!ZSTD_isError(left));
        writer->packed_length += out.pos;
        drain(writer, false);
    } while (writer->result == 0 && (in.pos < in.size || (end == ZSTD_e_end && left)));
}

static bool write_turn(struct wire *wire)
{
    struct writer *writer = wire->self;
    compress(writer, wire->out, wire->at, ZSTD_e_continue);
    wire->at = 0;
    return writer->result == 0;
}

static int write_body(struct writer *writer, void (*save)(void *self, struct wire *wire),
                      void *self)
{
    struct wire wire = {.out = malloc(STRIDE), .end = STRIDE, .ok = true, .turn = write_turn};
    ASSERT(wire.out != NULL);
    wire.self = writer;
    save(self, &wire);
    if (wire.ok)
        compress(writer, wire.out, wire.at, ZSTD_e_end);
    drain(writer, true);
    free(wire.out);
    return writer->result ? writer->result : wire.ok ? 0 : -EIO;
}

static int install(struct disk *disk, const char *name)
{
    disk->ops->remove(disk->self, name); /* the same position again: this one is as good */
    FAILPOINT("before-snapshot-rename");
    int result = disk->ops->rename(disk->self, temp_name, name);
    FAILPOINT("before-snapshot-sync");
    return result ? result : disk->ops->sync_dir(disk->self);
}

int snapshot_write(struct disk *disk, struct snapshot_head *head,
                   void (*save)(void *self, struct wire *wire), void *self)
{
    char name[DISK_NAME_MAX];
    struct writer writer = {.disk = disk, .offset = SEGMENT_BLOCK};
    unsigned char *block = aligned_alloc(SEGMENT_BLOCK, SEGMENT_BLOCK);
    writer.packed = aligned_alloc(SEGMENT_BLOCK, 2 * STRIDE);
    writer.zstd = ZSTD_createCCtx();
    ASSERT(block && writer.packed && writer.zstd);
    ZSTD_CCtx_setParameter(writer.zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(writer.zstd, ZSTD_c_checksumFlag, 1);
    disk->ops->remove(disk->self, temp_name);
    writer.file = disk->ops->open(disk->self, temp_name, true);
    int result = writer.file < 0 ? writer.file : write_body(&writer, save, self);
    head->body_bytes = writer.body_bytes;
    head->raw_bytes = writer.raw_bytes;
    head->body_crc = writer.crc;
    head->version = SNAPSHOT_VERSION;
    head->state_version = SNAPSHOT_STATE_VERSION;
    head_encode(head, block);
    if (result == 0)
        result = disk->ops->write(disk->self, writer.file, block, SEGMENT_BLOCK, 0);
    if (result == 0)
        result = disk->ops->sync(disk->self, writer.file);
    if (writer.file >= 0)
        disk->ops->close(disk->self, writer.file);
    snapshot_name(head->lsn, name);
    if (result == 0)
        result = install(disk, name);
    else
        disk->ops->remove(disk->self, temp_name);
    ZSTD_freeCCtx(writer.zstd);
    free(writer.packed);
    free(block);
    return result;
}

/* ---- reading ---- */

struct reader {
    ZSTD_DCtx *zstd;
    ZSTD_inBuffer in;
    unsigned char *raw; /* [STRIDE] */
    uint64_t raw_bytes;
    bool failed, ended;
};

static bool read_turn(struct wire *wire)
{
    struct reader *reader = wire->self;
    ZSTD_outBuffer out = {.dst = reader->raw, .size = STRIDE};
    while (!reader->failed && !reader->ended && out.pos == 0) {
        size_t left = ZSTD_decompressStream(reader->zstd, &out, &reader->in);
        reader->ended = left == 0;
        reader->failed =
            ZSTD_isError(left) || (left && reader->in.pos == reader->in.size && !out.pos);
    }
    wire->in = reader->raw;
    wire->at = 0;
    wire->end = (uint32_t)out.pos;
    reader->raw_bytes += out.pos;
    return out.pos > 0 && !reader->failed;
}

static enum recovery_status wrong(char text[static 256], enum recovery_status status,
                                  const char *name, const char *what)
{
    snprintf(text, 256, "%s: %s", name, what);
    return status;
}

/* What the body holds, once the whole of it is known to be what was written. */
static const char *load_body(unsigned char *body, const struct snapshot_head *head,
                             void (*load)(void *self, struct wire *wire), void *self)
{
    const char *what = NULL;
    struct reader reader = {.zstd = ZSTD_createDCtx(),
                            .in = {.src = body, .size = head->body_bytes},
                            .raw = malloc(STRIDE)};
    struct wire wire = {.in = reader.raw, .ok = true, .turn = read_turn, .self = &reader};
    ASSERT(reader.zstd && reader.raw);
    load(self, &wire);
    if (!wire.ok)
        what = "its state cannot be read";
    else if (wire.at != wire.end || read_turn(&wire) || reader.raw_bytes != head->raw_bytes)
        what = "it holds more than its state";
    else if (reader.failed)
        what = "its checksum is wrong";
    ZSTD_freeDCtx(reader.zstd);
    free(reader.raw);
    return what;
}

static enum recovery_status open_head(struct disk *disk, uint64_t lsn, struct snapshot_head *head,
                                      int *file, uint64_t *size, char name[static DISK_NAME_MAX],
                                      char text[static 256])
{
    unsigned char block[SEGMENT_BLOCK];
    snapshot_name(lsn, name);
    *file = disk->ops->open(disk->self, name, false);
    int64_t got = *file < 0 ? *file : disk->ops->size(disk->self, *file);
    *size = got < 0 ? 0 : (uint64_t)got;
    if (got >= 0)
        got = disk->ops->read(disk->self, *file, block, sizeof block, 0);
    if (got < 0)
        return wrong(text, RECOVERY_IO, name, strerror((int)-got));
    const char *what = got < SEGMENT_BLOCK ? "shorter than its header" : head_decode(block, head);
    if (!what && head->lsn != lsn)
        what = "the header is another file's";
    if (!what && (head->body_bytes > *size - SEGMENT_BLOCK))
        what = "shorter than its body";
    return what ? wrong(text, RECOVERY_DAMAGED, name, what) : RECOVERY_OK;
}

enum recovery_status snapshot_peek(struct disk *disk, uint64_t lsn, struct snapshot_head *head,
                                   char text[static 256])
{
    char name[DISK_NAME_MAX];
    uint64_t size;
    int file;
    enum recovery_status status = open_head(disk, lsn, head, &file, &size, name, text);
    if (file >= 0)
        disk->ops->close(disk->self, file);
    return status;
}

enum recovery_status snapshot_read(struct disk *disk, uint64_t lsn, struct snapshot_head *head,
                                   void (*load)(void *self, struct wire *wire), void *self,
                                   char text[static 256])
{
    char name[DISK_NAME_MAX];
    uint64_t size;
    int file;
    unsigned char *body = NULL;
    enum recovery_status status = open_head(disk, lsn, head, &file, &size, name, text);
    if (status == RECOVERY_OK) {
        body = malloc(head->body_bytes + 1);
        ASSERT(body != NULL);
        int64_t got =
            disk->ops->read(disk->self, file, body, (size_t)head->body_bytes, SEGMENT_BLOCK);
        if (got < 0)
            status = wrong(text, RECOVERY_IO, name, strerror((int)-got));
        else if ((uint64_t)got != head->body_bytes ||
                 crc32c(0, body, (size_t)head->body_bytes) != head->body_crc)
            status = wrong(text, RECOVERY_DAMAGED, name, "the body's checksum is wrong");
    }
    if (file >= 0)
        disk->ops->close(disk->self, file);
    const char *what = status == RECOVERY_OK ? load_body(body, head, load, self) : NULL;
    free(body);
    return what ? wrong(text, RECOVERY_DAMAGED, name, what) : status;
}

/* ---- which there are ---- */

struct list {
    uint64_t *lsn;
    uint32_t count, room;
};

static void list_one(void *arg, const char *name)
{
    struct list *list = arg;
    uint64_t lsn;
    if (!snapshot_lsn(name, &lsn))
        return;
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 8;
        list->lsn = realloc(list->lsn, list->room * sizeof *list->lsn);
        ASSERT(list->lsn != NULL);
    }
    list->lsn[list->count++] = lsn;
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x > y ? -1 : x < y;
}

enum recovery_status snapshot_list(struct disk *disk, uint64_t **lsn, uint32_t *count)
{
    struct list list = {0};
    int listed = disk->ops->list(disk->self, list_one, &list);
    if (listed < 0) {
        free(list.lsn);
        *lsn = NULL;
        *count = 0;
        return RECOVERY_IO;
    }
    if (list.count)
        qsort(list.lsn, list.count, sizeof *list.lsn, newest_first);
    *lsn = list.lsn;
    *count = list.count;
    return RECOVERY_OK;
}
