/* life_cycles.c - every order's life, with a crash between any two things that happen in it.
 *
 * Use:     life_cycles [--print] [--script WORDS] [--cut N | --every N] [--bug N]; --script plays
 *          only those whose name has the words, --print says what is seen instead of comparing it,
 *          --cut plays one cut, --every one of N, --bug with a planted bug (BUG(n) in the code).
 *          Exit 1 when something differs.
 * World:   accounts and ingress on one core, the book on another; shards, links, journal and
 *          recovery are the real ones, on one thread and the simulator's disk. What happens is cut
 *          into acts: a request is sent, a core takes an input, publishes its chunk, releases its
 *          messages, the journal collects, syncs, answers are handed out.
 * Method:  a script (life_cycles.h) is played once, and what is seen must be as written. Then once
 *          for every act that did something: the power goes right behind it, what is not durable
 *          is lost, recovery comes to rest. Then the step at hand has happened wholly or not at
 *          all: the state's hash is the one behind it or before it; behind it, if it was answered.
 *          In the second case the client asks again. The rest of the script must be seen as
 *          written, with the same hashes. Each cut is played with the journal alone, with a
 *          snapshot of what is durable, and, where it is a sync, torn; and all cuts once more with
 *          a journal that is slow, with steps that are asked at once where the script has a &,
 *          and a second crash while recovery comes to rest.
 * Hashes:  time stands still within a step, so that what is asked again is the same record.
 */
#include "tests/sim/life_cycles.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/account_shard.h"
#include "actors/book/kinds.h"
#include "actors/control_shard.h"
#include "actors/gateway.h"
#include "actors/market_shard.h"
#include "exchange_fold.h"
#include "storage/journal.h"
#include "tests/sim/sim_disk.h"

#define UNITS(n) ((int64_t)(n)*MONEY_ATOMS_PER_UNIT)

enum { ACCOUNTS, MARKETS, CORES };
enum { BASE, QUOTE, ASSETS };
enum { ALICE = 1, BOB, USERS = BOB };
enum {
    STEPS_MAX = 64,
    NAMES_MAX = 48,
    WORDS_MAX = 64,
    TEXT_MAX = 512,
    GROUP_MAX = 8,
    ROUNDS_MAX = 20000
};
enum { SEGMENT_BYTES = 128 << 10, ACTS_MAX = 4096, SLOW_ROUNDS = 5 };

enum way { FROM_JOURNAL, FROM_SNAPSHOT, TORN, TWICE }; /* TWICE: recovery is cut too */

struct seen_order { /* as it was when it was last looked at */
    uint32_t user;
    char id[CLIENT_ID_BYTES + 1];
    char text[96];
};

static struct {
    const struct script *script;
    uint32_t step; /* from 1; 0: being set up */
    struct step {
        char line[TEXT_MAX], want[TEXT_MAX];
        bool more; /* the next one comes right behind it */
    } steps[STEPS_MAX + 1];
    uint32_t count;
    /* the world */
    struct exchange_config config;
    struct exchange ex;
    struct arena arena;
    struct gateway gateway;
    struct sim_disk disk, start; /* start: where every script begins */
    struct journal journal;
    uint32_t phase;
    bool batch_open, published;
    bool slow; /* the journal collects in one of SLOW_ROUNDS rounds */
    uint64_t rounds;
    int64_t now_us;
    void *audit_memory;
    /* the crash to come */
    uint64_t acts, cut;                /* acts of the script so far; 0: no crash is to come */
    uint64_t planned;                  /* the cut of this run */
    bool recording, is_sync[ACTS_MAX]; /* recording: no crash is planned */
    enum way from;
    bool crashed;
    /* what is seen */
    struct asked {
        uint16_t first_half; /* of a replace that was told: enum reply_half */
        bool answered;
    } asked[GROUP_MAX];
    uint32_t asks, answers;
    char answer[TEXT_MAX];
    struct seen_order order[NAMES_MAX];
    uint32_t orders;
    char money[USERS + 1][96];
    uint64_t hash[STEPS_MAX]; /* behind each step, without a crash */
    bool print;
    uint64_t runs, crashes, again, torn, snapshots;
    bool loose; /* the script does not fix how many messages pass */
} life;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "life_cycles: \"%s\"", life.script ? life.script->name : "the beginning");
    if (life.planned)
        fprintf(stderr, ", --cut %" PRIu64 " (%s)", life.planned,
                life.from == TORN            ? "torn"
                : life.from == FROM_SNAPSHOT ? "from a snapshot"
                : life.from == TWICE         ? "twice"
                                             : "from the journal");
    fprintf(stderr, "%s, step %u: ", life.slow ? ", slow journal" : "", life.step);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  %s\n", life.steps[life.step].line);
    exit(1);
}

