/* One order book, used alone: rest two sells, buy through both, print what happened.
 *
 *     cc -Iinclude docs/examples/book.c build/release/src/libtenor_book.a && ./a.out
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenor/book.h"

static void print_reports(const struct tn_book_report *reports, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_book_report *report = &reports[i];
        unsigned long long id = report->id, maker = report->maker_id;
        long long price = report->price, quantity = report->quantity;
        switch ((enum tn_book_report_kind)report->kind) {
            case TN_BOOK_ACCEPTED: printf("order %llu: %lld at %lld\n", id, quantity, price); break;
            case TN_BOOK_TRADE:
                printf("order %llu took %lld at %lld from %llu\n", id, quantity, price, maker);
                break;
            case TN_BOOK_CANCELLED: printf("order %llu: cancelled\n", id); break;
            case TN_BOOK_REPLACED:
                printf("order %llu: now %lld at %lld\n", id, quantity, price);
                break;
            case TN_BOOK_REJECTED:
                printf("order %llu: %s\n", id, tn_reject_text((enum tn_reject)report->reject));
                break;
        }
    }
}

int main(void)
{
    const struct tn_book_limits limits = {.books_max = 1, .orders_max = 1024, .levels_max = 1024};
    void *memory = aligned_alloc(64, tn_books_size(&limits));
    if (memory == NULL) return 1;
    struct tn_books *books = tn_books_init(memory, &limits);

    const struct tn_book_message messages[] = {
        {.id = 7, .price = 101, .quantity = 5, .side = TN_SELL},
        {.id = 3, .price = 100, .quantity = 2, .side = TN_SELL},
        {.id = 9, .price = 101, .quantity = 4, .side = TN_BUY, .tif = TN_BOOK_IOC},
        {.id = 3, .kind = TN_BOOK_CANCEL},
    };
    struct tn_book_report reports[2];
    uint32_t handled = 0, count = sizeof messages / sizeof messages[0];
    while (handled < count || tn_book_unfinished(books)) {
        uint32_t written, done = 0;
        if (tn_book_unfinished(books)) { /* the array was too small: the rest of it */
            written = tn_book_continue(books, reports, 2);
        } else {
            written = tn_book_apply(books, reports, 2, &done, &messages[handled], count - handled);
        }
        handled += done;
        print_reports(reports, written);
    }
    free(memory);
    return 0;
}
