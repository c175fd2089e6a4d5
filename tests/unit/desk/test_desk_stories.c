/* A leader's day: what enters the stream and in which order, what is sealed and when, what is
 * refused, and what is taken back when its term ends. A replica executes every final batch and must
 * come to the same results. */
#include "desk_case.h"

enum { SEALED_US = 10000 }; /* what is open is sealed by then, whatever else is not final */

static int open_story(void **state)
{
    (void)state;
    case_open();
    case_desk_limits();
    case_open_desk();
    return 0;
}

/* What a test set in desk_case.limits before. */
static void reopen(void)
{
    struct tn_desk_limits limits = desk_case.limits;
    case_shut_desk();
    case_shut();
    case_open();
    desk_case.limits = limits;
    case_open_desk();
}

static int close_story(void **state)
{
    (void)state;
    case_shut_desk();
    case_shut();
    return 0;
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, open_story, close_story)

static void send_limit(uint64_t client, uint32_t trader, enum tn_side side, tn_ticks price)
{
    const struct tn_command command = case_limit(side, stream_case.call, price, 1);
    case_frame(trader, &command, 1);
    assert_int_equal(case_send(client), TN_REJECT_NONE);
}

static void send_cancel(uint64_t client, uint32_t trader, uint64_t order_id)
{
    const struct tn_command command = case_cancel(order_id);
    case_frame(trader, &command, 1);
    assert_int_equal(case_send(client), TN_REJECT_NONE);
}

/* What was told to clients since the last time, in order, must be these. */
static void expect_clients(const uint64_t *clients, uint32_t count)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < desk_case.told_count; i++) {
        if (desk_case.told[i].client == TN_DESK_NOBODY) continue;
        assert_true(at < count);
        assert_true(desk_case.told[i].client == clients[at]);
        at++;
    }
    assert_int_equal(at, count);
    desk_case.told_count = 0;
}

static void expect_same_market(void)
{
    assert_true(tn_market_digest(tn_desk_market(desk_case.desk)) ==
                tn_market_digest(desk_case.replica));
    tn_market_check(desk_case.replica);
}

/* ---- Frames and batches ---- */

static void test_desk_answers_in_a_turn_and_seals_after_two_milliseconds(void **state)
{
    (void)state;
    send_limit(11, BOB, TN_BUY, 1000);
    send_limit(12, CAROL, TN_SELL, 1000);
    assert_int_equal(desk_case.told_count, 0);
    uint32_t before = desk_case.batches_count;
    case_turn(100);
    assert_int_equal(desk_case.told_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(desk_case.told[i].what, TOLD_STEP);
        assert_true(desk_case.told[i].client == 11 + i);
        assert_int_equal(desk_case.told[i].reject, TN_REJECT_NONE);
        assert_int_equal(desk_case.told[i].place.index, i);
        assert_int_equal(desk_case.told[i].place.term, CASE_TERM);
        assert_int_equal(desk_case.told[i].place.sequence, before + 1);
    }
    assert_true(tn_desk_next(desk_case.desk) == desk_case.now_us + 2000);
    case_turn(1999);
    assert_int_equal(desk_case.batches_count, before);
    case_turn(1);
    assert_int_equal(desk_case.batches_count, before + 1);
    assert_int_equal(desk_case.batches[before].header.entries_count, 2);
    assert_true(tn_hash_equal(&desk_case.batches[before].header.prev_digest,
                              &desk_case.batches[before - 1].digest));
    case_finalize_all();
    expect_same_market();
}

/* ---- Frames alone: a second thread's turns ---- */

static void turn_frames(uint64_t later_us)
{
    desk_case.now_us += later_us;
    tn_desk_turn_frames(desk_case.desk, desk_case.now_us);
}

static void test_desk_applies_frames_alone_and_seals_nothing(void **state)
{
    (void)state;
    uint32_t before = desk_case.batches_count;
    send_limit(11, BOB, TN_BUY, 1000);
    send_limit(12, CAROL, TN_SELL, 1000);
    case_pass_block(100);
    const uint64_t blocks = tn_desk_counts(desk_case.desk)->blocks;
    turn_frames(5000);
    expect_clients((uint64_t[]){11, 12}, 2);
    turn_frames(5000); /* what is open is long due */
    assert_int_equal(desk_case.batches_count, before);
    assert_true(tn_desk_counts(desk_case.desk)->blocks == blocks);
    assert_true(tn_desk_next(desk_case.desk) <= desk_case.now_us);
    case_turn(0);
    assert_int_equal(desk_case.batches_count, before + 1);
    assert_int_equal(desk_case.batches[before].header.entries_count, 3);
    case_finalize_all();
    expect_same_market();
}

