/* lane.h - a bounded single-producer single-consumer lane of 64-byte messages.
 *
 * Thread:  lane_room, lane_stage and lane_release by the producer; lane_peek and lane_drop by the
 *          consumer; lane_depth by any (a snapshot).
 * Memory:  one block from the caller, sized by lane_size(); nothing is allocated later.
 * Full:    is an answer (lane_stage returns false), never a wait. A lane of capacity n holds n.
 * Batches: staged messages are invisible until lane_release() publishes them with one store; the
 *          consumer hands slots back with one store for all it dropped (PEERS §3).
 * Inline:  a lane from a core to itself takes the same calls without a fence; what is staged on it
 * is visible at once (PROTOCOL J1: same-core messages may be taken in the turn that made them).
 * Source:  ck_ring's counters (Concurrency Kit), advanced here so that a batch costs one store.
 */
#ifndef LANE_H
#define LANE_H

#include <ck_pr.h>
#include <ck_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/check.h"
#include "runtime/counter.h"

#ifdef __SANITIZE_THREAD__
#define LANE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LANE_TSAN 1
#endif
#endif
#ifdef LANE_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define LANE_ACQUIRE(slot) __tsan_acquire(slot)
#define LANE_RELEASE(slot) __tsan_release(slot)
#else
#define LANE_ACQUIRE(slot) ((void)(slot))
#define LANE_RELEASE(slot) ((void)(slot))
#endif

enum { LANE_SLOT_BYTES = 64 };

struct lane_slot {
    _Alignas(64) unsigned char bytes[LANE_SLOT_BYTES];
};

struct lane {
    ck_ring_t ring;          /* c_head: consumer's, p_tail: what the consumer may see */
    struct lane_slot *slots; /* ring.size of them */
    uint32_t capacity;
    bool inlined;
    _Alignas(64) uint32_t staged; /* producer: the tail to be published */
    uint32_t head_seen;           /* producer: last c_head it read */
    counter sent, full;           /* producer's */
    _Alignas(64) uint32_t next;   /* consumer: the head to be handed back */
    uint32_t tail_seen;           /* consumer: last p_tail it read */
    counter taken;                /* consumer's */
};

/* Bytes for a lane that holds `capacity` messages. */
size_t lane_size(uint32_t capacity);

/* Builds an empty lane in a zeroed, 64-byte aligned block. Thread: before the users start. */
struct lane *lane_init(void *block, uint32_t capacity, bool inlined);

/* Free slots; looks at the consumer's counter only when `want` would not fit. Thread: producer. */
static inline uint32_t lane_room(struct lane *lane, uint32_t want)
{
    uint32_t room = lane->capacity - (lane->staged - lane->head_seen);
    if (room >= want)
        return room;
    lane->head_seen = ck_pr_load_uint(&lane->ring.c_head);
    ck_pr_fence_load_store();
    return lane->capacity - (lane->staged - lane->head_seen);
}

/* Puts one message behind the staged ones; false when the lane is full. Thread: producer. */
__attribute__((warn_unused_result)) static inline bool lane_stage(struct lane *lane,
                                                                  const void *message)
{
    if (lane_room(lane, 1) == 0) {
        counter_add(&lane->full, 1);
        return false;
    }
    struct lane_slot *slot = &lane->slots[lane->staged & lane->ring.mask];
    LANE_ACQUIRE(slot);
    memcpy(slot->bytes, message, LANE_SLOT_BYTES);
    lane->staged++;
    counter_add(&lane->sent, 1);
    if (lane->inlined)
        lane->ring.p_tail = lane->staged;
    return true;
}

/* Publishes what is staged; true if the consumer may have seen an empty lane before, so that a
 * sleeping one must be woken. Thread: producer. */
static inline bool lane_release(struct lane *lane)
{
    uint32_t tail = lane->ring.p_tail;
    if (tail == lane->staged)
        return false;
#ifdef LANE_TSAN
    for (uint32_t i = tail; i != lane->staged; i++)
        LANE_RELEASE(&lane->slots[i & lane->ring.mask]);
#endif
    ck_pr_fence_store();
    ck_pr_store_uint(&lane->ring.p_tail, lane->staged);
    return true;
}

/* Messages waiting, at most what was published. Thread: consumer. */
static inline uint32_t lane_ready(struct lane *lane)
{
    uint32_t ready = lane->tail_seen - lane->next;
    if (ready)
        return ready;
    lane->tail_seen = lane->inlined ? lane->ring.p_tail : ck_pr_load_uint(&lane->ring.p_tail);
    ck_pr_fence_load();
    return lane->tail_seen - lane->next;
}

/* Like lane_ready(), but always looks at the producer's counter. Thread: consumer. */
static inline uint32_t lane_refresh(struct lane *lane)
{
    lane->tail_seen = lane->next;
    return lane_ready(lane);
}

/* The message at the head, in its slot, or NULL. It stays until lane_drop(). Thread: consumer. */
static inline const void *lane_peek(struct lane *lane)
{
    if (lane_ready(lane) == 0)
        return NULL;
    struct lane_slot *slot = &lane->slots[lane->next & lane->ring.mask];
    LANE_ACQUIRE(slot);
    return slot->bytes;
}

/* The i-th message from the head; i < lane_ready(). Thread: consumer. */
static inline const void *lane_ahead(struct lane *lane, uint32_t i)
{
    ASSERT(i < lane->tail_seen - lane->next);
    struct lane_slot *slot = &lane->slots[(lane->next + i) & lane->ring.mask];
    LANE_ACQUIRE(slot);
    return slot->bytes;
}

/* Takes the head off; the slot is handed back by lane_return(). Thread: consumer. */
static inline void lane_drop(struct lane *lane)
{
    ASSERT(lane->tail_seen != lane->next);
    LANE_RELEASE(&lane->slots[lane->next & lane->ring.mask]);
    lane->next++;
    counter_add(&lane->taken, 1);
}

/* Hands dropped slots back to the producer with one store. Thread: consumer. */
static inline void lane_return(struct lane *lane)
{
    if (lane->ring.c_head == lane->next)
        return;
    ck_pr_fence_load_store();
    ck_pr_fence_store();
    ck_pr_store_uint(&lane->ring.c_head, lane->next);
}

/* Published and not yet handed back: for metrics and for the sleep check. Thread: any. */
static inline uint32_t lane_depth(const struct lane *lane)
{
    uint32_t head =
        ck_pr_load_uint(&lane->ring.c_head); /* first: then the difference cannot wrap */
    ck_pr_fence_load();
    return ck_pr_load_uint(&lane->ring.p_tail) - head;
}

#endif
