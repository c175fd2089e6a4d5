/* Items of a block as bytes, and what is signed of them (docs/specs/items.md). An item is a head of
 * known size, for some kinds bytes of somebody else's, and a signature; so the digest of an item is
 * over its tag, the chain, and the first two of the very parts that are written. */
#include "stream/item.h"

#define TAG_SIZE 6u

/* An item in parts; pointers into the item. TERM's stalls are not among them. */
struct parts {
    uint8_t head[512];
    size_t head_size;
    const uint8_t *tail;
    size_t tail_size;
    const uint8_t *signature;
    size_t signature_size;
};

static void end_head(struct parts *parts, const struct writer *writer)
{
    parts->head_size = (size_t)(writer->at - parts->head);
    TN_ASSERT(parts->head_size <= sizeof(parts->head));
}

static void take_signature(struct parts *parts, const struct tn_signature *signature)
{
    parts->signature = signature->bytes;
    parts->signature_size = sizeof(signature->bytes);
}

static bool report_parts(struct parts *parts, const struct tn_block_item *item)
{
    struct tn_entry entry = {.kind = TN_ENTRY_REPORT, .as.report = item->as.report.report};
    struct writer writer = {.at = parts->head};
    put_u32(&writer, item->as.report.market);
    size_t room = (size_t)(parts->head + sizeof(parts->head) - writer.at);
    size_t size = tn_stream_write_entry(writer.at, room, &entry);
    TN_ASSERT(size > 0 && size <= room);
    writer.at += size;
    end_head(parts, &writer);
    take_signature(parts, &item->as.report.signature);
    return true;
}

static bool deposit_parts(struct parts *parts, const struct tn_block_item *item)
{
    struct writer writer = {.at = parts->head};
    put_u64(&writer, item->as.deposit.number);
    put_u32(&writer, item->as.deposit.market);
    put_u32(&writer, item->as.deposit.account);
    put_u32(&writer, item->as.deposit.asset);
    put_i64(&writer, item->as.deposit.amount);
    end_head(parts, &writer);
    take_signature(parts, &item->as.deposit.signature);
    return true;
}

static bool forced_parts(struct parts *parts, const struct tn_frame *frame)
{
    struct writer writer = {.at = parts->head};
    put_u32(&writer, frame->market);
    put_u8(&writer, TN_ENTRY_VERSION_2);
    put_u8(&writer, TN_ENTRY_FRAME);
    put_u32(&writer, frame->payload_size);
    end_head(parts, &writer);
    parts->tail = frame->payload;
    parts->tail_size = frame->payload_size;
    take_signature(parts, &frame->signature);
    return frame->payload != NULL && frame->payload_size <= TN_PAYLOAD_BYTES_MAX;
}

static bool operation_parts(struct parts *parts, const struct tn_operation *operation)
{
    struct writer writer = {.at = parts->head};
    put_u8(&writer, operation->kind);
    put_bytes(&writer, operation->owner.bytes, TN_ADDRESS_SIZE);
    put_u32(&writer, operation->market);
    if (operation->kind == TN_OPERATION_FRAME) {
        parts->tail = operation->bytes;
        parts->tail_size = operation->size;
    } else {
        put_u64(&writer, operation->number);
    }
    if (operation->kind == TN_OPERATION_OPEN) {
        put_u8(&writer, operation->model);
    } else if (operation->kind == TN_OPERATION_SESSION) {
        put_u32(&writer, operation->account);
        put_bytes(&writer, operation->key.bytes, TN_PUBLIC_KEY_SIZE);
        put_u32(&writer, operation->scope);
        put_i64(&writer, operation->expires_ms);
    } else if (operation->kind == TN_OPERATION_REVOKE) {
        put_u64(&writer, operation->session);
    }
    end_head(parts, &writer);
    parts->signature = operation->signature.bytes;
    parts->signature_size = sizeof(operation->signature.bytes);
    bool has_bytes = parts->tail_size > 0 && parts->tail != NULL;
    return operation->kind >= TN_OPERATION_OPEN && operation->kind <= TN_OPERATION_FRAME &&
           (operation->kind != TN_OPERATION_FRAME || has_bytes);
}

static bool governance_parts(struct parts *parts, const struct tn_block_item *item)
{
    struct writer writer = {.at = parts->head};
    put_u64(&writer, item->as.governance.number);
    put_u32(&writer, item->as.governance.market);
    end_head(parts, &writer);
    parts->tail = item->as.governance.bytes;
    parts->tail_size = item->as.governance.size;
    take_signature(parts, &item->as.governance.signature);
    return parts->tail != NULL && parts->tail_size > 0 &&
           parts->tail_size <= TN_GOVERNANCE_BYTES_MAX;
}

