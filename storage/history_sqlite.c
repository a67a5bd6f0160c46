/* history_sqlite.c - the history in one SQLite file, DIR/history.db.
 *
 * WAL with synchronous=NORMAL: after a power cut the newest transactions may be gone, rows and
 * cursor alike, and are written again from the journal, which is trimmed to what was synced. Sums
 * of candles may pass int64 and are kept as decimal text, like PostgreSQL's numeric.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/check.h"
#include "runtime/crc32c.h"
#include "storage/history.h"

/* ---- the schema: numbered steps, never changed once released ---- */

static const char *const migrations[] = {
    /* 1 */
    "CREATE TABLE source(one INTEGER PRIMARY KEY CHECK(one = 1), id BLOB NOT NULL, lsn INTEGER NOT "
    "NULL) STRICT;"
    "CREATE TABLE symbol(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, base INTEGER NOT "
    "NULL, quote INTEGER NOT NULL) STRICT;"
    "CREATE TABLE asset(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE trade(symbol INTEGER, trade_id INTEGER, agg_id INTEGER NOT NULL, price INTEGER "
    "NOT NULL, qty INTEGER NOT NULL, quote INTEGER NOT NULL, time_us INTEGER NOT NULL, "
    "buyer_is_maker INTEGER NOT NULL, maker_order_id INTEGER NOT NULL, taker_order_id INTEGER NOT "
    "NULL, PRIMARY KEY(symbol, trade_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX trade_time ON trade(symbol, time_us);"
    "CREATE INDEX trade_agg ON trade(symbol, agg_id);"
    "CREATE TABLE fill(user INTEGER, symbol INTEGER, trade_id INTEGER, side INTEGER, order_id "
    "INTEGER NOT NULL, price INTEGER NOT NULL, qty INTEGER NOT NULL, quote INTEGER NOT NULL, fee "
    "INTEGER NOT NULL, fee_asset INTEGER NOT NULL, maker INTEGER NOT NULL, time_us INTEGER NOT "
    "NULL, PRIMARY KEY(user, symbol, trade_id, side)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX fill_time ON fill(user, symbol, time_us);"
    "CREATE INDEX fill_order ON fill(user, symbol, order_id);"
    "CREATE TABLE orders(user INTEGER, symbol INTEGER, order_id INTEGER, client_id TEXT NOT NULL, "
    "price INTEGER NOT NULL, qty INTEGER NOT NULL, executed INTEGER NOT NULL, quote_qty INTEGER "
    "NOT "
    "NULL, cum_quote INTEGER NOT NULL, side INTEGER NOT NULL, type INTEGER NOT NULL, tif INTEGER "
    "NOT NULL, stp INTEGER NOT NULL, status INTEGER NOT NULL, trades INTEGER NOT NULL, time_us "
    "INTEGER NOT NULL, updated_us INTEGER NOT NULL, PRIMARY KEY(user, symbol, order_id)) STRICT, "
    "WITHOUT ROWID;"
    "CREATE INDEX orders_time ON orders(user, symbol, time_us);"
    "CREATE INDEX orders_client ON orders(user, symbol, client_id);"
    "CREATE TABLE candle(symbol INTEGER, width INTEGER, open_us INTEGER, open INTEGER NOT NULL, "
    "high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL, base TEXT NOT NULL, "
    "quote "
    "TEXT NOT NULL, taker_base TEXT NOT NULL, taker_quote TEXT NOT NULL, first_trade INTEGER NOT "
    "NULL, last_trade INTEGER NOT NULL, trades INTEGER NOT NULL, PRIMARY KEY(symbol, width, "
    "open_us)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE entry(lsn INTEGER, number INTEGER, user INTEGER NOT NULL, asset INTEGER NOT "
    "NULL, "
    "kind INTEGER NOT NULL, amount INTEGER NOT NULL, time_us INTEGER NOT NULL, symbol INTEGER NOT "
    "NULL, order_id INTEGER NOT NULL, trade_id INTEGER NOT NULL, PRIMARY KEY(lsn, number)) STRICT, "
    "WITHOUT ROWID;"
    "CREATE INDEX entry_user ON entry(user, asset, lsn);",
    /* 2 */
    "CREATE TABLE amendment(user INTEGER, symbol INTEGER, order_id INTEGER, execution_id INTEGER, "
    "orig_client_id TEXT NOT NULL, client_id TEXT NOT NULL, orig_qty INTEGER NOT NULL, qty INTEGER "
    "NOT NULL, time_us INTEGER NOT NULL, PRIMARY KEY(user, symbol, order_id, execution_id)) "
    "STRICT, "
    "WITHOUT ROWID;",
    /* 3 */
    "ALTER TABLE orders ADD COLUMN stop INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE orders ADD COLUMN iceberg INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE orders ADD COLUMN trail_bips INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE orders ADD COLUMN working_us INTEGER NOT NULL DEFAULT 0;"
    "UPDATE orders SET working_us = time_us;",
    /* 4 */
    "ALTER TABLE orders ADD COLUMN prevented INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE orders ADD COLUMN prevented_id INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE prevented(symbol INTEGER, match_id INTEGER, taker_order_id INTEGER NOT NULL, "
    "maker_order_id INTEGER NOT NULL, taker_user INTEGER NOT NULL, maker_user INTEGER NOT NULL, "
    "price INTEGER NOT NULL, taker_qty INTEGER NOT NULL, maker_qty INTEGER NOT NULL, stp INTEGER "
    "NOT NULL, trade_group INTEGER NOT NULL, time_us INTEGER NOT NULL, PRIMARY KEY(symbol, "
    "match_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX prevented_taker ON prevented(symbol, taker_order_id);"
    "CREATE INDEX prevented_maker ON prevented(symbol, maker_order_id);",
    /* 5 */
    ("ALTER TABLE orders ADD COLUMN list_id INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE orders ADD COLUMN expiry INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE fill ADD COLUMN list_id INTEGER NOT NULL DEFAULT 0;"
     "CREATE TABLE list(user INTEGER, list_id INTEGER, symbol INTEGER NOT NULL, kind INTEGER NOT "
     "NULL, client_id TEXT NOT NULL, time_us INTEGER NOT NULL, order_id_1 INTEGER NOT NULL, "
     "client_id_1 TEXT NOT NULL, order_id_2 INTEGER NOT NULL, client_id_2 TEXT NOT NULL, "
     "order_id_3 INTEGER, client_id_3 TEXT, PRIMARY KEY(user, list_id)) STRICT, WITHOUT ROWID;"
     "CREATE INDEX list_time ON list(user, time_us);"
     "CREATE INDEX list_client ON list(user, client_id);"),
    /* 6 */
    "ALTER TABLE orders ADD COLUMN strategy_id INTEGER;" /* NULL: the client gave none */
    "ALTER TABLE orders ADD COLUMN strategy_type INTEGER;",
};

