/* Goal: what a slow client missed is told whole: no level that changed is left out, whatever was
 * joined meanwhile. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "http/ws/diff.h"

enum { PRICES = 50 };

/* Goal: each level once, bids from above and asks from below. Method: every price added many times
 * in a random order, to both sides. */
Test(ws_diff, settles_into_book_order)
{
    struct diff_list list = {0};
    srand(1);
    for (uint32_t i = 0; i < 5000; i++)
        diff_add(&list, rand() % 2 ? SIDE_BUY : SIDE_SELL, 1 + rand() % PRICES);
    cr_assert_leq(list.room, 256u, "memory is for levels, not for changes");
    diff_settle(&list);
    cr_assert_eq(list.count, 2u * PRICES);
    for (uint32_t i = 0; i < PRICES; i++) {
        cr_assert_eq(list.change[i].side, SIDE_BUY);
        cr_assert_eq(list.change[i].price_ticks, PRICES - i);
        cr_assert_eq(list.change[PRICES + i].side, SIDE_SELL);
        cr_assert_eq(list.change[PRICES + i].price_ticks, 1 + i);
    }
    diff_fini(&list);
}

struct naive { /* the last update that changed each level */
    uint64_t last[2][PRICES];
};

static bool has(const struct diff_list *list, uint32_t side, int64_t price)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->change[i].side == side && list->change[i].price_ticks == price)
            return true;
    return false;
}

/* Goal: from any update id on, all levels that changed are there. Method: hundreds of random ticks,
 * far more than are kept apart; after each, every id is asked for and compared with a list of when
 * each level changed. */
Test(ws_diff, log_forgets_no_level_that_changed)
{
    struct diff_log log = {0};
    struct diff_list tick = {0}, since = {0};
    struct naive naive = {0};
    uint64_t id = 100, begin = id + 1;
    srand(2);
    for (uint32_t t = 0; t < 300; t++) {
        uint64_t first = id + 1;
        for (int i = 0, count = 1 + rand() % 5; i < count; i++) {
            uint32_t side = rand() % 2, price = (uint32_t)rand() % PRICES;
            diff_add(&tick, side, price);
            naive.last[side][price] = ++id;
        }
        diff_settle(&tick);
        diff_log_add(&log, first, id, &tick);
        diff_clear(&tick);
        cr_assert_leq(log.count, (uint32_t)DIFF_TICKS);
        uint64_t from = begin + (uint64_t)rand() % (id - begin + 1);
        cr_assert(diff_log_since(&log, from, &since));
        for (uint32_t side = 0; side < 2; side++)
            for (uint32_t price = 0; price < PRICES; price++)
                if (naive.last[side][price] >= from)
                    cr_assert(has(&since, side, price), "from %lu of %lu", from, id);
        for (uint32_t i = 0; i < since.count; i++)
            cr_assert(naive.last[since.change[i].side][since.change[i].price_ticks] != 0);
    }
    diff_log_fini(&log);
    diff_fini(&tick);
    diff_fini(&since);
}

/* Goal: the log is bounded, and says so when it has forgotten. Method: ticks of ever new levels
 * until the first ones are gone; asking for them is refused, asking for the newest is not. */
Test(ws_diff, log_is_bounded)
{
    struct diff_log log = {0};
    struct diff_list tick = {0}, since = {0};
    uint64_t id = 0;
    for (int64_t t = 0; t < 100; t++) {
        uint64_t first = id + 1;
        for (int64_t i = 0; i < 1000; i++, id++)
            diff_add(&tick, SIDE_BUY, t * 1000 + i);
        diff_settle(&tick);
        diff_log_add(&log, first, id, &tick);
        diff_clear(&tick);
    }
    uint32_t held = 0;
    for (uint32_t i = 0; i < log.count; i++)
        held += log.tick[i].list.count;
    cr_assert_leq(held, (uint32_t)DIFF_CHANGES_MAX);
    cr_assert_not(diff_log_since(&log, 1, &since));
    cr_assert_not(diff_log_since(&log, log.forgotten_id, &since));
    cr_assert(diff_log_since(&log, log.forgotten_id + 1, &since));
    cr_assert_geq(since.count, 1000u);
    cr_assert(diff_log_since(&log, id - 999, &since));
    diff_log_fini(&log);
    diff_fini(&tick);
    diff_fini(&since);
}
