/* tenor faucet, deposit, withdraw, transfer: money in, out and across.
 *
 * A withdrawal is the owner's alone: no session may do it. It goes as an operation signed by the
 * owner's key, and what came of it is heard in the account's stream by its nonce. */
#include "commands.h"

#include "tenor/margin.h"
#include "tenor/market.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { SESSION_DAYS = 30, FAUCET_MOST = 1000000000, ASSET_MAX = 7 };
static const int64_t day_ms = 86400000;

/* ---- The faucet -------------------------------------------------------------------------------
 */

/* Everything that a first order needs and that is not there yet. */
static bool prepare(struct thin *thin, struct thin_account *account)
{
    struct tn_secret_key key;
    struct tn_address owner;
    struct keyring_session session;
    bool is_found = false;
    if (!keyring_exists(thin_key(thin))) {
        if (!keyring_make(&key, thin_key(thin))) return thin_fail(thin, END_FAILED, "no key");
        explicit_bzero(&key, sizeof key);
        fprintf(stderr, "tenor faucet: made the key '%s'\n", thin_key(thin));
    }
    if (!thin_owner(thin, &key, &owner)) return false;
    bool is_good = thin_first_account(thin, account, &owner);
    if (is_good && !account->exists) {
        is_good = thin_open_account(thin, account, &key, &owner, TN_MARGIN_PORTFOLIO);
        if (is_good)
            fprintf(stderr, "tenor faucet: opened account %" PRIu32 "\n", account->account);
    }
    if (is_good && !keyring_session_read(&session, &is_found, thin->net.chain_id, thin_key(thin),
                                         thin_market(thin))) {
        is_good = thin_fail(thin, END_REFUSED, "the session's file is in the way");
    }
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    bool is_fresh =
        is_found && session.account == account->account && session.expires_ms > now_ms + day_ms;
    explicit_bzero(&session, sizeof session);
    if (is_good && !is_fresh) {
        is_good =
            thin_open_session(thin, account, &key, TN_SCOPE_ALL, now_ms + SESSION_DAYS * day_ms);
        if (is_good) fprintf(stderr, "tenor faucet: opened a session of %d days\n", SESSION_DAYS);
    }
    explicit_bzero(&key, sizeof key);
    return is_good;
}

int money_faucet(struct thin *thin)
{
    struct thin_account account, now;
    tn_micros amount;
    if (!thin_options(thin, NULL, 0, 0, 1)) return thin->end;
    const char *text = thin->arguments.words_count > 0 ? thin->arguments.words[0] : "100000";
    if (!thin_money(thin, &amount, "the amount", text, false)) return thin->end;
    if (amount > (tn_micros)FAUCET_MOST * 1000000) {
        thin_refuse(thin, "at most %d at a time", FAUCET_MOST);
        return thin->end;
    }
    if (!thin_connect(thin) || !prepare(thin, &account)) return thin->end;
    if (!thin_deposit(thin, account.account, 0, amount)) return thin->end;
    if (!thin_account_state(thin, &now, account.account)) return thin->end;
    output_text(thin->output, "key", thin_key(thin));
    output_count(thin->output, "market", thin_market(thin));
    output_count(thin->output, "account", account.account);
    output_money(thin->output, "deposited", amount);
    output_money(thin->output, "cash", now.cash_micros);
    return thin_done(thin);
}

int money_deposit(struct thin *thin)
{
    uint64_t number = THIN_ANY_ACCOUNT, asset = 0;
    uint32_t account;
    int64_t amount;
    const struct argument own[] = {
        {"--account", ARGUMENT_NUMBER, &number, TN_NONE - 1, "N", "whose; else the key's own"},
        {"--asset", ARGUMENT_NUMBER, &asset, ASSET_MAX, "N", "of collateral; 0: cash (0)"},
    };
    if (!thin_options(thin, own, 2, 1, 1)) return thin->end;
    if (!thin_money(thin, &amount, "the amount", thin->arguments.words[0], false)) return thin->end;
    if (!thin_connect(thin) || !thin_account_of(thin, &account, number)) return thin->end;
    if (!thin_deposit(thin, account, (uint32_t)asset, amount)) return thin->end;
    output_count(thin->output, "account", account);
    output_count(thin->output, "asset", asset);
    output_money(thin->output, "deposited", amount);
    return thin_done(thin);
}

/* ---- Withdrawals ------------------------------------------------------------------------------
 */

struct result {
    uint64_t nonce;
    struct tn_event event;
};

static bool take_result(void *context, const struct tn_client_news *news)
{
    struct result *result = context;
    if (news->kind != TN_NEWS_ACCOUNT || news->as.account.nonce != result->nonce ||
        news->as.account.event.kind != TN_EVENT_RESULT) {
        return false;
    }
    result->event = news->as.account.event;
    return true;
}

/* Commands signed by the owner himself. The result comes by the account's stream; the wait for it
 * begins before they are sent, so it cannot be missed. */
