/* Accounts' streams that come from the store: the very bytes that memory would have told, behind
 * any place, across the seam to what goes on, across restarts, and no further back than it says. */
#include "gateway_case.h"
#include "store_script.h"

#include "cluster/keeper.h"
#include "cluster/past.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    FIRST = CASE_HEIGHT + 1,
    TOLD_MAX = 4096,
    HISTORY_BYTES = 65536, /* room for some 280 events */
    ACCOUNTS = 3,
    STEPS_MAX = 1024,
    EVENTS_MAX = 8,
    HOUR_MS = 3600000,
};

/* What the client that was always there was told, as bytes. */
struct told {
    struct gateway_place at;
    uint8_t bytes[256];
    size_t size;
};

/* What blocks brought about, so that a node that starts again can execute them again. */
struct kept_step {
    struct port_step step;
    struct tn_event events[EVENTS_MAX];
};

struct story {
    struct gateway_case node;
    char folder[256], path[300];
    struct store_config config;
    struct store *store;
    struct past *past;
    uint64_t random, durable; /* durable: height of the last checkpoint */
    int64_t time_ms, block_ms;
    struct kept_step steps[STEPS_MAX];
    uint32_t steps_count;
    struct told told[TOLD_MAX];
    uint32_t told_count;
};

static uint64_t draw(struct story *story, uint64_t below)
{
    story->random = story->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (story->random >> 33) % below;
}

/* ---- The node ----------------------------------------------------------------------------------
 */

static void open_store(struct story *story)
{
    struct store_trail trail;
    if (store_open(&story->store, &story->config, &trail) != STORE_OK) fail_msg("%s", trail.text);
    story->past = past_make(1 << 20, story->config.receipts_hours, TN_CPU_BASE);
    assert_non_null(story->past);
    if (!past_begin(story->past, story->store, &trail)) fail_msg("%s", trail.text);
}

static void checkpoint(struct story *story)
{
    if (story->durable == story->node.height) return;
    const struct store_point point = {.height = story->node.height};
    enum store_err err = store_checkpoint(story->store, &point);
    while (err == STORE_OK && (err = store_drain(story->store, 1000)) == STORE_BUSY)
        err = STORE_OK;
    assert_int_equal(err, STORE_OK);
    story->durable = story->node.height;
}

static struct story *begin_with(uint64_t seed, uint32_t hours)
{
    struct story *story = calloc(1, sizeof *story);
    story->random = seed;
    story->time_ms = CASE_TIME_MS;
    story->block_ms = 100;
    script_make_folder(story->folder, sizeof story->folder);
    snprintf(story->path, sizeof story->path, "%s/store", story->folder);
    story->config = script_config(story->path);
    story->config.threaded = true; /* as a node's: the map may grow while it is read */
    story->config.archive = false;
    story->config.prune_keys_max = 4096;
    story->config.retain_hours = 1000;
    story->config.receipts_hours = hours;
    open_store(story);
    /* Where a node begins whose state came from others: it has none of the blocks up to there. */
    struct store_trail trail;
    story->durable = 0;
    story->node.height = CASE_HEIGHT;
    checkpoint(story);
    past_end(story->past);
    assert_true(past_begin(story->past, story->store, &trail));
    case_prepare(&story->node);
    story->node.options.limits.history_bytes = HISTORY_BYTES;
    story->node.options.limits.past_percent = 100;
    past_fill_source(&story->node.options.past, story->past);
    case_start(&story->node);
    return story;
}

static struct story *begin(uint64_t seed)
{
    return begin_with(seed, 0);
}

static void end(struct story *story)
{
    case_end(&story->node);
    past_end(story->past);
    past_free(story->past);
    store_close(story->store);
    script_remove_folder(story->path);
    script_remove_folder(story->folder);
    free(story);
}

static int64_t draw_number(struct story *story)
{
    const int64_t number = (int64_t)(draw(story, UINT64_C(1) << 31) << draw(story, 32));
    return draw(story, 3) == 0 ? -number : number;
}

