#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storage/history.h"

static const uint8_t id[HISTORY_ID] = "a data directory";

static struct {
    char directory[64];
    struct history *store;
} t;

static struct history *open_store(bool writer)
{
    char wrong[256] = "";
    struct history *store = history_sqlite_open(t.directory, id, writer, wrong);
    cr_assert_not_null(store, "%s", wrong);
    return store;
}

static void setup(void)
{
    strcpy(t.directory, "/tmp/castle-history-XXXXXX");
    cr_assert_not_null(mkdtemp(t.directory));
    t.store = open_store(true);
}

static void teardown(void)
{
    t.store->ops->close(t.store);
    cr_assert_eq(history_sqlite_remove(t.directory), 0);
    cr_assert_eq(rmdir(t.directory), 0, "something else was left there");
}

TestSuite(history_sqlite, .init = setup, .fini = teardown);

#define CALL(name, ...)                                                                            \
    cr_assert(t.store->ops->name(t.store, ##__VA_ARGS__), "%s", history_error(t.store))

static struct history_trade trade_of(uint64_t trade)
{
    return (struct history_trade){.trade_id = trade,
                                  .agg_id = (trade + 2) / 3,
                                  .maker_order_id = 7 * trade,
                                  .taker_order_id = 9 * trade,
                                  .price = 100 + (int64_t)trade,
                                  .qty = INT64_MAX - (int64_t)trade,
                                  .quote = 5,
                                  .time_us = 1000 * (int64_t)(trade / 2),
                                  .symbol = 3,
                                  .buyer_is_maker = trade % 2};
}

static void add_trades(uint64_t from, uint64_t to)
{
    CALL(begin);
    for (uint64_t trade = from; trade <= to; trade++) {
        struct history_trade row = trade_of(trade);
        CALL(add_trade, &row);
    }
    CALL(commit, to);
}

/* The ids of the trades that are found, as text. */
static const char *trades(struct history_ask ask)
{
    static char text[256];
    struct history_trade out[HISTORY_ROWS_MAX];
    uint32_t count;
    CALL(trades, &ask, out, &count);
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        struct history_trade want = trade_of(out[i].trade_id);
        out[i].symbol = 3;
        cr_assert_eq(memcmp(&out[i], &want, sizeof want), 0, "trade %lu", out[i].trade_id);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%lu", i ? " " : "",
                 out[i].trade_id);
    }
    return text;
}

/* Goal: what is found, and in which order, when there is more than fits. Method: a table. */
Test(history_sqlite, finds_trades_by_id_by_time_and_the_newest)
{
    static const struct {
        struct history_ask ask;
        const char *found;
    } table[] = {
        {{.symbol = 3, .limit = 3}, "8 9 10"},
        {{.symbol = 3, .limit = 1000}, "1 2 3 4 5 6 7 8 9 10"},
        {{.symbol = 3, .limit = 3, .from_id = 4}, "4 5 6"},
        {{.symbol = 3, .limit = 3, .from_id = 9}, "9 10"},
        {{.symbol = 3, .limit = 3, .from_id = 11}, ""},
        {{.symbol = 3, .limit = 3, .from_id = UINT64_MAX}, ""},
        {{.symbol = 3, .limit = 3, .start_us = 2000}, "4 5 6"},
        {{.symbol = 3, .limit = 9, .start_us = 2001, .end_us = 3999}, "6 7"},
        {{.symbol = 3, .limit = 9, .start_us = 2000, .end_us = 3000}, "4 5 6 7"},
        {{.symbol = 3, .limit = 3, .end_us = 3000}, "5 6 7"},
        {{.symbol = 3, .limit = 3, .start_us = 4000, .end_us = 3000}, ""},
        {{.symbol = 2, .limit = 3}, ""},
        {{.symbol = 3, .limit = 0}, ""},
    };
    add_trades(1, 10);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_expect_str_eq(trades(table[i].ask), table[i].found, "row %zu: %s", i,
                         trades(table[i].ask));
}

/* Goal: rows and cursor go together. Method: roll back; a row that is refused; close without
 * commit; look at what is there, with a reader that came before. */
