/* Inboxes wait in order and within bounds, and are under the root; a market is a copy of another by
 * cloning and by records. */
#include "market_story.h"

/* The next block, with what was collected. */
static void hand_over_items(void)
{
    struct tn_inbox inbox = case_block(10);
    assert_true(tn_market_inbox(story.market, &inbox));
    tn_market_check(story.market);
}

/* With one item of so many bytes in all. */
static void hand_over(uint32_t size)
{
    uint8_t bytes[4096] = {0};
    if (size > 0) case_item(TN_INBOX_ENTRY, bytes, size - TN_INBOX_ITEM_HEADER);
    hand_over_items();
}

static void take_oldest(void)
{
    struct tn_inbox inbox;
    assert_true(tn_market_inbox_next(story.market, &inbox));
    assert_true(apply_block(&inbox));
}

static void test_market_holds_inboxes_of_so_many_blocks(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < stream_case.limits.inboxes_max; i++) {
        assert_true(tn_market_inbox_fits(story.market, 0));
        hand_over(0);
    }
    assert_false(tn_market_inbox_fits(story.market, 0));
    struct tn_inbox one_more = case_block(10);
    uint64_t before = tn_market_digest(story.market);
    assert_false(tn_market_inbox(story.market, &one_more));
    assert_true(tn_market_digest(story.market) == before);
    take_oldest();
    assert_true(tn_market_inbox(story.market, &one_more));
}

static void test_market_holds_inboxes_of_so_many_bytes(void **state)
{
    (void)state;
    const uint32_t most = stream_case.limits.inbox_bytes_max;
    for (uint32_t i = 0; i < most / 2048; i++)
        hand_over(2048);
    assert_false(tn_market_inbox_fits(story.market, 1));
    assert_true(tn_market_inbox_fits(story.market, 0));
    take_oldest();
    assert_true(tn_market_inbox_fits(story.market, 2048));
    assert_false(tn_market_inbox_fits(story.market, 2049));
}

