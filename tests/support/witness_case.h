/* witness_case: the next block of a chain_case judged and executed on its witness alone, and what
 * comes of it when something is missing or changed.
 *
 * A copy of the chain, made from its records, notes what the block needs; the witness is written
 * from the chain itself, which stands at the parent; and it is taken into a chain that knows
 * nothing else. */
#ifndef WITNESS_CASE_H
#define WITNESS_CASE_H

#include "chain_case.h"
#include "tenor/witness_chain.h"

#include <setjmp.h>
#include <sys/mman.h>

enum { WC_RECORDS_MAX = 1 << 16, WC_ROOM = 1 << 24 };

enum wc_end {
    WC_GOOD,
    WC_RECORD, /* the witness itself is refused: wc.fault */
    WC_ROOT,   /* the state before is another */
    WC_ABSENT, /* something is needed: wc.absent */
    WC_JUDGED, /* the block must not follow */
    WC_AFTER,  /* another root came out: never */
};

static struct witness_case {
    struct tn_witness_parts needed, here;
    uint64_t *needed_words, *here_words;
    struct tn_hash before, after; /* the chain's own, of the block at hand */
    struct tn_state_record records[WC_RECORDS_MAX];
    uint32_t records_count;
    uint8_t *bytes, *nodes; /* of records, of nodes */
    size_t bytes_size, nodes_size;
    struct tn_import_fault fault;
    struct tn_witness_absent absent;
    jmp_buf left;
    struct tn_chain *taken; /* what a witness was taken into */
    uint32_t checked, partial;
    size_t size, whole_size; /* of the last witness; of all records of the chain */
} wc;

/* Chains are made often, and use little of what their limits ask for. */
static inline struct tn_chain *wc_new_chain(void)
{
    void *memory = mmap(NULL, tn_chain_size(&cc.limits), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(memory != MAP_FAILED);
    struct tn_chain *chain = tn_chain_init(memory, &cc.limits, &cc.genesis, &cc.world);
    assert_non_null(chain);
    cc_listen(chain);
    return chain;
}

static inline void wc_drop_chain(struct tn_chain *chain)
{
    if (chain != NULL) munmap(chain, tn_chain_size(&cc.limits));
}

static inline void wc_open(void)
{
    const size_t words = tn_witness_parts_words(&cc.limits);
    memset(&wc, 0, sizeof wc);
    wc.needed_words = cc_room(words * sizeof(uint64_t));
    wc.here_words = cc_room(words * sizeof(uint64_t));
    wc.bytes = cc_room(WC_ROOM);
    wc.nodes = cc_room(WC_ROOM);
}

static inline void wc_close(void)
{
    free(wc.needed_words);
    free(wc.here_words);
    free(wc.bytes);
    free(wc.nodes);
    wc_drop_chain(wc.taken);
}

static inline struct tn_chain *wc_copy(void)
{
    struct tn_chain *copy = wc_new_chain();
    struct tn_hash root;
    wc.whole_size = 0;
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
        uint32_t count = tn_chain_records_count(cc.chain, (uint8_t)kind);
        for (uint32_t i = 0; i < count; i++) {
            size_t size = tn_chain_record(cc.chain, wc.bytes, WC_ROOM, (uint8_t)kind, i);
            if (size == 0) continue;
            assert_true(tn_chain_import(copy, &wc.fault, (uint8_t)kind, i, wc.bytes, size));
            wc.whole_size += 9 + size;
        }
    }
    assert_true(tn_chain_import_end(copy, &root, &wc.fault));
    return copy;
}

/* What the block needs, and where it leads. */
static inline void wc_note(const struct tn_chain_block *block)
{
    struct tn_chain *copy = wc_copy();
    struct tn_chain_fault fault;
    memset(wc.needed_words, 0, tn_witness_parts_words(&cc.limits) * sizeof(uint64_t));
    tn_witness_parts_open(&wc.needed, cc.chain, wc.needed_words);
    tn_witness_parts_note(&wc.needed, copy);
    assert_int_equal(tn_chain_validate(copy, &fault, block, NULL, 0, cc.time_ms, false),
                     TN_CHAIN_OK);
    assert_int_equal(tn_chain_execute(copy, block), TN_CHAIN_OK);
    wc.before = tn_chain_heads(cc.chain)->root;
    wc.after = tn_chain_heads(copy)->root;
    wc_drop_chain(copy);
}

