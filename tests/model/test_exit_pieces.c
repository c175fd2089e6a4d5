/* Exit checkpoints of a market with so many accounts that they are taken and hashed in several
 * pieces, in whatever order and by several threads: each record is that of a twin that works out
 * all accounts anew, and records EQUITY change where the worth of one of theirs has changed. */
#include "../unit/exchange/exchange_entries.h"
#include "cluster/hands.h"
#include "exit_twin.h"
#include "replica/internal.h"
#include "seed.h"
#include "zeroed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    ACCOUNTS = 3 * TN_EQUITY_PIECE + 300,
    BLOCKS = 40,
    CHUNKS = (ACCOUNTS - 1) / TN_RECORD_EQUITY_CHUNK + 1,
    PIECES_MOST = 8,
    NAMES = 64,
    THREADS = 2,
};

static struct world {
    struct tn_replica_limits limits;
    struct tn_replica *replica;
    struct hands *hands;
    struct tn_event *events;
    uint32_t events_max, accounts;
    uint64_t random, height, worked, in_pieces;
    tn_micros cash[ACCOUNTS], coming[ACCOUNTS]; /* coming: what is under way in this block */
    tn_micros worth[ACCOUNTS];                  /* at the checkpoint before, of so many: */
    uint32_t known;
} world;

static uint64_t below(uint64_t bound)
{
    return tn_random_below(&world.random, bound);
}

/* By threads, or in a new order. */
static void work_about(void *context, void (*piece)(void *of, uint32_t index), void *of,
                       uint32_t count)
{
    uint32_t order[PIECES_MOST];
    (void)context;
    assert_true(count > 1 && count <= PIECES_MOST);
    world.worked++;
    world.in_pieces += count;
    if (below(2) == 0) {
        const struct tn_hands threads = hands_of(world.hands);
        threads.work(threads.context, piece, of, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = (uint32_t)below(i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    for (uint32_t i = 0; i < count; i++)
        piece(of, order[i]);
}

static void open_world(void)
{
    const struct tn_hands hands = {.work = work_about};
    world.random = test_seed("test_exit_pieces");
    world.limits = (struct tn_replica_limits){.market = 3, .exit_blocks = 1};
    tn_exchange_limits_default(&world.limits.exchange);
    world.limits.exchange.accounts_max = ACCOUNTS;
    assert_true(tn_replica_size(&world.limits) > 0);
    world.replica = tn_replica_init(take_zeroed(tn_replica_size(&world.limits)), &world.limits);
    world.events_max = tn_exchange_events_max(&world.limits.exchange);
    world.events = take_zeroed(world.events_max * sizeof world.events[0]);
    tn_replica_lend_hands(world.replica, &hands);
    world.hands = hands_open(THREADS);
    assert_non_null(world.hands);
}

static void apply(struct tn_entry entry)
{
    static uint8_t bytes[4096];
    const size_t size = tn_stream_write_entry(bytes, sizeof bytes, &entry);
    assert_true(size > 0 && size <= sizeof bytes);
    const uint32_t count =
        tn_replica_apply(world.replica, world.events, world.events_max, &entry, bytes, size);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(world.events[i].reject, TN_REJECT_NONE);
}

static void open_account(void)
{
    apply(account_entry((uint8_t)below(200)));
    world.accounts++;
}

static void deposit(uint32_t account)
{
    const tn_micros amount = 1 + (tn_micros)below(1000000);
    apply(deposit_entry(account, 0, amount));
    world.cash[account] += amount;
}

/* As a chain says it of what waits in other markets' inboxes. */
static void send(uint32_t account)
{
    const tn_micros amount = 1 + (tn_micros)below(1000000);
    world.coming[account] += amount;
    tn_shard_exit_coming(&world.replica->shard, account, amount);
}

/* Accounts come by few and by thousands; money comes to some, now and then of one piece alone. */
static void fill_block(void)
{
    static const uint32_t most[] = {1, 2, 40, 2500};
    const uint32_t more = (uint32_t)below(most[below(4)] + UINT64_C(1));
    const uint32_t deposits = (uint32_t)below(120);
    memset(world.coming, 0, sizeof world.coming);
    for (uint32_t i = 0; i < more && world.accounts < ACCOUNTS; i++)
        open_account();
    if (world.accounts == 0) open_account();
    const uint32_t first = (uint32_t)below(world.accounts);
    const uint32_t among = below(3) == 0 ? 1 + (world.accounts - first) / 9 : world.accounts;
    for (uint32_t i = 0; i < deposits; i++) {
        const uint32_t account = (first + (uint32_t)below(among)) % world.accounts;
        if (below(3) == 0)
            send(account);
        else
            deposit(account);
    }
}

static void end_block(void)
{
    struct tn_batch_header batch;
    struct tn_block_header block = {.epoch = 1, .view = ++world.height};
    struct tn_hash hash, root;
    tn_replica_end_batch(world.replica, &batch);
    tn_replica_end_block(world.replica, &block, &hash, &root);
    tn_replica_begin_batch(world.replica);
}

static void expect_twins_record(void)
{
    uint8_t record[TN_PROOF_EXIT_SIZE];
    exit_twin(record, tn_replica_exchange(world.replica), world.limits.market, world.height,
              world.coming);
    assert_memory_equal(tn_replica_heads(world.replica)->exit, record, sizeof record);
    assert_int_equal(tn_replica_exit_accounts(world.replica), world.accounts);
    for (uint32_t i = 0; i < world.accounts; i++)
        assert_int_equal(tn_replica_exit_equity(world.replica, i), world.cash[i] + world.coming[i]);
}

static void expect_changed_records(void)
{
    struct tn_record_name names[NAMES];
    bool is_told[CHUNKS] = {false}, is_new[CHUNKS] = {false};
    uint32_t count;
    for (uint32_t i = 0; i < world.accounts; i++) {
        const tn_micros worth = world.cash[i] + world.coming[i];
        if (i >= world.known || worth != world.worth[i]) is_new[i / TN_RECORD_EQUITY_CHUNK] = true;
        world.worth[i] = worth;
    }
    world.known = world.accounts;
    while ((count = tn_replica_changed(world.replica, names, NAMES)) > 0) {
        for (uint32_t i = 0; i < count; i++)
            if (names[i].kind == TN_RECORD_EQUITY) is_told[names[i].index] = true;
    }
    assert_memory_equal(is_told, is_new, sizeof is_told);
}

static void test_exit_checkpoints_in_pieces_are_the_twins_in_whatever_order(void **unused)
{
    (void)unused;
    open_world();
    for (uint32_t i = 0; i < BLOCKS; i++) {
        fill_block();
        end_block();
        expect_twins_record();
        expect_changed_records();
    }
    while (world.accounts < ACCOUNTS)
        open_account();
    memset(world.coming, 0, sizeof world.coming);
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        deposit(i);
    end_block();
    expect_twins_record();
    expect_changed_records();
    assert_true(world.worked > BLOCKS / 2 && world.in_pieces > 2 * world.worked);
    hands_close(world.hands);
    free(world.replica);
    free(world.events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_checkpoints_in_pieces_are_the_twins_in_whatever_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