enum { MIGRATIONS = sizeof migrations / sizeof *migrations, BUSY_MS = 5000 };
enum { LIST_ORDERS_AT = 5 }; /* in LIST_COLUMNS */
enum { STRATEGY_AT = 23 };   /* in ORDER_COLUMNS */

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    SET_CURSOR,
    GET_CURSOR,
    ADD_SYMBOL,
    ADD_ASSET,
    ADD_TRADE,
    ADD_FILL,
    ADD_ORDER,
    ADD_AMENDMENT,
    ADD_PREVENTED,
    ADD_LIST,
    ADD_ENTRY,
    PUT_CANDLE,
    STATEMENTS_WRITER, /* what follows is for anybody */
    TRADES_FROM = STATEMENTS_WRITER,
    TRADES_TIME,
    TRADES_NEWEST,
    AGG_FROM,
    FILLS_FROM,
    FILLS_TIME,
    FILLS_NEWEST,
    FILLS_ORDER,
    ORDERS_FROM,
    ORDERS_TIME,
    ORDERS_NEWEST,
    ORDERS_ONE,
    ORDERS_CLIENT,
    AMENDMENTS,
    PREVENTED_ONE,
    PREVENTED_ORDER,
    LISTS_FROM,
    LISTS_TIME,
    LISTS_NEWEST,
    LISTS_ONE,
    LISTS_CLIENT,
    CANDLES_FROM,
    CANDLES_NEWEST,
    STATEMENTS,
};

#define TRADE_COLUMNS                                                                              \
    "trade_id, agg_id, price, qty, quote, time_us, buyer_is_maker, maker_order_id, taker_order_id"
#define FILL_COLUMNS                                                                               \
    "trade_id, side, order_id, price, qty, quote, fee, fee_asset, maker, time_us, list_id"
#define ORDER_COLUMNS                                                                              \
    "order_id, client_id, price, qty, executed, quote_qty, cum_quote, side, type, tif, stp, "      \
    "status, trades, time_us, updated_us, stop, iceberg, trail_bips, working_us, prevented, "      \
    "prevented_id, list_id, expiry, strategy_id, strategy_type"
#define AMENDMENT_COLUMNS                                                                          \
    "order_id, execution_id, orig_client_id, client_id, orig_qty, qty, time_us"
#define PREVENTED_COLUMNS                                                                          \
    "match_id, taker_order_id, maker_order_id, taker_user, maker_user, price, taker_qty, "         \
    "maker_qty, stp, trade_group, time_us"
#define LIST_COLUMNS                                                                               \
    "list_id, symbol, kind, client_id, time_us, order_id_1, client_id_1, order_id_2, "             \
    "client_id_2, order_id_3, client_id_3"
#define CANDLE_COLUMNS                                                                             \
    "open_us, open, high, low, close, base, quote, taker_base, taker_quote, first_trade, "         \
    "last_trade, trades"

/* INDEXED BY: where rows shall come in the order of the key, SQLite goes by it for want of
 * statistics, and reads all rows of the user. Orders are found by time and come by id all the same:
 * in histories of before, the time of a pending order may be behind that of the next order. */
