#define _GNU_SOURCE
#include "follower.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "exchange_fold.h"
#include "runtime/check.h"
#include "runtime/log.h"

enum {
    LOOK_MS = 20,
    NICE = 19,
    COMMIT_RECORDS = 20000,
    HISTORY_RETRY_US = 10000000,
    RETRY_US = 1000000,
};

/* What the thread is in the middle of. */
struct following {
    struct follower *self;
    struct exchange twin;
    struct fold fold;
    struct folded folded; /* where the twin stands */
    uint64_t base_lsn;    /* rows are made of records above it */
    bool loaded;
    uint64_t tried;      /* position of the last snapshot that was begun */
    int64_t snapshot_us; /* when that was */
    int64_t history_us;  /* when the history may be tried next */
    int64_t retry_us;    /* when anything may be, after a failure */
};

static struct following running; /* one a process */

static int64_t mono_us(void)
{
    return (int64_t)(env_mono_ns() / 1000);
}

/* ---- one record ---- */

static void feed_record(struct history_feed *feed, uint64_t lsn)
{
    if (feed->open && lsn > atomic_load(&feed->cursor) + running.self->commit_records)
        history_feed_commit(feed, lsn - 1);
    history_feed_record(feed, lsn);
}

/* A process that stops does not wait for a fold to end. */
static const char *record(void *ex, const struct record_head *head, const unsigned char *payload,
                          int64_t ts_us, uint64_t lsn)
{
    struct history_feed *feed = &running.self->feed;
    if (atomic_load_explicit(&running.self->stop, memory_order_relaxed))
        return "stopping";
    bool feeds = feed->store && !feed->failed && lsn > running.base_lsn;
    running.twin.rows = feeds ? &feed->rows : NULL;
    if (feeds)
        feed_record(feed, lsn);
    return recover_text(exchange_replay(ex, head, payload, ts_us));
}

static void remark(void *self, const char *text)
{
    (void)self;
    log_warn("snapshot_remark", "What a snapshot's making came across.", log_text("text", text));
}

/* ---- the history ---- */

static void history_lost(struct following *now)
{
    struct follower *self = now->self;
    history_feed_end(&self->feed);
    atomic_store(&self->history_failed, 1);
    now->history_us = mono_us() + HISTORY_RETRY_US;
}

/* Opens the history; what of it is ahead of the journal is of another life, and it begins anew. */
static struct history *open_history(struct follower *self, const uint8_t id[static HISTORY_ID],
                                    uint64_t durable)
{
    char wrong[256];
    uint64_t cursor = 0;
    struct history *store = history_sqlite_open(self->history, id, true, wrong);
    if (store && store->ops->cursor(store, &cursor) && cursor > durable) {
        log_warn("history_rebuilt", "The history was ahead of the journal: it begins anew.",
                 log_number("cursor", (int64_t)cursor), log_number("durable", (int64_t)durable));
        store->ops->close(store);
        self->feed.synced = 0;
        if (history_sqlite_remove(self->history) == 0)
            store = history_sqlite_open(self->history, id, true, wrong);
    }
    if (!store)
        log_error("history_failed", "The history cannot be opened; trading goes on without it.",
                  log_text("error", wrong));
    return store;
}

static void begin_history(struct following *now, uint64_t durable)
{
    struct follower *self = now->self;
    struct segment_head head;
    char text[256];
    struct history *store = NULL;
    if (recovery_peek(&self->disk, &head, text) == RECOVERY_OK)
        store = open_history(self, head.id, durable);
    bool begun = history_feed_begin(&self->feed, store, &now->twin);
    atomic_store(&self->history_failed, !store || !begun);
    if (!store || !begun)
        history_lost(now);
}

static void commit_history(struct following *now)
{
    struct follower *self = now->self;
    if (!self->feed.store)
        return;
    if (now->folded.lsn <= atomic_load(&self->feed.cursor) && !self->feed.failed)
        return;
    if (!history_feed_commit(&self->feed, now->folded.lsn))
        history_lost(now);
}

/* ---- folding ---- */

/* Brings the empty twin to `lsn`, from a snapshot that the history's cursor allows. Without one,
 * and without the journal's beginning, the history has a gap: that is told, and it goes on behind
 * it. What fails leaves the twin empty. */
