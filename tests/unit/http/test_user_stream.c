/* Who watches hears of everything behind the answer to the subscription, and of nothing before it.
 * Method: an exchange on one core, turned by hand; calls whose transport is this file's. */
#include "http/user_stream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "http/ingress.h"

enum { USER = 1, OTHER, USERS_MAX = 4 };

struct client { /* a watch, and all that it was told, in order, as text */
    struct user_watch watch;
    char log[4096];
    int removes; /* event() removes this many watches: its own, then `also` */
    struct client *also;
};

static struct exchange ex;
static struct arena arena;
static struct ingress_shared shared;
static struct ingress ingress;
static int64_t clock_us;
static struct client one, two, three;

static int64_t test_now(void *self)
{
    (void)self;
    return clock_us += 10;
}

static void test_random(void *self, void *out, size_t bytes)
{
    (void)self;
    memset(out, 7, bytes);
}

static uint64_t durable_lsn(void)
{
    return UINT64_MAX;
}

static void turn(void)
{
    struct core *core = ex.rt.core[0];
    uint64_t durable[CORES_MAX] = {0};
    core_begin(core);
    core_release(core);
    core_take(core, 64);
    core_publish(core);
    core_release(core);
    durable[0] = atomic_load(&core->published);
    atomic_store(&core->chunks_taken, durable[0]);
    runtime_set_durable(&ex.rt, durable);
}

static void settle(void)
{
    for (int i = 0; i < 8; i++) {
        turn();
        ingress_work(&ingress);
    }
}

/* ---- clients ---- */

/* The name of the event, or the answer's status: "balanceUpdate outboundAccountPosition ". */
static void note(struct client *client, const char *text, size_t length)
{
    size_t at = strlen(client->log);
    snprintf(client->log + at, sizeof client->log - at, "%.*s ", (int)length, text);
}

static void on_event(struct user_watch *watch, const char *json, size_t length)
{
    struct client *client = (struct client *)watch;
    const char *name = json + strlen("{\"e\":\"");
    cr_assert(length > 40 && json[length - 1] == '}');
    note(client, name, (size_t)(strchr(name, '"') - name));
    if (client->removes-- > 0)
        user_watch_remove(&ingress, watch);
    if (client->also)
        user_watch_remove(&ingress, &client->also->watch);
}

static void on_answer(void *transport, int status, const char *body, size_t length)
{
    char text[16];
    (void)body;
    (void)length;
    note(transport, text, (size_t)snprintf(text, sizeof text, "%d", status));
}

static void subscribed(struct call *call)
{
    call_respond(call, 200, "{}", 2);
}

static struct call *call_of(struct client *client)
{
    struct call *call = call_new(&ingress);
    call->respond = on_answer;
    call->transport = client;
    return call;
}

static struct call *subscribe(struct client *client, uint32_t user)
{
    struct call *call = call_of(client);
    client->watch.event = on_event;
    user_watch_begin(call, &(struct request){.user = user}, &client->watch, false, subscribed);
    return call;
}

static void ignore(struct call *call, const struct msg *msg)
{
    call_respond(call, msg->reply.reject == REJECT_NONE ? 200 : 400, "", 0);
}

/* Asks for a deposit; settle() has it done. */
static void give(uint32_t user, struct client *client)
{
    static uint64_t ids;
    struct request request = {.type = REQUEST_DEPOSIT, .user = user};
    request.deposit.amount = 100;
    memcpy(request.deposit.request_id, &(uint64_t){++ids}, sizeof ids);
    call_send(call_of(client), &request, ignore);
}

static void setup(void)
{
    static const struct env_ops env = {.now_us = test_now, .random = test_random};
    struct exchange_config config;
    struct client admin = {0};
    clock_us = 1700000000000000;
    exchange_config_default(&config, 1);
    config.account_shards = config.market_shards = 1;
    config.users_max = USERS_MAX;
    config.symbols_max = 4;
    config.orders_max = 64;
    config.window_ticks = 64;
    config.request_blocks = config.reply_blocks = 16;
    exchange_init(&ex, (struct env){.ops = &env}, &config);
    arena_init(&arena, ingress_bytes(&config));
    shared = (struct ingress_shared){.journal_lsn = durable_lsn};
    ingress_init(&ingress, &shared, &ex, &arena, 0);
    ex.boot = 1;
    struct request symbol = {.type = REQUEST_SYMBOL_ADD,
                             .symbol_add = {.tick_atoms = 1, .step_atoms = 1, .min_qty = 1}};
    strcpy(symbol.symbol_add.name, "AB");
    strcpy(symbol.symbol_add.base_name, "A");
    strcpy(symbol.symbol_add.quote_name, "B");
    call_send(call_of(&admin), &symbol, ignore);
    settle();
    for (uint32_t user = USER; user <= OTHER; user++) {
        struct request request = {.type = REQUEST_USER_ADD};
        request.user_add.length = 1;
        request.user_add.name[0] = (char)('a' + user);
        call_send(call_of(&admin), &request, ignore);
        settle();
    }
    cr_assert_str_eq(admin.log, "200 200 200 ");
    one = two = three = (struct client){0};
}

static void teardown(void)
{
    settle();
    user_watch_remove(&ingress, &one.watch);
    user_watch_remove(&ingress, &two.watch);
    user_watch_remove(&ingress, &three.watch);
    cr_expect(!exchange_any_watched(&ex));
    cr_expect_eq(counter_get(&ingress.user_streams.watches), 0);
    cr_expect_eq(block_room(&ex.reply_pool[0], 16), 16, "every block is home");
    user_streams_fini(&ingress.user_streams);
}

