/* sync_taking: the records of one attempt, from peers that serve the same checkpoint.
 *
 * The work is a list of ranges. First comes the frame: what has no proof of its own (heads, past
 * roots, the registry, inboxes), from the chosen peer alone, and of each market its MARKET records,
 * whose proof leads to the root of all markets. Together they make the state root, or the chosen
 * peer lied. Then all other ranges, of any peer that serves them: each is proved when it has come
 * whole, by its own proof or, of EQUITY, by the frame, and the first range's proof says how many
 * there are. That there are none of a kind shows in the proofs of its neighbours; until it does,
 * only the chosen peer may say so. So nobody honest is ever blamed, and no liar twice. */
#include "cluster/sync_client_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- Works --------------------------------------------------------------------------------------
 */

static bool is_of_frame(const struct sync_client *client, uint8_t kind)
{
    return sync_frame_most(client->config.limits, kind) > 0;
}

/* Whose first records make the frame whole: there always are some. */
static bool is_market(const struct sync_client *client, uint8_t kind)
{
    return sync_is_proved(client->config.limits, kind) && kind % KIND_STEP == TN_RECORD_MARKET;
}

static bool is_of_chosen(const struct sync_client *client, const struct sync_work *work)
{
    return is_of_frame(client, work->kind) || work->is_said_empty;
}

void sync_taking_drop(struct sync_client *client)
{
    for (uint32_t i = 0; i < client->works_count; i++) {
        free(client->works[i].record);
        sync_check_free(client->works[i].check);
    }
    client->works_count = client->works_done = 0;
    sync_frame_free(client->frame);
    client->frame = NULL;
    client->is_framed = false;
    sync_roots_begin(&client->roots, client->config.limits);
    memset(client->ranges_known, 0, sizeof client->ranges_known);
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
        client->peers[i].ranges = 0;
        client->peers[i].bytes = 0;
        client->peers[i].is_source = false;
        client->peers[i].rank = tn_random_next(&client->random);
    }
}

/* What came of a range that is proved is void, and what was put of it is taken back: whoever gets
 * it next begins anew. */
static void restart_work(struct sync_client *client, struct sync_work *work)
{
    const uint8_t kinds[] = {work->kind, (uint8_t)(work->kind + KIND_POSITIONS)};
    const bool is_equity = sync_is_equity(client->config.limits, work->kind);
    const uint32_t range = is_equity ? 0 : work->place.range;
    const uint32_t first = range << sync_range_bits(work->kind);
    const uint32_t end = work->check == NULL ? first : sync_check_end_index(work->check);
    for (uint32_t k = 0; k < 2; k++) {
        for (uint32_t i = first; i < end; i++) {
            if (k == 1 && !sync_is_positions(client->config.limits, kinds[1])) break;
            if (!sync_check_has(work->check, kinds[k], i)) continue;
            if (!client->config.put(client->config.context, kinds[k], i, NULL, 0))
                client->state = SYNC_CLIENT_FAILED;
        }
    }
    client->counters.records -= work->records;
    client->counters.bytes -= work->bytes;
    if (work->peer != TN_PEER_ALL) client->peers[work->peer].bytes -= work->bytes;
    sync_check_free(work->check);
    free(work->record);
    *work = (struct sync_work){
        .place = {.range = range, .index = first}, .kind = work->kind, .peer = TN_PEER_ALL};
    const uint8_t positions = (uint8_t)(work->kind + KIND_POSITIONS);
    const bool is_account = sync_is_positions(client->config.limits, positions);
    work->place.kind = is_account ? positions : work->kind;
}

/* The chosen one is another from now on: what he alone has said, and nothing shows, is void. */
static void forget_claims(struct sync_client *client)
{
    sync_roots_unsay(&client->roots);
    for (uint32_t i = 0; i < client->works_count; i++) {
        if (!client->works[i].is_claim) continue;
        restart_work(client, &client->works[i]);
        client->works_done--;
    }
}

