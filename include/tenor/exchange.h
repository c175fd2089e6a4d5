/* exchange: the fold. One entry in, a bounded list of events out; the same entries give the same
 * events and the same state, byte for byte, on every machine.
 *
 *     struct tn_exchange *exchange = tn_exchange_init(memory, &limits);
 *     uint32_t count = tn_exchange_apply(exchange, events, events_max, &entry);
 *
 * One exchange is one market: its accounts, series, books and orders. There is no clock in it but
 * BLOCK entries, no randomness, no allocation after init. The rules are in docs/specs/exchange.md.
 *
 * Money: an account's free equity is cash + Σ over futures and perpetuals of position × mark +
 * accrued funding − what its open buy orders may cost. Until the margin engine takes this hook over
 * (src/exchange/equity.c), a command that would leave free equity below zero and lower than before
 * is rejected. */
#ifndef TENOR_EXCHANGE_H
#define TENOR_EXCHANGE_H

#include "tenor/book.h"
#include "tenor/entry.h"
#include "tenor/event.h"
#include "tenor/ledger.h"

/* Sizes of the one mapping, and genesis parameters of the market. At a limit the command is
 * rejected; nothing is dropped. hash_seed is local and never reaches an event. */
struct tn_exchange_limits {
    uint32_t accounts_max;
    uint32_t underlyings_max;           /* ≤ 255 */
    uint32_t series_max;                /* ≤ 2^20 */
    uint32_t orders_max;                /* resting and waiting orders, quotes included; ≤ 2^24 */
    uint32_t levels_max;                /* ≤ orders_max */
    uint32_t exposures_max;             /* (account, series) pairs with a position or an order */
    uint32_t exposures_per_account_max; /* ≤ 4096 */
    uint32_t results_max;               /* remembered results over all accounts */
    uint32_t results_per_account;       /* an account's last so many (1 024) */
    uint32_t groups_max;                /* protection groups over all accounts */
    uint32_t jobs_max;                  /* mass cancels that may be unfinished at a time */
    uint32_t assets_max;                /* collateral assets, cash included; ≤ 8 */
    uint32_t commands_per_frame_max;    /* ≤ 256 */
    uint32_t fills_max;                 /* makers one command may reach; 1 .. 4096 */
    uint32_t cancels_max;     /* orders a mass cancel takes out at once, the rest in sweeps */
    uint32_t sweep_units_max; /* ≤ 8 192 */
    uint32_t reduce_only_max; /* reduce-only orders of one account in one series; 1 .. 64 */
    uint32_t expiries_max; /* perpetuals and expiries that margin tells apart; 0: no margin engine,
                              marks come by MARKS entries and free equity is the only check */
    uint32_t signers_max;  /* feed signers; 1 .. TN_SIGNERS_MAX where expiries_max > 0 */
    uint8_t cpu;           /* enum tn_cpu: local, like hash_seed: the answers are the same */
    uint64_t hash_seed;
};

struct tn_exchange;

/* tn_exchange_limits_default fills in limits for small markets; tests and tools start from it. */
void tn_exchange_limits_default(struct tn_exchange_limits *limits);

/* tn_exchange_size returns the bytes needed, or 0 when a limit is out of its range. */
size_t tn_exchange_size(const struct tn_exchange_limits *limits);

/* tn_exchange_init formats caller-owned, zeroed, 64-byte-aligned memory of tn_exchange_size bytes
 * as an empty market at height 0, time 0. The memory must outlive the exchange. */
struct tn_exchange *tn_exchange_init(void *memory, const struct tn_exchange_limits *limits);

/* tn_exchange_clone makes an independent copy in other memory, 64-byte-aligned and of the size that
 * the source's limits need, whatever it holds. Both answer every further entry alike; nobody
 * watches the copy. O(size); what is zero in both takes no memory in the copy. */
struct tn_exchange *tn_exchange_clone(void *memory, const struct tn_exchange *source);

/* tn_exchange_events_max is the most events one entry can cause under these limits; an array of
 * that size is always enough. (Pages of it are touched only as far as events come.) */
uint32_t tn_exchange_events_max(const struct tn_exchange_limits *limits);

/* tn_exchange_apply applies one entry and returns how many events it wrote; events_max must be at
 * least tn_exchange_events_max (asserted). Nothing an entry holds makes it fail. */
uint32_t tn_exchange_apply(struct tn_exchange *exchange, struct tn_event *events,
                           uint32_t events_max, const struct tn_entry *entry);

/* tn_exchange_apply for an entry that went through all stages of tn_exchange_prefetch: what they
 * found is not searched for again. The same answer, whatever was applied in between. */
struct tn_exchange_ahead;
uint32_t tn_exchange_apply_ahead(struct tn_exchange *exchange, struct tn_event *events,
                                 uint32_t events_max, const struct tn_entry *entry,
                                 const struct tn_exchange_ahead *ahead);

/* Would a frame of this account with this nonce find it unused? ACCOUNT_UNKNOWN, NONCE_USED,
 * NONCE_TOO_OLD or NONE. And: uses it up, for what an account's owner does beside frames. */
