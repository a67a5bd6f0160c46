#include "http/admin_look.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actors/control_shard.h"
#include "actors/shard.h"
#include "http/address.h"
#include "http/admin.h"
#include "http/metrics.h"
#include "http/ws/hub.h"
#include "runtime/check.h"

void (*admin_at_standstill)(void (*act)(void *arg), void *arg);
uint64_t (*admin_published_lsn)(void);

/* ---- the audit ---- */

struct audit_call {
    struct ingress *ingress;
    struct exchange_audit audit;
    const char *wrong;
    void *memory;
    uint64_t lsn;
};

static void run_audit(void *arg)
{
    struct audit_call *run = arg;
    struct exchange *ex = run->ingress->ex;
    run->wrong = exchange_audit(ex, &run->audit, run->memory);
    run->lsn = admin_published_lsn();
}

static void audit_answer(struct call *call, const struct audit_call *run)
{
    struct text *out = &call->out;
    text_format(out, "{\"ok\":%s,\"lsn\":%lu,\"stateHash\":\"%016lx\",\"assets\":[",
                run->wrong ? "false" : "true", (unsigned long)run->lsn,
                (unsigned long)run->audit.state_hash);
    for (uint32_t a = 0; a < run->audit.assets; a++) {
        const struct ledger_totals *totals = &run->audit.totals[a];
        const char *name = call->ingress->ex->control->assets[a];
        const struct {
            const char *name;
            __int128 value;
        } sums[] = {{"deposits", totals->deposits}, {"withdrawals", totals->withdrawals},
                    {"free", totals->free},         {"locked", totals->locked},
                    {"fees", totals->fees},         {"inFlight", run->audit.in_flight[a]}};
        text_str(out, a ? ",{\"asset\":" : "{\"asset\":");
        text_quoted(out, name, strnlen(name, SYMBOL_NAME_MAX));
        for (uint32_t i = 0; i < sizeof sums / sizeof *sums; i++) {
            text_format(out, ",\"%s\":", sums[i].name);
            text_sum(out, sums[i].value);
        }
        text_str(out, "}");
    }
    text_format(out, "],\"openOrders\":%u", run->audit.open_orders);
    if (run->wrong) {
        text_str(out, ",\"wrong\":");
        text_quoted(out, run->wrong, strlen(run->wrong));
    }
    text_str(out, "}");
}

void admin_audit(struct call *call)
{
    struct audit_call run = {.ingress = call->ingress};
    if (!call_deadline(call))
        return;
    run.memory = malloc(exchange_audit_bytes(call->ingress->ex));
    ASSERT(run.memory != NULL);
    admin_at_standstill(run_audit, &run);
    audit_answer(call, &run);
    free(run.memory);
    call_wait(call, 200, 0, run.lsn); /* told when the cut is durable */
}

/* ---- shards and cores ---- */

static const char *kind_of(const struct exchange *ex, uint16_t shard)
{
    return shard == CONTROL_SHARD               ? "control"
           : shard <= ex->config.account_shards ? "account"
                                                : "market";
}

/* The names of each shard's symbols: one pass over the symbols, not one for each shard. */
static void put_shards(struct call *call)
{
    struct exchange *ex = call->ingress->ex;
    const struct directory *directory = &call->ingress->directory;
    struct text *out = &call->out;
    enum { NONE = UINT16_MAX };
    uint16_t *first = malloc(ex->shards * sizeof *first);
    uint16_t *next = malloc((directory->symbols_count + 1u) * sizeof *next);
    ASSERT(first != NULL && next != NULL);
    memset(first, 0xFF, ex->shards * sizeof *first);
    for (uint16_t s = directory->symbols_count; s-- > 0;) {
        uint16_t shard = exchange_symbol_shard(ex, directory->symbols[s].name);
        next[s] = first[shard];
        first[shard] = s;
    }
    for (uint16_t id = 0; id < ex->shards; id++) {
        text_format(out,
                    "%s{\"shard\":%u,\"kind\":\"%s\",\"owner\":\"local\",\"core\":%u,"
                    "\"inputs\":%" PRIu64 ",\"symbols\":[",
                    id ? "," : "", id, kind_of(ex, id), exchange_core_of(ex, id),
                    exchange_shard_seq(ex, id));
        for (uint16_t s = first[id]; s != NONE; s = next[s])
            text_format(out, "%s\"%.20s\"", s == first[id] ? "" : ",", directory->symbols[s].name);
        text_str(out, "]}");
    }
    free(first);
    free(next);
}

