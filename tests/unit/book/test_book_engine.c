/* The engine of half one, sentence by sentence of book.h. */
#include "book_case.h"

#define ROOMY ((struct tn_book_limits){.books_max = 4, .orders_max = 64, .levels_max = 64})

static void test_book_trades_at_the_makers_price(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 1, TN_SELL, 100, 5);
    submit(&at, 2, TN_BUY, 110, 3);
    assert_int_equal(at.count, 2);
    expect_report(&at, 0, TN_BOOK_ACCEPTED, 2, 3, 3);
    expect_trade(&at, 1, 2, 1, 100, 3, 2);
    assert_int_equal(at.reports[1].side, TN_BUY);
    assert_int_equal(at.reports[1].remaining, 0);
    case_close(&at);
}

static void test_book_fills_oldest_order_first_at_one_price(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    for (uint64_t id = 1; id <= 3; id++)
        submit(&at, id, TN_BUY, 50, 2);
    submit(&at, 9, TN_SELL, 50, 5);
    expect_trade(&at, 1, 9, 1, 50, 2, 0);
    expect_trade(&at, 2, 9, 2, 50, 2, 0);
    expect_trade(&at, 3, 9, 3, 50, 1, 1);
    case_close(&at);
}

static void test_book_fills_the_best_price_first(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 1, TN_SELL, 103, 1);
    submit(&at, 2, TN_SELL, 101, 1);
    submit(&at, 3, TN_SELL, 102, 1);
    submit(&at, 4, TN_BUY, 102, 9);
    assert_int_equal(at.count, 3);
    expect_trade(&at, 1, 4, 2, 101, 1, 0);
    expect_trade(&at, 2, 4, 3, 102, 1, 0);
    tn_ticks best;
    assert_true(tn_book_best(at.books, &best, 0, TN_BUY));
    assert_int_equal(best, 102);
    assert_true(tn_book_best(at.books, &best, 0, TN_SELL));
    assert_int_equal(best, 103);
    case_close(&at);
}

static void test_book_partial_fill_and_neighbours_cancel_keep_the_place(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    for (uint64_t id = 1; id <= 4; id++)
        submit(&at, id, TN_SELL, 7, 4);
    submit(&at, 8, TN_BUY, 7, 1);
    cancel(&at, 2);
    expect_report(&at, 0, TN_BOOK_CANCELLED, 2, 4, 0);
    assert_int_equal(at.reports[0].price, 7);
    assert_int_equal(at.reports[0].side, TN_SELL);
    submit(&at, 9, TN_BUY, 7, 9);
    expect_trade(&at, 1, 9, 1, 7, 3, 0);
    expect_trade(&at, 2, 9, 3, 7, 4, 0);
    expect_trade(&at, 3, 9, 4, 7, 2, 2);
    case_close(&at);
}

static void test_book_frees_the_id_of_a_filled_or_cancelled_order(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 5, TN_SELL, 10, 1);
    submit(&at, 5, TN_SELL, 10, 1);
    expect_rejected(&at, TN_REJECT_ORDER_ID_TAKEN);
    submit(&at, 6, TN_BUY, 10, 1);
    submit(&at, 5, TN_BUY, 9, 1);
    expect_report(&at, 0, TN_BOOK_ACCEPTED, 5, 1, 1);
    cancel(&at, 5);
    submit(&at, 5, TN_BUY, 9, 1);
    expect_report(&at, 0, TN_BOOK_ACCEPTED, 5, 1, 1);
    case_close(&at);
}

static void test_book_rejects_stale_cancels_and_replaces(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    cancel(&at, 1);
    expect_rejected(&at, TN_REJECT_ORDER_UNKNOWN);
    assert_int_equal(at.reports[0].book, TN_NONE);
    replace(&at, 1, 5, 5);
    expect_rejected(&at, TN_REJECT_ORDER_UNKNOWN);
    assert_int_equal(at.reports[0].price, 5);
    submit(&at, 1, TN_BUY, 5, 1);
    submit(&at, 2, TN_SELL, 5, 1);
    cancel(&at, 1);
    expect_rejected(&at, TN_REJECT_ORDER_UNKNOWN);
    cancel(&at, 2);
    expect_rejected(&at, TN_REJECT_ORDER_UNKNOWN);
    case_close(&at);
}

