#include "actors/shard.h"

#include <criterion/criterion.h>
#include <string.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "actors/gateway.h"
#include "actors/market_shard.h"

enum { TICK = 1000000, STEP = 1000 };

static struct exchange ex;
static struct arena arena;
static struct gateway gateway;
static uint32_t answers;

static void on_market(void *self, const struct msg *msg)
{
    (void)self, (void)msg;
}

static void on_reply(void *self, void *context, const struct msg *msg)
{
    (void)self, (void)context;
    cr_assert_eq(msg->reply.reject, REJECT_NONE);
    answers++;
}

/* One turn of the core; its chunk is handed to a journal that is not there. Returns its number. */
static uint64_t turn(void)
{
    struct core *core = ex.rt.core[0];
    core_turn(core);
    atomic_store(&core->chunks_taken, core->published);
    return core->published;
}

static void make_durable(uint64_t chunk)
{
    uint64_t durable[CORES_MAX] = {chunk};
    const struct gateway_sink sink = {.market = on_market, .reply = on_reply};
    runtime_set_durable(&ex.rt, durable);
    core_begin(ex.rt.core[0]);
    gateway_poll(&gateway, &sink);
}

/* Sends the request and lets everything it causes become durable. */
static void finish(struct request *request)
{
    uint32_t before = answers;
    cr_assert_eq(gateway_send(&gateway, request, NULL, NULL), GATEWAY_SENT);
    while (answers == before || !exchange_quiet(&ex))
        make_durable(turn());
}

static void order(const char *id)
{
    struct request *request = gateway_request(&gateway);
    request->type = REQUEST_NEW;
    request->user = 1;
    request->order.side = SIDE_BUY;
    request->order.type = TYPE_LIMIT;
    request->order.price = TICK;
    request->order.qty = STEP;
    request->order.client_length = (uint8_t)strlen(id);
    memcpy(request->order.client_id, id, strlen(id));
    cr_assert_eq(gateway_send(&gateway, request, NULL, NULL), GATEWAY_SENT);
}

/* One core, a symbol, a user with money. */
static void build(void)
{
    struct exchange_config config;
    exchange_config_default(&config, 1);
    config.account_shards = 1;
    config.market_shards = 1;
    config.users_max = 16;
    config.symbols_max = 2;
    config.orders_max = 1024;
    exchange_init(&ex, env_real(), &config);
    exchange_recovered(&ex, 1);
    arena_init(&arena, gateway_bytes(&config));
    gateway_init(&gateway, &ex, &arena, 0);
    struct request *request = gateway_request(&gateway);
    request->type = REQUEST_SYMBOL_ADD;
    request->symbol_add = (struct symbol_config){
        .name = "S", .base_name = "B", .quote_name = "Q", .tick_atoms = TICK, .step_atoms = STEP};
    finish(request);
    request = gateway_request(&gateway);
    request->type = REQUEST_USER_ADD;
    request->user_add.length = 1;
    request->user_add.name[0] = 'u';
    finish(request);
    request = gateway_request(&gateway);
    request->type = REQUEST_DEPOSIT;
    request->user = 1;
    request->deposit.asset = 1;
    request->deposit.amount = MONEY_ATOMS_PER_UNIT;
    finish(request);
}

static void tear_down(void)
{
    arena_fini(&arena);
    exchange_fini(&ex);
}

/* Goal: an outbox keeps nothing that was durably taken, so that a sender does not refuse orders for
 * want of room it has. Method: orders in many chunks, more than a link has marks for; whenever a
 * chunk becomes durable, only the orders of later ones are still on the link. */
Test(shard, outbox_keeps_only_what_is_not_durably_taken)
{
    uint64_t chunk[LINK_MARKS];
    char id[] = "a";
    build();
    struct shard *account = &ex.account[0]->shard;
    uint16_t market = exchange_market_id(&ex, 0);
    make_durable(turn());
    cr_assert_eq(shard_link_depth(account, market), 0);
    for (uint32_t i = 0; i < LINK_MARKS; i++, id[0]++) {
        order(id);
        chunk[i] = turn();
        cr_assert_eq(shard_link_depth(account, market), i + 1);
    }
    for (uint32_t i = 0; i < LINK_MARKS; i++) {
        make_durable(chunk[i]);
        cr_assert_eq(shard_link_depth(account, market), LINK_MARKS - 1 - i);
    }
    tear_down();
}

/* Goal: with more chunks outstanding than marks nothing is trimmed too early, and in the end all
 * is. Method: the same with twice as many. */
Test(shard, outbox_trims_never_early_with_all_marks_taken)
{
    enum { CHUNKS = 2 * LINK_MARKS };
    uint64_t chunk[CHUNKS];
    char id[] = "A";
    build();
    struct shard *account = &ex.account[0]->shard;
    uint16_t market = exchange_market_id(&ex, 0);
    for (uint32_t i = 0; i < CHUNKS; i++, id[0]++) {
        order(id);
        chunk[i] = turn();
    }
    for (uint32_t i = 0; i < CHUNKS; i++) {
        make_durable(chunk[i]);
        cr_assert_geq(shard_link_depth(account, market), CHUNKS - 1 - i);
    }
    cr_assert_eq(shard_link_depth(account, market), 0);
    tear_down();
}
