/* castle.c - main: picks the subcommand; `serve` and `demo` put the layers together.
 *
 * A process is: one thread per core (runtime/thread.c) with its shards and, on ingress cores, h2o;
 * one journal thread; one thread that folds the journal for history and snapshots (follower.c), and
 * one that looks things up in the history (history_reader.c); one thread that keeps a spare segment
 * ready and slews the clock; and the main thread, which waits for signals.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/shard.h"
#include "actors/symbol_parts.h"
#include "bench/replay.h"
#include "demo_bots.h"
#include "demo_week.h"
#include "exchange_fold.h"
#include "follower.h"
#include "history_reader.h"
#include "http/admin.h"
#include "http/ingress.h"
#include "http/options.h"
#include "http/serve.h"
#include "http/server.h"
#include "http/tls.h"
#include "journal_tool.h"
#include "runtime/check.h"
#include "runtime/crash.h"
#include "runtime/log.h"
#include "runtime/thread.h"
#include "storage/disk_posix.h"
#include "storage/journal.h"

#ifndef CASTLE_COMMIT
#define CASTLE_COMMIT "unknown"
#endif
#ifndef CASTLE_VERSION /* CMakeLists.txt says which */
#define CASTLE_VERSION "unknown"
#endif

enum {
    DRAIN_MS = 10000,
    LOG_LAST_MS = 500,
    DEMO_CHUNK_SLOTS = 64, /* the past's chunks are small: many of them to a batch */
    TOKEN_MAX = 255,
};

struct castle {
    struct options options;
    struct disk_posix posix;
    struct disk disk;
    struct exchange ex;
    struct journal journal;
    struct follower follower;
    struct history_reader history;
    struct demo demo; /* `castle demo` */
    struct demo_bots bots;
    uint64_t segment_bytes;
    struct arena arena;
    struct ingress_shared shared;
    struct ingress ingress[CORES_MAX];
    struct server *server[CORES_MAX]; /* by core; NULL without the ingress role */
    struct ingress *ingress_of[CORES_MAX];
    struct threads threads;
    pthread_t journal_thread, helper_thread;
    _Atomic bool stop_journal, stop_helper;
    uint64_t lsn_before;       /* of this run's first record, minus one */
    char token[TOKEN_MAX + 2]; /* one character more, to see that it is too long */
    char token_from[4096];
    struct ssl_ctx_st *tls; /* NULL: plain HTTP */
    bool drained[CORES_MAX];
    _Atomic bool idle[CORES_MAX]; /* drained, and nothing under way */
};

static struct castle castle;

/* What GET /metrics tells of what http/ does not know. */
static counter recovery_ms, recovered_records, snapshot_records;
static const struct metric metrics[] = {
    {"castle_recovery_seconds", "How long the start read and replayed the journal.", METRIC_GAUGE,
     3, &recovery_ms, NULL},
    {"castle_recovered_records", "Records replayed at the start.", METRIC_GAUGE, 0,
     &recovered_records, NULL},
    {"castle_journal_batches_total", "Batches written and synced.", METRIC_COUNTER, 0,
     &castle.journal.batches, NULL},
    {"castle_journal_bytes_total", "Bytes written, padding included.", METRIC_COUNTER, 0,
     &castle.journal.bytes, NULL},
    {"castle_journal_records_total", "Records written.", METRIC_COUNTER, 0, &castle.journal.records,
     NULL},
    {"castle_journal_segment", "Number of the segment that is written.", METRIC_GAUGE, 0,
     &castle.journal.segment, NULL},
    {"castle_journal_sync_seconds", "Write and sync of one batch.", METRIC_HISTOGRAM, 9, NULL,
     &castle.journal.sync_ns},
    {"castle_journal_batch_bytes", "Bytes of one batch, padding included.", METRIC_HISTOGRAM, 0,
     NULL, &castle.journal.batch_size},
    {"castle_history_lag_records", "Durable records that the history does not have yet.",
     METRIC_GAUGE, 0, &castle.follower.history_lag, NULL},
    {"castle_history_rows_total", "Rows written to the history.", METRIC_COUNTER, 0,
     &castle.follower.feed.rows_written, NULL},
    {"castle_history_reads_total", "Lookups in the history.", METRIC_COUNTER, 0,
     &castle.history.read, NULL},
    {"castle_history_reads_failed_total", "Lookups that could not be read.", METRIC_COUNTER, 0,
     &castle.history.failed, NULL},
    {"castle_history_failed", "1 while the history cannot be written; trading goes on without it.",
     METRIC_GAUGE, 0, &castle.follower.history_failed, NULL},
    {"castle_snapshots_total", "Snapshots made.", METRIC_COUNTER, 0, &castle.follower.made, NULL},
    {"castle_snapshots_failed_total", "Snapshots that could not be made.", METRIC_COUNTER, 0,
     &castle.follower.failed, NULL},
    {"castle_snapshot_lsn", "Position of the newest snapshot; 0: there is none.", METRIC_GAUGE, 0,
     &castle.follower.lsn, NULL},
    {"castle_snapshot_records", "After so many records a snapshot is made, if none was before.",
     METRIC_GAUGE, 0, &snapshot_records, NULL},
    {"castle_snapshot_bytes", "Bytes of the newest snapshot made, compressed.", METRIC_GAUGE, 0,
     &castle.follower.bytes, NULL},
    {"castle_snapshot_raw_bytes", "The same before compression.", METRIC_GAUGE, 0,
     &castle.follower.raw_bytes, NULL},
    {"castle_snapshot_seconds", "How long the newest snapshot took to make.", METRIC_GAUGE, 6,
     &castle.follower.took_us, NULL},
    {"castle_snapshot_diverged",
     "1 once replaying the journal gave another state than serving it: see docs/OPERATIONS.md.",
     METRIC_GAUGE, 0, &castle.follower.diverged, NULL},
    {"castle_journal_segments_sealed_total", "Segments compressed.", METRIC_COUNTER, 0,
     &castle.follower.segments_sealed, NULL},
    {"castle_journal_segments_removed_total", "Segments removed: snapshots stand for them.",
     METRIC_COUNTER, 0, &castle.follower.segments_removed, NULL},
};

