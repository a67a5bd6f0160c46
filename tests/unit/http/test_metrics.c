/* Goal: what GET /metrics says is what was counted, in Prometheus' text format. Method: an exchange
 * of two cores that nobody runs; its counters are set by hand or by calls, and the text is read
 * line by line. (`promtool check metrics` reads a live server's in tests/e2e/test_observe.py.)
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/account_shard.h"
#include "http/admin.h"
#include "http/ingress.h"
#include "http/operation.h"
#include "runtime/log.h"

enum { CORES = 2, LINES_MAX = 4000 };

static struct exchange ex;
static struct arena arena;
static struct ingress_shared shared;
static struct ingress ingress[CORES];
static counter extra_count;
static struct hist extra_sizes, chunks_us;
static int64_t clock_us;
static struct text text;
static char *line[LINES_MAX];
static uint32_t lines;
static int last_status;

static int64_t test_now_us(void *self)
{
    (void)self;
    return clock_us;
}

static void test_random(void *self, void *out, size_t bytes)
{
    (void)self;
    memset(out, 7, bytes);
}

static uint64_t durable_lsn(void)
{
    return 90;
}

static uint64_t published_lsn(void)
{
    return 100;
}

static void setup(void)
{
    static const struct env_ops env = {.now_us = test_now_us, .random = test_random};
    static const struct metric extra[] = {
        {"castle_extra_seconds", "A gauge in ms.", METRIC_GAUGE, 3, &extra_count, NULL},
        {"castle_extra_bytes", "Sizes.", METRIC_HISTOGRAM, 0, NULL, &extra_sizes},
    };
    struct exchange_config config;
    clock_us = 1700000000000000;
    exchange_config_default(&config, CORES);
    config.account_shards = config.market_shards = 2;
    config.users_max = 16;
    config.symbols_max = 4;
    config.orders_max = 64;
    config.done_orders = 8;
    config.window_ticks = 64;
    config.request_blocks = config.reply_blocks = 16;
    exchange_init(&ex, (struct env){.ops = &env}, &config);
    arena_init(&arena, CORES * ingress_bytes(&config));
    shared = (struct ingress_shared){.journal_lsn = durable_lsn,
                                     .version = "1.2.3",
                                     .commit = "abc",
                                     .started_us = clock_us,
                                     .journal_us = &chunks_us,
                                     .metrics = extra,
                                     .metrics_count = 2};
    admin_published_lsn = published_lsn;
    for (uint16_t i = 0; i < CORES; i++)
        ingress_init(&ingress[i], &shared, &ex, &arena, i);
}

TestSuite(metrics_format, .init = setup);
TestSuite(metrics_count, .init = setup);

/* Writes the metrics and splits them into lines. */
static void scrape(void)
{
    text.length = lines = 0;
    metrics_write(&ingress[0], &text);
    text_add(&text, "", 1);
    for (char *at = strtok(text.data, "\n"); at; at = strtok(NULL, "\n")) {
        cr_assert_lt(lines, LINES_MAX);
        line[lines++] = at;
    }
}

/* The value text of a series, NULL when it is not there. */
static const char *value(const char *series)
{
    size_t length = strlen(series);
    for (uint32_t i = 0; i < lines; i++)
        if (strncmp(line[i], series, length) == 0 && line[i][length] == ' ')
            return line[i] + length + 1;
    return NULL;
}

#define IS(series, expect)                                                                         \
    cr_assert(value(series) && strcmp(value(series), expect) == 0, "%s is %s, not %s", series,     \
              value(series), expect)

/* ---- the format ---- */

/* Goal: HELP, TYPE, then samples of that family alone; no series twice; names as Prometheus wants
 * them: counters end in _total, and nothing else does. */
Test(metrics_format, families_have_help_and_type_and_each_series_once)
{
    char name[128] = "", type[16] = "";
    metrics_count(&ingress[0].counts, 1, METHOD_POST, 200);
    metrics_sample();
    scrape();
    cr_assert_gt(lines, 300);
    for (uint32_t i = 0; i < lines; i++) {
        if (strncmp(line[i], "# HELP ", 7) == 0) {
            cr_assert_eq(sscanf(line[i], "# HELP %127s", name), 1);
            cr_assert_gt(strlen(line[i]), 7 + strlen(name) + 5, "%s says nothing", name);
            char again[128];
            cr_assert_eq(sscanf(line[++i], "# TYPE %127s %15s", again, type), 2, "%s", line[i]);
            cr_assert_str_eq(again, name);
            bool total = strcmp(name + strlen(name) - 6, "_total") == 0;
            cr_assert_eq(total, strcmp(type, "counter") == 0, "%s is a %s", name, type);
            for (uint32_t j = 0; j < i - 1; j++)
                cr_assert_neq(strncmp(line[j], line[i - 1], 7 + strlen(name) + 1), 0,
                              "%s comes twice", name);
            continue;
        }
        size_t length = strlen(name);
        cr_assert_eq(strncmp(line[i], name, length), 0, "%s below %s", line[i], name);
        if (strcmp(type, "histogram") == 0)
            cr_assert(strncmp(line[i] + length, "_bucket{", 8) == 0 ||
                          strncmp(line[i] + length, "_sum", 4) == 0 ||
                          strncmp(line[i] + length, "_count", 6) == 0,
                      "%s", line[i]);
        else
            cr_assert(line[i][length] == ' ' || line[i][length] == '{', "%s", line[i]);
        const char *number = strrchr(line[i], ' ');
        char *end;
        cr_assert(number && strtod(number, &end) >= 0 && *end == '\0', "%s", line[i]);
        for (uint32_t j = 0; j < i; j++)
            cr_assert(strncmp(line[j], line[i], (size_t)(number + 1 - line[i])) != 0,
                      "%s comes twice", line[i]);
    }
}

