/* bench_path.c - the whole order path inside the process, beside the matching core alone.
 *
 * Use:     bench_path [--cores 1,2] [--runs N] [--orders N] [--users N] [--symbols N] [--window N]
 *                     [--flow A|B] [--dir DIR] [--json FILE]
 *          bench_path --keep DIR --records N [--users N] [--flow A|B]
 * Method:  the news and cancels of a flow of PEERS.md, spread over users and symbols, go from a
 * client on each core through gateway, account shard, market shard and back, journaled and answered
 * when durable; no HTTP. The same commands go straight into books: the yardstick. They take turns,
 * medians. The process keeps to as many CPUs as there are cores: the journal's thread and the
 * helper get what the cores leave. Timed: --orders commands after the flow's prefill.
 * Journal: on a disk that takes everything at once, and, with --dir, on the real one under O_DSYNC.
 * Order:   with several cores, shards and answers in flight, commands of different users meet in
 * another order than in the flow; some cancels then come too late, and are counted.
 * Keep:    leaves a journal of at least N records in DIR, for bench_recovery.py; no timing.
 * Exit:    1 when an order was refused; 2 for bad arguments. A missed goal fails nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/book/book.h"
#include "bench/flow.h"
#include "bench/inside.h"
#include "bench/measure.h"
#include "runtime/check.h"
#include "runtime/hash.h"

enum { BATCH = 32, FILLS_MAX = 32, EVENTS_MAX = 2 * FILLS_MAX + 4, FAR_MAX = 4096, RUNS_MAX = 99 };
enum { SYMBOLS_MAX = 64, WINDOW_TICKS = 262144, KEEP_STEP = 20000 };

#define GOAL_MPS 2.0 /* DESIGN §11, on two cores */

struct options {
    uint32_t cores[2], runs, orders, users, window;
    uint16_t symbols;
    uint64_t records;
    char flow;
    const char *dir, *keep, *json;
};

struct load { /* the flow as commands: prefill, then what is timed */
    struct inside_cmd *cmds;
    uint32_t prefill, count;
};

struct figures {
    double mps[RUNS_MAX], median, low, high;
};

struct result {
    uint32_t cores;
    bool disk;
    struct figures path;
    struct inside_result last;
};

/* ---- the flow ---- */

static struct load make_load(const struct options *options)
{
    struct flow flow = flow_make(options->flow);
    struct load load = {.prefill = flow.prefill};
    uint32_t most = flow.count - flow.prefill;
    load.count =
        flow.prefill + (options->orders && options->orders < most ? options->orders : most);
    load.cmds = malloc(load.count * sizeof *load.cmds);
    ASSERT(load.cmds != NULL);
    for (uint32_t i = 0; i < load.count; i++) {
        const struct flow_record *record = &flow.records[i];
        ASSERT(record->op != FLOW_MOVE); /* flows A and B */
        load.cmds[i] = (struct inside_cmd){
            .id = record->id,
            .price_ticks = record->price_ticks,
            .qty_lots = record->qty_lots,
            .user = (uint32_t)(hash_mix(record->id) % options->users),
            .symbol = (uint16_t)(record->id % options->symbols),
            .op = record->op == FLOW_CANCEL ? INSIDE_CANCEL : INSIDE_NEW,
            .side = record->side == FLOW_BUY ? SIDE_BUY : SIDE_SELL,
            .ioc = record->ioc,
        };
    }
    flow_free(&flow);
    return load;
}

/* ---- the yardstick: the same commands straight into books ---- */

struct books {
    struct order_pool *pool;
    struct book *book[SYMBOLS_MAX];
    struct book_cmd waiting[SYMBOLS_MAX][BATCH];
    uint32_t count[SYMBOLS_MAX];
    uint64_t seq[SYMBOLS_MAX], fills;
};

/* A symbol's batch, as its market shard drains one from a lane. */
static void drain(struct books *books, uint16_t symbol)
{
    struct book_event events[EVENTS_MAX];
    struct book_events out = {.event = events};
    const struct book_cmd *cmds[BATCH];
    struct book *book = books->book[symbol];
    for (uint32_t i = 0; i < books->count[symbol]; i++)
        cmds[i] = &books->waiting[symbol][i];
    book_prefetch(book, cmds, books->count[symbol]);
    for (uint32_t i = 0; i < books->count[symbol]; i++) {
        if (book_begin(book, cmds[i]) != REJECT_NONE)
            continue;
        enum book_step step;
        do {
            out.count = 0;
            step = book_step(book, FILLS_MAX, &out);
            for (uint32_t e = 0; e < out.count; e++)
                books->fills += events[e].type == EVENT_FILL;
        } while (step == BOOK_MORE);
    }
    books->count[symbol] = 0;
}

