#define _GNU_SOURCE
#include "http/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/account_shard.h"
#include "http/admin.h"
#include "http/ingress.h"
#include "http/operation.h"
#include "http/text.h"
#include "runtime/check.h"
#include "runtime/log.h"

/* ---- the format ---- */

static void family(struct text *out, const char *name, enum metric_type type, const char *help)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    text_str(out, "# HELP ");
    text_str(out, name);
    text_str(out, " ");
    text_str(out, help);
    text_str(out, "\n# TYPE ");
    text_str(out, name);
    text_str(out, " ");
    text_str(out, types[type]);
    text_str(out, "\n");
}

/* A number in a unit of which `decimals` places are whole: 1500 with 6 is 0.001500. */
static void put_number(struct text *out, uint64_t value, uint8_t decimals)
{
    uint64_t one = 1;
    for (uint8_t i = 0; i < decimals; i++)
        one *= 10;
    text_u64(out, value / one);
    if (decimals)
        text_format(out, ".%0*" PRIu64, decimals, value % one);
}

/* `labels` without braces, "" for none; `more` is one that follows them. */
static void series(struct text *out, const char *name, const char *suffix, const char *labels,
                   const char *more, uint64_t value, uint8_t decimals)
{
    text_str(out, name);
    text_str(out, suffix);
    if (labels[0] || more[0]) {
        text_str(out, "{");
        text_str(out, labels);
        if (labels[0] && more[0])
            text_str(out, ",");
        text_str(out, more);
        text_str(out, "}");
    }
    text_str(out, " ");
    put_number(out, value, decimals);
    text_str(out, "\n");
}

static void sample(struct text *out, const char *name, const char *labels, uint64_t value)
{
    series(out, name, "", labels, "", value, 0);
}

static void single(struct text *out, const char *name, enum metric_type type, const char *help,
                   uint64_t value)
{
    family(out, name, type, help);
    sample(out, name, "", value);
}

/* ---- histograms: bounds of times in nanoseconds, and of sizes in bytes ---- */

struct bounds {
    uint64_t bound[22];
    const char *label[22];
    uint32_t count;
};

static const struct bounds time_bounds = {
    .bound = {1000,       2000,       5000,       10000,      20000,     50000,
              100000,     200000,     500000,     1000000,    2000000,   5000000,
              10000000,   20000000,   50000000,   100000000,  200000000, 500000000,
              1000000000, 2000000000, 5000000000, 10000000000},
    .label = {"0.000001", "0.000002", "0.000005", "0.00001", "0.00002", "0.00005",
              "0.0001",   "0.0002",   "0.0005",   "0.001",   "0.002",   "0.005",
              "0.01",     "0.02",     "0.05",     "0.1",     "0.2",     "0.5",
              "1",        "2",        "5",        "10"},
    .count = 22};

static const struct bounds size_bounds = {
    .bound = {4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152},
    .label = {"4096", "8192", "16384", "32768", "65536", "131072", "262144", "524288", "1048576",
              "2097152"},
    .count = 10};

struct merged { /* a histogram as it is told: of one thread, or of several together */
    const struct bounds *bounds;
    uint64_t bound[22], below[22], count, sum;
    uint8_t decimals;
};

/* Values have `decimals` as in struct metric. */
static struct merged merged_of(uint8_t decimals)
{
    struct merged merged = {.bounds = decimals ? &time_bounds : &size_bounds, .decimals = decimals};
    ASSERT(decimals == 0 || decimals == 6 || decimals == 9);
    for (uint32_t i = 0; i < merged.bounds->count; i++)
        merged.bound[i] = merged.bounds->bound[i] / (decimals == 6 ? 1000 : 1);
    return merged;
}

static void merged_add(struct merged *merged, const struct hist *hist)
{
    merged->sum += counter_get(&hist->sum);
    merged->count += hist_below(hist, merged->bound, merged->bounds->count, merged->below);
}

static void put_merged(struct text *out, const char *name, const char *labels,
                       const struct merged *merged)
{
    char le[32];
    for (uint32_t i = 0; i < merged->bounds->count; i++) {
        snprintf(le, sizeof le, "le=\"%s\"", merged->bounds->label[i]);
        series(out, name, "_bucket", labels, le, merged->below[i], 0);
    }
    series(out, name, "_bucket", labels, "le=\"+Inf\"", merged->count, 0);
    series(out, name, "_sum", labels, "", merged->sum, merged->decimals);
    series(out, name, "_count", labels, "", merged->count, 0);
}

