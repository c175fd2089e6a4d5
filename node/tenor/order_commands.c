/* tenor order: place, replace, cancel, cancel-all, list.
 *
 * Every order goes under a client id, a random one if none is given: when a connection breaks and
 * nobody knows what became of it, the same command with the same id can be run again and is not
 * done twice. */
#include "commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { FEE_MAX_PPM = 10000 };

struct place_options {
    const char *limit, *display, *stop;
    uint64_t id, label, fee_max_ppm, until_block;
    uint32_t tif, post, self_trade;
    bool reduce_only;
};

static uint64_t random_id(void)
{
    uint64_t id = 0;
    while (id == 0) {
        if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id) return 0;
        id >>= 1;
    }
    return id;
}

/* ---- Placing ----------------------------------------------------------------------------------
 */

static bool read_terms(struct thin *thin, struct tn_order_terms *terms,
                       const struct place_options *with)
{
    const char *const *words = thin->arguments.words;
    const struct instrument *instrument = thin_find(thin, words[0]);
    if (instrument == NULL || !thin_quantity(thin, &terms->quantity, instrument, words[2])) {
        return false;
    }
    terms->series_id = instrument->series_id;
    terms->type = with->limit == NULL ? TN_MARKET : TN_LIMIT;
    if (with->limit != NULL && !thin_price(thin, &terms->price, instrument, with->limit))
        return false;
    if (with->stop != NULL && !thin_price(thin, &terms->trigger, instrument, with->stop))
        return false;
    if (with->display != NULL && !thin_quantity(thin, &terms->display, instrument, with->display)) {
        return false;
    }
    /* A market order does not rest: what does not trade at once is gone. */
    terms->tif = (uint8_t)(with->limit == NULL && with->tif == TN_GTC ? TN_IOC : with->tif);
    if (with->until_block > 0) {
        terms->tif = TN_GTB;
        terms->until = (int64_t)with->until_block;
    }
    terms->post = (uint8_t)with->post;
    terms->stp = (uint8_t)with->self_trade;
    terms->reduce_only = with->reduce_only;
    terms->label = (uint32_t)with->label;
    terms->fee_max_ppm = (int32_t)with->fee_max_ppm;
    return true;
}

int order_place(struct thin *thin)
{
    struct place_options with = {.fee_max_ppm = FEE_MAX_PPM};
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    const struct argument own[] = {
        {"--limit", ARGUMENT_TEXT, &with.limit, 0, "PRICE", "the worst price; else at market"},
        {"--tif", ARGUMENT_CHOICE, &with.tif, 0, "gtc|ioc|fok", "how long it lives (gtc)"},
        {"--until-block", ARGUMENT_NUMBER, &with.until_block, INT64_MAX, "N", "lives up to it"},
        {"--post", ARGUMENT_CHOICE, &with.post, 0, "no|reject|reprice",
         "if it would trade at once"},
        {"--reduce-only", ARGUMENT_FLAG, &with.reduce_only, 0, NULL, "never opens a position"},
        {"--display", ARGUMENT_TEXT, &with.display, 0, "QUANTITY", "the part that shows (all)"},
        {"--stop", ARGUMENT_TEXT, &with.stop, 0, "PRICE", "waits until the mark reaches it"},
        {"--self-trade", ARGUMENT_CHOICE, &with.self_trade, 0, "taker|maker|both|decrement",
         "which goes when both are one's own"},
        {"--id", ARGUMENT_COUNT, &with.id, UINT64_MAX, "N", "the order's own name (random)"},
        {"--label", ARGUMENT_NUMBER, &with.label, UINT32_MAX, "N", "for cancel-all (0)"},
        {"--fee-max", ARGUMENT_NUMBER, &with.fee_max_ppm, FEE_MAX_PPM, "PPM", "of fees (10000)"},
    };
    struct tn_order_terms *terms = &command.as.terms[0];
    if (!thin_options(thin, own, sizeof own / sizeof own[0], 3, 3)) return thin->end;
    if (!thin_side(thin, &terms->side, thin->arguments.words[1]) || !thin_log_on(thin)) {
        return thin->end;
    }
    if (!thin_series(thin) || !read_terms(thin, terms, &with)) return thin->end;
    command.client_id = with.id != 0 ? with.id : random_id();
    output_number(thin->output, "client_id", command.client_id);
    return thin_frame(thin, &command, 1, command.client_id);
}

