/* request.h - what a client or an operator asks for, and what comes back: the pool blocks that
 * class 1 and class 4 messages name.
 *
 * Thread:  a request is written by its ingress core and read by the shard that takes it, which
 * gives the block back; a reply the other way round. Journal: requests that change state are
 * journaled with request_encode(), field by field. Units:   atoms and microseconds: ingress knows
 * neither tick nor lot.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/book/kinds.h"
#include "actors/book/reject.h"
#include "actors/book/strategy.h"
#include "actors/book/symbol_limits.h"
#include "runtime/wire.h"

enum {
    NAME_MAX_BYTES = 64,  /* user names */
    SYMBOL_NAME_MAX = 20, /* symbols and assets */
    API_KEY_BYTES = 64,
    SECRET_BYTES = 64,                     /* HMAC secret: printable */
    SEALED_BYTES = 12 + SECRET_BYTES + 16, /* nonce, ciphertext, tag of AES-256-GCM */
    PUBLIC_KEY_MAX = 556, /* DER of RSA with 4096 bits, and an exponent of 64 at most */
    KEY_RANGES_MAX = 30,
    CLIENT_ID_BYTES = 36,
    REQUEST_ID_HASH = 16,
    SYMBOL_ANY = UINT16_MAX,
    COMMISSION_PPM_DEFAULT = 1000, /* of a symbol that is made without rates */
    REQUEST_BLOCK_BYTES = 512,
    REPLY_BLOCK_BYTES = 4096,
};

enum request_type { /* journaled: append, never renumber */
                    REQUEST_NEW,
                    REQUEST_CANCEL,
                    REQUEST_CANCEL_ALL,
                    REQUEST_DEPOSIT, /* amount < 0: withdrawal */
                    REQUEST_USER_ADD,
                    REQUEST_KEY_ADD,
                    REQUEST_KEY_DELETE,
                    REQUEST_SYMBOL_ADD,
                    REQUEST_SYMBOL_STATUS,
                    REQUEST_REPLACE,
                    REQUEST_AMEND,
                    REQUEST_KEY_CHANGE,
                    REQUEST_USER_GROUP,
                    REQUEST_SYMBOL_UPDATE = 20, /* all but grid, names and status */
                    REQUEST_SYMBOL_DELIST,
                    REQUEST_EXCHANGE_LIMITS,
                    REQUEST_COMMISSION, /* of a user: in one symbol, or in all (SYMBOL_ANY) */
                    REQUEST_LIST,
                    REQUEST_LIST_CANCEL,
                    /* never journaled */
                    REQUEST_GET_ORDER = 32,
                    REQUEST_OPEN_ORDERS,
                    REQUEST_ALL_ORDERS,
                    REQUEST_TRADES,
                    REQUEST_ACCOUNT,
                    REQUEST_ORDER_TEST, /* REQUEST_NEW, up to where it would be recorded */
                    REQUEST_WATCH,      /* the user's events are told from here on (exchange.h) */
                    REQUEST_ORDER_COUNTS,
                    REQUEST_RATES = 48, /* what the user pays in one symbol, or in each */
                    REQUEST_GET_LIST,
                    REQUEST_OPEN_LISTS,
                    REQUEST_ALL_LISTS,
};

enum replace_mode { REPLACE_STOP_ON_FAILURE, REPLACE_ALLOW_FAILURE }; /* journaled */

enum response_type { RESPONSE_ACK, RESPONSE_RESULT, RESPONSE_FULL };

enum { PERMISSION_USER_DATA = 1, PERMISSION_TRADE = 2, PERMISSION_ANY = 3 }; /* journaled */

/* Journaled. A key's credential: its sealed secret; else its public key, a DER
 * SubjectPublicKeyInfo. */
enum key_kind { KEY_HMAC, KEY_ED25519, KEY_RSA, KEY_KINDS };

/* "HMAC", "ED25519" or "RSA"; of any other "?". */
const char *key_kind_name(uint8_t kind);

struct address { /* IPv6; IPv4 as ::ffff:1.2.3.4; all zero: of no known kind */
    uint8_t byte[16];
};

struct network { /* the addresses that begin as `base` does; journaled so */
    struct address base;
    uint8_t bits; /* of 128 that count */
};
_Static_assert(sizeof(struct network) == 17, "no padding");

struct key_config { /* an API key */
    char api_key[API_KEY_BYTES];
    uint8_t kind, permissions, ranges_count;
    uint16_t credential_bytes;
    int64_t created_us, expires_us; /* expires_us 0: never */
    uint8_t credential[PUBLIC_KEY_MAX];
    struct network range[KEY_RANGES_MAX]; /* where it may be used from; none: anywhere */
};

