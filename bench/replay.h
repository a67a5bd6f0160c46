/* replay.h - castle replay: a recorded stretch of a real market through a running server.
 *
 * What is sent, what is compared, and which differences the recording itself causes:
 * docs/REPLAY.md.
 *
 * Thread:  one; nothing here is shared.
 * Memory:  the whole recording is in memory before the first request, so that a run at full speed
 *          measures the server and not xz.
 * Units:   price_atoms and qty_atoms are 1e-8 of the quote and of the base asset; time_ms is the
 *          recording's clock.
 * Source:  shared/data/README.md (lines `TIME_MS KIND JSON`), API.md §1.9 (signing),
 *          DESIGN.md §10.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum replay_kind { REPLAY_CREATED, REPLAY_CHANGED, REPLAY_DELETED, REPLAY_TRADE, REPLAY_BOOK };
enum replay_side { REPLAY_BID = 0, REPLAY_ASK = 1 }; /* the feed's order_type */

struct replay_level {
    int64_t price_atoms, qty_atoms;
};

struct replay_line {
    int64_t time_ms, id, price_atoms, qty_atoms; /* qty: what is left; for a trade, what moved */
    enum replay_kind kind;
    enum replay_side side;          /* not for trades and books */
    uint32_t level_count[2];        /* books only, by enum replay_side */
    struct replay_level *levels[2]; /* owned; best first */
};

/* Reads one line, with or without its newline. 0, or -1 when it is not one of the five kinds with
 * the fields it needs; then *line holds nothing to free. The feed prints orders as decimal text,
 * read exactly, and trades as doubles, rounded to the nearest atom. Thread: any. */
int replay_parse_line(const char *text, size_t length, struct replay_line *line);
void replay_line_free(struct replay_line *line);

/* Reads what --speed takes: "max" gives 0, a number of at most 8 decimals its value in millionths
 * of the recorded speed. False for anything else, and for 0. Thread: any. */
bool replay_parse_speed(const char *text, int64_t *speed_ppm);

/* ---- trades ---- */

enum replay_match { REPLAY_UNMATCHED, REPLAY_SAME, REPLAY_OTHER_AMOUNT };

struct replay_trade {
    int64_t time_ms, price_atoms, qty_atoms;
    bool no_pairing; /* leave it out of replay_pair_rest() */
    enum replay_match match;
    uint32_t partner; /* index in the other list, unless REPLAY_UNMATCHED */
};

/* Pairs trades of the same price whose amounts differ by at most tolerance_atoms and whose times by
 * at most window_ms: each recorded trade, in order, takes the free produced one nearest in time,
 * the earlier of two. Both lists are in order of time. Returns the pairs made. Thread: any. */
uint32_t replay_match_trades(struct replay_trade *recorded, uint32_t recorded_count,
                             struct replay_trade *produced, uint32_t produced_count,
                             int64_t window_ms, int64_t tolerance_atoms);

/* The same for what is left, at any amount: the two orders met, but not with the same amount. */
uint32_t replay_pair_rest(struct replay_trade *recorded, uint32_t recorded_count,
                          struct replay_trade *produced, uint32_t produced_count,
                          int64_t window_ms);

/* ---- a naive picture of a book ---- */

/* Orders open now, and the sum of each price. Used twice: for what the feed says of the orders it
 * created, and for what the venue's answers say of ours. Lookups by id and by price are O(1); the
 * rest scans the open orders. */
struct replay_picture; /* opaque */

struct replay_open {
    int64_t id, price_atoms, qty_atoms;
    uint64_t seq; /* order of arrival */
    enum replay_side side;
};

/* `ids_max` bounds the distinct ids and the distinct prices it will ever see. */
struct replay_picture *replay_picture_new(uint32_t ids_max);
void replay_picture_free(struct replay_picture *picture);

/* Sets what is left of an order: 0 removes it, a new id or another price queues it last. */
void replay_picture_set(struct replay_picture *picture, int64_t id, enum replay_side side,
                        int64_t price_atoms, int64_t qty_atoms);

/* Takes qty from the orders at a price, oldest first. False when price-time priority says it could
 * not have happened: a better price was there, or the oldest order is smaller than the fill; what
 * is there is taken all the same. */
bool replay_picture_fill(struct replay_picture *picture, enum replay_side side, int64_t price_atoms,
                         int64_t qty_atoms);

int64_t replay_picture_left(const struct replay_picture *picture, int64_t id); /* 0: not open */
int64_t replay_picture_level(const struct replay_picture *picture, enum replay_side side,
                             int64_t price_atoms);
/* The open orders, in no order; valid until the next change. */
const struct replay_open *replay_picture_open(const struct replay_picture *picture,
                                              uint32_t *count);

/* ---- the subcommand ---- */

#define REPLAY_USAGE "FILE --url U --admin A --admin-token-file F [--speed max|N] [--json]"
extern const char replay_options[]; /* what each of them means */

/* castle replay, and REPLAY_USAGE.
 * argv[0] is the subcommand's name. Prints a report to stdout; remarks and errors to stderr.
 * Returns: 0 done, whatever the differences are; 1 runtime error; 2 usage, with the option named.
 */
int replay_main(int argc, char **argv);

#endif
