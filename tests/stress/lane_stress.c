/* lane_stress.c - lanes and wakers between two real threads: order, bounds, no lost wake-up.
 *
 * Use:     lane_stress [--seed N] [--bug NAME]; a plain program, for TSan and for normal builds.
 *          TSan needs no suppression, but with gcc it needs -fno-builtin-memcpy: a 64-byte copy
 * that gcc expands in place is not instrumented, and a race on a slot goes unseen. Method:  bounds
 * one thread: a lane of n takes n messages, says full to the next, and takes one more for each slot
 * that comes back; inlined lanes too. stream   two threads, numbered messages with a checksum,
 * random batches on both ends, capacities 1 to 5 and 1,024, counters starting near their
 * wrap-around: order, no loss, no double, no torn slot, never more in flight than the capacity.
 *          sleep    two threads hand a message to and fro and sleep on their wakers as
 * runtime/core.h says, with random pauses that make "goes to sleep" and "is woken" meet. A poll
 * that runs out of its 5 s is a lost wake-up. Bugs:    --bug plants one: the program must then
 * fail, or TSan must report. It proves that the checks bite. Exit:    0 and "lane_stress: ok ...";
 * 1 and what was wrong; 2 for bad arguments.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <ck_pr.h>

#include "runtime/core.h"
#include "runtime/hash.h"
#include "runtime/lane.h"
#include "runtime/mem.h"

#ifdef LANE_TSAN
enum { STREAM_MESSAGES = 40000, HANDOVERS = 10000 };
#else
enum { STREAM_MESSAGES = 300000, HANDOVERS = 20000 };
#endif
enum { LOST_AFTER_MS = 5000, BATCH_MAX = 40, BODY_WORDS = 5 };

static const uint32_t capacities[] = {1, 2, 3, 4, 5, 1024};

enum bug {
    BUG_NONE,
    BUG_RELEASE_BEFORE_WRITE, /* the producer publishes a slot, then writes it */
    BUG_RETURN_BEFORE_READ,   /* the consumer hands a slot back, then reads it */
    BUG_NO_SECOND_LOOK,       /* the sleeper does not look again after it said that it sleeps */
    BUG_NO_WAKE,              /* the producer does not wake */
};
static const char *const bug_names[] = {"none", "release-before-write", "return-before-read",
                                        "no-second-look", "no-wake"};

static enum bug bug;
static uint64_t seed = 1;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("lane_stress: FAILED (seed %" PRIu64 "): ", seed);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    _exit(1); /* the other thread is in the middle of something */
}

#define CHECK(expr, ...)                                                                           \
    do {                                                                                           \
        if (!(expr))                                                                               \
            fail(__VA_ARGS__);                                                                     \
    } while (0)

static uint64_t random_next(uint64_t *state)
{
    return hash_mix(*state += 0x9E3779B97F4A7C15ull);
}

/* Lets the other thread run when there are fewer free cores than threads. */
static void wait_a_little(uint32_t *tries)
{
    if (++*tries % 64 == 0)
        sched_yield();
    else
        ck_pr_stall();
}

/* ---- messages that can be checked ---- */

static void message_make(struct message *message, uint64_t number)
{
    uint64_t word[BODY_WORDS], state = seed ^ number;
    for (uint32_t i = 0; i < BODY_WORDS - 1; i++)
        word[i] = random_next(&state);
    *message = (struct message){.type = (uint8_t)number, .seq = number, .ts_us = (int64_t)~number};
    word[BODY_WORDS - 1] = hash_bytes(number, word, sizeof word - sizeof word[0]);
    _Static_assert(sizeof word == sizeof message->body, "the whole body is checked");
    memcpy(message->body, word, sizeof word);
}

