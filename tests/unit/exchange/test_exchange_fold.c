/* The fold itself (include/tenor/exchange.h): one entry in, a bounded list of events out, the same
 * on every machine; what a caller may rely on besides the rules. */
#include "exchange_trace.h"

#include <sys/wait.h>
#include <unistd.h>

/* A busy day, one number per choice; enough of everything to make differences show. */
static struct tn_command some_command(uint64_t *seed)
{
    const uint64_t series[] = {market.call, market.put, market.perp};
    uint64_t id = series[tn_random_below(seed, 3)];
    tn_ticks middle = id == market.perp ? 100000 : 1000;
    enum tn_side side = tn_random_below(seed, 2) == 0 ? BUY : SELL;
    tn_ticks price = middle - 10 + (tn_ticks)tn_random_below(seed, 21);
    tn_lots quantity = 1 + (tn_lots)tn_random_below(seed, 20);
    struct tn_command order = limit(side, id, price, quantity);
    switch (tn_random_below(seed, 8)) {
        case 0: return ioc(order);
        case 1: return showing(order, (quantity + 1) / 2);
        case 2: return cancel(tn_random_below(seed, 300));
        case 3: return replace(tn_random_below(seed, 300), price, quantity);
        case 4: return until_block(order, (int64_t)market.height + 2);
        case 5: return under_id(order, 1 + tn_random_below(seed, 100));
        case 6: return with_stp(order, (enum tn_stp)tn_random_below(seed, 4));
        default: return order;
    }
}

static void play_a_day(void)
{
    uint64_t seed = 20260101;
    for (int i = 0; i < 400; i++) {
        send((uint32_t)tn_random_below(&seed, TRADERS), some_command(&seed));
        if (i % 20 == 0) advance(1, 1000);
        if (i % 10 == 0) sweep(3);
    }
}

/* Every entry of every story goes to two exchanges of different seeds. Here many do, twice, and the
 * second time under two seeds more. */
static void test_exchange_events_and_digest_do_not_depend_on_the_hash_seed(void **state)
{
    (void)state;
    play_a_day();
    uint64_t digest = tn_exchange_digest(market.exchange);
    assert_true(tn_book_orders_count(tn_exchange_books(market.exchange)) > 20);
    close_market(NULL);
    market_seeds[0] = 77;
    market_seeds[1] = 0;
    open_market(NULL);
    play_a_day();
    assert_true(tn_exchange_digest(market.exchange) == digest);
}

static void test_exchange_digest_tells_states_apart(void **state)
{
    (void)state;
    uint64_t digests[12];
    uint32_t count = 0;
    digests[count++] = tn_exchange_digest(market.exchange);
    place(ALICE, limit(BUY, market.call, 1000, 5));
    digests[count++] = tn_exchange_digest(market.exchange);
    pass(ALICE, replace(1, 1000, 4));
    digests[count++] = tn_exchange_digest(market.exchange);
    place(BOB, labelled(limit(SELL, market.call, 1000, 1), 0));
    digests[count++] = tn_exchange_digest(market.exchange);
    set_mark(market.call, 1001);
    digests[count++] = tn_exchange_digest(market.exchange);
    apply_passing(funding_entry(market.perp, 1));
    digests[count++] = tn_exchange_digest(market.exchange);
    pass(ALICE, protection(1, 1, 0, 1000, 0));
    digests[count++] = tn_exchange_digest(market.exchange);
    set_fees(1, 2, 3);
    digests[count++] = tn_exchange_digest(market.exchange);
    advance(1, 0);
    digests[count++] = tn_exchange_digest(market.exchange);
    advance(1, 1);
    digests[count++] = tn_exchange_digest(market.exchange);
    set_status(market.put, TN_STATUS_HALTED);
    digests[count++] = tn_exchange_digest(market.exchange);
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 0});
    digests[count++] = tn_exchange_digest(market.exchange);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++)
            assert_true(digests[i] != digests[j]);
    }
}

static void prefetch(const struct tn_entry *entry)
{
    struct tn_exchange_ahead ahead;
    for (uint32_t stage = 0; stage < TN_EXCHANGE_STAGES; stage++)
        tn_exchange_prefetch(market.exchange, &ahead, entry, stage);
}

static void test_exchange_prefetch_of_anything_changes_nothing(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.call, 1000, 5));
    uint64_t digest = tn_exchange_digest(market.exchange);
    for (uint8_t kind = 2; kind <= 20; kind++) {
        struct tn_entry entry = {.kind = kind};
        prefetch(&entry);
    }
    uint64_t seed = 1;
    struct tn_quote quote = two_sided(12345, 1, 1, 1, 1);
    for (uint8_t i = 0; i < 200; i++) {
        struct tn_command command = some_command(&seed);
        uint32_t account = (uint32_t)tn_random_below(&seed, 2 * TRADERS);
        struct tn_entry entry = frame_entry(account, 0, &command, 1);
        prefetch(&entry);
        command = mass_quote(&quote, 1, i);
        prefetch(&entry);
        command.as.mass_quote.quotes_count = 0;
        command.kind = i;
        prefetch(&entry);
    }
    assert_true(tn_exchange_digest(market.exchange) == digest);
}

static void test_exchange_one_entry_never_exceeds_the_events_it_announces(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.fills_max = 64;
    open_market_with(limits, usual_underlying());
    struct tn_command commands[8];
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 62; j++)
            place(CAROL, showing(limit(SELL, market.call, 1000, 2), 1));
        commands[i] = limit(BUY, market.call, 1000, 1000);
    }
    apply(frame_entry(BOB, 1, commands, 8));
    assert_true(market.count >= 8 * 64 * 2);
    assert_true(market.count <= tn_exchange_events_max(&limits));
}

