/* Exit checkpoints: what each account could take out, and whether it is all there. Numbers are
 * worked out by hand, in dollars; the equity tree is hashed by hand, too. */
#include "replica_case.h"

#include "tenor/crypto.h"

static void seal_until_exit(void)
{
    do {
        if (beside.entries == 0) block(1);
        seal();
    } while (heads()->height % EXIT_EACH != 0);
}

static uint64_t number_at(const uint8_t *bytes, uint32_t count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* What the record says: vault, insurance, and the sum over all accounts. */
static void expect_exit(tn_micros vault, tn_micros insurance, tn_micros sum)
{
    const uint8_t *record = heads()->exit;
    assert_true(heads()->has_exit);
    assert_int_equal(number_at(record, 8), heads()->height);
    assert_int_equal(number_at(record + 8, 4), TRADERS);
    assert_int_equal(number_at(record + 44, 8), 0);
    assert_int_equal(number_at(record + 52, 8), sum);
    assert_int_equal(number_at(record + 60, 8), vault);
    assert_int_equal(number_at(record + 68, 8), insurance);
}

static void expect_equity(uint32_t account, tn_micros equity)
{
    assert_true(tn_replica_exit_accounts(beside.replica) > account);
    assert_int_equal(tn_replica_exit_equity(beside.replica, account), equity);
}

/* The proof of solvency, or of one account's exit. What does not hold has none. */
static bool proves(uint32_t account, struct tn_proof_claim *claim, struct tn_proof_fault *fault)
{
    static uint8_t proof[4096];
    uint8_t owner[TN_OWNER_SIZE] = {0};
    tn_micros equity = 0;
    if (account != TN_NONE) {
        memcpy(owner, account_view(account).owner, sizeof owner);
        equity = tn_replica_exit_equity(beside.replica, account);
    }
    size_t size = tn_state_prove_exit(tn_replica_state(beside.replica), proof, sizeof proof,
                                      &heads()->state, tn_replica_equity(beside.replica),
                                      heads()->exit, account, owner, equity);
    assert_true(size <= sizeof proof);
    return size > 0 && tn_proof_verify(claim, fault, proof, size, &heads()->root);
}

static void expect_solvent(bool is_solvent)
{
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    assert_int_equal(proves(TN_NONE, &claim, &fault), is_solvent);
    for (uint32_t account = 0; account < TRADERS; account++) {
        assert_true(proves(account, &claim, &fault)); /* an exit is paid in any case */
        assert_int_equal(claim.as.exit.index, account);
    }
}

/* Alice, with 6 000, buys 50 lots at 1 000 from Carol; spot falls by 2 000, a lot by 20. */
static void test_replica_exit_pays_cash_and_positions_at_their_marks(void **state)
{
    (void)state;
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    jump_to(98000 * DOLLAR);
    seal_until_exit();
    expect_equity(ALICE, 5000 * DOLLAR);
    expect_equity(ALICE_TWO, START_CASH);
    expect_equity(CAROL, START_CASH + 1000 * DOLLAR);
    tn_micros held = 4 * START_CASH + 6000 * DOLLAR;
    expect_exit(held, 0, held);
    expect_solvent(true);
}

/* Of what an order holds back nothing is lost to who left it. */
static void test_replica_exit_counts_what_orders_hold_back(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.call, 1000, 10));
    assert_true(account_view(BOB).reserved > 0);
    seal();
    advance(1, 1000);
    seal();
    expect_equity(BOB, START_CASH);
    expect_exit(TRADERS * START_CASH, 0, TRADERS * START_CASH);
}

/* Spot falls by 13 000: Alice is 500 short, which nobody has who was paid. Her leaf is zero, and
 * what all others are worth is 500 more than is held, until insurance has as much. Collateral of
 * Dan's, 1 000 at a haircut of a fifth, is held and is his: it changes nothing. */
static void test_replica_solvency_says_when_a_debt_is_not_covered(void **state)
{
    (void)state;
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 200000});
    mark_at(SPOT);
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    apply_passing(deposit_entry(DAN, 1, 1000 * DOLLAR));
    jump_to(87000 * DOLLAR);
    assert_int_equal(risk_of(ALICE).margin.equity, -500 * DOLLAR);
    seal_until_exit();
    expect_equity(ALICE, 0);
    expect_equity(CAROL, START_CASH + 6500 * DOLLAR);
    tn_micros collateral = risk_of(DAN).margin.collateral;
    assert_true(collateral >= 800 * DOLLAR && collateral <= 1000 * DOLLAR);
    expect_equity(DAN, START_CASH + collateral);
    tn_micros cash = 4 * START_CASH + 6000 * DOLLAR;
    expect_exit(cash + collateral, 0, cash + collateral + 500 * DOLLAR);
    expect_solvent(false);
    insure(500 * DOLLAR - 1);
    seal_until_exit();
    expect_exit(cash + collateral, 500 * DOLLAR - 1, cash + collateral + 500 * DOLLAR);
    expect_solvent(false);
    insure(1);
    seal_until_exit();
    expect_exit(cash + collateral, 500 * DOLLAR, cash + collateral + 500 * DOLLAR);
    expect_solvent(true);
}

