/* The server of state sync over a real store: what is there, in full and from one checkpoint; what
 * is not; so much for each peer and no more, however often it asks; and never in the way of a store
 * that grows. */
#include "store_script.h"

#include "cluster/keeper.h"
#include "cluster/sync_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    PEERS = 10,
    BY_PEER = 32, /* questions that wait, of a peer and in all: sync_server.c */
    WAITING = 256,
    TURN_BYTES = 1 << 20,
    RATE = 8000000, /* bytes a second */
    VIEW_SECONDS = 60,
    SECOND_US = 1000000,
    KIND = TN_RECORD_ACCOUNT,
    RANGE = 1 << SYNC_RANGE_BITS,
    BYTES_MAX = 1 << 20, /* of an answer */
    CERT_SIZE = 1 + TN_CHECKPOINT_BYTES + 80,
    EPOCH = 3, /* whose end is known */
};

/* What a peer got. */
struct peer {
    bool is_full; /* it takes nothing now */
    uint32_t answers;
    uint64_t bytes;
    uint8_t last[BYTES_MAX];
    size_t last_size;
};

struct world {
    char folder[256];
    struct store *store;
    struct sync_server *server;
    struct peer peers[PEERS];
    int64_t now_us;
    uint64_t certified; /* the height of the certificate that there is */
    uint8_t cert[CERT_SIZE], handover[40], set[50];
};

/* ---- The node around it ------------------------------------------------------------------------
 */

static bool find_cert(void *context, const uint8_t **bytes, size_t *size, uint64_t height)
{
    const struct world *world = context;
    *bytes = world->cert;
    *size = sizeof world->cert;
    return height == world->certified;
}

static bool find_epoch(void *context, struct sync_epoch *epoch, uint64_t number)
{
    const struct world *world = context;
    *epoch = (struct sync_epoch){.epoch = number,
                                 .handover = world->handover,
                                 .handover_size = sizeof world->handover,
                                 .set = world->set,
                                 .set_size = sizeof world->set};
    return number == EPOCH;
}

static bool take_answer(void *context, uint16_t to, const uint8_t *bytes, size_t size)
{
    struct world *world = context;
    struct peer *peer = &world->peers[to];
    assert_in_range(size, 1, BYTES_MAX);
    if (peer->is_full) return false;
    memcpy(peer->last, bytes, size);
    peer->last_size = size;
    peer->answers++;
    peer->bytes += size;
    return true;
}

static struct world *make_world(void)
{
    struct world *world = calloc(1, sizeof *world);
    struct store_trail trail;
    assert_non_null(world);
    script_make_folder(world->folder, sizeof world->folder);
    const struct store_config config = script_config(world->folder);
    if (store_open(&world->store, &config, &trail) != STORE_OK) fail_msg("%s", trail.text);
    const struct sync_server_config server = {.store = world->store,
                                              .bytes_a_second = RATE,
                                              .view_seconds = VIEW_SECONDS,
                                              .context = world,
                                              .cert = find_cert,
                                              .epoch = find_epoch,
                                              .send = take_answer};
    world->server = sync_server_make(&server);
    assert_non_null(world->server);
    memset(world->cert, 0xCE, sizeof world->cert);
    world->cert[0] = TN_PEER_CKPT_CERT;
    return world;
}

static void free_world(struct world *world)
{
    sync_server_free(world->server);
    store_close(world->store);
    script_remove_folder(world->folder);
    free(world);
}

static void put(struct world *world, uint32_t index, size_t size, uint8_t word)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, word, size);
    assert_int_equal(store_put_record(world->store, KIND, index, bytes, size), STORE_OK);
    free(bytes);
}

static void checkpoint(struct world *world, uint64_t height)
{
    const struct store_point point = {.height = height};
    static const uint8_t no_proofs[1];
    assert_int_equal(store_put_receipts(world->store, keeper_kept_height(KEPT_PROOFS, 0), no_proofs,
                                        sizeof no_proofs),
                     STORE_OK);
    assert_int_equal(store_checkpoint(world->store, &point), STORE_OK);
    world->certified = height;
}

/* A checkpoint with three records, the last one in another range. */
static struct world *make_world_with_state(void)
{
    struct world *world = make_world();
    put(world, 1, 1000, 0x11);
    put(world, 7, 2000, 0x77);
    put(world, RANGE + 2, 300, 0x22);
    checkpoint(world, 640);
    return world;
}

