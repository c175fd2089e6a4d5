/* Proposers that are silent, late, equivocate or lie; votes and certificates that get lost. */
#include "sequencer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- Forging, with the key of a node of the table ---- */

static void forge_vote(struct case_world *world, uint16_t to, uint16_t voter,
                       enum tn_vote_type type, uint64_t view, const struct tn_hash *hash)
{
    uint8_t bytes[116] = {TN_PEER_VOTE};
    struct tn_hash digest;
    struct tn_signature signature;
    tn_vote_digest(&digest, world->limits.chain_id, 1, type, view, hash);
    fast_sign(NULL, &signature, &digest, &world->nodes[voter].key);
    tn_put_be(bytes + 1, 1, 8);
    bytes[9] = (uint8_t)type;
    tn_put_be(bytes + 10, view, 8);
    memcpy(bytes + 18, hash->bytes, 32);
    tn_put_be(bytes + 50, voter, 2);
    memcpy(bytes + 52, signature.bytes, 64);
    if (world->nodes[to].engine == NULL) return;
    tn_sequencer_message(world->nodes[to].engine, voter, bytes, sizeof(bytes), world->now_us);
    case_end_turn(&world->nodes[to]);
}

static struct tn_block_header first_header(uint64_t time_ms, uint64_t view, uint16_t proposer)
{
    struct tn_block_header header = {.version = TN_BLOCK_VERSION,
                                     .flags = TN_BLOCK_EMPTY,
                                     .epoch = 1,
                                     .view = view,
                                     .height = 1,
                                     .time_ms = time_ms,
                                     .proposer = proposer};
    memset(header.parent_hash.bytes, 0xdd, 32);
    memset(header.exec_root.bytes, 0xee, 32);
    tn_stream_block_body_root(&header.body_root, NULL, 0);
    return header;
}

/* A PROPOSAL without certificates, as its proposer would sign it. */
static struct tn_hash forge_proposal(struct case_world *world, uint16_t to,
                                     const struct tn_block_header *header)
{
    uint8_t bytes[66 + TN_BLOCK_HEADER_BYTES] = {TN_PEER_PROPOSAL};
    struct tn_hash hash, digest;
    struct tn_signature signature;
    tn_stream_block_hash(&hash, world->limits.chain_id, header);
    tn_vote_digest(&digest, world->limits.chain_id, 1, TN_VOTE_NOTARIZE, header->view, &hash);
    fast_sign(NULL, &signature, &digest, &world->nodes[header->proposer].key);
    memcpy(bytes + 1, signature.bytes, 64);
    tn_stream_write_block_header(bytes + 66, header);
    tn_sequencer_message(world->nodes[to].engine, header->proposer, bytes, sizeof(bytes),
                         world->now_us);
    case_end_turn(&world->nodes[to]);
    return hash;
}

/* Four nodes of which the first proposer is not one of ours. */
static struct case_world *begin_without_first(void)
{
    struct case_world *world = case_begin(4);
    for (uint32_t i = 1; i < 4; i++)
        case_start(&world->nodes[i], 0);
    case_run_us(world, 3000);
    return world;
}

/* ---- Stories ---- */

static void test_sequencer_gives_up_the_view_of_a_silent_proposer(void **state)
{
    (void)state;
    struct case_world *world = begin_without_first();
    world->is_traced = true;
    case_work(world, 1);
    case_run_us(world, 53999);
    assert_string_equal(world->trace, "[ 53] 1 NULLIFY 1\n" /* 2Δ after work came */
                                      "[ 53] 2 NULLIFY 1\n"
                                      "[ 53] 3 NULLIFY 1\n"
                                      "[ 54] 1 NOTARIZE 2\n"
                                      "[ 55] 2 NOTARIZE 2\n"
                                      "[ 55] 3 NOTARIZE 2\n"
                                      "[ 56] 3 FINALIZE 2\n"
                                      "[ 56] 1 FINALIZE 2\n"
                                      "[ 56] 2 FINALIZE 2\n"
                                      "[ 56] 2 NOTARIZE 3\n");
    case_end(world);
}

