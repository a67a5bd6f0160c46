/* log.h - what an operator reads: JSON lines on stdout, written by any thread without waiting.
 *
 * Thread:  log_debug ... log_error and the fields by any: they copy into a ring of fixed entries
 * and neither wait, nor allocate, nor make a system call. log_drain and log_flush by any, one at a
 * time; the rest is for the starting thread. Line:
 * {"ts":"2026-01-31T12:00:00.000Z","level":"info","event":"serving","msg":"...",...} Full:    an
 * entry that finds no slot is dropped; log_dropped tells how many, when there is room. Limit:   one
 * place in the code writes LOG_SITE_PER_SECOND lines a second; log_limited tells how many more it
 * had to say. Stdout:  is written only when it takes what it is given at once: a reader that sleeps
 * costs lines, never a turn. Secrets: callers give none. Fatal errors of the start and failed
 * assertions stay on stderr.
 */
#ifndef LOG_H
#define LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/env.h"

enum {
    LOG_SLOTS = 512,
    LOG_SITE_PER_SECOND = 20,
    LOG_FIELDS_MAX = 12,
    LOG_TEXT_BYTES = 256, /* of an entry's texts together; more is cut */
};

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVELS };

enum log_kind { LOG_END, LOG_TEXT, LOG_NUMBER, LOG_BOOL };

/* One typed key and value; keys are literals. */
struct log_field {
    const char *key;
    enum log_kind kind;
    const char *text; /* borrowed for the call */
    size_t length;
    int64_t number;
};

struct log_site { /* one place in the code that logs */
    _Atomic int64_t second;
    _Atomic uint32_t lines;
    _Atomic uint64_t limited;
    _Atomic bool listed;
    const char *event;
    struct log_site *next;
};

static inline struct log_field log_bytes(const char *key, const char *text, size_t length)
{
    return (struct log_field){.key = key, .kind = LOG_TEXT, .text = text, .length = length};
}

static inline struct log_field log_text(const char *key, const char *text)
{
    return log_bytes(key, text, strlen(text));
}

static inline struct log_field log_number(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .kind = LOG_NUMBER, .number = number};
}

static inline struct log_field log_bool(const char *key, bool value)
{
    return (struct log_field){.key = key, .kind = LOG_BOOL, .number = value};
}

/* log_info("serving", "Requests are served.", log_text("listen", address), ...): `event` and `msg`
 * are literals, the fields may be none. */
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_AT(level, event, msg, ...)                                                             \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        const struct log_field log_fields_[] = {__VA_ARGS__ __VA_OPT__(, ){.kind = LOG_END}};      \
        log_write(&log_site_, level, event, msg, log_fields_);                                     \
    } while (0)

/* Behind the macros; `fields` ends with LOG_END. */
void log_write(struct log_site *site, enum log_level level, const char *event, const char *msg,
               const struct log_field *fields);

/* Sets what is logged, by whose clock, and where to. Before that: from info on, by the machine's
 * clock, to stdout. */
void log_open(enum log_level level, struct env env, int fd);

/* The level of that name; info for any other. */
enum log_level log_level_of(const char *name);

/* Writes what waits as far as the reader takes it now; true when nothing is left. */
bool log_drain(void);

/* The same, giving a slow reader up to `ms`: before the process ends. */
void log_flush(int32_t ms);

struct log_counts {
    uint64_t lines[LOG_LEVELS];        /* written */
    uint64_t dropped, limited, failed; /* no slot; over the limit; stdout refused them */
};
void log_count(struct log_counts *counts);

#endif
