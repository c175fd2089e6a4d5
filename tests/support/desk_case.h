/* desk_case: a desk that leads the market of stream_case.h, and a replica that follows: it gets the
 * inboxes as they are made, and a batch when a test says that it is final. */
#ifndef DESK_CASE_H
#define DESK_CASE_H

#include "stream_case.h"
#include "tenor/desk.h"

enum { CASE_BATCHES = 512, CASE_TOLD = 8192 };

struct case_batch {
    struct tn_batch_header header;
    struct tn_hash digest;
    struct tn_signature signature;
    uint8_t *body;
    size_t body_size;
    uint64_t exchange_digest; /* of the desk's market when it was sealed; 0: not asked */
};

struct case_told {
    enum { TOLD_STEP, TOLD_REFUSED, TOLD_REVERTED } what;
    struct tn_desk_place place;
    uint64_t client, session, nonce;
    uint8_t item, entry;
    enum tn_reject reject; /* of the last RESULT, or why it was refused */
    uint64_t order_id;
};

static struct desk_case {
    struct tn_desk_limits limits;
    struct tn_desk *desk;
    struct tn_market *replica;
    struct case_batch batches[CASE_BATCHES];
    uint32_t batches_count, executed;
    struct case_told told[CASE_TOLD];
    uint32_t told_count;
    uint64_t now_us;
    uint32_t term;
    uint32_t digest_every; /* batches; 0: never */
    bool may_seal;         /* in turns of frames alone */
    /* Of a test that looks at every step, of the desk and of the replica; may be NULL. */
    void (*stepped)(const struct tn_desk_place *place, const struct tn_market_step *step);
    void (*executing)(uint64_t sequence, const struct tn_market_step *step);
} desk_case;

static inline struct case_told *case_tell(void)
{
    assert_true(desk_case.told_count < CASE_TOLD);
    return &desk_case.told[desk_case.told_count++];
}

static inline void case_on_refused(void *context, uint64_t client, enum tn_reject reject)
{
    (void)context;
    *case_tell() = (struct case_told){.what = TOLD_REFUSED, .client = client, .reject = reject};
}

static inline void case_on_step(void *context, const struct tn_desk_place *place, uint64_t client,
                                const struct tn_market_step *step)
{
    (void)context;
    if (desk_case.stepped != NULL) desk_case.stepped(place, step);
    struct case_told *told = case_tell();
    *told = (struct case_told){.what = TOLD_STEP,
                               .place = *place,
                               .client = client,
                               .session = step->session,
                               .item = step->item,
                               .entry = step->entry == NULL ? 0 : step->entry->kind};
    assert_int_equal(step->fault, 0);
    if (step->events_count == 0) return;
    const struct tn_event *last = &step->events[step->events_count - 1];
    told->reject = (enum tn_reject)last->reject;
    told->order_id = last->order_id;
}

static inline void case_on_reverted(void *context, const struct tn_desk_place *place,
                                    uint64_t client, uint64_t session, uint64_t nonce)
{
    (void)context;
    *case_tell() = (struct case_told){.what = TOLD_REVERTED,
                                      .place = *place,
                                      .client = client,
                                      .session = session,
                                      .nonce = nonce};
}

static inline void case_on_sealed(void *context, const struct tn_desk_sealed *sealed)
{
    (void)context;
    assert_true(desk_case.batches_count < CASE_BATCHES);
    struct case_batch *batch = &desk_case.batches[desk_case.batches_count++];
    *batch = (struct case_batch){.header = *sealed->header,
                                 .digest = sealed->digest,
                                 .signature = sealed->signature,
                                 .body = malloc(sealed->body_size),
                                 .body_size = sealed->body_size};
    assert_non_null(batch->body);
    memcpy(batch->body, sealed->body, sealed->body_size);
    assert_true(sealed->body_size <= desk_case.limits.batch_bytes_max);
    assert_true(sealed->header->weight <= desk_case.limits.batch_weight_max);
    if (desk_case.digest_every == 0 || sealed->header->sequence % desk_case.digest_every != 0)
        return;
    batch->exchange_digest =
        tn_exchange_digest(tn_market_exchange_of(tn_desk_market(desk_case.desk)));
}

static inline bool case_may_seal(void *context)
{
    (void)context;
    return desk_case.may_seal;
}

/* ---- The replica ---- */

/* Is it a good batch, and does it bring about what its leader said? */
static inline void case_check_batch(const struct case_batch *batch, uint64_t block_height)
{
    const struct tn_market_blocks blocks = {.known = NULL};
    struct tn_batch_header header;
    struct tn_stream_fault fault;
    struct tn_hash digest;
    if (!tn_market_check_batch(&header, &fault, stream_case.scratch.stream, &blocks, block_height,
                               batch->body, batch->body_size)) {
        print_error("%s\n", fault.what);
        fail();
    }
    tn_stream_batch_digest(&digest, &header);
    assert_true(tn_hash_equal(&digest, &batch->digest));
    assert_true(stream_case.signatures.verify(stream_case.signatures.context, &digest,
                                              &batch->signature, &stream_case.leader_public));
}

