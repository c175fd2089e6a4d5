/* Proofs from a state: each holds and says what the records say; no bit of one can be changed; what
 * is not there cannot be proved; and a bad proof names the step that failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seed.h"
#include "state_gallery.h"

static uint64_t seed;

static bool verify_bytes(const struct gallery *gallery, struct tn_proof_claim *claim,
                         struct tn_proof_fault *fault, const uint8_t *bytes, size_t size, int type)
{
    if (type != TN_PROOF_LEAVES) return tn_proof_verify(claim, fault, bytes, size, &gallery->root);
    struct tn_proof_fold fold;
    struct tn_proof_leaves leaves;
    gallery_fold(gallery, &fold);
    return tn_proof_verify_leaves(&leaves, fault, bytes, size, &gallery->root, &fold);
}

static bool verify_type(const struct gallery *gallery, struct tn_proof_claim *claim,
                        struct tn_proof_fault *fault, int type)
{
    return verify_bytes(gallery, claim, fault, gallery->proofs[type], gallery->sizes[type], type);
}

/* The step at which the proof fails when one byte of it is another. */
static enum tn_proof_step step_of_change(struct gallery *gallery, int type, size_t at, uint8_t with)
{
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    gallery->proofs[type][at] ^= with;
    assert_false(verify_type(gallery, &claim, &fault, type));
    gallery->proofs[type][at] ^= with;
    assert_non_null(fault.what);
    return fault.step;
}

static void test_state_root_of_the_gallery_is_the_twins(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    struct tn_hash root = world_twin_root(gallery->world);
    assert_memory_equal(gallery->root.bytes, root.bytes, TN_HASH_SIZE);
    gallery_close(gallery);
}

static void test_state_proof_of_an_account_says_its_record_and_the_sum_of_all(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    const uint8_t *record = gallery->world->records[TN_RECORD_ACCOUNT][GALLERY_ACCOUNT].bytes;
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_ACCOUNT));
    const struct tn_proof_account *account = &claim.as.account;
    assert_int_equal(claim.type, TN_PROOF_ACCOUNT);
    assert_int_equal(claim.market, 3);
    assert_true(claim.height == gallery->world->head.height);
    assert_memory_equal(claim.chain_id, gallery->world->head.chain_id, 32);
    assert_int_equal(account->index, GALLERY_ACCOUNT);
    assert_int_equal(account->count, 13);
    assert_memory_equal(account->owner, record, 20);
    assert_true(account->cash == (int64_t)twin_number(record + 24, 8));
    assert_true(account->collateral[6] == (int64_t)twin_number(record + 80, 8));
    assert_true(account->nonce_top == twin_number(record + 88, 8));
    assert_true(account->nonce_bits == twin_number(record + 96, 8));
    assert_true(account->client_floor == twin_number(record + 104, 8));
    assert_true(account->accounts_cash == tn_state_cash(gallery->world->state));
    gallery_close(gallery);
}

static void test_state_proof_of_a_position_says_the_position_and_the_account(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    struct world *world = gallery->world;
    const struct world_record *positions = &world->records[TN_RECORD_POSITIONS][GALLERY_ACCOUNT];
    const uint8_t *account = world->records[TN_RECORD_ACCOUNT][GALLERY_ACCOUNT].bytes;
    for (uint32_t rank = 0; rank < 8; rank++) {
        uint8_t proof[4096];
        struct tn_proof_claim claim;
        struct tn_proof_fault fault;
        size_t size = tn_state_prove_position(world->state, proof, sizeof proof, &world->head,
                                              GALLERY_ACCOUNT, account, positions->bytes,
                                              positions->size, rank);
        assert_true(size > 0);
        assert_true(tn_proof_verify(&claim, &fault, proof, size, &gallery->root));
        const uint8_t *bytes = positions->bytes + 40 * (size_t)rank;
        assert_int_equal(claim.as.position.rank, rank);
        assert_int_equal(claim.as.position.count, 8);
        assert_true(claim.as.position.series_id == twin_number(bytes, 8));
        assert_true(claim.as.position.quantity_lots == (int64_t)twin_number(bytes + 8, 8));
        assert_true(claim.as.position.cost_micros == (int64_t)twin_number(bytes + 16, 8));
        assert_memory_equal(claim.as.position.bytes, bytes, 40);
        assert_memory_equal(claim.as.position.account.owner, account, 20);
    }
    gallery_close(gallery);
}

