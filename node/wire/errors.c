/* The table of errors, and the exchange's rejects through the same door: their numbers lie below
 * 10 000, so one number space serves a client. */
#include "wire/errors.h"

#include "wire/hints.h"

#include "tenor/client_errors.h"
#include "tenor/reject.h"

#include <stddef.h>

#define REJECTS_END 10000

struct row {
    uint32_t number;
    bool is_retriable;
    const char *name, *text, *hint;
};

static const struct row rows[] = {
#define X(name, number, retriable, text, hint) {number, retriable, #name, text, hint},
    WIRE_ERROR_TABLE(X)
#undef X
};

static const struct row *row_of(uint32_t code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].number == code) return &rows[i];
    }
    return NULL;
}

const char *wire_error_name(uint32_t code)
{
    if (code < REJECTS_END) return tn_reject_name((enum tn_reject)code);
    const struct row *row = row_of(code);
    return row != NULL ? row->name : NULL;
}

const char *wire_error_text(uint32_t code)
{
    if (code < REJECTS_END) return tn_reject_text((enum tn_reject)code);
    const struct row *row = row_of(code);
    return row != NULL ? row->text : NULL;
}

static const char *reject_hint(enum tn_reject reject)
{
    switch (reject) {
#define X(name, retriable, hint)                                                                   \
    case TN_REJECT_##name: return hint;
        WIRE_HINT_TABLE(X)
#undef X
    }
    return NULL;
}

static bool reject_is_retriable(enum tn_reject reject)
{
    switch (reject) {
#define X(name, retriable, hint)                                                                   \
    case TN_REJECT_##name: return retriable;
        WIRE_HINT_TABLE(X)
#undef X
    }
    return false;
}

const char *wire_error_hint(uint32_t code)
{
    if (code < REJECTS_END) return reject_hint((enum tn_reject)code);
    const struct row *row = row_of(code);
    return row != NULL ? row->hint : NULL;
}

bool wire_error_is_retriable(uint32_t code)
{
    if (code < REJECTS_END) return reject_is_retriable((enum tn_reject)code);
    const struct row *row = row_of(code);
    return row != NULL && row->is_retriable;
}

/* ---- For who uses the client library ---- */

const char *tn_error_name(uint32_t code)
{
    return wire_error_name(code);
}

const char *tn_error_text(uint32_t code)
{
    return wire_error_text(code);
}

const char *tn_error_hint(uint32_t code)
{
    return wire_error_hint(code);
}

bool tn_error_is_retriable(uint32_t code)
{
    return wire_error_is_retriable(code);
}
