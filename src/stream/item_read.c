/* Bytes as items of a block (docs/specs/items.md): item_write.c in the other direction. What stands
 * in an item of somebody else's (an entry, a frame, evidence) is read by its own strict reader and
 * must fill its place, so what was read here is written again as the same bytes. */
#include "stream/item.h"

/* The signature stands at the end: the reader is narrowed to what is before it. */
static bool get_signature_first(struct reader *reader, uint8_t *signature, size_t signature_size)
{
    if (!need(reader, signature_size)) return false;
    reader->size -= signature_size;
    memcpy(signature, reader->bytes + reader->size, signature_size);
    return true;
}

static bool at_end(struct reader *reader)
{
    if (reader->at == reader->size) return true;
    return refuse(reader, reader->at, "bytes behind the end of an item");
}

/* An entry of version 1 that fills the rest. */
static bool get_entry(struct reader *reader, struct tn_entry *entry,
                      struct tn_stream_scratch *scratch)
{
    size_t begin = reader->at, used;
    if (!tn_stream_read_entry(entry, &used, reader->fault, scratch, reader->bytes + begin,
                              reader->size - begin)) {
        reader->fault->at += begin;
        return false;
    }
    reader->at += used;
    return at_end(reader);
}

static bool get_report(struct reader *reader, struct tn_block_item *item,
                       struct tn_stream_scratch *scratch)
{
    struct tn_entry entry;
    if (!get_signature_first(reader, item->as.report.signature.bytes, TN_SIGNATURE_SIZE)) {
        return false;
    }
    if (!need(reader, 4)) return false;
    item->as.report.market = get_u32(reader);
    size_t begin = reader->at;
    if (!get_entry(reader, &entry, scratch)) return false;
    if (entry.kind != TN_ENTRY_REPORT) return refuse(reader, begin, "an entry that is no REPORT");
    item->as.report.report = entry.as.report;
    return true;
}

static bool get_deposit(struct reader *reader, struct tn_block_item *item)
{
    if (!need(reader, DEPOSIT_BYTES + TN_SIGNATURE_SIZE)) return false;
    item->as.deposit.number = get_u64(reader);
    item->as.deposit.market = get_u32(reader);
    item->as.deposit.account = get_u32(reader);
    item->as.deposit.asset = get_u32(reader);
    item->as.deposit.amount = get_i64(reader);
    get_bytes(reader, item->as.deposit.signature.bytes, TN_SIGNATURE_SIZE);
    return at_end(reader);
}

static bool get_forced(struct reader *reader, struct tn_block_item *item,
                       struct tn_stream_scratch *scratch)
{
    struct tn_stream_item frame;
    size_t used;
    if (!need(reader, 4)) return false;
    uint32_t market = get_u32(reader);
    size_t begin = reader->at;
    if (!tn_stream_read_item(&frame, &used, reader->fault, scratch, reader->bytes + begin,
                             reader->size - begin)) {
        reader->fault->at += begin;
        return false;
    }
    if (frame.version != TN_ENTRY_VERSION_2 || frame.entry.kind != TN_ENTRY_FRAME) {
        return refuse(reader, begin, "an entry that is no signed FRAME");
    }
    if (frame.as.frame.market != market) return refuse(reader, begin, "a frame of another market");
    item->as.forced = frame.as.frame;
    reader->at += used;
    return at_end(reader);
}

static bool get_owner_frame(struct reader *reader, struct tn_operation *operation,
                            struct tn_stream_scratch *scratch)
{
    size_t begin = reader->at;
    operation->bytes = reader->bytes + begin;
    operation->size = (uint32_t)(reader->size - begin);
    if (!get_entry(reader, &operation->entry, scratch)) return false;
    if (operation->entry.kind == TN_ENTRY_FRAME) return true;
    return refuse(reader, begin, "an entry that is no FRAME");
}

static bool get_operation(struct reader *reader, struct tn_operation *operation,
                          struct tn_stream_scratch *scratch)
{
    if (!get_signature_first(reader, operation->signature.bytes, TN_RECOVERABLE_SIZE)) return false;
    if (!need(reader, OPERATION_HEAD_BYTES)) return false;
    size_t begin = reader->at;
    operation->kind = get_u8(reader);
    get_bytes(reader, operation->owner.bytes, TN_ADDRESS_SIZE);
    operation->market = get_u32(reader);
    switch (operation->kind) {
        case TN_OPERATION_OPEN:
            if (!need(reader, OPEN_BYTES)) return false;
            operation->number = get_u64(reader);
            operation->model = get_u8(reader);
            return at_end(reader);
        case TN_OPERATION_SESSION:
            if (!need(reader, SESSION_BYTES)) return false;
            operation->number = get_u64(reader);
            operation->account = get_u32(reader);
            get_bytes(reader, operation->key.bytes, TN_PUBLIC_KEY_SIZE);
            operation->scope = get_u32(reader);
            operation->expires_ms = get_i64(reader);
            return at_end(reader);
        case TN_OPERATION_REVOKE:
            if (!need(reader, REVOKE_BYTES)) return false;
            operation->number = get_u64(reader);
            operation->session = get_u64(reader);
            return at_end(reader);
        case TN_OPERATION_FRAME: return get_owner_frame(reader, operation, scratch);
    }
    return refuse(reader, begin, "no such kind of operation");
}

