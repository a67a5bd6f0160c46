#include <criterion/criterion.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/exchange.h"
#include "actors/market_shard.h"

enum { ACCOUNT = 1, MARKET = 2 }; /* one shard of each kind */

static struct exchange ex;

static int64_t no_time(void *self)
{
    (void)self;
    return 1;
}

static void open_exchange(void)
{
    static const struct env_ops ops = {.now_us = no_time};
    struct exchange_config config;
    exchange_config_default(&config, 1);
    config.account_shards = config.market_shards = 1;
    config.users_max = 4;
    config.symbols_max = 2;
    config.orders_max = 16;
    config.window_ticks = 64;
    exchange_init(&ex, (struct env){.ops = &ops}, &config);
}

static void close_exchange(void)
{
    exchange_fini(&ex);
}

TestSuite(record_check, .init = open_exchange, .fini = close_exchange);

static enum recover replay(uint16_t shard, uint8_t type, const void *payload, uint32_t bytes)
{
    struct record_head head = {.type = type,
                               .bytes = (uint16_t)bytes,
                               .shard = shard,
                               .shard_seq = exchange_shard_seq(&ex, shard) + 1};
    return exchange_replay(&ex, &head, payload, 1);
}

static enum recover replay_request(uint16_t shard, const struct request *request)
{
    unsigned char bytes[RECORD_BYTES_MAX];
    uint32_t length = request_encode(request, bytes);
    return replay(shard, (uint8_t)(RECORD_REQUEST + request->type), bytes, length);
}

/* The next message on the link. */
static enum recover replay_link(uint16_t from, uint16_t to, struct msg msg)
{
    unsigned char bytes[MSG_ENCODED_BYTES];
    msg.from = from;
    msg.seq = exchange_shard(&ex, to)->in[from].in_seq + 1;
    msg_encode(&msg, bytes);
    return replay(to, RECORD_LINK, bytes, sizeof bytes);
}

static struct msg config_msg(uint8_t type, int64_t a, int64_t b, int64_t c, int64_t d)
{
    struct msg msg = {.type = type};
    const int64_t value[4] = {a, b, c, d};
    memcpy(msg.config.value, value, sizeof value);
    return msg;
}

static struct request symbol_add(void)
{
    struct request request = {.type = REQUEST_SYMBOL_ADD,
                              .symbol_add = {.tick_atoms = 100,
                                             .step_atoms = 100,
                                             .max_price = 1000,
                                             .max_qty = 1000,
                                             .maker_ppm = 1000,
                                             .taker_ppm = 1000}};
    strcpy(request.symbol_add.name, "AB");
    strcpy(request.symbol_add.base_name, "A");
    strcpy(request.symbol_add.quote_name, "B");
    return request;
}

/* Symbol 0 in the account and the market shard, and user 1 with funds. */
static void configure(void)
{
    struct request deposit = {
        .type = REQUEST_DEPOSIT, .user = 1, .deposit = {.amount = 1000000, .asset = 1}};
    for (uint16_t to = ACCOUNT; to <= MARKET; to++) {
        cr_assert_eq(replay_link(0, to, config_msg(MSG_SYMBOL_GRID, 100, 100, 1, 0)), RECOVER_OK);
        cr_assert_eq(replay_link(0, to, config_msg(MSG_SYMBOL_RANGE, 0, 0, 0, 0)), RECOVER_OK);
        cr_assert_eq(replay_link(0, to, config_msg(MSG_SYMBOL_MARKET, 0, 0, 0, 0)), RECOVER_OK);
        cr_assert_eq(replay_link(0, to, config_msg(MSG_SYMBOL_FEES, 0, 0, 0, MARKET)), RECOVER_OK);
    }
    cr_assert_eq(replay_link(0, ACCOUNT, config_msg(MSG_USER_ADD, 1, 0, 0, 0)), RECOVER_OK);
    cr_assert_eq(replay_request(ACCOUNT, &deposit), RECOVER_OK);
}

/* Goal: a symbol that would divide by zero, or with fees that no one may have, is refused when it
 * comes out of a journal. Method: one field of a good one at a time. */