static void test_book_takes_the_smallest_and_the_largest_id(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 0, TN_BUY, 5, 1);
    submit(&at, UINT64_MAX, TN_BUY, 5, 1);
    assert_int_equal(tn_book_orders_count(at.books), 2);
    submit(&at, 1, TN_SELL, 5, 2);
    expect_trade(&at, 1, 1, 0, 5, 1, 0);
    expect_trade(&at, 2, 1, UINT64_MAX, 5, 1, 0);
    cancel(&at, UINT64_MAX);
    expect_rejected(&at, TN_REJECT_ORDER_UNKNOWN);
    case_close(&at);
}

static void test_book_takes_prices_at_both_ends_of_the_range(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 1, TN_BUY, -TN_BOOK_PRICE_MAX, TN_BOOK_QUANTITY_MAX);
    submit(&at, 2, TN_SELL, TN_BOOK_PRICE_MAX, TN_BOOK_QUANTITY_MAX);
    submit(&at, 3, TN_BUY, 0, 1);
    submit(&at, 4, TN_SELL, -TN_BOOK_PRICE_MAX, 2);
    expect_trade(&at, 1, 4, 3, 0, 1, 0);
    expect_trade(&at, 2, 4, 1, -TN_BOOK_PRICE_MAX, 1, TN_BOOK_QUANTITY_MAX - 1);
    submit(&at, 5, TN_BUY, TN_BOOK_PRICE_MAX, 1);
    expect_trade(&at, 1, 5, 2, TN_BOOK_PRICE_MAX, 1, TN_BOOK_QUANTITY_MAX - 1);
    case_close(&at);
}

static void test_book_cancels_what_is_left_of_an_ioc(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit_tif(&at, 1, TN_BUY, 10, 4, TN_BOOK_IOC);
    assert_int_equal(at.count, 2);
    expect_report(&at, 1, TN_BOOK_CANCELLED, 1, 4, 0);
    submit(&at, 2, TN_SELL, 10, 3);
    submit_tif(&at, 3, TN_BUY, 10, 4, TN_BOOK_IOC);
    expect_trade(&at, 1, 3, 2, 10, 3, 0);
    expect_report(&at, 2, TN_BOOK_CANCELLED, 3, 1, 0);
    assert_int_equal(tn_book_orders_count(at.books), 0);
    case_close(&at);
}

static void test_book_fills_a_fok_whole_or_not_at_all(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit_tif(&at, 9, TN_BUY, 11, 1, TN_BOOK_FOK);
    expect_rejected(&at, TN_REJECT_FILL_OR_KILL);
    submit(&at, 1, TN_SELL, 10, 3);
    submit(&at, 2, TN_SELL, 11, 3);
    submit(&at, 3, TN_SELL, 12, 3);
    submit_tif(&at, 9, TN_BUY, 11, 7, TN_BOOK_FOK);
    expect_rejected(&at, TN_REJECT_FILL_OR_KILL);
    assert_int_equal(tn_book_level_of(at.books, 0, TN_SELL, 10).quantity, 3);
    submit_tif(&at, 9, TN_BUY, 11, 6, TN_BOOK_FOK);
    assert_int_equal(at.count, 3);
    expect_trade(&at, 2, 9, 2, 11, 3, 0);
    case_close(&at);
}

static void test_book_rests_a_post_only_or_rejects_it(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 1, TN_SELL, 10, 3);
    submit_tif(&at, 2, TN_BUY, 10, 1, TN_BOOK_POST_ONLY);
    expect_rejected(&at, TN_REJECT_POST_ONLY_CROSSES);
    submit_tif(&at, 2, TN_BUY, 9, 1, TN_BOOK_POST_ONLY);
    expect_report(&at, 0, TN_BOOK_ACCEPTED, 2, 1, 1);
    assert_int_equal(tn_book_orders_count(at.books), 2);
    case_close(&at);
}

static void test_book_replace_keeps_the_place_unless_price_changes_or_quantity_grows(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    for (uint64_t id = 1; id <= 3; id++)
        submit(&at, id, TN_BUY, 10, 5);
    replace(&at, 1, 10, 5); /* the same again */
    expect_report(&at, 0, TN_BOOK_REPLACED, 1, 5, 5);
    replace(&at, 1, 10, 2); /* smaller: keeps its place */
    replace(&at, 2, 10, 6); /* larger: to the end */
    submit(&at, 9, TN_SELL, 10, 13);
    expect_trade(&at, 1, 9, 1, 10, 2, 0);
    expect_trade(&at, 2, 9, 3, 10, 5, 0);
    expect_trade(&at, 3, 9, 2, 10, 6, 0);
    case_close(&at);
}

