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

const char *key_kind_name(uint8_t kind)
{
    static const char *const names[] = {"HMAC", "ED25519", "RSA"};
    _Static_assert(sizeof names / sizeof *names == KEY_KINDS, "name every kind");
    return kind < KEY_KINDS ? names[kind] : "?";
}

static bool credential_sound(uint8_t kind, uint16_t bytes)
{
    return kind == KEY_HMAC ? bytes == SEALED_BYTES
                            : kind < KEY_KINDS && bytes > 0 && bytes <= PUBLIC_KEY_MAX;
}

static bool ranges_sound(const struct network *range, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (range[i].bits > 8 * sizeof range[i].base)
            return false;
    return count <= KEY_RANGES_MAX;
}

bool key_credential_sound(const struct request_key *key)
{
    return credential_sound(key->kind, key->credential_bytes);
}

bool key_rules_sound(const struct request_key *key)
{
    return ranges_sound(key->range, key->ranges_count) && key->expires_us >= 0;
}

void key_config_wire(struct wire *wire, struct key_config *key)
{
    wire_bytes(wire, key->api_key, API_KEY_BYTES);
    wire_u8(wire, &key->kind);
    wire_u8(wire, &key->permissions);
    wire_i64(wire, &key->created_us);
    wire_i64(wire, &key->expires_us);
    wire_u8(wire, &key->ranges_count);
    wire_u16(wire, &key->credential_bytes);
    if (!wire_expect(wire, key->ranges_count <= KEY_RANGES_MAX && key->expires_us >= 0 &&
                               credential_sound(key->kind, key->credential_bytes)))
        return;
    wire_bytes(wire, key->range, key->ranges_count * (uint32_t)sizeof *key->range);
    wire_expect(wire, ranges_sound(key->range, key->ranges_count));
    wire_bytes(wire, key->credential, key->credential_bytes);
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

/* Bytes that stay in the record when they are read; NULL when they are not all there. */
static const void *wire_borrow(struct wire *wire, const void *data, uint32_t bytes)
{
    if (!wire_is_reading(wire)) {
        if (bytes)
            memcpy(wire->out + wire->at, data, bytes);
    } else if (wire_expect(wire, bytes <= wire->end - wire->at)) {
        data = wire->in + wire->at;
    } else {
        return NULL;
    }
    wire->at += bytes;
    return data;
}

static void wire_rules(struct wire *wire, struct request_key *key)
{
    wire_i64(wire, &key->expires_us);
    wire_u8(wire, &key->ranges_count);
    if (wire_expect(wire, key->ranges_count <= KEY_RANGES_MAX))
        key->range =
            wire_borrow(wire, key->range, key->ranges_count * (uint32_t)sizeof *key->range);
}

/* As journals from before other kinds and rules have it: permissions, the key, the sealed secret.
 * All that is not said so is said behind KEY_RULED. */
static void wire_key_add(struct wire *wire, struct request_key *key)
{
    enum { KEY_RULED = 128 };
    bool plain = key->kind == KEY_HMAC && !key->expires_us && !key->ranges_count;
    uint8_t first = key->permissions | (plain ? 0 : KEY_RULED);
    wire_u8(wire, &first);
    wire_bytes(wire, key->api_key, API_KEY_BYTES);
    key->permissions = first & (KEY_RULED - 1);
    if (first & KEY_RULED) {
        wire_u8(wire, &key->kind);
        wire_rules(wire, key);
        wire_u16(wire, &key->credential_bytes);
        wire_expect(wire, key->kind != KEY_HMAC || key->expires_us || key->ranges_count);
    } else {
        key->credential_bytes = SEALED_BYTES;
    }
    if (wire_expect(wire, key->credential_bytes <= PUBLIC_KEY_MAX))
        key->credential = wire_borrow(wire, key->credential, key->credential_bytes);
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
    case REQUEST_USER_GROUP:
        wire_u32(wire, &request->trade_group);
        break;
    case REQUEST_KEY_ADD:
        wire_key_add(wire, &request->key);
        break;
    case REQUEST_KEY_CHANGE:
        wire_bytes(wire, request->key.api_key, API_KEY_BYTES);
        wire_u8(wire, &request->key.sets);
        wire_u8(wire, &request->key.permissions);
        wire_rules(wire, &request->key);
        break;
    case REQUEST_KEY_DELETE:
        wire_bytes(wire, request->key.api_key, API_KEY_BYTES);
        break;
    case REQUEST_SYMBOL_ADD:
    case REQUEST_SYMBOL_UPDATE:
        symbol_config_wire(wire, &request->symbol_add);
        wire_limits(wire, &request->symbol_add.limits);
        break;
    case REQUEST_SYMBOL_STATUS:
        wire_u8(wire, &request->symbol_add.status);
        break;
    case REQUEST_SYMBOL_DELIST:
        break;
    case REQUEST_EXCHANGE_LIMITS:
        exchange_limits_wire(wire, &request->exchange);
        break;
    case REQUEST_COMMISSION:
        wire_bool(wire, &request->commission.set);
        wire_i32(wire, &request->commission.maker_ppm);
        wire_i32(wire, &request->commission.taker_ppm);
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
