#include "journal_tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/account_shard.h"
#include "actors/control_shard.h"
#include "actors/market_shard.h"
#include "exchange_fold.h"
#include "http/render.h"
#include "http/serve.h"
#include "http/text.h"
#include "runtime/check.h"
#include "storage/disk_posix.h"
#include "storage/seal.h"

enum { DONE_ORDERS = 1000, ATTEMPTS = 20 };

struct tool {
    const char *data;
    bool state;
    uint64_t until;
    struct disk_posix posix;
    struct disk disk;
    struct segment_head head; /* of the oldest segment that is there */
    struct recovery found;    /* by the last attempt at the records */
    uint64_t shown;           /* the LSN of the last record that was printed */
    struct exchange ex;       /* as of `until`, when `folded` */
    bool built, folded;
    struct folded at;
    struct text out, remarks;
};

static struct tool tool;

static void remark(void *self, const char *text)
{
    (void)self;
    text_format(&tool.remarks, "castle: %s\n", text);
}

static void put_line(void)
{
    text_str(&tool.out, "\n");
    fwrite(tool.out.data, 1, tool.out.length, stdout);
    tool.out.length = 0;
}

/* ---- options ---- */

static bool read_until(const char *text)
{
    char *end;
    errno = 0;
    tool.until = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && tool.until > 0)
        return true;
    fprintf(stderr, "castle: option --until: '%s' is not an LSN\n", text);
    return false;
}

/* "--name VALUE" or "--name=VALUE": the value, and how many arguments it took. */
static const char *value_of(int argc, char **argv, int at, const char *name, int *took)
{
    size_t length = strlen(name);
    *took = 0;
    if (strncmp(argv[at], name, length) != 0)
        return NULL;
    if (argv[at][length] == '=') {
        *took = 1;
        return argv[at] + length + 1;
    }
    if (argv[at][length] != '\0' || at + 1 >= argc)
        return NULL;
    *took = 2;
    return argv[at + 1];
}

static bool read_options(int argc, char **argv, bool dump)
{
    tool.until = UINT64_MAX;
    for (int i = 2, took; i < argc; i += took) {
        const char *value = value_of(argc, argv, i, "--data", &took);
        if (value) {
            tool.data = value;
            continue;
        }
        value = dump ? value_of(argc, argv, i, "--until", &took) : NULL;
        if (value) {
            if (!read_until(value))
                return false;
            continue;
        }
        took = 1;
        if (dump && strcmp(argv[i], "--state") == 0) {
            tool.state = true;
            continue;
        }
        fprintf(stderr, "castle: journal %s: option %s is not known, or needs a value\n", argv[1],
                argv[i]);
        return false;
    }
    if (!tool.data)
        fprintf(stderr, "castle: journal %s needs option --data DIR\n", argv[1]);
    return tool.data != NULL;
}

/* ---- reading, beside a server or not ---- */

/* A server may write, seal and trim while we read. What goes wrong is tried again, from the oldest
 * segment that is there now, until it goes wrong twice in the same way: then it is so. */
static enum recovery_status steady(enum recovery_status (*attempt)(char text[static 256]),
                                   char text[static 256])
{
    char before[256];
    enum recovery_status status = RECOVERY_OK;
    text[0] = '\0';
    for (uint32_t i = 0; i < ATTEMPTS; i++) {
        memcpy(before, text, sizeof before);
        text[0] = '\0';
        status = recovery_peek(&tool.disk, &tool.head, text);
        if (status == RECOVERY_OK)
            status = attempt(text);
        if ((status == RECOVERY_OK && !text[0]) || strcmp(text, before) == 0)
            break;
    }
    return status;
}

static enum recovery_status attempt_nothing(char text[static 256])
{
    (void)text;
    return RECOVERY_OK;
}

/* Opens the directory and reads the oldest segment's header. */
static int open_directory(void)
{
    char text[256];
    if (disk_posix_open(&tool.posix, tool.data, false, false, false) != DISK_OPEN_OK) {
        fprintf(stderr, "castle: option --data: cannot open %s: %s\n", tool.data, strerror(errno));
        return EXIT_RUNTIME;
    }
    tool.disk = disk_posix(&tool.posix);
    enum recovery_status status = steady(attempt_nothing, text);
    if (status == RECOVERY_EMPTY) {
        fprintf(stderr, "castle: there is no journal in %s\n", tool.data);
        return EXIT_RUNTIME;
    }
    return status == RECOVERY_OK ? EXIT_DONE : exchange_fold_failed(status, text);
}

/* ---- state ---- */

