/* The demo's tables: chain, book, tape, balances, positions, and the summary that closes it. All of
 * it is read from the views; the summary compares them with what the events added up to. */
#include "demo.h"

#include <stdio.h>

enum { DEPTH_MAX = 8 };

static const char *const house_names[TN_HOUSE_COUNT] = {"external", "fees", "insurance", "clearing",
                                                        "funding"};

/* ---- The chain ---- */

static struct demo_text dollars_of_mark(const struct tn_series_view *view)
{
    const struct tn_contract *contract = demo_contract(view->id);
    tn_micros lots_per_unit = 1000000 / (contract->lot_micro_units * contract->multiplier);
    return demo_money(view->mark_micros * lots_per_unit);
}

struct top {
    struct demo_text bid, bid_size, ask, ask_size, mark, delta;
    tn_lots open_interest;
};

static void read_side(const struct demo *demo, struct demo_text *price, struct demo_text *size,
                      const struct tn_series_view *view, enum tn_side side)
{
    struct tn_book_level best;
    const struct tn_books *books = tn_exchange_books(demo->exchange);
    if (tn_book_depth(books, &best, 1, view->book, side) == 0) {
        *price = *size = (struct demo_text){"-"};
        return;
    }
    *price = demo_price(view->id, best.price);
    *size = demo_quantity(view->id, best.quantity);
}

static struct top read_top(const struct demo *demo, uint64_t id)
{
    struct tn_series_view view;
    struct top top = {{"-"}, {"-"}, {"-"}, {"-"}, {"-"}, {"-"}, 0};
    if (!tn_exchange_series(demo->exchange, &view, id)) return top;
    read_side(demo, &top.bid, &top.bid_size, &view, TN_BUY);
    read_side(demo, &top.ask, &top.ask_size, &view, TN_SELL);
    top.mark = dollars_of_mark(&view);
    snprintf(top.delta.text, sizeof top.delta.text, "%.2f", view.delta_ppb / 1e9);
    top.open_interest = view.open_interest;
    return top;
}

static void print_chain_row(const struct demo *demo, uint64_t call_id)
{
    struct tn_series_terms terms;
    bool valid = tn_series_unpack(&terms, call_id);
    TN_ASSERT(valid && terms.kind == TN_CALL);
    terms.kind = TN_PUT;
    uint64_t put_id;
    bool possible = tn_series_pack(&put_id, &terms);
    TN_ASSERT(possible);
    struct top call = read_top(demo, call_id), put = read_top(demo, put_id);
    printf("  %5s %6s %8s | %5s %6s %6s %5s | %7llu | %5s %6s %6s %5s | %6s %8s %5s\n",
           demo_quantity(call_id, call.open_interest).text, call.delta.text, call.mark.text,
           call.bid_size.text, call.bid.text, call.ask.text, call.ask_size.text,
           (unsigned long long)(terms.strike / TN_STRIKE_UNITS), put.bid_size.text, put.bid.text,
           put.ask.text, put.ask_size.text, put.delta.text, put.mark.text,
           demo_quantity(put_id, put.open_interest).text);
}

void demo_print_chain(const struct demo *demo)
{
    if (demo->quiet) return;
    uint64_t ids[SERIES_MAX];
    uint32_t count = tn_exchange_series_ids(demo->exchange, ids, SERIES_MAX);
    printf("\n  BTC options, 25DEC26; prices in dollars, sizes and open interest (OI) in BTC\n");
    printf("  %-21s   %-26s   %-7s   %-26s   %21s\n", "calls", "", "", "", "puts");
    printf("  %5s %6s %8s | %5s %6s %6s %5s | %7s | %5s %6s %6s %5s | %6s %8s %5s\n", "OI", "delta",
           "mark", "size", "bid", "ask", "size", "strike", "size", "bid", "ask", "size", "delta",
           "mark", "OI");
    printf("  ----------------------+----------------------------+---------+--"
           "--------------------------+----------------------\n");
    for (uint32_t i = 0; i < count; i++) {
        if (tn_series_kind(ids[i]) == TN_CALL) print_chain_row(demo, ids[i]);
    }
    printf("\n  %-20s %8s %10s %10s %8s | %10s %10s\n", "future, perpetual", "size", "bid", "ask",
           "size", "mark", "OI");
    for (uint32_t i = 0; i < count; i++) {
        if (tn_series_is_option(ids[i])) continue;
        struct top top = read_top(demo, ids[i]);
        printf("  %-20s %8s %10s %10s %8s | %10s %10s\n", demo_name(ids[i]).text, top.bid_size.text,
               top.bid.text, top.ask.text, top.ask_size.text, top.mark.text,
               demo_quantity(ids[i], top.open_interest).text);
    }
    printf("\n");
}

/* ---- A book ---- */

