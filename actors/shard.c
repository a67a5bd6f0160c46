#include "actors/shard.h"

#include <stdlib.h>

#include "runtime/check.h"
#include "runtime/hash.h"

/* What replay leaves in an outbox before it looks how far the receiver is: that is another core's
 * line, and life needs none of it. */
enum { REPLAY_KEPT = 8 };

size_t shard_bytes(uint32_t shards, uint32_t outbox)
{
    return arena_bytes(shards * sizeof(struct link_out)) +
           arena_bytes(shards * sizeof(struct link_in)) +
           arena_bytes(outbox * sizeof(struct out_entry)) +
           3 * arena_bytes(shards * sizeof(uint16_t));
}

void shard_init(struct shard *shard, struct exchange *ex, struct arena *arena, uint16_t id,
                uint16_t core, const struct actor_ops *ops, uint32_t outbox)
{
    shard->ex = ex;
    shard->id = id;
    shard->out = arena_alloc(arena, ex->shards * sizeof(struct link_out));
    shard->in = arena_alloc(arena, ex->shards * sizeof(struct link_in));
    shard->entries = arena_alloc(arena, outbox * sizeof(struct out_entry));
    shard->active.peer = arena_alloc(arena, ex->shards * sizeof(uint16_t));
    shard->pumping.peer = arena_alloc(arena, ex->shards * sizeof(uint16_t));
    shard->dirty.peer = arena_alloc(arena, ex->shards * sizeof(uint16_t));
    shard->entries_max = shard->free_count = outbox; /* entries beyond the free list: never used */
    runtime_place(&ex->rt, &shard->actor, ops, id, core);
}

struct shard *exchange_shard(const struct exchange *ex, uint16_t id)
{
    ASSERT(id < ex->shards);
    return (struct shard *)ex->rt.actor[id];
}

/* ---- inputs ---- */

int64_t shard_stamp(struct shard *shard, int64_t clock_us, int64_t message_us)
{
    int64_t ts = clock_us > message_us ? clock_us : message_us;
    if (ts > shard->last_ts_us)
        shard->last_ts_us = ts;
    return shard->last_ts_us;
}

static uint16_t check_of(const struct shard *shard)
{
    return (uint16_t)(shard->digest ^ (shard->digest_more ? *shard->digest_more : 0));
}

/* One mix for six words: it stands on every order's way. */
static void digest_add(struct shard *shard, const struct msg *msg)
{
    uint64_t sum = shard->digest + msg->seq + (uint64_t)msg->type * 0xD6E8FEB86659FD93ull +
                   msg->words[0] * 0x9E3779B97F4A7C15ull + msg->words[1] * 0xC2B2AE3D27D4EB4Full +
                   msg->words[2] * 0x165667B19E3779F9ull + msg->words[3] * 0x27D4EB2F165667C5ull +
                   msg->words[4] * 0x85EBCA77C2B2AE63ull;
    shard->digest = hash_mix(sum);
}

unsigned char *shard_record(struct shard *shard, uint8_t type, uint32_t bytes)
{
    /* A plain word of state with one writer; an operator's thread may look at it. */
    __atomic_store_n(&shard->seq, shard->seq + 1, __ATOMIC_RELAXED);
    if (shard->ex->replaying)
        return NULL;
    unsigned char *payload = core_record(shard->actor.core, type, 0, shard->id, shard->seq, bytes);
    record_set_check(payload, check_of(shard));
    return payload;
}

bool shard_agrees(const struct shard *shard, const struct record_head *head)
{
    return !(head->flags & RECORD_CHECKED) || head->check == check_of(shard);
}

/* ---- outbox ---- */

static struct out_entry *entry_get(struct shard *shard)
{
    struct out_entry *entry = shard->free;
    if (entry) {
        shard->free = entry->next;
        shard->free_count--;
        return entry;
    }
    if (shard->free_count) /* never used so far: the pool's pages are touched one by one */
        return &shard->entries[shard->entries_max - shard->free_count--];
    ASSERT(shard->ex->replaying);
    entry = malloc(sizeof *entry);
    ASSERT(entry != NULL);
    return entry;
}

static void entry_put(struct shard *shard, struct out_entry *entry)
{
    if (entry < shard->entries || entry >= shard->entries + shard->entries_max) {
        free(entry);
        return;
    }
    entry->next = shard->free;
    shard->free = entry;
    shard->free_count++;
}

static void link_trim(struct shard *shard, uint16_t peer)
{
    struct link_out *link = &shard->out[peer];
    const struct link_in *in = &exchange_shard(shard->ex, peer)->in[shard->id];
    uint64_t upto = atomic_load_explicit(&in->durable_seq, memory_order_acquire);
    while (link->head && link->head->msg.seq <= upto) {
        struct out_entry *entry = link->head;
        ASSERT(entry != link->unsent || shard->ex->replaying);
        if (entry == link->unsent)
            link->unsent = entry->next;
        link->head = entry->next;
        link->count--;
        entry_put(shard, entry);
    }
    if (!link->head)
        link->tail = NULL;
}