static void test_sequencer_skips_a_proposer_of_whom_nothing_is_heard(void **state)
{
    (void)state;
    struct case_world *world = begin_without_first();
    case_work(world, 100000);
    case_run_us(world, 2000000);
    const struct tn_sequencer_counters *counters = tn_sequencer_counters(world->nodes[2].engine);
    assert_true(counters->skips > 50);
    assert_true(counters->timeouts < 10);
    assert_true(world->nodes[2].height > 500);
    case_start(&world->nodes[0], 0); /* and takes it back when it is heard again */
    case_run_us(world, 1000000);
    const uint64_t skips = counters->skips;
    case_run_us(world, 1000000);
    assert_int_equal(counters->skips, skips);
    assert_true(case_agrees(world));
    case_end(world);
}

static struct tn_validators set_with_long_turns(struct case_world *world, uint64_t epoch)
{
    struct tn_validators set = case_same_set(world, epoch), longer;
    bool made = tn_validators_make(&longer, epoch, 16, set.members, set.count);
    TN_ASSERT(made);
    return longer;
}

static bool lose_proposals(struct case_world *world, uint16_t from, uint16_t to,
                           const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)from;
    (void)to;
    (void)size;
    return bytes[0] == TN_PEER_PROPOSAL;
}

/* Three of four, so each of them is needed to leave a view: the others do not wait for the rest of
 * a turn that cost a time-out, and then the proposer does not wait for them. */
static void test_sequencer_gives_up_its_own_views_when_others_pass_over_them(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->set_of = set_with_long_turns;
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    world->loss = lose_proposals;
    case_run_us(world, 60000); /* 2Δ are 50 ms */
    world->loss = NULL;
    case_run_us(world, 140000);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(case_status(&world->nodes[i]).view > 16);
        assert_true(world->nodes[i].height > 10);
    }
    assert_true(case_agrees(world));
    case_end(world);
}

/* However many have been given up in a row, a turn costs one time-out, of 8 s at last, not one for
 * each of its views; until half of the views that are kept are given up. */
static void test_sequencer_waits_once_for_a_turn_after_many_given_up_views(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->set_of = set_with_long_turns;
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    world->loss = lose_proposals;
    case_run_us(world, 45000000);
    assert_true(case_status(&world->nodes[0]).view > 5 * 16);
    case_run_us(world, 200000000);
    assert_true(case_status(&world->nodes[0]).view < 128 + 32);
    world->loss = NULL;
    case_run_us(world, 10000000);
    assert_true(world->nodes[0].height > 1000);
    assert_true(case_agrees(world));
    case_end(world);
}

/* Three of four whose proposals are lost: nothing is notarized. */
static struct case_world *run_without_proposals(int64_t seconds)
{
    struct case_world *world = case_begin(4);
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 10));
    world->loss = lose_proposals;
    case_run_us(world, seconds * 1000000);
    for (uint32_t i = 0; i < 3; i++) {
        const struct tn_sequencer_status status = case_status(&world->nodes[i]);
        assert_true(status.view > status.final_view + 128);
        assert_true(status.view < status.final_view + 192);
    }
    world->loss = NULL;
    return world;
}

static bool goes_on_within(struct case_world *world, int64_t seconds)
{
    const int64_t end_us = world->now_us + seconds * 1000000;
    const uint64_t height = world->nodes[0].height;
    while (case_step(world, end_us)) {
        bool there = true;
        for (uint32_t i = 0; i < world->count; i++)
            if (world->nodes[i].engine != NULL && world->nodes[i].height < height + 50)
                there = false;
        if (there) return true;
    }
    return false;
}