void demo_print_book(const struct demo *demo, const char *name)
{
    if (demo->quiet) return;
    uint64_t id = demo_series(name);
    struct tn_series_view view;
    bool listed = tn_exchange_series(demo->exchange, &view, id);
    TN_ASSERT(listed);
    struct tn_book_level levels[2][DEPTH_MAX];
    uint32_t counts[2];
    for (uint32_t side = TN_BUY; side <= TN_SELL; side++) {
        counts[side] = tn_book_depth(tn_exchange_books(demo->exchange), levels[side], DEPTH_MAX,
                                     view.book, (enum tn_side)side);
    }
    printf("\n  the book of %s, mark %s\n", name, dollars_of_mark(&view).text);
    printf("  %6s %8s %8s | %-8s %-8s %-6s\n", "orders", "size", "bid", "ask", "size", "orders");
    printf("  -------------------------+-------------------------\n");
    for (uint32_t i = 0; i < counts[TN_BUY] || i < counts[TN_SELL]; i++) {
        const struct tn_book_level *bid = &levels[TN_BUY][i], *ask = &levels[TN_SELL][i];
        if (i < counts[TN_BUY]) {
            printf("  %6u %8s %8s |", bid->orders, demo_quantity(id, bid->quantity).text,
                   demo_price(id, bid->price).text);
        } else {
            printf("  %24s |", "");
        }
        if (i < counts[TN_SELL]) {
            printf(" %-8s %-8s %u", demo_price(id, ask->price).text,
                   demo_quantity(id, ask->quantity).text, ask->orders);
        }
        printf("\n");
    }
    printf("\n");
}

/* ---- The tape ---- */

void demo_print_tape(const struct demo *demo)
{
    if (demo->quiet) return;
    printf("  %3s %3s  %-16s %-20s %-6s %-5s %8s %9s  %-6s %10s %10s  %s\n", "no.", "act", "time",
           "series", "taker", "side", "quantity", "price", "maker", "taker fee", "maker fee", "as");
    for (uint32_t i = 0; i < demo->fills_count; i++) {
        const struct tn_event *event = &demo->fills[i].event;
        const char *kind = event->flags & TN_EVENT_PACKAGE ? "package"
                           : event->flags & TN_EVENT_BLOCK ? "block"
                                                           : "book";
        printf("  %3u %3u  %-16s %-20s %-6s %-5s %8s %9s  %-6s %10s %10s  %s\n", i + 1,
               demo->fills[i].act, demo_clock(demo->fills[i].time_ms).text,
               demo_name(event->series_id).text, demo_account_name(event->account),
               event->side == TN_BUY ? "buys" : "sells",
               demo_quantity(event->series_id, event->quantity).text,
               demo_price(event->series_id, event->price).text,
               demo_account_name(event->other_account), demo_money(event->fee).text,
               demo_money(event->other_fee).text, kind);
    }
    printf("\n");
}

/* ---- Balances and positions ---- */

static tn_micros value_at_marks(const struct demo *demo, uint32_t account)
{
    uint64_t ids[SERIES_MAX];
    uint32_t count = tn_exchange_series_ids(demo->exchange, ids, SERIES_MAX);
    tn_micros value = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view;
        bool listed = tn_exchange_series(demo->exchange, &view, ids[i]);
        TN_ASSERT(listed);
        tn_lots quantity = tn_exchange_position(demo->exchange, account, ids[i]).quantity;
        if (quantity != 0) value += quantity * view.mark_micros;
    }
    return value;
}

tn_micros demo_equity(const struct demo *demo, uint32_t account)
{
    return tn_ledger_cash(tn_exchange_ledger(demo->exchange), account) +
           value_at_marks(demo, account);
}

void demo_print_balances(const struct demo *demo, const char *title)
{
    if (demo->quiet) return;
    printf("\n  %s\n", title);
    printf("  %-8s %13s %13s %13s %12s %13s %13s %11s %7s\n", "account", "cash", "at marks",
           "equity", "profit", "reserved", "free equity", "fees paid", "orders");
    for (uint32_t i = 0; i < tn_exchange_accounts_count(demo->exchange); i++) {
        struct tn_account_view view;
        bool exists = tn_exchange_account(demo->exchange, &view, i);
        TN_ASSERT(exists);
        printf("  %-8s %13s %13s %13s %12s %13s %13s %11s %7u\n", demo_account_name(i),
               demo_money(view.cash).text, demo_money(value_at_marks(demo, i)).text,
               demo_money(demo_equity(demo, i)).text,
               demo_money(demo_equity(demo, i) - demo->paid_in[i]).text,
               demo_money(view.reserved).text, demo_money(view.free_equity).text,
               demo_money(demo->fees[i]).text, view.orders_count);
    }
    const struct tn_ledger *ledger = tn_exchange_ledger(demo->exchange);
    for (uint32_t i = 0; i < TN_HOUSE_COUNT; i++) {
        tn_micros cash = tn_ledger_cash(ledger, TN_PARTY_HOUSE(i));
        if (cash != 0) printf("  %-9s %12s\n", house_names[i], demo_money(cash).text);
    }
    printf("  %-9s %12s\n\n", "sum",
           demo_money((tn_micros)tn_ledger_sum(ledger, ACCOUNTS_COUNT)).text);
}

