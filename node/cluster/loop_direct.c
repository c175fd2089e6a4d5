/* loop_direct: desks that two threads are at: the node's, and the gateway's with clients' frames.
 *
 * One lock, which the node's thread holds for one call of a desk at a time, never while it executes
 * a block, syncs or sends. There is a way to the desks only while a member is at work. */
#include "cluster/desk_teller.h"
#include "cluster/loop_internal.h"

#include "tenor/stream.h"

#include <string.h>

void loop_direct_init(struct loop *loop)
{
    pthread_mutex_init(&loop->desks.lock, NULL);
}

void loop_direct_free(struct loop *loop)
{
    pthread_mutex_destroy(&loop->desks.lock);
}

void loop_direct_follow(struct loop *loop, struct tn_member *member)
{
    pthread_mutex_lock(&loop->desks.lock);
    loop->desks.member = member;
    loop_soft_follow(loop);
    loop_release(loop);
}

void loop_hold(void *context)
{
    struct loop *loop = context;
    pthread_mutex_lock(&loop->desks.lock);
}

void loop_release(void *context)
{
    struct loop *loop = context;
    if (loop->desks.teller != NULL) desk_teller_publish(loop->desks.teller);
    pthread_mutex_unlock(&loop->desks.lock);
}

/* ---- On the gateway's thread -------------------------------------------------------------------
 */

static void say_refused(void *context, uint64_t client, enum tn_reject reject)
{
    const struct gateway_direct_answers *answers = context;
    const struct port_answer told = {.kind = TN_MEMBER_REFUSED, .reject = (uint32_t)reject};
    answers->answer(answers->context, client & ~GATE_TAG, &told, NULL);
}

static void say_soft(void *context, uint64_t client, uint32_t market,
                     const struct tn_desk_place *place, const struct tn_market_step *step)
{
    const struct gateway_direct_answers *answers = context;
    const struct port_answer told = {.kind = TN_MEMBER_SOFT,
                                     .market = market,
                                     .term = place->term,
                                     .index = place->index,
                                     .sequence = place->sequence,
                                     .session = step->session,
                                     .nonce = step->entry->as.frame.nonce,
                                     .events_count = step->events_count};
    answers->answer(answers->context, client & ~GATE_TAG, &told, step->events);
}

static struct tn_member_direct calls_of(const struct gateway_direct_answers *answers)
{
    return (struct tn_member_direct){
        .context = (void *)answers, .refused = say_refused, .soft = say_soft};
}

static enum tn_member_room direct_room(void *context, const uint8_t *entry, size_t size)
{
    struct loop *loop = context;
    if (loop->desks.member == NULL) return TN_MEMBER_ROOM_ELSEWHERE;
    return tn_member_direct_room(loop->desks.member, entry, size, clock_us(CLOCK_MONOTONIC));
}

static bool direct_frame(void *context, const struct gateway_direct_answers *answers, uint64_t tag,
                         const struct tn_member_signed *checked, const uint8_t *entry, size_t size)
{
    struct loop *loop = context;
    const struct tn_member_direct calls = calls_of(answers);
    if (loop->desks.member == NULL) return false;
    return tn_member_direct_frame(loop->desks.member, &calls, tag | GATE_TAG, checked, entry, size,
                                  clock_us(CLOCK_MONOTONIC));
}

static bool direct_turn(void *context, const struct gateway_direct_answers *answers)
{
    struct loop *loop = context;
    const struct tn_member_direct calls = calls_of(answers);
    if (loop->desks.member == NULL) return false;
    return tn_member_direct_turn(loop->desks.member, &calls, clock_us(CLOCK_MONOTONIC));
}

void loop_fill_direct(struct gateway_direct *direct, struct loop *loop)
{
    *direct = (struct gateway_direct){.context = loop,
                                      .hold = loop_hold,
                                      .release = loop_release,
                                      .room = direct_room,
                                      .frame = direct_frame,
                                      .turn = direct_turn};
    loop_soft_fill(direct, loop);
}

/* ---- Frames that peers pass on -----------------------------------------------------------------
 */

static enum tn_member_room forwarded_room(void *context, const uint8_t *bytes, size_t size)
{
    struct loop *loop = context;
    return tn_member_forwarded_room(loop->member, bytes, size, loop->clock.now_us);
}

static void forwarded_pass(void *context, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct loop *loop = context;
    tn_member_message(loop->member, from, bytes, size, &loop->clock);
}

static void forwarded_refuse(void *context, uint16_t from, const uint8_t *bytes, size_t size)
{
    tn_member_forwarded_refuse(((struct loop *)context)->member, from, bytes, size);
}

bool loop_make_forwarded(struct loop *loop)
{
    const struct forwarded_calls calls = {.context = loop,
                                          .room = forwarded_room,
                                          .pass = forwarded_pass,
                                          .refuse = forwarded_refuse};
    const uint64_t hold_ms = loop->node->settings.clients.limits.hold_ms;
    loop->forwarded = forwarded_make(&calls, (int64_t)hold_ms * 1000);
    return loop->forwarded != NULL;
}
