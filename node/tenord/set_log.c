/* set_log: blocks and batches of the log are held until their turn comes.
 *
 * Records come in the order in which they were written: the bytes of a block's batches before the
 * note that it is final, a certificate before what is delivered by it. After each record whatever
 * is next and final is executed. */
#include "tenord/set_log.h"

#include "cluster/keeper.h"
#include "tenord/tenord.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_BUCKETS = 4096, FINAL_SIZE = 56, FINAL_HASH_AT = 24 };
#define HELD_BYTES_MAX (UINT64_C(1) << 30)

struct held_block {
    struct held_block *next;
    struct tn_block_header header;
    struct tn_hash hash;
    uint64_t position;
    bool is_checked; /* the body is the one that the header names */
    size_t body_size;
    uint8_t body[];
};

struct held_batch {
    struct held_batch *next;
    struct tn_hash digest;
    struct tn_signature signature;
    uint32_t market;
    uint64_t sequence;
    size_t body_size;
    uint8_t body[];
};

/* A block that is final, and all on the way down from it. */
struct goal {
    uint64_t epoch, view; /* of view 0: none yet */
    struct tn_hash hash;
};

struct set_log {
    const struct set_reading *reading;
    struct tn_chain *chain;
    struct held_block *blocks;
    struct held_batch *batches[BATCH_BUCKETS]; /* by digest */
    uint64_t held_bytes;
    struct goal certified, noted;
    struct set_log_found *found;
    uint64_t until, position; /* of the record that is being read */
    set_log_execute *execute;
    void *context;
    int end;
};

/* ---- Holding -----------------------------------------------------------------------------------
 */

static bool complain_record(struct set_log *log, const char *what)
{
    complain("the log's record %" PRIu64 ": %s", log->position, what);
    log->end = END_WRONG;
    return false;
}

/* Where it is held, or where it would be: then there is NULL. */
static struct held_batch **batch_place(struct set_log *log, const struct tn_hash *digest)
{
    struct held_batch **at = &log->batches[tn_get_be(digest->bytes, 4) % BATCH_BUCKETS];
    while (*at != NULL && !tn_hash_equal(&(*at)->digest, digest))
        at = &(*at)->next;
    return at;
}

static void drop_batch(struct set_log *log, struct held_batch **place)
{
    struct held_batch *batch = *place;
    *place = batch->next;
    log->held_bytes -= sizeof *batch + batch->body_size;
    free(batch);
}

static void drop_block(struct set_log *log, struct held_block **place)
{
    struct held_block *block = *place;
    *place = block->next;
    log->held_bytes -= sizeof *block + block->body_size;
    free(block);
}

/* The sequence up to which the market's batches are executed. */
static uint64_t executed_sequence(const struct set_log *log, uint32_t market)
{
    const struct tn_chain_heads *heads = tn_chain_heads(log->chain);
    for (uint32_t i = 0; i < log->reading->conf.limits.markets_count; i++)
        if (heads->streams[i].market == market) return heads->streams[i].sequence;
    return UINT64_MAX; /* no such market: no block wants it */
}

/* Of terms that have ended, for one: nobody names them any more. */
static void drop_old_batches(struct set_log *log)
{
    for (uint32_t i = 0; i < BATCH_BUCKETS; i++) {
        struct held_batch **at = &log->batches[i];
        while (*at != NULL) {
            if ((*at)->sequence <= executed_sequence(log, (*at)->market)) {
                drop_batch(log, at);
            } else {
                at = &(*at)->next;
            }
        }
    }
}

static void *hold(struct set_log *log, size_t size)
{
    if (log->held_bytes + size > HELD_BYTES_MAX) drop_old_batches(log);
    void *held = log->held_bytes + size > HELD_BYTES_MAX ? NULL : malloc(size);
    if (held == NULL) {
        complain("no memory for what waits in the log at record %" PRIu64 ": %" PRIu64 " bytes do",
                 log->position, log->held_bytes);
        log->end = END_FAILED;
        return NULL;
    }
    log->held_bytes += size;
    return held;
}

