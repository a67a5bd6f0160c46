#include "storage/fold.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/hash.h"
#include "storage/seal.h"
#include "tests/unit/storage/mini_journal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Four segments of 100 records, ten to a chunk. */
enum { SEGMENTS = 4, CHUNKS = 10, PER_CHUNK = 10, PER_SEGMENT = 100, LAST = SEGMENTS * 100 };

/* How many records there were, and a hash that depends on their order. */
struct state {
    uint64_t count, sum;
};

static struct {
    struct mem_disk memory, before;
    struct disk disk;
    struct mini_journal journal;
    struct state state;
    struct folded folded;
    uint32_t resets, remarks;
    char remark[320]; /* the last */
} t;

static void reset(void *self)
{
    cr_assert_eq(self, &t.state);
    t.state = (struct state){0};
    t.resets++;
}

static void walk(void *self, struct wire *wire)
{
    struct state *state = self;
    cr_assert(!wire_is_reading(wire) || state->count == 0, "a snapshot into a state with content");
    wire_u64(wire, &state->count);
    wire_u64(wire, &state->sum);
}

static const char *record(void *self, const struct record_head *head, const unsigned char *payload,
                          int64_t ts_us, uint64_t lsn)
{
    struct state *state = self;
    (void)ts_us;
    cr_assert_eq(head->shard_seq, lsn);
    cr_assert_eq(lsn, state->count + 1, "record %lu after %lu", lsn, state->count);
    state->count++;
    state->sum = hash_mix(state->sum ^ get_u64(payload));
    return NULL;
}

static uint64_t hash(void *self)
{
    return ((struct state *)self)->sum;
}

static void remark(void *self, const char *text)
{
    (void)self;
    t.remarks++;
    snprintf(t.remark, sizeof t.remark, "%s", text);
}

static const struct fold fold = {.self = &t.state,
                                 .done_orders = 5,
                                 .reset = reset,
                                 .wire = walk,
                                 .record = record,
                                 .hash = hash,
                                 .remark = remark};

static struct state state_at(uint64_t lsn)
{
    struct state state = {0};
    for (uint64_t i = 1; i <= lsn; i++)
        state.sum = hash_mix(state.sum ^ mini_value(i));
    state.count = lsn;
    return state;
}

static enum recovery_status read_until(uint64_t until)
{
    t.state = (struct state){0};
    t.resets = t.remarks = 0;
    return fold_read(&t.disk, &fold, until, &t.folded);
}

/* Reading until `until` comes to the state after record `lsn`, beginning at a snapshot. */
static void check_read(uint64_t until, uint64_t lsn, uint64_t snapshot)
{
    struct state wanted = state_at(lsn);
    cr_assert_eq(read_until(until), RECOVERY_OK, "%s", t.folded.found.text);
    cr_assert_eq(t.state.count, lsn, "%lu records, expected %lu", t.state.count, lsn);
    cr_assert_eq(t.state.sum, wanted.sum);
    cr_assert_eq(t.folded.lsn, lsn, "says %lu, expected %lu", t.folded.lsn, lsn);
    cr_assert_eq(t.folded.snapshot_lsn, snapshot, "from %lu", t.folded.snapshot_lsn);
    cr_assert_eq(t.folded.found.records, lsn - snapshot);
}

static void make_snapshot(uint64_t lsn)
{
    struct snapshot_head head;
    cr_assert_eq(read_until(lsn), RECOVERY_OK, "%s", t.folded.found.text);
    cr_assert_eq(fold_install(&t.disk, &fold, &t.folded, "test", &head), 0);
    cr_assert_eq(head.lsn, lsn);
}

static struct mem_file *file_of(uint64_t lsn)
{
    char name[DISK_NAME_MAX];
    snapshot_name(lsn, name);
    return mem_disk_find(&t.memory, name);
}

static void rot(uint64_t lsn)
{
    file_of(lsn)->data[SEGMENT_BLOCK + 10] ^= 1;
}

static void remove_segments(uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++) {
        char name[DISK_NAME_MAX];
        segment_name(number, name);
        if (t.disk.ops->remove(t.disk.self, name) != 0) {
            segment_sealed_name(number, name);
            cr_assert_eq(t.disk.ops->remove(t.disk.self, name), 0);
        }
    }
}

static void setup(void)
{
    t.disk = mem_disk(&t.memory);
    for (int i = 0; i < SEGMENTS; i++)
        mini_segment(&t.memory, &t.journal, CHUNKS, PER_CHUNK);
}

