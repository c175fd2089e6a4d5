/* Entries for the tests of the codec: every field that a kind reads gets a number, all others stay
 * zero, so that two entries can be compared as bytes. The numbers are random, many of them at the
 * ends of their types; or, for the vectors, they count: the n-th number of an entry is n, and -n
 * where it is signed. */
#ifndef TENOR_TEST_ENTRY_MAKER_H
#define TENOR_TEST_ENTRY_MAKER_H

#include "tenor/stream.h"

#include <string.h>

enum { MADE_COMMANDS_MAX = 12, MADE_QUOTES_MAX = 40, MADE_LIST_MAX = 40 };

struct maker {
    uint64_t random;
    bool counts;      /* the vectors' numbers */
    uint64_t numbers; /* given so far in this entry */
    struct tn_entry entry;
    struct tn_command commands[MADE_COMMANDS_MAX];
    struct tn_quote quotes[MADE_COMMANDS_MAX][MADE_QUOTES_MAX];
    struct tn_mark marks[MADE_LIST_MAX];
    struct tn_listing_strike strikes[MADE_LIST_MAX];
    struct tn_risk risk;
    struct tn_scenario scenarios[MADE_LIST_MAX];
};

static inline uint64_t maker_draw(struct maker *maker, bool is_unsigned)
{
    static const uint64_t ODD[] = {0, 1, 0x80, UINT64_MAX, UINT64_C(1) << 63, INT64_MAX};
    maker->numbers++;
    if (maker->counts) return is_unsigned ? maker->numbers : 0 - maker->numbers;
    uint64_t which = tn_random_below(&maker->random, 12);
    return which < 6 ? ODD[which] : tn_random_next(&maker->random);
}

static inline uint32_t maker_count(struct maker *maker, uint32_t count_max)
{
    return maker->counts ? 2 : (uint32_t)tn_random_below(&maker->random, count_max + 1);
}

#define NUMBER(field) (field) = (__typeof__(field))maker_draw(maker, (__typeof__(field))-1 > 0)

/* A string of bytes is one number, and the bytes count on from it. */
static inline void make_bytes(struct maker *maker, void *bytes, size_t size)
{
    uint8_t letter;
    NUMBER(letter);
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(letter + i);
}

static inline void make_terms(struct maker *maker, struct tn_order_terms *terms)
{
    NUMBER(terms->series_id);
    NUMBER(terms->price);
    NUMBER(terms->quantity);
    NUMBER(terms->display);
    NUMBER(terms->trigger);
    NUMBER(terms->until);
    NUMBER(terms->fee_max_ppm);
    NUMBER(terms->label);
    NUMBER(terms->side);
    NUMBER(terms->type);
    NUMBER(terms->tif);
    NUMBER(terms->post);
    NUMBER(terms->reduce_only);
    NUMBER(terms->stp);
}

static inline void make_ref(struct maker *maker, struct tn_order_ref *ref)
{
    NUMBER(ref->order_id);
    NUMBER(ref->client_id);
}

static inline void make_mass_cancel(struct maker *maker, struct tn_mass_cancel *cancel)
{
    NUMBER(cancel->series_id);
    NUMBER(cancel->label);
    NUMBER(cancel->underlying);
    NUMBER(cancel->expiry_day);
    NUMBER(cancel->side);
    NUMBER(cancel->by);
}

static inline void make_mass_quote(struct maker *maker, struct tn_mass_quote *asked,
                                   struct tn_quote *quotes)
{
    NUMBER(asked->fee_max_ppm);
    NUMBER(asked->label);
    NUMBER(asked->group);
    NUMBER(asked->post_only);
    NUMBER(asked->stp);
    asked->quotes = quotes;
    asked->quotes_count = maker_count(maker, MADE_QUOTES_MAX);
    for (uint32_t i = 0; i < asked->quotes_count; i++) {
        NUMBER(quotes[i].series_id);
        NUMBER(quotes[i].bid_price);
        NUMBER(quotes[i].ask_price);
        NUMBER(quotes[i].bid_quantity);
        NUMBER(quotes[i].ask_quantity);
    }
}

static inline void make_mmp_set(struct maker *maker, struct tn_mmp_set *set)
{
    NUMBER(set->interval_ms);
    NUMBER(set->freeze_ms);
    NUMBER(set->quantity_limit);
    NUMBER(set->delta_limit);
    NUMBER(set->vega_limit_micros);
    NUMBER(set->trades_limit);
    NUMBER(set->group);
}