/* The state as of tool.until in tool.ex. Told in `text` also: snapshots that were passed over. */
static enum recovery_status attempt_state(char text[static 256])
{
    struct exchange_config config;
    if (tool.built)
        exchange_fini(&tool.ex);
    exchange_fold_config(&config, &tool.head, DONE_ORDERS);
    exchange_init(&tool.ex, env_real(), &config);
    tool.built = true;
    tool.remarks.length = 0;
    const struct fold fold = exchange_fold(&tool.ex, remark);
    enum recovery_status status = fold_read(&tool.disk, &fold, tool.until, &tool.at);
    const char *told = status != RECOVERY_OK ? tool.at.found.text : "";
    snprintf(text, 256, "%s", tool.at.bad_count && !*told ? "snapshots are bad" : told);
    return status;
}

static enum recovery_status read_state(char text[static 256])
{
    enum recovery_status status = steady(attempt_state, text);
    if (tool.remarks.length)
        fwrite(tool.remarks.data, 1, tool.remarks.length, stderr);
    return status;
}

/* ---- verify ---- */

static enum recovery_status attempt_verify(char text[static 256])
{
    const struct recovery_sink sink = {0};
    const struct recovery_range all = {.after = tool.head.first_lsn - 1, .until = UINT64_MAX};
    enum recovery_status status = recovery_read_range(&tool.disk, all, &sink, &tool.found);
    memcpy(text, tool.found.text, sizeof tool.found.text);
    return status;
}

static int verify(void)
{
    const struct recovery *found = &tool.found;
    char text[256];
    enum recovery_status status = steady(attempt_verify, text);
    if (status != RECOVERY_OK)
        return exchange_fold_failed(status, text);
    printf("%" PRIu64 " segments, %" PRIu64 " chunks, %" PRIu64 " records, %" PRIu64
           " bytes, LSN %" PRIu64 " to %" PRIu64 ", torn tail %" PRIu64 " bytes: good\n",
           found->segments, found->chunks, found->records, found->bytes, tool.head.first_lsn,
           found->next_lsn - 1, found->torn_bytes);
    /* The records must also come to what the snapshots and the digests in them say. */
    status = read_state(text);
    if (status != RECOVERY_OK)
        return exchange_fold_failed(status, text);
    printf("state at LSN %" PRIu64 ", from the snapshot at LSN %" PRIu64 ": good\n", tool.at.lsn,
           tool.at.snapshot_lsn);
    if (tool.at.bad_count)
        printf("%u snapshots are bad\n", tool.at.bad_count);
    return tool.at.bad_count ? EXIT_DAMAGED : EXIT_DONE;
}

/* ---- stat ---- */

static struct counts {
    uint64_t records[256], bytes[256]; /* by record type */
    uint64_t control, account, market;
    uint64_t first_lsn;
    int64_t first_us, last_us;
} counts;

static const char *type_name_of(uint8_t type)
{
    static const char *const requests[] = {
        [REQUEST_NEW] = "NEW",
        [REQUEST_CANCEL] = "CANCEL",
        [REQUEST_CANCEL_ALL] = "CANCEL_ALL",
        [REQUEST_DEPOSIT] = "DEPOSIT",
        [REQUEST_USER_ADD] = "USER_ADD",
        [REQUEST_KEY_ADD] = "KEY_ADD",
        [REQUEST_KEY_DELETE] = "KEY_DELETE",
        [REQUEST_SYMBOL_ADD] = "SYMBOL_ADD",
        [REQUEST_SYMBOL_STATUS] = "SYMBOL_STATUS",
        [REQUEST_REPLACE] = "REPLACE",
        [REQUEST_AMEND] = "AMEND",
        [REQUEST_KEY_CHANGE] = "KEY_CHANGE",
        [REQUEST_USER_GROUP] = "USER_GROUP",
        [REQUEST_SYMBOL_UPDATE] = "SYMBOL_UPDATE",
        [REQUEST_SYMBOL_DELIST] = "SYMBOL_DELIST",
        [REQUEST_EXCHANGE_LIMITS] = "EXCHANGE_LIMITS",
        [REQUEST_COMMISSION] = "COMMISSION",
        [REQUEST_LIST] = "LIST",
        [REQUEST_LIST_CANCEL] = "LIST_CANCEL",
    };
    if (type == RECORD_LINK)
        return "LINK";
    if (type == RECORD_SELF)
        return "SELF";
    if (type == RECORD_PARTS)
        return "PARTS";
    if (type == RECORD_SKIP)
        return "SKIP";
    if (type >= RECORD_REQUEST && type < RECORD_REQUEST + sizeof requests / sizeof *requests &&
        requests[type - RECORD_REQUEST])
        return requests[type - RECORD_REQUEST];
    return "UNKNOWN";
}

