#include "bench/inside.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "bench/measure.h"
#include "runtime/check.h"

enum { SEGMENT_BYTES = 64 << 20, CLIENT_ID_LENGTH = 22, SETUP_BATCH = 64 };

/* ---- a disk that takes everything and keeps nothing ---- */

static int null_open(void *self, const char *name, bool create)
{
    (void)self, (void)name, (void)create;
    return 0;
}

static void null_close(void *self, int file)
{
    (void)self, (void)file;
}

static int null_write(void *self, int file, const void *data, size_t bytes, uint64_t offset)
{
    (void)self, (void)file, (void)data, (void)bytes, (void)offset;
    return 0;
}

static int null_sync(void *self, int file)
{
    (void)self, (void)file;
    return 0;
}

static int null_sync_dir(void *self)
{
    (void)self;
    return 0;
}

static int null_rename(void *self, const char *from, const char *to)
{
    (void)self, (void)from, (void)to;
    return 0;
}

static int null_remove(void *self, const char *name)
{
    (void)self, (void)name;
    return 0;
}

static const struct disk_ops null_ops = {.open = null_open,
                                         .close = null_close,
                                         .write = null_write,
                                         .sync = null_sync,
                                         .sync_dir = null_sync_dir,
                                         .rename = null_rename,
                                         .remove = null_remove};

/* ---- the client of a core ---- */

static void on_market(void *self, const struct msg *msg)
{
    struct inside_client *client = self;
    if (msg->type != MSG_CONFIG)
        market_view_fold(&client->view, msg);
}

static void on_reply(void *self, void *context, const struct msg *msg)
{
    struct inside_client *client = self;
    const struct inside_cmd *cmd = context;
    ASSERT(msg->flags & MSG_LAST);
    client->in_flight--;
    client->result.answered++;
    if (msg->reply.reject == REJECT_NONE)
        return;
    if (cmd && cmd->op == INSIDE_CANCEL && msg->reply.reject == REJECT_UNKNOWN_ORDER)
        client->result.unknown++;
    else
        client->result.refused++;
}

/* As long as those that castle makes. */
static void client_id(uint64_t id, char out[CLIENT_ID_BYTES])
{
    memset(out, '0', CLIENT_ID_LENGTH);
    for (uint32_t at = CLIENT_ID_LENGTH; id; id >>= 4)
        out[--at] = "0123456789abcdef"[id & 15];
    out[0] = 'c';
}

static void fill(struct request *request, const struct inside_cmd *cmd)
{
    request->user = cmd->user + 1;
    request->symbol = cmd->symbol;
    if (cmd->op == INSIDE_CANCEL) {
        request->type = REQUEST_CANCEL;
        request->find.client_length = CLIENT_ID_LENGTH;
        client_id(cmd->id, request->find.client_id);
        return;
    }
    request->type = REQUEST_NEW;
    request->order.side = cmd->side;
    request->order.type = TYPE_LIMIT;
    request->order.tif = cmd->ioc ? TIF_IOC : TIF_GTC;
    request->order.resp = RESPONSE_FULL;
    request->order.price = cmd->price_ticks * INSIDE_TICK_ATOMS;
    request->order.qty = cmd->qty_lots * INSIDE_LOT_ATOMS;
    request->order.client_length = CLIENT_ID_LENGTH;
    client_id(cmd->id, request->order.client_id);
}

static bool mine(const struct inside_client *client, const struct inside_cmd *cmd)
{
    return cmd->user % client->inside->ex.ingress_count == client->index;
}

/* Sends what the window and the lanes take. */
static uint32_t feed(struct inside_client *client)
{
    uint32_t sent = 0, window = client->inside->config.window;
    while (client->at < client->end && client->in_flight < window) {
        const struct inside_cmd *cmd = client->at;
        if (mine(client, cmd)) {
            struct request *request = gateway_request(&client->gateway);
            if (!request)
                break;
            fill(request, cmd);
            if (gateway_send(&client->gateway, request, (void *)cmd, NULL) != GATEWAY_SENT)
                break; /* the lane is 3/4 full: the same one again, later */
            client->in_flight++;
            sent++;
        }
        client->at++;
    }
    return sent;
}