enum { KEY_SETS_PERMISSIONS = 1, KEY_SETS_RANGES = 2, KEY_SETS_EXPIRY = 4 }; /* journaled */

/* What is asked for of a key. Credential and ranges are borrowed: of the asking call, which waits
 * for its answer, or of the record that it was decoded from. */
struct request_key {
    char api_key[API_KEY_BYTES];
    uint8_t kind;                      /* ADD */
    uint8_t sets;                      /* CHANGE: what of it; the rest stays as it is */
    uint8_t permissions, ranges_count; /* ADD, CHANGE */
    uint16_t credential_bytes;         /* ADD */
    int64_t expires_us;
    const uint8_t *credential;
    const struct network *range;
};

struct symbol_config {
    uint16_t symbol, base, quote; /* numbers, given by the control shard */
    uint8_t status, default_stp;
    uint32_t max_orders;
    int32_t maker_ppm, taker_ppm;
    int64_t tick_atoms, step_atoms;
    int64_t min_price, max_price, min_qty, max_qty, market_min_qty, market_max_qty;
    int64_t min_notional, max_notional; /* all in atoms; 0: no limit */
    /* The filters' own: 0 switches the part off; may be coarser than the grid of the listing. */
    int64_t tick_shown, step_shown;
    struct symbol_limits limits;
    bool delisted; /* for good */
    char name[SYMBOL_NAME_MAX], base_name[SYMBOL_NAME_MAX], quote_name[SYMBOL_NAME_MAX];
};

struct request_order {
    uint8_t side, type, tif, stp, resp, client_length;
    bool by_quote;
    int64_t price, qty, quote, hint;
    int64_t stop, iceberg; /* 0: none */
    uint32_t trail_bips;
    char client_id[CLIENT_ID_BYTES];
    struct strategy strategy;
};

struct request_find {
    uint64_t order_id;        /* 0: by client id, or not given */
    uint64_t from_id;         /* trade id */
    int64_t start_us, end_us; /* 0: not given */
    uint32_t limit;
    bool has_order_id, has_from_id;
    uint8_t client_length;
    uint8_t restriction; /* CANCEL, REPLACE: enum book_restriction */
    uint8_t own_length;
    char client_id[CLIENT_ID_BYTES];
    /* CANCEL, CANCEL_ALL, REPLACE: the cancel's own id, which its event tells; never journaled.
     * AMEND: the order's next client id */
    char own_id[CLIENT_ID_BYTES];
};

struct request_list {
    uint8_t kind, client_length; /* enum list_kind */
    char client_id[CLIENT_ID_BYTES];
    struct request_order order[LIST_ORDERS_MAX]; /* as many as the kind has; one stp and resp */
};

struct request {
    uint64_t tag;
    int64_t timestamp_us, recv_window_us; /* checked again by the shard; 0: unsigned request */
    int64_t sent_us; /* its stages are timed, for metrics; 0: they are not. Never journaled */
    /* SYMBOL_UPDATE, EXCHANGE_LIMITS: request_config_hash() of what is to be changed; if it is not
     * that any more nothing is. 0: whatever it is. Never journaled */
    uint64_t made_from;
    uint32_t user;
    uint16_t symbol;
    uint8_t type; /* enum request_type */
    union {
        struct request_order order;
        /* CANCEL, CANCEL_ALL, GET_ORDER, ALL_ORDERS, TRADES; LIST_CANCEL, GET_LIST, ALL_LISTS: in
         * place of the order's ids those of the list */
        struct request_find find;
        struct request_list list;
        struct {
            struct request_find find; /* the same place */
            int64_t qty;
        } amend;
        struct {
            struct request_order order; /* the same place as a New's */
            struct request_find cancel;
            uint8_t mode; /* enum replace_mode */
            /* With too many unfilled orders the cancel is tried all the same. Never journaled:
             * then it is a Cancel. */
            bool cancel_only;
        } replace;
        struct {
            int64_t amount;
            uint16_t asset;
            uint8_t request_id[REQUEST_ID_HASH];
        } deposit;
        struct {
            uint8_t length;
            char name[NAME_MAX_BYTES];
        } user_add;
        struct request_key key;          /* KEY_ADD, KEY_CHANGE, KEY_DELETE */
        struct symbol_config symbol_add; /* and UPDATE; STATUS: symbol and status */
        struct exchange_limits exchange;
        uint32_t trade_group; /* USER_GROUP; 0: none */
        struct {
            bool set; /* else the user pays what others pay */
            int32_t maker_ppm, taker_ppm;
        } commission;
    };
};
_Static_assert(sizeof(struct request) <= REQUEST_BLOCK_BYTES, "fits its block");

