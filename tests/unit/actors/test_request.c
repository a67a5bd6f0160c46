#include "actors/msg/request.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "actors/msg/msg.h"
#include "runtime/hash.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t journaled[] = {
    REQUEST_NEW,           REQUEST_CANCEL,        REQUEST_CANCEL_ALL,    REQUEST_DEPOSIT,
    REQUEST_USER_ADD,      REQUEST_KEY_ADD,       REQUEST_KEY_DELETE,    REQUEST_SYMBOL_ADD,
    REQUEST_SYMBOL_STATUS, REQUEST_REPLACE,       REQUEST_AMEND,         REQUEST_KEY_CHANGE,
    REQUEST_USER_GROUP,    REQUEST_SYMBOL_UPDATE, REQUEST_SYMBOL_DELIST, REQUEST_EXCHANGE_LIMITS,
    REQUEST_COMMISSION,    REQUEST_LIST,          REQUEST_LIST_CANCEL,
};

static uint64_t draws;

static uint64_t word(void)
{
    return hash_mix(++draws);
}

static void noise(void *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)out)[i] = (unsigned char)word();
}

/* A length from 0 to max, both ends often. */
static uint8_t length_up_to(uint32_t max)
{
    uint64_t draw = word();
    return (uint8_t)(draw % 4 == 0 ? max : draw % 4 == 1 ? 0 : (draw >> 8) % (max + 1));
}

static void any_symbol(struct symbol_config *symbol)
{
    symbol->status = (uint8_t)word();
    symbol->default_stp = (uint8_t)word();
    symbol->max_orders = (uint32_t)word();
    symbol->maker_ppm = (int32_t)word();
    symbol->taker_ppm = (int32_t)word();
    noise(&symbol->tick_atoms, (size_t)((char *)symbol->name - (char *)&symbol->tick_atoms));
    symbol->limits = (struct symbol_limits){0};
    symbol->delisted = false; /* never given */
    if (word() & 1)           /* not every symbol has any */
        symbol->limits = (struct symbol_limits){.tick_atoms = (int64_t)word(),
                                                .position_atoms = (int64_t)word(),
                                                .algo_orders = (uint32_t)word(),
                                                .below_max = (uint32_t)word(),
                                                .ask_down = (uint32_t)word(),
                                                .by_side = word() & 1,
                                                .max_spares_market = word() & 1,
                                                .notional_short = (uint8_t)word()};
    noise(symbol->name, sizeof symbol->name);
    noise(symbol->base_name, sizeof symbol->base_name);
    noise(symbol->quote_name, sizeof symbol->quote_name);
}

static uint8_t credential[PUBLIC_KEY_MAX];
static struct network ranges[KEY_RANGES_MAX];

static void any_rules(struct request_key *key)
{
    noise(credential, sizeof credential);
    noise(ranges, sizeof ranges);
    key->expires_us = word() % 2 ? (int64_t)word() : 0;
    key->ranges_count = length_up_to(KEY_RANGES_MAX);
    key->range = ranges;
    key->credential = credential;
}

static void any_order(struct request_order *order)
{
    order->side = (uint8_t)word();
    order->type = (uint8_t)(word() % 0x40);
    order->stop = order->iceberg = order->trail_bips = 0;
    if (word() & 1) { /* not every order has any */
        order->stop = (int64_t)word();
        order->iceberg = (int64_t)word();
        order->trail_bips = (uint32_t)word();
    }
    order->strategy = (struct strategy){.has_id = word() & 1};
    if (order->strategy.has_id)
        order->strategy.id = word() & 3 ? (int64_t)(word() >> 1) : 0;
    if (word() & 1)
        order->strategy.type = STRATEGY_TYPE_MIN + (int32_t)(word() % 1000000000);
    order->tif = (uint8_t)word();
    order->stp = (uint8_t)word();
    order->resp = (uint8_t)word();
    order->by_quote = word() & 1;
    order->price = (int64_t)word();
    order->qty = (int64_t)word();
    order->quote = (int64_t)word();
    order->hint = (int64_t)word();
    order->client_length = length_up_to(CLIENT_ID_BYTES);
    noise(order->client_id, order->client_length);
}

