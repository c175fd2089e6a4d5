/* Sets of validators: the order of proposers against its bound and a naive twin, quorums against
 * their definition in wide numbers, turns against counting them. */
#include "seed.h"
#include "tenor/validators.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state;

/* Σ of all weights over the greatest number that divides each, by trying. */
static uint64_t twin_cycle(const uint64_t *weights, uint32_t count)
{
    uint64_t total = 0, divisor = weights[0];
    for (bool divides = false; !divides; divisor -= !divides) {
        divides = true;
        for (uint32_t i = 0; i < count; i++)
            divides = divides && weights[i] % divisor == 0;
    }
    for (uint32_t i = 0; i < count; i++)
        total += weights[i];
    return total / divisor;
}

/* The order, from the text: all slots of everyone with their first and last places, and for each
 * place the one that ends first among those that are not taken. */
static void twin_order(uint16_t *order, const uint64_t *weights, uint32_t count, uint32_t slots)
{
    static struct {
        uint32_t who;
        uint64_t first, last;
        bool taken;
    } all[TN_VALIDATORS_MAX * 64];
    uint32_t all_count = 0;
    tn_u128 total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += weights[i];
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 1; j <= slots; j++) {
            uint64_t first = (uint64_t)((j - 1) * total / weights[i]);
            if (first >= slots) break;
            assert_true(all_count < sizeof all / sizeof all[0]);
            all[all_count].who = i;
            all[all_count].first = first;
            all[all_count].last = (uint64_t)((j * total + weights[i] - 1) / weights[i]) - 1;
            all[all_count++].taken = false;
        }
    for (uint32_t slot = 0; slot < slots; slot++) {
        uint32_t best = TN_NONE;
        for (uint32_t k = 0; k < all_count; k++) {
            if (all[k].taken || all[k].first > slot) continue;
            if (best == TN_NONE || all[k].last < all[best].last) best = k;
        }
        assert_true(best != TN_NONE && all[best].last >= slot);
        all[best].taken = true;
        order[slot] = (uint16_t)all[best].who;
    }
}

/* In every prefix each has fewer than one slot more or less than its share. */
static void expect_fair(const uint16_t *order, uint32_t slots, const uint64_t *weights,
                        uint32_t count)
{
    uint64_t had[TN_VALIDATORS_MAX] = {0};
    tn_i128 total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += weights[i];
    for (uint32_t k = 1; k <= slots; k++) {
        assert_in_range(order[k - 1], 0, count - 1);
        had[order[k - 1]]++;
        for (uint32_t i = 0; i < count; i++) {
            tn_i128 lag = (tn_i128)had[i] * total - (tn_i128)k * weights[i];
            assert_true(lag < total && lag > -total);
        }
    }
    for (uint32_t i = 0; i < count && slots < TN_ORDER_SLOTS_MAX; i++)
        assert_true((tn_u128)had[i] * (tn_u128)total == (tn_u128)slots * weights[i]);
}

static void test_order_of_equal_weights_is_the_list_itself(void **state)
{
    (void)state;
    uint64_t weights[TN_VALIDATORS_MAX];
    uint16_t order[TN_ORDER_SLOTS_MAX];
    for (uint32_t count = 1; count <= TN_VALIDATORS_MAX; count++) {
        for (uint32_t i = 0; i < count; i++)
            weights[i] = 5000;
        assert_int_equal(tn_validators_order(order, weights, count), count);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(order[i], i);
    }
}

static void test_order_interleaves_by_weight(void **state)
{
    (void)state;
    const uint64_t weights[3] = {20, 10, 10};
    const uint16_t expected[4] = {0, 1, 0, 2};
    uint16_t order[TN_ORDER_SLOTS_MAX];
    assert_int_equal(tn_validators_order(order, weights, 3), 4);
    assert_memory_equal(order, expected, sizeof expected);
}

/* All weights of 1 to 5 of up to 4 validators. */
static void test_order_is_fair_in_every_prefix_for_all_small_weights(void **state)
{
    (void)state;
    uint16_t order[TN_ORDER_SLOTS_MAX], twin[TN_ORDER_SLOTS_MAX];
    for (uint32_t count = 1; count <= 4; count++) {
        uint32_t cases = 1;
        for (uint32_t i = 0; i < count; i++)
            cases *= 5;
        for (uint32_t c = 0; c < cases; c++) {
            uint64_t weights[4];
            for (uint32_t i = 0, rest = c; i < count; i++, rest /= 5)
                weights[i] = 1 + rest % 5;
            uint32_t slots = tn_validators_order(order, weights, count);
            assert_int_equal(slots, twin_cycle(weights, count));
            expect_fair(order, slots, weights, count);
            twin_order(twin, weights, count, slots);
            assert_memory_equal(order, twin, slots * sizeof order[0]);
        }
    }
}

