/* Blocks of a chain judged and executed on what they need of it, and nothing else: whom that is,
 * that nobody else is brought, and that without any one of them, or with anything changed, it is
 * said what is wrong (docs/specs/witness.md, A set's block). */
#include "chain_story.h"
#include "witness_case.h"

enum { CROWD_OWNER = 5, PER_BLOCK = 200 };

static void finalize(void)
{
    while (cc.line_count > 0)
        cc_finalize();
}

/* The next block on its witness; not final yet. */
static void propose(void)
{
    cc_propose(BLOCK_MS);
    wc_check();
}

/* Nothing waits in any inbox, and the next block ends with no exit checkpoint. */
static void settle(void)
{
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t place = 0; place < MARKETS; place++)
            cc_make_batch(place, 100, NULL, 0);
        cc_pass(BLOCK_MS);
    }
    while ((tn_chain_heads(cc.chain)->height + 1) % cc.limits.exit_blocks == 0)
        cc_pass(BLOCK_MS);
}

static bool needs_account(uint32_t place, uint32_t account)
{
    return wc_needs(wc.needed.markets[place].accounts, account);
}

static bool needs_seat(uint32_t place, uint32_t seat)
{
    return wc_needs(wc.needed.markets[place].seats, seat);
}

static uint32_t needed_count(const uint64_t *bits, uint32_t of)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < of; i++)
        count += wc_needs(bits, i);
    return count;
}

/* ---- A crowd ---- */

/* Items that are final make room for others. */
static void forget_items(void)
{
    for (uint32_t i = 0; i < cc.items_count; i++)
        free(cc.items[i].bytes);
    cc.items_count = 0;
}

static void open_one(uint32_t market, uint32_t number)
{
    cc_operate((struct tn_operation){.kind = TN_OPERATION_OPEN, .market = market, .number = number},
               CROWD_OWNER);
}

static void open_one_session(uint32_t market, uint32_t account, uint32_t nonce)
{
    cc_operate((struct tn_operation){.kind = TN_OPERATION_SESSION,
                                     .market = market,
                                     .number = nonce,
                                     .account = account,
                                     .scope = TN_SCOPE_ALL,
                                     .expires_ms = START_MS + TN_MS_PER_DAY,
                                     .key = cc_key(KEY_SESSION + CROWD_OWNER)},
               CROWD_OWNER);
}

/* Accounts of somebody who does nothing, and a session for each, until there are so many. */
static void gather(uint32_t place, uint32_t accounts)
{
    const struct tn_exchange *exchange = tn_market_exchange(tn_chain_market(cc.chain, place));
    uint32_t count = tn_exchange_accounts_count(exchange);
    while (count < accounts) {
        const uint32_t first = count;
        for (uint32_t n = 0; n < PER_BLOCK && count < accounts; n++, count++)
            open_one(place + 1, count - 1); /* two are the traders' */
        cc_pass(BLOCK_MS);
        cc_make_batch(place, 100, NULL, 0);
        forget_items();
        for (uint32_t account = first; account < count; account++)
            open_one_session(place + 1, account, 1);
        cc_pass(BLOCK_MS);
        cc_make_batch(place, 100, NULL, 0);
        forget_items();
    }
    settle();
    assert_int_equal(tn_exchange_accounts_count(exchange), accounts);
    assert_int_equal(tn_market_sessions_count(tn_chain_market(cc.chain, place)), accounts);
}

static void test_chain_witness_does_not_grow_with_accounts_that_the_block_does_not_touch(
    void **state)
{
    (void)state;
    size_t size[2], whole[2];
    open_trading(0);
    for (uint32_t i = 0; i < 2; i++) {
        gather(0, i == 0 ? 300 : 3000);
        order(0, 0, TN_SELL, 100000, 1);
        cc_pass(BLOCK_MS);
        order(0, 1, TN_BUY, 100000, 1);
        settle();
        order(0, 0, TN_BUY, 99000, 1);
        propose();
        assert_true(needs_account(0, 0) && !needs_account(0, 1) && !needs_account(0, 17));
        assert_true(needs_seat(0, 0) && !needs_seat(0, 1) && !needs_seat(0, 17));
        size[i] = wc.size;
        whole[i] = wc.whole_size;
        finalize();
        const struct tn_command cancel = {.kind = TN_COMMAND_MASS_CANCEL};
        static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
        const struct tn_stream_item item = cc_frame(payload, 0, 0, cc.leaders[0].term, &cancel, 1);
        cc_make_batch(0, 100, &item, 1);
        cc_pass(BLOCK_MS);
    }
    print_message("of 300 accounts %zu bytes, all records %zu; of 3000: %zu, %zu\n", size[0],
                  whole[0], size[1], whole[1]);
    assert_true(size[1] < size[0] + 4096);
    assert_true(size[1] * 10 < whole[1]);
}

