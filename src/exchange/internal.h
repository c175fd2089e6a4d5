/* The exchange's own records, and what its files ask of each other. One file per command or rule;
 * section numbers are those of docs/specs/exchange.md.
 *
 * An order lives in a slot of the book's pool: its hot part is the book's `struct tn_resting`, its
 * cold part `struct order`, same index. A waiting stop lives in a slot too, in the series' second
 * book, whose "prices" are triggers. An order that runs has a `struct running` beside (or, before
 * it first rests, instead of) its slot. */
#ifndef TENOR_EXCHANGE_INTERNAL_H
#define TENOR_EXCHANGE_INTERNAL_H

#include "tenor/exchange.h"
#include "tenor/export.h"
#include "tenor/index.h"
#include "tenor/margin.h"
#include "tenor/record.h"
#include "tenor/remit.h"

#include <string.h>

/* Records are laid out by lines of the cache: the first 64 bytes are what every command touches. */
#define LINES _Alignas(64)

/* The cold part of an order. Its second line is written and read for few: what stands there means
 * nothing unless has_more, reduce_only, a group or a time limit says that it does. */
struct order {
    LINES tn_lots hidden;
    tn_micros reserve_per_lot;
    uint32_t exposure;
    uint32_t result; /* remembered result of its client id, or TN_NONE */
    uint32_t group;  /* index of its protection group, or TN_NONE */
    int32_t fee_max_ppm;
    uint32_t label;
    uint32_t rank; /* of the slot, whoever holds it; not state: see struct touches */
    uint8_t type, tif, post, reduce_only, stp;
    uint8_t is_quote;
    uint8_t waiting;
    uint8_t side;
    uint32_t placed_mark;      /* MARK after which it got its place at its price */
    uint8_t has_more;          /* the next four are set; see sibling_of, display_of, until_of */
    LINES uint64_t sibling_id; /* OCO, 0 = none */
    tn_lots display;           /* 0 = not an iceberg */
    int64_t until;
    tn_ticks limit_price; /* while it waits: tn_resting.price is then its trigger */
    uint32_t group_next, group_previous;
    uint32_t reduce_next, reduce_previous;
    uint32_t heap_position;
    uint64_t group_joined; /* running number of its entry into its group; 0 without one */
};
_Static_assert(sizeof(struct order) == 128, "two lines");

static inline uint64_t sibling_of(const struct order *order)
{
    return order->has_more ? order->sibling_id : 0;
}
static inline tn_lots display_of(const struct order *order)
{
    return order->has_more ? order->display : 0;
}
static inline int64_t until_of(const struct order *order)
{
    return order->has_more ? order->until : 0;
}

/* In the list of its account, by slot: apart and close together, as an order that comes or goes
 * changes those of its neighbours there, of which nothing else is touched. */
struct order_link {
    uint32_t next, previous;
};

enum { ORDER_EXPIRES = 1 }; /* in tn_resting.user: spares matching a look at the cold part */

struct account {
    LINES uint64_t nonce_top;
    uint64_t nonce_bits, client_floor;
    tn_micros reserved;
    uint32_t owner_index; /* the first account of that owner: what self-trade prevention compares */
    uint16_t jobs_count;
    uint16_t touched; /* bits by record kind: see touch.h */
    uint32_t orders_head, orders_tail, orders_count;
    uint32_t results_head, results_tail, results_count;
    tn_micros linear_value; /* worked out under this stamp of the marks; not state */
    uint32_t linear_stamp;  /* 0 = to be worked out */
    uint32_t linear_count;
    uint32_t exposures_head, exposures_tail, exposures_count; /* futures and perpetuals first */
    uint32_t groups_head;
    uint8_t owner[TN_OWNER_SIZE];
    uint32_t owner_count;  /* of an owner's first account: how many there are */
    uint64_t results_gone; /* results that left the list: the running number of the first in it */
};
_Static_assert(sizeof(struct account) == 128, "two lines");

/* Accounts of one owner, ascending, beside struct account; not state. */
struct owner_link {
    uint32_t next; /* TN_NONE: none yet */
    uint32_t last; /* of an owner's first account */
};

