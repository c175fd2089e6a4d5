/* A fuzzer's bytes as what a market is given: entries of its stream, whole batches, items of
 * inboxes, records. Whatever they are, no crash: what is refused changes nothing, what is executed
 * keeps every invariant, and a market that records are accepted for writes the same records.
 *
 * The input is a script of pieces, `kind u8 ‖ size u16 ‖ bytes`. Kinds 7 and 12 sign what they are
 * given, so that a fuzzer gets past the signature; 13 to 15 are money from other markets and its
 * way back, of markets and accounts that there are, now and then. */
#include "tenor/market.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECE_HEAD = 3, TERM = 3, ITEMS_MAX = 1 << 16, OTHERS = 2, UNDER_WAY_MAX = 3 };

static struct world {
    struct tn_market_limits limits;
    struct tn_signatures signatures;
    struct tn_secret_key key;
    struct tn_public_key public_key;
    struct tn_market_scratch scratch;
    void *memory, *copy;
    struct tn_market *market;
    uint8_t items[ITEMS_MAX];
    uint32_t items_size, items_count;
    uint64_t height;
} world;

static void *room(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    if (memory == NULL) abort();
    memset(memory, 0, tn_align(size));
    return memory;
}

static void prepare(void)
{
    if (world.memory != NULL) return;
    tn_market_limits_default(&world.limits);
    world.limits.exchange.accounts_max = 8;
    world.limits.exchange.series_max = 8;
    world.limits.exchange.orders_max = 64;
    world.limits.exchange.levels_max = 64;
    world.limits.exchange.exposures_max = 32;
    world.limits.exchange.results_max = 64;
    world.limits.exchange.groups_max = 4;
    world.limits.exchange.fills_max = 16;
    world.limits.exchange.cancels_max = 16;
    world.limits.sessions_max = 4;
    world.limits.inboxes_max = 4;
    world.limits.inbox_bytes_max = 4096;
    tn_signatures_real(&world.signatures, room(tn_signatures_size()));
    world.key.bytes[31] = 7;
    world.signatures.public_key(world.signatures.context, &world.public_key, &world.key);
    world.memory = room(tn_market_size(&world.limits));
    world.copy = room(tn_market_size(&world.limits));
    world.scratch.events_max = tn_exchange_events_max(&world.limits.exchange);
    world.scratch.events = room(world.scratch.events_max * sizeof(struct tn_event));
    world.scratch.stream = room(sizeof *world.scratch.stream);
}

/* This market's id is below theirs. */
static void know_others(struct tn_market *market)
{
    uint32_t others[OTHERS];
    for (uint32_t i = 0; i < OTHERS; i++)
        others[i] = world.limits.market + 1 + i;
    tn_exchange_know_markets(tn_market_exchange(market), others, OTHERS, UNDER_WAY_MAX);
}

static void check_others(const struct tn_market *market)
{
    uint32_t other, out;
    for (uint32_t i = 0; tn_exchange_remits_out(tn_market_exchange_of(market), &other, &out, i);
         i++) {
        if (out > UNDER_WAY_MAX) abort();
    }
}

static void add_item(enum tn_inbox_item_kind kind, const uint8_t *bytes, size_t size)
{
    uint32_t left = world.limits.inbox_bytes_max - world.items_size;
    size_t needed = tn_inbox_write_item(world.items + world.items_size, left, kind, bytes, size);
    if (needed > left) return;
    world.items_size += (uint32_t)needed;
    world.items_count++;
}

/* What crosses markets, of small numbers; with a first byte above 199 the bytes as they are. */
static void add_remit(enum tn_inbox_item_kind kind, const uint8_t *bytes, size_t size)
{
    uint8_t *to = world.items + world.items_size;
    uint32_t left = world.limits.inbox_bytes_max - world.items_size;
    if (size < 6 || bytes[0] > 199) {
        add_item(kind, bytes, size);
        return;
    }
    struct tn_remit remit = {.amount = (tn_micros)tn_get_be(bytes + 2, 4) << bytes[1] % 20};
    uint32_t other = world.limits.market + bytes[0] % (OTHERS + 2);
    remit.from_market = kind == TN_INBOX_REMIT ? other : world.limits.market;
    remit.to_market = kind == TN_INBOX_REMIT ? world.limits.market : other;
    remit.from_account = kind == TN_INBOX_REMIT ? 7 : bytes[1] % 3;
    remit.to_account = kind == TN_INBOX_REMIT ? bytes[1] % 3 : 7;
    remit.reject = kind == TN_INBOX_REMIT ? 0 : TN_REJECT_ACCOUNT_UNKNOWN;
    memset(remit.owner, bytes[1] > 199 ? 2 : 1, sizeof remit.owner);
    size_t needed = kind == TN_INBOX_REMITS_ENDED
                        ? tn_inbox_write_remits_ended(to, left, other, bytes[1] % 5)
                        : tn_inbox_write_remit(to, left, &remit);
    if (needed > left) return;
    world.items_size += (uint32_t)needed;
    world.items_count++;
}

