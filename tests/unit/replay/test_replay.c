/* test_replay.c - the pure parts of castle replay and of its HTTP client.
 *
 * The end-to-end replay, with the counts of docs/REPLAY.md, is an e2e test: it needs a server.
 */
#include "bench/replay.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bench/http_client.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse(const char *text, struct replay_line *line)
{
    return replay_parse_line(text, strlen(text), line);
}

/* ---- lines ---- */

/* Goal: an order's fields arrive exactly, with or without the newline. */
Test(replay_line, order_is_read_in_atoms)
{
    struct replay_line line;
    cr_assert_eq(parse("1430438404518 order_created {\"price\": \"236.47\", \"amount\": "
                       "\"2.00000001\", \"datetime\": \"1430438404\", \"id\": 65595247, "
                       "\"order_type\": 0}",
                       &line),
                 0);
    cr_assert_eq(line.time_ms, 1430438404518);
    cr_assert_eq(line.kind, REPLAY_CREATED);
    cr_assert_eq(line.id, 65595247);
    cr_assert_eq(line.side, REPLAY_BID);
    cr_assert_eq(line.price_atoms, 23647000000);
    cr_assert_eq(line.qty_atoms, 200000001);
    cr_assert_eq(parse("1 order_deleted {\"price\":\"1\",\"amount\":\"0\",\"id\":7,"
                       "\"order_type\":1}\n",
                       &line),
                 0);
    cr_assert_eq(line.kind, REPLAY_DELETED);
    cr_assert_eq(line.side, REPLAY_ASK);
    cr_assert_eq(line.qty_atoms, 0);
}

/* Goal: a trade's doubles become the decimals they were printed from. */
Test(replay_line, trade_floats_round_to_the_atom)
{
    static const struct {
        const char *price, *amount;
        int64_t price_atoms, qty_atoms;
    } cases[] = {
        {"236.47", "1.7885566900000001", 23647000000, 178855669},
        {"236.38999999999999", "8.8351857299999992", 23639000000, 883518573},
        {"234.99000000000001", "0.29999999999999999", 23499000000, 30000000},
        {"235", "20", 23500000000, 2000000000},
        {"235.0", "0.00000001", 23500000000, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[160];
        struct replay_line line;
        snprintf(text, sizeof(text), "5 trade {\"price\": %s, \"amount\": %s, \"id\": 1}",
                 cases[i].price, cases[i].amount);
        cr_assert_eq(parse(text, &line), 0, "%s", text);
        cr_assert_eq(line.kind, REPLAY_TRADE);
        cr_assert_eq(line.price_atoms, cases[i].price_atoms, "%s", text);
        cr_assert_eq(line.qty_atoms, cases[i].qty_atoms, "%s", text);
    }
}

/* Goal: a snapshot's levels keep their side and order. */
Test(replay_line, book_keeps_both_sides)
{
    struct replay_line line;
    cr_assert_eq(parse("9 order_book {\"bids\": [[\"2.50\", \"1\"], [\"2.40\", \"3\"]], \"asks\": "
                       "[[\"2.60\", \"0.5\"]]}",
                       &line),
                 0);
    cr_assert_eq(line.level_count[REPLAY_BID], 2);
    cr_assert_eq(line.level_count[REPLAY_ASK], 1);
    cr_assert_eq(line.levels[REPLAY_BID][1].price_atoms, 240000000);
    cr_assert_eq(line.levels[REPLAY_BID][1].qty_atoms, 300000000);
    cr_assert_eq(line.levels[REPLAY_ASK][0].qty_atoms, 50000000);
    replay_line_free(&line);
    cr_assert_eq(parse("9 order_book {\"bids\": [], \"asks\": []}", &line), 0);
    replay_line_free(&line);
}

/* Goal: what is not a line of a recording is refused. */
Test(replay_line, anything_else_is_refused)
{
    static const char *const bad[] = {
        "",
        "\n",
        "12",
        "12 ",
        "12 trade",
        "12 trade ",
        "x trade {\"price\":1,\"amount\":1,\"id\":1}",
        " 12 trade {\"price\":1,\"amount\":1,\"id\":1}",
        "1234567890123456 trade {\"price\":1,\"amount\":1,\"id\":1}",
        "12 trades {\"price\":1,\"amount\":1,\"id\":1}",
        "12 trade {\"price\":1,\"amount\":1,\"id\":1",
        "12 trade []",
        "12 trade {\"amount\":1,\"id\":1}",
        "12 trade {\"price\":1,\"id\":1}",
        "12 trade {\"price\":1,\"amount\":1}",
        "12 trade {\"price\":-1,\"amount\":1,\"id\":1}",
        "12 trade {\"price\":1e30,\"amount\":1,\"id\":1}",
        "12 order_created {\"price\":\"1\",\"amount\":\"1\",\"id\":1}",
        "12 order_created {\"price\":\"1\",\"amount\":\"1\",\"id\":1,\"order_type\":2}",
        "12 order_created {\"price\":\"1\",\"amount\":\"1\",\"id\":\"1\",\"order_type\":1}",
        "12 order_created {\"price\":\"-1\",\"amount\":\"1\",\"id\":1,\"order_type\":1}",
        "12 order_created {\"price\":\"0.000000001\",\"amount\":\"1\",\"id\":1,\"order_type\":1}",
        "12 order_book {\"bids\": [[\"1\"]], \"asks\": []}",
        "12 order_book {\"bids\": [[\"1\", \"1\"]]}",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct replay_line line;
        cr_assert_eq(parse(bad[i], &line), -1, "%s", bad[i]);
        cr_assert_null(line.levels[0]);
        cr_assert_null(line.levels[1]);
    }
}

Test(replay_speed, max_or_a_number_above_zero)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t speed_ppm;
    } cases[] = {
        {"max", true, 0},   {"1", true, 1000000},    {"0.5", true, 500000}, {"60", true, 60000000},
        {"0", false, 0},    {"-1", false, 0},        {"1e3", false, 0},     {"", false, 0},
        {"fast", false, 0}, {"0.0000001", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t speed_ppm;
        bool ok = replay_parse_speed(cases[i].text, &speed_ppm);
        cr_assert_eq(ok, cases[i].ok, "%s", cases[i].text);
        if (cases[i].ok)
            cr_assert_eq(speed_ppm, cases[i].speed_ppm, "%s", cases[i].text);
    }
}

