/* core.h - one core: its lanes, its open chunk, and the turn that an actor lives in.
 *
 * Thread:  a core belongs to one thread (or to the simulator). Only `published`, `chunks_taken`,
 *          `durable` and the lanes are shared, each with one writer.
 * Turn:    core_begin -> core_take -> core_publish -> core_release (PROTOCOL J1 a-d). The simulator
 * calls the four as separate steps; core_turn() calls them in a row. Room:    an actor answers
 * TAKE_NO_ROOM when an input's effects would not fit; the input then stays at the head of its lane
 * (C2). A chunk's room is checked before each input (J2). Memory:  from one arena at start.
 */
#ifndef CORE_H
#define CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/env.h"
#include "runtime/hist.h"
#include "runtime/lane.h"
#include "runtime/mem.h"
#include "runtime/record.h"

enum {
    CORES_MAX = 64,
    RECORD_BYTES_MAX = 1280,
    DURABLE_TIMES = 64, /* of a core's newest chunks, how many still say when they became durable */
};

/* Message classes (PROTOCOL C1). A handler of one class sends only later ones. OUT and MARKET are
 * both class 4: replies in one lane, market data in another, so that an ingress core can fold what
 * is durable of the second before it releases the first (DESIGN §6). */
enum lane_class { CLASS_REQUEST, CLASS_ORDER, CLASS_REPORT, CLASS_OUT, CLASS_MARKET, CLASS_COUNT };
extern const char *const lane_class_names[CLASS_COUNT]; /* "request", ... */

/* The first 24 bytes of every message. */
struct message {
    uint8_t type, flags;
    uint16_t from, to, part;
    uint64_t seq; /* classes 2, 3: number on the link; class 4: the chunk it rests on */
    int64_t ts_us;
    unsigned char body[40];
};
_Static_assert(sizeof(struct message) == LANE_SLOT_BYTES, "one cache line");

enum { PREFETCH_AHEAD = 16 }; /* messages looked at before the first of them is taken */

enum take { TAKE_DONE, TAKE_NO_ROOM };
enum work { WORK_DONE, WORK_MORE, WORK_NO_ROOM };

struct core;
struct actor;

struct actor_ops {
    enum take (*take)(struct actor *self, enum lane_class class, const struct message *message);
    /* Up to PREFETCH_AHEAD messages that take() will see next, in order: fetches what they need,
     * changes nothing. Optional. */
    void (*prefetch)(struct actor *self, const struct message *const *message, uint32_t count);
    /* One bounded unit of work that is not a message: a slice, a self-input. */
    enum work (*work)(struct actor *self);
    /* Moves outbox entries to lanes; false while some did not fit. */
    bool (*pump)(struct actor *self);
    /* The core's durable chunk moved on; true while this actor still waits for more. */
    bool (*durable)(struct actor *self, uint64_t chunk);
};

struct actor {
    const struct actor_ops *ops;
    struct core *core;
    uint16_t id;
    bool work_queued, pump_queued, durable_queued;
};

/* One chunk on its way to the journal. */
struct chunk {
    uint64_t number;
    int64_t ts_us, published_us;
    uint32_t bytes, records;
    uint64_t deps[CORES_MAX];
    unsigned char *data; /* records */
};

struct core_limits {
    uint32_t lane[CLASS_COUNT];
    uint32_t chunk_slots, chunk_bytes;
    uint32_t inputs_max; /* a turn */
};

struct waker { /* one sleeper: eventfd is written only when it sleeps */
    _Atomic uint32_t sleeping;
    int fd; /* -1: nobody sleeps here (simulator) */
};

struct actor_queue {
    struct actor **item;
    uint32_t count;
};

struct runtime;

