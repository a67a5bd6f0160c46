/* mini_journal.h - journals for tests, written without a writer: segments of small records.
 *
 * Thread:  one.
 */
#ifndef MINI_JOURNAL_H
#define MINI_JOURNAL_H

#include "tests/unit/storage/mem_disk.h"

enum { MINI_SEGMENT_BYTES = 1 << 16, MINI_CHUNKS_MAX = 15 };

struct mini_journal { /* begins as zeros; where the next segment goes on */
    uint64_t number, lsn, batch;
    uint32_t prev_crc;
};

/* What the record with that LSN holds, and its time. */
uint64_t mini_value(uint64_t lsn);
int64_t mini_ts_us(uint64_t lsn);

/* Adds the next segment: `chunks` chunks, each a batch of its own, of `records` records each. */
void mini_segment(struct mem_disk *memory, struct mini_journal *journal, uint32_t chunks,
                  uint32_t records);

#endif
