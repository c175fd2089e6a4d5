/* The gateway's parts that need no network: buckets, addresses, accounts, what is pending, and the
 * history of accounts' streams against one that keeps everything. */
#include "gateway/account_history.h"
#include "gateway/accounts.h"
#include "gateway/limits.h"
#include "gateway/pending.h"
#include "wire/wire.h"

#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_bucket_refills_with_time_up_to_its_burst(void **state)
{
    struct gateway_bucket bucket = {0};
    (void)state;
    assert_int_equal(gateway_bucket_left(&bucket, 10, 5, 1000), 5);
    assert_true(gateway_bucket_take(&bucket, 5));
    assert_false(gateway_bucket_take(&bucket, 1));
    assert_int_equal(gateway_bucket_left(&bucket, 10, 5, 100999), 0);
    assert_int_equal(gateway_bucket_left(&bucket, 10, 5, 101000), 1);
    assert_true(gateway_bucket_take(&bucket, 1));
    assert_int_equal(gateway_bucket_left(&bucket, 10, 5, 100000000), 5);
    assert_int_equal(gateway_bucket_left(&bucket, 10, 5, INT64_MAX), 5); /* no overflow */
    assert_int_equal(gateway_bucket_left(&bucket, 10, 3, INT64_MAX), 3); /* a smaller one now */
}

static void test_limits_name_what_is_out_of_range(void **state)
{
    struct gateway_limits limits;
    char problem[GATEWAY_PROBLEM_SIZE] = "";
    (void)state;
    gateway_limits_default(&limits);
    assert_true(gateway_limits_check(&limits, problem));
    limits.slow_ms = 1;
    assert_false(gateway_limits_check(&limits, problem));
    assert_non_null(strstr(problem, "slow_ms = 1"));
    assert_non_null(strstr(problem, "100 to 600000"));
    gateway_limits_default(&limits);
    limits.heartbeat_ms = limits.heartbeat_most_ms + 1;
    assert_false(gateway_limits_check(&limits, problem));
    assert_non_null(strstr(problem, "heartbeat_ms"));
}

static void test_addresses_are_counted_through_a_flood_of_others(void **state)
{
    struct gateway_limits limits;
    struct gateway_address own = {{10, 0, 0, 1}, true}, other = {{0}, true};
    (void)state;
    gateway_limits_default(&limits);
    limits.address_sessions_max = 2;
    struct gateway_addresses *addresses = gateway_addresses_make(16);
    assert_int_equal(gateway_addresses_enter(addresses, &own, &limits, 1), GATEWAY_ADDRESS_OK);
    assert_int_equal(gateway_addresses_enter(addresses, &own, &limits, 1), GATEWAY_ADDRESS_OK);
    for (uint32_t i = 0; i < 10000; i++) {
        memcpy(other.bytes, &i, sizeof i);
        if (gateway_addresses_enter(addresses, &other, &limits, 2 + i) == GATEWAY_ADDRESS_OK)
            gateway_addresses_leave(addresses, &other);
    }
    assert_int_equal(gateway_addresses_enter(addresses, &own, &limits, 20000),
                     GATEWAY_ADDRESS_FULL);
    gateway_addresses_leave(addresses, &own);
    assert_int_equal(gateway_addresses_enter(addresses, &own, &limits, 20000), GATEWAY_ADDRESS_OK);
    /* The same bytes are another address in the other family. */
    own.is_ip4 = false;
    assert_int_equal(gateway_addresses_enter(addresses, &own, &limits, 20000), GATEWAY_ADDRESS_OK);
    gateway_addresses_free(addresses);
}

static void test_accounts_with_connections_stay_when_others_make_way(void **state)
{
    (void)state;
    struct gateway_accounts *accounts = gateway_accounts_make(4); /* eight places */
    for (uint32_t i = 0; i < 4; i++)
        gateway_accounts_take(accounts, 1, i)->connections_count = 1;
    for (uint32_t i = 100; i < 200; i++)
        assert_int_equal(gateway_accounts_take(accounts, 1, i)->account, i);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(gateway_accounts_find(accounts, 1, i)->connections_count, 1);
    assert_null(gateway_accounts_find(accounts, 2, 0));
    assert_null(gateway_accounts_find(accounts, 1, 100));
    gateway_accounts_free(accounts);
}

