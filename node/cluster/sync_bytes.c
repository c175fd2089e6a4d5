/* sync_bytes: state sync's messages. Every answer repeats what it answers, so that one which comes
 * late is known as such; the pieces of an answer are contiguous, so a reader that has seen the head
 * knows exactly which bytes of which record follow. */
#include "cluster/sync_bytes.h"

#include <string.h>

uint32_t sync_range_bits(uint8_t kind)
{
    const bool is_book = kind < TN_CHAIN_RECORD_HEADS && kind % 32 == TN_RECORD_BOOK;
    return is_book ? SYNC_BOOKS_BITS : SYNC_RANGE_BITS;
}

uint32_t sync_range_of(uint8_t kind, uint32_t index)
{
    return index >> sync_range_bits(kind);
}

static bool is_place(const struct sync_place *place)
{
    return place->kind > 0 && sync_range_of(place->kind, place->index) == place->range &&
           place->offset < SYNC_RECORD_MAX;
}

/* ---- SYNC_FETCH ---- */

size_t sync_write_fetch(uint8_t out[SYNC_FETCH_SIZE], const struct sync_fetch *fetch)
{
    out[0] = TN_PEER_SYNC_FETCH;
    out[1] = (uint8_t)fetch->what;
    tn_put_be(out + 2, fetch->number, 8);
    out[10] = fetch->place.kind;
    tn_put_be(out + 11, fetch->place.range, 4);
    tn_put_be(out + 15, fetch->place.index, 4);
    tn_put_be(out + 19, fetch->place.offset, 4);
    return SYNC_FETCH_SIZE;
}

bool sync_read_fetch(struct sync_fetch *fetch, const uint8_t *bytes, size_t size)
{
    static const uint8_t none[SYNC_FETCH_SIZE];
    if (size != SYNC_FETCH_SIZE || bytes[0] != TN_PEER_SYNC_FETCH) return false;
    const uint8_t what = bytes[1];
    fetch->number = tn_get_be(bytes + 2, 8);
    fetch->place = (struct sync_place){.kind = bytes[10],
                                       .range = (uint32_t)tn_get_be(bytes + 11, 4),
                                       .index = (uint32_t)tn_get_be(bytes + 15, 4),
                                       .offset = (uint32_t)tn_get_be(bytes + 19, 4)};
    if (what < SYNC_CHECKPOINT || what > SYNC_RECORDS) return false;
    fetch->what = (enum sync_what)what;
    switch (fetch->what) {
        case SYNC_CHECKPOINT: return memcmp(bytes + 2, none, size - 2) == 0;
        case SYNC_EPOCH: return memcmp(bytes + 10, none, size - 10) == 0;
        case SYNC_RECORDS: return fetch->number > 0 && is_place(&fetch->place);
    }
    return false;
}

/* ---- SYNC_STATUS ---- */

size_t sync_write_status(uint8_t out[1 + SYNC_CERT_MAX], const uint8_t *cert, size_t size)
{
    TN_ASSERT(size <= SYNC_CERT_MAX);
    out[0] = TN_PEER_SYNC_STATUS;
    if (size > 0) memcpy(out + 1, cert, size);
    return 1 + size;
}

bool sync_read_status(const uint8_t **cert, size_t *cert_size, const uint8_t *bytes, size_t size)
{
    if (size < 1 || bytes[0] != TN_PEER_SYNC_STATUS || size > 1 + SYNC_CERT_MAX) return false;
    *cert = bytes + 1;
    *cert_size = size - 1;
    return *cert_size == 0 ||
           (*cert_size > 1 + TN_CHECKPOINT_BYTES && bytes[1] == TN_PEER_CKPT_CERT);
}

/* ---- Sets and epochs ---- */