/* It is asked for nothing more in this attempt, which is over without the chosen one if the frame
 * is not proved. */
void sync_taking_release(struct sync_client *client, uint16_t peer)
{
    if (client->state != SYNC_CLIENT_TAKING || !client->peers[peer].is_source) return;
    client->peers[peer].ranges = 0;
    client->peers[peer].is_source = false;
    if (peer == client->chosen && !client->is_framed) {
        sync_client_ask_again(client);
        return;
    }
    for (uint32_t i = 0; i < client->works_count; i++)
        if (client->works[i].peer == peer) restart_work(client, &client->works[i]);
    if (peer == client->chosen) forget_claims(client);
}

/* The record of a market's last exit checkpoint that had accounts; NULL: there is none. */
static const uint8_t *exit_of(const struct sync_client *client, uint8_t kind)
{
    const uint8_t *exit = sync_frame_exit(client->frame, kind / KIND_STEP);
    return exit == NULL || sync_exit_accounts(exit) == 0 ? NULL : exit;
}

static bool add_work(struct sync_client *client, uint8_t kind, uint32_t range)
{
    if (client->works_count == WORKS_MAX) return false;
    if (client->works_count == client->works_room) {
        const uint32_t room = client->works_room == 0 ? 256 : 2 * client->works_room;
        struct sync_work *grown = realloc(client->works, room * sizeof *grown);
        if (grown == NULL) return false;
        client->works = grown;
        client->works_room = room;
    }
    struct sync_work *work = &client->works[client->works_count++];
    *work = (struct sync_work){.place = {.range = range}, .kind = kind, .peer = TN_PEER_ALL};
    restart_work(client, work);
    return true;
}

/* All but POSITIONS, which come with their accounts, and EQUITY where there was no exit. */
static bool is_wanted(const struct sync_client *client, uint8_t kind)
{
    const struct tn_chain_limits *limits = client->config.limits;
    if (tn_chain_record_size_max(limits, kind) == 0 || sync_is_positions(limits, kind)) {
        return false;
    }
    return !sync_is_equity(limits, kind) || (client->is_framed && exit_of(client, kind) != NULL);
}

/* The first ranges of all kinds of the frame, or of all others. */
static bool add_works(struct sync_client *client, bool is_frame)
{
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS; kind++) {
        const uint8_t own = (uint8_t)kind;
        if (!is_wanted(client, own)) continue;
        if ((is_of_frame(client, own) || is_market(client, own)) != is_frame) continue;
        if (!add_work(client, own, 0)) return false;
        client->ranges_known[kind] = 1;
    }
    return true;
}

void sync_taking_begin(struct sync_client *client)
{
    sync_taking_drop(client);
    client->counters.attempts++;
    client->counters.records = client->counters.bytes = 0;
    client->state = SYNC_CLIENT_FAILED;
    client->frame = sync_frame_make(client->config.limits);
    if (client->frame == NULL || !client->config.begin(client->config.context)) return;
    if (add_works(client, true)) client->state = SYNC_CLIENT_TAKING;
}

/* ---- Sources ------------------------------------------------------------------------------------
 */

static bool can_serve(const struct sync_client *client, const struct sync_peer *peer)
{
    return peer->is_up && !peer->is_banned && peer->cert_size > 0 &&
           peer->said.height == client->checkpoint.height &&
           tn_hash_equal(&peer->said.state_root, &client->checkpoint.state_root);
}

/* Who serves this very checkpoint, up to so many at a time; the one that was chosen in any case. */
void sync_taking_choose_sources(struct sync_client *client)
{
    for (uint32_t count = sync_client_sources(client); count < SOURCES_MAX; count++) {
        struct sync_peer *best = NULL;
        for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
            struct sync_peer *peer = &client->peers[i];
            if (peer->is_source || !can_serve(client, peer)) continue;
            if (best == NULL || sync_peer_is_before(peer, best)) best = peer;
        }
        if (best == NULL || (best->failures > 0 && count > 0)) break;
        best->is_source = true;
    }
    for (uint16_t i = 0; i < TN_PEERS_MAX && client->is_framed; i++) {
        if (client->peers[client->chosen].is_source) break;
        if (client->peers[i].is_source) client->chosen = i;
    }
}