/* ---- trades ---- */

/* Goal: each rule of matching, by trades given as {time, price, amount}. */
Test(replay_match, price_amount_and_time_must_agree)
{
    struct replay_trade recorded[] = {{.time_ms = 1000, .price_atoms = 5, .qty_atoms = 100},
                                      {.time_ms = 2000, .price_atoms = 5, .qty_atoms = 200},
                                      {.time_ms = 3000, .price_atoms = 6, .qty_atoms = 300},
                                      {.time_ms = 9000, .price_atoms = 7, .qty_atoms = 400}};
    struct replay_trade produced[] = {{.time_ms = 900, .price_atoms = 5, .qty_atoms = 101},
                                      {.time_ms = 1900, .price_atoms = 5, .qty_atoms = 202},
                                      {.time_ms = 2900, .price_atoms = 7, .qty_atoms = 300},
                                      {.time_ms = 6999, .price_atoms = 7, .qty_atoms = 400}};
    cr_assert_eq(replay_match_trades(recorded, 4, produced, 4, 2000, 1), 1);
    cr_assert_eq(recorded[0].match, REPLAY_SAME);
    cr_assert_eq(recorded[0].partner, 0);
    cr_assert_eq(recorded[1].match, REPLAY_UNMATCHED, "2 atoms apart");
    cr_assert_eq(recorded[2].match, REPLAY_UNMATCHED, "another price");
    cr_assert_eq(recorded[3].match, REPLAY_UNMATCHED, "2001 ms apart");
}

/* Goal: equal trades pair one to one and with the nearest; none is used twice. */
Test(replay_match, nearest_in_time_and_only_once)
{
    struct replay_trade recorded[] = {{.time_ms = 1000, .price_atoms = 5, .qty_atoms = 100},
                                      {.time_ms = 1100, .price_atoms = 5, .qty_atoms = 100},
                                      {.time_ms = 1200, .price_atoms = 5, .qty_atoms = 100}};
    struct replay_trade produced[] = {{.time_ms = 200, .price_atoms = 5, .qty_atoms = 100},
                                      {.time_ms = 950, .price_atoms = 5, .qty_atoms = 100}};
    cr_assert_eq(replay_match_trades(recorded, 3, produced, 2, 2000, 0), 2);
    cr_assert_eq(recorded[0].partner, 1);
    cr_assert_eq(recorded[1].partner, 0);
    cr_assert_eq(recorded[2].match, REPLAY_UNMATCHED);
    cr_assert_eq(produced[1].partner, 0);
}

