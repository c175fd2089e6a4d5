/* thin_frame: commands out, results in, and what to do when nobody knows.
 *
 * A frame is sent once. Its results come soft, then final; the one that --wait names is printed. A
 * connection that breaks in between does not end it: the client library logs on at another node and
 * the account's stream tells what became of the frame. Only when that does not come in time the
 * command ends with 5 and says how to find out; nothing is ever sent twice.
 *
 * A forced frame goes past the leader: a block brings it, so there is nothing soft about it, and
 * the account's stream tells its events one by one. */
#include "thin.h"

#include "tenor/reject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAX = 4096, WAIT_STEP_MS = 100 };

struct flight {
    struct thin *thin;
    uint64_t nonce;
    bool is_sent;
    struct tn_frame_news news; /* the last one; events and text are not kept */
    char text[TN_CLIENT_WHY_SIZE];
    struct tn_event *events;
    uint32_t events_count;
    uint32_t commands_count, results_count; /* a RESULT ends each command */
    bool is_cut;                            /* there were more events */
};

/* ---- Hearing ----------------------------------------------------------------------------------
 */

static void keep(struct flight *flight, const struct tn_event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (flight->events_count == EVENTS_MAX) {
            flight->is_cut = true;
            return;
        }
        flight->events[flight->events_count++] = events[i];
    }
}

static bool is_over(const struct flight *flight)
{
    switch ((enum tn_frame_state)flight->news.state) {
        case TN_FRAME_SOFT: return flight->thin->with.wait == 1;
        case TN_FRAME_FINAL:
        case TN_FRAME_REVERTED:
        case TN_FRAME_REFUSED:
        case TN_FRAME_NOT_EXECUTED:
        case TN_FRAME_UNKNOWN: return true;
        case TN_FRAME_EXECUTED: return flight->results_count >= flight->commands_count;
        case TN_FRAME_AMBIGUOUS: return false;
    }
    return false;
}

/* Of a forced frame, and after a reconnect, the account's stream tells the whole of it. */
static bool take_event(struct flight *flight, const struct tn_account_event *told)
{
    bool is_told_there = flight->news.state == (uint8_t)TN_FRAME_AMBIGUOUS ||
                         flight->news.state == (uint8_t)TN_FRAME_EXECUTED;
    if (!flight->is_sent || told->nonce != flight->nonce || !is_told_there) return false;
    keep(flight, &told->event, 1);
    if (told->event.kind == (uint8_t)TN_EVENT_RESULT) flight->results_count++;
    return is_over(flight);
}

static bool take(void *context, const struct tn_client_news *news)
{
    struct flight *flight = context;
    if (news->kind == TN_NEWS_ACCOUNT) return take_event(flight, &news->as.account);
    if (news->kind != TN_NEWS_FRAME || news->tag != flight->thin->wait.tag) return false;
    flight->news = news->as.frame;
    snprintf(flight->text, sizeof flight->text, "%s",
             news->as.frame.text == NULL ? "" : news->as.frame.text);
    flight->news.text = flight->text;
    if (flight->news.state != TN_FRAME_EXECUTED) {
        flight->events_count = flight->results_count = 0;
        keep(flight, news->as.frame.events, news->as.frame.events_count);
    }
    flight->news.events = NULL;
    return is_over(flight);
}

/* ---- Events -----------------------------------------------------------------------------------
 */

const char *event_name(uint8_t kind)
{
    static const char *const names[] = {[TN_EVENT_RESULT] = "result",
                                        [TN_EVENT_ACCEPTED] = "accepted",
                                        [TN_EVENT_TRADE] = "trade",
                                        [TN_EVENT_CANCELLED] = "cancelled",
                                        [TN_EVENT_REDUCED] = "reduced",
                                        [TN_EVENT_REPLACED] = "replaced",
                                        [TN_EVENT_REFRESHED] = "refreshed",
                                        [TN_EVENT_TRIGGERED] = "triggered",
                                        [TN_EVENT_QUOTED] = "quoted",
                                        [TN_EVENT_PROTECTED] = "protected",
                                        [TN_EVENT_STATUS] = "status",
                                        [TN_EVENT_LISTED] = "listed",
                                        [TN_EVENT_SETTLED] = "settled",
                                        [TN_EVENT_FUNDED] = "funded",
                                        [TN_EVENT_MONEY] = "money",
                                        [TN_EVENT_OPENED] = "opened",
                                        [TN_EVENT_UNCROSSED] = "uncrossed",
                                        [TN_EVENT_MARKED] = "marked",
                                        [TN_EVENT_FEED] = "feed",
                                        [TN_EVENT_LIQUIDATION] = "liquidation",
                                        [TN_EVENT_SLICE] = "slice",
                                        [TN_EVENT_SEIZED] = "seized",
                                        [TN_EVENT_DELEVERAGED] = "deleveraged",
                                        [TN_EVENT_INSURANCE] = "insurance",
                                        [TN_EVENT_DEBT] = "debt",
                                        [TN_EVENT_SOCIALISED] = "socialised",
                                        [TN_EVENT_RISK] = "risk",
                                        [TN_EVENT_BORROWED] = "borrowed",
                                        [TN_EVENT_CALLED] = "called",
                                        [TN_EVENT_REMITTED] = "remitted"};
    const char *name = kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
    return name == NULL ? "unknown" : name;
}