static bool term_parts(struct parts *parts, const struct tn_term_end *term)
{
    struct writer writer = {.at = parts->head};
    put_u8(&writer, term->cause);
    put_u32(&writer, term->head.market);
    put_u32(&writer, term->head.term);
    put_u64(&writer, term->head.sequence);
    put_bytes(&writer, term->head.digest.bytes, TN_HASH_SIZE);
    TN_ASSERT(writer.at == parts->head + TERM_HEAD_BYTES);
    if (term->cause == TN_TERM_STALLED) put_u16(&writer, (uint16_t)term->stalls_count);
    end_head(parts, &writer);
    if (term->cause == TN_TERM_RESIGNED) take_signature(parts, &term->resignation);
    if (term->cause != TN_TERM_STALLED) {
        return term->cause == TN_TERM_RESIGNED || term->cause == TN_TERM_LAGGED;
    }
    if (term->stalls_count == 0 || term->stalls_count > TN_VALIDATORS_MAX) return false;
    for (uint32_t i = 1; i < term->stalls_count; i++) {
        if (term->stalls[i].voter <= term->stalls[i - 1].voter) return false;
    }
    return true;
}

static bool evidence_parts(struct parts *parts, const struct tn_evidence *evidence)
{
    _Static_assert(TN_EVIDENCE_BYTES_MAX <= sizeof(parts->head), "all of it is the head");
    parts->head_size = tn_evidence_write(parts->head, evidence);
    return parts->head_size > 0;
}

/* False: there is no such item. */
static bool take_apart(struct parts *parts, const struct tn_block_item *item)
{
    parts->head_size = parts->tail_size = parts->signature_size = 0;
    parts->tail = parts->signature = NULL;
    switch ((enum tn_item_kind)item->kind) {
        case TN_ITEM_REPORT: return report_parts(parts, item);
        case TN_ITEM_DEPOSIT: return deposit_parts(parts, item);
        case TN_ITEM_FORCED: return forced_parts(parts, &item->as.forced);
        case TN_ITEM_OPERATION: return operation_parts(parts, &item->as.operation);
        case TN_ITEM_GOVERNANCE: return governance_parts(parts, item);
        case TN_ITEM_TERM: return term_parts(parts, &item->as.term);
        case TN_ITEM_EVIDENCE: return evidence_parts(parts, &item->as.evidence);
    }
    return false;
}

static uint32_t stalls_of(const struct tn_block_item *item)
{
    bool has_stalls = item->kind == TN_ITEM_TERM && item->as.term.cause == TN_TERM_STALLED;
    return has_stalls ? item->as.term.stalls_count : 0;
}

size_t tn_stream_write_block_item(uint8_t *out, size_t out_size, const struct tn_block_item *item)
{
    struct parts parts;
    struct writer writer = {.at = out};
    if (!take_apart(&parts, item)) return 0;
    uint32_t stalls_count = stalls_of(item);
    size_t bytes = ITEM_KIND_BYTES + parts.head_size + parts.tail_size +
                   (size_t)stalls_count * STALL_BYTES + parts.signature_size;
    if (bytes > TN_ITEM_BYTES_MAX) return 0;
    if (bytes > out_size) return bytes;
    put_u8(&writer, item->kind);
    put_bytes(&writer, parts.head, parts.head_size);
    if (parts.tail_size > 0) put_bytes(&writer, parts.tail, parts.tail_size);
    for (uint32_t i = 0; i < stalls_count; i++) {
        put_u16(&writer, item->as.term.stalls[i].voter);
        put_bytes(&writer, item->as.term.stalls[i].signature.bytes, TN_SIGNATURE_SIZE);
    }
    if (parts.signature_size > 0) put_bytes(&writer, parts.signature, parts.signature_size);
    TN_ASSERT(writer.at == out + bytes);
    return bytes;
}

/* ---- What is signed ---- */

static const char *tag_of(uint8_t kind)
{
    switch ((enum tn_item_kind)kind) {
        case TN_ITEM_REPORT: return "TNREP1";
        case TN_ITEM_DEPOSIT: return "TNDEP1";
        case TN_ITEM_GOVERNANCE: return "TNGOV1";
        case TN_ITEM_FORCED:
        case TN_ITEM_OPERATION:
        case TN_ITEM_TERM:
        case TN_ITEM_EVIDENCE: return NULL;
    }
    return NULL;
}

void tn_stream_item_digest(struct tn_hash *digest, const uint8_t chain_id[32],
                           const struct tn_block_item *item)
{
    struct parts parts;
    struct tn_keccak keccak;
    if (item->kind == TN_ITEM_FORCED) {
        tn_frame_digest(digest, chain_id, item->as.forced.payload, item->as.forced.payload_size);
        return;
    }
    if (item->kind == TN_ITEM_OPERATION) {
        tn_stream_operation_digest(digest, chain_id, &item->as.operation);
        return;
    }
    const char *tag = tag_of(item->kind);
    TN_ASSERT(tag != NULL);
    bool is_item = take_apart(&parts, item);
    TN_ASSERT(is_item);
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, tag, TAG_SIZE);
    tn_keccak_add(&keccak, chain_id, 32);
    tn_keccak_add(&keccak, parts.head, parts.head_size);
    tn_keccak_add(&keccak, parts.tail, parts.tail_size);
    tn_keccak_end(&keccak, digest);
}