static inline void make_package(struct maker *maker, struct tn_package *package)
{
    NUMBER(package->units);
    NUMBER(package->limit_micros);
    NUMBER(package->fee_max_ppm);
    NUMBER(package->tif);
    package->legs_count = maker_count(maker, TN_PACKAGE_LEGS_MAX);
    for (uint32_t i = 0; i < package->legs_count; i++) {
        NUMBER(package->legs[i].series_id);
        NUMBER(package->legs[i].quantity);
        NUMBER(package->legs[i].side);
    }
}

static inline void make_block_trade(struct maker *maker, struct tn_block_trade *block)
{
    NUMBER(block->counterparty);
    NUMBER(block->counterparty_nonce);
    NUMBER(block->expires_ms);
    NUMBER(block->fee_max_ppm);
    block->legs_count = maker_count(maker, TN_PACKAGE_LEGS_MAX);
    for (uint32_t i = 0; i < block->legs_count; i++) {
        NUMBER(block->legs[i].series_id);
        NUMBER(block->legs[i].price);
        NUMBER(block->legs[i].quantity);
        NUMBER(block->legs[i].side);
    }
}

static inline void make_command(struct maker *maker, uint32_t index, uint8_t kind)
{
    struct tn_command *command = &maker->commands[index];
    memset(command, 0, sizeof(*command));
    NUMBER(command->client_id);
    command->kind = kind;
    switch ((enum tn_command_kind)kind) {
        case TN_COMMAND_PLACE: make_terms(maker, &command->as.terms[0]); return;
        case TN_COMMAND_PLACE_OCO:
            make_terms(maker, &command->as.terms[0]);
            make_terms(maker, &command->as.terms[1]);
            return;
        case TN_COMMAND_REPLACE:
            make_ref(maker, &command->as.replace.ref);
            NUMBER(command->as.replace.price);
            NUMBER(command->as.replace.quantity);
            return;
        case TN_COMMAND_CANCEL: make_ref(maker, &command->as.cancel); return;
        case TN_COMMAND_MASS_CANCEL: make_mass_cancel(maker, &command->as.mass_cancel); return;
        case TN_COMMAND_MASS_QUOTE:
            make_mass_quote(maker, &command->as.mass_quote, maker->quotes[index]);
            return;
        case TN_COMMAND_MMP_SET: make_mmp_set(maker, &command->as.mmp_set); return;
        case TN_COMMAND_MMP_RESET:
        case TN_COMMAND_MMP_CANCEL: NUMBER(command->as.mmp_group); return;
        case TN_COMMAND_PACKAGE: make_package(maker, &command->as.package); return;
        case TN_COMMAND_BLOCK_TRADE: make_block_trade(maker, &command->as.block_trade); return;
        case TN_COMMAND_TRANSFER:
            NUMBER(command->as.money.to_account);
            NUMBER(command->as.money.asset);
            NUMBER(command->as.money.amount);
            return;
        case TN_COMMAND_WITHDRAW:
            NUMBER(command->as.money.asset);
            NUMBER(command->as.money.amount);
            return;
        case TN_COMMAND_MODEL: NUMBER(command->as.model); return;
        case TN_COMMAND_BID:
            NUMBER(command->as.bid.account);
            NUMBER(command->as.bid.state);
            NUMBER(command->as.bid.share_ppb);
            NUMBER(command->as.bid.price_most);
            return;
        case TN_COMMAND_REMIT:
            NUMBER(command->as.remit.to_market);
            NUMBER(command->as.remit.to_account);
            NUMBER(command->as.remit.amount);
            return;
    }
}

static inline struct tn_entry *maker_begin(struct maker *maker, uint8_t kind)
{
    memset(&maker->entry, 0, sizeof(maker->entry));
    maker->entry.kind = kind;
    maker->numbers = 0;
    return &maker->entry;
}

/* A frame with room for commands; make_command fills in those from 0 to count - 1. */
static inline struct tn_entry *make_frame(struct maker *maker, uint32_t count)
{
    struct tn_entry *entry = maker_begin(maker, TN_ENTRY_FRAME);
    NUMBER(entry->as.frame.account);
    NUMBER(entry->as.frame.nonce);
    NUMBER(entry->as.frame.valid_until_block);
    entry->as.frame.commands = maker->commands;
    entry->as.frame.commands_count = count;
    return entry;
}

