/* A copy of all records of an exchange, kept as the state tree and the store keep theirs: after
 * some entries only those are written anew that are named as touched, and of a book only the orders
 * that are told of. It must then be what all records are when they are written anew. */
#ifndef TENOR_TEST_TOUCHED_COPY_H
#define TENOR_TEST_TOUCHED_COPY_H

#include "tenor/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copied_record {
    uint8_t *bytes;
    size_t size;
    uint64_t turn; /* in which it was named last */
};

struct touched_copy {
    struct tn_exchange *exchange;
    struct copied_record *records[TN_RECORD_KINDS];
    uint32_t counts[TN_RECORD_KINDS]; /* the most there ever were */
    uint8_t *scratch;
    size_t scratch_size;
    uint64_t turn;          /* of taking marks; a record may be named once in each */
    uint64_t named, walked; /* records written because they were named; and to compare */
};

static inline struct copied_record *touched_copy_at(struct touched_copy *copy,
                                                    struct tn_record_name name)
{
    uint32_t count = copy->counts[name.kind];
    if (name.index >= count) {
        struct copied_record *records =
            realloc(copy->records[name.kind], (name.index + 1) * sizeof(*records));
        TN_ASSERT(records != NULL);
        memset(&records[count], 0, (name.index + 1 - count) * sizeof(*records));
        copy->records[name.kind] = records;
        copy->counts[name.kind] = name.index + 1;
    }
    return &copy->records[name.kind][name.index];
}

/* The record as it is now, in scratch. */
static inline size_t touched_copy_write(struct touched_copy *copy, struct tn_record_name name)
{
    size_t size = tn_exchange_record(copy->exchange, copy->scratch, copy->scratch_size,
                                     (enum tn_record_kind)name.kind, name.index);
    TN_ASSERT(size <= copy->scratch_size);
    return size;
}

static inline void touched_copy_store(struct touched_copy *copy, struct tn_record_name name)
{
    struct copied_record *record = touched_copy_at(copy, name);
    record->size = touched_copy_write(copy, name);
    record->turn = copy->turn;
    free(record->bytes);
    record->bytes = malloc(record->size + 1);
    TN_ASSERT(record->bytes != NULL);
    memcpy(record->bytes, copy->scratch, record->size);
}

/* One list of a book as it is now, behind the `at` bytes of scratch: what is not told of is as it
 * was.
 */
static inline size_t touched_copy_list(struct touched_copy *copy, struct tn_record_name name,
                                       uint32_t list, size_t at, const uint8_t *old,
                                       uint32_t old_count)
{
    struct tn_book_changes changes;
    uint8_t order[TN_RECORD_ORDER_SIZE], *orders = copy->scratch + at;
    if (!tn_exchange_book_changes(copy->exchange, &changes, name.index, list)) {
        changes.count = old_count;
        memcpy(orders, old, (size_t)old_count * sizeof(order));
    } else {
        uint32_t both = old_count < changes.count ? old_count : changes.count;
        memset(orders, 0xff, (size_t)changes.count * sizeof(order));
        memcpy(orders, old, (size_t)both * sizeof(order));
        while (tn_exchange_book_change(copy->exchange, &changes, order)) {
            TN_ASSERT(changes.rank < changes.count);
            memcpy(orders + changes.rank * sizeof(order), order, sizeof(order));
        }
    }
    tn_put_be(copy->scratch + 4 * list, changes.count, 4);
    return at + (size_t)changes.count * sizeof(order);
}

