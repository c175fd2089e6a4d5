/* What the gateway is told: a mirror made of a snapshot and of the steps after it alone stands as
 * the books of the exchange, order by order; steps, marks and blocks come in their order, with the
 * numbers of the chain. Both ends of the port are this thread's. */
#include "cluster/teller.h"
#include "views_case.h"

#include "tenor/stream.h"

enum { MIRROR_MAX = 1024, MEMBERS_MAX = 4096 };

struct told_mark {
    struct port_mark mark;
    bool is_mark;
};

static struct {
    struct port *port;
    struct teller *teller;
    /* What was heard. */
    struct port_order mirror[MIRROR_MAX]; /* of a price the first is first in priority */
    uint32_t mirror_count;
    uint32_t kinds[MEMBERS_MAX], kinds_count;
    uint32_t parts, series_told;
    bool is_whole;
    struct port_series series;
    struct port_step step;
    struct tn_event event; /* the first of the last step */
    struct port_block block;
    struct port_head head;
    struct port_state state;
    struct port_answer answer;
    struct told_mark marks[64];
    uint32_t marks_count, indexes_count;
    struct port_index index;
} test;

/* ---- The chain tells ---------------------------------------------------------------------------
 */

static void tell_step(void *context, const struct tn_chain_place *place,
                      const struct tn_market_step *step)
{
    (void)context;
    teller_step(test.teller, place, step);
}

static int open_teller(void **state)
{
    memset(&test, 0, sizeof test);
    cc_open(state);
    story_open();
    test.port = port_make(1 << 16, 1 << 22);
    test.teller = teller_make(test.port, &cc.limits);
    assert_true(test.port != NULL && test.teller != NULL);
    const struct tn_chain_listener listener = {.receipt = tell_step,
                                               .difference = cc_difference,
                                               .inbox = cc_inbox,
                                               .withdrawal = cc_withdrawal,
                                               .term = cc_term};
    tn_chain_tell(cc.chain, &listener);
    teller_follow(test.teller, cc.chain);
    return 0;
}

static int close_teller(void **state)
{
    teller_free(test.teller);
    port_free(test.port);
    return cc_close(state);
}

/* ---- The gateway's side ------------------------------------------------------------------------
 */

static void mirror_remove(uint64_t order_id)
{
    for (uint32_t i = 0; i < test.mirror_count; i++) {
        if (test.mirror[i].order_id != order_id) continue;
        test.mirror_count--;
        memmove(&test.mirror[i], &test.mirror[i + 1],
                (test.mirror_count - i) * sizeof test.mirror[0]);
        return;
    }
}

static void mirror_take(const struct port_order *order)
{
    struct port_order *known = NULL;
    for (uint32_t i = 0; i < test.mirror_count; i++) {
        if (test.mirror[i].order_id == order->order_id) known = &test.mirror[i];
    }
    if (order->quantity > 0 && known != NULL && !order->last) {
        assert_int_equal(known->price, order->price); /* it keeps its place */
        known->quantity = order->quantity;
        return;
    }
    if (known != NULL) mirror_remove(order->order_id);
    if (order->quantity == 0) return;
    assert_true(order->last && test.mirror_count < MIRROR_MAX);
    test.mirror[test.mirror_count++] = *order;
}

static void hear_snapshot(const struct port_message *tell)
{
    struct port_snapshot *part;
    memcpy(&part, tell->bytes, sizeof part);
    if (part->is_first) test.mirror_count = test.series_told = 0;
    assert_int_equal(part->is_first, test.parts == 0);
    test.parts++;
    uint64_t orders = 0;
    for (uint32_t i = 0; i < part->series_count; i++) {
        assert_true(part->marks[i].series_id == part->series[i].series_id);
        for (uint32_t k = 0; k < part->series[i].orders_count; k++, orders++) {
            assert_true(part->orders[orders].series_id == part->series[i].series_id);
            mirror_take(&part->orders[orders]);
        }
    }
    assert_true(orders == part->orders_count);
    test.series_told += part->series_count;
    test.is_whole = part->is_last;
    assert_int_equal(part->indexes_count > 0, part->is_last);
    free(part);
}

static void hear_step(const struct port_message *tell)
{
    memcpy(&test.step, tell->bytes, sizeof test.step);
    const struct tn_event *events = (const void *)(tell->bytes + sizeof test.step);
    const struct port_order *orders = (const void *)(events + test.step.events_count);
    assert_int_equal(tell->size, sizeof test.step + test.step.events_count * sizeof *events +
                                     test.step.orders_count * sizeof *orders);
    assert_true(test.step.events_count > 0);
    test.event = events[0];
    for (uint32_t i = 0; i < test.step.orders_count && test.is_whole; i++)
        mirror_take(&orders[i]);
}

