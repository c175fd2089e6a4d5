/* Cash between markets of one chain: sent, under way, taken in, or back (docs/specs/chain.md §1.1).
 *
 * After each block what all markets hold and what is under way must be what was deposited less what
 * was withdrawn, to the micro. */
#define CHAIN_CASE_MARKETS 3
#include "chain_story.h"

enum { ROOM = 1 << 20, DONE = 100 /* more BLOCKs than wait */ };

static tn_micros put_in; /* deposits less withdrawals of the test */

static const struct tn_exchange *exchange_at(uint32_t place)
{
    return tn_market_exchange_of(tn_chain_market(cc.chain, place));
}

static tn_micros cash(uint32_t place, uint32_t account)
{
    return tn_ledger_cash(tn_exchange_ledger(exchange_at(place)), account);
}

static uint32_t under_way(void)
{
    uint32_t count;
    (void)tn_chain_under_way(cc.chain, &count);
    return count;
}

/* What market `from` counts on its way to market `to`, by places. */
static uint32_t counted(uint32_t from, uint32_t to)
{
    uint32_t market, count;
    for (uint32_t i = 0; tn_exchange_remits_out(exchange_at(from), &market, &count, i); i++) {
        if (market == to + 1) return count;
    }
    fail();
    return 0;
}

static void expect_conserved(void)
{
    uint32_t count;
    tn_i128 sum = tn_chain_under_way(cc.chain, &count);
    for (uint32_t i = 0; i < MARKETS; i++) {
        sum -=
            tn_ledger_cash(tn_exchange_ledger(exchange_at(i)), TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL));
        tn_market_check(tn_chain_market(cc.chain, i));
    }
    assert_true(sum == put_in);
}

/* A block, and what it left. */
static void next_block(void)
{
    cc_pass(BLOCK_MS);
    expect_conserved();
}

static void open_all(void)
{
    put_in = 0;
    for (uint32_t i = 0; i < MARKETS; i++) {
        open_trading(i);
        put_in += 2 * START_CASH;
    }
    for (uint32_t i = 0; i < MARKETS; i++)
        cc_make_batch(i, DONE, NULL, 0);
    next_block();
}

static struct tn_command remit(uint32_t to, uint32_t account, tn_micros amount)
{
    struct tn_command command = {.kind = TN_COMMAND_REMIT};
    command.as.remit.to_market = to + 1;
    command.as.remit.to_account = account;
    command.as.remit.amount = amount;
    return command;
}

/* A batch of market `from`, after all its BLOCKs, in which a trader sends these. */
static void send_all(uint32_t from, uint32_t trader, const struct tn_command *commands,
                     uint32_t count)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    const struct tn_stream_item item =
        cc_frame(payload, from, trader, cc.leaders[from].term, commands, count);
    cc_make_batch(from, DONE, &item, 1);
}

static void send(uint32_t from, uint32_t to, uint32_t trader, uint32_t account, tn_micros amount)
{
    const struct tn_command command = remit(to, account, amount);
    send_all(from, trader, &command, 1);
}

/* The market's stream comes to all blocks that there are. */
static void consume(uint32_t place)
{
    cc_make_batch(place, DONE, NULL, 0);
    next_block();
}

static void test_chain_remit_waits_in_an_inbox_until_the_other_stream_comes_to_its_block(
    void **state)
{
    (void)state;
    open_all();
    send(0, 2, 1, 1, 5 * DOLLAR);
    assert_int_equal(cash(0, 1), START_CASH); /* so far a leader's word */
    next_block();
    assert_int_equal(cash(0, 1), START_CASH - 5 * DOLLAR);
    assert_int_equal(cash(2, 1), START_CASH);
    assert_int_equal(under_way(), 1);
    assert_int_equal(counted(0, 2), 1);
    consume(1); /* nothing to it */
    assert_int_equal(under_way(), 1);
    consume(2);
    assert_int_equal(cash(2, 1), START_CASH + 5 * DOLLAR);
    assert_int_equal(under_way(), 0);
    assert_int_equal(counted(0, 2), 1); /* the sender's market has not heard of it */
    consume(0);
    assert_int_equal(counted(0, 2), 0);
    assert_int_equal(cc.differences_count, 0);
    assert_int_equal(tn_chain_counters(cc.chain)->remits, 1);
}

