/* What the files of the exchange's twin share. The generator of random entries looks in here too,
 * to aim at what exists; it never writes. */
#ifndef TWIN_INTERNAL_H
#define TWIN_INTERNAL_H

#include "exchange_twin.h"

#define TWIN_ASSETS_MAX 8

/* A growing array of pointers. */
struct twin_list {
    void **items;
    uint32_t count;
    uint32_t room;
};

enum twin_where { TWIN_GONE, TWIN_RUNNING, TWIN_BOOK, TWIN_STOPS };

/* An order in the market, waiting, resting or running. While it runs all of it is visible. */
struct twin_order {
    uint64_t id, client_id, series_id;
    uint64_t sibling; /* of an OCO pair, or 0 */
    uint64_t turn;    /* when it came to the end of its level: lower goes first */
    uint64_t joined;  /* number of its joining its protection group; 0: of none */
    tn_ticks price, trigger;
    tn_lots visible, hidden, display;
    tn_lots filled; /* in the command that runs */
    int64_t until;
    tn_micros reserve; /* per lot */
    uint32_t account, label;
    int32_t fee_max_ppm;
    uint8_t side, type, tif, post, reduce_only, stp, quote, group;
    enum twin_where where;
};

struct twin_exposure {
    uint32_t account;
    uint64_t joined; /* number of its creation */
    struct tn_position position;
};

struct twin_series {
    uint64_t id;
    uint8_t status;
    tn_micros mark; /* -1: unset */
    tn_micros forward, vega;
    int32_t delta_ppb, vol_ppm;
    int64_t funding_index;
    tn_micros funding_float;
    tn_micros settlement_value;
    uint32_t rounds;
    tn_ticks uncross_price;
    struct twin_list exposures; /* in order of creation */
};

struct twin_underlying {
    struct tn_underlying terms;
    tn_micros index; /* 0: unset */
    tn_micros option_micros_per_tick, linear_micros_per_tick;
};

struct twin_result {
    uint64_t client_id, order_id;
    tn_lots quantity, remaining;
    enum tn_reject reject;
    bool listed;  /* among the account's last results; else kept because its order lives */
    bool created; /* its command created the order */
};

struct twin_group {
    uint8_t number;
    struct tn_mmp_set limits;
    int64_t window_start; /* -1: none */
    tn_lots used;
    tn_i128 delta, vega;
    uint32_t trades;
    int64_t frozen_until; /* 0: never frozen; INT64_MAX: until reset */
};

struct twin_account {
    uint8_t owner[TN_OWNER_SIZE];
    tn_micros cash;
    tn_micros collateral[TWIN_ASSETS_MAX];
    uint64_t nonce_top, nonce_bits, client_floor;
    uint64_t results_gone;    /* out of the list so far */
    struct twin_list results; /* oldest first */
    struct twin_list groups;  /* by number */
};

struct twin_job {
    struct tn_mass_cancel conditions;
    uint32_t account;
    uint64_t next_id, last_id;
};

struct twin {
    struct tn_exchange_limits limits;
    uint64_t height;
    int64_t time_ms;
    uint64_t last_order_id;
    uint64_t turns; /* source of twin_order.turn */
    uint64_t joins; /* §1's running number of joining */
    tn_micros house[TN_HOUSE_COUNT];
    uint32_t assets_count;
    uint32_t haircut_ppm[TWIN_ASSETS_MAX];
    struct twin_list accounts, underlyings;
    struct twin_list series; /* by id */
    struct twin_list orders; /* by id: waiting, resting and running ones */
    struct twin_list jobs;
    struct twin_list trigger_queue, settlement_queue, uncross_queue, funding_queue, settled;
    bool funding_turn; /* of the first of the funding queue */
    int64_t funding_turn_index;
    struct twin_exposure *funding_next;
    struct twin_list graveyard; /* orders that went in this entry: freed at its end */
    uint32_t reached;           /* makers the command has reached */
    struct twin_exposure *held; /* stays until its quote is done, even when empty */
    struct tn_event *events;
    uint32_t events_count, events_max;
};

/* How a command ended. */
struct twin_outcome {
    enum tn_reject reject;
    uint64_t order_id;
    tn_lots quantity, remaining;
    tn_micros money;
    bool created;
};

/* ---- exchange_twin.c ---------------------------------------------------------------------------
 */
void *twin_allocate(size_t size);
void twin_list_insert(struct twin_list *list, uint32_t place, void *item);
void twin_list_add(struct twin_list *list, void *item);
void twin_list_take(struct twin_list *list, uint32_t place);
bool twin_list_remove(struct twin_list *list, const void *item);
bool twin_list_has(const struct twin_list *list, const void *item);
struct tn_event *twin_emit(struct twin *twin, enum tn_event_kind kind);

