/* A desk that leads a market with margin: the sweep after a MARK goes by slices, and the next
 * BLOCK, which would end it at once, waits for it, within bounds (docs/specs/desk.md §4). */
#include "desk_case.h"
#include "tenor/riskview.h"

enum { SWEPT = 60, SOFT_MS = 400, SEALED_US = 10000 };

static uint32_t accounts_count(void)
{
    return tn_exchange_accounts_count(tn_market_exchange_of(tn_desk_market(desk_case.desk)));
}

/* So many accounts, in blocks of what an inbox holds. */
static void open_accounts(uint32_t count)
{
    for (uint32_t opened = TRADERS; opened < count;) {
        for (uint32_t i = 0; i < 200 && opened < count; i++, opened++) {
            struct tn_entry entry = {.kind = TN_ENTRY_ACCOUNT};
            tn_put_be(entry.as.account.owner, 5000 + opened, 4);
            case_entry(entry);
        }
        case_pass_block(0);
        case_turn(0);
        case_turn(SEALED_US);
        case_finalize_all();
        desk_case.told_count = 0;
    }
    assert_int_equal(accounts_count(), count);
}

/* So many accounts swept, so many units in a slice; the first block was a MARK, and is swept. Every
 * block that comes 100 ms after the last one is a MARK too. */
static void open_many(uint32_t accounts, uint32_t slice_units)
{
    case_open();
    stream_case.limits.exchange.expiries_max = 4;
    stream_case.limits.exchange.signers_max = 1;
    stream_case.limits.exchange.accounts_max = 2 * accounts;
    struct tn_market_scratch *scratch = &stream_case.scratch;
    scratch->events_max = tn_exchange_events_max(&stream_case.limits.exchange);
    free(scratch->events);
    scratch->events = case_room(scratch->events_max * sizeof *scratch->events);
    case_desk_limits();
    desk_case.limits.soft_ms = SOFT_MS;
    desk_case.limits.slice_units = SWEPT;
    case_open_desk();
    open_accounts(accounts);
    tn_desk_end(desk_case.desk);
    free(desk_case.desk);
    desk_case.limits.slice_units = slice_units;
    case_make_desk();
    case_begin(CASE_TERM);
    desk_case.told_count = 0;
}

static void open_swept(uint32_t slice_units)
{
    open_many(SWEPT, slice_units);
}

static void shut(void)
{
    case_shut_desk();
    case_shut();
}

static void send_limit(uint64_t client)
{
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 1);
    case_frame(BOB, &command, 1);
    assert_int_equal(case_send(client), TN_REJECT_NONE);
}

static void expect_same_market(void)
{
    assert_true(tn_market_digest(tn_desk_market(desk_case.desk)) ==
                tn_market_digest(desk_case.replica));
    tn_market_check(desk_case.replica);
}

/* Accounts that the sweep has not reached. */
static uint32_t sweep_left(void)
{
    struct tn_risk_view view;
    assert_true(tn_exchange_risk(tn_market_exchange_of(tn_desk_market(desk_case.desk)), &view));
    assert_true(view.sweeping == (view.sweep_left > 0));
    return view.sweep_left;
}

static uint64_t cursor(void)
{
    return tn_market_cursor(tn_desk_market(desk_case.desk));
}

static void test_desk_lets_a_block_wait_for_a_sweep_and_frames_and_slices_go_on(void **state)
{
    (void)state;
    enum { UNITS = 4 };
    open_swept(UNITS);
    case_pass_block(100);
    case_turn(0);
    assert_int_equal(sweep_left(), SWEPT - UNITS);
    const uint64_t before = cursor();
    case_pass_block(100);
    case_pass_block(100);
    uint32_t turns = 0;
    while (cursor() == before) {
        const uint32_t left = sweep_left();
        send_limit(1);
        desk_case.told_count = 0;
        assert_true(tn_desk_next(desk_case.desk) <= desk_case.now_us);
        case_turn(0);
        if (cursor() != before) {
            assert_int_equal(left, 0);
            break;
        }
        assert_int_equal(desk_case.told_count, 2);
        assert_int_equal(desk_case.told[0].entry, TN_ENTRY_FRAME);
        assert_int_equal(desk_case.told[1].entry, TN_ENTRY_SWEEP);
        assert_int_equal(sweep_left(), left - UNITS);
        turns++;
    }
    assert_int_equal(turns, SWEPT / UNITS - 1);
    assert_int_equal(cursor(), before + 1); /* the next one waits for the sweep of this one */
    while (tn_desk_next(desk_case.desk) <= desk_case.now_us)
        case_turn(0);
    assert_int_equal(cursor(), before + 2);
    assert_int_equal(sweep_left(), 0);
    case_turn(SEALED_US);
    case_finalize_all();
    expect_same_market();
    shut();
}

