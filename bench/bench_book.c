/* bench_book.c - the production book on the flows of PEERS.md, beside the generator's own matcher.
 *
 * Use:     bench_book [--runs N] [--flow A|B|D] [--stops N] [--huge] [--json FILE]
 * Method:  per flow: the records' sha256 is checked; then book and yardstick take turns, N runs
 * each (5), medians. Timed: records decoded into commands in batches of 32, book_prefetch on the
 * batch, book_begin and book_step until done, events consumed. The prefill is not timed, and every
 * page is touched before. Two more runs time each command: in its batch, and alone without
 * prefetch; --stops times those that trade, with N stops waiting and without. Refs:    like
 * production's (account shard << 54 | number), and a move brings a fresh one, so that orders are
 * found through the index and by nothing else. Checks:  trades, volume, live orders and best prices
 * of both matchers, in every run, and book_verify. Exit:    1 when a check fails, 2 for bad
 * arguments; a missed target is printed and is no failure. Thread:  one, pinned to the last core it
 * may use.
 */
#define _GNU_SOURCE

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "actors/book/book.h"
#include "bench/flow.h"
#include "bench/measure.h"
#include "runtime/hist.h"
#include "runtime/mem.h"
#include "runtime/thread.h"

enum { BATCH = 32, FILLS_MAX = 32, EVENTS_MAX = 2 * FILLS_MAX + 4, FAR_MAX = 4096, RUNS_MAX = 99 };
enum { WINDOW_TICKS = 262144, REF_SHARDS = 64, INTERRUPTED_NS = 10000 };

/* First targets (issue 2) and the goals of DESIGN §11, in M commands/s on the machine of PEERS.md,
 * and what the probe of PEERS §2 reaches there. The probe is built like the generator's matcher,
 * and PEERS does not give that matcher's own speed: target / probe stands in for the ratio to
 * reach. */
struct target {
    char which;
    double first, goal, probe, p99_9_ns;
};
static const struct target targets[] = {
    {'A', 20, 30, 56.4, 300}, {'B', 8, 12, 11.0, 1000}, {'D', 12, 20, 34.5, 0}};

struct options {
    uint32_t runs, stops; /* stops: 0, or how many wait while the flow runs once more */
    char flow;            /* 0: all */
    bool huge;
    const char *json;
};

enum mode { MODE_SPEED, MODE_LATENCY, MODE_ALONE, MODE_TRADES };

/* The commands that trade: how long they took, and their parts of their batches' prefetching. */
struct traded {
    struct hist cycles;
    uint64_t sum, trades; /* over all but those longer than INTERRUPTED_NS */
};

struct bench {
    const struct flow *flow;
    const uint32_t *moved; /* by record: how often its order has been moved before */
    struct order_pool *pool;
    struct book *book;
    size_t pool_bytes, book_bytes;
    uint64_t seq, trades, volume_lots;
    struct book_events out;
    struct book_event event[EVENTS_MAX];
    struct hist cycles;
    struct traded traded;
};

struct result {
    char which;
    bool ok;
    double book_mps, yard_mps, ratio;
    double batch_ns[3], alone_ns[3]; /* p50, p99, p99.9 */
};

/* A cheap counter; the second form first waits until what came before it has been executed. */
static inline uint64_t clock_start(void)
{
#if defined(__x86_64__)
    return __rdtsc();
#else
    return (uint64_t)(measure_now_s() * 1e9);
#endif
}

static inline uint64_t clock_stop(void)
{
#if defined(__x86_64__)
    unsigned int core;
    return __rdtscp(&core);
#else
    return (uint64_t)(measure_now_s() * 1e9);
#endif
}

static double cycle_ns; /* length of one count */
static double clock_cost_ns;

static void clock_calibrate(void)
{
    double from_s = measure_now_s();
    uint64_t from = clock_start();
    while (measure_now_s() - from_s < 0.05)
        ;
    double to_s = measure_now_s();
    cycle_ns = (to_s - from_s) * 1e9 / (double)(clock_stop() - from);
    struct hist cost = {0};
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t start = clock_start();
        hist_add(&cost, clock_stop() - start);
    }
    clock_cost_ns = (double)hist_quantile(&cost, 0.5) * cycle_ns;
}

/* ---- the book ---- */

static void *pages_take(size_t bytes, bool huge)
{
    void *base = mem_reserve(bytes);
    if (huge)
        (void)madvise(base, bytes, MADV_HUGEPAGE);
    return memset(base, 0, bytes); /* touched now, so that no page fault is timed */
}

