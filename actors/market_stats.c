#include "actors/market_stats.h"

#include <stdlib.h>

#include "runtime/check.h"

enum {
    LARGER = CANDLE_INTERVALS - CANDLE_3M, /* made of minutes */
    ZONES = 2,
    LEVELS = 5,
    LEVEL_BITS = 3,
    MINUTE_NODES = MINUTES_KEPT + (MINUTES_KEPT >> 3) + (MINUTES_KEPT >> 6) + (MINUTES_KEPT >> 9) +
                   (MINUTES_KEPT >> 12) + 2 * (LEVELS - 1)
};

static const int32_t zone_minutes_of[ZONES] = {0, STATS_ZONE_MINUTES};

/* The newest candles of one short length, and sums of them: a node of level k is the sum of 8^k
 * candles, from a multiple of 8^k on, so a long stretch is a few nodes of each level. A node's slot
 * is its number's, modulo; an older one stays until its slot is needed, and open_us tells. */
struct candle_ring {
    struct candle *level[LEVELS];
    uint32_t levels, kept; /* kept: candles, of level 0 */
    int64_t length_us;
    struct candle newest; /* not over: no node has it yet */
    int64_t first_us;     /* the first trade known */
    int64_t since_us;     /* all trades since then are known; INT64_MIN: all there were */
    int64_t gone_close;   /* of the last candle older than those kept; 0: none known */
};

/* A larger candle, without the newest minute. */
struct larger {
    struct candle sum;
    bool whole; /* nothing before it is missing */
};

struct market_stats {
    uint64_t newest_trade;
    int64_t newest_us;
    bool gap;
    struct candle_ring seconds, minutes;
    struct larger current[ZONES][LARGER], closed[ZONES][LARGER];
    /* market_stats_day(): its minutes that are over, while those are from..end */
    struct {
        int64_t from_us, end_us;
        struct candle sum;
        int64_t previous_close;
    } day;
    uint64_t newest_agg, oldest_agg, agg_trade; /* agg_trade: the newest trade in them */
    struct agg_trade agg[AGGS_KEPT];            /* by id % AGGS_KEPT */
    struct candle second_slots[SECONDS_KEPT], minute_nodes[MINUTE_NODES];
};

/* A level has room for all nodes that may be looked at while the ring keeps what they sum up. */
static uint32_t slots_of(const struct candle_ring *ring, uint32_t level)
{
    return level ? (ring->kept >> LEVEL_BITS * level) + 2 : ring->kept;
}

static void ring_init(struct candle_ring *ring, struct candle *slot, uint32_t levels, uint32_t kept,
                      int64_t length_us)
{
    *ring = (struct candle_ring){.levels = levels,
                                 .kept = kept,
                                 .length_us = length_us,
                                 .first_us = INT64_MAX,
                                 .since_us = INT64_MAX};
    for (uint32_t k = 0; k < levels; slot += slots_of(ring, k++))
        ring->level[k] = slot;
}

static void know_nothing(struct market_stats *stats)
{
    stats->newest_trade = 0;
    stats->gap = false;
    stats->newest_us = stats->day.end_us = INT64_MIN;
    ring_init(&stats->seconds, stats->second_slots, 1, SECONDS_KEPT, SECOND_US);
    ring_init(&stats->minutes, stats->minute_nodes, LEVELS, MINUTES_KEPT, MINUTE_US);
    for (uint32_t i = 0; i < ZONES * LARGER; i++)
        (&stats->current[0][0])[i].sum.open_us = (&stats->closed[0][0])[i].sum.open_us = INT64_MIN;
}

struct market_stats *market_stats_new(void)
{
    struct market_stats *stats = calloc(1, sizeof *stats); /* large: pages come when used */
    ASSERT(stats != NULL);
    know_nothing(stats);
    return stats;
}

void market_stats_free(struct market_stats *stats)
{
    free(stats);
}

/* ---- rings ---- */

/* The slot of the node that holds the candle of this number. */
static struct candle *slot_of(const struct candle_ring *ring, uint32_t level, int64_t number)
{
    return &ring->level[level][(number >> LEVEL_BITS * level) % slots_of(ring, level)];
}

/* The node that begins with this candle; NULL when nothing was traded in it. */
static const struct candle *node_of(const struct candle_ring *ring, uint32_t level, int64_t number)
{
    const struct candle *node = slot_of(ring, level, number);
    return node->trades && node->open_us == number * ring->length_us ? node : NULL;
}

