#include "exchange_fold.h"

#include <stdio.h>

#include "http/serve.h"

static void walk(void *ex, struct wire *wire)
{
    exchange_wire(wire, ex);
}

static const char *record(void *ex, const struct record_head *head, const unsigned char *payload,
                          int64_t ts_us, uint64_t lsn)
{
    (void)lsn;
    return recover_text(exchange_replay(ex, head, payload, ts_us));
}

static void ahead(void *ex, const struct record_ahead *record, uint32_t count)
{
    exchange_replay_ahead(ex, record, count);
}

/* The shards of one core by one thread, as in life: they share the core's queues and pools. */
static uint16_t worker(void *self, uint16_t shard)
{
    const struct exchange *ex = self;
    return shard < ex->shards ? exchange_core_of(ex, shard) : 0;
}

static uint64_t hash(void *ex)
{
    return exchange_state_hash(ex);
}

static void reset(void *self)
{
    struct exchange *ex = self;
    struct exchange_config config = ex->config;
    struct env env = ex->rt.env;
    exchange_fini(ex);
    exchange_init(ex, env, &config);
}

struct fold exchange_fold(struct exchange *ex, void (*remark)(void *self, const char *text))
{
    return (struct fold){.self = ex,
                         .done_orders = ex->config.done_orders,
                         .reset = reset,
                         .wire = walk,
                         .record = record,
                         .ahead = ahead,
                         .workers = ex->config.cores,
                         .worker = worker,
                         .hash = hash,
                         .remark = remark};
}

void exchange_fold_limits(struct exchange_config *config, const struct segment_head *head)
{
    config->account_shards = head->account_shards;
    config->market_shards = head->market_shards;
    config->users_max = head->users_max;
    config->symbols_max = head->symbols_max;
    config->orders_max = head->orders_max;
}

void exchange_fold_config(struct exchange_config *config, const struct segment_head *head,
                          uint32_t done_orders)
{
    exchange_config_default(config, 1);
    exchange_fold_limits(config, head);
    config->done_orders = done_orders;
}

int exchange_fold_failed(enum recovery_status status, const char *text)
{
    fprintf(stderr, "castle: %s: %s\n",
            status == RECOVERY_IO ? "cannot read the journal" : "the journal is damaged", text);
    return status == RECOVERY_IO ? EXIT_IO : EXIT_DAMAGED;
}