/* Exit checkpoints, which need everybody, come seldom. */
static int open_with(void **state, bool is_crowd)
{
    if (cc_open(state) != 0) return -1;
    free(cc.chain);
    cc.limits.exit_blocks = 48;
    for (uint32_t i = 0; is_crowd && i < MARKETS; i++) {
        cc.limits.item_bytes_max = 1 << 16;
        cc.limits.weight_max = 1 << 18;
        cc.limits.markets[i].inbox_bytes_max = 1 << 24;
        cc.limits.markets[i].sessions_max = i == 0 ? 4096 : 32;
        cc.limits.markets[i].exchange.accounts_max = i == 0 ? 4096 : 16;
    }
    cc.chain = cc_new_chain();
    const struct tn_chain_listener listener = {.inbox = cc_inbox, .difference = cc_difference};
    tn_chain_tell(cc.chain, &listener);
    for (uint32_t i = 0; i < MARKETS; i++)
        cc_take_over(i);
    wc_open();
    return 0;
}

static int open_crowd(void **state)
{
    return open_with(state, true);
}

static int open_case(void **state)
{
    return open_with(state, false);
}

static int close_case(void **state)
{
    wc_close();
    return cc_close(state);
}

/* ---- Who is needed ---- */

/* A crowd of some, so that many are somebody whom nobody needs. */
static void open_market_with_some(void)
{
    open_trading(0);
    for (uint32_t i = 0; i < 6; i++)
        open_one(1, i + 1);
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
    for (uint32_t i = 0; i < 6; i++)
        open_one_session(1, i + 2, 1);
    settle();
}

static void test_chain_witness_of_a_trade_has_both_sides_and_their_sessions(void **state)
{
    (void)state;
    open_market_with_some();
    order(0, 0, TN_SELL, 100000, 2);
    order(0, 1, TN_BUY, 100000, 1);
    propose();
    const struct tn_witness_part *part = &wc.needed.markets[0];
    assert_true(needs_account(0, 0) && needs_account(0, 1) && needs_account(0, 7));
    assert_int_equal(needed_count(part->accounts, part->accounts_count), 3);
    assert_int_equal(needed_count(part->seats, part->seats_count), 3);
    assert_int_equal(needed_count(wc.needed.markets[1].accounts, 0), 0);
    assert_int_equal(wc_leave_out_each(), 4);
    finalize();
    assert_int_equal(position(0, 1), 1);
    cc_make_batch(0, 100, NULL, 0); /* its maker's order rests: he is needed whatever happens */
    propose();
    assert_true(needs_account(0, 0) && !needs_account(0, 1) && !needs_seat(0, 0));
    assert_int_equal(wc_leave_out_each(), 1);
}

static void test_chain_witness_of_an_account_that_is_opened_has_all_accounts(void **state)
{
    (void)state;
    open_market_with_some();
    open_one(1, 7);
    propose(); /* the item alone needs nobody */
    assert_false(needs_account(0, 3));
    finalize();
    settle();
    open_one(1, 8);
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
    propose(); /* its owner may have any of them */
    const struct tn_witness_part *part = &wc.needed.markets[0];
    assert_int_equal(needed_count(part->accounts, part->accounts_count), part->accounts_count);
    assert_int_equal(needed_count(part->seats, part->seats_count), 1);
    assert_true(wc_leave_out_each() >= 8);
    finalize();
    assert_int_equal(tn_exchange_accounts_count(tn_market_exchange(tn_chain_market(cc.chain, 0))),
                     10);
}

static void test_chain_witness_of_a_session_that_is_opened_has_all_sessions(void **state)
{
    (void)state;
    open_market_with_some();
    open_one_session(1, 3, 2);
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
    propose();
    const struct tn_witness_part *part = &wc.needed.markets[0];
    assert_int_equal(needed_count(part->seats, part->seats_count), part->seats_count);
    assert_true(needs_account(0, 3) && !needs_account(0, 4));
    wc_leave_out_each();
    finalize();
    assert_int_equal(tn_market_sessions_count(tn_chain_market(cc.chain, 0)), 9);
}

