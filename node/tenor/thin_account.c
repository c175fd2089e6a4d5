/* thin_account: owners, their accounts and sessions: what must be there before the first order.
 *
 * Operations of an owner go into blocks; a node says that it has taken one, not what came of it. So
 * each is followed by looking at the state until it shows there: the account, the session with this
 * key, the deposit's number. All numbers are the state's, so a run that was cut short is taken up
 * by the next one where it stood. */
#include "thin.h"

#include "tenor/margin.h"
#include "tenor/market.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { LOOK_MS = 50, DEPOSIT_ATTEMPTS = 5 };

/* ---- Looking ----------------------------------------------------------------------------------
 */

bool thin_owner(struct thin *thin, struct tn_secret_key *key, struct tn_address *owner)
{
    struct tn_public_key public_key;
    if (!keyring_read(key, thin_key(thin))) {
        thin->end = END_REFUSED;
        return false;
    }
    if (tn_client_key_public(&public_key, owner, key)) return true;
    return thin_fail(thin, END_REFUSED, "the file of the key '%s' holds no key", thin_key(thin));
}

struct state_taken {
    struct thin_account *account;
    const struct tn_public_key *key; /* of a session that is looked for */
    uint64_t session;                /* and its id; 0: not there */
};

static bool take_state(void *context, const struct tn_client_news *news)
{
    struct state_taken *taken = context;
    const struct tn_account_state *state = &news->as.account_state;
    if (news->kind != TN_NEWS_ACCOUNT_STATE) return false;
    *taken->account = (struct thin_account){.exists = state->exists,
                                            .account = state->account,
                                            .cash_micros = state->cash_micros,
                                            .nonce_top = state->nonce_top};
    memcpy(taken->account->owner.bytes, state->owner, TN_ADDRESS_SIZE);
    for (uint32_t i = 0; i < state->sessions_count && taken->key != NULL; i++) {
        const struct tn_session_state *session = &state->sessions[i];
        if (memcmp(session->key, taken->key->bytes, TN_PUBLIC_KEY_SIZE) == 0) {
            taken->session = session->session;
        }
    }
    return true;
}

bool thin_account_state(struct thin *thin, struct thin_account *account, uint32_t number)
{
    struct state_taken taken = {.account = account};
    const struct tn_question question = {
        .kind = TN_ASK_ACCOUNT, .market = thin_market(thin), .account = number};
    return thin_ask(thin, &question, take_state, &taken);
}

struct owner_taken {
    bool has_one, more;
    uint32_t first, last, count;
};

static bool take_owner(void *context, const struct tn_client_news *news)
{
    struct owner_taken *taken = context;
    if (news->kind != TN_NEWS_OWNER) return false;
    const uint32_t count = news->as.owner.count;
    taken->more = news->as.owner.more;
    taken->count += count;
    if (count == 0) return true;
    if (!taken->has_one) taken->first = news->as.owner.accounts[0];
    taken->has_one = true;
    taken->last = news->as.owner.accounts[count - 1];
    return true;
}

static bool look_owner(struct thin *thin, struct owner_taken *taken, const struct tn_address *owner)
{
    struct tn_question question = {
        .kind = TN_ASK_OWNER, .market = thin_market(thin), .owner = *owner};
    *taken = (struct owner_taken){.more = true};
    while (taken->more) {
        question.after_account = taken->last;
        if (!thin_ask(thin, &question, take_owner, taken)) return false;
    }
    return true;
}

bool thin_first_account(struct thin *thin, struct thin_account *account,
                        const struct tn_address *owner)
{
    struct owner_taken taken;
    *account = (struct thin_account){0};
    if (!look_owner(thin, &taken, owner)) return false;
    return !taken.has_one || thin_account_state(thin, account, taken.first);
}