static void test_pendings_are_found_by_tag_and_nonce_until_they_are_over(void **state)
{
    struct gateway_pendings *pendings = gateway_pendings_make(64, 4);
    struct gateway_pending wanted = {.kind = GATEWAY_PENDING_FRAME, .market = 1, .session = 7};
    uint64_t tags[64];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            wanted.owner = i % 4;
            wanted.nonce = i;
            tags[i] = gateway_pendings_add(pendings, &wanted)->tag;
            assert_true(tags[i] > 0 && tags[i] < UINT64_C(1) << 47);
        }
        assert_null(gateway_pendings_add(pendings, &wanted));
        for (uint32_t i = 0; i < 64; i += 2) {
            struct gateway_pending *found = gateway_pendings_find(pendings, tags[i]);
            assert_ptr_equal(found, gateway_pendings_frame(pendings, 1, 7, i));
            gateway_pendings_remove(pendings, found);
            assert_null(gateway_pendings_find(pendings, tags[i]));
            assert_null(gateway_pendings_frame(pendings, 1, 7, i));
        }
        uint32_t count = 0;
        struct gateway_pending *at = gateway_pendings_next_frame(pendings, NULL);
        for (; at != NULL; at = gateway_pendings_next_frame(pendings, at))
            assert_int_equal(at->nonce, 2 * count++ + 1);
        assert_int_equal(count, 32);
        for (uint32_t owner = 0; owner < 4; owner++) {
            while ((at = gateway_pendings_next_owned(pendings, owner, NULL)) != NULL) {
                assert_int_equal(at->owner, owner);
                gateway_pendings_remove(pendings, at);
            }
        }
        assert_int_equal(gateway_pendings_count(pendings), 0);
    }
    gateway_pendings_free(pendings);
}

static void test_history_knows_whose_every_kind_of_event_is(void **state)
{
    uint32_t accounts[2];
    (void)state;
    for (uint8_t kind = TN_EVENT_RESULT; kind <= TN_EVENT_REMITTED; kind++) {
        struct tn_event event = {.kind = kind, .account = 4, .other_account = 5};
        uint32_t count = gateway_history_accounts(accounts, &event);
        bool none = kind == TN_EVENT_STATUS || kind == TN_EVENT_LISTED ||
                    kind == TN_EVENT_UNCROSSED || kind == TN_EVENT_MARKED ||
                    kind == TN_EVENT_FEED || kind == TN_EVENT_RISK;
        bool two = kind == TN_EVENT_TRADE || kind == TN_EVENT_MONEY || kind == TN_EVENT_SEIZED ||
                   kind == TN_EVENT_DELEVERAGED;
        assert_int_equal(count, none ? 0 : two ? 2 : 1);
        event.other_account = 4; /* to itself: told once */
        if (two) assert_int_equal(gateway_history_accounts(accounts, &event), 1);
        event.account = TN_NONE;
        if (!none && !two) assert_int_equal(gateway_history_accounts(accounts, &event), 0);
    }
}

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* What a history without bounds would hold, and readers that go on where they stood. */
#define ACCOUNTS    40u
#define EVENTS_KEPT 12000u
#define STEP_EVENTS 300u
static struct {
    struct gateway_place at;
    uint64_t nonce;
    struct tn_event event;
} all[ACCOUNTS][EVENTS_KEPT];
static uint32_t all_count[ACCOUNTS], heard_count[ACCOUNTS];
static struct gateway_cursor cursors[ACCOUNTS];

static void keep(uint32_t account, const struct port_step *step, const struct tn_event *event)
{
    uint32_t n = all_count[account]++, index = 0;
    assert_true(n < EVENTS_KEPT);
    if (n > 0 && all[account][n - 1].at.block == step->block)
        index = all[account][n - 1].at.index + 1;
    all[account][n].at = (struct gateway_place){step->block, index};
    all[account][n].nonce = step->account == account ? step->nonce : 0;
    all[account][n].event = *event;
}

/* A few trades, or many results of one account. */
static void add_step(struct gateway_history *history, uint64_t *random, uint32_t accounts,
                     uint64_t block)
{
    static struct tn_event events[STEP_EVENTS];
    const bool is_large = next_random(random) % 16 == 0;
    struct port_step step = {.block = block, .market = 1, .session = 1};
    step.events_count = 1 + (uint32_t)(next_random(random) % (is_large ? STEP_EVENTS : 3));
    step.account = (uint32_t)(next_random(random) % accounts);
    step.nonce = 1 + next_random(random) % 1000;
    for (uint32_t i = 0; i < step.events_count; i++) {
        events[i] = (struct tn_event){.kind = is_large ? TN_EVENT_RESULT : TN_EVENT_TRADE};
        events[i].account = is_large ? step.account : (uint32_t)(next_random(random) % accounts);
        if (!is_large) events[i].other_account = (uint32_t)(next_random(random) % accounts);
        events[i].order_id = next_random(random) >> next_random(random) % 64;
        uint32_t who[2];
        uint32_t count = gateway_history_accounts(who, &events[i]);
        for (uint32_t k = 0; k < count; k++)
            keep(who[k], &step, &events[i]);
    }
    gateway_history_add(history, &step, events);
}

/* What is told is what follows the `first` events of the account. */
static void expect_told(const struct gateway_told *told, uint32_t account, uint32_t first)
{
    assert_in_range(told->count, 1, GATEWAY_TOLD_MAX);
    assert_true(first + told->count <= all_count[account]);
    assert_int_equal(wire_account_events_size(told->events, told->count), told->size);
    for (uint32_t k = 0; k < told->count; k++) {
        uint8_t bytes[WIRE_EVENT_BYTES];
        const size_t size = wire_write_account_event(bytes, &all[account][first + k].event);
        assert_int_equal(told->at.block, all[account][first + k].at.block);
        assert_int_equal(told->at.index + k, all[account][first + k].at.index);
        assert_int_equal(told->nonce, all[account][first + k].nonce);
        assert_memory_equal(told->events + wire_account_events_size(told->events, k), bytes, size);
    }
}

