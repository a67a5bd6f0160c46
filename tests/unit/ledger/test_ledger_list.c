/* Lists of orders: what becomes of an OCO, an OTO, an OTOCO, what they hold meanwhile, and what of
 * them a snapshot takes. The rules against random commands: tests/oracle/test_ledger_oracle.c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "actors/ledger/ledger.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNITS(n)     ((int64_t)(n)*MONEY_ATOMS_PER_UNIT)

enum { BTC, USD, ASSETS };
enum { TICKS = 100, LOTS = 1000 }; /* of one USD, one BTC */
enum { QTY = 2, FIRST_ID = 500 };

static const struct ledger_limits limits = {.shard = 7,
                                            .users = 2,
                                            .symbols = 2,
                                            .assets = ASSETS,
                                            .open_orders = 20,
                                            .done_orders = 3,
                                            .balances = 8,
                                            .deposits = 8,
                                            .user_symbols = 8,
                                            .history = 30};
static struct ledger *ledger;
static uint32_t user;
static int64_t now_us;
static uint64_t order_ids;

static void set_symbols(struct ledger *of)
{
    for (uint16_t i = 0; i < 2; i++)
        *ledger_symbol(of, i) = (struct ledger_symbol){
            .active = true,
            .spec = {.tick_atoms = UNITS(1) / TICKS, .lot_atoms = UNITS(1) / LOTS},
            .base = BTC,
            .quote = USD,
        };
}

static void move_money(uint16_t asset, int64_t atoms)
{
    static uint32_t requests;
    requests++;
    uint8_t id[REQUEST_ID_BYTES] = {(uint8_t)requests, (uint8_t)(requests >> 8)};
    ledger_apply_deposit(ledger, user, asset, atoms, id);
}

static void open_ledger(void)
{
    ledger = ledger_init(calloc(1, ledger_size(&limits)), &limits);
    set_symbols(ledger);
    ledger_user_add(ledger, 1);
    user = ledger_user_find(ledger, 1);
    move_money(BTC, UNITS(10));
    move_money(USD, UNITS(1000));
    now_us = 1;
    order_ids = FIRST_ID - 1;
}

static void close_ledger(void)
{
    free(ledger);
}

TestSuite(ledger_list, .init = open_ledger, .fini = close_ledger);

/* ---- lists to try ---- */

static struct ledger_new order_of(uint8_t side, uint8_t type, int64_t stop, int64_t price)
{
    static uint32_t names;
    struct ledger_new order = {.side = side,
                               .type = type,
                               .price_atoms = UNITS(price),
                               .stop_atoms = UNITS(stop),
                               .qty_atoms = UNITS(QTY)};
    order.client_length = (uint8_t)snprintf(order.client_id, CLIENT_ID_MAX, "order %u", ++names);
    return order;
}

enum shape { BUY_OCO, LOW_OCO, SELL_OCO, OTO, OTOCO };

/* Of QTY; LOW_OCO: the stop loss may cost less than the other one. */
static struct ledger_new_list list_of(enum shape shape)
{
    static uint32_t names;
    struct ledger_new_list list = {.kind = LIST_OCO};
    switch (shape) {
    case BUY_OCO:
    case LOW_OCO:
        list.order[0] = order_of(SIDE_BUY, TYPE_STOP_LOSS_LIMIT, 110, shape == BUY_OCO ? 111 : 80);
        list.order[1] = order_of(SIDE_BUY, TYPE_LIMIT_MAKER, 0, 90);
        break;
    case SELL_OCO:
        list.order[0] = order_of(SIDE_SELL, TYPE_STOP_LOSS, 90, 0);
        list.order[1] = order_of(SIDE_SELL, TYPE_LIMIT_MAKER, 0, 110);
        break;
    case OTO:
        list.kind = LIST_OTO;
        list.order[0] = order_of(SIDE_BUY, TYPE_LIMIT, 0, 100);
        list.order[1] = order_of(SIDE_SELL, TYPE_LIMIT, 0, 120);
        break;
    case OTOCO:
        list.kind = LIST_OTOCO;
        list.order[0] = order_of(SIDE_BUY, TYPE_LIMIT, 0, 100);
        list.order[1] = order_of(SIDE_SELL, TYPE_STOP_LOSS_LIMIT, 90, 89);
        list.order[2] = order_of(SIDE_SELL, TYPE_LIMIT_MAKER, 0, 120);
        break;
    }
    list.client_length = (uint8_t)snprintf(list.client_id, CLIENT_ID_MAX, "list %u", ++names);
    return list;
}