static void teardown(void)
{
    cr_assert_eq(mem_disk_opened(&t.memory), 0, "a file was left open");
    mem_disk_fini(&t.memory);
    mem_disk_fini(&t.before);
}

TestSuite(fold_read, .init = setup, .fini = teardown);
TestSuite(fold_trim, .init = setup, .fini = teardown);

/* Goal: the state at any LSN, from wherever it begins. Method: every LSN, also in the middle of a
 * chunk, with no snapshot, one, three. */
Test(fold_read, comes_to_the_state_at_any_lsn)
{
    static const uint64_t made[] = {0, 155, 200, 391};
    for (size_t n = 0; n < COUNT(made); n++) {
        if (made[n])
            make_snapshot(made[n]);
        for (uint64_t lsn = 1; lsn <= LAST; lsn++) {
            uint64_t begin = 0;
            for (size_t i = 1; i <= n; i++)
                begin = made[i] <= lsn ? made[i] : begin;
            check_read(lsn, lsn, begin);
        }
        check_read(UINT64_MAX, LAST, made[n]);
        check_read(LAST + 50, LAST, made[n]);
        cr_assert_eq(t.folded.last_ts_us, mini_ts_us(LAST));
        cr_assert_eq(t.folded.found.next_lsn, LAST + 1);
        cr_assert_eq(t.folded.found.boot, 1);
    }
}

/* Goal: a snapshot at the very end needs no record. Method: one at the last LSN; and again. */
Test(fold_read, a_snapshot_at_the_end_is_enough)
{
    make_snapshot(LAST);
    check_read(UINT64_MAX, LAST, LAST);
    cr_assert_eq(t.folded.last_ts_us, mini_ts_us(LAST));
    make_snapshot(LAST);
    check_read(UINT64_MAX, LAST, LAST);
}

/* Goal: what a snapshot is made from is written in it. Method: look at its header. */
Test(fold_read, a_snapshot_says_what_it_is_of)
{
    struct snapshot_head head;
    char text[256];
    make_snapshot(123);
    cr_assert_eq(snapshot_peek(&t.disk, 123, &head, text), RECOVERY_OK, "%s", text);
    cr_assert_eq(head.state_hash, state_at(123).sum);
    cr_assert_eq(head.done_orders, 5);
    cr_assert_eq(head.done_least, 5);
    cr_assert(head.account_shards == 2 && head.market_shards == 3 && head.users_max == 10 &&
              head.symbols_max == 11 && head.orders_max == 12 && head.boot == 1);
    cr_assert_str_eq((const char *)head.id, "mini journal id");
    cr_assert_str_eq(head.build, "test");
}

/* Goal: that accounts kept less once is not forgotten. Method: a snapshot under a lesser limit, two
 * under a greater one behind it; and a header from before it was said. */
Test(fold_read, the_least_that_accounts_kept_is_handed_on)
{
    struct fold less = fold;
    struct snapshot_head head = {.lsn = 300, .state_hash = state_at(300).sum, .done_orders = 4};
    less.done_orders = 3;
    cr_assert_eq(fold_read(&t.disk, &less, 100, &t.folded), RECOVERY_OK);
    cr_assert_eq(t.folded.done_least, 3);
    cr_assert_eq(fold_install(&t.disk, &less, &t.folded, "test", NULL), 0);
    for (uint64_t lsn = 150; lsn <= 200; lsn += 50) {
        make_snapshot(lsn);
        cr_assert_eq(t.folded.done_least, 3);
    }
    cr_assert_eq(read_until(250), RECOVERY_OK);
    cr_assert_eq(t.folded.snapshot_lsn, 200);
    cr_assert_eq(t.folded.done_least, 3);
    t.state = state_at(300);
    cr_assert_eq(snapshot_write(&t.disk, &head, walk, &t.state), 0);
    cr_assert_eq(read_until(350), RECOVERY_OK);
    cr_assert_eq(t.folded.snapshot_lsn, 300);
    cr_assert_eq(t.folded.done_least, 4);
}

/* Goal: rot is passed over, said, and removed. Method: the newest rots, then the one before it,
 * then all; another kind of rot is a state that has not the hash that is written. */
