/* Market data: who is sent what. Stories with few series; random streams are test_book_mirror's. */
#include "feed_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BOOK         TENOR__V1__CHANNEL__BOOK
#define ORDERS       TENOR__V1__CHANNEL__ORDERS
#define TICKER       TENOR__V1__CHANNEL__TICKER
#define MARKS        TENOR__V1__CHANNEL__MARKS
#define BLOCKS       TENOR__V1__CHANNEL__BLOCKS
#define INSTRUMENTS  TENOR__V1__CHANNEL__INSTRUMENTS
#define LIQUIDATIONS TENOR__V1__CHANNEL__LIQUIDATIONS

static void test_feed_sends_subscribed_then_a_snapshot_then_one_change_a_block(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 2);
    case_order(&test, 1, 10, TN_BUY, 100, 5, true);
    case_block(&test);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 1, 0), WIRE_ERROR_NONE);
    const struct feed_keeper *keeper = &test.clients[0].keeper;
    assert_int_equal(keeper->subscribed, 1);
    assert_int_equal(keeper->snapshots, 1);
    assert_int_equal(case_kept(&test, 0, 1)->book_seq, test.height);
    for (uint64_t id = 20; id < 30; id++) {
        case_order(&test, 1, id, TN_SELL, 105, 1, true);
        case_step(&test);
    }
    case_order(&test, 2, 99, TN_SELL, 105, 1, true);
    assert_int_equal(keeper->deltas, 0);
    case_block(&test);
    assert_int_equal(keeper->deltas, 1);
    assert_int_equal(case_kept(&test, 0, 1)->levels[TN_SELL][0].quantity, 10);
    assert_true(case_same_levels(&test, 0, 1));
    case_block(&test);
    assert_int_equal(keeper->deltas, 1);
    feed_case_close(&test);
}

static void test_feed_says_nothing_of_a_level_that_came_and_went_within_a_block(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 0, 0), WIRE_ERROR_NONE);
    assert_int_equal(case_subscribe(&test, 0, ORDERS, 0, 0), WIRE_ERROR_NONE);
    case_order(&test, 1, 10, TN_BUY, 100, 5, true);
    case_step(&test);
    case_order(&test, 1, 10, TN_BUY, 100, 0, false);
    case_block(&test);
    assert_int_equal(test.clients[0].keeper.deltas, 0);
    feed_case_close(&test);
}

static void test_feed_gives_all_subscribers_of_one_depth_the_same_bytes(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 3);
    for (uint32_t client = 0; client < 3; client++) {
        assert_int_equal(case_subscribe(&test, client, BOOK, 0, 10), WIRE_ERROR_NONE);
        assert_int_equal(case_subscribe(&test, client, TICKER, 0, 0), WIRE_ERROR_NONE);
        test.clients[client].bytes_count = test.clients[client].bytes_crc = 0;
    }
    struct feed_counters before, after;
    feed_counters(test.feed, &before);
    for (uint32_t i = 0; i < 50; i++) {
        case_order(&test, 1 + i % 3, 100 + i, TN_BUY, 100 + i, 5, true);
        case_block(&test);
    }
    feed_counters(test.feed, &after);
    assert_true(test.clients[0].bytes_count > 1000);
    assert_int_equal(test.clients[0].bytes_crc, test.clients[1].bytes_crc);
    assert_int_equal(test.clients[0].bytes_crc, test.clients[2].bytes_crc);
    assert_int_equal(after.messages - before.messages, 100);
    assert_int_equal(after.sent - before.sent, 300);
    feed_case_close(&test);
}