static void test_desk_lets_a_block_end_a_sweep_of_which_no_more_than_a_slice_is_left(void **state)
{
    (void)state;
    open_swept(SWEPT);
    const uint64_t before = cursor();
    for (uint32_t i = 0; i < 4; i++)
        case_pass_block(100);
    case_turn(0);
    assert_int_equal(cursor(), before + 4);
    assert_int_equal(sweep_left(), 0);
    shut();
}

/* A quarter of soft_ms, from when one began to wait: the next one has no time of its own. */
static void test_desk_does_not_let_blocks_wait_for_sweeps_for_long(void **state)
{
    (void)state;
    open_swept(1);
    case_pass_block(100);
    case_turn(0);
    const uint64_t before = cursor();
    case_pass_block(100);
    for (uint32_t ms = 0; ms < SOFT_MS / 4; ms += 10) {
        case_turn(ms == 0 ? 0 : 10000);
        assert_int_equal(cursor(), before);
        if (ms == SOFT_MS / 8) case_pass_block(100);
    }
    assert_true(sweep_left() > 1);
    case_turn(10000);
    assert_int_equal(cursor(), before + 2);
    case_pass_block(100);
    case_turn(0);
    assert_int_equal(cursor(), before + 2); /* none waited before it: it may */
    case_finalize_all();
    shut();
}

static void test_desk_does_not_let_many_blocks_wait_for_a_sweep(void **state)
{
    (void)state;
    open_swept(1);
    case_pass_block(100);
    case_turn(0);
    const uint64_t before = cursor();
    const uint32_t most = desk_case.limits.market.inboxes_max / 2;
    for (uint32_t i = 0; i < most; i++)
        case_pass_block(1);
    case_turn(0);
    assert_int_equal(cursor(), before);
    case_pass_block(1);
    case_turn(0);
    assert_int_equal(cursor(), before + most + 1);
    case_turn(SEALED_US);
    case_finalize_all();
    expect_same_market();
    shut();
}

/* A hundred quotes, which weigh 206. */
static void send_quotes(uint64_t client)
{
    enum { QUOTES = 100 };
    static struct tn_quote quotes[QUOTES];
    const struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE,
                                       .as.mass_quote = {.quotes = quotes, .quotes_count = QUOTES}};
    for (uint32_t i = 0; i < QUOTES; i++)
        quotes[i] = (struct tn_quote){.series_id = stream_case.call,
                                      .bid_price = 1000,
                                      .ask_price = 2000,
                                      .bid_quantity = 1,
                                      .ask_quantity = 1};
    case_frame(BOB, &command, 1);
    assert_int_equal(case_send(client), TN_REJECT_NONE);
}

/* By the limits that nodes have: the slices that stand between the frames of one turn weigh twice
 * what the frames do, and of pending_weight_max an eighth was kept. */
static void test_desk_takes_no_slice_in_whose_place_a_frame_was_let_in(void **state)
{
    (void)state;
    enum { ACCOUNTS = 20000 };
    struct tn_desk_limits usual;
    tn_desk_limits_default(&usual);
    open_many(ACCOUNTS, usual.slice_units);
    case_pass_block(100);
    case_turn(0);
    const uint32_t left = sweep_left();
    assert_true(left > ACCOUNTS / 2);
    uint64_t client = 1;
    while (tn_desk_has_place(desk_case.desk, stream_case.frame_size, desk_case.now_us))
        send_quotes(client++);
    assert_true(client > 200);
    desk_case.told_count = 0;
    case_turn(0);
    uint32_t frames = 0, slices = 0;
    for (uint32_t i = 0; i < desk_case.told_count; i++) {
        assert_int_equal(desk_case.told[i].what, TOLD_STEP);
        frames += desk_case.told[i].entry == TN_ENTRY_FRAME;
        slices += desk_case.told[i].entry == TN_ENTRY_SWEEP;
    }
    assert_int_equal(frames, client - 1);
    /* Slices took what was kept, and the turn ended with one. */
    assert_in_range(slices, 10, usual.pending_weight_max / 8 / usual.slice_units + 1);
    assert_in_range(sweep_left(), 1, left - slices);
    case_turn(SEALED_US);
    case_finalize_all();
    expect_same_market();
    shut();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_desk_lets_a_block_wait_for_a_sweep_and_frames_and_slices_go_on),
        cmocka_unit_test(test_desk_lets_a_block_end_a_sweep_of_which_no_more_than_a_slice_is_left),
        cmocka_unit_test(test_desk_does_not_let_blocks_wait_for_sweeps_for_long),
        cmocka_unit_test(test_desk_does_not_let_many_blocks_wait_for_a_sweep),
        cmocka_unit_test(test_desk_takes_no_slice_in_whose_place_a_frame_was_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
