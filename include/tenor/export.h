/* export: the state of an exchange as records, out and in.
 *
 * Out: after any entry the records say everything that apply can read, so an exchange made from
 * them answers every further entry alike. Each change marks the records it changes as touched;
 * whoever keeps a copy of them (the state tree, the store) drains the marks, writes those records
 * anew, and is up to date.
 *
 *     while ((count = tn_exchange_touched(exchange, names, NAMES)) > 0)
 *         for (i = 0; i < count; i++)
 *             size = tn_exchange_record(exchange, out, out_size, names[i].kind, names[i].index);
 *
 * In: tn_exchange_import for every record that is not empty, kinds in the order of their numbers,
 * indexes ascending, then tn_exchange_import_end. What the bytes say is checked; an exchange after
 * a fault is to be thrown away. Layouts: docs/specs/records.md. */
#ifndef TENOR_EXPORT_H
#define TENOR_EXPORT_H

#include "tenor/exchange.h"
#include "tenor/record.h"

/* tn_exchange_records_count is how many indexes of a kind exist now: 0 .. count - 1. */
uint32_t tn_exchange_records_count(const struct tn_exchange *exchange, enum tn_record_kind kind);

/* tn_exchange_records_max is the most indexes of a kind that there can ever be. */
uint32_t tn_exchange_records_max(const struct tn_exchange_limits *limits, enum tn_record_kind kind);

/* tn_exchange_record_size_max is the most bytes a record of this kind can have. */
size_t tn_exchange_record_size_max(const struct tn_exchange_limits *limits,
                                   enum tn_record_kind kind);

/* tn_exchange_record writes one record and returns its size; 0: it says nothing. When out_size is
 * smaller than the size that it returns, nothing was written. */
size_t tn_exchange_record(const struct tn_exchange *exchange, uint8_t *out, size_t out_size,
                          enum tn_record_kind kind, uint32_t index);

/* tn_exchange_touched takes up to names_max names of records that may have changed since they were
 * last taken, each once, and returns how many; 0 when there are none left. A name may be at or past
 * tn_exchange_records_count when a list became shorter. After tn_exchange_init, and after an
 * import, nothing is touched: walk all records once. */
uint32_t tn_exchange_touched(struct tn_exchange *exchange, struct tn_record_name *names,
                             uint32_t names_max);

/* Of a BOOK that was touched, only what changed in one of its four lists: which orders are new or
 * other ones at which ranks, since this was last asked. tn_exchange_book_changes is false when
 * nothing in the list did; else *changes says how many orders it has now (a shorter list has lost
 * its last ranks), and tn_exchange_book_change gives the next one, until it is false: before the
 * next entry and before another list. After tn_exchange_init and after an import every list counts
 * as told; who never asks loses nothing. O(orders from the first change to the last). */
struct tn_book_changes {
    uint32_t count; /* orders in the list now */
    uint32_t rank;  /* of the order given last */
    uint32_t place, next_rank, next_slot;
};
bool tn_exchange_book_changes(struct tn_exchange *exchange, struct tn_book_changes *changes,
                              uint32_t series, uint32_t list);
bool tn_exchange_book_change(struct tn_exchange *exchange, struct tn_book_changes *changes,
                             uint8_t order[TN_RECORD_ORDER_SIZE]);

/* Asks for the memory that writing these records will read, their lists side by side, whole or from
 * where they changed: a hint, which changes nothing, for the few that are written next. More than
 * TN_RECORDS_AHEAD are passed over. */
#define TN_RECORDS_AHEAD 16
void tn_exchange_records_ahead(const struct tn_exchange *exchange,
                               const struct tn_record_name *names, uint32_t count);
void tn_exchange_changes_ahead(struct tn_exchange *exchange, const struct tn_record_name *names,
                               uint32_t count);

/* ---- In ---------------------------------------------------------------------------------------
 */

struct tn_import_fault {
    struct tn_record_name name;
    uint32_t at;      /* byte of the record */
    const char *what; /* a sentence */
};

/* tn_exchange_record_limits reads the limits out of the record MARKET 0, but for hash_seed and cpu,
 * which are the caller's own. False when it is none, or limits out of range. */
bool tn_exchange_record_limits(struct tn_exchange_limits *limits, const uint8_t *record,
                               size_t size);

/* Reads one record into an exchange that was only just made by tn_exchange_init with those limits.
 */
bool tn_exchange_import(struct tn_exchange *exchange, struct tn_import_fault *fault,
                        enum tn_record_kind kind, uint32_t index, const uint8_t *record,
                        size_t size);

/* Links what the records name, and checks that they fit together. */
bool tn_exchange_import_end(struct tn_exchange *exchange, struct tn_import_fault *fault);

/* ---- Some accounts only -----------------------------------------------------------------------
 * Whoever watches is asked before anything of an account is read or changed, so that entries can be
 * executed where only some accounts are there: `need` does not return for one that is not. Where
 * all are there it may note which ones entries need. Which accounts an order, a list or a cursor of
 * the market names is not asked each time: those are named by tn_exchange_need_named, and an import
 * refuses when one of them is not there. */
struct tn_exchange_watch {
    void (*need)(void *context, uint32_t account);
    void *context;
    const uint64_t *present; /* bit i: an import has account i; NULL: all */
};

/* Before the import, or at any time between entries; the watch must stay. NULL: nobody watches. */
void tn_exchange_watch(struct tn_exchange *exchange, const struct tn_exchange_watch *watch);
/* Asks for the accounts that must be there whatever the entries are. O(accounts). */
void tn_exchange_need_named(const struct tn_exchange *exchange);
/* Asks for every account: for what reads all of them. */
void tn_exchange_need_all(const struct tn_exchange *exchange);

#endif