static void test_sequencer_goes_on_after_views_were_given_up_for_hours(void **state)
{
    (void)state;
    for (int64_t hours = 1; hours <= 5; hours += 4) {
        struct case_world *world = run_without_proposals(hours * 3600);
        assert_true(goes_on_within(world, 30));
        assert_true(case_agrees(world));
        case_end(world);
    }
}

/* Who was not there has none of the certificates, and no vote can be counted without him. Whose
 * turn it is differs: his, that of a node which is down, that of one whose memory is full. */
static void test_sequencer_takes_who_was_away_over_views_given_up_for_hours(void **state)
{
    (void)state;
    for (int64_t moment = 5; moment <= 8; moment++) {
        struct case_world *world = run_without_proposals(3000 + 337 * moment);
        case_crash(&world->nodes[2]);
        case_start(&world->nodes[3], 0);
        case_work(world, 1000000);
        assert_true(goes_on_within(world, 60));
        assert_true(case_agrees(world));
        case_end(world);
    }
}

/* The same after a power cut of all: what a log has brings its node to the same place. */
static void test_sequencer_goes_on_from_its_logs_after_views_given_up_for_hours(void **state)
{
    (void)state;
    struct case_world *world = run_without_proposals(3600);
    for (uint32_t i = 0; i < 3; i++) {
        case_crash(&world->nodes[i]);
        case_start(&world->nodes[i], world->nodes[i].height);
    }
    case_work(world, 1000000);
    assert_true(goes_on_within(world, 60));
    assert_true(case_agrees(world));
    case_end(world);
}

static void test_sequencer_hands_out_evidence_of_a_proposer_who_equivocates(void **state)
{
    (void)state;
    struct case_world *world = begin_without_first();
    const struct tn_block_header a = first_header(2000, 1, 0), b = first_header(3000, 1, 0);
    struct tn_evidence evidence;
    struct tn_stream_fault fault;
    forge_proposal(world, 1, &a);
    forge_proposal(world, 2, &a);
    struct tn_hash hash = forge_proposal(world, 3, &b);
    forge_proposal(world, 1, &b);
    assert_int_equal(world->nodes[1].evidence_count, 1);
    assert_true(tn_evidence_read(&evidence, &fault, world->nodes[1].evidence,
                                 world->nodes[1].evidence_size));
    assert_int_equal(evidence.kind, TN_EVIDENCE_NOTARIZE);
    assert_int_equal(evidence.signer, 0);
    assert_int_equal(evidence.as.votes.view, 1);
    const struct tn_validators set = case_same_set(world, 1);
    struct tn_evidence_context context = {.signatures = &case_fast};
    memcpy(context.chain_id, world->limits.chain_id, 32);
    assert_true(tn_evidence_check(&evidence, &context, &set));

    /* a has two of three votes, b one: with the liar's own a third vote makes one of them. */
    forge_vote(world, 1, 0, TN_VOTE_NOTARIZE, 1, &hash);
    assert_int_equal(world->nodes[1].evidence_count, 1); /* once is enough */
    assert_true(case_run_to(world, 5));
    assert_true(case_agrees(world));
    case_end(world);
}

/* A view can have 2 NOTARIZE, 1 other and then only NULLIFYs: nobody is stuck. */
static void test_sequencer_leaves_a_view_with_split_votes(void **state)
{
    (void)state;
    struct case_world *world = begin_without_first();
    const struct tn_block_header a = first_header(2000, 1, 0), b = first_header(3000, 1, 0),
                                 c = first_header(4000, 1, 0);
    forge_proposal(world, 1, &a);
    forge_proposal(world, 2, &b);
    forge_proposal(world, 3, &c);
    assert_true(case_run_to(world, 3));
    assert_true(case_agrees(world));
    assert_int_equal(world->nodes[1].chain[1].header.view, 2);
    case_end(world);
}

