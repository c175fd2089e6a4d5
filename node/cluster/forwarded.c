/* One list in the order in which frames came. A turn goes through it; a market whose first frame
 * finds no room keeps all its later ones waiting, so nothing overtakes within a market. */
#include "cluster/forwarded.h"

#include "tenor/peer.h"
#include "tenor/stream.h"

#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_HEAD = 9, /* kind u8, tag u64 */
    ENTRY_HEAD = 6,   /* version u8, kind u8, size of the payload u32 */
};

struct held {
    struct held *next;
    int64_t since_us;
    uint64_t session;
    size_t size;
    uint32_t market;
    uint16_t from;
    uint8_t bytes[];
};

struct forwarded {
    struct forwarded_calls calls;
    int64_t hold_us;
    struct held *first, **end;
    uint32_t counts[TN_PEERS_MAX];
    size_t bytes[TN_PEERS_MAX];
    struct forwarded_counters counters;
    struct tn_stream_scratch *scratch;
};

struct forwarded *forwarded_make(const struct forwarded_calls *calls, int64_t hold_us)
{
    struct forwarded *forwarded = calloc(1, sizeof *forwarded);
    if (forwarded == NULL) return NULL;
    forwarded->calls = *calls;
    forwarded->hold_us = hold_us;
    forwarded->end = &forwarded->first;
    forwarded->scratch = malloc(sizeof *forwarded->scratch);
    if (forwarded->scratch != NULL) return forwarded;
    free(forwarded);
    return NULL;
}

void forwarded_free(struct forwarded *forwarded)
{
    if (forwarded == NULL) return;
    forwarded_drop(forwarded);
    free(forwarded->scratch);
    free(forwarded);
}

const struct forwarded_counters *forwarded_counters(const struct forwarded *forwarded)
{
    return &forwarded->counters;
}

/* ---- What a frame is ---------------------------------------------------------------------------
 */

static bool is_cancel(const struct tn_command *command)
{
    return command->kind == TN_COMMAND_CANCEL || command->kind == TN_COMMAND_MASS_CANCEL ||
           command->kind == TN_COMMAND_MMP_CANCEL;
}

/* False: it does not read, which is for the member to refuse. */
static bool read_frame(struct forwarded *forwarded, struct tn_frame *frame, const uint8_t *bytes,
                       size_t size)
{
    struct tn_stream_fault fault;
    const size_t around = MESSAGE_HEAD + ENTRY_HEAD + TN_SIGNATURE_SIZE;
    return size > around &&
           tn_stream_read_payload(frame, &fault, forwarded->scratch,
                                  bytes + MESSAGE_HEAD + ENTRY_HEAD, size - around);
}

static bool only_cancels(const struct tn_frame *frame)
{
    for (uint32_t i = 0; i < frame->commands_count; i++) {
        if (!is_cancel(&frame->commands[i])) return false;
    }
    return true;
}

/* Does one wait that it must not overtake? */
static bool is_behind(const struct forwarded *forwarded, const struct tn_frame *frame)
{
    const bool is_free = only_cancels(frame);
    for (const struct held *held = forwarded->first; held != NULL; held = held->next) {
        if (held->market != frame->market) continue;
        if (!is_free || held->session == frame->session) return true;
    }
    return false;
}

/* ---- Holding -----------------------------------------------------------------------------------
 */

static bool hold(struct forwarded *forwarded, uint16_t from, const struct tn_frame *frame,
                 const uint8_t *bytes, size_t size, int64_t now_us)
{
    struct forwarded_counters *counters = &forwarded->counters;
    if (forwarded->counts[from] == FORWARDED_EACH ||
        forwarded->bytes[from] + size > FORWARDED_BYTES_EACH) {
        return false;
    }
    struct held *held = malloc(sizeof *held + size);
    if (held == NULL) return false;
    *held = (struct held){.since_us = now_us,
                          .session = frame->session,
                          .size = size,
                          .market = frame->market,
                          .from = from};
    memcpy(held->bytes, bytes, size);
    *forwarded->end = held;
    forwarded->end = &held->next;
    forwarded->counts[from]++;
    forwarded->bytes[from] += size;
    counters->frames++;
    counters->held++;
    counters->held_bytes += size;
    return true;
}

void forwarded_take(struct forwarded *forwarded, uint16_t from, const uint8_t *bytes, size_t size,
                    int64_t now_us)
{
    const struct forwarded_calls *calls = &forwarded->calls;
    const enum tn_member_room room = calls->room(calls->context, bytes, size);
    struct tn_frame frame;
    const bool may_wait = forwarded->hold_us > 0 && from < TN_PEERS_MAX &&
                          room != TN_MEMBER_ROOM_ELSEWHERE &&
                          (room == TN_MEMBER_ROOM_FULL || forwarded->first != NULL);
    if (!may_wait || !read_frame(forwarded, &frame, bytes, size) ||
        (!is_behind(forwarded, &frame) && (room == TN_MEMBER_ROOM_FREE || only_cancels(&frame)))) {
        calls->pass(calls->context, from, bytes, size);
    } else if (!hold(forwarded, from, &frame, bytes, size, now_us)) {
        forwarded->counters.refused++;
        calls->refuse(calls->context, from, bytes, size);
    }
}

/* ---- Letting go --------------------------------------------------------------------------------
 */

/* The one that the link leads to leaves the list. */
static struct held *take_out(struct forwarded *forwarded, struct held **link)
{
    struct held *held = *link;
    *link = held->next;
    if (forwarded->end == &held->next) forwarded->end = link;
    forwarded->counts[held->from]--;
    forwarded->bytes[held->from] -= held->size;
    forwarded->counters.held--;
    forwarded->counters.held_bytes -= held->size;
    return held;
}

/* Markets whose first frame has to wait on, in this turn. */
struct waiting {
    uint32_t count, markets[TN_CHAIN_MARKETS_MAX];
};

static bool must_wait(struct forwarded *forwarded, struct waiting *waiting, const struct held *held,
                      bool is_late)
{
    const struct forwarded_calls *calls = &forwarded->calls;
    for (uint32_t i = 0; i < waiting->count; i++) {
        if (waiting->markets[i] == held->market) return true;
    }
    if (is_late || calls->room(calls->context, held->bytes, held->size) != TN_MEMBER_ROOM_FULL)
        return false;
    if (waiting->count < TN_CHAIN_MARKETS_MAX) waiting->markets[waiting->count++] = held->market;
    return true;
}

void forwarded_turn(struct forwarded *forwarded, int64_t now_us)
{
    const struct forwarded_calls *calls = &forwarded->calls;
    struct waiting waiting = {.count = 0};
    struct held **link = &forwarded->first;
    while (*link != NULL) {
        const bool is_late = now_us - (*link)->since_us >= forwarded->hold_us;
        if (must_wait(forwarded, &waiting, *link, is_late)) {
            link = &(*link)->next;
            continue;
        }
        struct held *held = take_out(forwarded, link);
        if (is_late) forwarded->counters.late++;
        calls->pass(calls->context, held->from, held->bytes, held->size);
        free(held);
    }
}

void forwarded_drop(struct forwarded *forwarded)
{
    while (forwarded->first != NULL) {
        free(take_out(forwarded, &forwarded->first));
        forwarded->counters.dropped++;
    }
}
