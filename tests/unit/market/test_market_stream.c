/* What may stand in a market's stream, and what comes of it: signed frames, BLOCKs, sweeps. */
#include "market_story.h"

/* ---- Frames ---- */

static void test_market_executes_a_frame_that_its_session_signed(void **state)
{
    (void)state;
    const struct tn_command commands[] = {case_limit(TN_BUY, stream_case.call, 1000, 5),
                                          case_limit(TN_SELL, stream_case.call, 1010, 2)};
    case_frame(BOB, commands, 2);
    assert_true(apply_frame());
    assert_int_equal(story.steps_count, 1);
    assert_int_equal(story.steps[0].fault, 0);
    assert_int_equal(story.steps[0].session, stream_case.sessions[BOB]);
    assert_int_equal(story.last[0].kind, TN_EVENT_RESULT);
    assert_int_equal(story.last[0].reject, TN_REJECT_NONE);
    assert_int_equal(story.last[0].account, BOB);
    const struct tn_command take = case_limit(TN_BUY, stream_case.call, 1010, 2);
    case_frame(CAROL, &take, 1);
    assert_true(apply_frame());
    assert_int_equal(
        tn_exchange_position(tn_market_exchange_of(story.market), CAROL, stream_case.call).quantity,
        2);
}

static void test_market_makes_a_no_op_and_a_fault_of_a_wrong_signature(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    case_frame(BOB, &command, 1);
    stream_case.frame[stream_case.frame_size - 1] ^= 1;
    expect_no_op(TN_REJECT_SIGNATURE_BAD, BOB);
    struct case_terms terms = case_terms_of(BOB);
    terms.key = &stream_case.keys[CAROL];
    case_frame_with(terms, &command, 1);
    expect_no_op(TN_REJECT_SIGNATURE_BAD, BOB);
    /* One bit of what was signed. */
    case_frame(BOB, &command, 1);
    stream_case.frame[stream_case.frame_size - TN_SIGNATURE_SIZE - 1] ^= 1;
    bool is_readable = apply_frame();
    if (is_readable) assert_int_not_equal(story.steps[0].fault, 0);
}

static void test_market_makes_a_no_op_of_another_term_market_or_session(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    const uint32_t terms_wrong[] = {0, CASE_TERM - 1, CASE_TERM + 1};
    for (uint32_t i = 0; i < 3; i++) {
        struct case_terms terms = case_terms_of(BOB);
        terms.term = terms_wrong[i];
        case_frame_with(terms, &command, 1);
        expect_no_op(TN_REJECT_TERM_WRONG, BOB);
    }
    struct case_terms terms = case_terms_of(BOB);
    terms.market = 8;
    case_frame_with(terms, &command, 1);
    expect_no_op(TN_REJECT_MARKET_WRONG, TN_NONE);
    const uint64_t sessions[] = {0, UINT64_C(9) << 32 | BOB, UINT64_C(3) << 32 | 31,
                                 UINT64_C(3) << 32 | 0xffffffff, UINT64_MAX};
    for (uint32_t i = 0; i < 5; i++) {
        terms = case_terms_of(BOB);
        terms.session = sessions[i];
        case_frame_with(terms, &command, 1);
        expect_no_op(TN_REJECT_SESSION_UNKNOWN, TN_NONE);
    }
}

static void test_market_takes_a_nonce_once_whatever_became_of_the_commands(void **state)
{
    (void)state;
    const struct tn_command unknown = case_cancel(12345);
    struct case_terms terms = case_terms_of(BOB);
    case_frame_with(terms, &unknown, 1);
    assert_true(apply_frame());
    assert_int_equal(story.steps[0].fault, 0);
    assert_int_equal(story.last[0].reject, TN_REJECT_ORDER_UNKNOWN);
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    case_frame_with(terms, &command, 1);
    expect_no_op(TN_REJECT_NONCE_USED, BOB);
    terms.nonce += 100;
    case_frame_with(terms, &command, 1);
    assert_true(apply_frame());
    assert_int_equal(story.last[0].reject, TN_REJECT_NONE);
    terms.nonce -= 99;
    case_frame_with(terms, &command, 1);
    expect_no_op(TN_REJECT_NONCE_TOO_OLD, BOB);
}

