/* Questions, market data and items: what a client asks arrives at the node as it was asked, what a
 * node says arrives at `heard` with every field in its place. */
#include "client_case.h"

#include "tenor/client_book.h"
#include "tenor/margin.h"
#include "tenor/market.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NODE(test) (&(test)->servers[0])

/* Each integer field of what is said gets another number: the next one of a counter. A field that
 * came into the wrong place, or not at all, shows. */
static int64_t counter;

static void fill(ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *about = message->descriptor;
    for (unsigned i = 0; i < about->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &about->fields[i];
        void *at = (uint8_t *)message + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) continue;
        uint64_t wide = (uint64_t)++counter;
        uint32_t narrow = (uint32_t)counter;
        protobuf_c_boolean yes = 1;
        switch (field->type) {
            case PROTOBUF_C_TYPE_UINT32: memcpy(at, &narrow, sizeof narrow); break;
            case PROTOBUF_C_TYPE_UINT64:
            case PROTOBUF_C_TYPE_FIXED64:
            case PROTOBUF_C_TYPE_SINT64: memcpy(at, &wide, sizeof wide); break;
            case PROTOBUF_C_TYPE_BOOL: memcpy(at, &yes, sizeof yes); break;
            case PROTOBUF_C_TYPE_INT32:
            case PROTOBUF_C_TYPE_SINT32:
            case PROTOBUF_C_TYPE_SFIXED32:
            case PROTOBUF_C_TYPE_INT64:
            case PROTOBUF_C_TYPE_SFIXED64:
            case PROTOBUF_C_TYPE_FIXED32:
            case PROTOBUF_C_TYPE_FLOAT:
            case PROTOBUF_C_TYPE_DOUBLE:
            case PROTOBUF_C_TYPE_ENUM:
            case PROTOBUF_C_TYPE_STRING:
            case PROTOBUF_C_TYPE_BYTES:
            case PROTOBUF_C_TYPE_MESSAGE: counter--; break;
        }
    }
}

/* What `heard` got, kept by the tests that look into lists. */
static void (*look)(const struct tn_client_news *news);
static uint32_t looked;

static void also(struct client_case *test, const struct tn_client_news *news)
{
    (void)test;
    if (news->kind < TN_NEWS_CLUSTER) return;
    looked++;
    look(news);
}

static void say_and_look(struct client_case *test, Tenor__V1__FromNode__BodyCase kind, void *body,
                         void (*with)(const struct tn_client_news *news))
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.request = 1000;
    message.body_case = kind;
    message.hello = body; /* a union of pointers */
    look = with;
    looked = 0;
    test->also = also;
    case_say(NODE(test), &message);
    CASE_UNTIL(test, looked == 1);
    assert_int_equal(test->last.kind, kind);
    assert_int_equal(test->last.tag, 999);
}

static int set_up(void **state)
{
    counter = 0;
    if (case_set_up(state) != 0) return 1;
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, NODE(test));
    return 0;
}

/* ---- Market data -------------------------------------------------------------------------------
 */

static void look_at_ticker(const struct tn_client_news *news)
{
    const struct tn_ticker *ticker = &news->as.ticker;
    const int64_t fields[] = {(int64_t)ticker->series_id,
                              ticker->bid_price,
                              ticker->bid_quantity,
                              ticker->ask_price,
                              ticker->ask_quantity,
                              ticker->mark_micros,
                              ticker->open_interest,
                              ticker->last_price,
                              ticker->iv_ppm,
                              ticker->delta_ppb,
                              ticker->gamma_ppt,
                              ticker->vega_micros,
                              ticker->theta_micros,
                              (int64_t)ticker->volume,
                              (int64_t)ticker->seq,
                              (int64_t)ticker->prev_seq,
                              ticker->band_low,
                              ticker->band_high,
                              ticker->status,
                              ticker->market};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_int_equal(fields[i], i + 1);
    assert_string_equal(ticker->name, "");
}

static void test_a_ticker_arrives_with_every_field(void **state)
{
    Tenor__V1__Ticker ticker = TENOR__V1__TICKER__INIT;
    fill(&ticker.base);
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_TICKER, &ticker, look_at_ticker);
}