/* ---- What is asked, and what comes -------------------------------------------------------------
 */

static void ask(struct world *world, uint16_t peer, const struct sync_fetch *fetch)
{
    uint8_t bytes[SYNC_FETCH_SIZE];
    const size_t size = sync_write_fetch(bytes, fetch);
    assert_true(sync_server_take(world->server, peer, bytes, size));
}

static void ask_checkpoint(struct world *world, uint16_t peer)
{
    ask(world, peer, &(struct sync_fetch){.what = SYNC_CHECKPOINT});
}

static void ask_records(struct world *world, uint16_t peer, uint64_t height, uint32_t index,
                        uint32_t offset)
{
    ask(world, peer,
        &(struct sync_fetch){.what = SYNC_RECORDS,
                             .number = height,
                             .place = {.kind = KIND,
                                       .range = sync_range_of(KIND, index),
                                       .index = index,
                                       .offset = offset}});
}

static void turn(struct world *world, int64_t later_us)
{
    world->now_us += later_us;
    sync_server_turn(world->server, world->now_us);
}

static const struct sync_server_counters *counters(const struct world *world)
{
    return sync_server_counters(world->server);
}

/* The peer's last answer: records, of that height. */
static struct sync_records records_of(const struct world *world, uint16_t peer, uint64_t height)
{
    struct sync_records records;
    const struct peer *at = &world->peers[peer];
    assert_true(sync_read_records(&records, at->last, at->last_size));
    assert_true(records.height == height);
    return records;
}

/* The peer's last answer: which checkpoint is served, by its certificate; or that there is none. */
static void expect_status(const struct world *world, uint16_t peer, bool has_cert)
{
    const uint8_t *cert;
    size_t size;
    const struct peer *at = &world->peers[peer];
    assert_true(sync_read_status(&cert, &size, at->last, at->last_size));
    assert_int_equal(size, has_cert ? CERT_SIZE : 0);
    if (has_cert) assert_memory_equal(cert, world->cert, CERT_SIZE);
}

/* ---- What is there -----------------------------------------------------------------------------
 */

static void test_sync_server_gives_the_records_of_a_range_and_says_where_there_are_more(
    void **state)
{
    struct world *world = make_world_with_state();
    struct sync_piece piece;
    size_t at = 0;
    (void)state;
    ask_records(world, 4, 640, 0, 0);
    assert_true(sync_server_timeout(world->server) <= world->now_us);
    turn(world, SECOND_US);
    struct sync_records records = records_of(world, 4, 640);
    assert_true(records.is_end && records.has_above);
    assert_int_equal(records.above, 1);
    assert_true(sync_read_piece(&piece, &at, records.pieces, records.pieces_size));
    assert_int_equal(piece.index, 1);
    assert_int_equal(piece.count, 1000);
    assert_int_equal(piece.bytes[999], 0x11);
    assert_true(sync_read_piece(&piece, &at, records.pieces, records.pieces_size));
    assert_int_equal(piece.index, 7);
    assert_int_equal(piece.size, 2000);
    assert_int_equal(piece.bytes[0], 0x77);
    assert_int_equal(at, records.pieces_size);

    ask_records(world, 4, 640, 7, 1500); /* from the middle of a record on */
    turn(world, SECOND_US);
    records = records_of(world, 4, 640);
    at = 0;
    assert_true(sync_read_piece(&piece, &at, records.pieces, records.pieces_size));
    assert_int_equal(piece.offset, 1500);
    assert_int_equal(piece.count, 500);

    ask_records(world, 4, 640, RANGE, 0);
    turn(world, SECOND_US);
    records = records_of(world, 4, 640);
    assert_true(records.is_end && !records.has_above);
    assert_int_equal(counters(world)->records, 2 + 1 + 1);
    assert_int_equal(counters(world)->views, 1); /* for all of them */
    free_world(world);
}

