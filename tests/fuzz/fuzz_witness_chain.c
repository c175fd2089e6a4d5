/* What a stranger may hand out as the state that a set's block needs: records, nodes and counts of
 * a right witness, changed by a fuzzer's bytes. Whatever they say, a chain takes them or says what
 * is wrong, in memory that does not grow; and what is found good is the witness that was written,
 * because the root is trusted.
 *
 * The block has a trade, money on its way to another market, a deposit and a session that closes.
 * Each edit takes eight bytes: what, where, and with what. */
#include "../unit/replica/chain_story.h"
#include "witness_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EDIT_BYTES = 8, OTHERS = 6, OTHERS_OWNER = 5 };

static struct made {
    struct tn_state_record *records;
    uint8_t *bytes, *nodes;
    uint32_t count, accounts[MARKETS], seats[MARKETS];
    size_t bytes_size, nodes_size;
} made;

static void *copy_of(const void *bytes, size_t size)
{
    void *copy = malloc(size);
    if (copy == NULL) abort();
    return memcpy(copy, bytes, size);
}

/* Some who have nothing to do with the block. */
static void open_others(void)
{
    for (uint32_t i = 0; i < OTHERS; i++) {
        cc_operate((struct tn_operation){.kind = TN_OPERATION_OPEN, .market = 1, .number = i + 1},
                   OTHERS_OWNER);
    }
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
    for (uint32_t i = 0; i < OTHERS; i++) {
        cc_operate((struct tn_operation){.kind = TN_OPERATION_SESSION,
                                         .market = 1,
                                         .number = 1,
                                         .account = i + 2,
                                         .scope = TN_SCOPE_ALL,
                                         .expires_ms = START_MS + TN_MS_PER_DAY,
                                         .key = cc_key(KEY_SESSION + OTHERS_OWNER)},
                   OTHERS_OWNER);
    }
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
    cc_pass(BLOCK_MS);
}

static void propose(void)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    struct tn_command command = {.kind = TN_COMMAND_REMIT};
    command.as.remit.to_market = 2;
    command.as.remit.amount = DOLLAR;
    cc_deposit(1, 3, DOLLAR);
    cc_operate((struct tn_operation){.kind = TN_OPERATION_REVOKE,
                                     .market = 1,
                                     .session = UINT64_C(5) << 32 | 4},
               OTHERS_OWNER);
    while ((tn_chain_heads(cc.chain)->height + 2) % cc.limits.exit_blocks == 0)
        cc_pass(BLOCK_MS);
    cc_pass(BLOCK_MS);
    order(0, 0, TN_SELL, 100000, 2);
    order(0, 1, TN_BUY, 100000, 1);
    const struct tn_stream_item item = cc_frame(payload, 0, 0, cc.leaders[0].term, &command, 1);
    cc_make_batch(0, 100, &item, 1);
    cc_propose(BLOCK_MS);
    wc_check();
}

static void make(void)
{
    cc_open(NULL);
    wc_open();
    open_trading(0);
    open_trading(1);
    open_others();
    propose();
    if (wc.nodes_size == 0) abort();
    made.count = wc.records_count;
    made.bytes_size = wc.bytes_size;
    made.nodes_size = wc.nodes_size;
    made.records = copy_of(wc.records, wc.records_count * sizeof *wc.records);
    made.bytes = copy_of(wc.bytes, wc.bytes_size);
    made.nodes = copy_of(wc.nodes, wc.nodes_size);
    for (uint32_t i = 0; i < MARKETS; i++) {
        made.accounts[i] = wc.needed.markets[i].accounts_count;
        made.seats[i] = wc.needed.markets[i].seats_count;
    }
}

static void put_back(void)
{
    wc.records_count = made.count;
    wc.bytes_size = made.bytes_size;
    wc.nodes_size = made.nodes_size;
    memcpy(wc.records, made.records, made.count * sizeof *made.records);
    memcpy(wc.bytes, made.bytes, made.bytes_size);
    memcpy(wc.nodes, made.nodes, made.nodes_size);
    for (uint32_t i = 0; i < MARKETS; i++) {
        wc.needed.markets[i].accounts_count = made.accounts[i];
        wc.needed.markets[i].seats_count = made.seats[i];
    }
}

/* A record whose bytes end elsewhere still lies within those that were written. */
static void resize(struct tn_state_record *record, uint32_t size)
{
    const size_t at = (size_t)(record->bytes - wc.bytes);
    const size_t room = wc.bytes_size - at;
    record->size = size < room ? size : room;
}

static void move_record(uint32_t from, uint32_t to)
{
    const struct tn_state_record record = wc.records[from];
    wc.records[from] = wc.records[to];
    wc.records[to] = record;
}

static void edit(const uint8_t data[EDIT_BYTES])
{
    const uint32_t where = (uint32_t)tn_get_be(data + 1, 3),
                   with = (uint32_t)tn_get_be(data + 4, 4);
    const uint32_t at = where % wc.records_count;
    struct tn_state_record *record = &wc.records[at];
    struct tn_witness_part *part = &wc.needed.markets[where % MARKETS];
    switch (data[0] % 10) {
        case 0: wc.bytes[where % wc.bytes_size] ^= data[7]; return;
        case 1: wc.bytes[where % wc.bytes_size] = data[7]; return;
        case 2: /* within one record, so that small ones are met as often as long ones */
            if (record->size == 0) return;
            wc.bytes[(size_t)(record->bytes - wc.bytes) + with % record->size] = data[4];
            return;
        case 3: wc.nodes[where % made.nodes_size] ^= data[7]; return;
        case 4:
            wc.nodes_size = with % 2 == 0 ? where % (made.nodes_size + 1) : made.nodes_size;
            return;
        case 5: record->name.index = data[4] % 2 == 0 ? data[7] : with; return;
        case 6: record->name.kind = data[7]; return;
        case 7:
            resize(record, data[4] % 4 == 0 ? data[7] : (uint32_t)record->size + data[7] % 9);
            return;
        case 8: move_record(at, with % wc.records_count); return;
        default:
            *(data[4] % 2 == 0 ? &part->accounts_count : &part->seats_count) =
                data[5] % 4 == 0 ? with : data[7] % 16;
            return;
    }
}

static bool is_as_made(void)
{
    bool is_same = wc.nodes_size == made.nodes_size &&
                   memcmp(wc.bytes, made.bytes, made.bytes_size) == 0 &&
                   memcmp(wc.nodes, made.nodes, made.nodes_size) == 0;
    for (uint32_t i = 0; i < made.count && is_same; i++) {
        const struct tn_state_record *one = &wc.records[i], *other = &made.records[i];
        is_same = one->name.kind == other->name.kind && one->name.index == other->name.index &&
                  one->bytes == other->bytes && one->size == other->size;
    }
    for (uint32_t i = 0; i < MARKETS; i++) {
        is_same = is_same && wc.needed.markets[i].accounts_count == made.accounts[i] &&
                  wc.needed.markets[i].seats_count == made.seats[i];
    }
    return is_same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (made.count == 0) make();
    put_back();
    for (size_t at = 0; at + EDIT_BYTES <= size; at += EDIT_BYTES)
        edit(data + at);
    wc.fault.what = NULL;
    enum wc_end end = wc_take(&cc.line[0].block);
    if ((end == WC_GOOD) != is_as_made()) abort();
    if (end == WC_JUDGED || end == WC_AFTER) abort(); /* behind the trusted root */
    if (end == WC_RECORD && (wc.fault.what == NULL || wc.fault.what[0] == '\0')) abort();
    return 0;
}
