/* views: which question it is, and the answer as bytes; the set, blocks and sessions.
 *
 * An answer is built of protobuf-c's structs in an arena that is taken back with the next question:
 * nothing is allocated while questions are answered. */
#include "cluster/views_internal.h"

#include "cluster/teller.h"

#include <stdlib.h>
#include <string.h>

/* ---- Memory ------------------------------------------------------------------------------------
 */

struct views *views_make(void)
{
    struct views *views = calloc(1, sizeof *views);
    void *questions = aligned_alloc(16, WIRE_TO_NODE_ARENA_BYTES);
    void *answers = aligned_alloc(16, VIEWS_ARENA_BYTES);
    uint8_t *out = malloc(WIRE_LENGTH_BYTES + WIRE_FROM_NODE_BYTES_MAX);
    struct places *places = places_make(PLACES_WORK);
    if (views == NULL || questions == NULL || answers == NULL || out == NULL || places == NULL) {
        free(views);
        places_free(places);
        free(questions);
        free(answers);
        free(out);
        return NULL;
    }
    wire_arena_init(&views->questions, questions, WIRE_TO_NODE_ARENA_BYTES);
    wire_arena_init(&views->answers, answers, VIEWS_ARENA_BYTES);
    views->out = out;
    views->places = places;
    return views;
}

void views_free(struct views *views)
{
    if (views == NULL) return;
    free(views->questions.memory);
    free(views->answers.memory);
    free(views->out);
    places_free(views->places);
    free(views);
}

void *views_take(struct views *views, size_t size)
{
    return wire_take(&views->answers, size);
}

bool views_list(struct views *views, void ***list, size_t *n, size_t count, size_t message_size)
{
    *n = 0;
    *list = NULL;
    if (count == 0) return true;
    void **pointers = views_take(views, count * sizeof pointers[0]);
    uint8_t *messages = views_take(views, count * message_size);
    if (pointers == NULL || messages == NULL) return false;
    for (size_t i = 0; i < count; i++)
        pointers[i] = messages + i * message_size;
    *list = pointers;
    *n = count;
    return true;
}

bool views_bytes(struct views *views, ProtobufCBinaryData *field, const void *bytes, size_t size)
{
    field->data = views_take(views, size);
    if (field->data == NULL) return false;
    memcpy(field->data, bytes, size);
    field->len = size;
    return true;
}

/* ---- Markets -----------------------------------------------------------------------------------
 */

bool views_market(struct views *views, struct tn_market **market, uint32_t *place, uint32_t id)
{
    const struct tn_chain_limits *limits = tn_chain_limits(views->world->chain);
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        if (limits->markets[i].market != id) continue;
        *market = tn_chain_market(views->world->chain, i);
        *place = i;
        return true;
    }
    return false;
}

Tenor__V1__MarketHead **views_heads(struct views *views, size_t *n)
{
    const uint32_t count = tn_chain_limits(views->world->chain)->markets_count;
    void **list;
    if (!views_list(views, &list, n, count, sizeof(Tenor__V1__MarketHead))) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        Tenor__V1__MarketHead *message = list[i];
        struct port_head head;
        tenor__v1__market_head__init(message);
        teller_head(&head, views->world->chain, i);
        message->market = head.market;
        message->term = head.term;
        message->leader = head.leader;
        message->sequence = head.sequence;
        message->cursor = head.cursor;
    }
    return (Tenor__V1__MarketHead **)list;
}

/* ---- The set -----------------------------------------------------------------------------------
 */

static bool fill_nodes(struct views *views, Tenor__V1__Cluster *cluster)
{
    const struct views_world *world = views->world;
    const struct tn_validators *set = teller_set(world->chain);
    void **list;
    if (set == NULL) return true;
    if (!views_list(views, &list, &cluster->n_nodes, set->count, sizeof(Tenor__V1__Node))) {
        return false;
    }
    cluster->nodes = (Tenor__V1__Node **)list;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct tn_validator *member = &set->members[i];
        const char *clients =
            world->clients_of == NULL ? NULL : world->clients_of(world->context, &member->key);
        Tenor__V1__Node *node = list[i];
        tenor__v1__node__init(node);
        node->index = i;
        node->weight = member->weight;
        node->is_this = world->own_key != NULL && tn_public_key_equal(world->own_key, &member->key);
        if (clients != NULL) node->clients = (char *)(uintptr_t)clients;
        if (!views_bytes(views, &node->key, member->key.bytes, sizeof member->key.bytes)) {
            return false;
        }
    }
    return true;
}

