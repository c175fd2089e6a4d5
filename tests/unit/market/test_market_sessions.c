/* Sessions: who may open and close them, what they may do, and when they end. */
#include "market_story.h"

static uint64_t opened(uint32_t item)
{
    expect_item(item, TN_REJECT_NONE);
    return story.last[item].order_id;
}

static void test_market_numbers_sessions_so_that_none_is_used_twice(void **state)
{
    (void)state;
    case_close(case_owner_of(BOB), stream_case.sessions[BOB]);
    struct tn_inbox_session session = case_session_of(BOB);
    case_session(&session);
    pass_block(100);
    expect_item(0, TN_REJECT_NONE);
    assert_true(opened(1) == ((uint64_t)(TRADERS + 1) << 32 | BOB)); /* its seat, another number */
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_SESSION_UNKNOWN, TN_NONE);
    stream_case.sessions[BOB] = (uint64_t)(TRADERS + 1) << 32 | BOB;
    case_frame(BOB, &command, 1);
    assert_true(apply_frame());
    assert_int_equal(story.steps[0].fault, 0);
}

static void test_market_opens_and_closes_sessions_for_owners_alone(void **state)
{
    (void)state;
    struct tn_inbox_session session = case_session_of(BOB);
    session.owner[3] ^= 1;
    case_session(&session);
    session = case_session_of(BOB);
    session.account = 1000;
    case_session(&session);
    case_close(case_owner_of(CAROL), stream_case.sessions[BOB]);
    case_close(case_owner_of(BOB), stream_case.sessions[BOB] + 7);
    pass_block(100);
    expect_item(0, TN_REJECT_OWNER_MISMATCH);
    expect_item(1, TN_REJECT_ACCOUNT_UNKNOWN);
    expect_item(2, TN_REJECT_OWNER_MISMATCH);
    expect_item(3, TN_REJECT_SESSION_UNKNOWN);
    assert_int_equal(tn_market_sessions_count(story.market), TRADERS);
    struct tn_session found;
    assert_true(tn_market_session(story.market, &found, stream_case.sessions[BOB]));
    assert_true(tn_public_key_equal(&found.key, &stream_case.public_keys[BOB]));
    assert_int_equal(found.account, BOB);
}

static void test_market_opens_a_session_once_for_one_nonce(void **state)
{
    (void)state;
    struct tn_inbox_session session = case_session_of(BOB);
    case_session(&session);
    case_session(&session);
    pass_block(100);
    expect_item(0, TN_REJECT_NONE);
    expect_item(1, TN_REJECT_NONCE_USED);
}

static void test_market_refuses_sessions_without_key_scope_or_time(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct tn_inbox_session session = case_session_of(BOB);
        if (i == 0) session.key.bytes[0] = 4;
        if (i == 1) session.scope = 0;
        if (i == 2) session.scope = TN_SCOPE_ALL + 1;
        if (i == 3) session.expires_ms = stream_case.time_ms; /* of the block before */
        case_session(&session);
    }
    pass_block(100);
    for (uint32_t i = 0; i < 4; i++)
        expect_item(i, TN_REJECT_SESSION_RANGE);
}

static void test_market_ends_a_session_at_its_time(void **state)
{
    (void)state;
    struct tn_inbox_session session = case_session_of(BOB);
    session.expires_ms = stream_case.time_ms + 250;
    case_session(&session);
    pass_block(100);
    stream_case.sessions[BOB] = opened(0);
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    pass_block(149);
    case_frame(BOB, &command, 1);
    assert_true(apply_frame());
    assert_int_equal(story.steps[0].fault, 0);
    pass_block(1);
    case_frame(BOB, &command, 1);
    expect_no_op(TN_REJECT_SESSION_EXPIRED, BOB);
}

