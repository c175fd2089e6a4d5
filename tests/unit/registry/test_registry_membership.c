/* Who is in which set, against the sentence of the protocol: the set of epoch e + 1 is what was
 * registered before epoch e, less those against whom there was evidence at the exec_height of the
 * block that ends e, or in an epoch before. The twin keeps a list of what happened and looks
 * through all of it. */
#include "registry_world.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { EVENTS_MAX = 4096 };

static uint64_t random_state;

static struct event {
    int64_t epoch; /* -1: the genesis */
    uint64_t height;
    uint16_t id;
    uint64_t weight; /* what it is to be; of a slash unused */
    bool is_slash;
} events[EVENTS_MAX];
static uint32_t events_count;

static void note(const struct world *world, uint16_t id, uint64_t weight, bool is_slash)
{
    const struct tn_registry_heads heads = world_heads(world);
    assert_true(events_count < EVENTS_MAX);
    events[events_count++] = (struct event){.epoch = (int64_t)heads.epoch,
                                            .height = heads.height,
                                            .id = id,
                                            .weight = weight,
                                            .is_slash = is_slash};
}

/* The weight of a validator in the set after `epoch`, whose last block has this exec_height. */
static uint64_t twin_weight(uint16_t id, int64_t epoch, uint64_t exec_height)
{
    uint64_t weight = 0;
    for (uint32_t i = 0; i < events_count; i++) {
        const struct event *event = &events[i];
        if (event->id != id) continue;
        if (event->is_slash && (event->epoch < epoch || event->height <= exec_height)) return 0;
        if (!event->is_slash && event->epoch < epoch) weight = event->weight;
    }
    return weight;
}

static void expect_set(const struct world *world, const struct tn_validators *set,
                       const struct tn_validators *before, uint64_t exec_height)
{
    uint32_t index = 0;
    for (uint16_t id = 0; id < world_heads(world).validators_count; id++) {
        uint64_t weight = twin_weight(id, (int64_t)before->epoch, exec_height);
        if (weight == 0) continue;
        const struct tn_public_key key = world_key(world, id);
        assert_true(index < set->count);
        assert_int_equal(set->members[index].id, id);
        assert_int_equal(set->members[index].weight, weight);
        assert_true(tn_public_key_equal(&set->members[index].key, &key));
        index++;
    }
    assert_int_equal(set->epoch, before->epoch + 1);
    if (index > 0) {
        assert_int_equal(set->count, index);
        return;
    }
    assert_int_equal(set->count, before->count); /* nobody is left: they go on */
    assert_memory_equal(set->members, before->members, sizeof set->members);
}

static void random_change(struct world *world)
{
    const struct tn_registry_heads heads = world_heads(world);
    const uint64_t weight = tn_random_below(&random_state, 5);
    const uint16_t id = (uint16_t)tn_random_below(&random_state, heads.validators_count);
    switch (tn_random_below(&random_state, 4)) {
        case 0:
            if (world_register(world, heads.validators_count, weight, 7) == TN_ANSWER_DONE)
                note(world, (uint16_t)heads.validators_count, weight, false);
            return;
        case 1:
        case 2:
            if (world_reweigh(world, id, weight, 1000000) == TN_ANSWER_DONE)
                note(world, id, weight, false);
            return;
        case 3: break;
    }
    if (tn_random_below(&random_state, 6) > 0) return;
    const uint64_t epoch = heads.epoch - tn_random_below(&random_state, 3);
    const struct tn_validators *set = tn_registry_set(world->registry, epoch);
    if (set == NULL) return;
    const uint16_t signer = (uint16_t)tn_random_below(&random_state, set->count);
    const struct tn_evidence evidence =
        world_evidence(world, (enum tn_evidence_kind)(1 + tn_random_below(&random_state, 5)),
                       set->members[signer].id, signer, epoch);
    if (tn_registry_accuse(world->registry, &world->context, &evidence) == TN_ANSWER_DONE)
        note(world, set->members[signer].id, 0, true);
}

/* Some blocks, then one that ends the epoch with an exec_height up to six blocks behind. */
static void random_epoch(struct world *world)
{
    const uint64_t blocks = 1 + tn_random_below(&random_state, 9);
    struct tn_validators early, late;
    for (uint64_t block = 0; block < blocks; block++) {
        world_begin(world, 0, 0, 0);
        while (tn_random_below(&random_state, 2) == 0)
            random_change(world);
        tn_registry_end_block(world->registry);
    }
    const struct tn_registry_heads heads = world_heads(world);
    const struct tn_validators before = *tn_registry_set(world->registry, heads.epoch);
    uint64_t exec_height = heads.height - tn_random_below(&random_state, 7);
    if (exec_height > heads.height) exec_height = 0;
    tn_registry_next_set(world->registry, &early, exec_height);
    world_begin(world, 0, TN_BLOCK_EPOCH_FINAL, exec_height);
    random_change(world);
    tn_registry_next_set(world->registry, &late, exec_height);
    assert_memory_equal(&early, &late, sizeof early);
    expect_set(world, &early, &before, exec_height);
    tn_registry_end_block(world->registry);
    assert_memory_equal(tn_registry_set(world->registry, heads.epoch + 1), &early, sizeof early);
    assert_memory_equal(tn_registry_set(world->registry, heads.epoch), &before, sizeof before);
}

static void test_sets_are_what_the_protocol_says_for_random_chains(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 25; run++) {
        struct world world;
        uint32_t count = 1 + (uint32_t)tn_random_below(&random_state, 6);
        events_count = 0;
        world_start(&world, NULL, count);
        for (uint16_t id = 0; id < count; id++)
            events[events_count++] = (struct event){.epoch = -1, .id = id, .weight = 1};
        for (uint32_t epoch = 0; epoch < 20 && events_count < EVENTS_MAX / 2; epoch++)
            random_epoch(&world);
        world_close(&world);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    random_state = test_seed(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_are_what_the_protocol_says_for_random_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
