#include "runtime/core.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CORES = 3,
    CHUNK_SLOTS = 4,
    CHUNK_BYTES = 2 * RECORD_BYTES_MAX,
    INPUTS_MAX = 64,
    SEEN_MAX = 256
};

/* An actor that writes down what it is given and does what the test tells it to. Actor n lives on
 * core n; actor CORES + n too. */
struct probe {
    struct actor actor;
    struct {
        enum lane_class class;
        uint16_t from;
        uint64_t seq;
    } seen[SEEN_MAX];
    uint32_t taken, refuse; /* refuse: TAKE_NO_ROOM so often */
    bool record;            /* one record for each input */
    struct probe *forward;  /* and one message of the next class to this one */
    uint32_t worked, pumped, told;
    enum work work_says[8];
    uint32_t pump_fails;
    bool waits_on; /* what durable() answers */
    uint64_t durable_chunk;
};

static struct runtime rt;
static struct probe probe[2 * CORES];
static int64_t clock_us;

static int64_t test_now_us(void *self)
{
    (void)self;
    return clock_us;
}

static bool send(struct core *core, enum lane_class class, struct actor *to, uint64_t seq)
{
    struct message message = {.from = core->id, .to = to->id, .seq = seq};
    return lane_stage(core->out[class][to->core->id], &message);
}

static enum take probe_take(struct actor *actor, enum lane_class class,
                            const struct message *message)
{
    struct probe *self = (struct probe *)actor;
    if (self->refuse) {
        self->refuse--;
        return TAKE_NO_ROOM;
    }
    cr_assert_lt(self->taken, SEEN_MAX);
    self->seen[self->taken].class = class;
    self->seen[self->taken].from = message->from;
    self->seen[self->taken].seq = message->seq;
    self->taken++;
    if (self->record)
        put_u64(core_record(actor->core, 7, 9, actor->id, self->taken, 8), message->seq);
    if (self->forward)
        cr_assert(send(actor->core, class + 1, &self->forward->actor, message->seq));
    return TAKE_DONE;
}

static enum work probe_work(struct actor *actor)
{
    struct probe *self = (struct probe *)actor;
    return self->work_says[self->worked++ % 8];
}

static bool probe_pump(struct actor *actor)
{
    struct probe *self = (struct probe *)actor;
    self->pumped++;
    if (!self->pump_fails)
        return true;
    self->pump_fails--;
    return false;
}

static bool probe_durable(struct actor *actor, uint64_t chunk)
{
    struct probe *self = (struct probe *)actor;
    self->told++;
    self->durable_chunk = chunk;
    return self->waits_on;
}

static void open_runtime(void)
{
    static const struct env_ops env = {.now_us = test_now_us};
    static const struct actor_ops ops = {
        .take = probe_take, .work = probe_work, .pump = probe_pump, .durable = probe_durable};
    static const struct core_limits limits = {.lane = {128, 128, 128, 128, 128},
                                              .chunk_slots = CHUNK_SLOTS,
                                              .chunk_bytes = CHUNK_BYTES,
                                              .inputs_max = INPUTS_MAX};
    clock_us = 1000;
    memset(probe, 0, sizeof probe);
    runtime_init(&rt, (struct env){.ops = &env}, CORES, &limits, 2 * CORES);
    for (uint16_t i = 0; i < 2 * CORES; i++)
        runtime_place(&rt, &probe[i].actor, &ops, i, i % CORES);
}

static void close_runtime(void)
{
    runtime_fini(&rt);
}

/* A message for actor `to`, as another core would have sent it in a turn of its own. */
static void deliver(uint16_t from, enum lane_class class, uint16_t to, uint64_t seq)
{
    cr_assert(send(rt.core[from], class, &probe[to].actor, seq));
    lane_release(rt.core[from]->out[class][probe[to].actor.core->id]);
}

static uint32_t depth(uint16_t from, enum lane_class class, uint16_t to_core)
{
    return lane_depth(rt.core[to_core]->in[class][from]);
}

static uint64_t published(uint16_t core)
{
    return atomic_load(&rt.core[core]->published);
}

