/* metrics.h - GET /metrics: everything the process counts, as Prometheus text 0.0.4.
 *
 * Thread:  metrics_write by the ingress core that has the admin listener: it reads counters of all
 *          threads (runtime/counter.h) and stops none of them. metrics_sample by one thread, off
 * the hot path. Cost:    a few hundred microseconds for a few cores; the text is bounded by cores
 * and routes. Adding:  a number that lives outside http/ is a line of the table in castle.c (struct
 * metric). docs/OPERATIONS.md says what each one means: keep it true.
 */
#ifndef METRICS_H
#define METRICS_H

#include "http/limits.h"
#include "runtime/counter.h"
#include "runtime/hist.h"

struct ingress;
struct text;

/* ---- what an ingress core counts ---- */

enum call_kind { CALL_EDGE, CALL_READ, CALL_ORDER, CALL_ADMIN, CALL_KINDS };

enum {
    METHODS = 6,
    ROUTES_MAX = 160,
    STATUS_COLUMNS = 19, /* the last: any status without a column of its own */
    STATUS_LEFT = 499,   /* the client left before its answer */
};

/* What the guard does (README.md "Limits at the edge"). */
enum edge_act {
    EDGE_FULL, /* connections refused: too many in all, too many of the address */
    EDGE_ADDRESS_FULL,
    EDGE_SLOW, /* connections closed */
    EDGE_STALLED,
    EDGE_RESETS,
    EDGE_BUSY, /* requests refused */
    EDGE_AMBIGUOUS,
    EDGE_LARGE,
    EDGE_ACTS
};

struct listener_counts {
    counter accepted, open, act[EDGE_ACTS];
};

struct ws_counts { /* WebSocket */
    counter open, opened, frames, bytes, slow, silent, limited;
    counter subscriptions, events, conflated;
};

struct ingress_counts {                                     /* written by its core */
    counter requests[METHODS + ROUTES_MAX][STATUS_COLUMNS]; /* without a route: by method */
    struct hist parse_us, reply_us, total_us[CALL_KINDS];
    struct listener_counts listener[2]; /* public, admin */
    counter version[2];                 /* requests over HTTP/1, HTTP/2 */
    struct ws_counts ws;
    counter limited[LIMIT_KINDS], bans; /* requests refused, by why; bans made */
};

/* Counts an answer; `route` is a public one, operation_routes() + n the n-th admin one, 0 none.
 * Thread: the core's. */
void metrics_count(struct ingress_counts *counts, uint16_t route, uint32_t method, int status);

/* ---- what is told ---- */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric { /* a family of one series */
    const char *name, *help;
    enum metric_type type;
    uint8_t decimals; /* of its unit: 6 when microseconds are told as seconds; 0: as it is */
    const counter *value;
    const struct hist *hist; /* METRIC_HISTOGRAM: times when it has decimals, else bytes */
};

/* Writes all of it behind what `out` has. */
void metrics_write(const struct ingress *ingress, struct text *out);

/* Asks the kernel and the allocator how the process is; metrics_write tells it until the next time.
 */
void metrics_sample(void);

#endif
