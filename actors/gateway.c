#include "actors/gateway.h"

#include "runtime/check.h"

enum { STEP_AHEAD = 4 }; /* replies between the steps of prefetch_replies() */

size_t gateway_bytes(const struct exchange_config *config)
{
    return arena_bytes((config->request_blocks + 1) * sizeof(struct gateway_slot));
}

void gateway_init(struct gateway *gateway, struct exchange *ex, struct arena *arena, uint16_t core)
{
    *gateway = (struct gateway){
        .ex = ex, .core = ex->rt.core[core], .slots_max = ex->config.request_blocks};
    ASSERT(gateway->slots_max < 1 << 20); /* what a tag can name */
    gateway->slots = arena_alloc(arena, (gateway->slots_max + 1) * sizeof(struct gateway_slot));
    for (uint32_t i = gateway->slots_max; i > 0; i--) {
        gateway->slots[i].next_free = gateway->free_head;
        gateway->free_head = i;
    }
}

struct request *gateway_request(struct gateway *gateway)
{
    struct request *request = block_get(&gateway->ex->request_pool[gateway->core->id]);
    if (request)
        memset(request, 0, sizeof *request);
    else
        counter_add(&gateway->refused, 1);
    return request;
}

void gateway_discard(struct gateway *gateway, struct request *request)
{
    uint16_t core = gateway->core->id;
    block_put(&gateway->ex->request_pool[core], core, request);
}

static uint16_t shard_for(const struct exchange *ex, const struct request *request)
{
    if ((request->type >= REQUEST_USER_ADD && request->type <= REQUEST_SYMBOL_STATUS) ||
        (request->type >= REQUEST_SYMBOL_UPDATE && request->type <= REQUEST_EXCHANGE_LIMITS) ||
        request->type == REQUEST_KEY_CHANGE || request->type == REQUEST_USER_GROUP)
        return CONTROL_SHARD;
    return exchange_user_shard(ex, request->user);
}

/* New orders and reads are refused while a quarter of the lane is left, so that a cancel finds room
 * (C6). */
static bool lane_takes(struct lane *lane, const struct request *request)
{
    uint32_t room = lane_room(lane, lane->capacity);
    if (request->type == REQUEST_CANCEL || request->type == REQUEST_CANCEL_ALL ||
        request->type == REQUEST_LIST_CANCEL)
        return room > 0;
    return 4 * room > lane->capacity;
}

enum gateway_sent gateway_send(struct gateway *gateway, struct request *request, void *context,
                               uint64_t *tag)
{
    struct exchange *ex = gateway->ex;
    uint16_t to = shard_for(ex, request), core = exchange_core_of(ex, to);
    struct lane *lane = gateway->core->out[CLASS_REQUEST][core];
    uint32_t idx = gateway->free_head;
    if (!idx || !lane_takes(lane, request)) {
        counter_add(&gateway->refused, 1);
        gateway_discard(gateway, request);
        return GATEWAY_BUSY;
    }
    struct gateway_slot *slot = &gateway->slots[idx];
    gateway->free_head = slot->next_free;
    slot->context = context;
    slot->busy = true;
    if ((++slot->generation & 0xFFFFFFF) == 0)
        slot->generation++;
    request->tag = tag_make(gateway->core->id, ex->boot, idx, slot->generation);
    if (tag)
        *tag = request->tag;
    struct msg msg = {.type = MSG_REQUEST, .to = to, .ts_us = gateway->core->now_us};
    msg.request.tag = request->tag;
    msg.request.block = request;
    ASSERT(lane_stage(lane, &msg));
    counter_add(&gateway->busy, 1);
    counter_add(&gateway->requests, 1);
    return GATEWAY_SENT;
}

static struct gateway_slot *slot_of(struct gateway *gateway, uint64_t tag)
{
    uint32_t idx = tag_slot(tag);
    if (idx == 0 || idx > gateway->slots_max || !tag_is_ours(gateway->ex, tag))
        return NULL;
    struct gateway_slot *slot = &gateway->slots[idx];
    return slot->busy && (slot->generation & 0xFFFFFFF) == (tag & 0xFFFFFFF) ? slot : NULL;
}

void gateway_abandon(struct gateway *gateway, uint64_t tag)
{
    struct gateway_slot *slot = slot_of(gateway, tag);
    if (slot)
        slot->context = NULL;
}

static void give_back(struct gateway *gateway, const struct msg *msg)
{
    struct block_pool *pool = &gateway->ex->reply_pool[msg->reply.block_core];
    for (struct reply *block = msg->reply.block, *more; block; block = more) {
        more = block->more;
        block_put(pool, gateway->core->id, block);
    }
}

