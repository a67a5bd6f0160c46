/* history.h - the store of what is done: trades, fills, orders, order lists, amendments, prevented
 * matches, candles, ledger entries. What a projection writes and lookups read; SQLite here,
 * PostgreSQL with the same calls.
 *
 * Thread:  a handle belongs to one thread; readers may run beside the one writer, each its own.
 * Units:   atoms and microseconds. Symbols and assets are the exchange's numbers, named in tables.
 * Exact:   what is written between begin() and commit() is there as a whole, with the position of
 *          the journal that it reaches, or not at all.
 * Error:   false or NULL; history_error() says what was wrong, in the store's words.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTORY_ROWS_MAX = 1000, /* of one answer */
    HISTORY_CLIENT_ID = 36,
    HISTORY_NAME = 20,
    HISTORY_ID = 16, /* of a data directory */
    HISTORY_LIST_ORDERS = 3,
};

struct history_trade {
    uint64_t trade_id, agg_id, maker_order_id, taker_order_id;
    int64_t price, qty, quote, time_us;
    uint16_t symbol;
    bool buyer_is_maker;
};

struct history_fill {                     /* a user's side of a trade */
    uint64_t trade_id, order_id, list_id; /* list_id: the order's; 0: of none */
    int64_t price, qty, quote, fee, time_us;
    uint32_t user;
    uint16_t symbol, fee_asset;
    uint8_t side;
    bool maker;
};

struct history_order { /* that is done; side to status: the exchange's own numbers */
    uint64_t order_id;
    int64_t price, qty, executed, quote_qty, cum_quote, stop, iceberg;
    int64_t time_us, updated_us, working_us; /* working_us: 0 of one that has only waited */
    uint32_t user, trades, trail_bips;
    uint16_t symbol;
    uint8_t side, type, tif, stp, status, client_length;
    char client_id[HISTORY_CLIENT_ID];
    int64_t prevented;
    uint64_t prevented_id;
    uint64_t list_id; /* 0: of none */
    uint8_t expiry;
    bool has_strategy_id;
    int32_t strategy_type; /* 0: none */
    int64_t strategy_id;
};

struct history_amendment { /* of an order's quantity and client id */
    uint64_t order_id, execution_id;
    int64_t orig_qty, qty, time_us;
    uint32_t user;
    uint16_t symbol;
    uint8_t orig_length, client_length;
    char orig_client_id[HISTORY_CLIENT_ID], client_id[HISTORY_CLIENT_ID];
};

struct history_prevented { /* a match that self-trade prevention did not let happen */
    uint64_t match_id, taker_order_id, maker_order_id;
    int64_t price, taker_qty, maker_qty, time_us;
    uint32_t taker_user, maker_user, trade_group;
    uint16_t symbol;
    uint8_t stp;
};

struct history_list { /* of orders, that is done; kind: the exchange's own number */
    uint64_t list_id;
    int64_t time_us; /* of its end */
    uint32_t user;
    uint16_t symbol;
    uint8_t kind, count, client_length; /* count: of orders, 2 or 3 */
    char client_id[HISTORY_CLIENT_ID];
    struct history_list_order {
        uint64_t order_id;
        uint8_t client_length;
        char client_id[HISTORY_CLIENT_ID];
    } order[HISTORY_LIST_ORDERS];
};

enum history_kind { /* of a ledger entry; stored: append, never renumber */
                    HISTORY_DEPOSIT = 1,
                    HISTORY_WITHDRAWAL,
                    HISTORY_TRADE,
                    HISTORY_FEE,
};

struct history_entry { /* a change of what a user owns; number: within its record */
    uint64_t lsn, order_id, trade_id;
    int64_t amount, time_us;
    uint32_t user, number;
    uint16_t asset, symbol; /* symbol: of a trade */
    uint8_t kind;
};

enum history_width {
    HISTORY_SECOND = 1,
    HISTORY_MINUTE = 60,
    HISTORY_HOUR = 3600,
    HISTORY_DAY = 86400
}; /* seconds */

