/* Stories in which holders or everybody are gone over, told with every subset of the five traders:
 * whoever is left out, each entry either asks for somebody who is not there, or gives the same
 * events; and with all of them it asks for nobody. */
#include "tenor/exchange.h"

/* Every entry of a story passes through here. */
static uint32_t watched_apply(struct tn_exchange *exchange, struct tn_event *events,
                              uint32_t events_max, const struct tn_entry *entry);
#define tn_exchange_apply watched_apply
#include "margin_case.h"
#undef tn_exchange_apply

#include "records_copy.h"

static struct {
    bool is_watched;
    struct records_copy copy;
    uint64_t present;
    uint32_t accounts;
    uint32_t entries, refused, ended, came_out; /* subsets: not even read; asked; the same */
    jmp_buf jump;
} watch;

static void end_at_absent(void *context, uint32_t account)
{
    (void)context;
    if (account < watch.accounts && (watch.present >> account & 1) == 0) longjmp(watch.jump, 1);
}

static bool by_account(uint8_t kind)
{
    return kind >= TN_RECORD_ACCOUNT && kind <= TN_RECORD_MEMORY;
}

static bool import_present(struct tn_exchange *exchange)
{
    struct tn_import_fault fault;
    for (uint32_t i = 0; i < watch.copy.records_count; i++) {
        const struct record_kept *record = &watch.copy.records[i];
        bool is_there =
            !by_account(record->name.kind) || (watch.present >> record->name.index & 1) != 0;
        if (!is_there) continue;
        if (!tn_exchange_import(exchange, &fault, (enum tn_record_kind)record->name.kind,
                                record->name.index, watch.copy.bytes + record->at, record->size)) {
            return false;
        }
    }
    return tn_exchange_import_end(exchange, &fault);
}

static void apply_with_present(const struct tn_event *events, uint32_t count,
                               const struct tn_entry *entry)
{
    const struct tn_exchange_watch with = {.need = end_at_absent, .present = &watch.present};
    struct tn_exchange *exchange = exchange_of(&market.limits, 9);
    tn_exchange_watch(exchange, &with);
    if (!import_present(exchange)) {
        watch.refused++;
    } else if (setjmp(watch.jump) != 0) {
        watch.ended++;
    } else {
        uint32_t here = tn_exchange_apply(exchange, market.shadow_events, market.events_max, entry);
        assert_int_equal(here, count);
        assert_memory_equal(market.shadow_events, events, count * sizeof events[0]);
        watch.came_out++;
    }
    free(exchange);
}

static uint32_t watched_apply(struct tn_exchange *exchange, struct tn_event *events,
                              uint32_t events_max, const struct tn_entry *entry)
{
    bool is_checked = watch.is_watched && exchange == market.exchange;
    if (is_checked) {
        records_save(&watch.copy, exchange, &market.limits);
        watch.accounts = tn_exchange_accounts_count(exchange);
    }
    uint32_t count = tn_exchange_apply(exchange, events, events_max, entry);
    if (!is_checked) return count;
    uint32_t came_out = 0;
    for (uint64_t out = 0; out < UINT64_C(1) << watch.accounts; out++) {
        came_out = watch.came_out;
        watch.present = (UINT64_C(1) << watch.accounts) - 1 - out;
        apply_with_present(events, count, entry);
        if (out == 0) assert_true(watch.came_out > came_out);
    }
    watch.entries++;
    return count;
}

static void begin_watching(void)
{
    watch.is_watched = true;
    watch.entries = watch.refused = watch.ended = watch.came_out = 0;
}

static void end_watching(void)
{
    watch.is_watched = false;
    records_free(&watch.copy);
    watch.copy = (struct records_copy){.bytes = NULL};
    assert_true(watch.entries > 0);
}

/* ---- Stories ---- */

static void test_who_is_deleveraged_does_not_depend_on_who_is_left_out(void **state)
{
    (void)state;
    be_standard(ALICE, 2000 * DOLLAR);
    be_standard(BOB, 10000 * DOLLAR);
    be_standard(DAN, 10000 * DOLLAR);
    trade(CAROL, BOB, market.perp, 99500, 20);
    trade(ALICE, DAN, market.perp, 100500, 10);
    trade(CAROL, DAN, market.perp, 100500, 10);
    jump_to(80000 * DOLLAR);
    mark_at(80000 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_ADL);
    begin_watching();
    live(1, 80000 * DOLLAR);
    end_watching();
    assert_int_equal(events_of(TN_EVENT_DELEVERAGED), 1);
    assert_true(watch.ended > 0); /* Bob, who was not taken, had to be looked at */
}

/* Carol has sold Alice fifty futures that settle at a loss of 10 000 to Alice, who has 5 000. */
static void hold_into_settlement(void)
{
    struct tn_risk risk = usual_risk();
    risk.spot_heartbeat_ms = TN_MS_PER_DAY;
    risk.forward_heartbeat_ms = TN_MS_PER_DAY;
    set_risk(&risk);
    be_standard(ALICE, 5000 * DOLLAR);
    trade(ALICE, CAROL, market.future, 100000, 50);
    block(tn_series_expiry_ms(market.future) - 1800000 - 5000 - market.time_ms);
    jump_to(SPOT);
    jump_to(80000 * DOLLAR);
}

static void test_settlement_pays_all_holders_or_asks_for_them(void **state)
{
    (void)state;
    hold_into_settlement();
    begin_watching();
    block(tn_series_expiry_ms(market.future) - market.time_ms);
    end_watching();
    assert_non_null(find_event(TN_EVENT_SETTLED, market.future));
    assert_true(watch.ended > 0);
}

static void test_debt_is_shared_out_over_everybody_or_not_at_all(void **state)
{
    (void)state;
    hold_into_settlement();
    block(tn_series_expiry_ms(market.future) - market.time_ms);
    sweep(EVERYTHING);
    assert_true(house_of(TN_HOUSE_DEBT) < 0);
    begin_watching();
    block(100);
    end_watching();
    assert_true(events_of(TN_EVENT_SOCIALISED) > 1);
    assert_int_equal(watch.came_out, 1); /* with all of them */
}

static void test_accounts_that_commands_name_are_asked_for(void **state)
{
    (void)state;
    mark_at(SPOT); /* everybody is judged, so who refuses a bid changes nothing */
    begin_watching();
    struct tn_command transfer = {.kind = TN_COMMAND_TRANSFER};
    transfer.as.money.to_account = BOB;
    transfer.as.money.amount = DOLLAR;
    refuse(ALICE, transfer, TN_REJECT_OWNER_MISMATCH); /* Bob was only compared */
    refuse(ALICE, bid_for(ALICE_TWO, TN_LIQUIDATION_AUCTION, 1000, 0), TN_REJECT_BID_OWN);
    refuse(ALICE, bid_for(DAN, TN_LIQUIDATION_AUCTION, 1000, 0), TN_REJECT_BID_NO_AUCTION);
    uint32_t ended = watch.ended;
    uint32_t entries = watch.entries;
    end_watching();
    /* Each is refused the same only where both are there: a quarter of the subsets. */
    assert_int_equal(ended, entries * 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_who_is_deleveraged_does_not_depend_on_who_is_left_out),
        FEEDS_STORY(test_settlement_pays_all_holders_or_asks_for_them),
        FEEDS_STORY(test_debt_is_shared_out_over_everybody_or_not_at_all),
        FEEDS_STORY(test_accounts_that_commands_name_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
