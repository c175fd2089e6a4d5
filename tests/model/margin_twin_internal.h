/* What the parts of the margin twin share. Quantities are by series; values in micros. */
#ifndef MARGIN_TWIN_INTERNAL_H
#define MARGIN_TWIN_INTERNAL_H

#include "margin_twin.h"

bool margin_twin_is_option(const struct margin_twin_market *market, uint32_t series);
long double margin_twin_value(const struct margin_twin_market *market,
                              const long double *quantities, uint32_t expiry, uint32_t column);
long double margin_twin_futures(const struct margin_twin_market *market,
                                const long double *quantities, uint32_t expiry, uint32_t column);
long double margin_twin_asset_value(const struct margin_twin_market *market,
                                    const struct margin_twin_account *account, uint32_t asset);
long double margin_twin_linear(const struct margin_twin_market *market,
                               const struct margin_twin_account *account,
                               enum margin_twin_level level, uint32_t underlying, uint32_t k);
void margin_twin_contingency(struct margin_twin_detail *detail,
                             const struct margin_twin_market *market, const long double *sizes,
                             const long double *shorts, uint32_t underlying);
long double margin_twin_haircuts(const struct margin_twin_market *market,
                                 const struct margin_twin_account *account,
                                 enum margin_twin_level level);
void margin_twin_equity(struct margin_twin_balances *balances,
                        const struct margin_twin_market *market,
                        const struct margin_twin_account *account);

#endif
