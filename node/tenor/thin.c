/* thin: options, the connection, one question at a time.
 *
 * A command of a person does one thing, waits for what came of it and ends, so the client library's
 * news are turned here into calls that return: thin_turn_until_done lets it turn until the one
 * answer that is waited for is there, or the time is up, or all nodes have been tried in vain. What
 * nobody waits for goes to `heard`. An end is told once, with its exit code. */
#include "thin.h"

#include "tenor/client_errors.h"
#include "tenor/hex.h"
#include "words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_DEFAULT = 10, SECONDS_MAX = 86400, HOST_SIZE = 64, TELL_WAIT_MS = 2000 };

/* ---- Ends -------------------------------------------------------------------------------------
 */

static bool end_with(struct thin *thin, int end, const char *format, va_list values)
{
    if (!thin->is_reported) {
        fprintf(stderr, "tenor %s: ", thin->command->words);
        vfprintf(stderr, format, values);
        fputc('\n', stderr);
    }
    thin->is_reported = true;
    thin->end = end;
    return false;
}

bool thin_fail(struct thin *thin, int end, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    end_with(thin, end, format, values);
    va_end(values);
    return false;
}

bool thin_refuse(struct thin *thin, const char *format, ...)
{
    va_list values;
    bool was_reported = thin->is_reported;
    va_start(values, format);
    end_with(thin, END_REFUSED, format, values);
    va_end(values);
    if (!was_reported) {
        const char *takes = thin->command->takes;
        fprintf(stderr, "usage: tenor %s%s%s; see tenor %s --help\n", thin->command->words,
                takes[0] == '\0' ? "" : " ", takes, thin->command->words);
    }
    return false;
}

/* Hints are for whoever writes a client: they name messages and fields of the protocol. Here are
 * the commands that ask or send those. */
static void print_commands(FILE *err, const char *hint)
{
    static const struct {
        const char *word, *commands;
    } pairs[] = {
        {"GetCluster", "tenor cluster"},
        {"GetInstruments", "tenor markets"},
        {"GetLiquidations", "tenor liquidations"},
        {"GetMargin", "tenor margin SERIES buy|sell QUANTITY"},
        {"GetOrders", "tenor order list"},
        {"GetOwner", "tenor account list"},
        {"INSTRUMENTS", "tenor markets"},
        {"Instrument.steps", "tenor markets"},
        {"Ticker.band", "tenor ticker SERIES"},
        {"makes a new session", "tenor session new"},
        {"makes a session", "tenor session new"},
        {"mmp_reset", "tenor mmp reset"},
        {"mmp_set", "tenor mmp set"},
        {"reduce_only", "--reduce-only"},
        {"session first", "tenor session list, tenor session revoke"},
        {"fee_max_ppm", "--fee-max"},
        {"later `until`", "--until-block; tenor block tells the height"},
        {"Hello of this connection", "tenor session new"},
        {"height 0", "tenor block, without --height"},
        {"a display of", "--display"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strstr(hint, pairs[i].word) == NULL) continue;
        fprintf(err, "  here: %s\n", pairs[i].commands);
        return;
    }
}

bool thin_reject(struct thin *thin, uint32_t code, const char *text)
{
    const char *name = tn_error_name(code), *sentence = tn_error_text(code);
    const char *hint = tn_error_hint(code);
    thin_fail(thin, END_REJECTED, "rejected: %" PRIu32 " %s: %s", code, name == NULL ? "?" : name,
              sentence == NULL ? "a number that this program does not know" : sentence);
    if (text != NULL && text[0] != '\0' && (sentence == NULL || strcmp(text, sentence) != 0)) {
        fprintf(stderr, "  the node says: %s\n", text);
    }
    if (hint == NULL) return false;
    fprintf(stderr, "  hint: %s\n", hint);
    print_commands(stderr, hint);
    return false;
}

int thin_done(struct thin *thin)
{
    struct output *output = thin->output;
    thin->output = NULL;
    if (thin->end != END_GOOD && output_is_empty(output)) {
        output_free(output);
        return thin->end;
    }
    int end = output_end(output, stderr);
    return thin->end != END_GOOD ? thin->end : end;
}

void thin_free(struct thin *thin)
{
    tn_client_free(thin->client);
    output_free(thin->output);
    free(thin->instruments.list);
    explicit_bzero(&thin->session, sizeof thin->session);
}

/* ---- Options ----------------------------------------------------------------------------------
 */