static void trim_all(struct shard *shard)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shard->active.count; i++) {
        uint16_t peer = shard->active.peer[i];
        link_trim(shard, peer);
        if (shard->out[peer].head)
            shard->active.peer[kept++] = peer;
        else
            shard->out[peer].active = false;
    }
    shard->active.count = kept;
}

bool shard_room(struct shard *shard, uint32_t want)
{
    if (shard->free_count >= want)
        return true;
    trim_all(shard);
    return shard->free_count >= want;
}

uint32_t shard_link_depth(struct shard *shard, uint16_t peer)
{
    link_trim(shard, peer);
    return shard->out[peer].count;
}

static void list_add(struct peer_list *list, bool *member, uint16_t peer)
{
    if (*member)
        return;
    *member = true;
    list->peer[list->count++] = peer;
}

void shard_send(struct shard *shard, struct msg *msg)
{
    struct link_out *link = &shard->out[msg->to];
    msg->from = shard->id;
    msg->seq = ++link->out_seq;
    digest_add(shard, msg);
    if (shard->ex->replaying && link->count >= REPLAY_KEPT)
        link_trim(shard, msg->to);
    struct out_entry *entry = entry_get(shard);
    entry->msg = *msg;
    entry->next = NULL;
    if (link->tail)
        link->tail->next = entry;
    else
        link->head = entry;
    link->tail = entry;
    if (!link->unsent)
        link->unsent = entry;
    link->count++;
    list_add(&shard->active, &link->active, msg->to);
    list_add(&shard->pumping, &link->pumping, msg->to);
    core_want_pump(shard->actor.core, &shard->actor);
}

bool shard_pump(struct actor *actor)
{
    struct shard *shard = (struct shard *)actor;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shard->pumping.count; i++) {
        uint16_t peer = shard->pumping.peer[i];
        struct link_out *link = &shard->out[peer];
        uint16_t core = exchange_core_of(shard->ex, peer);
        while (link->unsent) {
            enum lane_class class = msg_class(&link->unsent->msg);
            if (!lane_stage(actor->core->out[class][core], &link->unsent->msg))
                break;
            link->unsent = link->unsent->next;
        }
        if (link->unsent)
            shard->pumping.peer[kept++] = peer;
        else
            link->pumping = false;
    }
    shard->pumping.count = kept;
    return kept == 0;
}

/* ---- taking ---- */

bool shard_is_next(const struct shard *shard, const struct msg *msg, uint32_t parts)
{
    const struct link_in *link = &shard->in[msg->from];
    if (msg->seq <= link->in_seq)
        return false;
    ASSERT(msg->seq == link->in_seq + 1 + parts); /* L2 */
    return true;
}

static struct link_mark *mark_at(struct link_in *link, uint32_t i)
{
    return &link->mark[(link->oldest + i) % LINK_MARKS];
}

/* Notes that the chunk takes what has been taken so far. Each chunk has a mark of its own: a sender
 * that waits for a later chunk than need be runs out of room, and refuses orders (C6). With the
 * ring full the newest two become one. */
static void mark_taken(struct link_in *link, uint64_t chunk)
{
    bool same = link->marks && mark_at(link, link->marks - 1)->chunk == chunk;
    if (!same && link->marks < LINK_MARKS)
        link->marks++;
    *mark_at(link, link->marks - 1) = (struct link_mark){.seq = link->in_seq, .chunk = chunk};
}

void shard_took(struct shard *shard, const struct msg *msg)
{
    struct link_in *link = &shard->in[msg->from];
    ASSERT(msg->seq == link->in_seq + 1);
    link->in_seq = msg->seq;
    if (shard->ex->replaying) {
        atomic_store_explicit(&link->durable_seq, link->in_seq, memory_order_relaxed);
        return;
    }
    mark_taken(link, core_gate(shard->actor.core));
    list_add(&shard->dirty, &link->dirty, msg->from);
    core_want_durable(shard->actor.core, &shard->actor);
}

bool shard_must_skip(const struct shard *shard, const struct msg *msg)
{
    for (uint32_t i = 0; i < shard->poisons; i++)
        if (shard->poison[i].from == msg->from && shard->poison[i].seq == msg->seq)
            return true;
    return false;
}

bool shard_skipped(const struct shard *shard, uint64_t ref)
{
    for (uint32_t i = 0; i < shard->skips; i++)
        if (shard->skipped_ref[i] == ref)
            return true;
    return false;
}

