/* CKPT_VOTE and CKPT_CERT: what the base layer is told. Off the critical path: each C blocks, and
 * at the end of an epoch, a validator signs what its state has come to; a quorum of such signatures
 * is a certificate. Only votes for what this node has computed itself become a certificate here,
 * and a certificate for something else says that this node has gone astray.
 *
 * Votes come from anybody, as members of a set that is leaving may have no link as such: so they
 * are verified at once. */
#include "sequencer/internal.h"

static bool is_same(const struct tn_checkpoint *a, const struct tn_checkpoint *b)
{
    uint8_t left[TN_CHECKPOINT_BYTES], right[TN_CHECKPOINT_BYTES];
    tn_checkpoint_write(left, a);
    tn_checkpoint_write(right, b);
    return memcmp(left, right, sizeof(left)) == 0;
}

static const struct tn_validators *set_of(const struct tn_sequencer *s, uint64_t epoch)
{
    if (epoch == s->set.epoch) return &s->set;
    return epoch == s->previous_set.epoch && s->previous_set.count > 0 ? &s->previous_set : NULL;
}

static uint32_t own_index(const struct tn_sequencer *s, const struct tn_validators *set)
{
    return set == &s->set ? s->index : s->previous_index;
}

static bool verify(struct tn_sequencer *s, const struct tn_checkpoint *checkpoint,
                   const struct tn_validators *set, uint32_t voter,
                   const struct tn_signature *signature)
{
    const struct tn_signatures *signatures = s->config.signatures;
    struct tn_hash digest;
    tn_checkpoint_digest(&digest, &s->config.limits.checkpoint_domain, checkpoint);
    if (set == &s->set) return tn_sequencer_verify(s, &digest, signature, voter);
    s->counters.signatures_verified++;
    return signatures->verify(signatures->context, &digest, signature, &set->members[voter].key);
}

/* The place for votes on this height: the lowest one makes room. NULL: it is past. */
static struct open_checkpoint *open_at(struct tn_sequencer *s, uint64_t height,
                                       const struct tn_validators *set)
{
    struct open_checkpoint *lowest = &s->checkpoints[0];
    for (uint32_t i = 0; i < CHECKPOINTS_OPEN; i++) {
        struct open_checkpoint *open = &s->checkpoints[i];
        if (open->height == height) return open->set == set ? open : NULL;
        if (open->height < lowest->height) lowest = open;
    }
    if (height <= lowest->height) return NULL;
    lowest->height = height;
    lowest->set = set;
    lowest->has_mine = lowest->is_certified = false;
    for (uint32_t i = 0; i < s->config.limits.validators_max; i++)
        lowest->ballots[i].is_here = lowest->ballots[i].is_convicted = false;
    return lowest;
}

static void accept_cert(struct tn_sequencer *s, struct open_checkpoint *open,
                        const struct tn_checkpoint *checkpoint, const uint8_t *bytes, size_t size)
{
    open->is_certified = true;
    open->certified = *checkpoint;
    if (checkpoint->height <= s->certified_height) return;
    s->certified_height = checkpoint->height;
    memcpy(s->checkpoint_cert, bytes, size);
    s->checkpoint_cert_size = size;
    s->config.app.certified(s->config.app.context, checkpoint, bytes, size);
}

/* Is there a quorum for what this node says itself? */
static void certify(struct tn_sequencer *s, struct open_checkpoint *open)
{
    uint8_t bytes[CHECKPOINT_CERT_BYTES];
    uint8_t *at = bytes + 1 + TN_CHECKPOINT_BYTES + tn_voters_bytes(open->set->count);
    struct tn_voters voters = {0};
    if (!open->has_mine || open->is_certified) return;
    for (uint32_t i = 0; i < open->set->count; i++) {
        if (open->ballots[i].is_here && is_same(&open->ballots[i].checkpoint, &open->mine)) {
            tn_voters_add(&voters, i);
        }
    }
    if (!tn_weight_is_quorum(tn_sequencer_weigh(open->set, &voters), open->set->weight)) return;
    bytes[0] = TN_PEER_CKPT_CERT;
    tn_checkpoint_write(bytes + 1, &open->mine);
    tn_voters_write(bytes + 1 + TN_CHECKPOINT_BYTES, &voters, open->set->count);
    for (uint32_t i = 0; i < open->set->count; i++) {
        if (!tn_voters_has(&voters, i)) continue;
        memcpy(at, open->ballots[i].signature.bytes, TN_SIGNATURE_SIZE);
        at += TN_SIGNATURE_SIZE;
    }
    accept_cert(s, open, &open->mine, bytes, (size_t)(at - bytes));
}