enum wire_error views_cluster(struct views *views, Tenor__V1__FromNode *answer)
{
    const struct tn_chain_heads *heads = tn_chain_heads(views->world->chain);
    struct tn_registry_heads registry;
    Tenor__V1__Cluster *cluster = views_take(views, sizeof *cluster);
    if (cluster == NULL) return WIRE_ERROR_NO_ROOM;
    tenor__v1__cluster__init(cluster);
    tn_registry_heads(tn_chain_registry(views->world->chain), &registry);
    cluster->epoch = registry.epoch;
    cluster->height = heads->height;
    cluster->final_height = views->world->final_height;
    cluster->governance_number = registry.governance_number;
    cluster->deposit_number = registry.deposit_number;
    cluster->markets = views_heads(views, &cluster->n_markets);
    if (cluster->markets == NULL || !fill_nodes(views, cluster) ||
        !views_bytes(views, &cluster->chain_id, heads->state.chain_id, 32)) {
        return WIRE_ERROR_NO_ROOM;
    }
    answer->body_case = TENOR__V1__FROM_NODE__BODY_CLUSTER;
    answer->cluster = cluster;
    return WIRE_ERROR_NONE;
}

/* ---- Blocks ------------------------------------------------------------------------------------
 */

static bool find_header(struct views *views, struct tn_block_header *header, struct tn_hash *hash,
                        uint64_t height)
{
    const struct views_world *world = views->world;
    const struct tn_chain_heads *heads = tn_chain_heads(world->chain);
    struct tn_sequencer_block block;
    if (height == heads->height && height > 0) {
        *header = heads->block;
        *hash = heads->block_hash;
        return true;
    }
    if (height == 0 || height > heads->height || world->find_block == NULL ||
        !world->find_block(world->context, &block, height)) {
        return false;
    }
    *header = *block.header;
    *hash = block.hash;
    return true;
}

enum wire_error views_block(struct views *views, Tenor__V1__FromNode *answer,
                            const Tenor__V1__GetBlock *question)
{
    const struct tn_chain_heads *heads = tn_chain_heads(views->world->chain);
    const uint64_t height = question->height == 0 ? heads->height : question->height;
    struct tn_block_header header;
    struct tn_hash hash, root;
    Tenor__V1__Block *block = views_take(views, sizeof *block);
    if (block == NULL) return WIRE_ERROR_NO_ROOM;
    tenor__v1__block__init(block);
    answer->body_case = TENOR__V1__FROM_NODE__BODY_BLOCK;
    answer->block = block;
    block->height = height;
    if (!find_header(views, &header, &hash, height)) return WIRE_ERROR_NONE; /* not `exists` */
    block->exists = true;
    block->time_ms = header.time_ms;
    block->proposer = header.proposer;
    block->batches = header.batches_count;
    block->view = header.view;
    block->epoch = header.epoch;
    if (!views_bytes(views, &block->hash, hash.bytes, TN_HASH_SIZE)) return WIRE_ERROR_NO_ROOM;
    if (tn_chain_root_at(views->world->chain, &root, height) &&
        !views_bytes(views, &block->root, root.bytes, TN_HASH_SIZE)) {
        return WIRE_ERROR_NO_ROOM;
    }
    if (height != heads->height) return WIRE_ERROR_NONE;
    block->markets = views_heads(views, &block->n_markets);
    return block->markets == NULL ? WIRE_ERROR_NO_ROOM : WIRE_ERROR_NONE;
}

/* ---- Sessions ----------------------------------------------------------------------------------
 */