static enum reject check(const struct ledger_new_list *list)
{
    struct ledger_plan plan[LIST_ORDERS_MAX];
    return ledger_check_list(ledger, user, list, plan);
}

static uint32_t place(const struct ledger_new_list *list)
{
    struct ledger_plan plan[LIST_ORDERS_MAX];
    cr_assert_eq(ledger_check_list(ledger, user, list, plan), REJECT_NONE);
    return ledger_place_list(ledger, user, list, plan, ++now_us);
}

static uint32_t place_of(enum shape shape)
{
    const struct ledger_new_list list = list_of(shape);
    return place(&list);
}

/* ---- what is told of it ---- */

static uint64_t id_of(const struct ledger_list *list, uint32_t at)
{
    if (list->order[at].order_id)
        return list->order[at].order_id;
    uint64_t id = order_ids + 1;
    order_ids += list->kind == LIST_OCO ? 1 : list_orders(list->kind);
    return id;
}

static void done(struct ledger_list *list, uint32_t at, enum order_status status, uint8_t expiry)
{
    uint64_t ref = list->order[at].ref;
    ledger_order(ledger, ledger_find_ref(ledger, ref))->expiry = expiry;
    ledger_done(ledger, ref, id_of(list, at), status, now_us);
}

static void fill(struct ledger_list *list, uint32_t at, bool all)
{
    const struct ledger_order *order =
        ledger_order(ledger, ledger_find_ref(ledger, list->order[at].ref));
    int64_t price = order->price_ticks ? order->price_ticks : 90 * TICKS;
    ledger_fill(ledger, order->ref, id_of(list, at), 1, price, all ? order_left(order) : LOTS, true,
                all, now_us);
}

static void prevent(struct ledger_list *list, uint32_t at, bool all)
{
    const struct ledger_order *order =
        ledger_order(ledger, ledger_find_ref(ledger, list->order[at].ref));
    ledger_prevented(ledger, order->ref, id_of(list, at), 1, all ? order_left(order) : LOTS, all,
                     now_us);
}

static void end_pending(struct ledger_list *list, uint32_t at, enum order_expiry expiry)
{
    ledger_end_pending(ledger, ledger_find_ref(ledger, list->order[at].ref),
                       expiry == EXPIRY_OWN ? ORDER_CANCELED : ORDER_EXPIRED, expiry, now_us);
}

/* Of the order `at`: accepted, partly filled and Filled, triggered, cancelled, expired, ended with
 * its sibling, partly prevented and Prevented, refused; when pending, Cancelled, Expired, Rejected.
 */
static void tell_of(struct ledger_list *list, char what, uint32_t at)
{
    uint64_t ref = list->order[at].ref;
    switch (what) {
    case 'a':
        ledger_accepted(ledger, ref, id_of(list, at), now_us);
        break;
    case 'f':
        fill(list, at, false);
        break;
    case 'F':
        fill(list, at, true);
        break;
    case 't':
        ledger_triggered(ledger, ref, now_us);
        break;
    case 'c':
        done(list, at, ORDER_CANCELED, EXPIRY_OWN);
        break;
    case 'e':
        done(list, at, ORDER_EXPIRED, EXPIRY_OWN);
        break;
    case 's':
        done(list, at, ORDER_EXPIRED, EXPIRY_OCO);
        break;
    case 'p':
        prevent(list, at, false);
        break;
    case 'P':
        prevent(list, at, true);
        break;
    case 'r':
        ledger_refused(ledger, ref);
        break;
    case 'C':
        end_pending(list, at, EXPIRY_OWN);
        break;
    case 'E':
        end_pending(list, at, EXPIRY_OTO);
        break;
    case 'R':
        end_pending(list, at, EXPIRY_REJECTED);
        break;
    default:
        cr_assert(false, "no such step: %c", what);
    }
}