static void any_which(struct request_find *find)
{
    find->order_id = word();
    find->has_order_id = word() & 1;
    find->client_length = length_up_to(CLIENT_ID_BYTES);
    noise(find->client_id, find->client_length);
    find->restriction = (uint8_t)(word() % 3);
}

/* A request of the type with every journaled field set, and only those. */
static struct request any_request(uint8_t type)
{
    struct request request;
    memset(&request, 0, sizeof request);
    request.type = type;
    request.tag = word();
    request.user = (uint32_t)word();
    request.symbol = (uint16_t)word();
    switch (type) {
    case REQUEST_NEW:
        any_order(&request.order);
        break;
    case REQUEST_CANCEL:
    case REQUEST_LIST_CANCEL:
        any_which(&request.find);
        break;
    case REQUEST_LIST:
        request.list.kind = (uint8_t)(word() % LIST_KINDS);
        request.list.client_length = length_up_to(CLIENT_ID_BYTES);
        noise(request.list.client_id, request.list.client_length);
        for (uint32_t i = 0; i < list_orders(request.list.kind); i++)
            any_order(&request.list.order[i]);
        break;
    case REQUEST_REPLACE:
        any_order(&request.replace.order);
        any_which(&request.replace.cancel);
        request.replace.mode = (uint8_t)word();
        break;
    case REQUEST_AMEND:
        any_which(&request.amend.find);
        request.amend.find.own_length = length_up_to(CLIENT_ID_BYTES);
        noise(request.amend.find.own_id, request.amend.find.own_length);
        request.amend.qty = (int64_t)word();
        break;
    case REQUEST_DEPOSIT:
        request.deposit.amount = (int64_t)word();
        request.deposit.asset = (uint16_t)word();
        noise(request.deposit.request_id, REQUEST_ID_HASH);
        break;
    case REQUEST_USER_ADD:
        request.user_add.length = length_up_to(NAME_MAX_BYTES);
        noise(request.user_add.name, request.user_add.length);
        break;
    case REQUEST_USER_GROUP:
        request.trade_group = (uint32_t)word();
        break;
    case REQUEST_KEY_ADD:
        noise(request.key.api_key, API_KEY_BYTES);
        request.key.kind = (uint8_t)(word() % KEY_KINDS);
        request.key.permissions = (uint8_t)(word() % 128);
        any_rules(&request.key);
        request.key.credential_bytes = SEALED_BYTES;
        if (request.key.kind != KEY_HMAC)
            request.key.credential_bytes = (uint16_t)(word() % (PUBLIC_KEY_MAX + 1));
        request.key.credential = credential;
        break;
    case REQUEST_KEY_CHANGE:
        noise(request.key.api_key, API_KEY_BYTES);
        request.key.sets = (uint8_t)word();
        request.key.permissions = (uint8_t)word();
        any_rules(&request.key);
        break;
    case REQUEST_KEY_DELETE:
        noise(request.key.api_key, API_KEY_BYTES);
        break;
    case REQUEST_COMMISSION:
        request.commission.set = word() & 1;
        request.commission.maker_ppm = (int32_t)word();
        request.commission.taker_ppm = (int32_t)word();
        break;
    case REQUEST_EXCHANGE_LIMITS:
        request.exchange = (struct exchange_limits){(uint32_t)word(), (uint32_t)word(),
                                                    (uint32_t)word(), (uint32_t)word()};
        break;
    case REQUEST_SYMBOL_UPDATE:
    case REQUEST_SYMBOL_ADD:
        any_symbol(&request.symbol_add);
        break;
    case REQUEST_SYMBOL_STATUS:
        request.symbol_add.status = (uint8_t)word();
        break;
    default:
        break;
    }
    return request;
}

/* In a block of just its size, so that a read behind the end is seen under ASan; it stays until the
 * next one, for what the request borrows. */
static bool decode(uint8_t type, const unsigned char *in, uint32_t bytes, struct request *request)
{
    static unsigned char *copy;
    free(copy);
    copy = malloc(bytes ? bytes : 1);
    cr_assert(copy != NULL);
    memcpy(copy, in, bytes);
    memset(request, 0xA5, sizeof *request);
    return request_decode(type, copy, bytes, request);
}

