/* ACCOUNT, POSITIONS, MEMORY and BOOK in a market small enough to name every order in it: it comes
 * back as it was, and every rule by which a record is refused refuses, with its sentence. Then
 * lists longer than what reading back sorts in one piece, in an order that is nobody's. */
#include "exchange_commands.h"
#include "records_copy.h"

enum { CALL, PUT, CALL_HIGH, FUTURE, PERP }; /* slots of the series */

static struct tn_command under_group(uint8_t group)
{
    struct tn_command command = {.kind = TN_COMMAND_MMP_SET};
    command.as.mmp_set = (struct tn_mmp_set){
        .group = group, .interval_ms = 1000, .quantity_limit = 50, .trades_limit = 10};
    return command;
}

/* An order of every sort, results in and out of the list, a group whose window is open. */
static int open_full_market(void **state)
{
    open_market(state);
    place(ALICE, under_id(until_time(limit(BUY, market.call, 900, 10), START_MS + 5000), 1));
    place(ALICE, showing(limit(SELL, market.call, 1100, 20), 5));
    place(ALICE, stop_at(limit(BUY, market.call, 1250, 3), 1240));
    place(ALICE, oco(limit(SELL, market.future, 100500, 2),
                     stop_at(limit(SELL, market.future, 99500, 2), 99400)));
    place(BOB, limit(SELL, market.call_high, 1000, 5));
    place(CAROL, ioc(limit(BUY, market.call_high, 1000, 5)));
    place(BOB, reducing(limit(BUY, market.call_high, 900, 3)));
    place(BOB, reducing(limit(BUY, market.call_high, 890, 2)));
    pass(BOB, under_group(3));
    const struct tn_quote quotes[] = {two_sided(market.put, 900, 7, 1100, 8),
                                      two_sided(market.perp, 99900, 4, 100100, 4)};
    pass(BOB, mass_quote(quotes, 2, 3));
    place(DAN, ioc(limit(SELL, market.put, 900, 2)));
    for (uint64_t id = 2; id < 12; id++)
        send(ALICE, under_id(cancel(1000), id));
    place(ALICE, under_id(limit(BUY, market.perp, 99500, 1), 12));
    return 0;
}

static void test_restored_market_has_every_sort_of_order(void **state)
{
    (void)state;
    struct tn_exchange *copy = records_restore(market.exchange, &market.limits, 5);
    assert_non_null(copy);
    records_close(market.shadow);
    market.shadow = copy; /* which now gets every entry too, and must say the same */
    pass(DAN, ioc(limit(SELL, market.put, 900, 5)));
    set_mark(market.call, 1245);
    sweep(64);
    advance(1, 6000);
    sweep(64);
    send(ALICE, under_id(cancel(1000), 1));
    send(ALICE, under_id(cancel(1000), 12));
    pass(ALICE, mass_cancel((struct tn_mass_cancel){0}));
    pass(BOB, mass_cancel((struct tn_mass_cancel){0}));
}

/* ---- Refusals ---- */

struct edit {
    enum tn_record_kind kind;
    uint32_t index, at, size;
    uint64_t value;
    const char *what;
};

static struct record_kept *find_record(struct records_copy *copy, enum tn_record_kind kind,
                                       uint32_t index)
{
    for (uint32_t i = 0; i < copy->records_count; i++) {
        struct record_kept *record = &copy->records[i];
        if (record->name.kind == kind && record->name.index == index) return record;
    }
    fail_msg("no record %u %u", kind, index);
    return NULL;
}

static void expect_refused(const struct edit *edit)
{
    struct records_copy copy = {.bytes = NULL};
    struct tn_import_fault fault = {.what = NULL};
    records_save(&copy, market.exchange, &market.limits);
    struct record_kept *record = find_record(&copy, edit->kind, edit->index);
    assert_true(edit->at + edit->size <= record->size);
    for (uint32_t i = 0; i < edit->size; i++) {
        copy.bytes[record->at + edit->at + i] =
            (uint8_t)(edit->value >> (8 * (edit->size - 1 - i)));
    }
    struct tn_exchange *exchange = records_import(&copy, &fault, 1);
    if (exchange != NULL) fail_msg("accepted: %s", edit->what);
    assert_string_equal(fault.what, edit->what);
    records_free(&copy);
}