Test(record_check, a_symbol_that_cannot_be_is_refused)
{
    for (int row = 0; row < 9; row++) {
        struct request request = symbol_add();
        struct symbol_config *symbol = &request.symbol_add;
        switch (row) {
        case 1:
            symbol->tick_atoms = 0;
            break;
        case 2:
            symbol->step_atoms = 0;
            break;
        case 3:
            symbol->tick_atoms = -1;
            break;
        case 4:
            symbol->min_price = -1;
            break;
        case 5:
            symbol->max_notional = INT64_MIN;
            break;
        case 6:
            symbol->maker_ppm = 1000000;
            break;
        case 7:
            symbol->taker_ppm = -1;
            break;
        case 8:
            symbol->default_stp = STP_COUNT;
            break;
        default:
            break;
        }
        cr_expect_eq(replay_request(CONTROL_SHARD, &request), row ? RECOVER_BAD_RECORD : RECOVER_OK,
                     "row %d", row);
        close_exchange();
        open_exchange();
    }
}

/* Goal: no order out of a journal leads outside of a table. Method: one field of a good one. */
Test(record_check, an_order_that_cannot_be_is_refused)
{
    for (int row = 0; row < 11; row++) {
        struct request request = {
            .type = REQUEST_NEW, .user = 1, .order = {.price = 1000, .qty = 1000000000}};
        configure();
        switch (row) {
        case 1:
            request.symbol = 2;
            break;
        case 2:
            request.order.side = 2;
            break;
        case 3:
            request.order.type = TYPE_COUNT;
            break;
        case 4:
            request.order.tif = TIF_COUNT;
            break;
        case 5:
            request.order.stp = STP_COUNT;
            break;
        case 6:
            request.order.resp = 3;
            break;
        case 7:
            request.order.hint = -1;
            break;
        case 8:
            request.order.by_quote = true;
            break;
        case 9:
            request.order.price = -100;
            break;
        case 10:
            request.user = 9;
            break;
        default:
            break;
        }
        cr_expect_eq(replay_request(ACCOUNT, &request), row ? RECOVER_BAD_RECORD : RECOVER_OK,
                     "row %d", row);
        close_exchange();
        open_exchange();
    }
}

/* Goal: a deposit of an asset that there is no room for is refused. Method: the first number too
 * high. */
Test(record_check, a_deposit_of_no_asset_is_refused)
{
    struct request deposit = {
        .type = REQUEST_DEPOSIT, .user = 1, .deposit = {.amount = 1, .asset = 4}};
    configure();
    cr_assert_eq(replay_request(ACCOUNT, &deposit), RECOVER_BAD_RECORD);
}

/* Goal: what a market says about an order that is not there, or in amounts that do not fit, is
 * refused. Method: a table; the first row is good. */