void shard_skip(struct shard *shard, const struct msg *msg)
{
    shard_took(shard, msg);
    if (!msg_has_ref(msg) || shard_skipped(shard, msg->words[0]))
        return;
    ASSERT(shard->skips < SKIPS_MAX); /* exchange_poison() left room */
    shard->skipped_ref[shard->skips++] = msg->words[0];
}

bool shard_durable(struct actor *actor, uint64_t chunk)
{
    struct shard *shard = (struct shard *)actor;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shard->dirty.count; i++) {
        uint16_t peer = shard->dirty.peer[i];
        struct link_in *link = &shard->in[peer];
        while (link->marks && mark_at(link, 0)->chunk <= chunk) {
            atomic_store_explicit(&link->durable_seq, mark_at(link, 0)->seq, memory_order_release);
            link->oldest++;
            link->marks--;
        }
        link->dirty = link->marks > 0;
        if (!link->dirty)
            continue;
        shard->dirty.peer[kept++] = peer;
    }
    shard->dirty.count = kept;
    return kept != 0;
}

/* ---- recovery ---- */

const char *shard_recovered(struct shard *shard)
{
    for (uint16_t peer = 0; peer < shard->ex->shards; peer++) {
        struct link_out *link = &shard->out[peer];
        if (link->out_seq == 0 && exchange_shard(shard->ex, peer)->in[shard->id].in_seq == 0)
            continue;
        uint64_t taken = exchange_shard(shard->ex, peer)->in[shard->id].in_seq;
        if (taken > link->out_seq)
            return "a receiver is ahead of its sender"; /* §2.8 step 6 */
        link_trim(shard, peer);                         /* step 7 */
        link->unsent = BUG(12) ? NULL : link->head;     /* 12: no resend of in-flight messages */
        uint64_t covered = link->head ? link->head->msg.seq - 1 : link->out_seq;
        if (covered != taken)
            return "an outbox does not cover what is in flight";
        if (link->unsent) {
            list_add(&shard->pumping, &link->pumping, peer);
            core_want_pump(shard->actor.core, &shard->actor);
        }
    }
    return NULL;
}

bool shard_quiet(const struct shard *shard)
{
    for (uint16_t peer = 0; peer < shard->ex->shards; peer++)
        if (shard->out[peer].out_seq != exchange_shard(shard->ex, peer)->in[shard->id].in_seq)
            return false;
    return true;
}

void shard_each_in_flight(const struct shard *shard, void (*each)(void *arg, const struct msg *msg),
                          void *arg)
{
    for (uint32_t i = 0; i < shard->active.count; i++) {
        uint16_t peer = shard->active.peer[i];
        uint64_t taken = exchange_shard(shard->ex, peer)->in[shard->id].in_seq;
        for (const struct out_entry *entry = shard->out[peer].head; entry; entry = entry->next)
            if (entry->msg.seq > taken)
                each(arg, &entry->msg);
    }
}

uint64_t shard_hash(const struct shard *shard)
{
    uint64_t hash = hash_fold(shard->id, shard->seq);
    hash = hash_fold(hash, (uint64_t)shard->last_ts_us);
    for (uint32_t peer = 0; peer < shard->ex->shards; peer++)
        if (shard->in[peer].in_seq || shard->out[peer].out_seq) {
            hash = hash_fold(hash, peer);
            hash = hash_fold(hash, shard->in[peer].in_seq);
            hash = hash_fold(hash, shard->out[peer].out_seq);
        }
    for (uint32_t i = 0; i < shard->skips; i++)
        hash = hash_fold(hash, shard->skipped_ref[i]);
    return hash;
}

/* ---- in a snapshot ---- */

static void wire_entry(struct wire *wire, struct shard *shard, uint16_t peer,
                       struct out_entry *entry)
{
    unsigned char bytes[MSG_ENCODED_BYTES];
    if (!wire_is_reading(wire))
        msg_encode(&entry->msg, bytes);
    wire_bytes(wire, bytes, sizeof bytes);
    if (!wire_is_reading(wire) || !wire->ok)
        return;
    struct link_out *link = &shard->out[peer];
    entry = entry_get(shard);
    msg_decode(bytes, peer, &entry->msg);
    entry->next = NULL;
    if (link->tail)
        link->tail->next = entry;
    else
        link->head = entry;
    link->tail = entry;
    link->count++;
    list_add(&shard->active, &link->active, peer);
    wire_expect(wire, entry->msg.from == shard->id && entry->msg.type > MSG_REQUEST &&
                          entry->msg.type < MSG_REPLY &&
                          entry->msg.symbol < shard->ex->config.symbols_max);
}

