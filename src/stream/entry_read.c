/* Bytes as entries (stream.md §1): entry_write.c in the other direction. What a kind always has is
 * asked for once, each list once more behind its count; a count past its cap is refused before
 * anything is read for it. Every byte is used or refused, and no value is: so whatever is read here
 * is written again as the same bytes, and the exchange sees what its sender meant. */
#include "stream/internal.h"

/* A count u16 and whether so many things of `each` bytes are there. */
static bool get_count(struct reader *reader, uint32_t *count, uint32_t count_max, uint32_t each,
                      const char *too_many)
{
    size_t at = reader->at;
    *count = get_u16(reader);
    if (*count > count_max) return refuse(reader, at, too_many);
    return need(reader, (size_t)*count * each);
}

/* The payload ends where its size says, and the commands fill it exactly. */
static bool get_frame(struct reader *reader, struct tn_entry *entry,
                      struct tn_stream_scratch *scratch)
{
    size_t at = reader->at, end_of_entry = reader->size;
    uint32_t payload_bytes = get_u32(reader), count, quotes_count = 0;
    if (payload_bytes < FRAME_PAYLOAD_BYTES) return refuse(reader, at, "the payload is too small");
    if (!need(reader, payload_bytes)) return false;
    reader->size = reader->at + payload_bytes;
    entry->as.frame.account = get_u32(reader);
    entry->as.frame.nonce = get_u64(reader);
    entry->as.frame.valid_until_block = get_u64(reader);
    if (!get_count(reader, &count, TN_COMMANDS_CODE_MAX, COMMAND_HEAD_BYTES, "too many commands")) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct tn_command *command = &scratch->as.frame.commands[i];
        if (!tn_stream_get_command(reader, command, scratch, &quotes_count)) return false;
    }
    if (reader->at != reader->size) {
        return refuse(reader, reader->at, "bytes behind the last command of the payload");
    }
    entry->as.frame.commands = scratch->as.frame.commands;
    entry->as.frame.commands_count = count;
    reader->size = end_of_entry;
    return true;
}

static bool get_marks(struct reader *reader, struct tn_entry *entry,
                      struct tn_stream_scratch *scratch)
{
    uint32_t count;
    if (!get_count(reader, &count, TN_MARKS_CODE_MAX, MARK_BYTES, "too many marks")) return false;
    memset(scratch->as.marks, 0, count * sizeof(scratch->as.marks[0]));
    for (uint32_t i = 0; i < count; i++) {
        struct tn_mark *mark = &scratch->as.marks[i];
        mark->series_id = get_u64(reader);
        mark->mark_micros = get_i64(reader);
        mark->forward_micros = get_i64(reader);
        mark->delta_ppb = get_i32(reader);
        mark->vega_micros = get_i64(reader);
        mark->vol_ppm = get_i32(reader);
    }
    entry->as.marks.marks = scratch->as.marks;
    entry->as.marks.marks_count = count;
    return true;
}

static bool get_contract(struct reader *reader, struct tn_contract *contract)
{
    if (!need(reader, CONTRACT_BYTES)) return false;
    contract->tick_micros = get_i64(reader);
    contract->lot_micro_units = get_i64(reader);
    contract->multiplier = get_i64(reader);
    contract->price_max = get_i64(reader);
    contract->quantity_max = get_i64(reader);
    size_t at = reader->at;
    uint32_t count = get_u8(reader);
    if (count > TN_TICK_STEPS_MAX) return refuse(reader, at, "more than 6 tick steps");
    if (!need(reader, (size_t)count * TICK_STEP_BYTES)) return false;
    contract->schedule.steps_count = count;
    for (uint32_t i = 0; i < count; i++) {
        contract->schedule.steps[i].from_ticks = get_i64(reader);
        contract->schedule.steps[i].step_ticks = get_i64(reader);
    }
    return true;
}

static void get_fees(struct reader *reader, struct tn_fees *fees)
{
    fees->maker_ppm = get_i32(reader);
    fees->taker_ppm = get_i32(reader);
    fees->premium_cap_ppm = get_i32(reader);
}

