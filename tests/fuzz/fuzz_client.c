/* What a node may say to a client, in every state that the client can be in; and client.conf.
 *
 * The first byte chooses. Every eight bytes behind it are the seed of a message of a node, random
 * in all its fields, which is put into a client that waits for Hello, for the answer to its logon,
 * or is up, with frames on their way, a standby frame at the node, and a leader that it follows or
 * none; or all of them are one message as they are, or a client.conf. Whatever comes: no crash,
 * every list that is handed out can be read, places of the account's stream rise, and a frame's end
 * is told once. */
#include "wire_twin.h"

#include "client/internal.h"

#include "tenor/client_book.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FRAMES = 8, LEVELS = 64 };

static struct tn_client client;
static struct tn_client_book book;
static struct tn_level levels[2 * LEVELS];
static struct tn_place last;
static uint8_t ended[FRAMES + 1];
static volatile uint64_t seen;

static void see(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        seen += ((const uint8_t *)bytes)[i];
}

static void see_text(const char *text)
{
    TN_ASSERT(text != NULL);
    see(text, strlen(text));
}

static void see_frame(const struct tn_frame_news *frame)
{
    see_text(frame->text);
    see(frame->events, frame->events_count * sizeof *frame->events);
    bool goes_on = frame->state == TN_FRAME_SOFT || frame->state == TN_FRAME_AMBIGUOUS;
    if (goes_on || frame->nonce > FRAMES) return;
    TN_ASSERT(ended[frame->nonce] == 0);
    ended[frame->nonce] = 1;
}

static void see_data(const struct tn_client_news *news)
{
    const struct tn_book_news *told = &news->as.book;
    if (news->kind == TN_NEWS_BOOK) {
        book.series_id = told->series_id;
        (void)tn_client_book_take(&book, told);
    } else if (news->kind == TN_NEWS_ORDER_BOOK) {
        see(news->as.order_book.orders,
            news->as.order_book.orders_count * sizeof news->as.order_book.orders[0]);
    } else if (news->kind == TN_NEWS_MARKS) {
        see(news->as.marks.marks, news->as.marks.marks_count * sizeof news->as.marks.marks[0]);
        see(news->as.marks.indexes,
            news->as.marks.indexes_count * sizeof news->as.marks.indexes[0]);
    } else if (news->kind == TN_NEWS_INSTRUMENT) {
        see_text(news->as.instrument.name);
        see_text(news->as.instrument.underlying);
        see(news->as.instrument.steps,
            news->as.instrument.steps_count * sizeof news->as.instrument.steps[0]);
    } else if (news->kind == TN_NEWS_TICKER) {
        see_text(news->as.ticker.name);
    } else if (news->kind == TN_NEWS_CHAIN) {
        see(news->as.chain.rows, news->as.chain.rows_count * sizeof news->as.chain.rows[0]);
        see(news->as.chain.expiry_days,
            news->as.chain.expiry_days_count * sizeof news->as.chain.expiry_days[0]);
    } else if (news->kind == TN_NEWS_ACCOUNT_STATE) {
        const struct tn_account_state *state = &news->as.account_state;
        see(state->positions, state->positions_count * sizeof state->positions[0]);
        see(state->collateral, state->collateral_count * sizeof state->collateral[0]);
        see(state->sessions, state->sessions_count * sizeof state->sessions[0]);
    } else if (news->kind == TN_NEWS_PROOF) {
        see(news->as.proof.proof, news->as.proof.proof_size);
        see(news->as.proof.certificate, news->as.proof.certificate_size);
    } else if (news->kind == TN_NEWS_MARGIN) {
        see_text(news->as.margin.refused);
    } else if (news->kind == TN_NEWS_LEADER) {
        see_text(news->as.leader.text);
    }
}

static void heard(void *context, const struct tn_client_news *news)
{
    (void)context;
    see(news, sizeof *news);
    if (news->kind == TN_NEWS_FRAME) see_frame(&news->as.frame);
    if (news->kind == TN_NEWS_ACCOUNT) {
        struct tn_place at = news->as.account.at;
        TN_ASSERT(at.block > last.block || (at.block == last.block && at.index > last.index));
        last = at;
    }
    if (news->kind == TN_NEWS_CONNECTED) see_text(news->as.connected.name);
    if (news->kind == TN_NEWS_ERROR) see_text(news->as.error.text);
    if (news->kind >= TN_NEWS_CLUSTER) see_data(news);
}

static void make(void)
{
    client.out_size_max = 1 << 20;
    client.out = malloc(client.out_size_max);
    client.signatures_memory = aligned_alloc(64, (tn_signatures_size() + 63) & ~(size_t)63);
    void *arena = malloc(WIRE_FROM_NODE_ARENA_BYTES);
    TN_ASSERT(client.out != NULL && client.signatures_memory != NULL && arena != NULL);
    tn_signatures_real(&client.signatures, client.signatures_memory);
    wire_arena_init(&client.arena, arena, WIRE_FROM_NODE_ARENA_BYTES);
}