Test(fold_read, passes_over_bad_snapshots)
{
    static const uint64_t made[] = {100, 205, 300};
    for (size_t i = 0; i < COUNT(made); i++)
        make_snapshot(made[i]);
    for (uint32_t bad = 1; bad <= 3; bad++) {
        rot(made[3 - bad]);
        check_read(UINT64_MAX, LAST, bad < 3 ? made[2 - bad] : 0);
        cr_assert_eq(t.folded.bad_count, bad);
        for (uint32_t i = 0; i < bad; i++)
            cr_assert_eq(t.folded.bad[i], made[2 - i]);
        cr_assert_eq(t.resets, bad);
        cr_assert_eq(t.remarks, bad);
        char name[DISK_NAME_MAX];
        snapshot_name(made[3 - bad], name);
        cr_assert(strstr(t.remark, name), "%s", t.remark);
    }
    cr_assert_eq(fold_remove_bad(&t.disk, &t.folded), 0);
    for (size_t i = 0; i < COUNT(made); i++)
        cr_assert_null(file_of(made[i]));
    check_read(UINT64_MAX, LAST, 0);
    cr_assert_eq(t.folded.bad_count, 0);
}

/* Goal: the good snapshot that took a bad one's place stays. Method: two rot, the newest is made
 * again at its position, and what is bad is removed, twice. */
Test(fold_read, a_snapshot_made_again_stays)
{
    make_snapshot(100);
    make_snapshot(205);
    make_snapshot(LAST);
    rot(205);
    rot(LAST);
    check_read(UINT64_MAX, LAST, 100);
    cr_assert_eq(fold_install(&t.disk, &fold, &t.folded, "test", NULL), 0);
    cr_assert_eq(fold_remove_bad(&t.disk, &t.folded), 0);
    cr_assert_null(file_of(205));
    cr_assert_eq(fold_remove_bad(&t.disk, &t.folded), 0, "those that are gone are left");
    check_read(UINT64_MAX, LAST, LAST);
    cr_assert_eq(t.folded.bad_count, 0);
}

/* Goal: a state whose hash is not the written one is bad, unless the hashes cannot be compared.
 * Method: a snapshot whose header lies; then a fold that keeps another length of history. */
Test(fold_read, a_state_with_another_hash_is_bad)
{
    make_snapshot(100);
    struct snapshot_head head = {.lsn = 200, .state_hash = 1, .done_orders = 5};
    t.state = state_at(200);
    cr_assert_eq(snapshot_write(&t.disk, &head, walk, &t.state), 0);
    check_read(UINT64_MAX, LAST, 100);
    cr_assert_eq(t.folded.bad[0], 200);
    cr_assert(strstr(t.remark, "another hash"), "%s", t.remark);
    struct fold other = fold;
    other.done_orders = 6;
    t.state = (struct state){0};
    cr_assert_eq(fold_read(&t.disk, &other, UINT64_MAX, &t.folded), RECOVERY_OK);
    cr_assert_eq(t.folded.snapshot_lsn, 200);
}

/* Goal: what cannot be known is refused. Method: a journal that begins behind every good snapshot,
 * or ends before one, and a snapshot of the last LSN before it begins, which is good. */
Test(fold_read, refuses_a_journal_that_does_not_meet_a_snapshot)
{
    make_snapshot(200);
    remove_segments(1, 2);
    check_read(UINT64_MAX, LAST, 200);
    cr_assert_eq(read_until(150), RECOVERY_DAMAGED, "before what is kept");
    rot(200);
    cr_assert_eq(read_until(UINT64_MAX), RECOVERY_DAMAGED);
    cr_assert(strstr(t.folded.found.text, "begins at LSN 201"), "%s", t.folded.found.text);
    rot(200); /* back again */
    remove_segments(3, 3);
    cr_assert_eq(read_until(UINT64_MAX), RECOVERY_DAMAGED, "201 to 300 are missing");
}

Test(fold_read, refuses_a_snapshot_behind_the_journals_end)
{
    make_snapshot(350);
    remove_segments(4, 4);
    cr_assert_eq(read_until(UINT64_MAX), RECOVERY_DAMAGED);
    cr_assert(strstr(t.folded.found.text, "ends at LSN 300, behind the snapshot at 350"), "%s",
              t.folded.found.text);
    check_read(299, 299, 0);
}

/* Goal: the disk's word is told, and a later try succeeds. Method: fail every call; a snapshot that
 * cannot be read at that moment is passed over. */
