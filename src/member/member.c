/* member: memory, routing, and the turn.
 *
 * Each message goes to the one core that its kind names. A core's calls never call another core
 * back: they leave a mark (wake, terms_moved), and settle() carries the news on until there is
 * none, or so many rounds went by that the rest may wait for the next turn. So every core is only
 * ever entered from here. */
#include "member/internal.h"

/* ---- Memory ------------------------------------------------------------------------------------
 */

static void *region(unsigned char *memory, size_t *used, size_t size)
{
    void *start = memory == NULL ? NULL : memory + *used;
    *used += tn_align(size);
    return start;
}

struct parts {
    void *chain, *sequencer, *gossip, *waiting, *desks[TN_CHAIN_MARKETS_MAX], *verified, *message;
    void *good, *sealed[SEALED_MAX];
    bool is_good; /* every part has a size */
};

static size_t lay_out(struct parts *parts, unsigned char *memory,
                      const struct tn_member_limits *limits)
{
    *parts = (struct parts){.is_good = true};
    size_t used = tn_align(sizeof(struct tn_member));
    const size_t sizes[] = {tn_chain_size(&limits->chain), tn_sequencer_size(&limits->sequencer),
                            tn_gossip_size(&limits->gossip), tn_waiting_size(&limits->waiting)};
    void **const places[] = {&parts->chain, &parts->sequencer, &parts->gossip, &parts->waiting};
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        parts->is_good = parts->is_good && sizes[i] > 0;
        *places[i] = region(memory, &used, sizes[i]);
    }
    for (uint32_t i = 0; limits->may_lead && i < limits->chain.markets_count; i++) {
        struct tn_desk_limits desk = limits->desk;
        desk.market = limits->chain.markets[i];
        size_t size = tn_desk_size(&desk);
        parts->is_good = parts->is_good && size > 0;
        parts->desks[i] = region(memory, &used, size);
    }
    parts->verified = region(memory, &used, VERIFIED_SLOTS * sizeof(struct tn_member_signed));
    parts->message = region(memory, &used, TN_PEER_MESSAGE_MAX);
    if (!limits->may_lead) return used;
    parts->good = region(memory, &used, DIRECT_MAX * sizeof(struct tn_member_signed));
    for (uint32_t i = 0; i < SEALED_MAX; i++)
        parts->sealed[i] =
            region(memory, &used, TN_GOSSIP_BATCH_PREFIX + limits->desk.batch_bytes_max);
    return used;
}

size_t tn_member_size(const struct tn_member_limits *limits)
{
    struct parts parts;
    if (limits->chain.markets_count < 1 || limits->chain.markets_count > TN_CHAIN_MARKETS_MAX) {
        return 0;
    }
    size_t size = lay_out(&parts, NULL, limits);
    return parts.is_good ? size : 0;
}

uint32_t tn_member_place(const struct tn_member *member, uint32_t market)
{
    const struct tn_chain_limits *limits = &member->config.limits.chain;
    for (uint32_t i = 0; i < member->markets_count; i++) {
        if (limits->markets[i].market == market) return i;
    }
    return TN_NONE;
}

/* ---- Epochs ------------------------------------------------------------------------------------
 */

/* What the present set says of this node and of the others; after an epoch's first block. */
static void take_set(struct tn_member *member)
{
    const struct tn_registry *registry = tn_chain_registry(member->chain);
    struct tn_registry_heads heads;
    tn_registry_heads(registry, &heads);
    const struct tn_validators *set = tn_registry_set(registry, heads.epoch);
    const struct tn_signatures *real = &member->signatures;
    TN_ASSERT(set != NULL);
    member->set = *set;
    for (uint32_t i = 0; i < set->count; i++) {
        bool is_key = real->parse(real->context, &member->keys[i], &set->members[i].key);
        TN_ASSERT(is_key); /* the registry admits no other */
    }
    member->index =
        member->config.is_validator ? tn_validators_find_key(set, &member->own_key) : TN_NONE;
}

/* The pools know the set's members as peers, and an observer as one more, itself. */
static void tell_peers(struct tn_member *member)
{
    bool is_observer = member->index == TN_NONE;
    uint16_t count = (uint16_t)member->set.count;
    uint16_t self = is_observer ? count : (uint16_t)member->index;
    uint16_t peers_count = is_observer ? (uint16_t)(count + 1) : count;
    tn_gossip_set_peers(member->gossip, self, peers_count);
    tn_waiting_set_peers(member->waiting, self, peers_count);
}

