/* tenor account, positions, margin, session: what an owner has, and who may act for it. */
#include "commands.h"

#include "tenor/margin.h"
#include "tenor/market.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAYS_DEFAULT = 30, DAYS_MAX = 3650 };
static const int64_t day_ms = 86400000;

/* ---- The account ------------------------------------------------------------------------------
 */

static const char *liquidation_name(uint8_t state)
{
    static const char *const names[] = {"none", "slices", "auction", "insolvent", "deleveraging"};
    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

static bool put_state(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    struct output *output = thin->output;
    const struct tn_account_state *state = &news->as.account_state;
    if (news->kind != TN_NEWS_ACCOUNT_STATE) return false;
    if (!state->exists) {
        thin_reject(thin, TN_REJECT_ACCOUNT_UNKNOWN, NULL);
        return true;
    }
    output_count(output, "account", state->account);
    output_count(output, "market", state->market);
    output_hex(output, "owner", state->owner, sizeof state->owner);
    output_text(output, "margin_model",
                state->model == TN_MARGIN_STANDARD ? "standard" : "portfolio");
    output_money(output, "cash", state->cash_micros);
    output_money(output, "equity", state->equity_micros);
    output_money(output, "initial_margin", state->initial_micros);
    output_money(output, "maintenance_margin", state->maintenance_micros);
    output_money(output, "free", state->free_micros);
    output_text(output, "liquidation", liquidation_name(state->liquidation));
    output_count(output, "orders", state->orders_count);
    output_count(output, "positions", state->positions_count);
    output_number(output, "nonce", state->nonce_top);
    output_number(output, "block", state->block);
    for (uint32_t i = 0; i < state->collateral_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "collateral_%" PRIu32, state->collateral[i].asset);
        output_signed(output, name, state->collateral[i].amount);
    }
    return true;
}

