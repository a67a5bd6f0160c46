#include "http/render.h"

#include <string.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/ledger/ledger.h"
#include "http/address.h"
#include "http/filters.h"
#include "http/render_keys.h"
#include "runtime/check.h"

static const char *const side_names[] = {[SIDE_BUY] = "BUY", [SIDE_SELL] = "SELL"};
static const char *const type_names[TYPE_COUNT] = {[TYPE_LIMIT] = "LIMIT",
                                                   [TYPE_MARKET] = "MARKET",
                                                   [TYPE_LIMIT_MAKER] = "LIMIT_MAKER",
                                                   [TYPE_STOP_LOSS] = "STOP_LOSS",
                                                   [TYPE_STOP_LOSS_LIMIT] = "STOP_LOSS_LIMIT",
                                                   [TYPE_TAKE_PROFIT] = "TAKE_PROFIT",
                                                   [TYPE_TAKE_PROFIT_LIMIT] = "TAKE_PROFIT_LIMIT"};
static const char *const tif_names[] = {[TIF_GTC] = "GTC", [TIF_IOC] = "IOC", [TIF_FOK] = "FOK"};
static const char *const stp_names[STP_COUNT] = {[STP_NONE] = "NONE",
                                                 [STP_EXPIRE_TAKER] = "EXPIRE_TAKER",
                                                 [STP_EXPIRE_MAKER] = "EXPIRE_MAKER",
                                                 [STP_EXPIRE_BOTH] = "EXPIRE_BOTH",
                                                 [STP_DECREMENT] = "DECREMENT"};
static const char *const order_status_names[ORDER_STATUS_COUNT] = {
    [ORDER_SENT] = "NEW",
    [ORDER_NEW] = "NEW",
    [ORDER_PARTIALLY_FILLED] = "PARTIALLY_FILLED",
    [ORDER_FILLED] = "FILLED",
    [ORDER_CANCELED] = "CANCELED",
    [ORDER_EXPIRED] = "EXPIRED",
    [ORDER_EXPIRED_IN_MATCH] = "EXPIRED_IN_MATCH",
    [ORDER_PENDING] = "PENDING_NEW",
};
static const char *const symbol_status_names[STATUS_COUNT] = {[STATUS_TRADING] = "TRADING",
                                                              [STATUS_HALT] = "HALT",
                                                              [STATUS_CANCEL_ONLY] = "CANCEL_ONLY",
                                                              [STATUS_BREAK] = "BREAK"};

const char *status_name(uint8_t status)
{
    return symbol_status_names[status];
}

const char *side_name(uint8_t side)
{
    return side < sizeof side_names / sizeof *side_names ? side_names[side] : "?";
}

const char *type_name(uint8_t type)
{
    return type < sizeof type_names / sizeof *type_names ? type_names[type] : "?";
}

const char *tif_name(uint8_t tif)
{
    return tif < sizeof tif_names / sizeof *tif_names ? tif_names[tif] : "?";
}

const char *order_status_name(uint8_t status)
{
    return status < ORDER_STATUS_COUNT ? order_status_names[status] : "?";
}

const char *stp_name(uint8_t stp)
{
    return stp < STP_COUNT ? stp_names[stp] : "?";
}

void render_time(const struct call *call, struct text *out, int64_t us)
{
    text_u64(out, (uint64_t)(call->micro ? us : us / 1000));
}

static const struct symbol_config *symbol_of(const struct call *call, uint16_t symbol)
{
    return &call->ingress->directory.symbols[symbol];
}

/* Price to orderType: the middle that all order answers share. */
static void order_middle(struct text *out, const struct order_view *order)
{
    key_amount(out, "price", order->price);
    key_amount(out, "origQty", order->qty);
    key_amount(out, "executedQty", order->executed);
    key_amount(out, "origQuoteOrderQty", order->quote_qty);
    key_amount(out, "cummulativeQuoteQty", order->cum_quote);
    key_text(out, "status", order_status_names[order->status]);
    key_text(out, "timeInForce", tif_names[order->tif]);
    key_text(out, "type", type_names[order->type]);
    key_text(out, "side", side_names[order->side]);
}

