/* history_feed.h - makes rows of the history of what the follower's exchange does: trades, fills,
 * amendments, orders, order lists, money and candles, each record's in the transaction that also
 * moves the cursor over it.
 *
 * Thread:  the follower's.
 * Memory:  four candles a symbol.
 * Error:   after a failed call nothing of the open transaction is there, and the feed must be begun
 * again at the store's cursor.
 */
#ifndef HISTORY_FEED_H
#define HISTORY_FEED_H

#include "actors/exchange.h"
#include "actors/rows.h"
#include "storage/history.h"

struct feed_candles; /* of one symbol */

struct history_feed {
    struct history *store; /* NULL: closed, or failed */
    const struct exchange *ex;
    struct rows rows; /* for exchange->rows */
    struct feed_candles *candles;
    uint16_t *touched; /* symbols whose candles have changed since they were written */
    uint32_t touched_count;
    uint16_t symbols, assets; /* so many are named in the store */
    uint64_t lsn;             /* of the record being applied */
    uint32_t entries;         /* of it */
    uint64_t synced;          /* the journal is needed from here on; 0: not known */
    bool open;                /* a transaction is */
    bool failed;
    _Atomic uint64_t cursor, rows_written; /* committed */
};

/* Takes the store over (NULL: there is none) and reads its cursor. False with feed->failed when
 * that fails. `ex` may be empty still. */
bool history_feed_begin(struct history_feed *feed, struct history *store,
                        const struct exchange *ex);

/* Before a record above the cursor is applied; what it makes goes to feed->rows. */
void history_feed_record(struct history_feed *feed, uint64_t lsn);

/* Commits what the records up to `lsn` have made. False when that, or a row before, failed. */
bool history_feed_commit(struct history_feed *feed, uint64_t lsn);

/* Sets feed->synced to the cursor, which a power cut does not take back then. False when that
 * failed. */
bool history_feed_sync(struct history_feed *feed);

/* Closes the store; an open transaction is rolled back. */
void history_feed_end(struct history_feed *feed);

#endif