static uint32_t client_work(void *self)
{
    struct inside_client *client = self;
    const struct gateway_sink sink = {.self = client, .market = on_market, .reply = on_reply};
    uint64_t go = atomic_load_explicit(&client->go, memory_order_acquire);
    if (client->run != go) {
        client->run = go;
        client->at = client->cmds;
        client->end = client->cmds + client->count;
        client->result = (struct inside_result){0};
    }
    uint32_t done = gateway_poll(&client->gateway, &sink);
    done += feed(client);
    if (client->at == client->end && client->in_flight == 0 &&
        atomic_load_explicit(&client->gone, memory_order_relaxed) != go) {
        client->ended_ns = measure_now_ns();
        atomic_store_explicit(&client->gone, go, memory_order_release);
    }
    return done;
}

static bool client_pending(void *self)
{
    const struct inside_client *client = self;
    return gateway_has_output(&client->gateway) ||
           atomic_load_explicit(&client->go, memory_order_acquire) != client->run;
}

/* ---- setting up: one thread plays all parts ---- */

static void inline_round(struct inside *inside)
{
    const struct exchange *ex = &inside->ex;
    for (uint16_t c = 0; c < ex->config.cores; c++)
        core_turn(ex->rt.core[c]);
    journal_collect(&inside->journal);
    ASSERT(journal_sync(&inside->journal) == 0);
    for (uint16_t i = 0; i < ex->ingress_count; i++)
        client_work(&inside->client[i]);
}

static bool at_rest(struct inside *inside)
{
    struct exchange *ex = &inside->ex;
    for (uint16_t i = 0; i < ex->ingress_count; i++)
        if (inside->client[i].gateway.busy || gateway_has_output(&inside->client[i].gateway))
            return false;
    for (uint16_t c = 0; c < ex->config.cores; c++)
        if (!runtime_durable(&ex->rt, c, atomic_load(&ex->rt.core[c]->published)))
            return false;
    return exchange_quiet(ex);
}

static void come_to_rest(struct inside *inside)
{
    do
        inline_round(inside);
    while (!at_rest(inside));
    ASSERT(inside->client[0].result.refused == 0);
}

/* An operator's request, through the first core. */
static struct request *ask(struct inside *inside, enum request_type type)
{
    struct request *request = gateway_request(&inside->client[0].gateway);
    ASSERT(request != NULL);
    request->type = (uint8_t)type;
    return request;
}

static void send(struct inside *inside, struct request *request)
{
    ASSERT(gateway_send(&inside->client[0].gateway, request, NULL, NULL) == GATEWAY_SENT);
    inside->client[0].in_flight++;
}

/* A name whose market shard is on the wanted core: where an operator would put it. */
static void name_symbol(const struct inside *inside, uint16_t symbol, char name[SYMBOL_NAME_MAX])
{
    uint16_t core = symbol % inside->ex.config.cores;
    for (uint32_t n = 0;; n++) {
        memset(name, 0, SYMBOL_NAME_MAX);
        snprintf(name, SYMBOL_NAME_MAX, "S%uN%u", symbol, n);
        if (exchange_core_of(&inside->ex, exchange_symbol_shard(&inside->ex, name)) == core)
            return;
    }
}

static void make_symbols(struct inside *inside)
{
    for (uint16_t i = 0; i < inside->config.symbols; i++) {
        struct request *request = ask(inside, REQUEST_SYMBOL_ADD);
        request->symbol_add = (struct symbol_config){.maker_ppm = 1000,
                                                     .taker_ppm = 1000,
                                                     .default_stp = STP_NONE,
                                                     .tick_atoms = INSIDE_TICK_ATOMS,
                                                     .tick_shown = INSIDE_TICK_ATOMS,
                                                     .step_atoms = INSIDE_LOT_ATOMS,
                                                     .step_shown = INSIDE_LOT_ATOMS,
                                                     .min_price = INSIDE_TICK_ATOMS,
                                                     .max_price = 1000000 * MONEY_ATOMS_PER_UNIT,
                                                     .min_qty = INSIDE_LOT_ATOMS,
                                                     .max_qty = 9000 * MONEY_ATOMS_PER_UNIT,
                                                     .min_notional = 10000};
        name_symbol(inside, i, request->symbol_add.name);
        strcpy(request->symbol_add.base_name, "BASE");
        strcpy(request->symbol_add.quote_name, "QUOTE");
        send(inside, request);
        come_to_rest(inside);
    }
}

