/* own: a batch that a desk of this very process has made, executed again by its replica.
 *
 * The desk has digested its events for the header. The replica holds what it gets against that by a
 * trace, not by a second digest: 64 bits, a multiplication for eight bytes of an event as it lies
 * in memory. Each step is one to one, so two lists that differ in one word never have one trace;
 * others have by a chance of 2⁻⁶⁴. A trace proves nothing to anybody else: all other nodes digest.
 */
#ifndef TENOR_OWN_H
#define TENOR_OWN_H

#include "tenor/market.h"

/* The trace after one more step's events; 0 before the first. */
uint64_t tn_market_trace(uint64_t trace, const struct tn_event *events, uint32_t events_count);

/* As tn_market_execute_batch, of a batch whose results_digest was made here, of steps with this
 * trace. Are the events the same, executed->results_digest is the header's; else it is zeros. */
bool tn_market_execute_own_batch(struct tn_market *market, struct tn_market_executed *executed,
                                 struct tn_stream_fault *fault, struct tn_market_scratch *scratch,
                                 const struct tn_market_out *out, const uint8_t *body,
                                 size_t body_size, uint64_t trace);

#endif
