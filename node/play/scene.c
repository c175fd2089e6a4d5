/* scene: which series are listed, whoever governs, and what feeders say: of bitcoin, with options
 * of two expiries on strikes around the money. */
#include "play/bitcoin.h"
#include "play/play.h"

#include "tenor/risk.h"

/* Strikes by turns above and below the money, calls and puts, near expiry and far. */
void play_scene(struct play *play)
{
    uint16_t today = (uint16_t)((play->unix_ms - TN_EPOCH_2020_MS) / TN_MS_PER_DAY);
    play->spot = BITCOIN_SPOT;
    play->days[0] = (uint16_t)(today + 2);
    play->days[1] = (uint16_t)(today + 3);
    play->series_count = 0;
    play->series[play->series_count++] = bitcoin_series(TN_PERPETUAL, 0, 0);
    for (uint32_t i = 0; play->series_count < play->options.series; i++) {
        uint64_t steps = i / 4;
        uint64_t strike = steps % 2 == 0 ? 100000 + steps / 2 * 1000 : 99000 - steps / 2 * 1000;
        play->series[play->series_count++] =
            bitcoin_series(i % 2 == 0 ? TN_CALL : TN_PUT, play->days[i / 2 % 2], strike);
    }
}

void play_set_market(struct play *play)
{
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_risk risk;
    uint32_t scenarios_count;
    tn_risk_default(&risk, scenarios, &scenarios_count);
    play_govern(play,
                &(struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = bitcoin_terms()});
    for (uint32_t i = 0; i < play->feeders_count; i++) {
        play_govern(play,
                    &(struct tn_entry){.kind = TN_ENTRY_FEEDER,
                                       .as.feeder = {.signer = (uint16_t)(i + 1), .active = 1}});
    }
    play_govern(play, &(struct tn_entry){.kind = TN_ENTRY_RISK,
                                         .as.risk = {.height = play->height + 64,
                                                     .risk = &risk,
                                                     .scenarios = scenarios,
                                                     .scenarios_count = scenarios_count}});
    for (uint32_t i = 0; i < play->series_count; i++) {
        play_govern(
            play, &(struct tn_entry){.kind = TN_ENTRY_LIST, .as.list.series_id = play->series[i]});
    }
}

/* ---- Feeds -------------------------------------------------------------------------------------
 */

static void feed_one(struct play *play, uint32_t feeder, enum tn_feed feed, uint32_t expiry)
{
    struct tn_report report =
        bitcoin_report(feeder, feed, play->days[expiry], play->spot, play->unix_ms);
    report.sequence = ++play->report_sequence;
    play_report(play, feeder, &report);
}

void play_feed(struct play *play)
{
    play->spot = bitcoin_move(play->spot, (int64_t)(play_random(play) % 41) - 20);
    for (uint32_t i = 0; i < play->feeders_count; i++) {
        feed_one(play, i, TN_FEED_SPOT, 0);
        for (uint32_t k = 0; k < PLAY_EXPIRIES; k++) {
            feed_one(play, i, TN_FEED_FORWARD, k);
            feed_one(play, i, TN_FEED_VOL, k);
        }
    }
}

tn_ticks play_fair(const struct play *play, uint32_t series)
{
    return bitcoin_fair(play->series[series], play->spot, play->unix_ms);
}