static inline void make_random_frame(struct maker *maker)
{
    uint32_t count = (uint32_t)tn_random_below(&maker->random, MADE_COMMANDS_MAX + 1);
    make_frame(maker, count);
    for (uint32_t i = 0; i < count; i++)
        make_command(maker, i, (uint8_t)(1 + tn_random_below(&maker->random, TN_COMMAND_REMIT)));
}

static inline void make_marks(struct maker *maker, struct tn_entry *entry)
{
    uint32_t count = maker_count(maker, MADE_LIST_MAX);
    memset(maker->marks, 0, sizeof(maker->marks));
    for (uint32_t i = 0; i < count; i++) {
        struct tn_mark *mark = &maker->marks[i];
        NUMBER(mark->series_id);
        NUMBER(mark->mark_micros);
        NUMBER(mark->forward_micros);
        NUMBER(mark->delta_ppb);
        NUMBER(mark->vega_micros);
        NUMBER(mark->vol_ppm);
    }
    entry->as.marks.marks = maker->marks;
    entry->as.marks.marks_count = count;
}

static inline void make_contract(struct maker *maker, struct tn_contract *contract)
{
    NUMBER(contract->tick_micros);
    NUMBER(contract->lot_micro_units);
    NUMBER(contract->multiplier);
    NUMBER(contract->price_max);
    NUMBER(contract->quantity_max);
    contract->schedule.steps_count = maker_count(maker, TN_TICK_STEPS_MAX);
    for (uint32_t i = 0; i < contract->schedule.steps_count; i++) {
        NUMBER(contract->schedule.steps[i].from_ticks);
        NUMBER(contract->schedule.steps[i].step_ticks);
    }
}

static inline void make_fees(struct maker *maker, struct tn_fees *fees)
{
    NUMBER(fees->maker_ppm);
    NUMBER(fees->taker_ppm);
    NUMBER(fees->premium_cap_ppm);
}

static inline void make_underlying(struct maker *maker, struct tn_underlying *underlying)
{
    make_bytes(maker, underlying->symbol, TN_SYMBOL_SIZE);
    make_contract(maker, &underlying->option);
    make_contract(maker, &underlying->linear);
    make_fees(maker, &underlying->option_fees);
    make_fees(maker, &underlying->linear_fees);
    NUMBER(underlying->listing.dailies);
    NUMBER(underlying->listing.weeklies);
    NUMBER(underlying->listing.monthlies);
    NUMBER(underlying->listing.quarterlies);
    NUMBER(underlying->listing.delta_low_ppb);
    NUMBER(underlying->listing.delta_high_ppb);
    NUMBER(underlying->listing.strike_step_ppm);
    NUMBER(underlying->fifo_ppm);
    NUMBER(underlying->closing_ms);
    NUMBER(underlying->block_minimum_micros);
}

static inline void make_listing(struct maker *maker, struct tn_entry *entry)
{
    NUMBER(entry->as.listing.underlying);
    NUMBER(entry->as.listing.expiry_day);
    NUMBER(entry->as.listing.forward_micros);
    uint32_t count = maker_count(maker, MADE_LIST_MAX);
    memset(maker->strikes, 0, sizeof(maker->strikes));
    for (uint32_t i = 0; i < count; i++) {
        NUMBER(maker->strikes[i].strike);
        NUMBER(maker->strikes[i].delta_ppb);
    }
    entry->as.listing.strikes = maker->strikes;
    entry->as.listing.strikes_count = count;
}

/* Every other random report has a surface. */
static inline void make_report(struct maker *maker, struct tn_report *report, bool has_surface)
{
    NUMBER(report->signer);
    NUMBER(report->underlying);
    NUMBER(report->expiry_day);
    NUMBER(report->feed);
    if (has_surface != (report->feed == TN_FEED_VOL)) report->feed = has_surface ? TN_FEED_VOL : 4;
    NUMBER(report->confidence_ppm);
    NUMBER(report->sequence);
    NUMBER(report->time_ms);
    NUMBER(report->value);
    if (!has_surface) return;
    NUMBER(report->surface.a_e12);
    NUMBER(report->surface.b_e12);
    NUMBER(report->surface.rho_e12);
    NUMBER(report->surface.m_e12);
    NUMBER(report->surface.sigma_e12);
    NUMBER(report->surface.forward_micros);
    NUMBER(report->surface.tau_ms);
}

