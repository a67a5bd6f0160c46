#include "bench/flow.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <openssl/evp.h>

#include "runtime/check.h"
#include "runtime/hash.h"
#include "runtime/mem.h"

enum { MID = FLOW_TICKS / 2 };

static const struct flow_spec specs[] = {
    {'A',
     "shallow",
     "04b553307b482c3be073d232814577a3bf013a70990fdff1891af387e00b0ba1",
     {593094, 18125308, 5001, 130771, 130772}},
    {'B',
     "deep",
     "98ffe11f8de2ecfa14ddade247acbf399e0b5da1f6e4df5d6de055ea63b8afbb",
     {593174, 18088934, 999996, 130769, 130770}},
    {'D',
     "moves",
     "d92e4162f61d0721707e2197d1cfe92d90ba02e3823bbbbd4bebfee5c1ee2da1",
     {159567, 4168204, 996, 130764, 130860}},
};

static void *pages_take(size_t bytes, bool huge)
{
    void *base = mem_reserve(bytes);
    if (huge)
        (void)madvise(base, bytes,
                      MADV_HUGEPAGE); /* a wish: where it is refused, pages are small */
    return memset(base, 0, bytes);    /* touched now, so that no page fault is timed */
}

/* ---- the generator's matcher ----
 * The names and the code are the original's, so that a speed measured here is the generator's.
 * `live`, the list that the generator draws its victims from, is kept while generating and left out
 * of a replay
 * (`listed` is a constant at every call): it is no part of matching. */

struct node {
    uint32_t prev, next, qty_lots, price_ticks, live_idx;
    uint8_t side;
};

static struct node *nodes;
static uint32_t *head[2], *tail[2], *live, live_count, live_max, best_bid, best_ask;
static uint64_t trades, volume_lots;

static void matcher_init(uint32_t ids, bool huge, bool listed)
{
    nodes = pages_take(ids * sizeof *nodes, huge);
    live = listed ? pages_take(ids * sizeof *live, huge) : NULL;
    for (int side = 0; side < 2; side++) {
        head[side] = pages_take(FLOW_TICKS * sizeof *head[side], huge);
        tail[side] = pages_take(FLOW_TICKS * sizeof *tail[side], huge);
    }
    live_count = live_max = best_bid = 0;
    best_ask = FLOW_TICKS - 1;
    trades = volume_lots = 0;
}

static void matcher_fini(uint32_t ids)
{
    mem_release(nodes, ids * sizeof *nodes);
    mem_release(live, ids * sizeof *live);
    for (int side = 0; side < 2; side++) {
        mem_release(head[side], FLOW_TICKS * sizeof *head[side]);
        mem_release(tail[side], FLOW_TICKS * sizeof *tail[side]);
    }
}

static inline void unlink_order(uint32_t id, bool listed)
{
    struct node *n = &nodes[id];
    *(n->prev ? &nodes[n->prev].next : &head[n->side][n->price_ticks]) = n->next;
    *(n->next ? &nodes[n->next].prev : &tail[n->side][n->price_ticks]) = n->prev;
    while (best_bid > 0 && !head[FLOW_BUY][best_bid])
        best_bid--;
    while (best_ask < FLOW_TICKS - 1 && !head[FLOW_SELL][best_ask])
        best_ask++;
    live_count--;
    if (listed) { /* swap with the last live id */
        uint32_t last = live[live_count];
        live[n->live_idx] = last;
        nodes[last].live_idx = n->live_idx;
    }
}

static inline void match(uint32_t id, int side, uint32_t price, uint32_t qty, int ioc, bool listed)
{
    while (qty) {
        uint32_t best = side == FLOW_BUY ? best_ask : best_bid;
        if (side == FLOW_BUY ? best > price || best == FLOW_TICKS - 1 : best < price || best == 0)
            break;
        uint32_t maker = head[!side][best];
        uint32_t fill = nodes[maker].qty_lots < qty ? nodes[maker].qty_lots : qty;
        qty -= fill;
        nodes[maker].qty_lots -= fill;
        trades++;
        volume_lots += fill;
        if (!nodes[maker].qty_lots)
            unlink_order(maker, listed);
    }
    if (!qty || ioc)
        return;
    nodes[id] = (struct node){.prev = tail[side][price],
                              .qty_lots = qty,
                              .price_ticks = price,
                              .live_idx = live_count,
                              .side = (uint8_t)side};
    *(tail[side][price] ? &nodes[tail[side][price]].next : &head[side][price]) = id;
    tail[side][price] = id;
    if (listed)
        live[live_count] = id;
    live_count++;
    if (listed && live_count > live_max)
        live_max = live_count;
    if (side == FLOW_BUY && price > best_bid)
        best_bid = price;
    if (side == FLOW_SELL && price < best_ask)
        best_ask = price;
}

