/* A node whose log was lost does not know what its key has sealed in the terms that it leads. So it
 * leads none of them again: it resigns, as a node does whose log says that it has sealed. Lives are
 * made of one log: what a member recorded, given back to another with more or less beside it. */
#include "member_case.h"

enum { RECORDS_MAX = 1 << 15, EPOCH_BLOCKS = 140, NO_RECORD = RECORDS_MAX };

struct kept {
    uint8_t type;
    uint8_t *bytes;
    size_t size;
};
static struct kept records[RECORDS_MAX], again[RECORDS_MAX];
static uint32_t records_count, again_count;
static uint32_t terms[MARKETS + 1]; /* that the first life led at its end */

static void keep(struct kept *kept, uint8_t type, const uint8_t *bytes, size_t size)
{
    *kept = (struct kept){.type = type, .bytes = malloc(size), .size = size};
    assert_non_null(kept->bytes);
    memcpy(kept->bytes, bytes, size);
}

static void recorded(uint8_t type, const uint8_t *bytes, size_t size)
{
    assert_true(records_count < RECORDS_MAX);
    keep(&records[records_count++], type, bytes, size);
}

static void recorded_again(uint8_t type, const uint8_t *bytes, size_t size)
{
    assert_true(again_count < RECORDS_MAX);
    keep(&again[again_count++], type, bytes, size);
}

static void end_epoch(uint64_t height)
{
    const struct tn_registry_command command = {.kind = TN_REGISTRY_EPOCH,
                                                .as.epoch_height = height};
    uint8_t bytes[TN_REGISTRY_COMMAND_BYTES_MAX];
    struct tn_block_item item = {.kind = TN_ITEM_GOVERNANCE};
    item.as.governance.number = ++cc.governance;
    item.as.governance.size = (uint32_t)tn_registry_write_command(bytes, &command);
    item.as.governance.bytes = bytes;
    const struct tn_hash digest = cc_digest(&item);
    item.as.governance.signature = cc_sign(KEY_GOVERNANCE, &digest);
    cc_give(&item);
    const struct pool_item *given = &cc.items[cc.items_count - 1];
    assert_int_equal(
        tn_member_item(test.member, given->kind, given->bytes, given->size, &test.clock),
        TN_WAITING_TAKEN);
}

static uint64_t epoch(void)
{
    return tn_sequencer_set(tn_member_sequencer(test.member))->epoch;
}

/* The first life: it comes to lead both markets and goes on into the next epoch. */
static int begin(void **state)
{
    memset(&test, 0, sizeof test);
    records_count = again_count = 0;
    test.recorded = recorded;
    member_open(state);
    take_over();
    const uint64_t first = epoch();
    end_epoch(test.height + EPOCH_BLOCKS);
    for (uint32_t i = 0; i < 100 && epoch() == first; i++)
        run_ms(1000);
    assert_int_equal(epoch(), first + 1);
    run_ms(1000);
    for (uint32_t market = 1; market <= MARKETS; market++) {
        assert_true(test.leads[market]);
        terms[market] = test.led_term[market];
    }
    return 0;
}

static int end(void **state)
{
    for (uint32_t i = 0; i < records_count; i++)
        free(records[i].bytes);
    for (uint32_t i = 0; i < again_count; i++)
        free(again[i].bytes);
    return member_close(state);
}

static void give(const struct kept *kept)
{
    /* The batches are there for what is to be executed, as others would send them: that they were
     * this node's own, nothing says. */
    const uint8_t type = kept->type == TN_MEMBER_SEALED ? TN_MEMBER_BATCH : kept->type;
    assert_true(tn_member_restore(test.member, type, kept->bytes, kept->size));
}

/* Another life from the log's records; `first` of them is read before the others as well. */
static void live_again(uint32_t first)
{
    free(test.memory);
    memset(test.leads, 0, sizeof test.leads);
    memset(test.led_term, 0, sizeof test.led_term);
    memset(test.terms, 0, sizeof test.terms);
    test.recorded = NULL;
    member_make();
    if (first != NO_RECORD) give(&records[first]);
    for (uint32_t i = 0; i < records_count; i++)
        give(&records[i]);
}

/* A vote of the epoch that was the last. Read where its epoch has not begun, it says that the log
 * has lost something: the node is silent in that epoch. */
static uint32_t vote_of_the_last_epoch(void)
{
    for (uint32_t i = records_count; i > 0; i--)
        if (records[i - 1].type == TN_SEQUENCER_VOTE) return i - 1;
    fail_msg("no vote was recorded");
    return NO_RECORD;
}

static void test_a_member_without_a_word_of_its_batches_would_lead_on(void **state)
{
    (void)state;
    live_again(NO_RECORD);
    tn_member_start(test.member, &test.clock);
    for (uint32_t market = 1; market <= MARKETS; market++) {
        assert_int_equal(test.led_term[market], terms[market]);
        assert_int_equal(test.resigned[market], 0);
    }
}

static void test_a_member_that_lost_its_log_resigns_the_terms_it_may_have_led(void **state)
{
    (void)state;
    live_again(vote_of_the_last_epoch());
    tn_member_start(test.member, &test.clock);
    run_ms(500);
    assert_int_equal(tn_sequencer_voice(tn_member_sequencer(test.member)), TN_VOICE_SILENT);
    for (uint32_t market = 1; market <= MARKETS; market++)
        assert_int_equal(test.led_term[market], 0);
    test.recorded = recorded_again;
    tn_member_record_all(test.member); /* what the next life reads */

    live_again(NO_RECORD);
    for (uint32_t i = 0; i < again_count; i++)
        if (again[i].type == TN_MEMBER_SEALED) {
            assert_true(
                tn_member_restore(test.member, TN_MEMBER_SEALED, again[i].bytes, again[i].size));
        }
    tn_member_start(test.member, &test.clock);
    assert_int_equal(tn_sequencer_voice(tn_member_sequencer(test.member)), TN_VOICE_SPEAKS);
    take_over();
    for (uint32_t market = 1; market <= MARKETS; market++) {
        assert_true(test.resigned[market] > 0);
        assert_true(test.led_term[market] > terms[market]);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_member_without_a_word_of_its_batches_would_lead_on),
        CASE(test_a_member_that_lost_its_log_resigns_the_terms_it_may_have_led),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