static void test_market_refuses_frames_past_their_block(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    struct case_terms terms = case_terms_of(BOB);
    terms.valid_until_block = 1;
    case_frame_with(terms, &command, 1);
    assert_true(apply_frame());
    assert_int_equal(story.steps[0].fault, 0);
    pass_block(100);
    terms.nonce++;
    case_frame_with(terms, &command, 1);
    expect_no_op(TN_REJECT_FRAME_EXPIRED, BOB);
}

static void test_market_refuses_frames_with_more_commands_than_it_takes(void **state)
{
    (void)state;
    struct tn_command commands[9];
    for (uint32_t i = 0; i < 9; i++)
        commands[i] = case_limit(TN_BUY, stream_case.call, 900, 1);
    case_frame(BOB, commands, 9);
    expect_no_op(TN_REJECT_FRAME_SIZE, BOB);
    case_frame(BOB, commands, 8);
    assert_true(apply_frame());
    assert_int_equal(story.steps[0].fault, 0);
}

static bool always(void *context, const struct tn_hash *digest, const struct tn_public_key *key,
                   const struct tn_signature *signature)
{
    (void)signature;
    uint32_t *asked = context;
    struct tn_hash expected;
    size_t payload = stream_case.frame_size - TN_SIGNATURE_SIZE - 6;
    tn_frame_digest(&expected, stream_case.limits.chain_id, stream_case.frame + 6, payload);
    assert_true(tn_hash_equal(digest, &expected));
    assert_true(tn_public_key_equal(key, &stream_case.public_keys[BOB]));
    (*asked)++;
    return true;
}

static void test_market_asks_nobody_twice_for_a_signature_this_node_has_found_good(void **state)
{
    (void)state;
    uint32_t asked = 0;
    const struct tn_market_world world = {
        .signatures = &stream_case.signatures, .verified = always, .context = &asked};
    tn_market_lend(story.market, &world);
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    case_frame(BOB, &command, 1);
    stream_case.frame[stream_case.frame_size - 1] ^= 1; /* it would not pass */
    assert_true(apply_frame());
    assert_int_equal(story.steps[0].fault, 0);
    assert_int_equal(asked, 1);
}

/* What is known to whom asks: the digest of the frame's payload. */
struct knowing {
    const struct tn_hash *known;
    uint32_t asked;
};

static const struct tn_hash *known_digest(void *context, const uint8_t *payload, size_t size)
{
    struct knowing *knowing = context;
    assert_ptr_equal(payload, stream_case.frame + 6);
    assert_int_equal(size, stream_case.frame_size - TN_SIGNATURE_SIZE - 6);
    knowing->asked++;
    return knowing->known;
}

static void test_market_holds_a_signature_against_the_digest_that_is_known(void **state)
{
    (void)state;
    struct knowing knowing = {.known = NULL};
    struct tn_hash right, wrong;
    const struct tn_market_world world = {
        .signatures = &stream_case.signatures, .digested = known_digest, .context = &knowing};
    tn_market_lend(story.market, &world);
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    for (uint32_t round = 0; round < 3; round++) {
        case_frame(BOB, &command, 1);
        const size_t size = stream_case.frame_size - TN_SIGNATURE_SIZE - 6;
        tn_frame_digest(&right, stream_case.limits.chain_id, stream_case.frame + 6, size);
        wrong = right;
        wrong.bytes[31] ^= 1;
        knowing.known = round == 0 ? NULL : round == 1 ? &wrong : &right;
        assert_true(apply_frame());
        assert_int_equal(story.steps[0].fault, round == 1 ? TN_REJECT_SIGNATURE_BAD : 0);
        assert_int_equal(knowing.asked, round + 1);
    }
}

/* ---- What has no place in a stream ---- */

