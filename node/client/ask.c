/* Questions, and items of blocks: operations of owners, deposits, reports, governance. */
#include "client/internal.h"

#include <mbedtls/platform_util.h>
#include <stdlib.h>

/* ---- Questions ---------------------------------------------------------------------------------
 * All bodies of a question, of which one is filled in. */
struct bodies {
    Tenor__V1__GetCluster cluster;
    Tenor__V1__GetInstruments instruments;
    Tenor__V1__GetChain chain;
    Tenor__V1__GetBook book;
    Tenor__V1__GetTrades trades;
    Tenor__V1__GetAccount account;
    Tenor__V1__GetOrders orders;
    Tenor__V1__GetOwner owner;
    Tenor__V1__GetMargin margin;
    Tenor__V1__GetBlock block;
    Tenor__V1__GetProof proof;
    Tenor__V1__GetLiquidations liquidations;
    Tenor__V1__GetSession session;
    Tenor__V1__GetHandovers handovers;
    Tenor__V1__Trial trials[TN_CLIENT_TRIALS_MAX];
    Tenor__V1__Trial *list[TN_CLIENT_TRIALS_MAX];
};

static void fill_trials(struct bodies *bodies, const struct tn_question *question)
{
    for (uint32_t i = 0; i < question->trials_count; i++) {
        const struct tn_trial *in = &question->trials[i];
        Tenor__V1__Trial *out = &bodies->trials[i];
        tenor__v1__trial__init(out);
        out->series_id = in->series_id;
        out->position = in->position;
        out->price = in->price;
        out->bid_quantity = in->bid_quantity;
        out->ask_quantity = in->ask_quantity;
        bodies->list[i] = out;
    }
    bodies->margin.trials = bodies->list;
    bodies->margin.n_trials = question->trials_count;
}

static bool fill_market_data(Tenor__V1__ToNode *message, struct bodies *bodies,
                             const struct tn_question *question, uint32_t market)
{
    switch ((enum tn_question_kind)question->kind) {
        case TN_ASK_CLUSTER:
            tenor__v1__get_cluster__init(&bodies->cluster);
            message->get_cluster = &bodies->cluster;
            return true;
        case TN_ASK_INSTRUMENTS:
            tenor__v1__get_instruments__init(&bodies->instruments);
            bodies->instruments.market = market;
            bodies->instruments.after_series_id = question->after_series_id;
            message->get_instruments = &bodies->instruments;
            return true;
        case TN_ASK_CHAIN:
            tenor__v1__get_chain__init(&bodies->chain);
            bodies->chain.market = market;
            bodies->chain.underlying = question->underlying;
            bodies->chain.expiry_day = question->expiry_day;
            message->get_chain = &bodies->chain;
            return true;
        case TN_ASK_BOOK:
            tenor__v1__get_book__init(&bodies->book);
            bodies->book.series_id = question->series_id;
            bodies->book.market = market;
            bodies->book.depth = question->depth;
            message->get_book = &bodies->book;
            return true;
        case TN_ASK_TRADES:
            tenor__v1__get_trades__init(&bodies->trades);
            bodies->trades.market = market;
            bodies->trades.series_id = question->series_id;
            bodies->trades.count = question->count;
            message->get_trades = &bodies->trades;
            return true;
        case TN_ASK_BLOCK:
            tenor__v1__get_block__init(&bodies->block);
            bodies->block.height = question->height;
            message->get_block = &bodies->block;
            return true;
        case TN_ASK_LIQUIDATIONS:
            tenor__v1__get_liquidations__init(&bodies->liquidations);
            bodies->liquidations.market = market;
            bodies->liquidations.after_account = question->after_account;
            message->get_liquidations = &bodies->liquidations;
            return true;
        case TN_ASK_HANDOVERS:
            tenor__v1__get_handovers__init(&bodies->handovers);
            bodies->handovers.epoch = question->epoch;
            message->get_handovers = &bodies->handovers;
            return true;
        case TN_ASK_ACCOUNT:
        case TN_ASK_ORDERS:
        case TN_ASK_OWNER:
        case TN_ASK_MARGIN:
        case TN_ASK_PROOF:
        case TN_ASK_SESSION: return false;
    }
    return false;
}

