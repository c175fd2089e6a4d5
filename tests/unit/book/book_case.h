/* book_case: builders and expectations for the tests of books. */
#ifndef BOOK_CASE_H
#define BOOK_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tenor/book.h"

#define REPORTS_MAX 64

/* A set of books and the reports of the last call. */
struct book_case {
    struct tn_books *books;
    struct tn_book_report reports[REPORTS_MAX];
    uint32_t count;
};

static inline void case_open(struct book_case *at, struct tn_book_limits limits)
{
    size_t size = tn_books_size(&limits);
    assert_true(size > 0);
    void *memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    *at = (struct book_case){.books = tn_books_init(memory, &limits)};
}

static inline void case_close(struct book_case *at)
{
    tn_book_check(at->books, true);
    free(at->books);
}

static inline struct tn_book_message order_of(uint64_t id, enum tn_side side, tn_ticks price,
                                              tn_lots quantity)
{
    return (struct tn_book_message){
        .id = id, .price = price, .quantity = quantity, .side = (uint8_t)side};
}

static inline void submit_message(struct book_case *at, struct tn_book_message message)
{
    at->count = tn_book_submit(at->books, at->reports, REPORTS_MAX, &message);
    tn_book_check(at->books, false);
}

static inline void submit(struct book_case *at, uint64_t id, enum tn_side side, tn_ticks price,
                          tn_lots quantity)
{
    submit_message(at, order_of(id, side, price, quantity));
}

static inline void submit_tif(struct book_case *at, uint64_t id, enum tn_side side, tn_ticks price,
                              tn_lots quantity, enum tn_book_tif tif)
{
    struct tn_book_message message = order_of(id, side, price, quantity);
    message.tif = (uint8_t)tif;
    submit_message(at, message);
}

static inline void cancel(struct book_case *at, uint64_t id)
{
    at->count = tn_book_cancel(at->books, at->reports, REPORTS_MAX, id);
    tn_book_check(at->books, false);
}

static inline void replace(struct book_case *at, uint64_t id, tn_ticks price, tn_lots quantity)
{
    at->count = tn_book_replace(at->books, at->reports, REPORTS_MAX, id, price, quantity);
    tn_book_check(at->books, false);
}

static inline void expect_rejected(const struct book_case *at, enum tn_reject reject)
{
    assert_int_equal(at->count, 1);
    assert_int_equal(at->reports[0].kind, TN_BOOK_REJECTED);
    assert_int_equal(at->reports[0].reject, reject);
    assert_int_equal(at->reports[0].remaining, 0);
}

static inline void expect_report(const struct book_case *at, uint32_t place,
                                 enum tn_book_report_kind kind, uint64_t id, tn_lots quantity,
                                 tn_lots remaining)
{
    assert_true(place < at->count);
    const struct tn_book_report *report = &at->reports[place];
    assert_int_equal(report->kind, kind);
    assert_int_equal(report->id, id);
    assert_int_equal(report->quantity, quantity);
    assert_int_equal(report->remaining, remaining);
    assert_int_equal(report->reject, TN_REJECT_NONE);
}

static inline void expect_trade(const struct book_case *at, uint32_t place, uint64_t id,
                                uint64_t maker_id, tn_ticks price, tn_lots quantity,
                                tn_lots maker_remaining)
{
    assert_true(place < at->count);
    const struct tn_book_report *report = &at->reports[place];
    assert_int_equal(report->kind, TN_BOOK_TRADE);
    assert_int_equal(report->id, id);
    assert_int_equal(report->maker_id, maker_id);
    assert_int_equal(report->price, price);
    assert_int_equal(report->quantity, quantity);
    assert_int_equal(report->maker_remaining, maker_remaining);
}

#endif
