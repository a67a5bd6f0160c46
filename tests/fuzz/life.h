/* life.h - an exchange whose state came from bytes of any content, and how it goes on from there.
 *
 * Thread:  one.
 *
 * Asserts: that an exchange asserts on what only a forged journal or snapshot can hold is how it is
 * meant to end (STYLE §9: ours, stop, replay repeats it). So life_guard() ends the input and not
 * the process; the places are listed when the process ends. FUZZ_STRICT=1 makes them fatal. Outside
 * of it every assert is fatal.
 */
#ifndef LIFE_H
#define LIFE_H

#include "actors/gateway.h"

struct life {
    struct exchange ex;
    struct arena arena;
    struct gateway gateway;
    void *audit_memory;
    bool stopped; /* by an assert, or refused as castle.c would refuse it */
};

/* A small, empty exchange: world_config(). */
void life_init(struct life *life);
void life_fini(struct life *life);

/* Runs what may assert; false when it did: then nothing but life_fini() may follow. */
bool life_guard(struct life *life, void (*act)(struct life *life, void *arg), void *arg);

/* Both have the same state. */
void life_check_same(struct life *a, struct life *b);

/* What castle.c does after the last record, then turns until nothing is on its way; the twin
 * applies what is recorded meanwhile, as recovery would, and must come to the same state. */
void life_go_on(struct life *life, struct life *twin, uint32_t boot);

#endif
