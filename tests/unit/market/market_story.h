/* market_story: one market, its steps written down as they are told. */
#ifndef MARKET_STORY_H
#define MARKET_STORY_H

#include "stream_case.h"

enum { STEPS_MAX = 256 };

static struct story {
    struct tn_market *market;
    struct tn_market_step steps[STEPS_MAX];
    struct tn_event first[STEPS_MAX], last[STEPS_MAX];
    uint32_t steps_count;
    struct tn_stream_fault fault;
} story;

static inline void on_step(void *context, const struct tn_market_step *step)
{
    (void)context;
    assert_true(story.steps_count < STEPS_MAX);
    uint32_t at = story.steps_count++;
    story.steps[at] = *step;
    if (step->events_count == 0) return;
    story.first[at] = step->events[0];
    story.last[at] = step->events[step->events_count - 1];
}

static inline bool apply_bytes(const uint8_t *bytes, size_t size)
{
    const struct tn_market_out out = {.step = on_step};
    story.steps_count = 0;
    bool is_applied =
        tn_market_apply(story.market, &story.fault, &stream_case.scratch, &out, bytes, size);
    tn_market_check(story.market);
    return is_applied;
}

static inline bool apply_frame(void)
{
    return apply_bytes(stream_case.frame, stream_case.frame_size);
}

static inline bool apply_block(const struct tn_inbox *inbox)
{
    uint8_t bytes[64];
    size_t size = case_block_entry(bytes, inbox);
    return apply_bytes(bytes, size);
}

/* The next block with what was collected, consumed at once. */
static inline void pass_block(int64_t later_ms)
{
    struct tn_inbox inbox = case_block(later_ms);
    assert_true(tn_market_inbox(story.market, &inbox));
    assert_true(apply_block(&inbox));
    assert_int_equal(story.steps_count, inbox.items_count + 1);
}

static inline void expect_fault(enum tn_reject reject, uint32_t account)
{
    assert_int_equal(story.steps_count, 1);
    assert_int_equal(story.steps[0].fault, reject);
    assert_int_equal(story.steps[0].events_count, 1);
    assert_int_equal(story.first[0].kind, TN_EVENT_RESULT);
    assert_int_equal(story.first[0].reject, reject);
    assert_int_equal(story.first[0].account, account);
}

/* The frame made last is a fault and changes nothing but the count of entries. */
static inline void expect_no_op(enum tn_reject reject, uint32_t account)
{
    uint64_t before = tn_market_digest(story.market);
    assert_true(apply_frame());
    expect_fault(reject, account);
    assert_true(tn_market_digest(story.market) == before);
}

static inline void expect_item(uint32_t item, enum tn_reject reject)
{
    assert_true(item < story.steps_count);
    assert_int_equal(story.steps[item].fault, 0);
    assert_int_equal(story.last[item].kind, TN_EVENT_RESULT);
    assert_int_equal(story.last[item].reject, reject);
}

static inline int open_story(void **state)
{
    (void)state;
    case_open();
    memset(&story, 0, sizeof story);
    story.market = case_market();
    tn_market_begin(story.market, CASE_TERM);
    case_first_items();
    pass_block(100);
    for (uint32_t i = 0; i + 1 < story.steps_count; i++) {
        if (story.steps[i].events_count > 0 && story.last[i].kind == TN_EVENT_RESULT) {
            assert_int_equal(story.last[i].reject, TN_REJECT_NONE);
        }
    }
    return 0;
}

static inline int close_story(void **state)
{
    (void)state;
    free(story.market);
    case_shut();
    return 0;
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, open_story, close_story)

#endif