/* Steps of one order, as "a0", or of the list: + starts, * its working order is filled, $ those
 * pending are funded, ! they cannot be, since all BTC is withdrawn, . ends. */
static void tell(uint32_t slot, const char *steps)
{
    struct ledger_list *list = ledger_list(ledger, slot);
    for (const char *step = steps; *step; step++) {
        uint32_t btc = ledger_find_balance(ledger, user, BTC);
        now_us++;
        switch (*step) {
        case ' ':
            break;
        case '+':
            ledger_list_start(ledger, slot, now_us);
            break;
        case '*':
            ledger_list_todo(ledger, slot);
            break;
        case '$':
            cr_assert_eq(ledger_list_fund(ledger, slot), REJECT_NONE);
            break;
        case '!':
            move_money(BTC, -ledger_balance(ledger, btc)->free);
            cr_assert_eq(ledger_list_fund(ledger, slot), REJECT_NO_FUNDS);
            break;
        case '.':
            ledger_list_end(ledger, slot, now_us);
            break;
        default:
            tell_of(list, *step, (uint32_t)(step[1] - '0'));
            step++;
        }
    }
}

/* ---- what is seen of it ---- */

static char status_of(const struct ledger_list *list, uint32_t at)
{
    static const char letters[] = "snpFCEXP"; /* by enum order_status */
    uint32_t slot = ledger_find_ref(ledger, list->order[at].ref);
    if (!slot)
        slot = ledger_find_order_id(ledger, user, list->symbol, list->order[at].order_id);
    if (!slot)
        return '-';
    const struct ledger_order *order = ledger_order(ledger, slot);
    return order->expiry == EXPIRY_REJECTED ? 'R' : letters[order->status];
}

static int64_t locked_units(uint16_t asset)
{
    return ledger_balance(ledger, ledger_find_balance(ledger, user, asset))->locked / UNITS(1);
}

static unsigned char bytes[1 << 16];

static uint32_t write_ledger(void)
{
    struct wire wire = {.out = bytes, .end = sizeof bytes, .ok = true};
    ledger_wire(&wire, ledger);
    return wire.at;
}

/* What is read of the bytes; NULL: it is not a ledger. */
static struct ledger *read_ledger(uint32_t count)
{
    struct wire wire = {.in = bytes, .end = count, .ok = true};
    struct ledger *read = ledger_init(calloc(1, ledger_size(&limits)), &limits);
    ledger_wire(&wire, read);
    if (wire.ok)
        return read;
    free(read);
    return NULL;
}

static void check_snapshot(void)
{
    struct ledger *read = read_ledger(write_ledger());
    cr_assert(read != NULL);
    ledger_verify(read);
    cr_assert_eq(ledger_hash(read), ledger_hash(ledger));
    free(read);
}

/* ---- life cycles ---- */

struct life {
    enum shape shape;
    const char *steps,
        *statuses;          /* sent, new, partly filled, Filled, Cancelled, Expired, X: with
                               self-trade prevention, Pending, expired for it was Rejected, - forgotten */
    int64_t open, usd, btc; /* orders; what is locked */
};

/* Goal: each end of each kind of list, and on the way there the holds. Method: what is told, then
 * what is seen, of the ledger and of what its snapshot makes of it. */
