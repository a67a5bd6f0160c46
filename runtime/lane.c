#include "runtime/lane.h"

static uint32_t ring_size(uint32_t capacity)
{
    uint32_t size = 1;
    while (size < capacity)
        size <<= 1;
    return size;
}

size_t lane_size(uint32_t capacity)
{
    return sizeof(struct lane) + (size_t)ring_size(capacity) * sizeof(struct lane_slot);
}

struct lane *lane_init(void *block, uint32_t capacity, bool inlined)
{
    ASSERT(capacity > 0);
    ASSERT(((uintptr_t)block & 63) == 0);
    struct lane *lane = block;
    memset(lane, 0, sizeof *lane);
    ck_ring_init(&lane->ring, ring_size(capacity));
    lane->slots = (struct lane_slot *)(lane + 1);
    lane->capacity = capacity;
    lane->inlined = inlined;
    return lane;
}
