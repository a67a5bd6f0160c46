#include "storage/journal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"
#include "runtime/hash.h"
#include "storage/recovery.h"
#include "storage/seal.h"
#include "tests/unit/storage/golden.h"
#include "tests/unit/storage/mem_disk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    CORES = 2,
    CHUNK_SLOTS = 8,
    CHUNK_BYTES = 7680 + RECORD_BYTES_MAX,
    FIRST_BYTES = 1 << 16,               /* of segment 1: what recovery reads again and again */
    LATER_BYTES = (1 << 20) + (1 << 16), /* journal_init() wants room for a full batch */
    RECORDS_MAX = 9000,
    PAYLOAD_MAX = RECORD_BYTES_MAX - RECORD_HEAD_BYTES,
};

/* ---- what was written, and what was read ---- */

struct seen {
    uint8_t type, flags;
    uint16_t shard, bytes;
    uint64_t shard_seq, lsn, hash;
    int64_t ts_us;
};

static struct {
    struct runtime rt;
    struct mem_disk memory;
    struct disk disk;
    struct journal journal;
    struct recovery found;
    struct seen wrote[RECORDS_MAX], read[RECORDS_MAX];
    uint32_t wrote_count, read_count;
    uint64_t chunk_last[64], chunks; /* records written up to and with chunk n */
    uint64_t seqs[CORES];
    int64_t clock_us;
    const char *refuse; /* what the sink says to the next record */
} t;

static const uint8_t journal_id[SEGMENT_ID_BYTES] = "castle test id 1";

static int64_t test_now_us(void *self)
{
    (void)self;
    return t.clock_us;
}

static const char *on_record(void *self, const struct record_head *head,
                             const unsigned char *payload, int64_t ts_us, uint64_t lsn)
{
    cr_assert_eq(self, &t);
    cr_assert_lt(t.read_count, RECORDS_MAX);
    t.read[t.read_count++] = (struct seen){.type = head->type,
                                           .flags = head->flags,
                                           .shard = head->shard,
                                           .bytes = head->bytes,
                                           .shard_seq = head->shard_seq,
                                           .lsn = lsn,
                                           .hash = hash_bytes(1, payload, head->bytes),
                                           .ts_us = ts_us};
    return t.refuse;
}

static enum recovery_status read_all(struct disk *disk)
{
    static const struct recovery_sink sink = {.record = on_record, .self = &t};
    t.read_count = 0;
    return recovery_read(disk, &sink, &t.found);
}

/* What was read is the first `count` records that were written, LSNs and all. */
static void check_read(uint32_t count, const char *what)
{
    cr_assert_eq(t.read_count, count, "%s: read %u records of %u", what, t.read_count, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct seen *a = &t.wrote[i], *b = &t.read[i];
        cr_assert(a->type == b->type && a->flags == b->flags && a->shard == b->shard &&
                      a->bytes == b->bytes && a->shard_seq == b->shard_seq && a->hash == b->hash &&
                      a->ts_us == b->ts_us && b->lsn == i + 1,
                  "%s: record %u differs", what, i);
    }
}

static void open_runtime(uint32_t chunk_bytes)
{
    static const struct env_ops env = {.now_us = test_now_us};
    struct core_limits limits = {.lane = {4, 4, 4, 4, 4},
                                 .chunk_slots = CHUNK_SLOTS,
                                 .chunk_bytes = chunk_bytes,
                                 .inputs_max = 8};
    runtime_init(&t.rt, (struct env){.ops = &env}, CORES, &limits, 1);
}

static void create(void)
{
    t.disk = mem_disk(&t.memory);
    cr_assert_eq(journal_create(&t.disk, FIRST_BYTES, 3, 2, NULL, journal_id, &t.found), 0);
    cr_assert_eq(journal_init(&t.journal, &t.rt, t.disk, LATER_BYTES, &t.found), 0);
}

static void setup(void)
{
    t.clock_us = 1700000000000000;
    open_runtime(CHUNK_BYTES);
    create();
}

static void teardown(void)
{
    if (t.journal.buffer)
        journal_fini(&t.journal);
    cr_assert_eq(mem_disk_opened(&t.memory), 0, "a file was left open");
    mem_disk_fini(&t.memory);
    runtime_fini(&t.rt);
}

TestSuite(journal_order, .init = setup, .fini = teardown);
TestSuite(journal_sync, .init = setup, .fini = teardown);
TestSuite(journal_roll, .init = setup, .fini = teardown);
TestSuite(recovery_reads, .init = setup, .fini = teardown);
TestSuite(recovery_tail, .init = setup, .fini = teardown);
TestSuite(recovery_damage, .init = setup, .fini = teardown);

/* ---- writing ---- */

static void open_chunk(uint16_t core)
{
    core_begin(t.rt.core[core]);
    core_take(t.rt.core[core], 1); /* nothing waits: it begins the chunk */
    cr_assert(t.rt.core[core]->open != NULL, "no free chunk slot");
}