static const char *count_record(void *self, const struct record_head *head,
                                const unsigned char *payload, int64_t ts_us, uint64_t lsn)
{
    (void)self;
    (void)payload;
    counts.records[head->type]++;
    counts.bytes[head->type] += RECORD_HEAD_BYTES + head->bytes;
    if (head->shard == CONTROL_SHARD)
        counts.control++;
    else if (head->shard <= tool.head.account_shards)
        counts.account++;
    else
        counts.market++;
    if (!counts.first_lsn) {
        counts.first_lsn = lsn;
        counts.first_us = ts_us;
    }
    counts.last_us = ts_us;
    return NULL;
}

static void print_time(const char *name, int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    printf("%s %s.%06dZ\n", name, text, (int)(us % 1000000));
}

static int stat_segments(void)
{
    struct segment_list list;
    int result = segment_list(&tool.disk, &list);
    for (uint32_t i = 0; result == 0 && i < list.count; i++) {
        char name[DISK_NAME_MAX];
        uint64_t bytes;
        struct segment_head head;
        int looked = segment_look(&tool.disk, list.number[i], &head, &bytes, name);
        if (looked == -ENOENT)
            continue; /* trimmed meanwhile */
        if (looked == 0)
            printf("segment  %s: from LSN %" PRIu64 ", %" PRIu64 " bytes\n", name, head.first_lsn,
                   bytes);
        else
            printf("segment  %s: its header cannot be read\n", name);
    }
    free(list.number);
    return result;
}

static int stat_snapshots(void)
{
    uint64_t *lsn;
    uint32_t count;
    enum recovery_status status = snapshot_list(&tool.disk, &lsn, &count);
    for (uint32_t i = count; i-- > 0;) {
        struct snapshot_head head;
        char text[256];
        if (snapshot_peek(&tool.disk, lsn[i], &head, text) == RECOVERY_OK)
            printf("snapshot at LSN %" PRIu64 ": state hash %016" PRIx64 ", %" PRIu64
                   " bytes (%" PRIu64 " raw), made by %s\n",
                   head.lsn, head.state_hash, head.body_bytes, head.raw_bytes, head.build);
        else
            printf("snapshot %s\n", text);
    }
    free(lsn);
    return status == RECOVERY_OK ? 0 : -EIO;
}

static enum recovery_status attempt_stat(char text[static 256])
{
    const struct recovery_sink sink = {.record = count_record};
    const struct recovery_range all = {.after = tool.head.first_lsn - 1, .until = UINT64_MAX};
    counts = (struct counts){0};
    enum recovery_status status = recovery_read_range(&tool.disk, all, &sink, &tool.found);
    memcpy(text, tool.found.text, sizeof tool.found.text);
    return status;
}

static int stat_journal(void)
{
    const struct recovery *found = &tool.found;
    char text[256];
    printf("directory made with %u account shards, %u market shards, limits of %u users, %u "
           "symbols, %u orders\n",
           tool.head.account_shards, tool.head.market_shards, tool.head.users_max,
           tool.head.symbols_max, tool.head.orders_max);
    int result = stat_segments();
    if (result == 0)
        result = stat_snapshots();
    if (result)
        return exchange_fold_failed(RECOVERY_IO, strerror(-result));
    enum recovery_status status = steady(attempt_stat, text);
    if (status != RECOVERY_OK)
        return exchange_fold_failed(status, text);
    printf("records  %" PRIu64 " in %" PRIu64 " chunks, LSN %" PRIu64 " to %" PRIu64
           ", boot %u, torn tail %" PRIu64 " bytes\n",
           found->records, found->chunks, tool.head.first_lsn, found->next_lsn - 1, found->boot,
           found->torn_bytes);
    printf("shards   control %" PRIu64 ", account %" PRIu64 ", market %" PRIu64 "\n",
           counts.control, counts.account, counts.market);
    for (uint32_t type = 0; type < 256; type++)
        if (counts.records[type])
            printf("type     %-13s %" PRIu64 " records, %" PRIu64 " bytes\n",
                   type_name_of((uint8_t)type), counts.records[type], counts.bytes[type]);
    if (found->records) {
        print_time("first   ", counts.first_us);
        print_time("last    ", counts.last_us);
    }
    return EXIT_DONE;
}

/* ---- dump: records ---- */

static void key(const char *name)
{
    if (tool.out.length && !strchr("{[", tool.out.data[tool.out.length - 1]))
        text_str(&tool.out, ",");
    text_format(&tool.out, "\"%s\":", name);
}

static void key_number(const char *name, uint64_t value)
{
    key(name);
    text_u64(&tool.out, value);
}

static void key_text(const char *name, const char *data, size_t length)
{
    key(name);
    text_quoted(&tool.out, data, length);
}

static void key_word(const char *name, const char *word)
{
    key_text(name, word, strlen(word));
}

static void key_amount(const char *name, __int128 atoms)
{
    key(name);
    text_sum(&tool.out, atoms);
}