/* The configuration of a symbol as it was asked for: without the numbers that the control shard
 * gives, and without its limits, which records from before them lack. */
void symbol_config_wire(struct wire *wire, struct symbol_config *symbol);

/* A key as a snapshot has it. */
void key_config_wire(struct wire *wire, struct key_config *key);

/* Writes the request's fields, without what only concerns ingress; returns the length. */
uint32_t request_encode(const struct request *request, unsigned char *out);
/* False when the bytes are not a whole request of `type`; a key's request borrows from them. */
bool request_decode(uint8_t type, const unsigned char *in, uint32_t bytes, struct request *request);

/* Of the configuration that a SYMBOL_UPDATE or EXCHANGE_LIMITS holds: what the request may change
 * of it. Not 0. */
uint64_t request_config_hash(const struct request *request);

/* Whether a key can have this kind and length of a credential; these ranges and this expiry. */
bool key_credential_sound(const struct request_key *key);
bool key_rules_sound(const struct request_key *key);

/* What a New or a Cancel is about, without decoding the rest of it. False for another type, and for
 * bytes that are no whole request. */
struct request_peek {
    uint32_t user;
    uint16_t symbol;
    uint8_t client_length;
    const char *client_id; /* in the bytes */
};
bool request_peek(uint8_t type, const unsigned char *in, uint32_t bytes, struct request_peek *peek);

/* ---- replies ---- */

struct order_view {
    uint64_t order_id;
    int64_t price, qty, executed, quote_qty, cum_quote, stop, iceberg; /* atoms */
    int64_t time_us, updated_us, working_us; /* working_us: 0 of one that has only waited */
    uint32_t trail_bips;
    uint16_t symbol;
    uint8_t side, type, tif, stp, status, client_length; /* status: enum order_status */
    char client_id[CLIENT_ID_BYTES];
    uint32_t trades;       /* how many in all */
    int64_t prevented;     /* what self-trade prevention took of it */
    uint64_t prevented_id; /* the last such match; 0: none */
    uint64_t list_id;      /* of the order list it belongs to; 0: none */
    uint8_t expiry;        /* of EXPIRED: enum order_expiry */
    struct strategy strategy;
};

/* A list of orders, of one symbol. */
struct list_view {
    uint64_t list_id;
    int64_t time_us; /* of its placing; with `done`, of its end */
    uint16_t symbol;
    uint8_t kind, count, client_length; /* enum list_kind; of orders */
    bool done;                          /* ALL_DONE; else EXECUTING */
    bool updated;                       /* of an event: an order has got another client id */
    char client_id[CLIENT_ID_BYTES];
    struct list_order {
        uint64_t order_id;
        uint8_t client_length;
        char client_id[CLIENT_ID_BYTES];
    } order[LIST_ORDERS_MAX];
};

struct prevented_view { /* two orders of one owner that did not trade */
    uint64_t match_id, taker_order_id, maker_order_id;
    int64_t price, taker_qty, maker_qty; /* what each gave up; 0: nothing */
    int64_t time_us;
    uint32_t trade_group; /* of the taker's account, or 0 */
    uint16_t symbol;
    uint8_t stp; /* the taker's mode */
};

struct trade_view {
    uint64_t trade_id, order_id, list_id; /* list_id: the order's */
    int64_t price, qty, quote, fee, time_us;
    uint16_t symbol, fee_asset;
    uint8_t side, maker;
};

struct balance_view {
    int64_t free, locked;
    uint16_t asset;
};

struct amend_view {          /* an amendment that was made */
    struct order_view order; /* as it is behind it; of the history: quantity and ids */
    uint64_t execution_id;   /* as the event tells it: grows with each of a user */
    int64_t orig_qty, time_us;
    uint8_t orig_length;
    char orig_client_id[CLIENT_ID_BYTES];
};

struct rates_view {
    int32_t maker_ppm, taker_ppm;
    uint16_t symbol;
};

enum reply_kind {
    REPLY_ORDERS,
    REPLY_TRADES,
    REPLY_BALANCES,
    REPLY_DEPOSIT,
    REPLY_ID,
    REPLY_AMENDED,
    REPLY_RATES,
    REPLY_LIST, /* LIST, LIST_CANCEL, or one of CANCEL_ALL: a list and its `count` orders */
    REPLY_LISTS,
    REPLY_PREVENTED /* only behind the blocks with fills, in a FULL answer to an order */
};

