/* The demo: what the listing rules would list today, by the names makers know. */
#include <stdio.h>

#include "tenor/product.h"

int main(void)
{
    static const char symbols[1][TN_SYMBOL_SIZE] = {"BTC"};
    const struct tn_listing_rules rules = {.dailies = 2,
                                           .weeklies = 3,
                                           .monthlies = 3,
                                           .quarterlies = 3,
                                           .delta_low_ppb = 100000000,
                                           .delta_high_ppb = 900000000,
                                           .strike_step_ppm = 20000};
    const int64_t now_ms = INT64_C(1795000000000);
    uint16_t days[TN_LISTING_EXPIRIES_MAX];
    uint32_t count = tn_listing_expiries(days, &rules, now_ms);
    uint64_t step = tn_listing_strike_step(&rules, INT64_C(100000000000));
    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t strike = 45 * step; strike <= 55 * step; strike += 5 * step) {
            struct tn_series_terms terms = {1, TN_CALL, days[i], strike};
            char name[TN_SERIES_NAME_SIZE];
            uint64_t id;
            if (!tn_series_pack(&id, &terms)) return 1;
            if (!tn_series_name_format(name, id, symbols, 1)) return 1;
            printf("%016llx  %s\n", (unsigned long long)id, name);
        }
    }
    return 0;
}
