/* What must be there before the first quote: a key, an account, money on a test net, a session.
 *
 * Each step looks first and acts only on what is missing, so a run that was cut short is taken up
 * where it stood. What an operation brings about shows in the state some blocks later, so after
 * each the node is asked until it is there. Sessions are kept in the keyring of `tenor` (its --key
 * is our --name). */
#include "clock.h"
#include "mm/mm.h"
#include "tenor/keyring.h"

#include "tenor/margin.h"
#include "tenor/market.h"

#include <string.h>

enum { LOOK_MS = 100, WAIT_MS = 20000, SESSION_DAYS = 30, DAY_MS = 86400000, TRIES = 5 };

/* One connection without a logon, and what it has answered. */
struct setup {
    struct mm *mm;
    struct tn_client *client;
    uint64_t tag;
    bool is_answered, is_closed;
    struct tn_secret_key owner_key, session_key;
    struct tn_public_key session_public;
    struct tn_address owner;
    uint32_t accounts_count, account;
    tn_micros cash_micros;
    uint64_t nonce_top, session, expires_ms, deposit_number;
};

static void take_account(struct setup *setup, const struct tn_account_state *state)
{
    setup->cash_micros = state->cash_micros;
    setup->nonce_top = state->nonce_top;
    for (uint32_t i = 0; i < state->sessions_count; i++) {
        const struct tn_session_state *session = &state->sessions[i];
        if (memcmp(session->key, setup->session_public.bytes, TN_PUBLIC_KEY_SIZE) != 0) continue;
        setup->session = session->session;
        setup->expires_ms = session->expires_ms;
    }
}

static void heard(void *context, const struct tn_client_news *news)
{
    struct setup *setup = context;
    if (news->kind == TN_NEWS_DISCONNECTED) {
        mm_say("%s", news->as.disconnected.why);
        setup->is_closed = news->as.disconnected.retry_ms < 0;
    }
    if (news->tag != setup->tag) return;
    setup->is_answered = true;
    if (news->kind == TN_NEWS_OWNER) {
        setup->accounts_count = news->as.owner.count;
        if (setup->accounts_count > 0) setup->account = news->as.owner.accounts[0];
    } else if (news->kind == TN_NEWS_ACCOUNT_STATE) {
        take_account(setup, &news->as.account_state);
    } else if (news->kind == TN_NEWS_CLUSTER) {
        setup->deposit_number = news->as.cluster.deposit_number;
    } else if (news->kind == TN_NEWS_ERROR) {
        mm_say("the node refused a question: %s (%u)", news->as.error.text, news->as.error.code);
    } else if (news->kind == TN_NEWS_ITEM && news->as.item.answer > TN_ITEM_KNOWN) {
        mm_say("the node did not take an item (%u)", news->as.item.answer);
    }
}

/* ---- Steps -------------------------------------------------------------------------------------
 */

static bool wait_answer(struct setup *setup)
{
    int64_t until_ms = monotonic_ms() + WAIT_MS;
    while (!setup->is_answered && !setup->is_closed && monotonic_ms() < until_ms)
        tn_client_wait(setup->client, LOOK_MS);
    if (!setup->is_answered) mm_say("no node answers");
    return setup->is_answered;
}

static bool wait_connection(struct setup *setup)
{
    int64_t until_ms = monotonic_ms() + WAIT_MS;
    while (tn_client_state(setup->client) != TN_CLIENT_CONNECTED && !setup->is_closed &&
           monotonic_ms() < until_ms)
        tn_client_wait(setup->client, LOOK_MS);
    return tn_client_state(setup->client) == TN_CLIENT_CONNECTED;
}

static bool ask(struct setup *setup, const struct tn_question *question)
{
    if (!wait_connection(setup)) return false;
    setup->is_answered = false;
    setup->tag++;
    return tn_client_ask(setup->client, setup->tag, question) == TN_CLIENT_OK && wait_answer(setup);
}

static bool give(struct setup *setup, const struct tn_block_item *item,
                 const struct tn_secret_key *signer)
{
    if (!wait_connection(setup)) return false;
    setup->is_answered = false;
    setup->tag++;
    return tn_client_item(setup->client, setup->tag, item, signer) == TN_CLIENT_OK &&
           wait_answer(setup);
}

static bool look_owner(struct setup *setup)
{
    return ask(setup, &(struct tn_question){.kind = TN_ASK_OWNER, .owner = setup->owner});
}

static bool look_account(struct setup *setup)
{
    return ask(setup, &(struct tn_question){.kind = TN_ASK_ACCOUNT, .account = setup->account});
}

/* Turns for a moment; false when the time for this step is up. */
static bool may_look_again(struct setup *setup, int64_t until_ms, const char *what)
{
    int64_t pause_ms = monotonic_ms() + LOOK_MS;
    while (monotonic_ms() < pause_ms)
        tn_client_wait(setup->client, pause_ms - monotonic_ms());
    if (monotonic_ms() < until_ms && !setup->is_closed) return true;
    mm_say("%s does not appear in the state", what);
    return false;
}