/* As a client is after a logon, with frames of nonces 1 to FRAMES on their way. */
static void begin(enum client_phase phase, bool follows)
{
    struct tn_client kept = client;
    memset(&client, 0, sizeof client);
    client.out = kept.out;
    client.out_size_max = kept.out_size_max;
    client.signatures = kept.signatures;
    client.signatures_memory = kept.signatures_memory;
    client.arena = kept.arena;
    client.socket = -1;
    client.peers_count = 2;
    client.market = 1;
    client.log_on = true;
    client.key.bytes[31] = 1;
    client.on_disconnect = TN_CLIENT_CANCEL_ALL;
    client.valid_blocks = 10;
    client.term = 1;
    client.nonce_next = 1;
    client.heard = heard;
    client.phase = CLIENT_UP;
    last = (struct tn_place){.block = 0};
    memset(ended, 0, sizeof ended);
    tn_client_book_init(&book, 0, levels, LEVELS);
    const struct tn_command cancel = {.kind = TN_COMMAND_MASS_CANCEL};
    for (uint32_t i = 0; i < FRAMES; i++)
        (void)tn_client_send(&client, NULL, i, &cancel, 1, (enum tn_client_wait)(i % 4));
    if (follows) {
        (void)tn_client_follow(&client, 0, 0);
        (void)tn_client_subscribe(&client, 1, 0, TN_CHANNEL_TRADES_SOFT, NULL, 0, 0);
    }
    client.phase = phase;
}

/* Numbers that mean something to this client, more often than chance would have it. */
static void bring_near(Tenor__V1__FromNode *message, uint64_t *random)
{
    uint64_t nonce = 1 + wire_twin_random(random) % FRAMES;
    uint64_t block = 1 + wire_twin_random(random) % 64;
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_FRAME_SOFT) {
        message->frame_soft->nonce = nonce;
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_FRAME_FINAL) {
        message->frame_final->nonce = nonce;
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_FRAME_REVERTED) {
        message->frame_reverted->nonce = nonce;
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_ERROR) {
        message->request = CLIENT_REQUEST_FRAME | nonce;
        if (block > 48) { /* a channel has ended */
            message->request = 2;
            message->error->code = WIRE_ERROR_SOFT_ELSEWHERE;
        }
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_CLUSTER) {
        const Tenor__V1__Cluster *cluster = message->cluster;
        message->request = CLIENT_REQUEST_OWN + CLIENT_OWN_CLUSTER;
        if (cluster->n_markets == 0 || cluster->n_nodes == 0) return;
        cluster->markets[0]->market = 1;
        cluster->markets[0]->leader = cluster->nodes[0]->index + 1;
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_SUBSCRIBED) {
        message->subscribed->market = 1;
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_HEARTBEAT) {
        message->heartbeat->height = block;
        if (message->heartbeat->n_markets == 0) return;
        message->heartbeat->markets[0]->market = 1;
        message->heartbeat->markets[0]->cursor = block;
        message->heartbeat->markets[0]->term = (uint32_t)(block % 4);
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE) {
        message->account_message->nonce = nonce;
        if (message->account_message->at != NULL) message->account_message->at->block = block;
    }
}

/* A message made from the seed; many times it is no one of those above, which is as well. */
static void say_one(uint64_t seed)
{
    static uint8_t bytes[WIRE_LENGTH_BYTES + WIRE_FROM_NODE_BYTES_MAX];
    static _Alignas(16) uint8_t memory[WIRE_FROM_NODE_ARENA_BYTES];
    struct wire_arena arena;
    uint64_t random = seed;
    wire_arena_init(&arena, memory, sizeof memory);
    Tenor__V1__FromNode *message = (Tenor__V1__FromNode *)(void *)wire_twin_make(
        &arena, &random, &tenor__v1__from_node__descriptor);
    if (message == NULL) return;
    if (seed % 4 != 0) bring_near(message, &random);
    size_t size = wire_write_from_node(bytes, sizeof bytes, message);
    if (size <= WIRE_LENGTH_BYTES) return;
    client_take(&client, bytes + WIRE_LENGTH_BYTES, size - WIRE_LENGTH_BYTES);
}

static void say(const uint8_t *data, size_t size, bool as_it_is)
{
    if (as_it_is) client_take(&client, data, size);
    for (size_t at = 0; !as_it_is && at + 8 <= size && client.why[0] == '\0'; at += 8)
        say_one(tn_get_be(data + at, 8));
    client_follow_turn(&client);
    uint32_t next = 0;
    (void)client_follow_lost(&client, &next);
    TN_ASSERT(next < client.peers_count);
    client_channels_free(&client);
    client_flights_lost(&client);
    client_flights_unknown(&client);
    TN_ASSERT(client.flights_count == 0);
    /* Frames that need not be told of end in silence; the others were told of, once. */
    for (uint32_t i = 1; i <= FRAMES; i++) {
        uint32_t wait = (i - 1) % 4;
        TN_ASSERT(ended[i] == 1 || wait == TN_WAIT_SOFT || wait == TN_WAIT_NEITHER);
    }
}

static void read_conf(const uint8_t *data, size_t size)
{
    static char folder[64], path[96];
    static struct tn_client_net net;
    char why[TN_CLIENT_WHY_SIZE];
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "/dev/shm/fuzz-client-%d", (int)getpid());
        (void)mkdir(folder, 0700);
        snprintf(path, sizeof path, "%s/client.conf", folder);
    }
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return;
    bool is_written = write(file, data, size) == (ssize_t)size;
    close(file);
    if (is_written && tn_client_net_read(&net, folder, why)) {
        TN_ASSERT(net.nodes_count > 0);
        see_text(net.nodes[0].host);
        see_text(net.nodes[0].certificate);
    }
    unlink(path);
    rmdir(folder);
    folder[0] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum client_phase phases[] = {CLIENT_HELLO, CLIENT_LOGON, CLIENT_UP};
    if (size == 0) return 0;
    if (client.out == NULL) make();
    if (data[0] % 16 == 15) {
        read_conf(data + 1, size - 1);
        return 0;
    }
    /* Mostly up: there is most to hear. */
    begin(phases[data[0] % 8 < 2 ? data[0] % 8 : 2], (data[0] & 32) != 0);
    say(data + 1, size - 1, data[0] % 16 == 14);
    return 0;
}