/* One account in one series. */
struct exposure {
    LINES struct tn_position position;
    tn_lots open[2]; /* resting, by side */
    uint32_t account, series;
    uint32_t orders_count; /* resting, waiting, lifted, and pins of what runs */
    uint32_t reduce_count;
    uint32_t quote[2]; /* slots of the present quotes */
    tn_lots reduce_open;
    uint32_t reduce_head;
    uint32_t account_next, account_previous;
    uint32_t series_next, series_previous;
    uint32_t holding;       /* where margin's copy of it was last; a guess, not state */
    uint32_t plan_ordinary; /* stamp of a plan that counted an order that is not reduce-only */
    uint64_t joined;        /* running number of its entry into its series' list */
};
_Static_assert(sizeof(struct exposure) == 128, "two lines");

/* What options, or futures and perpetuals, of one underlying have in common. */
struct terms {
    struct tn_contract contract;
    struct tn_fees fees;
    tn_micros micros_per_tick;
    tn_micros base; /* index price of one lot, -1 = unset */
    /* Worked out from these (equity.c); not state: the higher of the two fees of a lot before any
     * cap, and the highest premium at which the cap is lower. */
    tn_micros lot_fee, capped_most;
};

struct underlying {
    char symbol[TN_SYMBOL_SIZE];
    struct tn_listing_rules listing;
    uint32_t fifo_ppm;
    int64_t closing_ms;
    tn_micros block_minimum_micros;
    tn_micros index_micros;
    struct terms terms[2]; /* options, linear */
};

struct series {
    LINES uint64_t id;
    const struct terms *terms;
    tn_micros mark; /* -1 = unset */
    tn_micros band_low, band_high;
    int64_t closing_at_ms; /* takes no orders from here on */
    uint32_t fifo_ppm;
    uint32_t quote_stamp;
    uint16_t underlying;
    uint16_t touched; /* bits by record kind: see touch.h */
    uint8_t status;
    uint8_t uncrossing;
    uint8_t is_linear;
    uint8_t in_trigger_queue, in_funding_queue;
    uint8_t rounds;
    uint8_t feed_halt; /* 1 + the status that stale feeds halted it in, or resuming; 0 = neither */
    tn_lots open_interest;
    uint32_t exposures_head, exposures_tail, exposures_count;
    int32_t delta_ppb, vol_ppm;
    tn_micros forward, vega;
    int64_t funding_index, funding_float;
    tn_micros settlement_value;
    tn_ticks uncross_price;       /* 0 = none runs */
    uint32_t expiry, expiry_next; /* where margin is on: of risk->expiries, and its next series */
};

/* A remembered result. */
struct result {
    LINES uint64_t client_id;
    uint64_t order_id;
    tn_lots quantity, remaining;
    uint32_t account, next; /* the next younger of its account; of the youngest the oldest */
    uint32_t order;         /* slot of the order it created, while that lives, or TN_NONE */
    uint16_t reject;
    uint8_t detached; /* out of its account's list; lives as long as the order */
    uint32_t hash;    /* of its client id, in the index; not state */
};
_Static_assert(sizeof(struct result) == 64, "one line");

struct group {
    struct tn_mmp_set terms;
    int64_t window_start; /* -1 = none */
    int64_t frozen_until; /* 0 = not frozen */
    tn_lots used;
    tn_i128 delta, vega; /* Σ signed lots × delta_ppb, × vega */
    uint32_t trades;
    uint32_t filled_mark; /* number of the last MARK at its last counted fill */
    uint32_t account, next;
    uint32_t quotes_head, quotes_tail;
    uint32_t plan_stamp, plan_trades;
    tn_lots plan_used;
    tn_i128 plan_delta, plan_vega; /* in packages the sums of their sizes */
};

struct job {
    struct tn_mass_cancel what;
    uint64_t next_id, last_id; /* orders in between that are meant count as dead */
    uint32_t account;
    uint32_t cursor; /* slot of the first order at or after next_id */
};

/* A first-in first-out list of series, each at most once. */
struct queue {
    uint32_t *items;
    uint32_t head, count;
};

/* Orders that expire, soonest first (until, then id). */
struct heap {
    uint32_t *slots;
    uint32_t count;
};

