/* whatif/internal: what the files of this module share. */
#ifndef TENOR_WHATIF_INTERNAL_H
#define TENOR_WHATIF_INTERNAL_H

#include "tenor/whatif.h"

/* Where everything lies in the caller's memory. */
struct tn_whatif_work {
    struct tn_shocks shocks;
    struct tn_margin_market market;
    struct tn_margin_account account;
    int64_t (*rows)[TN_ROW_COLUMNS];
    struct tn_price_mark *marks;
    struct tn_margin_series *series;
    struct tn_margin_expiry *expiries; /* a perpetual's slot, then its expiries, by underlying */
    struct tn_margin_underlying *underlyings;
    struct tn_holding *holdings;
    struct tn_holding *bare;        /* the same without orders */
    struct tn_margin_order *orders; /* in the order of the holdings, as margin walks them */
    struct tn_margin_detail *details;
    struct tn_margin_detail *alone; /* of one expiry at a time */
    struct tn_whatif_expiry_detail *expiry_details;
};

/* tn_whatif_fault_find looks for the first input that is out of its bounds, before anything is
 * computed. */
bool tn_whatif_fault_find(struct tn_whatif_fault *fault, const struct tn_whatif *input);

#endif