static bool fill_account(Tenor__V1__ToNode *message, struct bodies *bodies,
                         const struct tn_question *question, uint32_t market)
{
    switch ((enum tn_question_kind)question->kind) {
        case TN_ASK_ACCOUNT:
            tenor__v1__get_account__init(&bodies->account);
            bodies->account.market = market;
            bodies->account.account = question->account;
            message->get_account = &bodies->account;
            return true;
        case TN_ASK_ORDERS:
            tenor__v1__get_orders__init(&bodies->orders);
            bodies->orders.market = market;
            bodies->orders.account = question->account;
            bodies->orders.after_order_id = question->after_order_id;
            message->get_orders = &bodies->orders;
            return true;
        case TN_ASK_OWNER:
            tenor__v1__get_owner__init(&bodies->owner);
            bodies->owner.market = market;
            bodies->owner.after_account = question->after_account;
            bodies->owner.owner.data = (uint8_t *)(uintptr_t)question->owner.bytes;
            bodies->owner.owner.len = sizeof question->owner.bytes;
            message->get_owner = &bodies->owner;
            return true;
        case TN_ASK_MARGIN:
            if (question->trials_count > TN_CLIENT_TRIALS_MAX) return false;
            tenor__v1__get_margin__init(&bodies->margin);
            bodies->margin.market = market;
            bodies->margin.account = question->account;
            fill_trials(bodies, question);
            message->get_margin = &bodies->margin;
            return true;
        case TN_ASK_PROOF:
            tenor__v1__get_proof__init(&bodies->proof);
            bodies->proof.market = market;
            bodies->proof.account = question->account;
            bodies->proof.series_id = question->series_id;
            message->get_proof = &bodies->proof;
            return true;
        case TN_ASK_SESSION:
            tenor__v1__get_session__init(&bodies->session);
            bodies->session.market = market;
            bodies->session.session = question->session;
            message->get_session = &bodies->session;
            return true;
        case TN_ASK_CLUSTER:
        case TN_ASK_INSTRUMENTS:
        case TN_ASK_CHAIN:
        case TN_ASK_BOOK:
        case TN_ASK_TRADES:
        case TN_ASK_BLOCK:
        case TN_ASK_LIQUIDATIONS:
        case TN_ASK_HANDOVERS: return false;
    }
    return false;
}

enum tn_client_result tn_client_ask(struct tn_client *client, uint64_t tag,
                                    const struct tn_question *question)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    struct bodies bodies;
    uint32_t market = question->market == 0 ? client->market : question->market;
    if (!fill_market_data(&message, &bodies, question, market) &&
        !fill_account(&message, &bodies, question, market)) {
        return TN_CLIENT_BAD;
    }
    message.request = client_request(tag);
    message.body_case = (Tenor__V1__ToNode__BodyCase)question->kind;
    return client_queue(client, &message, false);
}
/* A question's kind is the number of its field. */
_Static_assert((int)TN_ASK_CLUSTER == (int)TENOR__V1__TO_NODE__BODY_GET_CLUSTER &&
                   (int)TN_ASK_INSTRUMENTS == (int)TENOR__V1__TO_NODE__BODY_GET_INSTRUMENTS &&
                   (int)TN_ASK_CHAIN == (int)TENOR__V1__TO_NODE__BODY_GET_CHAIN &&
                   (int)TN_ASK_BOOK == (int)TENOR__V1__TO_NODE__BODY_GET_BOOK &&
                   (int)TN_ASK_TRADES == (int)TENOR__V1__TO_NODE__BODY_GET_TRADES &&
                   (int)TN_ASK_ACCOUNT == (int)TENOR__V1__TO_NODE__BODY_GET_ACCOUNT &&
                   (int)TN_ASK_ORDERS == (int)TENOR__V1__TO_NODE__BODY_GET_ORDERS &&
                   (int)TN_ASK_OWNER == (int)TENOR__V1__TO_NODE__BODY_GET_OWNER &&
                   (int)TN_ASK_MARGIN == (int)TENOR__V1__TO_NODE__BODY_GET_MARGIN &&
                   (int)TN_ASK_BLOCK == (int)TENOR__V1__TO_NODE__BODY_GET_BLOCK &&
                   (int)TN_ASK_PROOF == (int)TENOR__V1__TO_NODE__BODY_GET_PROOF &&
                   (int)TN_ASK_LIQUIDATIONS == (int)TENOR__V1__TO_NODE__BODY_GET_LIQUIDATIONS &&
                   (int)TN_ASK_SESSION == (int)TENOR__V1__TO_NODE__BODY_GET_SESSION &&
                   (int)TN_ASK_HANDOVERS == (int)TENOR__V1__TO_NODE__BODY_GET_HANDOVERS,
               "questions have the numbers of the protocol");

/* ---- Items -------------------------------------------------------------------------------------
 */

