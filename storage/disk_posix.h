/* disk_posix.h - the real disk: one data directory, locked by the process that uses it.
 *
 * Thread:  calls on different files from any thread.
 * Writes:  O_DIRECT|O_DSYNC; where the file system refuses O_DIRECT, O_DSYNC with a warning on
 * stderr (PARTS §6). With `durable` false neither: --durability none.
 */
#ifndef DISK_POSIX_H
#define DISK_POSIX_H

#include "runtime/env.h"

struct disk_posix {
    int dir, lock;
    bool durable, no_direct;
};

enum disk_open { DISK_OPEN_OK, DISK_OPEN_LOCKED, DISK_OPEN_FAILED };

/* Opens the directory (made if missing when `create`), and locks it unless it is only read. */
enum disk_open disk_posix_open(struct disk_posix *self, const char *path, bool create, bool lock,
                               bool durable);
void disk_posix_close(struct disk_posix *self);
struct disk disk_posix(struct disk_posix *self);

#endif
