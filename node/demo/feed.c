/* The demo's hand on the exchange: every entry goes through here, and every answer is checked.
 *
 * Two exchanges are fed the same entries, with different seeds of their hash tables; their events
 * must be the same bytes, or the demo ends. Cash is added up once more from events alone, and at
 * the end it must be what the accounts say. A refusal that the script did not ask for ends the
 * program with its name and text. */
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The library's own only traps; here the place is printed first. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    fflush(stdout);
    fprintf(stderr, "tenor-demo: broken: %s:%d: %s\n", file, line, what);
    exit(1);
}

void demo_expect(bool holds, const char *belief)
{
    if (holds) return;
    fflush(stdout);
    fprintf(stderr, "tenor-demo: this should hold and does not: %s\n", belief);
    exit(1);
}

_Noreturn static void fail_refused(const struct tn_event *event)
{
    fflush(stdout);
    const char *name = tn_reject_name((enum tn_reject)event->reject);
    const char *text = tn_reject_text((enum tn_reject)event->reject);
    fprintf(stderr, "tenor-demo: refused unexpectedly: %u %s: %s\n", event->reject,
            name == NULL ? "?" : name, text == NULL ? "?" : text);
    if (event->account != TN_NONE) {
        fprintf(stderr, "tenor-demo: account %s, event kind %u, series %s\n",
                demo_account_name(event->account), event->kind, demo_name(event->series_id).text);
    }
    exit(1);
}

static void *zeroed(size_t size)
{
    size = tn_align(size);
    void *memory = aligned_alloc(64, size);
    demo_expect(memory != NULL, "there is memory for a small market");
    memset(memory, 0, size);
    return memory;
}

void demo_start(struct demo *demo)
{
    struct tn_exchange_limits limits;
    tn_exchange_limits_default(&limits);
    limits.accounts_max = 8;
    limits.series_max = SERIES_MAX;
    limits.orders_max = 1024;
    limits.levels_max = 1024;
    limits.exposures_max = 512;
    limits.exposures_per_account_max = 64;
    limits.results_max = 4096;
    limits.groups_max = 16;
    limits.fills_max = 64;
    size_t size = tn_exchange_size(&limits);
    demo_expect(size != 0, "the limits are in range");
    demo->exchange = tn_exchange_init(zeroed(size), &limits);
    demo->events_max = tn_exchange_events_max(&limits);
    demo->events = zeroed(demo->events_max * sizeof *demo->events);
    limits.hash_seed = 99;
    demo->shadow = tn_exchange_init(zeroed(size), &limits);
    demo->shadow_events = zeroed(demo->events_max * sizeof *demo->events);
}

/* ---- Adding up what the events say ---- */

static void note_trade(struct demo *demo, const struct tn_event *event)
{
    demo_expect(demo->fills_count < FILLS_MAX, "the script makes a bounded number of fills");
    demo->fills[demo->fills_count++] =
        (struct demo_fill){.event = *event, .act = demo->act, .time_ms = demo->time_ms};
    struct tn_series_view view;
    tn_micros notional = 0;
    bool fits = tn_exchange_series(demo->exchange, &view, event->series_id) &&
                tn_notional(event->price, event->quantity, view.micros_per_tick, &notional);
    demo_expect(fits, "a fill is on a listed series and its value fits");
    tn_micros paid = event->side == TN_BUY ? notional : -notional;
    demo->cash[event->account] -= paid + event->fee;
    demo->cash[event->other_account] += paid - event->other_fee;
    demo->fees[event->account] += event->fee;
    demo->fees[event->other_account] += event->other_fee;
}

static void note_money(struct demo *demo, const struct tn_event *event)
{
    demo->cash[event->account] += event->money;
    demo->paid_in[event->account] += event->money;
    if (event->money > 0) demo->deposits += event->money;
    if (event->money < 0) demo->withdrawals -= event->money;
}

static void note_events(struct demo *demo)
{
    for (uint32_t i = 0; i < demo->events_count; i++) {
        const struct tn_event *event = &demo->events[i];
        if (event->kind == TN_EVENT_TRADE) note_trade(demo, event);
        if (event->kind == TN_EVENT_MONEY) note_money(demo, event);
        if (event->kind == TN_EVENT_SETTLED) demo->cash[event->account] += event->money;
        if (event->kind == TN_EVENT_CANCELLED && event->reason == TN_REASON_SETTLEMENT) {
            demo->settlement_cancels_count++;
        }
        if (event->kind == TN_EVENT_FUNDED) demo->cash[event->account] -= event->money;
    }
    demo->events_total += demo->events_count;
    demo->entries_total++;
}

