/* The demo's own header: one market, three accounts, and a log of what the exchange said.
 *
 * main.c is the session, feed.c hands entries to the exchange and checks every answer,
 * market.c knows the contracts and the marks, orders.c builds commands, print.c
 * makes text and tables. Everything printed comes from events and views of the library. */
#ifndef TENOR_NODE_DEMO_H
#define TENOR_NODE_DEMO_H

#include "tenor/exchange.h"

enum demo_account { NORTH = 0, SOUTH = 1, TAKER = 2, ACCOUNTS_COUNT = 3 };
enum { FILLS_MAX = 256, SERIES_MAX = 64, UNDERLYING = 1 };

struct demo_fill {
    struct tn_event event;
    uint32_t act;
    int64_t time_ms;
};

struct demo {
    struct tn_exchange *exchange;
    struct tn_exchange *shadow; /* fed the same entries, its hash tables seeded otherwise */
    struct tn_event *events;    /* of the last entry */
    struct tn_event *shadow_events;
    uint32_t events_max;
    uint32_t events_count;
    bool quiet;      /* print the summary only */
    bool terse;      /* do not print single events now */
    uint64_t height; /* of the last block */
    int64_t time_ms;
    uint64_t nonces[ACCOUNTS_COUNT];
    uint32_t act;
    struct demo_fill fills[FILLS_MAX];
    uint32_t fills_count;
    uint64_t entries_total;
    uint64_t events_total;
    uint32_t settlement_cancels_count;
    uint32_t refusals_count; /* commands that were meant to be refused, and were */
    /* Added up from events alone, and compared with the views at the end. */
    tn_micros cash[ACCOUNTS_COUNT];
    tn_micros fees[ACCOUNTS_COUNT];
    tn_micros paid_in[ACCOUNTS_COUNT]; /* deposits less withdrawals */
    tn_micros deposits, withdrawals;
};

/* ---- feed.c: entries in, answers checked ------------------------------------------------ */

void demo_start(struct demo *demo);
/* demo_entry applies an entry to both exchanges, asks them for the same events and every invariant,
 * and ends the program when anything in it was refused. */
void demo_entry(struct demo *demo, const struct tn_entry *entry);
/* demo_frame sends commands of one account; each must pass. */
void demo_frame(struct demo *demo, enum demo_account account, const struct tn_command *commands,
                uint32_t commands_count);
/* demo_refuse sends one command that must be refused with `reject`. */
void demo_refuse(struct demo *demo, enum demo_account account, const struct tn_command *command,
                 enum tn_reject reject);
/* demo_block moves time on; demo_sweep does waiting work, `units` at a time, and returns in how
 * many slices. */
void demo_block(struct demo *demo, int64_t time_ms);
uint32_t demo_sweep(struct demo *demo, uint32_t units);
/* demo_expect ends the program with exit code 1 when a belief of the script does not hold. */
void demo_expect(bool holds, const char *belief);
/* The last RESULT of the last entry. */
const struct tn_event *demo_result(const struct demo *demo);
/* How many events of a kind the last entry caused. */
uint32_t demo_events_of(const struct demo *demo, enum tn_event_kind kind);

/* ---- market.c: contracts, listing, marks ------------------------------------------------ */

enum demo_moment { AT_OPEN, AT_RALLY, AT_LAST_HOUR };

const struct tn_underlying *demo_underlying(void);
const struct tn_contract *demo_contract(uint64_t series_id);
/* demo_series is the id of a name; the name must be one ("BTC-PERP"). */
uint64_t demo_series(const char *name);
int64_t demo_time_ms(uint16_t year, uint8_t month, uint8_t day, uint32_t hour, uint32_t minute);
/* Each feeds the exchange: the underlying; what the listing rules ask for; the index price and the
 * marks of all that is listed; every series that still initializes is opened. */
void demo_define_underlying(struct demo *demo);
void demo_list_by_rule(struct demo *demo, enum demo_moment moment);
void demo_mark_series(struct demo *demo, enum demo_moment moment);
void demo_open_series(struct demo *demo);

/* ---- orders.c: commands ----------------------------------------------------------------- */

/* Prices in dollars per BTC, quantities in thousandths of a BTC: the two kinds of contract have
 * ticks and lots of their own, the script need not know. */
tn_ticks demo_ticks(uint64_t series_id, int64_t dollars);
tn_lots demo_lots(uint64_t series_id, int64_t milli);
struct tn_command demo_limit(const char *name, enum tn_side side, int64_t dollars, int64_t milli);
struct tn_command demo_market(const char *name, enum tn_side side, int64_t milli);
struct tn_command demo_protection(uint32_t trades_limit);
/* demo_quote_all quotes every active series around its mark in one command and returns the sides
 * that stand. */
uint32_t demo_quote_all(struct demo *demo, enum demo_account account);
/* demo_pull takes all quotes and orders of a maker out: north cancels its group and its ladder,
 * south all it has on BTC. */
void demo_pull(struct demo *demo, enum demo_account account, uint32_t label);
/* Five post-only orders a side on one series, in one frame, under a label. */
void demo_ladder(struct demo *demo, enum demo_account account, const char *name, uint32_t label);

/* ---- print.c: text ---------------------------------------------------------------------- */

struct demo_text {
    char text[48];
};
struct demo_text demo_name(uint64_t series_id);
struct demo_text demo_price(uint64_t series_id, tn_ticks price);
struct demo_text demo_quantity(uint64_t series_id, tn_lots lots);
struct demo_text demo_money(tn_micros micros);
struct demo_text demo_clock(int64_t time_ms);
const char *demo_account_name(uint32_t account);

/* These two are silent under --quiet. */
__attribute__((format(printf, 2, 3))) void demo_say(const struct demo *demo, const char *format,
                                                    ...);
void demo_act(struct demo *demo, const char *title);
void demo_print_events(const struct demo *demo);

/* ---- tables.c: tables ------------------------------------------------------------------- */

void demo_print_chain(const struct demo *demo);
void demo_print_book(const struct demo *demo, const char *name);
void demo_print_tape(const struct demo *demo);
void demo_print_balances(const struct demo *demo, const char *title);
void demo_print_positions(const struct demo *demo);
void demo_print_summary(const struct demo *demo);
/* Cash and positions at their marks. */
tn_micros demo_equity(const struct demo *demo, uint32_t account);

#endif
