/* What peers may bring to a chain: items that wait, bodies, batches, records of a snapshot. No
 * bytes crash it; what it builds of whatever waits is a block that it finds good, can execute, and
 * whose root is that of trees built anew.
 *
 * Nearly every signature is good here, so that what stands behind it is reached. An input is a list
 * of steps: what u8 ‖ size u8 ‖ bytes. Items that wait are templates of every kind with some bytes
 * changed, or the bytes themselves. */
#define CHAIN_CASE_SIGNATURES lenient_signatures
#include "tenor/signature.h"

#include <string.h>

static void lenient_signatures(struct tn_signatures *signatures, void *memory);
#include "chain_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lenient_sign(void *context, struct tn_signature *signature,
                         const struct tn_hash *digest, const struct tn_secret_key *key)
{
    (void)context;
    (void)digest;
    memset(signature, 0, sizeof *signature);
    memcpy(signature->bytes, key->bytes, TN_SECRET_KEY_SIZE);
    return true;
}

static bool lenient_sign_recoverable(void *context, struct tn_recoverable *signature,
                                     const struct tn_hash *digest, const struct tn_secret_key *key)
{
    (void)context;
    (void)digest;
    memset(signature, 0, sizeof *signature);
    memcpy(signature->bytes, key->bytes + 12, TN_ADDRESS_SIZE);
    return true;
}

static bool lenient_public_key(void *context, struct tn_public_key *key,
                               const struct tn_secret_key *secret)
{
    (void)context;
    key->bytes[0] = 2;
    memcpy(key->bytes + 1, secret->bytes, TN_SECRET_KEY_SIZE);
    return true;
}

static bool lenient_verify(void *context, const struct tn_hash *digest,
                           const struct tn_signature *signature, const struct tn_public_key *key)
{
    (void)context;
    (void)digest;
    (void)key;
    return signature->bytes[TN_SIGNATURE_SIZE - 1] % 8 != 7;
}

static bool lenient_recover(void *context, struct tn_address *address, const struct tn_hash *digest,
                            const struct tn_recoverable *signature)
{
    (void)context;
    (void)digest;
    memcpy(address->bytes, signature->bytes, TN_ADDRESS_SIZE);
    return true;
}

static bool lenient_address(void *context, struct tn_address *address,
                            const struct tn_public_key *key)
{
    (void)context;
    memcpy(address->bytes, key->bytes + 13, TN_ADDRESS_SIZE);
    return true;
}

static void lenient_signatures(struct tn_signatures *signatures, void *memory)
{
    (void)memory;
    *signatures = (struct tn_signatures){.sign = lenient_sign,
                                         .sign_recoverable = lenient_sign_recoverable,
                                         .public_key = lenient_public_key,
                                         .verify = lenient_verify,
                                         .recover = lenient_recover,
                                         .address = lenient_address};
}

static void must(bool is_so)
{
    if (!is_so) __builtin_trap();
}

/* ---- Steps ---- */

/* One item of each kind waits; those before it do so in the pool of the case. */
static void give_template(uint8_t which)
{
    const uint32_t market = 1 + which / 8 % 2;
    struct tn_block_item item = {.kind = TN_ITEM_REPORT};
    switch (which % 8) {
        case 0: cc_deposit(market, 0, DOLLAR); return;
        case 1: cc_govern(market, index_entry(1, DOLLAR)); return;
        case 2: cc_open_account(market, which / 16 % TRADERS); return;
        case 3: cc_open_session(market, which / 16 % TRADERS); return;
        case 4: cc_stall(market - 1, 3); return;
        case 5:
            item.as.report.market = market;
            item.as.report.report = (struct tn_report){.signer = 1, .sequence = which};
            cc_give(&item);
            return;
        case 6:
            item = cc_term_end(market - 1, TN_TERM_RESIGNED);
            cc_give(&item);
            return;
        default:
            cc_govern(market, (struct tn_entry){.kind = TN_ENTRY_UNDERLYING,
                                                .as.underlying = usual_underlying()});
            return;
    }
}

static void give(const uint8_t *data, size_t size)
{
    if (size == 0 || cc.items_count + 1 >= ITEMS_MAX) return;
    give_template(data[0]);
    struct pool_item *item = &cc.items[cc.items_count - 1];
    for (size_t at = 1; at + 2 < size; at += 3) {
        size_t place = ((size_t)data[at] << 8 | data[at + 1]) % item->size;
        item->bytes[place] = data[at + 2];
    }
}

