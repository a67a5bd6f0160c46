/* demo_model.h - what the bots of `castle demo` go by: a seeded market of three symbols whose
 * prices wander and come back, the quotes around them, and the takers who come now and then.
 *
 * Thread:  the owner's.
 * Pure:    no clock, no float, no library: the same seed and the same calls give the same market on
 *          any machine. Time passes by steps of a length that is set once.
 * Holds:   BTCUSDT x ETHBTC = ETHUSDT but for rounding: two prices wander, the third follows.
 *          On a side no two levels have the same price, and every bid is below every ask.
 * Units:   atoms, ticks and lots; deviations in parts per billion (ppb) of the usual price.
 */
#ifndef DEMO_MODEL_H
#define DEMO_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/book/kinds.h"

enum demo_symbol { DEMO_BTCUSDT, DEMO_ETHUSDT, DEMO_ETHBTC, DEMO_SYMBOLS };

enum {
    DEMO_LEVELS = 10,            /* on each side */
    DEMO_TAKERS_PER_HOUR = 2400, /* of each symbol, of usual sizes */
};

struct demo_market { /* tick and lot are those of a new data directory (DESIGN §10) */
    const char *symbol;
    int64_t tick_atoms, lot_atoms;
    int64_t usual_atoms; /* the price that it comes back to */
    int64_t gap_ticks;   /* between two levels */
    int64_t half_ticks;  /* at least so far from the fair price is the best of a side */
    int64_t usual_lots;  /* about what the smallest taker takes */
};

extern const struct demo_market demo_markets[DEMO_SYMBOLS];

struct demo_model {
    uint64_t random;
    uint32_t step_ms, step_root; /* step_root: sqrt(step_ms / 1000) in millionths */
    int64_t btc_ppb, ratio_ppb;  /* how far BTCUSDT and ETHBTC are from their usual prices */
    int64_t mood_ppm;            /* how lively it is: 1,000,000 is usual */
};

struct demo_quote {
    int64_t price_ticks, qty_lots;
};

struct demo_taker {
    int64_t qty_lots;
    uint8_t side; /* enum book_side */
};

/* step_ms: 1 to 60,000. */
void demo_model_init(struct demo_model *model, uint64_t seed, uint32_t step_ms);

/* Goes on from these prices, as far as the model ever goes. */
void demo_model_start_at(struct demo_model *model, int64_t btcusdt_atoms, int64_t ethbtc_atoms);

/* One step of time. */
void demo_model_step(struct demo_model *model);

/* What the symbol is worth now, in atoms of its quote asset. */
int64_t demo_model_fair(const struct demo_model *model, enum demo_symbol symbol);

/* The level-th best price to quote on a side, and how much there. Depends on the fair price alone,
 * and while that moves less than a gap most levels stay where they are. */
struct demo_quote demo_model_quote(const struct demo_model *model, enum demo_symbol symbol,
                                   enum book_side side, uint32_t level);

/* Whether a taker comes in this step, when about `per_hour` do in an hour. Once a step. */
bool demo_model_taker(struct demo_model *model, enum demo_symbol symbol, uint32_t per_hour,
                      struct demo_taker *taker);

/* A number below `below` (> 0), for what else has to be drawn. */
uint32_t demo_model_draw(struct demo_model *model, uint32_t below);

#endif
