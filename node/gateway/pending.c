/* A pool of records with three chains through it: those of one owner, all frames, and those whose
 * session and nonce have one hash. A tag is the index of its record and a number that grows with
 * each use of the record. */
#include "gateway/pending.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_BITS 20u
#define TAG_USES   (UINT64_C(1) << 26) /* a tag is below 2^47 */
_Static_assert(TAG_USES << INDEX_BITS <= TN_MEMBER_CLIENTS / 2, "tags are below 2^47");

struct gateway_pendings {
    uint32_t count, made, used, free, owners;
    uint32_t first_frame, last_frame;
    uint32_t mask;
    struct gateway_pending *list;
    uint32_t *owned;  /* by owner: the first */
    uint32_t *hashed; /* by hash: the first */
};

struct gateway_pendings *gateway_pendings_make(uint32_t count, uint32_t owners)
{
    TN_ASSERT(count > 0 && count <= 1u << INDEX_BITS);
    struct gateway_pendings *pendings = calloc(1, sizeof *pendings);
    if (pendings == NULL) return NULL;
    uint32_t buckets = 16;
    while (buckets < count)
        buckets *= 2;
    pendings->count = count;
    pendings->owners = owners;
    pendings->mask = buckets - 1;
    pendings->free = pendings->first_frame = pendings->last_frame = TN_NONE;
    pendings->list = calloc(count, sizeof *pendings->list);
    pendings->owned = malloc(owners * sizeof(uint32_t));
    pendings->hashed = malloc(buckets * sizeof(uint32_t));
    if (pendings->list == NULL || pendings->owned == NULL || pendings->hashed == NULL) {
        gateway_pendings_free(pendings);
        return NULL;
    }
    memset(pendings->owned, 0xff, owners * sizeof(uint32_t));
    memset(pendings->hashed, 0xff, buckets * sizeof(uint32_t));
    return pendings;
}

void gateway_pendings_free(struct gateway_pendings *pendings)
{
    if (pendings == NULL) return;
    free(pendings->list);
    free(pendings->owned);
    free(pendings->hashed);
    free(pendings);
}

uint32_t gateway_pendings_count(const struct gateway_pendings *pendings)
{
    return pendings->used;
}

static bool is_frame(const struct gateway_pending *pending)
{
    return pending->kind == GATEWAY_PENDING_FRAME || pending->kind == GATEWAY_PENDING_STANDBY;
}

static uint32_t *bucket_of(const struct gateway_pendings *pendings, uint32_t market,
                           uint64_t session, uint64_t nonce)
{
    uint64_t key =
        (session * UINT64_C(0x9e3779b97f4a7c15) + nonce + market) * UINT64_C(0xd6e8feb86659fd93);
    return &pendings->hashed[(key >> 32) & pendings->mask];
}

static uint32_t index_of(const struct gateway_pendings *pendings,
                         const struct gateway_pending *pending)
{
    return (uint32_t)(pending - pendings->list);
}

static void own(struct gateway_pendings *pendings, struct gateway_pending *pending)
{
    pending->next_owned = pending->previous_owned = TN_NONE;
    if (pending->owner == TN_NONE) return;
    TN_ASSERT(pending->owner < pendings->owners);
    uint32_t *first = &pendings->owned[pending->owner];
    pending->next_owned = *first;
    if (*first != TN_NONE) pendings->list[*first].previous_owned = index_of(pendings, pending);
    *first = index_of(pendings, pending);
}

/* It is nobody's from now on. */
static void disown(struct gateway_pendings *pendings, struct gateway_pending *pending)
{
    if (pending->owner == TN_NONE) return;
    if (pending->previous_owned == TN_NONE) {
        pendings->owned[pending->owner] = pending->next_owned;
    } else {
        pendings->list[pending->previous_owned].next_owned = pending->next_owned;
    }
    if (pending->next_owned != TN_NONE)
        pendings->list[pending->next_owned].previous_owned = pending->previous_owned;
    pending->owner = TN_NONE;
}

