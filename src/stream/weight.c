/* What an entry counts against the limits of a batch and of a block (stream.md §5). A market's
 * share of a block is counted in these, so the table is protocol: it sees counts that stand in the
 * entry and nothing of the state, and anybody can add it up before executing anything. One is about
 * the work of one side of a quote that moves. */
#include "tenor/stream.h"

enum {
    UNITS_MAX = 8192, /* no market does more for one SWEEP or LIQ */
    QUOTE_SIDES = 2,
};

static uint64_t units_weight(uint32_t units, uint64_t each)
{
    return 1 + each * (units < UNITS_MAX ? units : UNITS_MAX);
}

static uint64_t command_weight(const struct tn_command *command)
{
    switch ((enum tn_command_kind)command->kind) {
        case TN_COMMAND_PLACE: return 4;
        case TN_COMMAND_PLACE_OCO: return 8;
        case TN_COMMAND_REPLACE: return 4;
        case TN_COMMAND_CANCEL: return 2;
        case TN_COMMAND_MASS_CANCEL: return 8;
        case TN_COMMAND_MASS_QUOTE:
            return 2 + (uint64_t)QUOTE_SIDES * command->as.mass_quote.quotes_count;
        case TN_COMMAND_MMP_SET:
        case TN_COMMAND_MMP_RESET: return 2;
        case TN_COMMAND_MMP_CANCEL: return 8;
        case TN_COMMAND_PACKAGE: return 4 + 4 * (uint64_t)command->as.package.legs_count;
        case TN_COMMAND_BLOCK_TRADE: return 32 + 4 * (uint64_t)command->as.block_trade.legs_count;
        case TN_COMMAND_TRANSFER:
        case TN_COMMAND_WITHDRAW:
        case TN_COMMAND_MODEL: return 4;
        case TN_COMMAND_BID: return 64;
        case TN_COMMAND_REMIT: return 8; /* here, and there, and perhaps back */
    }
    return 1;
}

static uint64_t frame_weight(const struct tn_entry *entry)
{
    uint64_t weight = 4;
    for (uint32_t i = 0; i < entry->as.frame.commands_count; i++)
        weight += command_weight(&entry->as.frame.commands[i]);
    return weight;
}

uint64_t tn_stream_weight(const struct tn_entry *entry)
{
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: return frame_weight(entry);
        case TN_ENTRY_BLOCK: return 64;
        case TN_ENTRY_SWEEP: return units_weight(entry->as.sweep.units, 1);
        case TN_ENTRY_MARKS: return 2 + (uint64_t)entry->as.marks.marks_count;
        case TN_ENTRY_INDEX:
        case TN_ENTRY_ACCOUNT:
        case TN_ENTRY_DEPOSIT: return 2;
        case TN_ENTRY_UNDERLYING: return 4;
        case TN_ENTRY_FEES: return 2;
        case TN_ENTRY_LIST: return 4;
        case TN_ENTRY_LISTING: return 4 + 4 * (uint64_t)entry->as.listing.strikes_count;
        case TN_ENTRY_STATUS: return 2;
        case TN_ENTRY_UNCROSS: return 64;
        case TN_ENTRY_FUNDING: return 2;
        case TN_ENTRY_SETTLE: return 4;
        case TN_ENTRY_ASSET:
        case TN_ENTRY_FEEDER: return 2;
        case TN_ENTRY_REPORT: return entry->as.report.feed == TN_FEED_VOL ? 4 : 2;
        case TN_ENTRY_RISK: return 256;
        case TN_ENTRY_LIQ: return units_weight(entry->as.liq.units, 4);
        case TN_ENTRY_INSURE: return 2;
    }
    return 1;
}