/* A level that leaves the window is told gone; one that comes into it is told. */
static void test_feed_keeps_a_window_of_the_best_levels_whole(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    for (uint32_t i = 0; i < 30; i++)
        case_order(&test, 1, 100 + i, TN_SELL, 200 + i, 1 + i, true);
    case_block(&test);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 1, 5), WIRE_ERROR_NONE);
    assert_int_equal(case_kept(&test, 0, 1)->levels_count[TN_SELL], 5);
    case_order(&test, 1, 100, TN_SELL, 200, 0, false); /* the sixth comes into sight */
    case_block(&test);
    assert_true(case_same_levels(&test, 0, 1));
    case_order(&test, 1, 500, TN_SELL, 199, 1, true); /* and leaves it */
    case_order(&test, 1, 501, TN_SELL, 198, 1, true);
    case_block(&test);
    assert_true(case_same_levels(&test, 0, 1));
    uint64_t deltas = test.clients[0].keeper.deltas;
    case_order(&test, 1, 120, TN_SELL, 220, 0, false); /* deeper than anybody sees */
    case_block(&test);
    assert_int_equal(test.clients[0].keeper.deltas, deltas);
    for (uint32_t i = 101; i < 130; i++) /* all at once */
        case_order(&test, 1, i, TN_SELL, 100 + i, 0, false);
    case_block(&test);
    assert_true(case_same_levels(&test, 0, 1));
    assert_int_equal(case_kept(&test, 0, 1)->levels_count[TN_SELL], 2);
    feed_case_close(&test);
}

static void test_feed_sends_a_crc_with_snapshots_and_once_each_hundred_blocks(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 1, 0), WIRE_ERROR_NONE);
    assert_int_equal(test.clients[0].keeper.crcs, 1);
    for (uint32_t i = 0; i < 500; i++) {
        case_order(&test, 1, 100 + i, i % 2 ? TN_BUY : TN_SELL, i % 2 ? 50 - i % 7 : 60 + i, 3,
                   true);
        case_block(&test);
    }
    assert_int_equal(test.clients[0].keeper.deltas, 500);
    assert_int_equal(test.clients[0].keeper.crcs, 1 + 5);
    feed_case_close(&test);
}

static void test_feed_tells_whoever_wants_all_series_of_those_listed_later(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 0, 0), WIRE_ERROR_NONE);
    assert_int_equal(case_subscribe(&test, 0, INSTRUMENTS, 0, 0), WIRE_ERROR_NONE);
    assert_int_equal(case_subscribe(&test, 1, BOOK, 1, 0), WIRE_ERROR_NONE);
    case_status(&test, 2, TN_STATUS_INITIALIZING);
    case_step(&test);
    case_status(&test, 2, TN_STATUS_ACTIVE);
    case_order(&test, 2, 7, TN_BUY, 9, 9, true);
    case_block(&test);
    assert_true(case_same_levels(&test, 0, 2));
    assert_int_equal(case_kept(&test, 0, 2)->status, TN_STATUS_ACTIVE);
    assert_int_equal(case_kept(&test, 1, 2)->levels_count[TN_BUY], 0);
    feed_case_close(&test);
}

static void test_feed_refuses_what_is_not_there_and_changes_nothing(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 77, 0), WIRE_ERROR_SERIES_UNKNOWN);
    assert_non_null(strstr(test.fault.text, "is none of market 3"));
    assert_int_equal(case_subscribe(&test, 0, BOOK, 1, 7), WIRE_ERROR_COUNT_RANGE);
    assert_int_equal(case_subscribe(&test, 0, TICKER, 1, 1), WIRE_ERROR_COUNT_RANGE);
    assert_int_equal(case_subscribe(&test, 0, MARKS, 1, 0), WIRE_ERROR_COUNT_RANGE);
    assert_int_equal(case_subscribe(&test, 0, (Tenor__V1__Channel)0, 1, 0),
                     WIRE_ERROR_CHANNEL_UNKNOWN);
    assert_int_equal(case_subscribe(&test, 0, (Tenor__V1__Channel)9, 1, 0),
                     WIRE_ERROR_CHANNEL_UNKNOWN);
    Tenor__V1__Subscribe message = TENOR__V1__SUBSCRIBE__INIT;
    message.market = 9;
    message.channel = BOOK;
    assert_int_equal(feed_subscribe(test.feed, &test.fault, 0, 1, &message),
                     WIRE_ERROR_MARKET_UNKNOWN);
    assert_int_equal(case_unsubscribe(&test, 0, BOOK, 0), WIRE_ERROR_NOT_SUBSCRIBED);
    struct feed_counters counters;
    feed_counters(test.feed, &counters);
    assert_int_equal(counters.subscribers, 0);
    assert_int_equal(test.clients[0].bytes_count, 0);
    feed_case_close(&test);
}