static void test_chain_remit_that_nobody_may_take_comes_back(void **state)
{
    (void)state;
    open_all();
    send(0, 1, 0, 1, 3 * DOLLAR); /* another owner's account */
    send(0, 1, 1, 9, 4 * DOLLAR); /* nobody's */
    next_block();
    assert_int_equal(under_way(), 2);
    consume(1);
    assert_int_equal(cash(1, 1), START_CASH);
    assert_int_equal(under_way(), 2); /* on their way back */
    assert_int_equal(cash(0, 0), START_CASH - 3 * DOLLAR);
    consume(0);
    assert_int_equal(cash(0, 0), START_CASH);
    assert_int_equal(cash(0, 1), START_CASH);
    assert_int_equal(under_way(), 0);
    assert_int_equal(counted(0, 1), 0);
    assert_int_equal(tn_chain_counters(cc.chain)->remits_back, 2);
    assert_int_equal(cc.differences_count, 0);
}

static void test_chain_remit_of_an_owner_is_an_operation(void **state)
{
    (void)state;
    open_all();
    const struct tn_command command = remit(1, 0, 6 * DOLLAR);
    uint8_t bytes[512];
    struct tn_operation operation = {.kind = TN_OPERATION_FRAME, .market = 1};
    operation.entry = frame_entry(0, ++cc.nonces[0], &command, 1);
    operation.size = (uint32_t)tn_stream_write_entry(bytes, sizeof bytes, &operation.entry);
    operation.bytes = bytes;
    cc_operate(operation, 0);
    next_block();
    assert_int_equal(under_way(), 0); /* no stream has come to it */
    consume(0);
    assert_int_equal(under_way(), 1);
    consume(1);
    assert_int_equal(cash(1, 0), START_CASH + 6 * DOLLAR);
}

static void test_chain_allows_as_many_remits_under_way_as_inboxes_have_room_for(void **state)
{
    (void)state;
    free(cc.chain);
    cc.limits.inbox_lag_max = 1;
    cc.limits.item_bytes_max = TN_ITEM_LENGTH_BYTES + 2 * TN_INBOX_REMIT_BYTES * 3; /* small */
    const char *what;
    while (!tn_chain_limits_check(&cc.limits, &what))
        cc.limits.item_bytes_max++;
    cc.chain = cc_new_chain();
    uint32_t most = tn_chain_remits_max(&cc.limits);
    assert_true(most >= 1 && most <= TN_REMIT_OUT_MAX);
    uint64_t room = ((uint64_t)cc.limits.inbox_lag_max + 1) * cc.limits.item_bytes_max;
    assert_true((uint64_t)most * (MARKETS - 1) * TN_INBOX_REMIT_BYTES <= room);
    cc.limits.inbox_lag_max = 64;
    cc.limits.item_bytes_max = 1 << 16;
    assert_int_equal(tn_chain_remits_max(&cc.limits), TN_REMIT_OUT_MAX);
    cc.limits.markets_count = 1;
    assert_int_equal(tn_chain_remits_max(&cc.limits), 0);
    cc.limits.markets_count = MARKETS;
}

/* Frames of eight until the way is full; a refusal is a RESULT, so it is counted here. */
static uint32_t refused;
static void count_refused(void *context, const struct tn_chain_place *place,
                          const struct tn_market_step *step)
{
    (void)context;
    (void)place;
    for (uint32_t i = 0; i < step->events_count; i++) {
        const struct tn_event *event = &step->events[i];
        if (event->kind == TN_EVENT_RESULT && event->reject == TN_REJECT_TRANSFERS_FULL) refused++;
    }
}

static void send_many(uint32_t from, uint32_t to, uint32_t count)
{
    enum { FRAME = 8, BATCH = 32 };
    static uint8_t payloads[BATCH][TN_PAYLOAD_BYTES_MAX];
    struct tn_command commands[FRAME];
    struct tn_stream_item items[BATCH];
    for (uint32_t i = 0; i < FRAME; i++)
        commands[i] = remit(to, 1, 1);
    assert_true(count % FRAME == 0);
    while (count > 0) {
        uint32_t n = 0;
        for (; n < BATCH && count > 0; n++, count -= FRAME)
            items[n] = cc_frame(payloads[n], from, 1, cc.leaders[from].term, commands, FRAME);
        cc_make_batch(from, DONE, items, n);
    }
}

static void test_chain_full_way_to_a_market_that_stands_still_blocks_no_other(void **state)
{
    (void)state;
    open_all();
    struct tn_chain_listener listener = {.receipt = count_refused, .inbox = cc_inbox};
    tn_chain_tell(cc.chain, &listener);
    uint32_t most = tn_chain_remits_max(&cc.limits);
    assert_int_equal(most, TN_REMIT_OUT_MAX);
    send_many(0, 1, most + 8);
    refused = 0;
    for (uint32_t i = 0; i < 4; i++)
        next_block();
    assert_int_equal(refused, 8);
    assert_int_equal(under_way(), most);
    send(0, 2, 1, 1, 1); /* market 2 stands still; market 3 does not */
    next_block();
    consume(2);
    assert_int_equal(cash(2, 1), START_CASH + 1);
    consume(1);
    assert_int_equal(cash(1, 1), START_CASH + most);
    consume(0);
    assert_int_equal(counted(0, 1), 0);
    send_many(0, 1, 8);
    next_block();
    assert_int_equal(refused, 8);
    assert_int_equal(under_way(), 8);
}

