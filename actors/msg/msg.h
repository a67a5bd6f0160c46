/* msg.h - every message between actors: 64 bytes, the same header, 40 bytes of body.
 *
 * Thread:  plain values; who sends and who takes is in PROTOCOL §2.3.
 * Journal: link messages (classes 2, 3) are journaled by the receiver with msg_encode(): field by
 * field, little-endian. Bodies have no padding; a new field takes a spare byte or a new type.
 * Header:  `symbol` stands where PROTOCOL §2.3 has `part`: every class 2 and 3 message is about one
 *          symbol, and the body has no room for it (docs/adr/0002).
 */
#ifndef MSG_H
#define MSG_H

#include <stdint.h>

#include "runtime/check.h"
#include "runtime/core.h"

enum msg_type {
    MSG_NONE,
    /* class 1: a request; what it says is in the block (actors/msg/request.h) */
    MSG_REQUEST,
    /* class 2; those that came first are behind these */
    MSG_SYMBOL_LIMITS = 8, /* parts of a symbol's configuration, between MARKET and FEES */
    MSG_SYMBOL_LIMITS_2,
    MSG_SYMBOL_LIMITS_3,
    MSG_SYMBOL_DELIST,   /* to the market: no order is taken from here on, for good */
    MSG_EXCHANGE_LIMITS, /* to account shards: value[] are struct exchange_limits */
    MSG_PLACE = 16,
    MSG_CANCEL,
    MSG_USER_ADD,
    MSG_SYMBOL_GRID,  /* parts of a symbol's configuration, in this order (symbol_parts.h); */
    MSG_SYMBOL_RANGE, /* the last one puts them in force */
    MSG_SYMBOL_MARKET,
    MSG_SYMBOL_FEES,
    MSG_SYMBOL_STATUS,
    MSG_REPLACE_OLD, /* the two parts of a Replace, in this order (C8, docs/adr/0006): */
    MSG_REPLACE_NEW, /* what to cancel, and a Place */
    MSG_AMEND,
    MSG_TERMS, /* what few orders have: the part before that of the order */
    MSG_USER_GROUP,
    MSG_LEG,     /* a pair is two orders, in this order and in one input: the stop-loss leg, */
    MSG_PAIR,    /* and the other one; bodies as of PLACE */
    MSG_PENDING, /* before a PLACE: an order of its list that may come later, to be looked at */
    /* class 3 */
    MSG_ACCEPTED = 32,
    MSG_FILL,
    MSG_DONE,
    MSG_CANCEL_REJECTED,
    MSG_CONFIG_ACK,
    MSG_REPLACED,  /* what became of a Replace's old order; the new one's reports follow */
    MSG_AMENDED,   /* what became of an Amend: taken off, or refused */
    MSG_TRIGGERED, /* the order waits no longer; body as of ACCEPTED */
    MSG_PREVENTED, /* self-trade prevention took lots of an order */
    /* Behind all else that is told of the symbol's orders: what is left of them is to be cancelled.
     */
    MSG_DELISTED = 47,
    /* class 4 */
    MSG_REPLY = 48, /* out lane */
    MSG_TRADE,      /* market lane */
    MSG_LEVEL,
    MSG_CONFIG, /* a change of users, keys or symbols; market lane */
    MSG_EVENT,  /* what one input did to a user's orders and money; out lane */
};

enum {                /* flags */
       MSG_MAKER = 1, /* FILL, PREVENTED: the receiver's order was the maker */
       MSG_LAST = 2,  /* FILL, AMENDED, PREVENTED: the order's last; REPLY: no more parts follow */
       MSG_HELD_ALL = 4,    /* PLACE */
       MSG_BY_QUOTE = 8,    /* PLACE */
       MSG_BUY = 16,        /* FILL: the order's side; TRADE: the taker's side */
       MSG_OPEN = 32,       /* TRADE: its match goes on in a later slice */
       MSG_KEEPS_SHIFT = 6, /* PLACE: how many order ids are kept behind its own, 0 to 3 */
};

