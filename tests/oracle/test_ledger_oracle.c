/* test_ledger_oracle.c - the ledger against the naive one: the same seeded calls, every answer
 * compared.
 *
 * Use:     test_ledger_oracle [SEED] [COMMANDS]; COMMANDS (1,000,000) are dealt out over the
 * settings. Exit 1 with seed, setting and command number at the first difference.
 * Method:  swarm: each setting turns other screws (users, units, fees, filters, room, history). A
 * command is one call: a new order or list, the market's word on a live order in any legal order, a
 * deposit, a withdrawal. What that word means to a list, the account shard would tell the ledger
 * next: told() does. Of a pair the market ends the one with the other: that word comes any time
 * later, and nothing else of that order before it. Compared each time: the answer, the order
 * touched, its list. Each 1,000: every balance, total, list in its order, every look-up,
 * ledger_verify; then, half of the time, the ledger goes on as what was read of its snapshot. A
 * fill is one side of a trade, so the test keeps what is in flight per asset and checks
 * conservation with it. Thread:  one. A plain program: it runs under every sanitizer.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/ledger/ledger.h"
#include "tests/oracle/draw.h"
#include "tests/oracle/naive_ledger.h"

enum {
    USERS_MAX = 12,
    SYMBOLS = 5, /* the last is never active */
    ASSETS = 5,  /* the last is never traded: room for huge amounts */
    CHECK_EVERY = 1000,
    FIRST_USER_ID = 5000,
};

struct setting {
    const char *name;
    struct money_spec spec[2]; /* symbols 0, 2 and 1, 3 */
    int64_t price_max_ticks, lots_max;
    int32_t maker_ppm, taker_ppm;
    bool filters;
    uint32_t users, open_orders, done_orders, max_orders, client_ids, request_ids;
    uint32_t history, deposits;
};

static const struct setting settings[] = {
    {"plain",
     {{1000000, 100000}, {100000, 1000}},
     100000,
     100000,
     1000,
     1000,
     true,
     5,
     100,
     5,
     10,
     1000,
     100000,
     1000,
     100000},
    {"one user",
     {{1000000, 100000}, {1, 100000000}},
     5000,
     1000,
     1000,
     2000,
     false,
     1,
     40,
     3,
     0,
     60,
     3000,
     100,
     100000},
    {"awkward units",
     {{7, 3}, {123456789, 987}},
     12345679,
     1000000007,
     333,
     777777,
     false,
     4,
     60,
     8,
     0,
     100000,
     100000,
     400,
     100000},
    {"awkward units and filters",
     {{7, 3}, {13, 1000003}},
     1000003,
     100000007,
     333,
     1,
     true,
     6,
     80,
     2,
     4,
     300,
     100000,
     300,
     100000},
    {"whole units",
     {{100000000, 100000000}, {100000000, 1}},
     50,
     20,
     0,
     0,
     false,
     3,
     50,
     4,
     0,
     200,
     100000,
     200,
     100000},
    {"an atom each",
     {{1, 1}, {1, 7}},
     30000,
     100000,
     1,
     1000000,
     false,
     3,
     60,
     4,
     5,
     100000,
     100000,
     300,
     100000},
    {"few client ids",
     {{1000000, 100000}, {10, 10}},
     20000,
     100000,
     500,
     1000,
     true,
     2,
     100,
     10,
     0,
     8,
     20000,
     300,
     100000},
    {"little room for orders",
     {{1000000, 100000}, {10, 100000}},
     10000,
     10000,
     1000,
     1000,
     false,
     8,
     12,
     3,
     3,
     1000,
     100000,
     300,
     100000},
    {"little history",
     {{1000000, 100000}, {10, 100000}},
     10000,
     10000,
     1000,
     1000,
     false,
     USERS_MAX,
     20,
     6,
     0,
     50,
     100000,
     15,
     100000},
    {"no history to speak of",
     {{100000, 100000}, {7, 100}},
     10000,
     10000,
     10,
     1000,
     false,
     10,
     9,
     1,
     2,
     30,
     100000,
     4,
     100000},
    {"few requests",
     {{1000000, 100000}, {7, 3}},
     10000,
     10000,
     1000,
     1000,
     false,
     4,
     60,
     5,
     6,
     1000,
     300,
     300,
     150},
    {"dear",
     {{1000000007, 100000000}, {1, 1}},
     3000000000,
     3000000000,
     999999,
     1000,
     false,
     3,
     60,
     5,
     0,
     1000,
     100000,
     300,
     100000},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

enum call {
    NEW,
    REPLACE,
    REPLACED,
    ACCEPTED,
    FILL,
    LAST_FILL,
    DONE,
    REFUSED,
    DEPOSIT,
    WITHDRAWAL,
    AMEND,
    AMENDED,
    PREVENTED,
    TRIGGERED,
    RATES,
    NEW_LIST,
    LIST_START,
    TODO,
    FUND,
    END_PENDING,
    LIST_END,
    CALLS
};
static const char *const call_name[] = {
    "new",     "replace", "replaced",   "accepted", "fill",    "last fill",   "done",
    "refused", "deposit", "withdrawal", "amend",    "amended", "prevented",   "triggered",
    "rates",   "list",    "list start", "todo",     "fund",    "end pending", "list end"};

/* What the run has seen; a kind that never came up was not tested. */
static struct {
    uint64_t commands, calls[CALLS], new_reject[REJECT_COUNT], deposit_reject[REJECT_COUNT];
    uint64_t done[ORDER_STATUS_COUNT], repeats, held_all, no_hint, by_quote[2], maker_fills;
    uint64_t replace_reject[REJECT_COUNT], moved_all, moved_part, moved_none, same_id, chained;
    uint64_t amend_reject[REJECT_COUNT], amended_away, amend_too_late, prevented_all;
    uint64_t accepted_after_fill, zero_cost, evicted_orders, evicted_trades, open_max, checks;
    uint64_t list_reject[REJECT_COUNT], kinds[LIST_KINDS], evicted_lists, snapshots;
    uint64_t acts_filled, acts_triggered, acts_told_late, trimmed, pair_refused, pending_refused;
    uint64_t ended_sibling, ended_with[ORDER_STATUS_COUNT], fund_reject[REJECT_COUNT];
    uint64_t pending_ended[EXPIRY_REJECTED + 1], never_started, listed_replaced, listed_amended;
    uint64_t fund_estimates, funded_in_pairs;
} seen;

static struct {
    uint64_t seed, number; /* number: of the command, over the whole run */
    const struct setting *setting;
    struct ledger_limits limits;
    struct ledger *ledger;
    void *block;
    struct naive_ledger *naive;
    uint64_t order_ids[SYMBOLS], trade_ids;
    int64_t now_us, deposit_max;
    __int128 in_flight[ASSETS]; /* what fills have taken from users and not given to another */
    const char *doing;
    int market; /* percent of commands that are the market's; drawn anew now and then */
    struct {
        uint32_t user;
        uint16_t asset;
        int64_t amount;
    } requests[100000];
    struct {
        uint64_t old, made; /* refs: replaces under way */
    } pairs[256];
    uint32_t pair_count; /* by request id: what it was used for; asset ASSETS: not yet */
    struct doom {
        uint64_t ref;
        enum order_status status;
        enum order_expiry expiry;
    } dooms[256]; /* orders of pairs that the market has ended, and has not told of */
    uint32_t doom_count;
} run;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr,
            "test_ledger_oracle: seed %" PRIu64 ", setting \"%s\", command %" PRIu64 " (%s): ",
            run.seed, run.setting->name, run.number, run.doing);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(1);
}

#define SAME(real, want, what)                                                                     \
    ((real) == (want)                                                                              \
         ? (void)0                                                                                 \
         : fail("%s: ledger %" PRId64 ", naive %" PRId64, what, (int64_t)(real), (int64_t)(want)))

static uint32_t slot_of(uint32_t user)
{
    return ledger_user_find(run.ledger, FIRST_USER_ID + user);
}

/* ---- comparing ---- */

static const struct ledger_symbol *symbol_of(uint16_t symbol)
{
    return naive_ledger_symbol(run.naive, symbol);
}

static void compare_order(const struct ledger_order *real, const struct naive_order *want)
{
    SAME(real->ref, want->ref, "ref");
    SAME(real->order_id, want->order_id, "order id");
    SAME(real->tag, want->asked.tag, "tag");
    SAME(real->price_ticks, want->price_ticks, "price");
    SAME(real->qty_lots, want->qty_lots, "quantity");
    SAME(real->executed_lots, want->executed_lots, "executed");
    SAME(real->quote_atoms, want->asked.by_quote ? want->asked.quote_atoms : 0, "quote quantity");
    SAME(real->cum_quote, want->cum_quote, "cumulative quote");
    SAME(ledger_hold_of(run.ledger, real), naive_ledger_held(run.naive, want), "held");
    SAME(real->list_id, want->list, "list");
    SAME(real->expiry, want->expiry, "expiry");
    SAME(real->due, want->due, "due");
    SAME(real->time_us, want->time_us, "time");
    SAME(real->updated_us, want->updated_us, "updated");
    SAME(real->user, slot_of(want->user), "user");
    SAME(real->symbol, want->asked.symbol, "symbol");
    SAME(real->side, want->asked.side, "side");
    SAME(real->type, want->asked.type, "type");
    SAME(real->tif, want->asked.tif, "time in force");
    SAME(real->stp, want->asked.stp, "self-trade prevention");
    SAME(real->resp, want->asked.resp, "response type");
    SAME(real->status, want->status, "status");
    SAME(real->flags, want->flags, "flags");
    const struct ledger_terms *terms = ledger_terms(run.ledger, real);
    const struct money_spec *spec = &symbol_of(want->asked.symbol)->spec;
    SAME(terms->stop_ticks, want->asked.stop_atoms / spec->tick_atoms, "stop");
    SAME(terms->iceberg_lots, want->asked.iceberg_atoms / spec->lot_atoms, "iceberg");
    SAME(terms->trail_bips, want->asked.trail_bips, "delta");
    SAME(terms->working_us, want->working_us, "working time");
    SAME(terms->strategy.has_id, want->asked.strategy.has_id, "whether there is a strategy id");
    SAME(terms->strategy.id, want->asked.strategy.id, "strategy id");
    SAME(terms->strategy.type, want->asked.strategy.type, "strategy type");
    SAME(real->trades, want->trades, "trades");
    SAME(real->amends, want->amends, "amendments");
    SAME(real->prevented_lots, want->prevented_lots, "prevented");
    SAME(real->prevented_id, want->prevented_id, "prevented match");
    SAME(order_is_open(real), want->open, "open");
    SAME(real->client_length, want->asked.client_length, "length of the client id");
    if (memcmp(real->client_id, want->asked.client_id, real->client_length) != 0)
        fail("client ids differ");
}