/* ---- Records -----------------------------------------------------------------------------------
 */

static bool is_past(const struct set_log *log, const struct tn_block_header *header)
{
    const struct tn_block_header *last = &tn_chain_heads(log->chain)->block;
    return header->epoch < last->epoch ||
           (header->epoch == last->epoch && header->view <= last->view);
}

static struct held_block *find_block(const struct set_log *log, const struct tn_hash *hash)
{
    struct held_block *block = log->blocks;
    while (block != NULL && !tn_hash_equal(&block->hash, hash))
        block = block->next;
    return block;
}

static bool take_block(struct set_log *log, const struct log_record *record)
{
    struct tn_block_header header;
    struct tn_stream_fault fault;
    struct tn_hash hash;
    if (!tn_stream_read_block_header(&header, &fault, record->bytes, record->size) ||
        header.body_size != record->size - TN_BLOCK_HEADER_BYTES) {
        return complain_record(log, "a block that does not read");
    }
    tn_stream_block_hash(&hash, log->reading->conf.limits.chain_id, &header);
    if (is_past(log, &header) || find_block(log, &hash) != NULL) return true;
    struct held_block *block = hold(log, sizeof *block + header.body_size);
    if (block == NULL) return false;
    *block = (struct held_block){.next = log->blocks,
                                 .header = header,
                                 .hash = hash,
                                 .position = record->position,
                                 .body_size = header.body_size};
    memcpy(block->body, record->bytes + TN_BLOCK_HEADER_BYTES, header.body_size);
    log->blocks = block;
    return true;
}

static bool take_batch(struct set_log *log, const struct log_record *record)
{
    struct tn_batch_header header;
    struct tn_stream_fault fault;
    struct tn_hash digest;
    const uint8_t *body = record->bytes + TN_GOSSIP_BATCH_PREFIX;
    if (record->size <= TN_GOSSIP_BATCH_PREFIX || record->bytes[0] != TN_PEER_BATCH ||
        !tn_stream_read_batch_header(&header, &fault, body,
                                     record->size - TN_GOSSIP_BATCH_PREFIX)) {
        return complain_record(log, "a batch that does not read");
    }
    tn_stream_batch_digest(&digest, &header);
    if (header.sequence <= executed_sequence(log, header.market)) return true;
    struct held_batch **place = batch_place(log, &digest);
    if (*place != NULL) return true;
    const size_t body_size = record->size - TN_GOSSIP_BATCH_PREFIX;
    struct held_batch *batch = hold(log, sizeof *batch + body_size);
    if (batch == NULL) return false;
    place = batch_place(log, &digest); /* others may have been let go */
    *batch = (struct held_batch){.digest = digest,
                                 .market = header.market,
                                 .sequence = header.sequence,
                                 .body_size = body_size};
    memcpy(batch->signature.bytes, record->bytes + 1, TN_SIGNATURE_SIZE);
    memcpy(batch->body, body, body_size);
    *place = batch;
    return true;
}

static void raise_goal(struct goal *goal, uint64_t epoch, uint64_t view, const struct tn_hash *hash)
{
    if (epoch < goal->epoch || (epoch == goal->epoch && view <= goal->view)) return;
    *goal = (struct goal){.epoch = epoch, .view = view, .hash = *hash};
}

/* The set that signed; NULL: not one of the present epoch or the two before. */
static const struct tn_validators *set_of(const struct set_log *log, uint64_t epoch)
{
    return tn_registry_set(tn_chain_registry(log->chain), epoch);
}

