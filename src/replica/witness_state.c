/* witness_state: the state before the block, first as hashes, then as an exchange.
 *
 * The trees are built of the witness's bytes alone, and their root compared with the one that the
 * block's header names, before any record is read for what it says: past that point every record is
 * the state's own. Of the market's lists each index is set, those that the witness lacks as empty.
 */
#include "replica/witness.h"

/* Records on their way into the trees. */
struct group {
    struct tn_replica *replica;
    uint32_t count;
    bool is_good;
};

static void deliver(struct group *group)
{
    struct tn_replica *replica = group->replica;
    if (group->count == 0) return;
    group->is_good &= tn_state_set_many(replica->shard.state, replica->records, group->count);
    group->count = 0;
}

static void add(struct group *group, const struct tn_state_record *record)
{
    group->replica->records[group->count++] = *record;
    if (group->count == NAMES_AT_ONCE) deliver(group);
}

/* The first record of a kind, or where it would stand. */
static size_t begin_of(const struct tn_witness *witness, uint8_t kind)
{
    size_t at = witness->records_at;
    for (uint32_t before = 1; before < kind; before++)
        at += witness->sizes[before];
    return at;
}

/* The record of that name if it stands at `at`, which then moves on; else an empty one. */
static struct tn_state_record take(const struct tn_witness *witness, size_t *at, uint8_t kind,
                                   uint32_t index)
{
    const struct tn_state_record none = {.name = {.kind = kind, .index = index}};
    size_t next = *at;
    if (next >= witness->sides_at) return none;
    struct tn_state_record record = witness_record(witness->bytes, &next);
    if (record.name.kind != kind || record.name.index != index) return none;
    *at = next;
    return record;
}

static void take_list(struct group *group, const struct tn_witness *witness, uint8_t kind)
{
    size_t at = begin_of(witness, kind);
    tn_state_count(group->replica->shard.state, (enum tn_record_kind)kind, witness->counts[kind]);
    for (uint32_t i = 0; i < witness->counts[kind]; i++) {
        struct tn_state_record record = take(witness, &at, kind, i);
        add(group, &record);
    }
}

/* All four of an account in one go: its leaf takes in the root of its positions. */
static void take_accounts(struct group *group, const struct tn_witness *witness)
{
    size_t at[TN_RECORD_KINDS];
    size_t end = begin_of(witness, TN_RECORD_POSITIONS);
    for (uint8_t kind = TN_RECORD_ACCOUNT; witness_by_account(kind); kind++)
        at[kind] = begin_of(witness, kind);
    while (at[TN_RECORD_ACCOUNT] < end) {
        if (group->count + 4 > NAMES_AT_ONCE) deliver(group);
        size_t head = at[TN_RECORD_ACCOUNT];
        uint32_t index = witness_record(witness->bytes, &head).name.index;
        for (uint8_t kind = TN_RECORD_ACCOUNT; witness_by_account(kind); kind++) {
            struct tn_state_record record = take(witness, &at[kind], kind, index);
            add(group, &record);
        }
    }
    deliver(group);
}

static bool take_sides(struct tn_replica *replica, struct tn_witness_fault *fault,
                       const struct tn_witness *witness, const uint64_t *present)
{
    size_t at = witness->sides_at;
    for (uint32_t i = 0; i < WITNESS_SIDES; i++) {
        size_t used;
        if (!tn_state_read_sides(replica->shard.state, &used, witness_sides_kinds[i], present,
                                 witness->bytes + at, witness->size - at)) {
            tn_witness_refuse(fault, TN_WITNESS_STEP_FORMAT,
                              "nodes beside its accounts are missing");
            fault->at = at;
            return false;
        }
        at += used;
    }
    if (at == witness->size) return true;
    tn_witness_refuse(fault, TN_WITNESS_STEP_FORMAT, "it goes on behind its nodes");
    fault->at = at;
    return false;
}

static bool note_present(const struct tn_witness *witness, uint64_t *present)
{
    size_t at = begin_of(witness, TN_RECORD_ACCOUNT), end = begin_of(witness, TN_RECORD_POSITIONS);
    uint32_t count = witness->counts[TN_RECORD_ACCOUNT], last = TN_NONE;
    while (at < end) {
        last = witness_record(witness->bytes, &at).name.index;
        present[last / 64] |= UINT64_C(1) << last % 64;
    }
    return count == 0 ? last == TN_NONE : last == count - 1;
}