enum {
    REPLY_HEAD_BYTES = 256,
    REPLY_ORDERS_MAX = (REPLY_BLOCK_BYTES - REPLY_HEAD_BYTES) / sizeof(struct order_view),
    REPLY_TRADES_MAX = (REPLY_BLOCK_BYTES - REPLY_HEAD_BYTES) / sizeof(struct trade_view),
    REPLY_BALANCES_MAX = (REPLY_BLOCK_BYTES - REPLY_HEAD_BYTES) / sizeof(struct balance_view),
    REPLY_RATES_MAX = (REPLY_BLOCK_BYTES - REPLY_HEAD_BYTES) / sizeof(struct rates_view),
    REPLY_LISTS_MAX = (REPLY_BLOCK_BYTES - REPLY_HEAD_BYTES) / sizeof(struct list_view),
    REPLY_PREVENTED_MAX = (REPLY_BLOCK_BYTES - REPLY_HEAD_BYTES) / sizeof(struct prevented_view),
    FULL_FILLS_MAX = 1000,    /* PROTOCOL §2.3 */
    FULL_PREVENTED_MAX = 100, /* of the matches that were prevented */
};

/* One block of an answer. A long answer is several messages (MSG_LAST on the last), each with one
 * block; a FULL answer to an order is one message whose blocks are chained by `more`. */
struct reply {
    struct reply *more;
    uint16_t kind, count;
    bool older;           /* ALL_ORDERS, TRADES: there may be older ones, which only history has */
    int64_t update_us;    /* ACCOUNT: last change */
    uint32_t unfilled[2]; /* NEW, ORDER_COUNTS: orders of the user, by enum order_interval */
    union {
        struct order_view order; /* the order whose fills follow */
        struct {
            int64_t amount, free;
            uint16_t asset;
        } deposit;
        struct rates_view rates; /* ACCOUNT: of all symbols that have none of their own for it */
        uint64_t id;             /* USER_ADD: the new user's number, or who has the name */
    };
    _Alignas(8) unsigned char body[]; /* count of the kind's views */
};
_Static_assert(sizeof(struct reply) <= REPLY_HEAD_BYTES, "leaves room for the views");

static inline struct order_view *reply_orders(struct reply *reply)
{
    return (struct order_view *)((char *)reply + REPLY_HEAD_BYTES);
}

static inline struct trade_view *reply_trades(struct reply *reply)
{
    return (struct trade_view *)((char *)reply + REPLY_HEAD_BYTES);
}

static inline struct prevented_view *reply_prevented(struct reply *reply)
{
    return (struct prevented_view *)((char *)reply + REPLY_HEAD_BYTES);
}

static inline struct amend_view *reply_amended(struct reply *reply)
{
    return (struct amend_view *)((char *)reply + REPLY_HEAD_BYTES);
}

/* Behind the amendment of a list's order: the list; its id is 0 when the order is of none. */
static inline struct list_view *reply_amended_list(struct reply *reply)
{
    return (struct list_view *)(reply_amended(reply) + 1);
}

static inline struct balance_view *reply_balances(struct reply *reply)
{
    return (struct balance_view *)((char *)reply + REPLY_HEAD_BYTES);
}

static inline struct rates_view *reply_rates(struct reply *reply)
{
    return (struct rates_view *)((char *)reply + REPLY_HEAD_BYTES);
}

static inline struct list_view *reply_lists(struct reply *reply)
{
    return (struct list_view *)((char *)reply + REPLY_HEAD_BYTES);
}

/* The orders of a REPLY_LIST, as their reports have them. */
static inline struct order_view *reply_list_orders(struct reply *reply)
{
    return (struct order_view *)(reply_lists(reply) + 1);
}

/* ---- configuration as every ingress core keeps it ---- */

enum config_kind {
    CONFIG_USER,
    CONFIG_KEY,
    CONFIG_KEY_CHANGED, /* permissions, ranges, expiry */
    CONFIG_KEY_GONE,
    CONFIG_SYMBOL,
    CONFIG_STATUS,
    CONFIG_EXCHANGE,
};

struct config_change {
    uint32_t version; /* of the whole configuration, 1, 2, 3... */
    uint8_t kind, name_length;
    uint32_t user, trade_group; /* of a key, too */
    char name[NAME_MAX_BYTES];
    struct key_config key;
    struct symbol_config symbol;
    struct exchange_limits exchange;
};
_Static_assert(sizeof(struct config_change) <= REPLY_BLOCK_BYTES, "fits its block");

#endif
