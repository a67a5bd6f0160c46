#include "runtime/core.h"

#include <unistd.h>

#include "runtime/check.h"

const char *const lane_class_names[CLASS_COUNT] = {"request", "order", "report", "out", "market"};

enum {
    CLASS_QUOTA = 64, /* messages of one lane in one round (C7) */
};

static size_t core_bytes(const struct core_limits *limits, uint16_t cores, uint32_t actors)
{
    size_t bytes = arena_bytes(sizeof(struct core));
    for (uint32_t class = 0; class < CLASS_COUNT; class ++)
        bytes += cores * arena_bytes(lane_size(limits->lane[class]));
    bytes += arena_bytes(limits->chunk_slots * sizeof(struct chunk));
    bytes += limits->chunk_slots * arena_bytes(limits->chunk_bytes);
    bytes += 3 * arena_bytes(actors * sizeof(struct actor *));
    return bytes;
}

void runtime_init(struct runtime *rt, struct env env, uint16_t cores,
                  const struct core_limits *limits, uint32_t actors)
{
    ASSERT(cores > 0 && cores <= CORES_MAX);
    ASSERT(limits->chunk_bytes >= RECORD_BYTES_MAX);
    memset(rt, 0, sizeof *rt);
    rt->env = env;
    rt->cores = cores;
    rt->limits = *limits;
    rt->actors = actors;
    rt->journal.fd = -1;
    arena_init(&rt->arena, cores * core_bytes(limits, cores, actors) +
                               arena_bytes(actors * sizeof(struct actor *)));
    rt->actor = arena_alloc(&rt->arena, actors * sizeof(struct actor *));
    for (uint16_t c = 0; c < cores; c++) {
        struct core *core = rt->core[c] = arena_alloc(&rt->arena, sizeof *core);
        core->runtime = rt;
        core->id = c;
        core->waker.fd = -1;
        core->chunks = arena_alloc(&rt->arena, limits->chunk_slots * sizeof(struct chunk));
        for (uint32_t i = 0; i < limits->chunk_slots; i++)
            core->chunks[i].data = arena_alloc(&rt->arena, limits->chunk_bytes);
        core->work.item = arena_alloc(&rt->arena, actors * sizeof(struct actor *));
        core->pump.item = arena_alloc(&rt->arena, actors * sizeof(struct actor *));
        core->wait_durable.item = arena_alloc(&rt->arena, actors * sizeof(struct actor *));
    }
    for (uint16_t from = 0; from < cores; from++)
        for (uint16_t to = 0; to < cores; to++)
            for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
                uint32_t capacity = limits->lane[class];
                struct lane *lane =
                    lane_init(arena_alloc(&rt->arena, lane_size(capacity)), capacity, from == to);
                rt->core[from]->out[class][to] = lane;
                rt->core[to]->in[class][from] = lane;
            }
}

void runtime_fini(struct runtime *rt)
{
    arena_fini(&rt->arena);
}

void runtime_place(struct runtime *rt, struct actor *actor, const struct actor_ops *ops,
                   uint16_t id, uint16_t core)
{
    ASSERT(id < rt->actors);
    ASSERT(core < rt->cores);
    ASSERT(rt->actor[id] == NULL);
    *actor = (struct actor){.ops = ops, .core = rt->core[core], .id = id};
    rt->actor[id] = actor;
}

