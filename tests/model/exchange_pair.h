/* exchange_pair: the exchange and its twin fed with the same entries.
 *
 * pair_apply compares the events byte by byte, and the digests every digest_every entries; at the
 * first difference it prints the entry and both lists of events and returns false. */
#ifndef EXCHANGE_PAIR_H
#define EXCHANGE_PAIR_H

#include "exchange_twin.h"

#include <stdio.h>

struct exchange_pair {
    void *memory;
    struct tn_exchange *exchange;
    struct twin *twin;
    struct tn_event *events, *twin_events;
    uint32_t events_max, events_count;
    uint64_t entries_count;
    uint32_t digest_every;             /* 1 at first */
    uint32_t check_every;              /* 64 at first */
    struct tn_exchange_ahead ahead[8]; /* by kind: what was found ahead last, for wrong guesses */
};

void pair_open(struct exchange_pair *pair, const struct tn_exchange_limits *limits);
void pair_close(struct exchange_pair *pair);
bool pair_apply(struct exchange_pair *pair, const struct tn_entry *entry);

/* Readable: one line per event, as many as needed per entry. */
void show_event(FILE *file, const struct tn_event *event);
void show_entry(FILE *file, const struct tn_entry *entry);

#endif
