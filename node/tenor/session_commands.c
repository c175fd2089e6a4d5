/* tenor session: keys of this machine that may trade for an account. The owner's key makes and ends
 * them; it is needed for nothing else that a trader does every day. */
#include "commands.h"

#include "tenor/market.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { DAYS_DEFAULT = 30, DAYS_MAX = 3650 };
static const int64_t day_ms = 86400000;

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

/* The account of that number, or the first, if it is the owner's. */
static bool own_account(struct thin *thin, struct thin_account *account,
                        const struct tn_address *owner, uint64_t number)
{
    bool is_first = number == THIN_ANY_ACCOUNT;
    if (is_first && !thin_first_account(thin, account, owner)) return false;
    if (!is_first && !thin_account_state(thin, account, (uint32_t)number)) return false;
    if (!account->exists && is_first) {
        return thin_fail(thin, END_REFUSED,
                         "the key '%s' has no account in market %u; run tenor account open",
                         thin_key(thin), thin_market(thin));
    }
    if (account->exists && memcmp(account->owner.bytes, owner->bytes, TN_ADDRESS_SIZE) == 0) {
        return true;
    }
    return thin_fail(thin, END_REFUSED,
                     "account %" PRIu64 " is none of the key '%s' in market %u; see tenor account "
                     "list",
                     number, thin_key(thin), thin_market(thin));
}

int session_new(struct thin *thin)
{
    uint64_t days = DAYS_DEFAULT;
    uint64_t number = THIN_ANY_ACCOUNT;
    const char *scope_text = "all";
    uint32_t scope;
    struct tn_secret_key key;
    struct tn_address owner;
    struct thin_account account;
    const struct argument own[] = {
        {"--account", ARGUMENT_NUMBER, &number, TN_NONE - 1, "N", "of the key's (the first)"},
        {"--days", ARGUMENT_NUMBER, &days, DAYS_MAX, "N", "until it expires (30)"},
        {"--scope", ARGUMENT_TEXT, &scope_text, 0, "WORDS",
         "what it may do: all, or trade,quote,…"},
    };
    if (!thin_options(thin, own, 3, 0, 0) || !read_scope(thin, &scope, scope_text))
        return thin->end;
    if (days == 0) {
        thin_refuse(thin, "--days is at least 1");
        return thin->end;
    }
    if (!thin_connect(thin) || !thin_owner(thin, &key, &owner)) return thin->end;
    bool is_good = own_account(thin, &account, &owner, number);
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
    output_table(thin->output, "sessions", "session# scope expires key? here");
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
        return END_REFUSED;
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
    if (!is_good) return thin->end == END_GOOD ? END_REFUSED : thin->end; /* the session's file */
    if (is_found && session == own_session.session) {
        keyring_session_drop(thin->net.chain_id, thin_key(thin), thin_market(thin));
    }
    explicit_bzero(&own_session, sizeof own_session);
    output_number(thin->output, "session", session);
    output_text(thin->output, "state", "revoked");
    return thin_done(thin);
}

/* For a bot that signs by itself: the secret goes into a file of its own, never on a screen. */
int session_export(struct thin *thin)
{
    struct keyring_session session;
    const char *path = NULL;
    bool is_found;
    const struct argument own[] = {
        {"--out", ARGUMENT_TEXT, &path, 0, "FILE", "a new file, of mode 0600"}};
    if (!thin_options(thin, own, 1, 0, 0) || !thin_net(thin)) return thin->end;
    if (path == NULL) {
        thin_refuse(thin, "into which file? --out FILE");
        return thin->end;
    }
    if (!keyring_session_read(&session, &is_found, thin->net.chain_id, thin_key(thin),
                              thin_market(thin))) {
        return END_REFUSED;
    }
    if (!is_found) {
        thin_fail(thin, END_REFUSED,
                  "the key '%s' has no session in market %u of this net; run tenor session new",
                  thin_key(thin), thin_market(thin));
        return thin->end;
    }
    int end = keyring_write(&session.key, path) ? END_GOOD : command_end_of(errno);
    explicit_bzero(&session.key, sizeof session.key);
    if (end != END_GOOD) return end;
    put_session(thin, &session);
    output_text(thin->output, "file", path);
    return thin_done(thin);
}
