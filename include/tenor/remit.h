/* remit: cash of one owner on its way from his account in one market to his account in another
 * (docs/specs/market.md §10).
 *
 * The sender is debited in his market's stream. The block that holds that batch puts the money into
 * the other market's inbox; when that market's stream comes to the block it is credited there, or,
 * where it cannot be, goes back by the sender's inbox. A market lets only so many be under way to
 * each other market: that bounds what inboxes must find room for, so none is ever turned away. */
#ifndef TENOR_REMIT_H
#define TENOR_REMIT_H

#include "tenor/entry.h"
#include "tenor/event.h"

#define TN_REMIT_MARKETS_MAX 6u   /* others that a market can send to */
#define TN_REMIT_OUT_MAX     512u /* under way from a market to another: the most a chain allows */
#define TN_REMIT_AMOUNT_MAX  (INT64_C(1) << 50)

struct tn_exchange;

/* One that is under way. */
struct tn_remit {
    uint32_t from_market, from_account;
    uint32_t to_market, to_account;
    uint8_t owner[TN_OWNER_SIZE]; /* of from_account; not said of one that comes back */
    uint16_t reject;              /* enum tn_reject: why it comes back; 0: it is on its way there */
    tn_micros amount;             /* 1 .. TN_REMIT_AMOUNT_MAX */
};

/* The markets that commands may name from now on, and how many may be under way to each. Genesis,
 * not state: whoever makes a market says it again. A lone exchange knows none. */
void tn_exchange_know_markets(struct tn_exchange *exchange, const uint32_t *markets, uint32_t count,
                              uint32_t out_max);
bool tn_exchange_knows_market(const struct tn_exchange *exchange, uint32_t market);
/* The n-th other market and how many are under way to it; false past the last. State. */
bool tn_exchange_remits_out(const struct tn_exchange *exchange, uint32_t *market, uint32_t *out,
                            uint32_t n);
/* Sets that number as it was written down; false when the market is not known, or it is too many.
 */
bool tn_exchange_set_remits_out(struct tn_exchange *exchange, uint32_t market, uint32_t out);
/* Did any of these numbers change since this was asked last? */
bool tn_exchange_remits_touched(struct tn_exchange *exchange);

/* One comes in from a market that is known. Writes one event, REMITTED: of to_account, which was
 * credited; or, of no account, that it goes back, and why. */
void tn_exchange_remit_in(struct tn_exchange *exchange, struct tn_event *event,
                          const struct tn_remit *remit);
/* One comes back: its sender, an account of this market, has it again. Writes REMITTED; and, should
 * the market hold so much that it can take in no more, MONEY behind it: the same amount leaves for
 * the base layer. Returns how many. Ask the next function first: it may never have been sent. */
uint32_t tn_exchange_remit_back(struct tn_exchange *exchange, struct tn_event events[2],
                                const struct tn_remit *remit);
/* So many are not under way to that market any more. False, and nothing changes: they never were.
 */
bool tn_exchange_remits_ended(struct tn_exchange *exchange, uint32_t market, uint32_t count);

#endif
