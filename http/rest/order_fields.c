#include "http/rest/order_fields.h"

#include <string.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/ledger/ledger.h"
#include "http/fields.h"
#include "http/render.h"
#include "runtime/check.h"

enum { STRATEGY_TYPE_MIN = 1000000 };

/* Hexadecimal, at least `least` digits; returns where it ends. */
static char *put_hex(char *at, uint64_t value, uint32_t least)
{
    uint32_t digits = value ? (67 - (uint32_t)__builtin_clzll(value)) / 4 : 0;
    if (digits < least)
        digits = least;
    for (uint32_t i = digits; i-- > 0; value >>= 4)
        at[i] = "0123456789abcdef"[value & 15];
    return at + digits;
}

void order_make_client_id(struct call *call, uint8_t *length, char id[CLIENT_ID_BYTES])
{
    struct ingress *ingress = call->ingress;
    uint64_t now_us = (uint64_t)ingress->core->now_us;
    char *at = id;
    ASSERT(now_us >> 60 == 0); /* 15 digits, and 16 of the counter, fit */
    _Static_assert(1 + 15 + 2 + 2 + 16 <= CLIENT_ID_BYTES, "they do");
    *at++ = 'c';
    at = put_hex(at, now_us, 1);
    at = put_hex(at, ingress->ex->boot & 0xFF, 2);
    at = put_hex(at, ingress->core->id & 0xFF, 2);
    at = put_hex(at, ++ingress->client_ids, 1);
    *length = (uint8_t)(at - id);
}

void order_name_cancel(struct call *call, struct request_find *cancel)
{
    if (!call->client_length)
        order_make_client_id(call, &call->client_length, call->client_id);
    cancel->own_length = call->client_length;
    memcpy(cancel->own_id, call->client_id, sizeof cancel->own_id);
}

static bool get_side(struct call *call, uint8_t *side)
{
    const struct param *param;
    if (!field_get(call, "side", MANDATORY, &param))
        return false;
    if (field_is(param, "BUY"))
        *side = SIDE_BUY;
    else if (field_is(param, "SELL"))
        *side = SIDE_SELL;
    else
        call_refuse(call, -1117, "Invalid side.");
    return field_is(param, "BUY") || field_is(param, "SELL");
}

static bool get_type(struct call *call, uint8_t *type)
{
    static const char *const names[] = {"LIMIT", "MARKET", "LIMIT_MAKER"};
    static const struct {
        const char *name, *what;
    } later[] = {{"STOP_LOSS", "Stop loss"},
                 {"STOP_LOSS_LIMIT", "Stop loss limit"},
                 {"TAKE_PROFIT", "Take profit"},
                 {"TAKE_PROFIT_LIMIT", "Take profit limit"}};
    const struct param *param;
    if (!field_get(call, "type", MANDATORY, &param))
        return false;
    for (uint8_t i = 0; i < 3; i++)
        if (field_is(param, names[i])) {
            *type = i;
            return true;
        }
    for (uint32_t i = 0; i < sizeof later / sizeof *later; i++)
        if (field_is(param, later[i].name)) {
            call_refuse(call, -2010, "%s orders are not supported for this symbol.", later[i].what);
            return false;
        }
    call_refuse(call, -1116, "Invalid orderType.");
    return false;
}

