#include "runtime/tally.h"

#include <ck_pr.h>

#include "runtime/check.h"
#include "runtime/hash.h"

size_t tally_bytes(uint32_t slots)
{
    return slots * sizeof(struct tally_slot);
}

void tally_init(struct tally *tally, void *block, uint32_t slots)
{
    ASSERT(slots >= TALLY_PROBES && (slots & (slots - 1)) == 0);
    ASSERT((uintptr_t)block % sizeof(struct tally_slot) == 0);
    *tally = (struct tally){.slot = block, .mask = slots - 1};
}

/* Both words as they were at one moment: a key that is the same before and after its sum was read
 * did not change in between, since a key comes back only in a later window. */
static void look(const struct tally_slot *slot, uint64_t seen[2])
{
    do {
        seen[0] = ck_pr_load_64(&slot->word[0]);
        ck_pr_fence_load();
        seen[1] = ck_pr_load_64(&slot->word[1]);
        ck_pr_fence_load();
    } while (ck_pr_load_64(&slot->word[0]) != seen[0]);
}

static uint32_t window_of(const uint64_t seen[2])
{
    return (uint32_t)(seen[1] >> 32);
}

/* The key's slot, or else the first that no one needs in this window, or else the one with the
 * smallest sum. The first that no one needs only moves on within a window, so two threads that add
 * the same key claim the same one, and one of them sees that. */
static struct tally_slot *find(struct tally *tally, uint64_t key, uint32_t window, uint64_t seen[2])
{
    struct tally_slot *best = NULL;
    for (uint32_t i = 0; i < TALLY_PROBES; i++) {
        struct tally_slot *slot = &tally->slot[((uint32_t)hash_mix(key) + i) & tally->mask];
        uint64_t here[2];
        look(slot, here);
        bool better =
            !best || (window_of(seen) >= window &&
                      (window_of(here) < window || (uint32_t)here[1] < (uint32_t)seen[1]));
        if (here[0] == key || better) {
            best = slot;
            seen[0] = here[0];
            seen[1] = here[1];
        }
        if (here[0] == key)
            break;
    }
    return best;
}

bool tally_take(struct tally *tally, uint64_t key, uint32_t window, uint32_t add, uint32_t most,
                uint32_t *sum)
{
    uint64_t seen[2] = {0}, next[2];
    struct tally_slot *slot;
    ASSERT(key != 0 && window != 0);
    do {
        slot = find(tally, key, window, seen);
        bool ours = seen[0] == key && window_of(seen) >= window;
        uint32_t had = ours ? (uint32_t)seen[1] : 0;
        if (__builtin_add_overflow(had, add, sum))
            *sum = UINT32_MAX;
        if (add == 0)
            break;
        if (*sum > most) {
            *sum = had;
            return false;
        }
        next[0] = key;
        next[1] = (uint64_t)(ours ? window_of(seen) : window) << 32 | *sum;
    } while (!ck_pr_cas_64_2(slot->word, seen, next));
    return true;
}

uint32_t tally_add(struct tally *tally, uint64_t key, uint32_t window, uint32_t add)
{
    uint32_t sum;
    tally_take(tally, key, window, add, UINT32_MAX, &sum);
    return sum;
}