int64_t trailing_time(const struct order_view *order)
{
    bool placed = order->status != ORDER_PENDING && order->expiry < EXPIRY_OTO;
    return order->stop || !placed ? -1 : order->time_us;
}

static void render_trail(const struct call *call, struct text *out, const struct order_view *order)
{
    if (!order->trail_bips)
        return;
    key_u64(out, "trailingDelta", order->trail_bips);
    if (trailing_time(order) < 0)
        text_str(out, ",\"trailingTime\":-1");
    else
        key_time(call, out, "trailingTime", trailing_time(order));
}

/* What the client called it. */
static void render_strategy(struct text *out, const struct strategy *strategy)
{
    if (strategy->has_id)
        key_u64(out, "strategyId", (uint64_t)strategy->id);
    if (strategy->type)
        key_u64(out, "strategyType", (uint64_t)strategy->type);
}

/* What only some orders have, where Binance shows it of those alone. */
static void render_terms(const struct call *call, struct text *out, const struct order_view *order)
{
    if (order->stop)
        key_amount(out, "stopPrice", order->stop);
    if (order->iceberg)
        key_amount(out, "icebergQty", order->iceberg);
    render_trail(call, out, order);
}

static void working_time(const struct call *call, struct text *out, const struct order_view *order)
{
    if (order->working_us)
        key_time(call, out, "workingTime", order->working_us);
}

const char *order_expiry_reason(const struct order_view *order)
{
    static const char *const expiries[] = {[EXPIRY_OCO] = "OCO_TRIGGER",
                                           [EXPIRY_OTO] = "OTO_PHASE_ONE_EXPIRED",
                                           [EXPIRY_REJECTED] = "REJECTED"};
    if (order->status != ORDER_EXPIRED)
        return NULL;
    if (order->expiry != EXPIRY_OWN)
        return expiries[order->expiry <= EXPIRY_REJECTED ? order->expiry : EXPIRY_OWN];
    if (type_waits(order->type) && !order->working_us)
        return "EXCHANGE_CANCELED";
    if (type_is_market(order->type))
        return "INSUFFICIENT_LIQUIDITY";
    if (order->tif == TIF_FOK)
        return "UNFILLED_FOK_ORDER_EXPIRED";
    if (order->tif == TIF_IOC)
        return "UNFILLED_IOC_QUANTITY_EXPIRED";
    return order->executed + order->prevented < order->qty ? "EXCHANGE_CANCELED" : NULL;
}

static void expiry_reason(struct text *out, const struct order_view *order)
{
    const char *reason = order_expiry_reason(order);
    if (reason)
        key_text(out, "expiryReason", reason);
}

void render_group(struct text *out, uint32_t trade_group)
{
    key(out, "tradeGroupId");
    if (trade_group)
        text_u64(out, trade_group);
    else
        text_str(out, "-1");
}

/* Of an order that self-trade prevention has taken something of. */
static void prevented(const struct call *call, struct text *out, const struct order_view *order)
{
    if (!order->prevented_id)
        return;
    uint32_t group = call->ingress->directory.users[call->user].trade_group;
    key_u64(out, "preventedMatchId", order->prevented_id);
    key_amount(out, "preventedQuantity", order->prevented);
    if (group)
        render_group(out, group);
}

static void render_fill(const struct call *call, struct text *out, const struct trade_view *trade)
{
    text_str(out, "{");
    key_amount(out, "price", trade->price);
    key_amount(out, "qty", trade->qty);
    key_amount(out, "commission", trade->fee);
    key_name(out, "commissionAsset", call->ingress->directory.assets[trade->fee_asset]);
    key_u64(out, "tradeId", trade->trade_id);
    text_str(out, "}");
}

static void order_list_id(struct text *out, uint64_t list_id)
{
    if (list_id)
        key_u64(out, "orderListId", list_id);
    else
        text_str(out, ",\"orderListId\":-1");
}