size_t sync_write_set(uint8_t out[SYNC_SET_MAX], const struct tn_validators *set)
{
    uint8_t *at = out + 14;
    TN_ASSERT(set->count <= TN_VALIDATORS_MAX);
    tn_put_be(out, set->epoch, 8);
    tn_put_be(out + 8, set->turn_views, 4);
    tn_put_be(out + 12, set->count, 2);
    for (uint32_t i = 0; i < set->count; i++, at += SYNC_MEMBER_SIZE) {
        tn_put_be(at, set->members[i].id, 2);
        tn_put_be(at + 2, set->members[i].weight, 8);
        memcpy(at + 10, set->members[i].key.bytes, TN_PUBLIC_KEY_SIZE);
    }
    return (size_t)(at - out);
}

bool sync_read_set(struct tn_validators *set, const struct tn_signatures *signatures,
                   const uint8_t *bytes, size_t size)
{
    struct tn_validator members[TN_VALIDATORS_MAX];
    if (size < 14) return false;
    const uint64_t epoch = tn_get_be(bytes, 8);
    const uint32_t turn_views = (uint32_t)tn_get_be(bytes + 8, 4);
    const uint32_t count = (uint32_t)tn_get_be(bytes + 12, 2);
    if (turn_views == 0 || count == 0 || count > TN_VALIDATORS_MAX ||
        size != 14 + (size_t)count * SYNC_MEMBER_SIZE) {
        return false;
    }
    const uint8_t *at = bytes + 14;
    for (uint32_t i = 0; i < count; i++, at += SYNC_MEMBER_SIZE) {
        members[i] =
            (struct tn_validator){.id = (uint16_t)tn_get_be(at, 2), .weight = tn_get_be(at + 2, 8)};
        memcpy(members[i].key.bytes, at + 10, TN_PUBLIC_KEY_SIZE);
        if (!signatures->address(signatures->context, &members[i].address, &members[i].key)) {
            return false;
        }
    }
    return tn_validators_make(set, epoch, turn_views, members, count);
}

size_t sync_write_epoch(uint8_t *out, const struct sync_epoch *epoch)
{
    out[0] = TN_PEER_SYNC_DATA;
    out[1] = SYNC_EPOCH;
    tn_put_be(out + 2, epoch->epoch, 8);
    tn_put_be(out + 10, epoch->handover_size, 4);
    memcpy(out + SYNC_EPOCH_HEAD, epoch->handover, epoch->handover_size);
    memcpy(out + SYNC_EPOCH_HEAD + epoch->handover_size, epoch->set, epoch->set_size);
    return SYNC_EPOCH_HEAD + epoch->handover_size + epoch->set_size;
}

bool sync_read_epoch(struct sync_epoch *epoch, const uint8_t *bytes, size_t size)
{
    if (size < SYNC_EPOCH_HEAD || bytes[0] != TN_PEER_SYNC_DATA || bytes[1] != SYNC_EPOCH) {
        return false;
    }
    epoch->epoch = tn_get_be(bytes + 2, 8);
    epoch->handover_size = (size_t)tn_get_be(bytes + 10, 4);
    if (epoch->handover_size > size - SYNC_EPOCH_HEAD) return false;
    epoch->handover = bytes + SYNC_EPOCH_HEAD;
    epoch->set = epoch->handover + epoch->handover_size;
    epoch->set_size = size - SYNC_EPOCH_HEAD - epoch->handover_size;
    return epoch->set_size <= SYNC_SET_MAX;
}

/* ---- Records ---- */

void sync_write_records(uint8_t out[SYNC_RECORDS_HEAD], const struct sync_records *records)
{
    out[0] = TN_PEER_SYNC_DATA;
    out[1] = SYNC_RECORDS;
    tn_put_be(out + 2, records->height, 8);
    out[10] = records->place.kind;
    tn_put_be(out + 11, records->place.range, 4);
    tn_put_be(out + 15, records->place.index, 4);
    tn_put_be(out + 19, records->place.offset, 4);
    out[23] = records->is_end;
    tn_put_be(out + 24, records->next_index, 4);
    tn_put_be(out + 28, records->next_offset, 4);
    out[32] = records->has_above;
    tn_put_be(out + 33, records->above, 4);
    tn_put_be(out + 37, records->proof_size, 2);
}