static void test_desk_keeps_what_finds_no_room_for_the_turn_that_seals(void **state)
{
    (void)state;
    desk_case.limits.batch_bytes_max = 4096;
    reopen();
    const uint32_t before = desk_case.batches_count;
    uint64_t clients[64];
    for (uint32_t i = 0; i < 60; i++) {
        clients[i] = 1 + i;
        send_limit(clients[i], i % 2 == 0 ? BOB : CAROL, TN_BUY, 1000);
    }
    turn_frames(0);
    const uint32_t done = desk_case.told_count;
    assert_true(done > 5 && done < 60);
    assert_int_equal(desk_case.batches_count, before);
    turn_frames(0);
    assert_int_equal(desk_case.told_count, done);
    assert_true(tn_desk_next(desk_case.desk) <= desk_case.now_us);
    case_turn(0);
    case_turn(SEALED_US);
    assert_true(desk_case.batches_count > before + 1);
    expect_clients(clients, 60); /* each once, in the order in which they came */
    assert_int_equal(tn_desk_queue_count(desk_case.desk), 0);
    case_finalize_all();
    expect_same_market();
}

static void test_desk_seals_full_batches_among_frames_where_it_may(void **state)
{
    (void)state;
    desk_case.limits.batch_bytes_max = 4096;
    reopen();
    const uint32_t before = desk_case.batches_count;
    uint64_t clients[64];
    desk_case.may_seal = true;
    for (uint32_t i = 0; i < 60; i++) {
        clients[i] = 1 + i;
        send_limit(clients[i], i % 2 == 0 ? BOB : CAROL, TN_BUY, 1000);
    }
    turn_frames(0);
    assert_true(desk_case.batches_count > before);
    expect_clients(clients, 60);
    const uint32_t full = desk_case.batches_count;
    turn_frames(SEALED_US); /* the last one is due, and not full */
    assert_int_equal(desk_case.batches_count, full);
    case_turn(0);
    assert_int_equal(desk_case.batches_count, full + 1);
    case_finalize_all();
    expect_same_market();
}

static void test_desk_refuses_only_what_was_not_answered_when_its_term_ends(void **state)
{
    (void)state;
    desk_case.limits.batch_bytes_max = 4096;
    reopen();
    for (uint32_t i = 0; i < 60; i++)
        send_limit(1 + i, BOB, TN_BUY, 1000);
    turn_frames(0);
    const uint32_t done = desk_case.told_count;
    tn_desk_end(desk_case.desk);
    uint32_t refused = 0, reverted = 0;
    for (uint32_t i = done; i < desk_case.told_count; i++) {
        refused += desk_case.told[i].what == TOLD_REFUSED;
        reverted += desk_case.told[i].what == TOLD_REVERTED;
    }
    assert_int_equal(refused, 60 - done);
    assert_int_equal(reverted, done);
}

static void test_desk_takes_an_older_time_for_the_last_one(void **state)
{
    (void)state;
    send_limit(1, BOB, TN_BUY, 1000);
    turn_frames(100);
    const uint64_t due_us = tn_desk_next(desk_case.desk);
    tn_desk_turn(desk_case.desk, desk_case.now_us - 100);
    assert_true(tn_desk_next(desk_case.desk) == due_us);
    assert_true(due_us == desk_case.now_us + desk_case.limits.seal_us);
}

/* ---- What enters the stream ---- */

static void test_desk_gathers_longer_behind_two_batches_that_are_not_final(void **state)
{
    (void)state;
    static const uint64_t times[] = {1, 1, 3, 4, 5, 5, 5};
    const uint32_t before = desk_case.batches_count;
    for (uint32_t waiting = 0; waiting < 7; waiting++) {
        send_limit(1 + waiting, BOB, TN_BUY, 1000);
        case_turn(0);
        const uint64_t due_us = 2000 * times[waiting];
        assert_true(tn_desk_next(desk_case.desk) == desk_case.now_us + due_us);
        case_turn(due_us - 1);
        assert_int_equal(desk_case.batches_count, before + waiting);
        case_turn(1);
        assert_int_equal(desk_case.batches_count, before + waiting + 1);
    }
    send_limit(8, BOB, TN_BUY, 1000);
    case_turn(0);
    case_finalize_all(); /* then what is open is due as ever */
    assert_true(tn_desk_next(desk_case.desk) == desk_case.now_us + 2000);
}