/* The symbol by name where the state is known, else its number. */
static const struct symbol_config *key_symbol(uint16_t symbol)
{
    const struct symbol_config *config = tool.folded && symbol < tool.ex.control->symbols_count
                                             ? &tool.ex.control->symbols[symbol]
                                             : NULL;
    if (config)
        key_text("symbol", config->name, strnlen(config->name, SYMBOL_NAME_MAX));
    else if (symbol != SYMBOL_ANY)
        key_number("symbol", symbol);
    return config;
}

static void key_asset(uint16_t asset)
{
    if (tool.folded && asset < tool.ex.control->assets_count)
        key_text("asset", tool.ex.control->assets[asset],
                 strnlen(tool.ex.control->assets[asset], SYMBOL_NAME_MAX));
    else
        key_number("asset", asset);
}

/* Ticks and lots as decimals where the symbol is known. */
static void key_lots(const struct symbol_config *symbol, int64_t lots)
{
    if (!symbol)
        key_number("qtyLots", (uint64_t)lots);
    else if (lots)
        key_amount("qty", lots * symbol->step_atoms);
}

static void key_price_qty(const struct symbol_config *symbol, int64_t ticks, int64_t lots)
{
    if (symbol && ticks)
        key_amount("price", ticks * symbol->tick_atoms);
    if (!symbol)
        key_number("priceTicks", (uint64_t)ticks);
    key_lots(symbol, lots);
}

static void dump_order(const struct request_order *order)
{
    key_text("clientOrderId", order->client_id, order->client_length);
    key_word("side", side_name(order->side));
    key_word("orderType", type_name(order->type));
    key_word("timeInForce", tif_name(order->tif));
    key_amount("price", order->price);
    key_amount("qty", order->qty);
    key_amount("quoteOrderQty", order->quote);
    if (order->strategy.has_id)
        key_number("strategyId", (uint64_t)order->strategy.id);
    if (order->strategy.type)
        key_number("strategyType", (uint64_t)order->strategy.type);
}

static void dump_new(const struct request *request)
{
    key_symbol(request->symbol);
    dump_order(&request->order);
}

static void dump_list(const struct request *request)
{
    static const char *const kinds[LIST_KINDS] = {"OCO", "OTO", "OTOCO"};
    const struct request_list *list = &request->list;
    key_symbol(request->symbol);
    key_word("list", kinds[list->kind]);
    key_text("listClientOrderId", list->client_id, list->client_length);
    key("orders");
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        text_str(&tool.out, i ? ",{" : "[{");
        dump_order(&list->order[i]);
        text_str(&tool.out, "}");
    }
    text_str(&tool.out, "]");
}

/* A secret stays sealed, and out of here; so do public keys, which are long. */
static void dump_key(const struct request *request)
{
    const struct request_key *of = &request->key;
    bool made = request->type == REQUEST_KEY_ADD;
    key_text("apiKey", of->api_key, API_KEY_BYTES);
    if (made)
        key_word("keyType", key_kind_name(of->kind));
    if (made || of->sets & KEY_SETS_PERMISSIONS) {
        key("permissions");
        render_permissions(&tool.out, of->permissions);
    }
    if (made || of->sets & KEY_SETS_RANGES) {
        key("ipList");
        render_ranges(&tool.out, of->range, of->ranges_count);
    }
    if (of->expires_us || of->sets & KEY_SETS_EXPIRY)
        key_number("expiresAt", (uint64_t)of->expires_us / 1000);
}