/* A book is not written anew: its orders follow what is told of them. */
static inline void touched_copy_patch(struct touched_copy *copy, struct tn_record_name name)
{
    static const uint8_t no_orders[4 * TN_RECORD_BOOK_LISTS];
    struct copied_record *record = touched_copy_at(copy, name);
    const uint8_t *old = record->size == 0 ? no_orders : record->bytes;
    const uint8_t *orders = old + sizeof(no_orders);
    size_t size = sizeof(no_orders);
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++) {
        uint32_t count = (uint32_t)tn_get_be(old + 4 * list, 4);
        size = touched_copy_list(copy, name, list, size, orders, count);
        orders += (size_t)count * TN_RECORD_ORDER_SIZE;
    }
    record->turn = copy->turn;
    record->size = size == sizeof(no_orders) ? 0 : size;
    free(record->bytes);
    record->bytes = malloc(record->size + 1);
    TN_ASSERT(record->bytes != NULL);
    memcpy(record->bytes, copy->scratch, record->size);
}

static inline void touched_copy_open(struct touched_copy *copy, struct tn_exchange *exchange,
                                     const struct tn_exchange_limits *limits)
{
    *copy = (struct touched_copy){.exchange = exchange, .turn = 1};
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        size_t size = tn_exchange_record_size_max(limits, (enum tn_record_kind)kind);
        if (size > copy->scratch_size) copy->scratch_size = size;
    }
    copy->scratch = malloc(copy->scratch_size);
    TN_ASSERT(copy->scratch != NULL);
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        uint32_t count = tn_exchange_records_count(exchange, (enum tn_record_kind)kind);
        for (uint32_t i = 0; i < count; i++)
            touched_copy_store(copy, (struct tn_record_name){.kind = kind, .index = i});
    }
}

static inline void touched_copy_close(struct touched_copy *copy)
{
    for (uint32_t kind = 0; kind < TN_RECORD_KINDS; kind++) {
        for (uint32_t i = 0; i < copy->counts[kind]; i++)
            free(copy->records[kind][i].bytes);
        free(copy->records[kind]);
    }
    free(copy->scratch);
}

static inline bool touched_copy_fault(struct tn_record_name name, const char *what)
{
    fprintf(stderr, "record %u of kind %u %s\n", name.index, name.kind, what);
    return false;
}

/* Takes at most names_max marks (up to 64) and follows them; *count is how many there were. False
 * when a name came twice in this turn. */
static inline bool touched_copy_follow(struct touched_copy *copy, uint32_t *count,
                                       uint32_t names_max)
{
    struct tn_record_name names[64];
    *count = tn_exchange_touched(copy->exchange, names, names_max < 64 ? names_max : 64);
    for (uint32_t i = 0; i < *count; i++) {
        if (touched_copy_at(copy, names[i])->turn == copy->turn) {
            return touched_copy_fault(names[i], "was named twice");
        }
        if (names[i].kind == TN_RECORD_BOOK &&
            names[i].index < tn_exchange_records_count(copy->exchange, TN_RECORD_BOOK)) {
            touched_copy_patch(copy, names[i]);
        } else {
            touched_copy_store(copy, names[i]);
        }
        copy->named++;
    }
    return true;
}

/* Is the copy what all records are? */
static inline bool touched_copy_is_exact(struct touched_copy *copy)
{
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        uint32_t count = tn_exchange_records_count(copy->exchange, (enum tn_record_kind)kind);
        for (uint32_t index = 0; index < count || index < copy->counts[kind]; index++) {
            struct tn_record_name name = {.kind = kind, .index = index};
            const struct copied_record *record = touched_copy_at(copy, name);
            size_t size = index < count ? touched_copy_write(copy, name) : 0;
            copy->walked++;
            if (size != record->size) return touched_copy_fault(name, "has another size");
            if (size > 0 && memcmp(record->bytes, copy->scratch, size) != 0) {
                return touched_copy_fault(name, "changed and was not named");
            }
        }
    }
    return true;
}

/* Takes all marks, and compares. */
static inline bool touched_copy_keeps_up(struct touched_copy *copy)
{
    uint32_t count = 1;
    copy->turn++;
    while (count > 0) {
        if (!touched_copy_follow(copy, &count, 64)) return false;
    }
    return touched_copy_is_exact(copy);
}

#endif