int account_show(struct thin *thin)
{
    uint64_t number = THIN_ANY_ACCOUNT;
    uint32_t account;
    const struct argument own[] = {{"--account", ARGUMENT_NUMBER, &number, TN_NONE - 1, "N",
                                    "of anybody; else the key's own"}};
    if (!thin_options(thin, own, 1, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_account_of(thin, &account, number)) return thin->end;
    const struct tn_question question = {
        .kind = TN_ASK_ACCOUNT, .market = thin_market(thin), .account = account};
    if (!thin_ask(thin, &question, put_state, thin)) return thin->end;
    return thin_done(thin);
}

int account_open(struct thin *thin)
{
    uint32_t model = 0;
    struct tn_secret_key key;
    struct tn_address owner;
    struct thin_account account;
    const struct argument own[] = {{"--model", ARGUMENT_CHOICE, &model, 0, "portfolio|standard",
                                    "how margin is reckoned (portfolio)"}};
    if (!thin_options(thin, own, 1, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_owner(thin, &key, &owner)) return thin->end;
    bool is_open = thin_open_account(thin, &account, &key, &owner, (uint8_t)model);
    explicit_bzero(&key, sizeof key);
    if (!is_open) return thin->end;
    output_hex(thin->output, "owner", owner.bytes, sizeof owner.bytes);
    output_count(thin->output, "market", thin_market(thin));
    output_count(thin->output, "account", account.account);
    return thin_done(thin);
}

static bool put_positions(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_account_state *state = &news->as.account_state;
    if (news->kind != TN_NEWS_ACCOUNT_STATE) return false;
    output_table(thin->output, "positions", "series quantity# cost# mark# value#");
    for (uint32_t i = 0; i < state->positions_count; i++) {
        const struct tn_position_state *position = &state->positions[i];
        output_row(thin->output);
        thin_put_series(thin, position->series_id);
        thin_put_quantity(thin, "quantity", position->series_id, position->quantity);
        output_money(thin->output, "cost", position->cost_micros);
        thin_put_of_unit(thin, "mark", position->series_id, position->mark_micros);
        output_money(thin->output, "value", position->value_micros);
    }
    output_table_end(thin->output);
    return true;
}

int account_positions(struct thin *thin)
{
    uint64_t number = THIN_ANY_ACCOUNT;
    uint32_t account;
    const struct argument own[] = {{"--account", ARGUMENT_NUMBER, &number, TN_NONE - 1, "N",
                                    "of anybody; else the key's own"}};
    if (!thin_options(thin, own, 1, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_account_of(thin, &account, number) || !thin_series(thin)) return thin->end;
    const struct tn_question question = {
        .kind = TN_ASK_ACCOUNT, .market = thin_market(thin), .account = account};
    if (!thin_ask(thin, &question, put_positions, thin)) return thin->end;
    return thin_done(thin);
}

/* ---- What if ----------------------------------------------------------------------------------
 */

static bool put_margin(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_margin_news *margin = &news->as.margin;
    const struct tn_margin_state *states[] = {&margin->before, &margin->after};
    if (news->kind != TN_NEWS_MARGIN) return false;
    bool is_refused = margin->refused[0] != '\0';
    if (is_refused && margin->shortfall_micros == 0) {
        thin_fail(thin, END_REJECTED, "rejected: %s", margin->refused);
        return true;
    }
    output_count(thin->output, "account", margin->account);
    output_flag(thin->output, "passes", !is_refused && margin->shortfall_micros == 0);
    if (is_refused) output_text(thin->output, "why", margin->refused);
    output_money(thin->output, "shortfall", margin->shortfall_micros);
    output_table(thin->output, "margin",
                 "when equity# initial# maintenance# free# worst_scenario#");
    for (uint32_t i = 0; i < 2; i++) {
        output_row(thin->output);
        output_text(thin->output, "when", i == 0 ? "before" : "after");
        output_money(thin->output, "equity", states[i]->equity_micros);
        output_money(thin->output, "initial", states[i]->initial_micros);
        output_money(thin->output, "maintenance", states[i]->maintenance_micros);
        output_money(thin->output, "free", states[i]->equity_micros - states[i]->initial_micros);
        output_count(thin->output, "worst_scenario", states[i]->worst_scenario);
    }
    output_table_end(thin->output);
    return true;
}

/* "SERIES buy|sell QUANTITY [PRICE]", or "bid|ask" for an order that rests. */
static bool read_trial(struct thin *thin, struct tn_trial *trial, const char **words, size_t count)
{
    const struct instrument *instrument = thin_find(thin, words[0]);
    tn_lots quantity;
    if (instrument == NULL || !thin_quantity(thin, &quantity, instrument, words[2])) return false;
    *trial = (struct tn_trial){.series_id = instrument->series_id};
    if (count > 3 && !thin_price(thin, &trial->price, instrument, words[3])) return false;
    if (strcmp(words[1], "buy") == 0)
        trial->position = quantity;
    else if (strcmp(words[1], "sell") == 0)
        trial->position = -quantity;
    else if (strcmp(words[1], "bid") == 0)
        trial->bid_quantity = quantity;
    else if (strcmp(words[1], "ask") == 0)
        trial->ask_quantity = quantity;
    else
        return thin_refuse(thin, "say buy, sell, bid or ask, not '%.40s'", words[1]);
    if (count > 3 && trial->position == 0) {
        return thin_refuse(thin, "a resting order is tried at the mark: leave the price out");
    }
    return true;
}

static bool is_word_of_side(const char *word)
{
    return strcmp(word, "buy") == 0 || strcmp(word, "sell") == 0 || strcmp(word, "bid") == 0 ||
           strcmp(word, "ask") == 0;
}

int account_margin(struct thin *thin)
{
    static struct tn_trial trials[ARGUMENTS_WORDS_MAX / 3];
    uint64_t number = THIN_ANY_ACCOUNT;
    uint32_t account, trials_count = 0;
    const struct argument own[] = {{"--account", ARGUMENT_NUMBER, &number, TN_NONE - 1, "N",
                                    "of anybody; else the key's own"}};
    if (!thin_options(thin, own, 1, 0, ARGUMENTS_WORDS_MAX) || !thin_connect(thin))
        return thin->end;
    if (!thin_account_of(thin, &account, number)) return thin->end;
    const char **words = thin->arguments.words;
    for (size_t left = thin->arguments.words_count; left > 0;) {
        if (left < 3) {
            thin_refuse(thin, "a change is SERIES buy|sell|bid|ask QUANTITY [PRICE]");
            return thin->end;
        }
        /* A fourth word is a price unless the word behind it says that it is the next series. */
        bool has_price = left == 4 || (left > 4 && !is_word_of_side(words[4]));
        size_t used = has_price ? 4 : 3;
        if (!read_trial(thin, &trials[trials_count++], words, used)) return thin->end;
        words += used;
        left -= used;
    }
    const struct tn_question question = {.kind = TN_ASK_MARGIN,
                                         .market = thin_market(thin),
                                         .account = account,
                                         .trials = trials,
                                         .trials_count = trials_count};
    if (!thin_ask(thin, &question, put_margin, thin)) return thin->end;
    return thin_done(thin);
}

/* ---- Sessions ---------------------------------------------------------------------------------
 */

static const char scope_words[] = "trade,quote,cancel,transfer,model";

static bool read_scope(struct thin *thin, uint32_t *scope, const char *text)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } scopes[] = {{"trade", TN_SCOPE_TRADE},   {"quote", TN_SCOPE_QUOTE},
                  {"cancel", TN_SCOPE_CANCEL}, {"transfer", TN_SCOPE_TRANSFER},
                  {"model", TN_SCOPE_MODEL},   {"all", TN_SCOPE_ALL}};
    *scope = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        uint32_t bit = 0;
        for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
            if (strlen(scopes[i].name) == length && memcmp(scopes[i].name, text, length) == 0) {
                bit = scopes[i].bit;
            }
        }
        if (bit == 0) break;
        *scope |= bit;
        text += length + (text[length] == ',');
    }
    if (*scope != 0 && *text == '\0') return true;
    return thin_refuse(thin, "--scope takes all, or words of %s with commas between, not '%.40s'",
                       scope_words, text);
}