static enum format format_of(const struct thin *thin)
{
    if (thin->with.format == 1) return FORMAT_TABLE;
    if (thin->with.format == 2) return FORMAT_JSON;
    return isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_JSON;
}

/* 0: it is no terminal, or does not say. */
static int terminal_columns(void)
{
    struct winsize size;
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* How long to wait when --timeout does not say. */
static bool usual_seconds(struct thin *thin)
{
    const char *text = getenv("TENOR_TIMEOUT");
    uint64_t seconds = 0;
    thin->with.seconds = SECONDS_DEFAULT;
    if (text == NULL || text[0] == '\0') return true;
    for (const char *at = text; *at >= '0' && *at <= '9' && seconds <= SECONDS_MAX; at++)
        seconds = seconds * 10 + (uint64_t)(*at - '0');
    if (seconds < 1 || seconds > SECONDS_MAX || text[strspn(text, "0123456789")] != '\0') {
        return thin_refuse(thin, "TENOR_TIMEOUT takes 1 to %d seconds, not '%.40s'", SECONDS_MAX,
                           text);
    }
    thin->with.seconds = seconds;
    return true;
}

static bool read_options(struct thin *thin, const struct argument *own, size_t own_count,
                         size_t words_min, size_t words_max, bool stream)
{
    struct thin_with *with = &thin->with;
    static const char *const formats[] = {"", "table", "json"};
    const char *format = NULL;
    bool is_json = false;
    const struct argument common[] = {
        {"--net", ARGUMENT_TEXT, &with->net, 0, "DIR", "a testnet's folder (env TENOR_NET)"},
        {"--node", ARGUMENT_TEXT, &with->node, 0, "HOST:PORT", "a node, instead of the net's"},
        {"--trust", ARGUMENT_TEXT, &with->trust, 0, "CERT", "the certificate of --node"},
        {"--chain", ARGUMENT_TEXT, &with->chain, 0, "HEX", "the chain's id, without --net"},
        {"--market", ARGUMENT_COUNT, &with->market, UINT32_MAX - 1, "N", "the market (1)"},
        {"--key", ARGUMENT_TEXT, &with->key, 0, "NAME", "whose key (default; env TENOR_KEY)"},
        {"-o", ARGUMENT_TEXT, &format, 0, "table|json", "how to print (table on a terminal)"},
        {"--json", ARGUMENT_FLAG, &is_json, 0, NULL, "the same as -o json"},
        {"--wait", ARGUMENT_CHOICE, &with->wait, 0, "final|soft",
         "which result to wait for (final)"},
        {"--forced", ARGUMENT_FLAG, &with->forced, 0, NULL,
         "by a block: no leader can leave it out"},
        {"--timeout", ARGUMENT_COUNT, &with->seconds, SECONDS_MAX, "SECONDS",
         "of waiting (10; env TENOR_TIMEOUT)"},
    };
    thin->arguments = (struct arguments){.command = thin->command,
                                         .own = own,
                                         .own_count = own_count,
                                         .common = common,
                                         .common_count = sizeof common / sizeof common[0],
                                         .words_min = words_min,
                                         .words_max = words_max};
    with->seconds = UINT64_MAX;
    thin->end = END_REFUSED;
    if (!arguments_read(&thin->arguments, stderr, thin->texts_count, thin->texts)) return false;
    with->has_seconds = with->seconds != UINT64_MAX;
    if (!with->has_seconds && !usual_seconds(thin)) return false;
    if (thin->arguments.help_wanted) {
        arguments_help(stdout, &thin->arguments);
        thin->end = command_flush(stdout, stderr);
        return false;
    }
    if (is_json && format == NULL) format = "json";
    for (uint32_t i = 1; format != NULL && i <= 2; i++)
        if (strcmp(format, formats[i]) == 0) with->format = i;
    if (format != NULL && with->format == 0) {
        return thin_refuse(thin, "-o takes table or json, not '%.40s'", format);
    }
    if (!keyring_name_is_good(thin_key(thin))) return false;
    if (with->forced && with->wait == 1) {
        return thin_refuse(thin,
                           "--forced has no soft result: a block brings it; leave --wait out");
    }
    /* They lie on this function's stack. */
    thin->arguments.own = thin->arguments.common = NULL;
    thin->output = output_make(stdout, format_of(thin), stream);
    if (thin->output == NULL) return thin_fail(thin, END_FAILED, "out of memory");
    output_room(thin->output, terminal_columns());
    thin->end = END_GOOD;
    return true;
}

bool thin_options(struct thin *thin, const struct argument *own, size_t own_count, size_t words_min,
                  size_t words_max)
{
    return read_options(thin, own, own_count, words_min, words_max, false);
}

bool thin_options_stream(struct thin *thin, const struct argument *own, size_t own_count,
                         size_t words_min, size_t words_max)
{
    return read_options(thin, own, own_count, words_min, words_max, true);
}

uint32_t thin_market(const struct thin *thin)
{
    if (thin->with.market != 0) return (uint32_t)thin->with.market;
    return thin->net.markets_count > 0 ? thin->net.markets[0] : 1;
}

const char *thin_key(const struct thin *thin)
{
    const char *name = getenv("TENOR_KEY");
    if (thin->with.key != NULL) return thin->with.key;
    return name != NULL && name[0] != '\0' ? name : "default";
}

/* ---- The net ----------------------------------------------------------------------------------
 */

/* HOST:PORT, the host in square brackets when it has colons itself. */
static bool read_address(struct tn_client_node *node, char host[HOST_SIZE], const char *text)
{
    const char *colon = strrchr(text, ':');
    char *end;
    if (colon == NULL || colon == text || (size_t)(colon - text) >= HOST_SIZE) return false;
    long port = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port < 1 || port > 65535) return false;
    size_t length = (size_t)(colon - text);
    bool is_bracketed = text[0] == '[' && text[length - 1] == ']' && length > 2;
    memcpy(host, text + is_bracketed, length - 2 * is_bracketed);
    host[length - 2 * is_bracketed] = '\0';
    node->host = host;
    node->port = (uint16_t)port;
    return true;
}