Test(history_sqlite, a_transaction_is_whole_or_not_there)
{
    struct history *reader = open_store(false);
    struct history_trade row = trade_of(3);
    uint64_t lsn = 99;
    add_trades(1, 2);
    CALL(begin);
    CALL(add_trade, &row);
    cr_assert_not(t.store->ops->add_trade(t.store, &row), "the same row twice");
    cr_assert_neq(strlen(history_error(t.store)), 0);
    t.store->ops->rollback(t.store);
    cr_assert_str_eq(trades((struct history_ask){.symbol = 3, .limit = 9}), "1 2");
    CALL(begin);
    CALL(add_trade, &row);
    cr_assert(reader->ops->cursor(reader, &lsn));
    cr_assert_eq(lsn, 2);
    t.store->ops->close(t.store);
    t.store = open_store(true);
    CALL(cursor, &lsn);
    cr_assert_eq(lsn, 2);
    cr_assert_str_eq(trades((struct history_ask){.symbol = 3, .limit = 9}), "1 2");
    add_trades(3, 3);
    cr_assert(reader->ops->cursor(reader, &lsn));
    cr_assert_eq(lsn, 3);
    reader->ops->close(reader);
}

static uint32_t syncs;

int fdatasync(int file) /* in libc's place, for SQLite, too */
{
    syncs++;
    return (int)syscall(SYS_fdatasync, file);
}

int fsync(int file)
{
    syncs++;
    return (int)syscall(SYS_fsync, file);
}

/* Goal: what is committed is synced when that is asked for, and commits do not wait for a disk.
 * Method: syncs are counted. */
Test(history_sqlite, is_synced_on_demand)
{
    add_trades(1, 2);
    syncs = 0;
    add_trades(3, 9);
    cr_assert_eq(syncs, 0);
    CALL(sync);
    cr_assert_gt(syncs, 0);
}

/* Goal: orders by id, client id and time; fills by order; nobody sees another's. Method: two users.
 */
Test(history_sqlite, orders_and_fills_are_a_users_own)
{
    CALL(begin);
    for (uint32_t i = 1; i <= 6; i++) {
        struct history_order order = {.order_id = i,
                                      .price = 10 * i,
                                      .user = 1 + i % 2,
                                      .symbol = 3,
                                      .status = 4,
                                      .time_us = 1000 * i,
                                      .client_length = 4};
        memcpy(order.client_id, i < 5 ? "same" : "last", 4);
        struct history_fill fill = {.trade_id = i,
                                    .order_id = (i + 1) / 2,
                                    .user = 1 + i % 2,
                                    .symbol = 3,
                                    .side = 1,
                                    .fee = i,
                                    .time_us = 1000 * i};
        CALL(add_order, &order);
        CALL(add_fill, &fill);
    }
    CALL(commit, 1);
    static const struct {
        struct history_ask ask;
        uint32_t count;
        uint64_t first;
    } orders[] = {
        {{.user = 1, .symbol = 3, .limit = 9}, 3, 2},
        {{.user = 2, .symbol = 3, .limit = 9}, 3, 1},
        {{.user = 2, .symbol = 3, .limit = 2}, 2, 3},
        {{.user = 2, .symbol = 3, .limit = 9, .from_id = 2}, 2, 3},
        {{.user = 2, .symbol = 3, .limit = 9, .order_id = 3}, 1, 3},
        {{.user = 1, .symbol = 3, .limit = 9, .order_id = 3}, 0, 0},
        {{.user = 1, .symbol = 3, .limit = 1, .client_id = "same", .client_length = 4}, 1, 4},
        {{.user = 2, .symbol = 3, .limit = 1, .client_id = "same", .client_length = 4}, 1, 3},
        {{.user = 2, .symbol = 3, .limit = 1, .client_id = "other", .client_length = 5}, 0, 0},
        {{.user = 2, .symbol = 3, .limit = 9, .start_us = 3000, .end_us = 4000}, 1, 3},
        {{.user = 3, .symbol = 3, .limit = 9}, 0, 0},
    };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct history_order out[9];
        uint32_t count;
        CALL(orders, &orders[i].ask, out, &count);
        cr_expect_eq(count, orders[i].count, "row %zu: %u", i, count);
        if (count)
            cr_expect_eq(out[0].order_id, orders[i].first, "row %zu: %lu", i, out[0].order_id);
    }
    struct history_fill out[9];
    uint32_t count;
    CALL(fills, &(struct history_ask){.user = 2, .symbol = 3, .limit = 9, .order_id = 2}, out,
         &count);
    cr_assert(count == 1 && out[0].trade_id == 3 && out[0].fee == 3);
    CALL(fills, &(struct history_ask){.user = 2, .symbol = 3, .limit = 2}, out, &count);
    cr_assert(count == 2 && out[0].trade_id == 3 && out[1].trade_id == 5);
}

