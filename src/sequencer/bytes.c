/* Layouts of the engine's messages (docs/specs/sequencer.md §8). All are of fixed size but CERT,
 * whose size follows from its bitmap. Readers are total and strict: a message that is read is
 * written again as the same bytes. Each begins with its kind, which whoever dispatches has seen. */
#include "sequencer/internal.h"

struct cursor {
    uint8_t *to;
    const uint8_t *from;
};

static void put(struct cursor *cursor, uint64_t value, uint32_t size)
{
    tn_put_be(cursor->to, value, size);
    cursor->to += size;
}

static void put_raw(struct cursor *cursor, const void *bytes, size_t size)
{
    memcpy(cursor->to, bytes, size);
    cursor->to += size;
}

static uint64_t get(struct cursor *cursor, uint32_t size)
{
    uint64_t value = tn_get_be(cursor->from, size);
    cursor->from += size;
    return value;
}

static void get_raw(struct cursor *cursor, void *bytes, size_t size)
{
    memcpy(bytes, cursor->from, size);
    cursor->from += size;
}

static bool is_zero(const struct tn_hash *hash)
{
    static const struct tn_hash zero;
    return tn_hash_equal(hash, &zero);
}

/* A type that exists, a view that exists, and zero for the block of a NULLIFY. */
static bool is_vote(uint8_t type, uint64_t view, const struct tn_hash *hash)
{
    if (type < TN_VOTE_NOTARIZE || type > TN_VOTE_FINALIZE || view == 0) return false;
    return (type == TN_VOTE_NULLIFY) == is_zero(hash);
}

void tn_sequencer_write_vote(uint8_t out[VOTE_BYTES], const struct vote_message *vote)
{
    struct cursor cursor = {.to = out};
    put(&cursor, TN_PEER_VOTE, 1);
    put(&cursor, vote->epoch, 8);
    put(&cursor, vote->type, 1);
    put(&cursor, vote->view, 8);
    put_raw(&cursor, vote->hash.bytes, TN_HASH_SIZE);
    put(&cursor, vote->voter, 2);
    put_raw(&cursor, vote->signature.bytes, TN_SIGNATURE_SIZE);
    TN_ASSERT(cursor.to == out + VOTE_BYTES);
}

bool tn_sequencer_read_vote(struct vote_message *vote, const uint8_t *bytes, size_t size)
{
    struct cursor cursor = {.from = bytes};
    if (size != VOTE_BYTES || get(&cursor, 1) != TN_PEER_VOTE) return false;
    vote->epoch = get(&cursor, 8);
    uint8_t type = (uint8_t)get(&cursor, 1);
    vote->view = get(&cursor, 8);
    get_raw(&cursor, vote->hash.bytes, TN_HASH_SIZE);
    vote->voter = (uint16_t)get(&cursor, 2);
    get_raw(&cursor, vote->signature.bytes, TN_SIGNATURE_SIZE);
    if (!is_vote(type, vote->view, &vote->hash)) return false;
    vote->type = (enum tn_vote_type)type;
    return true;
}

bool tn_sequencer_cert_epoch(uint64_t *epoch, const uint8_t *bytes, size_t size)
{
    if (size < CERT_HEAD_BYTES || bytes[0] != TN_PEER_CERT) return false;
    *epoch = tn_get_be(bytes + 1, 8);
    return true;
}

bool tn_sequencer_read_cert(struct cert_message *cert, const uint8_t *bytes, size_t size,
                            const struct tn_validators *set)
{
    struct cursor cursor = {.from = bytes};
    const uint32_t bitmap = tn_voters_bytes(set->count);
    if (size < CERT_HEAD_BYTES + bitmap || get(&cursor, 1) != TN_PEER_CERT) return false;
    cert->epoch = get(&cursor, 8);
    uint8_t type = (uint8_t)get(&cursor, 1);
    cert->view = get(&cursor, 8);
    get_raw(&cursor, cert->hash.bytes, TN_HASH_SIZE);
    if (cert->epoch != set->epoch || !is_vote(type, cert->view, &cert->hash)) return false;
    if (!tn_voters_read(&cert->voters, cursor.from, set->count)) return false;
    cert->type = (enum tn_vote_type)type;
    cert->signatures = cursor.from + bitmap;
    cert->bytes = bytes;
    cert->size = size;
    const size_t signatures = TN_SIGNATURE_SIZE * (size_t)tn_voters_count(&cert->voters);
    return size == CERT_HEAD_BYTES + bitmap + signatures;
}