/* ---- the world ---- */

static int64_t life_now(void *self)
{
    (void)self;
    return life.now_us;
}

static void life_random(void *self, void *out, size_t bytes)
{
    (void)self;
    memset(out, 7, bytes);
}

static const struct env_ops env_ops = {.now_us = life_now, .random = life_random};

static void configure(void)
{
    struct exchange_config *config = &life.config;
    exchange_config_default(config, CORES);
    config->roles[ACCOUNTS] = ROLE_INGRESS | ROLE_ACCOUNT;
    config->roles[MARKETS] = ROLE_MATCH;
    config->account_shards = 2;
    config->market_shards = 1;
    config->users_max = config->symbols_max = 4;
    config->orders_max = 128;
    config->done_orders = 64;
    config->slice_fills = 1;
    config->window_ticks = 64;
    config->request_blocks = config->reply_blocks = 32;
    config->limits =
        (struct core_limits){.lane = {8, 8, 8, 16, 32}, .chunk_slots = 16, .inputs_max = 1};
    config->limits.chunk_bytes = 4 * RECORD_BYTES_MAX;
}

static void build(void)
{
    exchange_init(&life.ex, (struct env){.ops = &env_ops}, &life.config);
    arena_init(&life.arena, gateway_bytes(&life.config));
    gateway_init(&life.gateway, &life.ex, &life.arena, ACCOUNTS);
    life.phase = 0;
    life.batch_open = life.published = false;
}

static void tear_down(void)
{
    arena_fini(&life.arena);
    exchange_fini(&life.ex);
    journal_fini(&life.journal);
}

static void disk_copy(struct sim_disk *to, const struct sim_disk *from)
{
    sim_disk_fini(to);
    *to = *from;
    to->undos = 0;
    for (uint32_t i = 0; i < to->files; i++) {
        struct sim_file *file = &to->file[i];
        if (!file->data)
            continue;
        file->data = malloc(file->room);
        ASSERT(file->data != NULL);
        memcpy(file->data, from->file[i].data, file->room);
    }
}

static void on_market(void *self, const struct msg *msg)
{
    (void)self, (void)msg;
}