/* ---- starting: options, directory, recovery ---- */

static bool read_roles(const char *text, uint8_t roles[CORES_MAX], uint16_t cores)
{
    /* "ingress+match+account,match": one entry a core */
    uint16_t core = 0;
    uint8_t all = 0;
    memset(roles, 0, CORES_MAX);
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "+,");
        if (core >= cores)
            return false;
        if (length == 7 && strncmp(at, "ingress", 7) == 0)
            roles[core] |= ROLE_INGRESS;
        else if (length == 5 && strncmp(at, "match", 5) == 0)
            roles[core] |= ROLE_MATCH;
        else if (length == 7 && strncmp(at, "account", 7) == 0)
            roles[core] |= ROLE_ACCOUNT;
        else if (length != 7 || strncmp(at, "storage", 7) != 0)
            return false;
        all |= roles[core];
        at += length;
        core = (uint16_t)(core + (*at == ','));
        at += *at != '\0';
    }
    return all == ROLE_ALL && core + 1 == cores;
}

static bool read_config(struct exchange_config *config)
{
    const struct options *options = &castle.options;
    uint32_t cpus = thread_cpus();
    uint16_t cores = (uint16_t)(options->cores     ? options->cores
                                : cpus < CORES_MAX ? cpus
                                                   : CORES_MAX);
    exchange_config_default(config, cores);
    if (options->roles && !read_roles(options->roles, config->roles, cores)) {
        fprintf(stderr,
                "castle: option --roles: '%s' must name roles (ingress, match, account, storage) "
                "joined "
                "by + for each of the %u cores, separated by commas, every role somewhere\n",
                options->roles, cores);
        return false;
    }
    config->account_shards = (uint16_t)options->account_shards;
    config->market_shards = (uint16_t)options->market_shards;
    config->users_max = (uint32_t)options->max_users;
    config->symbols_max = (uint32_t)options->max_symbols;
    config->orders_max = (uint32_t)options->max_orders;
    config->done_orders = (uint32_t)options->done_orders;
    config->control_outbox = SYMBOL_PARTS * (config->account_shards + 1u) * 8;
    if (options->demo)
        config->limits.chunk_slots = DEMO_CHUNK_SLOTS;
    castle.shared.unlimited = strcmp(options->rate_limits, "off") == 0;
    if (!castle.shared.unlimited) {
        config->orders_limit[ORDERS_10S] = LIMIT_ORDERS_10S;
        config->orders_limit[ORDERS_1D] = LIMIT_ORDERS_1D;
    }
    return true;
}

/* False with errno set. */
static bool read_text_file(const char *path, char *out, size_t room)
{
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(out, 1, room - 1, file) : 0;
    bool read = file && !ferror(file);
    int error = errno;
    if (file)
        fclose(file);
    while (length && (out[length - 1] == '\n' || out[length - 1] == '\r' || out[length - 1] == ' '))
        length--;
    out[length] = '\0';
    errno = error;
    return read;
}

/* Whether a header can have it: of another one nobody could make use. */
static bool token_is_sound(const char *from)
{
    size_t length = strlen(castle.token), plain = 0;
    while (plain < length && (unsigned char)castle.token[plain] >= ' ' &&
           castle.token[plain] != 127)
        plain++;
    if (length > 0 && length <= TOKEN_MAX && plain == length)
        return true;
    fprintf(stderr, "castle: %s: a token is one line of 1 to %d characters\n", from, TOKEN_MAX);
    return false;
}

/* The admin token: environment, file, or made and kept in DIR/admin.token. */
static bool read_token(void)
{
    const char *given = getenv("CASTLE_ADMIN_TOKEN"), *file = castle.options.admin_token_file;
    char *path = castle.token_from;
    if (given && given[0]) {
        snprintf(path, sizeof castle.token_from, "the variable CASTLE_ADMIN_TOKEN");
        snprintf(castle.token, sizeof castle.token, "%s", given);
        return token_is_sound(path);
    }
    snprintf(path, sizeof castle.token_from, "%s%s", file ? file : castle.options.data,
             file ? "" : "/admin.token");
    bool read = read_text_file(path, castle.token, sizeof castle.token);
    if (!read && (file || errno != ENOENT)) {
        fprintf(stderr, "castle: %scannot read a token from %s: %s\n",
                file ? "option --admin-token-file: " : "", path, strerror(errno));
        return false;
    }
    if (file || castle.token[0])
        return token_is_sound(file ? "option --admin-token-file" : path);
    secrets_token(castle.token);
    castle.token[64] = '\0';
    int made = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (made >= 0 && write(made, castle.token, 64) == 64 && close(made) == 0)
        return true;
    fprintf(stderr, "castle: cannot write %s: %s\n", path, strerror(errno));
    return false;
}