static struct flow_totals matcher_totals(void)
{
    return (struct flow_totals){.trades = trades,
                                .volume_lots = volume_lots,
                                .live = live_count,
                                .best_bid = best_bid,
                                .best_ask = best_ask};
}

/* ---- the generator ---- */

static uint64_t rng_state;
static struct flow_record *out;
static uint32_t out_count;

static uint64_t rng(void)
{
    return hash_mix(rng_state += 0x9E3779B97F4A7C15ull); /* splitmix64 */
}

static void emit(enum flow_op op, uint32_t id, int side, uint32_t price, uint32_t qty, int ioc)
{
    out[out_count++] = (struct flow_record){.op = (uint8_t)op,
                                            .side = (uint8_t)side,
                                            .ioc = (uint8_t)ioc,
                                            .qty_lots = qty,
                                            .id = id,
                                            .price_ticks = price};
}

static void add(uint32_t id, int side, uint32_t price, uint32_t qty, int ioc)
{
    emit(FLOW_NEW, id, side, price, qty, ioc);
    match(id, side, price, qty, ioc, true);
}

static void cancel_random(void)
{
    uint32_t id = live[rng() % live_count];
    emit(FLOW_CANCEL, id, 0, 0, 0, 0);
    unlink_order(id, true);
}

static void move_random(uint64_t r)
{
    uint32_t id = live[rng() % live_count];
    uint32_t price = nodes[id].price_ticks + ((r >> 9 & 1) ? 1u : -1u), qty = nodes[id].qty_lots;
    int side = nodes[id].side;
    emit(FLOW_MOVE, id, side, price, qty, 0);
    unlink_order(id, true);
    match(id, side, price, qty, 0, true);
}

/* Distance from mid of a passive order: geometric near the top; in B half are uniform over 10,000.
 */
static uint32_t near_distance(uint64_t r_steps, uint64_t r_ticks)
{
    return 1 + 4 * (uint32_t)__builtin_ctzll((r_steps >> 8) | (1ull << 24)) +
           (uint32_t)(r_ticks & 3);
}

static uint32_t passive_distance(bool deep)
{
    if (deep && (rng() >> 60 & 1))
        return 1 + (uint32_t)((rng() >> 8) % 10000);
    uint64_t r_steps = rng();
    return near_distance(r_steps, rng());
}

static void prefill(char which, uint32_t target)
{
    for (uint32_t i = 0; i < target; i++) {
        int side = i & 1;
        uint64_t r = rng();
        uint32_t d = which == 'B'   ? 1 + (uint32_t)((r >> 8) % 10000)
                     : which == 'D' ? 1 + (uint32_t)((r >> 8) % 400)
                                    : near_distance(r, r);
        uint32_t qty = 1 + (uint32_t)(rng() % 100);
        add(i + 1, side, side == FLOW_BUY ? MID - d : MID + d, qty, 0);
    }
}

/* One timed record of flow D; returns the next id. */
static uint32_t step_moves(uint64_t r, uint32_t roll, int side, uint32_t mid, uint32_t id,
                           uint32_t target)
{
    if (roll < 82) {
        move_random(r);
        return id;
    }
    uint32_t v = (uint32_t)(rng() % 18);
    if (v < 3) {
        uint32_t price = side == FLOW_BUY ? best_ask + 50 : best_bid - 50;
        add(id++, side, price, 1 + (uint32_t)(rng() % 100), 1);
    } else if (v < (live_count < target ? 14u : 10u)) {
        uint32_t d = 1 + (uint32_t)(rng() % 400), qty = 1 + (uint32_t)(rng() % 100);
        add(id++, side, side == FLOW_BUY ? mid - d : mid + d, qty, 0);
    } else {
        cancel_random();
    }
    return id;
}

