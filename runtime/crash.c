#define _GNU_SOURCE
#include "runtime/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CRASHES_MAX = 4096, LINE_BYTES = 160 };

static int crash_file = -1;

static char *put_number(char *at, const char *name, uint64_t value)
{
    char digits[20];
    uint32_t count = 0;
    while (*name)
        *at++ = *name++;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count)
        *at++ = digits[--count];
    return at;
}

static void on_crash(int number)
{
    const struct message *message = core_applying();
    char line[LINE_BYTES], *at = line;
    if (message && (message->type >= 1) && message->seq && crash_file >= 0) {
        at = put_number(at, "from ", message->from);
        at = put_number(at, " to ", message->to);
        at = put_number(at, " seq ", message->seq);
        at = put_number(at, " type ", message->type);
        at = put_number(at, " part ", message->part);
        at = put_number(at, " signal ", (uint64_t)number);
        *at++ = '\n';
        ssize_t put = write(crash_file, line, (size_t)(at - line));
        (void)put; /* nothing can be done about it here */
    }
    raise(number); /* SA_RESETHAND: as if there had been no handler */
}

bool crash_watch(const char *path)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    crash_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_DSYNC | O_CLOEXEC, 0600);
    if (crash_file < 0)
        return false;
    for (uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    return true;
}

static bool same(const struct crash *a, const struct crash *b)
{
    return a->from == b->from && a->to == b->to && a->seq == b->seq;
}

void crash_repeated(const char *path, void (*each)(void *arg, const struct crash *crash), void *arg)
{
    FILE *file = fopen(path, "re");
    struct crash *seen = calloc(CRASHES_MAX, sizeof *seen), now;
    uint32_t count = 0, type;
    char line[LINE_BYTES];
    while (file && seen && count < CRASHES_MAX && fgets(line, sizeof line, file)) {
        if (sscanf(line,
                   "from %" SCNu16 " to %" SCNu16 " seq %" SCNu64 " type %" SCNu32 " part %" SCNu16,
                   &now.from, &now.to, &now.seq, &type, &now.part) != 5)
            continue; /* torn: the power went with the process */
        now.type = (uint8_t)type;
        uint32_t before = 0;
        for (uint32_t i = 0; i < count; i++)
            before += same(&seen[i], &now);
        if (before == 1)
            each(arg, &now);
        seen[count++] = now;
    }
    free(seen);
    if (file)
        fclose(file);
}
