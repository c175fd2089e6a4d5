/* Whole batches: what valid(block) asks of one, and what comes of one that is executed. */
#include "market_story.h"
#include "seed.h"
#include "tenor/own.h"

static struct draft {
    struct tn_batch_header header;
    struct tn_batch_builder builder;
    uint8_t body[1 << 16];
    size_t size;
} draft;

static void begin_draft(uint64_t first_block)
{
    draft.header = (struct tn_batch_header){
        .market = stream_case.limits.market, .term = CASE_TERM, .sequence = 1};
    tn_stream_batch_begin(&draft.builder, first_block);
    draft.size = TN_BATCH_HEADER_BYTES;
}

static void add_bytes(const uint8_t *bytes, size_t size)
{
    struct tn_stream_item item;
    struct tn_stream_fault fault;
    size_t used;
    assert_true(tn_stream_read_item(&item, &used, &fault, stream_case.scratch.stream, bytes, size));
    tn_stream_batch_add_entry(&draft.builder, &item.entry, bytes, size);
    tn_put_be(draft.body + draft.size, size, 4);
    memcpy(draft.body + draft.size + 4, bytes, size);
    draft.size += 4 + size;
}

static void add_block(const struct tn_inbox *inbox)
{
    uint8_t bytes[64];
    size_t size = case_block_entry(bytes, inbox);
    add_bytes(bytes, size);
}

static void add_entry(const struct tn_entry *entry)
{
    uint8_t bytes[1024];
    size_t size = tn_stream_write_entry(bytes, sizeof bytes, entry);
    assert_true(size > 0 && size <= sizeof bytes);
    add_bytes(bytes, size);
}

static void end_draft(void)
{
    tn_stream_batch_end(&draft.header, &draft.builder);
    tn_stream_write_batch_header(draft.body, &draft.header);
}

static bool known(void *context, uint64_t height, const struct tn_hash *hash, int64_t time_ms)
{
    const struct tn_inbox *inboxes = context;
    const struct tn_inbox *inbox = &inboxes[height - 2];
    assert_true(inbox->height == height);
    return tn_hash_equal(hash, &inbox->block_hash) && time_ms == inbox->time_ms;
}

static bool is_good(const struct tn_inbox *inboxes, uint64_t block_height)
{
    struct tn_inbox copy[4] = {{0}};
    if (inboxes != NULL) memcpy(copy, inboxes, sizeof copy);
    const struct tn_market_blocks blocks = {.known = inboxes == NULL ? NULL : known,
                                            .context = copy};
    struct tn_batch_header header;
    return tn_market_check_batch(&header, &story.fault, stream_case.scratch.stream, &blocks,
                                 block_height, draft.body, draft.size);
}

static void test_batch_holds_only_what_a_leader_may_put_in_order(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    const struct tn_entry sweep = {.kind = TN_ENTRY_SWEEP, .as.sweep = {.units = 5}};
    const struct tn_entry liq = {.kind = TN_ENTRY_LIQ, .as.liq = {.units = 5}};
    begin_draft(1);
    case_frame(BOB, &command, 1);
    add_bytes(stream_case.frame, stream_case.frame_size);
    add_entry(&sweep);
    add_entry(&liq);
    end_draft();
    assert_true(is_good(NULL, 1));
    const struct tn_entry never[] = {
        account_entry(1),         deposit_entry(BOB, 0, 1),
        block_entry(2, START_MS), frame_entry(BOB, 1, &command, 1),
        index_entry(1, DOLLAR),   status_entry(stream_case.call, TN_STATUS_HALTED)};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        begin_draft(1);
        add_entry(&sweep);
        add_entry(&never[i]);
        end_draft();
        assert_false(is_good(NULL, 1000));
    }
    begin_draft(0); /* a heartbeat */
    end_draft();
    assert_true(is_good(NULL, 1));
}