static void test_state_proofs_of_records_say_their_bytes_or_that_there_are_none(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    const struct world_record *margin = &gallery->world->records[TN_RECORD_MARGIN][3];
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_RECORD));
    assert_int_equal(claim.as.record.kind, TN_RECORD_MARGIN);
    assert_int_equal(claim.as.record.index, 3);
    assert_int_equal(claim.as.record.body_size, margin->size);
    assert_memory_equal(claim.as.record.body, margin->bytes, margin->size);
    assert_true(verify_type(gallery, &claim, &fault, 0));
    assert_int_equal(claim.as.record.kind, TN_RECORD_MEMORY);
    assert_int_equal(claim.as.record.index, 7);
    assert_int_equal(claim.as.record.body_size, 0);
    gallery_close(gallery);
}

static void test_state_proof_of_a_series_says_strike_expiry_and_mark(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    const uint8_t *record = gallery->world->records[TN_RECORD_SERIES][2].bytes;
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_SERIES));
    assert_int_equal(claim.as.series.slot, 2);
    assert_int_equal(claim.as.series.underlying, 1);
    assert_int_equal(claim.as.series.kind, 2);
    assert_true(claim.as.series.strike_units == 600000000);
    assert_int_equal(claim.as.series.expiry_day, 2500);
    assert_true(claim.as.series.expiry_ms ==
                INT64_C(1577836800000) + 2500 * INT64_C(86400000) + 28800000);
    assert_true(claim.as.series.mark_micros == (int64_t)twin_number(record + 8, 8));
    assert_true(claim.as.series.settlement_micros == (int64_t)twin_number(record + 16, 8));
    assert_int_equal(claim.as.series.status, record[24]);
    gallery_close(gallery);
}

static void test_state_proves_every_order_of_a_book_at_its_rank(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    struct world *world = gallery->world;
    const struct world_record *book = &world->records[TN_RECORD_BOOK][2];
    const struct world_record *series = &world->records[TN_RECORD_SERIES][2];
    const uint8_t *order = book->bytes + 16;
    for (uint32_t list = 0; list < 4; list++) {
        const uint32_t count = (uint32_t)twin_number(book->bytes + 4 * (size_t)list, 4);
        for (uint32_t rank = 0; rank <= count; rank++) {
            uint8_t proof[4096];
            struct tn_proof_claim claim;
            struct tn_proof_fault fault;
            size_t size =
                tn_state_prove_order(world->state, proof, sizeof proof, &world->head, 2, list, rank,
                                     book->bytes, book->size, series->bytes, series->size);
            assert_true((size > 0) == (rank < count));
            if (rank == count) break;
            assert_true(tn_proof_verify(&claim, &fault, proof, size, &gallery->root));
            assert_int_equal(claim.as.order.list, list);
            assert_int_equal(claim.as.order.rank, rank);
            assert_int_equal(claim.as.order.count, count);
            assert_true(claim.as.order.order_id == twin_number(order, 8));
            assert_true(claim.as.order.account == twin_number(order + 8, 4));
            assert_true(claim.as.order.price_ticks == (int64_t)twin_number(order + 16, 8));
            assert_true(claim.as.order.open_lots == (int64_t)twin_number(order + 24, 8));
            assert_true(claim.as.order.series_id == twin_number(series->bytes, 8));
            order += 128;
        }
    }
    gallery_close(gallery);
}

