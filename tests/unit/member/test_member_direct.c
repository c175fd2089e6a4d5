/* A second thread at the desks, as a gateway's is: it brings frames and seals batches that are
 * full, while the member's own thread works. All frames become final, once, in the order in which
 * they were brought; records are the member's thread's alone. What a lock forgets a thread
 * sanitizer sees (docs/testing.md). */
#include "member_case.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { FRAMES = 600, BATCH_BYTES = 4096, ENTRY_ROOM = 512, AT_ONCE = 6, TRADER = 0, CLIENT = 9 };

struct brought {
    struct tn_member_signed checked;
    uint8_t bytes[ENTRY_ROOM];
    size_t size;
};

static struct brought frames[FRAMES];
static pthread_mutex_t desks;
static pthread_t own_thread;
static uint64_t first_nonce;
static uint32_t finals, sealed; /* the member's thread alone */
static uint32_t softs;          /* under the lock */
static atomic_uint brought_count;
static atomic_llong clock_us;

/* ---- What the member says ---- */

static void hold(void *context)
{
    (void)context;
    pthread_mutex_lock(&desks);
}

static void release(void *context)
{
    (void)context;
    pthread_mutex_unlock(&desks);
}

static void recorded(uint8_t type, const uint8_t *bytes, size_t size)
{
    assert_true(pthread_equal(pthread_self(), own_thread));
    assert_true(bytes != NULL && size > 0);
    sealed += type == TN_MEMBER_SEALED;
}

static void came(const struct tn_market_step *step)
{
    if (step->item != 0 || step->entry == NULL || step->entry->kind != TN_ENTRY_FRAME) return;
    assert_int_equal(step->fault, 0);
    assert_true(step->entry->as.frame.nonce == first_nonce + finals);
    finals++;
}

static void refused(void *context, uint64_t client, enum tn_reject reject)
{
    (void)context;
    (void)client;
    TN_ASSERT(reject == TN_REJECT_NONE); /* no frame is */
}

/* What found no room in a turn of frames alone is applied in the member's. */
static void answered(const struct tn_member_answer *answer)
{
    if (answer->kind != TN_MEMBER_SOFT)
        fail_msg("answer %d, %s", (int)answer->kind, tn_reject_name(answer->reject));
    assert_true(answer->nonce == first_nonce + softs);
    softs++;
}

static void soft(void *context, uint64_t client, uint32_t market, const struct tn_desk_place *place,
                 const struct tn_market_step *step)
{
    (void)context;
    TN_ASSERT(client == CLIENT && market == 1 && place->sequence > 0);
    TN_ASSERT(step->entry->as.frame.nonce == first_nonce + softs);
    softs++;
}

static const struct tn_member_direct calls = {.refused = refused, .soft = soft};

/* ---- A market, and frames for it ---- */

static void bring_items(void)
{
    for (uint32_t i = 0; i < cc.items_count; i++) {
        assert_int_equal(tn_member_item(test.member, cc.items[i].kind, cc.items[i].bytes,
                                        cc.items[i].size, &test.clock),
                         TN_WAITING_TAKEN);
        free(cc.items[i].bytes);
    }
    cc.items_count = 0;
    run_ms(1000);
}

static void make_frame(struct brought *made, uint32_t term)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    const struct tn_command command = {.kind = TN_COMMAND_MASS_CANCEL};
    const struct tn_stream_item item = cc_frame(payload, 0, TRADER, term, &command, 1);
    made->size = tn_stream_write_item(made->bytes, ENTRY_ROOM, &item);
    assert_true(made->size > 0 && made->size <= ENTRY_ROOM);
    tn_frame_digest(&made->checked.digest, cc.limits.chain_id, payload, item.as.frame.payload_size);
    made->checked.key = cc_key(KEY_SESSION + TRADER);
    made->checked.signature = item.as.frame.signature;
}

