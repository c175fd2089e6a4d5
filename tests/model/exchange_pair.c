/* The comparison itself. Views are compared as well, since nothing else reads them in these tests.
 */
#include "exchange_pair.h"

#include "twin_internal.h"
#include "zeroed.h"

#include <stdlib.h>
#include <string.h>

void pair_open(struct exchange_pair *pair, const struct tn_exchange_limits *limits)
{
    *pair = (struct exchange_pair){.digest_every = 1, .check_every = 64};
    size_t size = tn_exchange_size(limits);
    TN_ASSERT(size > 0);
    pair->memory = take_zeroed(size);
    pair->exchange = tn_exchange_init(pair->memory, limits);
    pair->twin = twin_new(limits);
    pair->events_max = tn_exchange_events_max(limits);
    pair->events = malloc(pair->events_max * sizeof(struct tn_event));
    pair->twin_events = malloc(pair->events_max * sizeof(struct tn_event));
    TN_ASSERT(pair->events != NULL && pair->twin_events != NULL);
}

void pair_close(struct exchange_pair *pair)
{
    twin_free(pair->twin);
    free(pair->memory);
    free(pair->events);
    free(pair->twin_events);
}

static bool same_views(const struct exchange_pair *pair)
{
    const struct twin *twin = pair->twin;
    if (tn_exchange_accounts_count(pair->exchange) != twin->accounts.count) return false;
    if (tn_exchange_work(pair->exchange) != twin_work(twin)) return false;
    for (uint32_t i = 0; i < twin->accounts.count; i++) {
        struct tn_account_view view;
        if (!tn_exchange_account(pair->exchange, &view, i)) return false;
        if (view.cash != twin_account(twin, i)->cash) return false;
        if (view.free_equity != twin_free_equity(twin, i)) return false;
        if (view.reserved != twin_reserved(twin, i)) return false;
        if (view.exposures_count != twin_exposures_count(twin, i)) return false;
    }
    for (uint32_t i = 0; i < twin->series.count; i++) {
        const struct twin_series *series = twin->series.items[i];
        struct tn_series_view view;
        if (!tn_exchange_series(pair->exchange, &view, series->id)) return false;
        if (view.id != series->id || view.status != (enum tn_status)series->status) return false;
        for (uint32_t j = 0; j < series->exposures.count; j++) {
            const struct twin_exposure *exposure = series->exposures.items[j];
            struct tn_position position =
                tn_exchange_position(pair->exchange, exposure->account, series->id);
            if (position.quantity != exposure->position.quantity) return false;
            if (position.cost != exposure->position.cost) return false;
        }
    }
    return true;
}

static void show_difference(const struct exchange_pair *pair, uint32_t count, uint32_t twin_count,
                            const struct tn_entry *entry)
{
    fprintf(stderr, "entry %llu: ", (unsigned long long)pair->entries_count);
    show_entry(stderr, entry);
    uint32_t most = count > twin_count ? count : twin_count;
    for (uint32_t i = 0; i < most; i++) {
        bool same = i < count && i < twin_count &&
                    memcmp(&pair->events[i], &pair->twin_events[i], sizeof(struct tn_event)) == 0;
        if (i < twin_count) {
            fprintf(stderr, same ? "  both     " : "  twin     ");
            show_event(stderr, &pair->twin_events[i]);
        }
        if (i < count && !same) {
            fprintf(stderr, "  exchange ");
            show_event(stderr, &pair->events[i]);
        }
    }
}

/* Guesses that were right about an entry of the same kind some time ago. */
static void mislead(struct tn_exchange_ahead *ahead, const struct tn_exchange_ahead *old)
{
    if (!ahead->is_begun || !old->is_begun) return;
    ahead->series = old->series;
    ahead->exposure = old->exposure;
    ahead->record = old->record;
    ahead->slot = old->slot;
    ahead->way.step = old->way.step;
}

bool pair_apply(struct exchange_pair *pair, const struct tn_entry *entry)
{
    uint32_t twin_count = twin_apply(pair->twin, pair->twin_events, pair->events_max, entry);
    struct tn_exchange_ahead ahead = {0}, now;
    for (uint32_t stage = 0; stage < TN_EXCHANGE_STAGES; stage++) {
        tn_exchange_prefetch(pair->exchange, &ahead, entry, stage); /* must not matter */
    }
    now = ahead;
    if (pair->entries_count % 2 == 0) mislead(&ahead, &pair->ahead[ahead.kind]);
    pair->ahead[now.kind] = now;
    uint32_t count =
        tn_exchange_apply_ahead(pair->exchange, pair->events, pair->events_max, entry, &ahead);
    pair->events_count = count;
    pair->entries_count++;
    if (count != twin_count ||
        memcmp(pair->events, pair->twin_events, count * sizeof(struct tn_event)) != 0) {
        fprintf(stderr, "the events differ\n");
        show_difference(pair, count, twin_count, entry);
        return false;
    }
    if (pair->entries_count % pair->digest_every == 0 &&
        tn_exchange_digest(pair->exchange) != twin_digest(pair->twin)) {
        fprintf(stderr, "the events are equal, the digests differ\n");
        show_difference(pair, count, twin_count, entry);
        return false;
    }
    if (pair->entries_count % pair->check_every == 0) {
        tn_exchange_check(pair->exchange);
        twin_check(pair->twin);
        if (!same_views(pair)) {
            fprintf(stderr, "events and digests are equal, the views differ\n");
            show_difference(pair, count, twin_count, entry);
            return false;
        }
    }
    return true;
}
