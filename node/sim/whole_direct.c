/* whole_direct: clients' frames by the way of a second thread.
 *
 * Of the frames that come to their market's leader first, three of four are brought as a gateway's
 * thread brings them: the signature found good before, then tn_member_direct_frame and _turn. There
 * is no second thread here: what two threads that hold the desks in turn can do is what calls in
 * any order can do, and the order follows from the seed. */
#include "sim/whole.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRY_HEAD = 6 }; /* version u8, kind u8, size of the payload u32 */

static void tell(struct sim_node *node, uint64_t client, const struct tn_member_answer *answer)
{
    whole_play_answer(node->sim, client, answer);
}

static void refused(void *context, uint64_t client, enum tn_reject reject)
{
    const struct tn_member_answer answer = {.kind = TN_MEMBER_REFUSED, .reject = reject};
    tell(context, client, &answer);
}

static void soft(void *context, uint64_t client, uint32_t market, const struct tn_desk_place *place,
                 const struct tn_market_step *step)
{
    uint8_t *events = malloc((size_t)step->events_count * TN_EVENT_BYTES + 1);
    TN_ASSERT(events != NULL);
    for (uint32_t i = 0; i < step->events_count; i++)
        tn_stream_write_event(events + (size_t)i * TN_EVENT_BYTES, &step->events[i]);
    const struct tn_member_answer answer = {.kind = TN_MEMBER_SOFT,
                                            .market = market,
                                            .place = *place,
                                            .session = step->session,
                                            .nonce = step->entry->as.frame.nonce,
                                            .events = events,
                                            .events_count = step->events_count};
    tell(context, client, &answer);
    free(events);
}

/* What a gateway knows of a frame: whose key its session has, and that it signed this. */
static bool find_signed(const struct sim_node *node, struct tn_member_signed *found, uint64_t tag,
                        const uint8_t *bytes, size_t size)
{
    const struct whole *whole = node->sim->whole;
    struct tn_chain *chain = tn_member_chain(node->member);
    struct tn_session session;
    if (tag >= whole->frames_count || size <= ENTRY_HEAD + TN_SIGNATURE_SIZE) return false;
    const struct whole_frame *frame = &whole->frames[tag];
    const struct tn_market *market = tn_chain_market(chain, frame->market - 1);
    if (!tn_market_session(market, &session, frame->session)) return false;
    tn_frame_digest(&found->digest, tn_chain_limits(chain)->chain_id, bytes + ENTRY_HEAD,
                    size - ENTRY_HEAD - TN_SIGNATURE_SIZE);
    found->key = session.key;
    memcpy(found->signature.bytes, bytes + size - TN_SIGNATURE_SIZE, TN_SIGNATURE_SIZE);
    return whole->signatures.verify(whole->signatures.context, &found->digest, &found->signature,
                                    &found->key);
}

bool whole_direct_frame(struct sim_node *node, uint64_t tag, const uint8_t *bytes, size_t size,
                        int64_t now_us)
{
    const struct tn_member_direct calls = {.context = node, .refused = refused, .soft = soft};
    struct tn_member_signed found;
    if (tag % 4 == 0 || !find_signed(node, &found, tag, bytes, size)) return false;
    if (!tn_member_direct_frame(node->member, &calls, tag, &found, bytes, size, now_us))
        return false;
    const uint32_t place = node->sim->whole->frames[tag].market - 1;
    struct tn_member_desk before, after;
    tn_member_desk(&before, node->member, place);
    tn_member_direct_turn(node->member, &calls, now_us);
    tn_member_desk(&after, node->member, place);
    node->sim->figures.counts[SIM_COUNT_DIRECT]++;
    node->sim->figures.counts[SIM_COUNT_DIRECT_SEALED] +=
        after.counts.batches - before.counts.batches;
    return true;
}
