/* The entries of the random streams through bytes: a leader's exchange runs them and seals batches,
 * a replica reads the bodies, runs what it read, and arrives at the same headers (so at the same
 * events) and the same digest of its exchange. Every event is also written and read back. */
#include "exchange_pair.h"
#include "exchange_stream.h"
#include "risk_stream.h"
#include "seed.h"

#include "tenor/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH_ENTRIES = 50, BODY_MAX = 3 << 20, ENTRIES = 3000, RISK_RUNS = 4 };

/* A leader's open batch, and the replica that follows it. */
struct follower {
    struct tn_exchange *exchange;
    struct tn_event *events;
    uint32_t events_max;
    struct tn_batch_builder builder;
    struct tn_hash prev_digest;
    uint64_t sequence, height, bytes;
    size_t body_size;
    uint32_t entries_count, without_bytes;
};

static uint8_t body[BODY_MAX];
static struct tn_stream_scratch scratch;
static uint64_t seed;
static uint32_t seen[TN_ENTRY_INSURE + 1], seen_commands[TN_COMMAND_REMIT + 1];

static struct tn_exchange *open_exchange(const struct tn_exchange_limits *limits)
{
    size_t size = tn_align(tn_exchange_size(limits));
    void *memory = aligned_alloc(64, size);
    if (memory == NULL) abort();
    memset(memory, 0, size);
    return tn_exchange_init(memory, limits);
}

static void begin_batch(struct follower *follower)
{
    tn_stream_batch_begin(&follower->builder, follower->height);
    follower->body_size = TN_BATCH_HEADER_BYTES;
}

static void open_follower(struct follower *follower, const struct tn_exchange_limits *limits)
{
    *follower = (struct follower){.events_max = tn_exchange_events_max(limits)};
    follower->exchange = open_exchange(limits);
    follower->events = calloc(follower->events_max, sizeof(*follower->events));
    if (follower->events == NULL) abort();
    begin_batch(follower);
}

static void close_follower(struct follower *follower)
{
    free(follower->exchange);
    free(follower->events);
}

/* Writes the entry into the open batch; false when it has no bytes, or none that fit. */
static bool write_entry(struct follower *follower, size_t *size, const struct tn_entry *entry)
{
    size_t room = BODY_MAX - follower->body_size;
    *size = tn_stream_write_batch_entry(body + follower->body_size, room, entry);
    if (*size == 0) follower->without_bytes++;
    assert_true(*size <= room);
    return *size > 0;
}

static void check_event_bytes(const struct tn_event *event)
{
    uint8_t bytes[TN_EVENT_BYTES];
    struct tn_event read;
    tn_stream_write_event(bytes, event);
    assert_true(tn_stream_read_event(&read, bytes));
    assert_memory_equal(&read, event, sizeof(read));
}

static void count_kinds(const struct tn_entry *entry)
{
    seen[entry->kind]++;
    if (entry->kind != TN_ENTRY_FRAME) return;
    for (uint32_t i = 0; i < entry->as.frame.commands_count; i++)
        seen_commands[entry->as.frame.commands[i].kind]++;
}

/* The replica: what it read, run, gives the header that stands before it. */
static void follow(struct follower *follower)
{
    struct tn_batch_header own = {.market = 1, .sequence = follower->sequence};
    struct tn_batch_builder builder;
    struct tn_batch_reader reader;
    struct tn_stream_fault fault = {.what = ""};
    struct tn_entry entry;
    enum tn_stream_step step;
    own.prev_digest = follower->prev_digest;
    if (!tn_stream_batch_open(&reader, &fault, body, follower->body_size))
        fail_msg("%s", fault.what);
    tn_stream_batch_begin(&builder, reader.header.first_block);
    while ((step = tn_stream_batch_next(&reader, &entry, &fault, &scratch)) == TN_STREAM_ENTRY) {
        uint32_t count =
            tn_exchange_apply(follower->exchange, follower->events, follower->events_max, &entry);
        tn_stream_batch_add(&builder, &entry, reader.entry_bytes, reader.entry_size,
                            follower->events, count);
        count_kinds(&entry);
    }
    if (step != TN_STREAM_END) fail_msg("byte %zu: %s", fault.at, fault.what);
    tn_stream_batch_end(&own, &builder);
    assert_memory_equal(&own, &reader.header, sizeof(own));
}

