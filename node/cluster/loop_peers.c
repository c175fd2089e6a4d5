/* Who the others are: the members of the present set that tenord.toml knows, under their index in
 * it.
 */
#include "cluster/loop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool sign_hello(void *context, struct tn_signature *signature, const struct tn_hash *digest)
{
    struct loop *loop = context;
    return loop->signing.signatures.sign(loop->signing.signatures.context, signature, digest,
                                         &loop->node->key);
}

static bool verify_hello(void *context, const struct tn_hash *digest,
                         const struct tn_signature *signature, const struct tn_public_key *key)
{
    struct loop *loop = context;
    return loop->signing.signatures.verify(loop->signing.signatures.context, digest, signature,
                                           key);
}

static const struct settings_peer *peer_of(const struct loop *loop, const struct tn_public_key *key)
{
    const struct settings *settings = &loop->node->settings;
    for (uint32_t i = 0; i < settings->peers_count; i++) {
        if (tn_public_key_equal(&settings->peers[i].key, key)) return &settings->peers[i];
    }
    return NULL;
}

/* Far more than a set at full speed sends. Questions too: a node that catches up asks for ranges,
 * batches and state at once, and whoever answers has his own measure. */
static void set_meters(struct loop *loop)
{
    struct tn_peer_meter_limits limits = TN_PEER_METER_LIMITS;
    limits.fetches = (struct tn_peer_rate){.rate = 1000, .burst = 2000};
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        tn_peer_meter_init(&loop->meters[i], &limits, clock_us(CLOCK_MONOTONIC));
}

/* Peers with their certificates, as the link is told of them. */
struct told {
    struct certificate texts[TN_PEERS_MAX];
    struct link_nng_peer peers[TN_PEERS_MAX];
    uint32_t count;
};

static bool tell(struct told *told, const struct settings_peer *conf, uint32_t id)
{
    size_t size;
    uint8_t *text = file_read(&size, conf->certificate, CERTIFICATE_TEXT_SIZE - 1);
    if (text == NULL) return false;
    char *certificate = told->texts[told->count].certificate;
    memcpy(certificate, text, size);
    certificate[size] = '\0';
    free(text);
    told->peers[told->count++] =
        (struct link_nng_peer){.id = (uint16_t)id,
                               .key = conf->key,
                               .certificate = certificate,
                               .address = conf->address[0] ? conf->address : NULL};
    return true;
}

/* Peers of tenord.toml that are not in the set: they have left it, or are to join. They follow. */
static bool tell_observers(struct told *told, const struct loop *loop,
                           const struct tn_validators *set)
{
    const struct settings *settings = &loop->node->settings;
    uint32_t id = TN_VALIDATORS_MAX;
    for (uint32_t i = 0; i < settings->peers_count; i++) {
        const struct settings_peer *conf = &settings->peers[i];
        if (tn_validators_find_key(set, &conf->key) != TN_NONE) continue;
        if (id == TN_PEERS_MAX) {
            note("msg=peer_left_out why=\"more peers than %u are not in the set\"",
                 TN_PEERS_MAX - TN_VALIDATORS_MAX);
            return true;
        }
        if (!tell(told, conf, id++)) return false;
    }
    return true;
}

/* The present set's members that tenord.toml knows are the peers, under their index; then those
 * that it names and the set does not have. */
bool loop_set_peers(struct loop *loop)
{
    const struct tn_validators *set = tn_sequencer_set(tn_member_sequencer(loop->member));
    static struct told told;
    char problem[LINK_PROBLEM_SIZE];
    told.count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct settings_peer *conf = peer_of(loop, &set->members[i].key);
        if (i == tn_member_index(loop->member)) continue;
        if (conf == NULL) {
            note("msg=peer_unknown index=%u why=\"tenord.toml has no peer with its key\"", i);
        } else if (!tell(&told, conf, i)) {
            return false;
        }
    }
    if (!tell_observers(&told, loop, set)) return false;
    loop->epoch = set->epoch;
    set_meters(loop);
    memset(loop->aways, 0, sizeof loop->aways);
    if (link_nng_set_peers(loop->link, problem, set->epoch, told.peers, told.count)) return true;
    complain("%s", problem);
    return false;
}

/* Why, once each time that it is away: a wrong address shows nowhere else. */
void loop_say_away(struct loop *loop)
{
    const int64_t now_us = loop->clock.now_us;
    for (uint16_t i = 0; i < TN_PEERS_MAX; i++) {
        struct away *away = &loop->aways[i];
        const char *why = link_nng_away(loop->link, i);
        if (why == NULL) {
            *away = (struct away){.since_us = 0};
        } else if (away->since_us == 0) {
            away->since_us = now_us;
        } else if (!away->is_said && why[0] != '\0' && now_us - away->since_us >= AWAY_SAY_US) {
            note("msg=peer_away peer=%u why=\"%s\"", i, why);
            away->is_said = true;
        }
    }
}

bool loop_open_link(struct loop *loop)
{
    char problem[LINK_PROBLEM_SIZE];
    static struct certificate identity;
    const struct settings_node *settings = &loop->node->settings.node;
    struct link_nng_options options = {
        .keys = {.context = loop, .sign = sign_hello, .verify = verify_hello},
        .listen = settings->listen[0] ? settings->listen : NULL,
        .uses_nng = settings->transport == 1};
    memcpy(options.chain_id.bytes, loop->set->limits.chain_id, TN_HASH_SIZE);
    if (!loop->signing.signatures.public_key(loop->signing.signatures.context, &options.key,
                                             &loop->node->key)) {
        complain("the key in %s is none", settings->key);
        return false;
    }
    if (!certificate_load(&identity, problem, settings->identity)) {
        complain("%s", problem);
        return false;
    }
    options.certificate = identity.certificate;
    options.private_key = identity.private_key;
    if (link_nng_open(&loop->link, problem, &options)) return loop_set_peers(loop);
    complain("[node] %s", problem);
    return false;
}