/* One timed record of flows A and B; returns the next id. */
static uint32_t step_adds(uint64_t r, uint32_t roll, int side, uint32_t mid, uint32_t id,
                          uint32_t target, bool deep)
{
    if (roll < (live_count < target ? 60u : 45u)) {
        uint32_t d = passive_distance(deep), price;
        if (side == FLOW_BUY)
            price = mid - d < best_ask ? mid - d : best_ask - 1;
        else
            price = mid + d > best_bid ? mid + d : best_bid + 1;
        add(id++, side, price, 1 + (uint32_t)(rng() % 100), 0);
    } else if (roll < 92) {
        cancel_random();
    } else {
        uint32_t price = side == FLOW_BUY ? best_ask + 2 : best_bid - 2;
        add(id++, side, price, 1 + (uint32_t)(rng() % 150), r >> 8 & 1);
    }
    return id;
}

static size_t records_bytes(uint32_t count)
{
    return count * sizeof(struct flow_record);
}

struct flow flow_make(char which)
{
    const bool deep = which == 'B', moves = which == 'D';
    ASSERT(which == 'A' || deep || moves);
    const uint32_t target = deep ? 1000000 : moves ? 1000 : 5000, ids_max = target + FLOW_TIMED + 1;
    rng_state = deep ? 20260002 : moves ? 20260004 : 20260001;
    out = mem_reserve(records_bytes(target + FLOW_TIMED));
    out_count = 0;
    matcher_init(ids_max, false, true);
    prefill(which, target);
    struct flow flow = {.spec = &specs[deep    ? 1
                                       : moves ? 2
                                               : 0],
                        .records = out,
                        .prefill = out_count};
    uint32_t id = target + 1, mid = MID;
    for (uint32_t i = 0; i < FLOW_TIMED; i++) {
        uint64_t r = rng();
        if ((r & 63) == 0)
            mid += (r >> 6 & 1) ? 1u : -1u;
        if (mid < MID - 2000)
            mid++;
        if (mid > MID + 2000)
            mid--;
        uint32_t roll = (uint32_t)(r >> 32) % 100;
        int side = r >> 7 & 1;
        id = moves ? step_moves(r, roll, side, mid, id, target)
                   : step_adds(r, roll, side, mid, id, target, deep);
    }
    ASSERT(out_count == target + FLOW_TIMED);
    flow.count = out_count;
    flow.ids = id;
    flow.live_max = live_max;
    matcher_fini(ids_max);
    const uint32_t header[4] = {0x314C5743, flow.prefill, flow.count, flow.ids};
    for (uint32_t i = 0; i < 4; i++)
        flow.header[i] = header[i];
    return flow;
}

void flow_free(struct flow *flow)
{
    mem_release(flow->records, records_bytes(flow->count));
    *flow = (struct flow){0};
}

void flow_sha256(const struct flow *flow, char text[static FLOW_SHA256_TEXT])
{
    unsigned char hash[32];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ASSERT(context != NULL);
    ASSERT(EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    ASSERT(EVP_DigestUpdate(context, flow->header, sizeof flow->header) == 1);
    ASSERT(EVP_DigestUpdate(context, flow->records, records_bytes(flow->count)) == 1);
    ASSERT(EVP_DigestFinal_ex(context, hash, NULL) == 1);
    EVP_MD_CTX_free(context);
    for (uint32_t i = 0; i < sizeof hash; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

/* ---- the yardstick ---- */

static void replay(const struct flow_record *record, const struct flow_record *end)
{
    for (; record < end; record++) {
        uint32_t id = (uint32_t)record->id;
        if (record->op != FLOW_NEW)
            unlink_order(id, false);
        if (record->op != FLOW_CANCEL)
            match(id, record->side, (uint32_t)record->price_ticks, record->qty_lots, record->ioc,
                  false);
    }
}

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

struct flow_totals flow_reference_match(const struct flow *flow, bool huge, double *seconds)
{
    matcher_init(flow->ids, huge, false);
    replay(flow->records, flow->records + flow->prefill);
    trades = volume_lots = 0;
    double start = now_s();
    replay(flow->records + flow->prefill, flow->records + flow->count);
    *seconds = now_s() - start;
    struct flow_totals totals = matcher_totals();
    matcher_fini(flow->ids);
    return totals;
}