static void test_desk_lets_no_frame_in_that_would_be_a_fault(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 1);
    struct case_terms terms = case_terms_of(BOB);
    terms.term = 0;
    case_frame_with(terms, &command, 1);
    assert_int_equal(case_send(1), TN_REJECT_TERM_WRONG);
    terms.term = CASE_TERM - 1;
    case_frame_with(terms, &command, 1);
    assert_int_equal(case_send(1), TN_REJECT_TERM_WRONG);
    terms = case_terms_of(BOB);
    terms.key = &stream_case.keys[CAROL];
    case_frame_with(terms, &command, 1);
    assert_int_equal(case_send(1), TN_REJECT_SIGNATURE_BAD);
    terms.session += 1;
    case_frame_with(terms, &command, 1);
    assert_int_equal(case_send(1), TN_REJECT_SESSION_UNKNOWN);
    terms = case_terms_of(BOB);
    terms.valid_until_block = 0;
    case_frame_with(terms, &command, 1);
    assert_int_equal(case_send(1), TN_REJECT_FRAME_EXPIRED);
    terms = case_terms_of(BOB);
    terms.nonce = 1; /* its session was opened with it */
    case_frame_with(terms, &command, 1);
    assert_int_equal(case_send(1), TN_REJECT_NONCE_USED);
    stream_case.frame_size--;
    assert_int_equal(case_send(1), TN_REJECT_FRAME_MALFORMED);
    const struct tn_entry deposit = deposit_entry(BOB, 0, DOLLAR);
    stream_case.frame_size =
        tn_stream_write_entry(stream_case.frame, sizeof stream_case.frame, &deposit);
    assert_int_equal(case_send(1), TN_REJECT_FRAME_MALFORMED);
    case_turn(3000);
    assert_int_equal(desk_case.told_count, 0);
    assert_int_equal(tn_desk_counts(desk_case.desk)->refused_bad, 8);
    assert_int_equal(tn_desk_counts(desk_case.desk)->frames_entered, 0);
}

static void test_desk_asks_again_when_the_turn_comes(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 1);
    const struct case_terms terms = case_terms_of(BOB);
    case_frame_with(terms, &command, 1);
    assert_int_equal(case_send(21), TN_REJECT_NONE);
    assert_int_equal(case_send(22), TN_REJECT_NONE); /* the same frame twice in one turn */
    send_limit(23, DAN, TN_BUY, 990);
    case_close(case_owner_of(DAN), stream_case.sessions[DAN]);
    case_pass_block(100);
    case_turn(0);
    assert_int_equal(desk_case.told[2].what, TOLD_STEP); /* behind the BLOCK and its item */
    assert_true(desk_case.told[2].client == 21);
    assert_int_equal(desk_case.told[3].what, TOLD_REFUSED);
    assert_true(desk_case.told[3].client == 22);
    assert_int_equal(desk_case.told[3].reject, TN_REJECT_NONCE_USED);
    assert_int_equal(desk_case.told[4].what, TOLD_REFUSED);
    assert_int_equal(desk_case.told[4].reject, TN_REJECT_SESSION_UNKNOWN);
    case_turn(3000);
    case_finalize_all();
    expect_same_market();
}

static void test_desk_puts_cancels_first_but_never_before_their_own_accounts_frames(void **state)
{
    (void)state;
    send_limit(1, BOB, TN_BUY, 1000);
    send_limit(2, CAROL, TN_BUY, 990);
    case_turn(10);
    uint64_t bobs = desk_case.told[0].order_id, carols = desk_case.told[1].order_id;
    desk_case.told_count = 0;
    send_limit(3, DAN, TN_SELL, 1000);
    send_cancel(4, BOB, bobs); /* before Dan takes it */
    send_limit(5, CAROL, TN_SELL, 1010);
    send_cancel(6, CAROL, carols); /* behind her own */
    send_cancel(7, BOB, bobs);
    case_turn(10);
    const uint64_t order[] = {4, 7, 3, 5, 6};
    expect_clients(order, 5);
    assert_int_equal(tn_exchange_position(tn_market_exchange_of(tn_desk_market(desk_case.desk)),
                                          BOB, stream_case.call)
                         .quantity,
                     0);
}