/* Publishes one chunk of `core` that holds one record. */
static void publish_one(uint16_t core)
{
    core_begin(rt.core[core]);
    core_take(rt.core[core], 1); /* nothing waits: it begins the chunk */
    cr_assert(rt.core[core]->open != NULL);
    core_record(rt.core[core], 1, 0, core, 1, 0);
    cr_assert(core_publish(rt.core[core]));
    core_release(rt.core[core]);
}

TestSuite(core_order, .init = open_runtime, .fini = close_runtime);
TestSuite(core_room, .init = open_runtime, .fini = close_runtime);
TestSuite(core_drain, .init = open_runtime, .fini = close_runtime);
TestSuite(core_queues, .init = open_runtime, .fini = close_runtime);
TestSuite(core_gate, .init = open_runtime, .fini = close_runtime);
TestSuite(core_waker, .init = open_runtime, .fini = close_runtime);
TestSuite(core_durable, .init = open_runtime, .fini = close_runtime);
TestSuite(core_times, .init = open_runtime, .fini = close_runtime);

/* ---- J1: order within a turn ---- */

/* Goal: J1, (c) before (d): an effect leaves the core only after its cause is published. Method:
 * the four steps one by one, looking at the receiver's lane between them. */
Test(core_order, a_message_for_another_core_is_invisible_until_release)
{
    probe[0].record = true;
    probe[0].forward = &probe[1];
    deliver(2, CLASS_ORDER, 0, 77);
    core_begin(rt.core[0]);
    cr_assert_eq(core_take(rt.core[0], INPUTS_MAX), 1);
    cr_assert_eq(depth(0, CLASS_REPORT, 1), 0, "after take");
    cr_assert_eq(published(0), 0);
    cr_assert(core_publish(rt.core[0]));
    cr_assert_eq(published(0), 1);
    cr_assert_eq(depth(0, CLASS_REPORT, 1), 0, "after publish");
    core_release(rt.core[0]);
    cr_assert_eq(depth(0, CLASS_REPORT, 1), 1, "after release");
    core_begin(rt.core[1]);
    cr_assert_eq(core_take(rt.core[1], INPUTS_MAX), 1);
    cr_assert_eq(probe[1].seen[0].seq, 77);
}

/* Goal: the same of a whole turn. Method: core_turn, then look: published and visible. */
Test(core_order, a_whole_turn_publishes_and_then_sends)
{
    probe[0].record = true;
    probe[0].forward = &probe[1];
    deliver(2, CLASS_REQUEST, 0, 5);
    cr_assert(core_turn(rt.core[0]));
    cr_assert_eq(published(0), 1);
    cr_assert_eq(depth(0, CLASS_ORDER, 1), 1);
    cr_assert(!core_turn(rt.core[0]), "nothing was left to do");
    cr_assert_eq(published(0), 1, "an empty chunk was published");
}

/* Goal: shards of one core talk within a turn, cause and effect in one chunk (J1). Method: request
 * -> order -> report among actors 0 and 3 of core 0. */
Test(core_order, a_message_for_the_same_core_is_taken_in_the_same_turn)
{
    probe[0].record = probe[3].record = true;
    probe[0].forward = &probe[3];
    deliver(1, CLASS_REQUEST, 0, 5);
    core_begin(rt.core[0]);
    cr_assert_eq(core_take(rt.core[0], INPUTS_MAX), 2);
    cr_assert_eq(probe[3].taken, 1);
    cr_assert_eq(probe[3].seen[0].class, CLASS_ORDER);
    cr_assert(core_publish(rt.core[0]));
    const struct chunk *chunk = &rt.core[0]->chunks[1];
    struct record_head head;
    cr_assert_eq(chunk->records, 2);
    record_head_decode(chunk->data, &head);
    cr_assert_eq(head.shard, 0, "the cause comes first");
    record_head_decode(chunk->data + RECORD_HEAD_BYTES + 8, &head);
    cr_assert_eq(head.shard, 3);
}