/* ---- twin_state.c ------------------------------------------------------------------------------
 */
struct twin_account *twin_account(const struct twin *twin, uint32_t account);
struct twin_underlying *twin_underlying(const struct twin *twin, uint32_t underlying);
struct twin_series *twin_series(const struct twin *twin, uint64_t id);
struct twin_order *twin_order(const struct twin *twin, uint64_t id);
const struct tn_contract *twin_contract(const struct twin *twin, uint64_t series_id);
const struct tn_fees *twin_fees(const struct twin *twin, uint64_t series_id);
tn_micros twin_micros_per_tick(const struct twin *twin, uint64_t series_id);
tn_micros twin_base(const struct twin *twin, uint64_t series_id);
tn_i128 twin_band_width(const struct twin *twin, const struct twin_series *series);
bool twin_in_band(const struct twin *twin, const struct twin_series *series, int side,
                  tn_ticks price);
tn_ticks twin_band_edge(const struct twin *twin, const struct twin_series *series, int side);
static inline tn_lots twin_open(const struct twin_order *order)
{
    return order->visible + order->hidden;
}
bool twin_same_owner(const struct twin *twin, uint32_t one, uint32_t other);
uint8_t twin_death(const struct twin *twin,
                   const struct twin_order *order); /* a reason, 0: alive */
bool twin_meant(const struct tn_mass_cancel *conditions, const struct twin_order *order);
struct twin_exposure *twin_exposure(const struct twin_series *series, uint32_t account);
struct twin_exposure *twin_exposure_make(struct twin *twin, struct twin_series *series,
                                         uint32_t account);
uint32_t twin_exposures_count(const struct twin *twin, uint32_t account); /* TN_NONE: of all */
tn_lots twin_position(const struct twin_series *series, uint32_t account);
tn_lots twin_open_sum(const struct twin *twin, uint64_t series_id, uint32_t account, int side);
uint32_t twin_orders_count(const struct twin *twin);
uint32_t twin_levels_count(const struct twin *twin);
tn_micros twin_reserved(const struct twin *twin, uint32_t account);
tn_i128 twin_free_equity(const struct twin *twin, uint32_t account);
tn_micros twin_reserve_per_lot(const struct twin *twin, const struct twin_series *series, int side,
                               tn_ticks price);
/* Of the orders in the book, first in priority on a side, or after one; NULL. */
struct twin_order *twin_first(const struct twin *twin, uint64_t series_id, int side);
struct twin_order *twin_after(const struct twin *twin, const struct twin_order *order);
/* Of the waiting stops of a side: first in line, or after one. */
struct twin_order *twin_first_stop(const struct twin *twin, uint64_t series_id, int side);
struct twin_order *twin_stop_after(const struct twin *twin, const struct twin_order *order);
bool twin_stop_reached(const struct twin *twin, const struct twin_series *series,
                       const struct twin_order *order);
bool twin_crossed(const struct twin *twin, uint64_t series_id);
struct twin_group *twin_group(const struct twin *twin, uint32_t account, uint8_t number);
bool twin_window_over(const struct twin *twin, const struct twin_group *group);
bool twin_frozen(const struct twin *twin, const struct twin_group *group);
/* The quotes of a group in the book, in joining order, after one that joined at `joined`. */
struct twin_order *twin_group_quote_after(const struct twin *twin, uint32_t account, uint8_t group,
                                          uint64_t joined);
bool twin_nonce_check(const struct twin_account *account, uint64_t nonce, enum tn_reject *reject);
void twin_nonce_consume(struct twin_account *account, uint64_t nonce);
struct twin_result *twin_result(const struct twin *twin, uint32_t account, uint64_t client_id);

/* ---- twin_match.c ------------------------------------------------------------------------------
 */
struct twin_trade {
    struct twin_series *series;
    tn_ticks price;
    tn_lots quantity;
    uint8_t taker_side, flags;
    uint32_t taker, maker; /* accounts */
    int32_t taker_fee_max, maker_fee_max;
    bool maker_pays_as_taker;
    uint64_t taker_id, maker_id;
    tn_lots taker_remaining, maker_remaining;
};
void twin_trade(struct twin *twin, const struct twin_trade *trade); /* §4.4 1-4 */
void twin_clip_reduce_only(struct twin *twin, const struct twin_series *series, uint32_t account);
void twin_fill(struct twin *twin, struct twin_order *taker, struct twin_order *maker,
               tn_ticks price, tn_lots quantity, uint8_t flags);
