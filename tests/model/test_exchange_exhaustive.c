/* All short sequences in a shrunken world: one series, two accounts in turn, orders of one lot or
 * two at three prices on two sides, and cancels of the first three orders: 15 commands. CI runs
 * every sequence of four, with two owners, and with one owner in every mode of self-trade
 * prevention; TENOR_NIGHTLY=1 every sequence of five with two owners.
 *
 * The exchange is set up once and its memory copied back for every sequence, since an exchange is
 * one block of memory. The twin, which cannot be copied, is set up anew. */
#include "exchange_pair.h"
#include "seed.h"
#include "twin_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMANDS   15
#define EVENTS_MAX 256
#define LENGTH_MAX 5

struct world {
    struct tn_exchange_limits limits;
    uint64_t series_id;
    uint8_t stp;
    uint32_t owners;
    struct tn_entry setup[16];
    struct tn_mark mark;
    uint32_t setup_count;
};

static struct tn_entry *add(struct world *world, enum tn_entry_kind kind)
{
    TN_ASSERT(world->setup_count < 16);
    struct tn_entry *entry = &world->setup[world->setup_count++];
    memset(entry, 0, sizeof(*entry));
    entry->kind = (uint8_t)kind;
    return entry;
}

static void world_make(struct world *world, uint32_t owners, uint8_t stp)
{
    memset(world, 0, sizeof(*world));
    world->owners = owners;
    world->stp = stp;
    world->limits = (struct tn_exchange_limits){.accounts_max = 2,
                                                .underlyings_max = 1,
                                                .series_max = 1,
                                                .orders_max = 8,
                                                .levels_max = 8,
                                                .exposures_max = 4,
                                                .exposures_per_account_max = 2,
                                                .results_max = 8,
                                                .results_per_account = 2,
                                                .groups_max = 1,
                                                .jobs_max = 1,
                                                .assets_max = 1,
                                                .commands_per_frame_max = 1,
                                                .fills_max = 4,
                                                .cancels_max = 4,
                                                .sweep_units_max = 8,
                                                .reduce_only_max = 1};
    struct tn_series_terms terms = {.underlying = 1, .kind = TN_PERPETUAL};
    bool packed = tn_series_pack(&world->series_id, &terms);
    TN_ASSERT(packed);
    struct tn_entry *entry = add(world, TN_ENTRY_BLOCK);
    entry->as.block.height = 1;
    entry->as.block.time_ms = TN_EPOCH_2020_MS;
    struct tn_contract contract = {.schedule = {.steps_count = 1, .steps = {{0, 1}}},
                                   .tick_micros = 1,
                                   .lot_micro_units = 1000000,
                                   .multiplier = 1,
                                   .price_max = 1000,
                                   .quantity_max = 1000};
    entry = add(world, TN_ENTRY_UNDERLYING);
    entry->as.underlying = (struct tn_underlying){.symbol = "A",
                                                  .option = contract,
                                                  .linear = contract,
                                                  .listing = {.strike_step_ppm = 1000},
                                                  .fifo_ppm = 1000000};
    entry->as.underlying.linear_fees = (struct tn_fees){.maker_ppm = -100, .taker_ppm = 9000};
    entry = add(world, TN_ENTRY_INDEX);
    entry->as.index.underlying = 1;
    entry->as.index.price_micros = 100;
    for (uint32_t i = 0; i < 2; i++) {
        entry = add(world, TN_ENTRY_ACCOUNT);
        entry->as.account.owner[0] = (uint8_t)(i % owners);
        entry = add(world, TN_ENTRY_DEPOSIT);
        entry->as.deposit.account = i;
        entry->as.deposit.amount = 1000;
    }
    add(world, TN_ENTRY_LIST)->as.list.series_id = world->series_id;
    world->mark = (struct tn_mark){.series_id = world->series_id,
                                   .mark_micros = 100,
                                   .forward_micros = 100,
                                   .delta_ppb = 1000000000};
    entry = add(world, TN_ENTRY_MARKS);
    entry->as.marks.marks = &world->mark;
    entry->as.marks.marks_count = 1;
    entry = add(world, TN_ENTRY_STATUS);
    entry->as.status.series_id = world->series_id;
    entry->as.status.status = TN_STATUS_ACTIVE;
}

