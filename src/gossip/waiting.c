/* waiting: items that wait for a block.
 *
 * Each kind has its own slots, of bytes_max each, so that kinds cannot displace one another, and
 * one list of them in the order in which they are handed out: of coming, or of their numbers. Among
 * those in the order of coming each has a rank, how many of its group were before it; all of rank 0
 * go before all of rank 1, so who fills the pool does not delay who has one item. What is gone is
 * remembered by its hash for a while, since peers will tell of it again. What this node had first
 * is told to the set and told again, at longer and longer intervals, until it is gone. */
#include "gossip/waiting_internal.h"

#define KINDS TN_WAITING_KINDS

static void tally(struct tn_waiting *waiting, enum tn_waiting_counter counter)
{
    waiting->counters[counter]++;
}

static bool kind_fits(const struct tn_waiting_kind *kind)
{
    if (kind->rule == TN_WAITING_OFF) return true;
    return kind->rule <= TN_WAITING_ARRIVAL && kind->items_max > 0 && kind->items_max <= 1u << 16 &&
           kind->bytes_max > 0 && kind->bytes_max <= TN_PEER_ITEM_MAX - ITEM_PREFIX &&
           (kind->group_max > 0 || kind->rule == TN_WAITING_NEWEST);
}

static bool limits_fit(const struct tn_waiting_limits *limits)
{
    for (uint32_t i = 0; i < KINDS; i++) {
        if (!kind_fits(&limits->kinds[i])) return false;
    }
    return limits->kinds[0].rule == TN_WAITING_OFF && limits->peers_max > 0 &&
           limits->peers_max <= TN_PEERS_MAX && limits->seen_max > 0 &&
           limits->seen_max <= 1u << 24 && limits->resend_us > 0 &&
           limits->resend_us < INT64_C(1) << 40;
}

static uint32_t slots_of(const struct tn_waiting_kind *kind)
{
    return kind->rule == TN_WAITING_OFF ? 0 : kind->items_max;
}

/* Where the parts lie; with waiting NULL it only measures. */
static size_t lay_out(struct tn_waiting *waiting, const struct tn_waiting_limits *limits)
{
    uint8_t *base = (uint8_t *)waiting;
    uint32_t slots = 0, bytes_max = 0;
    for (uint32_t i = 0; i < KINDS; i++) {
        slots += slots_of(&limits->kinds[i]);
        if (slots_of(&limits->kinds[i]) > 0 && limits->kinds[i].bytes_max > bytes_max) {
            bytes_max = limits->kinds[i].bytes_max;
        }
    }
    size_t at = tn_align(sizeof(*waiting)), items, held, seen, seen_cells, message;
    items = at, at += tn_align(slots * sizeof(struct item));
    held = at, at += tn_align(tn_index_cells(slots) * sizeof(uint64_t));
    seen = at, at += tn_align(limits->seen_max * sizeof(struct tn_hash));
    seen_cells = at, at += tn_align(tn_index_cells(limits->seen_max) * sizeof(uint64_t));
    message = at, at += tn_align(bytes_max + ITEM_PREFIX);
    if (waiting != NULL) {
        waiting->items = (struct item *)(void *)(base + items);
        waiting->slots = slots;
        waiting->seen = (struct tn_hash *)(void *)(base + seen);
        waiting->message = base + message;
        tn_index_init(&waiting->held, (uint64_t *)(void *)(base + held), slots, limits->seed);
        tn_index_init(&waiting->seen_index, (uint64_t *)(void *)(base + seen_cells),
                      limits->seen_max, limits->seed);
    }
    uint32_t first = 0;
    for (uint32_t i = 0; i < KINDS; i++) {
        uint32_t kind_slots = slots_of(&limits->kinds[i]);
        if (waiting != NULL) {
            waiting->kinds[i] = (struct kind){.first = first,
                                              .slots = kind_slots,
                                              .head = TN_NONE,
                                              .tail = TN_NONE,
                                              .spare = TN_NONE,
                                              .bytes = base + at};
        }
        for (uint32_t slot = first + kind_slots; waiting != NULL && slot > first; slot--) {
            waiting->items[slot - 1].next = waiting->kinds[i].spare;
            waiting->kinds[i].spare = slot - 1;
        }
        first += kind_slots;
        at += tn_align((size_t)kind_slots * limits->kinds[i].bytes_max);
    }
    return at;
}

