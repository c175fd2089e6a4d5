/* exchange_twin: the exchange of docs/specs/exchange.md written down naively.
 *
 * Lists of allocated records, linear search, every sum counted anew, every limit tested by
 * counting. It is slow and easy to believe; the tests ask it and the real exchange for equal events
 * and equal digests. It shares the pure functions of product and ledger, nothing of book or
 * exchange. */
#ifndef EXCHANGE_TWIN_H
#define EXCHANGE_TWIN_H

#include "tenor/exchange.h"

struct twin;

/* twin_new allocates an empty market at height 0, time 0. */
struct twin *twin_new(const struct tn_exchange_limits *limits);
void twin_free(struct twin *twin);

/* twin_apply applies one entry and returns how many events it wrote into events[events_max]; one
 * event too many is a failure of the test (asserted). */
uint32_t twin_apply(struct twin *twin, struct tn_event *events, uint32_t events_max,
                    const struct tn_entry *entry);

uint64_t twin_digest(const struct twin *twin);

/* twin_work is whether a SWEEP would find something to do. */
bool twin_work(const struct twin *twin);

/* twin_check asserts conservation of cash, Σ positions = 0, no crossed book at rest, limits kept.
 */
void twin_check(const struct twin *twin);

#endif