/* The account changes with every step, so that both sides of a book have two parties. */
static void make_command(const struct world *world, uint32_t number, struct tn_command *command)
{
    memset(command, 0, sizeof(*command));
    if (number >= 12) {
        command->kind = TN_COMMAND_CANCEL;
        command->as.cancel.order_id = number - 11;
        return;
    }
    command->kind = TN_COMMAND_PLACE;
    command->as.terms[0] = (struct tn_order_terms){.series_id = world->series_id,
                                                   .price = 99 + number % 3,
                                                   .quantity = 1 + number / 3 % 2,
                                                   .fee_max_ppm = 10000,
                                                   .side = (uint8_t)(number / 6),
                                                   .stp = world->stp};
}

static void make_frame(struct tn_entry *entry, const struct tn_command *command, uint32_t step)
{
    memset(entry, 0, sizeof(*entry));
    entry->kind = TN_ENTRY_FRAME;
    entry->as.frame.account = step % 2;
    entry->as.frame.commands = command;
    entry->as.frame.commands_count = 1;
    entry->as.frame.nonce = step + 1;
    entry->as.frame.valid_until_block = 1;
}

static bool run_sequence(const struct world *world, const uint32_t *numbers, uint32_t length,
                         struct tn_exchange *exchange, struct tn_event *events)
{
    static struct tn_event twin_events[EVENTS_MAX];
    struct twin *twin = twin_new(&world->limits);
    for (uint32_t i = 0; i < world->setup_count; i++) {
        twin_apply(twin, twin_events, EVENTS_MAX, &world->setup[i]);
    }
    bool same = true;
    for (uint32_t i = 0; i < length && same; i++) {
        struct tn_command command;
        struct tn_entry entry;
        make_command(world, numbers[i], &command);
        make_frame(&entry, &command, i);
        uint32_t twin_count = twin_apply(twin, twin_events, EVENTS_MAX, &entry);
        uint32_t count =
            tn_exchange_apply(exchange, events, tn_exchange_events_max(&world->limits), &entry);
        same = count == twin_count &&
               memcmp(events, twin_events, count * sizeof(struct tn_event)) == 0;
    }
    same = same && tn_exchange_digest(exchange) == twin_digest(twin);
    if (same) {
        tn_exchange_check(exchange);
        twin_check(twin);
    }
    twin_free(twin);
    return same;
}

/* Runs every sequence of a length; the ones below it are their beginnings. */
static void run_all(uint32_t length, uint32_t owners, uint8_t stp)
{
    static struct world world;
    world_make(&world, owners, stp);
    size_t size = tn_exchange_size(&world.limits);
    void *memory = aligned_alloc(64, tn_align(size));
    void *start = malloc(size);
    struct tn_event *events =
        malloc(tn_exchange_events_max(&world.limits) * sizeof(struct tn_event));
    TN_ASSERT(memory != NULL && start != NULL && events != NULL);
    memset(memory, 0, size);
    struct tn_exchange *exchange = tn_exchange_init(memory, &world.limits);
    for (uint32_t i = 0; i < world.setup_count; i++) {
        tn_exchange_apply(exchange, events, tn_exchange_events_max(&world.limits), &world.setup[i]);
    }
    memcpy(start, memory, size);
    uint32_t total = 1;
    for (uint32_t i = 0; i < length; i++)
        total *= COMMANDS;
    uint32_t differences = 0;
    for (uint32_t i = 0; i < total && differences == 0; i++) {
        uint32_t numbers[LENGTH_MAX];
        uint32_t rest = i;
        for (uint32_t j = 0; j < length; j++) {
            numbers[j] = rest % COMMANDS;
            rest /= COMMANDS;
        }
        memcpy(memory, start, size);
        if (run_sequence(&world, numbers, length, exchange, events)) continue;
        differences++;
        fprintf(stderr, "owners %u, stp %u, sequence", owners, stp);
        for (uint32_t j = 0; j < length; j++)
            fprintf(stderr, " %u", numbers[j]);
        fprintf(stderr, " (0-5 buys, 6-11 sells, 12-14 cancels)\n");
    }
    free(memory);
    free(start);
    free(events);
    assert_int_equal(differences, 0);
}

static void test_exchange_and_twin_agree_on_all_short_sequences_of_two_owners(void **state)
{
    (void)state;
    run_all(getenv("TENOR_NIGHTLY") != NULL ? 5 : 4, 2, TN_STP_CANCEL_TAKER);
}

static void test_exchange_and_twin_agree_on_all_short_sequences_of_one_owner(void **state)
{
    (void)state;
    for (uint8_t stp = TN_STP_CANCEL_TAKER; stp <= TN_STP_DECREMENT; stp++)
        run_all(4, 1, stp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_and_twin_agree_on_all_short_sequences_of_two_owners),
        cmocka_unit_test(test_exchange_and_twin_agree_on_all_short_sequences_of_one_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