static void test_order_is_fair_in_every_prefix_for_random_weights(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {3, 100, 1000000, TN_WEIGHT_MAX};
    uint16_t order[TN_ORDER_SLOTS_MAX], twin[TN_ORDER_SLOTS_MAX];
    uint64_t weights[TN_VALIDATORS_MAX];
    for (uint32_t run = 0; run < 200; run++) {
        uint32_t count = 1 + (uint32_t)tn_random_below(&random_state, TN_VALIDATORS_MAX);
        for (uint32_t i = 0; i < count; i++)
            weights[i] = 1 + tn_random_below(&random_state, bounds[run % 4]);
        if (run % 5 == 0) weights[0] = TN_WEIGHT_MAX;
        uint32_t slots = tn_validators_order(order, weights, count);
        expect_fair(order, slots, weights, count);
        if (run % 10 != 0) continue;
        twin_order(twin, weights, count, slots);
        assert_memory_equal(order, twin, slots * sizeof order[0]);
    }
}

/* A set whose keys are only numbers: nothing here verifies. */
static void make_set(struct tn_validators *set, const uint64_t *weights, uint32_t count,
                     uint32_t turn_views)
{
    struct tn_validator members[TN_VALIDATORS_MAX];
    memset(members, 0, sizeof members);
    for (uint32_t i = 0; i < count; i++) {
        members[i].id = (uint16_t)(i + 10);
        members[i].weight = weights[i];
        members[i].key.bytes[32] = (uint8_t)(i + 1);
    }
    assert_true(tn_validators_make(set, 3, turn_views, members, count));
}

static void test_proposer_keeps_its_turn_for_t_views(void **state)
{
    (void)state;
    struct tn_validators set;
    make_set(&set, (const uint64_t[]){2, 1, 1}, 3, 3);
    static const uint16_t expected[14] = {0, 0, 0, 1, 1, 1, 0, 0, 0, 2, 2, 2, 0, 0};
    for (uint64_t view = 1; view <= 14; view++)
        assert_int_equal(tn_validators_proposer(&set, view), expected[view - 1]);
}

static void test_turns_are_those_that_counting_finds(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 300; run++) {
        uint64_t weights[12], turns[TN_VALIDATORS_MAX] = {0}, counted[TN_VALIDATORS_MAX] = {0};
        struct tn_validators set;
        uint32_t count = 1 + (uint32_t)tn_random_below(&random_state, 12);
        for (uint32_t i = 0; i < count; i++)
            weights[i] = 1 + tn_random_below(&random_state, 4);
        make_set(&set, weights, count, 1 + (uint32_t)tn_random_below(&random_state, 5));
        uint64_t first = 1 + tn_random_below(&random_state, 500);
        uint64_t last = first + tn_random_below(&random_state, 700);
        tn_validators_turns(&set, turns, first, last);
        for (uint64_t view = first; view <= last; view++)
            counted[tn_validators_proposer(&set, view)]++;
        assert_memory_equal(turns, counted, sizeof turns);
    }
}

static void test_turns_of_all_views_there_can_be_are_counted_at_once(void **state)
{
    (void)state;
    struct tn_validators set;
    uint64_t turns[TN_VALIDATORS_MAX] = {0};
    make_set(&set, (const uint64_t[]){1, 1, 1}, 3, 1);
    tn_validators_turns(&set, turns, 1, UINT64_MAX);
    assert_true(turns[0] == UINT64_MAX / 3 && turns[1] == UINT64_MAX / 3);
    assert_true(turns[2] == UINT64_MAX / 3);
}

static void test_set_refuses_what_is_no_set(void **state)
{
    (void)state;
    struct tn_validators set;
    struct tn_validator members[TN_VALIDATORS_MAX + 1];
    memset(members, 0, sizeof members);
    for (uint32_t i = 0; i <= TN_VALIDATORS_MAX; i++) {
        members[i].id = (uint16_t)i;
        members[i].weight = 1;
        members[i].key.bytes[0] = (uint8_t)i;
    }
    assert_true(tn_validators_make(&set, 0, 1, members, TN_VALIDATORS_MAX));
    assert_false(tn_validators_make(&set, 0, 1, members, TN_VALIDATORS_MAX + 1));
    assert_false(tn_validators_make(&set, 0, 1, members, 0));
    assert_false(tn_validators_make(&set, 0, 0, members, 4));
    assert_false(tn_validators_make(&set, 0, TN_TURN_VIEWS_MAX + 1, members, 4));
    members[2].weight = 0;
    assert_false(tn_validators_make(&set, 0, 1, members, 4));
    members[2].weight = TN_WEIGHT_MAX + 1;
    assert_false(tn_validators_make(&set, 0, 1, members, 4));
    members[2].weight = TN_WEIGHT_MAX;
    assert_true(tn_validators_make(&set, 0, 1, members, 4));
    members[2].id = 0;
    assert_false(tn_validators_make(&set, 0, 1, members, 4));
    members[2].id = 2;
    members[2].key = members[1].key;
    assert_false(tn_validators_make(&set, 0, 1, members, 4));
}

