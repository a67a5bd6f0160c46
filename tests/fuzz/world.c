#include "tests/fuzz/world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "actors/control_shard.h"
#include "actors/symbol_parts.h"
#include "http/admin.h"
#include "http/ingress.h"
#include "http/operation.h"
#include "runtime/check.h"
#include "runtime/hash.h"
#include "tests/fuzz/fuzz.h"

enum { KEYS_MAX = 8, CALLS_MAX = 256, TURN_US = 100, ROUNDS_MAX = 100000, FIRST_US = 1700000000 };

struct world_key {
    char key[API_KEY_BYTES], secret[SECRET_BYTES];
};

struct answer { /* of one call; the transport */
    uint32_t answers;
    int status;
    bool gone;
    struct call *call; /* until it is answered */
    uint32_t over;     /* how often ingress said that it is done with it */
};

struct world {
    struct exchange ex, twin[2]; /* twin[now]: what recovery would make of the journal */
    uint32_t now;
    struct arena arena;
    struct ingress_shared shared;
    struct ingress ingress;
    world_record *record;
    void *record_arg;
    struct world_key key[KEYS_MAX];
    uint32_t keys;
    struct answer answer[CALLS_MAX];
    uint32_t answers;
    int64_t now_us;
    uint64_t durable_lsn, published_lsn, rng;
    bool held, micro;
};

static struct world *current; /* for the functions that libraries call without an argument */

/* ---- the world around: clock, random bytes, disk ---- */

static int64_t world_now(void *self)
{
    return ((struct world *)self)->now_us;
}

static void world_random(void *self, void *out, size_t bytes)
{
    struct world *world = self;
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)hash_mix(world->rng += 0x9E3779B97F4A7C15ull);
}

/* Instead of OpenSSL's: keys and nonces are the same every time. */
int RAND_bytes(unsigned char *out, int bytes)
{
    world_random(current, out, (size_t)bytes);
    return 1;
}

static uint64_t journal_lsn(void)
{
    return current->durable_lsn;
}

static uint64_t published_lsn(void)
{
    return current->published_lsn;
}

static void at_standstill(void (*act)(void *arg), void *arg)
{
    act(arg);
}

static void replay(struct world *world, const struct chunk *chunk)
{
    const unsigned char *at = chunk->data;
    ASSERT(records_well_formed(at, chunk->bytes, chunk->records));
    for (uint32_t i = 0; i < chunk->records; i++) {
        struct record_head head;
        record_head_decode(at, &head);
        ASSERT(exchange_replay(&world->twin[world->now], &head, at + RECORD_HEAD_BYTES,
                               chunk->ts_us) == RECOVER_OK);
        at += RECORD_HEAD_BYTES + head.bytes;
    }
}

static void disk_work(struct world *world)
{
    struct core *core = world->ex.rt.core[0];
    uint64_t durable[CORES_MAX] = {atomic_load(&world->ex.rt.durable[0])};
    if (world->held)
        return;
    while (durable[0] < atomic_load(&core->published)) {
        const struct chunk *chunk =
            &core->chunks[++durable[0] % world->ex.config.limits.chunk_slots];
        ASSERT(chunk->number == durable[0]);
        replay(world, chunk);
        world->durable_lsn += chunk->records;
        if (world->record)
            world->record(world->record_arg, chunk);
        atomic_store(&core->chunks_taken, durable[0]);
    }
    runtime_set_durable(&world->ex.rt, durable);
}

static void turn(struct world *world)
{
    world->now_us += TURN_US;
    core_turn(world->ex.rt.core[0]);
    world->published_lsn = world->ex.rt.core[0]->records;
    disk_work(world);
    ingress_work(&world->ingress);
}

static void check_same(struct exchange *a, struct exchange *b)
{
    for (uint16_t id = 0; id < a->shards; id++)
        ASSERT(exchange_shard_hash(a, id) == exchange_shard_hash(b, id));
}

size_t world_save(struct world *world, uint8_t *out, size_t room)
{
    struct wire wire = {.out = out, .ok = true};
    exchange_wire(&wire, &world->twin[world->now]);
    ASSERT(wire.ok && wire.at <= room);
    return wire.at;
}