static void test_book_replace_to_another_price_goes_to_the_end_there(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 1, TN_BUY, 10, 1);
    submit(&at, 2, TN_BUY, 11, 1);
    replace(&at, 1, 11, 1);
    assert_int_equal(tn_book_levels_count(at.books), 1);
    submit(&at, 9, TN_SELL, 11, 2);
    expect_trade(&at, 1, 9, 2, 11, 1, 0);
    expect_trade(&at, 2, 9, 1, 11, 1, 0);
    case_close(&at);
}

static void test_book_replace_that_crosses_trades_at_once(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 1, TN_SELL, 20, 2);
    submit(&at, 2, TN_BUY, 10, 1);
    tn_book_resting(at.books)[tn_book_find(at.books, 2)].user = 77;
    replace(&at, 2, 21, 5);
    assert_int_equal(at.count, 2);
    expect_report(&at, 0, TN_BOOK_REPLACED, 2, 5, 5);
    expect_trade(&at, 1, 2, 1, 20, 2, 0);
    uint32_t slot = tn_book_find(at.books, 2);
    assert_int_equal(tn_book_resting(at.books)[slot].quantity, 3);
    assert_int_equal(tn_book_resting(at.books)[slot].price, 21);
    assert_int_equal(tn_book_resting(at.books)[slot].user, 77);
    case_close(&at);
}

static void test_book_rejects_malformed_messages_and_changes_nothing(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 1, TN_BUY, 10, 1);
    struct {
        struct tn_book_message message;
        enum tn_reject reject;
    } cases[] = {
        {order_of(2, TN_BUY, 10, 1), TN_REJECT_BOOK_UNKNOWN},
        {order_of(2, (enum tn_side)2, 10, 1), TN_REJECT_SIDE_UNKNOWN},
        {order_of(2, TN_BUY, 10, 1), TN_REJECT_TIF_UNKNOWN},
        {order_of(2, TN_BUY, TN_BOOK_PRICE_MAX + 1, 1), TN_REJECT_PRICE_RANGE},
        {order_of(2, TN_BUY, -TN_BOOK_PRICE_MAX - 1, 1), TN_REJECT_PRICE_RANGE},
        {order_of(2, TN_BUY, INT64_MIN, 1), TN_REJECT_PRICE_RANGE},
        {order_of(2, TN_BUY, 10, 0), TN_REJECT_QUANTITY_RANGE},
        {order_of(2, TN_BUY, 10, -1), TN_REJECT_QUANTITY_RANGE},
        {order_of(2, TN_BUY, 10, TN_BOOK_QUANTITY_MAX + 1), TN_REJECT_QUANTITY_RANGE},
        {order_of(1, TN_BUY, 10, 0), TN_REJECT_QUANTITY_RANGE}, /* terms before the id */
    };
    cases[0].message.book = 4;
    cases[2].message.tif = 4;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        submit_message(&at, cases[i].message);
        expect_rejected(&at, cases[i].reject);
        assert_int_equal(at.reports[0].book, cases[i].message.book);
    }
    replace(&at, 1, TN_BOOK_PRICE_MAX + 1, 1);
    expect_rejected(&at, TN_REJECT_PRICE_RANGE);
    replace(&at, 1, 10, 0);
    expect_rejected(&at, TN_REJECT_QUANTITY_RANGE);
    struct tn_book_message unknown = {.kind = 3};
    uint32_t done;
    at.count = tn_book_apply(at.books, at.reports, REPORTS_MAX, &done, &unknown, 1);
    expect_rejected(&at, TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(tn_book_orders_count(at.books), 1);
    case_close(&at);
}

static void test_book_full_of_orders_rejects_only_what_would_rest(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, (struct tn_book_limits){.books_max = 1, .orders_max = 2, .levels_max = 2});
    submit(&at, 1, TN_SELL, 10, 1);
    submit(&at, 2, TN_SELL, 10, 1);
    submit(&at, 3, TN_BUY, 9, 1);
    expect_rejected(&at, TN_REJECT_ORDERS_FULL);
    replace(&at, 2, 11, 4);
    expect_report(&at, 0, TN_BOOK_REPLACED, 2, 4, 4);
    submit_tif(&at, 3, TN_BUY, 9, 1, TN_BOOK_IOC);
    expect_report(&at, 1, TN_BOOK_CANCELLED, 3, 1, 0);
    submit(&at, 3, TN_BUY, 10, 2); /* fills order 1 and takes its room */
    expect_trade(&at, 1, 3, 1, 10, 1, 0);
    assert_int_equal(tn_book_orders_count(at.books), 2);
    case_close(&at);
}

