/* Items and bodies of blocks, and the vectors of docs/specs/frame.md and items.md: what is read
 * from the page's bytes, that it is written again as them, what is signed of it, and what is
 * refused. */
#include "tenor/item.h"
#include "vector_file.h"

static struct tn_stream_scratch scratch;
static uint8_t bytes[VECTOR_BYTES_MAX], again[VECTOR_BYTES_MAX];

static const uint8_t CHAIN_ID[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                     11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                     22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static const char *const NAMES[] = {
    "ITEM_REPORT", "ITEM_DEPOSIT",        "ITEM_FORCED",         "ITEM_OPEN",       "ITEM_SESSION",
    "ITEM_REVOKE", "ITEM_OWNER_FRAME",    "ITEM_GOVERNANCE",     "ITEM_STALLED",    "ITEM_RESIGNED",
    "ITEM_LAGGED", "ITEM_OWNER_WITHDRAW", "ITEM_OWNER_TRANSFER", "ITEM_OWNER_REMIT"};
enum { NAMES_COUNT = sizeof(NAMES) / sizeof(NAMES[0]) };

/* Whether the bytes were read; then they are written again as they were. */
static bool reads(struct tn_block_item *item, const uint8_t *from, size_t size)
{
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    if (!tn_stream_read_block_item(item, &fault, &scratch, from, size)) {
        assert_true(fault.at <= size && fault.what != NULL);
        return false;
    }
    assert_int_equal(tn_stream_write_block_item(again, sizeof(again), item), size);
    assert_memory_equal(again, from, size);
    assert_true(tn_stream_block_item_weight(item) > 0);
    return true;
}

static size_t vector_item(struct tn_block_item *item, const char *name)
{
    size_t size = vector(bytes, "items.hex", name);
    if (!reads(item, bytes, size)) fail_msg("%s is refused", name);
    return size;
}

static void refuses(const uint8_t *from, size_t size, size_t at, const char *what)
{
    struct tn_block_item item;
    struct tn_stream_fault fault = {.what = "it was read"};
    bool was_read = tn_stream_read_block_item(&item, &fault, &scratch, from, size);
    if (was_read || strcmp(fault.what, what) != 0) fail_msg("%s, not: %s", fault.what, what);
    assert_int_equal(fault.at, at);
}

/* The bytes of a digest count on from a number. */
static void assert_counts(const uint8_t *from, size_t size, uint32_t first)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(from[i], (uint8_t)(first + i));
}

/* ---- The pages' vectors ---- */

static void test_stream_reads_every_item_of_the_page(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        struct tn_block_item item, cut;
        size_t size = vector_item(&item, NAMES[i]);
        for (size_t end = 0; end < size; end++)
            assert_false(reads(&cut, bytes, end));
        bytes[size] = 0;
        assert_false(reads(&cut, bytes, size + 1));
        assert_int_equal(tn_stream_write_block_item(again, size - 1, &item), size);
    }
}

static void test_stream_signs_of_items_what_the_page_says(void **state)
{
    (void)state;
    uint32_t signed_count = 0;
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        struct tn_block_item item;
        struct tn_hash digest;
        char name[64];
        vector_item(&item, NAMES[i]);
        if (item.kind == TN_ITEM_TERM) continue;
        tn_stream_item_digest(&digest, CHAIN_ID, &item);
        snprintf(name, sizeof(name), "%s_DIGEST", NAMES[i]);
        expect_bytes("items.hex", name, digest.bytes, TN_HASH_SIZE);
        signed_count++;
    }
    assert_int_equal(signed_count, 11);
}

static void expect_digest(const struct tn_block_item *item, const char *name)
{
    struct tn_hash digest;
    tn_stream_item_digest(&digest, CHAIN_ID, item);
    expect_bytes("items.hex", name, digest.bytes, TN_HASH_SIZE);
}

