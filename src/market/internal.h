/* The market's one struct, and what its files ask of each other. Section numbers are those of
 * docs/specs/market.md. */
#ifndef TENOR_MARKET_INTERNAL_H
#define TENOR_MARKET_INTERNAL_H

#include "tenor/entries.h"
#include "tenor/market.h"
#include "tenor/watch.h"

#include "market/controls.h"

#include <string.h>

/* One place of the session table; free while id is 0. */
struct seat {
    uint64_t id;
    uint32_t account;
    uint32_t scope;
    uint32_t next; /* of the account's */
    int64_t expires_ms;
    struct tn_public_key key;
    uint8_t is_parsed; /* local: the key, with its y worked out when it was needed first */
    struct tn_parsed_key parsed;
};

struct letter {
    uint64_t height;
    int64_t time_ms;
    struct tn_hash block_hash;
    struct tn_hash hash; /* of all of it */
    size_t at;           /* of its items in the bytes */
    uint32_t size, count;
};

/* Marks of records that changed since they were last taken. */
struct marks {
    uint64_t *bits;
    uint32_t first, end; /* words in between may have bits set */
};

struct tn_market {
    struct tn_market_limits limits;
    struct tn_exchange *exchange;
    struct tn_market_world world;
    const struct tn_market_watch *watch; /* NULL: nobody */

    struct seat *seats;      /* [sessions_max] */
    uint64_t *seats_free;    /* bit set: free */
    uint32_t *account_head;  /* [accounts_max]: its first seat, or TN_NONE */
    uint32_t sessions_last;  /* running number given last */
    uint32_t sessions_used;  /* seats below it were taken once */
    uint32_t sessions_count; /* open now */
    uint32_t free_hint;      /* words of seats_free below it have no bit set */

    struct letter *letters; /* [inboxes_max], by height modulo inboxes_max */
    uint8_t *bytes;         /* twice inbox_bytes_max: items of those that wait, in order */
    size_t bytes_first, bytes_end;
    uint64_t letters_first; /* height of the first that waits */
    uint32_t letters_count;
    uint64_t letters_size; /* Σ bytes of items */
    uint64_t cursor;       /* height of the last BLOCK consumed */

    struct marks touched_seats, touched_letters;
    bool touched_stream;

    /* Of the batch being applied. */
    uint32_t term;
    uint32_t index;

    /* Of an import: the kind that came last, and how many inboxes there are to be. */
    uint8_t import_kind;
    bool import_stream; /* STREAM came */
    uint32_t import_letters;
};

/* market.c */
static inline void market_mark(struct marks *marks, uint32_t index)
{
    uint32_t word = index / 64;
    marks->bits[word] |= UINT64_C(1) << index % 64;
    if (marks->end == 0 || word < marks->first) marks->first = word;
    if (word >= marks->end) marks->end = word + 1;
}
static inline uint32_t market_letter_slot(const struct tn_market *market, uint64_t height)
{
    return (uint32_t)(height % market->limits.inboxes_max);
}

static inline bool market_refuse(struct tn_stream_fault *fault, const char *what)
{
    *fault = (struct tn_stream_fault){.what = what};
    return false;
}

/* sessions.c: §2. What finds a seat asks for it first, who watches. */
uint32_t tn_market_find_seat(const struct tn_market *market, uint64_t id);
void tn_market_take_seat(struct tn_market *market, uint32_t slot, const struct tn_session *session);
/* What an owner asks for; *id of the session that it is about. */
enum tn_reject tn_market_open_session(struct tn_market *market, uint64_t *id,
                                      const struct tn_inbox_session *asked);
enum tn_reject tn_market_close_session(struct tn_market *market, const uint8_t owner[TN_OWNER_SIZE],
                                       uint64_t id);

/* inbox.c: §3 */
void tn_market_drop_letter(struct tn_market *market);
void tn_market_hash_letter(struct letter *letter, const uint8_t *items);
bool tn_market_items_whole(const uint8_t *items, size_t size, uint32_t count);

/* frame.c: §4. May this signed frame act? *seat is its session, when it is known. */
enum tn_reject tn_market_judge_frame(struct tn_market *market, struct seat **seat,
                                     const struct tn_frame *frame, uint32_t term);
enum tn_reject tn_market_judge_signature(struct tn_market *market, struct tn_hash *digest,
                                         struct seat *seat, const struct tn_frame *frame);

/* The same by a digest that is worked out already. */
enum tn_reject tn_market_judge_digest(struct tn_market *market, const struct tn_hash *digest,
                                      struct seat *seat, const struct tn_frame *frame);

/* The other sides of its block trades have signed them too. After the signature. */
enum tn_reject tn_market_judge_counterparties(struct tn_market *market, const struct seat *seat,
                                              const struct tn_frame *frame);

/* ahead.c: the digests of a body's frames, and which of those that were digested together with the
 * last one have been found signed by a session. */
struct tn_market_ahead {
    struct tn_stream_digests digests;
    size_t at; /* where the digests had come to, when signatures were looked at */
    uint64_t signed_by[TN_STREAM_DIGESTS_TOGETHER]; /* 0: not known */
};
void tn_market_ahead_begin(struct tn_market_ahead *ahead, const struct tn_market *market,
                           const uint8_t *body, size_t body_size);
/* As _judge_signature, of a frame that was read from that body. */
enum tn_reject tn_market_judge_ahead(struct tn_market *market, struct tn_market_ahead *ahead,
                                     struct seat *seat, const struct tn_frame *frame);

/* apply.c: one entry that was read from bytes, with what is known of the body they lie in, or NULL.
 */
bool tn_market_apply_item(struct tn_market *market, struct tn_stream_fault *fault,
                          struct tn_market_scratch *scratch, const struct tn_market_out *out,
                          struct tn_stream_item *item, struct tn_market_ahead *ahead);

/* Bytes of an item of an inbox. */
#define MARKET_SESSION_OPEN_SIZE  77u
#define MARKET_SESSION_CLOSE_SIZE 28u
#define MARKET_ACCOUNT_SIZE       29u
#define MARKET_REMIT_SIZE         40u
#define MARKET_REMIT_BACK_SIZE    22u
#define MARKET_REMITS_ENDED_SIZE  8u

/* remits.c: §10. False: these bytes are nothing that can be executed here. */
bool tn_market_read_remit(const struct tn_market *market, struct tn_remit *remit,
                          enum tn_inbox_item_kind kind, const uint8_t *bytes, size_t size);

/* records.c */
#define STREAM_RECORD_SIZE 88u /* without what is under way to other markets */
#define STREAM_RECORD_MAX  (STREAM_RECORD_SIZE + 8 * TN_REMIT_MARKETS_MAX)
#define LETTER_HEAD_SIZE   52u
void tn_market_write_letter_head(const struct letter *letter, uint8_t out[LETTER_HEAD_SIZE]);
size_t tn_market_write_stream(const struct tn_market *market, uint8_t out[STREAM_RECORD_MAX]);

#endif
