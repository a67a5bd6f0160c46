/* log_stress - many threads log while one drains: every line comes out whole and in its writer's
 * order, or is counted as dropped. A plain program, for ThreadSanitizer (STYLE §12).
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/check.h"
#include "runtime/log.h"

enum { WRITERS = 4, LINES = 20000 };

static _Atomic int64_t clock_us;
static _Atomic uint32_t running = WRITERS;

static int64_t next_second(void *self) /* so that no place reaches its limit */
{
    (void)self;
    return atomic_fetch_add(&clock_us, 1000000);
}

static void *write_lines(void *arg)
{
    int64_t writer = (int64_t)(intptr_t)arg;
    for (int64_t i = 0; i < LINES; i++) {
        log_info("stress", "A line.", log_number("writer", writer), log_text("text", "some text"),
                 log_number("i", i));
        if (i % 64 == 0)
            sched_yield();
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static void *drain(void *arg)
{
    (void)arg;
    while (atomic_load(&running))
        log_drain();
    log_flush(100000000);
    return NULL;
}

static int64_t field(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    ASSERT(at != NULL);
    return atoll(at + strlen(name));
}

int main(void)
{
    static const struct env_ops env = {.now_us = next_second};
    pthread_t writer[WRITERS], drainer;
    int64_t last[WRITERS] = {-1, -1, -1, -1}, told = 0;
    uint64_t seen = 0;
    char line[4096];
    FILE *file = tmpfile();
    ASSERT(file != NULL);
    log_open(LOG_LEVEL_INFO, (struct env){.ops = &env}, fileno(file));
    ASSERT(pthread_create(&drainer, NULL, drain, NULL) == 0);
    for (intptr_t i = 0; i < WRITERS; i++)
        ASSERT(pthread_create(&writer[i], NULL, write_lines, (void *)i) == 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writer[i], NULL);
    pthread_join(drainer, NULL);
    rewind(file);
    while (fgets(line, sizeof line, file)) {
        ASSERT(line[0] == '{' && strcmp(line + strlen(line) - 2, "}\n") == 0);
        if (strstr(line, "log_dropped")) {
            told += field(line, "\"lines\":");
            continue;
        }
        int64_t who = field(line, "\"writer\":"), i = field(line, "\"i\":");
        ASSERT(who >= 0 && who < WRITERS && i > last[who]);
        ASSERT(strstr(line, "\"text\":\"some text\"") != NULL);
        last[who] = i;
        seen++;
    }
    struct log_counts counts;
    log_count(&counts);
    ASSERT(counts.dropped == (uint64_t)told && counts.limited == 0 && counts.failed == 0);
    ASSERT(seen + counts.dropped == WRITERS * LINES);
    printf("log: %" PRIu64 " lines of %d threads, %" PRIu64 " dropped: good\n", seen, WRITERS,
           counts.dropped);
    return 0;
}
