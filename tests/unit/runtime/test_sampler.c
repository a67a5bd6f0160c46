/* Goal: few events are all timed, many are thinned out evenly, and a quiet time ends the thinning.
 */
#include "runtime/sampler.h"

#include <criterion/criterion.h>

static uint32_t picked(struct sampler *sampler, uint32_t events, int64_t now_us)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < events; i++)
        count += sampler_pick(sampler, now_us);
    return count;
}

Test(sampler_pick, takes_every_event_while_few_come)
{
    struct sampler sampler = {0};
    for (int64_t window = 1; window < 50; window++)
        cr_assert_eq(picked(&sampler, SAMPLER_ALL - 1, window * SAMPLER_WINDOW_US),
                     SAMPLER_ALL - 1);
}

Test(sampler_pick, takes_every_64th_event_while_many_come)
{
    struct sampler sampler = {0};
    picked(&sampler, 100000, SAMPLER_WINDOW_US);
    cr_assert_eq(picked(&sampler, 64000, 2 * SAMPLER_WINDOW_US), 1000);
    cr_assert_eq(picked(&sampler, 64000, 3 * SAMPLER_WINDOW_US), 1000);
}

/* Method: every third event is another kind; it has a third of the picks. */
Test(sampler_pick, picks_kinds_by_their_share)
{
    struct sampler sampler = {0};
    uint32_t kind[3] = {0};
    picked(&sampler, 100000, SAMPLER_WINDOW_US);
    for (uint32_t i = 0; i < 64 * 3000; i++)
        if (sampler_pick(&sampler, 2 * SAMPLER_WINDOW_US))
            kind[i % 3]++;
    cr_assert(kind[0] == 1000 && kind[1] == 1000 && kind[2] == 1000, "%u %u %u", kind[0], kind[1],
              kind[2]);
}

Test(sampler_pick, takes_every_event_again_after_a_quiet_time)
{
    struct sampler sampler = {0};
    picked(&sampler, 100000, SAMPLER_WINDOW_US);
    picked(&sampler, 1, 2 * SAMPLER_WINDOW_US);
    cr_assert_eq(picked(&sampler, 5, 90 * SAMPLER_WINDOW_US), 5);
}
