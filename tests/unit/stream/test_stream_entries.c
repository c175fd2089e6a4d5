/* Entries as bytes and back: every kind with random numbers, every cut, changed bytes, every sort
 * of fault, and the table of weights. TENOR_SEED repeats a run. */
#include "entry_maker.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ROUNDS = 400, BYTES_MAX = 65536 };

static struct maker maker;
static struct tn_stream_scratch scratch, second_scratch;
static uint8_t bytes[BYTES_MAX], again[TN_ENTRY_BYTES_MAX];
static uint64_t seed;

static void start(void)
{
    memset(&maker, 0, sizeof(maker));
    maker.random = seed;
}

static size_t write_made(void)
{
    size_t size = tn_stream_write_entry(bytes, sizeof(bytes), &maker.entry);
    assert_true(size > 0 && size <= sizeof(bytes));
    return size;
}

/* Commands as bytes, but for where their quotes are. */
static void assert_same_commands(const struct tn_entry *one, const struct tn_entry *other)
{
    for (uint32_t i = 0; i < one->as.frame.commands_count; i++) {
        struct tn_command a = one->as.frame.commands[i], b = other->as.frame.commands[i];
        if (a.kind == TN_COMMAND_MASS_QUOTE && b.kind == TN_COMMAND_MASS_QUOTE) {
            uint32_t count = a.as.mass_quote.quotes_count;
            assert_int_equal(count, b.as.mass_quote.quotes_count);
            assert_memory_equal(a.as.mass_quote.quotes, b.as.mass_quote.quotes,
                                count * sizeof(struct tn_quote));
            a.as.mass_quote.quotes = b.as.mass_quote.quotes = NULL;
        }
        assert_memory_equal(&a, &b, sizeof(a));
    }
}

/* Arrays by what is in them, everything else as bytes. */
static void assert_same(const struct tn_entry *one, const struct tn_entry *other)
{
    struct tn_entry a = *one, b = *other;
    assert_int_equal(a.kind, b.kind);
    if (a.kind == TN_ENTRY_FRAME) {
        assert_int_equal(a.as.frame.commands_count, b.as.frame.commands_count);
        assert_same_commands(one, other);
        a.as.frame.commands = b.as.frame.commands = NULL;
    } else if (a.kind == TN_ENTRY_MARKS) {
        assert_int_equal(a.as.marks.marks_count, b.as.marks.marks_count);
        assert_memory_equal(a.as.marks.marks, b.as.marks.marks,
                            a.as.marks.marks_count * sizeof(struct tn_mark));
        a.as.marks.marks = b.as.marks.marks = NULL;
    } else if (a.kind == TN_ENTRY_LISTING) {
        assert_int_equal(a.as.listing.strikes_count, b.as.listing.strikes_count);
        assert_memory_equal(a.as.listing.strikes, b.as.listing.strikes,
                            a.as.listing.strikes_count * sizeof(struct tn_listing_strike));
        a.as.listing.strikes = b.as.listing.strikes = NULL;
    } else if (a.kind == TN_ENTRY_RISK) {
        assert_int_equal(a.as.risk.scenarios_count, b.as.risk.scenarios_count);
        assert_memory_equal(a.as.risk.risk, b.as.risk.risk, sizeof(struct tn_risk));
        assert_memory_equal(a.as.risk.scenarios, b.as.risk.scenarios,
                            a.as.risk.scenarios_count * sizeof(struct tn_scenario));
        a.as.risk.risk = b.as.risk.risk = NULL;
        a.as.risk.scenarios = b.as.risk.scenarios = NULL;
    }
    assert_memory_equal(&a, &b, sizeof(a));
}

static bool read_bytes(struct tn_entry *entry, size_t *used, const uint8_t *from, size_t size)
{
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    memset(&scratch, 0xa5, sizeof(scratch.as.risk)); /* nothing may be left of what was there */
    bool is_read = tn_stream_read_entry(entry, used, &fault, &scratch, from, size);
    if (!is_read) {
        assert_true(fault.at <= size);
        assert_non_null(fault.what);
    }
    return is_read;
}

static void expect_fault(size_t size, size_t at, const char *what)
{
    struct tn_entry entry;
    struct tn_stream_fault fault;
    size_t used;
    assert_false(tn_stream_read_entry(&entry, &used, &fault, &scratch, bytes, size));
    assert_string_equal(fault.what, what);
    assert_int_equal(fault.at, at);
}