/* Nobody leads market 2 any more: its inboxes fill up, and the chain consumes the oldest. */
static void test_chain_remit_to_a_market_that_nobody_leads_arrives_when_its_inboxes_are_full(
    void **state)
{
    (void)state;
    cc.limits.lag_ms = INT64_C(80000000);
    free(cc.chain);
    cc.limits.markets[1].inboxes_max = 64;
    cc.chain = cc_new_chain();
    const struct tn_chain_listener listener = {.inbox = cc_inbox};
    tn_chain_tell(cc.chain, &listener);
    for (uint32_t i = 0; i < MARKETS; i++)
        cc_take_over(i);
    open_all();
    send(0, 1, 1, 1, 5 * DOLLAR);
    send(0, 1, 1, 0, 2 * DOLLAR); /* another's: it comes back by the same block's inbox */
    next_block();
    for (uint32_t i = 0; under_way() == 2 && i < 80; i++)
        next_block();
    assert_int_equal(cash(1, 1), START_CASH + 5 * DOLLAR);
    assert_int_equal(under_way(), 1);
    consume(0);
    assert_int_equal(cash(0, 1), START_CASH - 5 * DOLLAR);
    assert_int_equal(counted(0, 1), 0);
}

/* The first term ends with money under way both to the market and from it. */
static void test_chain_remit_under_way_outlives_the_terms_of_both_leaders(void **state)
{
    (void)state;
    open_all();
    send(0, 1, 1, 1, 5 * DOLLAR);
    next_block();
    send(0, 1, 1, 1, 7 * DOLLAR); /* soft, and reverted with its term */
    cc.pool[cc.pool_count - 1].is_hidden = true;
    cc_stall(0, 3);
    cc_stall(1, 3);
    next_block();
    cc_take_over(0);
    cc_take_over(1);
    assert_int_equal(cash(0, 1), START_CASH - 5 * DOLLAR);
    assert_int_equal(under_way(), 1);
    consume(1);
    assert_int_equal(cash(1, 1), START_CASH + 5 * DOLLAR);
    consume(0);
    assert_int_equal(counted(0, 1), 0);
}

/* ---- Restored, and proved ---- */

static struct tn_chain *restored(void)
{
    struct tn_import_fault fault = {.what = "none"};
    struct tn_hash root;
    uint8_t *record = cc_room(ROOM);
    struct tn_chain *chain = cc_new_chain();
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
        for (uint32_t i = 0; i < tn_chain_records_count(cc.chain, (uint8_t)kind); i++) {
            size_t size = tn_chain_record(cc.chain, record, ROOM, (uint8_t)kind, i);
            if (size == 0) continue;
            if (!tn_chain_import(chain, &fault, (uint8_t)kind, i, record, size))
                fail_msg("record %u.%u, byte %u: %s", kind, i, fault.at, fault.what);
        }
    }
    if (!tn_chain_import_end(chain, &root, &fault)) fail_msg("%s", fault.what);
    assert_true(tn_hash_equal(&root, &tn_chain_heads(cc.chain)->root));
    free(record);
    return chain;
}

static void test_chain_remits_under_way_are_in_records_and_under_the_root(void **state)
{
    (void)state;
    open_all();
    uint8_t record[256];
    size_t bare =
        tn_market_record(tn_chain_market(cc.chain, 0), record, sizeof record, TN_RECORD_STREAM, 0);
    assert_int_equal(bare, 88); /* what is not there takes no bytes */
    send(0, 1, 1, 1, 5 * DOLLAR);
    send(0, 2, 1, 0, 6 * DOLLAR);
    next_block();
    consume(2); /* the second is on its way back */
    size_t size =
        tn_market_record(tn_chain_market(cc.chain, 0), record, sizeof record, TN_RECORD_STREAM, 0);
    assert_int_equal(size, 88 + 16);
    assert_int_equal(tn_get_be(record + 88, 4), 2);
    assert_int_equal(tn_get_be(record + 92, 4), 1);
    assert_int_equal(tn_get_be(record + 96, 4), 3);
    struct tn_chain *other = restored();
    uint32_t count;
    assert_true(tn_chain_under_way(other, &count) == 11 * DOLLAR);
    assert_int_equal(count, 2);
    cc_make_batch(0, DONE, NULL, 0);
    cc_make_batch(1, DONE, NULL, 0);
    cc_propose(BLOCK_MS);
    assert_int_equal(tn_chain_execute(other, &cc.line[0].block), TN_CHAIN_OK);
    cc_finalize();
    assert_true(tn_hash_equal(&tn_chain_heads(other)->root, &tn_chain_heads(cc.chain)->root));
    assert_true(tn_chain_under_way(other, &count) == 0);
    free(other);
}