static void hear_marks(const struct port_message *tell)
{
    struct port_marks marks;
    memcpy(&marks, tell->bytes, sizeof marks);
    const struct port_mark *list = (const void *)(tell->bytes + sizeof marks);
    const struct port_index *indexes = (const void *)(list + marks.marks_count);
    test.marks_count = marks.marks_count;
    test.indexes_count = marks.indexes_count;
    for (uint32_t i = 0; i < marks.marks_count; i++)
        test.marks[i] = (struct told_mark){.mark = list[i], .is_mark = marks.is_mark};
    if (marks.indexes_count > 0) test.index = indexes[0];
    assert_true(marks.block == tn_chain_heads(cc.chain)->height);
}

static void hear(void)
{
    struct port_message tell;
    test.kinds_count = 0;
    port_tell_flush(test.port);
    while (port_next_tell(test.port, &tell)) {
        assert_true(test.kinds_count < MEMBERS_MAX);
        test.kinds[test.kinds_count++] = tell.kind;
        switch ((enum port_tell)tell.kind) {
            case PORT_STEP: hear_step(&tell); break;
            case PORT_SNAPSHOT_IS: hear_snapshot(&tell); break;
            case PORT_MARKS: hear_marks(&tell); break;
            case PORT_SERIES: memcpy(&test.series, tell.bytes, sizeof test.series); break;
            case PORT_BLOCK: memcpy(&test.block, tell.bytes, sizeof test.block); break;
            case PORT_TERM: memcpy(&test.head, tell.bytes, sizeof test.head); break;
            case PORT_STATE: memcpy(&test.state, tell.bytes, sizeof test.state); break;
            case PORT_ANSWER:
                memcpy(&test.answer, tell.bytes, sizeof test.answer);
                memcpy(&test.event, tell.bytes + sizeof test.answer, sizeof test.event);
                break;
            case PORT_ITEM_TAKEN:
            case PORT_REPLY:
            case PORT_SESSION_IS:
            case PORT_LEAD:
            case PORT_GAP: fail_msg("kind %u was told", tell.kind);
        }
    }
}

/* A block was executed: the gateway hears of it. */
static void tell_block(void)
{
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    const struct tn_member_block block = {
        .header = &heads->block, .hash = heads->block_hash, .root = heads->root};
    teller_block(test.teller, &block);
    hear();
}

static void take_snapshot(void)
{
    test.parts = 0;
    teller_begin_snapshot(test.teller);
    while (teller_turn(test.teller)) {
    }
    hear();
    assert_true(test.is_whole);
}

/* ---- Comparing ---------------------------------------------------------------------------------
 */

static uint32_t compare_side(uint32_t book, uint64_t series_id, enum tn_side side)
{
    const struct tn_books *books = tn_exchange_books(story_exchange());
    uint32_t slot = tn_book_front(books, book, side), count = 0;
    for (; slot != TN_NONE; slot = tn_book_after(books, slot), count++) {
        struct tn_order_view view;
        tn_exchange_order_at(story_exchange(), &view, slot);
        /* The next in the mirror at that price. */
        uint32_t before = 0, found = TN_NONE;
        for (uint32_t i = 0; i < test.mirror_count && found == TN_NONE; i++) {
            const struct port_order *order = &test.mirror[i];
            if (order->series_id != series_id || order->side != side || order->price != view.price)
                continue;
            if (order->order_id == view.order_id) found = i;
            before++;
        }
        assert_true(found != TN_NONE);
        assert_int_equal(test.mirror[found].quantity, view.visible);
        /* As many stand before it as in the book. */
        uint32_t ahead = tn_book_level_front(books, book, side, view.price), place = 1;
        for (; ahead != slot; ahead = tn_book_after(books, ahead))
            place++;
        assert_int_equal(before, place);
    }
    return count;
}

static void expect_mirror_is_the_book(void)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < tn_exchange_slots_count(story_exchange()); slot++) {
        struct tn_listed_view view;
        tn_exchange_listed_at(story_exchange(), &view, slot);
        count += compare_side(view.book, view.id, TN_BUY);
        count += compare_side(view.book, view.id, TN_SELL);
    }
    assert_int_equal(test.mirror_count, count);
}

/* ---- Tests -------------------------------------------------------------------------------------
 */

static struct tn_command replace_of(uint64_t order_id, tn_ticks price, tn_lots quantity)
{
    struct tn_command command = {.kind = TN_COMMAND_REPLACE};
    command.as.replace.ref.order_id = order_id;
    command.as.replace.price = price;
    command.as.replace.quantity = quantity;
    return command;
}

