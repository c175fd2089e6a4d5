/* The parts of a link that need no network: frames, the hello's bytes, queues, rates, certificates.
 */
#include "link/certificate.h"
#include "link/frame.h"
#include "link/hello.h"
#include "link/limiter.h"
#include "link/queue.h"
#include "link/stream_socket.h"

#include "seed.h"
#include "tls_flood.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_link_kinds_are_not_those_of_peers(void **state)
{
    (void)state;
    for (uint32_t kind = LINK_KIND_HELLO; kind <= 255; kind++)
        assert_int_equal(tn_peer_bytes_max((uint8_t)kind), 0);
}

static void test_frame_takes_a_message_cut_at_any_place(void **state)
{
    uint8_t bytes[4 + 200];
    (void)state;
    tn_put_be(bytes, 200, 4);
    bytes[4] = TN_PEER_VOTE;
    for (uint32_t i = 5; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        struct frame_reader reader = {0};
        size_t taken;
        enum frame_result result = frame_read(&reader, &taken, bytes, cut, false);
        assert_int_equal(taken, cut);
        assert_int_equal(result, cut == sizeof bytes ? FRAME_WHOLE : FRAME_MORE);
        if (result == FRAME_MORE) {
            result = frame_read(&reader, &taken, bytes + cut, sizeof bytes - cut, false);
            assert_int_equal(result, FRAME_WHOLE);
        }
        assert_int_equal(reader.size, 200);
        assert_memory_equal(reader.message, bytes + 4, 200);
        frame_free(&reader);
    }
}

static void test_frame_leaves_what_follows_a_message(void **state)
{
    static const uint8_t bytes[] = {0, 0, 0, 2, TN_PEER_VOTE, 9, 0, 0, 0, 1, TN_PEER_CERT, 0};
    struct frame_reader reader = {0};
    size_t taken;
    (void)state;
    assert_int_equal(frame_read(&reader, &taken, bytes, sizeof bytes, false), FRAME_WHOLE);
    assert_int_equal(taken, 6);
    assert_int_equal(frame_read(&reader, &taken, bytes + 6, sizeof bytes - 6, false), FRAME_WHOLE);
    assert_int_equal(taken, 5);
    assert_int_equal(reader.message[0], TN_PEER_CERT);
    assert_int_equal(reader.size, 1);
    assert_int_equal(frame_read(&reader, &taken, bytes + 11, 1, false), FRAME_MORE);
    frame_free(&reader);
}

static void test_frame_refuses_a_size_before_it_takes_memory(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 256; kind++)
        for (uint32_t handshake = 0; handshake < 2; handshake++) {
            uint8_t head[5] = {0, 0, 0, 0, (uint8_t)kind};
            uint32_t bytes_max = frame_bytes_max((uint8_t)kind, handshake == 1);
            struct frame_reader reader = {0};
            size_t taken;
            assert_int_equal(frame_read(&reader, &taken, head, 5, handshake == 1),
                             FRAME_MALFORMED); /* nothing */
            assert_int_equal(reader.message_max, 0);
            reader = (struct frame_reader){0};
            tn_put_be(head, (uint64_t)bytes_max + 1, 4);
            assert_int_equal(frame_read(&reader, &taken, head, 5, handshake == 1),
                             bytes_max == 0 ? FRAME_MALFORMED : FRAME_OVERSIZE);
            assert_int_equal(reader.message_max, 0);
            if (bytes_max == 0) continue;
            reader = (struct frame_reader){0};
            tn_put_be(head, bytes_max, 4);
            assert_int_equal(frame_read(&reader, &taken, head, 5, handshake == 1),
                             bytes_max == 1 ? FRAME_WHOLE : FRAME_MORE);
            assert_int_equal(reader.message_max, FRAME_BUFFER_BYTES);
            frame_free(&reader);
        }
}