/* By record: how often its order was moved earlier in the flow. It makes the refs of moved orders.
 */
static uint32_t *count_moves(const struct flow *flow)
{
    uint32_t *moved = mem_reserve(flow->count * sizeof *moved);
    uint32_t *by_id = mem_reserve(flow->ids * sizeof *by_id);
    for (uint32_t i = 0; i < flow->count; i++) {
        const struct flow_record *record = &flow->records[i];
        moved[i] = by_id[record->id];
        by_id[record->id] += record->op == FLOW_MOVE;
    }
    mem_release(by_id, flow->ids * sizeof *by_id);
    return moved;
}

/* Half of them above all prices of the flow and half below: no trade meets one. */
static void place_stops(struct bench *bench, uint32_t stops)
{
    for (uint32_t i = 0; i < stops; i++) {
        bool above = i & 1;
        const struct book_more more = {.stop_ticks = above ? (INT64_C(1) << 32) + i / 64 : 1};
        const struct book_cmd cmd = {.type = CMD_NEW,
                                     .side = above ? SIDE_BUY : SIDE_SELL,
                                     .order_type = TYPE_STOP_LOSS_LIMIT,
                                     .user = i,
                                     .seq = ++bench->seq,
                                     .ref = UINT64_C(1) << 60 | i,
                                     .price_ticks = 1000,
                                     .qty_lots = 1,
                                     .ts_us = (int64_t)bench->seq,
                                     .more = &more};
        bench->out.count = 0;
        ASSERT(book_begin(bench->book, &cmd) == REJECT_NONE);
        ASSERT(book_step(bench->book, FILLS_MAX, &bench->out) == BOOK_DONE);
    }
}

static void bench_init(struct bench *bench, const struct flow *flow, const uint32_t *moved,
                       const struct options *options, uint32_t stops)
{
    uint32_t orders = flow->live_max + stops, far = FAR_MAX + 4 * stops;
    bool huge = options->huge;
    *bench = (struct bench){.flow = flow, .moved = moved};
    bench->out.event = bench->event;
    bench->pool_bytes = order_pool_size(orders, far);
    bench->book_bytes = book_size(WINDOW_TICKS);
    bench->pool = order_pool_init(pages_take(bench->pool_bytes, huge), orders, far);
    struct book_config config = {.spec = {.tick_atoms = 1000000, .lot_atoms = 100000},
                                 .symbol = 1,
                                 .window_ticks = WINDOW_TICKS};
    bench->book = book_init(pages_take(bench->book_bytes, huge), bench->pool, &config);
    place_stops(bench, stops);
}

static void bench_fini(struct bench *bench)
{
    mem_release(bench->book, bench->book_bytes);
    mem_release(bench->pool, bench->pool_bytes);
}

static inline uint64_t ref_of(uint64_t id, uint32_t moved)
{
    return (id % REF_SHARDS) << 54 | (uint64_t)moved << 32 | id;
}

static inline void decode(struct bench *bench, uint32_t idx, struct book_cmd *cmd)
{
    static const uint8_t types[] = {
        [FLOW_NEW] = CMD_NEW, [FLOW_CANCEL] = CMD_CANCEL, [FLOW_MOVE] = CMD_MOVE};
    const struct flow_record *record = &bench->flow->records[idx];
    uint32_t moved = bench->moved[idx];
    uint64_t seq = ++bench->seq;
    *cmd = (struct book_cmd){.type = types[record->op],
                             .side = record->side == FLOW_BUY ? SIDE_BUY : SIDE_SELL,
                             .order_type = TYPE_LIMIT,
                             .tif = record->ioc ? TIF_IOC : TIF_GTC,
                             .stp = STP_NONE,
                             .user = (uint32_t)record->id,
                             .seq = seq,
                             .ref = ref_of(record->id, moved),
                             .new_ref = ref_of(record->id, moved + 1),
                             .price_ticks = record->price_ticks,
                             .qty_lots = record->qty_lots,
                             .ts_us = (int64_t)seq};
}

static inline void apply(struct bench *bench, const struct book_cmd *cmd)
{
    enum reject reject = book_begin(bench->book, cmd);
    ASSERT(reject == REJECT_NONE);
    enum book_step step;
    do {
        bench->out.count = 0;
        step = book_step(bench->book, FILLS_MAX, &bench->out);
        for (uint32_t i = 0; i < bench->out.count; i++)
            if (bench->event[i].type == EVENT_FILL) {
                bench->trades++;
                bench->volume_lots += (uint64_t)bench->event[i].qty_lots;
            }
    } while (step == BOOK_MORE);
}