struct msg {
    uint8_t type, flags;
    uint16_t from, to, symbol;
    uint64_t seq; /* classes 2, 3: link_seq; class 4: the chunk of core `from_core` it rests on */
    int64_t ts_us;
    union {
        unsigned char bytes[40];
        uint64_t words[5];
        struct {
            uint64_t tag;
            void *block; /* struct request, of the sending core's pool */
        } request;
        struct {
            uint64_t ref;
            int64_t price_ticks, qty_lots;
            int64_t held; /* quote atoms of a market buy; of a sell by quote, what to receive */
            uint32_t user;
            uint8_t side, order_type, tif, stp;
        } place;
        struct {
            uint64_t ref, tag;
            uint8_t restriction, spare[7]; /* enum book_restriction */
            uint64_t other; /* ref of the order that is cancelled where that one has gone; or 0 */
            uint64_t spare2;
        } cancel;
        struct {
            uint64_t ref; /* the old order's */
            int64_t due;  /* what its hold must give to the new order's */
            uint8_t mode, restriction, same_id, spare[5]; /* same_id: both have one client id */
            uint64_t spare2[2];
        } replace; /* REPLACE_OLD */
        struct {
            uint64_t ref;
            int64_t lots; /* to take off */
            uint64_t spare[3];
        } amend;
        struct {
            uint64_t ref;                     /* of the order it belongs to */
            int64_t stop_ticks, iceberg_lots; /* 0: none */
            uint32_t trail_bips, group;       /* group: of the account (tradeGroupId) */
            uint64_t order_id;                /* that was kept for it; 0: none */
        } terms;
        struct {
            uint64_t op;
            int64_t value[4];
        } config; /* USER_ADD: value[0] = user; USER_GROUP: and value[1]; SYMBOL_*: see
                     symbol_parts.c */
        struct {
            uint64_t ref, order_id;
            int64_t qty_lots;
            uint64_t spare[2];
        } accepted;
        struct {
            uint64_t ref, order_id, trade_id;
            int64_t price_ticks, qty_lots;
        } fill;
        struct {
            uint64_t ref, order_id;
            int64_t left_lots;
            uint64_t tag;    /* of the cancel that ended it, or 0 */
            uint16_t reason; /* enum done_reason */
            uint16_t reject; /* DONE_REASON_REJECTED, CANCEL_REJECTED: enum reject */
            uint32_t spare;
        } done; /* CANCEL_REJECTED too */
        struct {
            uint64_t ref, order_id, new_ref;
            int64_t moved;   /* of the old order's hold to the new one's */
            uint16_t whole;  /* neither order was touched: a filter refuses the new one */
            uint16_t reject; /* REJECT_NONE: cancelled */
            uint32_t spare2;
        } replaced;
        struct {
            uint64_t ref, order_id;
            int64_t lots;    /* taken off: what was asked for, or with MSG_LAST all that was left */
            uint16_t reject; /* REJECT_NONE: amended */
            uint16_t spare[3];
            uint64_t spare2;
        } amended;
        struct {
            uint64_t ref;
            int64_t price_ticks, lots;
            uint64_t ids[2]; /* three numbers: msg_prevented_ids() */
        } prevented;
        struct {
            uint64_t tag;
            void *block; /* struct reply, of the sending core's pool; NULL: only the code */
            uint16_t reject, block_core;
            uint32_t version;   /* of the configuration that must be in force before it is told */
            uint64_t shard_seq; /* what the sender had taken: for the simulator's checks */
            uint16_t half;      /* enum reply_half */
            uint16_t spare[3];
        } reply;
        struct {
            uint64_t trade_id;
            int64_t price_ticks, qty_lots, quote_atoms;
            uint64_t taker_order_id;
        } trade;
        struct {
            uint64_t update_id;
            int64_t price_ticks, qty_lots;
            uint32_t side, spare;
            uint64_t shard_seq; /* as in reply */
        } level;
        struct {
            void *block; /* struct config_change */
            uint16_t block_core, spare[3];
            uint64_t spare2[3];
        } change;
        struct {
            void *block; /* struct user_event, of the sending core's reply pool */
            uint16_t block_core, spare[3];
            uint64_t spare2[3];
        } event;
    };
};
_Static_assert(sizeof(struct msg) == 64, "one cache line, no padding");
_Static_assert(sizeof(((struct msg *)0)->done) == 40, "no padding");
_Static_assert(sizeof(((struct msg *)0)->place) == 40, "no padding");
_Static_assert(sizeof(((struct msg *)0)->replaced) == 40, "no padding");
_Static_assert(sizeof(((struct msg *)0)->amended) == 40, "no padding");
_Static_assert(sizeof(((struct msg *)0)->terms) == 40, "no padding");
_Static_assert(sizeof(((struct msg *)0)->prevented) == 40, "no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bodies are written as words");

/* What a Replace answers comes in two parts: the first says which half it is, the second is the
 * other one. */
