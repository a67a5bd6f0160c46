/* record_check.h - whether a record can be what a shard of ours wrote, before replay applies it.
 *
 * Thread:  the starting one.
 * Why:     a journal whose checksums hold may still be another program's, or somebody's. What would
 * lead outside of a table or out of arithmetic is refused here as a record that does not apply;
 * what only contradicts the state before it meets the asserts of whoever applies it.
 */
#ifndef RECORD_CHECK_H
#define RECORD_CHECK_H

#include "actors/account_shard.h"
#include "actors/control_shard.h"
#include "actors/market_shard.h"

bool control_request_sound(const struct request *request);
bool account_request_sound(const struct account_shard *self, const struct request *request);

/* A link message, in one part or two (C8), that `type` says was applied, or skipped (J6). */
bool account_link_sound(const struct account_shard *self, uint8_t type, const struct msg *msg);
bool market_link_sound(const struct market_shard *self, uint8_t type, const struct msg *part,
                       uint32_t parts);

#endif