enum tn_reject tn_exchange_check_nonce(const struct tn_exchange *exchange, uint32_t account,
                                       uint64_t nonce);
enum tn_reject tn_exchange_spend_nonce(struct tn_exchange *exchange, uint32_t account,
                                       uint64_t nonce);

/* What the stages of a prefetch found out about an entry: the caller keeps one beside each entry of
 * its queue, unset, reads nothing in it, and may hand it to tn_exchange_apply_ahead. It points into
 * the entry and the exchange. */
struct tn_exchange_ahead {
    const struct tn_command *command;
    const struct tn_index *index; /* in which `hash` is looked up */
    struct tn_book_way way;       /* to the level where an order will rest or trade */
    uint32_t account, series, exposure, record, slot;
    uint32_t hash;
    uint32_t result; /* hash of the client id */
    uint8_t kind, is_begun, is_linked;
};

/* tn_exchange_prefetch starts loading what a coming entry will touch, for callers with a queue;
 * never needed for a right answer. It works in stages, 0 to TN_EXCHANGE_STAGES - 1, each called
 * once and in order: each reads what the stage before has loaded, so a caller hands the entry 10
 * ahead to stage 0, 8 ahead to stage 1 … Of a frame it is the first command that is looked at; the
 * others are while the ones before them run. */
#define TN_EXCHANGE_STAGES 5
void tn_exchange_prefetch(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                          const struct tn_entry *entry, uint32_t stage);

/* One turn of just that, faster: `entry` (NULL: the queue is at its end) goes through stage 0, and
 * those of earlier turns through theirs. `ring` holds TN_EXCHANGE_RING records, zeroed before turn
 * 0; that of an entry is ring[turn % TN_EXCHANGE_RING]. The entry stays where it is until it is
 * applied, TN_EXCHANGE_TURNS later. */
#define TN_EXCHANGE_STEP  2 /* turns between two stages */
#define TN_EXCHANGE_TURNS (TN_EXCHANGE_STAGES * TN_EXCHANGE_STEP)
#define TN_EXCHANGE_RING  16
void tn_exchange_prefetch_turn(const struct tn_exchange *exchange, struct tn_exchange_ahead *ring,
                               uint32_t turn, const struct tn_entry *entry);

/* tn_exchange_work is whether sliced work is waiting for SWEEP entries. */
bool tn_exchange_work(const struct tn_exchange *exchange);

/* tn_exchange_digest covers everything apply can read, in the canonical order of the spec. */
uint64_t tn_exchange_digest(const struct tn_exchange *exchange);

/* tn_exchange_check asserts every invariant: conservation, Σ positions = 0, no crossed book at
 * rest, links, sums, reserves, indexes. O(everything). */
void tn_exchange_check(const struct tn_exchange *exchange);

/* ---- Views, for market data, tools and tests ---------------------------------------------------
 */

/* Of the last BLOCK. */
uint64_t tn_exchange_height(const struct tn_exchange *exchange);
int64_t tn_exchange_time_ms(const struct tn_exchange *exchange);

/* The last order id that was given. Ids are 1, 2, 3 … in the order in which orders came to be. */
uint64_t tn_exchange_last_order(const struct tn_exchange *exchange);

struct tn_account_view {
    uint8_t owner[TN_OWNER_SIZE];
    tn_micros cash;
    tn_micros free_equity;
    tn_micros reserved;
    uint32_t orders_count;
    uint32_t exposures_count;
    uint64_t nonce_top;
};
bool tn_exchange_account(const struct tn_exchange *exchange, struct tn_account_view *view,
                         uint32_t account);
tn_micros tn_exchange_collateral(const struct tn_exchange *exchange, uint32_t account,
                                 uint32_t asset);

struct tn_series_view {
    uint64_t id;
    enum tn_status status;
    uint32_t book; /* in tn_exchange_books */
    tn_micros mark_micros;
    tn_micros micros_per_tick;
    tn_micros band_low_micros, band_high_micros; /* of one lot */
    tn_lots open_interest;
    int64_t funding_index;
    int32_t delta_ppb;
};
bool tn_exchange_series(const struct tn_exchange *exchange, struct tn_series_view *view,
                        uint64_t series_id);
/* The n-th series in id order of those in the table; false past the end. O(n log n) once, for
 * tools. */
uint32_t tn_exchange_series_ids(const struct tn_exchange *exchange, uint64_t *ids,
                                uint32_t ids_max);

/* Zero when there is none. */
struct tn_position tn_exchange_position(const struct tn_exchange *exchange, uint32_t account,
                                        uint64_t series_id);
const struct tn_books *tn_exchange_books(const struct tn_exchange *exchange);
const struct tn_ledger *tn_exchange_ledger(const struct tn_exchange *exchange);
uint32_t tn_exchange_accounts_count(const struct tn_exchange *exchange);
/* How many of them an owner has. */
uint32_t tn_exchange_owner_accounts(const struct tn_exchange *exchange,
                                    const uint8_t owner[TN_OWNER_SIZE]);

/* Bytes of one order: hot record, cold record, its cells of the id index. For benches. */
void tn_exchange_order_bytes(uint32_t *hot, uint32_t *cold, uint32_t *index);

#endif