/* Goal: J1 (b): deps are read after the lanes were drained. Method: core 1 publishes while core 0's
 * chunk is open, core 2 before. */
Test(core_order, dependencies_are_read_when_the_chunk_is_published)
{
    publish_one(2);
    core_begin(rt.core[0]);
    core_take(rt.core[0], 1);
    core_record(rt.core[0], 1, 0, 0, 1, 0);
    publish_one(1);
    publish_one(1);
    cr_assert(core_publish(rt.core[0]));
    const struct chunk *chunk = &rt.core[0]->chunks[1];
    cr_assert_eq(chunk->number, 1);
    cr_assert_eq(chunk->deps[0], 0, "its own: the chunk before it");
    cr_assert_eq(chunk->deps[1], 2);
    cr_assert_eq(chunk->deps[2], 1);
    publish_one(0);
    cr_assert_eq(rt.core[0]->chunks[2].deps[0], 1);
}

/* Goal: what is written is what replay reads. Method: decode the chunk's bytes. */
Test(core_order, a_record_is_in_the_chunk_with_the_turns_time)
{
    clock_us = 123456;
    probe[0].record = true;
    deliver(1, CLASS_ORDER, 0, 0xABCDEF);
    deliver(1, CLASS_ORDER, 0, 0x123456);
    cr_assert(core_turn(rt.core[0]));
    const struct chunk *chunk = &rt.core[0]->chunks[1];
    cr_assert_eq(chunk->ts_us, 123456);
    cr_assert_eq(chunk->records, 2);
    cr_assert_eq(chunk->bytes, 2 * (RECORD_HEAD_BYTES + 8));
    cr_assert(records_well_formed(chunk->data, chunk->bytes, chunk->records));
    struct record_head head;
    record_head_decode(chunk->data, &head);
    cr_assert_eq(head.type, 7);
    cr_assert_eq(head.flags, 9);
    cr_assert_eq(head.bytes, 8);
    cr_assert_eq(head.shard_seq, 1);
    cr_assert_eq(get_u64(chunk->data + RECORD_HEAD_BYTES), 0xABCDEF);
    record_head_decode(chunk->data + RECORD_HEAD_BYTES + 8, &head);
    cr_assert_eq(head.shard_seq, 2);
    cr_assert_eq(rt.core[0]->records, 2);
}

/* ---- J2 and C2: room ---- */

/* Goal: J2: with every chunk slot waiting for the journal nothing is taken, neither messages nor
 * work. Method: fill the slots, look, let the journal take one. */
Test(core_room, with_all_chunk_slots_full_nothing_is_taken)
{
    for (int i = 0; i < CHUNK_SLOTS; i++)
        publish_one(0);
    for (enum lane_class class = CLASS_REQUEST; class <= CLASS_REPORT; class ++)
        deliver(1, class, 0, class);
    core_want_work(rt.core[0], &probe[0].actor);
    for (int i = 0; i < 3; i++)
        cr_assert(!core_turn(rt.core[0]));
    cr_assert_eq(probe[0].taken, 0);
    cr_assert_eq(probe[0].worked, 0);
    cr_assert_eq(published(0), CHUNK_SLOTS);
    for (enum lane_class class = CLASS_REQUEST; class <= CLASS_REPORT; class ++)
        cr_assert_eq(depth(1, class, 0), 1);
    atomic_store(&rt.core[0]->chunks_taken, 1);
    cr_assert(core_turn(rt.core[0]));
    cr_assert_eq(probe[0].taken, 3);
    cr_assert_eq(probe[0].worked, 1);
}

/* Goal: what waits in an outbox still moves then: a full journal must not stop what is published.
 * Method: as above, with a pump in line. */
Test(core_room, with_all_chunk_slots_full_outboxes_are_still_pumped)
{
    for (int i = 0; i < CHUNK_SLOTS; i++)
        publish_one(0);
    core_want_pump(rt.core[0], &probe[0].actor);
    core_turn(rt.core[0]);
    cr_assert_eq(probe[0].pumped, 1);
}

