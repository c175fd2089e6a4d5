/* sync_frame: records are kept until all are there, an inbox as its hash, and then fed in their
 * order to chain_globals, which makes the state root of them (docs/specs/chain.md §2, §6). */
#include "cluster/sync_frame.h"

#include "tenor/chain_globals.h"

#include <stdlib.h>
#include <string.h>

enum {
    KIND_STEP = 32, /* kinds of one market */
    RING_CHUNKS = TN_CHAIN_RING / TN_CHAIN_RING_CHUNK,
    KIND_END = TN_CHAIN_RECORD_REGISTRY + TN_CHAIN_REGISTRY_KINDS,
    STREAM_INBOXES_AT = 48, /* in STREAM: how many may wait, */
    STREAM_FIRST_AT = 72,   /* the height of the first that does, */
    STREAM_COUNT_AT = 80,   /* and how many do */
    STREAM_SIZE = 88,
};

struct item {
    uint8_t kind;
    uint32_t index, size;
    uint8_t *bytes; /* of an inbox: its hash */
};

struct sync_frame {
    const struct tn_chain_limits *limits;
    struct item *items;
    uint32_t count, room;
    struct tn_chain_globals globals;
};

static bool is_of_market(const struct tn_chain_limits *limits, uint8_t kind, uint8_t own)
{
    return kind < TN_CHAIN_RECORD_HEADS && kind / KIND_STEP < limits->markets_count &&
           kind % KIND_STEP == own;
}

uint32_t sync_frame_most(const struct tn_chain_limits *limits, uint8_t kind)
{
    const uint32_t registry[TN_CHAIN_REGISTRY_KINDS] = {
        1, limits->registry.validators_max, limits->registry.feeders_max,
        limits->registry.markets_max, TN_REGISTRY_SETS};
    if (is_of_market(limits, kind, TN_RECORD_STREAM)) return 1;
    if (is_of_market(limits, kind, TN_RECORD_INBOX)) {
        return limits->markets[kind / KIND_STEP].inboxes_max;
    }
    if (kind == TN_CHAIN_RECORD_HEADS) return 1;
    if (kind == TN_CHAIN_RECORD_RING) return RING_CHUNKS;
    if (kind < TN_CHAIN_RECORD_REGISTRY || kind >= KIND_END) return 0;
    return registry[kind - TN_CHAIN_RECORD_REGISTRY];
}

struct sync_frame *sync_frame_make(const struct tn_chain_limits *limits)
{
    struct sync_frame *frame = calloc(1, sizeof *frame);
    if (frame != NULL) frame->limits = limits;
    return frame;
}

void sync_frame_free(struct sync_frame *frame)
{
    if (frame == NULL) return;
    for (uint32_t i = 0; i < frame->count; i++)
        free(frame->items[i].bytes);
    free(frame->items);
    free(frame);
}

static bool make_room(struct sync_frame *frame)
{
    if (frame->count < frame->room) return true;
    const uint32_t room = frame->room == 0 ? 256 : 2 * frame->room;
    struct item *grown = realloc(frame->items, room * sizeof *grown);
    if (grown == NULL) return false;
    frame->items = grown;
    frame->room = room;
    return true;
}

enum sync_frame_added sync_frame_add(struct sync_frame *frame, uint8_t kind, uint32_t index,
                                     const uint8_t *bytes, size_t size)
{
    const bool is_inbox = is_of_market(frame->limits, kind, TN_RECORD_INBOX);
    struct tn_hash hash;
    if (index >= sync_frame_most(frame->limits, kind) || size == 0 || size > UINT32_MAX) {
        return SYNC_FRAME_BAD;
    }
    if (is_inbox) tn_keccak256(&hash, bytes, size);
    const size_t kept = is_inbox ? sizeof hash.bytes : size;
    uint8_t *copy = make_room(frame) ? malloc(kept) : NULL;
    if (copy == NULL) return SYNC_FRAME_NO_MEMORY;
    memcpy(copy, is_inbox ? hash.bytes : bytes, kept);
    frame->items[frame->count++] =
        (struct item){.kind = kind, .index = index, .size = (uint32_t)kept, .bytes = copy};
    return SYNC_FRAME_ADDED;
}

