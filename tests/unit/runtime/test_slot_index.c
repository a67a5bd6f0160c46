#define _GNU_SOURCE
#include "runtime/slot_index.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/hash.h"

enum { SLOTS_MAX = 6000 };

/* The naive model: slot -> hash, and a flag. */
static struct {
    struct slot_index index;
    void *region[2];
    uint32_t hash[SLOTS_MAX + 1];
    bool in[SLOTS_MAX + 1];
    uint32_t count, max;
    uint64_t random;
} model;

static void open_model(uint32_t max, uint64_t seed)
{
    for (int i = 0; i < 2; i++) {
        model.region[i] = calloc(1, slot_index_region(max));
        cr_assert(model.region[i] != NULL);
    }
    slot_index_init(&model.index, model.region[0], model.region[1], max);
    memset(model.in, 0, sizeof model.in);
    model.count = 0;
    model.max = max;
    model.random = seed;
}

static void close_model(void)
{
    free(model.region[0]);
    free(model.region[1]);
}

static uint32_t below(uint32_t bound)
{
    return (uint32_t)(hash_mix(++model.random) % bound);
}

static void insert(uint32_t slot, uint32_t hash)
{
    model.hash[slot] = hash;
    model.in[slot] = true;
    model.count++;
    slot_index_insert(&model.index, hash, slot);
}

static void take_out(uint32_t slot)
{
    model.in[slot] = false;
    model.count--;
    slot_index_remove(&model.index, model.hash[slot], slot);
}

/* How often the walk over `hash` meets `slot`; every slot it meets must have that hash. */
static uint32_t times_found(uint32_t hash, uint32_t wanted)
{
    uint32_t slot, times = 0, met = 0;
    SLOT_INDEX_EACH(&model.index, hash, slot)
    {
        cr_assert(slot <= SLOTS_MAX && model.in[slot] && model.hash[slot] == hash,
                  "slot %u is not in, or has another hash", slot);
        times += slot == wanted;
        cr_assert_leq(++met, SLOTS_MAX, "the walk does not end");
    }
    cr_assert_eq(slot, 0);
    return times;
}

static void check_all(void)
{
    uint32_t entries = 0;
    cr_assert_eq(model.index.count, model.count);
    for (uint32_t slot = 1; slot <= model.max; slot++)
        cr_assert_eq(times_found(model.hash[slot], slot), model.in[slot], "slot %u", slot);
    for (uint32_t i = 0; i <= model.index.now.mask; i++)
        entries += model.index.now.entry[i] != 0;
    for (uint32_t i = 0; model.index.moving && i <= model.index.old.mask; i++)
        entries += model.index.old.entry[i] != 0;
    cr_assert_eq(entries, model.count);
    cr_assert_leq(2 * entries, model.index.region_slots);
}

/* Goal: an empty index finds nothing. Method: look. */
Test(slot_index_find, finds_nothing_in_an_empty_index)
{
    open_model(100, 1);
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(times_found((uint32_t)hash_mix(i), 1), 0);
    close_model();
}

/* Goal: find, insert and remove are those of a set, at every size and while it grows. Method:
 * seeded calls against the naive model; it fills, empties and fills again, so that the doublings
 * meet both inserts and removes. `bits` of hash force collisions. */
static void against_the_model(uint32_t max, uint32_t bits, uint64_t seed)
{
    uint32_t doublings = 0, moving = 0, removed_moving = 0, mask = SLOT_INDEX_FIRST - 1;
    open_model(max, seed);
    for (uint32_t i = 0; i < 6 * max; i++) {
        uint32_t slot = 1 + below(max);
        uint32_t fill = i < 2 * max ? 70 : i < 4 * max ? 30 : 80; /* percent of inserts */
        if (below(100) < fill) {
            if (!model.in[slot])
                insert(slot, (uint32_t)(hash_mix(slot ^ seed << 20) >> (64 - bits)) * 0x9E3779B1u);
        } else if (model.in[slot]) {
            removed_moving += model.index.moving;
            take_out(slot);
        }
        cr_assert_eq(times_found(model.hash[slot], slot), model.in[slot]);
        slot = 1 + below(max);
        cr_assert_eq(times_found(model.hash[slot], slot), model.in[slot]);
        moving += model.index.moving;
        if (model.index.now.mask != mask) {
            cr_assert_eq(model.index.now.mask, 2 * mask + 1);
            mask = model.index.now.mask;
            doublings++;
        }
        if (i % 499 == 0 || (model.index.moving && i < 700))
            check_all();
    }
    check_all();
    if (max > 500) {
        cr_assert_geq(doublings, 3);
        cr_assert_gt(moving, 20);
        cr_assert_gt(removed_moving, 5);
    }
    for (uint32_t slot = 1; slot <= max; slot++) /* to the very last one */
        if (model.in[slot])
            take_out(slot);
    check_all();
    close_model();
}

