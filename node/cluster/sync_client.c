/* sync_client: from a trusted set to all records of a checkpoint.
 *
 * The work is a list of ranges. One that is leaves of the state is proved when it has come whole,
 * so whoever served it is known to have lied or not; it comes from one peer, or anew from another,
 * and the first range's proof says how many there are. What has no proof of its own (heads, past
 * roots, the registry, inboxes, that a kind is empty) comes from the chosen peer alone: should the
 * root be another at the end, it was he. So nobody honest is ever blamed, and no liar twice. */
#include "cluster/sync_client.h"

#include "cluster/sync_check.h"

#include <stdlib.h>
#include <string.h>

enum {
    SETS_KEPT = 4, /* a peer may serve a checkpoint of an epoch that has just ended */
    SOURCES_MAX = 3,
    RANGES_OF_PEER = 4,
    WORKS_MAX = 1 << 16,
    UNPROVED_RANGES_MAX = 1024, /* of a kind */
    KIND_POSITIONS = 1,         /* behind their ACCOUNTs' kind */
    ASK_US = 1000000,           /* between two rounds of questions */
    GATHER_US = 300000,         /* for the answers to one */
    ANSWER_US = 10000000,       /* a peer has so long */
};

struct peer {
    bool is_up, is_banned, is_asked;
    bool is_source;         /* of the records of this attempt */
    bool was_useless;       /* its certificate cannot be checked: not looked at in this round */
    uint32_t ranges;        /* that it was asked for */
    uint32_t failures;      /* it was silent, or went down, or served something else by then */
    uint64_t answers, rank; /* rank: drawn for each attempt */
    size_t cert_size;       /* 0: it serves nothing, or has not answered */
    struct tn_checkpoint said;
    uint8_t cert[SYNC_CERT_MAX];
};

struct work {
    struct sync_place place; /* what comes next */
    uint8_t kind;            /* place.kind, but ACCOUNT also while its POSITIONS come */
    uint16_t peer;           /* that was asked; TN_PEER_ALL: nobody */
    bool is_done;
    bool is_said_empty;       /* by somebody who cannot be held to it */
    struct sync_check *check; /* NULL: not begun, or it has no proof */
    int64_t asked_us;
    uint64_t records, bytes; /* that have come */
    uint8_t *record;         /* the first place.offset bytes of it; NULL: none */
    uint32_t size;           /* of it */
};

struct sync_client {
    struct sync_client_config config;
    struct sync_client_counters counters;
    enum sync_client_state state;
    struct peer peers[TN_PEERS_MAX];
    uint64_t random;
    uint64_t bytes_max;
    int64_t asked_us, now_us;
    struct tn_validators sets[SETS_KEPT]; /* that are proved, by epoch; the last one's is `epoch` */
    uint64_t epoch;
    uint16_t chosen; /* whose certificate it is */
    struct tn_checkpoint checkpoint;
    uint8_t cert[SYNC_CERT_MAX];
    size_t cert_size;
    struct work *works;
    uint32_t works_count, works_room, works_done;
    uint32_t ranges_known[TN_CHAIN_KINDS]; /* of a kind: 1 + the highest one in the list */
};

/* ---- Life --------------------------------------------------------------------------------------
 */

/* What nobody can prove: what has no proof, and that there are none of a kind. */
static bool is_of_chosen(const struct sync_client *client, const struct work *work)
{
    return !sync_is_proved(client->config.limits, work->kind) || work->is_said_empty;
}

static void drop_works(struct sync_client *client)
{
    for (uint32_t i = 0; i < client->works_count; i++) {
        free(client->works[i].record);
        sync_check_free(client->works[i].check);
    }
    client->works_count = client->works_done = 0;
    memset(client->ranges_known, 0, sizeof client->ranges_known);
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
        client->peers[i].ranges = 0;
        client->peers[i].is_source = false;
        client->peers[i].rank = tn_random_next(&client->random);
    }
}

