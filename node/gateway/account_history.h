/* account_history: what became final for each account, for as long as there is room.
 *
 * An event of an account's stream is named by its block and its index among the account's events of
 * that block, so its name is the same on every node that saw the whole block. One ring holds the
 * last events of all accounts as bytes of the wire; the oldest make way. Whoever asks for what
 * follows a place gets all of it, or hears that some of it is gone: never a gap in silence. */
#ifndef NODE_GATEWAY_ACCOUNT_HISTORY_H
#define NODE_GATEWAY_ACCOUNT_HISTORY_H

#include "gateway/port.h"

struct gateway_place {
    uint64_t block;
    uint32_t index;
};
static inline int gateway_place_compare(struct gateway_place a, struct gateway_place b)
{
    if (a.block != b.block) return a.block < b.block ? -1 : 1;
    return a.index < b.index ? -1 : a.index > b.index;
}

/* An event with its place, as the store gives it back. */
struct gateway_record {
    struct gateway_place at;
    uint64_t nonce; /* of the account's own frame; 0: something else brought it about */
    int64_t time_ms;
    struct tn_event event;
};

/* Events that follow each other in one block, of one frame or of none. */
struct gateway_told {
    struct gateway_place at; /* of the first */
    uint64_t nonce;
    int64_t time_ms;
    uint32_t count;        /* at most GATEWAY_TOLD_MAX */
    const uint8_t *events; /* as wire_write_account_event writes them */
    size_t size;
};
#define GATEWAY_TOLD_MAX 256u

struct gateway_history;

/* At most so many bytes; pages are touched as records come. NULL: no memory. */
struct gateway_history *gateway_history_make(uint64_t bytes);
void gateway_history_free(struct gateway_history *history);

/* Whose streams does the event belong to: 0 to 2 accounts. */
uint32_t gateway_history_accounts(uint32_t accounts[2], const struct tn_event *event);

/* All that the step brought about, into the streams of its accounts. Steps come in order. */
void gateway_history_add(struct gateway_history *history, const struct port_step *step,
                         const struct tn_event *events);
/* Steps may be missing from before the next one of a block above `height`: everything up to that
 * block is as good as gone. */
void gateway_history_forget(struct gateway_history *history, uint64_t height);

/* Where somebody stands in an account's stream. */
struct gateway_cursor {
    uint32_t market, account;
    struct gateway_place after; /* all up to it was told */
    uint64_t position;          /* of the record told last, to find the next at once; 0: none */
};
enum gateway_history_answer { GATEWAY_HISTORY_NEXT, GATEWAY_HISTORY_END, GATEWAY_HISTORY_GONE };
/* NEXT: some of what follows, there until something is added, and the cursor has moved behind it.
 * END: nothing follows yet. GONE: some of what follows is not kept any more. O(1), but the first
 * time O(the account's records). */
enum gateway_history_answer gateway_history_next(const struct gateway_history *history,
                                                 struct gateway_cursor *cursor,
                                                 struct gateway_told *told);
/* Is everything kept that follows the cursor's place? */
bool gateway_history_is_whole(const struct gateway_history *history,
                              const struct gateway_cursor *cursor);

/* For a cursor that is behind everything told so far, or nearly: finds its place at once. */
void gateway_history_seek_end(const struct gateway_history *history, struct gateway_cursor *cursor);

/* How many events are kept. */
uint64_t gateway_history_count(const struct gateway_history *history);

#endif