static void test_feed_has_a_maximum_of_subscribers_and_frees_their_places(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    for (uint32_t client = 0; client < 3; client++)
        assert_int_equal(case_subscribe(&test, client, BOOK, 0, 0), WIRE_ERROR_NONE);
    assert_int_equal(case_subscribe(&test, 3, BOOK, 0, 0), WIRE_ERROR_NO_ROOM);
    assert_int_equal(case_unsubscribe(&test, 1, BOOK, 0), WIRE_ERROR_NONE);
    assert_int_equal(case_subscribe(&test, 3, BOOK, 0, 0), WIRE_ERROR_NONE);
    feed_gone(test.feed, 0);
    assert_int_equal(case_subscribe(&test, 1, TICKER, 1, 0), WIRE_ERROR_NONE);
    uint64_t gone = test.clients[0].bytes_count;
    case_order(&test, 1, 10, TN_BUY, 100, 5, true);
    case_block(&test);
    assert_int_equal(test.clients[0].bytes_count, gone);
    assert_int_equal(test.clients[1].keeper.deltas, 0);
    assert_int_equal(case_kept(&test, 1, 1)->bid_price, 100);
    assert_true(case_same_levels(&test, 3, 1));
    feed_case_close(&test);
}

static void test_feed_takes_a_new_depth_in_place_of_the_old_one(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    for (uint32_t i = 0; i < 8; i++)
        case_order(&test, 1, 100 + i, TN_BUY, 200 - i, 1, true);
    case_block(&test);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 1, 1), WIRE_ERROR_NONE);
    assert_int_equal(case_kept(&test, 0, 1)->levels_count[TN_BUY], 1);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 1, 5), WIRE_ERROR_NONE);
    assert_int_equal(case_kept(&test, 0, 1)->levels_count[TN_BUY], 5);
    uint64_t messages = test.clients[0].keeper.messages;
    case_order(&test, 1, 100, TN_BUY, 200, 0, false);
    case_block(&test);
    assert_int_equal(test.clients[0].keeper.messages, messages + 1);
    assert_true(case_same_levels(&test, 0, 1));
    feed_case_close(&test);
}

/* Whoever came to a price last stands last, however early in the block it was first touched. */
static void test_feed_tells_orders_of_a_block_in_the_order_in_which_they_came_to_stand(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    for (uint64_t id = 1; id <= 4; id++)
        case_order(&test, 1, id, TN_BUY, 100, 10, true);
    case_block(&test);
    assert_int_equal(case_subscribe(&test, 0, ORDERS, 1, 0), WIRE_ERROR_NONE);
    case_order(&test, 1, 1, TN_BUY, 100, 5, false); /* touched first */
    case_step(&test);
    case_order(&test, 1, 5, TN_BUY, 100, 10, true); /* new */
    case_order(&test, 1, 2, TN_BUY, 100, 20, true); /* to the end */
    case_step(&test);
    case_order(&test, 1, 1, TN_BUY, 100, 6, true); /* behind both */
    case_step(&test);
    case_order(&test, 1, 5, TN_BUY, 100, 7, true); /* once more */
    case_block(&test);
    const uint64_t queue[] = {3, 4, 2, 1, 5};
    assert_int_equal(case_kept(&test, 0, 1)->orders_count[TN_BUY], 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(case_kept(&test, 0, 1)->orders[TN_BUY][i].id, queue[i]);
    assert_true(case_same_orders(&test, 0, 1));
    assert_int_equal(test.clients[0].keeper.deltas, 1);
    feed_case_close(&test);
}

/* What is sent to nobody stays out of the mirror's way: unknown orders and series are left alone.
 */
static void test_feed_leaves_orders_of_unknown_series_alone(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    case_order(&test, 55, 10, TN_BUY, 100, 5, true);
    case_order(&test, 1, 11, TN_BUY, 100, 0, false);
    case_trade(&test, 55, 1, 1);
    case_block(&test);
    assert_int_equal(tn_book_orders_count(feed_books(test.feed, 3)), 0);
    feed_case_close(&test);
}

/* ---- Marks, blocks, liquidations ---- */

static void test_feed_sends_marks_blocks_and_liquidations_of_the_market(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 2);
    assert_int_equal(case_subscribe(&test, 0, MARKS, 0, 0), WIRE_ERROR_NONE);
    assert_int_equal(case_subscribe(&test, 0, BLOCKS, 0, 0), WIRE_ERROR_NONE);
    assert_int_equal(case_subscribe(&test, 0, LIQUIDATIONS, 0, 0), WIRE_ERROR_NONE);
    const struct feed_keeper *keeper = &test.clients[0].keeper;
    assert_int_equal(keeper->marks, 1); /* the snapshot */
    case_liquidation(&test, 4);
    case_liquidation(&test, 5);
    struct port_marks marks = {.market = 3, .marks_count = 1, .is_mark = true};
    struct port_mark mark = {.series_id = case_series(2), .mark_micros = 6000};
    feed_marks(test.feed, &marks, &mark, NULL);
    case_block(&test);
    case_block(&test);
    assert_int_equal(keeper->marks, 2);
    assert_int_equal(keeper->liquidations, 2);
    assert_int_equal(keeper->liquidations_seq, (test.height - 1) << 20 | 2);
    assert_int_equal(keeper->blocks, 2);
    assert_int_equal(keeper->last_block, test.height);
    feed_case_close(&test);
}

