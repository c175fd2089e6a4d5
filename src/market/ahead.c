/* ahead: the signatures of a batch's frames, some at a time, before their turn comes.
 *
 * Whether a key signed a digest depends on nothing else, so it may be found out early; whether the
 * frame may act, and by which session, is judged in its turn. What is found out early counts for
 * the very session alone, whose key never changes, and only a yes is kept: a no is asked again, in
 * its turn, as if nothing had been known. So verdicts, and what becomes of them, are those of
 * frames that are checked one by one. */
#include "market/internal.h"

void tn_market_ahead_begin(struct tn_market_ahead *ahead, const struct tn_market *market,
                           const uint8_t *body, size_t body_size)
{
    tn_stream_digests_begin(&ahead->digests, (enum tn_cpu)market->limits.exchange.cpu,
                            market->limits.chain_id, body, body_size);
    ahead->at = ahead->digests.at;
}

/* The session that a frame names, if its key is at hand. The seat is only looked at: a market that
 * is watched is asked for it in the frame's turn. */
static const struct seat *seat_of(const struct tn_market *market,
                                  const struct tn_keccak_message *payload)
{
    struct tn_frame frame;
    if (!tn_stream_read_payload_head(&frame, payload->bytes, payload->size)) return NULL;
    const uint32_t slot = (uint32_t)frame.session;
    if (frame.session == 0 || slot >= market->sessions_used) return NULL;
    const struct seat *seat = &market->seats[slot];
    return seat->id == frame.session && seat->is_parsed ? seat : NULL;
}

static bool was_verified(const struct tn_market_world *world, const struct tn_hash *digest,
                         const struct seat *seat, const struct tn_signature *signature)
{
    return world->verified != NULL &&
           world->verified(world->context, digest, &seat->key, signature);
}

/* What may be asked of the frames that were digested together: those whose key is known and whose
 * signature is not. */
struct asked {
    uint32_t count;
    uint32_t of[TN_STREAM_DIGESTS_TOGETHER]; /* the digest's place */
    uint64_t sessions[TN_STREAM_DIGESTS_TOGETHER];
    struct tn_signature signatures[TN_STREAM_DIGESTS_TOGETHER];
    struct tn_signature_check checks[TN_STREAM_DIGESTS_TOGETHER];
};

static void ask_of(struct asked *asked, const struct tn_market *market,
                   const struct tn_stream_digests *digests, uint32_t place)
{
    const struct tn_keccak_message *payload = &digests->messages[place];
    const struct tn_hash *digest = &digests->hashes[place];
    const struct seat *seat = seat_of(market, payload);
    struct tn_signature *signature = &asked->signatures[asked->count];
    if (seat == NULL) return;
    memcpy(signature->bytes, payload->bytes + payload->size, TN_SIGNATURE_SIZE);
    if (was_verified(&market->world, digest, seat, signature)) return;
    asked->of[asked->count] = place;
    asked->sessions[asked->count] = seat->id;
    asked->checks[asked->count++] = (struct tn_signature_check){digest, signature, &seat->parsed};
}

static void look_ahead(struct tn_market_ahead *ahead, const struct tn_market *market)
{
    const struct tn_signatures *signatures = market->world.signatures;
    struct asked asked = {.count = 0};
    bool good[TN_STREAM_DIGESTS_TOGETHER];
    memset(ahead->signed_by, 0, sizeof(ahead->signed_by));
    for (uint32_t i = 0; i < ahead->digests.count; i++)
        ask_of(&asked, market, &ahead->digests, i);
    if (asked.count < 2) return;
    signatures->verify_many(signatures->context, good, asked.checks, asked.count);
    for (uint32_t i = 0; i < asked.count; i++) {
        if (good[i]) ahead->signed_by[asked.of[i]] = asked.sessions[i];
    }
}

enum tn_reject tn_market_judge_ahead(struct tn_market *market, struct tn_market_ahead *ahead,
                                     struct seat *seat, const struct tn_frame *frame)
{
    const struct tn_market_world *world = &market->world;
    const struct tn_hash *digest = tn_stream_digests_of(&ahead->digests, frame);
    struct tn_hash made;
    TN_ASSERT(world->signatures != NULL && seat->id != 0);
    if (digest == NULL) return tn_market_judge_signature(market, &made, seat, frame);
    if (ahead->at != ahead->digests.at) {
        ahead->at = ahead->digests.at;
        look_ahead(ahead, market);
    }
    if (ahead->signed_by[digest - ahead->digests.hashes] != seat->id)
        return tn_market_judge_digest(market, digest, seat, frame);
    if (world->found_good != NULL) {
        world->found_good(world->context, digest, &seat->key, &frame->signature);
    }
    return TN_REJECT_NONE;
}
