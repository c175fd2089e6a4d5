/* witness_verify: a block executed on what a witness holds, by the code that every node runs.
 *
 * First the state before the block is proved (witness_state.c), then its batch is the block's, then
 * it is executed: the exchange asks before it reads an account, and an account that is not there
 * ends it. Then everything that came out is compared, in the order in which it comes to be, so what
 * is named is the first that differs. */
#include "replica/witness.h"

struct verifier {
    const struct tn_witness *witness;
    struct tn_witness_fault *fault;
    void (*absent)(void *context);
    void *absent_context;
    uint64_t *present;
    struct tn_exchange_watch watch;
    struct tn_replica *replica;
    struct tn_event *events;
    uint32_t events_max;
    struct tn_stream_scratch *scratch;
};

static size_t lay_out(struct verifier *verifier, void **replica, unsigned char *memory,
                      const struct tn_replica_limits *limits)
{
    size_t used = 0;
    size_t words = ((size_t)limits->exchange.accounts_max + 63) / 64;
    verifier->events_max = tn_exchange_events_max(&limits->exchange);
    verifier->present = shard_region(memory, &used, words * sizeof(uint64_t));
    verifier->events = shard_region(memory, &used, verifier->events_max * sizeof(struct tn_event));
    verifier->scratch = shard_region(memory, &used, sizeof(struct tn_stream_scratch));
    *replica = shard_region(memory, &used, tn_replica_size(limits));
    return used;
}

size_t tn_witness_memory(const struct tn_witness *witness)
{
    struct verifier scratch;
    void *replica;
    return lay_out(&scratch, &replica, NULL, &witness->limits);
}

/* Before an account is read. Those that the block itself opened are there. */
static void need(void *context, uint32_t account)
{
    const struct verifier *verifier = context;
    if (account >= verifier->witness->counts[TN_RECORD_ACCOUNT]) return;
    if ((verifier->present[account / 64] >> account % 64 & 1) != 0) return;
    tn_witness_refuse(verifier->fault, TN_WITNESS_STEP_ACCOUNT, NULL);
    verifier->fault->account = account;
    verifier->absent(verifier->absent_context);
    TN_ASSERT(false); /* it must not return */
}

/* ---- The batch ---- */

static bool refuse_batch(const struct verifier *verifier, const char *why)
{
    return tn_witness_refuse(verifier->fault, TN_WITNESS_STEP_BATCH, why);
}

/* The batch that the block names, and the next of this market. */
static bool check_batch(const struct verifier *verifier, struct tn_batch_header *header)
{
    const struct tn_witness *witness = verifier->witness;
    const struct tn_replica_heads *heads = &verifier->replica->heads;
    struct tn_stream_fault stream;
    struct tn_hash digest, root;
    if (!tn_stream_batch_check(header, &stream, verifier->scratch,
                               witness->bytes + witness->batch_at, witness->batch_size)) {
        return refuse_batch(verifier, stream.what);
    }
    tn_stream_batch_digest(&digest, header);
    tn_stream_block_body_root(&root, &digest, 1);
    if (!tn_hash_equal(&root, &witness->block.body_root)) {
        return tn_witness_differ(verifier->fault, TN_WITNESS_STEP_BATCH, NULL,
                                 &witness->block.body_root, &root);
    }
    bool is_next = header->market == witness->limits.market && header->term == 0 &&
                   header->sequence == heads->batch_sequence + 1 &&
                   tn_hash_equal(&header->prev_digest, &heads->batch_digest) &&
                   memcmp(header->chain_id, witness->limits.chain_id, 32) == 0;
    return is_next || refuse_batch(verifier, "it is not the next of this market");
}

static bool execute_batch(const struct verifier *verifier)
{
    const struct tn_witness *witness = verifier->witness;
    struct tn_batch_reader reader;
    struct tn_stream_fault stream;
    struct tn_entry entry;
    if (!tn_stream_batch_open(&reader, &stream, witness->bytes + witness->batch_at,
                              witness->batch_size)) {
        return refuse_batch(verifier, stream.what);
    }
    tn_replica_begin_batch(verifier->replica);
    enum tn_stream_step step;
    while ((step = tn_stream_batch_next(&reader, &entry, &stream, verifier->scratch)) ==
           TN_STREAM_ENTRY) {
        tn_replica_apply(verifier->replica, verifier->events, verifier->events_max, &entry,
                         reader.entry_bytes, reader.entry_size);
    }
    return step == TN_STREAM_END || refuse_batch(verifier, stream.what);
}

