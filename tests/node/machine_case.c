/* The script is driven here as run_command.c and solo.c drive the machine: take, sync, tend. What
 * the program would print is caught, so that a test can ask whether a refusal said why; the random
 * numbers that it asks the system for come from the seed. */
#include "machine_case.h"
#include "faulty_disk.h"
#include "risk_stream.h"
#include "tenord/tenord.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

enum {
    BLOCK_ENTRIES = 4,
    CHECKPOINT_BLOCKS = 2,
    SYNC_EACH = 3,
    REOPEN_AT = 80,
    FLUSH_AT = 122, /* two entries into a block */
    SEGMENT_BYTES = 16384,
    EXIT_BLOCKS = 8,
    TRIES = 40,
};

/* ---- What the program says and asks ------------------------------------------------------------
 */

void __wrap_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void __wrap_note(const char *format, ...);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);

static char said[1024];
static uint64_t system_random = 1;
static uint32_t notes_left;

void __wrap_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
}

void __wrap_note(const char *format, ...)
{
    if (notes_left == 0 || strncmp(format, "msg=full", 8) != 0) return;
    if (--notes_left == 0) faulty_disk_limit(UINT64_MAX);
}

void case_lift_after(uint32_t notes_count)
{
    notes_left = notes_count;
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    uint8_t *out = bytes;
    (void)flags;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)tn_random_next(&system_random);
    return (ssize_t)size;
}

const char *case_said(void)
{
    return said;
}

void case_hush(void)
{
    said[0] = '\0';
}

/* ---- Without a disk ----------------------------------------------------------------------------
 */

static struct genesis make_genesis(void)
{
    struct genesis genesis;
    genesis_default(&genesis);
    genesis.market = 7;
    genesis.exit_blocks = EXIT_BLOCKS;
    risk_stream_limits(&genesis.limits);
    return genesis;
}

static void make_entries(struct machine_case *script, const struct tn_exchange_limits *limits)
{
    static struct risk_stream stream;
    uint32_t events_max = tn_exchange_events_max(limits);
    struct tn_event *events = memory_take(events_max * sizeof *events);
    void *memory = memory_take(tn_exchange_size(limits));
    uint8_t *bytes = malloc(TN_ENTRY_BYTES_MAX);
    TN_ASSERT(events != NULL && memory != NULL && bytes != NULL);
    struct tn_exchange *exchange = tn_exchange_init(memory, limits);
    risk_stream_start(&stream, exchange, script->seed);
    for (uint32_t i = 0; i < CASE_ENTRIES; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        script->sizes[i] = tn_stream_write_entry(bytes, TN_ENTRY_BYTES_MAX, &entry);
        script->bytes[i] = malloc(script->sizes[i]);
        TN_ASSERT(script->bytes[i] != NULL);
        memcpy(script->bytes[i], bytes, script->sizes[i]);
        tn_exchange_apply(exchange, events, events_max, &entry);
    }
    free(bytes);
    memory_give(memory, tn_exchange_size(limits));
    memory_give(events, events_max * sizeof *events);
}

/* As the machine seals. */
static void seal(struct tn_replica *replica)
{
    struct tn_batch_header batch;
    struct tn_block_header block = {.epoch = 1};
    struct tn_hash hash, root;
    tn_replica_end_batch(replica, &batch);
    block.view = tn_replica_heads(replica)->height + 1;
    block.parent_view = block.view - 1;
    block.time_ms = (uint64_t)tn_exchange_time_ms(tn_replica_exchange(replica));
    tn_replica_end_block(replica, &block, &hash, &root);
    tn_replica_begin_batch(replica);
}

static struct case_stand stand_of(const struct tn_replica *replica)
{
    const struct tn_replica_heads *heads = tn_replica_heads(replica);
    return (struct case_stand){.height = heads->height, .root = heads->root};
}

