/* mem_disk.h - a disk in memory for tests: files as byte arrays, and a call that fails.
 *
 * Thread:  one.
 * Memory:  malloc; mem_disk_fini() frees.
 * Faults:  calls are counted from 1; number `fail_at` returns -fail_errno and changes nothing, or,
 * of a write, the first `torn_bytes` bytes only. Every later call works again, so that a retry is
 *          seen. open, size, read, write, sync, sync_dir, rename, remove and list count.
 * Holds:   a write's address, length and offset are multiples of 4096 (env.h); else the process
 * stops.
 */
#ifndef MEM_DISK_H
#define MEM_DISK_H

#include "runtime/env.h"

enum { MEM_DISK_FILES = 64 };

struct mem_file {
    char name[DISK_NAME_MAX];
    unsigned char *data;
    uint64_t bytes;
    uint32_t opened;  /* handles now open */
    bool used, dirty; /* dirty: written since the last sync of the file */
};

struct mem_disk {
    struct mem_file file[MEM_DISK_FILES];
    uint64_t calls, writes, fail_at, torn_bytes;
    int fail_errno;
    bool dir_dirty; /* a name changed since the last sync_dir */
};

/* The disk's vtable. The mem_disk starts as zeros. */
struct disk mem_disk(struct mem_disk *self);
void mem_disk_fini(struct mem_disk *self);

/* The file of that name or NULL. */
struct mem_file *mem_disk_find(struct mem_disk *self, const char *name);
/* Makes or replaces a file; NULL data: zeros. */
struct mem_file *mem_disk_put(struct mem_disk *self, const char *name, const void *data,
                              uint64_t bytes);
/* Makes `to` a copy of `from`, without its faults. */
void mem_disk_copy(struct mem_disk *to, const struct mem_disk *from);
/* Handles open now, over all files. */
uint32_t mem_disk_opened(const struct mem_disk *self);

#endif
