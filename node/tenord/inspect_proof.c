/* inspect_proof: proofs for those who do not believe what a node says, out of a state that was read
 * from its store. Of a set they are of one market of it, against the set's root. */
#include "inspect.h"
#include "tenord.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A proof in the making: it goes to `bytes`. */
struct proving {
    const struct inspect *inspect;
    uint8_t *bytes;
    size_t room, size;
};

static bool prove_account(struct proving *proving)
{
    uint64_t account;
    size_t size;
    uint32_t count = inspect_records_count(proving->inspect, TN_RECORD_ACCOUNT);
    if (!inspect_number(proving->inspect, &account, 2, "account", count)) return false;
    uint8_t *record = inspect_record(proving->inspect, &size, TN_RECORD_ACCOUNT, (uint32_t)account);
    if (record == NULL) return false;
    proving->size = tn_state_prove_account(proving->inspect->state, proving->bytes, proving->room,
                                           proving->inspect->head, (uint32_t)account, record);
    free(record);
    return true;
}

/* position ACCOUNT SERIES */
static bool prove_position(struct proving *proving)
{
    uint64_t account;
    size_t account_size, size;
    uint32_t slot, rank = 0;
    const struct inspect *inspect = proving->inspect;
    uint32_t count = inspect_records_count(proving->inspect, TN_RECORD_ACCOUNT);
    if (!inspect_number(inspect, &account, 2, "account", count)) return false;
    if (inspect->words_count < 4 || !inspect_series(inspect, &slot, inspect->words[3])) {
        if (inspect->words_count < 4) complain("a position of which series?");
        return false;
    }
    uint8_t *series = inspect_record(inspect, &size, TN_RECORD_SERIES, slot);
    uint64_t id = series == NULL ? 0 : tn_get_be(series, 8);
    free(series);
    uint8_t *record = inspect_record(inspect, &account_size, TN_RECORD_ACCOUNT, (uint32_t)account);
    uint8_t *positions = inspect_record(inspect, &size, TN_RECORD_POSITIONS, (uint32_t)account);
    bool is_there = false;
    if (record != NULL && positions != NULL) {
        for (; rank * TN_RECORD_POSITION_SIZE < size && !is_there; rank++)
            is_there = tn_get_be(positions + rank * TN_RECORD_POSITION_SIZE, 8) == id;
        if (!is_there) complain("the account has no position there");
    }
    if (is_there) {
        proving->size = tn_state_prove_position(
            proving->inspect->state, proving->bytes, proving->room, proving->inspect->head,
            (uint32_t)account, record, positions, size, rank - 1);
    }
    free(record);
    free(positions);
    return is_there;
}

static bool prove_series(struct proving *proving)
{
    uint32_t slot;
    size_t size;
    const struct inspect *inspect = proving->inspect;
    if (inspect->words_count < 3) {
        complain("which series?");
        return false;
    }
    if (!inspect_series(inspect, &slot, inspect->words[2])) return false;
    uint8_t *record = inspect_record(inspect, &size, TN_RECORD_SERIES, slot);
    if (record == NULL) return false;
    const struct tn_record_name name = {.kind = TN_RECORD_SERIES, .index = slot};
    proving->size = tn_state_prove_record(proving->inspect->state, proving->bytes, proving->room,
                                          proving->inspect->head, name, record, size);
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
    const struct inspect *inspect = proving->inspect;
    if (!inspect_number(inspect, &order_id, 2, "order", UINT64_MAX)) return false;
    uint32_t count = inspect_records_count(proving->inspect, TN_RECORD_BOOK);
    for (uint32_t slot = 0; slot < count; slot++) {
        size_t size, series_size;
        uint32_t list, rank;
        uint8_t *book = inspect_record(inspect, &size, TN_RECORD_BOOK, slot);
        if (book == NULL) return false;
        bool is_here = find_order(book, size, order_id, &list, &rank);
        uint8_t *series =
            is_here ? inspect_record(inspect, &series_size, TN_RECORD_SERIES, slot) : NULL;
        if (series != NULL) {
            proving->size = tn_state_prove_order(proving->inspect->state, proving->bytes,
                                                 proving->room, proving->inspect->head, slot, list,
                                                 rank, book, size, series, series_size);
        }
        free(series);
        free(book);
        if (is_here) return series != NULL;
    }
    complain("no order %" PRIu64 " rests at height %" PRIu64, order_id, inspect->height);
    return false;
}