static const char *load(struct following *now, uint64_t lsn)
{
    struct follower *self = now->self;
    bool feeds = self->feed.store != NULL;
    uint64_t cursor = feeds ? atomic_load(&self->feed.cursor) : 0;
    now->base_lsn = cursor;
    now->fold.snapshot_max = feeds ? cursor ? cursor : 1 : 0;
    enum recovery_status status = fold_read(&self->disk, &now->fold, lsn, &now->folded);
    if (status == RECOVERY_DAMAGED && feeds && !now->folded.found.records) {
        now->fold.reset(&now->twin);
        now->fold.snapshot_max = 0;
        status = fold_read(&self->disk, &now->fold, lsn, &now->folded);
        if (status == RECOVERY_OK && now->folded.snapshot_lsn > cursor)
            log_warn("history_gap", "The journal no longer has what the history lacks.",
                     log_number("from_lsn", (int64_t)cursor + 1),
                     log_number("to_lsn", (int64_t)now->folded.snapshot_lsn));
    }
    if (status == RECOVERY_DAMAGED && !atomic_load(&self->stop))
        atomic_store(&self->diverged, 1);
    if (status == RECOVERY_OK && now->folded.lsn == lsn)
        return NULL;
    if (!BUG(54)) /* 54: what could not be read leaves half of it */
        now->fold.reset(&now->twin);
    if (self->feed.open) /* rows of what could be read are in its transaction */
        history_lost(now);
    return status == RECOVERY_OK ? "the journal could not be read up to what is durable"
                                 : now->folded.found.text;
}

static const char *advance(struct following *now, uint64_t lsn)
{
    struct follower *self = now->self;
    const struct recovery_sink sink = {
        .record = record, .ahead = now->fold.ahead, .self = &now->twin};
    enum recovery_status status = recovery_read_on(&self->disk, lsn, &sink, &now->folded.found);
    if (status == RECOVERY_DAMAGED && !atomic_load(&self->stop))
        atomic_store(&self->diverged, 1);
    if (status != RECOVERY_OK)
        return now->folded.found.text;
    now->folded.lsn = lsn;
    now->folded.last_ts_us = now->folded.found.last_ts_us;
    return NULL;
}

/* ---- snapshots ---- */

/* The snapshots that were passed over by the start, or by the fold before the new one was made. */
static int remove_bad(struct following *now, const struct folded *before)
{
    struct folded *recovered = &now->self->recovered;
    recovered->lsn = now->folded.lsn;
    int result = fold_remove_bad(&now->self->disk, before);
    if (result == 0)
        result = fold_remove_bad(&now->self->disk, recovered);
    if (result == 0)
        recovered->bad_count = 0;
    return result;
}

/* Drops what the newest snapshot, which has just been read back, makes superfluous. 0 or -errno. */
static int trim(struct following *now, const struct folded *before)
{
    struct follower *self = now->self;
    struct trimmed trimmed;
    if (self->feed.store && !history_feed_sync(&self->feed))
        history_lost(now);
    uint64_t cursor = self->history ? self->feed.synced : UINT64_MAX;
    int result = BUG(52) ? 0 : remove_bad(now, before); /* 52: a bad one counts as kept */
    if (result == 0)
        result = fold_trim(&self->disk, cursor, &trimmed);
    if (result == 0) {
        atomic_fetch_add(&self->segments_sealed, trimmed.sealed);
        atomic_fetch_add(&self->segments_removed, trimmed.segments_removed);
    }
    return result;
}

static void told_failed(struct follower *self, uint64_t lsn, const char *wrong)
{
    if (atomic_load(&self->stop))
        return;
    atomic_fetch_add(&self->failed, 1);
    log_error("snapshot_failed", "No snapshot was made.", log_number("lsn", (int64_t)lsn),
              log_text("error", wrong),
              log_bool("last", atomic_load(&self->diverged))); /* no more by this process */
}

/* Writes the twin's state and goes on from what was written: so every snapshot has been read back,
 * and its hash compared, before what is older may go. */
