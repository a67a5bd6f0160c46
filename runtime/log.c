#define _GNU_SOURCE
#include "runtime/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/check.h"
#include "runtime/counter.h"

enum {
    LINE_BYTES = 4096, /* the longest line: every byte of text as \u00xx, keys and literals */
    OUT_BYTES = 8 * LINE_BYTES,
    ATOMIC_BYTES = PIPE_BUF, /* a pipe with room takes so much at once */
};
_Static_assert(6 * LOG_TEXT_BYTES + 1024 < LINE_BYTES, "keys and literals have room beside texts");

struct entry_field {
    const char *key;
    int64_t number; /* of a text: its length */
    enum log_kind kind;
};

/* A slot of the ring. `turn` says whose it is: 2n in lap n until it is filled, then 2n + 1 until it
 * is written (D. Vyukov's bounded queue; zeroed memory is an empty ring). */
struct entry {
    _Alignas(64) _Atomic uint64_t turn;
    int64_t ts_us;
    const char *event, *msg;
    enum log_level level;
    uint32_t fields, used;
    struct entry_field field[LOG_FIELDS_MAX];
    char text[LOG_TEXT_BYTES];
};

static struct {
    struct entry ring[LOG_SLOTS];
    _Alignas(64) _Atomic uint64_t tail; /* writers */
    _Atomic uint64_t dropped;
    _Atomic(struct log_site *) sites; /* that were limited */
    _Alignas(64) _Atomic bool draining;
    uint64_t head, dropped_told; /* this and the rest: who drains */
    char out[OUT_BYTES];
    size_t out_at, out_length;
    uint32_t out_lines;
    counter lines[LOG_LEVELS], limited, failed;
    /* set once */
    _Atomic enum log_level level;
    struct env env;
    int fd;
} ring = {.level = LOG_LEVEL_INFO, .fd = STDOUT_FILENO};

static const char *const level_names[LOG_LEVELS] = {"debug", "info", "warn", "error"};

void log_open(enum log_level level, struct env env, int fd)
{
    ring.env = env;
    ring.fd = fd;
    atomic_store(&ring.level, level);
}

enum log_level log_level_of(const char *name)
{
    for (enum log_level level = 0; level < LOG_LEVELS; level++)
        if (strcmp(name, level_names[level]) == 0)
            return level;
    return LOG_LEVEL_INFO;
}

static int64_t now_us(void)
{
    struct env env = ring.env.ops ? ring.env : env_real();
    return env_now_us(&env);
}

/* ---- writing ---- */

/* Two threads that meet at a new second may both begin it: a few lines more. */
static bool site_may(struct log_site *site, const char *event, int64_t ts_us)
{
    int64_t second = ts_us / 1000000;
    if (atomic_load_explicit(&site->second, memory_order_relaxed) != second) {
        atomic_store_explicit(&site->second, second, memory_order_relaxed);
        atomic_store_explicit(&site->lines, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&site->lines, 1, memory_order_relaxed) < LOG_SITE_PER_SECOND)
        return true;
    atomic_fetch_add_explicit(&site->limited, 1, memory_order_relaxed);
    if (atomic_exchange_explicit(&site->listed, true, memory_order_relaxed))
        return false;
    site->event = event;
    site->next = atomic_load_explicit(&ring.sites, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&ring.sites, &site->next, site,
                                                  memory_order_release, memory_order_relaxed))
        ;
    return false;
}