static void execute(struct machine_case *script, const struct tn_replica_limits *limits, int chain)
{
    struct held_replica held;
    struct tn_stream_scratch *scratch = memory_take(sizeof *scratch);
    uint32_t events_max = tn_exchange_events_max(&limits->exchange), open_count = 0;
    struct tn_event *events = memory_take(events_max * sizeof *events);
    bool is_held = replica_hold(&held, limits);
    TN_ASSERT(is_held && scratch != NULL && events != NULL);
    tn_replica_begin_batch(held.replica);
    for (uint32_t i = 0; i < CASE_ENTRIES; i++) {
        struct tn_entry entry;
        struct tn_stream_fault fault;
        size_t used;
        script->digests[i] = tn_exchange_digest(tn_replica_exchange(held.replica));
        script->stands[chain][i] = stand_of(held.replica);
        if (chain == 1 && i == FLUSH_AT) {
            seal(held.replica);
            script->stands[chain][i] = stand_of(held.replica);
            open_count = 0;
        }
        bool is_read = tn_stream_read_entry(&entry, &used, &fault, scratch, script->bytes[i],
                                            script->sizes[i]);
        TN_ASSERT(is_read);
        tn_replica_apply(held.replica, events, events_max, &entry, script->bytes[i],
                         script->sizes[i]);
        if (++open_count < BLOCK_ENTRIES) continue;
        seal(held.replica);
        open_count = 0;
    }
    script->digests[CASE_ENTRIES] = tn_exchange_digest(tn_replica_exchange(held.replica));
    script->stands[chain][CASE_ENTRIES] = stand_of(held.replica);
    if (open_count > 0) seal(held.replica);
    script->ends[chain] = stand_of(held.replica);
    replica_drop(&held);
    memory_give(events, events_max * sizeof *events);
    memory_give(scratch, sizeof *scratch);
}

void case_learn(struct machine_case *script, uint64_t seed)
{
    struct genesis genesis = make_genesis();
    struct tn_replica_limits limits;
    *script = (struct machine_case){.seed = seed};
    bool is_good = genesis_limits(&limits, &genesis, TN_CPU_BASE, 1);
    TN_ASSERT(is_good);
    make_entries(script, &limits.exchange);
    for (int chain = 0; chain < CASE_CHAINS; chain++)
        execute(script, &limits, chain);
}

void case_forget(struct machine_case *script)
{
    for (uint32_t i = 0; i < CASE_ENTRIES; i++)
        free(script->bytes[i]);
}

/* ---- On a disk ---------------------------------------------------------------------------------
 */

void case_settle(struct case_run *run, const struct machine_case *script, const char *home)
{
    char path[PATH_SIZE], *text = NULL;
    size_t size = 0;
    const struct genesis genesis = make_genesis();
    *run = (struct case_run){.script = script, .home = home, .segment_bytes = SEGMENT_BYTES};
    FILE *memory = open_memstream(&text, &size);
    TN_ASSERT(memory != NULL);
    genesis_print(memory, &genesis, false);
    fclose(memory);
    bool is_good = home_path(path, home, "genesis.conf") && file_write(path, text, size);
    TN_ASSERT(is_good);
    free(text);
    system_random = script->seed;
}

bool case_open(struct case_run *run)
{
    const struct machine_options options = {.home = run->home,
                                            .block_entries = BLOCK_ENTRIES,
                                            .checkpoint_blocks = CHECKPOINT_BLOCKS,
                                            .segment_bytes = run->segment_bytes,
                                            .store_queue_bytes = run->queue_bytes,
                                            .quiet = true,
                                            .stop = &run->stop,
                                            .store_unthreaded = true};
    case_hush();
    run->machine = machine_open(&options);
    run->failed = run->machine == NULL;
    run->refused |= run->failed;
    if (run->failed) return false;
    uint64_t found = machine_entries(run->machine);
    if (found > run->acknowledged) run->acknowledged = found;
    return true;
}

void case_close(struct case_run *run)
{
    if (run->machine != NULL) machine_close(run->machine);
    run->machine = NULL;
}

/* Nothing may be acknowledged that is not there, so also what a failed machine says counts. */
enum machine_answer case_sync(struct case_run *run)
{
    uint64_t durable;
    enum machine_answer answer = machine_sync(run->machine, &durable);
    uint64_t count = machine_entries(run->machine);
    while (run->acknowledged < count && run->positions[run->acknowledged] < durable)
        run->acknowledged++;
    run->failed |= answer == MACHINE_FAILED;
    run->full_count += answer == MACHINE_FULL;
    return answer;
}