struct share {
    uint64_t id;
    tn_lots quantity;
};

/* One quote of a mass quote, judged before anything changes. */
struct judged {
    uint32_t series, exposure;
    uint32_t present[2];   /* slots of the quotes that stand, by side; a dead one counts as none */
    tn_micros bid_reserve; /* per lot, of a bid that enters */
    uint16_t reject[2];    /* by side; JUDGED_KEEP: untouched */
    uint8_t is_plain;      /* both sides stand and passed: see quote.c */
    uint8_t keeps[2];      /* of a plain one: the side keeps its place */
};

/* Touch marks of a list of records (touch.h). */
struct touched_list {
    uint64_t *bits;
    uint32_t first, end; /* words in between may have bits set */
};

/* A list of orders in a book's record, as it was last told (told.c). */
struct told_list {
    uint32_t count;   /* orders that were told of */
    uint32_t kept;    /* of them, those without a mark since */
    uint32_t pending; /* ORDER_PLACED ones */
    uint32_t from;    /* the first rank that may hold another order, or the same one changed */
    uint32_t after;   /* the order before that rank, which is as it was, or TN_NONE */
    bool is_changed;  /* else from and after mean nothing */
};

struct touches {
    uint32_t *accounts, *series; /* those with a bit set, each once */
    uint32_t accounts_count, series_count;
    struct touched_list market, feeds;
    bool head; /* record MARKET 0 */
    /* Slots, each once. The rank of a slot stands in its struct order: 0: not told of; else 1 + the
     * rank told, or a mark. */
    uint32_t *marked;
    uint32_t marked_count;
    struct told_list *told; /* series × TN_RECORD_BOOK_LISTS */
};

struct risk;   /* risk.h */
struct change; /* below */

struct tn_exchange {
    struct tn_exchange_limits limits;
    struct risk *risk; /* NULL: no margin engine */
    uint64_t height;
    int64_t time_ms;
    uint64_t last_order_id;
    uint64_t joined_last; /* running number given last to an exposure or a quote in a group */

    struct tn_books *books;
    struct tn_resting *resting;
    const struct tn_book_side *sides;
    struct order *orders;
    struct order_link *links;
    struct tn_ledger ledger;
    struct account *accounts;
    struct owner_link *owner_links;
    int64_t *balances; /* accounts × assets_max; column 0 unused: cash is in the ledger */
    struct underlying *underlyings;
    struct series *series;
    struct exposure *exposures;
    struct result *results;
    struct group *groups;
    struct job *jobs;
    struct share *shares; /* scratch of a pro-rata pass */
    struct tn_index owner_index, series_index, exposure_index, result_index;
    struct heap by_time, by_block;
    struct queue triggers, settlements, uncrosses, fundings, settled;

    uint32_t accounts_count, underlyings_count, assets_count;
    uint32_t series_count, series_used;
    uint32_t exposures_count, exposures_used, exposures_free;
    uint32_t results_count, results_used, results_free;
    uint32_t groups_count, jobs_count;
    uint32_t haircut_ppm[8];

    bool funding_begun;
    int64_t funding_begun_index;
    uint32_t funding_cursor; /* exposure */

    struct touches touches; /* what was not written down yet; not state */

    /* Working values of one apply; not state. */
    struct tn_event *events;
    uint32_t events_count, events_max;
    uint32_t events_needed; /* tn_exchange_events_max of the limits */
    uint32_t makers_count;  /* reached by the present command */
    uint32_t stamp;         /* of plans and mass quotes */
    uint32_t marks_stamp;   /* of the marks and funding indexes; never 0 */
    uint32_t mark;          /* number of the last MARK; 0 where no margin engine is */
    struct { /* by record kind, while records are read back: the next index, how many came */
        uint32_t next, count;
    } imported[TN_RECORD_KINDS];
    struct judged judged[TN_QUOTES_MAX];
    struct change *changes; /* [CHANGES_MAX]: what the present command asks margin for */
    uint32_t feeds_expected, feeds_read; /* expiries; underlyings, then expiries, that came */
    uint64_t import_place;               /* kind and index of the record that an import read last */
    struct { /* what MARKET 0 says of all accounts, until the end of an import */
        uint32_t exposures, results, groups;
        tn_micros borrowed, gate;
    } told;
    struct { /* to other markets (remit.c); a lone exchange knows none */
        uint32_t markets[TN_REMIT_MARKETS_MAX], out[TN_REMIT_MARKETS_MAX];
        uint32_t count, out_max;
        bool touched; /* some `out` changed and was not written down yet */
    } remits;
    const struct tn_exchange_watch *watch; /* export.h; NULL: nobody */
    uint32_t whole_series; /* while somebody watches: its holders were all there, or TN_NONE */
};