/* ---- requests ---- */

static const uint16_t statuses[STATUS_COLUMNS - 1] = {200, 201,         304, 400, 401, 403,
                                                      404, 405,         409, 413, 418, 429,
                                                      431, STATUS_LEFT, 500, 502, 503, 504};

void metrics_count(struct ingress_counts *counts, uint16_t route, uint32_t method, int status)
{
    uint32_t row = route ? METHODS + route - 1u : method, column = 0;
    ASSERT(row < METHODS + ROUTES_MAX);
    while (column < STATUS_COLUMNS - 1 && statuses[column] != status)
        column++;
    counter_add(&counts->requests[row][column], 1);
}

static void put_requests_of(struct text *out, const struct ingress_shared *shared, uint32_t row,
                            const char *path, enum method method)
{
    char labels[160], code[8];
    for (uint32_t column = 0; column < STATUS_COLUMNS; column++) {
        uint64_t count = 0;
        for (uint16_t i = 0; i < shared->count; i++)
            count += counter_get(&shared->ingress[i]->counts.requests[row][column]);
        if (count == 0)
            continue;
        if (column < STATUS_COLUMNS - 1)
            snprintf(code, sizeof code, "%u", statuses[column]);
        else
            snprintf(code, sizeof code, "other");
        snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\",code=\"%s\"", path,
                 method_names[method], code);
        sample(out, "castle_http_requests_total", labels, count);
    }
}

static void put_requests(struct text *out, const struct ingress_shared *shared)
{
    family(out, "castle_http_requests_total", METRIC_COUNTER,
           "Requests answered, by route, method and HTTP status; route none: a file of the page, "
           "or no route takes it, or it was refused before its route was looked for; code 499: the "
           "client left before its answer.");
    for (enum method method = METHOD_GET; method <= METHOD_OTHER; method++)
        put_requests_of(out, shared, method, "none", method);
    for (uint16_t route = 1; route <= operation_routes(); route++)
        put_requests_of(out, shared, METHODS + route - 1u, operation_route_path(route),
                        operation_route_method(route));
    for (uint16_t route = 1; route <= admin_routes(); route++)
        put_requests_of(out, shared, METHODS + operation_routes() + route - 1u,
                        admin_route_path(route), admin_route_method(route));
}

static void put_request_times(struct text *out, const struct ingress_shared *shared)
{
    static const char *const kinds[CALL_KINDS] = {"kind=\"edge\"", "kind=\"read\"",
                                                  "kind=\"order\"", "kind=\"admin\""};
    family(out, "castle_request_seconds", METRIC_HISTOGRAM,
           "From a complete request in the event loop's hands to its answer in them, of a sample: "
           "all requests while few come, each 64th under load. edge: answered by the ingress core "
           "alone; read: account data; order: orders and cancels, durable; admin: the admin "
           "listener.");
    for (uint32_t kind = 0; kind < CALL_KINDS; kind++) {
        struct merged merged = merged_of(6);
        for (uint16_t i = 0; i < shared->count; i++)
            merged_add(&merged, &shared->ingress[i]->counts.total_us[kind]);
        put_merged(out, "castle_request_seconds", kinds[kind], &merged);
    }
}

static void put_stages(struct text *out, const struct ingress_shared *shared,
                       const struct exchange *ex)
{
    static const char name[] = "castle_request_stage_seconds";
    struct merged parse = merged_of(6), account = merged_of(6), match = merged_of(6);
    struct merged journal = merged_of(6), reply = merged_of(6);
    for (uint16_t i = 0; i < shared->count; i++) {
        merged_add(&parse, &shared->ingress[i]->counts.parse_us);
        merged_add(&reply, &shared->ingress[i]->counts.reply_us);
    }
    for (uint16_t c = 0; c < ex->config.cores; c++) {
        merged_add(&account, &ex->stages[c].account_us);
        merged_add(&match, &ex->stages[c].match_us);
    }
    if (shared->journal_us)
        merged_add(&journal, shared->journal_us);
    family(
        out, name, METRIC_HISTOGRAM,
        "Stages of requests that reach a shard. Of the same sample as castle_request_seconds: "
        "parse: from the request to its sending (parameters, signature); account: from there "
        "until its account shard has dealt with it (waiting included); reply: from the moment "
        "that its outcome was both reached and durable to the answer. Of a like sample of orders "
        "and cancels: match: from the turn that recorded it at the account shard to the end of "
        "its match. Of every chunk of records: journal: from its publication until it is "
        "durable.");
    put_merged(out, name, "stage=\"parse\"", &parse);
    put_merged(out, name, "stage=\"account\"", &account);
    put_merged(out, name, "stage=\"match\"", &match);
    put_merged(out, name, "stage=\"journal\"", &journal);
    put_merged(out, name, "stage=\"reply\"", &reply);
}

