/* Random transfers over three markets: streams that run ahead, lag and stand still, leaders that
 * go, accounts that are not there or another's, ways that are full, deposits and withdrawals.
 *
 * Nobody trades, so what each owner has is known to the micro: what was deposited for him less what
 * he took out is what his accounts hold and what is under way from them or to them, after every
 * block. A second chain, restored in the middle from records, goes on alike; every third block is
 * executed on its witness alone, too; and once all streams have come to the end nothing is under
 * way any more. */
#define CHAIN_CASE_MARKETS 3
#include "seed.h"
#include "witness_case.h"

enum { HEIGHTS = 240, OWNERS = 2, ROOM = 1 << 21, PER_BATCH = 4 };

static struct run {
    uint64_t random;
    struct tn_chain *restored;
    tn_micros put_in[OWNERS]; /* by blocks that streams came to */
    uint32_t stands_still;    /* place of the market without batches; MARKETS: none */
    uint32_t sent, full, back, short_of, most_under_way;
} run;

static uint64_t below(uint64_t bound)
{
    return tn_random_below(&run.random, bound);
}

static const struct tn_exchange *exchange_at(const struct tn_chain *chain, uint32_t place)
{
    return tn_market_exchange_of(tn_chain_market((struct tn_chain *)(uintptr_t)chain, place));
}

/* Account i of each market is owner i's. */
static void heard(void *context, const struct tn_chain_place *place,
                  const struct tn_market_step *step)
{
    (void)context;
    (void)place;
    for (uint32_t i = 0; i < step->events_count; i++) {
        const struct tn_event *event = &step->events[i];
        if (event->kind == TN_EVENT_MONEY && event->other_account == TN_NONE)
            run.put_in[event->account] += event->money;
        if (event->kind == TN_EVENT_REMITTED) {
            run.sent += event->money < 0;
            run.back += event->account != TN_NONE && event->reject != TN_REJECT_NONE;
        }
        run.full += event->kind == TN_EVENT_RESULT && event->reject == TN_REJECT_TRANSFERS_FULL;
        run.short_of += event->kind == TN_EVENT_RESULT && event->reject == TN_REJECT_CASH_SHORT;
    }
}

/* ---- What happens ---- */

static struct tn_command random_remit(uint32_t from)
{
    struct tn_command command = {.kind = TN_COMMAND_REMIT};
    command.as.remit.to_market = 1 + (from + 1 + (uint32_t)below(MARKETS - 1)) % MARKETS;
    command.as.remit.to_account = (uint32_t)below(OWNERS + 1); /* the last is nobody */
    command.as.remit.amount = 1 + (tn_micros)below(below(20) == 0 ? START_CASH : DOLLAR);
    return command;
}

static void play(uint32_t place)
{
    static uint8_t payloads[PER_BATCH][TN_PAYLOAD_BYTES_MAX];
    struct tn_stream_item items[PER_BATCH];
    struct tn_command commands[8];
    uint32_t count = (uint32_t)below(PER_BATCH + 1), blocks = (uint32_t)below(6);
    if (cc.pool_count + 1 >= POOL_MAX || place == run.stands_still) return;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = 1 + (uint32_t)below(8), owner = (uint32_t)below(OWNERS);
        for (uint32_t k = 0; k < n; k++)
            commands[k] = random_remit(place);
        items[i] = cc_frame(payloads[i], place, owner, cc.leaders[place].term, commands, n);
    }
    cc_make_batch(place, blocks, items, count);
}

static void withdraw(uint32_t place, uint32_t owner)
{
    struct tn_command command = {.kind = TN_COMMAND_WITHDRAW};
    command.as.money.amount = 1 + (tn_micros)below(DOLLAR);
    if (below(2) == 0) command = random_remit(place);
    uint8_t bytes[512];
    struct tn_operation operation = {.kind = TN_OPERATION_FRAME, .market = place + 1};
    operation.entry = frame_entry(owner, ++cc.nonces[owner], &command, 1);
    operation.size = (uint32_t)tn_stream_write_entry(bytes, sizeof bytes, &operation.entry);
    operation.bytes = bytes;
    cc_operate(operation, owner);
}

