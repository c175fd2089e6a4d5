/* attack: all Byzantine machines are one attacker, who has their keys, hears what any of them hears
 * and bends what their engines say: other blocks to others, votes for everything, certificates kept
 * back, old parents, old messages, noise.
 *
 * An attack may do anything but sign with an honest key. Which ones a run has is the seed's. */
#include "sim/attack.h"

#include "tenor/item.h"

#include <stdlib.h>
#include <string.h>

const char SIM_NAME[] = "tenor-sim";
const char *const SIM_ATTACK_WORDS[] = {
#define X(name, word) word,
    SIM_ATTACK_TABLE(X)
#undef X
};
const uint32_t SIM_ATTACK_WORDS_COUNT = SIM_ATTACKS;

#define STASH_MAX     256u
#define WITHHELD_MAX  64u
#define HEADERS_MAX   64u
#define VOTE_BYTES    116u
#define PROPOSAL_HEAD (1u + 64u + 1u + TN_BLOCK_HEADER_BYTES)
#define FORGED_MAX    (64u << 10)

struct sim_attacker {
    uint64_t random;
    struct sim_message *stash[STASH_MAX]; /* anything that was said or heard */
    struct sim_message *withheld[WITHHELD_MAX];
    struct tn_block_header headers[HEADERS_MAX]; /* proposed, by anybody */
    uint64_t stashed, withheld_count, headers_count;
    int64_t silent_until_us;
    uint8_t forged[FORGED_MAX];
};

static bool has(const struct sim *sim, enum sim_attack attack)
{
    return (sim->options.attacks >> attack & 1) != 0;
}

static bool chance(struct sim_attacker *attacker, uint32_t percent)
{
    return tn_random_below(&attacker->random, 100) < percent;
}

static void keep(struct sim_message **slot, const uint8_t *bytes, size_t size)
{
    sim_message_release(*slot);
    *slot = sim_message_make(bytes, size);
}

static void shoot(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes, size_t size)
{
    struct sim_message *message = sim_message_make(bytes, size);
    sim_network_send(sim, machine, to, message);
    sim_message_release(message);
}

/* ---- Forging ---- */

static const struct tn_validators *set_of(const struct sim *sim, uint64_t epoch)
{
    if (epoch >= SIM_EPOCHS_MAX || !sim->world->epochs[epoch].there) return NULL;
    return &sim->world->epochs[epoch].set;
}

static bool sign(const struct sim *sim, uint32_t machine, struct tn_signature *signature,
                 const struct tn_hash *digest)
{
    const struct sim_world *world = sim->world;
    TN_ASSERT(sim->machines[machine].byzantine);
    return world->signatures.sign(world->signatures.context, signature, digest,
                                  &world->keys[sim->machines[machine].identity]);
}

static bool forge_vote(const struct sim *sim, uint32_t machine, uint8_t out[VOTE_BYTES],
                       enum tn_vote_type type, uint64_t epoch, uint64_t view,
                       const struct tn_hash *hash)
{
    const struct tn_validators *set = set_of(sim, epoch);
    struct tn_hash digest, subject = *hash;
    struct tn_signature signature;
    if (set == NULL) return false;
    uint32_t index = tn_validators_find_id(set, sim->machines[machine].identity);
    if (index == TN_NONE) return false;
    if (type == TN_VOTE_NULLIFY) memset(&subject, 0, sizeof subject);
    tn_vote_digest(&digest, sim->world->chain_id, epoch, type, view, &subject);
    if (!sign(sim, machine, &signature, &digest)) return false;
    out[0] = TN_PEER_VOTE;
    tn_put_be(out + 1, epoch, 8);
    out[9] = (uint8_t)type;
    tn_put_be(out + 10, view, 8);
    memcpy(out + 18, subject.bytes, TN_HASH_SIZE);
    tn_put_be(out + 50, index, 2);
    memcpy(out + 52, signature.bytes, TN_SIGNATURE_SIZE);
    return true;
}

