/* status: the life of a series, as two tables.
 *
 * Who may move a series (listing, governance, expiry, a stale feed) is decided elsewhere; here is
 * only which steps exist and which commands each status admits. Both are rows of bits, so that the
 * whole machine is read at a glance. From every status but settled there is a way to settling, and
 * from every one that trades a way to halted: an expiry or an emergency never finds a closed door.
 * Statuses may come from outside: a number out of the table admits nothing. */
#include "tenor/product.h"

#define STATUS_COUNT 8
#define ACTION_COUNT 5

#define TO(status)  (1u << TN_STATUS_##status)
#define MAY(action) (1u << TN_ACTION_##action)

_Static_assert(TN_STATUS_SETTLED + 1 == STATUS_COUNT, "a row for every status");
_Static_assert(TN_ACTION_BLOCK + 1 == ACTION_COUNT, "a bit for every action");

static const uint8_t STEPS[STATUS_COUNT] = {
    [TN_STATUS_INITIALIZING] = TO(ACTIVE) | TO(POST_ONLY) | TO(AUCTION) | TO(SETTLING),
    [TN_STATUS_ACTIVE] = TO(POST_ONLY) | TO(CANCEL_ONLY) | TO(HALTED) | TO(SETTLING),
    [TN_STATUS_POST_ONLY] = TO(ACTIVE) | TO(CANCEL_ONLY) | TO(HALTED) | TO(SETTLING),
    [TN_STATUS_CANCEL_ONLY] = TO(ACTIVE) | TO(POST_ONLY) | TO(HALTED) | TO(AUCTION) | TO(SETTLING),
    [TN_STATUS_HALTED] = TO(ACTIVE) | TO(POST_ONLY) | TO(CANCEL_ONLY) | TO(AUCTION) | TO(SETTLING),
    [TN_STATUS_AUCTION] = TO(ACTIVE) | TO(HALTED) | TO(SETTLING),
    [TN_STATUS_SETTLING] = TO(SETTLED),
    [TN_STATUS_SETTLED] = 0,
};

static const uint8_t ADMITS[STATUS_COUNT] = {
    [TN_STATUS_INITIALIZING] = MAY(CANCEL),
    [TN_STATUS_ACTIVE] = MAY(TAKE) | MAY(POST) | MAY(STOP) | MAY(CANCEL) | MAY(BLOCK),
    [TN_STATUS_POST_ONLY] = MAY(POST) | MAY(CANCEL),
    [TN_STATUS_CANCEL_ONLY] = MAY(CANCEL),
    [TN_STATUS_HALTED] = MAY(CANCEL),
    [TN_STATUS_AUCTION] = MAY(TAKE) | MAY(POST) | MAY(CANCEL),
    [TN_STATUS_SETTLING] = MAY(CANCEL),
    [TN_STATUS_SETTLED] = 0,
};

const char *tn_status_name(enum tn_status status)
{
    switch (status) {
#define X(name, number, text)                                                                      \
    case TN_STATUS_##name: return text;
        TN_STATUS_TABLE(X)
#undef X
    }
    return NULL;
}

bool tn_status_may_step(enum tn_status from, enum tn_status to)
{
    if ((uint32_t)from >= STATUS_COUNT || (uint32_t)to >= STATUS_COUNT) return false;
    return (STEPS[from] >> to & 1) != 0;
}

bool tn_status_admits(enum tn_status status, enum tn_action action)
{
    TN_ASSERT((uint32_t)action < ACTION_COUNT);
    if ((uint32_t)status >= STATUS_COUNT) return false;
    return (ADMITS[status] >> action & 1) != 0;
}