static void test_stream_reads_every_kind_of_entry_as_it_was_written(void **state)
{
    (void)state;
    start();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint8_t kind = TN_ENTRY_FRAME; kind <= TN_ENTRY_INSURE; kind++) {
            struct tn_entry entry;
            size_t used;
            make_entry(&maker, kind);
            size_t size = write_made();
            assert_true(read_bytes(&entry, &used, bytes, size));
            assert_int_equal(used, size);
            assert_same(&entry, &maker.entry);
            assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), size);
            assert_memory_equal(again, bytes, size);
        }
    }
}

static void test_stream_reads_every_kind_of_command_as_it_was_written(void **state)
{
    (void)state;
    start();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint8_t kind = TN_COMMAND_PLACE; kind <= TN_COMMAND_REMIT; kind++) {
            struct tn_entry entry;
            size_t used;
            make_frame(&maker, 1);
            make_command(&maker, 0, kind);
            size_t size = write_made();
            assert_true(read_bytes(&entry, &used, bytes, size));
            assert_int_equal(used, size);
            assert_same(&entry, &maker.entry);
        }
    }
}

static void test_stream_refuses_an_entry_cut_at_any_byte(void **state)
{
    (void)state;
    start();
    for (uint32_t round = 0; round < 20; round++) {
        for (uint8_t kind = TN_ENTRY_FRAME; kind <= TN_ENTRY_INSURE; kind++) {
            struct tn_entry entry;
            size_t used;
            make_entry(&maker, kind);
            size_t size = write_made(), step = size > 500 ? 7 : 1;
            for (size_t cut = 0; cut < size; cut += step)
                assert_false(read_bytes(&entry, &used, bytes, cut));
            assert_false(read_bytes(&entry, &used, bytes, size - 1));
        }
    }
}

static void test_stream_leaves_what_follows_an_entry_alone(void **state)
{
    struct tn_entry entry;
    size_t used;
    (void)state;
    start();
    for (uint8_t kind = TN_ENTRY_FRAME; kind <= TN_ENTRY_INSURE; kind++) {
        make_entry(&maker, kind);
        size_t size = write_made();
        memset(bytes + size, 0xff, 100);
        assert_true(read_bytes(&entry, &used, bytes, size + 100));
        assert_int_equal(used, size);
        assert_same(&entry, &maker.entry);
    }
}

static void test_stream_writes_nothing_where_there_is_no_room(void **state)
{
    (void)state;
    start();
    for (uint8_t kind = TN_ENTRY_FRAME; kind <= TN_ENTRY_INSURE; kind++) {
        make_entry(&maker, kind);
        size_t size = write_made();
        memset(again, 0x5a, size);
        assert_int_equal(tn_stream_write_entry(again, size - 1, &maker.entry), size);
        assert_int_equal(tn_stream_write_entry(again, 0, &maker.entry), size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(again[i], 0x5a);
        assert_int_equal(tn_stream_write_entry(again, size, &maker.entry), size);
        assert_memory_equal(again, bytes, size);
    }
}

/* Whatever is read is written again as the same bytes; how often something was, is returned. */
static uint32_t write_again_if_read(const uint8_t *from, size_t size)
{
    struct tn_entry entry;
    size_t used;
    if (!read_bytes(&entry, &used, from, size)) return 0;
    assert_true(used <= size);
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), used);
    assert_memory_equal(again, from, used);
    return 1;
}

static void test_stream_writes_random_bytes_that_it_reads_as_they_were(void **state)
{
    uint32_t reads = 0;
    (void)state;
    start();
    for (uint32_t round = 0; round < 60000; round++) {
        size_t size = (size_t)tn_random_below(&maker.random, 400);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)tn_random_next(&maker.random);
        if (size > 1) {
            bytes[0] = TN_ENTRY_VERSION;
            bytes[1] = (uint8_t)tn_random_below(&maker.random, 24);
        }
        reads += write_again_if_read(bytes, size);
    }
    assert_true(reads > 10000);
}

static void test_stream_writes_changed_entries_that_it_reads_as_they_were(void **state)
{
    uint32_t reads = 0;
    (void)state;
    start();
    for (uint32_t round = 0; round < 20000; round++) {
        make_entry(&maker, (uint8_t)(1 + tn_random_below(&maker.random, TN_ENTRY_INSURE)));
        size_t size = write_made();
        for (uint32_t change = 0; change < 3; change++)
            bytes[tn_random_below(&maker.random, size)] ^= (uint8_t)tn_random_next(&maker.random);
        reads += write_again_if_read(bytes, size);
    }
    assert_true(reads > 10000);
}

