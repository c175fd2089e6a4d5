/* walk: a market that nobody trades: a price that diffuses, jumps now and then, and changes its
 * mood; a volatility that follows the mood.
 *
 * Integers only, so a seed and its steps give the same prices everywhere. The normal draw is a sum
 * of twelve uniform ones. Each surface is one shape scaled to the time left, so that no expiry ever
 * has less total variance than a nearer one. */
#include "feed/feed.h"

enum { PPM = 1000000 };
#define YEAR_MS (INT64_C(365) * TN_MS_PER_DAY)

static const struct regime {
    int64_t vol_ppm;       /* of the diffusion, a year */
    int64_t implied_ppm;   /* where the quoted volatility goes */
    int64_t jumps_an_hour; /* in thousandths */
    int64_t jump_ppm;      /* the largest */
    int64_t mean_ms;       /* how long it lasts */
} regimes[] = {
    [FEED_CALM] = {300000, 420000, 100, 3000, 1800000},
    [FEED_BUSY] = {550000, 600000, 2000, 8000, 600000},
    [FEED_WILD] = {1100000, 950000, 20000, 20000, 120000},
};

static int64_t root_floor(tn_u128 of)
{
    tn_u128 low = 0, high = (tn_u128)1 << 62;
    while (low + 1 < high) {
        tn_u128 middle = (low + high) / 2;
        if (middle * middle <= of)
            low = middle;
        else
            high = middle;
    }
    return (int64_t)low;
}

/* About normal, with a deviation of 10^6. */
static int64_t normal_ppm(struct feed_walk *walk)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < 12; i++)
        sum += (int64_t)tn_random_below(&walk->random, PPM);
    return sum - 6 * (int64_t)PPM;
}

static void enter(struct feed_walk *walk, enum feed_regime regime)
{
    walk->regime = (uint8_t)regime;
    walk->left_ms = regimes[regime].mean_ms / 2 +
                    (int64_t)tn_random_below(&walk->random, (uint64_t)regimes[regime].mean_ms);
}

void feed_walk_begin(struct feed_walk *walk, tn_micros spot_micros, uint64_t seed)
{
    *walk = (struct feed_walk){.random = seed,
                               .spot_micros = spot_micros,
                               .first_micros = spot_micros,
                               .vol_ppm = regimes[FEED_BUSY].implied_ppm};
    enter(walk, FEED_BUSY);
}

static void move(struct feed_walk *walk, int64_t by_ppb)
{
    tn_micros moved = walk->spot_micros + tn_mul_div_floor(walk->spot_micros, by_ppb, 1000000000);
    /* A play that runs for weeks stays in a world where its contracts make sense. */
    tn_micros least = walk->first_micros / 4, most = walk->first_micros * 4;
    walk->spot_micros = moved < least ? least : moved > most ? most : moved;
}

void feed_walk_step(struct feed_walk *walk, int64_t elapsed_ms)
{
    if (elapsed_ms < 1) return;
    walk->left_ms -= elapsed_ms;
    if (walk->left_ms <= 0) {
        /* From busy to either side; from either side back. */
        enum feed_regime next = walk->regime != FEED_BUSY                ? FEED_BUSY
                                : tn_random_below(&walk->random, 3) == 0 ? FEED_WILD
                                                                         : FEED_CALM;
        enter(walk, next);
    }
    const struct regime *regime = &regimes[walk->regime];
    /* σ √(elapsed ÷ year), in ppb */
    int64_t root_ppm = root_floor((tn_u128)elapsed_ms * PPM * PPM / YEAR_MS);
    int64_t deviation_ppb = regime->vol_ppm * root_ppm / 1000;
    move(walk, tn_mul_div_floor(deviation_ppb, normal_ppm(walk), PPM));
    uint64_t chance = (uint64_t)(regime->jumps_an_hour * elapsed_ms); /* of 3.6 · 10^9 */
    if (tn_random_below(&walk->random, UINT64_C(3600000000)) < chance) {
        int64_t most = 2 * regime->jump_ppm;
        int64_t jump_ppm = (int64_t)tn_random_below(&walk->random, (uint64_t)most) - most / 2;
        move(walk, jump_ppm * 1000);
        walk->jumps++;
        walk->vol_ppm += (jump_ppm < 0 ? -jump_ppm : jump_ppm) * 2;
    }
    /* The quoted volatility goes to that of the mood within some minutes. */
    int64_t part = elapsed_ms < 300000 ? elapsed_ms : 300000;
    walk->vol_ppm += (regime->implied_ppm - walk->vol_ppm) * part / 300000;
}

tn_micros feed_walk_forward(const struct feed_walk *walk, int64_t left_ms)
{
    int64_t carry_ppb = tn_mul_div_floor(FEED_RATE_PPB, left_ms, YEAR_MS);
    return walk->spot_micros + tn_mul_div_floor(walk->spot_micros, carry_ppb, 1000000000);
}

void feed_walk_surface(struct tn_surface *surface, const struct feed_walk *walk, int64_t left_ms)
{
    /* At the money: a + b · sigma = w; puts dearer than calls. With sigma = √w the whole curve
     * rises with w, and so with the time left, at every strike. */
    int64_t variance_e12 = tn_mul_div_floor(walk->vol_ppm * walk->vol_ppm, left_ms, YEAR_MS);
    if (variance_e12 < 1000000) variance_e12 = 1000000;
    int64_t root_e12 = tn_surface_root_e12(variance_e12);
    *surface = (struct tn_surface){.a_e12 = variance_e12 * 6 / 10,
                                   .b_e12 = root_e12 * 4 / 10,
                                   .rho_e12 = INT64_C(-250000000000),
                                   .sigma_e12 = root_e12,
                                   .forward_micros = feed_walk_forward(walk, left_ms),
                                   .tau_ms = left_ms};
}