/* All that follows the cursor, in order, or GONE at once, as was said before. */
static bool read_on(struct gateway_history *history, struct gateway_cursor *cursor, uint32_t first)
{
    const uint32_t account = cursor->account;
    const bool is_whole = gateway_history_is_whole(history, cursor);
    struct gateway_told told;
    enum gateway_history_answer answer;
    while ((answer = gateway_history_next(history, cursor, &told)) == GATEWAY_HISTORY_NEXT) {
        assert_true(is_whole);
        expect_told(&told, account, first);
        first += told.count;
    }
    assert_int_equal(answer, is_whole ? GATEWAY_HISTORY_END : GATEWAY_HISTORY_GONE);
    if (is_whole) assert_int_equal(first, all_count[account]);
    return is_whole;
}

static bool read_from(struct gateway_history *history, uint32_t account, uint32_t last)
{
    struct gateway_cursor cursor = {
        .market = 1, .account = account, .after = all[account][last].at};
    return read_on(history, &cursor, last + 1);
}

/* Readers that come back sooner or later; who has lost something begins anew at the end. */
static void read_some(struct gateway_history *history, uint64_t *random, uint32_t accounts,
                      uint64_t block)
{
    for (uint32_t account = 0; account < accounts; account++) {
        struct gateway_cursor *cursor = &cursors[account];
        uint32_t *heard = &heard_count[account];
        if (next_random(random) % (2 + account) != 0) continue;
        while (*heard < all_count[account] &&
               gateway_place_compare(all[account][*heard].at, cursor->after) <= 0)
            ++*heard; /* of the block whose end it began at */
        if (!read_on(history, cursor, *heard)) {
            *cursor = (struct gateway_cursor){
                .market = 1, .account = account, .after = {block, UINT32_MAX}};
            if (next_random(random) % 2 == 0) gateway_history_seek_end(history, cursor);
        }
        *heard = all_count[account];
    }
}

static void live_through(uint64_t bytes, uint32_t accounts, uint32_t *whole, uint32_t *gone)
{
    uint64_t random = test_seed("test_gateway_parts") | 1;
    struct gateway_history *history = gateway_history_make(bytes);
    memset(all_count, 0, sizeof all_count);
    memset(heard_count, 0, sizeof heard_count);
    for (uint32_t account = 0; account < accounts; account++)
        cursors[account] = (struct gateway_cursor){.market = 1, .account = account};
    for (uint64_t block = 10; block < 1500; block++) {
        uint64_t steps = next_random(&random) % 4;
        for (uint64_t i = 0; i < steps; i++) {
            add_step(history, &random, accounts, block);
            if (next_random(&random) % 8 == 0) read_some(history, &random, accounts, block);
        }
        read_some(history, &random, accounts, block);
        for (uint32_t account = 0; account < accounts; account++) {
            if (all_count[account] == 0) continue;
            uint32_t last = (uint32_t)(next_random(&random) % all_count[account]);
            *(read_from(history, account, last) ? whole : gone) += 1;
        }
    }
    gateway_history_forget(history, 1500);
    assert_int_equal(gateway_history_count(history), 0);
    for (uint32_t account = 0; account < accounts; account++) {
        if (all_count[account] > 0)
            assert_false(read_from(history, account, all_count[account] - 1));
    }
    gateway_history_free(history);
}

static void test_history_tells_all_or_that_some_is_gone(void **state)
{
    uint32_t whole = 0, gone = 0;
    (void)state;
    live_through(60000, 6, &whole, &gone);
    assert_true(whole > 50 && gone > 50);
    whole = gone = 0;
    live_through(400000, 6, &whole, &gone);
    assert_true(whole > 50 && gone > 50);
}

/* Streams of fewer accounts than there are have a place at a time. */
static void test_history_of_more_accounts_than_it_has_room_for_tells_that_some_is_gone(void **state)
{
    uint32_t whole = 0, gone = 0;
    (void)state;
    live_through(4096, ACCOUNTS, &whole, &gone); /* room for 16 */
    assert_true(whole > 50 && gone > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_refills_with_time_up_to_its_burst),
        cmocka_unit_test(test_limits_name_what_is_out_of_range),
        cmocka_unit_test(test_addresses_are_counted_through_a_flood_of_others),
        cmocka_unit_test(test_accounts_with_connections_stay_when_others_make_way),
        cmocka_unit_test(test_pendings_are_found_by_tag_and_nonce_until_they_are_over),
        cmocka_unit_test(test_history_knows_whose_every_kind_of_event_is),
        cmocka_unit_test(test_history_tells_all_or_that_some_is_gone),
        cmocka_unit_test(
            test_history_of_more_accounts_than_it_has_room_for_tells_that_some_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
