/* sums: what positions and orders of one expiry add up to, column by column.
 *
 * All of it is addition of whole numbers: a position adds its lots times its row, an order adds its
 * own term to each number it can lower. So sums do not depend on the order of changes, and what was
 * added can be taken away again. Evaluation builds them and throws them away; the hot path keeps
 * them. What they mean is in orders.c and portfolio.c. */
#include "margin/internal.h"

#include <string.h>

static tn_micros min_of(tn_micros a, tn_micros b)
{
    return a < b ? a : b;
}

void tn_margin_sums_start_terms(struct tn_margin_sums *sums)
{
    memset(sums->low, 0, sizeof sums->low);
    memset(sums->high, 0, sizeof sums->high);
    memset(sums->back_low, 0, sizeof sums->back_low);
    memset(sums->back_high, 0, sizeof sums->back_high);
    sums->zero_terms = sums->up_terms = sums->down_terms = 0;
}

void tn_margin_sums_start(struct tn_margin_sums *sums, uint32_t expiry)
{
    memset(sums, 0, sizeof *sums);
    sums->expiry = expiry;
}

void tn_margin_sums_position(struct tn_margin_sums *sums, const struct tn_margin_market *market,
                             uint32_t series, tn_lots change)
{
    TN_ASSERT(series < market->series_count && market->series[series].expiry == sums->expiry);
    const struct tn_holding holding = {.series = series, .quantity = change};
    const int64_t *row = market->rows[series];
    bool is_linear = tn_margin_is_linear(&market->series[series]);
    tn_margin_path_of(market->cpu)
        ->add(is_linear ? sums->linear : sums->value, market->rows, &holding, 1, false);
    sums->up += change * (row[TN_COLUMN_UP] - row[TN_COLUMN_MARK]);
    sums->down += change * (row[TN_COLUMN_DOWN] - row[TN_COLUMN_MARK]);
    if (is_linear) sums->has_linear = true;
}

tn_micros tn_margin_order_gain(const struct tn_margin_market *market,
                               const struct tn_margin_order *order)
{
    TN_ASSERT(order->series < market->series_count && order->fee_micros >= 0);
    tn_micros mark = market->rows[order->series][TN_COLUMN_MARK];
    return order->quantity * (mark - order->price_micros) - order->fee_micros;
}

/* Linear value has no discount, so an order on it does the same whatever c is. */
static void add_linear(struct tn_margin_sums *sums, const struct tn_margin_path *path,
                       const int64_t *row, tn_lots quantity, tn_micros gain, bool is_added,
                       const struct tn_margin_weights *weights)
{
    int64_t change[TN_ROW_COLUMNS], terms[TN_ROW_COLUMNS] = {0};
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
        change[k] = quantity * (row[k] - row[TN_COLUMN_MARK]);
    path->linear(terms, change, weights);
    for (uint32_t k = 0; k < weights->scenarios_count; k++) {
        tn_micros term = min_of(0, terms[k] + gain);
        if (!is_added) term = -term;
        sums->low[k] += term;
        sums->high[k] += term;
        sums->back_low[k] += term;
        sums->back_high[k] += term;
    }
}

/* In skew scenarios the opposite of the change counts, too. */
static void add_back_terms(struct tn_margin_sums *sums, const int64_t *row, tn_lots quantity,
                           tn_micros gain, bool is_added, const struct tn_margin_weights *weights)
{
    tn_micros mark = quantity * row[TN_COLUMN_MARK];
    for (uint64_t left = weights->skews; left != 0; left &= left - 1) {
        uint32_t k = (uint32_t)__builtin_ctzll(left);
        tn_micros value = quantity * row[k];
        tn_micros low =
            min_of(0, tn_margin_weigh_back(weights->low[k], value, weights->flat[k], mark) + gain);
        tn_micros high =
            min_of(0, tn_margin_weigh_back(weights->high[k], value, weights->flat[k], mark) + gain);
        sums->back_low[k] += is_added ? low : -low;
        sums->back_high[k] += is_added ? high : -high;
    }
}

static void add_basis_terms(struct tn_margin_sums *sums, const int64_t *row, tn_lots quantity,
                            tn_micros gain, bool is_added, int64_t weight)
{
    tn_micros up = quantity * (row[TN_COLUMN_UP] - row[TN_COLUMN_MARK]);
    tn_micros down = quantity * (row[TN_COLUMN_DOWN] - row[TN_COLUMN_MARK]);
    tn_micros sign = is_added ? 1 : -1;
    sums->zero_terms += sign * min_of(0, gain);
    sums->up_terms += sign * min_of(0, tn_margin_weigh(weight, up, 0, 0) + gain);
    sums->down_terms += sign * min_of(0, tn_margin_weigh(weight, down, 0, 0) + gain);
}

void tn_margin_sums_order(struct tn_margin_sums *sums, const struct tn_margin_market *market,
                          const struct tn_margin_order *order, bool is_added)
{
    TN_ASSERT(order->series < market->series_count);
    TN_ASSERT(market->series[order->series].expiry == sums->expiry);
    TN_ASSERT(is_added || sums->orders_count > 0);
    const struct tn_margin_path *path = tn_margin_path_of(market->cpu);
    const struct tn_margin_weights *weights = &market->expiries[sums->expiry].im;
    const int64_t *row = market->rows[order->series];
    tn_lots quantity = order->quantity;
    tn_micros gain = tn_margin_order_gain(market, order);
    if (tn_margin_is_linear(&market->series[order->series])) {
        add_linear(sums, path, row, quantity, gain, is_added, weights);
    } else {
        path->order(sums->low, sums->high, row, quantity, gain, is_added, weights);
        add_back_terms(sums, row, quantity, gain, is_added, weights);
    }
    add_basis_terms(sums, row, quantity, gain, is_added, weights->flat[TN_COLUMN_UP]);
    sums->orders_count += is_added ? 1 : UINT32_MAX;
}