static void test_state_proves_every_block_and_withdrawal(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    for (uint64_t number = 0; number < GALLERY_BLOCKS; number++) {
        struct tn_proof_claim claim;
        struct tn_proof_fault fault;
        gallery_prove_rest(gallery, number);
        assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_BLOCK));
        assert_true(claim.as.block.number == number && claim.as.block.count == GALLERY_BLOCKS);
        assert_memory_equal(claim.as.block.hash.bytes, gallery->block_hashes[number].bytes, 32);
        assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_WITHDRAWAL));
        assert_int_equal(claim.market, 3);
        assert_true(claim.as.withdrawal.number == number);
        assert_int_equal(claim.as.withdrawal.asset, number % 3);
        assert_true(claim.as.withdrawal.amount == (int64_t)(1000000 * (number + 1)));
        assert_true(claim.as.withdrawal.height == 900 + number);
        assert_int_equal(claim.as.withdrawal.account, number);
        assert_int_equal(claim.as.withdrawal.owner[19], 0x40 + (int)number);
    }
    gallery_close(gallery);
}

static void test_state_proves_that_cash_is_conserved_or_shows_that_it_is_not(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    struct world *world = gallery->world;
    struct world_record *market = &world->records[TN_RECORD_MARKET][0];
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_CONSERVATION));
    assert_int_equal(claim.as.conservation.accounts_count, 13);
    assert_true(claim.as.conservation.accounts_cash == tn_state_cash(world->state));
    assert_true(claim.as.conservation.house[5] == 5000);
    market->bytes[47] ^= 1; /* one micro from nowhere */
    world_set(world, TN_RECORD_MARKET, 0);
    struct tn_hash root = world_root(world);
    size_t size = tn_state_prove_conservation(world->state, gallery->proofs[8], GALLERY_SIZE_MAX,
                                              &world->head, market->bytes, market->size);
    assert_true(size > 0);
    assert_false(tn_proof_verify(&claim, &fault, gallery->proofs[8], size, &root));
    assert_int_equal(fault.step, TN_PROOF_STEP_CONSERVATION);
    gallery_close(gallery);
}

static void test_state_proves_what_an_exit_pays_and_that_all_can_be_paid(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_SOLVENCY));
    assert_true(claim.as.exit.height == gallery->world->head.height - 7);
    assert_true(claim.as.exit.vault_micros == GALLERY_VAULT);
    assert_true(claim.as.exit.insurance_micros == GALLERY_INSURANCE);
    assert_int_equal(claim.as.exit.accounts_count, 13);
    int64_t sum = 0;
    for (int64_t i = 3; i < 13; i++) /* those before are below zero: nothing, not less */
        sum += i * 1000001 - 3000000;
    assert_true(claim.as.exit.equity_sum == sum);
    assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_EXIT));
    assert_int_equal(claim.as.exit.index, GALLERY_ACCOUNT);
    assert_true(claim.as.exit.equity_micros == 5 * 1000001 - 3000000);
    assert_memory_equal(claim.as.exit.owner, gallery->world->records[TN_RECORD_ACCOUNT][5].bytes,
                        20);
    gallery_close(gallery);
}

/* Accounts may still prove what is theirs when the whole is short. */
static void test_state_names_insolvency_and_lets_accounts_prove_their_equity(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    struct world *world = gallery->world;
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    const struct tn_state_exit poor = {world->head.height, 40000000, 1000};
    tn_equity_record(gallery->equity, gallery->exit_record, &world->head.globals[TN_GLOBAL_EXITS],
                     3, &poor);
    gallery->root = world_root(world);
    gallery_prove_rest(gallery, 0);
    assert_int_equal(gallery->sizes[TN_PROOF_SOLVENCY], 0);
    assert_true(verify_type(gallery, &claim, &fault, TN_PROOF_EXIT));
    uint8_t *proof = gallery->proofs[TN_PROOF_EXIT];
    proof[5] = TN_PROOF_SOLVENCY;
    const size_t way = gallery->sizes[TN_PROOF_EXIT]; /* what follows the first part is cut off */
    size_t size = way;
    while (size > 0 && !(!tn_proof_verify(&claim, &fault, proof, size, &gallery->root) &&
                         fault.step == TN_PROOF_STEP_SOLVENCY))
        size--;
    assert_true(size > 0);
    gallery_close(gallery);
}

