#include "tests/unit/storage/mem_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"

enum { ALIGN = 4096 };

static bool fails(struct mem_disk *self)
{
    return ++self->calls == self->fail_at;
}

struct mem_file *mem_disk_find(struct mem_disk *self, const char *name)
{
    for (int i = 0; i < MEM_DISK_FILES; i++)
        if (self->file[i].used && strcmp(self->file[i].name, name) == 0)
            return &self->file[i];
    return NULL;
}

static struct mem_file *make(struct mem_disk *self, const char *name)
{
    ASSERT(strlen(name) < DISK_NAME_MAX);
    for (int i = 0; i < MEM_DISK_FILES; i++)
        if (!self->file[i].used) {
            self->file[i] = (struct mem_file){.used = true};
            strcpy(self->file[i].name, name);
            return &self->file[i];
        }
    UNREACHABLE("room for another file");
    return NULL;
}

static void drop(struct mem_file *file)
{
    free(file->data);
    *file = (struct mem_file){0};
}

static void resize(struct mem_file *file, uint64_t bytes)
{
    unsigned char *data = realloc(file->data, bytes ? bytes : 1);
    ASSERT(data != NULL);
    if (bytes > file->bytes)
        memset(data + file->bytes, 0, bytes - file->bytes);
    file->data = data;
    file->bytes = bytes;
}

struct mem_file *mem_disk_put(struct mem_disk *self, const char *name, const void *data,
                              uint64_t bytes)
{
    struct mem_file *file = mem_disk_find(self, name);
    if (file)
        drop(file);
    file = make(self, name);
    resize(file, bytes);
    if (data)
        memcpy(file->data, data, bytes);
    return file;
}

void mem_disk_copy(struct mem_disk *to, const struct mem_disk *from)
{
    mem_disk_fini(to);
    for (int i = 0; i < MEM_DISK_FILES; i++)
        if (from->file[i].used)
            mem_disk_put(to, from->file[i].name, from->file[i].data, from->file[i].bytes);
}

uint32_t mem_disk_opened(const struct mem_disk *self)
{
    uint32_t opened = 0;
    for (int i = 0; i < MEM_DISK_FILES; i++)
        opened += self->file[i].opened;
    return opened;
}

void mem_disk_fini(struct mem_disk *self)
{
    for (int i = 0; i < MEM_DISK_FILES; i++)
        if (self->file[i].used)
            drop(&self->file[i]);
    *self = (struct mem_disk){0};
}

/* ---- the vtable ---- */

static struct mem_file *opened(struct mem_disk *self, int file)
{
    ASSERT(file >= 0 && file < MEM_DISK_FILES);
    ASSERT(self->file[file].used && self->file[file].opened > 0);
    return &self->file[file];
}

static int mem_open(void *arg, const char *name, bool create)
{
    struct mem_disk *self = arg;
    if (fails(self))
        return -self->fail_errno;
    struct mem_file *file = mem_disk_find(self, name);
    if (!file && !create)
        return -ENOENT;
    if (!file) {
        file = make(self, name);
        self->dir_dirty = true;
    }
    file->opened++;
    return (int)(file - self->file);
}

static void mem_close(void *arg, int file)
{
    opened(arg, file)->opened--;
}

static int64_t mem_size(void *arg, int file)
{
    struct mem_disk *self = arg;
    return fails(self) ? -self->fail_errno : (int64_t)opened(self, file)->bytes;
}

static int64_t mem_read(void *arg, int file, void *out, size_t bytes, uint64_t offset)
{
    struct mem_disk *self = arg;
    const struct mem_file *from = opened(self, file);
    if (fails(self))
        return -self->fail_errno;
    if (offset >= from->bytes)
        return 0;
    if (bytes > from->bytes - offset)
        bytes = from->bytes - offset;
    memcpy(out, from->data + offset, bytes);
    return (int64_t)bytes;
}

static int mem_write(void *arg, int file, const void *data, size_t bytes, uint64_t offset)
{
    struct mem_disk *self = arg;
    struct mem_file *to = opened(self, file);
    ASSERT((uintptr_t)data % ALIGN == 0 && bytes % ALIGN == 0 && offset % ALIGN == 0);
    ASSERT(bytes > 0);
    self->writes++;
    bool failed = fails(self);
    if (failed)
        bytes = self->torn_bytes < bytes ? self->torn_bytes : bytes;
    if (bytes && offset + bytes > to->bytes)
        resize(to, offset + bytes);
    if (bytes)
        memcpy(to->data + offset, data, bytes);
    to->dirty = true;
    return failed ? -self->fail_errno : 0;
}

static int mem_sync(void *arg, int file)
{
    struct mem_disk *self = arg;
    struct mem_file *of = opened(self, file);
    if (fails(self))
        return -self->fail_errno;
    of->dirty = false;
    return 0;
}

static int mem_sync_dir(void *arg)
{
    struct mem_disk *self = arg;
    if (fails(self))
        return -self->fail_errno;
    self->dir_dirty = false;
    return 0;
}

static int mem_rename(void *arg, const char *from, const char *to)
{
    struct mem_disk *self = arg;
    if (fails(self))
        return -self->fail_errno;
    struct mem_file *file = mem_disk_find(self, from);
    if (!file || mem_disk_find(self, to))
        return file ? -EEXIST : -ENOENT;
    strcpy(file->name, to);
    self->dir_dirty = true;
    return 0;
}

static int mem_remove(void *arg, const char *name)
{
    struct mem_disk *self = arg;
    if (fails(self))
        return -self->fail_errno;
    struct mem_file *file = mem_disk_find(self, name);
    if (!file)
        return -ENOENT;
    ASSERT(file->opened == 0);
    drop(file);
    self->dir_dirty = true;
    return 0;
}

static int mem_list(void *arg, void (*each)(void *arg, const char *name), void *each_arg)
{
    struct mem_disk *self = arg;
    if (fails(self))
        return -self->fail_errno;
    for (int i = MEM_DISK_FILES - 1; i >= 0; i--) /* in no order that anybody should rely on */
        if (self->file[i].used)
            each(each_arg, self->file[i].name);
    return 0;
}

struct disk mem_disk(struct mem_disk *self)
{
    static const struct disk_ops ops = {.open = mem_open,
                                        .close = mem_close,
                                        .size = mem_size,
                                        .read = mem_read,
                                        .write = mem_write,
                                        .sync = mem_sync,
                                        .sync_dir = mem_sync_dir,
                                        .rename = mem_rename,
                                        .remove = mem_remove,
                                        .list = mem_list};
    return (struct disk){.ops = &ops, .self = self};
}
