/* exchange_trace: the events of the last entry, and the book, as text. A story test states the
 * whole trace it expects: what must not happen is stated too, by its absence.
 *
 *     place(BOB, limit(SELL, market.call, 1000, 3));
 *     EXPECT_EVENTS("accepted #2 bob sell 3 @ 1000",
 *                   "trade #2 bob sell 3 @ 1000 with #1 alice, left 0/2",
 *                   "ok #2 filled 3");
 *     EXPECT_BOOK(market.call, "1000 #1x2 |");
 *
 * The series is named only where it is not the usual call. Fees stand only where there are any. */
#ifndef EXCHANGE_TRACE_H
#define EXCHANGE_TRACE_H

#include <inttypes.h>

#include "exchange_commands.h"

#define TRACE_LINE 160

struct line {
    char text[TRACE_LINE];
    size_t used;
};

static inline void __attribute__((format(printf, 2, 3)))
add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(line->text + line->used, TRACE_LINE - line->used, format, arguments);
    va_end(arguments);
    assert_true(written >= 0 && (size_t)written < TRACE_LINE - line->used);
    line->used += (size_t)written;
}

static inline const char *trader_name(uint32_t account)
{
    static const char *const names[] = {"alice", "alice2", "bob", "carol", "dan"};
    if (account == TN_NONE) return "world";
    return account < TRADERS ? names[account] : "somebody";
}

static inline const char *side_name(uint8_t side)
{
    return side == TN_BUY ? "buy" : "sell";
}

static inline const char *reason_name(uint8_t reason)
{
    static const char *const names[] = {
        "no reason",   "request",    "mass cancel", "immediate", "self trade", "expired", "oco",
        "reduce only", "protection", "fill limit",  "requoted",  "settlement", "trigger", "auction",
    };
    return reason < sizeof names / sizeof names[0] ? names[reason] : "unknown reason";
}

static inline void add_series(struct line *line, uint64_t series)
{
    static const char symbols[1][TN_SYMBOL_SIZE] = {"BTC"};
    char name[TN_SERIES_NAME_SIZE];
    if (series == market.call) return;
    bool known = tn_series_name_format(name, series, symbols, 1);
    add(line, " in %s", known ? name : "no series");
}

static inline void add_flags(struct line *line, uint8_t flags)
{
    static const char *const names[] = {"stop", "kept", "package", "block", "auction", "repeated"};
    for (uint32_t i = 0; i < 6; i++) {
        if (flags >> i & 1) add(line, " %s", names[i]);
    }
}

static inline void add_result(struct line *line, const struct tn_event *event)
{
    if (event->duplicate) add(line, "again ");
    add(line, "%s",
        event->reject == TN_REJECT_NONE ? "ok" : tn_reject_name((enum tn_reject)event->reject));
    if (event->order_id != 0) add(line, " #%" PRIu64, event->order_id);
    if (event->quantity != 0) add(line, " filled %" PRId64, event->quantity);
    if (event->remaining != 0) add(line, " open %" PRId64, event->remaining);
    if (event->money != 0) add(line, " short %" PRId64, event->money);
}

static inline void add_trade(struct line *line, const struct tn_event *event)
{
    add(line, "trade #%" PRIu64 " %s %s %" PRId64 " @ %" PRId64 " with #%" PRIu64 " %s",
        event->order_id, trader_name(event->account), side_name(event->side), event->quantity,
        event->price, event->other_order_id, trader_name(event->other_account));
    add(line, ", left %" PRId64 "/%" PRId64, event->remaining, event->other_remaining);
    if (event->fee != 0 || event->other_fee != 0) {
        add(line, ", fees %" PRId64 "/%" PRId64, event->fee, event->other_fee);
    }
    add_flags(line, event->flags);
    add_series(line, event->series_id);
}