/* Whether all of it is the same; what a key's request borrows lies elsewhere. */
static bool same(const struct request *x, struct request *y)
{
    const struct request_key *key = &x->key;
    if (x->type == REQUEST_KEY_ADD || x->type == REQUEST_KEY_CHANGE) {
        if ((key->ranges_count &&
             memcmp(key->range, y->key.range, key->ranges_count * sizeof *key->range) != 0) ||
            (key->credential_bytes &&
             memcmp(key->credential, y->key.credential, key->credential_bytes) != 0))
            return false;
        y->key.range = key->range;
        y->key.credential = key->credential;
    }
    return memcmp(x, y, sizeof *x) == 0;
}

/* Goal: replay sees what the shard saw. Method: every journaled type, 2,000 random contents, byte
 * for byte. */
Test(request_wire, every_journaled_request_comes_back_as_it_was)
{
    for (size_t t = 0; t < COUNT(journaled); t++)
        for (int i = 0; i < 2000; i++) {
            struct request request = any_request(journaled[t]), back;
            unsigned char out[RECORD_BYTES_MAX];
            uint32_t bytes = request_encode(&request, out);
            cr_assert(decode(journaled[t], out, bytes, &back), "type %u", journaled[t]);
            cr_assert(same(&request, &back), "type %u", journaled[t]);
        }
}

/* Goal: a peek says what decoding would. Method: random News and Cancels; other types, and every
 * shorter length, are refused without a look behind the end. */
Test(request_wire, a_peek_agrees_with_what_is_decoded)
{
    for (size_t t = 0; t < COUNT(journaled); t++)
        for (int i = 0; i < 500; i++) {
            uint8_t type = journaled[t];
            bool known = type == REQUEST_NEW || type == REQUEST_CANCEL;
            struct request request = any_request(type);
            unsigned char out[RECORD_BYTES_MAX];
            uint32_t bytes = request_encode(&request, out);
            struct request_peek peek;
            cr_assert_eq(request_peek(type, out, bytes, &peek), known);
            if (!known)
                continue;
            bool new = type == REQUEST_NEW;
            uint8_t length = new ? request.order.client_length : request.find.client_length;
            const char *id = new ? request.order.client_id : request.find.client_id;
            cr_assert_eq(peek.user, request.user);
            cr_assert_eq(peek.symbol, request.symbol);
            cr_assert_eq(peek.client_length, length);
            cr_assert_eq(memcmp(peek.client_id, id, length), 0);
            for (uint32_t less = 0; less < bytes; less++) {
                unsigned char *copy = malloc(less ? less : 1);
                cr_assert(copy != NULL);
                memcpy(copy, out, less);
                cr_assert_not(request_peek(type, copy, less, &peek));
                free(copy);
            }
        }
}

/* Goal: the length says how many bytes were written, and each fits a record. Method: paint the
 * buffer; the longest of each type. */
Test(request_wire, every_request_fits_a_record)
{
    for (size_t t = 0; t < COUNT(journaled); t++)
        for (int i = 0; i < 200; i++) {
            struct request request = any_request(journaled[t]);
            unsigned char out[2][RECORD_BYTES_MAX];
            memset(out[0], 0x11, sizeof out[0]);
            memset(out[1], 0xEE, sizeof out[1]);
            uint32_t bytes = request_encode(&request, out[0]);
            cr_assert_eq(request_encode(&request, out[1]), bytes);
            cr_assert_leq(bytes, RECORD_BYTES_MAX - RECORD_HEAD_BYTES);
            cr_assert_eq(memcmp(out[0], out[1], bytes), 0, "type %u: a byte was left out",
                         journaled[t]);
            for (uint32_t b = bytes; b < RECORD_BYTES_MAX; b++)
                cr_assert(out[0][b] == 0x11 && out[1][b] == 0xEE, "type %u: byte %u", journaled[t],
                          b);
        }
}

/* Goal: the journal's format does not drift. Method: the lengths with empty texts, and one request
 * literally. */