struct core {
    struct runtime *runtime;
    uint16_t id;
    struct lane *in[CLASS_COUNT][CORES_MAX];  /* [class][sender] */
    struct lane *out[CLASS_COUNT][CORES_MAX]; /* [class][receiver] */
    struct chunk *chunks;                     /* chunk_slots of them, by number */
    struct chunk *open;
    uint64_t durable_seen;
    int64_t now_us;
    uint16_t rotate; /* who is drained first this turn (P3) */
    struct actor_queue work, pump, wait_durable;
    struct waker waker;
    struct hist turn_ns;
    counter turns, inputs, no_room, records;
    uint32_t taken_now;                         /* inputs of the turn under way */
    _Atomic(const struct message *) applying;   /* the link message being taken: for crash.c */
    _Alignas(64) _Atomic uint64_t published;    /* writer: the core */
    _Alignas(64) _Atomic uint64_t chunks_taken; /* writer: the journal; slots up to here are free */
};

struct runtime {
    struct env env;
    uint16_t cores;
    struct core *core[CORES_MAX];
    struct actor **actor; /* by id */
    uint32_t actors;
    struct core_limits limits;
    struct waker journal;
    struct arena arena;
    _Atomic uint64_t durable[CORES_MAX];                  /* writer: the journal (PROTOCOL J3) */
    _Atomic uint64_t durable_version;                     /* odd while durable[] changes */
    _Atomic int64_t durable_us[CORES_MAX][DURABLE_TIMES]; /* when, by chunk % DURABLE_TIMES */
};

/* Builds `cores` cores with lanes between all of them. Thread: before the users start. */
void runtime_init(struct runtime *rt, struct env env, uint16_t cores,
                  const struct core_limits *limits, uint32_t actors);
void runtime_fini(struct runtime *rt);

/* Gives the actor its core and its number. */
void runtime_place(struct runtime *rt, struct actor *actor, const struct actor_ops *ops,
                   uint16_t id, uint16_t core);

/* ---- the turn; thread: the core's ---- */
void core_begin(struct core *core);
uint32_t core_take(struct core *core, uint32_t inputs_max);
bool core_publish(struct core *core);
void core_release(struct core *core);
/* All four; true when anything was done. */
bool core_turn(struct core *core);
/* Whether an input, or a durable chunk not yet looked at, waits. */
bool core_has_input(const struct core *core);

/* ---- for actors; thread: the core's ---- */

/* Appends a record to the open chunk and returns where its payload of `bytes` goes. The room was
 * checked before the input was taken. */
unsigned char *core_record(struct core *core, uint8_t type, uint8_t flags, uint16_t shard,
                           uint64_t shard_seq, uint32_t bytes);

/* The link message that the calling thread's core is applying, or NULL. Safe in a signal handler.
 */
const struct message *core_applying(void);

/* What a message sent now rests on: the open chunk if it has records, else the last published one
 * (PROTOCOL §2.5). */
uint64_t core_gate(const struct core *core);

/* Puts the actor in line for work(), pump() or durable(). Idempotent. */
void core_want_work(struct core *core, struct actor *actor);
void core_want_pump(struct core *core, struct actor *actor);
void core_want_durable(struct core *core, struct actor *actor);

/* Whether chunk `chunk` of core `core` is durable. Thread: any. */
static inline bool runtime_durable(struct runtime *rt, uint16_t core, uint64_t chunk)
{
    return chunk <= atomic_load_explicit(&rt->durable[core], memory_order_acquire);
}

/* When the durable chunk `chunk` of core `core` became so, for metrics: 0 when that is too many
 * chunks ago, a later chunk's time when that is just passing by. Thread: any. */
int64_t runtime_durable_us(struct runtime *rt, uint16_t core, uint64_t chunk);

/* Publishes what is durable. Thread: the journal's. */
void runtime_set_durable(struct runtime *rt, const uint64_t chunk[CORES_MAX]);

/* The vector of one moment: a cut. Thread: any. */
void runtime_durable_cut(struct runtime *rt, uint64_t chunk[CORES_MAX]);

/* Wakes the sleeper if it sleeps. Thread: any. */
void waker_wake(struct waker *waker);

#endif