enum reply_half { HALF_NONE, HALF_CANCEL, HALF_NEW };

enum done_reason { /* book.h's enum book_done, plus what only a market shard says */
                   DONE_REASON_FILLED,
                   DONE_REASON_CANCELED,
                   DONE_REASON_EXPIRED,
                   DONE_REASON_STP,
                   DONE_REASON_REPLACED,
                   DONE_REASON_REJECTED,
                   DONE_REASON_SIBLING, /* book.h counts it otherwise */
};

/* A prevented match: the order, the one that it met, and the match's own number. Each is counted by
 * its symbol, and 2^42 would take a hundred years of a thousand a second. */
struct prevented_ids {
    uint64_t order_id, counter_order_id, match_id;
};

enum { PREVENTED_ID_BITS = 42 };

static inline void msg_set_prevented_ids(struct msg *msg, struct prevented_ids ids)
{
    ASSERT(((ids.order_id | ids.counter_order_id | ids.match_id) >> PREVENTED_ID_BITS) == 0);
    msg->prevented.ids[0] = ids.order_id | ids.match_id << PREVENTED_ID_BITS;
    msg->prevented.ids[1] = ids.counter_order_id | ids.match_id >> (64 - PREVENTED_ID_BITS)
                                                                       << PREVENTED_ID_BITS;
}

static inline struct prevented_ids msg_prevented_ids(const struct msg *msg)
{
    const uint64_t *ids = msg->prevented.ids, mask = (UINT64_C(1) << PREVENTED_ID_BITS) - 1;
    return (struct prevented_ids){.order_id = ids[0] & mask,
                                  .counter_order_id = ids[1] & mask,
                                  .match_id = ids[0] >> PREVENTED_ID_BITS |
                                              ids[1] >> PREVENTED_ID_BITS
                                                            << (64 - PREVENTED_ID_BITS)};
}

/* The class of a link message (PROTOCOL C1). */
static inline enum lane_class msg_class(const struct msg *msg)
{
    return msg->type >= MSG_ACCEPTED ? CLASS_REPORT : CLASS_ORDER;
}

/* Whether the first word of the body is an order's ref. */
static inline bool msg_has_ref(const struct msg *msg)
{
    return msg->type == MSG_PLACE || msg->type == MSG_CANCEL || msg->type == MSG_REPLACE_OLD ||
           msg->type == MSG_REPLACE_NEW || msg->type == MSG_REPLACED || msg->type == MSG_AMEND ||
           msg->type == MSG_AMENDED || msg->type == MSG_TERMS || msg->type == MSG_TRIGGERED ||
           msg->type == MSG_PREVENTED || msg->type == MSG_LEG || msg->type == MSG_PAIR ||
           msg->type == MSG_PENDING ||
           (msg->type >= MSG_ACCEPTED && msg->type <= MSG_CANCEL_REJECTED);
}

enum { MSG_ENCODED_BYTES = 62 };

/* A link message as the journal keeps it, without `to`, which is the record's shard. */
static inline void msg_encode(const struct msg *msg, unsigned char out[static MSG_ENCODED_BYTES])
{
    out[0] = msg->type;
    out[1] = msg->flags;
    put_u16(out + 2, msg->from);
    put_u16(out + 4, msg->symbol);
    put_u64(out + 6, msg->seq);
    put_u64(out + 14, (uint64_t)msg->ts_us);
    for (uint32_t i = 0; i < 5; i++)
        put_u64(out + 22 + 8 * i, msg->words[i]);
}

static inline void msg_decode(const unsigned char *in, uint16_t to, struct msg *msg)
{
    *msg = (struct msg){.type = in[0],
                        .flags = in[1],
                        .from = get_u16(in + 2),
                        .to = to,
                        .symbol = get_u16(in + 4),
                        .seq = get_u64(in + 6),
                        .ts_us = (int64_t)get_u64(in + 14)};
    for (uint32_t i = 0; i < 5; i++)
        msg->words[i] = get_u64(in + 22 + 8 * i);
}

/* Records of one shard. */
enum record_type {
    RECORD_LINK = 1,     /* a link message: msg_encode() */
    RECORD_SELF = 2,     /* a self-input: the ref (S6) */
    RECORD_SKIP = 3,     /* a poison link message that was not applied (J6): msg_encode() */
    RECORD_PARTS = 4,    /* the parts of one link message: msg_encode() of each, in order (C8) */
    RECORD_REQUEST = 16, /* + enum request_type: request_encode() */
};

#endif