static void test_exchange_mass_cancels_of_one_frame_fit_the_events_it_announces(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.orders_max = 50000;
    limits.commands_per_frame_max = 16;
    limits.cancels_max = 4096;
    limits.jobs_max = 64;
    limits.fills_max = limits.exposures_per_account_max = limits.reduce_only_max = 1;
    open_market_with(limits, usual_underlying());
    struct tn_command commands[16];
    for (int i = 0; i < 16; i++)
        commands[i] = limit(SELL, market.call, 1000, 1);
    uint64_t nonce = 0;
    for (int i = 0; i < 50000 / 16; i++) {
        struct tn_entry frame = frame_entry(ALICE, ++nonce, commands, 16);
        tn_exchange_apply(market.exchange, market.events, market.events_max, &frame);
        tn_exchange_apply(market.shadow, market.shadow_events, market.events_max, &frame);
    }
    for (int i = 0; i < 16; i++)
        commands[i] = mass_cancel((struct tn_mass_cancel){.by = 0});
    struct tn_entry frame = frame_entry(ALICE, ++nonce, commands, 16);
    uint32_t count = tn_exchange_apply(market.exchange, market.events, market.events_max, &frame);
    assert_true(count > 40000); /* nearly all the orders there are */
    assert_true(count <= market.events_max);
    tn_exchange_check(market.exchange);
}

/* True when applying with so small an array stops the program. */
static bool stops_with_array_of(uint32_t events_max)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(0);
        struct tn_entry entry = block_entry(market.height, market.time_ms + 1);
        tn_exchange_apply(market.exchange, market.events, events_max, &entry);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

static void test_exchange_array_smaller_than_events_max_is_a_bug_of_the_caller(void **state)
{
    (void)state;
    assert_false(stops_with_array_of(market.events_max));
    assert_true(stops_with_array_of(market.events_max - 1));
    assert_true(stops_with_array_of(0));
}

static void test_exchange_fields_an_event_does_not_name_are_zero(void **state)
{
    (void)state;
    memset(market.events, 0xff, market.events_max * sizeof market.events[0]);
    memset(market.shadow_events, 0xff, market.events_max * sizeof market.events[0]);
    place(ALICE, under_id(limit(SELL, market.call, 1000, 5), 3));
    struct tn_event expected[2];
    memset(expected, 0, sizeof expected);
    expected[0].kind = TN_EVENT_ACCEPTED;
    expected[0].side = TN_SELL;
    expected[0].account = ALICE;
    expected[0].series_id = market.call;
    expected[0].order_id = 1;
    expected[0].client_id = 3;
    expected[0].price = 1000;
    expected[0].quantity = 5;
    expected[1].kind = TN_EVENT_RESULT;
    expected[1].account = ALICE;
    expected[1].order_id = 1;
    expected[1].client_id = 3;
    expected[1].remaining = 5;
    assert_int_equal(market.count, 2);
    assert_memory_equal(market.events, expected, sizeof expected);
    pass(ALICE, cancel(1));
    memset(expected, 0, sizeof expected);
    expected[0].kind = TN_EVENT_CANCELLED;
    expected[0].side = TN_SELL;
    expected[0].reason = TN_REASON_REQUEST;
    expected[0].account = ALICE;
    expected[0].series_id = market.call;
    expected[0].order_id = 1;
    expected[0].quantity = 5;
    assert_memory_equal(market.events, expected, sizeof expected[0]);
}

static void test_exchange_idle_market_has_no_work_and_sweeps_say_nothing(void **state)
{
    (void)state;
    assert_false(tn_exchange_work(market.exchange));
    uint64_t digest = tn_exchange_digest(market.exchange);
    sweep(64);
    EXPECT_NO_EVENTS();
    assert_true(tn_exchange_digest(market.exchange) == digest);
}

static void test_exchange_views_of_what_is_not_there_are_empty(void **state)
{
    (void)state;
    struct tn_account_view account;
    struct tn_series_view series;
    assert_false(tn_exchange_account(market.exchange, &account, TRADERS));
    assert_false(tn_exchange_account(market.exchange, &account, TN_NONE));
    assert_false(tn_exchange_series(market.exchange, &series, 0));
    struct tn_position nothing = tn_exchange_position(market.exchange, BOB, market.call);
    assert_int_equal(nothing.quantity, 0);
    assert_int_equal(tn_exchange_position(market.exchange, TN_NONE, market.call).quantity, 0);
    assert_int_equal(tn_exchange_position(market.exchange, BOB, 12345).quantity, 0);
    uint64_t ids[2];
    assert_int_equal(tn_exchange_series_ids(market.exchange, ids, 2), 2);
    assert_int_equal(ids[0], market.perp);
    assert_int_equal(ids[1], market.future);
}

static void test_exchange_resting_order_is_one_cache_line_when_hot(void **state)
{
    (void)state;
    uint32_t hot, cold, index;
    tn_exchange_order_bytes(&hot, &cold, &index);
    assert_true(hot <= 64);
    assert_true(cold > 0 && index > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_events_and_digest_do_not_depend_on_the_hash_seed),
        STORY(test_exchange_digest_tells_states_apart),
        STORY(test_exchange_prefetch_of_anything_changes_nothing),
        OWN_STORY(test_exchange_one_entry_never_exceeds_the_events_it_announces),
        OWN_STORY(test_exchange_mass_cancels_of_one_frame_fit_the_events_it_announces),
        STORY(test_exchange_array_smaller_than_events_max_is_a_bug_of_the_caller),
        STORY(test_exchange_fields_an_event_does_not_name_are_zero),
        STORY(test_exchange_idle_market_has_no_work_and_sweeps_say_nothing),
        STORY(test_exchange_views_of_what_is_not_there_are_empty),
        STORY(test_exchange_resting_order_is_one_cache_line_when_hot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
