/* inside.h - an exchange in this process, without HTTP: the real cores, lanes, shards, gateways and
 * journal, and on every core a client that sends orders and reads their answers.
 *
 * Thread:  every function from the one that opened it; one core thread each, a journal thread and a
 * helper, as castle serve has them, run between inside_start() and inside_stop().
 * Memory:  the exchange's own; inside_close() gives everything back.
 * Answers: are gated as ever: one counts when what it rests on is durable.
 */
#ifndef INSIDE_H
#define INSIDE_H

#include "actors/gateway.h"
#include "actors/market_view.h"
#include "runtime/thread.h"
#include "storage/disk_posix.h"
#include "storage/journal.h"

enum inside_op { INSIDE_NEW, INSIDE_CANCEL };

struct inside_cmd { /* one order or cancel of the load; limit orders only */
    uint64_t id;    /* names the order: its client order id is made of it */
    int64_t price_ticks, qty_lots;
    uint32_t user; /* 0 .. users - 1 */
    uint16_t symbol;
    uint8_t op, side;
    bool ioc;
};

struct inside_config {
    uint16_t cores;   /* each with every role, pinned to the first CPUs of the affinity mask */
    uint16_t symbols; /* the first on the first core, and so on round */
    uint32_t users, orders_max;
    uint32_t window; /* requests in flight of each core's client */
    const char *dir; /* the journal's; NULL: a disk that takes everything and keeps nothing */
    bool durable;    /* with `dir`: wait for the disk */
};

struct inside_result {
    double seconds; /* from the first request to the last answer */
    uint64_t answered;
    uint64_t unknown;                 /* cancels that came after the order's end */
    uint64_t refused;                 /* anything else that was not accepted: the bench is wrong */
    uint64_t records, bytes, batches; /* of the journal meanwhile */
};

enum { INSIDE_TICK_ATOMS = 1000000, INSIDE_LOT_ATOMS = 100000 };

struct inside_client { /* one ingress core's */
    struct inside *inside;
    uint16_t index;
    struct gateway gateway;
    struct market_view view;
    /* the next run: written before `go`, read by the core's thread after it */
    const struct inside_cmd *cmds;
    size_t count;
    _Atomic uint64_t go, gone; /* runs begun; ended */
    /* the run under way: the core's thread; the result and its end are read after `gone` */
    const struct inside_cmd *at, *end;
    uint32_t in_flight;
    uint64_t run, ended_ns;
    struct inside_result result;
};

struct inside {
    struct inside_config config;
    struct exchange ex;
    struct disk_posix posix;
    struct disk disk;
    struct journal journal;
    struct arena arena;
    struct threads threads;
    pthread_t journal_thread, helper_thread;
    _Atomic bool stop_journal, stop_helper;
    struct inside_client client[CORES_MAX];
};

/* Builds it: symbols, users, and money for every one of them. False when the directory cannot be
 * used, with a line on stderr. */
bool inside_open(struct inside *inside, const struct inside_config *config);
void inside_close(struct inside *inside);

void inside_start(struct inside *inside);
void inside_stop(struct inside *inside);

/* Sends the commands, each user's in order through one core, and waits for the last answer. */
struct inside_result inside_run(struct inside *inside, const struct inside_cmd *cmds, size_t count);

#endif
