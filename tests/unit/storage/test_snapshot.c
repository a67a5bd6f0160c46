#include "storage/snapshot.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/hash.h"
#include "tests/unit/storage/golden.h"
#include "tests/unit/storage/mem_disk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { STATE_MAX = 5 << 20, LSN = 42 };

static const char golden_text[] = "the state of version 1";

/* A state of so many bytes; the walk writes their number and them. */
struct state {
    uint32_t bytes;
    unsigned char *data; /* [STATE_MAX] */
    uint32_t more;       /* what the walk asks for behind its end */
};

static struct {
    struct mem_disk memory, before;
    struct disk disk;
    struct state wrote, read;
} t;

static void walk(void *self, struct wire *wire)
{
    struct state *state = self;
    state->bytes = wire_count(wire, state->bytes, STATE_MAX);
    wire_bytes(wire, state->data, state->bytes);
    for (uint32_t i = 0; i < state->more; i++)
        wire_u8(wire, &(uint8_t){0});
}

static void refusing_walk(void *self, struct wire *wire)
{
    walk(self, wire);
    wire_expect(wire, false);
}

static void fill(uint32_t bytes)
{
    t.wrote.bytes = bytes;
    for (uint32_t i = 0; i < bytes; i++) /* half of it does not compress */
        t.wrote.data[i] = i % 8192 < 4096 ? (unsigned char)hash_mix(i) : (unsigned char)(i / 8192);
}

static struct snapshot_head head_of(uint64_t lsn)
{
    return (struct snapshot_head){.lsn = lsn,
                                  .state_hash = 0x1122334455667788,
                                  .boot = 7,
                                  .ts_us = 1700000000000001,
                                  .account_shards = 2,
                                  .market_shards = 3,
                                  .users_max = 10,
                                  .symbols_max = 11,
                                  .orders_max = 12,
                                  .done_orders = 13,
                                  .id = "snapshot test i",
                                  .build = "test"};
}

static void write_one(uint64_t lsn)
{
    struct snapshot_head head = head_of(lsn);
    cr_assert_eq(snapshot_write(&t.disk, &head, walk, &t.wrote), 0);
}

static void setup(void)
{
    t.disk = mem_disk(&t.memory);
    t.wrote.data = malloc(STATE_MAX);
    t.read.data = malloc(STATE_MAX);
    fill(3000);
}

static void teardown(void)
{
    cr_assert_eq(mem_disk_opened(&t.memory), 0, "a file was left open");
    mem_disk_fini(&t.memory);
    mem_disk_fini(&t.before);
    free(t.wrote.data);
    free(t.read.data);
}

TestSuite(snapshot, .init = setup, .fini = teardown);

/* Reads snapshot LSN; what is accepted is what was written, with the header that was. */
static enum recovery_status read_one(char text[static 256])
{
    struct snapshot_head head, wanted = head_of(LSN);
    text[0] = '\0';
    t.read.bytes = 0;
    enum recovery_status status = snapshot_read(&t.disk, LSN, &head, walk, &t.read, text);
    if (status != RECOVERY_OK) {
        cr_assert(strstr(text, "snapshot-00000000000000000042.snap: ") == text, "\"%s\"", text);
        return status;
    }
    cr_assert_eq(t.read.bytes, t.wrote.bytes);
    cr_assert_eq(memcmp(t.read.data, t.wrote.data, t.wrote.bytes), 0,
                 "accepted with another content");
    wanted.version = SNAPSHOT_VERSION;
    wanted.state_version = SNAPSHOT_STATE_VERSION;
    wanted.raw_bytes = t.wrote.bytes + 4;
    wanted.body_bytes = head.body_bytes;
    wanted.body_crc = head.body_crc;
    cr_assert_eq(memcmp(&head, &wanted, offsetof(struct snapshot_head, build) + sizeof head.build),
                 0, "the header differs");
    return status;
}

static struct mem_file *the_file(void)
{
    char name[DISK_NAME_MAX];
    snapshot_name(LSN, name);
    return mem_disk_find(&t.memory, name);
}

/* Goal: a state comes back as it was. Method: sizes at the edges of buffers and blocks. */
Test(snapshot, gives_the_state_back)
{
    static const uint32_t sizes[] = {0,
                                     1,
                                     4091,
                                     4092,
                                     4093,
                                     (1 << 20) - 5,
                                     (1 << 20) - 4,
                                     (1 << 20) - 3,
                                     (2 << 20) - 4,
                                     (4 << 20) + 4711};
    char text[256];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct snapshot_head head;
        fill(sizes[i]);
        write_one(LSN);
        cr_assert_eq(read_one(text), RECOVERY_OK, "%u bytes: %s", sizes[i], text);
        cr_assert_eq(snapshot_peek(&t.disk, LSN, &head, text), RECOVERY_OK, "%s", text);
        cr_assert_eq(head.raw_bytes, sizes[i] + 4u);
        cr_assert_eq(the_file()->bytes % SEGMENT_BLOCK, 0);
        cr_assert(!the_file()->dirty && !t.memory.dir_dirty, "synced, and its name too");
    }
}

