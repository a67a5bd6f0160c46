#include "runtime/check.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef CASTLE_BUGS
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int check_bug;

void check_planted_crash(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    abort();
}

void check_failpoint(const char *name)
{
    static _Atomic long passed;
    const char *wanted = getenv("CASTLE_FAILPOINT");
    size_t length = strlen(name);
    if (!wanted || strncmp(wanted, name, length) != 0 ||
        (wanted[length] != '\0' && wanted[length] != ':'))
        return;
    long at = wanted[length] == ':' ? strtol(wanted + length + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 == at)
        kill(getpid(), SIGKILL); /* as `kill -9` does: nothing is flushed */
}
#endif

void check_failed(const char *file, int line, const char *expr)
{
    fprintf(stderr, "castle: assertion failed at %s:%d: %s\n", file, line, expr);
    fflush(stderr);
    abort();
}
