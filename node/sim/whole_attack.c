/* whole_attack: what leaves a hostile machine.
 *
 * Its member keeps to the rules; what it says is changed on its way out. A batch that its key has
 * sealed is sealed anew: with other results, with frames that must not be there, without the BLOCKs
 * that are due; the batches after it then follow the changed one, so that an honest proposer takes
 * them up. Or it seals two for one place, keeps batches to itself, falls silent, or sends noise. */
#include "sim/whole.h"

#include <stdlib.h>
#include <string.h>

/* name, word on the command line */
#define WHOLE_ATTACK_TABLE(X)                                                                      \
    X(RESULTS, "results")   /* results that its entries do not bring about */                      \
    X(SEAL, "seal")         /* frames that are old, of others, unsigned, or there already */       \
    X(BLOCKS, "blocks")     /* BLOCK entries left out */                                           \
    X(SPLIT, "split")       /* two batches for one sequence */                                     \
    X(WITHHOLD, "withhold") /* batches that nobody gets, or some */                                \
    X(SILENT, "silent")     /* nothing at all, now and then */                                     \
    X(GARBAGE, "garbage")   /* bits flipped */                                                     \
    X(SYNC, "sync")         /* records of the state that are not those of the certificate */

enum whole_attack {
#define X(name, word) WHOLE_ATTACK_##name,
    WHOLE_ATTACK_TABLE(X)
#undef X
        WHOLE_ATTACKS
};

const char *const SIM_ATTACK_WORDS[] = {
#define X(name, word) word,
    WHOLE_ATTACK_TABLE(X)
#undef X
};
const uint32_t SIM_ATTACK_WORDS_COUNT = WHOLE_ATTACKS;

enum { BATCH_ROOM = 1 << 19, SPAN_US = 400000 };

static bool attacks(const struct sim *sim, enum whole_attack attack)
{
    return (sim->options.attacks >> attack & 1) != 0 && sim->now_us < sim->calm_us;
}

static uint64_t draw(struct sim *sim, uint64_t below)
{
    return tn_random_below(&sim->whole->attack_random, below);
}

/* ---- Batches sealed anew ---- */

static struct whole_forgery *find_forgery(struct whole *whole, const struct tn_hash *original)
{
    for (uint32_t i = whole->forgeries_count; i-- > 0;) {
        if (tn_hash_equal(&whole->forgeries[i].original, original)) return &whole->forgeries[i];
    }
    return NULL;
}

bool whole_attack_lied(const struct whole *whole, const struct tn_hash *digest)
{
    for (uint32_t i = whole->forgeries_count; i-- > 0;) {
        if (tn_hash_equal(&whole->forgeries[i].digest, digest)) return whole->forgeries[i].is_lie;
    }
    return false;
}

struct sealing {
    struct tn_batch_builder builder;
    uint8_t *body;
    size_t at;
    struct tn_stream_scratch *scratch;
};

static void seal_entry(struct sealing *sealing, const uint8_t *bytes, size_t size, bool blocks)
{
    struct tn_stream_item item;
    struct tn_stream_fault fault;
    size_t used;
    if (sealing->at + 4 + size > BATCH_ROOM ||
        !tn_stream_read_item(&item, &used, &fault, sealing->scratch, bytes, size) || used != size ||
        !tn_stream_item_is_led(&item) || (!blocks && item.entry.kind == TN_ENTRY_BLOCK))
        return;
    tn_put_be(sealing->body + sealing->at, size, 4);
    memcpy(sealing->body + sealing->at + 4, bytes, size);
    sealing->at += 4 + size;
    tn_stream_batch_add_entry(&sealing->builder, &item.entry, bytes, size);
}

/* Whose is this session? NULL: nobody's. */
static const struct whole_account *account_of(const struct whole *whole, uint32_t market,
                                              uint64_t session)
{
    const struct whole_account *accounts = whole->markets[market - 1].accounts;
    for (uint32_t i = 0; i < WHOLE_ACCOUNTS; i++)
        if (accounts[i].session == session) return &accounts[i];
    return NULL;
}

/* Of another market, and good here but for that: there is such a session, it has that key, and the
 * nonce was not used. */
static bool is_good_here(struct whole *whole, const struct whole_frame *frame, uint32_t market)
{
    if (frame->market == market || frame->forged) return false;
    const struct whole_account *there = account_of(whole, frame->market, frame->session);
    const struct whole_account *here = account_of(whole, market, frame->session);
    return there != NULL && here != NULL &&
           memcmp(there->key.bytes, here->key.bytes, sizeof here->key.bytes) == 0 &&
           whole_find_frame(whole, market, frame->session, frame->nonce) == NULL;
}

