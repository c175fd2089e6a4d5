/* Items of blocks: whose signature they need, whose numbers, and what waits. */
#include "chain_story.h"

static struct pool_item *last_item(void)
{
    assert_true(cc.items_count > 0);
    return &cc.items[cc.items_count - 1];
}

static void test_chain_deposits_are_contiguous_and_signed_by_the_faucet(void **state)
{
    (void)state;
    struct pool_item *first = cc_deposit_by(KEY_FAUCET, 1, 1, 0, DOLLAR);
    struct pool_item *second = cc_deposit_by(KEY_FAUCET, 2, 1, 0, DOLLAR);
    struct pool_item *forged = cc_deposit_by(KEY_GOVERNANCE, 1, 1, 0, DOLLAR);
    struct pool_item *stray = cc_deposit_by(KEY_FAUCET, 1, 9, 0, DOLLAR);
    struct pool_item *both[2] = {first, second};
    expect_item(second, TN_CHAIN_BAD, "a deposit's number is not the next");
    expect_item(forged, TN_CHAIN_BAD, "a deposit is not signed by the faucet");
    expect_item(stray, TN_CHAIN_BAD, "an item is for a market that there is not");
    expect_crafted(NULL, 0, both, 2, TN_CHAIN_OK, NULL);
    both[1] = first;
    expect_crafted(NULL, 0, both, 2, TN_CHAIN_BAD, "a deposit came in before");
    /* What is built has the good ones only, once, although the pool still has them. */
    struct line_block *made = cc_propose(BLOCK_MS);
    assert_int_equal(made->header.l1_cursor, 2);
    assert_int_equal(cc_propose(BLOCK_MS)->header.flags, TN_BLOCK_EMPTY);
    cc_finalize();
    struct tn_registry_heads heads;
    tn_registry_heads(tn_chain_registry(cc.chain), &heads);
    assert_int_equal(heads.deposit_number, 2);
}

static void test_chain_governance_changes_markets_and_registry_by_its_key(void **state)
{
    (void)state;
    cc_govern(1,
              (struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = usual_underlying()});
    struct pool_item *good = last_item();
    expect_item(good, TN_CHAIN_OK, NULL);
    good->bytes[good->size - 1] ^= 1;
    expect_item(good, TN_CHAIN_BAD, "an act of governance is not signed by its key");
    good->bytes[good->size - 1] ^= 1;
    cc.governance = 0;
    cc_govern(1, deposit_entry(0, 0, DOLLAR));
    expect_item(last_item(), TN_CHAIN_BAD, "an entry that is not for governance");
    last_item()->is_hidden = true;
    cc_govern(1, index_entry(1, DOLLAR));
    expect_item(last_item(), TN_CHAIN_BAD, "the number of an act of governance is not the next");
    cc_pass(BLOCK_MS);
    struct tn_registry_heads heads;
    tn_registry_heads(tn_chain_registry(cc.chain), &heads);
    assert_int_equal(heads.governance_number, 2);
}

static struct pool_item *give_command(const struct tn_registry_command *command, uint8_t kind)
{
    uint8_t bytes[TN_REGISTRY_COMMAND_BYTES_MAX];
    struct tn_block_item item = {.kind = TN_ITEM_GOVERNANCE};
    item.as.governance.number = ++cc.governance;
    item.as.governance.bytes = bytes;
    item.as.governance.size = (uint32_t)tn_registry_write_command(bytes, command);
    bytes[0] = kind;
    struct tn_hash digest = cc_digest(&item);
    item.as.governance.signature = cc_sign(KEY_GOVERNANCE, &digest);
    return cc_give(&item);
}