/* A proposal with this header and body in the place of those it had; its certificates stay, or
 * are left out. Returns its size in attacker->forged. */
static size_t forge_proposal(struct sim *sim, uint32_t machine,
                             const struct tn_block_header *header, const uint8_t *body,
                             const uint8_t *certs, size_t certs_size, uint8_t certs_count)
{
    uint8_t *out = sim->attacker->forged;
    struct tn_hash hash, digest;
    struct tn_signature signature;
    size_t size = PROPOSAL_HEAD + header->body_size + certs_size;
    if (size > FORGED_MAX) return 0;
    tn_stream_block_hash(&hash, sim->world->chain_id, header);
    tn_vote_digest(&digest, sim->world->chain_id, header->epoch, TN_VOTE_NOTARIZE, header->view,
                   &hash);
    if (!sign(sim, machine, &signature, &digest)) return 0;
    out[0] = TN_PEER_PROPOSAL;
    memcpy(out + 1, signature.bytes, TN_SIGNATURE_SIZE);
    out[65] = certs_count;
    tn_stream_write_block_header(out + 66, header);
    if (header->body_size > 0) memcpy(out + PROPOSAL_HEAD, body, header->body_size);
    if (certs_size > 0) memcpy(out + PROPOSAL_HEAD + header->body_size, certs, certs_size);
    return size;
}

/* ---- Votes for everything ---- */

static void vote_as_all(struct sim *sim, const struct tn_block_header *header)
{
    struct sim_attacker *attacker = sim->attacker;
    struct tn_hash hash;
    uint8_t vote[VOTE_BYTES];
    tn_stream_block_hash(&hash, sim->world->chain_id, header);
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (!sim->machines[i].byzantine) continue;
        for (uint32_t to = 0; to < sim->machines_count; to++) {
            if (to == i) continue;
            enum tn_vote_type type =
                (enum tn_vote_type)(TN_VOTE_NOTARIZE + tn_random_below(&attacker->random, 3));
            if (type == TN_VOTE_FINALIZE && !has(sim, SIM_ATTACK_BOTH)) type = TN_VOTE_NOTARIZE;
            if (chance(attacker, 30)) continue;
            if (forge_vote(sim, i, vote, type, header->epoch, header->view, &hash))
                shoot(sim, i, to, vote, sizeof vote);
        }
    }
}

/* ---- What engines say ---- */

/* Another body: bytes that nobody has, or that are bad. */
static void spoil_body(struct sim *sim, struct tn_block_header *header, uint8_t *body)
{
    struct sim_attacker *attacker = sim->attacker;
    struct tn_body_builder builder;
    tn_stream_body_begin(&builder, body, SIM_BODY_MAX);
    uint32_t count = 1 + (uint32_t)tn_random_below(&attacker->random, 3);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_hash digest;
        uint64_t words[4];
        for (uint32_t j = 0; j < 4; j++)
            words[j] = tn_random_next(&attacker->random);
        memcpy(digest.bytes, words, sizeof words);
        const uint32_t known = sim->world->batches_count;
        if (known > 0 && chance(attacker, 60))
            digest = sim->world->batches[tn_random_below(&attacker->random, known)].digest;
        if (!tn_stream_body_add_batch(&builder, &digest)) break;
    }
    tn_stream_body_end(header, &builder);
    header->flags &= (uint8_t)~TN_BLOCK_EMPTY;
}

static const struct tn_block_header *find_header(const struct sim_attacker *attacker,
                                                 uint64_t epoch, uint64_t view)
{
    for (uint32_t i = 0; i < HEADERS_MAX; i++) {
        const struct tn_block_header *header = &attacker->headers[i];
        if (header->view == view && header->epoch == epoch) return header;
    }
    return NULL;
}

static void lag_behind(const struct sim *sim, struct tn_block_header *header)
{
    const uint64_t lag = sim->world->limits.exec_lag;
    uint64_t most = header->height > lag ? header->height - lag : 0;
    if (header->exec_height <= most) return;
    header->exec_height = most;
    header->exec_root = sim_world_block(sim->world, most)->state.root;
}

