#include "storage/fold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/check.h"
#include "storage/seal.h"

/* ---- reading ---- */

static const char *hand_on(void *self, const struct record_head *head, const unsigned char *payload,
                           int64_t ts_us, uint64_t lsn)
{
    const struct fold *fold = self;
    return fold->record(fold->self, head, payload, ts_us, lsn);
}

static uint16_t worker_of(void *self, uint16_t shard)
{
    const struct fold *fold = self;
    return fold->worker(fold->self, shard);
}

static void show_on(void *self, const struct record_ahead *record, uint32_t count)
{
    const struct fold *fold = self;
    fold->ahead(fold->self, record, count);
}

static uint32_t done_least(const struct fold *fold, const struct snapshot_head *head)
{
    uint32_t least = head->done_least ? head->done_least : head->done_orders;
    return least < fold->done_orders ? least : fold->done_orders;
}

/* Loads one snapshot into the empty state; false when it is bad, and the state is empty again. */
static bool load(struct disk *disk, const struct fold *fold, uint64_t lsn, struct folded *folded)
{
    struct snapshot_head head;
    char text[256], remark[320];
    enum recovery_status status = snapshot_read(disk, lsn, &head, fold->wire, fold->self, text);
    if (status == RECOVERY_OK && head.done_orders == fold->done_orders &&
        fold->hash(fold->self) != head.state_hash) {
        status = RECOVERY_DAMAGED;
        snprintf(text, sizeof text,
                 "the snapshot at LSN %lu: the state has another hash than when "
                 "it was written",
                 (unsigned long)lsn);
    }
    if (status == RECOVERY_OK) {
        folded->snapshot_lsn = folded->lsn = lsn;
        folded->last_ts_us = head.ts_us;
        folded->found.boot = head.boot;
        folded->done_least = done_least(fold, &head);
        return true;
    }
    folded->unreadable |= status == RECOVERY_IO;
    if (folded->bad_count < SNAPSHOTS_BAD_MAX)
        folded->bad[folded->bad_count++] = lsn;
    if (fold->remark) {
        snprintf(remark, sizeof remark, "passed over a snapshot: %s", text);
        fold->remark(fold->self, remark);
    }
    fold->reset(fold->self);
    return false;
}

enum recovery_status fold_read(struct disk *disk, const struct fold *fold, uint64_t until,
                               struct folded *folded)
{
    uint64_t *lsn;
    uint32_t count;
    *folded = (struct folded){.done_least = fold->done_orders};
    if (snapshot_list(disk, &lsn, &count) != RECOVERY_OK) {
        snprintf(folded->found.text, sizeof folded->found.text, "cannot list the data directory");
        return RECOVERY_IO;
    }
    for (uint32_t i = 0; i < count && !folded->snapshot_lsn; i++)
        if (lsn[i] <= until && (!fold->snapshot_max || lsn[i] <= fold->snapshot_max))
            load(disk, fold, lsn[i], folded);
    free(lsn);
    const struct recovery_sink sink = {.record = hand_on,
                                       .ahead = fold->ahead ? show_on : NULL,
                                       .workers = fold->workers,
                                       .worker = worker_of,
                                       .self = (void *)fold};
    const struct recovery_range range = {.after = folded->snapshot_lsn, .until = until};
    uint32_t boot = folded->found.boot;
    enum recovery_status status = recovery_read_range(disk, range, &sink, &folded->found);
    if (status == RECOVERY_DAMAGED && folded->unreadable)
        status = RECOVERY_IO; /* what is missing may be in the snapshot that could not be read */
    if (boot > folded->found.boot)
        folded->found.boot = boot;
    if (folded->found.next_lsn > 1)
        folded->lsn = folded->found.next_lsn - 1 < until ? folded->found.next_lsn - 1 : until;
    if (folded->found.last_ts_us > folded->last_ts_us)
        folded->last_ts_us = folded->found.last_ts_us;
    return status;
}

/* ---- making ---- */

int fold_install(struct disk *disk, const struct fold *fold, const struct folded *folded,
                 const char *build, struct snapshot_head *head)
{
    struct snapshot_head mine;
    head = head ? head : &mine;
    *head = (struct snapshot_head){
        .lsn = folded->lsn,
        .state_hash = fold->hash(fold->self),
        .boot = folded->found.boot,
        .ts_us = folded->last_ts_us,
        .account_shards = folded->found.head.account_shards,
        .market_shards = folded->found.head.market_shards,
        .users_max = folded->found.head.users_max,
        .symbols_max = folded->found.head.symbols_max,
        .orders_max = folded->found.head.orders_max,
        .done_orders = fold->done_orders,
        .done_least = folded->done_least,
    };
    memcpy(head->id, folded->found.head.id, SEGMENT_ID_BYTES);
    snprintf(head->build, sizeof head->build, "%s", build);
    return snapshot_write(disk, head, fold->wire, fold->self);
}

