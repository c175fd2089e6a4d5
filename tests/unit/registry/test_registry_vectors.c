/* The vectors of docs/specs/registry.md: what src/ writes and hashes is what a script made from the
 * page alone (tests/vectors/registry/check.py). */
#include "registry_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { BYTES_MAX = 2048 };

static void expect(const char *name, const void *bytes, size_t size)
{
    char path[512], word[64];
    uint8_t wanted[BYTES_MAX];
    snprintf(path, sizeof path, "%s/vectors.txt", TENOR_REGISTRY_VECTORS);
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("no vectors at %s", path);
    for (bool found = false; !found && fscanf(file, "%63s ", word) == 1;) {
        size_t count = 0;
        unsigned byte;
        found = strcmp(word, name) == 0;
        while (count < BYTES_MAX && fscanf(file, "%2x", &byte) == 1) {
            wanted[count++] = (uint8_t)byte;
            int letter = fgetc(file);
            if (letter == '\n' || letter == EOF) break;
            ungetc(letter, file);
        }
        if (!found) continue;
        fclose(file);
        if (count != size) fail_msg("%s has %zu bytes, not %zu", name, size, count);
        if (memcmp(wanted, bytes, size) != 0) print_message("%s differs\n", name);
        assert_memory_equal(bytes, wanted, size);
        return;
    }
    fclose(file);
    fail_msg("no vector %s", name);
}

static void fill(struct tn_hash *hash, uint8_t byte)
{
    memset(hash->bytes, byte, TN_HASH_SIZE);
}

static void test_the_set_is_hashed_and_ordered_as_the_page_says(void **state)
{
    (void)state;
    struct tn_validator members[4];
    struct tn_validators set;
    struct tn_hash hash;
    uint8_t order[2 * 10];
    memset(members, 0, sizeof members);
    for (uint32_t i = 0; i < 4; i++) {
        members[i].id = (uint16_t)i;
        members[i].weight = 10 * (i + 1);
        members[i].key.bytes[0] = (uint8_t)i;
        memset(members[i].address.bytes, (int)i + 1, TN_ADDRESS_SIZE);
    }
    assert_true(tn_validators_make(&set, 7, 1, members, 4));
    tn_validators_hash(&hash, &set);
    expect("set.hash", hash.bytes, TN_HASH_SIZE);
    assert_int_equal(set.slots_count, 10);
    for (uint32_t slot = 0; slot < 10; slot++)
        tn_put_be(order + 2 * slot, set.order[slot], 2);
    expect("set.order", order, sizeof order);
}

static void test_what_is_signed_is_hashed_as_the_page_says(void **state)
{
    (void)state;
    uint8_t chain[32], bytes[TN_CHECKPOINT_BYTES];
    struct tn_hash hash, digest;
    struct tn_address bridge;
    struct tn_checkpoint checkpoint = {.epoch = 7, .height = 640}, read;
    struct tn_vote_head head = {.market = 3, .term = 4, .sequence = 5};
    for (uint32_t i = 0; i < 32; i++)
        chain[i] = (uint8_t)i;
    fill(&hash, 0x11);
    tn_vote_digest(&digest, chain, 7, TN_VOTE_NOTARIZE, 9, &hash);
    expect("vote.1", digest.bytes, TN_HASH_SIZE);
    tn_vote_digest(&digest, chain, 7, TN_VOTE_FINALIZE, 9, &hash);
    expect("vote.3", digest.bytes, TN_HASH_SIZE);
    fill(&hash, 0);
    tn_vote_digest(&digest, chain, 7, TN_VOTE_NULLIFY, 9, &hash);
    expect("vote.2", digest.bytes, TN_HASH_SIZE);
    fill(&head.digest, 0x22);
    tn_vote_stall_digest(&digest, chain, 7, &head);
    expect("stall", digest.bytes, TN_HASH_SIZE);
    tn_vote_resign_digest(&digest, chain, 7, &head);
    expect("resign", digest.bytes, TN_HASH_SIZE);
    fill(&checkpoint.state_root, 0x11);
    fill(&checkpoint.withdraw_root, 0x22);
    fill(&checkpoint.data_root, 0x33);
    tn_checkpoint_write(bytes, &checkpoint);
    expect("checkpoint", bytes, sizeof bytes);
    tn_checkpoint_read(&read, bytes);
    assert_memory_equal(&read, &checkpoint, sizeof read);
    memset(bridge.bytes, 0x33, sizeof bridge.bytes);
    tn_checkpoint_domain(&hash, 1, &bridge);
    expect("checkpoint.domain", hash.bytes, TN_HASH_SIZE);
    tn_checkpoint_digest(&digest, &hash, &checkpoint);
    expect("checkpoint.digest", digest.bytes, TN_HASH_SIZE);
}