/* ---- Records ------------------------------------------------------------------------------------
 */

static void ask_range(struct sync_client *client, struct sync_work *work, uint16_t to)
{
    const struct sync_fetch fetch = {
        .what = SYNC_RECORDS, .number = client->checkpoint.height, .place = work->place};
    if (work->check == NULL && !is_of_frame(client, work->kind)) {
        work->check = sync_is_equity(client->config.limits, work->kind)
                          ? sync_check_make_equity(work->kind, exit_of(client, work->kind))
                          : sync_check_make(client->config.limits, work->kind, work->place.range);
        if (work->check == NULL) {
            client->state = SYNC_CLIENT_FAILED;
            return;
        }
    }
    work->peer = to;
    work->asked_us = client->now_us;
    client->peers[to].ranges++;
    sync_client_send_fetch(client, to, &fetch);
}

static void give_out_ranges(struct sync_client *client)
{
    for (uint32_t i = 0; i < client->works_count && client->state == SYNC_CLIENT_TAKING; i++) {
        struct sync_work *work = &client->works[i];
        uint16_t to = TN_PEER_ALL;
        if (work->is_done || work->peer != TN_PEER_ALL) continue;
        for (uint16_t p = 0; p < TN_PEERS_MAX; p++) {
            const struct sync_peer *peer = &client->peers[p];
            if (!peer->is_source || peer->ranges >= RANGES_OF_PEER) continue;
            if (is_of_chosen(client, work) && p != client->chosen) continue;
            if (to == TN_PEER_ALL || peer->ranges < client->peers[to].ranges) to = p;
        }
        if (to != TN_PEER_ALL) ask_range(client, work, to);
    }
}

static struct sync_work *find_work(struct sync_client *client, const struct sync_place *place)
{
    for (uint32_t i = 0; i < client->works_count; i++) {
        struct sync_work *work = &client->works[i];
        if (work->place.kind == place->kind && work->place.range == place->range) return work;
    }
    return NULL;
}

/* False: there can be none of that name, or it cannot be what the proof will be of. */
static bool check_record(struct sync_client *client, struct sync_work *work, uint32_t index,
                         const uint8_t *bytes, size_t size)
{
    const uint8_t kind = work->place.kind;
    if (work->check != NULL) return sync_check_record(work->check, kind, index, bytes, size);
    const enum sync_frame_added added = sync_frame_add(client->frame, kind, index, bytes, size);
    if (added == SYNC_FRAME_NO_MEMORY) client->state = SYNC_CLIENT_FAILED;
    return added != SYNC_FRAME_BAD;
}

/* False: it is not what the piece before it said, or more than there can be. Bytes are counted for
 * each peer, as those of one that lies must not be held against another. */
static bool take_piece(struct sync_client *client, struct sync_work *work,
                       const struct sync_piece *piece)
{
    const struct sync_client_config *config = &client->config;
    const uint8_t kind = work->place.kind;
    client->counters.bytes += piece->count;
    work->bytes += piece->count;
    client->peers[work->peer].bytes += piece->count;
    if (client->peers[work->peer].bytes > client->bytes_max) return false;
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
    if (!check_record(client, work, piece->index, bytes, piece->size)) return false;
    client->counters.records++;
    work->records++;
    if (!config->put(config->context, kind, piece->index, bytes, piece->size)) {
        client->state = SYNC_CLIENT_FAILED;
    }
    free(work->record);
    work->record = NULL;
    return true;
}

static bool take_pieces(struct sync_client *client, struct sync_work *work,
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
    const uint8_t kind = records->place.kind;
    uint32_t *known = &client->ranges_known[kind];
    if (!records->has_above || *known > records->place.range + 1) return true;
    if (records->above > sync_range_of(kind, sync_frame_most(client->config.limits, kind) - 1) ||
        !add_work(client, kind, records->above)) {
        return false;
    }
    *known = records->above + 1;
    return true;
}