static void make_frames(void)
{
    const struct tn_chain *chain = tn_member_chain(test.member);
    const uint32_t term = tn_chain_heads(chain)->streams[0].term;
    first_nonce = cc.nonces[TRADER] + 1;
    for (uint32_t i = 0; i < FRAMES; i++)
        make_frame(&frames[i], term);
}

static int begin(void **state)
{
    memset(&test, 0, sizeof test);
    finals = softs = sealed = 0;
    atomic_store(&brought_count, 0);
    own_thread = pthread_self();
    pthread_mutex_init(&desks, NULL);
    test.hold = hold;
    test.release = release;
    test.batch_bytes_max = BATCH_BYTES;
    member_open(state);
    take_over();
    give_market(1);
    bring_items();
    give_traders(1);
    bring_items();
    make_frames();
    test.recorded = recorded;
    test.came = came;
    test.answered = answered;
    return 0;
}

static int end(void **state)
{
    pthread_mutex_destroy(&desks);
    return member_close(state);
}

/* As a gateway's thread does it, with up to so many; the first that the desk does not take, because
 * earlier ones wait for room there, ends it. Returns how many were taken. */
static uint32_t bring(bool *is_due, uint32_t from, uint32_t count, int64_t now_us)
{
    uint32_t taken = 0;
    hold(NULL);
    while (taken < count &&
           tn_member_direct_frame(test.member, &calls, CLIENT, &frames[from + taken].checked,
                                  frames[from + taken].bytes, frames[from + taken].size, now_us))
        taken++;
    *is_due = tn_member_direct_turn(test.member, &calls, now_us);
    release(NULL);
    return taken;
}

static void expect_all_final(void)
{
    for (uint32_t i = 0; i < 100 && finals < FRAMES; i++)
        run_ms(100);
    assert_int_equal(finals, FRAMES);
    assert_int_equal(softs, FRAMES);
    assert_int_equal(tn_member_counters(test.member)->frames_direct, FRAMES);
    /* What the desk sealed, the replica held against the desk's trace, and it was the same. */
    assert_true(tn_chain_counters(tn_member_chain(test.member))->batches_own >= sealed);
    assert_int_equal(tn_chain_counters(tn_member_chain(test.member))->results_wrong, 0);
}

/* ---- Stories ---- */

/* The clock stands: nothing but the size of the batch can have sealed it. */
static void test_a_batch_that_a_second_thread_fills_is_recorded_in_the_next_turn(void **state)
{
    (void)state;
    uint32_t at = 0;
    bool is_due;
    while (at < FRAMES && sealed == 0) {
        at += bring(&is_due, at, AT_ONCE, test.clock.now_us);
        assert_int_equal(sealed, 0);
        if (is_due) tn_member_turn(test.member, &test.clock);
    }
    assert_true(sealed > 0 && at < FRAMES);
    while (at < FRAMES) {
        at += bring(&is_due, at, FRAMES - at < AT_ONCE ? FRAMES - at : AT_ONCE, test.clock.now_us);
        run_ms(1);
        pass_ms(1);
    }
    expect_all_final();
}

static void *second_thread(void *context)
{
    bool is_due;
    (void)context;
    for (uint32_t at = 0; at < FRAMES;) {
        const uint32_t count = FRAMES - at < AT_ONCE ? FRAMES - at : AT_ONCE;
        at += bring(&is_due, at, count, atomic_load(&clock_us));
        atomic_store(&brought_count, at);
        sched_yield();
    }
    return NULL;
}

static void test_frames_of_two_threads_at_the_desk_become_final_once_in_order(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_store(&clock_us, test.clock.now_us);
    assert_int_equal(pthread_create(&thread, NULL, second_thread, NULL), 0);
    while (atomic_load(&brought_count) < FRAMES) {
        run_ms(1);
        pass_ms(1);
        atomic_store(&clock_us, test.clock.now_us);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_all_final();
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_batch_that_a_second_thread_fills_is_recorded_in_the_next_turn),
        CASE(test_frames_of_two_threads_at_the_desk_become_final_once_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
