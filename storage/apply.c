#include "storage/apply.h"

#include <stdlib.h>

#include "runtime/check.h"

enum { RECORDS_AHEAD = 32 };

/* ---- a span ---- */

struct run { /* records of one worker, in order; the sink sees them all before the first is applied
              */
    struct record_ahead record[RECORDS_AHEAD];
    uint64_t offset[RECORDS_AHEAD]; /* of the chunk that each is in */
    uint32_t count;
    struct apply_fault fault;
};

static void apply_run(const struct recovery_sink *sink, struct run *run)
{
    if (sink->ahead && run->count > 1)
        sink->ahead(sink->self, run->record, run->count);
    for (uint32_t i = 0; i < run->count && !run->fault.text; i++) {
        const struct record_ahead *record = &run->record[i];
        const char *wrong =
            sink->record(sink->self, &record->head, record->payload, record->ts_us, record->lsn);
        run->fault =
            (struct apply_fault){.text = wrong, .lsn = record->lsn, .offset = run->offset[i]};
    }
    run->count = 0;
}

static void apply_chunk(const struct apply_worker *self, const unsigned char *chunk,
                        const struct chunk_head *head, uint64_t offset, struct run *run)
{
    const struct recovery_range range = self->apply->range;
    const uint16_t *owner = self->apply->owner;
    const unsigned char *at = chunk + CHUNK_HEAD_BYTES;
    for (uint32_t i = 0; i < head->records && !run->fault.text; i++) {
        struct record_ahead *record = &run->record[run->count];
        record_head_decode(at, &record->head);
        record->payload = at + RECORD_HEAD_BYTES;
        record->lsn = head->first_lsn + i;
        record->ts_us = (int64_t)head->ts_us;
        at = record->payload + record->head.bytes;
        if (record->lsn <= range.after || record->lsn > range.until ||
            (owner && owner[record->head.shard] != self->number))
            continue;
        run->offset[run->count++] = offset;
        if (run->count == RECORDS_AHEAD)
            apply_run(self->apply->sink, run);
    }
}

static struct apply_fault apply_one(const struct apply_worker *self, struct apply_span span)
{
    struct run run;
    struct chunk_head head;
    run.count = 0;
    run.fault = self->fault;
    while (span.from < span.to && !run.fault.text)
        if (chunk_head_decode(span.segment + span.from, &head)) {
            apply_chunk(self, span.segment + span.from, &head, span.from, &run);
            span.from += CHUNK_HEAD_BYTES + head.bytes;
        } else {
            span.from = (span.from / SEGMENT_BLOCK + 1) * SEGMENT_BLOCK;
        }
    apply_run(self->apply->sink, &run);
    return run.fault;
}

static void *apply_main(void *arg)
{
    struct apply_worker *self = arg;
    struct apply *apply = self->apply;
    pthread_mutex_lock(&apply->lock);
    for (;;) {
        while (self->done == apply->given && !apply->stop)
            pthread_cond_wait(&apply->more, &apply->lock);
        if (self->done == apply->given)
            break;
        struct apply_span span = apply->span[self->done % APPLY_SPANS];
        pthread_mutex_unlock(&apply->lock);
        struct apply_fault fault = apply_one(self, span);
        pthread_mutex_lock(&apply->lock);
        self->fault = fault;
        self->done++;
        pthread_cond_signal(&apply->less);
    }
    pthread_mutex_unlock(&apply->lock);
    return NULL;
}

/* ---- the reader ---- */

static uint16_t *find_owners(const struct recovery_sink *sink)
{
    uint16_t *owner = malloc((UINT16_MAX + 1) * sizeof *owner);
    ASSERT(owner != NULL);
    for (uint32_t shard = 0; shard <= UINT16_MAX; shard++) {
        owner[shard] = sink->worker(sink->self, (uint16_t)shard);
        ASSERT(owner[shard] < sink->workers);
    }
    return owner;
}

void apply_start(struct apply *apply, const struct recovery_sink *sink, struct recovery_range range)
{
    *apply = (struct apply){
        .sink = sink, .range = range, .workers = sink->workers > 1 ? sink->workers : 1};
    apply->worker = calloc(apply->workers, sizeof *apply->worker);
    ASSERT(apply->worker != NULL);
    pthread_mutex_init(&apply->lock, NULL);
    pthread_cond_init(&apply->more, NULL);
    pthread_cond_init(&apply->less, NULL);
    if (apply->workers > 1)
        apply->owner = find_owners(sink);
    for (uint16_t i = 0; i < apply->workers; i++) {
        struct apply_worker *worker = &apply->worker[i];
        worker->apply = apply;
        worker->number = i;
        if (apply->workers > 1)
            ASSERT(pthread_create(&worker->thread, NULL, apply_main, worker) == 0);
    }
}

/* Waits until every worker has done all but `left` spans; the fault of the least LSN. The caller
 * holds the lock. */
static struct apply_fault wait_for(struct apply *apply, uint64_t left)
{
    struct apply_fault first = {0};
    for (uint16_t i = 0; i < apply->workers; i++) {
        const struct apply_worker *worker = &apply->worker[i];
        while (worker->done + left < apply->given)
            pthread_cond_wait(&apply->less, &apply->lock);
        if (worker->fault.text && (!first.text || worker->fault.lsn < first.lsn))
            first = worker->fault;
    }
    return first;
}

bool apply_give(struct apply *apply, struct apply_span span)
{
    if (!apply->sink->record)
        return true;
    if (apply->workers == 1) {
        apply->worker->fault = apply_one(apply->worker, span);
        return !apply->worker->fault.text;
    }
    pthread_mutex_lock(&apply->lock);
    bool good = !wait_for(apply, APPLY_SPANS - 1).text;
    apply->span[apply->given++ % APPLY_SPANS] = span;
    pthread_cond_broadcast(&apply->more);
    pthread_mutex_unlock(&apply->lock);
    return good;
}

struct apply_fault apply_wait(struct apply *apply)
{
    if (apply->workers == 1)
        return apply->worker->fault;
    pthread_mutex_lock(&apply->lock);
    struct apply_fault fault = wait_for(apply, 0);
    pthread_mutex_unlock(&apply->lock);
    return fault;
}

void apply_stop(struct apply *apply)
{
    pthread_mutex_lock(&apply->lock);
    apply->stop = true;
    pthread_cond_broadcast(&apply->more);
    pthread_mutex_unlock(&apply->lock);
    for (uint16_t i = 0; apply->workers > 1 && i < apply->workers; i++)
        pthread_join(apply->worker[i].thread, NULL);
    pthread_cond_destroy(&apply->less);
    pthread_cond_destroy(&apply->more);
    pthread_mutex_destroy(&apply->lock);
    free(apply->owner);
    free(apply->worker);
}