static const char *make(struct following *now)
{
    struct follower *self = now->self;
    struct snapshot_head head;
    const struct folded before = now->folded;
    uint64_t lsn = now->folded.lsn, records = lsn - atomic_load(&self->lsn);
    int64_t began = mono_us();
    int result = fold_install(&self->disk, &now->fold, &now->folded, self->build, &head);
    if (result)
        return strerror(-result);
    now->fold.reset(&now->twin);
    const char *wrong = load(now, lsn);
    now->loaded = !wrong;
    if (wrong)
        return wrong;
    if (now->folded.snapshot_lsn != lsn)
        return "the new snapshot is not good";
    atomic_store(&self->lsn, lsn);
    atomic_store(&self->bytes, head.body_bytes);
    atomic_store(&self->raw_bytes, head.raw_bytes);
    result = trim(now, &before);
    if (result)
        return strerror(-result);
    atomic_store(&self->records, records);
    atomic_store(&self->took_us, (uint64_t)(mono_us() - began));
    atomic_fetch_add(&self->made, 1);
    log_info("snapshot_made", "A snapshot is on the disk.", log_number("lsn", (int64_t)lsn),
             log_number("records", (int64_t)records),
             log_number("bytes", (int64_t)atomic_load(&self->bytes)),
             log_number("ms", (int64_t)atomic_load(&self->took_us) / 1000),
             log_number("segments_sealed", (int64_t)atomic_load(&self->segments_sealed)),
             log_number("segments_removed", (int64_t)atomic_load(&self->segments_removed)));
    return NULL;
}

/* ---- the thread ---- */

static bool snapshot_due(struct following *now)
{
    const struct follower *self = now->self;
    uint64_t lsn = now->folded.lsn;
    return lsn > now->tried &&
           (lsn - now->tried >= self->records_max ||
            mono_us() - now->snapshot_us >= (int64_t)self->seconds_max * 1000000);
}

/* Everything that is due; NULL, or what went wrong. */
static const char *follow(struct following *now)
{
    struct follower *self = now->self;
    const char *wrong = NULL;
    uint64_t durable = self->durable_lsn();
    if (self->history && !self->feed.store && mono_us() >= now->history_us) {
        begin_history(now, durable);
        if (self->feed.store && now->loaded) { /* what it lacks has gone by */
            now->fold.reset(&now->twin);
            now->loaded = false;
        }
    }
    if (!now->loaded)
        wrong = load(now, durable);
    else if (durable > now->folded.lsn)
        wrong = advance(now, durable);
    if (wrong)
        return wrong;
    now->loaded = true;
    commit_history(now);
    if (!snapshot_due(now))
        return NULL;
    now->tried = now->folded.lsn;
    now->snapshot_us = mono_us();
    return make(now);
}

static void begin(struct following *now, struct follower *self, struct env env)
{
    *now = (struct following){
        .self = self, .tried = atomic_load(&self->lsn), .snapshot_us = mono_us()};
    exchange_init(&now->twin, env, &self->config);
    now->fold = exchange_fold(&now->twin, remark);
    now->fold.record = record;
}

static void end(struct following *now)
{
    history_feed_end(&now->self->feed);
    exchange_fini(&now->twin);
}

static void *follower_main(void *arg)
{
    struct following *now = &running;
    struct follower *self = arg;
    mem_background();
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    begin(now, self, env_real());
    while (!atomic_load(&self->stop)) {
        if (!atomic_load(&self->diverged) && mono_us() >= now->retry_us) {
            const char *wrong = follow(now);
            if (wrong) {
                told_failed(self, now->tried, wrong);
                now->retry_us = mono_us() + RETRY_US;
            }
        }
        uint64_t behind = self->durable_lsn() - atomic_load(&self->feed.cursor);
        atomic_store(&self->history_lag, self->history ? behind : 0);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
    }
    end(now);
    return NULL;
}

static void set_up(struct follower *self, struct disk disk, const struct exchange_config *config)
{
    self->disk = disk;
    self->config = *config;
    self->config.cores = 1; /* where a shard lives is not state */
    self->config.roles[0] = ROLE_ALL;
    self->commit_records = COMMIT_RECORDS;
    atomic_store(&self->lsn, self->recovered.snapshot_lsn);
}

void follower_start(struct follower *self, struct disk disk, const struct exchange_config *config)
{
    set_up(self, disk, config);
    ASSERT(pthread_create(&self->thread, NULL, follower_main, self) == 0);
}

void follower_stop(struct follower *self)
{
    atomic_store(&self->stop, true);
    pthread_join(self->thread, NULL);
}
