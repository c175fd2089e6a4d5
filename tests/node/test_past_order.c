/* Orders found by their ids in the rows of accounts' messages, held against a list of everything
 * that happened: whatever the blocks brought about, over restarts that execute blocks again, over
 * pruning, and where rows say nothing of orders, as those of programs before did not. */
#include "seed.h"
#include "store_script.h"

#include "cluster/past.h"
#include "cluster/past_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    MARKETS = 2,
    ACCOUNTS = 5,
    BLOCKS_MAX = 400,
    STEPS_MAX = 2000,
    EVENTS_MAX = 12,
    ORDERS_MAX = 4000,
    MESSAGES_MAX = 40000,
    HOUR_MS = 3600000,
};

struct kept_step {
    struct port_step step;
    struct tn_event events[EVENTS_MAX];
};

/* What a block left: whether its row says the last orders, and which these were. */
struct kept_block {
    uint64_t last_order[MARKETS];
    int64_t time_ms;
    bool says_orders, has_row;
};

/* The naive twin's: a message of an order's owner. */
struct message {
    uint32_t market;
    uint64_t order_id;
    uint32_t owner;
    struct gateway_place at;
    struct tn_event event;
};

struct order {
    uint32_t market, account;
    uint64_t id;
    bool is_live, is_quote;
};

struct world {
    char folder[256], path[300];
    struct store_config config;
    struct store *store;
    struct past *past;
    uint64_t random, height, durable;
    int64_t time_ms, block_ms;
    uint64_t last_order[MARKETS];
    struct kept_step *steps;
    uint32_t steps_count;
    struct kept_block blocks[BLOCKS_MAX];
    struct order *orders;
    uint32_t orders_count;
    struct message *messages;
    uint32_t messages_count;
    uint32_t told[MARKETS][ACCOUNTS]; /* messages of the account in the block that is open */
};

static uint64_t draw(struct world *world, uint64_t below)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (world->random >> 33) % below;
}

/* ---- The node ----------------------------------------------------------------------------------
 */

static void open_store(struct world *world)
{
    struct store_trail trail;
    if (store_open(&world->store, &world->config, &trail) != STORE_OK) fail_msg("%s", trail.text);
    world->past = past_make(1 << 20, world->config.receipts_hours, TN_CPU_BASE);
    assert_non_null(world->past);
    if (!past_begin(world->past, world->store, &trail)) fail_msg("%s", trail.text);
}

static void close_store(struct world *world)
{
    past_end(world->past);
    past_free(world->past);
    store_close(world->store);
}

static struct world *begin(uint64_t seed, uint32_t hours)
{
    struct world *world = calloc(1, sizeof *world);
    world->random = seed;
    world->time_ms = 1000 * (int64_t)HOUR_MS;
    world->block_ms = 100;
    world->steps = calloc(STEPS_MAX, sizeof *world->steps);
    world->orders = calloc(ORDERS_MAX, sizeof *world->orders);
    world->messages = calloc(MESSAGES_MAX, sizeof *world->messages);
    script_make_folder(world->folder, sizeof world->folder);
    snprintf(world->path, sizeof world->path, "%s/store", world->folder);
    world->config = script_config(world->path);
    world->config.archive = false;
    world->config.prune_keys_max = 4096;
    world->config.retain_hours = 1000;
    world->config.receipts_hours = hours;
    open_store(world);
    return world;
}

static void end(struct world *world)
{
    close_store(world);
    script_remove_folder(world->path);
    script_remove_folder(world->folder);
    free(world->messages);
    free(world->orders);
    free(world->steps);
    free(world);
}

static void checkpoint(struct world *world)
{
    const struct store_point point = {.height = world->height};
    if (world->durable == world->height) return;
    assert_int_equal(store_checkpoint(world->store, &point), STORE_OK);
    world->durable = world->height;
}

/* ---- What blocks bring about -------------------------------------------------------------------
 */

static void note_for(struct world *world, uint32_t market, uint64_t order_id, uint32_t owner,
                     const struct tn_event *event, uint32_t index)
{
    TN_ASSERT(world->messages_count < MESSAGES_MAX);
    world->messages[world->messages_count++] = (struct message){.market = market,
                                                                .order_id = order_id,
                                                                .owner = owner,
                                                                .at = {world->height + 1, index},
                                                                .event = *event};
}