enum machine_answer case_tend(struct case_run *run)
{
    enum machine_answer answer = machine_tend(run->machine);
    run->failed |= answer == MACHINE_FAILED;
    run->full_count += answer == MACHINE_FULL;
    return answer;
}

static enum machine_answer take(struct case_run *run)
{
    struct machine_results results = {.position = UINT64_MAX};
    struct tn_stream_fault fault;
    uint64_t at = machine_entries(run->machine);
    TN_ASSERT(at < CASE_ENTRIES);
    enum machine_answer answer = machine_take(run->machine, &results, &fault,
                                              run->script->bytes[at], run->script->sizes[at]);
    TN_ASSERT(answer != MACHINE_REFUSED);
    if (answer != MACHINE_FULL && at >= run->taken) run->taken = at + 1;
    if (answer != MACHINE_FULL) run->positions[at] = results.position;
    run->failed |= answer == MACHINE_FAILED;
    run->full_count += answer == MACHINE_FULL;
    return answer;
}

/* One entry, and what is due after it. */
static bool turn(struct case_run *run, uint32_t tries)
{
    enum machine_answer answer;
    while ((answer = take(run)) == MACHINE_FULL && tries-- > 0)
        if (case_tend(run) == MACHINE_FAILED) return false;
    if (answer != MACHINE_TAKEN) return false;
    if (machine_entries(run->machine) % SYNC_EACH != 0) return true;
    return case_sync(run) != MACHINE_FAILED && case_tend(run) != MACHINE_FAILED;
}

bool case_go_on(struct case_run *run, uint64_t until, uint32_t tries)
{
    while (machine_entries(run->machine) < until) {
        if (!turn(run, tries)) return false;
        if (machine_entries(run->machine) == FLUSH_AT && !case_flush(run)) return false;
    }
    return true;
}

bool case_flush(struct case_run *run)
{
    enum machine_answer answer;
    for (uint32_t tries = 0; (answer = machine_flush(run->machine)) == MACHINE_FULL; tries++) {
        run->full_count++;
        if (tries == TRIES || case_tend(run) == MACHINE_FAILED) return false;
    }
    run->failed |= answer == MACHINE_FAILED;
    case_sync(run);
    return answer == MACHINE_TAKEN;
}

/* A full disk may refuse the first try. */
static bool open_at_last(struct case_run *run)
{
    return case_open(run) || case_open(run);
}

bool case_live(struct case_run *run)
{
    bool is_good =
        open_at_last(run) && case_go_on(run, REOPEN_AT, TRIES) && case_sync(run) != MACHINE_FAILED;
    if (is_good) {
        case_close(run);
        is_good = open_at_last(run) && case_go_on(run, CASE_ENTRIES, TRIES) && case_flush(run);
    }
    if (run->machine != NULL && !is_good) { /* it may say nothing more that is not so */
        for (uint32_t i = 0; i < 3; i++) {
            case_sync(run);
            machine_tend(run->machine);
        }
    }
    return is_good;
}

static bool stands_at(const struct case_run *run, const struct case_stand *stand)
{
    struct case_stand here = stand_of(machine_replica(run->machine));
    return here.height == stand->height && tn_hash_equal(&here.root, &stand->root);
}

bool case_is_known(const struct case_run *run)
{
    const struct machine_case *script = run->script;
    uint64_t count = machine_entries(run->machine);
    if (count > CASE_ENTRIES) return false;
    struct tn_exchange *exchange =
        tn_replica_exchange((struct tn_replica *)machine_replica(run->machine));
    if (tn_exchange_digest(exchange) != script->digests[count]) return false;
    return stands_at(run, &script->stands[0][count]) || stands_at(run, &script->stands[1][count]) ||
           (count == CASE_ENTRIES && case_is_end(run));
}

bool case_is_end(const struct case_run *run)
{
    return machine_entries(run->machine) == CASE_ENTRIES &&
           (stands_at(run, &run->script->ends[0]) || stands_at(run, &run->script->ends[1]));
}
