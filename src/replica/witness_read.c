/* witness_read: any bytes, taken apart: every length is checked once, here, and every record's
 * name, so that whoever reads further can go by what was read. Nothing is hashed. */
#include "replica/witness.h"

bool tn_witness_refuse(struct tn_witness_fault *fault, enum tn_witness_step step, const char *why)
{
    static const char *const sentences[] = {
#define X(name, text) text,
        TN_WITNESS_STEPS(X)
#undef X
    };
    *fault = (struct tn_witness_fault){.step = step, .what = sentences[step], .why = why};
    return false;
}

bool tn_witness_differ(struct tn_witness_fault *fault, enum tn_witness_step step, const char *why,
                       const struct tn_hash *said, const struct tn_hash *found)
{
    tn_witness_refuse(fault, step, why);
    fault->has_hashes = true;
    fault->said = *said;
    fault->found = *found;
    return false;
}

static bool refuse_at(struct tn_witness_fault *fault, size_t at, const char *why)
{
    tn_witness_refuse(fault, TN_WITNESS_STEP_FORMAT, why);
    fault->at = at;
    return false;
}

static void get_hashes(struct tn_hash *hashes, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        memcpy(hashes[i].bytes, bytes + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
}

/* What stands at fixed places. */
static bool read_head(struct tn_witness *witness, struct tn_witness_fault *fault)
{
    const uint8_t *bytes = witness->bytes;
    struct tn_stream_fault stream;
    if (witness->size < WITNESS_BATCH_AT) return refuse_at(fault, witness->size, "it is too short");
    if (memcmp(bytes, witness_magic, WITNESS_NAME_SIZE) != 0) {
        return refuse_at(fault, 0, "it does not begin as a witness");
    }
    if (memcmp(bytes, witness_magic, sizeof witness_magic) != 0) {
        return refuse_at(fault, WITNESS_NAME_SIZE,
                         "it is of a version that this program does not read: write it with this "
                         "program, or use the one that wrote it");
    }
    if (!tn_stream_read_block_header(&witness->block, &stream, bytes + sizeof witness_magic,
                                     TN_BLOCK_HEADER_BYTES)) {
        return refuse_at(fault, sizeof witness_magic + stream.at, stream.what);
    }
    get_hashes(&witness->after.root, bytes + WITNESS_SECTIONS_AT - TN_HASH_SIZE, 1);
    get_hashes(witness->after.sections, bytes + WITNESS_SECTIONS_AT, TN_RECORD_KINDS);
    get_hashes(witness->after.globals, bytes + WITNESS_GLOBALS_AT, TN_PROOF_GLOBALS);
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++)
        witness->counts[kind] = witness_u32(bytes + WITNESS_COUNTS_AT + 4 * (kind - 1));
    for (uint8_t kind = TN_RECORD_ACCOUNT; witness_by_account(kind); kind++) {
        if (witness->counts[kind] != witness->counts[TN_RECORD_ACCOUNT]) {
            return refuse_at(fault, WITNESS_COUNTS_AT, "its counts of accounts differ");
        }
    }
    size_t left = witness->size - WITNESS_BATCH_AT;
    witness->batch_at = WITNESS_BATCH_AT;
    witness->batch_size = witness_u32(bytes + WITNESS_SIZES_AT);
    witness->genesis_at = WITNESS_BATCH_AT + witness->batch_size;
    witness->genesis_size = witness_u32(bytes + WITNESS_SIZES_AT + 4);
    if (left < 4 || left - 4 < witness->batch_size ||
        left - 4 - witness->batch_size < witness->genesis_size) {
        return refuse_at(fault, WITNESS_BATCH_AT, "its batch or its genesis is cut off");
    }
    return true;
}

/* Kinds ascend, the replica's own comes last; records of an account come only with the account. */
static const char *check_name(const struct tn_witness *witness, struct tn_record_name *last,
                              struct tn_record_name name)
{
    bool is_first = last->kind == 0;
    if (is_first != (name.kind == TN_RECORD_MARKET && name.index == 0)) {
        return "its first record is not the market's head";
    }
    bool ascends = name.kind > last->kind || (name.kind == last->kind && name.index > last->index);
    if (!is_first && !ascends) return "its records do not ascend";
    *last = name;
    if (name.kind == TN_RECORD_CHAIN) return name.index == 0 ? NULL : "there is one chain record";
    if (name.kind >= TN_RECORD_KINDS) return "there is no record of this kind";
    if (name.index >= witness->counts[name.kind]) return "a record is past its kind's count";
    return NULL;
}