enum wire_error views_session(struct views *views, Tenor__V1__FromNode *answer,
                              const Tenor__V1__GetSession *question)
{
    struct tn_market *market;
    struct tn_session session;
    uint32_t place;
    Tenor__V1__Session *message = views_take(views, sizeof *message);
    if (message == NULL) return WIRE_ERROR_NO_ROOM;
    if (!views_market(views, &market, &place, question->market)) return WIRE_ERROR_MARKET_UNKNOWN;
    tenor__v1__session__init(message);
    answer->body_case = TENOR__V1__FROM_NODE__BODY_SESSION;
    answer->session = message;
    message->market = question->market;
    message->session = question->session;
    if (!tn_market_session(market, &session, question->session)) return WIRE_ERROR_NONE;
    message->exists = true;
    message->account = session.account;
    message->scope = session.scope;
    message->expires_ms = (uint64_t)session.expires_ms;
    return views_bytes(views, &message->key, session.key.bytes, sizeof session.key.bytes)
               ? WIRE_ERROR_NONE
               : WIRE_ERROR_NO_ROOM;
}

/* ---- Questions ---------------------------------------------------------------------------------
 */

uint64_t views_request(struct views *views, const uint8_t *question, size_t question_size)
{
    Tenor__V1__ToNode *asked;
    struct wire_fault fault;
    if (!wire_read_to_node(&views->questions, &asked, &fault, question, question_size)) return 0;
    return asked->request;
}

static void write_answer(struct views *views, const uint8_t **bytes, size_t *size,
                         Tenor__V1__FromNode *answer)
{
    size_t written =
        wire_write_from_node(views->out, WIRE_LENGTH_BYTES + WIRE_FROM_NODE_BYTES_MAX, answer);
    if (written == 0) {
        views_refuse(views, bytes, size, answer->request, WIRE_ERROR_ANSWER_TOO_LARGE, NULL);
        return;
    }
    *bytes = views->out + WIRE_LENGTH_BYTES;
    *size = written - WIRE_LENGTH_BYTES;
}

void views_refuse(struct views *views, const uint8_t **bytes, size_t *size, uint64_t request,
                  enum wire_error code, const char *text)
{
    Tenor__V1__FromNode answer;
    Tenor__V1__Error error;
    tenor__v1__from_node__init(&answer);
    wire_error_fill(&error, (uint32_t)code, text);
    answer.request = request;
    answer.body_case = TENOR__V1__FROM_NODE__BODY_ERROR;
    answer.error = &error;
    write_answer(views, bytes, size, &answer);
}

void views_prove(struct views *views, const uint8_t **bytes, size_t *size, uint64_t request,
                 uint64_t height, const uint8_t *proof, size_t proof_size,
                 const uint8_t *certificate, size_t certificate_size)
{
    Tenor__V1__FromNode answer;
    Tenor__V1__Proof message;
    tenor__v1__from_node__init(&answer);
    tenor__v1__proof__init(&message);
    message.height = height;
    message.proof.data = (uint8_t *)(uintptr_t)proof;
    message.proof.len = proof_size;
    message.certificate.data = (uint8_t *)(uintptr_t)certificate;
    message.certificate.len = certificate_size;
    answer.request = request;
    answer.body_case = TENOR__V1__FROM_NODE__BODY_PROOF;
    answer.proof = &message;
    write_answer(views, bytes, size, &answer);
}

/* Is there what is to be proved? */
static enum wire_error check_proof(struct views *views, struct views_proof *proof,
                                   const Tenor__V1__GetProof *question)
{
    struct tn_market *market;
    struct tn_listed_view listed;
    if (!views_market(views, &market, &proof->place, question->market)) {
        return WIRE_ERROR_MARKET_UNKNOWN;
    }
    const struct tn_exchange *exchange = tn_market_exchange(market);
    proof->account = question->account;
    proof->series_id = question->account == 0 ? question->series_id : 0;
    if (proof->series_id != 0) {
        bool is_listed = tn_exchange_listed(exchange, &listed, proof->series_id);
        return is_listed ? WIRE_ERROR_NONE : WIRE_ERROR_SERIES_UNKNOWN;
    }
    return question->account < tn_exchange_accounts_count(exchange) ? WIRE_ERROR_NONE
                                                                    : WIRE_ERROR_ACCOUNT_UNKNOWN;
}