static struct tn_event draw_event(struct story *story)
{
    static const uint8_t kinds[] = {TN_EVENT_RESULT, TN_EVENT_TRADE,  TN_EVENT_TRADE,
                                    TN_EVENT_QUOTED, TN_EVENT_MONEY,  TN_EVENT_FUNDED,
                                    TN_EVENT_MARKED, TN_EVENT_SEIZED, TN_EVENT_CANCELLED};
    struct tn_event event = {.kind = kinds[draw(story, sizeof kinds)],
                             .side = (uint8_t)draw(story, 2),
                             .flags = (uint8_t)draw(story, 128),
                             .reason = (uint8_t)draw(story, 16),
                             .reject = (uint16_t)draw(story, 2) * 201,
                             .account = CASE_ACCOUNT + (uint32_t)draw(story, 3),
                             .other_account = CASE_ACCOUNT + (uint32_t)draw(story, 3),
                             .series_id = draw(story, 4) << 56 | draw(story, 1000),
                             .order_id = draw(story, UINT64_C(1) << 31),
                             .client_id = draw(story, 2000),
                             .price = draw_number(story),
                             .quantity = draw_number(story),
                             .remaining = draw_number(story),
                             .money = draw_number(story)};
    event.other_fee = draw_number(story);
    if (event.kind == TN_EVENT_MARKED) event.account = TN_NONE;
    if (draw(story, 5) == 0) event.other_account = TN_NONE;
    return event;
}

static void tell_step(struct story *story, const struct kept_step *kept)
{
    const struct port_piece pieces[] = {
        {&kept->step, sizeof kept->step},
        {kept->events, kept->step.events_count * sizeof kept->events[0]}};
    port_tell_pieces(story->node.port, PORT_STEP, 0, pieces, 2);
    past_step(story->past, &kept->step, kept->events);
}

/* The block is told, and in the store's queue. */
static void close_block(struct story *story)
{
    const uint64_t height = story->node.height + 1;
    const struct store_block block = {.height = height,
                                      .time_ms = (uint64_t)story->time_ms,
                                      .hash = {{(uint8_t)height, (uint8_t)(height >> 8)}},
                                      .header = (const uint8_t *)"head",
                                      .header_size = 4};
    assert_int_equal(store_put_block(story->store, &block), STORE_OK);
    past_block(story->past, height, story->time_ms);
    node_block(&story->node, height);
    story->time_ms += story->block_ms;
}

/* A new block. Returns how many messages the account has in it. */
static uint32_t make_block(struct story *story)
{
    uint32_t messages = 0, count = (uint32_t)draw(story, 4);
    for (uint32_t i = 0; i < count; i++) {
        TN_ASSERT(story->steps_count < STEPS_MAX);
        struct kept_step *kept = &story->steps[story->steps_count++];
        kept->step = (struct port_step){.block = story->node.height + 1,
                                        .time_ms = story->time_ms,
                                        .market = CASE_MARKET,
                                        .term = story->node.term,
                                        .sequence = story->node.sequence + 1,
                                        .entry = i,
                                        .account = CASE_ACCOUNT + (uint32_t)draw(story, ACCOUNTS),
                                        .nonce = 1 + draw(story, 100000),
                                        .events_count = 1 + (uint32_t)draw(story, EVENTS_MAX)};
        for (uint32_t k = 0; k < kept->step.events_count; k++) {
            uint32_t accounts[2];
            kept->events[k] = draw_event(story);
            const uint32_t of = gateway_history_accounts(accounts, &kept->events[k]);
            messages += of > 0 && accounts[0] == CASE_ACCOUNT;
            messages += of > 1 && accounts[1] == CASE_ACCOUNT;
        }
        tell_step(story, kept);
    }
    close_block(story);
    return messages;
}

/* The node stops and starts: its store stands at its last checkpoint, and what follows it is
 * executed again, as its log says. */
static void start_again(struct story *story)
{
    const uint64_t height = story->node.height;
    gateway_close(story->node.gateway);
    past_end(story->past);
    past_free(story->past);
    store_close(story->store);
    port_free(story->node.port);
    open_store(story);
    story->node.port = port_make(1 << 20, 8 << 20);
    past_fill_source(&story->node.options.past, story->past);
    story->node.height = story->durable;
    story->time_ms -= (int64_t)(height - story->durable) * story->block_ms;
    case_start(&story->node);
    for (uint32_t i = 0; story->node.height < height;) {
        for (; i < story->steps_count && story->steps[i].step.block <= story->node.height + 1;
             i++) {
            if (story->steps[i].step.block == story->node.height + 1)
                tell_step(story, &story->steps[i]);
        }
        close_block(story);
    }
}