static void test_frame_memory_follows_what_arrived_and_is_given_back(void **state)
{
    static uint8_t bytes[TN_PEER_MESSAGE_MAX + 4];
    struct frame_reader reader = {0};
    size_t taken;
    (void)state;
    tn_put_be(bytes, TN_PEER_MESSAGE_MAX, 4);
    bytes[4] = TN_PEER_DATA;
    for (size_t at = 0; at < sizeof bytes; at += taken) {
        size_t size = sizeof bytes - at < 10000 ? sizeof bytes - at : 10000;
        enum frame_result result = frame_read(&reader, &taken, bytes + at, size, false);
        assert_int_equal(taken, size);
        assert_int_equal(result, at + taken == sizeof bytes ? FRAME_WHOLE : FRAME_MORE);
        assert_true(reader.message_max <= 2 * (at + taken) + FRAME_BUFFER_BYTES);
    }
    assert_int_equal(frame_read(&reader, &taken, bytes, 1, false), FRAME_MORE);
    assert_int_equal(reader.message_max, 0);
    frame_free(&reader);
}

static void fill_hello(struct hello *hello)
{
    uint8_t *bytes = (uint8_t *)hello;
    for (size_t i = 0; i < sizeof *hello; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    hello->class = LINK_BULK;
}

static void test_hello_reads_back_what_it_wrote(void **state)
{
    struct hello hello, again;
    uint8_t bytes[HELLO_BYTES], reply[HELLO_REPLY_BYTES], proof[HELLO_PROOF_BYTES];
    struct tn_signature signature, signature_again;
    (void)state;
    fill_hello(&hello);
    again = hello;
    memset(again.dialler_nonce, 0, HELLO_NONCE_BYTES);
    memset(&again.dialler_key, 0, sizeof again.dialler_key);
    memset(&again.chain_id, 0, sizeof again.chain_id);
    memset(again.listener_nonce, 0, HELLO_NONCE_BYTES);
    again.dialler_epoch = again.listener_epoch = 0;
    again.class = LINK_VOTES;
    hello_write(bytes, &hello);
    hello_write_reply(reply, &hello);
    assert_true(hello_read(&again, bytes, sizeof bytes));
    assert_true(hello_read_reply(&again, reply, sizeof reply));
    assert_memory_equal(&again, &hello, sizeof hello);
    memset(signature.bytes, 3, sizeof signature.bytes);
    hello_write_proof(proof, &signature);
    assert_true(hello_read_proof(&signature_again, proof, sizeof proof));
    assert_memory_equal(&signature, &signature_again, sizeof signature);
    for (size_t size = 0; size < sizeof bytes; size++)
        assert_false(hello_read(&again, bytes, size));
    for (uint32_t i = 0; i < 6; i++) { /* the kind and the tag */
        bytes[i] ^= 1;
        assert_false(hello_read(&again, bytes, sizeof bytes));
        bytes[i] ^= 1;
    }
    bytes[6 + 32] = LINK_CLASSES;
    assert_false(hello_read(&again, bytes, sizeof bytes));
    assert_false(hello_read(&again, reply, sizeof reply));
    assert_false(hello_read_reply(&again, bytes, sizeof reply));
    assert_false(hello_read_proof(&signature, reply, sizeof reply));
}

static void test_hello_digest_covers_every_field_and_the_role(void **state)
{
    struct hello hello;
    struct tn_hash digest, other;
    (void)state;
    fill_hello(&hello);
    hello_digest(&digest, &hello, HELLO_DIALLER);
    hello_digest(&other, &hello, HELLO_LISTENER);
    assert_false(tn_hash_equal(&digest, &other));
    hello.class = LINK_VOTES;
    hello_digest(&other, &hello, HELLO_DIALLER);
    assert_false(tn_hash_equal(&digest, &other));
    hello.class = LINK_BULK;
    uint8_t *const fields[] = {hello.chain_id.bytes,
                               hello.dialler_key.bytes,
                               hello.listener_key.bytes,
                               hello.dialler_certificate.bytes,
                               hello.listener_certificate.bytes,
                               (uint8_t *)&hello.dialler_epoch,
                               (uint8_t *)&hello.listener_epoch,
                               hello.dialler_nonce,
                               hello.listener_nonce};
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        *fields[i] ^= 0x80;
        hello_digest(&other, &hello, HELLO_DIALLER);
        assert_false(tn_hash_equal(&digest, &other));
        *fields[i] ^= 0x80;
    }
    hello_digest(&other, &hello, HELLO_DIALLER);
    assert_true(tn_hash_equal(&digest, &other));
}