/* All questions but for proofs. */
static enum wire_error dispatch(struct views *views, Tenor__V1__FromNode *answer,
                                const Tenor__V1__ToNode *question)
{
    switch (question->body_case) {
        case TENOR__V1__TO_NODE__BODY_GET_CLUSTER: return views_cluster(views, answer);
        case TENOR__V1__TO_NODE__BODY_GET_CHAIN:
            return views_chain(views, answer, question->get_chain);
        case TENOR__V1__TO_NODE__BODY_GET_ACCOUNT:
            return views_account(views, answer, question->get_account);
        case TENOR__V1__TO_NODE__BODY_GET_ORDERS:
            return views_orders(views, answer, question->get_orders);
        case TENOR__V1__TO_NODE__BODY_GET_OWNER:
            return views_owner(views, answer, question->get_owner);
        case TENOR__V1__TO_NODE__BODY_GET_MARGIN:
            return views_margin(views, answer, question->get_margin);
        case TENOR__V1__TO_NODE__BODY_GET_BLOCK:
            return views_block(views, answer, question->get_block);
        case TENOR__V1__TO_NODE__BODY_GET_LIQUIDATIONS:
            return views_liquidations(views, answer, question->get_liquidations);
        case TENOR__V1__TO_NODE__BODY_GET_SESSION:
            return views_session(views, answer, question->get_session);
        case TENOR__V1__TO_NODE__BODY_GET_HANDOVERS:
            return views_handovers(views, answer, question->get_handovers);
        case TENOR__V1__TO_NODE__BODY__NOT_SET:
        case TENOR__V1__TO_NODE__BODY_LOGON:
        case TENOR__V1__TO_NODE__BODY_LOGOFF:
        case TENOR__V1__TO_NODE__BODY_PING:
        case TENOR__V1__TO_NODE__BODY_FRAME:
        case TENOR__V1__TO_NODE__BODY_STANDBY:
        case TENOR__V1__TO_NODE__BODY_ITEM:
        case TENOR__V1__TO_NODE__BODY_SUBSCRIBE:
        case TENOR__V1__TO_NODE__BODY_UNSUBSCRIBE:
        case TENOR__V1__TO_NODE__BODY_GET_INSTRUMENTS:
        case TENOR__V1__TO_NODE__BODY_GET_BOOK:
        case TENOR__V1__TO_NODE__BODY_GET_TRADES:
        case TENOR__V1__TO_NODE__BODY_GET_PROOF:
        case _TENOR__V1__TO_NODE__BODY__CASE_IS_INT_SIZE: break;
    }
    return WIRE_ERROR_NO_BODY;
}

enum views_outcome views_answer(struct views *views, const uint8_t **bytes, size_t *size,
                                struct views_proof *proof, const struct views_world *world,
                                const uint8_t *question, size_t question_size)
{
    Tenor__V1__ToNode *asked;
    Tenor__V1__FromNode answer;
    struct wire_fault fault;
    enum wire_error refused;
    wire_arena_clear(&views->answers);
    views->world = world;
    views->text[0] = '\0';
    if (!wire_read_to_node(&views->questions, &asked, &fault, question, question_size)) {
        views_refuse(views, bytes, size, 0, fault.code, fault.text);
        return VIEWS_ANSWERED;
    }
    tenor__v1__from_node__init(&answer);
    answer.request = asked->request;
    if (asked->body_case == TENOR__V1__TO_NODE__BODY_GET_PROOF) {
        proof->request = asked->request;
        refused = check_proof(views, proof, asked->get_proof);
        if (refused == WIRE_ERROR_NONE) return VIEWS_PROOF;
    } else {
        refused = dispatch(views, &answer, asked);
    }
    if (refused == WIRE_ERROR_NONE) {
        write_answer(views, bytes, size, &answer);
    } else {
        views_refuse(views, bytes, size, asked->request, refused,
                     views->text[0] == '\0' ? NULL : views->text);
    }
    return VIEWS_ANSWERED;
}
