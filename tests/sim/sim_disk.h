/* sim_disk.h - a disk in memory that loses, on a crash, what was being written.
 *
 * A write is durable when it returns, as the real one's. With tear_seed set, the next write keeps
 * only a beginning of itself, or a random half of its 512-byte sectors, and then reports the crash.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "runtime/env.h"

enum { SIM_FILES_MAX = 64 };

struct sim_file {
    char name[DISK_NAME_MAX];
    unsigned char *data;
    uint64_t bytes, room;
};

struct sim_disk {
    struct sim_file file[SIM_FILES_MAX];
    uint32_t files;
    uint64_t tear_seed; /* != 0: the next write is torn */
};

struct disk sim_disk(struct sim_disk *self);
void sim_disk_fini(struct sim_disk *self);

#endif
