/* A fuzzer's bytes as messages to a few small books and to their twin: equal reports whatever the
 * size of the report array, equal books, every invariant of the structure.
 *
 * Ten bytes make one message: few ids, few prices, so that they meet; now and then a field takes an
 * extreme value. */
#include "book_twin.h"
#include "tenor/product.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGE_BYTES 10
#define REPORTS_MAX   4096

static int64_t number(uint8_t low, uint8_t high)
{
    static const int64_t EXTREMES[8] = {0,
                                        -1,
                                        INT64_MAX,
                                        INT64_MIN,
                                        TN_PRICE_TICKS_MAX,
                                        TN_PRICE_TICKS_MAX + 1,
                                        TN_QUANTITY_LOTS_MAX,
                                        TN_QUANTITY_LOTS_MAX + 1};
    if (high == 255) return EXTREMES[low % 8];
    if (high >= 240) return (int64_t)low << (high - 240) * 2;
    return 1 + low % 32;
}

static struct tn_book_message message_of(const uint8_t *bytes)
{
    struct tn_book_message message = {.kind = bytes[0] % 8 < 4   ? TN_BOOK_SUBMIT
                                              : bytes[0] % 8 < 6 ? TN_BOOK_CANCEL
                                                                 : TN_BOOK_REPLACE,
                                      .side = bytes[1] % 2,
                                      .tif = bytes[2] % 4,
                                      .book = bytes[3] % 3,
                                      .id = bytes[4],
                                      .price = number(bytes[5], bytes[6]),
                                      .quantity = number(bytes[7], bytes[8])};
    switch (bytes[9]) {
        case 250: message.kind = 3; break;
        case 251: message.side = 2; break;
        case 252: message.tif = 4; break;
        case 253: message.book = UINT32_MAX; break;
        case 254: message.id = UINT64_MAX; break;
        default: break;
    }
    return message;
}

/* Handles one message with a report array of a few places, again and again until it is done. */
static uint32_t handle(struct tn_books *books, struct tn_book_report *reports,
                       const struct tn_book_message *message, uint32_t places)
{
    uint32_t done = 0;
    uint32_t count = tn_book_apply(books, reports, places, &done, message, 1);
    if (done != 1) abort();
    while (tn_book_unfinished(books)) {
        if (count + places > REPORTS_MAX) abort();
        count += tn_book_continue(books, reports + count, places);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tn_book_report reports[REPORTS_MAX];
    if (size < 2) return 0;
    struct tn_book_limits limits = {
        .books_max = 2, .orders_max = 1 + data[0] % 40, .hash_seed = data[1]};
    limits.levels_max = limits.orders_max < 9 ? limits.orders_max : 9;
    size_t bytes = tn_books_size(&limits);
    void *memory = aligned_alloc(64, tn_align(bytes));
    if (memory == NULL) abort();
    memset(memory, 0, bytes);
    struct tn_books *books = tn_books_init(memory, &limits);
    struct book_twin twin;
    book_twin_open(&twin, &limits);
    for (size_t at = 2; at + MESSAGE_BYTES <= size; at += MESSAGE_BYTES) {
        struct tn_book_message message = message_of(data + at);
        book_twin_handle(&twin, &message);
        uint32_t count = handle(books, reports, &message, 1 + data[at] % 5);
        if (count != twin.reports_count) abort();
        if (memcmp(reports, twin.reports, count * sizeof(*reports)) != 0) abort();
    }
    tn_book_check(books, false);
    if (!book_twin_same(&twin, books)) abort();
    book_twin_close(&twin);
    free(memory);
    return 0;
}