/* Those of the order among the fills of the blocks. */
static void render_fills(const struct call *call, struct text *out, const struct order_view *order,
                         struct reply *fills)
{
    bool first = true;
    key(out, "fills");
    text_str(out, "[");
    for (struct reply *block = fills; block && block->kind != REPLY_PREVENTED; block = block->more)
        for (uint32_t i = 0; i < block->count; i++) {
            const struct trade_view *trade = &reply_trades(block)[i];
            if (trade->order_id != order->order_id)
                continue;
            text_str(out, first ? "" : ",");
            first = false;
            render_fill(call, out, trade);
        }
    text_str(out, "]");
}

/* Those of which the order was the taker, beside its fills; nothing where there are none. */
static void render_prevented_matches(const struct call *call, struct text *out,
                                     const struct order_view *order, struct reply *fills)
{
    bool first = true;
    for (struct reply *block = fills; block; block = block->more)
        for (uint32_t i = 0; block->kind == REPLY_PREVENTED && i < block->count; i++) {
            const struct prevented_view *match = &reply_prevented(block)[i];
            if (match->taker_order_id != order->order_id)
                continue;
            text_str(out, first ? ",\"preventedMatches\":[{" : ",{");
            first = false;
            key_u64(out, "preventedMatchId", match->match_id);
            key_name(out, "makerSymbol", symbol_of(call, match->symbol)->name);
            key_u64(out, "makerOrderId", match->maker_order_id);
            key_amount(out, "price", match->price);
            if (match->taker_qty)
                key_amount(out, "takerPreventedQuantity", match->taker_qty);
            if (match->maker_qty)
                key_amount(out, "makerPreventedQuantity", match->maker_qty);
            text_str(out, "}");
        }
    if (!first)
        text_str(out, "]");
}

void render_report(const struct call *call, struct text *out, const struct order_view *order,
                   struct reply *fills)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, order->symbol)->name);
    key_u64(out, "orderId", order->order_id);
    order_list_id(out, order->list_id);
    key(out, "clientOrderId");
    text_quoted(out, order->client_id, order->client_length);
    key_time(call, out, "transactTime", order->updated_us);
    if (call->resp != RESPONSE_ACK) {
        order_middle(out, order);
        render_terms(call, out, order);
        render_strategy(out, &order->strategy);
        if (order->list_id && !order->working_us)
            text_str(out, ",\"workingTime\":-1");
        working_time(call, out, order);
        if (call->resp == RESPONSE_FULL)
            render_fills(call, out, order, fills);
        if (call->resp == RESPONSE_FULL)
            render_prevented_matches(call, out, order, fills);
        key_text(out, "selfTradePreventionMode", stp_names[order->stp]);
        prevented(call, out, order);
        expiry_reason(out, order);
    }
    text_str(out, "}");
}

void render_new_order(const struct call *call, struct text *out, struct reply *reply)
{
    render_report(call, out, &reply->order, reply);
}

void render_cancel(const struct call *call, struct text *out, const struct order_view *order,
                   const char *client_id, size_t length)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, order->symbol)->name);
    key(out, "origClientOrderId");
    text_quoted(out, order->client_id, order->client_length);
    key_u64(out, "orderId", order->order_id);
    order_list_id(out, order->list_id);
    key(out, "clientOrderId");
    text_quoted(out, client_id, length);
    key_time(call, out, "transactTime", order->updated_us);
    order_middle(out, order);
    render_terms(call, out, order);
    render_strategy(out, &order->strategy);
    key_text(out, "selfTradePreventionMode", stp_names[order->stp]);
    prevented(call, out, order);
    text_str(out, "}");
}

