/* Reject numbers are protocol: clients store and compare them. The list below is the promise; a row
 * may be added to it, none may change or go. */
#include "tenor/reject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { NUMBERS_MAX = 2000 };

struct promise {
    int number;
    const char *name;
};

static const struct promise promises[] = {
    {0, "NONE"},
    {100, "BOOK_UNKNOWN"},
    {101, "ORDERS_FULL"},
    {102, "LEVELS_FULL"},
    {103, "ORDER_UNKNOWN"},
    {104, "ORDER_ID_TAKEN"},
    {105, "PRICE_RANGE"},
    {106, "QUANTITY_RANGE"},
    {107, "FILL_OR_KILL"},
    {108, "POST_ONLY_CROSSES"},
    {109, "BOOK_BUSY"},
    {110, "SIDE_UNKNOWN"},
    {111, "TIF_UNKNOWN"},
    {200, "ACCOUNT_UNKNOWN"},
    {201, "NONCE_USED"},
    {202, "NONCE_TOO_OLD"},
    {203, "FRAME_EXPIRED"},
    {204, "FRAME_SIZE"},
    {205, "CLIENT_ID_TOO_OLD"},
    {206, "RESULTS_FULL"},
    {207, "COMMAND_UNKNOWN"},
    {208, "OWNER_MISMATCH"},
    {209, "ACCOUNTS_FULL"},
    {210, "AMOUNT_RANGE"},
    {211, "MARKET_UNKNOWN"},
    {300, "SERIES_UNKNOWN"},
    {301, "SERIES_STATUS"},
    {302, "SERIES_CLOSING"},
    {303, "NO_MARK"},
    {304, "SERIES_FULL"},
    {305, "SERIES_EXISTS"},
    {306, "SERIES_ID"},
    {307, "UNDERLYING_UNKNOWN"},
    {308, "UNDERLYING_EXISTS"},
    {309, "UNDERLYINGS_FULL"},
    {310, "PARAMETER_RANGE"},
    {311, "EXPIRY_NOT_BY_RULE"},
    {312, "STATUS_STEP"},
    {313, "NOT_EXPIRED"},
    {314, "NOT_PERPETUAL"},
    {315, "TIME_REWINDS"},
    {316, "VALUE_NOT_WHOLE"},
    {317, "POSITION_LIMIT_VALUE"},
    {400, "PRICE_OFF_TICK"},
    {401, "PRICE_OUT_OF_BAND"},
    {402, "FEE_ABOVE_AGREED"},
    {403, "REDUCE_ONLY_NOTHING"},
    {404, "REDUCE_ONLY_TOO_MANY"},
    {405, "DISPLAY_RANGE"},
    {406, "EXPIRY_PAST"},
    {407, "TERMS_CONFLICT"},
    {408, "TRIGGER_RANGE"},
    {409, "STP_UNKNOWN"},
    {410, "EXPOSURES_FULL"},
    {411, "REPLACE_UNCHANGEABLE"},
    {412, "FILL_LIMIT"},
    {500, "QUOTE_SIZE"},
    {501, "QUOTE_CROSSED"},
    {502, "MMP_FROZEN"},
    {503, "MMP_UNKNOWN"},
    {504, "MMP_RANGE"},
    {505, "MMP_FULL"},
    {506, "QUOTE_REPEATED"},
    {600, "PACKAGE_SIZE"},
    {601, "PACKAGE_LIMIT"},
    {602, "BLOCK_MINIMUM"},
    {603, "BLOCK_EXPIRED"},
    {604, "BLOCK_SELF"},
    {605, "BLOCK_SIZE"},
    {606, "COUNTERPARTY_UNKNOWN"},
    {607, "COUNTERPARTY_NONCE"},
    {608, "COUNTERPARTY_SHORT"},
    {700, "MARGIN_SHORT"},
    {701, "CASH_SHORT"},
    {702, "ASSET_UNKNOWN"},
    {703, "ASSETS_FULL"},
    {704, "MONEY_RANGE"},
    {705, "TRANSFERS_FULL"},
    {800, "JOBS_FULL"},
    {900, "RISK_OFF"},
    {901, "FEEDS_RULE"},
    {902, "SIGNER_UNKNOWN"},
    {903, "REPORT_OLD"},
    {904, "REPORT_RANGE"},
    {905, "RISK_RANGE"},
    {906, "RISK_HEIGHT"},
    {907, "FEED_LATE"},
    {908, "ACCOUNT_FROZEN"},
    {909, "CASH_NEGATIVE"},
    {910, "MODEL_UNKNOWN"},
    {911, "EXPIRIES_FULL"},
    {912, "WITHDRAWALS_WAIT"},
    {913, "BID_NO_AUCTION"},
    {914, "BID_STATE"},
    {915, "BID_SHARE"},
    {916, "BID_PRICE"},
    {917, "BID_OWN"},
    {918, "BID_SHORT"},
    {919, "NOT_FROZEN"},
    {920, "STANDARD_ORDERS_FULL"},
    {1000, "SIGNATURE_BAD"},
    {1001, "SESSION_UNKNOWN"},
    {1002, "SESSION_EXPIRED"},
    {1003, "SESSION_SCOPE"},
    {1004, "TERM_WRONG"},
    {1005, "MARKET_WRONG"},
    {1006, "SESSIONS_FULL"},
    {1007, "SESSION_RANGE"},
    {1008, "COUNTERPARTY_UNSIGNED"},
    {1009, "ITEM_MALFORMED"},
    {1010, "ITEM_PLACE"},
    {1011, "ACCOUNT_NUMBER"},
    {1100, "DESK_IDLE"},
    {1101, "DESK_FULL"},
    {1102, "DESK_CANCELS_ONLY"},
    {1103, "FRAME_MALFORMED"},
    {1104, "FRAME_TOO_LARGE"},
};