const char *event_reason(uint8_t reason)
{
    static const char *const names[] = {
        [TN_REASON_REQUEST] = "request",         [TN_REASON_MASS_CANCEL] = "mass cancel",
        [TN_REASON_IMMEDIATE] = "immediate",     [TN_REASON_SELF_TRADE] = "self trade",
        [TN_REASON_EXPIRED] = "expired",         [TN_REASON_OCO] = "other leg",
        [TN_REASON_REDUCE_ONLY] = "reduce only", [TN_REASON_PROTECTION] = "protection",
        [TN_REASON_FILL_LIMIT] = "fill limit",   [TN_REASON_REQUOTED] = "requoted",
        [TN_REASON_SETTLEMENT] = "settlement",   [TN_REASON_TRIGGER] = "trigger",
        [TN_REASON_AUCTION] = "auction",         [TN_REASON_MARGIN] = "margin",
        [TN_REASON_LIQUIDATION] = "liquidation"};
    const char *name = reason < sizeof names / sizeof names[0] ? names[reason] : NULL;
    return name == NULL ? "" : name;
}

/* Fields in which a price stands, and a quantity. */
static bool has_series_terms(uint8_t kind)
{
    return kind == TN_EVENT_ACCEPTED || kind == TN_EVENT_TRADE || kind == TN_EVENT_CANCELLED ||
           kind == TN_EVENT_REDUCED || kind == TN_EVENT_REPLACED || kind == TN_EVENT_REFRESHED ||
           kind == TN_EVENT_TRIGGERED || kind == TN_EVENT_QUOTED || kind == TN_EVENT_SLICE;
}

void thin_put_event(struct thin *thin, const struct tn_event *event)
{
    struct output *output = thin->output;
    output_text(output, "event", event_name(event->kind));
    if (event->series_id != 0) thin_put_series(thin, event->series_id);
    if (has_series_terms(event->kind)) {
        output_text(output, "side", event->side == TN_BUY ? "buy" : "sell");
        if (event->price != 0) thin_put_price(thin, "price", event->series_id, event->price);
        thin_put_quantity(thin, "quantity", event->series_id, event->quantity);
        if (event->kind != TN_EVENT_ACCEPTED) {
            thin_put_quantity(thin, "remaining", event->series_id, event->remaining);
        }
    } else if (event->kind == TN_EVENT_RESULT && event->series_id != 0) {
        thin_put_quantity(thin, "quantity", event->series_id, event->quantity);
        thin_put_quantity(thin, "remaining", event->series_id, event->remaining);
    } else if (event->quantity != 0 && event->series_id != 0) {
        thin_put_quantity(thin, "quantity", event->series_id, event->quantity);
    }
    if (event->order_id != 0) output_number(output, "order_id", event->order_id);
    if (event->kind != TN_EVENT_LIQUIDATION && event->money != 0) {
        output_money(output, "money", event->money);
    }
    if (event->reject != 0) {
        const char *name = tn_reject_name((enum tn_reject)event->reject);
        output_text(output, "note", name == NULL ? "?" : name);
    } else if (event->duplicate != 0) {
        output_text(output, "note", "repeated: done before under this id");
    } else if (event_reason(event->reason)[0] != '\0') {
        output_text(output, "note", event_reason(event->reason));
    }
}

/* ---- Ends -------------------------------------------------------------------------------------
 */

static int ambiguous(struct flight *flight, uint64_t client_id)
{
    struct thin *thin = flight->thin;
    thin_fail(thin, END_AMBIGUOUS,
              "ambiguous: the commands were sent (nonce %" PRIu64
              "), and it is not known what became of them%s%s",
              flight->nonce, thin->why[0] == '\0' ? "" : ": ", thin->why);
    fputs("  to find out: tenor order list, tenor account; or tenor watch account\n", stderr);
    if (client_id != 0) {
        fprintf(stderr,
                "  or run the same command with --id %" PRIu64
                ": what was done under an id is not done again\n",
                client_id);
    }
    return thin->end;
}

