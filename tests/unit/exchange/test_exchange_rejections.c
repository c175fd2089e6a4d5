/* Which rejection comes first, and that none leaves a trace (docs/specs/exchange.md §2, §3): a
 * refused command changes nothing but its nonce and the result under its client id. `refuse`
 * compares with an exchange that was given nothing but the nonce. */
#include "exchange_trace.h"

/* A market with something of everything in it, so that a trace would show. */
static void fill_market(void)
{
    place(CAROL, limit(SELL, market.call, 1010, 5));
    place(CAROL, limit(BUY, market.call, 990, 5));
    place(BOB, limit(SELL, market.put, 1000, 5));
    place(ALICE, limit(BUY, market.put, 1000, 5));
    place(ALICE, reducing(limit(SELL, market.put, 1100, 3)));
    place(ALICE, showing(limit(BUY, market.perp, 100000, 9), 4));
    pass(ALICE, protection(1, 9, 0, 1000, 0));
    struct tn_quote quote = two_sided(market.future, 99900, 5, 100100, 5);
    pass(ALICE, mass_quote(&quote, 1, 1));
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 1), 1050));
}

static void test_exchange_first_check_that_fails_is_the_reject(void **state)
{
    (void)state;
    fill_market();
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    struct tn_order_terms *terms = &command.as.terms[0];
    *terms = (struct tn_order_terms){.series_id = 12345,
                                     .price = -1,
                                     .quantity = 0,
                                     .display = -1,
                                     .trigger = 900,
                                     .until = 0,
                                     .fee_max_ppm = -1,
                                     .side = 2,
                                     .type = 2,
                                     .tif = 5,
                                     .post = 3,
                                     .stp = 4};
    set_status(market.call, TN_STATUS_HALTED);
    refuse(BOB, command, TN_REJECT_SERIES_UNKNOWN);
    terms->series_id = market.call;
    refuse(BOB, command, TN_REJECT_SIDE_UNKNOWN);
    terms->side = TN_BUY;
    refuse(BOB, command, TN_REJECT_TIF_UNKNOWN);
    terms->type = TN_LIMIT;
    refuse(BOB, command, TN_REJECT_TIF_UNKNOWN);
    terms->tif = TN_GTB;
    refuse(BOB, command, TN_REJECT_STP_UNKNOWN);
    terms->stp = TN_STP_DECREMENT;
    refuse(BOB, command, TN_REJECT_TERMS_CONFLICT);
    terms->post = TN_POST_NO;
    refuse(BOB, command, TN_REJECT_QUANTITY_RANGE);
    terms->quantity = 80000;
    refuse(BOB, command, TN_REJECT_DISPLAY_RANGE);
    terms->display = 80001;
    refuse(BOB, command, TN_REJECT_DISPLAY_RANGE);
    terms->display = 0;
    refuse(BOB, command, TN_REJECT_SERIES_STATUS);
    set_status(market.call, TN_STATUS_ACTIVE);
    refuse(BOB, command, TN_REJECT_EXPIRY_PAST);
    terms->until = 1;
    refuse(BOB, command, TN_REJECT_FEE_ABOVE_AGREED);
    terms->fee_max_ppm = 0;
    refuse(BOB, command, TN_REJECT_TRIGGER_RANGE); /* 900 is reached at a mark of 1 000 */
    terms->trigger = 1100;
    refuse(BOB, command, TN_REJECT_PRICE_RANGE);
    terms->trigger = 0;
    refuse(BOB, command, TN_REJECT_PRICE_RANGE);
    terms->price = 100001;
    refuse(BOB, command, TN_REJECT_PRICE_RANGE);
    terms->price = 1511;
    refuse(BOB, command, TN_REJECT_PRICE_OFF_TICK);
    terms->price = 1510;
    refuse(BOB, command, TN_REJECT_PRICE_OUT_OF_BAND);
    terms->price = 1500;
    terms->reduce_only = 1;
    refuse(BOB, command, TN_REJECT_REDUCE_ONLY_NOTHING);
    terms->reduce_only = 0;
    terms->post = TN_POST_REJECT;
    refuse(BOB, command, TN_REJECT_MARGIN_SHORT); /* 80 000 lots at 15 dollars */
    terms->quantity = 6;
    refuse(BOB, command, TN_REJECT_POST_ONLY_CROSSES);
    terms->post = TN_POST_NO;
    terms->tif = TN_FOK;
    terms->until = 0;
    refuse(BOB, command, TN_REJECT_FILL_OR_KILL);
    terms->quantity = 5;
    pass(BOB, command);
}

