#include "http/rest/order_fields.h"

#include <string.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/ledger/ledger.h"
#include "http/fields.h"
#include "http/render.h"
#include "runtime/check.h"

enum { TRAILING_DELTA_END = 10000 }; /* basis points: all of the price */

static const struct order_names plain_names = {
    .side = "side",
    .type = "type",
    .tif = "timeInForce",
    .qty = "quantity",
    .quote = "quoteOrderQty",
    .price = "price",
    .stop = "stopPrice",
    .trail = "trailingDelta",
    .iceberg = "icebergQty",
    .client_id = "newClientOrderId",
    .strategy_id = "strategyId",
    .strategy_type = "strategyType",
    .peg = "pegPriceType",
    .peg_offset = "pegOffsetType",
    .peg_value = "pegOffsetValue",
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

bool order_read_side(struct call *call, const char *name, uint8_t *side)
{
    const struct param *param;
    if (!field_get(call, name, MANDATORY, &param))
        return false;
    if (field_is(param, "BUY"))
        *side = SIDE_BUY;
    else if (field_is(param, "SELL"))
        *side = SIDE_SELL;
    else
        call_refuse(call, -1117, "Invalid side.");
    return field_is(param, "BUY") || field_is(param, "SELL");
}

bool order_read_type(struct call *call, const char *name, uint8_t *type)
{
    const struct param *param;
    if (!field_get(call, name, MANDATORY, &param))
        return false;
    for (*type = 0; *type < TYPE_COUNT; (*type)++)
        if (field_is(param, type_name(*type)))
            return true;
    call_refuse(call, -1116, "Invalid orderType.");
    return false;
}

/* -1106, unless the order has no such parameter at all. */
static bool may_not_have(struct call *call, const char *name)
{
    return !name || field_absent(call, name);
}

/* It says what becomes of a limit order that does not trade at once. */
static bool has_tif(uint8_t type)
{
    return type == TYPE_LIMIT || (type_waits(type) && !type_is_market(type));
}

static bool get_tif(struct call *call, const char *name, uint8_t type, uint8_t *tif)
{
    static const char *const names[] = {"GTC", "IOC", "FOK"};
    const struct param *param;
    *tif = TIF_GTC;
    if (!has_tif(type))
        return may_not_have(call, name);
    if (!field_get(call, name, MANDATORY, &param))
        return false;
    for (uint8_t i = 0; i < 3; i++)
        if (field_is(param, names[i])) {
            *tif = i;
            return true;
        }
    call_refuse(call, -1115, "Invalid timeInForce.");
    return false;
}

bool order_read_stp(struct call *call, uint16_t symbol, uint8_t *stp)
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

bool order_read_resp(struct call *call, enum response_type normal, uint8_t *resp)
{
    static const char *const names[] = {"ACK", "RESULT", "FULL"};
    const struct param *param;
    *resp = (uint8_t)normal;
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

/* How much: a quantity, or of an order at market what it may cost. */
static bool get_quantity(struct call *call, const struct order_names *names,
                         struct request_order *order)
{
    bool may_quote = order->type == TYPE_MARKET && names->quote, qty, quote = false;
    if (!field_amount(call, names->qty, may_quote ? OPTIONAL : MANDATORY, &qty, &order->qty) ||
        (names->quote && !field_amount(call, names->quote, OPTIONAL, &quote, &order->quote)))
        return false;
    if (!qty && !quote) {
        field_missing(call, names->qty);
        return false;
    }
    if (quote && (!may_quote || qty)) {
        if (may_quote)
            call_refuse(call, -1128, "Combination of optional parameters invalid.");
        else
            call_refuse(call, -1106, "Parameter '%s' sent when not required.", names->quote);
        return false;
    }
    order->by_quote = quote;
    return true;
}

/* Quantity, what it may cost, and price, as the type wants them. */
static bool get_amounts(struct call *call, const struct order_names *names,
                        struct request_order *order)
{
    bool price;
    if (!get_quantity(call, names, order))
        return false;
    if (type_is_market(order->type))
        return may_not_have(call, names->price) &&
               ((order->by_quote ? order->quote : order->qty) > 0 ||
                not_positive(call, "quantity"));
    if (!field_amount(call, names->price, MANDATORY, &price, &order->price))
        return false;
    if (order->qty <= 0)
        return not_positive(call, "quantity");
    if (order->price <= 0)
        return not_positive(call, "price");
    int64_t notional;
    if (!money_mul_div(order->price, order->qty, MONEY_ATOMS_PER_UNIT, &notional) || notional > 0)
        return true;
    call_refuse(call, -1013, "Price * QTY is zero or less.");
    return false;
}

/* What a type that waits waits for. */
static bool get_trigger(struct call *call, const struct order_names *names,
                        struct request_order *order)
{
    bool stop, trails;
    uint64_t bips = 0;
    if (!type_waits(order->type))
        return may_not_have(call, names->stop) && may_not_have(call, names->trail);
    if (!field_amount(call, names->stop, OPTIONAL, &stop, &order->stop) ||
        !field_number(call, names->trail, OPTIONAL, &trails, &bips))
        return false;
    if (!stop && !trails) {
        call_refuse(call, -1102, "Param '%s' or '%s' must be sent, but both were empty/null!",
                    names->stop, names->trail);
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

/* Only what rests until it is done can show a part at a time; Binance has a code of its own for
 * that in a pair. */
static bool has_no_iceberg(struct call *call, const struct order_names *names, uint8_t type)
{
    if (!names->paired || type_is_market(type))
        return field_absent(call, names->iceberg);
    bool sent = field_sent(call, names->iceberg);
    if (sent)
        call_refuse(call, -1160,
                    "Parameter '%s' is not supported if aboveTimeInForce/belowTimeInForce is not "
                    "GTC.",
                    names->iceberg);
    return !sent;
}

static bool get_iceberg(struct call *call, const struct order_names *names,
                        struct request_order *order)
{
    bool iceberg;
    if (type_is_market(order->type) || order->tif != TIF_GTC)
        return has_no_iceberg(call, names, order->type);
    if (!field_amount(call, names->iceberg, OPTIONAL, &iceberg, &order->iceberg))
        return false;
    if (iceberg && order->iceberg <= 0)
        return not_positive(call, "icebergQty");
    if (iceberg && order->iceberg > order->qty)
        call_refuse(call, -2010, "IcebergQty exceeds QTY.");
    return !iceberg || order->iceberg <= order->qty;
}

/* Pegged orders do not exist yet. */
static bool none_of_later(struct call *call, const struct order_names *names, uint8_t type)
{
    const struct param *param;
    if (!names->peg)
        return true;
    if (!field_absent(call, names->peg_offset) || !field_absent(call, names->peg_value) ||
        (type_is_market(type) && !field_absent(call, names->peg)) ||
        !field_get(call, names->peg, OPTIONAL, &param))
        return false;
    if (param)
        call_refuse(call, -2010, "Pegged orders are not supported for this symbol.");
    return !param;
}

/* An id is a LONG on Binance, a type an INT. */
static bool read_strategy(struct call *call, const struct order_names *names,
                          struct strategy *strategy)
{
    bool there;
    uint64_t id = 0, type = 0;
    if (!field_number(call, names->strategy_id, OPTIONAL, &strategy->has_id, &id) ||
        !field_number(call, names->strategy_type, OPTIONAL, &there, &type))
        return false;
    if (type > INT32_MAX)
        return field_overflowed(call, names->strategy_type);
    if (there && type < STRATEGY_TYPE_MIN) {
        call_refuse(call, -1134, "strategyType was less than 1000000.");
        return false;
    }
    strategy->id = (int64_t)id;
    strategy->type = (int32_t)type;
    return true;
}

bool order_read_terms(struct call *call, const struct order_names *names,
                      struct request_order *order)
{
    return get_tif(call, names->tif, order->type, &order->tif) &&
           none_of_later(call, names, order->type) && get_trigger(call, names, order) &&
           get_amounts(call, names, order) && get_iceberg(call, names, order) &&
           field_client_id(call, names->client_id, &order->client_length, order->client_id) &&
           read_strategy(call, names, &order->strategy);
}

void order_complete(struct call *call, uint16_t symbol, struct request_order *order)
{
    struct ingress *ingress = call->ingress;
    if (!order->client_length)
        order_make_client_id(call, &order->client_length, order->client_id);
    order->hint = market_view_hint(&ingress->view, symbol, order->side) *
                  ingress->directory.symbols[symbol].tick_atoms;
}

bool order_read_new(struct call *call, struct request *request)
{
    struct request_order *order = &request->order;
    if (!field_symbol(call, MANDATORY, &request->symbol) ||
        !order_read_side(call, plain_names.side, &order->side) ||
        !order_read_type(call, plain_names.type, &order->type))
        return false;
    enum response_type resp =
        order->type == TYPE_LIMIT || order->type == TYPE_MARKET ? RESPONSE_FULL : RESPONSE_ACK;
    if (!order_read_terms(call, &plain_names, order) ||
        !order_read_resp(call, resp, &order->resp) ||
        !order_read_stp(call, request->symbol, &order->stp) || !fields_all_read(call))
        return false;
    order_complete(call, request->symbol, order);
    return true;
}

bool order_read_ids(struct call *call, const char *number, const char *text,
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
           order_read_ids(call, "orderId", "origClientOrderId", &request->find);
}

bool order_read_replaced(struct call *call, struct request_find *find)
{
    return order_read_ids(call, "cancelOrderId", "cancelOrigClientOrderId", find);
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