/* The second exchange goes on as what a snapshot of it says. */
static void reload_twin(struct world *world)
{
    static uint8_t state[1 << 20], again[1 << 20];
    struct exchange *old = &world->twin[world->now], *new = &world->twin[!world->now];
    size_t length = world_save(world, state, sizeof state);
    exchange_init(new, old->rt.env, &old->config);
    struct wire wire = {.in = state, .end = (uint32_t)length, .ok = true};
    exchange_wire(&wire, new);
    ASSERT(wire.ok && wire.at == length);
    check_same(old, new);
    exchange_fini(old);
    world->now = !world->now;
    ASSERT(world_save(world, again, sizeof again) == length && memcmp(state, again, length) == 0);
}

/* ---- answers ---- */

/* A key that was made just now: the script may use it. */
static void keep_key(struct world *world, json_t *body)
{
    const char *key = json_string_value(json_object_get(body, "apiKey"));
    const char *secret = json_string_value(json_object_get(body, "secretKey"));
    if (!key || !secret || world->keys == KEYS_MAX)
        return;
    ASSERT(strlen(key) == API_KEY_BYTES && strlen(secret) == SECRET_BYTES);
    memcpy(world->key[world->keys].key, key, API_KEY_BYTES);
    memcpy(world->key[world->keys++].secret, secret, SECRET_BYTES);
}