static void ask_again(struct sync_client *client)
{
    drop_works(client);
    client->state = SYNC_CLIENT_ASKING;
    client->asked_us = INT64_MIN / 2;
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        client->peers[i].was_useless = false;
}

struct sync_client *sync_client_make(const struct sync_client_config *config)
{
    struct sync_client *client = calloc(1, sizeof *client);
    if (client == NULL) return NULL;
    client->config = *config;
    client->random = config->seed;
    client->epoch = config->set.epoch;
    client->sets[client->epoch % SETS_KEPT] = config->set;
    client->bytes_max = 2 * (uint64_t)tn_chain_size(config->limits);
    TN_ASSERT(client->bytes_max > 0 && config->set.count > 0);
    ask_again(client);
    return client;
}

void sync_client_free(struct sync_client *client)
{
    if (client == NULL) return;
    drop_works(client);
    free(client->works);
    free(client);
}

/* What came of a range that is proved is void, and what was put of it is taken back: whoever gets
 * it next begins anew. */
static void restart_work(struct sync_client *client, struct work *work)
{
    const uint8_t kinds[] = {work->kind, (uint8_t)(work->kind + KIND_POSITIONS)};
    const uint32_t first = work->place.range << sync_range_bits(work->kind);
    const uint32_t end = 1u << sync_range_bits(work->kind);
    for (uint32_t k = 0; k < 2 && work->check != NULL; k++) {
        for (uint32_t i = 0; i < end; i++) {
            if (k == 1 && !sync_is_positions(client->config.limits, kinds[1])) break;
            if (!sync_check_has(work->check, kinds[k], first + i)) continue;
            if (!client->config.put(client->config.context, kinds[k], first + i, NULL, 0))
                client->state = SYNC_CLIENT_FAILED;
        }
    }
    client->counters.records -= work->records;
    client->counters.bytes -= work->bytes;
    sync_check_free(work->check);
    free(work->record);
    *work = (struct work){.place = {.range = work->place.range, .index = first},
                          .kind = work->kind,
                          .peer = TN_PEER_ALL};
    const uint8_t positions = (uint8_t)(work->kind + KIND_POSITIONS);
    const bool is_account = sync_is_positions(client->config.limits, positions);
    work->place.kind = is_account ? positions : work->kind;
}

/* It is asked for nothing more in this attempt. Without the chosen one the attempt is over, unless
 * nothing is wanted any more but what can be proved. */
static void release_ranges(struct sync_client *client, uint16_t peer)
{
    bool is_over = false;
    if (client->state != SYNC_CLIENT_TAKING || !client->peers[peer].is_source) return;
    client->peers[peer].ranges = 0;
    client->peers[peer].is_source = false;
    for (uint32_t i = 0; i < client->works_count; i++) {
        struct work *work = &client->works[i];
        is_over |= peer == client->chosen && !work->is_done && is_of_chosen(client, work);
        if (work->peer == peer) restart_work(client, work);
    }
    if (is_over && client->state == SYNC_CLIENT_TAKING) ask_again(client);
}

/* It was silent, or went. */
static void give_up(struct sync_client *client, uint16_t peer)
{
    client->peers[peer].failures++;
    release_ranges(client, peer);
}

static void ban(struct sync_client *client, uint16_t peer)
{
    if (client->peers[peer].is_banned) return;
    client->peers[peer].is_banned = true;
    client->peers[peer].cert_size = 0;
    client->counters.bans++;
    release_ranges(client, peer);
    /* What he alone was asked for is not to be believed either. */
    if (client->state == SYNC_CLIENT_TAKING && peer == client->chosen) ask_again(client);
}

void sync_client_peer_up(struct sync_client *client, uint16_t peer)
{
    TN_ASSERT(peer < TN_PEERS_MAX);
    client->peers[peer].is_up = true;
    client->peers[peer].is_asked = false;
}

