/* sim_disk.h - a disk in memory that loses, on a crash, what was being written.
 *
 * A write is durable when it returns, as the real one's. With tear_seed set, the next write keeps
 * only a beginning of itself, or a random half of its 512-byte sectors, and then reports the crash.
 * With calls_left set, the power goes after that many calls that change something: from then on
 * nothing changes and every such call fails. Names changed since the last sync_dir may be undone by
 * sim_disk_crash(), the newest ones first.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "runtime/env.h"

enum { SIM_FILES_MAX = 512 };

struct sim_file {
    char name[DISK_NAME_MAX];
    unsigned char *data;
    uint64_t bytes, room;
};

struct sim_undo {
    char from[DISK_NAME_MAX], to[DISK_NAME_MAX]; /* a rename; or, with `from` empty, */
    struct sim_file removed;
};

struct sim_disk {
    struct sim_file file[SIM_FILES_MAX];
    uint32_t files, undos;
    struct sim_undo undo[SIM_FILES_MAX];
    uint64_t tear_seed;  /* != 0: the next write is torn */
    uint64_t calls_left; /* != 0: the power goes after so many */
    bool dead;
    uint32_t reads_left; /* != 0: the last of so many looks at a file fails, once */
};

/* The power went: what was not made durable may be gone. Then it comes back. */
void sim_disk_crash(struct sim_disk *self, uint64_t seed);
struct sim_file *sim_disk_find(struct sim_disk *self, const char *name);

struct disk sim_disk(struct sim_disk *self);
void sim_disk_fini(struct sim_disk *self);

#endif