/* One family with a series for each ingress core. */
static void put_ingress(struct text *out, const struct ingress_shared *shared, const char *name,
                        enum metric_type type, const char *help,
                        uint64_t (*value)(const struct ingress *ingress))
{
    char labels[32];
    family(out, name, type, help);
    for (uint16_t i = 0; i < shared->count; i++) {
        snprintf(labels, sizeof labels, "core=\"%u\"", shared->ingress[i]->core->id);
        sample(out, name, labels, value(shared->ingress[i]));
    }
}

static uint64_t slots_busy(const struct ingress *ingress)
{
    return counter_get(&ingress->gateway.busy);
}

static uint64_t slots_max(const struct ingress *ingress)
{
    return ingress->gateway.slots_max;
}

static uint64_t sent(const struct ingress *ingress)
{
    return counter_get(&ingress->gateway.requests);
}

static uint64_t refused(const struct ingress *ingress)
{
    return counter_get(&ingress->gateway.refused);
}

static uint64_t user_watches(const struct ingress *ingress)
{
    return counter_get(&ingress->user_streams.watches);
}

static uint64_t user_events(const struct ingress *ingress)
{
    return counter_get(&ingress->user_streams.told);
}

static void put_gateways(struct text *out, const struct ingress_shared *shared)
{
    put_ingress(out, shared, "castle_gateway_slots_busy", METRIC_GAUGE,
                "Requests in the exchange, not answered yet.", slots_busy);
    put_ingress(out, shared, "castle_gateway_slots", METRIC_GAUGE,
                "How many requests may be in the exchange at once.", slots_max);
    put_ingress(out, shared, "castle_gateway_requests_total", METRIC_COUNTER,
                "Requests sent to a shard.", sent);
    put_ingress(out, shared, "castle_gateway_refused_total", METRIC_COUNTER,
                "Requests refused (-1008) because slots or a request lane were full.", refused);
    put_ingress(out, shared, "castle_user_streams", METRIC_GAUGE,
                "Subscriptions to user data events.", user_watches);
    put_ingress(out, shared, "castle_user_events_total", METRIC_COUNTER,
                "User data events handed to subscriptions.", user_events);
}

/* A family by listener, and by reason where it has one: `at` is where the first one's counter is.
 */
static void put_listeners(struct text *out, const struct ingress_shared *shared, const char *name,
                          enum metric_type type, const char *help, size_t at,
                          const char *const reasons[], uint32_t count)
{
    char labels[64];
    family(out, name, type, help);
    for (uint32_t l = 0; l < 2; l++)
        for (uint32_t r = 0; r < count; r++) {
            uint64_t value = 0;
            for (uint16_t i = 0; i < shared->count; i++) {
                const struct listener_counts *counts = &shared->ingress[i]->counts.listener[l];
                value += counter_get((const counter *)((const char *)counts + at) + r);
            }
            snprintf(labels, sizeof labels, "listener=\"%s\"%s%s%s", l ? "admin" : "public",
                     reasons[r] ? ",reason=\"" : "", reasons[r] ? reasons[r] : "",
                     reasons[r] ? "\"" : "");
            sample(out, name, labels, value);
        }
}