static void record(uint16_t core, uint32_t bytes)
{
    cr_assert_lt(t.wrote_count, RECORDS_MAX);
    uint64_t number = ++t.seqs[core];
    uint8_t type = (uint8_t)(1 + number % 30), flags = (uint8_t)hash_mix(number);
    unsigned char *at = core_record(t.rt.core[core], type, flags, core, number, bytes);
    for (uint32_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(1 + hash_mix(number * 512 + i + core) % 255); /* never 0 */
    t.wrote[t.wrote_count++] = (struct seen){.type = type,
                                             .flags = flags,
                                             .shard = core,
                                             .bytes = (uint16_t)bytes,
                                             .shard_seq = number,
                                             .hash = hash_bytes(1, at, bytes),
                                             .ts_us = t.clock_us};
}

static void close_chunk(uint16_t core)
{
    cr_assert(core_publish(t.rt.core[core]));
    core_release(t.rt.core[core]);
    t.chunk_last[++t.chunks % COUNT(t.chunk_last)] = t.wrote_count;
    t.clock_us += 10;
}

/* A chunk of `count` records of `bytes` bytes each. Chunks published one after another depend on
 * each other in that order, so the order of the records in t.wrote is the journal's. */
static void chunk(uint16_t core, uint32_t count, uint32_t bytes)
{
    open_chunk(core);
    for (uint32_t i = 0; i < count; i++)
        record(core, bytes);
    close_chunk(core);
}

static void flush(void)
{
    cr_assert_gt(journal_collect(&t.journal), 0);
    cr_assert_eq(journal_sync(&t.journal), 0);
}

static uint64_t durable(uint16_t core)
{
    return atomic_load(&t.rt.durable[core]);
}

/* Closes the journal and begins again, as a restart does. */
static void restart(void)
{
    if (t.journal.buffer)
        journal_fini(&t.journal);
    runtime_fini(&t.rt);
    open_runtime(CHUNK_BYTES);
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    cr_assert_eq(recovery_cut(&t.disk, &t.found), RECOVERY_OK, "%s", t.found.text);
    cr_assert_eq(journal_init(&t.journal, &t.rt, t.disk, LATER_BYTES, &t.found), 0);
}

static unsigned char *segment_data(uint64_t number)
{
    char name[DISK_NAME_MAX];
    segment_name(number, name);
    struct mem_file *file = mem_disk_find(&t.memory, name);
    cr_assert(file != NULL, "%s is missing", name);
    return file->data;
}

/* ---- order ---- */

/* Goal: every record comes back, in order, with dense LSNs. Method: batches of one to six chunks of
 * all sizes on both cores, read after each; then all again after a restart. */
Test(journal_order, every_record_comes_back_in_order_with_its_lsn)
{
    for (uint64_t batch = 0; batch < 20; batch++) {
        uint64_t word = hash_mix(batch);
        for (uint64_t c = 0; c < 1 + word % 6; c++) {
            uint64_t more = hash_mix(word + c);
            open_chunk(more & 1);
            for (uint64_t r = 0; r < 1 + more / 2 % 5; r++)
                record(more & 1, 4 * (uint32_t)(hash_mix(more + r) % (PAYLOAD_MAX / 4)));
            close_chunk(more & 1);
        }
        flush();
        cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
        check_read(t.wrote_count, "after a batch");
        cr_assert_eq(t.found.next_lsn, t.wrote_count + 1);
        cr_assert_eq(t.found.next_batch, batch + 2);
        cr_assert_eq(t.found.records, t.wrote_count);
        cr_assert_eq(t.found.chunks, t.chunks);
        cr_assert_eq(t.found.torn_bytes, 0);
        cr_assert_eq(t.found.last_ts_us, t.wrote[t.wrote_count - 1].ts_us);
        cr_assert_eq(atomic_load(&t.journal.lsn_durable), t.wrote_count);
    }
    cr_assert_eq(t.journal.batches, 20);
    cr_assert_eq(t.journal.records, t.wrote_count);
    restart();
    check_read(t.wrote_count, "after a restart");
}

/* Goal: J3: a chunk is taken when what it depends on has been. Method: core 1's chunk says it rests
 * on a chunk of core 0 that is not there yet; then that one is published. */
Test(journal_order, a_chunk_waits_for_what_it_depends_on)
{
    chunk(1, 1, 8);
    t.rt.core[1]->chunks[1].deps[0] =
        1; /* as if core 0 had published it and we were not to see it yet */
    cr_assert_eq(journal_collect(&t.journal), 0);
    cr_assert_eq(atomic_load(&t.rt.core[1]->chunks_taken), 0);
    cr_assert_eq(journal_sync(&t.journal), 0, "an empty batch is nothing");
    cr_assert_eq(t.memory.writes, 2, "of the new segment");
    chunk(0, 1, 8);
    t.rt.core[0]->chunks[1].deps[1] = 0;
    flush();
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    cr_assert_eq(t.read_count, 2);
    cr_assert_eq(t.read[0].shard, 0, "the cause");
    cr_assert_eq(t.read[1].shard, 1, "the effect");
}

/* Goal: a core that is looked at first does not go first. Method: each chunk of core 0 depends on
 * core 1's before it, and so on, eight in a chain, collected at once. */
Test(journal_order, a_chain_across_cores_is_written_in_its_order)
{
    for (uint32_t i = 0; i < 8; i++)
        chunk((i + 1) % 2, 1 + i % 3, 8 * i);
    flush();
    cr_assert_eq(t.journal.batches, 1);
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    check_read(t.wrote_count, "a chain");
}

/* Goal: what metrics tell is true. Method: three chunks of known ages in one batch, one in the
 * next, and a roll. */
Test(journal_sync, counts_batches_bytes_and_the_time_to_durable)
{
    for (uint32_t i = 0; i < 3; i++) /* published at 0, 10 and 20 us, synced at 30 */
        chunk(0, 1, 8);
    flush();
    cr_assert_eq(t.journal.durable_us.count, 3);
    cr_assert_eq(t.journal.durable_us.sum, 30 + 20 + 10);
    cr_assert_eq(runtime_durable_us(&t.rt, 0, 2), t.clock_us);
    chunk(1, 1, 8);
    t.clock_us += 90;
    flush();
    cr_assert_eq(t.journal.durable_us.count, 4);
    cr_assert_eq(t.journal.durable_us.sum, 60 + 100);
    cr_assert_eq(t.journal.batch_size.count, 2);
    cr_assert_eq(t.journal.batch_size.sum, t.journal.bytes);
    cr_assert_eq(t.journal.sync_ns.count, 2);
    cr_assert_eq(t.journal.segment, 1);
    while (t.journal.head.number == 1) {
        chunk(0, 1, PAYLOAD_MAX);
        flush();
    }
    cr_assert_eq(t.journal.segment, 2);
}

/* Goal: the test above bites. Method: planted bug 5, "writer merges lanes in any order". */
Test(journal_order, the_planted_bug_writes_in_another_order)
{
#ifdef CASTLE_BUGS
    for (uint32_t i = 0; i < 8; i++)
        chunk((i + 1) % 2, 1, 8);
    check_bug = 5;
    flush();
    check_bug = 0;
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    cr_assert_eq(t.read[0].shard, 0);
    cr_assert_eq(t.wrote[0].shard, 1);
#endif
}

/* Goal: a core's chunk slots are free as soon as they are copied. Method: fill them, collect. */
Test(journal_order, collecting_frees_the_chunk_slots)
{
    for (int i = 0; i < CHUNK_SLOTS; i++)
        chunk(0, 1, 8);
    core_begin(t.rt.core[0]);
    core_take(t.rt.core[0], 1);
    cr_assert(t.rt.core[0]->open == NULL);
    journal_collect(&t.journal);
    cr_assert_eq(atomic_load(&t.rt.core[0]->chunks_taken), CHUNK_SLOTS);
    cr_assert_eq(durable(0), 0, "copied is not durable");
    chunk(0, 1, 8);
    cr_assert_eq(journal_sync(&t.journal), 0);
    cr_assert_eq(durable(0), CHUNK_SLOTS);
    flush();
    cr_assert_eq(durable(0), CHUNK_SLOTS + 1);
}

/* Goal: a batch is about 1 MiB at most; what is left comes with the next. Method: 16 chunks of
 * 256 KiB. */
Test(journal_order, a_batch_is_bounded)
{
    enum { BIG = 1 << 18 };
    journal_fini(&t.journal);
    runtime_fini(&t.rt);
    mem_disk_fini(&t.memory);
    open_runtime(BIG);
    t.disk = mem_disk(&t.memory);
    cr_assert_eq(journal_create(&t.disk, 8 << 20, 3, 2, NULL, journal_id, &t.found), 0);
    cr_assert_eq(journal_init(&t.journal, &t.rt, t.disk, 8 << 20, &t.found), 0);
    for (uint32_t i = 0; i < 2 * CHUNK_SLOTS; i++) {
        open_chunk(i % 2);
        while (t.rt.core[i % 2]->open->bytes + 2 * RECORD_BYTES_MAX <= BIG &&
               t.wrote_count < RECORDS_MAX)
            record(i % 2, PAYLOAD_MAX);
        close_chunk(i % 2);
    }
    uint32_t batches = 0, bytes;
    while ((bytes = journal_collect(&t.journal)) > 0) {
        cr_assert_lt(bytes, JOURNAL_BATCH_BYTES + BIG + CHUNK_HEAD_BYTES);
        cr_assert_eq(journal_sync(&t.journal), 0);
        batches++;
    }
    cr_assert_geq(batches, 2);
    cr_assert_eq(durable(0), CHUNK_SLOTS);
    cr_assert_eq(durable(1), CHUNK_SLOTS);
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    check_read(t.wrote_count, "big batches");
}

/* ---- sync ---- */

/* Goal: durable[] moves when the write has returned, not before. Method: look between the steps. */
Test(journal_sync, durable_moves_with_the_write)
{
    chunk(0, 1, 8);
    chunk(1, 1, 8);
    chunk(0, 1, 8);
    cr_assert_eq(durable(0), 0);
    journal_collect(&t.journal);
    cr_assert_eq(durable(0), 0);
    cr_assert_eq(atomic_load(&t.journal.lsn_durable), 0);
    cr_assert_eq(journal_sync(&t.journal), 0);
    cr_assert_eq(durable(0), 2);
    cr_assert_eq(durable(1), 1);
    cr_assert_eq(atomic_load(&t.journal.lsn_durable), 3);
}

/* Goal: a failed write is told with its -errno and nothing is called durable. Method: fail it,
 * whole and torn; then what a restart finds is a prefix. */
Test(journal_sync, a_failed_write_is_told_and_nothing_is_durable)
{
    chunk(0, 1, 8);
    flush();
    static const uint64_t torn[] = {0, 10, 100, 4096};
    for (size_t i = 0; i < COUNT(torn); i++) {
        uint32_t records = t.wrote_count;
        uint64_t writes = t.memory.writes, before = durable(0);
        chunk(0, 2, 100);
        chunk(1, 1, 8);
        cr_assert_gt(journal_collect(&t.journal), 0);
        t.memory.fail_at = t.memory.calls + 1;
        t.memory.fail_errno = ENOSPC;
        t.memory.torn_bytes = torn[i];
        cr_assert_eq(journal_sync(&t.journal), -ENOSPC);
        cr_assert_eq(t.memory.writes, writes + 1, "it was tried again");
        cr_assert_eq(durable(0), before);
        cr_assert_eq(durable(1), 0);
        cr_assert_eq(atomic_load(&t.journal.lsn_durable), records);
        restart();
        t.wrote_count = t.read_count;
        cr_assert_eq(t.read_count, torn[i] == 4096 ? records + 3 : records);
        check_read(t.read_count, "after a failed write");
        t.seqs[0] = t.seqs[1] = 1000 * (i + 1);
        chunk(0, 1, 8); /* and it goes on from there */
        flush();
        cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
        check_read(t.wrote_count, "after the restart");
    }
}

/* Goal: the writer's last call of a batch is the write: blocks of 4096, behind the last batch,
 * inside the file. Method: the disk checks alignment; the file's size never changes. */
Test(journal_sync, writes_never_change_the_files_size)
{
    uint64_t before = mem_disk_find(&t.memory, "journal-00000001.seg")->bytes;
    for (uint32_t i = 0; i < 12; i++) {
        chunk(0, 1, 8 + 40 * i);
        flush();
        cr_assert_eq(t.journal.offset, SEGMENT_BLOCK * (i + 2));
    }
    cr_assert_eq(mem_disk_find(&t.memory, "journal-00000001.seg")->bytes, before);
}

/* Goal: each start has its own boot number, one above the highest. Method: three starts. */
Test(journal_sync, every_start_has_a_boot_number_of_its_own)
{
    for (uint32_t boot = 1; boot <= 3; boot++) {
        cr_assert_eq(t.journal.boot, boot);
        chunk(0, 1, 8);
        flush();
        restart();
        cr_assert_eq(t.found.boot, boot);
    }
}

/* ---- segments ---- */

/* Fills segment 1 and two more. */
static void write_three_segments(void)
{
    for (uint32_t i = 0; t.journal.head.number < 3; i++) {
        for (uint32_t c = 0; c < 8; c++)
            chunk(c % 2, 1 + (i + c) % 2, 488);
        flush();
        cr_assert_leq(t.journal.offset, t.journal.head.bytes);
    }
    chunk(0, 3, 40);
    flush();
}

/* Goal: a full segment is followed by the next, and the journal reads through. Method: three
 * segments, restart, one batch more. */
Test(journal_roll, the_journal_continues_in_the_next_segment)
{
    write_three_segments();
    cr_assert(mem_disk_find(&t.memory, "journal-00000002.seg") != NULL);
    cr_assert_eq(mem_disk_find(&t.memory, "journal-00000003.seg")->bytes, LATER_BYTES);
    cr_assert(mem_disk_find(&t.memory, SEGMENT_SPARE) == NULL);
    restart();
    check_read(t.wrote_count, "three segments");
    cr_assert_eq(t.found.segments, 3);
    cr_assert_eq(t.found.head.number, 3);
    t.seqs[0] = 90000;
    chunk(0, 1, 8);
    flush();
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    check_read(t.wrote_count, "after a restart");
}

/* Goal: a segment knows what came before it. Method: its header. */
Test(journal_roll, a_segment_names_the_lsn_batch_and_crc_before_it)
{
    while (t.journal.head.number < 2) {
        chunk(0, 4, 488);
        uint32_t crc = t.journal.prev_crc;
        uint64_t lsn = t.journal.next_lsn, batch = t.journal.batch;
        flush();
        struct segment_head head;
        cr_assert_eq(segment_decode(segment_data(t.journal.head.number), &head), SEGMENT_OK);
        cr_assert_eq(memcmp(head.id, journal_id, SEGMENT_ID_BYTES), 0);
        cr_assert_eq(head.account_shards, 3);
        cr_assert_eq(head.market_shards, 2);
        if (head.number == 2) {
            cr_assert_eq(head.first_lsn, lsn);
            cr_assert_eq(head.first_batch, batch);
            cr_assert_eq(head.prev_crc, crc);
        }
    }
}

/* Goal: with a spare ready the roll writes no zeros. Method: count the writes. */
Test(journal_roll, uses_the_spare_that_was_made_ahead)
{
    cr_assert_eq(journal_spare(&t.journal), 0);
    cr_assert_eq(journal_spare(&t.journal), 0, "it is there");
    cr_assert(atomic_load(&t.journal.spare_ready));
    cr_assert_eq(mem_disk_find(&t.memory, SEGMENT_SPARE)->bytes, LATER_BYTES);
    uint64_t before = 0;
    while (t.journal.head.number < 2) {
        chunk(0, 4, 488);
        before = t.memory.writes;
        flush();
    }
    cr_assert_eq(t.memory.writes - before, 2, "the header and the batch");
    cr_assert(!atomic_load(&t.journal.spare_ready));
    cr_assert(mem_disk_find(&t.memory, SEGMENT_SPARE) == NULL);
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    check_read(t.wrote_count, "over the spare");
}

/* Goal: what was written to a disk that synced nothing is durable once it is asked to be, and the
 * journal goes on. Method: three segments and a spare; the marks of what was not synced; read after
 * one batch more. */
Test(journal_roll, what_was_written_before_is_synced_when_asked)
{
    write_three_segments();
    cr_assert_eq(journal_spare(&t.journal), 0);
    for (uint32_t i = 0; i < MEM_DISK_FILES; i++)
        t.memory.file[i].dirty = true;
    t.memory.dir_dirty = true;
    cr_assert_eq(journal_harden(&t.journal), 0);
    for (uint32_t i = 0; i < MEM_DISK_FILES; i++)
        cr_assert(!t.memory.file[i].used || !t.memory.file[i].dirty, "%s", t.memory.file[i].name);
    cr_assert(!t.memory.dir_dirty);
    chunk(0, 1, 8);
    flush();
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    check_read(t.wrote_count, "after it was hardened");
}

/* Goal: a disk that fails then is told. Method: fail each of its calls in turn. */
Test(journal_roll, hardening_tells_every_failure)
{
    write_three_segments();
    uint64_t before = t.memory.calls;
    cr_assert_eq(journal_harden(&t.journal), 0);
    for (uint64_t calls = t.memory.calls - before, at = 1; at <= calls; at++) {
        t.memory.fail_at = t.memory.calls + at;
        t.memory.fail_errno = EIO;
        cr_assert_eq(journal_harden(&t.journal), -EIO, "call %lu", at);
        t.memory.fail_at = 0;
        cr_assert_eq(journal_harden(&t.journal), 0, "again");
    }
}

/* Goal: a spare that cannot be made is told, and can be made later. Method: ENOSPC once. */
Test(journal_roll, a_failed_spare_is_told_and_may_be_tried_again)
{
    t.memory.fail_at = t.memory.calls + 3;
    t.memory.fail_errno = ENOSPC;
    cr_assert_eq(journal_spare(&t.journal), -ENOSPC);
    cr_assert(atomic_load(&t.journal.spare_failed));
    cr_assert(!atomic_load(&t.journal.spare_ready));
    cr_assert_eq(journal_spare(&t.journal), 0);
    cr_assert(!atomic_load(&t.journal.spare_failed));
    cr_assert(atomic_load(&t.journal.spare_ready));
}

/* Goal: a roll that fails at any call is told once, nothing of the batch is durable, and a restart
 * has all that was. Method: fail each call of a roll in turn, whole writes and torn ones. */
Test(journal_roll, a_failure_at_any_call_of_a_roll_loses_nothing)
{
    for (uint64_t call = 1;; call++) {
        teardown();
        memset(t.seqs, 0, sizeof t.seqs);
        t.wrote_count = 0;
        setup();
        while (t.journal.offset + 8192 <= FIRST_BYTES) {
            chunk(0, 8, 488);
            flush();
        }
        uint32_t records = t.wrote_count;
        uint64_t before = durable(0);
        chunk(0, 16, 488);
        chunk(0, 1, 8);
        cr_assert_gt(journal_collect(&t.journal), 0);
        t.memory.fail_at = t.memory.calls + call;
        t.memory.fail_errno = EIO;
        t.memory.torn_bytes = call % 2 ? 0 : 100;
        int result = journal_sync(&t.journal);
        if (t.memory.calls < t.memory.fail_at) { /* it was over before */
            cr_assert_eq(result, 0);
            cr_assert_gt(call, 10);
            break;
        }
        bool removal = call == 1; /* of an old spare that is not there anyway */
        cr_assert_eq(result, removal ? 0 : -EIO, "call %lu: %d", call, result);
        cr_assert_eq(durable(0), removal ? before + 2 : before, "call %lu", call);
        restart();
        cr_assert_geq(t.read_count, records, "call %lu", call);
        check_read(removal ? t.wrote_count : records, "after a failed roll");
        t.wrote_count = t.read_count;
        t.seqs[0] = 5000;
        chunk(0, 16, 488);
        chunk(0, 1, 8);
        flush();
        cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "call %lu: %s", call, t.found.text);
        check_read(t.wrote_count, "after the restart");
    }
}