static void dump_request(const struct request *request)
{
    const struct request_find *cancel = &request->replace.cancel;
    if (request->user)
        key_number("user", request->user);
    switch (request->type) {
    case REQUEST_NEW:
        dump_new(request);
        break;
    case REQUEST_LIST:
        dump_list(request);
        break;
    case REQUEST_LIST_CANCEL:
        key_symbol(request->symbol);
        if (request->find.has_order_id)
            key_number("orderListId", request->find.order_id);
        key_text("listClientOrderId", request->find.client_id, request->find.client_length);
        break;
    case REQUEST_REPLACE:
        dump_new(request);
        if (cancel->has_order_id)
            key_number("cancelOrderId", cancel->order_id);
        key_text("cancelOrigClientOrderId", cancel->client_id, cancel->client_length);
        key_word("cancelReplaceMode", request->replace.mode == REPLACE_ALLOW_FAILURE
                                          ? "ALLOW_FAILURE"
                                          : "STOP_ON_FAILURE");
        break;
    case REQUEST_CANCEL:
        key_symbol(request->symbol);
        if (request->find.has_order_id)
            key_number("orderId", request->find.order_id);
        key_text("origClientOrderId", request->find.client_id, request->find.client_length);
        break;
    case REQUEST_AMEND:
        key_symbol(request->symbol);
        if (request->find.has_order_id)
            key_number("orderId", request->find.order_id);
        key_text("origClientOrderId", request->find.client_id, request->find.client_length);
        key_text("newClientOrderId", request->find.own_id, request->find.own_length);
        key_amount("newQty", request->amend.qty);
        break;
    case REQUEST_CANCEL_ALL:
        key_symbol(request->symbol);
        break;
    case REQUEST_DEPOSIT:
        key_asset(request->deposit.asset);
        key_amount("amount", request->deposit.amount);
        break;
    case REQUEST_USER_ADD:
        key_text("name", request->user_add.name, request->user_add.length);
        break;
    case REQUEST_USER_GROUP:
        key_number("tradeGroupId", request->trade_group);
        break;
    case REQUEST_KEY_ADD:
    case REQUEST_KEY_CHANGE:
    case REQUEST_KEY_DELETE:
        dump_key(request);
        break;
    case REQUEST_SYMBOL_ADD:
        key_text("symbol", request->symbol_add.name,
                 strnlen(request->symbol_add.name, SYMBOL_NAME_MAX));
        break;
    case REQUEST_COMMISSION:
    case REQUEST_SYMBOL_UPDATE:
    case REQUEST_SYMBOL_DELIST:
        key_symbol(request->symbol);
        break;
    case REQUEST_SYMBOL_STATUS:
        key_symbol(request->symbol);
        key_word("status", status_name(request->symbol_add.status));
        break;
    default:
        break;
    }
}

static void dump_message(const struct msg *msg)
{
    static const char *const messages[] = {
        [MSG_SYMBOL_LIMITS] = "SYMBOL_LIMITS",
        [MSG_SYMBOL_LIMITS_2] = "SYMBOL_LIMITS_2",
        [MSG_SYMBOL_LIMITS_3] = "SYMBOL_LIMITS_3",
        [MSG_SYMBOL_DELIST] = "SYMBOL_DELIST",
        [MSG_EXCHANGE_LIMITS] = "EXCHANGE_LIMITS",
        [MSG_PLACE] = "PLACE",
        [MSG_CANCEL] = "CANCEL",
        [MSG_USER_ADD] = "USER_ADD",
        [MSG_SYMBOL_GRID] = "SYMBOL_GRID",
        [MSG_SYMBOL_RANGE] = "SYMBOL_RANGE",
        [MSG_SYMBOL_MARKET] = "SYMBOL_MARKET",
        [MSG_SYMBOL_FEES] = "SYMBOL_FEES",
        [MSG_SYMBOL_STATUS] = "SYMBOL_STATUS",
        [MSG_REPLACE_OLD] = "REPLACE_OLD",
        [MSG_REPLACE_NEW] = "REPLACE_NEW",
        [MSG_AMEND] = "AMEND",
        [MSG_TERMS] = "TERMS",
        [MSG_USER_GROUP] = "USER_GROUP",
        [MSG_LEG] = "LEG",
        [MSG_PAIR] = "PAIR",
        [MSG_PENDING] = "PENDING",
        [MSG_ACCEPTED] = "ACCEPTED",
        [MSG_FILL] = "FILL",
        [MSG_DONE] = "DONE",
        [MSG_CANCEL_REJECTED] = "CANCEL_REJECTED",
        [MSG_CONFIG_ACK] = "CONFIG_ACK",
        [MSG_REPLACED] = "REPLACED",
        [MSG_AMENDED] = "AMENDED",
        [MSG_TRIGGERED] = "TRIGGERED",
        [MSG_PREVENTED] = "PREVENTED",
        [MSG_DELISTED] = "DELISTED",
    };
    const struct symbol_config *symbol = NULL;
    if (msg->type < sizeof messages / sizeof *messages && messages[msg->type])
        key_word("message", messages[msg->type]);
    else
        key_number("message", msg->type);
    key_number("from", msg->from);
    key_number("linkSeq", msg->seq);
    if (msg->type != MSG_USER_ADD && msg->type != MSG_USER_GROUP && msg->type != MSG_CONFIG_ACK &&
        msg->type != MSG_EXCHANGE_LIMITS)
        symbol = key_symbol(msg->symbol);
    switch (msg->type) {
    case MSG_REPLACE_OLD:
        key_number("ref", msg->replace.ref);
        key_amount("due", msg->replace.due);
        break;
    case MSG_PLACE:
    case MSG_REPLACE_NEW:
    case MSG_LEG:
    case MSG_PAIR:
    case MSG_PENDING:
        key_number("ref", msg->place.ref);
        key_number("user", msg->place.user);
        key_word("side", side_name(msg->place.side));
        key_word("orderType", type_name(msg->place.order_type));
        key_price_qty(symbol, msg->place.price_ticks, msg->place.qty_lots);
        break;
    case MSG_CANCEL:
        key_number("ref", msg->cancel.ref);
        break;
    case MSG_TERMS:
        key_number("ref", msg->terms.ref);
        if (symbol) {
            key_amount("stopPrice", msg->terms.stop_ticks * symbol->tick_atoms);
            key_amount("icebergQty", msg->terms.iceberg_lots * symbol->step_atoms);
        }
        key_number("trailingDelta", msg->terms.trail_bips);
        break;
    case MSG_TRIGGERED:
        key_number("ref", msg->accepted.ref);
        key_number("orderId", msg->accepted.order_id);
        break;
    case MSG_AMEND:
        key_number("ref", msg->amend.ref);
        key_lots(symbol, msg->amend.lots);
        break;
    case MSG_AMENDED:
        key_number("ref", msg->amended.ref);
        key_number("orderId", msg->amended.order_id);
        key_lots(symbol, msg->amended.lots);
        if (msg->amended.reject && msg->amended.reject < REJECT_COUNT)
            key_word("reject", reject_text(msg->amended.reject));
        break;
    case MSG_ACCEPTED:
        key_number("ref", msg->accepted.ref);
        key_number("orderId", msg->accepted.order_id);
        break;
    case MSG_FILL:
        key_number("ref", msg->fill.ref);
        key_number("orderId", msg->fill.order_id);
        key_number("tradeId", msg->fill.trade_id);
        key_word("role", msg->flags & MSG_MAKER ? "MAKER" : "TAKER");
        key_price_qty(symbol, msg->fill.price_ticks, msg->fill.qty_lots);
        break;
    case MSG_PREVENTED:
        key_number("ref", msg->prevented.ref);
        key_number("orderId", msg_prevented_ids(msg).order_id);
        key_number("preventedMatchId", msg_prevented_ids(msg).match_id);
        key_word("role", msg->flags & MSG_MAKER ? "MAKER" : "TAKER");
        key_price_qty(symbol, msg->prevented.price_ticks, msg->prevented.lots);
        break;
    case MSG_DONE:
    case MSG_CANCEL_REJECTED:
        key_number("ref", msg->done.ref);
        key_number("orderId", msg->done.order_id);
        if (msg->done.reject && msg->done.reject < REJECT_COUNT)
            key_word("reject", reject_text(msg->done.reject));
        break;
    case MSG_REPLACED:
        key_number("ref", msg->replaced.ref);
        key_number("orderId", msg->replaced.order_id);
        key_number("newRef", msg->replaced.new_ref);
        key_amount("moved", msg->replaced.moved);
        if (msg->replaced.reject && msg->replaced.reject < REJECT_COUNT)
            key_word("reject", reject_text(msg->replaced.reject));
        break;
    default:
        break;
    }
}

