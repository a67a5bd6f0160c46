#include "http/rest/order_fields.h"

#include <string.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/ledger/ledger.h"
#include "http/fields.h"
#include "http/render.h"
#include "runtime/check.h"

enum {
    STRATEGY_TYPE_MIN = 1000000,
    TRAILING_DELTA_END = 10000, /* basis points: all of the price */
};

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
    const struct param *param;
    if (!field_get(call, "type", MANDATORY, &param))
        return false;
    for (*type = 0; *type < TYPE_COUNT; (*type)++)
        if (field_is(param, type_name(*type)))
            return true;
    call_refuse(call, -1116, "Invalid orderType.");
    return false;
}

/* It says what becomes of a limit order that does not trade at once. */
static bool has_tif(uint8_t type)
{
    return type == TYPE_LIMIT || (type_waits(type) && !type_is_market(type));
}

static bool get_tif(struct call *call, uint8_t type, uint8_t *tif)
{
    static const char *const names[] = {"GTC", "IOC", "FOK"};
    const struct param *param;
    *tif = TIF_GTC;
    if (!field_get(call, "timeInForce", has_tif(type) ? MANDATORY : OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    if (!has_tif(type)) {
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
    *resp = type == TYPE_LIMIT || type == TYPE_MARKET ? RESPONSE_FULL : RESPONSE_ACK;
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
    if (type_is_market(request->order.type))
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

/* stopPrice and trailingDelta: what a type that waits waits for. */
static bool get_trigger(struct call *call, struct request_order *order)
{
    bool stop, trails;
    uint64_t bips = 0;
    if (!type_waits(order->type))
        return field_absent(call, "stopPrice") && field_absent(call, "trailingDelta");
    if (!field_amount(call, "stopPrice", OPTIONAL, &stop, &order->stop) ||
        !field_number(call, "trailingDelta", OPTIONAL, &trails, &bips))
        return false;
    if (!stop && !trails) {
        call_refuse(call, -1102,
                    "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!");
        return false;
    }
    if (stop && order->stop <= 0)
        return not_positive(call, "stopPrice");
    if (trails && (bips == 0 || bips >= TRAILING_DELTA_END)) {
        call_reject(call, REJECT_TRAILING_DELTA);
        return false;
    }
    order->trail_bips = (uint32_t)bips;
    return true;
}

static bool get_iceberg(struct call *call, struct request_order *order)
{
    bool iceberg;
    if (type_is_market(order->type) || order->tif != TIF_GTC)
        return field_absent(call, "icebergQty");
    if (!field_amount(call, "icebergQty", OPTIONAL, &iceberg, &order->iceberg))
        return false;
    if (iceberg && order->iceberg <= 0)
        return not_positive(call, "icebergQty");
    if (iceberg && order->iceberg > order->qty)
        call_refuse(call, -2010, "IcebergQty exceeds QTY.");
    return !iceberg || order->iceberg <= order->qty;
}

/* Pegged orders do not exist yet. */
static bool none_of_later(struct call *call, uint8_t type)
{
    const struct param *param;
    if (!field_absent(call, "pegOffsetType") || !field_absent(call, "pegOffsetValue") ||
        (type_is_market(type) && !field_absent(call, "pegPriceType")) ||
        !field_get(call, "pegPriceType", OPTIONAL, &param))
        return false;
    if (param)
        call_refuse(call, -2010, "Pegged orders are not supported for this symbol.");
    return !param;
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
    if (!none_of_later(call, request->order.type) || !get_trigger(call, &request->order) ||
        !get_amounts(call, request) || !get_iceberg(call, &request->order) ||
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

bool order_has_space(struct call *call)
{
    bool low = atomic_load_explicit(&call->ingress->shared->low_space, memory_order_relaxed);
    if (low)
        call_reject(call, REJECT_BUSY);
    return !low;
}