/* ---- reading ---- */

/* Goal: no journal is no error. Method: an empty disk, and one with other files. */
Test(recovery_reads, a_folder_without_a_journal_is_empty)
{
    static struct mem_disk empty;
    struct disk disk = mem_disk(&empty);
    cr_assert_eq(read_all(&disk), RECOVERY_EMPTY);
    mem_disk_put(&empty, "lock", "x", 1);
    mem_disk_put(&empty, SEGMENT_SPARE, NULL, 8192);
    cr_assert_eq(read_all(&disk), RECOVERY_EMPTY);
    mem_disk_fini(&empty);
}

/* Goal: a journal that is gone is not taken for one that never was. Method: snapshots alone. */
Test(recovery_reads, a_folder_with_snapshots_has_lost_its_journal)
{
    static struct mem_disk lost;
    struct disk disk = mem_disk(&lost);
    mem_disk_put(&lost, "snapshot-00000000000000000007.snap", "x", 1);
    mem_disk_put(&lost, "snapshot-00000000000000000042.snap", "x", 1);
    cr_assert_eq(read_all(&disk), RECOVERY_DAMAGED);
    cr_assert(strstr(t.found.text, "a snapshot at LSN 42"), "%s", t.found.text);
    mem_disk_fini(&lost);
}

/* Goal: a new journal is whole and has nothing in it. Method: read what journal_create() made. */
Test(recovery_reads, a_new_journal_has_no_records)
{
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    cr_assert_eq(t.found.records, 0);
    cr_assert_eq(t.found.offset, SEGMENT_BLOCK);
    cr_assert_eq(t.found.next_lsn, 1);
    cr_assert_eq(t.found.next_batch, 1);
    cr_assert_eq(t.found.segments, 1);
    cr_assert_eq(t.found.boot, 0);
    cr_assert_eq(t.found.head.account_shards, 3);
    cr_assert(!t.memory.dir_dirty && !mem_disk_find(&t.memory, "journal-00000001.seg")->dirty);
}

