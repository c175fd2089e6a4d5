/* Witnesses changed by a fuzzer's bytes: whatever they say, no crash, in memory that does not grow;
 * and what is found good leads where the one that was written leads. Then their records are read
 * without proof, as if the root had been the liar's own, into an exchange that lacks most accounts:
 * refused, or read, but no crash.
 *
 * The first byte names one of a few blocks, made once from seeds. Each edit takes eight bytes:
 * where, how and with what. When the first byte is 255 the rest is the witness itself. */
#include "witness_maker.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCKS = 4, BYTES_MAX = 1 << 22, EDIT_BYTES = 8, RAW = 255 };

static struct made {
    uint8_t *bytes;
    size_t size;
    struct tn_hash root, block_hash;
    uint32_t exit_blocks;
} made[BLOCKS];

static void *memory;
static size_t memory_size;

static void make(void)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        static struct witness_maker maker;
        static uint8_t room[BYTES_MAX];
        struct tn_witness witness;
        struct tn_witness_fault fault;
        witness_maker_open(&maker, 20260101 + i);
        witness_maker_run_ahead(&maker);
        for (uint32_t block = 0; block < 20 + 25 * i; block++) {
            witness_maker_catch_up(&maker);
            witness_maker_run_ahead(&maker);
        }
        made[i].size = witness_maker_write(&maker, room, BYTES_MAX);
        made[i].bytes = malloc(made[i].size);
        if (made[i].bytes == NULL) abort();
        memcpy(made[i].bytes, room, made[i].size);
        if (!tn_witness_read(&witness, &fault, room, made[i].size)) abort();
        made[i].root = witness.after.root;
        made[i].block_hash = witness.block_hash;
        made[i].exit_blocks = witness.limits.exit_blocks;
        memory_size = tn_witness_memory(&witness); /* of all: they have the same limits */
        witness_maker_close(&maker);
    }
    memory = aligned_alloc(64, tn_align(memory_size));
    if (memory == NULL) abort();
}

static size_t edit(uint8_t *bytes, size_t size, const uint8_t data[EDIT_BYTES])
{
    size_t at = ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % size;
    size_t from = ((size_t)data[5] << 16 | (size_t)data[6] << 8 | data[7]) % size;
    size_t most = size - (at > from ? at : from);
    switch (data[3] % 6) {
        case 0: bytes[at] ^= data[4]; return size;
        case 1: bytes[at] = data[4]; return size;
        case 2: memmove(bytes + at, bytes + from, data[4] < most ? data[4] : most); return size;
        case 3: return at > 0 ? at : size;
        case 4: /* near the front, where counts are */
            bytes[at % (size < 2048 ? size : 2048)] = data[4];
            return size;
        default:
            memmove(bytes + at, bytes + at + 1, size - at - 1);
            return size > 1 ? size - 1 : size;
    }
}

static jmp_buf absent_jump;

static void jump_absent(void *context)
{
    (void)context;
    longjmp(absent_jump, 1);
}

static bool is_good(const struct tn_witness *witness, struct tn_witness_fault *fault)
{
    if (setjmp(absent_jump) != 0) return false;
    return tn_witness_verify(witness, fault, memory, jump_absent, NULL);
}

/* The distance of exit checkpoints is under no root: see witness.h. */
static bool says_the_same(const struct tn_witness *witness, const struct made *from)
{
    return witness->limits.exit_blocks != from->exit_blocks ||
           (tn_hash_equal(&witness->after.root, &from->root) &&
            tn_hash_equal(&witness->block_hash, &from->block_hash));
}

/* ---- Records that nobody has proved ---- */

static uint32_t word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void jump_needed(void *context, uint32_t account)
{
    (void)account;
    jump_absent(context);
}

static void import_unproved(const struct tn_witness *witness)
{
    static uint64_t present[1 << 12];
    struct tn_import_fault fault = {.what = NULL};
    const struct tn_exchange_watch watch = {.need = jump_needed, .present = present};
    size_t records_end = witness->sides_at - witness->sizes[0];
    if (witness->limits.exchange.accounts_max > sizeof present * 8) return;
    memset(present, 0, sizeof present);
    memset(memory, 0, tn_exchange_size(&witness->limits.exchange));
    for (int pass = 0; pass < 2; pass++) {
        struct tn_exchange *exchange =
            pass == 0 ? NULL : tn_exchange_init(memory, &witness->limits.exchange);
        if (pass == 1) tn_exchange_watch(exchange, &watch);
        for (size_t at = witness->records_at; at < records_end;) {
            const uint8_t *head = witness->bytes + at;
            uint32_t index = word(head + 1), record_size = word(head + 5);
            at += 9 + (size_t)record_size;
            if (pass == 0 && head[0] == TN_RECORD_ACCOUNT) {
                present[index / 64] |= UINT64_C(1) << index % 64;
            }
            if (pass == 0) continue;
            if (!tn_exchange_import(exchange, &fault, (enum tn_record_kind)head[0], index, head + 9,
                                    record_size)) {
                if (fault.what == NULL) abort();
                return;
            }
        }
        if (pass == 1 && !tn_exchange_import_end(exchange, &fault) && fault.what == NULL) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[BYTES_MAX];
    struct tn_witness witness;
    struct tn_witness_fault fault = {.what = NULL};
    if (memory == NULL) make();
    if (size < 1 + EDIT_BYTES) return 0;
    const struct made *from = &made[data[0] % BLOCKS];
    size_t bytes_size = size - 1;
    bool is_raw = data[0] == RAW;
    memcpy(bytes, is_raw ? data + 1 : from->bytes, is_raw ? size - 1 : from->size);
    if (!is_raw) bytes_size = from->size;
    for (size_t at = 1; !is_raw && at + EDIT_BYTES <= size; at += EDIT_BYTES)
        bytes_size = edit(bytes, bytes_size, data + at);
    bool is_same = bytes_size == from->size && memcmp(bytes, from->bytes, bytes_size) == 0;
    if (!tn_witness_read(&witness, &fault, bytes, bytes_size)) {
        if (fault.what == NULL || is_same) abort();
        return 0;
    }
    if (tn_witness_memory(&witness) > memory_size) return 0;
    memset(memory, 0, memory_size);
    bool is_found_good = is_good(&witness, &fault);
    if (is_same && !is_found_good) abort();
    if (is_found_good && !says_the_same(&witness, from)) abort();
    if (!is_found_good && fault.what == NULL) abort();
    import_unproved(&witness);
    return 0;
}