int fold_remove_bad(struct disk *disk, const struct folded *folded)
{
    int result = 0;
    for (uint32_t i = 0; i < folded->bad_count && result == 0; i++) {
        char name[DISK_NAME_MAX];
        if (folded->bad[i] == folded->lsn) /* the new one has taken its place */
            continue;
        snapshot_name(folded->bad[i], name);
        result = disk->ops->remove(disk->self, name);
        result = result == -ENOENT ? 0 : result;
    }
    return result;
}

/* ---- trimming ---- */

/* Both forms of it, the plain one first: recovery prefers that one. */
static int remove_segment(struct disk *disk, uint64_t number)
{
    char name[DISK_NAME_MAX];
    segment_name(number, name);
    FAILPOINT("before-trim");
    int plain = disk->ops->remove(disk->self, name);
    segment_sealed_name(number, name);
    int sealed = disk->ops->remove(disk->self, name);
    return plain && plain != -ENOENT ? plain : sealed && sealed != -ENOENT ? sealed : 0;
}

static bool is_plain(struct disk *disk, uint64_t number)
{
    char name[DISK_NAME_MAX];
    segment_name(number, name);
    int file = disk->ops->open(disk->self, name, false);
    if (file >= 0)
        disk->ops->close(disk->self, file);
    return file >= 0;
}

/* Segments whose last record is at or below `keep`: those before one that begins at most one
 * later. */
static int remove_segments(struct disk *disk, const struct segment_list *list, uint64_t keep,
                           uint32_t *first, struct trimmed *trimmed)
{
    for (*first = 0; *first + 1 < list->count; ++*first) {
        struct segment_head next;
        char name[DISK_NAME_MAX];
        uint64_t bytes;
        int result = segment_look(disk, list->number[*first + 1], &next, &bytes, name);
        if (result || next.first_lsn > keep + 1)
            return result;
        result = remove_segment(disk, list->number[*first]);
        if (result)
            return result;
        trimmed->segments_removed++;
    }
    return 0;
}

/* `oldest`: the last in the list, newest first, that is kept. */
static int remove_snapshots(struct disk *disk, const uint64_t *lsn, uint32_t count, uint32_t oldest,
                            struct trimmed *trimmed)
{
    for (uint32_t i = SNAPSHOTS_KEPT; i < count; i++) {
        char name[DISK_NAME_MAX];
        if (i == oldest)
            continue;
        snapshot_name(lsn[i], name);
        int result = disk->ops->remove(disk->self, name);
        if (result && result != -ENOENT)
            return result;
        trimmed->snapshots_removed++;
    }
    return 0;
}

int fold_trim(struct disk *disk, uint64_t cursor, struct trimmed *trimmed)
{
    struct segment_list list;
    uint64_t *lsn = NULL, keep = 0;
    uint32_t count = 0, first = 0, oldest = SNAPSHOTS_KEPT - 1;
    *trimmed = (struct trimmed){0};
    if (snapshot_list(disk, &lsn, &count) != RECOVERY_OK)
        return -EIO;
    int result = segment_list(disk, &list);
    while (oldest < count && lsn[oldest] > cursor)
        oldest++;
    if (oldest < count)
        keep = lsn[oldest];
    if (BUG(11) && count) /* 11: trimmed to the newest snapshot */
        keep = lsn[0] + (1u << 20);
    if (result == 0)
        result = remove_snapshots(disk, lsn, count, oldest < count ? oldest : count - 1, trimmed);
    if (result == 0 && keep)
        result = remove_segments(disk, &list, keep, &first, trimmed);
    for (uint32_t i = first; result == 0 && i + 1 < list.count; i++) {
        if (!is_plain(disk, list.number[i]))
            continue;
        result = seal_segment(disk, list.number[i]);
        trimmed->sealed += result == 0;
    }
    if (result == 0 && (trimmed->segments_removed || trimmed->snapshots_removed))
        result = disk->ops->sync_dir(disk->self);
    free(list.number);
    free(lsn);
    return result;
}
