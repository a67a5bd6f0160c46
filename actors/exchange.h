/* exchange.h - who lives where: the shards of one process, their cores, pools and recovery.
 *
 * Thread:  exchange_init, recovery and exchange_fini from the starting thread; afterwards each
 * shard is its core's, and only placement (read-only) is shared. Numbers: shard 0 is control, 1..A
 * the account shards, A+1..A+M the market shards. A user's shard is a stable hash of the user
 * number, a symbol's of its name; A and M are fixed when a data directory is made.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "actors/ledger/ledger.h"
#include "actors/msg/msg.h"
#include "actors/msg/request.h"
#include "runtime/block.h"
#include "runtime/core.h"
#include "runtime/sampler.h"

enum { ROLE_INGRESS = 1, ROLE_MATCH = 2, ROLE_ACCOUNT = 4, ROLE_ALL = 7 };
enum { CONTROL_SHARD = 0 };

struct exchange_config {
    uint16_t cores;
    uint8_t roles[CORES_MAX];
    uint16_t account_shards, market_shards;
    uint32_t users_max, symbols_max, orders_max, done_orders;
    uint32_t slice_fills;  /* F of PROTOCOL C3 */
    uint32_t window_ticks; /* of a book */
    uint32_t link_max;     /* messages on one class 2 link (C6) */
    uint32_t account_outbox, market_outbox, control_outbox;
    uint32_t request_blocks, reply_blocks; /* a core */
    /* Unfilled orders of a user in an interval; 0: no limit. Asked before the record, so it may
     * change with each start (PROTOCOL S2). */
    uint32_t orders_limit[ORDER_INTERVALS];
    struct core_limits limits;
};

/* The defaults for `cores` cores, each with every role. */
void exchange_config_default(struct exchange_config *config, uint16_t cores);

struct account_shard;
struct market_shard;
struct control_shard;
struct rows;

/* How long some orders and requests took in the shards of one core: for metrics alone. */
struct stages {
    _Alignas(64) struct sampler orders;
    struct hist account_us; /* from a request's sending until its account shard has dealt with it */
    struct hist match_us;   /* from the turn that recorded it there until its match is over */
};

struct exchange {
    struct exchange_config config;
    struct runtime rt;
    struct arena arena;
    char *books;             /* [symbols_max] blocks of book_size() */
    char *trades;            /* [symbols_max] blocks of TRADES_KEPT slots */
    _Atomic int64_t *supply; /* [assets] deposits - withdrawals over all shards: not state, see
                                account_shard.c */
    /* [users_max + 1]: bit c is set while somebody on ingress core c watches the user's events. Set
     * and cleared by that core, read by the user's account shard before an input; it decides what
     * is told and nothing else: not state (PROTOCOL S2). */
    _Atomic uint64_t *watched;
    _Atomic uint32_t watched_bits; /* that are set, of all users */
    struct stages *stages;         /* [cores] */
    uint32_t shards, boot;
    atomic_bool replaying;
    const struct rows *rows; /* who is told of what was done; NULL in the exchange that serves */
    struct control_shard *control;
    struct account_shard **account; /* [account_shards] */
    struct market_shard **market;   /* [market_shards] */
    struct block_pool request_pool[CORES_MAX], reply_pool[CORES_MAX];
    uint16_t ingress[CORES_MAX], ingress_count;
};

void exchange_init(struct exchange *ex, struct env env, const struct exchange_config *config);
void exchange_fini(struct exchange *ex);

static inline uint16_t exchange_account_id(uint16_t account)
{
    return (uint16_t)(1 + account);
}

static inline uint16_t exchange_market_id(const struct exchange *ex, uint16_t market)
{
    return (uint16_t)(1 + ex->config.account_shards + market);
}

/* The shard of a user, of an order's account, of a symbol. Stable hashes. */
uint16_t exchange_user_shard(const struct exchange *ex, uint32_t user);
uint16_t exchange_ref_shard(uint64_t ref);
uint16_t exchange_symbol_shard(const struct exchange *ex, const char name[static SYMBOL_NAME_MAX]);
uint16_t exchange_core_of(const struct exchange *ex, uint16_t shard);

/* Where the book of a symbol lives, and its newest trades. */
void *exchange_book_block(const struct exchange *ex, uint16_t symbol);
void *exchange_trade_block(const struct exchange *ex, uint16_t symbol);

/* ---- who watches users' events ---- */

/* Sets or clears the bit of an ingress core. The account shard surely sees it from the next request
 * on that this core sends it (REQUEST_WATCH is there to be one). Thread: that core's. */
void exchange_watch(struct exchange *ex, uint32_t user, uint16_t core, bool watched);