static void happen(void)
{
    uint32_t place = (uint32_t)below(MARKETS), owner = (uint32_t)below(OWNERS);
    bool has_room = cc.items_count + 8 < ITEMS_MAX;
    switch (below(10)) {
        case 0:
            if (has_room) cc_deposit(place + 1, owner, 1 + (tn_micros)below(DOLLAR));
            return;
        case 1:
            if (has_room) withdraw(place, owner);
            return;
        case 2:
            if (has_room && below(6) == 0) cc_stall(place, 3);
            return;
        case 3:
            if (below(6) == 0) run.stands_still = (uint32_t)below(MARKETS + 1);
            return;
        default: play(place); return;
    }
}

static void follow_leaders(void)
{
    for (uint32_t i = 0; i < MARKETS; i++) {
        if (cc.leaders[i].term != tn_chain_heads(cc.chain)->streams[i].term) cc_take_over(i);
    }
}

/* ---- What must hold ---- */

/* What is under way belongs to who sent it: accounts have one number everywhere. */
static tn_micros by_owner[OWNERS];
static void add_under_way(void *context, const struct tn_remit *remit)
{
    (void)context;
    assert_in_range(remit->from_account, 0, OWNERS - 1);
    by_owner[remit->from_account] += remit->amount;
}

static void expect_kept(const struct tn_chain *chain)
{
    const struct tn_market_remits take = {.one = add_under_way};
    tn_i128 external = 0;
    memset(by_owner, 0, sizeof by_owner);
    for (uint32_t i = 0; i < MARKETS; i++) {
        const struct tn_ledger *ledger = tn_exchange_ledger(exchange_at(chain, i));
        struct tn_market *market = tn_chain_market((struct tn_chain *)(uintptr_t)chain, i);
        tn_market_remits(market, &take);
        tn_market_check(market);
        external -= tn_ledger_cash(ledger, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL));
        uint32_t count = tn_exchange_accounts_count(exchange_at(chain, i));
        for (uint32_t owner = 0; owner < OWNERS && owner < count; owner++)
            by_owner[owner] += tn_ledger_cash(ledger, owner);
    }
    uint32_t count;
    assert_true(external + tn_chain_under_way(chain, &count) == run.put_in[0] + run.put_in[1]);
    if (count > run.most_under_way) run.most_under_way = count;
    for (uint32_t owner = 0; owner < OWNERS; owner++)
        assert_int_equal(by_owner[owner], run.put_in[owner]);
}

static void restore(void)
{
    struct tn_import_fault fault = {.what = "none"};
    struct tn_hash root;
    uint8_t *record = cc_room(ROOM);
    run.restored = cc_new_chain();
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
        for (uint32_t i = 0; i < tn_chain_records_count(cc.chain, (uint8_t)kind); i++) {
            size_t size = tn_chain_record(cc.chain, record, ROOM, (uint8_t)kind, i);
            if (size == 0) continue;
            if (!tn_chain_import(run.restored, &fault, (uint8_t)kind, i, record, size))
                fail_msg("record %u.%u, byte %u: %s", kind, i, fault.at, fault.what);
        }
    }
    if (!tn_chain_import_end(run.restored, &root, &fault)) fail_msg("%s", fault.what);
    assert_true(tn_hash_equal(&root, &tn_chain_heads(cc.chain)->root));
    free(record);
}

static void finalize(void)
{
    if (tn_chain_heads(cc.chain)->height % 3 == 0) wc_check();
    if (run.restored != NULL)
        assert_int_equal(tn_chain_execute(run.restored, &cc.line[0].block), TN_CHAIN_OK);
    cc_finalize();
    follow_leaders();
    expect_kept(cc.chain);
    if (run.restored == NULL) return;
    assert_true(
        tn_hash_equal(&tn_chain_heads(run.restored)->root, &tn_chain_heads(cc.chain)->root));
}