static void test_stream_shows_owners_words_for_scopes_and_models(void **state)
{
    (void)state;
    static const uint32_t scopes[] = {0, 5, 31, 32};
    struct tn_block_item item;
    char name[64];
    vector_item(&item, "ITEM_SESSION");
    for (size_t i = 0; i < 4; i++) {
        item.as.operation.scope = scopes[i];
        snprintf(name, sizeof(name), "ITEM_SESSION_SCOPE_%u", (unsigned)scopes[i]);
        expect_digest(&item, name);
    }
    vector_item(&item, "ITEM_OPEN");
    for (uint8_t model = 0; model < 2; model++) {
        item.as.operation.model = model;
        snprintf(name, sizeof(name), "ITEM_OPEN_MODEL_%u", (unsigned)model);
        expect_digest(&item, name);
    }
}

/* Signed by the key of EIP-712's own example, by a signer that shares nothing with ours. */
static void test_stream_operations_signed_by_a_wallet_are_their_owners(void **state)
{
    (void)state;
    static const char *const names[] = {
        "ITEM_OPEN",           "ITEM_SESSION",        "ITEM_REVOKE",     "ITEM_OWNER_FRAME",
        "ITEM_OWNER_WITHDRAW", "ITEM_OWNER_TRANSFER", "ITEM_OWNER_REMIT"};
    struct tn_signatures real;
    void *memory = aligned_alloc(16, (tn_signatures_size() + 15) & ~(size_t)15);
    assert_non_null(memory);
    tn_signatures_real(&real, memory);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct tn_block_item item;
        struct tn_hash digest;
        struct tn_address signer;
        struct tn_recoverable again_signed;
        struct tn_secret_key cow;
        struct tn_hash key;
        char name[64];
        snprintf(name, sizeof(name), "%s_SIGNED", names[i]);
        vector_item(&item, name);
        tn_stream_item_digest(&digest, CHAIN_ID, &item);
        assert_true(real.recover(real.context, &signer, &digest, &item.as.operation.signature));
        assert_true(tn_address_equal(&signer, &item.as.operation.owner));
        tn_keccak256(&key, "cow", 3);
        memcpy(cow.bytes, key.bytes, sizeof(cow.bytes));
        assert_true(real.sign_recoverable(real.context, &again_signed, &digest, &cow));
        assert_memory_equal(again_signed.bytes, item.as.operation.signature.bytes, 65);
        digest.bytes[31] ^= 1;
        bool has_signer = real.recover(real.context, &signer, &digest, &again_signed);
        assert_false(has_signer && tn_address_equal(&signer, &item.as.operation.owner));
    }
    free(memory);
}

/* A wallet shows how much and to whom; a second command, or another one, makes it Commands. */
static void test_stream_operations_of_other_frames_are_signed_by_their_entry(void **state)
{
    (void)state;
    struct tn_command commands[2] = {{.kind = TN_COMMAND_WITHDRAW}, {.kind = TN_COMMAND_WITHDRAW}};
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    struct tn_operation *operation = &item.as.operation;
    struct tn_hash one, two, other;
    *operation = (struct tn_operation){.kind = TN_OPERATION_FRAME, .bytes = again};
    operation->entry.kind = TN_ENTRY_FRAME;
    operation->entry.as.frame.commands = commands;
    operation->entry.as.frame.commands_count = 1;
    operation->size = (uint32_t)tn_stream_write_entry(again, sizeof(again), &operation->entry);
    tn_stream_item_digest(&one, CHAIN_ID, &item);
    operation->entry.as.frame.commands_count = 2;
    operation->size = (uint32_t)tn_stream_write_entry(again, sizeof(again), &operation->entry);
    tn_stream_item_digest(&two, CHAIN_ID, &item);
    commands[1].as.money.amount = 1;
    operation->size = (uint32_t)tn_stream_write_entry(again, sizeof(again), &operation->entry);
    tn_stream_item_digest(&other, CHAIN_ID, &item);
    assert_false(tn_hash_equal(&one, &two));
    assert_false(tn_hash_equal(&two, &other));
}