static void test_sequencer_fetches_the_body_of_a_block_that_others_notarized(void **state)
{
    (void)state;
    struct case_world *world = begin_without_first();
    const struct tn_block_header a = first_header(2000, 1, 0);
    struct tn_hash hash;
    forge_proposal(world, 1, &a);
    hash = forge_proposal(world, 2, &a); /* node 3 gets nothing from the proposer */
    forge_vote(world, 1, 0, TN_VOTE_NOTARIZE, 1, &hash);
    forge_vote(world, 2, 0, TN_VOTE_NOTARIZE, 1, &hash);
    assert_true(case_run_to(world, 3));
    assert_true(case_agrees(world));
    assert_int_equal(world->nodes[3].chain[1].header.view, 1);
    assert_true(tn_sequencer_counters(world->nodes[3].engine)->fetches_sent > 0);
    case_end(world);
}

static void test_sequencer_gives_up_a_view_whose_block_is_bad(void **state)
{
    (void)state;
    struct case_world *world = begin_without_first();
    struct tn_block_header bad = first_header(2000, 1, 0);
    bad.exec_root.bytes[0] ^= 1; /* not the root that everybody has */
    world->is_traced = true;
    for (uint16_t i = 1; i < 4; i++)
        forge_proposal(world, i, &bad);
    assert_string_equal(world->trace, "[  3] 1 NULLIFY 1\n[  3] 2 NULLIFY 1\n[  3] 3 NULLIFY 1\n");
    assert_true(case_run_to(world, 2));
    case_end(world);
}

static void test_sequencer_gives_up_at_once_a_view_whose_block_must_wait_for_longer(void **state)
{
    (void)state;
    const enum tn_verdict verdicts[] = {TN_VERDICT_WAIT, TN_VERDICT_PASS};
    for (uint32_t k = 0; k < 2; k++) {
        struct case_world *world = begin_without_first();
        const struct tn_block_header early = first_header(2000, 1, 0);
        world->is_traced = true;
        for (uint16_t i = 1; i < 4; i++) {
            world->nodes[i].verdict = verdicts[k];
            forge_proposal(world, i, &early);
        }
        const char *said = "[  3] 1 NULLIFY 1\n[  3] 2 NULLIFY 1\n[  3] 3 NULLIFY 1\n";
        assert_string_equal(world->trace, k == 0 ? "" : said);
        for (uint16_t i = 1; i < 4; i++)
            world->nodes[i].verdict = TN_VERDICT_OK;
        assert_true(case_run_to(world, 2));
        case_end(world);
    }
}

/* As when all clocks have been put back: views are not burned faster than the timers would. */
static void test_sequencer_lets_the_timers_decide_when_no_block_is_ever_in_time(void **state)
{
    (void)state;
    struct tn_sequencer_status status;
    struct case_world *world = begin_without_first();
    for (uint16_t i = 1; i < 4; i++)
        world->nodes[i].verdict = TN_VERDICT_PASS;
    case_run_us(world, 10000000);
    tn_sequencer_status(world->nodes[1].engine, &status);
    assert_true(status.view > 2 * world->count);
    assert_true(status.view < 6 * world->count);
    case_end(world);
}

static void test_sequencer_refuses_headers_that_do_not_follow(void **state)
{
    (void)state;
    for (uint32_t change = 0; change < 8; change++) {
        struct case_world *world = begin_without_first();
        struct tn_block_header header = first_header(2000, 1, 0);
        switch (change) {
            case 0: header.height = 2; break;
            case 1: header.time_ms = 999; break;
            case 2: header.flags |= TN_BLOCK_SEAL; break;
            case 3: header.exec_height = 1; break;
            case 4: header.parent_hash.bytes[0] ^= 1; break;
            case 5: header.flags = 0; break;
            case 6: header.body_root.bytes[0] ^= 1; break;
            case 7: header.parent_view = 1; break;
        }
        forge_proposal(world, 1, &header);
        assert_int_equal(tn_sequencer_counters(world->nodes[1].engine)->notarizes, 0);
        const bool bans = change >= 5; /* the message itself is not one, the rest is a bad block */
        assert_int_equal(world->nodes[1].bans_count, bans ? 1 : 0);
        case_end(world);
    }
}