/* Its client id and those of its orders, also of those that are forgotten. */
static void compare_list(const struct ledger_list *real, const struct naive_list *want)
{
    SAME(real->id, want->id, "list: id");
    SAME(real->user, slot_of(want->user), "list: user");
    SAME(real->symbol, want->asked.order[0].symbol, "list: symbol");
    SAME(real->kind, want->asked.kind, "list: kind");
    SAME(real->phase, want->phase, "list: phase");
    SAME(real->open, naive_ledger_list_open(run.naive, want), "list: open orders");
    SAME(real->started, want->started, "list: started");
    SAME(real->done, want->done, "list: done");
    SAME(real->time_us, want->time_us, "list: time");
    SAME(real->price_atoms, want->price_atoms, "list: price of the working order");
    if (!ledger_list_is_named(real, want->asked.client_id, want->asked.client_length))
        fail("client ids of lists differ");
    for (uint32_t i = 0; i < list_orders(real->kind); i++) {
        const struct ledger_list_order order = naive_ledger_list_order(run.naive, want, i);
        SAME(real->order[i].ref, order.ref, "list: ref");
        SAME(real->order[i].order_id, order.order_id, "list: order id");
        SAME(real->order[i].client_length, order.client_length, "list: length of a client id");
        if (memcmp(real->order[i].client_id, order.client_id, order.client_length) != 0)
            fail("client ids of a list's orders differ");
    }
}

static void compare_list_of(uint64_t id)
{
    const struct naive_list *want = naive_ledger_find_list(run.naive, id);
    uint32_t slot = ledger_find_list(run.ledger, id);
    SAME(slot != 0, want != NULL, "find the list");
    if (!want)
        return;
    compare_list(ledger_list(run.ledger, slot), want);
    for (uint32_t i = 0; i < list_orders(want->asked.kind); i++) {
        uint32_t at = ledger_find_ref(run.ledger, want->order[i].ref);
        const struct naive_order *order = naive_ledger_by_ref(run.naive, want->order[i].ref);
        SAME(at != 0, order && order->open, "find an order of a list");
        if (!at)
            continue;
        compare_order(ledger_order(run.ledger, at), order);
        SAME(ledger_list_place(ledger_list(run.ledger, slot), ledger_order(run.ledger, at)), i,
             "place in the list");
    }
}

/* The order a call has touched; `slot` is the call's answer. */
static void compare_touched(uint32_t slot, uint64_t ref)
{
    const struct naive_order *want = naive_ledger_by_ref(run.naive, ref);
    if (!want)
        fail("the naive ledger has forgotten the order it touched");
    compare_order(ledger_order(run.ledger, slot), want);
    SAME(ledger_find_ref(run.ledger, ref), want->open ? slot : 0, "find by ref");
}

static void compare_balances(void)
{
    struct ledger_totals totals[ASSETS] = {0};
    ledger_totals(run.ledger, totals);
    for (uint16_t asset = 0; asset < ASSETS; asset++) {
        __int128 free_sum = 0, locked_sum = 0;
        for (uint32_t user = 0; user < run.setting->users; user++) {
            uint32_t slot = ledger_find_balance(run.ledger, slot_of(user), asset);
            int64_t free_atoms = naive_ledger_free_atoms(run.naive, user, asset);
            int64_t locked = naive_ledger_locked_atoms(run.naive, user, asset);
            SAME(slot ? ledger_balance(run.ledger, slot)->free : 0, free_atoms, "free");
            SAME(slot ? ledger_balance(run.ledger, slot)->locked : 0, locked, "locked");
            if (free_atoms < 0)
                fail("user %u owes %" PRId64 " of asset %u", user, -free_atoms, asset);
            free_sum += free_atoms;
            locked_sum += locked;
        }
        const struct ledger_totals *sum = &totals[asset];
        if (sum->free != free_sum || sum->locked != locked_sum)
            fail("totals of asset %u are not the sum of its balances", asset);
        if (sum->fees != naive_ledger_fees(run.naive, asset))
            fail("fees of asset %u", asset);
        if (sum->deposits != naive_ledger_deposits(run.naive, asset) ||
            sum->withdrawals != naive_ledger_withdrawals(run.naive, asset))
            fail("deposits or withdrawals of asset %u", asset);
        if (sum->free + sum->locked + sum->fees + run.in_flight[asset] !=
            sum->deposits - sum->withdrawals)
            fail("asset %u is not conserved", asset);
    }
}

/* Open orders of a user in a symbol, oldest first. */
static void compare_open(uint32_t user, uint16_t symbol)
{
    uint32_t position = ledger_find_position(run.ledger, slot_of(user), symbol), count = 0,
             rest = 0;
    uint32_t at = position ? ledger_position(run.ledger, position)->head : 0;
    for (uint32_t i = 0;; i++) {
        const struct naive_order *want = naive_ledger_order(run.naive, i);
        if (!want)
            break;
        if (!want->open || want->user != user || want->asked.symbol != symbol)
            continue;
        if (!at)
            fail("user %u, symbol %u: the open list ends before order %" PRIx64, user, symbol,
                 want->ref);
        compare_order(ledger_order(run.ledger, at), want);
        SAME(ledger_find_ref(run.ledger, want->ref), at, "find by ref");
        at = ledger_order(run.ledger, at)->next;
        count++;
        rest += (want->flags & ORDER_CAN_REST) != 0;
    }
    SAME(at, 0, "end of the open list");
    if (position) {
        SAME(ledger_position(run.ledger, position)->open, count, "open of a position");
        SAME(ledger_position(run.ledger, position)->can_rest, rest, "resting of a position");
    }
}

static void compare_history(uint32_t user)
{
    const struct ledger_user *real = ledger_user(run.ledger, slot_of(user));
    uint32_t at = real->done_head, count = 0;
    const struct naive_order *order;
    while ((order = naive_ledger_done_order(run.naive, user, count)) != NULL) {
        if (!at)
            fail("user %u: the list of done orders ends too early", user);
        compare_order(ledger_order(run.ledger, at), order);
        SAME(ledger_find_ref(run.ledger, order->ref), 0, "find a done order by ref");
        at = ledger_order(run.ledger, at)->next;
        count++;
    }
    SAME(at, 0, "end of the done list");
    SAME(real->done, count, "done orders");
    at = real->trade_head;
    count = 0;
    const struct naive_trade *want;
    for (uint32_t i = 0; (want = naive_ledger_trade(run.naive, i)) != NULL; i++) {
        if (want->user != user)
            continue;
        if (!at)
            fail("user %u: the list of trades ends too early", user);
        const struct ledger_trade *trade = ledger_trade(run.ledger, at);
        SAME(trade->trade_id, want->trade_id, "trade id");
        SAME(trade->order_id, want->order_id, "trade's order id");
        SAME(trade->list_id, want->list, "trade's list");
        SAME(trade->price_ticks, want->price_ticks, "trade's price");
        SAME(trade->qty_lots, want->qty_lots, "trade's quantity");
        SAME(trade->quote_atoms, want->quote_atoms, "trade's quote");
        SAME(trade->fee_atoms, want->fee_atoms, "trade's fee");
        SAME(trade->ts_us, want->ts_us, "trade's time");
        SAME(trade->symbol, want->symbol, "trade's symbol");
        SAME(trade->side, want->side, "trade's side");
        SAME(trade->maker, want->maker, "trade's maker flag");
        at = trade->next;
        count++;
    }
    SAME(at, 0, "end of the trades");
    SAME(real->trades, count, "trades");
}

/* A user's lists, those open and those done, each oldest first; and each by its ids. */
static void compare_lists(uint32_t user)
{
    const struct ledger_user *real = ledger_user(run.ledger, slot_of(user));
    for (uint32_t done = 0; done < 2; done++) {
        uint32_t at = done ? real->list_done_head : real->lists_head, count = 0;
        const struct naive_list *want, *named;
        for (; (want = naive_ledger_user_list(run.naive, user, done, count)) != NULL; count++) {
            const char *id = want->asked.client_id;
            uint8_t length = want->asked.client_length;
            if (!at)
                fail("user %u: the lists end too early", user);
            compare_list(ledger_list(run.ledger, at), want);
            SAME(ledger_find_list(run.ledger, want->id), at, "find the list");
            named = naive_ledger_find_named(run.naive, user, id, length);
            SAME(ledger_list(run.ledger,
                             ledger_find_list_named(run.ledger, slot_of(user), id, length))
                     ->id,
                 named->id, "find the list by client id");
            at = ledger_list(run.ledger, at)->next;
        }
        SAME(at, 0, "end of the lists");
        SAME(done ? real->lists_done : real->lists, count, "lists");
    }
    SAME(ledger_find_list_named(run.ledger, slot_of(user), "nobody's", 8), 0, "an unknown name");
}

static uint64_t ref_at(uint32_t slot)
{
    return slot ? ledger_order(run.ledger, slot)->ref : 0;
}

