/* clients: frames on their way to the leader of their market, and answers on their way back.
 *
 * A client may send to any node. A frame for a market that is led elsewhere goes to its leader as
 * FRAME, tag u64 ‖ frame; what the desk there answers comes back as RESULT, tag u64 ‖ answer. The
 * tag is the asking node's own. For a desk a client is a number: of this node's own clients their
 * tag, of others' the peer's index + 1 above it. Nothing is kept here: a node that forgot whom a
 * tag meant drops the answer, and clients learn from final blocks what became of their frames. */
#include "member/internal.h"

enum {
    TAG_BITS = 48,
    /* kind u8 ‖ market u32 ‖ term u32 ‖ sequence u64 ‖ index u32 ‖ session u64 ‖ nonce u64 ‖
     * reject u16 ‖ events u32 ‖ events */
    ANSWER_HEAD = 43,
};

/* The events may stand in this very buffer, before the place they go to: they move first. */
static size_t write_answer(uint8_t *out, const struct tn_member_answer *answer)
{
    uint8_t *at = out + 1;
    size_t events_size = (size_t)answer->events_count * TN_EVENT_BYTES;
    if (events_size > 0) memmove(out + ANSWER_HEAD, answer->events, events_size);
    out[0] = (uint8_t)answer->kind;
    tn_put_be(at, answer->market, 4);
    tn_put_be(at + 4, answer->place.term, 4);
    tn_put_be(at + 8, answer->place.sequence, 8);
    tn_put_be(at + 16, answer->place.index, 4);
    tn_put_be(at + 20, answer->session, 8);
    tn_put_be(at + 28, answer->nonce, 8);
    tn_put_be(at + 36, (uint64_t)answer->reject, 2);
    tn_put_be(at + 38, answer->events_count, 4);
    return ANSWER_HEAD + events_size;
}

static bool read_answer(struct tn_member_answer *answer, const uint8_t *bytes, size_t size)
{
    if (size < ANSWER_HEAD || bytes[0] > TN_MEMBER_AWAY) return false;
    const uint8_t *at = bytes + 1;
    *answer = (struct tn_member_answer){.kind = (enum tn_member_answer_kind)bytes[0],
                                        .market = (uint32_t)tn_get_be(at, 4),
                                        .place = {.term = (uint32_t)tn_get_be(at + 4, 4),
                                                  .sequence = tn_get_be(at + 8, 8),
                                                  .index = (uint32_t)tn_get_be(at + 16, 4)},
                                        .session = tn_get_be(at + 20, 8),
                                        .nonce = tn_get_be(at + 28, 8),
                                        .reject = (enum tn_reject)tn_get_be(at + 36, 2),
                                        .events = bytes + ANSWER_HEAD,
                                        .events_count = (uint32_t)tn_get_be(at + 38, 4)};
    return (size - ANSWER_HEAD) % TN_EVENT_BYTES == 0 &&
           (size - ANSWER_HEAD) / TN_EVENT_BYTES == answer->events_count;
}

static void send_to(struct tn_member *member, uint16_t to, uint8_t kind, uint64_t tag,
                    size_t body_size)
{
    const struct tn_member_out *out = &member->config.out;
    member->message[0] = kind;
    tn_put_be(member->message + 1, tag, 8);
    out->send(out->context, to, tn_peer_priority(kind), member->message, FRAME_HEAD + body_size);
}

/* An answer longer than a message may be keeps its place and loses its events: they are final soon.
 */
static void send_answer(struct tn_member *member, uint16_t to, uint64_t tag,
                        const struct tn_member_answer *answer)
{
    struct tn_member_answer fitting = *answer;
    size_t room = tn_peer_bytes_max(TN_PEER_RESULT) - FRAME_HEAD - ANSWER_HEAD;
    if ((size_t)fitting.events_count * TN_EVENT_BYTES > room) fitting.events_count = 0;
    size_t size = write_answer(member->message + FRAME_HEAD, &fitting);
    member->counters.answers_forwarded++;
    send_to(member, to, TN_PEER_RESULT, tag, size);
}

void tn_member_tell_client(struct tn_member *member, uint64_t client,
                           const struct tn_member_answer *answer)
{
    const struct tn_member_out *out = &member->config.out;
    uint64_t peer = client >> TAG_BITS;
    if (peer > 0) {
        send_answer(member, (uint16_t)(peer - 1), client & (TN_MEMBER_CLIENTS - 1), answer);
    } else if (out->answer != NULL) {
        out->answer(out->context, client, answer);
    }
}

static void refuse(struct tn_member *member, uint64_t client, uint32_t market,
                   enum tn_reject reject)
{
    const struct tn_member_answer answer = {
        .kind = TN_MEMBER_REFUSED, .market = market, .reject = reject};
    tn_member_tell_client(member, client, &answer);
}

/* Which market a frame names; TN_NONE: it is no frame. */
static uint32_t frame_place(struct tn_member *member, const uint8_t *bytes, size_t size)
{
    uint32_t market;
    return tn_stream_frame_market(&market, bytes, size) ? tn_member_place(member, market) : TN_NONE;
}

static void give_to_desk(struct tn_member *member, uint32_t place, uint64_t client,
                         const uint8_t *bytes, size_t size)
{
    struct lead *lead = &member->leads[place];
    member_hold(member);
    enum tn_reject reject =
        tn_desk_frame(lead->desk, client, bytes, size, (uint64_t)member->clock.now_us);
    member_release(member);
    uint32_t market = tn_chain_heads(member->chain)->streams[place].market;
    if (reject != TN_REJECT_NONE) refuse(member, client, market, reject);
}

