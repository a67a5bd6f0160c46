#include "actors/control_shard.h"

#include "actors/book/kinds.h"
#include "actors/record_check.h"
#include "actors/symbol_parts.h"
#include "runtime/check.h"
#include "runtime/hash.h"

/* ---- finding ---- */

static uint32_t find_user(const struct control_shard *self, const char *name, uint8_t length)
{
    uint32_t slot;
    SLOT_INDEX_EACH(&self->user_by_name, (uint32_t)hash_bytes(1, name, length), slot)
    {
        if (self->users[slot].length == length && memcmp(self->users[slot].name, name, length) == 0)
            break;
    }
    return slot;
}

static uint32_t hash_of_key(const char api_key[API_KEY_BYTES])
{
    return (uint32_t)hash_bytes(2, api_key, API_KEY_BYTES);
}

static uint32_t find_key(const struct control_shard *self, const char api_key[API_KEY_BYTES])
{
    uint32_t slot;
    SLOT_INDEX_EACH(&self->key_by_text, hash_of_key(api_key), slot)
    {
        if (memcmp(self->keys[slot].config.api_key, api_key, API_KEY_BYTES) == 0)
            break;
    }
    return slot;
}

void control_user_index(struct control_shard *self, uint32_t number)
{
    const struct control_user *user = &self->users[number];
    slot_index_insert(&self->user_by_name, (uint32_t)hash_bytes(1, user->name, user->length),
                      number);
}

void control_key_index(struct control_shard *self, uint32_t slot)
{
    slot_index_insert(&self->key_by_text, hash_of_key(self->keys[slot].config.api_key), slot);
}

static uint16_t find_symbol(const struct control_shard *self, const char name[SYMBOL_NAME_MAX])
{
    for (uint16_t i = 0; i < self->symbols_count; i++)
        if (memcmp(self->symbols[i].name, name, SYMBOL_NAME_MAX) == 0)
            return i;
    return SYMBOL_ANY;
}

static uint16_t asset_make(struct control_shard *self, const char name[SYMBOL_NAME_MAX])
{
    for (uint16_t i = 0; i < self->assets_count; i++)
        if (memcmp(self->assets[i], name, SYMBOL_NAME_MAX) == 0)
            return i;
    memcpy(self->assets[self->assets_count], name, SYMBOL_NAME_MAX);
    return self->assets_count++;
}

/* ---- telling ---- */

static bool room_for_change(struct control_shard *self)
{
    struct exchange *ex = self->shard.ex;
    uint32_t messages = SYMBOL_PARTS * (ex->config.account_shards + 1u),
             blocks = ex->ingress_count + 1u;
    struct block_pool *pool = &ex->reply_pool[self->shard.actor.core->id];
    return self->ops_count < CONTROL_OPS_MAX && shard_room(&self->shard, messages) &&
           ingress_room(&self->shard, CLASS_OUT, 1) &&
           ingress_room(&self->shard, CLASS_MARKET, 1) && block_room(pool, blocks) >= blocks;
}

/* Every ingress core gets the change in a block of its own. */
static void tell_ingress(struct control_shard *self, struct config_change *change)
{
    struct exchange *ex = self->shard.ex;
    change->version = ++self->version;
    if (ex->replaying)
        return;
    for (uint16_t i = 0; i < ex->ingress_count; i++) {
        struct msg msg = {.type = MSG_CONFIG, .symbol = change->symbol.symbol};
        struct config_change *block = block_get(&ex->reply_pool[self->shard.actor.core->id]);
        ASSERT(block != NULL);
        *block = *change;
        msg.change.block = block;
        msg.change.block_core = self->shard.actor.core->id;
        ingress_send(&self->shard, CLASS_MARKET, ex->ingress[i], &msg);
    }
}