size_t tn_waiting_size(const struct tn_waiting_limits *limits)
{
    return limits_fit(limits) ? lay_out(NULL, limits) : 0;
}

struct tn_waiting *tn_waiting_init(void *memory, const struct tn_waiting_limits *limits,
                                   const struct tn_waiting_host *host, uint16_t self,
                                   uint16_t peers_count)
{
    TN_ASSERT(limits_fit(limits) && (uintptr_t)memory % 64 == 0);
    struct tn_waiting *waiting = memory;
    waiting->limits = *limits;
    waiting->host = *host;
    waiting->random = limits->seed;
    waiting->resend_next_us = INT64_MAX;
    lay_out(waiting, limits);
    tn_waiting_set_peers(waiting, self, peers_count);
    return waiting;
}

void tn_waiting_set_peers(struct tn_waiting *waiting, uint16_t self, uint16_t peers_count)
{
    TN_ASSERT(peers_count <= waiting->limits.peers_max && self < peers_count);
    waiting->self = self;
    waiting->peers_count = peers_count;
    memset(waiting->shares, 0, sizeof(waiting->shares));
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        for (uint32_t i = waiting->kinds[kind].head; i != TN_NONE; i = waiting->items[i].next) {
            if (waiting->items[i].from != TN_PEER_SELF) waiting->items[i].from = TN_PEER_ALL;
        }
    }
}

const uint64_t *tn_waiting_counters(const struct tn_waiting *waiting)
{
    return waiting->counters;
}

/* ---- What is held, and what is gone ---- */

static uint32_t hash_key(const struct tn_index *index, const struct tn_hash *hash)
{
    return tn_index_hash(index, tn_get_be(hash->bytes, 8));
}

static uint32_t find_item(const struct tn_waiting *waiting, const struct tn_hash *hash)
{
    TN_INDEX_EACH (&waiting->held, hash_key(&waiting->held, hash), slot)
        if (tn_hash_equal(&waiting->items[slot].hash, hash)) return slot;
    return TN_NONE;
}

static bool was_seen(const struct tn_waiting *waiting, const struct tn_hash *hash)
{
    TN_INDEX_EACH (&waiting->seen_index, hash_key(&waiting->seen_index, hash), slot)
        if (tn_hash_equal(&waiting->seen[slot], hash)) return true;
    return false;
}

static void remember(struct tn_waiting *waiting, const struct tn_hash *hash)
{
    if (was_seen(waiting, hash)) return;
    uint32_t slot = waiting->seen_next;
    waiting->seen_next = (slot + 1) % waiting->limits.seen_max;
    if (waiting->seen_index.count == waiting->limits.seen_max) {
        tn_index_remove(&waiting->seen_index, hash_key(&waiting->seen_index, &waiting->seen[slot]),
                        slot);
    }
    waiting->seen[slot] = *hash;
    tn_index_insert(&waiting->seen_index, hash_key(&waiting->seen_index, hash), slot);
}

static uint8_t *bytes_of(const struct tn_waiting *waiting, uint32_t slot)
{
    const struct kind *kind = &waiting->kinds[waiting->items[slot].kind];
    size_t room = waiting->limits.kinds[waiting->items[slot].kind].bytes_max;
    return kind->bytes + (slot - kind->first) * room;
}

const uint8_t *tn_waiting_bytes(const struct tn_waiting *waiting, uint32_t slot)
{
    TN_ASSERT(waiting->items[slot].used);
    return bytes_of(waiting, slot);
}

void tn_waiting_hash(struct tn_hash *hash, uint8_t kind, const uint8_t *bytes, size_t size)
{
    struct tn_keccak keccak;
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, &kind, 1);
    tn_keccak_add(&keccak, bytes, size);
    tn_keccak_end(&keccak, hash);
}

/* ---- The list of a kind ---- */