static void test_desk_seals_when_the_next_entry_would_be_too_much(void **state)
{
    (void)state;
    desk_case.limits.batch_bytes_max = 4096;
    reopen();
    uint32_t before = desk_case.batches_count;
    for (uint32_t i = 0; i < 120; i++)
        send_limit(i, i % TRADERS, i % 2 == 0 ? TN_BUY : TN_SELL, 1000);
    case_turn(0);
    assert_true(desk_case.batches_count >= before + 2);
    for (uint32_t i = before; i < desk_case.batches_count; i++)
        assert_true(desk_case.batches[i].body_size > 4096 - 300);
    case_turn(SEALED_US);
    case_finalize_all();
    expect_same_market();
    static uint8_t large[8192];
    assert_int_equal(tn_desk_frame(desk_case.desk, 1, large, 4096, desk_case.now_us),
                     TN_REJECT_FRAME_TOO_LARGE);
    assert_int_equal(tn_desk_counts(desk_case.desk)->refused_size, 1);
}

static void test_desk_seals_a_heartbeat_when_nothing_happens(void **state)
{
    (void)state;
    uint32_t before = desk_case.batches_count;
    uint64_t due = tn_desk_next(desk_case.desk);
    assert_true(due > desk_case.now_us && due <= desk_case.now_us + 100000);
    case_turn(due - desk_case.now_us - 1);
    assert_int_equal(desk_case.batches_count, before);
    case_turn(1);
    assert_int_equal(desk_case.batches_count, before + 1);
    assert_int_equal(desk_case.batches[before].header.entries_count, 0);
    assert_true(tn_desk_next(desk_case.desk) == desk_case.now_us + 100000);
    case_finalize_all();
    expect_same_market();
}

/* ---- Blocks and slices ---- */

static void test_desk_takes_blocks_at_once_in_order_and_before_frames(void **state)
{
    (void)state;
    send_limit(1, BOB, TN_BUY, 1000);
    case_entry(deposit_entry(BOB, 0, DOLLAR));
    case_pass_block(100);
    case_pass_block(100);
    case_pass_block(100);
    case_turn(0);
    assert_int_equal(desk_case.told_count, 5);
    assert_int_equal(desk_case.told[0].item, TN_INBOX_ENTRY);
    assert_true(desk_case.told[0].client == TN_DESK_NOBODY);
    for (uint32_t i = 1; i < 4; i++)
        assert_int_equal(desk_case.told[i].entry, TN_ENTRY_BLOCK);
    assert_int_equal(desk_case.told[4].entry, TN_ENTRY_FRAME);
    assert_int_equal(tn_market_cursor(tn_desk_market(desk_case.desk)), 4);
    case_turn(SEALED_US);
    const struct case_batch *last = &desk_case.batches[desk_case.batches_count - 1];
    assert_int_equal(last->header.first_block, 1);
    assert_int_equal(last->header.last_block, 4);
    case_finalize_all();
    expect_same_market();
}

static void test_desk_never_lets_orders_wait_for_more_than_a_slice(void **state)
{
    (void)state;
    desk_case.limits.slice_units = 4;
    desk_case.limits.slice_weight = 8;
    reopen();
    for (uint32_t round = 0; round < 3; round++) {
        struct tn_command commands[8];
        for (uint32_t i = 0; i < 8; i++)
            commands[i] = case_limit(TN_BUY, stream_case.call, 700 + (tn_ticks)(8 * round + i), 1);
        case_frame(BOB, commands, 8);
        assert_int_equal(case_send(1), TN_REJECT_NONE);
        case_frame(BOB, commands, 8);
        assert_int_equal(case_send(1), TN_REJECT_NONE);
    }
    case_turn(0);
    const struct tn_command all = case_cancel_all(); /* 32 at once, the other 16 by slices of 4 */
    case_frame(BOB, &all, 1);
    assert_int_equal(case_send(2), TN_REJECT_NONE);
    for (uint32_t i = 0; i < 12; i++)
        send_limit(10 + i, i % 2 == 0 ? CAROL : DAN, TN_SELL, 1100);
    desk_case.told_count = 0;
    case_turn(0);
    uint32_t sweeps = 0, frames_since = 0;
    for (uint32_t i = 0; i < desk_case.told_count; i++) {
        if (desk_case.told[i].entry == TN_ENTRY_SWEEP) {
            sweeps++;
            frames_since = 0;
        } else {
            frames_since++;
        }
        if (sweeps < 4) assert_true(frames_since <= 2);
    }
    assert_true(sweeps >= 4);
    for (uint32_t i = 0; i < 20 && tn_desk_next(desk_case.desk) <= desk_case.now_us; i++)
        case_turn(0);
    assert_false(tn_exchange_work(tn_market_exchange_of(tn_desk_market(desk_case.desk))));
    assert_true(tn_desk_next(desk_case.desk) > desk_case.now_us);
    case_turn(SEALED_US);
    case_finalize_all();
    expect_same_market();
}