/* Records in which one number of those under way is another. */
static void expect_refused(uint32_t at, uint8_t change, const char *what)
{
    struct tn_import_fault fault = {.what = "none"};
    struct tn_hash root;
    uint8_t *record = cc_room(ROOM);
    struct tn_chain *chain = cc_new_chain();
    bool is_good = true;
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS && is_good; kind++) {
        for (uint32_t i = 0; i < tn_chain_records_count(cc.chain, (uint8_t)kind) && is_good; i++) {
            size_t size = tn_chain_record(cc.chain, record, ROOM, (uint8_t)kind, i);
            if (size == 0) continue;
            if (kind == TN_RECORD_STREAM) record[at] ^= change;
            is_good = tn_chain_import(chain, &fault, (uint8_t)kind, i, record, size);
        }
    }
    if (is_good) is_good = tn_chain_import_end(chain, &root, &fault);
    assert_false(is_good);
    assert_string_equal(fault.what, what);
    assert_int_equal(fault.name.kind, TN_RECORD_STREAM);
    free(chain);
    free(record);
}

static void test_chain_refuses_records_in_which_what_is_under_way_does_not_add_up(void **state)
{
    (void)state;
    open_all();
    send(0, 1, 1, 1, 5 * DOLLAR);
    send(0, 2, 1, 1, 5 * DOLLAR);
    next_block();
    free(restored());
    const char *wrong = "this cannot be under way to that market";
    expect_refused(91, 11, wrong); /* no such market */
    expect_refused(91, 1, wrong);  /* one twice */
    expect_refused(91, 3, wrong);  /* to itself */
    expect_refused(95, 1, wrong);  /* none */
    expect_refused(94, 4, wrong);  /* more than may be */
    expect_refused(95, 3, "what is under way to other markets is not what waits in inboxes");
}

/* An exit checkpoint counts what is under way with whom it belongs to; every fourth height has one.
 */
static void test_chain_exits_count_what_is_under_way(void **state)
{
    (void)state;
    open_all();
    while (tn_chain_heads(cc.chain)->height % 4 != 2)
        next_block();
    send(0, 1, 1, 1, 5 * DOLLAR); /* belongs to account 1 of market 2 */
    send(0, 1, 0, 7, 6 * DOLLAR); /* nobody's there: belongs to its sender */
    next_block();
    next_block();
    assert_int_equal(under_way(), 2);
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    assert_int_equal(tn_get_be(heads->streams[0].exit, 8), heads->height);
    uint8_t record[TN_PROOF_EQUITY_SIZE * 2];
    const tn_micros expected[3][2] = {{START_CASH, START_CASH - 5 * DOLLAR},
                                      {START_CASH, START_CASH + 5 * DOLLAR},
                                      {START_CASH, START_CASH}};
    tn_micros vaults = 0;
    for (uint32_t place = 0; place < MARKETS; place++) {
        size_t size = tn_chain_record(cc.chain, record, sizeof record,
                                      (uint8_t)(place * 32 + TN_RECORD_EQUITY), 0);
        assert_int_equal(size, sizeof record);
        for (uint32_t i = 0; i < 2; i++)
            assert_int_equal(tn_get_be(record + 28 * i + 20, 8), expected[place][i]);
        vaults += (tn_micros)tn_get_be(heads->streams[place].exit + 60, 8);
    }
    assert_int_equal(vaults, put_in); /* all that is held, for nobody twice */
    free(restored());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_CASE(test_chain_remit_waits_in_an_inbox_until_the_other_stream_comes_to_its_block),
        CHAIN_CASE(test_chain_remit_that_nobody_may_take_comes_back),
        CHAIN_CASE(test_chain_remit_of_an_owner_is_an_operation),
        CHAIN_CASE(test_chain_allows_as_many_remits_under_way_as_inboxes_have_room_for),
        CHAIN_CASE(test_chain_full_way_to_a_market_that_stands_still_blocks_no_other),
        CHAIN_CASE(
            test_chain_remit_to_a_market_that_nobody_leads_arrives_when_its_inboxes_are_full),
        CHAIN_CASE(test_chain_remit_under_way_outlives_the_terms_of_both_leaders),
        CHAIN_CASE(test_chain_remits_under_way_are_in_records_and_under_the_root),
        CHAIN_CASE(test_chain_refuses_records_in_which_what_is_under_way_does_not_add_up),
        CHAIN_CASE(test_chain_exits_count_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
