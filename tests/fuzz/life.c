#include "tests/fuzz/life.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

enum { PLACES_MAX = 256, ROUNDS_MAX = 2000, FIRST_US = 2000000000 };

/* ---- asserts ---- */

struct place {
    const char *file, *expr;
    int line;
    uint64_t count;
};

static struct place place[PLACES_MAX];
static uint32_t places;
static sigjmp_buf guard;
static bool guarded, strict;

/* Instead of the runtime's. */
void check_failed(const char *file, int line, const char *expr)
{
    uint32_t i = 0;
    if (!guarded || strict) {
        fprintf(stderr, "castle: assertion failed at %s:%d: %s\n", file, line, expr);
        abort();
    }
    while (i < places && (place[i].line != line || strcmp(place[i].file, file) != 0))
        i++;
    if (i == places && places < PLACES_MAX)
        place[places++] = (struct place){.file = file, .line = line, .expr = expr};
    if (i < PLACES_MAX)
        place[i].count++;
    guarded = false;
    siglongjmp(guard, 1);
}

static void list_places(void)
{
    for (uint32_t i = 0; i < places; i++)
        fprintf(stderr, "ended by an assert: %s:%d: %s (%" PRIu64 " times)\n", place[i].file,
                place[i].line, place[i].expr, place[i].count);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    strict = getenv("FUZZ_STRICT") != NULL;
    atexit(list_places);
    return 0;
}

bool life_guard(struct life *life, void (*act)(struct life *life, void *arg), void *arg)
{
    if (sigsetjmp(guard, 0)) {
        life->stopped = true;
        return false;
    }
    guarded = true;
    act(life, arg);
    guarded = false;
    return true;
}

/* ---- an exchange ---- */

static int64_t now_us;

static int64_t life_now(void *self)
{
    (void)self;
    return now_us;
}

static void life_random(void *self, void *out, size_t bytes)
{
    (void)self;
    memset(out, 7, bytes);
}

void life_init(struct life *life)
{
    static const struct env_ops ops = {.now_us = life_now, .random = life_random};
    struct exchange_config config;
    world_config(&config);
    memset(life, 0, sizeof *life);
    now_us = FIRST_US * INT64_C(1000000);
    exchange_init(&life->ex, (struct env){.ops = &ops}, &config);
    arena_init(&life->arena, gateway_bytes(&config));
    gateway_init(&life->gateway, &life->ex, &life->arena, 0);
    life->audit_memory = malloc(exchange_audit_bytes(&life->ex));
}

void life_fini(struct life *life)
{
    free(life->audit_memory);
    arena_fini(&life->arena);
    exchange_fini(&life->ex);
}

void life_check_same(struct life *a, struct life *b)
{
    for (uint16_t id = 0; id < a->ex.shards; id++)
        ASSERT(exchange_shard_hash(&a->ex, id) == exchange_shard_hash(&b->ex, id));
}

/* ---- on from there ---- */

static void forget_market(void *self, const struct msg *msg)
{
    (void)self;
    (void)msg;
}

static void forget_reply(void *self, void *context, const struct msg *msg)
{
    (void)self;
    (void)msg;
    ASSERT(context == NULL);
}

static void disk_work(struct life *life, struct life *twin)
{
    struct core *core = life->ex.rt.core[0];
    uint64_t durable[CORES_MAX] = {atomic_load(&life->ex.rt.durable[0])};
    while (durable[0] < atomic_load(&core->published)) {
        const struct chunk *chunk =
            &core->chunks[++durable[0] % life->ex.config.limits.chunk_slots];
        const unsigned char *at = chunk->data;
        for (uint32_t i = 0; i < chunk->records; i++) {
            struct record_head head;
            record_head_decode(at, &head);
            ASSERT(exchange_replay(&twin->ex, &head, at + RECORD_HEAD_BYTES, chunk->ts_us) ==
                   RECOVER_OK);
            at += RECORD_HEAD_BYTES + head.bytes;
        }
        atomic_store(&core->chunks_taken, durable[0]);
    }
    runtime_set_durable(&life->ex.rt, durable);
}

static bool at_rest(struct life *life)
{
    return !gateway_has_output(&life->gateway) &&
           runtime_durable(&life->ex.rt, 0, atomic_load(&life->ex.rt.core[0]->published)) &&
           exchange_quiet(&life->ex);
}

struct going_on {
    struct life *twin;
    uint32_t boot;
};

static void go_on(struct life *life, void *arg)
{
    static const struct gateway_sink sink = {.market = forget_market, .reply = forget_reply};
    const struct going_on *on = arg;
    struct exchange_audit audit;
    if (exchange_recovered(&life->ex, on->boot) ||
        exchange_audit(&life->ex, &audit, life->audit_memory)) {
        life->stopped = true;
        return;
    }
    for (uint32_t i = 0; i < ROUNDS_MAX && !at_rest(life); i++) {
        now_us += 100;
        core_turn(life->ex.rt.core[0]);
        disk_work(life, on->twin);
        gateway_poll(&life->gateway, &sink);
    }
    if (!at_rest(life)) /* a forged order of events can leave something for ever on its way */
        return;
    exchange_verify(&life->ex);
    life_check_same(life, on->twin);
}

void life_go_on(struct life *life, struct life *twin, uint32_t boot)
{
    struct going_on on = {.twin = twin, .boot = boot};
    life_guard(life, go_on, &on);
}