static bool same_client_id(const struct naive_order *a, const struct naive_order *b)
{
    return a->user == b->user && a->asked.symbol == b->asked.symbol &&
           a->asked.client_length == b->asked.client_length &&
           memcmp(a->asked.client_id, b->asked.client_id, a->asked.client_length) == 0;
}

/* Every order by its ids; the newest order of each client id; and ids nobody has. */
static void compare_finding(void)
{
    const struct naive_order *order;
    for (uint32_t i = 0; (order = naive_ledger_order(run.naive, i)) != NULL; i++) {
        uint32_t user = slot_of(order->user);
        const struct naive_order *newest = order, *shown = NULL, *other;
        for (uint32_t k = 0; (other = naive_ledger_order(run.naive, k)) != NULL; k++) {
            if (!same_client_id(order, other))
                continue;
            if (other->open || !newest->open)
                newest = other;
            if (other->status != ORDER_SENT && (other->open || !shown || !shown->open))
                shown = other;
        }
        SAME(ref_at(ledger_find_client(run.ledger, user, order->asked.symbol,
                                       order->asked.client_id, order->asked.client_length)),
             newest->ref, "find by client id");
        SAME(ref_at(ledger_find_shown(run.ledger, user, order->asked.symbol, order->asked.client_id,
                                      order->asked.client_length)),
             shown ? shown->ref : 0, "find among the shown by client id");
        if (!order->order_id)
            continue;
        SAME(ref_at(ledger_find_order_id(run.ledger, user, order->asked.symbol, order->order_id)),
             order->ref, "find by order id");
        SAME(ledger_find_order_id(run.ledger, user + 1, order->asked.symbol, order->order_id), 0,
             "another user's order id");
    }
    for (uint16_t symbol = 0; symbol < SYMBOLS; symbol++)
        SAME(ledger_find_order_id(run.ledger, slot_of(0), symbol, run.order_ids[symbol] + 1), 0,
             "an order id of the future");
    SAME(ledger_find_client(run.ledger, slot_of(0), 0, "nobody's", 8), 0, "an unknown client id");
}

static void count_open(void *arg, const struct ledger_order *order)
{
    if (!order_is_open(order))
        fail("ledger_each_open() shows order %" PRIx64 ", which is done", order->ref);
    ++*(uint32_t *)arg;
}

static void compare_all(void)
{
    uint32_t each = 0, open = naive_ledger_open_count(run.naive);
    compare_balances();
    for (uint32_t user = 0; user < run.setting->users; user++) {
        for (uint16_t symbol = 0; symbol < SYMBOLS; symbol++)
            compare_open(user, symbol);
        compare_history(user);
        compare_lists(user);
    }
    compare_finding();
    ledger_each_open(run.ledger, count_open, &each);
    SAME(each, open, "open orders walked");
    SAME(ledger_open_orders(run.ledger), open, "open orders");
    ledger_verify(run.ledger);
    seen.checks++;
}

/* The ledger goes on as what is read of its snapshot. */
static void reload(void)
{
    static unsigned char bytes[32 << 20];
    struct wire out = {.out = bytes, .end = sizeof bytes, .ok = true};
    ledger_wire(&out, run.ledger);
    struct wire in = {.in = bytes, .end = out.at, .ok = true};
    void *block = calloc(1, ledger_size(&run.limits));
    if (!block)
        abort();
    struct ledger *twin = ledger_init(block, &run.limits);
    ledger_wire(&in, twin);
    if (!out.ok || out.at > sizeof bytes || !in.ok || in.at != in.end)
        fail("the snapshot is not whole: %d, %d, %u of %u bytes", out.ok, in.ok, in.at, in.end);
    if (ledger_hash(twin) != ledger_hash(run.ledger))
        fail("what was read of the snapshot has another hash");
    SAME(*ledger_digest(twin), *ledger_digest(run.ledger), "digest of a snapshot");
    ledger_verify(twin);
    free(run.block);
    run.block = block;
    run.ledger = twin;
    seen.snapshots++;
}

/* ---- drawing ---- */

/* Ticks in a band of one to four, so that the limits of filters and funds are met often. */
static int64_t any_price(void)
{
    int64_t max = run.setting->price_max_ticks;
    return chance(80) ? max / 4 + 1 + below(max / 2) : any_size(max);
}

/* A stop, a delta, or both. */
static void any_trigger(struct ledger_new *order)
{
    order->trail_bips = chance(40) ? 1 + (uint32_t)below(3000) : 0;
    if (!order->trail_bips || chance(50))
        order->stop_atoms =
            any_price() * run.setting->spec[order->symbol % 2].tick_atoms + (chance(3) ? 1 : 0);
}

/* Of so many lots: half of the time no more than few of them are needed for the whole. */
static int64_t any_part(int64_t lots)
{
    int64_t part = lots / (1 + below(8));
    return part > 0 && chance(50) ? part : any_size(lots);
}

static uint16_t any_symbol(void)
{
    return (uint16_t)below(SYMBOLS - !chance(3));
}

static struct ledger_new any_of(uint16_t number, uint8_t type)
{
    struct ledger_new order = {.tag = random_word(),
                               .symbol = number,
                               .side = (uint8_t)below(2),
                               .type = type,
                               .stp = (uint8_t)below(STP_COUNT),
                               .resp = (uint8_t)below(3)};
    const struct money_spec *spec = &run.setting->spec[order.symbol % 2];
    order.tif = (uint8_t)(chance(60) ? TIF_GTC : below(3));
    order.by_quote = order.type == TYPE_MARKET && chance(50);
    if (!type_is_market(order.type) || chance(10))
        order.price_atoms = any_price() * spec->tick_atoms;
    order.qty_atoms = any_size(run.setting->lots_max) * spec->lot_atoms;
    const struct ledger_symbol *symbol = symbol_of(order.symbol);
    if (symbol->max_price_ticks && chance(3)) /* the edges of filters */
        order.price_atoms =
            (chance(50) ? symbol->max_price_ticks : symbol->min_price_ticks) * spec->tick_atoms;
    if (chance(4))
        order.price_atoms += below(7) - 3;
    if (chance(4))
        order.qty_atoms += below(7) - 3;
    if (chance(1))
        order.qty_atoms = 0;
    if (!type_is_market(order.type) && below(300) == 0) { /* too much for 63 bits, on the grid */
        order.price_atoms = INT64_MAX / spec->tick_atoms * spec->tick_atoms;
        order.qty_atoms = INT64_MAX / spec->lot_atoms * spec->lot_atoms;
    }
    if (type_waits(order.type))
        any_trigger(&order);
    if (chance(20))
        order.strategy.type = STRATEGY_TYPE_MIN + (int32_t)below(5);
    if (chance(20))
        order.strategy =
            (struct strategy){.id = below(3), .type = order.strategy.type, .has_id = true};
    if (!type_is_market(order.type) && order.tif == TIF_GTC && order.qty_atoms >= spec->lot_atoms &&
        order.qty_atoms < INT64_MAX / 2 && chance(40))
        order.iceberg_atoms =
            any_part(order.qty_atoms / spec->lot_atoms) * spec->lot_atoms + (chance(3) ? 1 : 0);
    int64_t price = any_price() * spec->tick_atoms;
    order.hint_atoms = chance(85) ? price : 0;
    __int128 worth = (__int128)price * order.qty_atoms / MONEY_ATOMS_PER_UNIT;
    order.quote_atoms = worth > 0 && worth < INT64_MAX / 8 ? (int64_t)worth : below(100);
    if (symbol->max_notional && chance(3))
        order.quote_atoms = chance(50) ? symbol->max_notional : symbol->min_notional - below(2);
    order.client_length = (uint8_t)snprintf(order.client_id, CLIENT_ID_MAX, "c%" PRId64,
                                            below(run.setting->client_ids));
    return order;
}

static struct ledger_new any_new(void)
{
    uint8_t type = chance(60) ? TYPE_LIMIT : chance(60) ? TYPE_MARKET : TYPE_LIMIT_MAKER;
    if (chance(20))
        type = (uint8_t)(TYPE_STOP_LOSS + below(4));
    return any_of(any_symbol(), type);
}

/* Two orders of which only one may trade: the stop loss, and what is for the other way. */
static void any_pair(struct ledger_new *loss, uint16_t symbol)
{
    static const uint8_t gains[] = {TYPE_LIMIT_MAKER, TYPE_LIMIT_MAKER, TYPE_TAKE_PROFIT,
                                    TYPE_TAKE_PROFIT_LIMIT};
    struct ledger_new *gain = loss + 1;
    *loss = any_of(symbol, chance(50) ? TYPE_STOP_LOSS : TYPE_STOP_LOSS_LIMIT);
    *gain = any_of(symbol, gains[below(4)]);
    int64_t *at = type_waits(gain->type) ? &gain->stop_atoms : &gain->price_atoms;
    int64_t far = loss->stop_atoms;
    gain->side = loss->side;
    gain->qty_atoms = loss->qty_atoms;
    if (gain->iceberg_atoms > gain->qty_atoms)
        gain->iceberg_atoms = 0;
    if (far && *at && (far < *at) == (loss->side == SIDE_BUY) && chance(85)) {
        loss->stop_atoms = *at;
        *at = far;
    }
}

static struct ledger_new_list any_list(void)
{
    struct ledger_new_list list = {.kind = (uint8_t)below(LIST_KINDS)};
    uint16_t symbol = any_symbol();
    bool paired = list.kind != LIST_OTO;
    if (list.kind != LIST_OCO)
        list.order[0] = any_of(symbol, chance(75) ? TYPE_LIMIT : TYPE_LIMIT_MAKER);
    if (paired)
        any_pair(&list.order[list.kind == LIST_OTOCO], symbol);
    else
        list.order[1] = any_of(symbol, (uint8_t)below(TYPE_COUNT));
    list.order[1].by_quote = false;            /* a list has quantities */
    if (list.kind != LIST_OCO && chance(70)) { /* sold again, or bought back */
        for (uint32_t i = 1; i < list_orders(list.kind); i++) {
            struct ledger_new *pending = &list.order[i];
            if (paired && pending->side == list.order[0].side) /* would cross their prices */
                list.order[0].side = !pending->side;
            pending->side = !list.order[0].side;
            pending->qty_atoms = list.order[0].qty_atoms;
            if (pending->iceberg_atoms > pending->qty_atoms)
                pending->iceberg_atoms = 0;
        }
    }
    list.client_length = (uint8_t)snprintf(list.client_id, CLIENT_ID_MAX, "l%" PRId64,
                                           below(run.setting->client_ids));
    return list;
}