static void forward(struct tn_member *member, uint32_t place, uint64_t client, const uint8_t *bytes,
                    size_t size)
{
    const struct tn_chain_stream *stream = &tn_chain_heads(member->chain)->streams[place];
    struct tn_public_key key;
    uint16_t id;
    uint32_t index = TN_NONE;
    if (tn_registry_leader(tn_chain_registry(member->chain), &id, &key, stream->market,
                           stream->term)) {
        index = tn_validators_find_id(&member->set, id);
    }
    if (index == TN_NONE || index == member->index ||
        FRAME_HEAD + size > tn_peer_bytes_max(TN_PEER_FRAME)) {
        member->counters.frames_away++;
        const struct tn_member_answer answer = {.kind = TN_MEMBER_AWAY, .market = stream->market};
        tn_member_tell_client(member, client, &answer);
        return;
    }
    member->counters.frames_forwarded++;
    memcpy(member->message + FRAME_HEAD, bytes, size);
    send_to(member, (uint16_t)index, TN_PEER_FRAME, client, size);
}

void tn_member_take_frame(struct tn_member *member, uint64_t client, const uint8_t *bytes,
                          size_t size)
{
    uint32_t place = frame_place(member, bytes, size);
    member->counters.frames++;
    if (place == TN_NONE) {
        refuse(member, client, 0, TN_REJECT_FRAME_MALFORMED);
    } else if (member->leads[place].begun && !member->is_retiring) {
        give_to_desk(member, place, client, bytes, size);
    } else {
        forward(member, place, client, bytes, size);
    }
}

/* Whose answer it is, at the peer that passed it on. */
static uint64_t forwarded_client(uint16_t from, const uint8_t *bytes)
{
    const uint64_t tag = tn_get_be(bytes + 1, 8) & (TN_MEMBER_CLIENTS - 1);
    return ((uint64_t)from + 1) << TAG_BITS | tag;
}

enum tn_member_room tn_member_forwarded_room(struct tn_member *member, const uint8_t *bytes,
                                             size_t size, int64_t now_us)
{
    if (size < FRAME_HEAD) return TN_MEMBER_ROOM_ELSEWHERE;
    const uint32_t place = frame_place(member, bytes + FRAME_HEAD, size - FRAME_HEAD);
    if (place == TN_NONE || !member->leads[place].begun || member->is_retiring)
        return TN_MEMBER_ROOM_ELSEWHERE;
    member_hold(member);
    const bool has_place =
        tn_desk_has_place(member->leads[place].desk, size - FRAME_HEAD, (uint64_t)now_us);
    member_release(member);
    return has_place ? TN_MEMBER_ROOM_FREE : TN_MEMBER_ROOM_FULL;
}

void tn_member_forwarded_refuse(struct tn_member *member, uint16_t from, const uint8_t *bytes,
                                size_t size)
{
    uint32_t market;
    TN_ASSERT(size >= FRAME_HEAD);
    if (!tn_stream_frame_market(&market, bytes + FRAME_HEAD, size - FRAME_HEAD)) market = 0;
    refuse(member, forwarded_client(from, bytes), market, TN_REJECT_DESK_FULL);
}

void tn_member_take_forwarded(struct tn_member *member, uint16_t from, const uint8_t *bytes,
                              size_t size)
{
    if (size < FRAME_HEAD) {
        member->counters.messages_malformed++;
        return;
    }
    uint64_t client = forwarded_client(from, bytes);
    uint32_t place = frame_place(member, bytes + FRAME_HEAD, size - FRAME_HEAD);
    if (place == TN_NONE) {
        refuse(member, client, 0, TN_REJECT_FRAME_MALFORMED);
        return;
    }
    if (member->leads[place].begun && !member->is_retiring) {
        give_to_desk(member, place, client, bytes + FRAME_HEAD, size - FRAME_HEAD);
        return;
    }
    /* Forwarded once only: the two nodes do not agree yet on who leads. */
    const struct tn_member_answer answer = {
        .kind = TN_MEMBER_AWAY, .market = tn_chain_heads(member->chain)->streams[place].market};
    tn_member_tell_client(member, client, &answer);
}

/* Answers are the leader's alone: of the term that it names, or, where it names none, of this term
 * or the one before. */
static bool may_answer(struct tn_member *member, uint16_t from,
                       const struct tn_member_answer *answer)
{
    const uint32_t place = tn_member_place(member, answer->market);
    if (place == TN_NONE) return false; /* nothing else is forwarded */
    const uint32_t now = tn_chain_heads(member->chain)->streams[place].term;
    const uint32_t named = answer->place.term;
    for (uint32_t term = named > 0 ? named : now, tries = 0; term > 0 && tries < 2;
         term--, tries++) {
        struct tn_public_key key;
        uint16_t id;
        if (tn_registry_leader(tn_chain_registry(member->chain), &id, &key, answer->market, term) &&
            tn_validators_find_id(&member->set, id) == from)
            return true;
        if (named > 0) return false;
    }
    return false;
}

void tn_member_take_result(struct tn_member *member, uint16_t from, const uint8_t *bytes,
                           size_t size)
{
    struct tn_member_answer answer;
    if (size < FRAME_HEAD || !read_answer(&answer, bytes + FRAME_HEAD, size - FRAME_HEAD) ||
        !may_answer(member, from, &answer)) {
        member->counters.messages_malformed++;
        return;
    }
    tn_member_tell_client(member, tn_get_be(bytes + 1, 8) & (TN_MEMBER_CLIENTS - 1), &answer);
}