/* What a command's RESULT says. */
struct outcome {
    enum tn_reject reject;
    uint64_t order_id;
    tn_lots quantity, remaining;
    tn_micros money;
    uint32_t created; /* slot of the order that a PLACE left alive, or TN_NONE */
};

/* An order about to enter, or running. */
struct running {
    uint64_t id, sibling_id;
    uint32_t account, owner, series, exposure;
    uint32_t slot; /* TN_NONE until it first rests */
    uint32_t
        level; /* of the book, where it may rest: a guess, any number that was one, or TN_NONE */
    tn_ticks limit;
    tn_lots open, filled;
    int32_t fee_max_ppm;
    uint8_t side, stp;
    uint8_t flags;           /* of its TRADE events */
    uint8_t fifo;            /* 1: never blended */
    uint8_t ended;           /* 1: its rest was cancelled */
    uint8_t rests_exhausted; /* auction: it stands in the book with nothing visible left */
};

/* Exchange-wide small helpers. */

/* Takes the next region of the mapping; with memory NULL it only counts. */
static inline void *region(unsigned char *memory, size_t *used, size_t count, size_t size)
{
    void *start = memory == NULL ? NULL : memory + *used;
    *used += tn_align(count * size);
    return start;
}

/* Clears a record of one to two lines, in halves: gcc writes a half as vectors, the whole in a loop
 * of words. */
#define CLEAR_IN_HALVES(record)                                                                    \
    (memset((record), 0, 48), memset((char *)(record) + 48, 0, sizeof *(record)-48))

static inline struct tn_event *emit(struct tn_exchange *exchange, enum tn_event_kind kind)
{
    TN_ASSERT(exchange->events_count < exchange->events_max);
    struct tn_event *event = &exchange->events[exchange->events_count++];
    CLEAR_IN_HALVES(event);
    event->kind = (uint8_t)kind;
    return event;
}
static inline bool is_in_book(const struct tn_exchange *exchange, uint32_t slot)
{
    return exchange->resting[slot].level != TN_NONE;
}

static inline uint32_t book_of(uint32_t series)
{
    return 2 * series;
}
static inline uint32_t stops_of(uint32_t series)
{
    return 2 * series + 1;
}
static inline tn_lots min_lots(tn_lots a, tn_lots b)
{
    return a < b ? a : b;
}
static inline tn_lots signed_lots(uint8_t side, tn_lots quantity)
{
    tn_lots sells = side != TN_BUY; /* no predictor knows sides: no branch */
    return (quantity ^ -sells) + sells;
}
static inline enum tn_side opposite(uint8_t side)
{
    return side == TN_BUY ? TN_SELL : TN_BUY;
}
static inline bool within(uint8_t side, tn_ticks price, tn_ticks limit)
{
    return side == TN_BUY ? price <= limit : price >= limit;
}
static inline tn_lots open_of(const struct tn_exchange *exchange, uint32_t slot)
{
    return exchange->resting[slot].quantity + exchange->orders[slot].hidden;
}
/* A stop book keeps buys on its sell side (lowest trigger first) and sells on its buy side. */
static inline enum tn_side stop_side(uint8_t side)
{
    return opposite(side);
}

/* risk.c: is there a slot for this expiry, taken or free? Then a series that was listed joins it.
 */
bool tn_exchange_expiry_fits(const struct tn_exchange *exchange, uint16_t underlying, uint16_t day);
void tn_exchange_join_expiry(struct tn_exchange *exchange, uint32_t series);