static void look_at_instrument(const struct tn_client_news *news)
{
    const struct tn_instrument *told = &news->as.instrument;
    const int64_t fields[] = {(int64_t)told->series_id,
                              told->status,
                              told->micros_per_tick,
                              told->expiry_ms,
                              told->strike_micros,
                              told->settlement_micros,
                              (int64_t)told->seq,
                              (int64_t)told->prev_seq,
                              told->underlying_id,
                              told->expiry_day,
                              told->market,
                              told->lots_per_unit,
                              told->tick_micros};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_int_equal(fields[i], i + 1);
    assert_string_equal(told->name, "BTC-25DEC26-100000-P");
    assert_string_equal(told->underlying, "BTC");
    assert_int_equal(told->kind, TN_PUT);
    assert_int_equal(told->steps_count, 2);
    assert_int_equal(told->steps[1].from, 100);
    assert_int_equal(told->steps[1].step, 5);
}

static void test_an_instrument_arrives_with_its_tick_schedule(void **state)
{
    Tenor__V1__Instrument told = TENOR__V1__INSTRUMENT__INIT;
    Tenor__V1__TickStep first = TENOR__V1__TICK_STEP__INIT, second = TENOR__V1__TICK_STEP__INIT;
    Tenor__V1__TickStep *steps[] = {&first, &second};
    fill(&told.base);
    told.name = (char *)(uintptr_t) "BTC-25DEC26-100000-P";
    told.underlying = (char *)(uintptr_t) "BTC";
    told.kind = TENOR__V1__SERIES_KIND__PUT;
    first.step = 1;
    second.from = 100;
    second.step = 5;
    told.n_steps = 2;
    told.steps = steps;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_INSTRUMENT, &told, look_at_instrument);
}

static void look_at_book(const struct tn_client_news *news)
{
    const struct tn_book_news *book = &news->as.book;
    assert_int_equal(book->series_id, 1);
    assert_int_equal(book->market, 2);
    assert_int_equal(book->seq, 3);
    assert_int_equal(book->prev_seq, 4);
    assert_true(book->is_snapshot && book->has_crc);
    assert_int_equal(book->bids_count, 1);
    assert_int_equal(book->bids[0].price, 90);
    assert_int_equal(book->bids[0].quantity, 7);
    assert_int_equal(book->asks_count, 2);
    assert_int_equal(book->asks[1].price, 102);
    assert_int_equal(book->asks[1].quantity, 9);
}

static void test_a_book_arrives_with_its_levels(void **state)
{
    Tenor__V1__Book book = TENOR__V1__BOOK__INIT;
    Tenor__V1__Level levels[3], *bids[] = {&levels[0]}, *asks[] = {&levels[1], &levels[2]};
    for (int i = 0; i < 3; i++) {
        tenor__v1__level__init(&levels[i]);
        levels[i].price = i == 0 ? 90 : 100 + i;
        levels[i].quantity = 7 + i;
    }
    fill(&book.base);
    book.n_bids = 1;
    book.bids = bids;
    book.n_asks = 2;
    book.asks = asks;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_BOOK, &book, look_at_book);
}

static void look_at_orders(const struct tn_client_news *news)
{
    const struct tn_order_book_news *told = &news->as.order_book;
    assert_true(told->is_snapshot && told->more);
    assert_int_equal(told->seq, 3);
    assert_int_equal(told->orders_count, 1);
    assert_int_equal(told->orders[0].side, TN_SELL);
    assert_true(told->orders[0].is_last);
    assert_true(told->orders[0].order_id < (uint64_t)told->orders[0].price);
    assert_true(told->orders[0].price < told->orders[0].quantity);
}

static void test_a_book_of_orders_arrives(void **state)
{
    Tenor__V1__OrderBook told = TENOR__V1__ORDER_BOOK__INIT;
    Tenor__V1__BookOrder order = TENOR__V1__BOOK_ORDER__INIT, *orders[] = {&order};
    fill(&told.base);
    fill(&order.base);
    order.side = TENOR__V1__SIDE__SELL;
    told.n_orders = 1;
    told.orders = orders;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_ORDER_BOOK, &told, look_at_orders);
}

static void look_at_trade(const struct tn_client_news *news)
{
    const struct tn_trade *trade = &news->as.trade;
    const int64_t fields[] = {
        (int64_t)trade->series_id, trade->market,       trade->price,
        trade->quantity,           trade->flags,        (int64_t)trade->block,
        (int64_t)trade->time_ms,   (int64_t)trade->seq, (int64_t)trade->prev_seq};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_int_equal(fields[i], i + 1);
    assert_int_equal(trade->taker, TN_SELL);
    assert_int_equal(trade->maker_order_id, 4711);
}