/* ---- The check ---------------------------------------------------------------------------------
 */

static int compare(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static const struct item *find(const struct sync_frame *frame, uint8_t kind, uint32_t index)
{
    const struct item name = {.kind = kind, .index = index};
    if (frame->count == 0) return NULL;
    return bsearch(&name, frame->items, frame->count, sizeof name, compare);
}

static uint32_t count_of(const struct sync_frame *frame, uint8_t kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < frame->count; i++)
        count += frame->items[i].kind == kind;
    return count;
}

/* STREAM, then the inboxes it speaks of, by height. */
static bool hash_inboxes(struct tn_chain_inboxes *inboxes, const struct sync_frame *frame,
                         uint32_t place)
{
    const uint8_t kind = (uint8_t)(place * KIND_STEP + TN_RECORD_STREAM);
    const uint8_t waiting = (uint8_t)(place * KIND_STEP + TN_RECORD_INBOX);
    const struct item *stream = find(frame, kind, 0);
    struct tn_keccak keccak;
    if (stream == NULL || stream->size < STREAM_SIZE) return false;
    const uint64_t first = tn_get_be(stream->bytes + STREAM_FIRST_AT, 8);
    const uint64_t count = tn_get_be(stream->bytes + STREAM_COUNT_AT, 8);
    const uint32_t room = (uint32_t)tn_get_be(stream->bytes + STREAM_INBOXES_AT, 4);
    if (room == 0 || count != count_of(frame, waiting)) return false;
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, stream->bytes, stream->size);
    for (uint64_t i = 0; i < count; i++) {
        const struct item *inbox = find(frame, waiting, (uint32_t)((first + i) % room));
        if (inbox == NULL) return false;
        tn_keccak_add(&keccak, inbox->bytes, inbox->size);
    }
    tn_keccak_end(&keccak, &inboxes->root);
    inboxes->count = (uint32_t)count;
    return true;
}

/* Those of RING and SET may be empty, and are then not sent; of others there is one for each index
 * up to the last. */
static uint32_t end_of(const struct sync_frame *frame, uint8_t kind)
{
    const bool may_be_empty = kind == TN_CHAIN_RECORD_RING || kind == KIND_END - 1;
    return may_be_empty ? sync_frame_most(frame->limits, kind) : count_of(frame, kind);
}

static bool add_globals(struct sync_frame *frame)
{
    static const uint8_t nothing[1];
    struct tn_import_fault fault;
    tn_chain_globals_begin(&frame->globals, frame->limits);
    for (uint8_t kind = TN_CHAIN_RECORD_HEADS; kind < KIND_END; kind++) {
        const uint32_t end = end_of(frame, kind);
        for (uint32_t index = 0; index < end; index++) {
            const struct item *item = find(frame, kind, index);
            if (!tn_chain_globals_add(&frame->globals, &fault, kind, index,
                                      item == NULL ? nothing : item->bytes,
                                      item == NULL ? 0 : item->size)) {
                return false;
            }
        }
    }
    return true;
}

bool sync_frame_check(struct sync_frame *frame, const struct tn_checkpoint *checkpoint,
                      const struct tn_hash *markets_root)
{
    struct tn_chain_inboxes inboxes[TN_CHAIN_MARKETS_MAX];
    struct tn_import_fault fault;
    struct tn_hash root;
    if (frame->count > 0) qsort(frame->items, frame->count, sizeof *frame->items, compare);
    for (uint32_t place = 0; place < frame->limits->markets_count; place++)
        if (!hash_inboxes(&inboxes[place], frame, place)) return false;
    return add_globals(frame) &&
           tn_chain_globals_end(&frame->globals, &fault, &root, inboxes, markets_root) &&
           frame->globals.heads.height == checkpoint->height &&
           tn_hash_equal(&root, &checkpoint->state_root);
}

const uint8_t *sync_frame_exit(const struct sync_frame *frame, uint32_t place)
{
    const struct tn_chain_stream *stream = &frame->globals.heads.streams[place];
    return stream->has_exit ? stream->exit : NULL;
}