void sync_client_peer_down(struct sync_client *client, uint16_t peer)
{
    TN_ASSERT(peer < TN_PEERS_MAX);
    client->peers[peer].is_up = false;
    client->peers[peer].cert_size = 0;
    give_up(client, peer);
}

static void send_fetch(struct sync_client *client, uint16_t to, const struct sync_fetch *fetch)
{
    uint8_t bytes[SYNC_FETCH_SIZE];
    client->config.send(client->config.context, to, bytes, sync_write_fetch(bytes, fetch));
}

/* ---- Which checkpoint --------------------------------------------------------------------------
 */

static void ask_all(struct sync_client *client)
{
    const struct sync_fetch fetch = {.what = SYNC_CHECKPOINT};
    client->asked_us = client->now_us;
    for (uint16_t i = 0; i < TN_PEERS_MAX; i++) {
        struct peer *peer = &client->peers[i];
        peer->cert_size = 0;
        peer->was_useless = false;
        if (!peer->is_up || peer->is_banned) continue;
        peer->is_asked = true;
        send_fetch(client, i, &fetch);
    }
}

/* NULL: not proved, or too old. */
static const struct tn_validators *set_of(const struct sync_client *client, uint64_t epoch)
{
    const struct tn_validators *set = &client->sets[epoch % SETS_KEPT];
    return set->count > 0 && set->epoch == epoch ? set : NULL;
}

static void ask_epoch(struct sync_client *client)
{
    const struct sync_fetch fetch = {.what = SYNC_EPOCH, .number = client->epoch};
    client->asked_us = client->now_us;
    send_fetch(client, client->chosen, &fetch);
}

/* Is a to be asked before b? Who never failed, then who has answered, then as the seed wills: else
 * those with the lowest numbers would serve everybody who joins. */
static bool is_before(const struct peer *a, const struct peer *b)
{
    if (a->failures != b->failures) return a->failures < b->failures;
    if ((a->answers > 0) != (b->answers > 0)) return a->answers > 0;
    return a->rank < b->rank;
}

/* The peer with the highest checkpoint that was not found useless; TN_PEER_ALL: none. */
static uint16_t best_peer(const struct sync_client *client)
{
    uint16_t best = TN_PEER_ALL;
    for (uint16_t i = 0; i < TN_PEERS_MAX; i++) {
        const struct peer *peer = &client->peers[i];
        if (!peer->is_up || peer->is_banned || peer->was_useless || peer->cert_size == 0) continue;
        if (peer->said.height <= client->config.above ||
            peer->said.epoch < client->config.set.epoch)
            continue;
        const struct peer *other = best == TN_PEER_ALL ? NULL : &client->peers[best];
        if (other == NULL || peer->said.height > other->said.height ||
            (peer->said.height == other->said.height && is_before(peer, other)))
            best = i;
    }
    return best;
}

static bool add_work(struct sync_client *client, uint8_t kind, uint32_t range)
{
    if (client->works_count == WORKS_MAX) return false;
    if (client->works_count == client->works_room) {
        const uint32_t room = client->works_room == 0 ? 256 : 2 * client->works_room;
        struct work *grown = realloc(client->works, room * sizeof *grown);
        if (grown == NULL) return false;
        client->works = grown;
        client->works_room = room;
    }
    struct work *work = &client->works[client->works_count++];
    *work = (struct work){.place = {.range = range}, .kind = kind};
    restart_work(client, work);
    return true;
}

static void begin_taking(struct sync_client *client)
{
    drop_works(client);
    client->counters.attempts++;
    client->counters.records = client->counters.bytes = 0;
    client->state = SYNC_CLIENT_FAILED;
    if (!client->config.begin(client->config.context)) return;
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS; kind++) {
        if (tn_chain_record_size_max(client->config.limits, (uint8_t)kind) == 0) continue;
        if (sync_is_positions(client->config.limits, (uint8_t)kind)) continue;
        if (!add_work(client, (uint8_t)kind, 0)) return;
        client->ranges_known[kind] = 1;
    }
    client->state = SYNC_CLIENT_TAKING;
}