static void step(void)
{
    for (uint64_t n = below(8); n > 0; n--)
        happen();
    cc_propose((int64_t)below(40));
    while (cc.line_count > below(4))
        finalize();
}

/* Deposits and operations that no block had room for yet. */
static bool has_items(void)
{
    for (uint32_t i = 0; i < cc.items_count; i++) {
        const struct pool_item *item = &cc.items[i];
        bool is_money = item->kind == TN_ITEM_DEPOSIT || item->kind == TN_ITEM_OPERATION;
        if (is_money && !item->is_hidden) return true;
    }
    return false;
}

/* All streams come to all blocks: what was sent arrives, what cannot arrive is back. */
static void drain(void)
{
    uint32_t count;
    run.stands_still = MARKETS;
    while (cc.line_count > 0)
        finalize();
    for (uint32_t place = 0; place < MARKETS;
         place++) /* a leader may be stuck behind a late batch */
        cc_stall(place, 3);
    cc_propose(BLOCK_MS);
    for (uint32_t after = 0; after < 6; after = has_items() ? 0 : after + 1) {
        while (cc.line_count > 0)
            finalize();
        for (uint32_t place = 0; place < MARKETS; place++)
            cc_make_batch(place, UINT32_MAX, NULL, 0);
        cc_propose(BLOCK_MS);
    }
    while (cc.line_count > 0)
        finalize();
    assert_true(tn_chain_under_way(cc.chain, &count) == 0);
    assert_int_equal(count, 0);
    for (uint32_t place = 0; place < MARKETS; place++) {
        uint32_t market, out;
        for (uint32_t i = 0; tn_exchange_remits_out(exchange_at(cc.chain, place), &market, &out, i);
             i++)
            assert_int_equal(out, 0);
    }
}

static void test_chain_random_transfers_lose_and_make_no_money(void **state)
{
    (void)state;
    const struct tn_chain_listener listener = {.receipt = heard, .inbox = cc_inbox};
    tn_chain_tell(cc.chain, &listener);
    run.stands_still = MARKETS;
    wc_open();
    for (uint32_t i = 0; i < MARKETS; i++) {
        for (uint32_t owner = 0; owner < OWNERS; owner++) {
            cc_open_account(i + 1, owner);
            cc_open_session(i + 1, owner);
        }
    }
    for (uint32_t height = 1; height <= HEIGHTS; height++) {
        for (uint32_t i = 0; height == 2 && i < MARKETS * OWNERS; i++)
            cc_deposit(i / OWNERS + 1, i % OWNERS, START_CASH);
        step();
        if (height == HEIGHTS / 2) restore();
    }
    drain();
    const struct tn_chain_counters *counters = tn_chain_counters(cc.chain);
    print_message("%u sent, %u arrived, %u back, %u refused for a full way, %u short; most under "
                  "way %u\n",
                  run.sent, (unsigned)counters->remits, run.back, run.full, run.short_of,
                  run.most_under_way);
    assert_int_equal(run.sent, counters->remits + counters->remits_back);
    assert_int_equal(run.back, counters->remits_back);
    assert_true(counters->remits > HEIGHTS && run.back > HEIGHTS && run.full > 0);
    assert_int_equal(counters->results_wrong, 0);
    assert_true(wc.checked > HEIGHTS / 4 && wc.partial > 0);
}

/* Room for few, so that ways are full now and then. */
static int open_run(void **state)
{
    if (cc_open(state) != 0) return -1;
    free(cc.chain);
    cc.limits.inbox_lag_max = 4;
    cc.limits.item_bytes_max = 1600;
    cc.limits.weight_max = 1 << 15; /* a market's share bears BLOCKs for all its inboxes */
    cc.chain = cc_new_chain();
    for (uint32_t i = 0; i < MARKETS; i++)
        cc_take_over(i);
    return 0;
}

static int close_run(void **state)
{
    free(run.restored);
    wc_close();
    return cc_close(state);
}

int main(int argc, char **argv)
{
    (void)argc;
    run.random = test_seed(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chain_random_transfers_lose_and_make_no_money,
                                        open_run, close_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
