/* symbol_parts.h - a symbol's configuration on its way from the control shard to the others: some
 * messages, one behind another on a link, of which the last (MSG_SYMBOL_FEES) puts all in force.
 *
 * Thread:  the owner's: control makes them, an account or a market shard collects them.
 * Holds:   what is collected is state, since a shard may be written down between two parts. One
 *          place is enough for all symbols: the parts of one are not mixed with those of another.
 * Lost:    a part that was skipped (J6) leaves the symbol as it was.
 */
#ifndef SYMBOL_PARTS_H
#define SYMBOL_PARTS_H

#include "actors/ledger/ledger.h"
#include "actors/msg/msg.h"
#include "actors/msg/request.h"

/* In the order in which they are sent. The LIMITS are left out where there are none: then the
 * messages are those that journals from before them have. */
enum { SYMBOL_PARTS = 7 };

struct symbol_parts {
    uint16_t number;
    uint8_t seen; /* bits, by part */
    int64_t value[SYMBOL_PARTS][4];
};

/* Which message part `i` is. */
uint8_t symbol_part_type(uint32_t part);
bool symbol_part_is(uint8_t msg_type);

/* The parts of a configuration, for the shards; `market` is where its book is. */
void symbol_parts_make(struct symbol_parts *parts, const struct symbol_config *symbol,
                       uint16_t market);

/* Keeps one more part; true when it is the last one. */
bool symbol_parts_take(struct symbol_parts *parts, const struct msg *msg);

/* Behind the last one: what they say, if none is missing; .active is true. They are used up. */
bool symbol_parts_read(struct symbol_parts *parts, struct ledger_symbol *symbol, uint16_t *market);

/* Whether this part could be taken in a journal that is right, behind those collected. */
bool symbol_part_sound(const struct symbol_parts *parts, const struct msg *msg,
                       const struct ledger_symbol *now, uint32_t assets_max);

void symbol_parts_wire(struct wire *wire, struct symbol_parts *parts);

#endif