static void reply_id(struct control_shard *self, uint64_t tag, enum reject reject, uint64_t id,
                     uint32_t version)
{
    struct exchange *ex = self->shard.ex;
    if (ex->replaying || !tag_is_ours(ex, tag))
        return;
    struct reply *reply = block_get(&ex->reply_pool[self->shard.actor.core->id]);
    ASSERT(reply != NULL);
    memset(reply, 0, REPLY_HEAD_BYTES);
    reply->kind = REPLY_ID;
    reply->id = id;
    shard_reply(&self->shard, tag, reject, reply, true, version);
}

static void op_open(struct control_shard *self, uint64_t tag, uint64_t id, uint32_t acks)
{
    ASSERT(self->ops_count < CONTROL_OPS_MAX || self->shard.ex->replaying);
    if (self->ops_count == CONTROL_OPS_MAX)
        return;
    self->ops[self->ops_count++] = (struct control_op){
        .op = self->shard.seq, .tag = tag, .id = id, .acks_left = acks, .version = self->version};
}

static void config_send(struct control_shard *self, uint8_t type, uint16_t to, uint16_t symbol,
                        const int64_t value[4])
{
    struct msg msg = {.type = type, .to = to, .symbol = symbol, .ts_us = self->shard.last_ts_us};
    msg.config.op = self->shard.seq;
    memcpy(msg.config.value, value, sizeof msg.config.value);
    shard_send(&self->shard, &msg);
}

/* ---- changes: check, then apply ---- */

/* Whether the filter's step is a whole number of the grid's; none only where that is an atom. */
static bool on_grid(int64_t shown, int64_t atoms)
{
    return shown ? shown % atoms == 0 : atoms == 1;
}

/* A change of a symbol that there is. */
static enum reject check_symbol(const struct control_shard *self, const struct request *request)
{
    const struct symbol_config *asked = &request->symbol_add;
    if (request->symbol >= self->symbols_count)
        return REJECT_UNKNOWN_SYMBOL;
    const struct symbol_config *symbol = &self->symbols[request->symbol];
    if (symbol->delisted)
        return REJECT_DELISTED;
    if (request->type == REQUEST_SYMBOL_UPDATE &&
        (!on_grid(asked->tick_shown, symbol->tick_atoms) ||
         !on_grid(asked->step_shown, symbol->step_atoms)))
        return REJECT_GRID;
    return REJECT_NONE;
}

static enum reject check(const struct control_shard *self, const struct request *request,
                         uint64_t *id)
{
    const struct exchange_config *config = &self->shard.ex->config;
    *id = 0;
    switch (request->type) {
    case REQUEST_USER_ADD:
        *id = find_user(self, request->user_add.name, request->user_add.length);
        if (*id)
            return REJECT_NAME_TAKEN;
        return self->users_count < config->users_max ? REJECT_NONE : REJECT_LIMIT;
    case REQUEST_USER_GROUP:
        return request->user == 0 || request->user > self->users_count ? REJECT_UNKNOWN_USER
                                                                       : REJECT_NONE;
    case REQUEST_KEY_ADD:
        if (request->user == 0 || request->user > self->users_count)
            return REJECT_UNKNOWN_USER;
        if (find_key(self, request->key.api_key))
            return REJECT_NAME_TAKEN;
        return self->keys_count < self->keys_max || self->keys_gone ? REJECT_NONE : REJECT_LIMIT;
    case REQUEST_KEY_CHANGE:
    case REQUEST_KEY_DELETE: {
        uint32_t key = find_key(self, request->key.api_key);
        if (request->user == 0 || request->user > self->users_count)
            return REJECT_UNKNOWN_USER;
        return key && self->keys[key].user == request->user ? REJECT_NONE : REJECT_UNKNOWN_KEY;
    }
    case REQUEST_SYMBOL_ADD:
        if (find_symbol(self, request->symbol_add.name) != SYMBOL_ANY)
            return REJECT_NAME_TAKEN;
        return self->symbols_count < config->symbols_max ? REJECT_NONE : REJECT_LIMIT;
    case REQUEST_SYMBOL_STATUS:
    case REQUEST_SYMBOL_UPDATE:
    case REQUEST_SYMBOL_DELIST:
        return check_symbol(self, request);
    case REQUEST_EXCHANGE_LIMITS:
        return REJECT_NONE;
    default:
        UNREACHABLE("a request that the control shard knows");
        return REJECT_NONE;
    }
}