static void note_message(struct world *world, uint32_t market, const struct tn_event *event)
{
    uint32_t accounts[2], index[2] = {0};
    const uint32_t count = gateway_history_accounts(accounts, event);
    for (uint32_t i = 0; i < count; i++)
        index[i] = world->told[market - 1][accounts[i]]++;
    if (event->kind == TN_EVENT_RESULT || event->kind == TN_EVENT_MARKED ||
        event->kind == TN_EVENT_CALLED)
        return;
    note_for(world, market, event->order_id, event->account, event, index[0]);
    if (event->kind == TN_EVENT_TRADE)
        note_for(world, market, event->other_order_id, event->other_account, event,
                 index[count - 1]);
}

static void add(struct world *world, struct kept_step *kept, struct tn_event event)
{
    TN_ASSERT(kept->step.events_count < EVENTS_MAX);
    event.series_id = 77;
    event.price = (int64_t)draw(world, 1000);
    kept->events[kept->step.events_count++] = event;
    note_message(world, kept->step.market, &event);
}

static struct order *make_order(struct world *world, uint32_t market, uint32_t account)
{
    TN_ASSERT(world->orders_count < ORDERS_MAX);
    struct order *order = &world->orders[world->orders_count++];
    *order = (struct order){.market = market,
                            .account = account,
                            .id = ++world->last_order[market - 1],
                            .is_live = true};
    return order;
}

/* A live order of the market, of the account or of any; NULL: none was met. */
static struct order *draw_order(struct world *world, uint32_t market, uint32_t account)
{
    for (uint32_t tries = 0; tries < 40 && world->orders_count > 0; tries++) {
        /* Now and then an old one. */
        const uint64_t back =
            draw(world, draw(world, 4) == 0 || world->orders_count < 20 ? world->orders_count : 20);
        struct order *order = &world->orders[world->orders_count - 1 - back];
        if (order->is_live && order->market == market &&
            (account == TN_NONE || order->account == account))
            return order;
    }
    return NULL;
}

static void place(struct world *world, struct kept_step *kept)
{
    struct order *maker = draw_order(world, kept->step.market, TN_NONE);
    struct order *order = make_order(world, kept->step.market, kept->step.account);
    add(world, kept,
        (struct tn_event){.kind = TN_EVENT_ACCEPTED,
                          .account = order->account,
                          .order_id = order->id,
                          .client_id = draw(world, 100),
                          .quantity = 9});
    if (maker != NULL && draw(world, 2) == 0) {
        maker->is_live = draw(world, 2) == 0;
        add(world, kept,
            (struct tn_event){.kind = TN_EVENT_TRADE,
                              .account = order->account,
                              .other_account = maker->account,
                              .order_id = order->id,
                              .other_order_id = maker->id,
                              .quantity = 3,
                              .remaining = 6,
                              .other_remaining = maker->is_live});
    }
    if (draw(world, 3) == 0) {
        order->is_live = false;
        add(world, kept,
            (struct tn_event){.kind = TN_EVENT_CANCELLED,
                              .account = order->account,
                              .order_id = order->id,
                              .quantity = 6});
    }
    add(world, kept,
        (struct tn_event){
            .kind = TN_EVENT_RESULT, .account = order->account, .order_id = order->id});
}

static void quote(struct world *world, struct kept_step *kept)
{
    struct order *order = draw_order(world, kept->step.market, kept->step.account);
    if (order == NULL || !order->is_quote) {
        order = make_order(world, kept->step.market, kept->step.account);
        order->is_quote = true;
    }
    add(world, kept,
        (struct tn_event){.kind = TN_EVENT_QUOTED,
                          .account = order->account,
                          .order_id = order->id,
                          .remaining = 5});
}

static void touch(struct world *world, struct kept_step *kept)
{
    static const uint8_t kinds[] = {TN_EVENT_CANCELLED, TN_EVENT_REDUCED, TN_EVENT_REPLACED,
                                    TN_EVENT_REFRESHED, TN_EVENT_TRIGGERED};
    struct order *order = draw_order(world, kept->step.market, TN_NONE);
    if (order == NULL) return;
    const uint8_t kind = kinds[draw(world, sizeof kinds)];
    order->is_live = kind != TN_EVENT_CANCELLED;
    add(world, kept,
        (struct tn_event){.kind = kind, .account = order->account, .order_id = order->id});
}

