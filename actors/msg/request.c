#include "actors/msg/request.h"

#include <string.h>

#include "runtime/check.h"

void symbol_config_wire(struct wire *wire, struct symbol_config *symbol)
{
    wire_u8(wire, &symbol->status);
    wire_u8(wire, &symbol->default_stp);
    wire_u32(wire, &symbol->max_orders);
    wire_i32(wire, &symbol->maker_ppm);
    wire_i32(wire, &symbol->taker_ppm);
    int64_t *const amounts[] = {
        &symbol->tick_atoms,     &symbol->step_atoms,     &symbol->min_price,
        &symbol->max_price,      &symbol->min_qty,        &symbol->max_qty,
        &symbol->market_min_qty, &symbol->market_max_qty, &symbol->min_notional,
        &symbol->max_notional,   &symbol->tick_shown,     &symbol->step_shown,
    };
    for (uint32_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
        wire_i64(wire, amounts[i]);
    wire_bytes(wire, symbol->name, SYMBOL_NAME_MAX);
    wire_bytes(wire, symbol->base_name, SYMBOL_NAME_MAX);
    wire_bytes(wire, symbol->quote_name, SYMBOL_NAME_MAX);
}

enum { ORDER_HAS_TERMS = 0x80 }; /* in the type: a stop, a delta or what an iceberg shows follow */

static bool has_terms(const struct request_order *order)
{
    return order->stop || order->iceberg || order->trail_bips;
}

static void wire_order(struct wire *wire, struct request *request)
{
    uint8_t type = request->order.type | (has_terms(&request->order) ? ORDER_HAS_TERMS : 0);
    wire_u8(wire, &request->order.side);
    wire_u8(wire, &type);
    request->order.type = type & (ORDER_HAS_TERMS - 1);
    wire_u8(wire, &request->order.tif);
    wire_u8(wire, &request->order.stp);
    wire_u8(wire, &request->order.resp);
    wire_bool(wire, &request->order.by_quote);
    wire_i64(wire, &request->order.price);
    wire_i64(wire, &request->order.qty);
    wire_i64(wire, &request->order.quote);
    wire_i64(wire, &request->order.hint);
    wire_text(wire, &request->order.client_length, request->order.client_id, CLIENT_ID_BYTES);
    if (!(type & ORDER_HAS_TERMS))
        return;
    wire_i64(wire, &request->order.stop);
    wire_i64(wire, &request->order.iceberg);
    wire_u32(wire, &request->order.trail_bips);
    wire_expect(wire, has_terms(&request->order)); /* one way to write each */
}

static void wire_which(struct wire *wire, struct request_find *find)
{
    uint8_t how = (uint8_t)(find->has_order_id | find->restriction << 1);
    wire_u64(wire, &find->order_id);
    wire_u8(wire, &how); /* journals from before restrictions have 0 or 1 here */
    find->has_order_id = how & 1;
    find->restriction = how >> 1;
    wire_text(wire, &find->client_length, find->client_id, CLIENT_ID_BYTES);
}

/* Written where there are any, so that records from before them mean what they meant. */
static void wire_limits(struct wire *wire, struct symbol_limits *limits)
{
    if (wire_is_reading(wire) ? wire->at == wire->end : symbol_limits_none(limits))
        return;
    symbol_limits_wire(wire, limits);
    wire->ok &= !symbol_limits_none(limits); /* there is one way to write a thing */
}

static void wire_request(struct wire *wire, struct request *request)
{
    wire_u64(wire, &request->tag);
    wire_u32(wire, &request->user);
    wire_u16(wire, &request->symbol);
    switch (request->type) {
    case REQUEST_NEW:
        wire_order(wire, request);
        break;
    case REQUEST_CANCEL:
        wire_which(wire, &request->find);
        break;
    case REQUEST_CANCEL_ALL:
        break;
    case REQUEST_REPLACE:
        wire_order(wire, request);
        wire_which(wire, &request->replace.cancel);
        wire_u8(wire, &request->replace.mode);
        break;
    case REQUEST_AMEND:
        wire_which(wire, &request->amend.find);
        wire_text(wire, &request->amend.find.own_length, request->amend.find.own_id,
                  CLIENT_ID_BYTES);
        wire_i64(wire, &request->amend.qty);
        break;
    case REQUEST_DEPOSIT:
        wire_i64(wire, &request->deposit.amount);
        wire_u16(wire, &request->deposit.asset);
        wire_bytes(wire, request->deposit.request_id, REQUEST_ID_HASH);
        break;
    case REQUEST_USER_ADD:
        wire_text(wire, &request->user_add.length, request->user_add.name, NAME_MAX_BYTES);
        break;
    case REQUEST_KEY_ADD:
        wire_u8(wire, &request->key.permissions);
        wire_bytes(wire, request->key.api_key, API_KEY_BYTES);
        wire_bytes(wire, request->key.sealed, SEALED_BYTES);
        break;
    case REQUEST_KEY_DELETE:
        wire_bytes(wire, request->key.api_key, API_KEY_BYTES);
        break;
    case REQUEST_SYMBOL_ADD:
        symbol_config_wire(wire, &request->symbol_add);
        wire_limits(wire, &request->symbol_add.limits);
        break;
    case REQUEST_SYMBOL_STATUS:
        wire_u8(wire, &request->symbol_add.status);
        break;
    default:
        wire->ok = false;
    }
}

uint32_t request_encode(const struct request *request, unsigned char *out)
{
    struct wire wire = {.out = out, .ok = true};
    struct request copy = *request;
    wire_request(&wire, &copy);
    ASSERT(wire.ok);
    return wire.at;
}

bool request_decode(uint8_t type, const unsigned char *in, uint32_t bytes, struct request *request)
{
    struct wire wire = {.in = in, .end = bytes, .ok = true};
    memset(request, 0, sizeof *request);
    request->type = type;
    wire_request(&wire, request);
    return wire.ok && wire.at == bytes;
}

/* The client id is the last field of both, but for an order's terms. */
bool request_peek(uint8_t type, const unsigned char *in, uint32_t bytes, struct request_peek *peek)
{
    enum { HEAD = 8 + 4 + 2, NEW_FIXED = HEAD + 6 + 4 * 8, CANCEL_FIXED = HEAD + 8 + 1 };
    uint32_t at = type == REQUEST_NEW ? NEW_FIXED : CANCEL_FIXED;
    if ((type != REQUEST_NEW && type != REQUEST_CANCEL) || bytes <= at)
        return false;
    uint32_t terms = type == REQUEST_NEW && (in[HEAD + 1] & ORDER_HAS_TERMS) ? 8 + 8 + 4 : 0;
    if (bytes != at + 1 + in[at] + terms)
        return false;
    *peek = (struct request_peek){.user = get_u32(in + 8),
                                  .symbol = get_u16(in + 12),
                                  .client_length = in[at],
                                  .client_id = (const char *)in + at + 1};
    return true;
}
