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

/* Goal: orders come by id, whichever way they are asked for. Method: the second has the latest
 * time, as the pending order of a list may. */
Test(history_sqlite, orders_come_by_id)
{
    static const int64_t time_us[] = {1000, 4000, 2000, 3000};
    static const struct history_ask asks[] = {
        {.user = 1, .symbol = 3, .limit = 9},
        {.user = 1, .symbol = 3, .limit = 9, .from_id = 1},
        {.user = 1, .symbol = 3, .limit = 9, .start_us = 1000, .end_us = 4000},
    };
    CALL(begin);
    for (uint32_t i = 0; i < 4; i++) {
        const struct history_order order = {
            .order_id = i + 1, .user = 1, .symbol = 3, .time_us = time_us[i]};
        CALL(add_order, &order);
    }
    CALL(commit, 1);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct history_order out[9];
        uint32_t count;
        CALL(orders, &asks[i], out, &count);
        cr_assert_eq(count, 4);
        for (uint32_t at = 0; at < count; at++)
            cr_expect_eq(out[at].order_id, at + 1, "row %zu: %lu", i, out[at].order_id);
    }
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

/* An OTOCO where the number is odd, else an OCO; of two users, ended in another order than begun.
 */
static struct history_list list_of(uint32_t number)
{
    struct history_list list = {.list_id = number,
                                .time_us = 1000 * (int64_t)(number ^ 1),
                                .user = number < 8 ? 7 : 8,
                                .symbol = (uint16_t)(3 + number % 3),
                                .kind = number % 2 ? 2 : 0,
                                .count = number % 2 ? 3 : 2,
                                .client_length = number < 4 ? 4 : HISTORY_CLIENT_ID};
    memset(list.client_id, 's', list.client_length);
    for (uint32_t i = 0; i < list.count; i++) {
        struct history_list_order *order = &list.order[i];
        order->order_id = INT64_MAX - 10 * number - i;
        order->client_length = (uint8_t)(i == 1 ? HISTORY_CLIENT_ID : i + 1);
        memset(order->client_id, (int)('a' + i), order->client_length);
    }
    return list;
}

static void add_lists(uint32_t from, uint32_t to, uint64_t lsn)
{
    CALL(begin);
    for (uint32_t number = from; number <= to; number++) {
        struct history_list row = list_of(number);
        CALL(add_list, &row);
    }
    CALL(commit, lsn);
}

static bool same_list(const struct history_list *a, const struct history_list *b)
{
    bool same = a->list_id == b->list_id && a->time_us == b->time_us && a->user == b->user &&
                a->symbol == b->symbol && a->kind == b->kind && a->count == b->count &&
                a->client_length == b->client_length &&
                memcmp(a->client_id, b->client_id, a->client_length) == 0;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = a->order[i].order_id == b->order[i].order_id &&
               a->order[i].client_length == b->order[i].client_length &&
               memcmp(a->order[i].client_id, b->order[i].client_id, a->order[i].client_length) == 0;
    return same;
}

/* The ids of the lists that are found, as text; each is whole. */
static const char *lists(struct history_ask ask)
{
    static char text[256];
    struct history_list out[HISTORY_ROWS_MAX];
    uint32_t count;
    CALL(lists, &ask, out, &count);
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        struct history_list want = list_of((uint32_t)out[i].list_id);
        cr_assert(same_list(&out[i], &want), "list %lu", out[i].list_id);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%lu", i ? " " : "",
                 out[i].list_id);
    }
    return text;
}

/* Goal: a user's lists are found by number, by client id, from a number on, by time and the newest,
 * always in the order of their numbers, and by nobody else. Method: a table. */