static int64_t node_length(uint32_t level)
{
    return INT64_C(1) << LEVEL_BITS * level;
}

/* The oldest candle that is kept. */
static int64_t oldest_kept(const struct candle_ring *ring)
{
    return ring->newest.open_us - ring->kept * ring->length_us;
}

/* From where on all trades are known and kept; INT64_MIN: from the first there was. */
static int64_t known_from(const struct candle_ring *ring)
{
    int64_t oldest = oldest_kept(ring), from = ring->first_us < oldest ? oldest : INT64_MIN;
    return from > ring->since_us ? from : ring->since_us;
}

/* The last close of the candles that are over, from number `from` up to before `to`; 0: none. */
static int64_t last_close(const struct candle_ring *ring, int64_t from, int64_t to)
{
    uint32_t level = 0;
    from = from > 0 ? from : 0;
    for (const struct candle *node; to > from; to -= node_length(level)) {
        while (level + 1 < ring->levels && to % node_length(level + 1) == 0)
            level++;
        while (to - node_length(level) < from)
            level--;
        if ((node = node_of(ring, level, to - node_length(level))) != NULL)
            return node->close;
    }
    return 0;
}

/* The newest candle is over, the next one begins at open_us; of what is not kept then, the last
 * close is. */
static void ring_close(struct candle_ring *ring, int64_t open_us)
{
    int64_t number = ring->newest.open_us / ring->length_us;
    int64_t oldest = open_us / ring->length_us - ring->kept;
    int64_t close =
        oldest > number ? ring->newest.close : last_close(ring, number - ring->kept, oldest);
    ring->gone_close = close ? close : ring->gone_close;
    for (uint32_t k = 0; k < ring->levels; k++) {
        struct candle *node = slot_of(ring, k, number);
        int64_t node_us = (number & -node_length(k)) * ring->length_us;
        if (node->open_us != node_us)
            *node = (struct candle){.open_us = node_us};
        candle_add(node, &ring->newest);
    }
    ring->newest = (struct candle){.open_us = open_us};
}

/* Empties the slots that may have been written to: the others have no memory yet. */
static void ring_clear(struct candle_ring *ring)
{
    if (!ring->newest.trades)
        return;
    for (uint32_t k = 0; k < ring->levels; k++) {
        int64_t number = ring->newest.open_us / ring->length_us;
        int64_t first = ring->first_us / ring->length_us - node_length(k);
        for (uint32_t i = 0; i < slots_of(ring, k) && number >= 0 && number > first; i++) {
            *slot_of(ring, k, number) = (struct candle){0};
            number -= node_length(k);
        }
    }
}

/* The close of the last trade before the candle that begins at open_us; 0: not known. */
static int64_t close_before(const struct candle_ring *ring, int64_t open_us)
{
    int64_t oldest = oldest_kept(ring), close;
    if (!ring->newest.trades || open_us < oldest)
        return 0;
    if (ring->newest.open_us < open_us)
        return ring->newest.close;
    close = last_close(ring, oldest / ring->length_us, open_us / ring->length_us);
    return close ? close : ring->gone_close;
}

/* Adds those from from_us on, before to_us: both are where candles begin, or are beyond the newest.
 * Cost: O(log) of their number. */
static void ring_sum(const struct candle_ring *ring, int64_t from_us, int64_t to_us,
                     struct candle *sum)
{
    int64_t oldest_us = oldest_kept(ring), newest_us = ring->newest.open_us;
    if (!ring->newest.trades)
        return;
    int64_t at = (from_us > oldest_us ? from_us : oldest_us) / ring->length_us;
    int64_t end = (to_us < newest_us ? to_us : newest_us) / ring->length_us;
    uint32_t level = 0;
    for (at = at > 0 ? at : 0; at < end; at += node_length(level)) {
        while (level + 1 < ring->levels && at % node_length(level + 1) == 0)
            level++;
        while (at + node_length(level) > end)
            level--;
        const struct candle *node = node_of(ring, level, at);
        if (node)
            candle_add(sum, node);
    }
    if (newest_us >= from_us && newest_us < to_us)
        candle_add(sum, &ring->newest);
}

/* ---- folding ---- */

static void close_minute_of(struct market_stats *stats, uint32_t zone, uint32_t which)
{
    const struct candle *minute = &stats->minutes.newest;
    struct larger *current = &stats->current[zone][which];
    int64_t open_us = candle_open_us((enum candle_interval)(CANDLE_3M + which), minute->open_us,
                                     zone_minutes_of[zone]);
    if (current->sum.open_us != open_us) {
        stats->closed[zone][which] = *current;
        *current =
            (struct larger){.sum.open_us = open_us, .whole = open_us >= stats->minutes.since_us};
    }
    candle_add(&current->sum, minute);
}