Test(ledger_list, lives_as_the_market_says)
{
    static const struct life lives[] = {
        /* two to buy for 222 and for 180: one hold, the larger */
        {BUY_OCO, "", "ss", 2, 222, 0},
        {BUY_OCO, "a0", "ns", 2, 222, 0},
        {BUY_OCO, "a0a1+", "nn", 2, 222, 0},
        {BUY_OCO, "a0a1+ f1", "np", 2, 90, 0}, /* half of it is bought */
        {BUY_OCO, "a0a1+ f1 s0", "Ep", 1, 90, 0},
        {BUY_OCO, "a0a1+ f1 s0 c1 .", "EC", 0, 0, 0},
        {BUY_OCO, "a0a1+ F1", "nF", 1, 0, 0},
        {BUY_OCO, "a0a1+ F1 s0 .", "EF", 0, 0, 0},
        {BUY_OCO, "a0a1+ s1", "nE", 1, 222, 0},
        {BUY_OCO, "a0a1+ s1 t0 f0", "pE", 1, 111, 0},
        {BUY_OCO, "a0a1+ t0", "nn", 2, 222, 0},
        {BUY_OCO, "a0a1+ t0 s1 F0 .", "FE", 0, 0, 0},
        {BUY_OCO, "a0a1+ c0", "Cn", 1, 180, 0},
        {BUY_OCO, "a0a1+ c0 c1 .", "CC", 0, 0, 0},
        {BUY_OCO, "a0a1+ e0 e1 .", "EE", 0, 0, 0},
        {BUY_OCO, "a0a1+ P1", "nX", 1, 222, 0},
        {BUY_OCO, "a0a1+ P1 s0 .", "EX", 0, 0, 0},
        {BUY_OCO, "r0", "-s", 1, 180, 0},
        {BUY_OCO, "r0 r1 .", "--", -1, 0, 0},
        /* self-trade prevention of one leaves what either needs: 180 and 160, 90 and 160 */
        {LOW_OCO, "a0a1+", "nn", 2, 180, 0},
        {LOW_OCO, "a0a1+ p1", "nn", 2, 160, 0},
        {LOW_OCO, "a0a1+ p1 F1", "nF", 1, 0, 0},
        /* to sell they need the same */
        {SELL_OCO, "a0a1+", "nn", 2, 0, 2},
        {SELL_OCO, "a0a1+ s1 t0 F0 .", "FE", 0, 0, 0},
        {SELL_OCO, "a0a1+ f1 s0", "Ep", 1, 0, 1},
        /* buy for 200, then sell: what is pending holds nothing */
        {OTO, "", "ss", 2, 200, 0},
        {OTO, "a0+", "nP", 2, 200, 0},
        {OTO, "a0+ f0", "pP", 2, 100, 0},
        {OTO, "a0+ f0 c0 C1 .", "CC", 0, 0, 0},
        {OTO, "a0+ e0 E1 .", "EE", 0, 0, 0},
        {OTO, "a0+ P0 E1 .", "XE", 0, 0, 0},
        {OTO, "F0+ *", "FP", 1, 0, 0},
        {OTO, "F0+ * C1 .", "FC", 0, 0, 0},
        {OTO, "F0+ * ! R1 .", "FR", 0, 0, 0},
        {OTO, "F0+ * $", "FP", 1, 0, 2},
        {OTO, "F0+ * $ R1 .", "FR", 0, 0, 0},
        {OTO, "F0+ * $ a1 f1", "Fp", 1, 0, 1},
        {OTO, "F0+ * $ F1 .", "FF", 0, 0, 0},
        {OTO, "r0 r1 .", "--", -1, 0, 0},
        /* buy, then a pair to sell */
        {OTOCO, "a0+", "nPP", 3, 200, 0},
        {OTOCO, "a0+ c0 C1 C2 .", "CCC", 0, 0, 0},
        {OTOCO, "F0+ * ! R1 R2 .", "FRR", 0, 0, 0},
        {OTOCO, "F0+ * $", "FPP", 2, 0, 2},
        {OTOCO, "F0+ * $ R1", "FRP", 1, 0, 2},
        {OTOCO, "F0+ * $ R1 R2 .", "FRR", 0, 0, 0},
        {OTOCO, "F0+ * $ a1 a2", "Fnn", 2, 0, 2},
        {OTOCO, "F0+ * $ a1 a2 f2 s1", "FEp", 1, 0, 1},
        {OTOCO, "F0+ * $ a1 a2 F2 s1 .", "FEF", 0, 0, 0},
        {OTOCO, "F0+ * $ a1 a2 s2 t1 F1 .", "FFE", 0, 0, 0},
        {OTOCO, "F0+ * $ a1 a2 c2 c1 .", "FCC", 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(lives); i++) {
        const struct life *life = &lives[i];
        close_ledger();
        open_ledger();
        uint32_t slot = place_of(life->shape);
        uint64_t id = ledger_list(ledger, slot)->id;
        tell(slot, life->steps);
        const struct ledger_list *list = ledger_list(ledger, slot);
        cr_assert_eq(ledger_find_list(ledger, id), life->open < 0 ? 0 : slot, "row %zu", i);
        for (uint32_t at = 0; at < strlen(life->statuses); at++)
            cr_assert_eq(status_of(list, at), life->statuses[at], "row %zu, order %u: %c", i, at,
                         status_of(list, at));
        if (life->open >= 0) {
            cr_assert_eq(list->open, life->open, "row %zu", i);
            cr_assert_eq(list->done, life->open == 0, "row %zu", i);
        }
        cr_assert_eq(locked_units(USD), life->usd, "row %zu: %ld", i, (long)locked_units(USD));
        cr_assert_eq(locked_units(BTC), life->btc, "row %zu: %ld", i, (long)locked_units(BTC));
        check_snapshot();
    }
}

/* Goal: what is pending has the order ids behind the working one's before it is placed, and its
 * time, so that no later order has an earlier one. Method: the account hears of it later. */
Test(ledger_list, pending_orders_have_the_ids_behind_the_working_one)
{
    struct ledger_list *list = ledger_list(ledger, place_of(OTOCO));
    tell(ledger_find_list(ledger, list->id), "a0 +");
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect_eq(list->order[i].order_id, FIRST_ID + i);
        uint32_t slot = ledger_find_order_id(ledger, user, 0, FIRST_ID + i);
        cr_assert_neq(slot, 0);
        cr_expect_eq(ledger_order(ledger, slot)->time_us, now_us - 2);
    }
}