bool thin_account_of(struct thin *thin, uint32_t *account, uint64_t number)
{
    struct keyring_session session;
    struct thin_account first;
    struct tn_secret_key key;
    struct tn_address owner;
    bool is_found;
    if (number != THIN_ANY_ACCOUNT) {
        *account = (uint32_t)number;
        return true;
    }
    if (!keyring_session_read(&session, &is_found, thin->net.chain_id, thin_key(thin),
                              thin_market(thin))) {
        thin->end = END_REFUSED;
        return false;
    }
    *account = session.account;
    explicit_bzero(&session, sizeof session);
    if (is_found) return true;
    bool is_known = thin_owner(thin, &key, &owner);
    explicit_bzero(&key, sizeof key);
    if (!is_known || !thin_first_account(thin, &first, &owner)) return false;
    *account = first.account;
    if (first.exists) return true;
    return thin_fail(thin, END_REFUSED,
                     "the key '%s' has no account in market %u; run tenor faucet (on a testnet) or "
                     "tenor account open, or name one by --account",
                     thin_key(thin), thin_market(thin));
}

/* ---- Opening ----------------------------------------------------------------------------------
 */

/* One more look after a moment, until the time is up. */
static bool may_look_again(struct thin *thin, int64_t until_ms, const char *what)
{
    if (thin_clock_ms() < until_ms) return thin_turn_for(thin, LOOK_MS);
    return thin_fail(thin, END_AMBIGUOUS,
                     "ambiguous: a node took it, but %s is not there after %" PRIu64
                     " s; look with tenor account, or run the same command again: what is there "
                     "already is not made twice",
                     what, thin->with.seconds);
}

static int64_t until(const struct thin *thin)
{
    return thin_clock_ms() + (int64_t)thin->with.seconds * 1000;
}

bool thin_open_account(struct thin *thin, struct thin_account *account,
                       const struct tn_secret_key *key, const struct tn_address *owner,
                       uint8_t model)
{
    struct owner_taken before, now;
    if (!look_owner(thin, &before, owner)) return false;
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    item.as.operation.kind = TN_OPERATION_OPEN;
    item.as.operation.market = thin_market(thin);
    item.as.operation.number = before.count + 1;
    item.as.operation.model = model;
    if (!thin_item(thin, &item, key)) return false;
    for (int64_t until_ms = until(thin);;) {
        if (!look_owner(thin, &now, owner)) return false;
        if (now.count > before.count) break;
        if (!may_look_again(thin, until_ms, "the account")) return false;
    }
    return thin_account_state(thin, account, now.last);
}

static bool new_key(struct thin *thin, struct tn_secret_key *key, struct tn_public_key *public_key)
{
    struct tn_address address;
    do {
        if (getrandom(key->bytes, sizeof key->bytes, 0) != (ssize_t)sizeof key->bytes) {
            return thin_fail(thin, END_FAILED, "the system has no randomness");
        }
    } while (!tn_client_key_public(public_key, &address, key));
    return true;
}

bool thin_open_session(struct thin *thin, const struct thin_account *account,
                       const struct tn_secret_key *owner, uint32_t scope, int64_t expires_ms)
{
    struct keyring_session session = {
        .market = thin_market(thin), .account = account->account, .expires_ms = expires_ms};
    struct tn_public_key public_key;
    struct thin_account now;
    if (!new_key(thin, &session.key, &public_key)) return false;
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    item.as.operation.kind = TN_OPERATION_SESSION;
    item.as.operation.market = session.market;
    item.as.operation.number = account->nonce_top + 1;
    item.as.operation.account = account->account;
    item.as.operation.key = public_key;
    item.as.operation.scope = scope;
    item.as.operation.expires_ms = expires_ms;
    if (!thin_item(thin, &item, owner)) return false;
    const struct tn_question question = {
        .kind = TN_ASK_ACCOUNT, .market = session.market, .account = account->account};
    struct state_taken taken = {.account = &now, .key = &public_key};
    for (int64_t until_ms = until(thin); taken.session == 0;) {
        if (!thin_ask(thin, &question, take_state, &taken)) return false;
        if (taken.session != 0) break;
        if (now.nonce_top > account->nonce_top) {
            return thin_fail(thin, END_REJECTED,
                             "rejected: the nonce was used, and there is no such session: the "
                             "account has its maximum of sessions, or something else used the "
                             "nonce; see tenor session list, or run it again");
        }
        if (!may_look_again(thin, until_ms, "the session")) return false;
    }
    session.session = taken.session;
    if (keyring_session_write(&session, thin->net.chain_id, thin_key(thin))) {
        thin->session = session;
        explicit_bzero(&session, sizeof session);
        return true;
    }
    thin->end = END_FAILED;
    return false;
}

