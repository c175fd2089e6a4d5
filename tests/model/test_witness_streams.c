/* Witnesses of blocks of random markets under margin: who has nothing but a witness arrives at the
 * root that the replica arrived at, and a witness from which anything is missing, or in which
 * anything is changed, is refused.
 *
 * TENOR_NIGHTLY=1: longer streams, more of them. TENOR_SEED=n begins with that stream. */
#include "seed.h"
#include "witness_maker.h"
#include "zeroed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { WITNESS_BYTES = 1 << 24, VERIFY_EACH = 3, ATTACK_EACH = 29, FLIPS = 40 };

/* What is tried on each block. */
struct bench {
    struct witness_maker maker;
    uint8_t *witness, *attack;
    size_t witness_size;
    void *memory;
    size_t memory_size;
    uint32_t verified, partial, refused, attacked, overfilled;
    uint64_t bytes_sum;
};

static void bench_open(struct bench *bench, uint64_t seed)
{
    memset(bench, 0, sizeof *bench);
    witness_maker_open(&bench->maker, seed);
    bench->witness = take_zeroed(WITNESS_BYTES);
    bench->attack = take_zeroed(WITNESS_BYTES);
}

static void bench_close(struct bench *bench)
{
    witness_maker_close(&bench->maker);
    free(bench->witness);
    free(bench->attack);
    free(bench->memory);
}

/* ---- The check, as a stranger makes it ---- */

static jmp_buf absent_jump;

static void jump_absent(void *context)
{
    (void)context;
    longjmp(absent_jump, 1);
}

/* True: found good, and the root is the replica's. */
static bool verify(struct bench *bench, struct tn_witness_fault *fault, const uint8_t *bytes,
                   size_t size)
{
    static struct tn_witness witness;
    if (!tn_witness_read(&witness, fault, bytes, size)) return false;
    if (witness.limits.exit_blocks != bench->maker.ahead.limits.exit_blocks) {
        fault->what = "the caller knows the genesis"; /* as witness.h asks of it */
        return false;
    }
    witness.limits.exchange.hash_seed = 5;
    size_t memory_size = tn_witness_memory(&witness);
    if (memory_size > bench->memory_size) {
        if (bench->memory_size > 0)
            return false; /* limits of another market: refused as too much */
        bench->memory = take_zeroed(memory_size);
        bench->memory_size = memory_size;
    }
    memset(bench->memory, 0, memory_size);
    if (setjmp(absent_jump) != 0) return false;
    if (!tn_witness_verify(&witness, fault, bench->memory, jump_absent, NULL)) return false;
    assert_true(tn_hash_equal(&witness.after.root, &bench->maker.after.root));
    return true;
}

static void show(const struct tn_witness_fault *fault)
{
    fprintf(stderr, "%s: %s (record %u %u, at %" PRIu64 ", account %u)\n", fault->what,
            fault->why == NULL ? "" : fault->why, fault->name.kind, fault->name.index, fault->at,
            fault->account);
}

/* ---- What must be refused ---- */

static void expect_refused(struct bench *bench, const uint8_t *bytes, size_t size)
{
    struct tn_witness_fault fault = {.what = NULL};
    assert_false(verify(bench, &fault, bytes, size));
    bench->refused++;
}

/* Without any one of its accounts; the names of the steps are those that a missing account has. */
static void drop_each_account(struct bench *bench)
{
    struct witness_maker *maker = &bench->maker;
    uint32_t count = tn_exchange_accounts_count(tn_replica_exchange(maker->behind.replica));
    for (uint32_t i = 0; i + 1 < count; i++) { /* the last is asserted by who writes */
        if ((maker->bits[i / 64] >> i % 64 & 1) == 0) continue;
        struct tn_witness_fault fault = {.what = NULL};
        maker->bits[i / 64] &= ~(UINT64_C(1) << i % 64);
        size_t size = witness_maker_write(maker, bench->attack, WITNESS_BYTES);
        maker->bits[i / 64] |= UINT64_C(1) << i % 64;
        assert_false(verify(bench, &fault, bench->attack, size));
        if (fault.step == TN_WITNESS_STEP_ACCOUNT) assert_int_equal(fault.account, i);
        assert_true(fault.step == TN_WITNESS_STEP_ACCOUNT || fault.step == TN_WITNESS_STEP_RECORDS);
        bench->refused++;
    }
}

static void change_bytes(struct bench *bench, uint64_t *random)
{
    for (uint32_t i = 0; i < FLIPS; i++) {
        size_t at = (size_t)tn_random_below(random, bench->witness_size);
        uint8_t change = (uint8_t)(1 + tn_random_below(random, 255));
        memcpy(bench->attack, bench->witness, bench->witness_size);
        bench->attack[at] ^= change;
        expect_refused(bench, bench->attack, bench->witness_size);
    }
    size_t cut = (size_t)tn_random_below(random, bench->witness_size);
    expect_refused(bench, bench->witness, cut);
    memcpy(bench->attack, bench->witness, bench->witness_size);
    bench->attack[bench->witness_size] = 0;
    expect_refused(bench, bench->attack, bench->witness_size + 1);
}

/* Every byte of the replica's own record: exit_blocks, which is under no root, the caller compares.
 */