Test(slot_index_model, agrees_with_a_plain_array_when_hashes_spread)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        against_the_model(SLOTS_MAX / 3, 32, seed);
        against_the_model(700, 30, seed);
        against_the_model(33, 32, seed);
    }
}

Test(slot_index_model, agrees_with_a_plain_array_when_hashes_collide)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        against_the_model(1000, 7, seed);
        against_the_model(300, 1, seed);
        against_the_model(1500, 10, seed);
    }
}

/* Goal: probes wrap around the table's end. Method: hashes at the last two places. */
Test(slot_index_model, keeps_chains_that_wrap_around_the_end)
{
    open_model(400, 5);
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t slot = 1; slot <= 12 * (round + 1) && slot <= 400; slot++)
            if (!model.in[slot] && below(2))
                insert(slot, UINT32_MAX - below(3));
        check_all();
        for (uint32_t slot = 1; slot <= 400; slot++)
            if (model.in[slot] && below(2))
                take_out(slot);
        check_all();
    }
    close_model();
}

/* Goal: an index for n takes n, and no call pays for the growth. Method: fill it to the brim; a
 * doubling must be over before the next one is due. */
Test(slot_index_growth, an_index_for_n_takes_n)
{
    static const uint32_t sizes[] = {1, 31, 32, 33, 64, 65, 1000, 4096, 4097, SLOTS_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        open_model(sizes[i], i);
        for (uint32_t slot = 1; slot <= sizes[i]; slot++)
            insert(slot, (uint32_t)hash_mix(slot));
        check_all();
        close_model();
    }
}

/* Goal: what a move leaves behind is zero, since the next doubling builds there. Method: look. */
Test(slot_index_growth, leaves_zeros_behind)
{
    open_model(SLOTS_MAX, 3);
    bool was_moving = false;
    uint32_t ended = 0;
    for (uint32_t slot = 1; slot <= SLOTS_MAX; slot++) {
        insert(slot, (uint32_t)hash_mix(slot));
        if (was_moving && !model.index.moving) {
            ended++;
            for (uint32_t i = 0; i <= model.index.old.mask; i++)
                cr_assert_eq(model.index.old.entry[i], 0, "place %u", i);
        }
        was_moving = model.index.moving;
    }
    cr_assert_geq(ended, 6);
    close_model();
}

static bool is_present(const uint64_t *entry)
{
    unsigned char page;
    void *at = (void *)((uintptr_t)entry & ~(uintptr_t)4095);
    cr_assert_eq(mincore(at, 4096, &page), 0);
    return page & 1;
}

/* Goal: a lookup in a table that has just doubled reads no page that nothing was written to.
 * Method: regions that were never touched; at each doubling ask the kernel for every page of the
 * new table. */
Test(slot_index_growth, the_next_table_has_its_pages)
{
    enum { MAX = 100000 };
    struct slot_index index;
    void *region[2];
    for (int i = 0; i < 2; i++) {
        region[i] = mmap(NULL, slot_index_region(MAX), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        cr_assert_neq(region[i], MAP_FAILED);
        cr_assert_eq(madvise(region[i], slot_index_region(MAX), MADV_NOHUGEPAGE), 0);
    }
    slot_index_init(&index, region[0], region[1], MAX);
    uint32_t missing = 0, doublings = 0;
    for (uint32_t slot = 1; slot <= MAX; slot++) {
        if (!index.moving && 4 * (index.count + 1) > index.now.mask + 1) {
            const uint64_t *next = region[index.now.entry == region[0]];
            for (uint32_t at = 0; at < 2 * (index.now.mask + 1); at += SLOT_INDEX_PAGE)
                missing += !is_present(&next[at]);
            doublings++;
        }
        slot_index_insert(&index, (uint32_t)hash_mix(slot), slot);
    }
    cr_assert_geq(doublings, 12);
    cr_assert_leq(missing, 2, "%u pages",
                  missing); /* each region's first, which nobody waits for */
    for (int i = 0; i < 2; i++)
        munmap(region[i], slot_index_region(MAX));
}