static void test_stream_reads_reports_deposits_and_forced_frames(void **state)
{
    (void)state;
    struct tn_block_item item;
    vector_item(&item, "ITEM_REPORT");
    assert_int_equal(item.kind, TN_ITEM_REPORT);
    assert_int_equal(item.as.report.market, 1);
    assert_int_equal(item.as.report.report.signer, 2);
    assert_int_equal(item.as.report.report.feed, 4);
    assert_int_equal(item.as.report.report.value, -9);
    assert_counts(item.as.report.signature.bytes, 64, 10);
    assert_int_equal(tn_stream_block_item_weight(&item), 2);

    vector_item(&item, "ITEM_DEPOSIT");
    assert_int_equal(item.as.deposit.number, 1);
    assert_int_equal(item.as.deposit.market, 2);
    assert_int_equal(item.as.deposit.account, 3);
    assert_int_equal(item.as.deposit.asset, 4);
    assert_int_equal(item.as.deposit.amount, -5);
    assert_counts(item.as.deposit.signature.bytes, 64, 6);

    vector_item(&item, "ITEM_FORCED");
    assert_int_equal(item.as.forced.market, 1);
    assert_int_equal(item.as.forced.nonce, 4);
    assert_int_equal(item.as.forced.commands_count, 1);
    assert_counts(item.as.forced.signature.bytes, 64, 2);
    assert_int_equal(tn_stream_block_item_weight(&item), 4 + 4);
    bytes[4] = 2;
    refuses(bytes, vector(again, "items.hex", "ITEM_FORCED"), 5, "a frame of another market");
}

/* An entry of another kind or version does not stand in for the one that an item has. */
static void test_stream_refuses_other_entries_in_items(void **state)
{
    (void)state;
    static const uint8_t sweep[] = {TN_ITEM_REPORT, 0, 0, 0, 1, 1, TN_ENTRY_SWEEP, 0, 0, 0, 9};
    static const uint8_t block[] = {TN_ITEM_FORCED, 0, 0, 0, 0, 2, TN_ENTRY_BLOCK};
    struct tn_entry frame = {.kind = TN_ENTRY_FRAME};
    memset(bytes, 0, 128);
    memcpy(bytes, sweep, sizeof(sweep));
    refuses(bytes, sizeof(sweep) + 64, 5, "an entry that is no REPORT");
    memset(bytes, 0, 128);
    memcpy(bytes, block, sizeof(block));
    refuses(bytes, 5 + 50, 5, "an entry that is no signed FRAME");
    size_t size = tn_stream_write_entry(bytes + 5, sizeof(bytes) - 5, &frame);
    refuses(bytes, 5 + size, 5, "an entry that is no signed FRAME");
}

static void test_stream_refuses_items_that_are_too_large(void **state)
{
    (void)state;
    static uint8_t large[TN_ITEM_BYTES_MAX + 1];
    struct tn_block_item item = {.kind = TN_ITEM_GOVERNANCE};
    item.as.governance.bytes = large;
    item.as.governance.size = TN_GOVERNANCE_BYTES_MAX;
    size_t size = tn_stream_write_block_item(NULL, 0, &item);
    assert_int_equal(size, 1 + 8 + 4 + TN_GOVERNANCE_BYTES_MAX + 64);
    item.as.governance.size++;
    assert_int_equal(tn_stream_write_block_item(NULL, 0, &item), 0);
    large[0] = TN_ITEM_GOVERNANCE;
    struct tn_stream_fault fault;
    assert_true(tn_stream_read_block_item(&item, &fault, &scratch, large, size));
    refuses(large, size + 1, 13, "governance of too much");
    refuses(large, sizeof(large), 0, "an item larger than any is");
}

