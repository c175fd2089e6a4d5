/* places: one word a place, `holders`, says who may touch it.
 *
 *     FILLED   the key and the table are there and do not change
 *     FILLING  one thread has the place alone
 *     the rest counts threads that hold it, or were about to and look whether they may
 *
 * To hold is to add 1 and then look: if the place is FILLED the key can be read, and the table if
 * it is the key; if not, 1 is taken away again. To fill is to turn 0 or FILLED, both without
 * holders, into FILLING by one compare-and-swap, so that nobody reads then, and FILLING into FILLED
 * when all is written. Adding acquires what filling released and the swap acquires what holders
 * released, so no two threads touch a table at once unless both read.
 *
 * `used` is the check at which a place was last held: a count of checks is the only clock here. */
#include "crypto/places.h"

#include "crypto/internal.h"

enum {
    WAYS = 8,                  /* places that a key may be in */
    SEEN_ENOUGH = 4,           /* good signatures: a table costs as much as five checks */
    CANDIDATES_PER_PLACE = 4,  /* so that one-off keys seldom hide a key that comes again */
    IDLE_CHECKS_PER_PLACE = 16 /* at most one table is made for so many checks, in the long run */
};

#define FILLING (UINT32_C(1) << 31)
#define FILLED  (UINT32_C(1) << 30)

struct tn_place {
    uint32_t holders;
    uint64_t used;
    struct tn_public_key key;
};

/* ---- Memory ---------------------------------------------------------------------------------- */

static size_t table_size(void)
{
    return tn_multiples_count(TN_MULTIPLES_KEY_BITS) * sizeof(struct tn_curve_affine);
}

size_t tn_places_size(uint32_t count)
{
    TN_ASSERT(count > 0);
    return tn_align(count * sizeof(uint64_t)) +
           tn_align((size_t)count * CANDIDATES_PER_PLACE * sizeof(uint64_t)) +
           tn_align(count * sizeof(struct tn_place)) + count * table_size();
}

void tn_places_init(struct tn_places *places, void *memory, uint32_t count)
{
    uint8_t *next = memory;
    places->count = count;
    places->tags = (uint64_t *)(void *)next;
    next += tn_align(count * sizeof(uint64_t));
    places->candidates = (uint64_t *)(void *)next;
    next += tn_align((size_t)count * CANDIDATES_PER_PLACE * sizeof(uint64_t));
    places->places = (struct tn_place *)(void *)next;
    next += tn_align(count * sizeof(struct tn_place));
    places->tables = (struct tn_curve_affine *)(void *)next;
}

static struct tn_curve_affine *table_of(const struct tn_places *places, uint32_t place)
{
    return places->tables + (size_t)place * tn_multiples_count(TN_MULTIPLES_KEY_BITS);
}

const struct tn_curve_affine *tn_places_table(const struct tn_places *places, uint32_t place)
{
    return table_of(places, place);
}

/* ---- Looking a key up ------------------------------------------------------------------------ */

/* Not 0. Words of the key in the middle: it is a hash of nothing that matters. */
static uint64_t hash_key(const struct tn_public_key *key)
{
    uint64_t a = tn_crypto_load(key->bytes + 1), b = tn_crypto_load(key->bytes + 25);
    a = (a ^ key->bytes[0]) * UINT64_C(0x9FB21C651E98DF25);
    a = (a ^ a >> 32 ^ b) * UINT64_C(0xD6E8FEB86659FD93);
    return (a ^ a >> 32) | 1;
}

static uint32_t share_of(uint64_t hash, uint32_t count)
{
    return (uint32_t)(((tn_u128)hash * count) >> 64);
}

static uint32_t ways(const struct tn_places *places)
{
    return places->count < WAYS ? places->count : WAYS;
}

static uint32_t way_of(const struct tn_places *places, uint64_t hash, uint32_t way)
{
    uint32_t place = share_of(hash, places->count) + way;
    return place < places->count ? place : place - places->count;
}

