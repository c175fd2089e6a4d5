/* Under standard margin an account has so many open orders and no more (docs/specs/risk.md, "Orders
 * and admission"): each of its commands costs what all of them do. */
#include "margin_case.h"
#include "tenor/export.h"

enum { MOST = 4 };

/* Alice is on standard margin, where so many are the most, and has all but so many. */
static void have_all_but(uint32_t left)
{
    struct tn_risk risk = usual_risk();
    risk.standard_orders_max = MOST;
    set_risk(&risk);
    pass(ALICE, model(TN_MARGIN_STANDARD));
    for (uint32_t i = left; i < MOST; i++)
        place(ALICE, limit(BUY, market.perp, 90000 - i, 1));
}

static uint32_t orders_of(uint32_t account)
{
    return account_view(account).orders_count;
}

static void test_exchange_standard_orders_end_where_the_parameter_says(void **state)
{
    (void)state;
    have_all_but(1);
    uint64_t last = place(ALICE, limit(BUY, market.perp, 80000, 1));
    refuse(ALICE, limit(BUY, market.perp, 80000, 1), TN_REJECT_STANDARD_ORDERS_FULL);
    refuse(ALICE, stop_at(limit(BUY, market.perp, 105000, 1), 104000),
           TN_REJECT_STANDARD_ORDERS_FULL);
    place(BOB, limit(BUY, market.perp, 80000, 1)); /* portfolio margin knows no such end */
    pass(ALICE, cancel(last));
    place(ALICE, limit(BUY, market.perp, 80000, 1));
}

static void test_exchange_standard_orders_that_do_not_rest_pass_at_the_maximum(void **state)
{
    (void)state;
    have_all_but(0);
    place(BOB, limit(SELL, market.perp, 100000, 3));
    assert_int_equal(pass(ALICE, ioc(limit(BUY, market.perp, 100000, 1)))->quantity, 1);
    assert_int_equal(pass(ALICE, at_market(BUY, market.perp, 0, 1))->quantity, 1);
    assert_int_equal(orders_of(ALICE), MOST);
}

static void test_exchange_standard_orders_may_be_replaced_at_the_maximum(void **state)
{
    (void)state;
    have_all_but(1);
    uint64_t last = place(ALICE, limit(BUY, market.perp, 80000, 1));
    pass(ALICE, replace(last, 81000, 2));
    assert_int_equal(orders_of(ALICE), MOST);
}

static void test_exchange_standard_orders_count_stops_and_both_of_a_pair(void **state)
{
    (void)state;
    have_all_but(2);
    struct tn_command stop = stop_at(limit(BUY, market.perp, 105000, 1), 104000);
    place(ALICE, stop);
    refuse(ALICE, oco(limit(BUY, market.perp, 80000, 1), stop), TN_REJECT_STANDARD_ORDERS_FULL);
    place(ALICE, stop);
    refuse(ALICE, stop, TN_REJECT_STANDARD_ORDERS_FULL);
}

static void test_exchange_standard_orders_take_as_many_sides_of_quotes_as_have_room(void **state)
{
    (void)state;
    have_all_but(1);
    tn_ticks price = price_at_mark(market.call);
    struct tn_quote quote = two_sided(market.call, price - 100, 1, price + 100, 1);
    pass(ALICE, mass_quote(&quote, 1, 0));
    assert_int_equal(market.events[0].reject, TN_REJECT_NONE);
    assert_int_equal(market.events[1].reject, TN_REJECT_STANDARD_ORDERS_FULL);
    assert_int_equal(orders_of(ALICE), MOST);
    quote.ask_quantity = TN_QUOTE_KEEP; /* what stands may move */
    quote.bid_price -= 10;
    pass(ALICE, mass_quote(&quote, 1, 0));
    assert_int_equal(market.events[0].reject, TN_REJECT_NONE);
}

static void test_exchange_standard_model_is_refused_with_more_orders_than_it_may_have(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.standard_orders_max = MOST;
    set_risk(&risk);
    uint64_t last = 0;
    for (uint32_t i = 0; i <= MOST; i++)
        last = place(ALICE, limit(BUY, market.perp, 90000 - i, 1));
    refuse(ALICE, model(TN_MARGIN_STANDARD), TN_REJECT_STANDARD_ORDERS_FULL);
    assert_int_equal(risk_of(ALICE).model, TN_MARGIN_PORTFOLIO);
    pass(ALICE, cancel(last));
    pass(ALICE, model(TN_MARGIN_STANDARD));
}

