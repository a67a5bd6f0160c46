/* crash.h - what a thread was applying when the process crashed: one line in a file, by a signal
 * handler, so that the next start can tell a poison message from bad luck (PROTOCOL J6).
 *
 * Thread:  crash_watch from the starting one, before the others. The handler runs on the thread
 * that crashed, takes no lock and allocates nothing; then the signal does what it would have done.
 * Seen:    SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT (a failed ASSERT). A killed process leaves no
 * line.
 */
#ifndef CRASH_H
#define CRASH_H

#include "runtime/core.h"

/* From now on crashes are noted in `path` (appended, synced). False with errno when it cannot be
 * opened. */
bool crash_watch(const char *path);

struct crash {
    uint16_t from, to, part;
    uint8_t type;
    uint64_t seq;
};

/* Calls `each` for every link message that the file notes twice or more. A file that is not there
 * has none. */
void crash_repeated(const char *path, void (*each)(void *arg, const struct crash *crash),
                    void *arg);

#endif
