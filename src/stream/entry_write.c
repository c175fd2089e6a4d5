/* Entries as bytes (stream.md §1): version, kind, and what the kind reads, with what repeats at the
 * end behind its count. entry_read.c is the same in the other direction, kind by kind.
 *
 * The bytes are counted first, so that nothing is written where it does not fit, and what was
 * written is held against that count: a field that one of the two forgets cannot pass. */
#include "stream/internal.h"

/* ---- How many bytes ---- */

/* `count` things of `each` bytes; false when there are more than the cap, or none where some should
 * be. */
static bool listed_bytes(size_t *bytes, const void *things, uint32_t count, uint32_t count_max,
                         uint32_t each)
{
    *bytes = (size_t)count * each;
    return count <= count_max && (count == 0 || things != NULL);
}

static bool commands_bytes(size_t *bytes, const struct tn_entry *entry)
{
    uint32_t count = entry->as.frame.commands_count;
    *bytes = 0;
    if (count > TN_COMMANDS_CODE_MAX || (count > 0 && entry->as.frame.commands == NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t one = tn_stream_command_bytes(&entry->as.frame.commands[i]);
        if (one == 0) return false;
        *bytes += one;
    }
    return true;
}

static bool steps_bytes(size_t *bytes, const struct tn_underlying *underlying)
{
    uint32_t option = underlying->option.schedule.steps_count;
    uint32_t linear = underlying->linear.schedule.steps_count;
    if (option > TN_TICK_STEPS_MAX || linear > TN_TICK_STEPS_MAX) return false;
    *bytes = (size_t)(option + linear) * TICK_STEP_BYTES;
    return true;
}

/* What comes on top of what the kind always has. */
static bool repeated_bytes(size_t *bytes, const struct tn_entry *entry)
{
    *bytes = 0;
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: return commands_bytes(bytes, entry);
        case TN_ENTRY_MARKS:
            return listed_bytes(bytes, entry->as.marks.marks, entry->as.marks.marks_count,
                                TN_MARKS_CODE_MAX, MARK_BYTES);
        case TN_ENTRY_UNDERLYING: return steps_bytes(bytes, &entry->as.underlying);
        case TN_ENTRY_LISTING:
            return listed_bytes(bytes, entry->as.listing.strikes, entry->as.listing.strikes_count,
                                TN_STRIKES_CODE_MAX, STRIKE_BYTES);
        case TN_ENTRY_REPORT:
            *bytes = entry->as.report.feed == TN_FEED_VOL ? SURFACE_BYTES : 0;
            return true;
        case TN_ENTRY_RISK:
            if (entry->as.risk.risk == NULL ||
                !listed_bytes(bytes, entry->as.risk.scenarios, entry->as.risk.scenarios_count,
                              TN_SCENARIO_CODE_MAX, SCENARIO_BYTES)) {
                return false;
            }
            *bytes += sizeof(int64_t) *
                      (tn_risk_fields_written(entry->as.risk.risk) - TN_RISK_FIELDS_FIRST);
            return true;
        case TN_ENTRY_BLOCK:
        case TN_ENTRY_SWEEP:
        case TN_ENTRY_INDEX:
        case TN_ENTRY_ACCOUNT:
        case TN_ENTRY_DEPOSIT:
        case TN_ENTRY_FEES:
        case TN_ENTRY_LIST:
        case TN_ENTRY_STATUS:
        case TN_ENTRY_UNCROSS:
        case TN_ENTRY_FUNDING:
        case TN_ENTRY_SETTLE:
        case TN_ENTRY_ASSET:
        case TN_ENTRY_FEEDER:
        case TN_ENTRY_LIQ:
        case TN_ENTRY_INSURE: return true;
    }
    return false;
}

/* ---- Bodies ---- */

static void put_frame(struct writer *writer, const struct tn_entry *entry, size_t commands_bytes)
{
    put_u32(writer, (uint32_t)(FRAME_PAYLOAD_BYTES + commands_bytes));
    put_u32(writer, entry->as.frame.account);
    put_u64(writer, entry->as.frame.nonce);
    put_u64(writer, entry->as.frame.valid_until_block);
    put_u16(writer, (uint16_t)entry->as.frame.commands_count);
    for (uint32_t i = 0; i < entry->as.frame.commands_count; i++)
        tn_stream_put_command(writer, &entry->as.frame.commands[i]);
}