/* The nth open order, or NULL. */
static const struct naive_order *any_open(void)
{
    uint32_t open = naive_ledger_open_count(run.naive);
    if (!open)
        return NULL;
    uint32_t wanted = (uint32_t)below(open);
    for (uint32_t i = 0;; i++) {
        const struct naive_order *order = naive_ledger_order(run.naive, i);
        if (order->open && wanted-- == 0)
            return order;
    }
}

/* ---- the calls ---- */

static void compare_plan(const struct ledger_plan *real, const struct naive_plan *want,
                         const struct ledger_new *order, bool alone)
{
    int64_t lot = symbol_of(order->symbol)->spec.lot_atoms;
    bool free_reach = real->hold_atoms <= want->free_alone;
    SAME(real->due_atoms,
         alone && free_reach                 ? 0
         : real->hold_atoms < want->from_old ? real->hold_atoms
                                             : want->from_old,
         "plan: due");
    SAME(real->price_ticks, want->price_ticks, "plan: price");
    SAME(real->hold_asset, want->hold_asset, "plan: asset");
    if (real->hold_atoms < want->hold_min || real->hold_atoms > want->hold_max)
        fail("plan: hold %" PRId64 " is not in %" PRId64 "..%" PRId64, real->hold_atoms,
             want->hold_min, want->hold_max);
    bool sell_by_quote = order->by_quote && order->side == SIDE_SELL;
    SAME(real->qty_lots, sell_by_quote ? real->hold_atoms / lot : want->qty_lots, "plan: quantity");
    if (sell_by_quote)
        SAME(real->hold_atoms % lot, 0, "plan: whole lots");
    bool all = want->estimate && order->side == SIDE_BUY && order->hint_atoms &&
               real->hold_atoms == want->free;
    SAME(real->flags, want->flags | (all ? ORDER_HELD_ALL : 0), "plan: flags");
}

static void do_new(void)
{
    uint32_t user = (uint32_t)below(run.setting->users);
    struct ledger_new order = any_new();
    struct ledger_plan plan;
    enum reject reject = ledger_check_new(run.ledger, slot_of(user), &order, &plan);
    struct naive_plan want = naive_ledger_check_new(run.naive, user, &order);
    if (reject != want.reject && reject != want.or_else)
        fail("%s; naive: %s", reject_text(reject), reject_text(want.reject));
    seen.calls[NEW]++;
    seen.new_reject[reject]++;
    if (reject != REJECT_NONE)
        return;
    compare_plan(&plan, &want, &order, true);
    uint32_t slot = ledger_place(run.ledger, slot_of(user), &order, &plan, run.now_us);
    uint64_t ref = naive_ledger_place(run.naive, user, &order, &plan);
    compare_touched(slot, ref);
    seen.held_all += (plan.flags & ORDER_HELD_ALL) != 0;
    seen.no_hint += want.estimate && !order.hint_atoms;
    seen.by_quote[order.side] += order.by_quote;
}

static void do_new_list(void)
{
    uint32_t user = (uint32_t)below(run.setting->users);
    struct ledger_new_list list = any_list();
    struct ledger_plan plan[LIST_ORDERS_MAX];
    enum reject reject = ledger_check_list(run.ledger, slot_of(user), &list, plan);
    struct naive_list_plan want = naive_ledger_check_list(run.naive, user, &list);
    if (reject != want.reject)
        fail("%s; naive: %s", reject_text(reject), reject_text(want.reject));
    seen.calls[NEW_LIST]++;
    seen.list_reject[reject]++;
    if (reject != REJECT_NONE)
        return;
    seen.kinds[list.kind]++;
    for (uint32_t i = 0; i < list_orders(list.kind); i++)
        compare_plan(&plan[i], &want.order[i], &list.order[i], true);
    uint32_t slot = ledger_place_list(run.ledger, slot_of(user), &list, plan, run.now_us);
    uint64_t id = naive_ledger_place_list(run.naive, user, &list, &want);
    SAME(ledger_find_list(run.ledger, id), slot, "find a new list");
    compare_list_of(id);
}

/* ---- what the market says of an order of a list, and what follows ---- */

static const struct naive_list *list_of(const struct naive_order *order)
{
    return order->list ? naive_ledger_find_list(run.naive, order->list) : NULL;
}

static bool on_its_way(const struct naive_order *order)
{
    return order->status == ORDER_SENT || order->status == ORDER_PENDING;
}

/* It waits for a working order, or to be placed: the market does not know it. */
static bool is_kept(const struct naive_order *order)
{
    return (order->flags & ORDER_PENDED) && list_of(order)->phase != LIST_SECOND;
}

/* What the market tells of both of a pair, it tells when both are in the book. */
static bool pair_is_coming(const struct naive_order *order)
{
    return naive_ledger_shares(run.naive, order) &&
           (on_its_way(order) || on_its_way(naive_ledger_by_ref(run.naive, order->other)));
}

static uint32_t doom_of(uint64_t ref)
{
    uint32_t at = 0;
    while (at < run.doom_count && run.dooms[at].ref != ref)
        at++;
    return at;
}

/* The market ends the other one of its pair, if it has not yet. */
static void doom_other(const struct naive_order *order, enum order_status status,
                       enum order_expiry expiry)
{
    const struct naive_order *other =
        order->other ? naive_ledger_by_ref(run.naive, order->other) : NULL;
    if (!other || !other->open || doom_of(order->other) < run.doom_count)
        return;
    if (run.doom_count == sizeof run.dooms / sizeof run.dooms[0])
        fail("too many orders are about to end");
    run.dooms[run.doom_count++] =
        (struct doom){.ref = order->other, .status = status, .expiry = expiry};
}

static void end_pending(uint64_t ref, enum order_expiry expiry)
{
    enum order_status status = expiry == EXPIRY_OWN ? ORDER_CANCELED : ORDER_EXPIRED;
    uint32_t slot = ledger_find_ref(run.ledger, ref);
    seen.calls[END_PENDING]++;
    seen.pending_ended[expiry]++;
    ledger_end_pending(run.ledger, slot, status, expiry, run.now_us);
    naive_ledger_end_pending(run.naive, ref, status, expiry, run.now_us);
    compare_touched(slot, ref);
}

static void end_all_pending(const struct naive_list *list, enum order_expiry expiry)
{
    for (uint32_t i = 1; i < list_orders(list->asked.kind); i++)
        end_pending(list->order[i].ref, expiry);
}

static void end_if_over(uint64_t id)
{
    const struct naive_list *list = naive_ledger_find_list(run.naive, id);
    if (naive_ledger_list_open(run.naive, list) > 0)
        return;
    seen.calls[LIST_END]++;
    seen.never_started += !list->started;
    ledger_list_end(run.ledger, ledger_find_list(run.ledger, id), run.now_us);
    naive_ledger_list_end(run.naive, id, run.now_us);
}

static void start_if_taken(const struct naive_list *list)
{
    if (list->started ||
        (list->asked.kind == LIST_OCO && !naive_ledger_list_order(run.naive, list, 1).order_id))
        return;
    seen.calls[LIST_START]++;
    int64_t heard_us = run.now_us + 1; /* behind the market's time */
    ledger_list_start(run.ledger, ledger_find_list(run.ledger, list->id), heard_us);
    naive_ledger_list_start(run.naive, list->id, heard_us);
}

/* The working order has ended. */
static void working_ended(const struct naive_list *list, enum order_status status)
{
    if (status != ORDER_FILLED || chance(5)) { /* or all are being cancelled */
        end_all_pending(list, status == ORDER_FILLED || status == ORDER_CANCELED ? EXPIRY_OWN
                                                                                 : EXPIRY_OTO);
        return;
    }
    seen.calls[TODO]++;
    ledger_list_todo(run.ledger, ledger_find_list(run.ledger, list->id));
    naive_ledger_list_todo(run.naive, list->id);
}

/* The market has said something of the order, and that it is not refused. */
static void told(uint64_t ref)
{
    const struct naive_order *order = naive_ledger_by_ref(run.naive, ref);
    const struct naive_list *list = list_of(order);
    if (!list)
        return;
    uint64_t id = list->id;
    enum order_status status = order->status;
    bool working = list->asked.kind != LIST_OCO && list->order[0].ref == ref;
    start_if_taken(list);
    if (!order->open && working)
        working_ended(list, status);
    if (!order->open && order->expiry != EXPIRY_OCO) {
        bool cancelled = status == ORDER_CANCELED || status == ORDER_EXPIRED;
        seen.ended_with[status] += order->other != 0;
        doom_other(order, cancelled ? status : ORDER_EXPIRED, cancelled ? EXPIRY_OWN : EXPIRY_OCO);
    }
    end_if_over(id);
    compare_list_of(id);
}