/* Another's debt, hidden in a sibling's sum below zero, would make the whole look smaller. */
static void test_state_refuses_an_equity_sum_below_zero_beside_the_way(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    struct world *world = gallery->world;
    uint8_t body[28] = {9};
    uint8_t *record = gallery->exit_record;
    world_number(body + 20, 100, 8);
    struct twin_node leaves[2] = {{twin_leaf(36, 0, body, 28), 100},
                                  {twin_leaf(36, 1, body, 28), -60}};
    struct tn_hash root = twin_root(leaves, 2, 36, true);
    world_number(record + 8, 2, 4);
    memcpy(record + 12, root.bytes, 32);
    world_number(record + 44, 0, 8);
    world_number(record + 52, 40, 8);
    struct twin_node exit = {twin_leaf(35, 3, record, 76), 0};
    world->head.globals[TN_GLOBAL_EXITS] = twin_root(&exit, 1, 35, false);
    gallery->root = world_root(world);
    uint8_t *proof = gallery->proofs[TN_PROOF_EXIT];
    size_t size = tn_state_prove_exit(world->state, proof, GALLERY_SIZE_MAX, &world->head,
                                      gallery->equity, record, TN_NONE, NULL, 0);
    assert_true(size > 0);
    proof[5] = TN_PROOF_EXIT;
    world_number(proof + size, 0, 4);
    memcpy(proof + size + 4, body, 28);
    proof[size + 32] = 1; /* bytes of the sum */
    memcpy(proof + size + 33, leaves[1].hash.bytes, 32);
    proof[size + 65] = (uint8_t)-60;
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    assert_false(tn_proof_verify(&claim, &fault, proof, size + 66, &gallery->root));
    assert_int_equal(fault.step, TN_PROOF_STEP_SUM);
    gallery_close(gallery);
}

static void test_state_proofs_fail_for_every_single_bit_that_is_changed(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    uint32_t named[32] = {0};
    for (int type = 0; type < GALLERY_TYPES; type++) {
        struct tn_proof_claim claim;
        struct tn_proof_fault fault;
        assert_true(verify_type(gallery, &claim, &fault, type));
        for (size_t bit = 0; bit < 8 * gallery->sizes[type]; bit++)
            named[step_of_change(gallery, type, bit / 8, (uint8_t)(1 << bit % 8))]++;
    }
    assert_int_equal(named[TN_PROOF_STEP_NONE], 0);
    for (enum tn_proof_step step = TN_PROOF_STEP_HEADER; step <= TN_PROOF_STEP_STATE_ROOT; step++)
        assert_true(named[step] > 0); /* those that follow need more than a bit */
    gallery_close(gallery);
}

static void test_state_proofs_fail_when_cut_or_continued(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    for (int type = 0; type < GALLERY_TYPES; type++) {
        struct tn_proof_claim claim;
        struct tn_proof_fault fault;
        const uint8_t *proof = gallery->proofs[type];
        for (size_t size = 0; size < gallery->sizes[type]; size++)
            assert_false(verify_bytes(gallery, &claim, &fault, proof, size, type));
        assert_false(verify_bytes(gallery, &claim, &fault, proof, gallery->sizes[type] + 1, type));
        assert_int_equal(fault.step, TN_PROOF_STEP_SIZE);
    }
    gallery_close(gallery);
}

static void test_state_proofs_name_the_step_that_failed(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    const size_t last = gallery->sizes[1] - 1; /* of the globals' top */
    assert_int_equal(step_of_change(gallery, 1, 0, 1), TN_PROOF_STEP_HEADER);
    assert_int_equal(step_of_change(gallery, 1, 40, 1), TN_PROOF_STEP_STATE_ROOT); /* height */
    assert_int_equal(step_of_change(gallery, 1, 49, 64), TN_PROOF_STEP_INDEX);
    assert_int_equal(step_of_change(gallery, 1, 50 + 24, 1), TN_PROOF_STEP_TREE); /* cash */
    assert_int_equal(step_of_change(gallery, 1, last, 1), TN_PROOF_STEP_STATE_ROOT);
    assert_int_equal(step_of_change(gallery, 1, last - 32 - 4, 1), TN_PROOF_STEP_INDEX); /* place */
    assert_int_equal(step_of_change(gallery, 2, 62, 1), TN_PROOF_STEP_POSITIONS);
    assert_int_equal(step_of_change(gallery, 5, 46 + 9 + 16, 1), TN_PROOF_STEP_LIST);
    assert_int_equal(step_of_change(gallery, 6, 46, 1), TN_PROOF_STEP_INDEX);
    assert_int_equal(step_of_change(gallery, 6, 60, 1), TN_PROOF_STEP_TREE);
    assert_int_equal(step_of_change(gallery, 6, gallery->sizes[6] - 1, 1),
                     TN_PROOF_STEP_STATE_ROOT);
    gallery_close(gallery);
}