/* The only kind with lists in its middle. */
static bool get_underlying(struct reader *reader, struct tn_underlying *underlying)
{
    get_bytes(reader, underlying->symbol, TN_SYMBOL_SIZE);
    if (!get_contract(reader, &underlying->option)) return false;
    if (!get_contract(reader, &underlying->linear)) return false;
    if (!need(reader, UNDERLYING_TAIL_BYTES)) return false;
    get_fees(reader, &underlying->option_fees);
    get_fees(reader, &underlying->linear_fees);
    underlying->listing.dailies = get_u8(reader);
    underlying->listing.weeklies = get_u8(reader);
    underlying->listing.monthlies = get_u8(reader);
    underlying->listing.quarterlies = get_u8(reader);
    underlying->listing.delta_low_ppb = get_u32(reader);
    underlying->listing.delta_high_ppb = get_u32(reader);
    underlying->listing.strike_step_ppm = get_u32(reader);
    underlying->fifo_ppm = get_u32(reader);
    underlying->closing_ms = get_i64(reader);
    underlying->block_minimum_micros = get_i64(reader);
    return true;
}

static bool get_listing(struct reader *reader, struct tn_entry *entry,
                        struct tn_stream_scratch *scratch)
{
    uint32_t count;
    entry->as.listing.underlying = get_u16(reader);
    entry->as.listing.expiry_day = get_u16(reader);
    entry->as.listing.forward_micros = get_i64(reader);
    if (!get_count(reader, &count, TN_STRIKES_CODE_MAX, STRIKE_BYTES, "too many strikes")) {
        return false;
    }
    memset(scratch->as.strikes, 0, count * sizeof(scratch->as.strikes[0]));
    for (uint32_t i = 0; i < count; i++) {
        scratch->as.strikes[i].strike = get_u64(reader);
        scratch->as.strikes[i].delta_ppb = get_u32(reader);
    }
    entry->as.listing.strikes = scratch->as.strikes;
    entry->as.listing.strikes_count = count;
    return true;
}

static bool get_report(struct reader *reader, struct tn_report *report)
{
    report->signer = get_u16(reader);
    report->underlying = get_u16(reader);
    report->expiry_day = get_u16(reader);
    report->feed = get_u8(reader);
    report->confidence_ppm = get_i32(reader);
    report->sequence = get_u64(reader);
    report->time_ms = get_i64(reader);
    report->value = get_i64(reader);
    if (report->feed != TN_FEED_VOL) return true;
    if (!need(reader, SURFACE_BYTES)) return false;
    report->surface.a_e12 = get_i64(reader);
    report->surface.b_e12 = get_i64(reader);
    report->surface.rho_e12 = get_i64(reader);
    report->surface.m_e12 = get_i64(reader);
    report->surface.sigma_e12 = get_i64(reader);
    report->surface.forward_micros = get_i64(reader);
    report->surface.tau_ms = get_i64(reader);
    return true;
}

static bool get_risk(struct reader *reader, struct tn_entry *entry,
                     struct tn_stream_scratch *scratch)
{
    struct tn_risk *risk = &scratch->as.risk.risk;
    struct tn_scenario *scenarios = scratch->as.risk.scenarios;
    uint32_t fields, count;
    entry->as.risk.height = get_u64(reader);
    size_t at = reader->at;
    fields = get_u16(reader);
    if (fields < TN_RISK_FIELDS_FIRST || fields > TN_RISK_FIELDS_COUNT) {
        return refuse(reader, at, "another number of risk parameters than this version has");
    }
    if (!need(reader, fields * sizeof(int64_t) + sizeof(uint16_t))) return false;
    tn_risk_default(risk, NULL, NULL);
    for (uint32_t i = 0; i < fields; i++)
        *tn_risk_field(risk, i) = get_i64(reader);
    if (tn_risk_fields_written(risk) != fields) {
        return refuse(reader, at, "a later risk parameter is written at its default");
    }
    if (!get_count(reader, &count, TN_SCENARIO_CODE_MAX, SCENARIO_BYTES, "too many scenarios")) {
        return false;
    }
    memset(scenarios, 0, count * sizeof(scenarios[0]));
    for (uint32_t i = 0; i < count; i++) {
        scenarios[i].move_ppm = get_i32(reader);
        scenarios[i].damping_q30 = get_i32(reader);
        scenarios[i].vol = get_u8(reader);
        scenarios[i].kind = get_u8(reader);
    }
    entry->as.risk.risk = risk;
    entry->as.risk.scenarios = scenarios;
    entry->as.risk.scenarios_count = count;
    return true;
}