static void dump_parts(const struct record_head *head, const unsigned char *payload)
{
    struct msg msg;
    key("parts");
    text_str(&tool.out, "[");
    for (uint32_t at = 0; at < head->bytes; at += MSG_ENCODED_BYTES) {
        text_str(&tool.out, at ? ",{" : "{");
        msg_decode(payload + at, head->shard, &msg);
        dump_message(&msg);
        text_str(&tool.out, "}");
    }
    text_str(&tool.out, "]");
}

static const char *dump_record(void *self, const struct record_head *head,
                               const unsigned char *payload, int64_t ts_us, uint64_t lsn)
{
    struct request request;
    struct msg msg;
    (void)self;
    text_str(&tool.out, "{");
    key_number("lsn", lsn);
    key_number("tsUs", (uint64_t)ts_us);
    key_number("shard", head->shard);
    key_number("shardSeq", head->shard_seq);
    key_word("type", type_name_of(head->type));
    if (head->type == RECORD_LINK && head->bytes == MSG_ENCODED_BYTES) {
        msg_decode(payload, head->shard, &msg);
        dump_message(&msg);
    } else if ((head->type == RECORD_PARTS || head->type == RECORD_SKIP) &&
               head->bytes % MSG_ENCODED_BYTES == 0) {
        dump_parts(head, payload);
    } else if (head->type == RECORD_SELF && head->bytes == 8) {
        key_number("ref", get_u64(payload));
    } else if (head->type >= RECORD_REQUEST &&
               request_decode((uint8_t)(head->type - RECORD_REQUEST), payload, head->bytes,
                              &request)) {
        dump_request(&request);
    }
    text_str(&tool.out, "}");
    put_line();
    tool.shown = lsn;
    return NULL;
}

/* ---- dump: state ---- */

