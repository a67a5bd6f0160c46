#include "storage/apply.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* Chunks of a segment that is made here, and sinks that write down who was given what. */

enum { SHARDS = 7, WORKERS = 3, CHUNKS = 900, PER_CHUNK = 11, RECORDS = CHUNKS * PER_CHUNK };

struct seen { /* by one shard: touched by its worker alone */
    uint64_t lsn[RECORDS];
    uint32_t count;
    pthread_t thread;
};

static struct {
    unsigned char *segment;
    uint64_t chunk_at[CHUNKS], bytes;
    struct seen seen[SHARDS];
    uint64_t refused[SHARDS]; /* the LSN that a shard refuses, 0: none */
    _Atomic uint32_t shown, wrong;
} t;

static uint16_t shard_of(uint64_t lsn)
{
    return (uint16_t)(lsn * lsn % SHARDS);
}

static const char *on_record(void *self, const struct record_head *head,
                             const unsigned char *payload, int64_t ts_us, uint64_t lsn)
{
    struct seen *seen = &t.seen[head->shard];
    t.wrong += self != &t || head->shard != shard_of(lsn) || head->shard_seq != lsn ||
               get_u64(payload) != lsn || ts_us != (int64_t)((lsn - 1) / PER_CHUNK + 1);
    if (seen->count == 0)
        seen->thread = pthread_self();
    t.wrong += !pthread_equal(seen->thread, pthread_self());
    seen->lsn[seen->count++] = lsn;
    return lsn == t.refused[head->shard] ? "refused" : NULL;
}

static void on_ahead(void *self, const struct record_ahead *record, uint32_t count)
{
    t.wrong += self != &t;
    for (uint32_t i = 0; i < count; i++) {
        const struct seen *seen = &t.seen[record[i].head.shard];
        t.wrong += seen->count && seen->lsn[seen->count - 1] >= record[i].lsn;
    }
    t.shown += count;
}

static uint16_t worker_of(void *self, uint16_t shard)
{
    cr_assert_eq(self, &t);
    return shard % WORKERS;
}

/* Every third chunk ends its batch: zeros up to the block. */
static void make_segment(void)
{
    const uint64_t size = SEGMENT_BLOCK * (CHUNKS + 1);
    t.segment = calloc(1, size);
    cr_assert_not_null(t.segment);
    t.bytes = SEGMENT_BLOCK;
    uint64_t lsn = 1;
    for (uint32_t c = 0; c < CHUNKS; c++) {
        unsigned char *chunk = t.segment + t.bytes, *at = chunk + CHUNK_HEAD_BYTES;
        struct chunk_head head = {.first_lsn = lsn, .ts_us = c + 1, .records = PER_CHUNK};
        for (uint32_t i = 0; i < PER_CHUNK; i++, lsn++) {
            const struct record_head record = {
                .type = 1, .bytes = 8, .shard = shard_of(lsn), .shard_seq = lsn};
            record_head_encode(at, &record);
            put_u64(at + RECORD_HEAD_BYTES, lsn);
            at += RECORD_HEAD_BYTES + 8;
        }
        head.bytes = (uint32_t)(at - chunk) - CHUNK_HEAD_BYTES;
        chunk_head_encode(chunk, &head);
        t.chunk_at[c] = t.bytes;
        t.bytes += CHUNK_HEAD_BYTES + head.bytes;
        if (c % 3 == 2 && c + 1 < CHUNKS)
            t.bytes = (t.bytes / SEGMENT_BLOCK + 1) * SEGMENT_BLOCK;
    }
}

static void free_segment(void)
{
    free(t.segment);
}

static void forget(void)
{
    memset(t.seen, 0, sizeof t.seen);
    memset(t.refused, 0, sizeof t.refused);
    t.shown = t.wrong = 0;
}