/* A parent that is not the right one: the right one's own parent, as if nobody had voted for that,
 * or any that was ever proposed. */
static void make_stale(struct sim *sim, struct tn_block_header *header)
{
    struct sim_attacker *attacker = sim->attacker;
    const struct tn_block_header *parent =
        find_header(attacker, header->epoch, header->parent_view);
    const struct tn_block_header *old =
        &attacker->headers[tn_random_below(&attacker->random, HEADERS_MAX)];
    if (parent != NULL && parent->parent_view > 0 && chance(attacker, 70)) {
        header->parent_view = parent->parent_view;
        header->parent_hash = parent->parent_hash;
        header->height = parent->height;
    } else if (old->view > 0 && old->epoch == header->epoch && old->view < header->view) {
        header->parent_view = old->view;
        header->height = old->height + 1;
        tn_stream_block_hash(&header->parent_hash, sim->world->chain_id, old);
    }
    lag_behind(sim, header);
}

/* One of the blocks that this proposal becomes; which one a receiver gets follows from its number,
 * so that what is said again is the same. */
static void bend_proposal(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                          size_t size, uint32_t variant, uint32_t bends)
{
    struct sim_attacker *attacker = sim->attacker;
    struct tn_block_header header;
    struct tn_stream_fault fault;
    uint8_t body[SIM_BODY_MAX];
    if (!tn_stream_read_block_header(&header, &fault, bytes + 66, size - 66)) return;
    const uint8_t *certs = bytes + PROPOSAL_HEAD + header.body_size;
    size_t certs_size = size - PROPOSAL_HEAD - header.body_size;
    uint8_t certs_count = bytes[65];
    memcpy(body, bytes + PROPOSAL_HEAD, header.body_size);
    attacker->headers[attacker->headers_count++ % HEADERS_MAX] = header;
    header.time_ms += variant;
    if ((bends & 1u << SIM_ATTACK_BODY) != 0) spoil_body(sim, &header, body);
    if ((bends & 1u << SIM_ATTACK_STALE) != 0) {
        make_stale(sim, &header);
        if ((bends & 1u << SIM_ATTACK_WITHHOLD) != 0) certs_size = certs_count = 0;
    }
    size_t forged = forge_proposal(sim, machine, &header, body, certs, certs_size, certs_count);
    if (forged > 0) shoot(sim, machine, to, attacker->forged, forged);
    if (has(sim, SIM_ATTACK_SPLIT)) vote_as_all(sim, &header);
}

static void attack_proposal(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                            size_t size)
{
    struct sim_attacker *attacker = sim->attacker;
    const uint64_t view = tn_get_be(bytes + 66 + 11, 8);
    uint64_t choices = view * UINT64_C(0x9FB21C651E98DF25) ^ sim->options.seed ^ machine;
    uint32_t variants = 1, bends = 0;
    if (has(sim, SIM_ATTACK_EQUIVOCATE) && tn_random_below(&choices, 2) == 0)
        variants = 2 + (uint32_t)tn_random_below(&choices, 2);
    if (has(sim, SIM_ATTACK_BODY) && tn_random_below(&choices, 3) == 0)
        bends |= 1u << SIM_ATTACK_BODY;
    if (has(sim, SIM_ATTACK_STALE) && tn_random_below(&choices, 3) == 0)
        bends |= 1u << SIM_ATTACK_STALE | (uint32_t)(tn_random_below(&choices, 2) == 0)
                                              << SIM_ATTACK_WITHHOLD;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (i == machine || (to != TN_PEER_ALL && to != i)) continue;
        if (has(sim, SIM_ATTACK_WITHHOLD) && chance(attacker, 15)) continue;
        uint32_t variant = (uint32_t)tn_random_below(&choices, variants);
        if (variants == 1 && bends == 0)
            shoot(sim, machine, i, bytes, size);
        else
            bend_proposal(sim, machine, i, bytes, size, variant, bends);
        if (variants > 1 && chance(attacker, 20))
            bend_proposal(sim, machine, i, bytes, size, variant + 1, bends);
    }
}

