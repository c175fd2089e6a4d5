/* past_order: one order, or one account, in the rows that a node's store keeps of its blocks
 * (past.h), for tools.
 *
 * There is no index of orders beside the rows. A market gives its order ids in order, and each row
 * says which was the last one by then: so the block of an order is found by halving, and there the
 * account whose messages tell the rest of its life. An order, or a side of a quote that moves,
 * costs nothing for it; a block does, 20 bytes for each market. */
#ifndef NODE_CLUSTER_PAST_ORDER_H
#define NODE_CLUSTER_PAST_ORDER_H

#include "gateway/past_row.h"
#include "store/store.h"

/* The rows of one checkpoint. */
struct past_rows {
    struct store_view *view;
    enum tn_cpu cpu;
    uint32_t market;
    uint64_t since, through; /* past_rows_since; the checkpoint's height. Rows of `since` and on
                                that are gone were pruned, the lowest first */
};

/* The lowest row that there is, behind `through` when there is none. All of these answer
 * STORE_CORRUPT where a row does not read. */
enum store_err past_rows_first(uint64_t *height, const struct past_rows *rows) STORE_MUST_CHECK;

/* The account's messages in the rows from a height on, in order. The visitor says false when it has
 * seen enough: then what is left of that block still comes, and nothing of those behind it. Reads
 * the heads of all rows, and the messages of the account. */
typedef bool past_visitor(void *context, const struct gateway_record *record);
enum store_err past_rows_walk(const struct past_rows *rows, uint32_t account, uint64_t from,
                              past_visitor *visit, void *context) STORE_MUST_CHECK;

/* Is it of the order, as taker, maker or otherwise? Results of commands are not. */
bool past_order_is_in(const struct tn_event *event, uint64_t order_id);

enum past_order_answer {
    PAST_ORDER_FOUND,  /* `height`: of its first message; account: whose it is */
    PAST_ORDER_BEFORE, /* it came before the first row, of `height`, or never was */
    PAST_ORDER_NONE, /* no order came of that id: it was refused behind the point where it got it */
    PAST_ORDER_COMING, /* the last id that was given is `last` */
};
struct past_order {
    enum past_order_answer answer;
    uint32_t account;
    uint64_t height, last;
};
/* O(log blocks) rows' heads and one row; where rows do not say their last order, as those of
 * programs before did not, all of these that the order may be in. */
enum store_err past_order_find(struct past_order *order, const struct past_rows *rows,
                               uint64_t order_id) STORE_MUST_CHECK;

#endif