/* Goal: buckets add up, end at _count, and times are told in seconds. Method: known microseconds in
 * both cores' histograms, at, below and above bounds. */
Test(metrics_format, histograms_are_cumulative_and_merge_cores)
{
    static const uint64_t us[] = {1, 2, 3, 10, 15, 1000, 400000, 9000000, 20000000};
    uint64_t sum = 0, before = 0, buckets = 0;
    for (uint32_t i = 0; i < sizeof us / sizeof *us; i++) {
        hist_add(&ingress[i % CORES].counts.parse_us, us[i]);
        sum += us[i];
    }
    scrape();
    IS("castle_request_stage_seconds_bucket{stage=\"parse\",le=\"0.000001\"}", "1");
    IS("castle_request_stage_seconds_bucket{stage=\"parse\",le=\"0.000002\"}", "2");
    IS("castle_request_stage_seconds_bucket{stage=\"parse\",le=\"0.00001\"}", "4");
    IS("castle_request_stage_seconds_bucket{stage=\"parse\",le=\"0.00002\"}", "5");
    IS("castle_request_stage_seconds_bucket{stage=\"parse\",le=\"0.5\"}", "7");
    IS("castle_request_stage_seconds_bucket{stage=\"parse\",le=\"10\"}", "8");
    IS("castle_request_stage_seconds_bucket{stage=\"parse\",le=\"+Inf\"}", "9");
    IS("castle_request_stage_seconds_count{stage=\"parse\"}", "9");
    char expect[32];
    snprintf(expect, sizeof expect, "%" PRIu64 ".%06" PRIu64, sum / 1000000, sum % 1000000);
    IS("castle_request_stage_seconds_sum{stage=\"parse\"}", expect);
    for (uint32_t i = 0; i < lines; i++)
        if (strstr(line[i], "castle_request_stage_seconds_bucket{stage=\"parse\"")) {
            uint64_t now = strtoull(strrchr(line[i], ' '), NULL, 10);
            cr_assert_geq(now, before);
            before = now;
            buckets++;
        }
    cr_assert_eq(buckets, 23);
}

Test(metrics_format, a_line_of_the_programs_table_is_a_family)
{
    counter_set(&extra_count, 1500);
    hist_add(&extra_sizes, 4096);
    hist_add(&extra_sizes, 1 << 20);
    scrape();
    IS("castle_extra_seconds", "1.500");
    IS("castle_extra_bytes_bucket{le=\"4096\"}", "0"); /* inside a bucket: 3 % */
    IS("castle_extra_bytes_bucket{le=\"8192\"}", "1");
    IS("castle_extra_bytes_count", "2");
    IS("castle_extra_bytes_sum", "1052672");
}

/* ---- what is counted ---- */

static void respond(void *transport, int status, const char *body, size_t length)
{
    (void)transport;
    (void)body;
    (void)length;
    last_status = status;
}

static struct call *call_on(uint16_t core, uint16_t route, enum method method)
{
    struct call *call = call_new(&ingress[core]);
    call->respond = respond;
    call->transport = call;
    call->route = route;
    call->method = method;
    return call;
}