/* ---- When finality is late ---- */

static void expect_only_cancels(void)
{
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 900, 1);
    case_frame(BOB, &command, 1);
    assert_int_equal(case_send(1), TN_REJECT_DESK_CANCELS_ONLY);
    send_cancel(2, BOB, 1);
}

static void test_desk_takes_only_cancels_when_no_block_has_come_for_long(void **state)
{
    (void)state;
    desk_case.now_us += 400000;
    case_turn(0);
    case_finalize_all();
    send_limit(1, BOB, TN_BUY, 1000); /* it waits for a turn that comes too late */
    desk_case.now_us += 200000;
    expect_only_cancels();
    desk_case.told_count = 0;
    case_turn(0);
    assert_int_equal(desk_case.told[0].what, TOLD_REFUSED);
    assert_int_equal(desk_case.told[0].reject, TN_REJECT_DESK_CANCELS_ONLY);
    assert_int_equal(desk_case.told[1].what, TOLD_STEP);
    assert_true(desk_case.told[1].client == 2);
    case_pass_block(100);
    case_turn(0);
    send_limit(3, BOB, TN_BUY, 1000);
    assert_int_equal(tn_desk_counts(desk_case.desk)->refused_stale, 2);
}

static void test_desk_takes_only_cancels_when_a_batch_is_not_final_for_long(void **state)
{
    (void)state;
    send_limit(1, BOB, TN_BUY, 1000);
    case_turn(0);
    case_turn(SEALED_US);
    for (uint32_t i = 0; i < 6; i++) {
        desk_case.now_us += 90000;
        case_pass_block(90);
        case_turn(0);
    }
    expect_only_cancels();
    case_finalize_all();
    send_limit(1, BOB, TN_BUY, 1000);
}

static void test_desk_refuses_what_its_bounded_memories_cannot_hold(void **state)
{
    (void)state;
    desk_case.limits.queue_frames_max = 4;
    desk_case.limits.pending_frames_max = 6;
    desk_case.limits.pending_batches_max = 8;
    reopen();
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 900, 1);
    for (uint32_t i = 0; i < 3; i++)
        send_limit(i, BOB, TN_BUY, 900);
    case_frame(BOB, &command, 1);
    assert_int_equal(case_send(4), TN_REJECT_DESK_FULL);
    send_cancel(3, CAROL, 1); /* the last quarter is for cancels */
    const struct tn_command one_more = case_cancel(1);
    case_frame(CAROL, &one_more, 1);
    assert_int_equal(case_send(4), TN_REJECT_DESK_FULL);
    case_turn(SEALED_US);
    for (uint32_t i = 4; i < 7; i++)
        send_limit(i, BOB, TN_BUY, 900);
    desk_case.told_count = 0;
    case_turn(0);
    assert_int_equal(desk_case.told_count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(desk_case.told[i].what, i < 2 ? TOLD_STEP : TOLD_REFUSED);
    assert_int_equal(desk_case.told[2].reject, TN_REJECT_DESK_FULL);
    assert_int_equal(tn_desk_counts(desk_case.desk)->refused_full, 3);
    /* With nothing final, batches end at their bound; blocks wait. */
    for (uint32_t i = 0; i < 12; i++) {
        case_pass_block(10);
        case_turn(2000);
        case_turn(SEALED_US);
    }
    uint32_t sealed = desk_case.batches_count - desk_case.executed;
    assert_int_equal(sealed, 8);
    assert_true(tn_desk_next(desk_case.desk) == UINT64_MAX);
    case_finalize_all();
    assert_true(tn_desk_next(desk_case.desk) <= desk_case.now_us);
    case_turn(0);
    case_turn(SEALED_US);
    case_finalize_all();
    expect_same_market();
}

