/* tui_draw: the screen: a line about the net, the chain on the left, the selected book on the
 * right, the account below. What does not fit is cut; nothing scrolls but the chain. */
#include "tui.h"

#include <inttypes.h>
#include <ncurses.h>
#include <string.h>

enum { CHAIN_WIDTH = 72, ACCOUNT_LINES = 10, BOOK_COLUMN = CHAIN_WIDTH + 2, CELL = 12 };

static void cell(int line, int column, const char *text)
{
    mvprintw(line, column, "%*.*s", CELL - 2, CELL - 2, text);
}

static void price(int line, int column, const struct instrument *instrument, tn_ticks ticks,
                  bool is_there)
{
    char text[DECIMAL_SIZE];
    cell(line, column, is_there ? instrument_price_text(text, instrument, ticks) : "-");
}

static void money_line(int line, int column, const char *name, tn_micros micros)
{
    char text[DECIMAL_SIZE];
    mvprintw(line, column, "%-20s %20s", name, decimal_format(text, micros, 6, 2));
}

static void draw_row(const struct tui *tui, int line, uint32_t index)
{
    const struct tui_row *row = &tui->rows[index];
    const struct tn_ticker *ticker = &row->ticker;
    char text[DECIMAL_SIZE];
    bool is_known = ticker->series_id != 0;
    if (index == tui->selected) attron(A_REVERSE);
    mvprintw(line, 0, "%-22.22s", row->instrument->name);
    price(line, 22, row->instrument, ticker->bid_price, ticker->bid_quantity > 0);
    price(line, 22 + CELL, row->instrument, ticker->ask_price, ticker->ask_quantity > 0);
    tn_micros mark = instrument_of_unit(row->instrument, ticker->mark_micros);
    /* Two decimals are what an eye takes in; the commands print all. */
    cell(line, 22 + 2 * CELL, is_known ? decimal_format(text, mark / 10000, 2, 2) : "-");
    bool is_option = is_known && tn_series_is_option(ticker->series_id);
    mvprintw(line, 22 + 3 * CELL, "%7.7s",
             is_option ? decimal_format(text, ticker->iv_ppm / 1000, 1, 1) : "-");
    mvprintw(line, 30 + 3 * CELL, "%6.6s",
             is_option ? decimal_format(text, ticker->delta_ppb / 10000000, 2, 2) : "-");
    attroff(A_REVERSE);
}

static void draw_chain(const struct tui *tui, int first, int lines)
{
    attron(A_BOLD);
    mvprintw(first, 0, "%-22s%10s  %10s  %10s  %7s %6s", "SERIES", "BID", "ASK", "MARK", "IV %",
             "DELTA");
    attroff(A_BOLD);
    uint32_t shown = lines > 1 ? (uint32_t)lines - 1 : 0;
    uint32_t from = tui->selected >= shown && shown > 0 ? tui->selected - shown + 1 : 0;
    for (uint32_t i = 0; i < shown && from + i < tui->rows_count; i++)
        draw_row(tui, first + 1 + (int)i, from + i);
}

static void draw_level(int line, const struct instrument *instrument, const struct tn_level *level,
                       const char *side)
{
    char text[DECIMAL_SIZE], other[DECIMAL_SIZE];
    mvprintw(line, BOOK_COLUMN, "%-4s %12.12s %10.10s", side,
             instrument_price_text(text, instrument, level->price),
             instrument_quantity_text(other, instrument, level->quantity));
}

/* Asks above bids, the best of both in the middle. */
static void draw_book(const struct tui *tui, int first, int lines)
{
    const struct tn_client_book *book = &tui->book;
    if (tui->rows_count == 0) return;
    const struct instrument *instrument = tui->rows[tui->selected].instrument;
    attron(A_BOLD);
    mvprintw(first, BOOK_COLUMN, "%.28s", instrument->name);
    attroff(A_BOLD);
    if (!book->is_good || book->series_id != instrument->series_id) return;
    int half = (lines - 1) / 2;
    for (int i = 0; i < half; i++) {
        if ((uint32_t)i < book->counts[TN_SELL]) {
            draw_level(first + half - i, instrument, &book->sides[TN_SELL][i], "ask");
        }
        if ((uint32_t)i < book->counts[TN_BUY]) {
            draw_level(first + half + 1 + i, instrument, &book->sides[TN_BUY][i], "bid");
        }
    }
}

static void draw_positions(const struct tui *tui, int first, int lines)
{
    char quantity[DECIMAL_SIZE], value[DECIMAL_SIZE];
    attron(A_BOLD);
    mvprintw(first, 46, "%-22s %10s %14s", "POSITION", "QUANTITY", "VALUE");
    attroff(A_BOLD);
    for (int i = 0; i + 1 < lines && (uint32_t)i < tui->positions_count; i++) {
        const struct tn_position_state *one = &tui->positions[i];
        const struct instrument *instrument =
            instruments_by_id(&tui->thin->instruments, one->series_id);
        if (instrument == NULL) continue;
        mvprintw(first + 1 + i, 46, "%-22.22s %10.10s %14.14s", instrument->name,
                 instrument_quantity_text(quantity, instrument, one->quantity),
                 decimal_format(value, one->value_micros / 10000, 2, 2));
    }
}

static void draw_account(const struct tui *tui, int first)
{
    mvhline(first, 0, ACS_HLINE, COLS);
    if (!tui->has_account) {
        mvprintw(first + 1, 0, "no session of this key here: tenor faucet, or tenor session new");
        return;
    }
    if (!tui->has_account_state) return;
    attron(A_BOLD);
    mvprintw(first + 1, 0, "ACCOUNT %" PRIu32 "  orders %" PRIu32, tui->state.account,
             tui->state.orders_count);
    attroff(A_BOLD);
    money_line(first + 2, 0, "cash", tui->state.cash_micros);
    money_line(first + 3, 0, "equity", tui->state.equity_micros);
    money_line(first + 4, 0, "initial margin", tui->state.initial_micros);
    money_line(first + 5, 0, "maintenance margin", tui->state.maintenance_micros);
    money_line(first + 6, 0, "free", tui->state.free_micros);
    draw_positions(tui, first + 1, ACCOUNT_LINES - 2);
}

void tui_draw(const struct tui *tui)
{
    char time[OUTPUT_TIME_SIZE];
    const struct tn_client *client = tui->thin->client;
    int account = LINES - ACCOUNT_LINES, lines = account - 2;
    erase();
    attron(A_BOLD);
    mvprintw(0, 0, "Tenor  market %" PRIu32 "  block %" PRIu64 "  %s  %s", thin_market(tui->thin),
             tn_client_height(client), output_time_text(time, (int64_t)tn_client_time_ms(client)),
             tui->is_connected ? "" : "not connected");
    attroff(A_BOLD);
    if (lines > 2) {
        draw_chain(tui, 1, lines);
        draw_book(tui, 1, lines);
    }
    if (account > 1) draw_account(tui, account);
    mvprintw(LINES - 1, 0, "up down page: select   q: quit   %.*s", COLS > 40 ? COLS - 40 : 0,
             tui->message);
}