static void test_a_trade_arrives_with_its_takers_side(void **state)
{
    Tenor__V1__Trade trade = TENOR__V1__TRADE__INIT;
    fill(&trade.base);
    trade.taker = TENOR__V1__SIDE__SELL;
    trade.maker_order_id = 4711;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_TRADE, &trade, look_at_trade);
}

static struct tn_level soft_levels[2 * 8], final_levels[2 * 8];
static struct tn_client_book soft_book, final_book;

static void look_at_soft_book(const struct tn_client_news *news)
{
    const struct tn_book_news *book = &news->as.book;
    assert_true(book->is_soft && book->is_reverted && book->is_snapshot);
    assert_int_equal(book->soft.term, 4);
    assert_int_equal(book->soft.sequence, 41);
    assert_int_equal(book->soft.index, 2);
    assert_int_equal(tn_client_book_take(&final_book, book), TN_CLIENT_BOOK_OTHER);
    assert_int_equal(tn_client_book_take(&soft_book, book), TN_CLIENT_BOOK_OK);
    assert_int_equal(soft_book.sides[TN_BUY][0].price, 90);
    assert_int_equal(soft_book.soft.sequence, 41);
}

static void look_at_soft_trade(const struct tn_client_news *news)
{
    assert_true(news->as.trade.is_soft);
    assert_int_equal(news->as.trade.soft.sequence, 41);
}

static void look_at_soft_orders(const struct tn_client_news *news)
{
    const struct tn_order_book_news *told = &news->as.order_book;
    assert_true(told->is_soft && told->is_reverted && told->is_snapshot);
    assert_int_equal(told->soft.index, 2);
}

static void look_at_soft_ticker(const struct tn_client_news *news)
{
    const struct tn_ticker *told = &news->as.ticker;
    assert_true(told->is_soft && told->is_reverted);
    assert_int_equal(told->soft.sequence, 41);
    assert_int_equal(told->bid_price, 90);
}

static void look_at_final_book(const struct tn_client_news *news)
{
    assert_false(news->as.book.is_soft);
    assert_int_equal(tn_client_book_take(&soft_book, &news->as.book), TN_CLIENT_BOOK_OTHER);
    assert_int_equal(tn_client_book_take(&final_book, &news->as.book), TN_CLIENT_BOOK_OK);
}

static void look_at_soft_end(const struct tn_client_news *news)
{
    const struct tn_soft_end_news *end = &news->as.soft_end;
    assert_int_equal(end->market, 1);
    assert_int_equal(end->term, 2);
    assert_int_equal(end->sequence, 3);
}

/* Beside what is final, of the same series: each book takes its own. */
static void test_what_is_soft_arrives_with_its_place_and_its_end(void **state)
{
    Tenor__V1__Book book = TENOR__V1__BOOK__INIT;
    Tenor__V1__Trade trade = TENOR__V1__TRADE__INIT;
    Tenor__V1__OrderBook orders = TENOR__V1__ORDER_BOOK__INIT;
    Tenor__V1__Ticker ticker = TENOR__V1__TICKER__INIT;
    Tenor__V1__SoftPlace place = TENOR__V1__SOFT_PLACE__INIT;
    Tenor__V1__SoftEnd end = TENOR__V1__SOFT_END__INIT;
    Tenor__V1__Level level = TENOR__V1__LEVEL__INIT, *levels[] = {&level};
    tn_client_book_init(&soft_book, 77, soft_levels, 8);
    tn_client_book_init(&final_book, 77, final_levels, 8);
    soft_book.is_soft = true;
    level.price = 90;
    level.quantity = 5;
    place.term = 4;
    place.sequence = 41;
    place.index = 2;
    book.series_id = 77;
    book.seq = 6;
    book.snapshot = book.reverted = true;
    book.soft = &place;
    book.n_bids = 1;
    book.bids = levels;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_BOOK, &book, look_at_soft_book);
    book.soft = NULL;
    book.reverted = false;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_BOOK, &book, look_at_final_book);
    trade.soft = &place;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_TRADE, &trade, look_at_soft_trade);
    orders.soft = ticker.soft = &place;
    orders.snapshot = orders.reverted = ticker.reverted = true;
    ticker.bid_price = 90;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_ORDER_BOOK, &orders, look_at_soft_orders);
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_TICKER, &ticker, look_at_soft_ticker);
    fill(&end.base);
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_SOFT_END, &end, look_at_soft_end);
}