static struct tn_evidence page_evidence(enum tn_evidence_kind kind)
{
    struct tn_evidence evidence = {.kind = kind, .signer = 2, .epoch = 7};
    memset(evidence.signatures[0].bytes, 0x44, TN_SIGNATURE_SIZE);
    memset(evidence.signatures[1].bytes, 0x55, TN_SIGNATURE_SIZE);
    if (kind == TN_EVIDENCE_CHECKPOINT) {
        for (uint32_t half = 0; half < 2; half++) {
            struct tn_checkpoint *checkpoint = &evidence.as.checkpoints[half];
            *checkpoint = (struct tn_checkpoint){.epoch = 7, .height = 640};
            fill(&checkpoint->state_root, half == 0 ? 0x11 : 0x22);
            fill(&checkpoint->withdraw_root, 0x22);
            fill(&checkpoint->data_root, 0x33);
        }
    } else if (kind == TN_EVIDENCE_BATCH) {
        for (uint32_t half = 0; half < 2; half++) {
            struct tn_batch_header *batch = &evidence.as.batches[half];
            *batch = (struct tn_batch_header){.market = 3,
                                              .term = 4,
                                              .sequence = 5,
                                              .entries_count = 6,
                                              .weight = 7,
                                              .first_block = 8,
                                              .last_block = 9};
            for (uint32_t i = 0; i < 32; i++)
                batch->chain_id[i] = (uint8_t)i;
            fill(&batch->prev_digest, 0x22);
            fill(&batch->entries_root, half == 0 ? 0x11 : 0x22);
            fill(&batch->results_digest, 0x22);
        }
    } else {
        evidence.as.votes.view = 9;
        if (kind != TN_EVIDENCE_BOTH) fill(&evidence.as.votes.hashes[0], 0x11);
        fill(&evidence.as.votes.hashes[1], 0x22);
    }
    return evidence;
}

static void test_evidence_is_written_as_the_page_says(void **state)
{
    (void)state;
    for (uint8_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        const struct tn_evidence evidence = page_evidence((enum tn_evidence_kind)kind);
        uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
        struct tn_hash digest;
        char name[32];
        snprintf(name, sizeof name, "evidence.%d", kind);
        expect(name, bytes, tn_evidence_write(bytes, &evidence));
        snprintf(name, sizeof name, "evidence.%d.digest", kind);
        tn_evidence_digest(&digest, &evidence);
        expect(name, digest.bytes, TN_HASH_SIZE);
    }
}

static void expect_command(const char *name, const struct tn_registry_command *command)
{
    uint8_t bytes[TN_REGISTRY_COMMAND_BYTES_MAX];
    expect(name, bytes, tn_registry_write_command(bytes, command));
}

static void test_commands_are_written_as_the_page_says(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 1);
    const struct tn_public_key keys[2] = {world_key(&world, 0), world_key(&world, 1)};
    struct tn_registry_command command = {.kind = TN_REGISTRY_VALIDATOR};
    command.as.validator.key = keys[1];
    assert_true(world.signatures.address(world.signatures.context, &command.as.validator.address,
                                         &keys[1]));
    command.as.validator.weight = 5;
    command.as.validator.stake_micros = 1000000;
    expect_command("command.validator", &command);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_WEIGHT};
    command.as.weight.id = 1;
    command.as.weight.weight = 6;
    command.as.weight.stake_micros = 2000000;
    expect_command("command.weight", &command);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_FEEDER};
    command.as.feeder.signer = 2;
    command.as.feeder.active = true;
    command.as.feeder.key = keys[0];
    expect_command("command.feeder", &command);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_MARKET};
    command.as.market.market = 3;
    command.as.market.count = 2;
    command.as.market.candidates[0] = 1;
    expect_command("command.market", &command);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_KEY};
    command.as.key.which = TN_REGISTRY_KEY_FAUCET;
    command.as.key.key = keys[0];
    expect_command("command.key", &command);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_PARAMETERS};
    command.as.parameters = WORLD_PARAMETERS;
    expect_command("command.parameters", &command);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_EPOCH};
    command.as.epoch_height = 500;
    expect_command("command.epoch", &command);
    world_close(&world);
}

static void test_records_and_their_root_are_as_the_page_says(void **state)
{
    (void)state;
    struct world world;
    struct tn_hash root;
    uint32_t count = 0;
    world_start(&world, (const uint64_t[]){2, 1}, 2);
    for (uint8_t kind = TN_RECORD_REGISTRY; kind <= TN_RECORD_SET; kind++)
        for (uint32_t i = 0; i < tn_registry_records_count(world.registry, kind); i++) {
            uint8_t bytes[TN_REGISTRY_RECORD_BYTES_MAX];
            char name[32];
            size_t size = tn_registry_record(world.registry, bytes, sizeof bytes, kind, i);
            if (size == 0) continue;
            snprintf(name, sizeof name, "record.%d.%u", kind, i);
            expect(name, bytes, size);
            count++;
        }
    assert_int_equal(count, 5);
    tn_registry_root(world.registry, &root);
    expect("root", root.bytes, TN_HASH_SIZE);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_set_is_hashed_and_ordered_as_the_page_says),
        cmocka_unit_test(test_what_is_signed_is_hashed_as_the_page_says),
        cmocka_unit_test(test_evidence_is_written_as_the_page_says),
        cmocka_unit_test(test_commands_are_written_as_the_page_says),
        cmocka_unit_test(test_records_and_their_root_are_as_the_page_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