void waker_wake(struct waker *waker)
{
    if (waker->fd < 0)
        return;
    /* Pairs with the sleeper's store of `sleeping`, fence, and second look at its lanes. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&waker->sleeping, memory_order_relaxed) &&
        atomic_exchange_explicit(&waker->sleeping, 0, memory_order_acq_rel)) {
        uint64_t one = 1;
        ASSERT(write(waker->fd, &one, sizeof one) == sizeof one);
    }
}

static void note_times(struct runtime *rt, uint16_t core, uint64_t chunk, int64_t now_us)
{
    uint64_t from = atomic_load_explicit(&rt->durable[core], memory_order_relaxed) + 1;
    if (chunk >= DURABLE_TIMES && from <= chunk - DURABLE_TIMES)
        from = chunk - DURABLE_TIMES + 1;
    for (; from <= chunk; from++)
        atomic_store_explicit(&rt->durable_us[core][from % DURABLE_TIMES], now_us,
                              memory_order_relaxed);
}

int64_t runtime_durable_us(struct runtime *rt, uint16_t core, uint64_t chunk)
{
    if (chunk + DURABLE_TIMES <= atomic_load_explicit(&rt->durable[core], memory_order_acquire))
        return 0;
    return atomic_load_explicit(&rt->durable_us[core][chunk % DURABLE_TIMES], memory_order_relaxed);
}

void runtime_set_durable(struct runtime *rt, const uint64_t chunk[CORES_MAX])
{
    int64_t now_us = env_now_us(&rt->env);
    for (uint16_t c = 0; c < rt->cores; c++)
        note_times(rt, c, chunk[c], now_us);
    atomic_fetch_add_explicit(&rt->durable_version, 1, memory_order_acq_rel);
    for (uint16_t c = 0; c < rt->cores; c++)
        atomic_store_explicit(&rt->durable[c], chunk[c], memory_order_release);
    atomic_fetch_add_explicit(&rt->durable_version, 1, memory_order_release);
}

void runtime_durable_cut(struct runtime *rt, uint64_t chunk[CORES_MAX])
{
    for (;;) {
        uint64_t version = atomic_load_explicit(&rt->durable_version, memory_order_acquire);
        for (uint16_t c = 0; c < rt->cores; c++)
            chunk[c] = atomic_load_explicit(&rt->durable[c], memory_order_acquire);
        if (!(version & 1) &&
            version == atomic_load_explicit(&rt->durable_version, memory_order_relaxed))
            return;
    }
}

/* ---- chunk ---- */

static bool chunk_begin(struct core *core)
{
    if (core->open)
        return true;
    uint64_t published = atomic_load_explicit(&core->published, memory_order_relaxed);
    uint64_t taken = atomic_load_explicit(&core->chunks_taken, memory_order_acquire);
    if (published - taken >= core->runtime->limits.chunk_slots)
        return false; /* J2: nothing is taken in before there is room for what it records */
    struct chunk *chunk = &core->chunks[(published + 1) % core->runtime->limits.chunk_slots];
    chunk->number = published + 1;
    chunk->ts_us = core->now_us;
    chunk->bytes = chunk->records = 0;
    core->open = chunk;
    return true;
}

static bool chunk_has_room(struct core *core)
{
    return chunk_begin(core) &&
           core->runtime->limits.chunk_bytes - core->open->bytes >= RECORD_BYTES_MAX &&
           core->open->records < UINT16_MAX;
}

unsigned char *core_record(struct core *core, uint8_t type, uint8_t flags, uint16_t shard,
                           uint64_t shard_seq, uint32_t bytes)
{
    struct chunk *chunk = core->open;
    ASSERT(chunk != NULL);
    ASSERT(bytes <= RECORD_BYTES_MAX - RECORD_HEAD_BYTES);
    ASSERT(core->runtime->limits.chunk_bytes - chunk->bytes >= RECORD_BYTES_MAX);
    unsigned char *at = chunk->data + chunk->bytes;
    record_head_encode(at, &(struct record_head){.type = type,
                                                 .flags = flags,
                                                 .bytes = (uint16_t)bytes,
                                                 .shard = shard,
                                                 .shard_seq = shard_seq});
    chunk->bytes += RECORD_HEAD_BYTES + bytes;
    chunk->records++;
    counter_add(&core->records, 1);
    return at + RECORD_HEAD_BYTES;
}

uint64_t core_gate(const struct core *core)
{
    if (core->open && core->open->records)
        return core->open->number;
    return atomic_load_explicit(&core->published, memory_order_relaxed);
}

/* ---- queues of actors ---- */

static void queue_push(struct actor_queue *queue, struct actor *actor, bool *queued)
{
    if (*queued)
        return;
    *queued = true;
    queue->item[queue->count++] = actor;
}

void core_want_work(struct core *core, struct actor *actor)
{
    queue_push(&core->work, actor, &actor->work_queued);
}

void core_want_pump(struct core *core, struct actor *actor)
{
    queue_push(&core->pump, actor, &actor->pump_queued);
}

void core_want_durable(struct core *core, struct actor *actor)
{
    queue_push(&core->wait_durable, actor, &actor->durable_queued);
}

/* ---- the turn ---- */

void core_begin(struct core *core)
{
    core->now_us = env_now_us(&core->runtime->env);
    core->taken_now = 0;
    ASSERT(!core->open || core->open->records == 0); /* what a turn records, it publishes */
    if (core->open)
        core->open->ts_us =
            core->now_us; /* an empty chunk left over: it gets this turn's time (S3) */
    if (++core->rotate >= core->runtime->cores)
        core->rotate = 0;
    uint64_t durable =
        atomic_load_explicit(&core->runtime->durable[core->id], memory_order_acquire);
    if (durable == core->durable_seen)
        return;
    core->durable_seen = durable;
    uint32_t count = core->wait_durable.count, kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct actor *actor = core->wait_durable.item[i];
        if (actor->ops->durable(actor, durable))
            core->wait_durable.item[kept++] = actor;
        else
            actor->durable_queued = false;
    }
    core->wait_durable.count = kept;
}

static void run_pump(struct core *core)
{
    uint32_t count = core->pump.count, kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct actor *actor = core->pump.item[i];
        if (actor->ops->pump(actor))
            actor->pump_queued = false;
        else
            core->pump.item[kept++] = actor;
    }
    core->pump.count = kept;
}

/* One unit of work for each actor in line; those with more, or without room, stay in line. */
static uint32_t run_work(struct core *core, uint32_t left)
{
    uint32_t done = 0, kept = 0, count = core->work.count;
    for (uint32_t i = 0; i < count; i++) {
        struct actor *actor = core->work.item[i];
        enum work result = WORK_NO_ROOM;
        if (done < left && chunk_has_room(core))
            result = actor->ops->work(actor);
        if (result != WORK_NO_ROOM)
            done++;
        if (result == WORK_DONE)
            actor->work_queued = false;
        else
            core->work.item[kept++] = actor;
    }
    core->work.count = kept;
    return done;
}