/* Goal: each answer is counted once, by route and status, over all cores. */
Test(metrics_count, an_answer_counts_once_by_route_method_and_status)
{
    char series[160];
    uint16_t audit = 0;
    for (uint16_t i = 1; i <= admin_routes(); i++)
        if (strcmp(admin_route_path(i), "/admin/v1/audit") == 0)
            audit = i;
    for (uint32_t i = 0; i < 3; i++)
        call_respond(call_on(i % CORES, 1, METHOD_POST), 200, "", 0);
    call_respond(call_on(0, 1, METHOD_POST), 400, "", 0);
    call_respond(call_on(0, 0, METHOD_OTHER), 405, "", 0);
    call_respond(call_on(0, 0, METHOD_GET), 404, "", 0);
    call_respond(call_on(0, (uint16_t)(operation_routes() + audit), METHOD_GET), 200, "", 0);
    call_respond(call_on(0, 2, METHOD_GET), 207, "", 0);
    scrape();
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    snprintf(series, sizeof series,
             "castle_http_requests_total{route=\"%s\",method=\"%s\",code=\"200\"}",
             operation_route_path(1), methods[operation_route_method(1)]);
    IS(series, "3");
    snprintf(series, sizeof series,
             "castle_http_requests_total{route=\"%s\",method=\"%s\",code=\"400\"}",
             operation_route_path(1), methods[operation_route_method(1)]);
    IS(series, "1");
    snprintf(series, sizeof series,
             "castle_http_requests_total{route=\"%s\",method=\"%s\",code=\"other\"}",
             operation_route_path(2), methods[operation_route_method(2)]);
    IS(series, "1");
    IS("castle_http_requests_total{route=\"none\",method=\"OTHER\",code=\"405\"}", "1");
    IS("castle_http_requests_total{route=\"none\",method=\"GET\",code=\"404\"}", "1");
    IS("castle_http_requests_total{route=\"/admin/v1/audit\",method=\"GET\",code=\"200\"}", "1");
    IS("castle_request_seconds_count{kind=\"edge\"}", "8");
}

/* Goal: who left is counted as 499, at once for all; an answer that comes after the deadline is not
 * a second one. Method: abandon a call; let another one be told and then be answered. */
Test(metrics_count, a_client_that_left_is_499_and_a_late_answer_is_none)
{
    struct call *left = call_on(0, 0, METHOD_GET), *late = call_on(0, 0, METHOD_GET);
    call_abandon(left);
    call_respond(left, 200, "", 0);
    late->tag = 1; /* the exchange still works on it */
    call_respond(late, 504, "", 0);
    cr_assert_eq(last_status, 504);
    late->tag = 0;
    call_respond(late, 0, NULL, 0);
    scrape();
    IS("castle_http_requests_total{route=\"none\",method=\"GET\",code=\"499\"}", "1");
    IS("castle_http_requests_total{route=\"none\",method=\"GET\",code=\"504\"}", "1");
    cr_assert_null(value("castle_http_requests_total{route=\"none\",method=\"GET\",code=\"200\"}"));
    IS("castle_request_seconds_count{kind=\"edge\"}", "2");
}

/* Goal: total and reply are the times they say. Method: move the clock between the steps. */
Test(metrics_count, a_timed_call_tells_how_long_it_took)
{
    struct call *call = call_on(0, 1, METHOD_POST);
    call->kind = CALL_ORDER;
    clock_us += 700;
    call->durable_us = clock_us;
    clock_us += 50;
    call_respond(call, 200, "", 0);
    scrape();
    IS("castle_request_seconds_sum{kind=\"order\"}", "0.000750");
    IS("castle_request_stage_seconds_sum{stage=\"reply\"}", "0.000050");
}

Test(metrics_count, gauges_say_what_the_exchange_has)
{
    struct message message = {0};
    counter_set(&ex.account[0]->open_orders, 3);
    counter_set(&ex.account[1]->open_orders, 4);
    atomic_store(&shared.low_space, true);
    cr_assert(lane_stage(ex.rt.core[1]->out[CLASS_ORDER][0], &message));
    lane_release(ex.rt.core[1]->out[CLASS_ORDER][0]);
    atomic_store(&ex.rt.core[1]->published, 5);
    atomic_store(&ex.rt.durable[1], 3);
    log_info("test", "Text.");
    metrics_sample();
    scrape();
    IS("castle_open_orders", "7");
    IS("castle_low_space", "1");
    IS("castle_draining", "0");
    IS("castle_lane_depth{class=\"order\",from=\"1\",to=\"0\"}", "1");
    IS("castle_lane_messages_total{class=\"order\",from=\"1\",to=\"0\"}", "1");
    cr_assert_null(value("castle_lane_depth{class=\"order\",from=\"0\",to=\"1\"}"), "never used");
    IS("castle_journal_lag_chunks{core=\"1\"}", "2");
    IS("castle_journal_lag_records", "10");
    IS("castle_journal_durable_lsn", "90");
    IS("castle_gateway_slots{core=\"0\"}", "16");
    IS("castle_build_info{version=\"1.2.3\",commit=\"abc\"}", "1");
    IS("process_start_time_seconds", "1700000000.000000");
    static const char *const positive[] = {"process_resident_memory_bytes",
                                           "process_virtual_memory_bytes", "process_open_fds",
                                           "process_max_fds", "process_cpu_seconds_total"};
    for (uint32_t i = 0; i < sizeof positive / sizeof *positive; i++)
        cr_assert(value(positive[i]) && strtod(value(positive[i]), NULL) > 0, "%s", positive[i]);
}