/* The area goes round many times, with inboxes of every size waiting. */
static void test_market_keeps_items_whole_wherever_they_lie(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (uint32_t turn = 0; turn < 2000; turn++) {
        uint32_t size = (uint32_t)tn_random_below(&random, 4000);
        if (size < TN_INBOX_ITEM_HEADER) size = 0;
        while (!tn_market_inbox_fits(story.market, size) ||
               (tn_market_inboxes_count(story.market) > 0 && tn_random_below(&random, 3) == 0)) {
            struct tn_inbox inbox;
            assert_true(tn_market_inbox_next(story.market, &inbox));
            for (uint32_t i = TN_INBOX_ITEM_HEADER; i < inbox.items_size; i++)
                assert_int_equal(inbox.items[i], (uint8_t)(inbox.height + i));
            assert_true(apply_block(&inbox));
        }
        static uint8_t bytes[4096];
        for (uint32_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(stream_case.height + 1 + i);
        if (size > 0) {
            case_item(TN_INBOX_ENTRY, bytes + TN_INBOX_ITEM_HEADER, size - TN_INBOX_ITEM_HEADER);
        }
        struct tn_inbox inbox = case_block(10);
        assert_true(tn_market_inbox(story.market, &inbox));
    }
}

static void test_market_consumes_the_oldest_inbox_when_asked_as_a_stream_would(void **state)
{
    (void)state;
    const struct tn_market_out out = {.step = on_step};
    void *memory = case_room(tn_market_size(&stream_case.limits));
    case_entry(deposit_entry(BOB, 0, 3 * DOLLAR));
    struct tn_inbox inbox = case_block(100);
    assert_true(tn_market_inbox(story.market, &inbox));
    struct tn_market *other = tn_market_clone(memory, story.market);
    assert_true(apply_block(&inbox));
    story.steps_count = 0;
    assert_true(tn_market_consume(other, &stream_case.scratch, &out));
    assert_int_equal(story.steps_count, 2);
    assert_true(tn_market_digest(other) == tn_market_digest(story.market));
    assert_false(tn_market_consume(other, &stream_case.scratch, &out));
    free(memory);
}

static void test_market_root_of_inboxes_names_all_that_waits_and_the_cursor(void **state)
{
    (void)state;
    struct tn_hash roots[6];
    tn_market_inboxes_root(&roots[0], story.market);
    hand_over(0);
    tn_market_inboxes_root(&roots[1], story.market);
    hand_over(100);
    tn_market_inboxes_root(&roots[2], story.market);
    take_oldest();
    tn_market_inboxes_root(&roots[3], story.market);
    take_oldest();
    tn_market_inboxes_root(&roots[4], story.market);
    case_session(&(struct tn_inbox_session){.account = BOB}); /* a no-op */
    hand_over_items();
    take_oldest();
    tn_market_inboxes_root(&roots[5], story.market);
    for (uint32_t i = 0; i < 6; i++) {
        for (uint32_t other = 0; other < i; other++)
            assert_false(tn_hash_equal(&roots[i], &roots[other]));
    }
}

/* ---- Copies ---- */

static struct tn_market *imported(struct tn_import_fault *fault, uint8_t spoilt_kind,
                                  uint32_t spoilt_index, uint32_t spoilt_byte)
{
    static uint8_t record[1 << 16];
    struct tn_market *copy = case_market();
    for (uint8_t kind = 1; kind < TN_MARKET_KINDS; kind++) {
        uint32_t count = tn_market_records_count(story.market, kind);
        assert_true(count <= tn_market_records_max(&stream_case.limits, kind));
        for (uint32_t i = 0; i < count; i++) {
            size_t size = tn_market_record(story.market, record, sizeof record, kind, i);
            assert_true(size <= tn_market_record_size_max(&stream_case.limits, kind));
            if (size == 0) continue;
            if (kind == spoilt_kind && i == spoilt_index) record[spoilt_byte] ^= 1;
            if (tn_market_import(copy, fault, kind, i, record, size)) continue;
            free(copy);
            return NULL;
        }
    }
    if (tn_market_import_end(copy, fault)) return copy;
    free(copy);
    return NULL;
}

/* Orders, sessions that were closed, inboxes that wait. */
static void make_history(void)
{
    const struct tn_command bid = case_limit(TN_BUY, stream_case.call, 1000, 5);
    const struct tn_command ask = case_limit(TN_SELL, stream_case.call, 1000, 3);
    case_frame(BOB, &bid, 1);
    assert_true(apply_frame());
    case_frame(CAROL, &ask, 1);
    assert_true(apply_frame());
    case_close(case_owner_of(DAN), stream_case.sessions[DAN]);
    case_close(case_owner_of(ALICE), stream_case.sessions[ALICE]);
    struct tn_inbox_session session = case_session_of(DAN);
    case_session(&session);
    pass_block(100);
    expect_item(2, TN_REJECT_NONE);
    stream_case.sessions[DAN] = story.last[2].order_id;
    case_entry(deposit_entry(BOB, 0, 3 * DOLLAR));
    hand_over_items();
    hand_over(0);
    case_session(&(struct tn_inbox_session){.account = BOB});
    hand_over_items();
}

static void expect_copy_goes_on_alike(struct tn_market *copy)
{
    struct tn_market *original = story.market;
    const struct tn_command bid = case_limit(TN_BUY, stream_case.call, 1000, 5);
    tn_market_begin(copy, CASE_TERM);
    assert_true(tn_market_digest(copy) == tn_market_digest(original));
    for (uint32_t turn = 0; turn < 3; turn++) {
        struct tn_inbox inbox;
        case_frame(DAN, &bid, 1);
        assert_true(tn_market_inbox_next(original, &inbox));
        uint8_t block[64];
        size_t size = case_block_entry(block, &inbox);
        for (uint32_t side = 0; side < 2; side++) {
            story.market = side == 0 ? original : copy;
            assert_true(apply_frame());
            assert_int_equal(story.steps[0].fault, 0);
            assert_true(apply_bytes(block, size));
        }
        assert_true(tn_market_digest(copy) == tn_market_digest(original));
    }
    struct tn_inbox_session session = case_session_of(BOB);
    case_session(&session);
    struct tn_inbox inbox = case_block(100);
    uint64_t ids[2];
    for (uint32_t side = 0; side < 2; side++) {
        story.market = side == 0 ? original : copy;
        assert_true(tn_market_inbox(story.market, &inbox));
        assert_true(apply_block(&inbox));
        ids[side] = story.last[0].order_id;
    }
    assert_true(ids[0] == ids[1] && (uint32_t)ids[0] == DAN); /* the lowest seat that is free */
    assert_true(tn_market_digest(copy) == tn_market_digest(original));
    story.market = original;
}

static void test_market_read_back_from_records_goes_on_alike(void **state)
{
    (void)state;
    struct tn_import_fault fault;
    make_history();
    struct tn_market *copy = imported(&fault, 0, 0, 0);
    assert_non_null(copy);
    tn_market_check(copy);
    struct tn_hash a, b;
    tn_market_inboxes_root(&a, story.market);
    tn_market_inboxes_root(&b, copy);
    assert_true(tn_hash_equal(&a, &b));
    struct tn_record_name names[8];
    assert_int_equal(tn_market_touched(copy, names, 8), 0);
    expect_copy_goes_on_alike(copy);
    free(copy);
}

static void test_market_clone_goes_on_alike_and_leaves_its_source_alone(void **state)
{
    (void)state;
    make_history();
    size_t size = tn_market_size(&stream_case.limits);
    void *memory = case_room(size);
    memset(memory, 0x5a, size);
    struct tn_market *copy = tn_market_clone(memory, story.market);
    const struct tn_market_world world = {.signatures = &stream_case.signatures};
    tn_market_lend(copy, &world);
    expect_copy_goes_on_alike(copy);
    uint64_t before = tn_market_digest(story.market);
    const struct tn_market_out out = {.step = on_step};
    const struct tn_command bid = case_limit(TN_BUY, stream_case.put, 1000, 5);
    case_frame(BOB, &bid, 1);
    story.steps_count = 0;
    assert_true(tn_market_apply(copy, &story.fault, &stream_case.scratch, &out, stream_case.frame,
                                stream_case.frame_size));
    assert_int_equal(story.steps[0].fault, 0);
    assert_true(tn_market_digest(copy) != before);
    assert_true(tn_market_digest(story.market) == before);
    memset(story.market, 0xa5, size); /* the clone needs nothing of it */
    tn_market_check(copy);
    free(story.market);
    story.market = copy;
}

static void test_market_import_refuses_records_that_cannot_be(void **state)
{
    (void)state;
    struct tn_import_fault fault;
    make_history();
    const struct {
        uint8_t kind;
        uint32_t index, byte;
    } spoils[] = {
        {TN_RECORD_SESSION, 2, 7},  /* id of another seat */
        {TN_RECORD_SESSION, 2, 8},  /* no such account */
        {TN_RECORD_SESSION, 2, 12}, /* no such scope */
        {TN_RECORD_SESSION, 2, 0},  /* newer than the last */
        {TN_RECORD_SESSION, 2, 24}, /* 2 or 3 becomes the other: the next one is for that */
        {TN_RECORD_STREAM, 0, 3},   /* version */
        {TN_RECORD_STREAM, 0, 7},   /* market */
        {TN_RECORD_STREAM, 0, 20},  /* chain */
        {TN_RECORD_STREAM, 0, 55},  /* a limit */
        {TN_RECORD_STREAM, 0, 71},  /* cursor */
        {TN_RECORD_STREAM, 0, 79},  /* first height */
        {TN_RECORD_STREAM, 0, 87},  /* count */
        {TN_RECORD_INBOX, 3, 7},    /* height */
        {TN_RECORD_INBOX, 3, 51},   /* count of items */
        {TN_RECORD_INBOX, 3, 55},   /* size of the first */
        {TN_RECORD_INBOX, 3, 56},   /* its kind becomes 0 */
    };
    for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
        bool is_other_key = spoils[i].kind == TN_RECORD_SESSION && spoils[i].byte == 24;
        struct tn_market *copy = imported(&fault, spoils[i].kind, spoils[i].index, spoils[i].byte);
        if (is_other_key) {
            assert_non_null(copy);
            assert_true(tn_market_digest(copy) != tn_market_digest(story.market));
            free(copy);
            continue;
        }
        if (copy != NULL) print_error("spoilt record %zu was taken\n", i);
        assert_null(copy);
        assert_non_null(fault.what);
    }
}