/* Goal: what is left pairs at any amount, but not with a trade that is explained already. */
Test(replay_match, rest_pairs_at_another_amount)
{
    struct replay_trade recorded[] = {
        {.time_ms = 1000, .price_atoms = 5, .qty_atoms = 100, .no_pairing = true},
        {.time_ms = 1050, .price_atoms = 5, .qty_atoms = 70},
        {.time_ms = 1060, .price_atoms = 5, .qty_atoms = 90}};
    struct replay_trade produced[] = {{.time_ms = 990, .price_atoms = 5, .qty_atoms = 90},
                                      {.time_ms = 995, .price_atoms = 5, .qty_atoms = 80}};
    cr_assert_eq(replay_match_trades(recorded, 3, produced, 2, 2000, 1), 1);
    cr_assert_eq(replay_pair_rest(recorded, 3, produced, 2, 2000), 1);
    cr_assert_eq(recorded[0].match, REPLAY_UNMATCHED);
    cr_assert_eq(recorded[1].match, REPLAY_OTHER_AMOUNT);
    cr_assert_eq(recorded[1].partner, 1);
    cr_assert_eq(recorded[2].match, REPLAY_SAME);
}

Test(replay_match, empty_lists_match_nothing)
{
    cr_assert_eq(replay_match_trades(NULL, 0, NULL, 0, 2000, 1), 0);
}

/* ---- the picture ---- */

/* Goal: fills come off the oldest order of the best price; an order keeps its place when it shrinks
 * and loses it when its price changes. */
Test(replay_picture, fills_follow_price_time_priority)
{
    struct replay_picture *picture = replay_picture_new(16);
    replay_picture_set(picture, 1, REPLAY_ASK, 50, 10);
    replay_picture_set(picture, 2, REPLAY_ASK, 50, 20);
    replay_picture_set(picture, 3, REPLAY_ASK, 49, 5);
    replay_picture_set(picture, 4, REPLAY_BID, 40, 7);
    cr_assert_eq(replay_picture_level(picture, REPLAY_ASK, 50), 30);
    cr_assert(replay_picture_fill(picture, REPLAY_ASK, 49, 5));
    cr_assert(replay_picture_fill(picture, REPLAY_ASK, 50, 4));
    cr_assert_eq(replay_picture_left(picture, 1), 6);
    replay_picture_set(picture, 1, REPLAY_ASK, 50, 3);
    cr_assert(replay_picture_fill(picture, REPLAY_ASK, 50, 3));
    cr_assert_eq(replay_picture_left(picture, 1), 0);
    cr_assert_eq(replay_picture_left(picture, 2), 20);
    replay_picture_set(picture, 5, REPLAY_ASK, 50, 1);
    replay_picture_set(picture, 2, REPLAY_ASK, 51, 20);
    cr_assert(replay_picture_fill(picture, REPLAY_ASK, 50, 1));
    cr_assert_eq(replay_picture_level(picture, REPLAY_ASK, 51), 20);
    cr_assert_eq(replay_picture_level(picture, REPLAY_BID, 40), 7);
    replay_picture_free(picture);
}

/* Goal: what price-time priority rules out is noticed, and taken all the same. */
Test(replay_picture, impossible_fills_are_noticed)
{
    struct replay_picture *picture = replay_picture_new(16);
    replay_picture_set(picture, 1, REPLAY_BID, 50, 10);
    replay_picture_set(picture, 2, REPLAY_BID, 49, 10);
    replay_picture_set(picture, 3, REPLAY_BID, 49, 10);
    cr_assert_not(replay_picture_fill(picture, REPLAY_BID, 49, 1), "50 was better");
    cr_assert_not(replay_picture_fill(picture, REPLAY_ASK, 50, 1), "nobody sells");
    cr_assert(replay_picture_fill(picture, REPLAY_BID, 50, 10));
    cr_assert_not(replay_picture_fill(picture, REPLAY_BID, 49, 12), "two makers in one fill");
    cr_assert_eq(replay_picture_level(picture, REPLAY_BID, 49), 7);
    cr_assert_eq(replay_picture_left(picture, 3), 7);
    replay_picture_free(picture);
}

/* Goal: the sums by price equal the sums over the open orders after any changes. Method: 20,000
 * seeded random ones. */
Test(replay_picture, sums_equal_the_open_orders)
{
    struct replay_picture *picture = replay_picture_new(128);
    uint32_t seed = 7, count;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        replay_picture_set(picture, (seed >> 8) % 60, (seed >> 16) % 2, (seed >> 20) % 10,
                           (seed >> 24) % 4);
    }
    const struct replay_open *open = replay_picture_open(picture, &count);
    for (int side = 0; side < 2; side++)
        for (int64_t price = 0; price < 10; price++) {
            int64_t sum = 0;
            for (uint32_t i = 0; i < count; i++)
                if ((int)open[i].side == side && open[i].price_atoms == price)
                    sum += open[i].qty_atoms;
            cr_assert_eq(replay_picture_level(picture, (enum replay_side)side, price), sum);
        }
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(replay_picture_left(picture, open[i].id), open[i].qty_atoms);
    replay_picture_free(picture);
}

