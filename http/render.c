#include "http/render.h"

#include <string.h>

#include "actors/book/kinds.h"
#include "actors/ledger/ledger.h"

static const char *const side_names[] = {[SIDE_BUY] = "BUY", [SIDE_SELL] = "SELL"};
static const char *const type_names[] = {
    [TYPE_LIMIT] = "LIMIT", [TYPE_MARKET] = "MARKET", [TYPE_LIMIT_MAKER] = "LIMIT_MAKER"};
static const char *const tif_names[] = {[TIF_GTC] = "GTC", [TIF_IOC] = "IOC", [TIF_FOK] = "FOK"};
static const char *const stp_names[STP_COUNT] = {[STP_NONE] = "NONE",
                                                 [STP_EXPIRE_TAKER] = "EXPIRE_TAKER",
                                                 [STP_EXPIRE_MAKER] = "EXPIRE_MAKER",
                                                 [STP_EXPIRE_BOTH] = "EXPIRE_BOTH"};
static const char *const order_status_names[ORDER_STATUS_COUNT] = {
    [ORDER_SENT] = "NEW",
    [ORDER_NEW] = "NEW",
    [ORDER_PARTIALLY_FILLED] = "PARTIALLY_FILLED",
    [ORDER_FILLED] = "FILLED",
    [ORDER_CANCELED] = "CANCELED",
    [ORDER_EXPIRED] = "EXPIRED",
    [ORDER_EXPIRED_IN_MATCH] = "EXPIRED_IN_MATCH",
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

static void key(struct text *out, const char *name)
{
    if (out->length && out->data[out->length - 1] != '{')
        text_add(out, ",", 1);
    text_add(out, "\"", 1);
    text_str(out, name);
    text_add(out, "\":", 2);
}

static void key_text(struct text *out, const char *name, const char *value)
{
    key(out, name);
    text_add(out, "\"", 1);
    text_str(out, value);
    text_add(out, "\"", 1);
}

static void key_amount(struct text *out, const char *name, int64_t atoms)
{
    key(out, name);
    text_amount(out, atoms);
}

static void key_u64(struct text *out, const char *name, uint64_t value)
{
    key(out, name);
    text_u64(out, value);
}

static void key_bool(struct text *out, const char *name, bool value)
{
    key(out, name);
    text_str(out, value ? "true" : "false");
}

void render_time(const struct call *call, struct text *out, int64_t us)
{
    text_u64(out, (uint64_t)(call->micro ? us : us / 1000));
}

static void key_time(const struct call *call, struct text *out, const char *name, int64_t us)
{
    key(out, name);
    render_time(call, out, us);
}

static const struct symbol_config *symbol_of(const struct call *call, uint16_t symbol)
{
    return &call->ingress->directory.symbols[symbol];
}

static void key_name(struct text *out, const char *name, const char value[SYMBOL_NAME_MAX])
{
    key(out, name);
    text_quoted(out, value, strnlen(value, SYMBOL_NAME_MAX));
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

static void expiry_reason(struct text *out, const struct order_view *order)
{
    if (order->status != ORDER_EXPIRED)
        return;
    key_text(out, "expiryReason",
             order->type == TYPE_MARKET ? "INSUFFICIENT_LIQUIDITY"
             : order->tif == TIF_FOK    ? "UNFILLED_FOK_ORDER_EXPIRED"
                                        : "UNFILLED_IOC_QUANTITY_EXPIRED");
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

void render_new_order(const struct call *call, struct text *out, const struct reply *reply)
{
    const struct order_view *order = &reply->order;
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, order->symbol)->name);
    key_u64(out, "orderId", order->order_id);
    text_str(out, ",\"orderListId\":-1");
    key(out, "clientOrderId");
    text_quoted(out, order->client_id, order->client_length);
    key_time(call, out, "transactTime", order->updated_us);
    if (call->resp != RESPONSE_ACK) {
        order_middle(out, order);
        key_time(call, out, "workingTime", order->time_us);
        if (call->resp == RESPONSE_FULL) {
            key(out, "fills");
            text_str(out, "[");
            bool first = true;
            for (const struct reply *block = reply; block; block = block->more)
                for (uint32_t i = 0; i < block->count; i++) {
                    if (!first)
                        text_str(out, ",");
                    first = false;
                    render_fill(call, out, &reply_trades((struct reply *)block)[i]);
                }
            text_str(out, "]");
        }
        key_text(out, "selfTradePreventionMode", stp_names[order->stp]);
        expiry_reason(out, order);
    }
    text_str(out, "}");
}

void render_cancel(const struct call *call, struct text *out, const struct order_view *order,
                   const char *client_id, size_t length)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, order->symbol)->name);
    key(out, "origClientOrderId");
    text_quoted(out, order->client_id, order->client_length);
    key_u64(out, "orderId", order->order_id);
    text_str(out, ",\"orderListId\":-1");
    key(out, "clientOrderId");
    text_quoted(out, client_id, length);
    key_time(call, out, "transactTime", order->updated_us);
    order_middle(out, order);
    key_text(out, "selfTradePreventionMode", stp_names[order->stp]);
    text_str(out, "}");
}