static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SET_CURSOR] = "UPDATE source SET lsn = ?",
    [GET_CURSOR] = "SELECT lsn FROM source",
    [ADD_SYMBOL] = "INSERT INTO symbol VALUES(?,?,?,?) ON CONFLICT(number) DO NOTHING",
    [ADD_ASSET] = "INSERT INTO asset VALUES(?,?) ON CONFLICT(number) DO NOTHING",
    [ADD_TRADE] = "INSERT INTO trade(symbol, " TRADE_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?)",
    [ADD_FILL] =
        "INSERT INTO fill(user, symbol, " FILL_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ADD_ORDER] = "INSERT INTO orders(user, symbol, " ORDER_COLUMNS
                  ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ADD_AMENDMENT] =
        "INSERT INTO amendment(user, symbol, " AMENDMENT_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?)",
    [ADD_PREVENTED] =
        "INSERT INTO prevented(symbol, " PREVENTED_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
    [ADD_LIST] = "INSERT INTO list(user, " LIST_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
    [ADD_ENTRY] = "INSERT INTO entry VALUES(?,?,?,?,?,?,?,?,?,?)",
    [PUT_CANDLE] = "INSERT OR REPLACE INTO candle(symbol, width, " CANDLE_COLUMNS
                   ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [TRADES_FROM] = "SELECT " TRADE_COLUMNS " FROM trade WHERE symbol = ?1 AND trade_id >= ?2 "
                    "ORDER BY trade_id LIMIT ?3",
    [TRADES_TIME] = "SELECT " TRADE_COLUMNS " FROM trade WHERE symbol = ?1 AND time_us >= ?2 AND "
                    "time_us <= ?4 ORDER BY time_us, trade_id LIMIT ?3",
    [TRADES_NEWEST] = "SELECT " TRADE_COLUMNS " FROM trade WHERE symbol = ?1 AND time_us <= ?4 "
                      "ORDER BY time_us DESC, trade_id DESC LIMIT ?3",
    [AGG_FROM] = "SELECT " TRADE_COLUMNS " FROM trade WHERE symbol = ?1 AND agg_id >= ?2 "
                 "ORDER BY agg_id, trade_id LIMIT ?3",
    [FILLS_FROM] = "SELECT " FILL_COLUMNS " FROM fill WHERE symbol = ?1 AND user = ?5 AND trade_id "
                   ">= ?2 ORDER BY trade_id, side LIMIT ?3",
    [FILLS_TIME] = "SELECT " FILL_COLUMNS " FROM fill WHERE symbol = ?1 AND user = ?5 AND time_us "
                   ">= ?2 AND time_us <= ?4 ORDER BY time_us, trade_id, side LIMIT ?3",
    [FILLS_NEWEST] =
        "SELECT " FILL_COLUMNS " FROM fill WHERE symbol = ?1 AND user = ?5 AND time_us "
        "<= ?4 ORDER BY time_us DESC, trade_id DESC, side DESC LIMIT ?3",
    [FILLS_ORDER] = "SELECT " FILL_COLUMNS
                    " FROM fill INDEXED BY fill_order WHERE symbol = ?1 AND user = ?5 AND "
                    "order_id = ?6 AND trade_id >= ?2 ORDER BY trade_id, side LIMIT ?3",
    [ORDERS_FROM] = "SELECT " ORDER_COLUMNS " FROM orders WHERE symbol = ?1 AND user = ?5 AND "
                    "order_id >= ?2 ORDER BY order_id LIMIT ?3",
    [ORDERS_TIME] = "SELECT * FROM (SELECT " ORDER_COLUMNS " FROM orders WHERE symbol = ?1 AND "
                    "user = ?5 AND time_us >= ?2 AND time_us <= ?4 ORDER BY time_us, order_id "
                    "LIMIT ?3) ORDER BY order_id",
    [ORDERS_NEWEST] = "SELECT * FROM (SELECT " ORDER_COLUMNS " FROM orders WHERE symbol = ?1 AND "
                      "user = ?5 AND time_us <= ?4 ORDER BY time_us DESC, order_id DESC "
                      "LIMIT ?3) ORDER BY order_id",
    [ORDERS_ONE] = "SELECT " ORDER_COLUMNS " FROM orders WHERE symbol = ?1 AND user = ?5 AND "
                   "order_id = ?6 LIMIT ?3",
    [ORDERS_CLIENT] =
        "SELECT " ORDER_COLUMNS " FROM orders INDEXED BY orders_client WHERE symbol = "
        "?1 AND user = ?5 AND client_id = ?7 ORDER BY order_id DESC LIMIT ?3",
    [AMENDMENTS] =
        "SELECT " AMENDMENT_COLUMNS " FROM amendment WHERE symbol = ?1 AND user = ?5 AND "
        "order_id = ?6 AND execution_id >= ?2 ORDER BY execution_id LIMIT ?3",
    [PREVENTED_ONE] =
        "SELECT " PREVENTED_COLUMNS " FROM prevented WHERE symbol = ?1 AND match_id = "
        "?2 AND (taker_user = ?5 OR maker_user = ?5) LIMIT ?3",
    [PREVENTED_ORDER] =
        "SELECT " PREVENTED_COLUMNS
        " FROM prevented INDEXED BY prevented_taker WHERE symbol = ?1 AND "
        "taker_order_id = ?6 AND match_id >= ?2 AND taker_user = ?5 UNION ALL "
        "SELECT " PREVENTED_COLUMNS
        " FROM prevented INDEXED BY prevented_maker WHERE symbol = ?1 AND "
        "maker_order_id = ?6 AND match_id >= ?2 AND maker_user = ?5 ORDER BY match_id LIMIT ?3",
    [LISTS_FROM] = "SELECT " LIST_COLUMNS " FROM list WHERE user = ?5 AND list_id >= ?2 ORDER BY "
                   "list_id LIMIT ?3",
    [LISTS_TIME] = "SELECT " LIST_COLUMNS " FROM list WHERE user = ?5 AND list_id IN (SELECT "
                   "list_id FROM list INDEXED BY list_time WHERE user = ?5 AND time_us >= ?2 AND "
                   "time_us <= ?4 ORDER BY list_id LIMIT ?3) ORDER BY list_id LIMIT ?3",
    [LISTS_NEWEST] = "SELECT " LIST_COLUMNS " FROM list WHERE user = ?5 AND +time_us <= ?4 ORDER "
                     "BY list_id DESC LIMIT ?3", /* +: by the key, to where there are enough */
    [LISTS_ONE] = "SELECT " LIST_COLUMNS " FROM list WHERE user = ?5 AND list_id = ?6 LIMIT ?3",
    [LISTS_CLIENT] = "SELECT " LIST_COLUMNS " FROM list INDEXED BY list_client WHERE user = ?5 AND "
                     "client_id = ?7 ORDER BY list_id DESC LIMIT ?3",
    [CANDLES_FROM] = "SELECT " CANDLE_COLUMNS " FROM candle WHERE symbol = ?1 AND width = ?8 AND "
                     "open_us >= ?2 AND open_us <= ?4 ORDER BY open_us LIMIT ?3",
    [CANDLES_NEWEST] = "SELECT " CANDLE_COLUMNS " FROM candle WHERE symbol = ?1 AND width = ?8 AND "
                       "open_us <= ?4 ORDER BY open_us DESC LIMIT ?3",
};

struct sqlite {
    struct history super; /* first */
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
};

static bool failed(struct sqlite *self)
{
    snprintf(self->super.error, sizeof self->super.error, "%s", sqlite3_errmsg(self->db));
    return false;
}

