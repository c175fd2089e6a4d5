/* Touch marks: which records of the state (include/tenor/record.h) may have changed since they were
 * last written down. Who changes what a record says marks it, as near to the change as can be; the
 * marks of one entry need no order, because they are taken between entries only.
 *
 * An account and a series have a bit for each kind of record that goes by their index, in the line
 * that is loaded for the change anyway; when the first bit of one is set its index joins a list.
 * The lists MARKET and FEEDS have a bit for each of their records. Where that is simpler more is
 * marked than changed: a mark too many costs a hash, one too few is a wrong root.
 *
 * A book's record is long, and most of it stays: so orders are marked too, each before it leaves
 * its place, and told.c says which of them are to be written anew, and at which ranks. */
#ifndef TENOR_EXCHANGE_INTERNAL_H
#include "exchange/internal.h" /* which includes this, and hot.h after it */
#endif
#ifndef TENOR_EXCHANGE_TOUCH_H
#define TENOR_EXCHANGE_TOUCH_H

#include "tenor/record.h"

enum touch {
    TOUCH_ACCOUNT = 1 << TN_RECORD_ACCOUNT,
    TOUCH_POSITIONS = 1 << TN_RECORD_POSITIONS,
    TOUCH_MARGIN = 1 << TN_RECORD_MARGIN,
    TOUCH_MEMORY = 1 << TN_RECORD_MEMORY,
    TOUCH_SERIES = 1 << TN_RECORD_SERIES,
    TOUCH_ROWS = 1 << TN_RECORD_ROWS,
    TOUCH_BOOK = 1 << TN_RECORD_BOOK,
};

/* The records of an underlying (the first two) and of an expiry in FEEDS. */
enum feeds_part { FEEDS_READINGS = 0, FEEDS_REPORTS = 1, FEEDS_SERIES = 2 };

/* watch.c: asks for all who hold a position in a series, or may. */
void tn_exchange_need_holders(struct tn_exchange *exchange, uint32_t series);

/* Before an account is read that an entry names. What then changes an account asks anyway. */
static inline void tn_exchange_need_account(const struct tn_exchange *exchange, uint32_t account)
{
    const struct tn_exchange_watch *watch = exchange->watch;
    if (__builtin_expect(watch != NULL, 0)) watch->need(watch->context, account);
}

/* Is the account among those that an import has? */
static inline bool tn_exchange_is_present(const struct tn_exchange *exchange, uint32_t account)
{
    const struct tn_exchange_watch *watch = exchange->watch;
    if (watch == NULL || watch->present == NULL) return true;
    return (watch->present[account / 64] >> account % 64 & 1) != 0;
}

/* touch.c: the first bit of an account or a series. */
void tn_exchange_touch_new_account(struct tn_exchange *exchange, uint32_t account, uint16_t kinds);
void tn_exchange_touch_new_series(struct tn_exchange *exchange, uint32_t series, uint16_t kinds);

/* touch.c: records of MARKET. Items by place: of a queue or the jobs those from first on, as many
 * as there are now, so what leaves is marked before it goes and what comes after it came. */
void tn_exchange_touch_underlying(struct tn_exchange *exchange, uint32_t underlying);
void tn_exchange_touch_assets(struct tn_exchange *exchange);
void tn_exchange_touch_queue(struct tn_exchange *exchange, const struct queue *queue,
                             uint32_t first);
void tn_exchange_touch_jobs(struct tn_exchange *exchange, uint32_t first);
void tn_exchange_touch_listed(struct tn_exchange *exchange, uint32_t first);

/* touch.c: records of FEEDS: those of the market, of an underlying and of an expiry as records.h
 * numbers them; of a slot of an expiry; and all of all expiries there are, when their ranks move.
 */
void tn_exchange_touch_feeds(struct tn_exchange *exchange, uint32_t record);
void tn_exchange_touch_feeds_underlying(struct tn_exchange *exchange, uint32_t underlying,
                                        uint32_t part);
void tn_exchange_touch_feeds_expiry(struct tn_exchange *exchange, uint32_t slot, uint32_t part);
void tn_exchange_touch_feeds_expiries(struct tn_exchange *exchange);
void tn_exchange_touch_feeds_at_mark(struct tn_exchange *exchange);

/* told.c: the first mark of an order since it was told of. */
void tn_exchange_mark_order(struct tn_exchange *exchange, uint32_t slot);
/* told.c: where the marked ones stand now: lists say where telling begins. */
void tn_exchange_place_marked(struct tn_exchange *exchange);
/* told.c: all orders of all books count as told of, as they stand. */
void tn_exchange_tell_books(struct tn_exchange *exchange);
/* told.c: asserts what is kept. O(orders). */
void tn_exchange_check_told(const struct tn_exchange *exchange);

/* touch.c: memory for the marks of a list, in words; nothing is touched. */
uint32_t tn_exchange_touch_words(const struct tn_exchange_limits *limits, enum tn_record_kind kind);
void tn_exchange_touch_clear(struct tn_exchange *exchange);

static inline void tn_exchange_touch_account(struct tn_exchange *exchange, uint32_t account,
                                             uint16_t kinds)
{
    if ((exchange->accounts[account].touched & kinds) == kinds) return;
    tn_exchange_touch_new_account(exchange, account, kinds);
}

static inline void tn_exchange_touch_series(struct tn_exchange *exchange, uint32_t series,
                                            uint16_t kinds)
{
    if ((exchange->series[series].touched & kinds) == kinds) return;
    tn_exchange_touch_new_series(exchange, series, kinds);
}

/* Instead of a rank: among touches.marked; or marked once, in its place, and still to be told. */
#define ORDER_MARKED UINT32_MAX
#define ORDER_PLACED (UINT32_MAX - 1)

/* An order that came, leaves, moves or changes: before it leaves its place, after it came. The
 * second form where its series is known. */
static inline void tn_exchange_touch_order_of(struct tn_exchange *exchange, uint32_t slot,
                                              uint32_t series)
{
    tn_exchange_touch_series(exchange, series, TOUCH_BOOK);
    if (exchange->orders[slot].rank != ORDER_MARKED) tn_exchange_mark_order(exchange, slot);
}

static inline void tn_exchange_touch_order(struct tn_exchange *exchange, uint32_t slot)
{
    uint32_t exposure = exchange->orders[slot].exposure;
    tn_exchange_touch_order_of(exchange, slot, exchange->exposures[exposure].series);
}

static inline void touch_record(struct touched_list *list, uint32_t record)
{
    uint32_t word = record / 64;
    list->bits[word] |= UINT64_C(1) << record % 64;
    if (word < list->first) list->first = word;
    if (word >= list->end) list->end = word + 1;
}

/* MARKET 0, with every entry: height, time, counts, cursors, the house accounts. */
static inline void tn_exchange_touch_head(struct tn_exchange *exchange)
{
    exchange->touches.head = true;
}

static inline void tn_exchange_touch_party(struct tn_exchange *exchange, uint32_t party)
{
    if (party & TN_PARTY_HOUSE(0)) return; /* in MARKET 0 */
    tn_exchange_touch_account(exchange, party, TOUCH_ACCOUNT);
}

/* All cash moves through here. */
static inline void tn_exchange_pay(struct tn_exchange *exchange, uint32_t from, uint32_t to,
                                   tn_micros amount)
{
    tn_ledger_transfer(&exchange->ledger, from, to, amount);
    tn_exchange_touch_party(exchange, from);
    tn_exchange_touch_party(exchange, to);
}

#endif
