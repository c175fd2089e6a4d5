/* tenor account, positions, margin: what an owner has, and what it would be after trades. */
#include "commands.h"

#include "tenor/margin.h"
#include "tenor/market.h"

#include <inttypes.h>
#include <string.h>

enum { OWNED_MAX = 1024 };

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

/* The numbers first, then each account by itself. */
struct owned {
    uint32_t accounts[OWNED_MAX], count;
    bool more;
};

static bool take_owned(void *context, const struct tn_client_news *news)
{
    struct owned *owned = context;
    if (news->kind != TN_NEWS_OWNER) return false;
    const uint32_t count = news->as.owner.count, room = OWNED_MAX - owned->count;
    const uint32_t taken = count < room ? count : room;
    for (uint32_t i = 0; i < taken; i++)
        owned->accounts[owned->count++] = news->as.owner.accounts[i];
    owned->more = news->as.owner.more || taken < count;
    return true;
}

static bool take_row(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_account_state *state = &news->as.account_state;
    if (news->kind != TN_NEWS_ACCOUNT_STATE) return false;
    output_row(thin->output);
    output_count(thin->output, "account", state->account);
    output_money(thin->output, "cash", state->cash_micros);
    output_money(thin->output, "equity", state->equity_micros);
    output_count(thin->output, "orders", state->orders_count);
    output_count(thin->output, "positions", state->positions_count);
    output_count(thin->output, "sessions", state->sessions_count);
    output_flag(thin->output, "here", state->account == thin->session.account);
    return true;
}

int account_list(struct thin *thin)
{
    struct tn_secret_key key;
    struct tn_address owner;
    struct owned owned = {.more = true};
    bool is_found;
    if (!thin_options(thin, NULL, 0, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_owner(thin, &key, &owner)) return thin->end;
    explicit_bzero(&key, sizeof key);
    if (!keyring_session_read(&thin->session, &is_found, thin->net.chain_id, thin_key(thin),
                              thin_market(thin))) {
        return END_REFUSED;
    }
    if (!is_found) thin->session.account = TN_NONE;
    struct tn_question question = {
        .kind = TN_ASK_OWNER, .market = thin_market(thin), .owner = owner};
    while (owned.more && owned.count < OWNED_MAX) {
        question.after_account = owned.count == 0 ? 0 : owned.accounts[owned.count - 1];
        if (!thin_ask(thin, &question, take_owned, &owned)) return thin->end;
    }
    if (owned.more) fprintf(stderr, "tenor: there are more than %d accounts\n", OWNED_MAX);
    question.kind = TN_ASK_ACCOUNT;
    output_table(thin->output, "accounts",
                 "account# cash# equity# orders# positions# sessions# here");
    for (uint32_t i = 0; i < owned.count; i++) {
        question.account = owned.accounts[i];
        if (!thin_ask(thin, &question, take_row, thin)) return thin->end;
    }
    output_table_end(thin->output);
    return thin_done(thin);
}

/* Where it stands when others are deleveraged: lamps for the eye, and what they are made of. */
static void put_queue(struct output *output, const struct tn_position_state *position)
{
    char lamps[16] = "-";
    const uint32_t lit = tn_position_lamps(position);
    if (lit > 0) snprintf(lamps, sizeof lamps, "%" PRIu32 "/5", lit);
    output_text(output, "adl", lamps);
    output_number(output, "adl_rank", position->adl_rank);
    output_count(output, "adl_place", position->adl_place);
    output_count(output, "adl_of", position->adl_of);
    output_number(output, "adl_block", position->adl_block);
}

static bool put_positions(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_account_state *state = &news->as.account_state;
    if (news->kind != TN_NEWS_ACCOUNT_STATE) return false;
    if (!state->exists) {
        thin_reject(thin, TN_REJECT_ACCOUNT_UNKNOWN, NULL);
        return true;
    }
    output_table(thin->output, "positions",
                 "series quantity# cost# mark# value# adl adl_rank#? adl_place#? adl_of#? "
                 "adl_block#?");
    for (uint32_t i = 0; i < state->positions_count; i++) {
        const struct tn_position_state *position = &state->positions[i];
        output_row(thin->output);
        thin_put_series(thin, position->series_id);
        thin_put_quantity(thin, "quantity", position->series_id, position->quantity);
        output_money(thin->output, "cost", position->cost_micros);
        thin_put_of_unit(thin, "mark", position->series_id, position->mark_micros);
        output_money(thin->output, "value", position->value_micros);
        put_queue(thin->output, position);
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
                 "when equity# initial# maintenance# free# worst_scenario#?");
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
