/* tui: the state that `tenor tui` shows; tui.c hears, tui_draw.c draws. */
#ifndef NODE_TENOR_TUI_H
#define NODE_TENOR_TUI_H

#include "thin.h"

#include "tenor/client_book.h"

enum { TUI_ROWS_MAX = 512, TUI_POSITIONS_MAX = 64, TUI_LEVELS_MAX = 8192 };

struct tui_row {
    const struct instrument *instrument;
    struct tn_ticker ticker; /* series_id 0: none came yet; its name is not kept */
    struct tn_ticker soft;   /* likewise; best prices before they are final */
};

struct tui {
    struct thin *thin;
    bool has_account, is_stopped;
    struct tui_row rows[TUI_ROWS_MAX]; /* by expiry and strike */
    uint32_t rows_count, selected;
    struct tn_client_book book;      /* of the selected one */
    struct tn_client_book soft_book; /* likewise; good while the node tells it */
    bool has_account_state;
    struct tn_account_state state; /* without its lists */
    struct tn_position_state positions[TUI_POSITIONS_MAX];
    uint32_t positions_count;
    char message[TN_CLIENT_WHY_SIZE]; /* what went wrong last */
    bool is_connected;
};

/* The book to be shown, and the best prices: soft while the leader tells them, else final. */
const struct tn_client_book *tui_book(const struct tui *tui);
const struct tn_ticker *tui_best(const struct tui_row *row);

/* On ncurses' screen; the next refresh shows it. */
void tui_draw(const struct tui *tui);

int tui_run(struct thin *thin);

#endif