/* Gives all of it in spans of so many chunks, until a record is refused. */
static struct apply_fault apply_all(uint16_t workers, struct recovery_range range, uint32_t chunks)
{
    const struct recovery_sink sink = {.record = on_record,
                                       .ahead = on_ahead,
                                       .workers = workers,
                                       .worker = worker_of,
                                       .self = &t};
    struct apply apply;
    apply_start(&apply, &sink, range);
    bool good = true;
    for (uint32_t c = 0; c < CHUNKS && good; c += chunks) {
        struct apply_span span = {.segment = t.segment, .from = t.chunk_at[c], .to = t.bytes};
        uint32_t next = c + chunks;
        if (next < CHUNKS) /* right behind the last of them */
            span.to = t.chunk_at[next - 1] + t.chunk_at[1] - t.chunk_at[0];
        good = apply_give(&apply, span);
    }
    struct apply_fault fault = apply_wait(&apply);
    cr_assert(good || fault.text != NULL);
    apply_stop(&apply);
    cr_assert_eq(t.wrong, 0, "%u records were not as written, or not by their thread", t.wrong);
    return fault;
}

static void check_seen(struct recovery_range range, const char *what)
{
    uint32_t next[SHARDS] = {0};
    for (uint64_t lsn = 1; lsn <= RECORDS; lsn++) {
        uint16_t shard = shard_of(lsn);
        if (lsn <= range.after || lsn > range.until)
            continue;
        cr_assert_lt(next[shard], t.seen[shard].count, "%s: LSN %lu is missing", what, lsn);
        cr_assert_eq(t.seen[shard].lsn[next[shard]++], lsn, "%s", what);
    }
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        cr_assert_eq(t.seen[shard].count, next[shard], "%s: too many", what);
}

TestSuite(apply, .init = make_segment, .fini = free_segment);

/* Goal: every shard gets its records of the range, in order, by one thread. Method: one worker and
 * several, ranges that begin and end in a chunk, spans from a chunk to more than the queue takes.
 */
Test(apply, every_shard_gets_its_records_in_order)
{
    static const struct recovery_range ranges[] = {
        {0, UINT64_MAX}, {RECORDS / 3 + 1, UINT64_MAX}, {5, RECORDS - 5}, {0, 1}, {77, 77}};
    static const uint32_t spans[] = {1, 3, 100, CHUNKS};
    for (uint32_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
        for (uint32_t s = 0; s < sizeof spans / sizeof *spans; s++)
            for (uint16_t workers = 0; workers <= WORKERS; workers += WORKERS) {
                char what[64];
                snprintf(what, sizeof what, "range %u, spans of %u chunks, %u workers", r, spans[s],
                         workers);
                forget();
                cr_assert_null(apply_all(workers, ranges[r], spans[s]).text, "%s", what);
                check_seen(ranges[r], what);
            }
}

/* Goal: what comes next is shown before it comes. Method: count; on_ahead() looks at the order. */
Test(apply, shows_what_comes_next)
{
    const struct recovery_range all = {.until = UINT64_MAX};
    forget();
    apply_all(1, all, 100);
    cr_assert_eq(t.shown, RECORDS);
    forget();
    apply_all(WORKERS, all, 100);
    cr_assert_gt(t.shown, RECORDS - CHUNKS); /* a run of one is not shown */
}

/* Goal: of several refused records the first of the journal is told, with its chunk, and its shard
 * sees no more. Method: two shards of different workers refuse, in both orders. */
Test(apply, tells_the_first_refused_record)
{
    const struct recovery_range all = {.until = UINT64_MAX};
    uint64_t early = RECORDS / 2, late;
    for (late = early + 1; shard_of(late) % WORKERS == shard_of(early) % WORKERS;)
        late++;
    for (uint16_t workers = 1; workers <= WORKERS; workers += WORKERS - 1)
        for (uint32_t chunks = 1; chunks <= CHUNKS; chunks *= 30) {
            forget();
            t.refused[shard_of(early)] = early;
            t.refused[shard_of(late)] = late;
            struct apply_fault fault = apply_all(workers, all, chunks);
            cr_assert_str_eq(fault.text, "refused");
            cr_assert_eq(fault.lsn, early, "LSN %lu", fault.lsn);
            cr_assert_eq(fault.offset, t.chunk_at[(early - 1) / PER_CHUNK]);
            const struct seen *seen = &t.seen[shard_of(early)];
            cr_assert_eq(seen->lsn[seen->count - 1], early);
        }
}