static void user_change(const struct control_shard *self, uint32_t number,
                        struct config_change *change)
{
    const struct control_user *user = &self->users[number];
    *change = (struct config_change){.kind = CONFIG_USER,
                                     .user = number,
                                     .name_length = user->length,
                                     .trade_group = user->trade_group};
    memcpy(change->name, user->name, NAME_MAX_BYTES);
}

static void apply_user_add(struct control_shard *self, const struct request *request)
{
    struct exchange *ex = self->shard.ex;
    uint32_t number = ++self->users_count;
    struct control_user *user = &self->users[number];
    user->length = request->user_add.length;
    memcpy(user->name, request->user_add.name, NAME_MAX_BYTES);
    user->created_us = self->shard.last_ts_us;
    control_user_index(self, number);
    struct config_change change;
    user_change(self, number, &change);
    config_send(self, MSG_USER_ADD, exchange_user_shard(ex, number), 0, (int64_t[4]){number});
    tell_ingress(self, &change);
    op_open(self, request->tag, number, 1);
}

static void apply_user_group(struct control_shard *self, const struct request *request)
{
    struct config_change change;
    self->users[request->user].trade_group = request->trade_group;
    user_change(self, request->user, &change);
    config_send(self, MSG_USER_GROUP, exchange_user_shard(self->shard.ex, request->user), 0,
                (int64_t[4]){request->user, request->trade_group});
    tell_ingress(self, &change);
    op_open(self, request->tag, request->user, 1);
}

static struct config_change key_change(const struct control_key *key, uint8_t kind)
{
    return (struct config_change){.kind = kind, .user = key->user, .key = key->config};
}

/* A key's changes concern ingress alone. */
static void tell_key(struct control_shard *self, const struct request *request, uint32_t slot,
                     uint8_t kind)
{
    struct config_change change = key_change(&self->keys[slot], kind);
    tell_ingress(self, &change);
    reply_id(self, request->tag, REJECT_NONE, 0, self->version);
}

static void set_ranges(struct key_config *key, const struct request_key *from)
{
    key->ranges_count = from->ranges_count;
    memset(key->range, 0, sizeof key->range);
    if (from->ranges_count)
        memcpy(key->range, from->range, from->ranges_count * sizeof *from->range);
}

/* The next, or, once all have been used, the first whose key is gone. O(keys) then. */
static uint32_t key_slot(struct control_shard *self)
{
    if (self->keys_count < self->keys_max)
        return ++self->keys_count;
    uint32_t slot = 1;
    while (!self->keys[slot].gone)
        slot++;
    self->keys_gone--;
    return slot;
}

static void apply_key_add(struct control_shard *self, const struct request *request)
{
    const struct request_key *from = &request->key;
    uint32_t slot = key_slot(self);
    struct control_key *key = &self->keys[slot];
    *key = (struct control_key){.user = request->user,
                                .config = {.kind = from->kind,
                                           .permissions = from->permissions,
                                           .credential_bytes = from->credential_bytes,
                                           .created_us = self->shard.last_ts_us,
                                           .expires_us = from->expires_us}};
    memcpy(key->config.api_key, from->api_key, API_KEY_BYTES);
    memcpy(key->config.credential, from->credential, from->credential_bytes);
    set_ranges(&key->config, from);
    control_key_index(self, slot);
    tell_key(self, request, slot, CONFIG_KEY);
}