/* ---- Deposits ---------------------------------------------------------------------------------
 */

static bool take_cluster(void *context, const struct tn_client_news *news)
{
    if (news->kind != TN_NEWS_CLUSTER) return false;
    *(uint64_t *)context = news->as.cluster.deposit_number;
    return true;
}

static bool last_deposit(struct thin *thin, uint64_t *number)
{
    const struct tn_question question = {.kind = TN_ASK_CLUSTER};
    return thin_ask(thin, &question, take_cluster, number);
}

/* False: the time is up, or the connection is lost. *is_ours: the account has more than before.
 * Deposits are credited behind the block that holds them, when the market's stream comes to it. */
static bool deposit_came(struct thin *thin, bool *is_ours, uint64_t number,
                         const struct thin_account *before, int64_t until_ms)
{
    struct thin_account now;
    uint64_t last;
    for (int64_t settled_ms = INT64_MAX;;) {
        if (!last_deposit(thin, &last)) return false;
        if (!thin_account_state(thin, &now, before->account)) return false;
        *is_ours = now.cash_micros > before->cash_micros;
        if (*is_ours) return true;
        /* The number is used: a moment more for the stream, then it was somebody else's. */
        if (last >= number && settled_ms == INT64_MAX) settled_ms = thin_clock_ms() + 3000;
        if (thin_clock_ms() > settled_ms) return true;
        if (!may_look_again(thin, until_ms, "the deposit")) return false;
    }
}

bool thin_deposit(struct thin *thin, uint32_t account, uint32_t asset, int64_t amount)
{
    struct tn_secret_key key;
    struct thin_account before;
    uint64_t last;
    if (thin->net.faucet[0] == '\0') {
        return thin_fail(thin, END_REFUSED,
                         "client.conf names no faucet: only testnets have one; "
                         "deposits come from the base layer here");
    }
    if (!tn_client_key_read(&key, thin->net.faucet, thin->why)) {
        return thin_fail(thin, END_FAILED, "%s", thin->why);
    }
    bool is_good = thin_account_state(thin, &before, account), is_ours = false;
    if (is_good && !before.exists) {
        is_good = thin_fail(thin, END_REFUSED, "there is no account %u in market %u", account,
                            thin_market(thin));
    }
    for (uint32_t i = 0; i < DEPOSIT_ATTEMPTS && is_good && !is_ours; i++) {
        is_good = last_deposit(thin, &last);
        struct tn_block_item item = {.kind = TN_ITEM_DEPOSIT};
        item.as.deposit.number = last + 1;
        item.as.deposit.market = thin_market(thin);
        item.as.deposit.account = account;
        item.as.deposit.asset = asset;
        item.as.deposit.amount = amount;
        is_good = is_good && thin_item(thin, &item, &key);
        if (is_good && asset != 0) {
            is_ours = true; /* collateral does not show in cash: taken is what can be said */
        } else if (is_good) {
            is_good = deposit_came(thin, &is_ours, last + 1, &before, until(thin));
        }
    }
    explicit_bzero(&key, sizeof key);
    if (!is_good || is_ours) return is_good;
    return thin_fail(thin, END_REJECTED,
                     "rejected: others deposit at the same time and took each number first; run it "
                     "again");
}