/* There are none of a kind, somebody says. */
static bool says_empty(const struct sync_client *client, const struct sync_work *work,
                       const struct sync_records *records)
{
    return work->check != NULL && records->proof_size == 0 && work->place.range == 0 &&
           sync_is_proved(client->config.limits, work->kind) && !is_market(client, work->kind) &&
           sync_check_is_empty(work->check);
}

/* Nothing shows it yet, and it is not the chosen one who says so: he is asked as well. */
static bool is_hearsay(const struct sync_client *client, const struct sync_work *work,
                       const struct sync_records *records)
{
    return says_empty(client, work, records) && work->peer != client->chosen &&
           sync_roots_judge(&client->roots, work->kind) == SYNC_NOT_KNOWN;
}

/* False: a proof shows that there are some. */
static bool take_claim(struct sync_client *client, struct sync_work *work)
{
    const enum sync_emptiness shown = sync_roots_judge(&client->roots, work->kind);
    if (shown != SYNC_NOT_KNOWN) return shown == SYNC_EMPTY;
    sync_roots_say(&client->roots, work->kind);
    work->is_claim = true;
    return true;
}

/* A range of leaves and its proof. May move the list. */
static bool end_leaves(struct sync_client *client, struct sync_work *work,
                       const struct sync_records *records)
{
    const uint8_t kind = work->kind;
    struct tn_proof_leaves leaves;
    if (!sync_check_end(work->check, &leaves, records->proof, records->proof_size,
                        &client->checkpoint)) {
        return false;
    }
    sync_roots_learn(&client->roots, kind / KIND_STEP, &leaves);
    sync_check_free(work->check);
    work->check = NULL;
    const uint32_t ranges = sync_range_of(kind, leaves.total - 1) + 1;
    while (client->ranges_known[kind] < ranges) {
        if (add_work(client, kind, client->ranges_known[kind]++)) continue;
        client->state = SYNC_CLIENT_FAILED; /* it is proved, and does not fit */
        break;
    }
    return true;
}

/* A range has ended: is it all of what it should be? False: no. May move the list. */
static bool end_range(struct sync_client *client, struct sync_work *work,
                      const struct sync_records *records)
{
    if (work->check == NULL) return take_above(client, records);
    if (sync_is_equity(client->config.limits, work->kind)) {
        return sync_check_end_equity(work->check);
    }
    if (records->proof_size > 0) return end_leaves(client, work, records);
    return says_empty(client, work, records) && take_claim(client, work);
}

/* Where the range goes on that has ended: ACCOUNTs behind their POSITIONS, and EQUITY. */
static bool find_next_part(struct sync_place *next, const struct sync_work *work)
{
    const uint32_t range = work->place.range, bits = sync_range_bits(work->kind);
    *next = (struct sync_place){.kind = work->kind, .range = range, .index = range << bits};
    if (work->place.kind != work->kind) return true;
    if (work->check == NULL || !sync_check_goes_on(work->check, range)) return false;
    next->range++;
    next->index = next->range << bits;
    return true;
}

/* False: whoever sent it lied. */
static bool take_answer(struct sync_client *client, struct sync_work *work,
                        const struct sync_records *records)
{
    const uint16_t from = work->peer;
    const uint32_t place = (uint32_t)(work - client->works);
    client->peers[from].ranges--;
    client->peers[from].answers++;
    client->peers[from].heard_us = client->now_us;
    /* Else who sends little at a time would keep his ranges for ever. */
    if (!records->is_end && records->pieces_size + SYNC_PIECE_HEAD < SYNC_PIECES_MAX) return false;
    if (!take_pieces(client, work, records)) return false;
    if (client->state != SYNC_CLIENT_TAKING) return true;
    struct sync_place next;
    if (!records->is_end) {
        work->place.index = records->next_index;
        work->place.offset = records->next_offset;
        ask_range(client, work, from);
    } else if (find_next_part(&next, work)) {
        work->place = next;
        ask_range(client, work, from);
    } else if (is_hearsay(client, work, records)) {
        restart_work(client, work);
        work->is_said_empty = true;
    } else {
        if (!end_range(client, work, records)) return false;
        work = &client->works[place];
        work->is_done = true;
        work->peer = TN_PEER_ALL;
        client->works_done++;
    }
    return true;
}

