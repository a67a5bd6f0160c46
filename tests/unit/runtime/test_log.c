/* Goal: every line is JSON that says what was logged; nobody waits, what is lost is counted.
 * Method: a clock of the test's, and a pipe for stdout.
 */
#define _GNU_SOURCE
#include "runtime/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t clock_us;
static int end[2]; /* of the pipe */

static int64_t test_now_us(void *self)
{
    (void)self;
    return clock_us;
}

static void open_at(enum log_level level)
{
    static const struct env_ops env = {.now_us = test_now_us};
    log_open(level, (struct env){.ops = &env}, end[1]);
}

static void setup(void)
{
    clock_us = 1769860799123456; /* 2026-01-31 11:59:59.123456 */
    cr_assert_eq(pipe(end), 0);
    cr_assert_eq(fcntl(end[0], F_SETFL, O_NONBLOCK), 0);
    open_at(LOG_LEVEL_DEBUG);
}

TestSuite(log_line, .init = setup);
TestSuite(log_loss, .init = setup);

/* What can be read now. */
static const char *output(void)
{
    static char text[1 << 17];
    size_t length = 0;
    ssize_t got;
    while ((got = read(end[0], text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    return text;
}

static uint32_t lines_in(const char *text)
{
    uint32_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static struct log_counts counts(void)
{
    struct log_counts now;
    log_count(&now);
    return now;
}

#define HEAD                                                                                       \
    "{\"ts\":\"2026-01-31T11:59:59.123Z\",\"level\":\"info\",\"event\":\"test\",\"msg\":\"Text.\""

Test(log_line, has_time_level_event_text_and_typed_fields)
{
    log_info("test", "Text.", log_text("name", "alice"), log_number("count", -5),
             log_bool("yes", true), log_bool("no", false), log_bytes("part", "abcdef", 3));
    log_info("test", "Text.");
    cr_assert(log_drain());
    cr_assert_str_eq(output(), HEAD ",\"name\":\"alice\",\"count\":-5,\"yes\":true,\"no\":false,"
                                    "\"part\":\"abc\"}\n" HEAD "}\n");
}

/* Method: one line per text, as JSON must write it. */
Test(log_line, is_json_whatever_bytes_a_text_has)
{
    static const struct {
        const char *text, *written;
    } table[] = {
        {"", ""},
        {"a\"b\\c", "a\\\"b\\\\c"},
        {"\n\t\x1f\x7f", "\\u000a\\u0009\\u001f\\u007f"},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8f\xb0", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8f\xb0"},
        {"\xff", "\\ufffd"},
        {"\xc3", "\\ufffd"},                                  /* cut */
        {"\xe2\x82", "\\ufffd\\ufffd"},                       /* cut */
        {"\xc0\xaf", "\\ufffd\\ufffd"},                       /* overlong */
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},            /* a surrogate */
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"}, /* beyond Unicode */
        {"\xc3(", "\\ufffd("},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char expect[256];
        log_info("test", "Text.", log_text("t", table[i].text));
        cr_assert(log_drain());
        snprintf(expect, sizeof expect, HEAD ",\"t\":\"%s\"}\n", table[i].written);
        cr_assert_str_eq(output(), expect, "row %zu", i);
    }
}

/* Goal: the worst line fits and is whole. Method: every byte escaped, every field used. */
Test(log_line, is_cut_where_its_texts_end)
{
    char bad[LOG_TEXT_BYTES + 100];
    memset(bad, 1, sizeof bad);
    log_info("test", "Text.", log_text("a", "kept"), log_bytes("b", bad, sizeof bad),
             log_text("c", "nothing"), log_number("d", 1), log_number("e", 2), log_number("f", 3),
             log_number("g", 4), log_number("h", 5), log_number("i", 6), log_number("j", 7),
             log_number("k", 8), log_number("l", INT64_MIN));
    cr_assert(log_drain());
    const char *text = output();
    cr_assert_eq(lines_in(text), 1);
    cr_assert_not_null(strstr(text, "\"a\":\"kept\",\"b\":\"\\u0001\\u0001"));
    cr_assert_not_null(strstr(text, "\\u0001\",\"c\":\"\",\"d\":1,"));
    cr_assert_not_null(strstr(text, "\"l\":-9223372036854775808}\n"));
    uint32_t escapes = 0;
    for (const char *at = text; (at = strstr(at, "\\u0001")); at++)
        escapes++;
    cr_assert_eq(escapes, LOG_TEXT_BYTES - 4);
}

Test(log_line, below_the_level_is_not_written)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (enum log_level level = 0; level < LOG_LEVELS; level++) {
        cr_assert_eq(log_level_of(names[level]), level);
        open_at(level);
        log_debug("test", "0");
        log_info("test", "1");
        log_warn("test", "2");
        log_error("test", "3");
        cr_assert(log_drain());
        const char *text = output();
        cr_assert_eq(lines_in(text), LOG_LEVELS - level, "%s", text);
        cr_assert_not_null(strstr(text, names[level]));
    }
    struct log_counts now = counts();
    cr_assert(now.lines[0] == 1 && now.lines[1] == 2 && now.lines[2] == 3 && now.lines[3] == 4);
}

/* ---- what is lost ---- */

static void flood(uint32_t lines)
{
    for (uint32_t i = 0; i < lines; i++)
        log_warn("flood", "Text.", log_number("i", i));
}

/* Goal: one place that has too much to say does not keep others from speaking. Method: a flood, and
 * one line of another place; then the next second, in which it may speak again. */
Test(log_loss, a_flood_is_limited_and_its_count_is_told)
{
    flood(500);
    log_info("test", "Text.");
    cr_assert(log_drain());
    const char *text = output();
    cr_assert_eq(lines_in(text), LOG_SITE_PER_SECOND + 1);
    cr_assert_not_null(strstr(text, "\"i\":19}"));
    cr_assert_null(strstr(text, "\"i\":20}"));
    cr_assert_not_null(strstr(text, HEAD "}\n"));
    cr_assert(log_drain());
    cr_assert_str_eq(output(), "", "its second is not over");
    clock_us += 1000000;
    cr_assert(log_drain());
    text = output();
    cr_assert_eq(lines_in(text), 1);
    cr_assert_not_null(strstr(text, "\"event\":\"log_limited\""));
    cr_assert_not_null(strstr(text, "\"of\":\"flood\",\"lines\":480}"));
    cr_assert_eq(counts().limited, 480);
    flood(3);
    cr_assert(log_drain());
    cr_assert_eq(lines_in(output()), 3, "a new second");
    flood(500);
    log_flush(1000);
    cr_assert_not_null(strstr(output(), "\"of\":\"flood\",\"lines\":483}"),
                       "at the end all is told");
}

/* Goal: a reader that sleeps costs lines and nothing else, and lines stay whole. Method: a pipe
 * that nobody reads, more lines than ring, buffer and pipe hold; then it is read. */
Test(log_loss, a_full_pipe_never_waits_and_loses_whole_lines)
{
    enum { LINES = 3000 };
    cr_assert_gt(fcntl(end[1], F_SETPIPE_SZ, 4096), 0);
    for (uint32_t i = 0; i < LINES; i++) {
        clock_us += 1000000;
        log_warn("flood", "Text.", log_number("i", i));
        log_drain();
    }
    cr_assert(!log_drain(), "the pipe is full");
    log_flush(0);
    uint64_t dropped = counts().dropped;
    cr_assert(dropped > 0 && dropped < LINES);
    uint32_t seen = 0, told = 0, before = 0;
    bool done;
    do {
        done = log_drain();
        char *text = (char *)output();
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            const char *number = strstr(line, "\"i\":");
            cr_assert(line[0] == '{' && line[strlen(line) - 1] == '}', "%s", line);
            if (strstr(line, "\"event\":\"log_dropped\"")) {
                told += (uint32_t)atoi(strstr(line, "\"lines\":") + 8);
                continue;
            }
            cr_assert_not_null(number, "%s", line);
            cr_assert(seen == 0 || (uint32_t)atoi(number + 4) > before, "in order: %s", line);
            before = (uint32_t)atoi(number + 4);
            seen++;
        }
    } while (!done);
    cr_assert_eq(told, dropped);
    cr_assert_eq(seen + dropped, LINES);
}

/* Goal: a reader that has gone is no reason to stop. Method: close the pipe's other end. */
Test(log_loss, without_a_reader_lines_are_counted_as_failed)
{
    signal(SIGPIPE, SIG_IGN);
    close(end[0]);
    flood(5);
    cr_assert(log_drain());
    cr_assert_eq(counts().failed, 5);
}