/* registry.c: accounts, series and exposures found and made. */
uint32_t tn_exchange_pin_exposure(struct tn_exchange *exchange, uint32_t account, uint32_t series);
void tn_exchange_free_exposure(struct tn_exchange *exchange, uint32_t exposure);
bool tn_exchange_exposure_fits(const struct tn_exchange *exchange, uint32_t account,
                               uint32_t asked);
uint32_t tn_exchange_next_series(const struct tn_exchange *exchange, uint64_t after_id);
void tn_exchange_add_series(struct tn_exchange *exchange, uint64_t id);
bool tn_exchange_series_fits(const struct tn_exchange *exchange);
void tn_queue_push(struct tn_exchange *exchange, struct queue *queue, uint32_t series);
void tn_queue_pop(struct tn_exchange *exchange, struct queue *queue);
void tn_queue_remove(struct tn_exchange *exchange, struct queue *queue, uint32_t series);
static inline uint32_t queue_at(const struct queue *queue, uint32_t i, uint32_t capacity)
{
    uint32_t at = queue->head + i;
    return queue->items[at >= capacity ? at - capacity : at];
}

/* heap.c */
void tn_heap_add(struct tn_exchange *exchange, uint32_t slot);
void tn_heap_remove(struct tn_exchange *exchange, uint32_t slot);

/* money.c: finds the first account of an account's owner, which may be itself. Accounts become
 * known in ascending order. */
void tn_exchange_know_owner(struct tn_exchange *exchange, uint32_t account);
/* The first account of an owner; TN_NONE: there is none. */
uint32_t tn_exchange_first_of(const struct tn_exchange *exchange,
                              const uint8_t owner[TN_OWNER_SIZE]);
/* Of an asset that is not cash: so much more may come to the account, amount ≥ 0. */
bool tn_exchange_balance_fits(const struct tn_exchange *exchange, uint32_t account, uint32_t asset,
                              int64_t amount);

/* results.c: §2.1 */
/* Where a search for a client id ended that found nothing. */
struct result_place {
    uint32_t hash, cell;
    uint32_t count; /* of the index then: the cell holds while none was removed */
};
void tn_exchange_remember(struct tn_exchange *exchange, uint32_t account, uint64_t client_id,
                          const struct outcome *outcome, const struct result_place *place);
/* Puts a result at the end of its account's list. */
void tn_exchange_link_result(struct tn_exchange *exchange, struct account *account, uint32_t slot);
void tn_exchange_order_gone(struct tn_exchange *exchange, uint32_t result);

/* order.c: orders in their lists. */
uint32_t tn_exchange_rest(struct tn_exchange *exchange, const struct running *running,
                          const struct order *cold, uint32_t book, enum tn_side side,
                          tn_ticks price);
void tn_exchange_lift(struct tn_exchange *exchange, uint32_t slot);
void tn_exchange_land(struct tn_exchange *exchange, uint32_t slot, tn_ticks price, tn_lots open);
void tn_exchange_remove(struct tn_exchange *exchange, uint32_t slot);
void tn_exchange_drop(struct tn_exchange *exchange, uint32_t slot, enum tn_reason reason,
                      enum tn_reject reject);
void tn_exchange_drop_sibling(struct tn_exchange *exchange, uint64_t *sibling_id);
/* tn_exchange_death of an order that has a time limit, or whose account has jobs. */
enum tn_reason tn_exchange_death_in_doubt(const struct tn_exchange *exchange, uint32_t slot);
uint32_t tn_exchange_resolve(const struct tn_exchange *exchange, uint32_t account,
                             const struct tn_order_ref *ref, const struct tn_exchange_ahead *ahead);
bool tn_exchange_is_meant(const struct tn_exchange *exchange, const struct tn_mass_cancel *what,
                          uint32_t slot);
void tn_exchange_change_group(struct tn_exchange *exchange, uint32_t slot, uint32_t group);

/* equity.c: §7, the hook that margin takes over */
tn_micros tn_exchange_linear_value(const struct tn_exchange *exchange, uint32_t account);
void tn_exchange_work_out_fees(struct terms *terms); /* after its fees or its base changed */
tn_micros tn_exchange_withdrawable(const struct tn_exchange *exchange, uint32_t account);

/* One change that a command makes to an account's orders or positions, for the margin check:
 * `quantity` signed lots more at a limit; with `replaced` instead of that resting order; `traded`:
 * they change hands at once, for `price` in all. */
