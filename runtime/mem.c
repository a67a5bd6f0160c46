#include "runtime/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/check.h"

static bool sealed, prefault;
static _Thread_local bool background;

void *mem_reserve(size_t bytes)
{
    ASSERT(!sealed || background);
    ASSERT(bytes > 0);
    int populate = prefault && !background ? MAP_POPULATE : 0;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | populate;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (base == MAP_FAILED) {
        fprintf(stderr, "castle: cannot reserve %zu bytes of memory; lower the limits\n", bytes);
        exit(1);
    }
    return base;
}

void mem_release(void *base, size_t bytes)
{
    if (base)
        ASSERT(munmap(base, bytes) == 0);
}

void mem_seal(bool on)
{
    sealed = on;
}

void mem_background(void)
{
    background = true;
}

void mem_prefault(bool on)
{
    prefault = on;
}

void arena_init(struct arena *arena, size_t bytes)
{
    *arena = (struct arena){.base = mem_reserve(bytes), .size = bytes};
}

void arena_fini(struct arena *arena)
{
    mem_release(arena->base, arena->size);
    *arena = (struct arena){0};
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    size_t take = arena_bytes(bytes);
    ASSERT(take <= arena->size - arena->used);
    void *p = arena->base + arena->used;
    arena->used += take;
    return p;
}
