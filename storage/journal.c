#include "storage/journal.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/check.h"

/* Gives a zero-filled file its header and its name: from then on it is part of the journal. */
static int segment_enter(struct disk *disk, const struct segment_head *head)
{
    char name[DISK_NAME_MAX];
    unsigned char *block = aligned_alloc(SEGMENT_BLOCK, SEGMENT_BLOCK);
    ASSERT(block != NULL);
    segment_encode(head, block);
    segment_name(head->number, name);
    int file = disk->ops->open(disk->self, SEGMENT_SPARE, false), result = file < 0 ? file : 0;
    if (result == 0)
        result = disk->ops->write(disk->self, file, block, SEGMENT_BLOCK, 0);
    if (result == 0)
        result = disk->ops->sync(disk->self, file);
    if (file >= 0)
        disk->ops->close(disk->self, file);
    FAILPOINT("before-segment-rename");
    if (result == 0)
        result = disk->ops->rename(disk->self, SEGMENT_SPARE, name);
    FAILPOINT("before-segment-sync");
    if (result == 0)
        result = disk->ops->sync_dir(disk->self);
    free(block);
    return result;
}

int journal_create(struct disk *disk, uint64_t segment_bytes, uint16_t account_shards,
                   uint16_t market_shards, const uint32_t limits[3],
                   const uint8_t id[static SEGMENT_ID_BYTES], struct recovery *found)
{
    *found =
        (struct recovery){.next_lsn = 1, .next_batch = 1, .offset = SEGMENT_BLOCK, .segments = 1};
    found->head = (struct segment_head){.version = SEGMENT_VERSION,
                                        .number = 1,
                                        .bytes = segment_bytes,
                                        .first_lsn = 1,
                                        .first_batch = 1,
                                        .account_shards = account_shards,
                                        .market_shards = market_shards};
    memcpy(found->head.id, id, SEGMENT_ID_BYTES);
    if (limits) {
        found->head.users_max = limits[0];
        found->head.symbols_max = limits[1];
        found->head.orders_max = limits[2];
    }
    int result = segment_create(disk, SEGMENT_SPARE, segment_bytes);
    return result ? result : segment_enter(disk, &found->head);
}

static int open_segment(struct journal *journal)
{
    char name[DISK_NAME_MAX];
    segment_name(journal->head.number, name);
    journal->file = journal->disk.ops->open(journal->disk.self, name, false);
    return journal->file < 0 ? journal->file : 0;
}