/* Writes what has queued, and lets the ingress cores see that it is durable. */
static int inline_sync(void)
{
    journal_collect(&castle.journal);
    int result = journal_sync(&castle.journal);
    for (uint16_t i = 0; i < castle.shared.count; i++)
        ingress_work(&castle.ingress[i]);
    return result;
}

/* One round of everything on this thread: how recovery comes to rest and a new directory gets its
 * symbols before any listener is open (PROTOCOL §2.8 step 9). */
static int inline_round(void)
{
    for (uint16_t c = 0; c < castle.ex.config.cores; c++)
        core_turn(castle.ex.rt.core[c]);
    return inline_sync();
}

static bool at_rest(void)
{
    for (uint16_t i = 0; i < castle.shared.count; i++)
        if (castle.ingress[i].gateway.busy || gateway_has_output(&castle.ingress[i].gateway))
            return false;
    for (uint16_t c = 0; c < castle.ex.config.cores; c++)
        if (!runtime_durable(&castle.ex.rt, c, atomic_load(&castle.ex.rt.core[c]->published)))
            return false;
    return exchange_quiet(&castle.ex);
}

static int told_journal(int result)
{
    if (result)
        fprintf(stderr, "castle: cannot write the journal: %s\n", strerror(-result));
    return result ? EXIT_IO : EXIT_DONE;
}

static int come_to_rest(void)
{
    int result = 0;
    do
        result = inline_round();
    while (result == 0 && !at_rest());
    return told_journal(result);
}

static const struct {
    const char *name, *base, *quote;
    int64_t tick, step, min_notional;
} default_symbols[] = {
    {"BTCUSDT", "BTC", "USDT", 1000000, 1000, 500000000},
    {"ETHUSDT", "ETH", "USDT", 1000000, 10000, 500000000},
    {"BNBUSDT", "BNB", "USDT", 1000000, 100000, 500000000},
    {"SOLUSDT", "SOL", "USDT", 1000000, 100000, 500000000},
    {"ETHBTC", "ETH", "BTC", 1000, 10000, 10000},
};
enum { DEFAULT_SYMBOLS = sizeof default_symbols / sizeof *default_symbols };

static bool is_quoted(const char *symbol)
{
    for (uint32_t i = 0; i < DEMO_SYMBOLS; i++)
        if (strcmp(demo_markets[i].symbol, symbol) == 0)
            return true;
    return false;
}

/* A new data directory trades (DESIGN §10); that of a demo has what its bots trade. */
static int make_default_symbols(void)
{
    for (uint32_t i = 0; i < DEFAULT_SYMBOLS; i++) {
        if (castle.options.demo && !is_quoted(default_symbols[i].name))
            continue;
        struct request *request = gateway_request(&castle.ingress[0].gateway);
        struct symbol_config *symbol = &request->symbol_add;
        request->type = REQUEST_SYMBOL_ADD;
        *symbol = (struct symbol_config){
            .max_orders = 200,
            .maker_ppm = COMMISSION_PPM_DEFAULT,
            .taker_ppm = COMMISSION_PPM_DEFAULT,
            .default_stp = STP_NONE,
            .tick_atoms = default_symbols[i].tick,
            .tick_shown = default_symbols[i].tick,
            .step_atoms = default_symbols[i].step,
            .step_shown = default_symbols[i].step,
            .min_price = default_symbols[i].tick,
            .max_price = 1000000 * MONEY_ATOMS_PER_UNIT,
            .min_qty = default_symbols[i].step,
            .max_qty = 9000 * MONEY_ATOMS_PER_UNIT,
            .market_min_qty = default_symbols[i].step,
            .market_max_qty = 9000 * MONEY_ATOMS_PER_UNIT,
            .min_notional = default_symbols[i].min_notional,
            .limits = symbol_limits_usual,
        };
        strncpy(symbol->name, default_symbols[i].name, SYMBOL_NAME_MAX - 1);
        strncpy(symbol->base_name, default_symbols[i].base, SYMBOL_NAME_MAX - 1);
        strncpy(symbol->quote_name, default_symbols[i].quote, SYMBOL_NAME_MAX - 1);
        ASSERT(gateway_send(&castle.ingress[0].gateway, request, NULL, NULL) == GATEWAY_SENT);
        int result = come_to_rest();
        if (result)
            return result;
    }
    return EXIT_DONE;
}

/* ---- the past of a demo ---- */

/* One turn of every core. Chunks are written only when they pile up: a batch takes whole blocks. */
static int demo_turn(void)
{
    uint32_t most = castle.ex.rt.limits.chunk_slots / 2;
    bool many = false;
    for (uint16_t c = 0; c < castle.ex.config.cores; c++) {
        struct core *core = castle.ex.rt.core[c];
        core_turn(core);
        many |= atomic_load(&core->published) - atomic_load(&core->chunks_taken) >= most;
    }
    return told_journal(many ? inline_sync() : 0);
}

/* Nothing is synced before all of it is there: a directory that is not finished is made anew. */
static int make_past(void)
{
    const struct demo_week_host host = {.ex = &castle.ex,
                                        .gateway = &castle.ingress[0].gateway,
                                        .secrets = &castle.shared.secrets,
                                        .turn = demo_turn,
                                        .come_to_rest = come_to_rest};
    int result = demo_week_make(&host, &castle.demo, castle.options.seed);
    castle.ex.rt.env = env_real(); /* which is ahead of the past's clock */
    castle.posix.durable = strcmp(castle.options.durability, "sync") == 0;
    if (result == EXIT_DONE)
        result = told_journal(journal_harden(&castle.journal));
    if (result == EXIT_DONE && !demo_finish(&castle.demo))
        result = EXIT_IO;
    return result;
}

