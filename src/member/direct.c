/* direct: a second thread at the desks, so that an order waits neither for a block that is being
 * executed nor for a log that is being synced.
 *
 * Whoever holds the desks is alone with them. The other thread only adds frames and applies them,
 * and seals a batch that is full. What comes of it that is to be recorded or sent, batches, it
 * leaves for the member's thread; and what it has found out, that signatures are good, so that no
 * frame's signature is checked twice. A frame never goes before one that came earlier another way:
 * while such ones wait in a desk's queue, all go that way. */
#include "member/internal.h"

/* ---- What each thread remembers of signatures --------------------------------------------------
 */

static bool is_checked(const struct direct *direct, const struct tn_hash *digest,
                       const struct tn_public_key *key, const struct tn_signature *signature)
{
    const struct tn_member_signed *checked = direct->checked;
    return checked != NULL && tn_hash_equal(&checked->digest, digest) &&
           tn_public_key_equal(&checked->key, key) &&
           memcmp(checked->signature.bytes, signature->bytes, TN_SIGNATURE_SIZE) == 0;
}

static bool was_verified(void *context, const struct tn_hash *digest,
                         const struct tn_public_key *key, const struct tn_signature *signature)
{
    struct tn_member *member = context;
    if (member->direct.out != NULL) return is_checked(&member->direct, digest, key, signature);
    return tn_member_was_verified(member, digest, key, signature);
}

/* Whoever checked the frame has digested its payload, which is all that an entry has of one. */
static const struct tn_hash *digested(void *context, const uint8_t *payload, size_t size)
{
    const struct direct *direct = &((const struct tn_member *)context)->direct;
    const uintptr_t at = (uintptr_t)payload - (uintptr_t)direct->bytes;
    if (direct->checked == NULL || at > direct->size || size > direct->size - at) return NULL;
    return &direct->checked->digest;
}

/* What finds no room is checked again by the member's thread. */
static void leave_good(struct direct *direct, const struct tn_hash *digest,
                       const struct tn_public_key *key, const struct tn_signature *signature)
{
    if (direct->good_count == DIRECT_MAX) return;
    direct->good[direct->good_count++] =
        (struct tn_member_signed){.digest = *digest, .key = *key, .signature = *signature};
}

static void found_good(void *context, const struct tn_hash *digest, const struct tn_public_key *key,
                       const struct tn_signature *signature)
{
    struct tn_member *member = context;
    if (member->direct.out != NULL) {
        leave_good(&member->direct, digest, key, signature);
    } else {
        tn_member_found_good(member, digest, key, signature);
    }
}

static bool verify(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key)
{
    struct tn_member *member = context;
    const struct tn_signatures *real = member->config.signatures;
    if (was_verified(member, digest, key, signature)) return true;
    if (!real->verify(real->context, digest, signature, key)) return false;
    found_good(member, digest, key, signature);
    return true;
}

struct tn_market_world tn_member_desk_world(struct tn_member *member)
{
    member->desk_signatures = member->signatures;
    member->desk_signatures.verify = verify;
    return (struct tn_market_world){.signatures = &member->desk_signatures,
                                    .verified = was_verified,
                                    .found_good = found_good,
                                    .digested = digested,
                                    .context = member};
}

void tn_member_take_direct(struct tn_member *member)
{
    struct direct *direct = &member->direct;
    for (uint32_t i = 0; i < direct->good_count; i++)
        tn_member_found_good(member, &direct->good[i].digest, &direct->good[i].key,
                             &direct->good[i].signature);
    member->counters.frames += direct->frames;
    member->counters.frames_direct += direct->frames;
    for (uint32_t i = 0; i < direct->sealed_count; i++)
        tn_member_publish(member, &direct->sealed[i]);
    direct->good_count = direct->sealed_count = 0;
    direct->frames = 0;
}

/* ---- The other thread --------------------------------------------------------------------------
 */

/* Of the market that the frame names; NULL: no desk here leads it. */
static struct lead *find_lead(struct tn_member *member, const uint8_t *bytes, size_t size)
{
    uint32_t market;
    if (!tn_stream_frame_market(&market, bytes, size) || member->is_retiring) return NULL;
    for (uint32_t i = 0; i < member->markets_count; i++) {
        struct lead *lead = &member->leads[i];
        if (lead->desk != NULL && lead->context.market == market) return lead->begun ? lead : NULL;
    }
    return NULL;
}

/* Do frames that came another way wait in its desk? */
static bool has_others(const struct lead *lead)
{
    return tn_desk_queue_count(lead->desk) != lead->direct_queued;
}

enum tn_member_room tn_member_direct_room(struct tn_member *member, const uint8_t *bytes,
                                          size_t size, int64_t now_us)
{
    const struct lead *lead = find_lead(member, bytes, size);
    if (lead == NULL) return TN_MEMBER_ROOM_ELSEWHERE;
    const bool has_room = !has_others(lead) && member->direct.sealed_count < SEALED_MAX &&
                          tn_desk_has_place(lead->desk, size, (uint64_t)now_us);
    return has_room ? TN_MEMBER_ROOM_FREE : TN_MEMBER_ROOM_FULL;
}

bool tn_member_direct_frame(struct tn_member *member, const struct tn_member_direct *out,
                            uint64_t client, const struct tn_member_signed *checked,
                            const uint8_t *bytes, size_t size, int64_t now_us)
{
    struct direct *direct = &member->direct;
    struct lead *lead = find_lead(member, bytes, size);
    TN_ASSERT(direct->out == NULL && client < TN_MEMBER_CLIENTS);
    if (lead == NULL || has_others(lead)) return false;
    direct->out = out;
    direct->checked = checked;
    direct->bytes = bytes;
    direct->size = size;
    enum tn_reject reject = tn_desk_frame(lead->desk, client, bytes, size, (uint64_t)now_us);
    direct->checked = NULL;
    direct->bytes = NULL;
    direct->size = 0;
    direct->out = NULL;
    direct->frames++;
    if (reject == TN_REJECT_NONE) {
        lead->direct_queued++;
        leave_good(direct, &checked->digest, &checked->key, &checked->signature);
    } else {
        out->refused(out->context, client, reject);
    }
    return true;
}

bool tn_member_direct_turn(struct tn_member *member, const struct tn_member_direct *out,
                           int64_t now_us)
{
    const uint32_t sealed_before = member->direct.sealed_count;
    bool is_due = false;
    TN_ASSERT(member->direct.out == NULL);
    member->direct.out = out;
    for (uint32_t i = 0; i < member->markets_count; i++) {
        struct lead *lead = &member->leads[i];
        if (!lead->begun || lead->direct_queued == 0) continue;
        tn_desk_turn_frames(lead->desk, (uint64_t)now_us);
        lead->direct_queued = 0;
        const uint64_t next = tn_desk_next(lead->desk);
        if (next >= lead->due_us) continue;
        lead->due_us = next;
        is_due = true;
    }
    member->direct.out = NULL;
    return is_due || member->direct.sealed_count > sealed_before;
}