Test(record_check, a_report_that_cannot_be_is_refused)
{
    const struct request order = {
        .type = REQUEST_NEW, .user = 1, .order = {.price = 1000, .qty = 1000000000}};
    const struct msg table[] = {
        {.type = MSG_FILL, .fill = {.ref = 1, .order_id = 1, .price_ticks = 10, .qty_lots = 5}},
        {.type = MSG_FILL, .fill = {.ref = 2, .order_id = 1, .price_ticks = 10, .qty_lots = 5}},
        {.type = MSG_FILL, .fill = {.ref = 1, .order_id = 1, .price_ticks = 0, .qty_lots = 5}},
        {.type = MSG_FILL, .fill = {.ref = 1, .price_ticks = 10, .qty_lots = INT64_MAX}},
        {.type = MSG_FILL, .symbol = 1, .fill = {.ref = 1, .price_ticks = 10, .qty_lots = 5}},
        {.type = MSG_FILL, .symbol = 2, .fill = {.ref = 1, .price_ticks = 10, .qty_lots = 5}},
        {.type = MSG_ACCEPTED, .accepted = {.ref = 3}},
        {.type = MSG_DONE, .done = {.ref = 1, .reason = DONE_REASON_SIBLING + 1}},
        {.type = MSG_DONE, .done = {.ref = 1, .reject = REJECT_COUNT}},
        {.type = MSG_CANCEL_REJECTED, .done = {.ref = 1, .reject = REJECT_COUNT}},
        {.type = MSG_REPLACED, .replaced = {.ref = 1, .new_ref = 2}},
        {.type = MSG_REPLACED, .replaced = {.ref = 1, .new_ref = 1}},
        {.type = MSG_REPLACED, .replaced = {.ref = 2, .new_ref = 1}},
        {.type = MSG_REPLACED, .replaced = {.ref = 2, .new_ref = 1, .reject = REJECT_COUNT}},
        {.type = MSG_AMENDED, .amended = {.ref = 1, .lots = 1}}, /* nobody has asked for it */
        {.type = MSG_AMENDED, .amended = {.ref = 1, .reject = REJECT_UNKNOWN_ORDER}},
        {.type = MSG_PLACE},
        {.type = MSG_REPLY},
        config_msg(MSG_USER_ADD, 0, 0, 0, 0),
        config_msg(MSG_USER_ADD, 1, 0, 0, 0),
        config_msg(MSG_USER_ADD, 5, 0, 0, 0),
        config_msg(MSG_SYMBOL_GRID, 200, 100, 1, 0), /* the grid stays as it was listed */
        config_msg(MSG_SYMBOL_GRID, 100, 100, 0, 0),
        config_msg(MSG_SYMBOL_FEES, 0, 0, 0, MARKET + 1),
    };
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++) {
        configure();
        cr_assert_eq(replay_request(ACCOUNT, &order), RECOVER_OK);
        cr_expect_eq(replay_link(MARKET, ACCOUNT, table[i]), i ? RECOVER_BAD_RECORD : RECOVER_OK,
                     "row %u", i);
        close_exchange();
        open_exchange();
    }
}

/* Goal: so is what it says of an amendment that is under way. Method: as above; an order of 100
 * lots that is in the book, and less by 40. */
Test(record_check, an_amendment_that_cannot_be_is_refused)
{
    const struct request order = {
        .type = REQUEST_NEW,
        .user = 1,
        .order = {.price = 1000, .qty = 10000, .client_length = 1, .client_id = "o"}};
    const struct request less = {
        .type = REQUEST_AMEND,
        .user = 1,
        .amend = {.find = {.client_length = 1, .client_id = "o", .own_length = 1, .own_id = "p"},
                  .qty = 6000}};
    const struct msg table[] = {
        {.type = MSG_AMENDED, .amended = {.ref = 1, .order_id = 1, .lots = 40}},
        {.type = MSG_AMENDED, .amended = {.ref = 1, .order_id = 1, .lots = 41}},
        {.type = MSG_AMENDED, .amended = {.ref = 1, .order_id = 1, .lots = 39}},
        {.type = MSG_AMENDED, .amended = {.ref = 1, .order_id = 1, .lots = 0}},
        {.type = MSG_AMENDED, .amended = {.ref = 1, .order_id = 1, .lots = -40}},
        {.type = MSG_AMENDED, .amended = {.ref = 2, .order_id = 1, .lots = 40}},
        {.type = MSG_AMENDED, .symbol = 1, .amended = {.ref = 1, .order_id = 1, .lots = 40}},
        {.type = MSG_AMENDED, .flags = MSG_LAST, .amended = {.ref = 1, .order_id = 1, .lots = 40}},
        {.type = MSG_AMENDED, .flags = MSG_LAST, .amended = {.ref = 1, .order_id = 1, .lots = 100}},
        {.type = MSG_AMENDED, .amended = {.ref = 1, .reject = REJECT_COUNT}},
    };
    const struct msg accepted = {.type = MSG_ACCEPTED, .accepted = {.ref = 1, .order_id = 1}};
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++) {
        configure();
        cr_assert_eq(replay_request(ACCOUNT, &order), RECOVER_OK);
        cr_assert_eq(replay_link(MARKET, ACCOUNT, accepted), RECOVER_OK);
        cr_assert_eq(replay_request(ACCOUNT, &less), RECOVER_OK);
        cr_expect_eq(replay_link(MARKET, ACCOUNT, table[i]), i ? RECOVER_BAD_RECORD : RECOVER_OK,
                     "row %u", i);
        close_exchange();
        open_exchange();
    }
}