static void assert_vector(const char *name, const uint8_t *bytes, size_t size)
{
    char line[600], wanted[600];
    size_t at = (size_t)snprintf(wanted, sizeof wanted, "%s ", name);
    for (size_t i = 0; i < size; i++)
        at += (size_t)snprintf(wanted + at, sizeof wanted - at, "%02x", bytes[i]);
    snprintf(wanted + at, sizeof wanted - at, "\n");
    FILE *file = fopen(TENOR_LINK_VECTORS "/handshake.hex", "r");
    assert_non_null(file);
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = strcmp(line, wanted) == 0;
    fclose(file);
    if (!found) fail_msg("no such vector: %s", wanted);
}

static void test_hello_bytes_and_digests_are_those_of_the_vectors(void **state)
{
    struct hello hello;
    struct tn_hash digest;
    uint8_t bytes[HELLO_BYTES], reply[HELLO_REPLY_BYTES];
    (void)state;
    memset(&hello, 0, sizeof hello);
    memset(hello.chain_id.bytes, 1, TN_HASH_SIZE);
    hello.class = LINK_BULK;
    memset(hello.dialler_key.bytes, 3, TN_PUBLIC_KEY_SIZE);
    memset(hello.listener_key.bytes, 4, TN_PUBLIC_KEY_SIZE);
    memset(hello.dialler_certificate.bytes, 5, TN_HASH_SIZE);
    memset(hello.listener_certificate.bytes, 6, TN_HASH_SIZE);
    hello.dialler_epoch = UINT64_C(0x0707070707070707);
    hello.listener_epoch = UINT64_C(0x0808080808080808);
    memset(hello.dialler_nonce, 9, HELLO_NONCE_BYTES);
    memset(hello.listener_nonce, 10, HELLO_NONCE_BYTES);
    hello_write(bytes, &hello);
    hello_write_reply(reply, &hello);
    assert_vector("HELLO", bytes, sizeof bytes);
    assert_vector("REPLY", reply, sizeof reply);
    hello_digest(&digest, &hello, HELLO_DIALLER);
    assert_vector("DIGEST_DIALLER", digest.bytes, TN_HASH_SIZE);
    hello_digest(&digest, &hello, HELLO_LISTENER);
    assert_vector("DIGEST_LISTENER", digest.bytes, TN_HASH_SIZE);
}

static void fill_queue(struct queue *queue, uint64_t bytes_max)
{
    memset(queue, 0, sizeof *queue);
    for (enum queue_lane lane = 0; lane < QUEUE_LANES; lane++)
        queue->lanes[lane].bytes_max = bytes_max;
}

static bool push(struct queue *queue, enum queue_lane lane, uint8_t mark, uint32_t size)
{
    static uint8_t bytes[4096];
    bytes[0] = mark;
    struct queue_message *message = queue_message(bytes, size);
    assert_non_null(message);
    bool has_room = queue_has_room(queue, lane, size);
    if (has_room) assert_true(queue_push(queue, lane, message));
    queue_drop(message);
    return has_room;
}

static void test_queue_keeps_order_in_a_lane_and_gives_the_most_urgent_first(void **state)
{
    static const uint8_t expected[] = {4, 5, 3, 1, 2};
    struct queue queue;
    enum queue_lane lane;
    struct queue_message *message;
    (void)state;
    fill_queue(&queue, 10000);
    push(&queue, QUEUE_SMALL_PROPOSAL, 1, 10);
    push(&queue, QUEUE_SMALL_PROPOSAL, 2, 10);
    push(&queue, QUEUE_VOTE, 3, 10);
    push(&queue, QUEUE_CERT, 4, 10);
    push(&queue, QUEUE_CERT, 5, 10);
    push(&queue, QUEUE_DATA, 6, 10);
    for (uint32_t i = 0; i < sizeof expected; i++) {
        message = queue_pop(&queue, &lane, LINK_VOTES);
        assert_int_equal(message->bytes[0], expected[i]);
        queue_drop(message);
    }
    assert_null(queue_pop(&queue, &lane, LINK_VOTES));
    message = queue_pop(&queue, &lane, LINK_BULK);
    assert_int_equal(message->bytes[0], 6);
    assert_int_equal(lane, QUEUE_DATA);
    queue_drop(message);
    assert_int_equal(queue_bytes(&queue), 0);
}