static void test_batch_takes_blocks_one_by_one_below_the_block_it_is_in(void **state)
{
    (void)state;
    struct tn_inbox inboxes[4];
    for (uint32_t i = 0; i < 4; i++)
        inboxes[i] = case_block(100); /* 2 .. 5 */
    begin_draft(1);
    add_block(&inboxes[0]);
    add_block(&inboxes[1]);
    end_draft();
    assert_true(is_good(inboxes, 4));
    assert_false(is_good(inboxes, 3)); /* BLOCK(3) in block 3 */
    begin_draft(1);
    add_block(&inboxes[1]);
    end_draft();
    assert_false(is_good(inboxes, 10)); /* 2 is skipped */
    begin_draft(1);
    add_block(&inboxes[0]);
    add_block(&inboxes[0]);
    end_draft();
    assert_false(is_good(inboxes, 10));
    begin_draft(1);
    add_block(&inboxes[0]);
    add_block(&inboxes[2]);
    end_draft();
    assert_false(is_good(inboxes, 10)); /* 3 is skipped */
    begin_draft(1);
    struct tn_inbox other = inboxes[0];
    other.block_hash.bytes[31] ^= 1;
    add_block(&other);
    end_draft();
    assert_false(is_good(inboxes, 10));
    assert_true(is_good(NULL, 10)); /* nobody to ask */
    begin_draft(1);
    other = inboxes[0];
    other.time_ms++;
    add_block(&other);
    end_draft();
    assert_false(is_good(inboxes, 10));
}

static void test_batch_whose_bytes_were_changed_is_refused(void **state)
{
    (void)state;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    begin_draft(1);
    case_frame(BOB, &command, 1);
    add_bytes(stream_case.frame, stream_case.frame_size);
    end_draft();
    assert_true(is_good(NULL, 10));
    for (size_t at = TN_BATCH_HEADER_BYTES; at < draft.size; at++) {
        draft.body[at] ^= 1;
        assert_false(is_good(NULL, 10));
        draft.body[at] ^= 1;
    }
    for (size_t size = 0; size < draft.size; size++) {
        struct tn_batch_header header;
        const struct tn_market_blocks blocks = {.known = NULL};
        assert_false(tn_market_check_batch(&header, &story.fault, stream_case.scratch.stream,
                                           &blocks, 10, draft.body, size));
    }
}

/* A batch with a BLOCK that brings items: results are digested item by item. */
static void test_batch_is_executed_with_results_that_count_every_item(void **state)
{
    (void)state;
    const struct tn_market_out out = {.step = on_step};
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    struct tn_market_executed executed;
    case_entry(deposit_entry(BOB, 0, 3 * DOLLAR));
    case_close(case_owner_of(DAN), stream_case.sessions[DAN]);
    struct tn_inbox inbox = case_block(100);
    assert_true(tn_market_inbox(story.market, &inbox));
    begin_draft(1);
    case_frame(BOB, &command, 1);
    add_bytes(stream_case.frame, stream_case.frame_size);
    add_block(&inbox);
    case_frame(DAN, &command, 1); /* its session is no more: a fault */
    add_bytes(stream_case.frame, stream_case.frame_size);
    end_draft();
    story.steps_count = 0;
    assert_true(tn_market_execute_batch(story.market, &executed, &story.fault, &stream_case.scratch,
                                        &out, draft.body, draft.size));
    assert_int_equal(story.steps_count, 5);
    const uint32_t indexes[] = {0, 1, 1, 1, 2};
    const uint8_t items[] = {0, TN_INBOX_ENTRY, TN_INBOX_SESSION_CLOSE, 0, 0};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(story.steps[i].index, indexes[i]);
        assert_int_equal(story.steps[i].item, items[i]);
    }
    assert_int_equal(executed.faults_count, 1);
    assert_int_equal(story.steps[4].fault, TN_REJECT_SESSION_UNKNOWN);
    assert_int_equal(executed.header.entries_count, 3);

    /* The digest by hand: for each step, count u32 and events. */
    struct tn_keccak keccak;
    struct tn_hash expected;
    tn_keccak_begin(&keccak);
    for (uint32_t i = 0; i < 5; i++) {
        uint8_t count[4], event[TN_EVENT_BYTES];
        assert_true(story.steps[i].events_count <= 2);
        tn_put_be(count, story.steps[i].events_count, 4);
        tn_keccak_add(&keccak, count, 4);
        if (story.steps[i].events_count > 0) {
            tn_stream_write_event(event, &story.first[i]);
            tn_keccak_add(&keccak, event, sizeof event);
        }
        if (story.steps[i].events_count > 1) {
            tn_stream_write_event(event, &story.last[i]);
            tn_keccak_add(&keccak, event, sizeof event);
        }
    }
    tn_keccak_end(&keccak, &expected);
    assert_true(tn_hash_equal(&expected, &executed.results_digest));
}