static void test_market_marks_every_record_that_it_changes(void **state)
{
    (void)state;
    static uint8_t kept[TN_MARKET_KINDS][64][1 << 12], now[1 << 16];
    static size_t sizes[TN_MARKET_KINDS][64];
    struct tn_record_name names[3];
    uint64_t changed[TN_MARKET_KINDS] = {0};
    memset(sizes, 0, sizeof sizes);
    for (uint32_t turn = 0; turn < 3; turn++) {
        uint32_t count;
        while ((count = tn_market_touched(story.market, names, 3)) > 0) {
            for (uint32_t i = 0; i < count; i++) {
                if (names[i].kind < TN_RECORD_KINDS) continue; /* the exchange's have their test */
                size_t size = tn_market_record(story.market, kept[names[i].kind][names[i].index],
                                               sizeof kept[0][0], names[i].kind, names[i].index);
                sizes[names[i].kind][names[i].index] = size;
                changed[names[i].kind]++;
            }
        }
        for (uint8_t kind = TN_RECORD_SESSION; kind < TN_MARKET_KINDS; kind++) {
            for (uint32_t i = 0; i < tn_market_records_max(&stream_case.limits, kind); i++) {
                size_t size = tn_market_record(story.market, now, sizeof now, kind, i);
                assert_int_equal(size, sizes[kind][i]);
                assert_memory_equal(now, kept[kind][i], size);
            }
        }
        if (turn == 0) make_history();
        if (turn == 1) {
            for (uint32_t i = 0; i < 3; i++)
                take_oldest();
        }
    }
    assert_true(changed[TN_RECORD_SESSION] > 5 && changed[TN_RECORD_STREAM] == 3 &&
                changed[TN_RECORD_INBOX] > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_market_holds_inboxes_of_so_many_blocks),
        STORY(test_market_holds_inboxes_of_so_many_bytes),
        STORY(test_market_keeps_items_whole_wherever_they_lie),
        STORY(test_market_consumes_the_oldest_inbox_when_asked_as_a_stream_would),
        STORY(test_market_root_of_inboxes_names_all_that_waits_and_the_cursor),
        STORY(test_market_read_back_from_records_goes_on_alike),
        STORY(test_market_clone_goes_on_alike_and_leaves_its_source_alone),
        STORY(test_market_import_refuses_records_that_cannot_be),
        STORY(test_market_marks_every_record_that_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