static void look_at_marks(const struct tn_client_news *news)
{
    const struct tn_marks_news *told = &news->as.marks;
    assert_int_equal(told->market, 1);
    assert_int_equal(told->block, 2);
    assert_int_equal(told->marks_count, 1);
    assert_int_equal(told->indexes_count, 1);
    assert_int_equal(told->marks[0].series_id, 51);
    assert_int_equal(told->marks[0].mark_micros, 52);
    assert_int_equal(told->indexes[0].index_micros, 62);
}

static void test_marks_and_indexes_arrive(void **state)
{
    Tenor__V1__Marks told = TENOR__V1__MARKS__INIT;
    Tenor__V1__Mark mark = TENOR__V1__MARK__INIT, *marks[] = {&mark};
    Tenor__V1__Index index = TENOR__V1__INDEX__INIT, *indexes[] = {&index};
    fill(&told.base);
    counter = 50;
    fill(&mark.base);
    counter = 60;
    fill(&index.base);
    told.n_marks = told.n_indexes = 1;
    told.marks = marks;
    told.indexes = indexes;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_MARKS, &told, look_at_marks);
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

static void look_at_account(const struct tn_client_news *news)
{
    const struct tn_account_state *told = &news->as.account_state;
    const int64_t fields[] = {told->market,
                              told->account,
                              told->model,
                              told->cash_micros,
                              told->equity_micros,
                              told->initial_micros,
                              told->maintenance_micros,
                              told->free_micros,
                              told->liquidation,
                              (int64_t)told->nonce_top,
                              told->orders_count,
                              (int64_t)told->block,
                              told->delta_micros};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_int_equal(fields[i], i + 1);
    assert_true(told->exists);
    const struct tn_position_state position = {101, 102, 103, 104, 105, 106, 109, 107, 108};
    assert_true(told->positions_count == 1 && told->collateral_count == 1);
    assert_memory_equal(told->positions, &position, sizeof position);
    assert_int_equal(told->collateral[0].amount, 112);
    assert_int_equal(told->sessions_count, 1);
    assert_int_equal(told->sessions[0].session, 122);
    assert_int_equal(told->sessions[0].expires_ms, 125);
    assert_int_equal(told->sessions[0].key[32], 9);
    assert_int_equal(told->owner[19], 4);
}

static void test_an_account_arrives_with_its_lists(void **state)
{
    uint8_t owner[20], key[33];
    Tenor__V1__Account told = TENOR__V1__ACCOUNT__INIT;
    Tenor__V1__Position position = TENOR__V1__POSITION__INIT, *positions[] = {&position};
    Tenor__V1__Collateral collateral = TENOR__V1__COLLATERAL__INIT, *collaterals[] = {&collateral};
    Tenor__V1__Session session = TENOR__V1__SESSION__INIT, *sessions[] = {&session};
    fill(&told.base);
    counter = 100;
    fill(&position.base);
    counter = 110;
    fill(&collateral.base);
    counter = 120;
    fill(&session.base);
    memset(owner, 4, sizeof owner);
    memset(key, 9, sizeof key);
    told.owner = (ProtobufCBinaryData){.len = sizeof owner, .data = owner};
    session.key = (ProtobufCBinaryData){.len = sizeof key, .data = key};
    told.n_positions = told.n_collateral = told.n_sessions = 1;
    told.positions = positions;
    told.collateral = collaterals;
    told.sessions = sessions;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_ACCOUNT, &told, look_at_account);
}

static void look_at_margin(const struct tn_client_news *news)
{
    const struct tn_margin_news *told = &news->as.margin;
    assert_int_equal(told->account, 1);
    assert_int_equal(told->shortfall_micros, 2);
    assert_int_equal(told->after.equity_micros, 11);
    assert_int_equal(told->after.worst_scenario, 14);
    assert_int_equal(told->before.equity_micros, 0);
    assert_string_equal(told->refused, "why");
}

static void test_margin_arrives_with_or_without_its_parts(void **state)
{
    Tenor__V1__Margin told = TENOR__V1__MARGIN__INIT;
    Tenor__V1__MarginState after = TENOR__V1__MARGIN_STATE__INIT;
    fill(&told.base);
    counter = 10;
    fill(&after.base);
    told.after = &after;
    told.refused = (char *)(uintptr_t) "why";
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_MARGIN, &told, look_at_margin);
}