static void test_sync_server_gives_a_large_record_in_pieces_that_make_it_whole(void **state)
{
    enum { SIZE = 1300000, PIECES = 3 };
    struct world *world = make_world();
    uint32_t index = 0, offset = 0, got = 0, answers = 0;
    (void)state;
    put(world, 5, SIZE, 0x55);
    checkpoint(world, 640);
    for (bool is_end = false; !is_end; answers++) {
        struct sync_piece piece;
        size_t at = 0;
        ask_records(world, 1, 640, index, offset);
        turn(world, SECOND_US);
        const struct sync_records records = records_of(world, 1, 640);
        assert_true(sync_read_piece(&piece, &at, records.pieces, records.pieces_size));
        assert_int_equal(piece.offset, got);
        for (uint32_t i = 0; i < piece.count; i++)
            assert_int_equal(piece.bytes[i], 0x55);
        got += piece.count;
        is_end = records.is_end;
        index = records.next_index;
        offset = records.next_offset;
    }
    assert_int_equal(got, SIZE);
    assert_int_equal(answers, PIECES);
    free_world(world);
}

static void test_sync_server_gives_the_end_of_an_epoch(void **state)
{
    struct world *world = make_world_with_state();
    struct sync_epoch epoch;
    (void)state;
    ask(world, 2, &(struct sync_fetch){.what = SYNC_EPOCH, .number = EPOCH});
    turn(world, SECOND_US);
    assert_true(sync_read_epoch(&epoch, world->peers[2].last, world->peers[2].last_size));
    assert_int_equal(epoch.epoch, EPOCH);
    assert_int_equal(epoch.handover_size, sizeof world->handover);
    assert_int_equal(epoch.set_size, sizeof world->set);
    free_world(world);
}

/* ---- What is not there -------------------------------------------------------------------------
 */

static void test_sync_server_without_a_checkpoint_says_so(void **state)
{
    struct world *world = make_world();
    (void)state;
    ask_checkpoint(world, 0);
    turn(world, SECOND_US);
    expect_status(world, 0, false);
    ask_records(world, 0, 640, 0, 0);
    turn(world, SECOND_US);
    assert_int_equal(world->peers[0].answers, 2);
    expect_status(world, 0, false);
    free_world(world);
}

static void test_sync_server_answers_for_what_it_has_not_with_what_it_has(void **state)
{
    struct world *world = make_world_with_state();
    (void)state;
    ask_records(world, 0, 639, 0, 0); /* another checkpoint */
    ask_records(world, 1, UINT64_MAX, 0, 0);
    ask(world, 2, &(struct sync_fetch){.what = SYNC_EPOCH, .number = EPOCH + 1});
    turn(world, SECOND_US);
    for (uint16_t peer = 0; peer < 3; peer++) {
        assert_int_equal(world->peers[peer].answers, 1);
        expect_status(world, peer, true);
    }
    assert_int_equal(counters(world)->views, 0); /* none is kept for what is not there */

    ask_records(world, 0, 640, 2 * RANGE, 0); /* a range that is empty */
    ask_records(world, 1, 640, 7, 2000);      /* a record from behind its last byte on */
    ask_records(world, 2, 640, 2, 1);         /* one that there is not */
    turn(world, SECOND_US);
    const struct sync_records records = records_of(world, 0, 640);
    assert_true(records.is_end);
    assert_int_equal(records.pieces_size, 0);
    expect_status(world, 1, true);
    expect_status(world, 2, true);

    world->certified = 0; /* the checkpoint has no certificate: nobody could believe it */
    turn(world, 10 * SECOND_US);
    ask_records(world, 0, 640, 0, 0);
    turn(world, SECOND_US);
    expect_status(world, 0, false);
    free_world(world);
}

static void test_sync_server_refuses_what_is_no_question(void **state)
{
    struct world *world = make_world_with_state();
    uint8_t bytes[SYNC_FETCH_SIZE + 1] = {0};
    const struct sync_fetch fetch = {.what = SYNC_CHECKPOINT};
    (void)state;
    const size_t size = sync_write_fetch(bytes, &fetch);
    assert_false(sync_server_take(world->server, 0, bytes, size + 1));
    assert_false(sync_server_take(world->server, 0, bytes, size - 1));
    assert_false(sync_server_take(world->server, 0, bytes, 0));
    bytes[size - 1] = 1; /* a place in a question that has none */
    assert_false(sync_server_take(world->server, 0, bytes, size));
    assert_int_equal(counters(world)->malformed, 4);
    assert_int_equal(counters(world)->asked, 0);
    assert_true(sync_server_timeout(world->server) == INT64_MAX);
    free_world(world);
}