static void apply_key_change(struct control_shard *self, const struct request *request)
{
    const struct request_key *from = &request->key;
    uint32_t slot = find_key(self, from->api_key);
    struct key_config *key = &self->keys[slot].config;
    if (from->sets & KEY_SETS_PERMISSIONS)
        key->permissions = from->permissions;
    if (from->sets & KEY_SETS_RANGES)
        set_ranges(key, from);
    if (from->sets & KEY_SETS_EXPIRY)
        key->expires_us = from->expires_us;
    tell_key(self, request, slot, CONFIG_KEY_CHANGED);
}

static void apply_key_delete(struct control_shard *self, const struct request *request)
{
    uint32_t slot = find_key(self, request->key.api_key);
    struct control_key *key = &self->keys[slot];
    key->gone = true;
    self->keys_gone++;
    slot_index_remove(&self->key_by_text, hash_of_key(key->config.api_key), slot);
    memset(key->config.credential, 0, sizeof key->config.credential);
    tell_key(self, request, slot, CONFIG_KEY_GONE);
}

static void send_symbol(struct control_shard *self, const struct symbol_config *symbol, uint16_t to,
                        uint16_t market)
{
    struct symbol_parts parts;
    symbol_parts_make(&parts, symbol, market);
    for (uint32_t part = 0; part < SYMBOL_PARTS; part++)
        if (parts.seen >> part & 1)
            config_send(self, symbol_part_type(part), to, symbol->symbol, parts.value[part]);
}

/* To every shard that keeps it, and to every ingress core. */
static void tell_symbol(struct control_shard *self, const struct symbol_config *symbol,
                        uint64_t tag)
{
    struct exchange *ex = self->shard.ex;
    uint16_t market = exchange_symbol_shard(ex, symbol->name);
    send_symbol(self, symbol, market, market);
    for (uint16_t i = 0; i < ex->config.account_shards; i++)
        send_symbol(self, symbol, exchange_account_id(i), market);
    struct config_change change = {.kind = CONFIG_SYMBOL, .symbol = *symbol};
    tell_ingress(self, &change);
    op_open(self, tag, symbol->symbol, ex->config.account_shards + 1u);
}

static void apply_symbol_add(struct control_shard *self, const struct request *request)
{
    uint16_t number = self->symbols_count++;
    struct symbol_config *symbol = &self->symbols[number];
    *symbol = request->symbol_add;
    symbol->symbol = number;
    symbol->base = asset_make(self, symbol->base_name);
    symbol->quote = asset_make(self, symbol->quote_name);
    tell_symbol(self, symbol, request->tag);
}

/* What the symbol is stays: its number, names, assets, grid, and its status, which is set by
 * itself. */
static void apply_symbol_update(struct control_shard *self, const struct request *request)
{
    struct symbol_config *symbol = &self->symbols[request->symbol], made = request->symbol_add;
    made.symbol = symbol->symbol;
    made.base = symbol->base;
    made.quote = symbol->quote;
    made.status = symbol->status;
    made.delisted = symbol->delisted;
    made.tick_atoms = symbol->tick_atoms;
    made.step_atoms = symbol->step_atoms;
    memcpy(made.name, symbol->name, sizeof made.name);
    memcpy(made.base_name, symbol->base_name, sizeof made.base_name);
    memcpy(made.quote_name, symbol->quote_name, sizeof made.quote_name);
    *symbol = made;
    tell_symbol(self, symbol, request->tag);
}

/* The market is told; it tells the account shards when it takes no more orders (msg.h). */
static void apply_symbol_delist(struct control_shard *self, const struct request *request)
{
    struct symbol_config *symbol = &self->symbols[request->symbol];
    symbol->status = STATUS_BREAK;
    symbol->delisted = true;
    config_send(self, MSG_SYMBOL_DELIST, exchange_symbol_shard(self->shard.ex, symbol->name),
                symbol->symbol, (int64_t[4]){0});
    struct config_change change = {.kind = CONFIG_STATUS, .symbol = *symbol};
    tell_ingress(self, &change);
    op_open(self, request->tag, symbol->symbol, 1);
}