static void test_chain_governs_the_registry(void **state)
{
    (void)state;
    struct tn_registry_command command = {.kind = TN_REGISTRY_FEEDER};
    command.as.feeder.key = cc_key(90);
    command.as.feeder.signer = 2;
    command.as.feeder.active = true;
    give_command(&command, TN_REGISTRY_FEEDER);
    struct pool_item *senseless = give_command(&command, 99);
    cc_pass(BLOCK_MS);
    assert_non_null(tn_registry_feeder(tn_chain_registry(cc.chain), 2, UINT64_MAX));
    expect_item(senseless, TN_CHAIN_BAD, "an act of governance is no command of the registry");
}

/* The block that ends an epoch names the next set; what follows is of the next epoch. */
static void test_chain_epoch_ends_with_the_block_that_governance_named(void **state)
{
    (void)state;
    enum { LAST = 150 };
    struct tn_registry_command command = {.kind = TN_REGISTRY_WEIGHT};
    struct tn_checkpoint checkpoint;
    struct tn_hash set, zero = {{0}};
    command.as.weight.id = 3;
    command.as.weight.weight = 5;
    command.as.weight.stake_micros = 1000;
    give_command(&command, TN_REGISTRY_WEIGHT);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_EPOCH};
    command.as.epoch_height = LAST;
    give_command(&command, TN_REGISTRY_EPOCH);
    for (uint32_t height = 1; height < LAST; height++) {
        for (uint32_t place = 0; place < MARKETS; place++)
            cc_make_batch(place, 100, NULL, 0);
        struct line_block *made = cc_propose(BLOCK_MS);
        assert_int_equal(made->header.flags & TN_BLOCK_EPOCH_FINAL, 0);
        assert_true(tn_hash_equal(&made->header.next_set_hash, &zero));
        cc_finalize();
        for (uint32_t i = 0; i < cc.pool_count; i++)
            free((void *)(uintptr_t)cc.pool[i].batch.body);
        cc.pool_count = 0;
    }
    struct line_block *last = cc_propose(BLOCK_MS);
    assert_int_equal(last->header.flags & TN_BLOCK_EPOCH_FINAL, TN_BLOCK_EPOCH_FINAL);
    struct tn_hash promised = last->header.next_set_hash;
    cc_finalize();
    tn_validators_hash(&set, tn_registry_set(tn_chain_registry(cc.chain), 1));
    assert_true(tn_hash_equal(&set, &promised));
    assert_true(tn_chain_checkpoint(cc.chain, &checkpoint));
    assert_true(tn_hash_equal(&checkpoint.next_set_hash, &promised));
    assert_int_equal(checkpoint.epoch, 0);
    cc_pass(BLOCK_MS);
    assert_int_equal(tn_chain_heads(cc.chain)->block.epoch, 1);
    assert_int_equal(tn_chain_heads(cc.chain)->block.view, 1);
    assert_int_equal(tn_chain_heads(cc.chain)->height, LAST + 1);
}

static struct pool_item *give_report(uint32_t key, uint16_t signer, uint64_t sequence)
{
    struct tn_block_item item = {.kind = TN_ITEM_REPORT};
    item.as.report.market = 1;
    item.as.report.report = (struct tn_report){.signer = signer,
                                               .underlying = 1,
                                               .sequence = sequence,
                                               .time_ms = cc.time_ms + 5000,
                                               .value = 100000 * DOLLAR};
    struct tn_hash digest = cc_digest(&item);
    item.as.report.signature = cc_sign(key, &digest);
    return cc_give(&item);
}

static struct tn_report seen_report;

static void see_report(void *context, const struct tn_chain_place *place,
                       const struct tn_market_step *step)
{
    (void)context;
    (void)place;
    if (step->item == TN_INBOX_ENTRY && step->entry->kind == TN_ENTRY_REPORT) {
        seen_report = step->entry->as.report;
    }
}

