/* flow.h - the reference order flows A, B and D, made in memory, and the generator's own matcher
 * replayed over them: the yardstick of bench_book.
 *
 * Thread:  one at a time; generator and matcher work on static scratch state, as the original does.
 * Memory:  a flow's records are reserved pages until flow_free(); scratch is given back by each
 * call. Exact:   header and records are byte for byte what workload_gen writes; flow_sha256()
 * proves it. Source:  shared/workloads/workload_gen.c and PEERS.md §1, which lists what any correct
 * matcher yields.
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stdint.h>

enum { FLOW_TICKS = 262144, FLOW_TIMED = 3000000, FLOW_SHA256_TEXT = 65 };
enum flow_op { FLOW_NEW, FLOW_CANCEL, FLOW_MOVE }; /* a move loses its place and may trade */
enum flow_side { FLOW_BUY, FLOW_SELL };

struct flow_record {
    uint8_t op, side, ioc, zero;
    uint32_t qty_lots;
    uint64_t id;
    int64_t price_ticks;
};
_Static_assert(sizeof(struct flow_record) == 24, "the file format");

/* What a matcher has after the last record; trades and volume are those of the timed part. */
struct flow_totals {
    uint64_t trades, volume_lots;
    uint32_t live, best_bid, best_ask;
};

/* What PEERS.md §1 says of a flow. */
struct flow_spec {
    char which;
    const char *name, *sha256;
    struct flow_totals totals;
};

struct flow {
    const struct flow_spec *spec;
    uint32_t header[4]; /* magic 'CWL1', prefill records, all records, last id + 1 */
    struct flow_record *records;
    uint32_t prefill, count, ids; /* records [0, prefill) are not timed; ids are 1 .. ids - 1 */
    uint32_t live_max;            /* most orders resting at once: the room a book needs */
};

/* Makes flow 'A', 'B' or 'D'; any other letter is a bug. About half a second. */
struct flow flow_make(char which);
void flow_free(struct flow *flow);

/* Hash of header and records, as hexadecimal text, to compare with spec->sha256. */
void flow_sha256(const struct flow *flow, char text[static FLOW_SHA256_TEXT]);

/* Replays the flow through the generator's matcher: orders by dense id, best price by linear
 * search, no events. `huge` asks for 2 MB pages. Returns the totals; *seconds is the timed part
 * only. */
struct flow_totals flow_reference_match(const struct flow *flow, bool huge, double *seconds);

#endif