/* ---- opening ---- */

static bool run(struct sqlite *self, const char *sql)
{
    return sqlite3_exec(self->db, sql, NULL, NULL, NULL) == SQLITE_OK || failed(self);
}

/* The checksum that migration `number` was applied with, -1: it was not; -2: failed. */
static int64_t applied(struct sqlite *self, uint32_t number)
{
    sqlite3_stmt *ask;
    int64_t checksum = -1;
    if (sqlite3_prepare_v2(self->db, "SELECT checksum FROM migration WHERE number = ?", -1, &ask,
                           NULL) != SQLITE_OK) {
        failed(self);
        return -2;
    }
    sqlite3_bind_int64(ask, 1, number);
    int result = sqlite3_step(ask);
    if (result == SQLITE_ROW)
        checksum = sqlite3_column_int64(ask, 0);
    else if (result != SQLITE_DONE)
        checksum = -2, failed(self);
    sqlite3_finalize(ask);
    return checksum;
}

static bool migrate(struct sqlite *self, uint32_t number)
{
    const char *sql = migrations[number - 1];
    int64_t checksum = crc32c(0, (const unsigned char *)sql, strlen(sql));
    int64_t there = applied(self, number);
    char note[128];
    if (there == checksum)
        return true;
    if (there == -2)
        return false;
    if (there != -1) {
        snprintf(self->super.error, sizeof self->super.error,
                 "migration %u was applied with another content: not this program's file", number);
        return false;
    }
    snprintf(note, sizeof note, "INSERT INTO migration VALUES(%u, %lld, unixepoch())", number,
             (long long)checksum);
    return run(self, sql) && run(self, note);
}

/* A file that a newer program has migrated further is not for this one. */
static bool no_newer(struct sqlite *self)
{
    if (applied(self, MIGRATIONS + 1) == -1)
        return true;
    snprintf(self->super.error, sizeof self->super.error, "written by a newer version");
    return false;
}

static bool make_schema(struct sqlite *self, const uint8_t id[static HISTORY_ID])
{
    char hex[2 * HISTORY_ID + 1], source[128];
    for (uint32_t i = 0; i < HISTORY_ID; i++)
        snprintf(hex + 2 * i, 3, "%02x", id[i]);
    snprintf(source, sizeof source, "INSERT OR IGNORE INTO source VALUES(1, x'%s', 0)", hex);
    if (!run(self, "PRAGMA journal_mode = WAL") || !run(self, "PRAGMA synchronous = NORMAL") ||
        !run(self, "PRAGMA cache_size = -16384") || !run(self, "BEGIN IMMEDIATE") ||
        !run(self, "CREATE TABLE IF NOT EXISTS migration(number INTEGER PRIMARY KEY, checksum "
                   "INTEGER NOT NULL, applied_s INTEGER NOT NULL) STRICT") ||
        !no_newer(self))
        return false;
    for (uint32_t number = 1; number <= MIGRATIONS; number++)
        if (!migrate(self, number))
            return false;
    return run(self, source) && run(self, "COMMIT");
}

static bool is_ours(struct sqlite *self, const uint8_t id[static HISTORY_ID])
{
    sqlite3_stmt *ask;
    if (sqlite3_prepare_v2(self->db, "SELECT id FROM source", -1, &ask, NULL) != SQLITE_OK)
        return failed(self);
    bool ours = sqlite3_step(ask) == SQLITE_ROW && sqlite3_column_bytes(ask, 0) == HISTORY_ID &&
                memcmp(sqlite3_column_blob(ask, 0), id, HISTORY_ID) == 0;
    sqlite3_finalize(ask);
    if (!ours)
        snprintf(self->super.error, sizeof self->super.error, "it is of another data directory");
    return ours;
}

static bool prepare(struct sqlite *self, bool writer)
{
    for (uint32_t i = 0; i < STATEMENTS; i++)
        if ((writer || i >= STATEMENTS_WRITER || i == GET_CURSOR) &&
            sqlite3_prepare_v3(self->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &self->statement[i], NULL) != SQLITE_OK)
            return failed(self);
    return true;
}