/* Goal: a record always fits: an input is taken only with RECORD_BYTES_MAX left. Method: inputs
 * that record 24 bytes each; count them. */
Test(core_room, an_input_without_room_in_the_chunk_stays)
{
    enum { EACH = RECORD_HEAD_BYTES + 8, FIT = (CHUNK_BYTES - RECORD_BYTES_MAX) / EACH + 1 };
    probe[0].record = true;
    for (uint64_t i = 1; i <= FIT + 5; i++)
        deliver(1, CLASS_ORDER, 0, i);
    cr_assert(core_turn(rt.core[0]));
    cr_assert_eq(probe[0].taken, FIT);
    cr_assert_eq(depth(1, CLASS_ORDER, 0), 5);
    cr_assert(core_turn(rt.core[0]));
    cr_assert_eq(probe[0].taken, FIT + 5);
    for (uint32_t i = 0; i < FIT + 5; i++)
        cr_assert_eq(probe[0].seen[i].seq, i + 1, "order");
}

/* Goal: C2: an input without room stays at the head of its lane, in order, and does not hold up the
 * others. Method: an actor that refuses twice. */
Test(core_room, a_message_that_is_not_taken_stays_at_the_head)
{
    deliver(1, CLASS_ORDER, 0, 1);
    deliver(1, CLASS_ORDER, 0, 2);
    deliver(1, CLASS_REQUEST, 3, 10);
    probe[0].refuse = 2;
    core_turn(rt.core[0]);
    cr_assert_eq(probe[0].taken, 0, "refused in the first round, and again in the second");
    cr_assert_eq(probe[3].taken, 1, "another lane's input was held up");
    cr_assert_eq(depth(1, CLASS_ORDER, 0), 2);
    cr_assert_eq(rt.core[0]->no_room, 2);
    core_turn(rt.core[0]);
    cr_assert_eq(probe[0].taken, 2);
    cr_assert_eq(probe[0].seen[0].seq, 1);
    cr_assert_eq(probe[0].seen[1].seq, 2);
}

/* Goal: a turn is bounded. Method: more inputs than inputs_max. */
Test(core_room, a_turn_takes_no_more_than_its_limit)
{
    for (uint64_t i = 0; i < 100; i++)
        deliver(1, CLASS_ORDER, 0, i);
    core_begin(rt.core[0]);
    cr_assert_eq(core_take(rt.core[0], 10), 10);
    cr_assert_eq(core_take(rt.core[0], 0), 0);
    cr_assert_eq(core_take(rt.core[0], 1), 1);
    cr_assert_eq(rt.core[0]->taken_now, 11);
    cr_assert_eq(probe[0].taken, 11);
}

/* Goal: a record without room asked for is a bug. Method: the assert fires, in a child process. */
Test(core_room, recording_without_an_open_chunk_is_a_bug, .signal = SIGABRT)
{
    core_record(rt.core[0], 1, 0, 0, 1, 0);
}

/* Goal: so is a record longer than the room that was checked. Method: as above. */
Test(core_room, recording_more_than_the_maximum_is_a_bug, .signal = SIGABRT)
{
    core_begin(rt.core[0]);
    core_take(rt.core[0], 1);
    core_record(rt.core[0], 1, 0, 0, 1, RECORD_BYTES_MAX - RECORD_HEAD_BYTES + 1);
}

/* Goal: the longest record fits. Method: write all of it. */
Test(core_room, the_longest_record_fits_its_chunk)
{
    core_begin(rt.core[0]);
    core_take(rt.core[0], 1);
    uint32_t bytes = RECORD_BYTES_MAX - RECORD_HEAD_BYTES;
    for (int i = 0; i < CHUNK_BYTES / RECORD_BYTES_MAX; i++)
        memset(core_record(rt.core[0], 1, 0, 0, 1, bytes), 0xFF, bytes);
    cr_assert_eq(rt.core[0]->open->bytes, CHUNK_BYTES);
}

/* ---- C7, P3: who is drained when ---- */

