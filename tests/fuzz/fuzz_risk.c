/* A fuzzer's bytes as the history of a market with a margin engine: every invariant and the sum of
 * all cash after every entry.
 *
 * The first byte is the stream's seed, the second how many entries are drawn from it, so that the
 * market is under way; the rest is what the stream then draws from. After every entry made so one
 * more byte says whether some byte of it is changed: pointers excepted, every field takes every
 * value in the end. */
#include "risk_stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t draw(struct risk_stream *stream)
{
    if (stream->bytes_count == 0) return 0;
    stream->bytes_count--;
    return *stream->bytes++;
}

static void change_byte(struct risk_stream *stream, void *record, size_t size)
{
    size_t place = ((size_t)draw(stream) << 8 | draw(stream)) % size;
    ((uint8_t *)record)[place] ^= draw(stream);
}

/* Of a command, or of a quote; the pointer to the quotes and their count stay. */
static void change_command(struct risk_stream *stream, struct tn_entry *entry)
{
    struct tn_command *command = &stream->commands[draw(stream) % entry->as.frame.commands_count];
    if (command->kind == TN_COMMAND_MASS_QUOTE) {
        change_byte(stream, stream->quotes, sizeof(stream->quotes));
        return;
    }
    change_byte(stream, command, sizeof(*command));
    if (command->kind == TN_COMMAND_MASS_QUOTE) {
        command->as.mass_quote.quotes = stream->quotes;
        command->as.mass_quote.quotes_count %= 17;
    }
}

static void change_entry(struct risk_stream *stream, struct tn_entry *entry)
{
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: change_command(stream, entry); return;
        case TN_ENTRY_RISK: change_byte(stream, &stream->risk, sizeof(stream->risk)); return;
        case TN_ENTRY_MARKS:
        case TN_ENTRY_LISTING: return; /* they hold pointers, and are refused */
        case TN_ENTRY_BLOCK:
            /* Not its height and time by themselves: the stream would report from the past. */
            return;
        case TN_ENTRY_SWEEP:
        case TN_ENTRY_INDEX:
        case TN_ENTRY_ACCOUNT:
        case TN_ENTRY_DEPOSIT:
        case TN_ENTRY_UNDERLYING:
        case TN_ENTRY_FEES:
        case TN_ENTRY_LIST:
        case TN_ENTRY_STATUS:
        case TN_ENTRY_UNCROSS:
        case TN_ENTRY_FUNDING:
        case TN_ENTRY_SETTLE:
        case TN_ENTRY_ASSET:
        case TN_ENTRY_FEEDER:
        case TN_ENTRY_REPORT:
        case TN_ENTRY_LIQ:
        case TN_ENTRY_INSURE: change_byte(stream, &entry->as, sizeof(entry->as)); return;
    }
}

struct target {
    struct tn_exchange *exchange;
    struct tn_event *events;
    uint32_t events_max;
};

static void open_target(struct target *target)
{
    struct tn_exchange_limits limits;
    risk_stream_limits(&limits);
    size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    target->events_max = tn_exchange_events_max(&limits);
    target->events = malloc(target->events_max * sizeof(*target->events));
    if (memory == NULL || target->events == NULL) abort();
    memset(memory, 0, size);
    target->exchange = tn_exchange_init(memory, &limits);
}

static void apply(struct target *target, const struct tn_entry *entry)
{
    tn_exchange_apply(target->exchange, target->events, target->events_max, entry);
    tn_exchange_check(target->exchange);
    uint32_t accounts = tn_exchange_accounts_count(target->exchange);
    if (tn_ledger_sum(tn_exchange_ledger(target->exchange), accounts) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct risk_stream stream;
    struct tn_entry entry;
    struct target target;
    if (size < 3) return 0;
    open_target(&target);
    risk_stream_start(&stream, target.exchange, data[0]);
    for (uint32_t i = 0; i < 2u * data[1] || !stream.ready; i++) {
        risk_stream_next(&stream, &entry);
        apply(&target, &entry);
    }
    stream.bytes = data + 2;
    stream.bytes_count = size - 2;
    while (stream.bytes_count > 0) {
        risk_stream_next(&stream, &entry);
        if (stream.bytes_count > 0 && draw(&stream) % 16 == 1) change_entry(&stream, &entry);
        apply(&target, &entry);
    }
    free(target.exchange);
    free(target.events);
    return 0;
}
