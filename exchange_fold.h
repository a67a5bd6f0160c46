/* exchange_fold.h - an exchange as storage/fold sees it: how recovery, the background snapshots and
 * `castle journal` bring one to an LSN. Here because only the program's top knows both layers.
 *
 * Thread:  the one that owns the exchange.
 */
#ifndef EXCHANGE_FOLD_H
#define EXCHANGE_FOLD_H

#include "actors/exchange.h"
#include "storage/fold.h"

/* The way into `ex`, which exchange_init() has built and nothing else uses yet; a bad snapshot has
 * it built anew. `remark` may be NULL. */
struct fold exchange_fold(struct exchange *ex, void (*remark)(void *self, const char *text));

/* Sets what the data directory was made with: the numbers of shards, and the limits. */
void exchange_fold_limits(struct exchange_config *config, const struct segment_head *head);

/* The whole of a configuration for what the data directory was made with, on one core: where a
 * shard lives is not state. */
void exchange_fold_config(struct exchange_config *config, const struct segment_head *head,
                          uint32_t done_orders);

/* Says on standard error what was wrong with the journal; the exit code that stands for it. */
int exchange_fold_failed(enum recovery_status status, const char *text);

#endif