/* ---- Changing and cancelling ------------------------------------------------------------------
 */

/* An order is named by the exchange's number or, with --id, by its own. */
static bool read_order(struct thin *thin, struct tn_order_ref *order, uint64_t id)
{
    const char *text = thin->arguments.words_count > 0 ? thin->arguments.words[0] : NULL;
    char *end;
    order->client_id = id;
    if (text == NULL && id != 0) return true;
    if (text == NULL) return thin_refuse(thin, "which order? its number, or --id N");
    if (id != 0) return thin_refuse(thin, "name the order by its number or by --id, not both");
    order->order_id = strtoull(text, &end, 10);
    if (*end == '\0' && text[0] >= '0' && text[0] <= '9' && order->order_id != 0) return true;
    return thin_refuse(thin, "'%.40s' is no order's number; tenor order list shows them", text);
}

struct orders_seen {
    const struct tn_order_ref *wanted;
    uint64_t last, series_id;
    bool more;
};

static bool take_series(void *context, const struct tn_client_news *news)
{
    struct orders_seen *seen = context;
    if (news->kind != TN_NEWS_ORDERS_OPEN) return false;
    seen->more = news->as.orders_open.more;
    for (uint32_t i = 0; i < news->as.orders_open.count; i++) {
        const struct tn_open_order *order = &news->as.orders_open.list[i];
        seen->last = order->order_id;
        bool is_it = seen->wanted->order_id != 0 ? order->order_id == seen->wanted->order_id
                                                 : order->client_id == seen->wanted->client_id;
        if (is_it) seen->series_id = order->series_id;
    }
    return true;
}

/* The series of a resting order: its prices and lots are those of its series. */
static const struct instrument *series_of(struct thin *thin, const struct tn_order_ref *wanted)
{
    struct orders_seen seen = {.wanted = wanted};
    struct tn_question question = {
        .kind = TN_ASK_ORDERS, .market = thin_market(thin), .account = thin->session.account};
    if (!thin_series(thin)) return NULL;
    do {
        question.after_order_id = seen.last;
        if (!thin_ask(thin, &question, take_series, &seen)) return NULL;
    } while (seen.more && seen.series_id == 0);
    const struct instrument *found = instruments_by_id(&thin->instruments, seen.series_id);
    if (found == NULL) thin_reject(thin, TN_REJECT_ORDER_UNKNOWN, NULL);
    return found;
}

int order_replace(struct thin *thin)
{
    const char *limit = NULL, *quantity = NULL;
    uint64_t id = 0;
    struct tn_command command = {.kind = TN_COMMAND_REPLACE};
    const struct argument own[] = {
        {"--limit", ARGUMENT_TEXT, &limit, 0, "PRICE", "the new price"},
        {"--quantity", ARGUMENT_TEXT, &quantity, 0, "QUANTITY", "the new open quantity"},
        {"--id", ARGUMENT_COUNT, &id, UINT64_MAX, "N", "the order by its own name"},
    };
    if (!thin_options(thin, own, 3, 0, 1) || !read_order(thin, &command.as.replace.ref, id)) {
        return thin->end;
    }
    if (limit == NULL || quantity == NULL) {
        thin_refuse(thin, "a replaced order needs both --limit and --quantity");
        return thin->end;
    }
    if (!thin_log_on(thin)) return thin->end;
    const struct instrument *instrument = series_of(thin, &command.as.replace.ref);
    if (instrument == NULL || !thin_price(thin, &command.as.replace.price, instrument, limit) ||
        !thin_quantity(thin, &command.as.replace.quantity, instrument, quantity)) {
        return thin->end;
    }
    return thin_frame(thin, &command, 1, 0);
}