Test(history_sqlite, lists_are_a_users_own)
{
    static const char same[] = "ssss",
                      other[HISTORY_CLIENT_ID] = "ssssssssssssssssssssssssssssssssssss";
    static const struct {
        struct history_ask ask;
        const char *found;
    } table[] = {
        {{.user = 7, .limit = 9}, "1 2 3 4 5 6 7"},
        {{.user = 7, .limit = 3}, "5 6 7"},
        {{.user = 8, .limit = 3}, "8 9"},
        {{.user = 9, .limit = 3}, ""},
        {{.user = 7, .limit = 0}, ""},
        {{.user = 7, .limit = 9, .from_id = 5}, "5 6 7"},
        {{.user = 7, .limit = 2, .from_id = 2}, "2 3"},
        {{.user = 7, .limit = 2, .from_id = 8}, ""},
        {{.user = 7, .limit = 2, .from_id = UINT64_MAX}, ""},
        {{.user = 7, .limit = 9, .start_us = 3000, .end_us = 5000}, "2 4 5"},
        {{.user = 7, .limit = 2, .start_us = 3000}, "2 4"},
        {{.user = 7, .limit = 9, .end_us = 2000}, "1 3"},
        {{.user = 7, .limit = 2, .end_us = 4000}, "3 5"},
        {{.user = 7, .limit = 9, .start_us = 3001, .end_us = 3999}, ""},
        {{.user = 7, .limit = 1, .order_id = 6}, "6"},
        {{.user = 8, .limit = 1, .order_id = 6}, ""},
        {{.user = 7, .limit = 1, .order_id = UINT64_MAX}, ""},
        {{.user = 7, .limit = 1, .client_id = same, .client_length = 4}, "3"},
        {{.user = 7, .limit = 1, .client_id = other, .client_length = 36}, "7"},
        {{.user = 8, .limit = 1, .client_id = other, .client_length = 36}, "9"},
        {{.user = 8, .limit = 1, .client_id = same, .client_length = 4}, ""},
        {{.user = 7, .limit = 1, .client_id = same, .client_length = 3}, ""},
    };
    add_lists(1, 9, 1);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_expect_str_eq(lists(table[i].ask), table[i].found, "row %zu: %s", i,
                         lists(table[i].ask));
}

/* An order of list 5 and its fill. */
static void add_listed(uint64_t order_id, uint8_t expiry)
{
    struct history_order order = {.order_id = order_id,
                                  .user = 7,
                                  .symbol = 3,
                                  .status = 5,
                                  .client_length = 1,
                                  .client_id = "x",
                                  .list_id = 5,
                                  .expiry = expiry};
    struct history_fill fill = {
        .trade_id = order_id, .order_id = order_id, .list_id = 5, .user = 7, .symbol = 3};
    CALL(add_order, &order);
    CALL(add_fill, &fill);
}

/* Goal: a list is there together with the orders whose end was its own, or neither is; orders and
 * fills say which list they are of. Method: close without commit, and do the same again; the same
 * list twice is refused. */
Test(history_sqlite, a_list_ends_with_its_orders)
{
    const struct history_ask ask = {.user = 7, .symbol = 3, .limit = 9};
    struct history_list row = list_of(5);
    struct history_order order[9];
    struct history_fill fill[9];
    uint32_t count;
    uint64_t lsn;
    for (uint32_t round = 0; round < 2; round++) {
        CALL(begin);
        add_listed(70, 0);
        add_listed(71, 2);
        CALL(add_list, &row);
        if (round)
            break;
        t.store->ops->close(t.store);
        t.store = open_store(true);
        CALL(orders, &ask, order, &count);
        cr_assert_eq(count, 0);
        cr_assert_str_eq(lists(ask), "");
    }
    CALL(commit, 6);
    CALL(orders, &ask, order, &count);
    cr_assert(count == 2 && order[0].list_id == 5 && order[0].expiry == 0 &&
              order[1].list_id == 5 && order[1].expiry == 2);
    CALL(fills, &ask, fill, &count);
    cr_assert(count == 2 && fill[0].list_id == 5 && fill[1].list_id == 5);
    cr_assert_str_eq(lists(ask), "5");
    CALL(begin);
    add_listed(72, 1);
    cr_assert_not(t.store->ops->add_list(t.store, &row), "the same list twice");
    t.store->ops->rollback(t.store);
    CALL(orders, &ask, order, &count);
    cr_assert_eq(count, 2);
    CALL(cursor, &lsn);
    cr_assert_eq(lsn, 6);
}

/* Goal: an order's labels come back as they were sent, an id of 0 apart from none. Method: each
 * combination, the widest values. */