static void sqlite_close(struct history *history)
{
    struct sqlite *self = (struct sqlite *)history;
    for (uint32_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(self->statement[i]);
    sqlite3_close(self->db);
    free(self);
}

/* ---- one statement ---- */

static sqlite3_stmt *bound(struct sqlite *self, enum statement which, uint32_t count,
                           const int64_t *values)
{
    sqlite3_stmt *statement = self->statement[which];
    for (uint32_t i = 0; i < count; i++)
        sqlite3_bind_int64(statement, (int)i + 1, values[i]);
    return statement;
}

#define BOUND(self, which, ...)                                                                    \
    bound(self, which, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                         \
          (const int64_t[]){__VA_ARGS__})

static bool done(struct sqlite *self, sqlite3_stmt *statement)
{
    bool ok = sqlite3_step(statement) == SQLITE_DONE || failed(self);
    sqlite3_reset(statement);
    return ok;
}

static bool simple(struct history *history, enum statement which)
{
    struct sqlite *self = (struct sqlite *)history;
    return done(self, self->statement[which]);
}

/* ---- writing ---- */

static bool sqlite_begin(struct history *history)
{
    return simple(history, BEGIN);
}

static bool sqlite_commit(struct history *history, uint64_t lsn)
{
    struct sqlite *self = (struct sqlite *)history;
    return done(self, BOUND(self, SET_CURSOR, (int64_t)lsn)) && simple(history, COMMIT);
}

static void sqlite_rollback(struct history *history)
{
    struct sqlite *self = (struct sqlite *)history;
    char kept[sizeof history->error];
    if (sqlite3_get_autocommit(self->db))
        return; /* the failure has ended the transaction */
    memcpy(kept, history->error, sizeof kept);
    simple(history, ROLLBACK);
    memcpy(history->error, kept, sizeof kept);
}

static bool sqlite_sync(struct history *history)
{
    struct sqlite *self = (struct sqlite *)history;
    sqlite3_file *wal = NULL;
    int result = sqlite3_file_control(self->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (result == SQLITE_OK && wal && wal->pMethods)
        result = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
    if (result != SQLITE_OK)
        snprintf(self->super.error, sizeof self->super.error, "cannot sync: %s",
                 sqlite3_errstr(result));
    return result == SQLITE_OK;
}

static bool add_symbol(struct history *history, uint16_t number, const char *name, uint16_t base,
                       uint16_t quote)
{
    struct sqlite *self = (struct sqlite *)history;
    sqlite3_stmt *add = BOUND(self, ADD_SYMBOL, number, 0, base, quote);
    sqlite3_bind_text(add, 2, name, (int)strnlen(name, HISTORY_NAME), SQLITE_STATIC);
    return done(self, add);
}

static bool add_asset(struct history *history, uint16_t number, const char *name)
{
    struct sqlite *self = (struct sqlite *)history;
    sqlite3_stmt *add = BOUND(self, ADD_ASSET, number);
    sqlite3_bind_text(add, 2, name, (int)strnlen(name, HISTORY_NAME), SQLITE_STATIC);
    return done(self, add);
}

static bool add_trade(struct history *history, const struct history_trade *row)
{
    struct sqlite *self = (struct sqlite *)history;
    return done(self,
                BOUND(self, ADD_TRADE, row->symbol, (int64_t)row->trade_id, (int64_t)row->agg_id,
                      row->price, row->qty, row->quote, row->time_us, row->buyer_is_maker,
                      (int64_t)row->maker_order_id, (int64_t)row->taker_order_id));
}

static bool add_fill(struct history *history, const struct history_fill *row)
{
    struct sqlite *self = (struct sqlite *)history;
    return done(self,
                BOUND(self, ADD_FILL, row->user, row->symbol, (int64_t)row->trade_id, row->side,
                      (int64_t)row->order_id, row->price, row->qty, row->quote, row->fee,
                      row->fee_asset, row->maker, row->time_us, (int64_t)row->list_id));
}

static bool add_order(struct history *history, const struct history_order *row)
{
    struct sqlite *self = (struct sqlite *)history;
    sqlite3_stmt *add = BOUND(
        self, ADD_ORDER, row->user, row->symbol, (int64_t)row->order_id, 0, row->price, row->qty,
        row->executed, row->quote_qty, row->cum_quote, row->side, row->type, row->tif, row->stp,
        row->status, row->trades, row->time_us, row->updated_us, row->stop, row->iceberg,
        row->trail_bips, row->working_us, row->prevented, (int64_t)row->prevented_id,
        (int64_t)row->list_id, row->expiry, row->strategy_id, row->strategy_type);
    sqlite3_bind_text(add, 4, row->client_id, row->client_length, SQLITE_STATIC);
    if (!row->has_strategy_id)
        sqlite3_bind_null(add, STRATEGY_AT + 3); /* user and symbol are before the columns */
    if (!row->strategy_type)
        sqlite3_bind_null(add, STRATEGY_AT + 4);
    return done(self, add);
}

static bool add_amendment(struct history *history, const struct history_amendment *row)
{
    struct sqlite *self = (struct sqlite *)history;
    sqlite3_stmt *add =
        BOUND(self, ADD_AMENDMENT, row->user, row->symbol, (int64_t)row->order_id,
              (int64_t)row->execution_id, 0, 0, row->orig_qty, row->qty, row->time_us);
    sqlite3_bind_text(add, 5, row->orig_client_id, row->orig_length, SQLITE_STATIC);
    sqlite3_bind_text(add, 6, row->client_id, row->client_length, SQLITE_STATIC);
    return done(self, add);
}

static bool add_prevented(struct history *history, const struct history_prevented *row)
{
    struct sqlite *self = (struct sqlite *)history;
    return done(self, BOUND(self, ADD_PREVENTED, row->symbol, (int64_t)row->match_id,
                            (int64_t)row->taker_order_id, (int64_t)row->maker_order_id,
                            row->taker_user, row->maker_user, row->price, row->taker_qty,
                            row->maker_qty, row->stp, row->trade_group, row->time_us));
}

/* In the place of an order that the list does not have there is NULL. */
static bool add_list(struct history *history, const struct history_list *row)
{
    struct sqlite *self = (struct sqlite *)history;
    sqlite3_stmt *add = BOUND(self, ADD_LIST, row->user, (int64_t)row->list_id, row->symbol,
                              row->kind, 0, row->time_us);
    sqlite3_bind_text(add, 5, row->client_id, row->client_length, SQLITE_STATIC);
    for (uint32_t i = 0; i < HISTORY_LIST_ORDERS; i++) {
        const struct history_list_order *order = &row->order[i];
        int at = LIST_ORDERS_AT + 2 + 2 * (int)i;
        sqlite3_bind_null(add, at);
        sqlite3_bind_null(add, at + 1);
        if (i >= row->count)
            continue;
        sqlite3_bind_int64(add, at, (int64_t)order->order_id);
        sqlite3_bind_text(add, at + 1, order->client_id, order->client_length, SQLITE_STATIC);
    }
    return done(self, add);
}

static bool add_entry(struct history *history, const struct history_entry *row)
{
    struct sqlite *self = (struct sqlite *)history;
    return done(self, BOUND(self, ADD_ENTRY, (int64_t)row->lsn, row->number, row->user, row->asset,
                            row->kind, row->amount, row->time_us, row->symbol,
                            (int64_t)row->order_id, (int64_t)row->trade_id));
}

enum { SUM_DIGITS = 40 };

/* A sum that is not below zero. */
static void bind_sum(sqlite3_stmt *statement, int at, __int128 sum)
{
    char digits[SUM_DIGITS], *begin = digits + sizeof digits;
    do
        *--begin = (char)('0' + (int)(sum % 10));
    while (sum /= 10);
    sqlite3_bind_text(statement, at, begin, (int)(digits + sizeof digits - begin),
                      SQLITE_TRANSIENT);
}

static __int128 column_sum(sqlite3_stmt *statement, int at)
{
    __int128 sum = 0;
    for (const unsigned char *digit = sqlite3_column_text(statement, at); digit && *digit; digit++)
        sum = 10 * sum + (*digit - '0');
    return sum;
}

static bool put_candle(struct history *history, const struct history_candle *row)
{
    struct sqlite *self = (struct sqlite *)history;
    sqlite3_stmt *put = BOUND(self, PUT_CANDLE, row->symbol, row->width, row->open_us, row->open,
                              row->high, row->low, row->close);
    bind_sum(put, 8, row->base);
    bind_sum(put, 9, row->quote);
    bind_sum(put, 10, row->taker_base);
    bind_sum(put, 11, row->taker_quote);
    sqlite3_bind_int64(put, 12, (int64_t)row->first_trade);
    sqlite3_bind_int64(put, 13, (int64_t)row->last_trade);
    sqlite3_bind_int64(put, 14, (int64_t)row->trades);
    return done(self, put);
}

/* ---- reading ---- */

static bool sqlite_cursor(struct history *history, uint64_t *lsn)
{
    struct sqlite *self = (struct sqlite *)history;
    sqlite3_stmt *ask = self->statement[GET_CURSOR];
    bool ok = sqlite3_step(ask) == SQLITE_ROW || failed(self);
    if (ok)
        *lsn = (uint64_t)sqlite3_column_int64(ask, 0);
    sqlite3_reset(ask);
    return ok;
}

/* One row of what was asked for: what the statement does not tell again is in the question. */
typedef void take_row(sqlite3_stmt *row, const struct history_ask *ask, void *out);

/* Rows of `size` bytes in the order of the statement; turned round when it goes backwards. */
static bool rows(struct sqlite *self, enum statement which, const struct history_ask *ask,
                 uint64_t from, bool backwards, take_row *take, void *out, size_t size,
                 uint32_t *count)
{
    uint32_t limit = ask->limit < HISTORY_ROWS_MAX ? ask->limit : HISTORY_ROWS_MAX;
    sqlite3_stmt *statement = self->statement[which];
    const int64_t values[] = {ask->symbol, from < INT64_MAX ? (int64_t)from : INT64_MAX,
                              limit,       ask->end_us ? ask->end_us : INT64_MAX,
                              ask->user,   (int64_t)ask->order_id,
                              0,           ask->width};
    int most = sqlite3_bind_parameter_count(statement), result;
    bound(self, which, (uint32_t)most, values);
    if (which == ORDERS_CLIENT || which == LISTS_CLIENT)
        sqlite3_bind_text(statement, 7, ask->client_id, ask->client_length, SQLITE_TRANSIENT);
    *count = 0;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && *count < limit)
        take(statement, ask, (char *)out + size * (*count)++);
    bool ok = result == SQLITE_DONE || result == SQLITE_ROW || failed(self);
    sqlite3_reset(statement);
    for (uint32_t i = 0; backwards && i < *count / 2; i++) {
        char keep[sizeof(struct history_list)]; /* the longest */
        char *a = (char *)out + size * i, *b = (char *)out + size * (*count - 1 - i);
        ASSERT(size <= sizeof keep);
        memcpy(keep, a, size);
        memcpy(a, b, size);
        memcpy(b, keep, size);
    }
    return ok;
}

static void take_trade(sqlite3_stmt *row, const struct history_ask *ask, void *out)
{
    (void)ask;
    *(struct history_trade *)out =
        (struct history_trade){.trade_id = (uint64_t)sqlite3_column_int64(row, 0),
                               .agg_id = (uint64_t)sqlite3_column_int64(row, 1),
                               .price = sqlite3_column_int64(row, 2),
                               .qty = sqlite3_column_int64(row, 3),
                               .quote = sqlite3_column_int64(row, 4),
                               .time_us = sqlite3_column_int64(row, 5),
                               .buyer_is_maker = sqlite3_column_int(row, 6) != 0,
                               .maker_order_id = (uint64_t)sqlite3_column_int64(row, 7),
                               .taker_order_id = (uint64_t)sqlite3_column_int64(row, 8)};
}

static bool sqlite_trades(struct history *history, const struct history_ask *ask,
                          struct history_trade *out, uint32_t *count)
{
    enum statement which = ask->from_id ? TRADES_FROM : ask->start_us ? TRADES_TIME : TRADES_NEWEST;
    uint64_t from = ask->from_id ? ask->from_id : (uint64_t)ask->start_us;
    return rows((struct sqlite *)history, which, ask, from, which == TRADES_NEWEST, take_trade, out,
                sizeof *out, count);
}

static bool sqlite_agg_trades(struct history *history, const struct history_ask *ask,
                              struct history_trade *out, uint32_t *count)
{
    return rows((struct sqlite *)history, AGG_FROM, ask, ask->from_id, false, take_trade, out,
                sizeof *out, count);
}

static void take_fill(sqlite3_stmt *row, const struct history_ask *ask, void *out)
{
    *(struct history_fill *)out =
        (struct history_fill){.user = ask->user,
                              .symbol = ask->symbol,
                              .trade_id = (uint64_t)sqlite3_column_int64(row, 0),
                              .side = (uint8_t)sqlite3_column_int(row, 1),
                              .order_id = (uint64_t)sqlite3_column_int64(row, 2),
                              .price = sqlite3_column_int64(row, 3),
                              .qty = sqlite3_column_int64(row, 4),
                              .quote = sqlite3_column_int64(row, 5),
                              .fee = sqlite3_column_int64(row, 6),
                              .fee_asset = (uint16_t)sqlite3_column_int(row, 7),
                              .maker = sqlite3_column_int(row, 8) != 0,
                              .time_us = sqlite3_column_int64(row, 9),
                              .list_id = (uint64_t)sqlite3_column_int64(row, 10)};
}

static bool sqlite_fills(struct history *history, const struct history_ask *ask,
                         struct history_fill *out, uint32_t *count)
{
    enum statement which = ask->order_id   ? FILLS_ORDER
                           : ask->from_id  ? FILLS_FROM
                           : ask->start_us ? FILLS_TIME
                                           : FILLS_NEWEST;
    uint64_t from = which == FILLS_TIME ? (uint64_t)ask->start_us : ask->from_id;
    return rows((struct sqlite *)history, which, ask, from, which == FILLS_NEWEST, take_fill, out,
                sizeof *out, count);
}

static void take_client_id(sqlite3_stmt *row, int at, uint8_t *length, char id[HISTORY_CLIENT_ID])
{
    int bytes = sqlite3_column_bytes(row, at);
    *length = (uint8_t)(bytes < HISTORY_CLIENT_ID ? bytes : HISTORY_CLIENT_ID);
    if (*length) /* else there is no blob */
        memcpy(id, sqlite3_column_blob(row, at), *length);
}

static void take_order(sqlite3_stmt *row, const struct history_ask *ask, void *out)
{
    struct history_order *order = out;
    *order = (struct history_order){.user = ask->user,
                                    .symbol = ask->symbol,
                                    .order_id = (uint64_t)sqlite3_column_int64(row, 0),
                                    .price = sqlite3_column_int64(row, 2),
                                    .qty = sqlite3_column_int64(row, 3),
                                    .executed = sqlite3_column_int64(row, 4),
                                    .quote_qty = sqlite3_column_int64(row, 5),
                                    .cum_quote = sqlite3_column_int64(row, 6),
                                    .side = (uint8_t)sqlite3_column_int(row, 7),
                                    .type = (uint8_t)sqlite3_column_int(row, 8),
                                    .tif = (uint8_t)sqlite3_column_int(row, 9),
                                    .stp = (uint8_t)sqlite3_column_int(row, 10),
                                    .status = (uint8_t)sqlite3_column_int(row, 11),
                                    .trades = (uint32_t)sqlite3_column_int64(row, 12),
                                    .time_us = sqlite3_column_int64(row, 13),
                                    .updated_us = sqlite3_column_int64(row, 14),
                                    .stop = sqlite3_column_int64(row, 15),
                                    .iceberg = sqlite3_column_int64(row, 16),
                                    .trail_bips = (uint32_t)sqlite3_column_int64(row, 17),
                                    .working_us = sqlite3_column_int64(row, 18),
                                    .prevented = sqlite3_column_int64(row, 19),
                                    .prevented_id = (uint64_t)sqlite3_column_int64(row, 20),
                                    .list_id = (uint64_t)sqlite3_column_int64(row, 21),
                                    .expiry = (uint8_t)sqlite3_column_int(row, 22),
                                    .has_strategy_id =
                                        sqlite3_column_type(row, STRATEGY_AT) != SQLITE_NULL,
                                    .strategy_id = sqlite3_column_int64(row, STRATEGY_AT),
                                    .strategy_type = sqlite3_column_int(row, STRATEGY_AT + 1)};
    take_client_id(row, 1, &order->client_length, order->client_id);
}

static bool sqlite_orders(struct history *history, const struct history_ask *ask,
                          struct history_order *out, uint32_t *count)
{
    enum statement which = ask->order_id    ? ORDERS_ONE
                           : ask->client_id ? ORDERS_CLIENT
                           : ask->from_id   ? ORDERS_FROM
                           : ask->start_us  ? ORDERS_TIME
                                            : ORDERS_NEWEST;
    uint64_t from = which == ORDERS_TIME ? (uint64_t)ask->start_us : ask->from_id;
    return rows((struct sqlite *)history, which, ask, from, false, take_order, out, sizeof *out,
                count);
}

static void take_amendment(sqlite3_stmt *row, const struct history_ask *ask, void *out)
{
    struct history_amendment *amendment = out;
    *amendment = (struct history_amendment){.user = ask->user,
                                            .symbol = ask->symbol,
                                            .order_id = (uint64_t)sqlite3_column_int64(row, 0),
                                            .execution_id = (uint64_t)sqlite3_column_int64(row, 1),
                                            .orig_qty = sqlite3_column_int64(row, 4),
                                            .qty = sqlite3_column_int64(row, 5),
                                            .time_us = sqlite3_column_int64(row, 6)};
    take_client_id(row, 2, &amendment->orig_length, amendment->orig_client_id);
    take_client_id(row, 3, &amendment->client_length, amendment->client_id);
}

static bool sqlite_amendments(struct history *history, const struct history_ask *ask,
                              struct history_amendment *out, uint32_t *count)
{
    return rows((struct sqlite *)history, AMENDMENTS, ask, ask->from_id, false, take_amendment, out,
                sizeof *out, count);
}

static void take_prevented(sqlite3_stmt *row, const struct history_ask *ask, void *out)
{
    *(struct history_prevented *)out =
        (struct history_prevented){.symbol = ask->symbol,
                                   .match_id = (uint64_t)sqlite3_column_int64(row, 0),
                                   .taker_order_id = (uint64_t)sqlite3_column_int64(row, 1),
                                   .maker_order_id = (uint64_t)sqlite3_column_int64(row, 2),
                                   .taker_user = (uint32_t)sqlite3_column_int64(row, 3),
                                   .maker_user = (uint32_t)sqlite3_column_int64(row, 4),
                                   .price = sqlite3_column_int64(row, 5),
                                   .taker_qty = sqlite3_column_int64(row, 6),
                                   .maker_qty = sqlite3_column_int64(row, 7),
                                   .stp = (uint8_t)sqlite3_column_int(row, 8),
                                   .trade_group = (uint32_t)sqlite3_column_int64(row, 9),
                                   .time_us = sqlite3_column_int64(row, 10)};
}

static bool sqlite_prevented(struct history *history, const struct history_ask *ask,
                             struct history_prevented *out, uint32_t *count)
{
    enum statement which = ask->order_id ? PREVENTED_ORDER : PREVENTED_ONE;
    return rows((struct sqlite *)history, which, ask, ask->from_id, false, take_prevented, out,
                sizeof *out, count);
}

static void take_list(sqlite3_stmt *row, const struct history_ask *ask, void *out)
{
    struct history_list *list = out;
    *list = (struct history_list){.user = ask->user,
                                  .list_id = (uint64_t)sqlite3_column_int64(row, 0),
                                  .symbol = (uint16_t)sqlite3_column_int(row, 1),
                                  .kind = (uint8_t)sqlite3_column_int(row, 2),
                                  .time_us = sqlite3_column_int64(row, 4)};
    take_client_id(row, 3, &list->client_length, list->client_id);
    for (int at = LIST_ORDERS_AT; list->count < HISTORY_LIST_ORDERS; at += 2) {
        struct history_list_order *order = &list->order[list->count];
        if (sqlite3_column_type(row, at) == SQLITE_NULL)
            break;
        order->order_id = (uint64_t)sqlite3_column_int64(row, at);
        take_client_id(row, at + 1, &order->client_length, order->client_id);
        list->count++;
    }
}

static bool sqlite_lists(struct history *history, const struct history_ask *ask,
                         struct history_list *out, uint32_t *count)
{
    enum statement which = ask->order_id    ? LISTS_ONE
                           : ask->client_id ? LISTS_CLIENT
                           : ask->from_id   ? LISTS_FROM
                           : ask->start_us  ? LISTS_TIME
                                            : LISTS_NEWEST;
    uint64_t from = which == LISTS_TIME ? (uint64_t)ask->start_us : ask->from_id;
    return rows((struct sqlite *)history, which, ask, from, which == LISTS_NEWEST, take_list, out,
                sizeof *out, count);
}

static void take_candle(sqlite3_stmt *row, const struct history_ask *ask, void *out)
{
    *(struct history_candle *)out =
        (struct history_candle){.symbol = ask->symbol,
                                .width = ask->width,
                                .open_us = sqlite3_column_int64(row, 0),
                                .open = sqlite3_column_int64(row, 1),
                                .high = sqlite3_column_int64(row, 2),
                                .low = sqlite3_column_int64(row, 3),
                                .close = sqlite3_column_int64(row, 4),
                                .base = column_sum(row, 5),
                                .quote = column_sum(row, 6),
                                .taker_base = column_sum(row, 7),
                                .taker_quote = column_sum(row, 8),
                                .first_trade = (uint64_t)sqlite3_column_int64(row, 9),
                                .last_trade = (uint64_t)sqlite3_column_int64(row, 10),
                                .trades = (uint64_t)sqlite3_column_int64(row, 11)};
}

static bool sqlite_candles(struct history *history, const struct history_ask *ask,
                           struct history_candle *out, uint32_t *count)
{
    enum statement which = ask->start_us ? CANDLES_FROM : CANDLES_NEWEST;
    return rows((struct sqlite *)history, which, ask, (uint64_t)ask->start_us,
                which == CANDLES_NEWEST, take_candle, out, sizeof *out, count);
}

/* ---- the file ---- */

static void file_name(const char *directory, const char *end, char out[static 4096])
{
    snprintf(out, 4096, "%s/history.db%s", directory, end);
}

struct history *history_sqlite_open(const char *directory, const uint8_t id[static HISTORY_ID],
                                    bool writer, char wrong[static 256])
{
    static const struct history_ops ops = {.begin = sqlite_begin,
                                           .add_symbol = add_symbol,
                                           .add_asset = add_asset,
                                           .add_trade = add_trade,
                                           .add_fill = add_fill,
                                           .add_order = add_order,
                                           .add_amendment = add_amendment,
                                           .add_prevented = add_prevented,
                                           .add_list = add_list,
                                           .add_entry = add_entry,
                                           .put_candle = put_candle,
                                           .commit = sqlite_commit,
                                           .rollback = sqlite_rollback,
                                           .sync = sqlite_sync,
                                           .cursor = sqlite_cursor,
                                           .trades = sqlite_trades,
                                           .agg_trades = sqlite_agg_trades,
                                           .fills = sqlite_fills,
                                           .orders = sqlite_orders,
                                           .amendments = sqlite_amendments,
                                           .prevented = sqlite_prevented,
                                           .lists = sqlite_lists,
                                           .candles = sqlite_candles,
                                           .close = sqlite_close};
    struct sqlite *self = calloc(1, sizeof *self);
    char name[4096];
    ASSERT(self != NULL);
    self->super.ops = &ops;
    file_name(directory, "", name);
    int file = writer ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file >= 0) /* nobody else's to read, nor what SQLite puts beside it */
        close(file);
    int flags = writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    bool ok = sqlite3_open_v2(name, &self->db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK ||
              failed(self);
    if (ok)
        sqlite3_busy_timeout(self->db, BUSY_MS);
    ok = ok && (!writer || make_schema(self, id)) && is_ours(self, id) && prepare(self, writer) &&
         (writer || run(self, "PRAGMA query_only = ON"));
    if (ok)
        return &self->super;
    snprintf(wrong, 256, "%s", self->super.error);
    sqlite_close(&self->super);
    return NULL;
}

int history_sqlite_remove(const char *directory)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[4096];
    for (uint32_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        file_name(directory, ends[i], name);
        if (unlink(name) != 0 && errno != ENOENT)
            return -errno;
    }
    return 0;
}
