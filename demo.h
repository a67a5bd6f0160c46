/* demo.h - what `castle demo` has beside `castle serve`: a directory that is its own to wipe, its
 * users and their keys, and what it tells who tries it (docs/adr/0009).
 *
 * Thread:  the starting one.
 * Files:   DIR/castle-demo marks the directory as a demo's: without it nothing is ever removed.
 *          DIR/demo.keys has a line a user, "name number key secret", mode 0600; it is written
 * last, so a directory without it was never finished, and is made anew.
 */
#ifndef DEMO_H
#define DEMO_H

#include "demo_model.h"
#include "http/options.h"

enum { DEMO_TOKEN = 64 }; /* letters and digits of a key, and of its secret */

/* Two for whoever tries it, and the bots: a maker of each symbol, by enum demo_symbol, and takers
 * who go to all of them. A user's number is its place and one. */
enum {
    DEMO_ALICE,
    DEMO_BOB,
    DEMO_MAKERS,
    DEMO_TAKERS = DEMO_MAKERS + DEMO_SYMBOLS,
    DEMO_USERS = DEMO_TAKERS + 2
};

struct demo_user {
    const char *name;
    int64_t usdt, btc, eth; /* whole units */
};

extern const struct demo_user demo_users[DEMO_USERS];

struct demo_key {
    char key[DEMO_TOKEN + 1], secret[DEMO_TOKEN + 1];
};

struct demo {
    const char *directory;
    struct demo_key keys[DEMO_USERS];
    const char *token_from; /* where the operator's token is: a file's name, or words */
};

/* Whether a demo can have them: its users and symbols have room, and the directory may be a demo's:
 * it is missing, empty, or marked. False with a line on stderr. */
bool demo_may_use(const struct options *options);

/* With the directory locked: wipes it, unless it is finished and to be kept, and marks it; then
 * reads the keys, or draws new ones. False with a line on stderr. */
bool demo_open(struct demo *demo, const char *directory, bool keep);

/* The keys are in the exchange: writes DIR/demo.keys. False with a line on stderr. */
bool demo_finish(const struct demo *demo);

/* Prints where it is and what to paste. `price_atoms`: what BTCUSDT costs. */
void demo_tell(const struct demo *demo, const char *listen, const char *admin, int64_t price_atoms);

#endif