static void count(struct tn_sequencer *s, struct open_checkpoint *open,
                  const struct checkpoint_message *vote)
{
    struct checkpoint_ballot *ballot = &open->ballots[vote->voter];
    if (!ballot->is_here) {
        *ballot = (struct checkpoint_ballot){
            .is_here = true, .checkpoint = vote->checkpoint, .signature = vote->signature};
        certify(s, open);
        return;
    }
    if (is_same(&ballot->checkpoint, &vote->checkpoint)) return;
    struct tn_evidence evidence = {
        .kind = TN_EVIDENCE_CHECKPOINT, .signer = vote->voter, .epoch = vote->checkpoint.epoch};
    evidence.as.checkpoints[0] = ballot->checkpoint;
    evidence.as.checkpoints[1] = vote->checkpoint;
    evidence.signatures[0] = ballot->signature;
    evidence.signatures[1] = vote->signature;
    ballot->is_convicted = true;
    tn_sequencer_hand_out(s, &evidence);
}

/* ---- Own votes ---- */

static void sign(struct tn_sequencer *s, struct open_checkpoint *open)
{
    const struct tn_signatures *signatures = s->config.signatures;
    struct checkpoint_message vote = {.checkpoint = open->mine};
    uint8_t bytes[CHECKPOINT_VOTE_BYTES];
    struct tn_hash digest;
    const uint32_t index = own_index(s, open->set);
    if (s->voice != TN_VOICE_SPEAKS || index == TN_NONE || !s->started) return;
    tn_checkpoint_digest(&digest, &s->config.limits.checkpoint_domain, &open->mine);
    if (!tn_sequencer_guard_allows_checkpoint(&s->guard, open->height, &digest)) {
        s->counters.guard_refusals++;
        return;
    }
    vote.voter = (uint16_t)index;
    s->counters.signatures_made++;
    bool is_signed =
        signatures->sign(signatures->context, &vote.signature, &digest, &s->config.key);
    TN_ASSERT(is_signed);
    tn_sequencer_guard_note_checkpoint(&s->guard, open->height, &digest);
    tn_sequencer_write_checkpoint_vote(bytes, &vote);
    tn_sequencer_record(s, TN_SEQUENCER_CHECKPOINT, bytes, sizeof(bytes));
    tn_sequencer_send(s, TN_PEER_ALL, bytes, sizeof(bytes));
    count(s, open, &vote);
}

void tn_sequencer_checkpoint(struct tn_sequencer *s, uint64_t height)
{
    struct open_checkpoint *open = open_at(s, height, &s->set);
    struct tn_checkpoint mine;
    if (open == NULL || open->has_mine) return;
    if (!s->config.app.checkpoint(s->config.app.context, &mine, height)) return;
    TN_ASSERT(mine.height == height && mine.epoch == s->set.epoch);
    open->mine = mine;
    open->has_mine = true;
    if (open->is_certified && !is_same(&open->certified, &mine)) {
        tn_sequencer_diverge(s, &s->final_header, &s->final_hash);
        return;
    }
    sign(s, open);
    certify(s, open);
}

void tn_sequencer_resend_checkpoints(struct tn_sequencer *s)
{
    for (uint32_t i = 0; i < CHECKPOINTS_OPEN; i++) {
        struct open_checkpoint *open = &s->checkpoints[i];
        if (open->height <= s->certified_height || !open->has_mine) continue;
        const uint32_t index = own_index(s, open->set);
        if (index == TN_NONE) continue;
        if (!open->ballots[index].is_here) {
            sign(s, open); /* it could not speak when the block came */
            continue;
        }
        struct checkpoint_message vote = {.checkpoint = open->mine,
                                          .voter = (uint16_t)index,
                                          .signature = open->ballots[index].signature};
        uint8_t bytes[CHECKPOINT_VOTE_BYTES];
        tn_sequencer_write_checkpoint_vote(bytes, &vote);
        if (s->voice == TN_VOICE_SPEAKS) {
            tn_sequencer_send(s, TN_PEER_ALL, bytes, sizeof(bytes));
        }
    }
}