static void link_before(struct tn_waiting *waiting, uint32_t slot, uint32_t next)
{
    struct kind *kind = &waiting->kinds[waiting->items[slot].kind];
    struct item *item = &waiting->items[slot];
    item->next = next;
    item->previous = next == TN_NONE ? kind->tail : waiting->items[next].previous;
    *(item->previous == TN_NONE ? &kind->head : &waiting->items[item->previous].next) = slot;
    *(next == TN_NONE ? &kind->tail : &waiting->items[next].previous) = slot;
}

static void take_out(struct tn_waiting *waiting, uint32_t slot)
{
    struct item *item = &waiting->items[slot];
    struct kind *kind = &waiting->kinds[item->kind];
    TN_ASSERT(item->used && kind->count > 0);
    for (uint32_t i = item->next; i != TN_NONE; i = waiting->items[i].next) {
        struct item *later = &waiting->items[i];
        if (later->note.group == item->note.group && later->rank > item->rank) later->rank--;
    }
    *(item->previous == TN_NONE ? &kind->head : &waiting->items[item->previous].next) = item->next;
    *(item->next == TN_NONE ? &kind->tail : &waiting->items[item->next].previous) = item->previous;
    tn_index_remove(&waiting->held, hash_key(&waiting->held, &item->hash), slot);
    if (item->from < TN_PEERS_MAX) waiting->shares[item->kind][item->from]--;
    item->used = false;
    item->next = kind->spare;
    kind->spare = slot;
    kind->count--;
}

/* The slot for the number's place: before the first that has a higher one. */
static uint32_t place_of_number(const struct tn_waiting *waiting, uint8_t kind, uint64_t number)
{
    uint32_t next = TN_NONE;
    for (uint32_t i = waiting->kinds[kind].tail; i != TN_NONE; i = waiting->items[i].previous) {
        if (waiting->items[i].note.number <= number) break;
        next = i;
    }
    return next;
}

struct group {
    uint32_t count;
    uint32_t first; /* a slot, TN_NONE */
};

static struct group look_at_group(const struct tn_waiting *waiting, uint8_t kind, uint64_t number)
{
    struct group group = {.first = TN_NONE};
    for (uint32_t i = waiting->kinds[kind].head; i != TN_NONE; i = waiting->items[i].next) {
        if (waiting->items[i].note.group != number) continue;
        if (group.count++ == 0) group.first = i;
    }
    return group;
}

/* Makes room by the kind's rule; false: it stays out. */
static bool make_room(struct tn_waiting *waiting, uint8_t kind, const struct tn_waiting_note *note,
                      struct group *group)
{
    const struct tn_waiting_kind *rule = &waiting->limits.kinds[kind];
    if (rule->rule == TN_WAITING_NEWEST && group->count > 0) {
        if (waiting->items[group->first].note.number >= note->number) {
            tally(waiting, TN_WAITING_COUNT_OLDER);
            return false;
        }
        return true; /* takes the older one's slot */
    }
    if (rule->rule != TN_WAITING_NEWEST && group->count >= rule->group_max) {
        tally(waiting, TN_WAITING_COUNT_SHARE);
        return false;
    }
    if (waiting->kinds[kind].count < rule->items_max) return true;
    uint32_t last = waiting->kinds[kind].tail;
    if (rule->rule != TN_WAITING_NUMBERED || waiting->items[last].note.number <= note->number) {
        tally(waiting, TN_WAITING_COUNT_FULL);
        return false;
    }
    if (waiting->items[last].note.group == note->group) group->count--;
    take_out(waiting, last);
    tally(waiting, TN_WAITING_COUNT_DISPLACED);
    return true;
}

static uint32_t take_slot(struct tn_waiting *waiting, uint8_t kind)
{
    uint32_t slot = waiting->kinds[kind].spare;
    TN_ASSERT(slot != TN_NONE && !waiting->items[slot].used);
    waiting->kinds[kind].spare = waiting->items[slot].next;
    return slot;
}