/* ---- So much and no more -----------------------------------------------------------------------
 */

static void test_sync_server_keeps_so_many_questions_of_a_peer_and_in_all(void **state)
{
    struct world *world = make_world_with_state();
    (void)state;
    for (uint32_t i = 0; i < BY_PEER + 5; i++)
        ask_checkpoint(world, 0);
    assert_int_equal(counters(world)->refused, 5);
    for (uint16_t peer = 1; peer < WAITING / BY_PEER; peer++)
        for (uint32_t i = 0; i < BY_PEER; i++)
            ask_checkpoint(world, peer);
    assert_int_equal(counters(world)->refused, 5);
    ask_checkpoint(world, PEERS - 1); /* its first one, but the list is full */
    assert_int_equal(counters(world)->refused, 6);
    turn(world, SECOND_US);
    assert_int_equal(counters(world)->answers, WAITING);
    assert_int_equal(world->peers[0].answers, BY_PEER);
    assert_int_equal(world->peers[PEERS - 1].answers, 0);
    ask_checkpoint(world, PEERS - 1);
    ask_checkpoint(world, 0);
    turn(world, SECOND_US);
    assert_int_equal(world->peers[PEERS - 1].answers, 1);
    assert_int_equal(world->peers[0].answers, BY_PEER + 1);
    free_world(world);
}

static void test_sync_server_keeps_the_questions_of_a_peer_that_has_no_room(void **state)
{
    struct world *world = make_world_with_state();
    (void)state;
    world->peers[0].is_full = true;
    for (uint32_t i = 0; i < BY_PEER; i++)
        ask_records(world, 0, 640, 0, 0);
    ask_records(world, 1, 640, 0, 0);
    turn(world, SECOND_US);
    assert_int_equal(world->peers[0].answers, 0);
    assert_int_equal(world->peers[1].answers, 1);
    assert_int_equal(counters(world)->answers, 1);
    assert_true(sync_server_timeout(world->server) > world->now_us); /* soon, not at once */
    assert_true(sync_server_timeout(world->server) < world->now_us + SECOND_US);
    world->peers[0].is_full = false;
    turn(world, SECOND_US);
    assert_int_equal(world->peers[0].answers, BY_PEER);
    free_world(world);
}

static void test_sync_server_gives_no_more_a_second_however_often_a_peer_asks(void **state)
{
    enum { TURN_US = 1000, SECONDS = 12, BURST = RATE / 4 + TURN_BYTES, SIZE = 600000 };
    struct world *world = make_world();
    uint64_t before = 0, asked = 0;
    (void)state;
    put(world, 0, SIZE, 0x66);
    checkpoint(world, 640);
    turn(world, SECOND_US);
    for (uint32_t i = 0; i < SECONDS * (SECOND_US / TURN_US); i++) {
        for (uint32_t k = 0; k < 3; k++) /* it never waits for an answer */
            ask_records(world, 0, 640, 0, 0);
        if (world->peers[1].answers == asked) { /* as one does */
            ask_records(world, 1, 640, 0, 0);
            asked++;
        }
        turn(world, TURN_US);
        assert_in_range(counters(world)->bytes - before, 0, TURN_BYTES + BYTES_MAX);
        before = counters(world)->bytes;
    }
    /* All that may be given is, and no more but the last answer. */
    const uint64_t most = (uint64_t)SECONDS * RATE + BURST;
    assert_in_range(counters(world)->bytes, most - BURST, most + BYTES_MAX);
    assert_true(counters(world)->refused > 0);
    /* An honest one waits behind what the other has in the list, which is two seconds' worth. */
    assert_in_range(world->peers[1].answers, SECONDS / 2 - 1, SECONDS);
    free_world(world);
}

/* ---- Views -------------------------------------------------------------------------------------
 */

