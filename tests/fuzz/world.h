/* world.h - a whole exchange with its ingress core on one thread, small, and the same every time:
 * what fuzz_http and the seeds play requests into.
 *
 * Thread:  one.
 *
 * Memory:  world_init() to world_fini(); nothing of a world outlives it.
 *
 * Time:    a virtual clock, 100 us a turn. Random bytes, keys and secrets too, come from a fixed
 * seed.
 *
 * Journal: what the core publishes is handed to `record`, applied by a second exchange as recovery
 * would, and then durable, unless the disk is held.
 *
 * Script:  one request a line, or a command; what is odd is skipped. First letter of a line:
 *
 *   .    wait for the answer            ,    do not: the next one comes right behind
 *
 *   ;    one turn, then the next        -    the client goes at once        !    a command, see
 * below
 *
 * Second letter, who asks:
 *
 *   a-h  the n-th key, signed by the world with a right timestamp
 *
 *   A-H  the n-th key, what is sent stands
 *
 *   n    nobody     o    the operator, on the admin listener     x    nobody, on the admin listener
 *
 * Third letter, the method: G P U D, anything else is some other. Then the target, and behind the
 * first '|' the body.
 *
 * Commands: h holds the disk, r releases it, t lets 11 s pass, s toggles "no space for a segment",
 * d toggles draining, m microseconds in answers, w waits for all answers, z gives the second
 * exchange the state of a snapshot of it.
 *
 * Checks:  every call is answered once, with JSON and a status; at the end money is conserved,
 * every O(n) check holds, and the second exchange has the same state.
 */
#ifndef WORLD_H
#define WORLD_H

#include "actors/exchange.h"

struct world;

/* Called for every chunk that was published, with its header but for LSN, batch and CRC, and its
 * records. */
typedef void world_record(void *arg, const struct chunk *chunk);

struct world *world_init(world_record *record, void *arg);

/* Two funded users with a key each and two symbols. */
void world_open(struct world *world);

/* Plays a script. */
void world_play(struct world *world, const char *script, size_t length);

/* The state of the second exchange as a snapshot holds it; returns the bytes. */
size_t world_save(struct world *world, uint8_t *out, size_t room);

/* For those who bring requests by themselves: the ingress core, one turn of everything, the n-th
 * key's text (API_KEY_BYTES) or NULL, its signature in hex, and the time in ms. */
struct ingress;
struct ingress *world_ingress(struct world *world);
void world_turn(struct world *world);
const char *world_key(const struct world *world, uint32_t nth);
void world_sign(struct world *world, uint32_t nth, const char *text, size_t length, char hex[64]);
int64_t world_now_ms(const struct world *world);

/* Brings everything to rest and checks it. */
void world_check(struct world *world);
void world_fini(struct world *world);

/* The exchange's configuration, which journals made by a world need again. */
void world_config(struct exchange_config *config);

#endif
