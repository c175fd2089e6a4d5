/* inspect: blocks and accounts for people, and proofs for those who do not believe them. All of it
 * is as of the last checkpoint of the store. */
#include "reading.h"
#include "tenor/riskview.h"
#include "tenord.h"

#include "tenor/hex.h"
#include "tenor/product.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 5, SYMBOLS_MAX = 255 };

struct inspect {
    struct reading reading;
    const char *words[WORDS_MAX];
    uint32_t words_count;
    const char *out; /* file of a proof */
    char symbols[SYMBOLS_MAX][TN_SYMBOL_SIZE];
    uint32_t symbols_count;
};

/* ---- Words -------------------------------------------------------------------------------------
 */

static bool word_number(const struct inspect *inspect, uint64_t *number, uint32_t index,
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

/* ---- Records -----------------------------------------------------------------------------------
 */

/* A record of the state; NULL without memory. The caller frees it. */
static uint8_t *take_record(const struct inspect *inspect, size_t *size, uint8_t kind,
                            uint32_t index)
{
    const struct tn_replica *replica = inspect->reading.held.replica;
    *size = tn_replica_record(replica, NULL, 0, kind, index);
    uint8_t *bytes = malloc(*size + 1);
    if (bytes == NULL) {
        complain("out of memory");
        return NULL;
    }
    tn_replica_record(replica, bytes, *size, kind, index);
    return bytes;
}

/* Symbols stand first in the records of underlyings, MARKET 1 and on. */
static bool take_symbols(struct inspect *inspect)
{
    size_t size;
    uint32_t most = inspect->reading.limits.exchange.underlyings_max;
    for (uint32_t i = 0; i < most && i < SYMBOLS_MAX; i++) {
        uint8_t *bytes = take_record(inspect, &size, TN_RECORD_MARKET, i + 1);
        if (bytes == NULL) return false;
        if (size >= TN_SYMBOL_SIZE) {
            memcpy(inspect->symbols[i], bytes, TN_SYMBOL_SIZE);
            inspect->symbols_count = i + 1;
        }
        free(bytes);
    }
    return true;
}

static const char *name_of(const struct inspect *inspect, uint64_t series_id)
{
    static char name[TN_SERIES_NAME_SIZE];
    const char(*symbols)[TN_SYMBOL_SIZE] = (const char(*)[TN_SYMBOL_SIZE])inspect->symbols;
    if (!tn_series_name_format(name, series_id, symbols, inspect->symbols_count)) {
        snprintf(name, sizeof name, "%" PRIu64, series_id);
    }
    return name;
}

/* The slot of a series that is named as makers name it. */
static bool find_series(const struct inspect *inspect, uint32_t *slot, const char *name)
{
    const char(*symbols)[TN_SYMBOL_SIZE] = (const char(*)[TN_SYMBOL_SIZE])inspect->symbols;
    uint64_t id;
    if (tn_series_name_parse(&id, name, symbols, inspect->symbols_count)) {
        uint32_t count = tn_replica_records_count(inspect->reading.held.replica, TN_RECORD_SERIES);
        for (*slot = 0; *slot < count; ++*slot) {
            uint8_t *bytes;
            size_t size;
            if ((bytes = take_record(inspect, &size, TN_RECORD_SERIES, *slot)) == NULL)
                return false;
            bool is_it = size >= 8 && tn_get_be(bytes, 8) == id;
            free(bytes);
            if (is_it) return true;
        }
    }
    complain("there is no series '%s'", name);
    return false;
}

/* ---- block, account ----------------------------------------------------------------------------
 */

static int inspect_block(struct inspect *inspect)
{
    struct stored_block block;
    uint64_t height;
    if (!word_number(inspect, &height, 1, "block", inspect->reading.point.height + 1)) {
        return END_REFUSED;
    }
    if (!reading_block(&block, &inspect->reading, height)) return END_REFUSED;
    const struct tn_block_header *header = &block.header;
    struct tn_hash digest;
    tn_stream_batch_digest(&digest, &block.batch);
    printf("block        %" PRIu64 "\nhash         %s\nparent       %s\ntime         %" PRIu64
           " ms\n",
           height, hash_text(&block.hash), hash_text(&header->parent_hash), header->time_ms);
    printf("root before  %s (of height %" PRIu64 ")\nbatch        %" PRIu64 " %s\n",
           hash_text(&header->exec_root), header->exec_height, block.batch.sequence,
           hash_text(&digest));
    printf("entries      %u, weight %" PRIu64 ", %zu bytes\nresults      %s, %zu bytes\n",
           block.batch.entries_count, block.batch.weight, block.body_size,
           hash_text(&block.batch.results_digest), block.receipts.size);
    return END_GOOD;
}

static bool print_positions(const struct inspect *inspect, uint32_t account)
{
    size_t size;
    uint8_t *bytes = take_record(inspect, &size, TN_RECORD_POSITIONS, account);
    if (bytes == NULL) return false;
    for (size_t at = 0; at < size; at += TN_RECORD_POSITION_SIZE) {
        int64_t quantity = (int64_t)tn_get_be(bytes + at + 8, 8);
        if (quantity == 0) continue;
        printf("position     %-24s %+" PRId64 " lots, cost %" PRId64 " micros\n",
               name_of(inspect, tn_get_be(bytes + at, 8)), quantity,
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
    struct tn_replica *replica = inspect->reading.held.replica;
    const struct tn_exchange *exchange = tn_replica_exchange(replica);
    if (!word_number(inspect, &account, 1, "account", tn_exchange_accounts_count(exchange))) {
        return END_REFUSED;
    }
    tn_exchange_account(exchange, &view, (uint32_t)account);
    tn_hex_write(owner, view.owner, TN_OWNER_SIZE);
    printf("account      %" PRIu64 " at height %" PRIu64
           "\nowner        0x%s\ncash         %" PRId64
           " micros\norders       %u\nnonce        %" PRIu64 "\n",
           account, inspect->reading.point.height, owner, view.cash, view.orders_count,
           view.nonce_top);
    if (tn_exchange_account_risk(exchange, &risk, (uint32_t)account)) {
        printf("equity       %" PRId64 " micros\nmargin       initial %" PRId64
               ", maintenance %" PRId64 ", with orders %" PRId64 " micros (balances)\n",
               risk.margin.equity, risk.margin.im, risk.margin.mm, risk.margin.m);
    }
    return print_positions(inspect, (uint32_t)account) ? END_GOOD : END_FAILED;
}

/* ---- proof -------------------------------------------------------------------------------------
 */

/* A proof in the making: it goes to `bytes`. */
struct proving {
    struct inspect *inspect;
    const struct tn_state *state;
    const struct tn_replica_heads *heads;
    uint8_t *bytes;
    size_t room, size;
};

static bool prove_account(struct proving *proving)
{
    uint64_t account;
    size_t size;
    const struct tn_replica *replica = proving->inspect->reading.held.replica;
    uint32_t count = tn_replica_records_count(replica, TN_RECORD_ACCOUNT);
    if (!word_number(proving->inspect, &account, 2, "account", count)) return false;
    uint8_t *record = take_record(proving->inspect, &size, TN_RECORD_ACCOUNT, (uint32_t)account);
    if (record == NULL) return false;
    proving->size = tn_state_prove_account(proving->state, proving->bytes, proving->room,
                                           &proving->heads->state, (uint32_t)account, record);
    free(record);
    return true;
}

/* position ACCOUNT SERIES */
static bool prove_position(struct proving *proving)
{
    uint64_t account;
    size_t account_size, size;
    uint32_t slot, rank = 0;
    struct inspect *inspect = proving->inspect;
    const struct tn_replica *replica = inspect->reading.held.replica;
    uint32_t count = tn_replica_records_count(replica, TN_RECORD_ACCOUNT);
    if (!word_number(inspect, &account, 2, "account", count)) return false;
    if (inspect->words_count < 4 || !find_series(inspect, &slot, inspect->words[3])) {
        if (inspect->words_count < 4) complain("a position of which series?");
        return false;
    }
    uint8_t *series = take_record(inspect, &size, TN_RECORD_SERIES, slot);
    uint64_t id = series == NULL ? 0 : tn_get_be(series, 8);
    free(series);
    uint8_t *record = take_record(inspect, &account_size, TN_RECORD_ACCOUNT, (uint32_t)account);
    uint8_t *positions = take_record(inspect, &size, TN_RECORD_POSITIONS, (uint32_t)account);
    bool is_there = false;
    if (record != NULL && positions != NULL) {
        for (; rank * TN_RECORD_POSITION_SIZE < size && !is_there; rank++)
            is_there = tn_get_be(positions + rank * TN_RECORD_POSITION_SIZE, 8) == id;
        if (!is_there) complain("the account has no position there");
    }
    if (is_there) {
        proving->size = tn_state_prove_position(proving->state, proving->bytes, proving->room,
                                                &proving->heads->state, (uint32_t)account, record,
                                                positions, size, rank - 1);
    }
    free(record);
    free(positions);
    return is_there;
}

static bool prove_series(struct proving *proving)
{
    uint32_t slot;
    size_t size;
    struct inspect *inspect = proving->inspect;
    if (inspect->words_count < 3) {
        complain("which series?");
        return false;
    }
    if (!find_series(inspect, &slot, inspect->words[2])) return false;
    uint8_t *record = take_record(inspect, &size, TN_RECORD_SERIES, slot);
    if (record == NULL) return false;
    const struct tn_record_name name = {.kind = TN_RECORD_SERIES, .index = slot};
    proving->size = tn_state_prove_record(proving->state, proving->bytes, proving->room,
                                          &proving->heads->state, name, record, size);
    free(record);
    return true;
}

/* Where an order stands in a book's record: its list and its rank there. */
static bool find_order(const uint8_t *book, size_t size, uint64_t order_id, uint32_t *list,
                       uint32_t *rank)
{
    const uint8_t *at = book + 4 * TN_RECORD_BOOK_LISTS;
    if (size == 0) return false;
    for (*list = 0; *list < TN_RECORD_BOOK_LISTS; ++*list) {
        uint32_t count = (uint32_t)tn_get_be(book + 4 * *list, 4);
        for (*rank = 0; *rank < count; ++*rank, at += TN_RECORD_ORDER_SIZE) {
            if (tn_get_be(at, 8) == order_id) return true;
        }
    }
    return false;
}

static bool prove_order(struct proving *proving)
{
    uint64_t order_id;
    struct inspect *inspect = proving->inspect;
    const struct tn_replica *replica = inspect->reading.held.replica;
    if (!word_number(inspect, &order_id, 2, "order", UINT64_MAX)) return false;
    uint32_t count = tn_replica_records_count(replica, TN_RECORD_BOOK);
    for (uint32_t slot = 0; slot < count; slot++) {
        size_t size, series_size;
        uint32_t list, rank;
        uint8_t *book = take_record(inspect, &size, TN_RECORD_BOOK, slot);
        if (book == NULL) return false;
        bool is_here = find_order(book, size, order_id, &list, &rank);
        uint8_t *series =
            is_here ? take_record(inspect, &series_size, TN_RECORD_SERIES, slot) : NULL;
        if (series != NULL) {
            proving->size = tn_state_prove_order(proving->state, proving->bytes, proving->room,
                                                 &proving->heads->state, slot, list, rank, book,
                                                 size, series, series_size);
        }
        free(series);
        free(book);
        if (is_here) return series != NULL;
    }
    complain("no order %" PRIu64 " rests at height %" PRIu64, order_id,
             inspect->reading.point.height);
    return false;
}

/* The nodes that the way from a leaf of a range needs, from the store. */
static bool take_nodes(const struct inspect *inspect, struct tn_hash nodes[TN_PROOF_SIDES],
                       const struct tn_proof_range *range, enum store_leaf tree, uint64_t number)
{
    uint64_t places[TN_PROOF_SIDES];
    uint32_t count = tn_proof_range_places(places, range, number);
    for (uint32_t i = 0; i < count; i++) {
        enum store_err err = store_get_leaf(inspect->reading.view, &nodes[i], tree, places[i]);
        if (err == STORE_OK) continue;
        complain("%s",
                 err == STORE_ABSENT
                     ? "the store lacks nodes of this range: it was restored from a snapshot, "
                       "which has none of its past"
                     : store_view_trail(inspect->reading.view)->text);
        return false;
    }
    return true;
}

static bool prove_block(struct proving *proving)
{
    uint64_t height;
    struct tn_hash nodes[TN_PROOF_SIDES];
    struct stored_block block;
    struct inspect *inspect = proving->inspect;
    if (!word_number(inspect, &height, 2, "block", inspect->reading.point.height + 1) ||
        !reading_block(&block, &inspect->reading, height) ||
        !take_nodes(inspect, nodes, &proving->heads->blocks, STORE_LEAF_BLOCK, height - 1)) {
        return false;
    }
    proving->size =
        tn_state_prove_block(proving->state, proving->bytes, proving->room, &proving->heads->state,
                             &proving->heads->blocks, nodes, height - 1, &block.hash);
    return true;
}

static bool prove_withdrawal(struct proving *proving)
{
    uint64_t number;
    struct tn_hash nodes[TN_PROOF_SIDES];
    struct store_bytes body;
    struct inspect *inspect = proving->inspect;
    const struct tn_proof_range *range = &proving->heads->withdrawals;
    if (!word_number(inspect, &number, 2, "withdrawal", range->count)) return false;
    enum store_err err = store_get_withdrawal(inspect->reading.view, &body, number);
    if (err != STORE_OK || body.size != TN_PROOF_WITHDRAWAL_SIZE) {
        complain("the store has no withdrawal %" PRIu64, number);
        return false;
    }
    if (!take_nodes(inspect, nodes, range, STORE_LEAF_WITHDRAWAL, number)) return false;
    proving->size =
        tn_state_prove_withdrawal(proving->state, proving->bytes, proving->room,
                                  &proving->heads->state, range, nodes, number, body.bytes);
    return true;
}

static bool prove_conservation(struct proving *proving)
{
    size_t size;
    uint8_t *record = take_record(proving->inspect, &size, TN_RECORD_MARKET, 0);
    if (record == NULL) return false;
    proving->size = tn_state_prove_conservation(proving->state, proving->bytes, proving->room,
                                                &proving->heads->state, record, size);
    free(record);
    return true;
}

/* solvency, or exit ACCOUNT */
static bool prove_exit(struct proving *proving)
{
    uint8_t owner[TN_OWNER_SIZE] = {0};
    uint64_t account = TN_NONE;
    tn_micros equity_micros = 0;
    struct inspect *inspect = proving->inspect;
    const struct tn_equity *equity = tn_replica_equity(inspect->reading.held.replica);
    if (!proving->heads->has_exit) {
        complain("there was no exit checkpoint yet: one is made each %u blocks",
                 inspect->reading.limits.exit_blocks);
        return false;
    }
    if (strcmp(inspect->words[1], "exit") == 0) {
        struct tn_replica *replica = inspect->reading.held.replica;
        struct tn_account_view view;
        uint32_t count = tn_replica_exit_accounts(replica);
        if (!word_number(inspect, &account, 2, "account", count)) return false;
        equity_micros = tn_replica_exit_equity(replica, (uint32_t)account);
        tn_exchange_account(tn_replica_exchange(replica), &view, (uint32_t)account);
        memcpy(owner, view.owner, sizeof owner);
    }
    proving->size =
        tn_state_prove_exit(proving->state, proving->bytes, proving->room, &proving->heads->state,
                            equity, proving->heads->exit, (uint32_t)account, owner, equity_micros);
    return true;
}

static const struct proof_kind {
    const char *name;
    bool (*prove)(struct proving *);
} proof_kinds[] = {
    {"account", prove_account},
    {"position", prove_position},
    {"order", prove_order},
    {"series", prove_series},
    {"block", prove_block},
    {"solvency", prove_exit},
    {"conservation", prove_conservation},
    {"exit", prove_exit},
    {"withdrawal", prove_withdrawal},
};
enum { PROOF_KINDS_COUNT = sizeof proof_kinds / sizeof proof_kinds[0] };

static int inspect_proof(struct inspect *inspect)
{
    enum { ROOM = 1 << 20 };
    struct proving proving = {.inspect = inspect, .room = ROOM};
    const struct proof_kind *kind = NULL;
    for (uint32_t i = 0; i < PROOF_KINDS_COUNT && inspect->words_count > 1; i++) {
        if (strcmp(inspect->words[1], proof_kinds[i].name) == 0) kind = &proof_kinds[i];
    }
    if (kind == NULL || inspect->out == NULL) {
        complain("a proof of what, and to which file? see tenord inspect --help");
        return END_REFUSED;
    }
    proving.state = tn_replica_state(inspect->reading.held.replica);
    proving.heads = tn_replica_heads(inspect->reading.held.replica);
    proving.bytes = malloc(ROOM);
    int end = proving.bytes != NULL && kind->prove(&proving) ? END_GOOD : END_REFUSED;
    if (end == END_GOOD && proving.size == 0) {
        complain("the state holds no proof of this: %s",
                 kind->prove == prove_exit
                     ? "what accounts are worth is more than vault and insurance hold"
                     : "it is not so");
        end = END_REFUSED;
    }
    if (end == END_GOOD && !file_write(inspect->out, proving.bytes, proving.size)) {
        end = END_FAILED;
    }
    if (end == END_GOOD) {
        printf("%s: %zu bytes, against the state root %s of height %" PRIu64 "\n", inspect->out,
               proving.size, hash_text(&proving.heads->root), proving.heads->height);
    }
    free(proving.bytes);
    return end;
}

/* ---- The command -------------------------------------------------------------------------------
 */

static const char usage[] =
    "usage: tenord inspect --home DIR block HEIGHT\n"
    "       tenord inspect --home DIR account NUMBER\n"
    "       tenord inspect --home DIR --out FILE proof KIND [WHICH...]\n\n"
    "Proofs: account NUMBER; position NUMBER SERIES; order ID; series SERIES; block HEIGHT;\n"
    "withdrawal NUMBER; conservation; solvency; exit NUMBER. All as of the last checkpoint.\n"
    "They are checked by: tenor proof verify --file FILE --root ROOT\n";

static int inspect_words(struct inspect *inspect)
{
    const char *what = inspect->words_count > 0 ? inspect->words[0] : "";
    if (strcmp(what, "block") == 0) return inspect_block(inspect);
    bool is_account = strcmp(what, "account") == 0;
    if (!is_account && strcmp(what, "proof") != 0) {
        complain("inspect takes block, account or proof; see tenord inspect --help");
        return END_REFUSED;
    }
    if (!reading_load(&inspect->reading)) return END_WRONG;
    if (!take_symbols(inspect)) return END_FAILED;
    return is_account ? inspect_account(inspect) : inspect_proof(inspect);
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
        {"--out", OPTION_TEXT, &inspect->out, 0, "file to write a proof to"},
    };
    struct option_set set = {.usage = usage,
                             .options = options,
                             .options_count = 2,
                             .words = inspect->words,
                             .words_max = WORDS_MAX};
    int end = END_REFUSED;
    if (options_read(&set, arguments_count, arguments)) {
        inspect->words_count = set.words_count;
        if (reading_open(&inspect->reading, home)) {
            end = inspect_words(inspect);
            reading_close(&inspect->reading);
        } else {
            end = reading_end(&inspect->reading);
        }
    } else if (set.help_printed) {
        end = END_GOOD;
    }
    free(inspect);
    return end;
}
