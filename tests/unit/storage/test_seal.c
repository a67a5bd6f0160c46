#include "storage/seal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/hash.h"
#include "tests/unit/storage/golden.h"
#include "tests/unit/storage/mini_journal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char plain_name[] = "journal-00000001.seg", sealed_name[] = "journal-00000001.seg.zst";

static struct {
    struct mem_disk memory, before;
    struct disk disk;
    unsigned char whole[MINI_SEGMENT_BYTES]; /* the segment as it was */
} t;

static void setup(void)
{
    struct mini_journal journal = {0};
    t.disk = mem_disk(&t.memory);
    mini_segment(&t.memory, &journal, MINI_CHUNKS_MAX, 20);
    memcpy(t.whole, mem_disk_find(&t.memory, plain_name)->data, sizeof t.whole);
    mem_disk_copy(&t.before, &t.memory);
}

static void teardown(void)
{
    cr_assert_eq(mem_disk_opened(&t.memory), 0, "a file was left open");
    mem_disk_fini(&t.memory);
    mem_disk_fini(&t.before);
}

TestSuite(seal, .init = setup, .fini = teardown);

/* What loading segment 1 says: 0, when it is exactly what it was, or -errno. */
static int load(void)
{
    char name[DISK_NAME_MAX];
    uint64_t bytes = 0;
    int error;
    unsigned char *data = segment_load(&t.disk, 1, &bytes, name, &error);
    if (!data)
        return error;
    cr_assert_eq(bytes, sizeof t.whole, "%lu bytes", bytes);
    cr_assert_eq(memcmp(data, t.whole, bytes), 0, "accepted with another content");
    free(data);
    return 0;
}

static bool exists(const char *name)
{
    return mem_disk_find(&t.memory, name) != NULL;
}

/* Goal: a sealed segment is read as the segment it was. Method: seal, load, peek; sizes of nothing
 * but a header, of zeros, of what does not compress. */
Test(seal, gives_the_segment_back)
{
    static const uint32_t sizes[] = {SEGMENT_BLOCK, 2 * SEGMENT_BLOCK, MINI_SEGMENT_BYTES};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (uint32_t random = 0; random < 2; random++) {
            mem_disk_copy(&t.memory, &t.before);
            struct mem_file *file = mem_disk_find(&t.memory, plain_name);
            file->bytes = sizes[i];
            for (uint32_t at = SEGMENT_BLOCK; random && at < sizes[i]; at++)
                file->data[at] = (unsigned char)hash_mix(at);
            unsigned char *wanted = malloc(sizes[i]);
            memcpy(wanted, file->data, sizes[i]);
            cr_assert_eq(seal_segment(&t.disk, 1), 0);
            cr_assert(!exists(plain_name) && exists(sealed_name));
            cr_assert_eq(mem_disk_find(&t.memory, sealed_name)->bytes % SEGMENT_BLOCK, 0);
            char name[DISK_NAME_MAX];
            uint64_t bytes;
            int error;
            unsigned char *data = segment_load(&t.disk, 1, &bytes, name, &error);
            cr_assert(data != NULL, "%d", error);
            cr_assert_str_eq(name, sealed_name);
            cr_assert_eq(bytes, sizes[i]);
            cr_assert_eq(memcmp(data, wanted, bytes), 0);
            free(data);
            free(wanted);
        }
}

/* Goal: the header can be read without the rest. Method: peek at it, plain and sealed. */
Test(seal, leaves_the_header_to_be_peeked_at)
{
    unsigned char block[SEGMENT_BLOCK];
    char name[DISK_NAME_MAX];
    for (int sealed = 0; sealed < 2; sealed++) {
        uint64_t bytes = 0;
        cr_assert_eq(segment_peek(&t.disk, 1, block, &bytes, name), SEGMENT_BLOCK);
        cr_assert_str_eq(name, sealed ? sealed_name : plain_name);
        cr_assert_eq(bytes, sizeof t.whole);
        cr_assert_eq(memcmp(block, t.whole, sizeof block), 0);
        cr_assert_eq(segment_peek(&t.disk, 2, block, &bytes, name), -ENOENT);
        if (!sealed)
            cr_assert_eq(seal_segment(&t.disk, 1), 0);
    }
}

/* Goal: rot is noticed. Method: flip a bit of every byte; what is still accepted (the frames that
 * decompression skips) has the same content. */
Test(seal, a_flipped_bit_is_refused_or_changes_nothing)
{
    cr_assert_eq(seal_segment(&t.disk, 1), 0);
    struct mem_file *file = mem_disk_find(&t.memory, sealed_name);
    uint32_t refused = 0;
    for (uint64_t at = 0; at < file->bytes; at++) {
        unsigned char bit = (unsigned char)(1 << hash_mix(at) % 8);
        file->data[at] ^= bit;
        int error = load();
        cr_assert(error == 0 || error == -EBADMSG, "byte %lu: %d", at, error);
        refused += error != 0;
        file->data[at] ^= bit;
    }
    cr_assert_eq(load(), 0);
    cr_assert_gt(refused, SEGMENT_BLOCK, "the copy of the header, and the frame behind it");
}

