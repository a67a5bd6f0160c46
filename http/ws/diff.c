#include "http/ws/diff.h"

#include <stdlib.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "runtime/check.h"

enum { FIRST_ROOM = 64 };

static int compare(const void *left, const void *right)
{
    const struct diff_change *a = left, *b = right;
    if (a->side != b->side)
        return a->side < b->side ? -1 : 1;
    if (a->price_ticks == b->price_ticks)
        return 0;
    bool first =
        a->side == SIDE_BUY ? a->price_ticks > b->price_ticks : a->price_ticks < b->price_ticks;
    return first ? -1 : 1;
}

void diff_settle(struct diff_list *list)
{
    uint32_t kept = 0;
    if (list->settled == list->count)
        return;
    qsort(list->change, list->count, sizeof *list->change, compare);
    for (uint32_t i = 0; i < list->count; i++)
        if (kept == 0 || compare(&list->change[kept - 1], &list->change[i]) != 0)
            list->change[kept++] = list->change[i];
    list->count = list->settled = kept;
}

static void make_room(struct diff_list *list)
{
    diff_settle(list);
    if (2 * list->count < list->room)
        return;
    list->room = list->room ? 2 * list->room : FIRST_ROOM;
    list->change = realloc(list->change, list->room * sizeof *list->change);
    ASSERT(list->change != NULL);
}

void diff_add(struct diff_list *list, uint32_t side, int64_t price_ticks)
{
    if (list->count == list->room)
        make_room(list);
    list->change[list->count++] = (struct diff_change){.price_ticks = price_ticks, .side = side};
}

void diff_join(struct diff_list *list, const struct diff_list *other)
{
    ASSERT(other->settled == other->count);
    for (uint32_t i = 0; i < other->count; i++)
        diff_add(list, other->change[i].side, other->change[i].price_ticks);
    diff_settle(list);
}

void diff_clear(struct diff_list *list)
{
    list->count = list->settled = 0;
}

void diff_fini(struct diff_list *list)
{
    free(list->change);
    *list = (struct diff_list){0};
}

/* ---- the log ---- */

static void join_pairs(struct diff_log *log)
{
    for (uint32_t i = 0; i < log->count / 2; i++) {
        struct diff_tick joined = log->tick[2 * i];
        diff_join(&joined.list, &log->tick[2 * i + 1].list);
        joined.last_id = log->tick[2 * i + 1].last_id;
        diff_fini(&log->tick[2 * i + 1].list);
        log->tick[i] = joined;
    }
    log->count /= 2;
}

static uint32_t changes_of(const struct diff_log *log)
{
    uint32_t changes = 0;
    for (uint32_t i = 0; i < log->count; i++)
        changes += log->tick[i].list.count;
    return changes;
}

static void forget_oldest(struct diff_log *log)
{
    log->forgotten_id = log->tick[0].last_id;
    diff_fini(&log->tick[0].list);
    memmove(log->tick, log->tick + 1, --log->count * sizeof *log->tick);
}

void diff_log_add(struct diff_log *log, uint64_t first_id, uint64_t last_id,
                  const struct diff_list *list)
{
    ASSERT(log->count == 0 || log->tick[log->count - 1].last_id + 1 == first_id);
    if (log->count == DIFF_TICKS)
        join_pairs(log);
    struct diff_tick *tick = &log->tick[log->count++];
    *tick = (struct diff_tick){.first_id = first_id, .last_id = last_id};
    diff_join(&tick->list, list);
    while (changes_of(log) > DIFF_CHANGES_MAX)
        forget_oldest(log);
}

bool diff_log_since(const struct diff_log *log, uint64_t first_id, struct diff_list *out)
{
    diff_clear(out);
    if (first_id <= log->forgotten_id)
        return false;
    for (uint32_t i = BUG(60) && log->count > 1; i < log->count; i++) /* 60: conflated, some lost */
        if (log->tick[i].last_id >= first_id)
            diff_join(out, &log->tick[i].list);
    return true;
}

void diff_log_fini(struct diff_log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        diff_fini(&log->tick[i].list);
    *log = (struct diff_log){0};
}
