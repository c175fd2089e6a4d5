/* handovers: from the sequencers that a thin client knows to those of a later epoch.
 *
 * The last block of an epoch names the next set by its hash, and a quorum of the epoch's own set
 * has made that block final (or a SEAL above it, whose headers lead down to it). So whoever knows
 * one set knows the next, without a key and without trust in whoever hands the bytes over. Layout:
 * docs/specs/sequencer.md §6.1. What a file may say is bounded by its own size; the work is a
 * recovery or two a signature. */
#include "sequencers.h"

#include "tenor/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    HEAD_BYTES = 4,    /* of a HANDOVER: DATA, 3, count u16 */
    CERT_HEAD = 50,    /* CERT, epoch u64, type u8, view u64, hash[32] */
    MEMBER_BYTES = 28, /* address[20], weight u64 */
    HANDOVER_DATA = 3, /* what of a DATA is a HANDOVER */
    SET_TAG_BYTES = 6,
};

/* One end of an epoch, as it stands in the file. */
struct end {
    const uint8_t *headers, *cert, *set; /* set: n u16, members */
    uint32_t headers_count, set_count;
    size_t cert_size, set_size; /* of both together before the set's size is known: cert_size */
    uint64_t epoch;
};

static bool refuse(char why[SEQUENCERS_WHY_SIZE], uint64_t epoch, const char *what)
{
    snprintf(why, SEQUENCERS_WHY_SIZE, "the end of epoch %" PRIu64 " in it %s", epoch, what);
    return false;
}

/* Down to where its certificate begins: the rest depends on the set. */
static bool read_end(struct end *end, const uint8_t *bytes, size_t size)
{
    if (size < HEAD_BYTES || bytes[0] != TN_PEER_DATA || bytes[1] != HANDOVER_DATA) return false;
    end->headers = bytes + HEAD_BYTES;
    end->headers_count = (uint32_t)tn_get_be(bytes + 2, 2);
    const size_t before = HEAD_BYTES + (size_t)end->headers_count * TN_BLOCK_HEADER_BYTES;
    if (end->headers_count == 0 || size < before + CERT_HEAD) return false;
    end->cert = bytes + before;
    end->cert_size = size - before;
    end->epoch = tn_get_be(end->cert + 1, 8);
    return end->cert[0] == TN_PEER_CERT && end->cert[9] == TN_VOTE_FINALIZE;
}

/* A quorum of the present set, by its signatures; and the set behind them. */
static bool check_cert(struct end *end, const struct sequencers *sequencers,
                       const struct tn_signatures *signatures, const char **what)
{
    const size_t bitmap = tn_voters_bytes(sequencers->count);
    struct tn_voters voters;
    struct tn_hash digest, hash;
    uint64_t weight = 0;
    *what = "is of a set of another size";
    if (end->cert_size < CERT_HEAD + bitmap ||
        !tn_voters_read(&voters, end->cert + CERT_HEAD, sequencers->count)) {
        return false;
    }
    const size_t cert = CERT_HEAD + bitmap + (size_t)TN_SIGNATURE_SIZE * tn_voters_count(&voters);
    if (end->cert_size < cert + 2) return false;
    end->set = end->cert + cert;
    end->set_size = end->cert_size - cert;
    end->set_count = (uint32_t)tn_get_be(end->set, 2);
    if (end->set_count == 0 || end->set_count > TN_VALIDATORS_MAX ||
        end->set_size != 2 + (size_t)end->set_count * MEMBER_BYTES) {
        return false;
    }
    memcpy(hash.bytes, end->cert + 18, TN_HASH_SIZE);
    tn_vote_digest(&digest, sequencers->chain_id, end->epoch, TN_VOTE_FINALIZE,
                   tn_get_be(end->cert + 10, 8), &hash);
    const uint8_t *at = end->cert + CERT_HEAD + bitmap;
    *what = "is not signed by the set before it";
    for (uint32_t i = 0; i < sequencers->count; i++) {
        if (!tn_voters_has(&voters, i)) continue;
        if (!sequencers_is_signed_by(signatures, &digest, at, &sequencers->addresses[i])) {
            return false;
        }
        at += TN_SIGNATURE_SIZE;
        weight += sequencers->weights[i];
    }
    *what = "is not signed by a quorum of the set before it";
    return tn_weight_is_quorum(weight, sequencers->weight);
}

/* The headers lead from the block that is final down to the epoch's last one. */
static bool check_headers(struct tn_hash *next_set, const struct end *end,
                          const uint8_t chain_id[32])
{
    struct tn_block_header header;
    struct tn_stream_fault fault;
    struct tn_hash expected, hash;
    uint64_t view = tn_get_be(end->cert + 10, 8);
    const uint8_t *at = end->headers;
    memcpy(expected.bytes, end->cert + 18, TN_HASH_SIZE);
    for (uint32_t i = 0; i < end->headers_count; i++, at += TN_BLOCK_HEADER_BYTES) {
        const uint8_t flag = i + 1 == end->headers_count ? TN_BLOCK_EPOCH_FINAL : TN_BLOCK_SEAL;
        if (!tn_stream_read_block_header(&header, &fault, at, TN_BLOCK_HEADER_BYTES)) return false;
        tn_stream_block_hash(&hash, chain_id, &header);
        if (!tn_hash_equal(&hash, &expected) || header.view != view || header.epoch != end->epoch ||
            (header.flags & (TN_BLOCK_EPOCH_FINAL | TN_BLOCK_SEAL)) != flag) {
            return false;
        }
        expected = header.parent_hash;
        view = header.parent_view;
    }
    *next_set = header.next_set_hash;
    return true;
}