static bool prove_block(struct proving *proving)
{
    uint64_t height;
    struct tn_hash hash, nodes[TN_PROOF_SIDES];
    const struct inspect *inspect = proving->inspect;
    if (!inspect_number(inspect, &height, 2, "block", inspect->height + 1)) return false;
    if (height == 0) {
        complain("there is no block 0: the genesis is none");
        return false;
    }
    if (!inspect_block_nodes(inspect, &hash, nodes, height)) return false;
    proving->size = tn_state_prove_block(inspect->state, proving->bytes, proving->room,
                                         inspect->head, inspect->blocks, nodes, height - 1, &hash);
    return true;
}

static bool prove_withdrawal(struct proving *proving)
{
    uint64_t number;
    struct tn_hash nodes[TN_PROOF_SIDES];
    uint8_t body[TN_PROOF_WITHDRAWAL_SIZE];
    const struct inspect *inspect = proving->inspect;
    if (!inspect_number(inspect, &number, 2, "withdrawal", inspect->withdrawals->count) ||
        !inspect_withdrawal_nodes(inspect, body, nodes, number)) {
        return false;
    }
    proving->size =
        tn_state_prove_withdrawal(inspect->state, proving->bytes, proving->room, inspect->head,
                                  inspect->withdrawals, nodes, number, body);
    return true;
}

static bool prove_conservation(struct proving *proving)
{
    size_t size;
    uint8_t *record = inspect_record(proving->inspect, &size, TN_RECORD_MARKET, 0);
    if (record == NULL) return false;
    proving->size =
        tn_state_prove_conservation(proving->inspect->state, proving->bytes, proving->room,
                                    proving->inspect->head, record, size);
    free(record);
    return true;
}

/* What the EQUITY records say of an account. False after a complaint. */
static bool take_equity(const struct inspect *inspect, uint8_t owner[TN_OWNER_SIZE],
                        tn_micros *equity_micros, uint32_t account)
{
    size_t size, at = (size_t)(account % TN_RECORD_EQUITY_CHUNK) * TN_PROOF_EQUITY_SIZE;
    uint8_t *bytes =
        inspect_record(inspect, &size, TN_RECORD_EQUITY, account / TN_RECORD_EQUITY_CHUNK);
    if (bytes == NULL) return false;
    TN_ASSERT(at + TN_PROOF_EQUITY_SIZE <= size); /* the account is below the record's count */
    memcpy(owner, bytes + at, TN_OWNER_SIZE);
    *equity_micros = (int64_t)tn_get_be(bytes + at + TN_OWNER_SIZE, 8);
    free(bytes);
    return true;
}

/* solvency, or exit ACCOUNT */
static bool prove_exit(struct proving *proving)
{
    enum { EXIT_COUNT_AT = 8 }; /* in the exit record */
    uint8_t owner[TN_OWNER_SIZE] = {0};
    uint64_t account = TN_NONE;
    tn_micros equity_micros = 0;
    const struct inspect *inspect = proving->inspect;
    if (inspect->exit == NULL) {
        complain("there was no exit checkpoint yet: one is made each %u blocks",
                 inspect->exit_blocks);
        return false;
    }
    if (strcmp(inspect->words[1], "exit") == 0 &&
        (!inspect_number(inspect, &account, 2, "account",
                         tn_get_be(inspect->exit + EXIT_COUNT_AT, 4)) ||
         !take_equity(inspect, owner, &equity_micros, (uint32_t)account))) {
        return false;
    }
    proving->size = tn_state_prove_exit(inspect->state, proving->bytes, proving->room,
                                        inspect->head, inspect->equity, inspect->exit,
                                        (uint32_t)account, owner, equity_micros);
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

int inspect_proof(struct inspect *inspect)
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
        end = end_of_place(errno);
    }
    if (end == END_GOOD) {
        printf("%s: %zu bytes, against the state root %s of height %" PRIu64 "\n", inspect->out,
               proving.size, hash_text(&inspect->root), inspect->height);
    }
    free(proving.bytes);
    return end;
}