/* ---- recovery ---- */

/* The numbers of shards, and the limits that refusals of the past rested on, are the directory's;
 * asking for others is an error, since replay would differ from life. */
static bool directory_agrees(struct exchange_config *config, const struct segment_head *head)
{
    const struct options *options = &castle.options;
    const struct {
        const char *name;
        uint64_t asked, has;
        bool given;
    } fixed[] = {
        {"market-shards", options->market_shards, head->market_shards, options->shards_given},
        {"account-shards", options->account_shards, head->account_shards, options->shards_given},
        {"max-users", options->max_users, head->users_max, options->limits_given},
        {"max-symbols", options->max_symbols, head->symbols_max, options->limits_given},
        {"max-orders", options->max_orders, head->orders_max, options->limits_given},
    };
    for (uint32_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i].given && fixed[i].asked != fixed[i].has) {
            fprintf(stderr, "castle: option --%s: this data directory was made with %" PRIu64 "\n",
                    fixed[i].name, fixed[i].has);
            return false;
        }
    exchange_fold_limits(config, head);
    return true;
}

static const char *open_secrets(bool fresh)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/secrets.key", castle.options.data);
    return secrets_open(&castle.shared.secrets, path, fresh);
}

static uint64_t durable_lsn(void)
{
    return atomic_load_explicit(&castle.journal.lsn_durable, memory_order_acquire);
}

static uint64_t published_lsn(void)
{
    uint64_t lsn = castle.lsn_before;
    for (uint16_t c = 0; c < castle.ex.config.cores; c++)
        lsn += castle.ex.rt.core[c]->records;
    return lsn;
}

/* What stands on the exchange: after recovery, which may have built it twice. */
static void build(const struct exchange_config *config)
{
    arena_init(&castle.arena, config->cores * ingress_bytes(config));
    castle.shared.audit_token = castle.token;
    castle.shared.journal_lsn = durable_lsn;
    castle.shared.version = CASTLE_VERSION;
    castle.shared.commit = CASTLE_COMMIT;
    castle.shared.journal_us = &castle.journal.durable_us;
    castle.shared.metrics = metrics;
    castle.shared.metrics_count = sizeof metrics / sizeof *metrics;
    for (uint16_t i = 0; i < castle.ex.ingress_count; i++) {
        uint16_t core = castle.ex.ingress[i];
        ingress_init(&castle.ingress[i], &castle.shared, &castle.ex, &castle.arena, core);
        castle.ingress_of[core] = &castle.ingress[i];
    }
}

static void recovery_remark(void *self, const char *text)
{
    (void)self;
    log_warn("recovery_remark", "What the recovery came across.", log_text("text", text));
}

/* ---- poison messages (PROTOCOL J6) ---- */

struct poisoned {
    uint16_t symbol[SKIPS_MAX];
    uint32_t count;
};

static void crash_path(char path[4096])
{
    snprintf(path, 4096, "%s/crashes.log", castle.options.data);
}

static void note_poison(void *arg, const struct crash *crash)
{
    struct poisoned *poisoned = arg;
    if (!exchange_poison(&castle.ex, crash->from, crash->to, crash->seq))
        return; /* taken since then */
    log_error("poison_skipped",
              "A message crashed the process twice: it is skipped, and its symbol halted.",
              log_number("from_shard", crash->from), log_number("to_shard", crash->to),
              log_number("seq", (int64_t)crash->seq));
    if (poisoned->count < SKIPS_MAX && crash->part < castle.ex.control->symbols_count)
        poisoned->symbol[poisoned->count++] = crash->part;
}

/* The market may have halted by itself; now everybody knows. */
static int halt_poisoned(const struct poisoned *poisoned)
{
    int result = EXIT_DONE;
    for (uint32_t i = 0; i < poisoned->count && result == EXIT_DONE; i++) {
        struct request *request = gateway_request(&castle.ingress[0].gateway);
        request->type = REQUEST_SYMBOL_STATUS;
        request->symbol = poisoned->symbol[i];
        request->symbol_add.status = STATUS_HALT;
        ASSERT(gateway_send(&castle.ingress[0].gateway, request, NULL, NULL) == GATEWAY_SENT);
        result = come_to_rest();
    }
    return result;
}

static bool history_wanted(void)
{
    return strcmp(castle.options.history, "off") != 0;
}

/* Candles of before the trades that the markets keep: views begin with what the history has. */
static void seed_views(void)
{
    char wrong[256];
    struct history *store =
        history_wanted() ? history_sqlite_open(castle.options.data, castle.history.id, false, wrong)
                         : NULL;
    if (store) {
        history_seed(store, castle.ingress, castle.shared.count, &castle.ex);
        store->ops->close(store);
    }
}