/* ---- Digests that are worked out ahead ---- */

enum { FRAMES = 21 };

/* What this node has found good. */
static struct good {
    struct tn_hash digests[4 * FRAMES];
    struct tn_signature signatures[4 * FRAMES];
    uint32_t count, asked;
} good;

static bool was_good(void *context, const struct tn_hash *digest, const struct tn_public_key *key,
                     const struct tn_signature *signature)
{
    (void)context;
    (void)key;
    good.asked++;
    for (uint32_t i = 0; i < good.count; i++) {
        if (tn_hash_equal(&good.digests[i], digest) &&
            memcmp(&good.signatures[i], signature, sizeof *signature) == 0)
            return true;
    }
    return false;
}

static void is_good_now(void *context, const struct tn_hash *digest,
                        const struct tn_public_key *key, const struct tn_signature *signature)
{
    (void)context;
    (void)key;
    assert_true(good.count < 4 * FRAMES);
    good.digests[good.count] = *digest;
    good.signatures[good.count++] = *signature;
}

static const struct tn_market_world remembering = {
    .signatures = &stream_case.signatures, .verified = was_good, .found_good = is_good_now};

/* A batch of so many frames of BOB's; where the payload of the one in question lies, and what is
 * signed of each. */
static size_t draft_frames(struct tn_hash digests[FRAMES], uint32_t one, size_t *payload_size)
{
    size_t found = 0;
    begin_draft(tn_market_cursor(story.market));
    for (uint32_t i = 0; i < FRAMES; i++) {
        const struct tn_command commands[] = {case_limit(TN_BUY, stream_case.call, 1000, 5),
                                              case_limit(TN_BUY, stream_case.call, 900, 5)};
        case_frame(BOB, commands, 1 + i % 2);
        const size_t size = stream_case.frame_size - TN_SIGNATURE_SIZE - 6;
        tn_frame_digest(&digests[i], stream_case.limits.chain_id, stream_case.frame + 6, size);
        if (i == one) {
            found = draft.size + 4 + 6;
            *payload_size = size;
        }
        add_bytes(stream_case.frame, stream_case.frame_size);
    }
    end_draft();
    return found;
}

static bool execute_on(void *memory, struct tn_market_executed *executed)
{
    const struct tn_market_out out = {.step = NULL};
    struct tn_market *copy = tn_market_clone(memory, story.market);
    tn_market_lend(copy, &remembering);
    return tn_market_execute_batch(copy, executed, &story.fault, &stream_case.scratch, &out,
                                   draft.body, draft.size);
}

static void *room_for_a_market(void)
{
    void *memory = aligned_alloc(64, tn_align(tn_market_size(tn_market_limits(story.market))));
    assert_non_null(memory);
    memset(&good, 0, sizeof good);
    return memory;
}

static void test_batch_asks_for_each_signature_by_its_own_frame(void **state)
{
    (void)state;
    struct tn_market_executed executed;
    struct tn_hash digests[FRAMES];
    size_t size;
    void *memory = room_for_a_market();
    draft_frames(digests, 0, &size);
    assert_true(execute_on(memory, &executed));
    assert_int_equal(executed.faults_count, 0);
    assert_int_equal(good.count, FRAMES);
    for (uint32_t i = 0; i < FRAMES; i++)
        assert_true(tn_hash_equal(&good.digests[i], &digests[i]));
    free(memory);
}