/* ---- The end of a term ---- */

static void test_desk_runs_ahead_of_finality_by_so_much_weight(void **state)
{
    (void)state;
    desk_case.limits.pending_weight_max = 4096;
    reopen();
    uint32_t taken = 0, places = 0;
    while (taken < 1000) {
        bool has_place = tn_desk_has_place(desk_case.desk, 200, desk_case.now_us);
        send_limit(1 + taken, BOB, TN_BUY, 900);
        desk_case.told_count = 0;
        case_turn(100);
        if (desk_case.told[0].what == TOLD_REFUSED) break;
        taken++;
        assert_true(!has_place || places == taken - 1); /* once it has none, it has none */
        places += has_place;
    }
    assert_int_equal(desk_case.told[0].reject, TN_REJECT_DESK_FULL);
    /* An eighth is kept for what comes before a frame's turn. */
    assert_true(places < taken && places > taken / 4 * 3);
    assert_false(tn_desk_has_place(desk_case.desk, 200, desk_case.now_us));
    assert_true(taken > 4096 / 8 - 64 && taken <= 4096 / 8); /* a frame of one order weighs 8 */
    desk_case.told_count = 0;
    send_cancel(5000, BOB, 1); /* there is room for those yet */
    case_turn(100);
    assert_int_equal(desk_case.told[0].what, TOLD_STEP);
    case_turn(SEALED_US);
    case_finalize_all();
    desk_case.told_count = 0;
    assert_true(tn_desk_has_place(desk_case.desk, 200, desk_case.now_us));
    for (uint32_t i = 0; tn_desk_has_place(desk_case.desk, 200, desk_case.now_us); i++)
        send_limit(6000 + i, BOB, TN_BUY, 900); /* what is queued counts, though no turn was */
    assert_true(tn_desk_queue_count(desk_case.desk) >= places);
    case_turn(100);
    for (uint32_t i = 0; i < desk_case.told_count; i++)
        assert_int_equal(desk_case.told[i].what, TOLD_STEP);
    case_turn(SEALED_US);
    case_finalize_all();
    desk_case.told_count = 0;
    send_limit(5001, BOB, TN_BUY, 900);
    case_turn(100);
    assert_int_equal(desk_case.told[0].what, TOLD_STEP);
}

static void test_desk_reverts_exactly_what_is_not_final_when_its_term_ends(void **state)
{
    (void)state;
    uint64_t nonces[6];
    for (uint32_t i = 0; i < 6; i++) {
        send_limit(100 + i, BOB, TN_BUY, 900);
        nonces[i] = stream_case.nonces[BOB];
        case_turn(0);
        if (i % 2 == 1) case_turn(SEALED_US);
    }
    send_limit(106, CAROL, TN_BUY, 900); /* in the batch that is open */
    case_turn(0);
    send_limit(107, DAN, TN_BUY, 900); /* in the queue */
    uint64_t before = tn_market_digest(desk_case.replica);
    case_finalize(); /* the first two; of three sealed */
    desk_case.told_count = 0;
    uint32_t sealed = desk_case.batches_count;
    tn_desk_end(desk_case.desk);
    assert_false(tn_desk_leads(desk_case.desk));
    assert_int_equal(desk_case.told_count, 6);
    assert_int_equal(desk_case.told[0].what, TOLD_REFUSED);
    assert_true(desk_case.told[0].client == 107);
    assert_int_equal(desk_case.told[0].reject, TN_REJECT_DESK_IDLE);
    for (uint32_t i = 1; i < 6; i++) {
        const struct case_told *told = &desk_case.told[i];
        assert_int_equal(told->what, TOLD_REVERTED);
        assert_true(told->client == 101 + i);
        assert_int_equal(told->place.term, CASE_TERM);
        assert_true(told->place.sequence >
                    desk_case.batches[desk_case.executed - 1].header.sequence);
        if (i < 5) assert_true(told->nonce == nonces[i + 1]);
        assert_true(told->session == stream_case.sessions[i < 5 ? BOB : CAROL]);
    }
    /* Idle: nothing is sealed, nothing is taken. */
    case_turn(1000000);
    assert_int_equal(desk_case.batches_count, sealed);
    assert_true(tn_desk_next(desk_case.desk) == UINT64_MAX);
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 900, 1);
    case_frame(BOB, &command, 1);
    assert_int_equal(case_send(1), TN_REJECT_DESK_IDLE);
    assert_true(tn_market_digest(desk_case.replica) != before);
}

