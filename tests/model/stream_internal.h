/* What the two files of exchange_stream share. */
#ifndef STREAM_INTERNAL_H
#define STREAM_INTERNAL_H

#include "exchange_stream.h"

uint64_t stream_below(struct exchange_stream *stream, uint64_t bound);
bool stream_chance(struct exchange_stream *stream, uint32_t percent);
int64_t stream_between(struct exchange_stream *stream, int64_t low, int64_t high);
uint32_t stream_weighted(struct exchange_stream *stream, const uint8_t *weights, uint32_t count);
int64_t stream_odd_number(struct exchange_stream *stream);
uint64_t stream_series(struct exchange_stream *stream);
void stream_frame(struct exchange_stream *stream, struct tn_entry *entry);

#endif
