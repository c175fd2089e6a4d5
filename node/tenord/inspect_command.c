/* inspect: blocks and accounts for people, and proofs for those who do not believe them. All of it
 * is as of the last checkpoint of the store. */
#include "inspect.h"
#include "tenord.h"

#include "tenor/hex.h"
#include "tenor/riskview.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words -------------------------------------------------------------------------------------
 */

bool inspect_number(const struct inspect *inspect, uint64_t *number, uint32_t index,
                    const char *what, uint64_t count)
{
    char *end = NULL;
    if (index >= inspect->words_count) {
        complain("which %s? see tenord inspect --help", what);
        return false;
    }
    const char *word = inspect->words[index];
    errno = 0;
    unsigned long long value = strtoull(word, &end, 10);
    if (errno != 0 || end == word || *end != '\0' || word[0] == '-' || value >= count) {
        if (count == 0) {
            complain("there is no %s '%s': there is none at all", what, word);
        } else if (count == UINT64_MAX) {
            complain("'%s' is not the number of an %s", word, what);
        } else {
            complain("there is no %s '%s': the last is %" PRIu64, what, word, count - 1);
        }
        return false;
    }
    *number = value;
    return true;
}

/* ---- account -----------------------------------------------------------------------------------
 */

const char *inspect_series_name(const struct inspect *inspect, uint64_t series_id)
{
    static char name[TN_SERIES_NAME_SIZE];
    const char(*symbols)[TN_SYMBOL_SIZE] = (const char(*)[TN_SYMBOL_SIZE])inspect->symbols;
    if (!tn_series_name_format(name, series_id, symbols, inspect->symbols_count)) {
        snprintf(name, sizeof name, "%" PRIu64, series_id);
    }
    return name;
}

static bool print_positions(const struct inspect *inspect, uint32_t account)
{
    size_t size;
    uint8_t *bytes = inspect_record(inspect, &size, TN_RECORD_POSITIONS, account);
    if (bytes == NULL) return false;
    for (size_t at = 0; at < size; at += TN_RECORD_POSITION_SIZE) {
        int64_t quantity = (int64_t)tn_get_be(bytes + at + 8, 8);
        if (quantity == 0) continue;
        printf("position     %-24s %+" PRId64 " lots, cost %" PRId64 " micros\n",
               inspect_series_name(inspect, tn_get_be(bytes + at, 8)), quantity,
               (int64_t)tn_get_be(bytes + at + 16, 8));
    }
    free(bytes);
    return true;
}

static int inspect_account(struct inspect *inspect)
{
    uint64_t account;
    char owner[2 * TN_OWNER_SIZE + 1];
    struct tn_account_view view;
    struct tn_account_risk_view risk;
    const struct tn_exchange *exchange = inspect->exchange;
    if (!inspect_number(inspect, &account, 1, "account", tn_exchange_accounts_count(exchange))) {
        return END_REFUSED;
    }
    tn_exchange_account(exchange, &view, (uint32_t)account);
    tn_hex_write(owner, view.owner, TN_OWNER_SIZE);
    if (inspect->set != NULL) {
        printf("market       %u\n", inspect->set->conf.limits.markets[inspect->place].market);
    }
    printf("account      %" PRIu64 " at height %" PRIu64
           "\nowner        0x%s\ncash         %" PRId64
           " micros\norders       %u\nnonce        %" PRIu64 "\n",
           account, inspect->height, owner, view.cash, view.orders_count, view.nonce_top);
    if (tn_exchange_account_risk(exchange, &risk, (uint32_t)account)) {
        printf("equity       %" PRId64 " micros\nmargin       initial %" PRId64
               ", maintenance %" PRId64 ", with orders %" PRId64 " micros (balances)\n",
               risk.margin.equity, risk.margin.im, risk.margin.mm, risk.margin.m);
    }
    return print_positions(inspect, (uint32_t)account) ? END_GOOD : END_FAILED;
}

/* ---- The command -------------------------------------------------------------------------------
 */

static const char usage[] =
    "usage: tenord inspect --home DIR block HEIGHT\n"
    "       tenord inspect --home DIR [--market N] account NUMBER\n"
    "       tenord inspect --home DIR [--market N] fills ACCOUNT\n"
    "       tenord inspect --home DIR [--market N] order ID|ACCOUNT/CLIENT_ID [ACCOUNT]\n"
    "       tenord inspect --home DIR [--market N] --out FILE proof KIND [WHICH...]\n\n"
    "Proofs: account NUMBER; position NUMBER SERIES; order ID; series SERIES; block HEIGHT;\n"
    "withdrawal NUMBER; conservation; solvency; exit NUMBER. All as of the last checkpoint.\n"
    "They are checked by: tenor proof verify --file FILE --root ROOT\n";

static int inspect_words(struct inspect *inspect)
{
    const char *what = inspect->words_count > 0 ? inspect->words[0] : "";
    if (strcmp(what, "block") == 0) return inspect_block(inspect);
    static const struct {
        const char *what;
        int (*run)(struct inspect *);
    } words[] = {{"account", inspect_account},
                 {"fills", inspect_fills},
                 {"order", inspect_order},
                 {"proof", inspect_proof}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(what, words[i].what) != 0) continue;
        int end = inspect_load(inspect);
        return end == END_GOOD ? words[i].run(inspect) : end;
    }
    complain("inspect takes block, account, fills, order or proof; see tenord inspect --help");
    return END_REFUSED;
}

int inspect_command(int arguments_count, char **arguments)
{
    struct inspect *inspect = calloc(1, sizeof *inspect);
    const char *home = NULL;
    if (inspect == NULL) {
        complain("out of memory");
        return END_FAILED;
    }
    const struct option options[] = {
        {"--home", OPTION_TEXT, &home, 0, "folder of the node, which may be running"},
        {"--market", OPTION_NUMBER, &inspect->market, UINT32_MAX,
         "market of a set that has more than one"},
        {"--out", OPTION_TEXT, &inspect->out, 0, "file to write a proof to"},
    };
    struct option_set set = {.usage = usage,
                             .options = options,
                             .options_count = sizeof options / sizeof options[0],
                             .words = inspect->words,
                             .words_max = INSPECT_WORDS_MAX};
    int end = END_REFUSED;
    if (options_read(&set, arguments_count, arguments)) {
        inspect->words_count = set.words_count;
        end = inspect_open(inspect, home);
        if (end == END_GOOD) end = inspect_words(inspect);
        inspect_close(inspect);
    } else if (set.help_printed) {
        end = END_GOOD;
    }
    free(inspect);
    return end;
}