/* Goal: class 3 before 2 before 1 (C7). Method: one of each, delivered the other way round. */
Test(core_drain, reports_come_before_orders_before_requests)
{
    for (enum lane_class class = CLASS_REQUEST; class <= CLASS_REPORT; class ++)
        for (uint16_t from = 0; from < CORES; from++)
            deliver(from, class, 0, 1);
    core_turn(rt.core[0]);
    cr_assert_eq(probe[0].taken, 9);
    for (uint32_t i = 0; i < 9; i++)
        cr_assert_eq(probe[0].seen[i].class, CLASS_REPORT - i / 3, "input %u", i);
}

/* Goal: class 4 lanes are an ingress core's to read; a core does not take them. Method: deliver. */
Test(core_drain, out_lanes_are_left_alone)
{
    deliver(1, CLASS_OUT, 0, 1);
    deliver(1, CLASS_MARKET, 0, 1);
    cr_assert(!core_turn(rt.core[0]));
    cr_assert(!core_has_input(rt.core[0]));
    cr_assert_eq(depth(1, CLASS_OUT, 0), 1);
    cr_assert_eq(depth(1, CLASS_MARKET, 0), 1);
}

/* Goal: P3: nobody is always first. Method: one input a turn, every lane full; over 9 turns each
 * sender is served three times, in rotation. */
Test(core_drain, the_sender_who_is_first_rotates)
{
    for (uint16_t from = 0; from < CORES; from++)
        for (uint64_t i = 0; i < 10; i++)
            deliver(from, CLASS_ORDER, 0, i);
    for (uint32_t turn = 0; turn < 9; turn++) {
        core_begin(rt.core[0]);
        cr_assert_eq(core_take(rt.core[0], 1), 1);
        if (turn)
            cr_assert_eq(probe[0].seen[turn].from, (probe[0].seen[turn - 1].from + 1) % CORES);
    }
}

/* Goal: C7: a flood on one lane does not starve the next. Method: 100 from one core, one from
 * another; the one is taken before the flood's last. */
Test(core_drain, a_flood_from_one_core_leaves_room_for_the_others)
{
    for (int turn = 0; turn < CORES; turn++) { /* whoever is first */
        uint32_t before = probe[0].taken;
        for (uint64_t i = 0; i < 70; i++)
            deliver(1, CLASS_ORDER, 0, i);
        deliver(2, CLASS_ORDER, 0, 1000);
        core_begin(rt.core[0]);
        cr_assert_eq(core_take(rt.core[0], 1000), 71);
        uint32_t at = before;
        while (probe[0].seen[at].from != 2)
            at++;
        cr_assert_leq(at - before, 64);
    }
}

/* Goal: a class 2 input may cause class 3 messages to the same core; they are taken before the next
 * requests. Method: actor 0 forwards to actor 3 while many requests wait. */
Test(core_drain, what_an_input_causes_is_taken_before_more_requests)
{
    probe[0].forward = &probe[3];
    probe[3].forward = NULL;
    for (uint64_t i = 0; i < 5; i++)
        deliver(1, CLASS_REQUEST, 0, i);
    core_begin(rt.core[0]);
    core_take(rt.core[0], 7);
    cr_assert_eq(probe[0].taken, 5);
    cr_assert_eq(probe[3].taken, 2, "the limit cut the second round");
}

/* Goal: an input for an actor of another core is our bug. Method: the assert fires. */
Test(core_drain, a_message_for_an_actor_elsewhere_is_a_bug, .signal = SIGABRT)
{
    struct message message = {.from = 1, .to = 2};
    if (lane_stage(rt.core[1]->out[CLASS_ORDER][0], &message))
        core_turn(rt.core[1]);
    core_turn(rt.core[0]);
}

/* ---- work, pump ---- */

/* Goal: work is done by units, stays in line while there is more, and leaves it when done. Method:
 * an actor with three units, then one without room. */