static void put_connections(struct text *out, const struct ingress_shared *shared)
{
    static const char *const none[] = {NULL}, *const refused_by[] = {"all", "address"},
                             *const closed_by[] = {"slow", "stalled", "resets"},
                             *const request_by[] = {"busy", "ambiguous", "large"};
    _Static_assert(EDGE_SLOW == 2 && EDGE_BUSY == 5 && EDGE_ACTS == 8, "name every reason");
    put_listeners(out, shared, "castle_connections", METRIC_GAUGE, "Connections open now.",
                  offsetof(struct listener_counts, open), none, 1);
    put_listeners(out, shared, "castle_connections_accepted_total", METRIC_COUNTER,
                  "Connections accepted.", offsetof(struct listener_counts, accepted), none, 1);
    put_listeners(out, shared, "castle_connections_refused_total", METRIC_COUNTER,
                  "Connections closed at once: too many in all, or of their address.",
                  offsetof(struct listener_counts, act[EDGE_FULL]), refused_by, 2);
    put_listeners(out, shared, "castle_connections_closed_total", METRIC_COUNTER,
                  "Connections that the guard closed: slow requests, answers not taken, resets.",
                  offsetof(struct listener_counts, act[EDGE_SLOW]), closed_by, 3);
    put_listeners(out, shared, "castle_edge_refused_total", METRIC_COUNTER,
                  "Requests refused unread: connection busy, length ambiguous, body too large.",
                  offsetof(struct listener_counts, act[EDGE_BUSY]), request_by, 3);
    family(out, "castle_http_version_requests_total", METRIC_COUNTER,
           "Requests taken, by the version of HTTP.");
    for (uint32_t v = 0; v < 2; v++) {
        uint64_t count = 0;
        for (uint16_t i = 0; i < shared->count; i++)
            count += counter_get(&shared->ingress[i]->counts.version[v]);
        sample(out, "castle_http_version_requests_total", v ? "version=\"2\"" : "version=\"1\"",
               count);
    }
}

/* ---- limits ---- */

static void put_limits(struct text *out, const struct ingress_shared *shared)
{
    static const char *const labels[LIMIT_KINDS] = {[LIMIT_BY_WEIGHT] = "limit=\"weight\"",
                                                    [LIMIT_BY_REQUESTS] = "limit=\"requests\"",
                                                    [LIMIT_BY_BAN] = "limit=\"ban\"",
                                                    [LIMIT_BY_ORDERS] = "limit=\"orders\""};
    uint64_t bans = 0;
    family(out, "castle_limit_refused_total", METRIC_COUNTER,
           "Requests refused: of an address by request weight, by their number, or because it is "
           "banned; of an account by its unfilled orders.");
    for (enum limit limit = LIMIT_NONE + 1; limit < LIMIT_KINDS; limit++) {
        uint64_t count = 0;
        for (uint16_t i = 0; i < shared->count; i++)
            count += counter_get(&shared->ingress[i]->counts.limited[limit]);
        sample(out, "castle_limit_refused_total", labels[limit], count);
    }
    for (uint16_t i = 0; i < shared->count; i++)
        bans += counter_get(&shared->ingress[i]->counts.bans);
    single(out, "castle_bans_total", METRIC_COUNTER,
           "Bans of addresses that went on after they were refused.", bans);
}

/* ---- WebSocket ---- */

static void put_ws(struct text *out, const struct ingress_shared *shared)
{
    static const struct {
        const char *name, *help;
        enum metric_type type;
        size_t at;
    } families[] = {
        {"castle_ws_connections", "WebSocket connections open now.", METRIC_GAUGE,
         offsetof(struct ws_counts, open)},
        {"castle_ws_opened_total", "WebSocket connections opened.", METRIC_COUNTER,
         offsetof(struct ws_counts, opened)},
        {"castle_ws_limited_total", "Handshakes refused: too many of an address in 5 minutes.",
         METRIC_COUNTER, offsetof(struct ws_counts, limited)},
        {"castle_ws_subscriptions", "Market streams subscribed to, by all connections.",
         METRIC_GAUGE, offsetof(struct ws_counts, subscriptions)},
        {"castle_ws_events_total", "Market stream events rendered, once for all who get them.",
         METRIC_COUNTER, offsetof(struct ws_counts, events)},
        {"castle_ws_frames_total", "Frames queued, once for each connection.", METRIC_COUNTER,
         offsetof(struct ws_counts, frames)},
        {"castle_ws_bytes_total", "Bytes of these frames.", METRIC_COUNTER,
         offsetof(struct ws_counts, bytes)},
        {"castle_ws_slow_closed_total", "Connections closed because they did not keep up.",
         METRIC_COUNTER, offsetof(struct ws_counts, slow)},
        {"castle_ws_silent_closed_total", "Connections closed for want of a pong.", METRIC_COUNTER,
         offsetof(struct ws_counts, silent)},
        {"castle_ws_conflated_total", "Depth events that a slow connection got joined with later.",
         METRIC_COUNTER, offsetof(struct ws_counts, conflated)},
    };
    for (uint32_t f = 0; f < sizeof families / sizeof *families; f++) {
        uint64_t value = 0;
        for (uint16_t i = 0; i < shared->count; i++) {
            const char *counts = (const char *)&shared->ingress[i]->counts.ws;
            value += counter_get((const counter *)(counts + families[f].at));
        }
        family(out, families[f].name, families[f].type, families[f].help);
        sample(out, families[f].name, "", value);
    }
}

