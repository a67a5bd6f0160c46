#include "http/admin.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/control_shard.h"
#include "actors/ledger/ledger.h"
#include "actors/shard.h"
#include "http/address.h"
#include "http/admin_json.h"
#include "http/admin_look.h"
#include "http/api_error.h"
#include "http/filters.h"
#include "http/operation.h"
#include "http/page.h"
#include "http/public_key.h"
#include "http/render.h"
#include "runtime/check.h"
#include "runtime/log.h"

/* ---- JSON in: false when the call was refused ---- */

static json_t *body_of(struct call *call)
{
    json_error_t error;
    json_t *body = json_loadb(call->body.data, call->body.length, JSON_REJECT_DUPLICATES, &error);
    if (!body)
        call_refuse(call, -1130, "The body is not valid JSON: %.150s.", error.text);
    else if (!json_is_object(body))
        call_refuse(call, -1130, "The body is not a JSON object.");
    if (body && !json_is_object(body)) {
        json_decref(body);
        body = NULL;
    }
    return body;
}

bool admin_only_keys(struct call *call, json_t *object, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const char *const *name = known;
        while (*name && strcmp(*name, key) != 0)
            name++;
        if (!*name) {
            call_refuse(call, -1130, "Unknown field '%.64s'.", key);
            return false;
        }
    }
    return true;
}

static bool get_string(struct call *call, json_t *object, const char *name, const char **text,
                       size_t *length)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_string(value) || json_string_length(value) == 0) {
        call_refuse(call, -1130, "'%s' must be a string that is not empty.", name);
        return false;
    }
    *text = json_string_value(value);
    *length = json_string_length(value);
    return true;
}