/* Goal: a creation that fails is told, and leaves no journal. Method: fail each call in turn. */
Test(recovery_reads, a_failed_creation_leaves_no_journal)
{
    for (uint64_t call = 2;; call++) {
        static struct mem_disk memory;
        struct disk disk = mem_disk(&memory);
        memory.fail_at = call;
        memory.fail_errno = EIO;
        int result = journal_create(&disk, FIRST_BYTES, 3, 2, NULL, journal_id, &t.found);
        bool over = memory.calls < call, last = memory.calls == call && result != 0;
        cr_assert_eq(result, over ? 0 : -EIO);
        cr_assert_eq(mem_disk_opened(&memory), 0);
        memory.fail_at = 0;
        enum recovery_status status = read_all(&disk);
        bool named = mem_disk_find(&memory, "journal-00000001.seg") != NULL;
        cr_assert_eq(status, named ? RECOVERY_OK : RECOVERY_EMPTY, "call %lu", call);
        cr_assert(!named || over || last);
        mem_disk_fini(&memory);
        if (over) {
            cr_assert_gt(call, 8);
            break;
        }
    }
}

/* Goal: reading changes nothing. Method: compare the disk before and after; count writes. */
Test(recovery_reads, reading_changes_nothing_on_the_disk)
{
    static struct mem_disk before;
    chunk(0, 3, 100);
    flush();
    segment_data(1)[SEGMENT_BLOCK + 60] ^= 1; /* a torn tail, too */
    mem_disk_copy(&before, &t.memory);
    uint64_t writes = t.memory.writes;
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK);
    cr_assert_gt(t.found.torn_bytes, 0);
    cr_assert_eq(t.memory.writes, writes);
    cr_assert_eq(
        memcmp(segment_data(1), mem_disk_find(&before, "journal-00000001.seg")->data, FIRST_BYTES),
        0);
    mem_disk_fini(&before);
}