TestSuite(user_stream, .init = setup, .fini = teardown);

/* Goal: what was asked before the subscription is not told, what was asked behind it is, and the
 * answer comes between. Method: a deposit, a subscription and a deposit in one turn, by one client
 * whose log has answers and events. */
Test(user_stream, a_subscription_begins_at_its_answer)
{
    give(USER, &one);
    subscribe(&one, USER);
    give(USER, &one);
    give(OTHER, &one);
    settle();
    cr_expect_str_eq(one.log, "200 200 200 balanceUpdate outboundAccountPosition 200 ");
}

/* Goal: an event whose input the shard took before the barrier, and after the bit was set, is not
 * told. Method: the bit is set by another watch of the same user, which hears of both. */
Test(user_stream, another_watch_of_the_user_may_hear_more)
{
    one.watch.event = on_event;
    user_watch_add(&ingress, &one.watch, USER, false);
    give(USER, &three);
    subscribe(&two, USER);
    give(USER, &three);
    settle();
    cr_expect_str_eq(one.log, "balanceUpdate outboundAccountPosition balanceUpdate "
                              "outboundAccountPosition ");
    cr_expect_str_eq(two.log, "200 balanceUpdate outboundAccountPosition ");
    cr_expect_eq(counter_get(&ingress.user_streams.told), 6);
}

/* Goal: ms and us are rendered for who wants them. Method: two watches, told lengths differ. */
Test(user_stream, each_watch_has_its_own_unit_of_time)
{
    one.watch.event = two.watch.event = on_event;
    user_watch_add(&ingress, &one.watch, USER, false);
    user_watch_add(&ingress, &two.watch, USER, true);
    give(USER, &three);
    settle();
    cr_expect_str_eq(one.log, two.log);
    cr_expect_eq(ingress.user_streams.texts[1].text.length,
                 ingress.user_streams.texts[0].text.length + 12,
                 "three digits more in each of four times");
}

/* Goal: removing from inside event() ends it at once, its own watch or the next one. Method: three
 * watches of a user, told in some order. */
Test(user_stream, watches_may_go_while_they_are_told)
{
    one.watch.event = two.watch.event = three.watch.event = on_event;
    user_watch_add(&ingress, &one.watch, USER, false);
    user_watch_add(&ingress, &two.watch, USER, false);
    user_watch_add(&ingress, &three.watch, USER, false);
    three.removes = 1; /* the newest is told first */
    three.also = &two;
    give(USER, &(struct client){0});
    settle();
    cr_expect_str_eq(three.log, "balanceUpdate ");
    cr_expect_str_eq(two.log, "");
    cr_expect_str_eq(one.log, "balanceUpdate outboundAccountPosition ");
    cr_expect_eq(counter_get(&ingress.user_streams.watches), 1);
}

/* Goal: the first watch of a user sets the interest and the last one clears it. Method: the word.
 */
Test(user_stream, interest_lasts_as_long_as_a_watch)
{
    user_watch_add(&ingress, &one.watch, USER, false);
    user_watch_add(&ingress, &two.watch, USER, false);
    cr_expect_eq(exchange_watchers(&ex, USER), 1);
    cr_expect_eq(exchange_watchers(&ex, OTHER), 0);
    user_watch_remove(&ingress, &one.watch);
    user_watch_remove(&ingress, &one.watch);
    cr_expect_eq(exchange_watchers(&ex, USER), 1);
    user_watch_remove(&ingress, &two.watch);
    cr_expect_eq(exchange_watchers(&ex, USER), 0);
}

/* Goal: a subscription that is refused, or given up before its answer, leaves nothing behind.
 * Method: a user that the exchange does not know; a window that has closed; a client that goes
 * while it waits, with and without its call; a deadline. */
Test(user_stream, a_subscription_may_fail)
{
    subscribe(&one, OTHER + 1);
    settle();
    cr_expect(strncmp(one.log, "4", 1) == 0 || strncmp(one.log, "5", 1) == 0, "%s", one.log);
    cr_expect_eq(one.watch.user, 0);
    struct request late = {.user = USER, .timestamp_us = 1, .recv_window_us = 1};
    one.log[0] = '\0';
    user_watch_begin(call_of(&one), &late, &one.watch, false, subscribed);
    settle();
    cr_expect_str_eq(one.log, "400 ");
    cr_expect_eq(one.watch.user, 0);

    struct call *call = subscribe(&two, USER);
    call_abandon(call);
    user_watch_remove(&ingress, &two.watch);
    settle();
    cr_expect_str_eq(two.log, "");
    subscribe(&two, USER);
    user_watch_remove(&ingress, &two.watch);
    settle();
    cr_expect_str_eq(two.log, "503 ");

    subscribe(&three, USER);
    clock_us += 2 * CALL_DEADLINE_US;
    core_begin(ex.rt.core[0]);
    ingress_work(&ingress);
    cr_expect_str_eq(three.log, "504 ");
    give(USER, &two);
    settle();
    cr_expect_str_eq(three.log, "504 ", "told although it was not answered");
    user_watch_remove(&ingress, &three.watch);
    cr_expect_eq(ingress.calls, 0);
}
