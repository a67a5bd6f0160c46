#include "storage/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"
#include "runtime/crc32c.h"
#include "runtime/record.h"

static const char segment_magic[8] = "CASTLEJ\n";

void segment_name(uint64_t number, char out[static DISK_NAME_MAX])
{
    snprintf(out, DISK_NAME_MAX, "journal-%08" PRIu64 ".seg", number);
}

void segment_sealed_name(uint64_t number, char out[static DISK_NAME_MAX])
{
    snprintf(out, DISK_NAME_MAX, "journal-%08" PRIu64 ".seg.zst", number);
}

uint64_t segment_number(const char *name)
{
    char plain[DISK_NAME_MAX], sealed[DISK_NAME_MAX];
    uint64_t number;
    if (sscanf(name, "journal-%" SCNu64 ".seg", &number) != 1)
        return 0;
    segment_name(number, plain);
    segment_sealed_name(number, sealed);
    return strcmp(plain, name) == 0 || strcmp(sealed, name) == 0 ? number : 0;
}

static void list_one(void *arg, const char *name)
{
    struct segment_list *list = arg;
    uint64_t number = segment_number(name);
    if (!number)
        return;
    if ((list->count & (list->count - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        uint32_t room = list->count ? 2 * list->count : 1;
        list->number = realloc(list->number, room * sizeof *list->number);
        ASSERT(list->number != NULL);
    }
    list->number[list->count++] = number;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int segment_list(struct disk *disk, struct segment_list *list)
{
    uint32_t kept = 0;
    *list = (struct segment_list){0};
    int result = disk->ops->list(disk->self, list_one, list);
    if (result < 0)
        return result;
    if (list->count)
        qsort(list->number, list->count, sizeof *list->number, by_number);
    for (uint32_t i = 0; i < list->count; i++)
        if (!i || list->number[i] != list->number[i - 1])
            list->number[kept++] = list->number[i];
    list->count = kept;
    return 0;
}

void segment_encode(const struct segment_head *head, unsigned char out[static SEGMENT_BLOCK])
{
    memset(out, 0, SEGMENT_BLOCK);
    memcpy(out, segment_magic, sizeof segment_magic);
    put_u32(out + 8, head->version);
    put_u64(out + 16, head->number);
    put_u64(out + 24, head->bytes);
    put_u64(out + 32, head->first_lsn);
    put_u64(out + 40, head->first_batch);
    put_u32(out + 48, head->prev_crc);
    put_u16(out + 52, head->account_shards);
    put_u16(out + 54, head->market_shards);
    memcpy(out + 56, head->id, SEGMENT_ID_BYTES);
    put_u32(out + 72, head->users_max);
    put_u32(out + 76, head->symbols_max);
    put_u32(out + 80, head->orders_max);
    put_u32(out + 12, crc32c(0, out + 16, SEGMENT_BLOCK - 16));
}

enum segment_check segment_decode(const unsigned char in[static SEGMENT_BLOCK],
                                  struct segment_head *head)
{
    *head = (struct segment_head){0};
    if (memcmp(in, segment_magic, sizeof segment_magic) != 0)
        return SEGMENT_NOT_OURS;
    head->version = get_u32(in + 8);
    if (head->version != SEGMENT_VERSION)
        return SEGMENT_UNKNOWN_VERSION;
    if (get_u32(in + 12) != crc32c(0, in + 16, SEGMENT_BLOCK - 16))
        return SEGMENT_BAD_CRC;
    head->number = get_u64(in + 16);
    head->bytes = get_u64(in + 24);
    head->first_lsn = get_u64(in + 32);
    head->first_batch = get_u64(in + 40);
    head->prev_crc = get_u32(in + 48);
    head->account_shards = get_u16(in + 52);
    head->market_shards = get_u16(in + 54);
    memcpy(head->id, in + 56, SEGMENT_ID_BYTES);
    head->users_max = get_u32(in + 72);
    head->symbols_max = get_u32(in + 76);
    head->orders_max = get_u32(in + 80);
    return SEGMENT_OK;
}

static int fill(struct disk *disk, int file, uint64_t bytes)
{
    enum { STRIDE = 1 << 20 };
    int result = disk->ops->zeros ? disk->ops->zeros(disk->self, file, bytes) : -EOPNOTSUPP;
    if (result != -EOPNOTSUPP)
        return result;
    void *zeros = aligned_alloc(SEGMENT_BLOCK, STRIDE);
    if (!zeros)
        return -ENOMEM;
    memset(zeros, 0, STRIDE);
    result = 0;
    for (uint64_t at = 0; result == 0 && at < bytes; at += STRIDE)
        result = disk->ops->write(disk->self, file, zeros,
                                  bytes - at < STRIDE ? bytes - at : STRIDE, at);
    free(zeros);
    return result;
}

int segment_create(struct disk *disk, const char *name, uint64_t bytes)
{
    ASSERT(bytes % SEGMENT_BLOCK == 0);
    disk->ops->remove(disk->self, name);
    int file = disk->ops->open(disk->self, name, true);
    int result = file < 0 ? file : fill(disk, file, bytes);
    if (result == 0)
        result = disk->ops->sync(disk->self, file);
    if (file >= 0)
        disk->ops->close(disk->self, file);
    if (result == 0)
        result = disk->ops->sync_dir(disk->self);
    else
        disk->ops->remove(disk->self, name);
    return result;
}