static bool can_serve(const struct sync_client *client, const struct peer *peer)
{
    return peer->is_up && !peer->is_banned && peer->cert_size > 0 &&
           peer->said.height == client->checkpoint.height &&
           tn_hash_equal(&peer->said.state_root, &client->checkpoint.state_root);
}

/* Who serves this very checkpoint, up to so many at a time; the one that was chosen in any case. */
static void choose_sources(struct sync_client *client)
{
    for (uint32_t count = sync_client_sources(client); count < SOURCES_MAX; count++) {
        struct peer *best = NULL;
        for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
            struct peer *peer = &client->peers[i];
            if (peer->is_source || !can_serve(client, peer)) continue;
            if (best == NULL || is_before(peer, best)) best = peer;
        }
        if (best == NULL || (best->failures > 0 && count > 0)) return;
        best->is_source = true;
    }
}

/* The best peer's certificate: is it good, can it be checked, or is an epoch's end missing? */
static void choose(struct sync_client *client)
{
    uint16_t best;
    while ((best = best_peer(client)) != TN_PEER_ALL) {
        struct peer *peer = &client->peers[best];
        client->chosen = best;
        const struct tn_validators *set = set_of(client, peer->said.epoch);
        if (peer->said.epoch > client->epoch) {
            client->state = SYNC_CLIENT_PROVING;
            ask_epoch(client);
            return;
        }
        if (set == NULL) { /* older than what is known: of no use */
            peer->was_useless = true;
            continue;
        }
        if (!tn_sequencer_check_checkpoint(&client->checkpoint, client->config.signatures,
                                           &client->config.limits->checkpoint_domain, set,
                                           peer->cert, peer->cert_size)) {
            client->counters.bad_certs++;
            ban(client, best);
            continue;
        }
        memcpy(client->cert, peer->cert, peer->cert_size);
        client->cert_size = peer->cert_size;
        begin_taking(client);
        peer->is_source = true;
        choose_sources(client);
        return;
    }
}

static void take_status(struct sync_client *client, uint16_t from, const uint8_t *bytes,
                        size_t size)
{
    struct peer *peer = &client->peers[from];
    const uint8_t *cert;
    size_t cert_size;
    if (!sync_read_status(&cert, &cert_size, bytes, size)) {
        client->counters.malformed++;
        ban(client, from);
        return;
    }
    peer->cert_size = cert_size;
    if (cert_size > 0) {
        memcpy(peer->cert, cert, cert_size);
        tn_checkpoint_read(&peer->said, cert + 1);
    }
    const bool is_chosen = from == client->chosen;
    if (client->state == SYNC_CLIENT_TAKING && peer->is_source &&
        (cert_size == 0 || peer->said.height != client->checkpoint.height)) {
        give_up(client, from); /* it serves another one now */
    }
    if (client->state == SYNC_CLIENT_PROVING && is_chosen) { /* it does not have the epoch's end */
        client->state = SYNC_CLIENT_ASKING;
        peer->was_useless = true;
    }
}

static void take_epoch(struct sync_client *client, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct sync_epoch epoch;
    struct tn_block_header last;
    struct tn_validators next;
    struct tn_hash hash;
    if (client->state != SYNC_CLIENT_PROVING || from != client->chosen) {
        client->counters.unasked++;
        return;
    }
    const struct tn_validators *set = set_of(client, client->epoch);
    TN_ASSERT(set != NULL);
    bool is_good = sync_read_epoch(&epoch, bytes, size) && epoch.epoch == client->epoch &&
                   tn_sequencer_check_handover(&last, client->config.signatures,
                                               client->config.limits->chain_id, set, epoch.handover,
                                               epoch.handover_size) &&
                   sync_read_set(&next, client->config.signatures, epoch.set, epoch.set_size) &&
                   next.epoch == client->epoch + 1;
    if (is_good) {
        tn_validators_hash(&hash, &next);
        is_good = tn_hash_equal(&hash, &last.next_set_hash);
    }
    if (!is_good) {
        client->counters.bad_certs++;
        client->state = SYNC_CLIENT_ASKING;
        ban(client, from);
        return;
    }
    client->epoch = next.epoch;
    client->sets[next.epoch % SETS_KEPT] = next;
    if (!client->config.epoch(client->config.context, &epoch)) {
        client->state = SYNC_CLIENT_FAILED;
        return;
    }
    choose(client);
}

