/* reject: the names and texts of the one table in reject.h. */
#include "tenor/reject.h"

#include <stddef.h>

const char *tn_reject_name(enum tn_reject reject)
{
    switch (reject) {
#define X(name, number, text)                                                                      \
    case TN_REJECT_##name: return #name;
        TN_REJECT_TABLE(X)
#undef X
    }
    return NULL;
}

const char *tn_reject_text(enum tn_reject reject)
{
    switch (reject) {
#define X(name, number, text)                                                                      \
    case TN_REJECT_##name: return text;
        TN_REJECT_TABLE(X)
#undef X
    }
    return NULL;
}