Test(fold_read, a_failing_disk_is_told)
{
    make_snapshot(100);
    make_snapshot(250);
    t.memory.calls = 0;
    check_read(UINT64_MAX, LAST, 250);
    uint64_t calls = t.memory.calls;
    for (uint64_t at = 1; at <= calls; at++) {
        t.memory.calls = 0;
        t.memory.fail_at = at;
        t.memory.fail_errno = EIO;
        enum recovery_status status = read_until(UINT64_MAX);
        t.memory.fail_at = 0;
        cr_assert(status == RECOVERY_OK || status == RECOVERY_IO, "call %lu: %d", at, status);
        if (status == RECOVERY_OK)
            cr_assert(t.state.sum == state_at(LAST).sum && t.folded.snapshot_lsn == 100, "call %lu",
                      at);
        cr_assert_eq(mem_disk_opened(&t.memory), 0, "call %lu", at);
        check_read(UINT64_MAX, LAST, 250);
    }
}

/* ---- trimming ---- */

/* "1z 2 3 4 | 200 300": segments, sealed or not, and snapshots. */
static const char *files(void)
{
    static char text[256];
    char plain[DISK_NAME_MAX], sealed[DISK_NAME_MAX];
    int at = 0;
    text[0] = '\0';
    for (uint64_t number = 1; number <= SEGMENTS; number++) {
        segment_name(number, plain);
        segment_sealed_name(number, sealed);
        if (mem_disk_find(&t.memory, plain))
            at += sprintf(text + at, "%lu ", number);
        if (mem_disk_find(&t.memory, sealed))
            at += sprintf(text + at, "%luz ", number);
    }
    at += sprintf(text + at, "|");
    uint64_t *lsn;
    uint32_t count;
    cr_assert_eq(snapshot_list(&t.disk, &lsn, &count), RECOVERY_OK);
    for (uint32_t i = count; i-- > 0;)
        at += sprintf(text + at, " %lu", lsn[i]);
    free(lsn);
    return text;
}

/* Goal: exactly what the older of two snapshots and the one below the cursor need stays; the last
 * segment always.
 * Method: a table; then the state can still be had from each snapshot that is left. */
Test(fold_trim, removes_what_nothing_needs)
{
    static const struct {
        uint64_t snapshots[4], cursor;
        const char *left;
    } rows[] = {
        {{0}, UINT64_MAX, "1z 2z 3z 4 |"},
        {{250}, UINT64_MAX, "1z 2z 3z 4 | 250"},
        {{250, 350}, UINT64_MAX, "3z 4 | 250 350"},
        {{200, 350}, UINT64_MAX, "3z 4 | 200 350"},
        {{199, 350}, UINT64_MAX, "2z 3z 4 | 199 350"},
        {{201, 350}, UINT64_MAX, "3z 4 | 201 350"},
        {{50, 350}, UINT64_MAX, "1z 2z 3z 4 | 50 350"},
        {{300, 350}, UINT64_MAX, "4 | 300 350"},
        {{399, 400}, UINT64_MAX, "4 | 399 400"},
        {{50, 250, 350}, UINT64_MAX, "3z 4 | 250 350"},
        {{50, 60, 70, 80}, UINT64_MAX, "1z 2z 3z 4 | 70 80"},
        {{250, 350}, 150, "1z 2z 3z 4 | 250 350"},
        {{250, 350}, 249, "1z 2z 3z 4 | 250 350"},
        {{250, 350}, 250, "3z 4 | 250 350"},
        {{150, 250, 350}, 249, "2z 3z 4 | 150 250 350"},
        {{50, 150, 250, 350}, 249, "2z 3z 4 | 150 250 350"},
        {{50, 150, 250, 350}, 100, "1z 2z 3z 4 | 50 250 350"},
        {{50, 150, 250, 350}, 0, "1z 2z 3z 4 | 50 250 350"},
        {{250, 350}, 1, "1z 2z 3z 4 | 250 350"},
        {{250, 350}, 0, "1z 2z 3z 4 | 250 350"},
        {{250, 350}, 300, "3z 4 | 250 350"},
    };
    mem_disk_copy(&t.before, &t.memory);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct trimmed trimmed;
        uint64_t newest = 0;
        mem_disk_copy(&t.memory, &t.before);
        for (uint32_t n = 0; n < COUNT(rows[i].snapshots) && rows[i].snapshots[n]; n++)
            make_snapshot(newest = rows[i].snapshots[n]);
        cr_assert_eq(fold_trim(&t.disk, rows[i].cursor, &trimmed), 0);
        cr_assert_str_eq(files(), rows[i].left, "row %zu: %s", i, files());
        cr_assert(!t.memory.dir_dirty || newest == 0 || trimmed.sealed, "row %zu", i);
        check_read(UINT64_MAX, LAST, newest);
        while (newest && file_of(newest)) { /* and when they rot, as far as there is an older one */
            rot(newest);
            uint64_t older = 0;
            for (uint32_t n = 0; n < COUNT(rows[i].snapshots) && rows[i].snapshots[n]; n++)
                if (rows[i].snapshots[n] < newest)
                    older = rows[i].snapshots[n];
            newest = older;
            if (older && file_of(older))
                check_read(UINT64_MAX, LAST, older);
        }
        mem_disk_copy(&t.memory, &t.before);
    }
}