/* ---- Clients -----------------------------------------------------------------------------------
 */

static const Tenor__V1__FromNode *next_message(struct case_client *client)
{
    return client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
}

/* Of the client that was always there. */
static void remember(struct story *story, struct case_client *client, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const Tenor__V1__FromNode *message = next_message(client);
        TN_ASSERT(story->told_count < TOLD_MAX);
        struct told *told = &story->told[story->told_count++];
        told->size = tenor__v1__from_node__get_packed_size(message);
        assert_true(told->size <= sizeof told->bytes);
        tenor__v1__from_node__pack(message, told->bytes);
        told->at = (struct gateway_place){message->account_message->at->block,
                                          message->account_message->at->index};
    }
}

static void expect_same(const struct story *story, struct case_client *client, uint32_t from)
{
    uint8_t bytes[256];
    for (uint32_t i = from; i < story->told_count; i++) {
        const Tenor__V1__FromNode *message = next_message(client);
        const size_t size = tenor__v1__from_node__get_packed_size(message);
        assert_int_equal(size, story->told[i].size);
        tenor__v1__from_node__pack(message, bytes);
        assert_memory_equal(bytes, story->told[i].bytes, size);
    }
}

static struct case_client *resume(struct story *story, struct gateway_place after)
{
    Tenor__V1__Place place = TENOR__V1__PLACE__INIT;
    place.block = after.block;
    place.index = after.index;
    return client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, &place);
}

/* It resumes behind the told message before `from`, hears the rest, and then nothing more. */
static void resume_from(struct story *story, uint32_t from)
{
    const struct gateway_place begin_at = {CASE_HEIGHT, UINT32_MAX};
    struct case_client *client = resume(story, from == 0 ? begin_at : story->told[from - 1].at);
    expect_same(story, client, from);
    client_ping(client);
    client_close(client);
}

static void make_blocks(struct story *story, struct case_client *there, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        remember(story, there, make_block(story));
        if (draw(story, 7) == 0) checkpoint(story);
    }
}

/* ---- Tests -------------------------------------------------------------------------------------
 */

static void test_past_tells_the_same_bytes_behind_every_place(void **state)
{
    struct story *story = begin(1);
    (void)state;
    struct case_client *there =
        client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    make_blocks(story, there, 100);
    /* Each place at both ends and about where memory begins, and many of the others. */
    const uint32_t count = story->told_count;
    const uint32_t seam = count - (uint32_t)case_count(&story->node, history_events) / ACCOUNTS;
    for (uint32_t i = 0; i <= count; i++) {
        if (i < 10 || i + 10 > count || (i + 25 > seam && i < seam + 25) || i % 7 == 0)
            resume_from(story, i);
    }
    assert_true(case_count(&story->node, past_events) > 0);
    /* Places between messages, and blocks without any. */
    for (uint64_t height = CASE_HEIGHT; height < story->node.height; height += 9) {
        uint32_t from = 0;
        while (from < story->told_count && story->told[from].at.block <= height)
            from++;
        struct case_client *client = resume(story, (struct gateway_place){height, UINT32_MAX});
        expect_same(story, client, from);
        client_close(client);
    }
    client_close(there);
    end(story);
}

static void test_past_goes_on_while_the_chain_does(void **state)
{
    struct story *story = begin(2);
    (void)state;
    struct case_client *there =
        client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    make_blocks(story, there, 60);
    for (uint32_t i = 0; i < 12; i++) {
        const uint32_t from = story->told_count / 13 * i;
        struct case_client *client =
            resume(story, from == 0 ? (struct gateway_place){CASE_HEIGHT, UINT32_MAX}
                                    : story->told[from - 1].at);
        make_blocks(story, there, 12); /* memory forgets some of what it needs meanwhile */
        expect_same(story, client, from);
        client_ping(client); /* it is read again */
        client_close(client);
    }
    client_close(there);
    end(story);
}

static void test_past_goes_back_before_a_restart(void **state)
{
    struct story *story = begin(3);
    (void)state;
    for (uint32_t round = 0; round < 3; round++) {
        struct case_client *there =
            client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
        client_ping(there);
        make_blocks(story, there, 30);
        client_close(there);
        start_again(story);
        for (uint32_t i = 0; i <= story->told_count; i += 11)
            resume_from(story, i);
    }
    end(story);
}