static void put_marks(struct writer *writer, const struct tn_entry *entry)
{
    put_u16(writer, (uint16_t)entry->as.marks.marks_count);
    for (uint32_t i = 0; i < entry->as.marks.marks_count; i++) {
        const struct tn_mark *mark = &entry->as.marks.marks[i];
        put_u64(writer, mark->series_id);
        put_i64(writer, mark->mark_micros);
        put_i64(writer, mark->forward_micros);
        put_i32(writer, mark->delta_ppb);
        put_i64(writer, mark->vega_micros);
        put_i32(writer, mark->vol_ppm);
    }
}

static void put_contract(struct writer *writer, const struct tn_contract *contract)
{
    put_i64(writer, contract->tick_micros);
    put_i64(writer, contract->lot_micro_units);
    put_i64(writer, contract->multiplier);
    put_i64(writer, contract->price_max);
    put_i64(writer, contract->quantity_max);
    put_u8(writer, (uint8_t)contract->schedule.steps_count);
    for (uint32_t i = 0; i < contract->schedule.steps_count; i++) {
        put_i64(writer, contract->schedule.steps[i].from_ticks);
        put_i64(writer, contract->schedule.steps[i].step_ticks);
    }
}

static void put_fees(struct writer *writer, const struct tn_fees *fees)
{
    put_i32(writer, fees->maker_ppm);
    put_i32(writer, fees->taker_ppm);
    put_i32(writer, fees->premium_cap_ppm);
}

static void put_underlying(struct writer *writer, const struct tn_underlying *underlying)
{
    put_bytes(writer, underlying->symbol, TN_SYMBOL_SIZE);
    put_contract(writer, &underlying->option);
    put_contract(writer, &underlying->linear);
    put_fees(writer, &underlying->option_fees);
    put_fees(writer, &underlying->linear_fees);
    put_u8(writer, underlying->listing.dailies);
    put_u8(writer, underlying->listing.weeklies);
    put_u8(writer, underlying->listing.monthlies);
    put_u8(writer, underlying->listing.quarterlies);
    put_u32(writer, underlying->listing.delta_low_ppb);
    put_u32(writer, underlying->listing.delta_high_ppb);
    put_u32(writer, underlying->listing.strike_step_ppm);
    put_u32(writer, underlying->fifo_ppm);
    put_i64(writer, underlying->closing_ms);
    put_i64(writer, underlying->block_minimum_micros);
}

static void put_listing(struct writer *writer, const struct tn_entry *entry)
{
    put_u16(writer, entry->as.listing.underlying);
    put_u16(writer, entry->as.listing.expiry_day);
    put_i64(writer, entry->as.listing.forward_micros);
    put_u16(writer, (uint16_t)entry->as.listing.strikes_count);
    for (uint32_t i = 0; i < entry->as.listing.strikes_count; i++) {
        put_u64(writer, entry->as.listing.strikes[i].strike);
        put_u32(writer, entry->as.listing.strikes[i].delta_ppb);
    }
}

static void put_report(struct writer *writer, const struct tn_report *report)
{
    put_u16(writer, report->signer);
    put_u16(writer, report->underlying);
    put_u16(writer, report->expiry_day);
    put_u8(writer, report->feed);
    put_i32(writer, report->confidence_ppm);
    put_u64(writer, report->sequence);
    put_i64(writer, report->time_ms);
    put_i64(writer, report->value);
    if (report->feed != TN_FEED_VOL) return;
    put_i64(writer, report->surface.a_e12);
    put_i64(writer, report->surface.b_e12);
    put_i64(writer, report->surface.rho_e12);
    put_i64(writer, report->surface.m_e12);
    put_i64(writer, report->surface.sigma_e12);
    put_i64(writer, report->surface.forward_micros);
    put_i64(writer, report->surface.tau_ms);
}