static void into_books(struct books *books, const struct inside_cmd *cmds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct inside_cmd *cmd = &cmds[i];
        uint16_t symbol = cmd->symbol;
        uint64_t seq = ++books->seq[symbol];
        books->waiting[symbol][books->count[symbol]++] =
            (struct book_cmd){.type = cmd->op == INSIDE_NEW ? CMD_NEW : CMD_CANCEL,
                              .side = cmd->side,
                              .order_type = TYPE_LIMIT,
                              .tif = cmd->ioc ? TIF_IOC : TIF_GTC,
                              .stp = STP_NONE,
                              .user = cmd->user,
                              .seq = seq,
                              .ref = cmd->id,
                              .price_ticks = cmd->price_ticks,
                              .qty_lots = cmd->qty_lots,
                              .ts_us = (int64_t)seq};
        if (books->count[symbol] == BATCH)
            drain(books, symbol);
    }
    for (uint16_t symbol = 0; symbol < SYMBOLS_MAX; symbol++)
        if (books->count[symbol])
            drain(books, symbol);
}

/* M orders/s of the matching core alone. */
static double run_books(const struct load *load, uint16_t symbols)
{
    static struct books books;
    size_t pool = order_pool_size(load->count, FAR_MAX), book = book_size(WINDOW_TICKS);
    memset(&books, 0, sizeof books);
    books.pool = order_pool_init(mem_reserve(pool), load->count, FAR_MAX);
    for (uint16_t i = 0; i < symbols; i++) {
        struct book_config config = {
            .spec = {.tick_atoms = INSIDE_TICK_ATOMS, .lot_atoms = INSIDE_LOT_ATOMS},
            .symbol = i,
            .window_ticks = WINDOW_TICKS};
        books.book[i] = book_init(mem_reserve(book), books.pool, &config);
    }
    into_books(&books, load->cmds, load->prefill);
    double start = measure_now_s();
    into_books(&books, load->cmds + load->prefill, load->count - load->prefill);
    double seconds = measure_now_s() - start;
    ASSERT(books.fills > 0);
    for (uint16_t i = 0; i < symbols; i++)
        mem_release(books.book[i], book);
    mem_release(books.pool, pool);
    return (load->count - load->prefill) / seconds / 1e6;
}

/* ---- the path ---- */

static void remove_journal(const char *path)
{
    char name[DISK_NAME_MAX];
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), gone = 0;
    unlinkat(dir, "lock", 0);
    unlinkat(dir, SEGMENT_SPARE, 0);
    for (uint64_t number = 1; gone == 0; number++) {
        segment_name(number, name);
        gone = unlinkat(dir, name, 0);
    }
    close(dir);
    rmdir(path);
}

static struct inside_config config_of(const struct options *options, uint32_t cores,
                                      const char *dir, bool durable)
{
    return (struct inside_config){.cores = (uint16_t)cores,
                                  .symbols = options->symbols,
                                  .users = options->users,
                                  .window = options->window,
                                  .dir = dir,
                                  .durable = durable};
}

static struct inside_result run_path(const struct load *load, const struct options *options,
                                     uint32_t cores, bool disk)
{
    static struct inside inside;
    char dir[4096] = "";
    if (disk)
        snprintf(dir, sizeof dir, "%s/bench-path-%d", options->dir, (int)getpid());
    struct inside_config config = config_of(options, cores, disk ? dir : NULL, disk);
    if (!inside_open(&inside, &config))
        exit(1);
    inside_start(&inside);
    struct inside_result before = inside_run(&inside, load->cmds, load->prefill);
    struct inside_result timed =
        inside_run(&inside, load->cmds + load->prefill, load->count - load->prefill);
    timed.refused += before.refused;
    inside_stop(&inside);
    inside_close(&inside);
    if (disk)
        remove_journal(dir);
    return timed;
}