static void look_at_cluster(const struct tn_client_news *news)
{
    const struct tn_cluster_news *told = &news->as.cluster;
    assert_int_equal(told->epoch, 1);
    assert_int_equal(told->height, 2);
    assert_int_equal(told->final_height, 3);
    assert_int_equal(told->governance_number, 4);
    assert_int_equal(told->deposit_number, 5);
    assert_int_equal(told->nodes_count, 1);
    assert_string_equal(told->nodes[0].clients, "host:1");
    assert_int_equal(told->nodes[0].key[0], 2);
    assert_int_equal(told->markets_count, 1);
    assert_int_equal(told->markets[0].cursor, 25);
}

static void test_the_cluster_arrives_with_nodes_and_heads(void **state)
{
    struct client_case *test = *state;
    uint8_t key[33] = {2};
    Tenor__V1__Cluster told = TENOR__V1__CLUSTER__INIT;
    Tenor__V1__Node node = TENOR__V1__NODE__INIT, *nodes[] = {&node};
    Tenor__V1__MarketHead head = TENOR__V1__MARKET_HEAD__INIT, *heads[] = {&head};
    fill(&told.base);
    fill(&node.base);
    counter = 20;
    fill(&head.base);
    told.chain_id = (ProtobufCBinaryData){.len = 32, .data = test->chain_id};
    node.key = (ProtobufCBinaryData){.len = sizeof key, .data = key};
    node.clients = (char *)(uintptr_t) "host:1";
    told.n_nodes = told.n_markets = 1;
    told.nodes = nodes;
    told.markets = heads;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_CLUSTER, &told, look_at_cluster);
}

static void look_at_order(const struct tn_client_news *news)
{
    assert_int_equal(news->as.orders_open.count, 1);
    const struct tn_open_order *order = &news->as.orders_open.list[0];
    assert_true(order->is_quote && order->is_stop && news->as.orders_open.more);
    assert_int_equal(order->order_id, 11);
    assert_int_equal(order->client_id, 12);
    assert_int_equal(order->series_id, 13);
    assert_int_equal(order->price, 14);
    assert_int_equal(order->quantity, 15);
    assert_int_equal(order->label, 16);
}

static void test_open_orders_arrive(void **state)
{
    Tenor__V1__Orders told = TENOR__V1__ORDERS__INIT;
    Tenor__V1__Order order = TENOR__V1__ORDER__INIT, *orders[] = {&order};
    fill(&told.base);
    counter = 10;
    fill(&order.base);
    told.n_orders = 1;
    told.orders = orders;
    say_and_look(*state, TENOR__V1__FROM_NODE__BODY_ORDERS, &told, look_at_order);
}

/* ---- What is asked -----------------------------------------------------------------------------
 */

static const Tenor__V1__ToNode *ask(struct client_case *test, const struct tn_question *question)
{
    assert_int_equal(tn_client_ask(test->client, 41, question), TN_CLIENT_OK);
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, NODE(test), (Tenor__V1__ToNode__BodyCase)question->kind);
    assert_int_equal(message->request, 42);
    return message;
}