/* One node of the caller's choice instead of the net's; its certificate may be the net's. */
static bool choose_node(struct thin *thin)
{
    struct tn_client_net *net = &thin->net;
    struct tn_client_node chosen = {.certificate = thin->with.trust};
    char host[HOST_SIZE];
    if (!read_address(&chosen, host, thin->with.node)) {
        return thin_refuse(thin, "--node takes HOST:PORT, not '%.80s'", thin->with.node);
    }
    for (uint32_t i = 0; i < net->nodes_count && chosen.certificate == NULL; i++) {
        if (net->nodes[i].port == chosen.port && strcmp(net->nodes[i].host, host) == 0) {
            chosen.certificate = net->nodes[i].certificate;
        }
    }
    if (chosen.certificate == NULL) {
        return thin_refuse(thin,
                           "--node %s is none of the net's: say which certificate it has by "
                           "--trust CERT",
                           thin->with.node);
    }
    memcpy(net->hosts[0], host, sizeof host);
    chosen.host = net->hosts[0];
    net->nodes[0] = chosen;
    net->nodes_count = 1;
    return true;
}

bool thin_net(struct thin *thin)
{
    const char *folder = thin->with.net != NULL ? thin->with.net : getenv("TENOR_NET");
    bool is_named = folder != NULL && folder[0] != '\0';
    if (is_named && !tn_client_net_read(&thin->net, folder, thin->why)) {
        return thin_fail(thin, END_REFUSED, "%s", thin->why);
    }
    if (thin->with.chain != NULL &&
        !tn_hex_read(thin->net.chain_id, sizeof thin->net.chain_id, thin->with.chain)) {
        return thin_refuse(thin, "--chain takes 64 hexadecimal digits");
    }
    if (!is_named && (thin->with.node == NULL || thin->with.chain == NULL)) {
        if (thin->with.node != NULL) {
            return thin_refuse(thin,
                               "--node without a net needs --chain HEX too: the line chain of "
                               "the net's client.conf");
        }
        return thin_refuse(thin, "where is the net? --net DIR (or TENOR_NET), or --node HOST:PORT "
                                 "with --trust CERT and --chain HEX");
    }
    return thin->with.node == NULL || choose_node(thin);
}

/* ---- Turning ----------------------------------------------------------------------------------
 */

int64_t thin_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void keep_why(struct thin *thin, const char *why)
{
    snprintf(thin->why, sizeof thin->why, "%s", why);
}