/* The newest such frame among those up to that one; TN_NONE: there is none. */
static uint32_t find_good_here(struct whole *whole, uint32_t from, uint32_t market)
{
    for (uint32_t at = from; at < whole->frames_count; at--)
        if (is_good_here(whole, &whole->frames[at], market)) return at;
    return TN_NONE;
}

/* Any frame that was ever sent: most are in the stream already, of another term or market, or
 * signed by nobody. Half of the time the newest from there on that is of another market and else
 * good here. */
static void seal_some_frame(struct sim *sim, struct sealing *sealing, uint32_t market)
{
    struct whole *whole = sim->whole;
    if (whole->frames_count == 0) return;
    const uint32_t back = whole->frames_count < 48 ? whole->frames_count : 48;
    const uint32_t drawn = whole->frames_count - 1 - (uint32_t)draw(sim, back);
    uint32_t at = draw(sim, 2) == 0 ? find_good_here(whole, drawn, market) : drawn;
    if (at == TN_NONE) at = drawn;
    seal_entry(sealing, whole->frames[at].bytes, whole->frames[at].size, true);
}

static void seal_anew(struct sim *sim, struct tn_batch_header *header, struct sealing *sealing,
                      const uint8_t *body, size_t body_size)
{
    bool with_blocks = !attacks(sim, WHOLE_ATTACK_BLOCKS) || draw(sim, 3) > 0;
    tn_stream_batch_begin(&sealing->builder, header->first_block);
    sealing->builder.is_packed = header->is_packed;
    sealing->at = TN_BATCH_HEADER_BYTES;
    for (size_t at = TN_BATCH_HEADER_BYTES; at + 4 < body_size;) {
        size_t size = (size_t)tn_get_be(body + at, 4);
        if (attacks(sim, WHOLE_ATTACK_SEAL) && draw(sim, 3) == 0)
            seal_some_frame(sim, sealing, header->market);
        seal_entry(sealing, body + at + 4, size, with_blocks);
        at += 4 + size;
    }
    if (attacks(sim, WHOLE_ATTACK_SEAL)) seal_some_frame(sim, sealing, header->market);
    struct tn_hash results = header->results_digest;
    uint32_t count = header->entries_count;
    tn_stream_batch_end(header, &sealing->builder);
    if (header->entries_count == count) header->results_digest = results;
}

static const struct whole_forgery *forge(struct sim *sim, uint32_t machine,
                                         struct tn_batch_header *header,
                                         const struct tn_hash *original, const uint8_t *body,
                                         size_t body_size)
{
    static uint8_t message[TN_GOSSIP_BATCH_PREFIX + BATCH_ROOM];
    struct whole *whole = sim->whole;
    struct whole_forgery made = {.original = *original};
    const struct whole_forgery *before = find_forgery(whole, &header->prev_digest);
    const struct tn_batch_header was = *header;
    struct sealing sealing = {.body = message + TN_GOSSIP_BATCH_PREFIX,
                              .scratch = malloc(sizeof(struct tn_stream_scratch))};
    TN_ASSERT(sealing.scratch != NULL);
    seal_anew(sim, header, &sealing, body, body_size);
    free(sealing.scratch);
    /* Whoever took all entries out tells the truth: nothing came of nothing. */
    made.is_lie = header->entries_count != was.entries_count && header->entries_count > 0;
    if (attacks(sim, WHOLE_ATTACK_RESULTS) && draw(sim, 3) == 0) {
        header->results_digest.bytes[7]++;
        made.is_lie = true;
    }
    if (before != NULL) header->prev_digest = before->digest;
    tn_stream_batch_digest(&made.digest, header);
    /* Where nothing else makes them two, it is what the entries are said to bring about. */
    if (attacks(sim, WHOLE_ATTACK_SPLIT) && tn_hash_equal(&made.digest, original)) {
        header->results_digest.bytes[7]++;
        made.is_lie = true;
        tn_stream_batch_digest(&made.digest, header);
    }
    tn_stream_write_batch_header(sealing.body, header);
    const bool is_other = !tn_hash_equal(&made.digest, original);
    sim->figures.counts[SIM_COUNT_SPLITS] += attacks(sim, WHOLE_ATTACK_SPLIT) && is_other;
    struct tn_signature signature;
    whole->signatures.sign(whole->signatures.context, &signature, &made.digest,
                           &whole->keys[sim->machines[machine].identity]);
    message[0] = TN_PEER_BATCH;
    memcpy(message + 1, signature.bytes, TN_SIGNATURE_SIZE);
    made.size = TN_GOSSIP_BATCH_PREFIX + sealing.at;
    made.message = malloc(made.size);
    TN_ASSERT(made.message != NULL);
    memcpy(made.message, message, made.size);
    whole->forgeries =
        realloc(whole->forgeries, (whole->forgeries_count + 1) * sizeof *whole->forgeries);
    TN_ASSERT(whole->forgeries != NULL);
    whole->forgeries[whole->forgeries_count] = made;
    return &whole->forgeries[whole->forgeries_count++];
}