static void test_exchange_standard_orders_stay_when_the_maximum_falls(void **state)
{
    (void)state;
    have_all_but(0);
    struct tn_risk risk = usual_risk();
    risk.standard_orders_max = 2;
    set_risk(&risk);
    assert_int_equal(orders_of(ALICE), MOST);
    refuse(ALICE, limit(BUY, market.perp, 80000, 1), TN_REJECT_STANDARD_ORDERS_FULL);
    pass(ALICE, model(TN_MARGIN_STANDARD)); /* which it has */
    pass(ALICE, model(TN_MARGIN_PORTFOLIO));
    place(ALICE, limit(BUY, market.perp, 80000, 1));
    refuse(ALICE, model(TN_MARGIN_STANDARD), TN_REJECT_STANDARD_ORDERS_FULL);
}

/* ---- The record of the parameters ---- */

enum { PARAMETERS = 1, RECORD_MAX = 2048 };

static size_t write_parameters(uint8_t record[RECORD_MAX])
{
    size_t size =
        tn_exchange_record(market.exchange, record, RECORD_MAX, TN_RECORD_FEEDS, PARAMETERS);
    assert_true(size > 0 && size + 8 <= RECORD_MAX);
    return size;
}

/* Reads the market's records into another, with this one in place of its parameters. */
static const char *fault_of_parameters(const uint8_t *record, size_t record_size)
{
    static uint8_t other[1 << 20];
    const char *fault = NULL;
    struct tn_import_fault found;
    struct tn_exchange *copy = exchange_of(&market.limits, 7);
    for (uint8_t kind = TN_RECORD_MARKET; kind <= TN_RECORD_FEEDS && fault == NULL; kind++) {
        uint32_t count = tn_exchange_records_count(market.exchange, (enum tn_record_kind)kind);
        for (uint32_t i = 0; i < count && fault == NULL; i++) {
            size_t size = tn_exchange_record(market.exchange, other, sizeof other,
                                             (enum tn_record_kind)kind, i);
            bool is_it = kind == TN_RECORD_FEEDS && i == PARAMETERS;
            if (size == 0) continue;
            if (!tn_exchange_import(copy, &found, (enum tn_record_kind)kind, i,
                                    is_it ? record : other, is_it ? record_size : size)) {
                fault = found.what;
            }
        }
    }
    free(copy);
    return fault;
}

static void test_exchange_parameters_have_the_bytes_of_before_while_the_later_ones_are_default(
    void **state)
{
    (void)state;
    uint8_t before[RECORD_MAX] = {0}, after[RECORD_MAX] = {0};
    size_t size = write_parameters(before);
    assert_null(fault_of_parameters(before, size));
    struct tn_risk risk = usual_risk();
    risk.standard_orders_max = 300;
    set_risk(&risk);
    assert_int_equal(write_parameters(after), size + 8);
    assert_memory_equal(before, after, size);
    assert_int_equal(after[size + 6] << 8 | after[size + 7], 300);
    assert_null(fault_of_parameters(after, size + 8));
    after[size + 6] = 1; /* 256: nobody writes it */
    after[size + 7] = 0;
    assert_string_equal(fault_of_parameters(after, size + 8),
                        "A later risk parameter is written at its default.");
    after[size + 6] = 0;
    after[size + 7] = 1;
    assert_string_equal(fault_of_parameters(after, size + 8), "A risk parameter is out of range.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_standard_orders_end_where_the_parameter_says),
        FEEDS_STORY(test_exchange_standard_orders_that_do_not_rest_pass_at_the_maximum),
        FEEDS_STORY(test_exchange_standard_orders_may_be_replaced_at_the_maximum),
        FEEDS_STORY(test_exchange_standard_orders_count_stops_and_both_of_a_pair),
        FEEDS_STORY(test_exchange_standard_orders_take_as_many_sides_of_quotes_as_have_room),
        FEEDS_STORY(test_exchange_standard_model_is_refused_with_more_orders_than_it_may_have),
        FEEDS_STORY(test_exchange_standard_orders_stay_when_the_maximum_falls),
        FEEDS_STORY(
            test_exchange_parameters_have_the_bytes_of_before_while_the_later_ones_are_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