static void test_book_full_of_levels_rejects_only_new_prices(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, (struct tn_book_limits){.books_max = 1, .orders_max = 8, .levels_max = 2});
    submit(&at, 1, TN_SELL, 10, 1);
    submit(&at, 2, TN_SELL, 11, 1);
    submit(&at, 3, TN_SELL, 11, 1);
    submit(&at, 4, TN_SELL, 12, 1);
    expect_rejected(&at, TN_REJECT_LEVELS_FULL);
    submit(&at, 4, TN_SELL, 10, 1);
    expect_report(&at, 0, TN_BOOK_ACCEPTED, 4, 1, 1);
    replace(&at, 2, 12, 1); /* 3 still holds the level it would leave */
    expect_rejected(&at, TN_REJECT_LEVELS_FULL);
    cancel(&at, 3);
    replace(&at, 2, 12, 1); /* now its own level moves with it */
    expect_report(&at, 0, TN_BOOK_REPLACED, 2, 1, 1);
    submit(&at, 5, TN_BUY, 10, 3); /* uses up the level at 10, and rests at 10 */
    assert_int_equal(tn_book_levels_count(at.books), 2);
    case_close(&at);
}

/* A sweep of seven makers by an IOC, with room for `room` reports in each call. */
static void sweep_with_room(uint32_t room)
{
    struct book_case at;
    case_open(&at, ROOMY);
    for (uint64_t id = 1; id <= 7; id++)
        submit(&at, id, TN_SELL, (tn_ticks)(id / 2), 1);
    struct tn_book_message taker = order_of(9, TN_BUY, 100, 8);
    taker.tif = TN_BOOK_IOC;
    struct tn_book_report reports[REPORTS_MAX];
    uint32_t count = tn_book_submit(at.books, reports, room, &taker);
    while (tn_book_unfinished(at.books)) {
        assert_int_equal(count % room, 0);
        tn_book_check(at.books, false);
        cancel(&at, 7);
        expect_rejected(&at, TN_REJECT_BOOK_BUSY);
        submit(&at, 10, TN_BUY, 1, 1);
        expect_rejected(&at, TN_REJECT_BOOK_BUSY);
        replace(&at, 7, 1, 1);
        expect_rejected(&at, TN_REJECT_BOOK_BUSY);
        count += tn_book_continue(at.books, &reports[count], room);
    }
    assert_int_equal(count, 9); /* accepted, seven trades, cancelled */
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(reports[i + 1].maker_id, i + 1);
    assert_int_equal(reports[8].kind, TN_BOOK_CANCELLED);
    assert_int_equal(reports[8].quantity, 1);
    assert_int_equal(tn_book_continue(at.books, reports, room), 0);
    case_close(&at);
}

static void test_book_resumes_where_the_report_array_was_full(void **state)
{
    (void)state;
    for (uint32_t room = 1; room <= 10; room++)
        sweep_with_room(room);
}

static void test_book_apply_stops_after_the_message_it_could_only_begin(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    struct tn_book_message messages[] = {order_of(1, TN_SELL, 5, 1), order_of(2, TN_SELL, 5, 1),
                                         order_of(3, TN_BUY, 5, 2), order_of(4, TN_BUY, 4, 1)};
    uint32_t done;
    assert_int_equal(tn_book_apply(at.books, at.reports, 4, &done, messages, 4), 4);
    assert_int_equal(done, 3);
    assert_true(tn_book_unfinished(at.books));
    assert_int_equal(tn_book_continue(at.books, at.reports, 4), 1);
    assert_false(tn_book_unfinished(at.books));
    assert_int_equal(tn_book_apply(at.books, at.reports, 4, &done, &messages[3], 1), 1);
    assert_int_equal(done, 1);
    case_close(&at);
}