static void put_core(struct text *out, const struct exchange *ex, uint16_t id)
{
    const struct core *core = ex->rt.core[id];
    text_format(out,
                "{\"core\":%u,\"turns\":%" PRIu64 ",\"inputs\":%" PRIu64 ",\"noRoom\":%" PRIu64
                ",\"records\":%" PRIu64 ",\"turnMicros\":{\"p50\":%" PRIu64 ",\"p99\":%" PRIu64
                ",\"max\":%" PRIu64 "},\"lanes\":[",
                id, counter_get(&core->turns), counter_get(&core->inputs),
                counter_get(&core->no_room), counter_get(&core->records),
                hist_quantile(&core->turn_ns, 0.5) / 1000,
                hist_quantile(&core->turn_ns, 0.99) / 1000, counter_get(&core->turn_ns.max) / 1000);
    bool first = true;
    for (uint32_t k = 0; k < CLASS_COUNT; k++)
        for (uint16_t from = 0; from < ex->config.cores; from++) {
            const struct lane *lane = core->in[k][from];
            if (counter_get(&lane->sent) == 0) /* most of many cores' are never used */
                continue;
            text_format(out,
                        "%s{\"class\":\"%s\",\"from\":%u,\"depth\":%u,\"capacity\":%u,"
                        "\"sent\":%" PRIu64 ",\"full\":%" PRIu64 "}",
                        first ? "" : ",", lane_class_names[k], from, lane_depth(lane),
                        ex->config.limits.lane[k], counter_get(&lane->sent),
                        counter_get(&lane->full));
            first = false;
        }
    uint64_t published = atomic_load(&core->published), durable = atomic_load(&ex->rt.durable[id]);
    text_format(out, "],\"journalLagChunks\":%" PRIu64 "}",
                published > durable ? published - durable : 0);
}

void admin_shards(struct call *call)
{
    const struct exchange *ex = call->ingress->ex;
    text_format(&call->out, "{\"journalLsn\":%" PRIu64 ",\"shards\":[",
                call->ingress->shared->journal_lsn());
    put_shards(call);
    text_str(&call->out, "],\"cores\":[");
    for (uint16_t c = 0; c < ex->config.cores; c++) {
        if (c)
            text_str(&call->out, ",");
        put_core(&call->out, ex, c);
    }
    text_str(&call->out, "]}");
    call_respond(call, 200, call->out.data, call->out.length);
}

/* ---- connections ---- */

enum { SLOWEST = 50 };

struct connections_look {
    const struct ingress_shared *shared;
    struct ws_row rows[SLOWEST];
    uint32_t count;
};

/* At a standstill: the connections are their cores'. */
static void copy_slowest(void *arg)
{
    struct connections_look *look = arg;
    for (uint16_t i = 0; i < look->shared->count; i++)
        if (look->shared->ingress[i]->ws)
            look->count =
                ws_hub_slowest(look->shared->ingress[i]->ws, look->rows, look->count, SLOWEST);
}

void admin_connections(struct call *call)
{
    struct connections_look look = {.shared = call->ingress->shared};
    struct text *out = &call->out;
    bool any = false;
    for (uint16_t i = 0; i < look.shared->count; i++)
        any |= counter_get(&look.shared->ingress[i]->counts.ws.open) > 0;
    if (any)
        admin_at_standstill(copy_slowest, &look);
    text_str(out, "{\"webSockets\":[");
    for (uint32_t i = 0; i < look.count; i++) {
        const struct ws_row *row = &look.rows[i];
        char address[ADDRESS_TEXT_BYTES];
        address_text(&row->client, address);
        text_format(out,
                    "%s{\"address\":\"%s\",\"kind\":\"%s\",\"core\":%u,\"openedAt\":%" PRId64
                    ",\"subscriptions\":%u,\"waitingBytes\":%zu,\"behind\":%s,"
                    "\"budgetBytes\":%zu}",
                    i ? "," : "", address, row->kind, row->core, row->opened_us / 1000,
                    row->subscriptions, row->waiting, row->behind ? "true" : "false", row->budget);
    }
    text_str(out, "]}");
    call_respond(call, 200, out->data, out->length);
}

/* ---- health and metrics ---- */

void admin_metrics(struct call *call)
{
    struct text *text = &call->ingress->text; /* its room stays one core's, not each call's */
    text->length = 0;
    metrics_write(call->ingress, text);
    call->content_type = "text/plain; version=0.0.4; charset=utf-8";
    call_respond(call, 200, text->data, text->length);
}

void admin_health(struct call *call)
{
    call_respond(call, 200, "{\"ok\":true}", 11);
}

void admin_ready(struct call *call)
{
    if (atomic_load(&call->ingress->shared->draining))
        call_error(call, 503, -1008, "The server is draining.");
    else
        admin_health(call);
}