static void hear(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    struct thin_wait *wait = &thin->wait;
    if (news->kind == TN_NEWS_CONNECTED) thin->lost_count = 0;
    if (news->kind == TN_NEWS_DISCONNECTED) {
        if (!news->as.disconnected.is_moving) thin->lost_count++;
        if (thin->error.code == 0) keep_why(thin, news->as.disconnected.why);
        if (news->as.disconnected.retry_ms < 0) thin->is_closed = true;
    }
    bool is_awaited = wait->take != NULL && !wait->is_done;
    if (news->kind == TN_NEWS_ERROR) {
        thin->error = news->as.error;
        keep_why(thin, news->as.error.text);
        if (is_awaited && news->tag == wait->tag) {
            wait->is_done = wait->is_refused = true;
        } else if (thin->heard != NULL) {
            thin->heard(thin->heard_context, news);
        }
        return;
    }
    if (is_awaited && wait->take(wait->context, news)) {
        wait->is_done = true;
        return;
    }
    if (thin->heard != NULL) thin->heard(thin->heard_context, news);
}

/* What to look at when no node was left to try. */
static const char *advice(const struct thin *thin)
{
    if (strstr(thin->why, "another chain") != NULL) {
        return "; it is of another net: is --net, or --chain, the right one?";
    }
    if (strstr(thin->why, "another certificate") != NULL) {
        return "; somebody else answers there: is --net, or --trust, the right one?";
    }
    if (thin->with.node != NULL) return "; does a node run there?";
    return "; no node of the net answers: does one run, and do its addresses in client.conf hold?";
}

/* Every node was tried once, or the client says that it is over. */
static bool is_hopeless(const struct thin *thin)
{
    return thin->is_closed || tn_client_state(thin->client) == TN_CLIENT_CLOSED ||
           thin->lost_count >= thin->net.nodes_count;
}

/* A person who waits is told for what, once. */
static void tell_wait(struct thin *thin, int64_t left_ms, const char *what)
{
    if (thin->is_wait_told || !isatty(STDERR_FILENO)) return;
    thin->is_wait_told = true;
    fprintf(stderr, "tenor %s: %s: no answer yet; waits %" PRId64 " s more (--timeout)\n",
            thin->command->words, what, (left_ms + 999) / 1000);
}

bool thin_turn_until_done(struct thin *thin, int64_t wait_ms, const char *what)
{
    const int64_t from_ms = thin_clock_ms();
    int64_t until_ms = from_ms + wait_ms;
    while (!thin->wait.is_done) {
        int64_t now_ms = thin_clock_ms(), left_ms = until_ms - now_ms;
        if (left_ms > 0 && now_ms - from_ms >= TELL_WAIT_MS) tell_wait(thin, left_ms, what);
        bool is_lost = is_hopeless(thin);
        if (left_ms <= 0 || is_lost) {
            thin->wait.take = NULL;
            if (thin->error.code != 0 && is_lost) {
                return thin_reject(thin, thin->error.code, thin->why);
            }
            return thin_fail(thin, END_AWAY, "not connected: %s: %s%s", what,
                             thin->why[0] != '\0' ? thin->why : "no answer in time",
                             is_lost ? advice(thin) : "");
        }
        const int64_t silent_ms = from_ms + TELL_WAIT_MS - now_ms;
        tn_client_wait(thin->client, silent_ms > 0 && silent_ms < left_ms ? silent_ms : left_ms);
    }
    thin->wait.take = NULL;
    if (thin->wait.is_refused) return thin_reject(thin, thin->error.code, thin->why);
    return true;
}

bool thin_turn_for(struct thin *thin, int64_t wait_ms)
{
    int64_t until_ms = thin_clock_ms() + wait_ms;
    for (;;) {
        int64_t left_ms = until_ms - thin_clock_ms();
        if (left_ms <= 0) return true;
        if (is_hopeless(thin)) {
            return thin_fail(thin, END_AWAY, "not connected: %s", thin->why);
        }
        tn_client_wait(thin->client, left_ms);
    }
}

static int64_t patience_ms(const struct thin *thin)
{
    return (int64_t)thin->with.seconds * 1000;
}

/* ---- Connecting -------------------------------------------------------------------------------
 */

static bool take_connected(void *context, const struct tn_client_news *news)
{
    (void)context;
    return news->kind == TN_NEWS_CONNECTED;
}

static bool take_logged_on(void *context, const struct tn_client_news *news)
{
    (void)context;
    return news->kind == TN_NEWS_LOGGED_ON;
}