void render_query(const struct call *call, struct text *out, const struct order_view *order)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, order->symbol)->name);
    key_u64(out, "orderId", order->order_id);
    order_list_id(out, order->list_id);
    key(out, "clientOrderId");
    text_quoted(out, order->client_id, order->client_length);
    key_amount(out, "price", order->price);
    key_amount(out, "origQty", order->qty);
    key_amount(out, "executedQty", order->executed);
    key_amount(out, "cummulativeQuoteQty", order->cum_quote);
    key_text(out, "status", order_status_names[order->status]);
    key_text(out, "timeInForce", tif_names[order->tif]);
    key_text(out, "type", type_names[order->type]);
    key_text(out, "side", side_names[order->side]);
    key_amount(out, "stopPrice", order->stop);
    key_amount(out, "icebergQty", order->iceberg);
    render_trail(call, out, order);
    render_strategy(out, &order->strategy);
    key_time(call, out, "time", order->time_us);
    key_time(call, out, "updateTime", order->updated_us);
    key_bool(out, "isWorking", order->working_us != 0);
    working_time(call, out, order);
    key_amount(out, "origQuoteOrderQty", order->quote_qty);
    key_text(out, "selfTradePreventionMode", stp_names[order->stp]);
    prevented(call, out, order);
    expiry_reason(out, order);
    text_str(out, "}");
}

void render_amended(const struct call *call, struct text *out, const struct amend_view *amend,
                    const struct list_view *list)
{
    const struct order_view *order = &amend->order;
    text_str(out, "{");
    key_time(call, out, "transactTime", amend->time_us);
    key_u64(out, "executionId", amend->execution_id);
    text_str(out, ",\"amendedOrder\":{");
    key_name(out, "symbol", symbol_of(call, order->symbol)->name);
    key_u64(out, "orderId", order->order_id);
    order_list_id(out, order->list_id);
    key(out, "origClientOrderId");
    text_quoted(out, amend->orig_client_id, amend->orig_length);
    key(out, "clientOrderId");
    text_quoted(out, order->client_id, order->client_length);
    key_amount(out, "price", order->price);
    key_amount(out, "qty", order->qty);
    key_amount(out, "executedQty", order->executed);
    key_amount(out, "preventedQty", order->prevented);
    key_amount(out, "quoteOrderQty", order->quote_qty);
    key_amount(out, "cumulativeQuoteQty", order->cum_quote);
    key_text(out, "status", order_status_names[order->status]);
    key_text(out, "timeInForce", tif_names[order->tif]);
    key_text(out, "type", type_names[order->type]);
    key_text(out, "side", side_names[order->side]);
    render_terms(call, out, order);
    working_time(call, out, order);
    key_text(out, "selfTradePreventionMode", stp_names[order->stp]);
    text_str(out, "}");
    if (list->list_id)
        render_list_status(call, out, list);
    text_str(out, "}");
}

void render_amendment(const struct call *call, struct text *out, const struct amend_view *amend)
{
    const struct order_view *order = &amend->order;
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, order->symbol)->name);
    key_u64(out, "orderId", order->order_id);
    key_u64(out, "executionId", amend->execution_id);
    key(out, "origClientOrderId");
    text_quoted(out, amend->orig_client_id, amend->orig_length);
    key(out, "newClientOrderId");
    text_quoted(out, order->client_id, order->client_length);
    key_amount(out, "origQty", amend->orig_qty);
    key_amount(out, "newQty", order->qty);
    key_time(call, out, "time", amend->time_us);
    text_str(out, "}");
}

void render_prevented(const struct call *call, struct text *out, const struct prevented_view *match)
{
    const char *symbol = symbol_of(call, match->symbol)->name;
    text_str(out, "{");
    key_name(out, "symbol", symbol);
    key_u64(out, "preventedMatchId", match->match_id);
    key_u64(out, "takerOrderId", match->taker_order_id);
    key_name(out, "makerSymbol", symbol);
    key_u64(out, "makerOrderId", match->maker_order_id);
    render_group(out, match->trade_group);
    key_text(out, "selfTradePreventionMode", stp_names[match->stp]);
    key_amount(out, "price", match->price);
    if (match->maker_qty)
        key_amount(out, "makerPreventedQuantity", match->maker_qty);
    if (match->taker_qty)
        key_amount(out, "takerPreventedQuantity", match->taker_qty);
    key_time(call, out, "transactTime", match->time_us);
    text_str(out, "}");
}