void tn_sequencer_write_fetch(uint8_t out[FETCH_BYTES], const struct fetch_message *fetch)
{
    struct cursor cursor = {.to = out};
    put(&cursor, TN_PEER_FETCH, 1);
    put(&cursor, fetch->what, 1);
    put(&cursor, fetch->epoch, 8);
    put(&cursor, fetch->at, 8);
    put(&cursor, fetch->count, 4);
    put_raw(&cursor, fetch->hash.bytes, TN_HASH_SIZE);
    TN_ASSERT(cursor.to == out + FETCH_BYTES);
}

/* What each kind of FETCH leaves out is zero. */
static bool is_fetch(uint8_t what, const struct fetch_message *fetch)
{
    switch (what) {
        case FETCH_BLOCK: return fetch->at > 0 && fetch->count == 0;
        case FETCH_BLOCKS:
            return fetch->count > 0 && fetch->count <= TN_SEQUENCER_RANGE_MAX &&
                   is_zero(&fetch->hash);
        case FETCH_HEADERS:
            return fetch->count > 0 && fetch->count <= HEADERS_MAX && is_zero(&fetch->hash);
        case FETCH_CERTS: return fetch->at > 0 && fetch->count == 0 && is_zero(&fetch->hash);
        case FETCH_HANDOVER: return fetch->at == 0 && fetch->count == 0 && is_zero(&fetch->hash);
    }
    return false;
}

bool tn_sequencer_read_fetch(struct fetch_message *fetch, const uint8_t *bytes, size_t size)
{
    struct cursor cursor = {.from = bytes};
    if (size != FETCH_BYTES || get(&cursor, 1) != TN_PEER_FETCH) return false;
    uint8_t what = (uint8_t)get(&cursor, 1);
    fetch->epoch = get(&cursor, 8);
    fetch->at = get(&cursor, 8);
    fetch->count = (uint32_t)get(&cursor, 4);
    get_raw(&cursor, fetch->hash.bytes, TN_HASH_SIZE);
    if (!is_fetch(what, fetch)) return false;
    fetch->what = (enum fetch_what)what;
    return true;
}

void tn_sequencer_write_status(uint8_t out[STATUS_BYTES], const struct status_message *status)
{
    struct cursor cursor = {.to = out};
    put(&cursor, TN_PEER_STATUS, 1);
    put(&cursor, status->epoch, 8);
    put(&cursor, status->view, 8);
    put(&cursor, status->final_view, 8);
    put(&cursor, status->final_height, 8);
    put_raw(&cursor, status->final_hash.bytes, TN_HASH_SIZE);
    put(&cursor, status->exec_height, 8);
    put_raw(&cursor, status->exec_root.bytes, TN_HASH_SIZE);
    put(&cursor, status->checkpoint_height, 8);
    TN_ASSERT(cursor.to == out + STATUS_BYTES);
}

bool tn_sequencer_read_status(struct status_message *status, const uint8_t *bytes, size_t size)
{
    struct cursor cursor = {.from = bytes};
    if (size != STATUS_BYTES || get(&cursor, 1) != TN_PEER_STATUS) return false;
    status->epoch = get(&cursor, 8);
    status->view = get(&cursor, 8);
    status->final_view = get(&cursor, 8);
    status->final_height = get(&cursor, 8);
    get_raw(&cursor, status->final_hash.bytes, TN_HASH_SIZE);
    status->exec_height = get(&cursor, 8);
    get_raw(&cursor, status->exec_root.bytes, TN_HASH_SIZE);
    status->checkpoint_height = get(&cursor, 8);
    return status->view > status->final_view;
}

void tn_sequencer_write_checkpoint_vote(uint8_t out[CHECKPOINT_VOTE_BYTES],
                                        const struct checkpoint_message *vote)
{
    out[0] = TN_PEER_CKPT_VOTE;
    tn_checkpoint_write(out + 1, &vote->checkpoint);
    tn_put_be(out + 1 + TN_CHECKPOINT_BYTES, vote->voter, 2);
    memcpy(out + 3 + TN_CHECKPOINT_BYTES, vote->signature.bytes, TN_SIGNATURE_SIZE);
}

bool tn_sequencer_read_checkpoint_vote(struct checkpoint_message *vote, const uint8_t *bytes,
                                       size_t size)
{
    if (size != CHECKPOINT_VOTE_BYTES || bytes[0] != TN_PEER_CKPT_VOTE) return false;
    tn_checkpoint_read(&vote->checkpoint, bytes + 1);
    vote->voter = (uint16_t)tn_get_be(bytes + 1 + TN_CHECKPOINT_BYTES, 2);
    memcpy(vote->signature.bytes, bytes + 3 + TN_CHECKPOINT_BYTES, TN_SIGNATURE_SIZE);
    return vote->checkpoint.height > 0;
}