/* ---- What came out ---- */

static bool compare_header(const struct verifier *verifier, const struct tn_block_header *found,
                           const struct tn_hash *hash)
{
    const struct tn_witness *witness = verifier->witness;
    const struct tn_block_header *said = &witness->block;
    if (!tn_hash_equal(&said->parent_hash, &found->parent_hash)) {
        return tn_witness_differ(verifier->fault, TN_WITNESS_STEP_BLOCK, "its parent is another",
                                 &said->parent_hash, &found->parent_hash);
    }
    return tn_hash_equal(&witness->block_hash, hash) ||
           tn_witness_differ(verifier->fault, TN_WITNESS_STEP_HEADER, NULL, &witness->block_hash,
                             hash);
}

static bool compare_roots(const struct verifier *verifier, const struct tn_witness_roots *found)
{
    const struct tn_witness_roots *said = &verifier->witness->after;
    struct tn_witness_fault *fault = verifier->fault;
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        if (tn_hash_equal(&said->sections[kind], &found->sections[kind])) continue;
        tn_witness_differ(fault, TN_WITNESS_STEP_SECTION, NULL, &said->sections[kind],
                          &found->sections[kind]);
        fault->name.kind = kind;
        return false;
    }
    for (uint8_t place = 0; place < TN_PROOF_GLOBALS; place++) {
        if (tn_hash_equal(&said->globals[place], &found->globals[place])) continue;
        tn_witness_differ(fault, TN_WITNESS_STEP_GLOBAL, NULL, &said->globals[place],
                          &found->globals[place]);
        fault->name.index = place;
        return false;
    }
    if (!tn_hash_equal(&said->sections[0], &found->sections[0])) {
        return tn_witness_refuse(fault, TN_WITNESS_STEP_FORMAT, "what is no section has a root");
    }
    return tn_hash_equal(&said->root, &found->root) ||
           tn_witness_differ(fault, TN_WITNESS_STEP_ROOT, NULL, &said->root, &found->root);
}

static bool execute(const struct verifier *verifier)
{
    const struct tn_witness *witness = verifier->witness;
    struct tn_replica *replica = verifier->replica;
    struct tn_batch_header said, batch;
    struct tn_block_header block = witness->block;
    struct tn_witness_roots found;
    struct tn_hash hash, root;
    if (!check_batch(verifier, &said) || !execute_batch(verifier)) return false;
    tn_replica_end_batch(replica, &batch);
    if (!tn_hash_equal(&said.results_digest, &batch.results_digest)) {
        return tn_witness_differ(verifier->fault, TN_WITNESS_STEP_RESULTS, NULL,
                                 &said.results_digest, &batch.results_digest);
    }
    tn_replica_end_block(replica, &block, &hash, &root);
    tn_witness_after(&found, replica);
    return compare_header(verifier, &block, &hash) && compare_roots(verifier, &found);
}

bool tn_witness_verify(const struct tn_witness *witness, struct tn_witness_fault *fault,
                       void *memory, void (*absent)(void *context), void *context)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0 && absent != NULL);
    struct verifier verifier = {
        .witness = witness, .fault = fault, .absent = absent, .absent_context = context};
    void *replica_memory;
    lay_out(&verifier, &replica_memory, memory, &witness->limits);
    struct tn_replica *replica = tn_replica_init(replica_memory, &witness->limits);
    verifier.replica = replica;
    verifier.watch =
        (struct tn_exchange_watch){.need = need, .context = &verifier, .present = verifier.present};
    if (!tn_witness_take_state(replica, fault, witness, verifier.present)) return false;
    tn_exchange_watch(replica->shard.exchange, &verifier.watch);
    return tn_witness_take_exchange(replica, fault, witness) && execute(&verifier);
}