static void make_users(struct inside *inside)
{
    for (uint32_t i = 0; i < inside->config.users; i++) {
        struct request *request = ask(inside, REQUEST_USER_ADD);
        request->user_add.length =
            (uint8_t)snprintf(request->user_add.name, NAME_MAX_BYTES, "user%u", i);
        send(inside, request);
        if ((i + 1) % SETUP_BATCH == 0)
            come_to_rest(inside);
    }
    come_to_rest(inside);
}

/* What there is of an asset fits int64 atoms: a ninth of that, shared out. */
static void give_money(struct inside *inside)
{
    for (uint32_t i = 0; i < 2 * inside->config.users; i++) {
        struct request *request = ask(inside, REQUEST_DEPOSIT);
        request->user = i / 2 + 1;
        request->deposit.asset = (uint16_t)(i % 2);
        request->deposit.amount = INT64_MAX / 9 / inside->config.users;
        memcpy(request->deposit.request_id, &i, sizeof i);
        send(inside, request);
        if ((i + 1) % SETUP_BATCH == 0)
            come_to_rest(inside);
    }
    come_to_rest(inside);
}

static bool open_journal(struct inside *inside)
{
    const struct inside_config *config = &inside->config;
    const struct exchange_config *exchange = &inside->ex.config;
    const uint32_t limits[3] = {exchange->users_max, exchange->symbols_max, exchange->orders_max};
    static const uint8_t id[SEGMENT_ID_BYTES] = "bench";
    struct recovery found;
    inside->disk = (struct disk){.ops = &null_ops};
    if (config->dir) {
        if (disk_posix_open(&inside->posix, config->dir, true, true, config->durable) !=
            DISK_OPEN_OK) {
            fprintf(stderr, "bench: cannot use the directory %s\n", config->dir);
            return false;
        }
        inside->disk = disk_posix(&inside->posix);
    }
    int result = journal_create(&inside->disk, SEGMENT_BYTES, exchange->account_shards,
                                exchange->market_shards, limits, id, &found);
    if (result == 0)
        result =
            journal_init(&inside->journal, &inside->ex.rt, inside->disk, SEGMENT_BYTES, &found);
    if (result)
        fprintf(stderr, "bench: cannot create the journal: %s\n", strerror(-result));
    return result == 0;
}

bool inside_open(struct inside *inside, const struct inside_config *config)
{
    struct exchange_config exchange;
    memset(inside, 0, sizeof *inside);
    inside->config = *config;
    exchange_config_default(&exchange, config->cores);
    if (config->orders_max)
        exchange.orders_max = config->orders_max;
    exchange_init(&inside->ex, env_real(), &exchange);
    if (!open_journal(inside))
        return false;
    exchange_recovered(&inside->ex, 1);
    arena_init(&inside->arena, inside->ex.ingress_count * gateway_bytes(&exchange));
    for (uint16_t i = 0; i < inside->ex.ingress_count; i++) {
        struct inside_client *client = &inside->client[i];
        client->inside = inside;
        client->index = i;
        gateway_init(&client->gateway, &inside->ex, &inside->arena, inside->ex.ingress[i]);
        market_view_init(&client->view, exchange.symbols_max);
    }
    make_symbols(inside);
    make_users(inside);
    give_money(inside);
    return true;
}

void inside_close(struct inside *inside)
{
    for (uint16_t i = 0; i < inside->ex.ingress_count; i++)
        market_view_fini(&inside->client[i].view);
    journal_fini(&inside->journal);
    arena_fini(&inside->arena);
    exchange_fini(&inside->ex);
    if (inside->config.dir)
        disk_posix_close(&inside->posix);
}

/* ---- running ---- */