static bool owner_command(struct thin *thin, const struct tn_command *command,
                          const struct tn_secret_key *key, struct result *result)
{
    struct thin_account account;
    if (!thin_account_state(thin, &account, thin->session.account)) return false;
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    item.as.operation.kind = TN_OPERATION_FRAME;
    item.as.operation.market = thin_market(thin);
    item.as.operation.account = account.account;
    item.as.operation.entry = (struct tn_entry){
        .kind = TN_ENTRY_FRAME,
        .as.frame = {.commands = command,
                     .commands_count = 1,
                     .account = account.account,
                     .nonce = account.nonce_top + 1,
                     .valid_until_block = tn_client_height(thin->client) + 10000}};
    *result = (struct result){.nonce = account.nonce_top + 1};
    thin->wait = (struct thin_wait){.tag = ++thin->tag, .take = take_result, .context = result};
    enum tn_client_result sent = tn_client_item(thin->client, thin->tag, &item, key);
    if (sent != TN_CLIENT_OK) {
        thin->wait.take = NULL;
        return thin_fail(thin, sent == TN_CLIENT_NOT_CONNECTED ? END_AWAY : END_FAILED,
                         "nothing was sent: %s", tn_client_result_text(sent));
    }
    int64_t until_ms = thin_clock_ms() + (int64_t)thin->with.seconds * 1000;
    while (!thin->wait.is_done && thin_clock_ms() < until_ms)
        tn_client_wait(thin->client, 100);
    bool is_done = thin->wait.is_done, is_refused = thin->wait.is_refused;
    thin->wait.take = NULL;
    if (is_refused) return thin_reject(thin, thin->error.code, thin->why);
    if (is_done) return true;
    return thin_fail(thin, END_AMBIGUOUS,
                     "ambiguous: the operation was sent (nonce %" PRIu64
                     "), and no result came; to find out: tenor account shows cash and nonce",
                     result->nonce);
}

int money_withdraw(struct thin *thin)
{
    uint64_t asset = 0;
    struct tn_command command = {.kind = TN_COMMAND_WITHDRAW};
    struct tn_secret_key key;
    struct tn_address owner;
    struct result result;
    const struct argument own[] = {
        {"--asset", ARGUMENT_NUMBER, &asset, ASSET_MAX, "N", "of collateral; 0: cash (0)"}};
    if (!thin_options(thin, own, 1, 1, 1)) return thin->end;
    if (!thin_money(thin, &command.as.money.amount, "the amount", thin->arguments.words[0],
                    false)) {
        return thin->end;
    }
    command.as.money.asset = (uint32_t)asset;
    if (!thin_owner(thin, &key, &owner)) return thin->end;
    bool is_good = thin_log_on(thin) && owner_command(thin, &command, &key, &result);
    explicit_bzero(&key, sizeof key);
    if (!is_good) return thin->end;
    if (result.event.reject != 0) {
        thin_reject(thin, result.event.reject, NULL);
        return thin->end;
    }
    output_count(thin->output, "account", thin->session.account);
    output_count(thin->output, "asset", asset);
    output_money(thin->output, "withdrawn", command.as.money.amount);
    output_number(thin->output, "nonce", result.nonce);
    return thin_done(thin);
}

static struct tn_command transfer_command(uint64_t market, uint64_t to, uint64_t asset,
                                          tn_micros amount)
{
    struct tn_command command = {.kind = TN_COMMAND_TRANSFER};
    if (market == 0) {
        command.as.money.to_account = (uint32_t)to;
        command.as.money.asset = (uint32_t)asset;
        command.as.money.amount = amount;
    } else {
        command.kind = TN_COMMAND_REMIT;
        command.as.remit.to_market = (uint32_t)market;
        command.as.remit.to_account = (uint32_t)to;
        command.as.remit.amount = amount;
    }
    return command;
}

int money_transfer(struct thin *thin)
{
    uint64_t to = THIN_ANY_ACCOUNT, asset = 0, market = 0;
    tn_micros amount;
    const struct argument own[] = {
        {"--to", ARGUMENT_NUMBER, &to, TN_NONE - 1, "N", "an account of the same owner"},
        {"--to-market", ARGUMENT_NUMBER, &market, UINT32_MAX - 1, "N", "its market (this one)"},
        {"--asset", ARGUMENT_NUMBER, &asset, ASSET_MAX, "N", "of collateral; 0: cash (0)"},
    };
    if (!thin_options(thin, own, 3, 1, 1)) return thin->end;
    if (to == THIN_ANY_ACCOUNT) {
        thin_refuse(thin, "which account takes it? --to N");
        return thin->end;
    }
    if (market == thin_market(thin)) market = 0;
    if (market != 0 && asset != 0) {
        thin_refuse(thin, "between markets only cash moves: leave --asset out");
        return thin->end;
    }
    if (!thin_money(thin, &amount, "the amount", thin->arguments.words[0], false)) {
        return thin->end;
    }
    const struct tn_command command = transfer_command(market, to, asset, amount);
    if (!thin_log_on(thin)) return thin->end;
    if (market == 0 && to == thin->session.account) {
        thin_refuse(thin,
                    "account %" PRIu64 " is the sender itself: --to takes another one; see "
                    "tenor account list",
                    to);
        return thin->end;
    }
    return thin_frame(thin, &command, 1, 0);
}