static void act(struct world *world, struct kept_step *kept)
{
    const uint64_t last = world->last_order[kept->step.market - 1];
    switch (draw(world, 8)) {
        case 0:
        case 1:
        case 2: place(world, kept); return;
        case 3:
        case 4: quote(world, kept); return;
        case 5: touch(world, kept); return;
        case 6: world->last_order[kept->step.market - 1]++; return; /* an id that came to nothing */
        default:
            /* Numbers of other things that look like ids. */
            add(world, kept,
                (struct tn_event){.kind = TN_EVENT_MARKED, .account = TN_NONE, .order_id = last});
            add(world, kept,
                (struct tn_event){
                    .kind = TN_EVENT_CALLED, .account = kept->step.account, .order_id = last});
    }
}

static bool has_owner(const struct kept_step *kept)
{
    uint32_t accounts[2];
    for (uint32_t i = 0; i < kept->step.events_count; i++)
        if (gateway_history_accounts(accounts, &kept->events[i]) > 0) return true;
    return false;
}

/* The block, as it is executed for the first time or again. */
static void tell_block(struct world *world, uint64_t height)
{
    struct kept_block *kept = &world->blocks[height];
    for (uint32_t i = 0; i < world->steps_count; i++) {
        if (world->steps[i].step.block != height) continue;
        past_step(world->past, &world->steps[i].step, world->steps[i].events);
        kept->has_row = kept->has_row || has_owner(&world->steps[i]);
    }
    for (uint32_t i = 0; i < MARKETS && kept->says_orders; i++)
        past_orders(world->past, i + 1, kept->last_order[i]);
    const struct store_block block = {.height = height,
                                      .time_ms = (uint64_t)kept->time_ms,
                                      .hash = {{(uint8_t)height, (uint8_t)(height >> 8)}},
                                      .header = (const uint8_t *)"head",
                                      .header_size = 4};
    assert_int_equal(store_put_block(world->store, &block), STORE_OK);
    past_block(world->past, height, kept->time_ms);
    world->height = height;
}

static void make_block(struct world *world, bool says_orders)
{
    const uint64_t height = world->height + 1;
    const uint32_t count = (uint32_t)draw(world, 4);
    TN_ASSERT(height < BLOCKS_MAX);
    memset(world->told, 0, sizeof world->told);
    for (uint32_t i = 0; i < count; i++) {
        TN_ASSERT(world->steps_count < STEPS_MAX);
        struct kept_step *kept = &world->steps[world->steps_count++];
        kept->step = (struct port_step){.block = height,
                                        .time_ms = world->time_ms,
                                        .market = 1 + (uint32_t)draw(world, MARKETS),
                                        .account = (uint32_t)draw(world, ACCOUNTS),
                                        .nonce = draw(world, 1000)};
        for (uint64_t acts = draw(world, 4); acts > 0 && kept->step.events_count + 4 <= EVENTS_MAX;
             acts--)
            act(world, kept);
    }
    world->blocks[height].time_ms = world->time_ms;
    world->blocks[height].says_orders = says_orders;
    memcpy(world->blocks[height].last_order, world->last_order, sizeof world->last_order);
    world->time_ms += world->block_ms;
    tell_block(world, height);
}

static void make_blocks(struct world *world, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        make_block(world, true);
        if (draw(world, 7) == 0) checkpoint(world);
    }
}

/* It was killed: what is behind the last checkpoint is executed again. */
static void start_again(struct world *world)
{
    const uint64_t height = world->height;
    close_store(world);
    open_store(world);
    for (uint64_t next = world->durable + 1; next <= height; next++)
        tell_block(world, next);
}

/* ---- The twin's answers ------------------------------------------------------------------------
 */

static const struct message *next_of(const struct world *world, uint32_t market, uint64_t order_id,
                                     uint64_t from, const struct message *after)
{
    const struct message *message = after == NULL ? world->messages : after + 1;
    for (; message < world->messages + world->messages_count; message++) {
        if (message->market == market && message->order_id == order_id &&
            message->at.block >= from && message->at.block <= world->durable)
            return message;
    }
    return NULL;
}

/* By a walk over all rows from the lowest on. */
static struct past_order expected_of(const struct world *world, uint32_t market, uint64_t order_id,
                                     uint64_t lowest)
{
    const struct message *first = next_of(world, market, order_id, lowest, NULL);
    uint64_t height = lowest, before = 0;
    bool is_known = false;
    for (; height <= world->durable; height++) {
        const struct kept_block *block = &world->blocks[height];
        if (!block->has_row || !block->says_orders) continue;
        if (block->last_order[market - 1] >= order_id) break;
        is_known = true;
        before = block->last_order[market - 1];
    }
    if (first != NULL && first->at.block <= height)
        return (struct past_order){PAST_ORDER_FOUND, first->owner, first->at.block, 0};
    if (!is_known) return (struct past_order){PAST_ORDER_BEFORE, 0, lowest, 0};
    if (height <= world->durable) return (struct past_order){PAST_ORDER_NONE, 0, 0, 0};
    return (struct past_order){PAST_ORDER_COMING, 0, 0, before};
}