static uint64_t refused_as_old(struct story *story, uint64_t block)
{
    unsigned long long oldest = 0;
    Tenor__V1__Place after = TENOR__V1__PLACE__INIT;
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    struct case_client *client = client_open(&story->node);
    after.block = block;
    after.index = UINT32_MAX;
    logon.market = CASE_MARKET;
    logon.session = CASE_SESSION;
    logon.resume_after = &after;
    client_send_logon(&story->node, client, &logon);
    node_session(&story->node, node_ask(&story->node, PORT_SESSION).tag, CASE_TIME_MS * 2, 0);
    const Tenor__V1__Error *error = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR)->error;
    assert_int_equal(error->code, WIRE_ERROR_RESUME_OLD);
    const char *number = strstr(error->text, " has is ");
    assert_non_null(number);
    assert_int_equal(sscanf(number, " has is %llu:", &oldest), 1);
    client_close(client);
    return oldest;
}

static void test_past_names_the_oldest_block_that_it_has(void **state)
{
    struct story *story = begin(4);
    (void)state;
    /* Of the blocks before it came it has none. */
    assert_int_equal(refused_as_old(story, CASE_HEIGHT - 1), FIRST);
    struct case_client *there =
        client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    story->block_ms = HOUR_MS * 100;
    make_blocks(story, there, 60); /* ten of which are kept for 1 000 hours */
    checkpoint(story);
    remember(story, there, make_block(story));
    const uint64_t oldest = refused_as_old(story, FIRST);
    assert_in_range(oldest, story->node.height - 13, story->node.height - 8);
    uint32_t from = 0;
    while (story->told[from].at.block < oldest)
        from++;
    struct case_client *client = resume(story, (struct gateway_place){oldest - 1, UINT32_MAX});
    expect_same(story, client, from);
    client_close(client);
    client_close(there);
    end(story);
}

static bool count_value(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                        size_t value_size)
{
    (void)key, (void)key_size, (void)value, (void)value_size;
    ++*(uint32_t *)context;
    return true;
}

static uint32_t count_of(struct story *story, enum store_database database)
{
    struct store_trail trail;
    struct store_view *view;
    uint32_t count = 0;
    assert_int_equal(store_view_begin(story->store, &view, &trail), STORE_OK);
    assert_int_equal(store_each(view, database, NULL, 0, count_value, &count), STORE_OK);
    store_view_end(view);
    return count;
}

static void test_past_keeps_rows_for_hours_of_their_own(void **state)
{
    struct story *story = begin_with(8, 10);
    (void)state;
    struct case_client *there =
        client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    story->block_ms = HOUR_MS / 3;
    make_blocks(story, there, 90);
    checkpoint(story);
    remember(story, there, make_block(story));
    /* All blocks are there, and rows of 30 of them, or fewer, and the mark. */
    assert_int_equal(count_of(story, STORE_BLOCKS), 90);
    assert_in_range(count_of(story, STORE_RECEIPTS), 15, 32);
    const uint64_t oldest = refused_as_old(story, FIRST);
    assert_int_equal(oldest, story->node.height - 1 - 30);
    uint32_t from = 0;
    while (story->told[from].at.block < oldest)
        from++;
    struct case_client *client = resume(story, (struct gateway_place){oldest - 1, UINT32_MAX});
    expect_same(story, client, from);
    client_close(client);
    client_close(there);
    start_again(story);
    assert_int_equal(refused_as_old(story, FIRST), oldest);
    end(story);
}

static void test_past_begins_behind_a_block_that_it_lost(void **state)
{
    struct story *story = begin(5);
    (void)state;
    struct case_client *there =
        client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    make_blocks(story, there, 80);
    checkpoint(story);
    /* One checkpoint of a program that keeps no rows: none of before can be told without a gap. */
    past_end(story->past);
    remember(story, there, make_block(story));
    checkpoint(story);
    const uint64_t lost = story->node.height;
    struct store_trail trail;
    assert_true(past_begin(story->past, story->store, &trail));
    assert_int_equal(refused_as_old(story, FIRST), lost + 1);
    make_blocks(story, there, 60);
    assert_int_equal(refused_as_old(story, lost - 1), lost + 1);
    uint32_t from = 0;
    while (story->told[from].at.block <= lost)
        from++;
    struct case_client *client = resume(story, (struct gateway_place){lost, UINT32_MAX});
    expect_same(story, client, from);
    client_close(client);
    client_close(there);
    end(story);
}