static void apply_exchange_limits(struct control_shard *self, const struct request *request)
{
    struct exchange *ex = self->shard.ex;
    const struct exchange_limits *limits = &request->exchange;
    self->exchange = *limits;
    for (uint16_t i = 0; i < ex->config.account_shards; i++)
        config_send(self, MSG_EXCHANGE_LIMITS, exchange_account_id(i), 0,
                    (int64_t[4]){limits->orders, limits->algo_orders, limits->iceberg_orders,
                                 limits->order_lists});
    struct config_change change = {.kind = CONFIG_EXCHANGE, .exchange = *limits};
    tell_ingress(self, &change);
    op_open(self, request->tag, 0, ex->config.account_shards);
}

static void apply_symbol_status(struct control_shard *self, const struct request *request)
{
    struct symbol_config *symbol = &self->symbols[request->symbol];
    symbol->status = request->symbol_add.status;
    config_send(self, MSG_SYMBOL_STATUS, exchange_symbol_shard(self->shard.ex, symbol->name),
                symbol->symbol, (int64_t[4]){symbol->status});
    struct config_change change = {.kind = CONFIG_STATUS, .symbol = *symbol};
    tell_ingress(self, &change);
    op_open(self, request->tag, symbol->symbol, 1);
}

static void apply(struct control_shard *self, const struct request *request)
{
    switch (request->type) {
    case REQUEST_USER_ADD:
        apply_user_add(self, request);
        break;
    case REQUEST_USER_GROUP:
        apply_user_group(self, request);
        break;
    case REQUEST_KEY_ADD:
        apply_key_add(self, request);
        break;
    case REQUEST_KEY_CHANGE:
        apply_key_change(self, request);
        break;
    case REQUEST_KEY_DELETE:
        apply_key_delete(self, request);
        break;
    case REQUEST_SYMBOL_ADD:
        apply_symbol_add(self, request);
        break;
    case REQUEST_SYMBOL_UPDATE:
        apply_symbol_update(self, request);
        break;
    case REQUEST_SYMBOL_DELIST:
        apply_symbol_delist(self, request);
        break;
    case REQUEST_EXCHANGE_LIMITS:
        apply_exchange_limits(self, request);
        break;
    default:
        apply_symbol_status(self, request);
    }
}

/* Whether what the request was made from is still so: else it would undo another's change. */
static bool is_as_read(const struct control_shard *self, const struct request *request)
{
    struct request now = {.type = request->type};
    if (request->type == REQUEST_SYMBOL_UPDATE)
        now.symbol_add = self->symbols[request->symbol];
    else
        now.exchange = self->exchange;
    return request_config_hash(&now) == request->made_from;
}

static void take_request(struct control_shard *self, const struct request *request)
{
    uint64_t id;
    enum reject reject = check(self, request, &id);
    if (reject == REJECT_NONE && request->made_from && !is_as_read(self, request))
        reject = REJECT_CHANGED_MEANWHILE;
    if (reject != REJECT_NONE) {
        reply_id(self, request->tag, reject, id, self->version);
        return;
    }
    unsigned char bytes[RECORD_BYTES_MAX];
    uint32_t length = request_encode(request, bytes);
    memcpy(shard_record(&self->shard, (uint8_t)(RECORD_REQUEST + request->type), length), bytes,
           length);
    shard_stamp(&self->shard, self->shard.actor.core->now_us, 0);
    apply(self, request);
}

static void apply_ack(struct control_shard *self, const struct msg *msg)
{
    shard_took(&self->shard, msg);
    for (uint32_t i = 0; i < self->ops_count; i++) {
        struct control_op *op = &self->ops[i];
        if (op->op != msg->config.op)
            continue;
        if (--op->acks_left == 0) {
            reply_id(self, op->tag, REJECT_NONE, op->id, op->version);
            *op = self->ops[--self->ops_count];
        }
        return;
    }
}