/* CERT ‖ epoch u64 ‖ type u8 ‖ view u64 … */
static bool take_certificate(struct set_log *log, const struct log_record *record)
{
    enum { TYPE_AT = 9, LEAST = 18 };
    struct tn_hash hash;
    uint64_t view;
    if (record->size < LEAST) return complain_record(log, "a certificate that does not read");
    const uint64_t epoch = tn_get_be(record->bytes + 1, 8);
    const struct tn_validators *set = set_of(log, epoch);
    if (record->bytes[TYPE_AT] != TN_VOTE_FINALIZE || set == NULL) return true;
    if (!tn_sequencer_check_final(&hash, &view, &log->reading->signing.signatures,
                                  log->reading->conf.limits.chain_id, set, record->bytes,
                                  record->size)) {
        return complain_record(log, "a FINALIZATION that no quorum of its epoch's set has signed");
    }
    raise_goal(&log->certified, epoch, view, &hash);
    return true;
}

static bool take_note(struct set_log *log, const struct log_record *record)
{
    struct tn_hash hash;
    if (record->size != FINAL_SIZE) return complain_record(log, "a note that does not read");
    memcpy(hash.bytes, record->bytes + FINAL_HASH_AT, TN_HASH_SIZE);
    raise_goal(&log->noted, tn_get_be(record->bytes, 8), tn_get_be(record->bytes + 8, 8), &hash);
    return true;
}

/* Of a height that is executed, and not so long ago that its root is not known any more. */
static bool check_checkpoint(struct set_log *log, const struct log_record *record)
{
    struct tn_checkpoint checkpoint;
    struct tn_hash root;
    if (record->size < 1 + TN_CHECKPOINT_BYTES) {
        return complain_record(log, "a checkpoint's certificate that does not read");
    }
    tn_checkpoint_read(&checkpoint, record->bytes + 1);
    const struct tn_validators *set = set_of(log, checkpoint.epoch);
    if (set == NULL || !tn_chain_root_at(log->chain, &root, checkpoint.height)) return true;
    if (!tn_sequencer_check_checkpoint(&checkpoint, &log->reading->signing.signatures,
                                       &log->reading->conf.limits.checkpoint_domain, set,
                                       record->bytes, record->size)) {
        return complain_record(log, "a checkpoint that no quorum of its epoch's set has signed");
    }
    log->found->checkpoints++;
    if (tn_hash_equal(&root, &checkpoint.state_root)) return true;
    complain("the log's record %" PRIu64 ": the set has signed another root of height %" PRIu64
             ": %s, executed here %s",
             log->position, checkpoint.height, hash_text(&checkpoint.state_root), hash_text(&root));
    log->end = END_WRONG;
    return false;
}

/* ---- Executing ---------------------------------------------------------------------------------
 */

bool set_log_batch(struct set_log *log, struct tn_chain_batch *batch, const struct tn_hash *digest)
{
    const struct held_batch *held = *batch_place(log, digest);
    if (held == NULL) return false;
    *batch = (struct tn_chain_batch){.digest = held->digest,
                                     .body = held->body,
                                     .body_size = held->body_size,
                                     .signature = held->signature};
    return true;
}

/* The block of the next height on the way down from the goal. */
static struct held_block *next_below(const struct set_log *log, const struct goal *goal)
{
    const struct tn_chain_heads *heads = tn_chain_heads(log->chain);
    struct held_block *block = goal->view == 0 ? NULL : find_block(log, &goal->hash);
    while (block != NULL && ((block->header.flags & TN_BLOCK_SEAL) != 0 ||
                             block->header.height != heads->height + 1 ||
                             !tn_hash_equal(&block->header.parent_hash, &heads->block_hash))) {
        block = find_block(log, &block->header.parent_hash);
    }
    return block;
}