/* The newest minute is over: it becomes part of the larger candles. */
static void close_minute(struct market_stats *stats)
{
    for (uint32_t zone = 0; zone < ZONES; zone++)
        for (uint32_t which = 0; which < LARGER; which++)
            close_minute_of(stats, zone, which);
}

static void fold_candle(struct market_stats *stats, struct candle_ring *ring,
                        const struct candle *more)
{
    int64_t open_us = more->open_us - more->open_us % ring->length_us;
    ASSERT(!ring->newest.trades || open_us >= ring->newest.open_us);
    if (ring->newest.trades && open_us != ring->newest.open_us) {
        if (ring == &stats->minutes)
            close_minute(stats);
        ring_close(ring, open_us);
    }
    ring->newest.open_us = open_us;
    candle_add(&ring->newest, more);
}

static void fold_agg(struct market_stats *stats, const struct stats_trade *trade)
{
    struct agg_trade *agg = &stats->agg[trade->agg_id % AGGS_KEPT];
    if (!trade->agg_id || trade->trade_id <= stats->agg_trade)
        return;
    stats->agg_trade = trade->trade_id;
    if (stats->newest_agg && trade->agg_id == stats->newest_agg) {
        agg->last_trade = trade->trade_id;
        agg->qty_lots += trade->qty_lots;
        return;
    }
    if (!stats->newest_agg || trade->agg_id != stats->newest_agg + 1)
        stats->oldest_agg = trade->agg_id;
    else if (trade->agg_id - stats->oldest_agg == AGGS_KEPT)
        stats->oldest_agg++;
    stats->newest_agg = trade->agg_id;
    *agg = (struct agg_trade){.id = trade->agg_id,
                              .first_trade = trade->trade_id,
                              .last_trade = trade->trade_id,
                              .price_ticks = trade->price_ticks,
                              .qty_lots = trade->qty_lots,
                              .ts_us = trade->ts_us,
                              .buyer_is_maker = trade->buyer_is_maker};
}

/* The trade does not follow on the last one that the ring knows: of the time before it, nothing is
 * known, unless it is the first there ever was. */
static void ring_begin(struct candle_ring *ring, const struct stats_trade *trade)
{
    if (!ring->newest.trades)
        ring->first_us = trade->ts_us;
    ring->since_us = trade->trade_id == 1 ? INT64_MIN : trade->ts_us + 1;
}

static void begin(struct market_stats *stats, const struct stats_trade *trade)
{
    bool follows = trade->trade_id == stats->newest_trade + 1;
    stats->gap |= !follows;
    if (!stats->seconds.newest.trades || !follows)
        ring_begin(&stats->seconds, trade);
    if (stats->minutes.newest.trades && follows)
        return;
    ring_begin(&stats->minutes, trade);
    for (uint32_t i = 0; i < ZONES * LARGER; i++)
        (&stats->current[0][0])[i].whole = (&stats->closed[0][0])[i].whole = false;
}

static void fold_candles(struct market_stats *stats, const struct stats_trade *trade)
{
    bool buyer_takes = !trade->buyer_is_maker;
    struct candle one = {.open_us = trade->ts_us,
                         .open = trade->price_ticks,
                         .high = trade->price_ticks,
                         .low = trade->price_ticks,
                         .close = trade->price_ticks,
                         .base_lots = trade->qty_lots,
                         .quote_atoms = trade->quote_atoms,
                         .taker_base_lots = buyer_takes ? trade->qty_lots : 0,
                         .taker_quote_atoms = buyer_takes ? trade->quote_atoms : 0,
                         .first_trade = trade->trade_id,
                         .last_trade = trade->trade_id,
                         .trades = 1};
    fold_candle(stats, &stats->minutes, &one);
    fold_candle(stats, &stats->seconds, &one);
}

void market_stats_fold(struct market_stats *stats, const struct stats_trade *trade)
{
    ASSERT(trade->trade_id > stats->newest_trade && trade->ts_us >= 0);
    begin(stats, trade);
    fold_agg(stats, trade);
    fold_candles(stats, trade);
    stats->newest_trade = trade->trade_id;
    stats->newest_us = trade->ts_us;
}

/* ---- from history ---- */

