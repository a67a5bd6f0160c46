#include "http/operation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/ledger/ledger.h"
#include "http/api_error.h"
#include "http/render.h"
#include "runtime/check.h"

/* ---- refusals of the edge ---- */

__attribute__((format(printf, 3, 4))) static void refuse(struct call *call, int code,
                                                         const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    call_error(call, code == -2014 || code == -2015 ? 401 : 400, code, text);
}

static void refuse_missing(struct call *call, const char *name)
{
    refuse(call, -1102, "Mandatory parameter '%s' was not sent, was empty/null, or malformed.",
           name);
}

static void refuse_illegal(struct call *call, const char *name, const char *legal)
{
    refuse(call, -1100, "Illegal characters found in parameter '%s'; legal range is '%s'.", name,
           legal);
}

#define LEGAL_AMOUNT "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
#define LEGAL_NUMBER "^[0-9]{1,20}$"
#define LEGAL_SYMBOL "^[\\w\\-._&&[^a-z]]{1,50}$"
#define LEGAL_CLIENT "^[a-zA-Z0-9-_.:/]{1,36}$"

/* ---- reading parameters: false when the call was refused ---- */

enum need { OPTIONAL, MANDATORY };

/* The parameter when it is there. An empty value is an error. */
static bool get(struct call *call, const char *name, enum need need, const struct param **param)
{
    *param = params_get(&call->ingress->params, name);
    if (*param && (*param)->value_length == 0) {
        if (need == MANDATORY)
            refuse_missing(call, name);
        else
            refuse(call, -1105, "Parameter '%s' was empty.", name);
        return false;
    }
    if (!*param && need == MANDATORY) {
        refuse_missing(call, name);
        return false;
    }
    return true;
}

static bool is(const struct param *param, const char *text)
{
    return param->value_length == strlen(text) &&
           memcmp(param->value, text, param->value_length) == 0;
}

static bool read_number(struct call *call, const char *name, enum need need, bool *there,
                        uint64_t *value)
{
    const struct param *param;
    *there = false;
    if (!get(call, name, need, &param))
        return false;
    if (!param)
        return true;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < param->value_length; i++) {
        char c = param->value[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(c - '0'), &sum) || sum > INT64_MAX) {
            refuse_illegal(call, name, LEGAL_NUMBER);
            return false;
        }
    }
    *value = sum;
    *there = true;
    return true;
}

static bool get_amount(struct call *call, const char *name, enum need need, bool *there,
                       int64_t *atoms)
{
    const struct param *param;
    uint32_t decimals = 0;
    *there = false;
    if (!get(call, name, need, &param))
        return false;
    if (!param)
        return true;
    if (!money_parse(param->value, param->value_length, atoms, &decimals)) {
        bool digits = param->value_length <= 40;
        uint32_t points = 0;
        for (uint32_t i = 0; digits && i < param->value_length; i++) {
            points += param->value[i] == '.';
            digits = points <= 1 &&
                     (param->value[i] == '.' || (param->value[i] >= '0' && param->value[i] <= '9'));
        }
        if (digits && decimals > MONEY_DECIMALS)
            refuse(call, -1111, "Parameter '%s' has too much precision.", name);
        else
            refuse_illegal(call, name, LEGAL_AMOUNT);
        return false;
    }
    *there = true;
    return true;
}

static bool get_symbol(struct call *call, enum need need, uint16_t *symbol)
{
    const struct param *param;
    *symbol = SYMBOL_ANY;
    if (!get(call, "symbol", need, &param))
        return false;
    if (!param)
        return true;
    for (uint32_t i = 0; i < param->value_length; i++) {
        char c = param->value[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.') ||
            param->value_length > 50) {
            refuse_illegal(call, "symbol", LEGAL_SYMBOL);
            return false;
        }
    }
    *symbol = directory_symbol(&call->ingress->directory, param->value, param->value_length);
    if (*symbol == SYMBOL_ANY)
        refuse(call, -1121, "Invalid symbol.");
    return *symbol != SYMBOL_ANY;
}

