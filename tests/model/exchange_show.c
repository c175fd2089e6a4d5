/* Entries and events as a person reads them, for failing tests. */
#include "exchange_pair.h"

#include <inttypes.h>

static const char *const EVENTS[] = {"?",         "RESULT",   "ACCEPTED",  "TRADE",     "CANCELLED",
                                     "REDUCED",   "REPLACED", "REFRESHED", "TRIGGERED", "QUOTED",
                                     "PROTECTED", "STATUS",   "LISTED",    "SETTLED",   "FUNDED",
                                     "MONEY",     "OPENED",   "UNCROSSED"};
static const char *const REASONS[] = {"",           "REQUEST",    "MASS_CANCEL", "IMMEDIATE",
                                      "SELF_TRADE", "EXPIRED",    "OCO",         "REDUCE_ONLY",
                                      "PROTECTION", "FILL_LIMIT", "REQUOTED",    "SETTLEMENT",
                                      "TRIGGER",    "AUCTION"};

static void show_number(FILE *file, const char *name, int64_t value)
{
    if (value != 0) fprintf(file, " %s=%" PRId64, name, value);
}

void show_event(FILE *file, const struct tn_event *event)
{
    const char *kind = event->kind <= TN_EVENT_UNCROSSED ? EVENTS[event->kind] : "?";
    const char *reject = tn_reject_name((enum tn_reject)event->reject);
    fprintf(file, "%s account=%" PRId32, kind, (int32_t)event->account);
    if (event->reject != 0) fprintf(file, " %s", reject == NULL ? "?" : reject);
    if (event->reason != 0) {
        fprintf(file, " %s", event->reason <= TN_REASON_AUCTION ? REASONS[event->reason] : "?");
    }
    if (event->series_id != 0) fprintf(file, " series=%" PRIx64, event->series_id);
    show_number(file, "side", event->side);
    show_number(file, "order", (int64_t)event->order_id);
    show_number(file, "price", event->price);
    show_number(file, "quantity", event->quantity);
    show_number(file, "remaining", event->remaining);
    show_number(file, "other_remaining", event->other_remaining);
    show_number(file, "flags", event->flags);
    show_number(file, "duplicate", event->duplicate);
    show_number(file, "other_account", (int32_t)event->other_account);
    show_number(file, event->kind == TN_EVENT_TRADE ? "other_order" : "client_id",
                (int64_t)event->client_id);
    show_number(file, event->kind == TN_EVENT_TRADE ? "fee" : "money", event->money);
    if (event->kind == TN_EVENT_TRADE) {
        show_number(file, "other_fee", event->other_fee);
    } else {
        show_number(file, "index", event->index);
        show_number(file, "other_index", event->other_index);
    }
    fprintf(file, "\n");
}

static void show_terms(FILE *file, const struct tn_order_terms *terms)
{
    fprintf(file, " {series=%" PRIx64 " side=%u type=%u tif=%u price=%" PRId64 " quantity=%" PRId64,
            terms->series_id, terms->side, terms->type, terms->tif, terms->price, terms->quantity);
    show_number(file, "display", terms->display);
    show_number(file, "trigger", terms->trigger);
    show_number(file, "until", terms->until);
    show_number(file, "fee_max", terms->fee_max_ppm);
    show_number(file, "label", terms->label);
    show_number(file, "post", terms->post);
    show_number(file, "reduce_only", terms->reduce_only);
    show_number(file, "stp", terms->stp);
    fprintf(file, "}");
}

static void show_legs(FILE *file, const struct tn_leg *legs, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < TN_PACKAGE_LEGS_MAX; i++) {
        fprintf(file, " {series=%" PRIx64 " side=%u price=%" PRId64 " quantity=%" PRId64 "}",
                legs[i].series_id, legs[i].side, legs[i].price, legs[i].quantity);
    }
}

static void show_mass_quote(FILE *file, const struct tn_mass_quote *mass)
{
    fprintf(file, " MASS_QUOTE count=%u group=%u post_only=%u stp=%u label=%u fee_max=%d",
            mass->quotes_count, mass->group, mass->post_only, mass->stp, mass->label,
            mass->fee_max_ppm);
    for (uint32_t i = 0; i < mass->quotes_count && i < 8; i++) {
        const struct tn_quote *quote = &mass->quotes[i];
        fprintf(file,
                " {series=%" PRIx64 " bid=%" PRId64 "x%" PRId64 " ask=%" PRId64 "x%" PRId64 "}",
                quote->series_id, quote->bid_price, quote->bid_quantity, quote->ask_price,
                quote->ask_quantity);
    }
}