static struct msg prevented(int64_t lots, uint64_t order_id, uint8_t flags)
{
    struct msg msg = {.type = MSG_PREVENTED, .flags = flags};
    msg.prevented.ref = 1;
    msg.prevented.price_ticks = 10;
    msg.prevented.lots = lots;
    msg_set_prevented_ids(&msg, (struct prevented_ids){order_id, 2, 1});
    return msg;
}

/* Goal: so is what it says of a prevented match. Method: as above, of an order of 100 lots. */
Test(record_check, a_prevented_match_that_cannot_be_is_refused)
{
    const struct request order = {
        .type = REQUEST_NEW, .user = 1, .order = {.price = 1000, .qty = 10000}};
    const struct msg accepted = {.type = MSG_ACCEPTED, .accepted = {.ref = 1, .order_id = 1}};
    const struct {
        struct msg msg;
        bool sound;
    } table[] = {
        {prevented(40, 1, 0), true},         {prevented(100, 1, MSG_LAST), true},
        {prevented(0, 1, 0), false},         {prevented(-1, 1, 0), false},
        {prevented(100, 1, 0), false},       {prevented(101, 1, 0), false},
        {prevented(40, 1, MSG_LAST), false}, {prevented(101, 1, MSG_LAST), false},
        {prevented(40, 2, 0), false},        {prevented(40, 0, 0), false},
        {prevented(INT64_MAX, 1, 0), false},
    };
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++) {
        configure();
        cr_assert_eq(replay_request(ACCOUNT, &order), RECOVER_OK);
        cr_assert_eq(replay_link(MARKET, ACCOUNT, accepted), RECOVER_OK);
        cr_expect_eq(replay_link(MARKET, ACCOUNT, table[i].msg),
                     table[i].sound ? RECOVER_OK : RECOVER_BAD_RECORD, "row %u", i);
        close_exchange();
        open_exchange();
    }
}

/* Goal: what would lead a market outside of its tables or its arithmetic is refused. Method: a
 * table; the first row is good. */
Test(record_check, an_order_that_no_account_would_send_is_refused)
{
#define PLACE .ref = 1, .qty_lots = 5
    const struct msg table[] = {
        {.type = MSG_PLACE, .place = {PLACE, .price_ticks = 10}},
        {.type = MSG_PLACE, .symbol = 2, .place = {PLACE, .price_ticks = 10}},
        {.type = MSG_PLACE, .place = {PLACE, .price_ticks = 0}},
        {.type = MSG_PLACE, .place = {PLACE, .price_ticks = INT64_MAX}},
        {.type = MSG_PLACE, .place = {PLACE, .price_ticks = 10, .side = 2}},
        {.type = MSG_PLACE, .place = {PLACE, .price_ticks = 10, .order_type = TYPE_COUNT}},
        {.type = MSG_PLACE, .place = {PLACE, .price_ticks = 10, .tif = TIF_COUNT}},
        {.type = MSG_PLACE, .place = {PLACE, .price_ticks = 10, .stp = STP_COUNT}},
        {.type = MSG_PLACE, .place = {.ref = 1, .price_ticks = 10, .qty_lots = INT64_MAX}},
        {.type = MSG_PLACE, .place = {.ref = 1ull << 54, .price_ticks = 10, .qty_lots = 5}},
        {.type = MSG_CANCEL, .cancel = {.ref = 1ull << 54}},
        {.type = MSG_CANCEL, .cancel = {.ref = 1, .restriction = RESTRICT_COUNT}},
        {.type = MSG_AMEND, .amend = {.ref = 1ull << 54, .lots = 1}},
        {.type = MSG_AMEND, .amend = {.ref = 1}},
        {.type = MSG_REPLACE_OLD, .replace = {.ref = 1}}, /* never without its other part */
        {.type = MSG_FILL},
        config_msg(MSG_SYMBOL_GRID, 100, 200, 0, 0),
        config_msg(MSG_SYMBOL_FEES, -1, 0, 0, MARKET),
        config_msg(MSG_SYMBOL_STATUS, STATUS_COUNT, 0, 0, 0),
    };
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++) {
        configure();
        cr_expect_eq(replay_link(ACCOUNT, MARKET, table[i]), i ? RECOVER_BAD_RECORD : RECOVER_OK,
                     "row %u", i);
        close_exchange();
        open_exchange();
    }