Test(history_sqlite, an_order_keeps_its_strategy)
{
    static const struct {
        bool has_id;
        int64_t id;
        int32_t type;
    } table[] = {{false, 0, 0}, {true, 0, 0}, {false, 0, 1000000}, {true, INT64_MAX, INT32_MAX}};
    enum { ROWS = sizeof table / sizeof *table };
    const struct history_ask ask = {.user = 7, .symbol = 3, .limit = 9};
    struct history_order order[9];
    uint32_t count;
    CALL(begin);
    for (uint64_t i = 0; i < ROWS; i++) {
        struct history_order row = {.order_id = i + 1,
                                    .user = 7,
                                    .symbol = 3,
                                    .client_length = 1,
                                    .client_id = "x",
                                    .has_strategy_id = table[i].has_id,
                                    .strategy_id = table[i].id,
                                    .strategy_type = table[i].type};
        CALL(add_order, &row);
    }
    CALL(commit, 6);
    CALL(orders, &ask, order, &count);
    cr_assert_eq(count, ROWS);
    for (uint32_t i = 0; i < count; i++)
        cr_expect(order[i].has_strategy_id == table[i].has_id &&
                      order[i].strategy_id == table[i].id &&
                      order[i].strategy_type == table[i].type,
                  "row %u", i);
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

/* In the store's place a file as an earlier version left it. */
static void begin_with(const char *dump)
{
    static char sql[1 << 14];
    char path[512];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof path, "%.*sgolden/%s", slash ? (int)(slash + 1 - __FILE__) : 0, __FILE__,
             dump);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    size_t bytes = fread(sql, 1, sizeof sql - 1, file);
    cr_assert(bytes > 0 && bytes < sizeof sql - 1);
    sql[bytes] = '\0';
    fclose(file);
    t.store->ops->close(t.store);
    cr_assert_eq(history_sqlite_remove(t.directory), 0);
    spoil(sql);
}

/* What golden/history-v4.sql has: of no list. */
static void check_version_4(void)
{
    const struct history_ask ask = {.user = 7, .symbol = 3, .limit = 9};
    struct history_order order[9];
    struct history_fill fill[9];
    uint32_t count;
    uint64_t lsn;
    CALL(cursor, &lsn);
    cr_assert_eq(lsn, 41);
    CALL(orders, &ask, order, &count);
    cr_assert(count == 2 && order[0].order_id == 11 && order[0].cum_quote == 200 &&
              order[0].list_id == 0 && order[0].expiry == 0 && order[1].order_id == 12 &&
              order[1].stop == 95 && order[1].list_id == 0 && order[1].expiry == 0);
    CALL(fills, &ask, fill, &count);
    cr_assert(count == 1 && fill[0].order_id == 11 && fill[0].fee == 1 && fill[0].list_id == 0);
    cr_assert_str_eq(lists(ask), "");
}

/* Goal: the history of before there were lists goes on, its rows of none; a migration that was cut
 * off begins again from the whole file of before. Method: a dump of such a file; something in the
 * migration's way, near its end. */
Test(history_sqlite, a_file_from_before_lists_is_migrated)
{
    char wrong[256];
    begin_with("history-v4.sql");
    spoil("CREATE VIEW list_client AS SELECT 1");
    cr_assert_null(history_sqlite_open(t.directory, id, true, wrong));
    cr_assert(strstr(wrong, "list_client"), "%s", wrong);
    spoil("DROP VIEW list_client");
    spoil("INSERT INTO orders VALUES(7,4,1,'of then',0,0,0,0,0,0,0,0,0,5,0,0,0,0,0,0,0,0,0)");
    t.store = open_store(true);
    check_version_4();
    add_lists(1, 2, 42);
    t.store->ops->close(t.store);
    t.store = open_store(true);
    cr_assert_str_eq(lists((struct history_ask){.user = 7, .limit = 9}), "1 2");
}

/* Goal: the history of before orders kept their strategy goes on, its rows with none; a migration
 * that was cut off begins again. Method: a dump of such a file; a column in the migration's way,
 * the second of its two. */
Test(history_sqlite, a_file_from_before_strategies_is_migrated)
{
    const struct history_ask ask = {.user = 7, .symbol = 3, .limit = 9};
    struct history_order order[9];
    uint32_t count;
    char wrong[256];
    begin_with("history-v5.sql");
    spoil("ALTER TABLE orders ADD COLUMN strategy_type INTEGER");
    cr_assert_null(history_sqlite_open(t.directory, id, true, wrong));
    cr_assert(strstr(wrong, "strategy_type"), "%s", wrong);
    spoil("ALTER TABLE orders DROP COLUMN strategy_type");
    t.store = open_store(true);
    CALL(orders, &ask, order, &count);
    cr_assert(count == 2 && order[0].order_id == 11 && order[0].list_id == 0 &&
              order[1].order_id == 12 && order[1].list_id == 5 && order[1].expiry == 1);
    for (uint32_t i = 0; i < count; i++)
        cr_assert(!order[i].has_strategy_id && order[i].strategy_id == 0 &&
                  order[i].strategy_type == 0);
    struct history_list list[9];
    CALL(lists, &ask, list, &count);
    cr_assert(count == 1 && list[0].list_id == 5 && list[0].order[0].order_id == 12);
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
