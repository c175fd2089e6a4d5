/* tui: the state that `tenor tui` shows; tui.c hears, tui_draw.c draws. */
#ifndef NODE_TENOR_TUI_H
#define NODE_TENOR_TUI_H

#include "thin.h"

#include "tenor/client_book.h"

enum { TUI_ROWS_MAX = 512, TUI_POSITIONS_MAX = 64, TUI_LEVELS_MAX = 8192 };

struct tui_row {
    const struct instrument *instrument;
    struct tn_ticker ticker; /* series_id 0: none came yet; its name is not kept */
};

struct tui {
    struct thin *thin;
    bool has_account, is_stopped;
    struct tui_row rows[TUI_ROWS_MAX]; /* by expiry and strike */
    uint32_t rows_count, selected;
    struct tn_client_book book; /* of the selected one */
    bool has_account_state;
    struct tn_account_state state; /* without its lists */
    struct tn_position_state positions[TUI_POSITIONS_MAX];
    uint32_t positions_count;
    char message[TN_CLIENT_WHY_SIZE]; /* what went wrong last */
    bool is_connected;
};

/* On ncurses' screen; the next refresh shows it. */
void tui_draw(const struct tui *tui);

int tui_run(struct thin *thin);

#endif