static void seal(struct follower *follower)
{
    struct tn_batch_header header = {.market = 1, .sequence = follower->sequence};
    header.prev_digest = follower->prev_digest;
    tn_stream_batch_end(&header, &follower->builder);
    tn_stream_write_batch_header(body, &header);
    assert_int_equal(follower->builder.body_bytes, follower->body_size);
    follow(follower);
    tn_stream_batch_digest(&follower->prev_digest, &header);
    follower->sequence++;
    follower->height = header.last_block;
    follower->bytes += follower->body_size;
    begin_batch(follower);
}

static void add_entry(struct follower *follower, size_t size, const struct tn_entry *entry,
                      const struct tn_event *events, uint32_t count)
{
    const uint8_t *bytes = body + follower->body_size + TN_BATCH_LENGTH_BYTES;
    for (uint32_t i = 0; i < count; i++)
        check_event_bytes(&events[i]);
    tn_stream_batch_add(&follower->builder, entry, bytes, size - TN_BATCH_LENGTH_BYTES, events,
                        count);
    follower->body_size += size;
    follower->entries_count++;
    if (follower->builder.tree.count == BATCH_ENTRIES ||
        BODY_MAX - follower->body_size < TN_ENTRY_BYTES_MAX + TN_BATCH_LENGTH_BYTES) {
        seal(follower);
    }
}

/* Few entries have no bytes: those of unknown kinds, or with more legs than there can be. */
static void finish(struct follower *follower, const struct tn_exchange *leader)
{
    seal(follower);
    assert_int_equal(tn_exchange_digest(follower->exchange), tn_exchange_digest(leader));
    assert_true(follower->without_bytes < follower->entries_count / 20);
}

static void test_stream_carries_random_streams_of_every_profile(void **state)
{
    static struct exchange_stream stream;
    (void)state;
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        const struct exchange_profile *profile = exchange_profile(i);
        struct follower follower;
        struct exchange_pair pair;
        pair_open(&pair, &profile->limits);
        pair.digest_every = UINT32_MAX; /* the twin is only looked at, by the stream */
        pair.check_every = UINT32_MAX;
        open_follower(&follower, &profile->limits);
        exchange_stream_start(&stream, profile, seed + i, pair.twin);
        for (uint32_t n = 0; n < ENTRIES; n++) {
            struct tn_entry entry;
            size_t size;
            exchange_stream_next(&stream, &entry);
            if (!write_entry(&follower, &size, &entry)) continue;
            assert_true(pair_apply(&pair, &entry));
            add_entry(&follower, size, &entry, pair.events, pair.events_count);
        }
        finish(&follower, pair.exchange);
        close_follower(&follower);
        pair_close(&pair);
    }
}

static void test_stream_carries_random_streams_of_markets_with_margin(void **state)
{
    static struct risk_stream stream;
    struct tn_exchange_limits limits;
    (void)state;
    risk_stream_limits(&limits);
    for (uint32_t run = 0; run < RISK_RUNS; run++) {
        struct follower follower;
        struct tn_exchange *leader = open_exchange(&limits);
        open_follower(&follower, &limits);
        struct tn_event *events = calloc(follower.events_max, sizeof(*events));
        if (events == NULL) abort();
        risk_stream_start(&stream, leader, seed + run);
        for (uint32_t n = 0; n < ENTRIES; n++) {
            struct tn_entry entry;
            size_t size;
            risk_stream_next(&stream, &entry);
            if (!write_entry(&follower, &size, &entry)) continue;
            uint32_t count = tn_exchange_apply(leader, events, follower.events_max, &entry);
            add_entry(&follower, size, &entry, events, count);
        }
        finish(&follower, leader);
        close_follower(&follower);
        free(leader);
        free(events);
    }
}

static void test_stream_has_carried_every_kind(void **state)
{
    (void)state;
    for (uint32_t kind = TN_ENTRY_FRAME; kind <= TN_ENTRY_INSURE; kind++) {
        if (seen[kind] == 0) fail_msg("no entry of kind %u came", kind);
    }
    for (uint32_t kind = TN_COMMAND_PLACE; kind <= TN_COMMAND_REMIT; kind++) {
        if (seen_commands[kind] == 0) fail_msg("no command of kind %u came", kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_carries_random_streams_of_every_profile),
        cmocka_unit_test(test_stream_carries_random_streams_of_markets_with_margin),
        cmocka_unit_test(test_stream_has_carried_every_kind),
    };
    seed = test_seed("test_stream_exchange");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