/* Is the account of a record there? Both lists ascend, so each kind goes along the accounts once.
 */
static bool has_account(const struct tn_witness *witness, size_t *at, size_t accounts_end,
                        uint32_t account)
{
    while (*at < accounts_end) {
        size_t next = *at;
        struct tn_state_record record = witness_record(witness->bytes, &next);
        if (record.name.index >= account) return record.name.index == account;
        *at = next;
    }
    return false;
}

static bool read_records(struct tn_witness *witness, struct tn_witness_fault *fault)
{
    struct tn_record_name last = {0};
    size_t at = witness->records_at, accounts_at = 0, accounts_end = 0, partner = 0;
    uint32_t count = witness_u32(witness->bytes + at - 4);
    for (uint32_t i = 0; i < count; i++) {
        size_t begin = at;
        if (witness->size - at < WITNESS_RECORD_HEAD ||
            witness->size - at - WITNESS_RECORD_HEAD < witness_u32(witness->bytes + at + 5)) {
            return refuse_at(fault, at, "its records are cut off");
        }
        uint8_t kind_before = last.kind;
        struct tn_state_record record = witness_record(witness->bytes, &at);
        const char *what = record.size == 0 ? "a record is empty" : NULL;
        if (what == NULL) what = check_name(witness, &last, record.name);
        if (what != NULL) return refuse_at(fault, begin, what);
        uint8_t kind = record.name.kind;
        if (kind == TN_RECORD_ACCOUNT) {
            if (witness->accounts_given++ == 0) accounts_at = begin;
            accounts_end = at;
        } else if (witness_by_account(kind)) {
            if (kind != kind_before) partner = accounts_at;
            if (!has_account(witness, &partner, accounts_end, record.name.index)) {
                return refuse_at(fault, begin, "a record is of an account that is not there");
            }
        }
        witness->sizes[kind == TN_RECORD_CHAIN ? 0 : kind] += at - begin;
    }
    witness->sides_at = at;
    witness->sizes[TN_RECORD_KINDS] = witness->size - at;
    if (last.kind != TN_RECORD_CHAIN) return refuse_at(fault, at, "its chain is missing");
    return true;
}

/* The chain's id is the hash of its genesis. Without one the caller has it, and knows. */
static bool genesis_is_good(const struct tn_witness *witness)
{
    struct tn_hash hash;
    if (witness->genesis_size == 0) return true;
    tn_keccak256(&hash, witness->bytes + witness->genesis_at, witness->genesis_size);
    return memcmp(hash.bytes, witness->limits.chain_id, TN_HASH_SIZE) == 0;
}

/* Limits stand in the first record and in the last. */
static bool read_limits(struct tn_witness *witness, struct tn_witness_fault *fault)
{
    size_t at = witness->records_at, last = at;
    struct tn_import_fault import;
    struct tn_replica_record chain;
    struct tn_state_record record = witness_record(witness->bytes, &at);
    if (!tn_exchange_record_limits(&witness->limits.exchange, record.bytes, record.size)) {
        return refuse_at(fault, last, "the market's head has limits that none can have");
    }
    while (at < witness->sides_at) {
        last = at;
        record = witness_record(witness->bytes, &at);
    }
    if (!tn_replica_read_chain(&chain, &import, record.bytes, record.size)) {
        return refuse_at(fault, last, import.what);
    }
    witness->limits.market = chain.market;
    witness->limits.exit_blocks = chain.exit_blocks;
    memcpy(witness->limits.chain_id, chain.heads.state.chain_id, sizeof witness->limits.chain_id);
    if (!genesis_is_good(witness)) {
        return refuse_at(fault, witness->genesis_at, "its genesis is not that of the chain");
    }
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        if (witness->counts[kind] >
            tn_exchange_records_max(&witness->limits.exchange, (enum tn_record_kind)kind)) {
            return refuse_at(fault, WITNESS_COUNTS_AT,
                             "there are more records than its limits let");
        }
    }
    return tn_replica_size(&witness->limits) > 0 ||
           refuse_at(fault, last, "the limits are out of range");
}

bool tn_witness_read(struct tn_witness *witness, struct tn_witness_fault *fault,
                     const uint8_t *bytes, size_t size)
{
    *witness = (struct tn_witness){.bytes = bytes, .size = size};
    if (!read_head(witness, fault)) return false;
    witness->records_at = witness->genesis_at + witness->genesis_size + 4;
    if (!read_records(witness, fault) || !read_limits(witness, fault)) return false;
    tn_stream_block_hash(&witness->block_hash, witness->limits.chain_id, &witness->block);
    return true;
}