static void revoke(uint64_t session)
{
    cc_operate((struct tn_operation){.kind = TN_OPERATION_REVOKE, .market = 1, .session = session},
               CROWD_OWNER);
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
}

static void test_chain_witness_says_of_a_seat_that_it_is_free(void **state)
{
    (void)state;
    const uint64_t session = UINT64_C(4) << 32 | 3;
    open_market_with_some();
    revoke(session);
    propose();
    assert_true(needs_seat(0, 3) && !needs_seat(0, 4) && needs_account(0, 3));
    wc_leave_out_each();
    finalize();
    settle();
    revoke(session); /* there is none any more, which must be known to be so */
    propose();
    assert_true(needs_seat(0, 3) && !needs_account(0, 3));
    assert_int_equal(wc_leave_out_each(), 1);
    uint32_t empty = 0;
    for (uint32_t i = 0; i < wc.records_count; i++)
        empty += wc.records[i].size == 0;
    assert_int_equal(empty, 1);
}

static void test_chain_witness_of_an_exit_checkpoint_has_all_accounts(void **state)
{
    (void)state;
    open_market_with_some();
    while ((tn_chain_heads(cc.chain)->height + 1) % cc.limits.exit_blocks != 0)
        cc_pass(BLOCK_MS);
    propose();
    const struct tn_witness_part *part = &wc.needed.markets[0];
    assert_int_equal(needed_count(part->accounts, part->accounts_count), part->accounts_count);
    wc_leave_out_each();
}

/* ---- What crosses markets, what is forced, who leads ---- */

static void send(uint32_t from, uint32_t to, uint32_t to_account)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    struct tn_command command = {.kind = TN_COMMAND_REMIT};
    command.as.remit.to_market = to + 1;
    command.as.remit.to_account = to_account;
    command.as.remit.amount = DOLLAR;
    const struct tn_stream_item item =
        cc_frame(payload, from, 0, cc.leaders[from].term, &command, 1);
    cc_make_batch(from, 100, &item, 1);
}

static void test_chain_witness_of_money_that_crosses_markets_has_who_sends_and_who_takes(
    void **state)
{
    (void)state;
    open_trading(0);
    open_trading(1);
    settle();
    send(0, 1, 0); /* arrives */
    propose();
    assert_true(needs_account(0, 0) && !needs_account(1, 0));
    wc_leave_out_each();
    finalize();
    cc_make_batch(1, 100, NULL, 0);
    propose();
    assert_true(needs_account(1, 0) && !needs_account(0, 0));
    assert_true(wc_leave_out_each() > 0);
    finalize();
    assert_int_equal(tn_chain_counters(cc.chain)->remits, 1);
    settle();
    send(0, 1, 9); /* nobody: it goes back */
    cc_pass(BLOCK_MS);
    cc_make_batch(1, 100, NULL, 0);
    propose();
    assert_false(needs_account(1, 0));
    finalize();
    cc_make_batch(0, 100, NULL, 0);
    propose();
    assert_true(needs_account(0, 0));
    wc_leave_out_each();
    finalize();
    assert_int_equal(tn_chain_counters(cc.chain)->remits_back, 1);
}

static void test_chain_witness_of_a_forced_frame_has_its_session_when_it_is_judged(void **state)
{
    (void)state;
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    const struct tn_command command = cc_limit(TN_BUY, PERP, 99000, 1);
    open_market_with_some();
    struct tn_block_item item = {.kind = TN_ITEM_FORCED};
    item.as.forced = cc_frame(payload, 0, 1, 0, &command, 1).as.frame;
    cc_give(&item);
    propose(); /* judged, not executed */
    assert_true(needs_seat(0, 1) && !needs_account(0, 1));
    assert_int_equal(wc_leave_out_each(), 1);
    finalize();
    cc_make_batch(0, 100, NULL, 0);
    propose();
    assert_true(needs_seat(0, 1) && needs_account(0, 1));
    assert_int_equal(wc_leave_out_each(), 2);
    finalize();
    struct tn_account_view view;
    assert_true(tn_exchange_account(tn_market_exchange(tn_chain_market(cc.chain, 0)), &view, 1));
    assert_int_equal(view.orders_count, 1);
}

