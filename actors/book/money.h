/* money.h - amounts as scaled integers: ticks, lots and atoms, and the products between them.
 *
 * Thread:  any; pure functions.
 * Units:   an atom is 1e-8 of an asset. price = price_ticks * tick_atoms (quote atoms for one whole
 * unit of the base asset); quantity = qty_lots * lot_atoms (base atoms). Source:  PROTOCOL O1, O2:
 * a fill moves floor(price x qty) for both sides, a limit buy holds the ceiling.
 */
#ifndef MONEY_H
#define MONEY_H

#include <stdbool.h>
#include <stdint.h>

enum { MONEY_DECIMALS = 8, MONEY_TEXT_MAX = 24, MONEY_ATOMS_PER_PPM = 100 };
#define MONEY_ATOMS_PER_UNIT INT64_C(100000000)

struct money_spec {
    int64_t tick_atoms, lot_atoms; /* both > 0 */
};

/* What qty_lots cost at price_ticks, rounded down: the amount that moves at a fill, for both sides
 * (O2). False if it does not fit an int64_t. */
bool money_quote_floor(const struct money_spec *spec, int64_t price_ticks, int64_t qty_lots,
                       int64_t *quote_atoms);

/* The same rounded up: what a limit buy holds at all times (O1, O2). */
bool money_quote_ceil(const struct money_spec *spec, int64_t price_ticks, int64_t qty_lots,
                      int64_t *quote_atoms);

/* The most lots whose floor cost at price_ticks is within quote_atoms; INT64_MAX when unbounded. */
int64_t money_lots_affordable(const struct money_spec *spec, int64_t price_ticks,
                              int64_t quote_atoms);

/* Commission of `rate_ppm` millionths on amount_atoms, rounded up: never in the user's favour, and
 * never more than the amount. */
int64_t money_fee(int64_t amount_atoms, int32_t rate_ppm);

/* floor(a * b / c) with a 128-bit product; a, b >= 0, c > 0. False if it does not fit. */
bool money_mul_div(int64_t a, int64_t b, int64_t c, int64_t *out);

/* Reads a decimal ("0.10", "5", ".5" is refused) of at most 8 decimals into atoms. False for
 * anything else: signs, exponents, NaN, spaces, more digits than fit. `decimals` gets the number of
 * significant decimals. */
bool money_parse(const char *text, uint32_t length, int64_t *atoms, uint32_t *decimals);

/* Writes atoms with all 8 decimals ("1.00000000"); returns the length, no terminator. */
uint32_t money_format(int64_t atoms, char out[static MONEY_TEXT_MAX]);

#endif