static bool hold_if_key(struct tn_place *place, const struct tn_public_key *key)
{
    uint32_t before = __atomic_fetch_add(&place->holders, 1, __ATOMIC_ACQUIRE);
    bool is_filled = (before & FILLED) != 0;
    if (is_filled && tn_public_key_equal(&place->key, key)) return true;
    __atomic_fetch_sub(&place->holders, 1, __ATOMIC_RELEASE);
    return false;
}

uint32_t tn_places_hold(struct tn_places *places, const struct tn_public_key *key, uint64_t now)
{
    const uint64_t hash = hash_key(key);
    for (uint32_t way = 0; way < ways(places); way++) {
        uint32_t index = way_of(places, hash, way);
        if (__atomic_load_n(&places->tags[index], __ATOMIC_RELAXED) != hash) continue;
        struct tn_place *place = &places->places[index];
        if (!hold_if_key(place, key)) continue;
        __atomic_store_n(&place->used, now, __ATOMIC_RELAXED);
        return index;
    }
    return TN_NONE;
}

void tn_places_release(struct tn_places *places, uint32_t place)
{
    __atomic_fetch_sub(&places->places[place].holders, 1, __ATOMIC_RELEASE);
}

/* ---- Keys to come ---------------------------------------------------------------------------- */

/* A candidate's word is the hash without its lower 8 bits, and there how often it was seen. Another
 * key at the same word wears that down by one a time, and then has the word. */
bool tn_places_is_due(struct tn_places *places, const struct tn_public_key *key)
{
    const uint64_t hash = hash_key(key), seen_mask = 0xFF;
    /* Other bits than those that choose the place. */
    uint64_t mixed = hash * UINT64_C(0xC2B2AE3D27D4EB4F);
    uint64_t *word = &places->candidates[share_of(mixed, places->count * CANDIDATES_PER_PLACE)];
    uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);
    bool is_mine = ((old ^ hash) & ~seen_mask) == 0;
    uint64_t seen = old & seen_mask, made;
    if (is_mine) {
        made = seen + 1 < SEEN_ENOUGH ? old + 1 : 0;
    } else {
        made = seen > 1 ? old - 1 : (hash & ~seen_mask) | 1;
    }
    /* If another thread was quicker, this check is not counted. */
    bool is_counted =
        __atomic_compare_exchange_n(word, &old, made, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return is_counted && is_mine && made == 0;
}

/* ---- Filling --------------------------------------------------------------------------------- */

/* The place of this key to come: an empty one, or the one whose last use is longest ago if that is
 * long ago. */
static uint32_t choose(const struct tn_places *places, uint64_t hash, uint64_t now)
{
    uint32_t chosen = TN_NONE;
    uint64_t longest = (uint64_t)places->count * IDLE_CHECKS_PER_PLACE;
    for (uint32_t way = 0; way < ways(places); way++) {
        uint32_t index = way_of(places, hash, way);
        const struct tn_place *place = &places->places[index];
        if (__atomic_load_n(&place->holders, __ATOMIC_RELAXED) == 0) return index;
        uint64_t used = __atomic_load_n(&place->used, __ATOMIC_RELAXED);
        uint64_t idle = now > used ? now - used : 0;
        if (idle < longest) continue;
        longest = idle;
        chosen = index;
    }
    return chosen;
}

bool tn_places_fill(struct tn_places *places, const struct tn_public_key *key,
                    const struct tn_curve_affine *point, uint64_t now)
{
    const uint64_t hash = hash_key(key);
    uint32_t index = choose(places, hash, now);
    if (index == TN_NONE) return false;
    struct tn_place *place = &places->places[index];
    uint32_t holders = __atomic_load_n(&place->holders, __ATOMIC_RELAXED);
    if (holders != 0 && holders != FILLED) return false; /* held, or another thread fills it */
    if (!__atomic_compare_exchange_n(&place->holders, &holders, FILLING, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        return false;
    }
    place->key = *key;
    tn_multiples_make(table_of(places, index), TN_MULTIPLES_KEY_BITS, point);
    __atomic_store_n(&place->used, now, __ATOMIC_RELAXED);
    __atomic_store_n(&places->tags[index], hash, __ATOMIC_RELAXED);
    __atomic_fetch_xor(&place->holders, FILLING | FILLED, __ATOMIC_RELEASE);
    return true;
}