Test(request_wire, has_the_bytes_of_version_1)
{
    static const uint32_t lengths[] = {14 + 6 + 32 + 1,
                                       14 + 8 + 1 + 1,
                                       14,
                                       14 + 8 + 2 + 16,
                                       14 + 1,
                                       14 + 1 + 64 + 92,
                                       14 + 64,
                                       14 + 2 + 12 + 96 + 60,
                                       14 + 1,
                                       14 + 39 + 10 + 1,
                                       14 + 10 + 1 + 8,
                                       14 + 64 + 2 + 8 + 1,
                                       14 + 4,
                                       14 + 170,
                                       14,
                                       14 + 16,
                                       14 + 9,
                                       14 + 2 + 2 * (6 + 32 + 1),
                                       14 + 8 + 1 + 1};
    static const uint8_t numbers[] = {0,  1,  2,  3,  4,  5,  6,  7,  8, 9,
                                      10, 11, 12, 20, 21, 22, 23, 24, 25};
    unsigned char out[RECORD_BYTES_MAX];
    for (size_t t = 0; t < COUNT(journaled); t++) {
        struct request request = {.type = journaled[t]};
        if (journaled[t] == REQUEST_KEY_ADD)
            request.key.credential = credential; /* HMAC without rules: as it was from the start */
        cr_assert_eq(journaled[t], numbers[t], "request types are never renumbered");
        cr_assert_eq(request_encode(&request, out), lengths[t], "type %zu", t);
    }
    struct request request = {
        .type = REQUEST_NEW, .tag = 0x0102030405060708, .user = 0x11121314, .symbol = 0x2122};
    request.order.side = 1;
    request.order.type = 2;
    request.order.tif = 3;
    request.order.stp = 4;
    request.order.resp = 5;
    request.order.by_quote = true;
    request.order.price = 0x31;
    request.order.qty = -2;
    request.order.quote = 0x33;
    request.order.hint = 0x34;
    request.order.client_length = 2;
    memcpy(request.order.client_id, "ab", 2);
    static const unsigned char want[] = {
        8, 7,    6, 5, 4, 3, 2,    1, 0x14, 0x13, 0x12, 0x11, 0x22, 0x21, 1,    2,    3,    4,    5,
        1, 0x31, 0, 0, 0, 0, 0,    0, 0,    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x33, 0,
        0, 0,    0, 0, 0, 0, 0x34, 0, 0,    0,    0,    0,    0,    0,    2,    'a',  'b',
    };
    cr_assert_eq(request_encode(&request, out), sizeof want);
    cr_assert_eq(memcmp(out, want, sizeof want), 0);

    request.order.stop = 0x41; /* what only some orders have is behind them, and the type says so */
    request.order.trail_bips = 0x42;
    request.order.strategy =
        (struct strategy){.id = 0x51, .type = STRATEGY_TYPE_MIN, .has_id = true};
    static const unsigned char terms[] = {0x41, 0, 0, 0, 0, 0, 0,    0, 0, 0,
                                          0,    0, 0, 0, 0, 0, 0x42, 0, 0, 0};
    static const unsigned char strategy[] = {1, 0x51, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x42, 0x0F, 0};
    uint32_t at = sizeof want + sizeof terms;
    cr_assert_eq(request_encode(&request, out), at + sizeof strategy);
    cr_assert_eq(out[15], 2 | 0x80 | 0x40);
    cr_assert_eq(memcmp(out + sizeof want, terms, sizeof terms), 0);
    cr_assert_eq(memcmp(out + at, strategy, sizeof strategy), 0);
    request.order.stop = request.order.trail_bips = 0;
    cr_assert_eq(request_encode(&request, out), sizeof want + sizeof strategy);
    cr_assert_eq(out[15], 2 | 0x40);
    cr_assert_eq(memcmp(out + sizeof want, strategy, sizeof strategy), 0);
}

/* Goal: there is one way to write a strategy, and what no client can send is none. Method: the
 * bytes of one, spoiled in each way. */