/* A new order of some open order's user and symbol, to take its place. */
static void do_replace(void)
{
    const struct naive_order *old = any_open();
    if (old && is_kept(old))
        return;
    if (!old || run.pair_count == sizeof run.pairs / sizeof run.pairs[0])
        return;
    uint32_t user = old->user;
    uint64_t old_ref = old->ref;
    struct ledger_new order = any_new();
    struct ledger_plan plan;
    bool alone = chance(50), same_side = chance(80);
    order.symbol = old->asked.symbol;
    if (same_side)
        order.side = old->asked.side;
    if (chance(70) && !type_is_market(old->asked.type)) { /* what the old one's hold nearly pays */
        order.type = TYPE_LIMIT;
        order.by_quote = false;
        order.stop_atoms = order.iceberg_atoms = order.trail_bips = 0;
        order.price_atoms = old->asked.price_atoms;
        order.qty_atoms = old->asked.qty_atoms +
                          (chance(50) ? below(3) - 1 : 0) * symbol_of(order.symbol)->spec.lot_atoms;
    }
    if (chance(15) && !type_is_market(old->asked.type)) { /* an estimate of about that hold */
        order.type = TYPE_MARKET;
        order.by_quote = order.side == SIDE_SELL;
        order.stop_atoms = order.iceberg_atoms = order.trail_bips = 0;
        order.hint_atoms = old->asked.price_atoms;
        order.qty_atoms = old->asked.qty_atoms;
        order.quote_atoms =
            (int64_t)naive_ledger_cost(run.naive, order.symbol, old->price_ticks, old->qty_lots);
    }
    if (chance(40)) {
        order.client_length = old->asked.client_length;
        memcpy(order.client_id, old->asked.client_id, order.client_length);
        seen.same_id++;
    }
    enum reject reject = ledger_check_replace(run.ledger, slot_of(user), &order,
                                              ledger_find_ref(run.ledger, old_ref), alone, &plan);
    struct naive_plan want = naive_ledger_check_replace(run.naive, user, &order, old_ref);
    if (reject != want.reject && reject != want.or_else)
        fail("%s; naive: %s", reject_text(reject), reject_text(want.reject));
    seen.calls[REPLACE]++;
    seen.replace_reject[reject]++;
    if (reject != REJECT_NONE)
        return;
    seen.chained += old->due > 0;
    compare_plan(&plan, &want, &order, alone);
    uint32_t slot = ledger_place(run.ledger, slot_of(user), &order, &plan, run.now_us);
    uint64_t ref = naive_ledger_place(run.naive, user, &order, &plan);
    compare_touched(slot, ref);
    run.pairs[run.pair_count].old = old_ref;
    run.pairs[run.pair_count++].made = ref;
}

static uint64_t id_of(const struct naive_order *order)
{
    uint64_t *last = &run.order_ids[order->asked.symbol], id = *last + 1;
    const struct naive_list *list = list_of(order);
    if (order->order_id)
        return order->order_id;
    *last = id;
    if (list && list->asked.kind != LIST_OCO) /* and those behind it for what is pending */
        *last += list_orders(list->asked.kind) - 1;
    return id;
}

static void do_accepted(const struct naive_order *order)
{
    uint64_t ref = order->ref, id = id_of(order);
    seen.calls[ACCEPTED]++;
    seen.accepted_after_fill += order->executed_lots > 0;
    uint32_t slot = ledger_accepted(run.ledger, ref, id, run.now_us);
    naive_ledger_accepted(run.naive, ref, id, run.now_us);
    compare_touched(slot, ref);
    told(ref);
}

/* A price the market may trade the order at. */
static int64_t fill_price(const struct naive_order *order)
{
    int64_t price = any_price();
    if (type_is_market(order->asked.type))
        return price;
    if (chance(30))
        return order->price_ticks;
    bool buy = order->asked.side == SIDE_BUY, worse = (price > order->price_ticks) == buy;
    return worse ? order->price_ticks : price;
}

/* Whether users have so much more of the asset than was deposited that a balance might overflow:
 * the counterparts of a real market could not have had it. */
static bool brought_in_too_much(uint16_t asset)
{
    __int128 supply =
        naive_ledger_deposits(run.naive, asset) - naive_ledger_withdrawals(run.naive, asset);
    return supply - run.in_flight[asset] > INT64_MAX / 2;
}

/* How many lots at that price the order's hold still pays for; 0: none. */
static int64_t fill_lots(const struct naive_order *order, int64_t price)
{
    const struct ledger_symbol *symbol = symbol_of(order->asked.symbol);
    int64_t held = naive_ledger_held(run.naive, order), left = naive_order_left(order);
    bool buy = order->asked.side == SIDE_BUY;
    if (buy && order->asked.by_quote)
        left = run.setting->lots_max;
    if (!buy && held / symbol->spec.lot_atoms < left)
        left = held / symbol->spec.lot_atoms;
    if (left > 0 && !chance(40))
        left = any_size(left);
    /* a seller's counterpart holds the quote, so it is no more than there is */
    while (left > 0 && naive_ledger_cost(run.naive, order->asked.symbol, price, left) >
                           (buy ? held : INT64_MAX / 1024))
        left /= 2;
    return brought_in_too_much(buy ? symbol->base : symbol->quote) ? 0 : left;
}

/* One side of a trade: what the user pays is in flight to another, and the other way round. */
static void move(const struct naive_order *order, int64_t price, int64_t lots)
{
    const struct ledger_symbol *symbol = symbol_of(order->asked.symbol);
    __int128 quote = naive_ledger_cost(run.naive, order->asked.symbol, price, lots);
    __int128 base = (__int128)lots * symbol->spec.lot_atoms;
    bool buy = order->asked.side == SIDE_BUY;
    run.in_flight[symbol->quote] += buy ? quote : -quote;
    run.in_flight[symbol->base] += buy ? -base : base;
    seen.zero_cost += quote == 0;
}

static bool do_fill(const struct naive_order *order)
{
    int64_t price = fill_price(order), lots = fill_lots(order, price);
    if (lots <= 0)
        return false;
    uint64_t ref = order->ref, id = id_of(order);
    bool maker = !type_is_market(order->asked.type) && chance(50);
    bool last = !order->asked.by_quote && lots == naive_order_left(order);
    move(order, price, lots);
    seen.calls[last ? LAST_FILL : FILL]++;
    seen.maker_fills += maker;
    ++run.trade_ids;
    uint32_t slot =
        ledger_fill(run.ledger, ref, id, run.trade_ids, price, lots, maker, last, run.now_us);
    naive_ledger_fill(run.naive, ref, id, run.trade_ids, price, lots, maker, last, run.now_us);
    compare_touched(slot, ref);
    told(ref);
    return true;
}

static void do_done(const struct naive_order *order)
{
    static const enum order_status ends[] = {ORDER_CANCELED, ORDER_EXPIRED, ORDER_EXPIRED_IN_MATCH};
    uint64_t ref = order->ref, id = id_of(order);
    enum order_status status = ends[below(3)];
    if (order->asked.by_quote && order->executed_lots && chance(60))
        status = ORDER_FILLED;
    seen.calls[DONE]++;
    seen.done[status]++;
    uint32_t slot = ledger_done(run.ledger, ref, id, status, run.now_us);
    naive_ledger_done(run.naive, ref, id, status, run.now_us);
    compare_touched(slot, ref);
    told(ref);
}

/* Self-trade prevention takes some of it, or all. */
static void do_prevented(const struct naive_order *order)
{
    uint64_t ref = order->ref, id = id_of(order);
    int64_t left = order->asked.by_quote ? run.setting->lots_max : naive_order_left(order);
    int64_t lots = chance(30) ? left : any_size(left);
    bool done = order->asked.by_quote ? chance(50) : lots == left;
    seen.calls[PREVENTED]++;
    seen.prevented_all += done;
    ++run.trade_ids;
    uint32_t slot = ledger_prevented(run.ledger, ref, id, run.trade_ids, lots, done, run.now_us);
    naive_ledger_prevented(run.naive, ref, id, run.trade_ids, lots, done, run.now_us);
    compare_touched(slot, ref);
    told(ref);
}

static void refuse(uint64_t ref)
{
    seen.calls[REFUSED]++;
    ledger_refused(run.ledger, ref);
    naive_ledger_refused(run.naive, ref);
    SAME(ledger_find_ref(run.ledger, ref), 0, "find a refused order");
}

/* Of a list's second phase the client has seen it; of its first nothing stays. */
static void do_refused(const struct naive_order *order)
{
    uint64_t ref = order->ref, id = order->list;
    const struct naive_list *list = list_of(order);
    if (order->other)
        doom_other(order, ORDER_EXPIRED, EXPIRY_REJECTED);
    if (order->flags & ORDER_PENDED) {
        seen.pending_refused++;
        end_pending(ref, EXPIRY_REJECTED);
    } else if (!list || list->asked.kind == LIST_OCO) {
        seen.pair_refused += list != NULL;
        refuse(ref);
    } else {
        uint64_t refs[LIST_ORDERS_MAX];
        uint32_t count = list_orders(list->asked.kind);
        for (uint32_t i = 0; i < count; i++)
            refs[i] = list->order[i].ref;
        for (uint32_t i = 0; i < count; i++)
            refuse(refs[i]);
    }
    if (!id)
        return;
    end_if_over(id);
    compare_list_of(id);
}

static uint32_t pair_of(uint64_t made)
{
    uint32_t at = 0;
    while (at < run.pair_count && run.pairs[at].made != made)
        at++;
    return at;
}

/* The market's word on a replace: first whether the old order was there to be cancelled, with what
 * of its hold goes over; a new order whose funds did not come is refused at once. */