/* Whatever was found good of a frame, it does not serve one of which a single bit differs. */
static void test_batch_executes_no_frame_that_was_changed_after_it_was_found_good(void **state)
{
    (void)state;
    struct tn_market_executed executed;
    struct tn_hash digests[FRAMES];
    size_t size = 0;
    void *memory = room_for_a_market();
    const size_t begin = draft_frames(digests, FRAMES / 2, &size);
    assert_true(execute_on(memory, &executed));
    assert_int_equal(executed.faults_count, 0);
    assert_int_equal(good.count, FRAMES);
    assert_true(size > 0);
    for (size_t at = begin; at < begin + size; at++) {
        for (uint32_t bit = 0; bit < 8; bit += 3) {
            good.count = FRAMES;
            draft.body[at] ^= (uint8_t)(1u << bit);
            const bool is_whole = execute_on(memory, &executed);
            assert_true(!is_whole || executed.faults_count > 0);
            draft.body[at] ^= (uint8_t)(1u << bit);
        }
    }
    good.count = FRAMES;
    assert_true(execute_on(memory, &executed));
    assert_int_equal(executed.faults_count, 0);
    free(memory);
}

/* ---- Signatures that are checked ahead ---- */

enum { ENTRIES = 30, BLOCK_AT = 12, ROUNDS = 40 };

/* How many signatures were asked for, by themselves and together. */
static uint32_t alone_count, together_count;

static bool count_alone(void *context, const struct tn_hash *digest,
                        const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    alone_count++;
    return stream_case.signatures.verify_parsed(context, digest, signature, key);
}

static void count_together(void *context, bool *is_good_each,
                           const struct tn_signature_check *checks, uint32_t count)
{
    together_count += count;
    stream_case.signatures.verify_many(context, is_good_each, checks, count);
}

/* What became of a batch. */
struct course {
    struct good good;
    uint64_t trace, digest;
    uint32_t faults_count;
    uint16_t faults[2 * ENTRIES];
    uint32_t steps_count;
};

static void follow(void *context, const struct tn_market_step *step)
{
    struct course *course = context;
    assert_true(course->steps_count < 2 * ENTRIES);
    course->faults[course->steps_count++] = step->fault;
    course->faults_count += step->fault != TN_REJECT_NONE;
    course->trace = tn_market_trace(course->trace, &(struct tn_event){.order_id = step->index}, 1);
    course->trace = tn_market_trace(course->trace, step->events, step->events_count);
}

static void apply_each(struct tn_market *market, const struct tn_market_out *out)
{
    size_t size;
    tn_market_begin(market, CASE_TERM);
    for (size_t at = TN_BATCH_HEADER_BYTES; at < draft.size; at += 4 + size) {
        size = (size_t)tn_get_be(draft.body + at, 4);
        assert_true(tn_market_apply(market, &story.fault, &stream_case.scratch, out,
                                    draft.body + at + 4, size));
    }
}

static void run_course(struct course *course, void *memory, bool is_batch)
{
    struct tn_signatures counting = stream_case.signatures;
    struct tn_market_world world = remembering;
    const struct tn_market_out out = {.step = follow, .context = course};
    struct tn_market_executed executed;
    struct tn_market *copy = tn_market_clone(memory, story.market);
    counting.verify_parsed = count_alone;
    counting.verify_many = count_together;
    world.signatures = &counting;
    tn_market_lend(copy, &world);
    memset(course, 0, sizeof *course);
    memset(&good, 0, sizeof good);
    alone_count = together_count = 0;
    if (is_batch) {
        assert_true(tn_market_execute_batch(copy, &executed, &story.fault, &stream_case.scratch,
                                            &out, draft.body, draft.size));
        assert_int_equal(executed.faults_count, course->faults_count);
    } else {
        apply_each(copy, &out);
    }
    course->digest = tn_market_digest(copy);
    course->good = good;
    course->good.asked = 0;
}

/* Frames of all traders, one in `bad_one_in` of them bad, and a BLOCK among them that closes DAN's
 * session. */