static bool get_tif(struct call *call, uint8_t type, uint8_t *tif)
{
    static const char *const names[] = {"GTC", "IOC", "FOK"};
    const struct param *param;
    *tif = TIF_GTC;
    if (!field_get(call, "timeInForce", type == TYPE_LIMIT ? MANDATORY : OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    if (type != TYPE_LIMIT) {
        call_refuse(call, -1106, "Parameter 'timeInForce' sent when not required.");
        return false;
    }
    for (uint8_t i = 0; i < 3; i++)
        if (field_is(param, names[i])) {
            *tif = i;
            return true;
        }
    call_refuse(call, -1115, "Invalid timeInForce.");
    return false;
}

static bool get_stp(struct call *call, uint16_t symbol, uint8_t *stp)
{
    const struct param *param;
    *stp = call->ingress->directory.symbols[symbol].default_stp;
    if (!field_get(call, "selfTradePreventionMode", OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    for (uint8_t i = 0; i < STP_COUNT; i++)
        if (field_is(param, stp_name(i))) {
            *stp = i;
            return true;
        }
    if (field_is(param, "TRANSFER"))
        call_refuse(call, -1013,
                    "This symbol does not allow the specified self-trade prevention mode.");
    else
        call_refuse(call, -1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.");
    return false;
}

static bool get_resp(struct call *call, uint8_t type, uint8_t *resp)
{
    static const char *const names[] = {"ACK", "RESULT", "FULL"};
    const struct param *param;
    *resp = type == TYPE_LIMIT_MAKER ? RESPONSE_ACK : RESPONSE_FULL;
    if (!field_get(call, "newOrderRespType", OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    for (uint8_t i = 0; i < 3; i++)
        if (field_is(param, names[i])) {
            *resp = i;
            return true;
        }
    call_refuse(call, -1130, "Data sent for parameter 'newOrderRespType' is not valid.");
    return false;
}

static bool not_positive(struct call *call, const char *what)
{
    call_refuse(call, -1013, "Invalid %s.", what);
    return false;
}

/* quantity, quoteOrderQty and price, as the type wants them. */
static bool get_amounts(struct call *call, struct request *request)
{
    bool market = request->order.type == TYPE_MARKET, qty, quote, price;
    if (!field_amount(call, "quantity", market ? OPTIONAL : MANDATORY, &qty, &request->order.qty) ||
        !field_amount(call, "quoteOrderQty", OPTIONAL, &quote, &request->order.quote))
        return false;
    if (market && !qty && !quote) {
        field_missing(call, "quantity");
        return false;
    }
    if (quote && (!market || qty)) {
        if (market)
            call_refuse(call, -1128, "Combination of optional parameters invalid.");
        else
            call_refuse(call, -1106, "Parameter 'quoteOrderQty' sent when not required.");
        return false;
    }
    request->order.by_quote = quote;
    if (!quote)
        request->order.quote = 0;
    if (!qty)
        request->order.qty = 0;
    if (market)
        return field_absent(call, "price") &&
               ((qty && request->order.qty > 0) || (quote && request->order.quote > 0) ||
                not_positive(call, "quantity"));
    if (!field_amount(call, "price", MANDATORY, &price, &request->order.price))
        return false;
    if (request->order.qty <= 0)
        return not_positive(call, "quantity");
    if (request->order.price <= 0)
        return not_positive(call, "price");
    int64_t notional;
    if (!money_mul_div(request->order.price, request->order.qty, MONEY_ATOMS_PER_UNIT, &notional) ||
        notional > 0)
        return true;
    call_refuse(call, -1013, "Price * QTY is zero or less.");
    return false;
}

/* Parameters of order types that do not exist yet. */
static bool none_of_later(struct call *call, uint8_t type)
{
    static const char *const of_no_type[] = {"stopPrice", "trailingDelta", "pegOffsetType",
                                             "pegOffsetValue"};
    static const struct {
        const char *name, *what;
    } of_limits[] = {{"icebergQty", "Iceberg"}, {"pegPriceType", "Pegged"}};
    for (uint32_t i = 0; i < sizeof of_no_type / sizeof *of_no_type; i++)
        if (!field_absent(call, of_no_type[i]))
            return false;
    for (uint32_t i = 0; i < sizeof of_limits / sizeof *of_limits; i++) {
        const struct param *param;
        if (type == TYPE_MARKET && !field_absent(call, of_limits[i].name))
            return false;
        if (!field_get(call, of_limits[i].name, OPTIONAL, &param))
            return false;
        if (!param)
            continue;
        call_refuse(call, -2010, "%s orders are not supported for this symbol.", of_limits[i].what);
        return false;
    }
    return true;
}

/* Labels of the client's own; nothing here depends on them. */
static bool read_strategy(struct call *call)
{
    bool there;
    uint64_t id, type = 0;
    if (!field_number(call, "strategyId", OPTIONAL, &there, &id) ||
        !field_number(call, "strategyType", OPTIONAL, &there, &type))
        return false;
    if (there && type < STRATEGY_TYPE_MIN)
        call_refuse(call, -1134, "strategyType was less than 1000000.");
    return !there || type >= STRATEGY_TYPE_MIN;
}

bool order_read_new(struct call *call, struct request *request)
{
    struct ingress *ingress = call->ingress;
    if (!field_symbol(call, MANDATORY, &request->symbol) || !get_side(call, &request->order.side) ||
        !get_type(call, &request->order.type) ||
        !get_tif(call, request->order.type, &request->order.tif))
        return false;
    if (!none_of_later(call, request->order.type) || !get_amounts(call, request) ||
        !field_client_id(call, "newClientOrderId", &request->order.client_length,
                         request->order.client_id) ||
        !get_resp(call, request->order.type, &request->order.resp) ||
        !get_stp(call, request->symbol, &request->order.stp) || !read_strategy(call) ||
        !fields_all_read(call))
        return false;
    if (!request->order.client_length)
        order_make_client_id(call, &request->order.client_length, request->order.client_id);
    request->order.hint = market_view_hint(&ingress->view, request->symbol, request->order.side) *
                          ingress->directory.symbols[request->symbol].tick_atoms;
    return true;
}

static bool read_ids(struct call *call, const char *number, const char *text,
                     struct request_find *find)
{
    if (!field_number(call, number, OPTIONAL, &find->has_order_id, &find->order_id) ||
        !field_client_id(call, text, &find->client_length, find->client_id))
        return false;
    if (find->has_order_id || find->client_length)
        return true;
    call_refuse(call, -1102, "Param '%s' or '%s' must be sent, but both were empty/null!", text,
                number);
    return false;
}

bool order_read_which(struct call *call, struct request *request)
{
    return field_symbol(call, MANDATORY, &request->symbol) &&
           read_ids(call, "orderId", "origClientOrderId", &request->find);
}

bool order_read_replaced(struct call *call, struct request_find *find)
{
    return read_ids(call, "cancelOrderId", "cancelOrigClientOrderId", find);
}

bool order_read_restriction(struct call *call, uint8_t *restriction)
{
    const struct param *param;
    *restriction = RESTRICT_NONE;
    if (!field_get(call, "cancelRestrictions", OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    if (field_is(param, "ONLY_NEW"))
        *restriction = RESTRICT_ONLY_NEW;
    else if (field_is(param, "ONLY_PARTIALLY_FILLED"))
        *restriction = RESTRICT_ONLY_PARTIALLY_FILLED;
    else
        call_refuse(call, -1145, "Invalid cancelRestrictions");
    return *restriction != RESTRICT_NONE;
}

void order_tell_count(struct call *call, const struct reply *reply)
{
    memcpy(call->unfilled, reply->unfilled, sizeof call->unfilled);
    call->tells_orders = true;
}

bool order_has_space(struct call *call)
{
    bool low = atomic_load_explicit(&call->ingress->shared->low_space, memory_order_relaxed);
    if (low)
        call_reject(call, REJECT_BUSY);
    return !low;
}