struct history_candle {
    int64_t open_us, open, high, low, close;
    __int128 base, quote, taker_base, taker_quote; /* taker: where the buyer was the taker */
    uint64_t first_trade, last_trade, trades;
    uint32_t width; /* enum history_width; in UTC */
    uint16_t symbol;
};

/* What to look for. Rows come in ascending order; with more than `limit` of them the first when
 * there is a place to begin (an id or a start), else the newest. 0: not asked for. */
struct history_ask {
    uint64_t from_id;         /* trade id, aggregate id or order id, by the call */
    uint64_t order_id;        /* of a fill, or exactly this order or list */
    int64_t start_us, end_us; /* inclusive */
    const char *client_id;    /* exactly this client id of an order or list, the newest of it */
    uint32_t user, limit, width;
    uint16_t symbol;
    uint8_t client_length;
};

struct history;

struct history_ops {
    /* ---- the writer's ---- */
    bool (*begin)(struct history *self);
    bool (*add_symbol)(struct history *self, uint16_t number, const char *name, uint16_t base,
                       uint16_t quote);
    bool (*add_asset)(struct history *self, uint16_t number, const char *name);
    bool (*add_trade)(struct history *self, const struct history_trade *row);
    bool (*add_fill)(struct history *self, const struct history_fill *row);
    bool (*add_order)(struct history *self, const struct history_order *row);
    bool (*add_amendment)(struct history *self, const struct history_amendment *row);
    bool (*add_prevented)(struct history *self, const struct history_prevented *row);
    bool (*add_list)(struct history *self, const struct history_list *row);
    bool (*add_entry)(struct history *self, const struct history_entry *row);
    bool (*put_candle)(struct history *self, const struct history_candle *row); /* in place */
    bool (*commit)(struct history *self, uint64_t lsn);
    void (*rollback)(struct history *self);
    bool (*sync)(struct history *self); /* what is committed stays, also when the power goes */
    /* ---- anybody's; `out` has room for ask->limit, at most HISTORY_ROWS_MAX ---- */
    bool (*cursor)(struct history *self, uint64_t *lsn);
    bool (*trades)(struct history *self, const struct history_ask *ask, struct history_trade *out,
                   uint32_t *count); /* from_id: trade id */
    bool (*agg_trades)(struct history *self, const struct history_ask *ask,
                       struct history_trade *out,
                       uint32_t *count); /* the trades of aggregates from
                                            from_id on, whole ones or not */
    bool (*fills)(struct history *self, const struct history_ask *ask, struct history_fill *out,
                  uint32_t *count); /* from_id: trade id */
    bool (*orders)(struct history *self, const struct history_ask *ask, struct history_order *out,
                   uint32_t *count); /* from_id: order id */
    bool (*amendments)(struct history *self, const struct history_ask *ask,
                       struct history_amendment *out,
                       uint32_t *count); /* of ask->order_id; from_id: execution id */
    bool (*prevented)(struct history *self, const struct history_ask *ask,
                      struct history_prevented *out,
                      uint32_t *count); /* the user's; from_id: match id, and with no order_id
                                           exactly that one */
    bool (*lists)(struct history *self, const struct history_ask *ask, struct history_list *out,
                  uint32_t *count); /* the user's, of all symbols, by list id; from_id: list id */
    bool (*candles)(struct history *self, const struct history_ask *ask, struct history_candle *out,
                    uint32_t *count); /* end_us: of their openings */
    void (*close)(struct history *self);
};

struct history { /* first in an implementation's own */
    const struct history_ops *ops;
    char error[256];
};

static inline const char *history_error(const struct history *history)
{
    return history->error;
}

/* Opens DIR/history.db, making it if it is missing and migrating it if it is older; a reader's
 * handle may write nothing. `id` is the data directory's, which the store must be of. NULL with
 * `wrong` set. */
struct history *history_sqlite_open(const char *directory, const uint8_t id[static HISTORY_ID],
                                    bool writer, char wrong[static 256]);

/* Removes the store. 0 or -errno. */
int history_sqlite_remove(const char *directory);

#endif