static inline void add_quoted(struct line *line, const struct tn_event *event)
{
    add(line, "quoted %" PRIu32 " %s", event->index / 2, event->side == TN_BUY ? "bid" : "ask");
    if (event->order_id != 0) add(line, " #%" PRIu64, event->order_id);
    if (event->reject != TN_REJECT_NONE) {
        add(line, " %s", tn_reject_name((enum tn_reject)event->reject));
    }
    if (event->price != 0) add(line, " @ %" PRId64, event->price);
    if (event->quantity != 0) add(line, " filled %" PRId64, event->quantity);
    if (event->remaining != 0) add(line, " open %" PRId64, event->remaining);
    assert_int_equal(event->index % 2, event->side);
}

/* Events about one order that carry its side. */
static inline void add_order(struct line *line, const struct tn_event *event, const char *what)
{
    add(line, "%s #%" PRIu64, what, event->order_id);
    switch ((enum tn_event_kind)event->kind) {
        case TN_EVENT_ACCEPTED:
            add(line, " %s %s %" PRId64 " @ %" PRId64, trader_name(event->account),
                side_name(event->side), event->quantity, event->price);
            break;
        case TN_EVENT_REPLACED:
            add(line, " %" PRId64 " @ %" PRId64, event->quantity, event->price);
            break;
        case TN_EVENT_CANCELLED:
            add(line, " %" PRId64 " %s", event->quantity, reason_name(event->reason));
            break;
        case TN_EVENT_REDUCED:
            add(line, " by %" PRId64 " to %" PRId64 " %s", event->quantity, event->remaining,
                reason_name(event->reason));
            break;
        case TN_EVENT_REFRESHED:
            add(line, " shows %" PRId64 " of %" PRId64, event->quantity, event->remaining);
            break;
        case TN_EVENT_TRIGGERED: add(line, " @ %" PRId64, event->price); break;
        case TN_EVENT_RESULT:
        case TN_EVENT_TRADE:
        case TN_EVENT_QUOTED:
        case TN_EVENT_PROTECTED:
        case TN_EVENT_STATUS:
        case TN_EVENT_LISTED:
        case TN_EVENT_SETTLED:
        case TN_EVENT_FUNDED:
        case TN_EVENT_MONEY:
        case TN_EVENT_OPENED:
        case TN_EVENT_UNCROSSED:
        case TN_EVENT_MARKED:
        case TN_EVENT_FEED:
        case TN_EVENT_LIQUIDATION:
        case TN_EVENT_SLICE:
        case TN_EVENT_SEIZED:
        case TN_EVENT_DELEVERAGED:
        case TN_EVENT_INSURANCE:
        case TN_EVENT_DEBT:
        case TN_EVENT_SOCIALISED:
        case TN_EVENT_RISK:
        case TN_EVENT_BORROWED:
        case TN_EVENT_CALLED:
        case TN_EVENT_REMITTED: fail();
    }
    if (event->reject != TN_REJECT_NONE) {
        add(line, " %s", tn_reject_name((enum tn_reject)event->reject));
    }
    add_flags(line, event->flags);
    add_series(line, event->series_id);
}