Test(core_queues, work_stays_in_line_until_it_is_done)
{
    enum work says[8] = {WORK_MORE, WORK_NO_ROOM, WORK_MORE, WORK_DONE, WORK_DONE};
    memcpy(probe[0].work_says, says, sizeof says);
    core_want_work(rt.core[0], &probe[0].actor);
    core_want_work(rt.core[0], &probe[0].actor);
    cr_assert_eq(rt.core[0]->work.count, 1, "in line once");
    core_begin(rt.core[0]);
    cr_assert_eq(core_take(rt.core[0], INPUTS_MAX), 1, "one unit, then no room");
    cr_assert_eq(probe[0].worked, 2);
    cr_assert(core_has_input(rt.core[0]));
    cr_assert_eq(core_take(rt.core[0], INPUTS_MAX), 2);
    cr_assert_eq(probe[0].worked, 4);
    cr_assert_eq(rt.core[0]->work.count, 0);
    cr_assert(!core_has_input(rt.core[0]));
    core_want_work(rt.core[0], &probe[0].actor);
    cr_assert_eq(core_take(rt.core[0], INPUTS_MAX), 1, "it can get in line again");
}

/* Goal: work counts as inputs and is bounded as they are. Method: two actors without end. */
Test(core_queues, work_is_bounded_by_the_turns_limit)
{
    for (int i = 0; i < 8; i++)
        probe[0].work_says[i] = probe[3].work_says[i] = WORK_MORE;
    core_want_work(rt.core[0], &probe[0].actor);
    core_want_work(rt.core[0], &probe[3].actor);
    core_begin(rt.core[0]);
    cr_assert_eq(core_take(rt.core[0], 9), 9);
    cr_assert_eq(probe[0].worked + probe[3].worked, 9);
    cr_assert_eq(rt.core[0]->work.count, 2);
}

/* Goal: an outbox that could not empty stays in line. Method: fail twice. */
Test(core_queues, a_pump_stays_in_line_until_all_fits)
{
    probe[0].pump_fails = 2;
    core_want_pump(rt.core[0], &probe[0].actor);
    core_want_pump(rt.core[0], &probe[0].actor);
    for (uint32_t i = 1; i <= 5; i++) {
        core_release(rt.core[0]);
        cr_assert_eq(probe[0].pumped, i < 3 ? i : 3);
    }
    core_want_pump(rt.core[0], &probe[0].actor);
    core_release(rt.core[0]);
    cr_assert_eq(probe[0].pumped, 4);
}

/* Goal: durable() is called once for each move of the durable chunk, while the actor waits. Method:
 * move it, do not move it, stop waiting. */
Test(core_queues, durable_is_told_once_for_each_move)
{
    uint64_t durable[CORES_MAX] = {1, 9, 9};
    probe[0].waits_on = true;
    core_want_durable(rt.core[0], &probe[0].actor);
    core_want_durable(rt.core[0], &probe[0].actor);
    core_begin(rt.core[0]);
    cr_assert_eq(probe[0].told, 0, "nothing has moved");
    cr_assert(!core_has_input(rt.core[0]));
    runtime_set_durable(&rt, durable);
    cr_assert(core_has_input(rt.core[0]));
    core_begin(rt.core[0]);
    core_begin(rt.core[0]);
    cr_assert_eq(probe[0].told, 1);
    cr_assert_eq(probe[0].durable_chunk, 1, "its own core's");
    durable[0] = 4;
    probe[0].waits_on = false;
    runtime_set_durable(&rt, durable);
    core_begin(rt.core[0]);
    cr_assert_eq(probe[0].durable_chunk, 4);
    durable[0] = 5;
    runtime_set_durable(&rt, durable);
    cr_assert(!core_has_input(rt.core[0]), "nobody waits");
    core_begin(rt.core[0]);
    cr_assert_eq(probe[0].told, 2);
    durable[0] = 6;
    core_want_durable(rt.core[0], &probe[0].actor);
    runtime_set_durable(&rt, durable);
    core_begin(rt.core[0]);
    cr_assert_eq(probe[0].told, 3, "it can get in line again");
}

