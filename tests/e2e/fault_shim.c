/* fault_shim.c - LD_PRELOAD: a disk that is full, breaks or tears, for a process that knows nothing
 * of it.
 *
 * Thread:  any.
 *
 * Rules:   the file that CASTLE_FAULTS names, read anew at every call, a rule a line:
 *
 *     CALL PATTERN FAULT [AFTER]
 *
 * CALL is open, pread, pwrite, grow (a pwrite that makes the file longer), write (to files), fsync
 * or rename; PATTERN is matched against the file's name (fnmatch; of a rename, the new one; a
 * directory is "."); FAULT is ENOSPC, EIO or short=BYTES (pwrite: so many bytes arrive, never all
 * of them, and that is what it says). The first AFTER calls that match go through; every later one
 * fails until the rule is gone.
 *
 * Told:    each fault is a line in CASTLE_FAULTS.log: "pwrite spare.seg ENOSPC".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RULES_MAX = 16, NAME_BYTES = 128 };

struct rule {
    char line[256], call[16], pattern[NAME_BYTES], fault[32];
    long after;
    bool seen; /* at the last reading of the file */
};

static struct rule rule[RULES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- names ---- */

static void last_part(const char *path, char name[static NAME_BYTES])
{
    const char *slash = strrchr(path, '/');
    const char *from = slash ? slash + 1 : path;
    size_t length = strnlen(from, NAME_BYTES - 1);
    memcpy(name, from, length);
    name[length] = '\0';
}

static void name_of(int file, char name[static NAME_BYTES])
{
    char link[64], path[4096];
    struct stat st;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    last_part(path, name);
    if (fstat(file, &st) == 0 && S_ISDIR(st.st_mode))
        strcpy(name, ".");
}

/* ---- rules ---- */

/* Those that stand in the file; one that stood there before keeps its count. */
static void take_line(const char *line)
{
    struct rule *at = NULL;
    for (int i = 0; i < RULES_MAX; i++)
        if (strcmp(rule[i].line, line) == 0)
            at = &rule[i];
    for (int i = 0; i < RULES_MAX && !at; i++)
        if (!rule[i].line[0]) {
            at = &rule[i];
            if (sscanf(line, "%15s %127s %31s %ld", at->call, at->pattern, at->fault, &at->after) <
                3)
                return;
            snprintf(at->line, sizeof at->line, "%s", line);
        }
    if (at)
        at->seen = true;
}

static void read_rules(const char *path)
{
    char text[4096], *rest = text;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    text[length > 0 ? length : 0] = '\0';
    for (int i = 0; i < RULES_MAX; i++)
        rule[i].seen = false;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            take_line(line);
    for (int i = 0; i < RULES_MAX; i++)
        if (!rule[i].seen)
            rule[i] = (struct rule){0};
}

static void tell(const char *path, const char *call, const char *name, const char *fault)
{
    char log[4096], line[256];
    snprintf(log, sizeof log, "%s.log", path);
    int length = snprintf(line, sizeof line, "%s %s %s\n", call, name, fault);
    int file =
        (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || syscall(SYS_write, file, line, (size_t)length) != length)
        abort();
    close(file);
}

/* The errno with which this call must fail, or 0. *bytes: what of a write arrives first, or -1. */
static int fault_of(const char *call, const char *name, long *bytes)
{
    const char *path = getenv("CASTLE_FAULTS");
    int error = 0;
    *bytes = -1;
    if (!path)
        return 0;
    pthread_mutex_lock(&lock);
    read_rules(path);
    for (int i = 0; i < RULES_MAX && !error; i++) {
        if (!rule[i].line[0] || strcmp(rule[i].call, call) != 0 ||
            fnmatch(rule[i].pattern, name, 0) != 0)
            continue;
        if (rule[i].after-- > 0)
            continue;
        rule[i].after = 0;
        error = strcmp(rule[i].fault, "EIO") == 0 ? EIO : ENOSPC;
        if (sscanf(rule[i].fault, "short=%ld", bytes) == 1)
            error = EIO;
        tell(path, call, name, rule[i].fault);
    }
    pthread_mutex_unlock(&lock);
    return error;
}

/* ---- the calls ---- */

int openat(int dir, const char *path, int flags, ...)
{
    char name[NAME_BYTES];
    long bytes;
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    last_part(path, name);
    errno = fault_of("open", name, &bytes);
    return errno ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...) __attribute__((alias("openat")));

/* The beginning of a write that tears: through a descriptor of its own, since O_DIRECT takes whole
 * blocks only. */
static ssize_t write_some(int file, const void *data, size_t bytes, off_t offset)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int plain = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    ssize_t put = plain < 0 ? -1 : syscall(SYS_pwrite64, plain, data, bytes, offset);
    if (plain >= 0)
        close(plain);
    return put;
}

ssize_t pread(int file, void *data, size_t size, off_t offset)
{
    char name[NAME_BYTES];
    long bytes;
    name_of(file, name);
    errno = fault_of("pread", name, &bytes);
    return errno ? -1 : syscall(SYS_pread64, file, data, size, offset);
}

ssize_t pread64(int file, void *data, size_t size, off_t offset) __attribute__((alias("pread")));

ssize_t write(int file, const void *data, size_t size)
{
    char name[NAME_BYTES];
    long bytes;
    struct stat st;
    if (fstat(file, &st) == 0 && S_ISREG(st.st_mode)) {
        name_of(file, name);
        errno = fault_of("write", name, &bytes);
        if (errno)
            return -1;
    }
    return syscall(SYS_write, file, data, size);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset)
{
    char name[NAME_BYTES];
    long bytes;
    struct stat st;
    name_of(file, name);
    int error = fault_of("pwrite", name, &bytes);
    if (!error && fstat(file, &st) == 0 && offset + (off_t)size > st.st_size)
        error = fault_of("grow", name, &bytes);
    if (bytes >= 0)
        return write_some(file, data, (size_t)bytes < size ? (size_t)bytes : size - 1, offset);
    errno = error;
    return error ? -1 : syscall(SYS_pwrite64, file, data, size, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off_t offset)
    __attribute__((alias("pwrite")));

int fsync(int file)
{
    char name[NAME_BYTES];
    long bytes;
    name_of(file, name);
    errno = fault_of("fsync", name, &bytes);
    return errno ? -1 : (int)syscall(SYS_fsync, file);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
    char name[NAME_BYTES];
    long bytes;
    last_part(to, name);
    errno = fault_of("rename", name, &bytes);
    return errno ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
