/* bench_memory.c - bytes that a resting order takes, in all and by structure.
 *
 * Use:     bench_memory [--orders N] [--users N] [--json FILE]
 * Method:  limit orders of many users that do not cross go through the whole path inside the
 * process (inside.h: the server's own cores, shards and pools, journal on a disk that keeps
 * nothing). 10,000 of them warm up lanes and blocks; then resident memory (/proc/self/statm) before
 * and after --orders more. By structure: the pages of each pool and index that are present
 * (mincore). What is left over is what the list does not name.
 * Indexes: double when a quarter full, and keep what they grew out of, so bytes an order go up and
 * down by half with the number of orders; the load that was met is printed.
 * Exit:    0; 1 when an order was refused, 2 for bad arguments. A missed goal fails nothing.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "actors/account_shard.h"
#include "actors/book/book.h"
#include "actors/ledger/ledger_impl.h"
#include "actors/market_shard.h"
#include "bench/inside.h"
#include "runtime/check.h"
#include "runtime/hash.h"

enum { WARM_UP = 10000, LEVELS = 5000, MID_TICKS = 1000000, GOAL_BYTES = 256 };

enum part {
    PART_NODES,
    PART_BOOK_INDEX,
    PART_LEVELS,
    PART_ORDERS,
    PART_BY_REF,
    PART_BY_CLIENT,
    PART_BY_ORDER_ID,
    PART_USERS,
    PART_OUTBOX,
    PART_VIEW,
    PARTS
};

static const char *const part_name[PARTS] = {
    [PART_NODES] = "book: order nodes",
    [PART_BOOK_INDEX] = "book: index by ref",
    [PART_LEVELS] = "book: levels and bitmaps",
    [PART_ORDERS] = "ledger: orders, hold and client order id in them",
    [PART_BY_REF] = "ledger: index by ref",
    [PART_BY_CLIENT] = "ledger: index by client order id",
    [PART_BY_ORDER_ID] = "ledger: index by order id",
    [PART_USERS] = "ledger: users, balances, positions, deposits",
    [PART_OUTBOX] = "links: outboxes",
    [PART_VIEW] = "view: levels",
};

struct usage {
    uint64_t resident, part[PARTS], orders,
        slots[2]; /* slots: of the book's and ledgers' indexes */
};

/* Bytes of whole pages that are present between `base` and `base + bytes`. */
static uint64_t present(const void *base, size_t bytes)
{
    enum { STRIDE = 1 << 16 };
    static unsigned char seen[STRIDE];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t at = (uintptr_t)base / page * page, end = (uintptr_t)base + bytes;
    uint64_t pages = 0;
    for (; at < end; at += STRIDE * page) {
        size_t span = end - at < STRIDE * page ? end - at : STRIDE * page;
        ASSERT(mincore((void *)at, span, seen) == 0);
        for (size_t i = 0; i < (span + page - 1) / page; i++)
            pages += seen[i] & 1;
    }
    return pages * page;
}