static bool connect_with(struct thin *thin, bool log_on)
{
    struct tn_client_options options = {.nodes = thin->net.nodes,
                                        .nodes_count = thin->net.nodes_count,
                                        .market = thin_market(thin),
                                        .log_on = log_on,
                                        .heard = hear,
                                        .context = thin};
    memcpy(options.chain_id, thin->net.chain_id, sizeof options.chain_id);
    if (log_on) {
        options.session = thin->session.session;
        options.key = thin->session.key;
    }
    tn_client_free(thin->client);
    thin->client = tn_client_make(&options, thin->why);
    explicit_bzero(&options.key, sizeof options.key);
    if (thin->client == NULL) return thin_fail(thin, END_REFUSED, "%s", thin->why);
    thin->why[0] = '\0';
    thin->error = (struct tn_news_error){0};
    thin->lost_count = 0;
    thin->is_closed = false;
    thin->wait =
        (struct thin_wait){.tag = UINT64_MAX, .take = log_on ? take_logged_on : take_connected};
    return thin_turn_until_done(thin, patience_ms(thin), log_on ? "logging on" : "connecting");
}

bool thin_connect(struct thin *thin)
{
    if (thin->net.nodes_count == 0 && !thin_net(thin)) return false;
    return connect_with(thin, false);
}

bool thin_log_on(struct thin *thin)
{
    bool is_found;
    if (thin->net.nodes_count == 0 && !thin_net(thin)) return false;
    if (!keyring_session_read(&thin->session, &is_found, thin->net.chain_id, thin_key(thin),
                              thin_market(thin))) {
        thin->end = END_REFUSED;
        return false;
    }
    if (!is_found) {
        return thin_fail(thin, END_REFUSED,
                         "the key '%s' has no session in market %u of this net; run tenor faucet "
                         "(on a testnet) or tenor session new",
                         thin_key(thin), thin_market(thin));
    }
    return connect_with(thin, true);
}

/* ---- Asking -----------------------------------------------------------------------------------
 */

struct asked {
    struct thin *thin;
    bool (*take)(void *context, const struct tn_client_news *news);
    void *context;
};

static bool take_answer(void *context, const struct tn_client_news *news)
{
    const struct asked *asked = context;
    if (news->tag != asked->thin->wait.tag) return false;
    return asked->take(asked->context, news);
}

bool thin_ask(struct thin *thin, const struct tn_question *question,
              bool (*take)(void *context, const struct tn_client_news *news), void *context)
{
    struct asked asked = {.thin = thin, .take = take, .context = context};
    thin->error = (struct tn_news_error){0};
    thin->wait = (struct thin_wait){.tag = ++thin->tag, .take = take_answer, .context = &asked};
    enum tn_client_result result = tn_client_ask(thin->client, thin->tag, question);
    if (result == TN_CLIENT_OK) return thin_turn_until_done(thin, patience_ms(thin), "asking");
    thin->wait.take = NULL;
    return thin_fail(thin, result == TN_CLIENT_NOT_CONNECTED ? END_AWAY : END_FAILED,
                     "cannot ask: %s", tn_client_result_text(result));
}

struct item_taken {
    struct thin *thin;
    uint8_t answer;
};

static bool take_item(void *context, const struct tn_client_news *news)
{
    struct item_taken *taken = context;
    if (news->kind != TN_NEWS_ITEM || news->tag != taken->thin->wait.tag) return false;
    taken->answer = news->as.item.answer;
    return true;
}

bool thin_item(struct thin *thin, const struct tn_block_item *item,
               const struct tn_secret_key *signer)
{
    struct item_taken taken = {.thin = thin};
    thin->error = (struct tn_news_error){0};
    thin->wait = (struct thin_wait){.tag = ++thin->tag, .take = take_item, .context = &taken};
    enum tn_client_result result = tn_client_item(thin->client, thin->tag, item, signer);
    if (result != TN_CLIENT_OK) {
        thin->wait.take = NULL;
        return thin_fail(thin, result == TN_CLIENT_NOT_CONNECTED ? END_AWAY : END_FAILED,
                         "cannot send it: %s", tn_client_result_text(result));
    }
    if (!thin_turn_until_done(thin, patience_ms(thin), "sending an item")) return false;
    switch ((enum tn_item_answer)taken.answer) {
        case TN_ITEM_TAKEN:
        case TN_ITEM_KNOWN: return true;
        case TN_ITEM_INVALID:
            return thin_fail(thin, END_REJECTED,
                             "rejected: the node says that the item is not valid: its signature, "
                             "number, account or market");
        case TN_ITEM_NO_ROOM:
            return thin_fail(thin, END_REJECTED,
                             "rejected: the node has no room for items now; try again");
    }
    return thin_fail(thin, END_FAILED, "the node's answer is none that is known");
}