/* Who lies leads no longer than until that is final, so where there are other markets he waits
 * until he can seal a frame of theirs. */
static bool lies_now(struct sim *sim, uint32_t market)
{
    struct whole *whole = sim->whole;
    if (sim->now_us >= sim->calm_us || draw(sim, 12) != 0) return false;
    if (!attacks(sim, WHOLE_ATTACK_SEAL) || whole->limits.chain.markets_count == 1) return true;
    return find_good_here(whole, whole->frames_count - 1, market) != TN_NONE;
}

/* True: the batch was its own, and has been said. */
static bool say_own_batch(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                          size_t size)
{
    struct whole *whole = sim->whole;
    struct tn_batch_header header;
    struct tn_stream_fault fault;
    struct tn_hash digest;
    struct tn_signature signature;
    const uint8_t *body = bytes + TN_GOSSIP_BATCH_PREFIX;
    size_t body_size = size - TN_GOSSIP_BATCH_PREFIX;
    if (!tn_stream_read_batch_header(&header, &fault, body, body_size)) return false;
    tn_stream_batch_digest(&digest, &header);
    memcpy(signature.bytes, bytes + 1, TN_SIGNATURE_SIZE);
    if (!whole->signatures.verify(whole->signatures.context, &digest, &signature,
                                  &whole->public_keys[sim->machines[machine].identity]))
        return false;
    if (attacks(sim, WHOLE_ATTACK_WITHHOLD) && sim->now_us / SPAN_US % 4 == 0) return true;
    const struct whole_forgery *forgery = find_forgery(whole, &digest);
    bool is_forged = forgery != NULL || find_forgery(whole, &header.prev_digest) != NULL ||
                     lies_now(sim, header.market);
    if (!is_forged) return false;
    if (forgery == NULL) forgery = forge(sim, machine, &header, &digest, body, body_size);
    bool is_split = attacks(sim, WHOLE_ATTACK_SPLIT);
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (i == machine || (to != TN_PEER_ALL && to != i)) continue;
        if (is_split && draw(sim, 2) == 0)
            sim_node_say(sim, machine, i, bytes, size);
        else
            sim_node_say(sim, machine, i, forgery->message, forgery->size);
    }
    return true;
}

static void say_noise(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                      size_t size)
{
    uint8_t *noise = malloc(size);
    TN_ASSERT(noise != NULL);
    memcpy(noise, bytes, size);
    for (uint32_t i = 0; i < 3; i++)
        noise[draw(sim, size)] ^= (uint8_t)(1u << draw(sim, 8));
    sim_node_say(sim, machine, to, noise, size - draw(sim, size < 40 ? size : 40));
    free(noise);
}

/* Also when all faults have ended: who takes the state from others begins then, often. */
static bool attacks_sync(const struct sim *sim)
{
    return (sim->options.attacks >> WHOLE_ATTACK_SYNC & 1) != 0;
}

/* One that is well formed, mostly: a bit of a record is another, or the answer is cut. */
static void say_other_state(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                            size_t size)
{
    uint8_t *other = malloc(size);
    TN_ASSERT(other != NULL);
    memcpy(other, bytes, size);
    other[size - 1 - draw(sim, size > 16 ? 16 : size)] ^= (uint8_t)(1u << draw(sim, 8));
    sim->figures.counts[SIM_COUNT_SYNC_LIES]++;
    sim_node_say(sim, machine, to, other, draw(sim, 16) == 0 ? size - 1 : size);
    free(other);
}

void whole_attack_said(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                       size_t size)
{
    if (attacks(sim, WHOLE_ATTACK_SILENT) && sim->now_us / SPAN_US % 5 == machine % 5) return;
    if (attacks(sim, WHOLE_ATTACK_GARBAGE) && draw(sim, 20) == 0)
        say_noise(sim, machine, to, bytes, size);
    if (bytes[0] == TN_PEER_BATCH && size > TN_GOSSIP_BATCH_PREFIX &&
        say_own_batch(sim, machine, to, bytes, size))
        return;
    if (bytes[0] == TN_PEER_SYNC_DATA && attacks_sync(sim)) {
        say_other_state(sim, machine, to, bytes, size);
        return;
    }
    sim_node_say(sim, machine, to, bytes, size);
}