tn_lots twin_group_room(const struct twin *twin, const struct twin_order *quote);
void twin_release_exposure(struct twin *twin, struct twin_series *series, uint32_t account);
void twin_remove(struct twin *twin, struct twin_order *order);
void twin_cancel(struct twin *twin, struct twin_order *order, uint8_t reason);
struct twin_order *twin_enter(struct twin *twin, const struct twin_order *draft);
void twin_run(struct twin *twin, struct twin_order *taker, uint8_t flags, bool fifo);
void twin_rest(struct twin *twin, struct twin_order *order);
void twin_settle_funding(struct twin *twin, struct twin_series *series,
                         struct twin_exposure *exposure);

/* ---- twin_plan.c -------------------------------------------------------------------------------
 */
struct twin_plan_group {
    uint32_t account;
    uint8_t group;
    tn_lots quantity;
    uint32_t trades;
    tn_i128 delta, vega;           /* sums as a FOK would make them */
    tn_i128 delta_size, vega_size; /* sums of sizes, for packages */
};
struct twin_plan {
    uint32_t makers;
    bool full;
    bool package;
    struct twin_list groups;  /* struct twin_plan_group */
    struct twin_list counted; /* orders counted with a quantity, not reduce-only */
};
struct twin_level {
    tn_ticks price;
    tn_lots quantity;
    bool ended; /* the plan ended in this level */
};
void twin_plan_free(struct twin_plan *plan);
struct twin_level twin_plan_level(struct twin *twin, struct twin_plan *plan,
                                  const struct twin_order *taker, tn_ticks price, tn_lots wanted);
enum tn_reject twin_plan_fok(struct twin *twin, const struct twin_order *taker);

/* ---- twin_orders.c -----------------------------------------------------------------------------
 */
enum tn_reject twin_check_terms(const struct tn_order_terms *terms);
enum tn_reject twin_check_admitted(const struct twin *twin, const struct twin_series *series,
                                   enum tn_action action, bool can_rest);
enum tn_reject twin_check_fee(const struct twin *twin, uint64_t series_id, int32_t fee_max_ppm);
enum tn_reject twin_check_price(const struct twin *twin, const struct twin_series *series,
                                struct twin_order *draft, bool enters);
enum tn_reject twin_check_exposure(const struct twin *twin, const struct twin_series *series,
                                   uint32_t account, uint32_t asked);
enum tn_reject twin_check_entering(const struct twin *twin, const struct twin_series *series,
                                   struct twin_order *draft, const struct twin_order *self,
                                   tn_micros *shortfall); /* 14, 15, 16 */
bool twin_margin_ok(const struct twin *twin, uint32_t account, tn_i128 required,
                    tn_micros *shortfall);
void twin_run_and_rest(struct twin *twin, struct twin_order *order);
struct twin_outcome twin_place(struct twin *twin, uint32_t account,
                               const struct tn_command *command);
struct twin_outcome twin_place_oco(struct twin *twin, uint32_t account,
                                   const struct tn_command *command);
struct twin_outcome twin_replace(struct twin *twin, uint32_t account,
                                 const struct tn_command *command);
struct twin_outcome twin_cancel_command(struct twin *twin, uint32_t account,
                                        const struct tn_command *command);
struct twin_outcome twin_mass_cancel(struct twin *twin, uint32_t account,
                                     const struct tn_command *command);

/* ---- twin_quotes.c -----------------------------------------------------------------------------
 */
struct twin_outcome twin_mass_quote(struct twin *twin, uint32_t account,
                                    const struct tn_command *command);
struct twin_outcome twin_mmp(struct twin *twin, uint32_t account, const struct tn_command *command);
struct twin_order *twin_present_quote(const struct twin *twin, uint64_t series_id, uint32_t account,
                                      int side);

/* ---- twin_legs.c -------------------------------------------------------------------------------
 */
struct twin_outcome twin_package(struct twin *twin, uint32_t account,
                                 const struct tn_command *command);
struct twin_outcome twin_block_trade(struct twin *twin, uint32_t account,
                                     const struct tn_command *command);

/* ---- twin_entries.c ----------------------------------------------------------------------------
 */
struct twin_outcome twin_transfer(struct twin *twin, uint32_t account,
                                  const struct tn_command *command);
struct twin_outcome twin_withdraw(struct twin *twin, uint32_t account,
                                  const struct tn_command *command);
struct twin_outcome twin_entry(struct twin *twin, const struct tn_entry *entry);
void twin_set_status(struct twin *twin, struct twin_series *series, uint8_t status);

/* ---- twin_sweep.c ------------------------------------------------------------------------------
 */
void twin_sweep(struct twin *twin, uint32_t units);
enum tn_reject twin_uncross(struct twin *twin, uint64_t series_id);

#endif
