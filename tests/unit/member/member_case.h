/* member_case: one member alone, whose weight is a quorum, so that it makes blocks by itself; the
 * other validators are not there, so terms end until it leads both markets. The clock is the
 * test's. A test may want to be told of records and of what blocks bring about. */
#ifndef MEMBER_CASE_H
#define MEMBER_CASE_H

#include "../replica/chain_story.h"

#include "tenor/member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { WEIGHT = 100, TURNS_MAX = 20000 };

static struct {
    void *memory;
    struct tn_member *member;
    struct tn_member_clock clock;
    /* By market: how often its leader was said to be silent, terms begun, whether it leads. */
    uint32_t stalled[MARKETS + 1], terms[MARKETS + 1];
    bool leads[MARKETS + 1];
    uint32_t led_term[MARKETS + 1], resigned[MARKETS + 1]; /* the term that it took up last */
    uint64_t height;
    /* NULL: nobody asks. */
    void (*recorded)(uint8_t type, const uint8_t *bytes, size_t size);
    void (*came)(const struct tn_market_step *step);
    void (*answered)(const struct tn_member_answer *answer);
    void (*executed)(const struct tn_member_block *block);
    void (*certified)(uint64_t height, const uint8_t *cert, size_t size);
    bool (*may_execute)(void *context);
    void (*hold)(void *context);
    void (*release)(void *context);
    uint32_t batch_bytes_max; /* 0: as usual */
} test;

/* ---- What the member says ---- */

static inline void on_record(void *context, uint8_t type, const uint8_t *bytes, size_t size)
{
    (void)context;
    assert_true(bytes != NULL && size > 0);
    if (test.recorded != NULL) test.recorded(type, bytes, size);
}

static inline void on_send(void *context, uint16_t to, enum tn_priority priority,
                           const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)to;
    (void)priority;
    assert_true(bytes != NULL && size > 0);
}

static inline void on_answer(void *context, uint64_t client, const struct tn_member_answer *answer)
{
    (void)context;
    (void)client;
    if (test.answered != NULL) test.answered(answer);
}

static inline void on_receipt(void *context, const struct tn_chain_place *place,
                              const struct tn_market_step *step)
{
    (void)context;
    (void)place;
    if (test.came != NULL) test.came(step);
}

static inline void on_executed(void *context, const struct tn_member_block *block)
{
    (void)context;
    test.height = block->header->height;
    if (test.executed != NULL) test.executed(block);
}

static inline void on_term(void *context, uint32_t market, uint32_t term, uint64_t sequence)
{
    (void)context;
    (void)sequence;
    assert_true(market <= MARKETS && term > 0);
    test.terms[market]++;
}

static inline void on_certified(void *context, const struct tn_checkpoint *checkpoint,
                                const uint8_t *cert, size_t size)
{
    (void)context;
    assert_true(cert != NULL && size > 0);
    if (test.certified != NULL) test.certified(checkpoint->height, cert, size);
}

static inline void on_epoch(void *context, uint64_t epoch, const uint8_t *handover, size_t size)
{
    (void)context;
    (void)epoch;
    assert_true(handover != NULL && size > 0);
}

static inline void on_behind(void *context, uint64_t height)
{
    (void)context;
    fail_msg("behind at %llu", (unsigned long long)height);
}

static inline void on_notice(void *context, enum tn_member_notice notice, uint64_t number,
                             const char *text)
{
    (void)context;
    assert_non_null(text);
    if (notice == TN_NOTICE_STALLED) test.stalled[number]++;
    if (notice == TN_NOTICE_RESIGNED) test.resigned[number]++;
    if (notice == TN_NOTICE_LEADS) {
        test.leads[number] = true;
        test.led_term[number] =
            tn_chain_heads(tn_member_chain(test.member))->streams[number - 1].term;
    }
    if (notice == TN_NOTICE_ENDED) test.leads[number] = false;
}

/* ---- Its life ---- */

static inline void pass_ms(int64_t ms)
{
    test.clock.now_us += ms * 1000;
    test.clock.unix_ms += ms;
}

/* Turns when the member wants them, until so much time has passed. */
static inline void run_ms(int64_t ms)
{
    const int64_t until_us = test.clock.now_us + ms * 1000;
    uint32_t turns = 0;
    while (tn_member_timeout(test.member) < until_us) {
        const int64_t next_us = tn_member_timeout(test.member);
        if (next_us > test.clock.now_us) {
            test.clock.unix_ms += (next_us - test.clock.now_us) / 1000;
            test.clock.now_us = next_us;
        }
        tn_member_turn(test.member, &test.clock);
        assert_true(++turns < TURNS_MAX);
    }
}

/* A member as at the start of the chain; what a log has may be given to it before it starts. */
static inline void member_make(void)
{
    static struct tn_member_config config;
    struct tn_chain_limits chain, usual;
    tn_chain_limits_default(&usual);
    chain = cc.limits;
    chain.weight_max = usual.weight_max; /* a desk's batches must fit */
    tn_member_limits_default(&config.limits, &chain, TN_PEERS_MAX);
    config.limits.sequencer.views_max = 256;
    config.limits.sequencer.bodies_max = 128;
    config.limits.sequencer.body_max = 1 << 17;
    config.limits.gossip.batches_max = 4096;
    config.limits.gossip.batch_bytes_total = 8 << 20;
    config.limits.gossip.batch_bytes_max = 1 << 18;
    for (uint32_t kind = 0; kind < TN_WAITING_KINDS; kind++) {
        struct tn_waiting_kind *waiting = &config.limits.waiting.kinds[kind];
        if (waiting->items_max > 256) waiting->items_max = 256;
    }
    config.genesis = cc.genesis;
    config.signatures = &cc.signatures;
    config.key = cc_secret(1);
    config.is_validator = true;
    config.out = (struct tn_member_out){.record = on_record,
                                        .send = on_send,
                                        .answer = on_answer,
                                        .receipt = on_receipt,
                                        .executed = on_executed,
                                        .term = on_term,
                                        .certified = on_certified,
                                        .epoch_ended = on_epoch,
                                        .behind = on_behind,
                                        .notice = on_notice,
                                        .may_execute = test.may_execute,
                                        .hold = test.hold,
                                        .release = test.release};
    if (test.batch_bytes_max > 0) config.limits.desk.batch_bytes_max = test.batch_bytes_max;
    const size_t size = tn_member_size(&config.limits);
    assert_true(size > 0);
    test.memory = cc_room(size);
    test.member = tn_member_init(test.memory, &config);
    assert_non_null(test.member);
}

static inline void member_open(void **state)
{
    cc_open(state);
    cc.commands[0].as.validator.weight = WEIGHT;
    member_make();
    test.clock = (struct tn_member_clock){.now_us = 1000000, .unix_ms = START_MS};
    tn_member_start(test.member, &test.clock);
}

static inline int member_close(void **state)
{
    free(test.memory);
    return cc_close(state);
}

/* Until it leads all markets. */
static inline void take_over(void)
{
    run_ms(3000);
    for (uint32_t market = 1; market <= MARKETS; market++)
        assert_true(test.leads[market]);
}

#endif
