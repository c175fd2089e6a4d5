/* State sync's readers: they take what the writers write, and refuse it with any size or any place
 * that does not fit. What else bytes may say is fuzz_sync's. */
#include "cluster/sync_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_sync_fetch_reads_what_was_written_and_refuses_places_outside_their_range(
    void **state)
{
    struct sync_fetch fetch = {
        .what = SYNC_RECORDS,
        .number = 640,
        .place = {.kind = 5, .range = 2, .index = (2 << SYNC_RANGE_BITS) + 7, .offset = 9}};
    struct sync_fetch read;
    uint8_t bytes[SYNC_FETCH_SIZE + 1] = {0};
    (void)state;
    assert_int_equal(sync_write_fetch(bytes, &fetch), SYNC_FETCH_SIZE);
    assert_true(sync_read_fetch(&read, bytes, SYNC_FETCH_SIZE));
    assert_int_equal(read.place.index, fetch.place.index);
    assert_int_equal(read.place.offset, 9);
    assert_false(sync_read_fetch(&read, bytes, SYNC_FETCH_SIZE - 1));
    assert_false(sync_read_fetch(&read, bytes, SYNC_FETCH_SIZE + 1));
    fetch.place.range = 3;
    sync_write_fetch(bytes, &fetch);
    assert_false(sync_read_fetch(&read, bytes, SYNC_FETCH_SIZE));
    fetch = (struct sync_fetch){.what = SYNC_CHECKPOINT, .number = 1};
    sync_write_fetch(bytes, &fetch);
    assert_false(sync_read_fetch(&read, bytes, SYNC_FETCH_SIZE)); /* it has no number */
}

/* Two pieces, the second unfinished. */
static size_t write_two(uint8_t *bytes, uint32_t second_index, uint32_t next_offset)
{
    const struct sync_records records = {.height = 64,
                                         .place = {.kind = 8, .range = 0, .index = 3},
                                         .next_index = 5,
                                         .next_offset = next_offset};
    const struct sync_piece first = {.index = 3, .size = 4, .count = 4};
    const struct sync_piece second = {.index = second_index, .size = 100, .count = 6};
    memset(bytes, 0, 128);
    sync_write_records(bytes, &records);
    sync_write_piece(bytes + SYNC_RECORDS_HEAD, &first);
    sync_write_piece(bytes + SYNC_RECORDS_HEAD + SYNC_PIECE_HEAD + 4, &second);
    return SYNC_RECORDS_HEAD + 2 * SYNC_PIECE_HEAD + 10;
}

static void test_sync_records_are_refused_when_their_pieces_do_not_join(void **state)
{
    struct sync_records read;
    uint8_t bytes[128];
    (void)state;
    size_t size = write_two(bytes, 5, 6);
    assert_true(sync_read_records(&read, bytes, size));
    assert_int_equal(read.next_offset, 6);
    for (size_t cut = 0; cut < size; cut++)
        assert_false(sync_read_records(&read, bytes, cut));
    assert_false(sync_read_records(&read, bytes, size + 1));
    write_two(bytes, 5, 7); /* goes on behind a byte that did not come */
    assert_false(sync_read_records(&read, bytes, size));
    write_two(bytes, 3, 6); /* the first record again */
    assert_false(sync_read_records(&read, bytes, size));
    write_two(bytes, 1 << SYNC_RANGE_BITS, 6); /* of another range */
    assert_false(sync_read_records(&read, bytes, size));
    write_two(bytes, 5, 6);
    bytes[23] = 1; /* the end, in the middle of a record */
    memset(bytes + 24, 0, 8);
    assert_false(sync_read_records(&read, bytes, size));
    write_two(bytes, 5, 6);
    bytes[38] = 1; /* a proof of a byte, and not the end */
    assert_false(sync_read_records(&read, bytes, size + 1));
}

static void test_sync_status_is_empty_or_a_certificate(void **state)
{
    uint8_t bytes[2 + SYNC_CERT_MAX] = {TN_PEER_SYNC_STATUS, TN_PEER_CKPT_CERT};
    const uint8_t *cert;
    size_t size;
    (void)state;
    assert_true(sync_read_status(&cert, &size, bytes, 1));
    assert_int_equal(size, 0);
    assert_true(sync_read_status(&cert, &size, bytes, 1 + SYNC_CERT_MAX));
    assert_false(sync_read_status(&cert, &size, bytes, 2 + SYNC_CERT_MAX));
    assert_false(sync_read_status(&cert, &size, bytes, 1 + TN_CHECKPOINT_BYTES));
    bytes[1] = TN_PEER_CERT;
    assert_false(sync_read_status(&cert, &size, bytes, 1 + SYNC_CERT_MAX));
    assert_false(sync_read_status(&cert, &size, bytes, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_sync_fetch_reads_what_was_written_and_refuses_places_outside_their_range),
        cmocka_unit_test(test_sync_records_are_refused_when_their_pieces_do_not_join),
        cmocka_unit_test(test_sync_status_is_empty_or_a_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
