/* places: counts by series, in a table of fixed size over a pool of account numbers.
 *
 * A count is the accounts of the long side in the order in which they are deleveraged, then those
 * of the short side: four bytes a holder. Whoever asks is looked for in it from the front; that is
 * a few hundred holders in a microsecond, and a sort by account beside it would cost as much memory
 * again. */
#include "cluster/places.h"

#include <stdlib.h>
#include <string.h>

enum { RUN = 16, PER_SERIES = 16 /* what a count costs beside its exposures */ };

struct count {
    uint64_t series_id, block, time_ms; /* block 0: none */
    uint32_t market;
    uint32_t first, room; /* in the pool */
    uint32_t longs, shorts;
};

/* Whose turn it is: in a ring by market, then by id. */
struct turn {
    uint64_t series_id;
    uint32_t market;
};

struct places {
    struct count counts[PLACES_SERIES];
    uint32_t counts_used, pool_used;
    uint64_t work_block; /* of which so much work is left */
    uint32_t work, work_most;
    struct turn turn;  /* the series whose turn came last: after this block, if is_due */
    struct turn waits; /* the next one that found no work left after this block; series 0: none */
    bool is_due;       /* the turn is still to be taken */
    struct tn_holder holders[PLACES_WORK], sorted[PLACES_WORK];
    uint32_t pool[PLACES_HOLDERS];
};

struct places *places_make(uint32_t work)
{
    TN_ASSERT(work > PER_SERIES && work <= PLACES_WORK);
    struct places *places = calloc(1, sizeof *places);
    if (places != NULL) places->work_most = work;
    return places;
}

void places_free(struct places *places)
{
    free(places);
}

/* ---- Order -------------------------------------------------------------------------------------
 */

static void sort_run(struct tn_holder *list, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct tn_holder one = list[i];
        uint32_t at = i;
        for (; at > 0 && tn_holder_before(&one, &list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = one;
    }
}

static void merge(struct tn_holder *out, const struct tn_holder *a, uint32_t a_count,
                  const struct tn_holder *b, uint32_t b_count)
{
    while (a_count > 0 && b_count > 0) {
        const bool takes_b = tn_holder_before(b, a);
        *out++ = takes_b ? *b : *a;
        b += takes_b;
        b_count -= takes_b;
        a += !takes_b;
        a_count -= !takes_b;
    }
    memcpy(out, a_count > 0 ? a : b, (a_count + b_count) * sizeof *out);
}

/* Runs that are in order, merged two by two. Returns where the whole is: in one of the two. */
static const struct tn_holder *sort(struct tn_holder *list, struct tn_holder *other, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += RUN)
        sort_run(&list[i], count - i < RUN ? count - i : RUN);
    for (uint32_t width = RUN; width < count; width *= 2) {
        for (uint32_t i = 0; i < count; i += 2 * width) {
            const uint32_t a = count - i < width ? count - i : width;
            const uint32_t b = count - i - a < width ? count - i - a : width;
            merge(&other[i], &list[i], a, &list[i + a], b);
        }
        struct tn_holder *merged = other;
        other = list;
        list = merged;
    }
    return list;
}

/* ---- Counting ----------------------------------------------------------------------------------
 */

static void forget_all(struct places *places)
{
    memset(places->counts, 0, sizeof places->counts);
    places->counts_used = places->pool_used = 0;
}

/* The count of a series, or where it would be: then its block is 0. */
static struct count *find(struct places *places, uint32_t market, uint64_t series_id)
{
    const uint64_t mixed = (series_id ^ market) * UINT64_C(0x9FB21C651E98DF25);
    for (uint32_t i = (uint32_t)(mixed >> 32);; i++) {
        struct count *count = &places->counts[i % PLACES_SERIES];
        if (count->block == 0 || (count->market == market && count->series_id == series_id)) {
            return count;
        }
    }
}

/* Room in the pool for so many, at `count` or at a new one of the same series. */
static struct count *make_room(struct places *places, struct count *count,
                               const struct places_at *at, uint64_t series_id, uint32_t holders)
{
    if (count->block != 0 && holders <= count->room) return count;
    const uint32_t room = holders + holders / 4 + 4;
    if (places->pool_used + room > PLACES_HOLDERS ||
        (count->block == 0 && places->counts_used >= PLACES_SERIES / 2)) {
        forget_all(places);
        count = find(places, at->market, series_id);
    }
    places->counts_used += count->block == 0;
    count->market = at->market;
    count->series_id = series_id;
    count->first = places->pool_used;
    count->room = room;
    places->pool_used += room;
    return count;
}

static void keep_side(uint32_t *out, struct places *places, struct tn_holder *list, uint32_t count)
{
    const struct tn_holder *sorted = sort(list, places->sorted, count);
    for (uint32_t i = 0; i < count; i++)
        out[i] = sorted[i].account;
}