static void respond(void *transport, int status, const char *body, size_t length)
{
    struct answer *answer = transport;
    json_error_t error;
    ASSERT(answer->answers == 0 && !answer->gone);
    if (answer->call->content_type) { /* metrics, the page: text */
        ASSERT(length && !memchr(body, 0, length) && body[length - 1] == '\n');
        answer->answers++;
        answer->status = status;
        answer->call = NULL;
        return;
    }
    json_t *json = json_loadb(body, length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fprintf(stderr, "not JSON: %s: %.*s\n", error.text, (int)length, body);
    ASSERT(json != NULL);
    ASSERT(status >= 200 && status < 600);
    if (status >= 300) {
        ASSERT(json_is_integer(json_object_get(json, "code")));
        ASSERT(json_is_string(json_object_get(json, "msg")));
    } else {
        ASSERT(json_is_array(json) || json_is_object(json));
        ASSERT(!json_object_get(json, "code"));
        keep_key(current, json);
    }
    json_decref(json);
    answer->answers++;
    if (getenv("SHOW"))
        fprintf(stderr, "%d %.*s\n", status, (int)length, body);
    answer->status = status;
    answer->call = NULL;
}

static void on_over(void *owner)
{
    ((struct answer *)owner)->over++;
}

static bool all_answered(const struct world *world)
{
    for (uint32_t i = 0; i < world->answers; i++)
        if (world->answer[i].call)
            return false;
    return true;
}

static void wait_for_all(struct world *world)
{
    for (uint32_t i = 0; !all_answered(world); i++) {
        ASSERT(i < ROUNDS_MAX);
        if (world->held) /* the deadline answers */
            world->now_us += 1000000;
        turn(world);
    }
}

static bool at_rest(struct world *world)
{
    struct exchange *ex = &world->ex;
    return world->ingress.calls == 0 && world->ingress.gateway.busy == 0 &&
           !gateway_has_output(&world->ingress.gateway) &&
           runtime_durable(&ex->rt, 0, atomic_load(&ex->rt.core[0]->published)) &&
           exchange_quiet(ex);
}

static void come_to_rest(struct world *world)
{
    wait_for_all(world);
    for (uint32_t i = 0; !at_rest(world); i++) {
        ASSERT(i < ROUNDS_MAX);
        turn(world);
    }
}

/* ---- requests ---- */

struct line { /* a request, split */
    char who;
    enum method method;
    const char *path, *query, *body;
    size_t path_length, query_length, body_length;
};

static bool parse_line(const char *at, const char *end, struct line *line)
{
    static const char methods[] = "GPUD";
    if (end - at < 2)
        return false;
    const char *method = memchr(methods, at[1], 4);
    line->who = at[0];
    line->method = method ? (enum method)(method - methods) : METHOD_OTHER;
    line->path = at + 2;
    const char *bar = memchr(line->path, '|', (size_t)(end - line->path));
    const char *target_end = bar ? bar : end;
    const char *mark = memchr(line->path, '?', (size_t)(target_end - line->path));
    line->path_length = (size_t)((mark ? mark : target_end) - line->path);
    line->query = mark ? mark + 1 : target_end;
    line->query_length = (size_t)(target_end - line->query);
    line->body = bar ? bar + 1 : end;
    line->body_length = (size_t)(end - line->body);
    return line->body_length <= CALL_BODY_MAX; /* what is longer, the transport refuses */
}

static void sign_hex(const struct directory_key *key, const char *const part[],
                     const size_t length[], uint32_t parts, char hex[static 64])
{
    uint8_t signature[SIGNATURE_BYTES];
    directory_sign(key, part, length, parts, signature);
    for (uint32_t i = 0; i < SIGNATURE_BYTES; i++) {
        hex[2 * i] = "0123456789abcdef"[signature[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[signature[i] & 15];
    }
}

/* The query with timestamp and signature behind it. */
static size_t sign(struct world *world, const struct line *line, const struct world_key *key,
                   char *query)
{
    struct directory *directory = &world->ingress.directory;
    const struct directory_key *known = directory_key(directory, key->key, API_KEY_BYTES);
    char hex[64];
    size_t length = line->query_length;
    memcpy(query, line->query, length);
    length += (size_t)sprintf(query + length, "%stimestamp=%lld", length ? "&" : "",
                              (long long)(world->now_us / 1000));
    if (!known) /* deleted meanwhile: any signature will do */
        return length;
    bool get = line->method == METHOD_GET; /* whose body is not looked at */
    const char *const parts[] = {query, line->body};
    const size_t lengths[] = {length, get ? 0 : line->body_length};
    sign_hex(known, parts, lengths, 2, hex);
    return length + (size_t)sprintf(query + length, "&signature=%.64s", hex);
}

static const char *header_of(const struct world *world, char who, size_t *length)
{
    uint32_t nth = (uint32_t)((who | 0x20) - 'a');
    if (who == 'o') {
        *length = 12;
        return "Bearer token";
    }
    *length = nth < world->keys ? API_KEY_BYTES : 0;
    return nth < world->keys ? world->key[nth].key : "";
}

/* What the transport hands over is gone when the start is over: so it is here. */
static struct answer *start(struct world *world, const struct line *line)
{
    uint32_t nth = (uint32_t)(line->who - 'a');
    bool admin = line->who == 'o' || line->who == 'x';
    size_t query_length = line->query_length, header_length;
    char *query = malloc(query_length + 128);
    ASSERT(query != NULL);
    if (nth < world->keys)
        query_length = sign(world, line, &world->key[nth], query);
    else if (query_length)
        memcpy(query, line->query, query_length);
    const char *header = header_of(world, line->who, &header_length);
    char *copies[] = {fuzz_copy(line->path, line->path_length), fuzz_copy(query, query_length),
                      fuzz_copy(line->body, line->body_length), fuzz_copy(header, header_length)};
    free(query);
    struct answer *answer = &world->answer[world->answers++];
    struct call *call = call_new(&world->ingress);
    *answer = (struct answer){.call = call};
    call->respond = respond;
    call->transport = answer;
    call->over = on_over;
    call->owner = answer;
    call->client = (struct address){.byte = {(uint8_t)(1 + nth)}};
    call->address = admin ? 0 : address_key(&call->client);
    call->method = line->method;
    call->micro = world->micro;
    call->path = (struct slice){copies[0], line->path_length};
    call->query = (struct slice){copies[1], query_length};
    call->body = (struct slice){copies[2], line->body_length};
    call->api_key = (struct slice){copies[3], header_length};
    if (admin)
        admin_start(call);
    else
        operation_start(call);
    for (uint32_t i = 0; i < 4; i++)
        free(copies[i]);
    return answer;
}

static void command(struct world *world, char name)
{
    switch (name) {
    case 'h':
        world->held = true;
        break;
    case 'r':
        world->held = false;
        break;
    case 't':
        world->now_us += CALL_DEADLINE_US + 1000000;
        break;
    case 's':
        atomic_store(&world->shared.low_space, !atomic_load(&world->shared.low_space));
        break;
    case 'd':
        atomic_store(&world->shared.draining, !atomic_load(&world->shared.draining));
        break;
    case 'm':
        world->micro = !world->micro;
        break;
    case 'z':
        reload_twin(world);
        break;
    case 'w':
        wait_for_all(world);
        break;
    default:
        break;
    }
}

static void play_line(struct world *world, const char *at, const char *end)
{
    struct line line;
    if (at == end)
        return;
    if (*at == '!') {
        if (end - at > 1)
            command(world, at[1]);
        turn(world);
        return;
    }
    if (world->answers == CALLS_MAX) { /* the memory of answers is full */
        world->held = false;
        come_to_rest(world);
        world->answers = 0;
    }
    if (!parse_line(at + 1, end, &line))
        return;
    struct answer *answer = start(world, &line);
    if (*at == '-' && answer->call) {
        call_abandon(answer->call);
        answer->call = NULL;
        answer->gone = true;
    } else if (*at == ';') {
        turn(world);
    } else if (*at != ',') {
        wait_for_all(world);
    }
}

void world_play(struct world *world, const char *script, size_t length)
{
    for (const char *at = script, *end = script + length, *stop; at < end; at = stop + 1) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        stop = line_end ? line_end : end;
        play_line(world, at, stop);
    }
}

/* ---- for those who bring requests by themselves ---- */

struct ingress *world_ingress(struct world *world)
{
    return &world->ingress;
}

void world_turn(struct world *world)
{
    turn(world);
}

const char *world_key(const struct world *world, uint32_t nth)
{
    return nth < world->keys ? world->key[nth].key : NULL;
}

void world_sign(struct world *world, uint32_t nth, const char *text, size_t length, char hex[64])
{
    struct directory *directory = &world->ingress.directory;
    const struct directory_key *known =
        directory_key(directory, world->key[nth].key, API_KEY_BYTES);
    memset(hex, '0', 64); /* deleted meanwhile: any signature will do */
    if (known)
        sign_hex(known, &text, &length, 1, hex);
}

int64_t world_now_ms(const struct world *world)
{
    return world->now_us / 1000;
}

/* ---- its life ---- */

void world_config(struct exchange_config *config)
{
    exchange_config_default(config, 1);
    config->account_shards = 2;
    config->market_shards = 2;
    config->users_max = 6;
    config->symbols_max = 4;
    config->orders_max = 48;
    config->done_orders = 6;
    config->slice_fills = 2;
    config->window_ticks = 64;
    config->link_max = 8;
    config->account_outbox = 8;
    config->market_outbox = 2 * config->slice_fills + 8;
    config->control_outbox = SYMBOL_PARTS * (config->account_shards + 1u) + 4;
    config->request_blocks = 16;
    config->reply_blocks = 48;
    config->limits = (struct core_limits){.lane = {8, 8, 8, 8, 4 * config->slice_fills + 8},
                                          .chunk_slots = 3,
                                          .chunk_bytes = RECORD_BYTES_MAX * 4,
                                          .inputs_max = 8};
}

struct world *world_init(world_record *record, void *arg)
{
    static const struct env_ops ops = {.now_us = world_now, .random = world_random};
    struct exchange_config config;
    struct world *world = calloc(1, sizeof *world);
    ASSERT(world != NULL);
    world_config(&config);
    current = world;
    admin_at_standstill = at_standstill;
    admin_published_lsn = published_lsn;
    world->record = record;
    world->record_arg = arg;
    world->now_us = FIRST_US * INT64_C(1000000);
    exchange_init(&world->ex, (struct env){.ops = &ops, .self = world}, &config);
    exchange_init(&world->twin[0], (struct env){.ops = &ops, .self = world}, &config);
    world->ex.boot = 1;
    world->shared.audit_token = "token";
    world->shared.version = world->shared.commit = "fuzz";
    world->shared.journal_lsn = journal_lsn;
    arena_init(&world->arena, ingress_bytes(&config));
    ingress_init(&world->ingress, &world->shared, &world->ex, &world->arena, 0);
    turn(world); /* gives the core its time */
    return world;
}

void world_open(struct world *world)
{
    static const char script[] =
        ".oP/admin/v1/"
        "symbols|{\"symbol\":\"BTCUSDT\",\"baseAsset\":\"BTC\",\"quoteAsset\":\"USDT\"}\n"
        ".oP/admin/v1/symbols|{\"symbol\":\"ETHBTC\",\"baseAsset\":\"ETH\",\"quoteAsset\":\"BTC\","
        "\"tickSize\":\"0.00001\",\"stepSize\":\"0.0001\",\"minNotional\":\"0.0001\"}\n"
        ".oP/admin/v1/users|{\"name\":\"alice\"}\n"
        ".oP/admin/v1/users/1/keys|{\"type\":\"HMAC\"}\n"
        ".oP/admin/v1/users|{\"name\":\"bob\"}\n"
        ".oP/admin/v1/users/2/keys|{\"type\":\"HMAC\"}\n"
        ".oP/admin/v1/users/1/"
        "deposits|{\"asset\":\"USDT\",\"amount\":\"1000000\",\"requestId\":\"1\"}\n"
        ".oP/admin/v1/users/1/deposits|{\"asset\":\"BTC\",\"amount\":\"50\",\"requestId\":\"2\"}\n"
        ".oP/admin/v1/users/2/"
        "deposits|{\"asset\":\"USDT\",\"amount\":\"1000000\",\"requestId\":\"1\"}\n"
        ".oP/admin/v1/users/2/deposits|{\"asset\":\"BTC\",\"amount\":\"50\",\"requestId\":\"2\"}\n";
    world_play(world, script, sizeof script - 1);
    for (uint32_t i = 0; i < world->answers; i++)
        ASSERT(world->answer[i].status == 200 || world->answer[i].status == 201);
    ASSERT(world->keys == 2);
    world->answers = 0;
}

static uint64_t audited(struct exchange *ex, uint32_t *open_orders)
{
    struct exchange_audit audit;
    void *memory = malloc(exchange_audit_bytes(ex));
    ASSERT(memory != NULL);
    const char *wrong = exchange_audit(ex, &audit, memory);
    if (wrong)
        fprintf(stderr, "audit: %s\n", wrong);
    ASSERT(!wrong);
    free(memory);
    *open_orders = audit.open_orders;
    return audit.state_hash;
}

void world_check(struct world *world)
{
    uint32_t open_orders, twin_orders;
    world->held = false;
    come_to_rest(world);
    for (uint32_t i = 0; i < world->answers; i++)
        ASSERT((world->answer[i].gone || world->answer[i].answers == 1) &&
               world->answer[i].over == 1);
    uint64_t hash = audited(&world->ex, &open_orders);
    exchange_verify(&world->ex);
    struct exchange *twin = &world->twin[world->now];
    ASSERT(exchange_recovered(twin, 2) == NULL);
    check_same(&world->ex, twin);
    ASSERT(audited(twin, &twin_orders) == hash && twin_orders == open_orders);
}

void world_fini(struct world *world)
{
    struct ingress *ingress = &world->ingress;
    while (ingress->free_calls) {
        struct call *call = ingress->free_calls;
        ingress->free_calls = call->newer;
        free(call->out.data);
        free(call);
    }
    free(ingress->text.data);
    free(ingress->frame.data);
    user_streams_fini(&ingress->user_streams);
    mem_release(world->shared.opened.slot, tally_bytes(world->shared.opened.mask + 1));
    mem_release(world->shared.limits.weights.slot, limits_bytes());
    directory_fini(&ingress->directory);
    hot_free(ingress->hot);
    market_view_fini(&ingress->view);
    arena_fini(&world->arena);
    exchange_fini(&world->twin[world->now]);
    exchange_fini(&world->ex);
    free(world);
    current = NULL;
}