/* Goal: sums beyond int64 come back; a candle is replaced. Method: put it twice. */
Test(history_sqlite, a_candle_is_put_in_place)
{
    struct history_candle candle = {.open_us = 60000000,
                                    .open = 1,
                                    .high = 4,
                                    .low = 1,
                                    .close = 2,
                                    .base = (__int128)INT64_MAX * 1000,
                                    .quote = (__int128)1 << 100,
                                    .taker_quote = 5,
                                    .trades = 3,
                                    .width = HISTORY_MINUTE,
                                    .symbol = 3};
    struct history_candle out[4];
    uint32_t count;
    CALL(begin);
    CALL(put_candle, &candle);
    candle.close = 3;
    CALL(put_candle, &candle);
    CALL(commit, 1);
    const struct history_ask ask = {.symbol = 3, .width = HISTORY_MINUTE, .limit = 4};
    CALL(candles, &ask, out, &count);
    cr_assert_eq(count, 1);
    cr_assert(out[0].base == candle.base && out[0].quote == candle.quote && out[0].close == 3 &&
              out[0].taker_quote == 5 && out[0].taker_base == 0 && out[0].open_us == 60000000);
}

/* Goal: amendments are found by their order, page by page, and by nobody else's. Method: two orders
 * of one user and one of another. */
Test(history_sqlite, amendments_are_of_an_order)
{
    struct history_amendment out[8];
    uint32_t count;
    CALL(begin);
    for (uint32_t i = 0; i < 6; i++) {
        struct history_amendment row = {.order_id = 1 + i % 2,
                                        .execution_id = 10 + i,
                                        .orig_qty = INT64_MAX - i,
                                        .qty = 6 - i,
                                        .time_us = 1000 + i,
                                        .user = i == 5 ? 8 : 7,
                                        .symbol = 3,
                                        .orig_length = HISTORY_CLIENT_ID,
                                        .client_length = 1,
                                        .client_id = {(char)('a' + i)}};
        memset(row.orig_client_id, 'x', HISTORY_CLIENT_ID);
        CALL(add_amendment, &row);
    }
    CALL(commit, 1);
    const struct history_ask ask = {.symbol = 3, .user = 7, .order_id = 1, .limit = 8};
    CALL(amendments, &ask, out, &count);
    cr_assert_eq(count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect(out[i].order_id == 1 && out[i].execution_id == 10 + 2 * i &&
                  out[i].orig_qty == INT64_MAX - 2 * i && out[i].qty == 6 - 2 * i &&
                  out[i].time_us == 1000 + 2 * i && out[i].user == 7 && out[i].symbol == 3);
        cr_expect(out[i].client_length == 1 && out[i].client_id[0] == (char)('a' + 2 * i) &&
                  out[i].orig_length == HISTORY_CLIENT_ID && out[i].orig_client_id[35] == 'x');
    }
    const struct history_ask page = {
        .symbol = 3, .user = 7, .order_id = 1, .from_id = 11, .limit = 1};
    CALL(amendments, &page, out, &count);
    cr_assert(count == 1 && out[0].execution_id == 12);
    const struct history_ask others = {.symbol = 3, .user = 8, .order_id = 1, .limit = 8};
    CALL(amendments, &others, out, &count);
    cr_assert_eq(count, 0);
}

/* Goal: a prevented match is found by its number and by either order, by either user and nobody
 * else. Method: matches of a taker with its own order and with another account's. */