/* Goal: rot is noticed. Method: flip a bit of every byte: only padding may be accepted. */
Test(snapshot, a_flipped_bit_is_refused)
{
    char text[256];
    struct snapshot_head head;
    write_one(LSN);
    struct mem_file *file = the_file();
    cr_assert_eq(snapshot_peek(&t.disk, LSN, &head, text), RECOVERY_OK);
    for (uint64_t at = 0; at < file->bytes; at++) {
        unsigned char bit = (unsigned char)(1 << hash_mix(at) % 8);
        file->data[at] ^= bit;
        enum recovery_status wanted =
            at < SEGMENT_BLOCK + head.body_bytes ? RECOVERY_DAMAGED : RECOVERY_OK;
        cr_assert_eq(read_one(text), wanted, "byte %lu: %s", at, text);
        file->data[at] ^= bit;
    }
    cr_assert_eq(read_one(text), RECOVERY_OK, "%s", text);
}

/* Goal: a file cut short is noticed. Method: every length that cuts the body. */
Test(snapshot, a_file_cut_short_is_refused)
{
    char text[256];
    struct snapshot_head head;
    write_one(LSN);
    struct mem_file *file = the_file();
    cr_assert_eq(snapshot_peek(&t.disk, LSN, &head, text), RECOVERY_OK);
    for (uint64_t bytes = 0; bytes < SEGMENT_BLOCK + head.body_bytes; bytes += 3) {
        file->bytes = bytes;
        cr_assert_eq(read_one(text), RECOVERY_DAMAGED, "%lu bytes", bytes);
    }
    file->bytes = SEGMENT_BLOCK + head.body_bytes;
    cr_assert_eq(read_one(text), RECOVERY_OK, "%s", text);
}

/* Goal: a walk that does not fit what is there is refused. Method: one that reads a byte less, one
 * more, and one that finds a value wrong. */
Test(snapshot, a_walk_that_does_not_fit_is_refused)
{
    char text[256];
    struct snapshot_head head;
    t.wrote.more = 1;
    write_one(LSN);
    cr_assert_eq(snapshot_read(&t.disk, LSN, &head, walk, &t.read, text), RECOVERY_DAMAGED);
    cr_assert(strstr(text, "more than its state"), "%s", text);
    t.read.more = 2;
    cr_assert_eq(snapshot_read(&t.disk, LSN, &head, walk, &t.read, text), RECOVERY_DAMAGED);
    cr_assert(strstr(text, "cannot be read"), "%s", text);
    t.read.more = 1;
    cr_assert_eq(snapshot_read(&t.disk, LSN, &head, refusing_walk, &t.read, text),
                 RECOVERY_DAMAGED);
    cr_assert_eq(snapshot_read(&t.disk, LSN, &head, walk, &t.read, text), RECOVERY_OK, "%s", text);
}

/* Goal: a file under another's name is refused, and one that is not there is told. Method: rename.
 */
Test(snapshot, is_known_by_its_lsn)
{
    char text[256];
    write_one(41);
    cr_assert_eq(read_one(text), RECOVERY_IO, "not there");
    cr_assert_eq(t.disk.ops->rename(t.disk.self, "snapshot-00000000000000000041.snap",
                                    "snapshot-00000000000000000042.snap"),
                 0);
    cr_assert_eq(read_one(text), RECOVERY_DAMAGED);
    cr_assert(strstr(text, "another file's"), "%s", text);
}

/* Goal: whatever fails, no file that looks like a snapshot is there, or a whole one, and the older
 * one stays; the next try succeeds. Method: fail every call, over what an earlier try left. */