/* Goal: why an order is expired is kept, also by a snapshot. */
Test(ledger_list, an_order_knows_why_it_is_expired)
{
    tell(place_of(OTO), "a0+ e0 E1 .");
    const struct ledger_order *working =
        ledger_order(ledger, ledger_find_order_id(ledger, user, 0, FIRST_ID));
    const struct ledger_order *pending =
        ledger_order(ledger, ledger_find_order_id(ledger, user, 0, FIRST_ID + 1));
    cr_expect_eq(working->expiry, EXPIRY_OWN);
    cr_expect_eq(pending->expiry, EXPIRY_OTO);
    check_snapshot();
}

/* Goal: by a client id the open list is found, else the newest; by its id each that is kept. */
Test(ledger_list, the_open_one_of_a_name_is_found_else_the_newest)
{
    uint64_t ids[3];
    for (uint32_t i = 0; i < 3; i++) {
        struct ledger_new_list list = list_of(SELL_OCO);
        list.client_length = 4;
        memcpy(list.client_id, "same", 4);
        uint32_t slot = place(&list);
        ids[i] = ledger_list(ledger, slot)->id;
        cr_expect_eq(ledger_find_list_named(ledger, user, "same", 4), slot);
        cr_expect_eq(check(&list), REJECT_DUPLICATE_ORDER);
        tell(slot, "a0a1+ c0 c1 .");
        cr_expect_eq(ledger_find_list_named(ledger, user, "same", 4), slot);
    }
    for (uint32_t i = 0; i < 3; i++)
        cr_expect_eq(ledger_list(ledger, ledger_find_list(ledger, ids[i]))->id, ids[i]);
    cr_expect_eq(ledger_find_list_named(ledger, user, "other", 5), 0);
}