static inline void wc_write(void)
{
    wc.records_count = 0;
    wc.bytes_size = 0;
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
        uint32_t count = tn_chain_records_count(cc.chain, (uint8_t)kind);
        for (uint32_t i = 0; i < count; i++) {
            size_t size;
            uint8_t *at = wc.bytes + wc.bytes_size;
            if (!tn_witness_chain_record(&wc.needed, cc.chain, at, WC_ROOM - wc.bytes_size, &size,
                                         (uint8_t)kind, i))
                continue;
            assert_true(wc.bytes_size + size <= WC_ROOM && wc.records_count < WC_RECORDS_MAX);
            wc.records[wc.records_count++] = (struct tn_state_record){
                .name = {.kind = (uint8_t)kind, .index = i}, .bytes = at, .size = size};
            wc.bytes_size += size;
        }
    }
    wc.nodes_size = tn_witness_chain_nodes(&wc.needed, cc.chain, wc.nodes, WC_ROOM);
    assert_true(wc.nodes_size <= WC_ROOM);
    wc.size = wc.bytes_size + 9 * (size_t)wc.records_count + wc.nodes_size;
}

static inline void wc_leave(void *context, const struct tn_witness_absent *absent)
{
    (void)context;
    wc.absent = *absent;
    longjmp(wc.left, 1);
}

/* As a stranger does it. */
static inline enum wc_end wc_take(const struct tn_chain_block *block)
{
    struct tn_chain_fault fault;
    struct tn_hash root;
    wc_drop_chain(wc.taken);
    wc.taken = wc_new_chain();
    memset(wc.here_words, 0, tn_witness_parts_words(&cc.limits) * sizeof(uint64_t));
    tn_witness_parts_open(&wc.here, wc.taken, wc.here_words);
    wc.here.absent = wc_leave;
    for (uint32_t i = 0; i < MARKETS; i++) {
        wc.here.markets[i].accounts_count = wc.needed.markets[i].accounts_count;
        wc.here.markets[i].seats_count = wc.needed.markets[i].seats_count;
    }
    if (setjmp(wc.left) != 0) return WC_ABSENT;
    bool is_taken = tn_witness_take_chain(&wc.here, wc.taken, &root, &wc.fault, wc.records,
                                          wc.records_count, wc.nodes, wc.nodes_size);
    if (!is_taken) return WC_RECORD;
    if (!tn_hash_equal(&root, &wc.before)) return WC_ROOT;
    if (tn_chain_validate(wc.taken, &fault, block, NULL, 0, cc.time_ms, false) != TN_CHAIN_OK)
        return WC_JUDGED;
    assert_int_equal(tn_chain_execute(wc.taken, block), TN_CHAIN_OK);
    return tn_hash_equal(&tn_chain_heads(wc.taken)->root, &wc.after) ? WC_GOOD : WC_AFTER;
}

/* The oldest block of the line, which is next, on its witness. */
static inline void wc_check(void)
{
    const struct tn_chain_block *block = &cc.line[0].block;
    wc_note(block);
    wc_write();
    enum wc_end end = wc_take(block);
    if (end != WC_GOOD) {
        print_message("ends with %u: record %u.%u: %s; absent: market %u, %s %u\n", end,
                      wc.fault.name.kind, wc.fault.name.index, wc.fault.what, wc.absent.market,
                      wc.absent.is_session ? "seat" : "account", wc.absent.index);
    }
    assert_int_equal(end, WC_GOOD);
    wc.checked++;
    wc.partial += wc.nodes_size > 0;
}

/* Without one of them: something is said to be missing, never another root. */
static inline void wc_expect_missed(uint64_t *bits, uint32_t market, bool is_session,
                                    uint32_t index)
{
    bits[index / 64] &= ~(UINT64_C(1) << index % 64);
    wc_write();
    bits[index / 64] |= UINT64_C(1) << index % 64;
    enum wc_end end = wc_take(&cc.line[0].block);
    assert_true(end == WC_ABSENT || end == WC_RECORD);
    if (end == WC_ABSENT) {
        assert_int_equal(wc.absent.market, market);
        assert_int_equal(wc.absent.is_session, is_session);
        assert_int_equal(wc.absent.index, index);
    }
}

static inline bool wc_needs(const uint64_t *bits, uint32_t index)
{
    return (bits[index / 64] >> index % 64 & 1) != 0;
}

/* After wc_check: each account and each session that is there, left out; but for the last ones,
 * which who writes asserts. How many. */
static inline uint32_t wc_leave_out_each(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MARKETS; i++) {
        const struct tn_witness_part *part = &wc.needed.markets[i];
        for (uint32_t k = 0; k + 1 < part->accounts_count; k++) {
            if (!wc_needs(part->accounts, k)) continue;
            wc_expect_missed(part->accounts, i + 1, false, k);
            count++;
        }
        for (uint32_t k = 0; k + 1 < part->seats_count; k++) {
            if (!wc_needs(part->seats, k)) continue;
            wc_expect_missed(part->seats, i + 1, true, k);
            count++;
        }
    }
    wc_write();
    return count;
}

#endif