static bool take_chain(struct tn_replica *replica, struct tn_witness_fault *fault,
                       const struct tn_witness *witness)
{
    struct tn_import_fault import = {.what = NULL};
    struct tn_replica_record chain;
    size_t at = witness->sides_at - witness->sizes[0];
    struct tn_state_record record = witness_record(witness->bytes, &at);
    bool is_good = tn_replica_read_chain(&chain, &import, record.bytes, record.size);
    TN_ASSERT(is_good && at == witness->sides_at); /* as when it was read */
    replica->heads = chain.heads;
    tn_replica_globals(&replica->heads, chain.market);
    tn_replica_exits_root(&replica->heads.state.globals[TN_GLOBAL_EXITS], &chain.heads,
                          chain.market);
    if (replica->heads.height + 1 != witness->block.height) {
        return tn_witness_refuse(fault, TN_WITNESS_STEP_BLOCK, "its height is not the next");
    }
    return true;
}

bool tn_witness_take_state(struct tn_replica *replica, struct tn_witness_fault *fault,
                           const struct tn_witness *witness, uint64_t *present)
{
    static const uint8_t lists[] = {TN_RECORD_MARKET, TN_RECORD_SERIES, TN_RECORD_FEEDS,
                                    TN_RECORD_ROWS, TN_RECORD_BOOK};
    struct group group = {.replica = replica, .is_good = true};
    if (!take_chain(replica, fault, witness)) return false;
    if (!note_present(witness, present)) {
        tn_witness_refuse(fault, TN_WITNESS_STEP_ACCOUNT, "the last account is always needed");
        fault->account = witness->counts[TN_RECORD_ACCOUNT] - 1;
        return false;
    }
    tn_state_begin_part(replica->shard.state, witness->counts[TN_RECORD_ACCOUNT], 0);
    if (!take_sides(replica, fault, witness, present)) return false;
    for (uint32_t i = 0; i < sizeof lists; i++)
        take_list(&group, witness, lists[i]);
    deliver(&group);
    take_accounts(&group, witness);
    if (!group.is_good) {
        return tn_witness_refuse(fault, TN_WITNESS_STEP_STATE, "a record is none of its kind");
    }
    if (!tn_state_update(replica->shard.state)) {
        return tn_witness_refuse(fault, TN_WITNESS_STEP_STATE, "the sum of cash does not fit");
    }
    tn_state_root(&replica->heads.root, replica->shard.state, &replica->heads.state);
    return tn_hash_equal(&replica->heads.root, &witness->block.exec_root) ||
           tn_witness_differ(fault, TN_WITNESS_STEP_STATE, NULL, &witness->block.exec_root,
                             &replica->heads.root);
}

static bool refuse_record(struct tn_witness_fault *fault, const struct tn_import_fault *import)
{
    tn_witness_refuse(fault, TN_WITNESS_STEP_RECORDS, import->what);
    fault->name = import->name;
    fault->at = import->at;
    return false;
}

bool tn_witness_take_exchange(struct tn_replica *replica, struct tn_witness_fault *fault,
                              const struct tn_witness *witness)
{
    struct tn_import_fault import;
    size_t at = witness->records_at;
    while (at < witness->sides_at - witness->sizes[0]) {
        struct tn_state_record record = witness_record(witness->bytes, &at);
        if (!tn_exchange_import(replica->shard.exchange, &import,
                                (enum tn_record_kind)record.name.kind, record.name.index,
                                record.bytes, record.size)) {
            return refuse_record(fault, &import);
        }
    }
    if (!tn_exchange_import_end(replica->shard.exchange, &import))
        return refuse_record(fault, &import);
    tn_shard_exit_due_all(&replica->shard);
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        if (tn_replica_records_count(replica, kind) == witness->counts[kind]) continue;
        import = (struct tn_import_fault){.name = {.kind = kind},
                                          .what = "There are not as many records."};
        return refuse_record(fault, &import);
    }
    return true;
}
