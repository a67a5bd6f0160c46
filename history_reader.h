/* history_reader.h - the thread that looks things up in the history: for ingress cores, one job
 * after the other, each once the history has what was durable when it was asked.
 *
 * Thread:  its own; start and stop from the main one; history_reader_submit() from any ingress
 * core. Bounded: PAST_JOBS_MAX jobs wait at most. Error:   a job that cannot be read is given back
 * as failed; the file is opened anew for the next.
 */
#ifndef HISTORY_READER_H
#define HISTORY_READER_H

#include <pthread.h>

#include "http/history.h"
#include "storage/history.h"

struct history_reader {
    const char *directory;
    uint8_t id[HISTORY_ID];
    const _Atomic uint64_t *cursor; /* the LSN up to which the history has everything */
    struct history *store;          /* NULL: to be opened */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct past_job *first, **last;
    uint32_t waiting;
    bool stop;
    _Atomic uint64_t read, failed; /* jobs */
};

/* `directory`, `id` and `cursor` are set. */
void history_reader_start(struct history_reader *reader);
/* Jobs that still wait are freed: nobody is there to be answered. */
void history_reader_stop(struct history_reader *reader);

/* A past_submit of the one reader of the process. */
bool history_reader_submit(struct past_job *job);

/* Reads what the job asks for; false when the store fails. Thread: the store's. */
bool history_read(struct history *store, struct past_job *job);

/* Gives the statistics of the cores' views, all of which were loaded from `ex`, the candles of
 * before the trades that they have, as far as the history has them. Expects: count >= 1. Cost:
 * reads the last week's minutes of each symbol that has traded, once for all cores. Thread: the
 * starting one, before any other. */
void history_seed(struct history *store, struct ingress *ingress, uint16_t count,
                  const struct exchange *ex);

#endif