/* keccak256 of 00 ‖ 36 ‖ index ‖ owner ‖ equity: the leaf of docs/specs/state.md. */
static struct tn_hash leaf_by_hand(uint32_t account, uint8_t owner, tn_micros equity)
{
    uint8_t bytes[34] = {0, 36, 0, 0, 0, (uint8_t)account};
    struct tn_hash hash;
    memset(bytes + 6, owner, TN_OWNER_SIZE);
    for (int i = 0; i < 8; i++)
        bytes[26 + i] = (uint8_t)((uint64_t)equity >> (56 - 8 * i));
    tn_keccak256(&hash, bytes, sizeof bytes);
    return hash;
}

static struct tn_hash node_by_hand(struct tn_hash left, uint64_t left_sum, struct tn_hash right,
                                   uint64_t right_sum)
{
    uint8_t bytes[97] = {2};
    struct tn_hash hash;
    memcpy(bytes + 1, left.bytes, 32);
    memcpy(bytes + 49, right.bytes, 32);
    for (int i = 0; i < 8; i++) {
        bytes[41 + i] = (uint8_t)(left_sum >> (56 - 8 * i));
        bytes[89 + i] = (uint8_t)(right_sum >> (56 - 8 * i));
    }
    tn_keccak256(&hash, bytes, sizeof bytes);
    return hash;
}

/* Five leaves, and three of zeros to the next power of two. */
static void test_replica_exit_record_has_the_root_of_the_equity_tree(void **state)
{
    (void)state;
    const uint64_t all = START_CASH, two = 2 * START_CASH, four = 4 * START_CASH;
    const struct tn_hash zero = {0};
    seal();
    advance(1, 1000);
    seal();
    struct tn_hash leaves[TRADERS], top, left, right;
    const uint8_t owners[TRADERS] = {1, 1, 2, 3, 4};
    for (uint32_t i = 0; i < TRADERS; i++)
        leaves[i] = leaf_by_hand(i, owners[i], START_CASH);
    left = node_by_hand(node_by_hand(leaves[0], all, leaves[1], all), two,
                        node_by_hand(leaves[2], all, leaves[3], all), two);
    right =
        node_by_hand(node_by_hand(leaves[4], all, zero, 0), all, node_by_hand(zero, 0, zero, 0), 0);
    top = node_by_hand(left, four, right, all);
    uint8_t bytes[58] = {3, 36, [9] = TRADERS};
    memcpy(bytes + 10, top.bytes, 32);
    for (int i = 0; i < 8; i++)
        bytes[50 + i] = (uint8_t)((uint64_t)(TRADERS * START_CASH) >> (56 - 8 * i));
    tn_keccak256(&top, bytes, sizeof bytes);
    assert_memory_equal(heads()->exit + 12, top.bytes, TN_HASH_SIZE);
}

/* Between checkpoints the last one stands, though accounts go on and more of them come. */
static void test_replica_exit_stands_until_the_next_checkpoint(void **state)
{
    (void)state;
    uint8_t record[TN_PROOF_EXIT_SIZE];
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    seal();
    assert_false(heads()->has_exit);
    advance(1, 1000);
    seal();
    memcpy(record, heads()->exit, sizeof record);
    pass(BOB, withdraw(0, DOLLAR));
    apply_passing(account_entry(9));
    seal();
    assert_memory_equal(heads()->exit, record, sizeof record);
    assert_int_equal(tn_replica_exit_accounts(beside.replica), TRADERS);
    expect_equity(BOB, START_CASH);
    assert_true(proves(BOB, &claim, &fault));
    assert_int_equal(claim.as.exit.equity_micros, START_CASH);
    assert_int_equal(claim.as.exit.height, 2);
    advance(1, 1000);
    seal();
    expect_equity(BOB, START_CASH - DOLLAR);
    assert_int_equal(tn_replica_exit_accounts(beside.replica), TRADERS + 1);
    expect_equity(TRADERS, 0);
}

/* It came after the last checkpoint, and nothing touches it before the next one. */
static void test_replica_restored_has_accounts_without_money_in_the_next_checkpoint(void **state)
{
    (void)state;
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    struct tn_import_fault refused;
    struct tn_hash root;
    seal_until_exit();
    apply_passing(account_entry(9));
    seal();
    struct tn_replica *other = replica_of(&beside.limits);
    assert_true(copy_records(other, &root, &refused, NULL));
    free(beside.replica);
    beside.replica = other;
    listen_beside();
    tn_replica_begin_batch(other);
    seal_until_exit();
    expect_equity(TRADERS, 0);
    assert_true(proves(TRADERS, &claim, &fault));
    assert_int_equal(claim.as.exit.index, TRADERS);
    assert_int_equal(claim.as.exit.accounts_count, TRADERS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MARGIN_STORY(test_replica_exit_pays_cash_and_positions_at_their_marks),
        CHAIN_STORY(test_replica_exit_counts_what_orders_hold_back),
        MARGIN_STORY(test_replica_solvency_says_when_a_debt_is_not_covered),
        CHAIN_STORY(test_replica_exit_record_has_the_root_of_the_equity_tree),
        CHAIN_STORY(test_replica_exit_stands_until_the_next_checkpoint),
        CHAIN_STORY(test_replica_restored_has_accounts_without_money_in_the_next_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