static void test_past_leaves_rows_of_another_version_alone(void **state)
{
    struct story *story = begin(8);
    struct store_trail trail;
    uint8_t mark[17] = {1};
    (void)state;
    struct case_client *there =
        client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    make_blocks(story, there, 60);
    checkpoint(story);
    assert_int_equal(refused_as_old(story, FIRST - 2), FIRST);
    /* As a program of before leaves the store: its rows, whatever they are, and its mark. */
    past_end(story->past);
    remember(story, there, make_block(story));
    tn_put_be(mark + 1, FIRST, 8);
    tn_put_be(mark + 9, story->node.height, 8);
    for (uint64_t height = FIRST; height <= story->node.height; height++)
        assert_int_equal(store_put_receipts(story->store, height, mark, 9), STORE_OK);
    assert_int_equal(
        store_put_receipts(story->store, keeper_kept_height(KEPT_PAST, 0), mark, sizeof mark),
        STORE_OK);
    checkpoint(story);
    const uint64_t before = story->node.height;
    assert_true(past_begin(story->past, story->store, &trail));
    assert_int_equal(refused_as_old(story, FIRST), before + 1);
    make_blocks(story, there, 60);
    checkpoint(story);
    assert_int_equal(refused_as_old(story, FIRST), before + 1);
    uint32_t from = 0;
    while (story->told[from].at.block <= before)
        from++;
    struct case_client *client = resume(story, (struct gateway_place){before, UINT32_MAX});
    expect_same(story, client, from);
    assert_false(past_take_fault(story->past, &trail));
    client_close(client);
    client_close(there);
    end(story);
}

static void test_past_says_how_far_it_is(void **state)
{
    struct story *story = begin(6);
    uint32_t heard = 0;
    uint64_t height = 0;
    (void)state;
    struct case_client *there =
        client_log_on(&story->node, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    make_blocks(story, there, 60);
    checkpoint(story);
    /* What the store does not have yet and memory no more is waited for. */
    for (uint32_t i = 0; i < 40; i++)
        remember(story, there, make_block(story));
    struct case_client *client = client_open(&story->node);
    Tenor__V1__Place after = TENOR__V1__PLACE__INIT;
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    after.block = CASE_HEIGHT;
    after.index = UINT32_MAX;
    logon.market = CASE_MARKET;
    logon.session = CASE_SESSION;
    logon.resume_after = &after;
    logon.heartbeat_ms = 1000;
    client_send_logon(&story->node, client, &logon);
    node_session(&story->node, node_ask(&story->node, PORT_SESSION).tag, CASE_TIME_MS * 2, 0);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_LOGON_ACK);
    while (heard < story->told_count && story->told[heard].at.block <= story->durable) {
        next_message(client);
        heard++;
    }
    const Tenor__V1__Heartbeat *heartbeat =
        client_expect(client, TENOR__V1__FROM_NODE__BODY_HEARTBEAT)->heartbeat;
    height = heartbeat->height;
    assert_int_equal(height, story->durable);
    assert_int_equal(heartbeat->n_markets, 0);
    assert_int_equal(case_count(&story->node, behind), 1);
    checkpoint(story);
    expect_same(story, client, heard);
    client_ping(client);
    assert_int_equal(case_count(&story->node, behind), 0);
    client_close(client);
    client_close(there);
    end(story);
}

/* ---- Rows --------------------------------------------------------------------------------------
 */