/* ---- Others' ---- */

/* Votes on what this node has computed, and on the next regular checkpoint: a hostile validator
 * could push all others out with votes on heights that are none. */
static bool is_expected(const struct tn_sequencer *s, uint64_t height)
{
    const uint64_t blocks = s->config.limits.checkpoint_blocks;
    if (height <= s->certified_height) return false;
    if (height > s->final_header.height) {
        return height % blocks == 0 && height <= s->final_header.height + blocks;
    }
    for (uint32_t i = 0; i < CHECKPOINTS_OPEN; i++)
        if (s->checkpoints[i].height == height && s->checkpoints[i].has_mine) return true;
    return false;
}

void tn_sequencer_on_checkpoint_vote(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                                     size_t size)
{
    struct checkpoint_message vote;
    if (!tn_sequencer_read_checkpoint_vote(&vote, bytes, size)) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed checkpoint vote");
        return;
    }
    const struct tn_validators *set = set_of(s, vote.checkpoint.epoch);
    const uint64_t height = vote.checkpoint.height;
    if (set == NULL || vote.voter >= set->count || !is_expected(s, height)) {
        s->counters.out_of_window++;
        return;
    }
    struct open_checkpoint *open = open_at(s, height, set);
    if (open == NULL) return;
    const struct checkpoint_ballot *ballot = &open->ballots[vote.voter];
    if (ballot->is_here && is_same(&ballot->checkpoint, &vote.checkpoint)) return;
    if (ballot->is_convicted) { /* a third tells nothing new, and costs a signature */
        s->counters.duplicates++;
        return;
    }
    if (!verify(s, &vote.checkpoint, set, vote.voter, &vote.signature)) {
        s->counters.bad_signatures++;
        tn_sequencer_ban(s, from, "a checkpoint vote with a bad signature");
        return;
    }
    count(s, open, &vote);
}

/* Reads what a set of `count` members signed; sizes are checked by whoever calls. */
static bool is_valid_cert(struct tn_sequencer *s, const struct tn_checkpoint *checkpoint,
                          const struct tn_validators *set, const uint8_t *bytes, size_t size)
{
    const size_t head = 1 + TN_CHECKPOINT_BYTES, bitmap = tn_voters_bytes(set->count);
    struct tn_voters voters;
    struct tn_signature signature;
    if (size < head + bitmap || !tn_voters_read(&voters, bytes + head, set->count)) return false;
    if (size != head + bitmap + (size_t)TN_SIGNATURE_SIZE * tn_voters_count(&voters)) return false;
    if (!tn_weight_is_quorum(tn_sequencer_weigh(set, &voters), set->weight)) return false;
    const uint8_t *at = bytes + head + bitmap;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!tn_voters_has(&voters, i)) continue;
        memcpy(signature.bytes, at, TN_SIGNATURE_SIZE);
        at += TN_SIGNATURE_SIZE;
        if (!verify(s, checkpoint, set, i, &signature)) return false;
    }
    return true;
}

void tn_sequencer_on_checkpoint_cert(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                                     size_t size)
{
    struct tn_checkpoint checkpoint;
    if (size < 1 + TN_CHECKPOINT_BYTES) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed checkpoint certificate");
        return;
    }
    tn_checkpoint_read(&checkpoint, bytes + 1);
    const struct tn_validators *set = set_of(s, checkpoint.epoch);
    if (set == NULL || checkpoint.height <= s->certified_height) return;
    if (!is_valid_cert(s, &checkpoint, set, bytes, size)) {
        s->counters.bad_certs++;
        tn_sequencer_ban(s, from, "a checkpoint certificate that is not valid");
        return;
    }
    struct open_checkpoint *open = open_at(s, checkpoint.height, set);
    if (open == NULL) return;
    if (open->has_mine && !is_same(&open->mine, &checkpoint)) {
        tn_sequencer_diverge(s, &s->final_header, &s->final_hash);
        return;
    }
    accept_cert(s, open, &checkpoint, bytes, size);
}

void tn_sequencer_send_checkpoint_cert(struct tn_sequencer *s, uint16_t to)
{
    if (s->checkpoint_cert_size == 0) return;
    tn_sequencer_send(s, to, s->checkpoint_cert, s->checkpoint_cert_size);
}