/* Goal: a file cut short is noticed. Method: every length but those that cut only padding. */
Test(seal, a_file_cut_short_is_refused_or_whole)
{
    cr_assert_eq(seal_segment(&t.disk, 1), 0);
    struct mem_file *file = mem_disk_find(&t.memory, sealed_name);
    uint64_t whole = file->bytes;
    for (uint64_t bytes = 0; bytes < whole; bytes += 7) {
        file->bytes = bytes;
        int error = load();
        cr_assert(error == -EBADMSG || (error == 0 && bytes > SEGMENT_BLOCK + 100), "%lu", bytes);
    }
    file->bytes = whole;
    cr_assert_eq(load(), 0);
}

/* Goal: whatever fails, the segment is there, and the next try succeeds. Method: fail every call,
 * with and without bytes that were written; also over what an earlier try left behind. */
Test(seal, a_failure_at_any_call_loses_nothing)
{
    static const char rotten[] = "not what it should be";
    for (int left_behind = 0; left_behind < 2; left_behind++) {
        if (left_behind) {
            mem_disk_put(&t.before, sealed_name, rotten, sizeof rotten);
            mem_disk_put(&t.before, "seal.tmp", rotten, sizeof rotten);
        }
        mem_disk_copy(&t.memory, &t.before);
        cr_assert_eq(seal_segment(&t.disk, 1), 0);
        uint64_t calls = t.memory.calls;
        cr_assert_geq(calls, 10);
        for (uint64_t at = 1; at <= calls; at++) {
            mem_disk_copy(&t.memory, &t.before);
            t.memory.fail_at = at;
            t.memory.fail_errno = ENOSPC;
            t.memory.torn_bytes = at % 2 ? SEGMENT_BLOCK : 0;
            int result = seal_segment(&t.disk, 1);
            t.memory.fail_at = 0;
            cr_assert(result == 0 || result == -ENOSPC || result == -EEXIST, "call %lu: %d", at,
                      result);
            cr_assert_eq(mem_disk_opened(&t.memory), 0, "call %lu", at);
            cr_assert_eq(load(), 0, "call %lu", at);
            if (exists(plain_name))
                cr_assert_eq(seal_segment(&t.disk, 1), 0, "again after call %lu", at);
            cr_assert(!exists(plain_name), "call %lu", at);
            cr_assert_eq(load(), 0, "call %lu", at);
        }
    }
}

/* Goal: a crash between the two names costs nothing. Method: both files, the sealed one rotten: the
 * plain one counts. */
Test(seal, of_two_files_the_plain_one_counts)
{
    mem_disk_put(&t.memory, sealed_name, "rotten", 6);
    cr_assert_eq(load(), 0);
    struct segment_list list;
    cr_assert_eq(segment_list(&t.disk, &list), 0);
    cr_assert_eq(list.count, 1, "one segment under two names");
    free(list.number);
}

/* Goal: what is not a segment is not sealed, and what is not there is told. Method: both. */
Test(seal, refuses_what_is_no_segment)
{
    cr_assert_eq(seal_segment(&t.disk, 2), -ENOENT);
    mem_disk_put(&t.memory, "journal-00000002.seg", NULL, 100);
    cr_assert_eq(seal_segment(&t.disk, 2), -EBADMSG);
    cr_assert(exists("journal-00000002.seg"));
    cr_assert_eq(load(), 0);
    mem_disk_fini(&t.memory);
    cr_assert_eq(load(), -ENOENT);
}

/* Goal: names are read back, and no other file's is taken for one. Method: a table. */
Test(seal, names)
{
    static const struct {
        const char *name;
        uint64_t number;
    } rows[] = {{"journal-00000001.seg.zst", 1},  {"journal-100000000.seg.zst", 100000000},
                {"journal-0000001.seg.zst", 0},   {"journal-00000001.seg.zs", 0},
                {"journal-00000001.seg.zstd", 0}, {"journal-00000001.zst", 0},
                {"journal-00000000.seg.zst", 0},  {"seal.tmp", 0}};
    char name[DISK_NAME_MAX];
    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_assert_eq(segment_number(rows[i].name), rows[i].number, "%s", rows[i].name);
        if (rows[i].number) {
            segment_sealed_name(rows[i].number, name);
            cr_assert_str_eq(name, rows[i].name);
        }
    }
}

/* Goal: what was sealed once is read for ever. Method: the golden file is the sealed form of the
 * golden segment. */
Test(seal, the_golden_file_is_read)
{
    static unsigned char file[2 * SEGMENT_BLOCK];
    golden_load("journal-v1.seg.hex", t.whole, sizeof t.whole);
    golden_load("journal-v1.seg.zst.hex", file, sizeof file);
    mem_disk_fini(&t.memory);
    mem_disk_put(&t.memory, sealed_name, file, sizeof file);
    cr_assert_eq(load(), 0);
}
