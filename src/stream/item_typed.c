/* What an owner signs: his operation as typed data (EIP-712), so that any wallet of the base layer
 * can show and sign it. docs/specs/items.md §4 has the types.
 *
 * Numbers that are bits or codes for us are words for him: a model, a scope, the kinds of commands.
 * Each word stands for one number only, so a signature is of one item. A frame that is one
 * withdrawal or one transfer is shown as that; of other frames he sees the kinds of their commands,
 * and the hash of the entry binds the rest. */
#include "stream/item.h"
#include "tenor/margin.h"

enum { WORD_BYTES = 32, SCOPES_COUNT = 5 };

struct text {
    const char *bytes;
    size_t size;
};
#define TEXT(literal)                                                                              \
    (struct text)                                                                                  \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void add_text(struct tn_keccak *keccak, struct text text)
{
    tn_keccak_add(keccak, text.bytes, text.size);
}

static struct tn_hash hash_of(const void *bytes, size_t size)
{
    struct tn_hash hash;
    tn_keccak256(&hash, bytes, size);
    return hash;
}

static struct tn_hash hash_text(struct text text)
{
    return hash_of(text.bytes, text.size);
}

/* ---- Members of a struct, 32 bytes each ---- */

static void add_hash(struct tn_keccak *keccak, struct tn_hash hash)
{
    tn_keccak_add(keccak, hash.bytes, WORD_BYTES);
}

static void add_unsigned(struct tn_keccak *keccak, uint64_t value)
{
    uint8_t word[WORD_BYTES] = {0};
    tn_put_be(word + WORD_BYTES - 8, value, 8);
    tn_keccak_add(keccak, word, WORD_BYTES);
}

static void add_signed(struct tn_keccak *keccak, int64_t value)
{
    uint8_t word[WORD_BYTES];
    memset(word, value < 0 ? 0xff : 0, WORD_BYTES);
    tn_put_be(word + WORD_BYTES - 8, (uint64_t)value, 8);
    tn_keccak_add(keccak, word, WORD_BYTES);
}

static void add_address(struct tn_keccak *keccak, const struct tn_address *address)
{
    uint8_t word[WORD_BYTES] = {0};
    memcpy(word + WORD_BYTES - TN_ADDRESS_SIZE, address->bytes, TN_ADDRESS_SIZE);
    tn_keccak_add(keccak, word, WORD_BYTES);
}

/* ---- Words ---- */

static struct tn_hash hash_decimal(uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return hash_of(digits + at, sizeof digits - at);
}

static struct tn_hash hash_model(uint8_t model)
{
    if (model == TN_MARGIN_PORTFOLIO) return hash_text(TEXT("portfolio"));
    if (model == TN_MARGIN_STANDARD) return hash_text(TEXT("standard"));
    return hash_decimal(model);
}

/* "trade, cancel"; "nothing"; digits when there is a bit without a name. */
static struct tn_hash hash_scope(uint32_t scope)
{
    const struct text names[SCOPES_COUNT] = {TEXT("trade"), TEXT("quote"), TEXT("cancel"),
                                             TEXT("transfer"), TEXT("model")};
    struct tn_keccak keccak;
    struct tn_hash hash;
    bool is_first = true;
    if (scope == 0) return hash_text(TEXT("nothing"));
    if (scope >> SCOPES_COUNT != 0) return hash_decimal(scope);
    tn_keccak_begin(&keccak);
    for (uint32_t i = 0; i < SCOPES_COUNT; i++) {
        if ((scope >> i & 1) == 0) continue;
        if (!is_first) add_text(&keccak, TEXT(", "));
        add_text(&keccak, names[i]);
        is_first = false;
    }
    tn_keccak_end(&keccak, &hash);
    return hash;
}