static void follow_epoch(struct tn_member *member)
{
    struct tn_registry_heads heads;
    tn_registry_heads(tn_chain_registry(member->chain), &heads);
    if (heads.epoch == member->set.epoch) return;
    take_set(member);
    tell_peers(member);
    member->terms_moved = true;
}

static void tell_finality(struct tn_member *member)
{
    const struct tn_chain_heads *heads = tn_chain_heads(member->chain);
    for (uint32_t i = 0; i < member->markets_count; i++) {
        const struct tn_chain_stream *stream = &heads->streams[i];
        const struct tn_gossip_head head = {.market = stream->market,
                                            .term = stream->term,
                                            .sequence = stream->sequence,
                                            .digest = stream->digest};
        tn_gossip_final(member->gossip, &head, stream->term, member->clock.now_us);
        tn_member_desk_final(member, i);
        if (member->leads[i].resigned) member->terms_moved = true; /* at another head now */
    }
}

void tn_member_follow_chain(struct tn_member *member)
{
    follow_epoch(member);
    tell_finality(member);
    tn_waiting_recheck(member->waiting);
    member->wake = true;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

struct tn_member *tn_member_init(void *memory, const struct tn_member_config *config)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0);
    struct tn_member *member = memory;
    struct parts parts;
    memset(member, 0, sizeof *member);
    lay_out(&parts, memory, &config->limits);
    TN_ASSERT(parts.is_good);
    member->config = *config;
    member->markets_count = config->limits.chain.markets_count;
    member->verified = parts.verified;
    member->direct.good = parts.good;
    for (uint32_t i = 0; i < SEALED_MAX; i++)
        member->direct.sealed[i].message = parts.sealed[i];
    member->message = parts.message;
    member->sequencer_memory = parts.sequencer;
    tn_member_init_signatures(member);
    const struct tn_signatures *real = config->signatures;
    if (config->is_validator && !real->public_key(real->context, &member->own_key, &config->key)) {
        return NULL;
    }
    const struct tn_market_world world = tn_member_world(member);
    member->chain = tn_chain_init(parts.chain, &config->limits.chain, &config->genesis, &world);
    if (member->chain == NULL) return NULL;
    tn_member_ask_chain(member);
    for (uint32_t i = 0; i < member->markets_count; i++) {
        if (config->limits.may_lead && !tn_member_init_desk(member, i, parts.desks[i])) return NULL;
    }
    struct tn_gossip_host gossip;
    struct tn_waiting_host waiting;
    tn_member_gossip_host(member, &gossip);
    tn_member_waiting_host(member, &waiting);
    member->gossip = tn_gossip_init(parts.gossip, &config->limits.gossip, &gossip,
                                    &member->signatures, config->limits.chain.chain_id, 0, 1);
    member->waiting = tn_waiting_init(parts.waiting, &config->limits.waiting, &waiting, 0, 1);
    return member;
}

struct tn_chain *tn_member_chain(struct tn_member *member)
{
    return member->chain;
}

/* The chain's state is what the log goes on from: the set, the pools' heads and the engine follow.
 */
static void take_root(struct tn_member *member)
{
    if (member->sequencer != NULL) return;
    take_set(member);
    tell_peers(member);
    tell_finality(member);
    tn_member_root_engine(member);
}

static bool restore_batch(struct tn_member *member, uint8_t type, const uint8_t *bytes, size_t size)
{
    struct tn_signature signature;
    struct tn_batch_header header;
    struct tn_stream_fault fault;
    struct tn_hash digest;
    if (size <= TN_GOSSIP_BATCH_PREFIX || bytes[0] != TN_PEER_BATCH) return false;
    const uint8_t *body = bytes + TN_GOSSIP_BATCH_PREFIX;
    size_t body_size = size - TN_GOSSIP_BATCH_PREFIX;
    if (!tn_stream_read_batch_header(&header, &fault, body, body_size)) return false;
    memcpy(signature.bytes, bytes + 1, TN_SIGNATURE_SIZE);
    tn_gossip_add_stored(member->gossip, &signature, body, body_size, member->clock.now_us);
    tn_stream_batch_digest(&digest, &header);
    tn_member_note_logged(member, &digest);
    uint32_t place = tn_member_place(member, header.market);
    if (type != TN_MEMBER_SEALED || place == TN_NONE) return true;
    struct lead *lead = &member->leads[place];
    if (!lead->has_sealed || header.term > lead->sealed_term) lead->sealed_term = header.term;
    lead->has_sealed = true;
    return true;
}