static void add_frame(struct gateway_pendings *pendings, struct gateway_pending *pending)
{
    uint32_t index = index_of(pendings, pending);
    uint32_t *bucket = bucket_of(pendings, pending->market, pending->session, pending->nonce);
    pending->next_hashed = *bucket;
    *bucket = index;
    pending->next_frame = TN_NONE;
    pending->previous_frame = pendings->last_frame;
    if (pendings->last_frame == TN_NONE) {
        pendings->first_frame = index;
    } else {
        pendings->list[pendings->last_frame].next_frame = index;
    }
    pendings->last_frame = index;
}

static void remove_frame(struct gateway_pendings *pendings, struct gateway_pending *pending)
{
    uint32_t index = index_of(pendings, pending);
    uint32_t *link = bucket_of(pendings, pending->market, pending->session, pending->nonce);
    while (*link != index)
        link = &pendings->list[*link].next_hashed;
    *link = pending->next_hashed;
    if (pending->previous_frame == TN_NONE) {
        pendings->first_frame = pending->next_frame;
    } else {
        pendings->list[pending->previous_frame].next_frame = pending->next_frame;
    }
    if (pending->next_frame == TN_NONE) {
        pendings->last_frame = pending->previous_frame;
    } else {
        pendings->list[pending->next_frame].previous_frame = pending->previous_frame;
    }
}

struct gateway_pending *gateway_pendings_add(struct gateway_pendings *pendings,
                                             const struct gateway_pending *pending)
{
    uint32_t index = pendings->free;
    if (index != TN_NONE) {
        pendings->free = pendings->list[index].next_owned;
    } else if (pendings->made < pendings->count) {
        index = pendings->made++;
    } else {
        return NULL;
    }
    struct gateway_pending *added = &pendings->list[index];
    uint64_t uses = ((added->tag >> INDEX_BITS) + 1) % TAG_USES;
    if (uses == 0) uses = 1; /* no tag is 0 */
    *added = *pending;
    added->tag = (uses << INDEX_BITS) | index;
    own(pendings, added);
    if (is_frame(added)) add_frame(pendings, added);
    pendings->used++;
    return added;
}

struct gateway_pending *gateway_pendings_find(struct gateway_pendings *pendings, uint64_t tag)
{
    uint64_t index = tag & ((UINT64_C(1) << INDEX_BITS) - 1);
    if (index >= pendings->made) return NULL;
    struct gateway_pending *pending = &pendings->list[index];
    return pending->kind != 0 && pending->tag == tag ? pending : NULL;
}

struct gateway_pending *gateway_pendings_frame(struct gateway_pendings *pendings, uint32_t market,
                                               uint64_t session, uint64_t nonce)
{
    uint32_t index = *bucket_of(pendings, market, session, nonce);
    while (index != TN_NONE) {
        struct gateway_pending *pending = &pendings->list[index];
        if (pending->market == market && pending->session == session && pending->nonce == nonce)
            return pending;
        index = pending->next_hashed;
    }
    return NULL;
}

void gateway_pendings_remove(struct gateway_pendings *pendings, struct gateway_pending *pending)
{
    TN_ASSERT(pending->kind != 0);
    if (is_frame(pending)) remove_frame(pendings, pending);
    disown(pendings, pending);
    pending->kind = 0;
    pending->next_owned = pendings->free;
    pendings->free = index_of(pendings, pending);
    pendings->used--;
}

struct gateway_pending *gateway_pendings_next_owned(struct gateway_pendings *pendings,
                                                    uint32_t owner,
                                                    const struct gateway_pending *pending)
{
    uint32_t index = pending == NULL ? pendings->owned[owner] : pending->next_owned;
    return index == TN_NONE ? NULL : &pendings->list[index];
}

struct gateway_pending *gateway_pendings_next_frame(struct gateway_pendings *pendings,
                                                    const struct gateway_pending *pending)
{
    uint32_t index = pending == NULL ? pendings->first_frame : pending->next_frame;
    return index == TN_NONE ? NULL : &pendings->list[index];
}