struct change {
    uint32_t series;
    uint32_t replaced; /* slot, or TN_NONE */
    uint32_t group;    /* of exchange->groups, or TN_NONE */
    bool traded;
    tn_lots quantity;
    tn_micros price; /* of one lot; traded: cash paid in all */
    tn_micros fee;   /* of all, at most */
};
enum { CHANGES_MAX = 2 * TN_QUOTES_MAX };

/* 13, too: may the account have so many more open orders? Those that wait for a trigger count.
 * Under standard margin each command costs what all open orders do, so there are not many. */
enum tn_reject tn_exchange_check_standard_orders(const struct tn_exchange *exchange,
                                                 uint32_t account, uint32_t orders);

/* Asked once per command: `required` is what reserves grow by, `changes` what margin is asked. */
enum tn_reject tn_exchange_admit(const struct tn_exchange *exchange, tn_micros *shortfall,
                                 uint32_t account, tn_micros required, const struct change *changes,
                                 uint32_t changes_count);

/* remargin.c: where margin is on, accounts are judged at the last MARK before they act or trade.
 * True: it was just judged, and may have lost orders. */
bool tn_exchange_judge_pending(struct tn_exchange *exchange, uint32_t account);
static inline bool tn_exchange_judge_once(struct tn_exchange *exchange, uint32_t account)
{
    return exchange->risk != NULL && tn_exchange_judge_pending(exchange, account);
}
void tn_exchange_judge_reach(struct tn_exchange *exchange, uint32_t series, uint8_t side,
                             tn_ticks limit);
uint32_t tn_exchange_sweep_accounts(struct tn_exchange *exchange, uint32_t units);
bool tn_exchange_below_margin(const struct tn_exchange *exchange, uint32_t account);

/* holdings.c: margin's copy of an exposure follows it. */
void tn_exchange_hold(struct tn_exchange *exchange, uint32_t exposure);
void tn_exchange_unhold(struct tn_exchange *exchange, uint32_t exposure);
void tn_exchange_hold_all(struct tn_exchange *exchange, uint32_t account);
/* sums.c: margin's sums follow: an order's term leaves before and enters after anything that it is
 * made of changes (price, open quantity, its place); a position changes by so many lots. */
void tn_exchange_keep_term(struct tn_exchange *exchange, uint32_t slot, bool is_added);
void tn_exchange_keep_position(struct tn_exchange *exchange, uint32_t account, uint32_t series,
                               tn_lots change);
void tn_exchange_forget_sums(struct tn_exchange *exchange);
/* cushion.c: an account's collateral or model changes. */
void tn_exchange_forget_cushion(struct tn_exchange *exchange, uint32_t account);
static inline void tn_exchange_term_out(struct tn_exchange *exchange, uint32_t slot)
{
    if (exchange->risk != NULL) tn_exchange_keep_term(exchange, slot, false);
}
static inline void tn_exchange_term_in(struct tn_exchange *exchange, uint32_t slot)
{
    if (exchange->risk != NULL) tn_exchange_keep_term(exchange, slot, true);
}
static inline void tn_exchange_held(struct tn_exchange *exchange, uint32_t exposure)
{
    if (exchange->risk != NULL) tn_exchange_hold(exchange, exposure);
}

/* Every account's linear value is to be worked out anew. */
static inline void tn_exchange_marks_changed(struct tn_exchange *exchange)
{
    if (++exchange->marks_stamp == 0) {
        exchange->marks_stamp = 1;
        for (uint32_t i = 0; i < exchange->accounts_count; i++) {
            exchange->accounts[i].linear_stamp = 0;
        }
    }
}

/* admit.c: the checks of §3, by number */
enum tn_reject tn_exchange_band_edge(tn_ticks *price, const struct series *series, uint8_t side);
enum tn_reject tn_exchange_clip_reduce_only(const struct tn_exchange *exchange,
                                            struct running *running, uint32_t resting,
                                            const struct order *cold);
enum tn_reject tn_exchange_admit_entry(const struct tn_exchange *exchange,
                                       const struct running *running, uint32_t resting,
                                       tn_micros *shortfall, tn_micros required,
                                       tn_micros fee_per_lot);