#undef PLACE
}

/* Goal: the two parts of a Replace are each looked at. Method: one field of a good one at a time.
 */
Test(record_check, a_replace_that_no_account_would_send_is_refused)
{
    for (int row = 0; row < 8; row++) {
        struct msg old = {.type = MSG_REPLACE_OLD, .from = ACCOUNT, .seq = 1};
        struct msg made = {.type = MSG_REPLACE_NEW, .from = ACCOUNT, .seq = 2};
        unsigned char bytes[2 * MSG_ENCODED_BYTES];
        old.replace.ref = 1;
        made.place.ref = 2;
        made.place.price_ticks = 10;
        made.place.qty_lots = 5;
        configure();
        switch (row) {
        case 1:
            old.replace.ref = 1ull << 54;
            break;
        case 2:
            old.replace.due = -1;
            break;
        case 3:
            old.replace.mode = REPLACE_ALLOW_FAILURE + 1;
            break;
        case 4:
            old.replace.restriction = RESTRICT_COUNT;
            break;
        case 5:
            made.place.ref = 1ull << 54;
            break;
        case 6:
            made.place.side = 2;
            break;
        case 7:
            made.symbol = 1;
            break;
        default:
            break;
        }
        msg_encode(&old, bytes);
        msg_encode(&made, bytes + MSG_ENCODED_BYTES);
        cr_expect_eq(replay(MARKET, RECORD_PARTS, bytes, sizeof bytes),
                     row ? RECOVER_BAD_RECORD : RECOVER_OK, "row %d", row);
        close_exchange();
        open_exchange();
    }
}

/* Goal: so is the request for one. Method: as above. */
Test(record_check, a_request_to_replace_or_cancel_that_cannot_be_is_refused)
{
    for (int row = 0; row < 5; row++) {
        struct request request = {.type = REQUEST_REPLACE, .user = 1};
        request.replace.order = (struct request_order){.price = 1000, .qty = 1000000000};
        request.replace.mode = REPLACE_ALLOW_FAILURE;
        configure();
        switch (row) {
        case 1:
            request.replace.mode++;
            break;
        case 2:
            request.replace.cancel.restriction = RESTRICT_COUNT;
            break;
        case 3:
            request.replace.order.tif = TIF_COUNT;
            break;
        case 4:
            request.symbol = 2;
            break;
        default:
            break;
        }
        cr_expect_eq(replay_request(ACCOUNT, &request), row ? RECOVER_BAD_RECORD : RECOVER_OK,
                     "row %d", row);
        close_exchange();
        open_exchange();
    }
}

static bool replay_parts(const struct msg *part, uint32_t parts)
{
    unsigned char bytes[MARKET_PARTS_MAX * MSG_ENCODED_BYTES];
    for (uint32_t i = 0; i < parts; i++) {
        struct msg msg = part[i];
        msg.from = ACCOUNT;
        msg.seq = i + 1;
        msg_encode(&msg, bytes + i * MSG_ENCODED_BYTES);
    }
    configure();
    bool ok = replay(MARKET, RECORD_PARTS, bytes, parts * MSG_ENCODED_BYTES) == RECOVER_OK;
    close_exchange();
    open_exchange();
    return ok;
}

/* Goal: the parts of a pair, and those before a working order, are what an account would send.
 * Method: good ones, and one thing of them changed at a time. */