static void put_session(struct thin *thin, const struct keyring_session *session)
{
    output_count(thin->output, "market", session->market);
    output_count(thin->output, "account", session->account);
    output_number(thin->output, "session", session->session);
    output_time(thin->output, "expires", session->expires_ms);
}

int session_new(struct thin *thin)
{
    uint64_t days = DAYS_DEFAULT;
    const char *scope_text = "all";
    uint32_t scope;
    struct tn_secret_key key;
    struct tn_address owner;
    struct thin_account account;
    const struct argument own[] = {
        {"--days", ARGUMENT_NUMBER, &days, DAYS_MAX, "N", "until it expires (30)"},
        {"--scope", ARGUMENT_TEXT, &scope_text, 0, "WORDS",
         "what it may do: all, or trade,quote,…"},
    };
    if (!thin_options(thin, own, 2, 0, 0) || !read_scope(thin, &scope, scope_text))
        return thin->end;
    if (!thin_connect(thin) || !thin_owner(thin, &key, &owner)) return thin->end;
    bool is_good = thin_first_account(thin, &account, &owner);
    if (is_good && !account.exists) {
        is_good = thin_fail(thin, END_REFUSED,
                            "the key '%s' has no account in market %u; run tenor account open",
                            thin_key(thin), thin_market(thin));
    }
    int64_t expires_ms = (int64_t)time(NULL) * 1000 + (int64_t)days * day_ms;
    is_good = is_good && thin_open_session(thin, &account, &key, scope, expires_ms);
    explicit_bzero(&key, sizeof key);
    if (!is_good) return thin->end;
    put_session(thin, &thin->session);
    return thin_done(thin);
}