/* Of a post-only order. */
enum tn_reject tn_exchange_check_post(const struct tn_exchange *exchange, struct running *running,
                                      uint8_t post);
bool tn_exchange_stop_reached(const struct series *series, uint8_t side, tn_ticks trigger);

/* match.c, fill.c: §4 */
void tn_exchange_match(struct tn_exchange *exchange, struct running *running);
void tn_exchange_end_running(struct tn_exchange *exchange, struct running *running,
                             enum tn_reason reason);
void tn_exchange_fill(struct tn_exchange *exchange, struct running *running, uint32_t maker,
                      tn_ticks price, tn_lots quantity);
/* Books lots of a position whose cash is moved by the caller. */
void tn_exchange_add_position(struct tn_exchange *exchange, uint32_t exposure, tn_lots quantity,
                              tn_micros notional);
void tn_exchange_book_trade(struct tn_exchange *exchange, struct tn_event *trade, uint32_t series,
                            uint32_t taker_exposure, uint32_t maker_exposure,
                            int32_t taker_fee_max_ppm, int32_t maker_ppm);
void tn_exchange_reclip(struct tn_exchange *exchange, uint32_t exposure);
tn_lots tn_exchange_quote_room(const struct tn_exchange *exchange, uint32_t slot);
void tn_exchange_take_visible(struct tn_exchange *exchange, uint32_t slot, tn_lots quantity);
void tn_exchange_after_take(struct tn_exchange *exchange, uint32_t slot);

/* mmp.c: §6 */
uint32_t tn_exchange_find_group(const struct tn_exchange *exchange, uint32_t account,
                                uint8_t number);
bool tn_exchange_group_frozen(const struct tn_exchange *exchange, const struct group *group);
bool tn_exchange_window_open(const struct tn_exchange *exchange, const struct group *group);
bool tn_exchange_group_terms_valid(const struct tn_mmp_set *terms);
/* A quote of the group traded so many signed lots of a series. */
void tn_exchange_count_fill(struct tn_exchange *exchange, uint32_t group, uint32_t series,
                            tn_lots signed_quantity);
static inline tn_i128 tn_size(tn_i128 value)
{
    return value < 0 ? -value : value;
}
static inline tn_i128 tn_exchange_delta_limit(const struct group *group)
{
    return (tn_i128)group->terms.delta_limit * 1000000000;
}

/* plan.c: §4.3 */
struct plan {
    uint32_t series;
    uint32_t owner;
    tn_ticks limit;
    tn_ticks price;     /* of the level counted last */
    tn_lots level_left; /* counted there and not yet used */
    uint8_t side, skips_own;
    uint8_t whole_quotes; /* packages: a quote that does not fit its group ends the plan */
    uint8_t begun, ended, full;
};
void tn_exchange_plan_begin(struct tn_exchange *exchange);
bool tn_exchange_plan_level(struct tn_exchange *exchange, struct plan *plan, uint32_t *makers,
                            tn_lots wanted);
enum tn_reject tn_exchange_plan_fok(struct tn_exchange *exchange, const struct running *running);

/* funding.c: §8.2 */
void tn_exchange_settle_funding(struct tn_exchange *exchange, uint32_t exposure);

/* prefetch.c: of a frame that nobody may have looked ahead for, what can be loaded at once; and
 * then the next stage. Of the numbers in `ahead` each is TN_NONE or was an index once, when the
 * stage looked. */
void tn_exchange_start_loads(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                             const struct tn_entry *entry);
void tn_exchange_look_on(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead);

/* prefetch.c: one turn of all stages for the commands of a frame; `command`, or NULL, enters at
 * ring[turn % AHEAD_RING]. */
enum { AHEAD_RING = 8 }; /* a power of two, above TN_EXCHANGE_STAGES */
void tn_exchange_look_at_frame(const struct tn_exchange *exchange, struct tn_exchange_ahead *ring,
                               uint32_t turn, uint32_t account, const struct tn_command *command);

/* prefetch.c: of a resting order whose record is at hand, what it is linked to and what taking it
 * out changes; or the exposure alone. */
