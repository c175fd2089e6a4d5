/* collateral: assets besides cash. Their value counts rounded down, their haircuts are of the value
 * rounded up; one that moves with an underlying lowers its risk or adds to it. */
#include "margin/internal.h"

void tn_margin_take_collateral(struct tn_margin_collateral *collateral,
                               const struct tn_margin_market *market,
                               const struct tn_margin_account *account)
{
    TN_ASSERT(market->assets_count <= TN_MARGIN_ASSETS_MAX);
    collateral->value = collateral->mm = collateral->im = 0;
    collateral->is_any = false;
    for (uint32_t a = 1; a < market->assets_count; a++) {
        int64_t balance = account->balances[a], price = market->assets[a].price_micros;
        tn_micros mm, im;
        TN_ASSERT(balance >= 0 && price >= 0);
        collateral->floors[a] = collateral->ceilings[a] = 0;
        if (balance == 0) continue;
        collateral->is_any = true;
        collateral->floors[a] = tn_ppm_floor(balance, price);
        collateral->ceilings[a] = tn_ppm_ceil(balance, price);
        tn_margin_haircut(&mm, &im, market, a, collateral->ceilings[a]);
        collateral->value += collateral->floors[a];
        collateral->mm += mm;
        collateral->im += im;
    }
}

bool tn_margin_collateral_moves(const struct tn_margin_collateral *collateral,
                                const struct tn_margin_market *market, uint32_t underlying)
{
    if (!collateral->is_any) return false;
    for (uint32_t a = 1; a < market->assets_count; a++)
        if (market->assets[a].underlying == underlying && collateral->ceilings[a] > 0) return true;
    return false;
}

/* Of a loss the value counts rounded up, of a gain rounded down. */
void tn_margin_move_collateral(int64_t linear[TN_ROW_COLUMNS],
                               const struct tn_margin_collateral *collateral,
                               const struct tn_margin_market *market, uint32_t underlying)
{
    for (uint32_t a = 1; a < market->assets_count; a++) {
        if (market->assets[a].underlying != underlying || collateral->ceilings[a] == 0) continue;
        for (uint32_t k = 0; k < market->shocks->scenarios_count; k++) {
            int64_t move_ppm = market->shocks->scenarios[k].move_ppm;
            tn_micros value = move_ppm < 0 ? collateral->ceilings[a] : collateral->floors[a];
            linear[k] += tn_ppm_floor(value, move_ppm);
        }
    }
}
