/* sync_server: one view, a list of questions, a bucket of bytes.
 *
 * A question for records of another checkpoint than the one that is served is answered with what
 * is: whoever asked begins anew. A peer that has no room keeps its questions; those of others are
 * answered meanwhile. */
#include "cluster/sync_server.h"

#include "cluster/keeper.h"
#include "cluster/sync_proofs.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>

enum {
    ASKED_MAX = 256,
    ASKED_BY_PEER = 32,
    TURN_BYTES = 1 << 20,
    IDLE_US = 5000000,
    RETRY_US = 2000, /* after a peer had no room, or the bucket was empty */
};

struct asked {
    uint16_t from;
    struct sync_fetch fetch;
};

struct sync_server {
    struct sync_server_config config;
    struct sync_server_counters counters;
    struct asked asked[ASKED_MAX];
    uint32_t asked_count;
    struct store_view *view;   /* NULL: none */
    uint64_t height;           /* that it is of */
    struct store_bytes proofs; /* in it */
    int64_t opened_us, used_us, now_us, turn_us;
    int64_t tokens; /* bytes that may be sent */
    uint8_t message[SYNC_RECORDS_HEAD + SYNC_PIECES_MAX + SYNC_PROOF_MAX];
};

struct sync_server *sync_server_make(const struct sync_server_config *config)
{
    struct sync_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        complain("out of memory");
        return NULL;
    }
    server->config = *config;
    server->turn_us = INT64_MAX;
    return server;
}

static void end_view(struct sync_server *server)
{
    if (server->view != NULL) store_view_end(server->view);
    server->view = NULL;
}

void sync_server_free(struct sync_server *server)
{
    if (server == NULL) return;
    end_view(server);
    free(server);
}