/* ---- options ---- */

/* Goal: bad usage is exit code 2, before anything is read or sent. */
Test(replay_main, bad_usage_is_exit_code_2)
{
    static const struct {
        const char *argv[9];
        int argc;
    } cases[] = {
        {{"replay"}, 1},
        {{"replay", "f"}, 2},
        {{"replay", "f", "--url"}, 3},
        {{"replay", "f", "--url", "https://h:1", "--admin", "h:1", "--admin-token-file", "t"}, 8},
        {{"replay", "f", "--url", "h:1", "--admin", "h", "--admin-token-file", "t"}, 8},
        {{"replay", "f", "--url=h:1", "--admin=h:1", "--admin-token-file=t", "--speed=0"}, 6},
        {{"replay", "f", "--url=h:1", "--admin=h:1", "--admin-token-file=t", "--quick"}, 6},
        {{"replay", "f", "g", "--url=h:1", "--admin=h:1", "--admin-token-file=t"}, 6},
        {{"replay", "--url=h:1", "--admin=h:1", "--admin-token-file=t"}, 4},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        cr_assert_eq(replay_main(cases[i].argc, (char **)cases[i].argv), 2, "case %zu", i);
}

/* Goal: a missing recording is a runtime error. */
Test(replay_main, missing_file_is_exit_code_1)
{
    char *argv[] = {"replay", "/nonexistent/recording", "--url=127.0.0.1:1", "--admin=127.0.0.1:1",
                    "--admin-token-file=/nonexistent/token"};
    cr_assert_eq(replay_main(5, argv), 1);
}

/* ---- the HTTP client's pure parts ---- */

Test(http_client, addresses)
{
    static const struct {
        const char *text, *host, *port;
    } cases[] = {
        {"http://127.0.0.1:8080", "127.0.0.1", "8080"},
        {"HTTP://localhost:80/", "localhost", "80"},
        {"h:1", "h", "1"},
        {"http://[::1]:8080", "::1", "8080"},
        {"https://h:1", NULL, NULL},
        {"http://h", NULL, NULL},
        {"http://h:", NULL, NULL},
        {"http://h:0", NULL, NULL},
        {"http://h:65536", NULL, NULL},
        {"http://h:1/path", NULL, NULL},
        {"http://h:1x", NULL, NULL},
        {"::1:80", NULL, NULL},
        {":80", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_address address;
        cr_assert_eq(http_address_parse(cases[i].text, &address), cases[i].host != NULL, "%s",
                     cases[i].text);
        if (cases[i].host != NULL) {
            cr_assert_str_eq(address.host, cases[i].host);
            cr_assert_str_eq(address.port, cases[i].port);
        }
    }
}

/* Goal: an answer is taken when it is whole, and only its own bytes of a pipeline. */
Test(http_client, answer_is_taken_when_whole)
{
    static const char two[] = "HTTP/1.1 400 Bad Request\r\nServer: x\r\n"
                              "content-length: 3\r\n\r\nabc"
                              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const ptrdiff_t first = (ptrdiff_t)(strstr(two, "abc") + 3 - two);
    struct http_answer answer;
    const char *why;
    bool close;
    for (ptrdiff_t length = 0; length < first; length++)
        cr_assert_eq(http_answer_parse(two, (size_t)length, &answer, &close, &why), 0);
    cr_assert_eq(http_answer_parse(two, sizeof(two) - 1, &answer, &close, &why), first);
    cr_assert_eq(answer.status, 400);
    cr_assert_eq(answer.body_bytes, 3);
    cr_assert_eq(memcmp(answer.body, "abc", 3), 0);
    cr_assert_not(close);
}

Test(http_client, answers_it_does_not_understand)
{
    static const struct {
        const char *text;
        int taken; /* 1: whole */
        bool close;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 1, true},
        {"HTTP/1.1 204 No Content\r\n\r\n", 1, false},
        {"HTTP/1.1 100 Continue\r\n\r\n", 1, false},
        {"HTTP/1.1 200 OK\r\n\r\n", -1, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", -1, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", -1, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", -1, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", -1, false},
        {"HTTP/2 200\r\n\r\n            ", -1, false},
        {"HTTP/1.1 2x0 OK\r\n\r\n", -1, false},
        {"\r\n\r\n", -1, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_answer answer;
        const char *why;
        bool close;
        size_t length = strlen(cases[i].text);
        ptrdiff_t taken = http_answer_parse(cases[i].text, length, &answer, &close, &why);
        cr_assert_eq(taken, cases[i].taken == 1 ? (ptrdiff_t)length : -1, "%s", cases[i].text);
        if (taken > 0)
            cr_assert_eq(close, cases[i].close);
    }
}