static void test_sequencer_drops_votes_with_bad_signatures_when_they_would_count(void **state)
{
    (void)state;
    struct case_world *world = begin_without_first();
    struct case_node *node = &world->nodes[1];
    const struct tn_block_header a = first_header(2000, 1, 0);
    struct tn_hash hash = forge_proposal(world, 1, &a);
    uint8_t key[32];
    memcpy(key, world->nodes[2].key.bytes, 32);
    memset(world->nodes[2].key.bytes, 99, 32); /* whoever speaks for 2 has not its key */
    forge_vote(world, 1, 2, TN_VOTE_NOTARIZE, 1, &hash);
    memcpy(world->nodes[2].key.bytes, key, 32);
    assert_int_equal(tn_sequencer_counters(node->engine)->bad_signatures, 1);
    assert_int_equal(node->bans_count, 1);
    assert_int_equal(case_status(node).view, 1); /* two good ones are no quorum */
    forge_vote(world, 1, 3, TN_VOTE_NOTARIZE, 1, &hash);
    assert_int_equal(case_status(node).view, 2);
    case_end(world);
}

static void test_sequencer_takes_votes_from_their_voters_link_only(void **state)
{
    (void)state;
    struct case_world *world = begin_without_first();
    static const struct tn_hash none;
    uint8_t bytes[116] = {TN_PEER_VOTE};
    tn_put_be(bytes + 1, 1, 8);
    bytes[9] = TN_VOTE_NULLIFY;
    tn_put_be(bytes + 10, 1, 8);
    tn_put_be(bytes + 50, 2, 2); /* 2's vote by 3's link */
    tn_sequencer_message(world->nodes[1].engine, 3, bytes, sizeof(bytes), world->now_us);
    assert_int_equal(tn_sequencer_counters(world->nodes[1].engine)->wrong_sender, 1);
    forge_vote(world, 1, 2, TN_VOTE_NULLIFY, 1, &none);
    assert_int_equal(tn_sequencer_counters(world->nodes[1].engine)->wrong_sender, 1);
    case_end(world);
}

/* A certificate of a far view convinces by itself. */
static void test_sequencer_jumps_to_the_view_of_a_certificate(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 100000);
    case_run_us(world, 700000);
    const uint64_t view = case_status(&world->nodes[0]).view;
    assert_true(view > 100);
    case_start(&world->nodes[3], 0);
    case_run_us(world, 3000);
    assert_true(case_status(&world->nodes[3]).view >= view);
    case_end(world);
}

static bool lose_finalizes(struct case_world *world, uint16_t from, uint16_t to,
                           const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)from;
    (void)to;
    (void)size;
    return (bytes[0] == TN_PEER_VOTE || bytes[0] == TN_PEER_CERT) && bytes[9] == TN_VOTE_FINALIZE;
}

/* Views that may be left are a ring of 256: what is not final must not go around it, at whatever
 * pace the views would be left. */
static void test_sequencer_goes_on_after_views_were_left_by_notarization_for_long(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    world->loss = lose_finalizes;
    case_work(world, 100000);
    case_run_us(world, 30000000); /* a view takes 2 ms */
    assert_int_equal(world->nodes[0].height, 0);
    assert_in_range(case_status(&world->nodes[0]).view, 128, 160);
    world->loss = NULL;
    assert_true(case_run_to(world, 300));
    assert_true(case_agrees(world));
    case_end(world);
}