static void test_chain_reports_are_a_feeders_and_no_later_than_the_block_before(void **state)
{
    (void)state;
    cc_pass(BLOCK_MS);
    int64_t before_ms = cc.time_ms;
    expect_item(give_report(KEY_OWNER, 1, 1), TN_CHAIN_BAD, "a report is not signed by a feeder");
    expect_item(give_report(KEY_FEEDER, 3, 1), TN_CHAIN_BAD, "a report is not signed by a feeder");
    give_report(KEY_FEEDER, 1, 7);
    const struct tn_chain_listener listener = {.receipt = see_report, .inbox = cc_inbox};
    tn_chain_tell(cc.chain, &listener);
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
    cc_pass(BLOCK_MS);
    assert_int_equal(seen_report.sequence, 7);
    assert_int_equal(seen_report.time_ms, before_ms);
}

/* The pool keeps an item until it is final; blocks on the way do not have it twice. */
static void test_chain_builds_no_item_twice_on_one_line(void **state)
{
    (void)state;
    give_report(KEY_FEEDER, 1, 1);
    assert_true(cc_propose(BLOCK_MS)->header.body_size > 0);
    assert_int_equal(cc_propose(BLOCK_MS)->header.flags, TN_BLOCK_EMPTY);
    cc_open_account(1, 0);
    assert_true(cc_propose(BLOCK_MS)->header.body_size > 0);
    assert_int_equal(cc_propose(BLOCK_MS)->header.flags, TN_BLOCK_EMPTY);
}

static void test_chain_items_have_their_room_and_no_more(void **state)
{
    (void)state;
    enum { MANY = 120 };
    struct pool_item *items[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        items[i] = cc_deposit_by(KEY_FAUCET, i + 1, 1, 0, DOLLAR);
    expect_crafted(NULL, 0, items, MANY, TN_CHAIN_BAD, "its items are too much");
    struct line_block *made = cc_propose(BLOCK_MS); /* as many as fit */
    uint64_t first = made->header.l1_cursor;
    assert_true(first > 0 && first < MANY && made->header.body_size <= cc.limits.item_bytes_max);
    assert_int_equal(cc_propose(BLOCK_MS)->header.l1_cursor, MANY); /* the rest in the next */
}

static void test_chain_operations_are_the_owners(void **state)
{
    (void)state;
    cc_open_account(1, 0);
    struct pool_item *good = last_item();
    expect_item(good, TN_CHAIN_OK, NULL);
    good->bytes[3] ^= 1; /* another owner */
    expect_item(good, TN_CHAIN_BAD, "an operation is not signed by its owner");
}

static struct pool_item *give_forced(uint32_t trader, uint32_t term, uint32_t key)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    const struct tn_command command = cc_limit(TN_BUY, PERP, 90000, 1);
    struct tn_stream_item frame = cc_frame(payload, 0, trader, term, &command, 1);
    struct tn_block_item item = {.kind = TN_ITEM_FORCED};
    item.as.forced = frame.as.frame;
    struct tn_hash digest = cc_digest(&item);
    item.as.forced.signature = cc_sign(key, &digest);
    return cc_give(&item);
}

static void test_chain_forced_frame_of_a_known_session_must_be_signed_by_it(void **state)
{
    (void)state;
    open_trading(0);
    expect_item(give_forced(0, 0, KEY_OWNER), TN_CHAIN_BAD,
                "a forced frame is not signed by its session");
    expect_item(give_forced(0, 1, KEY_SESSION), TN_CHAIN_BAD, "a forced frame names a term");
    struct pool_item *good[3];
    for (uint32_t i = 0; i < 3; i++)
        good[i] = give_forced(0, 0, KEY_SESSION);
    expect_crafted(NULL, 0, good, 2, TN_CHAIN_OK, NULL);
    expect_crafted(NULL, 0, good, 3, TN_CHAIN_BAD, "there are too many forced frames");
    struct line_block *made = cc_propose(BLOCK_MS); /* two of them, and nothing bad */
    assert_true(made->header.body_size > 0);
    cc_finalize();
    cc_make_batch(0, 100, NULL, 0);
    cc_pass(BLOCK_MS);
    assert_int_equal(cc.differences_count, 0);
    struct tn_account_view view;
    assert_true(tn_exchange_account(tn_market_exchange(tn_chain_market(cc.chain, 0)), &view, 0));
    assert_int_equal(view.orders_count, 2);
}