static struct text command_name(uint8_t kind)
{
    switch ((enum tn_command_kind)kind) {
        case TN_COMMAND_PLACE: return TEXT("place");
        case TN_COMMAND_PLACE_OCO: return TEXT("place_oco");
        case TN_COMMAND_REPLACE: return TEXT("replace");
        case TN_COMMAND_CANCEL: return TEXT("cancel");
        case TN_COMMAND_MASS_CANCEL: return TEXT("mass_cancel");
        case TN_COMMAND_MASS_QUOTE: return TEXT("mass_quote");
        case TN_COMMAND_MMP_SET: return TEXT("mmp_set");
        case TN_COMMAND_MMP_RESET: return TEXT("mmp_reset");
        case TN_COMMAND_MMP_CANCEL: return TEXT("mmp_cancel");
        case TN_COMMAND_PACKAGE: return TEXT("package");
        case TN_COMMAND_BLOCK_TRADE: return TEXT("block_trade");
        case TN_COMMAND_TRANSFER: return TEXT("transfer");
        case TN_COMMAND_WITHDRAW: return TEXT("withdraw");
        case TN_COMMAND_MODEL: return TEXT("model");
        case TN_COMMAND_BID: return TEXT("bid");
        case TN_COMMAND_REMIT: return TEXT("remit");
    }
    TN_ASSERT(false); /* neither read nor written by stream */
    return TEXT("");
}

static struct tn_hash hash_commands(const struct tn_entry *entry)
{
    struct tn_keccak keccak;
    struct tn_hash hash;
    tn_keccak_begin(&keccak);
    for (uint32_t i = 0; i < entry->as.frame.commands_count; i++) {
        if (i > 0) add_text(&keccak, TEXT(", "));
        add_text(&keccak, command_name(entry->as.frame.commands[i].kind));
    }
    tn_keccak_end(&keccak, &hash);
    return hash;
}

/* ---- The structs ---- */

/* What all begin with. */
#define OWNER_AND_MARKET "address owner,uint32 market,"
#define FRAME_MEMBERS    OWNER_AND_MARKET "uint32 account,uint64 nonce,uint64 valid_until_block,"

static void begin(struct tn_keccak *keccak, struct text type, const struct tn_operation *operation)
{
    tn_keccak_begin(keccak);
    add_hash(keccak, hash_text(type));
    add_address(keccak, &operation->owner);
    add_unsigned(keccak, operation->market);
}

static void begin_open(struct tn_keccak *keccak, const struct tn_operation *operation)
{
    begin(keccak, TEXT("OpenAccount(" OWNER_AND_MARKET "uint64 number,string model)"), operation);
    add_unsigned(keccak, operation->number);
    add_hash(keccak, hash_model(operation->model));
}

static void begin_session(struct tn_keccak *keccak, const struct tn_operation *operation)
{
    begin(keccak,
          TEXT("AddSession(" OWNER_AND_MARKET
               "uint64 number,uint32 account,bytes key,string scope,int64 expires_ms)"),
          operation);
    add_unsigned(keccak, operation->number);
    add_unsigned(keccak, operation->account);
    add_hash(keccak, hash_of(operation->key.bytes, TN_PUBLIC_KEY_SIZE));
    add_hash(keccak, hash_scope(operation->scope));
    add_signed(keccak, operation->expires_ms);
}

static void begin_revoke(struct tn_keccak *keccak, const struct tn_operation *operation)
{
    begin(keccak, TEXT("RevokeSession(" OWNER_AND_MARKET "uint64 number,uint64 session)"),
          operation);
    add_unsigned(keccak, operation->number);
    add_unsigned(keccak, operation->session);
}

static void begin_frame(struct tn_keccak *keccak, struct text type,
                        const struct tn_operation *operation)
{
    const struct tn_entry *entry = &operation->entry;
    begin(keccak, type, operation);
    add_unsigned(keccak, entry->as.frame.account);
    add_unsigned(keccak, entry->as.frame.nonce);
    add_unsigned(keccak, entry->as.frame.valid_until_block);
}

static void begin_withdraw(struct tn_keccak *keccak, const struct tn_operation *operation)
{
    const struct tn_command *command = &operation->entry.as.frame.commands[0];
    begin_frame(
        keccak,
        TEXT("Withdraw(" FRAME_MEMBERS "uint64 client_id,uint32 asset,int64 amount_micros)"),
        operation);
    add_unsigned(keccak, command->client_id);
    add_unsigned(keccak, command->as.money.asset);
    add_signed(keccak, command->as.money.amount);
}