/* What the chosen one has said and a proof shows by now: is it so? */
static bool settle_claims(struct sync_client *client)
{
    for (uint32_t i = 0; i < client->works_count; i++) {
        struct sync_work *work = &client->works[i];
        if (!work->is_claim) continue;
        const enum sync_emptiness shown = sync_roots_judge_said(&client->roots, work->kind);
        if (shown == SYNC_NOT_EMPTY) return false;
        work->is_claim = shown == SYNC_NOT_KNOWN;
    }
    return true;
}

/* Nothing is missing of what was asked for: the frame, or all. False: the frame is another. */
static bool end_works(struct sync_client *client)
{
    if (client->is_framed) {
        client->state = SYNC_CLIENT_WHOLE;
        return true;
    }
    client->is_framed =
        sync_frame_check(client->frame, &client->checkpoint, &client->roots.markets_root);
    if (client->is_framed && !add_works(client, false)) client->state = SYNC_CLIENT_FAILED;
    return client->is_framed;
}

/* After an answer that was good: is what the chosen one alone has said so? */
static void hold_to_account(struct sync_client *client)
{
    bool is_good = settle_claims(client);
    if (is_good && client->works_done == client->works_count) is_good = end_works(client);
    if (is_good) return;
    client->counters.lies++;
    sync_client_ban(client, client->chosen);
}

void sync_taking_message(struct sync_client *client, uint16_t from, const uint8_t *bytes,
                         size_t size)
{
    struct sync_records records;
    if (!sync_read_records(&records, bytes, size)) {
        client->counters.malformed++;
        sync_client_ban(client, from);
        return;
    }
    struct sync_work *work =
        client->state == SYNC_CLIENT_TAKING ? find_work(client, &records.place) : NULL;
    if (work == NULL || work->is_done || work->peer != from ||
        records.height != client->checkpoint.height || work->place.index != records.place.index ||
        work->place.offset != records.place.offset) {
        client->counters.unasked++;
        return;
    }
    if (!take_answer(client, work, &records)) {
        client->counters.lies++;
        sync_client_ban(client, from);
    }
    if (client->state == SYNC_CLIENT_TAKING) hold_to_account(client);
    if (client->state != SYNC_CLIENT_TAKING) return;
    sync_taking_choose_sources(client);
    give_out_ranges(client);
}

/* ---- Time ---------------------------------------------------------------------------------------
 */

/* Whoever answers other questions meanwhile is slow, not silent: to take his ranges away would be
 * to begin them anew for ever where every peer is as slow. But none may be forgotten. */
static bool is_silent(const struct sync_client *client, const struct sync_work *work)
{
    if (work->peer == TN_PEER_ALL) return false;
    const int64_t waited_us = client->now_us - work->asked_us;
    const int64_t unheard_us = client->now_us - client->peers[work->peer].heard_us;
    return waited_us >= ANSWER_MOST_US || (waited_us >= ANSWER_US && unheard_us >= ANSWER_US);
}

void sync_taking_turn(struct sync_client *client)
{
    for (uint32_t i = 0; i < client->works_count && client->state == SYNC_CLIENT_TAKING; i++) {
        const struct sync_work *work = &client->works[i];
        if (!is_silent(client, work)) continue;
        client->counters.timeouts++;
        sync_client_give_up(client, work->peer); /* may end the attempt */
    }
    if (client->state != SYNC_CLIENT_TAKING) return;
    sync_taking_choose_sources(client);
    if (sync_client_sources(client) == 0) {
        sync_client_ask_again(client);
    } else {
        give_out_ranges(client);
    }
}