/* ---- cores and lanes ---- */

static void put_core(struct text *out, const struct exchange *ex, const char *name,
                     enum metric_type type, const char *help,
                     uint64_t (*value)(const struct core *core))
{
    char labels[32];
    family(out, name, type, help);
    for (uint16_t c = 0; c < ex->config.cores; c++) {
        snprintf(labels, sizeof labels, "core=\"%u\"", c);
        sample(out, name, labels, value(ex->rt.core[c]));
    }
}

static uint64_t turns(const struct core *core)
{
    return counter_get(&core->turns);
}

static uint64_t inputs(const struct core *core)
{
    return counter_get(&core->inputs);
}

static uint64_t records(const struct core *core)
{
    return counter_get(&core->records);
}

static uint64_t no_room(const struct core *core)
{
    return counter_get(&core->no_room);
}

static uint64_t lag_chunks(const struct core *core)
{
    uint64_t durable =
        atomic_load_explicit(&core->runtime->durable[core->id], memory_order_acquire);
    uint64_t published = atomic_load_explicit(&core->published, memory_order_acquire);
    return published > durable ? published - durable : 0;
}

static void put_cores(struct text *out, const struct exchange *ex)
{
    char labels[32];
    family(out, "castle_core_turn_seconds", METRIC_HISTOGRAM,
           "Turns that did something: inputs taken, records made, answers handed out. The event "
           "loop's own work is not in it.");
    for (uint16_t c = 0; c < ex->config.cores; c++) {
        struct merged merged = merged_of(9);
        merged_add(&merged, &ex->rt.core[c]->turn_ns);
        snprintf(labels, sizeof labels, "core=\"%u\"", c);
        put_merged(out, "castle_core_turn_seconds", labels, &merged);
    }
    put_core(out, ex, "castle_core_turns_total", METRIC_COUNTER,
             "Turns, those that found nothing to do included.", turns);
    put_core(out, ex, "castle_core_inputs_total", METRIC_COUNTER,
             "Inputs taken by actors: requests, orders, reports, slices.", inputs);
    put_core(out, ex, "castle_core_no_room_total", METRIC_COUNTER,
             "Times that an input stayed in its lane because what it causes had no room.", no_room);
    put_core(out, ex, "castle_core_records_total", METRIC_COUNTER, "Journal records made.",
             records);
    put_core(out, ex, "castle_journal_lag_chunks", METRIC_GAUGE,
             "Chunks published and not durable yet.", lag_chunks);
}

/* One family with a series for each lane that was ever used. */
static void put_lanes_of(struct text *out, const struct exchange *ex, const char *name,
                         enum metric_type type, const char *help,
                         uint64_t (*value)(const struct lane *lane))
{
    char labels[64];
    family(out, name, type, help);
    for (uint32_t k = 0; k < CLASS_COUNT; k++)
        for (uint16_t to = 0; to < ex->config.cores; to++)
            for (uint16_t from = 0; from < ex->config.cores; from++) {
                const struct lane *lane = ex->rt.core[to]->in[k][from];
                if (counter_get(&lane->sent) == 0)
                    continue;
                snprintf(labels, sizeof labels, "class=\"%s\",from=\"%u\",to=\"%u\"",
                         lane_class_names[k], from, to);
                sample(out, name, labels, value(lane));
            }
}

static uint64_t depth(const struct lane *lane)
{
    return lane_depth(lane);
}

static uint64_t messages(const struct lane *lane)
{
    return counter_get(&lane->sent);
}

static uint64_t full(const struct lane *lane)
{
    return counter_get(&lane->full);
}