void demo_print_positions(const struct demo *demo)
{
    if (demo->quiet) return;
    uint64_t ids[SERIES_MAX];
    uint32_t count = tn_exchange_series_ids(demo->exchange, ids, SERIES_MAX);
    uint32_t held_count = 0;
    printf("  %-20s %10s %10s %10s %10s %12s  %s\n", "position, in BTC", "north", "south", "taker",
           "sum", "mark", "status");
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view;
        bool listed = tn_exchange_series(demo->exchange, &view, ids[i]);
        TN_ASSERT(listed);
        tn_lots sum = 0;
        bool held = false;
        for (uint32_t account = 0; account < ACCOUNTS_COUNT; account++) {
            tn_lots quantity = tn_exchange_position(demo->exchange, account, ids[i]).quantity;
            sum += quantity;
            held = held || quantity != 0;
        }
        demo_expect(sum == 0, "the positions of a series add up to zero");
        if (!held) continue;
        held_count++;
        printf("  %-20s", demo_name(ids[i]).text);
        for (uint32_t account = 0; account < ACCOUNTS_COUNT; account++) {
            tn_lots quantity = tn_exchange_position(demo->exchange, account, ids[i]).quantity;
            printf(" %10s", demo_quantity(ids[i], quantity).text);
        }
        printf(" %10s %12s  %s\n", demo_quantity(ids[i], sum).text, dollars_of_mark(&view).text,
               tn_status_name(view.status));
    }
    if (held_count == 0) printf("  nobody holds one\n");
    printf("\n");
}

/* ---- The summary ---- */

static void check_books_of_money(const struct demo *demo, tn_micros accounts_cash)
{
    const struct tn_ledger *ledger = tn_exchange_ledger(demo->exchange);
    tn_micros fees = 0;
    for (uint32_t i = 0; i < ACCOUNTS_COUNT; i++) {
        fees += demo->fees[i];
        demo_expect(demo->cash[i] == tn_ledger_cash(ledger, i),
                    "cash added up from events is the cash of the account");
    }
    demo_expect(fees == tn_ledger_cash(ledger, TN_PARTY_HOUSE(TN_HOUSE_FEES)),
                "fees added up from events are the house's fees");
    demo_expect(tn_ledger_cash(ledger, TN_PARTY_HOUSE(TN_HOUSE_CLEARING)) == 0,
                "clearing is empty when nothing settles");
    tn_micros house = 0;
    for (uint32_t house_account = TN_HOUSE_FEES; house_account < TN_HOUSE_COUNT; house_account++) {
        house += tn_ledger_cash(ledger, TN_PARTY_HOUSE(house_account));
    }
    demo_expect(accounts_cash + house == demo->deposits - demo->withdrawals,
                "what the exchange holds is what came in less what went out");
    demo_expect(tn_ledger_sum(ledger, ACCOUNTS_COUNT) == 0, "cash adds up to zero exactly");
}

void demo_print_summary(const struct demo *demo)
{
    const struct tn_ledger *ledger = tn_exchange_ledger(demo->exchange);
    tn_micros accounts_cash = 0;
    for (uint32_t i = 0; i < ACCOUNTS_COUNT; i++)
        accounts_cash += tn_ledger_cash(ledger, i);
    check_books_of_money(demo, accounts_cash);
    uint64_t digest = tn_exchange_digest(demo->exchange);
    demo_expect(digest == tn_exchange_digest(demo->shadow), "both exchanges are in one state");

    printf("Summary\n\n");
    printf("  entries       %llu applied, %llu events, each the same from a second exchange with"
           " another hash seed\n",
           (unsigned long long)demo->entries_total, (unsigned long long)demo->events_total);
    printf("  fills         %u\n", demo->fills_count);
    printf("  refusals      %u, all meant\n", demo->refusals_count);
    printf("  cash          accounts %s", demo_money(accounts_cash).text);
    for (uint32_t i = TN_HOUSE_FEES; i < TN_HOUSE_COUNT; i++) {
        printf(" + %s %s", house_names[i],
               demo_money(tn_ledger_cash(ledger, TN_PARTY_HOUSE(i))).text);
    }
    printf("\n");
    printf("  came in       deposits %s - withdrawals %s = %s\n", demo_money(demo->deposits).text,
           demo_money(demo->withdrawals).text, demo_money(demo->deposits - demo->withdrawals).text);
    printf("  conservation  sum of all cash, the world's side included: %lld micros\n",
           (long long)tn_ledger_sum(ledger, ACCOUNTS_COUNT));
    printf("  digest        %016llx\n", (unsigned long long)digest);
}