static inline void traded_add(struct traded *traded, uint64_t cycles, uint64_t trades)
{
    if (trades == 0)
        return;
    hist_add(&traded->cycles, cycles);
    if ((double)cycles * cycle_ns > INTERRUPTED_NS)
        return;
    traded->sum += cycles;
    traded->trades += trades;
}

/* Applies records [from, to). One function for all modes; `mode` is a constant at each call. */
static inline void apply_range(struct bench *bench, uint32_t from, uint32_t to, enum mode mode)
{
    struct book_cmd cmd[BATCH];
    const struct book_cmd *cmds[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        cmds[i] = &cmd[i];
    while (from < to) {
        uint32_t count = to - from < BATCH ? to - from : BATCH;
        for (uint32_t i = 0; i < count; i++)
            decode(bench, from + i, &cmd[i]);
        uint64_t begin = mode == MODE_TRADES ? clock_start() : 0;
        if (mode != MODE_ALONE)
            book_prefetch(bench->book, cmds, count);
        uint64_t share = mode == MODE_TRADES ? (clock_stop() - begin) / count : 0;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t start = mode == MODE_SPEED ? 0 : clock_start(), trades = bench->trades;
            apply(bench, &cmd[i]);
            if (mode == MODE_TRADES)
                traded_add(&bench->traded, clock_stop() - start + share, bench->trades - trades);
            else if (mode != MODE_SPEED)
                hist_add(&bench->cycles, clock_stop() - start);
        }
        from += count;
    }
}

static struct flow_totals totals_of(const struct bench *bench)
{
    int64_t bid = 0, ask = 0;
    (void)book_best(bench->book, SIDE_BUY, &bid);
    (void)book_best(bench->book, SIDE_SELL, &ask);
    return (struct flow_totals){.trades = bench->trades,
                                .volume_lots = bench->volume_lots,
                                .live = book_orders(bench->book),
                                .best_bid = (uint32_t)bid,
                                .best_ask = (uint32_t)ask};
}

static bool totals_match(const struct flow_spec *spec, const char *who, struct flow_totals got)
{
    const struct flow_totals *want = &spec->totals;
    if (got.trades == want->trades && got.volume_lots == want->volume_lots &&
        got.live == want->live && got.best_bid == want->best_bid && got.best_ask == want->best_ask)
        return true;
    printf("flow %c: WRONG %s: trades %" PRIu64 " volume %" PRIu64 " live %u best %u/%u\n",
           spec->which, who, got.trades, got.volume_lots, got.live, got.best_bid, got.best_ask);
    return false;
}

/* One run of the book from empty; seconds of the timed part. */
static bool run_book(struct bench *bench, const struct flow *flow, const uint32_t *moved,
                     const struct options *options, uint32_t stops, enum mode mode, double *seconds)
{
    bench_init(bench, flow, moved, options, stops);
    apply_range(bench, 0, flow->prefill, MODE_SPEED);
    bench->trades = bench->volume_lots = 0;
    double start = measure_now_s();
    if (mode == MODE_SPEED)
        apply_range(bench, flow->prefill, flow->count, MODE_SPEED);
    else if (mode == MODE_LATENCY)
        apply_range(bench, flow->prefill, flow->count, MODE_LATENCY);
    else if (mode == MODE_TRADES)
        apply_range(bench, flow->prefill, flow->count, MODE_TRADES);
    else
        apply_range(bench, flow->prefill, flow->count, MODE_ALONE);
    *seconds = measure_now_s() - start;
    book_verify(bench->book);
    bool ok = totals_match(flow->spec, "book", totals_of(bench));
    bench_fini(bench);
    return ok;
}

static bool run_latency(struct bench *bench, const struct flow *flow, const uint32_t *moved,
                        const struct options *options, enum mode mode, double ns[3])
{
    static const double quantiles[3] = {0.5, 0.99, 0.999};
    double seconds;
    bool ok = run_book(bench, flow, moved, options, 0, mode, &seconds);
    for (uint32_t i = 0; i < 3; i++)
        ns[i] = (double)hist_quantile(&bench->cycles, quantiles[i]) * cycle_ns;
    return ok;
}

/* ---- a flow ---- */