static void print(struct flight *flight)
{
    struct thin *thin = flight->thin;
    const struct tn_frame_news *news = &flight->news;
    bool is_soft = news->state == TN_FRAME_SOFT;
    output_text(thin->output, "state", is_soft ? "soft" : "final");
    if (!is_soft) output_number(thin->output, "block", news->block);
    output_number(thin->output, "nonce", flight->nonce);
    output_table(thin->output, "events", EVENT_COLUMNS);
    uint64_t series_id = 0, order_id = 0;
    for (uint32_t i = 0; i < flight->events_count; i++) {
        struct tn_event event = flight->events[i];
        /* A result names its order only; the lots are those of the order's series. */
        bool is_known = event.kind == TN_EVENT_RESULT && event.series_id == 0 &&
                        event.order_id != 0 && event.order_id == order_id;
        if (is_known) event.series_id = series_id;
        series_id = event.series_id;
        order_id = event.order_id;
        output_row(thin->output);
        thin_put_event(thin, &event);
    }
    output_table_end(thin->output);
    if (flight->is_cut)
        fprintf(stderr, "tenor: more than %d events: the rest is not shown\n", EVENTS_MAX);
}

/* The first no among the results of commands and the sides of quotes. */
static uint32_t first_reject(const struct flight *flight)
{
    for (uint32_t i = 0; i < flight->events_count; i++) {
        const struct tn_event *event = &flight->events[i];
        bool is_result = event->kind == TN_EVENT_RESULT || event->kind == TN_EVENT_QUOTED;
        if (is_result && event->reject != 0) return event->reject;
    }
    return 0;
}

static int conclude(struct flight *flight, uint64_t client_id)
{
    struct thin *thin = flight->thin;
    const struct tn_frame_news *news = &flight->news;
    switch ((enum tn_frame_state)news->state) {
        case TN_FRAME_REFUSED:
            thin_reject(thin, news->error != 0 ? news->error : news->reject, news->text);
            return thin->end;
        case TN_FRAME_REVERTED:
            thin_fail(thin, END_REJECTED,
                      "rejected: the leader's term ended before it was final, so it was not done; "
                      "run it again");
            return thin->end;
        case TN_FRAME_NOT_EXECUTED:
            thin_fail(thin, END_REJECTED,
                      "rejected: it was sent, but no block has it and none can have it any more; "
                      "run it again");
            return thin->end;
        case TN_FRAME_SOFT:
        case TN_FRAME_FINAL:
        case TN_FRAME_EXECUTED: break;
        case TN_FRAME_AMBIGUOUS:
        case TN_FRAME_UNKNOWN: return ambiguous(flight, client_id);
    }
    print(flight);
    uint32_t reject = news->reject != 0 ? news->reject : first_reject(flight);
    if (reject != 0) thin_reject(thin, reject, NULL);
    return thin_done(thin);
}

static enum tn_client_result hand_over(struct flight *flight, const struct tn_command *commands,
                                       uint32_t count)
{
    struct thin *thin = flight->thin;
    if (thin->with.forced) {
        flight->news.state = TN_FRAME_AMBIGUOUS;
        return tn_client_force(thin->client, &flight->nonce, thin->tag, commands, count);
    }
    enum tn_client_wait how = thin->with.wait == 1 ? TN_WAIT_SOFT_AND_FINAL : TN_WAIT_FINAL;
    return tn_client_send(thin->client, &flight->nonce, thin->tag, commands, count, how);
}

static bool send(struct flight *flight, const struct tn_command *commands, uint32_t count)
{
    struct thin *thin = flight->thin;
    thin->error = (struct tn_news_error){0};
    thin->wait = (struct thin_wait){.tag = ++thin->tag, .take = take, .context = flight};
    flight->commands_count = count;
    enum tn_client_result result = hand_over(flight, commands, count);
    if (result == TN_CLIENT_OK) {
        flight->is_sent = true;
        return true;
    }
    thin->wait.take = NULL;
    bool is_away = result == TN_CLIENT_NOT_CONNECTED || result == TN_CLIENT_NOT_LOGGED_ON;
    return thin_fail(thin, is_away ? END_AWAY : END_FAILED, "nothing was sent: %s",
                     tn_client_result_text(result));
}

int thin_frame(struct thin *thin, const struct tn_command *commands, uint32_t count,
               uint64_t client_id)
{
    struct flight flight = {.thin = thin};
    flight.events = calloc(EVENTS_MAX, sizeof *flight.events);
    if (flight.events == NULL) {
        thin_fail(thin, END_FAILED, "out of memory");
        return thin->end;
    }
    if (send(&flight, commands, count)) {
        int64_t until_ms = thin_clock_ms() + (int64_t)thin->with.seconds * 1000;
        while (!thin->wait.is_done && thin_clock_ms() < until_ms &&
               tn_client_state(thin->client) != TN_CLIENT_CLOSED) {
            tn_client_wait(thin->client, WAIT_STEP_MS);
        }
        bool is_done = thin->wait.is_done, is_refused = thin->wait.is_refused;
        thin->wait.take = NULL;
        if (is_refused)
            thin_reject(thin, thin->error.code, thin->why);
        else if (is_done)
            thin->end = conclude(&flight, client_id);
        else
            ambiguous(&flight, client_id);
    }
    free(flight.events);
    return thin->end;
}