static void do_replaced(const struct naive_order *made, uint32_t pair)
{
    uint64_t ref = run.pairs[pair].old, new_ref = made->ref;
    const struct naive_order *old = naive_ledger_by_ref(run.naive, ref);
    bool resting = old && old->open && !on_its_way(old) && !pair_is_coming(old) &&
                   doom_of(ref) == run.doom_count &&
                   (!type_is_market(old->asked.type) || (old->flags & ORDER_WAITING)) &&
                   pair_of(ref) == run.pair_count;
    bool estimate = type_is_market(made->asked.type);
    int64_t moved = 0, due = made->due;
    run.pairs[pair] = run.pairs[--run.pair_count];
    if (resting && !chance(10)) {
        int64_t held =
            due ? naive_ledger_held_alone(run.naive, old) : 0; /* else of another asset */
        moved = held >= due ? due : estimate ? held : 0;
        seen.calls[REPLACED]++;
        seen.moved_all += moved && moved == due;
        seen.moved_part += moved && moved < due;
        seen.moved_none += due && !moved;
        uint64_t order_id = old->order_id;
        uint32_t slot = ledger_replaced(run.ledger, ref, order_id, new_ref, moved, run.now_us);
        naive_ledger_replaced(run.naive, ref, order_id, new_ref, moved, run.now_us);
        compare_touched(slot, ref);
        compare_touched(ledger_find_ref(run.ledger, new_ref), new_ref);
        seen.listed_replaced += naive_ledger_by_ref(run.naive, ref)->list != 0;
        told(ref);
    }
    made = naive_ledger_by_ref(run.naive, new_ref);
    if (made->due || chance(10))
        do_refused(made);
}

/* Less of some order, or not. */
static void do_amend(void)
{
    const struct naive_order *order = any_open();
    if (!order)
        return;
    const struct ledger_symbol *symbol = symbol_of(order->asked.symbol);
    int64_t lots = order->qty_lots - any_size(order->qty_lots > 1 ? order->qty_lots - 1 : 1),
            off = 0;
    struct naive_amend amend = {.ref = order->ref, .user = order->user};
    if (chance(10))
        lots = order->qty_lots + below(2);
    amend.qty_atoms = lots * symbol->spec.lot_atoms + (chance(3) ? 1 : 0);
    amend.client_length =
        (uint8_t)snprintf(amend.client_id, CLIENT_ID_MAX, chance(20) ? "c%" PRId64 : "a%" PRId64,
                          below(run.setting->client_ids));
    if (chance(30)) {
        amend.client_length = order->asked.client_length;
        memcpy(amend.client_id, order->asked.client_id, amend.client_length);
    }
    uint32_t slot = ledger_find_ref(run.ledger, order->ref);
    enum reject reject = ledger_check_amend(run.ledger, slot, amend.qty_atoms, amend.client_id,
                                            amend.client_length, &off);
    enum reject want = naive_ledger_check_amend(run.naive, &amend);
    if (reject != want)
        fail("%s; naive: %s", reject_text(reject), reject_text(want));
    seen.calls[AMEND]++;
    seen.amend_reject[reject]++;
    if (reject != REJECT_NONE)
        return;
    SAME(off, order->qty_lots - amend.qty_atoms / symbol->spec.lot_atoms, "lots to take off");
    ledger_amend(run.ledger, slot, random_word(), off, amend.client_id, amend.client_length);
    naive_ledger_amend(run.naive, &amend);
    compare_touched(slot, order->ref);
}

/* The market's word on the oldest: refused, also because the order is no more, or what is left goes
 * as far as there is any. */
static bool do_amended(void)
{
    const struct naive_amend *amend = naive_ledger_amending(run.naive, 0);
    if (!amend)
        return false;
    uint64_t ref = amend->ref;
    const struct naive_order *order = naive_ledger_by_ref(run.naive, ref);
    bool gone = !order || !order->open || is_kept(order) || doom_of(ref) < run.doom_count ||
                naive_ledger_shares(run.naive, order); /* the market refuses one of a pair */
    if (!gone && (on_its_way(order) || order->due))
        return false; /* its place in the market's words is behind others */
    seen.calls[AMENDED]++;
    seen.amend_too_late += gone;
    if (gone || chance(10)) {
        ledger_amend_refused(run.ledger, ref);
        naive_ledger_amended(run.naive, ref, true, run.now_us);
    } else {
        int64_t left = naive_order_left(order);
        int64_t off = ledger_amending(run.ledger, ref)->lots;
        bool all = off >= left;
        seen.amended_away += all;
        uint32_t slot = ledger_amended(run.ledger, ref, all ? left : off, all, run.now_us);
        naive_ledger_amended(run.naive, ref, false, run.now_us);
        compare_touched(slot, ref);
        seen.listed_amended += naive_ledger_by_ref(run.naive, ref)->list != 0;
        told(ref);
    }
    if (ledger_amending(run.ledger, ref))
        fail("an amendment is under way behind its end");
    return true;
}

static void do_triggered(uint64_t ref)
{
    seen.calls[TRIGGERED]++;
    uint32_t slot = ledger_triggered(run.ledger, ref, run.now_us);
    naive_ledger_triggered(run.naive, ref, run.now_us);
    compare_touched(slot, ref);
}

/* An order that waits is accepted, and then fires or ends. */
static void do_waiting(const struct naive_order *order)
{
    if (on_its_way(order) && chance(15))
        do_refused(order);
    else if (on_its_way(order))
        do_accepted(order);
    else if (chance(50))
        do_done(order);
    else
        do_triggered(order->ref);
}

/* One of a pair that the market has ended with the other one. */
static void do_doomed(uint32_t at)
{
    const struct doom doom = run.dooms[at];
    const struct naive_order *order = naive_ledger_by_ref(run.naive, doom.ref);
    run.dooms[at] = run.dooms[--run.doom_count];
    if (doom.expiry == EXPIRY_REJECTED) {
        do_refused(order);
        return;
    }
    seen.calls[DONE]++;
    seen.done[doom.status]++;
    seen.ended_sibling += doom.expiry == EXPIRY_OCO;
    uint32_t slot = ledger_find_ref(run.ledger, doom.ref);
    uint64_t id = order->order_id;
    ledger_order(run.ledger, slot)->expiry = (uint8_t)doom.expiry;
    naive_ledger_expiry(run.naive, doom.ref, doom.expiry);
    slot = ledger_done(run.ledger, doom.ref, id, doom.status, run.now_us);
    naive_ledger_done(run.naive, doom.ref, id, doom.status, run.now_us);
    compare_touched(slot, doom.ref);
    told(doom.ref);
}

/* Both of a pair come to the book, the stop loss first, or none does. */
static void do_pair_taken(const struct naive_order *order)
{
    const struct naive_order *other = naive_ledger_by_ref(run.naive, order->other);
    const struct naive_order *loss = order->ref < other->ref ? order : other;
    const struct naive_order *gain = loss == order ? other : order;
    if (!on_its_way(loss))
        do_accepted(gain);
    else if (chance(10))
        do_refused(loss);
    else
        do_accepted(loss);
}

/* It trades or is triggered, and the other one ends: which of the two the market tells first. */
static void do_act(const struct naive_order *order)
{
    uint64_t ref = order->ref;
    bool late = chance(50);
    if (!(order->flags & ORDER_WAITING)) {
        if (!do_fill(order))
            return;
        order = naive_ledger_by_ref(run.naive, ref);
        seen.acts_filled++;
        doom_other(order, ORDER_EXPIRED, EXPIRY_OCO);
        return;
    }
    doom_other(order, ORDER_EXPIRED, EXPIRY_OCO);
    if (!late)
        do_doomed(doom_of(order->other));
    seen.acts_triggered++;
    seen.acts_told_late += late;
    do_triggered(ref);
}

/* Of a pair, of which none has acted. */
static void do_paired(const struct naive_order *order)
{
    int64_t what = below(100);
    if (pair_is_coming(order)) {
        do_pair_taken(order);
    } else if (what < 50) {
        do_act(order);
    } else if (what < 80 && !(order->flags & ORDER_WAITING)) {
        int64_t before = naive_ledger_held(run.naive, order);
        uint64_t ref = order->ref;
        do_prevented(order);
        order = naive_ledger_by_ref(run.naive, ref);
        seen.trimmed += order->open && naive_ledger_held(run.naive, order) < before;
    } else if (what >= 90) {
        do_done(order);
    }
}

/* The working order is filled: what is pending is placed, as far as the funds reach, or not. */
static void do_place_pending(const struct naive_list *list)
{
    uint64_t id = list->id;
    uint32_t slot = ledger_find_list(run.ledger, id);
    if (chance(5)) {
        ledger_list(run.ledger, slot)->cancel_tag = random_word();
        end_all_pending(list, EXPIRY_OWN);
        end_if_over(id);
        compare_list_of(id);
        return;
    }
    struct naive_plan want = naive_ledger_check_fund(run.naive, id);
    enum reject reject = ledger_list_fund(run.ledger, slot);
    if (reject != want.reject && reject != want.or_else)
        fail("%s; naive: %s", reject_text(reject), reject_text(want.reject));
    seen.calls[FUND]++;
    seen.fund_reject[reject]++;
    if (reject == REJECT_NONE) {
        const struct ledger_order *first =
            ledger_order(run.ledger, ledger_find_ref(run.ledger, list->order[1].ref));
        int64_t hold = ledger_hold_of(run.ledger, first);
        if (hold < want.hold_min || hold > want.hold_max)
            fail("pending: hold %" PRId64 " is not in %" PRId64 "..%" PRId64, hold, want.hold_min,
                 want.hold_max);
        naive_ledger_fund(run.naive, id, &want, hold);
        seen.fund_estimates += want.estimate;
        seen.funded_in_pairs += list->asked.kind == LIST_OTOCO;
    } else {
        end_all_pending(list, EXPIRY_REJECTED);
        end_if_over(id);
    }
    compare_list_of(id);
}

/* The market's word on some live order: an order not yet known to it may be refused; the others are
 * accepted, filled and ended in any order. */
