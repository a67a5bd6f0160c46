#include "runtime/crash.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { FOUND_MAX = 8 };

static char path[] = "/tmp/castle-crash-XXXXXX";
static struct crash found[FOUND_MAX];
static uint32_t found_count;

static void setup(void)
{
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    close(file);
}

static void teardown(void)
{
    unlink(path);
}

TestSuite(crash_repeated, .init = setup, .fini = teardown);
TestSuite(crash_watch, .init = setup, .fini = teardown);

static void take(void *arg, const struct crash *crash)
{
    cr_assert_eq(arg, found);
    cr_assert_lt(found_count, FOUND_MAX);
    found[found_count++] = *crash;
}

static uint32_t read_file(void)
{
    found_count = 0;
    crash_repeated(path, take, found);
    return found_count;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    fputs(text, file);
    fclose(file);
}

#define LINE(from, to, seq, type, part)                                                            \
    "from " #from " to " #to " seq " #seq " type " #type " part " #part " signal 6\n"

/* Goal: a message counts when it is noted twice or more, once, whatever stands around it. Method: a
 * table of files, and how many messages each repeats. */
Test(crash_repeated, tells_what_is_noted_twice)
{
    static const struct {
        const char *text;
        uint32_t repeated;
    } rows[] = {
        {"", 0},
        {LINE(1, 2, 3, 4, 5), 0},
        {LINE(1, 2, 3, 4, 5) LINE(1, 2, 3, 4, 5), 1},
        {LINE(1, 2, 3, 4, 5) LINE(1, 2, 3, 4, 5) LINE(1, 2, 3, 4, 5), 1},
        {LINE(1, 2, 3, 4, 5) LINE(9, 2, 3, 4, 5) LINE(1, 2, 3, 4, 5), 1},
        {LINE(1, 2, 3, 4, 5) LINE(9, 2, 3, 4, 5), 0},
        {LINE(1, 2, 3, 4, 5) LINE(1, 9, 3, 4, 5), 0},
        {LINE(1, 2, 3, 4, 5) LINE(1, 2, 9, 4, 5), 0},
        {LINE(1, 2, 3, 4, 5) LINE(6, 7, 8, 4, 5) LINE(1, 2, 3, 4, 5) LINE(6, 7, 8, 4, 5), 2},
        /* torn: the power went with the process */
        {LINE(1, 2, 3, 4, 5) "from 1 to 2 seq 3 type 4 pa", 0},
        {LINE(1, 2, 3, 4, 5) "from 1 to", 0},
        {LINE(1, 2, 3, 4, 5) "\n" LINE(1, 2, 3, 4, 5), 1},
        {LINE(1, 2, 3, 4, 5) "from 1 t\n" LINE(1, 2, 3, 4, 5), 1},
        {"noise that is none of ours\n", 0},
        {"signal 6\n" LINE(1, 2, 3, 4, 5) "x\n", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_file(rows[i].text);
        cr_assert_eq(read_file(), rows[i].repeated, "row %zu: %u", i, found_count);
    }
}

/* Goal: what is told is what was noted, up to the largest numbers. Method: one line twice. */
Test(crash_repeated, tells_every_field)
{
    const char line[] = "from 65535 to 65534 seq 18446744073709551615 type 255 part 65533 "
                        "signal 11\n";
    char text[2 * sizeof line];
    snprintf(text, sizeof text, "%s%s", line, line);
    write_file(text);
    cr_assert_eq(read_file(), 1);
    cr_assert(found[0].from == 65535 && found[0].to == 65534 && found[0].part == 65533 &&
              found[0].type == 255 && found[0].seq == UINT64_MAX);
}

/* Goal: no file is no crash; a file of noise or of very many crashes is read to its end or left.
 * Method: remove it; bytes of all kinds without an end of line; 10,000 different crashes. */
Test(crash_repeated, any_file_is_read)
{
    unlink(path);
    cr_assert_eq(read_file(), 0);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 10000; i++)
        fputc(i * 7919 % 251, file);
    fclose(file);
    cr_assert_eq(read_file(), 0);
    file = fopen(path, "w");
    for (int i = 1; i <= 10000; i++)
        fprintf(file, "from 1 to 2 seq %d type 3 part 4 signal 6\n", i);
    fclose(file);
    cr_assert_eq(read_file(), 0);
}

