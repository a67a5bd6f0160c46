#include "demo_week.h"

#include <stdio.h>
#include <string.h>

#include "actors/control_shard.h"
#include "http/serve.h"
#include "runtime/check.h"

enum {
    STEP_MS = 1000,
    DAY_SECONDS = 86400,
    /* Of each symbol: few, each of whom stands for many, so that an hour has the volume of one with
     * the bots in it and a week takes a second to make. */
    TAKERS_PER_HOUR = 60,
    STANDS_FOR = DEMO_TAKERS_PER_HOUR / TAKERS_PER_HOUR,
    LEVELS_MAX = 3, /* that one taker goes through */
    /* Turns of all cores until an order is matched: it hops to its account's core, to its market's
     * and back, and a core that is behind another has a message a turn later. */
    HOP_TURNS = 4,
};

/* ---- the clock ---- */

static int64_t clock_now_us, clock_end_us;

static int64_t past_now_us(void *self)
{
    (void)self;
    return clock_now_us;
}

static void past_random(void *self, void *out, size_t bytes)
{
    (void)self;
    const struct env real = env_real();
    env_random(&real, out, bytes);
}

struct env demo_week_clock(uint32_t days)
{
    static const struct env_ops ops = {.now_us = past_now_us, .random = past_random};
    const struct env real = env_real();
    const int64_t minute_us = 60 * INT64_C(1000000);
    clock_end_us = env_now_us(&real);
    clock_now_us = clock_end_us - days * DAY_SECONDS * INT64_C(1000000);
    if (days > 0) /* so that a seed's candles are the same whenever it was */
        clock_now_us -= clock_now_us % minute_us;
    return (struct env){.ops = &ops};
}

/* ---- asking ---- */

static struct request *ask(const struct demo_week_host *host, enum request_type type, uint32_t user)
{
    struct request *request = gateway_request(host->gateway);
    ASSERT(request != NULL); /* far fewer are under way than there are blocks */
    request->type = (uint8_t)type;
    request->user = user + 1;
    return request;
}

static void send(const struct demo_week_host *host, struct request *request)
{
    ASSERT(gateway_send(host->gateway, request, NULL, NULL) == GATEWAY_SENT);
}

static int turns(const struct demo_week_host *host)
{
    int result = EXIT_DONE;
    for (uint32_t i = 0; i < HOP_TURNS && result == EXIT_DONE; i++)
        result = host->turn();
    return result;
}

static uint16_t number_of(const struct exchange *ex, const char *asset)
{
    for (uint16_t i = 0; i < ex->control->assets_count; i++)
        if (strncmp(ex->control->assets[i], asset, SYMBOL_NAME_MAX) == 0)
            return i;
    UNREACHABLE("the assets of a new directory are there");
}

static uint16_t symbol_of(const struct exchange *ex, const char *name)
{
    for (uint16_t i = 0; i < ex->control->symbols_count; i++)
        if (strncmp(ex->control->symbols[i].name, name, SYMBOL_NAME_MAX) == 0)
            return i;
    UNREACHABLE("the symbols of a new directory are there");
}

/* ---- users ---- */

/* Ids of requests are of that user: the asset's number is enough of one. */
static void deposit(const struct demo_week_host *host, uint32_t user, const char *asset,
                    int64_t units)
{
    struct request *request = ask(host, REQUEST_DEPOSIT, user);
    request->deposit.asset = number_of(host->ex, asset);
    request->deposit.amount = units * MONEY_ATOMS_PER_UNIT;
    memcpy(request->deposit.request_id, &request->deposit.asset, sizeof request->deposit.asset);
    send(host, request);
}

