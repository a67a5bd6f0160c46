#define _GNU_SOURCE
#include "snapshotter.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "exchange_fold.h"
#include "runtime/check.h"
#include "runtime/log.h"

enum { LOOK_MS = 100, NICE = 10 };

static int64_t mono_us(void)
{
    return (int64_t)(env_mono_ns() / 1000);
}

static struct snapshotter *running; /* one a process */

/* A process that stops does not wait for a fold to end. */
static const char *record(void *ex, const struct record_head *head, const unsigned char *payload,
                          int64_t ts_us, uint64_t lsn)
{
    (void)lsn;
    if (atomic_load_explicit(&running->stop, memory_order_relaxed))
        return "stopping";
    return recover_text(exchange_replay(ex, head, payload, ts_us));
}

static void remark(void *self, const char *text)
{
    (void)self;
    log_warn("snapshot_remark", "What a snapshot's making came across.", log_text("text", text));
}

/* Writes what was folded, and drops what it makes superfluous. 0 or -errno. */
static int install(struct snapshotter *self, const struct fold *fold, const struct folded *folded)
{
    struct snapshot_head head;
    struct trimmed trimmed;
    int result = fold_install(&self->disk, fold, folded, self->build, &head);
    if (result)
        return result;
    atomic_store(&self->lsn, head.lsn);
    atomic_store(&self->bytes, head.body_bytes);
    atomic_store(&self->raw_bytes, head.raw_bytes);
    result = fold_remove_bad(&self->disk, folded);
    if (result == 0)
        result = fold_trim(&self->disk, UINT64_MAX, &trimmed);
    if (result == 0) {
        atomic_fetch_add(&self->segments_sealed, trimmed.sealed);
        atomic_fetch_add(&self->segments_removed, trimmed.segments_removed);
    }
    return result;
}

static void make(struct snapshotter *self, uint64_t lsn)
{
    static struct exchange twin;
    struct folded folded;
    int64_t began = mono_us();
    exchange_init(&twin, env_real(), &self->config);
    struct fold fold = exchange_fold(&twin, remark);
    fold.record = record;
    enum recovery_status status = fold_read(&self->disk, &fold, lsn, &folded);
    const char *wrong = status == RECOVERY_OK ? NULL : folded.found.text;
    if (!wrong && folded.lsn != lsn)
        wrong = "the journal could not be read up to what is durable";
    if (!wrong) {
        int result = install(self, &fold, &folded);
        wrong = result ? strerror(-result) : NULL;
    }
    exchange_fini(&twin);
    if (wrong && atomic_load(&self->stop))
        return;
    if (status == RECOVERY_DAMAGED)
        atomic_store(&self->diverged, 1);
    if (wrong) {
        atomic_fetch_add(&self->failed, 1);
        log_error("snapshot_failed", "No snapshot was made.", log_number("lsn", (int64_t)lsn),
                  log_text("error", wrong),
                  log_bool("last", status == RECOVERY_DAMAGED)); /* no more by this process */
        return;
    }
    atomic_store(&self->records, folded.found.records);
    atomic_store(&self->took_us, (uint64_t)(mono_us() - began));
    atomic_fetch_add(&self->made, 1);
    log_info("snapshot_made", "A snapshot is on the disk.", log_number("lsn", (int64_t)lsn),
             log_number("records", (int64_t)folded.found.records),
             log_number("bytes", (int64_t)atomic_load(&self->bytes)),
             log_number("ms", (int64_t)atomic_load(&self->took_us) / 1000),
             log_number("segments_sealed", (int64_t)atomic_load(&self->segments_sealed)),
             log_number("segments_removed", (int64_t)atomic_load(&self->segments_removed)));
}

static void *snapshotter_main(void *arg)
{
    struct snapshotter *self = arg;
    int64_t last_us = mono_us();
    uint64_t tried = atomic_load(&self->lsn);
    mem_background();
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    while (!atomic_load(&self->stop)) {
        uint64_t lsn = self->durable_lsn();
        bool due = lsn - tried >= self->records_max ||
                   mono_us() - last_us >= (int64_t)self->seconds_max * 1000000;
        if (due && lsn > tried && !atomic_load(&self->diverged)) {
            make(self, lsn);
            tried = lsn;
            last_us = mono_us();
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
    }
    return NULL;
}

void snapshotter_start(struct snapshotter *self, struct disk disk,
                       const struct exchange_config *config, uint64_t lsn)
{
    running = self;
    self->disk = disk;
    self->config = *config;
    self->config.cores = 1; /* where a shard lives is not state */
    self->config.roles[0] = ROLE_ALL;
    atomic_store(&self->lsn, lsn);
    ASSERT(pthread_create(&self->thread, NULL, snapshotter_main, self) == 0);
}

void snapshotter_stop(struct snapshotter *self)
{
    atomic_store(&self->stop, true);
    pthread_join(self->thread, NULL);
}