bool sync_server_take(struct sync_server *server, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct sync_fetch fetch;
    uint32_t by_peer = 0;
    if (!sync_read_fetch(&fetch, bytes, size)) {
        server->counters.malformed++;
        return false;
    }
    TN_ASSERT(from < TN_PEERS_MAX);
    server->counters.asked++;
    for (uint32_t i = 0; i < server->asked_count; i++)
        by_peer += server->asked[i].from == from;
    if (server->asked_count == ASKED_MAX || by_peer == ASKED_BY_PEER) {
        server->counters.refused++;
        return true;
    }
    server->asked[server->asked_count++] = (struct asked){.from = from, .fetch = fetch};
    server->turn_us = 0;
    return true;
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

static bool send(struct sync_server *server, uint16_t to, size_t size)
{
    const struct sync_server_config *config = &server->config;
    if (!config->send(config->context, to, server->message, size)) return false;
    server->tokens -= (int64_t)size;
    server->counters.answers++;
    server->counters.bytes += size;
    return true;
}

static bool answer_status(struct sync_server *server, uint16_t to)
{
    struct store_status status;
    const uint8_t *cert = NULL;
    size_t size = 0;
    uint64_t height = server->height;
    if (server->view == NULL) {
        store_status(server->config.store, &status);
        height = status.durable.height;
    }
    if (height == STORE_HEIGHT_NONE ||
        !server->config.cert(server->config.context, &cert, &size, height)) {
        size = 0;
    }
    return send(server, to, sync_write_status(server->message, cert, size));
}

static bool answer_epoch(struct sync_server *server, uint16_t to, uint64_t number)
{
    struct sync_epoch epoch;
    if (!server->config.epoch(server->config.context, &epoch, number) ||
        SYNC_EPOCH_HEAD + epoch.handover_size + epoch.set_size > sizeof server->message) {
        return answer_status(server, to);
    }
    return send(server, to, sync_write_epoch(server->message, &epoch));
}

/* A view of the checkpoint at that height, the one that is open or one of the store as it is: held
 * if true. It yields between two answers, or the node's thread could wait for a store whose map
 * must grow while the store waits for the view. */
static bool hold_view(struct sync_server *server, uint64_t height)
{
    struct store_trail trail;
    struct store_point point;
    const uint8_t *cert;
    size_t size;
    if (server->view != NULL && server->height != height) return false;
    if (server->view != NULL && store_view_hold(server->view)) return true;
    end_view(server);
    if (store_view_begin(server->config.store, &server->view, &trail) != STORE_OK) {
        server->view = NULL;
        return false;
    }
    const uint64_t kept = keeper_kept_height(KEPT_PROOFS, 0);
    if (store_get_point(server->view, &point) != STORE_OK || point.height != height ||
        store_get_receipts(server->view, &server->proofs, kept) != STORE_OK ||
        !server->config.cert(server->config.context, &cert, &size, height)) {
        end_view(server);
        return false;
    }
    server->height = height;
    server->opened_us = server->now_us;
    server->counters.views++;
    const bool is_held = store_view_hold(server->view);
    TN_ASSERT(is_held);
    store_view_yield(server->view);
    return true;
}

struct filling {
    struct sync_server *server;
    struct sync_records records;
    uint32_t offset; /* in the first record */
    bool is_full;
};

static bool fill_record(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct filling *filling = context;
    struct sync_records *records = &filling->records;
    uint8_t *at = filling->server->message + SYNC_RECORDS_HEAD + records->pieces_size;
    const size_t room = SYNC_PIECES_MAX - records->pieces_size;
    uint32_t offset = index == records->place.index ? filling->offset : 0;
    if (sync_range_of(records->place.kind, index) != records->place.range) return false;
    if (offset > 0 && offset >= size) return false; /* there is no such byte */
    if (filling->offset > 0 && index != records->place.index && records->pieces_size == 0)
        return false; /* nor such a record */
    if (room <= SYNC_PIECE_HEAD) {
        filling->is_full = true;
        records->next_index = index;
        records->next_offset = offset;
        return false;
    }
    struct sync_piece piece = {.index = index, .size = (uint32_t)size, .offset = offset};
    piece.count = (uint32_t)(size - offset);
    if (piece.count > room - SYNC_PIECE_HEAD) {
        piece.count = (uint32_t)(room - SYNC_PIECE_HEAD);
        filling->is_full = true;
        records->next_index = index;
        records->next_offset = offset + piece.count;
    }
    sync_write_piece(at, &piece);
    memcpy(at + SYNC_PIECE_HEAD, bytes + offset, piece.count);
    records->pieces_size += SYNC_PIECE_HEAD + piece.count;
    filling->server->counters.records += !filling->is_full;
    return !filling->is_full;
}

static bool find_above(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct sync_records *records = context;
    (void)bytes;
    (void)size;
    records->has_above = true;
    records->above = sync_range_of(records->place.kind, index);
    return false;
}

static bool answer_records(struct sync_server *server, uint16_t to, const struct sync_fetch *fetch)
{
    const struct sync_place *place = &fetch->place;
    if (!hold_view(server, fetch->number)) return answer_status(server, to);
    struct filling filling = {.server = server,
                              .records = {.height = fetch->number, .place = *place},
                              .offset = place->offset};
    struct sync_records *records = &filling.records;
    enum store_err err =
        store_each_record(server->view, place->kind, place->index, fill_record, &filling);
    const uint32_t bits = sync_range_bits(place->kind);
    const bool is_there = place->offset == 0 || records->pieces_size > 0;
    if (err == STORE_OK && is_there && place->range < UINT32_MAX >> bits) {
        err = store_each_record(server->view, place->kind, (place->range + 1) << bits, find_above,
                                records);
    }
    if (err != STORE_OK) {
        complain("%s", store_view_trail(server->view)->text);
        end_view(server);
        return true;
    }
    if (!is_there) { /* from a byte on that no record has: nobody honest asks so */
        store_view_let_go(server->view);
        return answer_status(server, to);
    }
    /* A range is full at its last index only if that has more bytes. */
    records->is_end = !filling.is_full;
    server->used_us = server->now_us;
    if (records->is_end &&
        sync_proofs_find(&records->proof, &records->proof_size, server->proofs.bytes,
                         server->proofs.size, place->kind, place->range)) {
        memcpy(server->message + SYNC_RECORDS_HEAD + records->pieces_size, records->proof,
               records->proof_size);
    }
    store_view_let_go(server->view);
    sync_write_records(server->message, records);
    return send(server, to, SYNC_RECORDS_HEAD + records->pieces_size + records->proof_size);
}

static bool answer(struct sync_server *server, const struct asked *asked)
{
    switch (asked->fetch.what) {
        case SYNC_CHECKPOINT: return answer_status(server, asked->from);
        case SYNC_EPOCH: return answer_epoch(server, asked->from, asked->fetch.number);
        case SYNC_RECORDS: return answer_records(server, asked->from, &asked->fetch);
    }
    return true;
}

/* ---- Turns -------------------------------------------------------------------------------------
 */

static void fill_bucket(struct sync_server *server, int64_t now_us)
{
    const int64_t rate = (int64_t)server->config.bytes_a_second;
    int64_t passed_us = now_us - server->now_us;
    server->now_us = now_us;
    if (passed_us < 0) passed_us = 0;
    if (passed_us > 1000000) passed_us = 1000000;
    server->tokens += rate / 1000000 * passed_us;
    if (server->tokens > rate / 4 + TURN_BYTES) server->tokens = rate / 4 + TURN_BYTES;
}

static void close_old_view(struct sync_server *server)
{
    if (server->view == NULL) return;
    if (!store_view_hold(server->view)) { /* it yielded */
        end_view(server);
        return;
    }
    store_view_let_go(server->view);
    const bool is_old =
        server->now_us - server->opened_us > (int64_t)server->config.view_seconds * 1000000;
    if (!is_old && server->now_us - server->used_us < IDLE_US) return;
    server->counters.views_ended += is_old;
    end_view(server);
}

void sync_server_turn(struct sync_server *server, int64_t now_us)
{
    uint64_t most = server->counters.bytes + TURN_BYTES;
    uint32_t kept = 0;
    bool has_no_room[TN_PEERS_MAX] = {false};
    fill_bucket(server, now_us);
    for (uint32_t i = 0; i < server->asked_count; i++) {
        const struct asked asked = server->asked[i];
        bool *is_full = &has_no_room[asked.from];
        if (!*is_full && server->tokens > 0 && server->counters.bytes < most) {
            *is_full = !answer(server, &asked);
            if (!*is_full) continue;
        }
        server->asked[kept++] = asked;
    }
    server->asked_count = kept;
    close_old_view(server);
    server->turn_us = INT64_MAX;
    if (server->view != NULL) server->turn_us = now_us + IDLE_US;
    if (kept > 0) server->turn_us = now_us + RETRY_US;
}

int64_t sync_server_timeout(const struct sync_server *server)
{
    return server->turn_us;
}

const struct sync_server_counters *sync_server_counters(const struct sync_server *server)
{
    return &server->counters;
}