static void test_market_refuses_entries_that_only_inboxes_may_bring(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    const struct tn_entry entries[] = {account_entry(1),
                                       deposit_entry(BOB, 0, DOLLAR),
                                       index_entry(1, DOLLAR),
                                       block_entry(2, START_MS + 1000),
                                       list_entry(stream_case.call),
                                       frame_entry(BOB, 77, &command, 1)};
    uint64_t before = tn_market_digest(story.market);
    for (uint32_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        uint8_t bytes[1024];
        size_t size = tn_stream_write_entry(bytes, sizeof bytes, &entries[i]);
        assert_false(apply_bytes(bytes, size));
        assert_int_equal(story.steps_count, 0);
        assert_non_null(story.fault.what);
    }
    assert_true(tn_market_digest(story.market) == before);
    const struct tn_entry sweep = {.kind = TN_ENTRY_SWEEP, .as.sweep = {.units = 5}};
    uint8_t bytes[64];
    assert_true(apply_bytes(bytes, tn_stream_write_entry(bytes, sizeof bytes, &sweep)));
}

static void test_market_takes_blocks_in_order_with_their_hash_and_time_alone(void **state)
{
    (void)state;
    struct tn_inbox second = case_block(100);
    assert_false(apply_block(&second)); /* nobody handed it over */
    assert_true(tn_market_inbox(story.market, &second));
    struct tn_inbox third = case_block(100);
    assert_true(tn_market_inbox(story.market, &third));
    assert_false(apply_block(&third));
    struct tn_inbox wrong = second;
    wrong.block_hash.bytes[0] ^= 1;
    assert_false(apply_block(&wrong));
    wrong = second;
    wrong.time_ms++;
    assert_false(apply_block(&wrong));
    assert_int_equal(tn_market_cursor(story.market), 1);
    assert_true(apply_block(&second));
    assert_false(apply_block(&second));
    assert_true(apply_block(&third));
    assert_int_equal(tn_market_cursor(story.market), 3);
    assert_int_equal(tn_exchange_height(tn_market_exchange_of(story.market)), 3);
}

static void test_market_applies_items_in_order_before_their_block(void **state)
{
    (void)state;
    const struct tn_mark mark = usual_mark(stream_case.call, 1100 * TICK);
    case_entry(deposit_entry(BOB, 0, 3 * DOLLAR));
    case_entry(deposit_entry(99, 0, 3 * DOLLAR));
    case_entry(marks_entry(&mark, 1));
    pass_block(100);
    assert_int_equal(story.steps_count, 4);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(story.steps[i].item, TN_INBOX_ENTRY);
        assert_int_equal(story.steps[i].number, i);
    }
    assert_int_equal(story.steps[3].item, 0);
    expect_item(0, TN_REJECT_NONE);
    expect_item(1, TN_REJECT_ACCOUNT_UNKNOWN);
    struct tn_series_view view;
    assert_true(tn_exchange_series(tn_market_exchange_of(story.market), &view, stream_case.call));
    assert_int_equal(view.mark_micros, 1100 * TICK);
}

static void test_market_executes_whatever_bytes_an_inbox_holds(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    const struct tn_entry in_disguise[] = {frame_entry(BOB, 99, &command, 1),
                                           block_entry(9, START_MS + 9000),
                                           {.kind = TN_ENTRY_SWEEP, .as.sweep = {.units = 5}}};
    uint8_t bytes[1024] = {1, 2, 3};
    for (uint8_t kind = TN_INBOX_ENTRY; kind <= TN_INBOX_REMITS_ENDED; kind++)
        case_item((enum tn_inbox_item_kind)kind, bytes, 3);
    for (uint32_t i = 0; i < 3; i++)
        case_entry(in_disguise[i]);
    pass_block(100);
    for (uint32_t i = 0; i < TN_INBOX_REMITS_ENDED; i++)
        expect_item(i, TN_REJECT_ITEM_MALFORMED);
    for (uint32_t i = 0; i < 3; i++)
        expect_item(TN_INBOX_REMITS_ENDED + i, TN_REJECT_ITEM_PLACE);
    assert_int_equal(tn_exchange_height(tn_market_exchange_of(story.market)), 2);
}

/* ---- Forced and owners' frames ---- */