/* Shows an actor the run of messages at a lane's head that are for it. */
static void prefetch_lane(struct core *core, struct lane *lane)
{
    const struct message *ahead[PREFETCH_AHEAD];
    uint32_t ready = lane_ready(lane), count = 0;
    if (ready < 2)
        return;
    const struct message *first = lane_peek(lane);
    struct actor *actor = core->runtime->actor[first->to];
    ASSERT(actor != NULL);
    if (!actor->ops->prefetch)
        return;
    for (; count < ready && count < PREFETCH_AHEAD; count++) {
        ahead[count] = lane_ahead(lane, count);
        if (ahead[count]->to != first->to)
            break;
    }
    actor->ops->prefetch(actor, ahead, count);
}

static uint32_t take_lane(struct core *core, enum lane_class class, struct lane *lane,
                          uint32_t left)
{
    uint32_t done = 0;
    if (left > CLASS_QUOTA)
        left = CLASS_QUOTA;
    while (done < left && chunk_has_room(core)) {
        const struct message *message = lane_peek(lane);
        if (!message)
            break;
        if (done % PREFETCH_AHEAD == 0)
            prefetch_lane(core, lane);
        struct actor *actor = core->runtime->actor[message->to];
        ASSERT(actor != NULL && actor->core == core);
        if (class != CLASS_REQUEST)
            atomic_store_explicit(&core->applying, message, memory_order_relaxed);
        if (actor->ops->take(actor, class, message) == TAKE_NO_ROOM) {
            counter_add(&core->no_room, 1);
            break; /* it stays where it is: order is kept and nothing is lost (C2) */
        }
        lane_drop(lane);
        done++;
    }
    atomic_store_explicit(&core->applying, NULL, memory_order_relaxed);
    if (done)
        lane_return(lane);
    return done;
}

static uint32_t take_class(struct core *core, enum lane_class class, uint32_t left)
{
    uint32_t done = 0;
    for (uint16_t i = 0; i < core->runtime->cores && done < left; i++) {
        uint16_t from = (uint16_t)((core->rotate + i) % core->runtime->cores);
        done += take_lane(core, class, core->in[class][from], left - done);
    }
    return done;
}

static _Thread_local struct core *current;

const struct message *core_applying(void)
{
    return current ? atomic_load_explicit(&current->applying, memory_order_relaxed) : NULL;
}

uint32_t core_take(struct core *core, uint32_t inputs_max)
{
    uint32_t done = 0;
    current = core;
    while (done < inputs_max && chunk_has_room(core)) {
        uint32_t before = done;
        done += take_class(core, CLASS_REPORT, inputs_max - done);
        done += take_class(core, CLASS_ORDER, inputs_max - done);
        done += run_work(core, inputs_max - done);
        done += take_class(core, CLASS_REQUEST, inputs_max - done);
        run_pump(core);
        if (done == before)
            break;
    }
    counter_add(&core->inputs, done);
    core->taken_now += done;
    return done;
}

bool core_publish(struct core *core)
{
    struct chunk *chunk = core->open;
    if (!chunk || chunk->records == 0)
        return false;
    struct runtime *rt = core->runtime;
    for (uint16_t c = 0; c < rt->cores; c++) /* J1 (b): after the lanes were drained */
        chunk->deps[c] = c == core->id
                             ? chunk->number - 1
                             : atomic_load_explicit(&rt->core[c]->published, memory_order_acquire);
    chunk->published_us = env_now_us(&rt->env);
    core->open = NULL;
    atomic_store_explicit(&core->published, chunk->number, memory_order_release); /* J1 (c) */
    FAILPOINT("after-publish");
    return true;
}

void core_release(struct core *core)
{
    struct runtime *rt = core->runtime;
    run_pump(core);
    for (uint16_t to = 0; to < rt->cores; to++) { /* J1 (d) */
        bool any = false;
        for (uint32_t class = 0; class < CLASS_COUNT; class ++)
            any |= lane_release(core->out[class][to]);
        if (any && to != core->id)
            waker_wake(&rt->core[to]->waker);
    }
}

bool core_turn(struct core *core)
{
    core_begin(core);
    core_release(core); /* requests that ingress staged since the last turn */
    uint32_t inputs = core_take(core, core->runtime->limits.inputs_max);
    bool published = core_publish(core);
    core_release(core);
    if (published)
        waker_wake(&core->runtime->journal);
    counter_add(&core->turns, 1);
    return inputs > 0 || published;
}

bool core_has_input(const struct core *core)
{
    struct runtime *rt = core->runtime;
    if (core->work.count)
        return true;
    if (core->wait_durable.count &&
        atomic_load_explicit(&rt->durable[core->id], memory_order_acquire) != core->durable_seen)
        return true;
    for (uint16_t from = 0; from < rt->cores; from++)
        for (uint32_t class = CLASS_REQUEST; class <= CLASS_REPORT; class ++)
            if (lane_depth(core->in[class][from]))
                return true;
    return false;
}