static void test_exchange_order_terms_that_exclude_each_other_are_refused(void **state)
{
    (void)state;
    fill_market();
    struct tn_command buy = limit(BUY, market.call, 1000, 5);
    struct tn_command immediate = ioc(buy);
    struct tn_command at_best = at_market(BUY, market.call, 0, 5);
    struct tn_command bad[] = {
        buy,
        buy,
        buy,
        buy,
        buy,
        buy,
        at_best,
        at_best,
        at_best,
        post(immediate, TN_POST_REJECT),
        post(fok(buy), TN_POST_REPRICE),
        post(at_best, TN_POST_REJECT),
        post(stop_at(buy, 1100), TN_POST_REJECT),
        showing(immediate, 2),
        showing(fok(buy), 2),
        showing(at_best, 2),
        showing(reducing(buy), 2),
        stop_at(fok(buy), 1100),
    };
    bad[0].as.terms[0].post = 3;
    bad[1].as.terms[0].reduce_only = 2;
    bad[2].as.terms[0].until = 1; /* good till cancelled */
    bad[3] = immediate;
    bad[3].as.terms[0].until = 1;
    bad[4] = fok(buy);
    bad[4].as.terms[0].until = 1;
    bad[5].as.terms[0].until = -1;
    bad[6].as.terms[0].tif = TN_GTC;
    bad[7].as.terms[0].tif = TN_GTB;
    bad[8].as.terms[0].tif = TN_GTT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(BOB, bad[i], TN_REJECT_TERMS_CONFLICT);
}

static void test_exchange_rejections_of_every_command_leave_no_trace(void **state)
{
    (void)state;
    fill_market();
    static const struct tn_quote none[1];
    const struct tn_leg legs[] = {leg(BUY, market.call, 1, 0), leg(SELL, market.put, 1, 0)};
    const struct tn_leg wrong_side[] = {leg((enum tn_side)2, market.call, 1, 0), legs[1]};
    const struct tn_leg dear[] = {leg(BUY, market.call, 100000, 1500)};
    struct tn_command by_client_id = cancel(0);
    by_client_id.as.cancel.client_id = 55;
    const struct {
        struct tn_command command;
        enum tn_reject reject;
    } rows[] = {
        {{.kind = 0}, TN_REJECT_COMMAND_UNKNOWN},
        {{.kind = 17}, TN_REJECT_COMMAND_UNKNOWN},
        {{.kind = TN_COMMAND_REMIT}, TN_REJECT_MARKET_UNKNOWN},
        {{.kind = TN_COMMAND_MODEL}, TN_REJECT_RISK_OFF},
        {{.kind = TN_COMMAND_BID}, TN_REJECT_RISK_OFF},
        {fok(limit(BUY, market.call, 1010, 6)), TN_REJECT_FILL_OR_KILL},
        {post(limit(BUY, market.call, 1010, 5), TN_POST_REJECT), TN_REJECT_POST_ONLY_CROSSES},
        {limit(BUY, market.call, 1500, 70000), TN_REJECT_MARGIN_SHORT},
        {reducing(limit(BUY, market.put, 900, 5)), TN_REJECT_REDUCE_ONLY_NOTHING},
        {limit(BUY, market.put, 900, 99996), TN_REJECT_POSITION_LIMIT_VALUE},
        {oco(limit(BUY, market.call, 900, 5), limit(BUY, market.call, 900, 5)),
         TN_REJECT_TERMS_CONFLICT},
        {oco(limit(BUY, market.call, 1510, 5), stop_at(limit(BUY, market.call, 900, 5), 1100)),
         TN_REJECT_PRICE_OUT_OF_BAND},
        {oco(limit(BUY, market.call, 900, 5), stop_at(limit(BUY, market.call, 900, 5), 999)),
         TN_REJECT_TRIGGER_RANGE},
        {replace(1, 1000, 5), TN_REJECT_ORDER_UNKNOWN}, /* Carol's */
        {replace(6, 100000, 100001), TN_REJECT_QUANTITY_RANGE},
        {replace(6, 101001, 9), TN_REJECT_PRICE_OUT_OF_BAND},
        {replace(8, 100100, 5), TN_REJECT_REPLACE_UNCHANGEABLE},
        {cancel(999), TN_REJECT_ORDER_UNKNOWN},
        {cancel(0), TN_REJECT_ORDER_UNKNOWN},
        {by_client_id, TN_REJECT_ORDER_UNKNOWN},
        {mass_cancel((struct tn_mass_cancel){.by = 255}), TN_REJECT_TERMS_CONFLICT},
        {mass_quote(none, 0, 0), TN_REJECT_QUOTE_SIZE},
        {mass_quote(none, 1, 2), TN_REJECT_MMP_UNKNOWN},
        {protection(1, 0, 0, 1000, 0), TN_REJECT_MMP_RANGE},
        {protection_reset(2), TN_REJECT_MMP_UNKNOWN},
        {protection_cancel(0), TN_REJECT_MMP_UNKNOWN},
        {package(TN_FOK, 6, 5000 * TICK, legs, 2), TN_REJECT_FILL_OR_KILL},
        {package(TN_IOC, 1, -5000 * TICK, legs, 2), TN_REJECT_PACKAGE_LIMIT},
        {package(TN_IOC, 1, 0, wrong_side, 2), TN_REJECT_SIDE_UNKNOWN},
        {block_trade(BOB, 999, legs, 2), TN_REJECT_PRICE_RANGE},
        {block_trade(BOB, 999, dear, 1), TN_REJECT_MARGIN_SHORT},
        {block_trade(ALICE_TWO, 999, dear, 1), TN_REJECT_BLOCK_SELF},
        {transfer(BOB, 0, 1), TN_REJECT_OWNER_MISMATCH},
        {transfer(ALICE_TWO, 0, START_CASH), TN_REJECT_CASH_SHORT},
        {withdraw(9, 1), TN_REJECT_ASSET_UNKNOWN},
        {withdraw(0, -1), TN_REJECT_AMOUNT_RANGE},
    };
    /* A package needs a put bid to fail by its limit rather than by an empty book. */
    place(CAROL, limit(BUY, market.put, 900, 5));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(ALICE, rows[i].command, rows[i].reject);
}