static void message_check(const struct message *message, uint64_t number)
{
    uint64_t word[BODY_WORDS];
    memcpy(word, message->body, sizeof word);
    CHECK(message->seq == number, "message %" PRIu64 " where %" PRIu64 " should be", message->seq,
          number);
    CHECK(message->ts_us == (int64_t)~number && message->type == (uint8_t)number,
          "message %" PRIu64 ": a torn head", number);
    CHECK(word[BODY_WORDS - 1] == hash_bytes(number, word, sizeof word - sizeof word[0]),
          "message %" PRIu64 ": a torn body", number);
}

/* An empty lane. Its counters start `before_wrap` below zero, so that they wrap early in the test.
 */
static struct lane *lane_make(uint32_t capacity, bool inlined, uint32_t before_wrap)
{
    struct lane *lane = lane_init(mem_reserve(lane_size(capacity)), capacity, inlined);
    uint32_t at = 0u - before_wrap;
    lane->ring.p_tail = lane->ring.c_head = at;
    lane->staged = lane->head_seen = lane->next = lane->tail_seen = at;
    return lane;
}

/* ---- bounds: full is an answer ---- */

static void take_one(struct lane *lane, uint64_t number)
{
    const void *message = lane_peek(lane);
    CHECK(message != NULL, "bounds: message %" PRIu64 " is missing", number);
    message_check(message, number);
    lane_drop(lane);
}

static void bounds(uint32_t capacity, bool inlined)
{
    struct lane *lane = lane_make(capacity, inlined, capacity / 2);
    struct message message;
    uint64_t in = 0, out = 0;
    CHECK(lane_peek(lane) == NULL, "bounds: an empty lane of %u has a message", capacity);
    for (uint32_t round = 0; round < 5; round++) {
        while (in - out < capacity) {
            message_make(&message, in++);
            CHECK(lane_stage(lane, &message), "bounds: a lane of %u is full with %" PRIu64,
                  capacity, in - 1 - out);
        }
        uint64_t full = lane->full;
        CHECK(!lane_stage(lane, &message), "bounds: a lane of %u took one too many", capacity);
        CHECK(lane->full == full + 1, "bounds: a refusal was not counted");
        CHECK(lane_room(lane, 1) == 0, "bounds: a full lane of %u has room", capacity);
        CHECK(inlined || lane_refresh(lane) == 0 || round > 0, "bounds: seen before the release");
        lane_release(lane);
        CHECK(lane_depth(lane) == capacity, "bounds: depth %u of %u", lane_depth(lane), capacity);
        take_one(lane, out);
        CHECK(!lane_stage(lane, &message), "bounds: a slot was used before it was handed back");
        lane_return(lane);
        out++;
        message_make(&message, in++);
        CHECK(lane_stage(lane, &message), "bounds: a slot handed back cannot be used");
        lane_release(lane);
        for (uint32_t left = capacity; left > round % capacity; left--)
            take_one(lane, out++);
        lane_return(lane);
    }
    mem_release(lane, lane_size(capacity));
}

/* ---- stream: two threads ---- */

struct stream {
    struct lane *lane;
    /* Told by the consumer before it hands slots back, so the producer never counts too few. */
    _Atomic uint64_t returned;
};

/* Stages a message; true when it fitted. */
static bool stream_stage(struct lane *lane, const struct message *message)
{
    if (bug != BUG_RELEASE_BEFORE_WRITE)
        return lane_stage(lane, message);
    if (lane_room(lane, 1) == 0)
        return false;
    struct lane_slot *slot = &lane->slots[lane->staged++ & lane->ring.mask];
    lane_release(lane);
    memcpy(slot, message, sizeof *slot);
    return true;
}