static int make_user(const struct demo_week_host *host, const struct demo *demo, uint32_t user)
{
    const struct demo_user *want = &demo_users[user];
    const struct demo_key *key = &demo->keys[user];
    uint8_t sealed[SEALED_BYTES];
    struct request *request = ask(host, REQUEST_USER_ADD, user);
    request->user_add.length = (uint8_t)strlen(want->name);
    memcpy(request->user_add.name, want->name, request->user_add.length);
    send(host, request);
    int result = host->come_to_rest();
    if (result)
        return result;
    ASSERT(host->ex->control->users_count == user + 1);
    secrets_seal(host->secrets, key->key, key->secret, sealed);
    request = ask(host, REQUEST_KEY_ADD, user);
    request->key = (struct request_key){.kind = KEY_HMAC,
                                        .permissions = PERMISSION_ANY,
                                        .credential_bytes = SEALED_BYTES,
                                        .credential = sealed};
    memcpy(request->key.api_key, key->key, API_KEY_BYTES);
    send(host, request);
    deposit(host, user, "USDT", want->usdt);
    deposit(host, user, "BTC", want->btc);
    deposit(host, user, "ETH", want->eth);
    return host->come_to_rest(); /* the credential is borrowed until then */
}

/* ---- trading ---- */

static void order(const struct demo_week_host *host, uint32_t user, enum demo_symbol symbol,
                  uint8_t side, struct demo_quote quote, uint8_t tif)
{
    const struct demo_market *market = &demo_markets[symbol];
    struct request *request = ask(host, REQUEST_NEW, user);
    static uint64_t ids;
    request->symbol = symbol_of(host->ex, market->symbol);
    request->order.side = side;
    request->order.type = TYPE_LIMIT;
    request->order.tif = tif;
    request->order.resp = RESPONSE_ACK;
    request->order.price = quote.price_ticks * market->tick_atoms;
    request->order.qty = quote.qty_lots * market->lot_atoms;
    char id[CLIENT_ID_BYTES];
    request->order.client_length = (uint8_t)snprintf(id, sizeof id, "week-%lu", ++ids);
    memcpy(request->order.client_id, id, request->order.client_length);
    send(host, request);
}

/* The maker quotes what the taker will take: in a market that moves, its quotes of before are far
 * from the price. */
static int trade(const struct demo_week_host *host, struct demo_model *model,
                 enum demo_symbol symbol, const struct demo_taker *taker)
{
    uint8_t other = taker->side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    uint32_t levels = demo_model_draw(model, 4) ? 1 : 2 + demo_model_draw(model, LEVELS_MAX - 1);
    int64_t left_lots = taker->qty_lots;
    struct demo_quote quote = {0};
    for (uint32_t level = 0; level < levels; level++) {
        quote = demo_model_quote(model, symbol, other, level);
        quote.qty_lots = level + 1 < levels ? left_lots * 2 / 3 : left_lots;
        left_lots -= quote.qty_lots;
        order(host, DEMO_MAKERS + symbol, symbol, other, quote, TIF_GTC);
    }
    int result = turns(host);
    if (result)
        return result;
    quote.qty_lots = taker->qty_lots;
    order(host, DEMO_TAKERS + demo_model_draw(model, 2), symbol, taker->side, quote, TIF_IOC);
    return turns(host);
}

/* A taker comes some time within the second that the step stands for. */
static int step(const struct demo_week_host *host, struct demo_model *model, int64_t begin_us)
{
    int result = EXIT_DONE;
    demo_model_step(model);
    clock_now_us = begin_us;
    for (uint32_t s = 0; s < DEMO_SYMBOLS && result == EXIT_DONE; s++) {
        struct demo_taker taker;
        if (!demo_model_taker(model, s, TAKERS_PER_HOUR, &taker))
            continue;
        taker.qty_lots *= STANDS_FOR;
        clock_now_us += demo_model_draw(model, STEP_MS / DEMO_SYMBOLS) * 1000;
        result = trade(host, model, s, &taker);
    }
    return result;
}

int demo_week_make(const struct demo_week_host *host, const struct demo *demo, uint64_t seed)
{
    struct demo_model model;
    int result = EXIT_DONE;
    for (uint32_t user = 0; user < DEMO_USERS && result == EXIT_DONE; user++)
        result = make_user(host, demo, user);
    demo_model_init(&model, seed, STEP_MS);
    int64_t at_us = clock_now_us + STEP_MS * 1000;
    for (; at_us + STEP_MS * 1000 < clock_end_us && result == EXIT_DONE; at_us += STEP_MS * 1000)
        result = step(host, &model, at_us);
    return result ? result : host->come_to_rest();
}