/* Puts a new item where its rule wants it; a newer report takes over the place of the older. */
static uint32_t put_item(struct tn_waiting *waiting, const struct item *item, struct group group,
                         const uint8_t *bytes)
{
    uint8_t kind = item->kind;
    uint8_t rule = waiting->limits.kinds[kind].rule;
    uint32_t next = TN_NONE;
    if (rule == TN_WAITING_NEWEST && group.count > 0) {
        next = waiting->items[group.first].next;
        take_out(waiting, group.first);
        tally(waiting, TN_WAITING_COUNT_DISPLACED);
    } else if (rule == TN_WAITING_NUMBERED) {
        next = place_of_number(waiting, kind, item->note.number);
    }
    uint32_t slot = take_slot(waiting, kind);
    waiting->items[slot] = *item;
    waiting->items[slot].rank = rule == TN_WAITING_ARRIVAL ? group.count : 0;
    memcpy(bytes_of(waiting, slot), bytes, item->size);
    link_before(waiting, slot, next);
    tn_index_insert(&waiting->held, hash_key(&waiting->held, &item->hash), slot);
    if (item->from < TN_PEERS_MAX) waiting->shares[kind][item->from]++;
    waiting->kinds[kind].count++;
    tally(waiting, TN_WAITING_COUNT_ADDED);
    return slot;
}

/* ---- Coming in ---- */

static enum tn_waiting_answer refuse(struct tn_waiting *waiting, enum tn_waiting_counter counter,
                                     enum tn_waiting_answer answer)
{
    tally(waiting, counter);
    return answer;
}

static bool over_share(const struct tn_waiting *waiting, uint8_t kind, uint16_t from)
{
    if (from >= TN_PEERS_MAX || waiting->limits.peer_share_max == 0) return false;
    return waiting->shares[kind][from] >= waiting->limits.peer_share_max;
}

static enum tn_waiting_answer take_in(struct tn_waiting *waiting, uint16_t from, uint8_t kind,
                                      const uint8_t *bytes, size_t size, int64_t now_us)
{
    if (kind >= KINDS || waiting->limits.kinds[kind].rule == TN_WAITING_OFF || size == 0 ||
        size > waiting->limits.kinds[kind].bytes_max) {
        return refuse(waiting, TN_WAITING_COUNT_MALFORMED, TN_WAITING_INVALID);
    }
    struct item item = {.used = true,
                        .kind = kind,
                        .from = from,
                        .size = (uint32_t)size,
                        .since_us = now_us,
                        .resend_at_us = INT64_MAX};
    tn_waiting_hash(&item.hash, kind, bytes, size);
    if (find_item(waiting, &item.hash) != TN_NONE || was_seen(waiting, &item.hash)) {
        return refuse(waiting, TN_WAITING_COUNT_DUPLICATE, TN_WAITING_KNOWN);
    }
    if (over_share(waiting, kind, from)) {
        return refuse(waiting, TN_WAITING_COUNT_SHARE, TN_WAITING_NO_ROOM);
    }
    enum tn_gossip_answer answer =
        waiting->host.judge(waiting->host.context, kind, bytes, size, &item.note);
    if (answer == TN_GOSSIP_BAD) {
        return refuse(waiting, TN_WAITING_COUNT_INVALID, TN_WAITING_INVALID);
    }
    item.ready = answer == TN_GOSSIP_OK;
    struct group group = look_at_group(waiting, kind, item.note.group);
    if (!make_room(waiting, kind, &item.note, &group)) return TN_WAITING_NO_ROOM;
    uint32_t slot = put_item(waiting, &item, group, bytes);
    tn_waiting_tell(waiting, slot, bytes_of(waiting, slot), now_us);
    return TN_WAITING_TAKEN;
}

enum tn_waiting_answer tn_waiting_message(struct tn_waiting *waiting, uint16_t from,
                                          const uint8_t *bytes, size_t size, int64_t now_us)
{
    TN_ASSERT(from != waiting->self);
    if (size <= ITEM_PREFIX || bytes[0] != TN_PEER_ITEM) {
        return refuse(waiting, TN_WAITING_COUNT_MALFORMED, TN_WAITING_INVALID);
    }
    return take_in(waiting, from, bytes[1], bytes + ITEM_PREFIX, size - ITEM_PREFIX, now_us);
}

enum tn_waiting_answer tn_waiting_add(struct tn_waiting *waiting, uint8_t kind,
                                      const uint8_t *bytes, size_t size, int64_t now_us)
{
    return take_in(waiting, TN_PEER_SELF, kind, bytes, size, now_us);
}

