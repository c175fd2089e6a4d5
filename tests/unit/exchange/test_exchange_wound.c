/* Onlookers' questions touch what they answer and nothing else: of a million accounts, those that
 * are wound down are found by reading a counted number of words, and an owner's accounts while
 * everybody else's lie in memory that must not be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exchange/risk.h"
#include "seed.h"
#include "tenor/stateview.h"

enum { ACCOUNTS = 1 << 20, ROWS = 512 };

static struct tn_exchange exchange;
static struct risk risk;
static struct tn_liquidation_view views[ROWS];

static void *lazy(size_t size, int protection)
{
    void *memory = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

static int open_exchange(void **state)
{
    (void)state;
    memset(&exchange, 0, sizeof exchange);
    memset(&risk, 0, sizeof risk);
    exchange.risk = &risk;
    exchange.limits.accounts_max = exchange.accounts_count = ACCOUNTS;
    risk.guards = lazy(ACCOUNTS * sizeof *risk.guards, PROT_READ | PROT_WRITE);
    for (uint32_t i = 0; i < 2; i++)
        risk.wound[i] = lazy(tn_exchange_wound_words(ACCOUNTS, i) * 8, PROT_READ | PROT_WRITE);
    return 0;
}

static int close_exchange(void **state)
{
    (void)state;
    munmap(risk.guards, ACCOUNTS * sizeof *risk.guards);
    for (uint32_t i = 0; i < 2; i++)
        munmap(risk.wound[i], tn_exchange_wound_words(ACCOUNTS, i) * 8);
    return 0;
}

static void put_stage(uint32_t account, uint8_t stage)
{
    risk.guards[account].liquidation = stage;
    risk.guards[account].mm = -(int64_t)account;
    tn_exchange_note_wound(&exchange, account);
}

static uint32_t list(uint32_t rows, uint32_t after)
{
    uint32_t looked;
    const uint32_t count = tn_exchange_liquidations(&exchange, views, &looked, rows, after);
    assert_true(looked <= ACCOUNTS / 4096 + 2 * (count + 1));
    return count;
}

static void test_exchange_finds_one_account_in_a_million_by_reading_258_words(void **state)
{
    (void)state;
    assert_int_equal(list(ROWS, TN_NONE), 0);
    const uint32_t places[] = {0, 63, 64, 4095, 4096, 500000, ACCOUNTS - 1};
    for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        put_stage(places[i], TN_LIQUIDATION_AUCTION);
        assert_int_equal(list(ROWS, TN_NONE), 1);
        assert_int_equal(views[0].account, places[i]);
        assert_int_equal(views[0].stage, TN_LIQUIDATION_AUCTION);
        assert_int_equal(views[0].mm, -(int64_t)places[i]);
        assert_int_equal(list(ROWS, places[i]), 0);
        put_stage(places[i], TN_LIQUIDATION_NONE);
        assert_int_equal(list(ROWS, TN_NONE), 0);
    }
    assert_int_equal(list(ROWS, ACCOUNTS - 1), 0);
    assert_int_equal(list(ROWS, TN_NONE - 1), 0);
}

/* Thick and thin places, in pages; beside a look at every account. */
static void test_exchange_pages_of_accounts_wound_down_are_those_of_all_accounts(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_exchange_wound");
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < 3000; i++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            const uint64_t drawn = random >> 8;
            const uint32_t account = (uint32_t)(drawn >> 20) % (round % 2 ? ACCOUNTS : 5000);
            put_stage(account, drawn % 3 == 0 ? TN_LIQUIDATION_NONE : TN_LIQUIDATION_SLICES);
        }
        tn_exchange_check_wound(&exchange);
        uint32_t after = TN_NONE, count = 0, at = 0;
        while ((count = list(1 + round * 170, after)) > 0) {
            for (uint32_t i = 0; i < count; i++, at++) {
                while (risk.guards[at].liquidation == TN_LIQUIDATION_NONE)
                    at++;
                assert_int_equal(views[i].account, at);
            }
            after = views[count - 1].account;
        }
        while (at < ACCOUNTS)
            assert_int_equal(risk.guards[at++].liquidation, TN_LIQUIDATION_NONE);
    }
}

static void know(uint32_t account, uint8_t owner)
{
    struct account *record = &exchange.accounts[account];
    const uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned char *page = (unsigned char *)record - (uintptr_t)record % size;
    assert_int_equal(mprotect(page, size, PROT_READ | PROT_WRITE), 0);
    memset(record->owner, owner, sizeof record->owner);
    tn_exchange_know_owner(&exchange, account);
}

static void test_exchange_finds_an_owners_accounts_without_a_look_at_others(void **state)
{
    (void)state;
    uint64_t cells[16];
    uint32_t found[4];
    uint8_t owner[TN_OWNER_SIZE];
    exchange.accounts = lazy(ACCOUNTS * sizeof *exchange.accounts, PROT_NONE);
    exchange.owner_links = lazy(ACCOUNTS * sizeof *exchange.owner_links, PROT_READ | PROT_WRITE);
    tn_index_init(&exchange.owner_index, cells, 8, 1);
    know(3, 1);
    know(200000, 2);
    know(700000, 1);
    know(ACCOUNTS - 1, 1);
    memset(owner, 1, sizeof owner);
    assert_int_equal(tn_exchange_accounts_of(&exchange, found, 4, owner, TN_NONE), 3);
    assert_int_equal(found[0], 3);
    assert_int_equal(found[1], 700000);
    assert_int_equal(found[2], ACCOUNTS - 1);
    assert_int_equal(tn_exchange_accounts_of(&exchange, found, 1, owner, 3), 1);
    assert_int_equal(found[0], 700000);
    assert_int_equal(tn_exchange_accounts_of(&exchange, found, 4, owner, 200000), 0);
    memset(owner, 3, sizeof owner);
    assert_int_equal(tn_exchange_accounts_of(&exchange, found, 4, owner, TN_NONE), 0);
    munmap(exchange.accounts, ACCOUNTS * sizeof *exchange.accounts);
    munmap(exchange.owner_links, ACCOUNTS * sizeof *exchange.owner_links);
}

#define WOUND(test) cmocka_unit_test_setup_teardown(test, open_exchange, close_exchange)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WOUND(test_exchange_finds_one_account_in_a_million_by_reading_258_words),
        WOUND(test_exchange_pages_of_accounts_wound_down_are_those_of_all_accounts),
        WOUND(test_exchange_finds_an_owners_accounts_without_a_look_at_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