static void test_each_question_arrives_with_what_it_names(void **state)
{
    struct client_case *test = *state;
    const struct tn_trial trial = {.series_id = 8, .position = -3, .price = 9, .ask_quantity = 2};
    struct tn_question question = {.account = 11,
                                   .underlying = 12,
                                   .expiry_day = 13,
                                   .depth = 20,
                                   .count = 15,
                                   .series_id = 16,
                                   .after_account = 23,
                                   .after_series_id = 17,
                                   .after_order_id = 18,
                                   .height = 19,
                                   .session = 20,
                                   .epoch = 22,
                                   .owner = {{21}},
                                   .trials = &trial,
                                   .trials_count = 1};
    question.kind = TN_ASK_CLUSTER;
    ask(test, &question);
    question.kind = TN_ASK_INSTRUMENTS;
    assert_int_equal(ask(test, &question)->get_instruments->market, 1); /* the options' */
    question.market = 3;
    assert_int_equal(ask(test, &question)->get_instruments->after_series_id, 17);
    question.kind = TN_ASK_CHAIN;
    const Tenor__V1__GetChain *chain = ask(test, &question)->get_chain;
    assert_int_equal(chain->market, 3);
    assert_true(chain->underlying == 12 && chain->expiry_day == 13);
    question.kind = TN_ASK_BOOK;
    assert_int_equal(ask(test, &question)->get_book->depth, 20);
    question.kind = TN_ASK_TRADES;
    assert_int_equal(ask(test, &question)->get_trades->count, 15);
    question.kind = TN_ASK_ACCOUNT;
    assert_int_equal(ask(test, &question)->get_account->account, 11);
    question.kind = TN_ASK_ORDERS;
    assert_int_equal(ask(test, &question)->get_orders->after_order_id, 18);
    question.kind = TN_ASK_OWNER;
    const Tenor__V1__GetOwner *owner = ask(test, &question)->get_owner;
    assert_true(owner->owner.data[0] == 21 && owner->after_account == 23);
    question.kind = TN_ASK_MARGIN;
    const Tenor__V1__GetMargin *margin = ask(test, &question)->get_margin;
    assert_int_equal(margin->n_trials, 1);
    assert_true(margin->trials[0]->position == -3 && margin->trials[0]->ask_quantity == 2);
    question.kind = TN_ASK_BLOCK;
    assert_int_equal(ask(test, &question)->get_block->height, 19);
    question.kind = TN_ASK_PROOF;
    assert_int_equal(ask(test, &question)->get_proof->series_id, 16);
    question.kind = TN_ASK_LIQUIDATIONS;
    assert_int_equal(ask(test, &question)->get_liquidations->after_account, 23);
    question.kind = TN_ASK_SESSION;
    assert_int_equal(ask(test, &question)->get_session->session, 20);
    question.kind = TN_ASK_HANDOVERS;
    assert_int_equal(ask(test, &question)->get_handovers->epoch, 22);
    question.kind = 99;
    assert_int_equal(tn_client_ask(test->client, 1, &question), TN_CLIENT_BAD);
}

/* ---- Subscriptions -----------------------------------------------------------------------------
 */

static void test_subscriptions_are_taken_up_on_the_next_connection(void **state)
{
    struct client_case *test = *state;
    const uint64_t list[] = {7, 8, 9};
    assert_int_equal(tn_client_subscribe(test->client, 5, 0, TN_CHANNEL_BOOK, list, 3, 10),
                     TN_CLIENT_OK);
    assert_int_equal(tn_client_subscribe(test->client, 6, 2, TN_CHANNEL_MARKS, NULL, 0, 0),
                     TN_CLIENT_OK);
    assert_int_equal(tn_client_subscribe(test->client, 7, 0, TN_CHANNEL_TRADES, NULL, 0, 0),
                     TN_CLIENT_OK);
    /* Again a part of the first one, because it had a gap: nothing more to remember. */
    assert_int_equal(tn_client_subscribe(test->client, 8, 0, TN_CHANNEL_BOOK, list + 1, 1, 10),
                     TN_CLIENT_OK);
    assert_int_equal(tn_client_unsubscribe(test->client, 9, 0, TN_CHANNEL_TRADES, NULL, 0),
                     TN_CLIENT_OK);
    for (uint32_t i = 0; i < 4; i++)
        case_hear_kind(test, NODE(test), TENOR__V1__TO_NODE__BODY_SUBSCRIBE);
    case_hear_kind(test, NODE(test), TENOR__V1__TO_NODE__BODY_UNSUBSCRIBE);
    case_cut(NODE(test));
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY);
    test->now_ms += tn_client_timeout(test->client, test->now_ms);
    struct case_server *next = &test->servers[1];
    case_log_on(test, next);
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, next, TENOR__V1__TO_NODE__BODY_SUBSCRIBE);
    assert_int_equal(message->request, 6);
    assert_int_equal(message->subscribe->market, 1);
    assert_int_equal(message->subscribe->channel, TN_CHANNEL_BOOK);
    assert_int_equal(message->subscribe->n_series_id, 3);
    assert_int_equal(message->subscribe->series_id[2], 9);
    assert_int_equal(message->subscribe->depth, 10);
    message = case_hear_kind(test, next, TENOR__V1__TO_NODE__BODY_SUBSCRIBE);
    assert_int_equal(message->subscribe->market, 2);
    assert_int_equal(message->subscribe->channel, TN_CHANNEL_MARKS);
    case_settle(test);
    assert_false(case_has_message(next));
}