/* Nobody here knows the session: it may have been opened by a block that is not executed. */
static void test_chain_forced_frame_of_an_unknown_session_waits_here_only(void **state)
{
    (void)state;
    open_trading(0);
    struct pool_item *item = give_forced(3, 0, KEY_SESSION + 3);
    struct line_block made = craft(NULL, 0, &item, 1);
    expect_verdict(&made, TN_CHAIN_WAIT, "a forced frame is of a session not known here");
    assert_int_equal(cc_judge(&made, false), TN_CHAIN_OK);
    expect_verdict(&made, TN_CHAIN_WAIT, NULL); /* asked again: still not known */
    free(made.body);
    assert_int_equal(cc_propose(BLOCK_MS)->header.flags, TN_BLOCK_EMPTY);
}

/* Nor is it kept for later: whoever likes could fill a pool with such. */
static void test_chain_pool_takes_no_forced_frame_of_an_unknown_session(void **state)
{
    (void)state;
    uint64_t group, number;
    open_trading(0);
    struct pool_item *item = give_forced(3, 0, KEY_SESSION + 3);
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &group, &number, item->kind, item->bytes, item->size),
        TN_CHAIN_BAD);
    item = give_forced(0, 0, KEY_SESSION);
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &group, &number, item->kind, item->bytes, item->size),
        TN_CHAIN_OK);
    assert_true(number > 0); /* its weight */
}

/* A block's bodies begin with reports, and whoever waits for a forced frame must find it. */
static void test_chain_reports_leave_room_for_forced_frames(void **state)
{
    (void)state;
    open_trading(0);
    for (uint32_t i = 0; i < 100; i++)
        give_report(KEY_FEEDER, 1, 10 + i);
    struct pool_item *forced = give_forced(0, 0, KEY_SESSION);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < cc.items_count; i++)
        if (!cc.items[i].is_hidden) bytes += cc.items[i].size;
    assert_true(bytes > cc.limits.item_bytes_max);
    cc_propose(BLOCK_MS);
    cc_finalize();
    assert_true(forced->is_hidden); /* it is in */
}

static void test_chain_far_behind_market_does_not_excuse_a_bad_signature(void **state)
{
    (void)state;
    uint64_t group, number;
    for (uint32_t i = 0; i < 66; i++)
        cc_pass(1);
    cc_open_account(1, 0);
    struct pool_item *good = last_item();
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &group, &number, good->kind, good->bytes, good->size),
        TN_CHAIN_WAIT);
    cc_open_account(1, 0);
    struct pool_item *bad = last_item();
    bad->bytes[bad->size - 20] ^= 1;
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &group, &number, bad->kind, bad->bytes, bad->size),
        TN_CHAIN_BAD);
}

static void test_chain_evidence_slashes_and_garbage_is_bad(void **state)
{
    (void)state;
    struct tn_block_item item = {.kind = TN_ITEM_EVIDENCE};
    struct tn_evidence *evidence = &item.as.evidence;
    *evidence = (struct tn_evidence){.kind = TN_EVIDENCE_NOTARIZE, .signer = 2};
    evidence->as.votes.view = 3;
    for (uint32_t i = 0; i < 2; i++) {
        struct tn_hash digest;
        evidence->as.votes.hashes[i].bytes[0] = (uint8_t)(i + 1);
        tn_vote_digest(&digest, cc.limits.chain_id, 0, TN_VOTE_NOTARIZE, 3,
                       &evidence->as.votes.hashes[i]);
        evidence->signatures[i] = cc_sign(3, &digest);
    }
    struct pool_item *good = cc_give(&item);
    evidence->signatures[1].bytes[40] ^= 1;
    struct pool_item *forged = cc_give(&item);
    expect_item(forged, TN_CHAIN_BAD, "an evidence proves nothing");
    struct line_block *made = cc_propose(BLOCK_MS);
    struct tn_hash zero = {{0}};
    assert_false(tn_hash_equal(&made->header.evidence_root, &zero));
    cc_finalize();
    struct tn_registry_validator validator;
    enum tn_registry_status status;
    assert_true(tn_registry_validator(tn_chain_registry(cc.chain), 2, &validator, &status));
    assert_int_equal(status, TN_VALIDATOR_SLASHED);
    /* Again: known here, yet not bad, since others may not have executed so far. */
    expect_item(good, TN_CHAIN_OK, NULL);
}