static void draft_mixed(const struct tn_inbox *inbox, uint32_t bad_one_in, uint64_t *random)
{
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 900, 1);
    begin_draft(tn_market_cursor(story.market));
    for (uint32_t i = 0; i < ENTRIES; i++) {
        if (i == BLOCK_AT) {
            add_block(inbox);
            continue;
        }
        const uint32_t trader = (uint32_t)tn_random_below(random, TRADERS);
        const uint32_t other = (trader + 1) % TRADERS;
        struct case_terms terms = case_terms_of(trader);
        const uint64_t kind = tn_random_below(random, 5 * (uint64_t)bad_one_in);
        if (kind == 0) terms.key = &stream_case.keys[other];
        if (kind == 1) terms.session = stream_case.sessions[other];
        if (kind == 2) terms.session += UINT64_C(1) << 40;
        if (kind == 3) terms.nonce -= 1;
        case_frame_with(terms, &command, 1);
        const size_t bit = (size_t)tn_random_below(random, 8 * TN_SIGNATURE_SIZE);
        if (kind == 4)
            stream_case.frame[stream_case.frame_size - 1 - bit / 8] ^= (uint8_t)(1u << bit % 8);
        add_bytes(stream_case.frame, stream_case.frame_size);
    }
    end_draft();
}

/* Events, faults and which frame has them, what is remembered as good, and the market itself. */
static void test_batch_is_judged_frame_by_frame_however_signatures_are_checked(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_market_batch");
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 900, 1);
    static struct course course, expected;
    uint32_t bad_signatures_count = 0, gone_count = 0;
    void *memory = room_for_a_market();
    for (uint32_t i = 0; i < TRADERS; i++) { /* so that their keys are at hand */
        case_frame(i, &command, 1);
        assert_true(apply_frame());
    }
    case_close(case_owner_of(DAN), stream_case.sessions[DAN]);
    const struct tn_inbox inbox = case_block(100);
    assert_true(tn_market_inbox(story.market, &inbox));
    for (uint32_t round = 0; round < ROUNDS; round++) {
        draft_mixed(&inbox, 1 + round, &random);
        run_course(&expected, memory, false);
        assert_int_equal(together_count, 0);
        run_course(&course, memory, true);
        assert_true(together_count >= ENTRIES / 2);
        assert_memory_equal(&course, &expected, sizeof course);
        for (uint32_t i = 0; i < course.steps_count; i++) {
            bad_signatures_count += course.faults[i] == TN_REJECT_SIGNATURE_BAD;
            gone_count += course.faults[i] == TN_REJECT_SESSION_UNKNOWN;
        }
    }
    assert_true(bad_signatures_count > ROUNDS / 2 && gone_count > ROUNDS);
    free(memory);
}

static void test_batch_asks_once_for_a_good_signature(void **state)
{
    (void)state;
    struct tn_hash digests[FRAMES];
    static struct course course;
    size_t size;
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 900, 1);
    void *memory = room_for_a_market();
    case_frame(BOB, &command, 1);
    assert_true(apply_frame());
    draft_frames(digests, 0, &size);
    run_course(&course, memory, true);
    assert_int_equal(course.faults_count, 0);
    assert_int_equal(together_count, FRAMES);
    assert_int_equal(alone_count, 0);
    assert_int_equal(course.good.count, FRAMES);
    free(memory);
}

static uint64_t traced;

static void trace_step(void *context, const struct tn_market_step *step)
{
    (void)context;
    traced = tn_market_trace(traced, step->events, step->events_count);
}

/* The same batch over copies of one market: as others execute it, as its desk's own node does, and
 * as that does when the desk has seen something else. */