static bool has_batches(struct set_log *log, const struct held_block *block)
{
    struct tn_hash digest;
    for (uint32_t i = 0; i < block->header.batches_count; i++) {
        memcpy(digest.bytes, block->body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
        if (*batch_place(log, &digest) == NULL) return false;
    }
    return true;
}

/* With all that only it, or another of its view or below, could want. */
static void drop_executed(struct set_log *log, const struct held_block *block)
{
    struct tn_hash digest;
    for (uint32_t i = 0; i < block->header.batches_count; i++) {
        memcpy(digest.bytes, block->body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
        struct held_batch **place = batch_place(log, &digest);
        if (*place != NULL) drop_batch(log, place);
    }
    for (struct held_block **at = &log->blocks; *at != NULL;) {
        if (is_past(log, &(*at)->header)) {
            drop_block(log, at);
        } else {
            at = &(*at)->next;
        }
    }
}

static bool check_body(struct set_log *log, struct held_block *block)
{
    struct tn_stream_fault fault;
    if (block->is_checked) return true;
    block->is_checked =
        tn_stream_block_body_check(&fault, &block->header, block->body, block->body_size);
    if (block->is_checked) return true;
    log->position = block->position;
    return complain_record(log, fault.what);
}

static bool execute_block(struct set_log *log, const struct held_block *held)
{
    struct set_block block = {.header = held->header};
    block.block = (struct tn_chain_block){.header = &block.header,
                                          .hash = held->hash,
                                          .body = held->body,
                                          .body_size = held->body_size};
    if (log->execute(log->context, &block)) return true;
    log->end = END_WRONG;
    return false;
}

/* All that is final by now. False: the reading ends. */
static bool advance(struct set_log *log)
{
    const struct tn_chain_heads *heads = tn_chain_heads(log->chain);
    log->found->waits = 0;
    while (log->until == 0 || heads->height < log->until) {
        struct held_block *block = next_below(log, &log->certified);
        const bool is_certified = block != NULL;
        if (!is_certified) block = next_below(log, &log->noted);
        if (block == NULL) return true;
        if (!check_body(log, block)) return false;
        if (!has_batches(log, block)) {
            log->found->waits = block->header.height;
            return true;
        }
        if (!execute_block(log, block)) return false;
        log->found->certified += is_certified;
        drop_executed(log, block);
    }
    return false;
}

static bool take(struct set_log *log, const struct log_record *record)
{
    switch (record->type) {
        case TN_SEQUENCER_BODY: return take_block(log, record);
        case TN_MEMBER_BATCH:
        case TN_MEMBER_SEALED: return take_batch(log, record);
        case TN_SEQUENCER_CERT: return take_certificate(log, record);
        case TN_SEQUENCER_FINAL: return take_note(log, record);
        case KEEPER_CERTIFIED: return check_checkpoint(log, record);
    }
    return true; /* votes */
}

static bool visit(void *context, const struct log_record *record)
{
    struct set_log *log = context;
    if (log->position == 0 && record->position > log->reading->point.log_position) {
        log->found->is_gone = true;
        return false;
    }
    log->position = record->position;
    return take(log, record) && advance(log);
}

int set_log_read(struct set_log *log, struct set_log_found *found, const char *home, uint64_t until,
                 set_log_execute *execute, void *context)
{
    char path[PATH_SIZE];
    struct log_report report;
    const uint64_t from = log->reading->point.log_position;
    *found = (struct set_log_found){0};
    if (!home_path(path, home, "log")) return END_FAILED;
    log->found = found;
    log->until = until;
    log->execute = execute;
    log->context = context;
    enum log_result result = log_read_beside(path, machine_cpu(), &report, visit, log, from);
    found->is_there = !report.created;
    found->is_gone = found->is_gone || report.first_position > from;
    found->end_record = report.end_position;
    found->torn_bytes = report.torn_bytes;
    if (result != LOG_OK) complain("%s", report.problem);
    if (result != LOG_OK && log->end == END_GOOD) {
        log->end = result == LOG_DAMAGED ? END_WRONG : END_FAILED;
    }
    return log->end;
}

struct set_log *set_log_make(const struct set_reading *reading, struct tn_chain *chain)
{
    struct set_log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        complain("out of memory");
        return NULL;
    }
    log->reading = reading;
    log->chain = chain;
    return log;
}

void set_log_drop(struct set_log *log)
{
    if (log == NULL) return;
    while (log->blocks != NULL)
        drop_block(log, &log->blocks);
    for (uint32_t i = 0; i < BATCH_BUCKETS; i++)
        while (log->batches[i] != NULL)
            drop_batch(log, &log->batches[i]);
    free(log);
}