/* ---- the handler, in a child process ---- */

static int crash_by; /* a signal, or 0: a failed ASSERT */

static enum take crashing_take(struct actor *self, enum lane_class class,
                               const struct message *message)
{
    (void)self;
    (void)class;
    (void)message;
    if (crash_by)
        raise(crash_by);
    ASSERT(crash_by != 0);
    return TAKE_DONE;
}

static int64_t now_us(void *self)
{
    (void)self;
    return 1700000000000000;
}

/* A core takes a message of that class and number, and its actor crashes. */
static void crash(enum lane_class class, uint64_t seq)
{
    static const struct env_ops env_ops = {.now_us = now_us};
    static const struct actor_ops ops = {.take = crashing_take};
    static struct runtime rt;
    static struct actor actor;
    const struct core_limits limits = {
        .lane = {4, 4, 4, 4, 4}, .chunk_slots = 2, .chunk_bytes = 4096, .inputs_max = 4};
    const struct message message = {.type = 33, .from = 7, .to = 0, .part = 2, .seq = seq};
    runtime_init(&rt, (struct env){.ops = &env_ops}, 1, &limits, 1);
    runtime_place(&rt, &actor, &ops, 0, 0);
    ASSERT(lane_stage(rt.core[0]->in[class][0], &message));
    lane_release(rt.core[0]->in[class][0]);
    core_begin(rt.core[0]);
    core_take(rt.core[0], 1);
}

/* How the child ended: the signal. */
static int in_child(enum lane_class class, uint64_t seq)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr) || !crash_watch(path))
            _exit(1);
        crash(class, seq);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void expect_file(const char *expected)
{
    char text[1024];
    FILE *file = fopen(path, "r");
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[bytes] = '\0';
    cr_assert_str_eq(text, expected, "%s", text);
}

/* Goal: each way to crash is noted with the message that was being taken, and ends the process as
 * without a handler; twice makes it known as poison. Method: each signal, then an ASSERT. */
Test(crash_watch, notes_the_message_and_lets_the_process_die)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    char wanted[1024];
    int at = 0;
    for (size_t i = 0; i < COUNT(signals); i++) {
        crash_by = signals[i];
        cr_assert_eq(in_child(CLASS_ORDER, 10 + i), signals[i]);
        at += sprintf(wanted + at, "from 7 to 0 seq %zu type 33 part 2 signal %d\n", 10 + i,
                      signals[i]);
        expect_file(wanted);
    }
    crash_by = 0;
    cr_assert_eq(in_child(CLASS_ORDER, 12), SIGABRT);
    cr_assert_eq(read_file(), 1, "the one of SIGFPE, for the second time");
    cr_assert(found[0].from == 7 && found[0].to == 0 && found[0].seq == 12 && found[0].type == 33 &&
              found[0].part == 2);
    struct stat stat_of;
    cr_assert_eq(stat(path, &stat_of), 0);
    cr_assert_eq(stat_of.st_mode & 0777, 0600);
}

/* Goal: a request is not noted: it was not recorded, so it does not come back; and a crash outside
 * of any message is not. Method: class 1; then a signal in between. */
Test(crash_watch, notes_link_messages_only)
{
    int status;
    crash_by = SIGSEGV;
    cr_assert_eq(in_child(CLASS_REQUEST, 10), SIGSEGV);
    expect_file("");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        crash_watch(path);
        raise(SIGSEGV);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    expect_file("");
}

/* Goal: a place that cannot be written to is told. Method: a folder that is not there. */
Test(crash_watch, a_file_that_cannot_be_opened_is_told)
{
    cr_assert_not(crash_watch("/nonexistent/castle/crashes.log"));
    cr_assert_eq(errno, ENOENT);
}