static void show_command(FILE *file, const struct tn_command *command)
{
    fprintf(file, "    client_id=%" PRIu64, command->client_id);
    switch ((enum tn_command_kind)command->kind) {
        case TN_COMMAND_PLACE:
            fprintf(file, " PLACE");
            show_terms(file, &command->as.terms[0]);
            break;
        case TN_COMMAND_PLACE_OCO:
            fprintf(file, " PLACE_OCO");
            show_terms(file, &command->as.terms[0]);
            show_terms(file, &command->as.terms[1]);
            break;
        case TN_COMMAND_REPLACE:
            fprintf(file,
                    " REPLACE order=%" PRIu64 " by_client=%" PRIu64 " price=%" PRId64
                    " quantity=%" PRId64,
                    command->as.replace.ref.order_id, command->as.replace.ref.client_id,
                    command->as.replace.price, command->as.replace.quantity);
            break;
        case TN_COMMAND_CANCEL:
            fprintf(file, " CANCEL order=%" PRIu64 " by_client=%" PRIu64,
                    command->as.cancel.order_id, command->as.cancel.client_id);
            break;
        case TN_COMMAND_MASS_CANCEL:
            fprintf(file,
                    " MASS_CANCEL by=%u series=%" PRIx64 " side=%u label=%u underlying=%u day=%u",
                    command->as.mass_cancel.by, command->as.mass_cancel.series_id,
                    command->as.mass_cancel.side, command->as.mass_cancel.label,
                    command->as.mass_cancel.underlying, command->as.mass_cancel.expiry_day);
            break;
        case TN_COMMAND_MASS_QUOTE: show_mass_quote(file, &command->as.mass_quote); break;
        case TN_COMMAND_MMP_SET:
            fprintf(file,
                    " MMP_SET group=%u interval=%" PRId64 " freeze=%" PRId64 " quantity=%" PRId64
                    " trades=%u",
                    command->as.mmp_set.group, command->as.mmp_set.interval_ms,
                    command->as.mmp_set.freeze_ms, command->as.mmp_set.quantity_limit,
                    command->as.mmp_set.trades_limit);
            break;
        case TN_COMMAND_MMP_RESET: fprintf(file, " MMP_RESET %u", command->as.mmp_group); break;
        case TN_COMMAND_MMP_CANCEL: fprintf(file, " MMP_CANCEL %u", command->as.mmp_group); break;
        case TN_COMMAND_PACKAGE:
            fprintf(file, " PACKAGE units=%" PRId64 " limit=%" PRId64 " tif=%u",
                    command->as.package.units, command->as.package.limit_micros,
                    command->as.package.tif);
            show_legs(file, command->as.package.legs, command->as.package.legs_count);
            break;
        case TN_COMMAND_BLOCK_TRADE:
            fprintf(file, " BLOCK_TRADE counterparty=%u nonce=%" PRIu64,
                    command->as.block_trade.counterparty,
                    command->as.block_trade.counterparty_nonce);
            show_legs(file, command->as.block_trade.legs, command->as.block_trade.legs_count);
            break;
        case TN_COMMAND_TRANSFER:
        case TN_COMMAND_WITHDRAW:
            fprintf(file, " %s to=%u asset=%u amount=%" PRId64,
                    command->kind == TN_COMMAND_TRANSFER ? "TRANSFER" : "WITHDRAW",
                    command->as.money.to_account, command->as.money.asset,
                    command->as.money.amount);
            break;
        case TN_COMMAND_MODEL: fprintf(file, " MODEL %u", command->as.model); break;
        case TN_COMMAND_BID: fprintf(file, " BID %u", command->as.bid.account); break;
        case TN_COMMAND_REMIT:
            fprintf(file, " REMIT market=%u to=%u amount=%" PRId64, command->as.remit.to_market,
                    command->as.remit.to_account, command->as.remit.amount);
            break;
    }
    fprintf(file, "\n");
}