/* docs/specs/registry.md §1: what the set after it hashes to. */
static void hash_set(struct tn_hash *hash, const struct end *end)
{
    uint8_t bytes[SET_TAG_BYTES + 8 + 2 + TN_VALIDATORS_MAX * MEMBER_BYTES];
    memcpy(bytes, "TNSX1N", SET_TAG_BYTES);
    tn_put_be(bytes + SET_TAG_BYTES, end->epoch + 1, 8);
    memcpy(bytes + SET_TAG_BYTES + 8, end->set, end->set_size);
    tn_keccak256(hash, bytes, SET_TAG_BYTES + 8 + end->set_size);
}

static bool take_set(struct sequencers *sequencers, const struct end *end)
{
    const uint8_t *at = end->set + 2;
    sequencers->count = end->set_count;
    sequencers->weight = 0;
    for (uint32_t i = 0; i < end->set_count; i++, at += MEMBER_BYTES) {
        memcpy(sequencers->addresses[i].bytes, at, TN_ADDRESS_SIZE);
        sequencers->weights[i] = tn_get_be(at + TN_ADDRESS_SIZE, 8);
        if (sequencers->weights[i] < 1 || sequencers->weights[i] > TN_WEIGHT_MAX) return false;
        sequencers->weight += sequencers->weights[i];
    }
    sequencers->epoch = end->epoch + 1;
    return true;
}

static bool follow_one(struct sequencers *sequencers, const struct tn_signatures *signatures,
                       struct end *end, char why[SEQUENCERS_WHY_SIZE])
{
    struct tn_hash named, hash;
    const char *what;
    if (!sequencers->has_epoch) sequencers->epoch = end->epoch;
    sequencers->has_epoch = true;
    if (end->epoch < sequencers->epoch) return true; /* before the set that is known */
    if (end->epoch > sequencers->epoch) {
        snprintf(why, SEQUENCERS_WHY_SIZE,
                 "the set that is known is that of epoch %" PRIu64
                 ", and the end of that epoch is not in it: get it with --from-epoch %" PRIu64,
                 sequencers->epoch, sequencers->epoch);
        return false;
    }
    if (!check_cert(end, sequencers, signatures, &what)) return refuse(why, end->epoch, what);
    if (!check_headers(&named, end, sequencers->chain_id)) {
        return refuse(why, end->epoch, "does not lead to the epoch's last block");
    }
    hash_set(&hash, end);
    if (!tn_hash_equal(&hash, &named) || !take_set(sequencers, end)) {
        return refuse(why, end->epoch, "has another set than the one that was signed");
    }
    return true;
}

/* Ends stand behind their size, of which the first byte is zero; a certificate begins with 9. */
static bool next_end(const uint8_t **bytes, size_t *size, const uint8_t **end, size_t *end_size)
{
    if (*size < 4 || (*bytes)[0] != 0) return false;
    *end_size = (size_t)tn_get_be(*bytes, 4);
    if (*end_size > *size - 4) return false;
    *end = *bytes + 4;
    *bytes += 4 + *end_size;
    *size -= 4 + *end_size;
    return true;
}

bool sequencers_follow(struct sequencers *sequencers, const struct tn_signatures *signatures,
                       const uint8_t **bytes, size_t *size, char why[SEQUENCERS_WHY_SIZE])
{
    const uint8_t *at = *bytes, *bytes_of_end;
    size_t left = *size, end_size;
    struct tn_checkpoint checkpoint;
    while (next_end(bytes, size, &bytes_of_end, &end_size)) {
    }
    if (*bytes == at) return true; /* a certificate alone */
    if (*size < 1 + TN_CHECKPOINT_BYTES || (*bytes)[0] != TN_PEER_CKPT_CERT) {
        snprintf(why, SEQUENCERS_WHY_SIZE,
                 "no certificate of a checkpoint is behind the ends of "
                 "epochs");
        return false;
    }
    if (!sequencers->has_chain) {
        snprintf(why, SEQUENCERS_WHY_SIZE,
                 "to follow the ends of epochs the file of the sequencers needs the line 'chain "
                 "HEX'");
        return false;
    }
    tn_checkpoint_read(&checkpoint, *bytes + 1);
    while (next_end(&at, &left, &bytes_of_end, &end_size)) {
        struct end end;
        if (!read_end(&end, bytes_of_end, end_size)) {
            snprintf(why, SEQUENCERS_WHY_SIZE, "what stands before it is no end of an epoch");
            return false;
        }
        if (end.epoch >= checkpoint.epoch) break; /* later than what is to be shown */
        if (!follow_one(sequencers, signatures, &end, why)) return false;
    }
    return true;
}