void tn_exchange_load_links(const struct tn_exchange *exchange, uint32_t slot);
void tn_exchange_load_exposure_of(const struct tn_exchange *exchange, uint32_t slot);

/* place.c */
tn_lots tn_exchange_come_to_rest(struct tn_exchange *exchange, struct running *running,
                                 const struct order *cold);

/* One per command: fills in the outcome. What was found ahead is a guess, verified where it is
 * used.
 */
void tn_exchange_place(struct tn_exchange *, struct outcome *, uint32_t account,
                       const struct tn_command *, const struct tn_exchange_ahead *);
void tn_exchange_place_oco(struct tn_exchange *, struct outcome *, uint32_t account,
                           const struct tn_command *);
void tn_exchange_replace(struct tn_exchange *, struct outcome *, uint32_t account,
                         const struct tn_command *, const struct tn_exchange_ahead *);
void tn_exchange_cancel(struct tn_exchange *, struct outcome *, uint32_t account,
                        const struct tn_command *, const struct tn_exchange_ahead *);
void tn_exchange_mass_cancel(struct tn_exchange *, struct outcome *, uint32_t account,
                             const struct tn_command *);
void tn_exchange_mass_quote(struct tn_exchange *, struct outcome *, uint32_t account,
                            const struct tn_command *);
void tn_exchange_mmp_set(struct tn_exchange *, struct outcome *, uint32_t account,
                         const struct tn_command *);
void tn_exchange_mmp_reset(struct tn_exchange *, struct outcome *, uint32_t account,
                           const struct tn_command *);
void tn_exchange_mmp_cancel(struct tn_exchange *, struct outcome *, uint32_t account,
                            const struct tn_command *);
void tn_exchange_package(struct tn_exchange *, struct outcome *, uint32_t account,
                         const struct tn_command *);
void tn_exchange_block_trade(struct tn_exchange *, struct outcome *, uint32_t account,
                             const struct tn_command *);
void tn_exchange_transfer(struct tn_exchange *, struct outcome *, uint32_t account,
                          const struct tn_command *);
void tn_exchange_withdraw(struct tn_exchange *, struct outcome *, uint32_t account,
                          const struct tn_command *);
/* May this much leave the account, and the market? */
enum tn_reject tn_exchange_check_withdrawal(const struct tn_exchange *, uint32_t account,
                                            uint32_t asset, tn_micros amount);
void tn_exchange_remit(struct tn_exchange *, struct outcome *, uint32_t account,
                       const struct tn_command *);
void tn_exchange_command_model(struct tn_exchange *, struct outcome *, uint32_t account,
                               const struct tn_command *);
void tn_exchange_bid(struct tn_exchange *, struct outcome *, uint32_t account,
                     const struct tn_command *);

/* One per entry. */
enum tn_reject tn_exchange_block(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_marks(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_index_price(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_open_account(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_deposit(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_underlying(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_fees(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_list(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_listing(struct tn_exchange *, uint32_t *listed, const struct tn_entry *);
enum tn_reject tn_exchange_status(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_uncross(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_funding(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_settle(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_asset(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_feeder(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_report(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_set_risk(struct tn_exchange *, uint32_t *field, const struct tn_entry *);
enum tn_reject tn_exchange_liq(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_insure(struct tn_exchange *, const struct tn_entry *);
bool tn_exchange_is_crossed(const struct tn_exchange *exchange, uint32_t series);
void tn_exchange_set_status(struct tn_exchange *, uint32_t series, enum tn_status status);
void tn_exchange_sweep(struct tn_exchange *, uint32_t units);

/* The parts of a sweep: each works its queue and returns the units left. */
uint32_t tn_exchange_sweep_jobs(struct tn_exchange *, uint32_t units);
uint32_t tn_exchange_sweep_settlements(struct tn_exchange *, uint32_t units);
uint32_t tn_exchange_sweep_triggers(struct tn_exchange *, uint32_t units);
uint32_t tn_exchange_sweep_uncrosses(struct tn_exchange *, uint32_t units);
uint32_t tn_exchange_sweep_fundings(struct tn_exchange *, uint32_t units);

#include "exchange/touch.h"

#include "exchange/hot.h"

#endif