static bool open_account(struct setup *setup)
{
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    int64_t until_ms = monotonic_ms() + WAIT_MS;
    if (!look_owner(setup)) return false;
    if (setup->accounts_count > 0) return true;
    item.as.operation.kind = TN_OPERATION_OPEN;
    item.as.operation.market = (uint32_t)setup->mm->options.market;
    item.as.operation.number = 1;
    item.as.operation.model = TN_MARGIN_PORTFOLIO;
    if (!give(setup, &item, &setup->owner_key)) return false;
    while (look_owner(setup)) {
        if (setup->accounts_count > 0) return true;
        if (!may_look_again(setup, until_ms, "the account")) return false;
    }
    return false;
}

/* Numbers of deposits run without gaps through the whole chain: another one may be faster. */
static bool deposit(struct setup *setup)
{
    struct mm *mm = setup->mm;
    char why[TN_CLIENT_WHY_SIZE];
    struct tn_secret_key faucet;
    struct tn_block_item item = {.kind = TN_ITEM_DEPOSIT};
    if (!look_account(setup)) return false;
    if (setup->cash_micros > 0 || mm->options.deposit == 0 || mm->net.faucet[0] == '\0')
        return true;
    if (!tn_client_key_read(&faucet, mm->net.faucet, why)) {
        mm_say("%s", why);
        return false;
    }
    item.as.deposit.market = (uint32_t)mm->options.market;
    item.as.deposit.account = setup->account;
    item.as.deposit.amount = (int64_t)mm->options.deposit * 1000000;
    for (uint32_t tries = 0; tries < TRIES; tries++) {
        int64_t until_ms = monotonic_ms() + WAIT_MS / TRIES;
        if (!ask(setup, &(struct tn_question){.kind = TN_ASK_CLUSTER})) return false;
        item.as.deposit.number = setup->deposit_number + 1;
        if (!give(setup, &item, &faucet)) return false;
        while (look_account(setup)) {
            if (setup->cash_micros > 0) return true;
            if (monotonic_ms() >= until_ms) break;
            if (!may_look_again(setup, until_ms + WAIT_MS, "the deposit")) return false;
        }
    }
    mm_say("the deposit does not appear in the state");
    return false;
}

static bool open_session(struct setup *setup)
{
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    struct tn_operation *operation = &item.as.operation;
    struct tn_address address;
    int64_t until_ms = monotonic_ms() + WAIT_MS;
    /* The session's key lives in the session's file only. */
    if (!look_account(setup)) return false;
    if (!tn_client_key_random(&setup->session_key) ||
        !tn_client_key_public(&setup->session_public, &address, &setup->session_key)) {
        mm_say("the system gives no random numbers");
        return false;
    }
    operation->kind = TN_OPERATION_SESSION;
    operation->market = (uint32_t)setup->mm->options.market;
    operation->number = setup->nonce_top + 1;
    operation->account = setup->account;
    operation->key = setup->session_public;
    operation->scope = TN_SCOPE_ALL;
    operation->expires_ms = (int64_t)time(NULL) * 1000 + SESSION_DAYS * (int64_t)DAY_MS;
    if (!give(setup, &item, &setup->owner_key)) return false;
    while (look_account(setup)) {
        if (setup->session != 0) return true;
        if (!may_look_again(setup, until_ms, "the session")) return false;
    }
    return false;
}

static bool prepare(struct setup *setup)
{
    struct mm *mm = setup->mm;
    struct tn_public_key public_key;
    const char *name = mm->options.name;
    struct keyring_session kept;
    bool is_found = false;
    if (!keyring_exists(name) && !keyring_make(&setup->owner_key, name)) return false;
    if (!keyring_read(&setup->owner_key, name)) return false;
    if (!tn_client_key_public(&public_key, &setup->owner, &setup->owner_key)) return false;
    if (!open_account(setup) || !deposit(setup)) return false;
    if (!keyring_session_read(&kept, &is_found, mm->net.chain_id, name,
                              (uint32_t)mm->options.market)) {
        return false;
    }
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    if (!is_found || kept.account != setup->account || kept.expires_ms < now_ms + DAY_MS) {
        if (!open_session(setup)) return false;
        kept = (struct keyring_session){.market = (uint32_t)mm->options.market,
                                        .account = setup->account,
                                        .session = setup->session,
                                        .expires_ms = (int64_t)setup->expires_ms,
                                        .key = setup->session_key};
        if (!keyring_session_write(&kept, mm->net.chain_id, name)) return false;
    }
    mm->session = kept.session;
    mm->key = kept.key;
    explicit_bzero(&kept, sizeof kept);
    return true;
}

bool mm_setup(struct mm *mm)
{
    char why[TN_CLIENT_WHY_SIZE];
    struct setup setup = {.mm = mm};
    struct tn_client_options options = {.nodes = mm->net.nodes,
                                        .nodes_count = mm->net.nodes_count,
                                        .first_node = (uint32_t)mm->options.node,
                                        .market = (uint32_t)mm->options.market,
                                        .heard = heard,
                                        .context = &setup};
    if (mm->options.key != NULL) {
        mm->session = mm->options.session;
        if (tn_client_key_read(&mm->key, mm->options.key, why)) return true;
        mm_say("%s", why);
        return false;
    }
    memcpy(options.chain_id, mm->net.chain_id, sizeof options.chain_id);
    setup.client = tn_client_make(&options, why);
    if (setup.client == NULL) {
        mm_say("%s", why);
        return false;
    }
    bool is_ready = prepare(&setup);
    tn_client_free(setup.client);
    explicit_bzero(&setup, sizeof setup);
    return is_ready;
}