struct telling {
    const struct world *world;
    uint32_t market;
    uint64_t order_id;
    const struct message *last;
};

static bool expect_message(void *context, const struct gateway_record *record)
{
    struct telling *telling = context;
    if (!past_order_is_in(&record->event, telling->order_id)) return true;
    telling->last = next_of(telling->world, telling->market, telling->order_id, record->at.block,
                            telling->last);
    assert_non_null(telling->last);
    assert_int_equal(record->at.block, telling->last->at.block);
    assert_int_equal(record->at.index, telling->last->at.index);
    assert_memory_equal(&record->event, &telling->last->event, sizeof record->event);
    return true;
}

static void check_order(const struct world *world, const struct past_rows *rows, uint64_t order_id,
                        uint64_t lowest)
{
    struct past_order found;
    struct telling telling = {world, rows->market, order_id, NULL};
    const struct past_order expected = expected_of(world, rows->market, order_id, lowest);
    assert_int_equal(past_order_find(&found, rows, order_id), STORE_OK);
    assert_int_equal(found.answer, expected.answer);
    assert_int_equal(found.account, expected.account);
    assert_int_equal(found.height, expected.height);
    assert_int_equal(found.last, expected.last);
    if (found.answer != PAST_ORDER_FOUND) return;
    assert_int_equal(past_rows_walk(rows, found.account, found.height, expect_message, &telling),
                     STORE_OK);
    assert_non_null(telling.last);
    assert_null(next_of(world, rows->market, order_id, lowest, telling.last));
}

static bool expect_none(void *context, const struct gateway_record *record)
{
    (void)context, (void)record;
    fail();
    return false;
}

static bool is_kept(const struct world *world, uint64_t height)
{
    const int64_t newest_ms = world->blocks[world->durable].time_ms;
    const int64_t hours = world->config.receipts_hours;
    return hours == 0 || world->blocks[height].time_ms + hours * HOUR_MS >= newest_ms;
}

/* Every order of both markets, and ids below and above. Returns how many are not there. */
static uint32_t check(struct world *world)
{
    struct store_view *view;
    struct store_trail trail;
    uint32_t missing = 0;
    assert_int_equal(store_view_begin(world->store, &view, &trail), STORE_OK);
    for (uint32_t market = 1; market <= MARKETS; market++) {
        struct past_rows rows = {
            .view = view, .cpu = TN_CPU_BASE, .market = market, .through = world->durable};
        uint64_t lowest, expected;
        assert_int_equal(past_rows_since(&rows.since, view, rows.through), STORE_OK);
        assert_int_equal(past_rows_first(&lowest, &rows), STORE_OK);
        for (expected = rows.since; expected <= world->durable; expected++)
            if (world->blocks[expected].has_row && is_kept(world, expected)) break;
        assert_int_equal(lowest, expected);
        assert_int_equal(past_rows_walk(&rows, TN_NONE, 0, expect_none, NULL), STORE_OK);
        for (uint64_t id = 0; id <= world->last_order[market - 1] + 2; id++) {
            struct past_order found;
            if (id > 0) check_order(world, &rows, id, lowest);
            assert_int_equal(past_order_find(&found, &rows, id), STORE_OK);
            missing += found.answer != PAST_ORDER_FOUND;
        }
    }
    store_view_end(view);
    return missing;
}

/* ---- Tests -------------------------------------------------------------------------------------
 */

static void test_past_order_finds_every_order_that_there_was(void **state)
{
    struct world *world = begin(test_seed("test_past_order"), 0);
    (void)state;
    for (uint32_t round = 0; round < 4; round++) {
        make_blocks(world, 50);
        checkpoint(world);
        check(world);
    }
    end(world);
}

static void test_past_order_is_the_same_after_blocks_are_executed_again(void **state)
{
    struct world *world = begin(test_seed("test_past_order"), 0);
    (void)state;
    for (uint32_t round = 0; round < 8; round++) {
        make_blocks(world, 20);
        start_again(world);
        if (world->durable > 0) check(world);
        make_blocks(world, 3);
        checkpoint(world);
        check(world);
    }
    end(world);
}

