/* env.h - everything an actor may ask of the world: clock, random bytes, disk.
 *
 * Thread:  the real environment's functions may be called from any thread; the simulator's run on
 * one. Why:     production and simulator differ only here, so the same actors run under a seeded
 * scheduler.
 */
#ifndef ENV_H
#define ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env {
    const struct env_ops *ops;
    void *self;
};

struct env_ops {
    int64_t (*now_us)(void *self);                       /* Unix time, never back */
    void (*random)(void *self, void *out, size_t bytes); /* for secrets and boot ids */
};

static inline int64_t env_now_us(const struct env *env)
{
    return env->ops->now_us(env->self);
}

static inline void env_random(const struct env *env, void *out, size_t bytes)
{
    env->ops->random(env->self, out, bytes);
}

/* The machine's clock (monotonic, slewed towards the wall by at most 0.5 %, never back) and the
 * kernel's random source. Thread: any. */
struct env env_real(void);

/* For how long something takes, never for what is decided: what replay must repeat asks
 * env_now_us(). Thread: any. */
uint64_t env_mono_ns(void);

/* Lets the clock look at the wall: call every 100 ms or so. Thread: one. */
void env_clock_slew(void);

/* A disk is a flat folder of files. Every function returns 0 or -errno; read returns bytes or
 * -errno. */
enum { DISK_NAME_MAX = 64 };

struct disk {
    const struct disk_ops *ops;
    void *self;
};

struct disk_ops {
    /* Opens or creates; returns a handle >= 0 or -errno. */
    int (*open)(void *self, const char *name, bool create);
    void (*close)(void *self, int file);
    int64_t (*size)(void *self, int file);
    int64_t (*read)(void *self, int file, void *out, size_t bytes, uint64_t offset);
    /* Durable when it returns 0: O_DIRECT|O_DSYNC where honoured. Offset, length and address are
     * multiples of 4096. */
    int (*write)(void *self, int file, const void *data, size_t bytes, uint64_t offset);
    /* Optional: gives an empty file `bytes` zeros without writing them; -EOPNOTSUPP where only
     * writing makes later writes cheap to sync. */
    int (*zeros)(void *self, int file, uint64_t bytes);
    int (*sync)(void *self, int file); /* file and what was read from the page cache */
    int (*sync_dir)(void *self);
    /* Never onto a file that is there. */
    int (*rename)(void *self, const char *from, const char *to);
    int (*remove)(void *self, const char *name);
    /* Calls `each` for every file name. */
    int (*list)(void *self, void (*each)(void *arg, const char *name), void *arg);
};

#endif
