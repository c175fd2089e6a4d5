/* A fuzzer's bytes as the files of a snapshot: a head, or a chunk and what the head says of it.
 * Nothing may crash, read past the end or loop; what is refused says where and why.
 *
 * The first byte says which, and whether the hashes that guard the bytes are made to fit first: a
 * fuzzer cannot find a hash, but what lies behind it must stand up as well. A head that is read
 * must be written again as the same bytes. No chunk is ever good: its root is a hash of nothing. */
#include "snapshot_check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_CHUNKS_MAX = 64, HEAD_GENESIS_AT = 85, HEAD_CHAIN_AT = 5, HEAD_FIXED = 89 };

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static void expect_fault(const struct snapshot_fault *fault, size_t size)
{
    EXPECT(fault->what != NULL && fault->at <= size);
}

/* The chain id of the genesis, and the hash at the end, where there is room for them. */
static void make_fit(uint8_t *bytes, size_t size)
{
    struct tn_hash hash;
    if (size < HEAD_FIXED + 4 + TN_HASH_SIZE) return;
    memcpy(bytes, "TNSH\1", 5);
    size_t genesis_size = (size_t)bytes[HEAD_GENESIS_AT + 2] << 8 | bytes[HEAD_GENESIS_AT + 3];
    if (genesis_size <= size - HEAD_FIXED - 4 - TN_HASH_SIZE) {
        tn_keccak256(&hash, bytes + HEAD_FIXED, genesis_size);
        memcpy(bytes + HEAD_CHAIN_AT, hash.bytes, TN_HASH_SIZE);
    }
    tn_keccak256(&hash, bytes, size - TN_HASH_SIZE);
    memcpy(bytes + size - TN_HASH_SIZE, hash.bytes, TN_HASH_SIZE);
}

static void try_head(const uint8_t *bytes, size_t size)
{
    struct snapshot_head head;
    struct snapshot_fault fault = {.at = UINT64_MAX};
    struct snapshot_chunk chunks[HEAD_CHUNKS_MAX];
    char name[SNAPSHOT_NAME_SIZE];
    if (!snapshot_read_head(&head, &fault, bytes, size)) {
        expect_fault(&fault, size);
        return;
    }
    EXPECT(snapshot_head_size(&head) == size);
    if (head.chunks_count > HEAD_CHUNKS_MAX) return;
    for (uint32_t i = 0; i < head.chunks_count; i++) {
        snapshot_head_chunk(&chunks[i], &head, i);
        EXPECT(strlen(snapshot_chunk_name(name, chunks[i].kind, chunks[i].first)) > 0);
    }
    uint8_t *again = malloc(size);
    EXPECT(again != NULL);
    snapshot_write_head(again, &head, chunks);
    EXPECT(memcmp(again, bytes, size) == 0);
    free(again);
}

/* With the head made to agree on what the chunk says of itself. */
static void try_chunk(const uint8_t *bytes, size_t size)
{
    static struct snapshot_check check;
    const struct snapshot_head head = {.market = 1, .height = 1};
    struct snapshot_chunk chunk = {.kind = TN_RECORD_MARKET, .count = 1, .size = size};
    struct snapshot_fault fault = {.at = UINT64_MAX};
    struct snapshot_reader reader;
    if (snapshot_open_chunk(&reader, &fault, bytes, size)) {
        chunk.kind = reader.kind;
        chunk.first = reader.first;
        chunk.count = reader.count;
    }
    tn_keccak256(&chunk.hash, bytes, size);
    snapshot_check_begin(&check, &head, TN_CPU_BASE);
    bool is_good = snapshot_check_chunk(&check, &fault, &chunk, bytes, size);
    EXPECT(!is_good || chunk.kind == TN_RECORD_EQUITY); /* which is judged with the chain */
    if (!is_good) expect_fault(&fault, size);
    EXPECT(!snapshot_check_equity(&check, &fault) && !snapshot_check_whole(&check, &fault));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint8_t what = data[0];
    size--;
    uint8_t *bytes = malloc(size > 0 ? size : 1); /* its end is where a reader must stop */
    EXPECT(bytes != NULL);
    memcpy(bytes, data + 1, size);
    if (what & 1) {
        if (what & 2) make_fit(bytes, size);
        try_head(bytes, size);
    } else {
        if ((what & 2) && size >= SNAPSHOT_CHUNK_HEAD) memcpy(bytes, "TNSC\1", 5);
        try_chunk(bytes, size);
    }
    free(bytes);
    return 0;
}
