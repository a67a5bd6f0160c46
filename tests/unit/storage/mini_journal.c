#include "tests/unit/storage/mini_journal.h"

#include "runtime/check.h"
#include "runtime/hash.h"
#include "runtime/record.h"
#include "storage/segment.h"

enum { PAYLOAD = 8, RECORD = RECORD_HEAD_BYTES + PAYLOAD };

uint64_t mini_value(uint64_t lsn)
{
    return hash_mix(lsn);
}

int64_t mini_ts_us(uint64_t lsn)
{
    return 1700000000000000 + (int64_t)lsn;
}

/* A chunk whose first record is journal->lsn + 1. */
static void put_chunk(struct mini_journal *journal, unsigned char *at, uint32_t records)
{
    struct chunk_head head = {.prev_crc = journal->prev_crc,
                              .bytes = records * RECORD,
                              .first_lsn = journal->lsn + 1,
                              .batch = ++journal->batch,
                              .ts_us = (uint64_t)mini_ts_us(journal->lsn + records),
                              .boot = 1,
                              .records = (uint16_t)records};
    for (uint32_t i = 0; i < records; i++) {
        unsigned char *record = at + CHUNK_HEAD_BYTES + i * RECORD;
        uint64_t lsn = ++journal->lsn;
        record_head_encode(record,
                           &(struct record_head){.type = 1, .bytes = PAYLOAD, .shard_seq = lsn});
        put_u64(record + RECORD_HEAD_BYTES, mini_value(lsn));
    }
    chunk_head_encode(at, &head);
    journal->prev_crc = head.crc;
}

void mini_segment(struct mem_disk *memory, struct mini_journal *journal, uint32_t chunks,
                  uint32_t records)
{
    char name[DISK_NAME_MAX];
    ASSERT(chunks <= MINI_CHUNKS_MAX && CHUNK_HEAD_BYTES + records * RECORD < SEGMENT_BLOCK);
    segment_name(++journal->number, name);
    unsigned char *data = mem_disk_put(memory, name, NULL, MINI_SEGMENT_BYTES)->data;
    const struct segment_head head = {.version = SEGMENT_VERSION,
                                      .number = journal->number,
                                      .bytes = MINI_SEGMENT_BYTES,
                                      .first_lsn = journal->lsn + 1,
                                      .first_batch = journal->batch + 1,
                                      .prev_crc = journal->prev_crc,
                                      .account_shards = 2,
                                      .market_shards = 3,
                                      .users_max = 10,
                                      .symbols_max = 11,
                                      .orders_max = 12,
                                      .id = "mini journal id"};
    segment_encode(&head, data);
    for (uint32_t i = 0; i < chunks; i++)
        put_chunk(journal, data + SEGMENT_BLOCK * (i + 1), records);
}