static enum tn_client_result queue_bytes(struct tn_client *client, uint64_t request, uint8_t kind,
                                         const uint8_t *bytes, size_t size)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Item item = TENOR__V1__ITEM__INIT;
    item.kind = (Tenor__V1__ItemKind)kind;
    item.bytes.data = (uint8_t *)(uintptr_t)bytes; /* read only */
    item.bytes.len = size;
    message.request = request;
    message.body_case = TENOR__V1__TO_NODE__BODY_ITEM;
    message.item = &item;
    return client_queue(client, &message, false);
}

enum tn_client_result tn_client_item_bytes(struct tn_client *client, uint64_t tag,
                                           enum tn_item_kind kind, const uint8_t *bytes,
                                           size_t size)
{
    if (kind < TN_ITEM_REPORT || kind > TN_ITEM_GOVERNANCE || size == 0) return TN_CLIENT_BAD;
    return queue_bytes(client, client_request(tag), (uint8_t)kind, bytes, size);
}

enum tn_client_result client_queue_item(struct tn_client *client, uint64_t request,
                                        const struct tn_block_item *item)
{
    size_t size = tn_stream_write_block_item(NULL, 0, item);
    if (size < 2 || size > TN_ITEM_BYTES_MAX) return TN_CLIENT_BAD;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) return TN_CLIENT_FULL;
    size_t written = tn_stream_write_block_item(bytes, size, item);
    TN_ASSERT(written == size && bytes[0] == item->kind);
    enum tn_client_result result = queue_bytes(client, request, item->kind, bytes + 1, size - 1);
    free(bytes);
    return result;
}

/* The bytes of the entry that the item carries, from malloc; NULL and *size 0: it carries none. */
static uint8_t *write_entry(uint32_t *size, const struct tn_block_item *item)
{
    const struct tn_entry *entry = NULL;
    *size = 0;
    if (item->kind == TN_ITEM_GOVERNANCE && item->as.governance.market != 0) {
        entry = &item->as.governance.entry;
    } else if (item->kind == TN_ITEM_OPERATION && item->as.operation.kind == TN_OPERATION_FRAME) {
        entry = &item->as.operation.entry;
    }
    size_t need = entry == NULL ? 0 : tn_stream_write_entry(NULL, 0, entry);
    if (need == 0 || need > TN_ITEM_BYTES_MAX) return NULL;
    uint8_t *bytes = malloc(need);
    if (bytes == NULL) return NULL;
    size_t written = tn_stream_write_entry(bytes, need, entry);
    TN_ASSERT(written == need);
    *size = (uint32_t)need;
    return bytes;
}

static bool sign(struct tn_client *client, struct tn_block_item *item,
                 const struct tn_secret_key *signer)
{
    const struct tn_signatures *signatures = &client->signatures;
    struct tn_operation *operation = &item->as.operation;
    struct tn_public_key public_key;
    struct tn_hash digest;
    if (item->kind == TN_ITEM_OPERATION) {
        if (!signatures->public_key(signatures->context, &public_key, signer)) return false;
        signatures->address(signatures->context, &operation->owner, &public_key);
        tn_stream_item_digest(&digest, client->chain_id, item);
        return signatures->sign_recoverable(signatures->context, &operation->signature, &digest,
                                            signer);
    }
    tn_stream_item_digest(&digest, client->chain_id, item);
    struct tn_signature *signature = item->kind == TN_ITEM_REPORT ? &item->as.report.signature
                                     : item->kind == TN_ITEM_DEPOSIT
                                         ? &item->as.deposit.signature
                                         : &item->as.governance.signature;
    return signatures->sign(signatures->context, signature, &digest, signer);
}

enum tn_client_result tn_client_item(struct tn_client *client, uint64_t tag,
                                     const struct tn_block_item *item,
                                     const struct tn_secret_key *signer)
{
    struct tn_block_item full = *item;
    if (item->kind != TN_ITEM_REPORT && item->kind != TN_ITEM_DEPOSIT &&
        item->kind != TN_ITEM_OPERATION && item->kind != TN_ITEM_GOVERNANCE) {
        return TN_CLIENT_BAD;
    }
    uint32_t size;
    uint8_t *bytes = write_entry(&size, item);
    if (bytes != NULL && item->kind == TN_ITEM_GOVERNANCE) {
        full.as.governance.bytes = bytes;
        full.as.governance.size = size;
    } else if (bytes != NULL) {
        full.as.operation.bytes = bytes;
        full.as.operation.size = size;
    }
    enum tn_client_result result = TN_CLIENT_BAD;
    if (tn_stream_write_block_item(NULL, 0, &full) > 0) {
        result = sign(client, &full, signer) ? client_queue_item(client, client_request(tag), &full)
                                             : TN_CLIENT_NO_KEY;
    }
    free(bytes);
    return result;
}
