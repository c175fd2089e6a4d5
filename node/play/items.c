/* items: what goes into blocks, each signed by whoever may. */
#include "play/play.h"

#include "tenor/hex.h"
#include "tenor/item.h"
#include "tenor/margin.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>

enum { MARKET = 1 };

bool play_read_key(struct tn_secret_key *key, const char *net, const char *name)
{
    char path[CONF_PATH_SIZE];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", net, name);
    char *text = (char *)file_read(&size, path, 256);
    if (text == NULL) return false;
    text[size] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    bool is_good = tn_hex_read(key->bytes, sizeof key->bytes, text);
    free(text);
    if (!is_good) complain("%s holds no key", path);
    return is_good;
}

/* Keys of owners and sessions follow from the seed: a second run of the same seed has the same. */
void play_derive(struct tn_secret_key *key, const struct play *play, const char *role,
                 uint64_t number)
{
    uint8_t bytes[64] = {0};
    struct tn_hash hash;
    memcpy(bytes, role, strlen(role) < 32 ? strlen(role) : 32);
    tn_put_be(bytes + 40, play->options.seed, 8);
    tn_put_be(bytes + 48, number, 8);
    tn_keccak256(&hash, bytes, sizeof bytes);
    memcpy(key->bytes, hash.bytes, sizeof key->bytes);
    key->bytes[0] &= 0x7f; /* below the order */
}

static void send_item(struct play *play, struct tn_block_item *item)
{
    static uint8_t bytes[1 << 17];
    size_t size = tn_stream_write_block_item(bytes, sizeof bytes, item);
    TN_ASSERT(size > 1 && size <= sizeof bytes);
    wire_ask(&play->wires[play->options.node], CLIENT_ITEM, bytes, size);
}

static void sign(struct play *play, struct tn_signature *signature, struct tn_block_item *item,
                 const struct tn_secret_key *key)
{
    struct tn_hash digest;
    tn_stream_item_digest(&digest, play->set.limits.chain_id, item);
    bool is_signed = play->signatures.sign(play->signatures.context, signature, &digest, key);
    TN_ASSERT(is_signed);
}

void play_govern(struct play *play, const struct tn_entry *entry)
{
    static uint8_t bytes[TN_ENTRY_BYTES_MAX];
    struct tn_block_item item = {.kind = TN_ITEM_GOVERNANCE};
    item.as.governance.number = ++play->governance_number;
    item.as.governance.market = MARKET;
    item.as.governance.bytes = bytes;
    item.as.governance.size = (uint32_t)tn_stream_write_entry(bytes, sizeof bytes, entry);
    TN_ASSERT(item.as.governance.size > 0);
    sign(play, &item.as.governance.signature, &item, &play->governance);
    send_item(play, &item);
}

void play_deposit(struct play *play, uint32_t account, tn_micros amount)
{
    struct tn_block_item item = {.kind = TN_ITEM_DEPOSIT};
    item.as.deposit.number = ++play->deposit_number;
    item.as.deposit.market = MARKET;
    item.as.deposit.account = account;
    item.as.deposit.amount = amount;
    sign(play, &item.as.deposit.signature, &item, &play->faucet);
    send_item(play, &item);
}

static void sign_operation(struct play *play, struct tn_block_item *item, uint32_t owner)
{
    struct tn_public_key key;
    struct tn_hash digest;
    const struct tn_signatures *real = &play->signatures;
    struct tn_operation *operation = &item->as.operation;
    bool is_signed = real->public_key(real->context, &key, &play->owners[owner]) &&
                     real->address(real->context, &operation->owner, &key);
    tn_stream_item_digest(&digest, play->set.limits.chain_id, item);
    is_signed = is_signed && real->sign_recoverable(real->context, &operation->signature, &digest,
                                                    &play->owners[owner]);
    TN_ASSERT(is_signed);
    send_item(play, item);
}

void play_open(struct play *play, uint32_t owner, uint64_t number)
{
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    item.as.operation.kind = TN_OPERATION_OPEN;
    item.as.operation.market = MARKET;
    item.as.operation.number = number;
    item.as.operation.model = TN_MARGIN_PORTFOLIO;
    sign_operation(play, &item, owner);
}

void play_session(struct play *play, uint32_t owner, struct play_account *account)
{
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    struct tn_operation *operation = &item.as.operation;
    operation->kind = TN_OPERATION_SESSION;
    operation->market = MARKET;
    operation->number = ++account->nonce;
    operation->account = account->account;
    operation->scope = TN_SCOPE_ALL;
    operation->expires_ms = play->unix_ms + INT64_C(30) * 86400000;
    bool is_key =
        play->signatures.public_key(play->signatures.context, &operation->key, &account->key);
    TN_ASSERT(is_key);
    sign_operation(play, &item, owner);
}

void play_report(struct play *play, uint32_t feeder, const struct tn_report *report)
{
    struct tn_block_item item = {.kind = TN_ITEM_REPORT};
    item.as.report.market = MARKET;
    item.as.report.report = *report;
    sign(play, &item.as.report.signature, &item, &play->feeders[feeder]);
    send_item(play, &item);
    play->figures.reports++;
}