static void test_batch_of_an_own_desk_is_held_against_the_trace_of_its_events(void **state)
{
    (void)state;
    const struct tn_market_out out = {.step = trace_step};
    const struct tn_market_world world = {.signatures = &stream_case.signatures};
    const struct tn_command command = case_limit(TN_BUY, stream_case.call, 1000, 5);
    const size_t size = tn_market_size(tn_market_limits(story.market));
    struct tn_market_executed executed, own, other;
    case_entry(deposit_entry(BOB, 0, 3 * DOLLAR));
    begin_draft(tn_market_cursor(story.market));
    case_frame(BOB, &command, 1);
    add_bytes(stream_case.frame, stream_case.frame_size);
    end_draft();
    void *memory = aligned_alloc(64, tn_align(size));
    assert_non_null(memory);
    struct tn_market *copy = tn_market_clone(memory, story.market);
    tn_market_lend(copy, &world);
    traced = 0;
    assert_true(tn_market_execute_batch(copy, &executed, &story.fault, &stream_case.scratch, &out,
                                        draft.body, draft.size));
    const uint64_t trace = traced, digest = tn_market_digest(copy);
    assert_true(trace != 0);
    for (uint64_t wrong = 0; wrong < 2; wrong++) {
        copy = tn_market_clone(memory, story.market);
        tn_market_lend(copy, &world);
        assert_true(tn_market_execute_own_batch(copy, wrong ? &other : &own, &story.fault,
                                                &stream_case.scratch, &out, draft.body, draft.size,
                                                trace + wrong));
        assert_true(tn_market_digest(copy) == digest);
    }
    assert_true(tn_hash_equal(&own.results_digest, &draft.header.results_digest));
    assert_false(tn_hash_equal(&other.results_digest, &draft.header.results_digest));
    assert_int_equal(own.faults_count, executed.faults_count);
    free(memory);
}

/* Whichever bit it is, and a step more or the same events in another order. */
static void test_a_trace_of_events_tells_each_of_their_bits(void **state)
{
    (void)state;
    struct tn_event events[3];
    uint64_t random = 5;
    for (uint32_t i = 0; i < sizeof events; i++)
        ((uint8_t *)events)[i] = (uint8_t)tn_random_next(&random);
    const uint64_t trace = tn_market_trace(7, events, 3);
    for (uint32_t bit = 0; bit < 8 * sizeof events; bit++) {
        ((uint8_t *)events)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(tn_market_trace(7, events, 3) != trace);
        ((uint8_t *)events)[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(tn_market_trace(7, events, 3) == trace);
    assert_true(tn_market_trace(8, events, 3) != trace);
    assert_true(tn_market_trace(tn_market_trace(7, events, 2), events + 2, 1) != trace);
    const struct tn_event first = events[0];
    events[0] = events[1];
    events[1] = first;
    assert_true(tn_market_trace(7, events, 3) != trace);
}

static void test_batch_that_goes_on_from_another_block_is_not_executed(void **state)
{
    (void)state;
    const struct tn_market_out out = {.step = on_step};
    struct tn_market_executed executed;
    uint64_t before = tn_market_digest(story.market);
    for (uint64_t first = 0; first < 3; first++) {
        begin_draft(first);
        end_draft();
        bool is_executed =
            tn_market_execute_batch(story.market, &executed, &story.fault, &stream_case.scratch,
                                    &out, draft.body, draft.size);
        assert_int_equal(is_executed, first == tn_market_cursor(story.market));
    }
    assert_true(tn_market_digest(story.market) == before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_batch_holds_only_what_a_leader_may_put_in_order),
        STORY(test_batch_takes_blocks_one_by_one_below_the_block_it_is_in),
        STORY(test_batch_whose_bytes_were_changed_is_refused),
        STORY(test_batch_is_executed_with_results_that_count_every_item),
        STORY(test_batch_asks_for_each_signature_by_its_own_frame),
        STORY(test_batch_executes_no_frame_that_was_changed_after_it_was_found_good),
        STORY(test_batch_is_judged_frame_by_frame_however_signatures_are_checked),
        STORY(test_batch_asks_once_for_a_good_signature),
        STORY(test_batch_of_an_own_desk_is_held_against_the_trace_of_its_events),
        STORY(test_a_trace_of_events_tells_each_of_their_bits),
        STORY(test_batch_that_goes_on_from_another_block_is_not_executed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