/* What a kind always has is there. */
static bool get_body(struct reader *reader, struct tn_entry *entry,
                     struct tn_stream_scratch *scratch)
{
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: return get_frame(reader, entry, scratch);
        case TN_ENTRY_BLOCK:
            entry->as.block.height = get_u64(reader);
            entry->as.block.time_ms = get_i64(reader);
            return true;
        case TN_ENTRY_SWEEP: entry->as.sweep.units = get_u32(reader); return true;
        case TN_ENTRY_MARKS: return get_marks(reader, entry, scratch);
        case TN_ENTRY_INDEX:
            entry->as.index.underlying = get_u16(reader);
            entry->as.index.price_micros = get_i64(reader);
            return true;
        case TN_ENTRY_ACCOUNT:
            get_bytes(reader, entry->as.account.owner, TN_OWNER_SIZE);
            entry->as.account.model = get_u8(reader);
            return true;
        case TN_ENTRY_DEPOSIT:
            entry->as.deposit.account = get_u32(reader);
            entry->as.deposit.asset = get_u32(reader);
            entry->as.deposit.amount = get_i64(reader);
            return true;
        case TN_ENTRY_UNDERLYING: return get_underlying(reader, &entry->as.underlying);
        case TN_ENTRY_FEES:
            entry->as.fees.underlying = get_u16(reader);
            get_fees(reader, &entry->as.fees.option_fees);
            get_fees(reader, &entry->as.fees.linear_fees);
            return true;
        case TN_ENTRY_LIST: entry->as.list.series_id = get_u64(reader); return true;
        case TN_ENTRY_LISTING: return get_listing(reader, entry, scratch);
        case TN_ENTRY_STATUS:
            entry->as.status.series_id = get_u64(reader);
            entry->as.status.status = get_u8(reader);
            return true;
        case TN_ENTRY_UNCROSS: entry->as.uncross.series_id = get_u64(reader); return true;
        case TN_ENTRY_FUNDING:
            entry->as.funding.series_id = get_u64(reader);
            entry->as.funding.index_delta = get_i64(reader);
            return true;
        case TN_ENTRY_SETTLE:
            entry->as.settle.underlying = get_u16(reader);
            entry->as.settle.expiry_day = get_u16(reader);
            entry->as.settle.price_micros = get_i64(reader);
            return true;
        case TN_ENTRY_ASSET:
            entry->as.asset.haircut_ppm = get_u32(reader);
            entry->as.asset.im_haircut_ppm = get_u32(reader);
            entry->as.asset.underlying = get_u16(reader);
            return true;
        case TN_ENTRY_FEEDER:
            entry->as.feeder.signer = get_u16(reader);
            entry->as.feeder.active = get_u8(reader);
            return true;
        case TN_ENTRY_REPORT: return get_report(reader, &entry->as.report);
        case TN_ENTRY_RISK: return get_risk(reader, entry, scratch);
        case TN_ENTRY_LIQ: entry->as.liq.units = get_u32(reader); return true;
        case TN_ENTRY_INSURE: entry->as.insure.amount = get_i64(reader); return true;
    }
    TN_ASSERT(false); /* it has a size */
}

bool tn_stream_read_entry(struct tn_entry *entry, size_t *used, struct tn_stream_fault *fault,
                          struct tn_stream_scratch *scratch, const uint8_t *bytes, size_t size)
{
    /* Past the most an entry may have, whatever follows is not its. */
    if (size > TN_ENTRY_BYTES_MAX) size = TN_ENTRY_BYTES_MAX;
    struct reader reader = {.bytes = bytes, .size = size, .fault = fault};
    if (!need(&reader, ENTRY_HEAD_BYTES)) return false;
    if (get_u8(&reader) != TN_ENTRY_VERSION)
        return refuse(&reader, 0, "no such version of entries");
    memset(entry, 0, sizeof(*entry));
    entry->kind = get_u8(&reader);
    uint32_t fixed = entry_fixed_bytes(entry->kind);
    if (fixed == 0) return refuse(&reader, 1, "no such kind of entry");
    if (!need(&reader, fixed) || !get_body(&reader, entry, scratch)) return false;
    TN_ASSERT(reader.at >= ENTRY_HEAD_BYTES + fixed);
    *used = reader.at;
    return true;
}
