/* One proof of every type from one small world: for the tests that bend them, the fuzzer that
 * starts from them, and the vectors. */
#ifndef TENOR_TEST_STATE_GALLERY_H
#define TENOR_TEST_STATE_GALLERY_H

#include "state_world.h"

#define GALLERY_TYPES     12 /* 1 + the last; 0 is an empty record: RECORD a second time */
#define GALLERY_SIZE_MAX  16384
#define GALLERY_BLOCKS    11
#define GALLERY_ACCOUNT   5
#define GALLERY_VAULT     INT64_C(5000000000)
#define GALLERY_INSURANCE INT64_C(70000000)

struct gallery {
    struct world *world;
    void *equity_memory;
    struct tn_equity *equity;
    uint8_t exit_record[TN_PROOF_EXIT_SIZE];
    struct tn_proof_range blocks, withdrawals;
    struct tn_hash nodes[2][2 * GALLERY_BLOCKS]; /* as a file would have them */
    struct tn_hash block_hashes[GALLERY_BLOCKS];
    uint8_t withdrawal_bodies[GALLERY_BLOCKS][TN_PROOF_WITHDRAWAL_SIZE];
    struct tn_hash root;
    uint8_t proofs[GALLERY_TYPES][GALLERY_SIZE_MAX];
    size_t sizes[GALLERY_TYPES];
};

/* Cash that fits, and a house that balances it. */
static inline void gallery_balance(struct world *world)
{
    int64_t sum = 0;
    uint8_t *market = world->records[TN_RECORD_MARKET][0].bytes;
    for (uint32_t i = 0; i < world->counts[TN_RECORD_ACCOUNT]; i++) {
        int64_t cash = (int64_t)tn_random_below(&world->random, UINT64_C(1) << 36) - (1 << 30);
        world_number(world->records[TN_RECORD_ACCOUNT][i].bytes + 24, (uint64_t)cash, 8);
        world_set(world, TN_RECORD_ACCOUNT, i);
        sum += cash;
    }
    for (uint32_t i = 1; i < 6; i++) {
        world_number(market + 8 * i, 1000 * i, 8);
        sum += 1000 * i;
    }
    world_number(market, (uint64_t)-sum, 8);
    world_set(world, TN_RECORD_MARKET, 0);
}

static inline void gallery_ranges(struct gallery *gallery)
{
    struct tn_hash made[TN_PROOF_SIDES + 1];
    uint32_t used[2] = {0, 0};
    for (uint32_t i = 0; i < GALLERY_BLOCKS; i++) {
        uint8_t *body = gallery->withdrawal_bodies[i];
        struct tn_hash leaf;
        uint32_t count;
        tn_keccak256(&gallery->block_hashes[i], &i, sizeof i);
        tn_proof_range_leaf(&leaf, TN_PROOF_BLOCKS, i, gallery->block_hashes[i].bytes, 32);
        count = tn_proof_range_append(&gallery->blocks, made, &leaf);
        memcpy(&gallery->nodes[0][used[0]], made, count * sizeof *made);
        used[0] += count;

        memset(body, 0, TN_PROOF_WITHDRAWAL_SIZE);
        world_number(body, 3, 4);
        world_number(body + 4, i, 4);
        memset(body + 8, (int)(0x40 + i), 20);
        world_number(body + 28, i % 3, 4);
        world_number(body + 32, 1000000 * (i + 1), 8);
        world_number(body + 40, 900 + i, 8);
        tn_proof_range_leaf(&leaf, TN_PROOF_WITHDRAWALS, i, body, TN_PROOF_WITHDRAWAL_SIZE);
        count = tn_proof_range_append(&gallery->withdrawals, made, &leaf);
        memcpy(&gallery->nodes[1][used[1]], made, count * sizeof *made);
        used[1] += count;
    }
}

