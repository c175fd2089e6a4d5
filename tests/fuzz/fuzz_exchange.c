/* A fuzzer's bytes as a market's history, fed to the exchange and to its twin: equal events, equal
 * digests at the end, every invariant.
 *
 * The first byte names a profile, the next a number of entries drawn from a seed, the third, so
 * that the market is under way; the rest is what the profile's stream then draws from, so that
 * bytes make orders that meet. After every entry made so one more byte says whether some byte of it
 * is changed, wherever that may be: pointers excepted, every field takes every value in the end. */
#include "exchange_pair.h"
#include "exchange_stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t draw(struct exchange_stream *stream)
{
    if (stream->bytes_count == 0) return 0;
    stream->bytes_count--;
    return *stream->bytes++;
}

static void change_byte(struct exchange_stream *stream, void *record, size_t size)
{
    size_t place = ((size_t)draw(stream) << 8 | draw(stream)) % size;
    ((uint8_t *)record)[place] ^= draw(stream);
}

static void change_command(struct exchange_stream *stream, struct tn_entry *entry)
{
    uint32_t count = entry->as.frame.commands_count;
    if (count == 0 || count > STREAM_COMMANDS_MAX) return;
    struct tn_command *command = &stream->commands[draw(stream) % count];
    if (command->kind == TN_COMMAND_MASS_QUOTE && draw(stream) % 2 == 0) {
        struct tn_quote *quote = (struct tn_quote *)(uintptr_t)command->as.mass_quote.quotes;
        change_byte(stream, quote, sizeof(*quote));
        return;
    }
    const struct tn_quote *quotes = stream->quotes[0];
    if (command->kind == TN_COMMAND_MASS_QUOTE) quotes = command->as.mass_quote.quotes;
    change_byte(stream, command, sizeof(*command));
    if (command->kind == TN_COMMAND_MASS_QUOTE) command->as.mass_quote.quotes = quotes;
}

static void change_entry(struct exchange_stream *stream, struct tn_entry *entry)
{
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME:
            if (draw(stream) % 8 != 0) {
                change_command(stream, entry);
            } else {
                change_byte(stream, &entry->as.frame.nonce, sizeof(uint64_t));
            }
            return;
        case TN_ENTRY_MARKS: change_byte(stream, stream->marks, sizeof(struct tn_mark)); return;
        case TN_ENTRY_LISTING:
            change_byte(stream, stream->strikes, sizeof(struct tn_listing_strike));
            return;
        case TN_ENTRY_BLOCK:
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
        case TN_ENTRY_RISK: return; /* refused, and it holds pointers */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct exchange_stream stream;
    if (size < 4) return 0;
    const struct exchange_profile *profile = exchange_profile(data[0] % exchange_profiles_count());
    struct exchange_pair pair;
    pair_open(&pair, &profile->limits);
    pair.digest_every = 64;
    exchange_stream_start(&stream, profile, data[2], pair.twin);
    bool same = true;
    for (uint32_t i = 0; i < 2u * data[1] && same; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        same = pair_apply(&pair, &entry);
    }
    stream.bytes = data + 3;
    stream.bytes_count = size - 3;
    while (same && stream.bytes_count > 0) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        if (stream.bytes_count > 0 && draw(&stream) % 16 == 1) change_entry(&stream, &entry);
        same = pair_apply(&pair, &entry);
    }
    if (!same) abort();
    tn_exchange_check(pair.exchange);
    twin_check(pair.twin);
    if (tn_exchange_digest(pair.exchange) != twin_digest(pair.twin)) abort();
    pair_close(&pair);
    return 0;
}