static bool get_governance(struct reader *reader, struct tn_block_item *item,
                           struct tn_stream_scratch *scratch)
{
    if (!get_signature_first(reader, item->as.governance.signature.bytes, TN_SIGNATURE_SIZE)) {
        return false;
    }
    if (!need(reader, GOVERNANCE_HEAD_BYTES)) return false;
    item->as.governance.number = get_u64(reader);
    item->as.governance.market = get_u32(reader);
    size_t begin = reader->at, size = reader->size - begin;
    if (size == 0) return refuse(reader, begin, "governance of nothing");
    if (size > TN_GOVERNANCE_BYTES_MAX) return refuse(reader, begin, "governance of too much");
    item->as.governance.bytes = reader->bytes + begin;
    item->as.governance.size = (uint32_t)size;
    if (item->as.governance.market == 0) return true; /* the registry reads them */
    if (!get_entry(reader, &item->as.governance.entry, scratch)) return false;
    if (entry_is_governed(item->as.governance.entry.kind)) return true;
    return refuse(reader, begin, "an entry that is not for governance");
}

static bool get_stalls(struct reader *reader, struct tn_term_end *term)
{
    size_t begin = reader->at;
    if (!need(reader, 2)) return false;
    term->stalls_count = get_u16(reader);
    if (term->stalls_count == 0 || term->stalls_count > TN_VALIDATORS_MAX) {
        return refuse(reader, begin, "no votes, or more than there are validators");
    }
    if (!need(reader, (size_t)term->stalls_count * STALL_BYTES)) return false;
    for (uint32_t i = 0; i < term->stalls_count; i++) {
        begin = reader->at;
        term->stalls[i].voter = get_u16(reader);
        get_bytes(reader, term->stalls[i].signature.bytes, TN_SIGNATURE_SIZE);
        if (i > 0 && term->stalls[i].voter <= term->stalls[i - 1].voter) {
            return refuse(reader, begin, "voters out of order");
        }
    }
    return true;
}

static bool get_term(struct reader *reader, struct tn_term_end *term)
{
    if (!need(reader, TERM_HEAD_BYTES)) return false;
    size_t begin = reader->at;
    term->cause = get_u8(reader);
    term->head.market = get_u32(reader);
    term->head.term = get_u32(reader);
    term->head.sequence = get_u64(reader);
    get_bytes(reader, term->head.digest.bytes, TN_HASH_SIZE);
    switch (term->cause) {
        case TN_TERM_STALLED:
            if (!get_stalls(reader, term)) return false;
            break;
        case TN_TERM_RESIGNED:
            if (!need(reader, TN_SIGNATURE_SIZE)) return false;
            get_bytes(reader, term->resignation.bytes, TN_SIGNATURE_SIZE);
            break;
        case TN_TERM_LAGGED: break;
        default: return refuse(reader, begin, "no such cause of a term's end");
    }
    return at_end(reader);
}

static bool get_evidence(struct reader *reader, struct tn_evidence *evidence)
{
    size_t begin = reader->at;
    if (tn_evidence_read(evidence, reader->fault, reader->bytes + begin, reader->size - begin)) {
        return true;
    }
    reader->fault->at += begin;
    return false;
}

bool tn_stream_read_block_item(struct tn_block_item *item, struct tn_stream_fault *fault,
                               struct tn_stream_scratch *scratch, const uint8_t *bytes, size_t size)
{
    struct reader reader = {.bytes = bytes, .size = size, .fault = fault};
    memset(item, 0, sizeof(*item));
    if (size > TN_ITEM_BYTES_MAX) return refuse(&reader, 0, "an item larger than any is");
    if (!need(&reader, ITEM_KIND_BYTES)) return false;
    item->kind = get_u8(&reader);
    switch (item->kind) {
        case TN_ITEM_REPORT: return get_report(&reader, item, scratch);
        case TN_ITEM_DEPOSIT: return get_deposit(&reader, item);
        case TN_ITEM_FORCED: return get_forced(&reader, item, scratch);
        case TN_ITEM_OPERATION: return get_operation(&reader, &item->as.operation, scratch);
        case TN_ITEM_GOVERNANCE: return get_governance(&reader, item, scratch);
        case TN_ITEM_TERM: return get_term(&reader, &item->as.term);
        case TN_ITEM_EVIDENCE: return get_evidence(&reader, &item->as.evidence);
    }
    return refuse(&reader, 0, "no such kind of item");
}

/* ---- Weight ---- */

static uint64_t frame_weight(const struct tn_frame *frame)
{
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME};
    entry.as.frame.commands = frame->commands;
    entry.as.frame.commands_count = frame->commands_count;
    return tn_stream_weight(&entry);
}

uint64_t tn_stream_block_item_weight(const struct tn_block_item *item)
{
    struct tn_entry report = {.kind = TN_ENTRY_REPORT};
    switch ((enum tn_item_kind)item->kind) {
        case TN_ITEM_REPORT:
            report.as.report.feed = item->as.report.report.feed;
            return tn_stream_weight(&report);
        case TN_ITEM_DEPOSIT: return 2;
        case TN_ITEM_FORCED: return frame_weight(&item->as.forced);
        case TN_ITEM_OPERATION:
            if (item->as.operation.kind != TN_OPERATION_FRAME) return 4;
            return tn_stream_weight(&item->as.operation.entry);
        case TN_ITEM_GOVERNANCE:
            if (item->as.governance.market == 0) return 4;
            return tn_stream_weight(&item->as.governance.entry);
        case TN_ITEM_TERM: return 64;
        case TN_ITEM_EVIDENCE: return 4;
    }
    return 1;
}