static void test_chain_market_far_behind_takes_no_items(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65; i++)
        cc_pass(1);
    cc_open_account(1, 0);
    expect_item(last_item(), TN_CHAIN_BAD, "an item is for a market that is too far behind");
    cc_make_batch(0, 100, NULL, 0);
    cc_pass(1);
    expect_item(last_item(), TN_CHAIN_OK, NULL);
}

/* The numbers of deposits and of governance are those of all markets: one that nobody leads must
 * not keep the others from theirs. */
static void test_chain_market_far_behind_holds_up_no_numbers(void **state)
{
    (void)state;
    const uint64_t room = tn_chain_late_bytes_max(&cc.limits, 1);
    uint64_t group, number;
    assert_true(room > 3 * TN_CHAIN_LATE_ITEM);
    while (cc.line_count == 0 && tn_chain_heads(cc.chain)->height < 70) {
        cc_make_batch(0, 100, NULL, 0);
        cc_pass(1);
    }
    cc_deposit(2, 0, DOLLAR); /* market 2 has consumed nothing */
    struct pool_item *late = last_item();
    cc_deposit(1, 0, DOLLAR);
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &group, &number, late->kind, late->bytes, late->size),
        TN_CHAIN_OK); /* a pool hands it out to whichever block can take it */
    expect_item(late, TN_CHAIN_BAD, "an item is for a market that is too far behind");
    assert_false(tn_chain_pending(cc.chain, NULL, 0, cc.time_ms)); /* the next block cannot */
    while (tn_chain_heads(cc.chain)->height % TN_CHAIN_LATE_BLOCKS != TN_CHAIN_LATE_BLOCKS - 1) {
        struct line_block *made = cc_propose(1);
        assert_int_equal(made->header.l1_cursor, 0);
        cc_finalize();
    }
    assert_true(tn_chain_pending(cc.chain, NULL, 0, cc.time_ms));
    expect_item(late, TN_CHAIN_OK, NULL);
    struct line_block *made = cc_propose(1);
    assert_int_equal(made->header.l1_cursor, 2);
    cc_finalize();
    struct tn_chain_block nothing[LINE_MAX];
    assert_false(tn_chain_pending(cc.chain, nothing, cc_blocks(nothing), cc.time_ms));
}

/* Inboxes that hold no more than they must, and four deposits each eighth block: a market that
 * nobody leads fills them, consumes the oldest, and so takes every deposit at last. */
static void test_chain_far_behind_a_block_takes_what_inboxes_hold_and_no_more(void **state)
{
    (void)state;
    const uint32_t blocks = cc.limits.markets[0].inboxes_max;
    cc.limits.markets[0].inbox_bytes_max =
        2 * (cc.limits.inbox_lag_max + 1) * cc.limits.item_bytes_max +
        blocks / TN_CHAIN_LATE_BLOCKS * 4 * TN_CHAIN_LATE_ITEM;
    free(cc.chain);
    cc.chain = cc_new_chain();
    assert_int_equal(tn_chain_late_bytes_max(&cc.limits, 0), 4 * TN_CHAIN_LATE_ITEM);
    while (tn_chain_heads(cc.chain)->height < 71)
        cc_pass(1);
    for (uint32_t i = 0; i < 200; i++)
        cc_deposit(1, 0, 1);
    for (uint64_t taken = 0; taken < 200;) {
        struct line_block *made = cc_propose(1);
        taken += made->header.height % TN_CHAIN_LATE_BLOCKS == 0 ? 4 : 0;
        assert_int_equal(made->header.l1_cursor, taken);
        cc_finalize();
    }
    assert_true(tn_chain_heads(cc.chain)->height > 71 + 2 * blocks);
    assert_true(tn_market_cursor(tn_chain_market(cc.chain, 0)) > 2 * blocks);
}

