#include "http/rest/list_fields.h"

#include "actors/book/kinds.h"
#include "http/fields.h"
#include "http/rest/order_fields.h"

/* What only differs by the word before it. `quantity` is shared where two orders have one. */
#define NAMES(word, quantity)                                                                      \
    .type = word "Type", .tif = word "TimeInForce", .qty = quantity, .price = word "Price",        \
    .iceberg = word "IcebergQty", .client_id = word "ClientOrderId",                               \
    .strategy_id = word "StrategyId", .strategy_type = word "StrategyType",                        \
    .peg = word "PegPriceType", .peg_offset = word "PegOffsetType",                                \
    .peg_value = word "PegOffsetValue"
#define TRIGGER(word) .stop = word "StopPrice", .trail = word "TrailingDelta"

static const struct order_names working = {NAMES("working", "workingQuantity"),
                                           .side = "workingSide"};
static const struct order_names pending = {NAMES("pending", "pendingQuantity"), TRIGGER("pending"),
                                           .side = "pendingSide"};

struct pair_names { /* of two orders of one side and quantity */
    const char *side;
    struct order_names above, below;
};
#define PAIR(above_word, below_word, quantity)                                                     \
    .above = {NAMES(above_word, quantity), TRIGGER(above_word), .paired = true},                   \
    .below = {NAMES(below_word, quantity), TRIGGER(below_word), .paired = true}

static const struct pair_names oco = {.side = "side", PAIR("above", "below", "quantity")};
static const struct pair_names pending_pair = {
    .side = "pendingSide", PAIR("pendingAbove", "pendingBelow", "pendingQuantity")};

static const struct order_names old_stop = {
    .tif = "stopLimitTimeInForce",
    .qty = "quantity",
    .price = "stopLimitPrice",
    .stop = "stopPrice",
    .trail = "trailingDelta",
    .iceberg = "stopIcebergQty",
    .client_id = "stopClientOrderId",
    .strategy_id = "stopStrategyId",
    .strategy_type = "stopStrategyType",
};
static const struct order_names old_limit = {
    .qty = "quantity",
    .price = "price",
    .iceberg = "limitIcebergQty",
    .client_id = "limitClientOrderId",
    .strategy_id = "limitStrategyId",
    .strategy_type = "limitStrategyType",
};

static bool may_pair(uint8_t type)
{
    return type_waits(type) || type == TYPE_LIMIT_MAKER;
}

/* Why two types are no pair on this side: a stop loss is above what buys and below what sells, and
 * the other order, which takes the profit, across from it. 0: they are one. */
static int pair_error(uint8_t side, uint8_t above, uint8_t below, const char **text)
{
    bool buys = side == SIDE_BUY;
    uint8_t loss = buys ? above : below, profit = buys ? below : above;
    if (!may_pair(above) || !may_pair(below)) {
        *text = "Order type not supported in OCO.";
        return -1158;
    }
    if (above == TYPE_LIMIT_MAKER && below == TYPE_LIMIT_MAKER) {
        *text = "At least one OCO order must be contingent.";
        return -1168;
    }
    if (loss == TYPE_LIMIT_MAKER) {
        *text = buys ? "A limit order in a buy OCO must be below."
                     : "A limit order in a sell OCO must be above.";
        return buys ? -1165 : -1166;
    }
    if (type_stops_loss(profit)) {
        *text = buys ? "A stop loss order in a buy OCO must be above."
                     : "A stop loss order in a sell OCO must be below.";
        return buys ? -1196 : -1197;
    }
    if (!type_stops_loss(loss)) {
        *text = buys ? "A take profit order in a buy OCO must be below."
                     : "A take profit order in a sell OCO must be above.";
        return buys ? -1198 : -1199;
    }
    return 0;
}

/* The stop loss goes to order[0], the other one to order[1]. */
static bool read_pair(struct call *call, const struct pair_names *names,
                      struct request_order order[static 2])
{
    uint8_t side, above, below;
    const char *text = "";
    if (!order_read_side(call, names->side, &side) ||
        !order_read_type(call, names->above.type, &above) ||
        !order_read_type(call, names->below.type, &below))
        return false;
    int error = pair_error(side, above, below, &text);
    if (error) {
        call_refuse(call, error, "%s", text);
        return false;
    }
    bool loss_above = side == SIDE_BUY;
    order[0].type = loss_above ? above : below;
    order[1].type = loss_above ? below : above;
    order[0].side = order[1].side = side;
    return order_read_terms(call, &names->above, &order[loss_above ? 0 : 1]) &&
           order_read_terms(call, &names->below, &order[loss_above ? 1 : 0]);
}

static bool read_working(struct call *call, struct request_order *order)
{
    if (!order_read_type(call, working.type, &order->type))
        return false;
    if (order->type != TYPE_LIMIT && order->type != TYPE_LIMIT_MAKER) {
        call_refuse(call, -1130, "Data sent for parameter 'workingType' is not valid.");
        return false;
    }
    return order_read_side(call, working.side, &order->side) &&
           order_read_terms(call, &working, order);
}

static bool read_begin(struct call *call, struct request *request)
{
    struct request_list *list = &request->list;
    return field_symbol(call, MANDATORY, &request->symbol) &&
           field_client_id(call, "listClientOrderId", &list->client_length, list->client_id);
}

/* What the orders have in common, and what the client left to us. An answer of type RESULT is what
 * Binance gives unless asked. */
static bool read_end(struct call *call, struct request *request, enum list_kind kind)
{
    struct request_list *list = &request->list;
    list->kind = (uint8_t)kind;
    uint8_t resp, stp;
    if (!order_read_resp(call, RESPONSE_RESULT, &resp) ||
        !order_read_stp(call, request->symbol, &stp) || !fields_all_read(call))
        return false;
    if (!list->client_length)
        order_make_client_id(call, &list->client_length, list->client_id);
    for (uint32_t i = 0; i < list_orders(list->kind); i++) {
        list->order[i].resp = resp;
        list->order[i].stp = stp;
        order_complete(call, request->symbol, &list->order[i]);
    }
    return true;
}

bool list_read_oco(struct call *call, struct request *request)
{
    return read_begin(call, request) && read_pair(call, &oco, request->list.order) &&
           read_end(call, request, LIST_OCO);
}

bool list_read_old_oco(struct call *call, struct request *request)
{
    struct request_order *stop = &request->list.order[0], *limit = &request->list.order[1];
    if (!read_begin(call, request) || !order_read_side(call, "side", &stop->side))
        return false;
    stop->type = field_sent(call, old_stop.price) ? TYPE_STOP_LOSS_LIMIT : TYPE_STOP_LOSS;
    limit->type = TYPE_LIMIT_MAKER;
    limit->side = stop->side;
    return order_read_terms(call, &old_limit, limit) && order_read_terms(call, &old_stop, stop) &&
           read_end(call, request, LIST_OCO);
}

bool list_read_oto(struct call *call, struct request *request)
{
    struct request_order *order = request->list.order;
    return read_begin(call, request) && read_working(call, &order[0]) &&
           order_read_side(call, pending.side, &order[1].side) &&
           order_read_type(call, pending.type, &order[1].type) &&
           order_read_terms(call, &pending, &order[1]) && read_end(call, request, LIST_OTO);
}

bool list_read_otoco(struct call *call, struct request *request)
{
    struct request_order *order = request->list.order;
    return read_begin(call, request) && read_working(call, &order[0]) &&
           read_pair(call, &pending_pair, &order[1]) && read_end(call, request, LIST_OTOCO);
}
