/* records_copy: all records of an exchange, kept, and another exchange made of them. */
#ifndef RECORDS_COPY_H
#define RECORDS_COPY_H

#include "tenor/export.h"

struct record_kept {
    struct tn_record_name name;
    size_t at, size;
};

struct records_copy {
    struct tn_exchange_limits limits;
    uint8_t *bytes;
    size_t bytes_count, bytes_max;
    struct record_kept *records; /* those that are not empty, as an import takes them */
    uint32_t records_count, records_max;
};

/* records_save keeps what the exchange says now, in place of what was kept; start from zeros. */
void records_save(struct records_copy *copy, const struct tn_exchange *exchange,
                  const struct tn_exchange_limits *limits);
void records_free(struct records_copy *copy);

/* records_equal is whether two copies say the same; the first difference is printed. */
bool records_equal(const struct records_copy *a, const struct records_copy *b);

/* records_import reads a copy into a new exchange with this hash seed; NULL with the fault when it
 * is refused. What it returns is for records_close. */
struct tn_exchange *records_import(const struct records_copy *copy, struct tn_import_fault *fault,
                                   uint64_t hash_seed);
void records_close(struct tn_exchange *exchange);

/* records_restore saves an exchange, imports that and compares: digest, every invariant, records.
 * NULL, with the difference printed, when anything differs. */
struct tn_exchange *records_restore(const struct tn_exchange *exchange,
                                    const struct tn_exchange_limits *limits, uint64_t hash_seed);

#endif
