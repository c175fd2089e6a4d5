/* Records one after the other in one array of bytes; empty ones are left out. */
#include "records_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grown(void *memory, size_t size)
{
    void *larger = realloc(memory, size);
    TN_ASSERT(larger != NULL);
    return larger;
}

static void keep_record(struct records_copy *copy, const struct tn_exchange *exchange,
                        enum tn_record_kind kind, uint32_t index)
{
    size_t room = copy->bytes_max - copy->bytes_count;
    uint8_t *end = copy->bytes == NULL ? NULL : copy->bytes + copy->bytes_count;
    size_t size = tn_exchange_record(exchange, end, room, kind, index);
    TN_ASSERT(size <= tn_exchange_record_size_max(&copy->limits, kind));
    if (size == 0) return;
    if (size > room) {
        copy->bytes_max = 2 * copy->bytes_max + size;
        copy->bytes = grown(copy->bytes, copy->bytes_max);
        keep_record(copy, exchange, kind, index);
        return;
    }
    if (copy->records_count == copy->records_max) {
        copy->records_max = 2 * copy->records_max + 64;
        copy->records = grown(copy->records, copy->records_max * sizeof(*copy->records));
    }
    copy->records[copy->records_count++] = (struct record_kept){
        .name = {.kind = (uint8_t)kind, .index = index}, .at = copy->bytes_count, .size = size};
    copy->bytes_count += size;
}

void records_save(struct records_copy *copy, const struct tn_exchange *exchange,
                  const struct tn_exchange_limits *limits)
{
    copy->limits = *limits;
    copy->bytes_count = 0;
    copy->records_count = 0;
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        uint32_t count = tn_exchange_records_count(exchange, (enum tn_record_kind)kind);
        TN_ASSERT(count <= tn_exchange_records_max(limits, (enum tn_record_kind)kind));
        for (uint32_t i = 0; i < count; i++)
            keep_record(copy, exchange, (enum tn_record_kind)kind, i);
    }
}

void records_free(struct records_copy *copy)
{
    free(copy->bytes);
    free(copy->records);
    *copy = (struct records_copy){.bytes = NULL};
}

static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t at = 0;
    while (at < size && a[at] == b[at])
        at++;
    return at;
}

bool records_equal(const struct records_copy *a, const struct records_copy *b)
{
    uint32_t count = a->records_count < b->records_count ? a->records_count : b->records_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct record_kept *x = &a->records[i], *y = &b->records[i];
        bool named = x->name.kind == y->name.kind && x->name.index == y->name.index;
        size_t size = x->size < y->size ? x->size : y->size;
        size_t at = first_difference(a->bytes + x->at, b->bytes + y->at, size);
        if (named && x->size == y->size && at == size) continue;
        fprintf(stderr, "record %u %u of %zu bytes, record %u %u of %zu: they part at byte %zu\n",
                x->name.kind, x->name.index, x->size, y->name.kind, y->name.index, y->size, at);
        return false;
    }
    if (a->records_count == b->records_count) return true;
    fprintf(stderr, "%u records, %u records\n", a->records_count, b->records_count);
    return false;
}

struct tn_exchange *records_import(const struct records_copy *copy, struct tn_import_fault *fault,
                                   uint64_t hash_seed)
{
    struct tn_exchange_limits limits = copy->limits;
    limits.hash_seed = hash_seed;
    size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    TN_ASSERT(size > 0 && memory != NULL);
    memset(memory, 0, size);
    struct tn_exchange *exchange = tn_exchange_init(memory, &limits);
    for (uint32_t i = 0; i < copy->records_count; i++) {
        const struct record_kept *record = &copy->records[i];
        if (!tn_exchange_import(exchange, fault, (enum tn_record_kind)record->name.kind,
                                record->name.index, copy->bytes + record->at, record->size)) {
            records_close(exchange);
            return NULL;
        }
    }
    if (tn_exchange_import_end(exchange, fault)) return exchange;
    records_close(exchange);
    return NULL;
}

void records_close(struct tn_exchange *exchange)
{
    free(exchange);
}

struct tn_exchange *records_restore(const struct tn_exchange *exchange,
                                    const struct tn_exchange_limits *limits, uint64_t hash_seed)
{
    struct records_copy first = {.bytes = NULL}, second = {.bytes = NULL};
    struct tn_import_fault fault = {.what = NULL};
    records_save(&first, exchange, limits);
    struct tn_exchange *copy = records_import(&first, &fault, hash_seed);
    if (copy == NULL) {
        fprintf(stderr, "record %u %u is refused at byte %u: %s\n", fault.name.kind,
                fault.name.index, fault.at, fault.what);
        records_free(&first);
        return NULL;
    }
    tn_exchange_check(copy);
    records_save(&second, copy, limits);
    bool same = records_equal(&first, &second);
    if (same && tn_exchange_digest(copy) != tn_exchange_digest(exchange)) {
        fprintf(stderr, "the records are equal, the digests differ\n");
        same = false;
    }
    records_free(&first);
    records_free(&second);
    if (same) return copy;
    records_close(copy);
    return NULL;
}
