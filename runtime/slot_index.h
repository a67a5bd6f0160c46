/* slot_index.h - finds a slot number by a key that lives in the slot itself.
 *
 * Thread:  owner only.
 * Memory:  two regions of the caller, each slot_index_region(max) bytes, zeroed. The table starts
 * small, so a quiet shard touches few pages, and doubles from one region into the other; a few
 * entries move with each insert and remove, so no single call pays for the growth. Shape:   open
 * addressing with linear probing over 8-byte entries (32 bits of hash, 32 of slot), at most a
 * quarter full (half full, probing took 80 % of an insert with 1M entries), backward-shift
 * deletion. Slot 0 means "none". Pure:    header-only, no word of trading; the pure cores (book,
 * ledger) include it.
 */
#ifndef SLOT_INDEX_H
#define SLOT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/check.h"

enum {
    SLOT_INDEX_FIRST = 64,
    SLOT_INDEX_STRIDE = 8,
    SLOT_INDEX_PAGE = 4096 / sizeof(uint64_t), /* entries */
};

struct slot_table {
    uint64_t *entry;
    uint32_t mask;
};

struct slot_index {
    struct slot_table now, old;
    uint64_t *region[2];
    uint32_t count, region_slots;
    uint32_t cursor; /* entries of `old` below it have moved */
    bool moving;
};

/* Slots of the largest table for `max` entries. */
static inline uint32_t slot_index_slots(uint32_t max)
{
    uint32_t slots = SLOT_INDEX_FIRST;
    while (slots < 4 * (uint64_t)max)
        slots <<= 1;
    return slots;
}

static inline size_t slot_index_region(uint32_t max)
{
    return (size_t)slot_index_slots(max) * sizeof(uint64_t);
}

static inline void slot_index_init(struct slot_index *index, void *region0, void *region1,
                                   uint32_t max)
{
    *index =
        (struct slot_index){.region = {region0, region1}, .region_slots = slot_index_slots(max)};
    index->now = (struct slot_table){.entry = region0, .mask = SLOT_INDEX_FIRST - 1};
}

static inline void slot_table_insert(struct slot_table *table, uint32_t hash, uint32_t slot)
{
    uint32_t at = hash & table->mask;
    while (table->entry[at])
        at = (at + 1) & table->mask;
    table->entry[at] = (uint64_t)hash << 32 | slot;
}

/* Every entry behind the hole that may move into it does, so no tombstones pile up. */
static inline void slot_table_close(struct slot_table *table, uint32_t hole)
{
    uint32_t mask = table->mask;
    for (uint32_t at = (hole + 1) & mask; table->entry[at]; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)(table->entry[at] >> 32) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->entry[hole] = table->entry[at];
            hole = at;
        }
    }
    table->entry[hole] = 0;
}

static inline bool slot_table_remove(struct slot_table *table, uint32_t hash, uint32_t slot)
{
    uint64_t wanted = (uint64_t)hash << 32 | slot;
    for (uint32_t at = hash & table->mask; table->entry[at]; at = (at + 1) & table->mask)
        if (table->entry[at] == wanted) {
            slot_table_close(table, at);
            return true;
        }
    return false;
}

/* Moves up to SLOT_INDEX_STRIDE places of the old table; what it leaves behind is all zero. */
static inline void slot_index_move(struct slot_index *index)
{
    for (uint32_t i = 0; i < SLOT_INDEX_STRIDE && index->moving; i++) {
        uint64_t entry = index->old.entry[index->cursor];
        if (entry) { /* closing the hole may bring another entry here: look again */
            slot_table_insert(&index->now, (uint32_t)(entry >> 32), (uint32_t)entry);
            slot_table_close(&index->old, index->cursor);
        } else if (index->cursor++ == index->old.mask) {
            index->moving = false;
        }
    }
}

/* Writes to the pages of the next table one by one before it is needed. A page that is read first
 * is the kernel's zero page, and the write after that stops all other cores to change the mapping.
 * Its first quarter was the table before this one; the inserts between 7/32 and 1/4 full do the
 * rest. */
static inline void slot_index_ready(struct slot_index *index)
{
    uint32_t slots = index->now.mask + 1, from = slots / 4 - slots / 32;
    if (index->count < from || index->count % 8 != 0 || slots == index->region_slots)
        return;
    volatile uint64_t *next = index->region[index->now.entry == index->region[0]];
    size_t at = slots / 2 + (size_t)(index->count - from) / 8 * SLOT_INDEX_PAGE;
    if (at < 2 * (size_t)slots)
        next[at] = 0;
}

static inline void slot_index_insert(struct slot_index *index, uint32_t hash, uint32_t slot)
{
    if (index->moving)
        slot_index_move(index);
    else
        slot_index_ready(index);
    if (!index->moving && 4 * (index->count + 1) > index->now.mask + 1) {
        ASSERT(index->now.mask + 1 < index->region_slots);
        index->old = index->now;
        index->now.entry = index->region[index->old.entry == index->region[0]];
        index->now.mask = 2 * index->old.mask + 1;
        index->cursor = 0;
        index->moving = true;
    }
    slot_table_insert(&index->now, hash, slot);
    index->count++;
}

static inline void slot_index_remove(struct slot_index *index, uint32_t hash, uint32_t slot)
{
    if (index->moving)
        slot_index_move(index);
    if (!slot_table_remove(&index->now, hash, slot))
        ASSERT(index->moving && slot_table_remove(&index->old, hash, slot));
    index->count--;
}

/* Walks the slots whose hash fits: `*at` starts as 0; returns 0 at the end. The caller compares the
 * key. `*table` starts as 0 too. */
static inline uint32_t slot_index_next(const struct slot_index *index, uint32_t hash, uint32_t *at,
                                       uint32_t *table)
{
    for (; *table < (index->moving ? 2u : 1u); ++*table, *at = 0) {
        const struct slot_table *look = *table ? &index->old : &index->now;
        for (;;) {
            uint64_t entry = look->entry[(hash + *at) & look->mask];
            if (!entry)
                break;
            ++*at;
            if ((uint32_t)(entry >> 32) == hash)
                return (uint32_t)entry;
        }
    }
    return 0;
}

/* for (each candidate slot of hash) body; `slot` is 0 after the loop when none was chosen by break.
 */
#define SLOT_INDEX_EACH(index, hash, slot)                                                         \
    for (uint32_t at_ = 0, table_ = 0; ((slot) = slot_index_next((index), (hash), &at_, &table_));)

static inline void slot_index_prefetch(const struct slot_index *index, uint32_t hash)
{
    __builtin_prefetch(&index->now.entry[hash & index->now.mask], 1);
}

#endif
