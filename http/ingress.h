/* ingress.h - what an ingress core has: gateway, view, directory, and the calls under way.
 *
 * Thread:  the ingress core's.
 */
#ifndef INGRESS_H
#define INGRESS_H

#include "actors/gateway.h"
#include "actors/market_view.h"
#include "http/address.h"
#include "http/directory.h"
#include "http/hot.h"
#include "http/limits.h"
#include "http/metrics.h"
#include "http/params.h"
#include "http/text.h"
#include "http/user_stream.h"
#include "runtime/tally.h"
#include "runtime/timer.h"

enum { CALL_DEADLINE_US = 10000000, CALL_BODY_MAX = 16384 }; /* -1007 after 10 s, as Binance */
enum { OPENED_SLOTS = 65536 };                               /* addresses */

struct call;
struct past_job;

struct ingress_shared { /* by all ingress cores of a process; read-only, or atomic */
    struct secrets secrets;
    struct ingress *ingress[CORES_MAX];
    uint16_t count;
    _Atomic bool draining, low_space;   /* low_space: no room for a spare segment; New is refused */
    struct limits limits;               /* of client addresses */
    struct tally opened;                /* WebSockets opened by each, in five minutes */
    bool unlimited;                     /* --rate-limits off: all is counted, nothing refused */
    const char *audit_token;            /* the admin listener's bearer token */
    uint64_t (*journal_lsn)(void);      /* durable so far */
    bool (*past)(struct past_job *job); /* reads the history (history.h); NULL: there is none */
    /* for metrics */
    const char *version, *commit;
    int64_t started_us;
    const struct hist *journal_us; /* from a chunk's publication until it is durable */
    const struct metric *metrics;  /* what lives outside http/ */
    uint32_t metrics_count;
};

struct ingress {
    struct ingress_shared *shared;
    struct exchange *ex;
    struct core *core;
    struct gateway gateway;
    struct market_view view;
    struct directory directory;
    struct hot *hot;
    struct params params;         /* of the call being started */
    struct text text;             /* scratch */
    struct text frame;            /* scratch: a message to a WebSocket API connection */
    struct api_session *sessions; /* WebSocket API connections */
    int64_t key_expires_us;       /* the first of the keys that they go by; INT64_MAX: never */
    struct call *oldest, *newest, *free_calls;
    uint32_t calls, waiting; /* waiting: of them, those in call_wait() */
    struct user_streams user_streams;
    struct timers deadlines; /* of calls that wait for the exchange */
    _Atomic(struct past_job *) past_done;
    struct { /* history_mend(): the symbol it looks at next, and when; whether a job is under way */
        int64_t next_us;
        uint16_t symbol;
        bool asked;
    } mend;
    uint64_t client_ids;  /* generated client order ids */
    uint64_t answered;    /* calls responded to since the last look */
    struct sampler timed; /* which calls are timed */
    struct ingress_counts counts;
    struct ws_hub *ws;       /* its WebSocket connections (http/ws/hub.h); NULL: it has none */
    struct streams *streams; /* market streams (http/ws/stream.h); NULL: nobody listens here */
};

struct slice { /* borrowed text */
    const char *data;
    size_t length;
};

enum { PEER_TEXT_BYTES = 64 };

struct logon { /* of a WebSocket session, with a key that vouches for requests without one */
    char key[API_KEY_BYTES];
    int64_t since_us;
    bool revoked; /* the key has gone meanwhile: such requests are refused until another logon */
};

enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_HEAD, METHOD_OTHER };
extern const char *const method_names[METHOD_OTHER + 1];

/* One request of a client, whatever brought it. Ingress owns it from call_new() until its answer is
 * in; the transport is told by `respond` once, unless it has gone (call_abandon). */