static inline void gallery_equity(struct gallery *gallery)
{
    const struct world *world = gallery->world;
    const uint32_t accounts = world->counts[TN_RECORD_ACCOUNT];
    const struct tn_state_exit exit = {world->head.height - 7, GALLERY_VAULT, GALLERY_INSURANCE};
    gallery->equity_memory = aligned_alloc(64, tn_align(tn_equity_size(accounts + 10)));
    TN_ASSERT(gallery->equity_memory != NULL);
    gallery->equity = tn_equity_init(gallery->equity_memory, accounts + 10, world_cpu());
    tn_equity_count(gallery->equity, accounts);
    for (uint32_t i = 0; i < accounts; i++)
        tn_equity_set(gallery->equity, i, world->records[TN_RECORD_ACCOUNT][i].bytes,
                      (int64_t)i * 1000001 - 3000000);
    tn_equity_update(gallery->equity);
    tn_equity_record(gallery->equity, gallery->exit_record,
                     &gallery->world->head.globals[TN_GLOBAL_EXITS], 3, &exit);
}

/* The nodes a way needs, read from the "file". */
static inline void gallery_nodes(struct tn_hash *nodes, const struct tn_hash *file,
                                 const struct tn_proof_range *range, uint64_t number)
{
    uint64_t places[TN_PROOF_SIDES];
    const uint32_t count = tn_proof_range_places(places, range, number);
    for (uint32_t i = 0; i < count; i++)
        nodes[i] = file[places[i]];
}

static inline void gallery_prove_rest(struct gallery *gallery, uint64_t number)
{
    struct world *world = gallery->world;
    const struct tn_state *state = world->state;
    const struct tn_state_head *head = &world->head;
    const struct world_record *account = &world->records[TN_RECORD_ACCOUNT][GALLERY_ACCOUNT];
    struct tn_hash nodes[TN_PROOF_SIDES];
    gallery_nodes(nodes, gallery->nodes[0], &gallery->blocks, number);
    gallery->sizes[6] =
        tn_state_prove_block(state, gallery->proofs[6], GALLERY_SIZE_MAX, head, &gallery->blocks,
                             nodes, number, &gallery->block_hashes[number]);
    gallery_nodes(nodes, gallery->nodes[1], &gallery->withdrawals, number);
    gallery->sizes[7] = tn_state_prove_withdrawal(state, gallery->proofs[7], GALLERY_SIZE_MAX, head,
                                                  &gallery->withdrawals, nodes, number,
                                                  gallery->withdrawal_bodies[number]);
    const struct world_record *market = &world->records[TN_RECORD_MARKET][0];
    gallery->sizes[8] = tn_state_prove_conservation(state, gallery->proofs[8], GALLERY_SIZE_MAX,
                                                    head, market->bytes, market->size);
    gallery->sizes[9] =
        tn_state_prove_exit(state, gallery->proofs[9], GALLERY_SIZE_MAX, head, gallery->equity,
                            gallery->exit_record, TN_NONE, NULL, 0);
    gallery->sizes[10] = tn_state_prove_exit(state, gallery->proofs[10], GALLERY_SIZE_MAX, head,
                                             gallery->equity, gallery->exit_record, GALLERY_ACCOUNT,
                                             account->bytes, GALLERY_ACCOUNT * 1000001 - 3000000);
    gallery->sizes[11] = tn_state_prove_leaves(state, gallery->proofs[11], GALLERY_SIZE_MAX, head,
                                               TN_RECORD_ACCOUNT, 4, 2);
}