static bool get_client_id(struct call *call, const char *name, uint8_t *length,
                          char id[CLIENT_ID_BYTES])
{
    const struct param *param;
    *length = 0;
    if (!get(call, name, OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    bool legal = param->value_length <= CLIENT_ID_BYTES;
    for (uint32_t i = 0; legal && i < param->value_length; i++) {
        char c = param->value[i];
        legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '_' || c == '.' || c == ':' || c == '/';
    }
    if (!legal) {
        refuse_illegal(call, name, LEGAL_CLIENT);
        return false;
    }
    *length = (uint8_t)param->value_length;
    memcpy(id, param->value, param->value_length);
    return true;
}

/* Whether all parameters were read; those of the signature always are. */
static bool nothing_unread(struct call *call)
{
    struct params *params = &call->ingress->params;
    uint32_t unread = params_unread(params);
    if (unread)
        refuse(call, -1104,
               "Not all sent parameters were read; read '%u' parameter(s) but was sent '%u'.",
               params->count - unread, params->count);
    return unread == 0;
}

static int64_t time_us(uint64_t value)
{
    return (int64_t)(value >= 100000000000000 ? value : value * 1000); /* us or ms */
}

/* startTime and endTime. */
static bool get_times(struct call *call, struct request *request)
{
    bool there;
    uint64_t value = 0;
    if (!read_number(call, "startTime", OPTIONAL, &there, &value))
        return false;
    request->find.start_us = there ? time_us(value) : 0;
    if (!read_number(call, "endTime", OPTIONAL, &there, &value))
        return false;
    request->find.end_us = there ? time_us(value) + (value >= 100000000000000 ? 0 : 999) : 0;
    if (request->find.start_us && request->find.end_us &&
        request->find.start_us > request->find.end_us) {
        refuse(call, -1128, "Combination of optional parameters invalid.");
        return false;
    }
    if (request->find.start_us && request->find.end_us &&
        request->find.end_us - request->find.start_us > 86400000000 + 999) {
        refuse(call, -1127, "More than 24 hours between startTime and endTime.");
        return false;
    }
    return true;
}

static bool get_limit(struct call *call, uint32_t normal, uint32_t most, uint32_t *limit)
{
    bool there;
    uint64_t value = normal;
    if (!read_number(call, "limit", OPTIONAL, &there, &value))
        return false;
    if (there && value == 0) {
        refuse(call, -1130, "Data sent for parameter 'limit' is not valid.");
        return false;
    }
    *limit = value > most ? most : (uint32_t)value;
    return true;
}

/* ---- who asks ---- */

/* recvWindow in ms with up to 3 decimals, as microseconds. */
static bool get_recv_window(struct call *call, int64_t *window_us)
{
    bool there;
    int64_t atoms;
    *window_us = 5000000;
    if (!get_amount(call, "recvWindow", OPTIONAL, &there, &atoms))
        return false;
    if (there && atoms > 60000 * MONEY_ATOMS_PER_UNIT) {
        refuse(call, -1131, "recvWindow must be less than 60000.");
        return false;
    }
    if (there && atoms % (MONEY_ATOMS_PER_UNIT / 1000)) {
        refuse(call, -1111, "Parameter 'recvWindow' has too much precision.");
        return false;
    }
    if (there)
        *window_us = atoms / (MONEY_ATOMS_PER_UNIT / 1000);
    return true;
}

static bool signature_ok(struct call *call, const struct directory_key *key,
                         const struct param *signature)
{
    struct params *params = &call->ingress->params;
    char expected[64], given[64];
    if (signature->value_length != sizeof given)
        return false;
    for (uint32_t i = 0; i < sizeof given; i++) {
        char c = signature->value[i];
        given[i] = (char)(c >= 'A' && c <= 'F' ? c + 32 : c);
    }
    directory_sign(&call->ingress->directory, key, params->piece, params->piece_length,
                   params->pieces, expected);
    return CRYPTO_memcmp(expected, given, sizeof given) == 0;
}

/* Key, timestamp, signature; false when the call was refused. */
static bool authenticate(struct call *call, uint8_t permission, struct request *request)
{
    struct ingress *ingress = call->ingress;
    const struct param *signature;
    bool there;
    uint64_t timestamp;
    if (call->api_key.length == 0) {
        refuse(call, -2014, "API-key format invalid.");
        return false;
    }
    const struct directory_key *key =
        directory_key(&ingress->directory, call->api_key.data, call->api_key.length);
    if (!key || !(key->permissions & permission)) {
        refuse(call, -2015, "Invalid API-key, IP, or permissions for action.");
        return false;
    }
    if (!get_recv_window(call, &request->recv_window_us) ||
        !read_number(call, "timestamp", MANDATORY, &there, &timestamp) ||
        !get(call, "signature", MANDATORY, &signature))
        return false;
    int64_t now = env_now_us(&ingress->ex->rt.env), sent = 0;
    if (timestamp < INT64_MAX / 1000)
        sent = time_us(timestamp);
    if (sent == 0 || sent >= now + 1000000) {
        if (sent == 0)
            refuse_missing(call, "timestamp");
        else
            refuse(call, -1021,
                   "Timestamp for this request was 1000ms ahead of the server's time.");
        return false;
    }
    if (now - sent > request->recv_window_us) {
        refuse(call, -1021, "Timestamp for this request is outside of the recvWindow.");
        return false;
    }
    if (!signature_ok(call, key, signature)) {
        refuse(call, -1022, "Signature for this request is not valid.");
        return false;
    }
    request->timestamp_us = sent;
    request->user = call->user = key->user;
    return true;
}

/* ---- answers ---- */

static bool told_reject(struct call *call, const struct msg *msg)
{
    if (msg->reply.reject == REJECT_NONE)
        return false;
    call_reject(call, msg->reply.reject);
    return true;
}

static void on_new(struct call *call, const struct msg *msg)
{
    if (told_reject(call, msg))
        return;
    render_new_order(call, &call->out, msg->reply.block);
    call_respond(call, 200, call->out.data, call->out.length);
}

static void on_cancel(struct call *call, const struct msg *msg)
{
    if (told_reject(call, msg))
        return;
    render_cancel(call, &call->out, &reply_orders(msg->reply.block)[0], call->client_id,
                  call->client_length);
    call_respond(call, 200, call->out.data, call->out.length);
}

/* Parts of a list come one by one; the last one ends it. */
static void on_cancel_all(struct call *call, const struct msg *msg)
{
    if (!call->parts && (msg->flags & MSG_LAST) && !msg->reply.block) {
        call_reject(call, msg->reply.reject ? msg->reply.reject : REJECT_UNKNOWN_ORDER);
        return;
    }
    if (msg->reply.block) {
        text_str(&call->out, call->parts ? "," : "[");
        call->parts = 1;
        render_cancel(call, &call->out, &reply_orders(msg->reply.block)[0], call->client_id,
                      call->client_length);
    }
    if (!(msg->flags & MSG_LAST))
        return;
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

static void on_order(struct call *call, const struct msg *msg)
{
    if (told_reject(call, msg))
        return;
    render_query(call, &call->out, &reply_orders(msg->reply.block)[0]);
    call_respond(call, 200, call->out.data, call->out.length);
}

static void on_list(struct call *call, const struct msg *msg)
{
    if (told_reject(call, msg))
        return;
    struct reply *reply = msg->reply.block;
    if (!call->parts)
        text_str(&call->out, "[");
    for (uint32_t i = 0; i < reply->count; i++) {
        if (call->parts || i)
            text_str(&call->out, ",");
        if (reply->kind == REPLY_TRADES)
            render_trade(call, &call->out, &reply_trades(reply)[i]);
        else
            render_query(call, &call->out, &reply_orders(reply)[i]);
    }
    call->parts |= reply->count > 0;
    if (!(msg->flags & MSG_LAST)) {
        return;
    }
    text_str(&call->out, "]");
    call_respond(call, 200, call->out.data, call->out.length);
}

static void account_head(struct call *call, int64_t update_us)
{
    text_str(&call->out, "{\"makerCommission\":10,\"takerCommission\":10,\"buyerCommission\":0,"
                         "\"sellerCommission\":0,\"commissionRates\":{\"maker\":\"0.00100000\","
                         "\"taker\":\"0.00100000\",\"buyer\":\"0.00000000\","
                         "\"seller\":\"0.00000000\"},\"canTrade\":true,\"canWithdraw\":true,"
                         "\"canDeposit\":true,\"brokered\":false,"
                         "\"requireSelfTradePrevention\":false,\"preventSor\":false,"
                         "\"updateTime\":");
    render_time(call, &call->out, update_us);
    text_str(&call->out, ",\"accountType\":\"SPOT\",\"balances\":[");
}

static void on_account(struct call *call, const struct msg *msg)
{
    if (told_reject(call, msg))
        return;
    struct reply *reply = msg->reply.block;
    if (!(call->flags & 2))
        account_head(call, reply->update_us);
    call->flags |= 2;
    for (uint32_t i = 0; i < reply->count; i++) {
        const struct balance_view *balance = &reply_balances(reply)[i];
        if ((call->flags & 1) && balance->free == 0 && balance->locked == 0)
            continue; /* omitZeroBalances */
        const char *name = call->ingress->directory.assets[balance->asset];
        text_str(&call->out, call->parts ? ",{\"asset\":" : "{\"asset\":");
        call->parts = 1;
        text_quoted(&call->out, name, strnlen(name, SYMBOL_NAME_MAX));
        text_str(&call->out, ",\"free\":");
        text_amount(&call->out, balance->free);
        text_str(&call->out, ",\"locked\":");
        text_amount(&call->out, balance->locked);
        text_str(&call->out, "}");
    }
    if (!(msg->flags & MSG_LAST))
        return;
    text_str(&call->out, "],\"permissions\":[\"SPOT\"],\"uid\":");
    text_u64(&call->out, call->user);
    text_str(&call->out, "}");
    call_respond(call, 200, call->out.data, call->out.length);
}

/* ---- requests ---- */

/* A block for the request, or the call is refused as busy. */
static struct request *request_for(struct call *call, enum request_type type,
                                   const struct request *auth)
{
    struct request *request = gateway_request(&call->ingress->gateway);
    if (!request) {
        call_reject(call, REJECT_BUSY);
        return NULL;
    }
    *request = *auth;
    request->type = (uint8_t)type;
    return request;
}

/* A client order id of ours: 22 letters and digits. */
static void make_client_id(struct call *call, uint8_t *length, char id[CLIENT_ID_BYTES])
{
    struct ingress *ingress = call->ingress;
    uint64_t a = ++ingress->client_ids, b = (uint64_t)ingress->core->now_us;
    char made[64];
    *length = (uint8_t)snprintf(made, sizeof made, "c%llx%02x%02x%llx", (unsigned long long)b,
                                ingress->ex->boot & 0xFF, ingress->core->id, (unsigned long long)a);
    memcpy(id, made, *length);
}

static bool get_side(struct call *call, uint8_t *side)
{
    const struct param *param;
    if (!get(call, "side", MANDATORY, &param))
        return false;
    if (is(param, "BUY"))
        *side = SIDE_BUY;
    else if (is(param, "SELL"))
        *side = SIDE_SELL;
    else
        refuse(call, -1117, "Invalid side.");
    return is(param, "BUY") || is(param, "SELL");
}

static bool get_type(struct call *call, uint8_t *type)
{
    static const char *const names[] = {"LIMIT", "MARKET", "LIMIT_MAKER"};
    const struct param *param;
    if (!get(call, "type", MANDATORY, &param))
        return false;
    for (uint8_t i = 0; i < 3; i++)
        if (is(param, names[i])) {
            *type = i;
            return true;
        }
    refuse(call, -1116, "Invalid orderType.");
    return false;
}

static bool get_tif(struct call *call, uint8_t type, uint8_t *tif)
{
    static const char *const names[] = {"GTC", "IOC", "FOK"};
    const struct param *param;
    *tif = TIF_GTC;
    if (!get(call, "timeInForce", type == TYPE_LIMIT ? MANDATORY : OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    if (type != TYPE_LIMIT) {
        refuse(call, -1106, "Parameter 'timeInForce' sent when not required.");
        return false;
    }
    for (uint8_t i = 0; i < 3; i++)
        if (is(param, names[i])) {
            *tif = i;
            return true;
        }
    refuse(call, -1115, "Invalid timeInForce.");
    return false;
}

static bool get_stp(struct call *call, uint16_t symbol, uint8_t *stp)
{
    const struct param *param;
    *stp = call->ingress->directory.symbols[symbol].default_stp;
    if (!get(call, "selfTradePreventionMode", OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    if (is(param, "NONE"))
        *stp = STP_NONE;
    else if (is(param, "EXPIRE_TAKER"))
        *stp = STP_EXPIRE_TAKER;
    else
        refuse(call, -1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.");
    return is(param, "NONE") || is(param, "EXPIRE_TAKER");
}

static bool get_resp(struct call *call, uint8_t type, uint8_t *resp)
{
    static const char *const names[] = {"ACK", "RESULT", "FULL"};
    const struct param *param;
    *resp = type == TYPE_LIMIT_MAKER ? RESPONSE_ACK : RESPONSE_FULL;
    if (!get(call, "newOrderRespType", OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    for (uint8_t i = 0; i < 3; i++)
        if (is(param, names[i])) {
            *resp = i;
            return true;
        }
    refuse(call, -1130, "Data sent for parameter 'newOrderRespType' is not valid.");
    return false;
}

static bool sent_when_not_required(struct call *call, const char *name)
{
    const struct param *param = params_get(&call->ingress->params, name);
    if (param)
        refuse(call, -1106, "Parameter '%s' sent when not required.", name);
    return param != NULL;
}

static bool not_positive(struct call *call, const char *what)
{
    refuse(call, -1013, "Invalid %s.", what);
    return false;
}

/* quantity, quoteOrderQty and price, as the type wants them. */
static bool get_amounts(struct call *call, struct request *request)
{
    bool market = request->order.type == TYPE_MARKET, qty, quote, price;
    if (!get_amount(call, "quantity", market ? OPTIONAL : MANDATORY, &qty, &request->order.qty) ||
        !get_amount(call, "quoteOrderQty", OPTIONAL, &quote, &request->order.quote))
        return false;
    if (market && !qty && !quote) {
        refuse_missing(call, "quantity");
        return false;
    }
    if (quote && (!market || qty)) {
        if (market)
            refuse(call, -1128, "Combination of optional parameters invalid.");
        else
            refuse(call, -1106, "Parameter 'quoteOrderQty' sent when not required.");
        return false;
    }
    request->order.by_quote = quote;
    if (!quote)
        request->order.quote = 0;
    if (!qty)
        request->order.qty = 0;
    if (market)
        return !sent_when_not_required(call, "price") &&
               ((qty && request->order.qty > 0) || (quote && request->order.quote > 0) ||
                not_positive(call, "quantity"));
    if (!get_amount(call, "price", MANDATORY, &price, &request->order.price))
        return false;
    if (request->order.qty <= 0)
        return not_positive(call, "quantity");
    return request->order.price > 0 || not_positive(call, "price");
}

static bool read_new(struct call *call, struct request *request)
{
    static const char *const later[] = {"stopPrice",    "trailingDelta", "icebergQty",
                                        "pegPriceType", "pegOffsetType", "pegOffsetValue"};
    bool there;
    uint64_t ignored;
    struct ingress *ingress = call->ingress;
    if (!get_symbol(call, MANDATORY, &request->symbol) || !get_side(call, &request->order.side) ||
        !get_type(call, &request->order.type) ||
        !get_tif(call, request->order.type, &request->order.tif))
        return false;
    for (uint32_t i = 0; i < sizeof later / sizeof *later; i++)
        if (sent_when_not_required(call, later[i]))
            return false;
    if (!get_amounts(call, request) ||
        !get_client_id(call, "newClientOrderId", &request->order.client_length,
                       request->order.client_id) ||
        !get_resp(call, request->order.type, &request->order.resp) ||
        !get_stp(call, request->symbol, &request->order.stp) ||
        !read_number(call, "strategyId", OPTIONAL, &there, &ignored) ||
        !read_number(call, "strategyType", OPTIONAL, &there, &ignored) || !nothing_unread(call))
        return false;
    if (!request->order.client_length)
        make_client_id(call, &request->order.client_length, request->order.client_id);
    request->order.hint = market_view_hint(&ingress->view, request->symbol, request->order.side) *
                          ingress->directory.symbols[request->symbol].tick_atoms;
    return true;
}

static void post_order(struct call *call)
{
    struct request auth = {0};
    call->type = REQUEST_NEW;
    if (!authenticate(call, PERMISSION_TRADE, &auth) || !read_new(call, &auth))
        return;
    if (atomic_load_explicit(&call->ingress->shared->low_space, memory_order_relaxed)) {
        call_reject(call, REJECT_BUSY); /* no disk left for a next segment (DESIGN §5) */
        return;
    }
    call->resp = auth.order.resp;
    struct request *request = request_for(call, REQUEST_NEW, &auth);
    if (request)
        call_send(call, request, on_new);
}

/* orderId and/or the client order id. */
static bool read_which(struct call *call, struct request *request)
{
    if (!get_symbol(call, MANDATORY, &request->symbol) ||
        !read_number(call, "orderId", OPTIONAL, &request->find.has_order_id,
                     &request->find.order_id) ||
        !get_client_id(call, "origClientOrderId", &request->find.client_length,
                       request->find.client_id))
        return false;
    if (request->find.has_order_id || request->find.client_length)
        return true;
    refuse(call, -1102,
           "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!");
    return false;
}

static void delete_order(struct call *call)
{
    struct request auth = {0};
    call->type = REQUEST_CANCEL;
    if (!authenticate(call, PERMISSION_TRADE, &auth) || !read_which(call, &auth) ||
        !get_client_id(call, "newClientOrderId", &call->client_length, call->client_id) ||
        !nothing_unread(call))
        return;
    if (!call->client_length)
        make_client_id(call, &call->client_length, call->client_id);
    struct request *request = request_for(call, REQUEST_CANCEL, &auth);
    if (request)
        call_send(call, request, on_cancel);
}

static void get_order(struct call *call)
{
    struct request auth = {0};
    if (!authenticate(call, PERMISSION_USER_DATA, &auth) || !read_which(call, &auth) ||
        !nothing_unread(call))
        return;
    struct request *request = request_for(call, REQUEST_GET_ORDER, &auth);
    if (request)
        call_send(call, request, on_order);
}

static void get_open_orders(struct call *call)
{
    struct request auth = {0};
    if (!authenticate(call, PERMISSION_USER_DATA, &auth) ||
        !get_symbol(call, OPTIONAL, &auth.symbol) || !nothing_unread(call))
        return;
    struct request *request = request_for(call, REQUEST_OPEN_ORDERS, &auth);
    if (request)
        call_send(call, request, on_list);
}

static void delete_open_orders(struct call *call)
{
    struct request auth = {0};
    call->type = REQUEST_CANCEL_ALL;
    if (!authenticate(call, PERMISSION_TRADE, &auth) ||
        !get_symbol(call, MANDATORY, &auth.symbol) || !nothing_unread(call))
        return;
    make_client_id(call, &call->client_length, call->client_id);
    struct request *request = request_for(call, REQUEST_CANCEL_ALL, &auth);
    if (request)
        call_send(call, request, on_cancel_all);
}

static void get_all_orders(struct call *call)
{
    struct request auth = {0};
    if (!authenticate(call, PERMISSION_USER_DATA, &auth) ||
        !get_symbol(call, MANDATORY, &auth.symbol) ||
        !read_number(call, "orderId", OPTIONAL, &auth.find.has_order_id, &auth.find.order_id) ||
        !get_times(call, &auth) || !get_limit(call, 500, 1000, &auth.find.limit) ||
        !nothing_unread(call))
        return;
    struct request *request = request_for(call, REQUEST_ALL_ORDERS, &auth);
    if (request)
        call_send(call, request, on_list);
}

static void get_my_trades(struct call *call)
{
    struct request auth = {0};
    if (!authenticate(call, PERMISSION_USER_DATA, &auth) ||
        !get_symbol(call, MANDATORY, &auth.symbol) ||
        !read_number(call, "orderId", OPTIONAL, &auth.find.has_order_id, &auth.find.order_id) ||
        !read_number(call, "fromId", OPTIONAL, &auth.find.has_from_id, &auth.find.from_id) ||
        !get_times(call, &auth) || !get_limit(call, 500, 1000, &auth.find.limit) ||
        !nothing_unread(call))
        return;
    if (auth.find.has_from_id && (auth.find.start_us || auth.find.end_us)) {
        refuse(call, -1128, "Combination of optional parameters invalid.");
        return;
    }
    struct request *request = request_for(call, REQUEST_TRADES, &auth);
    if (request)
        call_send(call, request, on_list);
}

static void get_account(struct call *call)
{
    struct request auth = {0};
    const struct param *omit;
    if (!authenticate(call, PERMISSION_USER_DATA, &auth) ||
        !get(call, "omitZeroBalances", OPTIONAL, &omit) || !nothing_unread(call))
        return;
    if (omit && !is(omit, "true") && !is(omit, "false")) {
        refuse_illegal(call, "omitZeroBalances", "true|false");
        return;
    }
    call->flags = omit && is(omit, "true") ? 1 : 0;
    struct request *request = request_for(call, REQUEST_ACCOUNT, &auth);
    if (request)
        call_send(call, request, on_account);
}

/* ---- public ---- */

static void get_ping(struct call *call)
{
    if (nothing_unread(call))
        call_respond(call, 200, "{}", 2);
}

static void get_time(struct call *call)
{
    if (!nothing_unread(call))
        return;
    text_str(&call->out, "{\"serverTime\":");
    render_time(call, &call->out, env_now_us(&call->ingress->ex->rt.env));
    text_str(&call->out, "}");
    call_respond(call, 200, call->out.data, call->out.length);
}

static void get_depth(struct call *call)
{
    uint32_t limit;
    uint16_t symbol;
    if (!get_symbol(call, MANDATORY, &symbol) || !get_limit(call, 100, 5000, &limit) ||
        !nothing_unread(call))
        return;
    render_depth(call->ingress, &call->out, symbol, limit);
    call_respond(call, 200, call->out.data, call->out.length);
}

static const char rate_limits[] =
    "\"rateLimits\":[{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":"
    "1,"
    "\"limit\":6000},{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,"
    "\"limit\":100},{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,"
    "\"limit\":200000},{\"rateLimitType\":\"RAW_REQUESTS\",\"interval\":\"MINUTE\",\"intervalNum\":"
    "5,"
    "\"limit\":300000}]";

/* `symbols`: a JSON array of names, ["A","B"]. Marks the wanted ones; false when refused. */
static bool wanted_symbols(struct call *call, const struct param *list, bool *wanted)
{
    const char *at = list->value, *end = at + list->value_length;
    if (list->value_length < 2 || *at++ != '[' || *--end != ']')
        goto illegal;
    while (at < end) {
        const char *name = at + 1, *quote;
        if (*at != '"' || !(quote = memchr(name, '"', (size_t)(end - name))))
            goto illegal;
        uint16_t symbol = directory_symbol(&call->ingress->directory, name, (size_t)(quote - name));
        if (symbol == SYMBOL_ANY) {
            refuse(call, -1121, "Invalid symbol.");
            return false;
        }
        wanted[symbol] = true;
        at = quote + 1;
        if (at < end && (*at++ != ',' || at == end))
            goto illegal;
    }
    return true;
illegal:
    refuse_illegal(call, "symbols", "[\"SYMBOL\",...]");
    return false;
}

static void get_exchange_info(struct call *call)
{
    struct directory *directory = &call->ingress->directory;
    const struct param *one, *many, *permissions, *sets, *status;
    bool wanted[UINT16_MAX / 8] = {false}, first = true;
    uint16_t symbol;
    if (!get(call, "symbol", OPTIONAL, &one) || !get(call, "symbols", OPTIONAL, &many) ||
        !get(call, "permissions", OPTIONAL, &permissions) ||
        !get(call, "showPermissionSets", OPTIONAL, &sets) ||
        !get(call, "symbolStatus", OPTIONAL, &status) || !nothing_unread(call))
        return;
    if ((one != NULL) + (many != NULL) + (permissions != NULL) > 1 || ((one || many) && status)) {
        refuse(call, -1128, "Combination of optional parameters invalid.");
        return;
    }
    if (one && !get_symbol(call, MANDATORY, &symbol))
        return;
    if (many && !wanted_symbols(call, many, wanted))
        return;
    text_str(&call->out, "{\"timezone\":\"UTC\",\"serverTime\":");
    render_time(call, &call->out, env_now_us(&call->ingress->ex->rt.env));
    text_str(&call->out, ",");
    text_str(&call->out, rate_limits);
    text_str(&call->out, ",\"exchangeFilters\":[],\"symbols\":[");
    for (uint16_t i = 0; i < directory->symbols_count; i++) {
        if ((one && i != symbol) || (many && !wanted[i]) ||
            (status && !is(status, status_name(directory->symbols[i].status))))
            continue;
        if (!first)
            text_str(&call->out, ",");
        first = false;
        render_symbol(&call->out, &directory->symbols[i]);
    }
    text_str(&call->out, "]}");
    call_respond(call, 200, call->out.data, call->out.length);
}

/* ---- routes ---- */

static const struct route {
    const char *path;
    enum method method;
    void (*start)(struct call *call);
} routes[] = {
    {"/api/v3/order", METHOD_POST, post_order},
    {"/api/v3/order", METHOD_DELETE, delete_order},
    {"/api/v3/order", METHOD_GET, get_order},
    {"/api/v3/depth", METHOD_GET, get_depth},
    {"/api/v3/openOrders", METHOD_GET, get_open_orders},
    {"/api/v3/openOrders", METHOD_DELETE, delete_open_orders},
    {"/api/v3/account", METHOD_GET, get_account},
    {"/api/v3/myTrades", METHOD_GET, get_my_trades},
    {"/api/v3/allOrders", METHOD_GET, get_all_orders},
    {"/api/v3/exchangeInfo", METHOD_GET, get_exchange_info},
    {"/api/v3/ping", METHOD_GET, get_ping},
    {"/api/v3/time", METHOD_GET, get_time},
};

static bool path_is(const struct call *call, const char *path)
{
    return call->path.length == strlen(path) &&
           memcmp(call->path.data, path, call->path.length) == 0;
}

static bool read_params(struct call *call)
{
    struct params *params = &call->ingress->params;
    bool get_only = call->method == METHOD_GET;
    switch (params_read(params, call->query.data, call->query.length,
                        get_only ? "" : call->body.data, get_only ? 0 : call->body.length)) {
    case PARAMS_OK:
        return true;
    case PARAMS_DUPLICATE:
        refuse(call, -1101, "Duplicate values for parameter '%.*s' detected.",
               (int)(params->wrong_length > 64 ? 64 : params->wrong_length), params->wrong);
        return false;
    case PARAMS_TOO_MANY:
        refuse(call, -1101, "Too many parameters; expected '%u' at most.", (unsigned)PARAMS_MAX);
        return false;
    case PARAMS_TOO_LONG:
        call_error(call, 413, -1101, "Too many parameters.");
        return false;
    default:
        refuse(call, -1100, "Illegal characters found in a parameter.");
        return false;
    }
}

void operation_start(struct call *call)
{
    bool known = false;
    for (uint32_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!path_is(call, routes[i].path))
            continue;
        known = true;
        if (routes[i].method != call->method)
            continue;
        if (read_params(call))
            routes[i].start(call);
        return;
    }
    if (known)
        call_error(call, 405, -1000, "This method is not supported here.");
    else
        call_error(call, 404, -1000, "There is nothing at this path.");
}