void market_stats_seed(struct market_stats *stats, const struct candle *minutes, uint32_t count)
{
    ring_clear(&stats->seconds);
    ring_clear(&stats->minutes);
    know_nothing(stats);
    if (!count)
        return;
    stats->minutes.first_us = minutes->open_us;
    stats->minutes.since_us = minutes->first_trade == 1 ? INT64_MIN : minutes->open_us;
    for (uint32_t i = 0; i < count; i++) {
        ASSERT(minutes[i].trades && minutes[i].open_us % MINUTE_US == 0);
        fold_candle(stats, &stats->minutes, &minutes[i]);
    }
    stats->newest_trade = minutes[count - 1].last_trade;
    stats->newest_us = minutes[count - 1].open_us;
}

void market_stats_seed_candle(struct market_stats *stats, enum candle_interval interval,
                              int32_t zone_minutes, const struct candle *current)
{
    const struct candle *minute = &stats->minutes.newest;
    ASSERT(interval >= CANDLE_3M && interval < CANDLE_INTERVALS);
    ASSERT(zone_minutes == 0 || zone_minutes == STATS_ZONE_MINUTES);
    struct larger *larger = &stats->current[zone_minutes != 0][interval - CANDLE_3M];
    if (!minute->trades ||
        current->open_us != candle_open_us(interval, minute->open_us, zone_minutes) ||
        current->last_trade != minute->last_trade || current->trades < minute->trades)
        return; /* nothing, or another candle */
    /* It is kept without its last minute, whose extremes and close come back with it. */
    *larger = (struct larger){.sum = *current, .whole = true};
    larger->sum.base_lots -= minute->base_lots;
    larger->sum.quote_atoms -= minute->quote_atoms;
    larger->sum.taker_base_lots -= minute->taker_base_lots;
    larger->sum.taker_quote_atoms -= minute->taker_quote_atoms;
    larger->sum.trades -= minute->trades;
}

/* ---- looking ---- */

bool market_stats_gap(const struct market_stats *stats)
{
    return stats->gap;
}

void market_stats_settle(struct market_stats *stats)
{
    stats->gap = false;
}

uint64_t market_stats_newest_trade(const struct market_stats *stats)
{
    return stats->newest_trade;
}

uint64_t market_stats_oldest_agg(const struct market_stats *stats)
{
    return stats->oldest_agg;
}

uint64_t market_stats_newest_agg(const struct market_stats *stats)
{
    return stats->newest_agg;
}

const struct agg_trade *market_stats_agg(const struct market_stats *stats, uint64_t id)
{
    ASSERT(id >= stats->oldest_agg && id <= stats->newest_agg && id > 0);
    return &stats->agg[id % AGGS_KEPT];
}

/* The clock of the core that looks may be behind the one of the core that traded. */
static int64_t later(const struct market_stats *stats, int64_t now_us)
{
    return now_us > stats->newest_us ? now_us : stats->newest_us;
}

static int64_t minute_of(int64_t ts_us)
{
    return candle_open_us(CANDLE_1M, ts_us, 0);
}

void market_stats_window(const struct market_stats *stats, int64_t from_us, int64_t now_us,
                         struct candle *out)
{
    *out = (struct candle){.open_us = minute_of(from_us)};
    ring_sum(&stats->minutes, out->open_us, later(stats, now_us) + 1, out);
}

void market_stats_day(struct market_stats *stats, int64_t now_us, struct stats_day *out)
{
    const struct candle *minute = &stats->minutes.newest;
    int64_t now = later(stats, now_us), from = minute_of(now - DAY_US);
    if (stats->day.from_us != from || stats->day.end_us != minute->open_us) {
        stats->day.from_us = from;
        stats->day.end_us = minute->open_us;
        stats->day.sum = (struct candle){.open_us = from};
        ring_sum(&stats->minutes, from, minute->open_us, &stats->day.sum);
        stats->day.previous_close = close_before(&stats->minutes, from);
    }
    *out = (struct stats_day){
        .sum = stats->day.sum, .close_us = now, .previous_close_ticks = stats->day.previous_close};
    if (minute->open_us >= from)
        candle_add(&out->sum, minute);
    if (!out->previous_close_ticks)
        out->previous_close_ticks = out->sum.open;
}

/* ---- candles ---- */

static const struct candle_ring *ring_for(const struct market_stats *stats,
                                          enum candle_interval interval)
{
    return interval == CANDLE_1S ? &stats->seconds : &stats->minutes;
}