static void give_raw(const uint8_t *data, size_t size)
{
    uint64_t group, number;
    if (size < 2 || cc.items_count + 1 >= ITEMS_MAX) return;
    (void)tn_chain_judge_item(cc.chain, &group, &number, data[0] % 9, data + 1, size - 1);
    struct pool_item *item = &cc.items[cc.items_count++];
    *item = (struct pool_item){
        .kind = (uint8_t)(1 + data[0] % 7), .bytes = malloc(size - 1), .size = size - 1};
    must(item->bytes != NULL);
    memcpy(item->bytes, data + 1, size - 1);
}

/* The case's own judge asserts that what was built is good; then it is final. */
static void build(const uint8_t *data, size_t size)
{
    int64_t later_ms = size > 0 ? data[0] * (size > 1 ? data[1] : 1) : 1;
    if (size > 2 && cc.pool_count + 1 < POOL_MAX && cc.leaders[data[2] % MARKETS].term != 0) {
        cc_make_batch(data[2] % MARKETS, data[2] / 2 % 8, NULL, 0);
    }
    cc_pass(later_ms);
    for (uint32_t i = 0; i < MARKETS; i++) {
        if (cc.leaders[i].term != tn_chain_heads(cc.chain)->streams[i].term) cc_take_over(i);
    }
}

/* A body of these bytes under a header that fits it, as far as one can. */
static void judge_raw(const uint8_t *data, size_t size)
{
    struct line_block made = cc_build(1);
    struct tn_stream_tree tree;
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    if (size == 0) {
        free(made.body);
        return;
    }
    uint32_t batches = data[0] % 3;
    size--;
    memcpy(made.body, data + 1, size);
    if (batches * 32 > size) batches = 0;
    for (uint32_t i = 0; i < batches && cc.pool_count > 0; i++)
        memcpy(made.body + 32 * (size_t)i, cc.pool[data[0] % cc.pool_count].batch.digest.bytes, 32);
    made.header.batches_count = batches;
    made.header.body_size = (uint32_t)size;
    made.header.flags = size == 0 ? TN_BLOCK_EMPTY : 0;
    tn_stream_tree_begin(&tree, TN_TREE_BATCHES);
    for (uint32_t i = 0; i < batches; i++)
        tn_stream_tree_add(&tree, made.body + 32 * (size_t)i, 32);
    if (tn_stream_body_open(&reader, &fault, &made.header, made.body, size)) {
        while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY)
            tn_stream_tree_add(&tree, reader.item_bytes, reader.item_size);
    }
    tn_stream_tree_root(&made.header.body_root, &tree);
    cc_hash(&made);
    if (cc_judge(&made, true) == TN_CHAIN_OK) {
        must(tn_chain_execute(cc.chain, &made.block) == TN_CHAIN_OK);
        cc_expect_exact_root(cc.chain);
    }
    free(made.body);
}

static void import_raw(const uint8_t *data, size_t size)
{
    struct tn_import_fault fault;
    uint8_t record[4096];
    struct tn_chain *copy = cc_new_chain();
    uint8_t kind = size > 0 && data[0] % 2 == 0 ? TN_CHAIN_RECORD_HEADS : TN_CHAIN_RECORD_RING;
    size_t record_size = tn_chain_record(cc.chain, record, sizeof record, TN_CHAIN_RECORD_HEADS, 0);
    must(record_size > 0 && record_size <= sizeof record);
    for (size_t at = 1; at + 2 < size; at += 3)
        record[((size_t)data[at] << 8 | data[at + 1]) % record_size] = data[at + 2];
    bool is_good = tn_chain_import(copy, &fault, TN_CHAIN_RECORD_HEADS, 0, record, record_size);
    if (is_good && kind == TN_CHAIN_RECORD_RING && size > 1) {
        (void)tn_chain_import(copy, &fault, kind, data[1], data + 1, size - 1);
    }
    struct tn_hash root;
    if (is_good) (void)tn_chain_import_end(copy, &root, &fault);
    must(is_good || fault.what != NULL);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *state = NULL;
    cc_open(&state);
    for (size_t at = 0; at + 2 <= size;) {
        size_t bytes = data[at + 1];
        const uint8_t *step = data + at + 2;
        if (bytes > size - at - 2) bytes = size - at - 2;
        switch (data[at] % 8) {
            case 0: judge_raw(step, bytes); break;
            case 1: give_raw(step, bytes); break;
            case 2: import_raw(step, bytes); break;
            case 3: (void)tn_chain_check_batch(cc.chain, step, bytes); break;
            case 4:
            case 5: build(step, bytes); break;
            default: give(step, bytes); break;
        }
        at += 2 + bytes;
    }
    cc_close(&state);
    return 0;
}