/* Goal: a disk that fails is no damage. Method: fail each call of a recovery in turn. */
Test(recovery_reads, a_failing_disk_is_told_as_such)
{
    chunk(0, 3, 100);
    flush();
    uint64_t before = t.memory.calls;
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK);
    uint64_t calls = t.memory.calls - before, opened = mem_disk_opened(&t.memory);
    for (uint64_t call = 1; call <= calls; call++) {
        t.memory.fail_at = t.memory.calls + call;
        t.memory.fail_errno = EIO;
        cr_assert_eq(read_all(&t.disk), RECOVERY_IO, "call %lu", call);
        cr_assert_neq(strlen(t.found.text), 0);
        cr_assert(strstr(t.found.text, strerror(EIO)) != NULL, "%s", t.found.text);
        cr_assert_eq(mem_disk_opened(&t.memory), opened);
    }
}

/* Goal: a record that a shard refuses ends recovery with the shard's words. Method: refuse one. */
Test(recovery_reads, what_a_shard_says_about_a_record_is_told)
{
    chunk(0, 3, 100);
    chunk(0, 3, 100);
    flush();
    t.refuse = "shard_seq jumps";
    cr_assert_eq(read_all(&t.disk), RECOVERY_DAMAGED);
    cr_assert_eq(t.read_count, 1);
    cr_assert(strstr(t.found.text, "shard_seq jumps") != NULL, "%s", t.found.text);
    cr_assert(strstr(t.found.text, "journal-00000001.seg") != NULL, "%s", t.found.text);
    t.refuse = NULL;
}

/* Goal: recovery may run without a sink (castle --check). Method: run it so. */
Test(recovery_reads, a_sink_is_not_needed)
{
    chunk(0, 3, 100);
    flush();
    static const struct recovery_sink none;
    cr_assert_eq(recovery_read(&t.disk, &none, &t.found), RECOVERY_OK);
    cr_assert_eq(t.found.records, 3);
}

/* Goal: a reader beside the writer sees every durable record once, over the ends of segments,
 * sealed ones too. Method: three segments, read on after every batch, or after several. */
Test(recovery_reads, a_reading_goes_on_where_it_ended)
{
    static const struct recovery_sink sink = {.record = on_record, .self = &t};
    chunk(0, 2, 100);
    flush();
    const struct recovery_range range = {.until = atomic_load(&t.journal.lsn_durable)};
    struct recovery on;
    cr_assert_eq(recovery_read_range(&t.disk, range, &sink, &on), RECOVERY_OK, "%s", on.text);
    uint64_t sealed = 0;
    for (uint32_t batch = 0; t.journal.head.number < 5; batch++) {
        for (uint32_t c = 0; c < 1 + batch % 7; c++)
            chunk(c % 2, 1 + (batch + c) % 3, 30 * (batch % 17));
        flush();
        for (; batch % 2 && sealed + 1 < t.journal.head.number; sealed++)
            cr_assert_eq(seal_segment(&t.disk, sealed + 1), 0);
        if (batch % 3 == 1)
            continue;
        uint64_t until = atomic_load(&t.journal.lsn_durable);
        cr_assert_eq(recovery_read_on(&t.disk, until, &sink, &on), RECOVERY_OK, "%s", on.text);
        cr_assert_eq(on.next_lsn, until + 1);
        cr_assert_eq(on.records, until);
        check_read(t.wrote_count, "reading on");
    }
    cr_assert_geq(sealed, 3);
    cr_assert_eq(on.segments, on.head.number);
}

/* Goal: what is wrong behind the place is told. Method: a record that is refused; a byte that rots;
 * a segment that is gone. */
Test(recovery_reads, a_reading_that_goes_on_refuses_what_is_wrong)
{
    static const struct recovery_sink sink = {.record = on_record, .self = &t};
    const struct recovery_range first = {.until = 2};
    struct recovery good, on;
    chunk(0, 2, 100);
    flush();
    cr_assert_eq(recovery_read_range(&t.disk, first, &sink, &good), RECOVERY_OK);
    chunk(1, 2, 100);
    flush();
    t.refuse = "no";
    on = good;
    cr_assert_eq(recovery_read_on(&t.disk, 4, &sink, &on), RECOVERY_DAMAGED);
    cr_assert(strstr(on.text, "journal-00000001.seg at offset 8192: no") != NULL, "%s", on.text);
    t.refuse = NULL;
    segment_data(1)[8192 + 60] ^= 1;
    on = good;
    cr_assert_neq(recovery_read_on(&t.disk, 4, &sink, &on), RECOVERY_OK);
    cr_assert(strstr(on.text, "journal-00000002.seg") != NULL, "%s", on.text);
    segment_data(1)[8192 + 60] ^= 1;
    on = good;
    cr_assert_eq(recovery_read_on(&t.disk, 4, &sink, &on), RECOVERY_OK, "%s", on.text);
}

/* ---- the torn tail ---- */

/* Two whole batches, then a last one of four chunks over two blocks; returns the last one's length.
 * record_before is how many records stand before it. */
static uint32_t write_with_last_batch(uint32_t *record_before)
{
    chunk(0, 2, 40);
    chunk(1, 1, 0);
    flush();
    chunk(1, 3, 20);
    flush();
    *record_before = t.wrote_count;
    chunk(0, 2, 30);
    chunk(1, 1, 488);
    chunk(0, 9, 488); /* across the block's end */
    chunk(1, 2, 8);
    uint32_t bytes = journal_collect(&t.journal);
    cr_assert_gt(bytes, SEGMENT_BLOCK);
    cr_assert_eq(journal_sync(&t.journal), 0);
    return bytes;
}

/* Where the chunks of a batch end, relative to its begin. */
static uint32_t chunk_ends(const unsigned char *batch, uint32_t bytes, uint32_t end[8])
{
    uint32_t count = 0, at = 0;
    while (at < bytes) {
        struct chunk_head head;
        cr_assert(chunk_head_decode(batch + at, &head));
        at += CHUNK_HEAD_BYTES + head.bytes;
        end[count++] = at;
    }
    return count;
}

/* Records in the chunks of the last batch that end at or before `kept`. */
static uint32_t records_in(const unsigned char *batch, const uint32_t *end, uint32_t count,
                           uint32_t kept)
{
    uint32_t records = 0;
    for (uint32_t i = 0; i < count && end[i] <= kept; i++) {
        struct chunk_head head;
        cr_assert(chunk_head_decode(batch + (i ? end[i - 1] : 0), &head));
        records += head.records;
    }
    return records;
}

/* After a cut the disk reads as whole, says the same, and has zeros behind. */
static void check_cut(uint32_t records, const char *what)
{
    cr_assert_eq(recovery_cut(&t.disk, &t.found), RECOVERY_OK);
    cr_assert_eq(t.found.offset % SEGMENT_BLOCK, 0);
    const struct mem_file *file = mem_disk_find(&t.memory, "journal-00000001.seg");
    cr_assert(!file->dirty, "the cut is not synced");
    for (uint64_t at = t.found.offset; at < FIRST_BYTES; at++)
        cr_assert_eq(file->data[at], 0, "%s: byte %lu is left", what, at);
    uint64_t offset = t.found.offset;
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s: %s", what, t.found.text);
    check_read(records, what);
    cr_assert_eq(t.found.torn_bytes, 0, "%s", what);
    cr_assert_leq(t.found.offset, offset);
    cr_assert_gt(t.found.offset + SEGMENT_BLOCK, offset);
}

/* Goal: of a torn last batch exactly the whole chunks are kept, and the rest is cut. Method: every
 * byte prefix; then zeros, as if the rest had never been written. */
