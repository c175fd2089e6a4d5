/* Subscriptions: remembered, so that each connection takes them up again with new snapshots. */
#include "client/internal.h"

#include <stdlib.h>
#include <string.h>

static enum tn_client_result send_subscribe(struct tn_client *client, uint64_t tag, uint32_t market,
                                            enum tn_channel channel, const uint64_t *series_ids,
                                            uint32_t series_count, uint32_t depth)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Subscribe body = TENOR__V1__SUBSCRIBE__INIT;
    body.market = market;
    body.channel = (Tenor__V1__Channel)channel;
    body.n_series_id = series_count;
    body.series_id = (uint64_t *)(uintptr_t)series_ids; /* read only */
    body.depth = depth;
    message.request = client_request(tag);
    message.body_case = TENOR__V1__TO_NODE__BODY_SUBSCRIBE;
    message.subscribe = &body;
    return client_queue(client, &message, false);
}

static bool is_same(const struct client_channel *channel, uint32_t market, enum tn_channel kind,
                    const uint64_t *series_ids, uint32_t series_count)
{
    return channel->channel == kind && channel->market == market &&
           channel->series_count == series_count &&
           (series_count == 0 ||
            memcmp(channel->series_ids, series_ids, series_count * sizeof *series_ids) == 0);
}

static struct client_channel *find(struct tn_client *client, uint32_t market, enum tn_channel kind,
                                   const uint64_t *series_ids, uint32_t series_count)
{
    for (uint32_t i = 0; i < TN_CLIENT_CHANNELS_MAX; i++) {
        struct client_channel *channel = &client->channels[i];
        if (channel->channel != 0 && is_same(channel, market, kind, series_ids, series_count)) {
            return channel;
        }
    }
    return NULL;
}

static void drop(struct client_channel *channel)
{
    free(channel->series_ids);
    *channel = (struct client_channel){.channel = 0};
}

/* A seat with the list copied; NULL: none, or no memory. */
static struct client_channel *remember(struct tn_client *client, const uint64_t *series_ids,
                                       uint32_t series_count)
{
    struct client_channel *channel = NULL;
    for (uint32_t i = 0; i < TN_CLIENT_CHANNELS_MAX && channel == NULL; i++) {
        if (client->channels[i].channel == 0) channel = &client->channels[i];
    }
    if (channel == NULL || series_count == 0) return channel;
    channel->series_ids = malloc(series_count * sizeof *series_ids);
    if (channel->series_ids == NULL) return NULL;
    memcpy(channel->series_ids, series_ids, series_count * sizeof *series_ids);
    return channel;
}

/* Is a part of a list that is remembered asked for anew, because it had a gap? Then there is
 * nothing more to remember. */
static bool is_part(const struct tn_client *client, uint32_t market, enum tn_channel kind,
                    const uint64_t *series_ids, uint32_t series_count)
{
    for (uint32_t i = 0; i < TN_CLIENT_CHANNELS_MAX; i++) {
        const struct client_channel *channel = &client->channels[i];
        if (channel->channel != kind || channel->market != market) continue;
        if (channel->series_count == 0) return series_count > 0;
        uint32_t found = 0;
        for (uint32_t k = 0; k < series_count; k++) {
            for (uint32_t n = 0; n < channel->series_count; n++) {
                if (channel->series_ids[n] == series_ids[k]) {
                    found++;
                    break;
                }
            }
        }
        if (series_count > 0 && found == series_count) return true;
    }
    return false;
}

enum tn_client_result tn_client_subscribe(struct tn_client *client, uint64_t tag, uint32_t market,
                                          enum tn_channel channel, const uint64_t *series_ids,
                                          uint32_t series_count, uint32_t depth)
{
    if (channel < TN_CHANNEL_BLOCKS || channel > TN_CHANNEL_TICKER_SOFT ||
        series_count > TN_CLIENT_SERIES_MAX) {
        return TN_CLIENT_BAD;
    }
    if (market == 0) market = client->market;
    struct client_channel *known = find(client, market, channel, series_ids, series_count);
    if (known == NULL && !is_part(client, market, channel, series_ids, series_count)) {
        known = remember(client, series_ids, series_count);
        if (known == NULL) return TN_CLIENT_FULL;
        known->market = market;
        known->channel = (uint8_t)channel;
        known->series_count = series_count;
    }
    if (known != NULL) {
        known->depth = depth;
        known->tag = tag;
    }
    if (client->phase != CLIENT_UP) return TN_CLIENT_OK; /* with the next connection */
    if (client_follow_is_soft(client, market, (uint8_t)channel) && !client_follow_may(client)) {
        client_follow_wanted(client);
        return TN_CLIENT_OK; /* at the leader's node */
    }
    return send_subscribe(client, tag, market, channel, series_ids, series_count, depth);
}

enum tn_client_result tn_client_unsubscribe(struct tn_client *client, uint64_t tag, uint32_t market,
                                            enum tn_channel channel, const uint64_t *series_ids,
                                            uint32_t series_count)
{
    if (series_count > TN_CLIENT_SERIES_MAX) return TN_CLIENT_BAD;
    if (market == 0) market = client->market;
    for (uint32_t i = 0; i < TN_CLIENT_CHANNELS_MAX; i++) {
        struct client_channel *known = &client->channels[i];
        if (known->channel != channel || known->market != market) continue;
        if (series_count == 0 || is_same(known, market, channel, series_ids, series_count)) {
            drop(known);
        }
    }
    if (client->phase != CLIENT_UP) return TN_CLIENT_OK;
    if (client_follow_is_soft(client, market, (uint8_t)channel) && !client_follow_may(client)) {
        return TN_CLIENT_OK;
    }
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Unsubscribe body = TENOR__V1__UNSUBSCRIBE__INIT;
    body.market = market;
    body.channel = (Tenor__V1__Channel)channel;
    body.n_series_id = series_count;
    body.series_id = (uint64_t *)(uintptr_t)series_ids; /* read only */
    message.request = client_request(tag);
    message.body_case = TENOR__V1__TO_NODE__BODY_UNSUBSCRIBE;
    message.unsubscribe = &body;
    return client_queue(client, &message, false);
}

/* Returns how many. */
static uint32_t send_again(struct tn_client *client, bool is_soft)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < TN_CLIENT_CHANNELS_MAX; i++) {
        const struct client_channel *channel = &client->channels[i];
        if (channel->channel == 0) continue;
        if (client_follow_is_soft(client, channel->market, channel->channel) != is_soft) continue;
        enum tn_client_result result =
            send_subscribe(client, channel->tag, channel->market, (enum tn_channel)channel->channel,
                           channel->series_ids, channel->series_count, channel->depth);
        if (result != TN_CLIENT_OK) {
            client_fail(client, "cannot subscribe again: %s", tn_client_result_text(result));
            return count;
        }
        count++;
    }
    return count;
}

void client_channels_again(struct tn_client *client)
{
    (void)send_again(client, false);
}

uint32_t client_channels_soft_again(struct tn_client *client)
{
    return send_again(client, true);
}

void client_channels_free(struct tn_client *client)
{
    for (uint32_t i = 0; i < TN_CLIENT_CHANNELS_MAX; i++)
        drop(&client->channels[i]);
}