void render_trade(const struct call *call, struct text *out, const struct trade_view *trade)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, trade->symbol)->name);
    key_u64(out, "id", trade->trade_id);
    key_u64(out, "orderId", trade->order_id);
    order_list_id(out, trade->list_id);
    key_amount(out, "price", trade->price);
    key_amount(out, "qty", trade->qty);
    key_amount(out, "quoteQty", trade->quote);
    key_amount(out, "commission", trade->fee);
    key_name(out, "commissionAsset", call->ingress->directory.assets[trade->fee_asset]);
    key_time(call, out, "time", trade->time_us);
    key_bool(out, "isBuyer", trade->side == SIDE_BUY);
    key_bool(out, "isMaker", trade->maker);
    key_bool(out, "isBestMatch", true);
    text_str(out, "}");
}

void render_permissions(struct text *out, uint8_t permissions)
{
    text_format(out, "[%s%s%s]", permissions & PERMISSION_USER_DATA ? "\"USER_DATA\"" : "",
                (permissions & PERMISSION_ANY) == PERMISSION_ANY ? "," : "",
                permissions & PERMISSION_TRADE ? "\"TRADE\"" : "");
}

void render_ranges(struct text *out, const struct network *range, uint32_t count)
{
    char text[NETWORK_TEXT_BYTES];
    text_str(out, "[");
    for (uint32_t i = 0; i < count; i++) {
        network_text(&range[i], text);
        text_format(out, "%s\"%s\"", i ? "," : "", text);
    }
    text_str(out, "]");
}

void render_symbol(struct text *out, const struct symbol_config *symbol, bool sets)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol->name);
    key_text(out, "status", symbol_status_names[symbol->status]);
    key_name(out, "baseAsset", symbol->base_name);
    key_u64(out, "baseAssetPrecision", 8);
    key_name(out, "quoteAsset", symbol->quote_name);
    key_u64(out, "quotePrecision", 8);
    key_u64(out, "quoteAssetPrecision", 8);
    key_u64(out, "baseCommissionPrecision", 8);
    key_u64(out, "quoteCommissionPrecision", 8);
    text_str(out, ",\"orderTypes\":[\"LIMIT\",\"LIMIT_MAKER\",\"MARKET\",\"STOP_LOSS\","
                  "\"STOP_LOSS_LIMIT\",\"TAKE_PROFIT\",\"TAKE_PROFIT_LIMIT\"]");
    key_bool(out, "icebergAllowed", true);
    key_bool(out, "ocoAllowed", true);
    key_bool(out, "otoAllowed", true);
    key_bool(out, "opoAllowed", false);
    key_bool(out, "quoteOrderQtyMarketAllowed", true);
    key_bool(out, "allowTrailingStop", true);
    key_bool(out, "cancelReplaceAllowed", true);
    key_bool(out, "amendAllowed", true);
    key_bool(out, "pegInstructionsAllowed", false);
    key_bool(out, "isSpotTradingAllowed", true);
    key_bool(out, "isMarginTradingAllowed", false);
    key(out, "filters");
    render_filters(out, symbol);
    text_str(out, ",\"permissions\":[],\"permissionSets\":[");
    text_str(out, sets ? "[\"SPOT\"]]" : "]");
    key_text(out, "defaultSelfTradePreventionMode", stp_names[symbol->default_stp]);
    text_str(out, ",\"allowedSelfTradePreventionModes\":[");
    for (uint8_t stp = 0; stp < STP_COUNT; stp++) {
        text_str(out, stp ? "," : "");
        text_quoted(out, stp_names[stp], strlen(stp_names[stp]));
    }
    text_str(out, "]}");
}

/* ---- commissions: a rate is ppm of the amount received; there is no other kind, and no discount
 */

void render_rates(struct text *out, const char *name, const struct rates_view *rates, bool by_side)
{
    key(out, name);
    text_str(out, "{");
    key_amount(out, "maker", (int64_t)rates->maker_ppm * MONEY_ATOMS_PER_PPM);
    key_amount(out, "taker", (int64_t)rates->taker_ppm * MONEY_ATOMS_PER_PPM);
    if (by_side) {
        key_amount(out, "buyer", 0);
        key_amount(out, "seller", 0);
    }
    text_str(out, "}");
}

