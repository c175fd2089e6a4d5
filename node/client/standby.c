/* The standby frame: "cancel everything", or all with a label, signed in advance, which the node
 * sends when this connection is lost.
 *
 * Its nonce is ahead of the ones in use and is left out by frames. An account's window of nonces is
 * 64 wide: executed, the standby must leave those that are still on their way usable, so it is at
 * most AHEAD in front; and it is signed anew before frames come near it, when the term changes, and
 * when its last block is near. */
#include "client/internal.h"

enum { AHEAD = 48, NEAR = 16, BLOCKS = 100000, PAUSE_MS = 100 };

uint64_t client_next_nonce(struct tn_client *client)
{
    uint64_t next = client->nonce_next;
    return next == client->standby_nonce ? next + 1 : next;
}

static bool is_good(const struct tn_client *client)
{
    return client->standby_nonce >= client->nonce_next + NEAR &&
           client->standby_term == client->term &&
           client->standby_until > client->height + BLOCKS / 2;
}

static bool send_standby(struct tn_client *client)
{
    struct tn_command cancel = {.kind = TN_COMMAND_MASS_CANCEL};
    if (client->on_disconnect == TN_CLIENT_CANCEL_LABEL) {
        cancel.as.mass_cancel.by = TN_BY_LABEL;
        cancel.as.mass_cancel.label = client->cancel_label;
    }
    struct tn_signature signature;
    const struct tn_frame frame = {.market = client->market,
                                   .term = client->term,
                                   .session = client->session,
                                   .nonce = client->nonce_next + AHEAD,
                                   .valid_until_block = client->height + BLOCKS,
                                   .commands = &cancel,
                                   .commands_count = 1};
    size_t size = client_sign_frame(client, &signature, &frame);
    if (size == 0) return false;
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Standby standby = TENOR__V1__STANDBY__INIT;
    Tenor__V1__SignedFrame body = TENOR__V1__SIGNED_FRAME__INIT;
    body.payload.data = client->payload;
    body.payload.len = size;
    body.signature.data = signature.bytes;
    body.signature.len = sizeof signature.bytes;
    standby.frame = &body;
    standby.dead_man_blocks = client->dead_man_blocks;
    message.request = CLIENT_REQUEST_OWN + CLIENT_OWN_STANDBY;
    message.body_case = TENOR__V1__TO_NODE__BODY_STANDBY;
    message.standby = &standby;
    if (client_queue(client, &message, false) != TN_CLIENT_OK)
        return false; /* the next frame tries */
    client->standby_nonce = frame.nonce;
    client->standby_term = frame.term;
    client->standby_until = frame.valid_until_block;
    return true;
}

void client_standby_renew(struct tn_client *client)
{
    if (client->on_disconnect == TN_CLIENT_ORDERS_STAY || client->phase != CLIENT_UP) return;
    if (is_good(client) || client->now_ms < client->standby_ms) return;
    if (!send_standby(client) || client->standby_told) return;
    client->standby_told = true;
    struct tn_client_news news = {.kind = TN_NEWS_STANDBY, .tag = UINT64_MAX};
    news.as.standby.is_held = true;
    client_tell(client, &news);
}

void client_standby_gone(struct tn_client *client)
{
    if (client->standby_nonce >= client->nonce_next) client->nonce_next = client->standby_nonce + 1;
    client->standby_nonce = 0;
    client->standby_told = false;
}

void client_standby_void(struct tn_client *client, uint16_t reject)
{
    struct tn_client_news news = {.kind = TN_NEWS_STANDBY, .tag = UINT64_MAX};
    news.as.standby.reject = reject;
    client_standby_gone(client);
    client->standby_ms = client->now_ms + PAUSE_MS; /* whatever it was: not in a circle */
    client_tell(client, &news);
}