static void test_a_mirror_of_snapshot_and_steps_stands_as_the_books(void **state)
{
    (void)state;
    story_trade();
    tell_block();
    take_snapshot();
    assert_int_equal(test.parts, MARKETS);
    assert_int_equal(test.series_told, 3);
    assert_true(test.mirror_count >= 6);
    expect_mirror_is_the_book();
    struct tn_order_view views[16];
    uint32_t count = tn_exchange_orders_of(story_exchange(), views, 16, 0, 0);
    for (uint32_t i = 0; i < count; i++) {
        if (views[i].is_stop) continue;
        struct tn_command commands[2] = {
            replace_of(views[i].order_id, views[i].price, views[i].open - (views[i].open > 1)),
            cc_limit((enum tn_side)views[i].side, views[i].series_id, views[i].price, 2)};
        story_send(0, commands, 2);
        tell_block();
        expect_mirror_is_the_book();
        commands[0] = replace_of(views[i].order_id, views[i].price, views[i].open + 3);
        story_send(0, commands, 1); /* goes to the end */
        tell_block();
        expect_mirror_is_the_book();
    }
    story_limit(1, TN_BUY, story_put, 1100, 6); /* through what the iceberg shows */
    tell_block();
    expect_mirror_is_the_book();
    const struct tn_command all = {.kind = TN_COMMAND_MASS_CANCEL};
    story_send(0, &all, 1);
    tell_block();
    expect_mirror_is_the_book();
    story_send(1, &all, 1);
    tell_block();
    expect_mirror_is_the_book();
    assert_int_equal(test.mirror_count, 0);
}

static void test_a_step_says_whose_it_was_and_where_it_stands(void **state)
{
    (void)state;
    story_limit(1, TN_BUY, PERP, 99000, 2);
    tell_block();
    const struct tn_chain_stream *stream = &tn_chain_heads(cc.chain)->streams[PLACE];
    assert_true(test.step.block == tn_chain_heads(cc.chain)->height);
    assert_true(test.step.sequence == stream->sequence && test.step.term == stream->term);
    assert_int_equal(test.step.account, 1);
    assert_true(test.step.nonce == cc.nonces[1]);
    assert_true(test.step.session == (UINT64_C(2) << 32 | 1));
    assert_int_equal(test.step.item, 0);
    assert_int_equal(test.step.orders_count, 1);
    assert_int_equal(test.event.kind, TN_EVENT_ACCEPTED);
    assert_int_equal(test.event.account, 1);
    assert_int_equal(test.kinds[test.kinds_count - 1], PORT_BLOCK);
}

static void test_a_block_is_told_last_with_root_and_heads(void **state)
{
    (void)state;
    story_limit(0, TN_BUY, PERP, 99000, 2);
    tell_block();
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    assert_true(test.block.height == heads->height && test.block.view == heads->block.view);
    assert_true(tn_hash_equal(&test.block.root, &heads->root));
    assert_true(tn_hash_equal(&test.block.hash, &heads->block_hash));
    assert_int_equal(test.block.markets_count, MARKETS);
    for (uint32_t i = 0; i < MARKETS; i++) {
        assert_int_equal(test.block.heads[i].market, i + 1);
        assert_true(test.block.heads[i].sequence == heads->streams[i].sequence);
        assert_true(test.block.heads[i].cursor == heads->streams[i].cursor);
        struct tn_public_key key;
        uint16_t id;
        assert_true(tn_registry_leader(tn_chain_registry(cc.chain), &id, &key, i + 1,
                                       test.block.heads[i].term));
        assert_int_equal(test.block.heads[i].leader, id + 1u); /* ids are indexes here */
    }
    teller_state(test.teller, PORT_READY);
    hear();
    assert_int_equal(test.state.state, PORT_READY);
    assert_true(test.state.height == heads->height);
    assert_memory_equal(test.state.chain_id, cc.limits.chain_id, 32);
    teller_term(test.teller, 2, 5, 33);
    hear();
    assert_true(test.head.market == 2 && test.head.term == 5 && test.head.sequence == 33);
}

static const struct port_mark *told_mark(uint64_t series_id)
{
    for (uint32_t i = 0; i < test.marks_count; i++) {
        if (test.marks[i].mark.series_id == series_id) return &test.marks[i].mark;
    }
    return NULL;
}