static bool anything_published(const struct inside *inside)
{
    const struct runtime *rt = &inside->ex.rt;
    for (uint16_t c = 0; c < rt->cores; c++)
        if (atomic_load_explicit(&rt->core[c]->published, memory_order_acquire) !=
            inside->journal.taken[c])
            return true;
    return false;
}

static void *journal_main(void *arg)
{
    struct inside *inside = arg;
    struct waker *waker = &inside->ex.rt.journal;
    thread_short_slice();
    for (;;) {
        bool stop = atomic_load_explicit(&inside->stop_journal, memory_order_acquire);
        if (journal_collect(&inside->journal)) {
            ASSERT(journal_sync(&inside->journal) == 0);
            continue;
        }
        if (stop)
            return NULL;
        atomic_store_explicit(&waker->sleeping, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst); /* pairs with waker_wake() */
        struct pollfd wake = {.fd = waker->fd, .events = POLLIN};
        uint64_t count;
        if (!anything_published(inside) && poll(&wake, 1, 100) > 0 &&
            read(waker->fd, &count, sizeof count) < 0)
            continue;
        atomic_store_explicit(&waker->sleeping, 0, memory_order_relaxed);
    }
}

static void *helper_main(void *arg)
{
    struct inside *inside = arg;
    while (!atomic_load(&inside->stop_helper)) {
        ASSERT(journal_spare(&inside->journal) == 0);
        env_clock_slew();
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return NULL;
}

void inside_start(struct inside *inside)
{
    struct core_hooks hooks[CORES_MAX] = {0};
    inside->ex.rt.journal.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT(inside->ex.rt.journal.fd >= 0);
    for (uint16_t i = 0; i < inside->ex.ingress_count; i++)
        hooks[inside->ex.ingress[i]] = (struct core_hooks){
            .self = &inside->client[i], .work = client_work, .pending = client_pending};
    ASSERT(pthread_create(&inside->journal_thread, NULL, journal_main, inside) == 0);
    ASSERT(pthread_create(&inside->helper_thread, NULL, helper_main, inside) == 0);
    threads_start(&inside->threads, &inside->ex.rt, hooks, true);
}

void inside_stop(struct inside *inside)
{
    threads_stop(&inside->threads);
    atomic_store(&inside->stop_journal, true);
    waker_wake(&inside->ex.rt.journal);
    pthread_join(inside->journal_thread, NULL);
    atomic_store(&inside->stop_helper, true);
    pthread_join(inside->helper_thread, NULL);
    close(inside->ex.rt.journal.fd);
}

static uint64_t records_of(const struct inside *inside)
{
    uint64_t records = 0;
    for (uint16_t c = 0; c < inside->ex.config.cores; c++)
        records += inside->ex.rt.core[c]->records;
    return records;
}

struct inside_result inside_run(struct inside *inside, const struct inside_cmd *cmds, size_t count)
{
    struct inside_result all = {0};
    uint64_t records = records_of(inside), bytes = inside->journal.bytes;
    uint64_t batches = inside->journal.batches, ended_ns = 0;
    uint64_t began_ns = measure_now_ns();
    for (uint16_t i = 0; i < inside->ex.ingress_count; i++) {
        struct inside_client *client = &inside->client[i];
        client->cmds = cmds;
        client->count = count;
        atomic_fetch_add_explicit(&client->go, 1, memory_order_release);
        waker_wake(&client->gateway.core->waker);
    }
    for (uint16_t i = 0; i < inside->ex.ingress_count; i++) {
        struct inside_client *client = &inside->client[i];
        while (atomic_load_explicit(&client->gone, memory_order_acquire) !=
               atomic_load_explicit(&client->go, memory_order_relaxed))
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        ended_ns = client->ended_ns > ended_ns ? client->ended_ns : ended_ns;
        all.answered += client->result.answered;
        all.unknown += client->result.unknown;
        all.refused += client->result.refused;
    }
    all.seconds = (double)(ended_ns - began_ns) / 1e9;
    all.records = records_of(inside) - records;
    all.bytes = inside->journal.bytes - bytes;
    all.batches = inside->journal.batches - batches;
    return all;
}