static void do_market(void)
{
    const struct naive_order *order = any_open();
    if (chance(20) && do_amended())
        return;
    if (!order) {
        do_new();
        return;
    }
    if (run.doom_count && chance(30)) {
        do_doomed((uint32_t)below(run.doom_count));
        return;
    }
    if (is_kept(order) && list_of(order)->phase == LIST_TODO) {
        do_place_pending(list_of(order));
        return;
    }
    if (is_kept(order)) /* the market knows the one that it waits for */
        order = naive_ledger_by_ref(run.naive, list_of(order)->order[0].ref);
    if (doom_of(order->ref) < run.doom_count) {
        do_doomed(doom_of(order->ref));
        return;
    }
    if (naive_ledger_shares(run.naive, order)) {
        do_paired(order);
        return;
    }
    if (pair_of(order->ref) < run.pair_count) {
        do_replaced(order, pair_of(order->ref));
        return;
    }
    if (order->flags & ORDER_WAITING) {
        do_waiting(order);
        return;
    }
    int64_t what = below(100);
    if (on_its_way(order) && what < 15)
        do_refused(order);
    else if (what < 30 && !type_is_market(order->asked.type))
        do_accepted(order);
    else if (what < 40 && !order->due && naive_order_left(order) >= 0)
        do_prevented(order);
    else if (what >= 80 || !do_fill(order))
        do_done(order);
}

static void any_request(uint32_t number, uint8_t id[REQUEST_ID_BYTES])
{
    memset(id, 0, REQUEST_ID_BYTES);
    memcpy(id, &number, sizeof number);
    id[15] = (uint8_t)number;
}

static void do_deposit(void)
{
    uint32_t user = (uint32_t)below(run.setting->users);
    uint32_t number = (uint32_t)below(run.setting->request_ids);
    uint16_t asset = (uint16_t)below(ASSETS);
    int64_t amount = any_size(run.deposit_max), free_after = 0;
    uint8_t id[REQUEST_ID_BYTES];
    if (asset == ASSETS - 1 && chance(50))
        amount = any_size(INT64_MAX);
    else if (chance(35)) { /* around what there is to withdraw */
        int64_t there = naive_ledger_free_atoms(run.naive, user, asset);
        amount = -any_size(there < INT64_MAX / 2 ? there + there / 4 + 2 : there);
    }
    if (chance(2))
        amount = 0;
    if (run.requests[number].asset < ASSETS && chance(60)) { /* a repeat */
        user = run.requests[number].user;
        asset = (uint16_t)((run.requests[number].asset + chance(10)) % ASSETS);
        amount = run.requests[number].amount + chance(20);
    }
    if (amount > 0 && asset < ASSETS - 1 && brought_in_too_much(asset))
        return;
    any_request(number, id);
    const struct ledger_deposit *done;
    bool repeat;
    enum reject reject = ledger_check_deposit(run.ledger, slot_of(user), asset, amount, id, &done);
    enum reject want =
        naive_ledger_check_deposit(run.naive, user, asset, amount, id, &repeat, &free_after);
    if (reject != want)
        fail("%s; naive: %s", reject_text(reject), reject_text(want));
    SAME(done != NULL, repeat, "a repeat");
    seen.calls[amount < 0 ? WITHDRAWAL : DEPOSIT]++;
    seen.deposit_reject[reject]++;
    if (repeat) {
        seen.repeats += reject == REJECT_NONE;
        SAME(done->free_after, free_after, "the first answer");
        return;
    }
    if (reject != REJECT_NONE)
        return;
    const struct ledger_deposit *made =
        ledger_apply_deposit(run.ledger, slot_of(user), asset, amount, id);
    SAME(made->amount, amount, "deposit's amount");
    SAME(made->free_after, naive_ledger_apply_deposit(run.naive, user, asset, amount, id),
         "free after a deposit");
    run.requests[number].user = user;
    run.requests[number].asset = asset;
    run.requests[number].amount = amount;
}

/* A user's own commissions, in one symbol or in all; half of the time they go again. */
static void do_rates(void)
{
    uint32_t user = (uint32_t)below(run.setting->users);
    uint16_t symbol = below(3) ? (uint16_t)below(SYMBOLS) : SYMBOL_NONE;
    struct ledger_rates rates = {0};
    if (chance(50))
        rates = (struct ledger_rates){
            .set = true, .maker_ppm = (int32_t)below(1000000), .taker_ppm = (int32_t)below(2000)};
    uint32_t slot = ledger_user_find(run.ledger, FIRST_USER_ID + user);
    bool known = symbol == SYMBOL_NONE || symbol < SYMBOLS - 1;
    enum reject reject = ledger_check_rates(run.ledger, slot, symbol);
    SAME(reject, known ? REJECT_NONE : REJECT_UNKNOWN_SYMBOL, "check of rates");
    if (!known)
        return;
    ledger_set_rates(run.ledger, slot, symbol, &rates);
    naive_ledger_set_rates(run.naive, user, symbol, &rates);
    seen.calls[RATES]++;
}

static void one_command(void)
{
    static const int moods[] = {20, 35, 45, 55, 70};
    if (run.market == 0 || below(1500) == 0)
        run.market = moods[below(5)];
    run.now_us += below(3);
    int64_t what = below(100);
    if (what < 4) {
        run.doing = "deposit";
        do_deposit();
    } else if (what < 4 + run.market) {
        run.doing = "market";
        do_market();
    } else if (below(100) == 0) {
        run.doing = "rates";
        do_rates();
    } else if (chance(12)) {
        run.doing = "amend";
        do_amend();
    } else if (chance(25)) {
        run.doing = "replace";
        do_replace();
    } else if (chance(25)) {
        run.doing = "list";
        do_new_list();
    } else {
        run.doing = "new";
        do_new();
    }
    seen.commands++;
    if (seen.open_max < ledger_open_orders(run.ledger))
        seen.open_max = ledger_open_orders(run.ledger);
}

/* ---- settings ---- */

static void set_symbol(struct ledger_symbol *symbol, uint16_t number)
{
    const struct setting *s = run.setting;
    *symbol = (struct ledger_symbol){.active = number < SYMBOLS - 1,
                                     .spec = s->spec[number % 2],
                                     .base = (uint16_t)(number % 3), /* 3 is a pair of its own... */
                                     .quote = (uint16_t)(3 - (number == 3)), /* ...of 0 and 2 */
                                     .max_orders = s->max_orders,
                                     .maker_ppm = s->maker_ppm,
                                     .taker_ppm = s->taker_ppm};
    symbol->limits.order_lists = number == 3 ? 3 : 0;
    if (!s->filters)
        return;
    symbol->min_price_ticks = s->price_max_ticks / 1000 + 2;
    symbol->max_price_ticks = s->price_max_ticks / 10 * 7;
    symbol->min_lots = 3;
    symbol->max_lots = s->lots_max / 10 * 9;
    symbol->market_min_lots = 5;
    symbol->market_max_lots = s->lots_max / 2;
    __int128 middle = (__int128)s->price_max_ticks / 2 * symbol->spec.tick_atoms *
                      (s->lots_max / 2) * symbol->spec.lot_atoms / MONEY_ATOMS_PER_UNIT;
    symbol->min_notional = (int64_t)(middle / 100000) + 1;
    symbol->max_notional = (int64_t)(middle * 2);
    symbol->limits.position_atoms = s->lots_max * symbol->spec.lot_atoms * 40;
    symbol->limits.algo_orders = 1 + number;
    symbol->limits.iceberg_orders = 1;
    symbol->limits.iceberg_parts = 10;
    symbol->limits.order_lists = 2;
    symbol->limits.above_min = symbol->limits.below_min = 10;
    symbol->limits.above_max = 2000;
    symbol->limits.below_max = 2500;
    symbol->limits.min_spares_market = number == 0;
    symbol->limits.max_spares_market = number == 1;
    symbol->limits.min_notional_alone = number == 2;
    if (number != 1)
        return;
    symbol->limits.tick_atoms = symbol->spec.tick_atoms * 2;
    symbol->limits.step_atoms = symbol->spec.lot_atoms * 2;
    symbol->limits.market_step_atoms = symbol->spec.lot_atoms * 4;
}

/* What about twenty of the larger orders cost, so that funds run out now and then. */
static int64_t deposit_scale(void)
{
    __int128 cost = 0;
    for (int i = 0; i < 2; i++) {
        const struct money_spec *spec = &run.setting->spec[i];
        __int128 quote = (__int128)run.setting->price_max_ticks / 2 * spec->tick_atoms *
                         (run.setting->lots_max / 4) * spec->lot_atoms / MONEY_ATOMS_PER_UNIT;
        cost = quote > cost ? quote : cost;
    }
    cost *= 20;
    return cost > INT64_MAX / 1024 ? INT64_MAX / 1024 : cost < 100 ? 100 : (int64_t)cost;
}

static void open_setting(uint32_t index)
{
    const struct setting *s = run.setting = &settings[index];
    draw_from = hash_fold(run.seed, index);
    run.limits = (struct ledger_limits){.shard = (uint16_t)(index * 97 % 1024),
                                        .users = USERS_MAX + 1,
                                        .symbols = SYMBOLS,
                                        .assets = ASSETS,
                                        .open_orders = s->open_orders,
                                        .done_orders = s->done_orders,
                                        .balances = USERS_MAX * ASSETS + 4,
                                        .deposits = s->deposits,
                                        .user_symbols = USERS_MAX * SYMBOLS + 2,
                                        .history = s->history};
    run.block = calloc(1, ledger_size(&run.limits));
    if (!run.block)
        abort();
    run.ledger = ledger_init(run.block, &run.limits);
    run.naive = naive_ledger_new(&run.limits);
    for (uint16_t symbol = 0; symbol < SYMBOLS; symbol++) {
        set_symbol(ledger_symbol(run.ledger, symbol), symbol);
        set_symbol(naive_ledger_symbol(run.naive, symbol), symbol);
    }
    ledger_exchange(run.ledger)->orders = s->filters ? s->max_orders + 1 : 0;
    ledger_exchange(run.ledger)->algo_orders = s->filters ? 2 : 0;
    ledger_exchange(run.ledger)->iceberg_orders = s->filters ? 1 : 0;
    ledger_exchange(run.ledger)->order_lists = s->filters ? 2 : s->max_orders ? 0 : 5;
    *naive_ledger_exchange(run.naive) = *ledger_exchange(run.ledger);
    for (uint32_t user = 0; user < s->users; user++) {
        ledger_user_add(run.ledger, FIRST_USER_ID + user);
        naive_ledger_user_add(run.naive, FIRST_USER_ID + user);
    }
    memset(run.order_ids, 0, sizeof run.order_ids);
    memset(run.in_flight, 0, sizeof run.in_flight);
    for (size_t i = 0; i < sizeof run.requests / sizeof run.requests[0]; i++)
        run.requests[i].asset = ASSETS;
    run.pair_count = run.doom_count = 0;
    run.deposit_max = deposit_scale();
    run.now_us = 1;
    run.market = 0;
}