static void test_market_gives_an_account_so_many_sessions_and_expired_ones_make_room(void **state)
{
    (void)state;
    struct tn_inbox_session session;
    for (uint32_t i = 0; i < 3; i++) {
        session = case_session_of(BOB);
        if (i == 0) session.expires_ms = stream_case.time_ms + 150;
        case_session(&session);
    }
    pass_block(100);
    expect_item(0, TN_REJECT_NONE);
    expect_item(1, TN_REJECT_NONE);
    expect_item(2, TN_REJECT_SESSIONS_FULL);
    pass_block(100); /* items come before their block: it counts from the next on */
    session = case_session_of(BOB);
    case_session(&session);
    pass_block(100);
    expect_item(0, TN_REJECT_NONE);
    assert_int_equal(tn_market_sessions_count(story.market), TRADERS + 2);
}

static void test_market_holds_so_many_sessions_in_all(void **state)
{
    (void)state;
    const uint32_t accounts = 16 - TRADERS; /* all that the exchange takes */
    for (uint32_t i = 0; i < accounts; i++)
        case_account(100, i + 1);
    pass_block(100);
    uint32_t wanted = stream_case.limits.sessions_max - TRADERS, asked = 0;
    for (uint32_t turn = 0; turn < 3; turn++) {
        for (uint32_t i = 0; i < accounts && asked <= wanted; i++, asked++) {
            struct tn_inbox_session session = case_session_of(BOB);
            session.account = TRADERS + i;
            session.nonce = turn + 1;
            memset(session.owner, 100, TN_OWNER_SIZE);
            case_session(&session);
        }
        pass_block(100);
    }
    assert_int_equal(asked, wanted + 1);
    expect_item(story.steps_count - 2, TN_REJECT_SESSIONS_FULL);
    assert_int_equal(tn_market_sessions_count(story.market), stream_case.limits.sessions_max);
}

/* One command of each kind, and the scopes that allow it. */
static void test_market_lets_a_session_do_what_its_scope_says_and_no_more(void **state)
{
    (void)state;
    const struct {
        enum tn_command_kind kind;
        uint32_t scopes;
    } rules[] = {
        {TN_COMMAND_PLACE, TN_SCOPE_TRADE},
        {TN_COMMAND_PLACE_OCO, TN_SCOPE_TRADE},
        {TN_COMMAND_REPLACE, TN_SCOPE_TRADE},
        {TN_COMMAND_PACKAGE, TN_SCOPE_TRADE},
        {TN_COMMAND_BID, TN_SCOPE_TRADE},
        {TN_COMMAND_MASS_QUOTE, TN_SCOPE_QUOTE},
        {TN_COMMAND_MMP_SET, TN_SCOPE_QUOTE},
        {TN_COMMAND_MMP_RESET, TN_SCOPE_QUOTE},
        {TN_COMMAND_CANCEL, TN_SCOPE_TRADE | TN_SCOPE_QUOTE | TN_SCOPE_CANCEL},
        {TN_COMMAND_MASS_CANCEL, TN_SCOPE_TRADE | TN_SCOPE_QUOTE | TN_SCOPE_CANCEL},
        {TN_COMMAND_MMP_CANCEL, TN_SCOPE_TRADE | TN_SCOPE_QUOTE | TN_SCOPE_CANCEL},
        {TN_COMMAND_TRANSFER, TN_SCOPE_TRANSFER},
        {TN_COMMAND_REMIT, TN_SCOPE_TRANSFER},
        {TN_COMMAND_MODEL, TN_SCOPE_MODEL},
        {TN_COMMAND_WITHDRAW, 0},
    };
    const struct tn_quote quote = {.series_id = stream_case.call,
                                   .bid_price = 900,
                                   .bid_quantity = 1,
                                   .ask_quantity = TN_QUOTE_KEEP};
    for (uint32_t bit = 0; bit < 5; bit++) {
        struct tn_inbox_session session = case_session_of(CAROL);
        session.scope = UINT32_C(1) << bit;
        case_session(&session);
        pass_block(100);
        uint64_t id = opened(0);
        for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
            struct tn_command commands[2] = {case_cancel(1), {.kind = (uint8_t)rules[i].kind}};
            if (rules[i].kind == TN_COMMAND_MASS_QUOTE) {
                commands[1].as.mass_quote.quotes = &quote;
                commands[1].as.mass_quote.quotes_count = 1;
            }
            struct case_terms terms = case_terms_of(CAROL);
            terms.session = id;
            case_frame_with(terms, commands + 1, 1);
            assert_true(apply_frame());
            bool is_allowed = (rules[i].scopes & session.scope) != 0;
            assert_int_equal(story.steps[0].fault, is_allowed ? 0 : TN_REJECT_SESSION_SCOPE);
            if (is_allowed || session.scope > TN_SCOPE_CANCEL) continue;
            /* One command out of scope, and none of the frame is done. */
            case_frame_with(terms, commands, 2);
            expect_no_op(TN_REJECT_SESSION_SCOPE, CAROL);
        }
        case_close(case_owner_of(CAROL), id);
        pass_block(100);
        expect_item(0, TN_REJECT_NONE);
    }
}