/* Steps 2-11 of PROTOCOL §2.8. */
static int recover(struct exchange_config *config)
{
    struct folded folded = {0};
    struct recovery *found = &folded.found;
    struct poisoned poisoned = {.count = 0};
    char crashes[4096];
    struct segment_head head;
    char text[256];
    uint8_t id[SEGMENT_ID_BYTES];
    struct env env = env_real();
    int64_t began_us = env_now_us(&env);
    castle.shared.started_us = began_us;
    enum recovery_status status = recovery_peek(&castle.disk, &head, text);
    bool fresh = status == RECOVERY_EMPTY;
    if (status != RECOVERY_OK && !fresh)
        return exchange_fold_failed(status, text);
    if (!fresh && !directory_agrees(config, &head))
        return EXIT_USAGE;
    const char *wrong = open_secrets(fresh);
    if (wrong) {
        fprintf(stderr, "castle: %s\n", wrong);
        return EXIT_RUNTIME;
    }
    bool past = fresh && castle.options.demo;
    if (past)
        castle.posix.durable = false;
    exchange_init(&castle.ex, past ? demo_week_clock((uint32_t)castle.options.days) : env, config);
    if (fresh) {
        env_random(&castle.ex.rt.env, id, sizeof id);
        const uint32_t limits[3] = {config->users_max, config->symbols_max, config->orders_max};
        int result = journal_create(&castle.disk, castle.segment_bytes, config->account_shards,
                                    config->market_shards, limits, id, found);
        if (result) {
            fprintf(stderr, "castle: cannot create the journal: %s\n", strerror(-result));
            return EXIT_IO;
        }
    } else {
        const struct fold fold = exchange_fold(&castle.ex, recovery_remark);
        status = fold_read(&castle.disk, &fold, UINT64_MAX, &folded);
        if (status != RECOVERY_OK)
            return exchange_fold_failed(status, found->text);
        exchange_kept(&castle.ex, folded.done_least);
    }
    wrong = exchange_recovered(&castle.ex, found->boot + 1);
    struct exchange_audit audit;
    void *memory = malloc(exchange_audit_bytes(&castle.ex));
    ASSERT(memory != NULL);
    if (!wrong)
        wrong = exchange_conserved(&castle.ex, &audit, memory);
    free(memory);
    if (wrong)
        return exchange_fold_failed(RECOVERY_DAMAGED, wrong);
    if (recovery_cut(&castle.disk, found) != RECOVERY_OK)
        return exchange_fold_failed(RECOVERY_IO, found->text);
    int result =
        journal_init(&castle.journal, &castle.ex.rt, castle.disk, castle.segment_bytes, found);
    if (result) {
        fprintf(stderr, "castle: cannot open the journal: %s\n", strerror(-result));
        return EXIT_IO;
    }
    castle.lsn_before = found->next_lsn - 1;
    castle.follower.recovered = folded;
    build(config);
    for (uint16_t i = 0; i < castle.shared.count; i++) {
        ingress_load(&castle.ingress[i]);
        if (castle.ingress[i].directory.unseal_failed) {
            fprintf(stderr,
                    "castle: secrets.key is not the one that the API keys were sealed with\n");
            return EXIT_RUNTIME;
        }
    }
    memcpy(castle.history.id, found->head.id, sizeof castle.history.id);
    if (!fresh)
        seed_views();
    crash_path(crashes);
    crash_repeated(crashes, note_poison, &poisoned);
    if (!crash_watch(crashes)) {
        fprintf(stderr, "castle: cannot open %s: %s\n", crashes, strerror(errno));
        return EXIT_IO;
    }
    result = come_to_rest();
    if (result == EXIT_DONE)
        result = halt_poisoned(&poisoned);
    /* Also when an earlier first start did not get to the end of them: a name that is there is
     * refused. */
    if (result == EXIT_DONE && castle.ex.control->users_count == 0 &&
        castle.ex.control->symbols_count < DEFAULT_SYMBOLS)
        result = make_default_symbols();
    if (result == EXIT_DONE && past)
        result = make_past();
    if (result)
        return result;
    exchange_verify(&castle.ex);
    counter_set(&recovered_records, found->records);
    counter_set(&recovery_ms, (uint64_t)(env_now_us(&env) - began_us) / 1000);
    log_info("recovered", fresh ? "A new journal." : "Snapshot and journal are read.",
             log_number("snapshot_lsn", (int64_t)folded.snapshot_lsn),
             log_number("records", (int64_t)found->records),
             log_number("segments", (int64_t)found->segments),
             log_number("torn_bytes", (int64_t)found->torn_bytes),
             log_number("last_lsn", (int64_t)found->next_lsn - 1),
             log_number("ms", (int64_t)counter_get(&recovery_ms)));
    return EXIT_DONE;
}

/* ---- running ---- */