static void put_lanes(struct text *out, const struct exchange *ex)
{
    char labels[32];
    put_lanes_of(out, ex, "castle_lane_depth", METRIC_GAUGE,
                 "Messages waiting in a lane between two cores; lanes never used are left out.",
                 depth);
    put_lanes_of(out, ex, "castle_lane_messages_total", METRIC_COUNTER, "Messages put into a lane.",
                 messages);
    put_lanes_of(out, ex, "castle_lane_full_total", METRIC_COUNTER,
                 "Times that a lane had no room for a message, which then waited with its sender.",
                 full);
    family(out, "castle_lane_capacity", METRIC_GAUGE, "Messages that a lane holds.");
    for (uint32_t k = 0; k < CLASS_COUNT; k++) {
        snprintf(labels, sizeof labels, "class=\"%s\"", lane_class_names[k]);
        sample(out, "castle_lane_capacity", labels, ex->config.limits.lane[k]);
    }
}

/* ---- the exchange ---- */

static void put_exchange(struct text *out, const struct ingress *ingress)
{
    const struct ingress_shared *shared = ingress->shared;
    const struct exchange *ex = ingress->ex;
    uint64_t open = 0, fullest = 0, durable = shared->journal_lsn(),
             published = admin_published_lsn();
    for (uint16_t i = 0; i < ex->config.account_shards; i++) {
        uint64_t moves = counter_get(&ex->account[i]->money_moves);
        open += counter_get(&ex->account[i]->open_orders);
        fullest = moves > fullest ? moves : fullest;
    }
    single(out, "castle_open_orders", METRIC_GAUGE, "Orders that rest or are on their way.", open);
    single(out, "castle_money_moves", METRIC_GAUGE,
           "Deposits and withdrawals kept by the account shard that has most.", fullest);
    single(out, "castle_money_moves_max", METRIC_GAUGE,
           "How many of them an account shard has room for.",
           ledger_deposits_max(ex->account[0]->ledger));
    single(out, "castle_users", METRIC_GAUGE, "Users.", ingress->directory.users_count);
    single(out, "castle_symbols", METRIC_GAUGE, "Symbols.", ingress->directory.symbols_count);
    single(out, "castle_open_orders_max", METRIC_GAUGE, "How many orders there may be.",
           ex->config.orders_max);
    single(out, "castle_users_max", METRIC_GAUGE, "How many users there may be.",
           ex->config.users_max);
    single(out, "castle_symbols_max", METRIC_GAUGE, "How many symbols there may be.",
           ex->config.symbols_max);
    single(out, "castle_journal_durable_lsn", METRIC_GAUGE,
           "Number of the last record that is durable.", durable);
    single(out, "castle_journal_lag_records", METRIC_GAUGE, "Records made and not durable yet.",
           published > durable ? published - durable : 0);
    single(out, "castle_low_space", METRIC_GAUGE,
           "1 while there is no space for a next journal segment: new orders are refused (-1008).",
           atomic_load_explicit(&shared->low_space, memory_order_relaxed));
    single(out, "castle_draining", METRIC_GAUGE, "1 once the server is told to end.",
           atomic_load_explicit(&shared->draining, memory_order_relaxed));
    for (uint32_t i = 0; i < shared->metrics_count; i++) {
        const struct metric *metric = &shared->metrics[i];
        family(out, metric->name, metric->type, metric->help);
        if (metric->type == METRIC_HISTOGRAM) {
            struct merged merged = merged_of(metric->decimals);
            merged_add(&merged, metric->hist);
            put_merged(out, metric->name, "", &merged);
        } else {
            series(out, metric->name, "", "", "", counter_get(metric->value), metric->decimals);
        }
    }
}

static void put_log(struct text *out)
{
    static const char *const levels[LOG_LEVELS] = {"level=\"debug\"", "level=\"info\"",
                                                   "level=\"warn\"", "level=\"error\""};
    struct log_counts counts;
    log_count(&counts);
    family(out, "castle_log_lines_total", METRIC_COUNTER, "Lines logged.");
    for (enum log_level level = 0; level < LOG_LEVELS; level++)
        sample(out, "castle_log_lines_total", levels[level], counts.lines[level]);
    family(out, "castle_log_lost_total", METRIC_COUNTER,
           "Lines that were not written: the ring was full, one event came too often, or stdout "
           "failed.");
    sample(out, "castle_log_lost_total", "reason=\"full\"", counts.dropped);
    sample(out, "castle_log_lost_total", "reason=\"limit\"", counts.limited);
    sample(out, "castle_log_lost_total", "reason=\"stdout\"", counts.failed);
}

