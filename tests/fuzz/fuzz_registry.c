/* Any bytes as what the registry reads of others: evidence, commands of governance, records. The
 * first byte picks. What is read must be written again as the same bytes; what is accepted as
 * evidence must have been signed; a registry of bent records stands every question. */
#include "registry_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS_MAX = 64 };

static struct world world;
static struct {
    uint8_t kind;
    uint32_t index;
    size_t size;
    uint8_t bytes[TN_REGISTRY_RECORD_BYTES_MAX];
} records[RECORDS_MAX];
static uint32_t records_count;

/* A chain of two epochs with a feeder, a slashed validator and one that waits. */
static void open_world(void)
{
    struct tn_registry_command command = {.kind = TN_REGISTRY_FEEDER};
    struct tn_record_name name;
    world_start(&world, NULL, 5);
    command.as.feeder.signer = 2;
    command.as.feeder.active = true;
    TN_ASSERT(world_govern(&world, &command) == TN_ANSWER_DONE);
    world_end_epoch(&world);
    world_begin(&world, 3, 0, 0);
    tn_registry_sequenced(world.registry, 1, 5, 12345);
    struct tn_evidence evidence = world_evidence(&world, TN_EVIDENCE_BOTH, 4, 4, 0);
    TN_ASSERT(tn_registry_accuse(world.registry, &world.context, &evidence) == TN_ANSWER_DONE);
    TN_ASSERT(world_register(&world, 9, 2, 3) == TN_ANSWER_DONE);
    tn_registry_end_block(world.registry);
    while (tn_registry_changed(world.registry, &name, 1) == 1) {
        TN_ASSERT(records_count < RECORDS_MAX);
        records[records_count].kind = name.kind;
        records[records_count].index = name.index;
        records[records_count].size =
            tn_registry_record(world.registry, records[records_count].bytes,
                               TN_REGISTRY_RECORD_BYTES_MAX, name.kind, name.index);
        if (records[records_count].size > 0) records_count++;
    }
}

static void read_evidence(const uint8_t *data, size_t size)
{
    uint8_t again[TN_EVIDENCE_BYTES_MAX];
    struct tn_evidence evidence;
    struct tn_stream_fault fault = {0};
    if (!tn_evidence_read(&evidence, &fault, data, size)) {
        TN_ASSERT(fault.what != NULL && fault.at <= size);
        return;
    }
    TN_ASSERT(tn_evidence_write(again, &evidence) == size && memcmp(again, data, size) == 0);
    TN_ASSERT(tn_registry_check_evidence(world.registry, &world.context, &evidence) !=
              TN_ANSWER_DONE); /* nobody but the world has the keys */
}

static void read_command(const uint8_t *data, size_t size)
{
    uint8_t again[TN_REGISTRY_COMMAND_BYTES_MAX];
    struct tn_registry_command command;
    struct tn_stream_fault fault = {0};
    static struct tn_registry *copy;
    if (copy == NULL) copy = world_empty(&world);
    tn_registry_copy(copy, world.registry);
    if (!tn_registry_read_command(&command, &fault, data, size)) {
        TN_ASSERT(fault.what != NULL);
        return;
    }
    TN_ASSERT(tn_registry_write_command(again, &command) == size);
    TN_ASSERT(memcmp(again, data, size) == 0);
    struct tn_hash before, after;
    tn_registry_root(copy, &before);
    enum tn_registry_answer answer = tn_registry_govern(copy, &world.signatures, &command);
    tn_registry_root(copy, &after);
    TN_ASSERT(answer == TN_ANSWER_DONE || tn_hash_equal(&before, &after));
}

/* Changes to good records, four bytes each: which, where, what. */
static void read_records(const uint8_t *data, size_t size)
{
    static uint8_t bytes[RECORDS_MAX][TN_REGISTRY_RECORD_BYTES_MAX];
    static struct tn_registry *copy;
    struct tn_registry_fault fault = {0};
    struct tn_hash root, same;
    if (copy == NULL) copy = world_empty(&world);
    memset(copy, 0, tn_registry_size(&world.limits));
    copy = tn_registry_init(copy, &world.limits, &world.genesis);
    for (uint32_t i = 0; i < records_count; i++)
        memcpy(bytes[i], records[i].bytes, records[i].size);
    for (; size >= 4; data += 4, size -= 4) {
        uint32_t which = data[0] % records_count;
        bytes[which][((size_t)data[1] << 8 | data[2]) % records[which].size] ^= data[3];
    }
    for (uint32_t i = 0; i < records_count; i++)
        if (!tn_registry_import(copy, &fault, records[i].kind, records[i].index, bytes[i],
                                records[i].size - (i == 0 ? size : 0))) {
            TN_ASSERT(fault.what != NULL && fault.at <= TN_REGISTRY_RECORD_BYTES_MAX);
            return;
        }
    if (!tn_registry_import_end(copy, &fault)) return;
    tn_registry_root(copy, &root);
    tn_registry_root(world.registry, &same);
    bool is_same = true;
    for (uint32_t i = 0; i < records_count; i++)
        is_same = is_same && memcmp(bytes[i], records[i].bytes, records[i].size) == 0;
    TN_ASSERT(tn_hash_equal(&root, &same) == is_same);
    struct tn_validators next;
    tn_registry_next_set(copy, &next, 2);
    TN_ASSERT(next.count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (world.registry == NULL) open_world();
    if (size == 0) return 0;
    if (data[0] < 64)
        read_evidence(data + 1, size - 1);
    else if (data[0] < 128)
        read_command(data + 1, size - 1);
    else
        read_records(data + 1, size - 1);
    return 0;
}
