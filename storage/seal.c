#include "storage/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "runtime/check.h"
#include "runtime/record.h"

enum {
    SKIPPABLE_MAGIC = 0x184D2A5C,
    SKIPPABLE_HEAD = 8,
    LEVEL = 1,
};

static const char temp_name[] = "seal.tmp";

/* A whole file in memory, or NULL with -errno. An empty one is one byte long in memory. */
static unsigned char *load_file(struct disk *disk, const char *name, uint64_t *bytes, int *error)
{
    int file = disk->ops->open(disk->self, name, false);
    int64_t size = file < 0 ? file : disk->ops->size(disk->self, file);
    unsigned char *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
    int64_t got = data ? disk->ops->read(disk->self, file, data, (size_t)size, 0) : size;
    if (file >= 0)
        disk->ops->close(disk->self, file);
    *error = got < 0 ? (int)got : got != size ? -EIO : 0;
    if (*error) {
        free(data);
        return NULL;
    }
    *bytes = (uint64_t)size;
    return data;
}

static void skippable_head(unsigned char *out, uint32_t bytes)
{
    put_u32(out, (uint32_t)SKIPPABLE_MAGIC);
    put_u32(out + 4, bytes);
}

/* Fills up to the next block boundary with a frame that decompression skips. */
static size_t pad_to_block(unsigned char *out, size_t length)
{
    size_t pad = (SEGMENT_BLOCK - length % SEGMENT_BLOCK) % SEGMENT_BLOCK;
    if (pad == 0)
        return length;
    if (pad < SKIPPABLE_HEAD)
        pad += SEGMENT_BLOCK;
    memset(out + length, 0, pad);
    skippable_head(out + length, (uint32_t)(pad - SKIPPABLE_HEAD));
    return length + pad;
}

/* The sealed form of a segment: malloc'd, padded, 4096-aligned. */
static unsigned char *compress(const unsigned char *data, uint64_t bytes, size_t *length)
{
    size_t room = SKIPPABLE_HEAD + SEGMENT_BLOCK + ZSTD_compressBound(bytes) + 2 * SEGMENT_BLOCK;
    unsigned char *out =
        aligned_alloc(SEGMENT_BLOCK, (room + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ASSERT(out != NULL && context != NULL);
    skippable_head(out, SEGMENT_BLOCK);
    memcpy(out + SKIPPABLE_HEAD, data, SEGMENT_BLOCK);
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t at = SKIPPABLE_HEAD + SEGMENT_BLOCK;
    size_t made = ZSTD_compress2(context, out + at, room - at, data, bytes);
    ASSERT(!ZSTD_isError(made)); /* the room is what zstd asks for */
    ZSTD_freeCCtx(context);
    *length = pad_to_block(out, at + made);
    return out;
}

static int write_whole(struct disk *disk, const char *name, const unsigned char *data,
                       size_t length)
{
    disk->ops->remove(disk->self, name);
    int file = disk->ops->open(disk->self, name, true), result = file < 0 ? file : 0;
    if (result == 0)
        result = disk->ops->write(disk->self, file, data, length, 0);
    if (result == 0)
        result = disk->ops->sync(disk->self, file);
    if (file >= 0)
        disk->ops->close(disk->self, file);
    if (result)
        disk->ops->remove(disk->self, name);
    return result;
}

int seal_segment(struct disk *disk, uint64_t number)
{
    char plain[DISK_NAME_MAX], sealed[DISK_NAME_MAX];
    uint64_t bytes;
    size_t length;
    int result;
    segment_name(number, plain);
    segment_sealed_name(number, sealed);
    unsigned char *data = load_file(disk, plain, &bytes, &result);
    if (!data)
        return result;
    if (bytes < SEGMENT_BLOCK) {
        free(data);
        return -EBADMSG;
    }
    unsigned char *packed = compress(data, bytes, &length);
    free(data);
    result = write_whole(disk, temp_name, packed, length);
    free(packed);
    if (result == 0) {
        disk->ops->remove(disk->self, sealed); /* of an earlier try: the plain file was whole */
        FAILPOINT("before-seal-rename");
        result = disk->ops->rename(disk->self, temp_name, sealed);
    }
    if (result == 0)
        result = disk->ops->sync_dir(disk->self);
    FAILPOINT("before-seal-remove");
    if (result == 0)
        result = disk->ops->remove(disk->self, plain);
    return result;
}

/* The sealed file's content, or NULL: it is not what seal_segment() made. */
static unsigned char *decompress(const unsigned char *packed, uint64_t length, uint64_t *bytes)
{
    const size_t at = SKIPPABLE_HEAD + SEGMENT_BLOCK;
    if (length < at)
        return NULL;
    unsigned long long size = ZSTD_getFrameContentSize(packed + at, length - at);
    size_t frame = ZSTD_findFrameCompressedSize(packed + at, length - at);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
        size < SEGMENT_BLOCK || size > SEGMENT_BYTES_MAX || ZSTD_isError(frame))
        return NULL;
    unsigned char *data = malloc(size);
    ASSERT(data != NULL);
    size_t got = ZSTD_decompress(data, size, packed + at, frame);
    if (ZSTD_isError(got) || got != size || memcmp(data, packed + SKIPPABLE_HEAD, SEGMENT_BLOCK)) {
        free(data);
        return NULL;
    }
    *bytes = size;
    return data;
}

unsigned char *segment_load(struct disk *disk, uint64_t number, uint64_t *bytes,
                            char name[static DISK_NAME_MAX], int *error)
{
    uint64_t length;
    segment_name(number, name);
    unsigned char *data = load_file(disk, name, bytes, error);
    if (data || *error != -ENOENT)
        return data;
    segment_sealed_name(number, name);
    unsigned char *packed = load_file(disk, name, &length, error);
    if (!packed)
        return NULL;
    data = decompress(packed, length, bytes);
    free(packed);
    if (!data)
        *error = -EBADMSG;
    return data;
}

static int64_t peek_file(struct disk *disk, const char *name, unsigned char *out, size_t bytes,
                         uint64_t at, uint64_t *size)
{
    int file = disk->ops->open(disk->self, name, false);
    if (file < 0)
        return file;
    int64_t got = disk->ops->size(disk->self, file);
    if (got >= 0) {
        *size = (uint64_t)got;
        got = disk->ops->read(disk->self, file, out, bytes, at);
    }
    disk->ops->close(disk->self, file);
    return got;
}

int64_t segment_peek(struct disk *disk, uint64_t number, unsigned char out[static SEGMENT_BLOCK],
                     uint64_t *bytes, char name[static DISK_NAME_MAX])
{
    struct segment_head head;
    segment_name(number, name);
    int64_t got = peek_file(disk, name, out, SEGMENT_BLOCK, 0, bytes);
    if (got != -ENOENT)
        return got;
    segment_sealed_name(number, name);
    got = peek_file(disk, name, out, SEGMENT_BLOCK, SKIPPABLE_HEAD, bytes);
    /* The plain file's length is what its header says; a header that lies is found out later. */
    if (got == SEGMENT_BLOCK && segment_decode(out, &head) == SEGMENT_OK)
        *bytes = head.bytes;
    return got;
}

int segment_look(struct disk *disk, uint64_t number, struct segment_head *head, uint64_t *bytes,
                 char name[static DISK_NAME_MAX])
{
    unsigned char block[SEGMENT_BLOCK];
    int64_t got = segment_peek(disk, number, block, bytes, name);
    if (got < 0)
        return (int)got;
    return got == SEGMENT_BLOCK && segment_decode(block, head) == SEGMENT_OK ? 0 : -EBADMSG;
}
