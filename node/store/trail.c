/* What failed, in one sentence, and what that means for the caller. */
#include "store/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const names[STORE_DATABASES] = {
    [STORE_META] = "meta",
    [STORE_RECORDS] = "records",
    [STORE_BLOCKS] = "blocks",
    [STORE_BLOCK_HASHES] = "block_hashes",
    [STORE_BATCHES] = "batches",
    [STORE_DIGESTS] = "digests",
    [STORE_RECEIPTS] = "receipts",
    [STORE_FILLS] = "fills",
    [STORE_ORDERS] = "orders",
    [STORE_LEAVES] = "leaves",
    [STORE_WITHDRAWALS] = "withdrawals",
    [STORE_HISTORY] = "history",
};

const char *store_database_name(enum store_database database)
{
    TN_ASSERT(database < STORE_DATABASES);
    return names[database];
}

enum store_err store_say(struct store_trail *trail, enum store_err err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trail->text, sizeof trail->text, format, arguments);
    va_end(arguments);
    return err;
}

/* A write that is cut short comes out of LMDB as EIO, whatever the reason; store_env_make_room
 * takes the disk's room first, so that a full disk does not come to that. */
enum store_err store_err_of(int code)
{
    switch (code) {
        case MDB_SUCCESS: return STORE_OK;
        case MDB_NOTFOUND: return STORE_ABSENT;
        case ENOSPC:
        case EDQUOT: return STORE_FULL;
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_CURSOR_FULL:
        case MDB_INVALID: return STORE_CORRUPT;
        case MDB_READERS_FULL: return STORE_BUSY;
        default: return STORE_FAILED;
    }
}

void store_say_key(char *out, size_t out_size, enum store_database database, const uint8_t *key,
                   size_t key_size)
{
    const char *name = database < STORE_DATABASES ? names[database] : "no database";
    int used = snprintf(out, out_size, "%s, key ", name);
    for (size_t i = 0; i < key_size && used > 0 && (size_t)used + 3 < out_size; i++)
        used += snprintf(out + used, out_size - (size_t)used, "%02x", key[i]);
}