/* Goal: a sleeping core is woken for what it would take. Method: one lane after another. */
Test(core_queues, has_input_sees_every_lane_it_drains)
{
    for (enum lane_class class = CLASS_REQUEST; class <= CLASS_REPORT; class ++)
        for (uint16_t from = 0; from < CORES; from++) {
            cr_assert(!core_has_input(rt.core[0]));
            deliver(from, class, 0, 1);
            cr_assert(core_has_input(rt.core[0]), "class %d from core %u", class, from);
            cr_assert(core_turn(rt.core[0]));
        }
}

/* ---- what a message rests on ---- */

/* Goal: §2.5: the open chunk if it has records, else the last published one. Method: ask at each
 * step of two turns. */
Test(core_gate, is_the_open_chunk_once_it_has_records)
{
    struct core *core = rt.core[0];
    cr_assert_eq(core_gate(core), 0, "before anything");
    core_begin(core);
    core_take(core, 1);
    cr_assert(core->open != NULL);
    cr_assert_eq(core_gate(core), 0, "an open chunk without records");
    core_record(core, 1, 0, 0, 1, 0);
    cr_assert_eq(core_gate(core), 1, "with a record");
    cr_assert(core_publish(core));
    cr_assert_eq(core_gate(core), 1, "published");
    core_begin(core);
    core_take(core, 1);
    cr_assert_eq(core_gate(core), 1, "the next chunk has no records yet");
    core_record(core, 1, 0, 0, 2, 0);
    cr_assert_eq(core_gate(core), 2);
}

/* Goal: an empty turn publishes nothing and keeps its chunk. Method: turns without records. */
Test(core_gate, a_turn_without_records_publishes_nothing)
{
    for (int i = 0; i < 10; i++) {
        deliver(1, CLASS_REQUEST, 0, 1);
        cr_assert(core_turn(rt.core[0]), "it took something");
        cr_assert_eq(published(0), 0);
    }
    cr_assert_eq(core_gate(rt.core[0]), 0);
}

/* Goal: chunks are numbered 1, 2, 3 and reuse their slots in turn. Method: the journal keeps up. */
Test(core_gate, chunk_numbers_are_dense)
{
    for (uint64_t i = 1; i <= 5 * CHUNK_SLOTS; i++) {
        publish_one(0);
        cr_assert_eq(published(0), i);
        cr_assert_eq(rt.core[0]->chunks[i % CHUNK_SLOTS].number, i);
        atomic_store(&rt.core[0]->chunks_taken, i);
    }
}

/* ---- durable[] ---- */

/* Goal: what the journal says is what anybody reads. Method: set, ask, and take a cut. */
Test(core_durable, is_read_as_it_was_set)
{
    uint64_t durable[CORES_MAX] = {3, 0, 8}, cut[CORES_MAX] = {0};
    cr_assert(runtime_durable(&rt, 0, 0));
    cr_assert(!runtime_durable(&rt, 0, 1));
    runtime_set_durable(&rt, durable);
    cr_assert(runtime_durable(&rt, 0, 3));
    cr_assert(!runtime_durable(&rt, 0, 4));
    cr_assert(!runtime_durable(&rt, 1, 1));
    cr_assert(runtime_durable(&rt, 2, 8));
    runtime_durable_cut(&rt, cut);
    cr_assert_eq(memcmp(cut, durable, CORES * sizeof cut[0]), 0);
    cr_assert_eq(atomic_load(&rt.durable_version) % 2, 0);
}

/* ---- wakers ---- */

static uint64_t wakes(int fd)
{
    uint64_t count = 0;
    return read(fd, &count, sizeof count) == sizeof count ? count : 0;
}

static int open_fd(struct waker *waker)
{
    waker->fd = eventfd(0, EFD_NONBLOCK);
    cr_assert_geq(waker->fd, 0);
    return waker->fd;
}