static void test_stream_reads_operations_of_owners(void **state)
{
    (void)state;
    struct tn_block_item item;
    const struct tn_operation *operation = &item.as.operation;
    vector_item(&item, "ITEM_OPEN");
    assert_int_equal(operation->kind, TN_OPERATION_OPEN);
    assert_counts(operation->owner.bytes, 20, 1);
    assert_int_equal(operation->market, 2);
    assert_int_equal(operation->number, 3);
    assert_int_equal(operation->model, 4);
    assert_counts(operation->signature.bytes, 65, 5);

    vector_item(&item, "ITEM_SESSION");
    assert_int_equal(operation->kind, TN_OPERATION_SESSION);
    assert_int_equal(operation->number, 3);
    assert_int_equal(operation->account, 4);
    assert_counts(operation->key.bytes, 33, 5);
    assert_int_equal(operation->scope, 6);
    assert_int_equal(operation->expires_ms, -7);

    vector_item(&item, "ITEM_REVOKE");
    assert_int_equal(operation->kind, TN_OPERATION_REVOKE);
    assert_int_equal(operation->session, 4);

    size_t size = vector_item(&item, "ITEM_OWNER_FRAME");
    assert_int_equal(operation->kind, TN_OPERATION_FRAME);
    assert_int_equal(operation->entry.kind, TN_ENTRY_FRAME);
    assert_int_equal(operation->entry.as.frame.account, 3);
    assert_int_equal(operation->entry.as.frame.commands[0].kind, TN_COMMAND_CANCEL);
    assert_ptr_equal(operation->bytes, bytes + 26);
    assert_int_equal(operation->size, size - 26 - 65);
    assert_int_equal(tn_stream_block_item_weight(&item), 4 + 2);
    bytes[27] = TN_ENTRY_SWEEP;
    refuses(bytes, 26 + 6 + 65, 26, "an entry that is no FRAME");
    bytes[1] = 5;
    refuses(bytes, size, 1, "no such kind of operation");
}

static void test_stream_reads_ends_of_terms(void **state)
{
    (void)state;
    struct tn_block_item item;
    const struct tn_term_end *term = &item.as.term;
    size_t size = vector_item(&item, "ITEM_STALLED");
    assert_int_equal(term->cause, TN_TERM_STALLED);
    assert_int_equal(term->head.market, 1);
    assert_int_equal(term->head.term, 2);
    assert_int_equal(term->head.sequence, 3);
    assert_counts(term->head.digest.bytes, 32, 4);
    assert_int_equal(term->stalls_count, 2);
    assert_int_equal(term->stalls[0].voter, 5);
    assert_counts(term->stalls[0].signature.bytes, 64, 6);
    assert_int_equal(term->stalls[1].voter, 7);
    bytes[1 + 49 + 2 + 66 + 1] = 5; /* the first one's number */
    refuses(bytes, size, 1 + 49 + 2 + 66, "voters out of order");
    bytes[1 + 49 + 1] = 0;
    refuses(bytes, size, 1 + 49, "no votes, or more than there are validators");
    bytes[1 + 49 + 1] = TN_VALIDATORS_MAX + 1;
    refuses(bytes, size, 1 + 49, "no votes, or more than there are validators");
    bytes[1] = 4;
    refuses(bytes, size, 1, "no such cause of a term's end");

    vector_item(&item, "ITEM_RESIGNED");
    assert_int_equal(term->cause, TN_TERM_RESIGNED);
    assert_counts(term->resignation.bytes, 64, 5);
    vector_item(&item, "ITEM_LAGGED");
    assert_int_equal(term->cause, TN_TERM_LAGGED);
    assert_int_equal(tn_stream_block_item_weight(&item), 64);
}

static void test_stream_writes_no_term_that_it_would_refuse(void **state)
{
    (void)state;
    struct tn_block_item item = {.kind = TN_ITEM_TERM, .as.term.cause = TN_TERM_STALLED};
    assert_int_equal(tn_stream_write_block_item(again, sizeof(again), &item), 0);
    item.as.term.stalls_count = 2;
    assert_int_equal(tn_stream_write_block_item(again, sizeof(again), &item), 0);
    item.as.term.stalls[1].voter = 1;
    assert_true(tn_stream_write_block_item(again, sizeof(again), &item) > 0);
    item.as.term.cause = 0;
    assert_int_equal(tn_stream_write_block_item(again, sizeof(again), &item), 0);
}