static void test_market_executes_a_forced_frame_only_if_it_names_no_term(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    struct case_terms terms = case_terms_of(BOB);
    case_frame_with(terms, &command, 1);
    case_item(TN_INBOX_FRAME, stream_case.frame, stream_case.frame_size);
    terms.term = 0;
    case_frame_with(terms, &command, 1);
    case_item(TN_INBOX_FRAME, stream_case.frame, stream_case.frame_size);
    case_item(TN_INBOX_FRAME, stream_case.frame, stream_case.frame_size);
    stream_case.frame[stream_case.frame_size - 1] ^= 1;
    terms.nonce++;
    case_item(TN_INBOX_FRAME, stream_case.frame, stream_case.frame_size);
    pass_block(100);
    expect_item(0, TN_REJECT_TERM_WRONG);
    expect_item(1, TN_REJECT_NONE);
    expect_item(2, TN_REJECT_NONCE_USED);
    expect_item(3, TN_REJECT_NONCE_USED);
}

static void test_market_withdraws_for_an_owner_and_never_for_a_session(void **state)
{
    (void)state;
    struct tn_command command = {.kind = TN_COMMAND_WITHDRAW};
    command.as.money.amount = 5 * DOLLAR;
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_SESSION_SCOPE, BOB);
    case_owner_frame(case_owner_of(BOB), BOB, 50, &command);
    case_owner_frame(case_owner_of(CAROL), BOB, 51, &command);
    case_owner_frame(case_owner_of(BOB), 77, 51, &command);
    case_owner_frame(case_owner_of(BOB), BOB, 50, &command);
    pass_block(100);
    expect_item(0, TN_REJECT_NONE);
    expect_item(1, TN_REJECT_OWNER_MISMATCH);
    expect_item(2, TN_REJECT_ACCOUNT_UNKNOWN);
    expect_item(3, TN_REJECT_NONCE_USED);
    struct tn_account_view view;
    assert_true(tn_exchange_account(tn_market_exchange_of(story.market), &view, BOB));
    assert_int_equal(view.cash, START_CASH - 5 * DOLLAR);
}

/* Bob sells a call to Carol, off the book; `agree` has Carol sign what his next frame will say. */
static struct tn_command block_trade(void)
{
    struct tn_command command = {.kind = TN_COMMAND_BLOCK_TRADE};
    command.as.block_trade = (struct tn_block_trade){
        .legs = {{.series_id = stream_case.call, .price = 1000, .quantity = 100, .side = TN_SELL}},
        .legs_count = 1,
        .counterparty = CAROL,
        .counterparty_nonce = 500,
        .expires_ms = CASE_FOREVER,
        .fee_max_ppm = 1000000,
        .counterparty_session = stream_case.sessions[CAROL]};
    return command;
}

static void agree(struct tn_command *command, struct tn_signature *signature, uint32_t signer,
                  uint64_t nonce)
{
    uint8_t agreement[TN_BLOCK_TRADE_BYTES_MAX];
    struct tn_hash digest;
    size_t size =
        tn_block_trade_encode(agreement, stream_case.limits.chain_id, stream_case.limits.market,
                              BOB, nonce, &command->as.block_trade);
    tn_keccak256(&digest, agreement, size);
    assert_true(stream_case.signatures.sign(stream_case.signatures.context, signature, &digest,
                                            &stream_case.keys[signer]));
    command->as.block_trade.counterparty_signature = signature->bytes;
}

static void test_market_executes_a_block_trade_that_both_sides_signed(void **state)
{
    (void)state;
    struct tn_command command = block_trade();
    struct tn_signature signature;
    agree(&command, &signature, CAROL, stream_case.nonces[BOB] + 1);
    case_frame(BOB, &command, 1);
    assert_true(apply_frame());
    assert_int_equal(story.steps[0].fault, 0);
    assert_int_equal(story.last[0].kind, TN_EVENT_RESULT);
    assert_int_equal(story.last[0].reject, TN_REJECT_NONE);
    const struct tn_exchange *exchange = tn_market_exchange_of(story.market);
    assert_int_equal(tn_exchange_position(exchange, CAROL, stream_case.call).quantity, 100);
    assert_int_equal(tn_exchange_position(exchange, BOB, stream_case.call).quantity, -100);
    /* The same agreement in a frame with the nonce that it names, again. */
    stream_case.nonces[BOB]--;
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_NONCE_USED, BOB);
}

