/* test_snapshot.c - the state of an exchange through a snapshot.
 *
 * Method of most: an exchange of one core trades at random, and each of its records is kept. A twin
 * replays them; behind every record its state is written and read into a fresh exchange, which must
 * be the same, and go on to be.
 */
#include "actors/exchange.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/account_shard.h"
#include "actors/book/book_impl.h"
#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/gateway.h"
#include "actors/market_shard.h"
#include "runtime/hash.h"

enum {
    SYMBOLS = 3,
    USERS = 5,
    RECORDS_MAX = 20000,
    WIRE_BYTES = 8 << 20,
    REQUESTS = 700,
    WINDOW = 64,
};

struct kept { /* one record of the journal */
    struct record_head head;
    int64_t ts_us;
    unsigned char payload[RECORD_BYTES_MAX];
};

static struct {
    struct exchange ex; /* the living one */
    struct exchange_config config;
    struct arena arena;
    struct gateway gateway;
    struct kept *records; /* [RECORDS_MAX] */
    uint32_t count, waiting;
    int64_t now_us;
    uint64_t rng;
    struct exchange twin, loaded;
    unsigned char *wire; /* [WIRE_BYTES] */
} t;

static int64_t test_now_us(void *self)
{
    (void)self;
    return t.now_us;
}

static const struct env_ops env_ops = {.now_us = test_now_us};

static uint32_t below(uint32_t n)
{
    return (uint32_t)(hash_mix(++t.rng) % n);
}

/* ---- the living exchange ---- */

static void keep_chunk(struct core *core)
{
    uint64_t number = atomic_load(&core->published);
    const struct chunk *chunk = &core->chunks[number % t.config.limits.chunk_slots];
    const unsigned char *at = chunk->data;
    for (uint32_t i = 0; i < chunk->records; i++) {
        cr_assert_lt(t.count, RECORDS_MAX);
        struct kept *kept = &t.records[t.count++];
        record_head_decode(at, &kept->head);
        memcpy(kept->payload, at + RECORD_HEAD_BYTES, kept->head.bytes);
        kept->ts_us = chunk->ts_us;
        at += RECORD_HEAD_BYTES + kept->head.bytes;
    }
    atomic_store(&core->chunks_taken, number); /* written, and durable at once */
    atomic_store(&t.ex.rt.durable[0], number);
}

static void on_market(void *self, const struct msg *msg)
{
    (void)self;
    (void)msg;
}

static void on_reply(void *self, void *context, const struct msg *msg)
{
    (void)self;
    (void)context;
    t.waiting -= (msg->flags & MSG_LAST) != 0;
}

static void step(void)
{
    const struct gateway_sink sink = {.market = on_market, .reply = on_reply};
    struct core *core = t.ex.rt.core[0];
    t.now_us += below(2000);
    core_begin(core);
    core_take(core, 1 + below(3));
    if (core_publish(core))
        keep_chunk(core);
    core_release(core);
    gateway_poll(&t.gateway, &sink);
}

static void send(struct request *request)
{
    static int somebody;
    if (gateway_send(&t.gateway, request, &somebody, NULL) == GATEWAY_SENT)
        t.waiting++;
}

static void run_to_rest(void)
{
    for (int i = 0; t.waiting || !exchange_quiet(&t.ex); i++) {
        cr_assert_lt(i, 1000000, "it does not come to rest");
        step();
    }
}

static void prepare(void)
{
    for (uint32_t s = 0; s < SYMBOLS; s++) {
        struct request *request = gateway_request(&t.gateway);
        request->type = REQUEST_SYMBOL_ADD;
        request->symbol_add = (struct symbol_config){.tick_atoms = 1000000,
                                                     .step_atoms = 1000,
                                                     .min_qty = 1000,
                                                     .max_orders = 200,
                                                     .maker_ppm = 1000,
                                                     .taker_ppm = 1000};
        snprintf(request->symbol_add.name, SYMBOL_NAME_MAX, "S%u", s);
        strcpy(request->symbol_add.base_name, "BASE");
        strcpy(request->symbol_add.quote_name, "QUOTE");
        send(request);
    }
    for (uint32_t u = 1; u <= USERS; u++) {
        struct request *request = gateway_request(&t.gateway);
        request->type = REQUEST_USER_ADD;
        request->user_add.length =
            (uint8_t)snprintf(request->user_add.name, NAME_MAX_BYTES, "user%u", u);
        send(request);
    }
    run_to_rest();
    for (uint32_t i = 0; i < 2 * USERS; i++) {
        struct request *request = gateway_request(&t.gateway);
        request->type = REQUEST_DEPOSIT;
        request->user = 1 + i / 2;
        request->deposit.asset = (uint16_t)(i & 1);
        request->deposit.amount = 1000 * MONEY_ATOMS_PER_UNIT;
        request->deposit.request_id[0] = (uint8_t)(1 + i);
        send(request);
    }
    run_to_rest();
}