static void *journal_main(void *arg)
{
    struct waker *waker = &castle.ex.rt.journal;
    (void)arg;
    thread_short_slice();
    for (;;) {
        bool stop = atomic_load_explicit(&castle.stop_journal, memory_order_acquire);
        if (journal_collect(&castle.journal)) {
            int result = journal_sync(&castle.journal);
            if (result) { /* nothing is retried, nothing acknowledged any more (RELIABILITY §4) */
                log_error("journal_failed", "Cannot write the journal: stopping.",
                          log_text("error", strerror(-result)));
                log_flush(LOG_LAST_MS);
                fprintf(stderr, "castle: cannot write the journal: %s; stopping\n",
                        strerror(-result));
                _exit(EXIT_IO);
            }
            continue;
        }
        if (stop)
            return NULL;
        atomic_store_explicit(&waker->sleeping, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        bool any = atomic_load_explicit(&castle.stop_journal, memory_order_acquire);
        for (uint16_t c = 0; c < castle.ex.config.cores; c++)
            any |= atomic_load_explicit(&castle.ex.rt.core[c]->published, memory_order_acquire) !=
                   castle.journal.taken[c];
        struct pollfd wake = {.fd = waker->fd, .events = POLLIN};
        uint64_t count;
        if (!any && poll(&wake, 1, 1000) > 0 && read(waker->fd, &count, sizeof count) < 0)
            continue;
        atomic_store_explicit(&waker->sleeping, 0, memory_order_relaxed);
    }
}

static void look_at_space(void)
{
    int result = journal_spare(&castle.journal);
    if (result && !atomic_load(&castle.shared.low_space))
        log_error("low_space", "No space for the next journal segment: new orders are refused.",
                  log_text("error", strerror(-result)));
    if (!result && atomic_load(&castle.shared.low_space))
        log_info("space_again", "Space for the next journal segment again: new orders are taken.");
    atomic_store(&castle.shared.low_space, result != 0);
}

/* Keeps the next segment ready and the clock on the wall's side, writes the log, and looks how the
 * process is. */
static void *helper_main(void *arg)
{
    (void)arg;
    for (uint32_t round = 0; !atomic_load(&castle.stop_helper); round++) {
        log_drain();
        env_clock_slew();
        if (round % 10 == 0)
            metrics_sample();
        look_at_space();
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return NULL;
}

static uint32_t hook_work(void *self)
{
    struct ingress *ingress = self;
    uint16_t core = ingress->core->id;
    uint32_t done = ingress_work(ingress);
    if (atomic_load_explicit(&castle.shared.draining, memory_order_relaxed) &&
        !castle.drained[core]) {
        castle.drained[core] = true;
        server_drain(castle.server[core]);
    }
    if (castle.drained[core])
        atomic_store_explicit(&castle.idle[core], server_idle(castle.server[core]),
                              memory_order_release);
    return done;
}

static void hook_wait(void *self, int32_t ms)
{
    struct ingress *ingress = self;
    int64_t key_ms = (ingress->key_expires_us - ingress->core->now_us) / 1000 + 1;
    if (ingress->oldest && ms > 50)
        ms = 50; /* deadlines are looked at in time */
    if (key_ms < ms)
        ms = key_ms > 0 ? (int32_t)key_ms : 0;
    server_turn(castle.server[ingress->core->id], ms);
}

static bool hook_pending(void *self)
{
    const struct ingress *ingress = self;
    return gateway_has_output(&ingress->gateway) || ingress->answered ||
           atomic_load(&ingress->past_done) ||
           (atomic_load(&castle.shared.draining) && !castle.drained[ingress->core->id]);
}

static void standstill(void (*act)(void *arg), void *arg)
{
    threads_standstill(&castle.threads, act, arg);
}

static int open_servers(struct server_config *config)
{
    char wrong[256];
    for (uint16_t i = 0; i < castle.shared.count; i++) {
        uint16_t core = castle.ingress[i].core->id;
        castle.server[core] = server_init(&castle.ingress[i], config, i == 0, wrong);
        if (!castle.server[core]) {
            fprintf(stderr, "castle: %s\n", wrong);
            return EXIT_RUNTIME;
        }
    }
    return EXIT_DONE;
}

/* As a URL has it. */
static const char *listener_text(char out[static 300], const char *host, uint16_t port)
{
    snprintf(out, 300, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
    return out;
}

/* {"pid":N,"listen":"...","admin":"..."}, by rename, so that who sees it sees all of it. */
static int write_ready(const char *listen, const char *admin)
{
    char temp[4096];
    if (!castle.options.ready_file)
        return EXIT_DONE;
    snprintf(temp, sizeof temp, "%s.%d", castle.options.ready_file, (int)getpid());
    FILE *file = fopen(temp, "we");
    bool ok = file && fprintf(file, "{\"pid\":%d,\"listen\":\"%s\",\"admin\":\"%s\"}\n",
                              (int)getpid(), listen, admin) > 0;
    ok = file && fclose(file) == 0 && ok && rename(temp, castle.options.ready_file) == 0;
    if (ok)
        return EXIT_DONE;
    fprintf(stderr, "castle: cannot write the ready file %s: %s\n", castle.options.ready_file,
            strerror(errno));
    unlink(temp);
    return EXIT_RUNTIME;
}

static bool all_idle(void)
{
    for (uint16_t c = 0; c < castle.ex.config.cores; c++)
        if (castle.server[c] && !atomic_load_explicit(&castle.idle[c], memory_order_acquire))
            return false;
    return true;
}

/* SIGHUP: the certificate and its key are read again. Bad ones leave those in use as they are. */
static void reload_tls(void)
{
    char wrong[TLS_TEXT_BYTES];
    if (!castle.options.tls_cert) {
        log_info("tls_absent", "SIGHUP: nothing to reload without option --tls-cert.");
        return;
    }
    struct ssl_ctx_st *tls = tls_load(castle.options.tls_cert, castle.options.tls_key, wrong);
    if (!tls) {
        log_error("tls_reload_failed", "SIGHUP: the certificate in use stays.",
                  log_text("error", wrong));
        return;
    }
    for (uint16_t c = 0; c < castle.ex.config.cores; c++)
        if (castle.server[c])
            server_tls(castle.server[c], tls);
    tls_free(tls);
    log_info("tls_reloaded", "SIGHUP: new connections get the certificate now in the file.",
             log_text("cert", castle.options.tls_cert));
}

/* SIGTERM and SIGINT: close the listeners, answer what is under way, at most 10 s. A second one
 * exits. */
static void wait_and_drain(sigset_t *signals)
{
    int signal;
    while (sigwait(signals, &signal) != 0 || signal == SIGHUP)
        reload_tls();
    sigdelset(signals, SIGHUP); /* it stays blocked: a late one changes nothing */
    if (castle.options.demo) {  /* they cancel what they have while the server still answers */
        demo_bots_stop(&castle.bots);
        while (!demo_bots_ended(&castle.bots))
            if (sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = 10000000}) > 0)
                _exit(EXIT_RUNTIME);
        pthread_join(castle.bots.thread, NULL);
    }
    log_info("draining", "Listeners are closed, what is under way is answered.",
             log_number("signal", signal));
    atomic_store(&castle.shared.draining, true);
    for (uint16_t c = 0; c < castle.ex.config.cores; c++)
        waker_wake(&castle.ex.rt.core[c]->waker);
    for (int ms = 0; ms < DRAIN_MS && !all_idle(); ms += 10)
        if (sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = 10000000}) > 0)
            _exit(EXIT_RUNTIME);
    sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = 20000000}); /* the last bytes leave */
}

