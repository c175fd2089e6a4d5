/* Records: a registry made from them is the registry, with the same root now and after; what is
 * said to have changed is all that changed; a bent record is a fault or another root. */
#include "registry_world.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { KINDS = 5, INDEXES = 256 };

static uint64_t random_state;

struct records {
    uint8_t bytes[KINDS][INDEXES][TN_REGISTRY_RECORD_BYTES_MAX];
    size_t sizes[KINDS][INDEXES];
};
static struct records records;

static void keep(const struct tn_registry *registry, uint8_t kind, uint32_t index)
{
    uint32_t row = (uint32_t)(kind - TN_RECORD_REGISTRY);
    assert_in_range(index, 0, INDEXES - 1);
    size_t size = tn_registry_record(registry, records.bytes[row][index],
                                     TN_REGISTRY_RECORD_BYTES_MAX, kind, index);
    assert_in_range(size, 0, TN_REGISTRY_RECORD_BYTES_MAX);
    records.sizes[row][index] = size;
}

/* Takes over what is said to have changed; then all records must be as they are kept. */
static void keep_changed(struct tn_registry *registry)
{
    struct tn_record_name names[7];
    uint8_t bytes[TN_REGISTRY_RECORD_BYTES_MAX];
    uint32_t count;
    while ((count = tn_registry_changed(registry, names, 7)) > 0)
        for (uint32_t i = 0; i < count; i++)
            keep(registry, names[i].kind, names[i].index);
    for (uint8_t kind = TN_RECORD_REGISTRY; kind <= TN_RECORD_SET; kind++)
        for (uint32_t i = 0; i < tn_registry_records_count(registry, kind); i++) {
            size_t size = tn_registry_record(registry, bytes, sizeof bytes, kind, i);
            assert_int_equal(size, records.sizes[kind - TN_RECORD_REGISTRY][i]);
            if (size > 0)
                assert_memory_equal(bytes, records.bytes[kind - TN_RECORD_REGISTRY][i], size);
        }
}

static bool import(struct tn_registry *registry, struct tn_registry_fault *fault,
                   const struct tn_registry *like)
{
    for (uint8_t kind = TN_RECORD_REGISTRY; kind <= TN_RECORD_SET; kind++)
        for (uint32_t i = 0; i < tn_registry_records_count(like, kind); i++) {
            const uint32_t row = (uint32_t)(kind - TN_RECORD_REGISTRY);
            if (records.sizes[row][i] == 0) continue;
            if (!tn_registry_import(registry, fault, kind, i, records.bytes[row][i],
                                    records.sizes[row][i]))
                return false;
        }
    return tn_registry_import_end(registry, fault);
}

/* Something random that a chain may do in a block. */
static void random_item(struct world *world)
{
    const struct tn_registry_heads heads = world_heads(world);
    struct tn_registry_command command = {.kind = TN_REGISTRY_FEEDER};
    uint16_t candidates[3];
    switch (tn_random_below(&random_state, 9)) {
        case 0:
            (void)world_register(world, heads.validators_count,
                                 1 + tn_random_below(&random_state, 9), 1000);
            break;
        case 1:
            (void)world_reweigh(world,
                                (uint16_t)tn_random_below(&random_state, heads.validators_count),
                                tn_random_below(&random_state, 4), 1000000);
            break;
        case 2:
            command.as.feeder.signer = (uint16_t)(1 + tn_random_below(&random_state, 8));
            command.as.feeder.active = tn_random_below(&random_state, 3) > 0;
            command.as.feeder.key = world_key(world, 50);
            (void)world_govern(world, &command);
            break;
        case 3:
            for (uint32_t i = 0; i < 3; i++)
                candidates[i] = (uint16_t)tn_random_below(&random_state, heads.validators_count);
            (void)world_market(world, 1 + (uint32_t)tn_random_below(&random_state, 9), candidates,
                               (uint16_t)(1 + tn_random_below(&random_state, 3)));
            break;
        case 4: {
            const uint64_t epoch = heads.epoch - tn_random_below(&random_state, 3);
            const struct tn_validators *set = tn_registry_set(world->registry, epoch);
            if (set == NULL || tn_random_below(&random_state, 4) > 0) break;
            const uint16_t signer = (uint16_t)tn_random_below(&random_state, set->count);
            struct tn_evidence evidence = world_evidence(
                world, (enum tn_evidence_kind)(1 + tn_random_below(&random_state, 5)),
                set->members[signer].id, signer, epoch);
            (void)tn_registry_accuse(world->registry, &world->context, &evidence);
            break;
        }
        case 5: tn_registry_end_term(world->registry, 1); break;
        case 6: (void)tn_registry_take_deposit(world->registry, heads.deposit_number + 1); break;
        case 7:
            (void)tn_registry_take_governance(world->registry, heads.governance_number + 1);
            break;
        case 8:
            command.kind = TN_REGISTRY_EPOCH;
            command.as.epoch_height = heads.height + 200;
            (void)world_govern(world, &command);
            break;
    }
}