static void run_setting(uint32_t index, uint64_t commands)
{
    open_setting(index);
    for (uint64_t i = 1; i <= commands; i++) {
        run.number++;
        one_command();
        if (i % CHECK_EVERY == 0 || i == commands) {
            run.doing = "check of everything";
            compare_all();
            if (chance(50))
                reload();
        }
    }
    seen.evicted_orders += naive_ledger_evicted_orders(run.naive);
    seen.evicted_lists += naive_ledger_evicted_lists(run.naive);
    seen.evicted_trades += naive_ledger_evicted_trades(run.naive);
    free(run.block);
    naive_ledger_free(run.naive);
}

/* ---- the summary ---- */

static bool all_seen = true;

static void show(const char *what, uint64_t count)
{
    printf(" %s %" PRIu64, what, count);
    all_seen = all_seen && count > 0;
}

static void show_lists(void)
{
    printf("; lists:");
    show("OCO", seen.kinds[LIST_OCO]);
    show("OTO", seen.kinds[LIST_OTO]);
    show("OTOCO", seen.kinds[LIST_OTOCO]);
    show("never started", seen.never_started);
    show("evicted", seen.evicted_lists);
    show("orders of pairs refused", seen.pair_refused);
    show("filled first", seen.acts_filled);
    show("triggered first", seen.acts_triggered);
    show("told before the other's end", seen.acts_told_late);
    show("ended by the other one", seen.ended_sibling);
    show("ended FILLED", seen.ended_with[ORDER_FILLED]);
    show("CANCELED", seen.ended_with[ORDER_CANCELED]);
    show("EXPIRED", seen.ended_with[ORDER_EXPIRED]);
    show("EXPIRED_IN_MATCH", seen.ended_with[ORDER_EXPIRED_IN_MATCH]);
    show("trimmed", seen.trimmed);
    show("replaced", seen.listed_replaced);
    show("amended", seen.listed_amended);
    show("funded", seen.fund_reject[REJECT_NONE]);
    show("as pairs", seen.funded_in_pairs);
    show("by an estimate", seen.fund_estimates);
    show("not funded", seen.fund_reject[REJECT_NO_FUNDS]);
    show("pending CANCELED", seen.pending_ended[EXPIRY_OWN]);
    show("EXPIRED", seen.pending_ended[EXPIRY_OTO]);
    show("REJECTED", seen.pending_ended[EXPIRY_REJECTED]);
    show("of these by the market", seen.pending_refused);
    show("snapshots read", seen.snapshots);
}

/* Prints the counts; false if, in a long run, some kind never came. */
static bool summary(void)
{
    static const struct {
        enum reject reject;
        const char *name;
    } new_rejects[] = {{REJECT_NONE, "accepted"},
                       {REJECT_UNKNOWN_SYMBOL, "UNKNOWN_SYMBOL"},
                       {REJECT_PRICE_FILTER, "PRICE_FILTER"},
                       {REJECT_LOT_SIZE, "LOT_SIZE"},
                       {REJECT_MARKET_LOT_SIZE, "MARKET_LOT_SIZE"},
                       {REJECT_NOTIONAL, "NOTIONAL"},
                       {REJECT_OVERFLOW, "OVERFLOW"},
                       {REJECT_DUPLICATE_ORDER, "DUPLICATE_ORDER"},
                       {REJECT_MAX_NUM_ORDERS, "MAX_NUM_ORDERS"},
                       {REJECT_MIN_NOTIONAL, "MIN_NOTIONAL"},
                       {REJECT_MAX_POSITION, "MAX_POSITION"},
                       {REJECT_EXCHANGE_MAX_NUM_ORDERS, "EXCHANGE_MAX_NUM_ORDERS"},
                       {REJECT_TRAILING_DELTA, "TRAILING_DELTA"},
                       {REJECT_ICEBERG_PARTS, "ICEBERG_PARTS"},
                       {REJECT_MAX_NUM_ALGO_ORDERS, "MAX_NUM_ALGO_ORDERS"},
                       {REJECT_MAX_NUM_ICEBERG_ORDERS, "MAX_NUM_ICEBERG_ORDERS"},
                       {REJECT_EXCHANGE_MAX_NUM_ALGO_ORDERS, "EXCHANGE_MAX_NUM_ALGO_ORDERS"},
                       {REJECT_EXCHANGE_MAX_NUM_ICEBERG_ORDERS, "EXCHANGE_MAX_NUM_ICEBERG_ORDERS"},
                       {REJECT_NO_FUNDS, "NO_FUNDS"},
                       {REJECT_LIMIT, "LIMIT"}},
      amend_rejects[] = {{REJECT_NONE, "taken"},
                         {REJECT_UNKNOWN_ORDER, "UNKNOWN_ORDER"},
                         {REJECT_LOT_SIZE, "LOT_SIZE"},
                         {REJECT_NOTIONAL, "NOTIONAL"},
                         {REJECT_QTY_INCREASE, "QTY_INCREASE"},
                         {REJECT_NO_CHANGE, "NO_CHANGE"},
                         {REJECT_DUPLICATE_ORDER, "DUPLICATE_ORDER"},
                         {REJECT_NO_AMEND, "NO_AMEND"},
                         {REJECT_BUSY, "BUSY"}},
      deposit_rejects[] = {{REJECT_NONE, "applied or repeated"},
                           {REJECT_REQUEST_ID_REUSED, "REQUEST_ID_REUSED"},
                           {REJECT_NO_FUNDS, "NO_FUNDS"},
                           {REJECT_OVERFLOW, "OVERFLOW"},
                           {REJECT_LIMIT, "LIMIT"}};
    printf("test_ledger_oracle: seed %" PRIu64 ", %" PRIu64 " commands, %d settings, %" PRIu64
           " checks of everything, at most %" PRIu64 " open orders; calls:",
           run.seed, seen.commands, SETTINGS, seen.checks, seen.open_max);
    for (int i = 0; i < CALLS; i++)
        show(call_name[i], seen.calls[i]);
    printf("; new:");
    for (size_t i = 0; i < sizeof new_rejects / sizeof new_rejects[0]; i++)
        show(new_rejects[i].name, seen.new_reject[new_rejects[i].reject]);
    printf("; replace:");
    for (size_t i = 0; i < sizeof new_rejects / sizeof new_rejects[0]; i++)
        if (new_rejects[i].reject != REJECT_UNKNOWN_SYMBOL) /* the old order has one */
            show(new_rejects[i].name, seen.replace_reject[new_rejects[i].reject]);
    printf("; list:");
    for (size_t i = 0; i < sizeof new_rejects / sizeof new_rejects[0]; i++)
        show(new_rejects[i].name, seen.list_reject[new_rejects[i].reject]);
    show("PAIR_PRICES", seen.list_reject[REJECT_PAIR_PRICES]);
    show("MAX_NUM_ORDER_LISTS", seen.list_reject[REJECT_MAX_NUM_ORDER_LISTS]);
    show("EXCHANGE_MAX_NUM_ORDER_LISTS", seen.list_reject[REJECT_EXCHANGE_MAX_NUM_ORDER_LISTS]);
    printf("; amend:");
    for (size_t i = 0; i < sizeof amend_rejects / sizeof amend_rejects[0]; i++)
        show(amend_rejects[i].name, seen.amend_reject[amend_rejects[i].reject]);
    printf("; money:");
    for (size_t i = 0; i < sizeof deposit_rejects / sizeof deposit_rejects[0]; i++)
        show(deposit_rejects[i].name, seen.deposit_reject[deposit_rejects[i].reject]);
    printf("; done:");
    show("FILLED", seen.done[ORDER_FILLED]);
    show("CANCELED", seen.done[ORDER_CANCELED]);
    show("EXPIRED", seen.done[ORDER_EXPIRED]);
    show("EXPIRED_IN_MATCH", seen.done[ORDER_EXPIRED_IN_MATCH]);
    printf("; among them:");
    show("repeats", seen.repeats);
    show("held all", seen.held_all);
    show("without a hint", seen.no_hint);
    show("buys by quote", seen.by_quote[SIDE_BUY]);
    show("sells by quote", seen.by_quote[SIDE_SELL]);
    show("maker fills", seen.maker_fills);
    show("fills of no cost", seen.zero_cost);
    show("holds moved whole", seen.moved_all);
    show("in part", seen.moved_part);
    show("not enough", seen.moved_none);
    show("same id", seen.same_id);
    show("of one that waits itself", seen.chained);
    show("accepted after a fill", seen.accepted_after_fill);
    show("prevented whole", seen.prevented_all);
    show("amended to nothing", seen.amended_away);
    show("amended too late", seen.amend_too_late);
    show("orders evicted", seen.evicted_orders);
    show("trades evicted", seen.evicted_trades);
    show_lists();
    bool good = all_seen || seen.commands < 500000;
    printf("%s\n", good ? "" : " - SOME KIND NEVER CAME");
    return good;
}

int main(int argc, char **argv)
{
    uint64_t commands = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    run.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    for (uint32_t i = 0; i < SETTINGS; i++) {
        uint64_t from = commands * i / SETTINGS, to = commands * (i + 1) / SETTINGS;
        if (to > from)
            run_setting(i, to - from);
    }
    return summary() ? 0 : 1;
}