static int keep_journal(const struct options *options)
{
    static struct inside inside;
    struct load load = make_load(options);
    struct inside_config config = config_of(options, 1, options->keep, false);
    struct inside_result sum = {0};
    if (!inside_open(&inside, &config))
        return 1;
    inside_start(&inside);
    for (uint32_t at = 0; at < load.count && inside.ex.rt.core[0]->records < options->records;
         at += KEEP_STEP) {
        uint32_t count = load.count - at < KEEP_STEP ? load.count - at : KEEP_STEP;
        struct inside_result run = inside_run(&inside, load.cmds + at, count);
        sum.refused += run.refused;
        sum.answered += run.answered;
    }
    inside_stop(&inside);
    printf("{\"records\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"orders\": %" PRIu64
           ", \"refused\": %" PRIu64 "}\n",
           inside.journal.records, inside.journal.bytes, sum.answered, sum.refused);
    inside_close(&inside);
    free(load.cmds);
    return sum.refused ? 1 : 0;
}

/* Keeps this process, and the threads it will start, to the first `cores` CPUs. */
static void keep_to(uint32_t cores, const cpu_set_t *all)
{
    cpu_set_t set;
    uint32_t found = 0;
    CPU_ZERO(&set);
    for (int cpu = 0; cpu < CPU_SETSIZE && found < cores; cpu++)
        if (CPU_ISSET(cpu, all)) {
            CPU_SET(cpu, &set);
            found++;
        }
    ASSERT(sched_setaffinity(0, sizeof set, &set) == 0);
}

/* ---- output and arguments ---- */

static void sum_up(struct figures *figures, uint32_t runs)
{
    figures->median = measure_median(figures->mps, runs); /* sorted now */
    figures->low = figures->mps[0];
    figures->high = figures->mps[runs - 1];
}

static void print_result(const struct result *result, const struct figures *books)
{
    const struct inside_result *last = &result->last;
    printf("  %u core%s, %-9s %6.3f M orders/s (%.3f..%.3f), book alone %.2f: ratio %.3f; "
           "%.2f records an order, %.0f MB/s, %.0f batches/s, %" PRIu64 " late cancels\n",
           result->cores, result->cores > 1 ? "s" : "", result->disk ? "real disk" : "null disk",
           result->path.median, result->path.low, result->path.high, books->median,
           result->path.median / books->median, (double)last->records / (double)last->answered,
           (double)last->bytes / last->seconds / 1e6, (double)last->batches / last->seconds,
           last->unknown);
    if (result->cores == 2 && !result->disk)
        printf("  goal %.0f M orders/s on two cores (%s)\n", GOAL_MPS,
               result->path.median >= GOAL_MPS ? "reached" : "missed");
}

static bool write_json(const struct options *options, const struct result *results, uint32_t count,
                       const struct figures *books)
{
    FILE *file = fopen(options->json, "we");
    char cpu[128];
    if (!file)
        return false;
    measure_cpu_name(cpu, sizeof cpu);
    fprintf(file,
            "{\"bench\": \"path\", \"cpu\": \"%s\", \"flow\": \"%c\", \"runs\": %u, \"users\": %u, "
            "\"symbols\": %u, \"window\": %u, \"goal_mps\": %.1f,\n \"book_mps\": %.3f, "
            "\"results\": [",
            cpu, options->flow, options->runs, options->users, options->symbols, options->window,
            GOAL_MPS, books->median);
    for (uint32_t i = 0; i < count; i++) {
        const struct result *r = &results[i];
        fprintf(file,
                "%s\n  {\"cores\": %u, \"disk\": \"%s\", \"orders_mps\": %.4f, \"min\": %.4f, "
                "\"max\": %.4f, \"ratio\": %.4f, \"orders\": %" PRIu64 ", \"records\": %" PRIu64
                ", \"journal_bytes\": %" PRIu64 ", \"batches\": %" PRIu64
                ", \"late_cancels\": %" PRIu64 "}",
                i ? "," : "", r->cores, r->disk ? "real" : "null", r->path.median, r->path.low,
                r->path.high, r->path.median / books->median, r->last.answered, r->last.records,
                r->last.bytes, r->last.batches, r->last.unknown);
    }
    fprintf(file, "\n]}\n");
    return fclose(file) == 0;
}

static bool parse_cores(const char *text, struct options *options)
{
    char *end;
    options->cores[0] = (uint32_t)strtoul(text, &end, 10);
    options->cores[1] = *end == ',' ? (uint32_t)strtoul(end + 1, &end, 10) : 0;
    return *end == '\0' && options->cores[0] > 0;
}