/* ---- Questions ---- */

static const Tenor__V1__FromNode *ask(struct feed_case *test, Tenor__V1__ToNode *question,
                                      enum wire_error expected)
{
    static struct wire_arena arena;
    static uint8_t memory[WIRE_FROM_NODE_ARENA_BYTES] __attribute__((aligned(16)));
    Tenor__V1__FromNode *message;
    struct case_client *client = &test->clients[3];
    wire_arena_init(&arena, memory, sizeof memory);
    client->last_size = 0;
    assert_true(feed_answers(question));
    client->asks = true;
    assert_int_equal(feed_query(test->feed, &test->fault, 3, question), expected);
    if (expected != WIRE_ERROR_NONE) return NULL;
    struct wire_fault fault;
    assert_true(wire_read_from_node(&arena, &message, &fault, client->last + WIRE_LENGTH_BYTES,
                                    client->last_size - WIRE_LENGTH_BYTES));
    assert_int_equal(message->request, question->request);
    return message;
}

static void test_feed_answers_for_a_book_as_the_last_block_left_it(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    for (uint32_t i = 0; i < 40; i++)
        case_order(&test, 1, 100 + i, TN_BUY, 200 - i, 1 + i, true);
    case_block(&test);
    case_order(&test, 1, 100, TN_BUY, 200, 0, false); /* the next block, half taken in */
    case_order(&test, 1, 900, TN_BUY, 300, 1, true);
    case_step(&test);
    Tenor__V1__GetBook get = TENOR__V1__GET_BOOK__INIT;
    get.market = 3;
    get.series_id = case_series(1);
    Tenor__V1__ToNode question = TENOR__V1__TO_NODE__INIT;
    question.request = 17;
    question.body_case = TENOR__V1__TO_NODE__BODY_GET_BOOK;
    question.get_book = &get;
    const Tenor__V1__Book *book = ask(&test, &question, WIRE_ERROR_NONE)->book;
    assert_int_equal(book->n_bids, 20);
    assert_int_equal(book->bids[0]->price, 200);
    assert_int_equal(book->bids[19]->price, 181);
    assert_int_equal(book->seq, test.height);
    case_block(&test);
    get.depth = 2;
    book = ask(&test, &question, WIRE_ERROR_NONE)->book;
    assert_int_equal(book->n_bids, 2);
    assert_int_equal(book->bids[0]->price, 300);
    assert_int_equal(book->bids[1]->price, 199);
    get.series_id = 5;
    ask(&test, &question, WIRE_ERROR_SERIES_UNKNOWN);
    get.market = 5;
    ask(&test, &question, WIRE_ERROR_MARKET_UNKNOWN);
    feed_case_close(&test);
}