static void show_frame(FILE *file, const struct tn_entry *entry)
{
    fprintf(file, "FRAME account=%u nonce=%" PRIu64 " valid_until=%" PRIu64 " commands=%u\n",
            entry->as.frame.account, entry->as.frame.nonce, entry->as.frame.valid_until_block,
            entry->as.frame.commands_count);
    for (uint32_t i = 0; i < entry->as.frame.commands_count && i < 16; i++) {
        show_command(file, &entry->as.frame.commands[i]);
    }
}

static void show_marks(FILE *file, const struct tn_entry *entry)
{
    fprintf(file, "MARKS %u", entry->as.marks.marks_count);
    for (uint32_t i = 0; i < entry->as.marks.marks_count && i < 20; i++) {
        const struct tn_mark *mark = &entry->as.marks.marks[i];
        fprintf(file,
                " {series=%" PRIx64 " mark=%" PRId64 " forward=%" PRId64 " delta=%d vega=%" PRId64
                " vol=%d}",
                mark->series_id, mark->mark_micros, mark->forward_micros, mark->delta_ppb,
                mark->vega_micros, mark->vol_ppm);
    }
    fprintf(file, "\n");
}

void show_entry(FILE *file, const struct tn_entry *entry)
{
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: show_frame(file, entry); return;
        case TN_ENTRY_MARKS: show_marks(file, entry); return;
        case TN_ENTRY_BLOCK:
            fprintf(file, "BLOCK height=%" PRIu64 " time=%" PRId64 "\n", entry->as.block.height,
                    entry->as.block.time_ms);
            return;
        case TN_ENTRY_SWEEP: fprintf(file, "SWEEP %u\n", entry->as.sweep.units); return;
        case TN_ENTRY_INDEX:
            fprintf(file, "INDEX %u %" PRId64 "\n", entry->as.index.underlying,
                    entry->as.index.price_micros);
            return;
        case TN_ENTRY_ACCOUNT: fprintf(file, "ACCOUNT %u\n", entry->as.account.owner[0]); return;
        case TN_ENTRY_DEPOSIT:
            fprintf(file, "DEPOSIT account=%u asset=%u %" PRId64 "\n", entry->as.deposit.account,
                    entry->as.deposit.asset, entry->as.deposit.amount);
            return;
        case TN_ENTRY_UNDERLYING: fprintf(file, "UNDERLYING\n"); return;
        case TN_ENTRY_FEES: fprintf(file, "FEES %u\n", entry->as.fees.underlying); return;
        case TN_ENTRY_LIST: fprintf(file, "LIST %" PRIx64 "\n", entry->as.list.series_id); return;
        case TN_ENTRY_LISTING:
            fprintf(file, "LISTING underlying=%u day=%u strikes=%u\n", entry->as.listing.underlying,
                    entry->as.listing.expiry_day, entry->as.listing.strikes_count);
            return;
        case TN_ENTRY_STATUS:
            fprintf(file, "STATUS %" PRIx64 " to %u\n", entry->as.status.series_id,
                    entry->as.status.status);
            return;
        case TN_ENTRY_UNCROSS:
            fprintf(file, "UNCROSS %" PRIx64 "\n", entry->as.uncross.series_id);
            return;
        case TN_ENTRY_FUNDING:
            fprintf(file, "FUNDING %" PRIx64 " %" PRId64 "\n", entry->as.funding.series_id,
                    entry->as.funding.index_delta);
            return;
        case TN_ENTRY_SETTLE:
            fprintf(file, "SETTLE underlying=%u day=%u %" PRId64 "\n", entry->as.settle.underlying,
                    entry->as.settle.expiry_day, entry->as.settle.price_micros);
            return;
        case TN_ENTRY_ASSET: fprintf(file, "ASSET %u\n", entry->as.asset.haircut_ppm); return;
        case TN_ENTRY_FEEDER:
        case TN_ENTRY_REPORT:
        case TN_ENTRY_RISK:
        case TN_ENTRY_LIQ:
        case TN_ENTRY_INSURE: fprintf(file, "risk entry %u\n", entry->kind); return;
    }
    fprintf(file, "entry of unknown kind %u\n", entry->kind);
}
