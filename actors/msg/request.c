#include "actors/msg/request.h"

#include <string.h>

#include "runtime/check.h"
#include "runtime/core.h"
#include "runtime/hash.h"

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

enum {                            /* in the type: what follows */
       ORDER_HAS_TERMS = 0x80,    /* a stop, a delta or what an iceberg shows */
       ORDER_HAS_STRATEGY = 0x40, /* behind them */
       ORDER_TERMS_BYTES = 8 + 8 + 4
};

static bool has_terms(const struct request_order *order)
{
    return order->stop || order->iceberg || order->trail_bips;
}

static void wire_order(struct wire *wire, struct request_order *order)
{
    uint8_t type = order->type | (has_terms(order) ? ORDER_HAS_TERMS : 0) |
                   (strategy_none(&order->strategy) ? 0 : ORDER_HAS_STRATEGY);
    wire_u8(wire, &order->side);
    wire_u8(wire, &type);
    order->type = type & (ORDER_HAS_STRATEGY - 1);
    wire_u8(wire, &order->tif);
    wire_u8(wire, &order->stp);
    wire_u8(wire, &order->resp);
    wire_bool(wire, &order->by_quote);
    wire_i64(wire, &order->price);
    wire_i64(wire, &order->qty);
    wire_i64(wire, &order->quote);
    wire_i64(wire, &order->hint);
    wire_text(wire, &order->client_length, order->client_id, CLIENT_ID_BYTES);
    if (type & ORDER_HAS_TERMS) {
        wire_i64(wire, &order->stop);
        wire_i64(wire, &order->iceberg);
        wire_u32(wire, &order->trail_bips);
        wire_expect(wire, has_terms(order)); /* one way to write each */
    }
    if (type & ORDER_HAS_STRATEGY) {
        strategy_wire(wire, &order->strategy);
        wire_expect(wire, !strategy_none(&order->strategy));
    }
}

/* As many orders as its kind has. */
static void wire_list(struct wire *wire, struct request_list *list)
{
    wire_u8(wire, &list->kind);
    wire_text(wire, &list->client_length, list->client_id, CLIENT_ID_BYTES);
    if (!wire_expect(wire, list->kind < LIST_KINDS))
        return;
    for (uint32_t i = 0; i < list_orders(list->kind); i++)
        wire_order(wire, &list->order[i]);
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
        wire_order(wire, &request->order);
        break;
    case REQUEST_CANCEL:
    case REQUEST_LIST_CANCEL:
        wire_which(wire, &request->find);
        break;
    case REQUEST_LIST:
        wire_list(wire, &request->list);
        break;
    case REQUEST_CANCEL_ALL:
        break;
    case REQUEST_REPLACE:
        wire_order(wire, &request->order);
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

uint64_t request_config_hash(const struct request *request)
{
    unsigned char bytes[RECORD_BYTES_MAX];
    struct request copy = *request;
    copy.tag = copy.user = copy.symbol = 0;
    if (copy.type == REQUEST_SYMBOL_UPDATE)
        copy.symbol_add.status = 0; /* which is set by itself */
    return hash_bytes(7, bytes, request_encode(&copy, bytes)) | 1;
}

bool request_decode(uint8_t type, const unsigned char *in, uint32_t bytes, struct request *request)
{
    struct wire wire = {.in = in, .end = bytes, .ok = true};
    memset(request, 0, sizeof *request);
    request->type = type;
    wire_request(&wire, request);
    return wire.ok && wire.at == bytes;
}

/* The client id is the last field of both, but for an order's terms and strategy. */
bool request_peek(uint8_t type, const unsigned char *in, uint32_t bytes, struct request_peek *peek)
{
    enum { HEAD = 8 + 4 + 2, NEW_FIXED = HEAD + 6 + 4 * 8, CANCEL_FIXED = HEAD + 8 + 1 };
    uint32_t at = type == REQUEST_NEW ? NEW_FIXED : CANCEL_FIXED;
    if ((type != REQUEST_NEW && type != REQUEST_CANCEL) || bytes <= at)
        return false;
    uint8_t has = type == REQUEST_NEW ? in[HEAD + 1] : 0;
    uint32_t behind = (has & ORDER_HAS_TERMS ? ORDER_TERMS_BYTES : 0) +
                      (has & ORDER_HAS_STRATEGY ? STRATEGY_BYTES : 0);
    if (bytes != at + 1 + in[at] + behind)
        return false;
    *peek = (struct request_peek){.user = get_u32(in + 8),
                                  .symbol = get_u16(in + 12),
                                  .client_length = in[at],
                                  .client_id = (const char *)in + at + 1};
    return true;
}
