/* apply.h - hands the records of checked chunks to a sink: at once, or by several threads, each
 * with shards of its own (PROTOCOL §2.8 step 4: replay may run in parallel by shard).
 *
 * Thread:  the reader's calls apply_*(). With one worker it calls the sink itself; else the workers
 * do, every record of a shard by the same one and in order.
 * Memory:  a span stays the reader's, who keeps it in place until apply_wait().
 */
#ifndef APPLY_H
#define APPLY_H

#include <pthread.h>

#include "storage/recovery.h"

enum { APPLY_SPANS = 16, APPLY_SPAN_BYTES = 256 * 1024 };

struct apply_span { /* of a segment: whole chunks, and nothing between them but the ends of batches
                     */
    const unsigned char *segment;
    uint64_t from, to; /* to: right behind a chunk */
};

struct apply_fault { /* the first record that the sink refused; text is NULL when there is none */
    const char *text;
    uint64_t lsn, offset; /* of the chunk in its segment */
};

struct apply_worker {
    struct apply *apply;
    pthread_t thread;
    uint64_t done; /* spans; this and `fault` under the lock */
    struct apply_fault fault;
    uint16_t number;
};

struct apply {
    const struct recovery_sink *sink;
    struct recovery_range range;
    struct apply_worker *worker;
    uint16_t workers;
    uint16_t *owner; /* [65536] the worker of each shard; NULL with one worker */
    pthread_mutex_t lock;
    pthread_cond_t more, less; /* spans to do */
    struct apply_span span[APPLY_SPANS];
    uint64_t given;
    bool stop;
};

void apply_start(struct apply *apply, const struct recovery_sink *sink,
                 struct recovery_range range);

/* Waits for room. False once a record was refused: nothing more need be given. */
bool apply_give(struct apply *apply, struct apply_span span);

/* Waits until all that was given is done, or left undone behind a fault. */
struct apply_fault apply_wait(struct apply *apply);

/* All that was given must have been waited for. */
void apply_stop(struct apply *apply);

#endif