/* Goal: trimming again changes nothing, and goes on when there is more. Method: twice, then with a
 * newer snapshot. */
Test(fold_trim, again_does_nothing)
{
    struct trimmed trimmed;
    make_snapshot(150);
    make_snapshot(250);
    cr_assert_eq(fold_trim(&t.disk, UINT64_MAX, &trimmed), 0);
    cr_assert(trimmed.sealed == 2 && trimmed.segments_removed == 1 &&
              trimmed.snapshots_removed == 0);
    cr_assert_str_eq(files(), "2z 3z 4 | 150 250");
    cr_assert_eq(fold_trim(&t.disk, UINT64_MAX, &trimmed), 0);
    cr_assert(trimmed.sealed == 0 && trimmed.segments_removed == 0 &&
              trimmed.snapshots_removed == 0);
    make_snapshot(350);
    cr_assert_eq(fold_trim(&t.disk, UINT64_MAX, &trimmed), 0);
    cr_assert(trimmed.sealed == 0 && trimmed.segments_removed == 1 &&
              trimmed.snapshots_removed == 1);
    cr_assert_str_eq(files(), "3z 4 | 250 350");
}

/* Goal: both files of one segment, which a crash may leave, are one segment. Method: put the plain
 * one back beside the sealed: sealed again where it is needed, both gone where not. */
Test(fold_trim, a_segment_under_both_names_is_one)
{
    struct trimmed trimmed;
    mem_disk_copy(&t.before, &t.memory);
    cr_assert_eq(fold_trim(&t.disk, UINT64_MAX, &trimmed), 0);
    cr_assert_str_eq(files(), "1z 2z 3z 4 |");
    for (uint64_t number = 1; number <= 3; number++) {
        char name[DISK_NAME_MAX];
        segment_name(number, name);
        const struct mem_file *file = mem_disk_find(&t.before, name);
        mem_disk_put(&t.memory, name, file->data, file->bytes);
    }
    check_read(UINT64_MAX, LAST, 0);
    make_snapshot(250);
    make_snapshot(260);
    cr_assert_eq(fold_trim(&t.disk, UINT64_MAX, &trimmed), 0);
    cr_assert_str_eq(files(), "3z 4 | 250 260");
    check_read(UINT64_MAX, LAST, 260);
}

/* Goal: whatever fails, nothing that is needed goes, and a later call does the rest. Method: fail
 * every call of a trim that does everything. */
Test(fold_trim, a_failure_at_any_call_loses_nothing)
{
    struct trimmed trimmed;
    make_snapshot(50);
    make_snapshot(150);
    make_snapshot(260);
    mem_disk_copy(&t.before, &t.memory);
    mem_disk_copy(&t.memory, &t.before);
    cr_assert_eq(fold_trim(&t.disk, UINT64_MAX, &trimmed), 0);
    uint64_t calls = t.memory.calls;
    for (uint64_t at = 1; at <= calls; at++) {
        mem_disk_copy(&t.memory, &t.before);
        t.memory.fail_at = at;
        t.memory.fail_errno = EIO;
        int result = fold_trim(&t.disk, UINT64_MAX, &trimmed);
        t.memory.fail_at = 0;
        cr_assert(result == 0 || result == -EIO || result == -EEXIST, "call %lu: %d", at, result);
        cr_assert_eq(mem_disk_opened(&t.memory), 0, "call %lu", at);
        check_read(UINT64_MAX, LAST, 260);
        check_read(150, 150, 150);
        cr_assert_eq(fold_trim(&t.disk, UINT64_MAX, &trimmed), 0, "again after call %lu", at);
        cr_assert_str_eq(files(), "2z 3z 4 | 150 260", "call %lu: %s", at, files());
        check_read(UINT64_MAX, LAST, 260);
    }
}