static bool put_sessions(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_account_state *state = &news->as.account_state;
    if (news->kind != TN_NEWS_ACCOUNT_STATE) return false;
    output_table(thin->output, "sessions", "session# scope expires key here");
    for (uint32_t i = 0; i < state->sessions_count; i++) {
        const struct tn_session_state *session = &state->sessions[i];
        static const char *const names[] = {"trade", "quote", "cancel", "transfer", "model"};
        char scope[64] = "";
        for (uint32_t bit = 0; bit < 5; bit++) {
            if ((session->scope >> bit & 1) == 0) continue;
            if (scope[0] != '\0') strncat(scope, ",", sizeof scope - strlen(scope) - 1);
            strncat(scope, names[bit], sizeof scope - strlen(scope) - 1);
        }
        output_row(thin->output);
        output_number(thin->output, "session", session->session);
        output_text(thin->output, "scope", session->scope == TN_SCOPE_ALL ? "all" : scope);
        output_time(thin->output, "expires", (int64_t)session->expires_ms);
        output_hex(thin->output, "key", session->key, sizeof session->key);
        output_flag(thin->output, "here", session->session == thin->session.session);
    }
    output_table_end(thin->output);
    return true;
}

int session_list(struct thin *thin)
{
    uint32_t account;
    bool is_found;
    if (!thin_options(thin, NULL, 0, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_account_of(thin, &account, THIN_ANY_ACCOUNT)) return thin->end;
    if (!keyring_session_read(&thin->session, &is_found, thin->net.chain_id, thin_key(thin),
                              thin_market(thin))) {
        return END_FAILED;
    }
    const struct tn_question question = {
        .kind = TN_ASK_ACCOUNT, .market = thin_market(thin), .account = account};
    if (!thin_ask(thin, &question, put_sessions, thin)) return thin->end;
    return thin_done(thin);
}

static bool take_exists(void *context, const struct tn_client_news *news)
{
    if (news->kind != TN_NEWS_SESSION) return false;
    *(bool *)context = news->as.session.exists;
    return true;
}

/* Asked until the state says that it is gone. */
static bool revoke(struct thin *thin, uint64_t session, const struct tn_secret_key *key)
{
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    const struct tn_question question = {
        .kind = TN_ASK_SESSION, .market = thin_market(thin), .session = session};
    bool is_there;
    item.as.operation.kind = TN_OPERATION_REVOKE;
    item.as.operation.market = thin_market(thin);
    item.as.operation.number = session;
    item.as.operation.session = session;
    if (!thin_ask(thin, &question, take_exists, &is_there)) return false;
    if (!is_there) return thin_reject(thin, TN_REJECT_SESSION_UNKNOWN, NULL);
    if (!thin_item(thin, &item, key)) return false;
    int64_t until_ms = thin_clock_ms() + (int64_t)thin->with.seconds * 1000;
    for (;;) {
        if (!thin_ask(thin, &question, take_exists, &is_there)) return false;
        if (!is_there) return true;
        if (thin_clock_ms() > until_ms) {
            return thin_fail(thin, END_AMBIGUOUS,
                             "ambiguous: a node took it, but the session is still there; look with "
                             "tenor session list");
        }
        if (!thin_turn_for(thin, 50)) return false;
    }
}

int session_revoke(struct thin *thin)
{
    struct tn_secret_key key;
    struct tn_address owner;
    struct keyring_session own_session;
    bool is_found;
    uint64_t session = 0;
    const struct argument own[] = {
        {"--session", ARGUMENT_NUMBER, &session, UINT64_MAX, "ID", "which one (this machine's)"}};
    if (!thin_options(thin, own, 1, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_owner(thin, &key, &owner)) return thin->end;
    bool is_good = keyring_session_read(&own_session, &is_found, thin->net.chain_id, thin_key(thin),
                                        thin_market(thin));
    if (is_good && session == 0 && !is_found) {
        is_good = thin_refuse(thin, "this machine has no session of that key; say which by "
                                    "--session");
    }
    if (is_good && session == 0) session = own_session.session;
    is_good = is_good && revoke(thin, session, &key);
    explicit_bzero(&key, sizeof key);
    if (!is_good) return thin->end == END_GOOD ? END_FAILED : thin->end;
    if (is_found && session == own_session.session) {
        keyring_session_drop(thin->net.chain_id, thin_key(thin), thin_market(thin));
    }
    explicit_bzero(&own_session, sizeof own_session);
    output_number(thin->output, "session", session);
    output_text(thin->output, "state", "revoked");
    return thin_done(thin);
}