/* A sum beside the way is checked for overflow and for its shortest form before any hash. */
static void test_state_proofs_refuse_sums_that_overflow_or_are_too_long(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    uint8_t proof[4096];
    const size_t at = 46 + 4 + 112 + 64 + 4; /* the first sibling */
    const size_t size = gallery->sizes[1];
    const uint8_t *good = gallery->proofs[1];
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    const uint8_t sum_size = good[at];
    assert_true(sum_size > 0 && sum_size < 8);
    memcpy(proof, good, at + 33);
    proof[at]++;
    proof[at + 33] = (good[at + 33] & 0x80) != 0 ? 0xff : 0;
    memcpy(proof + at + 34, good + at + 33, size - at - 33);
    assert_false(tn_proof_verify(&claim, &fault, proof, size + 1, &gallery->root));
    assert_int_equal(fault.step, TN_PROOF_STEP_SUM);
    const bool is_negative = claim.as.account.cash < 0;
    proof[at] = 16;
    memset(proof + at + 33, is_negative ? 0 : 0xff, 16);
    proof[at + 33] = is_negative ? 0x80 : 0x7f;
    memcpy(proof + at + 49, good + at + 33 + sum_size, size - at - 33 - sum_size);
    assert_false(tn_proof_verify(&claim, &fault, proof, size + 16 - sum_size, &gallery->root));
    assert_int_equal(fault.step, TN_PROOF_STEP_SUM);
    proof[at] = 17;
    assert_false(tn_proof_verify(&claim, &fault, proof, size + 100, &gallery->root));
    assert_int_equal(fault.step, TN_PROOF_STEP_SUM);
    gallery_close(gallery);
}

static void test_state_does_not_prove_what_is_not_there(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 13, 5);
    struct world *world = gallery->world;
    const struct tn_state_head *head = &world->head;
    const struct world_record *account = &world->records[TN_RECORD_ACCOUNT][4];
    const struct world_record *positions = &world->records[TN_RECORD_POSITIONS][5];
    uint8_t out[8192];
    const size_t room = sizeof out;
    assert_int_equal(tn_state_prove_account(world->state, out, room, head, 13, account->bytes), 0);
    assert_int_equal(tn_state_prove_account(world->state, out, room, head, 5, account->bytes), 0);
    assert_int_equal(tn_state_prove_account(world->state, out, 500, head, 4, account->bytes), 0);
    assert_int_equal(tn_state_prove_position(world->state, out, room, head, 5,
                                             world->records[TN_RECORD_ACCOUNT][5].bytes,
                                             positions->bytes, positions->size, 8),
                     0);
    assert_int_equal(tn_state_prove_position(world->state, out, room, head, 5,
                                             world->records[TN_RECORD_ACCOUNT][5].bytes,
                                             positions->bytes, positions->size - 40, 1),
                     0);
    const struct tn_record_name margin = {TN_RECORD_MARGIN, 3};
    const struct tn_record_name far_margin = {TN_RECORD_MARGIN, 13};
    assert_int_equal(tn_state_prove_record(world->state, out, room, head, margin, NULL, 0), 0);
    assert_int_equal(tn_state_prove_record(world->state, out, room, head, far_margin, NULL, 0), 0);
    assert_int_equal(tn_state_prove_exit(world->state, out, room, head, gallery->equity,
                                         gallery->exit_record, 13, account->bytes, 0),
                     0);
    assert_int_equal(tn_state_prove_exit(world->state, out, room, head, gallery->equity,
                                         gallery->exit_record, 5, account->bytes, 7),
                     0);
    assert_int_equal(tn_state_prove_leaves(world->state, out, room, head, TN_RECORD_ACCOUNT, 3, 1),
                     0);
    assert_int_equal(tn_state_prove_leaves(world->state, out, room, head, TN_RECORD_ACCOUNT, 16, 1),
                     0);
    struct tn_hash nodes[TN_PROOF_SIDES] = {{{1}}};
    assert_int_equal(tn_state_prove_block(world->state, out, room, head, &gallery->blocks, nodes, 3,
                                          &gallery->block_hashes[3]),
                     0);
    gallery_close(gallery);
}