Test(record_check, the_parts_of_a_list_that_no_account_would_send_are_refused)
{
    const struct msg terms = {.type = MSG_TERMS, .terms = {.ref = 1, .stop_ticks = 9}};
    const struct msg leg = {
        .type = MSG_LEG,
        .place = {.ref = 1, .price_ticks = 8, .qty_lots = 5, .order_type = TYPE_STOP_LOSS_LIMIT}};
    const struct msg pair = {
        .type = MSG_PAIR,
        .place = {.ref = 2, .price_ticks = 12, .qty_lots = 5, .order_type = TYPE_LIMIT_MAKER}};
    const struct msg pending = {.type = MSG_PENDING,
                                .place = {.ref = 3, .price_ticks = 9, .qty_lots = 5}};
    const struct msg place = {.type = MSG_PLACE,
                              .place = {.ref = 4, .price_ticks = 9, .qty_lots = 5}};
    struct msg wrong_side = pair, limit_leg = leg, same = pair, other_terms = terms, no_lots = pair;
    struct msg nobody = pending, stop_pair = pair;
    wrong_side.place.side = SIDE_SELL;
    limit_leg.place.order_type = TYPE_LIMIT;
    same.place.ref = 1;
    other_terms.terms.ref = 2;
    no_lots.place.qty_lots = 0;
    nobody.place.ref = 1ull << 54;
    stop_pair.place.order_type = TYPE_STOP_LOSS_LIMIT;
    const struct {
        struct msg part[MARKET_PARTS_MAX];
        uint32_t parts;
        bool good;
    } table[] = {
        {{terms, leg, pair}, 3, true},
        {{terms, leg, wrong_side}, 3, false},
        {{terms, limit_leg, pair}, 3, false},
        {{terms, leg, same}, 3, false},
        {{other_terms, leg, pair}, 3, false},
        {{terms, leg, no_lots}, 3, false},
        {{terms, leg, stop_pair}, 3, false},
        {{leg, pair}, 2, false},
        {{terms, leg}, 2, false},
        {{terms, leg, place}, 3, false},
        {{terms, pair}, 2, false},
        {{pending, place}, 2, true},
        {{pending, pending, place}, 3, true},
        {{pending, pending, pending, place}, 4, false},
        {{nobody, place}, 2, false},
        {{pending, pair}, 2, false},
        {{pending, pending}, 2, false},
        {{pending, terms, leg, pair}, 4, false},
    };
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_expect_eq(replay_parts(table[i].part, table[i].parts), table[i].good, "row %u", i);
}

/* Goal: so is the request for a list. Method: as above. */
Test(record_check, a_request_for_a_list_that_cannot_be_is_refused)
{
    for (int row = 0; row < 7; row++) {
        struct request request = {.type = REQUEST_LIST, .user = 1};
        struct request_order *order = request.list.order;
        request.list.client_length = 1;
        request.list.client_id[0] = 'l';
        for (uint32_t i = 0; i < 2; i++) {
            order[i] = (struct request_order){.price = 1000, .qty = 1000000000, .client_length = 1};
            order[i].client_id[0] = (char)('a' + i);
        }
        order[0].type = TYPE_STOP_LOSS_LIMIT;
        order[0].stop = 1200;
        order[1].type = TYPE_LIMIT_MAKER;
        configure();
        switch (row) {
        case 1:
            order[0].type = TYPE_LIMIT;
            order[0].stop = 0;
            break;
        case 2:
            order[1].side = SIDE_SELL;
            break;
        case 3:
            order[1].type = TYPE_MARKET;
            order[1].by_quote = true;
            break;
        case 4:
            request.list.kind = LIST_OTO; /* whose working order does not wait */
            break;
        case 5:
            order[0].stop = 0;
            break;
        case 6:
            request.symbol = 2;
            break;
        default:
            break;
        }
        cr_expect_eq(replay_request(ACCOUNT, &request), row ? RECOVER_BAD_RECORD : RECOVER_OK,
                     "row %d", row);
        close_exchange();
        open_exchange();
    }
}