static void random_block(struct world *world, uint64_t *fees)
{
    const struct tn_registry_heads heads = world_heads(world);
    world_begin(world, tn_random_below(&random_state, 4) == 0,
                tn_random_below(&random_state, 12) == 0 ? TN_BLOCK_EPOCH_FINAL : 0, heads.height);
    *fees += tn_random_below(&random_state, 1000);
    if (tn_random_below(&random_state, 2) == 0)
        tn_registry_sequenced(world->registry, 1, 3, (tn_micros)*fees);
    while (tn_random_below(&random_state, 3) > 0)
        random_item(world);
    tn_registry_end_block(world->registry);
}

static void test_a_registry_of_its_records_has_its_root_now_and_after(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 6; run++) {
        struct world world;
        uint64_t fees = 0;
        memset(&records, 0, sizeof records);
        world_start(&world, NULL, 5);
        for (uint32_t block = 0; block < 60; block++) {
            struct tn_hash root, other_root;
            struct tn_registry_fault fault = {0};
            random_block(&world, &fees);
            tn_registry_root(world.registry, &root);
            keep_changed(world.registry);
            struct tn_registry *other = world_empty(&world);
            if (!import(other, &fault, world.registry))
                fail_msg("%s: kind %d index %u byte %u", fault.what, fault.name.kind,
                         fault.name.index, fault.at);
            tn_registry_root(other, &other_root);
            assert_true(tn_hash_equal(&root, &other_root));
            struct tn_record_name name;
            assert_int_equal(tn_registry_changed(other, &name, 1), 0);
            free(world.registry); /* and on with the copy */
            world.registry = other;
        }
        world_close(&world);
    }
}

static void test_a_copy_goes_on_as_the_original(void **state)
{
    (void)state;
    struct world world;
    struct tn_hash one, two;
    uint64_t fees = 0;
    world_start(&world, NULL, 4);
    for (uint32_t block = 0; block < 30; block++)
        random_block(&world, &fees);
    struct tn_registry *original = world.registry, *copy = world_empty(&world);
    tn_registry_copy(copy, original);
    for (uint32_t round = 0; round < 2; round++) {
        uint64_t same_fees = fees;
        world.registry = round == 0 ? original : copy;
        random_state = 77;
        for (uint32_t block = 0; block < 30; block++)
            random_block(&world, &same_fees);
        tn_registry_root(world.registry, round == 0 ? &one : &two);
    }
    assert_true(tn_hash_equal(&one, &two));
    free(original);
    world_close(&world);
}

static void test_a_bent_record_is_a_fault_or_another_root(void **state)
{
    (void)state;
    struct world world;
    struct tn_hash root, bent_root;
    uint64_t fees = 0;
    uint32_t faults = 0, others = 0;
    memset(&records, 0, sizeof records);
    world_start(&world, NULL, 4);
    for (uint32_t block = 0; block < 50; block++)
        random_block(&world, &fees);
    tn_registry_root(world.registry, &root);
    keep_changed(world.registry);
    for (uint32_t run = 0; run < 4000; run++) {
        struct tn_registry_fault fault = {0};
        uint32_t row = (uint32_t)tn_random_below(&random_state, KINDS);
        uint32_t count =
            tn_registry_records_count(world.registry, (uint8_t)(row + TN_RECORD_REGISTRY));
        if (count == 0) continue;
        uint32_t index = (uint32_t)tn_random_below(&random_state, count);
        size_t size = records.sizes[row][index];
        if (size == 0) continue;
        size_t at = tn_random_below(&random_state, size);
        uint8_t change = (uint8_t)(1u << tn_random_below(&random_state, 8));
        records.bytes[row][index][at] ^= change;
        struct tn_registry *other = world_empty(&world);
        if (!import(other, &fault, world.registry)) {
            assert_non_null(fault.what);
            faults++;
        } else {
            tn_registry_root(other, &bent_root);
            assert_false(tn_hash_equal(&root, &bent_root));
            others++;
        }
        free(other);
        records.bytes[row][index][at] ^= change;
    }
    assert_true(faults > 100 && others > 100);
    world_close(&world);
}