static void client_id(struct request *request, char *id, uint8_t *length, uint32_t number)
{
    (void)request;
    *length = (uint8_t)snprintf(id, CLIENT_ID_BYTES, "c%u", number);
}

static void draw(uint32_t number)
{
    struct request *request = gateway_request(&t.gateway);
    uint32_t roll = below(100);
    if (!request)
        return;
    request->user = 1 + below(USERS);
    request->symbol = (uint16_t)below(SYMBOLS);
    if (roll < 78) {
        request->type = REQUEST_NEW;
        request->order.side = (uint8_t)below(2);
        request->order.qty = (1 + below(5)) * 1000;
        /* now and then far from the rest: the window moves, far levels come into being */
        request->order.price = (95 + below(10) + (below(4) ? 0 : below(300))) * INT64_C(1000000);
        if (below(4) == 0)
            request->order.tif = TIF_IOC;
        client_id(request, request->order.client_id, &request->order.client_length, number);
    } else if (roll < 93) {
        request->type = REQUEST_CANCEL;
        client_id(request, request->find.client_id, &request->find.client_length,
                  number - 1 - below(30) % number);
    } else if (roll < 97) {
        request->type = REQUEST_CANCEL_ALL;
    } else {
        request->type = REQUEST_DEPOSIT;
        request->deposit.asset = (uint16_t)below(2);
        request->deposit.amount = MONEY_ATOMS_PER_UNIT;
        request->deposit.request_id[1] = (uint8_t)(number % 200);
    }
    send(request);
}

static void trade(void)
{
    for (uint32_t number = 1; number <= REQUESTS; number++) {
        draw(number);
        for (uint32_t n = below(3); n; n--)
            step();
    }
}

static void setup(void)
{
    struct exchange_config *config = &t.config;
    exchange_config_default(config, 1);
    config->account_shards = 3;
    config->market_shards = 2;
    config->users_max = 16;
    config->symbols_max = 4;
    config->orders_max = 2048;
    config->done_orders = 100;
    config->slice_fills = 2;
    config->window_ticks = WINDOW;
    config->request_blocks = config->reply_blocks = 256;
    config->account_outbox = config->market_outbox = config->control_outbox = 64;
    t.now_us = 1700000000000000;
    t.records = calloc(RECORDS_MAX, sizeof *t.records);
    t.wire = malloc(WIRE_BYTES);
    exchange_init(&t.ex, (struct env){.ops = &env_ops}, config);
    arena_init(&t.arena, gateway_bytes(config));
    gateway_init(&t.gateway, &t.ex, &t.arena, 0);
    cr_assert_null(exchange_recovered(&t.ex, 1));
    exchange_init(&t.twin, t.ex.rt.env, config);
    prepare();
    trade();
}

static void teardown(void)
{
    exchange_fini(&t.twin);
    exchange_fini(&t.ex);
    arena_fini(&t.arena);
    free(t.records);
    free(t.wire);
}

TestSuite(snapshot, .init = setup, .fini = teardown);

/* ---- twins ---- */

static void apply(struct exchange *ex, uint32_t record)
{
    const struct kept *kept = &t.records[record];
    enum recover result = exchange_replay(ex, &kept->head, kept->payload, kept->ts_us);
    cr_assert_eq(result, RECOVER_OK, "record %u: %s", record, recover_text(result));
}

static uint32_t save(struct exchange *ex)
{
    struct wire wire = {.out = t.wire, .end = WIRE_BYTES, .ok = true};
    exchange_wire(&wire, ex);
    cr_assert(wire.ok);
    cr_assert_lt(wire.at, WIRE_BYTES);
    return wire.at;
}

/* Reads into t.loaded, built anew; whether the walk accepts it. */
static bool load(const unsigned char *in, uint32_t bytes, uint32_t *used)
{
    struct wire wire = {.in = in, .end = bytes, .ok = true};
    exchange_init(&t.loaded, t.ex.rt.env, &t.config);
    exchange_wire(&wire, &t.loaded);
    *used = wire.at;
    return wire.ok;
}

/* Where windows stand is in no hash, but decides when the pool of far levels is full. */
static void check_windows(const struct exchange *a, const struct exchange *b, uint32_t record)
{
    for (uint16_t i = 0; i < a->config.market_shards; i++) {
        cr_assert_eq(a->market[i]->pool->far_count, b->market[i]->pool->far_count, "record %u",
                     record);
        for (uint16_t s = 0; s < a->config.symbols_max; s++) {
            const struct book *one = market_shard_book(a->market[i], s);
            const struct book *other = market_shard_book(b->market[i], s);
            cr_assert_eq(!one, !other);
            cr_assert(!one || (one->base == other->base && one->credit == other->credit),
                      "symbol %u, record %u: the window stands elsewhere", s, record);
        }
    }
}

