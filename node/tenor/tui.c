/* tenor tui: what the market does and what one has in it, live on the terminal.
 *
 * It only looks: nothing that it knows can send an order. Tickers of all series and the book of the
 * selected one come by subscription, the account is asked for once a second; after a disconnect the
 * client library subscribes anew at another node, and the screen says so.
 *
 * Best prices and the book are shown as the leader's desk has them, and said to be soft; what
 * blocks have is kept beside it, and shown while nobody tells what is soft. The client follows the
 * leader; where a node was named it stays there, and is told what is soft while that one leads. */
#include "tui.h"

#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TURN_MS = 100, ASK_MS = 1000, PAGE = 10 };

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

/* ---- Hearing ----------------------------------------------------------------------------------
 */

static void take_ticker(struct tui *tui, const struct tn_ticker *ticker)
{
    for (uint32_t i = 0; i < tui->rows_count; i++) {
        if (tui->rows[i].instrument->series_id != ticker->series_id) continue;
        struct tn_ticker *kept = ticker->is_soft ? &tui->rows[i].soft : &tui->rows[i].ticker;
        *kept = *ticker;
        kept->name = NULL;
        return;
    }
}

const struct tn_ticker *tui_best(const struct tui_row *row)
{
    return row->soft.series_id != 0 ? &row->soft : &row->ticker;
}

const struct tn_client_book *tui_book(const struct tui *tui)
{
    return tui->soft_book.is_good ? &tui->soft_book : &tui->book;
}

/* Nobody tells what is soft here, or no more: what was told may never have been. */
static void forget_soft(struct tui *tui)
{
    tui->soft_book.is_good = false;
    for (uint32_t i = 0; i < tui->rows_count; i++)
        tui->rows[i].soft.series_id = 0;
}

static void take_account(struct tui *tui, const struct tn_account_state *state)
{
    tui->state = *state;
    tui->has_account_state = state->exists;
    tui->positions_count = 0;
    for (uint32_t i = 0; i < state->positions_count && i < TUI_POSITIONS_MAX; i++)
        tui->positions[tui->positions_count++] = state->positions[i];
    tui->state.positions = NULL;
    tui->state.collateral = NULL;
    tui->state.sessions = NULL;
}

static void subscribe_book(struct tui *tui, enum tn_channel channel)
{
    uint64_t series_id = tui->rows[tui->selected].instrument->series_id;
    tn_client_subscribe(tui->thin->client, ++tui->thin->tag, thin_market(tui->thin), channel,
                        &series_id, 1, 0);
}

static void take_book(struct tui *tui, const struct tn_book_news *news)
{
    struct tn_client_book *book = news->is_soft ? &tui->soft_book : &tui->book;
    switch (tn_client_book_take(book, news)) {
        case TN_CLIENT_BOOK_OK:
        case TN_CLIENT_BOOK_OTHER: return;
        case TN_CLIENT_BOOK_GAP:
        case TN_CLIENT_BOOK_WRONG:
        case TN_CLIENT_BOOK_FULL:
            subscribe_book(tui, news->is_soft ? TN_CHANNEL_BOOK_SOFT : TN_CHANNEL_BOOK);
            return;
    }
}

static void hear(void *context, const struct tn_client_news *news)
{
    struct tui *tui = context;
    if (news->kind == TN_NEWS_TICKER)
        take_ticker(tui, &news->as.ticker);
    else if (news->kind == TN_NEWS_BOOK)
        take_book(tui, &news->as.book);
    else if (news->kind == TN_NEWS_ACCOUNT_STATE)
        take_account(tui, &news->as.account_state);
    else if (news->kind == TN_NEWS_CONNECTED)
        tui->is_connected = true;
    else if (news->kind == TN_NEWS_SOFT_END ||
             (news->kind == TN_NEWS_LEADER && news->as.leader.state != TN_LEADER_HERE))
        forget_soft(tui);
    else if (news->kind == TN_NEWS_DISCONNECTED) {
        forget_soft(tui);
        if (news->as.disconnected.is_moving) return;
        tui->is_connected = false;
        snprintf(tui->message, sizeof tui->message, "%s", news->as.disconnected.why);
    }
}