static void test_money_that_comes_of_nothing_is_refused(void **state)
{
    (void)state;
    enum { EARNED = 33 + 20 + 3 * 8 + 8, FEES = 314 - 5 * 8 };
    struct world world;
    struct tn_registry_fault fault;
    memset(&records, 0, sizeof records);
    world_start(&world, NULL, 4);
    world_begin(&world, 0, 0, 0);
    tn_registry_sequenced(world.registry, 1, 1, 1000000);
    tn_registry_end_block(world.registry);
    keep_changed(world.registry);
    for (uint32_t step = 0; step < 3; step++) {
        struct tn_registry *other = world_empty(&world);
        if (step > 0) records.bytes[1][2][EARNED + 7]++; /* more earned than came in */
        if (step > 1) records.bytes[0][0][FEES + 7] += 2;
        assert_int_equal(import(other, &fault, world.registry), step != 1);
        free(other);
    }
    world_close(&world);
}

static void test_records_that_are_missing_or_out_of_order_are_refused(void **state)
{
    (void)state;
    struct world world;
    struct tn_registry_fault fault;
    memset(&records, 0, sizeof records);
    world_start(&world, NULL, 4);
    world_end_epoch(&world);
    keep_changed(world.registry);
    for (uint32_t row = 0; row < KINDS; row++)
        for (uint32_t i = 0; i < INDEXES; i++) {
            size_t size = records.sizes[row][i];
            if (size == 0) continue;
            records.sizes[row][i] = 0; /* left out */
            struct tn_registry *other = world_empty(&world);
            assert_false(import(other, &fault, world.registry));
            free(other);
            for (size_t cut = 1; cut < size; cut += 7) {
                records.sizes[row][i] = cut;
                other = world_empty(&world);
                assert_false(import(other, &fault, world.registry));
                free(other);
            }
            records.sizes[row][i] = size;
        }
    struct tn_registry *other = world_empty(&world);
    assert_false(tn_registry_import(other, &fault, TN_RECORD_VALIDATOR, 0, records.bytes[1][0],
                                    records.sizes[1][0]));
    assert_false(tn_registry_import(other, &fault, 3, 0, records.bytes[1][0], 4));
    free(other);
    world_close(&world);
}

static void test_a_command_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 3000; run++) {
        uint8_t bytes[TN_REGISTRY_COMMAND_BYTES_MAX + 1];
        uint8_t again[TN_REGISTRY_COMMAND_BYTES_MAX];
        struct tn_registry_command command;
        struct tn_stream_fault fault = {0};
        size_t size = tn_random_below(&random_state, sizeof bytes + 1);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)tn_random_next(&random_state);
        if (size > 0) bytes[0] %= 9;
        static const size_t sizes[9] = {0, 70, 19, 37, 9, 35, 37, 9, 0};
        if (size > 0 && run % 2 == 0) size = sizes[bytes[0]];
        if (size > 3 && bytes[0] == TN_REGISTRY_FEEDER) bytes[3] &= 1;
        if (size > 1 && bytes[0] == TN_REGISTRY_KEY) bytes[1] = 1 + bytes[1] % 2;
        if (size > 6 && bytes[0] == TN_REGISTRY_MARKET) bytes[5] = 0, bytes[6] = 1;
        if (!tn_registry_read_command(&command, &fault, bytes, size)) {
            assert_non_null(fault.what);
            assert_true(run % 2 == 1 || size == 0);
            continue;
        }
        assert_int_equal(tn_registry_write_command(again, &command), size);
        assert_memory_equal(again, bytes, size);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    random_state = test_seed(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_registry_of_its_records_has_its_root_now_and_after),
        cmocka_unit_test(test_a_copy_goes_on_as_the_original),
        cmocka_unit_test(test_a_bent_record_is_a_fault_or_another_root),
        cmocka_unit_test(test_money_that_comes_of_nothing_is_refused),
        cmocka_unit_test(test_records_that_are_missing_or_out_of_order_are_refused),
        cmocka_unit_test(test_a_command_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
