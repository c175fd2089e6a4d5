/* inspect_block: a block for people. Of a solo home it has one batch; of a set any number of them,
 * of all markets, and items. */
#include "inspect.h"
#include "tenord.h"

#include "tenor/item.h"

#include <inttypes.h>
#include <string.h>

static void print_head(const struct tn_block_header *header, const struct tn_hash *hash)
{
    printf("block        %" PRIu64 "\nhash         %s\nparent       %s\ntime         %" PRIu64
           " ms\nroot before  %s (of height %" PRIu64 ")\n",
           header->height, hash_text(hash), hash_text(&header->parent_hash), header->time_ms,
           hash_text(&header->exec_root), header->exec_height);
}

static int print_solo(struct inspect *inspect, uint64_t height)
{
    struct stored_block block;
    struct tn_hash digest;
    if (!reading_block(&block, &inspect->reading, height)) return END_REFUSED;
    tn_stream_batch_digest(&digest, &block.batch);
    print_head(&block.header, &block.hash);
    printf("batch        %" PRIu64 " %s\n", block.batch.sequence, hash_text(&digest));
    printf("entries      %u, weight %" PRIu64 ", %zu bytes\nresults      %s, %zu bytes\n",
           block.batch.entries_count, block.batch.weight, block.body_size,
           hash_text(&block.batch.results_digest), block.receipts.size);
    return END_GOOD;
}

/* ---- A set -------------------------------------------------------------------------------------
 */

static bool print_batch(const struct set_reading *set, const struct tn_hash *digest)
{
    struct tn_chain_batch batch;
    struct tn_batch_header header;
    struct tn_stream_fault fault;
    const char *why;
    if (!set_batch_read(&batch, &why, set, digest) ||
        !tn_stream_read_batch_header(&header, &fault, batch.body, batch.body_size)) {
        complain("batch %s: %s", hash_text(digest), why);
        return false;
    }
    printf("batch        %" PRIu64 " %s, market %u, term %u, blocks to %" PRIu64 "\n",
           header.sequence, hash_text(digest), header.market, header.term, header.last_block);
    printf("entries      %u, weight %" PRIu64 ", %zu bytes\nresults      %s\n",
           header.entries_count, header.weight, batch.body_size, hash_text(&header.results_digest));
    return true;
}

static const char *item_text(uint8_t kind)
{
    static const char *const names[] = {
        [TN_ITEM_REPORT] = "report",         [TN_ITEM_DEPOSIT] = "deposit",
        [TN_ITEM_FORCED] = "forced frame",   [TN_ITEM_OPERATION] = "operation",
        [TN_ITEM_GOVERNANCE] = "governance", [TN_ITEM_TERM] = "end of a term",
        [TN_ITEM_EVIDENCE] = "evidence",
    };
    return kind < sizeof names / sizeof names[0] && names[kind] != NULL ? names[kind] : "item";
}

/* The market that an item is for; 0: none, or the registry. */
static uint32_t item_market(const struct tn_block_item *item)
{
    switch ((enum tn_item_kind)item->kind) {
        case TN_ITEM_REPORT: return item->as.report.market;
        case TN_ITEM_DEPOSIT: return item->as.deposit.market;
        case TN_ITEM_FORCED: return item->as.forced.market;
        case TN_ITEM_OPERATION: return item->as.operation.market;
        case TN_ITEM_GOVERNANCE: return item->as.governance.market;
        case TN_ITEM_TERM: return item->as.term.head.market;
        case TN_ITEM_EVIDENCE: return 0;
    }
    return 0;
}

/* Items stand behind the digests of the batches, each behind its length; the body was checked. */
static bool print_items(const struct set_block *block)
{
    const uint8_t *body = block->block.body;
    size_t at = (size_t)block->header.batches_count * TN_HASH_SIZE, size = block->block.body_size;
    struct tn_stream_scratch *scratch = memory_take(sizeof *scratch);
    if (scratch == NULL) return false;
    while (at < size) {
        struct tn_block_item item;
        struct tn_stream_fault fault;
        size_t length = (size_t)tn_get_be(body + at, TN_ITEM_LENGTH_BYTES);
        at += TN_ITEM_LENGTH_BYTES;
        if (!tn_stream_read_block_item(&item, &fault, scratch, body + at, length)) {
            printf("item         of %zu bytes, which does not read: %s\n", length, fault.what);
        } else if (item_market(&item) == 0) {
            printf("item         %s, %zu bytes\n", item_text(item.kind), length);
        } else {
            printf("item         %s, market %u, %zu bytes\n", item_text(item.kind),
                   item_market(&item), length);
        }
        at += length;
    }
    memory_give(scratch, sizeof *scratch);
    return true;
}

static int print_set(const struct inspect *inspect, uint64_t height)
{
    struct set_block block;
    if (!set_block_read(&block, inspect->set, height)) return END_REFUSED;
    const struct tn_block_header *header = &block.header;
    print_head(header, &block.block.hash);
    printf("proposer     %u, epoch %" PRIu64 ", view %" PRIu64 "%s%s\n", header->proposer,
           header->epoch, header->view, (header->flags & TN_BLOCK_EMPTY) != 0 ? ", empty" : "",
           (header->flags & TN_BLOCK_EPOCH_FINAL) != 0 ? ", last of its epoch" : "");
    for (uint32_t i = 0; i < header->batches_count; i++) {
        struct tn_hash digest;
        memcpy(digest.bytes, block.block.body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
        if (!print_batch(inspect->set, &digest)) return END_WRONG;
    }
    return print_items(&block) ? END_GOOD : END_FAILED;
}

int inspect_block(struct inspect *inspect)
{
    uint64_t height;
    if (!inspect_number(inspect, &height, 1, "block", inspect->height + 1)) return END_REFUSED;
    return inspect->set != NULL ? print_set(inspect, height) : print_solo(inspect, height);
}