static void say(char *out, size_t room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(char *out, size_t room, const char *format, ...)
{
    size_t length = strlen(out);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(out + length, room - length, format, args);
    va_end(args);
    ASSERT(more >= 0 && length + (size_t)more < room);
}

static const char *reject_name(uint16_t reject)
{
#define REJECT_NAME(name, text) #name,
    static const char *const names[] = {REJECT_MAP(REJECT_NAME)};
#undef REJECT_NAME
    ASSERT(reject < sizeof names / sizeof *names);
    return names[reject] + strlen("REJECT_");
}

/* Refusals are seen; all else is read from the state. */
static void on_reply(void *self, void *context, const struct msg *msg)
{
    struct asked *asked = context;
    (void)self;
    uint16_t half = msg->reply.half;
    if (asked->answered)
        fail("a second answer");
    if (asked->first_half) /* the other one of a replace */
        half = asked->first_half == HALF_CANCEL ? HALF_NEW : HALF_CANCEL;
    if (msg->reply.reject != REJECT_NONE)
        say(life.answer, sizeof life.answer, "!%s %s; ",
            half == HALF_CANCEL ? "cancel"
            : half == HALF_NEW  ? "new"
                                : "",
            reject_name(msg->reply.reject));
    asked->first_half = msg->reply.half;
    asked->answered = msg->flags & MSG_LAST;
    life.answers += asked->answered;
}

/* ---- acts ---- */

enum phase {
    TAKE,
    PUBLISH,
    RELEASE,
    CORE_PHASES,
    HAND_OUT = CORES * CORE_PHASES,
    COLLECT,
    SYNC,
    PHASES
};

static bool take(struct core *core)
{
    core_begin(core);
    core_release(core);
    return core_take(core, 1) > 0;
}

static bool publish(struct core *core)
{
    uint64_t before = core->published;
    core_publish(core);
    life.published = core->published != before;
    return life.published;
}

static bool sync_batch(void)
{
    bool tear = life.cut == life.acts + 1 && life.from == TORN;
    if (!life.batch_open)
        return false;
    if (tear)
        life.disk.tear_seed = life.cut << 1 | 1;
    if ((journal_sync(&life.journal) != 0) != tear)
        fail("a sync failed, or a torn one did not");
    life.torn += tear;
    life.batch_open = false;
    if (life.recording && life.acts + 1 < ACTS_MAX)
        life.is_sync[life.acts + 1] = true;
    return true;
}

static bool hand_out(void)
{
    const struct gateway_sink sink = {.market = on_market, .reply = on_reply};
    return gateway_poll(&life.gateway, &sink) > 0;
}

/* The next act; whether it did something. */
static bool act(void)
{
    uint32_t phase = life.phase;
    life.phase = (phase + 1) % PHASES;
    if (phase == COLLECT && life.slow && life.rounds++ % SLOW_ROUNDS)
        return false;
    if (phase == COLLECT)
        return (life.batch_open = journal_collect(&life.journal) > 0);
    if (phase == SYNC)
        return sync_batch();
    if (phase == HAND_OUT)
        return hand_out();
    struct core *core = life.ex.rt.core[phase / CORE_PHASES];
    if (phase % CORE_PHASES == TAKE)
        return take(core);
    if (phase % CORE_PHASES == PUBLISH)
        return publish(core);
    core_release(core);
    return life.published;
}

static bool at_rest(void)
{
    for (uint16_t c = 0; c < CORES; c++)
        if (!runtime_durable(&life.ex.rt, c, atomic_load(&life.ex.rt.core[c]->published)) ||
            (life.ex.rt.core[c]->open && life.ex.rt.core[c]->open->records))
            return false;
    return life.gateway.busy == 0 && !gateway_has_output(&life.gateway) && exchange_quiet(&life.ex);
}

/* Acts until all is at rest, or until the power goes. */
static void come_to_rest(void)
{
    for (uint32_t quiet = 0, rounds = 0; quiet < 2; rounds++) {
        bool did = false;
        for (uint32_t i = 0; i < PHASES && !life.crashed; i++)
            if (act()) {
                did = true;
                life.acts += life.step > 0;
                life.crashed = life.cut && life.acts == life.cut;
            }
        if (life.crashed)
            return;
        quiet = did || !at_rest() ? 0 : quiet + 1;
        if (rounds > ROUNDS_MAX)
            fail("it does not come to rest");
    }
}

static uint64_t state_hash(void)
{
    struct exchange_audit audit;
    const char *wrong = exchange_audit(&life.ex, &audit, life.audit_memory);
    if (wrong)
        fail("%s", wrong);
    exchange_verify(&life.ex);
    if (!life.loose)
        return audit.state_hash;
    audit.state_hash = 0;
    for (uint16_t i = 0; i < life.config.account_shards; i++)
        audit.state_hash = hash_fold(audit.state_hash, ledger_hash(life.ex.account[i]->ledger));
    return audit.state_hash;
}

/* ---- crash and recovery ---- */

static void remark(void *self, const char *text)
{
    (void)self;
    fail("%s", text);
}

/* A snapshot of what is durable, by a second exchange (PROTOCOL §2.7). */
static void make_snapshot(void)
{
    struct exchange twin;
    struct folded folded;
    struct disk disk = sim_disk(&life.disk);
    exchange_init(&twin, (struct env){.ops = &env_ops}, &life.config);
    struct fold fold = exchange_fold(&twin, remark);
    if (fold_read(&disk, &fold, UINT64_MAX, &folded) != RECOVERY_OK)
        fail("%s", folded.found.text);
    if (fold_install(&disk, &fold, &folded, "life", NULL) != 0)
        fail("a snapshot cannot be made");
    exchange_fini(&twin);
    life.snapshots++;
}

static void recover(void)
{
    struct folded folded;
    struct disk disk = sim_disk(&life.disk);
    build();
    struct fold fold = exchange_fold(&life.ex, remark);
    if (fold_read(&disk, &fold, UINT64_MAX, &folded) != RECOVERY_OK)
        fail("%s", folded.found.text);
    if (life.crashed && (life.from == FROM_SNAPSHOT) != (folded.snapshot_lsn != 0))
        fail("recovery began elsewhere");
    const char *wrong = exchange_recovered(&life.ex, folded.found.boot + 1);
    if (wrong)
        fail("%s", wrong);
    if (recovery_cut(&disk, &folded.found) != RECOVERY_OK)
        fail("%s", folded.found.text);
    ASSERT(journal_init(&life.journal, &life.ex.rt, disk, SEGMENT_BYTES, &folded.found) == 0);
}

static void crash(void)
{
    life.crashes++;
    life.cut = 0;
    sim_disk_crash(&life.disk, 0);
    tear_down();
    if (life.from == FROM_SNAPSHOT)
        make_snapshot();
    recover();
    life.crashed = false;
}

/* ---- requests ---- */

static struct {
    char text[TEXT_MAX];
    char *word[WORDS_MAX + 1];
    uint32_t at;
} words;

static void split(const char *line)
{
    uint32_t count = 0;
    snprintf(words.text, sizeof words.text, "%s", line);
    for (char *word = strtok(words.text, " "); word; word = strtok(NULL, " ")) {
        ASSERT(count < WORDS_MAX);
        words.word[count++] = word;
    }
    words.word[count] = NULL;
    words.at = 0;
}

/* The next word; "" behind the last one. */
static const char *peek(void)
{
    return words.word[words.at] ? words.word[words.at] : "";
}

static const char *next(void)
{
    if (!words.word[words.at])
        fail("a word is missing");
    return words.word[words.at++];
}

static bool skip(const char *word)
{
    bool there = strcmp(peek(), word) == 0;
    words.at += there;
    return there;
}

static int64_t amount(void)
{
    char *end;
    const char *word = next();
    double units = strtod(word, &end);
    if (*end || end == word)
        fail("\"%s\" is no amount", word);
    return (int64_t)(units * MONEY_ATOMS_PER_UNIT + 0.5);
}

static uint8_t one_of(const char *const names[], uint8_t count)
{
    const char *word = next();
    for (uint8_t i = 0; i < count; i++)
        if (names[i] && strcmp(names[i], word) == 0)
            return i;
    fail("\"%s\" is not known here", word);
}

static uint32_t a_user(void)
{
    static const char *const users[] = {NULL, "a", "b"};
    return one_of(users, USERS + 1);
}

static uint8_t a_side(void)
{
    static const char *const sides[] = {"buy", "sell"};
    return one_of(sides, 2);
}

/* The user's order of that id is looked at from here on. */
static uint8_t a_name(uint32_t user, char id[CLIENT_ID_BYTES])
{
    const char *word = next();
    uint32_t i = 0;
    while (i < life.orders && (life.order[i].user != user || strcmp(life.order[i].id, word) != 0))
        i++;
    if (i == life.orders) {
        ASSERT(i < NAMES_MAX && strlen(word) <= CLIENT_ID_BYTES);
        life.order[life.orders++] = (struct seen_order){.user = user};
        strcpy(life.order[i].id, word);
    }
    memcpy(id, word, strlen(word));
    return (uint8_t)strlen(word);
}

static const struct book *the_book(void)
{
    return market_shard_book(life.ex.market[0], 0);
}

/* What ingress would say: the best price that a taker meets, else the last one. */
static int64_t hint(uint8_t side)
{
    int64_t price;
    return UNITS(book_best(the_book(), !side, &price) ? price : book_last_price(the_book()));
}

static void an_order(uint32_t user, struct request_order *order)
{
    static const char *const types[] = {
        "LIMIT",           "MARKET",      "LIMIT_MAKER",      "STOP_LOSS",
        "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"};
    static const char *const tifs[] = {"GTC", "IOC", "FOK"};
    static const char *const modes[] = {"NONE", "TAKER", "MAKER", "BOTH", "DECR"};
    order->client_length = a_name(user, order->client_id);
    order->type = one_of(types, TYPE_COUNT);
    for (uint8_t tif = 0; tif < TIF_COUNT; tif++)
        if (skip(tifs[tif]))
            order->tif = tif;
    order->qty = amount();
    while (*peek() && strcmp(peek(), "/") != 0)
        if (skip("@"))
            order->price = amount();
        else if (skip("quote"))
            order->quote = amount();
        else if (skip("stop"))
            order->stop = amount();
        else if (skip("trail"))
            order->trail_bips = (uint32_t)(amount() / MONEY_ATOMS_PER_UNIT);
        else if (skip("ice"))
            order->iceberg = amount();
        else if (skip("stp"))
            order->stp = one_of(modes, STP_COUNT);
        else
            fail("\"%s\" is not known of an order", peek());
    order->by_quote = order->qty == 0;
    order->hint = hint(order->side);
    order->resp = RESPONSE_FULL;
}

static void a_restriction(struct request_find *find)
{
    static const char *const restrictions[] = {NULL, "NEW", "PARTIAL"};
    find->restriction = one_of(restrictions, RESTRICT_COUNT);
}

static void a_list(uint32_t user, uint8_t kind, struct request *request)
{
    struct request_list *list = &request->list;
    const char *id = next();
    uint32_t orders = kind == LIST_OTOCO ? 3 : 2;
    request->type = REQUEST_LIST;
    list->kind = kind;
    list->client_length = (uint8_t)strlen(id);
    memcpy(list->client_id, id, strlen(id));
    for (uint32_t i = 0; i < orders; i++) {
        if (i && !skip("/"))
            fail("the list wants another order");
        list->order[i].side = a_side();
        an_order(user, &list->order[i]);
    }
}

static void a_replace(uint32_t user, struct request *request)
{
    static const char *const replaces[] = {"stop", "allow"};
    struct request_find *cancel = &request->replace.cancel;
    request->type = REQUEST_REPLACE;
    cancel->client_length = a_name(user, cancel->client_id);
    request->replace.mode = one_of(replaces, 2);
    if (skip("only"))
        a_restriction(cancel);
    request->order.side = a_side();
    an_order(user, &request->order);
}

static void an_amendment(uint32_t user, struct request *request)
{
    struct request_find *find = &request->amend.find;
    request->type = REQUEST_AMEND;
    find->client_length = a_name(user, find->client_id);
    request->amend.qty = amount();
    find->own_length = a_name(user, find->own_id);
}

static void of_operator(struct request *request)
{
    static const char *const words_known[] = {"group", "status", "delist"};
    static const char *const status[] = {"TRADING", "HALT", "CANCEL_ONLY", "BREAK"};
    switch (one_of(words_known, 3)) {
    case 0:
        request->type = REQUEST_USER_GROUP;
        request->user = a_user();
        request->trade_group = (uint32_t)(amount() / MONEY_ATOMS_PER_UNIT);
        break;
    case 1:
        request->type = REQUEST_SYMBOL_STATUS;
        request->symbol_add.status = one_of(status, STATUS_COUNT);
        break;
    default:
        request->type = REQUEST_SYMBOL_DELIST;
    }
}

static void of_user(struct request *request)
{
    static const char *const verbs[] = {"buy",     "sell", "cancel", "cancelall", "amend",
                                        "replace", "oco",  "oto",    "otoco",     "cancellist"};
    uint32_t user = request->user = a_user();
    uint8_t verb = one_of(verbs, 10);
    switch (verb) {
    case 0:
    case 1:
        request->type = REQUEST_NEW;
        request->order.side = verb;
        an_order(user, &request->order);
        break;
    case 2:
        request->type = REQUEST_CANCEL;
        request->find.client_length = a_name(user, request->find.client_id);
        if (*peek())
            a_restriction(&request->find);
        break;
    case 3:
        request->type = REQUEST_CANCEL_ALL;
        break;
    case 4:
        an_amendment(user, request);
        break;
    case 5:
        a_replace(user, request);
        break;
    case 9:
        request->type = REQUEST_LIST_CANCEL;
        request->find.client_length = (uint8_t)strlen(peek());
        memcpy(request->find.client_id, peek(), strlen(peek()));
        next();
        break;
    default:
        a_list(user, verb - 6, request);
    }
}

static void forget_answers(void)
{
    memset(life.asked, 0, sizeof life.asked);
    life.asks = life.answers = 0;
    life.answer[0] = '\0';
}

static void send(struct request *request)
{
    ASSERT(life.asks < GROUP_MAX);
    if (gateway_send(&life.gateway, request, &life.asked[life.asks++], NULL) != GATEWAY_SENT)
        fail("busy");
    life.acts += life.step > 0;
    life.crashed = life.cut && life.acts == life.cut;
}

static void ask(const char *line)
{
    struct request *request = gateway_request(&life.gateway);
    split(line);
    if (skip("op"))
        of_operator(request);
    else
        of_user(request);
    if (*peek())
        fail("\"%s\" is too much", peek());
    send(request);
}

/* ---- what is seen ---- */

static struct ledger *ledger_of(uint32_t user)
{
    return life.ex.account[exchange_user_shard(&life.ex, user) - 1]->ledger;
}

static double units(int64_t atoms)
{
    return (double)atoms / MONEY_ATOMS_PER_UNIT;
}

static void order_text(const struct seen_order *seen, char *out, size_t room)
{
    static const char *const status[] = {"SENT",     "NEW",     "PARTIAL",          "FILLED",
                                         "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "PENDING",
                                         "REJECTED"};
    struct ledger *ledger = ledger_of(seen->user);
    uint32_t slot = ledger_find_client(ledger, ledger_user_find(ledger, seen->user), 0, seen->id,
                                       (uint8_t)strlen(seen->id));
    const struct ledger_order *order = slot ? ledger_order(ledger, slot) : NULL;
    out[0] = '\0';
    if (!order)
        return;
    say(out, room, "%s %" PRId64 "/%" PRId64,
        order->status == ORDER_NEW && (order->flags & ORDER_WAITING) ? "WAITING"
                                                                     : status[order->status],
        order->executed_lots, order->qty_lots);
    if (order->prevented_lots)
        say(out, room, " -%" PRId64, order->prevented_lots);
}

static void see_orders(char *out)
{
    for (uint32_t i = 0; i < life.orders; i++) {
        struct seen_order *seen = &life.order[i];
        char text[sizeof seen->text];
        order_text(seen, text, sizeof text);
        if (strcmp(text, seen->text) == 0)
            continue;
        say(out, TEXT_MAX, "%s %s; ", seen->id, text[0] ? text : "gone");
        strcpy(seen->text, text);
    }
}

static void see_money(uint32_t user, char *out)
{
    char text[sizeof life.money[user]] = "";
    struct ledger *ledger = ledger_of(user);
    for (uint16_t asset = BASE; asset < ASSETS; asset++) {
        uint32_t slot = ledger_find_balance(ledger, ledger_user_find(ledger, user), asset);
        const struct ledger_balance *balance = ledger_balance(ledger, slot);
        say(text, sizeof text, " %.10g", slot ? units(balance->free) : 0);
        if (slot && balance->locked)
            say(text, sizeof text, "+%.10g", units(balance->locked));
    }
    if (strcmp(text, life.money[user]) == 0)
        return;
    say(out, TEXT_MAX, "%c%s; ", "?ab"[user], text);
    strcpy(life.money[user], text);
}

/* All that is not as it was when this was last asked. */
static void look(char out[TEXT_MAX])
{
    snprintf(out, TEXT_MAX, "%s", life.answer);
    see_orders(out);
    for (uint32_t user = ALICE; user <= USERS; user++)
        see_money(user, out);
    size_t length = strlen(out);
    if (length)
        out[length - 2] = '\0'; /* the last "; " */
}

/* ---- playing ---- */

/* Recovery comes to rest, behind another crash in the midst of it. */
static void come_back(void)
{
    if (life.from == TWICE)
        life.cut = life.acts + 1 + life.planned % 7;
    come_to_rest();
    if (life.crashed) {
        crash();
        come_to_rest();
    }
    life.cut = 0;
}

/* Each of the steps behind `first` has happened wholly or not at all, and none before the one that
 * was asked before it. Returns how many have. */
static uint32_t pick_up(uint32_t first, uint32_t count, uint32_t answers)
{
    come_back();
    uint64_t hash = state_hash();
    uint32_t there = count;
    while (there && hash != life.hash[first + there])
        there--;
    if (hash != life.hash[first + there])
        fail("behind the crash it has half happened");
    if (there < answers)
        fail("what was answered is lost");
    life.again += count - there;
    return there;
}

/* What is seen of the state alone. */
static const char *behind_refusals(const char *want)
{
    while (want[0] == '!') {
        const char *end = strstr(want, "; ");
        want = end ? end + 2 : "";
    }
    return want;
}

static void see(const struct step *step, bool answer_lost)
{
    char have[TEXT_MAX];
    const char *want = answer_lost ? behind_refusals(step->want) : step->want;
    if (answer_lost)
        life.answer[0] = '\0';
    look(have);
    if (life.print)
        printf("    %-60s | %s\n", step->line, have);
    else if (strcmp(have, want) != 0)
        fail("seen:\n  %s\nnot:\n  %s", have, want);
}

/* Plays the `count` steps behind `first`, all asked at once. */
static void play_steps(uint32_t first, uint32_t count)
{
    uint32_t there = 0;
    life.step = first + count;
    forget_answers();
    for (uint32_t i = 0; i < count && !life.crashed; i++)
        ask(life.steps[first + i + 1].line);
    if (!life.crashed)
        come_to_rest();
    bool was_cut = life.crashed;
    if (was_cut) {
        uint32_t answers = life.answers;
        crash();
        there = pick_up(first, count, answers);
        forget_answers();
    }
    for (uint32_t i = there; i < count && was_cut; i++) {
        ask(life.steps[first + i + 1].line);
        come_to_rest();
    }
    if (life.answers != life.asks)
        fail("no answer");
    if (count == 1)
        see(&life.steps[life.step], was_cut && there);
    else
        look((char[TEXT_MAX]){0}); /* the hash is compared */
    uint64_t hash = state_hash();
    if (life.recording && !life.slow)
        life.hash[life.step] = hash;
    if (hash != life.hash[life.step])
        fail("the state is another one than without the crash");
}

static void check_end(void)
{
    for (uint32_t user = ALICE; user <= USERS; user++)
        for (uint16_t asset = BASE; asset < ASSETS; asset++) {
            struct ledger *ledger = ledger_of(user);
            uint32_t slot = ledger_find_balance(ledger, ledger_user_find(ledger, user), asset);
            if (slot && ledger_balance(ledger, slot)->locked)
                fail("something is locked at the end");
        }
    for (uint16_t i = 0; i < life.config.account_shards; i++)
        if (ledger_open_orders(life.ex.account[i]->ledger))
            fail("an order is open at the end");
    if (book_orders(the_book()) || book_waiting(the_book()))
        fail("the book is not empty at the end");
}

/* A line of the script at *at, split at its bar; moves on. */
static bool next_line(const char **at, struct step *step)
{
    while (**at == '\n' || **at == ' ')
        (*at)++;
    const char *end = strchr(*at, '\n'), *bar = strchr(*at, '|');
    if (!**at)
        return false;
    ASSERT(end && bar && bar < end && end - *at < TEXT_MAX);
    const char *line_end = bar, *see = bar + 1;
    while (line_end > *at && line_end[-1] == ' ')
        line_end--;
    while (*see == ' ')
        see++;
    step->more = line_end[-1] == '&';
    line_end -= step->more ? 2 : 0;
    snprintf(step->line, TEXT_MAX, "%.*s", (int)(line_end - *at), *at);
    snprintf(step->want, TEXT_MAX, "%.*s", (int)(end - see), see);
    *at = end + 1;
    return true;
}

static void read_script(const struct script *script)
{
    const char *at = script->steps + (script->steps[0] == '~');
    life.loose = script->steps[0] == '~';
    life.count = 0;
    while (next_line(&at, &life.steps[life.count + 1])) {
        life.count++;
        ASSERT(life.count < STEPS_MAX);
    }
}

/* Steps to be asked at once are, when the journal is slow; else they have the same time. */
static void play_script(void)
{
    for (uint32_t first = 0, count; first < life.count; first += count) {
        count = 1;
        while (life.slow && life.steps[first + count].more)
            count++;
        if (first == 0 || !life.steps[first].more)
            life.now_us += 1000000;
        play_steps(first, count);
    }
}

static void play(const struct script *script, uint64_t cut, enum way from)
{
    life.step = 0;
    life.steps[0].line[0] = '\0';
    disk_copy(&life.disk, &life.start);
    life.crashed = false;
    recover();
    life.script = script;
    read_script(script);
    life.recording = false;
    life.cut = life.planned = life.acts = life.rounds = 0;
    life.now_us = UNITS(17000000);
    come_to_rest();
    life.orders = 0;
    memset(life.money, 0, sizeof life.money);
    life.answer[0] = '\0';
    look((char[TEXT_MAX]){0});
    life.recording = cut == 0;
    if (life.recording && !life.slow)
        life.hash[0] = state_hash();
    life.cut = life.planned = cut;
    life.from = from;
    life.runs++;
    play_script();
    if (life.cut)
        fail("the cut never came");
    if (!life.print)
        check_end();
    tear_down();
}

/* Of a journal that is slow, more is lost. */
static void play_all_cuts(const struct script *script, bool slow, uint64_t only, uint64_t every)
{
    memset(life.is_sync, 0, sizeof life.is_sync);
    life.slow = slow;
    play(script, 0, FROM_JOURNAL);
    uint64_t acts = life.acts, first = only ? only : 1 + acts % every, last = only ? only : acts;
    ASSERT(acts < ACTS_MAX);
    for (uint64_t cut = first; cut <= last && cut <= acts; cut += every) {
        if (slow) {
            play(script, cut, TWICE);
            continue;
        }
        play(script, cut, FROM_JOURNAL);
        play(script, cut, FROM_SNAPSHOT);
        if (life.is_sync[cut])
            play(script, cut, TORN);
    }
}

/* ---- the beginning: a symbol, two users, their money ---- */

static void set_up(struct request *request)
{
    forget_answers();
    send(request);
    come_to_rest();
    if (!life.answers || life.answer[0])
        fail("the beginning is refused: %s", life.answer);
}

static void make_start(void)
{
    static const uint8_t id[SEGMENT_ID_BYTES] = "life";
    struct disk disk = sim_disk(&life.disk);
    struct recovery found;
    ASSERT(journal_create(&disk, SEGMENT_BYTES, life.config.account_shards,
                          life.config.market_shards, NULL, id, &found) == 0);
    life.now_us = UNITS(17000000);
    recover();
    struct request *request = gateway_request(&life.gateway);
    request->type = REQUEST_SYMBOL_ADD;
    request->symbol_add = (struct symbol_config){.tick_atoms = UNITS(1),
                                                 .step_atoms = UNITS(1),
                                                 .min_qty = UNITS(1),
                                                 .max_orders = 50,
                                                 .maker_ppm = 10000,
                                                 .taker_ppm = 20000,
                                                 .limits = symbol_limits_usual,
                                                 .name = "BASEQUOTE",
                                                 .base_name = "BASE",
                                                 .quote_name = "QUOTE"};
    set_up(request);
    for (uint32_t user = ALICE; user <= USERS; user++) {
        request = gateway_request(&life.gateway);
        request->type = REQUEST_USER_ADD;
        request->user_add.length = 1;
        request->user_add.name[0] = "?ab"[user];
        set_up(request);
    }
    for (uint32_t i = 0; i < USERS * ASSETS; i++) {
        request = gateway_request(&life.gateway);
        request->type = REQUEST_DEPOSIT;
        request->user = ALICE + i / ASSETS;
        request->deposit.asset = (uint16_t)(i % ASSETS);
        request->deposit.amount = i % ASSETS == BASE ? UNITS(100) : UNITS(10000);
        request->deposit.request_id[0] = (uint8_t)i;
        set_up(request);
    }
    if (exchange_user_shard(&life.ex, ALICE) == exchange_user_shard(&life.ex, BOB))
        fail("Alice and Bob are of one shard");
    tear_down();
    disk_copy(&life.start, &life.disk);
}

static void play_table(const struct script *scripts, const char *only, uint64_t cut, uint64_t every)
{
    for (const struct script *script = scripts; script->name; script++) {
        if (only && !strstr(script->name, only))
            continue;
        if (life.print)
            printf("\"%s\"\n", script->name);
        memset(life.hash, 0, sizeof life.hash);
        if (life.print) {
            play(script, 0, FROM_JOURNAL);
            continue;
        }
        play_all_cuts(script, false, cut, every);
        play_all_cuts(script, true, cut, every);
    }
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    uint64_t cut = 0, every = 1;
    for (int i = 1; i < argc; i++) {
        bool value = i + 1 < argc;
        if (strcmp(argv[i], "--print") == 0) {
            life.print = true;
        } else if (value && strcmp(argv[i], "--script") == 0) {
            only = argv[++i];
        } else if (value && strcmp(argv[i], "--cut") == 0) {
            cut = strtoull(argv[++i], NULL, 10);
        } else if (value && strcmp(argv[i], "--every") == 0) {
            every = strtoull(argv[++i], NULL, 10);
#ifdef CASTLE_BUGS
        } else if (value && strcmp(argv[i], "--bug") == 0) {
            check_bug = atoi(argv[++i]);
#endif
        } else {
            fprintf(stderr, "usage: life_cycles [--print] [--script WORDS] [--cut N | --every N] "
                            "[--bug N]\n");
            return 2;
        }
    }
    configure();
    exchange_init(&life.ex, (struct env){.ops = &env_ops}, &life.config);
    life.audit_memory = calloc(1, exchange_audit_bytes(&life.ex));
    exchange_fini(&life.ex);
    make_start();
    play_table(order_scripts, only, cut, every);
    play_table(list_scripts, only, cut, every);
    sim_disk_fini(&life.disk);
    sim_disk_fini(&life.start);
    free(life.audit_memory);
    printf("life_cycles: %" PRIu64 " lives, %" PRIu64 " crashes, %" PRIu64 " torn, %" PRIu64
           " recovered from a snapshot, %" PRIu64 " steps asked again\n",
           life.runs, life.crashes, life.torn, life.snapshots, life.again);
    return life.runs ? 0 : 1;
}