Test(recovery_tail, every_prefix_of_the_last_batch_recovers_its_whole_chunks)
{
    static unsigned char whole[FIRST_BYTES];
    uint32_t before, end[8], bytes = write_with_last_batch(&before);
    uint64_t begin = t.journal.offset - (bytes + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
    unsigned char *data = segment_data(1);
    memcpy(whole, data, FIRST_BYTES);
    uint32_t count = chunk_ends(whole + begin, bytes, end), seen_torn = 0;
    cr_assert_eq(count, 4);
    for (uint32_t kept = 0; kept <= bytes; kept++) {
        memcpy(data, whole, FIRST_BYTES);
        memset(data + begin + kept, 0, bytes - kept);
        uint32_t real = kept; /* zeros that are cut off come back as zeros */
        while (real < bytes && whole[begin + real] == 0)
            real++;
        uint32_t records = before + records_in(whole + begin, end, count, real);
        cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%u bytes kept: %s", kept, t.found.text);
        check_read(records, "a prefix");
        cr_assert_eq(t.found.next_lsn, records + 1);
        seen_torn += t.found.torn_bytes > 0;
        check_cut(records, "a prefix");
    }
    cr_assert_gt(seen_torn, bytes / 2);
}

/* Goal: the same when the rest is not zeros but what a file had there before, and after a cut the
 * journal goes on as if nothing had been. Method: rubbish behind the prefix; append; read. */
Test(recovery_tail, rubbish_behind_the_last_whole_chunk_is_cut)
{
    static unsigned char whole[FIRST_BYTES];
    static struct seen wrote[RECORDS_MAX];
    uint32_t before, end[8], bytes = write_with_last_batch(&before);
    uint64_t begin = t.journal.offset - (bytes + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
    memcpy(wrote, t.wrote, sizeof wrote);
    memcpy(whole, segment_data(1), FIRST_BYTES);
    uint32_t count = chunk_ends(whole + begin, bytes, end);
    for (uint32_t kept = 0; kept < bytes; kept += 13) {
        unsigned char *data = segment_data(1);
        memcpy(data, whole, FIRST_BYTES);
        memcpy(t.wrote, wrote, sizeof wrote);
        for (uint64_t at = begin + kept; at < t.journal.offset; at++)
            data[at] = (unsigned char)(1 + hash_mix(at + kept) % 255);
        uint32_t records = before + records_in(whole + begin, end, count, kept);
        restart();
        check_read(records, "rubbish");
        t.wrote_count = records;
        t.seqs[0] = 5000 + kept;
        chunk(0, 2, 60);
        flush();
        cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%u bytes kept: %s", kept, t.found.text);
        check_read(records + 2, "rubbish, then a batch");
    }
}

/* Goal: a flipped bit in the last batch cuts it there. Method: each bit of its chunks. */
Test(recovery_tail, a_flipped_bit_in_the_last_batch_cuts_it)
{
    static unsigned char whole[FIRST_BYTES];
    uint32_t before;
    chunk(0, 2, 40);
    flush();
    before = t.wrote_count;
    chunk(0, 2, 30);
    chunk(1, 1, 20);
    chunk(0, 1, 9);
    uint32_t bytes = journal_collect(&t.journal), end[8];
    cr_assert_eq(journal_sync(&t.journal), 0);
    uint64_t begin = t.journal.offset - SEGMENT_BLOCK;
    unsigned char *data = segment_data(1);
    memcpy(whole, data, FIRST_BYTES);
    uint32_t count = chunk_ends(whole + begin, bytes, end);
    for (uint32_t bit = 0; bit < 8 * bytes; bit++) {
        memcpy(data, whole, FIRST_BYTES);
        data[begin + bit / 8] ^= (unsigned char)(1 << bit % 8);
        uint32_t records = before + records_in(whole + begin, end, count, bit / 8);
        cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "bit %u: %s", bit, t.found.text);
        check_read(records, "a flipped bit");
        cr_assert_gt(t.found.torn_bytes, 0);
        if (bit % 8 == 0)
            check_cut(records, "a flipped bit");
    }
}

/* Goal: a journal that crashes again and again loses nothing that was durable. Method: 150 lives:
 * some batches, then a last one that is written in part; only that one may be lost, and only its
 * end. */
Test(recovery_tail, nothing_durable_is_lost_over_many_crashes)
{
    for (uint64_t life = 0; life < 150; life++) {
        uint64_t word = hash_mix(life);
        for (uint64_t batch = 0; batch < 1 + word % 3; batch++) {
            for (uint64_t c = 0; c < 1 + (word >> 8) % 4; c++)
                chunk((uint16_t)(hash_mix(word + c) % 2), 1 + (uint32_t)(hash_mix(word - c) % 4),
                      4 * (uint32_t)(hash_mix(word * 3 + c + batch) % 100));
            flush();
        }
        uint32_t durable_records = t.wrote_count;
        chunk(0, 1, 100);
        chunk(1, 7, 480);
        chunk(0, 2, 300);
        cr_assert_gt(journal_collect(&t.journal), 0);
        t.memory.fail_at =
            t.memory.calls + (word >> 16) % 9 + 1; /* the write, mostly; or a roll's */
        t.memory.fail_errno = EIO;
        t.memory.torn_bytes = (word >> 24) % 9000;
        int result = journal_sync(&t.journal);
        if (result == 0)
            durable_records = t.wrote_count;
        t.memory.fail_at = 0;
        restart();
        cr_assert_geq(t.read_count, durable_records, "life %lu", life);
        cr_assert_leq(t.read_count, t.wrote_count);
        check_read(t.read_count, "a life");
        t.wrote_count = t.read_count;
        for (uint16_t core = 0; core < CORES; core++)
            t.seqs[core] += 100;
    }
    cr_assert_gt(t.found.segments, 1);
}

/* Goal: the cut is told when it fails. Method: fail each call of it. */
Test(recovery_tail, a_cut_that_fails_is_told)
{
    chunk(0, 2, 40);
    flush();
    segment_data(1)[SEGMENT_BLOCK + 50] ^= 1;
    for (uint64_t call = 1; call <= 4; call++) { /* open, read, write, sync */
        cr_assert_eq(read_all(&t.disk), RECOVERY_OK);
        cr_assert_gt(t.found.torn_bytes, 0);
        t.memory.fail_at = t.memory.calls + call;
        t.memory.fail_errno = EIO;
        t.memory.torn_bytes = 0;
        uint64_t opened = mem_disk_opened(&t.memory);
        cr_assert_eq(recovery_cut(&t.disk, &t.found), RECOVERY_IO, "call %lu", call);
        cr_assert(strstr(t.found.text, strerror(EIO)) != NULL, "%s", t.found.text);
        cr_assert_eq(mem_disk_opened(&t.memory), opened);
    }
}

/* ---- damage ---- */

/* Goal: no bit of an earlier batch can change unseen: recovery refuses and says where. Method: each
 * bit of two batches before the last; the offset is that of the chunk that is bad. */
Test(recovery_damage, a_flipped_bit_in_an_earlier_batch_is_named_with_its_offset)
{
    static unsigned char whole[FIRST_BYTES];
    chunk(0, 2, 40);
    chunk(1, 1, 0);
    flush();
    chunk(1, 1, 20);
    chunk(0, 1, 21);
    flush();
    chunk(0, 1, 8);
    flush();
    unsigned char *data = segment_data(1);
    memcpy(whole, data, FIRST_BYTES);
    for (uint32_t batch = 0; batch < 2; batch++) {
        uint64_t begin = SEGMENT_BLOCK * (1 + batch), at = begin;
        struct chunk_head head;
        while (chunk_head_decode(whole + at, &head)) {
            uint64_t end = at + CHUNK_HEAD_BYTES + head.bytes;
            for (uint64_t bit = 8 * at; bit < 8 * end; bit++) {
                char where[64];
                snprintf(where, sizeof where, "journal-00000001.seg at offset %lu:", at);
                data[bit / 8] ^= (unsigned char)(1 << bit % 8);
                cr_assert_eq(read_all(&t.disk), RECOVERY_DAMAGED, "bit %lu", bit);
                cr_assert(strncmp(t.found.text, where, strlen(where)) == 0, "bit %lu: %s", bit,
                          t.found.text);
                check_read((uint32_t)head.first_lsn - 1, "before the damage");
                data[bit / 8] = whole[bit / 8];
            }
            at = end;
        }
    }
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK);
}