Test(request_wire, a_strategy_that_cannot_be_is_refused)
{
    enum { AT = 14 + 6 + 32 + 1 };
    static const struct {
        struct strategy strategy;
        bool taken;
    } rows[] = {
        {{.id = 0, .has_id = true}, true},
        {{.id = INT64_MAX, .has_id = true}, true},
        {{.type = STRATEGY_TYPE_MIN}, true},
        {{.id = 7, .type = INT32_MAX, .has_id = true}, true},
        {{.id = 7}, false},
        {{.id = -1, .has_id = true}, false},
        {{.type = STRATEGY_TYPE_MIN - 1}, false},
        {{.type = -1}, false},
        {{0}, false},
    };
    unsigned char out[RECORD_BYTES_MAX];
    struct request request = {.type = REQUEST_NEW}, back;
    request.order.strategy.type = STRATEGY_TYPE_MIN;
    uint32_t bytes = request_encode(&request, out);
    for (size_t i = 0; i < COUNT(rows); i++) {
        out[AT] = rows[i].strategy.has_id;
        put_u64(out + AT + 1, (uint64_t)rows[i].strategy.id);
        put_u32(out + AT + 9, (uint32_t)rows[i].strategy.type);
        cr_assert_eq(decode(REQUEST_NEW, out, bytes, &back), rows[i].taken, "row %zu", i);
        if (rows[i].taken)
            cr_assert(strategies_agree(&back.order.strategy, &rows[i].strategy), "row %zu", i);
    }
}

/* Goal: a key of a journal from before there were other kinds is read. Method: its bytes. */
Test(request_wire, a_key_from_before_there_were_kinds_is_an_hmac_key)
{
    unsigned char bytes[14 + 1 + API_KEY_BYTES + SEALED_BYTES];
    struct request back;
    memset(bytes, 'k', sizeof bytes);
    bytes[14] = PERMISSION_TRADE;
    memset(bytes + 14 + 1 + API_KEY_BYTES, 's', SEALED_BYTES);
    cr_assert(decode(REQUEST_KEY_ADD, bytes, sizeof bytes, &back));
    cr_assert_eq(back.key.kind, KEY_HMAC);
    cr_assert_eq(back.key.permissions, PERMISSION_TRADE);
    cr_assert_eq(back.key.api_key[0], 'k');
    cr_assert_eq(back.key.credential_bytes, SEALED_BYTES);
    cr_assert_eq(back.key.credential[0], 's');
    cr_assert_eq(back.key.expires_us, 0);
    cr_assert_eq(back.key.ranges_count, 0);
    cr_assert(key_credential_sound(&back.key) && key_rules_sound(&back.key));
}

/* Goal: what only concerns ingress is not journaled. Method: set it; it comes back as 0. */
Test(request_wire, what_concerns_ingress_alone_is_left_out)
{
    struct request request = any_request(REQUEST_SYMBOL_ADD), back;
    unsigned char out[2][RECORD_BYTES_MAX];
    uint32_t bytes = request_encode(&request, out[0]);
    request.timestamp_us = 77;
    request.recv_window_us = 88;
    request.symbol_add.symbol = request.symbol_add.base = request.symbol_add.quote = 99;
    cr_assert_eq(request_encode(&request, out[1]), bytes);
    cr_assert_eq(memcmp(out[0], out[1], bytes), 0);
    cr_assert(decode(REQUEST_SYMBOL_ADD, out[1], bytes, &back));
    cr_assert_eq(back.timestamp_us, 0);
    cr_assert_eq(back.recv_window_us, 0);
    cr_assert_eq(back.symbol_add.symbol, 0);
}

/* Goal: a cut request is no request, nor is one with something behind it. Method: every length. */
Test(request_wire, every_other_length_is_refused)
{
    for (size_t t = 0; t < COUNT(journaled); t++)
        for (int i = 0; i < 20; i++) {
            struct request request = any_request(journaled[t]), back;
            unsigned char out[RECORD_BYTES_MAX + 8] = {0};
            uint32_t bytes = request_encode(&request, out);
            uint32_t older = 0; /* without the limits that it has */
            if ((journaled[t] == REQUEST_SYMBOL_ADD || journaled[t] == REQUEST_SYMBOL_UPDATE) &&
                !symbol_limits_none(&request.symbol_add.limits))
                older = bytes - SYMBOL_LIMITS_BYTES;
            for (uint32_t length = 0; length <= bytes + 8; length++)
                cr_assert_eq(decode(journaled[t], out, length, &back),
                             length == bytes || (older && length == older),
                             "type %u, %u of %u bytes", journaled[t], length, bytes);
        }
}

/* Goal: a type that is not journaled is refused. Method: all of them, with bytes that others take.
 */