static enum take control_take(struct actor *actor, enum lane_class class,
                              const struct message *message)
{
    struct control_shard *self = (struct control_shard *)actor;
    const struct msg *msg = (const struct msg *)message;
    struct exchange *ex = self->shard.ex;
    uint16_t core = actor->core->id;
    if (class == CLASS_REQUEST) {
        if (!room_for_change(self))
            return TAKE_NO_ROOM;
        const struct request *request = msg->request.block;
        take_request(self, request);
        block_put(&ex->request_pool[tag_core(request->tag)], core, msg->request.block);
        return TAKE_DONE;
    }
    if (!shard_is_next(&self->shard, msg, 0))
        return TAKE_DONE;
    if (!ingress_room(&self->shard, CLASS_OUT, 1) || block_room(&ex->reply_pool[core], 1) < 1)
        return TAKE_NO_ROOM;
    bool skip = shard_must_skip(&self->shard, msg);
    msg_encode(msg,
               shard_record(&self->shard, skip ? RECORD_SKIP : RECORD_LINK, MSG_ENCODED_BYTES));
    shard_stamp(&self->shard, actor->core->now_us, msg->ts_us);
    if (skip)
        shard_skip(&self->shard, msg);
    else
        apply_ack(self, msg);
    return TAKE_DONE;
}

static enum work control_work(struct actor *actor)
{
    (void)actor;
    return WORK_DONE;
}

static const struct actor_ops control_ops = {
    .take = control_take, .work = control_work, .pump = shard_pump, .durable = shard_durable};

/* ---- recovery ---- */

enum recover control_shard_replay(struct control_shard *self, const struct record_head *head,
                                  const unsigned char *payload, int64_t ts_us)
{
    struct request request;
    uint64_t id;
    shard_record(&self->shard, head->type, 0);
    if (head->type == RECORD_LINK || head->type == RECORD_SKIP) {
        struct msg msg;
        if (head->bytes != MSG_ENCODED_BYTES)
            return RECOVER_BAD_RECORD;
        msg_decode(payload, head->shard, &msg);
        if (msg.from >= self->shard.ex->shards || msg.seq != self->shard.in[msg.from].in_seq + 1 ||
            msg.type != MSG_CONFIG_ACK)
            return RECOVER_BAD_RECORD;
        shard_stamp(&self->shard, ts_us, msg.ts_us);
        if (head->type == RECORD_SKIP)
            shard_skip(&self->shard, &msg);
        else
            apply_ack(self, &msg);
        return RECOVER_OK;
    }
    if (head->type < RECORD_REQUEST ||
        !request_decode((uint8_t)(head->type - RECORD_REQUEST), payload, head->bytes, &request) ||
        !control_request_sound(&request) || check(self, &request, &id) != REJECT_NONE)
        return RECOVER_BAD_RECORD;
    shard_stamp(&self->shard, ts_us, 0);
    apply(self, &request);
    return RECOVER_OK;
}

static uint64_t hash_key(uint64_t hash, const struct key_config *key)
{
    hash = hash_bytes(hash, key->api_key, API_KEY_BYTES);
    hash = hash_bytes(hash, key->credential, key->credential_bytes);
    hash = hash_bytes(hash, key->range, key->ranges_count * sizeof *key->range);
    hash = hash_fold(hash, (uint64_t)key->expires_us);
    return hash_fold(hash, (uint64_t)key->kind << 16 | (uint64_t)key->permissions << 8 |
                               key->ranges_count);
}