static void dump_orders(struct account_shard *shard, uint32_t user)
{
    uint32_t position = ledger_user(shard->ledger, user)->positions;
    key("openOrders");
    text_str(&tool.out, "[");
    for (; position; position = ledger_position(shard->ledger, position)->next) {
        uint32_t slot = ledger_position(shard->ledger, position)->head;
        for (; slot; slot = ledger_order(shard->ledger, slot)->next) {
            struct order_view view;
            order_view(shard, ledger_order(shard->ledger, slot), &view);
            text_str(&tool.out, tool.out.data[tool.out.length - 1] == '[' ? "{" : ",{");
            key_symbol(view.symbol);
            key_number("orderId", view.order_id);
            key_text("clientOrderId", view.client_id, view.client_length);
            key_word("side", side_name(view.side));
            key_word("type", type_name(view.type));
            key_word("status", order_status_name(view.status));
            key_amount("price", view.price);
            key_amount("origQty", view.qty);
            key_amount("executedQty", view.executed);
            key_amount("held", ledger_order(shard->ledger, slot)->held);
            text_str(&tool.out, "}");
        }
    }
    text_str(&tool.out, "]");
}

static void dump_user(uint32_t id)
{
    const struct control_user *named = &tool.ex.control->users[id];
    struct account_shard *shard = tool.ex.account[exchange_user_shard(&tool.ex, id) - 1];
    uint32_t user = ledger_user_find(shard->ledger, id);
    text_str(&tool.out, "{");
    key_number("userId", id);
    key_text("name", named->name, named->length);
    key("balances");
    text_str(&tool.out, "[");
    uint32_t slot = user ? ledger_user(shard->ledger, user)->balances : 0;
    for (; slot; slot = ledger_balance(shard->ledger, slot)->next) {
        const struct ledger_balance *balance = ledger_balance(shard->ledger, slot);
        text_str(&tool.out, tool.out.data[tool.out.length - 1] == '[' ? "{" : ",{");
        key_asset(balance->asset);
        key_amount("free", balance->free);
        key_amount("locked", balance->locked);
        text_str(&tool.out, "}");
    }
    text_str(&tool.out, "]");
    if (user)
        dump_orders(shard, user);
    text_str(&tool.out, "}");
}

static void dump_side(const struct book *book, const struct symbol_config *config,
                      enum book_side side, const char *name)
{
    int64_t price = book_first_price(side), qty;
    key(name);
    text_str(&tool.out, "[");
    while (book_next_level(book, side, &price, &qty)) {
        int64_t atoms;
        text_str(&tool.out, tool.out.data[tool.out.length - 1] == '[' ? "[" : ",[");
        text_amount(&tool.out, price * config->tick_atoms);
        text_str(&tool.out, ",");
        text_amount(&tool.out,
                    __builtin_mul_overflow(qty, config->step_atoms, &atoms) ? INT64_MAX : atoms);
        text_str(&tool.out, "]");
    }
    text_str(&tool.out, "]");
}

static void dump_book(uint16_t symbol)
{
    const struct symbol_config *config = &tool.ex.control->symbols[symbol];
    uint16_t id = exchange_symbol_shard(&tool.ex, config->name);
    const struct book *book =
        market_shard_book(tool.ex.market[id - exchange_market_id(&tool.ex, 0)], symbol);
    text_str(&tool.out, "{");
    key_symbol(symbol);
    key_word("status", status_name(config->status));
    if (book) {
        key_number("lastUpdateId", book_update_id(book));
        key_amount("lastPrice", book_last_price(book) * config->tick_atoms);
        key_number("orders", book_orders(book));
        dump_side(book, config, SIDE_BUY, "bids");
        dump_side(book, config, SIDE_SELL, "asks");
    }
    text_str(&tool.out, "}");
}

static void dump_assets(const struct exchange_audit *audit)
{
    key("assets");
    text_str(&tool.out, "[");
    for (uint16_t a = 0; a < audit->assets; a++) {
        text_str(&tool.out, a ? ",{" : "{");
        key_asset(a);
        key_amount("deposits", audit->totals[a].deposits);
        key_amount("withdrawals", audit->totals[a].withdrawals);
        key_amount("free", audit->totals[a].free);
        key_amount("locked", audit->totals[a].locked);
        key_amount("fees", audit->totals[a].fees);
        key_amount("inFlight", audit->in_flight[a]);
        text_str(&tool.out, "}");
    }
    text_str(&tool.out, "]");
}