static void test_more_subscriptions_than_are_remembered_are_refused(void **state)
{
    struct client_case *test = *state;
    uint32_t taken = 0;
    for (uint64_t i = 0; i < 2 * TN_CLIENT_CHANNELS_MAX; i++) {
        taken += tn_client_subscribe(test->client, i, 0, TN_CHANNEL_BOOK, &i, 1, 0) == TN_CLIENT_OK;
    }
    assert_int_equal(taken, TN_CLIENT_CHANNELS_MAX);
}

/* ---- Items -------------------------------------------------------------------------------------
 */

static const struct tn_block_item *hear_item(struct client_case *test)
{
    static uint8_t bytes[WIRE_TO_NODE_BYTES_MAX + 1];
    static struct tn_stream_scratch scratch;
    static struct tn_block_item item;
    struct tn_stream_fault fault;
    const Tenor__V1__Item *told =
        case_hear_kind(test, NODE(test), TENOR__V1__TO_NODE__BODY_ITEM)->item;
    bytes[0] = (uint8_t)told->kind;
    memcpy(bytes + 1, told->bytes.data, told->bytes.len);
    if (!tn_stream_read_block_item(&item, &fault, &scratch, bytes, told->bytes.len + 1)) {
        fail_msg("no item: %s", fault.what);
    }
    return &item;
}

static void check_owner(struct client_case *test, const struct tn_block_item *item,
                        const struct tn_secret_key *key)
{
    struct tn_hash digest;
    struct tn_public_key public_key;
    struct tn_address expected, found;
    void *context = test->signatures.context;
    tn_stream_item_digest(&digest, test->chain_id, item);
    assert_true(test->signatures.recover(context, &found, &digest, &item->as.operation.signature));
    assert_true(test->signatures.public_key(context, &public_key, key));
    assert_true(test->signatures.address(context, &expected, &public_key));
    assert_true(tn_address_equal(&found, &expected));
    assert_true(tn_address_equal(&item->as.operation.owner, &expected));
}

static void test_operations_carry_their_owners_signature(void **state)
{
    struct client_case *test = *state;
    struct tn_secret_key owner;
    memset(owner.bytes, 3, sizeof owner.bytes);
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    struct tn_operation *operation = &item.as.operation;
    operation->kind = TN_OPERATION_SESSION;
    operation->market = 1;
    operation->number = 4;
    operation->account = 5;
    operation->key = test->public_key;
    operation->scope = TN_SCOPE_ALL;
    operation->expires_ms = 900;
    assert_int_equal(tn_client_item(test->client, 1, &item, &owner), TN_CLIENT_OK);
    const struct tn_block_item *told = hear_item(test);
    assert_int_equal(told->as.operation.account, 5);
    check_owner(test, told, &owner);

    struct tn_command withdraw = {.kind = TN_COMMAND_WITHDRAW};
    withdraw.as.money.amount = 77;
    item.as.operation = (struct tn_operation){.kind = TN_OPERATION_FRAME, .market = 1};
    item.as.operation.entry = (struct tn_entry){.kind = TN_ENTRY_FRAME,
                                                .as.frame = {.commands = &withdraw,
                                                             .commands_count = 1,
                                                             .account = 5,
                                                             .nonce = 6,
                                                             .valid_until_block = 99}};
    assert_int_equal(tn_client_item(test->client, 2, &item, &owner), TN_CLIENT_OK);
    told = hear_item(test);
    check_owner(test, told, &owner);
    assert_int_equal(told->as.operation.entry.as.frame.commands[0].as.money.amount, 77);
}

static void test_deposits_and_governance_are_signed_with_their_keys(void **state)
{
    struct client_case *test = *state;
    struct tn_hash digest;
    struct tn_block_item item = {.kind = TN_ITEM_DEPOSIT};
    item.as.deposit.number = 9;
    item.as.deposit.market = 1;
    item.as.deposit.amount = 1000;
    assert_int_equal(tn_client_item(test->client, 1, &item, &test->key), TN_CLIENT_OK);
    const struct tn_block_item *told = hear_item(test);
    tn_stream_item_digest(&digest, test->chain_id, told);
    assert_true(test->signatures.verify(test->signatures.context, &digest,
                                        &told->as.deposit.signature, &test->public_key));

    item = (struct tn_block_item){.kind = TN_ITEM_GOVERNANCE};
    item.as.governance.number = 3;
    item.as.governance.market = 1;
    item.as.governance.entry = (struct tn_entry){.kind = TN_ENTRY_LIST, .as.list.series_id = 12};
    assert_int_equal(tn_client_item(test->client, 1, &item, &test->key), TN_CLIENT_OK);
    told = hear_item(test);
    assert_int_equal(told->as.governance.entry.as.list.series_id, 12);
    tn_stream_item_digest(&digest, test->chain_id, told);
    assert_true(test->signatures.verify(test->signatures.context, &digest,
                                        &told->as.governance.signature, &test->public_key));
    item.kind = TN_ITEM_TERM;
    assert_int_equal(tn_client_item(test->client, 1, &item, &test->key), TN_CLIENT_BAD);
}