static void test_quorum_is_more_than_two_thirds_and_never_overflows(void **state)
{
    (void)state;
    for (uint64_t total = 1; total < 40; total++)
        for (uint64_t weight = 0; weight <= total; weight++) {
            assert_int_equal(tn_weight_is_quorum(weight, total), weight * 3 > total * 2);
            assert_int_equal(tn_weight_is_weak(weight, total), weight * 3 > total);
        }
    assert_true(tn_weight_is_quorum(UINT64_MAX, UINT64_MAX));
    assert_false(tn_weight_is_quorum(UINT64_MAX / 3 * 2, UINT64_MAX));
    assert_true(tn_weight_is_quorum(UINT64_MAX / 3 * 2 + 1, UINT64_MAX));
    assert_false(tn_weight_is_weak(UINT64_MAX / 3, UINT64_MAX));
    assert_true(tn_weight_is_weak(UINT64_MAX / 3 + 1, UINT64_MAX));
}

/* Of any two quorums the common part is weak: more than a third, so one of them is honest. */
static void test_two_quorums_share_more_than_a_third(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 40; run++) {
        struct tn_validators set;
        uint64_t weights[6];
        for (uint32_t i = 0; i < 6; i++)
            weights[i] = 1 + tn_random_below(&random_state, 7);
        make_set(&set, weights, 6, 1);
        for (uint64_t a = 0; a < 64; a++)
            for (uint64_t b = a; b < 64; b++) {
                const struct tn_voters one = {{a}}, two = {{b}}, both = {{a & b}};
                if (tn_voters_quorum(&one, &set) && tn_voters_quorum(&two, &set))
                    assert_true(tn_voters_weak(&both, &set));
            }
    }
}

static void test_voters_read_only_bits_of_members(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= TN_VALIDATORS_MAX; count++) {
        uint8_t bytes[TN_VOTERS_BYTES_MAX] = {0}, again[TN_VOTERS_BYTES_MAX];
        struct tn_voters voters = {{0}}, read;
        for (uint32_t i = 0; i < count; i += 3)
            tn_voters_add(&voters, i);
        tn_voters_write(bytes, &voters, count);
        assert_true(tn_voters_read(&read, bytes, count));
        assert_memory_equal(&read, &voters, sizeof read);
        assert_int_equal(tn_voters_count(&read), (count + 2) / 3);
        tn_voters_write(again, &read, count);
        assert_memory_equal(again, bytes, tn_voters_bytes(count));
        for (uint32_t bit = count; bit < 8 * tn_voters_bytes(count); bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(tn_voters_read(&read, bytes, count));
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void test_set_hash_changes_with_all_it_is_of(void **state)
{
    (void)state;
    struct tn_validators set, other;
    struct tn_hash hash, changed;
    make_set(&set, (const uint64_t[]){3, 1, 1, 1}, 4, 1);
    tn_validators_hash(&hash, &set);
    for (uint32_t change = 0; change < 4; change++) {
        other = set;
        if (change == 0) other.epoch++;
        if (change == 1) other.count--;
        if (change == 2) other.members[3].weight++;
        if (change == 3) other.members[1].address.bytes[19] ^= 1;
        tn_validators_hash(&changed, &other);
        assert_false(tn_hash_equal(&hash, &changed));
    }
    assert_int_equal(tn_validators_find_id(&set, 12), 2);
    assert_int_equal(tn_validators_find_id(&set, 9), TN_NONE);
    assert_int_equal(tn_validators_find_key(&set, &set.members[3].key), 3);
}

int main(int argc, char **argv)
{
    (void)argc;
    random_state = test_seed(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_equal_weights_is_the_list_itself),
        cmocka_unit_test(test_order_interleaves_by_weight),
        cmocka_unit_test(test_order_is_fair_in_every_prefix_for_all_small_weights),
        cmocka_unit_test(test_order_is_fair_in_every_prefix_for_random_weights),
        cmocka_unit_test(test_proposer_keeps_its_turn_for_t_views),
        cmocka_unit_test(test_turns_are_those_that_counting_finds),
        cmocka_unit_test(test_turns_of_all_views_there_can_be_are_counted_at_once),
        cmocka_unit_test(test_set_refuses_what_is_no_set),
        cmocka_unit_test(test_quorum_is_more_than_two_thirds_and_never_overflows),
        cmocka_unit_test(test_two_quorums_share_more_than_a_third),
        cmocka_unit_test(test_voters_read_only_bits_of_members),
        cmocka_unit_test(test_set_hash_changes_with_all_it_is_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