struct call {
    struct ingress *ingress;
    void (*respond)(void *transport, int status, const char *body, size_t length);
    void *transport;           /* NULL: gone, or answered */
    void (*over)(void *owner); /* or NULL: told when the exchange has answered, heard or not */
    void *owner;
    enum method method;
    uint16_t route;        /* as metrics_count() takes it; 0: none */
    uint16_t weight;       /* what it costs (API §1.5)... */
    bool free_of_use;      /* ... unless it succeeds */
    bool charged;          /* it is counted: call_charge() */
    uint64_t address;      /* the client's, as address_key(); 0: not counted */
    struct address client; /* who asks, behind trusted proxies, too; of public requests */
    int64_t retry_us;      /* of a refusal: when the client may come again; 0: it is not said */
    /* for the headers of the answer */
    uint32_t used_weight;
    bool tells_orders;
    uint32_t unfilled[ORDER_INTERVALS];
    /* valid only while the call is started; api_key.data NULL: a parameter that was not sent */
    struct slice path, query, body, api_key, if_none_match, accept_encoding;
    const struct logon *logon; /* NULL: nobody has logged on */
    bool micro;                /* X-MBX-TIME-UNIT: MICROSECOND */
    const char *content_type;  /* of the answer; NULL: JSON */
    struct body *shared; /* borrowed: the body that is being responded with; NULL: no shared one */
    const struct page_file *page;      /* the file that is being responded with; NULL: it is none */
    const struct page_form *page_form; /* of it, the form that the client takes */
    /* metrics: kind; whether it is counted; when it began and when its outcome was durable, if it
     * is timed */
    enum call_kind kind;
    bool counted;
    int64_t begun_us, durable_us;
    /* what the answer needs */
    void (*on_reply)(struct call *call, const struct msg *msg);
    uint64_t tag;
    struct timer deadline;
    uint32_t user;
    uint16_t symbol;
    uint8_t type, resp, client_length, parts, flags;
    uint16_t first_reject; /* cancelReplace: of the half that came first */
    /* user_watch_begin(): what is to be told events, and who answers when it is */
    struct user_watch *watch;
    void (*watch_done)(struct call *call);
    char client_id[CLIENT_ID_BYTES];
    struct past_job *past; /* what a read has brought so far, for history.c; freed with the call */
    struct text out;
    char *kept; /* what the answer quotes, or the request borrows: freed with the call */
    size_t kept_length;
    bool waits; /* call_wait() */
    uint32_t version_wanted;
    uint64_t lsn_wanted;
    int wait_status;
    struct call *older, *newer; /* by age; `newer` also links free calls */
    /* kind CALL_ADMIN; of others nothing is set */
    char peer[PEER_TEXT_BYTES]; /* who calls, for the log */
    char secret[SECRET_BYTES];  /* a new key's: shown once, wiped */
    char api_key_made[API_KEY_BYTES];
    struct request admin_request;
};

/* Arena bytes of one ingress core. */
size_t ingress_bytes(const struct exchange_config *config);

void ingress_init(struct ingress *ingress, struct ingress_shared *shared, struct exchange *ex,
                  struct arena *arena, uint16_t core);

/* Takes over the recovered configuration and books. Thread: the starting one. */
void ingress_load(struct ingress *ingress);

/* Delivers what is durable, tells calls past their deadline; returns how much was done. */
uint32_t ingress_work(struct ingress *ingress);

/* Brings view and directory up to what is durable: whoever was answered on another connection, and
 * asks on this one, sees it. Answers nothing, so it is safe while a request is being taken in. */
void ingress_see_market(struct ingress *ingress);

struct call *call_new(struct ingress *ingress);
/* Takes a public request in before anything is done for it. False: its address is banned or has
 * used up its limits, and it was refused: 418 or 429. */
bool call_enter(struct call *call);
/* Counts what the call weighs before its work is done; false: that was too much, and it was
 * refused. A call that is not charged before its answer is then, whatever is left. */
bool call_charge(struct call *call, uint16_t weight);
/* Counts the call's weight unless it is, and tells the transport. */
void call_respond(struct call *call, int status, const char *body, size_t length);
/* The same with a body of ingress->hot, which the transport may hold instead of copying it. */
void call_respond_shared(struct call *call, struct body *body);
/* Responds with `status` and call->out once every ingress core has configuration `version` and the
 * journal is durable up to `lsn`; 0: of no concern. */
void call_wait(struct call *call, int status, uint32_t version, uint64_t lsn);
__attribute__((format(printf, 4, 5))) void call_error(struct call *call, int status, int code,
                                                      const char *format, ...);
/* A refusal of the edge: status 401 for the codes of bad keys, else 400. */
__attribute__((format(printf, 3, 4))) void call_refuse(struct call *call, int code,
                                                       const char *format, ...);
void call_reject(struct call *call, enum reject reject);
/* The answer will tell how many unfilled orders the account has. */
void call_tell_orders(struct call *call, const struct reply *reply);
/* Whether it is refused for the account's unfilled orders; notes then when that interval is over.
 */
bool call_note_orders_limit(struct call *call, enum reject reject);
/* Whether the answer is a reject; the client was told then. */
bool call_told_reject(struct call *call, const struct msg *msg);
/* Takes a part of an answer that is an array of the reply's rows, each by `render`; the last part
 * responds. A reject is told. */
typedef void row_renderer(const struct call *call, struct text *out, struct reply *reply,
                          uint32_t row);
void call_told_rows(struct call *call, const struct msg *msg, row_renderer *render);
/* The transport is gone: the answer, when it comes, goes nowhere. */
void call_abandon(struct call *call);

/* Gives the call, which will wait, its deadline; false when too many wait: then it was refused. */
bool call_deadline(struct call *call);

/* Sends a copy of the request and waits for its answer (on_reply), or answers -1008. */
void call_send(struct call *call, const struct request *from,
               void (*on_reply)(struct call *call, const struct msg *msg));

#endif