static void test_trades_tell_open_interest_and_marks_tell_all_series(void **state)
{
    (void)state;
    story_limit(0, TN_BUY, PERP, 100000, 5);
    tell_block();
    assert_int_equal(test.marks_count, 0);
    story_limit(1, TN_SELL, PERP, 100000, 3);
    tell_block();
    assert_int_equal(test.marks_count, 1);
    assert_false(test.marks[0].is_mark);
    assert_int_equal(told_mark(PERP)->open_interest, 3);
    assert_int_equal(test.kinds[test.kinds_count - 2], PORT_MARKS);
    const struct tn_mark mark = usual_mark(story_call, 1234 * TICK);
    cc_govern(MARKET, marks_entry(&mark, 1));
    cc_pass(BLOCK_MS);
    cc_make_batch(PLACE, 100, NULL, 0);
    cc_pass(BLOCK_MS);
    tell_block();
    assert_int_equal(test.marks_count, 3);
    assert_true(test.marks[0].is_mark);
    struct tn_listed_view view;
    assert_true(tn_exchange_listed(story_exchange(), &view, story_call));
    const struct port_mark *told = told_mark(story_call);
    assert_int_equal(told->mark_micros, 1234 * TICK);
    assert_int_equal(told->band_low, view.band_low);
    assert_int_equal(told->band_high, view.band_high);
    assert_true(told->band_high > told->band_low && told->band_low > 0);
    assert_int_equal(told->forward_micros, 100000 * DOLLAR);
    assert_int_equal(told->left_ms, view.left_ms);
    assert_int_equal(test.indexes_count, 1);
    assert_int_equal(test.index.index_micros, 100000 * DOLLAR);
    story_limit(0, TN_BUY, PERP, 99000, 1);
    test.marks_count = 0;
    tell_block();
    assert_int_equal(test.marks_count, 0); /* told once */
}

static void test_a_new_series_is_told_before_the_step_that_lists_it(void **state)
{
    (void)state;
    const uint64_t series = option_of(TN_CALL, SERIES_DAY, 110000);
    cc_govern(MARKET, list_entry(series));
    cc_pass(BLOCK_MS);
    cc_make_batch(PLACE, 100, NULL, 0);
    cc_pass(BLOCK_MS);
    tell_block();
    uint32_t at = 0;
    while (at < test.kinds_count && test.kinds[at] != PORT_SERIES)
        at++;
    assert_true(at + 1 < test.kinds_count && test.kinds[at + 1] == PORT_STEP);
    assert_true(test.series.series_id == series);
    assert_string_equal(test.series.name, "BTC-25DEC26-110000-C");
    assert_string_equal(test.series.symbol, "BTC");
    assert_int_equal(test.series.market, MARKET);
    assert_int_equal(test.series.status, TN_STATUS_INITIALIZING);
    assert_int_equal(test.series.micros_per_tick, TICK);
    assert_int_equal(test.series.lots_per_unit_micros, 100 * 1000000);
    assert_int_equal(test.series.schedule.steps_count, 2);
}

static void test_an_answer_brings_its_events_as_structs(void **state)
{
    (void)state;
    uint8_t bytes[2 * TN_EVENT_BYTES];
    const struct tn_event events[2] = {
        {.kind = TN_EVENT_ACCEPTED, .order_id = 9, .price = 5, .quantity = 7, .series_id = PERP},
        {.kind = TN_EVENT_RESULT, .order_id = 9}};
    for (uint32_t i = 0; i < 2; i++)
        tn_stream_write_event(bytes + i * TN_EVENT_BYTES, &events[i]);
    const struct tn_member_answer answer = {.kind = TN_MEMBER_SOFT,
                                            .market = 1,
                                            .place = {.term = 3, .sequence = 4, .index = 5},
                                            .session = 6,
                                            .nonce = 7,
                                            .events = bytes,
                                            .events_count = 2};
    teller_answer(test.teller, 123, &answer);
    hear();
    assert_int_equal(test.kinds[0], PORT_ANSWER);
    assert_true(test.answer.kind == TN_MEMBER_SOFT && test.answer.market == 1);
    assert_true(test.answer.term == 3 && test.answer.sequence == 4 && test.answer.index == 5);
    assert_true(test.answer.session == 6 && test.answer.nonce == 7);
    assert_int_equal(test.answer.events_count, 2);
    assert_memory_equal(&test.event, &events[0], sizeof events[0]);
}

#define TELLER_STORY(test) cmocka_unit_test_setup_teardown(test, open_teller, close_teller)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TELLER_STORY(test_a_mirror_of_snapshot_and_steps_stands_as_the_books),
        TELLER_STORY(test_a_step_says_whose_it_was_and_where_it_stands),
        TELLER_STORY(test_a_block_is_told_last_with_root_and_heads),
        TELLER_STORY(test_trades_tell_open_interest_and_marks_tell_all_series),
        TELLER_STORY(test_a_new_series_is_told_before_the_step_that_lists_it),
        TELLER_STORY(test_an_answer_brings_its_events_as_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