static void change_chain(struct bench *bench)
{
    struct tn_witness witness;
    struct tn_witness_fault fault;
    assert_true(tn_witness_read(&witness, &fault, bench->witness, bench->witness_size));
    for (size_t at = witness.sides_at - witness.sizes[0]; at < witness.sides_at; at++) {
        memcpy(bench->attack, bench->witness, bench->witness_size);
        bench->attack[at] ^= 1;
        expect_refused(bench, bench->attack, bench->witness_size);
    }
}

static void put_number(uint8_t *out, uint32_t value)
{
    for (uint32_t i = 4; i > 0; i--, value >>= 8)
        out[i - 1] = (uint8_t)value;
}

/* Some series with as many orders as one may have: together more than trees have room for. */
static void overfill_books(struct bench *bench)
{
    enum { HEAD = 9, BOOK_HEAD = 16 };
    struct tn_witness witness;
    struct tn_witness_fault fault = {.what = NULL};
    assert_true(tn_witness_read(&witness, &fault, bench->witness, bench->witness_size));
    const uint32_t orders = witness.limits.exchange.orders_max;
    const size_t record_size = BOOK_HEAD + (size_t)orders * TN_RECORD_ORDER_SIZE;
    const size_t chain_at = witness.sides_at - witness.sizes[0];
    const size_t books_at = chain_at - witness.sizes[TN_RECORD_BOOK];
    const uint32_t series = 16;
    uint32_t records = 0;
    if (witness.counts[TN_RECORD_BOOK] < series) return;
    assert_true(bench->witness_size + series * (HEAD + record_size) < WITNESS_BYTES);
    for (size_t at = witness.records_at; at < books_at; records++)
        at += HEAD + ((size_t)bench->witness[at + 5] << 24 | (size_t)bench->witness[at + 6] << 16 |
                      (size_t)bench->witness[at + 7] << 8 | bench->witness[at + 8]);
    memcpy(bench->attack, bench->witness, books_at);
    uint8_t *at = bench->attack + books_at;
    for (uint32_t i = 0; i < series; i++) {
        memset(at, 0, HEAD + record_size);
        at[0] = TN_RECORD_BOOK;
        put_number(at + 1, i);
        put_number(at + 5, (uint32_t)record_size);
        put_number(at + HEAD, orders);
        at += HEAD + record_size;
    }
    put_number(bench->attack + witness.records_at - 4, records + series + 1);
    memcpy(at, bench->witness + chain_at, bench->witness_size - chain_at);
    at += bench->witness_size - chain_at;
    expect_refused(bench, bench->attack, (size_t)(at - bench->attack));
    bench->overfilled++;
}

/* ---- Streams ---- */

static void check_block(struct bench *bench, bool is_attacked, uint64_t *random)
{
    struct tn_witness_fault fault = {.what = NULL};
    struct tn_witness witness;
    bench->witness_size = witness_maker_write(&bench->maker, bench->witness, WITNESS_BYTES);
    bool is_good = verify(bench, &fault, bench->witness, bench->witness_size);
    if (!is_good) show(&fault);
    assert_true(is_good);
    assert_true(tn_witness_read(&witness, &fault, bench->witness, bench->witness_size));
    bench->verified++;
    bench->partial += witness.accounts_given < witness.counts[TN_RECORD_ACCOUNT];
    bench->bytes_sum += bench->witness_size;
    if (!is_attacked) return;
    drop_each_account(bench);
    change_bytes(bench, random);
    if (bench->overfilled == 0) overfill_books(bench); /* once is enough, as of the next */
    if (bench->attacked++ == 1) change_chain(bench);
}

static void run_stream(struct bench *bench, uint64_t seed, uint32_t blocks)
{
    struct witness_maker *maker = &bench->maker;
    uint64_t random = seed;
    for (uint32_t block = 0; block < blocks; block++) {
        witness_maker_run_ahead(maker);
        bool is_attacked = block % ATTACK_EACH == ATTACK_EACH - 1;
        if (is_attacked || block % VERIFY_EACH == 0) check_block(bench, is_attacked, &random);
        witness_maker_catch_up(maker);
        assert_true(tn_hash_equal(&tn_replica_heads(maker->ahead.replica)->root,
                                  &tn_replica_heads(maker->behind.replica)->root));
    }
}

static void test_who_has_only_a_witness_arrives_at_the_root_and_a_changed_one_is_refused(
    void **state)
{
    (void)state;
    bool is_nightly = getenv("TENOR_NIGHTLY") != NULL;
    uint64_t seed = test_seed("test_witness_streams");
    uint32_t seeds = is_nightly ? 24 : RISK_THEMES;
    uint32_t verified = 0, partial = 0, refused = 0;
    uint64_t bytes_sum = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        static struct bench bench;
        fprintf(stderr, "stream %" PRIu64 "\n", seed + i);
        bench_open(&bench, seed + i);
        run_stream(&bench, seed + i, is_nightly ? 3000 : 90);
        verified += bench.verified;
        partial += bench.partial;
        refused += bench.refused;
        bytes_sum += bench.bytes_sum;
        bench_close(&bench);
    }
    fprintf(stderr,
            "%u verified, %u of them with some accounts only, %u refused; %" PRIu64
            " bytes a witness\n",
            verified, partial, refused, bytes_sum / verified);
    assert_true(partial > verified / 4);
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_who_has_only_a_witness_arrives_at_the_root_and_a_changed_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