static void test_market_refuses_a_block_trade_that_only_one_side_signed(void **state)
{
    (void)state;
    struct tn_command command = block_trade();
    struct tn_signature signature;
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_COUNTERPARTY_UNSIGNED, BOB);
    /* Somebody else's key; a nonce that the frame does not have; other terms; a foreign session. */
    agree(&command, &signature, DAN, stream_case.nonces[BOB] + 1);
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_COUNTERPARTY_UNSIGNED, BOB);
    agree(&command, &signature, CAROL, stream_case.nonces[BOB] + 2);
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_COUNTERPARTY_UNSIGNED, BOB);
    agree(&command, &signature, CAROL, stream_case.nonces[BOB] + 1);
    command.as.block_trade.legs[0].price++;
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_COUNTERPARTY_UNSIGNED, BOB);
    command.as.block_trade.counterparty_session = stream_case.sessions[DAN];
    agree(&command, &signature, DAN, stream_case.nonces[BOB] + 1);
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_COUNTERPARTY_UNSIGNED, BOB);
    /* Commands that an owner signs have no place for the other signature. */
    case_owner_frame(case_owner_of(BOB), BOB, 50, &command);
    pass_block(100);
    expect_item(0, TN_REJECT_COUNTERPARTY_UNSIGNED);
}

static void test_market_refuses_a_block_trade_by_a_session_that_may_not_or_has_ended(void **state)
{
    (void)state;
    struct tn_inbox_session narrow = case_session_of(CAROL);
    struct tn_signature signature;
    narrow.scope = TN_SCOPE_QUOTE;
    case_session(&narrow);
    case_close(case_owner_of(CAROL), stream_case.sessions[CAROL]);
    pass_block(100);
    struct tn_command command = block_trade();
    agree(&command, &signature, CAROL, stream_case.nonces[BOB] + 1);
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_COUNTERPARTY_UNSIGNED, BOB);
    command.as.block_trade.counterparty_session = story.first[0].order_id;
    agree(&command, &signature, CAROL, stream_case.nonces[BOB] + 1);
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_COUNTERPARTY_UNSIGNED, BOB);
}

static void test_market_opens_accounts_by_their_number_for_each_owner(void **state)
{
    (void)state;
    case_account(1, 2); /* Alice has two */
    case_account(1, 3);
    case_account(1, 3);
    case_account(9, 2);
    case_account(9, 1);
    pass_block(100);
    expect_item(0, TN_REJECT_ACCOUNT_NUMBER);
    expect_item(1, TN_REJECT_NONE);
    expect_item(2, TN_REJECT_ACCOUNT_NUMBER);
    expect_item(3, TN_REJECT_ACCOUNT_NUMBER);
    expect_item(4, TN_REJECT_NONE);
    assert_int_equal(tn_exchange_accounts_count(tn_market_exchange_of(story.market)), TRADERS + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_market_executes_a_frame_that_its_session_signed),
        STORY(test_market_makes_a_no_op_and_a_fault_of_a_wrong_signature),
        STORY(test_market_makes_a_no_op_of_another_term_market_or_session),
        STORY(test_market_takes_a_nonce_once_whatever_became_of_the_commands),
        STORY(test_market_refuses_frames_past_their_block),
        STORY(test_market_refuses_frames_with_more_commands_than_it_takes),
        STORY(test_market_asks_nobody_twice_for_a_signature_this_node_has_found_good),
        STORY(test_market_holds_a_signature_against_the_digest_that_is_known),
        STORY(test_market_refuses_entries_that_only_inboxes_may_bring),
        STORY(test_market_takes_blocks_in_order_with_their_hash_and_time_alone),
        STORY(test_market_applies_items_in_order_before_their_block),
        STORY(test_market_executes_whatever_bytes_an_inbox_holds),
        STORY(test_market_executes_a_forced_frame_only_if_it_names_no_term),
        STORY(test_market_withdraws_for_an_owner_and_never_for_a_session),
        STORY(test_market_executes_a_block_trade_that_both_sides_signed),
        STORY(test_market_refuses_a_block_trade_that_only_one_side_signed),
        STORY(test_market_refuses_a_block_trade_by_a_session_that_may_not_or_has_ended),
        STORY(test_market_opens_accounts_by_their_number_for_each_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