static bool parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){.cores = {1, 2},
                                .runs = 5,
                                .orders = 1000000,
                                .users = 1000,
                                .window = 512,
                                .symbols = 2,
                                .flow = 'A'};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        uint64_t number = strtoull(value, NULL, 10);
        if (strcmp(name, "--cores") == 0) {
            if (!parse_cores(value, options))
                return false;
        } else if (strcmp(name, "--runs") == 0) {
            options->runs = (uint32_t)number;
        } else if (strcmp(name, "--orders") == 0) {
            options->orders = (uint32_t)number;
        } else if (strcmp(name, "--users") == 0) {
            options->users = (uint32_t)number;
        } else if (strcmp(name, "--symbols") == 0) {
            options->symbols = (uint16_t)number;
        } else if (strcmp(name, "--window") == 0) {
            options->window = (uint32_t)number;
        } else if (strcmp(name, "--records") == 0) {
            options->records = number;
        } else if (strcmp(name, "--flow") == 0 && strlen(value) == 1 && strchr("AB", value[0])) {
            options->flow = value[0];
        } else if (strcmp(name, "--dir") == 0) {
            options->dir = value;
        } else if (strcmp(name, "--keep") == 0) {
            options->keep = value;
        } else if (strcmp(name, "--json") == 0) {
            options->json = value;
        } else {
            return false;
        }
    }
    return argc % 2 == 1 && options->runs > 0 && options->runs <= RUNS_MAX && options->users > 0 &&
           options->users <= 100000 && options->symbols > 0 && options->symbols <= SYMBOLS_MAX &&
           options->window > 0 && options->orders > 0 && !options->keep == !options->records;
}

/* Every number of cores on the disks asked for, by turns with the books. */
static bool measure(const struct load *load, const struct options *options)
{
    static struct result results[4];
    static struct figures books;
    uint32_t count = 0;
    bool ok = true;
    cpu_set_t all;
    ASSERT(sched_getaffinity(0, sizeof all, &all) == 0);
    for (uint32_t i = 0; i < 2 && options->cores[i]; i++) {
        if (options->cores[i] > (uint32_t)CPU_COUNT(&all)) {
            printf("  %u cores: this machine has not so many\n", options->cores[i]);
            continue;
        }
        results[count++] = (struct result){.cores = options->cores[i]};
        if (options->dir)
            results[count++] = (struct result){.cores = options->cores[i], .disk = true};
    }
    for (uint32_t run = 0; run < options->runs; run++) {
        books.mps[run] = run_books(load, options->symbols);
        for (uint32_t i = 0; i < count; i++) {
            keep_to(results[i].cores, &all);
            results[i].last = run_path(load, options, results[i].cores, results[i].disk);
            results[i].path.mps[run] =
                (double)results[i].last.answered / results[i].last.seconds / 1e6;
            ok &= results[i].last.refused == 0;
        }
        ASSERT(sched_setaffinity(0, sizeof all, &all) == 0);
    }
    sum_up(&books, options->runs);
    for (uint32_t i = 0; i < count; i++) {
        sum_up(&results[i].path, options->runs);
        print_result(&results[i], &books);
    }
    if (options->json && !write_json(options, results, count, &books)) {
        perror(options->json);
        return false;
    }
    if (!ok)
        printf("  WRONG: orders were refused\n");
    return ok;
}

int main(int argc, char **argv)
{
    struct options options;
    if (!parse(argc, argv, &options)) {
        fprintf(stderr,
                "usage: bench_path [--cores N[,N]] [--runs 1..%d] [--orders N] [--users N] "
                "[--symbols 1..%d] [--window N] [--flow A|B] [--dir DIR] [--json FILE]\n"
                "       bench_path --keep DIR --records N [--users N] [--flow A|B]\n",
                RUNS_MAX, SYMBOLS_MAX);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (options.keep)
        return keep_journal(&options);
    struct load load = make_load(&options);
    printf("bench_path: flow %c, %u orders and cancels timed, %u users, %u symbols, %u in flight a "
           "core, %u runs\n",
           options.flow, load.count - load.prefill, options.users, options.symbols, options.window,
           options.runs);
    bool ok = measure(&load, &options);
    free(load.cmds);
    return ok ? 0 : 1;
}