static void test_feed_answers_with_the_last_trades_oldest_first(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 2);
    for (uint32_t i = 0; i < 300; i++) {
        case_trade(&test, 1 + i % 2, 1000 + i, 1);
        case_block(&test);
    }
    case_trade(&test, 1, 5, 1); /* of a block that is not told yet */
    case_step(&test);
    Tenor__V1__GetTrades get = TENOR__V1__GET_TRADES__INIT;
    get.market = 3;
    Tenor__V1__ToNode question = TENOR__V1__TO_NODE__INIT;
    question.body_case = TENOR__V1__TO_NODE__BODY_GET_TRADES;
    question.get_trades = &get;
    const Tenor__V1__Trades *trades = ask(&test, &question, WIRE_ERROR_NONE)->trades;
    assert_int_equal(trades->n_trades, 50);
    assert_int_equal(trades->trades[49]->price, 1299);
    assert_int_equal(trades->trades[48]->price, 1298);
    get.series_id = case_series(1);
    get.count = 3;
    trades = ask(&test, &question, WIRE_ERROR_NONE)->trades;
    assert_int_equal(trades->n_trades, 3);
    assert_int_equal(trades->trades[2]->price, 1298);
    assert_int_equal(trades->trades[2]->prev_seq, trades->trades[1]->seq);
    get.count = 501;
    ask(&test, &question, WIRE_ERROR_COUNT_RANGE);
    feed_case_close(&test);
}

/* A Chain of one row, as the node's thread answers it, on its way through the mirror. */
static size_t fill_chain(struct feed_case *test, const uint8_t **out, uint32_t market,
                         uint32_t series)
{
    uint8_t bytes[512];
    Tenor__V1__Ticker row = TENOR__V1__TICKER__INIT, *rows[] = {&row};
    Tenor__V1__Chain chain = TENOR__V1__CHAIN__INIT;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    row.series_id = case_series(series);
    row.mark_micros = 77;
    chain.market = market;
    chain.n_rows = 1;
    chain.rows = rows;
    message.request = UINT64_C(1) << 40;
    message.body_case = TENOR__V1__FROM_NODE__BODY_CHAIN;
    message.chain = &chain;
    assert_true(tenor__v1__from_node__get_packed_size(&message) <= sizeof bytes);
    size_t size = tenor__v1__from_node__pack(&message, bytes);
    return feed_fill_chain(test->feed, out, bytes, size);
}

static void test_feed_fills_last_price_and_volume_into_a_chain(void **state)
{
    (void)state;
    struct feed_case test;
    const uint8_t *out;
    feed_case_open(&test, 2);
    case_trade(&test, 1, 1000, 4);
    case_block(&test);
    case_trade(&test, 1, 1010, 3);
    case_block(&test);
    size_t size = fill_chain(&test, &out, 3, 1);
    assert_true(size > WIRE_LENGTH_BYTES);
    Tenor__V1__FromNode *filled =
        tenor__v1__from_node__unpack(NULL, size - WIRE_LENGTH_BYTES, out + WIRE_LENGTH_BYTES);
    assert_non_null(filled);
    assert_int_equal(filled->request, UINT64_C(1) << 40);
    assert_int_equal(filled->chain->rows[0]->last_price, 1010);
    assert_int_equal(filled->chain->rows[0]->volume, 7);
    assert_int_equal(filled->chain->rows[0]->mark_micros, 77);
    tenor__v1__from_node__free_unpacked(filled, NULL);
    feed_case_close(&test);
}

static void test_feed_leaves_other_answers_and_unknown_markets_as_they_are(void **state)
{
    (void)state;
    struct feed_case test;
    const uint8_t *out;
    uint8_t bytes[64];
    Tenor__V1__Pong pong = TENOR__V1__PONG__INIT;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.request = 5;
    message.body_case = TENOR__V1__FROM_NODE__BODY_PONG;
    message.pong = &pong;
    feed_case_open(&test, 1);
    size_t size = tenor__v1__from_node__pack(&message, bytes);
    for (size_t cut = 0; cut <= size; cut++)
        assert_int_equal(feed_fill_chain(test.feed, &out, bytes, cut), 0);
    assert_int_equal(fill_chain(&test, &out, 77, 1), 0);
    feed_gap(test.feed); /* it knows nothing */
    assert_int_equal(fill_chain(&test, &out, 3, 1), 0);
    feed_case_close(&test);
}