/* ---- Going out ---- */

void tn_waiting_included(struct tn_waiting *waiting, const struct tn_hash *hash)
{
    uint32_t slot = find_item(waiting, hash);
    remember(waiting, hash);
    if (slot == TN_NONE) return;
    take_out(waiting, slot);
    tally(waiting, TN_WAITING_COUNT_INCLUDED);
}

static void recheck_slot(struct tn_waiting *waiting, uint32_t slot)
{
    struct item *item = &waiting->items[slot];
    struct tn_waiting_note note = item->note;
    note.again = item->ready;
    enum tn_gossip_answer answer = waiting->host.judge(waiting->host.context, item->kind,
                                                       bytes_of(waiting, slot), item->size, &note);
    item->ready = answer == TN_GOSSIP_OK;
    if (answer != TN_GOSSIP_BAD) return;
    remember(waiting, &item->hash);
    take_out(waiting, slot);
    tally(waiting, TN_WAITING_COUNT_EXPIRED);
}

/* All of them, by their lists: there are mostly few, in a large table. */
static void recheck_lists(struct tn_waiting *waiting)
{
    for (uint32_t i = 0; i < TN_WAITING_KINDS; i++) {
        for (uint32_t slot = waiting->kinds[i].head, next; slot != TN_NONE; slot = next) {
            next = waiting->items[slot].next;
            recheck_slot(waiting, slot); /* may take it out, and no other */
        }
    }
}

void tn_waiting_recheck(struct tn_waiting *waiting)
{
    uint32_t asked = 0, held = 0;
    for (uint32_t i = 0; i < TN_WAITING_KINDS; i++)
        held += waiting->kinds[i].count;
    if (held <= waiting->limits.recheck_max) {
        recheck_lists(waiting);
        return;
    }
    for (uint32_t i = 0; i < waiting->slots; i++) {
        uint32_t slot = waiting->recheck_next;
        waiting->recheck_next = (slot + 1) % waiting->slots;
        if (!waiting->items[slot].used) continue;
        recheck_slot(waiting, slot);
        if (++asked == waiting->limits.recheck_max) return;
    }
}

static void show(const struct tn_waiting *waiting, uint32_t slot, struct tn_waiting_item *out)
{
    const struct item *item = &waiting->items[slot];
    *out = (struct tn_waiting_item){.hash = item->hash,
                                    .kind = item->kind,
                                    .ready = item->ready,
                                    .from = item->from,
                                    .bytes = bytes_of(waiting, slot),
                                    .size = item->size,
                                    .since_us = item->since_us,
                                    .note = item->note};
}

bool tn_waiting_find(const struct tn_waiting *waiting, const struct tn_hash *hash,
                     struct tn_waiting_item *item)
{
    uint32_t slot = find_item(waiting, hash);
    if (slot == TN_NONE) return false;
    show(waiting, slot, item);
    return true;
}

uint32_t tn_waiting_count(const struct tn_waiting *waiting, uint8_t kind)
{
    TN_ASSERT(kind < KINDS);
    return waiting->kinds[kind].count;
}

/* The cursor is the slot given last, plus one. Ranks have no gaps: a group that has one of rank r
 * has all below, so the walk ends after the first rank that nobody has. */
bool tn_waiting_next(const struct tn_waiting *waiting, uint8_t kind, uint32_t *cursor,
                     struct tn_waiting_item *item)
{
    TN_ASSERT(kind < KINDS);
    uint32_t at = waiting->kinds[kind].head, rank = 0;
    bool anybody = false;
    if (*cursor != 0) {
        at = waiting->items[*cursor - 1].next;
        rank = waiting->items[*cursor - 1].rank;
        anybody = true;
    }
    for (;;) {
        for (; at != TN_NONE; at = waiting->items[at].next) {
            if (waiting->items[at].rank != rank) continue;
            anybody = true;
            if (!waiting->items[at].ready) continue;
            *cursor = at + 1;
            show(waiting, at, item);
            return true;
        }
        if (!anybody) return false;
        at = waiting->kinds[kind].head;
        rank++;
        anybody = false;
    }
}