static void test_desk_goes_on_in_a_later_term_from_the_last_final_batch(void **state)
{
    (void)state;
    send_limit(1, BOB, TN_BUY, 1000);
    case_turn(0);
    case_turn(SEALED_US);
    case_finalize_all();
    send_limit(2, BOB, TN_BUY, 1000);
    case_turn(0);
    case_turn(SEALED_US);
    case_pass_block(100); /* waits in the replica's market when it is cloned */
    tn_desk_end(desk_case.desk);
    case_forget_soft();
    const struct case_batch *last = &desk_case.batches[desk_case.executed - 1];
    case_begin(CASE_TERM + 2);
    case_turn(0);
    case_turn(SEALED_US);
    const struct case_batch *first = &desk_case.batches[desk_case.executed];
    assert_int_equal(first->header.term, CASE_TERM + 2);
    assert_true(first->header.sequence == last->header.sequence + 1);
    assert_true(tn_hash_equal(&first->header.prev_digest, &last->digest));
    assert_int_equal(first->header.last_block, 2);
    /* The frame that was reverted names the old term: nobody can bring it in again. */
    assert_int_equal(case_send(2), TN_REJECT_TERM_WRONG);
    struct case_terms terms = case_terms_of(BOB);
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 1);
    terms.term = CASE_TERM + 2;
    terms.nonce--; /* its nonce is free again */
    case_frame_with(terms, &command, 1);
    assert_int_equal(case_send(2), TN_REJECT_NONE);
    case_turn(0);
    case_turn(SEALED_US);
    case_finalize_all();
    expect_same_market();
}

static void test_desk_says_when_another_hand_has_sealed_in_its_name(void **state)
{
    (void)state;
    send_limit(1, BOB, TN_BUY, 1000);
    case_turn(0);
    case_turn(SEALED_US);
    const struct case_batch *batch = &desk_case.batches[desk_case.batches_count - 1];
    struct tn_hash other = batch->digest;
    other.bytes[9] ^= 1;
    assert_false(tn_desk_final(desk_case.desk, batch->header.sequence, &other, desk_case.now_us));
    assert_false(
        tn_desk_final(desk_case.desk, batch->header.sequence + 1, &other, desk_case.now_us));
    assert_true(
        tn_desk_final(desk_case.desk, batch->header.sequence, &batch->digest, desk_case.now_us));
    assert_true(tn_desk_final(desk_case.desk, 1, &other, desk_case.now_us)); /* long known */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_desk_answers_in_a_turn_and_seals_after_two_milliseconds),
        STORY(test_desk_applies_frames_alone_and_seals_nothing),
        STORY(test_desk_keeps_what_finds_no_room_for_the_turn_that_seals),
        STORY(test_desk_seals_full_batches_among_frames_where_it_may),
        STORY(test_desk_refuses_only_what_was_not_answered_when_its_term_ends),
        STORY(test_desk_takes_an_older_time_for_the_last_one),
        STORY(test_desk_gathers_longer_behind_two_batches_that_are_not_final),
        STORY(test_desk_lets_no_frame_in_that_would_be_a_fault),
        STORY(test_desk_asks_again_when_the_turn_comes),
        STORY(test_desk_puts_cancels_first_but_never_before_their_own_accounts_frames),
        STORY(test_desk_seals_when_the_next_entry_would_be_too_much),
        STORY(test_desk_seals_a_heartbeat_when_nothing_happens),
        STORY(test_desk_takes_blocks_at_once_in_order_and_before_frames),
        STORY(test_desk_never_lets_orders_wait_for_more_than_a_slice),
        STORY(test_desk_takes_only_cancels_when_no_block_has_come_for_long),
        STORY(test_desk_takes_only_cancels_when_a_batch_is_not_final_for_long),
        STORY(test_desk_refuses_what_its_bounded_memories_cannot_hold),
        STORY(test_desk_runs_ahead_of_finality_by_so_much_weight),
        STORY(test_desk_reverts_exactly_what_is_not_final_when_its_term_ends),
        STORY(test_desk_goes_on_in_a_later_term_from_the_last_final_batch),
        STORY(test_desk_says_when_another_hand_has_sealed_in_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