/* ---- The series -------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    const struct instrument *one = ((const struct tui_row *)a)->instrument;
    const struct instrument *other = ((const struct tui_row *)b)->instrument;
    if (one->expiry_ms != other->expiry_ms) return one->expiry_ms < other->expiry_ms ? -1 : 1;
    if (one->strike_micros != other->strike_micros) {
        return one->strike_micros < other->strike_micros ? -1 : 1;
    }
    return (one->series_id > other->series_id) - (one->series_id < other->series_id);
}

static void list_rows(struct tui *tui)
{
    const struct instruments *all = &tui->thin->instruments;
    for (uint32_t i = 0; i < all->count && tui->rows_count < TUI_ROWS_MAX; i++) {
        if (all->list[i].status == TN_STATUS_SETTLED) continue;
        tui->rows[tui->rows_count++].instrument = &all->list[i];
    }
    qsort(tui->rows, tui->rows_count, sizeof tui->rows[0], compare);
}

static void begin_books(struct tui *tui, struct tn_level *levels, struct tn_level *soft_levels)
{
    const uint64_t series_id = tui->rows[tui->selected].instrument->series_id;
    tn_client_book_init(&tui->book, series_id, levels, TUI_LEVELS_MAX);
    tn_client_book_init(&tui->soft_book, series_id, soft_levels, TUI_LEVELS_MAX);
    tui->soft_book.is_soft = true;
}

static void select_row(struct tui *tui, int64_t by)
{
    int64_t to = (int64_t)tui->selected + by;
    if (tui->rows_count == 0) return;
    if (to < 0) to = 0;
    if (to >= (int64_t)tui->rows_count) to = (int64_t)tui->rows_count - 1;
    if (to == (int64_t)tui->selected) return;
    uint64_t left = tui->rows[tui->selected].instrument->series_id;
    static const enum tn_channel channels[] = {TN_CHANNEL_BOOK, TN_CHANNEL_BOOK_SOFT};
    for (int i = 0; i < 2; i++) {
        tn_client_unsubscribe(tui->thin->client, ++tui->thin->tag, thin_market(tui->thin),
                              channels[i], &left, 1);
    }
    tui->selected = (uint32_t)to;
    begin_books(tui, tui->book.sides[TN_BUY], tui->soft_book.sides[TN_BUY]);
    for (int i = 0; i < 2; i++)
        subscribe_book(tui, channels[i]);
}

/* ---- The loop ---------------------------------------------------------------------------------
 */

static void take_key(struct tui *tui, int key)
{
    if (key == 'q' || key == 'Q')
        tui->is_stopped = true;
    else if (key == KEY_UP || key == 'k')
        select_row(tui, -1);
    else if (key == KEY_DOWN || key == 'j')
        select_row(tui, 1);
    else if (key == KEY_PPAGE)
        select_row(tui, -PAGE);
    else if (key == KEY_NPAGE)
        select_row(tui, PAGE);
}

static void run(struct tui *tui)
{
    struct thin *thin = tui->thin;
    const struct tn_question question = {
        .kind = TN_ASK_ACCOUNT, .market = thin_market(thin), .account = thin->session.account};
    for (int64_t asked_ms = 0; !tui->is_stopped && !stop_asked;) {
        int64_t now_ms = thin_clock_ms();
        if (tui->has_account && tui->is_connected && now_ms - asked_ms >= ASK_MS) {
            asked_ms = now_ms;
            tn_client_ask(thin->client, ++thin->tag, &question);
        }
        tn_client_wait(thin->client, TURN_MS);
        for (int key = getch(); key != ERR; key = getch())
            take_key(tui, key);
        tui_draw(tui);
        refresh();
    }
}

static bool open_screen(struct thin *thin)
{
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
        return thin_refuse(thin, "it needs a terminal");
    }
    const char *name = getenv("TERM");
    SCREEN *screen = newterm(name, stdout, stdin);
    if (screen == NULL) {
        return thin_fail(thin, END_FAILED, "the terminal '%s' is not known to ncurses",
                         name == NULL ? "" : name);
    }
    cbreak();
    noecho();
    keypad(stdscr, true);
    nodelay(stdscr, true);
    curs_set(0);
    return true;
}

/* With the key's session if there is one; the market can be seen without. */
static bool connect_any(struct tui *tui)
{
    struct thin *thin = tui->thin;
    bool is_found;
    if (!thin_net(thin)) return false;
    if (!keyring_session_read(&thin->session, &is_found, thin->net.chain_id, thin_key(thin),
                              thin_market(thin))) {
        thin->end = END_FAILED;
        return false;
    }
    tui->has_account = is_found;
    return thin_connect(thin) && thin_series(thin);
}

static void subscribe(struct tui *tui)
{
    static const enum tn_channel channels[] = {TN_CHANNEL_TICKER, TN_CHANNEL_TICKER_SOFT,
                                               TN_CHANNEL_BLOCKS};
    struct thin *thin = tui->thin;
    (void)tn_client_follow(thin->client, thin_market(thin), 0);
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        tn_client_subscribe(thin->client, ++thin->tag, thin_market(thin), channels[i], NULL, 0, 0);
    }
    subscribe_book(tui, TN_CHANNEL_BOOK);
    subscribe_book(tui, TN_CHANNEL_BOOK_SOFT);
}

int tui_run(struct thin *thin)
{
    static struct tui tui;
    tui.thin = thin;
    if (!thin_options(thin, NULL, 0, 0, 0) || !connect_any(&tui)) return thin->end;
    list_rows(&tui);
    if (tui.rows_count == 0) {
        thin_fail(thin, END_REFUSED, "market %u has no series yet", thin_market(thin));
        return thin->end;
    }
    struct tn_level *levels = calloc(4 * TUI_LEVELS_MAX, sizeof *levels);
    if (levels == NULL) {
        thin_fail(thin, END_FAILED, "out of memory");
        return thin->end;
    }
    begin_books(&tui, levels, levels + 2 * TUI_LEVELS_MAX);
    tui.is_connected = true;
    thin->heard = hear;
    thin->heard_context = &tui;
    signal(SIGINT, ask_to_stop);
    signal(SIGTERM, ask_to_stop);
    if (open_screen(thin)) {
        subscribe(&tui);
        run(&tui);
        endwin();
    }
    thin->heard = NULL;
    free(levels);
    return thin->end;
}
