/* probe_sync.c - what one small durable write costs on this disk: the yardstick of every durable
 * bench.
 *
 * Use:     probe_sync --dir DIR [--bytes 4096] [--seconds 2] [--json FILE]
 * Method:  a 64 MiB file, zero-filled and synced first, then one pwrite after the other on
 * O_DIRECT|O_DSYNC, as the journal writes (PARTS §6) but without any of its code; where the file
 * system refuses O_DIRECT, O_DSYNC alone, which is said. Times are in a histogram, 3 % apart. Run
 * it in the same minute, on the same core, as what it is compared with. Thread:  one, not pinned
 * (taskset). Exit:    0; 1 when the disk fails, 2 for bad arguments.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/measure.h"
#include "runtime/check.h"
#include "runtime/hist.h"
#include "runtime/thread.h"

enum { FILE_BYTES = 64 << 20, BLOCK = 4096, WRITE_MAX = 1 << 20 };

struct options {
    const char *dir, *json;
    uint32_t bytes;
    double seconds;
};

struct probe {
    char path[4096];
    unsigned char *data; /* WRITE_MAX bytes, aligned */
    int file;
    bool direct;
    struct hist ns;
    double seconds;
};

/* The file, zero-filled, opened as the journal opens a segment. Negative errno on failure. */
static int open_file(struct probe *probe, const char *dir)
{
    snprintf(probe->path, sizeof probe->path, "%s/probe-sync.%d", dir, (int)getpid());
    probe->data = aligned_alloc(BLOCK, WRITE_MAX);
    ASSERT(probe->data != NULL);
    memset(probe->data, 0, WRITE_MAX);
    int file = open(probe->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    for (off_t at = 0; at < FILE_BYTES; at += WRITE_MAX)
        if (pwrite(file, probe->data, WRITE_MAX, at) != WRITE_MAX)
            return -EIO;
    if (fsync(file) != 0 || close(file) != 0)
        return -errno;
    probe->file = open(probe->path, O_WRONLY | O_CLOEXEC | O_DSYNC | O_DIRECT);
    probe->direct = probe->file >= 0;
    if (!probe->direct && errno == EINVAL)
        probe->file = open(probe->path, O_WRONLY | O_CLOEXEC | O_DSYNC);
    memset(probe->data, 0xA5, WRITE_MAX);
    return probe->file < 0 ? -errno : 0;
}

static int run(struct probe *probe, const struct options *options)
{
    off_t at = 0;
    thread_short_slice();
    double start = measure_now_s();
    do {
        uint64_t began = measure_now_ns();
        if (pwrite(probe->file, probe->data, options->bytes, at) != (ssize_t)options->bytes)
            return errno ? -errno : -EIO;
        hist_add(&probe->ns, measure_now_ns() - began);
        at = at + 2 * options->bytes <= FILE_BYTES ? at + options->bytes : 0;
        probe->seconds = measure_now_s() - start;
    } while (probe->seconds < options->seconds);
    return 0;
}

static bool report(const struct probe *probe, const struct options *options)
{
    double us[3] = {(double)hist_quantile(&probe->ns, 0.5) / 1e3,
                    (double)hist_quantile(&probe->ns, 0.99) / 1e3, (double)probe->ns.max / 1e3};
    double mbps = (double)probe->ns.count * options->bytes / probe->seconds / 1e6;
    printf("probe_sync: %u bytes, %s: p50 %.1f us, p99 %.1f us, max %.1f us, %lu writes, "
           "%.1f MB/s\n",
           options->bytes, probe->direct ? "O_DIRECT|O_DSYNC" : "O_DSYNC, O_DIRECT refused", us[0],
           us[1], us[2], probe->ns.count, mbps);
    if (!options->json)
        return true;
    FILE *file = fopen(options->json, "we");
    if (!file)
        return false;
    fprintf(file,
            "{\"bench\": \"sync\", \"bytes\": %u, \"direct\": %s, \"writes\": %lu, "
            "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, \"mb_s\": %.1f}\n",
            options->bytes, probe->direct ? "true" : "false", probe->ns.count, us[0], us[1], us[2],
            mbps);
    return fclose(file) == 0;
}

static bool parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){.bytes = BLOCK, .seconds = 2};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--dir") == 0)
            options->dir = argv[i + 1];
        else if (strcmp(argv[i], "--bytes") == 0)
            options->bytes = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            options->seconds = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--json") == 0)
            options->json = argv[i + 1];
        else
            return false;
    }
    return argc % 2 == 1 && options->dir && options->bytes && options->bytes % BLOCK == 0 &&
           options->bytes <= WRITE_MAX && options->seconds > 0;
}

int main(int argc, char **argv)
{
    static struct probe probe = {.file = -1};
    struct options options;
    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "usage: probe_sync --dir DIR [--bytes N*%d] [--seconds S] [--json FILE]\n",
                BLOCK);
        return 2;
    }
    int result = open_file(&probe, options.dir);
    if (result == 0)
        result = run(&probe, &options);
    unlink(probe.path);
    if (result) {
        fprintf(stderr, "probe_sync: %s: %s\n", probe.path, strerror(-result));
        return 1;
    }
    if (!report(&probe, &options)) {
        perror(options.json);
        return 1;
    }
    return 0;
}