static void test_past_order_says_so_when_rows_do_not_go_back_to_it(void **state)
{
    struct world *world = begin(test_seed("test_past_order"), 10);
    (void)state;
    make_blocks(world, 30);
    checkpoint(world);
    const uint32_t missing = check(world);
    world->block_ms = HOUR_MS / 4;
    for (uint32_t round = 0; round < 5; round++) {
        make_blocks(world, 30);
        checkpoint(world);
        start_again(world);
        check(world);
    }
    assert_true(check(world) > missing + 50);
    end(world);
}

static void test_past_order_is_found_among_rows_that_say_nothing_of_orders(void **state)
{
    struct world *world = begin(test_seed("test_past_order"), 0);
    (void)state;
    for (uint32_t i = 0; i < 40; i++) /* of a program before */
        make_block(world, false);
    checkpoint(world);
    check(world);
    make_blocks(world, 40);
    for (uint32_t i = 0; i < 40; i++)
        make_block(world, draw(world, 3) == 0);
    checkpoint(world);
    check(world);
    for (uint32_t i = 0; i < 20; i++)
        make_block(world, false);
    checkpoint(world);
    check(world);
    end(world);
}

/* A program that keeps no rows was at work, and left those that there were. */
static void test_past_order_does_not_look_behind_a_gap(void **state)
{
    struct world *world = begin(test_seed("test_past_order"), 0);
    struct store_trail trail;
    (void)state;
    make_blocks(world, 40);
    past_end(world->past);
    make_block(world, true);
    world->blocks[world->height].has_row = false;
    checkpoint(world);
    assert_true(past_begin(world->past, world->store, &trail));
    make_blocks(world, 40);
    checkpoint(world);
    assert_true(check(world) > 20);
    start_again(world);
    check(world);
    end(world);
}

static bool stop_at_once(void *context, const struct gateway_record *record)
{
    struct gateway_place *last = context;
    assert_true(last->block == 0 || last->block == record->at.block);
    *last = record->at;
    return false;
}

static void test_past_order_walk_that_is_stopped_ends_with_its_block(void **state)
{
    struct world *world = begin(test_seed("test_past_order"), 0);
    struct store_view *view;
    struct store_trail trail;
    struct gateway_place last = {0, 0};
    (void)state;
    make_blocks(world, 60);
    checkpoint(world);
    assert_int_equal(store_view_begin(world->store, &view, &trail), STORE_OK);
    const struct past_rows rows = {
        .view = view, .cpu = TN_CPU_BASE, .market = 1, .since = 1, .through = world->durable};
    assert_int_equal(past_rows_walk(&rows, 2, 30, stop_at_once, &last), STORE_OK);
    assert_true(last.block >= 30);
    store_view_end(view);
    end(world);
}

static bool go_on(void *context, const struct gateway_record *record)
{
    (void)context, (void)record;
    return true;
}

static void test_past_order_rows_that_do_not_read_are_said_to_be_damaged(void **state)
{
    struct world *world = begin(test_seed("test_past_order"), 0);
    struct store_view *view;
    struct store_trail trail;
    struct past_order found;
    uint64_t first;
    (void)state;
    make_blocks(world, 40);
    make_block(world, true); /* there is something for a checkpoint */
    for (uint64_t height = 1; height <= world->height; height++)
        assert_int_equal(store_put_receipts(world->store, height, (const uint8_t *)"row", 3),
                         STORE_OK);
    checkpoint(world);
    assert_int_equal(store_view_begin(world->store, &view, &trail), STORE_OK);
    const struct past_rows rows = {
        .view = view, .cpu = TN_CPU_BASE, .market = 1, .since = 1, .through = world->durable};
    assert_int_equal(past_order_find(&found, &rows, 1), STORE_CORRUPT);
    assert_int_equal(past_rows_walk(&rows, 1, 1, go_on, NULL), STORE_CORRUPT);
    assert_int_equal(past_rows_first(&first, &rows), STORE_CORRUPT);
    store_view_end(view);
    end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_past_order_finds_every_order_that_there_was),
        cmocka_unit_test(test_past_order_is_the_same_after_blocks_are_executed_again),
        cmocka_unit_test(test_past_order_says_so_when_rows_do_not_go_back_to_it),
        cmocka_unit_test(test_past_order_is_found_among_rows_that_say_nothing_of_orders),
        cmocka_unit_test(test_past_order_does_not_look_behind_a_gap),
        cmocka_unit_test(test_past_order_walk_that_is_stopped_ends_with_its_block),
        cmocka_unit_test(test_past_order_rows_that_do_not_read_are_said_to_be_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