static uint64_t resident(void)
{
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ASSERT(file && fscanf(file, "%*s %" SCNu64, &pages) == 1);
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t index_present(const struct slot_index *index)
{
    size_t bytes = (size_t)index->region_slots * sizeof(uint64_t);
    return present(index->region[0], bytes) + present(index->region[1], bytes);
}

static uint64_t outbox_present(const struct shard *shard)
{
    return present(shard->entries, shard->entries_max * sizeof *shard->entries);
}

static void look_at_ledger(const struct ledger *ledger, struct usage *usage)
{
    const struct ledger_limits *limits = &ledger->limits;
    usage->part[PART_ORDERS] +=
        present(ledger->orders, ((size_t)ledger->order_pool.capacity + 1) * sizeof *ledger->orders);
    usage->part[PART_BY_REF] += index_present(&ledger->by_ref);
    usage->part[PART_BY_CLIENT] += index_present(&ledger->by_client);
    usage->part[PART_BY_ORDER_ID] += index_present(&ledger->by_order_id);
    usage->part[PART_USERS] +=
        present(ledger->balances, limits->balances * sizeof *ledger->balances) +
        present(ledger->positions, limits->user_symbols * sizeof *ledger->positions) +
        present(ledger->users, limits->users * sizeof *ledger->users) +
        present(ledger->deposits, limits->deposits * sizeof *ledger->deposits) +
        index_present(&ledger->by_balance) + index_present(&ledger->by_position) +
        index_present(&ledger->by_user) + index_present(&ledger->by_deposit);
    usage->orders += ledger->open;
    usage->slots[1] += ledger->by_ref.now.mask + 1u;
}

static void look_at_market(const struct exchange *ex, const struct market_shard *shard,
                           struct usage *usage)
{
    const struct order_pool *pool = shard->pool;
    if (shard->listed_count == 0)
        return;
    usage->part[PART_NODES] +=
        present(pool->nodes, ((size_t)pool->capacity + 1) * sizeof *pool->nodes);
    usage->part[PART_BOOK_INDEX] +=
        index_present(&pool->index) + index_present(&pool->waiting_index);
    for (uint16_t i = 0; i < shard->listed_count; i++)
        usage->part[PART_LEVELS] +=
            present(exchange_book_block(ex, shard->listed[i]), book_size(ex->config.window_ticks));
    usage->slots[0] += pool->index.now.mask + 1u;
}

static struct usage look(const struct inside *inside)
{
    const struct exchange *ex = &inside->ex;
    struct usage usage = {.resident = resident()};
    for (uint16_t i = 0; i < ex->config.account_shards; i++)
        look_at_ledger(ex->account[i]->ledger, &usage);
    for (uint16_t i = 0; i < ex->config.market_shards; i++)
        look_at_market(ex, ex->market[i], &usage);
    for (uint16_t id = 0; id < ex->shards; id++)
        usage.part[PART_OUTBOX] += outbox_present(exchange_shard(ex, id));
    for (uint32_t s = 0; s < inside->config.symbols; s++)
        for (uint32_t side = 0; side < 2; side++)
            usage.part[PART_VIEW] +=
                inside->client[0].view.symbols[s].side[side].room * sizeof(struct view_level);
    return usage;
}

/* Orders that rest: buys below the middle, sells above it. */
static struct inside_cmd *make_orders(uint64_t first, uint32_t count, uint32_t users)
{
    struct inside_cmd *cmds = malloc(count * sizeof *cmds);
    ASSERT(cmds != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = first + i, draw = hash_mix(id);
        int64_t away = 1 + (int64_t)(draw >> 32) % LEVELS;
        bool buy = draw & 1;
        cmds[i] = (struct inside_cmd){.id = id,
                                      .price_ticks = MID_TICKS + (buy ? -away : away),
                                      .qty_lots = 10,
                                      .user = (uint32_t)(id % users),
                                      .op = INSIDE_NEW,
                                      .side = buy ? SIDE_BUY : SIDE_SELL};
    }
    return cmds;
}

static bool place(struct inside *inside, uint64_t first, uint32_t count)
{
    struct inside_cmd *cmds = make_orders(first, count, inside->config.users);
    struct inside_result result = inside_run(inside, cmds, count);
    free(cmds);
    return result.refused == 0;
}

static void report(const struct usage *before, const struct usage *after, uint32_t orders)
{
    double all = (double)(after->resident - before->resident) / orders, named = 0;
    for (uint32_t i = 0; i < PARTS; i++) {
        double bytes = (double)(int64_t)(after->part[i] - before->part[i]) / orders;
        printf("  %7.1f  %s\n", bytes, part_name[i]);
        named += bytes;
    }
    printf("  %7.1f  not named\n", all - named);
    printf("  %7.1f  bytes a resting order (goal %d: %s); sizeof: node %zu, ledger order %zu; "
           "indexes full to 1/%.1f (book) and 1/%.1f (ledger)\n",
           all, GOAL_BYTES, all <= GOAL_BYTES ? "reached" : "missed", sizeof(struct order_node),
           sizeof(struct ledger_order), (double)after->slots[0] / (double)after->orders,
           (double)after->slots[1] / (double)after->orders);
}

static bool write_json(const char *path, const struct usage *before, const struct usage *after,
                       uint32_t orders, uint32_t users)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return false;
    fprintf(file,
            "{\"bench\": \"memory\", \"orders\": %u, \"users\": %u, \"goal_bytes\": %d,\n"
            " \"bytes_per_order\": %.1f, \"node_bytes\": %zu, \"ledger_order_bytes\": %zu,\n"
            " \"resident_before\": %" PRIu64 ", \"resident_after\": %" PRIu64 ", \"parts\": {",
            orders, users, GOAL_BYTES, (double)(after->resident - before->resident) / orders,
            sizeof(struct order_node), sizeof(struct ledger_order), before->resident,
            after->resident);
    for (uint32_t i = 0; i < PARTS; i++)
        fprintf(file, "%s\n  \"%s\": %.1f", i ? "," : "", part_name[i],
                (double)(int64_t)(after->part[i] - before->part[i]) / orders);
    fprintf(file, "}}\n");
    return fclose(file) == 0;
}

int main(int argc, char **argv)
{
    static struct inside inside;
    uint32_t orders = 1000000, users = 10000;
    const char *json = NULL;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--orders") == 0)
            orders = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--users") == 0)
            users = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--json") == 0)
            json = argv[i + 1];
        else
            users = 0;
    }
    if (orders == 0 || users == 0 || orders > 3900000 || users > 90000) {
        fprintf(stderr, "usage: bench_memory [--orders 1..3900000] [--users 1..90000] "
                        "[--json FILE]\n");
        return 2;
    }
    struct inside_config config = {.cores = 1, .symbols = 1, .users = users, .window = 512};
    printf("bench_memory: %u resting orders of %u users\n", orders, users);
    if (!inside_open(&inside, &config))
        return 1;
    inside_start(&inside);
    bool ok = place(&inside, 1, WARM_UP);
    struct usage before = look(&inside);
    ok &= place(&inside, 1 + WARM_UP, orders);
    struct usage after = look(&inside);
    inside_stop(&inside);
    inside_close(&inside);
    report(&before, &after, orders);
    if (!ok)
        printf("  WRONG: orders were refused\n");
    if (json && !write_json(json, &before, &after, orders, users)) {
        perror(json);
        return 1;
    }
    return ok ? 0 : 1;
}
