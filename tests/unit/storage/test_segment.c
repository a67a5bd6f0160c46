#include "storage/segment.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/record.h"
#include "storage/disk_posix.h"
#include "tests/unit/storage/mem_disk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct segment_head some_head(void)
{
    struct segment_head head = {.version = SEGMENT_VERSION,
                                .number = 0x0102030405060708,
                                .bytes = 0x1112131415161718,
                                .first_lsn = 0x2122232425262728,
                                .first_batch = 0x3132333435363738,
                                .prev_crc = 0x41424344,
                                .account_shards = 0x5152,
                                .market_shards = 0x6162};
    memcpy(head.id, "sixteen bytes id", SEGMENT_ID_BYTES);
    return head;
}

/* Goal: names sort by number and are read back. Method: small, large and largest numbers. */
Test(segment_name, is_read_back_as_its_number)
{
    static const struct {
        uint64_t number;
        const char *name;
    } rows[] = {
        {1, "journal-00000001.seg"},
        {99999999, "journal-99999999.seg"},
        {100000000, "journal-100000000.seg"},
        {UINT64_MAX, "journal-18446744073709551615.seg"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[DISK_NAME_MAX];
        segment_name(rows[i].number, name);
        cr_assert_str_eq(name, rows[i].name);
        cr_assert_eq(segment_number(name), rows[i].number);
    }
}

/* Goal: no other file is taken for a segment. Method: a table of near misses. */
Test(segment_name, of_no_other_file_has_a_number)
{
    static const char *const rows[] = {
        "",
        "journal-",
        "journal-.seg",
        "journal-1.seg",
        "journal-0000001.seg",
        "journal-000000001.seg",
        "journal-00000000.seg",
        "journal-00000001.seg.tmp",
        "journal-00000001.se",
        "journal-00000001",
        "journal-00000001.segx",
        "Journal-00000001.seg",
        "xjournal-00000001.seg",
        "journal--0000001.seg",
        "journal-+0000001.seg",
        "journal- 0000001.seg",
        "journal-0000000a.seg",
        "journal-0x000001.seg",
        SEGMENT_SPARE,
        "snapshot-00000001.seg",
        "journal-99999999999999999999999.seg",
        "lock",
        ".",
        "..",
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        cr_assert_eq(segment_number(rows[i]), 0, "\"%s\"", rows[i]);
}

/* Goal: what is written is read. Method: another value in every byte. */
Test(segment_head, comes_back_as_it_was_written)
{
    unsigned char block[SEGMENT_BLOCK];
    struct segment_head head = some_head(), back;
    memset(block, 0xA5, sizeof block);
    segment_encode(&head, block);
    cr_assert_eq(segment_decode(block, &back), SEGMENT_OK);
    cr_assert_eq(back.version, head.version);
    cr_assert_eq(back.number, head.number);
    cr_assert_eq(back.bytes, head.bytes);
    cr_assert_eq(back.first_lsn, head.first_lsn);
    cr_assert_eq(back.first_batch, head.first_batch);
    cr_assert_eq(back.prev_crc, head.prev_crc);
    cr_assert_eq(back.account_shards, head.account_shards);
    cr_assert_eq(back.market_shards, head.market_shards);
    cr_assert_eq(memcmp(back.id, head.id, SEGMENT_ID_BYTES), 0);
}

/* Goal: version 1 stays what it is. Method: the bytes, literally. */
Test(segment_head, has_the_bytes_of_version_1)
{
    unsigned char block[SEGMENT_BLOCK];
    struct segment_head head = some_head();
    segment_encode(&head, block);
    cr_assert_eq(memcmp(block, "CASTLEJ\n\x01\x00\x00\x00", 12), 0);
    static const unsigned char fields[] = {
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13,
        0x12, 0x11, 0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, 0x38, 0x37, 0x36, 0x35,
        0x34, 0x33, 0x32, 0x31, 0x44, 0x43, 0x42, 0x41, 0x52, 0x51, 0x62, 0x61,
    };
    cr_assert_eq(memcmp(block + 16, fields, sizeof fields), 0);
    cr_assert_eq(memcmp(block + 56, "sixteen bytes id", 16), 0);
    for (size_t i = 72; i < sizeof block; i++)
        cr_assert_eq(block[i], 0, "byte %zu", i);
}

/* Goal: no bit of a header changes unseen, and each change is named rightly. Method: flip each bit
 * of the block. */
Test(segment_head, every_flipped_bit_is_detected)
{
    unsigned char block[SEGMENT_BLOCK];
    struct segment_head head = some_head(), back;
    segment_encode(&head, block);
    for (size_t bit = 0; bit < 8 * sizeof block; bit++) {
        size_t byte = bit / 8;
        enum segment_check want = byte < 8    ? SEGMENT_NOT_OURS
                                  : byte < 12 ? SEGMENT_UNKNOWN_VERSION
                                              : SEGMENT_BAD_CRC;
        block[byte] ^= (unsigned char)(1 << bit % 8);
        cr_assert_eq(segment_decode(block, &back), want, "bit %zu of byte %zu", bit % 8, byte);
        block[byte] ^= (unsigned char)(1 << bit % 8);
    }
    cr_assert_eq(segment_decode(block, &back), SEGMENT_OK);
}

/* Goal: another version is told by its number, whatever else it says. Method: version 2 and others,
 * without a CRC that we know. */
Test(segment_head, an_unknown_version_is_told_with_its_number)
{
    static const uint32_t versions[] = {0, 2, 77, UINT32_MAX};
    for (size_t i = 0; i < COUNT(versions); i++) {
        unsigned char block[SEGMENT_BLOCK] = "CASTLEJ\n";
        struct segment_head back;
        put_u32(block + 8, versions[i]);
        cr_assert_eq(segment_decode(block, &back), SEGMENT_UNKNOWN_VERSION);
        cr_assert_eq(back.version, versions[i]);
    }
}

/* Goal: a file of zeros, or of something else, is not ours. Method: decode. */
Test(segment_head, other_files_are_not_ours)
{
    unsigned char block[SEGMENT_BLOCK] = {0};
    struct segment_head back;
    cr_assert_eq(segment_decode(block, &back), SEGMENT_NOT_OURS);
    memcpy(block, "SQLite format 3", 16);
    cr_assert_eq(segment_decode(block, &back), SEGMENT_NOT_OURS);
}

/* Goal: a new file has its full size, all zeros, synced with its name, even over an old one.
 * Method: sizes around the write stride. */
Test(segment_create, makes_a_synced_file_of_zeros)
{
    static const uint64_t sizes[] = {4096, 1 << 20, (1 << 20) + 4096, (3 << 20) - 4096};
    static struct mem_disk memory;
    struct disk disk = mem_disk(&memory);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        memset(mem_disk_put(&memory, "a", NULL, 5000)->data, 0xFF, 5000);
        cr_assert_eq(segment_create(&disk, "a", sizes[i]), 0);
        const struct mem_file *file = mem_disk_find(&memory, "a");
        cr_assert_eq(file->bytes, sizes[i]);
        for (uint64_t at = 0; at < sizes[i]; at++)
            cr_assert_eq(file->data[at], 0);
        cr_assert(!file->dirty && !memory.dir_dirty);
        cr_assert_eq(mem_disk_opened(&memory), 0);
    }
    mem_disk_fini(&memory);
}

/* Goal: a spare segment has its blocks and reads as zeros, written out or, without durability, only
 * allocated: a full disk shows here and not under the journal. Method: both on the real disk. */
Test(segment_create, has_its_blocks_on_the_real_disk_with_and_without_durability)
{
    enum { BYTES = (2 << 20) + 4096 };
    for (int durable = 0; durable < 2; durable++) {
        char dir[] = "/tmp/castle-segment-XXXXXX", path[64];
        struct disk_posix posix;
        struct stat st;
        cr_assert(mkdtemp(dir) != NULL);
        cr_assert_eq(disk_posix_open(&posix, dir, true, true, durable), DISK_OPEN_OK);
        struct disk disk = disk_posix(&posix);
        cr_assert_eq(segment_create(&disk, "a", BYTES), 0);
        snprintf(path, sizeof path, "%s/a", dir);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_size, BYTES);
        cr_assert_geq(st.st_blocks * 512, BYTES);
        unsigned char *data = calloc(1, BYTES), *zeros = calloc(1, BYTES);
        memset(data, 0xFF, BYTES);
        int file = disk.ops->open(disk.self, "a", false);
        cr_assert_eq(disk.ops->read(disk.self, file, data, BYTES, 0), BYTES);
        cr_assert_eq(memcmp(data, zeros, BYTES), 0);
        disk.ops->close(disk.self, file);
        free(data);
        free(zeros);
        unlink(path);
        disk_posix_close(&posix);
        snprintf(path, sizeof path, "%s/lock", dir);
        unlink(path);
        rmdir(dir);
    }
}

/* Goal: a failed creation is told with its reason and leaves no half-made file that looks whole.
 * Method: fail every call in turn (the first is the removal of an old file, which need not exist).
 */
Test(segment_create, a_failure_at_any_call_is_told)
{
    static struct mem_disk memory;
    struct disk disk = mem_disk(&memory);
    cr_assert_eq(segment_create(&disk, "a", 3 << 20), 0);
    uint64_t calls = memory.calls;
    mem_disk_fini(&memory);
    cr_assert_geq(calls, 7);
    for (uint64_t at = 2; at <= calls; at++) {
        memory.fail_at = at;
        memory.fail_errno = ENOSPC;
        cr_assert_eq(segment_create(&disk, "a", 3 << 20), -ENOSPC, "call %lu", at);
        cr_assert_eq(mem_disk_opened(&memory), 0, "call %lu", at);
        if (at <
            calls) /* the last is sync_dir: the file is whole then, only its name may be lost */
            cr_assert(mem_disk_find(&memory, "a") == NULL, "call %lu", at);
        mem_disk_fini(&memory);
    }
}