static inline void case_on_executing(void *context, const struct tn_market_step *step)
{
    const struct case_batch *batch = context;
    if (desk_case.executing != NULL) desk_case.executing(batch->header.sequence, step);
}

/* The next batch is executed, as it is when its block is final. */
static inline const struct case_batch *case_execute(void)
{
    struct tn_market_executed executed;
    struct tn_stream_fault fault;
    assert_true(desk_case.executed < desk_case.batches_count);
    struct case_batch *batch = &desk_case.batches[desk_case.executed++];
    const struct tn_market_out out = {.step = case_on_executing, .context = batch};
    case_check_batch(batch, stream_case.height + 1);
    assert_true(tn_market_execute_batch(desk_case.replica, &executed, &fault, &stream_case.scratch,
                                        &out, batch->body, batch->body_size));
    assert_int_equal(executed.faults_count, 0);
    assert_true(tn_hash_equal(&executed.results_digest, &batch->header.results_digest));
    if (batch->exchange_digest != 0) {
        assert_true(tn_exchange_digest(tn_market_exchange_of(desk_case.replica)) ==
                    batch->exchange_digest);
    }
    return batch;
}

static inline void case_finalize(void)
{
    const struct case_batch *batch = case_execute();
    assert_true(
        tn_desk_final(desk_case.desk, batch->header.sequence, &batch->digest, desk_case.now_us));
}

/* What was sealed and never became final is no more. */
static inline void case_forget_soft(void)
{
    while (desk_case.batches_count > desk_case.executed)
        free(desk_case.batches[--desk_case.batches_count].body);
}

static inline void case_finalize_all(void)
{
    while (desk_case.executed < desk_case.batches_count)
        case_finalize();
}

/* A block is executed: its inbox is there for both. */
static inline void case_pass_block(int64_t later_ms)
{
    struct tn_inbox inbox = case_block(later_ms);
    assert_true(tn_market_inbox(desk_case.replica, &inbox));
    assert_true(tn_desk_inbox(desk_case.desk, &inbox, desk_case.now_us));
}

/* ---- The desk ---- */

static inline enum tn_reject case_send(uint64_t client)
{
    return tn_desk_frame(desk_case.desk, client, stream_case.frame, stream_case.frame_size,
                         desk_case.now_us);
}

static inline void case_turn(uint64_t later_us)
{
    desk_case.now_us += later_us;
    tn_desk_turn(desk_case.desk, desk_case.now_us);
}

/* A term of ours begins where the replica stands. */
static inline void case_begin(uint32_t term)
{
    struct tn_desk_term begins = {.term = term, .key = stream_case.leader_key};
    if (desk_case.executed > 0) {
        const struct case_batch *last = &desk_case.batches[desk_case.executed - 1];
        begins.sequence = last->header.sequence;
        begins.digest = last->digest;
    }
    desk_case.term = term;
    tn_desk_begin(desk_case.desk, desk_case.replica, &begins, desk_case.now_us);
}

static inline void case_desk_limits(void)
{
    tn_desk_limits_default(&desk_case.limits);
    desk_case.limits.market = stream_case.limits;
}

static inline void case_make_desk(void)
{
    static const struct tn_desk_out out = {.refused = case_on_refused,
                                           .step = case_on_step,
                                           .may_seal = case_may_seal,
                                           .sealed = case_on_sealed,
                                           .reverted = case_on_reverted};
    const struct tn_market_world world = {.signatures = &stream_case.signatures};
    size_t size = tn_desk_size(&desk_case.limits);
    assert_true(size > 0);
    desk_case.desk = tn_desk_init(case_room(size), &desk_case.limits, &out, &world);
}

/* After case_open, with desk_case.limits: the first block is executed, and the term has begun. */
static inline void case_open_desk(void)
{
    case_make_desk();
    desk_case.replica = case_market();
    desk_case.now_us = 1000000;
    case_begin(CASE_TERM);
    case_first_items();
    case_pass_block(100);
    case_turn(0);
    case_turn(desk_case.limits.seal_us);
    case_finalize_all();
    desk_case.told_count = 0;
}

static inline void case_shut_desk(void)
{
    for (uint32_t i = 0; i < desk_case.batches_count; i++)
        free(desk_case.batches[i].body);
    free(desk_case.desk);
    free(desk_case.replica);
    memset(&desk_case, 0, sizeof desk_case);
}

#endif