/* Goal: of a user as many done lists are kept as of done orders, and who asks is told. */
Test(ledger_list, the_oldest_done_lists_go_first)
{
    uint64_t ids[5];
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t slot = place_of(SELL_OCO);
        ids[i] = ledger_list(ledger, slot)->id;
        cr_expect_eq(ledger_may_lack_lists(ledger, user), i >= limits.done_orders);
        tell(slot, "a0a1+ c0 c1 .");
    }
    for (uint32_t i = 0; i < 5; i++)
        cr_expect_eq(ledger_find_list(ledger, ids[i]) != 0, i >= 5 - limits.done_orders);
    check_snapshot();
}

/* Goal: all orders of a list count, those pending too; and lists are counted, of a symbol and of
 * all. */
Test(ledger_list, counts_against_the_numbers_of_the_filters)
{
    struct ledger_new_list list = list_of(OTOCO);
    struct ledger_symbol *symbol = ledger_symbol(ledger, 0);
    struct exchange_limits *exchange = ledger_exchange(ledger);
    symbol->max_orders = 2;
    cr_expect_eq(check(&list), REJECT_MAX_NUM_ORDERS);
    symbol->max_orders = 3;
    exchange->orders = 2;
    cr_expect_eq(check(&list), REJECT_EXCHANGE_MAX_NUM_ORDERS);
    exchange->orders = 0;
    list.order[2] = order_of(SIDE_SELL, TYPE_TAKE_PROFIT, 120, 0);
    symbol->limits.algo_orders = 1;
    cr_expect_eq(check(&list), REJECT_MAX_NUM_ALGO_ORDERS);
    symbol->limits.algo_orders = 2;
    exchange->algo_orders = 1;
    cr_expect_eq(check(&list), REJECT_EXCHANGE_MAX_NUM_ALGO_ORDERS);
    exchange->algo_orders = 0;
    place(&list);
    symbol->max_orders = symbol->limits.algo_orders = 0;
    list = list_of(SELL_OCO);
    symbol->limits.order_lists = exchange->order_lists = 1;
    cr_expect_eq(check(&list), REJECT_MAX_NUM_ORDER_LISTS);
    list.order[0].symbol = list.order[1].symbol = 1;
    cr_expect_eq(check(&list), REJECT_EXCHANGE_MAX_NUM_ORDER_LISTS);
    exchange->order_lists = 2;
    cr_expect_eq(check(&list), REJECT_NONE);
}

/* Goal: a list is refused for the first thing that is wrong with it, funds last. */
Test(ledger_list, names_the_first_fault)
{
    struct ledger_new_list list = list_of(SELL_OCO);
    list.order[0].qty_atoms = list.order[1].qty_atoms = UNITS(11); /* too poor */
    cr_expect_eq(check(&list), REJECT_NO_FUNDS);
    ledger_symbol(ledger, 0)->limits.order_lists = 1;
    place_of(OTO);
    cr_expect_eq(check(&list), REJECT_MAX_NUM_ORDER_LISTS);
    memcpy(list.order[1].client_id, list.order[0].client_id, sizeof list.order[0].client_id);
    list.order[1].client_length = list.order[0].client_length;
    cr_expect_eq(check(&list), REJECT_DUPLICATE_ORDER);
    list.order[0].stop_atoms = list.order[1].price_atoms;
    cr_expect_eq(check(&list), REJECT_PAIR_PRICES);
    list.order[1].qty_atoms++;
    cr_expect_eq(check(&list), REJECT_LOT_SIZE);
    list.order[0].symbol = list.order[1].symbol = 2;
    cr_expect_eq(check(&list), REJECT_UNKNOWN_SYMBOL);
}

/* ---- what a snapshot must not say ---- */

