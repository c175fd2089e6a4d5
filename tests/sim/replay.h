/* replay: a crash, the same every time from its seed: many accounts at mixed leverage, makers who
 * requote and thin out, bidders in the auctions; spot falls by 40 % while volatilities rise; then
 * it is calm until the last liquidation has ended. */
#ifndef TENOR_SIM_REPLAY_H
#define TENOR_SIM_REPLAY_H

#include "sim.h"

struct replay_options {
    uint32_t accounts;
    uint32_t blocks; /* of the fall */
    uint32_t
        depth; /* of the makers' books: a maker shows 300 or 40 (options) times this, in lots */
    uint32_t impact_ppm; /* how far a million dollars bought or sold by slices moves spot */
    uint64_t seed;
    bool caps_off; /* slice caps at their maximum */
};

struct replay_result {
    struct sim_stats stats;
    uint64_t digest;
    uint64_t judged; /* accounts whose MM was worked out anew at a MARK */
    uint32_t traders, calm_blocks;
    uint32_t ruined;                         /* traders that ended with nothing */
    tn_micros traders_before, traders_after; /* Σ E */
};

/* Exits with a message when a promise is broken: an account skipped by a sweep, cash that does not
 * sum to zero, a liquidation that does not end. */
void replay_run(struct replay_result *result, const struct replay_options *options);

#endif