static void pass_block(bool is_consumed)
{
    const struct tn_market_out out = {.step = NULL};
    const struct tn_inbox inbox = {.height = world.height + 1,
                                   .time_ms = (int64_t)world.height * 100,
                                   .items = world.items,
                                   .items_size = world.items_size,
                                   .items_count = world.items_count};
    if (tn_market_inbox(world.market, &inbox)) world.height++;
    world.items_size = world.items_count = 0;
    if (is_consumed) tn_market_consume(world.market, &world.scratch, &out);
}

/* An account, money and a session for our key: number 1 in seat 0. */
static void begin(void)
{
    struct tn_inbox_session session = {.nonce = 1,
                                       .account = 0,
                                       .key = world.public_key,
                                       .scope = TN_SCOPE_ALL,
                                       .expires_ms = INT64_MAX};
    const struct tn_market_world lent = {.signatures = &world.signatures};
    uint8_t bytes[256];
    const struct tn_entry deposit = {.kind = TN_ENTRY_DEPOSIT, .as.deposit = {.amount = 1 << 30}};
    memset(world.memory, 0, tn_market_size(&world.limits));
    world.market = tn_market_init(world.memory, &world.limits);
    know_others(world.market);
    /* As if it had sent one: else hardly any input brings one back. */
    if (!tn_exchange_set_remits_out(tn_market_exchange(world.market), world.limits.market + 1, 1))
        abort();
    world.height = 0;
    world.items_size = world.items_count = 0;
    tn_market_lend(world.market, &lent);
    tn_market_begin(world.market, TERM);
    memset(session.owner, 1, sizeof session.owner);
    world.items_size +=
        (uint32_t)tn_inbox_write_account(world.items, ITEMS_MAX, session.owner, 1, 0);
    world.items_count++;
    add_item(TN_INBOX_ENTRY, bytes, tn_stream_write_entry(bytes, sizeof bytes, &deposit));
    world.items_size += (uint32_t)tn_inbox_write_session_open(
        world.items + world.items_size, ITEMS_MAX - world.items_size, &session);
    world.items_count++;
    pass_block(true);
    if (tn_market_sessions_count(world.market) != 1) abort();
}

static void note_fault(void *context, const struct tn_market_step *step)
{
    if (step->item == 0) *(enum tn_reject *)context = (enum tn_reject)step->fault;
}

/* What a leader is told before is what everybody finds after. */
static void apply_bytes(const uint8_t *bytes, size_t size)
{
    enum tn_reject fault_found = TN_REJECT_NONE;
    const struct tn_market_out out = {.step = note_fault, .context = &fault_found};
    struct tn_market_frame frame;
    struct tn_stream_fault fault;
    uint64_t before = tn_market_digest(world.market);
    enum tn_reject told =
        tn_market_check_frame(world.market, &frame, &world.scratch, TERM, bytes, size);
    if (tn_market_digest(world.market) != before) abort();
    bool is_applied = tn_market_apply(world.market, &fault, &world.scratch, &out, bytes, size);
    if (!is_applied &&
        (told != TN_REJECT_FRAME_MALFORMED || tn_market_digest(world.market) != before)) {
        abort();
    }
    if (is_applied && told != TN_REJECT_FRAME_MALFORMED && told != fault_found) abort();
}

static void apply_signed(const uint8_t *payload, size_t size)
{
    static uint8_t entry[1 << 17];
    struct tn_stream_item item = {.version = TN_ENTRY_VERSION_2, .entry.kind = TN_ENTRY_FRAME};
    struct tn_hash digest;
    item.as.frame.payload = payload;
    item.as.frame.payload_size = (uint32_t)size;
    tn_frame_digest(&digest, world.limits.chain_id, payload, size);
    world.signatures.sign(world.signatures.context, &item.as.frame.signature, &digest, &world.key);
    size_t entry_size = tn_stream_write_item(entry, sizeof entry, &item);
    if (entry_size > 0 && entry_size <= sizeof entry) apply_bytes(entry, entry_size);
}