static void test_chain_witness_of_blocks_around_a_change_of_leader_is_good(void **state)
{
    (void)state;
    open_market_with_some();
    const uint32_t before = tn_chain_heads(cc.chain)->streams[0].term;
    cc_stall(0, 3);
    propose();
    assert_false(needs_account(0, 0));
    finalize();
    assert_int_equal(tn_chain_heads(cc.chain)->streams[0].term, before + 1);
    cc_take_over(0);
    order(0, 0, TN_SELL, 100000, 1);
    propose();
    assert_true(needs_account(0, 0));
    wc_leave_out_each();
    finalize();
    assert_int_equal(cc.differences_count, 0);
}

/* ---- Past roots ---- */

static void test_chain_witness_has_the_past_roots_that_can_be_asked_for(void **state)
{
    (void)state;
    open_market_with_some();
    for (uint32_t i = 0; i < TN_CHAIN_RING + 60; i++) {
        if (i % 8 == 7) cc_make_batch(0, 100, NULL, 0);
        if (i % 8 == 7) cc_make_batch(1, 100, NULL, 0);
        cc_propose(1);
        assert_int_equal(tn_chain_execute(cc.chain, &cc.line[0].block), TN_CHAIN_OK);
        cc_shift();
        if (cc.pool_count + 8 < POOL_MAX) continue;
        for (uint32_t k = 0; k < cc.pool_count; k++)
            free((void *)(uintptr_t)cc.pool[k].batch.body);
        cc.pool_count = 0;
    }
    order(0, 0, TN_BUY, 99000, 1);
    propose();
    size_t bytes = 0;
    for (uint32_t i = 0; i < wc.records_count; i++)
        bytes += wc.records[i].name.kind == TN_CHAIN_RECORD_RING ? wc.records[i].size : 0;
    assert_in_range(bytes, 80, 80 * 24);
}

/* Who leaves out a height that can be asked for is refused, although all the rest would link. */
static void test_chain_witness_with_too_few_past_roots_is_refused(void **state)
{
    (void)state;
    enum { FIRST_AT = 1 + 32 + (int)TN_BLOCK_HEADER_BYTES + TN_HASH_SIZE };
    open_market_with_some();
    for (uint32_t i = 0; i < 20; i++)
        settle();
    order(0, 0, TN_BUY, 99000, 1);
    propose();
    for (uint32_t i = 0; i < wc.records_count; i++) {
        if (wc.records[i].name.kind != TN_CHAIN_RECORD_HEADS) continue;
        uint8_t *first = (uint8_t *)(uintptr_t)wc.records[i].bytes + FIRST_AT;
        assert_true(tn_get_be(first, 8) > 0);
        tn_put_be(first, tn_get_be(first, 8) + 1, 8);
    }
    assert_int_equal(wc_take(&cc.line[0].block), WC_RECORD);
    assert_int_equal(wc.fault.name.kind, TN_CHAIN_RECORD_HEADS);
}

/* ---- Liars ---- */

static void open_a_trade(void)
{
    open_market_with_some();
    order(0, 0, TN_SELL, 100000, 2);
    order(0, 1, TN_BUY, 100000, 1);
    propose();
}

static void expect_refused(const char *what)
{
    enum wc_end end = wc_take(&cc.line[0].block);
    if (end == WC_GOOD || end == WC_AFTER) fail_msg("%s: it ends with %u", what, end);
}

static void test_chain_witness_with_any_byte_changed_is_refused(void **state)
{
    (void)state;
    open_a_trade();
    const size_t step = wc.bytes_size / 250 + 1;
    for (size_t at = 0; at < wc.bytes_size; at += step) {
        wc.bytes[at] ^= (uint8_t)(1u << at % 8);
        expect_refused("a byte of a record");
        wc.bytes[at] ^= (uint8_t)(1u << at % 8);
    }
    assert_true(wc.nodes_size > 0);
    for (size_t at = 0; at < wc.nodes_size; at += 41) {
        wc.nodes[at] ^= 1;
        expect_refused("a byte of a node");
        wc.nodes[at] ^= 1;
    }
    for (uint32_t i = 0; i < wc.records_count; i += 3) {
        wc.records[i].name.index++;
        expect_refused("another index");
        wc.records[i].name.index--;
        if (wc.records[i].size < 2) continue;
        wc.records[i].size--;
        expect_refused("a record cut off");
        wc.records[i].size++;
    }
    assert_int_equal(wc_take(&cc.line[0].block), WC_GOOD);
}

