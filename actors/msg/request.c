#include "actors/msg/request.h"

#include <string.h>

#include "runtime/check.h"
#include "runtime/record.h"

/* One walk over the fields serves both directions, so that they cannot drift apart. */
struct wire {
    unsigned char *out;      /* writing */
    const unsigned char *in; /* reading */
    uint32_t at, end;
    bool ok;
};

static bool wire_room(struct wire *wire, uint32_t bytes)
{
    if (wire->out || wire->end - wire->at >= bytes)
        return true;
    wire->ok = false;
    return false;
}

static void wire_u8(struct wire *wire, uint8_t *value)
{
    if (!wire_room(wire, 1))
        return;
    if (wire->out)
        wire->out[wire->at] = *value;
    else
        *value = wire->in[wire->at];
    wire->at += 1;
}

static void wire_u16(struct wire *wire, uint16_t *value)
{
    if (!wire_room(wire, 2))
        return;
    if (wire->out)
        put_u16(wire->out + wire->at, *value);
    else
        *value = get_u16(wire->in + wire->at);
    wire->at += 2;
}

static void wire_u32(struct wire *wire, uint32_t *value)
{
    if (!wire_room(wire, 4))
        return;
    if (wire->out)
        put_u32(wire->out + wire->at, *value);
    else
        *value = get_u32(wire->in + wire->at);
    wire->at += 4;
}

static void wire_u64(struct wire *wire, uint64_t *value)
{
    if (!wire_room(wire, 8))
        return;
    if (wire->out)
        put_u64(wire->out + wire->at, *value);
    else
        *value = get_u64(wire->in + wire->at);
    wire->at += 8;
}

static void wire_i64(struct wire *wire, int64_t *value)
{
    uint64_t word = (uint64_t)*value;
    wire_u64(wire, &word);
    *value = (int64_t)word;
}

static void wire_i32(struct wire *wire, int32_t *value)
{
    uint32_t word = (uint32_t)*value;
    wire_u32(wire, &word);
    *value = (int32_t)word;
}

static void wire_bool(struct wire *wire, bool *value)
{
    uint8_t byte = *value;
    wire_u8(wire, &byte);
    *value = byte != 0;
}

static void wire_bytes(struct wire *wire, void *bytes, uint32_t length)
{
    if (!wire_room(wire, length))
        return;
    if (wire->out)
        memcpy(wire->out + wire->at, bytes, length);
    else
        memcpy(bytes, wire->in + wire->at, length);
    wire->at += length;
}

static void wire_text(struct wire *wire, uint8_t *length, char *text, uint32_t max)
{
    wire_u8(wire, length);
    if (*length > max)
        wire->ok = false;
    else
        wire_bytes(wire, text, *length);
}

static void wire_symbol(struct wire *wire, struct symbol_config *symbol)
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

static void wire_order(struct wire *wire, struct request *request)
{
    wire_u8(wire, &request->order.side);
    wire_u8(wire, &request->order.type);
    wire_u8(wire, &request->order.tif);
    wire_u8(wire, &request->order.stp);
    wire_u8(wire, &request->order.resp);
    wire_bool(wire, &request->order.by_quote);
    wire_i64(wire, &request->order.price);
    wire_i64(wire, &request->order.qty);
    wire_i64(wire, &request->order.quote);
    wire_i64(wire, &request->order.hint);
    wire_text(wire, &request->order.client_length, request->order.client_id, CLIENT_ID_BYTES);
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
        wire_u64(wire, &request->find.order_id);
        wire_bool(wire, &request->find.has_order_id);
        wire_text(wire, &request->find.client_length, request->find.client_id, CLIENT_ID_BYTES);
        break;
    case REQUEST_CANCEL_ALL:
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
        wire_symbol(wire, &request->symbol_add);
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