/* Any bytes for the registry; of a market the entries that are its governance's. */
static void test_stream_takes_governance_of_known_entries(void **state)
{
    (void)state;
    struct tn_block_item item;
    struct tn_entry entry;
    uint32_t taken_count = 0;
    vector_item(&item, "ITEM_GOVERNANCE");
    assert_int_equal(item.as.governance.number, 1);
    assert_int_equal(item.as.governance.market, 2);
    assert_int_equal(item.as.governance.entry.as.list.series_id, 3);
    assert_int_equal(tn_stream_block_item_weight(&item), 4);
    for (uint8_t kind = 1; kind <= TN_ENTRY_INSURE; kind++) {
        static const struct tn_risk risk;
        uint8_t written[1024];
        entry = (struct tn_entry){.kind = kind};
        if (kind == TN_ENTRY_RISK) entry.as.risk.risk = &risk;
        item.as.governance.bytes = written;
        item.as.governance.size = (uint32_t)tn_stream_write_entry(written, sizeof(written), &entry);
        size_t size = tn_stream_write_block_item(bytes, sizeof(bytes), &item);
        assert_true(size > 0);
        struct tn_block_item read;
        taken_count += reads(&read, bytes, size);
    }
    assert_int_equal(taken_count, 14);
    static const uint8_t words[] = "what the registry says";
    item.as.governance.market = 0;
    item.as.governance.bytes = words;
    item.as.governance.size = sizeof(words);
    size_t size = tn_stream_write_block_item(bytes, sizeof(bytes), &item);
    assert_true(reads(&item, bytes, size));
    assert_memory_equal(item.as.governance.bytes, words, sizeof(words));
    refuses(bytes, 1 + 12 + 64, 13, "governance of nothing");
}

static void test_stream_items_with_any_byte_changed_are_refused_or_say_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        struct tn_block_item item;
        size_t size = vector_item(&item, NAMES[i]);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)reads(&item, bytes, size);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void test_stream_refuses_kinds_of_items_that_there_are_not(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 256; kind++) {
        bytes[0] = (uint8_t)kind;
        if (kind < TN_ITEM_REPORT || kind > TN_ITEM_EVIDENCE) {
            refuses(bytes, 100, 0, "no such kind of item");
        }
    }
    refuses(bytes, 0, 0, "the bytes end too early");
}

static void test_stream_reads_the_frames_of_the_page(void **state)
{
    (void)state;
    static const char *const KINDS[] = {
        NULL,         "PLACE",    "PLACE_OCO", "REPLACE",    "CANCEL",  "MASS_CANCEL",
        "MASS_QUOTE", "MMP_SET",  "MMP_RESET", "MMP_CANCEL", "PACKAGE", "BLOCK_TRADE",
        "TRANSFER",   "WITHDRAW", "MODEL",     "BID",        "REMIT"};
    struct tn_stream_fault fault;
    struct tn_frame frame = {.payload = NULL};
    for (uint8_t kind = TN_COMMAND_PLACE; kind <= TN_COMMAND_REMIT; kind++) {
        size_t size = vector(bytes, "frames.hex", KINDS[kind]);
        if (!tn_stream_read_payload(&frame, &fault, &scratch, bytes, size))
            fail_msg("%s", KINDS[kind]);
        assert_int_equal(frame.commands_count, 1);
        assert_int_equal(frame.commands[0].kind, kind);
        assert_int_equal(frame.commands[0].client_id, 6);
        assert_int_equal(frame.market, 1);
        assert_int_equal(frame.term, 2);
        assert_int_equal(frame.session, 3);
        assert_int_equal(frame.nonce, 4);
        assert_int_equal(frame.valid_until_block, 5);
        assert_int_equal(tn_stream_write_payload(again, sizeof(again), &frame), size);
        assert_memory_equal(again, bytes, size);
    }
    assert_int_equal(frame.commands[0].as.remit.amount, -9);
}

