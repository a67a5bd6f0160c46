/* strategy.h - the labels that a client may put on an order: strategyId and strategyType. They are
 * told wherever the order is, and mean nothing here.
 *
 * Thread:  any.
 */
#ifndef STRATEGY_H
#define STRATEGY_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/wire.h"

enum { STRATEGY_TYPE_MIN = 1000000, STRATEGY_BYTES = 1 + 8 + 4 };

struct strategy {
    int64_t id;   /* 0 unless has_id, and perhaps then */
    int32_t type; /* 0: none */
    bool has_id;
};

static inline bool strategy_none(const struct strategy *strategy)
{
    return !strategy->has_id && !strategy->type;
}

static inline bool strategies_agree(const struct strategy *a, const struct strategy *b)
{
    return a->has_id == b->has_id && a->id == b->id && a->type == b->type;
}

/* Whether a client could have sent it. */
static inline bool strategy_sound(const struct strategy *strategy)
{
    return (strategy->has_id ? strategy->id >= 0 : strategy->id == 0) &&
           (strategy->type == 0 || strategy->type >= STRATEGY_TYPE_MIN);
}

/* STRATEGY_BYTES, in journals and snapshots. */
static inline void strategy_wire(struct wire *wire, struct strategy *strategy)
{
    wire_bool(wire, &strategy->has_id);
    wire_i64(wire, &strategy->id);
    wire_i32(wire, &strategy->type);
    wire_expect(wire, strategy_sound(strategy));
}

#endif