static void *stream_produce(void *arg)
{
    struct stream *stream = arg;
    struct lane *lane = stream->lane;
    uint64_t state = seed + lane->capacity, number = 0;
    uint32_t tries = 0;
    struct message message;
    message_make(&message, 0);
    while (number < STREAM_MESSAGES) {
        uint64_t batch = 1 + random_next(&state) % BATCH_MAX;
        bool full = false;
        while (batch-- && number < STREAM_MESSAGES && !full) {
            full = !stream_stage(lane, &message);
            if (full)
                break;
            ck_pr_fence_load();
            uint64_t flying =
                number + 1 - atomic_load_explicit(&stream->returned, memory_order_relaxed);
            CHECK(flying <= lane->capacity, "stream: %" PRIu64 " in flight in a lane of %u", flying,
                  lane->capacity);
            message_make(&message, ++number);
        }
        lane_release(lane);
        if (full)
            wait_a_little(&tries);
    }
    return NULL;
}

/* Takes up to `batch` messages; returns how many. */
static uint32_t stream_take(struct stream *stream, uint64_t number, uint32_t batch)
{
    struct lane *lane = stream->lane;
    uint32_t taken = 0, ready = lane_ready(lane);
    CHECK(ready <= lane->capacity, "stream: %u ready in a lane of %u", ready, lane->capacity);
    while (taken < batch) {
        const struct message *message = lane_peek(lane);
        if (!message)
            break;
        if (bug == BUG_RETURN_BEFORE_READ) {
            atomic_store_explicit(&stream->returned, number + taken + 1, memory_order_relaxed);
            lane_drop(lane);
            lane_return(lane);
            message_check(message, number + taken);
        } else {
            message_check(message, number + taken);
            lane_drop(lane);
        }
        taken++;
    }
    return taken;
}

static void stream_consume(struct stream *stream)
{
    uint64_t state = ~seed + stream->lane->capacity, number = 0;
    uint32_t tries = 0;
    while (number < STREAM_MESSAGES) {
        uint32_t batch = 1 + (uint32_t)(random_next(&state) % BATCH_MAX);
        uint32_t taken = stream_take(stream, number, batch);
        if (!taken) {
            wait_a_little(&tries);
            continue;
        }
        number += taken;
        atomic_store_explicit(&stream->returned, number, memory_order_relaxed);
        lane_return(stream->lane);
    }
    CHECK(lane_refresh(stream->lane) == 0, "stream: a message too many");
}

static void stream(uint32_t capacity)
{
    struct stream stream = {.lane = lane_make(capacity, false, STREAM_MESSAGES / 2)};
    pthread_t producer;
    CHECK(pthread_create(&producer, NULL, stream_produce, &stream) == 0, "no thread");
    stream_consume(&stream);
    CHECK(pthread_join(producer, NULL) == 0, "no join");
    CHECK(stream.lane->sent == STREAM_MESSAGES || bug != BUG_NONE, "stream: sent %" PRIu64,
          stream.lane->sent);
    CHECK(stream.lane->taken == STREAM_MESSAGES, "stream: taken %" PRIu64, stream.lane->taken);
    mem_release(stream.lane, lane_size(capacity));
}

/* ---- sleep: no lost wake-up ---- */

struct sleeper {
    struct waker waker;
    struct lane *in; /* what wakes it */
    uint64_t slept;  /* times it polled; written by its thread, read after the join */
};

struct handover {
    struct sleeper side[2];
};

struct player {
    struct handover *handover;
    uint32_t side;
};

/* Sleeps until the lane may have something: the protocol of runtime/core.h. */
static void sleeper_sleep(struct sleeper *sleeper, uint64_t number)
{
    struct pollfd wait = {.fd = sleeper->waker.fd, .events = POLLIN};
    atomic_store_explicit(&sleeper->waker.sleeping, 1, memory_order_relaxed);
    ck_pr_fence_memory(); /* a full fence; TSan's own view of the data is in the lane's hooks */
    if (bug != BUG_NO_SECOND_LOOK && lane_depth(sleeper->in)) {
        atomic_store_explicit(&sleeper->waker.sleeping, 0, memory_order_relaxed);
        return; /* a wake-up on its way is read next time: it costs a look, nothing else */
    }
    int ready = poll(&wait, 1, LOST_AFTER_MS);
    CHECK(ready == 1, "sleep: lost wake-up before message %" PRIu64 " (poll %d, depth %u)", number,
          ready, lane_depth(sleeper->in));
    uint64_t count;
    CHECK(read(sleeper->waker.fd, &count, sizeof count) == sizeof count, "sleep: eventfd");
    sleeper->slept++;
}