static void test_stream_signs_and_keeps_frames_as_the_page_says(void **state)
{
    (void)state;
    struct tn_stream_fault fault;
    struct tn_stream_item item;
    struct tn_hash digest;
    size_t used, size = vector(bytes, "frames.hex", "PLACE");
    tn_frame_digest(&digest, CHAIN_ID, bytes, size);
    expect_bytes("frames.hex", "DIGEST", digest.bytes, TN_HASH_SIZE);
    size = vector(bytes, "frames.hex", "FRAME_2");
    assert_true(tn_stream_read_item(&item, &used, &fault, &scratch, bytes, size));
    assert_int_equal(used, size);
    assert_counts(item.as.frame.signature.bytes, 64, 1);
    assert_int_equal(tn_stream_write_item(again, sizeof(again), &item), size);
    expect_bytes("frames.hex", "FRAME_2", again, size);
    size = vector(bytes, "frames.hex", "BLOCK_2");
    assert_true(tn_stream_read_item(&item, &used, &fault, &scratch, bytes, size));
    assert_int_equal(item.entry.as.block.time_ms, -2);
    assert_counts(item.as.block_hash.bytes, 32, 3);
    assert_int_equal(tn_stream_write_item(again, sizeof(again), &item), size);
    expect_bytes("frames.hex", "BLOCK_2", again, size);
    size = vector(bytes, "frames.hex", "TWO");
    assert_true(tn_stream_read_payload(&item.as.frame, &fault, &scratch, bytes, size));
    assert_int_equal(item.as.frame.commands_count, 2);
    assert_int_equal(item.as.frame.commands[1].client_id, 20);
}

/* ---- Bodies ---- */

static void add_item(struct tn_body_builder *builder, const char *name)
{
    struct tn_block_item item;
    size_t size = vector_item(&item, name);
    assert_true(tn_stream_body_add_item(builder, bytes, size, tn_stream_block_item_weight(&item)));
}

static void add_batches(struct tn_body_builder *builder)
{
    struct tn_hash digest;
    for (int i = 1; i <= 2; i++) {
        memset(digest.bytes, i, sizeof(digest.bytes));
        assert_true(tn_stream_body_add_batch(builder, &digest));
    }
}

static void test_stream_makes_the_body_of_the_page(void **state)
{
    (void)state;
    static uint8_t body[VECTOR_BYTES_MAX];
    struct tn_body_builder builder;
    struct tn_body_reader reader;
    struct tn_block_header header = {.version = TN_BLOCK_VERSION};
    struct tn_block_item item;
    struct tn_stream_fault fault;
    static const uint8_t kinds[] = {TN_ITEM_REPORT, TN_ITEM_DEPOSIT, TN_ITEM_TERM};
    tn_stream_body_begin(&builder, body, sizeof(body));
    add_batches(&builder);
    add_item(&builder, "ITEM_REPORT");
    add_item(&builder, "ITEM_DEPOSIT");
    add_item(&builder, "ITEM_LAGGED");
    tn_stream_body_end(&header, &builder);
    expect_bytes("items.hex", "BODY", body, header.body_size);
    expect_bytes("items.hex", "BODY_ROOT", header.body_root.bytes, TN_HASH_SIZE);
    assert_int_equal(header.batches_count, 2);
    assert_int_equal(builder.items_weight, 2 + 2 + 64);
    assert_true(tn_stream_block_body_check(&fault, &header, body, header.body_size));
    assert_true(tn_stream_body_open(&reader, &fault, &header, body, header.body_size));
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(tn_stream_body_next(&reader, &item, &fault, &scratch), TN_STREAM_ENTRY);
        assert_int_equal(item.kind, kinds[i]);
    }
    assert_int_equal(tn_stream_body_next(&reader, &item, &fault, &scratch), TN_STREAM_END);
    for (size_t bit = 0; bit < 8 * (size_t)header.body_size; bit++) {
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(tn_stream_block_body_check(&fault, &header, body, header.body_size));
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_false(tn_stream_block_body_check(&fault, &header, body, header.body_size - 1));
    header.evidence_root.bytes[0] = 1;
    assert_false(tn_stream_block_body_check(&fault, &header, body, header.body_size));
}