static void put_risk(struct writer *writer, const struct tn_entry *entry)
{
    struct tn_risk risk = *entry->as.risk.risk;
    uint32_t fields = tn_risk_fields_written(&risk);
    put_u64(writer, entry->as.risk.height);
    put_u16(writer, (uint16_t)fields);
    for (uint32_t i = 0; i < fields; i++)
        put_i64(writer, *tn_risk_field(&risk, i));
    put_u16(writer, (uint16_t)entry->as.risk.scenarios_count);
    for (uint32_t i = 0; i < entry->as.risk.scenarios_count; i++) {
        put_i32(writer, entry->as.risk.scenarios[i].move_ppm);
        put_i32(writer, entry->as.risk.scenarios[i].damping_q30);
        put_u8(writer, entry->as.risk.scenarios[i].vol);
        put_u8(writer, entry->as.risk.scenarios[i].kind);
    }
}

static void put_body(struct writer *writer, const struct tn_entry *entry, size_t repeated_bytes)
{
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: put_frame(writer, entry, repeated_bytes); return;
        case TN_ENTRY_BLOCK:
            put_u64(writer, entry->as.block.height);
            put_i64(writer, entry->as.block.time_ms);
            return;
        case TN_ENTRY_SWEEP: put_u32(writer, entry->as.sweep.units); return;
        case TN_ENTRY_MARKS: put_marks(writer, entry); return;
        case TN_ENTRY_INDEX:
            put_u16(writer, entry->as.index.underlying);
            put_i64(writer, entry->as.index.price_micros);
            return;
        case TN_ENTRY_ACCOUNT:
            put_bytes(writer, entry->as.account.owner, TN_OWNER_SIZE);
            put_u8(writer, entry->as.account.model);
            return;
        case TN_ENTRY_DEPOSIT:
            put_u32(writer, entry->as.deposit.account);
            put_u32(writer, entry->as.deposit.asset);
            put_i64(writer, entry->as.deposit.amount);
            return;
        case TN_ENTRY_UNDERLYING: put_underlying(writer, &entry->as.underlying); return;
        case TN_ENTRY_FEES:
            put_u16(writer, entry->as.fees.underlying);
            put_fees(writer, &entry->as.fees.option_fees);
            put_fees(writer, &entry->as.fees.linear_fees);
            return;
        case TN_ENTRY_LIST: put_u64(writer, entry->as.list.series_id); return;
        case TN_ENTRY_LISTING: put_listing(writer, entry); return;
        case TN_ENTRY_STATUS:
            put_u64(writer, entry->as.status.series_id);
            put_u8(writer, entry->as.status.status);
            return;
        case TN_ENTRY_UNCROSS: put_u64(writer, entry->as.uncross.series_id); return;
        case TN_ENTRY_FUNDING:
            put_u64(writer, entry->as.funding.series_id);
            put_i64(writer, entry->as.funding.index_delta);
            return;
        case TN_ENTRY_SETTLE:
            put_u16(writer, entry->as.settle.underlying);
            put_u16(writer, entry->as.settle.expiry_day);
            put_i64(writer, entry->as.settle.price_micros);
            return;
        case TN_ENTRY_ASSET:
            put_u32(writer, entry->as.asset.haircut_ppm);
            put_u32(writer, entry->as.asset.im_haircut_ppm);
            put_u16(writer, entry->as.asset.underlying);
            return;
        case TN_ENTRY_FEEDER:
            put_u16(writer, entry->as.feeder.signer);
            put_u8(writer, entry->as.feeder.active);
            return;
        case TN_ENTRY_REPORT: put_report(writer, &entry->as.report); return;
        case TN_ENTRY_RISK: put_risk(writer, entry); return;
        case TN_ENTRY_LIQ: put_u32(writer, entry->as.liq.units); return;
        case TN_ENTRY_INSURE: put_i64(writer, entry->as.insure.amount); return;
    }
    TN_ASSERT(false); /* its size was asked for before */
}

size_t tn_stream_write_entry(uint8_t *out, size_t out_size, const struct tn_entry *entry)
{
    size_t fixed = entry_fixed_bytes(entry->kind), repeated;
    if (fixed == 0 || !repeated_bytes(&repeated, entry)) return 0;
    size_t bytes = ENTRY_HEAD_BYTES + fixed + repeated;
    if (bytes > TN_ENTRY_BYTES_MAX) return 0;
    if (bytes > out_size) return bytes;
    struct writer writer = {.at = out};
    put_u8(&writer, TN_ENTRY_VERSION);
    put_u8(&writer, entry->kind);
    put_body(&writer, entry, repeated);
    TN_ASSERT(writer.at == out + bytes);
    return bytes;
}