static void sleeper_await(struct sleeper *sleeper, uint64_t number, uint64_t *state)
{
    uint64_t looks = random_next(state) % 400; /* sometimes it sleeps at once, sometimes late */
    const void *message;
    while (!(message = lane_peek(sleeper->in))) {
        if (looks) {
            looks--;
            ck_pr_stall();
        } else {
            sleeper_sleep(sleeper, number);
        }
    }
    message_check(message, number);
    lane_drop(sleeper->in);
    lane_return(sleeper->in);
}

/* A player sends what it owes and waits for the answer; side 0 begins. */
static void *play(void *arg)
{
    const struct player *player = arg;
    struct sleeper *own = &player->handover->side[player->side];
    struct sleeper *other = &player->handover->side[!player->side];
    uint64_t state = seed + 77 * player->side;
    struct message message;
    for (uint64_t number = 0; number < HANDOVERS; number++) {
        if (number % 2 != player->side) {
            sleeper_await(own, number, &state);
            continue;
        }
        for (uint64_t pause = random_next(&state) % 400; pause; pause--)
            ck_pr_stall();
        message_make(&message, number);
        CHECK(lane_stage(other->in, &message), "sleep: full with nothing in flight");
        CHECK(lane_release(other->in), "sleep: nothing released");
        if (bug != BUG_NO_WAKE)
            waker_wake(&other->waker);
    }
    return NULL;
}

static uint64_t sleep_and_wake(uint32_t capacity)
{
    struct handover handover = {0};
    struct player player[2];
    pthread_t thread;
    for (uint32_t i = 0; i < 2; i++) {
        handover.side[i].waker.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        CHECK(handover.side[i].waker.fd >= 0, "no eventfd");
        handover.side[i].in = lane_make(capacity, false, 100);
        player[i] = (struct player){.handover = &handover, .side = i};
    }
    CHECK(pthread_create(&thread, NULL, play, &player[1]) == 0, "no thread");
    play(&player[0]);
    CHECK(pthread_join(thread, NULL) == 0, "no join");
    for (uint32_t i = 0; i < 2; i++) {
        close(handover.side[i].waker.fd);
        mem_release(handover.side[i].in, lane_size(capacity));
    }
    return handover.side[0].slept + handover.side[1].slept;
}

/* ---- */

static bool parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            return false;
        if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[i + 1], NULL, 10);
            continue;
        }
        uint32_t found = 0, count = sizeof bug_names / sizeof bug_names[0];
        while (found < count && strcmp(argv[i + 1], bug_names[found]) != 0)
            found++;
        if (strcmp(argv[i], "--bug") != 0 || found == count)
            return false;
        bug = (enum bug)found;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        fprintf(stderr,
                "usage: lane_stress [--seed N] [--bug release-before-write|return-before-read|"
                "no-second-look|no-wake]\n");
        return 2;
    }
    uint32_t lanes = sizeof capacities / sizeof capacities[0];
    for (uint32_t i = 0; i < lanes; i++) {
        bounds(capacities[i], false);
        bounds(capacities[i], true);
    }
    for (uint32_t i = 0; i < lanes; i++)
        stream(capacities[i]);
    uint64_t slept = sleep_and_wake(1) + sleep_and_wake(1024);
    CHECK(slept > 0, "sleep: nobody ever slept, so nothing was tested");
    printf("lane_stress: ok, %u capacities, %u messages each, %u handovers with %" PRIu64
           " sleeps, seed %" PRIu64 "\n",
           lanes, (unsigned)STREAM_MESSAGES, 2u * HANDOVERS, slept, seed);
    return 0;
}