static void test_past_row_gives_back_what_it_was_given(void **state)
{
    struct story *story = calloc(1, sizeof *story);
    struct gateway_history *history = gateway_history_make(1 << 20);
    struct past_row *row = past_row_make(1 << 20, TN_CPU_BASE);
    const uint8_t *bytes;
    size_t size, damaged;
    struct past_row_head head;
    struct past_row_messages messages;
    struct gateway_told expected;
    struct gateway_record record;
    (void)state;
    story->random = 7;
    for (uint32_t i = 0; i < 200; i++) {
        struct tn_event events[EVENTS_MAX];
        struct port_step step = {.block = 9,
                                 .time_ms = -5,
                                 .market = 1 + (uint32_t)draw(story, 2),
                                 .account = CASE_ACCOUNT + (uint32_t)draw(story, 3),
                                 .nonce = UINT64_MAX - draw(story, 3),
                                 .events_count = (uint32_t)draw(story, EVENTS_MAX)};
        for (uint32_t k = 0; k < step.events_count; k++)
            events[k] = draw_event(story);
        if (step.events_count > 0) events[0].price = INT64_MIN;
        if (step.events_count > 1) events[1].quantity = INT64_MAX;
        past_row_add(row, &step, events);
        gateway_history_add(history, &step, events);
    }
    assert_true(past_row_finish(row, &bytes, &size, 9, -5));
    assert_true(past_row_open(&head, TN_CPU_BASE, bytes, size));
    assert_in_range(head.places_count, 6, 600);
    for (uint32_t i = 0; i < 6; i++) {
        struct gateway_cursor cursor = {
            .market = 1 + i / 3, .account = CASE_ACCOUNT + i % 3, .after = {8, UINT32_MAX}};
        assert_true(past_row_find(&messages, &head, cursor.market, cursor.account));
        while (gateway_history_next(history, &cursor, &expected) == GATEWAY_HISTORY_NEXT) {
            for (uint32_t k = 0; k < expected.count; k++) {
                uint8_t event[WIRE_EVENT_BYTES];
                assert_int_equal(past_row_next(&messages, &record), PAST_ROW_NEXT);
                const size_t event_size = wire_write_account_event(event, &record.event);
                assert_memory_equal(event,
                                    expected.events + wire_account_events_size(expected.events, k),
                                    event_size);
                assert_int_equal(record.at.block, expected.at.block);
                assert_int_equal(record.at.index, expected.at.index + k);
                assert_int_equal(record.nonce, expected.nonce);
                assert_int_equal(record.time_ms, expected.time_ms);
            }
        }
        assert_int_equal(past_row_next(&messages, &record), PAST_ROW_END);
    }
    assert_false(past_row_find(&messages, &head, 3, CASE_ACCOUNT));
    uint8_t *copy = malloc(size);
    for (damaged = 0; damaged < 24 + head.places_count * 12 + 4; damaged++) {
        memcpy(copy, bytes, size);
        copy[damaged] ^= 1;
        assert_false(past_row_open(&head, TN_CPU_BASE, copy, size));
    }
    free(copy);
    past_row_free(row);
    gateway_history_free(history);
    free(story);
}

static void test_past_pack_numbers_come_back_from_as_few_bytes_as_they_need(void **state)
{
    uint8_t bytes[TN_PACK_NUMBER_MAX + TN_PACK_SLACK];
    (void)state;
    for (uint32_t bit = 0; bit <= 64; bit++) {
        for (int64_t aside = -1; aside <= 1; aside++) {
            const uint64_t value = (bit < 64 ? UINT64_C(1) << bit : 0) + (uint64_t)aside;
            const uint32_t bits = value == 0 ? 1 : 64 - (uint32_t)__builtin_clzll(value);
            const uint8_t *at = bytes, *end = tn_stream_put_number(bytes, value);
            uint64_t taken;
            assert_int_equal(end - bytes, bits > 56 ? 9 : (bits + 6) / 7);
            assert_false(tn_stream_take_number(&taken, &at, end - 1));
            assert_true(tn_stream_take_number(&taken, &at, end));
            assert_int_equal(taken, value);
            assert_ptr_equal(at, end);
        }
    }
}

static void test_past_pack_a_side_of_a_quote_takes_some_nine_bytes(void **state)
{
    enum { SIDES = 128 };
    struct tn_event events[SIDES], event;
    uint8_t bytes[SIDES * TN_PACK_EVENT_MAX + TN_PACK_SLACK], *out = bytes;
    struct tn_packer packer;
    struct tn_unpacker unpacker;
    (void)state;
    tn_stream_pack_begin(&packer, 7);
    for (uint32_t i = 0; i < SIDES; i++) {
        events[i] = (struct tn_event){.kind = TN_EVENT_QUOTED,
                                      .side = (uint8_t)(i % 2),
                                      .account = 7,
                                      .series_id = UINT64_C(0x309d7036d61600) + (i / 2 << 20),
                                      .order_id = 5000000 + i,
                                      .price = 7000 + (int64_t)i * 300 % 900,
                                      .remaining = 5};
        events[i].index = i;
        out = tn_stream_pack(&packer, out, &events[i]);
    }
    assert_in_range(out - bytes, SIDES * 3, SIDES * 9);
    const uint8_t *at = bytes;
    tn_stream_pack_begin(&unpacker.packer, 7);
    for (uint32_t i = 0; i < SIDES; i++) {
        assert_true(tn_stream_unpack(&unpacker, &event, &at, out));
        assert_memory_equal(&event, &events[i], sizeof event);
    }
    assert_ptr_equal(at, out);
    assert_false(tn_stream_unpack(&unpacker, &event, &at, out));
}

