/* past_row: what one block brought about for each account, as one row of bytes.
 *
 * A row is for the store of this node and made so that a reader who looks for one account need not
 * read the others: a head lists the accounts and the steps that they are in, with a CRC of its own,
 * and the steps' events stand packed behind it (tenor/pack.h). Messages come out as
 * account_history would number them. Layout: docs/specs/store.md. */
#ifndef NODE_GATEWAY_PAST_ROW_H
#define NODE_GATEWAY_PAST_ROW_H

#include "gateway/account_history.h"
#include "tenor/crypto.h"
#include "tenor/pack.h"

/* ---- Making ------------------------------------------------------------------------------------
 */

struct past_row;

/* Rows of at most so many bytes. NULL: no memory. */
struct past_row *past_row_make(uint32_t bytes_max, enum tn_cpu cpu);
void past_row_free(struct past_row *row);
/* All steps of a block, in order; events that belong to no account leave nothing. */
void past_row_add(struct past_row *row, const struct port_step *step,
                  const struct tn_event *events);
/* Before the finish, once for each market: the last order id that it has given by then. A block
 * that leaves no row leaves none of these. */
void past_row_orders(struct past_row *row, uint32_t market, uint64_t last_order_id);
/* The row of what was added since the last finish; size 0: nothing was. The bytes live until the
 * next add. False: it has no room, or there was no memory, and what was added is gone. */
bool past_row_finish(struct past_row *row, const uint8_t **bytes, size_t *size, uint64_t height,
                     int64_t time_ms);

/* ---- Reading -----------------------------------------------------------------------------------
 */

struct past_row_head {
    uint64_t height;
    int64_t time_ms;
    uint32_t places_count; /* of accounts in steps */
    const uint8_t *bytes;  /* of the row */
    size_t size;
};
/* False: it is none, or damaged, or of another version. Reads the head alone. */
bool past_row_open(struct past_row_head *head, enum tn_cpu cpu, const uint8_t *bytes, size_t size);

/* The last order id of the market as of the row's block. False: the row does not say, as none did
 * before they said it. */
bool past_row_last_order(uint64_t *last_order_id, const struct past_row_head *head,
                         uint32_t market);
/* The next account above *account that has messages of the market; to begin with: TN_NONE. */
bool past_row_next_account(uint32_t *account, const struct past_row_head *head, uint32_t market);

/* The messages of one account. */
struct past_row_messages {
    struct past_row_head head;
    uint64_t whose; /* market, account */
    uint32_t place; /* of its next step */
    uint32_t index; /* of the next message */
    /* The step that is read: who brought it about, and what is left of it. */
    uint32_t account, events;
    uint64_t nonce;
    const uint8_t *at, *end;
    struct tn_unpacker unpacker;
};
/* False: the account has none. O(log places). */
bool past_row_find(struct past_row_messages *messages, const struct past_row_head *head,
                   uint32_t market, uint32_t account);

enum past_row_answer { PAST_ROW_NEXT, PAST_ROW_END, PAST_ROW_DAMAGED };
/* The next message. Costs all events of the steps that the account is in. */
enum past_row_answer past_row_next(struct past_row_messages *messages,
                                   struct gateway_record *record);

#endif