int journal_init(struct journal *journal, struct runtime *rt, struct disk disk,
                 uint64_t segment_bytes, const struct recovery *found)
{
    ASSERT(found->offset % SEGMENT_BLOCK == 0);
    *journal = (struct journal){
        .rt = rt,
        .disk = disk,
        .head = found->head,
        .segment_bytes = segment_bytes,
        .offset = found->offset,
        .next_lsn = found->next_lsn,
        .batch = found->next_batch,
        .prev_crc = found->prev_crc,
        .boot = found->boot + 1,
    };
    journal->batch_bytes = segment_bytes / 4 < JOURNAL_BATCH_BYTES ? (uint32_t)(segment_bytes / 4)
                                                                   : JOURNAL_BATCH_BYTES;
    journal->buffer_bytes = journal->batch_bytes + rt->limits.chunk_bytes + 2 * SEGMENT_BLOCK;
    journal->buffer_bytes =
        (journal->buffer_bytes + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
    ASSERT(segment_bytes >= journal->buffer_bytes + SEGMENT_BLOCK);
    journal->buffer = aligned_alloc(SEGMENT_BLOCK, journal->buffer_bytes);
    ASSERT(journal->buffer != NULL);
    atomic_store(&journal->lsn_durable, found->next_lsn - 1);
    counter_set(&journal->segment, found->head.number);
    pthread_mutex_init(&journal->spare_lock, NULL);
    return open_segment(journal);
}

void journal_fini(struct journal *journal)
{
    if (journal->file >= 0)
        journal->disk.ops->close(journal->disk.self, journal->file);
    pthread_mutex_destroy(&journal->spare_lock);
    free(journal->buffer);
    journal->buffer = NULL;
}

/* 0 or -errno; a file that is not there has nothing to sync. */
static int sync_file(struct disk *disk, const char *name)
{
    int file = disk->ops->open(disk->self, name, false);
    if (file < 0)
        return file == -ENOENT ? 0 : file;
    int result = disk->ops->sync(disk->self, file);
    disk->ops->close(disk->self, file);
    return result;
}

int journal_harden(struct journal *journal)
{
    struct disk *disk = &journal->disk;
    struct segment_list list;
    int result = segment_list(disk, &list);
    for (uint32_t i = 0; i < list.count && result == 0; i++) {
        char name[DISK_NAME_MAX];
        segment_name(list.number[i], name);
        result = sync_file(disk, name);
    }
    free(list.number);
    if (result == 0)
        result = sync_file(disk, SEGMENT_SPARE);
    if (result == 0)
        result = disk->ops->sync_dir(disk->self);
    if (result)
        return result;
    if (journal->file >= 0)
        disk->ops->close(disk->self, journal->file); /* the disk opens it in another way now */
    return open_segment(journal);
}

/* ---- collect ---- */

static bool deps_taken(const struct journal *journal, const struct chunk *chunk)
{
    if (BUG(5)) /* writer merges lanes in any order */
        return true;
    for (uint16_t c = 0; c < journal->rt->cores; c++)
        if (chunk->deps[c] > journal->taken[c])
            return false;
    return true;
}

static void take_chunk(struct journal *journal, struct core *core, const struct chunk *chunk)
{
    unsigned char *at = journal->buffer + journal->filled;
    struct chunk_head head = {.prev_crc = journal->prev_crc,
                              .bytes = chunk->bytes,
                              .first_lsn = journal->next_lsn,
                              .batch = journal->batch,
                              .ts_us = (uint64_t)chunk->ts_us,
                              .boot = journal->boot,
                              .core = core->id,
                              .records = (uint16_t)chunk->records};
    memcpy(at + CHUNK_HEAD_BYTES, chunk->data, chunk->bytes);
    chunk_head_encode(at, &head);
    journal->filled += CHUNK_HEAD_BYTES + chunk->bytes;
    journal->prev_crc = head.crc;
    journal->next_lsn += chunk->records;
    counter_add(&journal->records, chunk->records);
    journal->published_us[journal->chunks++] = chunk->published_us;
    journal->taken[core->id] = chunk->number;
    atomic_store_explicit(&core->chunks_taken, chunk->number, memory_order_release);
}

/* The head chunk of a core if it may be written now. */
static const struct chunk *head_chunk(const struct journal *journal, struct core *core)
{
    uint64_t published = atomic_load_explicit(&core->published, memory_order_acquire);
    uint64_t next = journal->taken[core->id] + 1;
    if (next > published)
        return NULL;
    const struct chunk *chunk = &core->chunks[next % journal->rt->limits.chunk_slots];
    ASSERT(chunk->number == next);
    return deps_taken(journal, chunk) ? chunk : NULL;
}

static bool batch_is_full(const struct journal *journal)
{
    return journal->filled >= journal->batch_bytes || journal->chunks == JOURNAL_BATCH_CHUNKS;
}

uint32_t journal_collect(struct journal *journal)
{
    bool any = true;
    journal->filled = journal->chunks = 0;
    while (any && !batch_is_full(journal)) {
        any = false;
        for (uint16_t c = 0; c < journal->rt->cores; c++) {
            struct core *core = journal->rt->core[c];
            const struct chunk *chunk = head_chunk(journal, core);
            if (!chunk || batch_is_full(journal))
                continue;
            if (BUG(5) && c != (journal->batch + 1) % journal->rt->cores)
                continue; /* and one lane a batch, so that it shows */
            take_chunk(journal, core, chunk);
            any = true;
            /* A chunk on a block boundary is always the first of its batch: what recovery's
             * judgement of a torn tail rests on. */
            if (journal->filled % SEGMENT_BLOCK == 0)
                return journal->filled;
        }
    }
    return journal->filled;
}

/* ---- sync ---- */

static int roll(struct journal *journal, uint32_t prev_crc, uint64_t first_lsn)
{
    struct disk *disk = &journal->disk;
    int result = journal_spare(journal);
    struct segment_head next = journal->head;
    next.number++;
    next.bytes = journal->segment_bytes;
    next.first_lsn = first_lsn;
    next.first_batch = journal->batch;
    next.prev_crc = prev_crc;
    if (result == 0)
        result = segment_enter(disk, &next);
    if (result)
        return result;
    atomic_store_explicit(&journal->spare_ready, false, memory_order_release);
    FAILPOINT("after-segment");
    disk->ops->close(disk->self, journal->file);
    journal->head = next;
    journal->offset = SEGMENT_BLOCK;
    counter_set(&journal->segment, next.number);
    return open_segment(journal);
}

/* Tells everybody what is durable now. */
static void tell_durable(struct journal *journal)
{
    struct runtime *rt = journal->rt;
    int64_t now_us = env_now_us(&rt->env);
    runtime_set_durable(rt, journal->taken);
    atomic_store_explicit(&journal->lsn_durable, journal->next_lsn - 1, memory_order_release);
    for (uint16_t c = 0; c < rt->cores; c++)
        waker_wake(&rt->core[c]->waker);
    for (uint32_t i = 0; i < journal->chunks; i++)
        hist_add_us(&journal->durable_us, journal->published_us[i], now_us);
}

int journal_sync(struct journal *journal)
{
    if (journal->filled == 0)
        return 0;
    uint32_t bytes = (journal->filled + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
    memset(journal->buffer + journal->filled, 0, bytes - journal->filled);
    if (journal->offset + bytes > journal->head.bytes) {
        /* the batch's first chunk says what came before it */
        int result = roll(journal, get_u32(journal->buffer + 8), get_u64(journal->buffer + 16));
        if (result)
            return result;
    }
    uint64_t began = env_mono_ns();
    FAILPOINT("before-write");
    int result = journal->disk.ops->write(journal->disk.self, journal->file, journal->buffer, bytes,
                                          journal->offset);
    if (result)
        return result;
    FAILPOINT("before-durable");
    hist_add(&journal->sync_ns, env_mono_ns() - began);
    journal->offset += bytes;
    journal->batch++;
    counter_add(&journal->batches, 1);
    counter_add(&journal->bytes, bytes);
    hist_add(&journal->batch_size, bytes);
    journal->filled = 0;
    tell_durable(journal);
    return 0;
}

int journal_spare(struct journal *journal)
{
    int result = 0;
    pthread_mutex_lock(&journal->spare_lock);
    if (!atomic_load_explicit(&journal->spare_ready, memory_order_acquire)) {
        result = segment_create(&journal->disk, SEGMENT_SPARE, journal->segment_bytes);
        atomic_store_explicit(&journal->spare_failed, result != 0, memory_order_release);
        atomic_store_explicit(&journal->spare_ready, result == 0, memory_order_release);
    }
    pthread_mutex_unlock(&journal->spare_lock);
    return result;
}