static void begin_transfer(struct tn_keccak *keccak, const struct tn_operation *operation)
{
    const struct tn_command *command = &operation->entry.as.frame.commands[0];
    begin_frame(keccak,
                TEXT("Transfer(" FRAME_MEMBERS
                     "uint64 client_id,uint32 to_account,uint32 asset,int64 amount_micros)"),
                operation);
    add_unsigned(keccak, command->client_id);
    add_unsigned(keccak, command->as.money.to_account);
    add_unsigned(keccak, command->as.money.asset);
    add_signed(keccak, command->as.money.amount);
}

static void begin_remit(struct tn_keccak *keccak, const struct tn_operation *operation)
{
    const struct tn_command *command = &operation->entry.as.frame.commands[0];
    begin_frame(keccak,
                TEXT("Remit(" FRAME_MEMBERS
                     "uint64 client_id,uint32 to_market,uint32 to_account,int64 amount_micros)"),
                operation);
    add_unsigned(keccak, command->client_id);
    add_unsigned(keccak, command->as.remit.to_market);
    add_unsigned(keccak, command->as.remit.to_account);
    add_signed(keccak, command->as.remit.amount);
}

static void begin_commands(struct tn_keccak *keccak, const struct tn_operation *operation)
{
    const struct tn_entry *entry = &operation->entry;
    TN_ASSERT(entry->kind == TN_ENTRY_FRAME); /* the signer's too: it is what `bytes` say */
    uint8_t kind = entry->as.frame.commands_count == 1 ? entry->as.frame.commands[0].kind : 0;
    if (kind == TN_COMMAND_WITHDRAW) {
        begin_withdraw(keccak, operation);
    } else if (kind == TN_COMMAND_TRANSFER) {
        begin_transfer(keccak, operation);
    } else if (kind == TN_COMMAND_REMIT) {
        begin_remit(keccak, operation);
    } else {
        begin_frame(keccak, TEXT("Commands(" FRAME_MEMBERS "string commands,bytes32 entry)"),
                    operation);
        add_hash(keccak, hash_commands(entry));
        add_hash(keccak, hash_of(operation->bytes, operation->size));
    }
}

static struct tn_hash hash_struct(const struct tn_operation *operation)
{
    struct tn_keccak keccak;
    struct tn_hash hash;
    switch ((enum tn_operation_kind)operation->kind) {
        case TN_OPERATION_OPEN: begin_open(&keccak, operation); break;
        case TN_OPERATION_SESSION: begin_session(&keccak, operation); break;
        case TN_OPERATION_REVOKE: begin_revoke(&keccak, operation); break;
        case TN_OPERATION_FRAME: begin_commands(&keccak, operation); break;
    }
    tn_keccak_end(&keccak, &hash);
    return hash;
}

static struct tn_hash hash_domain(const uint8_t chain_id[32])
{
    struct tn_keccak keccak;
    struct tn_hash hash;
    tn_keccak_begin(&keccak);
    add_hash(&keccak, hash_text(TEXT("EIP712Domain(string name,string version,bytes32 salt)")));
    add_hash(&keccak, hash_text(TEXT("Tenor")));
    add_hash(&keccak, hash_text(TEXT("1")));
    tn_keccak_add(&keccak, chain_id, WORD_BYTES);
    tn_keccak_end(&keccak, &hash);
    return hash;
}

void tn_stream_operation_digest(struct tn_hash *digest, const uint8_t chain_id[32],
                                const struct tn_operation *operation)
{
    static const uint8_t PREFIX[2] = {0x19, 0x01};
    TN_ASSERT(operation->kind >= TN_OPERATION_OPEN && operation->kind <= TN_OPERATION_FRAME);
    struct tn_keccak keccak;
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, PREFIX, sizeof PREFIX);
    add_hash(&keccak, hash_domain(chain_id));
    add_hash(&keccak, hash_struct(operation));
    tn_keccak_end(&keccak, digest);
}