static void test_stream_body_without_items_is_as_it_was(void **state)
{
    (void)state;
    struct tn_body_builder builder;
    struct tn_block_header header = {.version = TN_BLOCK_VERSION};
    struct tn_hash batches[2], root;
    uint8_t body[64];
    memset(header.evidence_root.bytes, 7, TN_HASH_SIZE);
    tn_stream_body_begin(&builder, body, sizeof(body));
    add_batches(&builder);
    tn_stream_body_end(&header, &builder);
    memcpy(batches, body, sizeof(batches));
    tn_stream_block_body_root(&root, batches, 2);
    assert_true(tn_hash_equal(&root, &header.body_root));
    assert_int_equal(header.body_size, 64);
    for (uint32_t i = 0; i < TN_HASH_SIZE; i++)
        assert_int_equal(header.evidence_root.bytes[i], 0);
}

/* Two batch headers for one sequence. */
static size_t make_evidence(uint8_t *out, uint8_t signer)
{
    struct tn_block_item item = {.kind = TN_ITEM_EVIDENCE};
    struct tn_evidence *evidence = &item.as.evidence;
    evidence->kind = TN_EVIDENCE_BATCH;
    evidence->signer = signer;
    evidence->as.batches[0] = (struct tn_batch_header){.market = 1, .weight = 1};
    evidence->as.batches[1] = (struct tn_batch_header){.market = 1, .weight = 2};
    size_t size = tn_stream_write_block_item(out, VECTOR_BYTES_MAX, &item);
    assert_true(size > 0 && reads(&item, out, size));
    return size;
}

static void test_stream_evidence_has_a_root_of_its_own(void **state)
{
    (void)state;
    static uint8_t body[VECTOR_BYTES_MAX];
    struct tn_body_builder builder;
    struct tn_block_header header = {.version = TN_BLOCK_VERSION};
    struct tn_stream_tree tree;
    struct tn_stream_fault fault;
    struct tn_hash root;
    tn_stream_body_begin(&builder, body, sizeof(body));
    add_item(&builder, "ITEM_REPORT");
    tn_stream_tree_begin(&tree, TN_TREE_EVIDENCE);
    for (uint8_t signer = 0; signer < 3; signer++) {
        size_t size = make_evidence(bytes, signer);
        assert_true(tn_stream_body_add_item(&builder, bytes, size, 4));
        tn_stream_tree_add(&tree, bytes + 1, size - 1);
    }
    tn_stream_body_end(&header, &builder);
    tn_stream_tree_root(&root, &tree);
    assert_true(tn_hash_equal(&root, &header.evidence_root));
    assert_true(tn_stream_block_body_check(&fault, &header, body, header.body_size));
    memset(header.evidence_root.bytes, 0, TN_HASH_SIZE);
    assert_false(tn_stream_block_body_check(&fault, &header, body, header.body_size));
}

/* What the header's root covers, and still is no body. */
static void refuses_body(const uint8_t *body, size_t size, size_t at, const char *what)
{
    struct tn_block_header header = {.version = TN_BLOCK_VERSION, .body_size = (uint32_t)size};
    struct tn_stream_fault fault = {.what = "it was read"};
    assert_false(tn_stream_block_body_check(&fault, &header, body, size));
    assert_string_equal(fault.what, what);
    assert_int_equal(fault.at, at);
}

static void test_stream_refuses_a_body_of_too_many_items(void **state)
{
    (void)state;
    static uint8_t body[(TN_ITEMS_MAX + 1) * 6];
    for (size_t i = 0; i <= TN_ITEMS_MAX; i++) {
        body[6 * i + 3] = 2;
        body[6 * i + 4] = TN_ITEM_DEPOSIT;
    }
    refuses_body(body, sizeof(body), 6 * (size_t)TN_ITEMS_MAX, "more items than a block has");
    refuses_body(body, sizeof(body) - 6, 0, "the body has another root than the header says");
}

