/* The parts of half two and the memory of the books, sentence by sentence of book.h. */
#include "book_case.h"

#define ROOMY ((struct tn_book_limits){.books_max = 2, .orders_max = 64, .levels_max = 64})

static uint32_t rest(struct book_case *at, enum tn_side side, tn_ticks price, tn_lots quantity,
                     uint64_t id)
{
    enum tn_reject reject;
    uint32_t slot = tn_book_rest(at->books, &reject, 0, side, price, quantity, id);
    assert_int_equal(reject, TN_REJECT_NONE);
    assert_int_not_equal(slot, TN_NONE);
    tn_book_check(at->books, true);
    return slot;
}

static void test_book_size_is_zero_for_limits_out_of_range(void **state)
{
    (void)state;
    const struct tn_book_limits good = ROOMY;
    assert_true(tn_books_size(&good) > 0);
    struct tn_book_limits bad[] = {good, good, good, good, good, good};
    bad[0].books_max = 0;
    bad[1].books_max = (1 << 24) + 1;
    bad[2].orders_max = 0;
    bad[3].orders_max = (1 << 28) + 1;
    bad[4].levels_max = 0;
    bad[5].levels_max = good.orders_max + 1;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(tn_books_size(&bad[i]), 0);
}

static void test_book_empty_books_are_small(void **state)
{
    (void)state;
    struct tn_book_limits few = {.books_max = 1, .orders_max = 64, .levels_max = 64};
    struct tn_book_limits many = few;
    many.books_max = 1001;
    assert_true(tn_books_size(&many) - tn_books_size(&few) <= UINT64_C(1000) * 32 + 64);
}

static void test_book_holds_as_many_orders_and_levels_as_its_limits_say(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, (struct tn_book_limits){.books_max = 1, .orders_max = 40, .levels_max = 40});
    for (uint64_t id = 0; id < 40; id++)
        rest(&at, TN_BUY, (tn_ticks)(id * id * id), 1, id);
    enum tn_reject reject;
    assert_int_equal(tn_book_rest(at.books, &reject, 0, TN_BUY, 1, 1, 99), TN_NONE);
    assert_int_equal(reject, TN_REJECT_ORDERS_FULL);
    assert_int_equal(tn_book_levels_count(at.books), 40);
    case_close(&at);
}

static void test_book_rest_reports_full_levels(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, (struct tn_book_limits){.books_max = 1, .orders_max = 4, .levels_max = 1});
    uint32_t slot = rest(&at, TN_BUY, 5, 1, 1);
    rest(&at, TN_BUY, 5, 1, 2);
    enum tn_reject reject;
    assert_int_equal(tn_book_rest(at.books, &reject, 0, TN_SELL, 5, 1, 3), TN_NONE);
    assert_int_equal(reject, TN_REJECT_LEVELS_FULL);
    assert_false(tn_book_move(at.books, slot, 6, 1));
    tn_book_remove(at.books, tn_book_find(at.books, 2));
    assert_true(tn_book_move(at.books, slot, 6, 1));
    case_close(&at);
}

static void test_book_rests_crossed_orders_without_matching(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    rest(&at, TN_BUY, 12, 1, 1);
    rest(&at, TN_SELL, 10, 1, 2);
    rest(&at, TN_SELL, 12, 1, 3); /* the same price on both sides */
    assert_int_equal(tn_book_orders_count(at.books), 3);
    assert_int_equal(tn_book_levels_count(at.books), 3);
    assert_int_equal(tn_book_level_front(at.books, 0, TN_BUY, 12), tn_book_find(at.books, 1));
    assert_int_equal(tn_book_level_front(at.books, 0, TN_SELL, 12), tn_book_find(at.books, 3));
    case_close(&at);
}

