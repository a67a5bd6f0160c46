#include "http/limits.h"

#include "runtime/check.h"
#include "runtime/hash.h"

enum { BAN_SLOTS = LIMIT_SLOTS / 4, BAN_PROBES = 16, SECOND_US = 1000000 };

size_t limits_bytes(void)
{
    return 3 * tally_bytes(LIMIT_SLOTS) + BAN_SLOTS * sizeof(struct limit_ban);
}

void limits_init(struct limits *limits, void *block)
{
    struct tally *const tallies[] = {&limits->weights, &limits->requests, &limits->refusals};
    char *at = block;
    for (uint32_t i = 0; i < 3; i++, at += tally_bytes(LIMIT_SLOTS))
        tally_init(tallies[i], at, LIMIT_SLOTS);
    limits->bans = (struct limit_ban *)at;
    atomic_init(&limits->last_end_s, 0);
    atomic_flag_clear(&limits->making);
}

/* Counts from 1. */
static uint32_t window_of(int64_t now_us, int64_t length_us)
{
    return (uint32_t)(now_us / length_us) + 1;
}

static int64_t window_end(int64_t now_us, int64_t length_us)
{
    return (now_us / length_us + 1) * length_us;
}

/* ---- bans ---- */

static uint32_t end_of(uint64_t ban)
{
    return (uint32_t)(ban >> 32);
}

static struct limit_ban *slot_of(struct limits *limits, uint64_t address, uint32_t probe)
{
    return &limits->bans[(hash_mix(address) + probe) % BAN_SLOTS];
}

/* What is known of the address's newest ban; 0: nothing. Who makes a ban clears the slot's address
 * first, so that no ban is taken for another's. */
static uint64_t ban_of(struct limits *limits, uint64_t address)
{
    for (uint32_t i = 0; i < BAN_PROBES; i++) {
        struct limit_ban *slot = slot_of(limits, address, i);
        if (atomic_load(&slot->address) != address)
            continue;
        uint64_t ban = atomic_load(&slot->ban);
        if (atomic_load(&slot->address) == address)
            return ban;
    }
    return 0;
}

/* When its ban ends, in seconds; 0: it is not banned. While nobody is, that is one look. */
static uint32_t banned_until(struct limits *limits, uint64_t address, int64_t now_us)
{
    uint32_t now_s = (uint32_t)(now_us / SECOND_US);
    if (atomic_load_explicit(&limits->last_end_s, memory_order_relaxed) <= now_s)
        return 0;
    uint32_t end_s = end_of(ban_of(limits, address));
    return end_s > now_s ? end_s : 0;
}

/* How long the next ban is, after `before`. */
static uint32_t next_length(uint64_t before, uint32_t now_s)
{
    uint32_t length = (uint32_t)before;
    if (length == 0 || now_s >= end_of(before) + LIMIT_BAN_KEPT_S)
        return LIMIT_BAN_S;
    return length < LIMIT_BAN_MAX_S / 2 ? 2 * length : LIMIT_BAN_MAX_S;
}

/* The address's slot, or else the one whose ban ended first, or will. */
static struct limit_ban *slot_for(struct limits *limits, uint64_t address)
{
    struct limit_ban *best = slot_of(limits, address, 0);
    for (uint32_t i = 0; i < BAN_PROBES; i++) {
        struct limit_ban *slot = slot_of(limits, address, i);
        if (atomic_load(&slot->address) == address)
            return slot;
        if (end_of(atomic_load(&slot->ban)) < end_of(atomic_load(&best->ban)))
            best = slot;
    }
    return best;
}

/* Bans the address, unless another core has just done so; returns the end in seconds. */
static uint32_t make_ban(struct limits *limits, uint64_t address, int64_t now_us, uint32_t *length)
{
    uint32_t now_s = (uint32_t)(now_us / SECOND_US);
    while (atomic_flag_test_and_set_explicit(&limits->making, memory_order_acquire))
        ;
    uint64_t before = ban_of(limits, address);
    uint32_t end_s = end_of(before);
    if (end_s <= now_s) {
        struct limit_ban *slot = slot_for(limits, address);
        *length = next_length(before, now_s);
        end_s = now_s + (now_us % SECOND_US > 0) + *length;
        atomic_store(&slot->address, 0);
        atomic_store(&slot->ban, (uint64_t)end_s << 32 | *length);
        atomic_store(&slot->address, address);
        if (atomic_load(&limits->last_end_s) < end_s)
            atomic_store(&limits->last_end_s, end_s);
    }
    atomic_flag_clear_explicit(&limits->making, memory_order_release);
    return end_s;
}

/* ---- what is asked ---- */

static bool refuse(struct limits *limits, uint64_t address, int64_t now_us, enum limit why,
                   struct limit_told *told)
{
    bool weight = why == LIMIT_BY_WEIGHT;
    uint32_t minute = window_of(now_us, LIMIT_WEIGHT_US);
    *told = (struct limit_told){
        .why = why, .until_us = window_end(now_us, weight ? LIMIT_WEIGHT_US : LIMIT_REQUESTS_US)};
    if (tally_add(&limits->refusals, address, minute, 1) <= LIMIT_REFUSALS)
        return false;
    told->why = LIMIT_BY_BAN;
    told->until_us = (int64_t)make_ban(limits, address, now_us, &told->new_ban) * SECOND_US;
    return false;
}

bool limits_enter(struct limits *limits, uint64_t address, int64_t now_us, struct limit_told *told)
{
    uint32_t banned_s = banned_until(limits, address, now_us), requests;
    if (banned_s) {
        *told = (struct limit_told){.why = LIMIT_BY_BAN, .until_us = (int64_t)banned_s * SECOND_US};
        return false;
    }
    if (!tally_take(&limits->requests, address, window_of(now_us, LIMIT_REQUESTS_US), 1,
                    LIMIT_REQUESTS, &requests))
        return refuse(limits, address, now_us, LIMIT_BY_REQUESTS, told);
    if (limits_add(limits, address, now_us, 0) >= LIMIT_WEIGHT)
        return refuse(limits, address, now_us, LIMIT_BY_WEIGHT, told);
    return true;
}

bool limits_charge(struct limits *limits, uint64_t address, int64_t now_us, uint32_t weight,
                   uint32_t *used, struct limit_told *told)
{
    if (tally_take(&limits->weights, address, window_of(now_us, LIMIT_WEIGHT_US), weight,
                   LIMIT_WEIGHT, used))
        return true;
    return refuse(limits, address, now_us, LIMIT_BY_WEIGHT, told);
}

uint32_t limits_add(struct limits *limits, uint64_t address, int64_t now_us, uint32_t weight)
{
    return tally_add(&limits->weights, address, window_of(now_us, LIMIT_WEIGHT_US), weight);
}