static void test_a_forced_frame_names_no_term_and_is_settled_like_others(void **state)
{
    struct client_case *test = *state;
    const struct tn_command cancel = {.kind = TN_COMMAND_MASS_CANCEL};
    uint64_t nonce = 0;
    assert_int_equal(tn_client_force(test->client, &nonce, 5, &cancel, 1), TN_CLIENT_OK);
    const struct tn_block_item *told = hear_item(test);
    assert_int_equal(told->kind, TN_ITEM_FORCED);
    assert_int_equal(told->as.forced.term, 0);
    assert_int_equal(told->as.forced.nonce, nonce);
    assert_int_equal(tn_client_flight_count(test->client), 1);
    case_account(NODE(test), 12, 0, nonce, TN_EVENT_RESULT);
    case_expect(test, "account 12:0 nonce 1 kind 1\nframe 5 nonce 1 executed block 12\n");
}

/* The node's answer to the next item that it hears. */
static void answer_item(struct client_case *test, Tenor__V1__ItemAnswer answer)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__ItemTaken taken = TENOR__V1__ITEM_TAKEN__INIT;
    message.request = case_hear_kind(test, NODE(test), TENOR__V1__TO_NODE__BODY_ITEM)->request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_ITEM_TAKEN;
    message.item_taken = &taken;
    taken.answer = answer;
    case_say(NODE(test), &message);
}

static void test_a_forced_frame_that_no_node_takes_is_refused_at_once(void **state)
{
    struct client_case *test = *state;
    const struct tn_command cancel = {.kind = TN_COMMAND_MASS_CANCEL};
    uint64_t nonce = 0;
    assert_int_equal(tn_client_force(test->client, &nonce, 5, &cancel, 1), TN_CLIENT_OK);
    answer_item(test, TENOR__V1__ITEM_ANSWER__INVALID);
    case_expect(test, "frame 5 nonce 1 refused error 10002\n");
    assert_int_equal(tn_client_force(test->client, &nonce, 6, &cancel, 1), TN_CLIENT_OK);
    answer_item(test, TENOR__V1__ITEM_ANSWER__NO_ROOM);
    case_expect(test, "frame 6 nonce 2 refused error 50006\n");
    assert_int_equal(tn_client_force(test->client, &nonce, 7, &cancel, 1), TN_CLIENT_OK);
    answer_item(test, TENOR__V1__ITEM_ANSWER__KNOWN);
    case_settle(test);
    case_expect(test, "");
    assert_int_equal(tn_client_flight_count(test->client), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, case_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_ticker_arrives_with_every_field),
        TEST(test_an_instrument_arrives_with_its_tick_schedule),
        TEST(test_a_book_arrives_with_its_levels),
        TEST(test_a_book_of_orders_arrives),
        TEST(test_a_trade_arrives_with_its_takers_side),
        TEST(test_what_is_soft_arrives_with_its_place_and_its_end),
        TEST(test_marks_and_indexes_arrive),
        TEST(test_an_account_arrives_with_its_lists),
        TEST(test_margin_arrives_with_or_without_its_parts),
        TEST(test_the_cluster_arrives_with_nodes_and_heads),
        TEST(test_open_orders_arrive),
        TEST(test_each_question_arrives_with_what_it_names),
        TEST(test_subscriptions_are_taken_up_on_the_next_connection),
        TEST(test_more_subscriptions_than_are_remembered_are_refused),
        TEST(test_operations_carry_their_owners_signature),
        TEST(test_deposits_and_governance_are_signed_with_their_keys),
        TEST(test_a_forced_frame_names_no_term_and_is_settled_like_others),
        TEST(test_a_forced_frame_that_no_node_takes_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