static void test_book_new_order_has_empty_fields_for_its_caller(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    uint32_t slot = rest(&at, TN_BUY, 12, 1, 1);
    struct tn_resting *order = &tn_book_resting(at.books)[slot];
    order->account = 1;
    order->owner = 2;
    order->user = 3;
    assert_true(tn_book_move(at.books, slot, 11, 4));
    tn_book_reduce(at.books, slot, 2);
    assert_int_equal(order->account, 1);
    assert_int_equal(order->owner, 2);
    assert_int_equal(order->user, 3);
    tn_book_remove(at.books, slot);
    slot = rest(&at, TN_BUY, 12, 1, 1);
    order = &tn_book_resting(at.books)[slot];
    assert_int_equal(order->account, 0);
    assert_int_equal(order->owner, 0);
    assert_int_equal(order->user, 0);
    case_close(&at);
}

static void test_book_reduce_keeps_the_place_and_move_does_not(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    uint32_t first = rest(&at, TN_SELL, 5, 9, 1);
    uint32_t second = rest(&at, TN_SELL, 5, 9, 2);
    tn_book_reduce(at.books, first, 4);
    assert_int_equal(tn_book_front(at.books, 0, TN_SELL), first);
    assert_int_equal(tn_book_level_of(at.books, 0, TN_SELL, 5).quantity, 13);
    assert_true(tn_book_move(at.books, first, 5, 4));
    assert_int_equal(tn_book_front(at.books, 0, TN_SELL), second);
    assert_int_equal(tn_book_after(at.books, second), first);
    assert_int_equal(tn_book_after(at.books, first), TN_NONE);
    assert_int_equal(tn_book_find(at.books, 1), first);
    case_close(&at);
}

static void test_book_walks_a_side_in_priority_order(void **state)
{
    (void)state;
    static const tn_ticks prices[] = {5, 70, 5, -4096, 1000000, 70, TN_BOOK_PRICE_MAX, 64};
    static const uint64_t bids[] = {6, 4, 1, 5, 7, 0, 2, 3};
    static const uint64_t asks[] = {13, 10, 12, 17, 11, 15, 14, 16};
    struct book_case at;
    case_open(&at, ROOMY);
    for (uint64_t i = 0; i < 8; i++) {
        rest(&at, TN_BUY, prices[i], 1, i);
        rest(&at, TN_SELL, prices[i], 1, i + 10);
    }
    uint32_t bid = tn_book_front(at.books, 0, TN_BUY);
    for (uint32_t i = 0; i < 8; i++, bid = tn_book_after(at.books, bid)) {
        assert_int_equal(tn_book_resting(at.books)[bid].id, bids[i]);
    }
    assert_int_equal(bid, TN_NONE);
    uint32_t ask = tn_book_front(at.books, 0, TN_SELL);
    for (uint32_t i = 0; i < 8; i++, ask = tn_book_after(at.books, ask)) {
        assert_int_equal(tn_book_resting(at.books)[ask].id, asks[i]);
    }
    assert_int_equal(ask, TN_NONE);
    assert_int_equal(tn_book_front(at.books, 1, TN_BUY), TN_NONE);
    case_close(&at);
}

static void test_book_lifted_order_keeps_slot_and_id_until_it_lands_or_is_forgotten(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, (struct tn_book_limits){.books_max = 2, .orders_max = 4, .levels_max = 2});
    uint32_t slot = rest(&at, TN_BUY, 5, 3, 1);
    rest(&at, TN_BUY, 5, 3, 2);
    rest(&at, TN_BUY, 6, 3, 3);
    tn_book_lift(at.books, slot);
    tn_book_check(at.books, true);
    assert_int_equal(tn_book_find(at.books, 1), slot);
    assert_int_equal(tn_book_orders_count(at.books), 3);
    assert_int_equal(tn_book_level_of(at.books, 0, TN_BUY, 5).quantity, 3);
    assert_false(tn_book_land(at.books, slot, 1, TN_SELL, 5, 7)); /* no third level */
    tn_book_remove(at.books, tn_book_find(at.books, 3));
    assert_true(tn_book_land(at.books, slot, 1, TN_SELL, 5, 7));
    tn_book_check(at.books, true);
    assert_int_equal(tn_book_front(at.books, 1, TN_SELL), slot);
    assert_int_equal(tn_book_level_of(at.books, 1, TN_SELL, 5).quantity, 7);
    tn_book_lift(at.books, slot);
    tn_book_forget(at.books, slot);
    assert_int_equal(tn_book_find(at.books, 1), TN_NONE);
    assert_int_equal(tn_book_orders_count(at.books), 1);
    case_close(&at);
}

