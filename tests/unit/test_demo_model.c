#include "demo_model.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "actors/book/money.h"

enum { WEEK_STEPS = 7 * 86400 };

/* Goal: a seed is a market. Method: two models of one seed and one of another, a day each. */
Test(demo_model, the_same_seed_is_the_same_market)
{
    struct demo_model one, same, other;
    demo_model_init(&one, 7, 1000);
    demo_model_init(&same, 7, 1000);
    demo_model_init(&other, 8, 1000);
    uint32_t differs = 0;
    for (uint32_t step = 0; step < 86400; step++) {
        struct demo_taker a = {0}, b = {0};
        demo_model_step(&one);
        demo_model_step(&same);
        demo_model_step(&other);
        bool comes = demo_model_taker(&one, DEMO_ETHUSDT, 90, &a);
        cr_assert(comes == demo_model_taker(&same, DEMO_ETHUSDT, 90, &b));
        cr_assert(memcmp(&a, &b, sizeof a) == 0 && memcmp(&one, &same, sizeof one) == 0);
        differs += demo_model_fair(&one, DEMO_BTCUSDT) != demo_model_fair(&other, DEMO_BTCUSDT);
    }
    cr_assert(differs > 86000);
}

/* Goal: prices move like a market's, stay in reach of the usual, and agree with one another.
 * Method: a week by the second, for several seeds. */
Test(demo_model, prices_wander_come_back_and_agree)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct demo_model model;
        int64_t low = INT64_MAX, high = 0;
        demo_model_init(&model, seed, 1000);
        for (uint32_t step = 0; step < WEEK_STEPS; step++) {
            demo_model_step(&model);
            int64_t btc = demo_model_fair(&model, DEMO_BTCUSDT);
            int64_t eth = demo_model_fair(&model, DEMO_ETHUSDT);
            int64_t ratio = demo_model_fair(&model, DEMO_ETHBTC);
            int64_t product;
            cr_assert(money_mul_div(btc, ratio, MONEY_ATOMS_PER_UNIT, &product));
            cr_assert(llabs(eth - product) <= 1);
            low = btc < low ? btc : low;
            high = btc > high ? btc : high;
        }
        int64_t usual = demo_markets[DEMO_BTCUSDT].usual_atoms;
        cr_assert(low > usual * 85 / 100 && high < usual * 115 / 100, "%ld to %ld", low, high);
        cr_assert(high - low > usual / 100, "it stood still: %ld to %ld", low, high);
    }
}

/* Goal: how far it wanders depends on time, not on the length of a step. Method: the mean square of
 * a minute's change, by steps of a second and of a quarter. */
Test(demo_model, steps_of_another_length_are_the_same_market)
{
    double square[2] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        struct demo_model model;
        uint32_t step_ms = i ? 250 : 1000;
        demo_model_init(&model, 3, step_ms);
        for (uint32_t minute = 0; minute < 20000; minute++) {
            int64_t before = model.btc_ppb;
            for (uint32_t ms = 0; ms < 60000; ms += step_ms)
                demo_model_step(&model);
            square[i] += (double)(model.btc_ppb - before) * (double)(model.btc_ppb - before);
        }
    }
    cr_assert(square[0] < square[1] * 1.15 && square[1] < square[0] * 1.15, "%g, %g", square[0],
              square[1]);
}

/* Goal: a ladder is one that a maker can quote: prices apart, bids below asks, sizes that the
 * filters of a new directory take. Method: all levels while the prices wander. */
Test(demo_model, ladders_do_not_cross_and_pass_the_filters)
{
    struct demo_model model;
    demo_model_init(&model, 11, 60000);
    for (uint32_t step = 0; step < 20000; step++) {
        demo_model_step(&model);
        for (uint32_t s = 0; s < DEMO_SYMBOLS; s++) {
            const struct demo_market *market = &demo_markets[s];
            int64_t fair = demo_model_fair(&model, s) / market->tick_atoms, bid = INT64_MAX,
                    ask = 0;
            for (uint32_t level = 0; level < DEMO_LEVELS; level++) {
                struct demo_quote buy = demo_model_quote(&model, s, SIDE_BUY, level);
                struct demo_quote sell = demo_model_quote(&model, s, SIDE_SELL, level);
                cr_assert(buy.price_ticks < bid && sell.price_ticks > ask);
                cr_assert(buy.price_ticks <= fair && sell.price_ticks > fair);
                cr_assert(buy.qty_lots > 0 && sell.qty_lots > 0);
                cr_assert(buy.qty_lots * market->lot_atoms < 9000 * MONEY_ATOMS_PER_UNIT);
                bid = buy.price_ticks;
                ask = sell.price_ticks;
            }
        }
    }
}

/* Goal: about as many takers come as were asked for, of both sides, none of them tiny. Method: a
 * week. */
Test(demo_model, takers_come_as_often_as_asked)
{
    struct demo_model model;
    uint32_t came = 0, buys = 0;
    demo_model_init(&model, 5, 1000);
    for (uint32_t step = 0; step < WEEK_STEPS; step++) {
        struct demo_taker taker;
        demo_model_step(&model);
        if (!demo_model_taker(&model, DEMO_BTCUSDT, 90, &taker))
            continue;
        came++;
        buys += taker.side == SIDE_BUY;
        cr_assert(taker.qty_lots >= demo_markets[DEMO_BTCUSDT].usual_lots);
        cr_assert(taker.qty_lots <= demo_markets[DEMO_BTCUSDT].usual_lots * 22);
    }
    cr_assert(came > 90 * 168 * 8 / 10 && came < 90 * 168 * 12 / 10, "%u came", came);
    cr_assert(buys > came * 45 / 100 && buys < came * 55 / 100, "%u of %u buy", buys, came);
}

/* Goal: the model goes on where a market stands. Method: start it at prices, and ask for them. */
Test(demo_model, goes_on_from_given_prices)
{
    struct demo_model model;
    demo_model_init(&model, 1, 250);
    demo_model_start_at(&model, 6123456000000, 4887000);
    cr_assert(llabs(demo_model_fair(&model, DEMO_BTCUSDT) - 6123456000000) < 100000);
    cr_assert(llabs(demo_model_fair(&model, DEMO_ETHBTC) - 4887000) <= 1);
    demo_model_start_at(&model, 1, INT64_MAX / 4); /* a user has been there */
    for (uint32_t s = 0; s < DEMO_SYMBOLS; s++)
        cr_assert(demo_model_quote(&model, s, SIDE_BUY, DEMO_LEVELS - 1).price_ticks > 0);
}