Test(history_sqlite, prevented_matches_are_of_both_orders)
{
    static const struct {
        struct history_ask ask;
        uint32_t count;
        uint64_t first;
    } table[] = {
        {{.symbol = 3, .user = 7, .from_id = 1, .limit = 9}, 1, 1},
        {{.symbol = 3, .user = 8, .from_id = 1, .limit = 9}, 0, 0},
        {{.symbol = 3, .user = 8, .from_id = 2, .limit = 9}, 1, 2},
        {{.symbol = 2, .user = 7, .from_id = 1, .limit = 9}, 0, 0},
        {{.symbol = 3, .user = 7, .order_id = 50, .limit = 9}, 3, 1},
        {{.symbol = 3, .user = 7, .order_id = 50, .limit = 1}, 1, 1},
        {{.symbol = 3, .user = 7, .order_id = 50, .from_id = 2, .limit = 9}, 2, 2},
        {{.symbol = 3, .user = 7, .order_id = 40, .limit = 9}, 1, 1},
        {{.symbol = 3, .user = 8, .order_id = 41, .limit = 9}, 2, 2},
        {{.symbol = 3, .user = 7, .order_id = 41, .limit = 9}, 0, 0},
        {{.symbol = 3, .user = 8, .order_id = 50, .limit = 9}, 0, 0},
    };
    struct history_prevented out[9];
    uint32_t count;
    CALL(begin);
    for (uint64_t match = 1; match <= 3; match++) {
        const struct history_prevented row = {.match_id = match,
                                              .taker_order_id = 50,
                                              .maker_order_id = match == 1 ? 40 : 41,
                                              .price = INT64_MAX,
                                              .taker_qty = 5,
                                              .maker_qty = 6,
                                              .time_us = 77,
                                              .taker_user = 7,
                                              .maker_user = match == 1 ? 7 : 8,
                                              .trade_group = UINT32_MAX,
                                              .symbol = 3,
                                              .stp = 4};
        CALL(add_prevented, &row);
    }
    CALL(commit, 1);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        CALL(prevented, &table[i].ask, out, &count);
        cr_assert_eq(count, table[i].count, "row %zu: %u", i, count);
        if (!count)
            continue;
        cr_expect(out[0].match_id == table[i].first && out[0].taker_order_id == 50 &&
                      out[0].price == INT64_MAX && out[0].taker_qty == 5 && out[0].maker_qty == 6 &&
                      out[0].time_us == 77 && out[0].taker_user == 7 &&
                      out[0].trade_group == UINT32_MAX && out[0].symbol == 3 && out[0].stp == 4,
                  "row %zu", i);
    }
}

static void spoil(const char *sql)
{
    char name[128];
    sqlite3 *db;
    snprintf(name, sizeof name, "%s/history.db", t.directory);
    cr_assert_eq(sqlite3_open(name, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* Goal: a file that is not this program's, or not this directory's, is refused with a reason, for a
 * reader too. Method: each kind of it. */
Test(history_sqlite, refuses_another_file)
{
    static const struct {
        const char *sql, *says;
    } table[] = {
        {"UPDATE source SET id = x'00112233445566778899aabbccddeeff'", "another data directory"},
        {"UPDATE migration SET checksum = 1", "another content"},
        {"UPDATE migration SET checksum = (SELECT k.kept FROM k WHERE k.number = "
         "migration.number); INSERT INTO migration SELECT max(number) + 1, 1, 1 FROM migration",
         "newer version"},
    };
    struct stat st;
    char name[128], wrong[256];
    snprintf(name, sizeof name, "%s/history.db", t.directory);
    cr_assert_eq(stat(name, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
    spoil("CREATE TABLE k AS SELECT number, checksum AS kept FROM migration");
    spoil("CREATE TABLE s AS SELECT id AS kept FROM source");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        spoil(table[i].sql);
        cr_assert_null(history_sqlite_open(t.directory, id, true, wrong), "row %zu", i);
        cr_assert(strstr(wrong, table[i].says) != NULL, "row %zu: %s", i, wrong);
        if (i == 0) {
            cr_assert_null(history_sqlite_open(t.directory, id, false, wrong));
            spoil("UPDATE source SET id = (SELECT kept FROM s)");
        }
    }
}