int order_cancel(struct thin *thin)
{
    uint64_t id = 0;
    struct tn_command command = {.kind = TN_COMMAND_CANCEL};
    const struct argument own[] = {
        {"--id", ARGUMENT_COUNT, &id, UINT64_MAX, "N", "the order by its own name"}};
    if (!thin_options(thin, own, 1, 0, 1) || !read_order(thin, &command.as.cancel, id)) {
        return thin->end;
    }
    if (!thin_log_on(thin) || !thin_series(thin)) return thin->end;
    return thin_frame(thin, &command, 1, 0);
}

int order_cancel_all(struct thin *thin)
{
    const char *series = NULL, *side = NULL;
    uint64_t label = UINT64_MAX;
    struct tn_command command = {.kind = TN_COMMAND_MASS_CANCEL};
    struct tn_mass_cancel *cancel = &command.as.mass_cancel;
    const struct argument own[] = {
        {"--series", ARGUMENT_TEXT, &series, 0, "SERIES", "of this one only"},
        {"--side", ARGUMENT_TEXT, &side, 0, "buy|sell", "of this side only"},
        {"--label", ARGUMENT_NUMBER, &label, UINT32_MAX, "N", "with this label only"},
    };
    if (!thin_options(thin, own, 3, 0, 0)) return thin->end;
    if (side != NULL) {
        if (!thin_side(thin, &cancel->side, side)) return thin->end;
        cancel->by |= TN_BY_SIDE;
    }
    if (label != UINT64_MAX) {
        cancel->label = (uint32_t)label;
        cancel->by |= TN_BY_LABEL;
    }
    if (!thin_log_on(thin) || !thin_series(thin)) return thin->end;
    if (series != NULL) {
        const struct instrument *instrument = thin_find(thin, series);
        if (instrument == NULL) return thin->end;
        cancel->series_id = instrument->series_id;
        cancel->by |= TN_BY_SERIES;
    }
    return thin_frame(thin, &command, 1, 0);
}

/* ---- Looking ----------------------------------------------------------------------------------
 */

struct orders_page {
    struct thin *thin;
    uint64_t last;
    bool more;
};

static bool put_orders(void *context, const struct tn_client_news *news)
{
    struct orders_page *page = context;
    struct thin *thin = page->thin;
    if (news->kind != TN_NEWS_ORDERS_OPEN) return false;
    page->more = news->as.orders_open.more;
    for (uint32_t i = 0; i < news->as.orders_open.count; i++) {
        const struct tn_open_order *order = &news->as.orders_open.list[i];
        page->last = order->order_id;
        output_row(thin->output);
        output_number(thin->output, "order_id", order->order_id);
        thin_put_series(thin, order->series_id);
        output_text(thin->output, "side", order->side == TN_BUY ? "buy" : "sell");
        thin_put_price(thin, "price", order->series_id, order->price);
        thin_put_quantity(thin, "quantity", order->series_id, order->quantity);
        output_text(thin->output, "kind",
                    order->is_quote  ? "quote"
                    : order->is_stop ? "stop"
                                     : "order");
        output_count(thin->output, "label", order->label);
        output_number(thin->output, "client_id", order->client_id);
    }
    return true;
}

int order_list(struct thin *thin)
{
    uint64_t number = THIN_ANY_ACCOUNT;
    struct orders_page page = {.thin = thin};
    struct tn_question question = {.kind = TN_ASK_ORDERS};
    const struct argument own[] = {{"--account", ARGUMENT_NUMBER, &number, TN_NONE - 1, "N",
                                    "of anybody; else the key's own"}};
    if (!thin_options(thin, own, 1, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_account_of(thin, &question.account, number) || !thin_series(thin)) return thin->end;
    question.market = thin_market(thin);
    output_table(thin->output, "orders",
                 "order_id# series side price# quantity# kind label#? client_id#?");
    do {
        question.after_order_id = page.last;
        if (!thin_ask(thin, &question, put_orders, &page)) return thin->end;
    } while (page.more);
    output_table_end(thin->output);
    return thin_done(thin);
}