static void attack_checkpoint(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes)
{
    struct tn_checkpoint checkpoint;
    struct tn_hash digest;
    struct tn_signature signature;
    uint8_t other[1 + TN_CHECKPOINT_BYTES + 2 + TN_SIGNATURE_SIZE];
    memcpy(other, bytes, sizeof other);
    tn_checkpoint_read(&checkpoint, bytes + 1);
    checkpoint.state_root.bytes[0] ^= 1;
    tn_checkpoint_digest(&digest, &sim->world->limits.checkpoint_domain, &checkpoint);
    if (!sign(sim, machine, &signature, &digest)) return;
    tn_checkpoint_write(other + 1, &checkpoint);
    memcpy(other + 3 + TN_CHECKPOINT_BYTES, signature.bytes, TN_SIGNATURE_SIZE);
    shoot(sim, machine, to, other, sizeof other);
}

static void attack_vote(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                        size_t size)
{
    struct sim_attacker *attacker = sim->attacker;
    uint8_t other[VOTE_BYTES];
    struct tn_hash hash;
    memcpy(hash.bytes, bytes + 18, TN_HASH_SIZE);
    if (has(sim, SIM_ATTACK_WITHHOLD) && chance(attacker, 30)) {
        keep(&attacker->withheld[attacker->withheld_count++ % WITHHELD_MAX], bytes, size);
        return;
    }
    shoot(sim, machine, to, bytes, size);
    if (!has(sim, SIM_ATTACK_BOTH) || size != VOTE_BYTES || bytes[9] == TN_VOTE_NULLIFY) return;
    enum tn_vote_type type = bytes[9] == TN_VOTE_FINALIZE ? TN_VOTE_NULLIFY : TN_VOTE_FINALIZE;
    if (forge_vote(sim, machine, other, type, tn_get_be(bytes + 1, 8), tn_get_be(bytes + 10, 8),
                   &hash))
        shoot(sim, machine, to, other, sizeof other);
}

void sim_attack_said(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                     size_t size)
{
    struct sim_attacker *attacker = sim->attacker;
    if (sim->now_us < attacker->silent_until_us) return;
    if (has(sim, SIM_ATTACK_REPLAY) || has(sim, SIM_ATTACK_GARBAGE))
        keep(&attacker->stash[attacker->stashed++ % STASH_MAX], bytes, size);
    switch (bytes[0]) {
        case TN_PEER_PROPOSAL: attack_proposal(sim, machine, to, bytes, size); return;
        case TN_PEER_VOTE: attack_vote(sim, machine, to, bytes, size); return;
        case TN_PEER_CKPT_VOTE:
            if (has(sim, SIM_ATTACK_CHECKPOINTS) && chance(attacker, 50))
                attack_checkpoint(sim, machine, to, bytes);
            break;
        case TN_PEER_CERT:
            if (has(sim, SIM_ATTACK_WITHHOLD) && chance(attacker, 50)) {
                keep(&attacker->withheld[attacker->withheld_count++ % WITHHELD_MAX], bytes, size);
                return;
            }
            break;
        default: break;
    }
    shoot(sim, machine, to, bytes, size);
}

/* ---- What they hear ---- */

void sim_attack_heard(struct sim *sim, uint32_t machine, const uint8_t *bytes, size_t size)
{
    struct sim_attacker *attacker = sim->attacker;
    struct tn_block_header header;
    struct tn_stream_fault fault;
    (void)machine;
    if (has(sim, SIM_ATTACK_REPLAY) && chance(attacker, 20))
        keep(&attacker->stash[attacker->stashed++ % STASH_MAX], bytes, size);
    if (bytes[0] != TN_PEER_PROPOSAL || size < PROPOSAL_HEAD) return;
    if (!tn_stream_read_block_header(&header, &fault, bytes + 66, size - 66)) return;
    attacker->headers[attacker->headers_count++ % HEADERS_MAX] = header;
    if (has(sim, SIM_ATTACK_SPLIT) && chance(attacker, 30)) vote_as_all(sim, &header);
}

