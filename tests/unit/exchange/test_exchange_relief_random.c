/* What a command is short of is worked out of kept sums, with the relief of groups that have a
 * limit. Whoever pays in just that, and a little more, has just that little left when it is sent
 * again: as the account is then worked out from nothing, with the quotes standing in their groups,
 * the two ways agree to the micro. After every entry tn_exchange_check compares them besides. */
#include "margin_case.h"
#include "seed.h"

enum { PHASES = 24, COMMANDS = 60, GROUPS = 3, SERIES = 4 };

static uint64_t random_state;
static uint32_t short_count, short_with_groups_count;

static int64_t between(int64_t least, int64_t most)
{
    return least + (int64_t)tn_random_below(&random_state, (uint64_t)(most - least + 1));
}

static uint64_t any_series(void)
{
    const uint64_t series[SERIES] = {market.call, market.put, market.call_high, market.perp};
    return series[between(0, SERIES - 1)];
}

/* So many percent of the mark, where an order may stand. Own bids are never above own asks. */
static tn_ticks near_mark(uint64_t series, int64_t least_percent, int64_t most_percent)
{
    tn_ticks ticks = mark_of(series) / TICK * between(least_percent, most_percent) / 100;
    return ticks < 20 ? 20 : ticks - ticks % 10;
}

static struct tn_command any_order(void)
{
    uint64_t series = any_series();
    if (between(0, 1) == 0) return limit(BUY, series, near_mark(series, 50, 95), between(1, 40));
    return limit(SELL, series, near_mark(series, 105, 150), between(1, 40));
}

/* The quotes stay here. Some are in a group without a quantity limit, or in none. */
static struct tn_command any_quotes(bool *has_limit)
{
    static struct tn_quote quotes[2];
    uint8_t group = (uint8_t)between(0, GROUPS);
    uint32_t count = (uint32_t)between(1, 2);
    quotes[0].series_id = between(0, 1) == 0 ? market.call : market.call_high;
    quotes[1].series_id = between(0, 1) == 0 ? market.put : market.perp;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t series = quotes[i].series_id;
        quotes[i].bid_price = near_mark(series, 50, 95);
        quotes[i].ask_price = near_mark(series, 105, 150);
        quotes[i].bid_quantity = between(0, 9) == 0 ? TN_QUOTE_KEEP : between(0, 300);
        quotes[i].ask_quantity = between(0, 9) == 0 ? TN_QUOTE_KEEP : between(0, 300);
    }
    *has_limit = group == 1 || group == 2;
    return mass_quote(quotes, count, group);
}

/* Sends a command; what it is short of is made good, and it is sent again. */
static void try_it(struct tn_command command, bool has_limit)
{
    const struct tn_event *result = send(ALICE, command);
    if (result->reject != TN_REJECT_MARGIN_SHORT) return;
    tn_micros left = between(0, 3), missing = result->money;
    short_count++;
    short_with_groups_count += has_limit;
    apply_passing(deposit_entry(ALICE, 0, missing + left));
    result = send(ALICE, command);
    assert_int_not_equal(result->reject, TN_REJECT_MARGIN_SHORT);
    if (result->reject == TN_REJECT_NONE) assert_int_equal(m_of(ALICE), left);
}

/* Nothing stands, a MARK comes, positions change hands, and not much cash is left. */
static void start_phase(void)
{
    pass(ALICE, mass_cancel((struct tn_mass_cancel){0}));
    pass(BOB, mass_cancel((struct tn_mass_cancel){0}));
    while (tn_exchange_work(market.exchange))
        sweep(EVERYTHING);
    mark_at(SPOT + between(-1500, 1500) * DOLLAR);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t series = any_series();
        tn_ticks price = near_mark(series, 100, 100);
        enum tn_side side = between(0, 1) == 0 ? BUY : SELL;
        send(BOB, limit(side == BUY ? SELL : BUY, series, price, between(1, 30)));
        send(ALICE, ioc(limit(side, series, price, 30)));
    }
    pass(BOB, mass_cancel((struct tn_mass_cancel){0}));
    pass(ALICE, protection(1, between(1, 200), 0, 1000, 0));
    pass(ALICE, protection(2, between(1, 20), 0, 1000, 0));
    pass(ALICE, protection(3, 0, 5, 1000, 0));
    tn_micros free = m_of(ALICE) - between(10, 3000) * DOLLAR;
    if (free > 0) send(ALICE, withdraw(0, free));
}

static void test_exchange_margin_of_limited_groups_beside_many_orders_is_exact(void **state)
{
    (void)state;
    random_state = test_seed("test_exchange_relief_random");
    apply_passing(list_entry(market.call_high));
    mark_at(SPOT);
    for (uint32_t phase = 0; phase < PHASES; phase++) {
        start_phase();
        for (uint32_t i = 0; i < COMMANDS; i++) {
            bool has_limit = false;
            struct tn_command command = any_order();
            if (between(0, 2) == 0) command = any_quotes(&has_limit);
            try_it(command, has_limit);
        }
    }
    assert_true(short_count > 60 && short_with_groups_count > 5); /* it was tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_margin_of_limited_groups_beside_many_orders_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