/* ---- Records -----------------------------------------------------------------------------------
 */

static void ask_range(struct sync_client *client, struct work *work, uint16_t to)
{
    const struct sync_fetch fetch = {
        .what = SYNC_RECORDS, .number = client->checkpoint.height, .place = work->place};
    if (work->check == NULL && sync_is_proved(client->config.limits, work->kind)) {
        work->check = sync_check_make(client->config.limits, work->kind, work->place.range);
        if (work->check == NULL) {
            client->state = SYNC_CLIENT_FAILED;
            return;
        }
    }
    work->peer = to;
    work->asked_us = client->now_us;
    client->peers[to].ranges++;
    send_fetch(client, to, &fetch);
}

static void give_out_ranges(struct sync_client *client)
{
    for (uint32_t i = 0; i < client->works_count && client->state == SYNC_CLIENT_TAKING; i++) {
        struct work *work = &client->works[i];
        uint16_t to = TN_PEER_ALL;
        if (work->is_done || work->peer != TN_PEER_ALL) continue;
        for (uint16_t p = 0; p < TN_PEERS_MAX; p++) {
            const struct peer *peer = &client->peers[p];
            if (!peer->is_source || peer->ranges >= RANGES_OF_PEER) continue;
            if (is_of_chosen(client, work) && p != client->chosen) continue;
            if (to == TN_PEER_ALL || peer->ranges < client->peers[to].ranges) to = p;
        }
        if (to != TN_PEER_ALL) ask_range(client, work, to);
    }
}

static struct work *find_work(struct sync_client *client, const struct sync_place *place)
{
    for (uint32_t i = 0; i < client->works_count; i++) {
        struct work *work = &client->works[i];
        if (work->place.kind == place->kind && work->place.range == place->range) return work;
    }
    return NULL;
}

/* False: it is not what the piece before it said, or more than there can be. */
static bool take_piece(struct sync_client *client, struct work *work,
                       const struct sync_piece *piece)
{
    const struct sync_client_config *config = &client->config;
    const uint8_t kind = work->place.kind;
    client->counters.bytes += piece->count;
    work->bytes += piece->count;
    if (client->counters.bytes > client->bytes_max) return false;
    if (piece->offset == 0) {
        if (piece->size > tn_chain_record_size_max(config->limits, kind)) return false;
        if (piece->count < piece->size) {
            work->record = malloc(piece->size);
            work->size = piece->size;
            if (work->record == NULL) client->state = SYNC_CLIENT_FAILED;
        }
    } else if (work->record == NULL || work->size != piece->size) {
        return false;
    }
    const uint8_t *bytes = piece->bytes;
    if (work->record != NULL) {
        memcpy(work->record + piece->offset, piece->bytes, piece->count);
        bytes = work->record;
    }
    if (client->state == SYNC_CLIENT_FAILED || piece->offset + piece->count < piece->size) {
        return true;
    }
    if (work->check != NULL &&
        !sync_check_record(work->check, kind, piece->index, bytes, piece->size)) {
        return false;
    }
    client->counters.records++;
    work->records++;
    if (!config->put(config->context, kind, piece->index, bytes, piece->size)) {
        client->state = SYNC_CLIENT_FAILED;
    }
    free(work->record);
    work->record = NULL;
    return true;
}