static void test_book_apply_while_busy_rejects_every_message(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    submit(&at, 1, TN_SELL, 5, 1);
    struct tn_book_message taker = order_of(2, TN_BUY, 5, 1);
    tn_book_submit(at.books, at.reports, 1, &taker);
    assert_true(tn_book_unfinished(at.books));
    struct tn_book_message messages[3] = {
        order_of(3, TN_BUY, 1, 1), {.id = 1, .kind = 1}, {.kind = 9}};
    uint32_t done;
    assert_int_equal(tn_book_apply(at.books, at.reports, REPORTS_MAX, &done, messages, 3), 3);
    assert_int_equal(done, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(at.reports[i].reject, TN_REJECT_BOOK_BUSY);
    }
    assert_true(tn_book_unfinished(at.books));
    case_close(&at);
}

static void test_book_keeps_books_apart(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    struct tn_book_message ask = order_of(1, TN_SELL, 5, 1);
    ask.book = 3;
    submit_message(&at, ask);
    submit(&at, 2, TN_BUY, 5, 1);
    assert_int_equal(at.count, 1);
    tn_ticks best;
    assert_false(tn_book_best(at.books, &best, 3, TN_BUY));
    assert_false(tn_book_best(at.books, &best, 0, TN_SELL));
    cancel(&at, 1);
    assert_int_equal(at.reports[0].book, 3);
    case_close(&at);
}

/* A million ticks apart and a hundred thousand orders at one price: as right as two orders are. */
static void test_book_cancels_from_the_middle_of_a_very_deep_level(void **state)
{
    (void)state;
    const uint32_t orders = 100000;
    struct book_case at;
    case_open(&at, (struct tn_book_limits){.books_max = 1, .orders_max = orders, .levels_max = 9});
    for (uint64_t id = 0; id < orders; id++) {
        struct tn_book_message order = order_of(id * 977, TN_BUY, -1000000, 1);
        assert_int_equal(tn_book_submit(at.books, at.reports, REPORTS_MAX, &order), 1);
    }
    for (uint64_t id = 1; id < orders; id += 2) {
        assert_int_equal(tn_book_cancel(at.books, at.reports, REPORTS_MAX, id * 977), 1);
        assert_int_equal(at.reports[0].kind, TN_BOOK_CANCELLED);
    }
    submit(&at, 1, TN_SELL, -1000000, 2);
    expect_trade(&at, 1, 1, 0, -1000000, 1, 0);
    expect_trade(&at, 2, 1, UINT64_C(2) * 977, -1000000, 1, 0);
    assert_int_equal(tn_book_orders_count(at.books), orders / 2 - 2);
    case_close(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book_trades_at_the_makers_price),
        cmocka_unit_test(test_book_fills_oldest_order_first_at_one_price),
        cmocka_unit_test(test_book_fills_the_best_price_first),
        cmocka_unit_test(test_book_partial_fill_and_neighbours_cancel_keep_the_place),
        cmocka_unit_test(test_book_frees_the_id_of_a_filled_or_cancelled_order),
        cmocka_unit_test(test_book_rejects_stale_cancels_and_replaces),
        cmocka_unit_test(test_book_takes_the_smallest_and_the_largest_id),
        cmocka_unit_test(test_book_takes_prices_at_both_ends_of_the_range),
        cmocka_unit_test(test_book_cancels_what_is_left_of_an_ioc),
        cmocka_unit_test(test_book_fills_a_fok_whole_or_not_at_all),
        cmocka_unit_test(test_book_rests_a_post_only_or_rejects_it),
        cmocka_unit_test(test_book_replace_keeps_the_place_unless_price_changes_or_quantity_grows),
        cmocka_unit_test(test_book_replace_to_another_price_goes_to_the_end_there),
        cmocka_unit_test(test_book_replace_that_crosses_trades_at_once),
        cmocka_unit_test(test_book_rejects_malformed_messages_and_changes_nothing),
        cmocka_unit_test(test_book_full_of_orders_rejects_only_what_would_rest),
        cmocka_unit_test(test_book_full_of_levels_rejects_only_new_prices),
        cmocka_unit_test(test_book_resumes_where_the_report_array_was_full),
        cmocka_unit_test(test_book_apply_stops_after_the_message_it_could_only_begin),
        cmocka_unit_test(test_book_apply_while_busy_rejects_every_message),
        cmocka_unit_test(test_book_keeps_books_apart),
        cmocka_unit_test(test_book_cancels_from_the_middle_of_a_very_deep_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