/* ---- process and allocator ---- */

int mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes)
    __attribute__((weak)); /* jemalloc's; sanitizer builds are without */

static counter process_cpu_us, process_resident, process_virtual, process_fds, process_fds_max;

static const struct {
    const char *name, *metric, *help;
} allocator[] = {
    {"stats.allocated", "castle_jemalloc_allocated_bytes", "Bytes that the program holds."},
    {"stats.active", "castle_jemalloc_active_bytes", "Bytes in pages with something held."},
    {"stats.resident", "castle_jemalloc_resident_bytes", "Bytes resident for the allocator."},
    {"stats.mapped", "castle_jemalloc_mapped_bytes", "Bytes mapped by the allocator."},
};
enum { ALLOCATOR = sizeof allocator / sizeof *allocator };
static counter allocator_bytes[ALLOCATOR];

static void sample_memory(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return;
    if (fscanf(file, "%lu %lu", &size, &resident) == 2) {
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
        counter_set(&process_virtual, size * page);
        counter_set(&process_resident, resident * page);
    }
    fclose(file);
}

/* Newer kernels say how many files are open as the directory's size; older ones list them. */
static uint64_t open_files(void)
{
    struct stat st;
    uint64_t count = 0;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (uint64_t)st.st_size;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count > 3 ? count - 3 : 0; /* "." and "..", and the directory itself */
}

void metrics_sample(void)
{
    struct rusage usage;
    struct rlimit files;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        counter_set(&process_cpu_us,
                    (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                        (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        counter_set(&process_fds_max, files.rlim_cur);
    counter_set(&process_fds, open_files());
    sample_memory();
    if (!mallctl)
        return;
    uint64_t epoch = 1;
    size_t bytes = sizeof epoch, value;
    mallctl("epoch", &epoch, &bytes, &epoch, sizeof epoch); /* or the numbers stay as they were */
    for (uint32_t i = 0; i < ALLOCATOR; i++) {
        bytes = sizeof value;
        if (mallctl(allocator[i].name, &value, &bytes, NULL, 0) == 0)
            counter_set(&allocator_bytes[i], value);
    }
}

static void put_process(struct text *out, const struct ingress_shared *shared)
{
    char labels[160];
    family(out, "castle_build_info", METRIC_GAUGE, "Always 1; its labels say what runs.");
    snprintf(labels, sizeof labels, "version=\"%s\",commit=\"%s\"", shared->version,
             shared->commit);
    sample(out, "castle_build_info", labels, 1);
    family(out, "process_cpu_seconds_total", METRIC_COUNTER,
           "CPU time of all threads. This and the next ones are up to a second old.");
    series(out, "process_cpu_seconds_total", "", "", "", counter_get(&process_cpu_us), 6);
    single(out, "process_resident_memory_bytes", METRIC_GAUGE, "Resident memory.",
           counter_get(&process_resident));
    single(out, "process_virtual_memory_bytes", METRIC_GAUGE,
           "Address space; most of it is reserved for limits and never touched.",
           counter_get(&process_virtual));
    single(out, "process_open_fds", METRIC_GAUGE, "Open file descriptors.",
           counter_get(&process_fds));
    single(out, "process_max_fds", METRIC_GAUGE, "How many file descriptors may be open.",
           counter_get(&process_fds_max));
    family(out, "process_start_time_seconds", METRIC_GAUGE, "Unix time of the start.");
    series(out, "process_start_time_seconds", "", "", "", (uint64_t)shared->started_us, 6);
    for (uint32_t i = 0; mallctl && i < ALLOCATOR; i++)
        single(out, allocator[i].metric, METRIC_GAUGE, allocator[i].help,
               counter_get(&allocator_bytes[i]));
}

void metrics_write(const struct ingress *ingress, struct text *out)
{
    const struct ingress_shared *shared = ingress->shared;
    put_requests(out, shared);
    put_request_times(out, shared);
    put_stages(out, shared, ingress->ex);
    put_gateways(out, shared);
    put_connections(out, shared);
    put_limits(out, shared);
    put_ws(out, shared);
    put_cores(out, ingress->ex);
    put_lanes(out, ingress->ex);
    put_exchange(out, ingress);
    put_log(out);
    put_process(out, shared);
}