/* A name of symbols and assets: [A-Z0-9]{1,20}. */
static bool get_name(struct call *call, json_t *object, const char *field,
                     char out[SYMBOL_NAME_MAX])
{
    const char *text;
    size_t length;
    if (!get_string(call, object, field, &text, &length))
        return false;
    bool legal = length <= SYMBOL_NAME_MAX;
    for (size_t i = 0; legal && i < length; i++)
        legal = (text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9');
    if (!legal) {
        call_refuse(call, -1130, "'%s' must match [A-Z0-9]{1,20}.", field);
        return false;
    }
    memset(out, 0, SYMBOL_NAME_MAX);
    memcpy(out, text, length);
    return true;
}

bool admin_decimal(struct call *call, json_t *object, const char *name, int64_t *atoms)
{
    json_t *value = json_object_get(object, name);
    uint32_t decimals;
    if (!value)
        return true;
    if (json_is_string(value) && money_parse(json_string_value(value),
                                             (uint32_t)json_string_length(value), atoms, &decimals))
        return true;
    call_refuse(call, -1130,
                "'%s' must be a decimal string from 0 to 92233720368.54775807 with at most 8 "
                "decimals.",
                name);
    return false;
}

/* ---- what was changed, for the log: who and what, no secret ---- */

static void log_change(const struct call *call, const struct reply *reply)
{
    enum { KEY_SHOWN = 8 }; /* of 64 characters: enough to know it by, too little to use */
    const struct request *request = &call->admin_request;
    const struct symbol_config *symbol = &request->symbol_add;
    struct log_field by = log_text("by", call->peer);
    switch (call->type) {
    case REQUEST_USER_ADD:
        log_info("user_added", "A user was added.", by, log_number("user", (int64_t)reply->id),
                 log_bytes("name", request->user_add.name, request->user_add.length));
        break;
    case REQUEST_KEY_ADD:
        log_info("key_added", "An API key was added.", by, log_number("user", call->user),
                 log_bytes("key_begins", request->key.api_key, KEY_SHOWN),
                 log_text("type", key_kind_name(request->key.kind)),
                 log_bool("trade", request->key.permissions & PERMISSION_TRADE),
                 log_bool("user_data", request->key.permissions & PERMISSION_USER_DATA));
        break;
    case REQUEST_KEY_CHANGE:
        log_info("key_changed", "An API key was changed.", by, log_number("user", call->user),
                 log_bytes("key_begins", request->key.api_key, KEY_SHOWN),
                 log_bool("permissions", request->key.sets & KEY_SETS_PERMISSIONS),
                 log_bool("ip_list", request->key.sets & KEY_SETS_RANGES),
                 log_bool("expiry", request->key.sets & KEY_SETS_EXPIRY));
        break;
    case REQUEST_KEY_DELETE:
        log_info("key_deleted", "An API key was deleted.", by, log_number("user", call->user),
                 log_bytes("key_begins", request->key.api_key, KEY_SHOWN));
        break;
    case REQUEST_USER_GROUP:
        log_info("user_group", "A user's trade group was set.", by, log_number("user", call->user),
                 log_number("trade_group", request->trade_group));
        break;
    case REQUEST_SYMBOL_ADD:
        log_info("symbol_added", "A symbol was added.", by,
                 log_bytes("symbol", symbol->name, strnlen(symbol->name, SYMBOL_NAME_MAX)));
        break;
    case REQUEST_SYMBOL_UPDATE:
        log_info("symbol_changed", "A symbol's filters or commissions were set.", by,
                 log_bytes("symbol", symbol->name, strnlen(symbol->name, SYMBOL_NAME_MAX)));
        break;
    case REQUEST_EXCHANGE_LIMITS:
        log_info("exchange_filters", "The filters of the exchange were set.", by);
        break;
    default: /* STATUS, DELIST: it is BREAK then */
        symbol = &call->ingress->directory.symbols[call->symbol];
        log_info("symbol_status", "A symbol's status was set.", by,
                 log_bytes("symbol", symbol->name, strnlen(symbol->name, SYMBOL_NAME_MAX)),
                 log_text("status", status_name(request->symbol_add.status)));
    }
}

static void log_deposit(const struct call *call, const struct reply *reply)
{
    char amount[MONEY_TEXT_MAX];
    const char *asset = call->ingress->directory.assets[reply->deposit.asset];
    log_debug("deposit", "Money was deposited, or withdrawn.", log_text("by", call->peer),
              log_number("user", call->user),
              log_bytes("asset", asset, strnlen(asset, SYMBOL_NAME_MAX)),
              log_bytes("amount", amount, money_format(reply->deposit.amount, amount)));
}

/* ---- answers ---- */

/* The public listing, and what that does not show. */
static void render_listing(struct text *out, const struct symbol_config *symbol)
{
    render_symbol(out, symbol, true);
    out->length--;
    text_str(out, ",\"tickSize\":");
    text_amount(out, symbol->tick_shown);
    text_str(out, ",\"stepSize\":");
    text_amount(out, symbol->step_shown);
    text_str(out, ",\"minQty\":");
    text_amount(out, symbol->min_qty);
    text_str(out, ",\"maxQty\":");
    text_amount(out, symbol->max_qty);
    text_str(out, ",\"minNotional\":");
    text_amount(out, symbol->min_notional);
    text_str(out, ",\"makerCommission\":");
    text_amount(out, (int64_t)symbol->maker_ppm * MONEY_ATOMS_PER_PPM);
    text_str(out, ",\"takerCommission\":");
    text_amount(out, (int64_t)symbol->taker_ppm * MONEY_ATOMS_PER_PPM);
    text_str(out, symbol->delisted ? ",\"delisted\":true}" : ",\"delisted\":false}");
}

static void answer_exchange(struct call *call, const struct exchange_limits *exchange)
{
    text_str(&call->out, "{\"filters\":");
    render_exchange_filters(&call->out, exchange);
    text_str(&call->out, "}");
}

/* What REJECT_LIMIT means to an operator: no waiting helps. */
static const char *limit_text(enum request_type type)
{
    switch (type) {
    case REQUEST_USER_ADD:
        return "There are as many users as --max-users allows.";
    case REQUEST_KEY_ADD:
        return "There are as many API keys as there may be, which follows from --max-users: delete "
               "some.";
    case REQUEST_SYMBOL_ADD:
        return "There are as many symbols as --max-symbols allows; delisted ones count.";
    default:
        return "The account's shard keeps as many deposits, withdrawals or balances as it can, "
               "which follows from --max-users.";
    }
}

static void answer_refusal(struct call *call, enum reject reject)
{
    struct api_error error = api_error_of(reject, 0);
    switch (reject) {
    case REJECT_LIMIT:
        call_error(call, 409, -1130, "%s", limit_text(call->type));
        break;
    case REJECT_UNKNOWN_USER:
        call_error(call, 404, -1121, "There is no such user.");
        break;
    case REJECT_OVERFLOW:
        call_error(call, 400, error.code, "The balance would not fit.");
        break;
    default:
        if (error.status != 404 && error.status != 503)
            error.status = 409;
        call_error(call, error.status, error.code, "%s", error.text);
    }
}

static void on_config(struct call *call, const struct msg *msg)
{
    const struct reply *reply = msg->reply.block;
    if (msg->reply.reject == REJECT_NAME_TAKEN && call->type == REQUEST_USER_ADD) {
        text_format(&call->out, "{\"code\":-1130,\"msg\":\"The name is taken.\",\"userId\":%lu}",
                    (unsigned long)reply->id);
        call_respond(call, 409, call->out.data, call->out.length);
        return;
    }
    if (msg->reply.reject != REJECT_NONE) {
        answer_refusal(call, msg->reply.reject);
        return;
    }
    log_change(call, reply);
    if (call->type == REQUEST_USER_ADD) {
        text_format(&call->out, "{\"userId\":%lu,\"name\":", (unsigned long)reply->id);
        text_quoted(&call->out, call->admin_request.user_add.name,
                    call->admin_request.user_add.length);
        text_str(&call->out, "}");
    } else if (call->type == REQUEST_KEY_ADD) {
        text_format(&call->out, "{\"apiKey\":\"%.64s\"", call->api_key_made);
        if (call->admin_request.key.kind == KEY_HMAC)
            text_format(&call->out, ",\"secretKey\":\"%.64s\"", call->secret);
        text_str(&call->out, "}");
    } else if (call->type == REQUEST_KEY_DELETE || call->type == REQUEST_KEY_CHANGE) {
        text_str(&call->out, "{}");
    } else if (call->type == REQUEST_SYMBOL_ADD || call->type == REQUEST_SYMBOL_UPDATE) {
        render_listing(&call->out, &call->admin_request.symbol_add);
    } else if (call->type == REQUEST_EXCHANGE_LIMITS) {
        answer_exchange(call, &call->admin_request.exchange);
    } else if (call->type == REQUEST_USER_GROUP) {
        text_format(&call->out, "{\"userId\":%u", call->user);
        render_group(&call->out, call->admin_request.trade_group);
        text_str(&call->out, "}");
    } else {
        text_format(&call->out, "{\"symbol\":\"%.20s\",\"status\":\"%s\"}",
                    call->ingress->directory.symbols[call->symbol].name,
                    status_name(call->admin_request.symbol_add.status));
    }
    bool made = call->type == REQUEST_USER_ADD || call->type == REQUEST_KEY_ADD ||
                call->type == REQUEST_SYMBOL_ADD;
    call_wait(call, made ? 201 : 200, msg->reply.version, 0);
}

static void on_deposit(struct call *call, const struct msg *msg)
{
    if (msg->reply.reject != REJECT_NONE) {
        answer_refusal(call, msg->reply.reject);
        return;
    }
    const struct reply *reply = msg->reply.block;
    int64_t amount = reply->deposit.amount;
    log_deposit(call, reply);
    text_format(&call->out, "{\"userId\":%u,\"asset\":\"%.20s\",\"amount\":", call->user,
                call->ingress->directory.assets[reply->deposit.asset]);
    text_amount(&call->out, amount < 0 ? -amount : amount);
    text_str(&call->out, ",\"free\":");
    text_amount(&call->out, reply->deposit.free);
    text_str(&call->out, ",\"requestId\":");
    text_quoted(&call->out, call->kept, call->kept_length);
    text_str(&call->out, "}");
    call_respond(call, 200, call->out.data, call->out.length);
}

static void send(struct call *call, const struct request *request,
                 void (*reply)(struct call *call, const struct msg *msg))
{
    call->admin_request = *request;
    call_send(call, request, reply);
}

/* ---- users ---- */

static void add_user(struct call *call, json_t *body)
{
    static const char *const known[] = {"name", NULL};
    struct request request = {.type = REQUEST_USER_ADD};
    const char *name;
    size_t length;
    if (!admin_only_keys(call, body, known) || !get_string(call, body, "name", &name, &length))
        return;
    if (length > NAME_MAX_BYTES) {
        call_refuse(call, -1130, "'name' is longer than 64 bytes.");
        return;
    }
    request.user_add.length = (uint8_t)length;
    memcpy(request.user_add.name, name, length);
    send(call, &request, on_config);
}

static void list_users(struct call *call)
{
    const struct directory *directory = &call->ingress->directory;
    text_str(&call->out, "[");
    for (uint32_t i = 1; i <= directory->users_count; i++) {
        text_format(&call->out, "%s{\"userId\":%u,\"name\":", i > 1 ? "," : "", i);
        text_quoted(&call->out, directory->users[i].name, directory->users[i].length);
        if (directory->users[i].trade_group)
            render_group(&call->out, directory->users[i].trade_group);
        text_str(&call->out, "}");
    }
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

/* Orders that are open keep the group that they were placed with. */
static void set_user(struct call *call, json_t *body)
{
    static const char *const known[] = {"tradeGroupId", NULL};
    struct request request = {.type = REQUEST_USER_GROUP, .user = call->user};
    const json_t *group = json_object_get(body, "tradeGroupId");
    json_int_t value = json_is_integer(group) ? json_integer_value(group) : 0;
    if (!admin_only_keys(call, body, known))
        return;
    if (value != -1 && (value < 1 || value > UINT32_MAX)) {
        call_refuse(call, -1130, "'tradeGroupId' must be a number from 1 to 4294967295, or -1.");
        return;
    }
    request.trade_group = value == -1 ? 0 : (uint32_t)value;
    send(call, &request, on_config);
}

/* ---- a key's rules: what is not sent leaves them alone ---- */

static bool read_permissions(struct call *call, json_t *body, struct request_key *key)
{
    json_t *list = json_object_get(body, "permissions"), *item;
    size_t i;
    bool known = json_is_array(list) && json_array_size(list) > 0;
    if (!list)
        return true;
    key->sets |= KEY_SETS_PERMISSIONS;
    key->permissions = 0;
    json_array_foreach(list, i, item)
    {
        const char *name = json_is_string(item) ? json_string_value(item) : "";
        bool data = strcmp(name, "USER_DATA") == 0, trade = strcmp(name, "TRADE") == 0;
        known &= data || trade;
        key->permissions |= data ? PERMISSION_USER_DATA : PERMISSION_TRADE;
    }
    if (!known)
        call_refuse(call, -1130, "'permissions' must be a list of USER_DATA and TRADE.");
    return known;
}

/* What a request about a key borrows, until it is answered. */
struct key_parts {
    struct network range[KEY_RANGES_MAX];
    uint8_t credential[PUBLIC_KEY_MAX];
};

static struct key_parts *keep_parts(struct call *call, struct request_key *key)
{
    struct key_parts *parts = malloc(sizeof *parts);
    ASSERT(parts != NULL);
    call->kept = (char *)parts;
    key->range = parts->range;
    key->credential = parts->credential;
    return parts;
}

static bool read_ranges(struct call *call, json_t *body, struct request_key *key,
                        struct key_parts *parts)
{
    json_t *list = json_object_get(body, "ipList"), *item;
    size_t i;
    if (!list)
        return true;
    if (!json_is_array(list) || json_array_size(list) > KEY_RANGES_MAX) {
        call_refuse(call, -1130, "'ipList' must be a list of at most %d addresses.",
                    KEY_RANGES_MAX);
        return false;
    }
    key->sets |= KEY_SETS_RANGES;
    key->ranges_count = (uint8_t)json_array_size(list);
    json_array_foreach(list, i, item)
    {
        if (json_is_string(item) &&
            network_read(json_string_value(item), json_string_length(item), &parts->range[i]))
            continue;
        call_refuse(call, -1130,
                    "'ipList' must hold addresses like 1.2.3.4, 10.0.0.0/8 or 2001:db8::/32.");
        return false;
    }
    return true;
}

/* null: never. */
static bool read_expiry(struct call *call, json_t *body, struct request_key *key)
{
    json_t *value = json_object_get(body, "expiresAt");
    if (!value)
        return true;
    key->sets |= KEY_SETS_EXPIRY;
    if (json_is_null(value))
        return true;
    json_int_t ms = json_integer_value(value); /* 0 of what is none */
    if (ms <= 0 || ms > INT64_MAX / 1000) {
        call_refuse(call, -1130, "'expiresAt' must be a time in milliseconds, or null.");
        return false;
    }
    key->expires_us = ms * 1000;
    return true;
}

static bool read_rules(struct call *call, json_t *body, struct request_key *key,
                       struct key_parts *parts)
{
    return read_permissions(call, body, key) && read_ranges(call, body, key, parts) &&
           read_expiry(call, body, key);
}

/* ---- keys ---- */

static bool read_kind(struct call *call, json_t *body, struct request_key *key)
{
    const char *type;
    size_t length;
    if (!get_string(call, body, "type", &type, &length))
        return false;
    while (key->kind < KEY_KINDS && strcmp(type, key_kind_name(key->kind)) != 0)
        key->kind++;
    if (key->kind == KEY_KINDS)
        call_refuse(call, -1130, "'type' must be HMAC, ED25519 or RSA.");
    return key->kind < KEY_KINDS;
}

/* The secret that is made, or the public key that is given. */
static bool read_credential(struct call *call, json_t *body, struct request_key *key,
                            struct key_parts *parts)
{
    const char *pem, *wrong;
    size_t length;
    if (key->kind == KEY_HMAC) {
        if (json_object_get(body, "publicKey")) {
            call_refuse(call, -1130, "'publicKey' does not belong to an HMAC key.");
            return false;
        }
        secrets_token(call->secret);
        secrets_seal(&call->ingress->shared->secrets, key->api_key, call->secret,
                     parts->credential);
        key->credential_bytes = SEALED_BYTES;
        return true;
    }
    if (!get_string(call, body, "publicKey", &pem, &length))
        return false;
    wrong = public_key_read(pem, length, key->kind, parts->credential, &key->credential_bytes);
    if (wrong)
        call_refuse(call, -1130, "%s", wrong);
    return !wrong;
}

static void add_key(struct call *call, json_t *body)
{
    static const char *const known[] = {"type",   "permissions", "publicKey",
                                        "ipList", "expiresAt",   NULL};
    struct request request = {.type = REQUEST_KEY_ADD,
                              .user = call->user,
                              .key = {.permissions = PERMISSION_USER_DATA | PERMISSION_TRADE}};
    struct request_key *key = &request.key;
    struct key_parts *parts = keep_parts(call, key);
    secrets_token(call->api_key_made);
    memcpy(key->api_key, call->api_key_made, API_KEY_BYTES);
    if (admin_only_keys(call, body, known) && read_kind(call, body, key) &&
        read_credential(call, body, key, parts) && read_rules(call, body, key, parts))
        send(call, &request, on_config);
}

/* Whether the key in the path can be one. */
static bool read_key(struct call *call, struct slice text, struct request_key *key)
{
    if (text.length != API_KEY_BYTES) {
        call_error(call, 404, -1121, "There is no such API key.");
        return false;
    }
    memcpy(key->api_key, text.data, API_KEY_BYTES);
    return true;
}

static void change_key(struct call *call, struct slice text, json_t *body)
{
    static const char *const known[] = {"permissions", "ipList", "expiresAt", NULL};
    struct request request = {.type = REQUEST_KEY_CHANGE, .user = call->user};
    struct key_parts *parts = keep_parts(call, &request.key);
    if (!read_key(call, text, &request.key) || !admin_only_keys(call, body, known) ||
        !read_rules(call, body, &request.key, parts))
        return;
    if (request.key.sets)
        send(call, &request, on_config);
    else
        call_refuse(call, -1130, "One of 'permissions', 'ipList' and 'expiresAt' must be sent.");
}

static void delete_key(struct call *call, struct slice text, json_t *body)
{
    (void)body;
    struct request request = {.type = REQUEST_KEY_DELETE, .user = call->user};
    if (read_key(call, text, &request.key))
        send(call, &request, on_config);
}

static bool user_exists(struct call *call)
{
    const struct directory *directory = &call->ingress->directory;
    if (call->user > 0 && call->user <= directory->users_count)
        return true;
    call_error(call, 404, -1121, "There is no such user.");
    return false;
}

static void put_key(struct text *out, const struct directory_key *key)
{
    text_format(out, "{\"apiKey\":\"%.64s\",\"type\":\"%s\",\"permissions\":", key->text,
                key_kind_name(key->kind));
    render_permissions(out, key->permissions);
    text_str(out, ",\"ipList\":");
    render_ranges(out, key->range, key->ranges_count);
    text_format(out, ",\"createdAt\":%ld,\"expiresAt\":", (long)(key->created_us / 1000));
    if (key->expires_us == INT64_MAX)
        text_str(out, "null}");
    else
        text_format(out, "%ld}", (long)(key->expires_us / 1000));
}

static void list_keys(struct call *call)
{
    const struct directory *directory = &call->ingress->directory;
    bool first = true;
    text_str(&call->out, "[");
    for (uint32_t i = 1; i <= directory->keys_count; i++) {
        const struct directory_key *key = &directory->keys[i];
        if (key->gone || key->user != call->user)
            continue;
        text_str(&call->out, first ? "" : ",");
        put_key(&call->out, key);
        first = false;
    }
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

/* ---- money ---- */

static void start_deposit(struct call *call, json_t *body, bool withdrawal)
{
    static const char *const known[] = {"asset", "amount", "requestId", NULL};
    struct request request = {.type = REQUEST_DEPOSIT, .user = call->user};
    const char *asset, *id;
    size_t asset_length, id_length;
    int64_t amount = 0;
    uint8_t digest[32];
    if (!admin_only_keys(call, body, known) ||
        !get_string(call, body, "asset", &asset, &asset_length) ||
        !get_string(call, body, "requestId", &id, &id_length) ||
        !admin_decimal(call, body, "amount", &amount))
        return;
    if (amount <= 0) {
        call_refuse(call, -1130, "'amount' must be a decimal string above zero.");
        return;
    }
    if (id_length > 1024) {
        call_refuse(call, -1130, "'requestId' is longer than 1024 bytes.");
        return;
    }
    request.deposit.asset = directory_asset(&call->ingress->directory, asset, asset_length);
    if (request.deposit.asset == ASSET_NONE) {
        call_error(call, 404, -1121, "There is no such asset: no symbol has it.");
        return;
    }
    request.deposit.amount = withdrawal ? -amount : amount;
    ASSERT(EVP_Digest(id, id_length, digest, NULL, EVP_sha256(), NULL) == 1);
    memcpy(request.deposit.request_id, digest, REQUEST_ID_HASH);
    call->kept = malloc(id_length);
    call->kept_length = id_length;
    ASSERT(call->kept != NULL);
    memcpy(call->kept, id, id_length);
    send(call, &request, on_deposit);
}

/* ---- symbols ---- */

static bool read_fee(struct call *call, json_t *body, const char *name, int32_t *ppm)
{
    int64_t atoms = (int64_t)*ppm * 100;
    if (!admin_decimal(call, body, name, &atoms))
        return false;
    if (atoms >= MONEY_ATOMS_PER_UNIT || atoms % 100) {
        call_refuse(call, -1130, "'%s' must be below 1 with at most 6 decimals.", name);
        return false;
    }
    *ppm = (int32_t)(atoms / 100);
    return true;
}

static bool read_stp(struct call *call, json_t *body, uint8_t *stp)
{
    json_t *value = json_object_get(body, "defaultSelfTradePreventionMode");
    const char *mode = json_is_string(value) ? json_string_value(value) : "";
    if (!value)
        return true;
    for (*stp = 0; *stp < STP_COUNT; ++*stp)
        if (strcmp(mode, stp_name(*stp)) == 0)
            return true;
    call_refuse(call, -1130,
                "'defaultSelfTradePreventionMode' must be NONE, EXPIRE_TAKER, EXPIRE_MAKER, "
                "EXPIRE_BOTH or DECREMENT.");
    return false;
}

static bool symbol_is_sound(struct call *call, struct symbol_config *symbol)
{
    symbol->tick_atoms = symbol->tick_shown ? symbol->tick_shown : 1;
    symbol->step_atoms = symbol->step_shown ? symbol->step_shown : 1;
    if (memcmp(symbol->base_name, symbol->quote_name, SYMBOL_NAME_MAX) == 0) {
        call_refuse(call, -1130, "'baseAsset' and 'quoteAsset' are the same.");
        return false;
    }
    return admin_filters_agree(call, symbol);
}

static void add_symbol(struct call *call, json_t *body)
{
    static const char *const known[] = {"symbol",
                                        "baseAsset",
                                        "quoteAsset",
                                        "tickSize",
                                        "stepSize",
                                        "minQty",
                                        "maxQty",
                                        "minNotional",
                                        "makerCommission",
                                        "takerCommission",
                                        "defaultSelfTradePreventionMode",
                                        "filters",
                                        NULL};
    struct request request = {.type = REQUEST_SYMBOL_ADD};
    struct symbol_config *symbol = &request.symbol_add;
    *symbol = (struct symbol_config){.maker_ppm = COMMISSION_PPM_DEFAULT,
                                     .taker_ppm = COMMISSION_PPM_DEFAULT,
                                     .max_orders = 200,
                                     .tick_shown = 1000000,
                                     .step_shown = 1000,
                                     .min_price = -1,
                                     .max_price = 1000000 * MONEY_ATOMS_PER_UNIT,
                                     .min_qty = -1,
                                     .max_qty = 9000 * MONEY_ATOMS_PER_UNIT,
                                     .market_min_qty = -1,
                                     .market_max_qty = -1,
                                     .min_notional = 5 * MONEY_ATOMS_PER_UNIT,
                                     .limits = symbol_limits_usual};
    if (!admin_only_keys(call, body, known) || !get_name(call, body, "symbol", symbol->name) ||
        !get_name(call, body, "baseAsset", symbol->base_name) ||
        !get_name(call, body, "quoteAsset", symbol->quote_name) ||
        !admin_decimal(call, body, "tickSize", &symbol->tick_shown) ||
        !admin_decimal(call, body, "stepSize", &symbol->step_shown) ||
        !admin_decimal(call, body, "minQty", &symbol->min_qty) ||
        !admin_decimal(call, body, "maxQty", &symbol->max_qty) ||
        !admin_decimal(call, body, "minNotional", &symbol->min_notional) ||
        !read_fee(call, body, "makerCommission", &symbol->maker_ppm) ||
        !read_fee(call, body, "takerCommission", &symbol->taker_ppm) ||
        !read_stp(call, body, &symbol->default_stp) ||
        !admin_filters(call, json_object_get(body, "filters"), symbol))
        return;
    if (symbol->min_price < 0)
        symbol->min_price = symbol->tick_shown; /* what is not given follows the grid */
    if (symbol->min_qty < 0)
        symbol->min_qty = symbol->step_shown;
    if (symbol->market_min_qty < 0)
        symbol->market_min_qty = symbol->min_qty;
    if (symbol->market_max_qty < 0)
        symbol->market_max_qty = symbol->max_qty;
    if (symbol_is_sound(call, symbol))
        send(call, &request, on_config);
}

static void list_symbols(struct call *call)
{
    const struct directory *directory = &call->ingress->directory;
    text_str(&call->out, "[");
    for (uint16_t i = 0; i < directory->symbols_count; i++) {
        if (i)
            text_str(&call->out, ",");
        render_listing(&call->out, &directory->symbols[i]);
    }
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

/* False, and answered, when there is none. */
static bool find_symbol(struct call *call, struct slice name)
{
    call->symbol = directory_symbol(&call->ingress->directory, name.data, name.length);
    if (call->symbol == SYMBOL_ANY)
        call_error(call, 404, -1121, "There is no such symbol.");
    return call->symbol != SYMBOL_ANY;
}

/* What is not given stays as it is: also the filters that the list does not have. */
static void change_symbol(struct call *call, struct slice name, json_t *body)
{
    static const char *const known[] = {"makerCommission", "takerCommission",
                                        "defaultSelfTradePreventionMode", "filters", NULL};
    struct request request = {.type = REQUEST_SYMBOL_UPDATE};
    struct symbol_config *symbol = &request.symbol_add;
    if (!find_symbol(call, name))
        return;
    request.symbol = call->symbol;
    *symbol = call->ingress->directory.symbols[call->symbol];
    request.made_from = request_config_hash(&request);
    if (admin_only_keys(call, body, known) &&
        read_fee(call, body, "makerCommission", &symbol->maker_ppm) &&
        read_fee(call, body, "takerCommission", &symbol->taker_ppm) &&
        read_stp(call, body, &symbol->default_stp) &&
        admin_filters(call, json_object_get(body, "filters"), symbol) &&
        admin_filters_agree(call, symbol))
        send(call, &request, on_config);
}

static void delist_symbol(struct call *call, struct slice name, json_t *body)
{
    (void)body;
    struct request request = {.type = REQUEST_SYMBOL_DELIST};
    if (!find_symbol(call, name))
        return;
    request.symbol = call->symbol;
    request.symbol_add.status = STATUS_BREAK; /* for the answer */
    send(call, &request, on_config);
}

static void set_exchange_filters(struct call *call, json_t *body)
{
    static const char *const known[] = {"filters", NULL};
    struct request request = {.type = REQUEST_EXCHANGE_LIMITS};
    request.exchange = call->ingress->directory.exchange;
    request.made_from = request_config_hash(&request);
    if (admin_only_keys(call, body, known) &&
        admin_exchange_filters(call, json_object_get(body, "filters"), &request.exchange))
        send(call, &request, on_config);
}

static void get_exchange_filters(struct call *call)
{
    answer_exchange(call, &call->ingress->directory.exchange);
    call_respond(call, 200, call->out.data, call->out.length);
}

static void set_status(struct call *call, struct slice name, json_t *body)
{
    static const char *const known[] = {"status", NULL};
    struct request request = {.type = REQUEST_SYMBOL_STATUS};
    const char *status;
    size_t status_length;
    call->symbol = directory_symbol(&call->ingress->directory, name.data, name.length);
    if (call->symbol == SYMBOL_ANY) {
        call_error(call, 404, -1121, "There is no such symbol.");
        return;
    }
    if (!admin_only_keys(call, body, known) ||
        !get_string(call, body, "status", &status, &status_length))
        return;
    request.symbol = call->symbol;
    request.symbol_add.status = STATUS_COUNT;
    for (uint8_t i = 0; i < STATUS_COUNT; i++)
        if (strcmp(status_name(i), status) == 0)
            request.symbol_add.status = i;
    if (request.symbol_add.status == STATUS_COUNT) {
        call_refuse(call, -1130, "'status' must be TRADING, HALT, CANCEL_ONLY or BREAK.");
        return;
    }
    send(call, &request, on_config);
}

/* ---- commissions ---- */

static void render_rate(struct text *out, bool set, int32_t ppm)
{
    if (set)
        text_amount(out, (int64_t)ppm * MONEY_ATOMS_PER_PPM);
    else
        text_str(out, "null");
}

static void on_commission(struct call *call, const struct msg *msg)
{
    const struct request *request = &call->admin_request;
    struct text *out = &call->out;
    if (call_told_reject(call, msg))
        return;
    const char *symbol =
        call->symbol == SYMBOL_ANY ? NULL : call->ingress->directory.symbols[call->symbol].name;
    log_info(
        "commission_set", "A user's commissions were set.", log_text("by", call->peer),
        log_number("user", call->user),
        log_bytes("symbol", symbol ? symbol : "", symbol ? strnlen(symbol, SYMBOL_NAME_MAX) : 0));
    text_format(out, "{\"userId\":%u", call->user);
    if (symbol)
        text_format(out, ",\"symbol\":\"%.20s\"", symbol);
    text_str(out, ",\"maker\":");
    render_rate(out, request->commission.set, request->commission.maker_ppm);
    text_str(out, ",\"taker\":");
    render_rate(out, request->commission.set, request->commission.taker_ppm);
    text_str(out, "}");
    call_respond(call, 200, out->data, out->length);
}

/* Both rates, or null for both: then the user pays what others pay. */
static void set_commission(struct call *call, json_t *body)
{
    static const char *const known[] = {"symbol", "maker", "taker", NULL};
    struct request request = {.type = REQUEST_COMMISSION, .user = call->user, .symbol = SYMBOL_ANY};
    json_t *symbol = json_object_get(body, "symbol");
    json_t *maker = json_object_get(body, "maker"), *taker = json_object_get(body, "taker");
    const char *name = json_string_value(symbol);
    if (!admin_only_keys(call, body, known))
        return;
    if (symbol && !find_symbol(call, (struct slice){name, name ? strlen(name) : 0}))
        return;
    if (symbol)
        request.symbol = call->symbol;
    call->symbol = request.symbol;
    if (!maker || !taker || json_is_null(maker) != json_is_null(taker)) {
        call_refuse(call, -1130, "'maker' and 'taker' must be two rates, or null both.");
        return;
    }
    request.commission.set = !json_is_null(maker);
    if (!request.commission.set || (read_fee(call, body, "maker", &request.commission.maker_ppm) &&
                                    read_fee(call, body, "taker", &request.commission.taker_ppm)))
        send(call, &request, on_commission);
}

/* ---- routes ---- */

static bool allowed(const struct call *call)
{
    static const char bearer[] = "Bearer ";
    const char *token = call->ingress->shared->audit_token;
    size_t length = strlen(token);
    return call->api_key.length == sizeof bearer - 1 + length &&
           memcmp(call->api_key.data, bearer, sizeof bearer - 1) == 0 &&
           CRYPTO_memcmp(call->api_key.data + sizeof bearer - 1, token, length) == 0;
}

static void deposit(struct call *call, json_t *body)
{
    start_deposit(call, body, false);
}

static void withdraw(struct call *call, json_t *body)
{
    start_deposit(call, body, true);
}

/* One of the three is what it does: alone, with the body, or with what stands for the last {} and
 * the body if there is one. */
static const struct route {
    enum method method;
    const char *path;
    void (*act)(struct call *call);
    void (*act_body)(struct call *call, json_t *body);
    void (*act_name)(struct call *call, struct slice name, json_t *body);
} routes[] = {
    {METHOD_GET, "/healthz", .act = admin_health},
    {METHOD_GET, "/readyz", .act = admin_ready},
    {METHOD_GET, "/metrics", .act = admin_metrics},
    {METHOD_POST, "/admin/v1/users", .act_body = add_user},
    {METHOD_GET, "/admin/v1/users", .act = list_users},
    {METHOD_PUT, "/admin/v1/users/{id}", .act_body = set_user},
    {METHOD_POST, "/admin/v1/users/{id}/keys", .act_body = add_key},
    {METHOD_GET, "/admin/v1/users/{id}/keys", .act = list_keys},
    {METHOD_PUT, "/admin/v1/users/{id}/keys/{key}", .act_name = change_key},
    {METHOD_DELETE, "/admin/v1/users/{id}/keys/{key}", .act_name = delete_key},
    {METHOD_POST, "/admin/v1/users/{id}/deposits", .act_body = deposit},
    {METHOD_POST, "/admin/v1/users/{id}/withdrawals", .act_body = withdraw},
    {METHOD_PUT, "/admin/v1/users/{id}/commission", .act_body = set_commission},
    {METHOD_POST, "/admin/v1/symbols", .act_body = add_symbol},
    {METHOD_GET, "/admin/v1/symbols", .act = list_symbols},
    {METHOD_PUT, "/admin/v1/symbols/{symbol}", .act_name = change_symbol},
    {METHOD_DELETE, "/admin/v1/symbols/{symbol}", .act_name = delist_symbol},
    {METHOD_PUT, "/admin/v1/symbols/{symbol}/status", .act_name = set_status},
    {METHOD_GET, "/admin/v1/filters", .act = get_exchange_filters},
    {METHOD_PUT, "/admin/v1/filters", .act_body = set_exchange_filters},
    {METHOD_GET, "/admin/v1/audit", .act = admin_audit},
    {METHOD_GET, "/admin/v1/shards", .act = admin_shards},
    {METHOD_GET, "/admin/v1/connections", .act = admin_connections},
};
enum { ROUTES = sizeof routes / sizeof *routes };

uint16_t admin_routes(void)
{
    return ROUTES;
}

const char *admin_route_path(uint16_t route)
{
    ASSERT(route >= 1 && route <= ROUTES);
    return routes[route - 1].path;
}

enum method admin_route_method(uint16_t route)
{
    ASSERT(route >= 1 && route <= ROUTES);
    return routes[route - 1].method;
}

enum { WILD_MAX = 2 };

/* Whether the path is the pattern's; wild[] gets what stands for its {}s, none of it empty. */
static bool matches(const char *pattern, struct slice path, struct slice wild[WILD_MAX])
{
    const char *at = path.data, *end = path.data + path.length;
    for (uint32_t count = 0; *pattern;) {
        if (*pattern != '{') {
            if (at == end || *at++ != *pattern++)
                return false;
            continue;
        }
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const char *stop = slash ? slash : end;
        ASSERT(count < WILD_MAX);
        wild[count++] = (struct slice){at, (size_t)(stop - at)};
        if (stop == at)
            return false;
        at = stop;
        pattern = strchr(pattern, '}') + 1;
    }
    return at == end;
}

static uint32_t number_of(struct slice text)
{
    uint64_t value = 0;
    if (text.length > 9)
        return 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    return (uint32_t)value;
}

static void act(struct call *call, const struct route *route, const struct slice wild[WILD_MAX])
{
    json_t *body = NULL;
    bool of_user = strstr(route->path, "{id}") != NULL;
    if (of_user) {
        call->user = number_of(wild[0]);
        if (!user_exists(call))
            return;
    }
    if (route->act) {
        route->act(call);
        return;
    }
    if (route->method != METHOD_DELETE && !(body = body_of(call)))
        return;
    if (route->act_name)
        route->act_name(call, wild[of_user], body);
    else
        route->act_body(call, body);
    json_decref(body);
}

void admin_start(struct call *call)
{
    static const char prefix[] = "/admin/v1/";
    struct slice wild[WILD_MAX];
    const struct route *route = routes;
    call->kind = CALL_ADMIN;
    while (route < routes + ROUTES &&
           (route->method != call->method || !matches(route->path, call->path, wild)))
        route++;
    bool known = route < routes + ROUTES;
    if (!known && page_start(call, PAGE_ADMIN))
        return;
    bool open = known && strncmp(route->path, prefix, sizeof prefix - 1) != 0;
    if (known)
        call->route = (uint16_t)(operation_routes() + 1 + (route - routes));
    if (!open && !allowed(call)) {
        log_warn("admin_refused", "A call of the admin listener without its token.",
                 log_text("by", call->peer));
        call_error(call, 401, -2015, "The admin token is missing or wrong.");
    } else if (!known) {
        call_error(call, 404, -1121, "There is nothing at this path for this method.");
    } else {
        act(call, route, wild);
    }
}