static struct ledger_order *order_at(uint32_t list, uint32_t at)
{
    return ledger_order(ledger, ledger_find_ref(ledger, ledger_list(ledger, list)->order[at].ref));
}

/* The first byte that the snapshot writes otherwise when *field is `value`. */
static uint32_t where(uint8_t *field, uint8_t value)
{
    static unsigned char before[sizeof bytes];
    uint8_t was = *field;
    uint32_t count = write_ledger(), at = 0;
    memcpy(before, bytes, count);
    *field = value;
    cr_assert_eq(write_ledger(), count);
    *field = was;
    while (bytes[at] == before[at])
        at++;
    return at;
}

/* Goal: a kind or a phase that is none is not read. Method: the byte is changed in the snapshot. */
Test(ledger_list, a_snapshot_with_an_unknown_kind_or_phase_is_refused)
{
    struct ledger_list *list = ledger_list(ledger, place_of(OTO));
    uint32_t count = write_ledger(), kind = where(&list->kind, LIST_OCO);
    uint32_t phase = where(&list->phase, LIST_TODO);
    for (uint32_t i = 0; i < 2; i++) {
        check_snapshot();
        bytes[i ? phase : kind] = i ? LIST_SECOND + 1 : LIST_KINDS;
        cr_expect(read_ledger(count) == NULL, "%s", i ? "phase" : "kind");
    }
}

enum lie {
    FEWER_OPEN,
    MORE_OPEN,
    NONE_OPEN,
    NO_ID,
    NO_SYMBOL,
    TWO_OF_ONE_ID,
    NO_LIST,
    SHARED_ALONE,
    PENDED_ALONE,
    REF_OF_NOBODY,
    ANOTHERS_ORDER,
    ORDER_OF_A_DONE_LIST,
    LIES
};

static void tell_lie(enum lie lie, uint32_t pair, uint32_t other)
{
    switch (lie) {
    case FEWER_OPEN:
        ledger_list(ledger, pair)->open = 1;
        break;
    case MORE_OPEN:
        ledger_list(ledger, pair)->open = 3;
        break;
    case NONE_OPEN:
        ledger_list(ledger, pair)->open = 0;
        break;
    case NO_ID:
        ledger_list(ledger, pair)->id = 0;
        break;
    case NO_SYMBOL:
        ledger_list(ledger, pair)->symbol = 2;
        break;
    case TWO_OF_ONE_ID:
        ledger_list(ledger, other)->id = ledger_list(ledger, pair)->id;
        break;
    case NO_LIST:
        order_at(pair, 0)->list_id = 1;
        break;
    case SHARED_ALONE:
        order_at(pair, 0)->list_id = 0;
        break;
    case PENDED_ALONE:
        order_at(other, 1)->list_id = 0;
        break;
    case REF_OF_NOBODY:
        ledger_list(ledger, pair)->order[1].ref++;
        break;
    case ANOTHERS_ORDER:
        order_at(pair, 0)->list_id = ledger_list(ledger, other)->id;
        ledger_list(ledger, pair)->open = 1;
        break;
    case ORDER_OF_A_DONE_LIST:
        tell(other, "c0C1.");
        order_at(pair, 0)->list_id = ledger_list(ledger, other)->id;
        ledger_list(ledger, pair)->open = 1;
        break;
    case LIES:
        break;
    }
}

/* Goal: lists and orders that do not fit each other are not read. Method: each lie by itself, in a
 * ledger that is written. */
Test(ledger_list, a_snapshot_of_what_cannot_be_is_refused)
{
    for (uint32_t lie = 0; lie <= LIES; lie++) {
        close_ledger();
        open_ledger();
        uint32_t other = place_of(OTO), pair = place_of(SELL_OCO);
        tell(other, "a0+");
        tell(pair, "a0a1+");
        tell_lie((enum lie)lie, pair, other);
        struct ledger *read = read_ledger(write_ledger());
        cr_expect_eq(read != NULL, lie == LIES, "lie %u", lie);
        free(read);
    }
}