#define ORDER(number, at) (16 + 128 * (number) + (at))

static void test_restore_refuses_orders_that_could_not_stand(void **state)
{
    (void)state;
    const struct edit edits[] = {
        /* 0: the bid, 1: the iceberg, 2: the stop */
        {TN_RECORD_BOOK, CALL, 0, 4, 2, "The order stands on the other side."},
        {TN_RECORD_BOOK, CALL, 8, 4, 0, "The record is too long."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 0), 8, 0, "The order's id was never given."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 0), 8, 2, "An order id stands twice."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 8), 4, 77, "The order's account is unknown."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 8), 4, DAN,
         "The order's account has no place in the series."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 16), 8, 0, "The order's price is out of range."},
        {TN_RECORD_BOOK, CALL, ORDER(1, 16), 8, 1201, "The order's price is out of range."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 16), 8, 1100, "The book is crossed."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 24), 8, 0, "The order's quantity is out of range."},
        {TN_RECORD_BOOK, CALL, ORDER(1, 32), 8, 20, "The hidden part is out of range."},
        {TN_RECORD_BOOK, CALL, ORDER(1, 32), 8, 14,
         "The order shows another part than its terms say."},
        {TN_RECORD_BOOK, CALL, ORDER(1, 40), 8, 1000000,
         "The order's visible part is out of range."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 48), 8, 1, "A trigger of an order that does not wait."},
        {TN_RECORD_BOOK, CALL, ORDER(1, 56), 8, 1, "The order's last moment is out of range."},
        {TN_RECORD_BOOK, CALL, ORDER(1, 64), 8, 1, "The order's reserve is out of range."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 64), 8, INT64_MAX,
         "The account's orders reserve more than fits."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 72), 8, 2, "An order's sibling does not fit it."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 80), 8, 500, "The order's client id was never forgotten."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 80), 8, 0, "A result of an order without client id."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 80), 8, 11, "The result is said twice."},
        {TN_RECORD_BOOK, CALL, ORDER(1, 80), 8, 11,
         "The order's client id stands for something else."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 104), 8, 1, "A group and its running number differ."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 112), 4, 1, "The order got its place in the future."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 121), 1, TN_MARKET, "No such order rests."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 122), 1, TN_IOC,
         "The order's last moment is out of range."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 123), 1, 3, "The order's posting is unknown."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 124), 1, 4, "The order's flags are unknown."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 124), 1, 1, "Reduce-only orders exceed the position."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 124), 1, 2, "The quote has terms that no quote has."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 125), 1, 4,
         "The order's self-trade prevention is unknown."},
        {TN_RECORD_BOOK, CALL, ORDER(0, 127), 1, 1, "Bytes that mean nothing are not zero."},
        {TN_RECORD_BOOK, CALL, ORDER(2, 32), 8, 1, "A waiting stop hides or reserves nothing."},
        {TN_RECORD_BOOK, CALL, ORDER(2, 122), 1, TN_FOK, "No stop waits with this time in force."},
        {TN_RECORD_BOOK, CALL, ORDER(2, 123), 1, 1, "No stop posts."},
        {TN_RECORD_BOOK, CALL, ORDER(2, 16), 8, 0, "The stop's limit is out of range."},
        {TN_RECORD_BOOK, CALL_HIGH, 0, 4, 0, "The record says nothing."},
        {TN_RECORD_BOOK, CALL_HIGH, ORDER(1, 16), 8, 950, "Orders must stand by their prices."},
        {TN_RECORD_BOOK, CALL_HIGH, ORDER(1, 24), 8, 3, "Reduce-only orders exceed the position."},
        {TN_RECORD_BOOK, PUT, ORDER(0, 126), 1, 4, "The quote's group is unknown."},
        {TN_RECORD_BOOK, PUT, ORDER(0, 104), 8, 99, "The quote joined after the last that did."},
        {TN_RECORD_BOOK, FUTURE, ORDER(0, 72), 8, 0, "An order's sibling does not fit it."},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        expect_refused(&edits[i]);
}