static void test_sync_server_serves_one_checkpoint_until_nobody_asks_for_it(void **state)
{
    struct world *world = make_world_with_state();
    struct store_readers readers;
    struct store_trail trail;
    (void)state;
    ask_records(world, 0, 640, 0, 0);
    turn(world, SECOND_US);
    put(world, 1, 10, 0xFF);
    checkpoint(world, 704);
    ask_records(world, 0, 640, 0, 0);
    ask_records(world, 1, 704, 0, 0);
    world->certified = 640; /* the certificate that the view's status asks for */
    turn(world, SECOND_US);
    const struct sync_records records = records_of(world, 0, 640);
    assert_int_equal(records.pieces[SYNC_PIECE_HEAD], 0x11); /* as it was at 640 */
    expect_status(world, 1, true);
    world->certified = 704;
    turn(world, 6 * SECOND_US); /* nobody asked for a while */
    assert_true(sync_server_timeout(world->server) == INT64_MAX);
    assert_int_equal(store_readers(world->store, &readers, &trail), STORE_OK);
    assert_int_equal(readers.oldest_lag_commits, 0);
    ask_records(world, 1, 704, 0, 0);
    turn(world, SECOND_US);
    records_of(world, 1, 704);
    assert_int_equal(counters(world)->views, 2);
    assert_int_equal(counters(world)->views_ended, 0);
    free_world(world);
}

static void test_sync_server_ends_the_view_of_a_peer_that_asks_for_ever(void **state)
{
    struct world *world = make_world_with_state();
    (void)state;
    ask_records(world, 0, 640, 0, 0);
    turn(world, SECOND_US);
    checkpoint(world, 704);
    world->certified = 640;
    uint32_t served = 1;
    for (uint32_t second = 1; second <= 2 * VIEW_SECONDS; second++) {
        const uint64_t ended = counters(world)->views_ended;
        ask_records(world, 0, 640, 0, 0);
        turn(world, SECOND_US);
        served += world->peers[0].last[0] == TN_PEER_SYNC_DATA;
        if (counters(world)->views_ended > ended) world->certified = 704;
    }
    assert_int_equal(counters(world)->views_ended, 1);
    assert_int_equal(counters(world)->views, 1); /* it is never opened for what is no more */
    assert_in_range(served, VIEW_SECONDS - 1, VIEW_SECONDS + 2);
    expect_status(world, 0, true); /* begin anew, with this one */
    free_world(world);
}

static void test_sync_server_is_not_in_the_way_of_a_store_that_grows(void **state)
{
    struct world *world = make_world_with_state();
    struct store_status status;
    (void)state;
    ask_records(world, 0, 640, 0, 0);
    turn(world, SECOND_US);
    records_of(world, 0, 640);
    store_status(world->store, &status);
    const uint64_t growths = status.growths_count;
    for (uint32_t i = 0; i < 8; i++) { /* this thread writes: it would wait for itself */
        put(world, 100 + i, 1 << 20, (uint8_t)i);
        checkpoint(world, 704 + i);
    }
    store_status(world->store, &status);
    assert_true(status.growths_count > growths);
    ask_records(world, 0, 640, 0, 0); /* its view is gone */
    turn(world, SECOND_US);
    expect_status(world, 0, true);
    ask_records(world, 0, 711, 0, 0);
    turn(world, SECOND_US);
    records_of(world, 0, 711);
    assert_int_equal(counters(world)->views, 2);
    turn(world, 6 * SECOND_US);
    assert_true(sync_server_timeout(world->server) == INT64_MAX);
    free_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_sync_server_gives_the_records_of_a_range_and_says_where_there_are_more),
        cmocka_unit_test(test_sync_server_gives_a_large_record_in_pieces_that_make_it_whole),
        cmocka_unit_test(test_sync_server_gives_the_end_of_an_epoch),
        cmocka_unit_test(test_sync_server_without_a_checkpoint_says_so),
        cmocka_unit_test(test_sync_server_answers_for_what_it_has_not_with_what_it_has),
        cmocka_unit_test(test_sync_server_refuses_what_is_no_question),
        cmocka_unit_test(test_sync_server_keeps_so_many_questions_of_a_peer_and_in_all),
        cmocka_unit_test(test_sync_server_keeps_the_questions_of_a_peer_that_has_no_room),
        cmocka_unit_test(test_sync_server_gives_no_more_a_second_however_often_a_peer_asks),
        cmocka_unit_test(test_sync_server_serves_one_checkpoint_until_nobody_asks_for_it),
        cmocka_unit_test(test_sync_server_ends_the_view_of_a_peer_that_asks_for_ever),
        cmocka_unit_test(test_sync_server_is_not_in_the_way_of_a_store_that_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