static const char *reached(bool yes)
{
    return yes ? "reached" : "missed";
}

static void print_result(const struct result *result, const struct target *target, uint32_t live)
{
    double wanted = target->first / target->probe;
    printf("  book       %6.2f M/s   first target %4.0f (%s), goal %4.0f on the machine of PEERS\n",
           result->book_mps, target->first, reached(result->book_mps >= target->first),
           target->goal);
    printf("  yardstick  %6.2f M/s   the generator's own matcher: dense ids, no events\n",
           result->yard_mps);
    printf(
        "  ratio      %6.2f       first target %.2f (%s), if the yardstick is worth PEERS' probe\n",
        result->ratio, wanted, reached(result->ratio >= wanted));
    printf("  ns p50/p99/p99.9   %4.0f %4.0f %5.0f in batches, %4.0f %4.0f %5.0f alone, clock's "
           "own %.0f"
           " included\n",
           result->batch_ns[0], result->batch_ns[1], result->batch_ns[2], result->alone_ns[0],
           result->alone_ns[1], result->alone_ns[2], clock_cost_ns);
    if (target->p99_9_ns > 0)
        printf("  goal p99.9 < %.0f ns (%s in batches)\n", target->p99_9_ns,
               reached(result->batch_ns[2] < target->p99_9_ns));
    printf("  at most %u orders resting; totals %s\n", live, result->ok ? "as in PEERS" : "WRONG");
}

/* What one way of running the flow, with stops or without, has taken. */
struct stops_runs {
    double flow_s[RUNS_MAX], trade_ns[RUNS_MAX], p50_ns[RUNS_MAX];
};

/* Once for the flow's time, once for that of its trades. */
static bool run_stops_once(struct bench *bench, const struct flow *flow, const uint32_t *moved,
                           const struct options *options, uint32_t stops, struct stops_runs *to,
                           uint32_t run)
{
    double seconds;
    bool ok = run_book(bench, flow, moved, options, stops, MODE_SPEED, &to->flow_s[run]) &&
              run_book(bench, flow, moved, options, stops, MODE_TRADES, &seconds);
    const struct traded *traded = &bench->traded;
    to->trade_ns[run] = (double)traded->sum * cycle_ns / (double)traded->trades;
    to->p50_ns[run] = (double)hist_quantile(&traded->cycles, 0.5) * cycle_ns;
    return ok;
}

/* The flow with so many stops waiting, and without, in turns: how much longer a trade takes that
 * triggers none of them. */
static bool run_stops(struct bench *bench, const struct flow *flow, const uint32_t *moved,
                      const struct options *options)
{
    static struct stops_runs with, without;
    uint32_t runs = options->runs;
    for (uint32_t run = 0; run < runs; run++)
        if (!run_stops_once(bench, flow, moved, options, options->stops, &with, run) ||
            !run_stops_once(bench, flow, moved, options, 0, &without, run))
            return false;
    double flow_ns =
        (measure_median(with.flow_s, runs) - measure_median(without.flow_s, runs)) * 1e9;
    double with_ns = measure_median(with.trade_ns, runs);
    double without_ns = measure_median(without.trade_ns, runs);
    printf("  a trade with %u stops waiting takes %+.1f ns, goal 50 (%s): %.1f, not %.1f; p50 of "
           "commands that trade %+.1f\n",
           options->stops, with_ns - without_ns, reached(with_ns - without_ns <= 50), with_ns,
           without_ns, measure_median(with.p50_ns, runs) - measure_median(without.p50_ns, runs));
    printf("  the whole flow: %+.1f ns a command; if its trades were charged with all of it, %+.1f "
           "ns a trade\n",
           flow_ns / FLOW_TIMED, flow_ns / (double)flow->spec->totals.trades);
    return true;
}