static void test_chain_judges_items_for_a_pool_of_those_that_wait(void **state)
{
    (void)state;
    uint64_t group, number;
    struct pool_item *item = cc_deposit_by(KEY_FAUCET, 1, 1, 0, DOLLAR);
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &group, &number, item->kind, item->bytes, item->size),
        TN_CHAIN_OK);
    assert_int_equal(number, 1);
    item = cc_deposit_by(KEY_FAUCET, 3, 1, 0, DOLLAR);
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &group, &number, item->kind, item->bytes, item->size),
        TN_CHAIN_WAIT);
    assert_int_equal(number, 3);
    item = cc_deposit_by(KEY_OWNER, 2, 1, 0, DOLLAR);
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &group, &number, item->kind, item->bytes, item->size),
        TN_CHAIN_BAD);
    assert_int_equal(tn_chain_judge_item(cc.chain, &group, &number, 9, item->bytes, item->size),
                     TN_CHAIN_BAD);
    assert_int_equal(tn_chain_judge_item(cc.chain, &group, &number, TN_ITEM_FORCED, NULL, 0),
                     TN_CHAIN_BAD);
    uint64_t groups[2];
    item = give_report(KEY_FEEDER, 1, 5);
    assert_int_equal(
        tn_chain_judge_item(cc.chain, &groups[0], &number, item->kind, item->bytes, item->size),
        TN_CHAIN_OK);
    assert_int_equal(number, 5);
    item = give_report(KEY_FEEDER, 1, 6);
    tn_chain_judge_item(cc.chain, &groups[1], &number, item->kind, item->bytes, item->size);
    assert_int_equal(groups[0], groups[1]);
    assert_int_equal(number, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_CASE(test_chain_deposits_are_contiguous_and_signed_by_the_faucet),
        CHAIN_CASE(test_chain_governance_changes_markets_and_registry_by_its_key),
        CHAIN_CASE(test_chain_governs_the_registry),
        CHAIN_CASE(test_chain_epoch_ends_with_the_block_that_governance_named),
        CHAIN_CASE(test_chain_reports_are_a_feeders_and_no_later_than_the_block_before),
        CHAIN_CASE(test_chain_builds_no_item_twice_on_one_line),
        CHAIN_CASE(test_chain_items_have_their_room_and_no_more),
        CHAIN_CASE(test_chain_operations_are_the_owners),
        CHAIN_CASE(test_chain_forced_frame_of_a_known_session_must_be_signed_by_it),
        CHAIN_CASE(test_chain_pool_takes_no_forced_frame_of_an_unknown_session),
        CHAIN_CASE(test_chain_reports_leave_room_for_forced_frames),
        CHAIN_CASE(test_chain_far_behind_market_does_not_excuse_a_bad_signature),
        CHAIN_CASE(test_chain_forced_frame_of_an_unknown_session_waits_here_only),
        CHAIN_CASE(test_chain_evidence_slashes_and_garbage_is_bad),
        CHAIN_CASE(test_chain_market_far_behind_takes_no_items),
        CHAIN_CASE(test_chain_market_far_behind_holds_up_no_numbers),
        CHAIN_CASE(test_chain_far_behind_a_block_takes_what_inboxes_hold_and_no_more),
        CHAIN_CASE(test_chain_judges_items_for_a_pool_of_those_that_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