static inline bool exchange_any_watched(const struct exchange *ex)
{
    return atomic_load_explicit(&ex->watched_bits, memory_order_relaxed) != 0;
}

/* The ingress cores on which somebody watches the user, as bits. Thread: any. */
static inline uint64_t exchange_watchers(const struct exchange *ex, uint32_t user)
{
    if (!exchange_any_watched(ex) || user > ex->config.users_max)
        return 0;
    return atomic_load_explicit(&ex->watched[user], memory_order_relaxed);
}

/* ---- request tags (S5): ingress core, boot, slot, generation ---- */
static inline uint64_t tag_make(uint16_t core, uint32_t boot, uint32_t slot, uint32_t generation)
{
    return (uint64_t)core << 56 | (uint64_t)(boot & 0xFF) << 48 | (uint64_t)(slot & 0xFFFFF) << 28 |
           (generation & 0xFFFFFFF);
}

static inline uint16_t tag_core(uint64_t tag)
{
    return (uint16_t)(tag >> 56);
}

static inline uint32_t tag_slot(uint64_t tag)
{
    return (uint32_t)(tag >> 28) & 0xFFFFF;
}

/* Whether the tag is of this run of the process. */
static inline bool tag_is_ours(const struct exchange *ex, uint64_t tag)
{
    return tag != 0 && ((tag >> 48) & 0xFF) == (ex->boot & 0xFF) &&
           tag_core(tag) < ex->config.cores;
}

/* ---- recovery (PROTOCOL §2.8) ---- */

enum recover { RECOVER_OK, RECOVER_GAP, RECOVER_BAD_RECORD, RECOVER_DIVERGED };

/* For the log and for whoever refuses to start. Thread: any. */
const char *recover_text(enum recover result);

/* Applies one record of the journal, as life did. Thread: the starting one, or several, each with
 * the shards of cores of its own. */
enum recover exchange_replay(struct exchange *ex, const struct record_head *head,
                             const unsigned char *payload, int64_t ts_us);

/* Fetches what the next records will touch, so that the misses of many overlap; changes nothing. */
void exchange_replay_ahead(const struct exchange *ex, const struct record_ahead *record,
                           uint32_t count);

/* After the last record: checks links, drops what was taken, sets the cursors (steps 6, 7). Returns
 * NULL or what is wrong. */
const char *exchange_recovered(struct exchange *ex, uint32_t boot);

/* Of a state that a snapshot was loaded into: accounts kept only so many done orders once, and look
 * for more in the history. */
void exchange_kept(struct exchange *ex, uint32_t done_orders);

/* Writes the state of every shard, or reads it into a fresh exchange of the same shards and limits
 * that is to replay what follows (PROTOCOL §2.7). wire->ok says whether all of it was there.
 * Expects: every record applied so far was replayed, none is open. Thread: the owner's. */
void exchange_wire(struct wire *wire, struct exchange *ex);

/* A link message that crashed the process twice (J6): when it comes, it is recorded as skipped and
 * not applied. False when it was taken before, or the shard has skipped as many as it can keep.
 * After exchange_recovered(). */
bool exchange_poison(struct exchange *ex, uint16_t from, uint16_t to, uint64_t seq);

/* Whether nothing is on its way between shards (step 9). */
bool exchange_quiet(const struct exchange *ex);

/* Conservation on this cut (steps 8, O7) and everything that O(n) checks find (step 10, when `deep`
 * and the exchange is quiet). Returns NULL or what is wrong; totals, when given, gets every asset.
 */
struct exchange_audit {
    struct ledger_totals *totals; /* [assets] */
    __int128 *in_flight;          /* [assets] */
    uint32_t assets, open_orders;
    uint64_t state_hash;
};
size_t exchange_audit_bytes(const struct exchange *ex);
/* The ledgers' part of it: totals and open orders. */
void exchange_totals(struct exchange *ex, struct exchange_audit *audit, void *memory);
/* Conservation alone, without the hash, which walks every order there is. */
const char *exchange_conserved(struct exchange *ex, struct exchange_audit *audit, void *memory);
const char *exchange_audit(struct exchange *ex, struct exchange_audit *audit, void *memory);
void exchange_verify(struct exchange *ex);
uint32_t exchange_assets_max(const struct exchange *ex);

/* Hash of every shard's state that had an input. O(everything). */
uint64_t exchange_state_hash(struct exchange *ex);

/* Hash of one shard's state, for tests and divergence checks. */
uint64_t exchange_shard_hash(struct exchange *ex, uint16_t shard);
uint64_t exchange_shard_seq(struct exchange *ex, uint16_t shard);
/* Whether the shard is inside a match or a read: then its hash is not comparable. */
bool exchange_shard_busy(struct exchange *ex, uint16_t shard);

#endif