bool tn_member_restore(struct tn_member *member, uint8_t type, const uint8_t *bytes, size_t size)
{
    TN_ASSERT(!member->is_started);
    take_root(member);
    if (type == TN_MEMBER_BATCH || type == TN_MEMBER_SEALED) {
        return restore_batch(member, type, bytes, size);
    }
    return tn_sequencer_restore(member->sequencer, type, bytes, size);
}

static void settle(struct tn_member *member)
{
    for (uint32_t round = 0; round < SETTLE_ROUNDS; round++) {
        const enum tn_sequencer_voice voice = tn_sequencer_voice(member->sequencer);
        if (voice != member->voice) {
            member->terms_moved = true;
            tn_gossip_stalls_again(member->gossip);
        }
        member->voice = voice;
        if (member->terms_moved) {
            member->terms_moved = false;
            tn_member_follow_terms(member);
        }
        tn_member_turn_desks(member);
        if (member->wake) {
            member->wake = false;
            tn_sequencer_wake(member->sequencer, member->clock.now_us);
        }
        if (!member->wake && !member->terms_moved) return;
    }
}

/* The clock never goes back here. */
static void take_clock(struct tn_member *member, const struct tn_member_clock *clock)
{
    if (clock->now_us > member->clock.now_us) member->clock.now_us = clock->now_us;
    member->clock.unix_ms = clock->unix_ms;
}

void tn_member_start(struct tn_member *member, const struct tn_member_clock *clock)
{
    TN_ASSERT(!member->is_started);
    take_clock(member, clock);
    take_root(member);
    member->is_started = true;
    member->terms_moved = true;
    tn_sequencer_start(member->sequencer, member->clock.now_us);
    settle(member);
}

/* ---- Input -------------------------------------------------------------------------------------
 */

static void dispatch(struct tn_member *member, uint16_t from, const uint8_t *bytes, size_t size)
{
    switch (bytes[0]) {
        case TN_PEER_PROPOSAL:
        case TN_PEER_VOTE:
        case TN_PEER_CERT:
        case TN_PEER_FETCH:
        case TN_PEER_DATA:
        case TN_PEER_STATUS:
        case TN_PEER_CKPT_VOTE:
        case TN_PEER_EVIDENCE:
        case TN_PEER_CKPT_CERT:
        case TN_PEER_VOTES_ASK:
        case TN_PEER_VOTES_HELD:
            tn_sequencer_message(member->sequencer, from, bytes, size, member->clock.now_us);
            return;
        case TN_PEER_BATCH:
        case TN_PEER_ANNOUNCE:
        case TN_PEER_BATCH_FETCH:
        case TN_PEER_HEADS:
        case TN_PEER_STALL:
        case TN_PEER_RESIGN:
            if (!tn_gossip_message(member->gossip, from, bytes, size, member->clock.now_us)) {
                member->counters.messages_malformed++;
            }
            if (bytes[0] == TN_PEER_STALL || bytes[0] == TN_PEER_RESIGN) member->wake = true;
            return;
        case TN_PEER_ITEM:
            tn_waiting_message(member->waiting, from, bytes, size, member->clock.now_us);
            member->wake = true;
            return;
        case TN_PEER_FRAME: tn_member_take_forwarded(member, from, bytes, size); return;
        case TN_PEER_RESULT: tn_member_take_result(member, from, bytes, size); return;
        default: member->counters.messages_unknown++; return;
    }
}

void tn_member_message(struct tn_member *member, uint16_t from, const uint8_t *bytes, size_t size,
                       const struct tn_member_clock *clock)
{
    TN_ASSERT(member->is_started);
    take_clock(member, clock);
    /* An epoch's end renumbers peers: this node's own index may come from the turn it came in. */
    if (size == 0 || from == member->index) {
        member->counters.messages_malformed++;
        return;
    }
    dispatch(member, from, bytes, size);
    settle(member);
}

void tn_member_peer_up(struct tn_member *member, uint16_t peer, const struct tn_member_clock *clock)
{
    take_clock(member, clock);
    if (peer >= member->set.count || peer == member->index) return;
    tn_gossip_peer_up(member->gossip, peer, member->clock.now_us);
    tn_waiting_peer_up(member->waiting, peer, member->clock.now_us);
}

void tn_member_frame(struct tn_member *member, uint64_t client, const uint8_t *bytes, size_t size,
                     const struct tn_member_clock *clock)
{
    TN_ASSERT(member->is_started && client < TN_MEMBER_CLIENTS);
    take_clock(member, clock);
    tn_member_take_frame(member, client, bytes, size);
    settle(member);
}