/* ---- Faults ---- */

static void set_u16(size_t at, uint32_t value)
{
    bytes[at] = (uint8_t)(value >> 8);
    bytes[at + 1] = (uint8_t)value;
}

static void test_stream_refuses_unknown_versions_and_kinds(void **state)
{
    (void)state;
    start();
    make_entry(&maker, TN_ENTRY_BLOCK);
    size_t size = write_made();
    bytes[0] = 0;
    expect_fault(size, 0, "no such version of entries");
    bytes[0] = 2;
    expect_fault(size, 0, "no such version of entries");
    bytes[0] = 1;
    for (uint32_t kind = 0; kind < 256; kind++) {
        if (kind >= TN_ENTRY_FRAME && kind <= TN_ENTRY_INSURE) continue;
        bytes[1] = (uint8_t)kind;
        expect_fault(size, 1, "no such kind of entry");
        maker.entry.kind = (uint8_t)kind;
        assert_int_equal(tn_stream_write_entry(again, sizeof(again), &maker.entry), 0);
    }
}

static void test_stream_refuses_unknown_kinds_of_commands(void **state)
{
    (void)state;
    start();
    make_frame(&maker, 1);
    make_command(&maker, 0, TN_COMMAND_CANCEL);
    size_t size = write_made();
    for (uint32_t kind = 0; kind < 256; kind++) {
        if (kind >= TN_COMMAND_PLACE && kind <= TN_COMMAND_REMIT) continue;
        bytes[36] = (uint8_t)kind;
        expect_fault(size, 36, "no such kind of command");
        maker.commands[0].kind = (uint8_t)kind;
        assert_int_equal(tn_stream_write_entry(again, sizeof(again), &maker.entry), 0);
    }
}

static void test_stream_wants_commands_to_fill_the_payload_of_their_frame(void **state)
{
    (void)state;
    start();
    make_frame(&maker, 1);
    make_command(&maker, 0, TN_COMMAND_MODEL);
    size_t size = write_made();
    assert_int_equal(size, 2 + 4 + 22 + 9 + 1);
    bytes[5]++;
    expect_fault(size, size, "the bytes end too early");
    expect_fault(size + 1, size, "bytes behind the last command of the payload");
    bytes[5] = (uint8_t)(bytes[5] - 2);
    expect_fault(size, size - 1, "the bytes end too early");
    bytes[5] = 21;
    expect_fault(size, 2, "the payload is too small");
}

static void test_stream_refuses_counts_past_their_caps(void **state)
{
    (void)state;
    start();
    memset(bytes, 0, sizeof(bytes));
    bytes[0] = TN_ENTRY_VERSION;
    bytes[1] = TN_ENTRY_MARKS;
    set_u16(2, TN_MARKS_CODE_MAX + 1);
    expect_fault(BYTES_MAX, 2, "too many marks");
    bytes[1] = TN_ENTRY_LISTING;
    set_u16(14, TN_STRIKES_CODE_MAX + 1);
    expect_fault(BYTES_MAX, 14, "too many strikes");
    make_entry(&maker, TN_ENTRY_RISK);
    write_made();
    set_u16(12 + 8 * TN_RISK_FIELDS_COUNT, TN_SCENARIO_CODE_MAX + 1);
    expect_fault(BYTES_MAX, 12 + 8 * TN_RISK_FIELDS_COUNT, "too many scenarios");
    set_u16(10, TN_RISK_FIELDS_COUNT + 1);
    expect_fault(BYTES_MAX, 10, "another number of risk parameters than this version has");
    set_u16(10, TN_RISK_FIELDS_FIRST - 1);
    expect_fault(BYTES_MAX, 10, "another number of risk parameters than this version has");
    make_entry(&maker, TN_ENTRY_RISK);
    write_made();
    memset(bytes + 12 + 8 * TN_RISK_FIELDS_FIRST, 0, 8); /* the default, 256 */
    bytes[12 + 8 * TN_RISK_FIELDS_FIRST + 6] = 1;
    expect_fault(BYTES_MAX, 10, "a later risk parameter is written at its default");
    make_entry(&maker, TN_ENTRY_UNDERLYING);
    write_made();
    bytes[51] = TN_TICK_STEPS_MAX + 1;
    expect_fault(BYTES_MAX, 51, "more than 6 tick steps");
    make_frame(&maker, 1);
    make_command(&maker, 0, TN_COMMAND_MASS_QUOTE);
    size_t size = write_made();
    set_u16(48, TN_QUOTES_CODE_MAX + 1);
    expect_fault(size, 48, "too many quotes");
    set_u16(26, TN_COMMANDS_CODE_MAX + 1);
    expect_fault(size, 26, "too many commands");
    make_frame(&maker, 1);
    make_command(&maker, 0, TN_COMMAND_PACKAGE);
    size = write_made();
    bytes[58] = TN_PACKAGE_LEGS_MAX + 1;
    expect_fault(size, 58, "more than 8 legs");
    make_frame(&maker, 1);
    make_command(&maker, 0, TN_COMMAND_BLOCK_TRADE);
    size = write_made();
    bytes[61] = TN_PACKAGE_LEGS_MAX + 1;
    expect_fault(size, 61, "more than 8 legs");
}