/* Goal: a symbol's parts come before it trades, each sound. Method: wrong ones, to fresh shards. */
Test(record_check, a_symbol_that_is_not_whole_does_not_trade)
{
    struct msg status = config_msg(MSG_SYMBOL_STATUS, STATUS_HALT, 0, 0, 0);
    const struct msg table[] = {
        config_msg(MSG_SYMBOL_GRID, 0, 100, 0, 0),
        config_msg(MSG_SYMBOL_GRID, 100, -1, 0, 0),
        config_msg(MSG_SYMBOL_FEES, 0, 1000000, 0, MARKET),
    };
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++)
        for (uint16_t to = ACCOUNT; to <= MARKET; to++) {
            cr_expect_eq(replay_link(0, to, table[i]), RECOVER_BAD_RECORD, "row %u", i);
            close_exchange();
            open_exchange();
        }
    cr_expect_eq(replay_link(0, MARKET, status), RECOVER_BAD_RECORD);
    cr_expect_eq(replay_link(0, MARKET, config_msg(MSG_SYMBOL_FEES, 0, 0, 0, MARKET)), RECOVER_OK);
    cr_expect_null(market_shard_book(ex.market[0], 0)); /* its grid was skipped */
    cr_expect_eq(replay_link(0, ACCOUNT, config_msg(MSG_SYMBOL_GRID, 1, 1, 4, 0)),
                 RECOVER_BAD_RECORD); /* an asset that there is no room for */
}

static struct request key_request(uint8_t type, const uint8_t *credential,
                                  const struct network *range)
{
    struct request request = {.type = type, .user = 1};
    request.key = (struct request_key){.kind = KEY_RSA,
                                       .sets = KEY_SETS_RANGES | KEY_SETS_EXPIRY,
                                       .ranges_count = 2,
                                       .credential_bytes = PUBLIC_KEY_MAX,
                                       .expires_us = 1,
                                       .credential = credential,
                                       .range = range};
    return request;
}

/* Goal: a key that cannot be is refused when it comes out of a journal. Method: one field of a good
 * one at a time, first of a new key, then of a change. */
Test(record_check, a_key_that_cannot_be_is_refused)
{
    static const uint8_t credential[PUBLIC_KEY_MAX];
    for (int row = 0; row < 12; row++) {
        const bool good = row == 0 || row == 1 || row == 9;
        struct network range[2] = {{.bits = 128}, {.bits = 0}};
        struct request user = {.type = REQUEST_USER_ADD, .user_add = {.length = 1, .name = "u"}};
        struct request add = key_request(REQUEST_KEY_ADD, credential, range);
        struct request change = key_request(REQUEST_KEY_CHANGE, NULL, range);
        cr_assert_eq(replay_request(CONTROL_SHARD, &user), RECOVER_OK);
        if (row >= 9)
            cr_assert_eq(replay_request(CONTROL_SHARD, &add), RECOVER_OK);
        switch (row) {
        case 1:
            add.key.credential_bytes = 1; /* what it holds is ingress' to judge */
            break;
        case 2:
            add.key.kind = KEY_KINDS;
            break;
        case 3:
            add.key.kind = KEY_HMAC;
            break;
        case 4:
            add.key.credential_bytes = 0;
            break;
        case 5:
        case 10:
            range[1].bits = 129;
            break;
        case 6:
        case 11:
            add.key.expires_us = change.key.expires_us = -1;
            break;
        case 7:
            add.user = 2;
            break;
        case 8:
            cr_assert_eq(replay_request(CONTROL_SHARD, &change), RECOVER_BAD_RECORD, "no key");
            add.key.expires_us = -1;
            break;
        default:
            break;
        }
        cr_expect_eq(replay_request(CONTROL_SHARD, row >= 9 ? &change : &add),
                     good ? RECOVER_OK : RECOVER_BAD_RECORD, "row %d", row);
        close_exchange();
        open_exchange();
    }
}

/* Goal: the control shard takes acknowledgements only. Method: another message on its link. */
Test(record_check, control_takes_acknowledgements_only)
{
    cr_expect_eq(replay_link(ACCOUNT, 0, config_msg(MSG_CONFIG_ACK, 0, 0, 0, 0)), RECOVER_OK);
    cr_expect_eq(replay_link(ACCOUNT, 0, (struct msg){.type = MSG_FILL}), RECOVER_BAD_RECORD);
}