Test(snapshot, a_failure_at_any_call_leaves_old_or_new)
{
    char text[256];
    write_one(7);
    mem_disk_put(&t.memory, "snapshot.tmp", "left behind", 11);
    mem_disk_copy(&t.before, &t.memory);
    mem_disk_copy(&t.memory, &t.before);
    write_one(LSN);
    uint64_t calls = t.memory.calls, whole = 0;
    cr_assert_geq(calls, 7);
    for (uint64_t at = 1; at <= calls; at++) {
        struct snapshot_head head = head_of(LSN);
        mem_disk_copy(&t.memory, &t.before);
        t.memory.fail_at = at;
        t.memory.fail_errno = EIO;
        t.memory.torn_bytes = at % 2 ? SEGMENT_BLOCK : 0;
        int result = snapshot_write(&t.disk, &head, walk, &t.wrote);
        t.memory.fail_at = 0;
        cr_assert(result == 0 || result == -EIO, "call %lu: %d", at, result);
        cr_assert_eq(mem_disk_opened(&t.memory), 0, "call %lu", at);
        cr_assert(result != 0 || the_file(), "call %lu", at);
        if (the_file()) {
            whole++;
            cr_assert_eq(read_one(text), RECOVERY_OK, "call %lu: %s", at, text);
        }
        cr_assert_eq(snapshot_peek(&t.disk, 7, &head, text), RECOVERY_OK, "call %lu: %s", at, text);
        write_one(LSN);
        cr_assert_eq(read_one(text), RECOVERY_OK, "again after call %lu: %s", at, text);
    }
    cr_assert(whole > 0 && whole < calls);
}

/* Goal: reading tells what the disk says, and never takes it for content. Method: fail every call.
 */
Test(snapshot, a_failing_read_is_told)
{
    char text[256];
    write_one(LSN);
    uint64_t before = t.memory.calls;
    cr_assert_eq(read_one(text), RECOVERY_OK);
    uint64_t calls = t.memory.calls - before;
    for (uint64_t at = 1; at <= calls; at++) {
        t.memory.calls = 0;
        t.memory.fail_at = at;
        t.memory.fail_errno = EIO;
        cr_assert_eq(read_one(text), RECOVERY_IO, "call %lu", at);
        cr_assert_eq(mem_disk_opened(&t.memory), 0, "call %lu", at);
    }
}

/* Goal: snapshots are listed newest first, and nothing else is. Method: files of many names. */
Test(snapshot, names)
{
    static const char *const others[] = {"snapshot.tmp",
                                         "snapshot-42.snap",
                                         "snapshot-00000000000000000042.snap.tmp",
                                         "snapshot-00000000000000000042",
                                         "snapshot-0000000000000000004x.snap",
                                         "xsnapshot-00000000000000000042.snap",
                                         "journal-00000001.seg"};
    static const uint64_t lsns[] = {5, 1, UINT64_MAX, 4000000000000};
    char name[DISK_NAME_MAX];
    uint64_t *lsn, number;
    uint32_t count;
    cr_assert_eq(snapshot_list(&t.disk, &lsn, &count), RECOVERY_OK);
    cr_assert_eq(count, 0);
    free(lsn);
    for (size_t i = 0; i < COUNT(others); i++) {
        cr_assert_not(snapshot_lsn(others[i], &number), "%s", others[i]);
        mem_disk_put(&t.memory, others[i], "x", 1);
    }
    for (size_t i = 0; i < COUNT(lsns); i++) {
        snapshot_name(lsns[i], name);
        cr_assert(snapshot_lsn(name, &number) && number == lsns[i], "%s", name);
        mem_disk_put(&t.memory, name, "x", 1);
    }
    cr_assert_eq(snapshot_list(&t.disk, &lsn, &count), RECOVERY_OK);
    cr_assert_eq(count, 4);
    cr_assert(lsn[0] == UINT64_MAX && lsn[1] == 4000000000000 && lsn[2] == 5 && lsn[3] == 1);
    free(lsn);
    t.memory.fail_at = t.memory.calls + 1;
    t.memory.fail_errno = EIO;
    cr_assert_eq(snapshot_list(&t.disk, &lsn, &count), RECOVERY_IO);
}

/* Goal: what version 1 wrote is read for ever. Method: the golden file. */
Test(snapshot, the_golden_file_of_version_1_is_read)
{
    static unsigned char file[2 * SEGMENT_BLOCK];
    char text[256], name[DISK_NAME_MAX];
    t.wrote.bytes = sizeof golden_text;
    memcpy(t.wrote.data, golden_text, sizeof golden_text);
    golden_load("snapshot-v1.snap.hex", file, sizeof file);
    snapshot_name(LSN, name);
    mem_disk_put(&t.memory, name, file, sizeof file);
    cr_assert_eq(read_one(text), RECOVERY_OK, "%s", text);
    /* another version, of the file or of the state in it, is told, not read */
    struct mem_file *of = the_file();
    of->data[8]++;
    cr_assert_eq(read_one(text), RECOVERY_DAMAGED);
    cr_assert(strstr(text, "version"), "%s", text);
}