static void hand_reply(struct gateway *gateway, const struct gateway_sink *sink,
                       const struct msg *msg)
{
    struct gateway_slot *slot = slot_of(gateway, msg->reply.tag);
    void *context = slot ? slot->context : NULL;
    if (!slot) {
        counter_add(&gateway->unknown, 1);
    } else if (msg->flags & MSG_LAST) {
        slot->busy = false;
        slot->context = NULL;
        slot->next_free = gateway->free_head;
        gateway->free_head = tag_slot(msg->reply.tag);
        counter_set(&gateway->busy, counter_get(&gateway->busy) - 1);
    }
    sink->reply(sink->self, context, msg);
    give_back(gateway, msg);
}

static void hand_event(struct gateway *gateway, const struct gateway_sink *sink,
                       const struct msg *msg)
{
    if (sink->event)
        sink->event(sink->self, msg);
    block_put(&gateway->ex->reply_pool[msg->event.block_core], gateway->core->id, msg->event.block);
}

static void hand_market(struct gateway *gateway, const struct gateway_sink *sink,
                        const struct msg *msg)
{
    sink->market(sink->self, msg);
    if (msg->type == MSG_CONFIG)
        block_put(&gateway->ex->reply_pool[msg->change.block_core], gateway->core->id,
                  msg->change.block);
}

/* Fetches what the replies behind the head of the lane will touch, the farther ones' addresses
 * before the nearer ones' contents. Changes nothing. */
static void prefetch_replies(const struct gateway *gateway, const struct gateway_sink *sink,
                             struct lane *lane, uint32_t left)
{
    for (uint32_t step = 0; step < GATEWAY_STEPS; step++) {
        uint32_t ahead = (GATEWAY_STEPS - step) * STEP_AHEAD;
        if (ahead >= left)
            continue;
        const struct msg *msg = (const struct msg *)lane_ahead(lane, ahead);
        uint32_t idx = tag_slot(msg->reply.tag);
        if (msg->type != MSG_REPLY || idx > gateway->slots_max)
            continue;
        if (step == 0)
            __builtin_prefetch(&gateway->slots[idx], 1);
        else if (gateway->slots[idx].context)
            sink->soon(gateway->slots[idx].context, step, msg);
    }
}

/* Up to `most` messages of the lane whose chunk is durable. */
static uint32_t drain(struct gateway *gateway, const struct gateway_sink *sink, struct lane *lane,
                      uint32_t most, uint64_t durable, bool market)
{
    uint32_t done = 0;
    for (; done < most; done++) {
        const struct msg *msg = (const struct msg *)lane_peek(lane);
        if (!msg || (msg->seq > durable && !(BUG(17) && market))) /* 17: views before the gate */
            break;
        if (!market && sink->soon)
            prefetch_replies(gateway, sink, lane, most - done);
        if (market)
            hand_market(gateway, sink, msg);
        else if (msg->type == MSG_EVENT)
            hand_event(gateway, sink, msg);
        else
            hand_reply(gateway, sink, msg);
        lane_drop(lane);
    }
    if (done)
        lane_return(lane);
    return done;
}

/* Market data up to one cut, which comes back. */
static uint32_t fold_market(struct gateway *gateway, const struct gateway_sink *sink,
                            uint64_t durable[CORES_MAX])
{
    struct runtime *rt = &gateway->ex->rt;
    uint32_t done = 0;
    runtime_durable_cut(rt, durable);
    for (uint16_t c = 0; c < rt->cores; c++) {
        lane_refresh(gateway->core->in[CLASS_MARKET][c]);
        done +=
            drain(gateway, sink, gateway->core->in[CLASS_MARKET][c], UINT32_MAX, durable[c], true);
    }
    return done;
}

uint32_t gateway_fold_market(struct gateway *gateway, const struct gateway_sink *sink)
{
    uint64_t durable[CORES_MAX];
    return fold_market(gateway, sink, durable);
}

uint32_t gateway_poll(struct gateway *gateway, const struct gateway_sink *sink)
{
    struct runtime *rt = &gateway->ex->rt;
    uint64_t durable[CORES_MAX];
    uint32_t visible[CORES_MAX], done = 0;
    /* First what replies there are, then the cut, then market data: whatever a reply of the first
     * look rests on is then in the market lanes, and durable if the reply is. */
    for (uint16_t c = 0; c < rt->cores; c++)
        visible[c] = lane_refresh(gateway->core->in[CLASS_OUT][c]);
    done += fold_market(gateway, sink, durable);
    for (uint16_t c = 0; c < rt->cores; c++)
        done +=
            drain(gateway, sink, gateway->core->in[CLASS_OUT][c], visible[c], durable[c], false);
    return done;
}

bool gateway_has_output(const struct gateway *gateway)
{
    struct runtime *rt = &gateway->ex->rt;
    for (uint16_t c = 0; c < rt->cores; c++)
        for (uint32_t class = CLASS_OUT; class <= CLASS_MARKET; class ++) {
            struct lane *lane = gateway->core->in[class][c];
            if (lane_depth(lane) == 0)
                continue;
            const struct msg *msg = (const struct msg *)lane_peek(lane);
            if (msg && runtime_durable(rt, c, msg->seq))
                return true;
        }
    return false;
}