static void test_restore_refuses_accounts_that_could_not_be(void **state)
{
    (void)state;
    const struct edit edits[] = {
        {TN_RECORD_ACCOUNT, ALICE, 20, 4, 5, "The account's orders are not as many."},
        {TN_RECORD_ACCOUNT, ALICE, 20, 4, 513, "The account has more orders than there may be."},
        {TN_RECORD_ACCOUNT, ALICE, 24, 8, 1, "Cash does not add up to zero."},
        {TN_RECORD_ACCOUNT, ALICE, 24, 8, INT64_MAX, "The account's cash is out of range."},
        {TN_RECORD_ACCOUNT, ALICE, 32, 8, 1, "A balance is out of range, or of no asset."},
        {TN_RECORD_ACCOUNT, ALICE, 104, 8, 0, "The order's client id was never forgotten."},
        {TN_RECORD_POSITIONS, CAROL, 0, 8, 5, "The position's series is unknown."},
        {TN_RECORD_POSITIONS, CAROL, 8, 8, 4, "Positions are not the open interest."},
        {TN_RECORD_POSITIONS, CAROL, 8, 8, 400001, "The position is out of range."},
        {TN_RECORD_POSITIONS, CAROL, 8, 8, 0, "There is a cost of no position."},
        {TN_RECORD_POSITIONS, CAROL, 24, 8, 1, "Only a perpetual has funding."},
        {TN_RECORD_POSITIONS, BOB, 24, 8, UINT64_C(1) << 63,
         "The position owes more funding than fits."},
        {TN_RECORD_POSITIONS, CAROL, 32, 8, 0, "The position has no running number."},
        {TN_RECORD_POSITIONS, CAROL, 32, 8, 99, "The position joined after the last that did."},
        {TN_RECORD_MEMORY, BOB, 0, 4, 111, "The groups' size is no number of groups."},
        {TN_RECORD_MEMORY, BOB, 4, 4, 256, "A group's number is out of range."},
        {TN_RECORD_MEMORY, BOB, 4, 4, 4, "The quote's group is unknown."},
        {TN_RECORD_MEMORY, BOB, 12, 8, 0, "The group's terms are out of range."},
        {TN_RECORD_MEMORY, BOB, 4 + 48, 8, START_MS + 1,
         "The group's window begins in the future."},
        {TN_RECORD_MEMORY, BOB, 4 + 48, 8, UINT64_MAX, "The group counts without a window."},
        {TN_RECORD_MEMORY, BOB, 4 + 64, 8, 50, "The group stands at its limit."},
        {TN_RECORD_MEMORY, ALICE, 12, 4, 7, "Results are gone from a list that is not full."},
        {TN_RECORD_MEMORY, ALICE, 12, 4, 9, "The account remembers more results than it may."},
        {TN_RECORD_MEMORY, ALICE, 16, 8, 0, "The result has no client id."},
        {TN_RECORD_MEMORY, ALICE, 16, 8, 6, "A client id is remembered twice."},
        {TN_RECORD_MEMORY, ALICE, 24, 8, 1000, "The result's order was never there."},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        expect_refused(&edits[i]);
}

static void test_restore_refuses_records_that_are_missing_or_out_of_order(void **state)
{
    (void)state;
    struct records_copy copy = {.bytes = NULL};
    struct tn_import_fault fault = {.what = NULL};
    records_save(&copy, market.exchange, &market.limits);
    struct record_kept *record = find_record(&copy, TN_RECORD_ACCOUNT, DAN);
    struct record_kept kept = *record;
    *record = record[-1];
    assert_null(records_import(&copy, &fault, 1));
    assert_string_equal(fault.what, "Records must come by kind, then by index.");
    *record = kept;
    record->name.index = 77;
    assert_null(records_import(&copy, &fault, 1));
    assert_string_equal(fault.what, "There is no such account or series.");
    memmove(record, record + 1,
            (size_t)(copy.records + copy.records_count - record - 1) * sizeof *record);
    copy.records_count--;
    assert_null(records_import(&copy, &fault, 1));
    assert_string_equal(fault.what, "An account is missing.");
    copy.records++;
    copy.records_count--;
    assert_null(records_import(&copy, &fault, 1));
    assert_string_equal(fault.what, "The first record must be MARKET 0.");
    copy.records--;
    copy.records_count = 0;
    assert_null(records_import(&copy, &fault, 1));
    assert_string_equal(fault.what, "There are no records.");
    records_free(&copy);
}

/* ---- Long lists ---- */

enum { MANY = 1500, STRIDE = 769 }; /* coprime: an order of coming that is not by index */

static void apply_quickly(struct tn_entry entry)
{
    market.count = tn_exchange_apply(market.exchange, market.events, market.events_max, &entry);
}

static void send_quickly(uint32_t account, uint64_t nonce, struct tn_command command)
{
    apply_quickly(frame_entry(account, nonce, &command, 1));
    expect_reject(TN_REJECT_NONE);
}

/* Accounts join a series in one order and are read back in another; an account's orders have ids in
 * one order and stand in their book in another. */
static void open_crowd(void)
{
    struct tn_exchange_limits limits = usual_limits();
    limits.accounts_max = limits.exposures_max = 2 * MANY;
    limits.orders_max = limits.levels_max = 4 * MANY;
    limits.cancels_max = 4 * MANY;
    open_market_with(limits, usual_underlying());
    for (uint32_t i = TRADERS; i < MANY; i++) {
        apply_quickly(account_entry((uint8_t)(i % 200 + 5)));
        apply_quickly(deposit_entry(i, 0, START_CASH));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t turn = i * STRIDE % MANY;
        send_quickly(turn, 1, limit(BUY, market.perp, 99100 + turn % 800, 1));
        send_quickly(0, 2 + i, limit(BUY, market.call, 510 + turn % 480, 1));
    }
}

static void test_restored_lists_keep_their_order_however_long_they_are(void **state)
{
    (void)state;
    open_crowd();
    tn_exchange_check(market.exchange);
    struct tn_exchange *copy = records_restore(market.exchange, &market.limits, 99);
    assert_non_null(copy);
    struct tn_command all = mass_cancel((struct tn_mass_cancel){0});
    struct tn_entry entry = frame_entry(0, 2 * MANY, &all, 1);
    apply_quickly(entry);
    uint32_t count = tn_exchange_apply(copy, market.shadow_events, market.events_max, &entry);
    assert_int_equal(count, market.count);
    assert_true(count > MANY);
    assert_memory_equal(market.events, market.shadow_events, count * sizeof *market.events);
    assert_true(tn_exchange_digest(copy) == tn_exchange_digest(market.exchange));
    records_close(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_restored_market_has_every_sort_of_order,
                                        open_full_market, close_market),
        cmocka_unit_test_setup_teardown(test_restore_refuses_orders_that_could_not_stand,
                                        open_full_market, close_market),
        cmocka_unit_test_setup_teardown(test_restore_refuses_accounts_that_could_not_be,
                                        open_full_market, close_market),
        cmocka_unit_test_setup_teardown(
            test_restore_refuses_records_that_are_missing_or_out_of_order, open_full_market,
            close_market),
        OWN_STORY(test_restored_lists_keep_their_order_however_long_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