static inline void gallery_prove(struct gallery *gallery)
{
    struct world *world = gallery->world;
    const struct tn_state *state = world->state;
    const struct tn_state_head *head = &world->head;
    const struct world_record *account = &world->records[TN_RECORD_ACCOUNT][GALLERY_ACCOUNT];
    const struct world_record *positions = &world->records[TN_RECORD_POSITIONS][GALLERY_ACCOUNT];
    const struct world_record *series = &world->records[TN_RECORD_SERIES][2];
    const struct world_record *book = &world->records[TN_RECORD_BOOK][2];
    const struct world_record *margin = &world->records[TN_RECORD_MARGIN][3];
    gallery->sizes[0] =
        tn_state_prove_record(state, gallery->proofs[0], GALLERY_SIZE_MAX, head,
                              (struct tn_record_name){TN_RECORD_MEMORY, 7}, NULL, 0);
    gallery->sizes[1] = tn_state_prove_account(state, gallery->proofs[1], GALLERY_SIZE_MAX, head,
                                               GALLERY_ACCOUNT, account->bytes);
    gallery->sizes[2] =
        tn_state_prove_position(state, gallery->proofs[2], GALLERY_SIZE_MAX, head, GALLERY_ACCOUNT,
                                account->bytes, positions->bytes, positions->size, 4);
    gallery->sizes[3] = tn_state_prove_record(state, gallery->proofs[3], GALLERY_SIZE_MAX, head,
                                              (struct tn_record_name){TN_RECORD_MARGIN, 3},
                                              margin->bytes, margin->size);
    gallery->sizes[4] = tn_state_prove_record(state, gallery->proofs[4], GALLERY_SIZE_MAX, head,
                                              (struct tn_record_name){TN_RECORD_SERIES, 2},
                                              series->bytes, series->size);
    gallery->sizes[5] =
        tn_state_prove_order(state, gallery->proofs[5], GALLERY_SIZE_MAX, head, 2, 1, 3,
                             book->bytes, book->size, series->bytes, series->size);
    gallery_prove_rest(gallery, 8);
}

static inline struct gallery *gallery_open(uint64_t seed, uint32_t accounts, uint32_t series)
{
    struct gallery *gallery = calloc(1, sizeof *gallery);
    TN_ASSERT(gallery != NULL && accounts > 8 && series > 2);
    struct world *world = gallery->world = world_open(seed);
    world_fill(world, accounts, series);
    struct world_record *positions = &world->records[TN_RECORD_POSITIONS][GALLERY_ACCOUNT];
    while (positions->size != 40 * 8)
        world_make(world, TN_RECORD_POSITIONS, positions);
    world_set(world, TN_RECORD_POSITIONS, GALLERY_ACCOUNT);
    struct world_record *book = &world->records[TN_RECORD_BOOK][2];
    while (twin_number(book->bytes + 4, 4) < 4)
        world_make(world, TN_RECORD_BOOK, book);
    world_set(world, TN_RECORD_BOOK, 2);
    world->records[TN_RECORD_MEMORY][7].size = 0;
    world_set(world, TN_RECORD_MEMORY, 7);
    gallery_balance(world);
    gallery_ranges(gallery);
    gallery_equity(gallery);
    tn_keccak256(&world->head.globals[TN_GLOBAL_STREAMS], "streams", 7);
    tn_proof_range_root(&world->head.globals[TN_GLOBAL_BLOCKS], &gallery->blocks, TN_PROOF_BLOCKS);
    tn_proof_range_root(&world->head.globals[TN_GLOBAL_WITHDRAWALS], &gallery->withdrawals,
                        TN_PROOF_WITHDRAWALS);
    gallery->root = world_root(world);
    gallery_prove(gallery);
    return gallery;
}

static inline void gallery_close(struct gallery *gallery)
{
    world_close(gallery->world);
    free(gallery->equity_memory);
    free(gallery);
}

/* The leaves that proof 11 is of, folded as who receives them would. */
static inline void gallery_fold(const struct gallery *gallery, struct tn_proof_fold *fold)
{
    struct twin_node *leaves = world_leaves(gallery->world, TN_RECORD_ACCOUNT);
    tn_proof_fold_begin(fold, true);
    for (uint32_t i = 4; i < 8; i++) {
        bool good = tn_proof_fold_add(fold, &leaves[i].hash, leaves[i].sum);
        TN_ASSERT(good);
    }
    free(leaves);
}

#endif