static void test_past_row_that_is_cut_or_damaged_reads_no_further_than_it_goes(void **state)
{
    struct past_row *row = past_row_make(1 << 20, TN_CPU_BASE);
    struct story *story = calloc(1, sizeof *story);
    struct past_row_head head;
    struct past_row_messages messages;
    struct gateway_record record;
    struct tn_event events[EVENTS_MAX];
    const struct port_step step = {
        .block = 9, .market = 1, .account = CASE_ACCOUNT, .events_count = EVENTS_MAX};
    const uint8_t *bytes;
    size_t size;
    (void)state;
    story->random = 9;
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t k = 0; k < EVENTS_MAX; k++)
            events[k] = draw_event(story);
        past_row_add(row, &step, events);
    }
    assert_true(past_row_finish(row, &bytes, &size, 9, 0));
    for (uint32_t trial = 0; trial < 4000; trial++) {
        /* Memory of its own: what reads behind its end is found by the sanitizer. */
        const size_t cut = trial % 2 == 0 ? size - 1 - draw(story, size - 200) : size;
        uint8_t *copy = malloc(cut);
        memcpy(copy, bytes, cut);
        if (trial % 2 == 1) copy[size - 1 - draw(story, size - 200)] ^= 1 << draw(story, 8);
        uint32_t taken = 0;
        if (past_row_open(&head, TN_CPU_BASE, copy, cut) &&
            past_row_find(&messages, &head, 1, CASE_ACCOUNT)) {
            while (past_row_next(&messages, &record) == PAST_ROW_NEXT)
                assert_true(++taken <= size);
        }
        free(copy);
    }
    free(story);
    past_row_free(row);
}

static void test_past_row_that_is_too_large_is_none(void **state)
{
    struct past_row *row = past_row_make(4096, TN_CPU_BASE);
    struct tn_event event = {.kind = TN_EVENT_RESULT, .account = 1, .price = INT64_MAX};
    const struct port_step step = {.block = 9, .market = 1, .events_count = 1};
    const uint8_t *bytes;
    size_t size;
    (void)state;
    for (uint32_t i = 0; i < 400; i++)
        past_row_add(row, &step, &event);
    assert_false(past_row_finish(row, &bytes, &size, 9, 0));
    assert_int_equal(size, 0);
    past_row_add(row, &step, &event); /* the next block is another matter */
    assert_true(past_row_finish(row, &bytes, &size, 10, 0));
    assert_true(size > 0);
    assert_true(past_row_finish(row, &bytes, &size, 11, 0));
    assert_int_equal(size, 0);
    past_row_free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_past_row_gives_back_what_it_was_given),
        cmocka_unit_test(test_past_row_that_is_too_large_is_none),
        cmocka_unit_test(test_past_row_that_is_cut_or_damaged_reads_no_further_than_it_goes),
        cmocka_unit_test(test_past_pack_numbers_come_back_from_as_few_bytes_as_they_need),
        cmocka_unit_test(test_past_pack_a_side_of_a_quote_takes_some_nine_bytes),
        cmocka_unit_test(test_past_leaves_rows_of_another_version_alone),
        cmocka_unit_test(test_past_tells_the_same_bytes_behind_every_place),
        cmocka_unit_test(test_past_goes_on_while_the_chain_does),
        cmocka_unit_test(test_past_goes_back_before_a_restart),
        cmocka_unit_test(test_past_names_the_oldest_block_that_it_has),
        cmocka_unit_test(test_past_keeps_rows_for_hours_of_their_own),
        cmocka_unit_test(test_past_begins_behind_a_block_that_it_lost),
        cmocka_unit_test(test_past_says_how_far_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
