/* market_stats.h - what a view keeps of a symbol's trades: aggregate trades, candles, the last week
 * by the minute. A fold over its trades, nothing else.
 *
 * Thread:  the owner's: an ingress core's, with its view.
 * Memory:  1.7 MB a symbol that has traded, reserved at its first trade and resident as it is used:
 *          200 KB at once, then the rest over a week of trading. Bounded: AGGS_KEPT aggregate
 *          trades, MINUTES_KEPT minutes, SECONDS_KEPT seconds.
 * Knows:   what was traded before the first trade that it was given only from market_stats_seed().
 *          Whoever asks is told when that matters.
 * Units:   ticks, lots, atoms, Unix us.
 */
#ifndef MARKET_STATS_H
#define MARKET_STATS_H

#include "actors/candle.h"

enum {
    AGGS_KEPT = 1000,
    SECONDS_KEPT = 1000,
    MINUTES_KEPT = 7 * 1440 + 1, /* a week, and the minute that is not over */
    AVG_PRICE_MINUTES = 5,
    STATS_ZONE_MINUTES = 8 * 60 /* the zone beside UTC whose current candles are kept: +08:00 */
};

struct stats_trade {
    uint64_t trade_id, agg_id;
    int64_t price_ticks, qty_lots, quote_atoms, ts_us;
    bool buyer_is_maker;
};

/* What one taker order traded in succession at one price. */
struct agg_trade {
    uint64_t id, first_trade, last_trade;
    int64_t price_ticks, qty_lots, ts_us;
    bool buyer_is_maker;
};

struct market_stats;

struct market_stats *market_stats_new(void);
void market_stats_free(struct market_stats *stats);

/* Folds the next trade. Expects: trade ids ascend, aggregate ids by 1 or not at all (0: of an
 * aggregate trade whose beginning is not known); times never descend. After a gap in the ids, what
 * is before it is no longer said to be whole. */
void market_stats_fold(struct market_stats *stats, const struct stats_trade *trade);

/* ---- from history, at start ---- */

/* Replaces what is known of candles by these minutes: ascending, each with trades, all there were
 * since the first of them; then only newer trades may be folded (market_view_catch_up()). A day of
 * them and the last one before it give market_stats_day() its previous close; a week, every window
 * that there is. */
void market_stats_seed(struct market_stats *stats, const struct candle *minutes, uint32_t count);
/* The candle that holds the last of those minutes, with all of its trades up to that minute's end;
 * of UTC or of STATS_ZONE_MINUTES. For the intervals that can reach behind the minutes given: 1d,
 * 3d, 1w, 1M. */
void market_stats_seed_candle(struct market_stats *stats, enum candle_interval interval,
                              int32_t zone_minutes, const struct candle *current);

/* ---- looking ---- */

/* Whether trades are missing before the newest one that are not before all that were seeded: what
 * is told of times that they may be in is too little. */
bool market_stats_gap(const struct market_stats *stats);
/* Nobody has what is missing: there is no gap to be mended any more. */
void market_stats_settle(struct market_stats *stats);

/* The newest trade that was folded or seeded; 0: none. */
uint64_t market_stats_newest_trade(const struct market_stats *stats);

/* Aggregate trades oldest..newest are there; newest is 0 when there is none. Ids below oldest are
 * in history. */
uint64_t market_stats_oldest_agg(const struct market_stats *stats);
uint64_t market_stats_newest_agg(const struct market_stats *stats);
const struct agg_trade *market_stats_agg(const struct market_stats *stats, uint64_t id);

/* The sum of the minutes since the one that holds from_us, of those that are kept; open_us is that
 * minute. With no trades: all prices are 0. Cost: O(log minutes): at most 60 sums are added. */
void market_stats_window(const struct market_stats *stats, int64_t from_us, int64_t now_us,
                         struct candle *out);

/* The last 24 hours: the last 1,440 whole minutes and the one that is not over. */
struct stats_day {
    struct candle sum;            /* with no trades: all prices are 0 */
    int64_t close_us;             /* now */
    int64_t previous_close_ticks; /* the last trade before the window; where it is not known, the
                                     first in it */
};
/* Cost: O(1), but as market_stats_window() once a minute. */
void market_stats_day(struct market_stats *stats, int64_t now_us, struct stats_day *out);

/* The candle that begins at open_us; empty ones carry the last close. True when it holds all its
 * trades and is not before the first one; else `out` has what is known. The current candles of UTC
 * and of STATS_ZONE_MINUTES, and the ones before them: O(1); others: O(log minutes). */
bool market_stats_candle(const struct market_stats *stats, enum candle_interval interval,
                         int32_t zone_minutes, int64_t open_us, struct candle *out);

enum { CANDLES_MOST = 1000 };

struct candle_query {
    enum candle_interval interval;
    int32_t zone_minutes;
    int64_t start_us, end_us; /* of their beginnings, inclusive; INT64_MIN, INT64_MAX: open */
    int64_t now_us;
    uint32_t limit; /* 1 to CANDLES_MOST: the first ones from start_us on, without it the last */
};
/* Candles in ascending order, none before the first trade known, none after now. Returns whether
 * these are all and whole; when not, what is missing is in history. */
bool market_stats_candles(const struct market_stats *stats, const struct candle_query *query,
                          struct candle out[static CANDLES_MOST], uint32_t *count);

#endif
