/* The whole status machine, spelled out. A row is a status, a column what it steps to or admits. */
#include "tenor/product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define STATUSES 8
#define ACTIONS  5

static const char *const names[STATUSES] = {"initializing", "active",  "post-only", "cancel-only",
                                            "halted",       "auction", "settling",  "settled"};

/* clang-format off */
static const char *const steps[STATUSES] = {
    /* to:           I A P C H U S D */
    /* initializing */ ". x x . . x x .",
    /* active       */ ". . x x x . x .",
    /* post-only    */ ". x . x x . x .",
    /* cancel-only  */ ". x x . x x x .",
    /* halted       */ ". x x x . x x .",
    /* auction      */ ". x . . x . x .",
    /* settling     */ ". . . . . . . x",
    /* settled      */ ". . . . . . . .",
};

static const char *const admits[STATUSES] = {
    /*               take post stop cancel block */
    /* initializing */ ". . . x .",
    /* active       */ "x x x x x",
    /* post-only    */ ". x . x .",
    /* cancel-only  */ ". . . x .",
    /* halted       */ ". . . x .",
    /* auction      */ "x x . x .",
    /* settling     */ ". . . x .",
    /* settled      */ ". . . . .",
};
/* clang-format on */

static void test_status_steps_are_these_and_no_others(void **state)
{
    (void)state;
    for (int from = 0; from < STATUSES; from++) {
        for (int to = 0; to < STATUSES; to++) {
            bool expected = steps[from][2 * to] == 'x';
            if (tn_status_may_step((enum tn_status)from, (enum tn_status)to) != expected) {
                fail_msg("%s to %s", names[from], names[to]);
            }
        }
    }
}

static void test_status_admits_these_actions_and_no_others(void **state)
{
    (void)state;
    for (int status = 0; status < STATUSES; status++) {
        for (int action = 0; action < ACTIONS; action++) {
            bool expected = admits[status][2 * action] == 'x';
            if (tn_status_admits((enum tn_status)status, (enum tn_action)action) != expected) {
                fail_msg("%s and action %d", names[status], action);
            }
        }
    }
}

static void test_status_names_are_stable(void **state)
{
    (void)state;
    for (int status = 0; status < STATUSES; status++) {
        assert_string_equal(tn_status_name((enum tn_status)status), names[status]);
    }
}

static void test_status_outside_the_table_has_no_name_no_step_and_admits_nothing(void **state)
{
    (void)state;
    static const uint32_t outside[] = {8, 9, 31, 32, 33, 255, 256, UINT32_C(1) << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        enum tn_status status = (enum tn_status)outside[i];
        assert_null(tn_status_name(status));
        for (int other = 0; other < STATUSES; other++) {
            assert_false(tn_status_may_step(status, (enum tn_status)other));
            assert_false(tn_status_may_step((enum tn_status)other, status));
        }
        for (int action = 0; action < ACTIONS; action++) {
            assert_false(tn_status_admits(status, (enum tn_action)action));
        }
    }
}

/* An expiry or an emergency never finds a closed door, and settlement is final. */
static void test_status_machine_always_reaches_settled_and_never_leaves_it(void **state)
{
    (void)state;
    for (int from = 0; from < TN_STATUS_SETTLING; from++) {
        assert_true(tn_status_may_step((enum tn_status)from, TN_STATUS_SETTLING));
        bool trades = tn_status_admits((enum tn_status)from, TN_ACTION_TAKE) ||
                      tn_status_admits((enum tn_status)from, TN_ACTION_POST);
        if (trades) assert_true(tn_status_may_step((enum tn_status)from, TN_STATUS_HALTED));
    }
    for (int to = 0; to < STATUSES; to++) {
        assert_false(tn_status_may_step(TN_STATUS_SETTLED, (enum tn_status)to));
        assert_false(tn_status_may_step((enum tn_status)to, (enum tn_status)to));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_steps_are_these_and_no_others),
        cmocka_unit_test(test_status_admits_these_actions_and_no_others),
        cmocka_unit_test(test_status_names_are_stable),
        cmocka_unit_test(test_status_outside_the_table_has_no_name_no_step_and_admits_nothing),
        cmocka_unit_test(test_status_machine_always_reaches_settled_and_never_leaves_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