static void test_exchange_rejection_under_a_client_id_leaves_its_result_only(void **state)
{
    (void)state;
    fill_market();
    struct tn_account_view before = account_view(BOB);
    uint64_t orders = tn_book_orders_count(tn_exchange_books(market.exchange));
    send(BOB, under_id(limit(BUY, market.call, 1510, 1), 40));
    EXPECT_EVENTS("PRICE_OUT_OF_BAND");
    struct tn_account_view after = account_view(BOB);
    assert_int_equal(after.cash, before.cash);
    assert_int_equal(after.reserved, before.reserved);
    assert_int_equal(after.orders_count, before.orders_count);
    assert_int_equal(after.exposures_count, before.exposures_count);
    assert_int_equal(after.nonce_top, before.nonce_top + 1);
    assert_int_equal(tn_book_orders_count(tn_exchange_books(market.exchange)), orders);
    send(BOB, under_id(limit(BUY, market.call, 900, 1), 40));
    EXPECT_EVENTS("again PRICE_OUT_OF_BAND");
    place(BOB, limit(BUY, market.call, 900, 1)); /* order ids go on where they were */
    assert_int_equal(last_event()->order_id, 10);
}

static void test_exchange_unknown_entries_are_refused(void **state)
{
    (void)state;
    fill_market();
    refuse_entry((struct tn_entry){.kind = 0}, TN_REJECT_COMMAND_UNKNOWN);
    refuse_entry((struct tn_entry){.kind = 22}, TN_REJECT_COMMAND_UNKNOWN);
    refuse_entry((struct tn_entry){.kind = TN_ENTRY_FEEDER}, TN_REJECT_RISK_OFF);
    refuse_entry((struct tn_entry){.kind = TN_ENTRY_REPORT}, TN_REJECT_RISK_OFF);
    refuse_entry((struct tn_entry){.kind = TN_ENTRY_RISK}, TN_REJECT_RISK_OFF);
    refuse_entry((struct tn_entry){.kind = TN_ENTRY_LIQ}, TN_REJECT_RISK_OFF);
    refuse_entry((struct tn_entry){.kind = TN_ENTRY_INSURE}, TN_REJECT_RISK_OFF);
    refuse_entry((struct tn_entry){.kind = 255}, TN_REJECT_COMMAND_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_first_check_that_fails_is_the_reject),
        STORY(test_exchange_order_terms_that_exclude_each_other_are_refused),
        STORY(test_exchange_rejections_of_every_command_leave_no_trace),
        STORY(test_exchange_rejection_under_a_client_id_leaves_its_result_only),
        STORY(test_exchange_unknown_entries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