static inline struct line line_of(const struct tn_event *event)
{
    struct line line = {.used = 0};
    const char *name = trader_name(event->account);
    switch ((enum tn_event_kind)event->kind) {
        case TN_EVENT_RESULT: add_result(&line, event); return line;
        case TN_EVENT_ACCEPTED: add_order(&line, event, "accepted"); return line;
        case TN_EVENT_TRADE: add_trade(&line, event); return line;
        case TN_EVENT_CANCELLED: add_order(&line, event, "cancelled"); return line;
        case TN_EVENT_REDUCED: add_order(&line, event, "reduced"); return line;
        case TN_EVENT_REPLACED: add_order(&line, event, "replaced"); return line;
        case TN_EVENT_REFRESHED: add_order(&line, event, "refreshed"); return line;
        case TN_EVENT_TRIGGERED: add_order(&line, event, "triggered"); return line;
        case TN_EVENT_QUOTED: add_quoted(&line, event); break;
        case TN_EVENT_PROTECTED:
            add(&line, "protected %s group %" PRIu32 " quotes %" PRId64, name, event->index,
                event->quantity);
            return line;
        case TN_EVENT_STATUS:
            add(&line, "status %s, was %s", tn_status_name((enum tn_status)event->index),
                tn_status_name((enum tn_status)event->other_index));
            break;
        case TN_EVENT_LISTED:
            add(&line, "listed %s", tn_status_name((enum tn_status)event->index));
            break;
        case TN_EVENT_MARKED:
        case TN_EVENT_FEED:
        case TN_EVENT_LIQUIDATION:
        case TN_EVENT_SLICE:
        case TN_EVENT_SEIZED:
        case TN_EVENT_DELEVERAGED:
        case TN_EVENT_INSURANCE:
        case TN_EVENT_DEBT:
        case TN_EVENT_SOCIALISED:
        case TN_EVENT_RISK:
        case TN_EVENT_BORROWED:
        case TN_EVENT_CALLED:
        case TN_EVENT_REMITTED:
            add(&line, "risk event %" PRIu32, (uint32_t)event->kind); /* their tests read fields */
            return line;
        case TN_EVENT_SETTLED:
            add(&line, "settled %s %" PRId64 " for %" PRId64, name, event->quantity, event->money);
            break;
        case TN_EVENT_FUNDED:
            add(&line, "funded %s %" PRId64 " pays %" PRId64, name, event->quantity, event->money);
            break;
        case TN_EVENT_MONEY:
            add(&line, "money %s %s asset %" PRIu32 " %" PRId64, name,
                trader_name(event->other_account), event->index, event->money);
            return line;
        case TN_EVENT_OPENED: add(&line, "opened %s", name); return line;
        case TN_EVENT_UNCROSSED:
            add(&line, "uncrossed %" PRId64 " @ %" PRId64, event->quantity, event->price);
            if (event->index != 0) add(&line, " round %" PRIu32, event->index);
            break;
    }
    add_flags(&line, event->flags);
    add_series(&line, event->series_id);
    return line;
}

static inline void expect_events(const char *const *lines, size_t lines_count, const char *file,
                                 int line_number)
{
    bool equal = lines_count == market.count;
    for (size_t i = 0; equal && i < lines_count; i++)
        equal = strcmp(line_of(&market.events[i]).text, lines[i]) == 0;
    if (equal) return;
    print_error("%s:%d: the events were\n", file, line_number);
    for (uint32_t i = 0; i < market.count; i++)
        print_error("    %s\n", line_of(&market.events[i]).text);
    _fail(file, line_number);
}

#define EXPECT_EVENTS(...)                                                                         \
    do {                                                                                           \
        const char *const lines_[] = {__VA_ARGS__};                                                \
        expect_events(lines_, sizeof lines_ / sizeof lines_[0], __FILE__, __LINE__);               \
    } while (0)

#define EXPECT_NO_EVENTS() expect_events(NULL, 0, __FILE__, __LINE__)

static inline void add_side(struct line *line, uint32_t book, enum tn_side side)
{
    struct tn_books *books = (struct tn_books *)(uintptr_t)tn_exchange_books(market.exchange);
    const struct tn_resting *resting = tn_book_resting(books);
    tn_ticks price = 0;
    for (uint32_t slot = tn_book_front(books, book, side); slot != TN_NONE;
         slot = tn_book_after(books, slot)) {
        if (resting[slot].price != price) {
            price = resting[slot].price;
            add(line, "%s%" PRId64, line->used > 0 ? " " : "", price);
        }
        add(line, " #%" PRIu64 "x%" PRId64, resting[slot].id, resting[slot].quantity);
    }
}

/* Bids, best first, a bar, asks: each level its price and the visible orders in priority order. */
static inline void expect_book(uint64_t series, const char *expected, const char *file,
                               int line_number)
{
    struct line line = {.used = 0};
    uint32_t book = series_view(series).book;
    add_side(&line, book, TN_BUY);
    add(&line, line.used > 0 ? " |" : "|");
    add_side(&line, book, TN_SELL);
    if (strcmp(line.text, expected) == 0) return;
    print_error("%s:%d: the book was\n    %s\n", file, line_number, line.text);
    _fail(file, line_number);
}

#define EXPECT_BOOK(series, text) expect_book(series, text, __FILE__, __LINE__)

#endif