Test(request_wire, an_unknown_type_is_refused)
{
    unsigned char out[RECORD_BYTES_MAX] = {0};
    for (uint32_t type = COUNT(journaled); type <= UINT8_MAX; type++)
        for (uint32_t bytes = 0; bytes < 64 && !memchr(journaled, (int)type, COUNT(journaled));
             bytes++) {
            struct request back;
            cr_assert(!decode((uint8_t)type, out, bytes, &back), "type %u", type);
        }
}

/* Goal: a text longer than its field is refused, before it is copied. Method: each length byte from
 * the maximum on, with as many bytes behind it. */
Test(request_wire, a_text_longer_than_its_field_is_refused)
{
    static const struct {
        uint8_t type;
        uint32_t at, max; /* where the length byte is */
    } rows[] = {
        {REQUEST_NEW, 14 + 6 + 32, CLIENT_ID_BYTES},
        {REQUEST_CANCEL, 14 + 8 + 1, CLIENT_ID_BYTES},
        {REQUEST_USER_ADD, 14, NAME_MAX_BYTES},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (uint32_t length = 0; length <= UINT8_MAX; length++) {
            unsigned char in[RECORD_BYTES_MAX] = {0};
            struct request back;
            in[rows[i].at] = (unsigned char)length;
            cr_assert_eq(decode(rows[i].type, in, rows[i].at + 1 + length, &back),
                         length <= rows[i].max, "type %u, length %u", rows[i].type, length);
        }
}

/* Goal: no bytes make the decoder misbehave, and what it takes it writes back the same. Method:
 * noise of about the right length. */
Test(request_wire, noise_is_refused_or_means_what_it_says)
{
    uint32_t taken = 0;
    for (int i = 0; i < 100000; i++) {
        unsigned char in[RECORD_BYTES_MAX], out[RECORD_BYTES_MAX];
        uint32_t which = (uint32_t)(word() % (COUNT(journaled) + 1));
        uint8_t type = which < COUNT(journaled) ? journaled[which] : 13;
        uint32_t bytes = (uint32_t)(word() % 200);
        struct request back;
        if (which < COUNT(journaled) && word() % 2) {
            struct request request = any_request(type);
            bytes = request_encode(&request, in);
            in[word() % bytes] = (unsigned char)word();
        } else {
            noise(in, bytes);
        }
        if (!decode(type, in, bytes, &back))
            continue;
        taken++;
        cr_assert_eq(request_encode(&back, out), bytes);
        cr_assert_eq(memcmp(in, out, bytes), 0, "type %u", type);
    }
    cr_assert_gt(taken, 10000);
}

/* Goal: a read is never journaled. Method: encode one; the assert fires, in a child process. */
Test(request_wire, journaling_a_read_is_a_bug, .signal = SIGABRT)
{
    unsigned char out[RECORD_BYTES_MAX];
    struct request request = {.type = REQUEST_ACCOUNT};
    request_encode(&request, out);
}

/* Goal: so is a text that is longer than its field. Method: as above. */
Test(request_wire, encoding_a_text_longer_than_its_field_is_a_bug, .signal = SIGABRT)
{
    unsigned char out[RECORD_BYTES_MAX];
    struct request request = {.type = REQUEST_NEW};
    request.order.client_length = CLIENT_ID_BYTES + 1;
    request_encode(&request, out);
}

/* ---- link messages ---- */

static const uint8_t link_types[] = {
    MSG_PLACE,         MSG_CANCEL,          MSG_USER_ADD,        MSG_SYMBOL_GRID, MSG_SYMBOL_RANGE,
    MSG_SYMBOL_MARKET, MSG_SYMBOL_FEES,     MSG_SYMBOL_STATUS,   MSG_ACCEPTED,    MSG_FILL,
    MSG_DONE,          MSG_CANCEL_REJECTED, MSG_CONFIG_ACK,      MSG_AMEND,       MSG_AMENDED,
    MSG_SYMBOL_LIMITS, MSG_SYMBOL_DELIST,   MSG_EXCHANGE_LIMITS, MSG_DELISTED,
};

/* Goal: a link message comes back as it was; `to` is the record's shard. Method: noise in every
 * field, byte for byte. */
Test(msg_wire, every_link_message_comes_back_as_it_was)
{
    for (size_t t = 0; t < COUNT(link_types); t++)
        for (int i = 0; i < 500; i++) {
            struct msg msg, back;
            unsigned char out[MSG_ENCODED_BYTES + 2];
            noise(&msg, sizeof msg);
            msg.type = link_types[t];
            memset(out, 0xA5, sizeof out);
            msg_encode(&msg, out);
            cr_assert(out[MSG_ENCODED_BYTES] == 0xA5 && out[MSG_ENCODED_BYTES + 1] == 0xA5);
            memset(&back, 0x5A, sizeof back);
            msg_decode(out, msg.to, &back);
            cr_assert_eq(memcmp(&back, &msg, sizeof msg), 0, "type %u", msg.type);
        }
}

/* Goal: the journal's format does not drift. Method: one message literally. */
Test(msg_wire, has_the_bytes_of_version_1)
{
    struct msg msg = {.type = MSG_DONE,
                      .flags = 4,
                      .from = 0x0102,
                      .to = 9,
                      .symbol = 0x0304,
                      .seq = 0x1112131415161718,
                      .ts_us = -2};
    unsigned char out[MSG_ENCODED_BYTES];
    msg.done.ref = 0x2122232425262728;
    msg.done.order_id = 1;
    msg.done.left_lots = -1;
    msg.done.tag = 2;
    msg.done.reason = 0x3132;
    msg.done.reject = 0x4142;
    static const unsigned char want[] = {
        34,   4,    2,    1,    4,    3,    0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12,
        0x11, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x28, 0x27, 0x26, 0x25,
        0x24, 0x23, 0x22, 0x21, 1,    0,    0,    0,    0,    0,    0,    0,    0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2,    0,    0,    0,    0,    0,
        0,    0,    0x32, 0x31, 0x42, 0x41, 0,    0,    0,    0,
    };
    _Static_assert(sizeof want == MSG_ENCODED_BYTES, "all of it");
    msg_encode(&msg, out);
    cr_assert_eq(memcmp(out, want, sizeof want), 0);
}

/* Goal: a message's class follows from its type (C1), and types are never renumbered. Method:
 * table. */
Test(msg_wire, the_class_follows_from_the_type)
{
    static const uint8_t numbers[] = {16, 17, 18, 19, 20, 21, 22, 23, 32, 33,
                                      34, 35, 36, 26, 38, 8,  11, 12, 47};
    for (size_t t = 0; t < COUNT(link_types); t++) {
        struct msg msg = {.type = link_types[t]};
        cr_assert_eq(link_types[t], numbers[t]);
        cr_assert_eq(msg_class(&msg), numbers[t] < 32 ? CLASS_ORDER : CLASS_REPORT);
    }
}

/* Goal: a message is a lane's message with a name for its fields. Method: the two headers overlap.
 */
Test(msg_wire, has_the_header_of_every_message)
{
    struct message plain;
    struct msg msg = {.type = 1, .flags = 2, .from = 3, .to = 4, .symbol = 5, .seq = 6, .ts_us = 7};
    memcpy(&plain, &msg, sizeof plain);
    cr_assert_eq(plain.type, 1);
    cr_assert_eq(plain.flags, 2);
    cr_assert_eq(plain.from, 3);
    cr_assert_eq(plain.to, 4);
    cr_assert_eq(plain.part, 5);
    cr_assert_eq(plain.seq, 6);
    cr_assert_eq(plain.ts_us, 7);
}

/* Goal: the three numbers of a prevented match do not run into each other. Method: each at its
 * largest beside small ones. */
Test(msg_wire, a_prevented_match_keeps_its_numbers)
{
    const uint64_t most = (UINT64_C(1) << PREVENTED_ID_BITS) - 1;
    const struct prevented_ids table[] = {{1, 2, 3},    {most, 0, 0},       {0, most, 0},
                                          {0, 0, most}, {most, most, most}, {most, 1, 1 << 22}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct msg msg = {.type = MSG_PREVENTED};
        msg_set_prevented_ids(&msg, table[i]);
        const struct prevented_ids got = msg_prevented_ids(&msg);
        cr_expect_eq(got.order_id, table[i].order_id, "row %zu", i);
        cr_expect_eq(got.counter_order_id, table[i].counter_order_id, "row %zu", i);
        cr_expect_eq(got.match_id, table[i].match_id, "row %zu", i);
    }
}