/* Every aligned run of every kind, as a snapshot would send it; and one leaf wrong. */
static void test_state_runs_of_leaves_verify_alone(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(seed, 37, 9);
    struct world *world = gallery->world;
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        if (kind == TN_RECORD_POSITIONS) continue;
        struct twin_node *leaves = world_leaves(world, kind);
        const uint32_t count = world->counts[kind];
        for (uint32_t depth = 0; depth <= tn_proof_depth(count); depth++) {
            for (uint32_t first = 0; first < count; first += 1u << depth) {
                uint8_t proof[4096];
                struct tn_proof_fold fold;
                struct tn_proof_leaves run;
                struct tn_proof_fault fault;
                size_t size = tn_state_prove_leaves(world->state, proof, sizeof proof, &world->head,
                                                    (enum tn_record_kind)kind, first, depth);
                assert_true(size > 0);
                for (int wrong = 0; wrong < 2; wrong++) {
                    tn_proof_fold_begin(&fold, kind == TN_RECORD_ACCOUNT);
                    for (uint32_t i = first; i < count && i < first + (1u << depth); i++) {
                        struct twin_node leaf = leaves[i];
                        if (wrong && i == first) leaf.hash.bytes[0] ^= 1;
                        assert_true(tn_proof_fold_add(&fold, &leaf.hash, leaf.sum));
                    }
                    assert_true(tn_proof_verify_leaves(&run, &fault, proof, size, &gallery->root,
                                                       &fold) == !wrong);
                    assert_int_equal(fault.step, wrong ? TN_PROOF_STEP_LEAVES : TN_PROOF_STEP_NONE);
                    assert_int_equal(run.first, first);
                    assert_int_equal(run.total, count);
                    assert_int_equal(run.count, fold.count);
                }
                assert_true(tn_proof_fold_add(&fold, &leaves[0].hash, 0));
                assert_false(
                    tn_proof_verify_leaves(&run, &fault, proof, size, &gallery->root, &fold));
            }
        }
        free(leaves);
    }
    gallery_close(gallery);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_root_of_the_gallery_is_the_twins),
        cmocka_unit_test(test_state_proof_of_an_account_says_its_record_and_the_sum_of_all),
        cmocka_unit_test(test_state_proof_of_a_position_says_the_position_and_the_account),
        cmocka_unit_test(test_state_proofs_of_records_say_their_bytes_or_that_there_are_none),
        cmocka_unit_test(test_state_proof_of_a_series_says_strike_expiry_and_mark),
        cmocka_unit_test(test_state_proves_every_order_of_a_book_at_its_rank),
        cmocka_unit_test(test_state_proves_every_block_and_withdrawal),
        cmocka_unit_test(test_state_proves_that_cash_is_conserved_or_shows_that_it_is_not),
        cmocka_unit_test(test_state_proves_what_an_exit_pays_and_that_all_can_be_paid),
        cmocka_unit_test(test_state_names_insolvency_and_lets_accounts_prove_their_equity),
        cmocka_unit_test(test_state_refuses_an_equity_sum_below_zero_beside_the_way),
        cmocka_unit_test(test_state_proofs_fail_for_every_single_bit_that_is_changed),
        cmocka_unit_test(test_state_proofs_fail_when_cut_or_continued),
        cmocka_unit_test(test_state_proofs_name_the_step_that_failed),
        cmocka_unit_test(test_state_proofs_refuse_sums_that_overflow_or_are_too_long),
        cmocka_unit_test(test_state_does_not_prove_what_is_not_there),
        cmocka_unit_test(test_state_runs_of_leaves_verify_alone),
    };
    seed = test_seed("test_state_proofs");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