uint64_t control_shard_hash(const struct control_shard *self)
{
    uint64_t hash = hash_fold(shard_hash(&self->shard), self->version);
    hash = exchange_limits_hash(hash, &self->exchange);
    for (uint32_t i = 1; i <= self->users_count; i++) {
        hash = hash_bytes(hash, self->users[i].name, self->users[i].length);
        hash = hash_fold(hash, self->users[i].trade_group);
    }
    for (uint32_t i = 1; i <= self->keys_count; i++) {
        hash = hash_fold(hash, (uint64_t)self->keys[i].user << 1 | self->keys[i].gone);
        hash = hash_key(hash, &self->keys[i].config);
    }
    for (uint32_t i = 0; i < self->symbols_count; i++) {
        hash = hash_bytes(hash, self->symbols[i].name, SYMBOL_NAME_MAX);
        hash = hash_fold(hash, (uint64_t)self->symbols[i].delisted << 8 | self->symbols[i].status);
        hash = symbol_limits_hash(hash, &self->symbols[i].limits);
    }
    return hash;
}

void control_shard_each(const struct control_shard *self,
                        void (*each)(void *arg, const struct config_change *change), void *arg)
{
    struct config_change change;
    for (uint32_t i = 1; i <= self->users_count; i++) {
        user_change(self, i, &change);
        change.version = self->version;
        each(arg, &change);
    }
    for (uint32_t i = 1; i <= self->keys_count; i++) {
        if (self->keys[i].gone)
            continue;
        change = key_change(&self->keys[i], CONFIG_KEY);
        change.version = self->version;
        each(arg, &change);
    }
    for (uint32_t i = 0; i < self->symbols_count; i++) {
        change = (struct config_change){
            .kind = CONFIG_SYMBOL, .version = self->version, .symbol = self->symbols[i]};
        each(arg, &change);
    }
    change = (struct config_change){
        .kind = CONFIG_EXCHANGE, .version = self->version, .exchange = self->exchange};
    each(arg, &change);
}

/* ---- building ---- */

static uint32_t keys_max(const struct exchange *ex)
{
    return ex->config.users_max * 4 + 64;
}

size_t control_shard_bytes(const struct exchange *ex)
{
    const struct exchange_config *config = &ex->config;
    return arena_bytes(sizeof(struct control_shard)) +
           shard_bytes(ex->shards, config->control_outbox) +
           arena_bytes((config->users_max + 1) * sizeof(struct control_user)) +
           arena_bytes((keys_max(ex) + 1) * sizeof(struct control_key)) +
           arena_bytes(config->symbols_max * sizeof(struct symbol_config)) +
           arena_bytes((size_t)exchange_assets_max(ex) * SYMBOL_NAME_MAX) +
           2 * arena_bytes(slot_index_region(config->users_max)) +
           2 * arena_bytes(slot_index_region(keys_max(ex)));
}

struct control_shard *control_shard_init(struct exchange *ex, struct arena *arena, uint16_t core)
{
    const struct exchange_config *config = &ex->config;
    struct control_shard *self = arena_alloc(arena, sizeof *self);
    shard_init(&self->shard, ex, arena, CONTROL_SHARD, core, &control_ops, config->control_outbox);
    self->keys_max = keys_max(ex);
    self->users = arena_alloc(arena, (config->users_max + 1) * sizeof(struct control_user));
    self->keys = arena_alloc(arena, (keys_max(ex) + 1) * sizeof(struct control_key));
    self->symbols = arena_alloc(arena, config->symbols_max * sizeof(struct symbol_config));
    self->assets = arena_alloc(arena, (size_t)exchange_assets_max(ex) * SYMBOL_NAME_MAX);
    size_t users = slot_index_region(config->users_max), keys = slot_index_region(keys_max(ex));
    void *region = arena_alloc(arena, users);
    slot_index_init(&self->user_by_name, region, arena_alloc(arena, users), config->users_max);
    region = arena_alloc(arena, keys);
    slot_index_init(&self->key_by_text, region, arena_alloc(arena, keys), keys_max(ex));
    return self;
}