enum tn_waiting_answer tn_member_item(struct tn_member *member, uint8_t kind, const uint8_t *bytes,
                                      size_t size, const struct tn_member_clock *clock)
{
    TN_ASSERT(member->is_started);
    take_clock(member, clock);
    enum tn_waiting_answer answer =
        tn_waiting_add(member->waiting, kind, bytes, size, member->clock.now_us);
    member->wake = true;
    settle(member);
    return answer;
}

void tn_member_turn(struct tn_member *member, const struct tn_member_clock *clock)
{
    TN_ASSERT(member->is_started);
    take_clock(member, clock);
    tn_gossip_tick(member->gossip, member->clock.now_us);
    tn_waiting_tick(member->waiting, member->clock.now_us);
    tn_sequencer_tick(member->sequencer, member->clock.now_us);
    if (member->is_held) member->wake = true;
    tn_member_follow_terms(member);
    settle(member);
}

int64_t tn_member_timeout(const struct tn_member *member)
{
    int64_t next = member->is_held ? member->clock.now_us : tn_sequencer_timeout(member->sequencer);
    int64_t gossip = tn_gossip_next_us(member->gossip);
    int64_t waiting = tn_waiting_next_us(member->waiting);
    uint64_t desks = tn_member_desks_next(member);
    if (gossip < next) next = gossip;
    if (waiting < next) next = waiting;
    if (desks < (uint64_t)next) next = (int64_t)desks;
    return next;
}

/* ---- The log anew ------------------------------------------------------------------------------
 */

/* Batches above the final heads: those that a block which is not executed yet may name. */
static void record_batches(struct tn_member *member)
{
    const struct tn_chain_heads *heads = tn_chain_heads(member->chain);
    memset(member->logged, 0, sizeof member->logged);
    for (uint32_t i = 0; i < member->markets_count; i++) {
        const struct tn_chain_stream *stream = &heads->streams[i];
        struct tn_gossip_head head = {.market = stream->market,
                                      .term = stream->term,
                                      .sequence = stream->sequence,
                                      .digest = stream->digest};
        struct tn_gossip_batch batch;
        while (tn_gossip_next(member->gossip, &head, head.term, &batch)) {
            tn_member_log_batch(member, &batch);
            head.sequence = batch.header.sequence;
            head.digest = batch.digest;
        }
    }
}

/* That this key has sealed in a term: the last SEALED batch says it. */
static void record_sealed(struct tn_member *member)
{
    for (uint32_t i = 0; i < member->markets_count; i++) {
        const struct lead *lead = &member->leads[i];
        if (!lead->has_sealed) continue;
        struct tn_batch_header header = {.market = member->config.limits.chain.markets[i].market,
                                         .term = lead->sealed_term};
        uint8_t *message = member->message;
        memset(message, 0, TN_GOSSIP_BATCH_PREFIX);
        message[0] = TN_PEER_BATCH;
        memcpy(header.chain_id, member->config.limits.chain.chain_id, sizeof header.chain_id);
        tn_stream_write_batch_header(message + TN_GOSSIP_BATCH_PREFIX, &header);
        member->config.out.record(member->config.out.context, TN_MEMBER_SEALED, message,
                                  TN_GOSSIP_BATCH_PREFIX + TN_BATCH_HEADER_BYTES);
    }
}

void tn_member_record_all(struct tn_member *member)
{
    record_batches(member);
    record_sealed(member);
    tn_sequencer_record_all(member->sequencer);
}

/* ---- What stands -------------------------------------------------------------------------------
 */

const struct tn_member_counters *tn_member_counters(const struct tn_member *member)
{
    return &member->counters;
}

const struct tn_sequencer *tn_member_sequencer(const struct tn_member *member)
{
    return member->sequencer;
}

const struct tn_gossip *tn_member_gossip(const struct tn_member *member)
{
    return member->gossip;
}

const struct tn_waiting *tn_member_waiting(const struct tn_member *member)
{
    return member->waiting;
}

const struct tn_market *tn_member_desk_market(const struct tn_member *member,
                                              struct tn_desk_place *next, uint32_t place)
{
    const struct lead *lead = &member->leads[place];
    if (!lead->begun) return NULL;
    *next = tn_desk_place(lead->desk);
    return tn_desk_market(lead->desk);
}

void tn_member_desk(struct tn_member_desk *desk, const struct tn_member *member, uint32_t place)
{
    const struct tn_desk *own = member->leads[place].desk;
    memset(desk, 0, sizeof *desk);
    if (own == NULL) return;
    member_hold(member);
    desk->leads = tn_desk_leads(own);
    desk->next = tn_desk_place(own);
    desk->counts = *tn_desk_counts(own);
    member_release(member);
}

uint32_t tn_member_index(const struct tn_member *member)
{
    return member->index;
}