static struct result run_flow(const struct target *target, const struct options *options)
{
    static struct bench bench;
    double book[RUNS_MAX], yard[RUNS_MAX], seconds;
    char sha256[FLOW_SHA256_TEXT];
    struct flow flow = flow_make(target->which);
    struct result result = {.which = target->which};
    flow_sha256(&flow, sha256);
    result.ok = strcmp(sha256, flow.spec->sha256) == 0;
    printf("flow %c (%s): sha256 %.16s... %s\n", target->which, flow.spec->name, sha256,
           result.ok ? "as in PEERS" : "WRONG");
    uint32_t *moved = count_moves(&flow);
    for (uint32_t run = 0; run < options->runs && result.ok; run++) {
        result.ok &= run_book(&bench, &flow, moved, options, 0, MODE_SPEED, &seconds);
        book[run] = FLOW_TIMED / seconds / 1e6;
        struct flow_totals totals = flow_reference_match(&flow, options->huge, &seconds);
        result.ok &= totals_match(flow.spec, "yardstick", totals);
        yard[run] = FLOW_TIMED / seconds / 1e6;
    }
    if (result.ok) {
        result.book_mps = measure_median(book, options->runs);
        result.yard_mps = measure_median(yard, options->runs);
        result.ratio = result.book_mps / result.yard_mps;
        result.ok &= run_latency(&bench, &flow, moved, options, MODE_LATENCY, result.batch_ns);
        result.ok &= run_latency(&bench, &flow, moved, options, MODE_ALONE, result.alone_ns);
        print_result(&result, target, flow.live_max);
        if (options->stops)
            result.ok &= run_stops(&bench, &flow, moved, options);
    }
    mem_release(moved, flow.count * sizeof *moved);
    flow_free(&flow);
    return result;
}

/* ---- output and arguments ---- */

static bool write_json(const struct options *options, const char *cpu, const struct result *results,
                       uint32_t count)
{
    FILE *file = fopen(options->json, "w");
    if (!file)
        return false;
    fprintf(file,
            "{\"bench\": \"book\", \"cpu\": \"%s\", \"runs\": %u, \"huge_pages\": %s, "
            "\"clock_ns\": %.1f, \"flows\": [",
            cpu, options->runs, options->huge ? "true" : "false", clock_cost_ns);
    for (uint32_t i = 0; i < count; i++) {
        const struct result *r = &results[i];
        const struct target *t = targets;
        while (t->which != r->which)
            t++;
        fprintf(
            file,
            "%s\n  {\"flow\": \"%c\", \"ok\": %s, \"book_mps\": %.3f, \"yardstick_mps\": %.3f, "
            "\"ratio\": %.3f, \"target_mps\": %.1f, \"target_ratio\": %.3f, \"goal_mps\": %.1f, "
            "\"batch_ns\": {\"p50\": %.0f, \"p99\": %.0f, \"p99.9\": %.0f}, "
            "\"alone_ns\": {\"p50\": %.0f, \"p99\": %.0f, \"p99.9\": %.0f}}",
            i ? "," : "", r->which, r->ok ? "true" : "false", r->book_mps, r->yard_mps, r->ratio,
            t->first, t->first / t->probe, t->goal, r->batch_ns[0], r->batch_ns[1], r->batch_ns[2],
            r->alone_ns[0], r->alone_ns[1], r->alone_ns[2]);
    }
    fprintf(file, "\n]}\n");
    return fclose(file) == 0;
}

static bool parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){.runs = 5};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--huge") == 0) {
            options->huge = true;
            continue;
        }
        if (strcmp(argv[i], "--runs") == 0)
            options->runs = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--flow") == 0 && strlen(value) == 1 && strchr("ABD", value[0]))
            options->flow = value[0];
        else if (strcmp(argv[i], "--stops") == 0)
            options->stops = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--json") == 0 && *value)
            options->json = value;
        else
            return false;
        i++;
    }
    return options->runs > 0 && options->runs <= RUNS_MAX && options->stops <= 1000000;
}

int main(int argc, char **argv)
{
    struct options options;
    struct result results[sizeof targets / sizeof targets[0]];
    uint32_t count = 0;
    char cpu[128];
    bool ok = true;
    if (!parse(argc, argv, &options)) {
        fprintf(stderr,
                "usage: bench_book [--runs 1..%d] [--flow A|B|D] [--stops 0..1000000] [--huge] "
                "[--json FILE]\n",
                RUNS_MAX);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    measure_cpu_name(cpu, sizeof cpu);
    int core = measure_pin(thread_cpu(thread_cpus() - 1));
    clock_calibrate();
    printf("bench_book: %s, core %d, %u runs, %s pages, clock %.1f ns a reading pair\n", cpu, core,
           options.runs, options.huge ? "2 MB" : "4 KB", clock_cost_ns);
    for (uint32_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        if (!options.flow || options.flow == targets[i].which) {
            results[count] = run_flow(&targets[i], &options);
            ok &= results[count++].ok;
        }
    if (options.json && !write_json(&options, cpu, results, count)) {
        perror(options.json);
        return 1;
    }
    return ok ? 0 : 1;
}