/* Goal: a wake costs a system call only when somebody sleeps, and is told once. Method: count. */
Test(core_waker, writes_only_when_somebody_sleeps)
{
    struct waker waker = {.fd = -1};
    atomic_store(&waker.sleeping, 1);
    waker_wake(&waker); /* nobody could sleep here: nothing is written to fd -1 */
    cr_assert_eq(atomic_load(&waker.sleeping), 1);
    int fd = open_fd(&waker);
    atomic_store(&waker.sleeping, 0);
    waker_wake(&waker);
    cr_assert_eq(wakes(fd), 0);
    atomic_store(&waker.sleeping, 1);
    waker_wake(&waker);
    waker_wake(&waker);
    cr_assert_eq(wakes(fd), 1);
    cr_assert_eq(atomic_load(&waker.sleeping), 0);
    close(fd);
}

/* Goal: core_release wakes those it sent something, and only those. Method: three sleepers. */
Test(core_waker, release_wakes_the_receivers_of_messages)
{
    int fd[CORES];
    for (uint16_t c = 0; c < CORES; c++) {
        fd[c] = open_fd(&rt.core[c]->waker);
        atomic_store(&rt.core[c]->waker.sleeping, 1);
    }
    core_release(rt.core[0]);
    for (uint16_t c = 0; c < CORES; c++)
        cr_assert_eq(wakes(fd[c]), 0, "nothing was sent");
    cr_assert(send(rt.core[0], CLASS_OUT, &probe[2].actor, 1));
    cr_assert(send(rt.core[0], CLASS_ORDER, &probe[0].actor, 1));
    core_release(rt.core[0]);
    cr_assert_eq(wakes(fd[0]), 0, "it is awake: it runs");
    cr_assert_eq(wakes(fd[1]), 0);
    cr_assert_eq(wakes(fd[2]), 1);
    for (uint16_t c = 0; c < CORES; c++)
        close(fd[c]);
}

/* Goal: the journal is woken by a chunk and by nothing else. Method: turns with and without. */
Test(core_waker, the_journal_is_woken_by_a_chunk)
{
    int fd = open_fd(&rt.journal);
    atomic_store(&rt.journal.sleeping, 1);
    deliver(1, CLASS_ORDER, 0, 1);
    cr_assert(core_turn(rt.core[0]));
    cr_assert_eq(wakes(fd), 0, "no record, no chunk");
    probe[0].record = true;
    deliver(1, CLASS_ORDER, 0, 2);
    cr_assert(core_turn(rt.core[0]));
    cr_assert_eq(wakes(fd), 1);
    close(fd);
}

/* Goal: what ingress staged between turns goes out even if the core takes nothing. Method: stage,
 * run a turn with every chunk slot full. */
Test(core_waker, what_was_staged_between_turns_leaves_with_the_next)
{
    for (int i = 0; i < CHUNK_SLOTS; i++)
        publish_one(0);
    cr_assert(send(rt.core[0], CLASS_REQUEST, &probe[1].actor, 1));
    core_turn(rt.core[0]);
    cr_assert_eq(depth(0, CLASS_REQUEST, 1), 1);
}

/* ---- times, for metrics ---- */

Test(core_times, a_chunk_says_when_it_was_published)
{
    clock_us = 5000;
    publish_one(0);
    cr_assert_eq(rt.core[0]->chunks[1].published_us, 5000);
}

/* Goal: the newest chunks of a core say when they became durable, older ones nothing. Method: steps
 * of one chunk, of many, and of more than are remembered. */
Test(core_times, the_newest_chunks_say_when_they_became_durable)
{
    static const uint64_t step[] = {1, 2, 12, 500, 501};
    uint64_t durable[CORES_MAX] = {0}, before = 0;
    for (uint32_t i = 0; i < sizeof step / sizeof *step; i++) {
        clock_us = 7000 + i;
        durable[1] = step[i];
        runtime_set_durable(&rt, durable);
        for (uint64_t chunk = before + 1; chunk <= step[i]; chunk++)
            cr_assert_eq(runtime_durable_us(&rt, 1, chunk),
                         step[i] - chunk < DURABLE_TIMES ? clock_us : 0, "chunk %lu", chunk);
        before = step[i];
    }
    cr_assert_eq(runtime_durable_us(&rt, 1, 500), 7003, "an older one keeps its time");
    cr_assert_eq(runtime_durable_us(&rt, 0, 0), 0, "before the first chunk");
}