static void test_stream_has_no_bytes_for_what_it_would_not_read(void **state)
{
    struct tn_entry entry = {.kind = TN_ENTRY_MARKS};
    static struct tn_mark marks[TN_MARKS_CODE_MAX + 1];
    static struct tn_command commands[TN_COMMANDS_CODE_MAX + 1];
    static struct tn_quote quotes[TN_QUOTES_CODE_MAX + 1];
    (void)state;
    entry.as.marks.marks = marks;
    entry.as.marks.marks_count = TN_MARKS_CODE_MAX;
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 4 + 512 * 40);
    entry.as.marks.marks_count = TN_MARKS_CODE_MAX + 1;
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 0);
    entry = (struct tn_entry){.kind = TN_ENTRY_RISK};
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 0);
    entry = (struct tn_entry){.kind = TN_ENTRY_UNDERLYING};
    entry.as.underlying.linear.schedule.steps_count = TN_TICK_STEPS_MAX + 1;
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 0);
    entry = (struct tn_entry){.kind = TN_ENTRY_LISTING};
    entry.as.listing.strikes_count = TN_STRIKES_CODE_MAX + 1;
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 0);

    entry = (struct tn_entry){.kind = TN_ENTRY_FRAME};
    entry.as.frame.commands = commands;
    entry.as.frame.commands_count = 1;
    commands[0] = (struct tn_command){.kind = TN_COMMAND_PACKAGE, .as.package.legs_count = 9};
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 0);
    commands[0] =
        (struct tn_command){.kind = TN_COMMAND_BLOCK_TRADE, .as.block_trade.legs_count = 9};
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 0);
    commands[0] = (struct tn_command){
        .kind = TN_COMMAND_MASS_QUOTE,
        .as.mass_quote = {.quotes = quotes, .quotes_count = TN_QUOTES_CODE_MAX + 1}};
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 0);
    for (uint32_t i = 0; i <= TN_COMMANDS_CODE_MAX; i++)
        commands[i] = (struct tn_command){.kind = TN_COMMAND_CANCEL};
    entry.as.frame.commands_count = TN_COMMANDS_CODE_MAX;
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 28 + 512 * 25);
    entry.as.frame.commands_count = TN_COMMANDS_CODE_MAX + 1;
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), 0);
}

/* As many quotes as an entry holds: 51 commands of 512 and one that fills it up. */
static void test_stream_reads_the_largest_frame_of_quotes(void **state)
{
    static struct tn_command commands[52];
    static struct tn_quote quotes[TN_QUOTES_CODE_MAX];
    static uint8_t large[TN_ENTRY_BYTES_MAX + 100], back[TN_ENTRY_BYTES_MAX];
    struct tn_stream_fault fault;
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME}, read;
    size_t used;
    (void)state;
    start();
    for (uint32_t i = 0; i < TN_QUOTES_CODE_MAX; i++)
        quotes[i] = (struct tn_quote){.series_id = tn_random_next(&maker.random), .bid_price = i};
    for (uint32_t i = 0; i < 52; i++) {
        commands[i] = (struct tn_command){
            .kind = TN_COMMAND_MASS_QUOTE,
            .as.mass_quote = {.quotes = quotes, .quotes_count = i < 51 ? 512 : 73}};
    }
    entry.as.frame.commands = commands;
    entry.as.frame.commands_count = 52;
    size_t size = tn_stream_write_entry(large, sizeof(large), &entry);
    assert_true(size > TN_ENTRY_BYTES_MAX - TN_QUOTE_BYTES && size <= TN_ENTRY_BYTES_MAX);
    assert_true(tn_stream_read_entry(&read, &used, &fault, &second_scratch, large, sizeof(large)));
    assert_int_equal(used, size);
    assert_same(&read, &entry);
    assert_int_equal(tn_stream_write_entry(back, sizeof(back), &read), size);
    assert_memory_equal(back, large, size);
    commands[51].as.mass_quote.quotes_count = 74;
    assert_int_equal(tn_stream_write_entry(large, sizeof(large), &entry), 0);

    /* The same by hand: one quote more, and a payload that is so much larger. */
    size_t payload = size - 6 + TN_QUOTE_BYTES, count_at = size - 73 * TN_QUOTE_BYTES - 1;
    assert_int_equal(large[count_at], 73);
    large[count_at] = 74;
    for (uint32_t i = 0; i < 4; i++)
        large[2 + i] = (uint8_t)(payload >> (24 - 8 * i));
    assert_false(tn_stream_read_entry(&read, &used, &fault, &second_scratch, large, sizeof(large)));
    assert_int_equal(fault.at, TN_ENTRY_BYTES_MAX);
}