static void stop(void)
{
    follower_stop(&castle.follower);
    threads_stop(&castle.threads);
    history_reader_stop(&castle.history);
    atomic_store(&castle.stop_journal, true);
    waker_wake(&castle.ex.rt.journal);
    pthread_join(castle.journal_thread, NULL);
    atomic_store(&castle.stop_helper, true);
    pthread_join(castle.helper_thread, NULL);
    if (castle.options.ready_file)
        unlink(castle.options.ready_file);
    journal_fini(&castle.journal);
    disk_posix_close(&castle.posix);
    log_info("stopped", "All that was answered is on the disk.",
             log_number("last_lsn", (int64_t)durable_lsn()));
}

static int run(void)
{
    struct core_hooks hooks[CORES_MAX] = {0};
    char listen_host[256], admin_host[256];
    struct server_config config = {.listen_host = listen_host,
                                   .admin_host = admin_host,
                                   .connections_max = (uint32_t)castle.options.max_connections,
                                   .request_ms = (uint32_t)castle.options.request_timeout * 1000,
                                   .idle_ms = (uint32_t)castle.options.idle_timeout * 1000,
                                   .tls = castle.tls,
                                   .proxies = &castle.options.proxies};
    sigset_t signals;
    if (!castle.shared.unlimited) /* off refuses nothing (DESIGN §10) */
        config.connections_per_address = (uint32_t)castle.options.max_connections_per_address;
    options_address(castle.options.listen, listen_host, &config.listen_port);
    options_address(castle.options.admin, admin_host, &config.admin_port);
    int result = open_servers(&config);
    tls_free(castle.tls); /* the servers have taken references */
    if (result)
        return result;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    castle.ex.rt.journal.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    admin_at_standstill = standstill;
    admin_published_lsn = published_lsn;
    for (uint16_t i = 0; i < castle.shared.count; i++) {
        struct ingress *ingress = &castle.ingress[i];
        hooks[ingress->core->id] = (struct core_hooks){
            .self = ingress, .work = hook_work, .wait = hook_wait, .pending = hook_pending};
        server_open(castle.server[ingress->core->id]);
    }
    mem_seal(true);
    metrics_sample();
    ASSERT(pthread_create(&castle.journal_thread, NULL, journal_main, NULL) == 0);
    ASSERT(pthread_create(&castle.helper_thread, NULL, helper_main, NULL) == 0);
    castle.follower.durable_lsn = durable_lsn;
    castle.follower.records_max = castle.options.snapshot_records;
    counter_set(&snapshot_records, castle.options.snapshot_records);
    castle.follower.seconds_max = castle.options.snapshot_seconds;
    castle.follower.history = history_wanted() ? castle.options.data : NULL;
    castle.follower.build = CASTLE_VERSION " " CASTLE_COMMIT;
    follower_start(&castle.follower, castle.disk, &castle.ex.config);
    castle.history.directory = castle.options.data;
    castle.history.cursor = &castle.follower.feed.cursor;
    castle.shared.past = history_wanted() ? history_reader_submit : NULL;
    history_reader_start(&castle.history);
    threads_start(&castle.threads, &castle.ex.rt, hooks, strcmp(castle.options.pin, "on") == 0);
    char listen[300], admin[300];
    result = write_ready(listener_text(listen, config.listen_host, config.listen_port),
                         listener_text(admin, config.admin_host, config.admin_port));
    if (result == EXIT_DONE)
        log_info("serving", "Requests are served.", log_text("listen", listen),
                 log_text("admin", admin));
    if (result == EXIT_DONE && castle.options.demo)
        demo_bots_start(&castle.bots, &castle.demo, castle.options.seed, config.listen_host,
                        config.listen_port, config.admin_host, config.admin_port);
    if (result == EXIT_DONE)
        wait_and_drain(&signals);
    stop();
    return result;
}