static void check_same(struct exchange *a, struct exchange *b, uint32_t record)
{
    for (uint16_t id = 0; id < a->shards; id++) {
        cr_assert_eq(exchange_shard_seq(a, id), exchange_shard_seq(b, id), "shard %u, record %u",
                     id, record);
        cr_assert_eq(exchange_shard_hash(a, id), exchange_shard_hash(b, id),
                     "shard %u differs after record %u", id, record);
    }
    cr_assert_eq(exchange_state_hash(a), exchange_state_hash(b), "record %u", record);
    check_windows(a, b, record);
}

/* What the twin's state shows that a snapshot must not lose. */
static struct seen {
    bool open_op, todo, half_configured, in_flight, window_moved, far;
} seen;

static void look(const struct exchange *ex)
{
    for (uint16_t i = 0; i < ex->config.account_shards; i++) {
        seen.open_op |= ex->account[i]->ops_open > 0;
        seen.todo |= ex->account[i]->todo_head != 0;
    }
    for (uint16_t i = 0; i < ex->config.market_shards; i++) {
        const struct market_shard *market = ex->market[i];
        seen.far |= market->pool->far_count > 0;
        seen.half_configured |= !market->listed_count && market->config.seen;
        for (uint16_t l = 0; l < market->listed_count; l++)
            seen.window_moved |= market->symbols[market->listed[l]].book->base > 0;
    }
    seen.in_flight |= !exchange_quiet(ex);
}

/* Goal: a state that was saved and loaded is the same, shard by shard, and does the same with all
 * that follows. Method: behind each record; the loaded one replays the next 40 beside the twin. The
 * states between hold open CancelAlls, messages on their way, half-made symbols and far levels. */
Test(snapshot, a_loaded_state_is_the_same_and_behaves_the_same)
{
    run_to_rest();
    bool loaded = false;
    for (uint32_t i = 0; i < t.count; i++) {
        apply(&t.twin, i);
        look(&t.twin);
        if (loaded) {
            apply(&t.loaded, i);
            check_same(&t.twin, &t.loaded, i);
        }
        if (i % 40 && i + 1 < t.count) {
            uint32_t used, bytes = save(&t.twin); /* each state can be loaded... */
            struct exchange other = t.loaded;
            cr_assert(load(t.wire, bytes, &used), "record %u", i);
            cr_assert_eq(used, bytes, "record %u: the walk reads less than it wrote", i);
            check_same(&t.twin, &t.loaded, i);
            exchange_fini(&t.loaded);
            t.loaded = other;
            continue;
        }
        if (loaded)
            exchange_fini(&t.loaded);
        uint32_t used, bytes = save(&t.twin); /* ... and from some of them life goes on */
        loaded = load(t.wire, bytes, &used);
        cr_assert(loaded && used == bytes);
        check_same(&t.twin, &t.loaded, i);
    }
    check_same(&t.ex, &t.twin, t.count);
    cr_assert_null(exchange_recovered(&t.loaded, 2));
    exchange_verify(&t.loaded);
    exchange_fini(&t.loaded);
    cr_assert_gt(t.count, 2000, "%u records", t.count);
    cr_assert(seen.open_op && seen.todo, "a CancelAll was open");
    cr_assert(seen.half_configured && seen.in_flight, "messages were on their way");
    cr_assert(seen.window_moved && seen.far, "a window had moved, and levels were outside");
}

/* Goal: saving is a function of the state alone. Method: what a loaded exchange saves is, byte for
 * byte, what it was loaded from. */
Test(snapshot, a_loaded_state_is_saved_as_the_same_bytes)
{
    for (uint32_t i = 0; i < t.count; i++)
        apply(&t.twin, i);
    uint32_t used, bytes = save(&t.twin);
    unsigned char *before = malloc(bytes);
    memcpy(before, t.wire, bytes);
    cr_assert(load(before, bytes, &used));
    cr_assert_eq(save(&t.loaded), bytes);
    cr_assert_eq(memcmp(before, t.wire, bytes), 0);
    exchange_fini(&t.loaded);
    free(before);
}

/* Goal: no bytes can harm who reads them. Method: a saved state, in the middle of life, with some
 * bytes changed at random or its end cut off, 3,000 times: refused or not, never a crash. */
Test(snapshot, no_walk_over_other_bytes_crashes)
{
    uint32_t used, refused = 0;
    for (uint32_t i = 0; i < t.count - 200; i++)
        apply(&t.twin, i);
    uint32_t bytes = save(&t.twin);
    unsigned char *copy = malloc(bytes);
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t length = below(8) ? bytes : below(bytes);
        memcpy(copy, t.wire, bytes);
        for (uint32_t n = 1 + below(3); n; n--) {
            uint32_t at = below(4) ? below(bytes) : below(4096);
            copy[at] = below(2) ? (unsigned char)below(256) : (unsigned char)(below(2) * 255);
        }
        bool ok = load(copy, length, &used);
        cr_assert(!ok || length == bytes || used <= length, "accepted more than there is");
        refused += !ok;
        exchange_fini(&t.loaded);
    }
    cr_assert_gt(refused, 300, "%u refused", refused);
    free(copy);
}