static void wire_link(struct wire *wire, struct shard *shard, uint16_t peer)
{
    struct link_out *link = &shard->out[peer];
    struct link_in *in = &shard->in[peer];
    bool reading = wire_is_reading(wire);
    if (!reading)
        link_trim(shard, peer); /* what was taken need not be kept */
    wire_u64(wire, &link->out_seq);
    wire_u64(wire, &in->in_seq);
    if (BUG(6) && reading) /* 6: a snapshot without last_in_seq */
        in->in_seq = 0;
    uint32_t count = BUG(7) ? 0 : link->count; /* 7: a snapshot without the outbox */
    count = wire_count(wire, count, reading ? UINT16_MAX * 16 : count);
    struct out_entry *entry = link->head;
    for (uint32_t i = 0; i < count && wire->ok; i++) {
        wire_entry(wire, shard, peer, entry);
        entry = reading ? NULL : entry->next;
    }
    if (reading)
        atomic_store_explicit(&in->durable_seq, in->in_seq, memory_order_relaxed);
}

void shard_wire(struct wire *wire, struct shard *shard)
{
    uint32_t links = 0, shards = shard->ex->shards;
    wire_u64(wire, &shard->seq);
    wire_i64(wire, &shard->last_ts_us);
    wire_u64(wire, &shard->digest);
    for (uint32_t peer = 0; peer < shards; peer++)
        links += shard->in[peer].in_seq || shard->out[peer].out_seq;
    shard->skips = wire_count(wire, shard->skips, SKIPS_MAX);
    for (uint32_t i = 0; i < shard->skips; i++)
        wire_u64(wire, &shard->skipped_ref[i]);
    links = wire_count(wire, links, shards);
    for (uint32_t i = 0, peer = 0; i < links && wire->ok; i++, peer++) {
        while (!wire_is_reading(wire) && !shard->in[peer].in_seq && !shard->out[peer].out_seq)
            peer++;
        wire_u32(wire, &peer);
        if (wire_expect(wire,
                        peer < shards && (!wire_is_reading(wire) ||
                                          (!shard->in[peer].in_seq && !shard->out[peer].out_seq))))
            wire_link(wire, shard, (uint16_t)peer);
    }
}

/* ---- class 4 ---- */

bool ingress_room(const struct shard *shard, enum lane_class class, uint32_t want)
{
    const struct exchange *ex = shard->ex;
    for (uint16_t i = 0; i < ex->ingress_count; i++)
        if (lane_room(shard->actor.core->out[class][ex->ingress[i]], want) < want)
            return false;
    return true;
}

void ingress_send(struct shard *shard, enum lane_class class, uint16_t core, struct msg *msg)
{
    if (shard->ex->replaying)
        return;
    msg->from = shard->id;
    msg->seq = core_gate(shard->actor.core);
    if (BUG(1) || (BUG(2) && msg->type == MSG_REPLY && msg->reply.reject != REJECT_NONE))
        msg->seq = 0; /* 1: answers before they are durable; 2: only refusals */
    if (BUG(16) && msg->type == MSG_REPLY && msg->reply.block &&
        ((struct reply *)msg->reply.block)->kind == REPLY_BALANCES)
        msg->seq = 0; /* 16: GET /account is not gated */
    if (BUG(40) && msg->type == MSG_EVENT)
        msg->seq = 0; /* 40: user events are not gated */

    ASSERT(lane_stage(shard->actor.core->out[class][core], msg)); /* C5: room was checked */
}

void ingress_send_all(struct shard *shard, enum lane_class class, struct msg *msg)
{
    for (uint16_t i = 0; i < shard->ex->ingress_count; i++)
        ingress_send(shard, class, shard->ex->ingress[i], msg);
}

static void reply(struct shard *shard, uint64_t tag, enum reply_half half, enum reject reject,
                  struct reply *block, bool last, uint32_t version)
{
    ASSERT(tag_is_ours(shard->ex, tag));
    struct msg msg = {.type = MSG_REPLY, .flags = last ? MSG_LAST : 0, .ts_us = shard->last_ts_us};
    msg.reply.tag = tag;
    msg.reply.reject = (uint16_t)reject;
    msg.reply.block = block;
    msg.reply.block_core = shard->actor.core->id;
    msg.reply.version = version;
    msg.reply.shard_seq = shard->seq;
    msg.reply.half = (uint16_t)half;
    ingress_send(shard, CLASS_OUT, tag_core(tag), &msg);
}

void shard_reply(struct shard *shard, uint64_t tag, enum reject reject, struct reply *block,
                 bool last, uint32_t version)
{
    reply(shard, tag, HALF_NONE, reject, block, last, version);
}

void shard_reply_half(struct shard *shard, uint64_t tag, enum reply_half half, enum reject reject,
                      struct reply *block, bool last)
{
    reply(shard, tag, half, reject, block, last, 0);
}