static void test_feed_answers_with_instruments_in_pages_by_id(void **state)
{
    (void)state;
    struct feed_case test;
    struct feed_market_limits limits = {.series_max = 3000, .orders_max = 1000, .levels_max = 1000};
    feed_case_open_with(&test, 2500, &limits);
    Tenor__V1__GetInstruments get = TENOR__V1__GET_INSTRUMENTS__INIT;
    get.market = 3;
    Tenor__V1__ToNode question = TENOR__V1__TO_NODE__INIT;
    question.body_case = TENOR__V1__TO_NODE__BODY_GET_INSTRUMENTS;
    question.get_instruments = &get;
    uint32_t count = 0;
    bool more = true;
    while (more) {
        const Tenor__V1__Instruments *page = ask(&test, &question, WIRE_ERROR_NONE)->instruments;
        for (size_t i = 0; i < page->n_instruments; i++) {
            assert_int_equal(page->instruments[i]->series_id, case_series(++count));
            get.after_series_id = page->instruments[i]->series_id;
        }
        more = page->more;
    }
    assert_int_equal(count, 2500);
    get.after_series_id = case_series(2499);
    const Tenor__V1__Instruments *page = ask(&test, &question, WIRE_ERROR_NONE)->instruments;
    assert_int_equal(page->n_instruments, 1);
    const Tenor__V1__Instrument *last = page->instruments[0];
    assert_string_equal(last->name, "BTC-25DEC26-2500-C");
    assert_int_equal(last->strike_micros, INT64_C(2500000000));
    assert_int_equal(last->kind, TENOR__V1__SERIES_KIND__CALL);
    assert_int_equal(last->expiry_ms, tn_series_expiry_ms(last->series_id));
    assert_int_equal(last->expiry_day, last->expiry_ms / 86400000);
    assert_int_equal(last->lots_per_unit, 10);
    assert_int_equal(last->n_steps, 2);
    assert_int_equal(last->steps[1]->from, 100);
    assert_int_equal(last->steps[1]->step, 5);
    feed_case_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed_sends_subscribed_then_a_snapshot_then_one_change_a_block),
        cmocka_unit_test(test_feed_says_nothing_of_a_level_that_came_and_went_within_a_block),
        cmocka_unit_test(test_feed_gives_all_subscribers_of_one_depth_the_same_bytes),
        cmocka_unit_test(test_feed_keeps_a_window_of_the_best_levels_whole),
        cmocka_unit_test(test_feed_sends_a_crc_with_snapshots_and_once_each_hundred_blocks),
        cmocka_unit_test(test_feed_tells_whoever_wants_all_series_of_those_listed_later),
        cmocka_unit_test(test_feed_refuses_what_is_not_there_and_changes_nothing),
        cmocka_unit_test(test_feed_has_a_maximum_of_subscribers_and_frees_their_places),
        cmocka_unit_test(test_feed_takes_a_new_depth_in_place_of_the_old_one),
        cmocka_unit_test(
            test_feed_tells_orders_of_a_block_in_the_order_in_which_they_came_to_stand),
        cmocka_unit_test(test_feed_leaves_orders_of_unknown_series_alone),
        cmocka_unit_test(test_feed_sends_marks_blocks_and_liquidations_of_the_market),
        cmocka_unit_test(test_feed_answers_for_a_book_as_the_last_block_left_it),
        cmocka_unit_test(test_feed_answers_with_the_last_trades_oldest_first),
        cmocka_unit_test(test_feed_fills_last_price_and_volume_into_a_chain),
        cmocka_unit_test(test_feed_leaves_other_answers_and_unknown_markets_as_they_are),
        cmocka_unit_test(test_feed_answers_with_instruments_in_pages_by_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