/* A larger candle that is current, or was before it; NULL for another zone. */
static const struct larger *larger_at(const struct market_stats *stats,
                                      enum candle_interval interval, int32_t zone_minutes,
                                      int64_t open_us)
{
    if (interval < CANDLE_3M || (zone_minutes != 0 && zone_minutes != STATS_ZONE_MINUTES))
        return NULL;
    const struct larger *current = &stats->current[zone_minutes != 0][interval - CANDLE_3M];
    const struct larger *closed = &stats->closed[zone_minutes != 0][interval - CANDLE_3M];
    if (current->sum.open_us == open_us)
        return current;
    return closed->sum.open_us == open_us ? closed : NULL;
}

/* What was traded in a candle; whether that is all. */
static bool candle_traded(const struct market_stats *stats, enum candle_interval interval,
                          int32_t zone_minutes, int64_t open_us, struct candle *out)
{
    const struct candle_ring *ring = ring_for(stats, interval);
    *out = (struct candle){.open_us = open_us};
    int64_t next_us = candle_next_us(interval, open_us, zone_minutes);
    const struct larger *larger = larger_at(stats, interval, zone_minutes, open_us);
    if (larger) {
        *out = larger->sum;
        if (ring->newest.open_us >= open_us && ring->newest.open_us < next_us)
            candle_add(out, &ring->newest);
        return larger->whole;
    }
    ring_sum(ring, open_us, next_us, out);
    return open_us >= known_from(ring);
}

static void carry(struct candle *candle, int64_t close)
{
    if (!candle->trades)
        candle->open = candle->high = candle->low = candle->close = close;
}

bool market_stats_candle(const struct market_stats *stats, enum candle_interval interval,
                         int32_t zone_minutes, int64_t open_us, struct candle *out)
{
    bool whole = candle_traded(stats, interval, zone_minutes, open_us, out);
    if (!out->trades)
        carry(out, close_before(ring_for(stats, interval), open_us));
    return whole && out->close != 0;
}

/* The first candle to show, and how far to go: false when there is none. */
static bool candles_range(const struct market_stats *stats, const struct candle_query *query,
                          int64_t *from, int64_t *to)
{
    enum candle_interval interval = query->interval;
    int32_t zone = query->zone_minutes;
    int64_t now = later(stats, query->now_us);
    if (query->start_us > query->end_us || query->start_us > now)
        return false;
    *to = candle_open_us(interval, query->end_us < now ? query->end_us : now, zone);
    int64_t first = candle_open_us(interval, ring_for(stats, interval)->first_us, zone);
    if (query->start_us != INT64_MIN) {
        *from = candle_open_us(interval, query->start_us, zone);
        if (*from < query->start_us)
            *from = candle_next_us(interval, *from, zone);
        if (*from < first)
            *from = first;
        return *from <= *to;
    }
    *from = *to;
    for (uint32_t i = 1; i<query->limit && * from> first; i++)
        *from = candle_open_us(interval, *from - 1, zone);
    return *from >= first;
}

/* Whether what is asked for may have been before the first trade known. */
static bool reaches_history(const struct market_stats *stats, const struct candle_query *query,
                            bool any, int64_t from)
{
    const struct candle_ring *ring = ring_for(stats, query->interval);
    if (ring->since_us == INT64_MIN)
        return false;
    if (query->start_us != INT64_MIN)
        return query->start_us < ring->since_us && query->start_us <= query->end_us;
    return !any || from <= candle_open_us(query->interval, ring->first_us, query->zone_minutes);
}

bool market_stats_candles(const struct market_stats *stats, const struct candle_query *query,
                          struct candle out[static CANDLES_MOST], uint32_t *count)
{
    ASSERT(query->limit >= 1 && query->limit <= CANDLES_MOST);
    int64_t from = 0, to = 0, close = 0;
    *count = 0;
    if (!stats->newest_trade)
        return true;
    if (!ring_for(stats, query->interval)->newest.trades)
        return false; /* seconds, after a start from history */
    bool any = candles_range(stats, query, &from, &to);
    bool whole = !reaches_history(stats, query, any, from);
    if (!any)
        return whole;
    close = close_before(ring_for(stats, query->interval), from);
    for (int64_t at = from; at <= to && *count < query->limit;
         at = candle_next_us(query->interval, at, query->zone_minutes)) {
        struct candle *candle = &out[(*count)++];
        whole &= candle_traded(stats, query->interval, query->zone_minutes, at, candle);
        carry(candle, close);
        close = candle->close;
    }
    return whole;
}