static void test_stream_refuses_bodies_that_are_not_filled_by_items(void **state)
{
    (void)state;
    static const uint8_t falling[] = {0, 0, 0, 2, 2, 0, 0, 0, 0, 2, 1, 0};
    static const uint8_t empty[] = {0, 0, 0, 1, 2};
    static const uint8_t cut[] = {0, 0, 0, 3, 2, 0};
    static const uint8_t large[] = {0, 2, 0, 1, 2, 0};
    static const uint8_t unknown[] = {0, 0, 0, 2, 8, 0};
    refuses_body(falling, sizeof(falling), 10, "an item of an unknown kind or out of order");
    refuses_body(empty, sizeof(empty), 0, "an item of nothing");
    refuses_body(cut, sizeof(cut), 6, "the bytes end too early");
    refuses_body(cut, 3, 3, "the bytes end too early");
    refuses_body(large, sizeof(large), 0, "an item larger than any is");
    refuses_body(unknown, sizeof(unknown), 4, "an item of an unknown kind or out of order");
    refuses_body(empty, 0, 0, "the body has another root than the header says");
}

static void test_stream_body_takes_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    static uint8_t body[TN_ITEMS_MAX * 6 + 6];
    static const uint8_t item[] = {TN_ITEM_DEPOSIT, 0};
    struct tn_body_builder builder;
    struct tn_hash digest = {{0}};
    tn_stream_body_begin(&builder, body, 63);
    assert_true(tn_stream_body_add_batch(&builder, &digest));
    assert_false(tn_stream_body_add_batch(&builder, &digest));
    tn_stream_body_begin(&builder, body, 66); /* four more: a length, and no item */
    assert_true(tn_stream_body_add_batch(&builder, &digest));
    for (uint32_t i = 0; i < 5; i++)
        assert_true(tn_stream_body_add_item(&builder, item, sizeof(item), 1));
    assert_false(tn_stream_body_add_item(&builder, item, sizeof(item), 1));
    assert_int_equal(builder.at, 62);
    tn_stream_body_begin(&builder, body, sizeof(body));
    for (uint32_t i = 0; i < TN_ITEMS_MAX; i++)
        assert_true(tn_stream_body_add_item(&builder, item, sizeof(item), 1));
    assert_false(tn_stream_body_add_item(&builder, item, sizeof(item), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_reads_every_item_of_the_page),
        cmocka_unit_test(test_stream_signs_of_items_what_the_page_says),
        cmocka_unit_test(test_stream_reads_reports_deposits_and_forced_frames),
        cmocka_unit_test(test_stream_refuses_other_entries_in_items),
        cmocka_unit_test(test_stream_refuses_items_that_are_too_large),
        cmocka_unit_test(test_stream_shows_owners_words_for_scopes_and_models),
        cmocka_unit_test(test_stream_operations_signed_by_a_wallet_are_their_owners),
        cmocka_unit_test(test_stream_operations_of_other_frames_are_signed_by_their_entry),
        cmocka_unit_test(test_stream_reads_operations_of_owners),
        cmocka_unit_test(test_stream_reads_ends_of_terms),
        cmocka_unit_test(test_stream_writes_no_term_that_it_would_refuse),
        cmocka_unit_test(test_stream_takes_governance_of_known_entries),
        cmocka_unit_test(test_stream_items_with_any_byte_changed_are_refused_or_say_so),
        cmocka_unit_test(test_stream_refuses_kinds_of_items_that_there_are_not),
        cmocka_unit_test(test_stream_reads_the_frames_of_the_page),
        cmocka_unit_test(test_stream_signs_and_keeps_frames_as_the_page_says),
        cmocka_unit_test(test_stream_makes_the_body_of_the_page),
        cmocka_unit_test(test_stream_body_without_items_is_as_it_was),
        cmocka_unit_test(test_stream_evidence_has_a_root_of_its_own),
        cmocka_unit_test(test_stream_refuses_a_body_of_too_many_items),
        cmocka_unit_test(test_stream_refuses_bodies_that_are_not_filled_by_items),
        cmocka_unit_test(test_stream_body_takes_no_more_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
