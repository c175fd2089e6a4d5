/* Frames: commands that the session's key signs, named by their nonces. */
#include "client/internal.h"

size_t client_sign_frame(struct tn_client *client, struct tn_signature *signature,
                         const struct tn_frame *frame)
{
    struct tn_hash digest;
    size_t size = tn_stream_write_payload(client->payload, sizeof client->payload, frame);
    if (size == 0 || size > sizeof client->payload) return 0;
    tn_frame_digest(&digest, client->chain_id, client->payload, size);
    bool is_signed =
        client->signatures.sign(client->signatures.context, signature, &digest, &client->key);
    return is_signed ? size : 0;
}

/* Would a reader that is out of patience want this first? */
static bool only_cancels(const struct tn_command *commands, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t kind = commands[i].kind;
        if (kind != TN_COMMAND_CANCEL && kind != TN_COMMAND_MASS_CANCEL &&
            kind != TN_COMMAND_MMP_CANCEL) {
            return false;
        }
    }
    return count > 0;
}

static void fill_frame(struct tn_client *client, struct tn_frame *frame,
                       const struct tn_command *commands, uint32_t commands_count)
{
    *frame = (struct tn_frame){.market = client->market,
                               .term = client->term,
                               .session = client->session,
                               .nonce = client_next_nonce(client),
                               .valid_until_block = client->height + client->valid_blocks,
                               .commands = commands,
                               .commands_count = commands_count};
}

/* A frame that was queued is on its way from now on. */
static void add_flight(struct tn_client *client, const struct tn_frame *frame, uint64_t tag,
                       enum tn_client_wait wait, bool by_stream)
{
    const struct client_flight flight = {.nonce = frame->nonce,
                                         .tag = tag,
                                         .valid_until = frame->valid_until_block,
                                         .end = client->queued_end,
                                         .term = frame->term,
                                         .wait = (uint8_t)wait,
                                         .by_stream = by_stream};
    client_flight_add(client, &flight);
    client->nonce_next = frame->nonce + 1;
}

static enum tn_client_result may_send(const struct tn_client *client, uint64_t nonce)
{
    if (client->phase != CLIENT_UP) return TN_CLIENT_NOT_CONNECTED;
    if (!client->log_on) return TN_CLIENT_NOT_LOGGED_ON;
    return client_flight_has_room(client, nonce) ? TN_CLIENT_OK : TN_CLIENT_FULL;
}

enum tn_client_result tn_client_send(struct tn_client *client, uint64_t *nonce, uint64_t tag,
                                     const struct tn_command *commands, uint32_t commands_count,
                                     enum tn_client_wait wait)
{
    struct tn_frame frame;
    struct tn_signature signature;
    fill_frame(client, &frame, commands, commands_count);
    enum tn_client_result result = may_send(client, frame.nonce);
    if (result != TN_CLIENT_OK) return result;
    size_t size = client_sign_frame(client, &signature, &frame);
    if (size == 0) return TN_CLIENT_BAD;
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__SignedFrame body = TENOR__V1__SIGNED_FRAME__INIT;
    body.payload.data = client->payload;
    body.payload.len = size;
    body.signature.data = signature.bytes;
    body.signature.len = sizeof signature.bytes;
    body.wait = (Tenor__V1__Wait)wait;
    message.request = CLIENT_REQUEST_FRAME | frame.nonce;
    message.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
    message.frame = &body;
    result = client_queue(client, &message, only_cancels(commands, commands_count));
    if (result != TN_CLIENT_OK) return result;
    add_flight(client, &frame, tag, wait, false);
    if (nonce != NULL) *nonce = frame.nonce;
    client_standby_renew(client);
    return TN_CLIENT_OK;
}

enum tn_client_result tn_client_force(struct tn_client *client, uint64_t *nonce, uint64_t tag,
                                      const struct tn_command *commands, uint32_t commands_count)
{
    struct tn_block_item item = {.kind = TN_ITEM_FORCED};
    struct tn_frame *frame = &item.as.forced;
    fill_frame(client, frame, commands, commands_count);
    frame->term = 0;
    enum tn_client_result result = may_send(client, frame->nonce);
    if (result != TN_CLIENT_OK) return result;
    size_t size = client_sign_frame(client, &frame->signature, frame);
    if (size == 0) return TN_CLIENT_BAD;
    frame->payload = client->payload;
    frame->payload_size = (uint32_t)size;
    result = client_queue_item(client, CLIENT_REQUEST_FRAME | frame->nonce, &item);
    if (result != TN_CLIENT_OK) return result;
    add_flight(client, frame, tag, TN_WAIT_FINAL, true);
    if (nonce != NULL) *nonce = frame->nonce;
    client_standby_renew(client);
    return TN_CLIENT_OK;
}