static void test_chain_witness_with_other_counts_or_nodes_is_refused(void **state)
{
    (void)state;
    open_a_trade();
    struct tn_witness_part *part = &wc.needed.markets[0];
    wc.nodes_size--;
    assert_int_equal(wc_take(&cc.line[0].block), WC_RECORD);
    assert_int_equal(wc.fault.name.kind, 0);
    wc.nodes_size += 2;
    assert_int_equal(wc_take(&cc.line[0].block), WC_RECORD);
    wc.nodes_size--;
    static const uint32_t others[] = {0, 1, 7, 9, 16, 17, UINT32_MAX};
    const uint32_t accounts = part->accounts_count, seats = part->seats_count;
    for (uint32_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        part->accounts_count = others[i];
        expect_refused("another count of accounts");
        part->accounts_count = accounts;
        part->seats_count = others[i];
        expect_refused("another count of sessions");
        part->seats_count = seats;
    }
    part->accounts_count = part->seats_count = UINT32_MAX; /* and records far past the limits */
    wc.records[wc.records_count - 1].name =
        (struct tn_record_name){TN_RECORD_ACCOUNT, UINT32_MAX - 1};
    assert_int_equal(wc_take(&cc.line[0].block), WC_RECORD);
    assert_string_equal(wc.fault.what, "there are more accounts than the limits let");
    part->accounts_count = accounts;
    wc.records[wc.records_count - 1].name.kind = TN_RECORD_SESSION;
    assert_int_equal(wc_take(&cc.line[0].block), WC_RECORD);
    assert_string_equal(wc.fault.what, "there are more sessions than the limits let");
    part->seats_count = seats;
    wc_write();
    assert_int_equal(wc_take(&cc.line[0].block), WC_GOOD);
}

/* Records of one kind and index are gone. */
static void drop(uint8_t kind, uint32_t index)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < wc.records_count; i++) {
        const struct tn_record_name name = wc.records[i].name;
        if (name.kind == kind && name.index == index) continue;
        wc.records[kept++] = wc.records[i];
    }
    assert_int_equal(kept + 1, wc.records_count);
    wc.records_count = kept;
}

static void test_chain_witness_without_a_record_is_refused(void **state)
{
    (void)state;
    open_a_trade();
    const uint32_t count = wc.records_count;
    for (uint32_t i = 0; i < count; i++) {
        wc_write();
        drop(wc.records[i].name.kind, wc.records[i].name.index);
        expect_refused("a record less");
    }
    wc_write();
    drop(TN_RECORD_ACCOUNT, 7); /* the last, beside which new ones come */
    assert_int_equal(wc_take(&cc.line[0].block), WC_RECORD);
    assert_string_equal(wc.fault.what, "the last account is always needed");
    wc_write();
    drop(TN_RECORD_SESSION, 7);
    assert_int_equal(wc_take(&cc.line[0].block), WC_RECORD);
    assert_string_equal(wc.fault.what, "the last session is always needed");
    wc_write();
    struct tn_state_record first = wc.records[0];
    wc.records[0] = wc.records[1];
    wc.records[1] = first;
    assert_int_equal(wc_take(&cc.line[0].block), WC_RECORD);
    assert_string_equal(wc.fault.what, "records do not ascend");
}

#define WITNESS_CASE(test) cmocka_unit_test_setup_teardown(test, open_case, close_case)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_chain_witness_does_not_grow_with_accounts_that_the_block_does_not_touch,
            open_crowd, close_case),
        WITNESS_CASE(test_chain_witness_of_a_trade_has_both_sides_and_their_sessions),
        WITNESS_CASE(test_chain_witness_of_an_account_that_is_opened_has_all_accounts),
        WITNESS_CASE(test_chain_witness_of_a_session_that_is_opened_has_all_sessions),
        WITNESS_CASE(test_chain_witness_says_of_a_seat_that_it_is_free),
        WITNESS_CASE(test_chain_witness_of_an_exit_checkpoint_has_all_accounts),
        WITNESS_CASE(test_chain_witness_of_money_that_crosses_markets_has_who_sends_and_who_takes),
        WITNESS_CASE(test_chain_witness_of_a_forced_frame_has_its_session_when_it_is_judged),
        WITNESS_CASE(test_chain_witness_of_blocks_around_a_change_of_leader_is_good),
        WITNESS_CASE(test_chain_witness_has_the_past_roots_that_can_be_asked_for),
        WITNESS_CASE(test_chain_witness_with_too_few_past_roots_is_refused),
        WITNESS_CASE(test_chain_witness_with_any_byte_changed_is_refused),
        WITNESS_CASE(test_chain_witness_with_other_counts_or_nodes_is_refused),
        WITNESS_CASE(test_chain_witness_without_a_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