static bool take_pieces(struct sync_client *client, struct work *work,
                        const struct sync_records *records)
{
    struct sync_piece piece;
    size_t at = 0;
    while (at < records->pieces_size && client->state == SYNC_CLIENT_TAKING) {
        if (!sync_read_piece(&piece, &at, records->pieces, records->pieces_size) ||
            !take_piece(client, work, &piece)) {
            return false;
        }
    }
    return true;
}

/* The range behind it, the first time that somebody tells of it. False: more than there can be. */
static bool take_above(struct sync_client *client, const struct sync_records *records)
{
    uint32_t *known = &client->ranges_known[records->place.kind];
    if (!records->has_above || *known > records->place.range + 1) return true;
    if (records->above >= UNPROVED_RANGES_MAX ||
        !add_work(client, records->place.kind, records->above)) {
        return false;
    }
    *known = records->above + 1;
    return true;
}

/* There are none of a kind, somebody says: if it is not the chosen one, he is asked as well. */
static bool is_hearsay(const struct sync_client *client, const struct work *work,
                       const struct sync_records *records)
{
    return work->check != NULL && records->proof_size == 0 && work->peer != client->chosen &&
           work->place.range == 0 && sync_check_is_empty(work->check);
}

/* A range has ended: is it all of what it should be? False: no. May move the list. */
static bool end_range(struct sync_client *client, struct work *work,
                      const struct sync_records *records)
{
    const uint8_t kind = work->kind;
    uint32_t total;
    if (work->check == NULL) return take_above(client, records);
    if (records->proof_size == 0) {
        return work->place.range == 0 && sync_check_is_empty(work->check);
    }
    if (!sync_check_end(work->check, &total, records->proof, records->proof_size,
                        &client->checkpoint)) {
        return false;
    }
    sync_check_free(work->check);
    work->check = NULL;
    const uint32_t ranges = sync_range_of(kind, total - 1) + 1;
    while (client->ranges_known[kind] < ranges) {
        if (add_work(client, kind, client->ranges_known[kind]++)) continue;
        client->state = SYNC_CLIENT_FAILED; /* it is proved, and does not fit */
        break;
    }
    return true;
}

/* False: whoever sent it lied. */
static bool take_answer(struct sync_client *client, struct work *work,
                        const struct sync_records *records)
{
    const uint16_t from = work->peer;
    const uint32_t place = (uint32_t)(work - client->works);
    client->peers[from].ranges--;
    client->peers[from].answers++;
    if (!take_pieces(client, work, records)) return false;
    if (client->state != SYNC_CLIENT_TAKING) return true;
    if (!records->is_end) {
        work->place.index = records->next_index;
        work->place.offset = records->next_offset;
        ask_range(client, work, from);
    } else if (work->place.kind != work->kind) { /* POSITIONS: now their accounts */
        const uint32_t first = work->place.range << sync_range_bits(work->kind);
        work->place =
            (struct sync_place){.kind = work->kind, .range = work->place.range, .index = first};
        ask_range(client, work, from);
    } else if (is_hearsay(client, work, records)) {
        restart_work(client, work);
        work->is_said_empty = true;
        if (!client->peers[client->chosen].is_source) ask_again(client); /* he has gone */
    } else {
        if (!end_range(client, work, records)) return false;
        work = &client->works[place];
        work->is_done = true;
        work->peer = TN_PEER_ALL;
        client->works_done++;
    }
    return true;
}