/* ---- Weights ---- */

static uint64_t weight_of_command(uint8_t kind)
{
    start();
    maker.counts = true; /* two quotes, two legs */
    make_frame(&maker, 1);
    make_command(&maker, 0, kind);
    return tn_stream_weight(&maker.entry) - 4;
}

static void test_stream_weighs_entries_by_the_published_table(void **state)
{
    static const uint64_t COMMANDS[] = {0, 4, 8, 4, 2, 8, 6, 2, 2, 8, 12, 40, 4, 4, 4, 64, 8};
    static const uint64_t ENTRIES[] = {0,  4, 64, 2, 4, 2, 2, 2, 4,   2, 4,
                                       12, 2, 64, 2, 4, 2, 2, 2, 256, 5, 2};
    (void)state;
    for (uint8_t kind = TN_COMMAND_PLACE; kind <= TN_COMMAND_REMIT; kind++)
        assert_int_equal(weight_of_command(kind), COMMANDS[kind]);
    start();
    maker.counts = true; /* units are 1, lists have two */
    for (uint8_t kind = TN_ENTRY_BLOCK; kind <= TN_ENTRY_INSURE; kind++) {
        make_entry(&maker, kind);
        assert_int_equal(tn_stream_weight(&maker.entry), ENTRIES[kind]);
    }
    struct tn_entry entry = {.kind = TN_ENTRY_SWEEP, .as.sweep.units = UINT32_MAX};
    assert_int_equal(tn_stream_weight(&entry), 1 + 8192);
    entry = (struct tn_entry){.kind = TN_ENTRY_LIQ, .as.liq.units = 8193};
    assert_int_equal(tn_stream_weight(&entry), 1 + 4 * 8192);
    entry = (struct tn_entry){.kind = TN_ENTRY_REPORT, .as.report.feed = TN_FEED_VOL};
    assert_int_equal(tn_stream_weight(&entry), 4);
    entry = (struct tn_entry){.kind = TN_ENTRY_FRAME};
    assert_int_equal(tn_stream_weight(&entry), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_reads_every_kind_of_entry_as_it_was_written),
        cmocka_unit_test(test_stream_reads_every_kind_of_command_as_it_was_written),
        cmocka_unit_test(test_stream_refuses_an_entry_cut_at_any_byte),
        cmocka_unit_test(test_stream_leaves_what_follows_an_entry_alone),
        cmocka_unit_test(test_stream_writes_nothing_where_there_is_no_room),
        cmocka_unit_test(test_stream_writes_random_bytes_that_it_reads_as_they_were),
        cmocka_unit_test(test_stream_writes_changed_entries_that_it_reads_as_they_were),
        cmocka_unit_test(test_stream_refuses_unknown_versions_and_kinds),
        cmocka_unit_test(test_stream_refuses_unknown_kinds_of_commands),
        cmocka_unit_test(test_stream_wants_commands_to_fill_the_payload_of_their_frame),
        cmocka_unit_test(test_stream_refuses_counts_past_their_caps),
        cmocka_unit_test(test_stream_has_no_bytes_for_what_it_would_not_read),
        cmocka_unit_test(test_stream_reads_the_largest_frame_of_quotes),
        cmocka_unit_test(test_stream_weighs_entries_by_the_published_table),
    };
    seed = test_seed("test_stream_entries");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
