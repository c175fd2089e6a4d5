/* tui_draw: the screen: a line about the net, the chain on the left, the selected book on the
 * right, the account below. What does not fit is cut; nothing scrolls but the chain. */
#include "tui.h"

#include <inttypes.h>
#include <ncurses.h>
#include <stdarg.h>
#include <string.h>

enum {
    ACCOUNT_LINES = 10,
    CELL = 12,
    BOOK_WIDTH = 28,
    WIDE = 102,  /* columns from which everything is shown */
    NARROW = 77, /* and from which a book has its place */
};

/* Where things stand. A narrow screen has no mark, no volatility and no place in the queue of
 * deleveraging, and shorter amounts. */
struct layout {
    int name, ask, mark, iv, delta, book, money, positions, quantity, value,
        adl; /* -1: not shown */
};
static struct layout layout_of(int columns)
{
    if (columns >= WIDE) return (struct layout){22, 34, 46, 58, 66, 74, 20, 46, 10, 14, 96};
    const int book = columns >= NARROW ? 49 : -1;
    return (struct layout){20, 30, -1, -1, 40, book, 14, 38, 8, 12, -1};
}

/* What is beyond the last column is cut; ncurses would go on in the next line. */
static void put(int line, int column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put(int line, int column, const char *format, ...)
{
    char text[256];
    va_list values;
    if (column < 0 || column >= COLS) return;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    mvaddnstr(line, column, text, COLS - column);
}

static void cell(int line, int column, const char *text)
{
    put(line, column, "%*.*s", CELL - 2, CELL - 2, text);
}

static void price(int line, int column, const struct instrument *instrument, tn_ticks ticks,
                  bool is_there)
{
    char text[DECIMAL_SIZE];
    cell(line, column, is_there ? instrument_price_text(text, instrument, ticks) : "-");
}

static void money_line(int line, int width, const char *name, tn_micros micros)
{
    char text[DECIMAL_SIZE];
    put(line, 0, "%-20s %*s", name, width, decimal_format(text, micros, 6, 2));
}

static void draw_row(const struct tui *tui, const struct layout *at, int line, uint32_t index)
{
    const struct tui_row *row = &tui->rows[index];
    const struct tn_ticker *ticker = &row->ticker;
    char text[DECIMAL_SIZE];
    bool is_known = ticker->series_id != 0;
    if (index == tui->selected) attron(A_REVERSE);
    put(line, 0, "%-*.*s", at->name, at->name, row->instrument->name);
    const struct tn_ticker *best = tui_best(row);
    price(line, at->name, row->instrument, best->bid_price, best->bid_quantity > 0);
    price(line, at->ask, row->instrument, best->ask_price, best->ask_quantity > 0);
    tn_micros mark = instrument_of_unit(row->instrument, ticker->mark_micros);
    /* Two decimals are what an eye takes in; the commands print all. */
    cell(line, at->mark, is_known ? decimal_format(text, mark / 10000, 2, 2) : "-");
    bool is_option = is_known && tn_series_is_option(ticker->series_id);
    put(line, at->iv, "%7.7s", is_option ? decimal_format(text, ticker->iv_ppm / 1000, 1, 1) : "-");
    put(line, at->delta, "%6.6s",
        is_option ? decimal_format(text, ticker->delta_ppb / 10000000, 2, 2) : "-");
    attroff(A_REVERSE);
}

static void draw_chain(const struct tui *tui, const struct layout *at, int first, int lines)
{
    attron(A_BOLD);
    put(first, 0, "SERIES");
    cell(first, at->name, "BID");
    cell(first, at->ask, "ASK");
    cell(first, at->mark, "MARK");
    put(first, at->iv, "%7s", "IV %");
    put(first, at->delta, "%6s", "DELTA");
    attroff(A_BOLD);
    uint32_t shown = lines > 1 ? (uint32_t)lines - 1 : 0;
    uint32_t from = tui->selected >= shown && shown > 0 ? tui->selected - shown + 1 : 0;
    for (uint32_t i = 0; i < shown && from + i < tui->rows_count; i++)
        draw_row(tui, at, first + 1 + (int)i, from + i);
}

static void draw_level(int line, int column, const struct instrument *instrument,
                       const struct tn_level *level, const char *side)
{
    char text[DECIMAL_SIZE], other[DECIMAL_SIZE];
    put(line, column, "%-4s %12.12s %10.10s", side,
        instrument_price_text(text, instrument, level->price),
        instrument_quantity_text(other, instrument, level->quantity));
}

/* Asks above bids, the best of both in the middle. */
static void draw_book(const struct tui *tui, int column, int first, int lines)
{
    const struct tn_client_book *book = tui_book(tui);
    if (tui->rows_count == 0 || column < 0) return;
    const struct instrument *instrument = tui->rows[tui->selected].instrument;
    attron(A_BOLD);
    const char *kind = !book->is_good ? "" : book->is_soft ? "soft" : "final";
    put(first, column, "%.*s %s", BOOK_WIDTH - 6, instrument->name, kind);
    attroff(A_BOLD);
    if (!book->is_good || book->series_id != instrument->series_id) return;
    int half = (lines - 1) / 2;
    for (int i = 0; i < half; i++) {
        if ((uint32_t)i < book->counts[TN_SELL]) {
            draw_level(first + half - i, column, instrument, &book->sides[TN_SELL][i], "ask");
        }
        if ((uint32_t)i < book->counts[TN_BUY]) {
            draw_level(first + half + 1 + i, column, instrument, &book->sides[TN_BUY][i], "bid");
        }
    }
}

static void draw_positions(const struct tui *tui, const struct layout *at, int first, int lines)
{
    char quantity[DECIMAL_SIZE], value[DECIMAL_SIZE];
    attron(A_BOLD);
    put(first, at->positions, "%-*s %*s %*s", at->name, "POSITION", at->quantity, "QUANTITY",
        at->value, "VALUE");
    put(first, at->adl, "ADL");
    attroff(A_BOLD);
    for (int i = 0; i + 1 < lines && (uint32_t)i < tui->positions_count; i++) {
        const struct tn_position_state *one = &tui->positions[i];
        const struct instrument *instrument =
            instruments_by_id(&tui->thin->instruments, one->series_id);
        if (instrument == NULL) continue;
        put(first + 1 + i, at->positions, "%-*.*s %*s %*s", at->name, at->name, instrument->name,
            at->quantity, instrument_quantity_text(quantity, instrument, one->quantity), at->value,
            decimal_format(value, one->value_micros / 10000, 2, 2));
        const uint32_t lamps = tn_position_lamps(one);
        if (lamps > 0) put(first + 1 + i, at->adl, "%" PRIu32 "/5", lamps);
    }
}

static void draw_account(const struct tui *tui, const struct layout *at, int first)
{
    mvhline(first, 0, ACS_HLINE, COLS);
    if (!tui->has_account) {
        put(first + 1, 0, "no session of this key here: tenor faucet, or tenor session new");
        return;
    }
    if (!tui->has_account_state) return;
    attron(A_BOLD);
    put(first + 1, 0, "ACCOUNT %" PRIu32 "  orders %" PRIu32, tui->state.account,
        tui->state.orders_count);
    attroff(A_BOLD);
    money_line(first + 2, at->money, "cash", tui->state.cash_micros);
    money_line(first + 3, at->money, "equity", tui->state.equity_micros);
    money_line(first + 4, at->money, "initial margin", tui->state.initial_micros);
    money_line(first + 5, at->money, "maintenance margin", tui->state.maintenance_micros);
    money_line(first + 6, at->money, "free", tui->state.free_micros);
    draw_positions(tui, at, first + 1, ACCOUNT_LINES - 2);
}

void tui_draw(const struct tui *tui)
{
    char time[OUTPUT_TIME_SIZE];
    const struct tn_client *client = tui->thin->client;
    const struct layout at = layout_of(COLS);
    int account = LINES - ACCOUNT_LINES, lines = account - 2;
    erase();
    attron(A_BOLD);
    const bool is_soft = tui->rows_count > 0 && tui_best(&tui->rows[tui->selected])->is_soft;
    put(0, 0, "Tenor  market %" PRIu32 "  block %" PRIu64 "  %s  %s", thin_market(tui->thin),
        tn_client_height(client), output_time_text(time, (int64_t)tn_client_time_ms(client)),
        !tui->is_connected ? "not connected"
        : is_soft          ? "soft prices"
                           : "final prices");
    attroff(A_BOLD);
    if (lines > 2) {
        draw_chain(tui, &at, 1, lines);
        draw_book(tui, at.book, 1, lines);
    } else {
        put(1, 0, "needs %d lines more", 3 - lines);
    }
    if (account > 1) draw_account(tui, &at, account);
    put(LINES - 1, 0, "up down page: select   q: quit   %s", tui->message);
}