static void test_book_depth_lists_levels_best_first(void **state)
{
    (void)state;
    struct book_case at;
    struct tn_book_level levels[4];
    case_open(&at, ROOMY);
    assert_int_equal(tn_book_depth(at.books, levels, 4, 0, TN_BUY), 0);
    rest(&at, TN_BUY, 5, 1, 1);
    rest(&at, TN_BUY, 7, 2, 2);
    rest(&at, TN_BUY, 7, 3, 3);
    rest(&at, TN_BUY, -900000, 4, 4);
    assert_int_equal(tn_book_depth(at.books, levels, 4, 0, TN_BUY), 3);
    assert_int_equal(levels[0].price, 7);
    assert_int_equal(levels[0].quantity, 5);
    assert_int_equal(levels[0].orders, 2);
    assert_int_equal(levels[1].price, 5);
    assert_int_equal(levels[2].price, -900000);
    assert_int_equal(tn_book_depth(at.books, levels, 1, 0, TN_BUY), 1);
    case_close(&at);
}

static void test_book_next_price_is_strictly_worse(void **state)
{
    (void)state;
    struct book_case at;
    tn_ticks next;
    case_open(&at, ROOMY);
    assert_false(tn_book_next_price(at.books, &next, 0, TN_SELL, 0));
    rest(&at, TN_SELL, 10, 1, 1);
    assert_false(tn_book_next_price(at.books, &next, 0, TN_SELL, 10));
    rest(&at, TN_SELL, 200000, 1, 2);
    assert_true(tn_book_next_price(at.books, &next, 0, TN_SELL, 10));
    assert_int_equal(next, 200000);
    assert_true(tn_book_next_price(at.books, &next, 0, TN_SELL, 9));
    assert_int_equal(next, 10);
    assert_true(tn_book_next_price(at.books, &next, 0, TN_SELL, INT64_MIN));
    assert_int_equal(next, 10);
    assert_false(tn_book_next_price(at.books, &next, 0, TN_SELL, INT64_MAX));
    rest(&at, TN_BUY, 10, 1, 3);
    assert_true(tn_book_next_price(at.books, &next, 0, TN_BUY, 11));
    assert_int_equal(next, 10);
    assert_false(tn_book_next_price(at.books, &next, 0, TN_BUY, 10));
    case_close(&at);
}

static void test_book_level_of_an_empty_price_is_zero_but_the_price(void **state)
{
    (void)state;
    struct book_case at;
    case_open(&at, ROOMY);
    rest(&at, TN_BUY, 10, 1, 1);
    static const tn_ticks prices[] = {11, 10 + 4096, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 4; i++) {
        struct tn_book_level level = tn_book_level_of(at.books, 0, TN_BUY, prices[i]);
        assert_int_equal(level.price, prices[i]);
        assert_int_equal(level.quantity, 0);
        assert_int_equal(level.orders, 0);
        assert_int_equal(tn_book_level_front(at.books, 0, TN_BUY, prices[i]), TN_NONE);
    }
    case_close(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book_size_is_zero_for_limits_out_of_range),
        cmocka_unit_test(test_book_empty_books_are_small),
        cmocka_unit_test(test_book_holds_as_many_orders_and_levels_as_its_limits_say),
        cmocka_unit_test(test_book_rest_reports_full_levels),
        cmocka_unit_test(test_book_rests_crossed_orders_without_matching),
        cmocka_unit_test(test_book_new_order_has_empty_fields_for_its_caller),
        cmocka_unit_test(test_book_reduce_keeps_the_place_and_move_does_not),
        cmocka_unit_test(test_book_walks_a_side_in_priority_order),
        cmocka_unit_test(test_book_lifted_order_keeps_slot_and_id_until_it_lands_or_is_forgotten),
        cmocka_unit_test(test_book_depth_lists_levels_best_first),
        cmocka_unit_test(test_book_next_price_is_strictly_worse),
        cmocka_unit_test(test_book_level_of_an_empty_price_is_zero_but_the_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