/* Nothing is final for long: blocks go on notarized, past K and past 64, and then all is final. */
static void test_sequencer_goes_on_without_finality_and_catches_up_on_it(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    world->loss = lose_finalizes;
    case_work(world, 100000);
    case_run_us(world, 200000);
    assert_int_equal(world->nodes[0].height, 0);
    assert_in_range(case_status(&world->nodes[0]).view, 90, 110);
    world->loss = NULL;
    case_run_us(world, 200000);
    assert_true(case_agrees(world));
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(world->nodes[i].height > 110);
        assert_int_equal(tn_sequencer_counters(world->nodes[i].engine)->nullifies, 0);
    }
    /* Those more than 64 ahead of what was executed had to be empty. */
    for (uint64_t h = 1; h <= 90; h++) {
        const bool empty = (world->nodes[0].chain[h].header.flags & TN_BLOCK_EMPTY) != 0;
        if (h > 64) assert_true(empty);
        if (h <= 24)
            assert_false(empty); /* bodies_max of 32 in memory, and then there is no room */
    }
    case_end(world);
}

static void test_sequencer_stops_when_its_state_is_not_the_sets(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 100000);
    world->nodes[2].lies_at = 20;
    assert_true(case_run_to(world, 60));
    const struct case_node *node = &world->nodes[2];
    assert_int_equal(case_status(node).voice, TN_VOICE_DIVERGED);
    assert_int_equal(case_status(&world->nodes[1]).voice, TN_VOICE_SPEAKS);
    const uint64_t signatures = tn_sequencer_counters(node->engine)->signatures_made;
    bool recorded = false;
    for (uint32_t i = 0; i < node->records_count; i++)
        recorded = recorded || node->records[i].type == TN_SEQUENCER_DIVERGED;
    assert_true(recorded);
    case_run_us(world, 200000);
    assert_int_equal(tn_sequencer_counters(node->engine)->signatures_made, signatures);
    case_crash(&world->nodes[2]); /* a restart does not make it better */
    case_start(&world->nodes[2], 0);
    case_run_us(world, 100000);
    assert_int_equal(case_status(node).voice, TN_VOICE_DIVERGED);
    case_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequencer_gives_up_the_view_of_a_silent_proposer),
        cmocka_unit_test(test_sequencer_skips_a_proposer_of_whom_nothing_is_heard),
        cmocka_unit_test(test_sequencer_gives_up_its_own_views_when_others_pass_over_them),
        cmocka_unit_test(test_sequencer_waits_once_for_a_turn_after_many_given_up_views),
        cmocka_unit_test(test_sequencer_goes_on_after_views_were_given_up_for_hours),
        cmocka_unit_test(test_sequencer_takes_who_was_away_over_views_given_up_for_hours),
        cmocka_unit_test(test_sequencer_goes_on_from_its_logs_after_views_given_up_for_hours),
        cmocka_unit_test(test_sequencer_hands_out_evidence_of_a_proposer_who_equivocates),
        cmocka_unit_test(test_sequencer_leaves_a_view_with_split_votes),
        cmocka_unit_test(test_sequencer_fetches_the_body_of_a_block_that_others_notarized),
        cmocka_unit_test(test_sequencer_gives_up_a_view_whose_block_is_bad),
        cmocka_unit_test(test_sequencer_gives_up_at_once_a_view_whose_block_must_wait_for_longer),
        cmocka_unit_test(test_sequencer_lets_the_timers_decide_when_no_block_is_ever_in_time),
        cmocka_unit_test(test_sequencer_refuses_headers_that_do_not_follow),
        cmocka_unit_test(test_sequencer_drops_votes_with_bad_signatures_when_they_would_count),
        cmocka_unit_test(test_sequencer_takes_votes_from_their_voters_link_only),
        cmocka_unit_test(test_sequencer_jumps_to_the_view_of_a_certificate),
        cmocka_unit_test(test_sequencer_goes_on_without_finality_and_catches_up_on_it),
        cmocka_unit_test(test_sequencer_goes_on_after_views_were_left_by_notarization_for_long),
        cmocka_unit_test(test_sequencer_stops_when_its_state_is_not_the_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