/* One JSON object of a few lines: users and symbols each on a line of their own. */
static int dump_state(void)
{
    struct exchange_audit audit;
    void *memory = malloc(exchange_audit_bytes(&tool.ex));
    ASSERT(memory != NULL);
    const char *wrong = exchange_audit(&tool.ex, &audit, memory);
    text_str(&tool.out, "{");
    key_number("lsn", tool.at.lsn);
    key_number("tsUs", (uint64_t)tool.at.last_ts_us);
    key("stateHash");
    text_format(&tool.out, "\"%016" PRIx64 "\"", audit.state_hash);
    key_number("openOrders", audit.open_orders);
    dump_assets(&audit);
    key("symbols");
    text_str(&tool.out, "[");
    for (uint16_t s = 0; s < tool.ex.control->symbols_count; s++) {
        text_str(&tool.out, s ? ",\n" : "\n");
        dump_book(s);
    }
    text_str(&tool.out, "],\n\"users\":[");
    for (uint32_t u = 1; u <= tool.ex.control->users_count; u++) {
        text_str(&tool.out, u > 1 ? ",\n" : "\n");
        dump_user(u);
    }
    text_str(&tool.out, "]}");
    put_line();
    free(memory);
    if (wrong)
        fprintf(stderr, "castle: %s\n", wrong);
    return wrong ? EXIT_DAMAGED : EXIT_DONE;
}

/* Goes on behind what an earlier attempt has printed. */
static enum recovery_status attempt_dump(char text[static 256])
{
    const struct recovery_sink sink = {.record = dump_record};
    uint64_t after = tool.shown ? tool.shown : tool.head.first_lsn - 1;
    const struct recovery_range range = {.after = after, .until = tool.until};
    enum recovery_status status = recovery_read_range(&tool.disk, range, &sink, &tool.found);
    memcpy(text, tool.found.text, sizeof tool.found.text);
    return status;
}

static int not_kept(const char *what, uint64_t first)
{
    fprintf(stderr,
            "castle: option --until: %s LSN %" PRIu64
            " is no longer kept; the first is LSN %" PRIu64 "\n",
            what, tool.until, first);
    return EXIT_DAMAGED;
}

/* Why there is no state: the snapshots before it are gone, or what `text` says. */
static int dump_no_state(enum recovery_status status, const char *text)
{
    uint64_t *lsn, oldest = 0;
    uint32_t count;
    if (snapshot_list(&tool.disk, &lsn, &count) == RECOVERY_OK && count)
        oldest = lsn[count - 1];
    free(lsn);
    if (tool.head.first_lsn > 1 && tool.until < oldest)
        return not_kept("the state at", oldest);
    return exchange_fold_failed(status, text);
}

/* What was to be printed next has been trimmed: no damage, but not all of the journal either. */
static int overtaken(void)
{
    fprintf(stderr,
            "castle: the server removed the records with LSN %" PRIu64 " to %" PRIu64
            " before they were read: dump it again, or a copy\n",
            tool.shown + 1, tool.head.first_lsn - 1);
    return EXIT_RUNTIME;
}

static int dump(void)
{
    char text[256];
    enum recovery_status status = read_state(text);
    if (status == RECOVERY_OK && tool.until != UINT64_MAX && tool.at.lsn < tool.until)
        fprintf(stderr, "castle: option --until: the journal ends at LSN %" PRIu64 "\n",
                tool.at.lsn);
    tool.folded = status == RECOVERY_OK;
    if (tool.state)
        return tool.folded ? dump_state() : dump_no_state(status, text);
    if (tool.until < tool.head.first_lsn)
        return not_kept("the record with", tool.head.first_lsn);
    status = steady(attempt_dump, text);
    if (status == RECOVERY_DAMAGED && tool.shown && tool.head.first_lsn > tool.shown + 1)
        return overtaken();
    return status == RECOVERY_OK ? EXIT_DONE : exchange_fold_failed(status, text);
}

const char journal_tool_options[] =
    "  stat\n"
    "        Lists segments and snapshots, and counts records by type.\n"
    "  verify\n"
    "        Checks every checksum, and that snapshots and records come to the same state.\n"
    "  dump\n"
    "        Prints the records, one JSON object a line.\n"
    "  --data DIR\n"
    "        The directory of the exchange. It must be given.\n"
    "  --state\n"
    "        Of dump: books, balances, open orders and totals in place of the records.\n"
    "        Default: off.\n"
    "  --until LSN\n"
    "        Of dump: up to the record of that number. Default: the last one.\n";

int journal_tool(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } commands[] = {{"stat", stat_journal}, {"verify", verify}, {"dump", dump}};
    for (uint32_t i = 0; argc >= 2 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (!read_options(argc, argv, commands[i].run == dump))
            return EXIT_USAGE;
        int result = open_directory();
        if (result == EXIT_DONE)
            result = commands[i].run();
        disk_posix_close(&tool.posix);
        return result;
    }
    fprintf(stderr, "castle: journal: '%s' is not known; there are: stat, verify, dump\n",
            argc >= 2 ? argv[1] : "");
    return EXIT_USAGE;
}