static void test_queue_flood_of_one_lane_does_not_stop_the_others(void **state)
{
    struct queue queue;
    enum queue_lane lane;
    uint32_t before = 0;
    (void)state;
    fill_queue(&queue, (uint64_t)8 << 20);
    assert_true(push(&queue, QUEUE_BATCH, 1, 100));
    do { /* there is always one more proposal */
        while (push(&queue, QUEUE_PROPOSAL, 2, 4096)) {
        }
        queue_drop(queue_pop(&queue, &lane, LINK_BULK));
        before++;
        assert_true(before < 2000);
    } while (lane != QUEUE_BATCH);
    assert_true(before > 200); /* but the urgent ones went first */
    uint64_t counts[TN_PRIORITIES] = {0};
    queue_clear(&queue, counts);
    assert_true(counts[TN_PRIORITY_PROPOSAL] > 1000);
}

static void test_queue_bound_counts_small_messages_with_their_overhead(void **state)
{
    struct queue queue;
    uint64_t counts[TN_PRIORITIES] = {0};
    uint32_t taken = 0;
    (void)state;
    fill_queue(&queue, 6500);
    while (push(&queue, QUEUE_VOTE, 1, 1))
        taken++;
    assert_int_equal(taken, 6500 / (QUEUE_ENTRY_BYTES + 1));
    assert_true(push(&queue, QUEUE_CERT, 1, 1)); /* another lane has its own room */
    queue_clear(&queue, counts);
    assert_int_equal(counts[TN_PRIORITY_VOTE], taken);
    assert_int_equal(counts[TN_PRIORITY_CERT], 1);
    assert_int_equal(queue_bytes(&queue), 0);
}

static void test_limiter_gives_each_address_its_rate_and_not_more(void **state)
{
    static struct limiter limiter;
    struct limiter_address one = {{1}}, two = {{2}};
    uint32_t passed = 0;
    (void)state;
    memset(&limiter, 0, sizeof limiter);
    for (int64_t us = 1; us <= 2000000;
         us += 1000) /* for two seconds: a full bucket and two more */
        passed += limiter_take(&limiter, &one, us, 10);
    assert_in_range(passed, 29, 30);
    assert_true(limiter_take(&limiter, &two, 2000000, 10));
    assert_false(limiter_take(&limiter, &one, 2000000, 10));
    assert_true(limiter_take(&limiter, &one, 2200000, 10));
    assert_true(limiter_take(&limiter, &one, 2200000, 10));
    assert_false(limiter_take(&limiter, &one, 100, 10)); /* a clock that went back gives nothing */
}

static void test_limiter_forgets_the_oldest_of_many_addresses(void **state)
{
    static struct limiter limiter;
    uint64_t random = test_seed("test_link_parts");
    (void)state;
    memset(&limiter, 0, sizeof limiter);
    for (uint32_t i = 0; i < 10000; i++) {
        struct limiter_address address;
        for (uint32_t k = 0; k < 16; k++)
            address.bytes[k] = (uint8_t)tn_random_next(&random);
        assert_true(limiter_take(&limiter, &address, 1 + i, 1));
        assert_false(limiter_take(&limiter, &address, 1 + i, 1));
    }
}

static void test_certificate_is_kept_for_its_owner_alone_and_never_overwritten(void **state)
{
    char directory[] = "/tmp/tenor-certificate-XXXXXX";
    char path[64], problem[LINK_PROBLEM_SIZE];
    struct certificate made, loaded, other;
    struct tn_hash fingerprint, again;
    struct stat info;
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/node.pem", directory);
    umask(0);
    assert_true(certificate_make(&made, problem));
    assert_true(certificate_save(&made, problem, path));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_true(certificate_load(&loaded, problem, path));
    assert_string_equal(loaded.certificate, made.certificate);
    assert_string_equal(loaded.private_key, made.private_key);
    assert_true(certificate_make(&other, problem));
    assert_false(certificate_save(&other, problem, path));
    assert_non_null(strstr(problem, path));
    assert_true(certificate_fingerprint(&fingerprint, problem, made.certificate));
    assert_true(certificate_fingerprint(&again, problem, loaded.certificate));
    assert_true(tn_hash_equal(&fingerprint, &again));
    assert_true(certificate_fingerprint(&again, problem, other.certificate));
    assert_false(tn_hash_equal(&fingerprint, &again));
    unlink(path);
    rmdir(directory);
}

