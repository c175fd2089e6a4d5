/* The bytes of items, records and the root are those of tests/vectors/market, which a script makes
 * from docs/specs/market.md alone. */
#include "market_story.h"

#include <stdio.h>

static FILE *vectors;

static void expect_vector(const char *name, const uint8_t *bytes, size_t size)
{
    static char line[8192], expected[8192];
    int at = snprintf(expected, sizeof expected, "%s ", name);
    for (size_t i = 0; i < size; i++)
        at += snprintf(expected + at, sizeof expected - (size_t)at, "%02x", bytes[i]);
    snprintf(expected + at, sizeof expected - (size_t)at, "\n");
    assert_non_null(fgets(line, sizeof line, vectors));
    assert_string_equal(line, expected);
}

static void expect_record(const char *name, uint8_t kind, uint32_t index)
{
    uint8_t record[4096];
    size_t size = tn_market_record(story.market, record, sizeof record, kind, index);
    assert_true(size > 0 && size <= sizeof record);
    expect_vector(name, record, size);
}

static void expect_root(const char *name)
{
    struct tn_hash root;
    tn_market_inboxes_root(&root, story.market);
    expect_vector(name, root.bytes, sizeof root.bytes);
}

static void expect_items(const uint8_t owner[TN_OWNER_SIZE], const struct tn_inbox_session *session)
{
    uint8_t item[512], entry[64];
    const struct tn_command cancel = {
        .kind = TN_COMMAND_CANCEL, .client_id = 9, .as.cancel = {.order_id = 77}};
    struct tn_entry frame = frame_entry(3, 41, &cancel, 1);
    const struct tn_entry list = list_entry(UINT64_C(0x0102030405060708));
    frame.as.frame.valid_until_block = 1000;
    size_t size = tn_stream_write_entry(entry, sizeof entry, &list);
    size = tn_inbox_write_item(item, sizeof item, TN_INBOX_ENTRY, entry, size);
    expect_vector("item_entry", item, size);
    expect_vector("item_owner_frame", item,
                  tn_inbox_write_owner_frame(item, sizeof item, owner, &frame));
    expect_vector("item_session_open", item,
                  tn_inbox_write_session_open(item, sizeof item, session));
    expect_vector("item_session_close", item,
                  tn_inbox_write_session_close(item, sizeof item, owner, UINT64_C(7) << 32 | 3));
    expect_vector("item_account", item, tn_inbox_write_account(item, sizeof item, owner, 1, 0));
}

/* What crosses markets: one on its way, one that comes back, and how many have arrived. */
static void expect_remits(const uint8_t owner[TN_OWNER_SIZE])
{
    uint8_t item[128];
    struct tn_remit in = {.from_market = 3,
                          .from_account = 17,
                          .to_market = 1,
                          .to_account = 1 << 20,
                          .amount = TN_REMIT_AMOUNT_MAX};
    memcpy(in.owner, owner, sizeof in.owner);
    const struct tn_remit back = {.from_market = 1,
                                  .from_account = 17,
                                  .to_market = 4,
                                  .to_account = 5,
                                  .reject = TN_REJECT_OWNER_MISMATCH,
                                  .amount = 250500000};
    expect_vector("item_remit", item, tn_inbox_write_remit(item, sizeof item, &in));
    expect_vector("item_remit_back", item, tn_inbox_write_remit(item, sizeof item, &back));
    expect_vector("item_remits_ended", item,
                  tn_inbox_write_remits_ended(item, sizeof item, 4, TN_REMIT_OUT_MAX - 1));
}

static struct tn_inbox inbox_of(uint64_t height, int64_t time_ms)
{
    struct tn_inbox inbox = {.height = height, .time_ms = time_ms};
    memset(inbox.block_hash.bytes, (int)height, TN_HASH_SIZE);
    return inbox;
}

static void test_market_writes_the_bytes_of_the_page(void **state)
{
    (void)state;
    struct tn_inbox_session session = {
        .nonce = 5, .account = 0, .scope = TN_SCOPE_ALL, .expires_ms = 1800000000000};
    uint8_t owner[TN_OWNER_SIZE], items[512];
    for (uint8_t i = 0; i < TN_OWNER_SIZE; i++)
        owner[i] = (uint8_t)(i + 1);
    session.key.bytes[0] = 2;
    for (uint8_t i = 0; i < 32; i++)
        session.key.bytes[i + 1] = (uint8_t)(i + 100);
    memcpy(session.owner, owner, sizeof owner);
    stream_case.limits.sessions_max = 64;
    stream_case.limits.sessions_per_account_max = 4;
    stream_case.limits.inboxes_max = 128;
    stream_case.limits.inbox_bytes_max = 65536;
    story.market = case_market();
    expect_items(owner, &session);
    expect_remits(owner);

    struct tn_inbox first = inbox_of(5, 1700000000000);
    size_t size = tn_inbox_write_account(items, sizeof items, owner, 1, 0);
    size += tn_inbox_write_session_open(items + size, sizeof items - size, &session);
    first.items = items;
    first.items_size = (uint32_t)size;
    first.items_count = 2;
    const struct tn_inbox second = inbox_of(6, 1700000000100);
    assert_true(tn_market_inbox(story.market, &first));
    assert_true(tn_market_inbox(story.market, &second));
    expect_record("inbox_first", TN_RECORD_INBOX, 5);
    expect_record("inbox_second", TN_RECORD_INBOX, 6);
    expect_record("stream_waiting", TN_RECORD_STREAM, 0);
    expect_root("root_waiting");
    assert_true(apply_block(&first));
    expect_record("stream_after", TN_RECORD_STREAM, 0);
    expect_record("session_after", TN_RECORD_SESSION, 0);
    expect_root("root_after");
}

static int open_vectors(void **state)
{
    (void)state;
    vectors = fopen(TENOR_MARKET_VECTORS "/vectors.txt", "r");
    assert_non_null(vectors);
    case_open();
    return 0;
}

static int close_vectors(void **state)
{
    fclose(vectors);
    return close_story(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_market_writes_the_bytes_of_the_page, open_vectors,
                                        close_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