static void test_market_names_the_sessions_of_an_account(void **state)
{
    (void)state;
    struct tn_session sessions[4];
    struct tn_inbox_session session = case_session_of(BOB);
    session.scope = TN_SCOPE_CANCEL;
    case_session(&session);
    pass_block(100);
    const uint64_t second = opened(0);
    assert_int_equal(tn_market_sessions_of(story.market, sessions, 4, BOB), 2);
    const uint32_t at = sessions[0].id == second ? 0 : 1;
    assert_true(sessions[at].id == second && sessions[at].scope == TN_SCOPE_CANCEL);
    assert_true(sessions[1 - at].id == stream_case.sessions[BOB]);
    assert_true(tn_public_key_equal(&sessions[0].key, &stream_case.public_keys[BOB]));
    assert_int_equal(tn_market_sessions_of(story.market, sessions, 1, BOB), 1);
    case_close(case_owner_of(BOB), second);
    pass_block(100);
    assert_int_equal(tn_market_sessions_of(story.market, sessions, 4, BOB), 1);
    assert_int_equal(tn_market_sessions_of(story.market, sessions, 4, 1000), 0);
}

/* ---- What was found good once ------------------------------------------------------------------
 */

static struct {
    uint32_t asked, found;
    struct tn_hash digest;
    struct tn_public_key key;
} memory;

static bool was_found(void *context, const struct tn_hash *digest, const struct tn_public_key *key,
                      const struct tn_signature *signature)
{
    (void)context;
    (void)signature;
    memory.asked++;
    return memory.found > 0 && tn_hash_equal(digest, &memory.digest) &&
           tn_public_key_equal(key, &memory.key);
}

static void found_good(void *context, const struct tn_hash *digest, const struct tn_public_key *key,
                       const struct tn_signature *signature)
{
    (void)context;
    (void)signature;
    memory.found++;
    memory.digest = *digest;
    memory.key = *key;
}

static void test_market_says_which_signatures_it_found_good_and_no_others(void **state)
{
    (void)state;
    const struct tn_market_world world = {
        .signatures = &stream_case.signatures, .verified = was_found, .found_good = found_good};
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    memset(&memory, 0, sizeof memory);
    tn_market_lend(story.market, &world);
    case_frame(BOB, &command, 1);
    assert_true(apply_frame());
    assert_int_equal(story.steps[0].fault, 0);
    assert_int_equal(memory.asked, 1);
    assert_int_equal(memory.found, 1);
    assert_true(tn_public_key_equal(&memory.key, &stream_case.public_keys[BOB]));
    apply_frame(); /* the same bytes: whatever becomes of them, no signature is looked at anew */
    assert_int_equal(memory.found, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_market_numbers_sessions_so_that_none_is_used_twice),
        STORY(test_market_opens_and_closes_sessions_for_owners_alone),
        STORY(test_market_opens_a_session_once_for_one_nonce),
        STORY(test_market_refuses_sessions_without_key_scope_or_time),
        STORY(test_market_ends_a_session_at_its_time),
        STORY(test_market_gives_an_account_so_many_sessions_and_expired_ones_make_room),
        STORY(test_market_holds_so_many_sessions_in_all),
        STORY(test_market_lets_a_session_do_what_its_scope_says_and_no_more),
        STORY(test_market_names_the_sessions_of_an_account),
        STORY(test_market_says_which_signatures_it_found_good_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