/* ---- Now and then ---- */

static uint32_t anybody(struct sim *sim)
{
    return (uint32_t)tn_random_below(&sim->attacker->random, sim->machines_count);
}

static void spoil(struct sim_attacker *attacker, uint8_t *bytes, size_t size)
{
    uint32_t flips = 1 + (uint32_t)tn_random_below(&attacker->random, 4);
    for (uint32_t i = 0; i < flips; i++)
        bytes[tn_random_below(&attacker->random, size)] ^=
            (uint8_t)(1u << tn_random_below(&attacker->random, 8));
}

static void make_noise(struct sim *sim, uint32_t machine)
{
    struct sim_attacker *attacker = sim->attacker;
    const struct sim_message *old = attacker->stash[tn_random_below(&attacker->random, STASH_MAX)];
    uint8_t *bytes = attacker->forged;
    size_t size = 1 + tn_random_below(&attacker->random, 400);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)tn_random_next(&attacker->random);
    if (chance(attacker, 50)) bytes[0] = (uint8_t)(1 + tn_random_below(&attacker->random, 9));
    if (old != NULL && old->size <= FORGED_MAX && chance(attacker, 70)) {
        size = old->size;
        memcpy(bytes, old->bytes, size);
        spoil(attacker, bytes, size);
        if (chance(attacker, 20)) size = 1 + tn_random_below(&attacker->random, size);
    }
    shoot(sim, machine, anybody(sim), bytes, size);
}

static void act(struct sim *sim, uint32_t machine)
{
    struct sim_attacker *attacker = sim->attacker;
    if (has(sim, SIM_ATTACK_REPLAY)) {
        struct sim_message *old = attacker->stash[tn_random_below(&attacker->random, STASH_MAX)];
        if (old != NULL) sim_network_send(sim, machine, anybody(sim), old);
    }
    if (has(sim, SIM_ATTACK_GARBAGE) && chance(attacker, 50)) make_noise(sim, machine);
    if (has(sim, SIM_ATTACK_WITHHOLD) && chance(attacker, 40)) {
        struct sim_message *old =
            attacker->withheld[tn_random_below(&attacker->random, WITHHELD_MAX)];
        if (old != NULL) sim_network_send(sim, machine, anybody(sim), old);
    }
    if (has(sim, SIM_ATTACK_BODY) && chance(attacker, 5)) {
        uint8_t bad[2 + 16] = {SIM_KIND_BATCH, SIM_BATCH_BAD};
        for (uint32_t i = 2; i < sizeof bad; i++)
            bad[i] = (uint8_t)tn_random_next(&attacker->random);
        shoot(sim, machine, TN_PEER_ALL, bad, sizeof bad);
    }
}

void sim_attack_tick(struct sim *sim)
{
    struct sim_attacker *attacker = sim->attacker;
    if (has(sim, SIM_ATTACK_SILENT) && sim->now_us > attacker->silent_until_us + SIM_SECOND &&
        chance(attacker, 2))
        attacker->silent_until_us =
            sim->now_us + (int64_t)tn_random_below(&attacker->random, 2 * SIM_SECOND);
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (sim->machines[i].byzantine && sim->machines[i].node != NULL) act(sim, i);
    }
}

void sim_attack_init(struct sim *sim)
{
    sim->attacker = calloc(1, sizeof *sim->attacker);
    TN_ASSERT(sim->attacker != NULL);
    sim->attacker->random = sim->options.seed ^ UINT64_C(0x61747461636b);
}

void sim_attack_free(struct sim *sim)
{
    if (sim->attacker == NULL) return;
    for (uint32_t i = 0; i < STASH_MAX; i++)
        sim_message_release(sim->attacker->stash[i]);
    for (uint32_t i = 0; i < WITHHELD_MAX; i++)
        sim_message_release(sim->attacker->withheld[i]);
    free(sim->attacker);
    sim->attacker = NULL;
}