/* ---- Entries ---- */

static void apply(struct demo *demo, const struct tn_entry *entry)
{
    demo->events_count = tn_exchange_apply(demo->exchange, demo->events, demo->events_max, entry);
    uint32_t shadow_count =
        tn_exchange_apply(demo->shadow, demo->shadow_events, demo->events_max, entry);
    demo_expect(
        shadow_count == demo->events_count &&
            memcmp(demo->events, demo->shadow_events, shadow_count * sizeof *demo->events) == 0,
        "two exchanges answer one entry with the same bytes");
    tn_exchange_check(demo->exchange);
    note_events(demo);
}

static void refuse_rejects(const struct demo *demo)
{
    for (uint32_t i = 0; i < demo->events_count; i++) {
        if (demo->events[i].reject != TN_REJECT_NONE) fail_refused(&demo->events[i]);
    }
}

void demo_entry(struct demo *demo, const struct tn_entry *entry)
{
    apply(demo, entry);
    refuse_rejects(demo);
    demo_print_events(demo);
}

static struct tn_entry frame_of(struct demo *demo, enum demo_account account,
                                const struct tn_command *commands, uint32_t commands_count)
{
    return (struct tn_entry){.kind = TN_ENTRY_FRAME,
                             .as.frame = {.commands = commands,
                                          .commands_count = commands_count,
                                          .account = account,
                                          .nonce = ++demo->nonces[account],
                                          .valid_until_block = demo->height + 10}};
}

void demo_frame(struct demo *demo, enum demo_account account, const struct tn_command *commands,
                uint32_t commands_count)
{
    struct tn_entry entry = frame_of(demo, account, commands, commands_count);
    demo_entry(demo, &entry);
    demo_expect(demo_events_of(demo, TN_EVENT_RESULT) == commands_count,
                "every command of a frame has its result");
}

void demo_refuse(struct demo *demo, enum demo_account account, const struct tn_command *command,
                 enum tn_reject reject)
{
    struct tn_entry entry = frame_of(demo, account, command, 1);
    apply(demo, &entry);
    const struct tn_event *result = demo_result(demo);
    if (result->reject != reject && result->reject != TN_REJECT_NONE) fail_refused(result);
    demo_expect(result->reject == reject && demo->events_count == 1,
                "what the script holds for inadmissible is refused, and nothing else happens");
    demo->refusals_count++;
    demo_say(demo, "    refused     %u %s: %s", reject, tn_reject_name(reject),
             tn_reject_text(reject));
    if (result->money != 0) demo_say(demo, " (short of %s)", demo_money(result->money).text);
    demo_say(demo, "\n");
}

void demo_block(struct demo *demo, int64_t time_ms)
{
    struct tn_entry entry = {.kind = TN_ENTRY_BLOCK,
                             .as.block = {.height = demo->height + 1, .time_ms = time_ms}};
    demo_entry(demo, &entry);
    demo->height++;
    demo->time_ms = time_ms;
}

uint32_t demo_sweep(struct demo *demo, uint32_t units)
{
    uint32_t slices_count = 0;
    struct tn_entry entry = {.kind = TN_ENTRY_SWEEP, .as.sweep = {.units = units}};
    while (tn_exchange_work(demo->exchange)) {
        demo_expect(slices_count < 1000, "waiting work comes to an end");
        demo_entry(demo, &entry);
        slices_count++;
    }
    return slices_count;
}

const struct tn_event *demo_result(const struct demo *demo)
{
    for (uint32_t i = demo->events_count; i-- > 0;) {
        if (demo->events[i].kind == TN_EVENT_RESULT) return &demo->events[i];
    }
    demo_expect(false, "the entry has a result");
    return NULL;
}

uint32_t demo_events_of(const struct demo *demo, enum tn_event_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < demo->events_count; i++) {
        if (demo->events[i].kind == kind) count++;
    }
    return count;
}
