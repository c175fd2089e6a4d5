/* past: accounts' streams in the node's store, for those who resume from before its memory.
 *
 * The node's thread gives it every step; of each block it puts one row (gateway/past_row.h) into
 * the store's queue, beside the block, so that it becomes durable with it; the store prunes it
 * after so many hours of block time, or with its block. Another
 * thread, the gateway's own for that (gateway/past.h), reads them through views, each as short as a
 * piece. A row that is lost (too large, or no room) is counted, and the past begins behind it: what
 * there is has no gap. */
#ifndef NODE_CLUSTER_PAST_H
#define NODE_CLUSTER_PAST_H

#include "gateway/past.h"
#include "gateway/past_row.h"
#include "store/store.h"

struct past;

/* row_bytes_max: of a row; longer ones are lost. hours: as the store's receipts_hours, or 0. NULL:
 * no memory. */
struct past *past_make(uint32_t row_bytes_max, uint32_t hours, enum tn_cpu cpu);
void past_free(struct past *past);

/* The node's thread. The store is open for writing and stands at its last checkpoint, behind which
 * blocks come; it stays open until past_end. False: it does not read, and the trail says why. */
bool past_begin(struct past *past, struct store *store, struct store_trail *trail);
void past_end(struct past *past);
void past_step(struct past *past, const struct port_step *step, const struct tn_event *events);
/* Before past_block, of each market: the last order id that it has given. By these rows an order is
 * found by its id (past_order.h). */
void past_orders(struct past *past, uint32_t market, uint64_t last_order_id);
/* The block is whole: its row goes to the store's present group. Waits for room once, for a while;
 * no reader makes it wait. */
void past_block(struct past *past, uint64_t height, int64_t time_ms);

/* Once: the reader has met damage, and the trail says where. */
bool past_take_fault(struct past *past, struct store_trail *trail);

/* For tools: since which block the rows of the view's checkpoint, of that height, are whole.
 * STORE_ABSENT: it has none, or of another version. */
enum store_err past_rows_since(uint64_t *since, struct store_view *view, uint64_t height);

/* For the gateway. */
void past_fill_source(struct gateway_past_source *source, struct past *past);

#endif