static void take_records(struct sync_client *client, uint16_t from, const uint8_t *bytes,
                         size_t size)
{
    struct sync_records records;
    if (!sync_read_records(&records, bytes, size)) {
        client->counters.malformed++;
        ban(client, from);
        return;
    }
    struct work *work =
        client->state == SYNC_CLIENT_TAKING ? find_work(client, &records.place) : NULL;
    if (work == NULL || work->is_done || work->peer != from ||
        records.height != client->checkpoint.height || work->place.index != records.place.index ||
        work->place.offset != records.place.offset) {
        client->counters.unasked++;
        return;
    }
    if (!take_answer(client, work, &records)) {
        client->counters.lies++;
        ban(client, from);
    }
    if (client->state != SYNC_CLIENT_TAKING) return;
    choose_sources(client);
    if (client->works_done == client->works_count) client->state = SYNC_CLIENT_WHOLE;
    give_out_ranges(client);
}

void sync_client_message(struct sync_client *client, uint16_t from, const uint8_t *bytes,
                         size_t size, int64_t now_us)
{
    TN_ASSERT(from < TN_PEERS_MAX);
    if (size == 0 || client->peers[from].is_banned || client->state == SYNC_CLIENT_FAILED) return;
    client->now_us = now_us;
    if (bytes[0] == TN_PEER_SYNC_STATUS) {
        take_status(client, from, bytes, size);
    } else if (bytes[0] == TN_PEER_SYNC_DATA && size > 1 && bytes[1] == SYNC_EPOCH) {
        take_epoch(client, from, bytes, size);
    } else {
        take_records(client, from, bytes, size);
    }
}

/* ---- Time --------------------------------------------------------------------------------------
 */

static void look_for_silence(struct sync_client *client)
{
    for (uint32_t i = 0; i < client->works_count && client->state == SYNC_CLIENT_TAKING; i++) {
        const struct work *work = &client->works[i];
        if (work->peer == TN_PEER_ALL || client->now_us - work->asked_us < ANSWER_US) continue;
        client->counters.timeouts++;
        give_up(client, work->peer); /* may end the attempt */
    }
    if (client->state != SYNC_CLIENT_TAKING) return;
    choose_sources(client);
    if (sync_client_sources(client) == 0) ask_again(client);
}

void sync_client_turn(struct sync_client *client, int64_t now_us)
{
    client->now_us = now_us;
    const int64_t passed_us = now_us - client->asked_us;
    if (client->state == SYNC_CLIENT_PROVING && passed_us > ANSWER_US) {
        client->counters.timeouts++;
        client->peers[client->chosen].was_useless = true;
        client->state = SYNC_CLIENT_ASKING;
    }
    if (client->state == SYNC_CLIENT_ASKING) {
        if (passed_us >= GATHER_US) choose(client);
        if (client->state == SYNC_CLIENT_ASKING && now_us - client->asked_us >= ASK_US) {
            ask_all(client);
        }
    }
    if (client->state != SYNC_CLIENT_TAKING) return;
    look_for_silence(client);
    if (client->state == SYNC_CLIENT_TAKING) give_out_ranges(client);
}

int64_t sync_client_timeout(const struct sync_client *client)
{
    return client->now_us + GATHER_US / 3;
}

/* ---- What stands -------------------------------------------------------------------------------
 */

enum sync_client_state sync_client_state(const struct sync_client *client)
{
    return client->state;
}

const struct tn_checkpoint *sync_client_checkpoint(const struct sync_client *client)
{
    return &client->checkpoint;
}

const uint8_t *sync_client_cert(const struct sync_client *client, size_t *size)
{
    *size = client->cert_size;
    return client->cert;
}

void sync_client_refuse(struct sync_client *client, int64_t now_us)
{
    TN_ASSERT(client->state == SYNC_CLIENT_WHOLE);
    client->now_us = now_us;
    client->counters.lies++;
    ban(client, client->chosen);
    ask_again(client);
}

uint32_t sync_client_sources(const struct sync_client *client)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        count += client->peers[i].is_source;
    return count;
}

bool sync_client_is_banned(const struct sync_client *client, uint16_t peer)
{
    return client->peers[peer].is_banned;
}

const struct sync_client_counters *sync_client_counters(const struct sync_client *client)
{
    return &client->counters;
}