/* A slot of this writer's own, with the lap it is in; NULL when all are taken. */
static struct entry *entry_get(uint64_t *lap)
{
    uint64_t at = atomic_load_explicit(&ring.tail, memory_order_relaxed);
    for (;;) {
        struct entry *entry = &ring.ring[at % LOG_SLOTS];
        *lap = at / LOG_SLOTS;
        uint64_t turn = atomic_load_explicit(&entry->turn, memory_order_acquire);
        if (turn < 2 * *lap)
            return NULL;
        if (turn > 2 * *lap) { /* another writer was here: further on */
            at = atomic_load_explicit(&ring.tail, memory_order_relaxed);
            continue;
        }
        if (atomic_compare_exchange_weak_explicit(&ring.tail, &at, at + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return entry;
    }
}

static void entry_add(struct entry *entry, const struct log_field *from)
{
    struct entry_field *field = &entry->field[entry->fields++];
    *field = (struct entry_field){.key = from->key, .number = from->number, .kind = from->kind};
    if (from->kind != LOG_TEXT)
        return;
    size_t room = LOG_TEXT_BYTES - entry->used;
    size_t length = from->length < room ? from->length : room;
    memcpy(entry->text + entry->used, from->text, length);
    entry->used += (uint32_t)length;
    field->number = (int64_t)length;
}

void log_write(struct log_site *site, enum log_level level, const char *event, const char *msg,
               const struct log_field *fields)
{
    uint64_t lap;
    if (level < atomic_load_explicit(&ring.level, memory_order_relaxed))
        return;
    int64_t ts_us = now_us();
    if (!site_may(site, event, ts_us))
        return;
    struct entry *entry = entry_get(&lap);
    if (!entry) {
        atomic_fetch_add_explicit(&ring.dropped, 1, memory_order_relaxed);
        return;
    }
    entry->ts_us = ts_us;
    entry->event = event;
    entry->msg = msg;
    entry->level = level;
    entry->fields = entry->used = 0;
    for (; fields->kind != LOG_END; fields++) {
        ASSERT(entry->fields < LOG_FIELDS_MAX);
        entry_add(entry, fields);
    }
    atomic_store_explicit(&entry->turn, 2 * lap + 1, memory_order_release);
}

/* ---- one line ---- */

static void put(const char *text, size_t length)
{
    ASSERT(length <= OUT_BYTES - ring.out_length);
    memcpy(ring.out + ring.out_length, text, length);
    ring.out_length += length;
}

__attribute__((format(printf, 1, 2))) static void put_format(const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ASSERT(length >= 0 && (size_t)length < sizeof text);
    put(text, (size_t)length);
}

/* Bytes of the UTF-8 character at the beginning, 0 when there is none: a name that was cut, a path
 * of any bytes. */
static size_t utf8(const unsigned char *text, size_t length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = text[0] < 0x80             ? 1
                   : (text[0] & 0xE0) == 0xC0 ? 2
                   : (text[0] & 0xF0) == 0xE0 ? 3
                   : (text[0] & 0xF8) == 0xF0 ? 4
                                              : 0;
    if (bytes <= 1 || bytes > length)
        return bytes <= length ? bytes : 0;
    uint32_t code = text[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    bool surrogate = code >= 0xD800 && code < 0xE000;
    return code >= least[bytes] && code <= 0x10FFFF && !surrogate ? bytes : 0;
}

static void put_quoted(const char *text, size_t length)
{
    put("\"", 1);
    while (length) {
        unsigned char c = (unsigned char)*text;
        size_t bytes = utf8((const unsigned char *)text, length);
        if (c == '"' || c == '\\')
            put_format("\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            put_format("\\u%04x", c);
        else if (bytes)
            put(text, bytes);
        else
            put_format("\\ufffd");
        text += bytes ? bytes : 1;
        length -= bytes ? bytes : 1;
    }
    put("\"", 1);
}

static void put_head(int64_t ts_us, enum log_level level, const char *event, const char *msg)
{
    time_t seconds = ts_us / 1000000;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    put_format("{\"ts\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"level\":\"%s\",\"event\":\"%s\"",
               tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
               (int)(ts_us / 1000 % 1000), level_names[level], event);
    put(",\"msg\":", 7);
    put_quoted(msg, strlen(msg));
}

static void put_end(enum log_level level)
{
    put("}\n", 2);
    ring.out_lines++;
    counter_add(&ring.lines[level], 1);
}

static void put_entry(const struct entry *entry)
{
    const char *text = entry->text;
    put_head(entry->ts_us, entry->level, entry->event, entry->msg);
    for (uint32_t i = 0; i < entry->fields; i++) {
        const struct entry_field *field = &entry->field[i];
        put_format(",\"%s\":", field->key);
        if (field->kind == LOG_TEXT) {
            put_quoted(text, (size_t)field->number);
            text += field->number;
        } else if (field->kind == LOG_NUMBER) {
            put_format("%" PRId64, field->number);
        } else {
            put_format(field->number ? "true" : "false");
        }
    }
    put_end(entry->level);
}

/* ---- draining: one thread at a time ---- */

static bool room_for_line(void)
{
    return OUT_BYTES - ring.out_length >= LINE_BYTES;
}

/* What could not be said one by one is said in sum; of a limit when its second is over, or at the
 * `last`. */
static void put_losses(bool last)
{
    uint64_t dropped = atomic_load_explicit(&ring.dropped, memory_order_relaxed);
    if (dropped != ring.dropped_told && room_for_line()) {
        put_head(now_us(), LOG_LEVEL_WARN, "log_dropped",
                 "Lines were dropped: they came faster than stdout takes them.");
        put_format(",\"lines\":%" PRIu64, dropped - ring.dropped_told);
        put_end(LOG_LEVEL_WARN);
        ring.dropped_told = dropped;
    }
    struct log_site *site = atomic_load_explicit(&ring.sites, memory_order_acquire);
    for (; site && room_for_line(); site = site->next) {
        int64_t now = now_us();
        if (!last && atomic_load_explicit(&site->second, memory_order_relaxed) == now / 1000000)
            continue;
        uint64_t limited = atomic_exchange_explicit(&site->limited, 0, memory_order_relaxed);
        if (limited == 0)
            continue;
        put_head(now, LOG_LEVEL_WARN, "log_limited",
                 "More lines of this event came than the limit.");
        put_format(",\"of\":\"%s\",\"lines\":%" PRIu64, site->event, limited);
        put_end(LOG_LEVEL_WARN);
        counter_add(&ring.limited, limited);
    }
}

/* Turns entries into lines while there is room for one more. */
static void fill(bool last)
{
    if (ring.out_at == ring.out_length)
        ring.out_at = ring.out_length = 0;
    while (room_for_line()) {
        struct entry *entry = &ring.ring[ring.head % LOG_SLOTS];
        uint64_t lap = ring.head / LOG_SLOTS;
        if (atomic_load_explicit(&entry->turn, memory_order_acquire) != 2 * lap + 1)
            break;
        put_entry(entry);
        atomic_store_explicit(&entry->turn, 2 * lap + 2, memory_order_release);
        ring.head++;
    }
    put_losses(last);
}

/* Whole lines, as many as a pipe takes at once; the rest of a line that was cut before. */
static size_t piece(void)
{
    size_t length = ring.out_length - ring.out_at;
    if (length <= ATOMIC_BYTES)
        return length;
    const char *end = memrchr(ring.out + ring.out_at, '\n', ATOMIC_BYTES);
    return end ? (size_t)(end + 1 - (ring.out + ring.out_at)) : ATOMIC_BYTES;
}

/* Writes what is rendered; false when the reader does not take it now. */
static bool pour(int32_t wait_ms)
{
    while (ring.out_at < ring.out_length) {
        struct pollfd out = {.fd = ring.fd, .events = POLLOUT};
        if (poll(&out, 1, wait_ms) <= 0)
            return false;
        ssize_t wrote = write(ring.fd, ring.out + ring.out_at, piece());
        if (wrote < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (wrote < 0) { /* nobody reads any more, or the disk is full: these are gone */
            counter_add(&ring.failed, ring.out_lines);
            break;
        }
        ring.out_at += (size_t)wrote;
    }
    ring.out_at = ring.out_length = 0;
    ring.out_lines = 0;
    return true;
}

static bool drain(int32_t wait_ms, bool last)
{
    if (atomic_exchange_explicit(&ring.draining, true, memory_order_acquire))
        return false;
    bool done;
    do {
        fill(last);
        done = ring.out_length == 0;
    } while (!done && pour(wait_ms));
    atomic_store_explicit(&ring.draining, false, memory_order_release);
    return done;
}

bool log_drain(void)
{
    return drain(0, false);
}

void log_flush(int32_t ms)
{
    int64_t until = now_us() + 1000 * (int64_t)ms;
    while (!drain(10, true) && now_us() < until)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void log_count(struct log_counts *counts)
{
    for (enum log_level level = 0; level < LOG_LEVELS; level++)
        counts->lines[level] = counter_get(&ring.lines[level]);
    counts->dropped = atomic_load_explicit(&ring.dropped, memory_order_relaxed);
    counts->limited = counter_get(&ring.limited);
    counts->failed = counter_get(&ring.failed);
}