static void test_certificate_that_is_none_or_two_is_refused(void **state)
{
    char two[2 * CERTIFICATE_TEXT_SIZE], problem[LINK_PROBLEM_SIZE];
    struct certificate made, loaded;
    struct tn_hash fingerprint;
    (void)state;
    assert_true(certificate_make(&made, problem));
    snprintf(two, sizeof two, "%s%s", made.certificate, made.certificate);
    assert_false(certificate_fingerprint(&fingerprint, problem, two));
    assert_non_null(strstr(problem, "exactly one"));
    assert_false(certificate_fingerprint(&fingerprint, problem, made.private_key));
    assert_false(certificate_fingerprint(&fingerprint, problem, ""));
    assert_false(certificate_load(&loaded, problem, "/dev/null"));
    assert_false(certificate_load(&loaded, problem, "/nowhere/node.pem"));
    assert_non_null(strstr(problem, "/nowhere/node.pem"));
}

/* ---- Records without a message -----------------------------------------------------------------
 */

static bool is_shaken(struct stream *stream)
{
    struct stream_state state;
    bool changed = stream_take_changed(stream);
    stream_look(stream, &state);
    assert_int_equal(state.error, 0);
    return changed;
}

/* mbedTLS passes over warnings without returning: a visit takes so many of them, and comes again.
 */
static void test_stream_holds_nobody_by_a_flood_of_warnings(void **state)
{
    char problem[LINK_PROBLEM_SIZE];
    struct certificate own;
    struct stream_waker waker;
    struct tls_flood flood;
    int fds[2], left = 0, before;
    const uint8_t *bytes;
    (void)state;
    assert_true(certificate_make(&own, problem));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_true(stream_waker_open(&waker));
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct handshakes *handshakes = handshakes_start(&waker, poll_fd);
    struct tls_config *config =
        tls_config_make(problem, true, own.certificate, own.private_key, own.certificate);
    assert_non_null(config);
    struct stream *stream = stream_socket_open(fds[0], config, handshakes);
    tls_flood_begin(&flood, fds[1], TLS_FLOOD_OPEN, own.certificate, own.private_key);
    while (!is_shaken(stream))
        usleep(1000);
    do { /* until the socket is full */
        before = left;
        usleep(20000);
        assert_int_equal(ioctl(fds[0], FIONREAD, &left), 0);
    } while (left < (1 << 16) || left != before);
    tls_flood_stop(&flood);
    uint32_t visits = 0;
    do {
        visits++;
        assert_true(stream_take_changed(stream) || visits == 1);
        assert_int_equal(stream_peek(stream, &bytes), 0);
        before = left;
        assert_int_equal(ioctl(fds[0], FIONREAD, &left), 0);
        assert_true(before - left <= 1 << 17);
    } while (left > 0);
    assert_true(visits > 1);
    stream_free(stream);
    handshakes_stop(handshakes);
    tls_config_drop(config);
    stream_waker_close(&waker);
    close(poll_fd);
    tls_flood_end(&flood);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_kinds_are_not_those_of_peers),
        cmocka_unit_test(test_frame_takes_a_message_cut_at_any_place),
        cmocka_unit_test(test_frame_leaves_what_follows_a_message),
        cmocka_unit_test(test_frame_refuses_a_size_before_it_takes_memory),
        cmocka_unit_test(test_frame_memory_follows_what_arrived_and_is_given_back),
        cmocka_unit_test(test_hello_reads_back_what_it_wrote),
        cmocka_unit_test(test_hello_digest_covers_every_field_and_the_role),
        cmocka_unit_test(test_hello_bytes_and_digests_are_those_of_the_vectors),
        cmocka_unit_test(test_queue_keeps_order_in_a_lane_and_gives_the_most_urgent_first),
        cmocka_unit_test(test_queue_flood_of_one_lane_does_not_stop_the_others),
        cmocka_unit_test(test_queue_bound_counts_small_messages_with_their_overhead),
        cmocka_unit_test(test_limiter_gives_each_address_its_rate_and_not_more),
        cmocka_unit_test(test_limiter_forgets_the_oldest_of_many_addresses),
        cmocka_unit_test(test_certificate_is_kept_for_its_owner_alone_and_never_overwritten),
        cmocka_unit_test(test_certificate_that_is_none_or_two_is_refused),
        cmocka_unit_test(test_stream_holds_nobody_by_a_flood_of_warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
