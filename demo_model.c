#include "demo_model.h"

#include "actors/book/money.h"
#include "runtime/check.h"
#include "runtime/hash.h"

/* BTCUSDT moves about 1.8 % in a day and ETHBTC half of that, and both are pulled back so that they
 * stay within some 5 % of the usual price for all but a day in a month. */
enum {
    PPB = 1000000000,
    BTC_SIGMA_PPB = 60000, /* of a second */
    RATIO_SIGMA_PPB = 30000,
    PULL_PPB = 3000,      /* of the deviation, in a second */
    FAR_PPB = 400000000,  /* no further than this */
    GAUSS_ONE = 65536,    /* sigma of gauss() */
    MOOD_USUAL = 1000000, /* ppm */
    MOOD_MIN = 400000,
    MOOD_MAX = 2500000,
    MOOD_SIGMA = 20000, /* of a second */
    MOOD_PULL_PPM = 1000,
    SIZE_TAIL = 3000, /* of 65,536: the largest taker takes 22 times the smallest, the mean is 3 */
};

const struct demo_market demo_markets[DEMO_SYMBOLS] = {
    [DEMO_BTCUSDT] = {"BTCUSDT", 1000000, 1000, INT64_C(6000000000000), 500, 150, 400},
    [DEMO_ETHUSDT] = {"ETHUSDT", 1000000, 10000, INT64_C(300000000000), 30, 9, 800},
    [DEMO_ETHBTC] = {"ETHBTC", 1000, 10000, INT64_C(5000000), 1, 0, 600},
};

/* ---- chance ---- */

/* splitmix64: any seed is a good one. */
static uint64_t draw(struct demo_model *model)
{
    return hash_mix(model->random += UINT64_C(0x9e3779b97f4a7c15));
}

uint32_t demo_model_draw(struct demo_model *model, uint32_t below)
{
    ASSERT(below > 0);
    return (uint32_t)((draw(model) >> 32) * below >> 32);
}

/* Twelve evenly distributed numbers of 16 bits have a sum of sigma 65,536. */
static int64_t gauss(struct demo_model *model)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < 3; i++)
        for (uint64_t bits = draw(model), part = 0; part < 4; part++, bits >>= 16)
            sum += (int64_t)(bits & 0xFFFF);
    return (2 * sum - 12 * 65535) / 2;
}

/* ---- prices ---- */

static uint32_t root(uint64_t square)
{
    uint64_t low = 0, high = UINT32_MAX;
    while (low < high) {
        uint64_t middle = (low + high + 1) / 2;
        if (middle * middle <= square)
            low = middle;
        else
            high = middle - 1;
    }
    return (uint32_t)low;
}

void demo_model_init(struct demo_model *model, uint64_t seed, uint32_t step_ms)
{
    ASSERT(step_ms >= 1 && step_ms <= 60000);
    *model = (struct demo_model){.random = seed,
                                 .step_ms = step_ms,
                                 .step_root = root((uint64_t)step_ms * 1000000000),
                                 .mood_ppm = MOOD_USUAL};
}

static int64_t within(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static int64_t deviation(int64_t atoms, int64_t usual_atoms)
{
    return within((int64_t)((__int128)(atoms - usual_atoms) * PPB / usual_atoms), -FAR_PPB,
                  FAR_PPB);
}

void demo_model_start_at(struct demo_model *model, int64_t btcusdt_atoms, int64_t ethbtc_atoms)
{
    model->btc_ppb = deviation(btcusdt_atoms, demo_markets[DEMO_BTCUSDT].usual_atoms);
    model->ratio_ppb = deviation(ethbtc_atoms, demo_markets[DEMO_ETHBTC].usual_atoms);
}

/* What of sigma, given for a second, chance makes in one step. */
static int64_t shock(struct demo_model *model, int64_t sigma)
{
    return (int64_t)((__int128)gauss(model) * sigma * model->step_root / GAUSS_ONE / 1000000);
}

void demo_model_step(struct demo_model *model)
{
    int64_t *const wander[] = {&model->btc_ppb, &model->ratio_ppb};
    const int64_t sigma[] = {BTC_SIGMA_PPB, RATIO_SIGMA_PPB};
    int64_t mood = model->mood_ppm;
    mood += shock(model, MOOD_SIGMA);
    mood -= (mood - MOOD_USUAL) * model->step_ms * MOOD_PULL_PPM / 1000000000;
    model->mood_ppm = within(mood, MOOD_MIN, MOOD_MAX);
    for (uint32_t i = 0; i < 2; i++) {
        int64_t ppb = *wander[i], pull = ppb * model->step_ms * PULL_PPB / 1000 / PPB;
        ppb += shock(model, sigma[i] * model->mood_ppm / MOOD_USUAL) - pull;
        *wander[i] = within(ppb, -FAR_PPB, FAR_PPB);
    }
}

int64_t demo_model_fair(const struct demo_model *model, enum demo_symbol symbol)
{
    const int64_t btc = demo_markets[DEMO_BTCUSDT].usual_atoms;
    const int64_t ratio = demo_markets[DEMO_ETHBTC].usual_atoms;
    int64_t btc_atoms = btc + (int64_t)((__int128)btc * model->btc_ppb / PPB);
    int64_t ratio_atoms = ratio + (int64_t)((__int128)ratio * model->ratio_ppb / PPB);
    if (symbol == DEMO_BTCUSDT)
        return btc_atoms;
    if (symbol == DEMO_ETHBTC)
        return ratio_atoms;
    return (int64_t)((__int128)btc_atoms * ratio_atoms / MONEY_ATOMS_PER_UNIT);
}

/* ---- quotes ---- */

/* Prices lie in cells one gap wide. Each cell has its own place for a bid, below its beginning, and
 * for an ask, from there on: so quotes look as if somebody had chosen them, and stay while the fair
 * price stays in its cell. */
struct demo_quote demo_model_quote(const struct demo_model *model, enum demo_symbol symbol,
                                   enum book_side side, uint32_t level)
{
    const struct demo_market *market = &demo_markets[symbol];
    int64_t gap = market->gap_ticks,
            fair_ticks = demo_model_fair(model, symbol) / market->tick_atoms;
    int64_t cell = side == SIDE_BUY ? (fair_ticks - market->half_ticks) / gap - level
                                    : (fair_ticks + market->half_ticks) / gap + 1 + level;
    ASSERT(level < DEMO_LEVELS && cell > 0);
    uint64_t own = hash_mix((uint64_t)cell * 2 + side);
    int64_t aside = (int64_t)(own % (uint64_t)gap);
    int64_t percent = 50 + (int64_t)((own >> 32) % 100); /* deeper levels hold more */
    return (struct demo_quote){
        .price_ticks = cell * gap + (side == SIDE_BUY ? -aside : aside),
        .qty_lots = market->usual_lots * (4 + 2 * level) * percent / 100,
    };
}

/* ---- takers ---- */

bool demo_model_taker(struct demo_model *model, enum demo_symbol symbol, uint32_t per_hour,
                      struct demo_taker *taker)
{
    /* in millionths of a step; it is livelier when prices are */
    uint64_t chance = (uint64_t)per_hour * model->step_ms * (uint64_t)model->mood_ppm / 3600000;
    if (demo_model_draw(model, 1000000) >= chance)
        return false;
    int64_t tail = SIZE_TAIL + demo_model_draw(model, 65536 - SIZE_TAIL);
    taker->qty_lots = demo_markets[symbol].usual_lots * 65536 / tail;
    taker->side = demo_model_draw(model, 2) ? SIDE_BUY : SIDE_SELL;
    return true;
}
