/* pack: the events of one step as few bytes, each as what differs from the one before it.
 *
 * Events of one step are much alike: a frame of quotes brings about two a series, whose numbers
 * follow each other. An event is held against the last one of its kind in the step, or else against
 * the last one of any; what is as foreseen takes no bytes. A step is read from its beginning, and
 * needs nothing that stands before it. Layout: docs/specs/stream.md §4. */
#ifndef TENOR_PACK_H
#define TENOR_PACK_H

#include "tenor/event.h"

#define TN_PACK_KINDS      32u /* kinds of events are below */
#define TN_PACK_WORDS      11u /* 64-bit numbers of an event */
#define TN_PACK_NUMBER_MAX 9u
#define TN_PACK_EVENT_MAX  (2 + TN_PACK_WORDS * TN_PACK_NUMBER_MAX)
#define TN_PACK_SLACK      8u /* bytes behind what is written that writing may touch */

/* Numbers of up to 9 bytes, small ones short. The end of what was written; TN_PACK_NUMBER_MAX
 * bytes and the slack are there. */
uint8_t *tn_stream_put_number(uint8_t *out, uint64_t value);
/* False: the bytes end too early. */
bool tn_stream_take_number(uint64_t *value, const uint8_t **at, const uint8_t *end);

/* What the next event is held against. */
struct tn_packer {
    uint32_t seen;                                 /* kinds that there were, as bits */
    const struct tn_event *last;                   /* of any kind */
    const struct tn_event *of_kind[TN_PACK_KINDS]; /* of those seen */
    struct tn_event none;                          /* before the first */
};
struct tn_unpacker {
    struct tn_packer packer;
    struct tn_event events[TN_PACK_KINDS]; /* those that it names */
};

/* Before the first event of a step that the account brought about. */
void tn_stream_pack_begin(struct tn_packer *packer, uint32_t account);
/* The end of what was written; TN_PACK_EVENT_MAX bytes and the slack are there. The event stays
 * where it is until the step is over. */
uint8_t *tn_stream_pack(struct tn_packer *packer, uint8_t *out, const struct tn_event *event);
/* False: it does not read. */
bool tn_stream_unpack(struct tn_unpacker *unpacker, struct tn_event *event, const uint8_t **at,
                      const uint8_t *end);

#endif