static void no_discount(struct text *out)
{
    text_str(out, ",\"discount\":{\"enabledForAccount\":false,\"enabledForSymbol\":false,"
                  "\"discountAsset\":\"BNB\",\"discount\":\"0.00000000\"}}");
}

static const struct rates_view no_rates;

void render_commission(struct call *call, struct text *out, const struct rates_view *rates)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, rates->symbol)->name);
    render_rates(out, "standardCommission", rates, true);
    render_rates(out, "specialCommission", &no_rates, true);
    render_rates(out, "taxCommission", &no_rates, true);
    no_discount(out);
}

void render_order_commission(struct text *out, const struct rates_view *rates)
{
    text_str(out, "{");
    render_rates(out, "standardCommissionForOrder", rates, false);
    render_rates(out, "specialCommissionForOrder", &no_rates, false);
    render_rates(out, "taxCommissionForOrder", &no_rates, false);
    no_discount(out);
}

void render_trade_fee(const struct call *call, struct text *out, const struct rates_view *rates)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, rates->symbol)->name);
    key_amount(out, "makerCommission", (int64_t)rates->maker_ppm * MONEY_ATOMS_PER_PPM);
    key_amount(out, "takerCommission", (int64_t)rates->taker_ppm * MONEY_ATOMS_PER_PPM);
    text_str(out, "}");
}

void render_coin(struct text *out, const char name[SYMBOL_NAME_MAX], int64_t free, int64_t locked)
{
    static const char *const none[] = {"freeze", "withdrawing", "ipoing", "ipoable", "storage"};
    text_str(out, "{");
    key_name(out, "coin", name);
    key_name(out, "name", name);
    key_bool(out, "depositAllEnable", false);
    key_bool(out, "withdrawAllEnable", false);
    key_amount(out, "free", free);
    key_amount(out, "locked", locked);
    for (uint32_t i = 0; i < sizeof none / sizeof *none; i++)
        key_amount(out, none[i], 0);
    key_bool(out, "isLegalMoney", false);
    key_bool(out, "trading", true);
    text_str(out, ",\"networkList\":[]}");
}

/* ---- limits ---- */

#define LIMIT_JSON(type, interval, count, limit)                                                   \
    "{\"rateLimitType\":\"" type "\",\"interval\":\"" interval "\",\"intervalNum\":" count         \
    ",\"limit\":" LIMIT_TEXT(limit)
#define WEIGHT_JSON     LIMIT_JSON("REQUEST_WEIGHT", "MINUTE", "1", LIMIT_WEIGHT)
#define ORDERS_10S_JSON LIMIT_JSON("ORDERS", "SECOND", "10", LIMIT_ORDERS_10S)
#define ORDERS_1D_JSON  LIMIT_JSON("ORDERS", "DAY", "1", LIMIT_ORDERS_1D)
#define REQUESTS_JSON   LIMIT_JSON("RAW_REQUESTS", "MINUTE", "5", LIMIT_REQUESTS)

static void put_used(struct text *out, const char *limit, uint32_t used)
{
    text_str(out, limit);
    text_str(out, ",\"count\":");
    text_u64(out, used);
    text_str(out, "}");
}

void render_limits(struct text *out)
{
    text_str(out, "\"rateLimits\":[" WEIGHT_JSON "}," ORDERS_10S_JSON "}," ORDERS_1D_JSON
                  "}," REQUESTS_JSON "}]");
}

void render_orders_limits(struct text *out, const uint32_t unfilled[ORDER_INTERVALS])
{
    put_used(out, ORDERS_10S_JSON, unfilled[ORDERS_10S]);
    text_str(out, ",");
    put_used(out, ORDERS_1D_JSON, unfilled[ORDERS_1D]);
}

void render_weight_limit(struct text *out, uint32_t used)
{
    put_used(out, WEIGHT_JSON, used);
}