static inline void make_risk(struct maker *maker, struct tn_entry *entry)
{
    NUMBER(entry->as.risk.height);
    for (uint32_t i = 0; i < TN_RISK_FIELDS_COUNT; i++)
        NUMBER(*tn_risk_field(&maker->risk, i));
    uint32_t count = maker_count(maker, MADE_LIST_MAX);
    memset(maker->scenarios, 0, sizeof(maker->scenarios));
    for (uint32_t i = 0; i < count; i++) {
        NUMBER(maker->scenarios[i].move_ppm);
        NUMBER(maker->scenarios[i].damping_q30);
        NUMBER(maker->scenarios[i].vol);
        NUMBER(maker->scenarios[i].kind);
    }
    entry->as.risk.risk = &maker->risk;
    entry->as.risk.scenarios = maker->scenarios;
    entry->as.risk.scenarios_count = count;
}

/* An entry of this kind; frames get random commands. */
static inline struct tn_entry *make_entry(struct maker *maker, uint8_t kind)
{
    struct tn_entry *entry = maker_begin(maker, kind);
    switch ((enum tn_entry_kind)kind) {
        case TN_ENTRY_FRAME: make_random_frame(maker); break;
        case TN_ENTRY_BLOCK:
            NUMBER(entry->as.block.height);
            NUMBER(entry->as.block.time_ms);
            break;
        case TN_ENTRY_SWEEP: NUMBER(entry->as.sweep.units); break;
        case TN_ENTRY_MARKS: make_marks(maker, entry); break;
        case TN_ENTRY_INDEX:
            NUMBER(entry->as.index.underlying);
            NUMBER(entry->as.index.price_micros);
            break;
        case TN_ENTRY_ACCOUNT:
            make_bytes(maker, entry->as.account.owner, TN_OWNER_SIZE);
            NUMBER(entry->as.account.model);
            break;
        case TN_ENTRY_DEPOSIT:
            NUMBER(entry->as.deposit.account);
            NUMBER(entry->as.deposit.asset);
            NUMBER(entry->as.deposit.amount);
            break;
        case TN_ENTRY_UNDERLYING: make_underlying(maker, &entry->as.underlying); break;
        case TN_ENTRY_FEES:
            NUMBER(entry->as.fees.underlying);
            make_fees(maker, &entry->as.fees.option_fees);
            make_fees(maker, &entry->as.fees.linear_fees);
            break;
        case TN_ENTRY_LIST: NUMBER(entry->as.list.series_id); break;
        case TN_ENTRY_LISTING: make_listing(maker, entry); break;
        case TN_ENTRY_STATUS:
            NUMBER(entry->as.status.series_id);
            NUMBER(entry->as.status.status);
            break;
        case TN_ENTRY_UNCROSS: NUMBER(entry->as.uncross.series_id); break;
        case TN_ENTRY_FUNDING:
            NUMBER(entry->as.funding.series_id);
            NUMBER(entry->as.funding.index_delta);
            break;
        case TN_ENTRY_SETTLE:
            NUMBER(entry->as.settle.underlying);
            NUMBER(entry->as.settle.expiry_day);
            NUMBER(entry->as.settle.price_micros);
            break;
        case TN_ENTRY_ASSET:
            NUMBER(entry->as.asset.haircut_ppm);
            NUMBER(entry->as.asset.im_haircut_ppm);
            NUMBER(entry->as.asset.underlying);
            break;
        case TN_ENTRY_FEEDER:
            NUMBER(entry->as.feeder.signer);
            NUMBER(entry->as.feeder.active);
            break;
        case TN_ENTRY_REPORT: {
            bool has_surface = !maker->counts && tn_random_below(&maker->random, 2) == 0;
            make_report(maker, &entry->as.report, has_surface);
            break;
        }
        case TN_ENTRY_RISK: make_risk(maker, entry); break;
        case TN_ENTRY_LIQ: NUMBER(entry->as.liq.units); break;
        case TN_ENTRY_INSURE: NUMBER(entry->as.insure.amount); break;
    }
    return entry;
}

#endif