void render_query(const struct call *call, struct text *out, const struct order_view *order)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, order->symbol)->name);
    key_u64(out, "orderId", order->order_id);
    text_str(out, ",\"orderListId\":-1");
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
    key_amount(out, "stopPrice", 0);
    key_amount(out, "icebergQty", 0);
    key_time(call, out, "time", order->time_us);
    key_time(call, out, "updateTime", order->updated_us);
    key_bool(out, "isWorking", true);
    key_time(call, out, "workingTime", order->time_us);
    key_amount(out, "origQuoteOrderQty", order->quote_qty);
    key_text(out, "selfTradePreventionMode", stp_names[order->stp]);
    expiry_reason(out, order);
    text_str(out, "}");
}

void render_trade(const struct call *call, struct text *out, const struct trade_view *trade)
{
    text_str(out, "{");
    key_name(out, "symbol", symbol_of(call, trade->symbol)->name);
    key_u64(out, "id", trade->trade_id);
    key_u64(out, "orderId", trade->order_id);
    text_str(out, ",\"orderListId\":-1");
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

static void filter_open(struct text *out, const char *name)
{
    if (out->data[out->length - 1] == '}')
        text_str(out, ",");
    text_str(out, "{");
    key_text(out, "filterType", name);
}

void render_symbol(struct text *out, const struct symbol_config *symbol)
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
    text_str(out, ",\"orderTypes\":[\"LIMIT\",\"LIMIT_MAKER\",\"MARKET\"]");
    key_bool(out, "icebergAllowed", false);
    key_bool(out, "ocoAllowed", false);
    key_bool(out, "otoAllowed", false);
    key_bool(out, "opoAllowed", false);
    key_bool(out, "quoteOrderQtyMarketAllowed", true);
    key_bool(out, "allowTrailingStop", false);
    key_bool(out, "cancelReplaceAllowed", true);
    key_bool(out, "amendAllowed", false);
    key_bool(out, "pegInstructionsAllowed", false);
    key_bool(out, "isSpotTradingAllowed", true);
    key_bool(out, "isMarginTradingAllowed", false);
    text_str(out, ",\"filters\":[");
    filter_open(out, "PRICE_FILTER");
    key_amount(out, "minPrice", symbol->min_price);
    key_amount(out, "maxPrice", symbol->max_price);
    key_amount(out, "tickSize", symbol->tick_shown);
    text_str(out, "}");
    filter_open(out, "LOT_SIZE");
    key_amount(out, "minQty", symbol->min_qty);
    key_amount(out, "maxQty", symbol->max_qty);
    key_amount(out, "stepSize", symbol->step_shown);
    text_str(out, "}");
    filter_open(out, "MARKET_LOT_SIZE");
    key_amount(out, "minQty", symbol->market_min_qty);
    key_amount(out, "maxQty", symbol->market_max_qty);
    key_amount(out, "stepSize", symbol->step_shown);
    text_str(out, "}");
    filter_open(out, "NOTIONAL");
    key_amount(out, "minNotional", symbol->min_notional);
    key_bool(out, "applyMinToMarket", true);
    key_amount(out, "maxNotional", symbol->max_notional ? symbol->max_notional : INT64_MAX);
    key_bool(out, "applyMaxToMarket", symbol->max_notional != 0);
    key_u64(out, "avgPriceMins", 5);
    text_str(out, "}");
    filter_open(out, "MAX_NUM_ORDERS");
    key_u64(out, "maxNumOrders", symbol->max_orders);
    text_str(out, "}],\"permissions\":[],\"permissionSets\":[[\"SPOT\"]]");
    key_text(out, "defaultSelfTradePreventionMode", stp_names[symbol->default_stp]);
    text_str(out, ",\"allowedSelfTradePreventionModes\":[");
    for (uint8_t stp = 0; stp < STP_COUNT; stp++) {
        text_str(out, stp ? "," : "");
        text_quoted(out, stp_names[stp], strlen(stp_names[stp]));
    }
    text_str(out, "]}");
}

static void depth_side(struct ingress *ingress, struct text *out, uint16_t symbol, uint32_t side,
                       uint32_t limit)
{
    const struct symbol_config *config = &ingress->directory.symbols[symbol];
    for (uint32_t i = 0; i < limit; i++) {
        const struct view_level *level = market_view_level(&ingress->view, symbol, side, i);
        if (!level)
            break;
        text_str(out, i ? ",[" : "[");
        text_amount(out, level->price_ticks * config->tick_atoms);
        text_str(out, ",");
        int64_t qty; /* many orders may add up to more than one balance can hold */
        text_amount(out, __builtin_mul_overflow(level->qty_lots, config->step_atoms, &qty)
                             ? INT64_MAX
                             : qty);
        text_str(out, "]");
    }
}

void render_depth(struct ingress *ingress, struct text *out, uint16_t symbol, uint32_t limit)
{
    text_str(out, "{\"lastUpdateId\":");
    text_u64(out, ingress->view.symbols[symbol].update_id);
    text_str(out, ",\"bids\":[");
    depth_side(ingress, out, symbol, SIDE_BUY, limit);
    text_str(out, "],\"asks\":[");
    depth_side(ingress, out, symbol, SIDE_SELL, limit);
    text_str(out, "]}");
}