/* The long ones to the front; how many they are. */
static uint32_t part(struct tn_holder *holders, uint32_t count)
{
    uint32_t longs = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_holder one = holders[i];
        if (one.is_short) continue;
        holders[i] = holders[longs];
        holders[longs++] = one;
    }
    return longs;
}

/* ---- Turns -------------------------------------------------------------------------------------
 */

/* The first question after a block: what waited after the last one is due now. A turn that was not
 * taken, because nobody asked in its market, is over. */
static void begin_block(struct places *places, uint64_t height)
{
    if (places->work_block == height) return;
    places->work_block = height;
    places->work = places->work_most;
    places->is_due = places->waits.series_id != 0;
    if (places->is_due) places->turn = places->waits;
    places->waits.series_id = 0;
}

static bool is_above(const struct turn *a, const struct turn *b)
{
    return a->market != b->market ? a->market > b->market : a->series_id > b->series_id;
}

/* In the ring that begins behind the turn of this block. */
static bool comes_before(const struct places *places, const struct turn *a, const struct turn *b)
{
    const bool a_above = is_above(a, &places->turn), b_above = is_above(b, &places->turn);
    return a_above != b_above ? a_above : is_above(b, a);
}

static void note_waiting(struct places *places, uint32_t market, uint64_t series_id)
{
    const struct turn turn = {.series_id = series_id, .market = market};
    if (places->waits.series_id != 0 && !comes_before(places, &turn, &places->waits)) return;
    places->waits = turn;
}

/* NULL: there is no work left for it, or it has too many exposures. */
static struct count *count_series(struct places *places, const struct places_at *at,
                                  uint64_t series_id)
{
    uint32_t holders;
    const bool is_whole = places->work == places->work_most;
    const uint32_t looked =
        tn_exchange_holders(at->exchange, places->holders, &holders, places->work, series_id);
    if (looked == 0) {
        if (!is_whole) note_waiting(places, at->market, series_id);
        return NULL;
    }
    places->work -= looked + PER_SERIES < places->work ? looked + PER_SERIES : places->work;
    struct count *count =
        make_room(places, find(places, at->market, series_id), at, series_id, holders);
    count->block = at->height;
    count->time_ms = at->time_ms;
    count->longs = part(places->holders, holders);
    count->shorts = holders - count->longs;
    uint32_t *out = &places->pool[count->first];
    keep_side(out, places, places->holders, count->longs);
    keep_side(out + count->longs, places, places->holders + count->longs, count->shorts);
    return count;
}

/* The one whose turn it is goes first: until it has, there is no work for another market's, whose
 * exposures it might need. */
static struct count *count_in_turn(struct places *places, const struct places_at *at,
                                   uint64_t series_id)
{
    begin_block(places, at->height);
    if (places->is_due && places->turn.market != at->market) {
        note_waiting(places, at->market, series_id);
        return NULL;
    }
    if (places->is_due) {
        places->is_due = false;
        struct count *first = count_series(places, at, places->turn.series_id);
        if (places->turn.series_id == series_id) return first;
    }
    return count_series(places, at, series_id);
}

/* ---- Asking ------------------------------------------------------------------------------------
 */

static bool look_up(const struct places *places, struct place *place, const struct count *count,
                    uint32_t account, bool is_short)
{
    const uint32_t holders = is_short ? count->shorts : count->longs;
    const uint32_t *queue = &places->pool[count->first + (is_short ? count->longs : 0)];
    for (uint32_t i = 0; i < holders && count->block != 0; i++) {
        if (queue[i] != account) continue;
        *place = (struct place){.place = i + 1, .holders = holders, .block = count->block};
        return true;
    }
    return false;
}

void places_find(struct places *places, struct place *place, const struct places_at *at,
                 uint32_t account, uint64_t series_id, bool is_short)
{
    *place = (struct place){0};
    if (at->height == 0) return;
    struct count *count = find(places, at->market, series_id);
    /* After the state of another node was taken over blocks may have gone back. */
    if (count->block > at->height) count->longs = count->shorts = 0;
    const bool is_there = look_up(places, place, count, account, is_short);
    const bool is_good = is_there && at->time_ms - count->time_ms < PLACES_AGE_MS;
    if (is_good || count->block == at->height) return;
    count = count_in_turn(places, at, series_id);
    if (count != NULL) look_up(places, place, count, account, is_short);
}

void places_find_all(struct places *places, const struct places_at *at, uint32_t account,
                     struct places_asked *asked, uint32_t count)
{
    uint32_t first = 0;
    begin_block(places, at->height);
    while (first < count && places->turn.market == at->market &&
           asked[first].series_id < places->turn.series_id)
        first++;
    for (uint32_t i = 0; i < count; i++) {
        struct places_asked *one = &asked[(first + i) % count];
        places_find(places, &one->place, at, account, one->series_id, one->is_short);
    }
}