static int serve(int argc, char **argv)
{
    struct exchange_config config;
    if (!options_read(&castle.options, argc, argv) || !read_config(&config))
        return EXIT_USAGE;
    char wrong[TLS_TEXT_BYTES];
    if (castle.options.tls_cert &&
        !(castle.tls = tls_load(castle.options.tls_cert, castle.options.tls_key, wrong))) {
        fprintf(stderr, "castle: %s\n", wrong);
        return EXIT_USAGE;
    }
    bool durable = strcmp(castle.options.durability, "sync") == 0;
    if (castle.options.demo && !demo_may_use(&castle.options))
        return EXIT_USAGE;
    castle.segment_bytes = castle.options.segment_mib << 20;
    signal(SIGPIPE, SIG_IGN);
    sigset_t hangup; /* one that comes before wait_and_drain() waits for it */
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &hangup, NULL);
    log_open(log_level_of(castle.options.log_level), env_real(), STDOUT_FILENO);
    log_info("start", "Castle starts.", log_text("version", CASTLE_VERSION),
             log_text("commit", CASTLE_COMMIT), log_number("pid", getpid()),
             log_number("cores", config.cores), log_text("data", castle.options.data));
    if (!durable)
        log_warn("durability_none", "Answers do not wait for the disk; a crash loses acknowledged "
                                    "orders. For measurement only.");
    mem_prefault(castle.options.prefault);
    switch (disk_posix_open(&castle.posix, castle.options.data, true, true, durable)) {
    case DISK_OPEN_OK:
        break;
    case DISK_OPEN_LOCKED:
        fprintf(stderr, "castle: the data directory %s is locked by another process\n",
                castle.options.data);
        return EXIT_LOCKED;
    default:
        fprintf(stderr, "castle: option --data: cannot use %s: %s\n", castle.options.data,
                strerror(errno));
        return EXIT_IO;
    }
    castle.disk = disk_posix(&castle.posix);
    if (castle.options.demo && !demo_open(&castle.demo, castle.options.data, castle.options.keep))
        return EXIT_IO;
    castle.demo.token_from = castle.token_from;
    int result = read_token() ? recover(&config) : EXIT_RUNTIME;
    if (result == EXIT_DONE)
        result = run();
    log_flush(LOG_LAST_MS);
    return result;
}

/* ---- the other subcommands, and the help ---- */

static int version(int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr, "castle: version takes no option %s\n", argv[1]);
        return EXIT_USAGE;
    }
    printf("castle %s (%s), journal format %d\n", CASTLE_VERSION, CASTLE_COMMIT, SEGMENT_VERSION);
    return EXIT_DONE;
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *what, *more;
} commands[] = {
    {"serve", serve, "[--data DIR] [--listen HOST:PORT] [--admin HOST:PORT] [OPTION]...",
     "Runs an exchange until SIGTERM or SIGINT. What it has answered is in its\n"
     "directory, and is there again at the next start.",
     NULL},
    {"demo", serve, "[--data DIR] [--keep] [--seed N] [--days N] [OPTION]...",
     "Runs an exchange to try: users with funds, a past, and bots that make a\n"
     "market, without TLS. Its directory is wiped at the start, unless --keep is given.",
     NULL},
    {"replay", replay_main, REPLAY_USAGE,
     "Sends a recorded stretch of a real market through a running server, and tells\n"
     "how what came of it differs from what was recorded.",
     replay_options},
    {"journal", journal_tool, JOURNAL_TOOL_USAGE,
     "Looks into the directory of an exchange, also beside a server that uses it.",
     journal_tool_options},
    {"version", version, "", "Tells the version, and the format of the journal.", NULL},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct command *find_command(const char *name)
{
    for (uint32_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static void put_usages(FILE *out)
{
    for (uint32_t i = 0; i < COMMANDS; i++)
        fprintf(out, "%s castle %s%s%s\n", i ? "      " : "usage:", commands[i].name,
                commands[i].usage[0] ? " " : "", commands[i].usage);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int help(const struct command *command)
{
    if (!command) {
        puts("Castle is an exchange that speaks the Binance Spot API.\n");
        put_usages(stdout);
        for (uint32_t i = 0; i < COMMANDS; i++)
            printf("\n%s\n%s\n", commands[i].name, commands[i].what);
        puts("\ncastle SUBCOMMAND --help lists the options of one; castle(1) has all of them.");
        return EXIT_DONE;
    }
    printf("usage: castle %s%s%s\n\n%s\n", command->name, command->usage[0] ? " " : "",
           command->usage, command->what);
    if (command->more)
        printf("\n%s", command->more);
    if (command->run == serve) {
        putchar('\n');
        options_help(stdout, strcmp(command->name, "demo") == 0);
        puts("\nEach option but --config is also a key of the file that --config names, and each\n"
             "is a variable: --log-level is log-level = warn there, and CASTLE_LOG_LEVEL. The\n"
             "command line goes before variables, and variables before the file. --NAME=VALUE\n"
             "may be written, too.");
    }
    return EXIT_DONE;
}

/* Of a parent that closed them: else a file of the exchange gets the number that the log, or what a
 * failed assertion says, goes to. */
static void open_standard_files(void)
{
    int file;
    do
        file = open("/dev/null", O_RDWR);
    while (file >= 0 && file <= STDERR_FILENO);
    if (file >= 0)
        close(file);
}

/* What was printed has left, or it was not done. */
static int printed(int result)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || result != EXIT_DONE)
        return result;
    fprintf(stderr, "castle: cannot write all of it to standard output\n");
    return EXIT_RUNTIME;
}

int main(int argc, char **argv)
{
    open_standard_files();
#ifdef CASTLE_BUGS
    if (getenv("CASTLE_BUG"))
        check_bug = atoi(getenv("CASTLE_BUG"));
#endif
    const char *word = argc > 1 ? argv[1] : "";
    const struct command *command = find_command(strcmp(word, "--version") ? word : "version");
    if (command) {
        for (int i = 2; i < argc; i++)
            if (asks_for_help(argv[i]))
                return printed(help(command));
        return printed(command->run(argc - 1, argv + 1));
    }
    if (asks_for_help(word) || strcmp(word, "help") == 0) {
        const char *about = argc > 2 ? argv[2] : NULL;
        if (!about || (command = find_command(about)))
            return printed(help(command));
        word = about;
    }
    put_usages(stderr);
    if (word[0])
        fprintf(stderr, "castle: there is no subcommand '%s'\n", word);
    return EXIT_USAGE;
}
