/* syncing: a client whose records go into a store beside the home's.
 *
 * Ends of epochs that were proved are kept here as well: each new attempt begins with an empty
 * store, and they are not asked for again. */
#include "cluster/syncing.h"

#include "cluster/sync_store.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct kept_epoch {
    struct sync_epoch epoch;
    uint8_t *bytes;
    struct kept_epoch *next;
};

struct syncing {
    struct syncing_config config;
    struct sync_client *client;
    struct sync_store *store; /* NULL: no attempt has begun */
    struct kept_epoch *epochs;
    int64_t began_us;
    uint64_t bans_noted;
};

static void client_send(void *context, uint16_t to, const uint8_t *bytes, size_t size)
{
    struct syncing *syncing = context;
    syncing->config.send(syncing->config.context, to, bytes, size);
}

static bool client_begin(void *context)
{
    struct syncing *syncing = context;
    sync_store_free(syncing->store);
    syncing->store = sync_store_make(syncing->config.home, syncing->config.limits);
    bool is_good = syncing->store != NULL;
    for (const struct kept_epoch *kept = syncing->epochs; kept != NULL && is_good;
         kept = kept->next)
        is_good = sync_store_put_epoch(syncing->store, &kept->epoch);
    const struct tn_checkpoint *checkpoint = sync_client_checkpoint(syncing->client);
    note("msg=sync_taking height=%llu epoch=%llu root=%s", (unsigned long long)checkpoint->height,
         (unsigned long long)checkpoint->epoch, hash_text(&checkpoint->state_root));
    return is_good;
}

static bool client_put(void *context, uint8_t kind, uint32_t index, const uint8_t *bytes,
                       size_t size)
{
    return sync_store_put(((struct syncing *)context)->store, kind, index, bytes, size);
}

static bool client_epoch(void *context, const struct sync_epoch *epoch)
{
    struct syncing *syncing = context;
    struct kept_epoch *kept = calloc(1, sizeof *kept);
    uint8_t *bytes = malloc(epoch->handover_size + epoch->set_size);
    if (kept == NULL || bytes == NULL) {
        complain("out of memory for the end of an epoch");
        free(kept);
        free(bytes);
        return false;
    }
    memcpy(bytes, epoch->handover, epoch->handover_size);
    memcpy(bytes + epoch->handover_size, epoch->set, epoch->set_size);
    *kept = (struct kept_epoch){.epoch = *epoch, .bytes = bytes, .next = syncing->epochs};
    kept->epoch.handover = bytes;
    kept->epoch.set = bytes + epoch->handover_size;
    syncing->epochs = kept;
    note("msg=sync_epoch epoch=%llu", (unsigned long long)epoch->epoch);
    return true;
}

struct syncing *syncing_make(const struct syncing_config *config, int64_t now_us)
{
    struct syncing *syncing = calloc(1, sizeof *syncing);
    if (syncing == NULL) {
        complain("out of memory");
        return NULL;
    }
    syncing->config = *config;
    syncing->began_us = now_us;
    uint64_t seed; /* if there is none, whom it asks first is foreseeable, and no more */
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = (uint64_t)now_us;
    const struct sync_client_config client = {.limits = config->limits,
                                              .signatures = config->signatures,
                                              .set = *config->set,
                                              .above = config->above,
                                              .seed = seed,
                                              .context = syncing,
                                              .send = client_send,
                                              .begin = client_begin,
                                              .put = client_put,
                                              .epoch = client_epoch};
    syncing->client = sync_client_make(&client);
    if (syncing->client != NULL) return syncing;
    complain("out of memory");
    free(syncing);
    return NULL;
}

void syncing_free(struct syncing *syncing)
{
    if (syncing == NULL) return;
    while (syncing->epochs != NULL) {
        struct kept_epoch *kept = syncing->epochs;
        syncing->epochs = kept->next;
        free(kept->bytes);
        free(kept);
    }
    sync_store_free(syncing->store);
    sync_client_free(syncing->client);
    free(syncing);
}

struct sync_client *syncing_client(struct syncing *syncing)
{
    return syncing->client;
}

uint64_t syncing_above(const struct syncing *syncing)
{
    return syncing->config.above;
}

enum syncing_answer syncing_turn(struct syncing *syncing, int64_t now_us)
{
    sync_client_turn(syncing->client, now_us);
    const struct sync_client_counters *counters = sync_client_counters(syncing->client);
    if (counters->bans > syncing->bans_noted) {
        note("msg=sync_ban peers=%llu why=\"what a peer served is not what the set certified\"",
             (unsigned long long)counters->bans);
        syncing->bans_noted = counters->bans;
    }
    const int64_t vain_us = sync_client_vain_us(syncing->client);
    switch (sync_client_state(syncing->client)) {
        case SYNC_CLIENT_ASKING:
            return vain_us >= syncing->config.patience_us ? SYNCING_VAIN : SYNCING_ON;
        case SYNC_CLIENT_PROVING:
        case SYNC_CLIENT_TAKING: return SYNCING_ON;
        case SYNC_CLIENT_WHOLE: return SYNCING_WHOLE;
        case SYNC_CLIENT_FAILED: break;
    }
    return SYNCING_FAILED;
}

enum syncing_load syncing_load(struct syncing *syncing, struct tn_chain *chain, int64_t now_us)
{
    const struct tn_checkpoint *checkpoint = sync_client_checkpoint(syncing->client);
    const struct sync_client_counters *counters = sync_client_counters(syncing->client);
    struct tn_hash root;
    if (!sync_store_load(syncing->store, &root, chain) ||
        !tn_hash_equal(&root, &checkpoint->state_root) ||
        tn_chain_heads(chain)->height != checkpoint->height) {
        note("msg=sync_wrong height=%llu why=\"the records do not add up to the certified root\"",
             (unsigned long long)checkpoint->height);
        sync_client_refuse(syncing->client, now_us);
        return SYNCING_WRONG;
    }
    if (!sync_store_take_place(syncing->store, checkpoint, chain, syncing->config.log_position)) {
        return SYNCING_BROKEN;
    }
    note("msg=sync_done height=%llu root=%s records=%llu bytes=%llu attempts=%llu ms=%lld",
         (unsigned long long)checkpoint->height, hash_text(&root),
         (unsigned long long)counters->records, (unsigned long long)counters->bytes,
         (unsigned long long)counters->attempts, (long long)(now_us - syncing->began_us) / 1000);
    return SYNCING_LOADED;
}

void syncing_text(const struct syncing *syncing, char text[SYNCING_TEXT_SIZE])
{
    static const char *const states[] = {[SYNC_CLIENT_ASKING] = "asking",
                                         [SYNC_CLIENT_PROVING] = "proving",
                                         [SYNC_CLIENT_TAKING] = "taking",
                                         [SYNC_CLIENT_WHOLE] = "whole",
                                         [SYNC_CLIENT_FAILED] = "failed"};
    const struct sync_client_counters *counters = sync_client_counters(syncing->client);
    snprintf(text, SYNCING_TEXT_SIZE,
             " voice=syncing sync=%s above=%llu target=%llu records=%llu bytes=%llu sources=%u "
             "bans=%llu vain_s=%lld",
             states[sync_client_state(syncing->client)], (unsigned long long)syncing->config.above,
             (unsigned long long)sync_client_checkpoint(syncing->client)->height,
             (unsigned long long)counters->records, (unsigned long long)counters->bytes,
             sync_client_sources(syncing->client), (unsigned long long)counters->bans,
             (long long)(sync_client_vain_us(syncing->client) / 1000000));
}