void sync_write_piece(uint8_t out[SYNC_PIECE_HEAD], const struct sync_piece *piece)
{
    tn_put_be(out, piece->index, 4);
    tn_put_be(out + 4, piece->size, 4);
    tn_put_be(out + 8, piece->offset, 4);
    tn_put_be(out + 12, piece->count, 4);
}

bool sync_read_piece(struct sync_piece *piece, size_t *at, const uint8_t *pieces, size_t size)
{
    if (size - *at < SYNC_PIECE_HEAD) return false;
    const uint8_t *head = pieces + *at;
    *piece = (struct sync_piece){.index = (uint32_t)tn_get_be(head, 4),
                                 .size = (uint32_t)tn_get_be(head + 4, 4),
                                 .offset = (uint32_t)tn_get_be(head + 8, 4),
                                 .count = (uint32_t)tn_get_be(head + 12, 4),
                                 .bytes = head + SYNC_PIECE_HEAD};
    if (piece->count == 0 || piece->size > SYNC_RECORD_MAX || piece->offset >= piece->size ||
        piece->count > piece->size - piece->offset || piece->count > size - *at - SYNC_PIECE_HEAD) {
        return false;
    }
    *at += SYNC_PIECE_HEAD + piece->count;
    return true;
}

/* Where the walk stands is carried along: each piece goes on there, and the head says the end. */
static bool are_pieces(const struct sync_records *records)
{
    struct sync_piece piece;
    uint32_t index = records->place.index, offset = records->place.offset;
    bool is_past = false; /* past the last index there is */
    size_t at = 0;
    while (at < records->pieces_size) {
        if (!sync_read_piece(&piece, &at, records->pieces, records->pieces_size)) return false;
        if (is_past || piece.index < index || (offset > 0 && piece.index != index) ||
            sync_range_of(records->place.kind, piece.index) != records->place.range ||
            piece.offset != offset) {
            return false;
        }
        const bool is_whole = piece.offset + piece.count == piece.size;
        is_past = is_whole && piece.index == UINT32_MAX;
        index = is_whole ? piece.index + 1 : piece.index;
        offset = is_whole ? 0 : piece.offset + piece.count;
        if (!is_whole && at < records->pieces_size) return false;
    }
    if (records->is_end) return offset == 0;
    return at > 0 && !is_past && records->next_index == index && records->next_offset == offset &&
           sync_range_of(records->place.kind, index) == records->place.range;
}

bool sync_read_records(struct sync_records *records, const uint8_t *bytes, size_t size)
{
    if (size < SYNC_RECORDS_HEAD || bytes[0] != TN_PEER_SYNC_DATA || bytes[1] != SYNC_RECORDS) {
        return false;
    }
    *records = (struct sync_records){.height = tn_get_be(bytes + 2, 8),
                                     .place = {.kind = bytes[10],
                                               .range = (uint32_t)tn_get_be(bytes + 11, 4),
                                               .index = (uint32_t)tn_get_be(bytes + 15, 4),
                                               .offset = (uint32_t)tn_get_be(bytes + 19, 4)},
                                     .is_end = bytes[23] == 1,
                                     .next_index = (uint32_t)tn_get_be(bytes + 24, 4),
                                     .next_offset = (uint32_t)tn_get_be(bytes + 28, 4),
                                     .has_above = bytes[32] == 1,
                                     .above = (uint32_t)tn_get_be(bytes + 33, 4),
                                     .proof_size = (size_t)tn_get_be(bytes + 37, 2)};
    if (bytes[23] > 1 || bytes[32] > 1 || !is_place(&records->place) ||
        records->proof_size > SYNC_PROOF_MAX ||
        records->proof_size > (records->is_end ? size - SYNC_RECORDS_HEAD : 0)) {
        return false;
    }
    records->pieces = bytes + SYNC_RECORDS_HEAD;
    records->pieces_size = size - SYNC_RECORDS_HEAD - records->proof_size;
    records->proof = records->pieces + records->pieces_size;
    if (records->is_end && (records->next_index != 0 || records->next_offset != 0)) return false;
    if (records->has_above ? records->above <= records->place.range : records->above != 0) {
        return false;
    }
    return records->height > 0 && are_pieces(records);
}
