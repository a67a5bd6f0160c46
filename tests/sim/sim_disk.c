#include "tests/sim/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"
#include "runtime/hash.h"

static int find(struct sim_disk *self, const char *name)
{
    for (uint32_t i = 0; i < self->files; i++)
        if (strcmp(self->file[i].name, name) == 0)
            return (int)i;
    return -ENOENT;
}

struct sim_file *sim_disk_find(struct sim_disk *self, const char *name)
{
    int idx = find(self, name);
    return idx < 0 ? NULL : &self->file[idx];
}

/* One call that changes something; false when the power is gone. */
static bool alive(struct sim_disk *self)
{
    if (!self->dead && self->calls_left && --self->calls_left == 0)
        self->dead = true;
    return !self->dead;
}

/* One call that looks at a file; false when it fails. */
static bool readable(struct sim_disk *self)
{
    return !self->reads_left || --self->reads_left > 0;
}

static int make(struct sim_disk *self, const char *name)
{
    int idx;
    for (idx = 0; idx < (int)self->files && self->file[idx].name[0]; idx++)
        ;
    ASSERT(idx < SIM_FILES_MAX);
    if ((uint32_t)idx == self->files)
        self->files++;
    self->file[idx] = (struct sim_file){0};
    strcpy(self->file[idx].name, name);
    return idx;
}

static int disk_open(void *arg, const char *name, bool create)
{
    struct sim_disk *self = arg;
    int idx = find(self, name);
    if (idx >= 0 && !create && !readable(self))
        return -EMFILE;
    if (idx >= 0 || !create)
        return idx;
    return alive(self) ? make(self, name) : -EIO;
}

static void disk_close(void *arg, int file)
{
    (void)arg;
    (void)file;
}

static int64_t disk_size(void *arg, int file)
{
    return (int64_t)((struct sim_disk *)arg)->file[file].bytes;
}

static int64_t disk_read(void *arg, int file, void *out, size_t bytes, uint64_t offset)
{
    struct sim_file *f = &((struct sim_disk *)arg)->file[file];
    if (!readable(arg))
        return -EIO;
    if (offset >= f->bytes)
        return 0;
    if (bytes > f->bytes - offset)
        bytes = f->bytes - offset;
    memcpy(out, f->data + offset, bytes);
    return (int64_t)bytes;
}

static int disk_write(void *arg, int file, const void *data, size_t bytes, uint64_t offset)
{
    struct sim_disk *self = arg;
    struct sim_file *f = &self->file[file];
    if (!alive(self))
        return -EIO;
    if (offset + bytes > f->room) {
        uint64_t room = offset + bytes + 65536;
        f->data = realloc(f->data, room);
        ASSERT(f->data != NULL);
        memset(f->data + f->room, 0, room - f->room);
        f->room = room;
    }
    if (offset + bytes > f->bytes)
        f->bytes = offset + bytes;
    if (!self->tear_seed) {
        memcpy(f->data + offset, data, bytes);
        return 0;
    }
    if (self->tear_seed >> 33 &
        1) { /* a beginning of any length arrives: PROTOCOL §4 tears at any record */
        size_t content = bytes; /* without the padding: there a cut would tear nothing */
        while (content && ((const char *)data)[content - 1] == 0)
            content--;
        memcpy(f->data + offset, data, hash_mix(self->tear_seed) % (content + 1));
        self->tear_seed = 0;
        return -EIO;
    }
    for (size_t at = 0; at < bytes; at += 512) {
        self->tear_seed = hash_mix(self->tear_seed + 1) | 1;
        if (self->tear_seed >> 32 & 1)
            memcpy(f->data + offset + at, (const char *)data + at, 512);
    }
    self->tear_seed = 0;
    return -EIO; /* the power went */
}

static int disk_sync(void *arg, int file)
{
    (void)file;
    return alive(arg) ? 0 : -EIO;
}

static void forget_undo(struct sim_disk *self)
{
    for (uint32_t i = 0; i < self->undos; i++)
        free(self->undo[i].removed.data);
    self->undos = 0;
}

static struct sim_undo *undo_add(struct sim_disk *self)
{
    ASSERT(self->undos < SIM_FILES_MAX);
    struct sim_undo *undo = &self->undo[self->undos++];
    *undo = (struct sim_undo){0};
    return undo;
}

static int disk_sync_dir(void *arg)
{
    if (!alive(arg))
        return -EIO;
    forget_undo(arg);
    return 0;
}

static int disk_remove(void *arg, const char *name)
{
    struct sim_disk *self = arg;
    int idx = find(self, name);
    if (idx < 0)
        return idx;
    if (!alive(self))
        return -EIO;
    undo_add(self)->removed = self->file[idx];
    self->file[idx] = (struct sim_file){0};
    return 0;
}

static int disk_rename(void *arg, const char *from, const char *to)
{
    struct sim_disk *self = arg;
    int idx = find(self, from);
    if (idx < 0)
        return idx;
    if (!alive(self))
        return -EIO;
    if (find(self, to) >= 0)
        return -EEXIST;
    struct sim_undo *undo = undo_add(self);
    strcpy(undo->from, from);
    strcpy(undo->to, to);
    strcpy(self->file[idx].name, to);
    return 0;
}

void sim_disk_crash(struct sim_disk *self, uint64_t seed)
{
    uint32_t keep = self->undos ? (uint32_t)(hash_mix(seed) % (self->undos + 1)) : 0;
    while (self->undos > keep) {
        struct sim_undo *undo = &self->undo[--self->undos];
        int idx = find(self, undo->from[0] ? undo->to : undo->removed.name);
        if (undo->from[0]) {
            strcpy(self->file[idx].name, undo->from);
            continue;
        }
        if (idx >= 0) { /* a file made anew under the name: its making is undone too */
            free(self->file[idx].data);
            self->file[idx] = (struct sim_file){0};
        }
        idx = make(self, undo->removed.name);
        self->file[idx] = undo->removed;
        undo->removed.data = NULL;
    }
    forget_undo(self);
    self->calls_left = 0;
    self->dead = false;
    self->tear_seed = 0;
}

static int disk_list(void *arg, void (*each)(void *arg, const char *name), void *each_arg)
{
    struct sim_disk *self = arg;
    for (uint32_t i = 0; i < self->files; i++)
        if (self->file[i].name[0])
            each(each_arg, self->file[i].name);
    return 0;
}

struct disk sim_disk(struct sim_disk *self)
{
    static const struct disk_ops ops = {.open = disk_open,
                                        .close = disk_close,
                                        .size = disk_size,
                                        .read = disk_read,
                                        .write = disk_write,
                                        .sync = disk_sync,
                                        .sync_dir = disk_sync_dir,
                                        .rename = disk_rename,
                                        .remove = disk_remove,
                                        .list = disk_list};
    return (struct disk){.ops = &ops, .self = self};
}

void sim_disk_fini(struct sim_disk *self)
{
    for (uint32_t i = 0; i < self->files; i++)
        free(self->file[i].data);
    forget_undo(self);
    *self = (struct sim_disk){0};
}