/* Goal: a changed byte of padding is seen or does no harm. Method: each byte of the first padding.
 */
Test(recovery_damage, a_byte_in_the_padding_never_changes_what_is_read)
{
    chunk(0, 2, 40);
    flush();
    chunk(1, 1, 20);
    flush();
    unsigned char *data = segment_data(1);
    for (uint32_t at = SEGMENT_BLOCK + CHUNK_HEAD_BYTES + 2 * 56; at < 2 * SEGMENT_BLOCK; at++) {
        data[at] ^= 0x10;
        enum recovery_status status = read_all(&t.disk);
        if (status == RECOVERY_OK)
            check_read(t.wrote_count, "padding");
        else
            cr_assert_eq(status, RECOVERY_DAMAGED);
        data[at] ^= 0x10;
    }
}

/* Goal: a header's bits are watched as well. Method: flip each bit of its first 128 bytes. */
Test(recovery_damage, a_flipped_bit_in_a_segments_header_is_refused)
{
    chunk(0, 2, 40);
    flush();
    unsigned char *data = segment_data(1);
    for (uint32_t bit = 0; bit < 8 * 128; bit++) {
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        cr_assert_eq(read_all(&t.disk), RECOVERY_DAMAGED, "bit %u", bit);
        cr_assert(strstr(t.found.text, "journal-00000001.seg") != NULL, "%s", t.found.text);
        cr_assert_eq(t.read_count, 0);
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

/* Goal: a newer format is refused by name, with its version. Method: version 2, the rest as it is.
 */
Test(recovery_damage, an_unknown_version_is_refused_by_name_and_number)
{
    chunk(0, 2, 40);
    flush();
    put_u32(segment_data(1) + 8, 4711);
    cr_assert_eq(read_all(&t.disk), RECOVERY_DAMAGED);
    cr_assert(strstr(t.found.text, "journal-00000001.seg") != NULL, "%s", t.found.text);
    cr_assert(strstr(t.found.text, "version 4711") != NULL, "%s", t.found.text);
    cr_assert_eq(t.read_count, 0);
}

/* Goal: segments are of one journal, in a row. Method: take one away, put a foreign one, another
 * name, another length. */
Test(recovery_damage, segments_that_do_not_belong_together_are_refused)
{
    static struct mem_disk copy;
    struct disk disk = mem_disk(&copy);
    unsigned char block[SEGMENT_BLOCK];
    struct segment_head head;
    write_three_segments();

    mem_disk_copy(&copy, &t.memory);
    disk.ops->remove(disk.self, "journal-00000002.seg");
    cr_assert_eq(read_all(&disk), RECOVERY_DAMAGED);
    cr_assert(strstr(t.found.text, "journal-00000003.seg") != NULL, "%s", t.found.text);

    mem_disk_copy(&copy, &t.memory); /* the last ones may be missing: nothing tells (docs) */
    disk.ops->remove(disk.self, "journal-00000003.seg");
    cr_assert_eq(read_all(&disk), RECOVERY_OK, "%s", t.found.text);

    mem_disk_copy(&copy, &t.memory);
    disk.ops->rename(disk.self, "journal-00000003.seg", "journal-00000004.seg");
    cr_assert_eq(read_all(&disk), RECOVERY_DAMAGED);

    mem_disk_copy(&copy, &t.memory);
    memcpy(block, mem_disk_find(&copy, "journal-00000002.seg")->data, SEGMENT_BLOCK);
    cr_assert_eq(segment_decode(block, &head), SEGMENT_OK);
    head.id[3] ^= 1;
    segment_encode(&head, mem_disk_find(&copy, "journal-00000002.seg")->data);
    cr_assert_eq(read_all(&disk), RECOVERY_DAMAGED);
    cr_assert(strstr(t.found.text, "another data directory") != NULL, "%s", t.found.text);
    head.id[3] ^= 1;
    head.first_lsn++;
    segment_encode(&head, mem_disk_find(&copy, "journal-00000002.seg")->data);
    cr_assert_eq(read_all(&disk), RECOVERY_DAMAGED);
    cr_assert(strstr(t.found.text, "does not continue") != NULL, "%s", t.found.text);
    head.first_lsn--;
    segment_encode(&head, mem_disk_find(&copy, "journal-00000002.seg")->data);
    cr_assert_eq(read_all(&disk), RECOVERY_OK, "%s", t.found.text);

    mem_disk_find(&copy, "journal-00000002.seg")->bytes -= SEGMENT_BLOCK;
    cr_assert_eq(read_all(&disk), RECOVERY_DAMAGED, "a short file");
    mem_disk_find(&copy, "journal-00000002.seg")->bytes = 100;
    cr_assert_eq(read_all(&disk), RECOVERY_DAMAGED, "shorter than its header");
    mem_disk_fini(&copy);
}

/* Goal: a bad chunk at the end of a segment that is not the last is damage. Method: flip a bit in
 * the last batch of segment 1; wipe it. */
Test(recovery_damage, a_bad_end_of_a_segment_before_the_last_is_refused)
{
    write_three_segments();
    unsigned char *data = segment_data(1);
    uint64_t at = SEGMENT_BLOCK, last = 0;
    struct chunk_head head;
    for (; at + CHUNK_HEAD_BYTES <= FIRST_BYTES; at += SEGMENT_BLOCK)
        if (chunk_head_decode(data + at, &head))
            last = at;
    data[last + 60] ^= 1;
    cr_assert_eq(read_all(&t.disk), RECOVERY_DAMAGED);
    data[last + 60] ^= 1;
    cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%s", t.found.text);
    memset(data + last, 0, FIRST_BYTES - last);
    cr_assert_eq(read_all(&t.disk), RECOVERY_DAMAGED);
}

/* Goal: a batch that ends right before a block's end is like any other. Method: end it 0 to 60
 * bytes before, and write another behind. */
Test(recovery_reads, a_batch_may_end_anywhere_in_its_block)
{
    for (uint32_t before = 0; before <= 60; before++) {
        teardown();
        memset(t.seqs, 0, sizeof t.seqs);
        t.wrote_count = 0;
        setup();
        open_chunk(0);
        uint32_t left = SEGMENT_BLOCK - CHUNK_HEAD_BYTES - before;
        for (; left > 2 * (RECORD_HEAD_BYTES + 400); left -= RECORD_HEAD_BYTES + 400)
            record(0, 400);
        record(0, left / 2 - RECORD_HEAD_BYTES);
        record(0, left - left / 2 - RECORD_HEAD_BYTES);
        close_chunk(0);
        cr_assert_eq(journal_collect(&t.journal), SEGMENT_BLOCK - before);
        cr_assert_eq(journal_sync(&t.journal), 0);
        chunk(0, 1, 8);
        flush();
        cr_assert_eq(read_all(&t.disk), RECOVERY_OK, "%u bytes before the end: %s", before,
                     t.found.text);
        check_read(t.wrote_count, "the end of a block");
    }
}

/* A first batch of two chunks, of which the second begins at block offset `begin`, and a second,
 * last batch. */
static void write_second_chunk_at(uint32_t begin)
{
    open_chunk(0);
    uint32_t left = begin - CHUNK_HEAD_BYTES;
    for (; left > 2 * (RECORD_HEAD_BYTES + 400); left -= RECORD_HEAD_BYTES + 400)
        record(0, 400);
    record(0, left / 2 - RECORD_HEAD_BYTES);
    record(0, left - left / 2 - RECORD_HEAD_BYTES);
    close_chunk(0);
    chunk(1, 1, 100);
    flush();
    if (begin ==
        SEGMENT_BLOCK) /* a batch that reaches a boundary ends: the second chunk has its own */
        flush();
    chunk(0, 1, 8);
    flush();
}

/* Goal: J3: "a valid chunk of a later batch behind a bad one proves damage, however near the end".
 * Method: the bad chunk is the second of its batch and begins on a block boundary. */
Test(recovery_damage, a_bad_second_chunk_on_a_block_boundary_is_damage)
{
    write_second_chunk_at(SEGMENT_BLOCK);
    segment_data(1)[2 * SEGMENT_BLOCK + 60] ^= 1;
    cr_assert_eq(read_all(&t.disk), RECOVERY_DAMAGED, "%u of %u records, %lu bytes would be cut",
                 t.read_count, t.wrote_count, t.found.torn_bytes);
}

/* Goal: as above. Method: the second chunk's sector was lost and reads as zeros. */
Test(recovery_damage, a_second_chunk_that_reads_as_zeros_is_damage)
{
    write_second_chunk_at(1024);
    memset(segment_data(1) + SEGMENT_BLOCK + 1024, 0, 512);
    cr_assert_eq(read_all(&t.disk), RECOVERY_DAMAGED, "%u of %u records, %lu bytes would be cut",
                 t.read_count, t.wrote_count, t.found.torn_bytes);
}

/* ---- the golden file ---- */

/* golden/journal-v1.seg.hex is what version 1 wrote: "offset: bytes" in hex, 16 a line, lines of
 * zeros left out. It is never made anew; a new version gets a file of its own. */
static const struct {
    uint8_t type, flags;
    uint16_t shard;
    uint64_t shard_seq;
    int64_t ts_us;
    const char *payload;
} golden[] = {
    {1, 0, 0, 1, 1600000000000001, "first record"},
    {16, 255, 0, 2, 1600000000000001, ""},
    {2, 1, 1, 1, 1600000000000002, "effect of the first, on core 1"},
    {19, 3, 65535, 0x0102030405060708, 1600000000000003, "odd"},
    {17, 4, 0, 4, 1600000000000004, "the second batch begins here"},
    {18, 5, 1, 2, 1600000000000005,
     "a longer payload: 0123456789 abcdefghijklmnopqrstuvwxyz "
     "ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789"},
    {20, 6, 1, 3, 1600000000000005, "its neighbour in the same chunk"},
    {1, 7, 0, 5, 1600000000000006, "the third batch, the last record"},
};
/* Records of each chunk, the chunk's core, and whether a batch ends with it. */
static const struct {
    uint32_t records;
    uint16_t core;
    bool ends;
} golden_chunks[] = {{2, 0, false}, {1, 1, false}, {1, 0, true},
                     {1, 0, false}, {2, 1, true},  {1, 0, true}};

/* The same journal by today's writer. */
static void write_golden_records(void)
{
    uint32_t at = 0;
    for (size_t c = 0; c < COUNT(golden_chunks); c++) {
        uint16_t core = golden_chunks[c].core;
        t.clock_us = golden[at].ts_us;
        open_chunk(core);
        for (uint32_t i = 0; i < golden_chunks[c].records; i++, at++) {
            uint32_t bytes = (uint32_t)strlen(golden[at].payload);
            memcpy(core_record(t.rt.core[core], golden[at].type, golden[at].flags, golden[at].shard,
                               golden[at].shard_seq, bytes),
                   golden[at].payload, bytes);
        }
        close_chunk(core);
        if (golden_chunks[c].ends)
            flush();
    }
    cr_assert_eq(at, COUNT(golden));
}

/* Goal: what version 1 wrote is read for ever. Method: the golden file against a literal table. */
Test(recovery_reads, the_golden_file_of_version_1_is_read)
{
    static unsigned char data[FIRST_BYTES];
    static struct mem_disk memory;
    struct disk disk = mem_disk(&memory);
    golden_load("journal-v1.seg.hex", data, FIRST_BYTES);
    mem_disk_put(&memory, "journal-00000001.seg", data, FIRST_BYTES);
    cr_assert_eq(read_all(&disk), RECOVERY_OK, "%s", t.found.text);
    cr_assert_eq(t.read_count, COUNT(golden));
    for (uint32_t i = 0; i < COUNT(golden); i++) {
        cr_assert_eq(t.read[i].type, golden[i].type, "record %u", i);
        cr_assert_eq(t.read[i].flags, golden[i].flags, "record %u", i);
        cr_assert_eq(t.read[i].shard, golden[i].shard, "record %u", i);
        cr_assert_eq(t.read[i].shard_seq, golden[i].shard_seq, "record %u", i);
        cr_assert_eq(t.read[i].ts_us, golden[i].ts_us, "record %u", i);
        cr_assert_eq(t.read[i].bytes, strlen(golden[i].payload), "record %u", i);
        cr_assert_eq(t.read[i].hash, hash_bytes(1, golden[i].payload, strlen(golden[i].payload)),
                     "record %u", i);
        cr_assert_eq(t.read[i].lsn, i + 1);
    }
    cr_assert_eq(t.found.torn_bytes, 0);
    cr_assert_eq(t.found.chunks, COUNT(golden_chunks));
    cr_assert_eq(t.found.next_batch, 4);
    cr_assert_eq(t.found.boot, 1);
    cr_assert_eq(t.found.head.version, 1);
    cr_assert_eq(t.found.head.account_shards, 3);
    cr_assert_eq(t.found.head.market_shards, 2);
    cr_assert_eq(memcmp(t.found.head.id, journal_id, SEGMENT_ID_BYTES), 0);
    mem_disk_fini(&memory);
}

/* Goal: version 1 is still what is written. Method: the same records through today's writer, byte
 * for byte. */
Test(journal_order, the_writer_still_writes_version_1)
{
    static unsigned char data[FIRST_BYTES];
    write_golden_records();
    golden_load("journal-v1.seg.hex", data, FIRST_BYTES);
    const unsigned char *now = segment_data(1);
    for (uint32_t at = 0; at < FIRST_BYTES; at++)
        cr_assert_eq(now[at], data[at], "byte %u is %02x, was %02x", at, now[at], data[at]);
}