struct row {
    int number;
    const char *name;
    const char *text;
};

static const struct row table[] = {
#define X(name, number, text) {number, #name, text},
    TN_REJECT_TABLE(X)
#undef X
};

#define PROMISES_COUNT (sizeof promises / sizeof *promises)
#define TABLE_COUNT    (sizeof table / sizeof *table)

static void test_reject_numbers_keep_their_names_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROMISES_COUNT; i++) {
        const char *name = tn_reject_name((enum tn_reject)promises[i].number);
        if (name == NULL || strcmp(name, promises[i].name) != 0) {
            fail_msg("number %d was %s and is now %s", promises[i].number, promises[i].name,
                     name == NULL ? "gone" : name);
        }
    }
}

static void test_reject_promises_cover_the_whole_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        bool promised = false;
        for (size_t j = 0; j < PROMISES_COUNT; j++) {
            promised = promised || promises[j].number == table[i].number;
        }
        if (!promised) fail_msg("add {%d, \"%s\"} to the list", table[i].number, table[i].name);
    }
}

static void test_reject_names_and_texts_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        assert_true(strlen(table[i].name) > 0 && strlen(table[i].text) > 0);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(table[i].number, table[j].number);
            assert_string_not_equal(table[i].name, table[j].name);
            assert_string_not_equal(table[i].text, table[j].text);
        }
    }
}

/* Groups are hundreds, in ascending order, each numbered from its hundred without a gap: so a
 * number that was taken out (and must never come back) or put into another's group is seen. */
static void test_reject_numbers_count_up_within_their_group(void **state)
{
    (void)state;
    assert_int_equal(table[0].number, 0);
    for (size_t i = 1; i < TABLE_COUNT; i++) {
        int next_in_group = table[i - 1].number + 1;
        int next_group = (table[i - 1].number / 100 + 1) * 100;
        assert_true(table[i].number == next_in_group || table[i].number == next_group);
        assert_true(table[i].number < NUMBERS_MAX && table[i].number != 99);
    }
}

static void test_reject_name_and_text_know_every_number_and_no_other(void **state)
{
    (void)state;
    size_t at = 0;
    for (int number = 0; number < NUMBERS_MAX; number++) {
        const char *name = tn_reject_name((enum tn_reject)number);
        const char *text = tn_reject_text((enum tn_reject)number);
        if (at < TABLE_COUNT && table[at].number == number) {
            assert_string_equal(name, table[at].name);
            assert_string_equal(text, table[at].text);
            at++;
        } else {
            assert_null(name);
            assert_null(text);
        }
    }
    assert_int_equal(at, TABLE_COUNT);
}

static void test_reject_zero_means_accepted(void **state)
{
    (void)state;
    assert_int_equal(TN_REJECT_NONE, 0);
    assert_string_equal(tn_reject_name(TN_REJECT_NONE), "NONE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reject_numbers_keep_their_names_for_ever),
        cmocka_unit_test(test_reject_promises_cover_the_whole_table),
        cmocka_unit_test(test_reject_names_and_texts_are_unique),
        cmocka_unit_test(test_reject_numbers_count_up_within_their_group),
        cmocka_unit_test(test_reject_name_and_text_know_every_number_and_no_other),
        cmocka_unit_test(test_reject_zero_means_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