/* A frame for this market whose one command is made of the bytes, and now and then its head. */
static void apply_made(const uint8_t *bytes, size_t size)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    struct tn_quote quotes[4] = {{0}};
    struct tn_command command = {0};
    struct tn_account_view view = {0};
    if (size < 2) return;
    tn_exchange_account(tn_market_exchange_of(world.market), &view, 0);
    struct tn_frame frame = {.market = world.limits.market + (bytes[0] == 1),
                             .term = TERM + (bytes[0] == 2),
                             .session = (UINT64_C(1) << 32) + (bytes[0] == 3),
                             .nonce = view.nonce_top + (bytes[0] != 4),
                             .valid_until_block = bytes[0] == 5 ? 0 : UINT64_MAX,
                             .commands = &command,
                             .commands_count = 1};
    size_t taken = size - 2 < sizeof command.as ? size - 2 : sizeof command.as;
    memcpy(&command.as, bytes + 2, taken);
    command.kind = (uint8_t)(1 + bytes[1] % TN_COMMAND_REMIT);
    if (command.kind == TN_COMMAND_REMIT)
        command.as.remit.to_market =
            world.limits.market + command.as.remit.to_market % (OTHERS + 2);
    if (command.kind == TN_COMMAND_MASS_QUOTE) {
        memcpy(quotes, bytes + 2, taken < sizeof quotes ? taken : sizeof quotes);
        command.as.mass_quote.quotes = quotes;
        command.as.mass_quote.quotes_count = 4;
    }
    if (command.kind == TN_COMMAND_PACKAGE) command.as.package.legs_count %= 9;
    if (command.kind == TN_COMMAND_BLOCK_TRADE) {
        command.as.block_trade.legs_count %= 9;
        command.as.block_trade.counterparty_signature =
            bytes[0] == 6 ? (const uint8_t *)quotes : NULL;
    }
    size_t length = tn_stream_write_payload(payload, sizeof payload, &frame);
    if (length > 0 && length <= sizeof payload) apply_signed(payload, length);
}

static void apply_batch(const uint8_t *body, size_t size)
{
    const struct tn_market_out out = {.step = NULL};
    const struct tn_market_blocks blocks = {.known = NULL};
    struct tn_market_executed executed;
    struct tn_batch_header header;
    struct tn_stream_fault fault;
    tn_market_check_batch(&header, &fault, world.scratch.stream, &blocks, 100, body, size);
    tn_market_execute_batch(world.market, &executed, &fault, &world.scratch, &out, body, size);
    tn_market_begin(world.market, TERM);
}

/* A record of the market, with a byte changed where the fuzzer says. */
static size_t spoilt_record(uint8_t *out, size_t out_size, const uint8_t spoil[4], uint8_t kind,
                            uint32_t index)
{
    size_t size = tn_market_record(world.market, out, out_size, kind, index);
    if (size > 0 && kind == TN_RECORD_SESSION + spoil[0] % 3) {
        out[(spoil[1] + 256u * spoil[2]) % size] ^= spoil[3];
    }
    return size;
}

/* All records out and in again. What is accepted is written again as it was read. */
static void read_back(const uint8_t *bytes, size_t size)
{
    static uint8_t record[1 << 16], again[1 << 16];
    struct tn_import_fault fault;
    if (size < 4) return;
    memset(world.copy, 0, tn_market_size(&world.limits));
    struct tn_market *copy = tn_market_init(world.copy, &world.limits);
    know_others(copy);
    for (uint8_t kind = 1; kind < TN_MARKET_KINDS; kind++) {
        for (uint32_t i = 0; i < tn_market_records_count(world.market, kind); i++) {
            size_t length = spoilt_record(record, sizeof record, bytes, kind, i);
            if (length > 0 && !tn_market_import(copy, &fault, kind, i, record, length)) return;
        }
    }
    if (!tn_market_import_end(copy, &fault)) return;
    tn_market_check(copy);
    for (uint8_t kind = TN_RECORD_SESSION; kind < TN_MARKET_KINDS; kind++) {
        for (uint32_t i = 0; i < tn_market_records_count(world.market, kind); i++) {
            size_t length = spoilt_record(record, sizeof record, bytes, kind, i);
            size_t written = tn_market_record(copy, again, sizeof again, kind, i);
            if (written != length || memcmp(record, again, length) != 0) abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    begin();
    while (size >= PIECE_HEAD) {
        uint8_t kind = data[0] & 15;
        size_t length = (size_t)data[1] << 8 | data[2];
        data += PIECE_HEAD;
        size -= PIECE_HEAD;
        if (length > size) length = size;
        if (kind == 0) apply_bytes(data, length);
        if (kind >= 1 && kind <= 6) add_item((enum tn_inbox_item_kind)kind, data, length);
        if (kind == 7) apply_signed(data, length);
        if (kind == 8) pass_block(false);
        if (kind == 9) pass_block(true);
        if (kind == 10) apply_batch(data, length);
        if (kind == 11) read_back(data, length);
        if (kind == 12) apply_made(data, length);
        if (kind >= 13)
            add_remit((enum tn_inbox_item_kind)(TN_INBOX_REMIT + kind - 13), data, length);
        data += length;
        size -= length;
    }
    pass_block(true);
    tn_market_check(world.market);
    check_others(world.market);
    return 0;
}
